/* SPDX-License-Identifier: Apache-2.0 */
/* OM_ECALL_STATS: sums of the counters that each slot keeps for itself, and of the page states. */
#include "rt/internal.h"
#include "rt/libmem.h"

RT_LOCAL struct rt_counters rt_counters;

static void add_slot(struct om_enclave_stats *s, uint32_t slot)
{
	const struct rt_tcb *tcb = rt_tcb_of(slot);

	s->hostcalls += tcb->hostcalls;
	s->syscalls += tcb->syscalls;
	s->syscalls_inside += tcb->syscalls_inside;
	s->exceptions += tcb->exceptions;
	s->page_faults_owed += tcb->faults_owed;
	s->threads += slot >= rt_image->service_slots && rt_threads[slot].state != RT_T_FREE;
	for (unsigned i = 0; i < 512; i++)
		s->syscall_count[i] += tcb->syscall_count[i];
}

static void count_pages(struct om_enclave_stats *s)
{
	uint64_t end = (rt_image->heap_offset + rt_image->heap_size) >> 12;

	for (uint64_t i = 0; i < end; i++) {
		if (!rt_mem_used(i)) {
			i |= 4095;
			continue;
		}
		s->pages_tracked += RT_PAGE_STATE(rt_pagemap()[i]) == RT_PAGE_ACCEPTED;
		s->pages_resident += RT_PAGE_STATE(rt_pagemap()[i]) == RT_PAGE_RESIDENT;
	}
}

void rt_stats_call(struct rt_tcb *tcb)
{
	struct om_enclave_stats s;

	memset(&s, 0, sizeof s);
	for (uint32_t slot = 0; slot < rt_slot_count(); slot++)
		add_slot(&s, slot);
	count_pages(&s);
	s.pages_accepted = atomic_load(&rt_counters.pages_accepted);
	s.safepoint_stops = atomic_load(&rt_counters.stops);
	s.handshakes = atomic_load(&rt_counters.handshakes);
	rt_ub_put((RT_UNTRUSTED char *)tcb->tbuf + OM_TBUF_DATA, &s, sizeof s);
	rt_tbuf_set_ret(tcb, 0);
}
