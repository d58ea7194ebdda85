/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of descriptor numbers and open file descriptions.
 *
 * Looking up a number is one load. Free numbers are found through a bitmap with a summary (one bit per full word),
 * free descriptions through a list, so every operation is short whatever the size of the table. Both tables grow
 * from their low end, and pages above it are never touched: the stop phase of a migration sends little.
 *
 * Invariant: a description with refs > 0 is reachable by that many numbers, or is held by the one function that is
 * creating it, or waits in a listener's list of pending connections.
 */
#include "rt/io/vault.h"

#define WORDS (RT_IO_FD_MAX / 64)

RT_RESIDENT struct rt_io_ofd rt_io_ofds[RT_IO_OFD_MAX];
RT_RESIDENT struct rt_io_fd rt_io_fds[RT_IO_FD_MAX];
RT_RESIDENT uint32_t rt_io_ofd_end;
static RT_RESIDENT uint64_t used[WORDS], full[WORDS / 64];
static RT_RESIDENT uint32_t free_ofd, open_count, number_limit;
static RT_LOCAL struct rt_lock table_lock;

void rt_io_lock(void) { rt_lock(&table_lock); }
void rt_io_unlock(void) { rt_unlock(&table_lock); }

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static void number_take(uint32_t number)
{
	used[number / 64] |= 1ULL << number % 64;
	if (used[number / 64] == ~0ULL)
		full[number / 4096] |= 1ULL << number / 64 % 64;
	open_count++;
}

static void number_give(uint32_t number)
{
	used[number / 64] &= ~(1ULL << number % 64);
	full[number / 4096] &= ~(1ULL << number / 64 % 64);
	open_count--;
}

void rt_io_number_reserve(uint32_t number)
{
	rt_io_lock();
	number_take(number);
	rt_io_unlock();
}

void rt_io_number_release(uint32_t number)
{
	rt_io_lock();
	number_give(number);
	rt_io_unlock();
}

/* Lowest free number >= least, or RT_IO_FD_MAX. */
static uint32_t number_find(uint32_t least)
{
	uint32_t word = least / 64;
	uint64_t candidates;

	if (least >= RT_IO_FD_MAX)
		return RT_IO_FD_MAX;
	candidates = ~used[word] & ~0ULL << least % 64;
	while (!candidates) {
		uint64_t open_words;

		if (++word == WORDS)
			return RT_IO_FD_MAX;
		open_words = ~full[word / 64] >> word % 64;
		if (!open_words) {
			word |= 63;
			continue;
		}
		word += (uint32_t)__builtin_ctzll(open_words);
		candidates = ~used[word];
	}
	return word * 64 + (uint32_t)__builtin_ctzll(candidates);
}

void rt_io_set_limit(uint64_t soft_limit)
{
	number_limit = soft_limit < RT_IO_FD_MAX ? (uint32_t)soft_limit : RT_IO_FD_MAX;
}

uint32_t rt_io_limit(void)
{
	return number_limit;
}

uint32_t rt_io_count_open(void)
{
	return open_count;
}

bool rt_io_room(uint32_t count)
{
	return open_count + count <= number_limit && (free_ofd || rt_io_ofd_end + count < RT_IO_OFD_MAX);
}

int32_t rt_io_number_of(const struct rt_io_ofd *ofd)
{
	uint32_t index = rt_io_index(ofd);

	for (uint32_t word = 0; word < WORDS; word++)
		for (uint64_t bits = used[word]; bits; bits &= bits - 1) {
			uint32_t number = word * 64 + (uint32_t)__builtin_ctzll(bits);

			if (rt_io_fds[number].ofd == index)
				return (int32_t)number;
		}
	return -1;
}

/* ---- descriptions ---------------------------------------------------------------------------------------------- */

struct rt_io_ofd *rt_io_ofd_new(enum rt_io_kind kind, int32_t host_fd, uint32_t status)
{
	struct rt_io_ofd *ofd = NULL;

	rt_io_lock();
	if (free_ofd) {
		ofd = &rt_io_ofds[free_ofd];
		free_ofd = ofd->next_free;
	} else {
		if (!rt_io_ofd_end)
			rt_io_ofd_end = 1;
		if (rt_io_ofd_end < RT_IO_OFD_MAX)
			ofd = &rt_io_ofds[rt_io_ofd_end++];
	}
	if (ofd) {
		memset(ofd, 0, sizeof *ofd);
		ofd->refs = 1;
		ofd->kind = (uint8_t)kind;
		ofd->host_fd = host_fd;
		ofd->status = status;
	}
	rt_io_unlock();
	return ofd;
}

