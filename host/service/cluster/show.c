/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig cluster hosts` and `optmig cluster moves`: what is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "util.h"

enum { OPT_JSON = 1, OPT_FOLLOW, OPT_HELP };

struct options {
	bool json, follow;
};

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, const char *help, const struct option *longs, struct options *ret)
{
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_JSON: ret->json = true; break;
		case OPT_FOLLOW: ret->follow = true; break;
		case 'h': case OPT_HELP: fputs(help, stdout); return CLI_OK + 1;
		default: return HOST_EXIT_USAGE + 1;
		}
	if (argc != optind) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

static int failed(const char *verb)
{
	host_error("cluster %s: %s", verb, host_reason());
	return CLI_FAILED;
}

static const char hosts_help[] =
	"usage: optmig cluster hosts [--json]\n"
	"The nodes: their state, how much memory is promised to programs of how much, the programs there, and how many of them move now.\n"
	"A node is \"drained\" only when no program is there; until then it is \"draining\".\n";

int cluster_hosts(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	struct options options = { 0 };
	json_t *snapshot, *node, *id;
	const char *name;
	size_t i;
	int error = parse(argc, argv, hosts_help, longs, &options);

	if (error)
		return error - 1;
	if (cluster_read(&snapshot))
		return failed("hosts");
	if (options.json) {
		cluster_print(snapshot);
		return CLI_OK;
	}
	if (!cluster_true(snapshot, "quorum"))
		printf("no quorum: nothing is started or moved\n");
	printf("%-20s %-12s %18s %6s  %s\n", "NODE", "STATE", "MEMORY (MiB)", "MOVES", "PROGRAMS");
	json_object_foreach(json_object_get(snapshot, "nodes"), name, node) {
		char memory[48];

		snprintf(memory, sizeof memory, json_object_get(node, "memory") ? "%lld of %lld" : "%lld", (long long)json_integer_value(json_object_get(node, "used")),
			(long long)json_integer_value(json_object_get(node, "memory")));
		printf("%-20s %-12s %18s %6lld ", name, cluster_text(node, "state"), memory, (long long)json_integer_value(json_object_get(node, "moves")));
		json_array_foreach(json_object_get(node, "programs"), i, id)
			printf(" %s", json_string_value(id));
		putchar('\n');
	}
	json_decref(snapshot);
	return CLI_OK;
}

static const char moves_help[] =
	"usage: optmig cluster moves [--json] [--follow]\n"
	"The programs that move now, those that are to move and wait for their turn, and those that cannot, with the reason.\n\n"
	"  --follow   go on until nothing moves or waits\n";

/* What keeps a program where it is; NULL: nothing, it is at rest. */
static const char *state_of(const json_t *snapshot, const json_t *program, const char **ret_from)
{
	const json_t *places = json_object_get(program, "nodes");
	const char *from = json_string_value(json_array_get(places, 0));
	const json_t *node = from ? json_object_get(json_object_get(snapshot, "nodes"), from) : NULL;

	*ret_from = from ? from : "-";
	if (cluster_true(program, "blocked"))
		return "blocked";
	if (cluster_true(program, "orphaned"))
		return "orphaned";
	if (strcmp(cluster_text(program, "pending"), "Migrating") == 0)
		return "moving";
	if (*cluster_text(program, "pending"))
		return "busy";
	if (node && cluster_true(node, "standby"))
		return "waiting";
	if (!from && strcmp(cluster_text(program, "target-role"), "Stopped") != 0)
		return cluster_true(program, "failed") || *cluster_text(program, "life") ? "ended" : "waiting";
	return NULL;
}

static json_t *moves_of(const json_t *snapshot)
{
	json_t *moves = json_array(), *program;
	const char *id, *from;

	json_object_foreach(json_object_get(snapshot, "programs"), id, program) {
		const char *state = state_of(snapshot, program, &from);
		const json_t *why = json_object_get(program, "failure");

		if (state)
			json_array_append_new(moves, json_pack("{ss ss ss sO ss}", "program", id, "state", state, "from", from, "nodes", json_object_get(program, "nodes"),
				"reason", *cluster_text(why, "reason") ? cluster_text(why, "reason") : cluster_text(why, "status")));
	}
	return moves;
}

static bool print_moves(json_t *moves, bool json)
{
	json_t *move;
	bool going = false;
	size_t i;

	json_array_foreach(moves, i, move)
		going |= strcmp(cluster_text(move, "state"), "moving") == 0 || strcmp(cluster_text(move, "state"), "waiting") == 0;
	if (json) {
		cluster_print(moves);
		return going;
	}
	json_array_foreach(moves, i, move)
		printf("%-20s %-9s %-12s %s\n", cluster_text(move, "program"), cluster_text(move, "state"), cluster_text(move, "from"), cluster_text(move, "reason"));
	json_decref(moves);
	return going;
}

int cluster_moves(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "follow", no_argument, NULL, OPT_FOLLOW },
		{ "help", no_argument, NULL, OPT_HELP }, { 0 } };
	struct options options = { 0 };
	json_t *snapshot;
	int error = parse(argc, argv, moves_help, longs, &options);

	if (error)
		return error - 1;
	for (;;) {
		bool going;

		if (cluster_read(&snapshot))
			return failed("moves");
		going = print_moves(moves_of(snapshot), options.json);
		json_decref(snapshot);
		fflush(stdout);
		if (!options.follow || !going)
			return CLI_OK;
		usleep(1000 * CLUSTER_TICK_MS * 3);
	}
}
