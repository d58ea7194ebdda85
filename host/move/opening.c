/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message is taken whole into `in`, and its content is left at the beginning of `in`. The first message's head decides before the
 * rest is awaited. So other protocols are not waited for, and hosts of the old protocol are told in their own words.
 */
#include <endian.h>
#include <string.h>
#include "crypto/gcm.h"
#include "crypto/wipe.h"
#include "opening.h"
#include "util.h"

_Static_assert(OM_OPENING_1 == OM_OPENING_HEAD + OM_NOISE_XX_OVERHEAD_1, "message 1");
_Static_assert(OM_OPENING_2 == OM_OPENING_HEAD + OM_NOISE_XX_OVERHEAD_2, "message 2");
_Static_assert(OM_OPENING_3 == OM_NOISE_XX_OVERHEAD_3 + OM_HELLO_SIZE, "message 3");

#define VERSION_OLD 1u          /* its first message was a hello in clear, and so was the answer */
enum { AT_VERSION = 8, AT_ZERO = 12 };

static uint32_t get32(const uint8_t *at) { uint32_t v; memcpy(&v, at, sizeof v); return le32toh(v); }

static void put_head(uint8_t *at)
{
	const uint64_t magic = htole64(OM_HELLO_MAGIC);
	const uint32_t version = htole32(OM_HELLO_VERSION);

	memset(at, 0, OM_OPENING_HEAD);
	memcpy(at, &magic, sizeof magic);
	memcpy(at + AT_VERSION, &version, sizeof version);
}

static bool has_magic(const uint8_t *at)
{
	uint64_t magic;

	memcpy(&magic, at, sizeof magic);
	return le64toh(magic) == OM_HELLO_MAGIC;
}

static int fail(struct move_opening *o, int error)
{
	om_noise_xx_done(&o->noise);
	om_wipe(&o->seal, sizeof o->seal);
	o->stage = MOVE_OPENING_FAILED;
	return error;
}

void move_opening_init(struct move_opening *o, bool source, const struct host_key *key, const uint8_t ephemeral[32])
{
	memset(o, 0, sizeof *o);
	o->stage = MOVE_OPENING_FIRST;
	o->source = source;
	om_noise_xx_init(&o->noise, source ? OM_NOISE_INITIATOR : OM_NOISE_RESPONDER, key->private, key->public, ephemeral,
		OM_OPENING_PROLOGUE, sizeof OM_OPENING_PROLOGUE - 1);
}

void move_opening_done(struct move_opening *o)
{
	om_wipe(o, sizeof *o);
}

int move_opening_first(struct move_opening *o, uint8_t out[OM_OPENING_1])
{
	size_t size;
	int error;

	put_head(out);
	error = om_noise_xx_write(&o->noise, NULL, 0, out + OM_OPENING_HEAD, OM_OPENING_1 - OM_OPENING_HEAD, &size);
	return error ? fail(o, host_fail(error, "the handshake cannot begin")) : 0;
}

/* The size of the message that is awaited, as far as it is known. */
static size_t awaited(const struct move_opening *o)
{
	switch (o->stage) {
	case MOVE_OPENING_FIRST:
		if (o->have < OM_OPENING_HEAD)
			return OM_OPENING_HEAD;
		return o->source ? OM_OPENING_2 : get32(o->in + AT_VERSION) == VERSION_OLD ? OM_HELLO_SIZE : OM_OPENING_1;
	case MOVE_OPENING_SECOND:
		return o->source ? 0 : OM_OPENING_3;
	case MOVE_OPENING_SAID:
		return o->source ? OM_OPENING_ANSWER : 0;
	default:
		return 0;
	}
}

size_t move_opening_wants(const struct move_opening *o)
{
	const size_t whole = awaited(o);

	return whole > o->have ? whole - o->have : 0;
}

static int check_head(struct move_opening *o, uint8_t *out, size_t *ret_size)
{
	const uint32_t version = get32(o->in + AT_VERSION);

	if (!has_magic(o->in))
		return fail(o, host_fail(OM_ETYPE, "the peer does not speak OptMig's protocol"));
	if (!o->source && version == VERSION_OLD)
		return 0;
	if (version != OM_HELLO_VERSION && !o->source) {
		put_head(out);
		*ret_size = OM_OPENING_HEAD;
	}
	if (version != OM_HELLO_VERSION)
		return fail(o, host_fail(OM_EVERSION, "the peer speaks protocol version %u, this side %u", version, OM_HELLO_VERSION));
	return get32(o->in + AT_ZERO) ? fail(o, host_fail(OM_EINVAL, "a reserved field is set")) : 0;
}

