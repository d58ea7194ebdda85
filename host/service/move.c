/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving. A move is made of steps that each leave the program whole where it is:
 *
 *     ask the peer to receive ─ write down to whom ─ `migrate` to the program's process ─ its events ─ its end
 *         └ refused                                      └ failed, cancelled: it runs on here; the peer's receiver ends by itself
 *
 * The process migrates by itself: a service that ends meanwhile changes nothing, and the next one sees what is going on.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "control/client.h"
#include "json_text.h"
#include "move/units.h"
#include "seen.h"
#include "service.h"
#include "share.h"
#include "strerror.h"
#include "util.h"

#define PEER_S     30u
#define LEAVE_MS   20000u

/* ---- move ------------------------------------------------------------------------------------------------------------------------------- */

/* What the unit says, and in its place what this move's own arguments say. */
struct order { const char *to, *mode, *ticket; uint64_t downtime_ns, bandwidth; bool rehearse; };

static int get_text(const json_t *arguments, const char *name, const char **ret)
{
	const json_t *value = json_object_get(arguments, name);

	if (!value)
		return 0;
	*ret = json_string_value(value);
	return *ret ? 0 : host_fail(OM_EINVAL, "argument \"%s\" must be a string", name);
}

static int read_order(const json_t *arguments, const struct unit *unit, struct order *ret)
{
	struct order o = { .mode = unit->mode, .downtime_ns = unit->downtime_ns, .bandwidth = unit->bandwidth };
	const char *downtime = NULL, *bandwidth = NULL;
	int error = get_text(arguments, "to", &o.to);

	if (!error && !o.to)
		error = host_fail(OM_EINVAL, "argument \"to\" is missing");
	if (!error && unit->move == UNIT_MOVE_NEVER)
		error = host_fail(OM_EPERM, "%s: its unit says move = \"never\"", unit->name);
	if (!error && json_object_get(arguments, "rehearse") && !json_is_boolean(json_object_get(arguments, "rehearse")))
		error = host_fail(OM_EINVAL, "argument \"rehearse\" must be true or false");
	o.rehearse = json_is_true(json_object_get(arguments, "rehearse"));
	if (!error && unit->move == UNIT_MOVE_STOP)
		o.mode = "stop";
	if (!error)
		error = get_text(arguments, "mode", &o.mode);
	if (!error)
		error = get_text(arguments, "ticket", &o.ticket);
	if (!error)
		error = get_text(arguments, "downtime-limit", &downtime);
	if (!error)
		error = get_text(arguments, "bandwidth", &bandwidth);
	if (!error && downtime)
		error = move_parse_duration(downtime, &o.downtime_ns);
	if (!error && bandwidth)
		error = move_parse_rate(bandwidth, &o.bandwidth);
	if (!error)
		*ret = o;
	return error;
}

static json_t *migrate_arguments(const struct unit *unit, const struct order *order, const char *to)
{
	json_t *a = json_pack("{ss}", "to", to);

	if (order->mode)
		json_object_set_new(a, "mode", json_string(order->mode));
	if (order->ticket)
		json_object_set_new(a, "ticket", json_string(order->ticket));
	if (order->downtime_ns)
		json_object_set_new(a, "downtime-limit-ns", json_integer((json_int_t)order->downtime_ns));
	if (order->bandwidth)
		json_object_set_new(a, "bandwidth", json_integer((json_int_t)order->bandwidth));
	if (order->rehearse)
		json_object_set_new(a, "rehearse", json_true());
	if (unit->move_addresses)
		json_object_set(a, "move-addresses", (json_t *)(uintptr_t)unit->move_addresses);
	return a;
}

static void receiver_address(const json_t *at, char *ret, size_t size)
{
	const char *address = json_text(at, "address");

	snprintf(ret, size, strchr(address, ':') && *address != '[' ? "[%s]:%s" : "%s:%s", address, json_text(at, "port"));
}

static int error_named(const char *name)
{
	for (int error = -1; error > -100; error--)
		if (strcmp(om_errname(error), name) == 0)
			return error;
	return OM_ECONNECTION;
}

