/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common path of all system calls (docs/architecture.md, "One path for threads"):
 *
 *     rt_syscall_run     from calls.S: number and arguments have just been stored; begin with a clean slate
 *     rt_syscall_again   a stored call, at the start of a thread, after a stop, after SA_RESTART
 *
 * Both find the handler, run it, and end where signals are delivered. A handler that never returns (it parked) is run
 * again from its start. Afterwards the call is replaced by one that does nothing, so that it is never run twice.
 */
#include "rt/internal.h"
#include "rt/testhooks.h"

#define LINUX_MAX 512u
#define OWN_FIRST 0x1000u
#define OWN_MAX   16u
#define INTERNAL_FIRST 0x1100u

struct slot { rt_syscall_fn *fn; uint32_t flags; };
#define TABLE_SIZE (LINUX_MAX + 2 * OWN_MAX)
RT_LOCAL static struct slot table[TABLE_SIZE];

static long sys_safepoint(struct rt_thread *t)
{
	rt_safepoint(t);
	return 0;
}

static const struct rt_syscall_entry syscalls_here[] = {
	{ OM_SYS_SAFEPOINT, RT_SYS_INSIDE, sys_safepoint },
	{ RT_SYS_POLL, RT_SYS_INSIDE, sys_safepoint },
	{ 0, 0, NULL },
};

static inline uint32_t position(uint64_t nr)
{
	if (RT_LIKELY(nr < LINUX_MAX))
		return (uint32_t)nr;
	if (nr - OWN_FIRST < OWN_MAX)
		return LINUX_MAX + (uint32_t)(nr - OWN_FIRST);
	if (nr - INTERNAL_FIRST < OWN_MAX)
		return LINUX_MAX + OWN_MAX + (uint32_t)(nr - INTERNAL_FIRST);
	return ~0u;
}

static void add(const struct rt_syscall_entry *entries)
{
	for (; entries->fn; entries++) {
		RT_CHECK(position(entries->nr) != ~0u);
		table[position(entries->nr)] = (struct slot){ entries->fn, entries->flags };
	}
}

void rt_syscall_boot(void)
{
	add(syscalls_here);
	add(rt_syscalls_memory);
	add(rt_syscalls_thread);
	add(rt_syscalls_futex);
	add(rt_syscalls_time);
	add(rt_syscalls_signal);
	add(rt_syscalls_identity);
	add(rt_syscalls_creds);
	add(rt_syscalls_sched);
	add(rt_syscalls_shm);
	add(rt_syscalls_sem);
	add(rt_syscalls_msg);
	add(rt_syscalls_file);
	add(rt_syscalls_fd);
	add(rt_syscalls_socket);
	add(rt_syscalls_poll);
	add(rt_syscalls_event);
	add(rt_syscalls_signalfd);
	add(rt_syscalls_mqueue);
	add(rt_syscalls_memfd);
	add(rt_syscalls_path);
	add(rt_syscalls_rw);
	add(rt_syscalls_epoll);
}

/* What programs look for and do without: why it is not there. */
static const struct { uint16_t nr; const char *words; } refused[] = {
	{ __NR_inotify_init, "inotify is refused (ENOSYS): its watches are a host kernel's, and what it has told could not move; look at the files' times" },
	{ __NR_inotify_init1, "inotify is refused (ENOSYS): its watches are a host kernel's, and what it has told could not move; look at the files' times" },
	{ __NR_fanotify_init, "fanotify is refused (ENOSYS): its watches are a host kernel's; look at the files' times" },
	{ __NR_io_uring_setup, "io_uring is refused (ENOSYS): its rings are memory that a host's kernel writes; use epoll, or threads" },
	{ __NR_userfaultfd, "userfaultfd is refused (ENOSYS): faults are handled inside; use mprotect and a handler of SIGSEGV" },
	{ __NR_ptrace, "ptrace is refused (ENOSYS): an enclave has no other processes" },
	{ __NR_process_vm_readv, "memory of other processes is refused (ENOSYS): they are outside; use a socket" },
	{ __NR_process_vm_writev, "memory of other processes is refused (ENOSYS): they are outside; use a socket" },
	{ __NR_pidfd_open, "pidfd_open is refused (ENOSYS): descriptors of the host's processes would not move; use kill" },
	{ __NR_unshare, "namespaces are refused (ENOSYS): they are the host's, who can start the program in some" },
	{ __NR_setns, "namespaces are refused (ENOSYS): they are the host's, who can start the program in some" },
};

