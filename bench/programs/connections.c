/* SPDX-License-Identifier: Apache-2.0 */
/* connections COUNT: listens on a port of its choice of 127.0.0.1, says which, accepts, says when COUNT have come, and echoes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int epoll;

static void watch(int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e)) {
		perror("connections");
		exit(1);
	}
}

static void echo(int fd)
{
	char bytes[64];
	ssize_t got = read(fd, bytes, sizeof bytes);

	if (got <= 0)
		close(fd);
	else if (write(fd, bytes, (size_t)got) != got)
		exit(1);
}

int main(int argc, char **argv)
{
	long want = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
	struct rlimit limit = { (rlim_t)want + 100, (rlim_t)want + 100 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	struct epoll_event events[64];
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	epoll = epoll_create1(0);
	if (setrlimit(RLIMIT_NOFILE, &limit) || listener < 0 || bind(listener, (struct sockaddr *)&address, size) ||
	    listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&address, &size)) {
		perror("connections");
		return 1;
	}
	watch(listener);
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		int ready = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			if (events[i].data.fd != listener) {
				echo(events[i].data.fd);
				continue;
			}
			watch(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
			if (--want == 0) {
				puts("ready");
				fflush(stdout);
			}
		}
	}
}
