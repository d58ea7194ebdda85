/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving sockets.
 *
 * freeze closes the host side of everything with an address (the destination may be this very host and must be able to
 * bind) and of socketpairs; thaw and rebuild then do the same thing: make it from the record.
 *
 *   listening, new, UDP, netlink   socket, options, bind, listen, connect
 *   connected TCP                  the host's opaque dump (host/net), asked for and given back unread
 *   connecting TCP                 a new socket; a non-blocking attempt is started again, a blocking one by its thread
 *   socketpair                     queues are drained here and filled again from the other end
 *   dead                           a stand-in that reads as end of file: the peer had gone before
 *
 * Cannot move: a UNIX stream connected to another process.
 */
#include "rt/io/migrate.h"

struct socket_record {
	uint32_t local_size, remote_size;
	uint64_t data_size;          /* TCP: the dump; socketpair: queued messages, each a uint32_t size and its bytes */
	uint8_t  local[LX_SOCKADDR_MAX], remote[LX_SOCKADDR_MAX];
	uint8_t  data[];
};

static bool is_inet(const struct rt_io_ofd *ofd)
{
	return ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6;
}

static bool is_tcp(const struct rt_io_ofd *ofd)
{
	return is_inet(ofd) && ofd->socket.type == LX_SOCK_STREAM;
}

/* Local or remote name; 0 bytes if there is none. */
static uint32_t name_of(const struct rt_io_ofd *ofd, long nr, uint8_t ret_name[LX_SOCKADDR_MAX])
{
	uint32_t size = LX_SOCKADDR_MAX;
	uint64_t ub = rt_io_ub_space(LX_SOCKADDR_MAX), size_ub = rt_io_ub_copy(&size, sizeof size);

	memset(ret_name, 0, LX_SOCKADDR_MAX);
	if (!ub || !size_ub || ofd->host_fd < 0 || rt_io_zero(rt_host(nr, (uint64_t)ofd->host_fd, ub, size_ub, 0, 0, 0)))
		return 0;
	rt_ub_get(&size, (void *)size_ub, sizeof size);
	if (size > LX_SOCKADDR_MAX)
		rt_fatal(OM_EHOST, "host returned an impossible address length");
	rt_ub_get(ret_name, (void *)ub, size);
	return size;
}

static uint16_t port_of(const uint8_t *name)
{
	return (uint16_t)(name[2] << 8 | name[3]);
}

/* ---- holding traffic ------------------------------------------------------------------------------------------------------------ */

#define FLOWS_MAX 128u

/* What was held, in the arena: a destination holds the same before it makes the first socket. */
struct held {
	uint32_t next, count;
	struct om_net_flow flows[];
};
static uint32_t held_first;

static bool flow_of(const struct rt_io_ofd *ofd, struct om_net_flow *ret_flow)
{
	uint8_t name[LX_SOCKADDR_MAX];

	if (!name_of(ofd, __NR_getsockname, name) || !port_of(name))
		return false;
	*ret_flow = (struct om_net_flow){ .family = ofd->socket.domain, .local_port = port_of(name),
		.protocol = ofd->socket.type == LX_SOCK_STREAM ? LX_IPPROTO_TCP : LX_IPPROTO_UDP };
	if (ofd->socket.domain == AF_INET)
		memcpy(ret_flow->local_addr, name + 4, 4);
	else
		memcpy(ret_flow->local_addr, name + 8, 16);
	return true;
}

static long hold(const struct om_net_flow *flows, uint32_t count)
{
	uint64_t arg[6] = { 1, count };

	rt_ub_reset();
	if (!rt_io_ub_copy(flows, count * sizeof *flows))
		return -ENOMEM;
	return rt_hostcall(OM_HC_NET_HOLD, 0, 0, arg);
}

static long hold_and_note(const struct om_net_flow *flows, uint32_t count)
{
	uint32_t at = rt_io_frozen_new(sizeof(struct held) + count * sizeof *flows);
	struct held *held;

	if (!at)
		return -ENOBUFS;
	held = rt_io_frozen_at(at);
	held->next = held_first;
	held->count = count;
	memcpy(held->flows, flows, count * sizeof *flows);
	held_first = at;
	return hold(flows, count);
}

