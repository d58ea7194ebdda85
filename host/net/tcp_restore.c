/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dumped TCP connection made anew. The order of the steps is what works (each other order lost data, or was refused by the
 * kernel):
 *
 *   restore   socket
 *   reserve   repair on, options, bind, sequence numbers
 *   claim     connect (sends nothing), TCP options, timestamp, receive queue, sent part of the send queue, windows
 *   resume    forged FIN if one had been received, shutdown if a FIN was on its way behind data, repair off, unsent data, buffer sizes,
 *             the rest of the options (repair off resets SO_REUSEADDR; setting it earlier would break the bind next to a listener),
 *             shutdown if another FIN had been sent
 *
 * Between claim and resume a connection neither sends nor acknowledges, and closing it tells nobody: as long as it is
 * not settled on which host the program runs, its peers must not hear of this one.
 *
 * A FIN that we sent before is sent again. The peer, which has seen the FIN, acknowledges it again. The FIN must not wait in the queue:
 * the peer's packets acknowledge it, and the kernel drops packets that acknowledge what the kernel has not sent. So the window has room
 * for the FIN (set_window), and a FIN that may have to wait for data before it counts as sent (fin_is_on_its_way). A peer that has
 * our acknowledgement does not repeat its own FIN: that FIN is forged and fed to the new socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "options.h"
#include "packet.h"
#include "parallel.h"
#include "priv/priv.h"
#include "sockopt.h"
#include "spare.h"
#include "tcp.h"
#include "tcp_blob.h"
#include "tcp_closed.h"
#include "util.h"

/* ---- restore ----------------------------------------------------------------------------------------------- */

/* A host may have lost the address of a connection that stands; then the kernel must not ask for it here either. */
static int stand_without_address(int fd, const struct tcp_blob *b, int on)
{
	if (!(b->flags & TCP_BLOB_ELSEWHERE))
		return 0;
	return b->family == 4 ? set_int(fd, IPPROTO_IP, IP_TRANSPARENT, on) : set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, on);
}

static socklen_t name_of(const struct tcp_blob *b, const struct tcp_blob_address *from, struct sockaddr_storage *to)
{
	return tcp_blob_to_sockaddr(b->family, from, b->interface[0] ? if_nametoindex(b->interface) : 0, to);
}

/* A list may be of another connection of the same listener; an IPv6 socket that was bound anew keeps to IPv6, and IPv4's could not be bound. */
static void options_before_bind(int fd, const struct tcp_blob *b)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	net_options_apply(fd, b->option_list, b->option_size, NET_OPTIONS_CONNECTION);
	if (b->family == 6 && memcmp(b->local.bytes, mapped, sizeof mapped) == 0)
		(void)set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0); /* cannot fail before it is bound */
}

/* What binds it in a process that may not: options go first there, which makes no difference to these. */
static struct priv_item reservation(int fd, const struct tcp_blob *b)
{
	struct priv_item item = { .fd = fd, .what = PRIV_REPAIR_ON | PRIV_REPAIR_BIND, .family = b->family == 4 ? AF_INET : AF_INET6,
		.port = b->local.port, .scope = b->interface[0] ? if_nametoindex(b->interface) : 0 };

	if (b->flags & TCP_BLOB_ELSEWHERE)
		item.what |= PRIV_REPAIR_FOREIGN;
	memcpy(item.address, b->local.bytes, sizeof item.address);
	options_before_bind(fd, b);
	return item;
}

static int bind_in_repair(int fd, const struct tcp_blob *b)
{
	struct sockaddr_storage local;
	socklen_t size = name_of(b, &b->local, &local);

	if (priv_active()) {
		struct priv_item item = reservation(fd, b);

		priv_repair(&item, 1);
		return item.result;
	}
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON));
	options_before_bind(fd, b);
	TRY(stand_without_address(fd, b, 1));
	TRY(bind(fd, (struct sockaddr *)&local, size));
	return 0;
}

static int number_queues(int fd, const struct tcp_blob *b)
{
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE));
	TRY(set_int(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)b->send_seq));
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE));
	TRY(set_int(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)b->receive_seq));
	return 0;
}

