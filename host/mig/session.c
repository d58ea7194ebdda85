/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What source and destination have in common: the session's facts under one lock, engine calls from outside the pumps,
 * the watch over a running session, its end.
 *
 * Facts flow one way: pumps and callers hand every engine answer to mig_note, which wakes the connections named ready
 * and records what is new (over, running, committed); breaks of the transport come by mig_lose. The supervisor waits
 * for them in mig_watch and acts. A pump never closes or makes connections.
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
	struct host_mig *mig = context;

	if (!mig->source)
		mig_fault(mig, MIG_STEP_TARGET_DEVICE);
}

int mig_new(struct host_enclave *enclave, struct host_mig **ret_mig)
{
	struct host_mig *mig = calloc(1, sizeof *mig);
	struct host_hooks hooks = { .context = mig, .urgent_page = mig_urgent_page, .program_exit = mig_program_exit,
		.before_bind = mig_before_bind, .rebuilding = at_rebuilding };
	int error;

	if (!mig)
		return host_fail(OM_ENOMEM, "no memory");
	mig->enclave = enclave;
	/* Now: a program may give up the user who can read it. Without one nothing is missing but migrations. */
	if (host_key_own(&mig->key))
		host_detail("%s", host_reason());
	mig->listen_fd = -1;
	mig->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	mig->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&mig->call_lock, NULL);
	pthread_mutex_init(&mig->lock, NULL);
	host_cond_init(&mig->changed);
	mig_bucket_init(&mig->bucket, 0);
	mig_bucket_init(&mig->cpu, 0);
	mig_cost_init(&mig->cost);
	mig_clock_id(mig->clock);
	for (unsigned i = 0; i < MIG_CONNECTIONS_MAX; i++) {
		mig->connection[i] = (struct mig_connection){ .mig = mig, .number = (uint16_t)i, .fd = -1,
			.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
		mig->pending[i] = -1;
		if (mig->connection[i].wake_fd < 0)
			return host_fail(OM_ENOMEM, "eventfd: %s", strerror(errno));
	}
	if (mig->event_fd < 0 || mig->stop_fd < 0)
		return host_fail(OM_ENOMEM, "eventfd: %s", strerror(errno));
	/* Once, while nobody else is inside: who asks something through this slot may do so at any time, also when a session begins. */
	error = host_slot_resize(enclave, HOST_SLOT_CONTROL, MIG_TBUF_SIZE);
	if (error)
		return error;
	host_set_hooks(enclave, &hooks);
	*ret_mig = mig;
	return mig_urgent_init(&mig->urgent);
}

int64_t mig_call(struct host_mig *mig, enum om_engine_op op, uint64_t a0, uint64_t a1, uint64_t ret_arg[4])
{
	struct om_tbuf *t;
	int64_t ret;
	int error;

	pthread_mutex_lock(&mig->call_lock);
	t = host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL);
	t->arg[0] = a0;
	t->arg[1] = a1;
	t->ret = OM_EINTERNAL;
	error = host_ecall(mig->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, op, 0);
	ret = error ? error : t->ret;
	if (ret >= 0 && ret_arg)
		memcpy(ret_arg, t->arg, 4 * sizeof *ret_arg);
	pthread_mutex_unlock(&mig->call_lock);
	return ret;
}

void mig_refresh(struct host_mig *mig)
{
	struct om_mig_status status;
	bool ok;

	pthread_mutex_lock(&mig->lock);
	ok = mig->begun;
	pthread_mutex_unlock(&mig->lock);
	if (!ok)
		return;
	pthread_mutex_lock(&mig->call_lock);
	host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL)->ret = OM_EINTERNAL;
	ok = host_ecall(mig->enclave, HOST_SLOT_CONTROL, OM_ECALL_ENGINE, OM_ENGINE_STATUS, 0) == 0 &&
		host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL)->ret >= 0;
	memcpy(&status, host_tbuf_data(host_slot_tbuf(mig->enclave, HOST_SLOT_CONTROL)), sizeof status);
	pthread_mutex_unlock(&mig->call_lock);
	if (!ok || status.version != OM_ENGINE_VERSION)
		return;
	status.choice[sizeof status.choice - 1] = status.reason[sizeof status.reason - 1] = status.peer[sizeof status.peer - 1] = 0;
	pthread_mutex_lock(&mig->lock);
	mig->last = status;
	pthread_mutex_unlock(&mig->lock);
}

