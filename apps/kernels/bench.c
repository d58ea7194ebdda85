/* SPDX-License-Identifier: Apache-2.0 */
/* See bench.h. Ticks go to per-thread records, so that counting does not make the threads share a cache line.
 * The clock is REALTIME: MONOTONIC stands still while a program is between two hosts, which would hide the very gap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include "bench.h"

#define THREADS_MAX 64
#define BIN_NS 10000000u
#define BINS 60000u

struct tick_record {
	uint64_t count, last_ns, longest_ns, longest_at_ns, next_ns;
	uint32_t *bins, *gaps_us;     /* ticks in each bin; the longest gap that began in it */
	char pad[64];
};

static struct tick_record records[THREADS_MAX];
static uint64_t start_ns;
static atomic_bool over;
static struct { struct bench *b; int thread; } arguments[THREADS_MAX];

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note_gap(struct tick_record *r, uint64_t gap)
{
	uint64_t bin = (r->last_ns - start_ns) / BIN_NS, us = gap / 1000;
	if (gap > r->longest_ns) {
		r->longest_ns = gap;
		r->longest_at_ns = r->last_ns - start_ns;
	}
	if (bin < BINS && us > r->gaps_us[bin])
		r->gaps_us[bin] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void bench_tick(struct bench *b, int thread)
{
	struct tick_record *r = &records[thread];
	uint64_t now = now_ns(), gap = now > r->last_ns ? now - r->last_ns : 0; /* two hosts' clocks may differ a little */
	note_gap(r, gap);
	r->count++;
	uint64_t bin = (now - start_ns) / BIN_NS;
	if (bin < BINS)
		r->bins[bin]++;
	if (b->rate) {
		r->next_ns += 1000000000u / b->rate;
		if (r->next_ns + 100000000u < now) /* far behind: do not try to catch up */
			r->next_ns = now;
		if (r->next_ns > now) {
			struct timespec t = { (time_t)(r->next_ns / 1000000000u), (long)(r->next_ns % 1000000000u) };
			while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == EINTR)
				;
			now = r->next_ns; /* woken late is a gap, too */
		}
	}
	r->last_ns = now;
}

bool bench_again(struct bench *b, int thread)
{
	if (b->seconds <= 0)
		return false;
	if (thread == 0)
		atomic_store(&over, (double)(now_ns() - start_ns) * 1e-9 >= b->seconds);
	pthread_barrier_wait(&b->barrier);
	bool again = !atomic_load(&over);
	pthread_barrier_wait(&b->barrier);
	return again;
}

uint64_t bench_option(const struct bench *b, const char *name, uint64_t otherwise)
{
	size_t n = strlen(name);
	for (int i = 0; i < b->argc; i++)
		if (strncmp(b->argv[i], name, n) == 0 && b->argv[i][n] == '=')
			return strtoull(b->argv[i] + n + 1, NULL, 0);
	return otherwise;
}

void *bench_alloc(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "%s: cannot allocate %llu bytes: %s; give --size or a larger heap\n", kernel.name,
			(unsigned long long)bytes, strerror(errno));
		exit(1);
	}
	return p;
}

static uint64_t parse_size(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);
	switch (*end) {
	case 'K': case 'k': return n << 10;
	case 'M': case 'm': return n << 20;
	case 'G': case 'g': return n << 30;
	default: return n;
	}
}

static void *thread_main(void *argument)
{
	struct bench *b = arguments[(intptr_t)argument].b;
	int thread = (int)(intptr_t)argument;
	pthread_barrier_wait(&b->barrier);
	records[thread].last_ns = records[thread].next_ns = now_ns();
	kernel.run(b, thread);
	return NULL;
}

static void usage(void)
{
	fprintf(stderr, "usage: %s [--size BYTES] [--threads N] [--work N] [--seconds S] [--rate N] [--json] [--timeline FILE]"
		" [NAME=VALUE...]\n%s\n", kernel.name, kernel.help);
	exit(2);
}

/* Seconds of service missing: against the median rate of the 10 ms bins, over the whole run. */
static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double service_lost(const uint32_t *bins, size_t count)
{
	uint32_t *sorted = malloc(count * sizeof *sorted);
	double lost = 0;
	if (!sorted || count < 10) {
		free(sorted);
		return 0;
	}
	memcpy(sorted, bins, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_u32);
	double median = sorted[count / 2];
	for (size_t i = 0; i < count && median > 0; i++)
		if (bins[i] < median)
			lost += (median - bins[i]) / median * (BIN_NS * 1e-9);
	free(sorted);
	return lost;
}

