/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control connection drives the session machine of core/mig/session.h. A message is opened, decoded in full and
 * turned into an event. Then the machine's actions are carried out. Frames to send wait in a short queue of message types.
 * Their bodies are made when they leave, from the state of that moment.
 *
 * A failure is never acted upon where it is noticed. It is posted, and mig_progress() turns it into the event FAIL, so
 * that the machine alone decides what the failure means in its state.
 */
#include <string.h>
#include "crypto/wipe.h"
#include "mig/mig.h"
#include "rt/seal.h"

#define RUNNING_NS 5000000      /* pages that a faulting thread brought in wake nobody */

RT_LOCAL static uint8_t quote[OM_CONTROL_QUOTE_MAX];

void mig_queue(unsigned what)
{
	if (memchr(mig.queue, (int)what, mig.queue_count))
		return;
	RT_CHECK(mig.queue_count < MIG_QUEUE);
	mig.queue[mig.queue_count] = (uint8_t)what;
	mig.queue_count++;
}

void mig_reason(int error, const char *words)
{
	if (mig.status.error)
		return;
	mig.status.error = error;
	mig_words(mig.status.reason, sizeof mig.status.reason, words);
}

void mig_reason_then(int error, const char *words)
{
	static const char then[] = "; and then ";
	size_t size = strlen(mig.status.reason);

	mig_reason(error, words);
	if (size == 0 || size + sizeof then >= sizeof mig.status.reason)
		return;
	mig_words(mig.status.reason + size, sizeof mig.status.reason - size, then);
	size += sizeof then - 1;
	mig_words(mig.status.reason + size, sizeof mig.status.reason - size, words);
}

/* ---- actions ---- */

static void rebuild(void)
{
	int64_t start = mig_now();
	char words[OM_REASON_MAX] = "";
	const char *objection = "";
	int error = mig_evidence_arrive(&objection);

	mig_words(words, sizeof words, objection);
	if (!error)
		error = rt_identity_arrive(words, sizeof words);
	if (!error)
		error = rt_io_rebuild(words, sizeof words);
	/* All that can fail comes before the promise that the program can be started here. */
	if (!error && (error = rt_ready_all()))
		mig_words(words, sizeof words, "the host cannot make the program's threads");
	mig.rebuild_ns = (int64_t)mig_elapsed(start, mig_now());
	mig.status.rebuild_ns = (uint64_t)mig.rebuild_ns;
	if (error) {
		mig_reason(error, words);
		mig_fail(error, "descriptors or threads could not be made again");
		return;
	}
	mig_event(MIG_ON_BUILT);
}

static void run(void)
{
	mig_postcopy_prepare();
	rt_owed_fault = mig_owed_fault;
	rt_time_restore();
	rt_io_let_go();
	mig_disown(MIG_OWNER_IO);
	rt_signal_moved();
	rt_resume_all();
	mig.status.run_realtime_ns = (uint64_t)rt_realtime_ns();
	mig.launch = MIG_LAUNCH_DONE;
}

/*
 * Where both hosts share their addresses, the source lets go of them only when it hears STARTED. So STARTED must have left, and
 * the program's threads wait. Elsewhere the first call claims all addresses, and nobody waits. Return: ns until the next call, 0: the program runs.
 */
static uint64_t claim(void)
{
	int64_t now = mig_now();
	uint64_t wait;

	if (mig.claim_at > now)
		return (uint64_t)(mig.claim_at - now);
	wait = rt_io_claim();
	if (wait == 0) {
		run();
		if (mig.claim_at)
			mig_queue(OM_CTL_RUNS);        /* STARTED said that it did not run yet */
	} else {
		mig.claim_at = now + (int64_t)wait;
	}
	return wait;
}

static void launch(void)
{
	mig.launch = mig.hold ? MIG_LAUNCH_HELD : MIG_LAUNCH_CLAIMING;
	mig.claim_at = 0;
	if (mig.launch == MIG_LAUNCH_CLAIMING)
		(void)claim();                 /* else mig_progress() goes on */
}

