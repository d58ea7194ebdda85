/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: what is pending, who gets it, what happens. All inside; the host only says that one has come for the process
 * (OM_ECALL_SIGNAL). Handlers are entered where system calls return and at polls; sigframe.c builds the frames.
 *
 *     post:    queue (thread's or process', sigqueue.c), RT_POLL_SIGNAL, kick of a thread that is outside
 *     leave:   at the end of a system call or poll: take one, run its action
 *
 * RT_POLL_SIGNAL is cleared by the first thread that comes along, and raised again by it if somebody else still has
 * something to deliver.
 */
#include "launch.h"
#include "rt/internal.h"
#include "rt/libmem.h"

#define BITS_IGNORED_BY_DEFAULT (SIG_BIT(SIGCHLD) | SIG_BIT(SIGURG) | SIG_BIT(SIGWINCH) | SIG_BIT(SIGCONT) | \
	SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define BITS_OF_FAULTS (SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGFPE) | SIG_BIT(SIGSYS))

RT_RESIDENT_EARLY struct rt_sigaction rt_sigactions[65];
RT_RESIDENT static uint64_t custom;                        /* signals with a handler */
RT_RESIDENT static uint64_t ignored_explicitly;
RT_RESIDENT static struct rt_lock signal_lock;             /* actions */

static uint64_t ignored(void)
{
	return ignored_explicitly | (BITS_IGNORED_BY_DEFAULT & ~custom);
}

void rt_signal_boot(uint64_t ignored_before)
{
	for (int signo = 1; signo <= SIG_MAX; signo++)
		if (ignored_before & SIG_BIT(signo) & ~SIG_BITS_FIXED)
			rt_sigactions[signo].handler = SIG_IGN;
	ignored_explicitly = ignored_before & ~SIG_BITS_FIXED;
}

static uint64_t pending_of_thread(const struct rt_thread *t)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)&t->sig_pending, memory_order_acquire);
}

static uint64_t pending_of_process(void)
{
	return atomic_load_explicit(&rt_process_pending, memory_order_acquire);
}

static uint64_t pending_of(const struct rt_thread *t)
{
	return pending_of_thread(t) | pending_of_process();
}

bool rt_signal_deliverable(const struct rt_thread *t)
{
	return (pending_of(t) & ~t->sig_mask & ~ignored()) != 0;
}

bool rt_signal_due(const struct rt_thread *t)
{
	return (pending_of(t) & ~t->sig_mask) != 0;
}

bool rt_signal_interrupts(const struct rt_thread *t)
{
	bool interrupts = rt_signal_deliverable(t);

	rt_self()->interrupted |= interrupts;
	return interrupts;
}

/* ---- sending ---------------------------------------------------------------------------------------------------------- */

static bool runs(const struct rt_thread *t)
{
	return atomic_load((_Atomic uint32_t *)(uintptr_t)&t->state) == RT_T_RUNNING && !(t->flags & RT_TF_INTERNAL);
}

static void wake(struct rt_thread *t)
{
	if (t == rt_self()->thread)
		return;
	rt_poll_raise(RT_POLL_SIGNAL);
	/* Also if it is inside: it may have looked for signals just before ours came, and be on its way out. */
	if (runs(t))
		rt_kick(t->slot);
}

/* Perhaps for a signal that it blocks. */
static bool waits_for(const struct rt_thread *t, uint64_t bit)
{
	return t->nr == __NR_rt_sigtimedwait || ((t->nr == __NR_read || t->nr == __NR_readv) && rt_io_signalfd_bits & bit);
}

static void wake_one_of_process(uint64_t bit)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		struct rt_thread *t = &rt_threads[slot];

		if (runs(t) && (!(t->sig_mask & bit) || waits_for(t, bit))) {
			wake(t);
			if (!(t->sig_mask & bit))
				return;
		}
	}
}

