/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four threads for a debugger: one waits in a host call (read), one for another thread (a futex, which is a host call too), one computes, and
 * the main thread comes through breakpoint_here() again and again. "beat N" tells that it runs.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct pair { int first; const char *second; };
struct pair global = { 17, "text of the program" };
static int pipe_ends[2];
static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long turns;
static volatile unsigned round_number;

__attribute__((noinline, optnone)) static int wait_in_read(int where)
{
	char byte;
	long got = read(pipe_ends[0], &byte, 1);

	return where + (int)got;
}

static void *reader(void *argument)
{
	int secret = 4711;

	(void)argument;
	return wait_in_read(secret) ? NULL : argument;
}

__attribute__((noinline)) static void wait_for_mutex(void)
{
	pthread_mutex_lock(&taken);
	pthread_mutex_unlock(&taken);
}

static void *locker(void *argument)
{
	wait_for_mutex();
	return argument;
}

__attribute__((noinline)) static void compute(volatile unsigned long *to)
{
	for (;;)
		++*to;
}

static void *computer(void *argument)
{
	compute(&turns);
	return argument;
}

__attribute__((noinline, optnone)) static unsigned breakpoint_here(unsigned number, struct pair *pair)
{
	pair->first += (int)number;
	round_number = number;
	return round_number;
}

int main(void)
{
	const struct timespec pause = { 0, 50000000 };
	pthread_t threads[3];

	if (pipe(pipe_ends))
		return 1;
	pthread_mutex_lock(&taken);
	pthread_create(&threads[0], NULL, reader, NULL);
	pthread_create(&threads[1], NULL, locker, NULL);
	pthread_create(&threads[2], NULL, computer, NULL);
	for (unsigned i = 1;; i++) {
		printf("beat %u\n", breakpoint_here(i, &global));
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
}
