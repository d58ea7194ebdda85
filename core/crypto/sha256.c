/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256: buffering, padding, and the portable compression function (constant time: additions and rotations only).
 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "hostcall.h"

const uint32_t om_sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(x >> (24 - 8 * i));
}

static void schedule(uint32_t w[64], const uint8_t block[64])
{
	for (int i = 0; i < 16; i++)
		w[i] = load_be32(block + 4 * i);
	for (int i = 16; i < 64; i++) {
		const uint32_t a = w[i - 15], b = w[i - 2];
		const uint32_t s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3;
		const uint32_t s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
}

static void compress(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64], v[8];

	schedule(w, block);
	memcpy(v, state, sizeof v);
	for (int i = 0; i < 64; i++) {
		const uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
		const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		const uint32_t t1 = v[7] + s1 + choice + om_sha256_k[i] + w[i];
		const uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
		const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof v[0]);
		v[4] += t1;
		v[0] = t1 + s0 + majority;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
	om_wipe(w, sizeof w);
	om_wipe(v, sizeof v);
}

static void process(struct om_sha256 *s, const uint8_t *data, size_t count)
{
	if (s->shani) {
		om_sha256_blocks_ni(s->state, data, count);
		return;
	}
	for (; count; count--, data += OM_SHA256_BLOCK)
		compress(s->state, data);
}

void om_sha256_init(struct om_sha256 *s, uint64_t features)
{
	static const uint32_t initial[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memset(s, 0, sizeof *s);
	memcpy(s->state, initial, sizeof initial);
	s->shani = (features & OM_CPU_SHANI) != 0;
}

void om_sha256_update(struct om_sha256 *s, const void *data, size_t size)
{
	const uint8_t *from = data;
	const size_t used = s->size % OM_SHA256_BLOCK;

	if (!size)
		return;
	s->size += size;
	if (used) {
		const size_t room = OM_SHA256_BLOCK - used;
		const size_t part = size < room ? size : room;

		memcpy(s->buffer + used, from, part);
		from += part;
		size -= part;
		if (part < room)
			return;
		process(s, s->buffer, 1);
	}
	if (size >= OM_SHA256_BLOCK)
		process(s, from, size / OM_SHA256_BLOCK);
	memcpy(s->buffer, from + size / OM_SHA256_BLOCK * OM_SHA256_BLOCK, size % OM_SHA256_BLOCK);
}

void om_sha256_result(const struct om_sha256 *s, uint8_t ret_hash[OM_SHA256_SIZE])
{
	struct om_sha256 last = *s;
	const size_t used = s->size % OM_SHA256_BLOCK;
	uint8_t pad[2 * OM_SHA256_BLOCK] = { 0x80 };
	const size_t pad_size = (used < 56 ? 64 : 128) - used;

	store_be32(pad + pad_size - 8, (uint32_t)(s->size >> 29));
	store_be32(pad + pad_size - 4, (uint32_t)(s->size << 3));
	om_sha256_update(&last, pad, pad_size);
	for (int i = 0; i < 8; i++)
		store_be32(ret_hash + 4 * i, last.state[i]);
	om_wipe(&last, sizeof last);
}

void om_sha256(const void *data, size_t size, uint8_t ret_hash[OM_SHA256_SIZE])
{
	struct om_sha256 s;

	om_sha256_init(&s, 0);
	om_sha256_update(&s, data, size);
	om_sha256_result(&s, ret_hash);
	om_wipe(&s, sizeof s);
}
