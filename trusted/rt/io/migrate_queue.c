/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in the queues of socketpairs, UDP and UNIX datagram sockets.
 *
 * A queue is looked at, not emptied: SO_PEEK_OFF makes the kernel go on behind what it has shown. But the kernel passes over empty messages
 * that somebody has looked at before. So a queue of datagrams with such messages is taken, and sent again if its socket stays. The messages of a
 * pair, both ends of which are ours, are received and sent once more. This is done only if there is room for all of them, for no message can be
 * put back at the front. The end of a SEQPACKET pair looks like an empty message; only a message has its sender's credentials with it.
 *
 * A stream is kept as bytes; messages are kept each behind a head, at multiples of 16. A UDP datagram is sent on by the host as
 * a packet from its sender (host/net/hold.h). A UNIX datagram is sent again by its sender: by the socket of ours that has
 * the sender's name, or by a socket without a name.
 */
#include "bytes.h"
#include "rt/io/migrate.h"

#define PIECE      262144u
#define CONTROL    512u
#define SO_PEEK_OFF_NUMBER 42
#define SOL_SOCKET_SNDBUF_ROOM 212992   /* as much as an unprivileged process may ask for by default */

struct message {
	uint32_t size, name_size;
	uint8_t  name[LX_SOCKADDR_MAX];      /* who sent it */
	uint8_t  to[16];                     /* UDP: the address it was sent to */
	uint8_t  ttl, tos;                   /* ... and how; 0: not known */
	uint8_t  bytes[];
};

static struct rt_io_socket_record *record_of(const struct rt_io_ofd *ofd)
{
	return ofd->frozen ? rt_io_frozen_at(ofd->frozen) : NULL;
}

/* In the arena, everything lies at multiples of 16 from its beginning. */
static uint8_t *aligned(uint8_t *at)
{
	uint64_t offset = (uint64_t)(at - (uint8_t *)rt_io_frozen_at(0));

	return rt_io_frozen_at((uint32_t)((offset + 15) & ~15ULL));
}

static uint8_t *queue_of(struct rt_io_socket_record *record)
{
	return aligned(record->options + record->options_size);
}

static bool is_udp(const struct rt_io_ofd *ofd)
{
	return ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6;
}

static bool is_stream(const struct rt_io_ofd *ofd)
{
	return ofd->socket.type == LX_SOCK_STREAM;
}

/* ---- looking ------------------------------------------------------------------------------------------------------------- */

struct look {
	uint64_t data, name, control, header;    /* in the transfer buffer */
	uint32_t room;
};

static bool look_begin(struct look *l)
{
	rt_ub_reset();
	l->name = rt_io_ub_space(LX_SOCKADDR_MAX);
	l->control = rt_io_ub_space(CONTROL);
	l->header = rt_io_ub_space(128);
	l->room = rt_ub_left() > PIECE ? PIECE : (uint32_t)rt_ub_left() & ~63u;
	l->data = rt_io_ub_space(l->room);
	return l->name && l->control && l->header && l->data;
}

/* The next message. Return: its size, or -errno; *ret is the header as the host left it. */
static long look_next(const struct rt_io_ofd *ofd, const struct look *l, uint32_t peek, struct lx_msghdr *ret)
{
	struct lx_iovec iov = { l->data, l->room };
	long got;

	*ret = (struct lx_msghdr){ .name = l->name, .name_size = LX_SOCKADDR_MAX, .iov_count = 1, .control = l->control,
		.control_size = CONTROL };
	ret->iov = l->header + sizeof *ret;
	rt_ub_put((void *)l->header, ret, sizeof *ret);
	rt_ub_put((void *)ret->iov, &iov, sizeof iov);
	got = rt_io_checked(rt_host(__NR_recvmsg, (uint64_t)ofd->host_fd, l->header, peek | LX_MSG_DONTWAIT, 0, 0, 0), l->room);
	if (got < 0)
		return got;
	rt_ub_get(ret, (void *)l->header, sizeof *ret);
	if (ret->name_size > LX_SOCKADDR_MAX || ret->control_size > CONTROL)
		rt_fatal(OM_EHOST, "host returned an impossible message header");
	return got;
}

