/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options: passed to the host if they are plain values, noted so that a migration can set them again.
 *
 * Refused are options whose value holds pointers or descriptors (filters, eBPF), and those that would let the
 * application interfere with how connections migrate (TCP_REPAIR and its kin).
 */
#include "rt/io/io.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define OPTIONS_MIN 4u
#define OPTIONS_MAX 64u
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

/* Options that are acts, not settings: done again, they would do something again. */
static bool is_setting(int32_t level, int32_t name)
{
	return !(level == SOL_SOCKET && (name == SO_ERROR || name == SO_DETACH_FILTER));
}

/* The list's blob has room for a power of two, at least OPTIONS_MIN. */
static uint32_t capacity_of(uint32_t count)
{
	return count <= OPTIONS_MIN ? OPTIONS_MIN : 1u << (32 - __builtin_clz(count - 1));
}

static uint32_t bytes_of(uint32_t count)
{
	return capacity_of(count) * (uint32_t)sizeof(struct rt_io_option);
}

/* Room for one more. */
static bool grow(struct rt_io_ofd *ofd)
{
	uint32_t count = ofd->socket.option_count, blob = ofd->socket.options;

	if (blob && count < capacity_of(count))
		return true;
	if (count == OPTIONS_MAX)
		return false;
	ofd->socket.options = rt_io_blob_new(bytes_of(count + 1));
	if (!ofd->socket.options) {
		ofd->socket.options = blob;
		return false;
	}
	if (blob) {
		memcpy(rt_io_blob_at(ofd->socket.options), rt_io_blob_at(blob), bytes_of(count));
		rt_io_blob_free(blob, bytes_of(count));
	}
	return true;
}

void rt_io_option_record(struct rt_io_ofd *ofd, int32_t level, int32_t name, const void *value, uint32_t size)
{
	struct rt_io_option *list = rt_io_blob_at(ofd->socket.options);
	uint32_t i = 0, count = ofd->socket.option_count;

	if (size > sizeof list->value || !is_setting(level, name))
		return;
	/* Group memberships add up; everything else replaces. */
	while (i < count && (list[i].level != level || list[i].name != name ||
			(level == LX_IPPROTO_IP && name >= 35 && memcmp(list[i].value, value, size))))
		i++;
	if (i == count) {
		if (!grow(ofd))
			return;
		list = rt_io_blob_at(ofd->socket.options);
		ofd->socket.option_count++;
	}
	list[i] = (struct rt_io_option){ .level = level, .name = name, .size = size };
	memcpy(list[i].value, value, size);
}

int64_t rt_io_option_timeout_ns(const struct rt_io_ofd *ofd, bool writing)
{
	const struct rt_io_option *list = rt_io_blob_at(ofd->socket.options);
	int32_t name = writing ? SO_SNDTIMEO : SO_RCVTIMEO;
	struct lx_timeval timeout;

	for (uint32_t i = 0; ofd->kind == RT_IO_SOCKET && i < ofd->socket.option_count; i++) {
		if (list[i].level != SOL_SOCKET || list[i].name != name || list[i].size != sizeof timeout)
			continue;
		memcpy(&timeout, list[i].value, sizeof timeout);
		return timeout.sec < 0 || timeout.sec > INT64_MAX / 2000000000 ? 0 : timeout.sec * 1000000000 + timeout.usec * 1000;
	}
	return 0;
}

void rt_io_options_free(struct rt_io_ofd *ofd)
{
	rt_io_blob_free(ofd->socket.options, bytes_of(ofd->socket.option_count));
	ofd->socket.options = 0;
	ofd->socket.option_count = 0;
}

long rt_io_setsockopt(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	int32_t level = (int32_t)t->arg[1], name = (int32_t)t->arg[2];
	uint32_t size = (uint32_t)t->arg[4];
	uint8_t value[256];
	uint64_t ub;
	long error;

	if (!ofd)
		return -EBADF;
	if (ofd->kind != RT_IO_SOCKET)
		return -ENOTSOCK;
	if (!allowed(level, name))
		return -ENOPROTOOPT;
	if (size > sizeof value)
		return -EINVAL;
	if (rt_app_get(value, ARG(3), size))
		return -EFAULT;
	if (ofd->socket.state == RT_IO_S_DEAD)
		return 0;
	ub = rt_io_ub_copy(value, size ? size : 1);
	error = rt_io_zero(rt_host(__NR_setsockopt, (uint64_t)ofd->host_fd, ARG(1), ARG(2), ub, size, 0));
	if (!error)
		rt_io_option_record(ofd, level, name, value, size);
	return error;
}

/* Answered inside where we know: a stand-in for a dead connection would answer wrongly. */
static bool known(const struct rt_io_ofd *ofd, int32_t level, int32_t name, int32_t *ret_value)
{
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
	return answer(t, bytes, room, room);
}
