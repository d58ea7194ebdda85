/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections: established ones, and closed ones that have not been read to their end. The host makes the dump and makes a
 * connection of it again (host/net/tcp.h). Here the dump is a record that nobody looks into. It may be larger than the transfer buffer,
 * so it goes in pieces.
 *
 * A frozen connection stays in repair mode. If a source that lets go, or the end of its process, closes the connection then, the peer is
 * told nothing. If the connection is thawed, it goes on.
 */
#include "rt/io/migrate.h"

#define DUMP_MAX (192ull << 20)

struct tcp_record {
	uint64_t size;
	uint8_t  closed, spoilt, reuse, local_size;
	uint16_t error;
	uint8_t  v6only, reserved;
	uint8_t  local[28];
	uint8_t  dump[];
};

bool rt_io_is_connection(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SOCKET && rt_io_is_tcp(ofd) && ofd->socket.state == RT_IO_S_CONNECTED;
}

bool rt_io_tcp_frozen(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SOCKET && ofd->frozen && ofd->socket.dumped;
}

/* Connections of one listener, which have its options still, need not be asked for them one by one. 0: none of these. */
static uint64_t kind_of(const struct rt_io_ofd *ofd)
{
	return ofd->socket.origin_id && !ofd->socket.settings_own ? (uint64_t)ofd->socket.origin_id << 16 | ofd->socket.settings : 0;
}

static long dump_from(const struct rt_io_ofd *ofd, uint64_t offset)
{
	const uint64_t arg[6] = { (uint64_t)ofd->host_fd, offset, ofd->socket.state == RT_IO_S_CONNECTING || ofd->socket.refused,
		kind_of(ofd), !rt_io_blocking(ofd) };

	rt_ub_reset();
	return rt_hostcall(OM_HC_TCP_DUMP, 0, 0, arg);
}

static void undump(const struct rt_io_ofd *ofd, bool reuse)
{
	const uint64_t arg[6] = { (uint64_t)ofd->host_fd, reuse };

	(void)rt_hostcall(OM_HC_TCP_UNDUMP, 0, 0, arg); /* cannot fail while the descriptor is good */
}

void rt_io_tcp_ahead(void)
{
	uint64_t room, ub, arg[6] = {0};
	uint32_t end = rt_io_ofd_end;

	rt_ub_reset();
	room = rt_ub_left() / sizeof(struct om_tcp_wanted);
	ub = rt_io_ub_space(room * sizeof(struct om_tcp_wanted));
	for (uint32_t index = 1; ub && index < end; index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];
		const struct om_tcp_wanted wanted = { ofd->host_fd, !rt_io_blocking(ofd), rt_io_is_connection(ofd) ? kind_of(ofd) : 0 };

		if (rt_io_is_connection(ofd))
			rt_ub_put((void *)(ub + arg[0]++ * sizeof wanted), &wanted, sizeof wanted);
		if (arg[0] == room || (arg[0] && index + 1 == end)) {
			(void)rt_hostcall(OM_HC_TCP_AHEAD, 0, 0, arg); /* what is not done ahead is done later */
			arg[0] = 0;
		}
	}
}

void rt_io_tcp_behind(void)
{
	const uint64_t arg[6] = { (uint64_t)-1 };

	(void)rt_hostcall(OM_HC_TCP_UNDUMP, 0, 0, arg); /* cannot fail */
}

/* The first piece lies in the transfer buffer. */
static bool fetch(const struct rt_io_ofd *ofd, struct tcp_record *record)
{
	for (uint64_t done = 0;;) {
		uint64_t room, some, ub;

		rt_ub_reset();
		room = rt_ub_left() & ~63ULL;
		some = record->size - done < room ? record->size - done : room;
		ub = rt_io_ub_space(some ? some : 1);
		rt_ub_get(record->dump + done, (void *)ub, some);
		done += some;
		if (done == record->size)
			return true;
		if (dump_from(ofd, done) != (long)record->size)
			return false;
	}
}

