/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host calls, and the rules of stopping that surround them:
 *
 *   - While outside, the thread counts as being at a safepoint (tcb->outside).
 *   - A call that blocks is interruptible: a KICK ends it with -EINTR. Then, and before it is issued, the thread looks
 *     whether it shall stop. A kick that comes between the look and the call is remembered by the host and ends the call.
 *   - A call that has been carried out is never forgotten: nothing here parks after success.
 *
 * A host that answers -EINTR without reason only makes us ask again.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

static bool on_exception_stack(const struct rt_tcb *tcb)
{
	return tcb->exc_stack_top - (uint64_t)__builtin_frame_address(0) < OM_SLOT_EXC_STACK_SIZE;
}

long rt_hostcall(enum om_hostcall op, uint32_t flags, uint32_t nr, const uint64_t arg[6])
{
	struct rt_tcb *tcb = rt_self();
	RT_UNTRUSTED struct om_tbuf *tbuf = rt_tbuf(tcb);

	rt_ub_write64(&tbuf->exit, OM_EXIT_HOSTCALL | (uint64_t)op << 32);
	rt_ub_write64(&tbuf->flags, flags | (uint64_t)nr << 32);
	for (int i = 0; i < 6; i++)
		rt_ub_write64(&tbuf->arg[i], arg[i]);
	tcb->hostcalls++;
	if (tcb->in_exception) {
		/* A host may resume the interrupted code while its exception waits for an answer, and another thread may have removed the
		 * cause. That code must not take the handler's buffer and stack for its own. */
		if (RT_UNLIKELY(!on_exception_stack(tcb)))
			rt_fatal(OM_EHOST, "the host resumed a thread in the middle of its exception");
		/* Not a safepoint: the interrupted code may be anywhere. */
		rt_leave_for_call_exception(tcb);
	} else {
		atomic_store_explicit((_Atomic uint32_t *)&tcb->outside, 1, memory_order_release);
		rt_leave_for_call(tcb);
		/* A full barrier: see stop.c on handshakes. */
		atomic_exchange((_Atomic uint32_t *)&tcb->outside, 0);
	}
	rt_check_ended();
	return (long)rt_ub_read64(&tbuf->ret);
}

static long checked(long ret)
{
	if (RT_UNLIKELY(ret < -4095))
		rt_fatal(OM_EHOST, "the host answered a system call with an impossible error number");
	return ret;
}

long rt_host(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t arg[6] = { a0, a1, a2, a3, a4, a5 };

	return checked(rt_hostcall(OM_HC_SYSCALL, 0, (uint32_t)nr, arg));
}

long rt_host_word(long nr, uint64_t host_fd, uint64_t value)
{
	RT_UNTRUSTED uint64_t *word = rt_ub_last_word();
	const uint64_t before = rt_ub_read64(word);
	long result;

	rt_ub_write64(word, value);
	result = rt_host(nr, host_fd, (uint64_t)word, sizeof value, 0, 0, 0);
	rt_ub_write64(word, before);
	return result;
}

/* Shall this call be given up? Parks if the program is to stop. */
static bool interrupted(void)
{
	struct rt_thread *t = rt_self()->thread;

	if (!t)
		return false; /* service slots neither stop nor take signals */
	if (rt_stop_requested())
		rt_park_self();
	return rt_signal_interrupts(t);
}

long rt_host_wait_once(long nr, const uint64_t arg[6], bool *ret_again)
{
	long ret;

	*ret_again = false;
	if (interrupted())
		return -EINTR;
	ret = checked(rt_hostcall(OM_HC_SYSCALL, OM_HCF_INTERRUPTIBLE, (uint32_t)nr, arg));
	if (ret == -EINTR && !interrupted())
		*ret_again = true;
	return ret;
}

long rt_host_wait(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t arg[6] = { a0, a1, a2, a3, a4, a5 };
	bool again;
	long ret;

	do {
		ret = rt_host_wait_once(nr, arg, &again);
	} while (again);
	return ret;
}

void rt_park_until(int64_t deadline_ns)
{
	uint64_t arg[6] = { ~0ULL };

	if (rt_self()->thread && rt_stop_requested())
		rt_park_self();
	if (deadline_ns) {
		int64_t left = deadline_ns - rt_monotonic_ns();
		if (left <= 0)
			return;
		arg[0] = (uint64_t)left;
	}
	rt_hostcall(OM_HC_PARK, OM_HCF_INTERRUPTIBLE, 0, arg);
	if (rt_self()->thread && rt_stop_requested())
		rt_park_self();
}

void rt_unpark(uint32_t slot)
{
	const uint64_t arg[6] = { slot };

	rt_hostcall(OM_HC_UNPARK, 0, 0, arg);
}

void rt_kick(uint32_t slot)
{
	const uint64_t arg[6] = { slot };

	rt_hostcall(OM_HC_KICK, 0, 0, arg);
}

static char *append(char *to, const char *end, const char *words)
{
	while (*words && to < end)
		*to++ = *words++;
	return to;
}

static void log_line(const char *words, size_t size, bool matters)
{
	uint64_t used, arg[6] = { size, matters };
	struct rt_tcb *tcb = rt_self();
	uint64_t *counter = tcb->in_exception ? &tcb->exc_ub_used : &tcb->ub_used;

	/* The text goes to the beginning of the data, which a system call under way may be using. */
	used = *counter;
	if (used != 0)
		return;
	rt_ub_put((RT_UNTRUSTED char *)rt_tbuf(tcb) + OM_TBUF_DATA, words, size);
	rt_hostcall(OM_HC_LOG, 0, 0, arg);
}

void rt_log(const char *words)
{
	log_line(words, strlen(words), false);
}

void rt_tell(const char *words)
{
	log_line(words, strlen(words), true);
}

static void log_number(const char *words, uint64_t number, bool matters)
{
	char line[160], digits[20];
	char *at = append(line, line + sizeof line - sizeof digits - 1, words);
	int count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	*at++ = ' ';
	while (count > 0)
		*at++ = digits[--count];
	log_line(line, (size_t)(at - line), matters);
}

void rt_log_number(const char *words, uint64_t number)
{
	log_number(words, number, false);
}

void rt_tell_number(const char *words, uint64_t number)
{
	log_number(words, number, true);
}

_Noreturn void rt_exit_process(int status, int signo)
{
	const uint64_t arg[6] = { (uint64_t)(status & 255), (uint64_t)signo };

	rt_io_vault_exit();
	rt_io_pending_reset_all();
	for (;;)
		rt_hostcall(OM_HC_EXIT, 0, 0, arg);
}
