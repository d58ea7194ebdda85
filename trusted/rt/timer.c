/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setitimer, alarm, timer_create. A timer is a deadline on its clock: virtual monotonic time, or CPU time as cputime.c tells
 * it. It is resident, so it goes on after a migration with the time it had left. A thread of the runtime's own sleeps until the
 * next deadline and sends the signals. The thread is made with the first timer and takes one application thread slot. CPU clocks
 * pass at no known speed, so the thread looks at them again and again: as seldom as they allow, every LOOK_IDLE_NS if they stand still.
 *
 * ITIMER_REAL stands still from its signal until the signal is taken, and takes up its period then (rt_alarm_taken), as on Linux. Another
 * timer goes on, and has one signal queued at most. Expirations until that signal is delivered are counted, and told by si_overrun and
 * timer_getoverrun (sigqueue.c calls rt_timer_taken).
 */
#include "rt/internal.h"

#define ITIMERS      3u
#define LOOK_IDLE_NS 64000000

struct timer {
	int64_t deadline_ns, interval_ns;  /* deadline 0: disarmed */
	int64_t expired_ns;                /* ITIMER_REAL: the deadline that it stands still since */
	uint32_t used, signo;
	int32_t  tid;                      /* whom to send it to; 0: the process */
	uint32_t itimer;                   /* SI_KERNEL instead of SI_TIMER */
	uint64_t value;
	uint32_t clock;                    /* enum timer_clock */
	struct rt_cpu_clock cpu;
	uint32_t generation;               /* which timer of this place, set for the how-manieth time */
	uint32_t queued;                   /* its signal is */
	uint64_t missed;                   /* expirations since */
	uint32_t overrun;                  /* those of the last signal delivered */
};
enum timer_clock { TIMER_MONOTONIC, TIMER_REALTIME, TIMER_CPU };

RT_RESIDENT static struct timer timers[ITIMERS + RT_TIMERS_MAX];
RT_RESIDENT static struct rt_lock timer_lock;
RT_RESIDENT static uint32_t loop_started;
RT_RESIDENT static _Atomic uint32_t loop_slot;

struct lx_sigevent { uint64_t value; int32_t signo, notify; int32_t tid; int32_t pad[11]; };
struct lx_itimerspec { struct lx_timespec interval, value; };
struct lx_itimerval { struct lx_timeval interval, value; };

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* The time on the clock that a timer counts; the end of time for a thread that is gone. */
static int64_t now_of(const struct timer *timer)
{
	int64_t ns;

	if (timer->clock != TIMER_CPU)
		return rt_monotonic_ns();
	return rt_cpu_ns(&timer->cpu, &ns) ? ns : -1;
}

/* ---- expiring ---------------------------------------------------------------------------------------------------------- */

/* What rt_timer_taken() gets: place and generation, never 0. */
static uint32_t name_of(unsigned place, const struct timer *timer)
{
	return place + 1 + (timer->generation << 8);
}

/* Context: timer_lock. Brings the timer past `now`; true if its signal is to be sent. */
static bool expire(struct timer *timer, int64_t now)
{
	int64_t periods = 0;

	if (!timer->used || !timer->deadline_ns || timer->deadline_ns > now)
		return false;
	if (timer == &timers[0]) {
		timer->expired_ns = timer->deadline_ns;
		timer->deadline_ns = 0;
	} else if (timer->interval_ns) {
		periods = (now - timer->deadline_ns) / timer->interval_ns;
		timer->deadline_ns = add(timer->deadline_ns + periods * timer->interval_ns, timer->interval_ns);
	} else {
		timer->deadline_ns = 0;
	}
	if (!timer->signo)
		return false;
	if (timer->itimer)
		return true;
	timer->missed += (uint64_t)periods + timer->queued;
	if (timer->queued)
		return false;
	timer->queued = 1;
	return true;
}

/* Delivered at `now` of its clock, dropped if that is negative: then nobody hears of what it missed. */
static bool taken(uint32_t name, int64_t now, uint32_t *ret_overrun)
{
	unsigned place = (name & 255) - 1;
	struct timer *timer = &timers[place];
	bool current;

	*ret_overrun = 0;
	rt_lock(&timer_lock);
	current = timer->used && name_of(place, timer) == name;
	if (current) {
		(void)expire(timer, now);  /* what the timers' thread has not seen yet belongs to this signal: it gets none of its own */
		*ret_overrun = timer->overrun = timer->missed > INT32_MAX ? INT32_MAX : (uint32_t)timer->missed;
		timer->queued = 0;
		timer->missed = 0;
	}
	rt_unlock(&timer_lock);
	return current;
}

bool rt_timer_taken(uint32_t name, uint32_t *ret_overrun)
{
	struct timer timer;

	rt_lock(&timer_lock);
	timer = timers[(name & 255) - 1];
	rt_unlock(&timer_lock);
	return taken(name, now_of(&timer), ret_overrun);   /* the time may be a host call */
}

void rt_timer_dropped(uint32_t name)
{
	(void)taken(name, -1, &(uint32_t){ 0 });
}