static int noise_failed(struct move_opening *o, int error)
{
	return fail(o, host_fail(error, "the handshake between the hosts failed: what came was altered, or is none"));
}

static int took_first(struct move_opening *o, uint8_t *out, size_t *ret_size)
{
	size_t size;
	int error;

	if (get32(o->in + AT_VERSION) == VERSION_OLD) {
		om_noise_xx_done(&o->noise);
		o->stage = MOVE_OPENING_OLD;
		return 0;
	}
	error = om_noise_xx_read(&o->noise, o->in + OM_OPENING_HEAD, OM_OPENING_1 - OM_OPENING_HEAD, out, 0, &size);
	if (!error)
		error = om_noise_xx_write(&o->noise, NULL, 0, out + OM_OPENING_HEAD, OM_OPENING_2 - OM_OPENING_HEAD, &size);
	if (error)
		return noise_failed(o, error);
	put_head(out);
	*ret_size = OM_OPENING_2;
	o->stage = MOVE_OPENING_SECOND;
	return 0;
}

static int took_second(struct move_opening *o)
{
	size_t size;
	int error = om_noise_xx_read(&o->noise, o->in + OM_OPENING_HEAD, OM_OPENING_2 - OM_OPENING_HEAD, o->in, 0, &size);

	if (!error)
		error = om_noise_xx_peer(&o->noise, o->peer);
	if (error)
		return noise_failed(o, error);
	o->stage = MOVE_OPENING_SECOND;
	return 0;
}

static int took_third(struct move_opening *o)
{
	uint8_t hello[OM_HELLO_SIZE];
	size_t size;
	int error = om_noise_xx_read(&o->noise, o->in, OM_OPENING_3, hello, sizeof hello, &size);

	if (!error)
		error = om_noise_xx_peer(&o->noise, o->peer);
	if (error)
		return noise_failed(o, error);
	memcpy(o->in, hello, sizeof hello);
	o->stage = MOVE_OPENING_SAID;
	return 0;
}

/* Number 0 of the destination's key is the answer, 1 of both the NOISE frame, 2 of both the refusal. */
enum { NUMBER_ANSWER, NUMBER_NOISE, NUMBER_REFUSED };

/* Encrypts in place if `encrypt`, else decrypts. */
static int crypt(const uint8_t key[OM_NOISE_KEY_SIZE], uint64_t number, bool encrypt, const void *aad, size_t aad_size, uint8_t *data, size_t size,
	uint8_t *tag)
{
	uint8_t nonce[OM_GCM_NONCE_SIZE];
	struct om_gcm gcm;
	int error;

	om_noise_nonce(number, nonce);
	om_gcm_init(&gcm, key, 0);
	error = encrypt ? om_gcm_seal(&gcm, nonce, aad, aad_size, data, size, data, tag) :
		om_gcm_open(&gcm, nonce, aad, aad_size, data, size, data, tag);
	om_wipe(&gcm, sizeof gcm);
	return error;
}

/* The handshake is over: what it was made of is forgotten, its keys stay. */
static int split(struct move_opening *o)
{
	int error = om_noise_xx_split(&o->noise, o->seal.send, o->seal.receive);

	o->seal.there = error == 0;
	om_noise_xx_done(&o->noise);
	return error;
}

static int took_answer(struct move_opening *o)
{
	int error = split(o);

	if (!error)
		error = crypt(o->seal.receive, NUMBER_ANSWER, false, NULL, 0, o->in, OM_HELLO_SIZE, o->in + OM_HELLO_SIZE);
	if (error)
		return noise_failed(o, error);
	o->stage = MOVE_OPENING_DONE;
	return 0;
}

void move_seal_tag(const struct move_seal *seal, const uint8_t *frame, size_t size, uint8_t ret_tag[OM_FRAME_TAG])
{
	uint8_t nothing[1];

	if (crypt(seal->send, NUMBER_NOISE, true, frame, size, nothing, 0, ret_tag))
		__builtin_trap(); /* only a text that is too long could not be sealed */
}

int move_seal_check(const struct move_seal *seal, const uint8_t *frame, size_t size, const uint8_t tag[OM_FRAME_TAG])
{
	uint8_t copy[OM_FRAME_TAG], nothing[1];

	memcpy(copy, tag, sizeof copy);
	if (!seal->there || crypt(seal->receive, NUMBER_NOISE, false, frame, size, nothing, 0, copy))
		return host_fail(OM_EAUTH, "the enclaves' handshake was altered between the hosts, or comes from another one");
	return 0;
}

