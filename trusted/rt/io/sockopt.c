/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options: passed to the host if they are plain values. A migration asks the host's kernel for them; what a kernel
 * does not tell again is noted here.
 *
 * Refused are options whose value holds pointers or descriptors (filters, eBPF), and those that would let the
 * application interfere with how connections migrate (TCP_REPAIR and its kin).
 */
#include "rt/io/io.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define SET_MAX 4096u
#define GET_MAX 1024u

/* Kernel names that <asm/socket.h> has: a filter is a pointer. */
static bool socket_level_ok(int32_t name)
{
	switch (name) {
	case SO_ATTACH_FILTER: case SO_ATTACH_BPF: case SO_ATTACH_REUSEPORT_CBPF: case SO_ATTACH_REUSEPORT_EBPF: case SO_ZEROCOPY:
		return false;
	default:
		return true;
	}
}

static bool tcp_level_ok(int32_t name)
{
	switch (name) {
	case LX_TCP_MD5SIG: case LX_TCP_REPAIR: case LX_TCP_REPAIR_QUEUE: case LX_TCP_QUEUE_SEQ: case LX_TCP_REPAIR_OPTIONS:
	case LX_TCP_REPAIR_WINDOW: case LX_TCP_ULP: case LX_TCP_ZEROCOPY_RECEIVE:
		return false;
	default:
		return true;
	}
}

static bool allowed(int32_t level, int32_t name)
{
	switch (level) {
	case SOL_SOCKET:       return socket_level_ok(name);
	case LX_IPPROTO_TCP:   return tcp_level_ok(name);
	case LX_IPPROTO_IP:    return name < 64; /* 64 and up are netfilter's */
	case LX_IPPROTO_IPV6:  return name < 64 || name == 66 || name == 67 || name > 69; /* 66, 67: traffic class */
	case LX_IPPROTO_UDP:
	case 270:              return true;      /* SOL_NETLINK */
	default:               return false;
	}
}

/* ---- the log of what cannot be read back --------------------------------------------------------------------------------- */

/*
 * Group memberships, source filters and the interface that groups are sent through: a kernel does not tell them again as they
 * were given. All set in the same order gives the same state, so what undoes an earlier entry exactly takes that out instead, and
 * everything else is appended.
 *
 *     entry: int32_t level, int32_t name, uint32_t size, value, up to a multiple of 4
 */
#define LOG_HEAD  12u
#define LOG_MAX   65536u
enum { UNDOES_NOTHING = 0, REPLACES = -1 };

