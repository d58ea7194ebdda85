/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll. The interest lists are ours; the host's epoll instance mirrors them and waits.
 *
 * A registration on the host carries no application data, but the number of our watch with two stamps:
 *
 *     bits 63-48 life     changes when a watch slot is used for another interest: late events are dropped
 *     bits 47-32 arming   changes with EPOLL_CTL_MOD: tells which arming of EPOLLONESHOT an event has used up
 *     bits 31-0  watch
 *
 * Events are reduced to those asked for plus EPOLLERR and EPOLLHUP. An event that does not match may be the host's
 * lie, or only have been under way when another thread changed the interest: it is ignored either way.
 *
 * A description that is watched twice by one instance (under two numbers) has one host descriptor, of which the host
 * would refuse the second registration: the second watch gets a host duplicate of its own.
 */
#include "rt/io/migrate.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define BATCH 64u
#define EVENTS_MAX 4096u
#define NONE_LEFT INT32_MIN
#define ALWAYS ((uint32_t)(EPOLLERR | EPOLLHUP))
#define DEPTH_MAX 6u                 /* of sets in sets; the kernel allows 5 */
#define MODIFIERS ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP))

static RT_RESIDENT struct rt_io_watch watches[RT_IO_WATCH_MAX];
static RT_RESIDENT uint32_t free_watch, watch_end;

static struct rt_io_ofd *get(uint64_t fd)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd && ofd->kind == RT_IO_EPOLL ? ofd : NULL;
}

static uint64_t tag_of(const struct rt_io_watch *watch)
{
	return (uint64_t)watch->life << 48 | (uint64_t)watch->arming << 32 | (uint32_t)(watch - watches);
}

/* ---- lists; table lock held ------------------------------------------------------------------------------------------------ */

static struct rt_io_watch *watch_find(const struct rt_io_ofd *epoll, const struct rt_io_ofd *ofd, uint32_t fd)
{
	for (uint32_t index = ofd->watches; index; index = watches[index].next_of_ofd)
		if (watches[index].epoll == rt_io_index(epoll) && watches[index].fd == fd)
			return &watches[index];
	return NULL;
}

static bool watched_by(const struct rt_io_ofd *epoll, const struct rt_io_ofd *ofd)
{
	for (uint32_t index = ofd->watches; index; index = watches[index].next_of_ofd)
		if (watches[index].epoll == rt_io_index(epoll))
			return true;
	return false;
}

static struct rt_io_watch *watch_new(struct rt_io_ofd *epoll, struct rt_io_ofd *ofd, uint32_t fd)
{
	struct rt_io_watch *watch;
	uint32_t index = free_watch;
	uint16_t life;

	if (index)
		free_watch = watches[index].next_of_ofd;
	else if (watch_end < RT_IO_WATCH_MAX - 1)
		index = ++watch_end;
	if (!index)
		return NULL;
	watch = &watches[index];
	life = (uint16_t)(watch->life + 1);
	*watch = (struct rt_io_watch){ .epoll = rt_io_index(epoll), .ofd = rt_io_index(ofd), .fd = fd, .life = life, .host_dup = -1,
		.next_of_ofd = ofd->watches, .next_of_epoll = epoll->epoll.first };
	if (ofd->watches)
		watches[ofd->watches].prev_of_ofd = index;
	if (epoll->epoll.first)
		watches[epoll->epoll.first].prev_of_epoll = index;
	ofd->watches = index;
	epoll->epoll.first = index;
	return watch;
}

static void watch_free(struct rt_io_watch *watch)
{
	struct rt_io_ofd *ofd = &rt_io_ofds[watch->ofd], *epoll = &rt_io_ofds[watch->epoll];

	*(watch->prev_of_ofd ? &watches[watch->prev_of_ofd].next_of_ofd : &ofd->watches) = watch->next_of_ofd;
	if (watch->next_of_ofd)
		watches[watch->next_of_ofd].prev_of_ofd = watch->prev_of_ofd;
	*(watch->prev_of_epoll ? &watches[watch->prev_of_epoll].next_of_epoll : &epoll->epoll.first) = watch->next_of_epoll;
	if (watch->next_of_epoll)
		watches[watch->next_of_epoll].prev_of_epoll = watch->prev_of_epoll;
	watch->epoll = 0;
	watch->next_of_ofd = free_watch;
	free_watch = (uint32_t)(watch - watches);
}

