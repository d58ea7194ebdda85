/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing but stores, the worst that can happen to marks: writes fill|random THREADS PASSES [BYTES].
 *   fill     ascending 8-byte stores, what a vectoriser makes of them
 *   random   8-byte stores to random places
 * Prints the seconds of all passes, without the first touch of the memory.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t words_each;
static int random_places, passes;
static pthread_barrier_t barrier;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

__attribute__((noinline)) static void fill(uint64_t *a, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		a[i] = i * seed;
}

__attribute__((noinline)) static void scatter(uint64_t *a, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		a[(seed >> 33) % n] = seed;
	}
}

static void *work(void *part)
{
	uint64_t *a = part;

	pthread_barrier_wait(&barrier);
	for (int i = 1; i <= passes; i++)
		(random_places ? scatter : fill)(a, words_each, (uint64_t)i * 2 + 1);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
	size_t bytes = argc > 4 ? strtoul(argv[4], NULL, 10) : (size_t)64 << 20;
	pthread_t thread[8];
	uint64_t *all, sum = 0;
	double start;

	if (argc < 4 || threads < 1 || threads > 8)
		return 2;
	random_places = strcmp(argv[1], "random") == 0;
	passes = (int)strtol(argv[3], NULL, 10);
	words_each = bytes / 8 / (size_t)threads;
	all = malloc(bytes);
	if (!all)
		return 1;
	memset(all, 1, bytes);
	pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, work, all + words_each * (size_t)i);
	pthread_barrier_wait(&barrier);
	start = now();
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	start = now() - start;
	for (size_t i = 0; i < bytes / 8; i += 511)
		sum += all[i];
	printf("{\"seconds\": %.4f, \"result\": \"%016llx\"}\n", start, (unsigned long long)sum);
	return 0;
}
