/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setitimer, alarm, timer_create. A timer is a deadline in virtual monotonic time, resident, so it goes on after a
 * migration with the time it had left. A thread of the runtime's own sleeps until the next deadline and sends the
 * signals; it is made with the first timer and takes one application thread slot. ITIMER_VIRTUAL and ITIMER_PROF count
 * real time: CPU time is the host's word.
 */
#include "rt/internal.h"

#define TIMERS_MAX 64u
#define ITIMERS    3u

struct timer {
	int64_t deadline_ns, interval_ns;  /* deadline 0: disarmed */
	uint32_t used, signo;
	int32_t  tid;                      /* 0: the process */
	uint32_t overrun;
	uint64_t value;
	uint32_t itimer, realtime;         /* itimer: SI_KERNEL instead of SI_TIMER */
};

RT_RESIDENT static struct timer timers[ITIMERS + TIMERS_MAX];
RT_RESIDENT static struct rt_lock timer_lock;
RT_RESIDENT static uint32_t loop_started;
RT_RESIDENT static _Atomic uint32_t loop_slot;

struct lx_sigevent { uint64_t value; int32_t signo, notify; int32_t tid; int32_t pad[11]; };
struct lx_itimerspec { struct lx_timespec interval, value; };
struct lx_itimerval { struct lx_timeval interval, value; };

/* Sends what is due and returns the next deadline, 0 for none. */
static int64_t run_due(int64_t now)
{
	int64_t next = 0;

	for (unsigned i = 0; i < ITIMERS + TIMERS_MAX; i++) {
		struct timer *timer = &timers[i], due;
		bool fire;

		rt_lock(&timer_lock);
		fire = timer->used && timer->deadline_ns && timer->deadline_ns <= now;
		if (fire && timer->interval_ns) {
			int64_t periods = (now - timer->deadline_ns) / timer->interval_ns;
			timer->overrun = (uint32_t)periods;
			timer->deadline_ns += (periods + 1) * timer->interval_ns;
		} else if (fire) {
			timer->deadline_ns = 0;
		}
		due = *timer;
		rt_unlock(&timer_lock);
		if (due.used && due.deadline_ns && (!next || due.deadline_ns < next))
			next = due.deadline_ns;
		if (fire && due.signo) {
			struct rt_siginfo info = { .signo = (int32_t)due.signo, .code = due.itimer ? SI_KERNEL : SI_TIMER,
				.a = i - ITIMERS, .b = due.value };
			struct rt_thread *t = due.tid ? rt_thread_by_tid(due.tid) : NULL;
			if (due.itimer)
				info.a = info.b = 0;
			if (!due.tid || t)
				rt_signal_post(t, &info);
		}
	}
	return next;
}

long rt_timer_loop(struct rt_thread *t)
{
	atomic_store(&loop_slot, t->slot);
	for (;;)
		rt_park_until(run_due(rt_monotonic_ns()));
}

/* After a change: the thread exists and looks again. */
static long wake_loop(void)
{
	bool start;

	rt_lock(&timer_lock);
	start = !loop_started;
	loop_started = 1;
	rt_unlock(&timer_lock);
	if (start) {
		long r = rt_thread_internal(RT_SYS_TIMER_LOOP, "optmig-timers");
		if (r < 0)
			loop_started = 0;
		return r;
	}
	if (atomic_load(&loop_slot))
		rt_unpark(atomic_load(&loop_slot));
	return 0;
}

static int64_t left(const struct timer *timer, int64_t now)
{
	return !timer->deadline_ns ? 0 : timer->deadline_ns > now ? timer->deadline_ns - now : 1000;
}

static long arm(struct timer *timer, int64_t deadline_ns, int64_t interval_ns, struct timer *ret_old)
{
	rt_lock(&timer_lock);
	*ret_old = *timer;
	timer->deadline_ns = deadline_ns;
	timer->interval_ns = interval_ns;
	timer->overrun = 0;
	rt_unlock(&timer_lock);
	return deadline_ns ? wake_loop() : 0;
}

/* ---- interval timers ----------------------------------------------------------------------------------------------- */

static bool timeval_ns(const struct lx_timeval *tv, int64_t *ret_ns)
{
	*ret_ns = tv->sec > INT64_MAX / 1000000000 - 1 ? INT64_MAX / 2 : tv->sec * 1000000000 + tv->usec * 1000;
	return tv->sec >= 0 && tv->usec >= 0 && tv->usec < 1000000;
}

static struct lx_timeval to_timeval(int64_t ns)
{
	return (struct lx_timeval){ ns / 1000000000, ns % 1000000000 / 1000 };
}

static long put_itimer(uint64_t app, const struct timer *timer, int64_t now)
{
	struct lx_itimerval v = { to_timeval(timer->interval_ns), to_timeval(left(timer, now)) };

	return app ? rt_app_put(app, &v, sizeof v) : 0;
}


static struct timer *itimer_of(long which)
{
	static const uint8_t signals[ITIMERS] = { SIGALRM, SIGVTALRM, SIGPROF };
	struct timer *timer;

	if (which < 0 || which >= (long)ITIMERS)
		return NULL;
	timer = &timers[which];
	timer->used = timer->itimer = 1;
	timer->signo = signals[which];
	return timer;
}

