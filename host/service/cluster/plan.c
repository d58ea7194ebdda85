/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would become of a node's programs if the node were drained. Pacemaker's own scheduler is asked (crm_simulate), on a copy of the
 * cluster's state in which the node is on standby. Nothing is changed. For a program that would have no place the plan says why no node is one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The state of the snapshot, with those nodes on standby, as a file for Pacemaker's tools. */
static int copy(const json_t *from, char path[64])
{
	char *cib;
	int fd, error = cluster_leaving(from, &cib);

	if (error)
		return error;
	snprintf(path, 64, "%s", "/tmp/optmig-plan.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0) {
		free(cib);
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	}
	error = host_write_all(fd, cib, strlen(cib)) ? host_fail(OM_EIO, "%s: %s", path, strerror(errno)) : 0;
	close(fd);
	free(cib);
	if (error)
		unlink(path);
	return error;
}

static int simulate(const json_t *from, json_t **ret_places)
{
	char path[64], *xml = NULL;
	int error = copy(from, path);

	if (error)
		return error;
	error = cluster_tool(TOOL("crm_simulate", "--run", "--xml-file", path, "--output-as=xml"), NULL, NULL, &xml, NULL);
	if (!error)
		error = cluster_simulated(xml, ret_places);
	free(xml);
	unlink(path);
	return error;
}

static long long number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* Why a node is no place for a program, in few words. */
static void no_place(const json_t *node, const char *name, const json_t *program, char *ret, size_t size)
{
	const long long need = number(program, "memory"), used = number(node, "used") + number(node, "planned");
	const json_t *capacity = json_object_get(node, "memory");

	if (strcmp(cluster_text(node, "state"), "online") != 0)
		snprintf(ret, size, "%s", cluster_true(node, "standby") ? "on standby" : cluster_text(node, "state"));
	else if (cluster_lacks(node, program, ret, size))
		return;
	else if (capacity && need > json_integer_value(capacity) - used)
		snprintf(ret, size, "%lld MiB free%s, %lld needed", json_integer_value(capacity) - used, number(node, "planned") ? " after this plan's other moves" : "", need);
	else if (cluster_has(json_object_get(program, "failed-at"), name))
		snprintf(ret, size, "an operation has failed there (crm_resource --cleanup)");
	else
		snprintf(ret, size, "excluded by a rule");
}

static json_t *reason_of(const json_t *snapshot, const json_t *from, const json_t *program)
{
	json_t *nodes = json_object_get(snapshot, "nodes"), *node;
	char text[1024] = "", one[160];
	const char *name;
	size_t used = 0;

	if (!cluster_true(program, "managed") || cluster_true(program, "blocked")) {
		snprintf(text, sizeof text, "blocked: %s", cluster_text(json_object_get(program, "failure"), "reason"));
		return json_string(text);
	}
	if (strcmp(cluster_text(program, "move"), "never") == 0)
		return json_string("its unit says that it never moves");
	json_object_foreach(nodes, name, node) {
		if (cluster_has(from, name))
			continue;
		no_place(node, name, program, one, sizeof one);
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s: %s", used ? "; " : "", name, one);
		if (used >= sizeof text)
			break;
	}
	return json_string(used ? text : "there is no other node");
}

/* Where it would be, or NULL. */
static const char *place_of(const json_t *places, const char *id, const json_t *program, const json_t *from)
{
	const json_t *there = json_object_get(places, id);
	const char *to = json_string_value(json_array_get(there, 0));

	return !to || cluster_has(from, to) || strcmp(cluster_text(program, "move"), "never") == 0 ? NULL : to;
}

/* On which of them it is, or NULL. */
static const char *where(const json_t *program, const json_t *from)
{
	json_t *place;
	size_t i;

	json_array_foreach(json_object_get(program, "nodes"), i, place)
		if (cluster_has(from, json_string_value(place)))
			return json_string_value(place);
	return NULL;
}

/* What comes to each node, beside what is there. */
static void note_planned(const json_t *snapshot, const json_t *places, const json_t *from)
{
	json_t *program;
	const char *id;

	json_object_foreach(json_object_get(snapshot, "programs"), id, program) {
		const char *to = where(program, from) ? place_of(places, id, program, from) : NULL;
		json_t *node = to ? json_object_get(json_object_get(snapshot, "nodes"), to) : NULL;

		if (node)
			json_object_set_new(node, "planned", json_integer(number(node, "planned") + number(program, "memory")));
	}
}