/* What the report of its process says of the end. Return: 0 if it has moved, or would have. */
static int judge(const char *name, const json_t *report)
{
	const char *status = json_text(report, "status");

	if (strcmp(status, "completed") == 0 || strcmp(status, "rehearsed") == 0)
		return 0;
	if (strcmp(status, "cancelled") == 0)
		return host_fail(OM_ECANCELLED, "the move of %s was cancelled; it runs on here", name);
	return host_fail(error_named(json_text(report, "error")), "%s has not moved, and runs on here: %s", name,
		json_text(report, "error-desc"));
}

/*
 * The process has ended, or does not answer, without a word of how the session ended: what it wrote down decides, and else the other host.
 */
static int judge_silent(const struct service_unit *u, const char *to, json_t **ret_report)
{
	json_t *arguments, *there = NULL;
	struct program p;
	int error;

	/* A process that ends closes its socket a little before it is gone. */
	for (unsigned i = 0; i < LEAVE_MS / 10; i++) {
		program_look(u, true, &p);
		if (!p.alive || p.info || i + 1 == LEAVE_MS / 10)
			break;
		program_done(&p);
		host_pause_ms(10);
	}
	error = p.state == STATE_MOVED ? 0 : OM_ECONNECTION;
	*ret_report = json_incref(p.report);
	if (error && p.alive)
		error = host_fail(OM_ECONNECTION, "the process of %s ended the connection; it is %s here", u->name, service_state_name(p.state));
	if (!error || p.alive) {
		program_done(&p);
		return error;
	}
	program_done(&p);
	arguments = json_pack("{ss}", "name", u->name);
	if (peer_call(to, "status", arguments, PEER_S, &there) == 0) {
		const char *state = json_text(there, "state");

		error = strcmp(state, "running") == 0 ? 0 : host_fail(OM_ECONNECTION, "the process of %s was killed here; there it is %.40s", u->name, state);
	} else {
		error = host_fail(OM_ECONNECTION, "the process of %s was killed here, and %s does not say whether it runs there", u->name, to);
	}
	json_decref(there);
	return error;
}

/* Until the end of the session. */
static int watch_move(struct client *client, const struct service_unit *u, struct channel *channel, const char *to, json_t **ret_report)
{
	for (;;) {
		const char *event;
		json_t *message;
		int error = channel_receive(channel, -1, &message);
		bool end;

		if (error == OM_ETIMEDOUT)
			continue;
		if (error)
			return judge_silent(u, to, ret_report);
		event = json_text(message, "event");
		end = strcmp(event, "end") == 0;
		if (*event)
			socket_tell_client(client, json_pack("{ss ss sO}", "event", "progress", "name", u->name, "report", json_object_get(message, "report")));
		if (end)
			*ret_report = json_incref(json_object_get(message, "report"));
		json_decref(message);
		if (end)
			return judge(u->name, *ret_report);
	}
}

static bool is_cancelled(struct service_unit *u)
{
	bool is;

	pthread_mutex_lock(&service.lock);
	is = u->cancelled;
	pthread_mutex_unlock(&service.lock);
	return is;
}

/* It is cancelled before its process knows of a move. */
static int begin_migration(struct service_unit *u, const struct unit *unit, const struct order *order, const struct program *p, const char *there,
	struct channel *channel)
{
	int error = record_write(u->directory, RECORD_MOVE, json_pack("{ss ss sI ss}", "to", order->to, "at", there, "began", (json_int_t)time(NULL),
		"session", json_text(p->report, "session")));

	if (!error)
		error = life_settle(u);
	if (!error)
		error = program_connect(p->process.pid, channel);
	if (error)
		return error;
	error = is_cancelled(u) ? host_fail(OM_ECANCELLED, "the move of %s was cancelled; it runs on here", u->name) :
		client_call(channel, "migrate", migrate_arguments(unit, order, there), NULL);
	if (error)
		channel_done(channel);
	return error;
}

