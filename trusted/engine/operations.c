/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's door: operations of the host, decoded and dispatched. Arguments are read once; results are written last,
 * since host calls made in between use the same transfer buffer.
 *
 * A connection has one owner at a time. The engine does not rely on the host for that: a second call for a busy connection is
 * refused. Operations that change the session but come from other threads are posted. Whoever owns the control
 * connection next carries them out, and the poster tries to be that owner.
 */
#include <stddef.h>
#include <string.h>
#include "crypto/wipe.h"
#include "engine/state.h"
#include "rt/lineage.h"
#include "rt/owner.h"

RT_LOCAL struct engine engine;
/* Who owns no connection looks at a session under this lock, and a new one begins under it: never a half of one. */
RT_LOCAL static struct rt_lock session_lock;
RT_LOCAL struct rt_lock engine_urgent_lock;
RT_LOCAL static _Atomic uint32_t busy[ENGINE_CONNECTIONS + 1]; /* owned by a host thread; outlives sessions */
RT_LAZY struct engine_ring engine_rings[OM_MIG_CHANNELS_MAX];
RT_LAZY struct engine_buffer engine_buffers[OM_MIG_CHANNELS_MAX];
RT_LAZY struct engine_small_buffer engine_reply_buffer;
RT_LOCAL _Atomic uint32_t engine_buffers_used;
RT_LAZY struct engine_small_buffer engine_fault_buffers[ENGINE_FAULT_BUFFERS];
RT_LOCAL uint8_t engine_sealed[OM_FRAME_HEADER + OM_CONTROL_MAX + OM_FRAME_TAG];
RT_LOCAL uint8_t engine_received[OM_CONTROL_MAX + OM_FRAME_TAG];
RT_LAZY struct engine_set engine_todo, engine_owed;

void engine_post(uint32_t what)
{
	atomic_fetch_or(&engine.posted, what);
}

void engine_fail(int error, const char *words)
{
	int32_t none = 0;

	if (atomic_compare_exchange_strong(&engine.failure, &none, error))
		atomic_store(&engine.failure_words, words);
	engine_post(ENGINE_POST_FAIL);
}

void engine_note_max(_Atomic uint64_t *max, uint64_t value)
{
	uint64_t seen = atomic_load(max);

	while (value > seen && !atomic_compare_exchange_weak(max, &seen, value))
		;
}

void engine_words(char *to, size_t size, const char *words)
{
	size_t n = strlen(words);

	n = n < size ? n : size - 1;
	memcpy(to, words, n);
	memset(to + n, 0, size - n);
}

bool engine_busy(void)
{
	if (engine.role == OM_ROLE_SOURCE)
		return engine.source != MIG_SOURCE_IDLE && (!mig_source_over(engine.source) || engine.source == MIG_SOURCE_DONE);
	return engine.role == OM_ROLE_DESTINATION && engine.destination != MIG_DESTINATION_COMPLETE;
}

bool engine_arriving(void)
{
	return engine.role == OM_ROLE_DESTINATION && !mig_destination_may_run(engine.destination);
}

void engine_boot(const struct om_boot *boot)
{
	engine.facts.features = boot->cpu_features;
	engine.facts.xfrm = engine_evidence_xfrm();
	/* Threads' vector state is kept by what the image says, and the signature fixes the same; unless it is somebody else's. */
	if (engine.facts.xfrm != rt_image->xfrm)
		rt_fatal(OM_EIDENTITY, "this enclave has other processor state (XFRM) than its image asks for: it was signed by somebody else");
	engine.facts.page_limit = rt_image->elrange_size >> 12;
	engine.facts.tracked_limit = rt_image->slots_offset >> 12;
	engine.facts.image_end = rt_image->image_end_offset >> 12;
	while (engine.facts.image_tracked_end < engine.facts.image_end && RT_PAGE_STATE(engine_page_state(engine.facts.image_tracked_end)) != RT_PAGE_RESIDENT)
		engine.facts.image_tracked_end++;
	/* Wide vectors only if the enclave has the registers. */
	if (engine.facts.xfrm != OM_XFRM_AVX512)
		engine.facts.features &= ~(uint64_t)OM_CPU_AVX512;
	if (engine.facts.xfrm == OM_XFRM_SSE)
		engine.facts.features &= ~(uint64_t)(OM_CPU_AVX2 | OM_CPU_VAES);
	if (boot->flags & OM_BOOT_RECEIVE) {
		engine.role = OM_ROLE_DESTINATION;
		(void)engine_own(ENGINE_OWNER_IO);       /* until the program runs */
	} else {
		engine_instance_begin();
	}
}

