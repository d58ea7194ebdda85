/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving files, directories, pipes, event counters and timers.
 *
 * A file is opened again by the path that the host's kernel gives for it now (so renames are followed), without the
 * flags that would create or empty it, and must be of the same type and at least as large; on the same host (same
 * boot id) it must be the very same inode.
 *
 * Nothing here takes from the source what thaw would have to put back, locks apart: pipes are copied with tee, counters read
 * from /proc/self/fdinfo.
 */
#include "rt/io/migrate.h"

struct file_record {
	uint64_t device, inode;
	int64_t  size, offset;
	uint32_t mode, path_size;
	char     path[];             /* with NUL */
};

struct pipe_record { uint32_t capacity, size; uint8_t bytes[]; };
struct counter_record { uint64_t count; };

static RT_RESIDENT char source_host[40];
static bool same_host;               /* a destination on the source's host */

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

static void host_id(char ret_id[40])
{
	static const char name[] = "/proc/sys/kernel/random/boot_id";
	uint64_t path = rt_io_ub_copy(name, sizeof name), ub = rt_io_ub_space(64);
	long fd = rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0)), got;

	memset(ret_id, 0, 40);
	if (fd < 0)
		return;
	got = rt_io_checked(rt_host(__NR_read, (uint64_t)fd, ub, 36, 0, 0, 0), 36);
	if (got == 36)
		rt_ub_get(ret_id, (void *)ub, 36);
	rt_io_host_close((int32_t)fd);
}

static long stat_host(int32_t host_fd, struct stat *ret_stat)
{
	uint64_t ub = rt_io_ub_space(256);
	long error = ub ? rt_io_zero(rt_host(__NR_fstat, (uint64_t)host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;

	if (!error)
		rt_ub_get(ret_stat, (void *)ub, sizeof *ret_stat);
	return error;
}

int rt_io_file_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	char path[LX_PATH_MAX];
	struct file_record *record;
	struct stat stat;
	long length = rt_io_host_path(ofd->host_fd, path, sizeof path), offset;

	if (length <= 0 || path[0] != '/' || stat_host(ofd->host_fd, &stat))
		return rt_io_refuse(words, ofd, "the host does not tell which file it is");
	if (stat.st_nlink == 0)
		return rt_io_refuse(words, ofd, "a deleted file; the other host could not open it");
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

void rt_io_note_host(void)
{
	host_id(source_host);
}

void rt_io_know_host(void)
{
	char host[40];

	host_id(host);
	same_host = host[0] && !memcmp(host, source_host, sizeof host);
}

static int refuse_file(struct rt_io_words *words, const struct rt_io_ofd *ofd, const struct file_record *record, const char *why)
{
	(void)rt_io_refuse(words, ofd, record->path); /* for its words */
	rt_io_words_add(words, why);
	return OM_EHOSTSTATE;
}

static bool same_file(const struct file_record *record, const struct stat *stat)
{
	if ((record->mode & LX_S_IFMT) != (stat->st_mode & LX_S_IFMT))
		return false;
	if (same_host)
		return record->device == stat->st_dev && record->inode == stat->st_ino;
	return (record->mode & LX_S_IFMT) != LX_S_IFREG || stat->st_size >= record->size;
}

int rt_io_file_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct file_record *record = rt_io_frozen_at(ofd->frozen);
	uint64_t path;
	struct stat stat;
	long host_fd;

	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "was not saved");
	path = rt_io_ub_copy(record->path, record->path_size);
	host_fd = rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path,
		(ofd->status & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY, 0, 0, 0));
	if (host_fd < 0) {
		(void)refuse_file(words, ofd, record, " cannot be opened"); /* for its words */
		rt_io_words_errno(words, host_fd);
		return OM_EHOSTSTATE;
	}
	ofd->host_fd = (int32_t)host_fd;
	if (stat_host(ofd->host_fd, &stat) || !same_file(record, &stat))
		return refuse_file(words, ofd, record, " is another file here");
	if (record->offset && rt_host(__NR_lseek, (uint64_t)host_fd, (uint64_t)record->offset, LX_SEEK_SET, 0, 0, 0) != record->offset)
		return refuse_file(words, ofd, record, " cannot be positioned");
	if (ofd->kind == RT_IO_FILE) {
		ofd->file.device = stat.st_dev;
		ofd->file.inode = stat.st_ino;
	}
	return 0;
}

