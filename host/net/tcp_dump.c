/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dump of one TCP connection. The order of the steps is what works (each other order lost data, or was refused by the kernel):
 * repair on, state and addresses, windows, sequence numbers and sizes, queues; look once more at the sequence number (a packet
 * that was already past the hold).
 *
 * The connection stays as it is, in repair mode. Repair mode keeps a closing descriptor silent, so a source that goes away
 * tells the peer nothing. Leaving repair mode costs the connection its SO_REUSEADDR, which host_tcp_undump gives back as it was.
 *
 * Repair mode does not stop the kernel's timers. The kernel would go on repeating unacknowledged data, with timestamps that are later
 * than the dump's. A peer that has seen such a timestamp refuses all that the restored connection sends until the connection's clock has
 * come so far. That takes as long as the program stood. So a dumped socket gets a mark, and the hold's rules let no packet with that
 * mark pass. A socket that has a mark of its own keeps it, because nobody could give it back; its connection may be refused for a while.
 *
 * A segment stays in the kernel's queue until the peer has acknowledged all of it. So the queue may hold more than SIOCOUTQ
 * counts. The last bytes of the queue are the ones that count.
 *
 * A program with many connections stands still for all their dumps, so each system call counts. Most connections are idle, and an idle
 * connection is not asked for what is known (read_sizes). The dumps are made ahead, by several threads.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "hostcall.h"
#include "options.h"
#include "packet.h"
#include "parallel.h"
#include "priv/priv.h"
#include "sockopt.h"
#include "tcp.h"
#include "tcp_blob.h"

#define DUMP_TRIES          3
#define SEGMENT_MAX         (1u << 19)   /* of one buffer in the kernel's queue, whatever the device: IPv6's BIG TCP */

/* What connections of one kind have in common: read of the first. */
struct kind {
	uint64_t number;                 /* 0: the rest is of no use to the next connection */
	uint8_t list[NET_OPTIONS_MAX];
	uint16_t size;
	bool reuse;
	uint32_t mark, locks;
};

/* Most connections of a server have the same local address. */
struct local { struct sockaddr_storage address; time_t at; bool here; };

/* One thread's. */
struct work {
	uint8_t *dump, *scratch;         /* of the connection at hand */
	size_t dump_capacity, dump_size, scratch_capacity;
	struct kind kind;
	struct local local;
	const int *asked;                /* a server has been asked to make it silent, and has said so; NULL: not yet */
};

static void work_done(struct work *w)
{
	free(w->dump);
	free(w->scratch);
	*w = (struct work){ 0 };
}

/* One program is frozen at a time, by one thread. */
static struct work alone;
/* Dumps that were made ahead; NULL: there is none. */
static struct ahead { int fd; bool reuse; uint8_t *dump; uint64_t size; } *aheads;
static uint32_t ahead_count, ahead_next;       /* those before the next one have been fetched */

static int get_u32(int fd, int level, int name, uint32_t *value)
{
	socklen_t size = sizeof *value;

	return getsockopt(fd, level, name, value, &size);
}

static int queue_seq(int fd, int queue, uint32_t *seq)
{
	return set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) < 0 ? -1 : get_u32(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq);
}

static bool grow(uint8_t **buffer, size_t *capacity, size_t size)
{
	uint8_t *more;

	if (size <= *capacity)
		return true;
	more = realloc(*buffer, size * 2);
	if (!more)
		return false;
	*buffer = more;
	*capacity = size * 2;
	return true;
}

/* ---- timestamps ------------------------------------------------------------------------------------------------- */

/* An odd value makes the clock one of microseconds there, and is only a number elsewhere: how far does it go in 2 ms? */
static bool ask_for_unit(int fd)
{
	static const struct timespec pause = { .tv_nsec = 2000000 };
	uint32_t value = 0;

	if (set_int(fd, IPPROTO_TCP, TCP_REPAIR, 1) || set_int(fd, IPPROTO_TCP, TCP_TIMESTAMP, 1))
		return false;
	nanosleep(&pause, NULL);
	return !get_u32(fd, IPPROTO_TCP, TCP_TIMESTAMP, &value) && value >= 1000;
}