/* What is blocked stays, even if it would be ignored now: it may be waited for. The process' signals are the main thread's, as on Linux. */
static bool blocked(const struct rt_thread *t, uint64_t bit)
{
	const struct rt_thread *main = &rt_threads[rt_image->service_slots];

	if (!t && !(main->flags & RT_TF_MAIN))
		return false;
	return (t ? t : main)->sig_mask & bit;
}

enum rt_sigqueue_result rt_signal_post_timer(struct rt_thread *t, const struct rt_siginfo *info, uint32_t timer)
{
	uint64_t bit = SIG_BIT(info->signo);
	enum rt_sigqueue_result result;

	if (info->signo == SIGKILL)
		rt_exit_process(0, SIGKILL);
	if ((ignored() & bit) && !blocked(t, bit))
		return RT_SIGQUEUE_THERE;
	result = rt_sigqueue_add(t, info, timer);
	if (result != RT_SIGQUEUE_ADDED)
		return result;
	if (t)
		wake(t);
	else
		wake_one_of_process(bit);
	rt_io_signalfd_told(bit, true);
	return result;
}

long rt_signal_post(struct rt_thread *t, const struct rt_siginfo *info)
{
	return rt_signal_post_timer(t, info, 0) == RT_SIGQUEUE_FULL ? -EAGAIN : 0;
}

void rt_signal_process(int signo)
{
	struct rt_siginfo info = { .signo = signo, .code = SI_KERNEL };

	(void)rt_signal_post(NULL, &info);
}

void rt_signal_moved(void)
{
	const int signo = (int)rt_launch()->after_move;

	if (signo && (custom & SIG_BIT(signo) || blocked(NULL, SIG_BIT(signo))))
		rt_signal_process(signo);
}

void rt_signal_thread(struct rt_thread *t, int signo)
{
	struct rt_siginfo info = { .signo = signo, .code = SI_KERNEL };

	(void)rt_signal_post(t, &info);
}

/* ---- taking ------------------------------------------------------------------------------------------------------------ */

static int first_of(uint64_t set)
{
	if (set & BITS_OF_FAULTS)
		set &= BITS_OF_FAULTS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

int rt_signal_take(struct rt_thread *t, uint64_t set, struct rt_siginfo *ret_info)
{
	for (;;) {
		int signo = first_of(pending_of_thread(t) & set);

		if (signo && rt_sigqueue_take(t, signo, ret_info))
			return signo;
		if (signo)
			continue; /* it was ignored just now */
		signo = first_of(pending_of_process() & set);
		if (!signo || rt_sigqueue_take(NULL, signo, ret_info))
			return signo;
		/* another thread was faster */
	}
}

void rt_signal_poll_needed(void)
{
	rt_poll_clear(RT_POLL_SIGNAL);
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++)
		if (slot != rt_self()->slot && runs(&rt_threads[slot]) && rt_signal_deliverable(&rt_threads[slot])) {
			rt_poll_raise(RT_POLL_SIGNAL);
			return;
		}
}

void rt_signal_mask_swap(struct rt_thread *t, uint64_t mask)
{
	if (t->flags & RT_TF_MASK_SAVED)
		return;
	t->flags |= RT_TF_MASK_SAVED;
	t->sig_saved_mask = t->sig_mask;
	t->sig_mask = mask & ~SIG_BITS_FIXED;
}

bool rt_signal_next(struct rt_thread *t, struct rt_siginfo *ret_info, struct rt_sigaction *ret_action, uint64_t *ret_mask)
{
	int signo;

	while ((signo = rt_signal_take(t, ~t->sig_mask, ret_info)) != 0) {
		uint64_t bit = SIG_BIT(signo);
		struct rt_sigaction *action = &rt_sigactions[signo];

		if (ignored() & bit)
			continue;
		if (!(custom & bit)) {
			rt_sigframe_death(t, signo, 0);
			rt_exit_process(0, signo);
		}
		*ret_action = *action;
		if (action->flags & SA_RESETHAND) {
			*action = (struct rt_sigaction){ .handler = SIG_DFL };
			custom &= ~bit;
		}
		*ret_mask = (t->flags & RT_TF_MASK_SAVED) ? t->sig_saved_mask : t->sig_mask;
		t->flags &= ~RT_TF_MASK_SAVED;
		t->sig_mask |= ret_action->mask | ((ret_action->flags & SA_NODEFER) ? 0 : bit);
		return true;
	}
	return false;
}

