/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What source and destination have in common: the session's facts under one lock, engine calls from outside the pumps,
 * the watch over a running session, its end.
 *
 * Facts flow one way: pumps and callers hand every engine answer to move_note, which wakes the connections named ready
 * and records what is new (over, running, committed); breaks of the transport come by move_lose. The supervisor waits
 * for them in move_watch and acts. A pump never closes or makes connections.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "collateral/carried.h"
#include "strerror.h"
#include "fault.h"
#include "testhooks.h"
#include "internal.h"
#include "net/hold.h"
#include "util.h"

#define TICK_NS    100000000u
#define GRACE_NS   1000000000u  /* after a connection but the control one has ended: the session may just be over */
#define DELIVER_MS 2000u
#define COST_NS    200000000u
#define THEN       "; and then "

/* A destination is in this state for the length of one call only: no status shows it. */
static void at_rebuilding(void *context)
{
	struct host_move *move = context;

	if (!move->source)
		move_fault(move, MOVE_STEP_DESTINATION_DEVICE);
}

int move_new(struct host_enclave *enclave, struct host_move **ret_mig)
{
	struct host_move *move = calloc(1, sizeof *move);
	struct host_hooks hooks = { .context = move, .urgent_page = move_urgent_page, .program_exit = move_program_exit,
		.before_bind = move_before_bind, .rebuilding = at_rebuilding };
	int error;

	if (!move)
		return host_fail(OM_ENOMEM, "no memory");
	move->enclave = enclave;
	/* Now: a program may give up the user who can read it. Without one nothing is missing but migrations. */
	if (host_key_own(&move->key))
		host_detail("%s", host_reason());
	move->listen_fd = -1;
	move->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	move->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&move->call_lock, NULL);
	pthread_mutex_init(&move->lock, NULL);
	host_cond_init(&move->changed);
	move_bucket_init(&move->bucket, 0);
	move_bucket_init(&move->cpu, 0);
	move_cost_init(&move->cost);
	move_clock_id(move->clock);
	for (unsigned i = 0; i < MOVE_CONNECTIONS_MAX; i++) {
		move->connection[i] = (struct move_connection){ .move = move, .number = (uint16_t)i, .fd = -1,
			.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
		move->pending[i] = -1;
		if (move->connection[i].wake_fd < 0)
			return host_fail(OM_ENOMEM, "eventfd: %s", strerror(errno));
	}
	if (move->event_fd < 0 || move->stop_fd < 0)
		return host_fail(OM_ENOMEM, "eventfd: %s", strerror(errno));
	/* Once, while nobody else is inside: who asks something through this slot may do so at any time, also when a session begins. */
	error = host_slot_resize(enclave, HOST_SLOT_CONTROL, MOVE_TBUF_SIZE);
	if (error)
		return error;
	host_set_hooks(enclave, &hooks);
	*ret_mig = move;
	return move_urgent_init(&move->urgent);
}

int64_t move_call(struct host_move *move, enum om_engine_op op, uint64_t a0, uint64_t a1, uint64_t ret_arg[4])
{
	struct om_tbuf *t;
	int64_t ret;
	int error;

	pthread_mutex_lock(&move->call_lock);
	t = host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL);
	t->arg[0] = a0;
	t->arg[1] = a1;
	t->ret = OM_EINTERNAL;
	error = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, op, 0);
	ret = error ? error : t->ret;
	if (ret >= 0 && ret_arg)
		memcpy(ret_arg, t->arg, 4 * sizeof *ret_arg);
	pthread_mutex_unlock(&move->call_lock);
	return ret;
}

void move_refresh(struct host_move *move)
{
	struct om_mig_status status;
	bool ok;

	pthread_mutex_lock(&move->lock);
	ok = move->begun;
	pthread_mutex_unlock(&move->lock);
	if (!ok)
		return;
	pthread_mutex_lock(&move->call_lock);
	host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL)->ret = OM_EINTERNAL;
	ok = host_ecall(move->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_STATUS, 0) == 0 &&
		host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL)->ret >= 0;
	memcpy(&status, host_tbuf_data(host_slot_tbuf(move->enclave, HOST_SLOT_CONTROL)), sizeof status);
	pthread_mutex_unlock(&move->call_lock);
	if (!ok || status.version != OM_ENGINE_VERSION)
		return;
	status.choice[sizeof status.choice - 1] = status.reason[sizeof status.reason - 1] = status.peer[sizeof status.peer - 1] = 0;
	pthread_mutex_lock(&move->lock);
	move->last = status;
	pthread_mutex_unlock(&move->lock);
}

