/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig cluster discard` ends what is left of a program that was lost in the middle of a move. The cluster may then start the program afresh, if its unit says so.
 *
 *     ask every node's optmigd --> one has a half, nobody else anything --> the other half's node answers, or was fenced since --> say what is lost, ask
 *        |                            |                                        |
 *        | somebody is silent         | whole, both halves, or nothing         | neither: it may have that half
 *        v                            v                                        v
 *     refused, nothing changed     refused                                  refused
 *
 *     --> `optmig unit discard` here, whose optmigd looks once more --> the agent's stop takes what belonged to it away --> --refresh: the cluster goes on
 *
 * It is ordered where the half is: no host ends another's processes. The note that the program has lived (optmig-life) stays. So a unit that says restart=never is
 * not started by this, and one that says restart=fresh is started by the agent, which asks all nodes once more.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define AT_A_TIME 16u       /* nodes that are asked */
#define START_S   120u      /* for the cluster to start it afresh */

/* Of one node: what its optmigd says, or why that is not known. */
struct view { const char *node; json_t *status; char reason[300]; };
struct views { const json_t *snapshot; const char *name, *us; struct view *all; size_t count; };

/* What was found: the half, and who had the other one. */
struct half {
	const char *node, *state, *peer;
	const json_t *status;
	long long remaining, total;
	char gone[200];                 /* why the other half is lost */
};

static int failed(void)
{
	host_error("cluster discard: %s", host_reason());
	return CLI_FAILED;
}

/* ---- what every node has ---- */

static void look(void *context, size_t i)
{
	struct views *v = context;
	struct view *view = &v->all[i];
	const json_t *node = json_object_get(json_object_get(v->snapshot, "nodes"), view->node);

	if (cluster_unit_status(v->name, node, strcmp(view->node, v->us) == 0 ? NULL : view->node, &view->status)) {
		view->status = NULL;
		snprintf(view->reason, sizeof view->reason, "%s", host_reason());
	}
}

static int look_everywhere(const json_t *snapshot, const char *name, const char *us, struct views *ret)
{
	json_t *nodes = json_object_get(snapshot, "nodes"), *node;
	const char *key;
	size_t i = 0;

	*ret = (struct views){ .snapshot = snapshot, .name = name, .us = us, .count = json_object_size(nodes) };
	ret->all = calloc(ret->count + 1, sizeof *ret->all);
	if (!ret->all)
		return host_fail(OM_ENOMEM, "no memory");
	json_object_foreach(nodes, key, node)
		ret->all[i++].node = key;
	cluster_each(ret->count, AT_A_TIME, look, ret);
	return 0;
}

static void views_done(struct views *v)
{
	for (size_t i = 0; i < v->count; i++)
		json_decref(v->all[i].status);
	free(v->all);
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* The one half. Return: OM_ESTATE if there is none, more than one, or a whole program, or if one of those who are there does not say. */
static int find_half(const struct views *v, struct half *ret)
{
	static const char *const whole[] = { "starting", "running", "moving", NULL }, *const halves[] = { "owed", "owing", "handing", "receiving", NULL };
	const struct view *half = NULL, *silent = NULL;

	for (size_t i = 0; i < v->count; i++) {
		const struct view *view = &v->all[i];
		const char *state = cluster_text(view->status, "state");

		if (!view->status) {
			silent = cluster_true(json_object_get(json_object_get(v->snapshot, "nodes"), view->node), "online") ? view : silent;
			continue;
		}
		if (is_one_of(state, whole))
			return host_fail(OM_ESTATE, "%s is whole: it is %s on %s", v->name, state, view->node);
		if (!is_one_of(state, halves))
			continue;
		if (half)
			return host_fail(OM_ESTATE, "%s is not lost: it is %s on %s, and %s on %s", v->name, cluster_text(half->status, "state"), half->node, state, view->node);
		half = view;
	}
	if (silent)
		return host_fail(OM_ESTATE, "whether %s is whole is not known: %s: %s", v->name, silent->node, silent->reason);
	if (!half)
		return host_fail(OM_ESTATE, "nothing is left of %s; `optmig cluster fresh %s` starts it afresh", v->name, v->name);
	*ret = (struct half){ .node = half->node, .state = cluster_text(half->status, "state"), .status = half->status };
	return 0;
}

/* ---- who had the other half ---- */

/* An address is a node's if the node's is, or means, the same. */
static bool is_same(const char *address, const char *other)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *of_address = NULL, *of_other = NULL;
	bool same = strcmp(address, other) == 0;

	if (!same && getaddrinfo(address, NULL, &hints, &of_address) == 0 && getaddrinfo(other, NULL, &hints, &of_other) == 0)
		for (const struct addrinfo *a = of_address; a && !same; a = a->ai_next)
			for (const struct addrinfo *b = of_other; b && !same; b = b->ai_next)
				same = a->ai_addrlen == b->ai_addrlen && memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen) == 0;
	if (of_address)
		freeaddrinfo(of_address);
	if (of_other)
		freeaddrinfo(of_other);
	return same;
}

/* Without the port and the brackets of an address of IPv6. */
static void without_port(const char *text, char *ret, size_t size)
{
	const char *colon = strrchr(text, ':'), *end = colon && (*text == '[' || strchr(text, ':') == colon) ? colon : text + strlen(text);

	if (*text == '[')
		snprintf(ret, size, "%.*s", (int)strcspn(text + 1, "]"), text + 1);
	else
		snprintf(ret, size, "%.*s", (int)(end - text), text);
}

/* Return: OM_ESTATE if that was no node. */
static int find_peer(const struct views *v, struct half *half)
{
	const bool gave = strcmp(half->state, "owing") == 0 || strcmp(half->state, "handing") == 0;
	const char *said = cluster_text(json_object_get(half->status, gave ? "move" : "report"), gave ? "to" : "peer");
	char address[256], of_node[256];

	without_port(said, address, sizeof address);
	for (size_t i = 0; *address && i < v->count; i++) {
		const char *node = v->all[i].node;

		without_port(cluster_address(json_object_get(json_object_get(v->snapshot, "nodes"), node), node), of_node, sizeof of_node);
		if (strcmp(node, half->node) != 0 && is_same(address, of_node)) {
			half->peer = node;
			return 0;
		}
	}
	return host_fail(OM_ESTATE, "%s is %s on %s, and who had its other half (%s) is no node: `optmig unit discard %s` there, if you know that it is lost", v->name, half->state,
		half->node, *said ? said : "nobody knows", v->name);
}

/* ---- is that lost? ---- */

static long long seconds_of(const char *date)
{
	char *said = NULL;
	long long seconds = 0;

	if (*date && cluster_tool(TOOL("date", "--date", date, "+%s"), NULL, NULL, &said, NULL) == 0)
		seconds = strtoll(said, NULL, 10);
	free(said);
	return seconds;
}

/* When the node was last fenced with success; 0: never. @ret: the same as text. */
static long long fenced(const char *node, char *ret, size_t size)
{
	char *xml = NULL;
	long long last = 0;

	/* Without --verbose it says the first time that it knows of, not the last. */
	if (cluster_tool(TOOL("stonith_admin", "--history", node, "--verbose", "--output-as=xml"), NULL, NULL, &xml, NULL))
		return 0;
	for (const char *event = xml; (event = strstr(event, "<fence_event ")) != NULL; event++) {
		const char *end = strchr(event, '>'), *status = strstr(event, " status=\"success\""), *when = strstr(event, " completed=\"");
		char date[80];
		long long seconds;

		if (!end || !status || status > end || !when || when > end)
			continue;
		when += strlen(" completed=\"");
		snprintf(date, sizeof date, "%.*s", (int)strcspn(when, "\""), when);
		seconds = seconds_of(date);
		if (seconds > last) {
			last = seconds;
			snprintf(ret, size, "%s", date);
		}
	}
	free(xml);
	return last;
}

/* Since when the two halves have been apart, at the earliest. */
static long long apart_since(const json_t *status)
{
	const long long process = json_integer_value(json_object_get(status, "since")), move = json_integer_value(json_object_get(json_object_get(status, "move"), "began"));

	return move > process ? move : process;
}

/* Return: OM_ESTATE if the other half may be there. */
static int judge(const struct views *v, struct half *half)
{
	const json_t *status = NULL;
	const char *state;
	char when[80] = "";

	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->all[i].node, half->peer) == 0)
			status = v->all[i].status;
	state = cluster_text(status, "state");
	if (strcmp(state, "moved") == 0)
		return host_fail(OM_ESTATE, "%s is not lost: by the word of %s all of it has gone to %s", v->name, half->peer, half->node);
	if (status) {
		snprintf(half->gone, sizeof half->gone, "%s has not got it any more (%s)", half->peer, state);
		return 0;
	}
	if (fenced(half->peer, when, sizeof when) <= apart_since(half->status))
		return host_fail(OM_ESTATE, "%s may have the other half of %s: it does not answer, and has not been fenced since. If you know that it is lost: `optmig unit discard %s --lost` on %s",
			half->peer, v->name, v->name, half->node);
	snprintf(half->gone, sizeof half->gone, "%s was fenced (%s)", half->peer, when);
	return 0;
}

static int find(const struct views *v, struct half *ret)
{
	int error = find_half(v, ret);

	if (!error)
		error = find_peer(v, ret);
	if (!error)
		error = judge(v, ret);
	if (!error && strcmp(ret->node, v->us) != 0)
		error = host_fail(OM_EPERM, "what is left of %s is on %s (%s): say this there (this is %s); no host ends another's processes", v->name, ret->node, ret->state, v->us);
	if (!error) {
		const json_t *ram = json_object_get(json_object_get(ret->status, "report"), "ram");

		ret->remaining = json_integer_value(json_object_get(ram, "remaining"));
		ret->total = json_integer_value(json_object_get(ram, "total"));
	}
	return error;
}

/* ---- saying and asking ---- */

static void say_loss(const char *id, const json_t *program, const struct half *half)
{
	const bool fresh = strcmp(cluster_text(program, "restart"), "fresh") == 0;

	if (strcmp(half->state, "owed") == 0)
		printf("%s: on %s it lacks %.1f of %.1f MiB of its memory, which %s had, and stands at the first page that it wants of them.\n", id, half->node,
			(double)half->remaining / 1048576, (double)half->total / 1048576, half->peer);
	else if (strcmp(half->state, "owing") == 0)
		printf("%s: on %s are %.1f MiB of its memory; it ran on %s.\n", id, half->node, (double)half->remaining / 1048576, half->peer);
	else if (strcmp(half->state, "handing") == 0)
		printf("%s: %s has its memory, or the part that had still to go. It has given the program away and may not run it; %s was to run it.\n", id, half->node, half->peer);
	else
		printf("%s: the part of it that has arrived is on %s, which may not run it; it was on %s.\n", id, half->node, half->peer);
	printf("%s. Nobody can run it any more, and all that was in its memory is lost.\n", half->gone);
	if (strcmp(cluster_text(program, "target-role"), "Stopped") == 0)
		printf("It stays ended: its target role is Stopped.\n");
	else if (fresh)
		printf("Its unit says restart=fresh: the cluster will start it afresh.\n");
	else
		printf("Its unit says restart=never: it stays ended until `optmig cluster fresh %s`.\n", id);
	fflush(stdout);
}

static bool is_agreed(void)
{
	char answer[16] = "";

	printf("End what is left of it? (yes/no) ");
	fflush(stdout);
	return fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
}

/* ---- ending it ---- */

/* The node where the cluster has started it since, the caller's; or NULL. */
static char *wait_start(const char *id, const char *life)
{
	const uint64_t begin = host_monotonic_ns();

	while (host_monotonic_ns() - begin < 1000000000ull * START_S) {
		const json_t *program;
		const char *now, *at;
		json_t *snapshot;
		char *node = NULL;

		if (cluster_read(&snapshot) == 0) {
			program = json_object_get(json_object_get(snapshot, "programs"), id);
			now = cluster_text(program, "life");
			at = json_string_value(json_array_get(json_object_get(program, "nodes"), 0));
			if (at && *now && strcmp(now, life) != 0 && !*cluster_text(program, "pending") && !cluster_true(program, "failed"))
				node = strdup(at);
			json_decref(snapshot);
		}
		if (node)
			return node;
		usleep(1000 * CLUSTER_TICK_MS * 2);
	}
	return NULL;
}

static int end(const char *id, const char *name, const struct half *half)
{
	json_t *said = NULL;
	char reason[260];
	int error;

	snprintf(reason, sizeof reason, "lost: %s", half->gone);
	error = cluster_optmig(TOOL("unit", "discard", name, "--lost", "--reason", reason, "--json"), &said);
	json_decref(said);
	if (error)
		return error;
	/* Its addresses; the cluster, which may believe that it is blocked, or elsewhere, would not ask the agent. */
	if (cluster_tool(TOOL("crm_resource", "--resource", id, "--force-stop"), NULL, NULL, NULL, NULL))
		host_note("%s: %s", id, host_reason());
	return cluster_tool(TOOL("crm_resource", "--resource", id, "--refresh"), NULL, NULL, NULL, NULL);
}

static int report(const char *id, const json_t *program, const struct half *half, bool json)
{
	const bool waits = strcmp(cluster_text(program, "restart"), "fresh") == 0 && strcmp(cluster_text(program, "target-role"), "Stopped") != 0;
	char *started = waits ? wait_start(id, cluster_text(program, "life")) : NULL;

	if (json)
		cluster_print(json_pack("{ss ss ss ss ss sI sI ss ss?}", "program", id, "node", half->node, "was", half->state, "peer", half->peer, "lost", half->gone,
			"remaining", (json_int_t)half->remaining, "total", (json_int_t)half->total, "restart", cluster_text(program, "restart"), "started", started));
	else if (started)
		printf("%s: ended, and started afresh on %s\n", id, started);
	else
		printf("%s: ended\n", id);
	if (waits && !started)
		host_error("cluster discard: the cluster has not started %s within %u s: optmig cluster moves", id, START_S);
	free(started);
	return waits && !started ? CLI_FAILED : CLI_OK;
}

static int discard(const char *id, const json_t *snapshot, const json_t *program, bool sure, bool json)
{
	const char *name = cluster_text(program, "name");
	struct views views = { 0 };
	struct half half;
	char *us = NULL;
	int status, error = cluster_own_name(&us);

	if (!error)
		error = look_everywhere(snapshot, name, us, &views);
	if (!error)
		error = find(&views, &half);
	if (!error && !json)
		say_loss(id, program, &half);
	if (!error && !sure && (json || !isatty(STDIN_FILENO)))
		error = host_fail(OM_EPERM, "nothing was changed: nobody is there to be asked; --yes");
	if (!error && !sure && !is_agreed())
		error = host_fail(OM_ECANCELLED, "nothing was changed");
	if (!error)
		error = end(id, name, &half);
	status = error ? failed() : report(id, program, &half, json);
	if (error == OM_ECANCELLED)
		status = CLI_CANCELLED;
	views_done(&views);
	free(us);
	return status;
}

static const char help[] =
	"usage: optmig cluster discard NAME [--yes] [--json]\n"
	"Ends what is left of a program that was lost in the middle of a move: one of two hosts was fenced, or its process killed, and the other one has a part that nobody can run.\n"
	"Says what is lost, and asks. Then the cluster starts it afresh if its unit says restart=fresh; else `optmig cluster fresh` does. It is said on the node that has the part.\n"
	"Refused if the program is whole, if both parts are there, or if who had the other part does not answer and has not been fenced since.\n\n"
	"  --yes   do not ask\n"
	"Exit status: 0, 1 failed or refused, 2 usage, 3 not agreed to, 5 no such program.\n";

enum { OPT_YES = 1, OPT_JSON, OPT_HELP };

int cluster_discard(int argc, char **argv)
{
	static const struct option longs[] = { { "yes", no_argument, NULL, OPT_YES }, { "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	json_t *snapshot, *program;
	bool yes = false, json = false;
	int c, status = CLI_NOTFOUND;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case OPT_YES: yes = true; break;
		case OPT_JSON: json = true; break;
		case 'h': case OPT_HELP: fputs(help, stdout); return CLI_OK;
		default: return HOST_EXIT_USAGE;
		}
	if (argc - optind != 1) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE;
	}
	if (cluster_read(&snapshot))
		return failed();
	program = json_object_get(json_object_get(snapshot, "programs"), argv[optind]);
	if (!program)
		host_error("cluster discard: the cluster has no program %s", argv[optind]);
	else
		status = discard(argv[optind], snapshot, program, yes, json);
	json_decref(snapshot);
	return status;
}
