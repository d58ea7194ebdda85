/* SPDX-License-Identifier: Apache-2.0 */
/* Dies of what its argument says, a few functions deep: whose names its host has to tell. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int *nowhere = (int *)0x40;
static volatile int zero;

__attribute__((noinline)) static int innermost(const char *how)
{
	if (strcmp(how, "segv") == 0 || strcmp(how, "thread") == 0)
		*nowhere = 1;
	else if (strcmp(how, "fpe") == 0)
		zero = 7 / zero;
	else if (strcmp(how, "ill") == 0)
		__asm__ volatile ("ud2");
	else if (strcmp(how, "abort") == 0)
		abort();
	else if (strcmp(how, "wait") == 0)
		pause();
	return zero;
}

__attribute__((noinline)) static int compare(const void *a, const void *b)
{
	(void)b;
	return innermost(*(char *const *)a) - zero;
}

/* Through libc, whose frames have tables, too. */
__attribute__((noinline)) static int middle(const char *how)
{
	const char *list[2] = { how, how };

	qsort(list, 2, sizeof list[0], compare);
	return (int)strlen(list[0]) + zero;
}

__attribute__((noinline)) static int endless(int depth)
{
	volatile char room[200];

	room[depth % 200] = 1;
	return endless(depth + 1) + room[0];
}

static void *in_thread(void *how)
{
	return middle(how) ? NULL : how;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 2)
		return 2;
	printf("dying\n");
	fflush(stdout);
	if (strcmp(argv[1], "thread") == 0) {
		pthread_create(&thread, NULL, in_thread, argv[1]);
		pthread_join(thread, NULL);
	}
	if (strcmp(argv[1], "overflow") == 0)
		return endless(0);
	return middle(argv[1]) == 0;
}
