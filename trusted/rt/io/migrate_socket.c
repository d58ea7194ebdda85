/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving sockets.
 *
 * A freeze closes, binds and resets nothing: it writes down what a socket is. The destination makes another one of that:
 *
 *   listening, new, UDP, UNIX, netlink   socket, options, memberships; then its name, what waits, its peer (rt_io_socket_stand)
 *   connected TCP                        migrate_tcp.c
 *   connecting TCP                       a new socket; a non-blocking attempt is started again, a blocking one by its thread
 *   socketpair                           migrate_queue.c
 *
 * Where source and destination are one network, a name cannot be had twice: standing then waits until the source has let go.
 * TCP sockets reserve their port before that, in repair mode, so that nobody else takes it in between.
 *
 * Cannot move: a UNIX stream connected to another process, or one that waits at a listener; raw sockets and other protocols.
 */
#include "rt/io/migrate.h"

static bool is_inet(const struct rt_io_ofd *ofd)
{
	return ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6;
}

static bool has_path(const uint8_t *name, uint32_t size)
{
	uint16_t family;

	memcpy(&family, name, sizeof family);
	return size > 2 && family == AF_UNIX && name[2];
}

uint32_t rt_io_socket_name(const struct rt_io_ofd *ofd, long nr, uint8_t ret_name[LX_SOCKADDR_MAX])
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

/* ---- before a migration ---------------------------------------------------------------------------------------------------- */

static const char *unix_problem(const struct rt_io_ofd *ofd)
{
	if (ofd->socket.type == LX_SOCK_DGRAM)
		return NULL;
	if (ofd->socket.state == RT_IO_S_CONNECTED || ofd->socket.state == RT_IO_S_CONNECTING)
		return "a UNIX socket connected to another process cannot move";
	if (ofd->socket.state == RT_IO_S_LISTENING && !(ofd->socket.shut & 1) && rt_io_host_ready(ofd, POLLIN))
		return "a connection waits at the UNIX listener, and it could not move; it is in the way only until it is accepted and closed";
	return NULL;
}

static const char *inet_problem(const struct rt_io_ofd *ofd)
{
	uint16_t protocol = ofd->socket.protocol;

	if (ofd->socket.type == LX_SOCK_STREAM && (protocol == 0 || protocol == LX_IPPROTO_TCP))
		return NULL;
	if (ofd->socket.type == LX_SOCK_DGRAM && (protocol == 0 || protocol == LX_IPPROTO_UDP))
		return NULL;
	if (protocol == 262)
		return ofd->socket.state == RT_IO_S_CONNECTED || ofd->socket.state == RT_IO_S_CONNECTING ?
			"an MPTCP connection cannot move" : NULL;
	return ofd->socket.type == LX_SOCK_RAW ? "a raw socket cannot move" : "a socket of this protocol cannot move";
}

const char *rt_io_socket_problem(const struct rt_io_ofd *ofd)
{
	if (ofd->socket.log_lost)
		return "more group memberships than can be kept";
	if (ofd->socket.domain == AF_UNIX)
		return unix_problem(ofd);
	if (ofd->socket.domain == AF_NETLINK)
		return rt_io_host_ready(ofd, POLLIN) ? "messages of the kernel wait at the netlink socket; they could not move" : NULL;
	return inet_problem(ofd);
}

bool rt_io_may_move_connections(void)
{
	struct rt_io_ofd probe = { .kind = RT_IO_SOCKET };
	long error;

	probe.host_fd = (int32_t)rt_io_checked_fd(rt_host(__NR_socket, AF_INET, LX_SOCK_STREAM | LX_SOCK_CLOEXEC, 0, 0, 0, 0));
	if (probe.host_fd < 0)
		return false;
	error = rt_io_socket_set_int(&probe, LX_IPPROTO_TCP, LX_TCP_REPAIR, 1);
	rt_io_host_close(probe.host_fd);
	return error == 0;
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

static void set_status(const struct rt_io_ofd *ofd, uint32_t status)
{
	(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL, status, 0, 0, 0); /* cannot fail on a good descriptor */
}

static int accept_all(struct rt_io_ofd *listener, struct rt_io_words *words)
{
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
		rt_io_options_inherit(ofd, listener);
		pending_add(listener, ofd);
	}
}

