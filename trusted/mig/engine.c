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
#include "mig/mig.h"
#include "rt/lineage.h"
#include "rt/owner.h"

RT_LOCAL struct mig mig;
/* Who owns no connection looks at a session under this lock, and a new one begins under it: never a half of one. */
RT_LOCAL static struct rt_lock session_lock;
RT_LOCAL struct rt_lock mig_urgent_lock;
RT_LOCAL static _Atomic uint32_t busy[MIG_CONNECTIONS + 1]; /* owned by a host thread; outlives sessions */
RT_LAZY struct mig_ring mig_rings[OM_MIG_CHANNELS_MAX];
RT_LAZY struct mig_buffer mig_buffers[OM_MIG_CHANNELS_MAX];
RT_LAZY struct mig_small_buffer mig_reply_buffer;
RT_LOCAL _Atomic uint32_t mig_buffers_used;
RT_LAZY struct mig_small_buffer mig_fault_buffers[MIG_FAULT_BUFFERS];
RT_LOCAL uint8_t mig_sealed[OM_FRAME_HEADER + OM_CONTROL_MAX + OM_FRAME_TAG];
RT_LOCAL uint8_t mig_received[OM_CONTROL_MAX + OM_FRAME_TAG];
RT_LAZY struct mig_set mig_todo, mig_owed;

void mig_post(uint32_t what)
{
	atomic_fetch_or(&mig.posted, what);
}

void mig_fail(int error, const char *words)
{
	int32_t none = 0;

	if (atomic_compare_exchange_strong(&mig.failure, &none, error))
		atomic_store(&mig.failure_words, words);
	mig_post(MIG_POST_FAIL);
}

void mig_note_max(_Atomic uint64_t *max, uint64_t value)
{
	uint64_t seen = atomic_load(max);

	while (value > seen && !atomic_compare_exchange_weak(max, &seen, value))
		;
}

void mig_words(char *to, size_t size, const char *words)
{
	size_t n = strlen(words);

	n = n < size ? n : size - 1;
	memcpy(to, words, n);
	memset(to + n, 0, size - n);
}

bool mig_busy(void)
{
	if (mig.role == OM_ROLE_SOURCE)
		return mig.source != MIG_SOURCE_IDLE && (!mig_source_over(mig.source) || mig.source == MIG_SOURCE_DONE);
	return mig.role == OM_ROLE_DESTINATION && mig.target != MIG_TARGET_COMPLETE;
}

bool mig_arriving(void)
{
	return mig.role == OM_ROLE_DESTINATION && !mig_target_may_run(mig.target);
}

void mig_boot(const struct om_boot *boot)
{
	mig.facts.features = boot->cpu_features;
	mig.facts.xfrm = mig_evidence_xfrm();
	/* Threads' vector state is kept by what the image says, and the signature fixes the same; unless it is somebody else's. */
	if (mig.facts.xfrm != rt_image->xfrm)
		rt_fatal(OM_EIDENTITY, "this enclave has other processor state (XFRM) than its image asks for: it was signed by somebody else");
	mig.facts.page_limit = rt_image->elrange_size >> 12;
	mig.facts.tracked_limit = rt_image->slots_offset >> 12;
	mig.facts.image_end = rt_image->image_end_offset >> 12;
	while (mig.facts.image_tracked_end < mig.facts.image_end && RT_PAGE_STATE(mig_page_state(mig.facts.image_tracked_end)) != RT_PAGE_RESIDENT)
		mig.facts.image_tracked_end++;
	/* Wide vectors only if the enclave has the registers. */
	if (mig.facts.xfrm != OM_XFRM_AVX512)
		mig.facts.features &= ~(uint64_t)OM_CPU_AVX512;
	if (mig.facts.xfrm == OM_XFRM_SSE)
		mig.facts.features &= ~(uint64_t)(OM_CPU_AVX2 | OM_CPU_VAES);
	if (boot->flags & OM_BOOT_RECEIVE) {
		mig.role = OM_ROLE_DESTINATION;
		(void)mig_own(MIG_OWNER_IO);       /* until the program runs */
	} else {
		mig_instance_begin();
	}
}

/* ---- owners ---- */

bool mig_own(uint32_t connection)
{
	return !atomic_exchange_explicit(&busy[connection], 1, memory_order_acquire);
}

