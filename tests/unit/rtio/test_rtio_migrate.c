/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeze, thaw and rebuild of host state. The tables stay where they are; the source "dies" by closing its host
 * descriptors, and the rebuild makes new ones in the same process. Every object is checked with content in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <net/if.h>
#include <unistd.h>
#include "rt/rt.h"
#include "unit/unit.h"
#include "fake.h"

static char folder[] = "/tmp/rtio.XXXXXX";
static bool privileged;

static void ok(int result, const char *words)
{
	if (result)
		fail_msg("%s", words);
}

/* One round: to a "destination", or a cancelled migration. */
static void move(bool cancelled)
{
	char words[256] = "";

	ok(rt_io_freeze(words, sizeof words), words);
	if (cancelled) {
		ok(rt_io_thaw(words, sizeof words), words);
		return;
	}
	peek_close_host_sides();
	ok(rt_io_rebuild(words, sizeof words), words);
	while (rt_io_claim())
		usleep(100);
	rt_io_let_go();
}

static void close_all(void)
{
	assert_int_equal(CALL(SYS_close_range, 3, 255, 0), 0);
}

/* What another process sees of a lock on [start, start + length). */
static int locked_for_others(const char *path, off_t start, off_t length)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
		int fd = open(path, O_RDWR);

		_exit(fcntl(fd, F_GETLK, &lock) ? 9 : lock.l_type == F_UNLCK ? 0 : lock.l_type == F_RDLCK ? 1 : 2);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static long lock(int fd, short type, off_t start, off_t length)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

	return CALL(SYS_fcntl, fd, F_SETLK, &f);
}

