/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduling policies and priorities. The host schedules, so the host is asked, for the host thread that serves the program's thread. What
 * the host has allowed is kept in the program's thread. It is set again when another host thread serves that thread, after a migration too. On a
 * destination that does not allow it the thread runs without it. The program is not told, for it could do nothing about it.
 *
 * Host threads begin with the policy of the host process. SCHED_RESET_ON_FORK keeps a host thread's settings from the threads that it makes.
 */
#include "rt/internal.h"

#define PRIORITY_MAX 99
#define PRIO_PROCESS 0
#define PRIO_USER    2

enum { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5, SCHED_DEADLINE };
#define SCHED_RESET_ON_FORK 0x40000000

/* The highest priority of a policy, or -1: there is no such policy. */
static int highest(int32_t policy)
{
	switch (policy) {
	case SCHED_FIFO: case SCHED_RR:
		return PRIORITY_MAX;
	case SCHED_OTHER: case SCHED_BATCH: case SCHED_IDLE: case SCHED_DEADLINE:
		return 0;
	default:
		return -1;
	}
}

static struct rt_thread *thread_of(struct rt_thread *t, int32_t id)
{
	return id == 0 ? t : rt_thread_by_tid(id);
}

struct sched { int32_t policy, priority, nice; };
RT_LOCAL static struct sched base;                   /* how this host process was started */

void rt_sched_boot(void)
{
	RT_UNTRUSTED void *ub = rt_ub_alloc(16);
	long policy = rt_host(__NR_sched_getscheduler, 0, 0, 0, 0, 0, 0), nice = rt_host(__NR_getpriority, PRIO_PROCESS, 0, 0, 0, 0, 0);

	if (policy > 0 && ub && rt_host(__NR_sched_getparam, 0, (uint64_t)ub, 0, 0, 0, 0) == 0) {
		rt_ub_get(&base.priority, ub, sizeof base.priority);
		base.policy = (int32_t)policy & ~SCHED_RESET_ON_FORK;
	}
	if (highest(base.policy) < 0 || base.priority < 0 || base.priority > highest(base.policy))
		base.policy = base.priority = 0;
	base.nice = nice >= 1 && nice <= 40 ? 20 - (int32_t)nice : 0;
	rt_ub_reset();
}

void rt_sched_first(struct rt_thread *t)
{
	t->sched_policy = base.policy;
	t->sched_priority = base.priority;
	t->sched_nice = base.nice;
}

static struct sched host_of(const struct rt_tcb *tcb)
{
	return tcb->host_sched_set ? (struct sched){ tcb->host_policy, tcb->host_priority, tcb->host_nice } : base;
}

static void host_is(struct rt_tcb *tcb, struct sched now)
{
	tcb->host_policy = now.policy;
	tcb->host_priority = now.priority;
	tcb->host_nice = now.nice;
	tcb->host_sched_set = 1;
}

static uint64_t host_tid_of(const struct rt_thread *t)
{
	return (uint64_t)__atomic_load_n(&rt_tcb_of(t->slot)->host_tid, __ATOMIC_RELAXED);
}

static long tell_host(struct rt_thread *t, int32_t policy, int32_t priority)
{
	struct rt_tcb *tcb = rt_tcb_of(t->slot);
	struct sched now = host_of(tcb);
	RT_UNTRUSTED void *ub = rt_ub_alloc(16);
	long r;

	if (!host_tid_of(t))
		return 0;                          /* it has not run yet: rt_sched_enter() will */
	if (!ub)
		return -ENOMEM;
	rt_ub_put(ub, &priority, sizeof priority);
	r = rt_host(__NR_sched_setscheduler, host_tid_of(t), (uint64_t)(policy | SCHED_RESET_ON_FORK), (uint64_t)ub, 0, 0, 0);
	if (r < 0)
		return r;
	now.policy = policy;
	now.priority = priority;
	host_is(tcb, now);
	return 0;
}

