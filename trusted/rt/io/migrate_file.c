/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving files and directories; and which host this is.
 *
 * A file is opened again by the path that the host's kernel gives for it now (so renames are followed), without the
 * flags that would create or empty it, and must be of the same type and at least as large; on the same host (same
 * boot id) it must be the very same inode. A trusted file (trusted.c) must have its size, and is checked when it is read.
 *
 * Whether a file's name still leads to the file is found out before anything is moved. A name that was removed, or taken by another
 * file, would lead to nothing, or to the wrong file, on any host.
 */
#include "rt/io/migrate.h"
#include "rt/io/vault.h"

struct file_record {
	uint64_t device, inode;
	int64_t  size, offset;
	uint32_t mode, path_size;
	char     path[];             /* with NUL */
};

struct place { char host[40], net[40]; };
static RT_RESIDENT struct place source;
bool rt_io_same_host, rt_io_same_net;

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

static void read_link(const char *name, size_t name_size, char ret_text[40])
{
	uint64_t path = rt_io_ub_copy(name, name_size), ub = rt_io_ub_space(64);
	long got = path && ub ? rt_io_checked(rt_host(__NR_readlinkat, (uint64_t)AT_FDCWD, path, ub, 39, 0, 0), 39) : -ENOMEM;

	memset(ret_text, 0, 40);
	if (got > 0)
		rt_ub_get(ret_text, (void *)ub, (size_t)got);
}

static void read_file(const char *name, size_t name_size, char ret_text[40])
{
	uint64_t path = rt_io_ub_copy(name, name_size), ub = rt_io_ub_space(64);
	long fd = rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0)), got;

	memset(ret_text, 0, 40);
	if (fd < 0)
		return;
	got = rt_io_checked(rt_host(__NR_read, (uint64_t)fd, ub, 36, 0, 0, 0), 36);
	if (got > 0)
		rt_ub_get(ret_text, (void *)ub, (size_t)got);
	rt_io_host_close((int32_t)fd);
}

/* A running kernel, and one of its networks. Once for each migration, for a server may have hundreds of files. */
static struct place place_of_host(void)
{
	static const char boot_id[] = "/proc/sys/kernel/random/boot_id", net[] = "/proc/self/ns/net";
	struct place here;

	read_file(boot_id, sizeof boot_id, here.host);
	read_link(net, sizeof net, here.net);
	return here;
}

void rt_io_note_host(void)
{
	source = place_of_host();
}

void rt_io_know_host(void)
{
	struct place here = place_of_host();

	rt_io_same_host = here.host[0] && !memcmp(here.host, source.host, sizeof here.host);
	rt_io_same_net = rt_io_same_host && here.net[0] && !memcmp(here.net, source.net, sizeof here.net);
}