/* ---- owners ---- */

bool engine_own(uint32_t connection)
{
	return !atomic_exchange_explicit(&busy[connection], 1, memory_order_acquire);
}

void engine_disown(uint32_t connection)
{
	atomic_store_explicit(&busy[connection], 0, memory_order_release);
}

/* ---- what the host is told ---- */

static enum om_mig_state source_state(void)
{
	static const uint8_t states[MIG_SOURCE_STATE_COUNT] = {
		[MIG_SOURCE_IDLE] = OM_MIG_NONE, [MIG_SOURCE_HANDSHAKE] = OM_MIG_SETUP, [MIG_SOURCE_ATTEST] = OM_MIG_SETUP,
		[MIG_SOURCE_SETUP] = OM_MIG_SETUP, [MIG_SOURCE_ROUNDS] = OM_MIG_ACTIVE, [MIG_SOURCE_STOPPING] = OM_MIG_DEVICE,
		[MIG_SOURCE_FINAL] = OM_MIG_DEVICE, [MIG_SOURCE_AWAIT_PREPARED] = OM_MIG_DEVICE,
		[MIG_SOURCE_COMMITTED] = OM_MIG_COMMITTED, [MIG_SOURCE_POSTCOPY] = OM_MIG_POSTCOPY,
		[MIG_SOURCE_DONE] = OM_MIG_COMPLETED, [MIG_SOURCE_CANCELLED] = OM_MIG_CANCELLED,
		[MIG_SOURCE_FAILED] = OM_MIG_FAILED, [MIG_SOURCE_ABORTED] = OM_MIG_FAILED,
	};
	return (enum om_mig_state)states[engine.source];
}

static enum om_mig_state destination_state(void)
{
	static const uint8_t states[MIG_DESTINATION_STATE_COUNT] = {
		[MIG_DESTINATION_AWAIT] = OM_MIG_NONE, [MIG_DESTINATION_HANDSHAKE] = OM_MIG_SETUP, [MIG_DESTINATION_ATTEST] = OM_MIG_SETUP,
		[MIG_DESTINATION_SETUP] = OM_MIG_SETUP, [MIG_DESTINATION_RECEIVING] = OM_MIG_ACTIVE, [MIG_DESTINATION_BUILDING] = OM_MIG_DEVICE,
		[MIG_DESTINATION_PREPARED] = OM_MIG_PREPARED, [MIG_DESTINATION_RUNNING] = OM_MIG_POSTCOPY,
		[MIG_DESTINATION_COMPLETE] = OM_MIG_COMPLETED, [MIG_DESTINATION_ABORTED] = OM_MIG_FAILED,
	};
	return (enum om_mig_state)states[engine.destination];
}

static enum om_mig_state state_now(void)
{
	if (engine.role == 0)
		return OM_MIG_NONE;
	if (engine.rehearsed)
		return OM_MIG_REHEARSED;
	if (mig_link_is_lost(engine_link()) && !(engine.role == OM_ROLE_SOURCE ? mig_source_over(engine.source) : mig_destination_over(engine.destination)))
		return OM_MIG_WAITING;
	return engine.role == OM_ROLE_SOURCE ? source_state() : destination_state();
}

/* The source may have given the program up in favour of this destination: it must learn what became of it. */
static bool awaited(void)
{
	if (engine.role != OM_ROLE_DESTINATION)
		return false;
	return engine.destination == MIG_DESTINATION_PREPARED || engine.destination == MIG_DESTINATION_RUNNING ||
		(engine.destination == MIG_DESTINATION_ABORTED && (engine_link() == MIG_LINK_ANSWERING || mig_link_is_lost(engine_link())));
}

