/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An echo server with many connections: one epoll thread, output kept when the socket is full, so that data lies in
 * both queues of the kernel and in the program when it is moved.
 *     echo PORT      prints "ready"; ends on TERM with "served N connections"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (256 * 1024)

struct client { int fd; size_t used; char data[BUFFER]; };

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static void watch(int ep, int op, struct client *c, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (epoll_ctl(ep, op, c->fd, &event))
		perror("epoll_ctl");
}

static void drop(struct client *c)
{
	close(c->fd);
	free(c);
}

/* Returns 0 when the connection has ended. */
static int serve(int ep, struct client *c, uint32_t events)
{
	ssize_t n;

	if (events & EPOLLIN && c->used < BUFFER) {
		n = recv(c->fd, c->data + c->used, BUFFER - c->used, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return 0;
		c->used += n > 0 ? (size_t)n : 0;
	}
	if (c->used > 0) {
		n = send(c->fd, c->data, c->used, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return 0;
		if (n > 0) {
			c->used -= (size_t)n;
			memmove(c->data, c->data + n, c->used);
		}
	}
	watch(ep, EPOLL_CTL_MOD, c, (c->used < BUFFER ? EPOLLIN : 0) | (c->used > 0 ? EPOLLOUT : 0));
	return 1;
}

static void take(int ep, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	struct client *c;

	if (fd < 0)
		return;
	c = malloc(sizeof *c);
	c->fd = fd;
	c->used = 0;
	watch(ep, EPOLL_CTL_ADD, c, EPOLLIN);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 7300)) };
	struct epoll_event events[64], first = { .events = EPOLLIN };
	struct sigaction action = { .sa_handler = on_term };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0), one = 1;
	unsigned served = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512)) {
		perror("bind");
		return 1;
	}
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &first);
	printf("ready\n");
	while (!stop) {
		int n = epoll_wait(ep, events, 64, -1);

		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			if (!c) {
				take(ep, listener);
				served++;
			} else if (!serve(ep, c, events[i].events)) {
				drop(c);
			}
		}
	}
	printf("served %u connections\n", served);
	return 0;
}
