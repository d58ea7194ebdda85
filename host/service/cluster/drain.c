/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig cluster drain` and `undrain`.
 *
 * A drain is Pacemaker's standby, with what an administrator would do around it. The drain asks beforehand where each program would go, and watches.
 * When a move has failed and left its program whole, the drain removes that failure, so that the move is tried again (after a pause, and elsewhere if
 * there is another place). It believes that the node is empty only when the node's optmigd says so too.
 *
 *     planned --> standby --> moving ... --> empty: drained                  exit 0
 *        |                      |  ^
 *        | a program has        v  | pause, --refresh, a ban of the place for a while
 *        | nowhere to go      blocked --- tried often enough ------------>   exit 1, still on standby, program whole where it was
 *        v                      |
 *     refused, nothing          | INT, TERM, --deadline, --abort, or somebody else has taken the node back
 *     changed: exit 7           v
 *                           standby off; moves that are under way end where they end     exit 3
 *
 * The cluster loses track of a move if its plan changes while the move is under way. It then takes the program for running twice, and, as it is
 * configured, leaves the program alone until it looks again. So after every abort the cluster is made to look again at blocked programs.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/exitcodes.h"
#include "cluster.h"
#include "load/enclave.h"
#include "move/units.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define RETRY_FIRST_MS 2000
#define RETRY_MAX_MS   60000
#define BAN            "PT2M"
#define SETTLE_S       120
#define ANSWER_S       60

struct options {
	const char *node, *parallel;
	bool json, dry_run, abort, force, detach, home, keep_waiting, rehearse;
	enum { AT_ABORT, AT_DETACH, AT_STOP } at_deadline;
	uint64_t deadline_ns, retries;
};

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void note_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static double seconds_since(uint64_t begin_ns)
{
	return (double)(host_monotonic_ns() - begin_ns) / 1e9;
}

static int failed(const char *verb)
{
	host_error("cluster %s: %s", verb, host_reason());
	return CLI_FAILED;
}

/* The cluster may be between two leaders, Pacemaker be started anew here, and an optmigd anywhere: none of them has an answer for a while, and a tool that asks fails. */
static bool may_pass(int error)
{
	return error == OM_ECONNECTION || error == OM_EIO;
}

/* Looks again where a program is, and forgets what failed. */
static int refresh(const char *program)
{
	return cluster_tool(TOOL("crm_resource", "--resource", program, "--refresh"), NULL, NULL, NULL, NULL);
}

/* ---- one program of a drain ---- */

/* Kept in an object by id: { "state", "to", "attempts", "retry-ns", "pause-ms", "begin", "seconds", "reason" }. */
static json_t *row_of(json_t *rows, const char *id)
{
	json_t *row = json_object_get(rows, id);

	if (!row) {
		row = json_pack("{ss ss ss si sI}", "state", "", "to", "", "reason", "", "attempts", 0, "pause-ms", (json_int_t)RETRY_FIRST_MS);
		json_object_set_new(rows, id, row);
	}
	return row;
}

static void say(const struct options *options, json_t *row, const char *id, const char *state, const char *more)
{
	if (strcmp(cluster_text(row, "state"), state) == 0)
		return;
	json_object_set_new(row, "state", json_string(state));
	if (options->json)
		return;
	printf("%-20s %s%s%s\n", id, state, *more ? ": " : "", more);
	fflush(stdout);
}

/* Another node to which it could go, beside the one that failed. */
static bool another_place(const json_t *snapshot, const char *from, const char *failed_at)
{
	json_t *node;
	const char *name;

	json_object_foreach(json_object_get(snapshot, "nodes"), name, node)
		if (strcmp(name, from) != 0 && strcmp(name, failed_at) != 0 && strcmp(cluster_text(node, "state"), "online") == 0)
			return true;
	return false;
}

/* A blocked program: after a pause the cluster is told to look again, and to take another place if there is one. Return: 0, 1 given up, OM_E*. */
static int try_again(const struct options *options, const json_t *snapshot, json_t *row, const char *id, const json_t *program)
{
	const uint64_t now = host_monotonic_ns();
	const json_t *due = json_object_get(row, "retry-ns"), *places = json_object_get(program, "nodes");
	const long long attempts = json_integer_value(json_object_get(row, "attempts")), pause = json_integer_value(json_object_get(row, "pause-ms"));
	const json_t *failure = json_object_get(program, "failure");
	const char *reason = *cluster_text(failure, "reason") ? cluster_text(failure, "reason") : failure ? cluster_text(failure, "status") :
		"the cluster has lost track of a move";
	json_t *place;
	size_t i;
	int error;

	if (!due) {
		json_object_set_new(row, "reason", json_string(reason));
		say(options, row, id, "blocked", reason);
		if ((uint64_t)attempts >= options->retries)
			return 1;
		json_object_set_new(row, "retry-ns", json_integer((json_int_t)(now + 1000000ull * (uint64_t)pause)));
		return 0;
	}
	if (now < (uint64_t)json_integer_value(due))
		return 0;
	json_object_del(row, "retry-ns");
	json_object_set_new(row, "attempts", json_integer(attempts + 1));
	json_object_set_new(row, "pause-ms", json_integer(2 * pause > RETRY_MAX_MS ? RETRY_MAX_MS : 2 * pause));
	if (strcmp(cluster_text(failure, "task"), "migrate_to") == 0 || strcmp(cluster_text(failure, "task"), "migrate_from") == 0)
		json_array_foreach(places, i, place) {
			const char *at = json_string_value(place);

			if (strcmp(at, options->node) == 0 || !another_place(snapshot, options->node, at))
				continue;
			error = cluster_tool(TOOL("crm_resource", "--resource", id, "--ban", "--node", at, "--lifetime", BAN), NULL, NULL, NULL, NULL);
			if (error)
				return error;
		}
	say(options, row, id, "again", "");
	return refresh(id);
}

/* ---- the drain ---- */

/* What the node's own optmigd still has of the cluster's programs: NULL if nothing. Return: OM_E* if that cannot be known. */
static int still_there(const struct options *options, const json_t *snapshot, const char **ret_id)
{
	json_t *programs = json_object_get(snapshot, "programs"), *program, *host;
	const json_t *there;
	const char *id;
	int error = cluster_host(json_object_get(json_object_get(snapshot, "nodes"), options->node), options->node, &host);

	*ret_id = NULL;
	if (error)
		return error;
	there = json_object_get(host, "programs");
	if (!json_is_array(there))
		error = host_fail(OM_ECONNECTION, "the optmigd of %s does not say what it has", options->node);
	else
		json_object_foreach(programs, id, program)
			if (cluster_has(there, cluster_text(program, "name")))
				*ret_id = id;
	json_decref(host);
	return error;
}

/* It has moved, and the cluster has lost track of it since, or tried to stop it: whole where it is. Once for each of its moves. */
static int found_again(json_t *row, const char *id, const json_t *program)
{
	if (!cluster_true(program, "blocked") || cluster_true(row, "found"))
		return 0;
	json_object_set_new(row, "found", json_true());
	return refresh(id);
}

/* One look at everything. Return: the number of programs that are still there, given-up ones in *ret_stuck; or OM_E*. */
static int look(const struct options *options, json_t *rows, uint64_t begin, json_t *snapshot, int *ret_stuck)
{
	json_t *programs = json_object_get(snapshot, "programs"), *program;
	const char *id;
	int left = 0, stuck = 0;

	json_object_foreach(programs, id, program) {
		json_t *row, *places = json_object_get(program, "nodes");
		const char *at = json_string_value(json_array_get(places, 0));

		if (!cluster_has(places, options->node)) {
			row = json_object_get(rows, id);
			if (row && at && !json_object_get(row, "seconds")) {
				json_object_set_new(row, "to", json_string(at));
				json_object_set_new(row, "seconds", json_real(seconds_since(begin)));
				say(options, row, id, "moved", at);
			}
			if (row && at && found_again(row, id, program))
				return OM_EIO;
			continue;
		}
		row = row_of(rows, id);
		json_object_del(row, "seconds");
		left++;
		if (cluster_true(program, "blocked")) {
			const int result = try_again(options, snapshot, row, id, program);

			if (result < 0)
				return result;
			stuck += result;
		} else if (strcmp(cluster_text(program, "pending"), "Migrating") == 0) {
			say(options, row, id, "moving", "");
		} else if (strcmp(cluster_text(row, "state"), "again") != 0) {
			say(options, row, id, "waits", "");
		}
	}
	*ret_stuck = stuck;
	return left;
}

/* After an abort: moves that are under way end; then what the cluster has lost track of is looked for. */
static int let_settle(const struct options *options)
{
	const uint64_t begin = host_monotonic_ns();

	for (;;) {
		json_t *snapshot = NULL, *program;
		const char *id;
		bool going = false;
		int error = cluster_read(&snapshot);

		json_object_foreach(json_object_get(snapshot, "programs"), id, program) {
			const char *pending = cluster_text(program, "pending");
			/* A monitor that fails over and over stays pending; of what is blocked the cluster does nothing more about it. */
			const bool through = !*pending || (cluster_true(program, "blocked") && strcmp(pending, "Monitoring") == 0);

			if (strcmp(cluster_text(program, "role"), "Migrating") == 0 || !through) {
				going = true;
			} else if (cluster_true(program, "blocked") && (cluster_has(json_object_get(program, "nodes"), options->node) ||
				   strcmp(cluster_text(program, "home"), options->node) == 0)) {
				error = refresh(id);
				going = true;
			}
		}
		json_decref(snapshot);
		if (!error && !going)
			return 0;
		if (error && (!may_pass(error) || seconds_since(begin) > SETTLE_S || signals > 1))
			return error;
		if (seconds_since(begin) > SETTLE_S || signals > 1)
			return host_fail(OM_ETIMEDOUT, "something still moves or is blocked: optmig cluster moves");
		usleep(1000 * CLUSTER_TICK_MS * 3);
	}
}

static int leave_standby(const struct options *options)
{
	int error = cluster_standby(options->node, false, NULL);

	return error ? error : let_settle(options);
}

static int finish(const struct options *options, json_t *rows, uint64_t begin, const char *state, int status)
{
	json_t *row;
	const char *id;

	json_object_foreach(rows, id, row) {
		json_object_del(row, "retry-ns");
		json_object_del(row, "pause-ms");
	}
	if (options->json)
		cluster_print(json_pack("{ss ss sf sO}", "node", options->node, "state", state, "seconds", seconds_since(begin), "programs", rows));
	else
		printf("%s: %s after %.1f s\n", options->node, state, seconds_since(begin));
	return status;
}

/*
 * The deadline's action, by the administrator's order: what is still there is ended, and its memory with it. A move that is past its hand-over goes on.
 * At each look, once for each program: a cluster between two leaders may not know for a moment that it is there.
 */
static int order_stops(const struct options *options, json_t *rows, const json_t *snapshot)
{
	json_t *program;
	const char *id;

	json_object_foreach(json_object_get(snapshot, "programs"), id, program) {
		json_t *row;
		int error;

		if (!cluster_has(json_object_get(program, "nodes"), options->node))
			continue;
		row = row_of(rows, id);
		if (json_object_get(row, "ordered"))
			continue;
		error = cluster_meta(id, "target-role", "Stopped");
		if (!error && cluster_true(program, "blocked"))
			error = refresh(id);
		if (error)
			return error;
		json_object_set_new(row, "ordered", json_string("stop"));
		say(options, row, id, "stopped by order", "the deadline has passed");
	}
	return 0;
}

/* The node was on standby and takes programs again: somebody else has ended this drain. A cluster that is not whole may know an older configuration, so it is not asked. */
static bool taken_back(const struct options *options, const json_t *snapshot, bool *standby)
{
	const json_t *node = json_object_get(json_object_get(snapshot, "nodes"), options->node);

	*standby = *standby || cluster_true(node, "standby");
	return *standby && cluster_true(snapshot, "quorum") && strcmp(cluster_text(node, "state"), "online") == 0;
}

static int watch(const struct options *options, json_t *rows, uint64_t begin)
{
	uint64_t answered = begin;
	bool ordered = false, standby = false, ended = false;

	for (;;) {
		json_t *snapshot = NULL;
		const char *there = NULL;
		int stuck = 0, left, error = cluster_read(&snapshot);

		left = error ? 1 : look(options, rows, begin, snapshot, &stuck);
		if (left < 0)
			error = left;
		if (!error && left == 0)
			error = still_there(options, snapshot, &there);
		if (!error && left == 0 && !there) {
			json_decref(snapshot);
			return finish(options, rows, begin, "drained", CLI_OK);
		}
		if (!error && ordered)
			error = order_stops(options, rows, snapshot);
		if (snapshot)
			ended = taken_back(options, snapshot, &standby);
		json_decref(snapshot);
		if (!error)
			answered = host_monotonic_ns();
		if (error && (!may_pass(error) || host_monotonic_ns() - answered > 1000000000ull * ANSWER_S))
			return failed("drain");
		if (left && stuck == left && !options->keep_waiting && !ordered && !ended)
			return finish(options, rows, begin, "blocked", CLI_FAILED);
		if (!ended && !signals && options->deadline_ns && host_monotonic_ns() - begin > options->deadline_ns && options->at_deadline != AT_ABORT) {
			if (options->at_deadline == AT_DETACH)
				return finish(options, rows, begin, "detached", CLI_CANCELLED);
			ordered = true;
		} else if (ended || signals || (options->deadline_ns && host_monotonic_ns() - begin > options->deadline_ns)) {
			if (leave_standby(options))
				return failed("drain");
			return finish(options, rows, begin, "aborted", CLI_CANCELLED);
		}
		usleep(1000 * CLUSTER_TICK_MS);
	}
}

static void standby_xml(FILE *to, const char *id)
{
	fprintf(to, "<nodes><node id=\"%s\"><instance_attributes id=\"nodes-%s\"><nvpair id=\"nodes-%s-standby\" name=\"standby\" value=\"on\"/></instance_attributes></node></nodes>",
		id, id, id);
}

/* Where programs come from, for `undrain --home`; those that are not as `add` writes them are noted at once, each by itself. */
static int homes_xml(FILE *to, const struct options *options, const json_t *snapshot)
{
	json_t *program;
	const char *id;
	int error = 0;

	fputs("<resources>", to);
	json_object_foreach(json_object_get(snapshot, "programs"), id, program) {
		if (!cluster_has(json_object_get(program, "nodes"), options->node) || *cluster_text(program, "home"))
			continue;
		if (cluster_true(program, "plain"))
			fprintf(to, "<primitive id=\"%s\"><meta_attributes id=\"%s-meta\"><nvpair id=\"%s-meta-optmig-home\" name=\"optmig-home\" value=\"%s\"/></meta_attributes>"
				"</primitive>", id, id, id, options->node);
		else if (!error)
			error = cluster_meta(id, "optmig-home", options->node);
	}
	fputs("</resources>", to);
	return error;
}

/* All in one change: each makes the cluster plan anew. */
static int begin_drain(const struct options *options, const json_t *snapshot)
{
	const json_t *node = json_object_get(json_object_get(snapshot, "nodes"), options->node);
	const bool plain = cluster_true(node, "plain") && *cluster_text(node, "id");
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int error;

	if (!to)
		return host_fail(OM_ENOMEM, "no memory");
	fputs("<configuration>", to);
	if (plain)
		standby_xml(to, cluster_text(node, "id"));
	error = homes_xml(to, options, snapshot);
	fputs("</configuration>", to);
	if (fclose(to) && !error)
		error = host_fail(OM_ENOMEM, "no memory");
	if (!error)
		error = cluster_tool(TOOL("cibadmin", "--modify", "--allow-create", "--scope", "configuration", "--xml-pipe"), text, NULL, NULL, NULL);
	if (!error && !plain)
		error = cluster_standby(options->node, true, NULL);
	free(text);
	return error;
}

static bool complete(const json_t *plan)
{
	json_t *row;
	size_t i;

	json_array_foreach(plan, i, row)
		if (!json_object_get(row, "to"))
			return false;
	return true;
}

/*
 * A cluster that missed this node for a while has tried to begin its programs elsewhere. Their agents have refused it, since they live here, and a
 * failed start keeps a program from that node for good. It says nothing of the node: it is forgotten, so that these are places again.
 */
static int forget_refused(const struct options *options, json_t **snapshot)
{
	json_t *program;
	const char *id;
	bool forgotten = false;
	int error = 0;

	json_object_foreach(json_object_get(*snapshot, "programs"), id, program) {
		const json_t *places = json_object_get(program, "nodes"), *failed_at = json_object_get(program, "failed-at");

		if (error || json_array_size(places) != 1 || !cluster_has(places, options->node) || cluster_true(program, "blocked") ||
		    !json_array_size(failed_at) || cluster_has(failed_at, options->node))
			continue;
		error = cluster_cleanup(id);
		forgotten = true;
	}
	if (!error && forgotten) {
		json_t *now;

		error = cluster_read(&now);
		if (!error) {
			json_decref(*snapshot);
			*snapshot = now;
		}
	}
	return error;
}

static int drain(const struct options *options)
{
	const uint64_t begin = host_monotonic_ns();
	json_t *snapshot, *from, *plan, *rows;
	bool well = true;
	int status, error = cluster_read(&snapshot);

	if (error)
		return failed("drain");
	if (!json_object_get(json_object_get(snapshot, "nodes"), options->node)) {
		host_error("cluster drain: there is no node %s", options->node);
		json_decref(snapshot);
		return CLI_NOTFOUND;
	}
	if (!cluster_true(snapshot, "quorum") && !options->dry_run) {
		host_error("cluster drain: no quorum: nothing would move");
		json_decref(snapshot);
		return CLI_FAILED;
	}
	if (!options->dry_run)
		error = forget_refused(options, &snapshot);
	from = json_pack("[s]", options->node);
	if (!error)
		error = cluster_plan(snapshot, from, &plan);
	json_decref(from);
	if (error) {
		json_decref(snapshot);
		return failed("drain");
	}
	if (options->rehearse && (complete(plan) || options->force)) {
		error = cluster_rehearse(snapshot, options->node, plan, &well);
		if (error) {
			json_decref(plan);
			json_decref(snapshot);
			return failed("drain");
		}
	}
	if (options->dry_run || ((!complete(plan) || !well) && !options->force)) {
		status = complete(plan) && well ? CLI_OK : CLUSTER_REFUSED;
		if (!options->json)
			cluster_plan_print(plan);
		else
			cluster_print(json_incref(plan));
		if (!options->dry_run)
			host_error("cluster drain: nothing was changed, since not every %s (--force drains the others)", complete(plan) ? "rehearsal went well" : "program has a place");
		json_decref(plan);
		json_decref(snapshot);
		return status;
	}
	json_decref(plan);
	if (options->parallel && strcmp(options->parallel, cluster_text(snapshot, "migration-limit")) != 0)
		error = cluster_property("migration-limit", options->parallel);
	if (!error)
		error = begin_drain(options, snapshot);
	/* The leader may have gone with the answer, or before it: the same change again does no harm. */
	for (const uint64_t asked = host_monotonic_ns(); may_pass(error) && !signals && seconds_since(asked) < ANSWER_S;) {
		usleep(1000 * CLUSTER_TICK_MS * 3);
		error = begin_drain(options, snapshot);
	}
	json_decref(snapshot);
	if (error)
		return failed("drain");
	if (options->detach)
		return CLI_OK;
	rows = json_object();
	status = watch(options, rows, begin);
	json_decref(rows);
	return status;
}

/* ---- undrain ---- */

static int go_home(const struct options *options, json_t *snapshot)
{
	json_t *program;
	const char *id;
	int error = 0;

	json_object_foreach(json_object_get(snapshot, "programs"), id, program) {
		if (strcmp(cluster_text(program, "home"), options->node) != 0)
			continue;
		if (options->home && !cluster_has(json_object_get(program, "nodes"), options->node))
			error = cluster_tool(TOOL("crm_resource", "--resource", id, "--move", "--node", options->node, "--lifetime", "PT1H"), NULL, NULL, NULL, NULL);
		if (!error)
			error = cluster_meta(id, "optmig-home", NULL);
		if (error)
			return error;
	}
	return 0;
}

/* The preferences that brought them home have done their work when nothing moves any more. */
static int forget_moves(const json_t *before, const struct options *options)
{
	json_t *program;
	const char *id;
	int error = cluster_tool(TOOL("crm_resource", "--wait", "--timeout=3600s"), NULL, NULL, NULL, NULL);

	json_object_foreach(json_object_get(before, "programs"), id, program)
		if (!error && strcmp(cluster_text(program, "home"), options->node) == 0)
			error = cluster_tool(TOOL("crm_resource", "--resource", id, "--clear"), NULL, NULL, NULL, NULL);
	return error;
}

static int undrain(const struct options *options, const char *verb)
{
	json_t *snapshot;
	int error = cluster_read(&snapshot);

	if (error)
		return failed(verb);
	if (!json_object_get(json_object_get(snapshot, "nodes"), options->node)) {
		host_error("cluster %s: there is no node %s", verb, options->node);
		json_decref(snapshot);
		return CLI_NOTFOUND;
	}
	error = leave_standby(options);
	if (!error)
		error = go_home(options, snapshot);
	if (!error && options->home)
		error = forget_moves(snapshot, options);
	json_decref(snapshot);
	return error ? failed(verb) : CLI_OK;
}

/* ---- the command line ---- */

static const char drain_help[] =
	"usage: optmig cluster drain NODE [--dry-run] [--rehearse] [--json] [--force] [--parallel N] [--retries N] [--deadline TIME [--at-deadline ACTION]]\n"
	"                                 [--keep-waiting] [--detach]\n"
	"       optmig cluster drain NODE --abort\n"
	"Moves all programs off a node and keeps others from coming, until undrain. Ends when the node is empty, by its own optmigd's word.\n"
	"First the cluster's scheduler is asked whether each program has a place; if one has not, nothing is done.\n\n"
	"  --dry-run        only the plan\n"
	"  --force          drain although a program has nowhere to go; it stays where it is, whole\n"
	"  --parallel N     so many moves from, and to, each node at a time (the cluster's migration-limit, which stays so)\n"
	"  --retries N      how often a failed move is tried again, after a pause, elsewhere if there is another place (5)\n"
	"  --keep-waiting   wait on when programs are blocked and have been tried often enough\n"
	"  --rehearse       rehearse all moves before (optmig cluster plan --rehearse), and do nothing if one would fail; on the node itself\n"
	"  --deadline TIME  after that time do what --at-deadline says:\n"
	"  --at-deadline abort     as --abort (default)\n"
	"                detach    wait no more; the drain goes on\n"
	"                stop      end the programs that are still there, by your order: what is in their memory is lost, and they stay stopped\n"
	"  --abort          end a drain that somebody else began: the node takes programs again. What has moved stays where it is; moves that are\n"
	"                   under way end. The same does Ctrl-C (once)\n"
	"  --detach         do not wait\n"
	"Exit status: 0 drained, 1 failed or blocked, 2 usage, 3 aborted, 5 no such node, 7 a program has nowhere to go.\n";

static const char undrain_help[] =
	"usage: optmig cluster undrain NODE [--home]\n"
	"The node takes programs again.\n\n"
	"  --home   those that the drain has moved away come back, and are waited for\n";

enum { OPT_JSON = 1, OPT_DRY_RUN, OPT_FORCE, OPT_PARALLEL, OPT_RETRIES, OPT_KEEP_WAITING, OPT_DEADLINE, OPT_ABORT, OPT_DETACH, OPT_HOME, OPT_REHEARSE, OPT_AT_DEADLINE, OPT_HELP };

static int parse_action(const char *text, struct options *ret)
{
	static const char *const words[] = { [AT_ABORT] = "abort", [AT_DETACH] = "detach", [AT_STOP] = "stop" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0) {
			ret->at_deadline = i;
			return 0;
		}
	return OM_EINVAL;
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, const char *help, const struct option *longs, struct options *ret)
{
	uint64_t parallel;
	int c;

	ret->retries = 5;
	while ((c = cli_getopt(argc, argv, "h", longs)) != -1) {
		int error = 0;

		switch (c) {
		case OPT_JSON: ret->json = true; break;
		case OPT_DRY_RUN: ret->dry_run = true; break;
		case OPT_FORCE: ret->force = true; break;
		case OPT_ABORT: ret->abort = true; break;
		case OPT_REHEARSE: ret->rehearse = true; break;
		case OPT_AT_DEADLINE: error = parse_action(optarg, ret); break;
		case OPT_DETACH: ret->detach = true; break;
		case OPT_KEEP_WAITING: ret->keep_waiting = true; break;
		case OPT_HOME: ret->home = true; break;
		case OPT_PARALLEL: error = host_parse_u64(optarg, 1, 100, &parallel); ret->parallel = optarg; break;
		case OPT_RETRIES: error = host_parse_u64(optarg, 0, 1000, &ret->retries); break;
		case OPT_DEADLINE: error = move_parse_duration(optarg, &ret->deadline_ns); break;
		case 'h': case OPT_HELP: fputs(help, stdout); return CLI_OK + 1;
		default: return HOST_EXIT_USAGE + 1;
		}
		if (error) {
			host_error("%s: %s is not what this option takes", argv[0], optarg);
			return HOST_EXIT_USAGE + 1;
		}
	}
	if (argc - optind != 1 || (ret->at_deadline != AT_ABORT && !ret->deadline_ns)) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE + 1;
	}
	ret->node = argv[optind];
	return 0;
}

int cluster_drain(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ "force", no_argument, NULL, OPT_FORCE }, { "parallel", required_argument, NULL, OPT_PARALLEL }, { "retries", required_argument, NULL, OPT_RETRIES },
		{ "keep-waiting", no_argument, NULL, OPT_KEEP_WAITING }, { "deadline", required_argument, NULL, OPT_DEADLINE },
		{ "rehearse", no_argument, NULL, OPT_REHEARSE }, { "at-deadline", required_argument, NULL, OPT_AT_DEADLINE },
		{ "abort", no_argument, NULL, OPT_ABORT }, { "detach", no_argument, NULL, OPT_DETACH }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	struct options options = { 0 };
	int error = parse(argc, argv, drain_help, longs, &options);

	if (error)
		return error - 1;
	note_signals();
	return options.abort ? undrain(&options, "drain") : drain(&options);
}

int cluster_undrain(int argc, char **argv)
{
	static const struct option longs[] = { { "home", no_argument, NULL, OPT_HOME }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	struct options options = { 0 };
	int error = parse(argc, argv, undrain_help, longs, &options);

	if (error)
		return error - 1;
	note_signals();
	return undrain(&options, "undrain");
}
