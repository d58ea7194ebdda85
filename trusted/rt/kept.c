/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freed pages that stay in the enclave. Giving a page back and taking it again costs calls of the host and an exception;
 * allocators that map and unmap small regions all the time (musl's does) would spend more time on that than on their
 * work. So runs of freed pages are kept, up to a limit, with what is in them, and zeroed when they are used again.
 *
 * There is a bit per page, which is local: to the engine a kept page is FREE and nothing else. The CPU lets a kept page be written all the same. So a
 * page that is mapped again is kept no more: it is zeroed if it may be written, and leaves the enclave if not, guard pages among them.
 * While a migration arrives and no application runs yet, pages that were accepted ahead of their content are kept too, in any state.
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mem.h"

#define ROOM_LEAST 512u
#define LIMIT_MAX  (64u << 20 >> 12)

RT_LAZY static _Atomic uint64_t kept[OM_ELRANGE_MAX / OM_PAGE_SIZE / 64];
RT_LOCAL static _Atomic uint64_t kept_count;

static uint64_t limit(void)
{
	uint64_t sixteenth = rt_image->heap_size / 16 >> 12;

	return sixteenth < LIMIT_MAX ? sixteenth : LIMIT_MAX;
}

bool rt_kept_put(uint64_t index, uint64_t count)
{
	if (atomic_load_explicit(&kept_count, memory_order_relaxed) + count > limit())
		return false;
	for (uint64_t i = index; i < index + count; i++)
		if (!(rt_pagemap()[i] & RT_PAGE_W))
			return false;
	atomic_fetch_add_explicit(&kept_count, count, memory_order_relaxed);
	for (uint64_t i = index; i < index + count; i++)
		atomic_fetch_or_explicit(&kept[i / 64], 1ULL << (i % 64), memory_order_relaxed);
	return true;
}

bool rt_kept_full(void)
{
	return atomic_load_explicit(&kept_count, memory_order_relaxed) + ROOM_LEAST > limit();
}

void rt_kept_ahead(uint64_t index)
{
	atomic_fetch_add_explicit(&kept_count, 1, memory_order_relaxed);
	atomic_fetch_or_explicit(&kept[index / 64], 1ULL << (index % 64), memory_order_relaxed);
}

bool rt_kept_any(void)
{
	return atomic_load_explicit(&kept_count, memory_order_relaxed) > 0;
}

bool rt_kept_take(uint64_t index)
{
	uint64_t bit = 1ULL << (index % 64);

	if (!(atomic_load_explicit(&kept[index / 64], memory_order_relaxed) & bit) ||
	    !(atomic_fetch_and_explicit(&kept[index / 64], ~bit, memory_order_acq_rel) & bit))
		return false;
	atomic_fetch_sub_explicit(&kept_count, 1, memory_order_relaxed);
	return true;
}

/* Context: the pages are ARRIVING by the caller, and were kept. Only what may be written stays in the enclave. */
void rt_kept_use(uint64_t index, uint64_t count, uint8_t protection)
{
	bool stays = protection & RT_PAGE_W;

	if (!stays && rt_page_trim(index, count) < 0)
		rt_fatal(OM_EHOST, "the host could not trim a page of this enclave");
	rt_cards_mark(rt_page_address(index), count << 12);
	if (stays)
		memset((void *)rt_page_address(index), 0, count << 12);
	for (uint64_t i = index; i < index + count; i++)
		__atomic_store_n(&rt_pagemap()[i], (uint8_t)((stays ? RT_PAGE_ACCEPTED : RT_PAGE_RESERVED) | protection), __ATOMIC_RELEASE);
}
