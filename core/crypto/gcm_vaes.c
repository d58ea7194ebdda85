/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM with VAES and VPCLMULQDQ on 512-bit registers: sixteen counter blocks per step. While their rounds run,
 * the GHASH of sixteen ciphertext blocks runs in the other execution ports: of this step when decrypting, of the
 * step before when encrypting. Compiled with -mavx512f -mavx512bw -mvaes -mvpclmulqdq.
 */
#include "crypto/gcm_impl.h"
#include "crypto/wipe.h"

#define GROUP 256   /* bytes per step */

/* Sixteen blocks. */
struct wide { __m512i v[4]; };

GCM_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
GCM_INLINE __m512i broadcast(const uint8_t block[16]) { return _mm512_broadcast_i32x4(gcm_load(block)); }
GCM_INLINE __m512i swap(__m512i x)
{
	return _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(
		_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

GCM_INLINE void aes_round(struct wide *b, __m512i key)
{
	for (int i = 0; i < 4; i++)
		b->v[i] = _mm512_aesenc_epi128(b->v[i], key);
}

/* H^count ... H^1, then zeros: `count` blocks, 1 to 16, meet their powers. */
GCM_INLINE struct wide load_powers(const struct om_gcm *g, size_t count)
{
	struct wide h;

	for (size_t i = 0; i < 4; i++)
		h.v[i] = 4 * i < count ? _mm512_loadu_si512(g->power[16 - count + 4 * i]) : _mm512_setzero_si512();
	return h;
}

GCM_INLINE __m128i fold(__m512i x)
{
	const __m128i a = _mm_xor_si128(_mm512_extracti32x4_epi32(x, 0), _mm512_extracti32x4_epi32(x, 1));
	const __m128i b = _mm_xor_si128(_mm512_extracti32x4_epi32(x, 2), _mm512_extracti32x4_epi32(x, 3));
	return _mm_xor_si128(a, b);
}

/* The steps of a GHASH of sixteen blocks, so that the caller can put AES rounds between them. */
struct ghash { __m512i x[4], low, middle, high; };

GCM_INLINE void ghash_begin(struct ghash *s, __m128i acc, const struct wide *cipher)
{
	for (int i = 0; i < 4; i++)
		s->x[i] = swap(cipher->v[i]);
	s->x[0] = _mm512_xor_si512(s->x[0], _mm512_zextsi128_si512(acc));
}

/* One imm8 for each of the four half products. */
#define PRODUCTS(s, h, imm) _mm512_xor_si512( \
	xor3(_mm512_clmulepi64_epi128((s)->x[0], (h)->v[0], imm), _mm512_clmulepi64_epi128((s)->x[1], (h)->v[1], imm), \
	     _mm512_clmulepi64_epi128((s)->x[2], (h)->v[2], imm)), \
	_mm512_clmulepi64_epi128((s)->x[3], (h)->v[3], imm))

GCM_INLINE void ghash_low(struct ghash *s, const struct wide *h)  { s->low = PRODUCTS(s, h, 0x00); }
GCM_INLINE void ghash_high(struct ghash *s, const struct wide *h) { s->high = PRODUCTS(s, h, 0x11); }
GCM_INLINE void ghash_middle(struct ghash *s, const struct wide *h)
{
	s->middle = _mm512_xor_si512(PRODUCTS(s, h, 0x01), PRODUCTS(s, h, 0x10));
}

/* gcm_reduce() on four lanes, in two steps. */
GCM_INLINE void ghash_reduce1(struct ghash *s, __m512i poly)
{
	s->middle = xor3(s->middle, _mm512_clmulepi64_epi128(poly, s->low, 0x01), _mm512_shuffle_epi32(s->low, 0x4e));
}

GCM_INLINE __m128i ghash_reduce2(struct ghash *s, __m512i poly)
{
	return fold(xor3(s->high, _mm512_clmulepi64_epi128(poly, s->middle, 0x01),
		_mm512_shuffle_epi32(s->middle, 0x4e)));
}

GCM_INLINE __m128i ghash_all(__m128i acc, const struct wide *cipher, const struct wide *h, __m512i poly)
{
	struct ghash s;

	ghash_begin(&s, acc, cipher);
	ghash_low(&s, h);
	ghash_high(&s, h);
	ghash_middle(&s, h);
	ghash_reduce1(&s, poly);
	return ghash_reduce2(&s, poly);
}

/* Up to 255 bytes, by masked loads and stores. */
GCM_INLINE __m128i crypt_tail(const struct om_gcm_call *call, size_t done, struct wide stream, __m128i acc, __m512i poly,
	bool encrypt)
{
	const size_t size = call->size - done;
	const struct wide h = load_powers(call->g, (size + 15) / 16);
	struct wide cipher;

	for (int i = 0; i < 4; i++) {
		const size_t at = (size_t)i * 64;
		const __mmask64 mask = at >= size ? 0 : size - at >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (size - at)) - 1;
		const __m512i in = _mm512_maskz_loadu_epi8(mask, call->in + done + at);
		const __m512i out = _mm512_xor_si512(in, stream.v[i]);

		_mm512_mask_storeu_epi8(call->out + done + at, mask, out);
		cipher.v[i] = encrypt ? _mm512_maskz_mov_epi8(mask, out) : in;
	}
	return ghash_all(acc, &cipher, &h, poly);
}