int rt_io_socket_accept_waiting(struct rt_io_ofd *listener, struct rt_io_words *words)
{
	int error;

	if (listener->kind != RT_IO_SOCKET || listener->socket.state != RT_IO_S_LISTENING || !rt_io_is_tcp(listener))
		return 0;
	set_status(listener, listener->status | O_NONBLOCK);
	error = accept_all(listener, words);
	set_status(listener, listener->status);
	return error;
}

/* The options lie in the transfer buffer when this is called. */
static struct rt_io_socket_record *record_new(struct rt_io_ofd *ofd, uint32_t options_size)
{
	struct rt_io_socket_record *record;

	ofd->frozen = rt_io_frozen_new(sizeof *record + options_size);
	if (!ofd->frozen)
		return NULL;
	record = rt_io_frozen_at(ofd->frozen);
	memset(record, 0, sizeof *record);
	record->options_size = options_size;
	return record;
}

static int save_options(struct rt_io_ofd *ofd, struct rt_io_socket_record **ret_record, struct rt_io_words *words)
{
	const uint64_t arg[6] = { (uint64_t)ofd->host_fd };
	long size;
	uint64_t ub;

	rt_ub_reset();
	size = rt_io_checked(rt_hostcall(OM_HC_OPTIONS_GET, 0, 0, arg), 65536);
	if (size < 0)
		return rt_io_refuse_errno(words, ofd, "the socket's options cannot be read", size);
	ub = rt_io_ub_space(size ? (size_t)size : 1);
	*ret_record = record_new(ofd, (uint32_t)size);
	if (!*ret_record)
		return rt_io_refuse(words, ofd, "too much host state");
	rt_ub_get((*ret_record)->options, (void *)ub, (size_t)size);
	return 0;
}

/* The path's copy stays in the transfer buffer. Return: its untrusted address, 0 if it does not fit. */
static uint64_t path_of(const uint8_t *name, uint32_t size)
{
	char path[LX_SUN_PATH_MAX + 1] = {0};

	memcpy(path, name + 2, size - 2 < LX_SUN_PATH_MAX ? size - 2 : LX_SUN_PATH_MAX);
	return rt_io_ub_copy(path, sizeof path);
}

/* False: nothing is there. */
static bool look_at(uint64_t path, struct stat *ret_stat)
{
	uint64_t ub = rt_io_ub_space(256);

	if (!path || !ub || rt_host(__NR_newfstatat, (uint64_t)AT_FDCWD, path, ub, AT_SYMLINK_NOFOLLOW, 0, 0))
		return false;
	rt_ub_get(ret_stat, (void *)ub, sizeof *ret_stat);
	return true;
}

/* Who may connect is in the mode and owner of the socket's file. A name that is another file's by now, or gone, stays so. */
static void save_file(struct rt_io_socket_record *record)
{
	struct stat stat;

	rt_ub_reset();
	if (!has_path(record->local, record->local_size) || !look_at(path_of(record->local, record->local_size), &stat) ||
	    (stat.st_mode & LX_S_IFMT) != LX_S_IFSOCK)
		return;
	record->mode = stat.st_mode;
	record->uid = stat.st_uid;
	record->gid = stat.st_gid;
	record->device = stat.st_dev;
	record->inode = stat.st_ino;
}

int rt_io_named_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = NULL;
	int error = save_options(ofd, &record, words);

	if (error)
		return error;
	rt_ub_reset();
	record->local_size = rt_io_socket_name(ofd, __NR_getsockname, record->local);
	if (ofd->socket.type != LX_SOCK_STREAM)
		record->remote_size = rt_io_socket_name(ofd, __NR_getpeername, record->remote);
	if (ofd->socket.domain == AF_UNIX)
		save_file(record);
	/* connect chose the address, and will again; a bind to one address would be seen. */
	if (is_inet(ofd) && ofd->socket.type == LX_SOCK_DGRAM && !ofd->socket.bound && record->local_size)
		memset(record->local + (ofd->socket.domain == AF_INET ? 4 : 8), 0, ofd->socket.domain == AF_INET ? 4 : 16);
	return ofd->socket.type == LX_SOCK_DGRAM && ofd->socket.domain != AF_NETLINK ? rt_io_queue_freeze(ofd, words) : 0;
}

