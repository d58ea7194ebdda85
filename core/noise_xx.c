/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names are those of the specification's section 5; the pattern is a table of tokens. A message is worked on in a copy of
 * the session, which takes its place when all of it has succeeded.
 */
#include <assert.h>
#include <string.h>
#include "crypto/ec.h"
#include "crypto/gcm.h"
#include "crypto/wipe.h"
#include "noise_symmetric.h"
#include "noise_xx.h"

enum token { END, E, S, EE, ES, SE };
static const uint8_t pattern[3][5] = { { E }, { E, EE, S, ES }, { S, SE } };
static const size_t overhead[3] = { OM_NOISE_XX_OVERHEAD_1, OM_NOISE_XX_OVERHEAD_2, OM_NOISE_XX_OVERHEAD_3 };

void om_noise_nonce(uint64_t number, uint8_t ret_nonce[12])
{
	memset(ret_nonce, 0, 4);
	for (unsigned i = 0; i < 8; i++)
		ret_nonce[4 + i] = (uint8_t)(number >> (56 - 8 * i));
}

/* MixKey(DH(private, public)). */
static int mix_dh(struct om_noise_xx *s, const uint8_t private[32], const uint8_t public[32])
{
	s->nonce = 0;
	s->encrypts = true;
	return noise_mix_dh(s->chaining_key, private, public, s->key);
}

/* The first letter is the initiator's key, the second the responder's. */
static int mix_token(struct om_noise_xx *s, enum token token)
{
	const bool own = (token == SE) == (s->role == OM_NOISE_INITIATOR) && token != EE;
	const bool peers_own = token != EE && !own;

	return mix_dh(s, own ? s->own_private : s->private, peers_own ? s->peer_own : s->peer);
}

/* EncryptAndHash. @ret: size + 16 bytes if there is a key, else size. */
static int encrypt(struct om_noise_xx *s, const void *plain, size_t size, uint8_t *ret)
{
	struct om_gcm gcm;
	uint8_t nonce[OM_GCM_NONCE_SIZE];
	int error;

	if (!s->encrypts) {
		if (size)
			memmove(ret, plain, size);
		noise_mix_hash(s->hash, ret, size);
		return 0;
	}
	om_noise_nonce(s->nonce++, nonce);
	om_gcm_init(&gcm, s->key, 0);
	error = om_gcm_seal(&gcm, nonce, s->hash, sizeof s->hash, plain, size, ret, ret + size);
	om_wipe(&gcm, sizeof gcm);
	if (!error)
		noise_mix_hash(s->hash, ret, size + OM_GCM_TAG_SIZE);
	return error;
}

/* DecryptAndHash. @size: of the plaintext. */
static int decrypt(struct om_noise_xx *s, const uint8_t *cipher, size_t size, void *ret)
{
	struct om_gcm gcm;
	uint8_t nonce[OM_GCM_NONCE_SIZE], before[32];
	int error;

	if (!s->encrypts) {
		noise_mix_hash(s->hash, cipher, size);
		if (size)
			memmove(ret, cipher, size);
		return 0;
	}
	memcpy(before, s->hash, sizeof before);
	noise_mix_hash(s->hash, cipher, size + OM_GCM_TAG_SIZE); /* first: decryption may be in place */
	om_noise_nonce(s->nonce++, nonce);
	om_gcm_init(&gcm, s->key, 0);
	error = om_gcm_open(&gcm, nonce, before, sizeof before, cipher, size, ret, cipher + size);
	om_wipe(&gcm, sizeof gcm);
	return error;
}

static size_t sealed_size(const struct om_noise_xx *s, size_t size)
{
	return s->encrypts ? size + OM_GCM_TAG_SIZE : size;
}

void om_noise_xx_init(struct om_noise_xx *s, enum om_noise_role role, const uint8_t own_private[32], const uint8_t own_public[32],
	const uint8_t ephemeral[32], const void *prologue, size_t prologue_size)
{
	static const char name[] = "Noise_XX_25519_AESGCM_SHA256";

	static_assert(sizeof name - 1 <= sizeof s->hash, "a longer name is hashed");
	memset(s, 0, sizeof *s);
	s->role = role;
	s->state = OM_NOISE_XX_1;
	memcpy(s->own_private, own_private, 32);
	memcpy(s->own_public, own_public, 32);
	memcpy(s->private, ephemeral, 32);
	memcpy(s->hash, name, sizeof name - 1);
	memcpy(s->chaining_key, s->hash, sizeof s->chaining_key);
	noise_mix_hash(s->hash, prologue, prologue_size);
}

void om_noise_xx_done(struct om_noise_xx *s)
{
	if (s)
		om_wipe(s, sizeof *s);
}

size_t om_noise_xx_overhead(const struct om_noise_xx *s)
{
	return s->state >= OM_NOISE_XX_1 && s->state <= OM_NOISE_XX_3 ? overhead[s->state - OM_NOISE_XX_1] : 0;
}

