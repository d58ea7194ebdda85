/* SPDX-License-Identifier: Apache-2.0 */
/* Does what its first argument says; what comes out is compared with the same program built for the host. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t got;
static void handler(int signo)
{
	got = signo;
}

/* What a parent has left ignored and blocked; not 32 to 34, which C libraries keep to themselves. */
static void dispositions(void)
{
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int signo = 1; signo < 65; signo++) {
		struct sigaction action;

		if ((signo >= 32 && signo <= 34) || sigaction(signo, NULL, &action))
			continue;
		printf("%d:%s%s ", signo, action.sa_handler == SIG_IGN ? "ignored" : "default", sigismember(&blocked, signo) ? ",blocked" : "");
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	char line[256];

	if (strcmp(what, "arguments") == 0) {
		for (int i = 0; i < argc; i++)
			printf("%d: \"%s\"\n", i, argv[i]);
	} else if (strcmp(what, "environment") == 0) {
		for (char **e = environ; *e; e++)
			if (strncmp(*e, "OPTMIG_", 7) != 0 && strncmp(*e, "_=", 2) != 0)
				puts(*e);
	} else if (strcmp(what, "streams") == 0) {
		while (fgets(line, sizeof line, stdin))
			fprintf(strlen(line) & 1 ? stderr : stdout, "<%s", line);
		printf("%d%d%d %s\n", isatty(0), isatty(1), isatty(2), getcwd(line, sizeof line) ? line : "nowhere");
	} else if (strcmp(what, "exit") == 0) {
		exit(atoi(argv[2]));
	} else if (strcmp(what, "abort") == 0) {
		abort();
	} else if (strcmp(what, "raise") == 0) {
		raise(atoi(argv[2]));
	} else if (strcmp(what, "crash") == 0) {
		*(volatile char *)8 = 1;
	} else if (strcmp(what, "closed") == 0) {
		printf("%d\n", fcntl(0, F_GETFD) < 0);
	} else if (strcmp(what, "pipe") == 0) {
		signal(SIGPIPE, SIG_DFL);
		for (int i = 0; i < 100000; i++)
			puts("a line that nobody reads");
	} else if (strcmp(what, "queue") == 0) {
		siginfo_t info;
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, 40);
		sigprocmask(SIG_BLOCK, &set, NULL);
		puts("ready");
		fflush(stdout);
		for (int i = 0; i < 100; i++) {
			sigwaitinfo(&set, &info);
			printf("%d %d %d %d\n", info.si_signo, info.si_code, info.si_pid == getppid(), info.si_value.sival_int);
		}
	} else if (strcmp(what, "handler") == 0) {
		signal(SIGTERM, handler);
		puts("ready");
		fflush(stdout);
		while (!got)
			pause();
		printf("signal %d\n", (int)got);
	} else if (strcmp(what, "inherited") == 0) {
		dispositions();
		puts("ready");
		fflush(stdout);
		(void)!read(0, &(char){ 0 }, 1);       /* a HUP has come meanwhile, and was ignored */
		signal(SIGHUP, handler);
		puts("ready");
		fflush(stdout);
		while (!got)
			pause();
		printf("signal %d\n", (int)got);
	} else if (strcmp(what, "wait") == 0) {
		puts("ready");
		fflush(stdout);
		for (;;)
			pause();
	} else {
		return 2;
	}
	return 0;
}
