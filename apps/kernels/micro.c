/* SPDX-License-Identifier: Apache-2.0 */
/* The microbenchmark: one large array of incompressible data, read and written at a settable rate and locality.
 * A tick is 64 accesses of 8 bytes to different pages. Additions commute, so the result is independent of timing. */
#include <math.h>
#include "bench.h"

static _Atomic uint64_t *array;
static uint64_t words;
enum { UNIFORM, HOT, ZIPF };

static void setup(struct bench *b)
{
	words = b->size_bytes / 8;
	array = bench_alloc(b->size_bytes);
	for (uint64_t i = 0; i < words; i++)
		atomic_store_explicit(&array[i], mix(i), memory_order_relaxed);
}

static void run(struct bench *b, int thread)
{
	uint64_t locality = bench_option(b, "locality", UNIFORM), reads = bench_option(b, "reads", 0);
	uint64_t state = mix((uint64_t)thread + 1), sum = 0, work = b->work ? b->work : words / 512 / 64 + 1, hot = words / 10 + 1;
	do {
		for (uint64_t n = 0; n < work; n++) {
			for (int k = 0; k < 64; k++) {
				uint64_t x = next_random(&state), i;
				if (locality == HOT) /* 90 % of the accesses go to 10 % of the array */
					i = x % 10 ? (x >> 8) % hot : (x >> 8) % words;
				else if (locality == ZIPF) /* density about 1 / rank */
					i = (uint64_t)(exp2((double)(x >> 11) * 0x1p-53 * log2((double)words)) - 1) % words;
				else
					i = (x >> 8) % words;
				if (x >> 32 & 127 && reads > (x >> 40) % 100)
					sum += atomic_load_explicit(&array[i], memory_order_relaxed) & 0;
				else
					atomic_fetch_add_explicit(&array[i], x | 1, memory_order_relaxed);
			}
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	atomic_fetch_add(&b->result, sum);
}

static uint64_t result(struct bench *b)
{
	uint64_t sum = atomic_load(&b->result);
	for (uint64_t i = 0; i < words; i++)
		sum += mix(i ^ atomic_load_explicit(&array[i], memory_order_relaxed));
	return sum;
}

const struct kernel kernel = { "micro", "options: locality=0|1|2 (uniform, hot set, Zipf), reads=PERCENT", setup, run, result };
