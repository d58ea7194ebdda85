/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pumps: one thread per connection between a socket and the engine (the loop of abi/engine.h). Frames lie in the slot's
 * tbuf and go from there to the socket and back without a copy.
 *
 * A pump sends all the engine has for it, looking for arrived frames after each, and then sleeps until a frame arrives,
 * the engine's time has come, or another thread's answer named this connection. It ends when told to (move->stopping),
 * when the session is over and it has nothing left to send, or when its connection breaks.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "collateral/carried.h"
#include "evidence/parse/quote.h"
#include "fault.h"
#include "frame.h"
#include "internal.h"
#include "strerror.h"
#include "util.h"

#define REST_SLICE_NS   50000000u
#define DRAIN_MS        2000
/* Somebody's command may have the connection for a moment; a real refusal comes again. */
#define BUSY_TRIES      50u
#define BUSY_US         100u
#define LAST_FRAMES     16u     /* looked at when nothing can be sent any more */
#define SPIN_NS         50000u  /* urgent requests come in bursts */

struct answer { int64_t ret; uint64_t arg[4]; };

/* One engine operation on the pump's own slot. Return: false if it failed; then ret has the error. */
static bool engine(struct move_connection *c, enum om_engine_op op, uint64_t a0, uint64_t a1, struct answer *ret)
{
	struct om_tbuf *t = host_slot_tbuf(c->move->enclave, c->slot);
	const bool pages = c->number >= OM_CONNECTION_PAGES;
	const uint64_t began = pages ? host_monotonic_ns() : 0, cpu = pages ? move_thread_cpu_ns() : 0;

	for (unsigned tries = 0;; tries++) {
		int error;

		t->arg[0] = a0;
		t->arg[1] = a1;
		t->ret = OM_EINTERNAL;
		error = host_ecall(c->move->enclave, c->slot, OM_ECALL_ENGINE, op, 0);
		ret->ret = error ? error : t->ret;
		if (ret->ret != OM_ESTATE || tries >= BUSY_TRIES)
			break;
		usleep(BUSY_US);
	}
	if (pages)
		move_niceness_note(&c->niceness, host_monotonic_ns() - began, move_thread_cpu_ns() - cpu);
	if (ret->ret < 0)
		return false;
	memcpy(ret->arg, t->arg, sizeof ret->arg);
	if (op != OM_ENGINE_URGENT)
		move_note(c->move, c->number, ret->arg);
	return true;
}

static uint8_t *frame_buffer(const struct move_connection *c)
{
	return host_tbuf_data(host_slot_tbuf(c->move->enclave, c->slot));
}

/* The engine refused: the session has failed, or this frame was not for its state. Its own words are in STATUS. */
static void engine_failed(struct move_connection *c, int64_t error)
{
	host_fail((int)error, "the engine refused a frame of connection %u", c->number);
	move_lose(c->move, (int)error, true);
	move_wake(&c->move->connection[OM_CONNECTION_CONTROL]);
}

/* Rests as the bandwidth limit wants, in slices, so that a stop is noticed. */
static void rest(struct host_move *move, uint64_t ns)
{
	while (ns > 0 && !atomic_load(&move->stopping)) {
		uint64_t slice = ns < REST_SLICE_NS ? ns : REST_SLICE_NS;
		struct timespec time = { .tv_nsec = (long)slice };

		nanosleep(&time, NULL);
		ns -= slice;
	}
}

/* A frame of @size bytes has been sent. The limit of CPU time is for the rounds: whoever waits for a page later waits for nothing else. */
static void hold_back(struct move_connection *c, uint64_t size)
{
	struct host_move *move = c->move;

	rest(move, move_bucket_take(&move->bucket, size, host_monotonic_ns()));
	if (move_bucket_rate(&move->cpu) && atomic_load_explicit(&move->seen_state, memory_order_relaxed) == OM_MIG_ACTIVE) {
		uint64_t cpu = move_thread_cpu_ns();

		rest(move, move_bucket_take(&move->cpu, cpu - c->cpu_ns, host_monotonic_ns()));
		c->cpu_ns = cpu;
	}
}

enum outcome { GO_ON, NOTHING, END };

/* The enclaves' handshake comes with the other host's word that it is its enclave's; see opening.h. */
static bool is_control_kind(const struct move_connection *c, const uint8_t *frame, enum om_frame_kind kind)
{
	return c->number == OM_CONNECTION_CONTROL && frame[OM_FRAME_OFFSET_KIND] == kind;
}

static bool is_noise(const struct move_connection *c, const uint8_t *frame)
{
	return is_control_kind(c, frame, OM_FRAME_NOISE);
}