void move_wake(const struct move_connection *connection)
{
	const uint64_t one = 1;

	(void)!write(connection->wake_fd, &one, sizeof one); /* full means awake */
}

static void signal_event(const struct host_move *move)
{
	const uint64_t one = 1;

	(void)!write(move->event_fd, &one, sizeof one);
}

/* The first time the engine says so. Under the lock. */
static void note_committed(struct host_move *move)
{
	move->committed = true;
	/* Before the token leaves: once the destination announces the address, this host must not answer for it. */
	if (move->source)
		move_source_committed(move);
	if (move->source)
		host_hook_spectator(move->enclave, "committed", move->session);
}

static void note_running(struct host_move *move)
{
	move->running = true;
	if (!move->source)
		move_receive_arrived(move);
}

static void fault_at_state(struct host_move *move, uint32_t state, uint32_t flags)
{
	static const struct { uint32_t state; enum move_step source, destination; } steps[] = {
		{ OM_MIG_ACTIVE, MOVE_STEP_SOURCE_ACTIVE, MOVE_STEP_DESTINATION_ACTIVE },
		{ OM_MIG_DEVICE, MOVE_STEP_SOURCE_DEVICE, MOVE_STEP_COUNT },
		{ OM_MIG_PREPARED, MOVE_STEP_COUNT, MOVE_STEP_DESTINATION_PREPARED },
		{ OM_MIG_COMMITTED, MOVE_STEP_SOURCE_COMMITTED, MOVE_STEP_COUNT },
		{ OM_MIG_POSTCOPY, MOVE_STEP_SOURCE_POSTCOPY, MOVE_STEP_DESTINATION_POSTCOPY },
		{ OM_MIG_COMPLETED, MOVE_STEP_SOURCE_COMPLETED, MOVE_STEP_DESTINATION_COMPLETED },
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i].state == state)
			move_fault(move, move->source ? steps[i].source : steps[i].destination);
	/* After the token, or its like: the other ends need no word. */
	if (state == OM_MIG_FAILED && (move->source ? move->committed : flags & OM_MIG_F_AWAITED))
		move_fault(move, move->source ? MOVE_STEP_SOURCE_ABORTED : MOVE_STEP_DESTINATION_ABORTED);
}

void move_note(struct host_move *move, uint16_t self, const uint64_t arg[4])
{
	uint64_t ready = arg[1];
	uint32_t state = (uint32_t)arg[2], flags = (uint32_t)arg[3], before;

	for (unsigned i = 0; ready != 0 && i < MOVE_CONNECTIONS_MAX; i++, ready >>= 1)
		if (ready & 1 && i != self)
			move_wake(&move->connection[i]);
	if (atomic_load_explicit(&move->seen_state, memory_order_relaxed) == state &&
	    atomic_load_explicit(&move->seen_flags, memory_order_relaxed) == flags)
		return;
	pthread_mutex_lock(&move->lock);
	before = atomic_load_explicit(&move->seen_flags, memory_order_relaxed);
	atomic_store_explicit(&move->seen_state, state, memory_order_relaxed);
	atomic_store_explicit(&move->seen_flags, flags, memory_order_relaxed);
	fault_at_state(move, state, flags);
	if (state == OM_MIG_COMMITTED && move->source && !move->committed)
		note_committed(move);
	if (state == OM_MIG_PREPARED && !move->prepared) {
		move->prepared = true;
		if (!move->source)
			host_hook_spectator(move->enclave, "prepared", move->session);
	}
	if (flags & OM_MIG_F_RUNNING && !move->source && !move->running)
		note_running(move);
	/* The enclave lifts the hold when the program runs there; a release that got lost is made up for. Nothing held is fine. */
	if (move->source && move->committed && state == OM_MIG_COMPLETED)
		(void)host_net_release();
	if (state == OM_MIG_FAILED && flags & OM_MIG_F_AWAITED && !move->gave_up) {
		move->gave_up = true;
		move_receive_gave_up(move);
	}
	if (flags & OM_MIG_F_OVER && !move->over)
		move->over = true;
	/* A frame that had to be refused after the token counts as a loss: only new connections settle it. */
	if (flags & ~before & OM_MIG_F_RECONNECT && move->phase == MOVE_PHASE_RUNNING && !atomic_load(&move->stopping))
		move->lost = true;
	pthread_cond_broadcast(&move->changed);
	pthread_mutex_unlock(&move->lock);
	signal_event(move);
}