long rt_signal_leave(struct rt_thread *t, long result)
{
	struct rt_sigaction action;
	struct rt_siginfo info;
	uint64_t mask;

	if (__optmig_attention & RT_POLL_SIGNAL)
		rt_signal_poll_needed();
	if (rt_signal_next(t, &info, &action, &mask))
		rt_sigframe_enter(t, &info, &action, result, mask);
	if (t->flags & RT_TF_MASK_SAVED) {
		t->sig_mask = t->sig_saved_mask;
		t->flags &= ~RT_TF_MASK_SAVED;
	}
	return result;
}

long rt_signal_fault(struct rt_thread *t)
{
	const struct rt_tcb *tcb = rt_self();
	struct rt_siginfo info = { .signo = (int32_t)tcb->fault_signo, .code = (int32_t)tcb->fault_code, .a = tcb->fault_address };
	uint64_t bit = SIG_BIT(info.signo), mask = t->sig_mask;
	struct rt_sigaction action = rt_sigactions[info.signo];

	if (!(custom & bit) || (t->sig_mask & bit)) {
		rt_log_fault(tcb);
		rt_sigframe_death(t, info.signo, tcb->fault_address);
		rt_exit_process(0, info.signo);
	}
	if (action.flags & SA_RESETHAND) {
		rt_sigactions[info.signo] = (struct rt_sigaction){ .handler = SIG_DFL };
		custom &= ~bit;
	}
	t->sig_mask |= action.mask | ((action.flags & SA_NODEFER) ? 0 : bit);
	rt_sigframe_enter(t, &info, &action, 0, mask);
}

/* ---- system calls -------------------------------------------------------------------------------------------------------- */

static long sys_sigaction(struct rt_thread *t)
{
	long signo = (int32_t)t->arg[0];
	struct rt_sigaction next, old;

	if (signo < 1 || signo > SIG_MAX || t->arg[3] != 8)
		return -EINVAL;
	if (t->arg[1] && rt_app_get(&next, (uint64_t)t->arg[1], sizeof next) < 0)
		return -EFAULT;
	if (t->arg[1] && (signo == SIGKILL || signo == SIGSTOP))
		return -EINVAL;
	rt_lock(&signal_lock);
	old = rt_sigactions[signo];
	if (t->arg[1]) {
		uint64_t bit = SIG_BIT(signo);
		next.mask &= ~SIG_BITS_FIXED;
		rt_sigactions[signo] = next;
		custom = next.handler > SIG_IGN ? custom | bit : custom & ~bit;
		ignored_explicitly = next.handler == SIG_IGN ? ignored_explicitly | bit : ignored_explicitly & ~bit;
		if (ignored() & bit)
			rt_sigqueue_drop(bit);
	}
	rt_unlock(&signal_lock);
	rt_io_signalfd_told(SIG_BIT(signo), false);
	return t->arg[2] ? rt_app_put((uint64_t)t->arg[2], &old, sizeof old) : 0;
}

static long sys_sigprocmask(struct rt_thread *t)
{
	uint64_t set, old = t->sig_mask;

	if (t->arg[3] != 8)
		return -EINVAL;
	if (t->arg[1]) {
		if (rt_app_get(&set, (uint64_t)t->arg[1], sizeof set) < 0)
			return -EFAULT;
		switch (t->arg[0]) {
		case 0: set = old | set; break;
		case 1: set = old & ~set; break;
		case 2: break;
		default: return -EINVAL;
		}
		t->sig_mask = set & ~SIG_BITS_FIXED;
	}
	return t->arg[2] ? rt_app_put((uint64_t)t->arg[2], &old, sizeof old) : 0;
}