int cluster_plan(const json_t *snapshot, const json_t *from, json_t **ret_plan)
{
	json_t *programs = json_object_get(snapshot, "programs"), *program, *places, *plan = json_array();
	const char *id;
	int error = simulate(from, &places);

	if (error) {
		json_decref(plan);
		return error;
	}
	note_planned(snapshot, places, from);
	json_object_foreach(programs, id, program) {
		const char *at = where(program, from), *to = place_of(places, id, program, from);
		json_t *row;

		if (!at)
			continue;
		row = json_pack("{ss ss}", "program", id, "from", at);
		if (!to)
			json_object_set_new(row, "reason", reason_of(snapshot, from, program));
		else
			json_object_set_new(row, "to", json_string(to));
		json_array_append_new(plan, row);
	}
	json_decref(places);
	*ret_plan = plan;
	return 0;
}

void cluster_plan_print(const json_t *plan)
{
	json_t *row;
	size_t i;

	json_array_foreach(plan, i, row) {
		if (json_object_get(row, "to") && !json_object_get(row, "rehearsed"))
			printf("%-20s %s -> %s\n", cluster_text(row, "program"), cluster_text(row, "from"), cluster_text(row, "to"));
		else if (json_object_get(row, "to"))
			printf("%-20s %s -> %s: %s%s\n", cluster_text(row, "program"), cluster_text(row, "from"), cluster_text(row, "to"),
				cluster_true(row, "rehearsed") ? "rehearsed" : "would fail: ", cluster_text(row, "reason"));
		else
			printf("%-20s %s -> nowhere: %s\n", cluster_text(row, "program"), cluster_text(row, "from"), cluster_text(row, "reason"));
	}
	if (!json_array_size(plan))
		printf("no program is there\n");
}

static const char help[] =
	"usage: optmig cluster plan NODE... [--rehearse] [--json]\n"
	"What a drain of the node, or of all of them at a time, would do, as the cluster's own scheduler sees it; nothing is changed. For a program that has nowhere to go it says why.\n\n"
	"  --rehearse   each program goes the way to its place, all but the last step; so many at a time as may move. On the node itself\n"
	"Exit status: 0, 1 failed, 2 usage, 5 no such node, 7 a program has nowhere to go, or its rehearsal failed.\n";

enum { OPT_JSON = 1, OPT_REHEARSE, OPT_HELP };

/* The nodes of the command line; NULL if one is none, which is said. */
static json_t *nodes_of(const json_t *snapshot, char **names, int count)
{
	json_t *nodes = json_array();

	for (int i = 0; i < count; i++) {
		if (!json_object_get(json_object_get(snapshot, "nodes"), names[i])) {
			host_error("cluster plan: there is no node %s", names[i]);
			json_decref(nodes);
			return NULL;
		}
		json_array_append_new(nodes, json_string(names[i]));
	}
	return nodes;
}

static int show(json_t *plan, bool json, bool well)
{
	json_t *row;
	size_t i;

	json_array_foreach(plan, i, row)
		well = well && json_object_get(row, "to");
	if (json) {
		cluster_print(plan);
	} else {
		cluster_plan_print(plan);
		json_decref(plan);
	}
	return well ? CLI_OK : CLUSTER_REFUSED;
}

int cluster_plan_verb(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "rehearse", no_argument, NULL, OPT_REHEARSE }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	json_t *snapshot, *plan = NULL, *from;
	bool json = false, rehearse = false, all = true;
	int c, error;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_JSON: json = true; break;
		case OPT_REHEARSE: rehearse = true; break;
		case 'h': case OPT_HELP: fputs(help, stdout); return CLI_OK;
		default: return HOST_EXIT_USAGE;
		}
	if (argc == optind || (rehearse && argc - optind != 1)) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE;
	}
	error = cluster_read(&snapshot);
	if (!error) {
		from = nodes_of(snapshot, argv + optind, argc - optind);
		if (!from) {
			json_decref(snapshot);
			return CLI_NOTFOUND;
		}
		error = cluster_plan(snapshot, from, &plan);
		if (!error && rehearse)
			error = cluster_rehearse(snapshot, argv[optind], plan, &all);
		json_decref(from);
		json_decref(snapshot);
	}
	if (!error)
		return show(plan, json, all);
	json_decref(plan);
	host_error("cluster plan: %s", host_reason());
	return CLI_FAILED;
}
