/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files the program may name, by the image's measured lists (core/launch.h).
 *
 * While the lists say something, a name is what the program writes: relative to a directory that is known here, without "." and "..",
 * decoded before the host sees it. The host's links, and the path that the host gives for a descriptor, play no part. So
 *
 *   - the working directory is the one that was asked for, not the one that the host makes of it
 *   - a directory or O_PATH descriptor remembers the name that it was opened by; below one that has none (it was inherited) there are no
 *     listed names
 *   - trusted files are regular files of their size, and what lies above a listed name are directories: neither is ever a link
 *
 *     verdict      look at it      open it                              change what it is
 *     trusted      yes             to read; content checked (trusted.c)  EACCES
 *     encrypted    yes             yes; content of ours (vault.h)        yes, by vault_names.c
 *     allowed      yes             yes                                  yes
 *     above        yes             as a directory                       EACCES
 *     unlisted     EACCES          EACCES                               EACCES
 *
 * Files that are made inside (/proc/self, devices) may always be looked at and opened.
 */
#include "rt/io/procself.h"
#include "rt/io/rules.h"
#include "rt/io/vault.h"

static RT_RESIDENT char start[LX_PATH_MAX];

bool rt_io_ruled(void)
{
	return om_launch_rules_files(rt_launch());
}

void rt_io_rules_boot(const char *directory)
{
	size_t size = 0;

	while (directory[size])
		size++;
	memcpy(start, directory, size + 1);
}

const char *rt_io_rules_start(void)
{
	return start;
}

/* ---- what is told ------------------------------------------------------------------------------------------------------------ */