bool host_tcp_stamps_tell(void)
{
	static enum { UNKNOWN, NO, YES } answer;
	int fd;

	if (answer == UNKNOWN && (fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0) {
		answer = ask_for_unit(fd) ? YES : NO;
		close(fd);
	}
	return answer == YES;
}

/* ---- a connection that stands ------------------------------------------------------------------------------------- */

static bool address_is_here(struct local *last, const struct sockaddr_storage *local, socklen_t size)
{
	struct sockaddr_storage any_port = *local;
	struct timespec now;
	int fd;

	((struct sockaddr_in *)&any_port)->sin_port = 0;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (last->at == now.tv_sec && memcmp(&last->address, &any_port, sizeof any_port) == 0)
		return last->here;
	last->address = any_port;
	last->at = now.tv_sec;
	fd = socket(local->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	last->here = fd < 0 || bind(fd, (struct sockaddr *)&any_port, size) == 0 || errno != EADDRNOTAVAIL;
	if (fd >= 0)
		close(fd);
	return last->here;
}

static int read_addresses(int fd, struct local *last, struct tcp_blob *b)
{
	struct sockaddr_storage local = { 0 }, remote = { 0 };
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
	if (!address_is_here(last, &local, local_size))
		b->flags |= TCP_BLOB_ELSEWHERE;
	return 0;
}

static int read_state(int fd, struct tcp_blob *b)
{
	struct tcp_info info;
	socklen_t size = sizeof info;

	memset(&info, 0, sizeof info);
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
	b->state = info.tcpi_state;
	switch (info.tcpi_state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE:       break;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:   b->flags |= TCP_BLOB_FIN_SENT; break;
	case TCP_CLOSE_WAIT:  b->flags |= TCP_BLOB_FIN_RECEIVED; break;
	case TCP_LAST_ACK:
	case TCP_CLOSING:     b->flags |= TCP_BLOB_FIN_SENT | TCP_BLOB_FIN_RECEIVED; break;
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:    return -EINPROGRESS;
	case TCP_TIME_WAIT:   b->state = TCP_CLOSE; break;
	default:              return -EOPNOTSUPP;
	}
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
	socklen_t size = sizeof window;

	TRY(get_u32(fd, IPPROTO_TCP, TCP_MAXSEG, &b->mss));
	TRY(get_u32(fd, IPPROTO_TCP, TCP_TIMESTAMP, &b->timestamp));
	if (host_tcp_stamps_tell() && (b->timestamp & 1))
		b->flags |= TCP_BLOB_MICROSECONDS;
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &size));
	b->snd_wl1 = window.snd_wl1;
	b->snd_wnd = window.snd_wnd;
	b->max_window = window.max_window;
	b->rcv_wnd = window.rcv_wnd;
	b->rcv_wup = window.rcv_wup;
	return 0;
}

/* Peeking begins behind what SO_PEEK_OFF says, and moves it. TCP has it since Linux 6.9. */
static int peek_offset(int fd)
{
	uint32_t offset;

	return get_u32(fd, SOL_SOCKET, SO_PEEK_OFF, &offset) ? -1 : (int)offset;
}

static ssize_t peek_all(int fd, void *to, size_t size)
{
	int offset = peek_offset(fd), error;
	ssize_t got;

	if (offset >= 0)
		TRY(set_int(fd, SOL_SOCKET, SO_PEEK_OFF, -1));
	got = recv(fd, to, size, MSG_PEEK | MSG_DONTWAIT);
	error = errno;
	if (offset >= 0)
		(void)set_int(fd, SOL_SOCKET, SO_PEEK_OFF, offset); /* as it was: cannot fail */
	return got < 0 ? -error : got;
}

