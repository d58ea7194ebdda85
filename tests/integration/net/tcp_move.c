/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that move, in network namespaces of our own: 100 times over loopback with data in all queues, IPv4, IPv6
 * and mapped; half-closed either way; from one namespace to another with the address moving along; failures that must
 * leave the connection as it was. Every byte of both directions is checked by its position in the stream.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "net/address.h"
#include "net/hold.h"
#include "net/packet.h"
#include "net/spare.h"
#include "net/tcp.h"
#include "net/tcp_blob.h"
#include "util.h"

#define BLOB_MAX (16u << 20)
static uint8_t *blob;

#define CHECK(condition) do { \
	if (!(condition)) \
		fail(__LINE__, #condition); \
} while (0)

static const char *now_doing = "setup";

static _Noreturn void fail(int line, const char *what)
{
	fprintf(stderr, "tcp_move: line %d, %s: %s (errno %s)\n", line, now_doing, what, strerror(errno));
	exit(1);
}

static int sh(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	return system(command);
}

/* ---- streams ------------------------------------------------------------------------------------------------ */

struct stream { uint64_t sent, received; uint8_t seed; };

static uint8_t byte_at(const struct stream *s, uint64_t position)
{
	return (uint8_t)(position * 167 + (position >> 8) * 13 + (position >> 16) + s->seed);
}

/* Writes up to `size` bytes without blocking. Return: bytes taken. */
static uint64_t stream_write(struct stream *s, int fd, uint64_t size)
{
	uint8_t data[4096];
	uint64_t done = 0;

	while (done < size) {
		size_t now = size - done < sizeof data ? size - done : sizeof data;
		ssize_t r;

		for (size_t i = 0; i < now; i++)
			data[i] = byte_at(s, s->sent + i);
		r = send(fd, data, now, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0) {
			CHECK(errno == EAGAIN);
			break;
		}
		s->sent += (uint64_t)r;
		done += (uint64_t)r;
	}
	return done;
}

static void stream_read(struct stream *s, int fd, uint64_t until)
{
	uint8_t data[65536];

	while (s->received < until) {
		struct pollfd p = { fd, POLLIN, 0 };
		size_t want = until - s->received < sizeof data ? until - s->received : sizeof data;
		ssize_t r;

		CHECK(poll(&p, 1, 5000) == 1);
		r = recv(fd, data, want, MSG_DONTWAIT);
		CHECK(r > 0);
		for (ssize_t i = 0; i < r; i++)
			CHECK(data[i] == byte_at(s, s->received + (uint64_t)i));
		s->received += (uint64_t)r;
	}
}

struct pair { int server, client; struct stream up, down; };   /* up: client to server */

static int listen_on(struct sockaddr *address, socklen_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM, 0), one = 1;

	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
	CHECK(bind(fd, address, size) == 0 && listen(fd, 8) == 0);
	return fd;
}

static void connect_pair(struct pair *p, int listener, struct sockaddr *address, socklen_t size)
{
	struct sockaddr_storage at;
	socklen_t at_size = sizeof at;

	memset(p, 0, sizeof *p);
	p->up.seed = 17;
	p->down.seed = 99;
	CHECK(getsockname(listener, (struct sockaddr *)&at, &at_size) == 0);
	((struct sockaddr_in *)address)->sin_port = ((struct sockaddr_in *)&at)->sin_port;
	p->client = socket(address->sa_family, SOCK_STREAM, 0);
	CHECK(connect(p->client, address, size) == 0);
	p->server = accept(listener, NULL, NULL);
	CHECK(p->server >= 0);
}

static struct om_net_flow flow_of(int fd)
{
	struct sockaddr_storage local;
	socklen_t size = sizeof local;
	struct om_net_flow flow = { .protocol = IPPROTO_TCP };

	CHECK(getsockname(fd, (struct sockaddr *)&local, &size) == 0);
	flow.family = local.ss_family;
	flow.local_port = ntohs(((struct sockaddr_in *)&local)->sin_port);
	if (local.ss_family == AF_INET)
		memcpy(flow.local_addr, &((struct sockaddr_in *)&local)->sin_addr, 4);
	else
		memcpy(flow.local_addr, &((struct sockaddr_in6 *)&local)->sin6_addr, 16);
	return flow;
}

/* ---- cases -------------------------------------------------------------------------------------------------- */

static uint64_t hold_ns, dump_ns, restore_ns, release_ns, moves;

/* In pieces that do not divide it. Return: the dump's size, with its OM_TCP_* bits. */
static int64_t dump(int fd, bool attempt)
{
	const struct host_tcp_hints hints = { .attempt = attempt };
	int64_t result = host_tcp_dump(fd, &hints, 0, blob, 8192);
	uint64_t size = result < 0 ? 0 : OM_TCP_SIZE((uint64_t)result);

	CHECK(size <= BLOB_MAX);
	for (uint64_t done = 8192; done < size; done += 70001)
		CHECK(host_tcp_dump(fd, &hints, done, blob + done, 70001) == (int64_t)size);
	return result;
}