static int freeze_pair(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = NULL;
	int error = save_options(ofd, &record, words);

	if (error)
		return error;
	rt_ub_reset();
	record->local_size = rt_io_socket_name(ofd, __NR_getsockname, record->local);
	rt_ub_reset();
	/* An end whose other end was closed with something unread in it has an error; so has none other. Looking at a message would
	 * tell the error, and take it: it is taken first. */
	if (!ofd->socket.peer && rt_io_host_ready(ofd, POLLERR)) {
		int32_t pending;

		rt_ub_reset();
		if (rt_io_socket_get_int(ofd, SOL_SOCKET, SO_ERROR, &pending))
			return rt_io_refuse(words, ofd, "the host does not tell the pending error");
		record->mode = RT_IO_PAIR_RESET;
	}
	if (!ofd->socket.peer && ofd->socket.type == LX_SOCK_DGRAM) {
		uint8_t name[LX_SOCKADDR_MAX];

		rt_ub_reset();
		record->mode |= rt_io_socket_name(ofd, __NR_getpeername, name) ? 0 : RT_IO_PAIR_ALONE;
	}
	return ofd->socket.type == LX_SOCK_STREAM ? rt_io_queue_freeze(ofd, words) : rt_io_queue_turn(ofd, words);
}

int rt_io_socket_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	switch ((enum rt_io_socket_state)ofd->socket.state) {
	case RT_IO_S_PAIR:
		return freeze_pair(ofd, words);
	case RT_IO_S_DEAD:
	case RT_IO_S_CONNECTING:
	case RT_IO_S_CONNECTED:
		return rt_io_is_tcp(ofd) ? rt_io_tcp_freeze(ofd, words) : rt_io_named_freeze(ofd, words);
	default:
		return rt_io_named_freeze(ofd, words);
	}
}

static bool was_spoilt(const struct rt_io_ofd *ofd)
{
	const struct rt_io_socket_record *record = ofd->frozen ? rt_io_frozen_at(ofd->frozen) : NULL;

	return record && record->mode & (RT_IO_PAIR_RESET | RT_IO_PAIR_TAKEN);
}

static void give_up_end(struct rt_io_ofd *ofd)
{
	rt_io_watch_dups_close(ofd);
	rt_io_host_close(ofd->host_fd);
	ofd->host_fd = -1;
	ofd->made_again = 1;
}

/* An error or messages were taken that could not be put back: another pair has the same ones. */
static int thaw_pair(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_io_ofd *peer = ofd->socket.peer ? &rt_io_ofds[ofd->socket.peer] : NULL;

	if (ofd->made_again || !(was_spoilt(ofd) || (peer && was_spoilt(peer))))
		return 0;
	/* A freeze that failed half-way has not seen the other end. */
	if ((!ofd->frozen && freeze_pair(ofd, words)) || (peer && !peer->frozen && freeze_pair(peer, words)))
		return OM_EHOSTSTATE;
	give_up_end(ofd);
	if (peer)
		give_up_end(peer);
	return rt_io_pair_make(ofd, words);
}

int rt_io_socket_thaw(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (ofd->socket.state == RT_IO_S_PAIR)
		return thaw_pair(ofd, words);
	if (rt_io_tcp_frozen(ofd))
		return rt_io_tcp_thaw(ofd, words);
	return ofd->socket.type == LX_SOCK_DGRAM && ofd->socket.domain != AF_NETLINK ? rt_io_queue_thaw(ofd, words) : 0;
}

/* ---- make -------------------------------------------------------------------------------------------------------------------------- */