static void queue_frames(uint32_t actions)
{
	static const struct { uint32_t action; uint8_t what; } frames[] = {
		{ MIG_DO_SEND_NOISE, MIG_QUEUE_NOISE }, { MIG_DO_SEND_QUOTE, OM_CTL_QUOTE },
		{ MIG_DO_SEND_PARAMS, OM_CTL_PARAMS }, { MIG_DO_SEND_READY, OM_CTL_READY },
		{ MIG_DO_SEND_COMPLETE, OM_CTL_COMPLETE }, { MIG_DO_SEND_PREPARED, OM_CTL_PREPARED },
		{ MIG_DO_SEND_START, OM_CTL_START }, { MIG_DO_SEND_STARTED, OM_CTL_STARTED },
		{ MIG_DO_SEND_PLACED, OM_CTL_PLACED }, { MIG_DO_SEND_FINISH, OM_CTL_FINISH },
		{ MIG_DO_SEND_CANCEL, OM_CTL_CANCEL }, { MIG_DO_SEND_ABORT, OM_CTL_ABORT },
	};

	/* What ends the session replaces what was still to be said. */
	if (actions & (MIG_DO_SEND_CANCEL | MIG_DO_SEND_ABORT))
		mig.queue_count = 0;
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		if (actions & frames[i].action)
			mig_queue(frames[i].what);
}

static void link_event(enum mig_link_event event)
{
	if (mig_link_event(event))
		mig_fail(OM_ESTATE, "the link's state does not allow what happened");
}

static void act(uint32_t actions)
{
	if (actions & MIG_DO_RUN) {
		mig_instance_moved();
		launch();
		rt_seal_moved();
	}
	queue_frames(actions);
	if (actions & MIG_DO_HAND_OVER)
		mig_source_handed_over();
	if (actions & MIG_DO_ROUNDS)
		mig_source_rounds();
	if (actions & MIG_DO_STOP_APP)
		mig_source_stop();
	if (actions & MIG_DO_FREEZE)
		mig_source_freeze();
	if (actions & MIG_DO_RESUME_APP)
		mig_source_resume_app();
	if (actions & MIG_DO_WAIT_LINK)
		mig_link_lost();
	if (actions & MIG_DO_ANSWER)
		link_event(MIG_LINK_ON_UNHEARD);
	if (actions & MIG_DO_WIPE)
		link_event(MIG_LINK_ON_END);
	if (actions & MIG_DO_REBUILD)
		rebuild();
}

void mig_event(enum mig_event event)
{
	enum mig_source_state source = mig.source, next_source = source;
	enum mig_target_state target = mig.target, next_target = target;
	uint32_t actions = 0;
	int error = mig.role == OM_ROLE_SOURCE ? mig_source_step(source, event, &next_source, &actions) :
		mig_target_step(target, event, &next_target, &actions);

	if (error) {
		mig_fail(error, "a message came that this state of the session does not allow");
		return;
	}
	mig.source = next_source;
	mig.target = next_target;
	mig_publish();
	if (mig.role == OM_ROLE_SOURCE && source < MIG_SOURCE_DONE && mig.source >= MIG_SOURCE_CANCELLED)
		mig_source_ended();
	act(actions);
}

/* ---- progress ---- */

static bool session_over(void)
{
	return mig.role == OM_ROLE_SOURCE ? mig_source_over(mig.source) : mig_target_over(mig.target);
}

bool mig_over(void)
{
	return mig.role && session_over() && mig_link() == MIG_LINK_GONE;
}

/* The last frames are out. */
static void flushed(void)
{
	if (mig_link() == MIG_LINK_CLOSING && mig.queue_count == 0)
		link_event(MIG_LINK_ON_FLUSHED);
}

static bool failed(void)
{
	return mig.role == OM_ROLE_SOURCE ? mig.source == MIG_SOURCE_FAILED : mig.target == MIG_TARGET_ABORTED;
}

/* The reason is noted first, for what is undone may fail too. If the session goes on it was none. */
static void trouble(enum mig_event event, int error, const char *words)
{
	bool first = mig.status.error == 0;

	mig_reason(error, words);
	mig_event(event);
	if (!failed() && first) {
		mig.status.error = 0;
		mig.status.reason[0] = 0;
	}
}

bool mig_heeds(enum mig_command command)
{
	return mig.role == OM_ROLE_SOURCE ? mig_source_heeds(mig.source, command) :
		mig.role == OM_ROLE_DESTINATION && mig_target_heeds(mig.target, command);
}

