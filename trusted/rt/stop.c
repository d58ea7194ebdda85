/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safepoints, from both sides.
 *
 * Stop.  The flag is raised, and threads outside are kicked until all are PARKED. A kick may be lost only to a thread that
 * is not outside. Such a thread meets the flag at its next poll, system call or return.
 *
 * Handshake.  The engine clears cards, then wants to know when every thread has passed a safepoint or is outside.
 *
 *     engine   clear cards; fence; epoch++; raise the poll flag ... read outside, epoch_seen
 *     thread   at a safepoint: read epoch, write epoch_seen; later: look at cards, store
 *     thread   back from the host: outside = 0; fence; look at cards, store
 *
 * A thread whose epoch_seen is new read the epoch after the cards were cleared. So it sees them cleared from then on, for loads are
 * not reordered. Its earlier stores are visible, for stores are not reordered either. For `outside` store and load are on
 * both sides, so both need the fence: either the engine sees the thread inside, or the thread sees the cards clear.
 *
 * Tracking.  While nobody wants marks (no bit of OM_ATTENTION_TRACK) the program makes none. The first round raises one, clears the
 * cards, and copies everything after its handshake: a thread that looked at the flag before has ended its interval by then,
 * so what it stored without a mark is copied.
 *
 * The live part of every application stack is marked when its thread parks: pushes and spills leave no marks of their own.
 */
#include "rt/internal.h"
#include "rt/testhooks.h"

volatile unsigned char __optmig_attention;
RT_LOCAL _Atomic uint64_t rt_epoch;
RT_LOCAL static _Atomic uint64_t throttle_ns;

void rt_poll_raise(uint8_t bits)
{
	__atomic_fetch_or(&__optmig_attention, bits, __ATOMIC_SEQ_CST);
}

void rt_poll_clear(uint8_t bits)
{
	__atomic_fetch_and(&__optmig_attention, (uint8_t)~bits, __ATOMIC_SEQ_CST);
}

void rt_track(uint8_t who, bool wanted)
{
	if (wanted)
		rt_poll_raise(who);
	else
		rt_poll_clear(who);
}

static uint32_t state_of(uint32_t slot)
{
	return atomic_load((_Atomic uint32_t *)&rt_threads[slot].state);
}

static bool is_outside(uint32_t slot)
{
	return atomic_load((_Atomic uint32_t *)&rt_tcb_of(slot)->outside);
}

/* Kicks whoever runs outside; returns how many are not parked. */
static uint32_t kick_all(void)
{
	uint32_t running = 0;

	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		uint32_t state = state_of(slot);

		if (state != RT_T_RUNNING && state != RT_T_EXITING)
			continue;
		running++;
		if (state == RT_T_RUNNING && is_outside(slot))
			rt_kick(slot);
	}
	return running;
}

void rt_stop_begin(void)
{
	atomic_fetch_add(&rt_counters.stops, 1);
	rt_poll_raise(RT_POLL_STOP);
	kick_all();
}

uint32_t rt_stop_poll(void)
{
	return kick_all();
}

int rt_ready_all(void)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		const uint64_t arg[6] = { slot, 1 };
		uint32_t state = state_of(slot);

		if ((state == RT_T_RUNNING || state == RT_T_EXITING || state == RT_T_PARKED) && rt_hostcall(OM_HC_THREAD_START, 0, 0, arg))
			return OM_EHOSTSTATE;
	}
	return 0;
}

void rt_resume_all(void)
{
	rt_poll_clear(RT_POLL_STOP);
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		struct rt_tcb *tcb = rt_tcb_of(slot);
		uint32_t state = state_of(slot);

		/* On a destination a thread may have been caught between two states; here it is certainly not running. */
		if ((state == RT_T_RUNNING || state == RT_T_EXITING) && !tcb->thread)
			(void)atomic_compare_exchange_strong((_Atomic uint32_t *)&rt_threads[slot].state, &state, RT_T_PARKED);
		if (state_of(slot) == RT_T_PARKED && !atomic_load((_Atomic uint32_t *)&tcb->start_pending) &&
		    rt_thread_start_host(slot) < 0)
			rt_fatal(OM_EHOST, "the host could not start a thread again");
	}
}

