/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with names in /proc/self (procself.h): opening, reading, links, facts, lists.
 *
 * What is not in the tree is not there (ENOENT): the host's files of that name describe the loader. Calls that want the
 * object behind a link go to the host under another name (rt_io_own_host_name), texts and directories never do.
 *
 * All state is the runtime's, so open files, half-read directories and the threads' names move with the program.
 */
#include "rt/io/procself.h"
#include "rt/owner.h"
#include "unlock/unlock.h"
#include "rt/io/rules.h"

#define ARGUMENTS_PAGE 4096u
#define TEXT_LIMIT (2u << 20)
#define DIRENT_MAX 96u
#define OWNER_ROOT 0

static RT_RESIDENT uint64_t arguments, arguments_size, environment_size;
static RT_RESIDENT char program_path[LX_PATH_MAX];

void rt_io_set_strings(uint64_t app, uint64_t size_of_arguments, uint64_t size_of_environment)
{
	char name[LX_PATH_MAX];
	bool has_slash = false;

	arguments = app;
	arguments_size = size_of_arguments;
	environment_size = size_of_environment;
	if (rt_app_get_string(name, app, sizeof name) < 0)
		name[0] = 0;
	for (const char *c = name; *c; c++)
		has_slash = has_slash || *c == '/';
	/* Only the name is known when the shell searched PATH. */
	if (rt_io_absolute(has_slash ? name : rt_image->program_name, program_path, sizeof program_path) < 0)
		program_path[0] = 0;
}

const char *rt_io_program_path(void)
{
	return program_path;
}

/* The thread that a file of /proc/self speaks of. The main thread may have ended before the others. */
static const struct rt_thread *first_thread(void)
{
	static RT_RESIDENT struct rt_thread ended;
	const struct rt_thread *t = rt_io_own_thread((uint64_t)rt_pid);

	if (t)
		return t;
	ended.tid = rt_pid;
	memcpy(ended.name, rt_image->program_name, sizeof ended.name - 1);
	return &ended;
}

/* ---- opening, reading, writing ------------------------------------------------------------------------------------------------------ */

/* Application memory as it is now, as the kernel does it; what is not mapped any more reads as nothing. */
static long open_memory(const struct rt_io_own *own, uint64_t app, uint64_t size, uint32_t flags)
{
	struct rt_io_virtual content = { .tid = own->tid, .name = own->name };

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	content.size = size < TEXT_LIMIT ? (uint32_t)size : TEXT_LIMIT;
	content.blob = rt_io_blob_new(content.size);
	if (!content.blob)
		return -ENOMEM;
	if (rt_app_get(rt_io_blob_at(content.blob), app, content.size))
		memset(rt_io_blob_at(content.blob), 0, content.size);
	return rt_io_virtual_new(content, O_RDONLY, flags);
}

/* A program that writes its title over its arguments, past their last NUL, is shown up to the next one. */
static long open_cmdline(const struct rt_io_own *own, uint32_t flags)
{
	uint64_t size = arguments_size, limit = arguments_size + environment_size;
	char text[ARGUMENTS_PAGE], last = 0;

	if (size && !rt_app_get(&last, arguments + size - 1, 1) && last) {
		limit = limit < sizeof text ? limit : sizeof text;
		if (rt_app_get(text, arguments, limit))
			limit = 0;
		for (size = 0; size < limit && text[size]; size++)
			;
		size += size < limit;
	}
	return open_memory(own, arguments, size, flags);
}

static long open_directory(const struct rt_io_own *own, uint32_t flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT)
		return -EISDIR;
	return rt_io_virtual_new((struct rt_io_virtual){ .node = (uint8_t)own->node, .tid = own->tid }, O_RDONLY | (flags & O_DIRECTORY), flags);
}

