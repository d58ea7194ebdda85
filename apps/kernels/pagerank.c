/* SPDX-License-Identifier: Apache-2.0 */
/* PageRank in fixed point (so that the result is exact), pulling along in-edges. A tick is 256 vertices. */
#include "graph.h"

static uint64_t *rank[2];

static void setup(struct bench *b)
{
	graph_make(b->size_bytes);
	for (int i = 0; i < 2; i++)
		rank[i] = bench_alloc(vertices * 8);
	for (uint64_t v = 0; v < vertices; v++)
		rank[0][v] = 1u << 24;
}

static void run(struct bench *b, int thread)
{
	uint64_t share = vertices / (uint64_t)b->threads, first = share * (uint64_t)thread;
	uint64_t last = thread + 1 == b->threads ? vertices : first + share, work = b->work ? b->work : 10, sum = 0;
	int now = 0;
	do {
		for (uint64_t n = 0; n < work; n++, now ^= 1) {
			for (uint64_t v = first; v < last; v++) {
				uint64_t pulled = 0;
				for (uint64_t e = v * DEGREE; e < (v + 1) * DEGREE; e++)
					pulled += rank[now][edges[e]] / DEGREE;
				rank[now ^ 1][v] = (1u << 24) * 15 / 100 + pulled * 85 / 100;
				if (v % 256 == 0)
					bench_tick(b, thread);
			}
			pthread_barrier_wait(&b->barrier);
		}
	} while (bench_again(b, thread));
	for (uint64_t v = first; v < last; v++)
		sum += mix(v) * rank[now][v];
	atomic_fetch_add(&b->result, sum);
}

const struct kernel kernel = { "pagerank", "no options; --work is the number of iterations", setup, run, NULL };