/* Takes one watch off and returns its host duplicate to close. */
static int32_t drop_one(struct rt_io_ofd *ofd)
{
	uint32_t index;
	int32_t host_dup = NONE_LEFT;

	rt_io_lock();
	index = ofd->watches ? ofd->watches : ofd->kind == RT_IO_EPOLL ? ofd->epoll.first : 0;
	if (index) {
		host_dup = watches[index].host_dup;
		watch_free(&watches[index]);
	}
	rt_io_unlock();
	return host_dup;
}

void rt_io_watches_drop(struct rt_io_ofd *ofd)
{
	int32_t host_dup;

	while ((host_dup = drop_one(ofd)) != NONE_LEFT)
		rt_io_host_close(host_dup);
}

/* ---- control ----------------------------------------------------------------------------------------------------------------- */

static long host_ctl(const struct rt_io_watch *watch, uint64_t operation, uint32_t events)
{
	/* The counter behind a signalfd could be written. */
	const uint32_t never = rt_io_ofds[watch->ofd].kind == RT_IO_SIGNALFD ? EPOLLWAKEUP | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND : EPOLLWAKEUP;
	struct lx_epoll_event event = { events & ~never, tag_of(watch) };
	uint64_t ub = rt_io_ub_copy(&event, sizeof event);
	int32_t host_fd = watch->host_dup >= 0 ? watch->host_dup : rt_io_ofds[watch->ofd].host_fd;

	if (!ub)
		return -ENOMEM;
	return rt_io_zero(rt_host(__NR_epoll_ctl, (uint64_t)rt_io_ofds[watch->epoll].host_fd, operation, (uint64_t)host_fd, ub, 0, 0));
}

static void remove(struct rt_io_watch *watch)
{
	int32_t host_dup = watch->host_dup;

	rt_io_lock();
	watch_free(watch);
	rt_io_unlock();
	rt_io_host_close(host_dup);
}

/* The host's interest in one descriptor twice: by a number of its own. */
static long own_dup(struct rt_io_watch *watch)
{
	long number;

	if (!watch->twice || watch->host_dup >= 0)
		return 0;
	number = rt_io_checked_fd(rt_host(__NR_fcntl, (uint64_t)rt_io_ofds[watch->ofd].host_fd, F_DUPFD_CLOEXEC, 0, 0, 0, 0));
	if (number < 0)
		return number;
	watch->host_dup = (int32_t)number;
	return 0;
}

static long ctl_add(struct rt_io_ofd *epoll, struct rt_io_ofd *ofd, uint32_t fd, const struct lx_epoll_event *event)
{
	struct rt_io_watch *watch = NULL;
	bool twice;
	long error;

	/* What the host has no descriptor for is always ready, like a regular file: epoll refuses both. */
	if (ofd->kind == RT_IO_MQUEUE)
		rt_io_mqueue_watch(ofd);
	if (ofd->host_fd < 0)
		return -EPERM;
	rt_io_lock();
	if (watch_find(epoll, ofd, fd)) {
		rt_io_unlock();
		return -EEXIST;
	}
	twice = watched_by(epoll, ofd);
	watch = watch_new(epoll, ofd, fd);
	if (watch) {
		watch->events = event->events;
		watch->data = event->data;
	}
	rt_io_unlock();
	if (!watch)
		return -ENOSPC;
	watch->twice = twice;
	error = own_dup(watch);
	if (!error)
		error = host_ctl(watch, EPOLL_CTL_ADD, event->events);
	if (error)
		remove(watch);
	return error;
}