static long sys_sigpending(struct rt_thread *t)
{
	uint64_t set = pending_of(t) & t->sig_mask;

	return t->arg[1] != 8 ? -EINVAL : rt_app_put((uint64_t)t->arg[0], &set, sizeof set);
}

static long sys_sigsuspend(struct rt_thread *t)
{
	uint64_t set;

	if (t->arg[1] != 8)
		return -EINVAL;
	if (rt_app_get(&set, (uint64_t)t->arg[0], sizeof set) < 0)
		return -EFAULT;
	rt_signal_mask_swap(t, set);
	while (!rt_signal_interrupts(t))
		rt_park_until(0);
	return -EINTR;
}

static long sys_pause(struct rt_thread *t)
{
	while (!rt_signal_interrupts(t))
		rt_park_until(0);
	return -EINTR;
}

static long put_siginfo(uint64_t app, const struct rt_siginfo *info)
{
	return rt_app_zero(app, 128) < 0 ? -EFAULT : rt_app_put(app, info, sizeof *info);
}

static long sys_sigtimedwait(struct rt_thread *t)
{
	struct rt_siginfo info;
	uint64_t set;
	int64_t ns;
	int signo;

	if (t->arg[3] != 8)
		return -EINVAL;
	if (rt_app_get(&set, (uint64_t)t->arg[0], sizeof set) < 0)
		return -EFAULT;
	if (t->arg[2] && !t->deadline_ns) {
		long r = rt_timespec_get((uint64_t)t->arg[2], &ns);
		if (r < 0)
			return r;
		t->deadline_ns = ns > INT64_MAX / 2 ? INT64_MAX : rt_monotonic_ns() + ns;
	}
	for (;;) {
		signo = rt_signal_take(t, set, &info);
		if (signo)
			return t->arg[1] && put_siginfo((uint64_t)t->arg[1], &info) < 0 ? -EFAULT : signo;
		if (rt_signal_interrupts(t))
			return -EINTR;
		if (t->deadline_ns && rt_monotonic_ns() >= t->deadline_ns)
			return -EAGAIN;
		rt_park_until(t->deadline_ns);
	}
}

static long sys_sigaltstack(struct rt_thread *t)
{
	struct { uint64_t base; uint32_t flags, pad; uint64_t size; } next, old = { t->altstack_base, 0, 0, t->altstack_size };
	bool on = t->altstack_size && t->app_rsp - t->altstack_base < t->altstack_size;

	old.flags = on ? SS_ONSTACK : t->altstack_size ? 0 : SS_DISABLE;
	if (t->arg[0]) {
		if (rt_app_get(&next, (uint64_t)t->arg[0], sizeof next) < 0)
			return -EFAULT;
		if (on)
			return -EPERM;
		if (next.flags & SS_DISABLE)
			next.base = next.size = 0;
		else if (next.size < 2048)
			return -ENOMEM;
	}
	if (t->arg[1] && rt_app_put((uint64_t)t->arg[1], &old, sizeof old) < 0)
		return -EFAULT;
	if (t->arg[0]) {
		t->altstack_base = next.base;
		t->altstack_size = next.size;
	}
	return 0;
}

static long send(struct rt_thread *target, bool to_process, long signo, int32_t code)
{
	struct rt_siginfo info = { .signo = (int32_t)signo, .code = code, .a = (uint32_t)rt_pid | (uint64_t)rt_ids()->uid << 32 };

	if (signo < 0 || signo > SIG_MAX)
		return -EINVAL;
	if (!to_process && !target)
		return -ESRCH;
	return signo ? rt_signal_post(to_process ? NULL : target, &info) : 0;
}