static int64_t restore_size(uint64_t size, enum host_tcp_when when)
{
	uint64_t done = 0;
	int64_t fd;

	for (;;) {
		uint64_t some = size - done < 50021 ? size - done : 50021;

		fd = host_tcp_restore(blob + done, some, done, size, when);
		done += some;
		if (fd || done == size)
			return fd;
	}
}

static int64_t restore(int64_t dumped)
{
	return restore_size(OM_TCP_SIZE((uint64_t)dumped), HOST_TCP_NOW);
}

static void move_here(struct pair *p, uint64_t while_held)
{
	struct om_net_flow flow = flow_of(p->server);
	uint64_t t0 = host_monotonic_ns(), t1, t2, t3, t4;
	int64_t size, fd;

	CHECK(host_net_hold(&flow, 1) == 0);
	t1 = host_monotonic_ns();
	stream_write(&p->up, p->client, while_held);
	size = dump(p->server, false);
	errno = (int)-size;
	CHECK(size > 0);
	close(p->server);
	t2 = host_monotonic_ns();
	fd = restore(size);
	errno = (int)-fd;
	CHECK(fd >= 0);
	t3 = host_monotonic_ns();
	CHECK(host_net_release() == 0);
	t4 = host_monotonic_ns();
	p->server = (int)fd;
	hold_ns += t1 - t0, dump_ns += t2 - t1, restore_ns += t3 - t2, release_ns += t4 - t3, moves++;
}

static uint64_t longest_ns;

static void everything_arrives(struct pair *p)
{
	uint64_t begin = host_monotonic_ns(), took;

	stream_read(&p->up, p->server, p->up.sent);
	stream_read(&p->down, p->client, p->down.sent);
	took = host_monotonic_ns() - begin;
	if (took > longest_ns)
		longest_ns = took;
}

/* How large its segments may be. */
static uint32_t segment_of(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
	return info.tcpi_snd_mss;
}

static void hundred_moves(struct sockaddr *listen_address, struct sockaddr *to, socklen_t size, const char *what)
{
	int listener = listen_on(listen_address, size), nodelay = 1, value = 0;
	socklen_t value_size = sizeof value;
	struct pair p;
	uint64_t slow = 0;
	uint32_t segment;

	now_doing = what;
	connect_pair(&p, listener, to, to->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	segment = segment_of(p.server);
	CHECK(setsockopt(p.server, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay) == 0);
	for (int i = 0; i < 100; i++) {
		longest_ns = 0;
		stream_write(&p.up, p.client, (uint64_t)(i * 997 % 40000));
		/* Every tenth time more than the peer's window takes: part of the queue stays unsent. */
		stream_write(&p.down, p.server, i % 10 == 9 ? 8u << 20 : (uint64_t)(i * 3571 % 60000));
		move_here(&p, (uint64_t)(i * 131 % 3000));
		stream_write(&p.down, p.server, 100);
		CHECK(segment_of(p.server) >= segment - segment / 8); /* how the kernel rounds what is half of a window is not the same each time */
		everything_arrives(&p);
		slow += longest_ns > 150000000;
	}
	CHECK(getsockopt(p.server, IPPROTO_TCP, TCP_NODELAY, &value, &value_size) == 0 && value);
	/* One retransmission timer is bad luck; a pattern is a bug. */
	CHECK(slow <= 5);
	printf("%-14s 100 moves, %llu waited for a retransmission\n", what, (unsigned long long)slow);
	close(p.server), close(p.client), close(listener);
}

static int state_of(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
	return info.tcpi_state;
}

static void peer_closed(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size);
	struct pair p;
	char c;

	now_doing = "peer has closed";
	for (int i = 0; i < 10; i++) {
		connect_pair(&p, listener, address, size);
		stream_write(&p.up, p.client, 5000);
		CHECK(shutdown(p.client, SHUT_WR) == 0);
		if (i & 1)
			stream_read(&p.up, p.server, p.up.sent);
		while (1) {
			struct tcp_info info;
			socklen_t info_size = sizeof info;

			CHECK(getsockopt(p.server, IPPROTO_TCP, TCP_INFO, &info, &info_size) == 0);
			if (info.tcpi_state == TCP_CLOSE_WAIT)
				break;
			sched_yield();
		}
		move_here(&p, 0);
		stream_read(&p.up, p.server, p.up.sent);
		CHECK(recv(p.server, &c, 1, 0) == 0);
		stream_write(&p.down, p.server, 20000);
		stream_read(&p.down, p.client, p.down.sent);
		CHECK(close(p.server) == 0);
		CHECK(recv(p.client, &c, 1, 0) == 0);
		close(p.client);
	}
	close(listener);
}

static int unacknowledged(int fd)
{
	int size = -1;

	CHECK(ioctl(fd, SIOCOUTQ, &size) == 0);
	return size;
}