static bool take_command(uint32_t posted, uint32_t which, enum mig_command command)
{
	return posted & which && mig_heeds(command);
}

/* Whoever posted has looked at the state before, and it may be another one by now: a command that comes too late is dropped. */
static void take_posted(void)
{
	uint32_t posted = atomic_exchange(&mig.posted, 0);

	if (posted & MIG_POST_FAIL) {
		const char *words = atomic_load(&mig.failure_words);

		/* Who noticed it may not have come to its words yet. */
		trouble(MIG_ON_FAIL, atomic_load(&mig.failure), words ? words : "the session failed");
		if (!failed())
			atomic_store(&mig.failure, 0); /* waited out */
	}
	if (posted & MIG_POST_LOST) {
		mig_link_lost();
		trouble(MIG_ON_LOST, OM_ECONNECTION, "the connection was lost");
	}
	if (take_command(posted, MIG_POST_CANCEL, MIG_COMMAND_CANCEL)) {
		mig_reason(OM_ECANCELLED, "cancelled by command");
		mig_event(MIG_ON_CANCEL);
	}
	if (take_command(posted, MIG_POST_ABORT, MIG_COMMAND_ABORT)) {
		mig_reason(OM_ECANCELLED, "given up by command at the destination");
		mig_event(MIG_ON_ABORT);
	}
	if (take_command(posted, MIG_POST_FORGET, MIG_COMMAND_FORGET))
		link_event(MIG_LINK_ON_HEARD);
	if (take_command(posted, MIG_POST_POSTCOPY, MIG_COMMAND_POSTCOPY))
		mig_source_postcopy_now();
}

static uint64_t running_progress(void)
{
	if (mig.launch == MIG_LAUNCH_HELD && atomic_load(&mig.owed) == 0)
		mig.launch = MIG_LAUNCH_CLAIMING;
	/* STARTED leaves first: the source may have to hear it. */
	if (mig.launch == MIG_LAUNCH_CLAIMING && mig.queue_count == 0) {
		uint64_t wait = claim();

		if (wait)
			return wait < RUNNING_NS ? wait : RUNNING_NS;
	}
	if (mig.launch == MIG_LAUNCH_DONE && atomic_load(&mig.owed) == 0) {
		mig_event(MIG_ON_PLACED);
	}
	return RUNNING_NS;
}

static uint64_t target_progress(void)
{
	if (mig.target == MIG_TARGET_RECEIVING && mig_import_complete()) {
		int error = mig_import_settle();

		if (error)
			mig_fail(error, "pages accepted ahead could not be given back");
		else
			mig_event(MIG_ON_ARRIVED);
	}
	return mig.target == MIG_TARGET_RUNNING ? running_progress() : UINT64_MAX;
}

uint64_t mig_progress(void)
{
	uint64_t wait = UINT64_MAX;

	do {
		take_posted();
		wait = mig.role == OM_ROLE_SOURCE ? mig_source_progress() : target_progress();
	} while (atomic_load(&mig.posted) || (wait == 0 && mig.queue_count == 0));
	flushed();
	return mig.queue_count ? 0 : wait;
}

void mig_settle(unsigned peer_state, int reason)
{
	enum mig_event event;
	uint32_t actions;
	int error;

	if (mig.role == OM_ROLE_DESTINATION) {
		error = mig_target_settle(mig.target, (enum mig_source_state)peer_state, &event, &actions);
		if (error)
			mig_fail(error, "after the reconnection the two sides do not fit together");
		if (session_over())
			link_event(MIG_LINK_ON_UNHEARD); /* RESUME says the state; ABORTED is the token itself */
		if (mig.target == MIG_TARGET_COMPLETE)
			mig_queue(OM_CTL_PLACED);
		else if (mig.target == MIG_TARGET_RUNNING && mig.launch == MIG_LAUNCH_DONE)
			mig_queue(OM_CTL_RUNS);
		return;
	}
	do {
		error = mig_source_settle(mig.source, (enum mig_target_state)peer_state, &event, &actions);
		if (error) {
			mig_fail(error, "after the reconnection the two sides do not fit together");
			return;
		}
		queue_frames(actions);
		if (event == MIG_ON_ABORT)
			mig_reason(reason < 0 ? reason : OM_EABORTED, "the other side gave up while the connection was down");
		if (event != MIG_EVENT_COUNT)
			mig_event(event);
	} while (event == MIG_ON_STARTED);
	if (mig.source == MIG_SOURCE_ROUNDS || mig.source == MIG_SOURCE_POSTCOPY)
		mig_source_again();
}