static uint32_t flags_now(void)
{
	bool source = engine.role == OM_ROLE_SOURCE;

	return (engine_over() ? OM_MIG_F_OVER : 0) |
		(engine.role == 0 || (source ? mig_source_may_run(engine.source) : mig_destination_may_run(engine.destination)) ? OM_MIG_F_RUNNING : 0) |
		(engine_link() == MIG_LINK_DOWN ? OM_MIG_F_RECONNECT : 0) |
		(awaited() ? OM_MIG_F_AWAITED : 0) |
		(source && engine.source == MIG_SOURCE_DONE ? OM_MIG_F_EXIT : 0);
}

/* Would the control connection's owner find something to do? */
static bool control_wanted(void)
{
	if (atomic_load(&engine.posted) || engine.queue_count)
		return true;
	if (engine.role == OM_ROLE_SOURCE) {
		if (engine.source == MIG_SOURCE_FINAL)
			return engine_pass_handed_out();
		return engine.source == MIG_SOURCE_ROUNDS &&
			((engine.round_step == ENGINE_ROUND_SEND && engine_pass_handed_out()) ||
			 (engine.round_step == ENGINE_ROUND_DRAIN && engine_pass_acknowledged()));
	}
	return (engine.destination == MIG_DESTINATION_RECEIVING && engine_import_complete()) ||
		(engine.destination == MIG_DESTINATION_RUNNING && engine.launch != ENGINE_LAUNCH_CLAIMING && atomic_load(&engine.owed) == 0);
}

static uint64_t ready_mask(void)
{
	uint64_t ready = control_wanted() ? 1 : 0, pass = atomic_load(&engine.pass);

	if (!engine_link_usable())
		return ready;
	for (uint32_t i = 0; i < engine.channels; i++) {
		struct engine_connection *c = &engine.conn[OM_CONNECTION_PAGES + i];
		bool wants = engine.role == OM_ROLE_SOURCE ?
			ENGINE_PASS_KIND(pass) != ENGINE_PASS_NONE && atomic_load(&c->pass_done) != pass :
			atomic_load(&c->received) != c->acked;

		if (wants)
			ready |= UINT64_C(1) << (OM_CONNECTION_PAGES + i);
	}
	return ready;
}

static void answer(RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t wait_ns)
{
	uint64_t results[4] = { wait_ns };

	rt_lock(&session_lock);
	results[1] = ready_mask();
	results[2] = (uint64_t)state_now();
	results[3] = flags_now();
	rt_unlock(&session_lock);
	rt_ub_put(tbuf->arg, results, sizeof results);
}

/* What STATUS tells of the session's own facts, as they were when the control connection's owner said so last. */
struct told {
	struct om_mig_status status;
	uint64_t round_bytes;                      /* left by the last round; 0: none yet */
	int64_t begun, ready, ended;
	struct om_mig_identity peer;
};
RT_LOCAL static struct told told;

void engine_publish(void)
{
	struct told now = { .status = engine.status, .peer = engine.peer, .begun = engine.begun, .ready = engine.ready, .ended = engine.ended,
		.round_bytes = engine.round.number ? engine.round.dirty_pages * OM_PAGE_SIZE + 1 : 0 };

	now.status.version = OM_ENGINE_VERSION;
	now.status.mode = engine.params.mode;
	now.status.channels = engine.params.channels;
	now.status.ram_page_size = OM_PAGE_SIZE;
	now.status.round_trip_ns = engine.round.round_trip_ns;
	now.status.throughput = engine.round.throughput;
	engine_watch_status(&now.status);
	rt_lock(&session_lock);
	told = now;
	rt_unlock(&session_lock);
}

/* Whoever had the control connection has changed the session, perhaps. */
static void release(uint32_t connection)
{
	if (connection == OM_CONNECTION_CONTROL)
		engine_publish();
	engine_disown(connection);
}

static uint64_t ram_remaining(const struct told *t)
{
	uint64_t sent = (atomic_load(&engine.normal_pages) + atomic_load(&engine.zero_pages)) * OM_PAGE_SIZE;

	if (engine.role == OM_ROLE_SOURCE && (engine.source == MIG_SOURCE_POSTCOPY || engine.source == MIG_SOURCE_COMMITTED))
		return atomic_load(&engine.owed) * OM_PAGE_SIZE;
	if (engine.role == OM_ROLE_SOURCE && t->round_bytes)
		return t->round_bytes - 1;
	return t->status.ram_total > sent ? t->status.ram_total - sent : 0;
}