static int add_bytes(struct rt_io_ofd *ofd, const struct look *l, uint32_t size)
{
	struct rt_io_socket_record *record = record_of(ofd);
	uint32_t at = rt_io_frozen_new(size);

	if (!at)
		return -ENOBUFS;
	/* The arena grows by multiples of 16, and only by this queue meanwhile: pieces are made to follow each other. */
	rt_ub_get(queue_of(record) + record->data_size, (void *)l->data, size);
	record->data_size += size;
	return 0;
}

/* The byte of a number, or of an int, which IPv6 has. */
static const struct { int32_t level, type; uint32_t size, from, at; } told[] = {
	{ LX_IPPROTO_IP, 8 /* IP_PKTINFO */, 4, 8, offsetof(struct message, to) },
	{ LX_IPPROTO_IP, 2 /* IP_TTL */, 1, 0, offsetof(struct message, ttl) },
	{ LX_IPPROTO_IP, 1 /* IP_TOS */, 1, 0, offsetof(struct message, tos) },
	{ LX_IPPROTO_IPV6, 50 /* IPV6_PKTINFO */, 16, 0, offsetof(struct message, to) },
	{ LX_IPPROTO_IPV6, 52 /* IPV6_HOPLIMIT */, 1, 0, offsetof(struct message, ttl) },
	{ LX_IPPROTO_IPV6, 67 /* IPV6_TCLASS */, 1, 0, offsetof(struct message, tos) },
};

/* Where a UDP datagram was sent to, and how, is in its ancillary data. */
static void get_facts(const struct look *l, const struct lx_msghdr *header, struct message *m)
{
	uint8_t control[CONTROL];
	struct lx_cmsghdr head;
	uint64_t at = 0;

	rt_ub_get(control, (void *)l->control, header->control_size);
	while (header->control_size - at >= sizeof head) {
		memcpy(&head, control + at, sizeof head);
		if (head.length < sizeof head || head.length > header->control_size - at)
			return;
		for (unsigned i = 0; i < sizeof told / sizeof *told; i++)
			if (head.level == told[i].level && head.type == told[i].type && head.length >= sizeof head + told[i].from + told[i].size)
				memcpy((uint8_t *)m + told[i].at, control + at + sizeof head + told[i].from, told[i].size);
		at += (head.length + 7) & ~7ULL;
		if (at > header->control_size)
			return;
	}
}

static int add_message(struct rt_io_ofd *ofd, const struct look *l, const struct lx_msghdr *header, uint32_t size)
{
	struct rt_io_socket_record *record = record_of(ofd);
	uint32_t at = rt_io_frozen_new(sizeof(struct message) + size);
	struct message *m = rt_io_frozen_at(at);

	if (!at)
		return -ENOBUFS;
	memset(m, 0, sizeof *m);
	m->size = size;
	m->name_size = header->name_size;
	rt_ub_get(m->name, (void *)l->name, m->name_size);
	if (is_udp(ofd))
		get_facts(l, header, m);
	rt_ub_get(m->bytes, (void *)l->data, size);
	record->data_size = (uint64_t)(m->bytes + size - queue_of(record));
	record->messages++;
	record->empty += size == 0;
	return 0;
}

/* Is what looks like an empty message the end? */
static bool is_end(const struct rt_io_ofd *ofd, const struct lx_msghdr *header, long size)
{
	return size == 0 && (is_stream(ofd) || (ofd->socket.type == LX_SOCK_SEQPACKET && header->control_size == 0));
}

