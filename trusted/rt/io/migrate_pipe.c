/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving pipes, event counters and timers. Nothing here takes away from the source what thaw would have to put back: pipes are copied
 * with tee, and counters are read from /proc/self/fdinfo.
 */
#include "rt/io/migrate.h"

struct pipe_record { uint32_t capacity, used, packets, abandoned, full; uint8_t bytes[]; };
struct counter_record { uint64_t count; };

/* ---- pipes ------------------------------------------------------------------------------------------------------------------- */

#define PIECE 65536u

/*
 * The content in pieces, each a uint32_t size and its bytes. A read of much ends at the end of what there is, and at that of a
 * packet (O_DIRECT). Return: bytes used of `room`, or -errno.
 */
static long read_pieces(int32_t host_fd, struct pipe_record *record, uint32_t room, uint32_t size)
{
	uint32_t used = 0, done = 0;
	uint64_t ub = rt_io_ub_space(PIECE);

	while (done < size) {
		uint32_t most = size - done < PIECE ? size - done : PIECE, got;
		long result = ub ? rt_io_checked(rt_host(__NR_read, (uint64_t)host_fd, ub, PIECE, 0, 0, 0), PIECE) : -ENOMEM;

		if (result <= 0)
			return result ? result : -EIO;
		got = (uint32_t)result;
		if (got > most || room - used < sizeof got + got)
			return -EIO;
		record->packets = record->packets || got < most;
		memcpy(record->bytes + used, &got, sizeof got);
		rt_ub_get(record->bytes + used + sizeof got, (void *)ub, got);
		used += (uint32_t)sizeof got + got;
		done += got;
	}
	return used;
}

static long write_pieces(int32_t host_fd, const struct pipe_record *record)
{
	uint64_t ub = rt_io_ub_space(PIECE);

	if (record->packets)
		(void)rt_host(__NR_fcntl, (uint64_t)host_fd, F_SETFL, O_NONBLOCK | O_DIRECT, 0, 0, 0); /* cannot fail on a fresh pipe */
	for (uint32_t at = 0; ub && at < record->used;) {
		uint32_t size;
		long put;

		memcpy(&size, record->bytes + at, sizeof size);
		rt_ub_put((void *)ub, record->bytes + at + sizeof size, size);
		put = rt_io_checked(rt_host(__NR_write, (uint64_t)host_fd, ub, size, 0, 0, 0), size);
		if (put != (long)size)
			return put < 0 ? put : -ENOBUFS;
		at += (uint32_t)sizeof size + size;
	}
	return ub ? 0 : -ENOMEM;
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

/* Content is copied, not taken: tee into a pipe of our own. Return: 0 or -errno. */
static long copy_of(const struct rt_io_ofd *ofd, uint32_t capacity, uint32_t size, int32_t ret_fd[2])
{
	long got, error;

	rt_ub_reset();
	error = make_pipe(ret_fd, O_NONBLOCK, capacity);
	if (error)
		return error;
	got = rt_io_checked(rt_host(__NR_tee, (uint64_t)ofd->host_fd, (uint64_t)ret_fd[1], size, LX_SPLICE_F_NONBLOCK, 0, 0), size);
	if (got == (long)size)
		return 0;
	rt_io_host_close(ret_fd[0]);
	rt_io_host_close(ret_fd[1]);
	return got < 0 ? got : -EIO;
}

static void close_copy(const int32_t fd[2])
{
	rt_io_host_close(fd[0]);
	rt_io_host_close(fd[1]);
}

/* Of a packet, what one read leaves is thrown away. Tells it of the first. */
static bool throws_away(const struct rt_io_ofd *ofd, uint32_t capacity, uint32_t size)
{
	uint32_t left = 0;
	int32_t fd[2];
	uint64_t ub;
	bool result;

	if (copy_of(ofd, capacity, size, fd))
		return false;
	ub = rt_io_ub_space(64);
	result = ub && rt_host(__NR_read, (uint64_t)fd[0], ub, 1, 0, 0, 0) == 1 && !queued(fd[0], &left) && left < size - 1;
	close_copy(fd);
	return result;
}

static long copy_content(const struct rt_io_ofd *ofd, struct pipe_record *record, uint32_t room, uint32_t size)
{
	const struct rt_io_ofd *writer = ofd->pipe.peer ? &rt_io_ofds[ofd->pipe.peer] : NULL;
	int32_t fd[2];
	long used = copy_of(ofd, record->capacity, size, fd);

	if (used)
		return used;
	used = read_pieces(fd[0], record, room, size);
	close_copy(fd);
	if (used < 0)
		return used;
	record->used = (uint32_t)used;
	record->packets = record->packets || (writer && writer->status & O_DIRECT) || throws_away(ofd, record->capacity, size);
	return 0;
}

int rt_io_pipe_freeze(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct pipe_record *record;
	bool abandoned = ofd->pipe.writer && !ofd->pipe.peer;
	uint32_t size = 0, room, left = 0;
	long capacity = rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_GETPIPE_SZ, 0, 0, 0, 0), error;

	if (capacity < 0 || capacity > 1 << 30 || (!ofd->pipe.writer && queued(ofd->host_fd, &size)) || size > (uint32_t)capacity ||
	    (abandoned && queued(ofd->host_fd, &left)) || left > (uint32_t)capacity)
		return rt_io_refuse(words, ofd, "the host does not tell the pipe's content");
	/* At most one packet a page. */
	room = size + 4 * (uint32_t)(size / 65536 + 2 + (uint64_t)capacity / OM_PAGE_SIZE);
	ofd->frozen = rt_io_frozen_new(sizeof *record + (size ? room : 0));
	if (!ofd->frozen)
		return rt_io_refuse(words, ofd, "too much data in the pipe");
	record = rt_io_frozen_at(ofd->frozen);
	*record = (struct pipe_record){ .capacity = (uint32_t)capacity, .abandoned = left };
	record->full = left && !rt_io_host_ready(ofd, POLLOUT);
	error = size ? copy_content(ofd, record, room, size) : 0;
	return error ? rt_io_refuse(words, ofd, "the pipe's content cannot be read") : 0;
}

