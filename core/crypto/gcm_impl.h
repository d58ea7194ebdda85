/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between gcm.c and the three implementations, and the arithmetic these share.
 *
 * GHASH works on byte-reversed blocks with H multiplied by x once in advance, so that a product of two such values
 * needs no bit shift (Gueron, Kounavis: "Carry-Less Multiplication and Its Usage for Computing the GCM Mode").
 * Reduction folds the low half twice by the constant 0xc2 << 56.
 */
#ifndef OPTMIG_CORE_CRYPTO_GCM_IMPL_H
#define OPTMIG_CORE_CRYPTO_GCM_IMPL_H

#include <stdbool.h>
#include "gcm.h"

struct om_gcm_call {
	const struct om_gcm *g;
	const uint8_t *nonce;
	const uint8_t *aad;
	size_t aad_size;
	const uint8_t *in;
	size_t size;
	uint8_t *out;
};

/* Key schedule and powers of H, for all three: needs AES-NI and PCLMULQDQ alone. */
void om_gcm_setkey_aesni(struct om_gcm *g, const uint8_t key[32]);
/* ret_tag: the computed tag, also when decrypting. */
void om_gcm_crypt_aesni(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16]);
/* The same with vectors of 512 bits: VAES, VPCLMULQDQ, AVX-512. */
void om_gcm_crypt_vaes(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16]);
/* The same with vectors of 256 bits: VAES, VPCLMULQDQ, AVX2. */
void om_gcm_crypt_vaes256(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16]);

#ifdef __PCLMUL__
#include <immintrin.h>
#include <string.h>

#define GCM_INLINE static inline __attribute__((always_inline))

GCM_INLINE __m128i gcm_load(const uint8_t *from) { return _mm_loadu_si128((const __m128i_u *)from); }
GCM_INLINE void gcm_store(uint8_t *to, __m128i x) { _mm_storeu_si128((__m128i_u *)to, x); }
/* Whole blocks by whole loads and stores: one side may be untrusted memory (gcm.h). A call, as memcpy is: the caller's registers are
 * full of keys that should not be spilled for it. */
static __attribute__((noinline, unused)) void gcm_copy(uint8_t *to, const uint8_t *from, size_t size)
{
	size_t i = 0;

	for (; size - i >= 16; i += 16) /* volatile: not to be recognised as memcpy */
		*(volatile __m128i_u *)(to + i) = *(const volatile __m128i_u *)(from + i);
	if (i < size)
		memcpy(to + i, from + i, size - i);
}

/*
 * What is decrypted goes to memory that nobody has touched for long, mostly, and stores that wait for their lines fill the
 * queue until all else waits. So the lines of a step are asked for a while ahead. That faults nowhere, and may go beyond the end, where
 * the next block of a run will lie. Never of the input, which may be the host's.
 */
#define GCM_AHEAD 1024

GCM_INLINE void gcm_fetch(const uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i += 64)
		__builtin_prefetch((const void *)((uintptr_t)out + GCM_AHEAD + i), 1);
}

GCM_INLINE __m128i gcm_swap(__m128i x)
{
	return _mm_shuffle_epi8(x, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/* Three 128-bit parts of an unreduced product: low, middle (at bit 64), high. Sums of products reduce once. */
struct gcm_product { __m128i low, middle, high; };

GCM_INLINE struct gcm_product gcm_multiply(__m128i a, __m128i b)
{
	return (struct gcm_product) {
		.low = _mm_clmulepi64_si128(a, b, 0x00),
		.middle = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10)),
		.high = _mm_clmulepi64_si128(a, b, 0x11),
	};
}

GCM_INLINE __m128i gcm_reduce(struct gcm_product p)
{
	const __m128i poly = _mm_set_epi64x((long long)0xc200000000000000, 1);
	__m128i fold = _mm_xor_si128(_mm_clmulepi64_si128(poly, p.low, 0x01), _mm_shuffle_epi32(p.low, 0x4e));

	p.middle = _mm_xor_si128(p.middle, fold);
	fold = _mm_xor_si128(_mm_clmulepi64_si128(poly, p.middle, 0x01), _mm_shuffle_epi32(p.middle, 0x4e));
	return _mm_xor_si128(p.high, fold);
}

/* acc = (acc + block) * H; the block in memory order. */
GCM_INLINE __m128i gcm_absorb(__m128i acc, __m128i block, __m128i h)
{
	return gcm_reduce(gcm_multiply(_mm_xor_si128(acc, gcm_swap(block)), h));
}

GCM_INLINE __m128i gcm_encrypt_block(const struct om_gcm *g, __m128i block)
{
	block = _mm_xor_si128(block, gcm_load(g->round_key[0]));
	for (int i = 1; i < 14; i++)
		block = _mm_aesenc_si128(block, gcm_load(g->round_key[i]));
	return _mm_aesenclast_si128(block, gcm_load(g->round_key[14]));
}

/* The counter block with count 1, in memory order. */
GCM_INLINE __m128i gcm_first_counter(const uint8_t nonce[12])
{
	uint8_t block[16];

	__builtin_memcpy(block, nonce, 12);              /* not a call, in an enclave either: this is done for each block of a file */
	__builtin_memcpy(block + 12, (const uint8_t[4]) { 0, 0, 0, 1 }, 4);
	return gcm_load(block);
}

GCM_INLINE __m128i gcm_absorb_aad(const struct om_gcm_call *call)
{
	const __m128i h = gcm_load(call->g->power[15]);
	__m128i acc = _mm_setzero_si128();
	size_t i = 0;

	for (; call->aad_size - i >= 16; i += 16)
		acc = gcm_absorb(acc, gcm_load(call->aad + i), h);
	if (i < call->aad_size) {
		uint8_t last[16] = { 0 };
		memcpy(last, call->aad + i, call->aad_size - i);
		acc = gcm_absorb(acc, gcm_load(last), h);
	}
	return acc;
}

/* The lengths, then the mask of the counter block 1. */
GCM_INLINE void gcm_finish(const struct om_gcm_call *call, __m128i acc, uint8_t ret_tag[16])
{
	const __m128i h = gcm_load(call->g->power[15]);
	const __m128i lengths = _mm_set_epi64x((long long)(call->aad_size * 8), (long long)(call->size * 8));
	const __m128i mask = gcm_encrypt_block(call->g, gcm_first_counter(call->nonce));

	acc = gcm_reduce(gcm_multiply(_mm_xor_si128(acc, lengths), h));
	gcm_store(ret_tag, _mm_xor_si128(gcm_swap(acc), mask));
}
#endif
#endif