/* @peek: LX_MSG_PEEK, or 0 to take them. */
static long look_at_all(struct rt_io_ofd *ofd, uint32_t peek)
{
	struct look l;
	long error = look_begin(&l) ? 0 : -ENOMEM;

	while (!error) {
		struct lx_msghdr header;
		long got = look_next(ofd, &l, peek, &header);

		if (got < 0)
			return got == -EAGAIN ? 0 : got;
		if (is_end(ofd, &header, got))
			return 0;
		if (header.flags & LX_MSG_TRUNC && !is_stream(ofd))
			return -EMSGSIZE;
		error = is_stream(ofd) ? add_bytes(ofd, &l, (uint32_t)got) : add_message(ofd, &l, &header, (uint32_t)got);
	}
	return error;
}

/* Options that the look needs, and what they were. */
static const struct { int32_t level, name; bool udp4, udp6; } aids[] = {
	{ LX_IPPROTO_IP, 8 /* IP_PKTINFO */, true, true },
	{ LX_IPPROTO_IP, 12 /* IP_RECVTTL */, true, true },
	{ LX_IPPROTO_IP, 13 /* IP_RECVTOS */, true, true },
	{ LX_IPPROTO_IPV6, 49 /* IPV6_RECVPKTINFO */, false, true },
	{ LX_IPPROTO_IPV6, 51 /* IPV6_RECVHOPLIMIT */, false, true },
	{ LX_IPPROTO_IPV6, 66 /* IPV6_RECVTCLASS */, false, true },
};
#define AIDS (sizeof aids / sizeof *aids)

static bool wanted(const struct rt_io_ofd *ofd, unsigned i)
{
	return ofd->socket.domain == AF_INET ? aids[i].udp4 : ofd->socket.domain == AF_INET6 && aids[i].udp6;
}

static int refuse_queue(struct rt_io_words *words, const struct rt_io_ofd *ofd, long error)
{
	if (error == -ENOBUFS)
		return rt_io_refuse(words, ofd, "too much data in its queue");
	return rt_io_refuse_errno(words, ofd, "what waits in its queue cannot be read", error);
}

/* The arena's end grows with the queue: nothing else is allocated meanwhile. */
int rt_io_queue_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	int32_t before[AIDS], offset = -1;
	long error;

	rt_ub_reset();
	if (!rt_io_host_ready(ofd, POLLIN))
		return 0;
	memset(before, 1, sizeof before);            /* where the host does not tell, nothing is changed */
	if (rt_io_socket_get_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, &offset))
		return rt_io_refuse(words, ofd, "the host does not tell what waits in its queue");
	for (unsigned i = 0; i < AIDS; i++)
		if (wanted(ofd, i) && !rt_io_socket_get_int(ofd, aids[i].level, aids[i].name, &before[i]) && !before[i])
			(void)rt_io_socket_set_int(ofd, aids[i].level, aids[i].name, 1); /* without it less is known */
	error = rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, 0);
	if (!error)
		error = look_at_all(ofd, LX_MSG_PEEK);
	rt_ub_reset();
	(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, offset); /* as it was: cannot fail */
	for (unsigned i = 0; i < AIDS; i++)
		if (wanted(ofd, i) && !before[i])
			(void)rt_io_socket_set_int(ofd, aids[i].level, aids[i].name, 0);
	if (error)
		record_of(ofd)->empty = 0;           /* what is known of the queue is not all of it */
	return error ? refuse_queue(words, ofd, error) : 0;
}

/* ---- sending again --------------------------------------------------------------------------------------------------------- */

typedef long send_fn(struct rt_io_ofd *ofd, const struct message *m, int32_t host_fd);

/* Each message in its order. */
static long each_message(struct rt_io_ofd *ofd, send_fn *send, int32_t host_fd)
{
	struct rt_io_socket_record *record = record_of(ofd);
	uint8_t *at, *end;
	long error = 0;

	if (!record)
		return 0;
	at = queue_of(record);
	end = at + record->data_size;
	for (uint32_t i = 0; i < record->messages && at < end && !error; i++) {
		const struct message *m = (const struct message *)(at = aligned(at));

		at += sizeof *m + m->size;
		rt_ub_reset();
		error = send(ofd, m, host_fd);
	}
	return error;
}