static const struct { int32_t level, name, undoes; } logged[] = {
	{ LX_IPPROTO_IP, 32 /* MULTICAST_IF */, REPLACES }, { LX_IPPROTO_IP, 35 /* ADD_MEMBERSHIP */, 0 },
	{ LX_IPPROTO_IP, 36 /* DROP_MEMBERSHIP */, 35 }, { LX_IPPROTO_IP, 37 /* UNBLOCK_SOURCE */, 38 },
	{ LX_IPPROTO_IP, 38 /* BLOCK_SOURCE */, 0 }, { LX_IPPROTO_IP, 39 /* ADD_SOURCE */, 0 },
	{ LX_IPPROTO_IP, 40 /* DROP_SOURCE */, 39 }, { LX_IPPROTO_IP, 41 /* MSFILTER */, 0 },
	{ LX_IPPROTO_IP, 42 /* MCAST_JOIN_GROUP */, 0 }, { LX_IPPROTO_IP, 43 /* MCAST_BLOCK_SOURCE */, 0 },
	{ LX_IPPROTO_IP, 44 /* MCAST_UNBLOCK_SOURCE */, 43 }, { LX_IPPROTO_IP, 45 /* MCAST_LEAVE_GROUP */, 42 },
	{ LX_IPPROTO_IP, 46 /* MCAST_JOIN_SOURCE */, 0 }, { LX_IPPROTO_IP, 47 /* MCAST_LEAVE_SOURCE */, 46 },
	{ LX_IPPROTO_IP, 48 /* MCAST_MSFILTER */, 0 },
	{ LX_IPPROTO_IPV6, 17 /* MULTICAST_IF */, REPLACES }, { LX_IPPROTO_IPV6, 20 /* JOIN_GROUP */, 0 },
	{ LX_IPPROTO_IPV6, 21 /* LEAVE_GROUP */, 20 }, { LX_IPPROTO_IPV6, 27 /* JOIN_ANYCAST */, 0 },
	{ LX_IPPROTO_IPV6, 28 /* LEAVE_ANYCAST */, 27 }, { LX_IPPROTO_IPV6, 42 /* MCAST_JOIN_GROUP */, 0 },
	{ LX_IPPROTO_IPV6, 43 /* MCAST_BLOCK_SOURCE */, 0 }, { LX_IPPROTO_IPV6, 44 /* MCAST_UNBLOCK_SOURCE */, 43 },
	{ LX_IPPROTO_IPV6, 45 /* MCAST_LEAVE_GROUP */, 42 }, { LX_IPPROTO_IPV6, 46 /* MCAST_JOIN_SOURCE */, 0 },
	{ LX_IPPROTO_IPV6, 47 /* MCAST_LEAVE_SOURCE */, 46 }, { LX_IPPROTO_IPV6, 48 /* MCAST_MSFILTER */, 0 },
	{ 270 /* SOL_NETLINK */, 1 /* ADD_MEMBERSHIP */, 0 }, { 270, 2 /* DROP_MEMBERSHIP */, 1 },
};

static bool is_logged(int32_t level, int32_t name, int32_t *ret_undoes)
{
	for (unsigned i = 0; i < sizeof logged / sizeof *logged; i++)
		if (logged[i].level == level && logged[i].name == name) {
			*ret_undoes = logged[i].undoes;
			return true;
		}
	return false;
}

bool rt_io_log_next(const struct rt_io_ofd *ofd, uint32_t *at, struct rt_io_logged *ret)
{
	const uint8_t *entry = (const uint8_t *)rt_io_blob_at(ofd->socket.log) + *at;

	if (*at >= ofd->socket.log_size)
		return false;
	memcpy(ret, entry, LOG_HEAD);
	ret->value = entry + LOG_HEAD;
	*at += (LOG_HEAD + ret->size + 3u) & ~3u;
	return true;
}

void rt_io_log_free(struct rt_io_ofd *ofd)
{
	rt_io_blob_free(ofd->socket.log, ofd->socket.log_room);
	ofd->socket.log = ofd->socket.log_size = ofd->socket.log_room = 0;
}

static bool log_room(struct rt_io_ofd *ofd, uint32_t more)
{
	uint32_t room = ofd->socket.log_room ? ofd->socket.log_room : 64, blob;

	if (ofd->socket.log && more <= ofd->socket.log_room - ofd->socket.log_size)
		return true;
	while (room - ofd->socket.log_size < more && room < LOG_MAX)
		room *= 2;
	if (room - ofd->socket.log_size < more)
		return false;
	blob = rt_io_blob_new(room);
	if (!blob)
		return false;
	if (ofd->socket.log) {
		memcpy(rt_io_blob_at(blob), rt_io_blob_at(ofd->socket.log), ofd->socket.log_size);
		rt_io_blob_free(ofd->socket.log, ofd->socket.log_room);
	}
	ofd->socket.log = blob;
	ofd->socket.log_room = room;
	return true;
}

/* The last entry of that name, and value if it counts. True: it was there. */
static bool log_remove(struct rt_io_ofd *ofd, int32_t level, int32_t name, const void *value, uint32_t size)
{
	uint32_t at = 0, begin = 0, found = UINT32_MAX, end = 0;
	struct rt_io_logged e;
	uint8_t *log = rt_io_blob_at(ofd->socket.log);

	for (; rt_io_log_next(ofd, &at, &e); begin = at)
		if (e.level == level && e.name == name && (!value || (e.size == size && !memcmp(e.value, value, size)))) {
			found = begin;
			end = at;
		}
	if (found == UINT32_MAX)
		return false;
	memmove(log + found, log + end, ofd->socket.log_size - end);
	ofd->socket.log_size -= end - found;
	return true;
}

