/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors above 2 that the process was started with: socket activation, supervisors, `4< file` in a shell.
 *
 * The host's number is the program's number. A description is made when the program first uses a descriptor. So descriptors that only
 * leaked into the process (pipes of a shell, a terminal's) are neither asked about nor in the way of a migration:
 *
 *     waiting --first use--> a description as if the program had opened it: files and sockets move, devices and pipes do not
 *        |
 *        +-------migration-> files, directories and sockets that can move: the same; what the program has never used of the
 *                            rest is not there on the other host (EBADF)
 *
 * Invariant: a waiting number is taken in table.c and has no description.
 */
#include "rt/io/io.h"
#include "rt/io/migrate.h"

#define WORDS (OM_INHERITED_MAX / 64)

static RT_RESIDENT uint64_t waiting[WORDS];
RT_RESIDENT uint32_t rt_io_inherited_count;

/* What the host says that a descriptor is. */
struct found {
	enum rt_io_kind kind;
	uint32_t status;
	struct stat stat;
	struct rt_io_socket socket;
};

bool rt_io_inherited(uint64_t fd)
{
	return fd < OM_INHERITED_MAX && __atomic_load_n(&waiting[fd / 64], __ATOMIC_ACQUIRE) & 1ULL << fd % 64;
}

void rt_io_inherit_boot(const uint64_t *bits)
{
	for (uint32_t fd = 3; fd < OM_INHERITED_MAX; fd++) {
		if (!(bits[fd / 64] & 1ULL << fd % 64))
			continue;
		waiting[fd / 64] |= 1ULL << fd % 64;
		rt_io_inherited_count++;
		rt_io_number_reserve(fd);
	}
}

/* False: of a kind that no program inside could have made; it stays a thing to read and write. */
static bool find_socket(uint64_t fd, struct rt_io_socket *ret)
{
	const struct rt_io_ofd probe = { .kind = RT_IO_SOCKET, .host_fd = (int32_t)fd };
	int32_t domain, type, protocol, listening;
	uint8_t name[LX_SOCKADDR_MAX];

	if (rt_io_socket_get_int(&probe, SOL_SOCKET, SO_DOMAIN, &domain) || rt_io_socket_get_int(&probe, SOL_SOCKET, SO_TYPE, &type) ||
	    rt_io_socket_get_int(&probe, SOL_SOCKET, SO_PROTOCOL, &protocol) ||
	    rt_io_socket_get_int(&probe, SOL_SOCKET, SO_ACCEPTCONN, &listening))
		return false;
	if ((domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX && domain != AF_NETLINK) || type < 0 || type > LX_SOCK_TYPE_MASK)
		return false;
	*ret = (struct rt_io_socket){ .domain = (uint16_t)domain, .type = (uint16_t)type, .protocol = (uint16_t)protocol };
	/* Linux names a socket that was never bound by its family alone, or by port 0; bind() itself tells those apart. */
	ret->bound = rt_io_socket_name(&probe, __NR_getsockname, name) > sizeof(uint16_t);
	if (listening) {
		ret->state = RT_IO_S_LISTENING;
		ret->backlog = 4096; /* the host's limit cuts it; what it was cannot be asked */
	} else if (rt_io_socket_name(&probe, __NR_getpeername, name)) {
		ret->state = RT_IO_S_CONNECTED;
	}
	return true;
}

static bool find(uint64_t fd, struct found *ret)
{
	uint64_t ub = rt_io_ub_space(sizeof ret->stat);
	long status = rt_host(__NR_fcntl, fd, F_GETFL, 0, 0, 0, 0);

	if (!ub || status < 0 || rt_io_zero(rt_host(__NR_fstat, fd, ub, 0, 0, 0, 0)))
		return false;
	rt_ub_get(&ret->stat, (void *)ub, sizeof ret->stat);
	ret->status = (uint32_t)status & (O_ACCMODE | O_PATH | (LX_SETFL_MASK & ~FASYNC));
	switch (ret->status & O_PATH ? 0 : ret->stat.st_mode & LX_S_IFMT) {
	case LX_S_IFREG:  ret->kind = RT_IO_FILE; break;
	case LX_S_IFDIR:  ret->kind = RT_IO_DIR; break;
	case LX_S_IFSOCK: ret->kind = find_socket(fd, &ret->socket) ? RT_IO_SOCKET : RT_IO_OTHER; break;
	default:          ret->kind = RT_IO_OTHER; break;
	}
	return true;
}

/* Of two threads that use it for the first time one makes it. */
static struct rt_io_ofd *adopt(uint64_t fd, const struct found *found)
{
	struct rt_io_ofd *ofd = rt_io_ofd_new(RT_IO_OTHER, -1, found->status);
	bool mine;

	if (!ofd)
		return NULL;
	rt_io_lock();
	mine = rt_io_inherited(fd);
	if (mine) {
		ofd->kind = (uint8_t)found->kind;
		ofd->host_fd = (int32_t)fd;
		ofd->inherited = 1;
		if (found->kind == RT_IO_SOCKET)
			ofd->socket = found->socket;
		else if (found->kind == RT_IO_FILE)
			ofd->file = (struct rt_io_file){ .device = found->stat.st_dev, .inode = found->stat.st_ino };
		rt_io_fds[fd].flags = 0;
		__atomic_store_n(&rt_io_fds[fd].ofd, rt_io_index(ofd), __ATOMIC_RELEASE);
		waiting[fd / 64] &= ~(1ULL << fd % 64);
		rt_io_inherited_count--;
	}
	rt_io_unlock();
	if (mine)
		return ofd;
	rt_io_ofd_put(ofd);
	return rt_io_fds[fd].ofd ? &rt_io_ofds[rt_io_fds[fd].ofd] : NULL;
}

struct rt_io_ofd *rt_io_inherit(uint64_t fd)
{
	struct found found;

	return rt_io_inherited(fd) && find(fd, &found) ? adopt(fd, &found) : NULL;
}

static bool can_move(const struct found *found)
{
	switch (found->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:    return true;
	case RT_IO_SOCKET: return found->socket.domain != AF_UNIX || found->socket.state != RT_IO_S_CONNECTED;
	default:           return false;
	}
}

void rt_io_inherit_settle(void)
{
	for (uint64_t fd = 3; fd < OM_INHERITED_MAX && rt_io_inherited_count; fd++) {
		struct found found;

		rt_ub_reset();
		if (rt_io_inherited(fd) && find(fd, &found) && can_move(&found))
			(void)adopt(fd, &found); /* no room for a description: as if it were one of the rest */
	}
	rt_ub_reset();
}

void rt_io_inherit_forget(void)
{
	for (uint32_t fd = 3; fd < OM_INHERITED_MAX && rt_io_inherited_count; fd++) {
		if (!rt_io_inherited(fd))
			continue;
		waiting[fd / 64] &= ~(1ULL << fd % 64);
		rt_io_inherited_count--;
		rt_io_number_release(fd);
	}
}