long rt_io_socket_get_int(const struct rt_io_ofd *ofd, int32_t level, int32_t name, int32_t *ret_value)
{
	uint32_t size = sizeof *ret_value;
	uint64_t ub = rt_io_ub_space(64), size_ub = rt_io_ub_copy(&size, sizeof size);
	long error = ub && size_ub ?
		rt_io_zero(rt_host(__NR_getsockopt, (uint64_t)ofd->host_fd, (uint64_t)level, (uint64_t)name, ub, size_ub, 0)) : -ENOMEM;

	if (!error)
		rt_ub_get(ret_value, (void *)ub, sizeof *ret_value);
	return error;
}

long rt_io_socket_set_int(const struct rt_io_ofd *ofd, int32_t level, int32_t name, int32_t value)
{
	uint64_t ub = rt_io_ub_copy(&value, sizeof value);

	if (!ub)
		return -ENOMEM;
	return rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, (uint64_t)(int64_t)level, (uint64_t)(int64_t)name, ub,
		sizeof value, 0));
}

/* Entries that only made sense between others fail as they should; a group that this host cannot join does not. */
static long set_logged(const struct rt_io_ofd *ofd)
{
	struct rt_io_logged e;

	for (uint32_t at = 0; rt_io_log_next(ofd, &at, &e);) {
		uint64_t ub;
		long error;

		rt_ub_reset();
		ub = rt_io_ub_copy(e.value, e.size ? e.size : 1);
		error = ub ? rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, (uint64_t)(int64_t)e.level,
			(uint64_t)(int64_t)e.name, ub, e.size, 0)) : -ENOMEM;
		if (error == -ENODEV || error == -ENOBUFS || error == -ENOMEM)
			return error;
	}
	return 0;
}

long rt_io_socket_set_options(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	const uint64_t arg[6] = { (uint64_t)ofd->host_fd, record ? record->options_size : 0 };
	long error = 0;

	rt_ub_reset();
	if (record && record->options_size)
		error = rt_io_ub_copy(record->options, record->options_size) ? rt_io_zero(rt_hostcall(OM_HC_OPTIONS_SET, 0, 0, arg)) : -ENOMEM;
	return error ? error : set_logged(ofd);
}

static long new_socket(struct rt_io_ofd *ofd)
{
	long host_fd = rt_io_checked_fd(rt_host(__NR_socket, ofd->socket.domain,
		ofd->socket.type | LX_SOCK_CLOEXEC | (ofd->status & O_NONBLOCK), ofd->socket.protocol, 0, 0, 0));

	if (host_fd >= 0)
		ofd->host_fd = (int32_t)host_fd;
	return host_fd < 0 ? host_fd : 0;
}

static bool must_bind(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	if (ofd->socket.state == RT_IO_S_PAIR)
		return record->local_size > 2 && !has_path(record->local, record->local_size);
	if (ofd->socket.bound)
		return true;
	/* The kernel chose: listen or send without bind. A new attempt to connect may get another port. */
	return is_inet(ofd) && record->local_size && port_of(record->local) && ofd->socket.state != RT_IO_S_CONNECTING;
}

/* Is there a socket of the source's that would be in the way? A file that both hosts see is that of the source. */
bool rt_io_socket_shared(const struct rt_io_ofd *ofd)
{
	const struct rt_io_socket_record *record = rt_io_frozen_at(ofd->frozen);
	struct stat stat;

	if (!must_bind(ofd, record))
		return false;
	if (!has_path(record->local, record->local_size))
		return rt_io_same_net;
	rt_ub_reset();
	return record->mode && look_at(path_of(record->local, record->local_size), &stat) && stat.st_dev == record->device &&
		stat.st_ino == record->inode;
}

/* A socket's file of that name is our own from before; anything else makes bind fail as it should. */
static void unlink_socket(const struct rt_io_socket_record *record)
{
	uint64_t path = path_of(record->local, record->local_size);
	struct stat stat;

	/* bind reports what unlink could not do. */
	if (look_at(path, &stat) && (stat.st_mode & LX_S_IFMT) == LX_S_IFSOCK)
		(void)rt_host(__NR_unlinkat, (uint64_t)AT_FDCWD, path, 0, 0, 0, 0);
}

/* The program's own user and group are the receiver's there, whatever their numbers. */
static uint32_t own_user(const struct rt_io_socket_record *record)
{
	return record->uid == rt_ids()->euid ? UINT32_MAX : record->uid;
}