/* Under the lock. The first one is what the user has to know; a second one may come of it, and is said once. */
static void add_reason(struct host_move *move, int error, const char *words)
{
	size_t size = strlen(move->reason);

	if (!move->error) {
		move->error = error;
		snprintf(move->reason, sizeof move->reason, "%s", words);
	} else if (*words && size && !strstr(move->reason, THEN) && !strstr(move->reason, words)) {
		snprintf(move->reason + size, sizeof move->reason - size, THEN "%s", words);
	}
}

void move_set_error(struct host_move *move, int error)
{
	pthread_mutex_lock(&move->lock);
	add_reason(move, error, host_reason());
	pthread_mutex_unlock(&move->lock);
}

void move_lose(struct host_move *move, int error, bool eof)
{
	pthread_mutex_lock(&move->lock);
	if (move->phase == MOVE_PHASE_RUNNING && !atomic_load(&move->stopping) && !move->over && !move->lost && !(eof && move->eof)) {
		host_detail("connection lost: %s (%s)", host_reason(), om_errname(error));
		if (eof)
			move->eof = true;
		else
			move->lost = true;
		pthread_cond_broadcast(&move->changed);
	}
	pthread_mutex_unlock(&move->lock);
}

void move_set_phase(struct host_move *move, enum move_phase phase)
{
	pthread_mutex_lock(&move->lock);
	move->phase = phase;
	pthread_cond_broadcast(&move->changed);
	pthread_mutex_unlock(&move->lock);
	signal_event(move);
}

/* Under the lock, for at most a tick. */
void move_wait_tick(struct host_move *move)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	pthread_cond_timedwait(&move->changed, &move->lock, &until);
}

/* During rounds the engine is told what they cost, so that it does not send ahead what is not worth it. Under the lock, which is left. */
static void tell_cost(struct host_move *move, uint64_t *due_ns)
{
	uint64_t now = host_monotonic_ns(), arg[4];
	uint32_t cost;

	if (!move->source || now < *due_ns || atomic_load(&move->seen_state) != OM_MIG_ACTIVE)
		return;
	*due_ns = now + COST_NS;
	pthread_mutex_unlock(&move->lock);
	cost = move_cost_step(&move->cost);
	if (move_call(move, OM_ENGINE_COMMAND, OM_COMMAND_COST, cost, arg) >= 0)
		move_note(move, UINT16_MAX, arg);
	pthread_mutex_lock(&move->lock);
}

bool move_watch(struct host_move *move)
{
	uint64_t ended_ns = 0, cost_due_ns = 0;
	bool over;

	pthread_mutex_lock(&move->lock);
	while (!move->over && !move->lost) {
		uint64_t now = host_monotonic_ns(), heard = atomic_load(&move->heard_ns);

		/* Evidence is judged for seconds on a slow CPU, and the peer's reason may lie behind it. */
		if (move->eof && (ended_ns == 0 || atomic_load(&move->control_busy)))
			ended_ns = now;
		if (move->eof && now - ended_ns > GRACE_NS)
			move->lost = true;
		if (move->source && now > heard && now - heard > move->request.silence_ns) {
			host_detail("nothing heard for %.1f s", (double)(now - heard) / 1e9);
			move->lost = true;
		}
		if (!move->over && !move->lost)
			move_wait_tick(move);
		tell_cost(move, &cost_due_ns);
	}
	over = move->over;
	move->lost = move->eof = false;
	pthread_mutex_unlock(&move->lock);
	return over;
}

