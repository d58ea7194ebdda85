/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: creating, naming, listening, accepting, connecting. Options are in sockopt.c, messages in message.c.
 *
 * Kept inside: family, type, the state in the sense of enum rt_io_socket_state, options set, backlog. Addresses are
 * asked of the host when a freeze needs them: bind with port 0, autobind and accept all decide them there.
 *
 * Relative UNIX paths are made absolute, for the host process' working directory is not ours; getsockname then shows
 * the absolute path.
 */
#include "rt/io/rules.h"

#define ARG(i) ((uint64_t)t->arg[i])

RT_RESIDENT_EARLY uint32_t rt_io_pending_total; /* the process may end at CSSA 1 */
static RT_RESIDENT uint32_t listen_ids;

static long get(uint64_t fd, struct rt_io_ofd **ret_ofd)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	if (!ofd)
		return -EBADF;
	if (ofd->kind != RT_IO_SOCKET)
		return -ENOTSOCK;
	*ret_ofd = ofd;
	return 0;
}

/* ---- addresses ---------------------------------------------------------------------------------------------------------- */

static long unix_absolute(uint8_t *address, uint32_t *size)
{
	char path[LX_SUN_PATH_MAX + 1] = {0}, full[LX_SUN_PATH_MAX + 1];
	long length;

	/* Unnamed, abstract, or absolute already. */
	if (*size <= 2 || address[2] == 0 || (address[2] == '/' && !rt_io_ruled()))
		return 0;
	memcpy(path, address + 2, *size - 2);
	rt_io_cwd_follow();
	/* An absolute one may fill its place without a NUL. */
	length = rt_io_absolute(path, full, path[0] == '/' ? sizeof full : sizeof full - 1);
	if (length >= 0 && rt_io_ruled_socket(full))
		length = -EACCES;
	if (length < 0)
		return length;
	if (path[0] == '/')
		length = (long)om_launch_normalise(full);
	if (length == LX_SUN_PATH_MAX)
		return 0;
	memcpy(address + 2, full, (size_t)length + 1);
	*size = 2 + (uint32_t)length + 1;
	return 0;
}

long rt_io_sockaddr_in(uint64_t app, uint64_t size, uint8_t ret_address[LX_SOCKADDR_MAX], uint32_t *ret_size)
{
	uint16_t family;

	if (size > LX_SOCKADDR_MAX)
		return -EINVAL;
	memset(ret_address, 0, LX_SOCKADDR_MAX);
	if (rt_app_get(ret_address, app, size))
		return -EFAULT;
	*ret_size = (uint32_t)size;
	memcpy(&family, ret_address, 2);
	if (family != AF_UNIX || size < 2)
		return 0;
	return size > 2 + LX_SUN_PATH_MAX ? -EINVAL : unix_absolute(ret_address, ret_size);
}