/* Messages 1 and 3 are the initiator's. */
static bool writes_now(const struct om_noise_xx *s)
{
	return om_noise_xx_overhead(s) && (s->state == OM_NOISE_XX_2) == (s->role == OM_NOISE_RESPONDER);
}

static bool reads_now(const struct om_noise_xx *s)
{
	return om_noise_xx_overhead(s) && (s->state == OM_NOISE_XX_2) == (s->role == OM_NOISE_INITIATOR);
}

static int fail(struct om_noise_xx *s, int error)
{
	om_wipe(s, sizeof *s);
	s->state = OM_NOISE_XX_FAILED;
	return error;
}

static int write_message(struct om_noise_xx *s, const void *payload, size_t size, uint8_t *at)
{
	int error = 0;

	for (const uint8_t *token = pattern[s->state - OM_NOISE_XX_1]; *token != END && !error; token++) {
		switch (*token) {
		case E:
			om_x25519_public(s->private, s->public);
			memcpy(at, s->public, 32);
			noise_mix_hash(s->hash, s->public, 32);
			at += 32;
			break;
		case S: {
			const size_t sealed = sealed_size(s, 32);

			error = encrypt(s, s->own_public, 32, at);
			at += sealed;
			break;
		}
		default:
			error = mix_token(s, *token);
		}
	}
	if (!error)
		error = encrypt(s, payload, size, at);
	s->state++;
	return error;
}

int om_noise_xx_write(struct om_noise_xx *s, const void *payload, size_t payload_size,
	uint8_t *ret_message, size_t message_max, size_t *ret_size)
{
	const size_t more = om_noise_xx_overhead(s);
	struct om_noise_xx next;
	int error;

	if (!writes_now(s))
		return OM_ESTATE;
	if (payload_size > OM_NOISE_MESSAGE_MAX - more || message_max < payload_size + more)
		return OM_EOVERFLOW;
	next = *s;
	error = write_message(&next, payload, payload_size, ret_message);
	if (!error)
		*s = next;
	om_wipe(&next, sizeof next);
	if (error)
		return fail(s, error);
	*ret_size = payload_size + more;
	return 0;
}

static int read_message(struct om_noise_xx *s, const uint8_t *at, size_t payload_size, void *ret_payload)
{
	int error = 0;

	for (const uint8_t *token = pattern[s->state - OM_NOISE_XX_1]; *token != END && !error; token++) {
		switch (*token) {
		case E:
			memcpy(s->peer, at, 32);
			noise_mix_hash(s->hash, s->peer, 32);
			at += 32;
			break;
		case S: {
			const size_t sealed = sealed_size(s, 32);

			error = decrypt(s, at, 32, s->peer_own);
			at += sealed;
			break;
		}
		default:
			error = mix_token(s, *token);
		}
	}
	if (!error)
		error = decrypt(s, at, payload_size, ret_payload);
	s->state++;
	return error;
}

int om_noise_xx_read(struct om_noise_xx *s, const uint8_t *message, size_t size,
	void *ret_payload, size_t payload_max, size_t *ret_payload_size)
{
	const size_t less = om_noise_xx_overhead(s);
	struct om_noise_xx next;
	int error;

	if (!reads_now(s))
		return OM_ESTATE;
	if (size < less)
		return fail(s, OM_ETRUNCATED);
	if (size > OM_NOISE_MESSAGE_MAX || size - less > payload_max)
		return OM_EOVERFLOW;
	next = *s;
	error = read_message(&next, message, size - less, ret_payload);
	if (!error)
		*s = next;
	om_wipe(&next, sizeof next);
	if (error)
		return fail(s, error);
	*ret_payload_size = size - less;
	return 0;
}

int om_noise_xx_peer(const struct om_noise_xx *s, uint8_t ret_key[OM_NOISE_KEY_SIZE])
{
	const enum om_noise_xx_state from = s->role == OM_NOISE_INITIATOR ? OM_NOISE_XX_3 : OM_NOISE_XX_DONE;

	if (s->state < from || s->state > OM_NOISE_XX_DONE)
		return OM_ESTATE;
	memcpy(ret_key, s->peer_own, OM_NOISE_KEY_SIZE);
	return 0;
}

int om_noise_xx_hash(const struct om_noise_xx *s, uint8_t ret_hash[OM_NOISE_HASH_SIZE])
{
	if (s->state != OM_NOISE_XX_DONE)
		return OM_ESTATE;
	memcpy(ret_hash, s->hash, OM_NOISE_HASH_SIZE);
	return 0;
}

int om_noise_xx_split(const struct om_noise_xx *s, uint8_t ret_send[OM_NOISE_KEY_SIZE], uint8_t ret_receive[OM_NOISE_KEY_SIZE])
{
	if (s->state != OM_NOISE_XX_DONE)
		return OM_ESTATE;
	noise_split(s->chaining_key, s->role == OM_NOISE_INITIATOR, ret_send, ret_receive);
	return 0;
}