static long tell_host_nice(struct rt_thread *t, int32_t nice)
{
	struct sched now = host_of(rt_tcb_of(t->slot));
	long r = host_tid_of(t) ? rt_host(__NR_setpriority, PRIO_PROCESS, host_tid_of(t), (uint64_t)(int64_t)nice, 0, 0, 0) : 0;

	if (r < 0 || !host_tid_of(t))
		return r;
	now.nice = nice;
	host_is(rt_tcb_of(t->slot), now);
	return 0;
}

void rt_sched_enter(struct rt_tcb *tcb, struct rt_thread *t)
{
	int32_t policy = t->sched_policy & ~SCHED_RESET_ON_FORK;
	struct sched now = host_of(tcb);
	bool other = policy != now.policy || t->sched_priority != now.priority;

	if (RT_LIKELY(!other && t->sched_nice == now.nice))
		return;
	/* A refusal changes nothing: see above. */
	if (other)
		(void)tell_host(t, policy, t->sched_priority);
	if (t->sched_nice != now.nice)
		(void)tell_host_nice(t, t->sched_nice);
	rt_ub_reset();
}

void rt_sched_inherit(struct rt_thread *child, const struct rt_thread *t)
{
	if (!(t->sched_policy & SCHED_RESET_ON_FORK)) {
		child->sched_policy = t->sched_policy;
		child->sched_priority = t->sched_priority;
		child->sched_nice = t->sched_nice;
	}
}

/* ---- system calls -------------------------------------------------------------------------------------------------------- */

static long sys_get_priority_max(struct rt_thread *t)
{
	int most = highest((int32_t)t->arg[0]);

	return most < 0 ? -EINVAL : most;
}

static long sys_get_priority_min(struct rt_thread *t)
{
	int most = highest((int32_t)t->arg[0]);

	return most < 0 ? -EINVAL : most > 0;
}

static long set(struct rt_thread *t, int32_t id, bool keep_policy, int32_t policy, uint64_t param)
{
	struct rt_thread *of;
	int32_t priority, plain;
	long r;

	if (!param || id < 0 || (!keep_policy && policy < 0))
		return -EINVAL;
	if (rt_app_get(&priority, param, sizeof priority) < 0)
		return -EFAULT;
	of = thread_of(t, id);
	if (!of)
		return -ESRCH;
	if (keep_policy)
		policy = of->sched_policy;
	plain = policy & ~SCHED_RESET_ON_FORK;
	/* Deadlines come with another call. */
	if (highest(plain) < 0 || plain == SCHED_DEADLINE || priority < 0 || priority > highest(plain) || (priority == 0) != (highest(plain) == 0))
		return -EINVAL;
	r = tell_host(of, plain, priority);
	if (r < 0)
		return r == -ESRCH ? -EPERM : r;
	of->sched_policy = policy;
	of->sched_priority = priority;
	return 0;
}

static long sys_setscheduler(struct rt_thread *t)
{
	return set(t, (int32_t)t->arg[0], false, (int32_t)t->arg[1], (uint64_t)t->arg[2]);
}

static long sys_setparam(struct rt_thread *t)
{
	return set(t, (int32_t)t->arg[0], true, 0, (uint64_t)t->arg[1]);
}

static long sys_getscheduler(struct rt_thread *t)
{
	int32_t id = (int32_t)t->arg[0];
	struct rt_thread *of = thread_of(t, id);

	return id < 0 ? -EINVAL : !of ? -ESRCH : of->sched_policy;
}

static long sys_getparam(struct rt_thread *t)
{
	int32_t id = (int32_t)t->arg[0];
	struct rt_thread *of = thread_of(t, id);

	if (!t->arg[1] || id < 0)
		return -EINVAL;
	return !of ? -ESRCH : rt_app_put((uint64_t)t->arg[1], &of->sched_priority, sizeof of->sched_priority);
}

static long sys_rr_get_interval(struct rt_thread *t)
{
	int32_t id = (int32_t)t->arg[0];
	struct rt_thread *of = thread_of(t, id);
	RT_UNTRUSTED void *ub = rt_ub_alloc(sizeof(struct lx_timespec));
	long r;

	if (id < 0)
		return -EINVAL;
	if (!of)
		return -ESRCH;
	r = ub ? rt_host(__NR_sched_rr_get_interval, host_tid_of(of), (uint64_t)ub, 0, 0, 0, 0) : -ENOMEM;
	return r < 0 ? r : rt_ub_to_app((uint64_t)t->arg[1], ub, sizeof(struct lx_timespec));
}