/* Opening such a link opens the object anew. What the host has behind it is the host's to open. */
static bool open_descriptor(const struct rt_io_own *own, uint32_t flags, long *ret)
{
	const struct rt_io_ofd *ofd = rt_io_get(own->fd);
	struct rt_io_virtual content;

	if (!ofd || ofd->host_fd >= 0)
		return false;
	if (ofd->kind == RT_IO_MEMORY) {
		*ret = rt_io_memory_again(ofd, flags);
		return true;
	}
	if (ofd->kind == RT_IO_DEVICE) {
		*ret = rt_io_device_open(ofd->device, flags);
		return true;
	}
	content = ofd->virt;
	content.offset = 0;
	if ((flags & O_ACCMODE) != O_RDONLY && content.node != COMM && !rt_io_attest_writable(content.node)) {
		*ret = -EACCES;
		return true;
	}
	if (content.blob) {
		content.blob = rt_io_blob_new(content.size);
		if (!content.blob) {
			*ret = -ENOMEM;
			return true;
		}
		memcpy(rt_io_blob_at(content.blob), rt_io_blob_at(ofd->virt.blob), content.size);
	}
	*ret = rt_io_virtual_new(content, flags & O_ACCMODE, flags);
	return true;
}

static const struct rt_thread *about(const struct rt_io_own *own)
{
	const struct rt_thread *t = own->tid ? rt_io_own_thread((uint64_t)own->tid) : NULL;

	return t ? t : first_thread();
}

bool rt_io_own_open(const char *path, uint32_t flags, long *ret)
{
	struct rt_io_own own;

	if (!rt_io_own_decode(path, &own))
		return false;
	switch (own.node) {
	case MISSING:
		*ret = own.error;
		return true;
	case SELF: case THREAD_SELF:
		own.node = own.node == SELF ? OWN : THREAD;
		/* fall through */
	case OWN: case TASK: case THREAD: case FDS: case ATTEST: case ATTEST_KEYS: case ATTEST_TLS:
		*ret = open_directory(&own, flags);
		return true;
	case FD:
		return !*own.rest && open_descriptor(&own, flags, ret);
	case EXE: case CWD: case ROOT:
		return false;
	default:
		break;
	}
	if (flags & O_DIRECTORY)
		*ret = -ENOTDIR;
	else if (rt_io_own_is_attest(own.node))
		*ret = rt_io_attest_open(&own, flags);
	else if (own.node == COMM)
		*ret = rt_io_virtual_new((struct rt_io_virtual){ .node = COMM, .tid = own.tid, .name = own.name }, flags & O_ACCMODE, flags);
	else if (own.node == CMDLINE)
		*ret = open_cmdline(&own, flags);
	else if (own.node == ENVIRON)
		*ret = open_memory(&own, arguments + arguments_size, environment_size, flags);
	else
		*ret = rt_io_virtual_made(own.make, about(&own), (struct rt_io_virtual){ .tid = own.tid, .name = own.name }, flags);
	return true;
}

/* A name is told as it is now, not as it was when the file was opened. */
long rt_io_own_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	char text[sizeof rt_threads->name + 2];
	struct rt_io_words w = { text, sizeof text, 0 };
	const struct rt_thread *t;

	if (rt_io_own_is_directory(ofd->virt.node))
		return -EISDIR;
	if (rt_io_attest_writable(ofd->virt.node))
		return rt_io_attest_read(ofd, span, offset);
	if (ofd->virt.node != COMM)
		return rt_io_virtual_give(ofd, rt_io_blob_at(ofd->virt.blob), ofd->virt.size, span, offset);
	t = rt_io_own_thread((uint64_t)(ofd->virt.tid ? ofd->virt.tid : rt_pid));
	if (!t)
		return -ESRCH;
	rt_io_make_comm(&w, t);
	return rt_io_virtual_give(ofd, text, w.used, span, offset);
}