void mig_wake(const struct mig_connection *connection)
{
	const uint64_t one = 1;

	(void)!write(connection->wake_fd, &one, sizeof one); /* full means awake */
}

static void signal_event(const struct host_mig *mig)
{
	const uint64_t one = 1;

	(void)!write(mig->event_fd, &one, sizeof one);
}

/* The first time the engine says so. Under the lock. */
static void note_committed(struct host_mig *mig)
{
	mig->committed = true;
	/* Before the token leaves: once the destination announces the address, this host must not answer for it. */
	if (mig->source)
		mig_source_committed(mig);
	if (mig->source)
		host_hook_spectator(mig->enclave, "committed", mig->session);
}

static void note_running(struct host_mig *mig)
{
	mig->running = true;
	if (!mig->source)
		mig_receive_arrived(mig);
}

static void fault_at_state(struct host_mig *mig, uint32_t state, uint32_t flags)
{
	static const struct { uint32_t state; enum mig_step source, target; } steps[] = {
		{ OM_MIG_ACTIVE, MIG_STEP_SOURCE_ACTIVE, MIG_STEP_TARGET_ACTIVE },
		{ OM_MIG_DEVICE, MIG_STEP_SOURCE_DEVICE, MIG_STEP_COUNT },
		{ OM_MIG_PREPARED, MIG_STEP_COUNT, MIG_STEP_TARGET_PREPARED },
		{ OM_MIG_COMMITTED, MIG_STEP_SOURCE_COMMITTED, MIG_STEP_COUNT },
		{ OM_MIG_POSTCOPY, MIG_STEP_SOURCE_POSTCOPY, MIG_STEP_TARGET_POSTCOPY },
		{ OM_MIG_COMPLETED, MIG_STEP_SOURCE_COMPLETED, MIG_STEP_TARGET_COMPLETED },
	};

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i].state == state)
			mig_fault(mig, mig->source ? steps[i].source : steps[i].target);
	/* After the token, or its like: the other ends need no word. */
	if (state == OM_MIG_FAILED && (mig->source ? mig->committed : flags & OM_MIG_F_AWAITED))
		mig_fault(mig, mig->source ? MIG_STEP_SOURCE_ABORTED : MIG_STEP_TARGET_ABORTED);
}

void mig_note(struct host_mig *mig, uint16_t self, const uint64_t arg[4])
{
	uint64_t ready = arg[1];
	uint32_t state = (uint32_t)arg[2], flags = (uint32_t)arg[3], before;

	for (unsigned i = 0; ready != 0 && i < MIG_CONNECTIONS_MAX; i++, ready >>= 1)
		if (ready & 1 && i != self)
			mig_wake(&mig->connection[i]);
	if (atomic_load_explicit(&mig->seen_state, memory_order_relaxed) == state &&
	    atomic_load_explicit(&mig->seen_flags, memory_order_relaxed) == flags)
		return;
	pthread_mutex_lock(&mig->lock);
	before = atomic_load_explicit(&mig->seen_flags, memory_order_relaxed);
	atomic_store_explicit(&mig->seen_state, state, memory_order_relaxed);
	atomic_store_explicit(&mig->seen_flags, flags, memory_order_relaxed);
	fault_at_state(mig, state, flags);
	if (state == OM_MIG_COMMITTED && mig->source && !mig->committed)
		note_committed(mig);
	if (state == OM_MIG_PREPARED && !mig->prepared) {
		mig->prepared = true;
		if (!mig->source)
			host_hook_spectator(mig->enclave, "prepared", mig->session);
	}
	if (flags & OM_MIG_F_RUNNING && !mig->source && !mig->running)
		note_running(mig);
	/* The enclave lifts the hold when the program runs there; a release that got lost is made up for. Nothing held is fine. */
	if (mig->source && mig->committed && state == OM_MIG_COMPLETED)
		(void)host_net_release();
	if (state == OM_MIG_FAILED && flags & OM_MIG_F_AWAITED && !mig->gave_up) {
		mig->gave_up = true;
		mig_receive_gave_up(mig);
	}
	if (flags & OM_MIG_F_OVER && !mig->over)
		mig->over = true;
	/* A frame that had to be refused after the token counts as a loss: only new connections settle it. */
	if (flags & ~before & OM_MIG_F_RECONNECT && mig->phase == MIG_PHASE_RUNNING && !atomic_load(&mig->stopping))
		mig->lost = true;
	pthread_cond_broadcast(&mig->changed);
	pthread_mutex_unlock(&mig->lock);
	signal_event(mig);
}