long rt_sys_setitimer(struct rt_thread *t)
{
	struct timer *timer = itimer_of(t->arg[0]), old;
	struct lx_itimerval v = { { 0, 0 }, { 0, 0 } };
	int64_t value, interval, now = rt_monotonic_ns();
	long r;

	if (!timer)
		return -EINVAL;
	if (t->arg[1] && rt_app_get(&v, (uint64_t)t->arg[1], sizeof v) < 0)
		return -EFAULT;
	if (!timeval_ns(&v.value, &value) || !timeval_ns(&v.interval, &interval))
		return -EINVAL;
	r = arm(timer, value ? now + value : 0, interval, &old);
	return r < 0 ? r : put_itimer((uint64_t)t->arg[2], &old, now);
}

long rt_sys_getitimer(struct rt_thread *t)
{
	struct timer *timer = itimer_of(t->arg[0]);

	return timer ? put_itimer((uint64_t)t->arg[1], timer, rt_monotonic_ns()) : -EINVAL;
}

long rt_sys_alarm(struct rt_thread *t)
{
	int64_t now = rt_monotonic_ns();
	struct timer old;
	uint32_t seconds = (uint32_t)t->arg[0];
	long r = arm(itimer_of(0), seconds ? now + seconds * 1000000000LL : 0, 0, &old);

	return r < 0 ? r : (left(&old, now) + 999999999) / 1000000000;
}

/* ---- POSIX timers ---------------------------------------------------------------------------------------------------- */

static struct timer *timer_of(long id)
{
	if (id < 0 || id >= (long)TIMERS_MAX || !timers[ITIMERS + id].used)
		return NULL;
	return &timers[ITIMERS + id];
}

static struct timer *allocate(void)
{
	for (unsigned i = ITIMERS; i < ITIMERS + TIMERS_MAX; i++)
		if (!timers[i].used) {
			timers[i] = (struct timer){ .used = 1 };
			return &timers[i];
		}
	return NULL;
}

long rt_sys_timer_create(struct rt_thread *t)
{
	struct lx_sigevent event = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	struct timer *timer;
	int32_t id;

	if (t->arg[0] != CLOCK_REALTIME && t->arg[0] != CLOCK_MONOTONIC && t->arg[0] != CLOCK_BOOTTIME)
		return -EINVAL;
	if (t->arg[1] && rt_app_get(&event, (uint64_t)t->arg[1], sizeof event) < 0)
		return -EFAULT;
	if (event.notify != SIGEV_NONE && (event.signo < 1 || event.signo > SIG_MAX ||
	    (event.notify != SIGEV_SIGNAL && event.notify != SIGEV_THREAD_ID)))
		return -EINVAL;
	rt_lock(&timer_lock);
	timer = allocate();
	rt_unlock(&timer_lock);
	if (!timer)
		return -EAGAIN;
	id = (int32_t)(timer - timers - ITIMERS);
	timer->signo = event.notify == SIGEV_NONE ? 0 : (uint32_t)event.signo;
	timer->tid = event.notify == SIGEV_THREAD_ID ? event.tid : 0;
	timer->value = t->arg[1] ? event.value : (uint64_t)id;
	timer->realtime = t->arg[0] == CLOCK_REALTIME;
	return rt_app_put((uint64_t)t->arg[2], &id, sizeof id);
}

static long put_timer(uint64_t app, const struct timer *timer, int64_t now)
{
	if (!app)
		return 0;
	if (rt_timespec_put(app, timer->interval_ns) < 0)
		return -EFAULT;
	return rt_timespec_put(app + sizeof(struct lx_timespec), left(timer, now));
}

long rt_sys_timer_settime(struct rt_thread *t)
{
	struct timer *timer = timer_of(t->arg[0]), old;
	int64_t value, interval, now = rt_monotonic_ns();
	long r;

	if (!timer)
		return -EINVAL;
	r = rt_timespec_get((uint64_t)t->arg[2], &interval);
	if (r == 0)
		r = rt_timespec_get((uint64_t)t->arg[2] + sizeof(struct lx_timespec), &value);
	if (r < 0)
		return r;
	if (value && (t->arg[1] & TIMER_ABSTIME))
		value = timer->realtime ? value - rt_realtime_ns() + now : value;
	else if (value)
		value += now;
	r = arm(timer, value < 0 ? 1 : value, interval, &old);
	return r < 0 ? r : put_timer((uint64_t)t->arg[3], &old, now);
}

long rt_sys_timer_gettime(struct rt_thread *t)
{
	struct timer *timer = timer_of(t->arg[0]);

	return timer ? put_timer((uint64_t)t->arg[1], timer, rt_monotonic_ns()) : -EINVAL;
}

long rt_sys_timer_getoverrun(struct rt_thread *t)
{
	struct timer *timer = timer_of(t->arg[0]);

	return timer ? (long)timer->overrun : -EINVAL;
}

long rt_sys_timer_delete(struct rt_thread *t)
{
	struct timer *timer = timer_of(t->arg[0]);

	if (!timer)
		return -EINVAL;
	rt_lock(&timer_lock);
	*timer = (struct timer){ .used = 0 };
	rt_unlock(&timer_lock);
	return 0;
}