static void end_there(const struct service_unit *u, const char *to)
{
	char words[400];
	json_t *result = NULL;

	/* Best effort: it ends by itself, later. */
	snprintf(words, sizeof words, "%s", host_reason());
	if (peer_call(to, "receive-end", json_pack("{ss}", "name", u->name), PEER_S, &result))
		host_note("%s: the receiver at %s: %s", u->name, to, host_reason());
	json_decref(result);
	(void)host_fail(OM_ECONNECTION, "%s", words);
}

/* It is not on its way any more; unless nobody knows. */
static void forget_move(const struct service_unit *u)
{
	struct program p;
	char words[400];

	snprintf(words, sizeof words, "%s", host_reason());
	program_look(u, false, &p);
	if (!p.unsure)
		record_remove(u->directory, RECORD_MOVE);
	program_done(&p);
	life_note(u);
	(void)host_fail(OM_ECONNECTION, "%s", words);
}

static int move_with(struct client *client, struct service_unit *u, const struct unit *unit, const struct order *order, const struct program *p,
	json_t **ret_report)
{
	json_t *at = NULL;
	struct channel channel;
	struct order told;
	char there[400];
	int error = peer_call(order->to, "receive", json_pack("{sO}", "unit", unit->object), PEER_S, &at);

	if (error)
		return error;
	receiver_address(at, there, sizeof there);
	json_decref(at);
	told = *order;
	if (!order->rehearse)
		told.bandwidth = share_begin(u, order->bandwidth);
	error = begin_migration(u, unit, &told, p, there, &channel);
	if (error) {
		share_end(u);
		record_remove(u->directory, RECORD_MOVE);
		end_there(u, order->to);
		life_note(u);
		return error;
	}
	if (!order->rehearse)
		share_begun(u, told.bandwidth);
	error = watch_move(client, u, &channel, order->to, ret_report);
	channel_done(&channel);
	if (!order->rehearse)
		share_end(u);
	if (!error && !order->rehearse)
		return program_wait_end(u, &p->process, LEAVE_MS * 1000000ull);
	forget_move(u);
	return error;
}

/* With the ticket that its owner wants, if nobody brought one. */
static int move_it(struct client *client, struct service_unit *u, const struct unit *unit, const struct order *order, const struct program *p,
	json_t **ret_report)
{
	struct order with = *order;
	char *ticket = NULL;
	int error = order->ticket ? 0 : ticket_for(u, p, order->to, &ticket);

	if (ticket)
		with.ticket = ticket;
	if (!error)
		error = move_with(client, u, unit, &with, p, ret_report);
	free(ticket);
	return error;
}

/* Another has ordered the same: both have the same end. */
static int wait_other(const char *name, const char *to, json_t **ret)
{
	struct service_unit *u;
	struct program p;
	bool same, over = false;
	int error = 0;

	pthread_mutex_lock(&service.lock);
	u = units_find(name);
	same = u && u->op == OP_MOVING && strcmp(u->move_to, to) == 0;
	pthread_mutex_unlock(&service.lock);
	if (!u)
		return OM_ENOTFOUND;
	program_look(u, true, &p);
	same = same || (p.move && strcmp(json_text(p.move, "to"), to) == 0);
	program_done(&p);
	if (!same)
		return host_fail(OM_ESTATE, "%s is being moved, or another operation is under way", name);
	while (!over) {
		host_pause_ms(50);
		pthread_mutex_lock(&service.lock);
		over = u->op != OP_MOVING;
		pthread_mutex_unlock(&service.lock);
		program_look(u, true, &p);
		over = over && p.state != STATE_MOVING && p.state != STATE_HANDING && p.state != STATE_OWING && !(p.state == STATE_MOVED && p.alive);
		if (over && p.state == STATE_MOVED)
			*ret = json_pack("{ss sO?}", "state", "moved", "report", p.report);
		else if (over && p.state == STATE_RUNNING && !p.report)
			error = host_fail(OM_ECONNECTION, "%s has not moved, and runs on here", name);
		else if (over)
			error = p.report ? judge(name, p.report) : host_fail(OM_ECONNECTION, "%s has not moved; it is %s", name, service_state_name(p.state));
		program_done(&p);
	}
	return error;
}

