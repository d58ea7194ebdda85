/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes, event counters and timer descriptors: host objects with both ends inside, so their content is ours to carry.
 *
 * A timer's deadline is kept in the application's time. After a migration the host's monotonic clocks differ from the virtual one. So
 * MONOTONIC and BOOTTIME are armed with relative values. If the program gave an absolute value, the timer is armed with what that value
 * is on the host's clock now, so that the kernel counts the periods since a deadline that has passed. REALTIME is armed as it was given.
 */
#include "rt/io/io.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define SECOND 1000000000LL

static long pipe_flags(struct rt_thread *t, uint32_t flags)
{
	uint32_t status = flags & (O_NONBLOCK | O_DIRECT), fd_flags = flags & O_CLOEXEC ? FD_CLOEXEC : 0;
	uint64_t ub = rt_io_ub_space(256);
	struct rt_io_ofd *reader, *writer;
	int32_t host_fd[2], fd[2];
	long result;

	if (flags & ~(uint32_t)(O_NONBLOCK | O_DIRECT | O_CLOEXEC))
		return -EINVAL;
	if (!rt_io_room(2))
		return -EMFILE;
	result = rt_io_zero(rt_host(__NR_pipe2, ub, status | O_CLOEXEC, 0, 0, 0, 0));
	if (result)
		return result;
	rt_io_get_pair(ub, host_fd);
	/* Packets are the writing end's affair, until fcntl says otherwise. */
	fd[0] = (int32_t)rt_io_install_host(RT_IO_PIPE, host_fd[0], O_RDONLY | (status & O_NONBLOCK), fd_flags, &reader);
	if (fd[0] < 0) {
		rt_io_host_close(host_fd[1]);
		return fd[0];
	}
	fd[1] = (int32_t)rt_io_install_host(RT_IO_PIPE, host_fd[1], O_WRONLY | status, fd_flags, &writer);
	if (fd[1] < 0) {
		(void)rt_io_close((uint64_t)fd[0]);
		return fd[1];
	}
	writer->pipe.writer = 1;
	reader->pipe.peer = rt_io_index(writer);
	writer->pipe.peer = rt_io_index(reader);
	return rt_app_put(ARG(0), fd, sizeof fd);
}

static long sys_pipe(struct rt_thread *t) { return pipe_flags(t, 0); }
static long sys_pipe2(struct rt_thread *t) { return pipe_flags(t, (uint32_t)t->arg[1]); }

static long eventfd_new(uint32_t count, uint32_t flags)
{
	struct rt_io_ofd *ofd = NULL;
	long result;

	if (!rt_io_room(1))
		return -EMFILE;
	result = rt_host(__NR_eventfd2, count, flags | O_CLOEXEC, 0, 0, 0, 0);
	result = rt_io_install_host(RT_IO_EVENTFD, result, O_RDWR | (flags & O_NONBLOCK), flags & O_CLOEXEC ? FD_CLOEXEC : 0, &ofd);
	if (result >= 0)
		ofd->event.flags = flags & LX_EFD_SEMAPHORE;
	return result;
}

static long sys_eventfd(struct rt_thread *t) { return eventfd_new((uint32_t)t->arg[0], 0); }
static long sys_eventfd2(struct rt_thread *t) { return eventfd_new((uint32_t)t->arg[0], (uint32_t)t->arg[1]); }

/* ---- timers ------------------------------------------------------------------------------------------------------------------ */

static long sys_timerfd_create(struct rt_thread *t)
{
	uint32_t flags = (uint32_t)t->arg[1];
	struct rt_io_ofd *ofd = NULL;
	int32_t clock = (int32_t)t->arg[0];
	long result;

	if (clock != LX_CLOCK_REALTIME && clock != LX_CLOCK_MONOTONIC && clock != LX_CLOCK_BOOTTIME)
		return -EINVAL;
	if (!rt_io_room(1))
		return -EMFILE;
	result = rt_host(__NR_timerfd_create, ARG(0), flags | O_CLOEXEC, 0, 0, 0, 0);
	result = rt_io_install_host(RT_IO_TIMERFD, result, O_RDWR | (flags & O_NONBLOCK), flags & O_CLOEXEC ? FD_CLOEXEC : 0, &ofd);
	if (result >= 0)
		ofd->timer.clock = clock;
	return result;
}

static bool to_ns(const struct lx_timespec *time, int64_t *ret_ns)
{
	if (time->nsec < 0 || time->nsec >= SECOND || time->sec < 0)
		return false;
	*ret_ns = time->sec >= INT64_MAX / SECOND ? INT64_MAX : time->sec * SECOND + time->nsec;
	return true;
}

static struct lx_timespec from_ns(int64_t ns)
{
	return (struct lx_timespec){ ns / SECOND, ns % SECOND };
}

static int64_t now_of(const struct rt_io_ofd *ofd)
{
	return ofd->timer.clock == LX_CLOCK_REALTIME ? rt_realtime_ns() : rt_monotonic_ns();
}

static int64_t host_now_of(const struct rt_io_ofd *ofd)
{
	uint64_t ub = rt_io_ub_space(64);
	struct lx_timespec now;

	if (!ub || rt_host(__NR_clock_gettime, (uint64_t)ofd->timer.clock, ub, 0, 0, 0, 0))
		return 0;
	rt_ub_get(&now, (void *)ub, sizeof now);
	return now.sec >= 0 && now.sec < INT64_MAX / SECOND / 4 && now.nsec >= 0 && now.nsec < SECOND ? now.sec * SECOND + now.nsec : 0;
}

