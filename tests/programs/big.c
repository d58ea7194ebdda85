/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of 40 KB to 1.3 MB that are allocated, written and freed again and again, by several threads: what calloc gives is zero,
 * what malloc gives is nobody else's. tests/integration/kept counts the pages that it takes.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROUNDS 60
#define THREADS 3

static int is(const unsigned char *p, unsigned char value, size_t size)
{
	for (size_t i = 0; i < size; i += 509)
		if (p[i] != value)
			return 0;
	return p[size - 1] == value;
}

static void *work(void *argument)
{
	unsigned char mine = (unsigned char)(uintptr_t)argument, *kept = NULL, *p;
	uintptr_t wrong = 0;

	for (size_t size = 40000; size <= 1280000; size *= 2)
		for (int i = 0; i < ROUNDS; i++) {
			p = i % 3 ? malloc(size) : calloc(1, size);
			wrong += !p || (i % 3 == 0 && !is(p, 0, size));
			memset(p, mine, size);
			if (i % 16 == 0) {      /* some stay a while */
				wrong += kept && !is(kept, mine, 40000);
				free(kept);
				kept = p;
				continue;
			}
			if (i % 5 == 0) {
				p = realloc(p, size + size / 2);
				wrong += !p || !is(p, mine, size);
			}
			wrong += !is(p, mine, size);
			free(p);
			p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			wrong += p == MAP_FAILED || !is(p, 0, size);
			memset(p, mine, size);
			munmap(p, size);
		}
	free(kept);
	return (void *)wrong;
}

int main(void)
{
	pthread_t thread[THREADS];
	void *wrong;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &wrong);
		printf("thread %d: %zu wrong\n", i, (size_t)wrong);
	}
	return 0;
}