static int bind_silently(int fd, const struct tcp_blob *b)
{
	int error = bind_in_repair(fd, b);

	return error ? error : number_queues(fd, b);
}

#define SEGMENT_MIN 88u      /* TCP_MIN_MSS and MAX_TCP_WINDOW of Linux' net/tcp.h: what TCP_MAXSEG takes */
#define SEGMENT_MAX 32767u

/*
 * How large segments may be is computed when it connects, and not again when TCP_REPAIR_OPTIONS tells what the peer takes: without this
 * one they would have 536 bytes for ever. The kernel takes no larger limit than a window without scale. 0: none, as before.
 */
static int limit_segments(int fd, uint32_t mss)
{
	if (mss && mss < SEGMENT_MIN)
		return 0;
	return set_int(fd, IPPROTO_TCP, TCP_MAXSEG, (int)(mss < SEGMENT_MAX ? mss : SEGMENT_MAX));
}

static int connect_silently(int fd, const struct tcp_blob *b)
{
	struct sockaddr_storage remote;
	socklen_t size = name_of(b, &b->remote, &remote);

	TRY(limit_segments(fd, b->mss));
	TRY(connect(fd, (struct sockaddr *)&remote, size));
	TRY(limit_segments(fd, 0));
	TRY(stand_without_address(fd, b, 0));
	return 0;
}

/* The clock's unit as it was: the lowest bit is not the number's, where it has a meaning. */
static uint32_t stamp_of(const struct tcp_blob *b)
{
	if (!host_tcp_stamps_tell())
		return b->timestamp;
	return b->flags & TCP_BLOB_MICROSECONDS ? b->timestamp | 1u : b->timestamp & ~1u;
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
		TRY(set_int(fd, IPPROTO_TCP, TCP_TIMESTAMP, (int)stamp_of(b)));
	return 0;
}

static void make_room(int fd, int option, uint32_t size)
{
	int room, wanted = room_for(size);
	socklen_t length = sizeof room;

	if (getsockopt(fd, SOL_SOCKET, option == SO_RCVBUFFORCE ? SO_RCVBUF : SO_SNDBUF, &room, &length) == 0 && room < 2 * wanted)
		(void)priv_buffer(fd, option, wanted);
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
	/* The window began behind our FIN, which is sent again. */
	if (b->state == TCP_FIN_WAIT2 && window.snd_wnd == 0) {
		window.snd_wnd = 1;
		window.max_window = window.max_window ? window.max_window : 1;
	}
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
	/* What the peer had acknowledged, and the window that came with that: anything more would be believed. */
	window = window < 65535 ? window : 65535;
	error = priv_active() ? priv_fin(fd, b->receive_seq + b->receive_size, b->send_seq, (uint16_t)window) :
		host_packet_send_fin(family, &remote, &local, b->receive_seq + b->receive_size, b->send_seq, (uint16_t)window);
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

/*
 * Was there no room in the window? The kernel finds some in a new connection, since it does not know how large the peer's segments
 * are. What comes to a program that has shut both ways resets the connection, and what it had sent is lost.
 */
static bool must_stay_closed(const struct tcp_blob *b)
{
	return b->flags & TCP_BLOB_FIN_SENT && !(b->flags & TCP_BLOB_FIN_RECEIVED) && b->receive_size && !(b->buffer_locks & 2) &&
	       b->rcv_wup + b->rcv_wnd == b->receive_seq + b->receive_size;
}

static uint32_t memory_of(int fd, int what)
{
	uint32_t now[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof now;

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, now, &size) ? 0 : now[what];
}

/* As much as the queue takes: no room now, and as much again when the program has read, which the kernel then tells the peer. */
static void leave_no_room(int fd)
{
	(void)priv_buffer(fd, SO_RCVBUFFORCE, (int)(memory_of(fd, SK_MEMINFO_RMEM_ALLOC) / 2));
}

/*
 * The congestion window of a new connection, or a window that the peer has closed meanwhile, may have no room for the FIN behind what is not
 * acknowledged yet.
 */
static bool fin_is_on_its_way(const struct tcp_blob *b)
{
	return b->flags & TCP_BLOB_FIN_SENT && !(b->flags & TCP_BLOB_FIN_WAITS) && b->state != TCP_FIN_WAIT2 && b->unsent_size == 0 &&
	       (b->send_size || b->snd_wnd == 0);
}

/* In repair mode it counts as sent; the kernel's timer repeats it with the rest. */
static int count_fin(int fd)
{
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE));
	TRY(shutdown(fd, SHUT_WR));
	return 0;
}

