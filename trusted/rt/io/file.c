/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and directories: opening, facts, changing. Reading and writing are in rw.c, names in path.c.
 *
 * Opening asks the host for the file's identity at once: the kind decides how calls block, record locks are kept per
 * inode, and a migration compares it. Where a file goes on is in position.c.
 */
#include "rt/io/vault.h"
#include "rt/mqueue.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define CWD ((uint64_t)AT_FDCWD)

static enum rt_io_kind kind_of_mode(uint32_t mode)
{
	switch (mode & LX_S_IFMT) {
	case LX_S_IFREG: return RT_IO_FILE;
	case LX_S_IFDIR: return RT_IO_DIR;
	default:         return RT_IO_OTHER;
	}
}

/* What the description has to know before anybody finds it. */
static long fill_in(struct rt_io_ofd *ofd, const struct rt_io_path *path, uint32_t flags, const struct stat *stat)
{
	if (ofd->kind == RT_IO_FILE) {
		ofd->file.device = stat->st_dev;
		ofd->file.inode = stat->st_ino;
		if (path->verdict == OM_LAUNCH_IS_TRUSTED) {
			ofd->file.trusted = path->trusted + 1;
			ofd->file.position = 1; /* ours from the start */
		}
		if (path->verdict == OM_LAUNCH_IS_ENCRYPTED && !(flags & O_PATH))
			return rt_io_vault_attach(ofd, path, flags);
	} else if (rt_io_ruled() && path->real[0] && (ofd->kind == RT_IO_DIR || ofd->status & O_PATH)) {
		return rt_io_name(ofd, path->real);
	}
	return 0;
}

/* An open descriptor of the host's becomes one of the program's, or is closed. */
static long install(int32_t host_fd, const struct rt_io_path *path, uint32_t flags, const struct stat *stat)
{
	/* Creation flags have done their work; a reopened file must not be created or truncated again. */
	struct rt_io_ofd *ofd = rt_io_ofd_new(flags & O_PATH ? RT_IO_OTHER : kind_of_mode(stat->st_mode), host_fd,
		flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC));
	long error;

	if (!ofd) {
		rt_io_host_close(host_fd);
		return -ENFILE;
	}
	error = fill_in(ofd, path, flags, stat);
	if (error) {
		rt_io_ofd_put(ofd);
		return error;
	}
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static long open_at(uint64_t dirfd, uint64_t app_path, uint32_t flags, uint64_t mode)
{
	struct rt_io_path path;
	struct stat stat;
	uint64_t ub;
	uint32_t host_flags = flags;
	long result = rt_io_path(dirfd, app_path, RT_IO_OPEN, &path), host_fd;

	if (result)
		return result;
	if (rt_io_memory_open(path.text, flags, mode, &result) || rt_io_virtual_open(path.text, flags, &result))
		return result;
	result = rt_io_ruled_flags(&path, &host_flags);
	if (result)
		return result;
	if (!rt_io_room(1))
		return -EMFILE;
	ub = rt_io_ub_space(sizeof stat);
	if (!ub)
		return -ENOMEM;
	host_fd = rt_io_checked_fd(rt_host_wait(__NR_openat, path.host_dir, path.untrusted, host_flags | O_CLOEXEC, mode, 0, 0));
	if ((host_fd == -EACCES || host_fd == -EROFS) && path.verdict == OM_LAUNCH_IS_ENCRYPTED &&
	    (flags & (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC)) == O_CREAT) {
		flags &= ~(uint32_t)O_CREAT;             /* it is there, to be read */
		host_fd = rt_io_checked_fd(rt_host_wait(__NR_openat, path.host_dir, path.untrusted,
			rt_io_vault_host_flags(flags) | O_CLOEXEC, 0, 0, 0));
	}
	if (host_fd < 0)
		return rt_io_vault_told(&path, host_fd);
	result = rt_io_zero(rt_host(__NR_fstat, (uint64_t)host_fd, ub, 0, 0, 0, 0));
	if (!result) {
		rt_ub_get(&stat, (void *)ub, sizeof stat);
		result = rt_io_ruled_found(&path, flags, &stat);
	}
	if (result < 0) {
		rt_io_host_close((int32_t)host_fd);
		return result;
	}
	result = install((int32_t)host_fd, &path, flags, &stat);
	if (result >= 0 && flags & O_TRUNC)
		rt_mapped_resized(stat.st_dev, stat.st_ino);
	return result;
}

