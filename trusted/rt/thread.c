/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads: birth, identity, end. A thread is born PARKED with a stored system call that does nothing, so starting it and
 * resuming it after a migration are the same thing: OM_ECALL_THREAD on its slot.
 *
 * Slots are given out in turn, so that the host thread of one that has just ended has time to leave. A thread that ends
 * runs on its runtime stack when it clears its tid word: from then on its application stack may be gone.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

RT_RESIDENT_EARLY struct rt_thread rt_threads[OM_SLOTS_MAX];
RT_RESIDENT int32_t rt_pid;
RT_RESIDENT static struct rt_lock thread_lock;
RT_RESIDENT static uint32_t next_slot;
RT_RESIDENT static int32_t next_tid;

static _Atomic uint32_t *state_of(struct rt_thread *t)
{
	return (_Atomic uint32_t *)&t->state;
}

/* A slot of one's own, state EXITING: seen by nobody. */
static struct rt_thread *allocate(void)
{
	uint32_t first = rt_image->service_slots, count = rt_image->app_threads;
	struct rt_thread *t = NULL;

	rt_lock(&thread_lock);
	for (uint32_t i = 0; i < count && !t; i++) {
		uint32_t slot = first + (next_slot + i) % count;

		if (atomic_load(state_of(&rt_threads[slot])) != RT_T_FREE)
			continue;
		t = &rt_threads[slot];
		next_slot = slot - first + 1;
		memset(t, 0, sizeof *t);
		t->slot = slot;
		t->tid = next_tid++;
		rt_sigqueue_forget(t);
		atomic_store(state_of(t), RT_T_EXITING);
	}
	rt_unlock(&thread_lock);
	return t;
}

int rt_thread_start_host(uint32_t slot)
{
	const uint64_t arg[6] = { slot };
	long r;

	atomic_store((_Atomic uint32_t *)&rt_tcb_of(slot)->start_pending, 1);
	r = rt_hostcall(OM_HC_THREAD_START, 0, 0, arg);
	if (r == 0)
		return 0;
	/* It may say so of one that has come. */
	return atomic_exchange((_Atomic uint32_t *)&rt_tcb_of(slot)->start_pending, 0) ? -EAGAIN : 0;
}

/* Frees the slot of a thread that has not come, and will not any more. False: it has, whatever the host says. */
static bool take_back(struct rt_thread *t, int32_t tid)
{
	uint32_t parked = RT_T_PARKED;
	bool taken;

	rt_lock(&thread_lock);  /* it may have ended, and the slot may be another's */
	taken = t->tid == tid && atomic_compare_exchange_strong(state_of(t), &parked, RT_T_FREE);
	rt_unlock(&thread_lock);
	return taken;
}

struct rt_thread *rt_thread_by_tid(int32_t tid)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		struct rt_thread *t = &rt_threads[slot];
		uint32_t state = atomic_load(state_of(t));

		if (t->tid == tid && (state == RT_T_RUNNING || state == RT_T_PARKED) && !(t->flags & RT_TF_INTERNAL))
			return t;
	}
	return NULL;
}

void rt_thread_boot(const struct om_boot *boot, uint64_t stack_low, uint64_t stack_top, uint64_t app_rsp)
{
	struct rt_thread *t;

	rt_pid = boot->pid > 0 && boot->pid < 0x400000 ? (int32_t)boot->pid : 1;
	next_tid = rt_pid;
	t = allocate();
	t->flags = RT_TF_MAIN;
	t->sig_mask = boot->signals_blocked & ~SIG_BITS_FIXED;
	rt_sched_first(t);
	t->nr = OM_SYS_SAFEPOINT;
	t->app_rsp = app_rsp;
	t->stack_low = stack_low;
	t->stack_top = stack_top;
	memcpy(t->name, rt_image->program_name, sizeof t->name - 1);
	atomic_store(state_of(t), RT_T_PARKED);
}

/* The frame from which rt_app_return starts fn(arg). */
static long build_frame(uint64_t stack_top, uint64_t fn, uint64_t arg, uint64_t *ret_rsp)
{
	struct rt_call_frame frame = { .mxcsr = 0x1f80, .x87_control = 0x37f, .r12 = fn, .r13 = arg,
		.rip = (uint64_t)rt_clone_start };

	*ret_rsp = (stack_top & ~15ULL) - sizeof frame;
	return rt_app_put(*ret_rsp, &frame, sizeof frame);
}

