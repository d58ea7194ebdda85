/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks, read without leaving the enclave: TSC and the host's clock page (struct om_clock).
 *
 *     virtual monotonic = host monotonic + offset
 *
 * The offset is resident and set anew on a destination, so that time goes on where it stopped. The host may write what it likes into
 * its clock page, but a reading never goes backwards. If the host puts its clock back, the offset takes up the difference, so that the program
 * need not wait until the clock is where it was. Each slot remembers its newest reading. All slots share another one, which is brought
 * forward whenever a reading is more than a microsecond ahead of it. (Writing a shared word at every reading would make two threads' clocks as
 * slow as a cache miss.)
 */
#include "rt/internal.h"

#define COARSE_NS      4000000      /* what the coarse clocks promise: a tick of most kernels */
#define TICK_NS        10000000     /* of times() */
#define SHARED_STEP_NS 1000
#define PUT_BACK_NS    1000000000   /* less is the difference of two readers */
/* No host has run for 73 years: one that says so is taken at that, and virtual time ends at twice as much, so that no sum
 * of a host's time, an offset that came with a migration and a step overflows. Time then stands still: the host's doing. */
#define HOST_MAX_NS    (INT64_MAX / 4)
#define VIRTUAL_MAX_NS (INT64_MAX / 2)

RT_LOCAL static const RT_UNTRUSTED struct om_clock *clock_page;   /* NULL: none */
RT_LOCAL static _Atomic int64_t shared_last;
RT_RESIDENT static _Atomic int64_t offset_ns;
RT_RESIDENT static int64_t saved_monotonic_ns;

struct reading { int64_t monotonic_ns, realtime_ns; };

static bool read_page(struct reading *r)
{
	uint64_t seq, ns, tsc;
	struct om_clock c;

	do {
		seq = rt_ub_read64(&clock_page->seq);
		__asm__ volatile ("" : : : "memory");
		c.base_tsc = rt_ub_read64(&clock_page->base_tsc);
		c.monotonic_ns = rt_ub_read64(&clock_page->monotonic_ns);
		c.realtime_ns = rt_ub_read64(&clock_page->realtime_ns);
		c.mult = rt_ub_read64(&clock_page->mult);
		c.usable = rt_ub_read64(&clock_page->usable);
		__asm__ volatile ("" : : : "memory");
	} while ((seq & 1) || rt_ub_read64(&clock_page->seq) != seq);
	if (!c.usable)
		return false;
	tsc = __builtin_ia32_rdtsc();
	ns = tsc > c.base_tsc ? (uint64_t)((unsigned __int128)(tsc - c.base_tsc) * c.mult >> 32) : 0;
	r->monotonic_ns = (int64_t)((c.monotonic_ns + ns) & INT64_MAX);
	r->realtime_ns = (int64_t)((c.realtime_ns + ns) & INT64_MAX);
	return true;
}

/* The host's clock by a system call, at the far end of the tbuf: a system call under way may be using the beginning. */
int64_t rt_time_ask_host(long id)
{
	struct rt_tcb *tcb = rt_self();
	struct lx_timespec ts;
	uint64_t size = tcb->in_exception ? tcb->exc_tbuf_size : tcb->tbuf_size;
	RT_UNTRUSTED char *at = (RT_UNTRUSTED char *)rt_tbuf(tcb) + size - 64;

	if (rt_host(__NR_clock_gettime, (uint64_t)id, (uint64_t)at, 0, 0, 0, 0) < 0)
		return 0;
	rt_ub_get(&ts, at, sizeof ts);
	return (int64_t)(((uint64_t)ts.sec * 1000000000u + (uint64_t)ts.nsec) & INT64_MAX);
}

int64_t rt_host_monotonic_ns(void)
{
	struct reading r;
	int64_t ns = clock_page && read_page(&r) ? r.monotonic_ns : rt_time_ask_host(CLOCK_MONOTONIC);

	return ns < HOST_MAX_NS ? ns : HOST_MAX_NS;
}