/* Under the lock. The first one is what the user has to know; a second one may come of it, and is said once. */
static void add_reason(struct host_mig *mig, int error, const char *words)
{
	size_t size = strlen(mig->reason);

	if (!mig->error) {
		mig->error = error;
		snprintf(mig->reason, sizeof mig->reason, "%s", words);
	} else if (*words && size && !strstr(mig->reason, THEN) && !strstr(mig->reason, words)) {
		snprintf(mig->reason + size, sizeof mig->reason - size, THEN "%s", words);
	}
}

void mig_set_error(struct host_mig *mig, int error)
{
	pthread_mutex_lock(&mig->lock);
	add_reason(mig, error, host_reason());
	pthread_mutex_unlock(&mig->lock);
}

void mig_lose(struct host_mig *mig, int error, bool eof)
{
	pthread_mutex_lock(&mig->lock);
	if (mig->phase == MIG_PHASE_RUNNING && !atomic_load(&mig->stopping) && !mig->over && !mig->lost && !(eof && mig->eof)) {
		host_detail("connection lost: %s (%s)", host_reason(), om_errname(error));
		if (eof)
			mig->eof = true;
		else
			mig->lost = true;
		pthread_cond_broadcast(&mig->changed);
	}
	pthread_mutex_unlock(&mig->lock);
}

void mig_set_phase(struct host_mig *mig, enum mig_phase phase)
{
	pthread_mutex_lock(&mig->lock);
	mig->phase = phase;
	pthread_cond_broadcast(&mig->changed);
	pthread_mutex_unlock(&mig->lock);
	signal_event(mig);
}

/* Under the lock, for at most a tick. */
void mig_wait_tick(struct host_mig *mig)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	pthread_cond_timedwait(&mig->changed, &mig->lock, &until);
}

/* During rounds the engine is told what they cost, so that it does not send ahead what is not worth it. Under the lock, which is left. */
static void tell_cost(struct host_mig *mig, uint64_t *due_ns)
{
	uint64_t now = host_monotonic_ns(), arg[4];
	uint32_t cost;

	if (!mig->source || now < *due_ns || atomic_load(&mig->seen_state) != OM_MIG_ACTIVE)
		return;
	*due_ns = now + COST_NS;
	pthread_mutex_unlock(&mig->lock);
	cost = mig_cost_step(&mig->cost);
	if (mig_call(mig, OM_ENGINE_COMMAND, OM_COMMAND_COST, cost, arg) >= 0)
		mig_note(mig, UINT16_MAX, arg);
	pthread_mutex_lock(&mig->lock);
}

bool mig_watch(struct host_mig *mig)
{
	uint64_t ended_ns = 0, cost_due_ns = 0;
	bool over;

	pthread_mutex_lock(&mig->lock);
	while (!mig->over && !mig->lost) {
		uint64_t now = host_monotonic_ns(), heard = atomic_load(&mig->heard_ns);

		/* Evidence is judged for seconds on a slow CPU, and the peer's reason may lie behind it. */
		if (mig->eof && (ended_ns == 0 || atomic_load(&mig->control_busy)))
			ended_ns = now;
		if (mig->eof && now - ended_ns > GRACE_NS)
			mig->lost = true;
		if (mig->source && now > heard && now - heard > mig->request.silence_ns) {
			host_detail("nothing heard for %.1f s", (double)(now - heard) / 1e9);
			mig->lost = true;
		}
		if (!mig->over && !mig->lost)
			mig_wait_tick(mig);
		tell_cost(mig, &cost_due_ns);
	}
	over = mig->over;
	mig->lost = mig->eof = false;
	pthread_mutex_unlock(&mig->lock);
	return over;
}

