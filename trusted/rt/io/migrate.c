/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host state across a migration: the order of things.
 *
 *   freeze   hold traffic -> accept what waits at listeners -> fetch each description's host state -> give up locks
 *   thaw     make anew what freeze closed -> watch it again -> locks -> lift the hold          (source, after a cancel)
 *   rebuild  make everything: sockets that bind, then the rest, then connections -> epoll -> locks   (destination)
 *   discard  lift the hold                                                              (source, after the hand-over)
 *
 * A freeze that fails leaves what it has done to be undone by thaw. Thaw may be called at any time after a freeze began.
 * What freeze fetches is resident and travels with the tables.
 *
 * Not moved: a TCP handshake that was half done when the hold began, datagrams waiting in a UDP queue (the network may lose them too), message boundaries in a pipe made with
 * O_DIRECT, connections waiting at a UNIX listener.
 */
#include "rt/io/migrate.h"

/* The program stands still meanwhile: so much takes less than 0.1 ms. The next check clears what is more. */
#define CLEAR_AT_ONCE (512u << 10)

static RT_RESIDENT bool frozen;
static RT_RESIDENT uint32_t file_mask;       /* the host process' umask */

/* Reading it means setting it. */
static void note_file_mask(void)
{
	long mask = rt_host(__NR_umask, 077, 0, 0, 0, 0, 0);

	file_mask = mask >= 0 && mask <= 0777 ? (uint32_t)mask : 022;
	(void)rt_host(__NR_umask, file_mask, 0, 0, 0, 0, 0); /* cannot fail */
}

int rt_io_refuse(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text)
{
	int32_t number = rt_io_number_of(ofd);

	if (number >= 0) {
		rt_io_words_add(words, "descriptor ");
		rt_io_words_number(words, (uint64_t)number);
		rt_io_words_add(words, ": ");
	}
	rt_io_words_add(words, text);
	return OM_EHOSTSTATE;
}

void rt_io_words_errno(struct rt_io_words *words, long error)
{
	static const struct { int number; const char *name; } names[] = {
		{ EPERM, "not permitted" }, { ENOENT, "no such file" }, { EACCES, "permission denied" },
		{ EADDRINUSE, "address in use" }, { EADDRNOTAVAIL, "this host does not have the address" },
		{ ENOBUFS, "too much data" }, { EMFILE, "too many open files on the host" }, { ENOMEM, "too much data" },
	};

	rt_io_words_add(words, " (");
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (error == -names[i].number) {
			rt_io_words_add(words, names[i].name);
			rt_io_words_add(words, ")");
			return;
		}
	rt_io_words_add(words, "error ");
	rt_io_words_number(words, 0 - (uint64_t)error);
	rt_io_words_add(words, ")");
}

static int freeze_one(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:     return rt_io_file_freeze(ofd, words);
	case RT_IO_PIPE:    return rt_io_pipe_freeze(ofd, words);
	case RT_IO_EVENTFD: return rt_io_eventfd_freeze(ofd, words);
	case RT_IO_TIMERFD: return rt_io_timerfd_freeze(ofd, words);
	case RT_IO_SOCKET:  return rt_io_socket_freeze(ofd, words);
	case RT_IO_OTHER:   return rt_io_refuse(words, ofd, "a device, FIFO or O_PATH descriptor cannot move");
	default:            return 0;
	}
}

typedef int each_fn(struct rt_io_ofd *ofd, struct rt_io_words *words);

static int for_each(each_fn *fn, struct rt_io_words *words)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		int error;

		if (rt_io_ofds[index].kind == RT_IO_FREE)
			continue;
		rt_ub_reset();
		error = fn(&rt_io_ofds[index], words);
		if (error)
			return error;
	}
	return 0;
}

int rt_io_freeze(char *text, size_t size)
{
	struct rt_io_words words = { text, size, 0 };
	int error;

	frozen = true;
	rt_io_frozen_reset();
	rt_ub_reset();
	rt_io_note_host();
	rt_io_inherit_settle();
	note_file_mask();
	error = rt_io_net_hold(&words);
	if (!error)
		error = for_each(rt_io_socket_accept_waiting, &words);
	if (!error)
		error = for_each(freeze_one, &words);
	if (!error && rt_io_lock_release_all()) {
		rt_io_words_add(&words, "record locks could not be given up");
		error = OM_EHOSTSTATE;
	}
	return error;
}

/* ---- making ------------------------------------------------------------------------------------------------------------ */

static int make_epoll(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	long host_fd = rt_io_checked_fd(rt_host(__NR_epoll_create1, O_CLOEXEC, 0, 0, 0, 0, 0));

	if (host_fd < 0)
		return rt_io_refuse(words, ofd, "epoll cannot be made again");
	ofd->host_fd = (int32_t)host_fd;
	return 0;
}