/* ---- messages out ---- */

static int make_quote(struct om_control *m)
{
	const char *words = "";
	long size = mig_evidence_make(mig.role, mig.hash, quote, sizeof quote, &words);

	if (size < 0) {
		mig_reason((int)size, words);
		return (int)size;
	}
	m->quote.role = mig.role;
	m->quote.quote = quote;
	m->quote.quote_size = (uint32_t)size;
	return 0;
}

static int make_message(struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_QUOTE:
		return make_quote(m);
	case OM_CTL_PARAMS:
		m->params.channels = mig.params.channels;
		m->params.hold = mig_source_holds();
		m->params.page_limit = mig.facts.page_limit;
		m->params.xfrm = mig.facts.xfrm;
		m->params.cpu_features = mig.facts.features;
		mig.status.ram_total = mig_source_touched() * OM_PAGE_SIZE;
		m->params.pages = mig.status.ram_total / OM_PAGE_SIZE;
		break;
	case OM_CTL_ROUND:
		m->round.echo = mig.role == OM_ROLE_DESTINATION;
		m->round.round = m->round.echo ? mig.echo_round : mig.round.number;
		m->round.stamp = m->round.echo ? mig.echo_stamp : (uint64_t)mig_now();
		break;
	case OM_CTL_COMPLETE:
		m->complete.channels = mig.params.channels;
		m->complete.owed = atomic_load(&mig.owed);
		for (uint32_t i = 0; i < mig.params.channels; i++)
			m->complete.frames[i] = atomic_load(&mig_rings[i].next);
		break;
	case OM_CTL_PREPARED:
		m->prepared.rebuild_ns = (uint64_t)mig.rebuild_ns;
		break;
	case OM_CTL_STARTED: case OM_CTL_RUNS:
		m->started.run_realtime_ns = mig.status.run_realtime_ns;
		break;
	case OM_CTL_ABORT:
	case OM_CTL_CANCEL:
		if (mig.rehearsed) {
			m->reason.error = OM_ECANCELLED;
			m->reason.words = "this was a rehearsal, and all would have been well";
			m->reason.words_size = (uint32_t)strlen(m->reason.words);
			break;
		}
		m->reason.error = mig.status.error;
		m->reason.words = mig.status.reason;
		m->reason.words_size = (uint32_t)strlen(mig.status.reason);
		break;
	case OM_CTL_PLACED:
		m->placed.run_realtime_ns = mig.status.run_realtime_ns;
		m->placed.requests = atomic_load(&mig.postcopy_requests);
		m->placed.dropped = atomic_load(&mig.dropped);
		m->placed.faults = atomic_load(&mig.faults);
		m->placed.fault_ns = atomic_load(&mig.fault_ns);
		m->placed.fault_max_ns = atomic_load(&mig.fault_max_ns);
		for (int i = 0; i < OM_FAULT_BUCKETS; i++)
			m->placed.histogram[i] = atomic_load(&mig.fault_histogram[i]);
		break;
	case OM_CTL_READY: case OM_CTL_START: case OM_CTL_FINISH:
		break;
	}
	return 0;
}

static long send_message(RT_UNTRUSTED uint8_t *data, enum om_control_type type)
{
	struct om_control m = { .type = type };
	size_t size;
	int error;

	if (!mig_link_usable())
		return 0;
	error = make_message(&m);
	if (!error)
		error = om_control_encode(&m, mig_sealed + OM_FRAME_HEADER, OM_CONTROL_MAX, &size);
	if (!error)
		error = mig_stream_seal(&mig.conn[OM_CONNECTION_CONTROL].out, OM_FRAME_CONTROL, 0, mig_sealed + OM_FRAME_HEADER, size,
			mig_sealed, &size);
	if (error)
		return error;
	rt_ub_put(data, mig_sealed, size);
	return (long)size;
}