/* Without established connections nothing is at stake but attempts to connect. */
static int hold_result(struct rt_io_words *words, long error, bool connections)
{
	if (!error || !connections)
		return 0;
	rt_io_words_add(words, "TCP connections cannot be held while they move");
	rt_io_words_errno(words, error);
	return OM_EHOSTSTATE;
}

int rt_io_net_hold_again(struct rt_io_words *words)
{
	bool connections = false;
	long error = 0;

	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		connections = connections || rt_io_is_connection(&rt_io_ofds[index]);
	for (uint32_t at = held_first; at && !error; at = ((struct held *)rt_io_frozen_at(at))->next) {
		const struct held *held = rt_io_frozen_at(at);

		error = hold(held->flows, held->count);
	}
	return hold_result(words, error, connections);
}

/* Most connections of a server share one endpoint. */
static bool known(const struct om_net_flow *flows, uint32_t count, const struct om_net_flow *flow)
{
	for (uint32_t i = count; i-- > 0;)
		if (!memcmp(&flows[i], flow, sizeof *flow))
			return true;
	return false;
}

int rt_io_net_hold(struct rt_io_words *words)
{
	struct om_net_flow flows[FLOWS_MAX];
	uint32_t count = 0;
	bool connections = false;
	long error = 0;

	held_first = 0;
	for (uint32_t index = 1; index < rt_io_ofd_end && !error; index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];

		if (ofd->kind != RT_IO_SOCKET || !is_inet(ofd))
			continue;
		connections = connections || ofd->socket.state == RT_IO_S_CONNECTED;
		rt_ub_reset();
		if (!flow_of(ofd, &flows[count]) || known(flows, count, &flows[count]))
			continue;
		if (++count == FLOWS_MAX) {
			error = hold_and_note(flows, count);
			count = 0;
		}
	}
	if (!error && count)
		error = hold_and_note(flows, count);
	return hold_result(words, error, connections);
}

void rt_io_net_release(void)
{
	const uint64_t arg[6] = { 0 };

	/* What cannot be lifted ends with the host process. */
	(void)rt_hostcall(OM_HC_NET_HOLD, 0, 0, arg);
}

/* ---- freeze ------------------------------------------------------------------------------------------------------------------------ */

static void pending_add(struct rt_io_ofd *listener, struct rt_io_ofd *ofd)
{
	uint32_t index = rt_io_index(ofd);

	if (listener->socket.pending_last)
		rt_io_ofds[listener->socket.pending_last].socket.pending_next = index;
	else
		listener->socket.pending_first = index;
	listener->socket.pending_last = index;
	rt_io_pending_total++;
}

int rt_io_socket_accept_waiting(struct rt_io_ofd *listener, struct rt_io_words *words)
{
	if (listener->kind != RT_IO_SOCKET || listener->socket.state != RT_IO_S_LISTENING || !is_tcp(listener))
		return 0;
	/* The host side is closed soon; its mode matters no more. */
	(void)rt_host(__NR_fcntl, (uint64_t)listener->host_fd, F_SETFL, O_NONBLOCK, 0, 0, 0);
	for (;;) {
		long host_fd = rt_io_checked_fd(rt_host(__NR_accept4, (uint64_t)listener->host_fd, 0, 0, LX_SOCK_CLOEXEC, 0, 0));
		struct rt_io_ofd *ofd;

		if (host_fd == -EAGAIN)
			return 0;
		if (host_fd == -ECONNABORTED)
			continue;
		ofd = host_fd >= 0 ? rt_io_ofd_new(RT_IO_SOCKET, (int32_t)host_fd, O_RDWR) : NULL;
		if (!ofd) {
			rt_io_host_close((int32_t)host_fd);
			return rt_io_refuse(words, listener, "a waiting connection cannot be accepted");
		}
		ofd->socket.domain = listener->socket.domain;
		ofd->socket.type = listener->socket.type;
		ofd->socket.protocol = listener->socket.protocol;
		ofd->socket.state = RT_IO_S_CONNECTED;
		pending_add(listener, ofd);
	}
}

static void close_side(struct rt_io_ofd *ofd)
{
	rt_io_host_close(ofd->host_fd);
	ofd->host_fd = -1;
	ofd->closed_by_freeze = 1;
}