static int check_noise(struct move_connection *c, const uint8_t *frame, uint32_t size)
{
	uint8_t tag[OM_FRAME_TAG];
	int error = move_receive_rest(c->fd, tag, sizeof tag);

	if (!error)
		error = move_seal_check(&c->move->seal, frame, size, tag);
	if (error)
		move_set_error(c->move, error);
	return error;
}

/* One buffer: the peer waits for both. */
static int send_noise(struct move_connection *c, const uint8_t *frame, size_t size)
{
	uint8_t both[OM_FRAME_HEADER + 64 + OM_FRAME_TAG];

	if (size > sizeof both - OM_FRAME_TAG || !c->move->seal.there)
		return host_fail(OM_EHOST, "a handshake where none is due");
	memcpy(both, frame, size);
	move_seal_tag(&c->move->seal, frame, size, both + size);
	if (!c->move->source)
		c->move->greeted = true;
	return move_send(c->fd, both, size + OM_FRAME_TAG);
}


/* Before the frame that may carry the evidence which it is for. */
static int send_collateral(struct move_connection *c)
{
	uint8_t *buffer = malloc(OM_FRAME_HEADER + OM_COLLATERAL_MAX);
	struct om_frame frame = { .kind = OM_FRAME_COLLATERAL, .connection = OM_CONNECTION_CONTROL };
	int error = 0;

	if (!buffer)
		return host_fail(OM_ENOMEM, "no memory");
	frame.length = (uint32_t)collateral_to_send(buffer + OM_FRAME_HEADER);
	om_frame_encode(&frame, buffer);
	if (frame.length)
		error = move_send(c->fd, buffer, OM_FRAME_HEADER + frame.length);
	free(buffer);
	return error;
}

bool move_refuse(struct host_move *move, int fd)
{
	uint8_t buffer[OM_FRAME_HEADER + OM_OPENING_ANSWER];
	const struct om_frame frame = { .kind = OM_FRAME_REFUSED, .connection = OM_CONNECTION_CONTROL, .length = OM_OPENING_ANSWER };
	struct move_hello refusal;

	if (fd < 0 || move->greeted || !move->seal.there || move->seal.refused)
		return false;
	move_refresh(move);
	move_fill_hello(move, &refusal);
	pthread_mutex_lock(&move->lock);
	refusal.status = move->error ? move->error : move->last.error;
	snprintf(refusal.text, sizeof refusal.text, "%s", move->error ? move->reason : move->last.reason);
	pthread_mutex_unlock(&move->lock);
	if (!refusal.status)
		return false;
	om_frame_encode(&frame, buffer);
	move_seal_refusal(&move->seal, &refusal, buffer);
	return move_send(fd, buffer, sizeof buffer) == 0;
}

/* The other host will not go on. Once the enclaves have keys a host has nothing to say here. */
static int take_refusal(struct move_connection *c, uint8_t *frame, size_t size)
{
	struct host_move *move = c->move;
	struct move_hello refusal;
	int error;

	if (move->greeted)
		return host_fail(OM_ESTATE, "a refusal after the handshake");
	error = move_seal_refused(&move->seal, frame, size, &refusal);
	if (!error)
		error = host_fail(refusal.status < 0 && refusal.status > -100 ? refusal.status : OM_EABORTED, "%s refuses: %s", move->peer,
			refusal.text[0] ? refusal.text : om_strerror(refusal.status));
	move_set_error(move, error);
	return error;
}

/* Takes one frame from the socket, if there is one, into the engine. */
static enum outcome take_in(struct move_connection *c)
{
	struct answer answer;
	uint32_t size;
	bool noise;
	int error = move_receive_frame(c->fd, frame_buffer(c), false, &size);

	if (error == OM_ETIMEDOUT)
		return NOTHING;
	if (!error && size > 0 && is_noise(c, frame_buffer(c)))
		error = check_noise(c, frame_buffer(c), size);
	if (error || size == 0) {
		if (!error)
			error = host_fail(OM_ECONNECTION, "the peer closed connection %u", c->number);
		move_lose(c->move, error, c->number != OM_CONNECTION_CONTROL);
		return END;
	}
	atomic_store_explicit(&c->move->heard_ns, host_monotonic_ns(), memory_order_relaxed);
	if (is_control_kind(c, frame_buffer(c), OM_FRAME_COLLATERAL)) {
		error = collateral_received((struct om_view) { frame_buffer(c) + OM_FRAME_HEADER, size - OM_FRAME_HEADER });
		if (error)
			move_lose(c->move, error, false);
		return error ? END : GO_ON;
	}
	if (is_control_kind(c, frame_buffer(c), OM_FRAME_REFUSED)) {
		move_lose(c->move, take_refusal(c, frame_buffer(c), size), false);
		return END;
	}
	noise = is_noise(c, frame_buffer(c));
	if (!engine(c, OM_ENGINE_IN, c->number, size, &answer)) {
		engine_failed(c, answer.ret);
		/* The control connection goes on: the engine wants to tell the peer why. */
		return c->number == OM_CONNECTION_CONTROL ? GO_ON : END;
	}
	/* The destination's is answered first. */
	if (noise && c->move->source)
		c->move->greeted = true;
	return GO_ON;
}