static void files(bool cancelled)
{
	char text[16];
	int fd = (int)CALL(SYS_open, "file", O_RDWR | O_CREAT | O_EXCL, 0600), log, again, dir;

	assert_int_equal(CALL(SYS_write, fd, "0123456789", 10), 10);
	assert_int_equal(CALL(SYS_lseek, fd, 4, SEEK_SET), 4);
	log = (int)CALL(SYS_open, "log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	assert_int_equal(CALL(SYS_write, log, "begin", 5), 5);
	dir = (int)CALL(SYS_open, ".", O_RDONLY | O_DIRECTORY);
	again = (int)CALL(SYS_dup, fd);
	/* 0-99 written, then 20-29 released and 40-49 only read. */
	assert_int_equal(lock(fd, F_WRLCK, 0, 100), 0);
	assert_int_equal(lock(fd, F_UNLCK, 20, 10), 0);
	assert_int_equal(lock(fd, F_RDLCK, 40, 10), 0);
	assert_int_equal(CALL(SYS_flock, log, LOCK_EX), 0);
	/* A rename is followed. */
	assert_int_equal(CALL(SYS_rename, "file", "renamed"), 0);
	move(cancelled);
	assert_int_equal(CALL(SYS_read, again, text, 3), 3);
	assert_memory_equal(text, "456", 3);
	assert_int_equal(CALL(SYS_read, fd, text, 1), 1);
	assert_int_equal(text[0], '7');
	assert_int_equal(CALL(SYS_write, log, "end", 3), 3);
	assert_int_equal(CALL(SYS_lseek, log, 0, SEEK_CUR), 8);
	assert_int_equal(CALL(SYS_faccessat, dir, "renamed", R_OK), 0);
	assert_int_equal(locked_for_others("renamed", 0, 20), 2);
	assert_int_equal(locked_for_others("renamed", 20, 10), 0);
	assert_int_equal(locked_for_others("renamed", 40, 10), 1);
	assert_int_equal(locked_for_others("renamed", 50, 50), 2);
	assert_int_equal(locked_for_others("renamed", 100, 0), 0);
	again = open("log", O_RDWR);
	assert_int_equal(flock(again, LOCK_EX | LOCK_NB), -1);
	close(again);
	/* Closing one number drops the locks, even if another is open. */
	assert_int_equal(CALL(SYS_close, fd), 0);
	assert_int_equal(locked_for_others("renamed", 0, 20), 0);
	close_all();
	unlink("renamed");
	unlink("log");
}

static void pipes(bool cancelled)
{
	static char out[50000], in[50000];
	int fd[2], half[2], dead[2];

	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 7 + i / 251);
	assert_int_equal(CALL(SYS_pipe2, fd, 0), 0);
	assert_int_equal(CALL(SYS_write, fd[1], out, sizeof out), sizeof out);
	assert_int_equal(CALL(SYS_fcntl, fd[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(CALL(SYS_pipe2, half, 0), 0);
	assert_int_equal(CALL(SYS_write, half[1], "rest", 4), 4);
	assert_int_equal(CALL(SYS_close, half[1]), 0);
	assert_int_equal(CALL(SYS_pipe2, dead, 0), 0);
	assert_int_equal(CALL(SYS_close, dead[0]), 0);
	move(cancelled);
	assert_int_equal(CALL(SYS_write, fd[1], "!", 1), 1);
	assert_int_equal(CALL(SYS_read, fd[0], in, sizeof in), sizeof in);
	assert_memory_equal(in, out, sizeof in);
	assert_int_equal(CALL(SYS_read, fd[0], in, 9), 1);
	assert_int_equal(CALL(SYS_read, fd[0], in, 9), -EAGAIN);
	assert_int_equal(fcntl(peek_host_fd(fd[1]), F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(CALL(SYS_read, half[0], in, 9), 4);
	assert_int_equal(CALL(SYS_read, half[0], in, 9), 0);
	assert_int_equal(CALL(SYS_write, dead[1], "x", 1), -EPIPE);
	close_all();
}

static void counters(bool cancelled)
{
	struct itimerspec spec = { .it_value.tv_nsec = 60000000 }, fired = { .it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 2000000 }, got;
	uint64_t count;
	int fd = (int)CALL(SYS_eventfd2, 0, EFD_NONBLOCK), semaphore = (int)CALL(SYS_eventfd2, 3, EFD_SEMAPHORE);
	int timer = (int)CALL(SYS_timerfd_create, CLOCK_MONOTONIC, 0), ticking = (int)CALL(SYS_timerfd_create, CLOCK_REALTIME, TFD_NONBLOCK);
	int64_t begin = rt_monotonic_ns();

	count = 0x123456789a;
	assert_int_equal(CALL(SYS_write, fd, &count, 8), 8);
	assert_int_equal(CALL(SYS_timerfd_settime, timer, 0, &spec, NULL), 0);
	assert_int_equal(CALL(SYS_timerfd_settime, ticking, 0, &fired, NULL), 0);
	usleep(8000);
	move(cancelled);
	assert_int_equal(CALL(SYS_read, fd, &count, 8), 8);
	assert_true(count == 0x123456789a);
	assert_int_equal(CALL(SYS_read, fd, &count, 8), -EAGAIN);
	assert_int_equal(CALL(SYS_read, semaphore, &count, 8), 8);
	assert_int_equal(count, 1);
	assert_int_equal(CALL(SYS_timerfd_gettime, timer, &got), 0);
	assert_in_range(got.it_value.tv_nsec, 1000000, 52000000);
	assert_int_equal(CALL(SYS_read, ticking, &count, 8), 8);
	assert_in_range(count, 3, 40);
	assert_int_equal(CALL(SYS_timerfd_gettime, ticking, &got), 0);
	assert_int_equal(got.it_interval.tv_nsec, 2000000);
	assert_int_equal(CALL(SYS_read, timer, &count, 8), 8);
	assert_in_range(rt_monotonic_ns() - begin, 59000000, 90000000);
	close_all();
}

static void signals(bool cancelled)
{
	uint64_t mask = 1 << (SIGUSR1 - 1) | 1 << (SIGUSR2 - 1);
	uint8_t info[256];
	int fd = (int)CALL(SYS_signalfd4, -1, &mask, 8, SFD_NONBLOCK), edge = (int)CALL(SYS_epoll_create1, 0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	assert_true(fd >= 0);
	assert_int_equal(CALL(SYS_epoll_ctl, edge, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 0);
	fake.pending = mask;
	rt_io_signalfd_told(mask, true);
	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 1);
	assert_int_equal(p.revents, POLLIN);
	move(cancelled);
	assert_int_equal(CALL(SYS_epoll_wait, edge, &event, 1, 0), 1);
	assert_int_equal(CALL(SYS_epoll_wait, edge, &event, 1, 0), 0);
	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 1);
	assert_int_equal(CALL(SYS_read, fd, info, 128), 128);
	assert_int_equal(info[0], SIGUSR1);
	move(cancelled);
	assert_int_equal(CALL(SYS_epoll_wait, edge, &event, 1, 0), 0);  /* told before */
	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 1);
	assert_int_equal(CALL(SYS_read, fd, info, 256), 128);
	assert_int_equal(info[0], SIGUSR2);
	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 0);
	move(cancelled);
	assert_int_equal(CALL(SYS_read, fd, info, 256), -EAGAIN);
	/* The one that is left learns of it as before. */
	fake.pending = mask;
	rt_io_signalfd_told(mask, true);
	assert_int_equal(CALL(SYS_epoll_wait, edge, &event, 1, 0), 1);
	fake.pending = 0;
	rt_io_signalfd_told(mask, false);
	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 0);
	close_all();
	rt_io_signalfd_told(~0ULL, true);       /* nobody is told any more */
}

static short queue_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	assert_int_equal(CALL(SYS_poll, &p, 1, 0), 1);
	return p.revents;
}

/* A queue of two messages: what is ready follows it, before a move and behind it, and a set tells each change once. */
static void queues(bool cancelled)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = (int)CALL(SYS_mq_open, "queue", O_RDWR, 0, NULL), other = (int)CALL(SYS_mq_open, "queue", O_RDONLY, 0, NULL);
	int set = (int)CALL(SYS_epoll_create1, 0);
	char text[100] = "";

	assert_int_equal(CALL(SYS_mq_timedsend, other, "x", 1, 0, NULL), -EBADF);
	assert_int_equal(CALL(SYS_mq_timedsend, fd, "x", 1, 0, NULL), 0);
	assert_int_equal(queue_ready(fd), POLLIN | POLLOUT);
	move(cancelled);
	assert_int_equal(queue_ready(fd), POLLIN | POLLOUT);
	assert_int_equal(CALL(SYS_mq_timedsend, fd, "x", 1, 0, NULL), 0);
	assert_int_equal(queue_ready(fd), POLLIN);
	assert_int_equal(queue_ready(other), POLLIN);          /* watched from here on */
	move(cancelled);
	assert_int_equal(queue_ready(fd), POLLIN);
	assert_int_equal(CALL(SYS_mq_timedreceive, other, text, sizeof text, NULL, NULL), 1);
	assert_int_equal(queue_ready(other), POLLIN | POLLOUT);
	assert_int_equal(CALL(SYS_epoll_ctl, set, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(CALL(SYS_epoll_wait, set, &event, 1, 0), 1);
	move(cancelled);
	assert_int_equal(CALL(SYS_epoll_wait, set, &event, 1, 0), 0);  /* told before */
	assert_int_equal(CALL(SYS_mq_timedsend, fd, "x", 1, 0, NULL), 0);
	move(cancelled);
	assert_int_equal(CALL(SYS_epoll_wait, set, &event, 1, 0), 1);
	assert_int_equal(CALL(SYS_epoll_wait, set, &event, 1, 0), 0);
	assert_int_equal(CALL(SYS_mq_timedreceive, fd, text, sizeof text, NULL, NULL), 1);
	assert_int_equal(CALL(SYS_mq_timedreceive, fd, text, sizeof text, NULL, NULL), 1);
	assert_int_equal(queue_ready(fd), POLLOUT);
	move(cancelled);
	assert_int_equal(queue_ready(fd), POLLOUT);
	assert_int_equal(CALL(SYS_read, fd, text, sizeof text), strlen(text));
	assert_string_equal(text, "QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
	assert_int_equal(CALL(SYS_write, fd, "x", 1), -EINVAL);
	close_all();
}

static void local_sockets(bool cancelled)
{
	static char out[100000], in[100000];
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "socket" };
	struct sockaddr_in udp = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, name;
	socklen_t size = sizeof udp;
	int stream[2], dgram[2], half[2], listener, s, client, value = 1;

	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 11 + i / 239);
	assert_int_equal(CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_int_equal(CALL(SYS_write, stream[0], out, 90000), 90000);
	assert_int_equal(CALL(SYS_write, stream[1], "back", 4), 4);
	assert_int_equal(CALL(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, dgram), 0);
	assert_int_equal(CALL(SYS_write, dgram[0], "one", 3), 3);
	assert_int_equal(CALL(SYS_write, dgram[0], "second", 6), 6);
	assert_int_equal(CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, half), 0);
	assert_int_equal(CALL(SYS_write, half[0], "last", 4), 4);
	assert_int_equal(CALL(SYS_close, half[0]), 0);
	listener = (int)CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(CALL(SYS_bind, listener, &un, sizeof un), 0);
	assert_int_equal(CALL(SYS_listen, listener, 3), 0);
	s = (int)CALL(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(CALL(SYS_setsockopt, s, SOL_SOCKET, SO_BROADCAST, &value, 4), 0);
	assert_int_equal(CALL(SYS_bind, s, &udp, sizeof udp), 0);
	assert_int_equal(CALL(SYS_getsockname, s, &udp, &size), 0);
	client = (int)CALL(SYS_socket, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(CALL(SYS_connect, client, &udp, sizeof udp), 0);
	move(cancelled);
	for (int got = 0; got < 90000;) {
		long n = CALL(SYS_read, stream[1], in + got, sizeof in);

		assert_true(n > 0);
		got += (int)n;
	}
	assert_memory_equal(in, out, 90000);
	assert_int_equal(CALL(SYS_read, stream[0], in, 9), 4);
	assert_int_equal(CALL(SYS_read, dgram[1], in, 99), 3);
	assert_int_equal(CALL(SYS_read, dgram[1], in, 99), 6);
	assert_int_equal(CALL(SYS_read, dgram[1], in, 99), -EAGAIN);
	assert_int_equal(CALL(SYS_read, half[1], in, 99), 4);
	assert_int_equal(CALL(SYS_read, half[1], in, 99), 0);
	assert_int_equal(CALL(SYS_getsockname, s, &name, &size), 0);
	assert_int_equal(name.sin_port, udp.sin_port);
	value = 0;
	size = 4;
	assert_int_equal(CALL(SYS_getsockopt, s, SOL_SOCKET, SO_BROADCAST, &value, &size), 0);
	assert_int_equal(value, 1);
	assert_int_equal(CALL(SYS_write, client, "datagram", 8), 8);
	assert_int_equal(CALL(SYS_recvfrom, s, in, 99, 0, NULL, NULL), 8);
	value = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(value, (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(CALL(SYS_accept, listener, NULL, NULL) > 0, 1);
	close(value);
	close_all();
	unlink("socket");
}

static void watches(bool cancelled)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 77 }, got[4];
	int ep = (int)CALL(SYS_epoll_create1, 0), fd[2], pair[2], twin;

	assert_int_equal(CALL(SYS_pipe2, fd, 0), 0);
	assert_int_equal(CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair), 0);
	twin = (int)CALL(SYS_dup, pair[1]);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd[0], &event), 0);
	assert_int_equal(CALL(SYS_write, fd[1], "x", 1), 1);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 0), 1);
	event = (struct epoll_event){ .events = EPOLLIN | EPOLLET, .data.u64 = 88 };
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, pair[1], &event), 0);
	event.data.u64 = 99;
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, twin, &event), 0);
	move(cancelled);
	/* The spent one stays quiet; both names of the pair report. */
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 0), 0);
	assert_int_equal(CALL(SYS_write, pair[0], "y", 1), 1);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 50), 2);
	assert_int_equal(got[0].data.u64 + got[1].data.u64, 88 + 99);
	event = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 77 };
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_MOD, fd[0], &event), 0);
	assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 50), 1);
	assert_int_equal(got[0].data.u64, 77);
	close_all();
}