int64_t rt_monotonic_ns(void)
{
	struct rt_tcb *tcb = rt_self();
	/* In this order: no thread can have brought the shared reading ahead of a clock that is read later, with the offset of then. */
	int64_t offset = atomic_load(&offset_ns), shared = atomic_load(&shared_last);
	int64_t now = rt_host_monotonic_ns() + offset;

	if (now > VIRTUAL_MAX_NS)
		now = VIRTUAL_MAX_NS;
	/* The engine's clock: it may be read before rt_time_restore, when it still is this host's. */
	if (tcb->slot < rt_image->service_slots)
		return now;
	if (now < shared) {
		/* If another has moved the offset meanwhile, that was for the same reason. */
		if (shared - now > PUT_BACK_NS)
			(void)atomic_compare_exchange_strong(&offset_ns, &offset, offset + (shared - now));
		now = shared;
	}
	if (now < tcb->mono_last)
		now = tcb->mono_last;
	tcb->mono_last = now;
	while (now > shared + SHARED_STEP_NS &&
	       !atomic_compare_exchange_weak_explicit(&shared_last, &shared, now, memory_order_relaxed, memory_order_relaxed))
		;
	return now;
}

int64_t rt_realtime_ns(void)
{
	struct reading r;
	int64_t ns = clock_page && read_page(&r) ? r.realtime_ns : rt_time_ask_host(CLOCK_REALTIME);

	return ns < VIRTUAL_MAX_NS ? ns : VIRTUAL_MAX_NS;      /* the year 2116 */
}

void rt_time_boot(uint64_t clock)
{
	if (clock && (clock & 7) == 0 && rt_untrusted_ok((const void *)clock, sizeof(struct om_clock)))
		clock_page = (const RT_UNTRUSTED struct om_clock *)clock;
}

void rt_time_save(void)
{
	int64_t now = rt_monotonic_ns(), shared = atomic_load(&shared_last);

	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		if (rt_tcb_of(slot)->mono_last > shared)
			shared = rt_tcb_of(slot)->mono_last;
	saved_monotonic_ns = now > shared ? now : shared;
	rt_cpu_save();
}

void rt_time_restore(void)
{
	atomic_store(&offset_ns, saved_monotonic_ns - rt_host_monotonic_ns());
	atomic_store(&shared_last, saved_monotonic_ns);
	rt_cpu_restore();
}

/* ---- system calls ------------------------------------------------------------------------------------------------ */

long rt_timespec_get(uint64_t app, int64_t *ret_ns)
{
	struct lx_timespec ts;

	if (rt_app_get(&ts, app, sizeof ts) < 0)
		return -EFAULT;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
		return -EINVAL;
	*ret_ns = ts.sec > INT64_MAX / 1000000000 - 1 ? INT64_MAX : ts.sec * 1000000000 + ts.nsec;
	return 0;
}

long rt_timespec_put(uint64_t app, int64_t ns)
{
	struct lx_timespec ts = { ns / 1000000000, ns % 1000000000 };

	if (ts.nsec < 0) {
		ts.sec--;
		ts.nsec += 1000000000;
	}
	return rt_app_put(app, &ts, sizeof ts);
}

/* 0, or -EINVAL: there is no such clock, or its thread has ended. */
static long clock_ns(const struct rt_thread *t, int32_t id, int64_t *ret_ns)
{
	struct rt_cpu_clock cpu;

	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ret_ns = rt_realtime_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ret_ns = rt_monotonic_ns();
		return 0;
	default:
		return rt_cpu_clock_of(id, t, &cpu) && rt_cpu_ns(&cpu, ret_ns) ? 0 : -EINVAL;
	}
}

