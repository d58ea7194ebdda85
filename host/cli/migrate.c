/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig migrate NAME|PID --to ADDRESS`, and `optmig recover`: ask the enclave's process, then watch. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "control/client.h"
#include "exitcodes.h"
#include "move/report.h"
#include "ticket.h"
#include "util.h"
#include "watch.h"

static const char help[] =
	"usage: optmig migrate [OPTIONS] --to ADDRESS[:PORT] NAME|PID\n"
	"Moves a running program to the host that runs `optmig receive`.\n\n"
	"  --to ADDRESS[:PORT]     where to (port 7777 unless given)\n"
	"  --mode MODE             auto (default), precopy, postcopy, hybrid, stop\n"
	"  --tracker TRACKER       how writes are noticed: auto (default), cards, faults\n"
	"  --downtime-limit TIME   how long the program may stand still (10ms)\n"
	"  --bandwidth RATE        limit, in bytes a second: 500M, 1G, 10Gbit (none)\n"
	"  --cpu-limit PERCENT     of one processor, for copying while the program runs at the source: 50 (none)\n"
	"  --channels N            parallel page connections, 1 to 4\n"
	"  --release               post-copy, stop: free memory at the source as soon as it has arrived at the destination\n"
	"  --rehearse              go the whole way without the memory, up to the point of no return, and report\n"
	"  --throttle RATE|off     slow down writers to so many bytes a second (off)\n"
	"  --guests FILE             a signed list of guests, by which the program judges the destination, too (optmig-policy(5))\n"
	"  --ticket FILE             the owner's ticket for this move, for a program that has an owner (optmig-ticket(1))\n"
	"  --move-address ADDRESS/PREFIX@INTERFACE   this address goes along (may be repeated)\n"
	"  --timeout TIME          cancel if it takes longer\n"
	"  --patience TIME         before the hand-over: try so long to reconnect (30s)\n"
	"  --silence TIME          a link silent for so long counts as lost (15s)\n"
	"  --detach                begin, and do not wait for the end\n"
	"  --json                  the report as JSON, with QEMU's names\n"
	"Ctrl-C cancels; a second Ctrl-C lets the migration go on without this command.\n"
	"Exit status: 0 moved (or rehearsed), 1 failed (the program runs on at the source), 2 usage, 3 cancelled, 5 no such program, 130 detached.\n";

enum { OPT_TO = 1, OPT_MODE, OPT_TRACKER, OPT_DOWNTIME, OPT_BANDWIDTH, OPT_CPU, OPT_CHANNELS, OPT_RELEASE, OPT_REHEARSE, OPT_THROTTLE, OPT_MOVE, OPT_GUESTS, OPT_TICKET, OPT_TIMEOUT,
	OPT_PATIENCE, OPT_SILENCE, OPT_DETACH, OPT_JSON, OPT_HELP };
static const struct option longs[] = {
	{ "to", required_argument, NULL, OPT_TO },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "tracker", required_argument, NULL, OPT_TRACKER },
	{ "downtime-limit", required_argument, NULL, OPT_DOWNTIME },
	{ "bandwidth", required_argument, NULL, OPT_BANDWIDTH },
	{ "cpu-limit", required_argument, NULL, OPT_CPU },
	{ "channels", required_argument, NULL, OPT_CHANNELS },
	{ "release", no_argument, NULL, OPT_RELEASE },
	{ "rehearse", no_argument, NULL, OPT_REHEARSE },
	{ "throttle", required_argument, NULL, OPT_THROTTLE },
	{ "guests", required_argument, NULL, OPT_GUESTS },
	{ "ticket", required_argument, NULL, OPT_TICKET },
	{ "move-address", required_argument, NULL, OPT_MOVE },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "patience", required_argument, NULL, OPT_PATIENCE },
	{ "silence", required_argument, NULL, OPT_SILENCE },
	{ "detach", no_argument, NULL, OPT_DETACH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct migrate { json_t *arguments; uint64_t timeout_ns; bool json, detach; };

static int set_time(json_t *to, const char *name, const char *value)
{
	uint64_t ns;
	int error = move_parse_duration(value, &ns);

	return error ? error : json_object_set_new(to, name, json_integer((json_int_t)ns));
}

static int set_rate(json_t *to, const char *name, const char *value)
{
	uint64_t bytes;
	int error = move_parse_rate(value, &bytes);

	return error ? error : json_object_set_new(to, name, json_integer((json_int_t)bytes));
}

/* The process that reads it has a directory of its own. */
static int set_file(json_t *to, const char *name, const char *value)
{
	char *path = realpath(value, NULL);
	int error = path ? json_object_set_new(to, name, json_string(path)) : host_fail(OM_EIO, "%s: %s", value, strerror(errno));

	free(path);
	return error;
}

/* Its bytes: that process may have other rights than we. What is no ticket is not sent there. */
static int set_ticket(json_t *to, const char *value)
{
	char hex[2 * OM_TICKET_MAX + 1] = "";
	struct ticket_file file;
	int error = ticket_file_read(value, &file);

	if (!error && file.delegation)
		error = host_fail(OM_EINVAL, "a delegation, with which tickets are issued, and no ticket (optmig ticket issue --delegation)");
	for (size_t i = 0; !error && i < file.size; i++)
		snprintf(hex + 2 * i, 3, "%02x", file.bytes[i]);
	return error ? error : json_object_set_new(to, "ticket", json_string(hex));
}

static int add_move(json_t *to, const char *value)
{
	json_t *list = json_object_get(to, "move-addresses");

	if (!list) {
		list = json_array();
		json_object_set_new(to, "move-addresses", list);
	}
	return json_array_append_new(list, json_string(value));
}

static int option(struct migrate *m, int c)
{
	uint64_t number;
	uint32_t mode, tracker;
	int error;

	switch (c) {
	case OPT_TO:        return json_object_set_new(m->arguments, "to", json_string(optarg));
	case OPT_MODE:
		error = move_mode_parse(optarg, &mode);
		return error ? error : json_object_set_new(m->arguments, "mode", json_string(optarg));
	case OPT_TRACKER:
		error = move_tracker_parse(optarg, &tracker);
		return error ? error : json_object_set_new(m->arguments, "tracker", json_string(optarg));
	case OPT_CHANNELS:
		error = host_parse_u64(optarg, 1, MOVE_CHANNELS_LIMIT, &number);
		return error ? error : json_object_set_new(m->arguments, "channels", json_integer((json_int_t)number));
	case OPT_CPU:
		error = host_parse_u64(optarg, 1, MOVE_CPU_LIMIT_MAX / 10000000, &number);
		return error ? error : json_object_set_new(m->arguments, "cpu-limit-ns", json_integer((json_int_t)(number * 10000000)));
	case OPT_DOWNTIME:  return set_time(m->arguments, "downtime-limit-ns", optarg);
	case OPT_BANDWIDTH: return set_rate(m->arguments, "bandwidth", optarg);
	case OPT_THROTTLE:  return set_rate(m->arguments, "throttle", optarg);
	case OPT_PATIENCE:  return set_time(m->arguments, "patience-ns", optarg);
	case OPT_SILENCE:   return set_time(m->arguments, "silence-ns", optarg);
	case OPT_RELEASE:   return json_object_set_new(m->arguments, "release", json_true());
	case OPT_TICKET:    return set_ticket(m->arguments, optarg);
	case OPT_GUESTS:    return set_file(m->arguments, "guests", optarg);
	case OPT_REHEARSE:  return json_object_set_new(m->arguments, "rehearse", json_true());
	case OPT_MOVE:      return add_move(m->arguments, optarg);
	case OPT_TIMEOUT:   return move_parse_duration(optarg, &m->timeout_ns);
	case OPT_DETACH:    m->detach = true; return 0;
	case OPT_JSON:      m->json = true; return 0;
	default:            return OM_EINVAL;
	}
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, struct migrate *m)
{
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
		if (c == -2)
			return HOST_EXIT_USAGE + 1;
		if (option(m, c)) {
			host_error("migrate: %s: %s", argv[optind - 1], host_reason());
			return HOST_EXIT_USAGE + 1;
		}
	}
	if (argc - optind != 1 || !json_object_get(m->arguments, "to")) {
		host_error(argc - optind != 1 ? "migrate: which program? (NAME or PID; `optmig ps` lists them)" :
			"migrate: where to? (--to ADDRESS:PORT of an `optmig receive`)");
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

static int begin_and_watch(const char *command, const char *target, enum client_want want, struct migrate *m)
{
	struct channel channel;
	json_t *info = NULL;
	int status, error = client_open(target, want, &channel, &info);

	if (error) {
		json_decref(m->arguments);
		return cli_request_failed(command, target, error);
	}
	cli_watch_signals();
	error = client_call(&channel, command, m->arguments, NULL);
	if (error)
		status = cli_request_failed(command, target, error);
	else if (m->detach)
		status = CLI_OK;
	else
		status = cli_watch(&channel, command, json_string_value(json_object_get(info, "program")), m->json, m->timeout_ns / 1000000);
	json_decref(info);
	channel_done(&channel);
	return status;
}

int cli_migrate(int argc, char **argv)
{
	struct migrate m = { .arguments = json_object() };
	int stop = parse(argc, argv, &m);

	if (stop) {
		json_decref(m.arguments);
		return stop - 1;
	}
	return begin_and_watch("migrate", argv[optind], CLIENT_RUNNING, &m);
}

int cli_recover(int argc, char **argv)
{
	static const struct option recover_longs[] = { { "to", required_argument, NULL, OPT_TO }, { "detach", no_argument, NULL, OPT_DETACH },
		{ "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	struct migrate m = { .arguments = json_object() };
	int c;

	while ((c = cli_getopt(argc, argv, "h", recover_longs)) != -1) {
		if (c == 'h' || c == OPT_HELP) {
			fputs("usage: optmig recover [--to ADDRESS[:PORT]] [--detach] [--json] NAME|PID\n"
				"A migration lost its connections: try now to make them anew, perhaps at another address, and wait for the end.\n", stdout);
			json_decref(m.arguments);
			return CLI_OK;
		}
		if (c == -2 || option(&m, c)) {
			json_decref(m.arguments);
			return HOST_EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		host_error("recover: which program? (NAME or PID; `optmig ps` lists them)");
		json_decref(m.arguments);
		return HOST_EXIT_USAGE;
	}
	return begin_and_watch("recover", argv[optind], CLIENT_MIGRATING, &m);
}
