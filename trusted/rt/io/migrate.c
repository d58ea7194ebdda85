/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host state across a migration: the order of things.
 *
 *   source        freeze    problems -> hold traffic -> edges -> accept what waits at listeners -> fetch each description's host
 *                           state -> give up locks
 *                 thaw      each description goes on -> edges -> locks -> lift the hold             (it did not happen)
 *                 discard   close everything, silently                                  (the destination has begun)
 *                 let_go    lift the hold                                                  (and runs the program)
 *
 *   destination   rebuild   hold -> make everything -> names -> watch -> could the locks be had?
 *                 claim     what the source had to let go of first -> waiting datagrams, peers -> locks
 *                 let_go    connections go on -> edges -> lift the hold
 *
 * A freeze gives nothing up: sockets stay bound and listening, queues are looked at, and connections are only silent. So a
 * thaw has next to nothing to do, whenever it comes, up to the moment at which the destination says that it runs the program.
 * Record locks and flocks are the exception: a freeze gives them up, because a destination on the same files must be able to take them.
 * A freeze refuses if somebody waits for a lock.
 *
 * Where source and destination are one network, the destination makes its sockets beside the source's, without addresses. STARTED makes the
 * source discard its own sockets, and the destination then claims the addresses. Only a third party can take an address in between.
 * Such a failure is that descriptor's alone.
 *
 * What freeze fetches is resident and travels with the tables.
 *
 * Not moved: a TCP handshake that was half done when the hold began.
 */
#include "rt/io/migrate.h"
#include "rt/io/vault.h"

/* The program stands still meanwhile: so much takes less than 0.1 ms. The next check clears what is more. */
#define CLEAR_AT_ONCE (512u << 10)
#define WORDS_MAX 192u
#define CLAIM_AGAIN_NS 50000
#define LOCK_TRIES 40u
#define LOCK_PAUSE_NS 250000
#define CLAIM_AGAIN_MAX_NS 5000000
#define CLAIM_SHARED_NS 300000000

static RT_RESIDENT bool frozen;
static RT_RESIDENT uint32_t file_mask;       /* the host process' umask */
static int64_t claim_pause_ns;
static long claim_left;
static int64_t claim_shared_until;           /* how long a name that can be shared is waited for; 0: not asked yet */
static bool discarded;                       /* a source that has given its sockets up; there is no way back */

/* Reading it means setting it. */
static void note_file_mask(void)
{
	long mask = rt_host(__NR_umask, 077, 0, 0, 0, 0, 0);

	file_mask = mask >= 0 && mask <= 0777 ? (uint32_t)mask : 022;
	(void)rt_host(__NR_umask, file_mask, 0, 0, 0, 0, 0); /* cannot fail */
}

int rt_io_refuse(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text)
{
	int32_t number = ofd ? rt_io_number_of(ofd) : -1;

	if (number >= 0) {
		rt_io_words_add(words, "descriptor ");
		rt_io_words_number(words, (uint64_t)number);
		rt_io_words_add(words, ": ");
	}
	rt_io_words_add(words, text);
	return OM_EHOSTSTATE;
}

int rt_io_refuse_errno(struct rt_io_words *words, const struct rt_io_ofd *ofd, const char *text, long error)
{
	static const struct { int number; const char *name; } names[] = {
		{ EPERM, "not permitted" }, { ENOENT, "no such file" }, { EACCES, "permission denied" },
		{ EADDRINUSE, "address in use" }, { EADDRNOTAVAIL, "this host does not have the address" },
		{ ENOBUFS, "too much data" }, { EMFILE, "too many open files on the host" }, { ENOMEM, "too much data" },
	};

	(void)rt_io_refuse(words, ofd, text); /* for its words */
	rt_io_words_add(words, " (");
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (error == -names[i].number) {
			rt_io_words_add(words, names[i].name);
			rt_io_words_add(words, ")");
			return OM_EHOSTSTATE;
		}
	rt_io_words_add(words, "error ");
	rt_io_words_number(words, 0 - (uint64_t)error);
	rt_io_words_add(words, ")");
	return OM_EHOSTSTATE;
}

/* ---- what could not move ------------------------------------------------------------------------------------------------ */

