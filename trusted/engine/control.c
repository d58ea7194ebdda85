/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control connection drives the session machine of core/mig/session.h. A message is opened, decoded in full and
 * turned into an event. Then the machine's actions are carried out. Frames to send wait in a short queue of message types.
 * Their bodies are made when they leave, from the state of that moment.
 *
 * A failure is never acted upon where it is noticed. It is posted, and engine_progress() turns it into the event FAIL, so
 * that the machine alone decides what the failure means in its state.
 */
#include <string.h>
#include "crypto/wipe.h"
#include "engine/state.h"
#include "rt/seal.h"

#define RUNNING_NS 5000000      /* pages that a faulting thread brought in wake nobody */

RT_LOCAL static uint8_t quote[OM_CONTROL_QUOTE_MAX];

void engine_queue(unsigned what)
{
	if (memchr(engine.queue, (int)what, engine.queue_count))
		return;
	RT_CHECK(engine.queue_count < ENGINE_QUEUE);
	engine.queue[engine.queue_count] = (uint8_t)what;
	engine.queue_count++;
}

void engine_reason(int error, const char *words)
{
	if (engine.status.error)
		return;
	engine.status.error = error;
	engine_words(engine.status.reason, sizeof engine.status.reason, words);
}

void engine_reason_then(int error, const char *words)
{
	static const char then[] = "; and then ";
	size_t size = strlen(engine.status.reason);

	engine_reason(error, words);
	if (size == 0 || size + sizeof then >= sizeof engine.status.reason)
		return;
	engine_words(engine.status.reason + size, sizeof engine.status.reason - size, then);
	size += sizeof then - 1;
	engine_words(engine.status.reason + size, sizeof engine.status.reason - size, words);
}

/* ---- actions ---- */

static void rebuild(void)
{
	int64_t start = engine_now();
	char words[OM_REASON_MAX] = "";
	const char *objection = "";
	int error = engine_evidence_arrive(&objection);

	engine_words(words, sizeof words, objection);
	if (!error)
		error = rt_identity_arrive(words, sizeof words);
	if (!error)
		error = rt_io_rebuild(words, sizeof words);
	/* All that can fail comes before the promise that the program can be started here. */
	if (!error && (error = rt_ready_all()))
		engine_words(words, sizeof words, "the host cannot make the program's threads");
	engine.rebuild_ns = (int64_t)engine_elapsed(start, engine_now());
	engine.status.rebuild_ns = (uint64_t)engine.rebuild_ns;
	if (error) {
		engine_reason(error, words);
		engine_fail(error, "descriptors or threads could not be made again");
		return;
	}
	engine_event(MIG_ON_BUILT);
}

static void run(void)
{
	engine_postcopy_prepare();
	rt_owed_fault = engine_owed_fault;
	rt_time_restore();
	rt_io_let_go();
	engine_disown(ENGINE_OWNER_IO);
	rt_signal_moved();
	rt_resume_all();
	engine.status.run_realtime_ns = (uint64_t)rt_realtime_ns();
	engine.launch = ENGINE_LAUNCH_DONE;
}

/*
 * Where both hosts share their addresses, the source lets go of them only when it hears STARTED. So STARTED must have left, and
 * the program's threads wait. Elsewhere the first call claims all addresses, and nobody waits. Return: ns until the next call, 0: the program runs.
 */
static uint64_t claim(void)
{
	int64_t now = engine_now();
	uint64_t wait;

	if (engine.claim_at > now)
		return (uint64_t)(engine.claim_at - now);
	wait = rt_io_claim();
	if (wait == 0) {
		run();
		if (engine.claim_at)
			engine_queue(OM_CTL_RUNS);        /* STARTED said that it did not run yet */
	} else {
		engine.claim_at = now + (int64_t)wait;
	}
	return wait;
}

static void launch(void)
{
	engine.launch = engine.hold ? ENGINE_LAUNCH_HELD : ENGINE_LAUNCH_CLAIMING;
	engine.claim_at = 0;
	if (engine.launch == ENGINE_LAUNCH_CLAIMING)
		(void)claim();                 /* else engine_progress() goes on */
}

