/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A closed socket cannot be filled. So an open one is filled and closed, and the kernel itself makes what the program shall find:
 *
 *     over        connect to ourselves, the other end sends the data; both ends close
 *     reset       the same, but the other end closes with a reset; after its FIN if the error is EPIPE, for then reading tells the
 *                 end first
 *     refused     connect, without waiting, where nobody listens
 *
 * No packet leaves the host, and no right is needed but for buffers larger than the host's limit.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "options.h"
#include "priv/priv.h"
#include "sockopt.h"
#include "tcp.h"
#include "tcp_closed.h"

#define WAITS    2000
#define PAUSE_NS 500000
#define STRANGERS_MAX 64

struct ends { int ours, other, listener; };

static socklen_t loopback(uint8_t family, struct sockaddr_storage *to)
{
	struct tcp_blob_address address = { .bytes = { [15] = 1 } };

	if (family == 4)
		address = (struct tcp_blob_address){ .bytes = { 127, 0, 0, 1 } };
	return tcp_blob_to_sockaddr(family, &address, 0, to);
}

/* Room for all the data at once: nobody reads. The window's scale is agreed upon when they connect. */
static void make_room(int fd, int name, int force, uint32_t size)
{
	int wanted = room_for(size);

	if (priv_buffer(fd, force, wanted))
		(void)set_int(fd, SOL_SOCKET, name, wanted); /* what is too little shows when the data do not fit */
}

/* The listener is anybody's to connect to; the data are nobody else's. */
static int accept_ours(struct ends *e)
{
	struct sockaddr_storage ours = { 0 }, peer;
	socklen_t size = sizeof ours;

	TRY(getsockname(e->ours, (struct sockaddr *)&ours, &size));
	for (int i = 0; i < STRANGERS_MAX; i++) {
		memset(&peer, 0, sizeof peer);
		size = sizeof peer;
		TRY(e->other = accept4(e->listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC));
		if (!memcmp(&ours, &peer, sizeof ours))
			return 0;
		close(e->other);
		e->other = -1;
	}
	return -ECONNABORTED;
}

static int connect_to_ourselves(struct ends *e, const struct tcp_blob *b)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(b->family, &address);
	int family = b->family == 4 ? AF_INET : AF_INET6;

	TRY(e->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	TRY(e->ours = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	TRY(bind(e->listener, (struct sockaddr *)&address, size));
	TRY(listen(e->listener, 1));
	TRY(getsockname(e->listener, (struct sockaddr *)&address, &size));
	if (b->receive_size)
		make_room(e->ours, SO_RCVBUF, SO_RCVBUFFORCE, b->receive_size);
	TRY(connect(e->ours, (struct sockaddr *)&address, size));
	return accept_ours(e);
}

static int wait_until(int fd, bool (*reached)(int fd, uint32_t what), uint32_t what)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (int i = 0; i < WAITS; i++) {
		if (reached(fd, what))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static bool has_bytes(int fd, uint32_t size)
{
	int in = 0;

	return ioctl(fd, FIONREAD, &in) == 0 && (uint32_t)in >= size;
}

static bool is_in(int fd, uint32_t state)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == state;
}

static int fill(const struct ends *e, const struct tcp_blob *b)
{
	if (b->receive_size == 0)
		return 0;
	make_room(e->other, SO_SNDBUF, SO_SNDBUFFORCE, b->receive_size);
	for (uint32_t done = 0; done < b->receive_size;) {
		ssize_t sent = send(e->other, b->receive_queue + done, b->receive_size - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		TRY(sent);
		done += (uint32_t)sent;
	}
	return wait_until(e->ours, has_bytes, b->receive_size);
}

static int end(struct ends *e, const struct tcp_blob *b)
{
	static const struct linger reset = { 1, 0 };

	if (b->error == EPIPE) {
		int error;

		TRY(shutdown(e->other, SHUT_WR));
		if ((error = wait_until(e->ours, is_in, TCP_CLOSE_WAIT)))
			return error;
	}
	if (b->error)
		TRY(setsockopt(e->other, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
	else
		TRY(shutdown(e->ours, SHUT_WR));
	close(e->other);
	e->other = -1;
	return wait_until(e->ours, is_in, TCP_CLOSE);
}

static int make_over(struct ends *e, const struct tcp_blob *b)
{
	int error = connect_to_ourselves(e, b);

	if (!error)
		error = fill(e, b);
	return error ? error : end(e, b);
}

static int make_refused(struct ends *e, const struct tcp_blob *b)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(b->family, &address);
	int family = b->family == 4 ? AF_INET : AF_INET6, error;
	struct pollfd p;

	/* A port that is taken, by one who does not listen. */
	TRY(e->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	TRY(bind(e->listener, (struct sockaddr *)&address, size));
	TRY(getsockname(e->listener, (struct sockaddr *)&address, &size));
	TRY(e->ours = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (connect(e->ours, (struct sockaddr *)&address, size) == 0 || (errno != EINPROGRESS && errno != ECONNREFUSED))
		return -EIO;
	p = (struct pollfd){ e->ours, POLLOUT, 0 };
	if (poll(&p, 1, 1000) != 1)
		return -ETIMEDOUT;
	size = sizeof error;
	if (!b->error)
		TRY(getsockopt(e->ours, SOL_SOCKET, SO_ERROR, &error, &size));
	return 0;
}

static void close_end(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool host_tcp_buffers_wanted(int fd, const struct tcp_blob *b, uint32_t *ret_send, uint32_t *ret_receive)
{
	uint32_t now[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof now;

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, now, &length))
		return false;
	*ret_send = now[SK_MEMINFO_SNDBUF] == b->send_buffer ? 0 : b->send_buffer / 2;
	*ret_receive = now[SK_MEMINFO_RCVBUF] == b->receive_buffer ? 0 : b->receive_buffer / 2;
	return *ret_send || *ret_receive;
}

void host_tcp_buffers_locked(int fd, const struct tcp_blob *b)
{
	(void)set_int(fd, SOL_SOCKET, SO_BUF_LOCK, b->buffer_locks); /* since Linux 5.14; before, they stay fixed */
}

void host_tcp_buffers(int fd, const struct tcp_blob *b)
{
	const struct { int now, force; uint32_t size; } sides[] = { { SK_MEMINFO_SNDBUF, SO_SNDBUFFORCE, b->send_buffer },
		{ SK_MEMINFO_RCVBUF, SO_RCVBUFFORCE, b->receive_buffer } };
	bool changed = b->buffer_locks != 0;
	uint32_t now[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof now;

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, now, &length))
		return;
	for (int i = 0; i < 2; i++) {
		if (now[sides[i].now] == sides[i].size)
			continue;
		(void)priv_buffer(fd, sides[i].force, (int)(sides[i].size / 2)); /* a host without the right keeps its own */
		changed = true;
	}
	if (changed)
		host_tcp_buffers_locked(fd, b);
}

int host_tcp_closed(const struct tcp_blob *b)
{
	struct ends e = { -1, -1, -1 };
	int error = b->flags & TCP_BLOB_REFUSED ? make_refused(&e, b) : make_over(&e, b);

	close_end(e.listener);
	close_end(e.other);
	if (error) {
		close_end(e.ours);
		return error;
	}
	host_tcp_buffers(e.ours, b);
	net_options_apply(e.ours, b->option_list, b->option_size, NET_OPTIONS_CONNECTION);
	net_options_apply(e.ours, b->option_list, b->option_size, NET_OPTIONS_LATER);
	return e.ours;
}