GCM_INLINE void crypt(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	const struct om_gcm *g = call->g;
	const struct wide h = load_powers(g, 16);
	const __m512i poly = _mm512_broadcast_i32x4(_mm_set_epi64x((long long)0xc200000000000000, 1));
	const __m512i four = _mm512_broadcast_i32x4(_mm_set_epi32(0, 0, 0, 4));
	__m512i counter = _mm512_add_epi32(swap(_mm512_broadcast_i32x4(gcm_first_counter(call->nonce))),
		_mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1));
	__m128i acc = gcm_absorb_aad(call);
	__m512i key[15];
	struct wide b, cipher = { { _mm512_setzero_si512() } };
	bool owed = false;   /* encrypting: `cipher` is not hashed yet */
	const uint8_t *const in = call->in;              /* they would be loaded anew after each store */
	uint8_t *const out = call->out;
	size_t done = 0;

	for (int i = 0; i < 15; i++)
		key[i] = broadcast(g->round_key[i]);
#define COUNTERS() do { \
	for (int i = 0; i < 4; i++) { \
		b.v[i] = _mm512_xor_si512(swap(counter), key[0]); \
		counter = _mm512_add_epi32(counter, four); \
	} \
} while (0)
	for (; call->size - done >= GROUP; done += GROUP) {
		struct ghash s;
		struct wide text;

		if (!encrypt)
			gcm_fetch(out + done, GROUP);
		COUNTERS();
		for (int i = 0; i < 4; i++)
			text.v[i] = _mm512_loadu_si512(in + done + 64 * i);
		aes_round(&b, key[1]);
		aes_round(&b, key[2]);
		if (!encrypt || owed) {
			ghash_begin(&s, acc, encrypt ? &cipher : &text);
			ghash_low(&s, &h);
			aes_round(&b, key[3]);
			aes_round(&b, key[4]);
			ghash_high(&s, &h);
			aes_round(&b, key[5]);
			aes_round(&b, key[6]);
			ghash_middle(&s, &h);
			aes_round(&b, key[7]);
			aes_round(&b, key[8]);
			ghash_reduce1(&s, poly);
			aes_round(&b, key[9]);
			aes_round(&b, key[10]);
			acc = ghash_reduce2(&s, poly);
			aes_round(&b, key[11]);
		} else {
			for (int i = 3; i < 12; i++)
				aes_round(&b, key[i]);
		}
		aes_round(&b, key[12]);
		aes_round(&b, key[13]);
		for (int i = 0; i < 4; i++) {
			cipher.v[i] = _mm512_xor_si512(_mm512_aesenclast_epi128(b.v[i], key[14]), text.v[i]);
			_mm512_storeu_si512(out + done + 64 * i, cipher.v[i]);
		}
		owed = true;
	}
	if (encrypt && owed)
		acc = ghash_all(acc, &cipher, &h, poly);
	if (done < call->size) {
		COUNTERS();
		for (int i = 1; i < 14; i++)
			aes_round(&b, key[i]);
		for (int i = 0; i < 4; i++)
			b.v[i] = _mm512_aesenclast_epi128(b.v[i], key[14]);
		acc = crypt_tail(call, done, b, acc, poly, encrypt);
	}
#undef COUNTERS
	gcm_finish(call, acc, ret_tag);
}

void om_gcm_crypt_vaes(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	if (encrypt)
		crypt(call, true, ret_tag);
	else
		crypt(call, false, ret_tag);
}