void rt_io_host_close(int32_t host_fd)
{
	/* Its result is of no use to anybody: Linux frees the number whatever close says. */
	if (host_fd >= 0)
		(void)rt_host(__NR_close, (uint64_t)host_fd, 0, 0, 0, 0, 0);
}

static void pipe_closing(struct rt_io_ofd *ofd)
{
	rt_io_lock();
	if (ofd->pipe.peer)
		rt_io_ofds[ofd->pipe.peer].pipe.peer = 0;
	rt_io_unlock();
}

static void socket_closing(struct rt_io_ofd *ofd)
{
	rt_io_lock();
	if (ofd->socket.state == RT_IO_S_PAIR && ofd->socket.peer)
		rt_io_ofds[ofd->socket.peer].socket.peer = 0;
	rt_io_unlock();
	rt_io_pending_reset(ofd);
	rt_io_log_free(ofd);
}

/* The last reference is gone: nobody finds it any more but through its watches. */
static void destroy(struct rt_io_ofd *ofd)
{
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
		rt_io_lock_ended(ofd);
		if (rt_io_vaulted(ofd))
			rt_io_vault_put(ofd);
		break;
	case RT_IO_PIPE:
		pipe_closing(ofd);
		break;
	case RT_IO_SOCKET:
		socket_closing(ofd);
		break;
	case RT_IO_MEMORY:
		rt_io_memory_closing(ofd);
		break;
	case RT_IO_SIGNALFD:
		rt_io_signalfd_closing(ofd);
		break;
	case RT_IO_MQUEUE:
		rt_io_mqueue_closing(ofd);
		break;
	case RT_IO_VIRTUAL:
		rt_io_blob_free(ofd->virt.blob, ofd->virt.size);
		break;
	case RT_IO_DIR:
	case RT_IO_OTHER:
		rt_io_name_free(ofd);
		break;
	default:
		break;
	}
	rt_io_watches_drop(ofd);
	/* The host part lives in the same process and keeps standard streams for its own last words. */
	if (ofd->kind != RT_IO_STD)
		rt_io_host_close(ofd->host_fd);
	if (ofd->kind == RT_IO_FILE)
		rt_io_lock_host_closed(&ofd->file);
	rt_io_lock();
	ofd->kind = RT_IO_FREE;
	ofd->host_fd = -1;
	ofd->next_free = free_ofd;
	free_ofd = rt_io_index(ofd);
	rt_io_unlock();
}

void rt_io_ofd_put(struct rt_io_ofd *ofd)
{
	bool last;

	rt_io_lock();
	RT_CHECK(ofd->refs > 0);
	last = --ofd->refs == 0;
	rt_io_unlock();
	if (last)
		destroy(ofd);
}

/* A number that the program had is gone, and with it the process' record locks on the file, whatever else refers to it. */
static void number_put(uint32_t index)
{
	struct rt_io_ofd *ofd = &rt_io_ofds[index];

	if (ofd->kind == RT_IO_FILE)
		rt_io_lock_number_closed(ofd);
	if (ofd->kind == RT_IO_MQUEUE)
		rt_io_mqueue_number_closed(ofd);
	rt_io_ofd_put(ofd);
}

long rt_io_install(struct rt_io_ofd *ofd, uint32_t least, uint32_t fd_flags)
{
	uint32_t number;

	rt_io_lock();
	number = number_find(least);
	if (number >= number_limit) {
		rt_io_unlock();
		rt_io_ofd_put(ofd);
		return -EMFILE;
	}
	number_take(number);
	rt_io_fds[number].flags = fd_flags;
	__atomic_store_n(&rt_io_fds[number].ofd, rt_io_index(ofd), __ATOMIC_RELEASE);
	rt_io_unlock();
	return number;
}

long rt_io_install_host(enum rt_io_kind kind, long host_fd, uint32_t status, uint32_t fd_flags, struct rt_io_ofd **ret_ofd)
{
	struct rt_io_ofd *ofd;

	if (rt_io_checked_fd(host_fd) < 0)
		return host_fd;
	ofd = rt_io_ofd_new(kind, (int32_t)host_fd, status);
	if (!ofd) {
		rt_io_host_close((int32_t)host_fd);
		return -ENFILE;
	}
	if (ret_ofd)
		*ret_ofd = ofd;
	return rt_io_install(ofd, 0, fd_flags);
}

