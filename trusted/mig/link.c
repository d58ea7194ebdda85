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
 * The streams of a connection belong to its owner, those of the urgent connection on the destination to mig_urgent_lock:
 * changing them needs all of that.
 */
#include <string.h>
#include "crypto/wipe.h"
#include "mig/mig.h"

static const char prologue[] = "OptMig migration 1";

enum { RESUME_PLAIN = 8, NOISE_MAX = 64, RANDOM_TRIES = 32, OWN_SPINS = 2000 };

static int random_bytes(uint8_t *to, size_t size)
{
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = 0;
		uint8_t ok = 0;

		for (int tries = 0; !ok && tries < RANDOM_TRIES; tries++)
			__asm__ volatile("rdrand %0; setc %1" : "=r"(word), "=qm"(ok) : : "cc");
		if (!ok)
			return OM_EINTERNAL;
		memcpy(to + i, &word, size - i < 8 ? size - i : 8);
	}
	return 0;
}

int mig_link_begin(void)
{
	uint8_t ephemeral[32];
	int error = random_bytes(ephemeral, sizeof ephemeral);

	if (!error)
		om_noise_init(&mig.noise, mig.role == OM_ROLE_SOURCE ? OM_NOISE_INITIATOR : OM_NOISE_RESPONDER, ephemeral,
			prologue, sizeof prologue - 1);
	om_wipe(ephemeral, sizeof ephemeral);
	return error ? error : mig_link_event(MIG_LINK_ON_BEGIN);
}

/* All streams of an epoch. The caller owns all connections, or nobody uses them yet. */
static void open_streams(uint32_t epoch)
{
	bool source = mig.role == OM_ROLE_SOURCE;
	enum mig_direction out = source ? MIG_TO_DESTINATION : MIG_TO_SOURCE;
	enum mig_direction in = source ? MIG_TO_SOURCE : MIG_TO_DESTINATION;

	rt_lock(&mig_urgent_lock);
	for (uint16_t i = 0; i < OM_CONNECTION_PAGES + mig.params.channels; i++) {
		struct mig_conn *c = &mig.conn[i];

		mig_stream_init(&c->out, &mig.secret, epoch, i, out, MIG_KEY_FRAMES, mig.facts.features);
		mig_stream_init(&c->in, &mig.secret, epoch, i, in, MIG_KEY_FRAMES, mig.facts.features);
		c->acked = 0;
		atomic_store(&c->received, 0);
	}
	rt_unlock(&mig_urgent_lock);
	mig.requests = (struct mig_window) { .top = 0 };
	mig_export_reset();
	atomic_store(&mig.epoch, epoch);
}

static int handshake_done(void)
{
	uint8_t send[OM_NOISE_KEY_SIZE], receive[OM_NOISE_KEY_SIZE];
	bool source = mig.role == OM_ROLE_SOURCE;
	int error = om_noise_hash(&mig.noise, mig.hash);

	if (!error)
		error = om_noise_split(&mig.noise, send, receive);
	if (!error) {
		mig_secret_derive(mig.hash, source ? send : receive, source ? receive : send, &mig.secret);
		error = mig_link_event(MIG_LINK_ON_KEYS);
	}
	om_wipe(send, sizeof send);
	om_wipe(receive, sizeof receive);
	om_noise_done(&mig.noise);
	return error;
}

int mig_link_noise_in(const struct om_frame *frame, const uint8_t *payload)
{
	size_t size = 0;
	int error;

	if (frame->length > NOISE_MAX || frame->sequence != 0 || frame->epoch != 0)
		return OM_ESEQ;
	if (mig.role == OM_ROLE_SOURCE ? mig.source != MIG_SOURCE_HANDSHAKE : mig.target != MIG_TARGET_HANDSHAKE)
		return OM_ESTATE;
	error = om_noise_read(&mig.noise, payload, frame->length, NULL, 0, &size);
	if (!error && mig.role == OM_ROLE_SOURCE)
		error = handshake_done();
	if (!error)
		mig_event(MIG_ON_NOISE);
	return error;
}

long mig_link_noise_out(RT_UNTRUSTED uint8_t *data)
{
	uint8_t message[OM_FRAME_HEADER + NOISE_MAX];
	struct om_frame frame = { .kind = OM_FRAME_NOISE, .connection = OM_CONNECTION_CONTROL };
	size_t size;
	int error = om_noise_write(&mig.noise, NULL, 0, message + OM_FRAME_HEADER, NOISE_MAX, &size);

	if (error)
		return error;
	frame.length = (uint32_t)size;
	om_frame_encode(&frame, message);
	if (mig.role == OM_ROLE_DESTINATION) {
		error = handshake_done();
		if (error)
			return error;
	}
	rt_ub_put(data, message, OM_FRAME_HEADER + size);
	return (long)(OM_FRAME_HEADER + size);
}

static void wipe_streams(void)
{
	rt_lock(&mig_urgent_lock);
	for (uint32_t i = 0; i < MIG_CONNECTIONS; i++) {
		mig_stream_done(&mig.conn[i].out);
		mig_stream_done(&mig.conn[i].in);
	}
	rt_unlock(&mig_urgent_lock);
}

/*
 * The caller owns the control connection and gets the others. Their owners leave soon, since the link is down. A host that has stopped
 * one of these threads for good waits for itself: the session stands still, and nothing is sealed or opened meanwhile. The host gets the
 * processor back each time, so that it can run the other threads, or end the process.
 */
