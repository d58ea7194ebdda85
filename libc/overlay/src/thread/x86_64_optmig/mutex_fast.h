/* SPDX-License-Identifier: Apache-2.0 */
/* What the shorter ways of pthread_mutex_lock and _unlock share. They are for private mutexes, normal or recursive, without
 * waiters; everything else goes musl's way. */
#ifndef OPTMIG_MUTEX_FAST_H
#define OPTMIG_MUTEX_FAST_H

#include "pthread_impl.h"

/* A program of one thread needs no locked instruction: nobody else can begin while this thread is in here. */
static inline int fast_cas(volatile int *p, int expected, int value)
{
	int old;

	if (libc.threads_minus_1)
		return a_cas(p, expected, value);
	old = *p;
	if (old == expected)
		*p = value;
	return old;
}

#endif