static long stat_host(int32_t host_fd, struct stat *ret_stat)
{
	uint64_t ub = rt_io_ub_space(256);
	long error = ub ? rt_io_zero(rt_host(__NR_fstat, (uint64_t)host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;

	if (!error)
		rt_ub_get(ret_stat, (void *)ub, sizeof *ret_stat);
	return error;
}

/* Return: the length of its path, or 0 and why not. */
static long path_of_file(const struct rt_io_ofd *ofd, char path[LX_PATH_MAX], struct stat *ret_stat, const char **ret_why)
{
	long length = rt_io_host_path(ofd->host_fd, path, LX_PATH_MAX);
	uint64_t name, ub;
	struct stat there;

	*ret_why = "the host does not tell which file it is";
	if (length <= 0 || path[0] != '/' || stat_host(ofd->host_fd, ret_stat))
		return 0;
	*ret_why = "a deleted file; the other host could not open it";
	if (ret_stat->st_nlink == 0)
		return 0;
	name = rt_io_ub_copy(path, (size_t)length + 1);
	ub = rt_io_ub_space(256);
	*ret_why = "the file's name was removed, or cannot be reached from here; the other host could not open it";
	if (!name || !ub || rt_host(__NR_newfstatat, (uint64_t)AT_FDCWD, name, ub, 0, 0, 0))
		return 0;
	rt_ub_get(&there, (void *)ub, sizeof there);
	*ret_why = "another file has the file's name by now; the other host would open that one";
	return there.st_dev == ret_stat->st_dev && there.st_ino == ret_stat->st_ino ? length : 0;
}

const char *rt_io_file_problem(const struct rt_io_ofd *ofd)
{
	char path[LX_PATH_MAX];
	struct stat stat;
	const char *why;

	return path_of_file(ofd, path, &stat, &why) ? NULL : why;
}

int rt_io_file_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	char path[LX_PATH_MAX];
	struct file_record *record;
	struct stat stat;
	long length = rt_io_host_path(ofd->host_fd, path, sizeof path), offset;

	/* Its name was looked at a moment ago: see rt_io_file_problem. */
	if (length <= 0 || path[0] != '/' || stat_host(ofd->host_fd, &stat))
		return rt_io_refuse(words, ofd, "the host does not tell which file it is");
	offset = rt_io_position_get(ofd);
	ofd->frozen = rt_io_frozen_new(sizeof *record + (size_t)length + 1);
	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "too much host state");
	record = rt_io_frozen_at(ofd->frozen);
	*record = (struct file_record){ stat.st_dev, stat.st_ino, stat.st_size, offset > 0 ? offset : 0, stat.st_mode, (uint32_t)length + 1 };
	memcpy(record->path, path, (size_t)length + 1);
	if (ofd->kind == RT_IO_FILE && ofd->file.flock)
		(void)rt_host(__NR_flock, (uint64_t)ofd->host_fd, LX_LOCK_UN, 0, 0, 0, 0); /* the destination will find out */
	return 0;
}

static int refuse_file(struct rt_io_words *words, const struct rt_io_ofd *ofd, const struct file_record *record, const char *why)
{
	(void)rt_io_refuse(words, ofd, record->path); /* for its words */
	rt_io_words_add(words, why);
	return OM_EHOSTSTATE;
}

/* A trusted file is what its content says it is, which reading checks, here as there. */
static bool same_file(const struct rt_io_ofd *ofd, const struct file_record *record, const struct stat *stat)
{
	if ((record->mode & LX_S_IFMT) != (stat->st_mode & LX_S_IFMT))
		return false;
	if (rt_io_trusted(ofd))
		return stat->st_size == rt_io_trusted_size(ofd);
	if (rt_io_same_host)
		return record->device == stat->st_dev && record->inode == stat->st_ino;
	if (rt_io_vaulted(ofd))
		return true;                             /* opening it finds out */
	return (record->mode & LX_S_IFMT) != LX_S_IFREG || stat->st_size >= record->size;
}

int rt_io_file_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct file_record *record = rt_io_frozen_at(ofd->frozen);
	uint32_t flags = rt_io_vaulted(ofd) ? rt_io_vault_host_flags(ofd->status) : ofd->status;
	uint64_t path;
	struct stat stat;
	long host_fd;

	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "was not saved");
	path = rt_io_ub_copy(record->path, record->path_size);
	host_fd = rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path,
		(flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY, 0, 0, 0));
	if (host_fd < 0) {
		(void)rt_io_refuse(words, ofd, record->path); /* for its words */
		return rt_io_refuse_errno(words, NULL, " cannot be opened", host_fd);
	}
	ofd->host_fd = (int32_t)host_fd;
	if (stat_host(ofd->host_fd, &stat) || !same_file(ofd, record, &stat))
		return refuse_file(words, ofd, record, " is another file here");
	if (record->offset && !rt_io_kept(ofd) && rt_host(__NR_lseek, (uint64_t)host_fd, (uint64_t)record->offset, LX_SEEK_SET, 0, 0, 0) != record->offset)
		return refuse_file(words, ofd, record, " cannot be positioned");
	if (ofd->kind == RT_IO_FILE) {
		ofd->file.device = stat.st_dev;
		ofd->file.inode = stat.st_ino;
	}
	return rt_io_vaulted(ofd) ? rt_io_vault_make(ofd, words) : 0;
}

int rt_io_flock_take(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (rt_io_zero(rt_host(__NR_flock, (uint64_t)ofd->host_fd, ofd->file.flock | LX_LOCK_NB, 0, 0, 0, 0)))
		return rt_io_refuse(words, ofd, "its lock is held by another process");
	return 0;
}