static long ctl_mod(struct rt_io_watch *watch, const struct lx_epoll_event *event)
{
	struct rt_io_watch before = *watch;
	long error;

	if ((event->events | watch->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	/* First here, then on the host: an event may come back at once, on another thread. */
	watch->events = event->events;
	watch->data = event->data;
	watch->arming++;
	watch->spent = 0;
	watch->pending_seen = 0;
	error = own_dup(watch);
	if (!error)
		error = host_ctl(watch, watch->absent ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, event->events);
	if (!error)
		watch->absent = 0;
	if (error) {
		watch->events = before.events;
		watch->data = before.data;
		watch->spent = before.spent;
		watch->arming = before.arming;
	}
	return error;
}

static long ctl_del(struct rt_io_watch *watch)
{
	long error = watch->absent ? 0 : host_ctl(watch, EPOLL_CTL_DEL, 0);

	/* ENOENT: the host lost it on its own; the wish is fulfilled. */
	if (error && error != -ENOENT)
		return error;
	remove(watch);
	return 0;
}

static long sys_epoll_ctl(struct rt_thread *t)
{
	struct rt_io_ofd *epoll = rt_io_get((uint32_t)t->arg[0]), *ofd = rt_io_get((uint32_t)t->arg[2]);
	struct rt_io_watch *watch;
	struct lx_epoll_event event = {0};
	uint32_t operation = (uint32_t)t->arg[1];

	if (!epoll || !ofd)
		return -EBADF;
	if (operation != EPOLL_CTL_DEL && rt_app_get(&event, ARG(3), sizeof event))
		return -EFAULT;
	if (epoll->kind != RT_IO_EPOLL || epoll == ofd)
		return -EINVAL;
	if (operation == EPOLL_CTL_ADD)
		return ctl_add(epoll, ofd, (uint32_t)t->arg[2], &event);
	rt_io_lock();
	watch = watch_find(epoll, ofd, (uint32_t)t->arg[2]);
	rt_io_unlock();
	if (operation != EPOLL_CTL_MOD && operation != EPOLL_CTL_DEL)
		return -EINVAL;
	if (!watch)
		return -ENOENT;
	return operation == EPOLL_CTL_MOD ? ctl_mod(watch, &event) : ctl_del(watch);
}

static long create(uint32_t flags)
{
	long host_fd;

	if (flags & ~(uint32_t)O_CLOEXEC)
		return -EINVAL;
	if (!rt_io_room(1))
		return -EMFILE;
	host_fd = rt_host(__NR_epoll_create1, O_CLOEXEC, 0, 0, 0, 0, 0);
	return rt_io_install_host(RT_IO_EPOLL, host_fd, O_RDWR, flags ? FD_CLOEXEC : 0, NULL);
}

static long sys_epoll_create(struct rt_thread *t) { return t->arg[0] > 0 ? create(0) : -EINVAL; }
static long sys_epoll_create1(struct rt_thread *t) { return create((uint32_t)t->arg[0]); }

/* ---- waiting ------------------------------------------------------------------------------------------------------------------ */

/* One event of the host becomes one of the application's; false if it means nothing any more. */
static bool translate(const struct rt_io_ofd *epoll, struct lx_epoll_event *event)
{
	uint32_t index = (uint32_t)event->data;
	struct rt_io_watch *watch;

	if (index == 0 || index >= RT_IO_WATCH_MAX)
		return false;
	watch = &watches[index];
	if (watch->epoll != rt_io_index(epoll) || watch->life != event->data >> 48)
		return false;
	event->events &= (watch->events & ~MODIFIERS) | ALWAYS;
	if (watch->told)
		event->events &= ~(uint32_t)EPOLLIN;
	if (!event->events)
		return false;
	/* An event of an arming that was replaced meanwhile, or used up already. */
	if (watch->events & EPOLLONESHOT) {
		if (watch->spent)
			return false;
		if (watch->arming == (uint16_t)(event->data >> 32))
			watch->spent = 1;
	}
	event->data = watch->data;
	return true;
}

static long deliver(const struct rt_io_ofd *epoll, uint64_t ub, uint32_t count, uint64_t app)
{
	struct lx_epoll_event batch[BATCH];
	uint32_t given = 0;

	for (uint32_t done = 0; done < count;) {
		uint32_t some = count - done < BATCH ? count - done : BATCH, kept = 0;

		rt_ub_get(batch, (void *)(ub + done * sizeof *batch), some * sizeof *batch);
		for (uint32_t i = 0; i < some; i++) {
			struct lx_epoll_event event = batch[i];

			if (translate(epoll, &event))
				batch[kept++] = event;
		}
		if (kept && rt_app_put(app + given * sizeof *batch, batch, kept * sizeof *batch))
			return -EFAULT;
		given += kept;
		done += some;
	}
	return given;
}

static bool pending(const struct rt_io_watch *watch, unsigned depth);

/* Sets in sets are no deeper than the kernel lets them be. */
static bool any_pending(const struct rt_io_ofd *epoll, unsigned depth)
{
	for (uint32_t index = epoll->epoll.first; index && depth; index = watches[index].next_of_epoll)
		if (pending(&watches[index], depth))
			return true;
	return false;
}

/* Connections that rt_io_freeze accepted make their listeners readable, and sets with them; the host knows nothing of them. */
static bool pending(const struct rt_io_watch *watch, unsigned depth)
{
	const struct rt_io_ofd *ofd = &rt_io_ofds[watch->ofd];

	if (!(watch->events & EPOLLIN) || watch->spent || (watch->events & EPOLLET && watch->pending_seen))
		return false;
	return ofd->kind == RT_IO_EPOLL ? any_pending(ofd, depth - 1) : ofd->kind == RT_IO_SOCKET && ofd->socket.pending_first;
}

bool rt_io_epoll_pending(const struct rt_io_ofd *epoll)
{
	return rt_io_pending_total && any_pending(epoll, DEPTH_MAX);
}

static long deliver_pending(const struct rt_io_ofd *epoll, uint64_t app, uint32_t room)
{
	uint32_t given = 0;

	for (uint32_t index = epoll->epoll.first; index && given < room; index = watches[index].next_of_epoll) {
		struct rt_io_watch *watch = &watches[index];
		struct lx_epoll_event event = { EPOLLIN, watch->data };

		if (!pending(watch, DEPTH_MAX))
			continue;
		watch->pending_seen = 1;
		watch->told = 1;
		watch->spent = !!(watch->events & EPOLLONESHOT);
		if (rt_app_put(app + given * sizeof event, &event, sizeof event))
			return -EFAULT;
		given++;
	}
	return given;
}

/* Together with what the host has, as one list. */
static long deliver_both(const struct rt_io_ofd *epoll, uint64_t ub, uint64_t app, uint32_t room)
{
	long given = deliver_pending(epoll, app, room), count = 0;

	if (given > 0 && given < (long)room)
		count = rt_io_checked(rt_host(__NR_epoll_wait, (uint64_t)epoll->host_fd, ub, room - (uint64_t)given, 0, 0, 0), room - (uint64_t)given);
	if (count > 0)
		count = deliver(epoll, ub, (uint32_t)count, app + (uint64_t)given * sizeof(struct lx_epoll_event));
	for (uint32_t index = epoll->epoll.first; index; index = watches[index].next_of_epoll)
		watches[index].told = 0;
	return count < 0 ? count : given + count;
}

static long wait_events(struct rt_thread *t, int64_t timeout_ns)
{
	struct rt_io_ofd *epoll = get(ARG(0));
	uint32_t room = (uint32_t)t->arg[2];
	uint64_t ub;

	if (!epoll)
		return rt_io_get((uint32_t)t->arg[0]) ? -EINVAL : -EBADF;
	if ((int32_t)room <= 0)
		return -EINVAL;
	if (room > EVENTS_MAX)
		room = EVENTS_MAX;
	ub = rt_io_ub_space(room * sizeof(struct lx_epoll_event));
	if (!ub)
		return -ENOMEM;
	for (;;) {
		int left_ms = rt_io_remaining_ms(t, timeout_ns);
		uint64_t arg[6] = { (uint64_t)epoll->host_fd, ub, room, (uint64_t)(int64_t)left_ms, 0, 0 };
		bool again = false;
		long count;

		if (rt_io_pending_total) {
			count = deliver_both(epoll, ub, ARG(1), room);
			if (count)
				return count;
		}
		if (left_ms == 0)
			count = rt_host(__NR_epoll_wait, arg[0], arg[1], arg[2], arg[3], 0, 0);
		else
			count = rt_host_wait_once(__NR_epoll_wait, arg, &again);
		if (again)
			continue;
		if (count < 0)
			return count;
		if (rt_io_checked(count, room) > 0) {
			count = deliver(epoll, ub, (uint32_t)count, ARG(1));
			if (count)
				return count;
		}
		/* Nothing but stale events, or the host's clock was early. */
		if (left_ms == 0)
			return 0;
	}
}

static int64_t ms_to_ns(int32_t ms)
{
	return ms < 0 ? -1 : ms * 1000000LL;
}

static long sys_epoll_wait(struct rt_thread *t)
{
	return wait_events(t, ms_to_ns((int32_t)t->arg[3]));
}

static long sys_epoll_pwait(struct rt_thread *t)
{
	long error;

	if (!ARG(4))
		return sys_epoll_wait(t);
	error = rt_io_mask(t, ARG(4), ARG(5));
	return error ? error : sys_epoll_wait(t);
}

static long sys_epoll_pwait2(struct rt_thread *t)
{
	struct lx_timespec timeout;
	int64_t ns = -1;
	long error;

	if (ARG(3)) {
		if (rt_app_get(&timeout, ARG(3), sizeof timeout))
			return -EFAULT;
		error = rt_io_timeout_ns(&timeout, &ns);
		if (error)
			return error;
	}
	if (!ARG(4))
		return wait_events(t, ns);
	error = rt_io_mask(t, ARG(4), ARG(5));
	return error ? error : wait_events(t, ns);
}

/* ---- migration -------------------------------------------------------------------------------------------------------------------- */

/*
 * What the host's instance knows and its interest list does not show: which edges (EPOLLET) and single shots (EPOLLONESHOT) are
 * ready and have not been told. Asking for them without waiting tells it, and uses them up; `due` notes them.
 *
 *   source, thaw     what was due is modified to what it is: the host looks again, and finds it ready
 *   destination      a new interest that is ready is an edge. Those that were not due are registered first and asked for when
 *                    all is as it was; the others are registered, or modified, after that
 *
 * A level needs none of this. A single shot that is spent is not registered until it is armed again: the kernel reports EPOLLERR
 * and EPOLLHUP for whatever is registered, but not for what is spent.
 */

void rt_io_watch_dups_close(struct rt_io_ofd *ofd)
{
	for (uint32_t index = ofd->watches; index; index = watches[index].next_of_ofd) {
		rt_io_host_close(watches[index].host_dup);
		watches[index].host_dup = -1;
	}
}

void rt_io_watch_dups_forget(void)
{
	for (uint32_t index = 1; index <= watch_end; index++)
		watches[index].host_dup = -1;
}

static bool has_memory(const struct rt_io_watch *watch)
{
	return watch->events & (EPOLLET | EPOLLONESHOT);
}

static bool any_with_memory(const struct rt_io_ofd *epoll)
{
	for (uint32_t index = epoll->epoll.first; index; index = watches[index].next_of_epoll)
		if (has_memory(&watches[index]))
			return true;
	return false;
}

static void note_due(const struct rt_io_ofd *epoll, const struct lx_epoll_event *event)
{
	uint32_t index = (uint32_t)event->data;
	struct rt_io_watch *watch = &watches[index];

	if (index == 0 || index >= RT_IO_WATCH_MAX || watch->epoll != rt_io_index(epoll) || watch->life != event->data >> 48)
		return;
	watch->due = has_memory(watch);
}

/* What is level comes again and again, each in its turn: after as many as there are interests, all have come. */
static void ask(const struct rt_io_ofd *epoll, bool note)
{
	struct lx_epoll_event event;
	uint32_t interests = 0, seen = 0, room;
	uint64_t ub;

	for (uint32_t index = epoll->epoll.first; index; index = watches[index].next_of_epoll)
		interests++;
	rt_ub_reset();
	room = (uint32_t)(rt_ub_left() / sizeof event) - 8;
	if (room > EVENTS_MAX)
		room = EVENTS_MAX;
	ub = rt_io_ub_space(room * sizeof event);
	while (ub && seen < 2 * interests) {
		long got = rt_io_checked(rt_host(__NR_epoll_wait, (uint64_t)epoll->host_fd, ub, room, 0, 0, 0), room);

		for (long i = 0; note && i < got; i++) {
			rt_ub_get(&event, (void *)(ub + (uint64_t)i * sizeof event), sizeof event);
			note_due(epoll, &event);
		}
		if (got < (long)room)
			return;
		seen += (uint32_t)got;
	}
}

/* Instances watch instances: what is looked at anew in one makes edges in those that watch it, so the innermost come first. */

static unsigned depth_of(const struct rt_io_ofd *epoll, unsigned limit)
{
	unsigned deepest = 0;

	for (uint32_t index = epoll->epoll.first; index && limit; index = watches[index].next_of_epoll) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[watches[index].ofd];
		unsigned depth = ofd->kind == RT_IO_EPOLL ? 1 + depth_of(ofd, limit - 1) : 0;

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest;
}

/* Connections of an earlier freeze wait, and the program has not heard of them. */
static bool untold(const struct rt_io_watch *watch)
{
	return !watch->pending_seen && pending(watch, DEPTH_MAX);
}

/* While the program stands still somebody else can make it ready, for the first time: an edge that is due when it comes. What is held
 * off from the host's network, and what the program alone can fill, are none of these; neither is what is writable, which would be
 * told again. */
static bool may_become_ready(const struct rt_io_watch *watch)
{
	const struct rt_io_ofd *ofd = &rt_io_ofds[watch->ofd];
	bool others = ofd->kind == RT_IO_TIMERFD || ofd->kind == RT_IO_SIGNALFD || ofd->kind == RT_IO_STD ||
		(ofd->kind == RT_IO_SOCKET && ofd->socket.domain == AF_UNIX && ofd->socket.state != RT_IO_S_PAIR);

	if (!others || !(watch->events & EPOLLIN) || (watch->events & EPOLLOUT && ofd->kind != RT_IO_TIMERFD))
		return false;
	rt_ub_reset();
	return !rt_io_host_ready(ofd, POLLIN);
}

static bool asked;                   /* `due` says what the host knows no more */

int rt_io_epoll_freeze(struct rt_io_words *words)
{
	(void)words;
	asked = true;
	for (uint32_t index = 1; index <= watch_end; index++)
		watches[index].due = 0;
	/* Sets of sets first: what they report of a set is gone when that one has been asked. */
	for (unsigned depth = DEPTH_MAX + 1; depth-- > 0;)
		for (uint32_t index = 1; index < rt_io_ofd_end; index++)
			if (rt_io_ofds[index].kind == RT_IO_EPOLL && any_with_memory(&rt_io_ofds[index]) &&
			    depth_of(&rt_io_ofds[index], DEPTH_MAX) == depth)
				ask(&rt_io_ofds[index], true);
	/* A listener's edge is told with the connections that freeze accepts, if it has not been told already. */
	for (uint32_t index = 1; index <= watch_end; index++)
		if (watches[index].epoll && watches[index].events & EPOLLET) {
			watches[index].pending_seen = !watches[index].due && !untold(&watches[index]);
			watches[index].due = watches[index].due || may_become_ready(&watches[index]);
		}
	return 0;
}

/* On the host anew. `quiet`: only what the host reports unasked. */
static long watch_again(struct rt_io_watch *watch, bool quiet)
{
	const struct rt_io_ofd *ofd = &rt_io_ofds[watch->ofd];
	long error;

	rt_ub_reset();
	error = own_dup(watch);
	if (error)
		return error;
	error = host_ctl(watch, EPOLL_CTL_ADD, quiet ? watch->events & MODIFIERS : watch->events);
	watch->absent = 0;
	/* The other host's standard streams may be of a kind that epoll does not take: always ready there. */
	return ofd->kind == RT_IO_STD ? 0 : error;
}

static int refuse_watch(struct rt_io_words *words, const struct rt_io_watch *watch, long error)
{
	rt_io_words_add(words, "descriptor ");
	rt_io_words_number(words, watch->fd);
	return rt_io_refuse_errno(words, NULL, " cannot be watched again", error);
}

/* What is told again what it is looks anew, and finds what is ready. */
static long look_again(struct rt_io_watch *watch)
{
	rt_ub_reset();
	if (!(watch->events & EPOLLEXCLUSIVE))
		return host_ctl(watch, EPOLL_CTL_MOD, watch->events);
	(void)host_ctl(watch, EPOLL_CTL_DEL, 0); /* an exclusive interest cannot be modified */
	return host_ctl(watch, EPOLL_CTL_ADD, watch->events);
}

typedef void each_epoll_fn(struct rt_io_ofd *epoll, struct rt_io_words *words, int *ret_first);

static void each_epoll(each_epoll_fn *fn, struct rt_io_words *words, int *ret_first)
{
	bool nested = false;

	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_ofds[index].kind == RT_IO_EPOLL) {
			nested = nested || depth_of(&rt_io_ofds[index], DEPTH_MAX) > 0;
			if (depth_of(&rt_io_ofds[index], DEPTH_MAX) == 0)
				fn(&rt_io_ofds[index], words, ret_first);
		}
	for (unsigned depth = 1; nested && depth <= DEPTH_MAX; depth++)
		for (uint32_t index = 1; index < rt_io_ofd_end; index++)
			if (rt_io_ofds[index].kind == RT_IO_EPOLL && depth_of(&rt_io_ofds[index], DEPTH_MAX) == depth)
				fn(&rt_io_ofds[index], words, ret_first);
}

static void thaw_epoll(struct rt_io_ofd *epoll, struct rt_io_words *words, int *ret_first)
{
	/* Messages that were received and sent once more have made edges. */
	if (asked && any_with_memory(epoll))
		ask(epoll, false);
	for (uint32_t index = epoll->epoll.first; index; index = watches[index].next_of_epoll) {
		struct rt_io_watch *watch = &watches[index];
		long error = 0;

		if (watch->absent)
			continue;
		if (rt_io_ofds[watch->ofd].made_again)
			error = watch_again(watch, false);
		else if (watch->due)
			error = look_again(watch);
		watch->due = 0;
		if (error && !*ret_first)
			*ret_first = refuse_watch(words, watch, error);
	}
}

int rt_io_epoll_thaw(struct rt_io_words *words)
{
	int first = 0;

	each_epoll(thaw_epoll, words, &first);
	asked = false;
	return first;
}

static bool is_spent(const struct rt_io_watch *watch)
{
	return watch->events & EPOLLONESHOT && watch->spent;
}

static bool is_told(const struct rt_io_watch *watch)
{
	return (watch->events & (EPOLLET | EPOLLONESHOT)) == EPOLLET && !watch->due;
}

int rt_io_epoll_rearm(struct rt_io_words *words)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_ofds[index].kind == RT_IO_EPOLL)
			rt_io_ofds[index].epoll.memory = any_with_memory(&rt_io_ofds[index]);
	for (uint32_t index = 1; index <= watch_end; index++) {
		struct rt_io_watch *watch = &watches[index];
		bool memory = watch->epoll && rt_io_ofds[watch->epoll].epoll.memory;
		bool exclusive = watch->events & EPOLLEXCLUSIVE;
		long error;

		if (!watch->epoll)
			continue;
		watch->absent = is_spent(watch) || (exclusive && !is_told(watch) && memory);
		if (watch->absent)
			continue;
		error = watch_again(watch, !is_told(watch) && memory);
		if (error)
			return refuse_watch(words, watch, error);
	}
	return 0;
}