static void queue_frames(uint32_t actions)
{
	static const struct { uint32_t action; uint8_t what; } frames[] = {
		{ MIG_DO_SEND_NOISE, ENGINE_QUEUE_NOISE }, { MIG_DO_SEND_QUOTE, OM_CTL_QUOTE },
		{ MIG_DO_SEND_PARAMS, OM_CTL_PARAMS }, { MIG_DO_SEND_READY, OM_CTL_READY },
		{ MIG_DO_SEND_COMPLETE, OM_CTL_COMPLETE }, { MIG_DO_SEND_PREPARED, OM_CTL_PREPARED },
		{ MIG_DO_SEND_START, OM_CTL_START }, { MIG_DO_SEND_STARTED, OM_CTL_STARTED },
		{ MIG_DO_SEND_PLACED, OM_CTL_PLACED }, { MIG_DO_SEND_FINISH, OM_CTL_FINISH },
		{ MIG_DO_SEND_CANCEL, OM_CTL_CANCEL }, { MIG_DO_SEND_ABORT, OM_CTL_ABORT },
	};

	/* What ends the session replaces what was still to be said. */
	if (actions & (MIG_DO_SEND_CANCEL | MIG_DO_SEND_ABORT))
		engine.queue_count = 0;
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		if (actions & frames[i].action)
			engine_queue(frames[i].what);
}

static void link_event(enum mig_link_event event)
{
	if (mig_link_event(event))
		engine_fail(OM_ESTATE, "the link's state does not allow what happened");
}

static void act(uint32_t actions)
{
	if (actions & MIG_DO_RUN) {
		engine_instance_moved();
		launch();
		rt_seal_moved();
	}
	queue_frames(actions);
	if (actions & MIG_DO_HAND_OVER)
		engine_source_handed_over();
	if (actions & MIG_DO_ROUNDS)
		engine_source_rounds();
	if (actions & MIG_DO_STOP_APP)
		engine_source_stop();
	if (actions & MIG_DO_FREEZE)
		engine_source_freeze();
	if (actions & MIG_DO_RESUME_APP)
		engine_source_resume_app();
	if (actions & MIG_DO_WAIT_LINK)
		engine_link_lost();
	if (actions & MIG_DO_ANSWER)
		link_event(MIG_LINK_ON_UNHEARD);
	if (actions & MIG_DO_WIPE)
		link_event(MIG_LINK_ON_END);
	if (actions & MIG_DO_REBUILD)
		rebuild();
}

void engine_event(enum mig_event event)
{
	enum mig_source_state source = engine.source, next_source = source;
	enum mig_destination_state destination = engine.destination, next_target = destination;
	uint32_t actions = 0;
	int error = engine.role == OM_ROLE_SOURCE ? mig_source_step(source, event, &next_source, &actions) :
		mig_destination_step(destination, event, &next_target, &actions);

	if (error) {
		engine_fail(error, "a message came that this state of the session does not allow");
		return;
	}
	engine.source = next_source;
	engine.destination = next_target;
	engine_publish();
	if (engine.role == OM_ROLE_SOURCE && source < MIG_SOURCE_DONE && engine.source >= MIG_SOURCE_CANCELLED)
		engine_source_ended();
	act(actions);
}

/* ---- progress ---- */

static bool session_over(void)
{
	return engine.role == OM_ROLE_SOURCE ? mig_source_over(engine.source) : mig_destination_over(engine.destination);
}

bool engine_over(void)
{
	return engine.role && session_over() && engine_link() == MIG_LINK_GONE;
}

/* The last frames are out. */
static void flushed(void)
{
	if (engine_link() == MIG_LINK_CLOSING && engine.queue_count == 0)
		link_event(MIG_LINK_ON_FLUSHED);
}

static bool failed(void)
{
	return engine.role == OM_ROLE_SOURCE ? engine.source == MIG_SOURCE_FAILED : engine.destination == MIG_DESTINATION_ABORTED;
}

/* The reason is noted first, for what is undone may fail too. If the session goes on it was none. */
static void trouble(enum mig_event event, int error, const char *words)
{
	bool first = engine.status.error == 0;

	engine_reason(error, words);
	engine_event(event);
	if (!failed() && first) {
		engine.status.error = 0;
		engine.status.reason[0] = 0;
	}
}