/* Sends one frame of the engine's, if it has one. @ret_wait_ns: when to ask again. */
static enum outcome send_out(struct move_connection *c, uint64_t *ret_wait_ns)
{
	struct host_move *move = c->move;
	struct answer answer;
	int error;

	if (!engine(c, OM_ENGINE_OUT, c->number, OM_FRAME_MAX, &answer)) {
		engine_failed(c, answer.ret);
		/* As in take_in(): what could not be said is followed by why, evidence that cannot be had for instance. */
		return c->number == OM_CONNECTION_CONTROL ? NOTHING : END;
	}
	*ret_wait_ns = answer.arg[0];
	if (answer.ret > 0) {
		if (answer.ret > OM_FRAME_MAX)
			answer.ret = OM_FRAME_MAX;
		if (c->number == OM_CONNECTION_CONTROL)
			move_fault_frame(move, frame_buffer(c));
		error = is_control_kind(c, frame_buffer(c), OM_FRAME_CONTROL) ? send_collateral(c) : 0;
		if (!error)
			error = is_noise(c, frame_buffer(c)) ? send_noise(c, frame_buffer(c), (size_t)answer.ret) :
				move_send(c->fd, frame_buffer(c), (size_t)answer.ret);
		if (error) {
			char words[200];

			/* The peer may have said why before it closed. */
			snprintf(words, sizeof words, "%s", host_reason());
			for (unsigned i = 0; c->number == OM_CONNECTION_CONTROL && i < LAST_FRAMES && take_in(c) == GO_ON; i++)
				;
			move_lose(move, host_fail(error, "%s", words), c->number != OM_CONNECTION_CONTROL);
			return END;
		}
		if (c->number == OM_CONNECTION_CONTROL)
			move_fault_sent(move);
		if (c->number >= OM_CONNECTION_PAGES)
			hold_back(c, (uint64_t)answer.ret);
		return GO_ON;
	}
	return answer.arg[3] & OM_MIG_F_OVER ? END : NOTHING;
}

static void sleep_until_something(struct move_connection *c, uint64_t wait_ns)
{
	struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->wake_fd, .events = POLLIN } };
	struct timespec time = { .tv_sec = (time_t)(wait_ns / 1000000000), .tv_nsec = (long)(wait_ns % 1000000000) };
	uint64_t count;

	if (wait_ns == 0)
		return;
	if (ppoll(p, 2, wait_ns == UINT64_MAX ? NULL : &time, NULL) > 0 && p[1].revents)
		(void)!read(c->wake_fd, &count, sizeof count); /* only to empty it */
}

static void pump_frames(struct move_connection *c)
{
	const bool control = c->number == OM_CONNECTION_CONTROL;

	while (!atomic_load(&c->move->stopping)) {
		uint64_t wait_ns = UINT64_MAX;
		enum outcome out, in;

		if (c->number >= OM_CONNECTION_PAGES)
			move_niceness_step(&c->niceness, atomic_load_explicit(&c->move->seen_state, memory_order_relaxed) == OM_MIG_POSTCOPY);
		if (control)
			atomic_store(&c->move->control_busy, true);
		out = send_out(c, &wait_ns);
		move_fault_wait(c->move);
		if (out == END)
			return;
		in = take_in(c);
		if (in == END)
			return;
		if (out != NOTHING || in != NOTHING)
			continue;
		if (control)
			atomic_store(&c->move->control_busy, false);
		sleep_until_something(c, wait_ns);
	}
}

static void pump(struct move_connection *c)
{
	pump_frames(c);
	if (c->number == OM_CONNECTION_CONTROL)
		atomic_store(&c->move->control_busy, false);
}