static void own_others(void)
{
	for (uint32_t i = OM_CONNECTION_CONTROL + 1; i < MIG_CONNECTIONS; i++)
		for (unsigned spins = 1; !mig_own(i); spins++) {
			__builtin_ia32_pause();
			if (spins % OWN_SPINS == 0)
				rt_yield();
		}
}

static void disown_others(void)
{
	for (uint32_t i = OM_CONNECTION_CONTROL + 1; i < MIG_CONNECTIONS; i++)
		mig_disown(i);
}

/* Nothing is sealed or opened any more: the state says so already. */
static void shut(void)
{
	own_others();
	mig_buffers_wipe();
	if (mig.role == OM_ROLE_SOURCE && mig.source == MIG_SOURCE_ROUNDS)
		mig_export_unsent(&mig_todo);
	mig_export_reset();
	wipe_streams();
	disown_others();
	mig.queue_count = 0;
}

static void forget(void)
{
	om_wipe(&mig.secret, sizeof mig.secret);
	om_wipe(mig.hash, sizeof mig.hash);
	om_noise_done(&mig.noise);
	mig.ended = mig_now();
}

static void next_epoch(void)
{
	if (mig.role != OM_ROLE_SOURCE)
		return;
	mig.resume_epoch++;
	mig.queue_count = 0;
	mig_queue(MIG_QUEUE_RESUME);
}

int mig_link_event(enum mig_link_event event)
{
	enum mig_link_state next;
	uint32_t actions;
	int error = mig_link_step(mig_link(), event, &next, &actions);

	if (error)
		return error;
	if (actions & MIG_LINK_DO_OPEN) {
		own_others();
		open_streams(mig.resume_epoch);
		disown_others();
	}
	/* Release: who sees an open link sees its streams. */
	atomic_store_explicit(&mig.link, (uint8_t)next, memory_order_release);
	if (actions & MIG_LINK_DO_SHUT)
		shut();
	if (actions & MIG_LINK_DO_FORGET)
		forget();
	if (actions & MIG_LINK_DO_RESUME)
		next_epoch();
	return 0;
}

void mig_link_lost(void)
{
	(void)mig_link_event(MIG_LINK_ON_LOST); /* the loss of a transport has a row in every state */
}

/* ---- resumption ---- */

int mig_link_resume(void)
{
	if (atomic_load(&mig.posted) & MIG_POST_LOST)
		return OM_ESTATE;
	return mig.resume_epoch == UINT32_MAX ? OM_EEXHAUSTED : mig_link_event(MIG_LINK_ON_CONNECTED);
}

static uint8_t own_state(void)
{
	return (uint8_t)(mig.role == OM_ROLE_SOURCE ? (int)mig.source : (int)mig.target);
}

long mig_link_resume_out(RT_UNTRUSTED uint8_t *data)
{
	bool source = mig.role == OM_ROLE_SOURCE;
	uint8_t plain[RESUME_PLAIN], frame[OM_FRAME_HEADER + RESUME_PLAIN + OM_FRAME_TAG];
	struct mig_stream stream;
	struct om_put p;
	size_t size = 0;
	int error;

	om_put_init(&p, plain, sizeof plain);
	om_put_u8(&p, (uint8_t)mig.role);
	om_put_u8(&p, own_state());
	om_put_zeros(&p, 2);
	om_put_u32(&p, (uint32_t)mig.status.error);

	mig_stream_init(&stream, &mig.secret, mig.resume_epoch, OM_CONNECTION_CONTROL,
		source ? MIG_TO_DESTINATION : MIG_TO_SOURCE, MIG_KEY_RESUME, mig.facts.features);
	error = mig_stream_seal(&stream, OM_FRAME_RESUME, 0, plain, sizeof plain, frame, &size);
	mig_stream_done(&stream);
	if (error)
		return error;
	rt_ub_put(data, frame, size);
	return (long)size;
}

static bool epoch_expected(uint32_t epoch)
{
	return mig.role == OM_ROLE_SOURCE ? epoch == mig.resume_epoch && epoch > atomic_load(&mig.epoch) :
		epoch > mig.resume_epoch;
}

int mig_link_resume_in(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER], const uint8_t *payload)
{
	bool source = mig.role == OM_ROLE_SOURCE;
	uint8_t plain[RESUME_PLAIN];
	struct mig_stream stream;
	struct om_get c;
	unsigned role, state;
	int error, reason;

	if (mig_link() != MIG_LINK_RESUMING || frame->length != RESUME_PLAIN + OM_FRAME_TAG)
		return OM_ESTATE;
	if (!epoch_expected(frame->epoch))
		return OM_ESEQ;
	mig_stream_init(&stream, &mig.secret, frame->epoch, OM_CONNECTION_CONTROL,
		source ? MIG_TO_SOURCE : MIG_TO_DESTINATION, MIG_KEY_RESUME, mig.facts.features);
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
	if (error || role == mig.role || role > OM_ROLE_DESTINATION)
		return error ? error : OM_ETYPE;

	mig.resume_epoch = frame->epoch;
	if (!source) {
		mig.queue_count = 0;
		mig_queue(MIG_QUEUE_RESUME);
	}
	error = mig_link_event(MIG_LINK_ON_RESUMED);
	if (!error)
		mig_settle(state, reason);
	return error;
}
