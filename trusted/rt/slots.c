/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the CPU interrupts a thread, it puts the registers into the slot's SSA: registers of the program, or blocks that the engine was encrypting. They
 * lie there until the next interruption. When nothing of a program may be left behind, they are overwritten.
 *
 * A frame is in use from an interruption to ERESUME. Nobody knows from outside whether a thread is between the two, so a slot is taken first:
 *
 *     entering   `inside` 0 -> 1, or waits while it is 2        leaving   -> 0, then EEXIT
 *     wiping     0 -> 2, wipes, -> 0
 *
 * A thread that waits, or is about to EEXIT, may be interrupted and resumed meanwhile. It then needs its general registers, but no vector register. So
 * the general registers of a frame stay if the frame is of the runtime's code. A frame of the program's code, or of a mark that the program calls, is
 * overwritten whole.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

enum { LEGACY = 32, HEADER = 512, EXTENDED = 576 };      /* of an XSAVE area: behind the control words; the header, which ERESUME checks */

void rt_slot_enter(struct rt_tcb *tcb)
{
	uint32_t none = 0;

	while (!atomic_compare_exchange_weak((_Atomic uint32_t *)&tcb->inside, &none, 1)) {
		none = 0;
		__asm__ volatile ("pause");
	}
}

_Noreturn void rt_slot_leave(struct rt_tcb *tcb)
{
	atomic_store_explicit((_Atomic uint32_t *)&tcb->inside, 0, memory_order_release);
	rt_leave(tcb);
}

static bool in_runtime(uint64_t rip)
{
	const bool marks = rip >= (uint64_t)rt_marks_begin && rip < (uint64_t)rt_marks_end;

	return rip >= (uint64_t)__rt_code_start && rip < (uint64_t)__rt_code_end && !marks;
}

static void wipe_frame(uint64_t frame)
{
	const uint64_t end = frame + OM_SSA_FRAME_PAGES * OM_PAGE_SIZE - SGX_GPRSGX_SIZE;
	struct sgx_gprsgx *gpr = (struct sgx_gprsgx *)end;

	memset((void *)(frame + LEGACY), 0, HEADER - LEGACY);
	memset((void *)(frame + EXTENDED), 0, end - SGX_EXINFO_SIZE - (frame + EXTENDED));
	if (!in_runtime(gpr->rip))
		memset(gpr, 0, offsetof(struct sgx_gprsgx, rflags));
}

static bool wipe_slot(uint32_t slot)
{
	struct rt_tcb *tcb = rt_tcb_of(slot);
	const bool own = tcb == rt_self();
	uint32_t none = 0;

	if (!own && !atomic_compare_exchange_strong((_Atomic uint32_t *)&tcb->inside, &none, 2))
		return false;
	for (uint64_t i = 0; i < OM_NSSA; i++)
		wipe_frame((uint64_t)tcb - OM_SLOT_TCB + OM_SLOT_SSA + i * OM_SSA_FRAME_PAGES * OM_PAGE_SIZE);
	if (!own)
		atomic_store_explicit((_Atomic uint32_t *)&tcb->inside, 0, memory_order_release);
	return true;
}

bool rt_slots_wipe(void)
{
	bool all = true;

	for (uint32_t slot = 0; slot < rt_slot_count(); slot++)
		all &= wipe_slot(slot);
	return all;
}
