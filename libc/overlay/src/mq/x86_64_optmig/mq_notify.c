/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mq_notify. For SIGEV_THREAD a thread of ours waits for a word into which the runtime writes what has happened (trusted/rt/mqueue.c); a kernel
 * would send that through a socket. The word is the thread's to free, and nobody else's from the moment that the thread is there.
 */
#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "pthread_impl.h"
#include "syscall.h"

enum { NOTHING_YET, TOLD };             /* anything else: nobody is told any more */

struct told {
	volatile int word;
	void (*function)(union sigval);
	union sigval value;
};

static void *wait_for_it(void *argument)
{
	struct told *told = argument;
	const struct told copy = { 0, told->function, told->value };
	int what;

	while ((what = a_cas(&told->word, NOTHING_YET, NOTHING_YET)) == NOTHING_YET)
		__futexwait(&told->word, NOTHING_YET, 1);
	free(told);
	if (what == TOLD)
		copy.function(copy.value);
	return NULL;
}

static int begin(struct told *told, const struct sigevent *event)
{
	const pthread_attr_t *given = event->sigev_notify_attributes;
	pthread_attr_t attributes;
	pthread_t thread;

	if (given)
		attributes = *given;
	else
		pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	return pthread_create(&thread, &attributes, wait_for_it, told);
}

int mq_notify(mqd_t queue, const struct sigevent *event)
{
	struct sigevent word = { 0 };
	struct told *told;
	int result;

	if (!event || event->sigev_notify != SIGEV_THREAD)
		return syscall(SYS_mq_notify, queue, event);
	told = malloc(sizeof *told);
	if (!told)
		return -1;
	*told = (struct told){ NOTHING_YET, event->sigev_notify_function, event->sigev_value };
	if (begin(told, event)) {
		free(told);
		errno = EAGAIN;
		return -1;
	}
	word.sigev_notify = SIGEV_THREAD;
	word.sigev_value.sival_ptr = (void *)&told->word;
	result = __syscall(SYS_mq_notify, queue, &word);
	if (result < 0) {
		a_store(&told->word, TOLD + 1);
		__wake(&told->word, 1, 1);
	}
	return __syscall_ret(result);
}
