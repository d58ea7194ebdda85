/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dump and restore of one TCP connection. The order of the steps is what works (each other order lost data, or was
 * refused by the kernel):
 *
 *   dump      repair on, state and addresses, queues and sequence numbers, options, windows; look once more at the
 *             sequence number (a packet that was already past the hold); close, which in repair mode sends nothing
 *   restore   socket, repair on, sequence numbers, bind, connect (sends nothing), TCP options, timestamp, receive queue,
 *             sent part of the send queue, windows
 *   resume    forged FIN if one had been received, repair off, unsent data, socket options (repair off resets
 *             SO_REUSEADDR; setting it earlier would break the bind next to a listener), shutdown if a FIN had been sent
 *
 * Between restore and resume a connection neither sends nor acknowledges, and closing it tells nobody: as long as it is
 * not settled on which host the program runs, its peers must not hear of this one.
 *
 * A FIN we sent before is sent again: the peer, which has seen it, acknowledges it again. A FIN we received is not
 * repeated by a peer that has our acknowledgement: it is forged and fed to the new socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "packet.h"
#include "tcp.h"
#include "tcp_blob.h"
#include "tcp_options.h"
#include "util.h"

#define REPAIR_OFF_SILENTLY (-1)     /* TCP_REPAIR_OFF_NO_WP: no window probe */
#define DUMP_TRIES          3

#define TRY(call) do { \
	if ((call) < 0) \
		return -errno; \
} while (0)

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

static int get_u32(int fd, int name, uint32_t *value)
{
	socklen_t size = sizeof *value;

	return getsockopt(fd, IPPROTO_TCP, name, value, &size);
}

static int queue_seq(int fd, int queue, uint32_t *seq)
{
	return set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) < 0 ? -1 : get_u32(fd, TCP_QUEUE_SEQ, seq);
}

/* ---- dump -------------------------------------------------------------------------------------------------- */

static int read_addresses(int fd, struct tcp_blob *b)
{
	struct sockaddr_storage local, remote;
	socklen_t local_size = sizeof local, remote_size = sizeof remote;
	uint32_t scope, ignored;
	uint8_t family;
	char name[IF_NAMESIZE];

	TRY(getsockname(fd, (struct sockaddr *)&local, &local_size));
	TRY(getpeername(fd, (struct sockaddr *)&remote, &remote_size));
	if (!tcp_blob_from_sockaddr(&local, &b->local, &b->family, &scope) ||
	    !tcp_blob_from_sockaddr(&remote, &b->remote, &family, &ignored) || family != b->family)
		return -EAFNOSUPPORT;
	if (scope && if_indextoname(scope, name))
		memcpy(b->interface, name, strnlen(name, sizeof b->interface - 1));
	return 0;
}

static int read_state(int fd, struct tcp_blob *b)
{
	struct tcp_info info;
	socklen_t size = sizeof info;
	int flags;

	memset(&info, 0, sizeof info);
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
	b->state = info.tcpi_state;
	switch (info.tcpi_state) {
	case TCP_ESTABLISHED: break;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:   b->flags |= TCP_BLOB_FIN_SENT; break;
	case TCP_CLOSE_WAIT:  b->flags |= TCP_BLOB_FIN_RECEIVED; break;
	case TCP_LAST_ACK:
	case TCP_CLOSING:     b->flags |= TCP_BLOB_FIN_SENT | TCP_BLOB_FIN_RECEIVED; break;
	default:              return -EOPNOTSUPP;
	}
	TRY(flags = fcntl(fd, F_GETFL));
	if (flags & O_NONBLOCK)
		b->flags |= TCP_BLOB_NONBLOCK;
	b->options = info.tcpi_options & TCP_BLOB_OPT_KNOWN;
	if (b->options & TCP_BLOB_OPT_WSCALE) {
		b->send_scale = info.tcpi_snd_wscale;
		b->receive_scale = info.tcpi_rcv_wscale;
	}
	return 0;
}