static struct socket_record *record_new(struct rt_io_ofd *ofd, uint64_t data_size)
{
	struct socket_record *record;

	ofd->frozen = rt_io_frozen_new(sizeof *record + data_size);
	if (!ofd->frozen)
		return NULL;
	record = rt_io_frozen_at(ofd->frozen);
	memset(record, 0, sizeof *record);
	record->data_size = data_size;
	return record;
}

static int freeze_named(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct socket_record *record = record_new(ofd, 0);

	if (!record)
		return rt_io_refuse(words, ofd, "too much host state");
	record->local_size = name_of(ofd, __NR_getsockname, record->local);
	if (ofd->socket.type != LX_SOCK_STREAM)
		record->remote_size = name_of(ofd, __NR_getpeername, record->remote);
	close_side(ofd);
	return 0;
}

static int freeze_connection(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	uint8_t remote[LX_SOCKADDR_MAX];
	const uint64_t arg[6] = { (uint64_t)ofd->host_fd };
	struct socket_record *record;
	uint64_t ub;
	long size;

	if (!name_of(ofd, __NR_getpeername, remote)) {
		if (ofd->socket.state == RT_IO_S_CONNECTING)
			return freeze_named(ofd, words);
		ofd->socket.state = RT_IO_S_DEAD;
		close_side(ofd);
		return 0;
	}
	rt_ub_reset();
	size = rt_hostcall(OM_HC_TCP_DUMP, 0, 0, arg);
	if (size == -EOPNOTSUPP) {
		/* Closed by both sides meanwhile. */
		ofd->socket.state = RT_IO_S_DEAD;
		close_side(ofd);
		return 0;
	}
	if (size < 0) {
		(void)rt_io_refuse(words, ofd, "the TCP connection cannot be moved"); /* for its words */
		rt_io_words_errno(words, size);
		return OM_EHOSTSTATE;
	}
	/* The host has closed it. */
	ofd->host_fd = -1;
	ofd->closed_by_freeze = 1;
	ofd->socket.state = RT_IO_S_CONNECTED;
	ub = (uint64_t)size <= rt_ub_left() ? rt_io_ub_space((size_t)size) : 0;
	if (!ub)
		rt_fatal(OM_EHOST, "host returned a TCP dump larger than the buffer");
	record = record_new(ofd, (uint64_t)size);
	if (!record) {
		/* The dump still lies in the buffer: make the connection again at once, for thaw will find no record. */
		const uint64_t again[6] = { (uint64_t)size };
		long host_fd = rt_io_checked_fd(rt_hostcall(OM_HC_TCP_RESTORE, 0, 0, again));

		if (host_fd >= 0)
			ofd->host_fd = (int32_t)host_fd;
		else
			ofd->socket.state = RT_IO_S_DEAD;
		return rt_io_refuse(words, ofd, "too much data in TCP queues");
	}
	rt_ub_get(record->data, (void *)ub, (size_t)size);
	return 0;
}

/* Drains a queue into the arena, message by message. The arena's end grows with them: nothing else is allocated meanwhile. */
static int freeze_pair(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct socket_record *record = record_new(ofd, 0);
	uint32_t chunk = rt_ub_left() > 262144 ? 262144 : (uint32_t)rt_ub_left() & ~63u;
	uint64_t ub = rt_io_ub_space(chunk);

	if (!record || !ub)
		return rt_io_refuse(words, ofd, "too much host state");
	for (;;) {
		long got = rt_io_checked(rt_host(__NR_recvfrom, (uint64_t)ofd->host_fd, ub, chunk, LX_MSG_DONTWAIT, 0, 0), chunk);
		uint32_t at, size;

		if (got <= 0)
			break;
		size = (uint32_t)got;
		at = rt_io_frozen_new(sizeof size + (uint64_t)size);
		if (!at)
			return rt_io_refuse(words, ofd, "too much data in a socketpair");
		memcpy(rt_io_frozen_at(at), &size, sizeof size);
		rt_ub_get((uint8_t *)rt_io_frozen_at(at) + sizeof size, (void *)ub, size);
		record->data_size = (uint64_t)((uint8_t *)rt_io_frozen_at(at) + sizeof size + size - record->data);
	}
	close_side(ofd);
	return 0;
}