static int read_kind(int fd, const struct host_tcp_hints *hints, struct kind *k)
{
	uint32_t reuse;
	int size;

	if (hints->kind && k->number == hints->kind)
		return 0;
	k->number = 0;
	size = net_options_read(fd, k->list);
	if (size < 0)
		return size;
	k->size = (uint16_t)size;
	TRY(get_u32(fd, SOL_SOCKET, SO_REUSEADDR, &reuse));
	k->reuse = reuse != 0;
	TRY(get_u32(fd, SOL_SOCKET, SO_MARK, &k->mark));
	if (get_u32(fd, SOL_SOCKET, SO_BUF_LOCK, &k->locks))
		k->locks = 0;
	k->number = peek_offset(fd) < 0 ? hints->kind : 0;      /* that one, each reading moves */
	return 0;
}

/* What connections have that stand and that are over. */
static int read_settings(int fd, const struct host_tcp_hints *hints, struct kind *k, struct tcp_blob *b)
{
	int error = read_kind(fd, hints, k);

	if (error)
		return error;
	if (hints->nonblock)
		b->flags |= TCP_BLOB_NONBLOCK;
	b->option_list = k->list;
	b->option_size = k->size;
	b->buffer_locks = k->locks & 3;
	return 0;
}

/* @ret_empty: no memory is charged for either queue: no byte, and no FIN, waits in one. */
static int read_buffers(int fd, struct tcp_blob *b, bool *ret_empty)
{
	uint32_t now[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof now;

	TRY(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, now, &size));
	b->send_buffer = now[SK_MEMINFO_SNDBUF];
	b->receive_buffer = now[SK_MEMINFO_RCVBUF];
	*ret_empty = size == sizeof now && now[SK_MEMINFO_RMEM_ALLOC] == 0 && now[SK_MEMINFO_WMEM_QUEUED] == 0;
	return 0;
}

/* Sizes without FINs. */
static int count_queues(int fd, struct tcp_blob *b)
{
	int in, out, unsent;

	TRY(ioctl(fd, SIOCINQ, &in));
	TRY(ioctl(fd, SIOCOUTQ, &out));
	TRY(ioctl(fd, SIOCOUTQNSD, &unsent));
	if (b->flags & TCP_BLOB_FIN_SENT) {
		/* Both counts include a FIN that is not acknowledged, or not even sent. */
		if (b->state != TCP_FIN_WAIT2)
			out--;
		if (unsent > 0) {
			unsent--;
			b->flags |= TCP_BLOB_FIN_WAITS;
		}
	}
	if (in < 0 || out < 0 || unsent < 0 || unsent > out || out > (int)TCP_BLOB_QUEUE_MAX || in > (int)TCP_BLOB_QUEUE_MAX)
		return -EPROTO;
	b->receive_size = (uint32_t)in;
	b->send_size = (uint32_t)out;
	b->unsent_size = (uint32_t)unsent;
	return 0;
}

/*
 * Sizes, and the sequence numbers of the queues' first bytes. *ret_idle: both queues were empty after the numbers were read, so
 * there is nothing to count, and nothing has come in between.
 */
static int read_sizes(int fd, struct tcp_blob *b, uint32_t *ret_rcv_nxt, bool *ret_idle)
{
	uint32_t rcv_nxt, write_seq;
	int error;

	TRY(queue_seq(fd, TCP_RECV_QUEUE, &rcv_nxt));
	TRY(queue_seq(fd, TCP_SEND_QUEUE, &write_seq));
	error = read_buffers(fd, b, ret_idle);
	*ret_idle = *ret_idle && b->state == TCP_ESTABLISHED;
	if (!error && !*ret_idle)
		error = count_queues(fd, b);
	if (error)
		return error;
	b->receive_seq = rcv_nxt - b->receive_size - !!(b->flags & TCP_BLOB_FIN_RECEIVED);
	b->send_seq = write_seq - !!(b->flags & TCP_BLOB_FIN_SENT) - b->send_size;
	*ret_rcv_nxt = rcv_nxt;
	return 0;
}

static int peek_received(int fd, uint8_t *to, uint32_t size)
{
	ssize_t got;

	if (size == 0)
		return 0;
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE));
	got = peek_all(fd, to, size);
	if (got < 0)
		return (int)got;
	return (uint32_t)got == size ? 0 : -EAGAIN;
}