/* What is written is the name, cut off where it is too long, and all of it counts as written. */
long rt_io_own_write(struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	struct rt_thread *t = rt_io_own_thread((uint64_t)(ofd->virt.tid ? ofd->virt.tid : rt_pid));
	uint64_t size = span->total, some;
	char name[sizeof t->name] = { 0 };

	if (rt_io_attest_writable(ofd->virt.node))
		return rt_io_attest_write(ofd, span);
	if (ofd->virt.node != COMM)
		return -EBADF;
	if (!t)
		return -ESRCH;
	some = span->total < sizeof name - 1 ? span->total : sizeof name - 1;
	if (rt_io_span_get(span, name, some))
		return -EFAULT;
	memcpy(t->name, name, sizeof name);
	return (long)size;
}

/* ---- links and facts -------------------------------------------------------------------------------------------------------------- */

static long descriptor_link(uint32_t fd, char *text, size_t size)
{
	static const char *const devices[] = { "", "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom" };
	const struct rt_io_ofd *ofd = rt_io_get(fd);
	struct rt_io_words w = { text, size, 0 };

	if (!ofd)
		return -ENOENT;
	if (rt_io_known_name(ofd, &w))
		return (long)w.used;
	if (ofd->kind == RT_IO_SIGNALFD) {
		rt_io_words_add(&w, "anon_inode:[signalfd]"); /* the host's is a counter */
		return (long)w.used;
	}
	if (ofd->kind == RT_IO_MQUEUE) {
		rt_io_mqueue_link_text(ofd, &w);
		return (long)w.used;
	}
	if (ofd->host_fd >= 0)
		return rt_io_host_path(ofd->host_fd, text, size);
	if (ofd->kind == RT_IO_MEMORY) {
		rt_io_memory_link_text(ofd, &w);
	} else if (ofd->kind == RT_IO_DEVICE) {
		rt_io_words_add(&w, devices[ofd->device]);
	} else if (ofd->kind == RT_IO_VIRTUAL) {
		if (!ofd->virt.name || ofd->virt.name[0] != '/')
			rt_io_own_add_directory(&w, ofd->virt.node, ofd->virt.tid);
		if (ofd->virt.name && ofd->virt.name[0] != '/')
			rt_io_words_add(&w, "/");
		rt_io_words_add(&w, ofd->virt.name ? ofd->virt.name : "");
	}
	return w.used ? (long)w.used : -ENOENT;
}

bool rt_io_own_link(const char *path, char *ret_text, size_t size, long *ret)
{
	struct rt_io_words w = { ret_text, size, 0 };
	struct rt_io_own own;

	if (!rt_io_own_decode(path, &own))
		return false;
	/* A path through a link ends in the host's files. */
	if (rt_io_own_is_link(own.node) && *own.rest)
		return false;
	switch (own.node) {
	case SELF:        rt_io_words_number(&w, (uint32_t)rt_pid); break;
	case THREAD_SELF:
		rt_io_words_number(&w, (uint32_t)rt_pid);
		rt_io_words_line(&w, "/task/", (uint32_t)own.tid, "");
		break;
	case EXE:         rt_io_words_add(&w, program_path); break;
	case ROOT:        rt_io_words_add(&w, "/"); break;
	case CWD:         rt_io_words_add(&w, rt_io_cwd()); break;
	case FD:
		*ret = descriptor_link(own.fd, ret_text, size);
		return true;
	default:          break;
	}
	*ret = w.used ? (long)w.used : own.node == MISSING ? own.error : rt_io_own_is_link(own.node) ? -ENOENT : -EINVAL;
	return true;
}

static uint32_t mode_of(enum rt_io_own_node node)
{
	if (rt_io_own_is_link(node))
		return LX_S_IFLNK | 0777;
	if (rt_io_own_is_directory(node))
		return LX_S_IFDIR | (node == FDS ? 0500 : 0555);
	return LX_S_IFREG | (node == COMM || rt_io_attest_writable(node) ? 0644 : node == ENVIRON || node == ATTEST_KEY || node == ATTEST_SECRET ? 0400 : 0444);
}