static long sys_clock_gettime(struct rt_thread *t)
{
	int64_t ns;
	long r = clock_ns(t, (int32_t)t->arg[0], &ns);

	return r < 0 ? r : rt_timespec_put((uint64_t)t->arg[1], ns);
}

static long sys_clock_getres(struct rt_thread *t)
{
	int32_t id = (int32_t)t->arg[0];
	bool coarse = id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE;
	int64_t ns;
	long r = clock_ns(t, id, &ns);

	return r < 0 || !t->arg[1] ? r : rt_timespec_put((uint64_t)t->arg[1], coarse ? COARSE_NS : 1);
}

/* The host's clock is not the program's to set. */
static long sys_clock_settime(struct rt_thread *t)
{
	struct rt_cpu_clock cpu;
	int64_t ns;
	long r;

	if ((int32_t)t->arg[0] < 0 && rt_cpu_clock_of((int32_t)t->arg[0], t, &cpu))
		return -EPERM;
	if (t->arg[0] != CLOCK_REALTIME)
		return -EINVAL;
	r = rt_timespec_get((uint64_t)t->arg[1], &ns);
	return r < 0 ? r : -EPERM;
}

static long sys_settimeofday(struct rt_thread *t)
{
	(void)t;
	return -EPERM;
}

static long sys_gettimeofday(struct rt_thread *t)
{
	int64_t ns = rt_realtime_ns();
	struct lx_timeval tv = { ns / 1000000000, ns % 1000000000 / 1000 };

	return t->arg[0] ? rt_app_put((uint64_t)t->arg[0], &tv, sizeof tv) : 0;
}

static long sys_time(struct rt_thread *t)
{
	int64_t seconds = rt_realtime_ns() / 1000000000;

	if (t->arg[0] && rt_app_put((uint64_t)t->arg[0], &seconds, sizeof seconds) < 0)
		return -EFAULT;
	return seconds;
}

static long sys_times(struct rt_thread *t)
{
	int64_t user = 0, all = 0, tms[4] = { 0 };

	(void)rt_cpu_ns(&(struct rt_cpu_clock){ 0, RT_CPU_USER }, &user); /* the process' clocks always answer */
	(void)rt_cpu_ns(&(struct rt_cpu_clock){ 0, RT_CPU_ALL_COARSE }, &all);
	tms[0] = user / TICK_NS;
	tms[1] = all > user ? (all - user) / TICK_NS : 0;
	if (t->arg[0] && rt_app_put((uint64_t)t->arg[0], tms, sizeof tms) < 0)
		return -EFAULT;
	return rt_monotonic_ns() / TICK_NS;
}

static long sleep_until(struct rt_thread *t, uint64_t remaining)
{
	for (;;) {
		int64_t left = t->deadline_ns - rt_monotonic_ns();

		if (left <= 0)
			return 0;
		if (rt_signal_interrupts(t)) {
			if (remaining && rt_timespec_put(remaining, left) < 0)
				return -EFAULT;
			return -EINTR;
		}
		rt_park_until(t->deadline_ns);
	}
}

static long begin_sleep(struct rt_thread *t, uint64_t request, bool absolute, bool realtime)
{
	int64_t ns, now = rt_monotonic_ns();
	long r;

	if (t->deadline_ns)
		return 0;
	r = rt_timespec_get(request, &ns);
	if (r < 0)
		return r;
	if (!absolute)
		ns = ns > INT64_MAX - now ? INT64_MAX : ns + now;
	else if (realtime && __builtin_add_overflow(ns - rt_realtime_ns(), now, &ns))
		ns = INT64_MAX;
	t->deadline_ns = ns > 0 ? ns : 1;
	return 0;
}

static long sys_nanosleep(struct rt_thread *t)
{
	long r = begin_sleep(t, (uint64_t)t->arg[0], false, false);

	return r < 0 ? r : sleep_until(t, (uint64_t)t->arg[1]);
}

