/* SPDX-License-Identifier: Apache-2.0 */
/* Proof of work: each thread grows its chains; a block is 4 KiB of transactions, found by SHA-256 with a small target
 * and kept in the ledger; every 16th block is checked again against an older one. A tick is a block. */
#include <string.h>
#include "bench.h"

#define BLOCK 4096
static unsigned char *ledger;
static uint64_t blocks;

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
	0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(uint32_t h[8], const unsigned char *p)
{
	uint32_t w[64], s[8];
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7]
			+ (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, h, sizeof s);
	for (int i = 0; i < 64; i++) {
		uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
		uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		s[7] = s[6]; s[6] = s[5]; s[5] = s[4]; s[4] = s[3] + t1;
		s[3] = s[2]; s[2] = s[1]; s[1] = s[0]; s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

static void hash(const unsigned char *data, size_t size, uint32_t h[8])
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	memcpy(h, start, sizeof start);
	for (size_t i = 0; i < size; i += 64) /* sizes here are multiples of 64: no padding needed to be collision free among them */
		sha256_block(h, data + i);
}

static void setup(struct bench *b)
{
	blocks = b->size_bytes / BLOCK;
	ledger = bench_alloc(blocks * BLOCK);
	for (uint64_t i = 0; i < blocks * BLOCK / 8; i++)
		((uint64_t *)(void *)ledger)[i] = mix(i);
}

static void run(struct bench *b, int thread)
{
	uint64_t share = blocks / (uint64_t)b->threads, first = share * (uint64_t)thread, sum = 0;
	uint64_t work = b->work ? b->work : share, state = mix(77 + (uint64_t)thread);
	uint32_t tip[8] = { (uint32_t)thread };
	do {
		for (uint64_t n = 0; n < work; n++) {
			unsigned char header[128] = { 0 };
			unsigned char *block = ledger + (first + next_random(&state) % share) * BLOCK;
			uint32_t body[8], h[8];
			for (int i = 0; i < BLOCK / 8; i += 8) /* new transactions */
				((uint64_t *)(void *)block)[i] ^= next_random(&state);
			hash(block, BLOCK, body);
			memcpy(header, tip, 32);
			memcpy(header + 32, body, 32);
			for (uint64_t nonce = 0;; nonce++) {
				memcpy(header + 64, &nonce, 8);
				hash(header, sizeof header, h);
				if ((h[0] >> 26) == 0)
					break;
			}
			memcpy(tip, h, sizeof tip);
			memcpy(block, tip, 32);
			sum += (uint64_t)tip[0] << 32 | tip[7];
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "blockchain", "no options", setup, run, NULL };