bool move_report_loss(struct host_move *move)
{
	uint64_t arg[4];
	int64_t ret;

	move_fault_step(move, move->source ? MOVE_STEP_SOURCE_LOST : MOVE_STEP_DESTINATION_LOST);
	ret = move_call(move, OM_ENGINE_LOST, UINT64_MAX, 0, arg);

	if (ret < 0) {
		host_fail((int)ret, "the engine cannot go on after the loss of its connections");
		move_set_error(move, (int)ret);
		return false;
	}
	move_note(move, UINT16_MAX, arg);
	return arg[3] & OM_MIG_F_RECONNECT;
}

uint64_t move_go_on(struct host_move *move)
{
	uint64_t arg[4];

	if (move_call(move, OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, arg) < 0)
		return UINT64_MAX;
	move_note(move, UINT16_MAX, arg);
	return arg[0];
}

void move_drain(struct host_move *move)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t arg[4];
		int64_t ret = move_call(move, OM_ENGINE_OUT, OM_CONNECTION_CONTROL, OM_FRAME_MAX, arg);

		if (ret < 0)
			return;
		move_note(move, UINT16_MAX, arg);
		if (ret == 0)
			return;
	}
}

int move_slots_acquire(struct host_move *move)
{
	int error = 0;

	for (unsigned i = 0; i < OM_CONNECTION_PAGES + move->channels && !error; i++)
		if (move->source || i != OM_CONNECTION_URGENT)
			error = host_slot_acquire(move->enclave, MOVE_TBUF_SIZE, &move->connection[i].slot);
	if (error)
		move_slots_release(move);
	return error;
}

void move_slots_release(struct host_move *move)
{
	for (unsigned i = 0; i < MOVE_CONNECTIONS_MAX; i++) {
		if (move->connection[i].slot != 0)
			host_slot_release(move->enclave, move->connection[i].slot);
		move->connection[i].slot = 0;
	}
}

void move_session_begun(struct host_move *move)
{
	pthread_mutex_lock(&move->lock);
	move->begun = true;
	pthread_mutex_unlock(&move->lock);
}

void move_session_runs(struct host_move *move)
{
	bool cancel;

	pthread_mutex_lock(&move->lock);
	move->phase = MOVE_PHASE_RUNNING;
	cancel = move->cancel;
	pthread_mutex_unlock(&move->lock);
	move_set_phase(move, MOVE_PHASE_RUNNING);
	if (cancel)
		(void)move_command(move, move->source ? OM_COMMAND_CANCEL : OM_COMMAND_ABORT, 0); /* nothing was sent yet: not too late */
}

/* Under no lock; the caller has set phase CONNECTING, so nobody else begins one. */
void move_begin_session(struct host_move *move, bool source)
{
	uint64_t count;

	(void)!read(move->stop_fd, &count, sizeof count); /* left over from an earlier cancel */
	pthread_mutex_lock(&move->lock);
	move->source = source;
	move->begun = move->over = move->running = move->committed = move->prepared = move->lost = move->eof = false;
	move->retry_now = move->cancel = move->same_clock = move->gave_up = move->peer_pinned = false;
	move->error = 0;
	move->reason[0] = move->peer[0] = 0;
	move->reconnects = 0;
	move->begun_count++;
	move->any = true;
	memset(&move->last, 0, sizeof move->last);
	memset(&move->seal, 0, sizeof move->seal);
	move->greeted = false;
	atomic_store(&move->control_busy, false);
	collateral_forget();
	move->last.role = source ? 1 : 2;
	move->last.state = OM_MIG_SETUP;
	atomic_store(&move->seen_state, OM_MIG_NONE);
	atomic_store(&move->seen_flags, 0);
	atomic_store(&move->cpu_ns, 0);
	pthread_mutex_unlock(&move->lock);
}

void move_fill_hello(struct host_move *move, struct move_hello *ret_hello)
{
	const struct om_image_header *header = host_image_header(move->enclave);
	struct move_hello hello = { .kind = OM_HELLO_NEW, .channels = move->channels, .elrange_size = header->elrange_size };

	memcpy(hello.session, move->session, sizeof hello.session);
	memcpy(hello.mrenclave, host_image_mrenclave(move->enclave), sizeof hello.mrenclave);
	memcpy(hello.clock, move->clock, sizeof hello.clock);
	snprintf(hello.program, sizeof hello.program, "%s", header->program_name);
	*ret_hello = hello;
}