static int before_it_speaks(int fd, const struct tcp_blob *b)
{
	int error;

	if (must_stay_closed(b))
		leave_no_room(fd); /* before the probe tells the window */
	error = b->flags & TCP_BLOB_FIN_RECEIVED ? receive_fin(fd, b) : 0;
	return !error && fin_is_on_its_way(b) ? count_fin(fd) : error;
}

/*
 * The probe makes the peer acknowledge what it has of the queue; without one there is nothing to ask. (The kernel sends none behind a
 * FIN: what the peer has said meanwhile was held, or its timer repeats.)
 */
static int way_out(const struct tcp_blob *b)
{
	return b->send_size ? TCP_REPAIR_OFF : REPAIR_OFF_SILENTLY;
}

static int when_it_speaks(int fd, const struct tcp_blob *b)
{
	const uint8_t *data = b->send_queue + (b->send_size - b->unsent_size);
	struct tcp_blob buffers = *b;
	uint32_t left = b->unsent_size;

	if (must_stay_closed(b))
		buffers.receive_buffer = memory_of(fd, SK_MEMINFO_RCVBUF); /* it stays; the kernel tunes it when the program has read */
	if (left > 0)
		make_room(fd, SO_SNDBUFFORCE, b->send_size);
	while (left > 0) {
		ssize_t done = send(fd, data, left, MSG_DONTWAIT | MSG_NOSIGNAL);

		TRY(done);
		data += done;
		left -= (uint32_t)done;
	}
	host_tcp_buffers(fd, &buffers);
	if (must_stay_closed(b))
		host_tcp_buffers_locked(fd, b);
	net_options_apply(fd, b->option_list, b->option_size, NET_OPTIONS_LATER);
	if (b->flags & TCP_BLOB_FIN_SENT && !fin_is_on_its_way(b))
		TRY(shutdown(fd, SHUT_WR));
	return 0;
}

static int resume(int fd, const struct tcp_blob *b)
{
	int error = before_it_speaks(fd, b);

	if (error)
		return error;
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, way_out(b)));
	return when_it_speaks(fd, b);
}

static int claim(int fd, const struct tcp_blob *b)
{
	int error = connect_silently(fd, b);

	if (!error)
		error = set_parameters(fd, b);
	if (!error)
		error = fill_queue(fd, TCP_RECV_QUEUE, b->receive_queue, b->receive_size);
	if (!error)
		error = fill_queue(fd, TCP_SEND_QUEUE, b->send_queue, b->send_size - b->unsent_size);
	return error ? error : set_window(fd, b);
}

/* ---- silent connections ------------------------------------------------------------------------------------ */

/*
 * The descriptor belongs to the caller, who may have closed it before it is resumed; the cookie tells.
 * MADE: no more than a socket. BOUND: not claimed yet. CLAIMED: may go on. LOST: could not be claimed.
 */
enum silent_state { MADE, BOUND, CLAIMED, LOST };
struct silent {
	int fd;
	enum silent_state state;
	bool asked;               /* a server was asked to bind it, */
	int answer;               /* and said so */
	uint64_t cookie;
	struct tcp_blob b;        /* decoded; points into what follows */
	uint64_t size;
	uint8_t blob[];
};

static pthread_mutex_t silent_lock = PTHREAD_MUTEX_INITIALIZER;
static struct silents { struct silent **list; uint32_t count, capacity; } silents;

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) ? 0 : cookie;
}

static bool still_open(const struct silent *s)
{
	return s->cookie && cookie_of(s->fd) == s->cookie;
}