long mig_control_out(RT_UNTRUSTED uint8_t *data)
{
	uint8_t what;
	long ret;

	if (mig.queue_count == 0)
		return 0;
	what = mig.queue[0];
	mig.queue_count--;
	memmove(mig.queue, mig.queue + 1, mig.queue_count);
	if (what == MIG_QUEUE_NOISE)
		ret = mig_link_noise_out(data);
	else if (what == MIG_QUEUE_RESUME)
		ret = mig_link_resume_out(data);
	else
		ret = send_message(data, (enum om_control_type)what);
	if (ret < 0)
		mig_fail((int)ret, "a control message could not be made");
	flushed();
	return ret;
}

/* ---- messages in ---- */

static int peer_quote(const struct om_control *m)
{
	bool source = mig.role == OM_ROLE_SOURCE;
	const char *words = "";
	int error;

	if (m->quote.role == mig.role)
		return OM_EIDENTITY;
	if (source ? mig.source != MIG_SOURCE_ATTEST : mig.target != MIG_TARGET_ATTEST)
		return OM_ESTATE;
	error = mig_evidence_check(m->quote.role, mig.hash, m->quote.quote, m->quote.quote_size, &mig.status, &mig.peer, &words);
	if (error) {
		mig_reason(error, words);
		return error;
	}
	mig_event(MIG_ON_PEER_OK);
	return 0;
}

static int peer_params(const struct om_control *m)
{
	const char *words = NULL;

	if (m->params.channels != mig.params.channels)
		words = "the two sides were given different numbers of channels";
	else if (m->params.page_limit != mig.facts.page_limit)
		words = "the enclave's address range has another size there";
	else if (m->params.xfrm != mig.facts.xfrm)
		words = "the source's enclave has other processor state enabled (XFRM) than this one";
	else if (m->params.cpu_features & ~mig.facts.features)
		words = "the source's processor has features that this one lacks, and the program may be using them";
	if (words) {
		mig_reason(OM_EUNSUPPORTED, words);
		return OM_EUNSUPPORTED;
	}
	mig.status.ram_total = m->params.pages * OM_PAGE_SIZE;
	mig.hold = m->params.hold;
	mig.ready = mig_now();
	mig_event(MIG_ON_PARAMS);
	return 0;
}

static int peer_round(const struct om_control *m)
{
	if (mig.role == OM_ROLE_DESTINATION) {
		if (m->round.echo || mig.target != MIG_TARGET_RECEIVING)
			return OM_ESTATE;
		mig.echo_round = m->round.round;
		mig.echo_stamp = m->round.stamp;
		mig.status.dirty_sync_count = m->round.round + 1;
		mig_queue(OM_CTL_ROUND);
		return 0;
	}
	if (!m->round.echo)
		return OM_ESTATE;
	mig_source_round_trip(m->round.stamp);
	return 0;
}

static int peer_complete(const struct om_control *m)
{
	if (mig.target != MIG_TARGET_RECEIVING || mig.complete)
		return OM_ESTATE;
	if (m->complete.channels != mig.params.channels)
		return OM_EINVAL;
	for (uint32_t i = 0; i < mig.params.channels; i++)
		atomic_store(&mig.frames_due[i], m->complete.frames[i]);
	mig.complete = true;
	return 0;
}

static void peer_reason(const struct om_control *m)
{
	char words[OM_REASON_MAX + 16] = "other side: ";

	memcpy(words + 12, m->reason.words, m->reason.words_size);
	words[12 + m->reason.words_size] = 0;
	mig_reason(m->reason.error < 0 ? m->reason.error : OM_EABORTED, words);
}

/* All is at the destination: what was still owed has arrived, and the message says how it went. */
static void peer_placed(const struct om_control *m)
{
	if (!mig.status.run_realtime_ns)       /* RUNS was lost */
		mig_source_running(m->placed.run_realtime_ns);
	atomic_store(&mig.owed, 0);
	atomic_store(&mig.dropped, m->placed.dropped);
	atomic_store(&mig.faults, m->placed.faults);
	atomic_store(&mig.fault_ns, m->placed.fault_ns);
	atomic_store(&mig.fault_max_ns, m->placed.fault_max_ns);
	for (int i = 0; i < OM_FAULT_BUCKETS; i++)
		atomic_store(&mig.fault_histogram[i], m->placed.histogram[i]);
}