static long sys_open(struct rt_thread *t) { return open_at(CWD, ARG(0), (uint32_t)t->arg[1], ARG(2)); }
static long sys_openat(struct rt_thread *t) { return open_at(ARG(0), ARG(1), (uint32_t)t->arg[2], ARG(3)); }

struct lx_open_how { uint64_t flags, mode, resolve; };

/* Anything that a later kernel's structure has is zero. */
static long rest_is_zero(uint64_t app, uint64_t size)
{
	while (size) {
		uint8_t piece[64], any = 0;
		const uint64_t some = size < sizeof piece ? size : sizeof piece;

		if (rt_app_get(piece, app, some))
			return -EFAULT;
		for (uint64_t i = 0; i < some; i++)
			any |= piece[i];
		if (any)
			return -E2BIG;
		app += some;
		size -= some;
	}
	return 0;
}

/* Names are taken apart here and by the host, which knows nothing of such limits: a kernel without this call is what programs are
 * prepared for. What may say at any time that it is not in the cache says so. */
static long sys_openat2(struct rt_thread *t)
{
	static bool told;
	struct lx_open_how how;
	long error;

	if (ARG(3) < sizeof how)
		return -EINVAL;
	if (ARG(3) > OM_PAGE_SIZE)
		return -E2BIG;
	if (rt_app_get(&how, ARG(2), sizeof how))
		return -EFAULT;
	error = rest_is_zero(ARG(2) + sizeof how, ARG(3) - sizeof how);
	if (error)
		return error;
	if (how.flags & ~(uint64_t)LX_O_KNOWN || how.resolve & ~(uint64_t)LX_RESOLVE_ALL || how.mode & ~07777ULL ||
	    (how.mode && !(how.flags & (O_CREAT | LX_O_TMPFILE))))
		return -EINVAL;
	if (how.resolve & ~(uint64_t)LX_RESOLVE_CACHED) {
		rt_log_once(&told, "openat2 with RESOLVE_ flags is refused (ENOSYS): a host may resolve names as it likes; have the image list its files");
		return -ENOSYS;
	}
	if (how.resolve)
		return -EAGAIN;
	return open_at(ARG(0), ARG(1), (uint32_t)how.flags, how.mode);
}

static long sys_creat(struct rt_thread *t) { return open_at(CWD, ARG(0), O_CREAT | O_WRONLY | O_TRUNC, ARG(1)); }

/* ---- facts ------------------------------------------------------------------------------------------------------- */

/* The host's answer, where the image does not know better. */
static long put_stat(uint64_t app, uint64_t ub, const struct rt_io_path *path)
{
	struct stat stat;
	long error = 0;

	rt_ub_get(&stat, (void *)ub, sizeof stat);
	if (path && path->verdict == OM_LAUNCH_IS_ENCRYPTED)
		error = rt_io_vault_stat(path, &stat);
	else if (path)
		rt_io_ruled_stat(path->verdict, path->trusted, &stat);
	return error ? error : rt_app_put(app, &stat, sizeof stat);
}

static long stat_at(uint64_t dirfd, uint64_t app_path, uint64_t app, uint64_t flags)
{
	struct rt_io_path path;
	struct stat stat;
	long error = rt_io_path(dirfd, app_path, RT_IO_LOOK, &path);
	uint64_t ub;

	if (error)
		return error;
	if (rt_io_own_stat(path.text, !(flags & AT_SYMLINK_NOFOLLOW), &stat, &error))
		return error ? error : rt_app_put(app, &stat, sizeof stat);
	ub = rt_io_ub_space(256);
	error = ub ? rt_io_zero(rt_host(__NR_newfstatat, path.host_dir, path.untrusted, ub, flags, 0, 0)) : -ENOMEM;
	return error ? rt_io_vault_told(&path, error) : put_stat(app, ub, &path);
}