bool engine_heeds(enum mig_command command)
{
	return engine.role == OM_ROLE_SOURCE ? mig_source_heeds(engine.source, command) :
		engine.role == OM_ROLE_DESTINATION && mig_destination_heeds(engine.destination, command);
}

static bool take_command(uint32_t posted, uint32_t which, enum mig_command command)
{
	return posted & which && engine_heeds(command);
}

/* Whoever posted has looked at the state before, and it may be another one by now: a command that comes too late is dropped. */
static void take_posted(void)
{
	uint32_t posted = atomic_exchange(&engine.posted, 0);

	if (posted & ENGINE_POST_FAIL) {
		const char *words = atomic_load(&engine.failure_words);

		/* Who noticed it may not have come to its words yet. */
		trouble(MIG_ON_FAIL, atomic_load(&engine.failure), words ? words : "the session failed");
		if (!failed())
			atomic_store(&engine.failure, 0); /* waited out */
	}
	if (posted & ENGINE_POST_LOST) {
		engine_link_lost();
		trouble(MIG_ON_LOST, OM_ECONNECTION, "the connection was lost");
	}
	if (take_command(posted, ENGINE_POST_CANCEL, MIG_COMMAND_CANCEL)) {
		engine_reason(OM_ECANCELLED, "cancelled by command");
		engine_event(MIG_ON_CANCEL);
	}
	if (take_command(posted, ENGINE_POST_ABORT, MIG_COMMAND_ABORT)) {
		engine_reason(OM_ECANCELLED, "given up by command at the destination");
		engine_event(MIG_ON_ABORT);
	}
	if (take_command(posted, ENGINE_POST_FORGET, MIG_COMMAND_FORGET))
		link_event(MIG_LINK_ON_HEARD);
	if (take_command(posted, ENGINE_POST_POSTCOPY, MIG_COMMAND_POSTCOPY))
		engine_source_postcopy_now();
}

static uint64_t running_progress(void)
{
	if (engine.launch == ENGINE_LAUNCH_HELD && atomic_load(&engine.owed) == 0)
		engine.launch = ENGINE_LAUNCH_CLAIMING;
	/* STARTED leaves first: the source may have to hear it. */
	if (engine.launch == ENGINE_LAUNCH_CLAIMING && engine.queue_count == 0) {
		uint64_t wait = claim();

		if (wait)
			return wait < RUNNING_NS ? wait : RUNNING_NS;
	}
	if (engine.launch == ENGINE_LAUNCH_DONE && atomic_load(&engine.owed) == 0) {
		engine_event(MIG_ON_PLACED);
	}
	return RUNNING_NS;
}

static uint64_t destination_progress(void)
{
	if (engine.destination == MIG_DESTINATION_RECEIVING && engine_import_complete()) {
		int error = engine_import_settle();

		if (error)
			engine_fail(error, "pages accepted ahead could not be given back");
		else
			engine_event(MIG_ON_ARRIVED);
	}
	return engine.destination == MIG_DESTINATION_RUNNING ? running_progress() : UINT64_MAX;
}

uint64_t engine_progress(void)
{
	uint64_t wait = UINT64_MAX;

	do {
		take_posted();
		wait = engine.role == OM_ROLE_SOURCE ? engine_source_progress() : destination_progress();
	} while (atomic_load(&engine.posted) || (wait == 0 && engine.queue_count == 0));
	flushed();
	return engine.queue_count ? 0 : wait;
}