static void tell_no_fork(void)
{
	RT_TELL_ONCE("fork, vfork and what uses them (system, popen, posix_spawn, daemon) are refused (ENOSYS): "
		"an enclave cannot be duplicated; only threads can be made");
}

static long sys_clone(struct rt_thread *t)
{
	struct om_clone c;
	struct rt_thread *child;
	struct rt_tcb *tcb;
	long r;

	if (rt_app_get(&c, (uint64_t)t->arg[0], sizeof c) < 0)
		return -EFAULT;
	if ((c.flags & (CLONE_VM | CLONE_THREAD)) != (CLONE_VM | CLONE_THREAD) || (c.flags & CLONE_VFORK)) {
		tell_no_fork();
		return -ENOSYS;
	}
	child = allocate();
	if (!child) {
		RT_TELL_ONCE("no thread can be made, all slots are in use (EAGAIN); link with -Xoptmig threads=N");
		return -EAGAIN;
	}
	tcb = rt_tcb_of(child->slot);
	child->nr = OM_SYS_SAFEPOINT;
	child->stack_top = c.stack_top;
	child->sig_mask = t->sig_mask;
	rt_sched_inherit(child, t);
	child->clear_tid = (c.flags & CLONE_CHILD_CLEARTID) ? c.child_tid : 0;
	memcpy(child->name, t->name, sizeof child->name);
	r = build_frame(c.stack_top, c.fn, c.arg, &child->app_rsp);
	if (r == 0 && (c.flags & CLONE_SETTLS)) {
		child->app_fs = c.tls;
		r = rt_app_put(c.tls + OM_TP_SLOT, &tcb, sizeof tcb);
	}
	if (r == 0 && (c.flags & CLONE_PARENT_SETTID))
		r = rt_app_put(c.parent_tid, &child->tid, sizeof child->tid);
	if (r == 0 && (c.flags & CLONE_CHILD_SETTID))
		r = rt_app_put(c.child_tid, &child->tid, sizeof child->tid);
	if (r < 0) {
		atomic_store(state_of(child), RT_T_FREE);
		return r;
	}
	r = child->tid;
	/* From here on a stop takes the child along, and it may run, end and be replaced at any time. */
	atomic_store(state_of(child), RT_T_PARKED);
	/* The stack of a thread that failed is freed: none must run on it. */
	if (rt_thread_start_host(child->slot) < 0 && take_back(child, (int32_t)r))
		return -EAGAIN;
	return r;
}

long rt_thread_internal(long nr, const char *name)
{
	struct rt_thread *t = allocate();

	if (!t)
		return -EAGAIN;
	t->flags = RT_TF_INTERNAL;
	rt_sched_first(t);
	t->nr = nr;
	t->sig_mask = ~0ULL;
	memcpy(t->name, name, strlen(name));
	atomic_store(state_of(t), RT_T_PARKED);
	return rt_thread_start_host(t->slot);
}

_Noreturn void rt_thread_end(struct rt_thread *t)
{
	const uint32_t zero = 0;
	uint64_t clear = t->clear_tid;
	bool others = false;

	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		others |= slot != t->slot && atomic_load(state_of(&rt_threads[slot])) != RT_T_FREE &&
			!(rt_threads[slot].flags & RT_TF_INTERNAL);
	if (!others)
		rt_exit_process((int)t->arg[0], 0);
	atomic_store(state_of(t), RT_T_EXITING);
	rt_sigqueue_forget(t);
	rt_io_signalfd_told(~0ULL, false);
	if (clear && rt_app_put(clear, &zero, sizeof zero) == 0)
		rt_futex_wake(clear, 1, ~0u);
	/* libc's thread block may be gone now: stand on our own. */
	__asm__ volatile ("wrfsbase %0" : : "r"(rt_tcb_of(t->slot)) : "memory");
	rt_thread_leave();
}

static long sys_exit(struct rt_thread *t)
{
	rt_thread_end(t);
}

static long sys_unmapself(struct rt_thread *t)
{
	uint64_t base = (uint64_t)t->arg[0], size = (uint64_t)t->arg[1];

	/* Never to be run again: from here on the stack may belong to somebody else. */
	__asm__ volatile ("wrfsbase %0" : : "r"(rt_tcb_of(t->slot)) : "memory");
	t->nr = __NR_exit;
	t->arg[0] = 0;
	atomic_store(state_of(t), RT_T_EXITING);
	if (rt_in_heap(base) && rt_in_heap(base + size - 1))
		rt_mem_unmap(base, size);
	rt_thread_end(t);
}