static int read_parameters(int fd, struct tcp_blob *b)
{
	struct tcp_repair_window window;
	socklen_t size = sizeof window, name_size = sizeof b->congestion - 1;

	TRY(get_u32(fd, TCP_MAXSEG, &b->mss));
	TRY(get_u32(fd, TCP_TIMESTAMP, &b->timestamp));
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &size));
	b->snd_wl1 = window.snd_wl1;
	b->snd_wnd = window.snd_wnd;
	b->max_window = window.max_window;
	b->rcv_wnd = window.rcv_wnd;
	b->rcv_wup = window.rcv_wup;
	/* Unknown: the default of the other host. */
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, b->congestion, &name_size))
		b->congestion[0] = 0;
	tcp_options_read(fd, b);
	return 0;
}

/* Sizes without FINs, and the sequence numbers of the queues' first bytes. */
static int read_sizes(int fd, struct tcp_blob *b, uint32_t *ret_rcv_nxt)
{
	int in, out, unsent;
	uint32_t rcv_nxt, write_seq;

	TRY(queue_seq(fd, TCP_RECV_QUEUE, &rcv_nxt));
	TRY(queue_seq(fd, TCP_SEND_QUEUE, &write_seq));
	TRY(ioctl(fd, SIOCINQ, &in));
	TRY(ioctl(fd, SIOCOUTQ, &out));
	TRY(ioctl(fd, SIOCOUTQNSD, &unsent));
	if (b->flags & TCP_BLOB_FIN_SENT) {
		write_seq--;
		/* Both counts include a FIN that is not acknowledged, or not even sent. */
		if (b->state != TCP_FIN_WAIT2)
			out--;
		if (unsent > 0)
			unsent--;
	}
	if (in < 0 || out < 0 || unsent < 0 || unsent > out || out > (int)TCP_BLOB_QUEUE_MAX || in > (int)TCP_BLOB_QUEUE_MAX)
		return -EPROTO;
	b->receive_size = (uint32_t)in;
	b->send_size = (uint32_t)out;
	b->unsent_size = (uint32_t)unsent;
	b->receive_seq = rcv_nxt - (uint32_t)in - !!(b->flags & TCP_BLOB_FIN_RECEIVED);
	b->send_seq = write_seq - (uint32_t)out;
	*ret_rcv_nxt = rcv_nxt;
	return 0;
}

static int peek(int fd, int queue, uint8_t *to, uint32_t size)
{
	ssize_t got;

	if (size == 0)
		return 0;
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue));
	TRY(got = recv(fd, to, size, MSG_PEEK | MSG_DONTWAIT));
	return (uint32_t)got == size ? 0 : -EAGAIN;
}

/* -EAGAIN: the connection changed meanwhile. */
static int64_t dump_once(int fd, uint8_t *blob, uint64_t capacity)
{
	struct tcp_blob b = { 0 };
	uint32_t rcv_nxt, again;
	size_t size;
	int error = read_state(fd, &b);

	if (!error)
		error = read_addresses(fd, &b);
	if (!error)
		error = read_parameters(fd, &b);
	if (!error)
		error = read_sizes(fd, &b, &rcv_nxt);
	if (error)
		return error;
	size = tcp_blob_encode(&b, blob, capacity);
	if (size == 0)
		return -ENOBUFS;
	error = peek(fd, TCP_RECV_QUEUE, b.receive_queue, b.receive_size);
	if (!error)
		error = peek(fd, TCP_SEND_QUEUE, b.send_queue, b.send_size);
	if (error)
		return error;
	TRY(queue_seq(fd, TCP_RECV_QUEUE, &again));
	return again == rcv_nxt ? (int64_t)size : -EAGAIN;
}

int64_t host_tcp_dump(int fd, uint8_t *blob, uint64_t capacity)
{
	int64_t result = -EAGAIN;

	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON));
	for (int i = 0; i < DUMP_TRIES && result == -EAGAIN; i++)
		result = dump_once(fd, blob, capacity);
	if (result < 0)
		(void)set_int(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF_SILENTLY);  /* cannot fail once it is on */
	else
		close(fd);
	return result;
}

/* ---- restore ----------------------------------------------------------------------------------------------- */