void engine_settle(unsigned peer_state, int reason)
{
	enum mig_event event;
	uint32_t actions;
	int error;

	if (engine.role == OM_ROLE_DESTINATION) {
		error = mig_destination_settle(engine.destination, (enum mig_source_state)peer_state, &event, &actions);
		if (error)
			engine_fail(error, "after the reconnection the two sides do not fit together");
		if (session_over())
			link_event(MIG_LINK_ON_UNHEARD); /* RESUME says the state; ABORTED is the token itself */
		if (engine.destination == MIG_DESTINATION_COMPLETE)
			engine_queue(OM_CTL_PLACED);
		else if (engine.destination == MIG_DESTINATION_RUNNING && engine.launch == ENGINE_LAUNCH_DONE)
			engine_queue(OM_CTL_RUNS);
		return;
	}
	do {
		error = mig_source_settle(engine.source, (enum mig_destination_state)peer_state, &event, &actions);
		if (error) {
			engine_fail(error, "after the reconnection the two sides do not fit together");
			return;
		}
		queue_frames(actions);
		if (event == MIG_ON_ABORT)
			engine_reason(reason < 0 ? reason : OM_EABORTED, "the other side gave up while the connection was down");
		if (event != MIG_EVENT_COUNT)
			engine_event(event);
	} while (event == MIG_ON_STARTED);
	if (engine.source == MIG_SOURCE_ROUNDS || engine.source == MIG_SOURCE_POSTCOPY)
		engine_source_again();
}

/* ---- messages out ---- */

static int make_quote(struct om_control *m)
{
	const char *words = "";
	long size = engine_evidence_make(engine.role, engine.hash, quote, sizeof quote, &words);

	if (size < 0) {
		engine_reason((int)size, words);
		return (int)size;
	}
	m->quote.role = engine.role;
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
		m->params.channels = engine.params.channels;
		m->params.hold = engine_source_holds();
		m->params.page_limit = engine.facts.page_limit;
		m->params.xfrm = engine.facts.xfrm;
		m->params.cpu_features = engine.facts.features;
		engine.status.ram_total = engine_source_touched() * OM_PAGE_SIZE;
		m->params.pages = engine.status.ram_total / OM_PAGE_SIZE;
		break;
	case OM_CTL_ROUND:
		m->round.echo = engine.role == OM_ROLE_DESTINATION;
		m->round.round = m->round.echo ? engine.echo_round : engine.round.number;
		m->round.stamp = m->round.echo ? engine.echo_stamp : (uint64_t)engine_now();
		break;
	case OM_CTL_COMPLETE:
		m->complete.channels = engine.params.channels;
		m->complete.owed = atomic_load(&engine.owed);
		for (uint32_t i = 0; i < engine.params.channels; i++)
			m->complete.frames[i] = atomic_load(&engine_rings[i].next);
		break;
	case OM_CTL_PREPARED:
		m->prepared.rebuild_ns = (uint64_t)engine.rebuild_ns;
		break;
	case OM_CTL_STARTED: case OM_CTL_RUNS:
		m->started.run_realtime_ns = engine.status.run_realtime_ns;
		break;
	case OM_CTL_ABORT:
	case OM_CTL_CANCEL:
		if (engine.rehearsed) {
			m->reason.error = OM_ECANCELLED;
			m->reason.words = "this was a rehearsal, and all would have been well";
			m->reason.words_size = (uint32_t)strlen(m->reason.words);
			break;
		}
		m->reason.error = engine.status.error;
		m->reason.words = engine.status.reason;
		m->reason.words_size = (uint32_t)strlen(engine.status.reason);
		break;
	case OM_CTL_PLACED:
		m->placed.run_realtime_ns = engine.status.run_realtime_ns;
		m->placed.requests = atomic_load(&engine.postcopy_requests);
		m->placed.dropped = atomic_load(&engine.dropped);
		m->placed.faults = atomic_load(&engine.faults);
		m->placed.fault_ns = atomic_load(&engine.fault_ns);
		m->placed.fault_max_ns = atomic_load(&engine.fault_max_ns);
		for (int i = 0; i < OM_FAULT_BUCKETS; i++)
			m->placed.histogram[i] = atomic_load(&engine.fault_histogram[i]);
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

	if (!engine_link_usable())
		return 0;
	error = make_message(&m);
	if (!error)
		error = om_control_encode(&m, engine_sealed + OM_FRAME_HEADER, OM_CONTROL_MAX, &size);
	if (!error)
		error = mig_stream_seal(&engine.conn[OM_CONNECTION_CONTROL].out, OM_FRAME_CONTROL, 0, engine_sealed + OM_FRAME_HEADER, size,
			engine_sealed, &size);
	if (error)
		return error;
	rt_ub_put(data, engine_sealed, size);
	return (long)size;
}