/* The forged FIN must not acknowledge what the peer has not: that would never be sent again, and a closed window never opened. */
static void peer_closed_and_owes_acknowledgements(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size);
	struct om_net_flow flow;
	struct pair p;
	int64_t dumped;

	now_doing = "peer has closed and has not acknowledged";
	connect_pair(&p, listener, address, size);
	CHECK(shutdown(p.client, SHUT_WR) == 0);
	while (state_of(p.server) != TCP_CLOSE_WAIT)
		sched_yield();
	flow = flow_of(p.server);
	CHECK(host_net_hold(&flow, 1) == 0);
	stream_write(&p.down, p.server, 2500);
	CHECK(unacknowledged(p.server) == 2500);
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	close(p.server);
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0);
	CHECK(host_tcp_resume_all() == 0);
	CHECK(unacknowledged(p.server) == 2500);
	CHECK(host_net_release() == 0);
	stream_read(&p.down, p.client, p.down.sent);
	close(p.server), close(p.client), close(listener);
}

static void we_closed(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size);
	struct pair p;
	char c;

	now_doing = "we have closed";
	for (int i = 0; i < 10; i++) {
		connect_pair(&p, listener, address, size);
		stream_write(&p.down, p.server, i & 1 ? 8u << 20 : 3000);
		CHECK(shutdown(p.server, SHUT_WR) == 0);
		stream_write(&p.up, p.client, 700);
		move_here(&p, 300);
		stream_read(&p.down, p.client, p.down.sent);
		CHECK(recv(p.client, &c, 1, 0) == 0);
		stream_write(&p.up, p.client, 9000);
		stream_read(&p.up, p.server, p.up.sent);
		close(p.client);
		CHECK(recv(p.server, &c, 1, 0) == 0);
		close(p.server);
	}
	close(listener);
}

static void becomes(int fd, int state)
{
	for (int i = 0; i < 5000 && state_of(fd) != state; i++)
		usleep(1000);
	CHECK(state_of(fd) == state);
}

static void both_ways_still(struct pair *p)
{
	char c;

	stream_read(&p->down, p->client, p->down.sent);
	CHECK(recv(p->client, &c, 1, 0) == 0);
	stream_write(&p->up, p->client, 9000);
	stream_read(&p->up, p->server, p->up.sent);
	close(p->server), close(p->client);
}

/* The window that came with the acknowledgement of our FIN begins behind it: the FIN was not sent again into one that was closed. */
static void we_closed_and_so_did_the_window(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size), small = 3000;
	struct pair p;

	now_doing = "we have closed, and so has the window";
	for (int i = 0; i < 3; i++) {
		connect_pair(&p, listener, address, size);
		stream_write(&p.down, p.server, 40000);
		CHECK(setsockopt(p.client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
		CHECK(shutdown(p.server, SHUT_WR) == 0);
		becomes(p.server, TCP_FIN_WAIT2);
		for (int moves_now = 0; moves_now <= i; moves_now++)
			move_here(&p, 0);
		becomes(p.server, TCP_FIN_WAIT2);
		both_ways_still(&p);
	}
	close(listener);
}

static void be_silent(int fd, uint32_t mark)
{
	CHECK(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0);
}

/*
 * More than a new connection sends at once is on its way, and a FIN behind it. The peer has it all, and its acknowledgements are lost (the
 * hold lets none with that mark pass): the next one is of all.
 */
static void we_closed_behind_much(struct sockaddr *address, socklen_t size)
{
	int listener;
	struct om_net_flow flow;
	struct pair p;
	int64_t dumped;

	now_doing = "we have closed behind much that is not acknowledged";
	CHECK(sh("ip link set lo mtu 1500") == 0);
	listener = listen_on(address, size);
	connect_pair(&p, listener, address, size);
	CHECK(setsockopt(p.server, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0);
	for (int i = 0; i < 40; i++) {
		stream_write(&p.down, p.server, 60000);
		stream_read(&p.down, p.client, p.down.sent);
	}
	flow = flow_of(p.server);
	CHECK(host_net_hold(&flow, 1) == 0);
	be_silent(p.client, HOST_NET_SILENT);
	stream_write(&p.down, p.server, 40000);
	CHECK(shutdown(p.server, SHUT_WR) == 0);
	becomes(p.client, TCP_CLOSE_WAIT);
	CHECK(unacknowledged(p.server) == 40001);
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	close(p.server);
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0);
	usleep(500000);         /* the kernel's timer has struck before it speaks: its next strikes alone would not bring the FIN */
	CHECK(host_net_release() == 0);
	be_silent(p.client, 0);
	becomes(p.server, TCP_FIN_WAIT2);
	CHECK(unacknowledged(p.server) == 0);
	both_ways_still(&p);
	close(listener);
	CHECK(sh("ip link set lo mtu 65536") == 0);
}

static void failures_change_nothing(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size);
	struct pair p;
	int64_t dumped, fd;
	int value = 0;
	socklen_t value_size = sizeof value;

	now_doing = "failures";
	connect_pair(&p, listener, address, size);
	stream_write(&p.up, p.client, 5000);
	stream_write(&p.down, p.server, 5000);
	CHECK(dump(listener, false) < 0);
	/* What was dumped and is not moved goes on as if nothing had been. */
	dumped = dump(p.server, false);
	CHECK(dumped > 0 && (uint64_t)dumped & OM_TCP_REUSE);
	CHECK(host_tcp_undump(p.server, true) == 0);
	CHECK(getsockopt(p.server, SOL_SOCKET, SO_REUSEADDR, &value, &value_size) == 0 && value == 1);
	everything_arrives(&p);
	stream_write(&p.up, p.client, 5000);
	stream_write(&p.down, p.server, 5000);
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	/* Beside the one that stands it cannot be claimed; once that is closed, which tells nobody, it can. */
	fd = restore_size(OM_TCP_SIZE((uint64_t)dumped), HOST_TCP_LATER);
	CHECK(fd >= 0 && host_tcp_claim_all() == 1);
	close(p.server);
	CHECK(host_tcp_claim_all() == 0 && host_tcp_resume_all() == 0);
	p.server = (int)fd;
	everything_arrives(&p);
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	close(p.server);
	for (uint64_t i = 0; i < OM_TCP_SIZE((uint64_t)dumped); i++)
		CHECK(restore_size(i, HOST_TCP_NOW) == -EINVAL);
	blob[4] ^= 1;
	CHECK(restore(dumped) == -EINVAL);
	blob[4] ^= 1;
	/* A restored connection that does not go on, and is closed, leaves no trace: it can be restored again. */
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0);
	close(p.server);
	CHECK(host_tcp_resume_all() == 0);
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0);
	host_tcp_forget_all();
	close(p.server);
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0);
	CHECK(host_tcp_resume_all() == 0);
	stream_write(&p.up, p.client, 5000);
	everything_arrives(&p);
	close(p.server), close(p.client), close(listener);
}

