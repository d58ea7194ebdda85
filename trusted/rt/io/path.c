/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths and the working directory.
 *
 * The working directory is a descriptor of the host's. Relative paths go to it, as paths relative to a directory's descriptor
 * go to that. So the working directory stays what it is if it gets another name. Its name moves, and the destination opens that name. A
 * destination that cannot open it does without: relative paths are joined to the name then, and lead nowhere. procself.c has the names in
 * /proc/self.
 *
 * While the image lists files, rules.c judges all names. The working directory is a judged string then, and the host's plays no part.
 */
#include "rt/io/vault.h"

#define NO_DIRECTORY (-1)
static RT_RESIDENT char cwd[LX_PATH_MAX];          /* as it was called when that was last asked */
static RT_RESIDENT uint32_t cwd_length;
static RT_RESIDENT int32_t cwd_fd;                 /* at first AT_FDCWD: the host process' own */
static RT_RESIDENT bool cwd_gone;                  /* it has no name any more */

static size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static long read_link(const char *link, size_t length, char *ret_path, size_t size)
{
	uint64_t name = rt_io_ub_copy(link, length + 1), text = rt_io_ub_space(size);
	long result;

	if (!name || !text)
		return -ENOMEM;
	result = rt_io_checked(rt_host(__NR_readlink, name, text, size, 0, 0, 0), size);
	if (result < 0)
		return result;
	if ((size_t)result >= size)
		return -ENAMETOOLONG;
	rt_ub_get(ret_path, (void *)text, (size_t)result);
	ret_path[result] = 0;
	return result;
}

/* A path reported by the host: absolute, of the length it says, without NUL inside. */
static bool path_plausible(const char *path, long length)
{
	return length > 0 && length < LX_PATH_MAX && path[0] == '/' && text_length(path) == (size_t)length;
}

static void cwd_set(const char *path, size_t length)
{
	if (length == cwd_length && !memcmp(cwd, path, length))
		return;          /* other threads may be reading it */
	memcpy(cwd, path, length + 1);
	cwd_length = (uint32_t)length;
}

/* What the host calls a directory without a name has this behind the name that it had. */
static bool name_is_gone(const char *path, long length)
{
	static const char mark[] = " (deleted)";
	const long size = sizeof mark - 1;
	uint64_t empty, ub;
	struct stat stat;

	if (length <= size || memcmp(path + length - size, mark, (size_t)size) != 0)
		return false;
	empty = rt_io_ub_copy("", 1);
	ub = rt_io_ub_space(256);
	if (!empty || !ub || rt_host(__NR_newfstatat, (uint64_t)cwd_fd, empty, ub, AT_EMPTY_PATH, 0, 0))
		return false;
	rt_ub_get(&stat, (void *)ub, sizeof stat);
	return stat.st_nlink == 0;
}

void rt_io_cwd_follow(void)
{
	char path[LX_PATH_MAX];
	long length;

	if (cwd_fd == NO_DIRECTORY)
		return;
	length = cwd_fd == AT_FDCWD ? read_link("/proc/self/cwd", 14, path, sizeof path) : rt_io_host_path(cwd_fd, path, sizeof path);
	if (!path_plausible(path, length))
		return;
	cwd_gone = name_is_gone(path, length);
	cwd_set(path, (size_t)length);
}

const char *rt_io_cwd(void)
{
	rt_io_cwd_follow();
	return cwd;
}

void rt_io_cwd_boot(void)
{
	char path[LX_PATH_MAX] = "/";
	bool plausible;
	uint64_t ub;
	long length;

	rt_ub_reset();
	ub = rt_io_ub_space(LX_PATH_MAX);
	length = rt_io_checked(rt_host(__NR_getcwd, ub, LX_PATH_MAX, 0, 0, 0, 0), LX_PATH_MAX) - 1;
	if (length > 0) {
		rt_ub_get(path, (void *)ub, (size_t)length);
		path[length < LX_PATH_MAX ? length : LX_PATH_MAX - 1] = 0;
	}
	/* "(unreachable)..." and errors: start at the root. A kernel's answer is normal. */
	plausible = path_plausible(path, length);
	if (plausible)
		cwd_set(path, om_launch_normalise(path));
	else
		cwd_set("/", 1);
	rt_io_rules_boot(cwd);
	cwd_fd = plausible && !rt_io_ruled() ? AT_FDCWD : NO_DIRECTORY;
}