/* The source's side of the urgent connection: a request in, its reply out. */
static void pump_urgent(struct move_connection *c)
{
	uint64_t last = 0;

	while (!atomic_load(&c->move->stopping)) {
		struct answer answer;
		uint32_t size;
		int error;

		move_fault_wait(c->move);
		error = move_receive_frame(c->fd, frame_buffer(c), false, &size);

		if (error == OM_ETIMEDOUT) {
			if (host_monotonic_ns() - last >= SPIN_NS)
				sleep_until_something(c, UINT64_MAX);
			else
				sched_yield();
			continue;
		}
		if (error || size == 0) {
			if (!error)
				error = host_fail(OM_ECONNECTION, "the peer closed the urgent connection");
			move_lose(c->move, error, true);
			return;
		}
		last = host_monotonic_ns();
		atomic_store_explicit(&c->move->heard_ns, last, memory_order_relaxed);
		if (!engine(c, OM_ENGINE_URGENT, size, 0, &answer)) {
			engine_failed(c, answer.ret);
			return;
		}
		error = is_noise(c, frame_buffer(c)) ? send_noise(c, frame_buffer(c), (size_t)answer.ret) :
			move_send(c->fd, frame_buffer(c), (size_t)answer.ret);
		if (error) {
			move_lose(c->move, error, true);
			return;
		}
	}
}

static void *thread_main(void *argument)
{
	struct move_connection *c = argument;
	int error = host_thread_attach(c->move->enclave);

	if (error) {
		move_lose(c->move, error, false);
		return NULL;
	}
	if (c->number == OM_CONNECTION_URGENT)
		pump_urgent(c);
	else
		pump(c);
	host_thread_detach(c->move->enclave);
	atomic_fetch_add(&c->move->cpu_ns, move_thread_cpu_ns());
	return NULL;
}

static bool needs_pump(const struct host_move *move, const struct move_connection *c)
{
	return c->fd >= 0 && (move->source || c->number != OM_CONNECTION_URGENT);
}

int move_pumps_start(struct host_move *move)
{
	pthread_mutex_lock(&move->lock);
	move->lost = move->eof = false;
	pthread_mutex_unlock(&move->lock);
	atomic_store(&move->stopping, false);
	atomic_store(&move->heard_ns, host_monotonic_ns());
	if (!move->source)
		move_urgent_up(&move->urgent, move->connection[OM_CONNECTION_URGENT].fd);
	for (unsigned i = 0; i < OM_CONNECTION_PAGES + move->channels; i++) {
		struct move_connection *c = &move->connection[i];
		int code;

		if (!needs_pump(move, c))
			continue;
		c->cpu_ns = 0;
		code = pthread_create(&c->thread, NULL, thread_main, c);
		if (code) {
			move_pumps_stop(move, false);
			return host_fail(OM_ENOMEM, "thread for connection %u: %s", i, strerror(code));
		}
		c->thread_runs = true;
	}
	return 0;
}

/* Reads until the peer closes too: closing with unread data would reset the connection, and the peer might lose our
 * last frame to it. */
static void close_orderly(int fd)
{
	uint64_t end = host_monotonic_ns() + DRAIN_MS * 1000000ull;
	uint8_t scrap[4096];

	shutdown(fd, SHUT_WR);
	while (host_monotonic_ns() < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 100) > 0 && recv(fd, scrap, sizeof scrap, MSG_DONTWAIT) <= 0)
			break;
	}
	close(fd);
}

static void join_pump(struct move_connection *c)
{
	move_wake(c);
	if (c->thread_runs)
		pthread_join(c->thread, NULL);
	c->thread_runs = false;
}

void move_pumps_stop(struct host_move *move, bool orderly)
{
	struct move_connection *control = &move->connection[OM_CONNECTION_CONTROL];
	unsigned count = OM_CONNECTION_PAGES + move->channels;
	bool gently = orderly || !move->greeted;         /* the other host may be told why */

	/* First: threads of the program may wait there. */
	if (!move->source)
		move_urgent_down(&move->urgent, orderly);
	/* It ends by itself when the last frame is out. */
	if (orderly)
		join_pump(control);
	atomic_store(&move->stopping, true);
	for (unsigned i = 0; i < count; i++)
		if (move->connection[i].fd >= 0 && !(orderly && i == OM_CONNECTION_CONTROL))
			shutdown(move->connection[i].fd, gently && i == OM_CONNECTION_CONTROL ? SHUT_RD : SHUT_RDWR);
	for (unsigned i = 0; i < count; i++) {
		struct move_connection *c = &move->connection[i];

		join_pump(c);
		if (c->fd >= 0 && c == control && (move_refuse(move, c->fd) || orderly))
			close_orderly(c->fd);
		else if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
	}
}