/*
 * The time on the host's clock that is `left` away, at least 1. A host that has not been up for that long cannot count all
 * the periods since: those before its clock began are added to the next read.
 */
static int64_t host_deadline(struct rt_io_ofd *ofd, int64_t left)
{
	int64_t interval = ofd->timer.interval_ns, host_now = host_now_of(ofd), at, periods;

	if (__builtin_add_overflow(host_now, left, &at))
		return INT64_MAX;
	if (at > 0)
		return at;
	if (!interval || !host_now)
		return 1;
	periods = -at / interval + 1;
	ofd->timer.extra_ticks += (uint64_t)periods;
	return __builtin_add_overflow(at, periods * interval, &at) ? INT64_MAX : at;
}

/* Tells the host about deadline_ns and interval_ns. `old` may be 0 (untrusted). */
static long arm(struct rt_io_ofd *ofd, uint64_t old)
{
	struct lx_itimerspec spec = { .interval = from_ns(ofd->timer.interval_ns) };
	uint64_t flags = 0, ub;

	if (ofd->timer.deadline_ns && ofd->timer.clock == LX_CLOCK_REALTIME && ofd->timer.flags & LX_TFD_TIMER_ABSTIME) {
		spec.value = from_ns(ofd->timer.deadline_ns);
		flags = ofd->timer.flags;
	} else if (ofd->timer.deadline_ns && ofd->timer.flags & LX_TFD_TIMER_ABSTIME) {
		spec.value = from_ns(host_deadline(ofd, ofd->timer.deadline_ns - now_of(ofd)));
		flags = LX_TFD_TIMER_ABSTIME;
	} else if (ofd->timer.deadline_ns) {
		int64_t left = ofd->timer.deadline_ns - now_of(ofd);

		spec.value = from_ns(left > 0 ? left : 1);
	}
	ub = rt_io_ub_copy(&spec, sizeof spec);
	return ub ? rt_io_zero(rt_host(__NR_timerfd_settime, (uint64_t)ofd->host_fd, flags, ub, old, 0, 0)) : -ENOMEM;
}

int rt_io_timer_arm(struct rt_io_ofd *ofd)
{
	return arm(ofd, 0) ? OM_EHOSTSTATE : 0;
}

static long get_timer(uint64_t fd, struct rt_io_ofd **ret_ofd)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	if (!ofd)
		return -EBADF;
	*ret_ofd = ofd;
	return ofd->kind == RT_IO_TIMERFD ? 0 : -EINVAL;
}

static long sys_timerfd_settime(struct rt_thread *t)
{
	struct lx_itimerspec spec;
	struct rt_io_ofd *ofd;
	int64_t value, interval;
	uint64_t old;
	uint32_t flags = (uint32_t)t->arg[1];
	long error = get_timer(ARG(0), &ofd);

	if (error)
		return error;
	if (flags & ~(uint32_t)(LX_TFD_TIMER_ABSTIME | LX_TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if (rt_app_get(&spec, ARG(2), sizeof spec))
		return -EFAULT;
	if (!to_ns(&spec.value, &value) || !to_ns(&spec.interval, &interval))
		return -EINVAL;
	old = rt_io_ub_space(256);
	if (!old)
		return -ENOMEM;
	ofd->timer.flags = flags;
	ofd->timer.interval_ns = interval;
	ofd->timer.extra_ticks = 0;
	if (value && !(flags & LX_TFD_TIMER_ABSTIME) && __builtin_add_overflow(value, now_of(ofd), &value))
		value = INT64_MAX;
	ofd->timer.deadline_ns = value;
	error = arm(ofd, old);
	if (error || !ARG(3))
		return error;
	return rt_ub_to_app(ARG(3), (void *)old, sizeof spec);
}

static long sys_timerfd_gettime(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	uint64_t ub;
	long error = get_timer(ARG(0), &ofd);

	if (error)
		return error;
	ub = rt_io_ub_space(256);
	error = ub ? rt_io_zero(rt_host(__NR_timerfd_gettime, (uint64_t)ofd->host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;
	return error ? error : rt_ub_to_app(ARG(1), (void *)ub, sizeof(struct lx_itimerspec));
}

/* Expirations from before a migration are added to the first read after it. */
long rt_io_timer_read(struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	uint64_t ub = rt_io_ub_space(64), ticks;
	long got;

	if (span->total < sizeof ticks)
		return -EINVAL;
	if (rt_io_blocking(ofd))
		got = rt_host_wait(__NR_read, (uint64_t)ofd->host_fd, ub, sizeof ticks, 0, 0, 0);
	else
		got = rt_host(__NR_read, (uint64_t)ofd->host_fd, ub, sizeof ticks, 0, 0, 0);
	if (got < 0)
		return got;
	if (got != sizeof ticks)
		rt_fatal(OM_EHOST, "host returned a part of a timer's count");
	rt_ub_get(&ticks, (void *)ub, sizeof ticks);
	ticks += ofd->timer.extra_ticks;
	ofd->timer.extra_ticks = 0;
	return rt_io_span_put(span, &ticks, sizeof ticks) ? -EFAULT : (long)sizeof ticks;
}

const struct rt_syscall_entry rt_syscalls_event[] = {
	{ __NR_pipe, 0, sys_pipe }, { __NR_pipe2, 0, sys_pipe2 },
	{ __NR_eventfd, 0, sys_eventfd }, { __NR_eventfd2, 0, sys_eventfd2 },
	{ __NR_timerfd_create, 0, sys_timerfd_create }, { __NR_timerfd_settime, 0, sys_timerfd_settime },
	{ __NR_timerfd_gettime, 0, sys_timerfd_gettime },
	{ 0, 0, NULL },
};