static const char *why_not(uint64_t nr)
{
	for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++)
		if (refused[i].nr == nr)
			return refused[i].words;
	return NULL;
}

static long unknown(struct rt_thread *t)
{
	static _Atomic uint64_t told[LINUX_MAX / 64];
	uint64_t nr = (uint64_t)t->nr;

	if (nr < LINUX_MAX && atomic_fetch_or(&told[nr / 64], 1ULL << (nr % 64)) & (1ULL << (nr % 64)))
		return -ENOSYS;
	if (why_not(nr))
		rt_log(why_not(nr));
	else
		rt_log_number("the runtime does not know system call", nr);
	return -ENOSYS;
}

/*
 * Runs the call and ends where signals are delivered. Signals for the process show in all its threads: if another one took
 * what this call was interrupted for, or nobody wants it, the call goes on (Linux: ERESTARTSYS without a handler). An EINTR
 * that the host made up is the caller's.
 */
static long run(struct rt_thread *t, rt_syscall_fn *fn)
{
	struct rt_tcb *tcb = rt_self();

	for (;;) {
		long result;

		tcb->interrupted = 0;
		result = fn(t);
		if (RT_UNLIKELY(result == -EINTR || (__optmig_attention & RT_POLL_SIGNAL) || rt_signal_due(t) ||
		    (t->flags & RT_TF_MASK_SAVED)))
			result = rt_signal_leave(t, result);
		if (RT_LIKELY(result != -EINTR) || !tcb->interrupted)
			return result;
		rt_ub_reset();
	}
}

/* ---- traced ------------------------------------------------------------------------------------------------------------ */

/* What is called in place of each handler, so that who is not traced does not even ask. What it says at a call's end it says before signals
 * are looked at, and an interrupted call that begins anew is said to do so. */
RT_LAZY static rt_syscall_fn *behind[TABLE_SIZE];

static long traced(struct rt_thread *t)
{
	const long nr = t->nr;       /* sigreturn puts another one in its place */
	rt_syscall_fn *fn = behind[position((uint64_t)nr)];
	long result;

	if (t->flags & RT_TF_INTERNAL)
		return fn(t);
	rt_trace_call(t);
	result = fn(t);
	rt_trace_result(t, nr, result);
	return result;
}

static bool own_affair(uint32_t at)
{
	return at == position(OM_SYS_SAFEPOINT) || at == position(RT_SYS_POLL) || at == position(RT_SYS_FAULT);
}

void rt_syscall_trace(void)
{
	for (uint32_t at = 0; at < TABLE_SIZE; at++) {
		behind[at] = table[at].fn || at >= LINUX_MAX ? table[at].fn : unknown;
		if (behind[at] && !own_affair(at))
			table[at].fn = traced;
	}
}

/* ---- one call ---------------------------------------------------------------------------------------------------------- */

long rt_syscall_run(struct rt_thread *t)
{
	struct rt_tcb *tcb = rt_self();
	uint32_t at = position((uint64_t)t->nr);
	struct slot *slot;

	t->deadline_ns = 0;
	t->syscall_scratch[0] = t->syscall_scratch[1] = t->syscall_scratch[2] = t->syscall_scratch[3] = 0;
	tcb->ub_used = 0;
	if (RT_UNLIKELY(__optmig_attention & RT_POLL_VERIFY))
		rt_test_interval();
	if (RT_UNLIKELY(at == ~0u))
		return unknown(t);
	slot = &table[at];
	if (RT_UNLIKELY(!slot->fn))
		return run(t, unknown);
	tcb->syscalls++;
	tcb->syscalls_inside += slot->flags & RT_SYS_INSIDE;
	if (at < LINUX_MAX)
		tcb->syscall_count[at]++;
	return run(t, slot->fn);
}

long rt_syscall_again(struct rt_thread *t)
{
	uint32_t at = position((uint64_t)t->nr);

	rt_ub_reset();
	if (at == ~0u || !table[at].fn)
		return -ENOSYS;
	return run(t, table[at].fn);
}