/* As it will be told from here on; 0: the host may be asked. */
static uint8_t ask_v6only(const struct rt_io_ofd *ofd)
{
	int32_t value = 0;

	if (ofd->socket.domain != AF_INET6 || ofd->socket.v6only)
		return 0;
	rt_ub_reset();
	return rt_io_socket_get_int(ofd, LX_IPPROTO_IPV6, 26 /* V6ONLY */, &value) ? 0 : (uint8_t)(1 + (value != 0));
}

int rt_io_tcp_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct tcp_record *record;
	uint8_t v6only = ask_v6only(ofd);           /* first: the dump lies in the transfer buffer */
	long result = dump_from(ofd, 0);
	uint64_t size = OM_TCP_SIZE((uint64_t)result);

	if (result == -EINPROGRESS)
		return rt_io_named_freeze(ofd, words);
	if (result < 0)
		return rt_io_refuse_errno(words, ofd, "the TCP connection cannot be moved", result);
	if (size > DUMP_MAX)
		rt_fatal(OM_EHOST, "host returned an impossible TCP dump");
	ofd->frozen = rt_io_frozen_new(sizeof *record + size);
	if (!ofd->frozen) {
		if (!((uint64_t)result & OM_TCP_CLOSED))
			undump(ofd, (uint64_t)result & OM_TCP_REUSE);
		return rt_io_refuse(words, ofd, "too much data in TCP queues");
	}
	record = rt_io_frozen_at(ofd->frozen);
	*record = (struct tcp_record){ .size = size, .closed = !!((uint64_t)result & OM_TCP_CLOSED),
		.spoilt = !!((uint64_t)result & OM_TCP_SPOILT), .reuse = !!((uint64_t)result & OM_TCP_REUSE),
		.error = (uint16_t)OM_TCP_ERROR((uint64_t)result) };
	ofd->socket.dumped = 1;
	record->v6only = v6only;
	if (!fetch(ofd, record))
		return rt_io_refuse(words, ofd, "the host does not tell the whole TCP connection");
	if (record->closed && ofd->socket.state == RT_IO_S_DEAD) {
		record->local_size = (uint8_t)ofd->socket.local_size;
		memcpy(record->local, ofd->socket.remote, sizeof record->local);
		record->error = record->error ? ofd->socket.error : 0;
	} else if (record->closed) {
		uint8_t name[LX_SOCKADDR_MAX];
		uint32_t name_size;

		rt_ub_reset();
		name_size = rt_io_socket_name(ofd, __NR_getsockname, name);
		if (name_size <= sizeof record->local) {
			record->local_size = (uint8_t)name_size;
			memcpy(record->local, name, name_size);
		}
	}
	return 0;
}

/* Return: the new host descriptor or -errno. */
static long restore(const struct tcp_record *record, uint64_t when)
{
	for (uint64_t done = 0;;) {
		uint64_t some, arg[6] = { 0, done, record->size, when };
		long host_fd;

		rt_ub_reset();
		some = rt_ub_left() & ~63ULL;
		if (some > record->size - done)
			some = record->size - done;
		if (!rt_io_ub_copy(record->dump + done, some))
			return -ENOMEM;
		arg[0] = some;
		host_fd = rt_io_checked_fd(rt_hostcall(OM_HC_TCP_RESTORE, 0, 0, arg));
		done += some;
		if (host_fd < 0 || done == record->size)
			return host_fd;
	}
}

/* A stand-in: what the host says of names and errors is not the connection's. */
static void become_dead(struct rt_io_ofd *ofd, const struct tcp_record *record)
{
	ofd->socket.refused = ofd->socket.refused || ofd->socket.state == RT_IO_S_CONNECTING;
	ofd->socket.state = RT_IO_S_DEAD;
	ofd->socket.local_size = record->local_size;
	memcpy(ofd->socket.remote, record->local, sizeof record->local);
	ofd->socket.error = record->error;
	ofd->socket.v6only = record->v6only ? record->v6only : ofd->socket.v6only;
}