static int connect_silently(int fd, const struct tcp_blob *b)
{
	struct sockaddr_storage local, remote;
	uint32_t scope = b->interface[0] ? if_nametoindex(b->interface) : 0;
	socklen_t size = tcp_blob_to_sockaddr(b->family, &b->local, scope, &local);

	tcp_blob_to_sockaddr(b->family, &b->remote, scope, &remote);
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE));
	TRY(set_int(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)b->send_seq));
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE));
	TRY(set_int(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)b->receive_seq));
	TRY(bind(fd, (struct sockaddr *)&local, size));
	TRY(connect(fd, (struct sockaddr *)&remote, size));
	return 0;
}

static int set_parameters(int fd, const struct tcp_blob *b)
{
	struct tcp_repair_opt options[4];
	unsigned n = 0;

	if (b->options & TCP_BLOB_OPT_SACK)
		options[n++] = (struct tcp_repair_opt){ TCPOPT_SACK_PERMITTED, 0 };
	if (b->options & TCP_BLOB_OPT_WSCALE)
		options[n++] = (struct tcp_repair_opt){ TCPOPT_WINDOW, b->send_scale | (uint32_t)b->receive_scale << 16 };
	if (b->options & TCP_BLOB_OPT_TIMESTAMPS)
		options[n++] = (struct tcp_repair_opt){ TCPOPT_TIMESTAMP, 0 };
	options[n++] = (struct tcp_repair_opt){ TCPOPT_MAXSEG, b->mss };
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options, n * sizeof options[0]));
	if (b->options & TCP_BLOB_OPT_TIMESTAMPS)
		TRY(set_int(fd, IPPROTO_TCP, TCP_TIMESTAMP, (int)b->timestamp));
	/* Missing on this host: its default serves as well. */
	if (b->congestion[0])
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, b->congestion, (socklen_t)strlen(b->congestion));
	return 0;
}

/* The buffer must take the whole queue at once; the kernel counts its own overhead against it. */
static void make_room(int fd, int option, uint32_t size)
{
	int room, wanted = (int)(size * 2 + 65536);
	socklen_t length = sizeof room;

	if (getsockopt(fd, SOL_SOCKET, option == SO_RCVBUFFORCE ? SO_RCVBUF : SO_SNDBUF, &room, &length) == 0 && room < 2 * wanted)
		(void)set_int(fd, SOL_SOCKET, option, wanted);
}

static int fill_queue(int fd, int queue, const uint8_t *data, uint32_t size)
{
	if (size == 0)
		return 0;
	make_room(fd, queue == TCP_RECV_QUEUE ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, size);
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue));
	while (size > 0) {
		/* Larger pieces would need contiguous kernel memory. */
		ssize_t done = send(fd, data, size < 32768 ? size : 32768, MSG_DONTWAIT | MSG_NOSIGNAL);

		TRY(done);
		data += done;
		size -= (uint32_t)done;
	}
	return 0;
}

static int set_window(int fd, const struct tcp_blob *b)
{
	struct tcp_repair_window window = { b->snd_wl1, b->snd_wnd, b->max_window, b->rcv_wnd, b->rcv_wup };
	uint32_t rcv_nxt = b->receive_seq + b->receive_size;

	/* The FIN, not yet received here, was counted there. */
	if ((int32_t)(window.rcv_wup - rcv_nxt) > 0)
		window.rcv_wup = rcv_nxt;
	if ((int32_t)(window.snd_wl1 - rcv_nxt) > 0)
		window.snd_wl1 = rcv_nxt;
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window));
	return 0;
}

static uint8_t unmapped(uint8_t family, const struct tcp_blob_address *from, struct tcp_blob_address *to)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	*to = *from;
	if (family == 4 || memcmp(from->bytes, prefix, sizeof prefix) != 0)
		return family;
	memcpy(to->bytes, from->bytes + 12, 4);
	return 4;
}

static int receive_fin(int fd, const struct tcp_blob *b)
{
	struct tcp_blob_address local, remote;
	uint8_t family = unmapped(b->family, &b->local, &local);
	uint32_t window = b->snd_wnd >> b->send_scale;
	int error;

	unmapped(b->family, &b->remote, &remote);
	error = host_packet_send_fin(family, &remote, &local, b->receive_seq + b->receive_size,
		b->send_seq + b->send_size - b->unsent_size, window < 65535 ? (uint16_t)window : 65535);
	/* Delivered by a softirq of our own send, or soon after. */
	for (int i = 0; !error && i < 100; i++) {
		struct timespec pause = { .tv_nsec = 200000 };
		struct tcp_info info;
		socklen_t size = sizeof info;

		TRY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
		if (info.tcpi_state == TCP_CLOSE_WAIT)
			return 0;
		nanosleep(&pause, NULL);
	}
	return error ? error : -ETIMEDOUT;
}

