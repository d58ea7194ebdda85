/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending programs by order.
 *
 *     stop      a whole program: TERM, and KILL if its unit says so. Refused in the middle of a move
 *     discard   what is left of one whose other half is lost, with its host or its process:
 *
 *               owed        it runs here, and pages that it lacks are nowhere any more
 *               owing       pages are here, and the program that lacks them is nowhere any more
 *               handing     all of it is here and may not run; the token is nowhere any more
 *               receiving   all or a part of it is here and may not run
 *
 *               The host of the other half is asked. If the other half is there, nothing is done. A host that does not answer may have it: then the
 *               order has to say that it is lost. Whole programs are never ended so, nor those that do not say what they are.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "json_text.h"
#include "seen.h"
#include "service.h"
#include "util.h"

#define KILL_INNER_MS 1000u
#define KILL_MS       10000u
#define PEER_S        10u

/* ---- stop ------------------------------------------------------------------------------------------------------------------------------- */

/* That process, and not one that has its number since. */
static int send_signal(const struct record_process *process, int signo)
{
	const int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	int error = 0;

	if (pidfd >= 0 && record_process_alive(process) && syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0))
		error = host_fail(OM_EPERM, "process %d cannot be sent a signal", (int)process->pid);
	if (pidfd >= 0)
		close(pidfd);
	return error;
}

/* Return: 0 when it has ended and its keeper has written how. */
int program_wait_end(const struct service_unit *u, const struct record_process *process, uint64_t within_ns)
{
	const uint64_t since = host_monotonic_ns();

	for (;;) {
		struct program p;
		bool over;

		program_look(u, false, &p);
		over = !p.alive && (p.end || !p.kept);
		program_done(&p);
		if (over || !record_process_alive(process))
			break;
		if (within_ns && host_monotonic_ns() - since > within_ns)
			return host_fail(OM_ETIMEDOUT, "%s has been told to end (TERM) and does not; its unit says how long it may take (stop-timeout), and that it is "
				"not killed then (stop-kill)", u->name);
		host_pause_ms(10);
	}
	return 0;
}

/*
 * Where the program is: below a supervisor, if it has a user. That one ends by itself then. Return: when both have been sent the signal.
 */
static int kill_process(const struct service_unit *u, const struct program *p)
{
	struct record_process inner = { 0 };
	json_t *record;
	int error = 0;

	if (record_read(u->directory, RECORD_INNER, &record) == 0) {
		record_process_read(json_object_get(record, "program"), &inner);
		json_decref(record);
	}
	if (p->info && !record_process_alive(&inner))
		(void)record_process_get((pid_t)json_integer_value(json_object_get(p->info, "pid")), &inner);
	if (record_process_alive(&inner))
		error = send_signal(&inner, SIGKILL);
	if (!error && (inner.pid == 0 || program_wait_end(u, &p->process, KILL_INNER_MS * 1000000ull)))
		error = send_signal(&p->process, SIGKILL);
	return error;
}

static int wait_killed(const struct service_unit *u, const struct record_process *process)
{
	return program_wait_end(u, process, KILL_MS * 1000000ull) ? host_fail(OM_ETIMEDOUT, "%s was killed, and the kernel has not ended it yet", u->name) : 0;
}

/* One that does not answer may be in the middle of a move that is not ours: if any was heard of, it is left alone. Return: OM_ESTATE if it may be whole elsewhere. */
static int kill_it(const struct service_unit *u)
{
	struct program p;
	int error = 0;

	program_look(u, true, &p);
	if (p.alive && ((p.state != STATE_RUNNING && p.state != STATE_STARTING) || (!p.info && p.move)))
		error = host_fail(OM_ESTATE, "%s was told to end and has not; it is %s by now, and is not killed in the middle of that", u->name,
			p.info ? service_state_name(p.state) : "silent, on its way to another host perhaps");
	if (!error && p.alive)
		error = kill_process(u, &p);
	program_done(&p);
	return error;
}