static int peek_sent(int fd, struct work *w, uint8_t *to, uint32_t size)
{
	size_t room = (size_t)size + SEGMENT_MAX;
	ssize_t got;

	if (size == 0)
		return 0;
	if (!grow(&w->scratch, &w->scratch_capacity, room))
		return -ENOMEM;
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE));
	TRY(got = recv(fd, w->scratch, room, MSG_PEEK | MSG_DONTWAIT));
	if ((size_t)got < size || (size_t)got == room)
		return -EAGAIN;
	memcpy(to, w->scratch + ((size_t)got - size), size);
	return 0;
}

static bool encode(struct work *w, struct tcp_blob *b)
{
	size_t most = 512u + b->option_size + b->receive_size + b->send_size;

	if (!grow(&w->dump, &w->dump_capacity, most))
		return false;
	w->dump_size = tcp_blob_encode(b, w->dump, w->dump_capacity);
	return w->dump_size != 0;
}

/* Has a packet come meanwhile? */
static int look_again(int fd, const struct tcp_blob *b, uint32_t rcv_nxt)
{
	struct tcp_blob now = { 0 };
	uint32_t again;
	int error = read_state(fd, &now);

	if (error)
		return error;
	TRY(queue_seq(fd, TCP_RECV_QUEUE, &again));
	return again == rcv_nxt && now.state == b->state ? 0 : -EAGAIN;
}

/* -EAGAIN: the connection changed meanwhile. */
static int dump_once(int fd, struct work *w, struct tcp_blob *b)
{
	uint32_t rcv_nxt;
	bool idle = false;
	int error = read_state(fd, b);

	if (error)
		return error;
	/* A packet that was past the hold may have ended it, or it was over before. */
	if (b->state == TCP_CLOSE)
		return -ECONNRESET;
	error = read_addresses(fd, &w->local, b);
	if (!error)
		error = read_parameters(fd, b);
	if (!error)
		error = read_sizes(fd, b, &rcv_nxt, &idle);
	if (!error && !encode(w, b))
		error = -ENOMEM;
	if (error || idle)
		return error;
	error = peek_received(fd, b->receive_queue, b->receive_size);
	if (!error)
		error = peek_sent(fd, w, b->send_queue, b->send_size);
	return error ? error : look_again(fd, b, rcv_nxt);
}

static void mark(int fd, uint32_t from, uint32_t to)
{
	uint32_t now;

	if (get_u32(fd, SOL_SOCKET, SO_MARK, &now) == 0 && now == from)
		(void)set_int(fd, SOL_SOCKET, SO_MARK, (int)to); /* allowed: so is repair mode */
}

static struct priv_item silence(int fd, const struct work *w)
{
	return (struct priv_item){ .fd = fd, .what = PRIV_REPAIR_ON | (w->kind.mark == 0 ? PRIV_REPAIR_MARK : 0) };
}

static int make_silent(int fd, const struct work *w)
{
	if (w->asked)
		return *w->asked;
	if (priv_active()) {
		struct priv_item item = silence(fd, w);

		priv_repair(&item, 1);
		return item.result;
	}
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, 1));
	if (w->kind.mark == 0)
		(void)set_int(fd, SOL_SOCKET, SO_MARK, HOST_NET_SILENT); /* allowed: so is repair mode */
	return 0;
}

static int dump_standing(int fd, const struct host_tcp_hints *hints, struct work *w, bool *ret_reuse)
{
	struct tcp_blob settings = { 0 };
	int error = read_settings(fd, hints, &w->kind, &settings);

	if (error)
		return error;
	*ret_reuse = w->kind.reuse;
	error = make_silent(fd, w);
	if (error)
		return error;
	error = -EAGAIN;
	for (int i = 0; i < DUMP_TRIES && error == -EAGAIN; i++) {
		struct tcp_blob b = settings;

		error = dump_once(fd, w, &b);
	}
	if (error)
		(void)host_tcp_undump(fd, *ret_reuse); /* cannot fail: repair mode is on */
	return error;
}

/* ---- one that is over --------------------------------------------------------------------------------------------- */