int rt_io_flock_take(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (rt_io_zero(rt_host(__NR_flock, (uint64_t)ofd->host_fd, ofd->file.flock | LX_LOCK_NB, 0, 0, 0, 0)))
		return rt_io_refuse(words, ofd, "its lock is held by another process");
	return 0;
}

/* ---- pipes ------------------------------------------------------------------------------------------------------------------- */

/* The transfer buffer in use for moving bytes to and from the arena. */
static long move_bytes(int32_t host_fd, uint8_t *bytes, uint32_t size, bool writing)
{
	uint32_t chunk = rt_ub_left() < 65536 ? 32768 : 65536, done = 0;
	uint64_t ub = rt_io_ub_space(chunk);

	if (!ub)
		return -ENOMEM;
	while (done < size) {
		uint32_t some = size - done < chunk ? size - done : chunk;
		long moved;

		if (writing)
			rt_ub_put((void *)ub, bytes + done, some);
		moved = rt_io_checked(rt_host(writing ? __NR_write : __NR_read, (uint64_t)host_fd, ub, some, 0, 0, 0), some);
		if (moved <= 0)
			return moved ? moved : -EIO;
		if (!writing)
			rt_ub_get(bytes + done, (void *)ub, (size_t)moved);
		done += (uint32_t)moved;
	}
	return 0;
}

static long make_pipe(int32_t ret_fd[2], uint64_t flags, uint32_t capacity)
{
	uint64_t ub = rt_io_ub_space(256);
	long error = ub ? rt_io_zero(rt_host(__NR_pipe2, ub, flags | O_CLOEXEC, 0, 0, 0, 0)) : -ENOMEM;

	if (error)
		return error;
	rt_io_get_pair(ub, ret_fd);
	/* A smaller pipe that holds the content will do. */
	if (capacity)
		(void)rt_host(__NR_fcntl, (uint64_t)ret_fd[1], F_SETPIPE_SZ, capacity, 0, 0, 0);
	return 0;
}

static long queued(int32_t host_fd, uint32_t *ret_size)
{
	uint64_t ub = rt_io_ub_space(256);
	long error = ub ? rt_io_zero(rt_host(__NR_ioctl, (uint64_t)host_fd, FIONREAD, ub, 0, 0, 0)) : -ENOMEM;

	if (!error)
		rt_ub_get(ret_size, (void *)ub, sizeof *ret_size);
	return error;
}

/* Content is copied, not taken: tee into a pipe of our own, then read that. */
static long copy_content(const struct rt_io_ofd *ofd, struct pipe_record *record)
{
	int32_t fd[2];
	long got, error = make_pipe(fd, O_NONBLOCK, record->capacity);

	if (error)
		return error;
	got = rt_io_checked(rt_host(__NR_tee, (uint64_t)ofd->host_fd, (uint64_t)fd[1], record->size, LX_SPLICE_F_NONBLOCK, 0, 0),
		record->size);
	error = got == (long)record->size ? move_bytes(fd[0], record->bytes, record->size, false) : got < 0 ? got : -EIO;
	rt_io_host_close(fd[0]);
	rt_io_host_close(fd[1]);
	return error;
}

int rt_io_pipe_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct pipe_record *record;
	uint32_t size = 0;
	long capacity = rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_GETPIPE_SZ, 0, 0, 0, 0), error;

	if (capacity < 0 || capacity > 1 << 30 || (!ofd->pipe.writer && queued(ofd->host_fd, &size)) || size > (uint32_t)capacity)
		return rt_io_refuse(words, ofd, "the host does not tell the pipe's content");
	ofd->frozen = rt_io_frozen_new(sizeof *record + size);
	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "too much data in the pipe");
	record = rt_io_frozen_at(ofd->frozen);
	record->capacity = (uint32_t)capacity;
	record->size = size;
	error = size ? copy_content(ofd, record) : 0;
	return error ? rt_io_refuse(words, ofd, "the pipe's content cannot be read") : 0;
}