static void fill(struct stat *stat, enum rt_io_own_node node)
{
	*stat = (struct stat){ .st_mode = mode_of(node), .st_nlink = rt_io_own_is_directory(node) ? 2 : 1, .st_blksize = 1024,
		.st_ino = 1 + (uint64_t)node, .st_uid = rt_ids()->euid, .st_gid = rt_ids()->egid };
}

bool rt_io_own_stat(const char *path, bool follow, struct stat *ret_stat, long *ret)
{
	const struct rt_io_ofd *ofd;
	struct rt_io_own own;

	if (rt_io_memory_stat_name(path, ret_stat, ret))
		return true;
	if (!rt_io_own_decode(path, &own))
		return false;
	if (rt_io_own_is_link(own.node) && *own.rest)
		return false;
	if (follow && (own.node == SELF || own.node == THREAD_SELF))
		own.node = OWN;
	if (follow && own.node == FD) {
		ofd = rt_io_get(own.fd);
		if (!ofd || ofd->host_fd >= 0)
			return false;
		rt_io_stat_inside(ofd, ret_stat);
	} else if (follow && rt_io_own_is_link(own.node)) {
		return false;
	} else {
		fill(ret_stat, own.node);
	}
	*ret = own.node == MISSING ? own.error : 0;
	return true;
}

void rt_io_stat_inside(const struct rt_io_ofd *ofd, struct stat *ret_stat)
{
	if (ofd->kind == RT_IO_MEMORY) {
		rt_io_memory_stat(ofd, ret_stat);
		return;
	}
	if (ofd->kind == RT_IO_MQUEUE) {
		rt_io_mqueue_stat(ofd, ret_stat);
		return;
	}
	fill(ret_stat, ofd->kind == RT_IO_VIRTUAL && ofd->virt.node ? ofd->virt.node : TEXT);
	/* Files of /proc have no size; these are like any other's, and there are readers who rely on that. */
	if (ofd->kind == RT_IO_VIRTUAL && rt_io_own_is_attest(ofd->virt.node))
		ret_stat->st_size = (int64_t)rt_io_attest_size(ofd);
	if (ofd->kind != RT_IO_DEVICE)
		return;
	ret_stat->st_mode = LX_S_IFCHR | 0666;
	ret_stat->st_rdev = 0x100 | ofd->device;
	ret_stat->st_uid = ret_stat->st_gid = OWNER_ROOT;
}

bool rt_io_own_access(const char *path, uint32_t mode, long *ret)
{
	struct stat stat;

	if (!rt_io_own_stat(path, true, &stat, ret))
		return false;
	if (!*ret && (mode & (stat.st_mode >> 6 & 7)) != mode)
		*ret = -EACCES;
	return true;
}

/* The name of the object under which the host has it: *ret_head (in `space`, or static) and *ret_rest together. */
bool rt_io_own_host_name(const char *path, char space[32], const char **ret_head, const char **ret_rest)
{
	struct rt_io_words w = { space, 32, 0 };
	const struct rt_io_ofd *ofd;
	struct rt_io_own own;

	if (!rt_io_own_decode(path, &own))
		return false;
	if (own.node == EXE && program_path[0]) {
		*ret_head = program_path;
	} else if (own.node == CWD) {
		*ret_head = rt_io_cwd();
	} else if (own.node == ROOT) {
		*ret_head = "/";
	} else if (own.node == FD && (ofd = rt_io_get(own.fd)) && ofd->host_fd >= 0) {
		rt_io_words_line(&w, "/proc/self/fd/", (uint32_t)ofd->host_fd, "");
		*ret_head = space;
	} else {
		return false;
	}
	*ret_rest = own.rest;
	return true;
}

/* ---- directories ------------------------------------------------------------------------------------------------------------------ */

long rt_io_own_directory(const struct rt_io_ofd *ofd, char *ret_text, size_t size)
{
	struct rt_io_words w = { ret_text, size, 0 };

	if (ofd->kind != RT_IO_VIRTUAL || !rt_io_own_is_directory(ofd->virt.node))
		return -ENOTDIR;
	rt_io_own_add_directory(&w, ofd->virt.node, ofd->virt.tid);
	rt_io_words_add(&w, "/");
	return (long)w.used;
}

