/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by their numbers, so that a program outside of an enclave makes the very same: tests/integration/debug_trace compares what
 * strace says there with what `optmig run --trace` says here. What is between the two names below is compared.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, ##__VA_ARGS__)

static void handler(int signo)
{
	CALL(write, 1, signo == SIGUSR1 ? "handler\n" : "wrong!!\n", 8);
}

static void files(const char *folder)
{
	static char buffer[100];
	struct iovec v[2] = { { "one ", 4 }, { "two\n", 4 } };
	struct stat s;
	int fd, pair[2];

	CALL(chdir, folder);
	CALL(mkdir, "folder", 0755);
	fd = (int)CALL(openat, AT_FDCWD, "a \"file\"", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	CALL(write, fd, "words that are longer than the thirty-two bytes that are shown", 62);
	CALL(write, fd, "\n\001\0022", 4);
	CALL(writev, fd, v, 2);
	CALL(lseek, fd, 6, SEEK_SET);
	CALL(read, fd, buffer, 20);
	CALL(pread64, fd, buffer, 10, 1000);
	CALL(fstat, fd, &s);
	CALL(newfstatat, AT_FDCWD, "folder", &s, AT_SYMLINK_NOFOLLOW);
	CALL(ftruncate, fd, 10);
	CALL(fcntl, fd, F_GETFD);
	CALL(fcntl, fd, F_SETFD, 0);
	CALL(fcntl, fd, F_SETFL, O_RDWR | O_APPEND);
	CALL(dup2, fd, 20);
	CALL(close, 20);
	CALL(close, 20);
	CALL(close, fd);
	CALL(open, "nothing", O_RDONLY);
	CALL(openat, AT_FDCWD, "folder", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	CALL(access, "folder", R_OK | X_OK);
	CALL(rename, "folder", "directory");
	CALL(symlink, "directory", "link");
	CALL(readlink, "link", buffer, sizeof buffer);
	CALL(unlink, "link");
	CALL(unlinkat, AT_FDCWD, "directory", AT_REMOVEDIR);
	CALL(chmod, "a \"file\"", 0600);
	CALL(pipe2, pair, O_NONBLOCK);
	CALL(read, pair[0], buffer, 1);
	CALL(write, pair[1], "xyz", 3);
	CALL(ioctl, pair[0], FIONREAD, &fd);
	CALL(ioctl, pair[0], TCGETS, buffer);
}

static void waiting(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 77 }, events[4];
	struct timespec little = { 0, 1000000 };
	struct pollfd fds[2];
	int pair[2], at;

	CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	fds[0] = (struct pollfd) { pair[0], POLLIN, 0 };
	fds[1] = (struct pollfd) { pair[1], POLLIN | POLLOUT, 0 };
	CALL(poll, fds, 1, 0);
	CALL(poll, fds, 2, -1);
	at = (int)CALL(epoll_create1, EPOLL_CLOEXEC);
	CALL(epoll_ctl, at, EPOLL_CTL_ADD, pair[0], &event);
	CALL(epoll_wait, at, events, 4, 0);
	CALL(sendto, pair[1], "message", 7, MSG_NOSIGNAL, NULL, 0);
	CALL(epoll_wait, at, events, 4, 1000);
	CALL(shutdown, pair[1], SHUT_WR);
	CALL(nanosleep, &little, NULL);
	CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &little, NULL);
}

static void sockets(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = (int)CALL(socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);

	CALL(setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	CALL(bind, fd, &a, sizeof a);
	CALL(listen, fd, 5);
	CALL(accept4, fd, NULL, NULL, SOCK_CLOEXEC);
}

static void signals(void)
{
	uint64_t set = 1ull << (SIGUSR1 - 1) | 1ull << (SIGTERM - 1);
	long pid;

	CALL(rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
	pid = CALL(getpid);
	CALL(kill, pid, SIGUSR1);
	CALL(rt_sigprocmask, SIG_UNBLOCK, &set, NULL, 8);
}

int main(int argc, char **argv)
{
	void *at;

	if (argc != 2)
		return 2;
	signal(SIGUSR1, handler);
	CALL(access, "/begin", F_OK);
	files(argv[1]);
	waiting();
	sockets();
	signals();
	at = (void *)CALL(mmap, NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CALL(mprotect, at, 4096, PROT_READ);
	CALL(munmap, at, 8192);
	CALL(futex, &argc, 129 /* FUTEX_WAKE_PRIVATE */, 1);
	CALL(umask, 027);
	CALL(getuid);
	CALL(sched_yield);
	CALL(access, "/end", F_OK);
	CALL(inotify_init1, 0);
	CALL(exit_group, 3);
}
