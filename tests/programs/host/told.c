/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what it is told of a SIGSEGV, and ends. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t told, code;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo; (void)context;
	code = info->si_code;
	told = 1;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < 2000 && !told; i++)
		usleep(10000);
	printf("SIGSEGV code %d\n", (int)code);
	return !told;
}