/* TERM was not enough. It is said in the record, in the log, and to who has asked. */
static int end_by_force(const struct service_unit *u, const struct unit *unit, const struct record_process *process, const char *reason)
{
	const double seconds = (double)unit->stop_ns / 1e9;
	char labels[UNIT_NAME_MAX + 16];
	int error = kill_it(u);

	if (error)
		return error;
	host_error("%s: did not end within %.1f s (stop-timeout), and is killed (stop-kill)", u->name, seconds);
	snprintf(labels, sizeof labels, "unit=\"%s\"", u->name);
	metrics_add(METRIC_KILLS, labels, 1);
	socket_tell(json_pack("{ss ss sf}", "event", "killed", "name", u->name, "after", seconds));
	error = record_write(u->directory, RECORD_STOP, json_pack("{ss sI sb}", "reason", reason, "when", (json_int_t)time(NULL), "killed", 1));
	return error ? error : wait_killed(u, process);
}

static int stop_it(struct service_unit *u, const struct unit *unit, const struct program *p, const char *reason)
{
	int error;

	switch (p->state) {
	case STATE_STOPPED:
	case STATE_MOVED:
		return 0;
	case STATE_FAILED: /* and stays that: its memory is lost all the same */
		error = life_hold(u);
		return error ? error : record_write(u->directory, RECORD_HOLD, json_pack("{ss sI}", "reason", reason, "when", (json_int_t)time(NULL)));
	case STATE_STARTING:
	case STATE_RUNNING:
		if (p->info || !p->move)
			break;
		return host_fail(OM_ESTATE, "%s does not answer and is on its way to another host, as far as is known: it is not stopped in the middle of that", u->name);
	default:
		return host_fail(OM_ESTATE, "%s is %s and is not stopped in the middle of that", u->name, service_state_name(p->state));
	}
	error = record_write(u->directory, RECORD_STOP, json_pack("{ss sI}", "reason", reason, "when", (json_int_t)time(NULL)));
	if (!error)
		error = send_signal(&p->process, SIGTERM);
	if (!error)
		error = program_wait_end(u, &p->process, unit->stop_ns);
	return error == OM_ETIMEDOUT && unit->stop_kill ? end_by_force(u, unit, &p->process, reason) : error;
}

int service_stop(const char *name, const char *reason, json_t **ret)
{
	struct service_unit *u;
	struct unit unit;
	struct program p;
	int error = units_begin(name, OP_STOPPING, &u);

	if (error)
		return error;
	error = units_copy(u, &unit);
	if (!error) {
		program_look(u, true, &p);
		error = stop_it(u, &unit, &p, reason ? reason : "");
		program_done(&p);
		unit_done(&unit);
	}
	units_end(u);
	if (!error)
		*ret = program_status(u);
	return error;
}

/* ---- discard ---------------------------------------------------------------------------------------------------------------------------- */

/* Return: OM_ESTATE for what is no half of a program, or does not say so. */
static int is_half(const struct service_unit *u, const struct program *p)
{
	const char *state = service_state_name(p->state);

	if (!p->alive || p->state == STATE_MOVED)
		return host_fail(OM_ESTATE, "nothing of %s is left here: it is %s", u->name, state);
	if (!p->info || !p->report)
		return host_fail(OM_ESTATE, "%s does not answer, so whether it is whole is not known", u->name);
	switch (p->state) {
	case STATE_OWED:
	case STATE_OWING:
	case STATE_HANDING:
	case STATE_RECEIVING:
		return 0;
	default:
		return host_fail(OM_ESTATE, "%s is whole here (%s) and is not discarded; `optmig unit stop` ends it", u->name, state);
	}
}

/* Where the optmigd of the host is that has, or had, the other half; "" if that is not known. Whom it came from is known by the address of its connections. */
static void other_host(const struct program *p, char *ret, size_t size)
{
	const bool gave = p->state == STATE_OWING || p->state == STATE_HANDING;
	const char *address = gave ? json_text(p->move, "to") : json_text(p->report, "peer"), *colon = strrchr(address, ':');

	if (gave || !colon)
		snprintf(ret, size, "%s", address);
	else
		snprintf(ret, size, "%.*s", (int)(colon - address), address);
}

/*
 * A receiver that is complete waits for its source's word, for ever if need be. A source that lost the link before it gave the program away
 * runs it on, and cannot take that back; if it says so, its word does not come.
 */