static void set_end(struct rt_io_ofd *ofd, int32_t host_fd)
{
	ofd->host_fd = host_fd;
	/* Cannot fail on a fresh pipe. */
	if (ofd->status & (O_NONBLOCK | O_DIRECT))
		(void)rt_host(__NR_fcntl, (uint64_t)host_fd, F_SETFL, ofd->status & (O_NONBLOCK | O_DIRECT), 0, 0, 0);
}

/* Both ends at once, at the reading one; a writing end alone has lost its reader. */
int rt_io_pipe_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct pipe_record *record = rt_io_frozen_at(ofd->frozen);
	struct rt_io_ofd *peer = ofd->pipe.peer ? &rt_io_ofds[ofd->pipe.peer] : NULL;
	int32_t fd[2];

	if (ofd->pipe.writer && peer)
		return 0;
	if (!ofd->frozen || make_pipe(fd, O_NONBLOCK, record->capacity))
		return rt_io_refuse(words, ofd, "the pipe cannot be made again");
	if (ofd->pipe.writer) {
		rt_io_host_close(fd[0]);
		set_end(ofd, fd[1]);
		return 0;
	}
	ofd->host_fd = fd[0];
	if (record->size && move_bytes(fd[1], record->bytes, record->size, true)) {
		rt_io_host_close(fd[1]);
		return rt_io_refuse(words, ofd, "the pipe's content cannot be written");
	}
	(void)rt_host(__NR_fcntl, (uint64_t)fd[0], F_SETFL, 0, 0, 0, 0); /* made O_NONBLOCK above; cannot fail */
	(void)rt_host(__NR_fcntl, (uint64_t)fd[1], F_SETFL, 0, 0, 0, 0);
	set_end(ofd, fd[0]);
	if (peer)
		set_end(peer, fd[1]);
	else
		rt_io_host_close(fd[1]);
	return 0;
}

/* ---- counters and timers ------------------------------------------------------------------------------------------------------ */

#define FDINFO_MAX 2048u

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* "key: number" in the text; false if it is not there. */
static bool find_number(const char *text, const char *key, unsigned base, uint64_t *ret_number)
{
	for (; *text; text++) {
		const char *c = text, *k = key;

		while (*k && *c == *k)
			c++, k++;
		if (*k)
			continue;
		while (*c == ' ' || *c == '\t')
			c++;
		if (digit(*c) >= (int)base)
			return false;
		for (*ret_number = 0; digit(*c) < (int)base; c++)
			*ret_number = *ret_number * base + (uint64_t)digit(*c);
		return true;
	}
	return false;
}

static bool fdinfo(int32_t host_fd, const char *key, unsigned base, uint64_t *ret_number)
{
	char name[40], text[FDINFO_MAX];
	struct rt_io_words words = { name, sizeof name, 0 };
	uint64_t path, ub;
	long fd, got;

	rt_io_words_add(&words, "/proc/self/fdinfo/");
	rt_io_words_number(&words, (uint64_t)host_fd);
	path = rt_io_ub_copy(name, words.used + 1);
	ub = rt_io_ub_space(FDINFO_MAX);
	if (!path || !ub)
		return false;
	fd = rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0));
	if (fd < 0)
		return false;
	got = rt_io_checked(rt_host(__NR_read, (uint64_t)fd, ub, FDINFO_MAX - 1, 0, 0, 0), FDINFO_MAX - 1);
	rt_io_host_close((int32_t)fd);
	if (got < 0)
		return false;
	rt_ub_get(text, (void *)ub, (size_t)got);
	text[got] = 0;
	return find_number(text, key, base, ret_number);
}

