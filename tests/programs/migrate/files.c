/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: how many there may be, and those that the process was started with. What it says is judged by mig_files.
 *     files limit             raises its soft limit to the hard one and opens all it may
 *     files inherited         uses descriptors 5 (a file), 6 (a listening socket); 7 (a pipe) is used after a move only
 * SIGUSR1 starts the next part.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static sigset_t usr1;

static void moved(void)
{
	int signo;

	sigwait(&usr1, &signo);
}

static int fill(int *ret_last)
{
	int fd, count = 0;

	while ((fd = eventfd((unsigned)count, EFD_NONBLOCK)) >= 0) {
		*ret_last = fd;
		count++;
	}
	printf("opened %d: %s\n", count, errno == EMFILE ? "EMFILE" : strerror(errno));
	return count;
}

static int limit(void)
{
	struct rlimit limit;
	uint64_t value = 0;
	int count, last = -1;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	printf("limit %lu, set %d\n", (unsigned long)limit.rlim_max, setrlimit(RLIMIT_NOFILE, &limit));
	count = fill(&last);
	moved();
	printf("last %d\n", read(last, &value, 8) == 8 && value == (uint64_t)count - 1);
	for (int fd = last; fd >= last - 19; fd--)
		close(fd);
	puts("closed 20");
	moved();
	fill(&last);
	close(last);
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("limit %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
	limit.rlim_max++;
	printf("raise %d\n", setrlimit(RLIMIT_NOFILE, &limit));
	return 0;
}

static void say_read(int fd)
{
	char text[8] = "";
	ssize_t n = read(fd, text, 4);

	printf("read %d: %s\n", fd, n < 0 ? strerror(errno) : text);
}

static int inherited(void)
{
	int fd;

	printf("next %d\n", open("/dev/null", O_RDONLY));
	say_read(5);
	moved();
	say_read(5);
	say_read(7);
	fd = accept(6, NULL, NULL);
	printf("accept %s\n", fd >= 0 ? "ok" : strerror(errno));
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	return argc > 1 && strcmp(argv[1], "limit") == 0 ? limit() : inherited();
}