static const char *problem(const struct rt_io_ofd *ofd)
{
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:    return rt_io_file_problem(ofd);
	case RT_IO_OTHER:  return "a device, FIFO or O_PATH descriptor cannot move; close it before the migration";
	case RT_IO_SOCKET: return rt_io_socket_problem(ofd);
	default:           return NULL;
	}
}

static uint64_t ask_number(const struct rt_io_ofd *ofd, uint64_t request)
{
	uint64_t ub = rt_io_ub_space(64);
	int32_t number = 0;

	if (!ub || rt_host(__NR_ioctl, (uint64_t)ofd->host_fd, request, ub, 0, 0, 0))
		return 0;
	rt_ub_get(&number, (void *)ub, sizeof number);
	return number > 0 ? (uint64_t)number : 0;
}

/* Bytes in its queues. */
static uint64_t queued_in(const struct rt_io_ofd *ofd)
{
	if (ofd->host_fd < 0 || (ofd->kind != RT_IO_SOCKET && !(ofd->kind == RT_IO_PIPE && !ofd->pipe.writer)))
		return 0;
	return ask_number(ofd, FIONREAD) + (ofd->kind == RT_IO_SOCKET && rt_io_is_tcp(ofd) ? ask_number(ofd, LX_SIOCOUTQ) : 0);
}

/* As lines of text. `first`: one is enough. Return: how many. */
static int find_problems(struct rt_io_words *words, bool first)
{
	uint32_t connections = 0;
	uint64_t waiting = 0;
	int problems = 0;

	for (uint32_t index = 1; index < rt_io_ofd_end && !(first && problems); index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];
		const char *why;

		if (ofd->kind == RT_IO_FREE)
			continue;
		rt_ub_reset();
		connections += rt_io_is_connection(ofd);
		waiting += first ? 0 : queued_in(ofd);   /* a freeze will see */
		why = problem(ofd);
		if (!why)
			continue;
		(void)rt_io_refuse(words, ofd, why); /* for its words */
		rt_io_words_add(words, first ? "" : "\n");
		problems++;
	}
	if (waiting > RT_IO_FROZEN_SIZE / 8 * 7) {
		rt_io_words_number(words, waiting >> 20);
		rt_io_words_add(words, " MiB wait in pipes and sockets, more than can be kept while they move; read them first\n");
		problems++;
	}
	rt_ub_reset();
	if (!(first && problems) && rt_io_lock_waited_for()) {
		rt_io_words_add(words, first ? "another process waits for a lock of this program, and would get it meanwhile" :
			"another process waits for a lock of this program, and would get it meanwhile\n");
		problems++;
	}
	rt_ub_reset();
	if ((first && problems) || !connections || rt_io_may_move_connections())
		return problems;
	rt_io_words_number(words, connections);
	rt_io_words_add(words, " TCP connections: this host process lacks the capability CAP_NET_ADMIN");
	rt_io_words_add(words, first ? "" : "\n");
	return problems + 1;
}

int rt_io_check(char *text, size_t size)
{
	struct rt_io_words words = { text, size, 0 };

	if (size)
		text[0] = 0;
	if (!frozen)
		rt_io_frozen_clear(RT_IO_FROZEN_SIZE);
	rt_io_inherit_settle();
	return find_problems(&words, false);
}

/* ---- freeze --------------------------------------------------------------------------------------------------------------- */

static int freeze_one(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:     return rt_io_file_freeze(ofd, words);
	case RT_IO_PIPE:    return rt_io_pipe_freeze(ofd, words);
	case RT_IO_EVENTFD: return rt_io_eventfd_freeze(ofd, words);
	case RT_IO_TIMERFD: return rt_io_timerfd_freeze(ofd, words);
	case RT_IO_SOCKET:  return rt_io_socket_freeze(ofd, words);
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

	rt_ub_reset();
	rt_io_inherit_settle();
	if (find_problems(&words, true))
		return OM_EHOSTSTATE;          /* nothing has been touched */
	frozen = true;
	rt_io_frozen_reset();
	rt_io_note_host();
	rt_io_cwd_follow();
	note_file_mask();
	error = rt_io_vault_freeze(&words);
	if (!error)
		error = rt_io_net_hold(&words);
	if (!error)
		error = rt_io_epoll_freeze(&words);
	if (!error)
		error = for_each(rt_io_socket_accept_waiting, &words);
	if (!error) {
		rt_io_tcp_ahead();
		error = for_each(freeze_one, &words);
	}
	if (!error)
		error = for_each(rt_io_queue_senders, &words);
	if (!error && rt_io_lock_release_all()) {
		rt_io_words_add(&words, "record locks could not be given up");
		error = OM_EHOSTSTATE;
	}
	return error;
}