long rt_io_absolute(const char *relative, char *ret_path, size_t size)
{
	size_t length = text_length(relative), head = cwd_length == 1 ? 0 : cwd_length;

	if (relative[0] == '/') {
		if (length >= size)
			return -ENAMETOOLONG;
		memcpy(ret_path, relative, length + 1);
		return (long)length;
	}
	if (head + 1 + length >= size)
		return -ENAMETOOLONG;
	memcpy(ret_path, cwd, head);
	ret_path[head] = '/';
	memcpy(ret_path + head + 1, relative, length + 1);
	return (long)(head + 1 + length);
}

/* "" stays "": the host then says ENOENT, or takes the descriptor with AT_EMPTY_PATH. */
static long make_absolute(struct rt_io_path *path, long length)
{
	size_t head = cwd_length == 1 ? 0 : cwd_length;

	if (path->text[0] == '/' || length == 0)
		return length;
	if (head + 1 + (size_t)length >= LX_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(path->text + head + 1, path->text, (size_t)length + 1);
	memcpy(path->text, cwd, head);
	path->text[head] = '/';
	return (long)head + 1 + length;
}

/* Relative to a directory that is made inside. */
static long below_virtual(const struct rt_io_ofd *dir, struct rt_io_path *path, long length)
{
	char name[64];
	long head = rt_io_own_directory(dir, name, sizeof name);

	if (head < 0)
		return head;
	if (head + length >= LX_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(path->text + head, path->text, (size_t)length + 1);
	memcpy(path->text, name, (size_t)head);
	return head + length;
}

/* In /proc/self the host's name of an object is another. Of what is relative to the working directory the first `skip` bytes are that. */
static uint64_t put_name(const struct rt_io_path *path, long length, long skip)
{
	const char *head, *rest;
	char space[32];
	size_t first;
	uint64_t ub;

	if (!rt_io_own_host_name(path->text, space, &head, &rest))
		return rt_io_ub_copy(path->text + skip, (size_t)(length - skip) + 1);
	first = text_length(head);
	ub = rt_io_ub_space(first + text_length(rest) + 1);
	if (!ub)
		return 0;
	rt_ub_put((void *)ub, head, first);
	rt_ub_put((void *)(ub + first), rest, text_length(rest) + 1);
	return ub;
}

long rt_io_path(uint64_t dirfd, uint64_t app_path, enum rt_io_want want, struct rt_io_path *ret_path)
{
	long length = rt_app_get_string(ret_path->text, app_path, LX_PATH_MAX), own, skip = 0;

	if (length < 0)
		return length;
	ret_path->host_dir = (uint64_t)AT_FDCWD;
	ret_path->verdict = OM_LAUNCH_IS_ALLOWED;
	ret_path->vault = 0;
	if (rt_io_ruled())
		return rt_io_ruled_path(dirfd, want, ret_path);
	if ((int32_t)dirfd == AT_FDCWD || ret_path->text[0] == '/') {
		own = length;
		length = make_absolute(ret_path, length);
		if (cwd_fd != NO_DIRECTORY && length != own)
			skip = length - own;
		if (cwd_fd != NO_DIRECTORY && (length != own || own == 0))
			ret_path->host_dir = (uint64_t)cwd_fd;
	} else {
		struct rt_io_ofd *dir = rt_io_get((uint32_t)dirfd);

		if (!dir)
			return -EBADF;
		if (dir->host_fd < 0)
			length = below_virtual(dir, ret_path, length);
		else
			ret_path->host_dir = (uint64_t)dir->host_fd;
	}
	if (length < 0)
		return length;
	ret_path->untrusted = put_name(ret_path, length, skip);
	return ret_path->untrusted ? 0 : -ENOMEM;
}

long rt_io_host_path(int32_t host_fd, char *ret_path, size_t size)
{
	char link[32] = "/proc/self/fd/", digits[12];
	size_t length = 14, count = 0;

	for (uint32_t rest = (uint32_t)host_fd; count == 0 || rest; rest /= 10)
		digits[count++] = (char)('0' + rest % 10);
	while (count)
		link[length++] = digits[--count];
	return read_link(link, length, ret_path, size);
}

/* ---- system calls ----------------------------------------------------------------------------------------------- */

/* The host names the directory canonically, as getcwd must report it. Other threads' calls have its number: it stays the same. */
static long cwd_from_host(int32_t host_fd)
{
	char path[LX_PATH_MAX];
	long length = rt_io_host_path(host_fd, path, sizeof path), fd;

	if (length < 0)
		return length;
	if (!path_plausible(path, length))
		return -ENOENT;
	if (rt_io_ruled()) {
		cwd_set(path, (size_t)length);
		return 0;
	}
	fd = cwd_fd < 0 ? rt_host(__NR_fcntl, (uint64_t)host_fd, F_DUPFD_CLOEXEC, 0, 0, 0, 0)
			: rt_host(__NR_dup3, (uint64_t)host_fd, (uint64_t)cwd_fd, O_CLOEXEC, 0, 0, 0);
	fd = rt_io_checked_fd(fd);
	if (fd < 0)
		return fd;
	cwd_fd = (int32_t)fd;
	cwd_gone = name_is_gone(path, length);
	cwd_set(path, (size_t)length);
	return 0;
}

void rt_io_cwd_rebuild(void)
{
	uint64_t path = rt_io_ub_copy(cwd, cwd_length + 1);
	long fd = -ENOENT;

	if (!cwd_gone && path && !rt_io_ruled())
		fd = rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0));
	cwd_fd = fd < 0 ? NO_DIRECTORY : (int32_t)fd;
}