static bool room_for_silent(void)
{
	struct silent **more;
	bool enough;

	pthread_mutex_lock(&silent_lock);
	enough = silents.count < silents.capacity;
	more = enough ? NULL : realloc(silents.list, (silents.capacity * 2u + 64) * sizeof *more);
	if (more) {
		silents.list = more;
		silents.capacity = silents.capacity * 2 + 64;
	}
	pthread_mutex_unlock(&silent_lock);
	return enough || more;
}

/* There is room. */
static void remember_silent(struct silent *s)
{
	pthread_mutex_lock(&silent_lock);
	silents.list[silents.count++] = s;
	pthread_mutex_unlock(&silent_lock);
}

static struct silents take_silents(void)
{
	struct silents all;

	(void)host_tcp_stand_all(); /* has been called, and its result heard */
	pthread_mutex_lock(&silent_lock);
	all = silents;
	silents = (struct silents){ 0 };
	pthread_mutex_unlock(&silent_lock);
	return all;
}

static void free_silents(struct silents *all)
{
	for (uint32_t i = 0; i < all->count; i++)
		free(all->list[i]);
	free(all->list);
}

/* Whose claim was refused half-way is a connection already, or is not: nobody must hear of it. */
static void give_up(struct silent *s, int error)
{
	host_error("a TCP connection (descriptor %d) is lost: %s", s->fd, strerror(-error));
	(void)set_int(s->fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	(void)connect(s->fd, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr));
	s->state = LOST;
}

static bool stands_here_still(int error)
{
	return error == -EADDRNOTAVAIL || error == -EADDRINUSE;
}

static int advance(struct silent *s, enum silent_state to)
{
	int error = 0;

	if (s->state >= to)
		return 0;
	if (s->state == MADE) {
		s->cookie = cookie_of(s->fd);
		error = !s->asked ? bind_silently(s->fd, &s->b) : s->answer ? s->answer : number_queues(s->fd, &s->b);
		if (!error)
			s->state = BOUND;
	}
	if (!error && to == CLAIMED)
		error = claim(s->fd, &s->b);
	if (!error)
		s->state = to;
	return error;
}

/*
 * While the enclave hands over the next ones, other threads make those stand that are here already: a batch at a time, and on one
 * processor less than there are, so that the enclave's thread does not wait.
 */
#define BATCH       128u
#define WORKERS_MAX 15u
struct batch {
	struct batch *next;
	enum silent_state to;
	int64_t failure;
	uint32_t count;
	struct silent *list[BATCH];
};

/* The last batch is being filled, and nobody's before it is full or all is handed over. */
static struct workers {
	struct batch *first, *last, *next;     /* next: that nobody has begun */
	bool whole;                            /* no more will come */
	pthread_t threads[WORKERS_MAX];
	unsigned count;
} workers;
static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER;

_Static_assert(BATCH <= PRIV_BATCH, "a batch is one request");

/* A request for each would take longer than all the rest. */
static void ask_server(struct batch *b)
{
	struct priv_item items[BATCH];
	struct silent *whose[BATCH];
	uint32_t count = 0;

	for (uint32_t i = 0; i < b->count; i++)
		if (b->list[i]->state == MADE) {
			whose[count] = b->list[i];
			items[count++] = reservation(b->list[i]->fd, &b->list[i]->b);
		}
	if (count)
		priv_repair(items, count);
	for (uint32_t i = 0; i < count; i++) {
		whose[i]->asked = true;
		whose[i]->answer = items[i].result;
	}
}

static void stand_batch(struct batch *b)
{
	if (priv_active())
		ask_server(b);
	for (uint32_t i = 0; i < b->count && !b->failure; i++) {
		int error = advance(b->list[i], b->to);

		b->failure = error ? OM_TCP_FAILURE(b->list[i]->fd, error) : 0;
	}
}

static void *work(void *none)
{
	(void)none;
	pthread_mutex_lock(&work_lock);
	for (;;) {
		struct batch *b = workers.next;

		if (b && (b->count == BATCH || b->next || workers.whole)) {
			workers.next = b->next;
			pthread_mutex_unlock(&work_lock);
			stand_batch(b);
			pthread_mutex_lock(&work_lock);
		} else if (workers.whole) {
			break;
		} else {
			pthread_cond_wait(&work_there, &work_lock);
		}
	}
	pthread_mutex_unlock(&work_lock);
	return NULL;
}

