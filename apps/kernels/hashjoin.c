/* SPDX-License-Identifier: Apache-2.0 */
/* Hash join: a chained table built over R, probed by S, matches written to an output ring. A tick is 256 probes. */
#include "bench.h"

struct row { uint64_t key, payload; uint32_t next, pad; };
static struct row *rows;
static _Atomic uint32_t *heads;
static uint64_t row_count, mask, out_count;
static uint64_t *out;

static void setup(struct bench *b)
{
	row_count = b->size_bytes / 48;
	mask = 1;
	while (mask < row_count)
		mask *= 2;
	rows = bench_alloc((row_count + 1) * sizeof *rows);
	heads = bench_alloc(mask * sizeof *heads);
	out_count = b->size_bytes / 8 / 8 / (uint64_t)b->threads;
	out = bench_alloc(out_count * 8 * (uint64_t)b->threads);
	mask--;
	for (uint64_t i = 1; i <= row_count; i++) {
		uint64_t slot = mix(i / 2) & mask;
		rows[i] = (struct row){ i / 2, mix(i), heads[slot], 0 };
		heads[slot] = (uint32_t)i;
	}
}

static void run(struct bench *b, int thread)
{
	uint64_t state = mix(11 + (uint64_t)thread), sum = 0, *mine = out + out_count * (uint64_t)thread, written = 0;
	uint64_t work = b->work ? b->work : row_count / 256 / (uint64_t)b->threads + 1;
	do {
		for (uint64_t n = 0; n < work; n++) {
			for (int k = 0; k < 256; k++) {
				uint64_t key = next_random(&state) % row_count;
				for (uint32_t i = heads[mix(key) & mask]; i; i = rows[i].next)
					if (rows[i].key == key) {
						mine[written++ % out_count] = rows[i].payload ^ key;
						sum += rows[i].payload;
					}
			}
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	for (uint64_t i = 0; i < out_count; i++)
		sum += mix(mine[i] + i);
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "hashjoin", "no options", setup, run, NULL };
