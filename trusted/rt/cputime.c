/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time: the host's word, made to go on over a migration.
 *
 *     process    host process' + process_offset[]
 *     thread     host thread's + cpu_offset_ns of the thread: a host thread serves one thread of the program after another
 *
 * The kernel's number of a CPU clock holds a pid or tid, and which of three times is meant. The numbers of the host's threads come with
 * OM_ECALL_THREAD. Of a thread's three times only the sum is told: its division is not followed over threads and hosts.
 */
#include "rt/internal.h"

#define CLOCK_PER_THREAD 4
#define CLOCK_WHICH      3

/* A host that says more than 73 years is taken at that; sums do not overflow. */
#define HOST_MAX_NS (INT64_MAX / 4)
#define OURS_MAX_NS (INT64_MAX / 2)

#define LOOK_MIN_NS      4000000       /* how exactly CPU time is looked at: as a kernel's tick */
#define LOOK_MAX_NS      INT64_C(1000000000)

RT_RESIDENT static int64_t process_offset[RT_CPU_CLOCKS], process_saved[RT_CPU_CLOCKS];

bool rt_cpu_clock_of(int32_t id, const struct rt_thread *caller, struct rt_cpu_clock *ret_clock)
{
	int32_t who = ~(id >> 3);

	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID) {
		*ret_clock = (struct rt_cpu_clock){ id == CLOCK_THREAD_CPUTIME_ID ? caller->tid : 0, RT_CPU_ALL };
		return true;
	}
	if (id >= 0 || (id & CLOCK_WHICH) >= RT_CPU_CLOCKS)
		return false;
	if (id & CLOCK_PER_THREAD) {
		*ret_clock = (struct rt_cpu_clock){ who ? who : caller->tid, RT_CPU_ALL };
		return rt_thread_by_tid(ret_clock->tid) != NULL;
	}
	*ret_clock = (struct rt_cpu_clock){ 0, (uint32_t)id & CLOCK_WHICH };
	return who == 0 || who == rt_pid;
}

static int64_t clamp(int64_t ns, int64_t most)
{
	return ns < 0 ? 0 : ns > most ? most : ns;
}

static int64_t host_clock(int32_t tid, uint32_t which)
{
	return clamp(rt_time_ask_host((long)(int32_t)((uint32_t)~tid << 3 | which | (tid ? CLOCK_PER_THREAD : 0))), HOST_MAX_NS);
}

bool rt_cpu_ns(const struct rt_cpu_clock *clock, int64_t *ret_ns)
{
	struct rt_thread *t;
	int32_t host_tid;

	if (!clock->tid) {
		*ret_ns = clamp(host_clock(0, clock->which) + process_offset[clock->which], OURS_MAX_NS);
		return true;
	}
	t = rt_thread_by_tid(clock->tid);
	if (!t)
		return false;
	t->cpu_clock_read = 1;
	if (!__atomic_load_n(&t->cpu_clock_set, __ATOMIC_ACQUIRE)) {
		*ret_ns = t->cpu_saved_ns;         /* it has not run yet, or not on this host */
		return true;
	}
	host_tid = __atomic_load_n(&rt_tcb_of(t->slot)->host_tid, __ATOMIC_RELAXED);
	*ret_ns = clamp(host_clock(host_tid, RT_CPU_ALL) + t->cpu_offset_ns, OURS_MAX_NS);
	return true;
}

int64_t rt_cpu_look_again(const struct rt_cpu_clock *clock, int64_t left_ns)
{
	int64_t ns = clock->tid ? left_ns : left_ns / rt_cpu_count();

	return ns < LOOK_MIN_NS ? LOOK_MIN_NS : ns > LOOK_MAX_NS ? LOOK_MAX_NS : ns;
}

void rt_cpu_enter(struct rt_tcb *tcb, struct rt_thread *t, uint64_t host_tid, uint64_t host_ns)
{
	__atomic_store_n(&tcb->host_tid, host_tid <= 0x400000 ? (int32_t)host_tid : 0, __ATOMIC_RELAXED);
	if (t->cpu_clock_set)
		return;
	t->cpu_offset_ns = t->cpu_saved_ns - clamp((int64_t)host_ns, HOST_MAX_NS);
	__atomic_store_n(&t->cpu_clock_set, 1, __ATOMIC_RELEASE);
}

void rt_cpu_save(void)
{
	for (uint32_t which = 0; which < RT_CPU_CLOCKS; which++)
		(void)rt_cpu_ns(&(struct rt_cpu_clock){ 0, which }, &process_saved[which]);
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		struct rt_thread *t = &rt_threads[slot];

		if (t->cpu_clock_read && t->cpu_clock_set)
			(void)rt_cpu_ns(&(struct rt_cpu_clock){ t->tid, RT_CPU_ALL }, &t->cpu_saved_ns);
	}
}

void rt_cpu_restore(void)
{
	for (uint32_t which = 0; which < RT_CPU_CLOCKS; which++)
		process_offset[which] = process_saved[which] - host_clock(0, which);
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		rt_threads[slot].cpu_clock_set = 0;
}

void rt_cpu_before(int64_t *ret_user_us, int64_t *ret_system_us)
{
	*ret_user_us = process_offset[RT_CPU_USER] / 1000;
	*ret_system_us = (process_offset[RT_CPU_ALL_COARSE] - process_offset[RT_CPU_USER]) / 1000;
}