static uint32_t own_group(const struct rt_io_socket_record *record)
{
	return record->gid == rt_ids()->egid ? UINT32_MAX : record->gid;
}

/* Nobody may connect before the file has its mode and owner: the file mask is closed meanwhile. */
static long bind_file(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	long mask = rt_host(__NR_umask, 0777, 0, 0, 0, 0, 0), error;
	uint64_t ub, path;

	unlink_socket(record);
	ub = rt_io_ub_copy(record->local, sizeof record->local);
	error = ub ? rt_io_zero(rt_host(__NR_bind, (uint64_t)ofd->host_fd, ub, record->local_size, 0, 0, 0)) : -ENOMEM;
	(void)rt_host(__NR_umask, mask >= 0 ? (uint64_t)mask & 0777 : 022, 0, 0, 0, 0, 0); /* cannot fail */
	if (error)
		return error;
	path = path_of(record->local, record->local_size);
	/* A host without the right to give files away makes them its own, as it would have natively. The mode comes last. */
	if (rt_host(__NR_fchownat, (uint64_t)AT_FDCWD, path, record->uid, record->gid, AT_SYMLINK_NOFOLLOW, 0))
		(void)rt_host(__NR_fchownat, (uint64_t)AT_FDCWD, path, own_user(record), own_group(record), AT_SYMLINK_NOFOLLOW, 0);
	return record->mode ? rt_io_zero(rt_host(__NR_fchmodat, (uint64_t)AT_FDCWD, path, record->mode & 07777, 0, 0, 0)) : 0;
}

/* Its file is not there any more at the source, or is another's: it has to be made for bind, and goes at once. */
static long bind_without_file(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	uint64_t path = path_of(record->local, record->local_size), ub;
	struct stat stat;
	long error;

	if (look_at(path, &stat))
		return -EEXIST;
	ub = rt_io_ub_copy(record->local, sizeof record->local);
	error = ub ? rt_io_zero(rt_host(__NR_bind, (uint64_t)ofd->host_fd, ub, record->local_size, 0, 0, 0)) : -ENOMEM;
	if (!error)
		(void)rt_host(__NR_unlinkat, (uint64_t)AT_FDCWD, path, 0, 0, 0, 0);
	return error;
}

static long bind_again(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	uint64_t ub;
	long error;

	rt_ub_reset();
	if (has_path(record->local, record->local_size))
		return record->mode ? bind_file(ofd, record) : bind_without_file(ofd, record);
	/* What our connections left behind on this host does not keep us from it. */
	if (is_inet(ofd) && ofd->socket.type == LX_SOCK_STREAM)
		(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_REUSEADDR, 1); /* cannot fail */
	ub = rt_io_ub_copy(record->local, sizeof record->local);
	error = ub ? rt_io_zero(rt_host(__NR_bind, (uint64_t)ofd->host_fd, ub, record->local_size, 0, 0, 0)) : -ENOMEM;
	if (!error && is_inet(ofd) && ofd->socket.type == LX_SOCK_STREAM)
		(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_REUSEADDR, ofd->socket.reuse || ofd->socket.state == RT_IO_S_LISTENING);
	return error;
}

/* A socket that does not share is refused such a name. */
bool rt_io_socket_name_taken(const struct rt_io_ofd *ofd)
{
	const struct rt_io_socket_record *record = rt_io_frozen_at(ofd->frozen);
	struct rt_io_ofd probe = *ofd;
	int32_t on = 0;
	long error;
	uint64_t ub;

	if (!is_inet(ofd) || ofd->socket.type != LX_SOCK_DGRAM || !must_bind(ofd, record))
		return false;
	rt_ub_reset();
	if (rt_io_socket_get_int(ofd, SOL_SOCKET, SO_REUSEPORT, &on) || !on)
		return false;
	probe.host_fd = (int32_t)rt_io_checked_fd(rt_host(__NR_socket, ofd->socket.domain, LX_SOCK_DGRAM | LX_SOCK_CLOEXEC, 0, 0, 0, 0));
	if (probe.host_fd < 0)
		return false;
	if (ofd->socket.domain == AF_INET6 && !rt_io_socket_get_int(ofd, LX_IPPROTO_IPV6, 26 /* V6ONLY */, &on))
		(void)rt_io_socket_set_int(&probe, LX_IPPROTO_IPV6, 26, on); /* a name too wide finds more than it should: it waits in vain */
	ub = rt_io_ub_copy(record->local, sizeof record->local);
	error = ub ? rt_io_zero(rt_host(__NR_bind, (uint64_t)probe.host_fd, ub, record->local_size, 0, 0, 0)) : -ENOMEM;
	(void)rt_host(__NR_close, (uint64_t)probe.host_fd, 0, 0, 0, 0, 0);
	return error == -EADDRINUSE;
}

