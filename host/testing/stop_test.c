/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stop test: what a migration does to the threads, without the migration. Says at the end how often the program
 * was stopped and how long parking its threads took; a test that asks for it can check that the program really was
 * stopped.
 */
#include <time.h>
#include "load/internal.h"
#include "periodic.h"
#include "stop_test.h"
#include "testing.h"
#include "util.h"

#define STOP_LIMIT_NS 10000000000u

static int stop_once(void);
static void summary(void *unused);
static struct testing_periodic test = { .name = "stop test", .once = stop_once, .summary = summary };
static struct { uint64_t stops, total_ns, max_ns; } seen;

int testing_stop_call(struct host_enclave *enclave, uint32_t slot, enum om_stop_op op, uint64_t argument, uint64_t *ret_value)
{
	struct om_tbuf *tbuf = host_slot_tbuf(enclave, slot);
	int error = host_ecall(enclave, slot, OM_ECALL_STOP, op, argument);

	if (error)
		return error;
	if ((int)tbuf->ret == OM_EDEBUG)
		return host_fail(OM_EDEBUG, "programs can be stopped for a test only if they are built with -Xoptmig debug=1");
	if (tbuf->ret)
		return host_fail((int)tbuf->ret, "stop operation %d failed", (int)op);
	if (ret_value)
		*ret_value = tbuf->arg[0];
	return 0;
}

static int call(enum om_stop_op op, uint64_t *ret_running)
{
	return testing_stop_call(test.enclave, test.slot, op, 0, ret_running);
}

static int stop_once(void)
{
	const struct timespec pause = { 0, 20000 };
	uint64_t begin = host_monotonic_ns(), running = 1, took;
	int error = call(OM_STOP_BEGIN, NULL);

	while (!error && running > 0) {
		error = call(OM_STOP_POLL, &running);
		if (host_monotonic_ns() - begin > STOP_LIMIT_NS)
			return host_fail(OM_ETIMEDOUT, "%llu threads do not stop", (unsigned long long)running);
		if (running > 0)
			nanosleep(&pause, NULL);
	}
	if (error)
		return error;
	took = host_monotonic_ns() - begin;
	seen.stops++;
	seen.total_ns += took;
	if (took > seen.max_ns)
		seen.max_ns = took;
	testing_oracle(test.enclave, "stopped", NULL);
	return call(OM_STOP_RESUME, NULL);
}

static void summary(void *unused)
{
	(void)unused;
	host_note("stop test: %llu stops, %.1f us on average, %.1f us at most", (unsigned long long)seen.stops,
		seen.stops ? (double)seen.total_ns / (double)seen.stops / 1e3 : 0.0, (double)seen.max_ns / 1e3);
}

int testing_stops_start(struct host_enclave *enclave, uint32_t per_second)
{
	return testing_periodic_start(&test, enclave, per_second);
}