void move_seal_refusal(struct move_seal *seal, const struct move_hello *refusal, uint8_t frame[OM_FRAME_HEADER + OM_OPENING_ANSWER])
{
	uint8_t *hello = frame + OM_FRAME_HEADER;

	seal->refused = true;
	move_hello_encode(refusal, hello);
	if (crypt(seal->send, NUMBER_REFUSED, true, frame, OM_FRAME_HEADER, hello, OM_HELLO_SIZE, hello + OM_HELLO_SIZE))
		__builtin_trap(); /* only a text that is too long could not be sealed */
}

int move_seal_refused(struct move_seal *seal, uint8_t *frame, size_t size, struct move_hello *ret_refusal)
{
	uint8_t *hello = frame + OM_FRAME_HEADER;

	if (size != OM_FRAME_HEADER + OM_OPENING_ANSWER)
		return host_fail(OM_ETRUNCATED, "a refusal of another size");
	if (!seal->there || crypt(seal->receive, NUMBER_REFUSED, false, frame, OM_FRAME_HEADER, hello, OM_HELLO_SIZE, hello + OM_HELLO_SIZE))
		return host_fail(OM_EAUTH, "a refusal comes from another host than the one that the session began with");
	seal->refused = true;
	return move_hello_decode(hello, ret_refusal);
}

int move_opening_took(struct move_opening *o, size_t size, uint8_t out[MOVE_OPENING_MAX], size_t *ret_size)
{
	const size_t before = o->have;
	int error = 0;

	*ret_size = 0;
	if (size > move_opening_wants(o))
		return fail(o, host_fail(OM_EOVERFLOW, "more than was awaited"));
	o->have += size;
	if (o->stage == MOVE_OPENING_FIRST && before < OM_OPENING_HEAD && o->have >= OM_OPENING_HEAD)
		error = check_head(o, out, ret_size);
	if (error || move_opening_wants(o) > 0)
		return error;
	o->have = 0;
	switch (o->stage) {
	case MOVE_OPENING_FIRST:  return o->source ? took_second(o) : took_first(o, out, ret_size);
	case MOVE_OPENING_SECOND: return took_third(o);
	case MOVE_OPENING_SAID:   return took_answer(o);
	default:                 return fail(o, host_fail(OM_ESTATE, "nothing is awaited"));
	}
}

int move_opening_say(struct move_opening *o, const struct move_hello *hello, uint8_t out[OM_OPENING_3])
{
	uint8_t bytes[OM_HELLO_SIZE];
	size_t size;
	int error;

	if (!o->source || o->stage != MOVE_OPENING_SECOND)
		return host_fail(OM_ESTATE, "no hello is due");
	move_hello_encode(hello, bytes);
	error = om_noise_xx_write(&o->noise, bytes, sizeof bytes, out, OM_OPENING_3, &size);
	if (error)
		return noise_failed(o, error);
	o->stage = MOVE_OPENING_SAID;
	return 0;
}

int move_opening_heard(const struct move_opening *o, struct move_hello *ret_hello)
{
	if (o->stage != (o->source ? MOVE_OPENING_DONE : MOVE_OPENING_SAID))
		return host_fail(OM_ESTATE, "nothing has been said");
	return move_hello_decode(o->in, ret_hello);
}

/* What the old one's source compares, its session and connection, is its own. */
static void answer_old(struct move_opening *o, const struct move_hello *answer, uint8_t out[OM_HELLO_SIZE])
{
	enum { AT_STATUS = 20, AT_TEXT = 256 };
	const uint32_t status = htole32((uint32_t)answer->status);

	memcpy(out, o->in, OM_HELLO_SIZE);
	memcpy(out + AT_STATUS, &status, sizeof status);
	memset(out + AT_TEXT, 0, OM_HELLO_TEXT);
	memcpy(out + AT_TEXT, answer->text, strnlen(answer->text, OM_HELLO_TEXT - 1));
	o->stage = MOVE_OPENING_DONE;
}

int move_opening_answer(struct move_opening *o, const struct move_hello *answer, uint8_t out[MOVE_OPENING_MAX], size_t *ret_size)
{
	int error;

	if (o->stage == MOVE_OPENING_OLD) {
		answer_old(o, answer, out);
		*ret_size = OM_HELLO_SIZE;
		return 0;
	}
	if (o->source || o->stage != MOVE_OPENING_SAID)
		return host_fail(OM_ESTATE, "no answer is due");
	move_hello_encode(answer, out);
	error = split(o);
	if (!error)
		error = crypt(o->seal.send, NUMBER_ANSWER, true, NULL, 0, out, OM_HELLO_SIZE, out + OM_HELLO_SIZE);
	if (error)
		return noise_failed(o, error);
	o->stage = MOVE_OPENING_DONE;
	*ret_size = OM_OPENING_ANSWER;
	return 0;
}