/* Which names a program asks for may depend on what it knows: only a debug image says them. */
static void tell_refused(const char *name)
{
	char line[250];
	struct rt_io_words w = { line, sizeof line, 0 };

	if (!(rt_image->flags & OM_IMAGE_DEBUG)) {
		RT_IO_TELL_ONCE("a file was refused that the image does not list; a debug image of the program names it");
		return;
	}
	rt_io_words_add(&w, "refused: the image does not list ");
	rt_io_words_add(&w, name);
	rt_io_words_add(&w, " (files.trusted, files.allowed)");
	rt_log(line);
	RT_IO_TELL_ONCE(line);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

static long join(char text[LX_PATH_MAX], const char *head, const char *rest)
{
	struct rt_io_words w = { text, LX_PATH_MAX, 0 };

	rt_io_words_add(&w, head);
	if (*rest && *rest != '/')
		rt_io_words_add(&w, "/");
	rt_io_words_add(&w, rest);
	if (w.used + 1 >= LX_PATH_MAX)
		return -ENAMETOOLONG;
	(void)om_launch_normalise(text); /* its length is not wanted */
	return 0;
}

const char *rt_io_named(const struct rt_io_ofd *ofd)
{
	return (ofd->kind == RT_IO_DIR || ofd->status & O_PATH) && ofd->dir.name ? rt_io_blob_at(ofd->dir.name) : NULL;
}

long rt_io_name(struct rt_io_ofd *ofd, const char *name)
{
	uint32_t size = 1;

	while (name[size - 1])
		size++;
	ofd->dir.name = rt_io_blob_new(size);
	if (!ofd->dir.name)
		return -ENOMEM;
	ofd->dir.size = size;
	memcpy(rt_io_blob_at(ofd->dir.name), name, size);
	return 0;
}

bool rt_io_known_name(const struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct om_launch_string s;
	char text[OM_LAUNCH_PATH];

	if (rt_io_named(ofd)) {
		rt_io_words_add(words, rt_io_named(ofd));
		return true;
	}
	if (rt_io_vaulted(ofd) && rt_io_vault_name(ofd)) {
		text[0] = 0;
		if (rt_io_vault_name(ofd)[0] != '/') {
			rt_io_words_add(words, start[1] ? start : "");
			rt_io_words_add(words, "/");
		}
		rt_io_words_add(words, rt_io_vault_name(ofd));
		return true;
	}
	if (!rt_io_trusted(ofd))
		return false;
	s = om_launch_string(rt_launch(), OM_LAUNCH_TRUSTED, ofd->file.trusted - 1);
	memcpy(text, s.text, s.size);
	text[s.size] = 0;
	if (text[0] != '/') {
		rt_io_words_add(words, start[1] ? start : "");
		rt_io_words_add(words, "/");
	}
	rt_io_words_add(words, text);
	return true;
}

void rt_io_name_free(struct rt_io_ofd *ofd)
{
	if (rt_io_named(ofd))
		rt_io_blob_free(ofd->dir.name, ofd->dir.size);
}

/* Makes path->text absolute and normal. @ret_dir: a directory without a name that it starts from, else NULL. */
static long make_absolute(uint64_t dirfd, struct rt_io_path *path, const struct rt_io_ofd **ret_dir)
{
	char head[64];
	const struct rt_io_ofd *dir;
	const char *name = rt_io_cwd();

	*ret_dir = NULL;
	if (path->text[0] == '/') {
		(void)om_launch_normalise(path->text); /* its length is not wanted */
		return 0;
	}
	if ((int32_t)dirfd != AT_FDCWD) {
		dir = rt_io_get((uint32_t)dirfd);
		if (!dir)
			return -EBADF;
		if (dir->host_fd < 0) {
			long result = rt_io_own_directory(dir, head, sizeof head);

			if (result < 0)
				return result;
			name = head;
		} else {
			if (dir->kind != RT_IO_DIR && !(dir->status & O_PATH))
				return -ENOTDIR;
			name = rt_io_named(dir);
			if (!name) {
				*ret_dir = dir;
				return 0;
			}
		}
	}
	memcpy(path->real, path->text, LX_PATH_MAX);
	return join(path->text, name, path->real);
}

/* Which object the name leads to, as far as that is decided inside. */
enum where { AT_NAME /* path->real */, AT_DESCRIPTOR /* *ret_ofd */, INSIDE };

/* As Linux follows links, at most; each can be the way to one more. */
#define LINKS_MAX 40

/* Links of /proc/self that stand in the middle are replaced in path->text; one at the end stays there, for calls that ask for the link. */
static long locate(struct rt_io_path *path, enum where *ret_where, struct rt_io_ofd **ret_ofd)
{
	for (int links = 0; links < LINKS_MAX; links++) {
		char text[LX_PATH_MAX];
		struct rt_io_own own;
		const char *name;
		long error;

		memcpy(text, path->text, sizeof text);
		*ret_where = AT_NAME;
		if (!rt_io_own_decode(text, &own)) {
			*ret_where = rt_io_virtual_named(text) || rt_io_memory_named(text) ? INSIDE : AT_NAME;
			return join(path->real, text, "");
		}
		switch (own.node) {
		case EXE:
			name = rt_io_program_path();
			return name[0] ? join(path->real, name, own.rest) : join(path->real, text, "");
		case CWD:
			name = rt_io_cwd();
			break;
		case ROOT:
			name = "/";
			break;
		case FD:
			*ret_ofd = rt_io_get(own.fd);
			if (!*ret_ofd)
				return -ENOENT;
			name = rt_io_named(*ret_ofd);
			if (name)
				break;
			if (rt_io_vaulted(*ret_ofd)) {           /* by its name, as it is opened */
				name = rt_io_vault_name(*ret_ofd);
				if (!name)
					return -ENOENT;
				if (name[0] == '/')
					return *own.rest ? -ENOTDIR : join(path->real, name, "");
				return *own.rest ? -ENOTDIR : join(path->real, start, name);
			}
			*ret_where = (*ret_ofd)->host_fd < 0 ? INSIDE : AT_DESCRIPTOR;
			return *own.rest ? -ENOTDIR : 0;
		default:
			*ret_where = INSIDE;
			return join(path->real, text, "");
		}
		if (!*own.rest)
			return join(path->real, name, "");
		error = join(path->text, name, own.rest);
		if (error)
			return error;
	}
	return -ELOOP;
}

static void judge(struct rt_io_path *path, enum where where, const struct rt_io_ofd *ofd)
{
	const bool any = rt_launch()->any & OM_LAUNCH_ANY_FILES;

	path->verdict = OM_LAUNCH_IS_ALLOWED;
	if (where == AT_NAME) {
		path->verdict = om_launch_judge(rt_launch(), path->real, start, &path->trusted);
	} else if (where == AT_DESCRIPTOR && rt_io_trusted(ofd)) {
		path->verdict = OM_LAUNCH_IS_TRUSTED;
		path->trusted = ofd->file.trusted - 1;
	} else if (where == AT_DESCRIPTOR && rt_io_vaulted(ofd)) {
		path->verdict = OM_LAUNCH_IS_ENCRYPTED;
		path->vault = ofd->file.vault;
	} else if (where == AT_DESCRIPTOR && ofd->status & O_PATH && !any) {
		path->verdict = OM_LAUNCH_IS_UNLISTED; /* it was inherited: nobody knows what it is */
	}
}

static long permit(const struct rt_io_path *path, enum rt_io_want want, enum where where)
{
	if (path->verdict == OM_LAUNCH_IS_UNLISTED) {
		tell_refused(where == AT_NAME ? path->real : path->text);
		return -EACCES;
	}
	return want == RT_IO_CHANGE && ((path->verdict != OM_LAUNCH_IS_ALLOWED && path->verdict != OM_LAUNCH_IS_ENCRYPTED) || (where == INSIDE && !rt_io_memory_named(path->text))) ? -EACCES : 0;
}

/* ---- for path.c ------------------------------------------------------------------------------------------------------------------- */

/* A descriptor and no name, as AT_EMPTY_PATH wants it. Nothing can be opened so. */
static long nameless(uint64_t dirfd, enum rt_io_want want, struct rt_io_path *path)
{
	const struct rt_io_ofd *ofd = (int32_t)dirfd == AT_FDCWD ? NULL : rt_io_get((uint32_t)dirfd);

	if (!ofd || want == RT_IO_OPEN)
		return !ofd && (int32_t)dirfd != AT_FDCWD ? -EBADF : -ENOENT;
	if (ofd->host_fd < 0)
		return -EINVAL;
	judge(path, AT_DESCRIPTOR, ofd);
	if (want == RT_IO_CHANGE && path->verdict != OM_LAUNCH_IS_ALLOWED && path->verdict != OM_LAUNCH_IS_ENCRYPTED)
		return -EACCES;
	path->host_dir = (uint64_t)ofd->host_fd;
	path->untrusted = rt_io_ub_copy("", 1);
	return path->untrusted ? 0 : -ENOMEM;
}

/* Below a directory that was inherited. */
static long unnamed(const struct rt_io_ofd *dir, struct rt_io_path *path)
{
	size_t size = 1;

	if (!(rt_launch()->any & OM_LAUNCH_ANY_FILES))
		return -EACCES;
	while (path->text[size - 1])
		size++;
	path->real[0] = 0;
	path->verdict = OM_LAUNCH_IS_ALLOWED;
	path->host_dir = (uint64_t)dir->host_fd;
	path->untrusted = rt_io_ub_copy(path->text, size);
	return path->untrusted ? 0 : -ENOMEM;
}

/* What is allowed may be asked for as a directory, with '/' at the end. */
static uint64_t put_name(const struct rt_io_path *path, enum where where, const struct rt_io_ofd *ofd, bool slash)
{
	char line[LX_PATH_MAX + 1];
	struct rt_io_words w = { line, sizeof line, 0 };

	if (where == AT_DESCRIPTOR)
		rt_io_words_line(&w, "/proc/self/fd/", (uint32_t)ofd->host_fd, "");
	else
		rt_io_words_add(&w, where == INSIDE ? path->text : path->real);
	if (slash && where == AT_NAME && (path->verdict == OM_LAUNCH_IS_ALLOWED || path->verdict == OM_LAUNCH_IS_ENCRYPTED) && w.used > 1)
		rt_io_words_add(&w, "/");
	return rt_io_ub_copy(line, w.used + 1);
}

long rt_io_ruled_path(uint64_t dirfd, enum rt_io_want want, struct rt_io_path *path)
{
	const struct rt_io_ofd *dir;
	struct rt_io_ofd *ofd = NULL;
	enum where where;
	size_t length = 0;
	bool slash;
	long error;

	if (!path->text[0])
		return nameless(dirfd, want, path);
	while (path->text[length])
		length++;
	slash = path->text[length - 1] == '/';
	error = make_absolute(dirfd, path, &dir);
	if (error || dir)
		return error ? error : unnamed(dir, path);
	error = locate(path, &where, &ofd);
	if (error)
		return error;
	judge(path, where, ofd);
	error = permit(path, want, where);
	if (error)
		return error;
	if (where != AT_NAME)
		path->real[0] = 0;
	path->untrusted = put_name(path, where, ofd, slash);
	return path->untrusted ? 0 : -ENOMEM;
}

long rt_io_ruled_socket(char *path)
{
	uint32_t index;

	if (!rt_io_ruled())
		return 0;
	(void)om_launch_normalise(path); /* its length is not wanted */
	if (om_launch_judge(rt_launch(), path, start, &index) == OM_LAUNCH_IS_ALLOWED)
		return 0;
	tell_refused(path);
	return -EACCES;
}

/* ---- for file.c --------------------------------------------------------------------------------------------------------------------- */

long rt_io_ruled_flags(const struct rt_io_path *path, uint32_t *flags)
{
	const bool writes = (*flags & O_ACCMODE) != O_RDONLY || *flags & O_TRUNC;

	if (path->verdict == OM_LAUNCH_IS_ENCRYPTED && !(*flags & O_PATH)) {
		if (*flags & LX_O_TMPFILE)
			return -EOPNOTSUPP;              /* it has no name, which a file of ours is bound to */
		if (!(*flags & O_DIRECTORY))
			*flags = rt_io_vault_host_flags(*flags);
		return 0;
	}
	if (path->verdict != OM_LAUNCH_IS_TRUSTED && path->verdict != OM_LAUNCH_IS_ABOVE)
		return 0;
	if (*flags & O_PATH)
		return 0;
	if (*flags & O_CREAT && *flags & O_EXCL)
		return -EEXIST;
	if (path->verdict == OM_LAUNCH_IS_ABOVE) {
		if (writes || *flags & O_CREAT)
			return -EISDIR;
		*flags |= O_DIRECTORY;
		return 0;
	}
	if (*flags & O_DIRECTORY)
		return writes ? -EACCES : -ENOTDIR;
	if (writes)
		return -EACCES;
	/* The list says that the file is there; and nothing waits for a writer, should the host have put a FIFO in its place. */
	*flags = (*flags & ~(uint32_t)O_CREAT) | O_NONBLOCK;
	return 0;
}

long rt_io_ruled_found(const struct rt_io_path *path, uint32_t flags, const struct stat *stat)
{
	const uint32_t type = stat->st_mode & LX_S_IFMT;

	if (flags & O_PATH)
		return 0;
	if (path->verdict == OM_LAUNCH_IS_ABOVE)
		return type == LX_S_IFDIR ? 0 : -EACCES;
	if (path->verdict == OM_LAUNCH_IS_ENCRYPTED)
		return type == LX_S_IFREG || type == LX_S_IFDIR ? 0 : -EACCES;
	if (path->verdict != OM_LAUNCH_IS_TRUSTED)
		return 0;
	if (type == LX_S_IFREG && (uint64_t)stat->st_size == om_launch_file_size(rt_launch(), path->trusted))
		return 0;
	rt_io_trusted_complain(path->trusted, type == LX_S_IFREG ? "has another size than the file that the image was built with" :
		"is no regular file on this host");
	return -EACCES;
}

void rt_io_ruled_stat(enum om_launch_verdict verdict, uint32_t trusted, struct stat *stat)
{
	if (verdict == OM_LAUNCH_IS_ABOVE)
		stat->st_mode = (stat->st_mode & ~(uint32_t)LX_S_IFMT) | LX_S_IFDIR;
	if (verdict != OM_LAUNCH_IS_TRUSTED)
		return;
	stat->st_mode = (stat->st_mode & ~(uint32_t)(LX_S_IFMT | 07222)) | LX_S_IFREG;
	stat->st_size = (int64_t)om_launch_file_size(rt_launch(), trusted);
	stat->st_blocks = (stat->st_size + 511) / 512;
}