/* Under the lock. The engine's reason; if the host had one before, only what went wrong at the end. */
static void end_reason(struct host_move *move)
{
	const struct om_mig_status *last = &move->last;
	const char *then = strstr(last->reason, THEN);

	if (!move->error && last->error)
		add_reason(move, last->error, last->reason[0] ? last->reason : om_strerror(last->error));
	else if (move->error && then)
		add_reason(move, last->error, then + sizeof THEN - 1);
}

/* Under the lock. It is counted together with the phase: each session ends once. */
static void set_ended(struct host_move *move)
{
	/* The host failed before the engine had a session, or the engine's says less: a host that gives up tells it to cancel. */
	if (move->error && (move->last.state < OM_MIG_COMPLETED || move->last.state == OM_MIG_CANCELLED))
		move->last.state = move->error == OM_ECANCELLED ? OM_MIG_CANCELLED : OM_MIG_FAILED;
	move->ended_count++;
	move->phase = MOVE_PHASE_ENDED;
	pthread_cond_broadcast(&move->changed);
}

/* What the engine has to say about the end; then the slots go back. The supervisor is the only thread left. */
void move_end_session(struct host_move *move)
{
	move_fault_step(move, move->source ? MOVE_STEP_SOURCE_ENDING : MOVE_STEP_DESTINATION_ENDING);
	move_refresh(move);
	move_slots_release(move);
	pthread_mutex_lock(&move->lock);
	end_reason(move);
	atomic_fetch_add(&move->cpu_ns, move_thread_cpu_ns());
	if (move->phase != MOVE_PHASE_ENDED)     /* else with the process */
		set_ended(move);
	pthread_mutex_unlock(&move->lock);
	signal_event(move);
}

bool move_process_ends(struct host_move *move)
{
	struct timespec until;

	atomic_store(&move->process_ends, true);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DELIVER_MS / 1000;
	if (pthread_mutex_timedlock(&move->lock, &until))
		return false;
	if (move->phase != MOVE_PHASE_IDLE && move->phase != MOVE_PHASE_ENDED) {
		uint32_t state = atomic_load(&move->seen_state);

		/* The last that is known: the enclave may be what ends it. */
		if (move->begun && state != OM_MIG_NONE)
			move->last.state = state == OM_MIG_WAITING ? OM_MIG_NONE : state;
		if (state != OM_MIG_COMPLETED)
			add_reason(move, OM_EHOST, "the process ended before its migration had");
		set_ended(move);
	}
	pthread_mutex_unlock(&move->lock);
	signal_event(move);
	return true;
}

uint64_t move_thread_cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

int move_event_fd(struct host_move *move)
{
	return move->event_fd;
}

void move_delivered(struct host_move *move, uint32_t ended_count)
{
	pthread_mutex_lock(&move->lock);
	move->delivered_count = ended_count;
	pthread_cond_broadcast(&move->changed);
	pthread_mutex_unlock(&move->lock);
}

void move_wait_delivered(struct host_move *move)
{
	uint64_t end = host_monotonic_ns() + DELIVER_MS * 1000000ull;

	pthread_mutex_lock(&move->lock);
	while (move->delivered_count < move->ended_count && host_monotonic_ns() < end)
		move_wait_tick(move);
	pthread_mutex_unlock(&move->lock);
}

bool move_pause(struct host_move *move, uint64_t ns)
{
	uint64_t end = host_monotonic_ns() + ns;
	bool go_on;

	pthread_mutex_lock(&move->lock);
	/* A cancel that came too late is none: after the token somebody must go on asking. */
	while (!move->retry_now && (!move->cancel || move->committed) && !move->over && host_monotonic_ns() < end)
		move_wait_tick(move);
	go_on = (!move->cancel || move->committed) && !move->over;
	move->retry_now = false;
	pthread_mutex_unlock(&move->lock);
	return go_on;
}