static long send_bytes(int32_t host_fd, const void *bytes, uint32_t size, const uint8_t *name, uint32_t name_size)
{
	uint64_t ub = rt_io_ub_copy(bytes, size ? size : 1), name_ub = name_size ? rt_io_ub_copy(name, LX_SOCKADDR_MAX) : 0;
	long put;

	if (!ub || (name_size && !name_ub))
		return -ENOMEM;
	put = rt_io_checked(rt_host(__NR_sendto, (uint64_t)host_fd, ub, size, LX_MSG_DONTWAIT | LX_MSG_NOSIGNAL, name_ub, name_size), size);
	return put < 0 ? put : put == size ? 0 : -ENOBUFS;
}

static long send_through_pair(struct rt_io_ofd *ofd, const struct message *m, int32_t host_fd)
{
	(void)ofd;
	return send_bytes(host_fd, m->bytes, m->size, NULL, 0);
}

static long send_stream(struct rt_io_ofd *ofd, int32_t host_fd)
{
	struct rt_io_socket_record *record = record_of(ofd);

	for (uint64_t done = 0; record && done < record->data_size;) {
		uint32_t some = record->data_size - done < 32768 ? (uint32_t)(record->data_size - done) : 32768;
		long error;

		rt_ub_reset();
		error = send_bytes(host_fd, queue_of(record) + done, some, NULL, 0);
		if (error)
			return error;
		done += some;
	}
	return 0;
}

/* What `ofd` had not read, sent from the other end. */
static long refill(struct rt_io_ofd *ofd, int32_t host_fd)
{
	return is_stream(ofd) ? send_stream(ofd, host_fd) : each_message(ofd, send_through_pair, host_fd);
}

/*
 * Sends what `ofd` had not read through `from`, the other end. It was put there in other pieces, of which the kernel counts
 * another overhead, and perhaps while the sender's buffer was larger: so there is room enough meanwhile.
 */
static long refill_with_room(struct rt_io_ofd *ofd, const struct rt_io_ofd *from)
{
	struct rt_io_socket_record *record = record_of(ofd);
	uint64_t room = record ? 2 * record->data_size + 65536 : 0;
	int32_t before, credentials;
	long error;

	if (!record || (!record->data_size && !record->messages))
		return 0;
	rt_ub_reset();
	error = rt_io_socket_get_int(from, SOL_SOCKET, SO_SNDBUF, &before);
	if (!error)
		error = rt_io_socket_get_int(from, SOL_SOCKET, SO_PASSCRED, &credentials);
	if (error)
		return error;
	/* With it a socket gets a name when it sends. */
	(void)rt_io_socket_set_int(from, SOL_SOCKET, SO_PASSCRED, 0);
	if (room < SOL_SOCKET_SNDBUF_ROOM)
		room = SOL_SOCKET_SNDBUF_ROOM;
	if (rt_io_socket_set_int(from, SOL_SOCKET, SO_SNDBUFFORCE, (int32_t)room))
		(void)rt_io_socket_set_int(from, SOL_SOCKET, SO_SNDBUF, (int32_t)room); /* without the right: as much as is allowed */
	error = refill(ofd, from->host_fd);
	rt_ub_reset();
	/* As they were: cannot fail. */
	(void)rt_io_socket_set_int(from, SOL_SOCKET, SO_SNDBUF, before / 2);
	(void)rt_io_socket_set_int(from, SOL_SOCKET, SO_PASSCRED, credentials);
	return error;
}

/* Is there room for all the messages? Those that looking passes over are empty. */
#define PASSED_OVER (1u << 20)
static long room_for_all(const struct rt_io_ofd *ofd)
{
	uint64_t total = PASSED_OVER;
	struct lx_msghdr header;
	struct look l;
	long got;

	if (!look_begin(&l))
		return -ENOMEM;
	while ((got = look_next(ofd, &l, LX_MSG_PEEK, &header)) >= 0 && !is_end(ofd, &header, got)) {
		if (header.flags & LX_MSG_TRUNC)
			return -EMSGSIZE;
		total += sizeof(struct message) + (uint64_t)got + 15;
	}
	if (got < 0 && got != -EAGAIN)
		return got;
	return total <= rt_io_frozen_left() ? 0 : -ENOBUFS;
}