static bool is_vain(const struct program *p, const char *there)
{
	return p->state == STATE_RECEIVING && json_is_true(json_object_get(p->report, "prepared")) && strcmp(there, "running") == 0;
}

/* Return: OM_ESTATE if the other half is there, or may be: `lost` says for who does not answer that it is not. */
static int is_lost(const struct service_unit *u, const struct program *p, bool lost)
{
	char host[256];
	json_t *there = NULL;
	const char *state;
	int error = 0;

	other_host(p, host, sizeof host);
	if (*host && peer_call(host, "status", json_pack("{ss}", "name", u->name), PEER_S, &there) == 0) {
		state = json_text(there, "state");
		if (strcmp(state, "stopped") != 0 && strcmp(state, "failed") != 0 && !is_vain(p, state))
			error = host_fail(OM_ESTATE, "%s is not lost: it is %s here, and %.40s at %s", u->name, service_state_name(p->state), state, host);
		json_decref(there);
		return error;
	}
	return lost ? 0 : host_fail(OM_ESTATE, "%s does not say whether it has the other half of %s; if that is lost, with its host or its process: --lost",
		*host ? host : "the other host", u->name);
}

static void note_discard(const struct service_unit *u, const struct program *p, const char *reason)
{
	const json_t *ram = json_object_get(p->report, "ram"), *remaining = json_object_get(ram, "remaining");
	const char *state = service_state_name(p->state);
	json_t *entry = json_pack("{ss ss ss ss ss sI}", "unit", u->name, "verdict", "discarded", "direction", strcmp(json_text(p->report, "role"), "source") == 0 ? "out" : "in",
		"state", state, "reason", reason, "remaining", (json_int_t)json_integer_value(remaining));

	for (const char *const *name = (const char *const[]){ "peer", "session", "mrenclave", "policy", "instance", NULL }; *name; name++)
		if (*json_text(p->report, *name))
			json_object_set(entry, *name, json_object_get(p->report, *name));
	audit_write(entry);
	socket_tell(json_pack("{ss ss ss ss sI sO}", "event", "discarded", "name", u->name, "was", state, "reason", reason, "remaining",
		(json_int_t)json_integer_value(remaining), "report", p->report));
}

int program_discard(struct service_unit *u, const char *reason, bool lost)
{
	struct program p;
	int error;

	program_look(u, true, &p);
	error = is_half(u, &p);
	if (!error)
		error = is_lost(u, &p, lost);
	program_done(&p);
	if (error)
		return error;
	/* The other host may have taken its time: what was missing may have come. */
	program_look(u, true, &p);
	error = is_half(u, &p);
	if (!error)
		error = record_write(u->directory, RECORD_STOP, json_pack("{ss sI sb ss}", "reason", reason, "when", (json_int_t)time(NULL), "discarded", 1,
			"was", service_state_name(p.state)));
	if (!error) {
		error = kill_process(u, &p);
		if (error)
			record_remove(u->directory, RECORD_STOP); /* it lives on, and its end may be another one */
	}
	if (!error)
		error = wait_killed(u, &p.process);
	if (!error) {
		host_error("%s: what was left of it here (%s) was ended by order: %s", u->name, service_state_name(p.state), reason);
		note_discard(u, &p, reason);
		life_note(u);
	}
	program_done(&p);
	return error;
}

/* The move that has come to nothing may still be waited for here, and may be for ever: it ends when its process does. */
static int begin_discard(const char *name, struct service_unit **ret, bool *ret_begun)
{
	int error = units_begin(name, OP_STOPPING, ret);
	bool moves;

	*ret_begun = !error;
	if (error != OM_ESTATE)
		return error;
	pthread_mutex_lock(&service.lock);
	*ret = units_find(name);
	moves = *ret && (*ret)->op == OP_MOVING;
	pthread_mutex_unlock(&service.lock);
	return moves ? 0 : host_fail(OM_ESTATE, "%s: another operation is under way", name);
}

int service_discard(const char *name, const char *reason, bool lost, json_t **ret)
{
	struct service_unit *u;
	bool begun;
	int error = begin_discard(name, &u, &begun);

	if (error)
		return error;
	error = program_discard(u, reason ? reason : "", lost);
	if (begun)
		units_end(u);
	if (!error)
		*ret = program_status(u);
	return error;
}