int main(int argc, char **argv)
{
	struct bench b = { .size_bytes = 64u << 20, .threads = 1 };
	const char *timeline = NULL;
	bool json = false;
	int i;
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *name = argv[i];
		if (strcmp(name, "--json") == 0) {
			json = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		const char *value = argv[++i];
		if (strcmp(name, "--size") == 0)
			b.size_bytes = parse_size(value);
		else if (strcmp(name, "--threads") == 0)
			b.threads = (int)strtol(value, NULL, 10);
		else if (strcmp(name, "--work") == 0)
			b.work = strtoull(value, NULL, 0);
		else if (strcmp(name, "--seconds") == 0)
			b.seconds = strtod(value, NULL);
		else if (strcmp(name, "--rate") == 0)
			b.rate = strtoull(value, NULL, 0);
		else if (strcmp(name, "--timeline") == 0)
			timeline = value;
		else
			usage();
	}
	b.argc = argc - i;
	b.argv = argv + i;
	if (b.threads < 1 || b.threads > THREADS_MAX || b.size_bytes < 1 << 16)
		usage();
	pthread_barrier_init(&b.barrier, NULL, (unsigned)b.threads);
	uint64_t setup_start = now_ns();
	kernel.setup(&b);
	double setup_s = (double)(now_ns() - setup_start) * 1e-9;
	fprintf(stderr, "%s: ready\n", kernel.name);
	pthread_t threads[THREADS_MAX];
	start_ns = now_ns();
	for (int t = 0; t < b.threads; t++) {
		records[t].bins = bench_alloc(BINS * sizeof(uint32_t));
		records[t].gaps_us = bench_alloc(BINS * sizeof(uint32_t));
		arguments[t].b = &b;
		if (pthread_create(&threads[t], NULL, thread_main, (void *)(intptr_t)t) != 0) {
			fprintf(stderr, "%s: cannot create thread %d\n", kernel.name, t);
			return 1;
		}
	}
	uint64_t ticks = 0, longest = 0, longest_at = 0;
	for (int t = 0; t < b.threads; t++) {
		pthread_join(threads[t], NULL);
		ticks += records[t].count;
		if (records[t].longest_ns > longest) {
			longest = records[t].longest_ns;
			longest_at = records[t].longest_at_ns;
		}
		for (uint32_t k = 0; t > 0 && k < BINS; k++) {
			records[0].bins[k] += records[t].bins[k];
			if (records[t].gaps_us[k] > records[0].gaps_us[k])
				records[0].gaps_us[k] = records[t].gaps_us[k];
		}
	}
	double run_s = (double)(now_ns() - start_ns) * 1e-9;
	uint64_t result = kernel.result ? kernel.result(&b) : atomic_load(&b.result);
	size_t bins = (size_t)(run_s * 1e9 / BIN_NS);
	double lost = service_lost(records[0].bins, bins < BINS ? bins : BINS);
	if (timeline) {
		FILE *f = fopen(timeline, "w");
		if (!f) {
			perror(timeline);
			return 1;
		}
		for (size_t k = 0; k < bins && k < BINS; k++)
			fprintf(f, "%.2f %u %.3f\n", (double)k * BIN_NS * 1e-9, records[0].bins[k], records[0].gaps_us[k] * 1e-3);
		fclose(f);
	}
	if (json)
		printf("{\"kernel\": \"%s\", \"result\": \"%016llx\", \"seconds\": %.3f, \"setup_seconds\": %.3f, \"ticks\": %llu, "
			"\"longest_gap_ms\": %.3f, \"gap_at_s\": %.3f, \"service_lost_s\": %.3f}\n", kernel.name, (unsigned long long)result,
			run_s, setup_s, (unsigned long long)ticks, (double)longest * 1e-6, (double)longest_at * 1e-9, lost);
	else
		printf("%s: result %016llx, %.2f s, %llu ticks, longest gap %.2f ms\n", kernel.name, (unsigned long long)result, run_s,
			(unsigned long long)ticks, (double)longest * 1e-6);
	return 0;
}