static void send(unsigned place, const struct timer *due)
{
	struct rt_siginfo info = { .signo = (int32_t)due->signo, .code = SI_KERNEL };
	struct rt_thread *t = due->tid ? rt_thread_by_tid(due->tid) : NULL;
	uint32_t name = name_of(place, due);

	if (due->itimer) {
		(void)rt_signal_post(NULL, &info); /* without room it comes without information */
		return;
	}
	info.code = SI_TIMER;
	info.a = place - ITIMERS;
	info.b = due->value;
	if ((due->tid && !t) || rt_signal_post_timer(t, &info, name) != RT_SIGQUEUE_ADDED)
		rt_timer_dropped(name);            /* ignored, or nobody is there */
}

/* When to look at a timer that has not expired, in virtual monotonic time. */
static int64_t look_at(const struct timer *timer, int64_t clock_now, int64_t now, bool used_any)
{
	int64_t wait;

	if (timer->clock != TIMER_CPU)
		return timer->deadline_ns;
	wait = rt_cpu_look_again(&timer->cpu, timer->deadline_ns - clock_now);
	return now + (used_any || wait > LOOK_IDLE_NS ? wait : LOOK_IDLE_NS);
}

/* CPU time has been used since this was asked last: more than looking costs. */
static bool cpu_used(void)
{
	static int64_t last_ns;
	int64_t ns = 0, used;

	(void)rt_cpu_ns(&(struct rt_cpu_clock){ 0, RT_CPU_ALL }, &ns); /* the process' clocks always answer */
	used = ns - last_ns;
	last_ns = ns;
	return used > LOOK_IDLE_NS / 64;
}

/* Sends what is due and returns when to look again, 0 for never. */
static int64_t run_due(void)
{
	int64_t next = 0;
	int used_any = -1;

	for (unsigned i = 0; i < ITIMERS + RT_TIMERS_MAX; i++) {
		struct timer *timer = &timers[i], due;
		int64_t now, clock_now, look;
		bool fire;

		if (!timer->used || !timer->deadline_ns)
			continue;
		if (timer->clock == TIMER_CPU && used_any < 0)
			used_any = cpu_used();
		now = rt_monotonic_ns();
		rt_lock(&timer_lock);
		due = *timer;
		rt_unlock(&timer_lock);
		clock_now = now_of(&due);          /* may be a host call */
		rt_lock(&timer_lock);
		fire = timer->generation == due.generation && expire(timer, clock_now);
		due = *timer;
		rt_unlock(&timer_lock);
		if (fire)
			send(i, &due);
		if (!due.used || !due.deadline_ns || clock_now < 0)
			continue;
		look = look_at(&due, clock_now, now, used_any != 0);
		if (!next || look < next)
			next = look;
	}
	return next;
}

long rt_timer_loop(struct rt_thread *t)
{
	atomic_store(&loop_slot, t->slot);
	for (;;)
		rt_park_until(run_due());
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

/* `now`: of its clock. Never 0 while it is armed. What the timers' thread has not seen yet has expired nevertheless. */
static int64_t left(const struct timer *timer, int64_t now)
{
	int64_t late = now - timer->deadline_ns;

	if (!timer->deadline_ns || late < 0)
		return timer->deadline_ns ? -late : 0;
	return timer->interval_ns && timer != &timers[0] ? timer->interval_ns - late % timer->interval_ns : 1000;
}

static long arm(struct timer *timer, int64_t deadline_ns, int64_t interval_ns, struct timer *ret_old)
{
	rt_lock(&timer_lock);
	*ret_old = *timer;
	timer->deadline_ns = deadline_ns;
	timer->interval_ns = interval_ns;
	timer->overrun = 0;
	timer->missed = 0;
	if (!timer->itimer) {
		timer->generation++;
		timer->queued = 0;
	}
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

void rt_alarm_taken(void)
{
	struct timer *timer = &timers[0];
	int64_t now = rt_monotonic_ns(), late; /* may be a host call */
	bool again;

	rt_lock(&timer_lock);
	again = timer->interval_ns && !timer->deadline_ns;
	if (again) {
		late = now - timer->expired_ns;
		timer->deadline_ns = add(timer->expired_ns + late / timer->interval_ns * timer->interval_ns, timer->interval_ns);
	}
	rt_unlock(&timer_lock);
	if (again)
		(void)wake_loop(); /* it has been started */
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
	timer->itimer = 1;
	timer->signo = signals[which];
	timer->clock = which == 0 ? TIMER_MONOTONIC : TIMER_CPU;
	timer->cpu = (struct rt_cpu_clock){ 0, which == 1 ? RT_CPU_USER : RT_CPU_ALL_COARSE };
	timer->used = 1;
	return timer;
}

long rt_sys_setitimer(struct rt_thread *t)
{
	struct timer *timer = itimer_of(t->arg[0]), old;
	struct lx_itimerval v = { { 0, 0 }, { 0, 0 } };
	int64_t value, interval, now;
	long r;

	if (!timer)
		return -EINVAL;
	now = now_of(timer);
	if (t->arg[1] && rt_app_get(&v, (uint64_t)t->arg[1], sizeof v) < 0)
		return -EFAULT;
	if (!timeval_ns(&v.value, &value) || !timeval_ns(&v.interval, &interval))
		return -EINVAL;
	if (timer == &timers[0] && !value)
		interval = 0;
	r = arm(timer, value ? add(now, value) : 0, interval, &old);
	return r < 0 ? r : put_itimer((uint64_t)t->arg[2], &old, now);
}

long rt_sys_getitimer(struct rt_thread *t)
{
	struct timer *timer = itimer_of(t->arg[0]);

	return timer ? put_itimer((uint64_t)t->arg[1], timer, now_of(timer)) : -EINVAL;
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
	if (id < 0 || id >= (long)RT_TIMERS_MAX || !timers[ITIMERS + id].used)
		return NULL;
	return &timers[ITIMERS + id];
}

static struct timer *allocate(void)
{
	for (unsigned i = ITIMERS; i < ITIMERS + RT_TIMERS_MAX; i++)
		if (!timers[i].used) {
			timers[i] = (struct timer){ .used = 1, .generation = timers[i].generation + 1 };
			return &timers[i];
		}
	return NULL;
}

/* Context: timer_lock, or nobody knows of the timer yet. */
static void release(struct timer *timer)
{
	*timer = (struct timer){ .used = 0, .generation = timer->generation };
}

static long decode_clock(const struct rt_thread *t, int32_t id, struct timer *ret_timer)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_TAI:
		ret_timer->clock = TIMER_REALTIME;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		ret_timer->clock = TIMER_MONOTONIC;
		return 0;
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		return -EPERM;
	default:
		ret_timer->clock = TIMER_CPU;
		return rt_cpu_clock_of(id, t, &ret_timer->cpu) ? 0 : -EINVAL;
	}
}

