/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a handshake to keys, and from a lost transport to the next epoch.
 *
 *   epoch 0      Noise NN; the secret is derived from its hash and keys; quotes over the hash follow as control messages
 *   epoch e > 0  RESUME from the source (its next epoch, its state), RESUME from the destination (the same epoch, its state),
 *                each sealed with a key of that epoch and purpose; then fresh streams for every connection
 *
 * Each side seals at most one RESUME per epoch, and takes an epoch only if it is higher than any before: keys and nonces
 * are used once whatever the network repeats. Streams are wiped as soon as the link is lost.
 *
 * The streams of a connection belong to its owner, those of the urgent connection on the destination to engine_urgent_lock:
 * changing them needs all of that.
 */
#include <string.h>
#include "crypto/wipe.h"
#include "engine/state.h"

static const char prologue[] = "OptMig migration 1";

enum { RESUME_PLAIN = 8, NOISE_MAX = 64, OWN_SPINS = 2000 };

int engine_link_begin(void)
{
	uint8_t ephemeral[32];
	int error = rt_random(ephemeral, sizeof ephemeral) ? 0 : OM_EINTERNAL;

	if (!error)
		om_noise_init(&engine.noise, engine.role == OM_ROLE_SOURCE ? OM_NOISE_INITIATOR : OM_NOISE_RESPONDER, ephemeral,
			prologue, sizeof prologue - 1);
	om_wipe(ephemeral, sizeof ephemeral);
	return error ? error : mig_link_event(MIG_LINK_ON_BEGIN);
}

/* All streams of an epoch. The caller owns all connections, or nobody uses them yet. */
static void open_streams(uint32_t epoch)
{
	bool source = engine.role == OM_ROLE_SOURCE;
	enum mig_direction out = source ? MIG_TO_DESTINATION : MIG_TO_SOURCE;
	enum mig_direction in = source ? MIG_TO_SOURCE : MIG_TO_DESTINATION;

	rt_lock(&engine_urgent_lock);
	for (uint16_t i = 0; i < OM_CONNECTION_PAGES + engine.params.channels; i++) {
		struct engine_connection *c = &engine.conn[i];

		mig_stream_init(&c->out, &engine.secret, epoch, i, out, MIG_KEY_FRAMES, engine.facts.features);
		mig_stream_init(&c->in, &engine.secret, epoch, i, in, MIG_KEY_FRAMES, engine.facts.features);
		c->acked = 0;
		atomic_store(&c->received, 0);
	}
	rt_unlock(&engine_urgent_lock);
	engine.requests = (struct mig_window) { .top = 0 };
	engine_export_reset();
	atomic_store(&engine.epoch, epoch);
}

static int handshake_done(void)
{
	uint8_t send[OM_NOISE_KEY_SIZE], receive[OM_NOISE_KEY_SIZE];
	bool source = engine.role == OM_ROLE_SOURCE;
	int error = om_noise_hash(&engine.noise, engine.hash);

	if (!error)
		error = om_noise_split(&engine.noise, send, receive);
	if (!error) {
		mig_secret_derive(engine.hash, source ? send : receive, source ? receive : send, &engine.secret);
		error = mig_link_event(MIG_LINK_ON_KEYS);
	}
	om_wipe(send, sizeof send);
	om_wipe(receive, sizeof receive);
	om_noise_done(&engine.noise);
	return error;
}

int engine_link_noise_in(const struct om_frame *frame, const uint8_t *payload)
{
	size_t size = 0;
	int error;

	if (frame->length > NOISE_MAX || frame->sequence != 0 || frame->epoch != 0)
		return OM_ESEQ;
	if (engine.role == OM_ROLE_SOURCE ? engine.source != MIG_SOURCE_HANDSHAKE : engine.destination != MIG_DESTINATION_HANDSHAKE)
		return OM_ESTATE;
	error = om_noise_read(&engine.noise, payload, frame->length, NULL, 0, &size);
	if (!error && engine.role == OM_ROLE_SOURCE)
		error = handshake_done();
	if (!error)
		engine_event(MIG_ON_NOISE);
	return error;
}

long engine_link_noise_out(RT_UNTRUSTED uint8_t *data)
{
	uint8_t message[OM_FRAME_HEADER + NOISE_MAX];
	struct om_frame frame = { .kind = OM_FRAME_NOISE, .connection = OM_CONNECTION_CONTROL };
	size_t size;
	int error = om_noise_write(&engine.noise, NULL, 0, message + OM_FRAME_HEADER, NOISE_MAX, &size);

	if (error)
		return error;
	frame.length = (uint32_t)size;
	om_frame_encode(&frame, message);
	if (engine.role == OM_ROLE_DESTINATION) {
		error = handshake_done();
		if (error)
			return error;
	}
	rt_ub_put(data, message, OM_FRAME_HEADER + size);
	return (long)(OM_FRAME_HEADER + size);
}

static void wipe_streams(void)
{
	rt_lock(&engine_urgent_lock);
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		mig_stream_done(&engine.conn[i].out);
		mig_stream_done(&engine.conn[i].in);
	}
	rt_unlock(&engine_urgent_lock);
}

/*
 * The caller owns the control connection and gets the others. Their owners leave soon, since the link is down. A host that has stopped
 * one of these threads for good waits for itself: the session stands still, and nothing is sealed or opened meanwhile. The host gets the
 * processor back each time, so that it can run the other threads, or end the process.
 */
