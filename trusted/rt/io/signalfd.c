/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signalfd: pending signals, read from a descriptor. The signals are the runtime's own queues (sigqueue.c), and a read never asks the
 * host. What waits on the descriptor (poll, epoll, other sets) waits in the host's kernel, so there is an event counter of the host's
 * behind it, which is nonzero while one of its signals is pending.
 *
 *     signal comes   queue ──► sync: counter += 1             an edge, as the kernel's wake-up is one
 *     signal taken   queue ──► sync: counter = 0              when none of its signals is left
 *
 * sync() looks at the queues again after it has changed the counter, until both agree. So whoever comes last leaves the counter right. A lying
 * host can only make a program read in vain, or wait.
 *
 * The counter knows no threads: poll and epoll show a signal that was sent to one thread to all of them. A read gives a thread the
 * process' signals and its own, as it should.
 */
#include "rt/io/migrate.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define KILL_AND_STOP (1ULL << (9 - 1) | 1ULL << (19 - 1))

RT_RESIDENT uint64_t rt_io_signalfd_bits;
static RT_RESIDENT uint32_t first;      /* of all, linked by signals.next; table lock */

/* ---- the counter ------------------------------------------------------------------------------------------------------- */

/* @came: a signal has, whether others were pending or not. The counter never blocks. */
static void sync(const struct rt_io_ofd *ofd, bool came)
{
	bool pending = rt_signal_pending_any(ofd->signals.mask);

	if (ofd->host_fd < 0 || (pending && !came))
		return;
	for (;;) {
		(void)rt_host_word(pending ? __NR_write : __NR_read, (uint64_t)ofd->host_fd, 1); /* nothing to read: it is 0 already */
		if ((rt_signal_pending_any(ofd->signals.mask) != 0) == pending)
			return;
		pending = !pending;
	}
}

/* The first in the list from `at` on that has one of the signals, with a reference: its host descriptor shall not become another's. */
static struct rt_io_ofd *next_with(uint32_t at, uint64_t bits)
{
	struct rt_io_ofd *ofd = NULL;

	rt_io_lock();
	for (; at && !ofd; at = rt_io_ofds[at].signals.next)
		if (rt_io_ofds[at].refs && rt_io_ofds[at].signals.mask & bits)
			ofd = &rt_io_ofds[at];
	if (ofd)
		ofd->refs++;
	rt_io_unlock();
	return ofd;
}

void rt_io_signalfd_told(uint64_t bits, bool came)
{
	struct rt_io_ofd *ofd, *next;

	if (!(__atomic_load_n(&rt_io_signalfd_bits, __ATOMIC_ACQUIRE) & bits))
		return;
	for (ofd = next_with(first, bits); ofd; ofd = next) {
		sync(ofd, came);
		next = next_with(ofd->signals.next, bits);
		rt_io_ofd_put(ofd);
	}
}

/* ---- descriptors --------------------------------------------------------------------------------------------------------- */

/* Table lock held. */
static void count_bits(void)
{
	uint64_t bits = 0;

	for (uint32_t at = first; at; at = rt_io_ofds[at].signals.next)
		bits |= rt_io_ofds[at].signals.mask;
	__atomic_store_n(&rt_io_signalfd_bits, bits, __ATOMIC_RELEASE);
}

static void set_mask(struct rt_io_ofd *ofd, uint64_t mask)
{
	rt_io_lock();
	ofd->signals.mask = mask;
	count_bits();
	rt_io_unlock();
	sync(ofd, true);
}

void rt_io_signalfd_closing(struct rt_io_ofd *ofd)
{
	uint32_t *at = &first;

	rt_io_lock();
	while (*at && *at != rt_io_index(ofd))
		at = &rt_io_ofds[*at].signals.next;
	if (*at)
		*at = ofd->signals.next;
	count_bits();
	rt_io_unlock();
}

static long create(uint64_t mask, uint32_t flags)
{
	struct rt_io_ofd *ofd;
	long host_fd;

	if (!rt_io_room(1))
		return -EMFILE;
	host_fd = rt_io_checked_fd(rt_host(__NR_eventfd2, 0, O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0));
	if (host_fd < 0)
		return host_fd;
	ofd = rt_io_ofd_new(RT_IO_SIGNALFD, (int32_t)host_fd, O_RDWR | (flags & O_NONBLOCK));
	if (!ofd) {
		rt_io_host_close((int32_t)host_fd);
		return -ENFILE;
	}
	rt_io_lock();
	ofd->signals.next = first;
	first = rt_io_index(ofd);
	rt_io_unlock();
	set_mask(ofd, mask);
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static long signalfd(struct rt_thread *t, uint32_t flags)
{
	struct rt_io_ofd *ofd;
	uint64_t mask;

	if (ARG(2) != sizeof mask)
		return -EINVAL;
	if (rt_app_get(&mask, ARG(1), sizeof mask))
		return -EFAULT;
	if (flags & ~(uint32_t)(O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	mask &= ~KILL_AND_STOP;
	if ((int32_t)t->arg[0] == -1)
		return create(mask, flags);
	ofd = rt_io_get((uint32_t)t->arg[0]);
	if (!ofd || ofd->kind != RT_IO_SIGNALFD)
		return ofd ? -EINVAL : -EBADF;
	set_mask(ofd, mask);
	return (uint32_t)t->arg[0];
}

static long sys_signalfd(struct rt_thread *t) { return signalfd(t, 0); }
static long sys_signalfd4(struct rt_thread *t) { return signalfd(t, (uint32_t)t->arg[3]); }

/* The first one is waited for, the others are those that are there. */
long rt_io_signalfd_read(struct rt_thread *t, struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	uint8_t info[RT_SIGNALFD_INFO];
	long done = 0;

	if (span->total < sizeof info)
		return -EINVAL;
	while (span->total >= sizeof info) {
		if (!rt_signal_fetch(t, ofd->signals.mask, info)) {
			if (done || !rt_io_blocking(ofd))
				return done ? done : -EAGAIN;
			if (rt_signal_interrupts(t))
				return -EINTR;
			rt_park_until(0);
			continue;
		}
		if (rt_io_span_put(span, info, sizeof info))
			return done ? done : -EFAULT;
		done += (long)sizeof info;
	}
	return done;
}

/* A destination. */
int rt_io_signalfd_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	long host_fd = rt_io_checked_fd(rt_host(__NR_eventfd2, rt_signal_pending_any(ofd->signals.mask) != 0, O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0));

	if (host_fd < 0)
		return rt_io_refuse(words, ofd, "the descriptor for signals cannot be made again");
	ofd->host_fd = (int32_t)host_fd;
	return 0;
}

const struct rt_syscall_entry rt_syscalls_signalfd[] = {
	{ __NR_signalfd, 0, sys_signalfd }, { __NR_signalfd4, 0, sys_signalfd4 },
	{ 0, 0, NULL },
};