static int counter_freeze(struct rt_io_ofd *ofd, const char *key, unsigned base, struct rt_io_words *words)
{
	struct counter_record *record;
	uint64_t count;

	if (!fdinfo(ofd->host_fd, key, base, &count))
		return rt_io_refuse(words, ofd, "the host does not tell its count");
	ofd->frozen = rt_io_frozen_new(sizeof *record);
	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "too much host state");
	record = rt_io_frozen_at(ofd->frozen);
	record->count = count;
	return 0;
}

int rt_io_eventfd_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return counter_freeze(ofd, "eventfd-count:", 16, words);
}

int rt_io_eventfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct counter_record *record = rt_io_frozen_at(ofd->frozen);
	long host_fd = rt_io_checked_fd(rt_host(__NR_eventfd2, 0, ofd->event.flags | (ofd->status & O_NONBLOCK) | O_CLOEXEC, 0, 0, 0, 0));
	uint64_t ub;

	if (host_fd < 0 || !ofd->frozen)
		return rt_io_refuse(words, ofd, "the event counter cannot be made again");
	ofd->host_fd = (int32_t)host_fd;
	if (!record->count)
		return 0;
	ub = rt_io_ub_copy(&record->count, sizeof record->count);
	if (!ub || rt_host(__NR_write, (uint64_t)host_fd, ub, sizeof record->count, 0, 0, 0) != sizeof record->count)
		return rt_io_refuse(words, ofd, "the event counter cannot be set");
	return 0;
}

int rt_io_timerfd_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	uint64_t ub = rt_io_ub_space(256);
	struct lx_itimerspec spec;
	int64_t now = ofd->timer.clock == LX_CLOCK_REALTIME ? rt_realtime_ns() : rt_monotonic_ns(), left;

	if (!ub || rt_io_zero(rt_host(__NR_timerfd_gettime, (uint64_t)ofd->host_fd, ub, 0, 0, 0, 0)))
		return rt_io_refuse(words, ofd, "the host does not tell the timer's state");
	rt_ub_get(&spec, (void *)ub, sizeof spec);
	if (spec.value.sec < 0 || spec.value.nsec < 0 || spec.value.sec > INT64_MAX / 2000000000 || spec.value.nsec >= 1000000000)
		return rt_io_refuse(words, ofd, "the host tells an impossible time");
	left = spec.value.sec * 1000000000 + spec.value.nsec;
	/* A one-shot timer that has fired is disarmed; its count is in the record. */
	if (!left || __builtin_add_overflow(now, left, &ofd->timer.deadline_ns))
		ofd->timer.deadline_ns = 0;
	return counter_freeze(ofd, "ticks:", 10, words);
}

/* Unread expirations make it readable at once: it fires now, and the read adds the others. The phase of a periodic
 * timer that had fired unread moves by that. */
int rt_io_timerfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	const struct counter_record *record = rt_io_frozen_at(ofd->frozen);
	int64_t deadline = ofd->timer.deadline_ns;
	uint32_t flags = ofd->timer.flags;
	long host_fd = rt_io_checked_fd(rt_host(__NR_timerfd_create, (uint64_t)ofd->timer.clock,
		(ofd->status & O_NONBLOCK) | O_CLOEXEC, 0, 0, 0, 0));

	if (host_fd < 0 || !ofd->frozen)
		return rt_io_refuse(words, ofd, "the timer cannot be made again");
	ofd->host_fd = (int32_t)host_fd;
	if (record->count) {
		ofd->timer.extra_ticks += record->count - 1;
		ofd->timer.deadline_ns = 1;
		ofd->timer.flags = 0;    /* relative: an absolute time long ago would count all periods since */
	}
	if (ofd->timer.deadline_ns && rt_io_timer_arm(ofd))
		return rt_io_refuse(words, ofd, "the timer cannot be armed");
	ofd->timer.deadline_ns = deadline;
	ofd->timer.flags = flags;
	return 0;
}