static short events_of(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* One that is over, but not read to its end: everything that can be seen of it is the same. */
static void over(struct sockaddr *address, socklen_t size, bool reset, uint64_t unread)
{
	int listener = listen_on(address, size), error = 0;
	socklen_t error_size = sizeof error;
	struct linger linger = { 1, 0 };
	struct pair p;
	short events;
	int64_t dumped;
	char c;

	now_doing = reset ? "reset with data unread" : "closed with data unread";
	connect_pair(&p, listener, address, size);
	CHECK(setsockopt(p.server, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 8 << 20 }, sizeof(int)) == 0);
	while (p.up.sent < unread)
		if (stream_write(&p.up, p.client, unread - p.up.sent) == 0)
			usleep(1000);
	for (int in = 0; (uint64_t)in < unread; usleep(1000))
		CHECK(ioctl(p.server, FIONREAD, &in) == 0);
	if (reset)
		CHECK(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	else
		CHECK(shutdown(p.server, SHUT_WR) == 0);
	close(p.client);
	for (int i = 0; state_of(p.server) != TCP_CLOSE && i < 5000; i++)
		usleep(1000);
	CHECK(state_of(p.server) == TCP_CLOSE);
	events = events_of(p.server);
	dumped = dump(p.server, false);
	CHECK(dumped > 0 && (uint64_t)dumped & OM_TCP_CLOSED && !!((uint64_t)dumped & OM_TCP_SPOILT) == reset);
	CHECK(OM_TCP_ERROR((uint64_t)dumped) == (reset ? ECONNRESET : 0u));
	close(p.server);
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0 && state_of(p.server) == TCP_CLOSE && events_of(p.server) == events);
	stream_read(&p.up, p.server, unread);
	if (reset)
		CHECK(recv(p.server, &c, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	CHECK(recv(p.server, &c, 1, MSG_DONTWAIT) == 0);
	CHECK(getsockopt(p.server, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == 0);
	CHECK(send(p.server, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	close(p.server), close(listener);
}

/* The peer resets while all is held, and what it had sent before is still unread: on the host that it leaves, or comes to. */
static void reset_while_held(struct sockaddr *address, socklen_t size, bool moves_on)
{
	int listener = listen_on(address, size), in = -1;
	struct linger linger = { 1, 0 };
	struct om_net_flow flow;
	struct pair p;
	int64_t dumped;
	char c;

	now_doing = "reset while held";
	connect_pair(&p, listener, address, size);
	stream_write(&p.up, p.client, 7);
	flow = flow_of(p.server);
	CHECK(host_net_hold(&flow, 1) == 0);
	CHECK(setsockopt(p.client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	close(p.client);
	dumped = dump(p.server, false);
	CHECK(dumped > 0 && !((uint64_t)dumped & OM_TCP_CLOSED));
	if (moves_on) {
		close(p.server);
		p.server = (int)restore(dumped);
		CHECK(p.server >= 0);
	} else {
		CHECK(host_tcp_undump(p.server, (uint64_t)dumped & OM_TCP_REUSE) == 0);
	}
	CHECK(host_net_release() == 0);
	for (int i = 0; state_of(p.server) != TCP_CLOSE && i < 1000; i++)
		usleep(1000);
	CHECK(state_of(p.server) == TCP_CLOSE);
	CHECK(ioctl(p.server, FIONREAD, &in) == 0 && in == 7);
	stream_read(&p.up, p.server, 7);
	CHECK(recv(p.server, &c, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
	close(p.server), close(listener);
}

/* An attempt to connect that failed, of which the program does not know yet. */
static void refused(struct sockaddr *address, socklen_t size)
{
	int nobody = socket(address->sa_family, SOCK_STREAM, 0), fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t error_size = sizeof error;
	int64_t dumped;
	short events;

	now_doing = "refused";
	CHECK(bind(nobody, address, size) == 0);
	CHECK(getsockname(nobody, address, &size) == 0);
	CHECK(connect(fd, address, size) < 0);
	events = events_of(fd);
	dumped = dump(fd, true);
	CHECK(dumped > 0 && (uint64_t)dumped & OM_TCP_CLOSED && OM_TCP_ERROR((uint64_t)dumped) == ECONNREFUSED);
	close(fd);
	fd = (int)restore(dumped);
	CHECK(fd >= 0 && events_of(fd) == events);
	CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == ECONNREFUSED);
	close(fd), close(nobody);
}

/* The lowest bit of a timestamp says its unit on kernels that know; in a dump of one that does not, it is the number's. */
static void stamps(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size);
	struct tcp_blob b;
	struct pair p;
	uint32_t before, after;
	socklen_t stamp_size = sizeof before;
	int64_t dumped;

	now_doing = "timestamps";
	if (!host_tcp_stamps_tell())
		return;
	for (uint32_t odd = 0; odd < 2; odd++) {
		uint8_t *again = malloc(BLOB_MAX);

		connect_pair(&p, listener, address, size);
		dumped = dump(p.server, false);
		CHECK(dumped > 0 && !tcp_blob_decode(&b, blob, OM_TCP_SIZE((uint64_t)dumped)) && !(b.flags & TCP_BLOB_MICROSECONDS));
		close(p.server);
		b.timestamp = (b.timestamp & ~1u) | odd;
		CHECK(again && tcp_blob_encode(&b, again, BLOB_MAX) == OM_TCP_SIZE((uint64_t)dumped));
		memcpy(blob, again, OM_TCP_SIZE((uint64_t)dumped));
		free(again);
		p.server = (int)restore(dumped);
		CHECK(p.server >= 0);
		CHECK(getsockopt(p.server, IPPROTO_TCP, TCP_TIMESTAMP, &before, &stamp_size) == 0);
		usleep(20000);
		CHECK(getsockopt(p.server, IPPROTO_TCP, TCP_TIMESTAMP, &after, &stamp_size) == 0);
		CHECK(after - before >= 10 && after - before < 5000);
		CHECK(host_tcp_resume_all() == 0);
		stream_write(&p.up, p.client, 5000);
		everything_arrives(&p);
		close(p.server), close(p.client);
	}
	close(listener);
}

/* tcpi_segs_in, which libc's struct tcp_info lacks. */
static uint32_t segments_in(int fd)
{
	uint32_t info[36];
	socklen_t size = sizeof info;

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size) == 0 && size == sizeof info);
	return info[35];
}

/* Between dump and restore the kernel repeats nothing: with later timestamps the peer would refuse the restored connection, for
 * as long as it took. */
static void silence(struct sockaddr *address, socklen_t size, bool moves_on)
{
	int listener = listen_on(address, size);
	struct om_net_flow flow;
	uint64_t begin;
	uint32_t mark, before;
	socklen_t mark_size = sizeof mark;
	struct pair p;
	int64_t dumped;

	now_doing = "silence";
	connect_pair(&p, listener, address, size);
	flow = flow_of(p.server);
	CHECK(host_net_hold(&flow, 1) == 0);
	stream_write(&p.down, p.server, 5000);  /* it arrives; the acknowledgement is held */
	stream_read(&p.down, p.client, p.down.sent);
	stream_write(&p.up, p.client, 5000);
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	before = segments_in(p.client);
	usleep(1500000);
	CHECK(segments_in(p.client) == before);
	if (moves_on) {
		close(p.server);
		p.server = (int)restore(dumped);
		CHECK(p.server >= 0);
	} else {
		CHECK(host_tcp_undump(p.server, true) == 0);
	}
	CHECK(getsockopt(p.server, SOL_SOCKET, SO_MARK, &mark, &mark_size) == 0 && mark == 0);
	CHECK(host_net_release() == 0);
	begin = host_monotonic_ns();
	stream_write(&p.down, p.server, 5000);
	everything_arrives(&p);
	CHECK(host_monotonic_ns() - begin < 1000000000);
	close(p.server), close(p.client), close(listener);
}

/* The host has lost the address, and the connection stands: here as there. */
static void without_address(int transparent)
{
	struct sockaddr_in address = { .sin_family = AF_INET }, from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int listener, now = -1;
	struct pair p = { .up = { .seed = 3 }, .down = { .seed = 4 } };
	int64_t dumped;

	now_doing = "without its address";
	CHECK(sh("ip addr add 10.99.0.1/32 dev lo") == 0);
	address.sin_addr.s_addr = inet_addr("10.99.0.1");
	listener = listen_on((struct sockaddr *)&address, sizeof address);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	p.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(p.client, (struct sockaddr *)&from, sizeof from) == 0);
	CHECK(connect(p.client, (struct sockaddr *)&address, sizeof address) == 0);
	p.server = accept(listener, NULL, NULL);
	CHECK(p.server >= 0);
	stream_write(&p.up, p.client, 1000);
	CHECK(sh("ip addr del 10.99.0.1/32 dev lo") == 0);
	CHECK(setsockopt(p.server, IPPROTO_IP, IP_TRANSPARENT, &transparent, sizeof transparent) == 0);
	usleep(1100000);         /* what was known of the address is looked at anew after a second */
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	close(p.server);
	p.server = (int)restore(dumped);
	CHECK(p.server >= 0 && host_tcp_resume_all() == 0);
	stream_read(&p.up, p.server, p.up.sent);
	size = sizeof now;
	CHECK(getsockopt(p.server, IPPROTO_IP, IP_TRANSPARENT, &now, &size) == 0 && now == transparent);
	close(p.server), close(p.client), close(listener);
}

/* ---- across namespaces -------------------------------------------------------------------------------------- */

static void enter(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && setns(fd, CLONE_NEWNET) == 0);
	close(fd);
}

static char ns[3][32];      /* source, destination, client */

static void remove_namespaces(void)
{
	for (int i = 0; i < 3; i++)
		if (ns[i][0])
			sh("ip netns del %s 2>/dev/null", ns[i]);
}

/* The three hang on a bridge inside the client's namespace. */
static void make_namespaces(void)
{
	for (int i = 0; i < 3; i++) {
		snprintf(ns[i], sizeof ns[i], "omt%d-%d", (int)getpid(), i);
		CHECK(sh("ip netns add %s && ip -n %s link set lo up", ns[i], ns[i]) == 0);
	}
	atexit(remove_namespaces);
	CHECK(sh("ip -n %s link add br0 type bridge && ip -n %s link set br0 up && ip -n %s addr add 10.77.0.9/24 dev br0", ns[2], ns[2], ns[2]) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(sh("ip -n %s link add p%d type veth peer name eth0 netns %s", ns[2], i, ns[i]) == 0);
		CHECK(sh("ip -n %s link set p%d master br0 up && ip -n %s link set eth0 up && ip -n %s addr add 10.77.0.%d/24 dev eth0",
			ns[2], i, ns[i], ns[i], i + 1) == 0);
	}
}

static bool is_here(const char *address)
{
	return sh("ip -n %s addr show dev eth0 | grep -q '%s'", ns[0], address) == 0;
}

/* What is borrowed goes away by itself, what is kept stays, and what was there before is not made less. */
static void addresses_are_borrowed(void)
{
	struct net_address borrowed, kept, own;
	uint64_t begin = host_monotonic_ns();

	now_doing = "borrowed addresses";
	enter(ns[0]);
	CHECK(net_address_parse("10.77.0.101/32@eth0", &borrowed) == 0 && net_address_parse("10.77.0.102/32@eth0", &kept) == 0);
	CHECK(net_address_parse("10.77.0.103/32@eth0", &own) == 0 && net_address_add(&own) == 0);
	CHECK(net_address_borrow(&borrowed, 2) == 0 && net_address_borrow(&kept, 2) == 0 && net_address_borrow(&own, 2) == 0);
	CHECK(is_here("10.77.0.101/32") && is_here("10.77.0.102/32"));
	CHECK(net_address_add(&kept) == 0);
	while (is_here("10.77.0.101/32") && host_monotonic_ns() - begin < 20000000000u)
		usleep(50000);
	CHECK(!is_here("10.77.0.101/32") && is_here("10.77.0.102/32") && is_here("10.77.0.103/32"));
	CHECK(net_address_remove(&kept) == 0 && net_address_remove(&own) == 0);
}

static void move_between_namespaces(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.77.0.100") };
	struct net_address moving;
	struct om_net_flow flow;
	struct pair p = { .up = { .seed = 3 }, .down = { .seed = 4 } };
	socklen_t size = sizeof address;
	int64_t dumped, fd;
	uint64_t begin;
	int listener;

	now_doing = "between namespaces";
	enter(ns[0]);
	CHECK(net_address_parse("10.77.0.100/32@eth0", &moving) == 0);
	CHECK(net_address_add(&moving) == 0 && net_address_add(&moving) == 0);
	listener = listen_on((struct sockaddr *)&address, sizeof address);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	enter(ns[2]);
	p.client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(p.client, (struct sockaddr *)&address, sizeof address) == 0);
	p.server = accept(listener, NULL, NULL);
	close(listener);
	stream_write(&p.up, p.client, 30000);
	stream_write(&p.down, p.server, 4u << 20);
	enter(ns[0]);
	flow = flow_of(p.server);
	CHECK(host_net_hold(&flow, 1) == 0);
	stream_write(&p.up, p.client, 5000);
	dumped = dump(p.server, false);
	CHECK(dumped > 0);
	close(p.server);
	CHECK(net_address_remove(&moving) == 0 && net_address_remove(&moving) == 0);
	enter(ns[1]);
	CHECK(net_address_add(&moving) == 0);
	fd = restore(dumped);
	errno = (int)-fd;
	CHECK(fd >= 0);
	p.server = (int)fd;
	CHECK(net_address_announce(&moving) == 0);
	enter(ns[0]);
	begin = host_monotonic_ns();
	CHECK(host_net_release() == 0);
	everything_arrives(&p);
	printf("between namespaces: everything arrived %.1f ms after the release\n", (double)(host_monotonic_ns() - begin) / 1e6);
	stream_write(&p.up, p.client, 100000);
	stream_write(&p.down, p.server, 100000);
	everything_arrives(&p);
	close(p.server), close(p.client);
	addresses_are_borrowed();
	now_doing = "an IPv6 address";
	enter(ns[0]);
	CHECK(net_address_parse("fd77::64/128@eth0", &moving) == 0);
	CHECK(net_address_add(&moving) == 0 && net_address_announce(&moving) == 0 && net_address_remove(&moving) == 0);
	CHECK(net_address_parse("fd77::64/129@eth0", &moving) < 0 && net_address_parse("fd77::64@eth0", &moving) < 0);
	CHECK(net_address_parse("10.0.0.1/24@nowhere", &moving) < 0 && net_address_parse("10.0.0/24@eth0", &moving) < 0);
}

/* In a process of its own, because the hold belongs to one namespace. */
static void in_child(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		make_namespaces();
		run();
		exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- many at once ------------------------------------------------------------------------------------------------ */

#define MANY 600
static struct pair many_pairs[MANY];
static int32_t many_fds[MANY];
static struct { uint8_t *bytes; uint64_t size; } many_dumps[MANY];

static bool has_own_mark(int i) { return i % 11 == 5; }
static bool is_half_closed(int i) { return i % 7 == 3; }

static void make_many(int listener, struct sockaddr *address, socklen_t size)
{
	int own = 5;

	for (int i = 0; i < MANY; i++) {
		struct pair *p = &many_pairs[i];

		connect_pair(p, listener, address, size);
		if (i % 3 == 1) {
			stream_write(&p->up, p->client, 5000);
			stream_write(&p->down, p->server, 5000);
		}
		if (is_half_closed(i))
			CHECK(shutdown(p->client, SHUT_WR) == 0);
		if (has_own_mark(i))
			CHECK(setsockopt(p->server, SOL_SOCKET, SO_MARK, &own, sizeof own) == 0);
		many_fds[i] = p->server;
	}
}

static void dump_many_ahead(void)
{
	static struct om_tcp_wanted wanted[MANY];

	for (int i = 0; i < MANY; i++)
		wanted[i] = (struct om_tcp_wanted){ .fd = many_pairs[i].server, .kind = has_own_mark(i) ? 0 : 1 };
	CHECK(host_tcp_dump_ahead(wanted, MANY) == 0);
}

static void many_are_as_they_were(void)
{
	int value;
	socklen_t size = sizeof value;

	for (int i = 0; i < MANY; i++) {
		CHECK(getsockopt(many_pairs[i].server, SOL_SOCKET, SO_MARK, &value, &size) == 0 && value == (has_own_mark(i) ? 5 : 0));
		CHECK(getsockopt(many_pairs[i].server, SOL_SOCKET, SO_REUSEADDR, &value, &size) == 0 && value == 1);
		CHECK(state_of(many_pairs[i].server) == (is_half_closed(i) ? TCP_CLOSE_WAIT : TCP_ESTABLISHED));
		stream_write(&many_pairs[i].down, many_pairs[i].server, 100);
		if (!is_half_closed(i))
			stream_write(&many_pairs[i].up, many_pairs[i].client, 100);
		everything_arrives(&many_pairs[i]);
	}
}

/* Dumped ahead, half of them asked for, and called off. */
static void call_many_off(void)
{
	dump_many_ahead();
	for (int i = 0; i < MANY / 2; i++) {
		int64_t dumped = dump(many_pairs[i].server, false);

		CHECK(dumped > 0 && (uint64_t)dumped & OM_TCP_REUSE);
		CHECK(host_tcp_undump(many_pairs[i].server, true) == 0);
	}
	host_tcp_undump_ahead();
	CHECK(host_net_release() == 0);
	many_are_as_they_were();
}

static void restore_many(enum host_tcp_when when)
{
	for (int i = 0; i < MANY; i++) {
		int64_t fd = host_tcp_restore(many_dumps[i].bytes, many_dumps[i].size, 0, many_dumps[i].size, when);

		CHECK(fd >= 0);
		many_pairs[i].server = (int)fd;
	}
}

static void fetch_many(void)
{
	for (int i = 0; i < MANY; i++) {
		int64_t dumped = dump(many_pairs[i].server, false);

		CHECK(dumped > 0);
		free(many_dumps[i].bytes);
		many_dumps[i].size = OM_TCP_SIZE((uint64_t)dumped);
		many_dumps[i].bytes = malloc(many_dumps[i].size);
		memcpy(many_dumps[i].bytes, blob, many_dumps[i].size);
		many_fds[i] = many_pairs[i].server;
	}
}

static void many(struct sockaddr *address, socklen_t size)
{
	int listener = listen_on(address, size);
	struct om_net_flow flow;
	int64_t failure;

	now_doing = "many";
	make_many(listener, address, size);
	flow = flow_of(many_pairs[0].server);
	CHECK(host_net_hold(&flow, 1) == 0);
	call_many_off();
	/* Both hosts in one network: each waits for the source's own to leave. */
	CHECK(host_net_hold(&flow, 1) == 0);
	dump_many_ahead();
	fetch_many();
	net_spare_make((struct net_spare_hint){ MANY / 2, address->sa_family == AF_INET6 });
	restore_many(HOST_TCP_LATER);
	CHECK(host_tcp_stand_all() == 0 && host_tcp_claim_all() == MANY);
	CHECK(host_tcp_leave(many_fds, MANY / 4, false) == 0);
	CHECK(host_tcp_claim_all() > 0);
	CHECK(host_tcp_leave(many_fds + MANY / 4, MANY - MANY / 4, false) == 0);
	CHECK(host_tcp_claim_all() == 0);
	CHECK(host_tcp_leave(many_fds, MANY, true) == 0 && fcntl(many_fds[MANY - 1], F_GETFD) < 0);
	CHECK(host_net_release() == 0);
	many_are_as_they_were();
	/* Hosts of their own. What stands in the way is named. */
	CHECK(host_net_hold(&flow, 1) == 0);
	dump_many_ahead();
	fetch_many();
	CHECK(host_tcp_leave(many_fds, MANY - 1, true) == 0);
	restore_many(HOST_TCP_SOON);
	failure = host_tcp_stand_all();
	CHECK(OM_TCP_FAILURE_FD(failure) == many_pairs[MANY - 1].server && OM_TCP_FAILURE_ERROR(failure) == -EADDRNOTAVAIL);
	CHECK(host_tcp_leave(many_fds + MANY - 1, 1, true) == 0 && host_tcp_claim_all() == 0);
	CHECK(host_net_release() == 0);
	many_are_as_they_were();
	for (int i = 0; i < MANY; i++)
		close(many_pairs[i].server), close(many_pairs[i].client);
	close(listener);
}

int main(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in to = v4;

	host_log_options(false, getenv("V") != NULL);
	blob = malloc(BLOB_MAX);
	(void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4096, 4096 });
	if (geteuid() != 0 || unshare(CLONE_NEWNET) || sh("ip link set lo up")) {
		puts("needs root, network namespaces and ip(8)");
		return 77;
	}
	in_child(move_between_namespaces);
	if (host_net_prepare()) {
		puts("needs nftables and CAP_NET_ADMIN");
		return 77;
	}
	hundred_moves((struct sockaddr *)&v4, (struct sockaddr *)&to, sizeof v4, "IPv4");
	hundred_moves((struct sockaddr *)&v6, (struct sockaddr *)&v6, sizeof v6, "IPv6");
	v6.sin6_port = 0;
	hundred_moves((struct sockaddr *)&any, (struct sockaddr *)&to, sizeof any, "IPv4 on IPv6");
	printf("each: hold %.0f us, dump %.0f us, restore %.0f us, release %.0f us\n", (double)hold_ns / (double)moves / 1e3,
		(double)dump_ns / (double)moves / 1e3, (double)restore_ns / (double)moves / 1e3, (double)release_ns / (double)moves / 1e3);
	peer_closed((struct sockaddr *)&v4, sizeof v4);
	peer_closed_and_owes_acknowledgements((struct sockaddr *)&v4, sizeof v4);
	peer_closed_and_owes_acknowledgements((struct sockaddr *)&v6, sizeof v6);
	peer_closed((struct sockaddr *)&v6, sizeof v6);
	v4.sin_port = v6.sin6_port = 0;
	we_closed((struct sockaddr *)&v4, sizeof v4);
	v4.sin_port = v6.sin6_port = 0;
	we_closed_and_so_did_the_window((struct sockaddr *)&v4, sizeof v4);
	we_closed_and_so_did_the_window((struct sockaddr *)&v6, sizeof v6);
	v4.sin_port = v6.sin6_port = 0;
	we_closed_behind_much((struct sockaddr *)&v4, sizeof v4);
	we_closed_behind_much((struct sockaddr *)&v6, sizeof v6);
	v4.sin_port = 0;
	failures_change_nothing((struct sockaddr *)&v4, sizeof v4);
	for (int i = 0; i < 2; i++) {
		v4.sin_port = v6.sin6_port = 0;
		over((struct sockaddr *)&v4, sizeof v4, i, 0);
		v4.sin_port = 0;
		over((struct sockaddr *)&v4, sizeof v4, i, 1);
		v4.sin_port = 0;
		over((struct sockaddr *)&v4, sizeof v4, i, 100000);
		over((struct sockaddr *)&v6, sizeof v6, i, 3000000);
	}
	for (int i = 0; i < 2; i++) {
		v4.sin_port = v6.sin6_port = 0;
		reset_while_held((struct sockaddr *)&v4, sizeof v4, i);
		reset_while_held((struct sockaddr *)&v6, sizeof v6, i);
	}
	v4.sin_port = v6.sin6_port = 0;
	many((struct sockaddr *)&v4, sizeof v4);
	many((struct sockaddr *)&v6, sizeof v6);
	v4.sin_port = v6.sin6_port = 0;
	refused((struct sockaddr *)&v4, sizeof v4);
	refused((struct sockaddr *)&v6, sizeof v6);
	v4.sin_port = 0;
	stamps((struct sockaddr *)&v4, sizeof v4);
	for (int i = 0; i < 2; i++) {
		v4.sin_port = 0;
		silence((struct sockaddr *)&v4, sizeof v4, i);
	}
	without_address(0);
	without_address(1);
	return 0;
}
