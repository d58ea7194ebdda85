/* SPDX-License-Identifier: Apache-2.0 */
/* Spends its time in two functions, three parts to one. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

__attribute__((noinline)) static uint64_t hot_hash(uint64_t x, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u + i;
	return x;
}

__attribute__((noinline)) static uint64_t warm_sum(uint64_t x, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		x = (x + i) * 0x9e3779b97f4a7c15u ^ x >> 31;
	return x;
}

int main(void)
{
	struct timespec begin, now;
	uint64_t x = 1;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	do {
		x = hot_hash(x, 30000);
		x = warm_sum(x, 10000);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 500000000);
	printf("%llx\n", (unsigned long long)x);
	return 0;
}
