/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The round test: see stop_test.h. Each round is timed from the request until the last thread has been seen to have passed
 * a safepoint; asking costs a microsecond or two per look, so that is the resolution.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "internal.h"
#include "stop_test.h"
#include "util.h"

#define ROUND_LIMIT_NS 10000000000u
#define SPIN_NS 20000
enum { TIMES_MAX = 1 << 16 };

static struct round_test {
	struct host_enclave *enclave;
	uint64_t period_ns;
	uint32_t slot;
	uint64_t rounds;
	uint32_t took_ns[TIMES_MAX];           /* of the first rounds */
} test;

static int round_once(void)
{
	const struct timespec pause = { 0, SPIN_NS };
	uint64_t epoch, done = 0, begin, took;
	int error = host_stop_call(test.enclave, test.slot, OM_ROUND_BEGIN, 0, &epoch);

	begin = host_monotonic_ns();
	while (!error && !done) {
		error = host_stop_call(test.enclave, test.slot, OM_ROUND_POLL, epoch, &done);
		/* As the engine does: a thread that was preempted needs the core. */
		if (!done && host_monotonic_ns() - begin > SPIN_NS)
			nanosleep(&pause, NULL);
		if (host_monotonic_ns() - begin > ROUND_LIMIT_NS)
			return host_fail(OM_ETIMEDOUT, "a thread does not come to a safepoint");
	}
	took = host_monotonic_ns() - begin;
	if (!error && test.rounds < TIMES_MAX)
		test.took_ns[test.rounds++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
	return error;
}

static void *round_loop(void *unused)
{
	struct timespec pause = { (time_t)(test.period_ns / 1000000000u), (long)(test.period_ns % 1000000000u) };
	int error = host_thread_attach(test.enclave);

	(void)unused;
	while (!error) {
		nanosleep(&pause, NULL);
		error = round_once();
	}
	host_error_cure(error, "round test");
	host_exit(HOST_EXIT_FAILED, 0);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(uint64_t percent)
{
	return test.rounds ? test.took_ns[(test.rounds - 1) * percent / 100] / 1e3 : 0;
}

static void summary(void *unused)
{
	const char *path = getenv("OPTMIG_ROUND_TEST_JSON");
	FILE *f = path && *path ? fopen(path, "w") : NULL;

	(void)unused;
	qsort(test.took_ns, test.rounds, sizeof *test.took_ns, compare);
	host_note("round test: %llu rounds, to the safepoint %.1f us (median), %.1f us (99 %%), %.1f us at most",
		(unsigned long long)test.rounds, percentile_us(50), percentile_us(99), percentile_us(100));
	if (!f)
		return;
	fprintf(f, "{\"rounds\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n", (unsigned long long)test.rounds,
		percentile_us(50), percentile_us(99), percentile_us(100));
	fclose(f);
}

int host_round_test_start(struct host_enclave *enclave, uint32_t per_second)
{
	pthread_t thread;
	int error;

	test.enclave = enclave;
	test.period_ns = 1000000000u / per_second;
	error = host_slot_acquire(enclave, OM_TBUF_SIZE_MIN, &test.slot);
	if (error)
		return error;
	host_at_exit(summary, NULL);
	error = pthread_create(&thread, NULL, round_loop, NULL);
	if (error)
		return host_fail(OM_ENOMEM, "round test: %s", strerror(error));
	pthread_detach(thread);
	return 0;
}