bool mig_report_loss(struct host_mig *mig)
{
	uint64_t arg[4];
	int64_t ret;

	mig_fault_step(mig, mig->source ? MIG_STEP_SOURCE_LOST : MIG_STEP_TARGET_LOST);
	ret = mig_call(mig, OM_ENGINE_LOST, UINT64_MAX, 0, arg);

	if (ret < 0) {
		host_fail((int)ret, "the engine cannot go on after the loss of its connections");
		mig_set_error(mig, (int)ret);
		return false;
	}
	mig_note(mig, UINT16_MAX, arg);
	return arg[3] & OM_MIG_F_RECONNECT;
}

uint64_t mig_go_on(struct host_mig *mig)
{
	uint64_t arg[4];

	if (mig_call(mig, OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, arg) < 0)
		return UINT64_MAX;
	mig_note(mig, UINT16_MAX, arg);
	return arg[0];
}

void mig_drain(struct host_mig *mig)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t arg[4];
		int64_t ret = mig_call(mig, OM_ENGINE_OUT, OM_CONNECTION_CONTROL, OM_FRAME_MAX, arg);

		if (ret < 0)
			return;
		mig_note(mig, UINT16_MAX, arg);
		if (ret == 0)
			return;
	}
}

int mig_slots_acquire(struct host_mig *mig)
{
	int error = 0;

	for (unsigned i = 0; i < OM_CONNECTION_PAGES + mig->channels && !error; i++)
		if (mig->source || i != OM_CONNECTION_URGENT)
			error = host_slot_acquire(mig->enclave, MIG_TBUF_SIZE, &mig->connection[i].slot);
	if (error)
		mig_slots_release(mig);
	return error;
}

void mig_slots_release(struct host_mig *mig)
{
	for (unsigned i = 0; i < MIG_CONNECTIONS_MAX; i++) {
		if (mig->connection[i].slot != 0)
			host_slot_release(mig->enclave, mig->connection[i].slot);
		mig->connection[i].slot = 0;
	}
}

void mig_session_begun(struct host_mig *mig)
{
	pthread_mutex_lock(&mig->lock);
	mig->begun = true;
	pthread_mutex_unlock(&mig->lock);
}

void mig_session_runs(struct host_mig *mig)
{
	bool cancel;

	pthread_mutex_lock(&mig->lock);
	mig->phase = MIG_PHASE_RUNNING;
	cancel = mig->cancel;
	pthread_mutex_unlock(&mig->lock);
	mig_set_phase(mig, MIG_PHASE_RUNNING);
	if (cancel)
		(void)mig_command(mig, mig->source ? OM_COMMAND_CANCEL : OM_COMMAND_ABORT, 0); /* nothing was sent yet: not too late */
}

/* Under no lock; the caller has set phase CONNECTING, so nobody else begins one. */
void mig_begin_session(struct host_mig *mig, bool source)
{
	uint64_t count;

	(void)!read(mig->stop_fd, &count, sizeof count); /* left over from an earlier cancel */
	pthread_mutex_lock(&mig->lock);
	mig->source = source;
	mig->begun = mig->over = mig->running = mig->committed = mig->prepared = mig->lost = mig->eof = false;
	mig->retry_now = mig->cancel = mig->same_clock = mig->gave_up = mig->peer_pinned = false;
	mig->error = 0;
	mig->reason[0] = mig->peer[0] = 0;
	mig->reconnects = 0;
	mig->begun_count++;
	mig->any = true;
	memset(&mig->last, 0, sizeof mig->last);
	memset(&mig->seal, 0, sizeof mig->seal);
	mig->greeted = false;
	atomic_store(&mig->control_busy, false);
	collateral_forget();
	mig->last.role = source ? 1 : 2;
	mig->last.state = OM_MIG_SETUP;
	atomic_store(&mig->seen_state, OM_MIG_NONE);
	atomic_store(&mig->seen_flags, 0);
	atomic_store(&mig->cpu_ns, 0);
	pthread_mutex_unlock(&mig->lock);
}

void mig_fill_hello(struct host_mig *mig, struct mig_hello *ret_hello)
{
	const struct om_image_header *header = host_image_header(mig->enclave);
	struct mig_hello hello = { .kind = OM_HELLO_NEW, .channels = mig->channels, .elrange_size = header->elrange_size };

	memcpy(hello.session, mig->session, sizeof hello.session);
	memcpy(hello.mrenclave, host_image_mrenclave(mig->enclave), sizeof hello.mrenclave);
	memcpy(hello.clock, mig->clock, sizeof hello.clock);
	snprintf(hello.program, sizeof hello.program, "%s", header->program_name);
	*ret_hello = hello;
}