/* Reading the pending error takes it away. */
static int take_error(int fd, uint16_t *ret_error)
{
	struct pollfd p = { .fd = fd };
	int error = 0;
	socklen_t size = sizeof error;

	if (poll(&p, 1, 0) == 1 && p.revents & POLLERR)
		TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
	*ret_error = error > 0 && error < 4096 ? (uint16_t)error : 0;
	return 0;
}

static int64_t dump_closed(int fd, struct work *w, struct tcp_blob *b, const struct host_tcp_hints *hints)
{
	int family, in = 0, error = read_settings(fd, hints, &w->kind, b);
	bool agreed = b->options != 0, ignored;

	if (!error)
		error = read_buffers(fd, b, &ignored);
	if (error)
		return error;
	TRY(get_u32(fd, SOL_SOCKET, SO_DOMAIN, (uint32_t *)&family));
	TRY(ioctl(fd, SIOCINQ, &in));
	if (in < 0 || in > (int)TCP_BLOB_QUEUE_MAX)
		return -EPROTO;
	b->family = family == AF_INET ? 4 : 6;
	b->options = b->send_scale = b->receive_scale = 0;
	b->receive_size = (uint32_t)in;
	/* Nobody has looked whether the attempt succeeded; what the peer has agreed to, or sent, says that it did. */
	if (hints->attempt && !agreed && in == 0)
		b->flags |= TCP_BLOB_REFUSED;
	if (!encode(w, b))
		return -ENOMEM;
	if (in > 0) {
		ssize_t got = peek_all(fd, b->receive_queue, (size_t)in);

		if (got < 0)
			return got;
		if (got != in)
			return -EPROTO;
	}
	/* Last, since nothing gives it back. */
	error = take_error(fd, &b->error);
	if (error)
		return error;
	(void)encode(w, b); /* as before, with the error: it has the room */
	return (int64_t)(w->dump_size | OM_TCP_CLOSED | (uint64_t)b->error << 44 | (b->error ? OM_TCP_SPOILT : 0));
}

/* ---- */

static int64_t make_dump(int fd, struct work *w, const struct host_tcp_hints *hints)
{
	struct tcp_blob b = { 0 };
	bool reuse = false;
	int error = read_state(fd, &b);

	if (!error && b.state != TCP_CLOSE) {
		error = dump_standing(fd, hints, w, &reuse);
		if (error != -ECONNRESET)
			return error ? error : (int64_t)(w->dump_size | (reuse ? OM_TCP_REUSE : 0));
		b = (struct tcp_blob){ 0 };
		error = read_state(fd, &b);
	}
	return error ? error : dump_closed(fd, w, &b, hints);
}

/* ---- ahead -------------------------------------------------------------------------------------------------------- */

struct slice { const struct om_tcp_wanted *list; struct ahead *to; };

/* One request for all that follow and are of the kind that is known: nothing is asked of them before. Return: how many. */
static uint32_t ask_server(struct work *w, const struct om_tcp_wanted *list, uint32_t count, int results[PRIV_BATCH])
{
	struct priv_item items[PRIV_BATCH];
	uint32_t n = 0;

	while (n < count && n < PRIV_BATCH && list[n].kind && list[n].kind == w->kind.number) {
		items[n] = silence(list[n].fd, w);
		n++;
	}
	if (n)
		priv_repair(items, n);
	for (uint32_t i = 0; i < n; i++)
		results[i] = items[i].result;
	return n;
}

/* What does not stand, or cannot be dumped, is as before, and is found out once more when its turn comes. */
static void dump_slice(void *context, uint32_t first, uint32_t end)
{
	const struct slice *s = context;
	struct work *w = calloc(1, sizeof *w);
	uint32_t asked_first = first, asked_end = first;
	bool batches = priv_active();
	int results[PRIV_BATCH];

	for (uint32_t i = first; w && i < end; i++) {
		const struct host_tcp_hints hints = { .nonblock = s->list[i].nonblock == 1, .kind = s->list[i].kind };
		struct ahead *a = &s->to[i];

		if (batches && i >= asked_end) {
			asked_first = i;
			asked_end = i + ask_server(w, s->list + i, end - i, results);
		}
		w->asked = i < asked_end ? &results[i - asked_first] : NULL;
		if (dump_standing(s->list[i].fd, &hints, w, &a->reuse))
			continue;
		a->dump = malloc(w->dump_size);
		if (!a->dump) {
			(void)host_tcp_undump(s->list[i].fd, a->reuse); /* cannot fail: repair mode is on */
			continue;
		}
		memcpy(a->dump, w->dump, w->dump_size);
		a->size = w->dump_size;
	}
	if (w)
		work_done(w);
	free(w);
}

