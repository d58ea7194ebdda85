/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uses every kind of descriptor once, and checks what comes back as a careful program would. Run under a host that lies:
 * it may report an error (exit 1) or be ended by its runtime, but it must not crash, hang or accept nonsense.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHECK(condition) do { \
	if (!(condition)) { \
		printf("line %d: %s: %s\n", __LINE__, #condition, strerror(errno)); \
		exit(1); \
	} \
} while (0)

static char before[64] = "guard", buffer[5000], after[64] = "guard";

static void files(const char *directory)
{
	char path[300];
	struct stat status;
	struct iovec two[2] = { { buffer, 10 }, { buffer + 100, 20 } };
	int fd, entries = 0;
	DIR *d;

	snprintf(path, sizeof path, "%s/file", directory);
	CHECK((fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
	memset(buffer, 'x', sizeof buffer);
	CHECK(write(fd, buffer, sizeof buffer) == sizeof buffer);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(read(fd, buffer, sizeof buffer) == sizeof buffer);
	CHECK(pread(fd, buffer, 100, 4950) == 50);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, two, 2) == 30);
	CHECK(fstat(fd, &status) == 0 && status.st_size == sizeof buffer);
	CHECK(stat(path, &status) == 0 && S_ISREG(status.st_mode));
	CHECK(ftruncate(fd, 100) == 0 && fsync(fd) == 0);
	CHECK((d = opendir(directory)) != NULL);
	while (readdir(d))
		entries++;
	CHECK(entries == 3);
	CHECK(closedir(d) == 0 && close(fd) == 0 && unlink(path) == 0);
}

static void sockets(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, peer;
	socklen_t size = sizeof a, peer_size = sizeof peer;
	int l, c, s, value = 0;
	socklen_t value_size = sizeof value;

	CHECK((l = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	CHECK(bind(l, (struct sockaddr *)&a, sizeof a) == 0 && listen(l, 5) == 0);
	CHECK(getsockname(l, (struct sockaddr *)&a, &size) == 0 && size == sizeof a);
	CHECK((c = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	CHECK(connect(c, (struct sockaddr *)&a, sizeof a) == 0);
	CHECK((s = accept(l, (struct sockaddr *)&peer, &peer_size)) >= 0 && peer_size == sizeof peer);
	CHECK(send(c, "hello", 5, 0) == 5);
	CHECK(recv(s, buffer, sizeof buffer, 0) == 5 && memcmp(buffer, "hello", 5) == 0);
	CHECK(getsockopt(s, SOL_SOCKET, SO_ERROR, &value, &value_size) == 0 && value == 0);
	CHECK(close(s) == 0 && close(c) == 0 && close(l) == 0);
}

static void events(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1000000 };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 }, got[4];
	uint64_t count = 3;
	int fds[2], e, ev, t;
	struct pollfd p;

	CHECK(pipe(fds) == 0 && (e = epoll_create1(0)) >= 0 && (ev = eventfd(0, 0)) >= 0);
	CHECK(epoll_ctl(e, EPOLL_CTL_ADD, ev, &event) == 0);
	CHECK(write(ev, &count, 8) == 8);
	CHECK(epoll_wait(e, got, 4, 1000) == 1 && got[0].data.u64 == event.data.u64 && got[0].events == EPOLLIN);
	CHECK(read(ev, &count, 8) == 8 && count == 3);
	CHECK(write(fds[1], "p", 1) == 1);
	p = (struct pollfd){ fds[0], POLLIN, 0 };
	CHECK(poll(&p, 1, 1000) == 1 && p.revents == POLLIN && read(fds[0], buffer, 10) == 1);
	CHECK((t = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0 && timerfd_settime(t, 0, &soon, NULL) == 0);
	CHECK(read(t, &count, 8) == 8 && count == 1);
}

int main(int argc, char **argv)
{
	files(argc > 1 ? argv[1] : ".");
	sockets();
	events();
	CHECK(strcmp(before, "guard") == 0 && strcmp(after, "guard") == 0);
	puts("well");
	return 0;
}
