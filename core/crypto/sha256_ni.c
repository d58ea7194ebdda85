/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256's compression function with the SHA extensions. The instructions want the state as ABEF and CDGH and do two
 * rounds per step on the low half of message + constant. Compiled with -msha -msse4.1.
 */
#include <immintrin.h>
#include "crypto/sha256.h"

static inline __m128i load(const void *from) { return _mm_loadu_si128((const __m128i_u *)from); }

/* W[t..t+3] from the sixteen words before them. */
static inline __m128i extend(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
	const __m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
	return _mm_sha256msg2_epu32(t, w3);
}

static inline void four_rounds(__m128i *abef, __m128i *cdgh, __m128i w, int t)
{
	const __m128i wk = _mm_add_epi32(w, load(om_sha256_k + t));

	*cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, wk);
	*abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(wk, 0x0e));
}

static void compress(__m128i *abef, __m128i *cdgh, const uint8_t block[64])
{
	const __m128i bytes = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	const __m128i abef0 = *abef, cdgh0 = *cdgh;
	__m128i w[4];

	for (int i = 0; i < 4; i++) {
		w[i] = _mm_shuffle_epi8(load(block + 16 * i), bytes);
		four_rounds(abef, cdgh, w[i], 4 * i);
	}
	for (int t = 16; t < 64; t += 4) {
		const __m128i next = extend(w[0], w[1], w[2], w[3]);

		four_rounds(abef, cdgh, next, t);
		w[0] = w[1];
		w[1] = w[2];
		w[2] = w[3];
		w[3] = next;
	}
	*abef = _mm_add_epi32(*abef, abef0);
	*cdgh = _mm_add_epi32(*cdgh, cdgh0);
}

void om_sha256_blocks_ni(uint32_t state[8], const uint8_t *data, size_t count)
{
	const __m128i badc = _mm_shuffle_epi32(load(state), 0xb1);
	const __m128i hgfe = _mm_shuffle_epi32(load(state + 4), 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
	__m128i feba, dchg;

	for (; count; count--, data += OM_SHA256_BLOCK)
		compress(&abef, &cdgh, data);
	feba = _mm_shuffle_epi32(abef, 0x1b);
	dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i_u *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i_u *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