static int make_first(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (ofd->host_fd >= 0)
		return 0;
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:     return rt_io_file_make(ofd, words);
	case RT_IO_PIPE:    return rt_io_pipe_make(ofd, words);
	case RT_IO_EVENTFD: return rt_io_eventfd_make(ofd, words);
	case RT_IO_TIMERFD: return rt_io_timerfd_make(ofd, words);
	case RT_IO_EPOLL:   return make_epoll(ofd, words);
	case RT_IO_SOCKET:  return rt_io_socket_make(ofd, false, words);
	default:            return 0;
	}
}

static int make_connections(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->kind == RT_IO_SOCKET && ofd->host_fd < 0 ? rt_io_socket_make(ofd, true, words) : 0;
}

static int take_flock(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->kind == RT_IO_FILE && ofd->file.flock ? rt_io_flock_take(ofd, words) : 0;
}

static int settle(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	(void)words;
	ofd->frozen = 0;
	ofd->closed_by_freeze = 0;
	return 0;
}

/* Makes what has no host side. `all`: a destination, where nothing is watched yet. */
static int make_all(bool all, struct rt_io_words *words)
{
	int error = for_each(make_first, words);

	if (!error)
		error = for_each(make_connections, words);
	if (!error)
		error = rt_io_epoll_rearm(all, words->text, words->size);
	if (!error)
		error = for_each(rt_io_reapply_async, words);
	if (!error)
		error = for_each(take_flock, words);
	return error ? error : rt_io_lock_take_all(words->text, words->size);
}

int rt_io_thaw(char *text, size_t size)
{
	struct rt_io_words words = { text, size, 0 };
	int error;

	if (!frozen)
		return 0;
	error = make_all(false, &words);
	rt_io_net_release();
	(void)for_each(settle, &words); /* cannot fail */
	frozen = false;
	return error;
}

/* Host descriptors of the tables are numbers of another process. */
static int forget_host(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	(void)words;
	if (ofd->kind != RT_IO_STD)
		ofd->host_fd = -1;
	return 0;
}

static int close_host(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (ofd->kind != RT_IO_STD)
		rt_io_host_close(ofd->host_fd);
	return forget_host(ofd, words);
}

int rt_io_rebuild(char *text, size_t size)
{
	struct rt_io_words words = { text, size, 0 };
	int error;

	/* Deadlines are in virtual time; the engine restores it once more when the program starts. */
	rt_time_restore();
	(void)rt_host(__NR_umask, file_mask, 0, 0, 0, 0, 0); /* cannot fail */
	(void)for_each(forget_host, &words);            /* cannot fail */
	rt_io_inherit_forget();
	rt_ub_reset();
	rt_io_know_host();
	error = rt_io_net_hold_again(&words);
	if (!error)
		error = make_all(true, &words);
	if (error) {
		(void)for_each(close_host, &words);     /* cannot fail */
		return error;
	}
	(void)for_each(settle, &words);                 /* cannot fail */
	rt_io_frozen_clear(CLEAR_AT_ONCE);
	frozen = false;
	return 0;
}

void rt_io_let_go(void)
{
	rt_io_net_release();
}

/* ---- before a migration ------------------------------------------------------------------------------------------------- */

static bool deleted(const struct rt_io_ofd *ofd)
{
	uint64_t ub = rt_io_ub_space(256);
	struct stat stat;

	if (!ub || rt_host(__NR_fstat, (uint64_t)ofd->host_fd, ub, 0, 0, 0, 0))
		return false;
	rt_ub_get(&stat, (void *)ub, sizeof stat);
	return stat.st_nlink == 0;
}

static const char *problem(const struct rt_io_ofd *ofd)
{
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:    return deleted(ofd) ? "a deleted file; the other host could not open it" : NULL;
	case RT_IO_OTHER:  return "a device, FIFO or O_PATH descriptor; close it before the migration";
	case RT_IO_SOCKET: return rt_io_socket_problem(ofd);
	default:           return NULL;
	}
}

int rt_io_check(char *text, size_t size)
{
	struct rt_io_words words = { text, size, 0 };
	uint32_t connections = 0;
	int problems = 0;

	if (size)
		text[0] = 0;
	if (!frozen)
		rt_io_frozen_clear(RT_IO_FROZEN_SIZE);
	rt_io_inherit_settle();
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];
		const char *why;

		rt_ub_reset();
		connections += rt_io_is_connection(ofd);
		why = problem(ofd);
		if (!why)
			continue;
		(void)rt_io_refuse(&words, ofd, why); /* for its words */
		rt_io_words_add(&words, "\n");
		problems++;
	}
	rt_ub_reset();
	if (!connections || rt_io_may_move_connections())
		return problems;
	rt_io_words_number(&words, connections);
	rt_io_words_add(&words, " TCP connections: this host process lacks the capability CAP_NET_ADMIN\n");
	return problems + 1;
}