int64_t host_tcp_dump_ahead(const struct om_tcp_wanted *list, uint32_t count)
{
	struct ahead *more = realloc(aheads, ((size_t)ahead_count + count + 1) * sizeof *more);
	struct slice s = { list, NULL };

	if (!more)
		return -ENOMEM;
	aheads = more;
	s.to = more + ahead_count;
	for (uint32_t i = 0; i < count; i++)
		s.to[i] = (struct ahead){ .fd = list[i].fd };
	(void)host_tcp_stamps_tell(); /* before there are threads that ask */
	net_parallel(count, dump_slice, &s);
	ahead_count += count;
	return 0;
}

/* They are asked for in the order in which they were dumped. Return: as host_tcp_dump, or 0: there is none. */
static int64_t take_ahead(int fd)
{
	struct ahead *a = ahead_next < ahead_count && aheads[ahead_next].fd == fd ? &aheads[ahead_next++] : NULL;

	if (!a || !a->dump)
		return 0;
	free(alone.dump);
	alone.dump = a->dump;
	alone.dump_size = alone.dump_capacity = a->size;
	a->dump = NULL;
	return (int64_t)(alone.dump_size | (a->reuse ? OM_TCP_REUSE : 0));
}

void host_tcp_undump_ahead(void)
{
	for (uint32_t i = 0; i < ahead_count; i++) {
		if (aheads[i].dump)
			(void)host_tcp_undump(aheads[i].fd, aheads[i].reuse); /* cannot fail: repair mode is on */
		free(aheads[i].dump);
	}
	free(aheads);
	aheads = NULL;
	ahead_count = ahead_next = 0;
}

int64_t host_tcp_dump(int fd, const struct host_tcp_hints *hints, uint64_t offset, uint8_t *piece, uint64_t room)
{
	int64_t result = offset ? (int64_t)alone.dump_size : take_ahead(fd);

	if (result == 0)
		result = make_dump(fd, &alone, hints);
	if (result < 0 || offset >= alone.dump_size)
		return result;
	memcpy(piece, alone.dump + offset, room < alone.dump_size - offset ? room : alone.dump_size - offset);
	return result;
}

/* ---- the source is done with it ----------------------------------------------------------------------------------- */

struct leavers { const int32_t *fds; bool close; _Atomic uint32_t left; };

/* In repair mode disconnecting tells nobody, as closing does. It takes half as long, and who waits for the address waits for that. */
static void leave_slice(void *context, uint32_t first, uint32_t end)
{
	struct leavers *l = context;

	for (uint32_t i = first; i < end; i++) {
		if (l->close)
			close(l->fds[i]);
		else if (connect(l->fds[i], &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)))
			l->left++;
	}
}

int64_t host_tcp_leave(const int32_t *fds, uint32_t count, bool closing)
{
	struct leavers l = { fds, closing, 0 };

	net_parallel(count, leave_slice, &l);
	return l.left ? -EBUSY : 0;
}

static int let_speak(int fd)
{
	if (priv_active()) {
		struct priv_item item = { .fd = fd, .what = PRIV_REPAIR_OFF | PRIV_REPAIR_UNMARK, .value = REPAIR_OFF_SILENTLY };

		priv_repair(&item, 1);
		return item.result;
	}
	mark(fd, HOST_NET_SILENT, 0);
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF_SILENTLY));
	return 0;
}

int64_t host_tcp_undump(int fd, bool reuse)
{
	int error = let_speak(fd);

	if (error)
		return error;
	TRY(set_int(fd, SOL_SOCKET, SO_REUSEADDR, reuse));
	return 0;
}