static long sys_stat(struct rt_thread *t) { return stat_at(CWD, ARG(0), ARG(1), 0); }
static long sys_lstat(struct rt_thread *t) { return stat_at(CWD, ARG(0), ARG(1), AT_SYMLINK_NOFOLLOW); }

static long put_stat_of(const struct rt_io_ofd *ofd, uint64_t app, uint64_t ub)
{
	struct rt_io_path path = { .verdict = OM_LAUNCH_IS_ALLOWED };

	if (ofd->status & O_PATH && rt_io_named(ofd)) {
		memcpy(path.real, rt_io_named(ofd), ofd->dir.size);
		path.verdict = om_launch_judge(rt_launch(), path.real, rt_io_rules_start(), &path.trusted);
	} else if (rt_io_trusted(ofd)) {
		path.verdict = OM_LAUNCH_IS_TRUSTED;
		path.trusted = ofd->file.trusted - 1;
	} else if (rt_io_vaulted(ofd)) {
		path.verdict = OM_LAUNCH_IS_ENCRYPTED;
		path.vault = ofd->file.vault;
	}
	return put_stat(app, ub, &path);
}

static long stat_fd(uint64_t fd, uint64_t app)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);
	struct stat stat;
	uint64_t ub;
	long error;

	if (!ofd)
		return -EBADF;
	if (ofd->host_fd < 0 || ofd->kind == RT_IO_MQUEUE) {
		rt_io_stat_inside(ofd, &stat);
		return rt_app_put(app, &stat, sizeof stat);
	}
	ub = rt_io_ub_space(256);
	error = ub ? rt_io_zero(rt_host(__NR_fstat, (uint64_t)ofd->host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;
	if (error)
		return error;
	return put_stat_of(ofd, app, ub);
}

static long sys_fstat(struct rt_thread *t)
{
	return stat_fd(ARG(0), ARG(1));
}

static long sys_newfstatat(struct rt_thread *t)
{
	char first;

	if (ARG(3) & AT_EMPTY_PATH && !rt_app_get(&first, ARG(1), 1) && !first && (int32_t)t->arg[0] != AT_FDCWD)
		return stat_fd(ARG(0), ARG(2));
	return stat_at(ARG(0), ARG(1), ARG(2), ARG(3));
}

static long put_statx(uint64_t app, const struct stat *stat)
{
	struct statx x = { .stx_mask = STATX_BASIC_STATS, .stx_blksize = (uint32_t)stat->st_blksize, .stx_nlink = (uint32_t)stat->st_nlink,
		.stx_uid = stat->st_uid, .stx_gid = stat->st_gid, .stx_mode = (uint16_t)stat->st_mode, .stx_ino = stat->st_ino };

	return rt_app_put(app, &x, sizeof x);
}

static long sys_statx(struct rt_thread *t)
{
	struct rt_io_path path;
	struct stat stat;
	long error = rt_io_path(ARG(0), ARG(1), RT_IO_LOOK, &path);
	struct statx x;
	uint64_t ub;

	if (error)
		return error;
	if (rt_io_own_stat(path.text, !(ARG(2) & AT_SYMLINK_NOFOLLOW), &stat, &error))
		return error ? error : put_statx(ARG(4), &stat);
	ub = rt_io_ub_space(sizeof(struct statx));
	error = ub ? rt_io_zero(rt_host(__NR_statx, path.host_dir, path.untrusted, ARG(2), ARG(3), ub, 0)) : -ENOMEM;
	if (error)
		return rt_io_vault_told(&path, error);
	rt_ub_get(&x, (void *)ub, sizeof x);
	stat = (struct stat){ .st_mode = x.stx_mode, .st_size = (int64_t)x.stx_size, .st_blocks = (int64_t)x.stx_blocks };
	if (path.verdict == OM_LAUNCH_IS_ENCRYPTED)
		error = rt_io_vault_stat(&path, &stat);
	else
		rt_io_ruled_stat(path.verdict, path.trusted, &stat);
	if (error)
		return error;
	x.stx_mode = (uint16_t)stat.st_mode;
	x.stx_size = (uint64_t)stat.st_size;
	x.stx_blocks = (uint64_t)stat.st_blocks;
	return rt_app_put(ARG(4), &x, sizeof x);
}

#define STATFS_SIZE 120

static long sys_statfs(struct rt_thread *t)
{
	struct rt_io_path path;
	long error = rt_io_path(CWD, ARG(0), RT_IO_LOOK, &path);
	uint64_t ub;

	if (error)
		return error;
	ub = rt_io_ub_space(256);
	error = ub ? rt_io_zero(rt_host(__NR_statfs, path.untrusted, ub, 0, 0, 0, 0)) : -ENOMEM;
	return error ? error : rt_ub_to_app(ARG(1), (void *)ub, STATFS_SIZE);
}

/* The host descriptor of calls that need one, or a negative errno. */
static long host_fd_of(uint64_t fd)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	if (!ofd)
		return -EBADF;
	return ofd->host_fd < 0 ? -EINVAL : ofd->host_fd;
}