/* `untrusted_size` points to the length the host wrote. As Linux: copy what fits, report the real length. */
static long name_out(uint64_t app, uint64_t app_size, uint64_t untrusted, uint64_t untrusted_size)
{
	uint32_t size, room;

	rt_ub_get(&size, (void *)untrusted_size, sizeof size);
	/* The kernel reports up to one more than struct sockaddr_un for a path without NUL. */
	if (size > LX_SOCKADDR_MAX)
		rt_fatal(OM_EHOST, "host returned an impossible address length");
	if (rt_app_get(&room, app_size, sizeof room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (room > size)
		room = size;
	if (room && rt_ub_to_app(app, (void *)untrusted, room))
		return -EFAULT;
	return rt_app_put(app_size, &size, sizeof size);
}

/* Of accept and recvfrom, where NULL says that nobody wants to know. */
long rt_io_sockaddr_out(uint64_t app, uint64_t app_size, uint64_t untrusted, uint64_t untrusted_size)
{
	return app ? name_out(app, app_size, untrusted, untrusted_size) : 0;
}

/* Space for an address and its length, the length filled in. */
static bool address_space(uint64_t *ret_ub, uint64_t *ret_size_ub)
{
	uint32_t size = LX_SOCKADDR_MAX;

	*ret_ub = rt_io_ub_space(LX_SOCKADDR_MAX);
	*ret_size_ub = rt_io_ub_copy(&size, sizeof size);
	return *ret_ub && *ret_size_ub;
}

/* ---- creating ------------------------------------------------------------------------------------------------------------ */

static void socket_init(struct rt_io_ofd *ofd, uint64_t domain, uint64_t type, uint64_t protocol, enum rt_io_socket_state state)
{
	ofd->socket.domain = (uint16_t)domain;
	ofd->socket.type = type & LX_SOCK_TYPE_MASK;
	ofd->socket.protocol = (uint16_t)protocol;
	ofd->socket.state = (uint8_t)state;
}

static long check_kind(uint64_t domain, uint64_t type)
{
	if (type & ~(uint64_t)(LX_SOCK_TYPE_MASK | LX_SOCK_NONBLOCK | LX_SOCK_CLOEXEC))
		return -EINVAL;
	return domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX || domain == AF_NETLINK ? 0 : -EAFNOSUPPORT;
}

static uint32_t status_of(uint64_t flags)
{
	return O_RDWR | (flags & LX_SOCK_NONBLOCK ? O_NONBLOCK : 0);
}

static uint32_t fd_flags_of(uint64_t flags)
{
	return flags & LX_SOCK_CLOEXEC ? FD_CLOEXEC : 0;
}

static long sys_socket(struct rt_thread *t)
{
	uint64_t type = (uint32_t)t->arg[1];
	struct rt_io_ofd *ofd = NULL;
	long result = check_kind((uint32_t)t->arg[0], type);

	if (result)
		return result;
	if (!rt_io_room(1))
		return -EMFILE;
	result = rt_host(__NR_socket, ARG(0), type | LX_SOCK_CLOEXEC, ARG(2), 0, 0, 0);
	result = rt_io_install_host(RT_IO_SOCKET, result, status_of(type), fd_flags_of(type), &ofd);
	if (result >= 0)
		socket_init(ofd, ARG(0), type, ARG(2), RT_IO_S_NEW);
	return result;
}

static long sys_socketpair(struct rt_thread *t)
{
	uint64_t type = (uint32_t)t->arg[1], ub = rt_io_ub_space(256);
	struct rt_io_ofd *ofd[2] = { NULL, NULL };
	int32_t host_fd[2], fd[2];
	long result = check_kind((uint32_t)t->arg[0], type);

	if (result)
		return result;
	if (!rt_io_room(2))
		return -EMFILE;
	result = rt_io_zero(rt_host(__NR_socketpair, ARG(0), type | LX_SOCK_CLOEXEC, ARG(2), ub, 0, 0));
	if (result)
		return result;
	rt_io_get_pair(ub, host_fd);
	fd[0] = (int32_t)rt_io_install_host(RT_IO_SOCKET, host_fd[0], status_of(type), fd_flags_of(type), &ofd[0]);
	if (fd[0] < 0) {
		rt_io_host_close(host_fd[1]);
		return fd[0];
	}
	socket_init(ofd[0], ARG(0), type, ARG(2), RT_IO_S_PAIR);
	fd[1] = (int32_t)rt_io_install_host(RT_IO_SOCKET, host_fd[1], status_of(type), fd_flags_of(type), &ofd[1]);
	if (fd[1] < 0) {
		(void)rt_io_close((uint64_t)fd[0]);
		return fd[1];
	}
	socket_init(ofd[1], ARG(0), type, ARG(2), RT_IO_S_PAIR);
	ofd[0]->socket.peer = rt_io_index(ofd[1]);
	ofd[1]->socket.peer = rt_io_index(ofd[0]);
	return rt_app_put(ARG(3), fd, sizeof fd);
}

/*
 * A listener's connections have SO_REUSEADDR from it, and what they leave behind in TIME_WAIT has it from them: a listener can
 * come back to its port only if both have. The program sees what it asked for itself; the listener keeps others from its port
 * all the same.
 */
void rt_io_keep_reusable(const struct rt_io_ofd *ofd, bool on)
{
	int32_t value = on || ofd->socket.reuse;
	uint64_t ub = rt_io_is_tcp(ofd) ? rt_io_ub_copy(&value, sizeof value) : 0;

	if (ub)
		(void)rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, SOL_SOCKET, SO_REUSEADDR, ub, sizeof value, 0); /* cannot fail */
}

/* ---- naming, listening, connecting --------------------------------------------------------------------------------------- */

static long sys_bind(struct rt_thread *t)
{
	uint8_t address[LX_SOCKADDR_MAX];
	uint32_t size;
	struct rt_io_ofd *ofd;
	uint64_t ub;
	long error = get(ARG(0), &ofd);

	if (!error)
		error = rt_io_sockaddr_in(ARG(1), (uint32_t)t->arg[2], address, &size);
	if (error)
		return error;
	ub = rt_io_ub_copy(address, sizeof address);
	error = rt_io_zero(rt_host(__NR_bind, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0));
	if (!error)
		ofd->socket.bound = 1;
	return error;
}

static long sys_listen(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	long error = get(ARG(0), &ofd);

	if (error)
		return error;
	rt_io_keep_reusable(ofd, true);
	error = rt_io_zero(rt_host(__NR_listen, (uint64_t)ofd->host_fd, ARG(1), 0, 0, 0, 0));
	if (!error) {
		ofd->socket.listen_id = __atomic_add_fetch(&listen_ids, 1, __ATOMIC_RELAXED);
		ofd->socket.state = RT_IO_S_LISTENING;
		ofd->socket.backlog = (uint32_t)t->arg[1];
	} else if (ofd->socket.state == RT_IO_S_NEW) {
		rt_io_keep_reusable(ofd, false);
	}
	return error;
}

/* Interrupted or stopped, a blocking connect goes on in the kernel: issued again, it waits for the same attempt. */
static long sys_connect(struct rt_thread *t)
{
	uint8_t address[LX_SOCKADDR_MAX];
	uint32_t size;
	struct rt_io_ofd *ofd;
	uint16_t family;
	uint64_t ub;
	long error = get(ARG(0), &ofd);

	if (!error)
		error = rt_io_sockaddr_in(ARG(1), (uint32_t)t->arg[2], address, &size);
	if (error)
		return error;
	ub = rt_io_ub_copy(address, sizeof address);
	memcpy(&family, address, 2);
	if (family == AF_UNSPEC) {
		error = rt_io_zero(rt_host(__NR_connect, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0));
		if (!error)
			ofd->socket.state = RT_IO_S_NEW;
		return error;
	}
	if (size <= sizeof ofd->socket.remote && ofd->socket.state != RT_IO_S_CONNECTED && ofd->socket.state != RT_IO_S_DEAD) {
		memcpy(ofd->socket.remote, address, size);
		ofd->socket.remote_size = (uint8_t)size;
		ofd->socket.state = RT_IO_S_CONNECTING;
	}
	if (rt_io_blocking(ofd)) {
		bool again = t->syscall_scratch[RT_IO_SCRATCH_DONE];

		t->syscall_scratch[RT_IO_SCRATCH_DONE] = 1;
		error = rt_io_zero(rt_host_wait(__NR_connect, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0));
		/* The attempt of before has succeeded while the program was moved. */
		if (error == -EISCONN && again)
			error = 0;
	} else {
		error = rt_io_zero(rt_host(__NR_connect, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0));
	}
	error = rt_io_dead_error(ofd, error);
	if (!error)
		ofd->socket.state = RT_IO_S_CONNECTED;
	else if (ofd->socket.state == RT_IO_S_DEAD && !ofd->socket.refused)
		return error;
	else if (error != -EINPROGRESS && error != -EALREADY && error != -EINTR && error != -EISCONN)
		ofd->socket.state = RT_IO_S_NEW;
	return error;
}

/* ---- accepting ----------------------------------------------------------------------------------------------------------- */

static struct rt_io_ofd *pending_take(struct rt_io_ofd *listener)
{
	struct rt_io_ofd *ofd = NULL;

	if (!rt_io_pending_total)
		return NULL;
	rt_io_lock();
	if (listener->socket.pending_first) {
		ofd = &rt_io_ofds[listener->socket.pending_first];
		listener->socket.pending_first = ofd->socket.pending_next;
		if (!ofd->socket.pending_next)
			listener->socket.pending_last = 0;
		ofd->socket.pending_next = 0;
		__atomic_fetch_sub(&rt_io_pending_total, 1, __ATOMIC_RELAXED);
	}
	rt_io_unlock();
	return ofd;
}

static long accept_pending(struct rt_thread *t, struct rt_io_ofd *ofd, uint64_t flags, uint64_t ub, uint64_t size_ub)
{
	long fd, error;

	ofd->status = status_of(flags);
	if (flags & LX_SOCK_NONBLOCK)
		(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL, ofd->status, 0, 0, 0); /* cannot fail on a good descriptor */
	fd = rt_io_install(ofd, 0, fd_flags_of(flags));
	if (fd < 0 || !ARG(1))
		return fd;
	error = rt_io_zero(rt_host(__NR_getpeername, (uint64_t)ofd->host_fd, ub, size_ub, 0, 0, 0));
	if (!error)
		error = rt_io_sockaddr_out(ARG(1), ARG(2), ub, size_ub);
	/* A peer that has gone since has no name any more; the descriptor is still good. */
	return error == -EFAULT ? error : fd;
}

static long accept_flags(struct rt_thread *t, uint64_t flags)
{
	struct rt_io_ofd *listener, *ofd;
	uint64_t ub, size_ub, host_flags = (flags & LX_SOCK_NONBLOCK) | LX_SOCK_CLOEXEC;
	long error = get(ARG(0), &listener), host_fd, fd;

	if (error)
		return error;
	if (flags & ~(uint64_t)(LX_SOCK_NONBLOCK | LX_SOCK_CLOEXEC))
		return -EINVAL;
	if (!rt_io_room(1))
		return -EMFILE;
	if (!address_space(&ub, &size_ub))
		return -ENOMEM;
	ofd = pending_take(listener);
	if (ofd)
		return accept_pending(t, ofd, flags, ub, size_ub);
	error = rt_io_wait_again(t, listener, false);
	if (error)
		return error;
	if (rt_io_blocking(listener))
		host_fd = rt_host_wait(__NR_accept4, (uint64_t)listener->host_fd, ub, size_ub, host_flags, 0, 0);
	else
		host_fd = rt_host(__NR_accept4, (uint64_t)listener->host_fd, ub, size_ub, host_flags, 0, 0);
	fd = rt_io_install_host(RT_IO_SOCKET, host_fd, status_of(flags), fd_flags_of(flags), &ofd);
	if (fd < 0)
		return fd;
	socket_init(ofd, listener->socket.domain, listener->socket.type, listener->socket.protocol, RT_IO_S_CONNECTED);
	rt_io_options_inherit(ofd, listener);
	error = rt_io_sockaddr_out(ARG(1), ARG(2), ub, size_ub);
	if (error) {
		(void)rt_io_close((uint64_t)fd);
		return error;
	}
	return fd;
}

static long sys_accept(struct rt_thread *t) { return accept_flags(t, 0); }
static long sys_accept4(struct rt_thread *t) { return accept_flags(t, (uint32_t)t->arg[3]); }

/* ---- small ones ------------------------------------------------------------------------------------------------------------ */

/* The host's socket is a stand-in with names of its own. */
static long dead_name(struct rt_thread *t, const struct rt_io_ofd *ofd, uint64_t ub, uint64_t size_ub)
{
	uint32_t size = ofd->socket.local_size;

	if (t->nr == __NR_getpeername)
		return -ENOTCONN;
	rt_ub_put((void *)ub, ofd->socket.remote, size);
	rt_ub_put((void *)size_ub, &size, sizeof size);
	return rt_io_sockaddr_out(ARG(1), ARG(2), ub, size_ub);
}

static long sys_name(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	uint64_t ub, size_ub;
	long error = get(ARG(0), &ofd);

	if (error)
		return error;
	if (!address_space(&ub, &size_ub))
		return -ENOMEM;
	if (ofd->socket.state == RT_IO_S_DEAD)
		return dead_name(t, ofd, ub, size_ub);
	error = rt_io_zero(rt_host(t->nr, (uint64_t)ofd->host_fd, ub, size_ub, 0, 0, 0));
	return error ? error : name_out(ARG(1), ARG(2), ub, size_ub);
}

static bool is_inet_stream(const struct rt_io_ofd *ofd)
{
	return (ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6) && ofd->socket.type == LX_SOCK_STREAM;
}

static void reset_when_closed(const struct rt_io_ofd *ofd)
{
	static const struct { int32_t on, seconds; } reset = { 1, 0 };
	uint64_t ub = rt_io_ub_copy(&reset, sizeof reset);

	if (ub)
		(void)rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, SOL_SOCKET, SO_LINGER, ub, sizeof reset, 0); /* cannot fail */
}

