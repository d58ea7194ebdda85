/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig unit`: the thin client of optmigd (host/service). One verb is one request; what it prints is what the service says. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "crypto/sha256.h"
#include "control/client.h"
#include "control/rundir.h"
#include "exitcodes.h"
#include "json_text.h"
#include "move/report.h"
#include "service/service.h"
#include "ticket.h"
#include "util.h"

#define DEFINE_MAX 65536u
#define POLL_MS    200
#define STATUS_MS  5000    /* a program that does not answer is asked twice, two seconds each */

static const char help[] =
	"usage: optmig unit VERB [OPTIONS] [NAME]\n"
	"Programs that the host's service, optmigd, keeps account of.\n\n"
	"  ls                     list the units and what they do\n"
	"  show NAME              print all that is known of a unit, as JSON\n"
	"  status NAME            print its state: stopped, starting, running, moving, handing, owing, moved, receiving, owed, failed\n"
	"  start NAME             begin its program; --fresh: although the program's memory is lost, or it has moved away\n"
	"  stop NAME              end its program (TERM), and wait for that; --reason TEXT\n"
	"  discard NAME           end what is left on this host of a program whose other half is lost; --lost: the other host cannot be asked, and has not got it;\n"
	"                         --reason TEXT\n"
	"  move NAME --to HOST    move to the optmigd of another host, and wait until nothing is owed; --rehearse: up to the last step, and back\n"
	"  cancel NAME            cancel a move, before the program is handed over\n"
	"  define FILE            define a unit for this optmigd, until the machine is started anew: JSON, - is standard input\n"
	"  undefine NAME          forget such a unit, if its program does not live here\n"
	"  host                   print what this host has and is\n"
	"  limits                 print what this host may send for all moves that leave it together, and each move's share; --bandwidth RATE|none sets it\n"
	"  watch                  all events, one JSON object a line\n"
	"  metrics                figures, as Prometheus reads them\n"
	"  audit FILE             print a log of what was judged of other machines, and check that nothing is missing in it\n"
	"Options: --json; move: --to ADDRESS[:PORT], --mode MODE, --downtime-limit TIME, --bandwidth RATE, --rehearse,\n--ticket FILE of its owner, else optmigd issues one if it can;\n"
	"status, host: --on ADDRESS[:PORT], what another host's optmigd says.\n"
	"Exit status: 0 done; 1 failed, nothing has changed; 2 usage; 3 cancelled; 5 no such unit; 7 (status) the program does not run here; 8 no optmigd.\n";

#define EXIT_ELSEWHERE 7
#define EXIT_NONE      8

enum { OPT_JSON = 1, OPT_FRESH, OPT_REASON, OPT_TO, OPT_MODE, OPT_DOWNTIME, OPT_BANDWIDTH, OPT_ON, OPT_HELP, OPT_TICKET, OPT_REHEARSE, OPT_LOST };
static const struct option longs[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "fresh", no_argument, NULL, OPT_FRESH },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "to", required_argument, NULL, OPT_TO },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "downtime-limit", required_argument, NULL, OPT_DOWNTIME },
	{ "bandwidth", required_argument, NULL, OPT_BANDWIDTH },
	{ "on", required_argument, NULL, OPT_ON },
	{ "ticket", required_argument, NULL, OPT_TICKET },
	{ "rehearse", no_argument, NULL, OPT_REHEARSE },
	{ "lost", no_argument, NULL, OPT_LOST },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct call {
	const char *verb, *name;
	json_t *arguments;
	bool json;
	unsigned given;                 /* bits of OPT_* */
	int patience_ms;                /* how long an answer may take; 0: as long as it does */
};

static void print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
}

static volatile sig_atomic_t signals_seen;

static void on_signal(int signo)
{
	(void)signo;
	signals_seen++;
}

static void note_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ---- asking ----------------------------------------------------------------------------------------------------------------------------- */

static int failed(const struct call *c, int error)
{
	host_error("unit %s: %s%s%s", c->verb, c->name ? c->name : "", c->name ? ": " : "", host_reason());
	return error == OM_ENOTFOUND ? CLI_NOTFOUND : error == OM_ECANCELLED ? CLI_CANCELLED : CLI_FAILED;
}

/* Return: 0 or an exit status. */
static int open_service(const struct call *c, struct channel *ret)
{
	const char *given = getenv("OPTMIG_SERVICE_SOCKET");
	char path[HOST_RUNDIR_MAX + 16], directory[HOST_RUNDIR_MAX];
	int error = 0;

	if (!given || !*given) {
		error = host_rundir(0, directory, sizeof directory);
		snprintf(path, sizeof path, "%s/optmigd.sock", directory);
		given = path;
	}
	if (!error)
		error = client_connect(given, ret);
	if (!error)
		return 0;
	host_error("unit %s: no optmigd is there: %s", c->verb, host_reason());
	return EXIT_NONE;
}

static void show_event(const struct call *c, const json_t *message)
{
	const json_t *report = json_object_get(message, "report");
	char line[512];

	if (c->json || !report)
		return;
	move_report_line(report, line, sizeof line);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s\033[K", line);
}

/* By another connection, for the service answers in turn. It says no if it is too late, and then the move goes on. */
static void cancel_move(const struct call *c)
{
	struct channel channel;

	if (open_service(c, &channel))
		return;
	host_note("unit move: cancelling");
	if (client_call(&channel, "cancel", json_pack("{ss}", "name", c->name), NULL))
		host_error("unit move: %s: %s", c->name, host_reason());
	channel_done(&channel);
}

/* One request and its answer, however long that takes. INT and TERM cancel a move, and its end is waited for; a second one leaves it alone. */
static int ask(const struct call *c, const char *command, json_t *arguments, json_t **ret)
{
	struct channel channel;
	const bool is_move = strcmp(command, "move") == 0;
	bool events = false, cancelled = false;
	int error, status = open_service(c, &channel);

	if (status) {
		json_decref(arguments);
		return status;
	}
	if (is_move)
		note_signals();
	error = channel_send(&channel, arguments ? json_pack("{ss so}", "command", command, "arguments", arguments) : json_pack("{ss}", "command", command));
	while (!error) {
		json_t *message;

		error = channel_receive(&channel, c->patience_ms ? c->patience_ms : POLL_MS, &message);
		if (signals_seen > 1) {
			channel_done(&channel);
			host_error("unit move: detached; the move goes on, see `optmig unit status %s`", c->name);
			return CLI_DETACHED;
		}
		if (signals_seen && !cancelled) {
			cancelled = true;
			cancel_move(c);
		}
		if (error == OM_ETIMEDOUT && !c->patience_ms) {
			error = 0;
			continue;
		}
		if (error)
			break;
		if (json_object_get(message, "event")) {
			show_event(c, message);
			events = true;
			json_decref(message);
			continue;
		}
		error = channel_error_of(message);
		if (!error)
			*ret = json_incref(json_object_get(message, "return"));
		json_decref(message);
		break;
	}
	channel_done(&channel);
	if (events && !c->json && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (error == OM_ECONNECTION && !*ret && strstr(host_reason(), "process has gone"))
		(void)host_fail(error, "optmigd has ended; what it was asked for may go on: optmig unit status");
	if (error == OM_ETIMEDOUT && c->patience_ms)
		return EXIT_NONE;
	return error ? failed(c, error) : CLI_OK;
}

/* ---- verbs ------------------------------------------------------------------------------------------------------------------------------ */

static json_t *named(const struct call *c)
{
	json_object_set_new(c->arguments, "name", json_string(c->name));
	return json_incref(c->arguments);
}

static void print_unit(const json_t *unit)
{
	const json_t *move = json_object_get(unit, "move");
	const char *state = json_text(unit, "state");
	char pid[24] = "-";

	if (json_object_get(unit, "pid"))
		snprintf(pid, sizeof pid, "%lld", (long long)json_integer_value(json_object_get(unit, "pid")));
	printf("%-24s %-10s %8s  %s%s\n", json_text(unit, "name"), state, pid, move && *json_text(move, "to") && strcmp(state, "running") ? "to " : "",
		move && strcmp(state, "running") ? json_text(move, "to") : "");
}

static int do_ls(const struct call *c)
{
	json_t *list = NULL, *unit;
	size_t i;
	int status = ask(c, "units", NULL, &list);

	if (!status && c->json) {
		print_json(list);
	} else if (!status) {
		printf("%-24s %-10s %8s  %s\n", "NAME", "STATE", "PID", "MOVE");
		json_array_foreach(list, i, unit)
			print_unit(unit);
	}
	json_decref(list);
	return status;
}

static bool is_here(const char *state)
{
	return strcmp(state, "running") == 0 || strcmp(state, "starting") == 0 || strcmp(state, "moving") == 0 || strcmp(state, "handing") == 0 ||
		strcmp(state, "owed") == 0;
}

/* As the service has it: no way into another directory. */
static bool is_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/') && strlen(name) < UNIT_NAME_MAX;
}

/*
 * Without the service, or with one that does not answer: what it would look at is looked at here (host/service/program.c), so that a program
 * that is whole is never taken for one that is not. Return: OM_ENOTFOUND if there are no records of it.
 */
static int look_ourselves(const char *name, json_t **ret)
{
	char folder[RECORD_PATH_MAX - UNIT_NAME_MAX - 2], keep[sizeof folder];
	struct service_unit u = { 0 };
	struct program p;
	json_t *record;
	int error = is_name(name) ? record_folder(NULL, folder, sizeof folder) : host_fail(OM_ENOTFOUND, "no unit \"%.60s\"", name);

	if (!error)
		error = record_keep(NULL, folder, record_usual(NULL), keep, sizeof keep);
	if (error)
		return error;
	snprintf(u.name, sizeof u.name, "%s", name);
	snprintf(u.keep, sizeof u.keep, "%s/%s", keep, name);
	snprintf(u.directory, sizeof u.directory, "%s/%s", folder, name);
	if (record_read(u.directory, RECORD_UNIT, &record))
		error = record_read(u.keep, RECORD_LIFE, &record); /* of before the machine's start: no unit in it */
	if (error)
		return error;
	program_look(&u, true, &p);
	*ret = program_json(&u, &p);
	json_object_set_new(*ret, "without-service", json_true());
	json_object_set(*ret, "unit", json_object_get(record, "unit"));
	json_decref(record);
	program_done(&p);
	return 0;
}

static int ask_status(struct call c, json_t **ret)
{
	int status;

	c.patience_ms = STATUS_MS;
	status = ask(&c, "status", named(&c), ret);
	if (status != EXIT_NONE || json_object_get(c.arguments, "on"))
		return status;
	if (look_ourselves(c.name, ret) == 0)
		return CLI_OK;
	host_error("unit %s: %s: optmigd does not answer, and has left no records: %s", c.verb, c.name, host_reason());
	return EXIT_NONE;
}

static int do_status(const struct call *c)
{
	json_t *unit = NULL;
	int status = ask_status(*c, &unit);

	if (!status) {
		if (c->json)
			print_json(unit);
		else
			printf("%s\n", json_text(unit, "state"));
		status = is_here(json_text(unit, "state")) ? CLI_OK : EXIT_ELSEWHERE;
	}
	json_decref(unit);
	return status;
}

static int do_show(const struct call *c)
{
	json_t *unit = NULL;
	int status = ask_status(*c, &unit);

	if (!status)
		print_json(unit);
	json_decref(unit);
	return status;
}

static int do_named(const struct call *c)
{
	json_t *value = NULL;
	int status = ask(c, c->verb, named(c), &value);

	if (!status && c->json)
		print_json(value);
	else if (!status && json_object_get(value, "report"))
		move_report_text(json_object_get(value, "report"), stdout);
	json_decref(value);
	return status;
}

static int do_stop(const struct call *c)
{
	json_t *value = NULL;
	int status = ask(c, c->verb, named(c), &value);

	if (!status && c->json)
		print_json(value);
	if (!status && json_is_true(json_object_get(json_object_get(value, "stop"), "killed")))
		host_error("unit stop: %s did not end in time and was killed", c->name);
	json_decref(value);
	return status;
}

static int do_start(const struct call *c)
{
	if (c->given & 1u << OPT_FRESH)
		json_object_set_new(c->arguments, "fresh", json_true());
	return do_named(c);
}

static int do_discard(const struct call *c)
{
	if (c->given & 1u << OPT_LOST)
		json_object_set_new(c->arguments, "lost", json_true());
	return do_named(c);
}

static int do_move(const struct call *c)
{
	if (!json_object_get(c->arguments, "to")) {
		host_error("unit move: where to? (--to ADDRESS[:PORT] of the optmigd there)");
		return HOST_EXIT_USAGE;
	}
	if (c->given & 1u << OPT_REHEARSE)
		json_object_set_new(c->arguments, "rehearse", json_true());
	return do_named(c);
}

static int read_unit(const char *path, json_t **ret)
{
	const int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = malloc(DEFINE_MAX);
	size_t used = 0;
	ssize_t got = 0;
	json_error_t problem;

	while (fd >= 0 && bytes && used < DEFINE_MAX && (got = read(fd, bytes + used, DEFINE_MAX - used)) > 0)
		used += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (fd < 0 || got < 0 || !bytes || used == DEFINE_MAX) {
		free(bytes);
		return host_fail(OM_EIO, "%s: %s", path, used == DEFINE_MAX ? "more than a unit can be" : strerror(errno));
	}
	*ret = json_loadb(bytes, used, JSON_REJECT_DUPLICATES, &problem);
	free(bytes);
	return *ret ? 0 : host_fail(OM_EINVAL, "%s: line %d: %s", path, problem.line, problem.text);
}

static int do_define(const struct call *c)
{
	json_t *unit, *value = NULL;
	int status;

	if (read_unit(c->name, &unit)) {
		host_error("unit define: %s", host_reason());
		return CLI_FAILED;
	}
	status = ask(c, "define", json_pack("{so}", "unit", unit), &value);
	if (!status && c->json)
		print_json(value);
	else if (!status && json_array_size(json_object_get(value, "at-next-start")))
		host_note("heeded at the next start, or where it moves to; nothing that runs is restarted for it");
	json_decref(value);
	return status;
}

/* What it says is JSON in any case. */
static int do_json(const struct call *c)
{
	json_t *value = NULL;
	int status = ask(c, c->verb, json_incref(c->arguments), &value);

	if (!status)
		print_json(value);
	json_decref(value);
	return status;
}

static int do_watch(const struct call *c)
{
	struct channel channel;
	int error, status = open_service(c, &channel);

	if (status)
		return status;
	error = channel_send(&channel, json_pack("{ss}", "command", "watch"));
	while (!error || error == OM_ETIMEDOUT) {
		json_t *message;

		error = channel_receive(&channel, -1, &message);
		if (error)
			continue;
		json_dumpf(message, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		putchar('\n');
		fflush(stdout);
		json_decref(message);
	}
	channel_done(&channel);
	host_error("unit watch: optmigd has ended");
	return CLI_FAILED;
}

/* ---- the log of what was judged of other machines (host/service/audit.c) ---- */

static void hash_line(const char *line, char ret[2 * OM_SHA256_SIZE + 1])
{
	uint8_t bytes[OM_SHA256_SIZE];

	om_sha256(line, strlen(line), bytes);
	for (unsigned i = 0; i < sizeof bytes; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static void print_verdict(const json_t *entry)
{
	printf("%s  %-14s %-3s %-20s %s  %s%s%s\n", json_text(entry, "time"), json_text(entry, "verdict"), json_text(entry, "direction"), json_text(entry, "unit"), json_text(entry, "peer"),
		*json_text(entry, "peer-platform") ? json_text(entry, "peer-platform") : "-", *json_text(entry, "reason") ? ": " : "", json_text(entry, "reason"));
}

/* Return: false if the line does not follow the one before it. */
static bool check_line(const struct call *c, const char *line, json_int_t number, const char *previous)
{
	json_t *entry = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	const bool follows = entry && strcmp(json_text(entry, "previous"), previous) == 0 && json_integer_value(json_object_get(entry, "number")) == number;

	if (c->json && entry)
		puts(line);
	else if (entry)
		print_verdict(entry);
	json_decref(entry);
	return follows;
}

static int do_audit(const struct call *c)
{
	char previous[2 * OM_SHA256_SIZE + 1], *line = NULL;
	FILE *file = fopen(c->name, "re");
	json_int_t number = 0;
	size_t room = 0;
	ssize_t got;
	bool whole = true;

	if (!file) {
		host_error("unit audit: %s: %s", c->name, strerror(errno));
		return CLI_FAILED;
	}
	memset(previous, '0', sizeof previous - 1);
	previous[sizeof previous - 1] = 0;
	while (whole && (got = getline(&line, &room, file)) > 0) {
		line[strcspn(line, "\n")] = 0;
		whole = check_line(c, line, ++number, previous);
		hash_line(line, previous);
	}
	free(line);
	fclose(file);
	if (!whole) {
		host_error("unit audit: %s: line %lld does not follow the one before it: it, or one before it, was altered, taken out or cut short", c->name, (long long)number);
		return CLI_FAILED;
	}
	if (!c->json)
		printf("%lld lines, each follows the one before it; the last is %s\n", (long long)number, previous);
	return CLI_OK;
}

static int do_metrics(const struct call *c)
{
	json_t *value = NULL;
	int status = ask(c, "metrics", NULL, &value);

	if (!status)
		fputs(json_text(value, "text"), stdout);
	json_decref(value);
	return status;
}

#define BIT(option) (1u << (option))
#define COMMON (BIT(OPT_JSON) | BIT(OPT_HELP))
static const struct verb {
	const char *name;
	int (*run)(const struct call *call);
	bool named;
	unsigned options;
} verbs[] = {
	{ "ls", do_ls, false, COMMON },
	{ "show", do_show, true, COMMON },
	{ "status", do_status, true, COMMON | BIT(OPT_ON) },
	{ "start", do_start, true, COMMON | BIT(OPT_FRESH) },
	{ "stop", do_stop, true, COMMON | BIT(OPT_REASON) },
	{ "discard", do_discard, true, COMMON | BIT(OPT_REASON) | BIT(OPT_LOST) },
	{ "move", do_move, true, COMMON | BIT(OPT_TO) | BIT(OPT_MODE) | BIT(OPT_DOWNTIME) | BIT(OPT_BANDWIDTH) | BIT(OPT_TICKET) | BIT(OPT_REHEARSE) },
	{ "cancel", do_named, true, COMMON },
	{ "define", do_define, true, COMMON },
	{ "undefine", do_named, true, COMMON },
	{ "host", do_json, false, COMMON | BIT(OPT_ON) },
	{ "limits", do_json, false, COMMON | BIT(OPT_BANDWIDTH) },
	{ "watch", do_watch, false, COMMON },
	{ "metrics", do_metrics, false, COMMON },
	{ "audit", do_audit, true, COMMON },
};
#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static const struct verb *find_verb(const char *name)
{
	const char *names[VERB_COUNT + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < VERB_COUNT; i++) {
		names[i] = verbs[i].name;
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	nearest = host_did_you_mean(name, names);
	host_error("unit: unknown verb \"%s\"%s%s%s", name, nearest ? "; did you mean \"" : "; see `optmig unit --help`", nearest ? nearest : "",
		nearest ? "\"?" : "");
	return NULL;
}

static void note_option(struct call *c, int option)
{
	static const struct { int option; const char *argument; } texts[] = { { OPT_REASON, "reason" }, { OPT_TO, "to" }, { OPT_MODE, "mode" },
		{ OPT_DOWNTIME, "downtime-limit" }, { OPT_BANDWIDTH, "bandwidth" }, { OPT_ON, "on" } };

	c->json |= option == OPT_JSON;
	c->given |= BIT(option);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].option == option)
			json_object_set_new(c->arguments, texts[i].argument, json_string(optarg));
}

/* Its bytes: the service may not be able to read the file. */
static int set_ticket(const struct call *c, const char *path)
{
	char hex[2 * OM_TICKET_MAX + 1] = "";
	struct ticket_file file;
	int error = ticket_file_read(path, &file);

	if (!error && file.delegation)
		error = host_fail(OM_EINVAL, "a delegation, with which tickets are issued, and no ticket");
	for (size_t i = 0; !error && i < file.size; i++)
		snprintf(hex + 2 * i, 3, "%02x", file.bytes[i]);
	return error ? error : json_object_set_new(c->arguments, "ticket", json_string(hex));
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, const struct verb *verb, struct call *c)
{
	int option;

	while ((option = cli_getopt(argc, argv, "h", longs)) != -1) {
		if (option == 'h' || option == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
		if (option == -2)
			return HOST_EXIT_USAGE + 1;
		if (!(verb->options & BIT(option))) {
			host_error("unit %s: it has no option %s", verb->name, argv[optind - 1]);
			return HOST_EXIT_USAGE + 1;
		}
		note_option(c, option);
		if (option == OPT_TICKET && set_ticket(c, optarg)) {
			host_error("unit %s: --ticket %s: %s", verb->name, optarg, host_reason());
			return HOST_EXIT_USAGE + 1;
		}
	}
	c->name = verb->named ? argv[optind] : NULL;
	if (argc - optind != verb->named) {
		host_error(verb->named ? "unit %s: which one? (one NAME; `optmig unit ls` lists them)" : "unit %s: it takes no name", verb->name);
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

int cli_unit(int argc, char **argv)
{
	struct call call = { .arguments = json_object() };
	const struct verb *verb;
	int status;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, argc < 2 ? stderr : stdout);
		json_decref(call.arguments);
		return argc < 2 ? HOST_EXIT_USAGE : CLI_OK;
	}
	verb = find_verb(argv[1]);
	if (!verb) {
		json_decref(call.arguments);
		return HOST_EXIT_USAGE;
	}
	call.verb = verb->name;
	status = parse(argc - 1, argv + 1, verb, &call);
	status = status ? status - 1 : verb->run(&call);
	json_decref(call.arguments);
	return status;
}
