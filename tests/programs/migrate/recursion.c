/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deep stacks, jump buffers and pointers into the stack, in several threads: all must mean the same elsewhere.
 *     recursion ROUNDS      prints "beat" lines and at the end "result HEX"
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH   3000
#define THREADS 3

struct link { const struct link *outer; uint64_t value; char pad[64]; };

static long rounds;

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 1099511628211u;
}

/* Reads back through the chain of frames on the way out. */
__attribute__((noinline))
static uint64_t descend(const struct link *outer, unsigned depth, uint64_t hash, jmp_buf *way_out)
{
	struct link here = { .outer = outer, .value = mix(hash, depth) };
	uint64_t result;

	memset(here.pad, (int)(here.value & 255), sizeof here.pad);
	if (depth == 0) {
		if (hash & 1)
			longjmp(*way_out, 1);
		result = hash;
	} else {
		result = descend(&here, depth - 1, here.value, way_out);
	}
	for (unsigned i = 0; i < sizeof here.pad; i++)
		if ((uint8_t)here.pad[i] != (here.value & 255))
			abort();
	return mix(result, outer ? outer->value : 0);
}

static void *run(void *argument)
{
	uint64_t *result = argument;

	for (long i = 0; i < rounds; i++) {
		volatile uint64_t hash = mix(*result, (uint64_t)i);
		jmp_buf way_out;

		if (setjmp(way_out) == 0)
			hash = descend(NULL, DEPTH, hash, &way_out);
		else
			hash = mix(hash, 77);
		*result = hash;
		if (i % 200 == 0)
			printf("beat %ld\n", i);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_attr_t deep;
	pthread_t threads[THREADS];
	uint64_t results[THREADS], hash = 0;

	rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_attr_init(&deep);
	pthread_attr_setstacksize(&deep, 4 << 20);
	printf("ready\n");
	for (int i = 0; i < THREADS; i++) {
		results[i] = (uint64_t)i + 1;
		pthread_create(&threads[i], &deep, run, &results[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		hash = mix(hash, results[i]);
	}
	printf("result %016llx\n", (unsigned long long)hash);
	return 0;
}
