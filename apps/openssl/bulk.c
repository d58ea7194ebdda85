/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's bulk cryptography over gigabytes: AES-256-GCM in place, 4 KiB records in random order, each with the tag
 * kept beside it and checked when the record is opened. A tick is one record sealed or opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include "bench.h"

#define DATA 4096

struct record {
	unsigned char data[DATA];
	unsigned char tag[16];
	uint64_t generation; /* odd: sealed */
	uint64_t pad;
};

static struct record *records;
static uint64_t record_count;
static const unsigned char key[32] = "a key for measuring, not secret";

static void need(int ok, const char *what)
{
	if (ok == 1)
		return;
	fprintf(stderr, "bulk: %s failed\n", what);
	exit(1);
}

static void setup(struct bench *b)
{
	record_count = b->size_bytes / sizeof *records;
	records = bench_alloc(record_count * sizeof *records);
	for (uint64_t i = 0; i < record_count; i++) {
		uint64_t *words = (uint64_t *)(void *)records[i].data;
		for (uint64_t k = 0; k < DATA / 8; k++)
			words[k] = mix(i * (DATA / 8) + k);
	}
}

static void turn(EVP_CIPHER_CTX *c, struct record *r, uint64_t index)
{
	unsigned char nonce[12] = { 0 };
	int n, sealing = r->generation % 2 == 0;
	uint64_t generation = r->generation / 2;

	memcpy(nonce, &index, 8);
	memcpy(nonce + 8, &generation, 4);
	need(EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, sealing), "EVP_CipherInit");
	need(EVP_CipherUpdate(c, r->data, &n, r->data, DATA), "EVP_CipherUpdate");
	if (!sealing)
		need(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, r->tag), "EVP_CTRL_AEAD_SET_TAG");
	need(EVP_CipherFinal_ex(c, r->data + n, &n), sealing ? "sealing" : "a record's authentication");
	if (sealing)
		need(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, r->tag), "EVP_CTRL_AEAD_GET_TAG");
	r->generation++;
}

static void run(struct bench *b, int thread)
{
	uint64_t share = record_count / (uint64_t)b->threads, first = share * (uint64_t)thread, state = mix(31 + (uint64_t)thread);
	uint64_t work = b->work ? b->work : share;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	need(c != NULL, "EVP_CIPHER_CTX_new");
	do {
		for (uint64_t n = 0; n < work; n++) {
			uint64_t i = first + (next_random(&state) >> 8) % share;
			turn(c, &records[i], i);
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	EVP_CIPHER_CTX_free(c);
}

static uint64_t result(struct bench *b)
{
	uint64_t sum = 0;
	(void)b;
	for (uint64_t i = 0; i < record_count; i++) {
		const uint64_t *words = (const uint64_t *)(const void *)&records[i];
		for (uint64_t k = 0; k < sizeof *records / 8; k++)
			sum += mix(words[k] ^ i) + k;
	}
	return sum;
}

const struct kernel kernel = { "bulk", "OpenSSL AES-256-GCM; no options; --work is the number of records per thread", setup, run, result };