/* Until a CPU clock shows a time. Scratch: [0] = that time, 1 more than it is. */
static long sleep_cpu(struct rt_thread *t, const struct rt_cpu_clock *clock, bool absolute)
{
	uint64_t remaining = absolute ? 0 : (uint64_t)t->arg[3];
	int64_t ns, now, left;
	long r;

	if (t->syscall_scratch[0] == 0) {
		r = rt_timespec_get((uint64_t)t->arg[2], &ns);
		if (r < 0)
			return r;
		if (!absolute && (!rt_cpu_ns(clock, &now) || __builtin_add_overflow(ns, now, &ns)))
			ns = INT64_MAX;
		t->syscall_scratch[0] = (uint64_t)ns + 1;
	}
	for (;;) {
		if (!rt_cpu_ns(clock, &now))
			return -EINVAL;
		left = (int64_t)(t->syscall_scratch[0] - 1) - now;
		if (left <= 0)
			return 0;
		if (rt_signal_interrupts(t))
			return remaining && rt_timespec_put(remaining, left) < 0 ? -EFAULT : -EINTR;
		rt_park_until(rt_monotonic_ns() + rt_cpu_look_again(clock, left));
	}
}

static long sys_clock_nanosleep(struct rt_thread *t)
{
	bool absolute = t->arg[1] & TIMER_ABSTIME;
	int32_t id = (int32_t)t->arg[0];
	struct rt_cpu_clock cpu;
	int64_t ns;
	long r;

	switch (id) {
	case CLOCK_REALTIME: case CLOCK_TAI: case CLOCK_MONOTONIC: case CLOCK_BOOTTIME:
		r = begin_sleep(t, (uint64_t)t->arg[2], absolute, id == CLOCK_REALTIME || id == CLOCK_TAI);
		return r < 0 ? r : sleep_until(t, absolute ? 0 : (uint64_t)t->arg[3]);
	case CLOCK_THREAD_CPUTIME_ID:
		return -EOPNOTSUPP;
	default:
		if (!rt_cpu_clock_of(id, t, &cpu))
			return clock_ns(t, id, &ns) < 0 ? -EINVAL : -EOPNOTSUPP;
		return cpu.tid == t->tid ? -EINVAL : sleep_cpu(t, &cpu, absolute);
	}
}

const struct rt_syscall_entry rt_syscalls_time[] = {
	{ __NR_clock_gettime, RT_SYS_INSIDE, sys_clock_gettime },
	{ __NR_clock_getres, RT_SYS_INSIDE, sys_clock_getres },
	{ __NR_clock_settime, RT_SYS_INSIDE, sys_clock_settime },
	{ __NR_settimeofday, RT_SYS_INSIDE, sys_settimeofday },
	{ __NR_gettimeofday, RT_SYS_INSIDE, sys_gettimeofday },
	{ __NR_time, RT_SYS_INSIDE, sys_time },
	{ __NR_times, 0, sys_times },
	{ __NR_nanosleep, 0, sys_nanosleep },
	{ __NR_clock_nanosleep, 0, sys_clock_nanosleep },
	{ __NR_setitimer, RT_SYS_INSIDE, rt_sys_setitimer },
	{ __NR_getitimer, RT_SYS_INSIDE, rt_sys_getitimer },
	{ __NR_alarm, RT_SYS_INSIDE, rt_sys_alarm },
	{ __NR_timer_create, RT_SYS_INSIDE, rt_sys_timer_create },
	{ __NR_timer_settime, RT_SYS_INSIDE, rt_sys_timer_settime },
	{ __NR_timer_gettime, RT_SYS_INSIDE, rt_sys_timer_gettime },
	{ __NR_timer_delete, RT_SYS_INSIDE, rt_sys_timer_delete },
	{ __NR_timer_getoverrun, RT_SYS_INSIDE, rt_sys_timer_getoverrun },
	{ RT_SYS_TIMER_LOOP, 0, rt_timer_loop },
	{ 0, 0, NULL },
};
