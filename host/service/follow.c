/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A follower: one thread for each program that lives. It hears what the program's process says of its migrations, and notices the program's
 * end. It begins a failed program again if the unit's file says that the program may be begun with its memory lost. A unit that came
 * by `define` is not begun again: who defines it supervises it himself.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "control/client.h"
#include "json_text.h"
#include "seen.h"
#include "util.h"

#define CONNECT_EVERY_MS  20
#define CONNECT_LATER_MS  500
#define ANSWER_MS         2000
#define RECORD_WAIT_MS    10000
#define STEADY_S          60            /* who ran so long did not fail at its start */
#define AGAIN_MAX_S       60u
#define VAIN_EVERY_NS     5000000000u

static void tell_state(struct service_unit *u)
{
	json_t *status = program_status(u);

	socket_tell(json_pack("{ss ss sO}", "event", "state", "name", u->name, "unit", status));
	json_decref(status);
}

/* Its supervisor may be killed, and it lives. */
static void note_inner(const struct service_unit *u, const struct program *p, struct channel *channel)
{
	struct record_process inner;
	json_t *info;

	if (client_call_for(channel, "info", NULL, ANSWER_MS, &info))
		return;
	if (record_process_get((pid_t)json_integer_value(json_object_get(info, "pid")), &inner) && inner.pid != p->process.pid &&
	    record_write(u->directory, RECORD_INNER, json_pack("{so ss}", "program", record_process_json(&inner), "boot", record_boot())))
		host_error("%s: %s", u->name, host_reason());
	json_decref(info);
}

static int begin_watching(const struct service_unit *u, const struct program *p, struct channel *channel)
{
	int error = program_connect(p->process.pid, channel);

	if (!error)
		note_inner(u, p, channel);
	if (!error)
		error = channel_send(channel, json_pack("{ss}", "command", "watch"));
	if (error)
		channel_done(channel);
	return error;
}

/* Looking writes that down. */
static void look_whether_come(const struct service_unit *u, const json_t *report)
{
	const char *role = json_string_value(json_object_get(report, "role"));
	struct program p;

	if (!role || strcmp(role, "destination") != 0)
		return;
	program_look(u, false, &p);
	if (!p.come) {
		program_done(&p);
		program_look(u, true, &p);
	}
	program_done(&p);
}

/* A move that somebody has begun by hand (optmig migrate) is written down like one of ours. */
static void note_move(const struct service_unit *u, const json_t *report, bool ended)
{
	const char *role = json_string_value(json_object_get(report, "role")), *status = json_string_value(json_object_get(report, "status"));
	const json_t *peer = json_object_get(report, "peer");
	json_t *move;

	if (!role || !status || strcmp(role, "source") != 0)
		return;
	if (record_read(u->directory, RECORD_MOVE, &move)) {
		if (!ended && record_write(u->directory, RECORD_MOVE, json_pack("{sO ss sI sb}", "to", peer, "session", "", "began", (json_int_t)time(NULL), "by-hand", 1)))
			host_error("%s: %s", u->name, host_reason());
		life_note(u);
		return;
	}
	if (ended && strcmp(status, "completed") != 0 && json_is_true(json_object_get(move, "by-hand")))
		record_remove(u->directory, RECORD_MOVE);
	json_decref(move);
	life_note(u);
}

/* This service has begun it. */
static bool is_new(const struct service_unit *u)
{
	struct program p;
	bool is;

	program_look(u, false, &p);
	is = p.began >= service.began;
	program_done(&p);
	return is;
}

/* What has come. Return: false if the channel is at its end. */
static bool hear(struct service_unit *u, struct channel *channel)
{
	const int filled = channel_fill(channel);
	json_t *message;

	if (filled && filled != OM_ETIMEDOUT)
		return false;
	while (channel_take(channel, &message) == 0) {
		/* What it was doing when it began to be watched: the end of what has come quickly. Older ends were counted then. */
		const json_t *first = json_object_get(message, "return");
		const char *event = json_string_value(json_object_get(message, "event"));
		const bool ended = event && strcmp(event, "end") == 0;

		if (event) {
			note_move(u, json_object_get(message, "report"), ended);
			seen_report(u, json_object_get(message, "report"), ended);
			look_whether_come(u, json_object_get(message, "report"));
			socket_tell(json_pack("{ss ss sO}", "event", event, "name", u->name, "report", json_object_get(message, "report")));
		} else if (first && *json_text(first, "role") == 'd' && is_new(u)) {
			seen_report(u, first, true);
		}
		json_decref(message);
		if (ended) {
			tell_state(u);
			if (channel_send(channel, json_pack("{ss}", "command", "watch")))
				return false;
		}
	}
	return true;
}

/* A complete receiver whose source gave the move up would wait for ever: service_discard() asks the source, and refuses unless the program runs on there. */
static void end_if_vain(const struct service_unit *u)
{
	struct program p;
	json_t *ignored = NULL;
	bool waits;

	program_look(u, false, &p);
	waits = p.receiver && !p.come;
	program_done(&p);
	if (!waits)
		return;
	program_look(u, true, &p);
	waits = p.state == STATE_RECEIVING && json_is_true(json_object_get(p.report, "prepared")) && strcmp(json_text(p.report, "phase"), "reconnecting") == 0;
	program_done(&p);
	if (waits && service_discard(u->name, "its move here was given up, and it runs on where it came from", false, &ignored) == 0)
		json_decref(ignored);
}

