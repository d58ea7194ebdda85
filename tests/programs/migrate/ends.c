/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that ends when it gets USR1, by a thread that is not its first one:
 *
 *     ends exit       exit(7)
 *     ends quick      _exit(7): nothing is cleaned up
 *     ends signal     USR2, sent to this thread
 *     ends fault      a fault
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY (16u << 20)       /* for a move that takes a while */

static const char *how;

static void *end(void *set)
{
	int signo;

	(void)sigwait(set, &signo);
	if (strcmp(how, "signal") == 0)
		(void)pthread_kill(pthread_self(), SIGUSR2);
	if (strcmp(how, "fault") == 0)
		*(volatile int *)8 = 1;
	if (strcmp(how, "quick") == 0)
		_exit(7);
	exit(7);
}

int main(int argc, char **argv)
{
	sigset_t set;
	pthread_t thread;
	char *memory = malloc(MEMORY);

	how = argc > 1 ? argv[1] : "exit";
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!memory || pthread_create(&thread, NULL, end, &set))
		return 1;
	memset(memory, 'm', MEMORY);
	printf("ready\n");
	for (unsigned beat = 1; memory[beat % MEMORY] == 'm'; beat++) {
		printf("beat %u\n", beat);
		usleep(100000);
	}
	return 1;
}