static long sys_fstatfs(struct rt_thread *t)
{
	long host_fd = host_fd_of(ARG(0)), error;
	uint64_t ub = rt_io_ub_space(256);

	if (host_fd < 0)
		return host_fd;
	error = ub ? rt_io_zero(rt_host(__NR_fstatfs, (uint64_t)host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;
	return error ? error : rt_ub_to_app(ARG(1), (void *)ub, STATFS_SIZE);
}

/* The same for calls that change what the image says of the file. */
static long changeable(uint64_t fd)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd && rt_io_trusted(ofd) ? -EACCES : host_fd_of(fd);
}

/* nr(fd, a, b, c) of the host with only values. */
static long with_fd(long nr, uint64_t fd, uint64_t a, uint64_t b, uint64_t c)
{
	long host_fd = host_fd_of(fd);

	return host_fd < 0 ? host_fd : rt_io_zero(rt_host(nr, (uint64_t)host_fd, a, b, c, 0, 0));
}

static bool is_vaulted(uint64_t fd)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd && rt_io_vaulted(ofd);
}

/* It is where it is. */
static bool is_memory(uint64_t fd)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd && ofd->kind == RT_IO_MEMORY;
}

long rt_io_sync(uint64_t fd, bool data_only)
{
	return is_vaulted(fd) ? rt_io_vault_sync(rt_io_get(fd)) : with_fd(data_only ? __NR_fdatasync : __NR_fsync, fd, 0, 0, 0);
}

static long sys_fsync(struct rt_thread *t)
{
	if (t->nr == __NR_syncfs)
		(void)rt_io_vault_sync_all(true);       /* as sync(): of single files it does not tell */
	else if (is_memory(ARG(0)))
		return 0;
	else if (is_vaulted(ARG(0)))
		return rt_io_vault_sync(rt_io_get((uint32_t)t->arg[0]));
	return with_fd(t->nr, ARG(0), 0, 0, 0);
}

/* Where an encrypted file's content lies in the host's file is of no use to anybody: hints are taken and forgotten. */
static long sys_fadvise(struct rt_thread *t)
{
	return is_vaulted(ARG(0)) ? 0 : with_fd(__NR_fadvise64, ARG(0), ARG(1), ARG(2), ARG(3));
}

static long sys_readahead(struct rt_thread *t)
{
	return is_vaulted(ARG(0)) ? 0 : with_fd(__NR_readahead, ARG(0), ARG(1), ARG(2), 0);
}

