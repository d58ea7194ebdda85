/* SPDX-License-Identifier: Apache-2.0 */
/* The short commands: one request, one answer. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "control/client.h"
#include "exitcodes.h"
#include "move/report.h"
#include "strerror.h"
#include "util.h"

int cli_request_failed(const char *command, const char *object, int error)
{
	host_error("%s: %s: %s", command, object, host_reason());
	if (error != OM_EINVAL)
		host_error("  %s", om_errcure(error));
	return error == OM_ENOTFOUND ? CLI_NOTFOUND : CLI_FAILED;
}

struct simple {
	const char *help;
	enum client_want want;
	bool json, prometheus, follow;
	const char *to;
};

enum { OPT_JSON = 1, OPT_PROMETHEUS, OPT_TO, OPT_HELP };

/* NAME|PID behind the options. Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, const struct option *longs, struct simple *s, const char **ret_target)
{
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_JSON:       s->json = true; break;
		case OPT_PROMETHEUS: s->prometheus = true; break;
		case OPT_TO:         s->to = optarg; break;
		case 'h': case OPT_HELP:
			fputs(s->help, stdout);
			return CLI_OK + 1;
		default:
			return HOST_EXIT_USAGE + 1;
		}
	*ret_target = argv[optind];
	if (argc - optind > 1) {
		host_error("%s: one program at a time", argv[0]);
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

static int need_target(const char *command, const char *target)
{
	if (target)
		return 0;
	host_error("%s: which program? (NAME or PID; `optmig ps` lists them)", command);
	return HOST_EXIT_USAGE;
}

static void print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* One command to one program. */
static int ask(const char *command, const char *request, const char *target, enum client_want want, json_t *arguments,
	json_t **ret_value, json_t **ret_info)
{
	struct channel channel;
	int error = client_open(target, want, &channel, ret_info);

	if (error) {
		json_decref(arguments);
		return cli_request_failed(command, target, error);
	}
	error = client_call(&channel, request, arguments, ret_value);
	channel_done(&channel);
	return error ? cli_request_failed(command, target, error) : 0;
}

static const struct option json_longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };

static void print_program(const json_t *info)
{
	const json_t *move = json_object_get(info, "next-move");
	char next[24] = "-";

	if (move)
		snprintf(next, sizeof next, "%lld", (long long)json_integer_value(move));
	printf("%8lld  %-20s %-10s %-17s %-32s %4s  %s\n", (long long)json_integer_value(json_object_get(info, "pid")),
		member(info, "program"), member(info, "state"), member(info, "migration"), move ? member(info, "instance") : "-", next,
		member(info, "image"));
}

int cli_ps(int argc, char **argv)
{
	struct simple s = { .help = "usage: optmig ps [--json]\nLists this user's programs that run in enclaves here.\n" };
	const char *target;
	json_t *list, *info;
	size_t i;
	int error = parse(argc, argv, json_longs, &s, &target);

	if (error)
		return error - 1;
	error = client_list(&list);
	if (error)
		return cli_request_failed(argv[0], "control sockets", error);
	if (s.json) {
		print_json(list);
	} else {
		printf("%8s  %-20s %-10s %-17s %-32s %4s  %s\n", "PID", "PROGRAM", "STATE", "MIGRATION", "INSTANCE", "NEXT", "IMAGE");
		json_array_foreach(list, i, info)
			print_program(info);
	}
	json_decref(list);
	return CLI_OK;
}

/* status and report: the same object, from one program or from all. */
static int show(const char *command, const char *target, const struct simple *s)
{
	json_t *report, *info;
	char pid[16];
	int status = ask(command, "report", target, s->want, NULL, &report, &info);

	if (status)
		return status;
	snprintf(pid, sizeof pid, "%lld", (long long)json_integer_value(json_object_get(info, "pid")));
	if (s->prometheus)
		move_report_prometheus(report, json_string_value(json_object_get(info, "program")), pid, stdout);
	else if (s->json)
		print_json(report);
	else
		move_report_text(report, stdout);
	json_decref(report);
	json_decref(info);
	return CLI_OK;
}

int cli_status(int argc, char **argv)
{
	struct simple s = { .want = CLIENT_MIGRATING, .help = "usage: optmig status [--json] NAME|PID\n"
		"Shows how far a migration is, or what became of the last one, as the source or the destination sees it.\n" };
	const char *target;
	int error = parse(argc, argv, json_longs, &s, &target);

	if (error)
		return error - 1;
	error = need_target(argv[0], target);
	return error ? error : show(argv[0], target, &s);
}

int cli_report(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON },
		{ "prometheus", no_argument, NULL, OPT_PROMETHEUS }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	struct simple s = { .want = CLIENT_MIGRATING, .help = "usage: optmig report [--json | --prometheus] NAME|PID\n"
		"The report of the present or last migration, in full, as JSON, or as metrics for Prometheus.\n" };
	const char *target;
	int error = parse(argc, argv, longs, &s, &target);

	if (error)
		return error - 1;
	error = need_target(argv[0], target);
	return error ? error : show(argv[0], target, &s);
}

/* A command about a migration that is under way. */
static int steer(int argc, char **argv, const char *help)
{
	struct simple s = { .help = help };
	const char *target;
	json_t *value = NULL, *info = NULL;
	int error = parse(argc, argv, json_longs, &s, &target);

	if (error)
		return error - 1;
	error = need_target(argv[0], target);
	if (!error)
		error = ask(argv[0], argv[0], target, CLIENT_MIGRATING, NULL, &value, &info);
	json_decref(value);
	json_decref(info);
	return error;
}

int cli_cancel(int argc, char **argv)
{
	return steer(argc, argv, "usage: optmig cancel NAME|PID\n"
		"Cancels a migration: the program runs on where it is. Not possible once it has been handed over.\n");
}

int cli_postcopy(int argc, char **argv)
{
	return steer(argc, argv, "usage: optmig postcopy NAME|PID\n"
		"Ends the rounds of a migration now: the program moves, the rest of its memory follows.\n");
}

int cli_check(int argc, char **argv)
{
	struct simple s = { .help = "usage: optmig check [--json] NAME|PID\n"
		"Says what of a running program would not survive a migration. Exit status 6 if there is anything.\n" };
	const char *target;
	json_t *value = NULL, *info = NULL;
	long long problems;
	int error = parse(argc, argv, json_longs, &s, &target);

	if (error)
		return error - 1;
	error = need_target(argv[0], target);
	if (!error)
		error = ask(argv[0], "check", target, CLIENT_RUNNING, NULL, &value, &info);
	if (error)
		return error;
	problems = (long long)json_integer_value(json_object_get(value, "problems"));
	if (s.json)
		print_json(value);
	else if (problems == 0)
		printf("nothing stands in the way of a migration of %s\n", json_string_value(json_object_get(info, "program")));
	else
		printf("%s", json_string_value(json_object_get(value, "text")));
	if (!s.json && *member(value, "needs"))
		printf("%s\n", member(value, "needs"));
	json_decref(value);
	json_decref(info);
	return problems ? CLI_PROBLEMS : CLI_OK;
}