static int settle(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	(void)words;
	ofd->frozen = 0;
	ofd->made_again = 0;
	ofd->claim = RT_IO_CLAIM_NOTHING;
	if (ofd->kind == RT_IO_SOCKET)
		ofd->socket.dumped = 0;
	return 0;
}

/* ---- thaw ----------------------------------------------------------------------------------------------------------------- */

/* The words of the first failure stay; the others follow in the log. */
static void for_each_alone(each_fn *fn, struct rt_io_words *words, int *ret_first)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		char text[WORDS_MAX] = "";
		struct rt_io_words own = { text, sizeof text, 0 };
		int error;

		if (rt_io_ofds[index].kind == RT_IO_FREE)
			continue;
		rt_ub_reset();
		error = fn(&rt_io_ofds[index], *ret_first ? &own : words);
		if (error && *ret_first)
			rt_log(text);
		else if (error)
			*ret_first = error;
	}
}

static int thaw_one(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->kind == RT_IO_SOCKET && (ofd->frozen || ofd->socket.state == RT_IO_S_PAIR) ? rt_io_socket_thaw(ofd, words) : 0;
}

static int drop_flock(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	(void)words;
	if (ofd->kind == RT_IO_FILE && ofd->file.flock)
		(void)rt_host(__NR_flock, (uint64_t)ofd->host_fd, LX_LOCK_UN, 0, 0, 0, 0);
	return 0;
}

static int take_flock(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->kind == RT_IO_FILE && ofd->file.flock ? rt_io_flock_take(ofd, words) : 0;
}

/* The other side may just be trying whether it could have them. */
static void take_locks(struct rt_io_words *words, int *ret_first)
{
	static const struct lx_timespec pause = { 0, LOCK_PAUSE_NS };
	char text[WORDS_MAX] = "";
	struct rt_io_words own = { text, sizeof text, 0 };
	int error = 1;

	for (unsigned i = 0; i < LOCK_TRIES && error; i++) {
		uint64_t ub;

		rt_ub_reset();
		ub = i ? rt_io_ub_copy(&pause, sizeof pause) : 0;
		if (ub)
			(void)rt_host(__NR_nanosleep, ub, 0, 0, 0, 0, 0);
		own.used = 0;
		error = for_each(take_flock, &own);
		if (!error)
			error = rt_io_lock_take_all(text, sizeof text);
	}
	if (!error)
		return;
	if (*ret_first)
		rt_log(text);
	else
		rt_io_words_add(words, text);
	*ret_first = *ret_first ? *ret_first : error;
}

static int async_again(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->made_again ? rt_io_reapply_async(ofd, words) : 0;
}

int rt_io_thaw(char *text, size_t size)
{
	struct rt_io_words words = { text, size, 0 };
	int first = 0, error;

	if (!frozen)
		return 0;
	rt_io_net_here();
	rt_io_tcp_behind();
	for_each_alone(thaw_one, &words, &first);
	for_each_alone(async_again, &words, &first);
	error = rt_io_epoll_thaw(&words);
	if (error && !first)
		first = error;
	take_locks(&words, &first);
	rt_io_net_resume();     /* brings the datagrams back that were taken */
	(void)for_each(rt_io_queue_settle, &words);
	rt_io_net_release();
	(void)for_each(settle, &words); /* cannot fail */
	frozen = false;
	return first;
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

static int make_one(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (ofd->host_fd >= 0)
		return 0;
	switch ((enum rt_io_kind)ofd->kind) {
	case RT_IO_FILE:
	case RT_IO_DIR:     return rt_io_file_make(ofd, words);
	case RT_IO_PIPE:    return rt_io_pipe_make(ofd, words);
	case RT_IO_EVENTFD: return rt_io_eventfd_make(ofd, words);
	case RT_IO_TIMERFD: return rt_io_timerfd_make(ofd, words);
	case RT_IO_SIGNALFD: return rt_io_signalfd_make(ofd, words);
	case RT_IO_MQUEUE:  return rt_io_mqueue_make(ofd, words);
	case RT_IO_EPOLL:   return make_epoll(ofd, words);
	case RT_IO_SOCKET:  return ofd->socket.dumped ? 0 : rt_io_socket_make(ofd, words);
	default:            return 0;
	}
}

/* Listeners have their ports before connections come that use them too. */
static int make_connection(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->kind == RT_IO_SOCKET && ofd->host_fd < 0 ? rt_io_socket_make(ofd, words) : 0;
}

static int stand(struct rt_io_words *words)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		struct rt_io_ofd *ofd = &rt_io_ofds[index];
		long error;

		if (ofd->kind != RT_IO_SOCKET || ofd->claim)
			continue;
		rt_ub_reset();
		error = rt_io_socket_stand(ofd, RT_IO_PASS_BIND, words);
		if (error == -EADDRINUSE)
			return rt_io_refuse_errno(words, ofd, "the socket's address cannot be had again", error);
		if (error)
			return OM_EHOSTSTATE;
	}
	return 0;
}