static long sys_sync_range(struct rt_thread *t)
{
	if (is_vaulted(ARG(0)))
		return rt_io_vault_sync(rt_io_get((uint32_t)t->arg[0]));
	return with_fd(__NR_sync_file_range, ARG(0), ARG(1), ARG(2), ARG(3));
}

static long change(long nr, uint64_t fd, uint64_t a, uint64_t b)
{
	long error = changeable(fd);

	return error < 0 ? error : with_fd(nr, fd, a, b, 0);
}

/* The number of the message queue behind it; 0: it is something else. */
static uint32_t queue_of(uint64_t fd)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd && ofd->kind == RT_IO_MQUEUE ? ofd->mqueue.queue : 0;
}

static long sys_fchmod(struct rt_thread *t)
{
	if (queue_of(ARG(0)))
		return rt_mqueue_change(queue_of(ARG(0)), t->arg[1] & 0777, -1, -1);
	return is_memory(ARG(0)) ? rt_io_memory_chmod(rt_io_get((uint32_t)t->arg[0]), (uint32_t)t->arg[1]) : change(__NR_fchmod, ARG(0), ARG(1), 0);
}

static long sys_fchown(struct rt_thread *t)
{
	if (queue_of(ARG(0)))
		return rt_mqueue_change(queue_of(ARG(0)), -1, (int32_t)t->arg[1], (int32_t)t->arg[2]);
	return change(__NR_fchown, ARG(0), ARG(1), ARG(2));
}


static long sys_ftruncate(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	long result;

	if (ofd && ofd->kind == RT_IO_MEMORY)
		return rt_io_memory_resize(ofd, t->arg[1]);
	if (ofd && rt_io_vaulted(ofd))
		result = (ofd->status & O_ACCMODE) == O_RDONLY || t->arg[1] < 0 ? -EINVAL : rt_io_vault_truncate(ofd, t->arg[1], false);
	else
		result = ofd && rt_io_trusted(ofd) ? -EINVAL : with_fd(__NR_ftruncate, ARG(0), ARG(1), 0, 0);

	if (!result && ofd && ofd->kind == RT_IO_FILE)
		rt_mapped_resized(ofd->file.device, ofd->file.inode);
	return result;
}

