/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stop test: what a migration does to the threads, without the migration. Says at the end how often the program
 * was stopped and how long parking its threads took; a test that asks for it can check that the program really was
 * stopped.
 */
#include <string.h>
#include <time.h>
#include "internal.h"
#include "oracle.h"
#include "stop_test.h"
#include "util.h"

#define STOP_LIMIT_NS 10000000000u

static struct stop_test {
	struct host_enclave *enclave;
	uint64_t period_ns;
	uint32_t slot;
	uint64_t stops, total_ns, max_ns;
} test;

int host_stop_call(struct host_enclave *enclave, uint32_t slot, enum om_stop_op op, uint64_t argument, uint64_t *ret_value)
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
	return host_stop_call(test.enclave, test.slot, op, 0, ret_running);
}

static void pause_ns(uint64_t ns)
{
	struct timespec pause = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	nanosleep(&pause, NULL);
}

static int stop_once(void)
{
	uint64_t begin = host_monotonic_ns(), running = 1, took;
	int error = call(OM_STOP_BEGIN, NULL);

	while (!error && running > 0) {
		error = call(OM_STOP_POLL, &running);
		if (host_monotonic_ns() - begin > STOP_LIMIT_NS)
			return host_fail(OM_ETIMEDOUT, "%llu threads do not stop", (unsigned long long)running);
		if (running > 0)
			pause_ns(20000);
	}
	if (error)
		return error;
	took = host_monotonic_ns() - begin;
	test.stops++;
	test.total_ns += took;
	if (took > test.max_ns)
		test.max_ns = took;
	host_oracle(test.enclave, "stopped", NULL);
	return call(OM_STOP_RESUME, NULL);
}

static void *stop_loop(void *unused)
{
	int error = host_thread_attach(test.enclave);

	(void)unused;
	while (!error) {
		pause_ns(test.period_ns);
		error = stop_once();
	}
	host_error_cure(error, "stop test");
	host_exit(HOST_EXIT_FAILED, 0);
}

static void summary(void *unused)
{
	(void)unused;
	host_note("stop test: %llu stops, %.1f us on average, %.1f us at most", (unsigned long long)test.stops,
		test.stops ? (double)test.total_ns / (double)test.stops / 1e3 : 0.0, (double)test.max_ns / 1e3);
}

int host_stop_test_start(struct host_enclave *enclave, uint32_t per_second)
{
	pthread_t thread;
	int error;

	test.enclave = enclave;
	test.period_ns = 1000000000u / per_second;
	error = host_slot_acquire(enclave, OM_TBUF_SIZE_MIN, &test.slot);
	if (error)
		return error;
	host_at_exit(summary, NULL);
	error = pthread_create(&thread, NULL, stop_loop, NULL);
	if (error)
		return host_fail(OM_ENOMEM, "stop test: %s", strerror(error));
	pthread_detach(thread);
	return 0;
}