static void log_option(struct rt_io_ofd *ofd, int32_t level, int32_t name, const void *value, uint32_t size)
{
	uint32_t step = (LOG_HEAD + size + 3u) & ~3u;
	struct rt_io_logged e = { level, name, size, NULL };
	int32_t undoes;
	uint8_t *entry;

	if (!is_logged(level, name, &undoes))
		return;
	if (undoes == REPLACES)
		(void)log_remove(ofd, level, name, NULL, 0); /* the first of its kind */
	else if (undoes && log_remove(ofd, level, undoes, value, size))
		return;
	if (!log_room(ofd, step)) {
		ofd->socket.log_lost = 1;
		return;
	}
	entry = (uint8_t *)rt_io_blob_at(ofd->socket.log) + ofd->socket.log_size;
	memset(entry, 0, step);
	memcpy(entry, &e, LOG_HEAD);
	memcpy(entry + LOG_HEAD, value, size);
	ofd->socket.log_size += step;
}

/* ---- what is known here ---------------------------------------------------------------------------------------------------- */

int64_t rt_io_option_timeout_ns(const struct rt_io_ofd *ofd, bool writing)
{
	return ofd->kind == RT_IO_SOCKET ? ofd->socket.timeout_ns[writing] : 0;
}

void rt_io_options_inherit(struct rt_io_ofd *ofd, const struct rt_io_ofd *listener)
{
	ofd->socket.origin = rt_io_index(listener);
	ofd->socket.origin_id = listener->socket.listen_id;
	ofd->socket.settings = listener->socket.settings;
	ofd->socket.settings_own = listener->socket.settings_late; /* the kernel copied them at the handshake, before or after */
	ofd->socket.reuse = listener->socket.reuse;
	memcpy(ofd->socket.timeout_ns, listener->socket.timeout_ns, sizeof ofd->socket.timeout_ns);
}

static void note_timeout(struct rt_io_ofd *ofd, int32_t name, const uint8_t *value, uint32_t size)
{
	bool writing = name == SO_SNDTIMEO;
	struct lx_timeval timeout;

	if ((name != SO_RCVTIMEO && name != SO_SNDTIMEO) || size < sizeof timeout)
		return;
	memcpy(&timeout, value, sizeof timeout);
	ofd->socket.timeout_ns[writing] = timeout.sec < 0 || timeout.sec > INT64_MAX / 2000000000 ? 0 :
		timeout.sec * 1000000000 + timeout.usec * 1000;
}

long rt_io_dead_error(struct rt_io_ofd *ofd, long error)
{
	if (ofd->kind != RT_IO_SOCKET || ofd->socket.state != RT_IO_S_DEAD || !ofd->socket.error ||
	    (error != -ECONNRESET && error != -ECONNREFUSED))
		return error;
	error = -(long)ofd->socket.error;
	ofd->socket.error = 0;
	return error;
}

/* On the host every socket that listens has it, so that what its connections leave behind does not keep a migration from
 * listening there again. */
static bool reuse_is_kept_here(const struct rt_io_ofd *ofd, int32_t level, int32_t name)
{
	return level == SOL_SOCKET && name == SO_REUSEADDR && rt_io_is_tcp(ofd);
}

static long set_reuse(struct rt_io_ofd *ofd, uint64_t ub, const uint8_t *value, uint32_t size)
{
	int32_t wish;
	long error = 0;

	if (size < sizeof wish)
		return -EINVAL;
	memcpy(&wish, value, sizeof wish);
	if (ofd->socket.state == RT_IO_S_NEW)
		error = rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, SOL_SOCKET, SO_REUSEADDR, ub, size, 0));
	if (!error)
		ofd->socket.reuse = wish != 0;
	return error;
}