static void set_end(struct rt_io_ofd *ofd, int32_t host_fd)
{
	ofd->host_fd = host_fd;
	/* Cannot fail on a fresh pipe. */
	if (ofd->status & (O_NONBLOCK | O_DIRECT))
		(void)rt_host(__NR_fcntl, (uint64_t)host_fd, F_SETFL, ofd->status & (O_NONBLOCK | O_DIRECT), 0, 0, 0);
}

/*
 * What nobody can read any more is told by FIONREAD, and by POLLOUT, which wants a page that nothing is in. A packet takes a page,
 * whatever its size.
 */
static long abandon(int32_t host_fd, const struct pipe_record *record)
{
	uint32_t left = record->abandoned, pages = record->capacity / OM_PAGE_SIZE;
	uint64_t ub = rt_io_ub_space(OM_PAGE_SIZE);

	(void)rt_host(__NR_fcntl, (uint64_t)host_fd, F_SETFL, O_NONBLOCK | O_DIRECT, 0, 0, 0); /* cannot fail on a fresh pipe */
	for (; ub && left > 0 && pages > 0; pages--) {
		uint32_t size = record->full ? left / pages : left < OM_PAGE_SIZE ? left : OM_PAGE_SIZE;

		if (rt_host(__NR_write, (uint64_t)host_fd, ub, size, 0, 0, 0) != size)
			return -ENOBUFS;
		left -= size;
	}
	(void)rt_host(__NR_fcntl, (uint64_t)host_fd, F_SETFL, 0, 0, 0, 0);
	return ub ? 0 : -ENOMEM;
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
		bool filled = !abandon(fd[1], record);

		rt_io_host_close(fd[0]);
		if (!filled) {
			rt_io_host_close(fd[1]);
			return rt_io_refuse(words, ofd, "the pipe cannot be filled again");
		}
		set_end(ofd, fd[1]);
		return 0;
	}
	ofd->host_fd = fd[0];
	if (record->used && write_pieces(fd[1], record)) {
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

/*
 * Unread expirations of a periodic timer are counted by the kernel itself if it is armed with the time of the first of them; so the
 * next one comes when it would have come. A single shot that has fired fires again, now.
 */
static void arm_in_the_past(struct rt_io_ofd *ofd, uint64_t count)
{
	int64_t passed;

	if (ofd->timer.interval_ns && ofd->timer.deadline_ns && count < INT64_MAX &&
	    !__builtin_mul_overflow((int64_t)count, ofd->timer.interval_ns, &passed) &&
	    !__builtin_sub_overflow(ofd->timer.deadline_ns, passed, &ofd->timer.deadline_ns) && ofd->timer.deadline_ns > 0) {
		ofd->timer.flags |= LX_TFD_TIMER_ABSTIME;
		return;
	}
	ofd->timer.extra_ticks += count - 1;
	ofd->timer.deadline_ns = 1;
	ofd->timer.flags = 0;        /* relative: an absolute time long ago would count all periods since */
}

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
	if (record->count)
		arm_in_the_past(ofd, record->count);
	if ((ofd->timer.deadline_ns || ofd->timer.interval_ns) && rt_io_timer_arm(ofd))
		return rt_io_refuse(words, ofd, "the timer cannot be armed");
	ofd->timer.deadline_ns = deadline;
	ofd->timer.flags = flags;
	return 0;
}
