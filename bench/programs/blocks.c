/* SPDX-License-Identifier: Apache-2.0 */
/* Microseconds of CPU time for large blocks that are allocated, written and freed again and again: one JSON line. Plain C. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SLOTS 64u

static double cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static uint32_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static void use(void *p, size_t size, int value)
{
	if (!p || p == MAP_FAILED)
		abort();
	memset(p, value, size);
	__asm__ volatile ("" : : "r"(p) : "memory");
}

static void one(size_t size, int count)
{
	for (int i = 0; i < count; i++) {
		void *p = malloc(size);
		use(p, size, i);
		free(p);
	}
}

/* Blocks of any size between the two, some of which are in use at any time. */
static void some(unsigned slots, size_t least, size_t most, int count)
{
	void *block[SLOTS] = { 0 };
	uint64_t state = 7;

	for (int i = 0; i < count; i++) {
		unsigned k = next(&state) % slots;
		size_t size = least + next(&state) % (most - least);

		free(block[k]);
		block[k] = malloc(size);
		use(block[k], size, i);
	}
	for (unsigned k = 0; k < slots; k++)
		free(block[k]);
}

static void grow(size_t most, int count)
{
	for (int i = 0; i < count; i++) {
		char *p = NULL;
		size_t size = 0;

		while (size < most) {
			size_t more = size ? size / 2 : 4096;

			p = realloc(p, size + more);
			use(p + size, more, i);
			size += more;
		}
		free(p);
	}
}

static void map(size_t size, int count)
{
	for (int i = 0; i < count; i++) {
		void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		use(p, size, i);
		munmap(p, size);
	}
}

static void *work(void *argument)
{
	some(8, 100000, 400000, 500);
	return argument;
}

static void threads(void)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, work, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

#define MEASURE(name, count, statement) do { \
	double best_ = 1e18; \
	for (int repeat_ = 0; repeat_ < 5; repeat_++) { \
		double start_ = cpu_us(), each_; \
		statement; \
		each_ = (cpu_us() - start_) / (count); \
		best_ = each_ < best_ ? each_ : best_; \
	} \
	printf("%s\"%s\": %.2f", separator, name, best_); \
	separator = ", "; \
} while (0)

int main(void)
{
	const char *separator = "{";

	MEASURE("one of 80 KB", 2000, one(80000, 2000));
	MEASURE("one of 160 KB", 2000, one(160000, 2000));
	MEASURE("one of 640 KB", 600, one(640000, 600));
	MEASURE("one of 2.5 MB", 100, one(2500000, 100));
	MEASURE("one of 10 MB", 25, one(10000000, 25));
	MEASURE("8 of 100 to 400 KB", 1000, some(8, 100000, 400000, 1000));
	MEASURE("64 of 100 to 600 KB", 1000, some(64, 100000, 600000, 1000));
	MEASURE("8 of 1 to 4 MB", 100, some(8, 1000000, 4000000, 100));
	MEASURE("8 of 100 to 400 KB in each of 4 threads", 2000, threads());
	MEASURE("realloc by halves to 4 MB", 30, grow(4000000, 30));
	MEASURE("mmap, memset, munmap of 160 KB", 500, map(163840, 500));
	MEASURE("mmap, memset, munmap of 4 MB", 40, map(4 << 20, 40));
	printf("}\n");
	return 0;
}