/* In repair mode a port can be had that is in use. Nobody else can have it from then on: not without the right to this, and
 * who has that right is the source. */
static bool reserve(const struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	uint64_t ub;
	bool bound;

	rt_ub_reset();
	if (!rt_io_is_tcp(ofd) || rt_io_socket_set_int(ofd, LX_IPPROTO_TCP, LX_TCP_REPAIR, 1))
		return false;
	ub = rt_io_ub_copy(record->local, sizeof record->local);
	bound = ub && !rt_io_zero(rt_host(__NR_bind, (uint64_t)ofd->host_fd, ub, record->local_size, 0, 0, 0));
	/* Cannot fail: -1 is off, without a probe. It leaves SO_REUSEADDR off. */
	(void)rt_io_socket_set_int(ofd, LX_IPPROTO_TCP, LX_TCP_REPAIR, -1);
	(void)rt_io_socket_set_int(ofd, SOL_SOCKET, SO_REUSEADDR, ofd->socket.reuse);
	return bound;
}

static void connect_again(const struct rt_io_ofd *ofd, const uint8_t *remote, uint32_t size)
{
	uint64_t ub;

	rt_ub_reset();
	ub = rt_io_ub_copy(remote, size);
	/* What fails here fails for the program when it sends, or asks for SO_ERROR: as if the peer had gone. */
	if (ub)
		(void)rt_host(__NR_connect, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0);
}

static void shut_again(const struct rt_io_ofd *ofd)
{
	if (ofd->socket.shut)
		(void)rt_host(__NR_shutdown, (uint64_t)ofd->host_fd, ofd->socket.shut - 1u, 0, 0, 0, 0); /* as it was allowed before */
}

static long stand_bound(struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	long error = 0;

	if (ofd->claim != RT_IO_CLAIM_RESERVED && must_bind(ofd, record))
		error = bind_again(ofd, record);
	if (error || ofd->socket.state != RT_IO_S_LISTENING)
		return error;
	rt_ub_reset();
	rt_io_keep_reusable(ofd, true);
	return rt_io_zero(rt_host(__NR_listen, (uint64_t)ofd->host_fd, ofd->socket.backlog, 0, 0, 0, 0));
}

static void stand_connected(struct rt_io_ofd *ofd, const struct rt_io_socket_record *record)
{
	if (record->remote_size)
		connect_again(ofd, record->remote, record->remote_size);
	else if (ofd->socket.type == LX_SOCK_DGRAM && ofd->socket.state == RT_IO_S_CONNECTED && ofd->socket.remote_size)
		connect_again(ofd, ofd->socket.remote, ofd->socket.remote_size); /* to port 0, which has no name */
	/* A blocked thread issues its connect itself. */
	if (ofd->socket.state == RT_IO_S_CONNECTING && !rt_io_blocking(ofd))
		connect_again(ofd, ofd->socket.remote, ofd->socket.remote_size);
	shut_again(ofd);
}