static void fill_status(struct om_mig_status *s)
{
	int64_t now = engine_now();
	struct told t;

	rt_lock(&session_lock);
	t = told;
	*s = t.status;
	s->version = OM_ENGINE_VERSION;
	s->state = (uint32_t)state_now();
	s->flags = flags_now();
	s->role = engine.role;
	s->downtime_limit_ns = atomic_load(&engine.limits.downtime_ns);
	s->total_time_ns = engine_elapsed(t.begun, t.ended ? t.ended : now);
	s->setup_time_ns = engine_elapsed(t.begun, t.ready);
	s->ram_transferred = atomic_load(&engine.bytes_sent);
	s->ram_remaining = ram_remaining(&t);
	s->normal_pages = atomic_load(&engine.normal_pages);
	s->duplicate_pages = atomic_load(&engine.zero_pages);
	s->postcopy_requests = atomic_load(&engine.postcopy_requests);
	s->postcopy_owed = atomic_load(&engine.owed);
	s->postcopy_dropped = atomic_load(&engine.dropped);
	s->fault_count = atomic_load(&engine.faults);
	s->fault_total_ns = atomic_load(&engine.fault_ns);
	s->fault_max_ns = atomic_load(&engine.fault_max_ns);
	for (int i = 0; i < 32; i++)
		s->fault_histogram[i] = atomic_load(&engine.fault_histogram[i]);
	s->epoch = atomic_load(&engine.epoch);
	rt_unlock(&session_lock);
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

bool engine_here(void)
{
	bool here;

	rt_lock(&session_lock);
	here = flags_now() & OM_MIG_F_RUNNING;
	rt_unlock(&session_lock);
	return here;
}

static void fill_identity(struct om_mig_identity *i)
{
	bool here;

	rt_lock(&session_lock);
	here = flags_now() & OM_MIG_F_RUNNING;
	*i = told.peer;
	memset(i->instance, 0, sizeof i->instance);
	i->next_move = 0;
	if (here) {
		memcpy(i->instance, engine_instance_id(), sizeof i->instance);
		i->next_move = engine_instance_move();
	}
	rt_unlock(&session_lock);
}

/* ---- operations ---- */

static int take_params(const RT_UNTRUSTED void *data, struct om_mig_params *ret_params)
{
	struct om_mig_params p;

	rt_ub_get(&p, data, sizeof p);
	if (p.version != OM_ENGINE_VERSION)
		return OM_EVERSION;
	if (p.mode > OM_MODE_HYBRID || p.channels == 0 || p.channels > OM_MIG_CHANNELS_MAX || p.tracker > OM_TRACKER_FAULTS ||
	    p.flags & ~(OM_MIG_PARAM_RELEASE | OM_MIG_PARAM_REHEARSE))
		return OM_EINVAL;
	if (p.flags & OM_MIG_PARAM_REHEARSE) {
		p.mode = OM_MODE_STOP;
		p.flags = OM_MIG_PARAM_REHEARSE;
	}
	if (p.rounds_max == 0)
		p.rounds_max = 30;
	*ret_params = p;
	return 0;
}

/* A source may try again after a session that ended with the program running here; the rest is final. */
static bool may_begin(enum om_role role)
{
	if (role == OM_ROLE_DESTINATION)
		return engine.role == OM_ROLE_DESTINATION && engine.destination == MIG_DESTINATION_AWAIT;
	if (engine.role == OM_ROLE_DESTINATION)
		return engine.destination == MIG_DESTINATION_COMPLETE && engine_over();
	return engine.source == MIG_SOURCE_IDLE || (engine_over() && mig_source_may_run(engine.source));
}

static bool own_all(void)
{
	uint32_t i;

	for (i = 0; i < ENGINE_CONNECTIONS; i++)
		if (!engine_own(i))
			break;
	if (i == ENGINE_CONNECTIONS)
		return true;
	while (i-- > 0)
		engine_disown(i);
	return false;
}

static void disown_all(void)
{
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++)
		release(i);
}

void engine_buffers_wipe(void)
{
	uint32_t used = atomic_exchange(&engine_buffers_used, 0);

	for (uint32_t i = 0; i < OM_MIG_CHANNELS_MAX; i++)
		if (used & 1u << i)
			om_wipe(&engine_buffers[i], sizeof engine_buffers[i]);
	if (used & ENGINE_REPLY_BUFFER_USED)
		om_wipe(&engine_reply_buffer, sizeof engine_reply_buffer);
	om_wipe(engine_sealed, sizeof engine_sealed);
	om_wipe(engine_received, sizeof engine_received);
}

