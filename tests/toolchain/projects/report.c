/* SPDX-License-Identifier: Apache-2.0 */
/* Says what its build system found out about the compiler and the machine that the programs run on. */
#include "config.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "sum.h"

static void *in_thread(void *arg)
{
	*(int *)arg = sum(40, 2);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int result = 0;

	if (pthread_create(&thread, NULL, in_thread, &result) || pthread_join(thread, NULL))
		return 2;
	printf("epoll %d kqueue %d strlcpy %d arc4random %d\n", HAVE_EPOLL_CREATE1, HAVE_KQUEUE, HAVE_STRLCPY, HAVE_ARC4RANDOM);
	printf("long %d big endian %d runs %d fails %d fork %d\n", SIZEOF_LONG, IS_BIG_ENDIAN, TEST_PROGRAM_RUNS, FAILING_PROGRAM_PASSES,
		HAVE_WORKING_FORK_HERE);
	printf("sum %d\n", result);
	return argc > 1 && strcmp(argv[1], "--fail") == 0;
}
