/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM with VAES and VPCLMULQDQ on 256-bit registers, for CPUs and enclaves without AVX-512: sixteen counter blocks
 * per step, as in gcm_vaes.c, and between their rounds the GHASH of sixteen ciphertext blocks, two at a time. There are
 * sixteen registers only: keys and powers come from memory, each once per step. Compiled with -mavx2 -mvaes -mvpclmulqdq.
 */
#include "crypto/gcm_impl.h"
#include "crypto/wipe.h"

#define PAIRS 8
#define GROUP (PAIRS * 32)   /* bytes per step */

/* Sixteen blocks. */
struct wide { __m256i v[PAIRS]; };

GCM_INLINE __m256i load(const uint8_t *from) { return _mm256_loadu_si256((const __m256i_u *)from); }
GCM_INLINE void store(uint8_t *to, __m256i x) { _mm256_storeu_si256((__m256i_u *)to, x); }
GCM_INLINE __m256i broadcast(const uint8_t block[16]) { return _mm256_broadcastsi128_si256(gcm_load(block)); }
GCM_INLINE __m256i swap(__m256i x)
{
	return _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(
		_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

GCM_INLINE void aes_round(struct wide *b, const struct om_gcm *g, int round)
{
	const __m256i key = broadcast(g->round_key[round]);

	for (int i = 0; i < PAIRS; i++)
		b->v[i] = _mm256_aesenc_epi128(b->v[i], key);
}

/* The next sixteen counter blocks, with the first key. */
GCM_INLINE struct wide counters(__m256i *counter, const struct om_gcm *g)
{
	const __m256i two = _mm256_broadcastsi128_si256(_mm_set_epi32(0, 0, 0, 2)), key = broadcast(g->round_key[0]);
	struct wide b;

	for (int i = 0; i < PAIRS; i++) {
		b.v[i] = _mm256_xor_si256(swap(*counter), key);
		*counter = _mm256_add_epi32(*counter, two);
	}
	return b;
}

/* The steps of a GHASH, so that the caller can put AES rounds between them. */
struct ghash { __m256i low, middle, high; };

GCM_INLINE struct ghash ghash_begin(void)
{
	return (struct ghash) { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256() };
}

/* Two blocks in memory order, or what they become with the sum so far, meet two powers. */
GCM_INLINE void ghash_pair(struct ghash *s, __m256i x, __m256i h)
{
	s->low = _mm256_xor_si256(s->low, _mm256_clmulepi64_epi128(x, h, 0x00));
	s->middle = _mm256_xor_si256(s->middle, _mm256_clmulepi64_epi128(x, h, 0x01));
	s->middle = _mm256_xor_si256(s->middle, _mm256_clmulepi64_epi128(x, h, 0x10));
	s->high = _mm256_xor_si256(s->high, _mm256_clmulepi64_epi128(x, h, 0x11));
}

/* gcm_reduce() on two lanes, in two steps. */
GCM_INLINE __m256i poly(void)
{
	return _mm256_broadcastsi128_si256(_mm_set_epi64x((long long)0xc200000000000000, 1));
}

GCM_INLINE void ghash_reduce1(struct ghash *s)
{
	s->middle = _mm256_xor_si256(s->middle, _mm256_xor_si256(_mm256_clmulepi64_epi128(poly(), s->low, 0x01),
		_mm256_shuffle_epi32(s->low, 0x4e)));
}

GCM_INLINE __m128i ghash_reduce2(struct ghash *s)
{
	const __m256i x = _mm256_xor_si256(s->high, _mm256_xor_si256(_mm256_clmulepi64_epi128(poly(), s->middle, 0x01),
		_mm256_shuffle_epi32(s->middle, 0x4e)));

	return _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

/* Pair `i` of `count` blocks: H^(count - 2i), H^(count - 2i - 1); zeros behind the last. */
GCM_INLINE __m256i powers(const struct om_gcm *g, size_t count, size_t i)
{
	return load(g->power[16 - count + 2 * i]);
}

GCM_INLINE __m128i ghash_all(const struct om_gcm *g, __m128i acc, const struct wide *cipher, size_t count)
{
	struct ghash s = ghash_begin();

	for (size_t i = 0; 2 * i < count; i++) {
		const __m256i x = swap(cipher->v[i]);
		ghash_pair(&s, i ? x : _mm256_xor_si256(x, _mm256_zextsi128_si256(acc)), powers(g, count, i));
	}
	ghash_reduce1(&s);
	return ghash_reduce2(&s);
}

/* Up to 255 bytes. Goes through a padded copy, so that every input byte is still read only once. */
GCM_INLINE __m128i crypt_tail(const struct om_gcm_call *call, size_t done, const struct wide *stream, __m128i acc, bool encrypt)
{
	const size_t size = call->size - done;
	uint8_t text[GROUP] = { 0 };
	struct wide cipher;

	gcm_copy(text, call->in + done, size);
	for (int i = 0; i < PAIRS; i++) {
		cipher.v[i] = load(text + 32 * i);
		store(text + 32 * i, _mm256_xor_si256(cipher.v[i], stream->v[i]));
	}
	gcm_copy(call->out + done, text, size);
	if (encrypt) { /* the padding is zero, not key stream */
		memset(text + size, 0, sizeof text - size);
		for (int i = 0; i < PAIRS; i++)
			cipher.v[i] = load(text + 32 * i);
	}
	acc = ghash_all(call->g, acc, &cipher, (size + 15) / 16);
	om_wipe(text, sizeof text);
	return acc;
}

GCM_INLINE void crypt(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	const struct om_gcm *g = call->g;
	__m256i counter = _mm256_add_epi32(swap(_mm256_broadcastsi128_si256(gcm_first_counter(call->nonce))),
		_mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 1));
	__m128i acc = gcm_absorb_aad(call);
	struct wide b, cipher = { { _mm256_setzero_si256() } };
	bool owed = false;   /* encrypting: `cipher` is not hashed yet */
	const uint8_t *const in = call->in;              /* they would be loaded anew after each store */
	uint8_t *const out = call->out;
	size_t done = 0;

	for (; call->size - done >= GROUP; done += GROUP) {
		const __m256i last = broadcast(g->round_key[14]);
		struct wide text;

		if (!encrypt)
			gcm_fetch(out + done, GROUP);
		b = counters(&counter, g);
		for (int i = 0; i < PAIRS; i++)
			text.v[i] = load(in + done + 32 * i);
		if (!encrypt || owed) {
			const struct wide *hashed = encrypt ? &cipher : &text;
			struct ghash s = ghash_begin();

#pragma clang loop unroll(full)
			for (int i = 0; i < PAIRS; i++) {
				const __m256i x = swap(hashed->v[i]);

				aes_round(&b, g, i + 1);
				ghash_pair(&s, i ? x : _mm256_xor_si256(x, _mm256_zextsi128_si256(acc)), powers(g, 16, (size_t)i));
			}
			aes_round(&b, g, 9);
			ghash_reduce1(&s);
			aes_round(&b, g, 10);
			aes_round(&b, g, 11);
			acc = ghash_reduce2(&s);
		} else {
			for (int i = 1; i < 12; i++)
				aes_round(&b, g, i);
		}
		aes_round(&b, g, 12);
		aes_round(&b, g, 13);
		for (int i = 0; i < PAIRS; i++) {
			cipher.v[i] = _mm256_xor_si256(_mm256_aesenclast_epi128(b.v[i], last), text.v[i]);
			store(out + done + 32 * i, cipher.v[i]);
		}
		owed = true;
	}
	if (encrypt && owed)
		acc = ghash_all(g, acc, &cipher, 16);
	if (done < call->size) {
		b = counters(&counter, g);
		for (int i = 1; i < 14; i++)
			aes_round(&b, g, i);
		for (int i = 0; i < PAIRS; i++)
			b.v[i] = _mm256_aesenclast_epi128(b.v[i], broadcast(g->round_key[14]));
		acc = crypt_tail(call, done, &b, acc, encrypt);
	}
	gcm_finish(call, acc, ret_tag);
}

void om_gcm_crypt_vaes256(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	if (encrypt)
		crypt(call, true, ret_tag);
	else
		crypt(call, false, ret_tag);
}