/*
 * After PLACED the program is whole at the destination. Pages that a host is asked to take away may stay in the enclave. So they are
 * overwritten instead, in steps, and with all connections owned, so that nobody gives pages back at the same time. What the program's threads
 * had in registers is overwritten, too.
 */
static long wipe(void)
{
	enum { STEP_PAGES = 16384, TRIES = 20000 };
	long ret = OM_ESTATE;

	if (!own_all())
		return OM_ESTATE;
	if (engine.role == OM_ROLE_SOURCE && engine.source == MIG_SOURCE_DONE && engine_over()) {
		engine.wipe_next = rt_mem_wipe(engine.wipe_next, engine.facts.tracked_limit, STEP_PAGES);
		ret = engine.wipe_next < engine.facts.tracked_limit;
		/* Somebody may be asking for the status. Who never leaves is not waited for. */
		if (ret == 0 && !rt_slots_wipe() && ++engine.wipe_tries < TRIES)
			ret = 1;
		if (ret == 0) {
			rt_io_forget();
			rt_lineage_wipe();
			rt_owner_wipe();
		}
	}
	disown_all();
	return ret;
}

static void limit_downtime(uint64_t ns)
{
	atomic_store(&engine.limits.downtime_ns, ns ? at_most(ns, ENGINE_LIMIT_NS_MAX) : 10000000);
}

/*
 * Forget the session before, but not what outlives it. Streams without a key refuse; a key of zeros would be one that everybody knows. A thread of
 * the program may still be about to ask for a page in that session. Such a thread owns no connection, and sees under the lock
 * that it is too late.
 */
static void reset(enum om_role role, const struct om_mig_params *params)
{
	int64_t now = engine_now();

	rt_lock(&session_lock);
	rt_lock(&engine_urgent_lock);
	om_wipe((uint8_t *)&engine + offsetof(struct engine, role), sizeof engine - offsetof(struct engine, role));
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		mig_stream_done(&engine.conn[i].out);
		mig_stream_done(&engine.conn[i].in);
	}
	rt_unlock(&engine_urgent_lock);
	engine.params = *params;
	engine.channels = params->channels;
	limit_downtime(params->downtime_limit_ns);
	atomic_store(&engine.limits.throttle_bytes, at_most(params->throttle_bytes, ENGINE_LIMIT_BYTES_MAX));
	atomic_store(&engine.limits.bandwidth_bytes, at_most(params->bandwidth_bytes, ENGINE_LIMIT_BYTES_MAX));
	atomic_store(&engine.limits.cost, MIG_COST_GUESS);
	engine.begun = now;
	engine.role = role;
	rt_unlock(&session_lock);
}

static int begin(enum om_role role, const RT_UNTRUSTED void *data)
{
	struct om_mig_params params;
	int error = take_params(data, &params);

	if (!error && role == OM_ROLE_SOURCE)
		error = engine_watch_choose(&params);
	if (error)
		return error;
	if (!own_all())
		return OM_ESTATE;
	error = OM_ESTATE;
	if (may_begin(role)) {
		reset(role, &params);
		error = engine_link_begin();
		if (!error)
			engine_event(MIG_ON_BEGIN);
	}
	disown_all();
	return error;
}

bool engine_hold(void)
{
	if (!own_all())
		return false;
	if (!engine_busy())
		return true;
	disown_all();
	return false;
}

void engine_let_go(void)
{
	disown_all();
}

/* Context: the connection is owned, so that no other session begins. */
static bool connection_ok(uint64_t connection)
{
	return engine.role && (connection == OM_CONNECTION_CONTROL ||
		(connection >= OM_CONNECTION_PAGES && connection - OM_CONNECTION_PAGES < engine.channels));
}