const char *rt_io_socket_problem(const struct rt_io_ofd *ofd)
{
	if (ofd->socket.domain == AF_UNIX && ofd->socket.type != LX_SOCK_DGRAM &&
	    (ofd->socket.state == RT_IO_S_CONNECTED || ofd->socket.state == RT_IO_S_CONNECTING))
		return "a UNIX socket connected to another process cannot move";
	if (is_inet(ofd) && ofd->socket.type != LX_SOCK_STREAM && ofd->socket.type != LX_SOCK_DGRAM)
		return "a raw socket cannot move";
	return NULL;
}

bool rt_io_is_connection(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SOCKET && is_tcp(ofd) && ofd->socket.state == RT_IO_S_CONNECTED;
}

bool rt_io_may_move_connections(void)
{
	static const int32_t one = 1;
	long host_fd = rt_io_checked_fd(rt_host(__NR_socket, AF_INET, LX_SOCK_STREAM | LX_SOCK_CLOEXEC, 0, 0, 0, 0)), error;
	uint64_t ub = rt_io_ub_copy(&one, sizeof one);

	if (host_fd < 0 || !ub)
		return false;
	error = rt_host(__NR_setsockopt, (uint64_t)host_fd, LX_IPPROTO_TCP, LX_TCP_REPAIR, ub, sizeof one, 0);
	rt_io_host_close((int32_t)host_fd);
	return error == 0;
}

int rt_io_socket_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const char *problem = rt_io_socket_problem(ofd);

	if (problem)
		return rt_io_refuse(words, ofd, problem);
	rt_io_watch_dups_close(ofd);
	switch ((enum rt_io_socket_state)ofd->socket.state) {
	case RT_IO_S_PAIR:
		return freeze_pair(ofd, words);
	case RT_IO_S_DEAD:
		return 0;
	case RT_IO_S_CONNECTING:
	case RT_IO_S_CONNECTED:
		return is_tcp(ofd) ? freeze_connection(ofd, words) : freeze_named(ofd, words);
	default:
		return freeze_named(ofd, words);
	}
}

/* ---- make -------------------------------------------------------------------------------------------------------------------------- */

static int refuse(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text, long error)
{
	(void)rt_io_refuse(words, ofd, text); /* for its words */
	rt_io_words_errno(words, error);
	return OM_EHOSTSTATE;
}

static long set_option(const struct rt_io_ofd *ofd, int32_t level, int32_t name, const void *value, uint32_t size)
{
	uint64_t ub = rt_io_ub_copy(value, size ? size : 1);

	if (!ub)
		return -ENOMEM;
	return rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, (uint64_t)(int64_t)level, (uint64_t)(int64_t)name, ub, size, 0));
}

static long set_options(const struct rt_io_ofd *ofd)
{
	const struct rt_io_option *list = rt_io_blob_at(ofd->socket.options);

	for (uint32_t i = 0; i < ofd->socket.option_count; i++) {
		long error = set_option(ofd, list[i].level, list[i].name, list[i].value, list[i].size);

		if (error)
			return error;
	}
	return 0;
}

static long new_socket(struct rt_io_ofd *ofd)
{
	long host_fd = rt_io_checked_fd(rt_host(__NR_socket, ofd->socket.domain,
		ofd->socket.type | LX_SOCK_CLOEXEC | (ofd->status & O_NONBLOCK), ofd->socket.protocol, 0, 0, 0));

	if (host_fd >= 0)
		ofd->host_fd = (int32_t)host_fd;
	return host_fd < 0 ? host_fd : 0;
}