/* They arrive when the program goes on; whether they can is known now. */
static int fill_udp(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	if (ofd->kind != RT_IO_SOCKET || ofd->socket.domain == AF_UNIX)
		return 0;
	return rt_io_socket_stand(ofd, RT_IO_PASS_FILL, words) ? OM_EHOSTSTATE : 0;
}

/*
 * The locks can be had now. They are taken when the program is this host's for good: a source that goes on must be able to take
 * them again, while this side does not know yet that it will not.
 */
static int try_locks(struct rt_io_words *words)
{
	int error = for_each(take_flock, words);

	if (!error)
		error = rt_io_lock_take_all(words->text, words->size);
	(void)for_each(drop_flock, words);              /* cannot fail */
	(void)rt_io_lock_release_all();                 /* what cannot be given up is taken anew later */
	return error;
}

static int make_all(struct rt_io_words *words)
{
	struct rt_io_words none = { NULL, 0, 0 };
	int error = for_each(make_one, words), standing;

	if (!error)
		error = stand(words);
	if (!error)
		error = for_each(make_connection, words);
	if (!error)
		error = for_each(fill_udp, words);
	if (!error)
		error = rt_io_epoll_rearm(words);
	standing = rt_io_tcp_stand(error ? &none : words);
	error = error ? error : standing;
	if (!error)
		error = for_each(rt_io_reapply_async, words);
	return error ? error : try_locks(words);
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
	rt_io_watch_dups_close(ofd);
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
	rt_io_vault_forget();
	rt_io_watch_dups_forget();
	rt_io_inherit_forget();
	rt_ub_reset();
	rt_io_know_host();
	rt_io_cwd_rebuild();
	claim_pause_ns = 0;
	claim_shared_until = 0;
	error = for_each(rt_io_socket_permitted, &words);
	if (!error)
		error = rt_io_net_hold_again(&words);
	if (!error)
		error = make_all(&words);
	if (error) {
		rt_io_vault_drop_all();
		(void)for_each(close_host, &words);     /* cannot fail */
		rt_io_cwd_close();
	}
	return error;
}

/* ---- claiming ------------------------------------------------------------------------------------------------------------ */

/* Standing is tried once all have bound; who cannot bind because the source has not let go yet is asked again. */
static uint32_t claim_names(void)
{
	uint32_t left = 0;

	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		struct rt_io_ofd *ofd = &rt_io_ofds[index];
		char text[WORDS_MAX] = "";
		struct rt_io_words words = { text, sizeof text, 0 };
		long error;

		if (ofd->kind != RT_IO_SOCKET || !ofd->claim || ofd->socket.dumped)
			continue;
		rt_ub_reset();
		error = rt_io_socket_stand(ofd, RT_IO_PASS_BIND, &words);
		if (error == -EADDRINUSE) {
			left++;
			continue;
		}
		if (error)
			rt_log(text);
		ofd->claim = RT_IO_CLAIM_NOTHING;
	}
	return left;
}

/*
 * Names that can be shared can be had while the source still has them, and the kernel would give it what is for us. A third one may
 * have them too, for good, so they are waited for only so long; and before any of ours is bound. Return: how many are the source's still.
 */