uint64_t rt_handshake_begin(void)
{
	uint64_t epoch;

	atomic_fetch_add(&rt_counters.handshakes, 1);
	atomic_thread_fence(memory_order_seq_cst);
	epoch = atomic_fetch_add(&rt_epoch, 1) + 1;
	rt_poll_raise(RT_POLL_EPOCH);
	return epoch;
}

bool rt_handshake_done(uint64_t epoch)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_slot_count(); slot++) {
		struct rt_tcb *tcb = rt_tcb_of(slot);
		uint32_t state = state_of(slot);

		if ((state == RT_T_RUNNING || state == RT_T_EXITING) && !is_outside(slot) &&
		    atomic_load((_Atomic uint64_t *)&tcb->epoch_seen) < epoch)
			return false;
	}
	if (atomic_load(&rt_epoch) == epoch)
		rt_poll_clear(RT_POLL_EPOCH);
	return true;
}

void rt_throttle_set(uint64_t sleep_ns)
{
	atomic_store(&throttle_ns, sleep_ns);
	if (sleep_ns)
		rt_poll_raise(RT_POLL_THROTTLE);
	else
		rt_poll_clear(RT_POLL_THROTTLE);
}

/* [low, high) of an application stack, as far as it is application memory. */
static void mark_stack(uint64_t low, uint64_t high)
{
	if (low < high && rt_app_range_ok(low, high - low, true))
		rt_cards_mark(low, high - low);
}

#define FOREIGN_MAX (8u * 1024 * 1024)

static uint64_t foreign_end(uint64_t rsp)
{
	uint64_t end = rt_page_up(rsp);

	while (end - rsp < FOREIGN_MAX && rt_app_range_ok(end, OM_PAGE_SIZE, true) && rt_mem_used(rt_page_index(end)) &&
	       RT_PAGE_STATE(rt_pagemap()[rt_page_index(end)]) != RT_PAGE_FREE)
		end += OM_PAGE_SIZE;
	return end;
}

static void mark_stacks(const struct rt_thread *t)
{
	uint64_t alt_end = t->altstack_base + t->altstack_size;

	if (t->flags & RT_TF_INTERNAL)
		return;
	if (t->altstack_size && t->app_rsp - t->altstack_base < t->altstack_size) {
		mark_stack(t->app_rsp - 128, alt_end);
		mark_stack(t->alt_rsp - 128, t->stack_top);
	} else if (t->app_rsp < t->stack_top && t->app_rsp >= t->stack_low) {
		mark_stack(t->app_rsp - 128, t->stack_top);
	} else {
		/* A stack of the program's own making: its end is unknown. */
		mark_stack(t->app_rsp - 128, foreign_end(t->app_rsp));
		mark_stack(t->stack_low ? t->stack_low : t->stack_top - FOREIGN_MAX, t->stack_top);
	}
}

_Noreturn void rt_park_self(void)
{
	struct rt_tcb *tcb = rt_self();
	struct rt_thread *t = tcb->thread;

	mark_stacks(t);
	tcb->thread = NULL;
	atomic_store_explicit((_Atomic uint32_t *)&tcb->outside, 1, memory_order_release);
	rt_tbuf_finish(tcb, OM_EXIT_PARKED, NULL, 0);
	/* Last: who reads PARKED may use everything that this thread has written. */
	atomic_store_explicit((_Atomic uint32_t *)&t->state, RT_T_PARKED, memory_order_release);
	rt_slot_leave(tcb);
}

void rt_safepoint(struct rt_thread *t)
{
	uint64_t sleep_ns;

	(void)t;
	if (RT_UNLIKELY(__optmig_attention & RT_POLL_VERIFY))
		rt_test_interval();
	rt_self()->epoch_seen = atomic_load(&rt_epoch);
	if (rt_stop_requested())
		rt_park_self();
	sleep_ns = atomic_load_explicit(&throttle_ns, memory_order_relaxed);
	if (RT_UNLIKELY(sleep_ns))
		rt_park_until(rt_monotonic_ns() + (int64_t)sleep_ns);
}