void rt_signal_ready(int32_t tid, int signo, int32_t code, uint64_t band, int32_t fd)
{
	const struct rt_siginfo info = { .signo = signo, .code = code, .a = band, .b = (uint32_t)fd };

	(void)rt_signal_post(tid ? rt_thread_by_tid(tid) : NULL, &info); /* as a kernel whose queue is full: the next one tells */
}

bool rt_thread_exists(int32_t tid)
{
	return rt_thread_by_tid(tid) != NULL;
}

static long sys_kill(struct rt_thread *t)
{
	int32_t pid = (int32_t)t->arg[0];

	if (pid != rt_pid && pid != 0 && pid != -rt_pid && pid != -1)
		return rt_kill_other(pid, (int32_t)t->arg[1]);
	return send(NULL, true, (int32_t)t->arg[1], SI_USER);
}

static long sys_tkill(struct rt_thread *t)
{
	return send(rt_thread_by_tid((int32_t)t->arg[0]), false, (int32_t)t->arg[1], SI_TKILL);
}

static long sys_tgkill(struct rt_thread *t)
{
	if ((int32_t)t->arg[0] != rt_pid)
		return -ESRCH;
	return send(rt_thread_by_tid((int32_t)t->arg[1]), false, (int32_t)t->arg[2], SI_TKILL);
}

static long queue_info(struct rt_thread *target, bool to_process, long signo, uint64_t app)
{
	struct rt_siginfo info;

	if (rt_app_get(&info, app, sizeof info) < 0)
		return -EFAULT;
	if (signo < 0 || signo > SIG_MAX)
		return -EINVAL;
	if (!to_process && !target)
		return -ESRCH;
	info.signo = (int32_t)signo;
	return signo ? rt_signal_post(to_process ? NULL : target, &info) : 0;
}

static long sys_sigqueueinfo(struct rt_thread *t)
{
	if ((int32_t)t->arg[0] > 0 && (int32_t)t->arg[0] != rt_pid) {
		/* To others only kill() goes. Who may not even ask is told that. */
		long r = rt_host(__NR_kill, (uint64_t)(int32_t)t->arg[0], 0, 0, 0, 0, 0);

		return r < 0 ? r : t->arg[1] ? -EPERM : 0;
	}
	return (int32_t)t->arg[0] != rt_pid ? -ESRCH : queue_info(NULL, true, (int32_t)t->arg[1], (uint64_t)t->arg[2]);
}

static long sys_tgsigqueueinfo(struct rt_thread *t)
{
	return (int32_t)t->arg[0] != rt_pid ? -ESRCH :
		queue_info(rt_thread_by_tid((int32_t)t->arg[1]), false, (int32_t)t->arg[2], (uint64_t)t->arg[3]);
}

const struct rt_syscall_entry rt_syscalls_signal[] = {
	{ __NR_rt_sigaction, RT_SYS_INSIDE, sys_sigaction },
	{ __NR_rt_sigprocmask, RT_SYS_INSIDE, sys_sigprocmask },
	{ __NR_rt_sigpending, RT_SYS_INSIDE, sys_sigpending },
	{ __NR_rt_sigsuspend, 0, sys_sigsuspend },
	{ __NR_pause, 0, sys_pause },
	{ __NR_rt_sigtimedwait, 0, sys_sigtimedwait },
	{ __NR_sigaltstack, RT_SYS_INSIDE, sys_sigaltstack },
	{ __NR_kill, 0, sys_kill },
	{ __NR_tkill, RT_SYS_INSIDE, sys_tkill },
	{ __NR_tgkill, RT_SYS_INSIDE, sys_tgkill },
	{ __NR_rt_sigqueueinfo, RT_SYS_INSIDE, sys_sigqueueinfo },
	{ __NR_rt_tgsigqueueinfo, RT_SYS_INSIDE, sys_tgsigqueueinfo },
	{ OM_SYS_SIGRETURN, RT_SYS_INSIDE, rt_sigreturn },
	{ RT_SYS_FAULT, RT_SYS_INSIDE, rt_signal_fault },
	{ 0, 0, NULL },
};