static void settle_epoll(struct rt_io_ofd *epoll, struct rt_io_words *words, int *ret_first)
{
	(void)words;
	(void)ret_first;
	if (!any_with_memory(epoll))
		return;
	ask(epoll, false);
	for (uint32_t index = epoll->epoll.first; index; index = watches[index].next_of_epoll) {
		struct rt_io_watch *watch = &watches[index];

		if (is_spent(watch) || is_told(watch))
			continue;
		/* Neither can fail but for want of memory: the host has the interest, or room for it. */
		if (watch->absent)
			(void)watch_again(watch, false);
		else
			(void)look_again(watch);
		watch->due = 0;
	}
}

void rt_io_epoll_settle(void)
{
	int first = 0;

	each_epoll(settle_epoll, NULL, &first);
}

const struct rt_syscall_entry rt_syscalls_epoll[] = {
	{ __NR_epoll_create, 0, sys_epoll_create }, { __NR_epoll_create1, 0, sys_epoll_create1 },
	{ __NR_epoll_ctl, 0, sys_epoll_ctl }, { __NR_epoll_wait, 0, sys_epoll_wait },
	{ __NR_epoll_pwait, 0, sys_epoll_pwait }, { __NR_epoll_pwait2, 0, sys_epoll_pwait2 },
	{ 0, 0, NULL },
};