/* ---- nice: of a thread, as on Linux ---------------------------------------------------------------------------------------- */

/* NULL with *ret_error: nobody, or somebody that is not of this program. Of the process group and of the user there is only it. */
static struct rt_thread *niced(struct rt_thread *t, long *ret_error)
{
	int32_t which = (int32_t)t->arg[0], who = (int32_t)t->arg[1];
	bool mine = who == 0 || (uint32_t)who == (which == PRIO_USER ? rt_ids()->uid : (uint32_t)rt_pid);

	*ret_error = which < PRIO_PROCESS || which > PRIO_USER ? -EINVAL : -ESRCH;
	return which == PRIO_PROCESS ? thread_of(t, who) : *ret_error == -ESRCH && mine ? t : NULL;
}

static long sys_getpriority(struct rt_thread *t)
{
	long error;
	struct rt_thread *of = niced(t, &error);

	return of ? 20 - of->sched_nice : error;
}

static long sys_setpriority(struct rt_thread *t)
{
	int32_t nice = (int32_t)t->arg[2] < -20 ? -20 : (int32_t)t->arg[2] > 19 ? 19 : (int32_t)t->arg[2];
	long error, r;
	struct rt_thread *of = niced(t, &error);

	if (!of)
		return error;
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		struct rt_thread *one = &rt_threads[slot];

		if (t->arg[0] == PRIO_PROCESS ? one != of : rt_thread_by_tid(one->tid) != one)
			continue;
		r = tell_host_nice(one, nice);
		if (r < 0)
			return r == -ESRCH ? -EACCES : r;
		one->sched_nice = nice;
	}
	return 0;
}

/*
 * All threads have passed a safepoint, or are outside and pass a barrier when they come back: x86 orders what they did before and do after
 * that with what we did before and do next. Registering costs nothing and is not asked for.
 */
static long barrier(void)
{
	uint64_t epoch;

	rt_self()->epoch_seen = atomic_load(&rt_epoch);
	epoch = rt_handshake_begin();
	do {
		rt_self()->epoch_seen = atomic_load(&rt_epoch);
		if (rt_stop_requested())
			rt_park_self();
		rt_yield();
	} while (!rt_handshake_done(epoch));
	return 0;
}

static long sys_membarrier(struct rt_thread *t)
{
	const long known = MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED | MEMBARRIER_REGISTER_GLOBAL_EXPEDITED |
		MEMBARRIER_PRIVATE_EXPEDITED | MEMBARRIER_REGISTER_PRIVATE_EXPEDITED;

	if (t->arg[1])
		return -EINVAL;
	switch ((int32_t)t->arg[0]) {
	case MEMBARRIER_QUERY:
		return known;
	case MEMBARRIER_GLOBAL: case MEMBARRIER_GLOBAL_EXPEDITED: case MEMBARRIER_PRIVATE_EXPEDITED:
		return barrier();
	case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED: case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
		return 0;
	default:
		return -EINVAL;
	}
}

const struct rt_syscall_entry rt_syscalls_sched[] = {
	{ __NR_membarrier, 0, sys_membarrier },
	{ __NR_sched_get_priority_max, RT_SYS_INSIDE, sys_get_priority_max },
	{ __NR_sched_get_priority_min, RT_SYS_INSIDE, sys_get_priority_min },
	{ __NR_sched_setscheduler, 0, sys_setscheduler },
	{ __NR_sched_setparam, 0, sys_setparam },
	{ __NR_sched_getscheduler, RT_SYS_INSIDE, sys_getscheduler },
	{ __NR_sched_getparam, RT_SYS_INSIDE, sys_getparam },
	{ __NR_sched_rr_get_interval, 0, sys_rr_get_interval },
	{ __NR_getpriority, RT_SYS_INSIDE, sys_getpriority },
	{ __NR_setpriority, 0, sys_setpriority },
	{ 0, 0, NULL },
};