/* Under the lock. Where none can be made, who waits for the end does the work. */
static void hire(void)
{
	unsigned most = net_processors() - 1;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);       /* signals are the program's threads' */
	while (workers.count < most && workers.count < WORKERS_MAX &&
	       pthread_create(&workers.threads[workers.count], NULL, work, NULL) == 0)
		workers.count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Under the lock. NULL: no memory. */
static struct batch *batch_with_room(enum silent_state to)
{
	struct batch *b = workers.last;

	if (b && b->count < BATCH && b->to == to)
		return b;
	b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	b->to = to;
	*(workers.last ? &workers.last->next : &workers.first) = b;
	workers.last = b;
	workers.next = workers.next ? workers.next : b;
	return b;
}

static bool stand_soon(struct silent *s, enum silent_state to)
{
	struct batch *b;

	pthread_mutex_lock(&work_lock);
	b = batch_with_room(to);
	if (b)
		b->list[b->count++] = s;
	if (b && b->count == BATCH) {
		if (!workers.count)
			hire();
		pthread_cond_signal(&work_there);
	}
	pthread_mutex_unlock(&work_lock);
	return b;
}

int64_t host_tcp_stand_all(void)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	struct workers all;
	int64_t failure = 0;

	pthread_mutex_lock(&one_at_a_time);
	pthread_mutex_lock(&work_lock);
	workers.whole = true;
	pthread_cond_broadcast(&work_there);
	pthread_mutex_unlock(&work_lock);
	work(NULL);
	for (unsigned i = 0; i < workers.count; i++)
		pthread_join(workers.threads[i], NULL);
	pthread_mutex_lock(&work_lock);
	all = workers;
	workers = (struct workers){ 0 };
	pthread_mutex_unlock(&work_lock);
	pthread_mutex_unlock(&one_at_a_time);
	while (all.first) {
		struct batch *b = all.first;

		failure = failure ? failure : b->failure;
		all.first = b->next;
		free(b);
	}
	return failure;
}

/* The source leaves them in this order too: behind one that still stands there are only others. */
static void claim_slice(void *left, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		struct silent *s = silents.list[i];
		int error = advance(s, CLAIMED);

		if (stands_here_still(error)) {
			*(_Atomic uint32_t *)left += end - i;
			return;
		}
		if (error)
			give_up(s, error);
	}
}

uint32_t host_tcp_claim_all(void)
{
	_Atomic uint32_t left = 0;

	(void)host_tcp_stand_all(); /* has been called, and its result heard */
	pthread_mutex_lock(&silent_lock);
	/* Asked often in vain: of the first one alone. */
	claim_slice(&left, 0, silents.count ? 1 : 0);
	left = left ? silents.count : 0;
	if (!left)
		net_parallel(silents.count, claim_slice, &left);
	pthread_mutex_unlock(&silent_lock);
	return left;
}

struct resumers { struct silent **list; _Atomic int first_error; };

static void note_failure(struct resumers *r, int error)
{
	int none = 0;

	if (error)
		atomic_compare_exchange_strong(&r->first_error, &none, error);
}

/* Return: 1, it can go on; 0, it needs not; or -errno. */
static int may_resume(struct silent *s)
{
	if (s->state == LOST || !still_open(s))
		return 0;
	if (s->state >= CLAIMED)
		return 1;
	give_up(s, -EADDRINUSE);
	return -EADDRINUSE;
}

static int resumed(const struct silent *s, int error)
{
	if (error)
		host_error("a TCP connection (descriptor %d) does not go on: %s", s->fd, strerror(-error));
	return error;
}

