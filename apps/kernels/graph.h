/* SPDX-License-Identifier: Apache-2.0 */
/* A random graph in compressed sparse rows: 16 edges a vertex, skewed so that some vertices are popular. */
#ifndef KERNELS_GRAPH_H
#define KERNELS_GRAPH_H
#include "bench.h"

#define DEGREE 16
static uint32_t *edges;
static uint64_t vertices;

static inline void graph_make(uint64_t bytes)
{
	vertices = bytes / (DEGREE * sizeof *edges + 16);
	edges = bench_alloc(vertices * DEGREE * sizeof *edges);
	for (uint64_t i = 0; i < vertices * DEGREE; i++) {
		uint64_t x = mix(i);
		edges[i] = (uint32_t)(x % 4 ? (x >> 8) % vertices : (x >> 8) % (vertices / 16 + 1));
	}
}
#endif