long engine_control_out(RT_UNTRUSTED uint8_t *data)
{
	uint8_t what;
	long ret;

	if (engine.queue_count == 0)
		return 0;
	what = engine.queue[0];
	engine.queue_count--;
	memmove(engine.queue, engine.queue + 1, engine.queue_count);
	if (what == ENGINE_QUEUE_NOISE)
		ret = engine_link_noise_out(data);
	else if (what == ENGINE_QUEUE_RESUME)
		ret = engine_link_resume_out(data);
	else
		ret = send_message(data, (enum om_control_type)what);
	if (ret < 0)
		engine_fail((int)ret, "a control message could not be made");
	flushed();
	return ret;
}

/* ---- messages in ---- */

static int peer_quote(const struct om_control *m)
{
	bool source = engine.role == OM_ROLE_SOURCE;
	const char *words = "";
	int error;

	if (m->quote.role == engine.role)
		return OM_EIDENTITY;
	if (source ? engine.source != MIG_SOURCE_ATTEST : engine.destination != MIG_DESTINATION_ATTEST)
		return OM_ESTATE;
	error = engine_evidence_check(m->quote.role, engine.hash, m->quote.quote, m->quote.quote_size, &engine.status, &engine.peer, &words);
	if (error) {
		engine_reason(error, words);
		return error;
	}
	engine_event(MIG_ON_PEER_OK);
	return 0;
}

static int peer_params(const struct om_control *m)
{
	const char *words = NULL;

	if (m->params.channels != engine.params.channels)
		words = "the two sides were given different numbers of channels";
	else if (m->params.page_limit != engine.facts.page_limit)
		words = "the enclave's address range has another size there";
	else if (m->params.xfrm != engine.facts.xfrm)
		words = "the source's enclave has other processor state enabled (XFRM) than this one";
	else if (m->params.cpu_features & ~engine.facts.features)
		words = "the source's processor has features that this one lacks, and the program may be using them";
	if (words) {
		engine_reason(OM_EUNSUPPORTED, words);
		return OM_EUNSUPPORTED;
	}
	engine.status.ram_total = m->params.pages * OM_PAGE_SIZE;
	engine.hold = m->params.hold;
	engine.ready = engine_now();
	engine_event(MIG_ON_PARAMS);
	return 0;
}

static int peer_round(const struct om_control *m)
{
	if (engine.role == OM_ROLE_DESTINATION) {
		if (m->round.echo || engine.destination != MIG_DESTINATION_RECEIVING)
			return OM_ESTATE;
		engine.echo_round = m->round.round;
		engine.echo_stamp = m->round.stamp;
		engine.status.dirty_sync_count = m->round.round + 1;
		engine_queue(OM_CTL_ROUND);
		return 0;
	}
	if (!m->round.echo)
		return OM_ESTATE;
	engine_source_round_trip(m->round.stamp);
	return 0;
}

static int peer_complete(const struct om_control *m)
{
	if (engine.destination != MIG_DESTINATION_RECEIVING || engine.complete)
		return OM_ESTATE;
	if (m->complete.channels != engine.params.channels)
		return OM_EINVAL;
	for (uint32_t i = 0; i < engine.params.channels; i++)
		atomic_store(&engine.frames_due[i], m->complete.frames[i]);
	engine.complete = true;
	return 0;
}

static void peer_reason(const struct om_control *m)
{
	char words[OM_REASON_MAX + 16] = "other side: ";

	memcpy(words + 12, m->reason.words, m->reason.words_size);
	words[12 + m->reason.words_size] = 0;
	engine_reason(m->reason.error < 0 ? m->reason.error : OM_EABORTED, words);
}

/* All is at the destination: what was still owed has arrived, and the message says how it went. */
static void peer_placed(const struct om_control *m)
{
	if (!engine.status.run_realtime_ns)       /* RUNS was lost */
		engine_source_running(m->placed.run_realtime_ns);
	atomic_store(&engine.owed, 0);
	atomic_store(&engine.dropped, m->placed.dropped);
	atomic_store(&engine.faults, m->placed.faults);
	atomic_store(&engine.fault_ns, m->placed.fault_ns);
	atomic_store(&engine.fault_max_ns, m->placed.fault_max_ns);
	for (int i = 0; i < OM_FAULT_BUCKETS; i++)
		atomic_store(&engine.fault_histogram[i], m->placed.histogram[i]);
}

