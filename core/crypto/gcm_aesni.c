/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM with AES-NI and PCLMULQDQ: eight counter blocks at a time, their ciphertext absorbed with one
 * reduction. Also the key expansion for all implementations. Compiled with -maes -mpclmul -mssse3.
 */
#include "crypto/gcm_impl.h"
#include "crypto/wipe.h"

#define BLOCKS 8

GCM_INLINE __m128i spread(__m128i key, __m128i assist)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, assist);
}

/* FIPS 197, 5.2, two round keys per step. The round constant must be an immediate. */
#define EXPAND(i, constant) do { \
	even = spread(even, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(odd, constant), 0xff)); \
	gcm_store(g->round_key[i], even); \
	if ((i) < 14) { \
		odd = spread(odd, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(even, 0), 0xaa)); \
		gcm_store(g->round_key[((i) + 1) % 15], odd); \
	} \
} while (0)

static void expand_key(struct om_gcm *g, const uint8_t key[32])
{
	__m128i even = gcm_load(key), odd = gcm_load(key + 16);

	gcm_store(g->round_key[0], even);
	gcm_store(g->round_key[1], odd);
	EXPAND(2, 0x01);
	EXPAND(4, 0x02);
	EXPAND(6, 0x04);
	EXPAND(8, 0x08);
	EXPAND(10, 0x10);
	EXPAND(12, 0x20);
	EXPAND(14, 0x40);
}

/* H * x in the reflected representation: a shift left by one, reduced without a branch. */
static __m128i times_x(__m128i h)
{
	uint64_t half[2];
	uint64_t carry;

	memcpy(half, &h, sizeof half);
	carry = -(half[1] >> 63);
	half[1] = (half[1] << 1 | half[0] >> 63) ^ (carry & 0xc200000000000000);
	half[0] = half[0] << 1 ^ (carry & 1);
	h = _mm_set_epi64x((long long)half[1], (long long)half[0]);
	om_wipe(half, sizeof half);
	return h;
}

void om_gcm_setkey_aesni(struct om_gcm *g, const uint8_t key[32])
{
	__m128i h, power;

	expand_key(g, key);
	h = power = times_x(gcm_swap(gcm_encrypt_block(g, _mm_setzero_si128())));
	for (int i = 15; i >= 0; i--) {
		gcm_store(g->power[i], power);
		power = gcm_reduce(gcm_multiply(power, h));
	}
}

/* Absorbs `count` blocks, 1 to 8, in memory order. */
GCM_INLINE __m128i absorb(const struct om_gcm *g, __m128i acc, const __m128i block[BLOCKS], int count)
{
	struct gcm_product sum = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };

	for (int i = 0; i < count; i++) {
		__m128i x = gcm_swap(block[i]);
		struct gcm_product p = gcm_multiply(i ? x : _mm_xor_si128(x, acc), gcm_load(g->power[16 - count + i]));

		sum.low = _mm_xor_si128(sum.low, p.low);
		sum.middle = _mm_xor_si128(sum.middle, p.middle);
		sum.high = _mm_xor_si128(sum.high, p.high);
	}
	return gcm_reduce(sum);
}

GCM_INLINE void keystream(const struct om_gcm *g, __m128i *counter, __m128i ret[BLOCKS])
{
	const __m128i first = gcm_load(g->round_key[0]), last = gcm_load(g->round_key[14]);

	for (int i = 0; i < BLOCKS; i++) {
		*counter = _mm_add_epi32(*counter, _mm_set_epi32(0, 0, 0, 1));
		ret[i] = _mm_xor_si128(gcm_swap(*counter), first);
	}
	for (int round = 1; round < 14; round++) {
		const __m128i key = gcm_load(g->round_key[round]);
		for (int i = 0; i < BLOCKS; i++)
			ret[i] = _mm_aesenc_si128(ret[i], key);
	}
	for (int i = 0; i < BLOCKS; i++)
		ret[i] = _mm_aesenclast_si128(ret[i], last);
}

/* Fewer than 128 bytes. Goes through a padded copy, so that every input byte is still read only once. */
static __m128i crypt_tail(const struct om_gcm_call *call, size_t done, __m128i counter, __m128i acc, bool encrypt)
{
	const size_t size = call->size - done;
	const int count = (int)((size + 15) / 16);
	uint8_t text[BLOCKS * 16] = { 0 };
	__m128i stream[BLOCKS], cipher[BLOCKS];

	gcm_copy(text, call->in + done, size);
	keystream(call->g, &counter, stream);
	for (int i = 0; i < count; i++) {
		const __m128i in = gcm_load(text + 16 * i);
		const __m128i out = _mm_xor_si128(in, stream[i]);

		cipher[i] = encrypt ? out : in;
		gcm_store(text + 16 * i, out);
	}
	gcm_copy(call->out + done, text, size);
	if (encrypt && size % 16) { /* the padding of the last block is zero, not key stream */
		memset(text + size, 0, sizeof text - size);
		cipher[count - 1] = gcm_load(text + 16 * (count - 1));
	}
	acc = absorb(call->g, acc, cipher, count);
	om_wipe(text, sizeof text);
	return acc;
}

GCM_INLINE void crypt(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	const struct om_gcm *g = call->g;
	__m128i counter = gcm_swap(gcm_first_counter(call->nonce));
	__m128i acc = gcm_absorb_aad(call);
	size_t done = 0;

	for (; call->size - done >= BLOCKS * 16; done += BLOCKS * 16) {
		__m128i block[BLOCKS], in[BLOCKS];

		keystream(g, &counter, block);
		for (int i = 0; i < BLOCKS; i++)
			in[i] = gcm_load(call->in + done + 16 * i);
		for (int i = 0; i < BLOCKS; i++) {
			block[i] = _mm_xor_si128(block[i], in[i]);
			gcm_store(call->out + done + 16 * i, block[i]);
		}
		acc = absorb(g, acc, encrypt ? block : in, BLOCKS);
	}
	if (done < call->size)
		acc = crypt_tail(call, done, counter, acc, encrypt);
	gcm_finish(call, acc, ret_tag);
}

void om_gcm_crypt_aesni(const struct om_gcm_call *call, bool encrypt, uint8_t ret_tag[16])
{
	if (encrypt)
		crypt(call, true, ret_tag);
	else
		crypt(call, false, ret_tag);
}