/*
 * All threads stand still, so that nobody sees the queue empty. Who waits for it has been asked before: an edge that this makes is
 * none (epoll.c).
 */
int rt_io_queue_turn(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = record_of(ofd);
	const struct rt_io_ofd *peer = ofd->socket.peer ? &rt_io_ofds[ofd->socket.peer] : NULL;
	int32_t credentials = 1, offset = -1;
	long error;

	rt_ub_reset();
	if (!rt_io_host_ready(ofd, POLLIN))
		return 0;
	rt_ub_reset();
	if (rt_io_socket_get_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, &offset) ||
	    rt_io_socket_get_int(ofd, SOL_SOCKET, SO_PASSCRED, &credentials) || rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PASSCRED, 1))
		return rt_io_refuse(words, ofd, "the host does not tell what waits in its queue");
	error = rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, 0);
	if (!error)
		error = room_for_all(ofd);
	if (!error)
		error = look_at_all(ofd, 0);
	record->mode |= record->messages ? RT_IO_PAIR_TAKEN : 0;
	rt_ub_reset();
	(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PASSCRED, credentials); /* as they were: cannot fail */
	(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, offset);
	if (error)
		return refuse_queue(words, ofd, error);
	if (!peer || peer->socket.shut & 2 || ofd->socket.shut & 1)
		return 0;
	if (!refill_with_room(ofd, peer))
		record->mode &= ~RT_IO_PAIR_TAKEN;
	return 0;
}

/* ---- pairs ------------------------------------------------------------------------------------------------------------------ */

static long new_pair(const struct rt_io_ofd *ofd, int32_t ret_fd[2])
{
	uint64_t ub;
	long error;

	rt_ub_reset();
	ub = rt_io_ub_space(256);
	error = rt_io_zero(rt_host(__NR_socketpair, ofd->socket.domain, ofd->socket.type | LX_SOCK_CLOEXEC, ofd->socket.protocol, ub, 0, 0));
	if (!error)
		rt_io_get_pair(ub, ret_fd);
	return error;
}

/* An end gets an abstract name when it sends with SO_PASSCRED, or by bind. Until the source has closed its own it may be there still. */
static void set_name(struct rt_io_ofd *ofd)
{
	struct rt_io_words none = { NULL, 0, 0 };

	if (ofd->made_again)
		(void)rt_io_socket_stand(ofd, RT_IO_PASS_BIND, &none); /* somebody else's by now: then it has none */
	else if (ofd->frozen && rt_io_socket_shared(ofd))
		ofd->claim = RT_IO_CLAIM_ALL;
}

static void send_something(const struct rt_io_ofd *ofd, uint32_t size)
{
	rt_ub_reset();
	(void)rt_host(__NR_sendto, (uint64_t)ofd->host_fd, rt_io_ub_copy("", 1), size, LX_MSG_DONTWAIT | LX_MSG_NOSIGNAL, 0, 0);
}

/*
 * The other end was closed with something unread: this end has an error that says so. It has sent into nothing, and knows since then
 * that it has no peer: so does this one. Both before it has options, or is shut down: with SO_PASSCRED, who sends gets a name.
 */
static void lose_peer(const struct rt_io_ofd *ofd, int32_t other)
{
	const struct rt_io_socket_record *record = record_of(ofd);

	if (record && record->mode & RT_IO_PAIR_RESET)
		send_something(ofd, 1);
	rt_io_host_close(other);
	if (record && record->mode & RT_IO_PAIR_ALONE)
		send_something(ofd, 0);
}

