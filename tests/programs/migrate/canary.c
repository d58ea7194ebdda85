/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory full of a secret: every page of MEGABYTES holds words that follow from SEED, which nobody can tell who does not
 * know both. A thread reads and rewrites it all the time. Prints "beat N"; TERM ends it, with 0 if all words are there.
 *
 *     canary SEED MEGABYTES
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	size_t words = (argc > 2 ? strtoul(argv[2], NULL, 0) : 8) << 17, wrong = 0;
	uint64_t *memory = malloc(words * sizeof *memory);

	if (!memory)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, on_term);
	/* Four different words, again and again: any 32 bytes of it are a finding. */
	for (size_t i = 0; i < words; i++)
		memory[i] = mix(seed + i % 4);
	puts("ready");
	for (unsigned beat = 1; !stop; beat++) {
		for (size_t i = beat % 512; i < words; i += 512)
			memory[i] = mix(seed + i % 4);
		printf("beat %u\n", beat);
		usleep(20000);
	}
	for (size_t i = 0; i < words; i++)
		wrong += memory[i] != mix(seed + i % 4);
	printf("%zu of %zu words wrong\n", wrong, words);
	return wrong != 0;
}