/* The listener listens no more: connections that wait are reset, those that a freeze took from the host's queue too. */
void rt_io_pending_reset(struct rt_io_ofd *listener)
{
	struct rt_io_ofd *ofd;

	while ((ofd = pending_take(listener)) != NULL) {
		reset_when_closed(ofd);
		rt_io_ofd_put(ofd);
	}
}

/* The process ends. Takes no lock: its threads may stand anywhere. */
void rt_io_pending_reset_all(void)
{
	uint32_t left = rt_io_pending_total;

	for (uint32_t i = 1; left && i < rt_io_ofd_end; i++)
		if (rt_io_ofds[i].kind == RT_IO_SOCKET)
			for (uint32_t at = rt_io_ofds[i].socket.pending_first; at && left; at = rt_io_ofds[at].socket.pending_next, left--)
				rt_ub_reset(), reset_when_closed(&rt_io_ofds[at]);
}

static long sys_shutdown(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	uint32_t how = (uint32_t)t->arg[1];
	long error = get(ARG(0), &ofd);

	if (error)
		return error;
	if (how > LX_SHUT_RDWR)
		return -EINVAL;
	error = rt_io_zero(rt_host(__NR_shutdown, (uint64_t)ofd->host_fd, how, 0, 0, 0, 0));
	/* Linux says so and does it all the same: what poll tells of such a socket has changed. */
	if (error == -ENOTCONN && (ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6))
		ofd->socket.shut |= (uint8_t)(how + 1);
	if (error)
		return error;
	/* A TCP listener that is shut down for reading listens no more, and may do so again. */
	if (ofd->socket.state == RT_IO_S_LISTENING && is_inet_stream(ofd)) {
		if (how != LX_SHUT_WR) {
			ofd->socket.state = RT_IO_S_NEW;
			rt_io_keep_reusable(ofd, false);
			rt_io_pending_reset(ofd);
		}
		return 0;
	}
	ofd->socket.shut |= (uint8_t)(how + 1);
	return 0;
}

const struct rt_syscall_entry rt_syscalls_socket[] = {
	{ __NR_socket, 0, sys_socket }, { __NR_socketpair, 0, sys_socketpair },
	{ __NR_bind, 0, sys_bind }, { __NR_listen, 0, sys_listen }, { __NR_connect, 0, sys_connect },
	{ __NR_accept, 0, sys_accept }, { __NR_accept4, 0, sys_accept4 },
	{ __NR_getsockname, 0, sys_name }, { __NR_getpeername, 0, sys_name }, { __NR_shutdown, 0, sys_shutdown },
	{ __NR_setsockopt, 0, rt_io_setsockopt }, { __NR_getsockopt, 0, rt_io_getsockopt },
	{ __NR_sendto, 0, rt_io_sendto }, { __NR_recvfrom, 0, rt_io_recvfrom },
	{ __NR_sendmsg, 0, rt_io_sendmsg }, { __NR_recvmsg, 0, rt_io_recvmsg },
	{ __NR_sendmmsg, 0, rt_io_sendmmsg }, { __NR_recvmmsg, 0, rt_io_recvmmsg },
	{ 0, 0, NULL },
};