/* The token stays here: the program has stood still for as long as this took, and goes on. */
static void rehearsed(void)
{
	enum mig_source_state before = engine.source;

	engine_event(MIG_ON_CANCEL);
	if (before != MIG_SOURCE_AWAIT_PREPARED || engine.source != MIG_SOURCE_CANCELLED)
		return;
	engine.rehearsed = engine.status.error == 0;         /* thawing may have failed */
	engine.status.downtime_ns = engine_elapsed(engine.stopped, engine_now());
}

/* Messages that only a source gets. */
static int source_message(const struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_READY:
		engine_event(MIG_ON_READY);
		return 0;
	case OM_CTL_PREPARED:
		engine.status.rebuild_ns = m->prepared.rebuild_ns;
		engine.answered = engine_now();
		if (engine.params.flags & OM_MIG_PARAM_REHEARSE)
			rehearsed();
		else
			engine_event(MIG_ON_PREPARED);
		return 0;
	case OM_CTL_STARTED:
		if (engine.source != MIG_SOURCE_COMMITTED)
			return OM_ESTATE;
		engine_event(MIG_ON_STARTED);
		if (m->started.run_realtime_ns)
			engine_source_running(m->started.run_realtime_ns);
		return 0;
	case OM_CTL_RUNS:
		if (engine.source != MIG_SOURCE_POSTCOPY)
			return OM_ESTATE;
		if (!engine.status.run_realtime_ns)
			engine_source_running(m->started.run_realtime_ns);
		return 0;
	case OM_CTL_PLACED:
		peer_placed(m);
		engine_event(MIG_ON_PLACED);
		return 0;
	case OM_CTL_ABORT:
		peer_reason(m);
		engine_event(MIG_ON_ABORT);
		return 0;
	default:
		return OM_ETYPE;
	}
}

/* Messages that only a destination gets. */
static int destination_message(const struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_PARAMS:
		return engine.destination == MIG_DESTINATION_SETUP ? peer_params(m) : OM_ESTATE;
	case OM_CTL_COMPLETE:
		return peer_complete(m);
	case OM_CTL_START:
		engine_event(MIG_ON_START);
		return 0;
	case OM_CTL_CANCEL:
		peer_reason(m);
		engine_event(MIG_ON_CANCEL);
		return 0;
	case OM_CTL_FINISH:
		return mig_destination_over(engine.destination) ? mig_link_event(MIG_LINK_ON_HEARD) : OM_ESTATE;
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
	struct mig_stream *in = &engine.conn[OM_CONNECTION_CONTROL].in;
	int error = mig_stream_open(in, frame, header, engine_received, engine_received);

	if (error != OM_ESEQ || engine.role != OM_ROLE_DESTINATION || engine.destination != MIG_DESTINATION_ABORTED || frame->sequence < in->next)
		return error;
	error = mig_stream_open_any(in, frame, header, engine_received, engine_received);
	if (!error)
		in->next = frame->sequence + 1;
	return error;
}

int engine_control_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER])
{
	struct om_control m;
	int error;

	if (frame->kind == OM_FRAME_NOISE)
		return engine_link_noise_in(frame, engine_received);
	if (frame->kind == OM_FRAME_RESUME)
		return engine_link_resume_in(frame, header, engine_received);
	if (frame->kind != OM_FRAME_CONTROL)
		return OM_ETYPE;
	if (!engine_link_usable())
		return OM_ESTATE;
	error = open_frame(frame, header);
	if (!error)
		error = om_control_decode(engine_received, frame->length - OM_FRAME_TAG, &m);
	if (error)
		return error;
	if (session_over() && m.type != OM_CTL_FINISH)
		return 0;                      /* crossed our own last word */
	if (m.type == OM_CTL_QUOTE)
		return peer_quote(&m);
	if (m.type == OM_CTL_ROUND)
		return peer_round(&m);
	return engine.role == OM_ROLE_SOURCE ? source_message(&m) : destination_message(&m);
}
