/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens after EENTER at CSSA 0: check the arguments, dispatch the call, leave.
 *
 *   OM_ECALL_INIT     slot 0, once per enclave                         -> boot.c
 *   OM_ECALL_THREAD   application slots: the stored system call of this slot's thread is run (again)
 *   everything else   service slots, after OM_ECALL_INIT has finished
 *
 * A thread parks by leaving: its runtime stack is abandoned, rt_thread keeps all that is needed to go on. Parking and
 * being started are the two ends of one protocol with stop.c:
 *
 *          PARKED --OM_ECALL_THREAD--> RUNNING --rt_park_self--> PARKED
 *                                        |
 *                                        +--rt_thread_leave--> EXITING --> FREE
 */
#include "boot/boot.h"
#include "boot/hostcall_asm.h"
#include "rt/internal.h"
#include "rt/owner.h"
#include "rt/testhooks.h"

_Static_assert(OM_ECALL_RETURN == OM_ECALL_RETURN_NUMBER && OM_ECALL_EXCEPTION == OM_ECALL_EXCEPTION_NUMBER,
	"boot/hostcall_asm.h");

struct rt_tcb *rt_tcb_of(uint32_t slot)
{
	return (struct rt_tcb *)(OM_ELRANGE_BASE + rt_image->slots_offset + (uint64_t)slot * OM_SLOT_SIZE + OM_SLOT_TCB);
}

uint32_t rt_slot_count(void)
{
	return rt_image->service_slots + rt_image->app_threads;
}

_Noreturn void rt_thread_leave(void)
{
	struct rt_tcb *tcb = rt_self();
	struct rt_thread *t = tcb->thread;

	tcb->thread = NULL;
	rt_tbuf_finish(tcb, OM_EXIT_THREAD, NULL, 0);
	atomic_store_explicit((_Atomic uint32_t *)&tcb->outside, 1, memory_order_release);
	/* From here on the slot may be given to a new thread. It cannot be entered before this one is out: the CPU holds
	 * the TCS busy until EEXIT, and only entering touches the thread block and the runtime stack. */
	atomic_store_explicit((_Atomic uint32_t *)&t->state, RT_T_FREE, memory_order_release);
	rt_slot_leave(tcb);
}

static _Noreturn void enter_thread(struct rt_tcb *tcb, uint64_t host_tid, uint64_t host_ns)
{
	struct rt_thread *t = &rt_threads[tcb->slot];
	uint32_t parked = RT_T_PARKED;

	atomic_store((_Atomic uint32_t *)&tcb->start_pending, 0);
	tcb->thread = t; /* before RUNNING: rt_resume_all tells by it who really runs */
	if (rt_stop_requested() || !atomic_compare_exchange_strong((_Atomic uint32_t *)&t->state, &parked, RT_T_RUNNING)) {
		tcb->thread = NULL;
		rt_tbuf_finish(tcb, parked == RT_T_FREE ? OM_EXIT_THREAD : OM_EXIT_PARKED, NULL, 0);
		rt_slot_leave(tcb);
	}
	rt_cpu_enter(tcb, t, host_tid, host_ns);
	tcb->epoch_seen = atomic_load(&rt_epoch);
	/* Before any access to application memory: see stop.c on handshakes. */
	atomic_exchange((_Atomic uint32_t *)&tcb->outside, 0);
	if (rt_stop_requested())
		rt_park_self();
	rt_sched_enter(tcb, t);
	if (!(t->flags & RT_TF_INTERNAL) && t->app_fs)
		__asm__ volatile ("wrfsbase %0" : : "r"(t->app_fs) : "memory");
	rt_app_return(t, rt_syscall_again(t));
}

static _Noreturn void finish_service(struct rt_tcb *tcb)
{
	rt_tbuf_finish(tcb, OM_EXIT_DONE, NULL, 0);
	rt_slot_leave(tcb);
}

/* What another process could have sent, no more. That the program has faulted is the CPU's to tell (exception.c), not the host's. */
static int32_t code_of(uint64_t signo, int32_t code)
{
	switch (signo) {
	case SIGSEGV: case SIGBUS: case SIGFPE: case SIGILL: case SIGTRAP: case SIGSYS:
		return code > 0 ? SI_USER : code;
	default:
		return code;
	}
}

static void service(struct rt_tcb *tcb, uint32_t ecall, uint64_t a, uint64_t b)
{
	switch (ecall) {
	case OM_ECALL_SIGNAL:
		if (a >= 1 && a <= SIG_MAX && !engine_arriving() && !rt_owner_signal((int)a)) {
			struct rt_siginfo info = { .signo = (int32_t)a, .code = code_of(a, (int32_t)b),
				.a = rt_ub_read64(&tcb->tbuf->arg[0]), .b = rt_ub_read64(&tcb->tbuf->arg[1]) };
			(void)rt_signal_post(NULL, &info); /* the host's kernel has told its sender already */
		}
		break;
	case OM_ECALL_IO:
		if (!engine_arriving())
			rt_io_ready((int32_t)a, (int32_t)(b & 0xffff), b >> 32);
		break;
	case OM_ECALL_ENGINE:
		rt_tbuf_set_ret(tcb, engine_call(a));
		break;
	case OM_ECALL_UNLOCK:
		rt_tbuf_set_ret(tcb, rt_owner_call(a));
		break;
	case OM_ECALL_STATS:
		rt_stats_call(tcb);
		break;
	case OM_ECALL_STOP:
		rt_tbuf_set_ret(tcb, rt_test_stop(a, b));
		break;
	default:
		rt_tbuf_set_ret(tcb, OM_EINVAL);
	}
}

_Noreturn void rt_enter(uint32_t ecall, RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t tbuf_size, uint64_t a, uint64_t b)
{
	struct rt_tcb *tcb = rt_self();

	/* Nothing to tell it to: without a usable tbuf there is no way to answer. */
	if (!rt_tbuf_ok(tbuf, tbuf_size))
		__builtin_trap();
	rt_slot_enter(tcb);
	tcb->tbuf = tbuf;
	tcb->tbuf_size = tbuf_size;
	tcb->ub_used = 0;
	tcb->exc_stack_top = (uint64_t)tcb - OM_SLOT_TCB + OM_SLOT_EXC_STACK + OM_SLOT_EXC_STACK_SIZE;
	tcb->slot = (uint32_t)(((uint64_t)tcb - OM_ELRANGE_BASE - rt_image->slots_offset) / OM_SLOT_SIZE);
	rt_check_ended();
	if (ecall == OM_ECALL_INIT && tcb->slot == 0) {
		rt_boot(a, b);
		finish_service(tcb);
	}
	if (!rt_booted())
		rt_fatal(OM_EHOST, "the host entered before OM_ECALL_INIT had finished");
	if (tcb->slot >= rt_image->service_slots) {
		if (ecall == OM_ECALL_THREAD)
			enter_thread(tcb, a, b);
		rt_tbuf_set_ret(tcb, OM_EINVAL);
		finish_service(tcb);
	}
	service(tcb, ecall, a, b);
	finish_service(tcb);
}