static int resume(int fd, const struct tcp_blob *b)
{
	const uint8_t *data = b->send_queue + (b->send_size - b->unsent_size);
	uint32_t left = b->unsent_size;

	if (b->flags & TCP_BLOB_FIN_RECEIVED) {
		int error = receive_fin(fd, b);

		if (error)
			return error;
	}
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_NO_QUEUE));
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF));
	if (left > 0)
		make_room(fd, SO_SNDBUFFORCE, b->send_size);
	while (left > 0) {
		ssize_t done = send(fd, data, left, MSG_DONTWAIT | MSG_NOSIGNAL);

		TRY(done);
		data += done;
		left -= (uint32_t)done;
	}
	tcp_options_apply(fd, b);
	if (b->flags & TCP_BLOB_FIN_SENT)
		TRY(shutdown(fd, SHUT_WR));
	return 0;
}

static int restore(int fd, const struct tcp_blob *b)
{
	int error;

	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON));
	error = connect_silently(fd, b);
	if (!error)
		error = set_parameters(fd, b);
	if (!error)
		error = fill_queue(fd, TCP_RECV_QUEUE, b->receive_queue, b->receive_size);
	if (!error)
		error = fill_queue(fd, TCP_SEND_QUEUE, b->send_queue, b->send_size - b->unsent_size);
	return error ? error : set_window(fd, b);
}

/* ---- silent connections ------------------------------------------------------------------------------------ */

/* The descriptor belongs to the caller, who may have closed it meanwhile; the cookie tells. */
struct silent {
	struct silent *next;
	int fd;
	uint64_t cookie;
	uint64_t size;
	uint8_t blob[];
};

static pthread_mutex_t silent_lock = PTHREAD_MUTEX_INITIALIZER;
static struct silent *silent_list;

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) ? 0 : cookie;
}

static int remember_silent(int fd, const uint8_t *blob, uint64_t size)
{
	struct silent *s = malloc(sizeof *s + size);

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->cookie = cookie_of(fd);
	s->size = size;
	memcpy(s->blob, blob, size);
	pthread_mutex_lock(&silent_lock);
	s->next = silent_list;
	silent_list = s;
	pthread_mutex_unlock(&silent_lock);
	return 0;
}

static struct silent *take_silent(void)
{
	struct silent *list;

	pthread_mutex_lock(&silent_lock);
	list = silent_list;
	silent_list = NULL;
	pthread_mutex_unlock(&silent_lock);
	return list;
}

int host_tcp_resume_all(void)
{
	struct silent *list = take_silent();
	int first = 0;

	while (list) {
		struct silent *s = list;
		struct tcp_blob b;
		int error = 0;

		list = s->next;
		/* It was decoded before, from these very bytes. */
		if (s->cookie && cookie_of(s->fd) == s->cookie && !tcp_blob_decode(&b, s->blob, s->size))
			error = resume(s->fd, &b);
		if (error)
			host_error("a TCP connection (descriptor %d) does not go on: %s", s->fd, strerror(-error));
		if (!first)
			first = error;
		free(s);
	}
	return first;
}

void host_tcp_forget_all(void)
{
	struct silent *list = take_silent();

	while (list) {
		struct silent *s = list;

		list = s->next;
		free(s);
	}
}

int64_t host_tcp_restore(const uint8_t *blob, uint64_t size)
{
	struct tcp_blob b;
	int fd, error;

	if (tcp_blob_decode(&b, blob, size))
		return -EINVAL;
	fd = socket(b.family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | (b.flags & TCP_BLOB_NONBLOCK ? SOCK_NONBLOCK : 0), 0);
	TRY(fd);
	error = restore(fd, &b);
	if (!error)
		error = remember_silent(fd, blob, size);
	if (error) {
		/* The peer must not hear of it: the blob may be tried again, here or elsewhere. */
		(void)set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
		close(fd);
		return error;
	}
	return fd;
}