void mig_disown(uint32_t connection)
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
	return (enum om_mig_state)states[mig.source];
}

static enum om_mig_state target_state(void)
{
	static const uint8_t states[MIG_TARGET_STATE_COUNT] = {
		[MIG_TARGET_AWAIT] = OM_MIG_NONE, [MIG_TARGET_HANDSHAKE] = OM_MIG_SETUP, [MIG_TARGET_ATTEST] = OM_MIG_SETUP,
		[MIG_TARGET_SETUP] = OM_MIG_SETUP, [MIG_TARGET_RECEIVING] = OM_MIG_ACTIVE, [MIG_TARGET_BUILDING] = OM_MIG_DEVICE,
		[MIG_TARGET_PREPARED] = OM_MIG_PREPARED, [MIG_TARGET_RUNNING] = OM_MIG_POSTCOPY,
		[MIG_TARGET_COMPLETE] = OM_MIG_COMPLETED, [MIG_TARGET_ABORTED] = OM_MIG_FAILED,
	};
	return (enum om_mig_state)states[mig.target];
}

static enum om_mig_state state_now(void)
{
	if (mig.role == 0)
		return OM_MIG_NONE;
	if (mig.rehearsed)
		return OM_MIG_REHEARSED;
	if (mig_link_is_lost(mig_link()) && !(mig.role == OM_ROLE_SOURCE ? mig_source_over(mig.source) : mig_target_over(mig.target)))
		return OM_MIG_WAITING;
	return mig.role == OM_ROLE_SOURCE ? source_state() : target_state();
}

/* The source may have given the program up in favour of this destination: it must learn what became of it. */
static bool awaited(void)
{
	if (mig.role != OM_ROLE_DESTINATION)
		return false;
	return mig.target == MIG_TARGET_PREPARED || mig.target == MIG_TARGET_RUNNING ||
		(mig.target == MIG_TARGET_ABORTED && (mig_link() == MIG_LINK_ANSWERING || mig_link_is_lost(mig_link())));
}

static uint32_t flags_now(void)
{
	bool source = mig.role == OM_ROLE_SOURCE;

	return (mig_over() ? OM_MIG_F_OVER : 0) |
		(mig.role == 0 || (source ? mig_source_may_run(mig.source) : mig_target_may_run(mig.target)) ? OM_MIG_F_RUNNING : 0) |
		(mig_link() == MIG_LINK_DOWN ? OM_MIG_F_RECONNECT : 0) |
		(awaited() ? OM_MIG_F_AWAITED : 0) |
		(source && mig.source == MIG_SOURCE_DONE ? OM_MIG_F_EXIT : 0);
}

/* Would the control connection's owner find something to do? */
static bool control_wanted(void)
{
	if (atomic_load(&mig.posted) || mig.queue_count)
		return true;
	if (mig.role == OM_ROLE_SOURCE) {
		if (mig.source == MIG_SOURCE_FINAL)
			return mig_pass_handed_out();
		return mig.source == MIG_SOURCE_ROUNDS &&
			((mig.round_step == MIG_ROUND_SEND && mig_pass_handed_out()) ||
			 (mig.round_step == MIG_ROUND_DRAIN && mig_pass_acknowledged()));
	}
	return (mig.target == MIG_TARGET_RECEIVING && mig_import_complete()) ||
		(mig.target == MIG_TARGET_RUNNING && mig.launch != MIG_LAUNCH_CLAIMING && atomic_load(&mig.owed) == 0);
}