bool rt_io_tcp_stands(const struct rt_io_ofd *ofd)
{
	return rt_io_tcp_frozen(ofd) && !((const struct tcp_record *)rt_io_frozen_at(ofd->frozen))->closed;
}

long rt_io_tcp_leave(bool closing)
{
	uint64_t room, ub, arg[6] = { 0, closing };
	uint32_t end = rt_io_ofd_end;
	long error = 0;

	rt_ub_reset();
	room = rt_ub_left() / 64 * 16;
	ub = rt_io_ub_space(room * sizeof(int32_t));
	for (uint32_t index = 1; ub && index < end; index++) {
		struct rt_io_ofd *ofd = &rt_io_ofds[index];

		if (rt_io_tcp_stands(ofd) && ofd->host_fd >= 0) {
			rt_ub_put((void *)(ub + arg[0]++ * sizeof(int32_t)), &ofd->host_fd, sizeof ofd->host_fd);
			if (closing)
				ofd->host_fd = -1;
		}
		if (arg[0] == room || (arg[0] && index + 1 == end)) {
			long some = rt_hostcall(OM_HC_TCP_LEAVE, 0, 0, arg);

			error = error ? error : some;
			arg[0] = 0;
		}
	}
	return ub ? error : -ENOMEM;
}

static void set_mode(const struct rt_io_ofd *ofd)
{
	(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL, ofd->status & O_NONBLOCK, 0, 0, 0); /* cannot fail on a fresh socket */
}

int rt_io_tcp_thaw(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct tcp_record *record = rt_io_frozen_at(ofd->frozen);
	long host_fd;

	ofd->socket.dumped = 0;
	if (!record->closed)
		undump(ofd, record->reuse);
	if (!record->spoilt)
		return 0;
	host_fd = restore(record, 0);
	if (host_fd < 0)
		return rt_io_refuse_errno(words, ofd, "the connection's pending error is lost", host_fd);
	rt_io_watch_dups_close(ofd);
	rt_io_host_close(ofd->host_fd);
	ofd->host_fd = (int32_t)host_fd;
	ofd->made_again = 1;
	become_dead(ofd, record);
	set_mode(ofd);
	return 0;
}

int rt_io_tcp_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct tcp_record *record = rt_io_frozen_at(ofd->frozen);
	long host_fd = restore(record, record->closed ? 0 : rt_io_same_net ? 1 : 2);

	if (host_fd < 0)
		return rt_io_refuse_errno(words, ofd, "the TCP connection cannot be restored", host_fd);
	ofd->host_fd = (int32_t)host_fd;
	if (record->closed) {
		become_dead(ofd, record);
		set_mode(ofd);
		return 0;
	}
	ofd->socket.state = RT_IO_S_CONNECTED;
	ofd->socket.v6only = record->v6only ? record->v6only : ofd->socket.v6only;
	ofd->claim = rt_io_same_net ? RT_IO_CLAIM_ALL : RT_IO_CLAIM_NOTHING;
	return 0;
}

int rt_io_tcp_stand(struct rt_io_words *words)
{
	const uint64_t arg[6] = {0};
	const struct rt_io_ofd *ofd = NULL;
	long result = rt_hostcall(OM_HC_TCP_STAND, 0, 0, arg);

	if (result >= 0)
		return 0;
	for (uint32_t index = 1; index < rt_io_ofd_end && !ofd; index++)
		if (rt_io_tcp_stands(&rt_io_ofds[index]) && rt_io_ofds[index].host_fd == OM_TCP_FAILURE_FD(result))
			ofd = &rt_io_ofds[index];
	return rt_io_refuse_errno(words, ofd, "the TCP connection cannot be restored", OM_TCP_FAILURE_ERROR(result));
}

int rt_io_tcp_settle(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	(void)words;
	if (rt_io_tcp_frozen(ofd) && ofd->socket.state == RT_IO_S_CONNECTED && ofd->socket.shut & 1)
		(void)rt_host(__NR_shutdown, (uint64_t)ofd->host_fd, LX_SHUT_RD, 0, 0, 0, 0); /* cannot fail on a connection */
	return 0;
}