static void own_others(void)
{
	for (uint32_t i = OM_CONNECTION_CONTROL + 1; i < ENGINE_CONNECTIONS; i++)
		for (unsigned spins = 1; !engine_own(i); spins++) {
			__builtin_ia32_pause();
			if (spins % OWN_SPINS == 0)
				rt_yield();
		}
}

static void disown_others(void)
{
	for (uint32_t i = OM_CONNECTION_CONTROL + 1; i < ENGINE_CONNECTIONS; i++)
		engine_disown(i);
}

/* Nothing is sealed or opened any more: the state says so already. */
static void shut(void)
{
	own_others();
	engine_buffers_wipe();
	if (engine.role == OM_ROLE_SOURCE && engine.source == MIG_SOURCE_ROUNDS)
		engine_export_unsent(&engine_todo);
	engine_export_reset();
	wipe_streams();
	disown_others();
	engine.queue_count = 0;
}

static void forget(void)
{
	om_wipe(&engine.secret, sizeof engine.secret);
	om_wipe(engine.hash, sizeof engine.hash);
	om_noise_done(&engine.noise);
	engine.ended = engine_now();
}

static void next_epoch(void)
{
	if (engine.role != OM_ROLE_SOURCE)
		return;
	engine.resume_epoch++;
	engine.queue_count = 0;
	engine_queue(ENGINE_QUEUE_RESUME);
}

int mig_link_event(enum mig_link_event event)
{
	enum mig_link_state next;
	uint32_t actions;
	int error = mig_link_step(engine_link(), event, &next, &actions);

	if (error)
		return error;
	if (actions & MIG_LINK_DO_OPEN) {
		own_others();
		open_streams(engine.resume_epoch);
		disown_others();
	}
	/* Release: who sees an open link sees its streams. */
	atomic_store_explicit(&engine.link, (uint8_t)next, memory_order_release);
	if (actions & MIG_LINK_DO_SHUT)
		shut();
	if (actions & MIG_LINK_DO_FORGET)
		forget();
	if (actions & MIG_LINK_DO_RESUME)
		next_epoch();
	return 0;
}

void engine_link_lost(void)
{
	(void)mig_link_event(MIG_LINK_ON_LOST); /* the loss of a transport has a row in every state */
}

/* ---- resumption ---- */

int engine_link_resume(void)
{
	if (atomic_load(&engine.posted) & ENGINE_POST_LOST)
		return OM_ESTATE;
	return engine.resume_epoch == UINT32_MAX ? OM_EEXHAUSTED : mig_link_event(MIG_LINK_ON_CONNECTED);
}

static uint8_t own_state(void)
{
	return (uint8_t)(engine.role == OM_ROLE_SOURCE ? (int)engine.source : (int)engine.destination);
}

long engine_link_resume_out(RT_UNTRUSTED uint8_t *data)
{
	bool source = engine.role == OM_ROLE_SOURCE;
	uint8_t plain[RESUME_PLAIN], frame[OM_FRAME_HEADER + RESUME_PLAIN + OM_FRAME_TAG];
	struct mig_stream stream;
	struct om_put p;
	size_t size = 0;
	int error;

	om_put_init(&p, plain, sizeof plain);
	om_put_u8(&p, (uint8_t)engine.role);
	om_put_u8(&p, own_state());
	om_put_zeros(&p, 2);
	om_put_u32(&p, (uint32_t)engine.status.error);

	mig_stream_init(&stream, &engine.secret, engine.resume_epoch, OM_CONNECTION_CONTROL,
		source ? MIG_TO_DESTINATION : MIG_TO_SOURCE, MIG_KEY_RESUME, engine.facts.features);
	error = mig_stream_seal(&stream, OM_FRAME_RESUME, 0, plain, sizeof plain, frame, &size);
	mig_stream_done(&stream);
	if (error)
		return error;
	rt_ub_put(data, frame, size);
	return (long)size;
}

static bool epoch_expected(uint32_t epoch)
{
	return engine.role == OM_ROLE_SOURCE ? epoch == engine.resume_epoch && epoch > atomic_load(&engine.epoch) :
		epoch > engine.resume_epoch;
}

int engine_link_resume_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER], const uint8_t *payload)
{
	bool source = engine.role == OM_ROLE_SOURCE;
	uint8_t plain[RESUME_PLAIN];
	struct mig_stream stream;
	struct om_get c;
	unsigned role, state;
	int error, reason;

	if (engine_link() != MIG_LINK_RESUMING || frame->length != RESUME_PLAIN + OM_FRAME_TAG)
		return OM_ESTATE;
	if (!epoch_expected(frame->epoch))
		return OM_ESEQ;
	mig_stream_init(&stream, &engine.secret, frame->epoch, OM_CONNECTION_CONTROL,
		source ? MIG_TO_SOURCE : MIG_TO_DESTINATION, MIG_KEY_RESUME, engine.facts.features);
	error = mig_stream_open(&stream, frame, header, payload, plain);
	mig_stream_done(&stream);
	if (error)
		return error;
	om_get_init(&c, plain, sizeof plain);
	role = om_get_u8(&c);
	state = om_get_u8(&c);
	om_get_zeros(&c, 2);
	reason = (int)om_get_u32(&c);
	error = om_get_end(&c);
	if (error || role == engine.role || role > OM_ROLE_DESTINATION)
		return error ? error : OM_ETYPE;

	engine.resume_epoch = frame->epoch;
	if (!source) {
		engine.queue_count = 0;
		engine_queue(ENGINE_QUEUE_RESUME);
	}
	error = mig_link_event(MIG_LINK_ON_RESUMED);
	if (!error)
		engine_settle(state, reason);
	return error;
}