/* With a server: it lets a batch of them speak at once. */
static void resume_batch(struct resumers *r, struct silent *const *list, uint32_t count)
{
	struct priv_item items[PRIV_BATCH];
	struct silent *whose[PRIV_BATCH];
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct silent *s = list[i];
		int error = may_resume(s);

		if (error > 0 && (error = resumed(s, before_it_speaks(s->fd, &s->b))) == 0) {
			items[n] = (struct priv_item){ .fd = s->fd, .what = PRIV_REPAIR_OFF, .value = (int16_t)way_out(&s->b) };
			/* What is still to be sent needs room first. */
			if (s->b.unsent_size == 0 && !must_stay_closed(&s->b) &&
			    host_tcp_buffers_wanted(s->fd, &s->b, &items[n].send_buffer, &items[n].receive_buffer))
				items[n].what |= PRIV_REPAIR_BUFFERS;
			whose[n++] = s;
		}
		note_failure(r, error);
	}
	if (n)
		priv_repair(items, n);
	for (uint32_t i = 0; i < n; i++) {
		struct silent *s = whose[i];

		if (!items[i].result && items[i].what & PRIV_REPAIR_BUFFERS)
			host_tcp_buffers_locked(s->fd, &s->b);
		note_failure(r, resumed(s, items[i].result ? items[i].result : when_it_speaks(s->fd, &s->b)));
	}
}

static void resume_slice(void *context, uint32_t first, uint32_t end)
{
	struct resumers *r = context;
	bool batches = priv_active();

	for (uint32_t i = first; i < end && batches; i += PRIV_BATCH)
		resume_batch(r, r->list + i, end - i < PRIV_BATCH ? end - i : PRIV_BATCH);
	for (uint32_t i = first; i < end && !batches; i++) {
		struct silent *s = r->list[i];
		int error = may_resume(s);

		note_failure(r, error > 0 ? resumed(s, resume(s->fd, &s->b)) : error);
	}
}

int host_tcp_resume_all(void)
{
	struct silents all = take_silents();
	struct resumers r = { all.list, 0 };

	net_parallel(all.count, resume_slice, &r);
	free_silents(&all);
	return r.first_error;
}

void host_tcp_forget_all(void)
{
	struct silents all = take_silents();

	free_silents(&all);
}

static int64_t restore(struct silent *s, enum host_tcp_when when)
{
	const struct tcp_blob *b = &s->b;
	int fd, error;

	if (tcp_blob_decode(&s->b, s->blob, s->size))
		return -EINVAL;
	if (b->state == TCP_CLOSE) {
		fd = host_tcp_closed(b);
		if (fd >= 0)
			free(s);
		return fd;
	}
	if (!room_for_silent())
		return -ENOMEM;
	fd = net_spare_take(b->family == 4 ? AF_INET : AF_INET6);
	if (fd < 0)
		return fd;
	if (!(b->flags & TCP_BLOB_NONBLOCK))
		(void)fcntl(fd, F_SETFL, 0); /* cannot fail on a socket */
	error = when == HOST_TCP_NOW ? bind_silently(fd, b) : 0;
	if (!error && when == HOST_TCP_NOW)
		error = claim(fd, b);
	if (error) {
		/* The peer must not hear of it: the blob may be tried again, here or elsewhere. */
		(void)set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
		close(fd);
		return error;
	}
	s->fd = fd;
	s->asked = false;
	s->state = when == HOST_TCP_NOW ? CLAIMED : MADE;
	s->cookie = when == HOST_TCP_NOW ? cookie_of(fd) : 0;
	if (when != HOST_TCP_NOW && !stand_soon(s, when == HOST_TCP_SOON ? CLAIMED : BOUND)) {
		close(fd);
		return -ENOMEM;
	}
	remember_silent(s);
	return fd;
}

int64_t host_tcp_restore(const uint8_t *piece, uint64_t size, uint64_t offset, uint64_t total, enum host_tcp_when when)
{
	static struct silent *coming;     /* pieces of one dump; one program is rebuilt at a time, by one thread */
	int64_t result;

	if (offset == 0) {
		free(coming);
		coming = total > 3ull * TCP_BLOB_QUEUE_MAX ? NULL : malloc(sizeof *coming + total);
		if (!coming)
			return -ENOMEM;
		coming->size = total;
	}
	if (!coming || coming->size != total || offset > total || size > total - offset)
		return -EINVAL;
	memcpy(coming->blob + offset, piece, size);
	if (offset + size < total)
		return 0;
	result = restore(coming, when);
	if (result < 0)
		free(coming);
	coming = NULL;
	return result;
}
