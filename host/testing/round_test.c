/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The round test: see stop_test.h. Each round is timed from the request until the last thread has been seen to have passed
 * a safepoint; asking costs a microsecond or two per look, so that is the resolution.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "load/internal.h"
#include "periodic.h"
#include "stop_test.h"
#include "util.h"

#define ROUND_LIMIT_NS 10000000000u
#define SPIN_NS 20000
enum { TIMES_MAX = 1 << 16 };

static int round_once(void);
static void summary(void *unused);
static struct testing_periodic test = { .name = "round test", .once = round_once, .summary = summary };
static struct {
	uint64_t rounds;
	uint32_t took_ns[TIMES_MAX];           /* of the first rounds */
} seen;

static int round_once(void)
{
	const struct timespec pause = { 0, SPIN_NS };
	uint64_t epoch, done = 0, begin, took;
	int error = testing_stop_call(test.enclave, test.slot, OM_ROUND_BEGIN, 0, &epoch);

	begin = host_monotonic_ns();
	while (!error && !done) {
		error = testing_stop_call(test.enclave, test.slot, OM_ROUND_POLL, epoch, &done);
		/* As the engine does: a thread that was preempted needs the core. */
		if (!done && host_monotonic_ns() - begin > SPIN_NS)
			nanosleep(&pause, NULL);
		if (host_monotonic_ns() - begin > ROUND_LIMIT_NS)
			return host_fail(OM_ETIMEDOUT, "a thread does not come to a safepoint");
	}
	took = host_monotonic_ns() - begin;
	if (!error && seen.rounds < TIMES_MAX)
		seen.took_ns[seen.rounds++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
	return error;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(uint64_t percent)
{
	return seen.rounds ? seen.took_ns[(seen.rounds - 1) * percent / 100] / 1e3 : 0;
}

static void summary(void *unused)
{
	const char *path = getenv("OPTMIG_ROUND_TEST_JSON");
	FILE *f = path && *path ? fopen(path, "w") : NULL;

	(void)unused;
	qsort(seen.took_ns, seen.rounds, sizeof *seen.took_ns, compare);
	host_note("round test: %llu rounds, to the safepoint %.1f us (median), %.1f us (99 %%), %.1f us at most",
		(unsigned long long)seen.rounds, percentile_us(50), percentile_us(99), percentile_us(100));
	if (!f)
		return;
	fprintf(f, "{\"rounds\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n", (unsigned long long)seen.rounds,
		percentile_us(50), percentile_us(99), percentile_us(100));
	fclose(f);
}

int testing_rounds_start(struct host_enclave *enclave, uint32_t per_second)
{
	return testing_periodic_start(&test, enclave, per_second);
}