static void set_end(const struct rt_io_ofd *ofd)
{
	/* Neither can fail on a connected pair. */
	if (ofd->status & O_NONBLOCK)
		(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL, O_NONBLOCK, 0, 0, 0);
	if (ofd->socket.shut)
		(void)rt_host(__NR_shutdown, (uint64_t)ofd->host_fd, ofd->socket.shut - 1u, 0, 0, 0, 0);
}

/* Both ends at once. If the other end was closed, it lives just long enough to send what was left. */
int rt_io_pair_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_ofd *peer = ofd->socket.peer ? &rt_io_ofds[ofd->socket.peer] : NULL;
	struct rt_io_ofd gone = { .kind = RT_IO_SOCKET };
	int32_t fd[2];
	long error = new_pair(ofd, fd);

	if (error)
		return rt_io_refuse_errno(words, ofd, "the socketpair cannot be made again", error);
	ofd->host_fd = fd[0];
	if (!peer)
		peer = &gone;
	peer->host_fd = fd[1];
	error = refill_with_room(ofd, peer);
	if (!error && peer != &gone)
		error = refill_with_room(peer, ofd);
	if (peer == &gone)
		lose_peer(ofd, fd[1]);
	if (!error)
		error = rt_io_socket_set_options(ofd, record_of(ofd));
	if (!error && peer != &gone)
		error = rt_io_socket_set_options(peer, record_of(peer));
	set_end(ofd);
	set_name(ofd);
	if (peer != &gone) {
		set_end(peer);
		set_name(peer);
	}
	return error ? rt_io_refuse_errno(words, ofd, "the socketpair's content cannot be sent again", error) : 0;
}

/* ---- datagrams --------------------------------------------------------------------------------------------------------------- */

static bool is_group(const uint8_t *address, bool six)
{
	return six ? address[0] == 0xff : address[0] >= 224 || address[0] == 255;
}

/* Where it is sent: an address of this host, the one that it was sent to before if that was one. */
static void choose_target(const struct rt_io_ofd *ofd, const struct message *m, uint8_t ret[16])
{
	const struct rt_io_socket_record *record = record_of(ofd);
	bool six = ofd->socket.domain == AF_INET6, mapped = six && om_all_zero(m->name + 8, 10) && m->name[18] == 0xff;
	uint32_t size = six ? 16 : 4;

	memset(ret, 0, 16);
	memcpy(ret, record->local + (six ? 8 : 4), size);
	if (om_all_zero(ret, size))
		memcpy(ret, m->to, size);
	/* An IPv4 address that an IPv6 socket was sent to comes as one of four bytes. */
	if (mapped && !(om_all_zero(ret, 10) && ret[10] == 0xff)) {
		memset(ret, 0, 16);
		ret[10] = ret[11] = 0xff;
		memcpy(ret + 12, m->to, 4);
	}
	if (om_all_zero(ret + (mapped ? 12 : 0), mapped ? 4 : size) || is_group(ret + (mapped ? 12 : 0), six && !mapped)) {
		static const uint8_t four[4] = { 127, 0, 0, 1 };

		if (mapped || !six) {
			memcpy(ret + (mapped ? 12 : 0), four, 4);
		} else {
			memset(ret, 0, 16);
			ret[15] = 1;
		}
	}
}

static long pass_to_host(struct rt_io_ofd *ofd, const struct message *m, int32_t unused)
{
	const struct rt_io_socket_record *record = record_of(ofd);
	bool six = ofd->socket.domain == AF_INET6;
	struct om_datagram head = { .family = ofd->socket.domain, .ttl = m->ttl, .tos = m->tos };
	uint64_t arg[6] = { sizeof head + m->size }, ub = rt_io_ub_space(sizeof head + m->size);

	(void)unused;
	if (!ub)
		return -ENOMEM;
	head.local_port = (uint16_t)(record->local[2] << 8 | record->local[3]);
	head.remote_port = (uint16_t)(m->name[2] << 8 | m->name[3]);
	memcpy(head.remote_addr, m->name + (six ? 8 : 4), six ? 16 : 4);
	choose_target(ofd, m, head.local_addr);
	rt_ub_put((void *)ub, &head, sizeof head);
	rt_ub_put((void *)(ub + sizeof head), m->bytes, m->size);
	return rt_hostcall(OM_HC_DATAGRAM, 0, 0, arg);
}