/* One that was begun by a service before this, or by hand. */
static bool leaves_already(const struct program *p, const char *to)
{
	return (p->state == STATE_MOVING || p->state == STATE_HANDING || p->state == STATE_OWING) && strcmp(json_text(p->move, "to"), to) == 0;
}

/* A rehearsal gives way to nobody and lasts not long: a move waits for its end. */
static int begin_move(const char *name, bool rehearse, struct service_unit **ret)
{
	int error;

	while ((error = units_begin(name, OP_MOVING, ret)) == OM_ESTATE && !rehearse) {
		struct service_unit *u;
		bool waits;

		pthread_mutex_lock(&service.lock);
		u = units_find(name);
		waits = u && u->op == OP_MOVING && u->rehearses;
		pthread_mutex_unlock(&service.lock);
		if (!waits)
			return OM_ESTATE;
		host_pause_ms(20);
	}
	if (!error) {
		pthread_mutex_lock(&service.lock);
		(*ret)->rehearses = rehearse;
		pthread_mutex_unlock(&service.lock);
	}
	return error;
}

int service_move(struct client *client, const json_t *arguments, json_t **ret)
{
	const char *name = json_text(arguments, "name"), *to = json_text(arguments, "to");
	struct service_unit *u;
	struct order order;
	struct unit unit;
	struct program p;
	json_t *report = NULL;
	const bool rehearse = json_is_true(json_object_get(arguments, "rehearse"));
	int error = begin_move(name, rehearse, &u);

	if (error == OM_ESTATE && rehearse)
		return host_fail(OM_ESTATE, "%s is being moved, or another operation is under way", name);
	if (error == OM_ESTATE)
		return wait_other(name, to, ret);
	if (error)
		return error;
	error = units_copy(u, &unit);
	if (error) {
		units_end(u);
		return error;
	}
	pthread_mutex_lock(&service.lock);
	snprintf(u->move_to, sizeof u->move_to, "%s", to);
	pthread_mutex_unlock(&service.lock);
	program_look(u, true, &p);
	error = read_order(arguments, &unit, &order);
	if (!error && !rehearse && leaves_already(&p, to)) {
		program_done(&p);
		unit_done(&unit);
		units_end(u);
		return wait_other(name, to, ret);
	}
	if (!error && !rehearse && p.state == STATE_MOVED && !p.alive && strcmp(json_text(p.move, "to"), to) == 0)
		report = json_incref(p.report); /* it has been done */
	else if (!error && p.state != STATE_RUNNING)
		error = host_fail(OM_ESTATE, "%s is %s here", name, service_state_name(p.state));
	else if (!error)
		error = move_it(client, u, &unit, &order, &p, &report);
	if (error && !report)
		seen_refused(name, to, error);
	program_done(&p);
	unit_done(&unit);
	units_end(u);
	if (!error)
		*ret = json_pack("{ss sO?}", "state", rehearse ? "running" : "moved", "report", report);
	json_decref(report);
	return error;
}

int service_cancel(const char *name, json_t **ret)
{
	struct service_unit *u;
	struct channel channel;
	struct program p;
	bool early;
	int error;

	pthread_mutex_lock(&service.lock);
	u = units_find(name);
	early = u && u->op == OP_MOVING;
	if (early)
		u->cancelled = true;
	pthread_mutex_unlock(&service.lock);
	if (!u)
		return OM_ENOTFOUND;
	program_look(u, true, &p);
	if (p.state == STATE_RUNNING && early) {
		error = 0; /* its process does not know of it yet, and is not told any more */
	} else if (!p.alive) {
		error = host_fail(OM_ESTATE, "%s does not run here", name);
	} else {
		error = program_connect(p.process.pid, &channel);
		if (!error) {
			error = client_call(&channel, "cancel", NULL, NULL);
			channel_done(&channel);
		}
	}
	program_done(&p);
	if (!error)
		*ret = json_object();
	return error;
}