/* A client outside the enclave, a listener, an accepted and a waiting connection, data in both directions. */
static void connections(bool cancelled)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 5 }, got[4];
	struct pollfd p;
	socklen_t size = sizeof address;
	int listener, server, late, client, waiting, ep, one = 1;
	char text[64];

	if (!privileged)
		skip();
	listener = (int)CALL(SYS_socket, AF_INET, SOCK_STREAM, 0);
	assert_int_equal(CALL(SYS_setsockopt, listener, SOL_SOCKET, SO_REUSEADDR, &one, 4), 0);
	assert_int_equal(CALL(SYS_bind, listener, &address, sizeof address), 0);
	assert_int_equal(CALL(SYS_listen, listener, 5), 0);
	assert_int_equal(CALL(SYS_getsockname, listener, &address, &size), 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, size), 0);
	server = (int)CALL(SYS_accept4, listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(server > 0);
	ep = (int)CALL(SYS_epoll_create1, 0);
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, listener, &event), 0);
	event.data.u64 = 6;
	assert_int_equal(CALL(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, server, &event), 0);
	for (int round = 0; round < 10; round++) {
		assert_int_equal(send(client, "request", 7, 0), 7);
		assert_int_equal(CALL(SYS_write, server, "reply", 5), 5);
		waiting = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(waiting, (struct sockaddr *)&address, size), 0);
		assert_int_equal(send(waiting, "hi", 2, 0), 2);
		move(cancelled);
		assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 100), 2);
		assert_int_equal(got[0].data.u64, 5);
		assert_int_equal(got[1].data.u64, 6);
		p = (struct pollfd){ .fd = listener, .events = POLLIN };
		assert_int_equal(CALL(SYS_poll, &p, 1, 100), 1);
		late = (int)CALL(SYS_accept4, listener, &address, &size, SOCK_NONBLOCK);
		assert_true(late > 0);
		getsockname(client, (struct sockaddr *)&address, &size);
		assert_int_equal(CALL(SYS_getsockname, listener, &address, &size), 0);
		assert_int_equal(CALL(SYS_read, late, text, 64), 2);
		assert_int_equal(CALL(SYS_close, late), 0);
		close(waiting);
		assert_int_equal(CALL(SYS_epoll_wait, ep, got, 4, 100), 1);
		assert_int_equal(got[0].data.u64, 6);
		assert_int_equal(CALL(SYS_read, server, text, 64), 7);
		assert_int_equal(recv(client, text, 5, MSG_WAITALL), 5);
		assert_int_equal(CALL(SYS_write, server, "more", 4), 4);
		assert_int_equal(recv(client, text, 4, MSG_WAITALL), 4);
	}
	/* New connections come in; a connection whose peer resets it becomes a dead one. */
	waiting = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(waiting, (struct sockaddr *)&address, size), 0);
	late = (int)CALL(SYS_accept, listener, NULL, NULL);
	assert_true(late > 0);
	setsockopt(waiting, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(waiting);
	usleep(1000);
	move(cancelled);
	assert_true(CALL(SYS_read, late, text, 64) <= 0);
	close(client);
	close_all();
}