void rt_io_cwd_close(void)
{
	if (cwd_fd >= 0)
		rt_io_host_close(cwd_fd);
	cwd_fd = NO_DIRECTORY;
}

static long sys_chdir(struct rt_thread *t)
{
	struct rt_io_path path;
	long error = rt_io_path((uint64_t)AT_FDCWD, (uint64_t)t->arg[0], RT_IO_LOOK, &path), host_fd;

	if (error)
		return error;
	if (path.verdict == OM_LAUNCH_IS_TRUSTED)
		return -ENOTDIR;
	host_fd = rt_io_checked_fd(rt_host(__NR_openat, path.host_dir, path.untrusted, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0));
	if (host_fd < 0)
		return host_fd;
	if (rt_io_ruled() && path.real[0])
		cwd_set(path.real, text_length(path.real));
	else
		error = cwd_from_host((int32_t)host_fd);
	rt_io_host_close((int32_t)host_fd);
	return error;
}

static long sys_fchdir(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);

	if (!ofd)
		return -EBADF;
	if (ofd->kind != RT_IO_DIR)
		return -ENOTDIR;
	if (!rt_io_ruled())
		return cwd_from_host(ofd->host_fd);
	if (rt_io_named(ofd)) {
		cwd_set(rt_io_named(ofd), text_length(rt_io_named(ofd)));
		return 0;
	}
	/* It was inherited: where that is, only the host knows. */
	return rt_launch()->any & OM_LAUNCH_ANY_FILES ? cwd_from_host(ofd->host_fd) : -EACCES;
}

static long sys_getcwd(struct rt_thread *t)
{
	rt_io_cwd_follow();
	if (cwd_gone)
		return -ENOENT;
	if ((uint64_t)t->arg[1] < cwd_length + 1)
		return -ERANGE;
	return rt_app_put((uint64_t)t->arg[0], cwd, cwd_length + 1) ? -EFAULT : (long)cwd_length + 1;
}

/* nr(dir, path, a, b) of the host. */
static long with_path(uint64_t nr, uint64_t dirfd, uint64_t app_path, uint64_t a, uint64_t b, uint64_t c)
{
	struct rt_io_path path;
	/* Directories on the way to listed names may be made where they are missing. */
	long error = rt_io_path(dirfd, app_path, nr == __NR_mkdirat ? RT_IO_LOOK : RT_IO_CHANGE, &path);

	if (error)
		return error;
	if (nr == __NR_unlinkat && !(a & AT_REMOVEDIR) && rt_io_memory_unlink(path.text, &error))
		return error;
	if (path.verdict == OM_LAUNCH_IS_ENCRYPTED && nr == __NR_unlinkat && !(a & AT_REMOVEDIR))
		return rt_io_vault_unlink(&path);
	if (path.verdict == OM_LAUNCH_IS_ENCRYPTED && nr == __NR_mknodat)
		return -EPERM;                           /* as a file system without such things */
	return rt_io_vault_told(&path, rt_io_zero(rt_host((long)nr, path.host_dir, path.untrusted, a, b, c, 0)));
}

#define ARG(i) ((uint64_t)t->arg[i])
#define CWD ((uint64_t)AT_FDCWD)

static long access_at(uint64_t dirfd, uint64_t app_path, uint64_t mode, uint64_t flags)
{
	struct rt_io_path path;
	long error = rt_io_path(dirfd, app_path, RT_IO_LOOK, &path);

	if (error || rt_io_own_access(path.text, (uint32_t)mode, &error))
		return error;
	if (path.verdict == OM_LAUNCH_IS_TRUSTED && mode & LX_W_OK)
		return -EACCES;
	return rt_io_vault_told(&path, rt_io_zero(rt_host(flags ? __NR_faccessat2 : __NR_faccessat, path.host_dir, path.untrusted, mode, flags, 0, 0)));
}

