/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harness of the kernels: options, threads, the clock, and what a program itself can see of a migration.
 *
 * A kernel defines `kernel` and works in run(), once per thread. Its result must not depend on timing, so that a run
 * that was migrated can be compared with one that was not. It calls bench_tick() often (every 10 to 200 us): the ticks
 * give throughput over time, the longest gap and the service lost.
 *
 *   --size BYTES     footprint of the data (4G, 512M)          --threads N
 *   --work N         amount of work; default depends on size   --seconds S    repeat the work until S seconds have passed
 *   --rate N         ticks per second and thread (0: as fast as possible)
 *   --json           the result as one JSON line               --timeline FILE   per 10 ms: ticks, longest gap that began there
 *   kernel options   NAME=VALUE
 */
#ifndef KERNELS_BENCH_H
#define KERNELS_BENCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct bench {
	uint64_t size_bytes, work;
	int threads;
	double seconds;
	uint64_t rate;
	int argc;             /* kernel options */
	char **argv;
	pthread_barrier_t barrier;
	_Atomic uint64_t result; /* commutative sum of what the threads contribute */
};

struct kernel {
	const char *name, *help;
	void (*setup)(struct bench *b);                 /* one thread; may be slow */
	void (*run)(struct bench *b, int thread);       /* every thread; deterministic contribution to b->result */
	uint64_t (*result)(struct bench *b);            /* optional: final value, one thread */
};

extern const struct kernel kernel;

void bench_tick(struct bench *b, int thread);
/* True while there is time left with --seconds; the same answer for all threads (uses the barrier). False without it. */
bool bench_again(struct bench *b, int thread);
uint64_t bench_option(const struct bench *b, const char *name, uint64_t otherwise);
void *bench_alloc(uint64_t bytes);

/* Numbers: splitmix64, good enough to defeat compression and locality. */
static inline uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

#endif