/* The token stays here: the program has stood still for as long as this took, and goes on. */
static void rehearsed(void)
{
	enum mig_source_state before = mig.source;

	mig_event(MIG_ON_CANCEL);
	if (before != MIG_SOURCE_AWAIT_PREPARED || mig.source != MIG_SOURCE_CANCELLED)
		return;
	mig.rehearsed = mig.status.error == 0;         /* thawing may have failed */
	mig.status.downtime_ns = mig_elapsed(mig.stopped, mig_now());
}

/* Messages that only a source gets. */
static int source_message(const struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_READY:
		mig_event(MIG_ON_READY);
		return 0;
	case OM_CTL_PREPARED:
		mig.status.rebuild_ns = m->prepared.rebuild_ns;
		mig.answered = mig_now();
		if (mig.params.flags & OM_MIG_PARAM_REHEARSE)
			rehearsed();
		else
			mig_event(MIG_ON_PREPARED);
		return 0;
	case OM_CTL_STARTED:
		if (mig.source != MIG_SOURCE_COMMITTED)
			return OM_ESTATE;
		mig_event(MIG_ON_STARTED);
		if (m->started.run_realtime_ns)
			mig_source_running(m->started.run_realtime_ns);
		return 0;
	case OM_CTL_RUNS:
		if (mig.source != MIG_SOURCE_POSTCOPY)
			return OM_ESTATE;
		if (!mig.status.run_realtime_ns)
			mig_source_running(m->started.run_realtime_ns);
		return 0;
	case OM_CTL_PLACED:
		peer_placed(m);
		mig_event(MIG_ON_PLACED);
		return 0;
	case OM_CTL_ABORT:
		peer_reason(m);
		mig_event(MIG_ON_ABORT);
		return 0;
	default:
		return OM_ETYPE;
	}
}

/* Messages that only a destination gets. */
static int target_message(const struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_PARAMS:
		return mig.target == MIG_TARGET_SETUP ? peer_params(m) : OM_ESTATE;
	case OM_CTL_COMPLETE:
		return peer_complete(m);
	case OM_CTL_START:
		mig_event(MIG_ON_START);
		return 0;
	case OM_CTL_CANCEL:
		peer_reason(m);
		mig_event(MIG_ON_CANCEL);
		return 0;
	case OM_CTL_FINISH:
		return mig_target_over(mig.target) ? mig_link_event(MIG_LINK_ON_HEARD) : OM_ESTATE;
	default:
		return OM_ETYPE;
	}
}

/*
 * A destination that gave up because of a spoilt frame never gets that frame, but must still hear that its abort was heard.
 * Later frames decide nothing else, so an authentic frame behind the gap will do.
 */
static int open_frame(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER])
{
	struct mig_stream *in = &mig.conn[OM_CONNECTION_CONTROL].in;
	int error = mig_stream_open(in, frame, header, mig_received, mig_received);

	if (error != OM_ESEQ || mig.role != OM_ROLE_DESTINATION || mig.target != MIG_TARGET_ABORTED || frame->sequence < in->next)
		return error;
	error = mig_stream_open_any(in, frame, header, mig_received, mig_received);
	if (!error)
		in->next = frame->sequence + 1;
	return error;
}

int mig_control_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER])
{
	struct om_control m;
	int error;

	if (frame->kind == OM_FRAME_NOISE)
		return mig_link_noise_in(frame, mig_received);
	if (frame->kind == OM_FRAME_RESUME)
		return mig_link_resume_in(frame, header, mig_received);
	if (frame->kind != OM_FRAME_CONTROL)
		return OM_ETYPE;
	if (!mig_link_usable())
		return OM_ESTATE;
	error = open_frame(frame, header);
	if (!error)
		error = om_control_decode(mig_received, frame->length - OM_FRAME_TAG, &m);
	if (error)
		return error;
	if (session_over() && m.type != OM_CTL_FINISH)
		return 0;                      /* crossed our own last word */
	if (m.type == OM_CTL_QUOTE)
		return peer_quote(&m);
	if (m.type == OM_CTL_ROUND)
		return peer_round(&m);
	return mig.role == OM_ROLE_SOURCE ? source_message(&m) : target_message(&m);
}