/* A socket file of that name is our own from before; anything else makes bind fail as it should. */
static void unlink_socket(const uint8_t *name, uint32_t size)
{
	char path[LX_SUN_PATH_MAX + 1] = {0};
	uint64_t path_ub, ub;
	struct stat stat;

	if (size <= 2 || !name[2])
		return;
	memcpy(path, name + 2, size - 2 < LX_SUN_PATH_MAX ? size - 2 : LX_SUN_PATH_MAX);
	path_ub = rt_io_ub_copy(path, sizeof path);
	ub = rt_io_ub_space(256);
	if (!path_ub || !ub || rt_host(__NR_newfstatat, (uint64_t)AT_FDCWD, path_ub, ub, AT_SYMLINK_NOFOLLOW, 0, 0))
		return;
	rt_ub_get(&stat, (void *)ub, sizeof stat);
	/* bind reports what unlink could not do. */
	if ((stat.st_mode & LX_S_IFMT) == LX_S_IFSOCK)
		(void)rt_host(__NR_unlinkat, (uint64_t)AT_FDCWD, path_ub, 0, 0, 0, 0);
}

static bool must_bind(const struct rt_io_ofd *ofd, const struct socket_record *record)
{
	if (ofd->socket.bound)
		return true;
	/* The kernel chose: listen or send without bind. A new attempt to connect may get another port. */
	return is_inet(ofd) && record->local_size && port_of(record->local) && ofd->socket.state != RT_IO_S_CONNECTING;
}

static long bind_again(const struct rt_io_ofd *ofd, const struct socket_record *record)
{
	static const int32_t one = 1;
	uint64_t ub;
	long error;

	if (!must_bind(ofd, record))
		return 0;
	if (ofd->socket.domain == AF_UNIX)
		unlink_socket(record->local, record->local_size);
	/* Connections of the same port are about to come back, or linger. */
	if (is_tcp(ofd)) {
		error = set_option(ofd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (error)
			return error;
	}
	ub = rt_io_ub_copy(record->local, sizeof record->local);
	return ub ? rt_io_zero(rt_host(__NR_bind, (uint64_t)ofd->host_fd, ub, record->local_size, 0, 0, 0)) : -ENOMEM;
}

static void connect_again(const struct rt_io_ofd *ofd, const uint8_t *remote, uint32_t size)
{
	uint64_t ub = rt_io_ub_copy(remote, size);

	/* What fails here fails for the program when it sends, or asks for SO_ERROR: as if the peer had gone. */
	if (ub)
		(void)rt_host(__NR_connect, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0);
}

static int make_named(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct socket_record *record = rt_io_frozen_at(ofd->frozen);
	long error;

	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "was not saved");
	error = new_socket(ofd);
	if (error)
		return refuse(words, ofd, "the socket cannot be made again", error);
	error = set_options(ofd);
	if (error)
		return refuse(words, ofd, "a socket option cannot be set again", error);
	error = bind_again(ofd, record);
	if (error)
		return refuse(words, ofd, "the socket's address cannot be bound again", error);
	if (ofd->socket.state == RT_IO_S_LISTENING) {
		error = rt_io_zero(rt_host(__NR_listen, (uint64_t)ofd->host_fd, ofd->socket.backlog, 0, 0, 0, 0));
		if (error)
			return refuse(words, ofd, "cannot listen again", error);
	}
	if (record->remote_size)
		connect_again(ofd, record->remote, record->remote_size);
	/* A blocked thread issues its connect itself. */
	if (ofd->socket.state == RT_IO_S_CONNECTING && !rt_io_blocking(ofd))
		connect_again(ofd, ofd->socket.remote, ofd->socket.remote_size);
	return 0;
}

static long new_pair(uint64_t domain, uint64_t type, uint64_t protocol, int32_t ret_fd[2])
{
	uint64_t ub = rt_io_ub_space(256);
	long error = ub ? rt_io_zero(rt_host(__NR_socketpair, domain, type | LX_SOCK_CLOEXEC, protocol, ub, 0, 0)) : -ENOMEM;

	if (error)
		return error;
	rt_io_get_pair(ub, ret_fd);
	return 0;
}

static void set_mode(const struct rt_io_ofd *ofd)
{
	if (ofd->status & O_NONBLOCK)
		(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL, O_NONBLOCK, 0, 0, 0); /* cannot fail on a fresh socket */
}

static int make_dead(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	int32_t fd[2];
	long error = new_pair(AF_UNIX, LX_SOCK_STREAM, 0, fd);

	if (error)
		return refuse(words, ofd, "no stand-in for a closed connection", error);
	rt_io_host_close(fd[1]);
	ofd->host_fd = fd[0];
	set_mode(ofd);
	return 0;
}

