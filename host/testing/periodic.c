/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>
#include <time.h>
#include "load/internal.h"
#include "periodic.h"
#include "util.h"

static void *loop(void *argument)
{
	struct testing_periodic *test = argument;
	struct timespec pause = { (time_t)(test->period_ns / 1000000000u), (long)(test->period_ns % 1000000000u) };
	int error = host_thread_attach(test->enclave);

	while (!error) {
		error = test->once();
		nanosleep(&pause, NULL);
	}
	host_error_cure(error, test->name);
	host_exit(HOST_EXIT_FAILED, 0);
}

int testing_periodic_start(struct testing_periodic *test, struct host_enclave *enclave, uint32_t per_second)
{
	pthread_t thread;
	int error;

	test->enclave = enclave;
	test->period_ns = 1000000000u / per_second;
	error = host_slot_acquire(enclave, OM_TBUF_SIZE_MIN, &test->slot);
	if (error)
		return error;
	host_at_exit(test->summary, NULL);
	error = pthread_create(&thread, NULL, loop, test);
	if (error)
		return host_fail(OM_ENOMEM, "%s: %s", test->name, strerror(error));
	pthread_detach(thread);
	return 0;
}
