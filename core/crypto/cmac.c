/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-128-CMAC with AES-NI: constant time by construction. Compiled with -maes.
 */
#include <immintrin.h>
#include <string.h>
#include "crypto/cmac.h"
#include "crypto/wipe.h"

#define ROUNDS 10

struct schedule { __m128i key[ROUNDS + 1]; };

static inline __m128i load(const uint8_t *from) { return _mm_loadu_si128((const __m128i_u *)from); }

/* FIPS 197, 5.2. The round constant must be an immediate. */
#define EXPAND(i, constant) do { \
	__m128i k = s->key[(i) - 1]; \
	const __m128i assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(k, constant), 0xff); \
	k = _mm_xor_si128(k, _mm_slli_si128(k, 4)); \
	k = _mm_xor_si128(k, _mm_slli_si128(k, 8)); \
	s->key[i] = _mm_xor_si128(k, assist); \
} while (0)

static void expand(struct schedule *s, const uint8_t key[16])
{
	s->key[0] = load(key);
	EXPAND(1, 0x01);
	EXPAND(2, 0x02);
	EXPAND(3, 0x04);
	EXPAND(4, 0x08);
	EXPAND(5, 0x10);
	EXPAND(6, 0x20);
	EXPAND(7, 0x40);
	EXPAND(8, 0x80);
	EXPAND(9, 0x1b);
	EXPAND(10, 0x36);
}

static __m128i encrypt(const struct schedule *s, __m128i block)
{
	block = _mm_xor_si128(block, s->key[0]);
	for (int i = 1; i < ROUNDS; i++)
		block = _mm_aesenc_si128(block, s->key[i]);
	return _mm_aesenclast_si128(block, s->key[ROUNDS]);
}

/* Multiplication by x in GF(2^128), most significant byte first. */
static void twice(uint8_t x[16])
{
	const uint8_t reduce = (uint8_t)(0x87 & -(x[0] >> 7));

	for (int i = 0; i < 15; i++)
		x[i] = (uint8_t)(x[i] << 1 | x[i + 1] >> 7);
	x[15] = (uint8_t)(x[15] << 1 ^ reduce);
}

void om_cmac(const uint8_t key[16], const void *data, size_t size, uint8_t ret_mac[OM_CMAC_SIZE])
{
	const uint8_t *from = data;
	struct schedule s;
	uint8_t subkey[16], last[16] = { 0 };
	__m128i mac = _mm_setzero_si128();

	expand(&s, key);
	_mm_storeu_si128((__m128i_u *)subkey, encrypt(&s, mac));
	twice(subkey);
	for (; size > 16; size -= 16, from += 16)
		mac = encrypt(&s, _mm_xor_si128(mac, load(from)));
	if (size)
		memcpy(last, from, size);
	if (size < 16) {
		last[size] = 0x80;
		twice(subkey);
	}
	mac = _mm_xor_si128(mac, _mm_xor_si128(load(last), load(subkey)));
	_mm_storeu_si128((__m128i_u *)ret_mac, encrypt(&s, mac));
	om_wipe(&s, sizeof s);
	om_wipe(subkey, sizeof subkey);
	om_wipe(last, sizeof last);
}