/* What `ofd` had not read yet, sent from the other end. */
static long refill(const struct rt_io_ofd *ofd, int32_t other_fd)
{
	const struct socket_record *record = rt_io_frozen_at(ofd->frozen);
	const uint8_t *at, *end;
	uint32_t room = rt_ub_left() > 262144 ? 262144 : (uint32_t)rt_ub_left() & ~63u;
	uint64_t ub = rt_io_ub_space(room);

	if (!ofd->frozen || !ub)
		return -ENOMEM;
	/* Messages are 16-byte aligned in the arena, each behind its size. */
	at = record->data;
	end = record->data + record->data_size;
	while (at < end) {
		uint64_t offset = (uint64_t)(at - (const uint8_t *)rt_io_frozen_at(0));
		uint32_t size;
		long put;

		at = rt_io_frozen_at((uint32_t)((offset + 15) & ~15ULL));
		memcpy(&size, at, sizeof size);
		if (size > room)
			return -ENOMEM;
		rt_ub_put((void *)ub, at + sizeof size, size);
		put = rt_io_checked(rt_host(__NR_sendto, (uint64_t)other_fd, ub, size, LX_MSG_DONTWAIT | LX_MSG_NOSIGNAL, 0, 0), size);
		if (put != size)
			return put < 0 ? put : -ENOBUFS;
		at += sizeof size + size;
	}
	return 0;
}

static void shut_again(const struct rt_io_ofd *ofd)
{
	/* Cannot fail on a connected pair. */
	if (ofd->socket.shut)
		(void)rt_host(__NR_shutdown, (uint64_t)ofd->host_fd, ofd->socket.shut - 1u, 0, 0, 0, 0);
}

/* Both ends at once. If the other end was closed, it lives just long enough to send what was left. */
static int make_pair(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_ofd *peer = ofd->socket.peer ? &rt_io_ofds[ofd->socket.peer] : NULL;
	int32_t fd[2];
	long error = new_pair(ofd->socket.domain, ofd->socket.type, ofd->socket.protocol, fd);

	if (error)
		return refuse(words, ofd, "the socketpair cannot be made again", error);
	ofd->host_fd = fd[0];
	if (peer)
		peer->host_fd = fd[1];
	error = set_options(ofd);
	if (!error && peer)
		error = set_options(peer);
	if (!error)
		error = refill(ofd, fd[1]);
	rt_ub_reset();
	if (!error && peer)
		error = refill(peer, fd[0]);
	set_mode(ofd);
	shut_again(ofd);
	if (peer) {
		set_mode(peer);
		shut_again(peer);
	} else {
		rt_io_host_close(fd[1]);
	}
	return error ? refuse(words, ofd, "the socketpair's content cannot be sent again", error) : 0;
}

static int make_connection(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct socket_record *record = rt_io_frozen_at(ofd->frozen);
	uint64_t arg[6] = {0};
	long host_fd;

	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "was not saved");
	arg[0] = record->data_size;
	rt_ub_reset();
	if (!rt_io_ub_copy(record->data, record->data_size))
		return refuse(words, ofd, "the TCP connection cannot be restored", -ENOBUFS);
	host_fd = rt_io_checked_fd(rt_hostcall(OM_HC_TCP_RESTORE, 0, 0, arg));
	if (host_fd < 0)
		return refuse(words, ofd, "the TCP connection cannot be restored", host_fd);
	ofd->host_fd = (int32_t)host_fd;
	/* The dump has the options of the connection itself; those noted here beyond them matter less than the connection. */
	(void)set_options(ofd);
	return 0;
}

int rt_io_socket_make(struct rt_io_ofd *ofd, bool connections, struct rt_io_words *words)
{
	bool dump = ofd->socket.state == RT_IO_S_CONNECTED && is_tcp(ofd);

	if (dump != connections)
		return 0;
	if (dump)
		return make_connection(ofd, words);
	switch ((enum rt_io_socket_state)ofd->socket.state) {
	case RT_IO_S_DEAD: return make_dead(ofd, words);
	case RT_IO_S_PAIR: return make_pair(ofd, words);
	default:           return make_named(ofd, words);
	}
}