long rt_io_close(uint64_t fd)
{
	uint32_t index;
	long error = 0;

	if (!rt_io_get(fd))
		return -EBADF;
	rt_io_lock();
	index = rt_io_fds[fd].ofd;
	if (index) {
		__atomic_store_n(&rt_io_fds[fd].ofd, 0, __ATOMIC_RELEASE);
		number_give((uint32_t)fd);
	}
	rt_io_unlock();
	if (!index)
		return -EBADF;
	if (rt_io_vaulted(&rt_io_ofds[index]) && rt_io_ofds[index].refs == 1)
		error = rt_io_vault_closing(&rt_io_ofds[index]);
	number_put(index);
	return error;
}

/* ---- dup ------------------------------------------------------------------------------------------------------- */

/* Under the lock. The description may be another one than before, or gone. */
static struct rt_io_ofd *behind(uint64_t fd)
{
	return fd < RT_IO_FD_MAX && rt_io_fds[fd].ofd ? &rt_io_ofds[rt_io_fds[fd].ofd] : NULL;
}

struct rt_io_ofd *rt_io_refer(uint64_t fd)
{
	struct rt_io_ofd *ofd = NULL;

	if (rt_io_get(fd)) {
		rt_io_lock();
		ofd = behind(fd);
		if (ofd)
			ofd->refs++;
		rt_io_unlock();
	}
	return ofd;
}

static long duplicate(uint64_t fd, uint64_t least, uint32_t fd_flags)
{
	struct rt_io_ofd *ofd;

	if (least >= number_limit)
		return -EINVAL;
	ofd = rt_io_refer(fd);
	return ofd ? rt_io_install(ofd, (uint32_t)least, fd_flags) : -EBADF;
}

/* dup2 replaces atomically: no other thread may get the number in between. */
static long replace(uint64_t fd, uint64_t to, uint32_t fd_flags)
{
	struct rt_io_ofd *ofd;
	uint32_t old;

	if (to >= number_limit)
		return -EBADF;
	ofd = rt_io_refer(fd);
	if (!ofd)
		return -EBADF;
	if (!rt_io_get(to) && rt_io_inherited(to)) { /* it has to be there to be closed */
		rt_io_ofd_put(ofd);
		return -EBUSY;
	}
	rt_io_lock();
	old = rt_io_fds[to].ofd;
	if (!old)
		number_take((uint32_t)to);
	rt_io_fds[to].flags = fd_flags;
	__atomic_store_n(&rt_io_fds[to].ofd, rt_io_index(ofd), __ATOMIC_RELEASE);
	rt_io_unlock();
	if (old)
		number_put(old);
	return (long)to;
}

static long sys_dup(struct rt_thread *t)
{
	return duplicate((uint64_t)t->arg[0], 0, 0);
}

static long sys_dup2(struct rt_thread *t)
{
	uint64_t fd = (uint32_t)t->arg[0], to = (uint32_t)t->arg[1];

	if (fd == to)
		return rt_io_get(fd) ? (long)fd : -EBADF;
	return replace(fd, to, 0);
}

static long sys_dup3(struct rt_thread *t)
{
	uint64_t fd = (uint32_t)t->arg[0], to = (uint32_t)t->arg[1];

	if (fd == to || t->arg[2] & ~(long)O_CLOEXEC)
		return -EINVAL;
	return replace(fd, to, t->arg[2] & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static long sys_close(struct rt_thread *t)
{
	return rt_io_close((uint32_t)t->arg[0]);
}

static long sys_close_range(struct rt_thread *t)
{
	uint32_t first = (uint32_t)t->arg[0], last = (uint32_t)t->arg[1];

	if (first > last || t->arg[2] & ~4L) /* CLOSE_RANGE_CLOEXEC */
		return -EINVAL;
	for (uint64_t fd = first; fd <= last && fd < RT_IO_FD_MAX; fd++)
		if (!rt_io_get(fd))
			continue;
		else if (t->arg[2] & 4)
			rt_io_fds[fd].flags |= FD_CLOEXEC;
		else
			(void)rt_io_close(fd); /* a number closed by another thread meanwhile is as good as closed here */
	return 0;
}

/* ---- fcntl --------------------------------------------------------------------------------------------------------- */

/* Behind it is an event counter of the host's that never blocks. */
static bool has_counter(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SIGNALFD || ofd->kind == RT_IO_MQUEUE;
}

long rt_io_set_status(struct rt_io_ofd *ofd, uint32_t status)
{
	long error = 0;

	status = (ofd->status & ~(uint32_t)LX_SETFL_MASK) | (status & LX_SETFL_MASK);
	if (ofd->host_fd >= 0 && !has_counter(ofd) && status & ~ofd->status & FASYNC)
		error = rt_io_async_begin(ofd);
	/* Most programs ask for what is already so. */
	/* An encrypted file's end is ours to find. */
	if (!error && ofd->host_fd >= 0 && !has_counter(ofd) && status != ofd->status)
		error = rt_io_zero(rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL,
			rt_io_vaulted(ofd) ? rt_io_vault_host_flags(status) : status, 0, 0, 0));
	if (!error)
		ofd->status = status;
	return error;
}

static long pipe_size(struct rt_io_ofd *ofd, long command, long size)
{
	if (ofd->kind != RT_IO_PIPE)
		return -EBADF;
	return rt_io_checked(rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, (uint64_t)command, (uint64_t)size, 0, 0, 0), 1u << 31);
}

