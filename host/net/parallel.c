/* SPDX-License-Identifier: Apache-2.0 */
/* Threads are made for each loop. That takes some 30 us, and no idle thread is left in a program that has no use for it. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include "parallel.h"

#define THREADS_MAX 16u
#define SLICE_MIN   64u            /* as long as it takes to make a thread */

struct slice {
	pthread_t thread;
	bool begun;
	net_slice_fn *fn;
	void *context;
	uint32_t first, end;
};

static void *run(void *argument)
{
	struct slice *s = argument;

	s->fn(s->context, s->first, s->end);
	return NULL;
}

unsigned net_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static uint32_t threads_for(uint32_t count)
{
	uint32_t threads = net_processors();

	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	return threads < count / SLICE_MIN ? threads : count / SLICE_MIN;
}

void net_parallel(uint32_t count, net_slice_fn *fn, void *context)
{
	struct slice slices[THREADS_MAX];
	uint32_t threads = threads_for(count);
	sigset_t all, before;

	if (threads < 2) {
		fn(context, 0, count);
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);       /* signals are the program's threads' */
	for (uint32_t i = 0; i < threads; i++) {
		slices[i] = (struct slice){ .fn = fn, .context = context, .first = (uint32_t)((uint64_t)count * i / threads),
			.end = (uint32_t)((uint64_t)count * (i + 1) / threads) };
		slices[i].begun = i > 0 && pthread_create(&slices[i].thread, NULL, run, &slices[i]) == 0;
	}
	for (uint32_t i = 0; i < threads; i++)
		if (!slices[i].begun)
			run(&slices[i]);
	for (uint32_t i = 1; i < threads; i++)
		if (slices[i].begun)
			pthread_join(slices[i].thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