static long sys_access(struct rt_thread *t) { return access_at(CWD, ARG(0), ARG(1), 0); }
static long sys_faccessat(struct rt_thread *t) { return access_at(ARG(0), ARG(1), ARG(2), 0); }
static long sys_faccessat2(struct rt_thread *t) { return access_at(ARG(0), ARG(1), ARG(2), ARG(3)); }
static long sys_unlink(struct rt_thread *t) { return with_path(__NR_unlinkat, CWD, ARG(0), 0, 0, 0); }
static long sys_unlinkat(struct rt_thread *t) { return with_path(__NR_unlinkat, ARG(0), ARG(1), ARG(2), 0, 0); }
static long sys_rmdir(struct rt_thread *t) { return with_path(__NR_unlinkat, CWD, ARG(0), AT_REMOVEDIR, 0, 0); }
static long sys_mkdir(struct rt_thread *t) { return with_path(__NR_mkdirat, CWD, ARG(0), ARG(1), 0, 0); }
static long sys_mkdirat(struct rt_thread *t) { return with_path(__NR_mkdirat, ARG(0), ARG(1), ARG(2), 0, 0); }
static long sys_mknod(struct rt_thread *t) { return with_path(__NR_mknodat, CWD, ARG(0), ARG(1), ARG(2), 0); }
static long sys_mknodat(struct rt_thread *t) { return with_path(__NR_mknodat, ARG(0), ARG(1), ARG(2), ARG(3), 0); }
static long sys_chmod(struct rt_thread *t) { return with_path(__NR_fchmodat, CWD, ARG(0), ARG(1), 0, 0); }
static long sys_fchmodat(struct rt_thread *t) { return with_path(__NR_fchmodat, ARG(0), ARG(1), ARG(2), 0, 0); }
static long sys_chown(struct rt_thread *t) { return with_path(__NR_fchownat, CWD, ARG(0), ARG(1), ARG(2), 0); }
static long sys_lchown(struct rt_thread *t)
{
	return with_path(__NR_fchownat, CWD, ARG(0), ARG(1), ARG(2), AT_SYMLINK_NOFOLLOW);
}
static long sys_fchownat(struct rt_thread *t) { return with_path(__NR_fchownat, ARG(0), ARG(1), ARG(2), ARG(3), ARG(4)); }

/* The call takes no directory. */
static long sys_truncate(struct rt_thread *t)
{
	struct rt_io_path path;
	long error;

	rt_io_cwd_follow();
	error = rt_io_path(CWD, ARG(0), RT_IO_CHANGE, &path);

	if (!error && path.verdict == OM_LAUNCH_IS_ENCRYPTED) {
		error = rt_io_vault_truncate_name(&path, t->arg[1]);
		if (!error)
			rt_mapped_resized(0, 0);
		return error;
	}
	if (!error && (int32_t)path.host_dir >= 0)
		path.untrusted = rt_io_ub_copy(path.text, text_length(path.text) + 1);
	if (!error)
		error = path.untrusted ? rt_io_zero(rt_host(__NR_truncate, path.untrusted, ARG(1), 0, 0, 0, 0)) : -ENOMEM;
	if (!error)
		rt_mapped_resized(0, 0);
	return error;
}

/* nr(dir, path, dir, path, flags) of the host. */
static long two_paths(long nr, uint64_t dir1, uint64_t app1, uint64_t dir2, uint64_t app2, uint64_t flags)
{
	struct rt_io_path from, to;
	long error = rt_io_path(dir1, app1, RT_IO_CHANGE, &from);

	if (!error)
		error = rt_io_path(dir2, app2, RT_IO_CHANGE, &to);
	if (error)
		return error;
	if (nr == __NR_linkat && rt_io_memory_link(from.text, to.text, &error))
		return error;
	if (from.verdict == OM_LAUNCH_IS_ENCRYPTED || to.verdict == OM_LAUNCH_IS_ENCRYPTED)
		return nr == __NR_renameat2 ? rt_io_vault_rename((struct rt_io_two){ &from, &to }, flags) : -EPERM;
	return rt_io_zero(rt_host(nr, from.host_dir, from.untrusted, to.host_dir, to.untrusted, flags, 0));
}

static long sys_rename(struct rt_thread *t) { return two_paths(__NR_renameat2, CWD, ARG(0), CWD, ARG(1), 0); }
static long sys_renameat(struct rt_thread *t) { return two_paths(__NR_renameat2, ARG(0), ARG(1), ARG(2), ARG(3), 0); }
static long sys_renameat2(struct rt_thread *t) { return two_paths(__NR_renameat2, ARG(0), ARG(1), ARG(2), ARG(3), ARG(4)); }
static long sys_link(struct rt_thread *t) { return two_paths(__NR_linkat, CWD, ARG(0), CWD, ARG(1), 0); }
static long sys_linkat(struct rt_thread *t) { return two_paths(__NR_linkat, ARG(0), ARG(1), ARG(2), ARG(3), ARG(4)); }

