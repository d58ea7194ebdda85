/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-384 and SHA-512: buffering, padding, compression. Portable and constant time: additions and rotations only. What is
 * hashed here is short (certificates, reports, evidence), so there is no version with vector units.
 */
#include <string.h>
#include "crypto/sha512.h"
#include "crypto/wipe.h"

static const uint64_t k[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static uint64_t rotate(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }

static uint64_t load_be64(const uint8_t *p)
{
	uint64_t x = 0;

	for (int i = 0; i < 8; i++)
		x = x << 8 | p[i];
	return x;
}

static void store_be64(uint8_t *p, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(x >> (56 - 8 * i));
}

static void schedule(uint64_t w[80], const uint8_t block[OM_SHA512_BLOCK])
{
	for (int i = 0; i < 16; i++)
		w[i] = load_be64(block + 8 * i);
	for (int i = 16; i < 80; i++) {
		const uint64_t a = w[i - 15], b = w[i - 2];
		const uint64_t s0 = rotate(a, 1) ^ rotate(a, 8) ^ a >> 7;
		const uint64_t s1 = rotate(b, 19) ^ rotate(b, 61) ^ b >> 6;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void compress(uint64_t state[8], const uint8_t block[OM_SHA512_BLOCK])
{
	uint64_t w[80], v[8];

	schedule(w, block);
	memcpy(v, state, sizeof v);
	for (int i = 0; i < 80; i++) {
		const uint64_t s1 = rotate(v[4], 14) ^ rotate(v[4], 18) ^ rotate(v[4], 41);
		const uint64_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		const uint64_t t1 = v[7] + s1 + choice + k[i] + w[i];
		const uint64_t s0 = rotate(v[0], 28) ^ rotate(v[0], 34) ^ rotate(v[0], 39);
		const uint64_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof v[0]);
		v[4] += t1;
		v[0] = t1 + s0 + majority;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
	om_wipe(w, sizeof w);
	om_wipe(v, sizeof v);
}

static void init(struct om_sha512 *s, const uint64_t state[8])
{
	memset(s, 0, sizeof *s);
	memcpy(s->state, state, sizeof s->state);
}

void om_sha384_init(struct om_sha512 *s)
{
	static const uint64_t initial[8] = {
		0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
		0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
	};

	init(s, initial);
}

void om_sha512_init(struct om_sha512 *s)
{
	static const uint64_t initial[8] = {
		0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
		0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
	};

	init(s, initial);
}

void om_sha512_update(struct om_sha512 *s, const void *data, size_t size)
{
	const uint8_t *from = data;
	const size_t used = s->size % OM_SHA512_BLOCK;

	if (!size)
		return;
	s->size += size;
	if (used) {
		const size_t room = OM_SHA512_BLOCK - used;
		const size_t part = size < room ? size : room;

		memcpy(s->buffer + used, from, part);
		from += part;
		size -= part;
		if (part < room)
			return;
		compress(s->state, s->buffer);
	}
	for (; size >= OM_SHA512_BLOCK; from += OM_SHA512_BLOCK, size -= OM_SHA512_BLOCK)
		compress(s->state, from);
	memcpy(s->buffer, from, size);
}

/* The first `words` words of the last state. */
static void result(const struct om_sha512 *s, int words, uint8_t *ret_hash)
{
	struct om_sha512 last = *s;
	const size_t used = s->size % OM_SHA512_BLOCK;
	uint8_t pad[2 * OM_SHA512_BLOCK] = { 0x80 };
	const size_t pad_size = (used < 112 ? 128 : 256) - used;

	store_be64(pad + pad_size - 8, s->size << 3); /* the count of bits has 128 bits; the upper 64 stay zero */
	om_sha512_update(&last, pad, pad_size);
	for (int i = 0; i < words; i++)
		store_be64(ret_hash + 8 * i, last.state[i]);
	om_wipe(&last, sizeof last);
}

void om_sha384_result(const struct om_sha512 *s, uint8_t ret_hash[OM_SHA384_SIZE]) { result(s, 6, ret_hash); }
void om_sha512_result(const struct om_sha512 *s, uint8_t ret_hash[OM_SHA512_SIZE]) { result(s, 8, ret_hash); }

void om_sha384(const void *data, size_t size, uint8_t ret_hash[OM_SHA384_SIZE])
{
	struct om_sha512 s;

	om_sha384_init(&s);
	om_sha512_update(&s, data, size);
	om_sha384_result(&s, ret_hash);
	om_wipe(&s, sizeof s);
}

void om_sha512(const void *data, size_t size, uint8_t ret_hash[OM_SHA512_SIZE])
{
	struct om_sha512 s;

	om_sha512_init(&s);
	om_sha512_update(&s, data, size);
	om_sha512_result(&s, ret_hash);
	om_wipe(&s, sizeof s);
}
