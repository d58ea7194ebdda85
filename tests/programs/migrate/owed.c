/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that throw memory away, map it anew, move it and write it, so fast that they do it to pages that post-copy still
 * owes, and to such as are just coming in. What they did not touch stays as it was. TERM ends it.
 *
 *     owed MEGABYTES THREADS       prints "beat N" ten times a second
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, RUN_MAX = 600 };   /* above 64 pages memory is given back rather than zeroed, which takes longer */

struct part {
	uint8_t *base, *want;          /* want: first byte of each page */
	size_t pages;
	uint64_t state;
	unsigned wrong;
	pthread_t thread;
};

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static uint64_t next(struct part *p)
{
	p->state ^= p->state << 13;
	p->state ^= p->state >> 7;
	p->state ^= p->state << 17;
	return p->state >> 11;
}

static void *map(void *at, size_t size)
{
	return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
}

static void expect(struct part *p, bool right, const char *what)
{
	if (!right && p->wrong++ < 10)
		printf("wrong: %s\n", what);
}

/* While there is a hole that one thread is about to fill by its address, no other may be given it. */
static pthread_mutex_t holes = PTHREAD_MUTEX_INITIALIZER;

/* Pages from `first` on hold `value` from now on. */
static void disturb(struct part *p, size_t first, size_t count, unsigned what)
{
	uint8_t *at = p->base + first * PAGE, *other;
	size_t size = count * PAGE;
	uint8_t value = 0;

	switch (what) {
	case 0:
		expect(p, madvise(at, size, MADV_DONTNEED) == 0, "madvise");
		break;
	case 1:
		pthread_mutex_lock(&holes);
		expect(p, munmap(at, size) == 0 && map(at, size) == at, "munmap and mmap");
		pthread_mutex_unlock(&holes);
		break;
	case 2:
		expect(p, map(at, size) == at, "mmap over it");
		break;
	case 3:
		pthread_mutex_lock(&holes);
		other = map(NULL, size);
		pthread_mutex_unlock(&holes);
		for (size_t i = 0; i < count; i++)
			other[i * PAGE] = 9;
		expect(p, mremap(other, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at, "mremap over it");
		value = 9;
		break;
	case 4:
		pthread_mutex_lock(&holes);
		other = mremap(at, size, size + PAGE, MREMAP_MAYMOVE);
		if (other == MAP_FAILED)   /* Linux: it was mapped in pieces */
			other = at;
		if (other != at)
			for (size_t i = 0; i < count; i++)
				expect(p, other[i * PAGE] == p->want[first + i], "moved pages");
		if (other != at)
			munmap(other, size + PAGE);
		expect(p, map(at, size) == at, "mmap behind it");
		pthread_mutex_unlock(&holes);
		break;
	default:
		value = (uint8_t)next(p);
		for (size_t i = 0; i < count; i++)
			at[i * PAGE] = value;
	}
	memset(p->want + first, value, count);
	if (what < 3)                  /* used again at once: accepted, and soon given back once more */
		for (size_t i = 0; i < count; i += 1 + next(p) % 3)
			at[i * PAGE] = p->want[first + i] = (uint8_t)i;
}

static void *work(void *argument)
{
	struct part *p = argument;

	while (!stop) {
		size_t first = next(p) % p->pages, count = 1 + next(p) % (next(p) % 2 ? RUN_MAX : 8), look = next(p) % p->pages;

		if (count > p->pages - first)
			count = p->pages - first;
		disturb(p, first, count, next(p) % 6);
		expect(p, p->base[look * PAGE] == p->want[look], "a page that was left alone");
	}
	for (size_t i = 0; i < p->pages; i++)
		expect(p, p->base[i * PAGE] == p->want[i], "a page at the end");
	return NULL;
}

/* One page more than is worked with: mremap may grow into nothing of ours. */
static void begin(struct part *p, size_t pages, uint64_t seed)
{
	*p = (struct part) { .base = map(NULL, (pages + 1) * PAGE), .want = calloc(pages, 1), .pages = pages, .state = seed };
	if (p->base == MAP_FAILED || !p->want)
		exit(1);
	p->base[pages * PAGE] = 1;
	for (size_t i = 0; i < pages; i++)
		memset(p->base + i * PAGE, p->want[i] = (uint8_t)(1 + i % 200), PAGE);
	if (pthread_create(&p->thread, NULL, work, p) != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 64, threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 4;
	struct sigaction action = { .sa_handler = on_term };
	struct part *parts = calloc(threads, sizeof *parts);
	unsigned wrong = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	for (size_t i = 0; i < threads; i++)
		begin(&parts[i], megabytes * ((1u << 20) / PAGE) / threads, 88172645463325252u + i * 977);
	for (unsigned n = 1; !stop; n++) {
		printf("beat %u\n", n);
		usleep(100000);
	}
	for (size_t i = 0; i < threads; i++) {
		pthread_join(parts[i].thread, NULL);
		wrong += parts[i].wrong;
	}
	printf("%s\n", wrong ? "broken" : "intact");
	return wrong != 0;
}