/* The target is text, not a path to be made absolute. */
static long symlink_at(uint64_t app_target, uint64_t dirfd, uint64_t app_path)
{
	struct rt_io_path path;
	uint64_t target;
	long length = rt_app_get_string(path.text, app_target, LX_PATH_MAX), error;

	if (length < 0)
		return length;
	target = rt_io_ub_copy(path.text, (size_t)length + 1);
	if (!target)
		return -ENOMEM;
	error = rt_io_path(dirfd, app_path, RT_IO_CHANGE, &path);
	if (!error && path.verdict == OM_LAUNCH_IS_ENCRYPTED)
		return -EPERM;
	return error ? error : rt_io_zero(rt_host(__NR_symlinkat, target, path.host_dir, path.untrusted, 0, 0, 0));
}

static long sys_symlink(struct rt_thread *t) { return symlink_at(ARG(0), CWD, ARG(1)); }
static long sys_symlinkat(struct rt_thread *t) { return symlink_at(ARG(0), ARG(1), ARG(2)); }

static long readlink_at(uint64_t dirfd, uint64_t app_path, uint64_t app, uint64_t size)
{
	struct rt_io_path path;
	char text[LX_PATH_MAX];
	long error = rt_io_path(dirfd, app_path, RT_IO_LOOK, &path), length;
	uint64_t ub;

	if (error)
		return error;
	if ((int64_t)size <= 0)
		return -EINVAL;
	if (size > LX_PATH_MAX)
		size = LX_PATH_MAX;
	if (rt_io_own_link(path.text, text, sizeof text, &length)) {
		if (length < 0)
			return length;
		size = (size_t)length < size ? (size_t)length : size;
		return rt_app_put(app, text, size) ? -EFAULT : (long)size;
	}
	if (path.verdict == OM_LAUNCH_IS_TRUSTED || path.verdict == OM_LAUNCH_IS_ABOVE || path.verdict == OM_LAUNCH_IS_ENCRYPTED)
		return -EINVAL; /* no link, whatever the host has there */
	ub = rt_io_ub_space(size);
	if (!ub)
		return -ENOMEM;
	length = rt_io_checked(rt_host(__NR_readlinkat, path.host_dir, path.untrusted, ub, size, 0, 0), size);
	return length > 0 && rt_ub_to_app(app, (void *)ub, (size_t)length) ? -EFAULT : length;
}

static long sys_readlink(struct rt_thread *t) { return readlink_at(CWD, ARG(0), ARG(1), ARG(2)); }
static long sys_readlinkat(struct rt_thread *t) { return readlink_at(ARG(0), ARG(1), ARG(2), ARG(3)); }

const struct rt_syscall_entry rt_syscalls_path[] = {
	{ __NR_chdir, 0, sys_chdir }, { __NR_fchdir, 0, sys_fchdir }, { __NR_getcwd, 0, sys_getcwd },
	{ __NR_access, 0, sys_access }, { __NR_faccessat, 0, sys_faccessat }, { __NR_faccessat2, 0, sys_faccessat2 },
	{ __NR_unlink, 0, sys_unlink }, { __NR_unlinkat, 0, sys_unlinkat }, { __NR_rmdir, 0, sys_rmdir },
	{ __NR_mkdir, 0, sys_mkdir }, { __NR_mkdirat, 0, sys_mkdirat },
	{ __NR_mknod, 0, sys_mknod }, { __NR_mknodat, 0, sys_mknodat },
	{ __NR_chmod, 0, sys_chmod }, { __NR_fchmodat, 0, sys_fchmodat },
	{ __NR_chown, 0, sys_chown }, { __NR_lchown, 0, sys_lchown }, { __NR_fchownat, 0, sys_fchownat },
	{ __NR_truncate, 0, sys_truncate },
	{ __NR_rename, 0, sys_rename }, { __NR_renameat, 0, sys_renameat }, { __NR_renameat2, 0, sys_renameat2 },
	{ __NR_link, 0, sys_link }, { __NR_linkat, 0, sys_linkat },
	{ __NR_symlink, 0, sys_symlink }, { __NR_symlinkat, 0, sys_symlinkat },
	{ __NR_readlink, 0, sys_readlink }, { __NR_readlinkat, 0, sys_readlinkat },
	{ 0, 0, NULL },
};