enum { DT_DIR = 4, DT_REG = 8, DT_LNK = 10 };

/* The first entry at or after *position, and its position. */
static bool next_entry(const struct rt_io_virtual *directory, uint64_t *position, struct rt_io_words *name, uint8_t *ret_type)
{
	uint64_t at = *position;
	bool found = false;

	*ret_type = DT_DIR;
	if (at < 2) {
		rt_io_words_add(name, at ? ".." : ".");
		return true;
	}
	if (directory->node == FDS) {
		while (at - 2 < RT_IO_FD_MAX && !rt_io_inherited(at - 2) && !rt_io_get(at - 2))
			at++;
		found = at - 2 < RT_IO_FD_MAX;
		rt_io_words_number(name, at - 2);
		*ret_type = DT_LNK;
	} else if (directory->node == TASK) {
		while (at - 2 < rt_io_own_slots_end() && (at - 2 < rt_image->service_slots || !rt_io_own_thread_shown(&rt_threads[at - 2])))
			at++;
		found = at - 2 < rt_io_own_slots_end();
		rt_io_words_number(name, found ? (uint32_t)rt_threads[at - 2].tid : 0);
	} else if (directory->node == ATTEST_KEYS) {
		found = at - 2 < rt_owner_secret_count();
		rt_io_words_add(name, found ? rt_owner_secret_name((uint32_t)at - 2) : "");
	} else if (directory->node == ATTEST || directory->node == ATTEST_TLS) {
		const struct rt_io_own_row *rows = directory->node == ATTEST ? rt_io_attest_rows : rt_io_tls_rows;

		found = at - 2 < (directory->node == ATTEST ? RT_IO_ATTEST_ROWS : RT_IO_TLS_ROWS);
		rt_io_words_add(name, found ? rows[at - 2].name : "");
		*ret_type = found && rt_io_own_is_directory(rows[at - 2].node) ? DT_DIR : DT_REG;
	} else {
		at += at == 2 && directory->node == THREAD; /* no task/ below task/ */
		found = at - 2 < RT_IO_OWN_ROWS;
		if (found) {
			rt_io_words_add(name, rt_io_own_rows[at - 2].name);
			*ret_type = rt_io_own_is_directory(rt_io_own_rows[at - 2].node) ? DT_DIR : rt_io_own_is_link(rt_io_own_rows[at - 2].node) ? DT_LNK : DT_REG;
		}
	}
	*position = at;
	return found;
}

long rt_io_own_list(struct rt_io_ofd *ofd, uint64_t app, uint64_t size)
{
	uint64_t done = 0, position = ofd->virt.offset;
	char name[OM_UNLOCK_NAME_MAX + 1];
	uint8_t type;

	if (!rt_io_own_is_directory(ofd->virt.node))
		return -ENOTDIR;
	for (;;) {
		struct rt_io_words w = { name, sizeof name, 0 };
		union { struct lx_dirent64 head; uint8_t bytes[DIRENT_MAX]; } entry = { .bytes = { 0 } };
		const size_t fixed = offsetof(struct lx_dirent64, name);

		if (!next_entry(&ofd->virt, &position, &w, &type))
			break;
		entry.head = (struct lx_dirent64){ .inode = position + 1, .offset = (int64_t)position + 1,
			.length = (uint16_t)((fixed + w.used + 8) & ~7UL), .type = type };
		memcpy(entry.bytes + fixed, name, w.used + 1);
		if (entry.head.length > size - done)
			return done ? (long)done : -EINVAL;
		if (rt_app_put(app + done, &entry, entry.head.length))
			return done ? (long)done : -EFAULT;
		done += entry.head.length;
		ofd->virt.offset = ++position;
	}
	return (long)done;
}