/* Our own socket of that name, or -1. */
static int32_t sender_of(const struct message *m)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];
		const struct rt_io_socket_record *record = ofd->kind == RT_IO_SOCKET && !ofd->socket.dumped ? record_of(ofd) : NULL;

		if (record && ofd->socket.domain == AF_UNIX && record->local_size == m->name_size && m->name_size > 2 &&
		    !memcmp(record->local, m->name, m->name_size))
			return ofd->host_fd;
	}
	return -1;
}

static long send_to_name(struct rt_io_ofd *ofd, const struct message *m, int32_t nameless)
{
	const struct rt_io_socket_record *record = record_of(ofd);
	int32_t from = sender_of(m);

	return send_bytes(from >= 0 ? from : nameless, m->bytes, m->size, record->local, record->local_size);
}

static long check_sender(struct rt_io_ofd *ofd, const struct message *m, int32_t unused)
{
	(void)ofd;
	(void)unused;
	return m->name_size > 2 && sender_of(m) < 0 ? -EPERM : 0;
}

int rt_io_queue_senders(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (ofd->kind != RT_IO_SOCKET || ofd->socket.domain != AF_UNIX || ofd->socket.type != LX_SOCK_DGRAM || ofd->socket.state == RT_IO_S_PAIR)
		return 0;
	return each_message(ofd, check_sender, -1) ?
		rt_io_refuse(words, ofd, "a datagram waits that another process sent from a socket with a name; it could not be sent again") : 0;
}

static long send_unix(struct rt_io_ofd *ofd)
{
	struct rt_io_ofd nameless = *ofd;
	long error;

	rt_ub_reset();
	nameless.host_fd = (int32_t)rt_io_checked_fd(rt_host(__NR_socket, AF_UNIX, ofd->socket.type | LX_SOCK_CLOEXEC, 0, 0, 0, 0));
	if (nameless.host_fd < 0)
		return nameless.host_fd;
	if (rt_io_socket_set_int(&nameless, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 24))
		(void)rt_io_socket_set_int(&nameless, SOL_SOCKET, SO_SNDBUF, SOL_SOCKET_SNDBUF_ROOM);
	error = each_message(ofd, send_to_name, nameless.host_fd);
	rt_io_host_close(nameless.host_fd);
	return error;
}

/*
 * They arrive as packets, which count for more than their bytes, and perhaps for more than they did; or the program has made the
 * buffer smaller since.
 */
static void widen(struct rt_io_ofd *ofd, struct rt_io_socket_record *record)
{
	uint64_t needed = 2 * record->data_size + 2048ull * record->messages;
	int32_t now;

	rt_ub_reset();
	if (rt_io_socket_get_int(ofd, SOL_SOCKET, SO_RCVBUF, &now) || (uint64_t)now >= needed || needed > INT32_MAX)
		return;
	record->room = now;
	if (rt_io_socket_set_int(ofd, SOL_SOCKET, SO_RCVBUFFORCE, (int32_t)(needed / 2)))
		(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_RCVBUF, (int32_t)(needed / 2)); /* without the right: as much as is allowed */
}

static long set_interface(const struct rt_io_ofd *ofd, const char name[16])
{
	uint64_t ub = rt_io_ub_copy(name, 16);

	return ub ? rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, SOL_SOCKET, SO_BINDTODEVICE, ub, 16, 0)) : -ENOMEM;
}

