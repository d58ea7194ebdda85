/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake, in the order of the specification's section 5. Work is done on a copy of the session and committed
 * when it has succeeded. Only one message is ever encrypted under the handshake key, so its nonce is always 0.
 */
#include <assert.h>
#include <string.h>
#include "crypto/ec.h"
#include "crypto/gcm.h"
#include "crypto/wipe.h"
#include "noise.h"
#include "noise_symmetric.h"

void om_noise_init(struct om_noise *s, enum om_noise_role role, const uint8_t ephemeral[32],
	const void *prologue, size_t prologue_size)
{
	static const char name[] = "Noise_NN_25519_AESGCM_SHA256";

	static_assert(sizeof name - 1 <= sizeof s->hash, "a longer name is hashed");
	memset(s, 0, sizeof *s);
	s->role = role;
	s->state = OM_NOISE_START;
	memcpy(s->private, ephemeral, sizeof s->private);
	om_x25519_public(s->private, s->public);
	memcpy(s->hash, name, sizeof name - 1);
	memcpy(s->chaining_key, s->hash, sizeof s->chaining_key);
	noise_mix_hash(s->hash, prologue, prologue_size);
}

void om_noise_done(struct om_noise *s)
{
	if (s)
		om_wipe(s, sizeof *s);
}

static int fail(struct om_noise *s, int error)
{
	om_wipe(s, sizeof *s);
	s->state = OM_NOISE_FAILED;
	return error;
}

static bool writes_first(const struct om_noise *s)
{
	return s->role == OM_NOISE_INITIATOR && s->state == OM_NOISE_START;
}

static bool writes_second(const struct om_noise *s)
{
	return s->role == OM_NOISE_RESPONDER && s->state == OM_NOISE_GOT;
}

static const uint8_t nonce_zero[OM_GCM_NONCE_SIZE];

/* -> e */
static void write_first(struct om_noise *s, const void *payload, size_t size, uint8_t *ret_message)
{
	memcpy(ret_message, s->public, 32);
	noise_mix_hash(s->hash, s->public, 32);
	if (size)
		memmove(ret_message + 32, payload, size);
	noise_mix_hash(s->hash, ret_message + 32, size);
	s->state = OM_NOISE_SENT;
}

/* <- e, ee */
static int write_second(struct om_noise *s, const void *payload, size_t size, uint8_t *ret_message)
{
	struct om_noise next = *s;
	struct om_gcm gcm;
	uint8_t key[32];
	int error;

	noise_mix_hash(next.hash, next.public, 32);
	error = noise_mix_dh(next.chaining_key, next.private, next.peer, key);
	if (error)
		goto out;
	om_gcm_init(&gcm, key, 0);
	error = om_gcm_seal(&gcm, nonce_zero, next.hash, sizeof next.hash, payload, size,
		ret_message + 32, ret_message + 32 + size);
	om_wipe(&gcm, sizeof gcm);
	if (error)
		goto out;
	memcpy(ret_message, next.public, 32);
	noise_mix_hash(next.hash, ret_message + 32, size + OM_GCM_TAG_SIZE);
	next.state = OM_NOISE_DONE;
	*s = next;
out:
	om_wipe(key, sizeof key);
	om_wipe(&next, sizeof next);
	return error;
}

int om_noise_write(struct om_noise *s, const void *payload, size_t payload_size,
	uint8_t *ret_message, size_t message_max, size_t *ret_size)
{
	const bool first = writes_first(s);
	const size_t overhead = first ? OM_NOISE_OVERHEAD_1 : OM_NOISE_OVERHEAD_2;
	int error;

	if (!first && !writes_second(s))
		return OM_ESTATE;
	if (payload_size > OM_NOISE_MESSAGE_MAX - overhead || message_max < payload_size + overhead)
		return OM_EOVERFLOW;
	if (first) {
		write_first(s, payload, payload_size, ret_message);
	} else {
		error = write_second(s, payload, payload_size, ret_message);
		if (error)
			return fail(s, error);
	}
	*ret_size = payload_size + overhead;
	return 0;
}

static void read_first(struct om_noise *s, const uint8_t *message, size_t payload_size, void *ret_payload)
{
	memcpy(s->peer, message, 32);
	noise_mix_hash(s->hash, s->peer, 32);
	noise_mix_hash(s->hash, message + 32, payload_size);
	if (payload_size)
		memmove(ret_payload, message + 32, payload_size);
	s->state = OM_NOISE_GOT;
}

static int read_second(struct om_noise *s, const uint8_t *message, size_t payload_size, void *ret_payload)
{
	const uint8_t *cipher = message + 32;
	struct om_noise next = *s;
	struct om_gcm gcm;
	uint8_t key[32], before[32];
	int error;

	memcpy(next.peer, message, 32);
	noise_mix_hash(next.hash, next.peer, 32);
	error = noise_mix_dh(next.chaining_key, next.private, next.peer, key);
	if (error)
		goto out;
	memcpy(before, next.hash, sizeof before);
	noise_mix_hash(next.hash, cipher, payload_size + OM_GCM_TAG_SIZE); /* first: decryption may be in place */
	om_gcm_init(&gcm, key, 0);
	error = om_gcm_open(&gcm, nonce_zero, before, sizeof before, cipher, payload_size, ret_payload, cipher + payload_size);
	om_wipe(&gcm, sizeof gcm);
	if (error)
		goto out;
	next.state = OM_NOISE_DONE;
	*s = next;
out:
	om_wipe(key, sizeof key);
	om_wipe(&next, sizeof next);
	return error;
}

int om_noise_read(struct om_noise *s, const uint8_t *message, size_t size,
	void *ret_payload, size_t payload_max, size_t *ret_payload_size)
{
	const bool first = s->role == OM_NOISE_RESPONDER && s->state == OM_NOISE_START;
	const bool second = s->role == OM_NOISE_INITIATOR && s->state == OM_NOISE_SENT;
	const size_t overhead = first ? OM_NOISE_OVERHEAD_1 : OM_NOISE_OVERHEAD_2;
	int error;

	if (!first && !second)
		return OM_ESTATE;
	if (size < overhead)
		return fail(s, OM_ETRUNCATED);
	if (size > OM_NOISE_MESSAGE_MAX || size - overhead > payload_max)
		return OM_EOVERFLOW;
	if (first) {
		read_first(s, message, size - overhead, ret_payload);
	} else {
		error = read_second(s, message, size - overhead, ret_payload);
		if (error)
			return fail(s, error);
	}
	*ret_payload_size = size - overhead;
	return 0;
}

int om_noise_hash(const struct om_noise *s, uint8_t ret_hash[OM_NOISE_HASH_SIZE])
{
	if (s->state != OM_NOISE_DONE)
		return OM_ESTATE;
	memcpy(ret_hash, s->hash, OM_NOISE_HASH_SIZE);
	return 0;
}

int om_noise_split(const struct om_noise *s, uint8_t ret_send[OM_NOISE_KEY_SIZE], uint8_t ret_receive[OM_NOISE_KEY_SIZE])
{
	if (s->state != OM_NOISE_DONE)
		return OM_ESTATE;
	noise_split(s->chaining_key, s->role == OM_NOISE_INITIATOR, ret_send, ret_receive);
	return 0;
}