/* What cannot move is named before and refused. */
static void refused(void **state)
{
	char words[512];
	int fd = (int)CALL(SYS_open, "gone", O_RDWR | O_CREAT, 0600), pair[2];
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "outside" };

	(void)state;
	assert_int_equal(rt_io_check(words, sizeof words), 0);
	assert_int_equal(CALL(SYS_unlink, "gone"), 0);
	pair[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(pair[0], (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(listen(pair[0], 1), 0);
	pair[1] = (int)CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(CALL(SYS_connect, pair[1], &un, sizeof un), 0);
	assert_int_equal(rt_io_check(words, sizeof words), 2);
	assert_non_null(strstr(words, "descriptor 3: a deleted file; the other host could not open it\n"));
	assert_non_null(strstr(words, "descriptor 4: a UNIX socket connected to another process cannot move\n"));
	assert_int_equal(rt_io_freeze(words, sizeof words), OM_EHOSTSTATE);
	assert_int_equal(rt_io_thaw(words, sizeof words), 0);
	assert_int_equal(CALL(SYS_write, fd, "still", 5), 5);
	close(pair[0]);
	close_all();
	unlink("outside");
}

/* A file that is another one on the destination: the rebuild says so, the source goes on. */
static void another_file(void **state)
{
	char words[512];
	int fd = (int)CALL(SYS_open, "mine", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(rt_io_freeze(words, sizeof words), 0);
	assert_int_equal(rename("mine", "kept"), 0);
	close(open("mine", O_CREAT | O_RDWR, 0600));
	assert_int_equal(rt_io_rebuild(words, sizeof words), OM_EHOSTSTATE);
	assert_non_null(strstr(words, "/mine is another file here"));
	assert_int_equal(unlink("mine"), 0);
	assert_int_equal(rt_io_rebuild(words, sizeof words), OM_EHOSTSTATE);
	assert_non_null(strstr(words, "/mine cannot be opened (no such file)"));
	assert_int_equal(rename("kept", "mine"), 0);
	assert_int_equal(rt_io_rebuild(words, sizeof words), 0);
	assert_int_equal(CALL(SYS_write, fd, "x", 1), 1);
	close_all();
	unlink("mine");
}

static const struct { const char *name; void (*run)(bool cancelled); } kinds[] = {
	{ "files", files }, { "pipes", pipes }, { "counters", counters }, { "signals", signals }, { "queues", queues }, { "local sockets", local_sockets }, { "watches", watches },
	{ "connections", connections },
};

static void moved(void **state) { kinds[(size_t)*state].run(false); }
static void cancelled(void **state) { kinds[(size_t)*state].run(true); }

/* A network of our own: the rules of the hold and the loopback are nobody else's. */
static bool own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return ioctl(fd, SIOCSIFFLAGS, &lo) == 0 && close(fd) == 0;
}

int main(void)
{
	struct CMUnitTest tests[2 * sizeof kinds / sizeof *kinds + 2];
	size_t count = 0;
	char command[64];
	int failed;

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	privileged = own_network();
	fake_boot();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		tests[count++] = (struct CMUnitTest){ kinds[i].name, moved, NULL, NULL, (void *)i };
		tests[count++] = (struct CMUnitTest){ kinds[i].name, cancelled, NULL, NULL, (void *)i };
	}
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(refused);
	tests[count++] = (struct CMUnitTest)cmocka_unit_test(another_file);
	failed = _cmocka_run_group_tests("rtio_migrate", tests, count, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) || failed;
}