/* Under the lock. The engine's reason; if the host had one before, only what went wrong at the end. */
static void end_reason(struct host_mig *mig)
{
	const struct om_mig_status *last = &mig->last;
	const char *then = strstr(last->reason, THEN);

	if (!mig->error && last->error)
		add_reason(mig, last->error, last->reason[0] ? last->reason : om_strerror(last->error));
	else if (mig->error && then)
		add_reason(mig, last->error, then + sizeof THEN - 1);
}

/* Under the lock. It is counted together with the phase: each session ends once. */
static void set_ended(struct host_mig *mig)
{
	/* The host failed before the engine had a session, or the engine's says less: a host that gives up tells it to cancel. */
	if (mig->error && (mig->last.state < OM_MIG_COMPLETED || mig->last.state == OM_MIG_CANCELLED))
		mig->last.state = mig->error == OM_ECANCELLED ? OM_MIG_CANCELLED : OM_MIG_FAILED;
	mig->ended_count++;
	mig->phase = MIG_PHASE_ENDED;
	pthread_cond_broadcast(&mig->changed);
}

/* What the engine has to say about the end; then the slots go back. The supervisor is the only thread left. */
void mig_end_session(struct host_mig *mig)
{
	mig_fault_step(mig, mig->source ? MIG_STEP_SOURCE_ENDING : MIG_STEP_TARGET_ENDING);
	mig_refresh(mig);
	mig_slots_release(mig);
	pthread_mutex_lock(&mig->lock);
	end_reason(mig);
	atomic_fetch_add(&mig->cpu_ns, mig_thread_cpu_ns());
	if (mig->phase != MIG_PHASE_ENDED)     /* else with the process */
		set_ended(mig);
	pthread_mutex_unlock(&mig->lock);
	signal_event(mig);
}

bool mig_process_ends(struct host_mig *mig)
{
	struct timespec until;

	atomic_store(&mig->process_ends, true);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DELIVER_MS / 1000;
	if (pthread_mutex_timedlock(&mig->lock, &until))
		return false;
	if (mig->phase != MIG_PHASE_IDLE && mig->phase != MIG_PHASE_ENDED) {
		uint32_t state = atomic_load(&mig->seen_state);

		/* The last that is known: the enclave may be what ends it. */
		if (mig->begun && state != OM_MIG_NONE)
			mig->last.state = state == OM_MIG_WAITING ? OM_MIG_NONE : state;
		if (state != OM_MIG_COMPLETED)
			add_reason(mig, OM_EHOST, "the process ended before its migration had");
		set_ended(mig);
	}
	pthread_mutex_unlock(&mig->lock);
	signal_event(mig);
	return true;
}

uint64_t mig_thread_cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

int mig_event_fd(struct host_mig *mig)
{
	return mig->event_fd;
}

void mig_delivered(struct host_mig *mig, uint32_t ended_count)
{
	pthread_mutex_lock(&mig->lock);
	mig->delivered_count = ended_count;
	pthread_cond_broadcast(&mig->changed);
	pthread_mutex_unlock(&mig->lock);
}

void mig_wait_delivered(struct host_mig *mig)
{
	uint64_t end = host_monotonic_ns() + DELIVER_MS * 1000000ull;

	pthread_mutex_lock(&mig->lock);
	while (mig->delivered_count < mig->ended_count && host_monotonic_ns() < end)
		mig_wait_tick(mig);
	pthread_mutex_unlock(&mig->lock);
}

bool mig_pause(struct host_mig *mig, uint64_t ns)
{
	uint64_t end = host_monotonic_ns() + ns;
	bool go_on;

	pthread_mutex_lock(&mig->lock);
	/* A cancel that came too late is none: after the token somebody must go on asking. */
	while (!mig->retry_now && (!mig->cancel || mig->committed) && !mig->over && host_monotonic_ns() < end)
		mig_wait_tick(mig);
	go_on = (!mig->cancel || mig->committed) && !mig->over;
	mig->retry_now = false;
	pthread_mutex_unlock(&mig->lock);
	return go_on;
}