long rt_io_socket_stand(struct rt_io_ofd *ofd, enum rt_io_pass pass, struct rt_io_words *words)
{
	struct rt_io_socket_record *record = rt_io_frozen_at(ofd->frozen);
	long error = 0;

	if (!ofd->frozen || ofd->socket.dumped || (ofd->socket.state == RT_IO_S_PAIR && pass != RT_IO_PASS_BIND))
		return 0;
	switch (pass) {
	case RT_IO_PASS_BIND:
		error = stand_bound(ofd, record);
		if (error && error != -EADDRINUSE)
			(void)rt_io_refuse_errno(words, ofd, "the socket's address cannot be had again", error); /* for its words */
		return error;
	case RT_IO_PASS_FILL:
		return rt_io_queue_make(ofd, words) ? -EIO : 0;
	case RT_IO_PASS_CONNECT:
		record->late = rt_io_queue_is_others(ofd);
		if (!record->late)
			stand_connected(ofd, record);
		return 0;
	}
	return 0;
}

/* A name whose turn comes after the start token must not be one that this process may not make. */
static bool may_make_file(const struct rt_io_socket_record *record)
{
	char folder[LX_SUN_PATH_MAX + 1] = {0};
	uint32_t size = 0;
	uint64_t ub;

	for (uint32_t i = 0; i < LX_SUN_PATH_MAX && record->local[2 + i]; i++) {
		folder[i] = (char)record->local[2 + i];
		if (folder[i] == '/')
			size = i + 1;
	}
	folder[size] = 0;
	rt_ub_reset();
	ub = rt_io_ub_copy(folder, sizeof folder);
	return ub && !rt_host(__NR_faccessat2, (uint64_t)AT_FDCWD, ub, 3 /* W_OK | X_OK */, LX_AT_EACCESS, 0, 0);
}

static long ask_permit(enum om_permit what, uint64_t a, uint64_t b)
{
	const uint64_t arg[6] = { what, a, b };

	return rt_hostcall(OM_HC_PERMIT, 0, 0, arg);
}

int rt_io_socket_permitted(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct rt_io_socket_record *record = rt_io_frozen_at(ofd->frozen);

	if (ofd->kind != RT_IO_SOCKET || !ofd->frozen || ofd->socket.dumped || !must_bind(ofd, record))
		return 0;
	if (has_path(record->local, record->local_size)) {
		if (!record->mode || ask_permit(OM_PERMIT_OWNER, own_user(record), own_group(record)) != -EACCES)
			return 0;
		(void)rt_io_refuse(words, ofd, "its socket's file belongs to user "); /* for its words */
		rt_io_words_number(words, record->uid);
		rt_io_words_add(words, ", group ");
		rt_io_words_number(words, record->gid);
		rt_io_words_add(words, ", to whom the receiver may not give files (receive --allow-owners)");
		return OM_EHOSTSTATE;
	}
	rt_ub_reset();
	if (!is_inet(ofd) || !rt_io_ub_copy(record->local, sizeof record->local) ||
	    ask_permit(OM_PERMIT_NAME, record->local_size, ofd->socket.type == LX_SOCK_STREAM) != -EACCES)
		return 0;
	(void)rt_io_refuse(words, ofd, "the receiver does not allow port "); /* for its words */
	rt_io_words_number(words, port_of(record->local));
	rt_io_words_add(words, " (receive --allow-ports)");
	return OM_EHOSTSTATE;
}

static int make_named(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct rt_io_socket_record *record = rt_io_frozen_at(ofd->frozen);
	long error = new_socket(ofd);

	if (error)
		return rt_io_refuse_errno(words, ofd, "the socket cannot be made again", error);
	error = rt_io_socket_set_options(ofd, record);
	if (error)
		return rt_io_refuse_errno(words, ofd, "the socket's options cannot be set again", error);
	if (!rt_io_socket_shared(ofd))
		return 0;
	if (has_path(record->local, record->local_size) && !may_make_file(record))
		return rt_io_refuse(words, ofd, "the socket's file cannot be made again: its folder may not be written to");
	ofd->claim = reserve(ofd, record) ? RT_IO_CLAIM_RESERVED : RT_IO_CLAIM_ALL;
	return 0;
}

int rt_io_socket_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "was not saved");
	if (ofd->socket.dumped)
		return rt_io_tcp_make(ofd, words);
	return ofd->socket.state == RT_IO_S_PAIR ? rt_io_pair_make(ofd, words) : make_named(ofd, words);
}
