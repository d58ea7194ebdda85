/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of user space in the guest that bench/alternatives migrates with QEMU: the microbenchmark's array, and a beat on the
 * console for every tick, so that the host sees what a user of the guest would.
 *
 *   init size=BYTES rate=N        from the kernel's command line; a tick writes 64 pages, N ticks a second
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

int main(int argc, char **argv)
{
	uint64_t size = 64u << 20, rate = 200, state = 1;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "size=", 5) == 0)
			size = strtoull(argv[i] + 5, NULL, 10);
		else if (strncmp(argv[i], "rate=", 5) == 0)
			rate = strtoull(argv[i] + 5, NULL, 10);
	}
	uint64_t words = size / 8, *array = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (array == MAP_FAILED || rate < 1) {
		printf("guest: no memory\n");
		pause();
	}
	for (uint64_t i = 0; i < words; i++)
		array[i] = mix(i);
	printf("ready\n");
	fflush(stdout);
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		for (int k = 0; k < 64; k++) {
			state = mix(state);
			array[state % words] += state | 1;
		}
		if (write(1, ".", 1) != 1)
			return 1;
		next.tv_nsec += (long)(1000000000u / rate);
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
