/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spin locks and the end. A lock is held for some hundred instructions at most, but the host may take the holder's CPU
 * away meanwhile; so a waiter that has spun for long gives its own CPU up.
 */
#include "boot/boot.h"
#include "rt/internal.h"
#include "rt/libmem.h"

#define SPINS 2000

/* In .data: the end may come before bss is there. */
#define EARLY __attribute__((section(".data.rt.boot")))
_Atomic bool rt_ended EARLY = false;
static _Atomic int ended_error EARLY = 0;
static const char *_Atomic ended_words EARLY = NULL;

void rt_yield(void)
{
	(void)rt_host(__NR_sched_yield, 0, 0, 0, 0, 0, 0); /* only a hint */
}

void rt_hold(_Atomic uint32_t *holder)
{
	uint32_t nobody = 0;

	while (!atomic_compare_exchange_weak(holder, &nobody, 1)) {
		nobody = 0;
		rt_yield();
	}
}

void rt_let_go(_Atomic uint32_t *holder)
{
	atomic_store(holder, 0);
}

void rt_lock(struct rt_lock *lock)
{
	_Atomic uint32_t *word = (_Atomic uint32_t *)&lock->word;
	int spins = 0;

	while (atomic_exchange_explicit(word, 1, memory_order_acquire)) {
		while (atomic_load_explicit(word, memory_order_relaxed)) {
			rt_pause();
			if (++spins % SPINS == 0 && !rt_self()->in_exception)
				rt_yield();
		}
	}
}

void rt_unlock(struct rt_lock *lock)
{
	atomic_store_explicit((_Atomic uint32_t *)&lock->word, 0, memory_order_release);
}

static _Noreturn void tell_end(int error, const char *words)
{
	struct rt_tcb *tcb;
	size_t size = strlen(words);
	uint64_t arg[3];

	/* FS may be the application's, with its memory gone: the exception handler's is always ours. */
	__asm__ volatile ("movq %%fs:%c1, %0" : "=r"(tcb) : "i"(OM_TP_SLOT));
	arg[0] = (uint64_t)(int64_t)error;
	arg[1] = 0;
	arg[2] = 0;
	if (size > 250)
		size = 250;
	rt_ub_put((RT_UNTRUSTED char *)rt_tbuf(tcb) + OM_TBUF_DATA, words, size);
	rt_ub_put((RT_UNTRUSTED char *)rt_tbuf(tcb) + OM_TBUF_DATA + size, "", 1);
	rt_tbuf_finish(tcb, OM_EXIT_FATAL, arg, 3);
	if (tcb->in_exception)
		rt_leave_exception(tcb);
	rt_slot_leave(tcb);
}

/* The first reason is the one. */
_Noreturn void rt_fatal(int error, const char *words)
{
	const char *none = NULL;

	if (atomic_compare_exchange_strong(&ended_words, &none, words))
		atomic_store(&ended_error, error);
	atomic_store(&rt_ended, true);
	if (rt_booted())
		rt_poll_raise(RT_POLL_STOP);           /* threads of the program that are inside park at their next safepoint */
	tell_end(error, words);
}

_Noreturn void rt_fatal_again(void)
{
	tell_end(atomic_load(&ended_error), atomic_load(&ended_words));
}