static uint64_t ready_mask(void)
{
	uint64_t ready = control_wanted() ? 1 : 0, pass = atomic_load(&mig.pass);

	if (!mig_link_usable())
		return ready;
	for (uint32_t i = 0; i < mig.channels; i++) {
		struct mig_conn *c = &mig.conn[OM_CONNECTION_PAGES + i];
		bool wants = mig.role == OM_ROLE_SOURCE ?
			MIG_PASS_KIND(pass) != MIG_PASS_NONE && atomic_load(&c->pass_done) != pass :
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

void mig_publish(void)
{
	struct told now = { .status = mig.status, .peer = mig.peer, .begun = mig.begun, .ready = mig.ready, .ended = mig.ended,
		.round_bytes = mig.round.number ? mig.round.dirty_pages * OM_PAGE_SIZE + 1 : 0 };

	now.status.version = OM_ENGINE_VERSION;
	now.status.mode = mig.params.mode;
	now.status.channels = mig.params.channels;
	now.status.ram_page_size = OM_PAGE_SIZE;
	now.status.round_trip_ns = mig.round.round_trip_ns;
	now.status.throughput = mig.round.throughput;
	mig_watch_status(&now.status);
	rt_lock(&session_lock);
	told = now;
	rt_unlock(&session_lock);
}

/* Whoever had the control connection has changed the session, perhaps. */
static void release(uint32_t connection)
{
	if (connection == OM_CONNECTION_CONTROL)
		mig_publish();
	mig_disown(connection);
}

static uint64_t ram_remaining(const struct told *t)
{
	uint64_t sent = (atomic_load(&mig.normal_pages) + atomic_load(&mig.zero_pages)) * OM_PAGE_SIZE;

	if (mig.role == OM_ROLE_SOURCE && (mig.source == MIG_SOURCE_POSTCOPY || mig.source == MIG_SOURCE_COMMITTED))
		return atomic_load(&mig.owed) * OM_PAGE_SIZE;
	if (mig.role == OM_ROLE_SOURCE && t->round_bytes)
		return t->round_bytes - 1;
	return t->status.ram_total > sent ? t->status.ram_total - sent : 0;
}

static void fill_status(struct om_mig_status *s)
{
	int64_t now = mig_now();
	struct told t;

	rt_lock(&session_lock);
	t = told;
	*s = t.status;
	s->version = OM_ENGINE_VERSION;
	s->state = (uint32_t)state_now();
	s->flags = flags_now();
	s->role = mig.role;
	s->downtime_limit_ns = atomic_load(&mig.limits.downtime_ns);
	s->total_time_ns = mig_elapsed(t.begun, t.ended ? t.ended : now);
	s->setup_time_ns = mig_elapsed(t.begun, t.ready);
	s->ram_transferred = atomic_load(&mig.bytes_sent);
	s->ram_remaining = ram_remaining(&t);
	s->normal_pages = atomic_load(&mig.normal_pages);
	s->duplicate_pages = atomic_load(&mig.zero_pages);
	s->postcopy_requests = atomic_load(&mig.postcopy_requests);
	s->postcopy_owed = atomic_load(&mig.owed);
	s->postcopy_dropped = atomic_load(&mig.dropped);
	s->fault_count = atomic_load(&mig.faults);
	s->fault_total_ns = atomic_load(&mig.fault_ns);
	s->fault_max_ns = atomic_load(&mig.fault_max_ns);
	for (int i = 0; i < 32; i++)
		s->fault_histogram[i] = atomic_load(&mig.fault_histogram[i]);
	s->epoch = atomic_load(&mig.epoch);
	rt_unlock(&session_lock);
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

bool mig_here(void)
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
		memcpy(i->instance, mig_instance_id(), sizeof i->instance);
		i->next_move = mig_instance_move();
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
		return mig.role == OM_ROLE_DESTINATION && mig.target == MIG_TARGET_AWAIT;
	if (mig.role == OM_ROLE_DESTINATION)
		return mig.target == MIG_TARGET_COMPLETE && mig_over();
	return mig.source == MIG_SOURCE_IDLE || (mig_over() && mig_source_may_run(mig.source));
}

static bool own_all(void)
{
	uint32_t i;

	for (i = 0; i < MIG_CONNECTIONS; i++)
		if (!mig_own(i))
			break;
	if (i == MIG_CONNECTIONS)
		return true;
	while (i-- > 0)
		mig_disown(i);
	return false;
}

static void disown_all(void)
{
	for (uint32_t i = 0; i < MIG_CONNECTIONS; i++)
		release(i);
}

void mig_buffers_wipe(void)
{
	uint32_t used = atomic_exchange(&mig_buffers_used, 0);

	for (uint32_t i = 0; i < OM_MIG_CHANNELS_MAX; i++)
		if (used & 1u << i)
			om_wipe(&mig_buffers[i], sizeof mig_buffers[i]);
	if (used & MIG_REPLY_BUFFER_USED)
		om_wipe(&mig_reply_buffer, sizeof mig_reply_buffer);
	om_wipe(mig_sealed, sizeof mig_sealed);
	om_wipe(mig_received, sizeof mig_received);
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
	if (mig.role == OM_ROLE_SOURCE && mig.source == MIG_SOURCE_DONE && mig_over()) {
		mig.wipe_next = rt_mem_wipe(mig.wipe_next, mig.facts.tracked_limit, STEP_PAGES);
		ret = mig.wipe_next < mig.facts.tracked_limit;
		/* Somebody may be asking for the status. Who never leaves is not waited for. */
		if (ret == 0 && !rt_slots_wipe() && ++mig.wipe_tries < TRIES)
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
	atomic_store(&mig.limits.downtime_ns, ns ? at_most(ns, MIG_LIMIT_NS_MAX) : 10000000);
}

/*
 * Forget the session before, but not what outlives it. Streams without a key refuse; a key of zeros would be one that everybody knows. A thread of
 * the program may still be about to ask for a page in that session. Such a thread owns no connection, and sees under the lock
 * that it is too late.
 */
static void reset(enum om_role role, const struct om_mig_params *params)
{
	int64_t now = mig_now();

	rt_lock(&session_lock);
	rt_lock(&mig_urgent_lock);
	om_wipe((uint8_t *)&mig + offsetof(struct mig, role), sizeof mig - offsetof(struct mig, role));
	for (uint32_t i = 0; i < MIG_CONNECTIONS; i++) {
		mig_stream_done(&mig.conn[i].out);
		mig_stream_done(&mig.conn[i].in);
	}
	rt_unlock(&mig_urgent_lock);
	mig.params = *params;
	mig.channels = params->channels;
	limit_downtime(params->downtime_limit_ns);
	atomic_store(&mig.limits.throttle_bytes, at_most(params->throttle_bytes, MIG_LIMIT_BYTES_MAX));
	atomic_store(&mig.limits.bandwidth_bytes, at_most(params->bandwidth_bytes, MIG_LIMIT_BYTES_MAX));
	atomic_store(&mig.limits.cost, MIG_COST_GUESS);
	mig.begun = now;
	mig.role = role;
	rt_unlock(&session_lock);
}

static int begin(enum om_role role, const RT_UNTRUSTED void *data)
{
	struct om_mig_params params;
	int error = take_params(data, &params);

	if (!error && role == OM_ROLE_SOURCE)
		error = mig_watch_choose(&params);
	if (error)
		return error;
	if (!own_all())
		return OM_ESTATE;
	error = OM_ESTATE;
	if (may_begin(role)) {
		reset(role, &params);
		error = mig_link_begin();
		if (!error)
			mig_event(MIG_ON_BEGIN);
	}
	disown_all();
	return error;
}

bool mig_hold(void)
{
	if (!own_all())
		return false;
	if (!mig_busy())
		return true;
	disown_all();
	return false;
}

void mig_let_go(void)
{
	disown_all();
}

/* Context: the connection is owned, so that no other session begins. */
static bool connection_ok(uint64_t connection)
{
	return mig.role && (connection == OM_CONNECTION_CONTROL ||
		(connection >= OM_CONNECTION_PAGES && connection - OM_CONNECTION_PAGES < mig.channels));
}

static long out(uint64_t connection, uint64_t room, RT_UNTRUSTED uint8_t *data, uint64_t *ret_wait)
{
	uint32_t channel = (uint32_t)connection - OM_CONNECTION_PAGES;
	long ret = 0;

	if (room < OM_FRAME_MAX)
		return OM_EINVAL;
	if (connection == OM_CONNECTION_CONTROL) {
		*ret_wait = mig_progress();
		return mig_control_out(data);
	}
	if (!mig_link_usable())
		return 0;
	ret = mig.role == OM_ROLE_SOURCE ? mig_export_out(channel, data) : mig_import_ack_out(channel, data);
	if (ret < 0)
		mig_fail((int)ret, "a page frame could not be made");
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
		rt_ub_get(mig_received, data + OM_FRAME_HEADER, frame.length);
		error = mig_control_in(&frame, header);
	} else if (!error && !mig_link_usable())
		error = OM_ESTATE;
	else if (!error)
		error = mig.role == OM_ROLE_SOURCE ? mig_export_ack(channel, &frame, header, data + OM_FRAME_HEADER) :
			mig_import_in(channel, &frame, header, data + OM_FRAME_HEADER);
	if (error)
		mig_fail(error, "a frame of the other side was refused");
	return error;
}

static int give(enum mig_command what, uint32_t post)
{
	if (!mig_heeds(what))
		return OM_ESTATE;
	mig_post(post);
	return 0;
}

/* Under session_lock: no other session begins, so what is posted is for this one. */
static int command(uint64_t what, uint64_t value)
{
	switch (what) {
	case OM_COMMAND_CANCEL:
		return give(MIG_COMMAND_CANCEL, MIG_POST_CANCEL);
	case OM_COMMAND_POSTCOPY:
		/* A rehearsal sends no memory, now or later. */
		return mig.params.flags & OM_MIG_PARAM_REHEARSE ? OM_ESTATE : give(MIG_COMMAND_POSTCOPY, MIG_POST_POSTCOPY);
	case OM_COMMAND_ABORT:
		return give(MIG_COMMAND_ABORT, MIG_POST_ABORT);
	case OM_COMMAND_FORGET:
		return give(MIG_COMMAND_FORGET, MIG_POST_FORGET);
	case OM_COMMAND_GO_ON:
		return mig.role ? 0 : OM_ESTATE;
	case OM_COMMAND_DOWNTIME:
		limit_downtime(value);
		return 0;
	case OM_COMMAND_THROTTLE:
		atomic_store(&mig.limits.throttle_bytes, at_most(value, MIG_LIMIT_BYTES_MAX));
		return 0;
	case OM_COMMAND_COST:
		atomic_store(&mig.limits.cost, (uint32_t)at_most(value, 1000));
		return 0;
	case OM_COMMAND_BANDWIDTH:
		atomic_store(&mig.limits.bandwidth_bytes, at_most(value, MIG_LIMIT_BYTES_MAX));
		return 0;
	}
	return OM_EINVAL;
}

static long resume(void)
{
	int error;

	if (!own_all())
		return OM_ESTATE;
	error = mig.role ? mig_link_resume() : OM_ESTATE;
	disown_all();
	return error;
}

/* Whoever posted something carries it out if nobody else is at it; else the owner will, before it leaves. */
static uint64_t progress_if_free(void)
{
	uint64_t wait = UINT64_MAX;

	if (mig_own(OM_CONNECTION_CONTROL)) {
		wait = mig_progress();
		release(OM_CONNECTION_CONTROL);
	}
	return wait;
}

static long exchange(uint64_t op, const uint64_t arg[2], RT_UNTRUSTED uint8_t *data, uint64_t room, uint64_t *ret_wait)
{
	long ret;

	if (arg[0] >= MIG_CONNECTIONS)
		return OM_EINVAL;
	if (!mig_own((uint32_t)arg[0]))
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
	const char *reason = mig_evidence_objection();
	uint64_t count;
	size_t size;

	if (!mig_own(MIG_OWNER_IO))
		return OM_ESTATE;
	count = (uint64_t)rt_io_check(words, sizeof words) + (reason != NULL);
	mig_disown(MIG_OWNER_IO);
	size = strlen(words);

	if (reason) {
		mig_words(words + size, sizeof words - size, reason);
		size = strlen(words);
		mig_words(words + size, sizeof words - size, "\n");
		size = strlen(words);
	}

	size = size < room ? size : room;
	rt_ub_put(data, words, size);
	rt_ub_put(tbuf->arg, &count, sizeof count);
	return (long)size;
}

long mig_engine_call(uint64_t op)
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
	case OM_ENGINE_SRC_BEGIN:
		return begin(OM_ROLE_SOURCE, data);
	case OM_ENGINE_DST_BEGIN:
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
		return mig_fresh(tbuf, arg[0]);
	case OM_ENGINE_URGENT:
		if (arg[0] > room || room < OM_URGENT_FRAME_MAX || !mig_own(OM_CONNECTION_URGENT))
			return arg[0] > room || room < OM_URGENT_FRAME_MAX ? OM_EINVAL : OM_ESTATE;
		ret = mig_postcopy_answer(data, arg[0]);
		mig_disown(OM_CONNECTION_URGENT);
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
		ret = mig.role ? 0 : OM_ESTATE;
		if (!ret)
			mig_post(MIG_POST_LOST);
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
