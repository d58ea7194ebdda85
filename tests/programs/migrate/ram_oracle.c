/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's RAM oracle: each thread walks its part of memory and increments one byte in every page, in order, for ever.
 * At any instant all bytes of a part are equal but for one step: pages before the walker are one ahead. TERM ends it:
 * the walkers stop where they are and everything is checked. The rest of each page holds a pattern that must stay.
 *
 *     ram_oracle MEGABYTES THREADS [PAUSE_US_PER_MEGABYTE]       prints "beat N passes M" ten times a second
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

struct part {
	uint8_t *base;
	size_t pages, at;       /* at: next page to be incremented */
	_Atomic uint64_t passes;
	pthread_t thread;
};

static atomic_bool stop;
static unsigned pause_us;

static void on_term(int signo)
{
	(void)signo;
	atomic_store(&stop, true);
}

static uint8_t pattern(size_t page, unsigned at)
{
	return (uint8_t)(page * 31 + at * 7 + 5);
}

static void *walk(void *argument)
{
	struct part *p = argument;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		p->base[p->at * PAGE]++;
		if (++p->at == p->pages) {
			p->at = 0;
			atomic_fetch_add(&p->passes, 1);
		}
		if (pause_us && p->at % 256 == 0)
			usleep(pause_us);
	}
	return NULL;
}

/* Returns the number of wrong bytes. */
static size_t check(const struct part *p, unsigned number)
{
	uint8_t behind = p->base[(p->pages - 1) * PAGE];
	size_t wrong = 0;

	for (size_t i = 0; i < p->pages; i++) {
		uint8_t expected = i < p->at ? (uint8_t)(behind + 1) : behind;
		const uint8_t *page = p->base + i * PAGE;

		/* The walker stands behind the last page only between two passes, when all are equal. */
		if (page[0] != expected && wrong++ < 10)
			printf("part %u page %zu: %u instead of %u (walker at %zu of %zu)\n", number, i, page[0], expected, p->at, p->pages);
		for (unsigned at = 1; at < PAGE; at += 511)
			if (page[at] != pattern(i, at) && wrong++ < 10)
				printf("part %u page %zu byte %u: pattern broken\n", number, i, at);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 16, wrong = 0;
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
	struct sigaction action = { .sa_handler = on_term };
	struct part *parts = calloc(count, sizeof *parts);
	uint64_t beats = 0, least;

	pause_us = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	for (unsigned i = 0; i < count; i++) {
		struct part *p = &parts[i];

		p->pages = megabytes * 256 / count;
		p->base = mmap(NULL, p->pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p->base == MAP_FAILED)
			return printf("no memory\n"), 1;
		for (size_t page = 0; page < p->pages; page++)
			for (unsigned at = 1; at < PAGE; at += 511)
				p->base[page * PAGE + at] = pattern(page, at);
	}
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&parts[i].thread, NULL, walk, &parts[i]))
			return printf("no thread\n"), 1;
	printf("ready\n");
	while (!atomic_load(&stop)) {
		usleep(100000);
		least = UINT64_MAX;
		for (unsigned i = 0; i < count; i++)
			if (atomic_load(&parts[i].passes) < least)
				least = atomic_load(&parts[i].passes);
		printf("beat %llu passes %llu\n", (unsigned long long)++beats, (unsigned long long)least);
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(parts[i].thread, NULL);
		wrong += check(&parts[i], i);
	}
	printf("%s %zu wrong\n", wrong ? "CORRUPT" : "intact", wrong);
	return wrong != 0;
}