/* They come from this host itself, not by the interface that the socket is bound to. */
static void let_any_interface(struct rt_io_ofd *ofd, struct rt_io_socket_record *record)
{
	static const char none[16];
	uint32_t size = sizeof record->interface;
	uint64_t ub, size_ub;

	rt_ub_reset();
	ub = rt_io_ub_space(size);
	size_ub = rt_io_ub_copy(&size, sizeof size);
	if (!ub || !size_ub || rt_host(__NR_getsockopt, (uint64_t)ofd->host_fd, SOL_SOCKET, SO_BINDTODEVICE, ub, size_ub, 0))
		return;
	rt_ub_get(&size, (void *)size_ub, sizeof size);
	if (size == 0 || size > sizeof record->interface)
		return;
	rt_ub_get(record->interface, (void *)ub, size);
	if (record->interface[0] && set_interface(ofd, none))
		record->interface[0] = 0;
}

static bool has_datagrams(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SOCKET && is_udp(ofd) && ofd->socket.type == LX_SOCK_DGRAM && record_of(ofd) && record_of(ofd)->messages;
}

static long check_peer(struct rt_io_ofd *ofd, const struct message *m, int32_t unused)
{
	const struct rt_io_socket_record *record = record_of(ofd);

	(void)unused;
	return m->name_size != record->remote_size || memcmp(m->name, record->remote, m->name_size) ? -EPERM : 0;
}

bool rt_io_queue_is_others(const struct rt_io_ofd *ofd)
{
	struct rt_io_ofd copy = *ofd;

	return has_datagrams(ofd) && record_of(ofd)->remote_size && each_message(&copy, check_peer, -1);
}

int rt_io_queue_settle(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = record_of(ofd);

	if (!has_datagrams(ofd))
		return 0;
	/* As they were: neither can fail. */
	rt_ub_reset();
	if (record->room)
		(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_RCVBUF, record->room / 2);
	if (record->interface[0])
		(void)set_interface(ofd, record->interface);
	if (!record->late)
		return 0;
	record->messages = 0;          /* it is as any other now */
	return rt_io_socket_stand(ofd, RT_IO_PASS_CONNECT, words) ? OM_EHOSTSTATE : 0;
}

int rt_io_queue_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = record_of(ofd);
	long error;

	if (!record || !record->messages)
		return 0;
	if (is_udp(ofd)) {
		widen(ofd, record);
		let_any_interface(ofd, record);
	}
	error = is_udp(ofd) ? each_message(ofd, pass_to_host, -1) : send_unix(ofd);
	return error ? rt_io_refuse_errno(words, ofd, "the datagrams that it had received cannot be given back", error) : 0;
}

/* The kernel takes a port back that it has chosen itself, and gives it out again if it is asked for it. */
static void disconnect(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	const uint8_t nobody[16] = { AF_UNSPEC };
	uint64_t ub, name;

	rt_ub_reset();
	ub = rt_io_ub_copy(nobody, sizeof nobody);
	name = rt_io_ub_copy(record->local, sizeof record->local);
	if (!ub || !name)
		return;
	(void)rt_host(__NR_connect, (uint64_t)ofd->host_fd, ub, sizeof nobody, 0, 0, 0); /* cannot fail on UDP */
	(void)rt_host(__NR_bind, (uint64_t)ofd->host_fd, name, record->local_size, 0, 0, 0); /* fails if it is bound still */
}

int rt_io_queue_thaw(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = record_of(ofd);
	struct lx_msghdr header;
	int32_t offset = -1;
	struct look l;
	bool others;
	int error;

	if (!record || !record->empty)
		return 0;
	others = rt_io_queue_is_others(ofd);
	rt_ub_reset();
	(void)rt_io_socket_get_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, &offset); /* taking moves it; it could be read before */
	if (!look_begin(&l))
		return 0;
	for (uint32_t i = 0; i < record->messages; i++)
		if (look_next(ofd, &l, 0, &header) < 0)
			break;
	rt_ub_reset();
	(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_PEEK_OFF_NUMBER, offset); /* as it was: cannot fail */
	error = rt_io_queue_make(ofd, words);
	if (others) {
		disconnect(ofd, record); /* behind it, for it forgets the interface */
		record->late = 1;
	}
	return error;
}
