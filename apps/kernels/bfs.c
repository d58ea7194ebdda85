/* SPDX-License-Identifier: Apache-2.0 */
/* Breadth-first searches from many roots, one at a time per thread; distances are kept per thread. A tick is 256 vertices. */
#include <string.h>
#include "graph.h"

static uint16_t *distance;
static uint32_t *queue;

static void setup(struct bench *b)
{
	graph_make(b->size_bytes);
	distance = bench_alloc(vertices * 2 * (uint64_t)b->threads);
	queue = bench_alloc(vertices * 4 * (uint64_t)b->threads);
}

static void run(struct bench *b, int thread)
{
	uint16_t *d = distance + vertices * (uint64_t)thread;
	uint32_t *q = queue + vertices * (uint64_t)thread;
	uint64_t sum = 0, work = b->work ? b->work : 2, root = 0;
	do {
		for (uint64_t n = 0; n < work; n++) {
			uint64_t head = 0, tail = 0;
			memset(d, 0xff, vertices * sizeof *d);
			q[tail++] = (uint32_t)(mix(++root * 64 + (uint64_t)thread) % vertices);
			d[q[0]] = 0;
			while (head < tail) {
				uint32_t v = q[head++];
				for (uint64_t e = (uint64_t)v * DEGREE; e < ((uint64_t)v + 1) * DEGREE; e++)
					if (d[edges[e]] == 0xffff) {
						d[edges[e]] = (uint16_t)(d[v] + 1);
						q[tail++] = edges[e];
					}
				if (head % 256 == 0)
					bench_tick(b, thread);
			}
			for (uint64_t v = 0; v < vertices; v++)
				sum += d[v] * (v | 1);
		}
	} while (bench_again(b, thread));
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "bfs", "no options; --work is the number of searches per thread", setup, run, NULL };