static long sys_fcntl(struct rt_thread *t)
{
	uint64_t fd = (uint32_t)t->arg[0];
	struct rt_io_ofd *ofd = rt_io_get(fd);

	if (!ofd)
		return -EBADF;
	switch ((uint32_t)t->arg[1]) {
	case F_DUPFD:
		return duplicate(fd, (uint64_t)t->arg[2], 0);
	case F_DUPFD_CLOEXEC:
		return duplicate(fd, (uint64_t)t->arg[2], FD_CLOEXEC);
	case F_GETFD:
		return rt_io_fds[fd].flags;
	case F_SETFD:
		rt_io_fds[fd].flags = t->arg[2] & FD_CLOEXEC;
		return 0;
	case F_GETFL:
		return (long)(ofd->status & ~(uint32_t)O_CLOEXEC);
	case F_SETFL:
		if (t->arg[2] & ~(long)ofd->status & FASYNC)
			ofd->async_fd = (int32_t)fd;
		return rt_io_set_status(ofd, (uint32_t)t->arg[2]);
	case F_GETOWN: case F_SETOWN: case F_GETOWN_EX: case F_SETOWN_EX: case F_GETSIG: case F_SETSIG:
		return rt_io_async_call(ofd, (uint32_t)t->arg[1], (uint64_t)t->arg[2]);
	case F_ADD_SEALS: case F_GET_SEALS:
		return ofd->kind == RT_IO_MEMORY ? rt_io_memory_seals(ofd, t->arg[1] == F_ADD_SEALS, (uint64_t)t->arg[2]) : -EINVAL;
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return pipe_size(ofd, t->arg[1], t->arg[2]);
	case F_GETLK: case F_SETLK: case F_SETLKW:
	case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		return rt_io_lock_call(t, ofd, (uint32_t)t->arg[1], (uint64_t)t->arg[2]);
	default:
		return -EINVAL;
	}
}

/* ---- boot ---------------------------------------------------------------------------------------------------------- */

void rt_io_boot(uint32_t std_open_bits, const uint64_t *inherited)
{
	if (!number_limit)
		rt_io_set_limit(rt_image->file_max ? rt_image->file_max : 1024);
	for (uint32_t fd = 0; fd < 3; fd++) {
		struct rt_io_ofd *ofd;
		long status;

		if (!(std_open_bits & 1u << fd))
			continue;
		status = rt_host(__NR_fcntl, fd, F_GETFL, 0, 0, 0, 0);
		ofd = rt_io_ofd_new(RT_IO_STD, (int32_t)fd, status >= 0 ? (uint32_t)status & (O_ACCMODE | LX_SETFL_MASK) : O_RDWR);
		RT_CHECK(ofd);
		rt_io_fds[fd].ofd = rt_io_index(ofd);
		number_take(fd);
	}
	if (inherited)
		rt_io_inherit_boot(inherited);
	rt_io_cwd_boot();
}

const struct rt_syscall_entry rt_syscalls_fd[] = {
	{ __NR_close, 0, sys_close },
	{ __NR_close_range, 0, sys_close_range },
	{ __NR_dup, RT_SYS_INSIDE, sys_dup },
	{ __NR_dup2, RT_SYS_INSIDE, sys_dup2 },
	{ __NR_dup3, RT_SYS_INSIDE, sys_dup3 },
	{ __NR_fcntl, 0, sys_fcntl },
	{ __NR_ioctl, 0, rt_io_ioctl },
	{ 0, 0, NULL },
};