static uint32_t shared_names(void)
{
	uint32_t left = 0;

	if (!claim_shared_until)
		claim_shared_until = rt_host_monotonic_ns() + CLAIM_SHARED_NS;
	if (rt_host_monotonic_ns() >= claim_shared_until)
		return 0;
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		struct rt_io_ofd *ofd = &rt_io_ofds[index];

		left += ofd->kind == RT_IO_SOCKET && ofd->claim && !ofd->socket.dumped && rt_io_socket_name_taken(ofd);
	}
	if (!left)
		claim_shared_until = 1;                 /* once is enough: from now on it would find our own */
	return left;
}

/* When all names are there. A peer must not hear of us before the start token either. */
static void claim_rest(void)
{
	for (int pass = RT_IO_PASS_FILL; pass <= RT_IO_PASS_CONNECT; pass++)
		for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
			char text[WORDS_MAX] = "";
			struct rt_io_words words = { text, sizeof text, 0 };

			if (rt_io_ofds[index].kind != RT_IO_SOCKET || (pass == RT_IO_PASS_FILL && rt_io_ofds[index].socket.domain != AF_UNIX))
				continue;
			rt_ub_reset();
			if (rt_io_socket_stand(&rt_io_ofds[index], (enum rt_io_pass)pass, &words))
				rt_log(text);
		}
}

/* While the source is at it, it is asked often. Return: ns. */
static uint64_t claim_later(long left)
{
	int64_t longer = claim_pause_ns * 2 < CLAIM_AGAIN_MAX_NS ? claim_pause_ns * 2 : CLAIM_AGAIN_MAX_NS;

	claim_pause_ns = left != claim_left || !claim_pause_ns ? CLAIM_AGAIN_NS : longer;
	claim_left = left;
	return (uint64_t)claim_pause_ns;
}

static bool something_to_claim(void)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_ofds[index].kind == RT_IO_SOCKET && rt_io_ofds[index].claim)
			return true;
	return false;
}

uint64_t rt_io_claim(void)
{
	const uint64_t arg[6] = {0};
	char text[WORDS_MAX] = "";
	struct rt_io_words words = { text, sizeof text, 0 };
	int first = 0;

	if (something_to_claim()) {
		/* Asking for a listener's name takes milliseconds while many connections have it. */
		long left = rt_hostcall(OM_HC_TCP_CLAIM, 0, 0, arg);

		left = left > 0 ? left : shared_names();
		left = left > 0 ? left : claim_names();
		if (left > 0)
			return claim_later(left);
	}
	claim_rest();
	take_locks(&words, &first);
	if (first)
		rt_log(text);
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		rt_io_ofds[index].claim = RT_IO_CLAIM_NOTHING;
	return 0;
}

void rt_io_let_go(void)
{
	struct rt_io_words none = { NULL, 0, 0 };

	if (frozen && !discarded) {
		rt_io_net_resume();
		(void)for_each(rt_io_tcp_settle, &none); /* cannot fail */
		(void)for_each(rt_io_queue_settle, &none); /* what fails shows when the program sends, as if the peer had gone */
		rt_io_epoll_settle();
	}
	rt_io_net_release();
	if (discarded) {
		(void)rt_io_tcp_leave(true);            /* closing cannot fail */
		(void)for_each(close_host, &none);      /* cannot fail */
		return;
	}
	(void)for_each(settle, &none);                  /* cannot fail */
	rt_io_frozen_clear(CLEAR_AT_ONCE);
	frozen = false;
}

static int close_other(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	return ofd->kind == RT_IO_SOCKET && !rt_io_tcp_stands(ofd) ? close_host(ofd, words) : 0;
}

/*
 * Connections are in repair mode: closing them tells nobody. On a network that is the destination's too, it waits for all connections
 * and names, in this order; what it does not wait for is closed when it runs.
 */
void rt_io_discard(void)
{
	struct rt_io_words none = { NULL, 0, 0 };

	if (discarded || !frozen)
		return;
	discarded = true;
	rt_io_vault_drop_all();
	(void)for_each(rt_io_tcp_leave(false) ? close_host : close_other, &none); /* cannot fail */
}

void rt_io_forget(void)
{
	if (discarded)
		rt_io_forget_all();
}

void rt_io_forget_all(void)
{
	rt_io_frozen_clear(RT_IO_FROZEN_SIZE);
	rt_io_blob_clear();
	rt_io_attest_forget();
}