static long decode_event(const struct lx_sigevent *event, struct timer *ret_timer)
{
	if (event->notify == SIGEV_NONE)
		return 0;
	if (event->signo < 1 || event->signo > SIG_MAX || (event->notify != SIGEV_SIGNAL && event->notify != SIGEV_THREAD_ID))
		return -EINVAL;
	if (event->notify == SIGEV_THREAD_ID && !rt_thread_by_tid(event->tid))
		return -EINVAL;
	ret_timer->signo = (uint32_t)event->signo;
	ret_timer->tid = event->notify == SIGEV_THREAD_ID ? event->tid : 0;
	return 0;
}

long rt_sys_timer_create(struct rt_thread *t)
{
	struct lx_sigevent event = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	struct timer wanted = { .used = 1 }, *timer;
	int32_t id;
	long r;

	if (t->arg[1] && rt_app_get(&event, (uint64_t)t->arg[1], sizeof event) < 0)
		return -EFAULT;
	r = decode_clock(t, (int32_t)t->arg[0], &wanted);
	if (r == 0)
		r = decode_event(&event, &wanted);
	if (r < 0)
		return r;
	rt_lock(&timer_lock);
	timer = allocate();
	if (timer) {
		id = (int32_t)(timer - timers - ITIMERS);
		wanted.value = t->arg[1] ? event.value : (uint64_t)id;
		wanted.generation = timer->generation;
		*timer = wanted;
	}
	rt_unlock(&timer_lock);
	if (!timer)
		return -EAGAIN;
	r = rt_app_put((uint64_t)t->arg[2], &id, sizeof id);
	if (r < 0)
		release(timer);
	return r;
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
	struct timer *timer = timer_of((int32_t)t->arg[0]), old;
	int64_t value, interval, now;
	long r;

	r = t->arg[2] ? rt_timespec_get((uint64_t)t->arg[2], &interval) : -EINVAL;
	if (r == 0)
		r = rt_timespec_get((uint64_t)t->arg[2] + sizeof(struct lx_timespec), &value);
	if (r < 0)
		return r;
	if (!timer)
		return -EINVAL;
	now = now_of(timer);
	if (now < 0)
		return -ESRCH;
	if (value && (t->arg[1] & TIMER_ABSTIME))
		value = timer->clock == TIMER_REALTIME ? add(value - rt_realtime_ns(), now) : value;
	else if (value)
		value = add(value, now);
	r = arm(timer, value < 0 ? 1 : value, interval, &old);
	return r < 0 ? r : put_timer((uint64_t)t->arg[3], &old, now);
}

long rt_sys_timer_gettime(struct rt_thread *t)
{
	struct timer *timer = timer_of((int32_t)t->arg[0]);

	if (!timer)
		return -EINVAL;
	return t->arg[1] ? put_timer((uint64_t)t->arg[1], timer, now_of(timer)) : -EFAULT;
}

long rt_sys_timer_getoverrun(struct rt_thread *t)
{
	struct timer *timer = timer_of((int32_t)t->arg[0]);

	return timer ? (long)timer->overrun : -EINVAL;
}

long rt_sys_timer_delete(struct rt_thread *t)
{
	struct timer *timer = timer_of((int32_t)t->arg[0]);

	if (!timer)
		return -EINVAL;
	rt_lock(&timer_lock);
	release(timer);
	rt_unlock(&timer_lock);
	return 0;
}