long rt_io_setsockopt(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	int32_t level = (int32_t)t->arg[1], name = (int32_t)t->arg[2];
	uint32_t size = (uint32_t)t->arg[4];
	uint8_t value[SET_MAX];
	uint64_t ub;
	long error;

	if (!ofd)
		return -EBADF;
	if (ofd->kind != RT_IO_SOCKET)
		return -ENOTSOCK;
	if (!allowed(level, name))
		return -ENOPROTOOPT;
	if (size > sizeof value)
		return (int32_t)size < 0 ? -EINVAL : -ENOBUFS;
	if (rt_app_get(value, ARG(3), size))
		return -EFAULT;
	ub = rt_io_ub_copy(value, size ? size : 1);
	if (!ub)
		return -ENOMEM;
	if (reuse_is_kept_here(ofd, level, name))
		return set_reuse(ofd, ub, value, size);
	error = rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, ARG(1), ARG(2), ub, size, 0));
	if (error)
		return error;
	ofd->socket.settings++;
	ofd->socket.settings_own = 1;
	if (ofd->socket.state == RT_IO_S_LISTENING)
		ofd->socket.settings_late = 1;
	log_option(ofd, level, name, value, size);
	if (level == SOL_SOCKET)
		note_timeout(ofd, name, value, size);
	return 0;
}

/* Answered inside where we know: the host's socket may be a stand-in, or has what the program did not ask for. */
static bool known(const struct rt_io_ofd *ofd, int32_t level, int32_t name, int32_t *ret_value)
{
	if (reuse_is_kept_here(ofd, level, name)) {
		*ret_value = ofd->socket.reuse;
		return true;
	}
	if (level == LX_IPPROTO_IPV6 && name == 26 /* V6ONLY */ && ofd->socket.v6only) {
		*ret_value = ofd->socket.v6only - 1;
		return true;
	}
	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_TYPE:       *ret_value = ofd->socket.type; return true;
	case SO_DOMAIN:     *ret_value = ofd->socket.domain; return true;
	case SO_ACCEPTCONN: *ret_value = ofd->socket.state == RT_IO_S_LISTENING; return true;
	default:            return false;
	}
}

static long answer(struct rt_thread *t, const void *value, uint32_t size, uint32_t room)
{
	if (size > room)
		size = room;
	if (rt_app_put(ARG(3), value, size) || rt_app_put(ARG(4), &size, sizeof size))
		return -EFAULT;
	return 0;
}

long rt_io_getsockopt(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	int32_t level = (int32_t)t->arg[1], name = (int32_t)t->arg[2], value;
	uint32_t room, size;
	uint64_t ub, size_ub;
	uint8_t bytes[GET_MAX];
	long error;

	if (!ofd)
		return -EBADF;
	if (ofd->kind != RT_IO_SOCKET)
		return -ENOTSOCK;
	if (rt_app_get(&room, ARG(4), sizeof room))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	if (!allowed(level, name))
		return -ENOPROTOOPT;
	if (known(ofd, level, name, &value))
		return answer(t, &value, sizeof value, room);
	size = room < GET_MAX ? room : GET_MAX;
	ub = rt_io_ub_space(GET_MAX);
	size_ub = rt_io_ub_copy(&size, sizeof size);
	if (!ub || !size_ub)
		return -ENOMEM;
	error = rt_io_zero(rt_host(__NR_getsockopt, (uint64_t)ofd->host_fd, ARG(1), ARG(2), ub, size_ub, 0));
	if (error)
		return error;
	rt_ub_get(&room, (void *)size_ub, sizeof room);
	if (room > size)
		rt_fatal(OM_EHOST, "host returned an impossible option length");
	rt_ub_get(bytes, (void *)ub, room);
	if (level == SOL_SOCKET && name == SO_ERROR && room == sizeof value) {
		memcpy(&value, bytes, sizeof value);
		value = (int32_t)-rt_io_dead_error(ofd, -(long)value);
		memcpy(bytes, &value, sizeof value);
	}
	return answer(t, bytes, room, room);
}