static long out(uint64_t connection, uint64_t room, RT_UNTRUSTED uint8_t *data, uint64_t *ret_wait)
{
	uint32_t channel = (uint32_t)connection - OM_CONNECTION_PAGES;
	long ret = 0;

	if (room < OM_FRAME_MAX)
		return OM_EINVAL;
	if (connection == OM_CONNECTION_CONTROL) {
		*ret_wait = engine_progress();
		return engine_control_out(data);
	}
	if (!engine_link_usable())
		return 0;
	ret = engine.role == OM_ROLE_SOURCE ? engine_export_out(channel, data) : engine_import_ack_out(channel, data);
	if (ret < 0)
		engine_fail((int)ret, "a page frame could not be made");
	return ret;
}

static long in(uint64_t connection, uint64_t size, const RT_UNTRUSTED uint8_t *data)
{
	uint8_t header[OM_FRAME_HEADER];
	struct om_frame frame;
	uint32_t channel = (uint32_t)connection - OM_CONNECTION_PAGES;
	int error;

	if (size < OM_FRAME_HEADER || size > OM_FRAME_MAX)
		return OM_ETRUNCATED;
	rt_ub_get(header, data, sizeof header);
	error = om_frame_decode(header, &frame);
	if (!error && frame.length != size - OM_FRAME_HEADER)
		error = frame.length > size ? OM_ETRUNCATED : OM_ETRAILING;
	if (!error && frame.connection != connection)
		error = OM_ETYPE;
	if (!error && connection == OM_CONNECTION_CONTROL) {
		rt_ub_get(engine_received, data + OM_FRAME_HEADER, frame.length);
		error = engine_control_in(&frame, header);
	} else if (!error && !engine_link_usable())
		error = OM_ESTATE;
	else if (!error)
		error = engine.role == OM_ROLE_SOURCE ? engine_export_ack(channel, &frame, header, data + OM_FRAME_HEADER) :
			engine_import_in(channel, &frame, header, data + OM_FRAME_HEADER);
	if (error)
		engine_fail(error, "a frame of the other side was refused");
	return error;
}

static int give(enum mig_command what, uint32_t post)
{
	if (!engine_heeds(what))
		return OM_ESTATE;
	engine_post(post);
	return 0;
}

/* Under session_lock: no other session begins, so what is posted is for this one. */
static int command(uint64_t what, uint64_t value)
{
	switch (what) {
	case OM_COMMAND_CANCEL:
		return give(MIG_COMMAND_CANCEL, ENGINE_POST_CANCEL);
	case OM_COMMAND_POSTCOPY:
		/* A rehearsal sends no memory, now or later. */
		return engine.params.flags & OM_MIG_PARAM_REHEARSE ? OM_ESTATE : give(MIG_COMMAND_POSTCOPY, ENGINE_POST_POSTCOPY);
	case OM_COMMAND_ABORT:
		return give(MIG_COMMAND_ABORT, ENGINE_POST_ABORT);
	case OM_COMMAND_FORGET:
		return give(MIG_COMMAND_FORGET, ENGINE_POST_FORGET);
	case OM_COMMAND_GO_ON:
		return engine.role ? 0 : OM_ESTATE;
	case OM_COMMAND_DOWNTIME:
		limit_downtime(value);
		return 0;
	case OM_COMMAND_THROTTLE:
		atomic_store(&engine.limits.throttle_bytes, at_most(value, ENGINE_LIMIT_BYTES_MAX));
		return 0;
	case OM_COMMAND_COST:
		atomic_store(&engine.limits.cost, (uint32_t)at_most(value, 1000));
		return 0;
	case OM_COMMAND_BANDWIDTH:
		atomic_store(&engine.limits.bandwidth_bytes, at_most(value, ENGINE_LIMIT_BYTES_MAX));
		return 0;
	}
	return OM_EINVAL;
}

static long resume(void)
{
	int error;

	if (!own_all())
		return OM_ESTATE;
	error = engine.role ? engine_link_resume() : OM_ESTATE;
	disown_all();
	return error;
}

/* Whoever posted something carries it out if nobody else is at it; else the owner will, before it leaves. */
static uint64_t progress_if_free(void)
{
	uint64_t wait = UINT64_MAX;

	if (engine_own(OM_CONNECTION_CONTROL)) {
		wait = engine_progress();
		release(OM_CONNECTION_CONTROL);
	}
	return wait;
}

