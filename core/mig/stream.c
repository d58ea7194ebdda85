/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. The additional data of a frame is its 24-byte header, so nothing in it can be changed unnoticed; the
 * key binds the frame to epoch, connection and direction even where the header would agree.
 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "mig/stream.h"

static const char key_label[] = "optmig 1 key";
static const char secret_label[] = "optmig 1 secret";

static void put_le(uint8_t *to, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* Whole words, each read or written once: see the header. Always of 8 bytes, also where a test's frame lies anywhere. */
typedef uint64_t word __attribute__((__aligned__(1), __may_alias__));

static void copy_words(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		((volatile word *)to)[i] = ((const volatile word *)from)[i];
}

void mig_secret_derive(const uint8_t hash[32], const uint8_t to_destination[32], const uint8_t to_source[32],
	struct mig_secret *ret_secret)
{
	uint8_t keys[64], prk[OM_SHA256_SIZE];

	memcpy(keys, to_destination, 32);
	memcpy(keys + 32, to_source, 32);
	om_hkdf_extract(hash, 32, keys, sizeof keys, prk);
	(void)om_hkdf_expand(prk, secret_label, sizeof secret_label - 1, ret_secret->bytes,
		sizeof ret_secret->bytes);       /* fails only beyond 8,160 bytes */
	om_wipe(keys, sizeof keys);
	om_wipe(prk, sizeof prk);
}

void mig_stream_init(struct mig_stream *s, const struct mig_secret *secret, uint32_t epoch, uint16_t connection,
	enum mig_direction direction, enum mig_purpose purpose, uint64_t features)
{
	uint8_t info[sizeof key_label - 1 + 8], key[OM_GCM_KEY_SIZE];
	uint8_t *p = info + sizeof key_label - 1;

	memcpy(info, key_label, sizeof key_label - 1);
	put_le(p, epoch, 4);
	put_le(p + 4, connection, 2);
	p[6] = (uint8_t)direction;
	p[7] = (uint8_t)purpose;
	(void)om_hkdf_expand(secret->bytes, info, sizeof info, key, sizeof key); /* as above */
	om_gcm_init(&s->key, key, features);
	om_wipe(key, sizeof key);
	s->next = 0;
	s->epoch = epoch;
	s->connection = connection;
}

void mig_stream_done(struct mig_stream *s)
{
	om_wipe(s, sizeof *s);
	s->next = UINT64_MAX;
}

int mig_stream_seal_at(const struct mig_stream *s, uint64_t sequence, enum om_frame_kind kind, uint16_t head,
	const void *plain, size_t size, void *ret_frame, size_t *ret_size)
{
	uint8_t header[OM_FRAME_HEADER], nonce[OM_GCM_NONCE_SIZE] = { 0 }, tag[OM_FRAME_TAG];
	uint8_t *out = ret_frame;
	struct om_frame frame = {
		.kind = kind, .connection = s->connection, .head = head, .epoch = s->epoch, .sequence = sequence,
	};
	int error;

	if (size > OM_FRAME_PAYLOAD_MAX - OM_FRAME_TAG)
		return OM_EOVERFLOW;
	if (sequence == UINT64_MAX || s->next == UINT64_MAX)
		return OM_EEXHAUSTED;
	frame.length = (uint32_t)size + OM_FRAME_TAG;
	om_frame_encode(&frame, header);
	put_le(nonce + 4, sequence, 8);
	error = om_gcm_seal(&s->key, nonce, header, sizeof header, plain, size, out + OM_FRAME_HEADER, tag);
	if (error)
		return error;
	copy_words(out, header, sizeof header);
	copy_words(out + OM_FRAME_HEADER + size, tag, sizeof tag);
	*ret_size = OM_FRAME_HEADER + size + OM_FRAME_TAG;
	return 0;
}

int mig_stream_seal(struct mig_stream *s, enum om_frame_kind kind, uint16_t head, const void *plain, size_t size,
	void *ret_frame, size_t *ret_size)
{
	int error = mig_stream_seal_at(s, s->next, kind, head, plain, size, ret_frame, ret_size);

	if (!error)
		s->next++;
	return error;
}

int mig_stream_open_any(const struct mig_stream *s, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const void *payload, void *ret_plain)
{
	uint8_t nonce[OM_GCM_NONCE_SIZE] = { 0 }, tag[OM_FRAME_TAG];
	size_t size;

	if (frame->connection != s->connection || frame->epoch != s->epoch || frame->sequence == UINT64_MAX ||
	    s->next == UINT64_MAX)
		return OM_ESEQ;
	if (frame->length < OM_FRAME_TAG || frame->length > OM_FRAME_PAYLOAD_MAX)
		return OM_EOVERFLOW;
	size = frame->length - OM_FRAME_TAG;
	put_le(nonce + 4, frame->sequence, 8);
	copy_words(tag, (const uint8_t *)payload + size, sizeof tag);
	return om_gcm_open(&s->key, nonce, header, OM_FRAME_HEADER, payload, size, ret_plain, tag);
}

int mig_stream_open(struct mig_stream *s, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const void *payload, void *ret_plain)
{
	int error;

	if (frame->sequence != s->next)
		return OM_ESEQ;
	error = mig_stream_open_any(s, frame, header, payload, ret_plain);
	if (!error)
		s->next++;
	return error;
}

int mig_window_take(struct mig_window *w, uint64_t number)
{
	uint64_t bit = UINT64_C(1) << number % 64;
	uint64_t *word = &w->bits[number % MIG_WINDOW / 64];

	if (number == UINT64_MAX)
		return OM_ESEQ;
	if (number >= w->top) {
		if (number - w->top >= MIG_WINDOW) {
			memset(w->bits, 0, sizeof w->bits);
		} else {
			for (uint64_t n = w->top; n <= number; n++)
				w->bits[n % MIG_WINDOW / 64] &= ~(UINT64_C(1) << n % 64);
		}
		w->top = number + 1;
		*word |= bit;
		return 0;
	}
	if (w->top - number > MIG_WINDOW || *word & bit)
		return OM_ESEQ;
	*word |= bit;
	return 0;
}