/* Blocks are written to new places, so there is none to keep ready. */
static long allocate_vaulted(const struct rt_io_ofd *ofd, uint32_t mode, int64_t offset, int64_t size)
{
	int64_t end;

	if ((ofd->status & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (offset < 0 || size <= 0)
		return -EINVAL;
	if (mode & ~(uint32_t)LX_FALLOC_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (__builtin_add_overflow(offset, size, &end))
		return -EFBIG;
	return mode ? 0 : rt_io_vault_truncate(ofd, end, true);
}

static long sys_fallocate(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	long result;

	if (ofd && ofd->kind == RT_IO_MEMORY)
		return rt_io_memory_allocate(ofd, (uint32_t)t->arg[1], t->arg[2], t->arg[3]);
	if (ofd && rt_io_vaulted(ofd))
		result = allocate_vaulted(ofd, (uint32_t)t->arg[1], t->arg[2], t->arg[3]);
	else
		result = ofd && rt_io_trusted(ofd) ? -EBADF : with_fd(__NR_fallocate, ARG(0), ARG(1), ARG(2), ARG(3));

	if (!result && ofd && ofd->kind == RT_IO_FILE)
		rt_mapped_resized(ofd->file.device, ofd->file.inode);
	if (!result && t->arg[1] && ofd && ofd->kind == RT_IO_FILE) /* a hole, zeros, or what was behind */
		rt_io_file_changed(ofd);
	return result;
}

static long sys_sync(struct rt_thread *t)
{
	(void)t;
	(void)rt_io_vault_sync_all(true);               /* sync cannot fail */
	return rt_io_zero(rt_host(__NR_sync, 0, 0, 0, 0, 0, 0));
}

static long sys_lseek(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	int64_t base;

	if (!ofd)
		return -EBADF;
	if (ofd->kind == RT_IO_DEVICE)
		return 0;
	if (ofd->kind == RT_IO_MEMORY)
		return rt_io_memory_seek(ofd, t->arg[1], (uint32_t)t->arg[2]);
	if (ofd->kind != RT_IO_VIRTUAL) {
		if (ofd->kind >= RT_IO_PIPE)
			return -ESPIPE;
		return rt_io_position_seek(ofd, t->arg[1], (uint32_t)t->arg[2]);
	}
	switch (t->arg[2]) {
	case LX_SEEK_SET: base = 0; break;
	case LX_SEEK_CUR: base = (int64_t)ofd->virt.offset; break;
	case LX_SEEK_END: base = ofd->virt.size; break;
	default:          return -EINVAL;
	}
	if (__builtin_add_overflow(base, t->arg[1], &base) || base < 0)
		return -EINVAL;
	ofd->virt.offset = (uint64_t)base;
	return base;
}

/* utimensat(dir, path or NULL, times, flags). */
static long utimens(uint64_t dirfd, uint64_t app_path, const struct lx_timespec *times, uint64_t flags)
{
	struct rt_io_path path = { .untrusted = 0 };
	uint64_t ub = 0;
	long error;

	if (app_path) {
		error = rt_io_path(dirfd, app_path, RT_IO_CHANGE, &path);
	} else {
		error = changeable(dirfd);
		path.host_dir = (uint64_t)error;
	}
	if (error < 0)
		return error;
	if (times) {
		ub = rt_io_ub_copy(times, 2 * sizeof *times);
		if (!ub)
			return -ENOMEM;
	}
	return rt_io_zero(rt_host(__NR_utimensat, path.host_dir, path.untrusted, ub, flags, 0, 0));
}

static long sys_utimensat(struct rt_thread *t)
{
	struct lx_timespec times[2];

	if (ARG(2) && rt_app_get(times, ARG(2), sizeof times))
		return -EFAULT;
	return utimens(ARG(0), ARG(1), ARG(2) ? times : NULL, ARG(3));
}

static long utimevals(uint64_t dirfd, uint64_t app_path, uint64_t app_times)
{
	struct lx_timeval values[2];
	struct lx_timespec times[2];

	if (app_times && rt_app_get(values, app_times, sizeof values))
		return -EFAULT;
	for (int i = 0; app_times && i < 2; i++) {
		if (values[i].usec < 0 || values[i].usec >= 1000000)
			return -EINVAL;
		times[i] = (struct lx_timespec){ values[i].sec, values[i].usec * 1000 };
	}
	return utimens(dirfd, app_path, app_times ? times : NULL, 0);
}

static long sys_utimes(struct rt_thread *t) { return utimevals(CWD, ARG(0), ARG(1)); }
static long sys_futimesat(struct rt_thread *t) { return utimevals(ARG(0), ARG(1), ARG(2)); }

static long sys_utime(struct rt_thread *t)
{
	int64_t seconds[2];
	struct lx_timespec times[2];

	if (ARG(1) && rt_app_get(seconds, ARG(1), sizeof seconds))
		return -EFAULT;
	for (int i = 0; ARG(1) && i < 2; i++)
		times[i] = (struct lx_timespec){ seconds[i], 0 };
	return utimens(CWD, ARG(0), ARG(1) ? times : NULL, 0);
}

/* Waits without LOCK_NB. What is held is noted, so that the destination can take it again. */
static long sys_flock(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	uint32_t operation = (uint32_t)t->arg[1];
	long error;

	if (!ofd)
		return -EBADF;
	if (ofd->host_fd < 0)
		return -EINVAL;
	error = rt_io_zero(rt_host_wait(__NR_flock, (uint64_t)ofd->host_fd, operation, 0, 0, 0, 0));
	if (ofd->kind != RT_IO_FILE)
		return error;
	if (!error)
		ofd->file.flock = operation & (LX_LOCK_SH | LX_LOCK_EX);
	else if ((error == -EAGAIN || error == -EINTR) && ofd->file.flock != (operation & (LX_LOCK_SH | LX_LOCK_EX)))
		ofd->file.flock = 0;   /* one of another kind is given up before the new one is asked for */
	return error;
}

/* ---- directories ----------------------------------------------------------------------------------------------------- */

#define DENTS_MAX 8192u

/* Each record lies within the rest, holds its fixed part and a NUL-terminated name: libc walks them unchecked. */
static bool dents_ok(const uint8_t *bytes, size_t size)
{
	const size_t fixed = offsetof(struct lx_dirent64, name);

	while (size) {
		struct lx_dirent64 head;

		if (size < fixed)
			return false;
		memcpy(&head, bytes, fixed);
		if (head.length <= fixed || head.length > size || head.length % 8)
			return false;
		for (size_t i = fixed; bytes[i]; i++)
			if (i + 1 == head.length)
				return false;
		bytes += head.length;
		size -= head.length;
	}
	return true;
}

static long sys_getdents64(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	uint64_t size = (uint32_t)t->arg[2] < DENTS_MAX ? (uint32_t)t->arg[2] : DENTS_MAX, ub;
	uint8_t bytes[DENTS_MAX];
	long result;

	if (!ofd)
		return -EBADF;
	if (ofd->kind == RT_IO_VIRTUAL)
		return rt_io_own_list(ofd, ARG(1), size);
	if (ofd->kind != RT_IO_DIR)
		return -ENOTDIR;
	ub = rt_io_ub_space(size);
	if (!ub)
		return -ENOMEM;
	result = rt_io_checked(rt_host(__NR_getdents64, (uint64_t)ofd->host_fd, ub, size, 0, 0, 0), size);
	if (result <= 0)
		return result;
	rt_ub_get(bytes, (void *)ub, (size_t)result);
	if (!dents_ok(bytes, (size_t)result))
		rt_fatal(OM_EHOST, "host returned malformed directory entries");
	return rt_app_put(ARG(1), bytes, (size_t)result) ? -EFAULT : result;
}

/* ---- for mmap ---------------------------------------------------------------------------------------------------------- */

const struct rt_syscall_entry rt_syscalls_file[] = {
	{ __NR_open, 0, sys_open }, { __NR_openat, 0, sys_openat }, { __NR_openat2, 0, sys_openat2 }, { __NR_creat, 0, sys_creat },
	{ __NR_stat, 0, sys_stat }, { __NR_lstat, 0, sys_lstat }, { __NR_fstat, 0, sys_fstat },
	{ __NR_newfstatat, 0, sys_newfstatat }, { __NR_statx, 0, sys_statx },
	{ __NR_statfs, 0, sys_statfs }, { __NR_fstatfs, 0, sys_fstatfs },
	{ __NR_fsync, 0, sys_fsync }, { __NR_fdatasync, 0, sys_fsync }, { __NR_syncfs, 0, sys_fsync }, { __NR_sync, 0, sys_sync },
	{ __NR_ftruncate, 0, sys_ftruncate }, { __NR_fallocate, 0, sys_fallocate }, { __NR_fadvise64, 0, sys_fadvise },
	{ __NR_readahead, 0, sys_readahead }, { __NR_sync_file_range, 0, sys_sync_range },
	{ __NR_fchmod, 0, sys_fchmod }, { __NR_fchown, 0, sys_fchown }, { __NR_lseek, 0, sys_lseek },
	{ __NR_utimensat, 0, sys_utimensat }, { __NR_utimes, 0, sys_utimes }, { __NR_futimesat, 0, sys_futimesat },
	{ __NR_utime, 0, sys_utime }, { __NR_flock, 0, sys_flock }, { __NR_getdents64, 0, sys_getdents64 },
	{ 0, 0, NULL },
};