static long sys_exit_group(struct rt_thread *t)
{
	rt_exit_process((int)t->arg[0], 0);
}

static long sys_set_tid_address(struct rt_thread *t)
{
	t->clear_tid = (uint64_t)t->arg[0];
	return t->tid;
}

static long sys_gettid(struct rt_thread *t)
{
	return t->tid;
}

static long sys_set_robust_list(struct rt_thread *t)
{
	if (t->arg[1] != 24)
		return -EINVAL;
	t->robust_list = (uint64_t)t->arg[0];
	return 0;
}

/* libc only asks whether there are robust lists before it makes a robust mutex; it walks the list itself when a thread ends. */
static long sys_get_robust_list(struct rt_thread *t)
{
	const uint64_t size = 24;

	if (t->arg[0] != 0 && t->arg[0] != t->tid)
		return -EPERM;
	if (t->arg[1] && rt_app_put((uint64_t)t->arg[1], &t->robust_list, sizeof t->robust_list) < 0)
		return -EFAULT;
	return t->arg[2] && rt_app_put((uint64_t)t->arg[2], &size, sizeof size) < 0 ? -EFAULT : 0;
}

static long sys_set_tp(struct rt_thread *t)
{
	uint64_t tp = (uint64_t)t->arg[0];
	struct rt_tcb *tcb = rt_tcb_of(t->slot);
	long r = rt_app_put(tp + OM_TP_SLOT, &tcb, sizeof tcb);

	if (r < 0)
		return r;
	t->app_fs = tp;
	__asm__ volatile ("wrfsbase %0" : : "r"(tp) : "memory");
	return 0;
}

static long sys_sched_yield(struct rt_thread *t)
{
	(void)t;
	return rt_host(__NR_sched_yield, 0, 0, 0, 0, 0, 0) == 0 ? 0 : 0; /* the host's answer means nothing */
}

static long sys_arch_prctl(struct rt_thread *t)
{
	enum { ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003 };

	if (t->arg[0] == ARCH_GET_FS)
		return rt_app_put((uint64_t)t->arg[1], &t->app_fs, sizeof t->app_fs);
	if (t->arg[0] != ARCH_SET_FS)
		return -EINVAL;
	t->arg[0] = t->arg[1];
	return sys_set_tp(t);
}

static long sys_no_fork(struct rt_thread *t)
{
	if (t->nr == __NR_execve || t->nr == __NR_execveat)
		RT_TELL_ONCE("exec is refused (ENOSYS): an enclave's code cannot be replaced");
	else
		tell_no_fork();
	return -ENOSYS;
}

const struct rt_syscall_entry rt_syscalls_thread[] = {
	{ __NR_exit, RT_SYS_INSIDE, sys_exit },
	{ __NR_exit_group, 0, sys_exit_group },
	{ __NR_set_tid_address, RT_SYS_INSIDE, sys_set_tid_address },
	{ __NR_gettid, RT_SYS_INSIDE, sys_gettid },
	{ __NR_set_robust_list, RT_SYS_INSIDE, sys_set_robust_list },
	{ __NR_get_robust_list, RT_SYS_INSIDE, sys_get_robust_list },
	{ __NR_sched_yield, 0, sys_sched_yield },
	{ __NR_arch_prctl, RT_SYS_INSIDE, sys_arch_prctl },
	{ __NR_clone, RT_SYS_INSIDE, sys_no_fork },
	{ __NR_clone3, RT_SYS_INSIDE, sys_no_fork },
	{ __NR_fork, RT_SYS_INSIDE, sys_no_fork },
	{ __NR_vfork, RT_SYS_INSIDE, sys_no_fork },
	{ __NR_execve, RT_SYS_INSIDE, sys_no_fork },
	{ __NR_execveat, RT_SYS_INSIDE, sys_no_fork },
	{ OM_SYS_CLONE, 0, sys_clone },
	{ OM_SYS_UNMAPSELF, 0, sys_unmapself },
	{ OM_SYS_SET_TP, RT_SYS_INSIDE, sys_set_tp },
	{ 0, 0, NULL },
};
