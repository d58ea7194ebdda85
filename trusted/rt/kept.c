/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freed pages that stay in the enclave. Giving a page back and taking it again costs calls of the host and an exception;
 * allocators that map and unmap small regions all the time (musl's does) would spend more time on that than on their
 * work. So small runs of freed pages are kept, up to a limit, with what is in them, and zeroed when they are used again.
 *
 * A bit per page, local: to the engine a kept page is FREE, or RESERVED without access, and nothing else. Invariant: a
 * kept page that is not FREE has no protection bits, so nobody can touch it before protect or unmap has seen it. While a
 * migration arrives and no application runs yet, pages accepted ahead of their content are kept too, in any state.
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mem.h"

#define RUN_MAX    512u
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
	if (count > RUN_MAX || atomic_load_explicit(&kept_count, memory_order_relaxed) + count > limit())
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
	return atomic_load_explicit(&kept_count, memory_order_relaxed) + RUN_MAX > limit();
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

/* Context: the page is ARRIVING by the caller, and was kept. */
void rt_kept_use(uint64_t index, uint8_t protection)
{
	uint64_t address = rt_page_address(index);
	enum rt_page_state state = RT_PAGE_ACCEPTED;

	if (protection & RT_PAGE_W) {
		rt_cards_mark(address, OM_PAGE_SIZE);
		memset((void *)address, 0, OM_PAGE_SIZE);
	} else {
		if (rt_page_trim(index, 1) < 0)
			rt_fatal(OM_EHOST, "the host could not trim a page of this enclave");
		rt_cards_mark(address, OM_PAGE_SIZE);
		state = RT_PAGE_RESERVED;
	}
	__atomic_store_n(&rt_pagemap()[index], (uint8_t)(state | protection), __ATOMIC_RELEASE);
}