static long exchange(uint64_t op, const uint64_t arg[2], RT_UNTRUSTED uint8_t *data, uint64_t room, uint64_t *ret_wait)
{
	long ret;

	if (arg[0] >= ENGINE_CONNECTIONS)
		return OM_EINVAL;
	if (!engine_own((uint32_t)arg[0]))
		return OM_ESTATE;
	/* Not before: the next session may have begun meanwhile, and this connection may have no keys in it. */
	if (!connection_ok(arg[0]))
		ret = OM_EINVAL;
	else if (op == OM_ENGINE_OUT)
		ret = out(arg[0], arg[1] < room ? arg[1] : room, data, ret_wait);
	else
		ret = arg[1] <= room ? in(arg[0], arg[1], data) : OM_EINVAL;
	release((uint32_t)arg[0]);
	return ret;
}

/* On the stack, so that callers need not agree. */
static long check(RT_UNTRUSTED struct om_tbuf *tbuf, RT_UNTRUSTED uint8_t *data, uint64_t room)
{
	char words[8192] = "";
	const char *reason = engine_evidence_objection();
	uint64_t count;
	size_t size;

	if (!engine_own(ENGINE_OWNER_IO))
		return OM_ESTATE;
	count = (uint64_t)rt_io_check(words, sizeof words) + (reason != NULL);
	engine_disown(ENGINE_OWNER_IO);
	size = strlen(words);

	if (reason) {
		engine_words(words + size, sizeof words - size, reason);
		size = strlen(words);
		engine_words(words + size, sizeof words - size, "\n");
		size = strlen(words);
	}

	size = size < room ? size : room;
	rt_ub_put(data, words, size);
	rt_ub_put(tbuf->arg, &count, sizeof count);
	return (long)size;
}

long engine_call(uint64_t op)
{
	struct rt_tcb *tcb = rt_self();
	RT_UNTRUSTED struct om_tbuf *tbuf = tcb->tbuf;
	uint64_t arg[2], wait = UINT64_MAX, room = tcb->tbuf_size - OM_TBUF_DATA;
	RT_UNTRUSTED uint8_t *data = (RT_UNTRUSTED uint8_t *)tbuf + OM_TBUF_DATA;
	struct om_mig_identity identity;
	struct om_mig_status status;
	long ret = 0;

	rt_ub_get(arg, tbuf->arg, sizeof arg);
	switch (op) {
	case OM_ENGINE_SOURCE_BEGIN:
		return begin(OM_ROLE_SOURCE, data);
	case OM_ENGINE_DESTINATION_BEGIN:
		return begin(OM_ROLE_DESTINATION, data);
	case OM_ENGINE_STATUS:
		fill_status(&status);
		rt_ub_put(data, &status, sizeof status);
		return 0;
	case OM_ENGINE_IDENTITY:
		fill_identity(&identity);
		rt_ub_put(data, &identity, sizeof identity);
		return 0;
	case OM_ENGINE_CHECK:
		return check(tbuf, data, room);
	case OM_ENGINE_FRESH:
		return engine_fresh(tbuf, arg[0]);
	case OM_ENGINE_URGENT:
		if (arg[0] > room || room < OM_URGENT_FRAME_MAX || !engine_own(OM_CONNECTION_URGENT))
			return arg[0] > room || room < OM_URGENT_FRAME_MAX ? OM_EINVAL : OM_ESTATE;
		ret = engine_postcopy_answer(data, arg[0]);
		engine_disown(OM_CONNECTION_URGENT);
		return ret;
	case OM_ENGINE_WIPE:
		return wipe();
	case OM_ENGINE_OUT:
	case OM_ENGINE_IN:
		ret = exchange(op, arg, data, room, &wait);
		break;
	case OM_ENGINE_COMMAND:
		rt_lock(&session_lock);
		ret = command(arg[0], arg[1]);
		rt_unlock(&session_lock);
		wait = progress_if_free();
		break;
	case OM_ENGINE_LOST:
		rt_lock(&session_lock);
		ret = engine.role ? 0 : OM_ESTATE;
		if (!ret)
			engine_post(ENGINE_POST_LOST);
		rt_unlock(&session_lock);
		if (ret)
			return ret;
		wait = progress_if_free();
		break;
	case OM_ENGINE_RESUME:
		ret = resume();
		break;
	default:
		return OM_EINVAL;
	}
	answer(tbuf, wait);
	return ret;
}
