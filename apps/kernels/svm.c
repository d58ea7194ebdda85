/* SPDX-License-Identifier: Apache-2.0 */
/* Linear support vector machine: stochastic sub-gradient descent over dense rows of 256 floats, one model per thread,
 * with margins written back beside the rows. A tick is 16 rows. */
#include <string.h>
#include "bench.h"

#define FEATURES 255
struct sample { float margin, x[FEATURES]; };
static struct sample *samples;
static uint64_t sample_count;

static void setup(struct bench *b)
{
	sample_count = b->size_bytes / sizeof *samples;
	samples = bench_alloc(sample_count * sizeof *samples);
	for (uint64_t i = 0; i < sample_count; i++)
		for (int f = 0; f < FEATURES; f++)
			samples[i].x[f] = (float)(int32_t)(mix(i * FEATURES + (uint64_t)f) >> 40) * 0x1p-24f - 0.5f;
}

static void run(struct bench *b, int thread)
{
	uint64_t share = sample_count / (uint64_t)b->threads, first = share * (uint64_t)thread, sum = 0, step = 1;
	uint64_t work = b->work ? b->work : share / 16 + 1, state = mix(9 + (uint64_t)thread);
	float weights[FEATURES] = { 0 };
	do {
		for (uint64_t n = 0; n < work; n++) {
			for (int k = 0; k < 16; k++, step++) {
				struct sample *s = &samples[first + next_random(&state) % share];
				float label = s->x[0] + s->x[1] * s->x[2] > 0 ? 1.0f : -1.0f, dot = 0, rate = 1.0f / (float)(1 + step / 64);
				for (int f = 0; f < FEATURES; f++)
					dot += weights[f] * s->x[f];
				s->margin = label * dot;
				for (int f = 0; f < FEATURES; f++)
					weights[f] = weights[f] * (1 - rate * 0.01f) + (s->margin < 1 ? rate * label * s->x[f] : 0);
			}
			bench_tick(b, thread);
		}
	} while (bench_again(b, thread));
	for (int f = 0; f < FEATURES; f++) {
		uint32_t bits;
		memcpy(&bits, &weights[f], 4);
		sum += mix(bits + (uint64_t)f);
	}
	for (uint64_t i = 0; i < share; i++) {
		uint32_t bits;
		memcpy(&bits, &samples[first + i].margin, 4);
		sum += bits * (i | 1);
	}
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "svm", "no options", setup, run, NULL };