/* Until the process has ended. */
static void watch(struct service_unit *u, const struct program *p)
{
	const uint64_t since = host_monotonic_ns();
	uint64_t looked = since;
	const int pidfd = (int)syscall(SYS_pidfd_open, p->process.pid, 0);
	struct channel channel;
	bool first = true;

	channel_init(&channel, -1);
	while (record_process_alive(&p->process)) {
		struct pollfd fds[2] = { { .fd = pidfd, .events = POLLIN } };
		int wait = 1000;

		if (channel.fd < 0 && begin_watching(u, p, &channel) == 0 && first) {
			first = false;
			tell_state(u);
		}
		if (channel.fd < 0)
			wait = host_monotonic_ns() - since < 10000000000u ? CONNECT_EVERY_MS : CONNECT_LATER_MS;
		fds[1] = (struct pollfd){ .fd = channel.fd, .events = POLLIN };
		(void)poll(fds, 2, wait); /* whatever it says, both are looked at */
		if (channel.fd >= 0 && fds[1].revents && !hear(u, &channel))
			channel_done(&channel);
		if (host_monotonic_ns() - looked > VAIN_EVERY_NS) {
			end_if_vain(u);
			looked = host_monotonic_ns();
		}
	}
	channel_done(&channel);
	if (pidfd >= 0)
		close(pidfd);
}

/* Its keeper writes how it ended, unless that was killed; or which process has it now. */
static void wait_record(const struct service_unit *u)
{
	for (unsigned i = 0; i < RECORD_WAIT_MS / 5; i++) {
		struct program p;
		bool known;

		program_look(u, false, &p);
		known = p.alive || p.end || !p.kept;
		program_done(&p);
		if (known)
			return;
		host_pause_ms(5);
	}
}

/* Only what failed, and may; and neither an order nor another follower has come between. */
static bool wants_again(struct service_unit *u)
{
	struct program p;
	json_t *hold;
	bool wanted;

	program_look(u, false, &p);
	wanted = p.state == STATE_FAILED && !p.unsure && !json_is_true(json_object_get(p.life, "held"));
	program_done(&p);
	if (record_read(u->directory, RECORD_HOLD, &hold) == 0) {
		wanted = false;
		json_decref(hold);
	}
	pthread_mutex_lock(&service.lock);
	wanted = wanted && u->defined && !u->transient && u->unit.fresh && u->op == OP_NONE && !u->followed;
	pthread_mutex_unlock(&service.lock);
	return wanted;
}

static void begin_again(struct service_unit *u, int64_t began)
{
	char labels[UNIT_NAME_MAX + 16];

	if (began && time(NULL) - began > STEADY_S)
		u->failures = 0;
	while (wants_again(u)) {
		const unsigned delay = u->failures < 6 ? 1u << u->failures : AGAIN_MAX_S;
		json_t *result = NULL;

		u->failures++;
		snprintf(labels, sizeof labels, "unit=\"%s\"", u->name);
		metrics_add(METRIC_RESTARTS, labels, 1);
		socket_tell(json_pack("{ss ss si ss}", "event", "restart", "name", u->name, "delay", (int)delay, "lost", "its memory"));
		host_note("%s failed; it is begun afresh in %u s, and what its memory held is lost", u->name, delay);
		host_pause_ms(delay * 1000);
		if (!wants_again(u))
			return;
		if (service_start(u->name, true, &result))
			host_error("%s: %s", u->name, host_reason());
		json_decref(result);
	}
}

static void count_failure(const struct service_unit *u)
{
	char labels[UNIT_NAME_MAX + 16];
	struct program p;

	program_look(u, false, &p);
	snprintf(labels, sizeof labels, "unit=\"%s\"", u->name);
	if (p.state == STATE_FAILED)
		metrics_add(METRIC_PROGRAM_FAILURES, labels, 1);
	program_done(&p);
}

static void *follower_main(void *argument)
{
	struct service_unit *u = argument;
	struct program p;
	bool lived = false;
	int64_t began;

	program_look(u, false, &p);
	began = p.began;
	while (p.alive) {
		lived = true;
		watch(u, &p);
		wait_record(u);
		life_note(u); /* its keeper may have been killed */
		program_done(&p);
		program_look(u, false, &p); /* another process may have it: its supervisor is gone, or it was begun anew */
	}
	program_done(&p);
	pthread_mutex_lock(&service.lock);
	u->followed = false;
	pthread_cond_broadcast(&service.changed);
	pthread_mutex_unlock(&service.lock);
	if (lived)
		tell_state(u);
	if (lived)
		count_failure(u);
	program_look(u, false, &p);
	if (p.alive)
		follow(u); /* it was begun anew, by somebody who saw that it is followed */
	program_done(&p);
	begin_again(u, began);
	return NULL;
}

void follow(struct service_unit *u)
{
	bool wanted;

	pthread_mutex_lock(&service.lock);
	wanted = !u->followed;
	u->followed = true;
	pthread_mutex_unlock(&service.lock);
	if (!wanted)
		return;
	if (host_thread_begin(follower_main, u)) {
		host_error("%s is not watched: no thread", u->name);
		pthread_mutex_lock(&service.lock);
		u->followed = false;
		pthread_mutex_unlock(&service.lock);
	}
}
