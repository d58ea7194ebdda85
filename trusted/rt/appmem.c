/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's access to application memory. Two checks stand behind each other: the range must be one the
 * application may own (its image segments, the heap), so that no pointer reaches the runtime's own data; and the access
 * itself may fault (not mapped, protected, unmapped by another thread meanwhile), which rt_copy_try turns into -EFAULT,
 * and rt_try for code that is not a copy. Writes mark their cards first; mark and write are in one safepoint interval.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

static bool inside(uint64_t app, size_t size, uint64_t begin, uint64_t end)
{
	return app >= begin && app <= end && size <= end - app;
}

bool rt_app_range_ok(uint64_t app, size_t size, bool write)
{
	uint64_t heap = OM_ELRANGE_BASE + rt_image->heap_offset;

	if (RT_UNLIKELY(size == 0))
		return true; /* nothing lies nowhere: NULL with a size of 0 is common */
	if (RT_LIKELY(inside(app, size, heap, heap + rt_image->heap_size)) ||
	    inside(app, size, (uint64_t)__rt_tracked_start, (uint64_t)__rt_tracked_end))
		return true;
	return !write && inside(app, size, (uint64_t)__ehdr_start, (uint64_t)__rt_text_end);
}

void rt_cards_mark(uint64_t address, size_t size)
{
	uint8_t *cards = rt_cards();
	uint64_t first = rt_page_index(address), last;

	if (size == 0)
		return;
	last = rt_page_index(address + size - 1);
	for (uint64_t i = first; i <= last; i++)
		if (!__atomic_load_n(&cards[i], __ATOMIC_RELAXED))
			__atomic_store_n(&cards[i], OM_CARD_DIRTY, __ATOMIC_RELAXED);
	rt_cards_noted(first, last - first + 1);
}

void rt_cards_mark_all(void)
{
	uint64_t limit = rt_image->slots_offset / OM_PAGE_SIZE;

	if (!(__optmig_attention & OM_ATTENTION_TRACK))
		return;
	for (uint64_t i = 0; i < limit; i++) {
		if (i % OM_PAGE_SIZE == 0 && !rt_mem_used(i)) {
			i += OM_PAGE_SIZE - 1;
			continue;
		}
		if (rt_pagemap()[i] != RT_PAGE_FREE)
			__atomic_store_n(&rt_cards()[i], OM_CARD_DIRTY, __ATOMIC_RELAXED);
		if ((i + 1) % OM_PAGE_SIZE == 0 || i + 1 == limit)
			rt_cards_noted(i, 1);          /* after the cards of its chunk */
	}
}

long rt_app_get(void *trusted, uint64_t app, size_t size)
{
	if (RT_UNLIKELY(!rt_app_range_ok(app, size, false)))
		return -EFAULT;
	return rt_copy_try(trusted, (const void *)app, size);
}

long rt_app_put(uint64_t app, const void *trusted, size_t size)
{
	if (RT_UNLIKELY(!rt_app_range_ok(app, size, true)))
		return -EFAULT;
	rt_cards_mark(app, size);
	return rt_copy_try((void *)app, trusted, size);
}

long rt_app_store(uint64_t app, size_t size, void (*store)(void *argument), void *argument)
{
	struct rt_try try = { .begin = rt_page_down(app), .end = app + size };
	struct rt_tcb *tcb = rt_self();
	long error;

	if (RT_UNLIKELY(!rt_app_range_ok(app, size, true)))
		return -EFAULT;
	rt_cards_mark(app, size);
	__atomic_store_n(&tcb->store, &try, __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_seq_cst);       /* the exception handler is this thread's own */
	error = rt_try(store, argument, &try);
	atomic_signal_fence(memory_order_seq_cst);
	__atomic_store_n(&tcb->store, NULL, __ATOMIC_RELAXED);
	return error;
}

/* How much may be read at once of a string that goes on here: most are short, and one may end where the program's memory does. */
static size_t string_part(uint64_t app, size_t room)
{
	uint64_t end = (uint64_t)__rt_tracked_end, part = OM_PAGE_SIZE - (app & (OM_PAGE_SIZE - 1));

	if (part > 64)
		part = 64;
	if (app < end && part > end - app)
		part = end - app;
	return part < room ? part : room;
}

long rt_app_get_string(char *trusted, uint64_t app, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t part = string_part(app + done, size - done);
		char *end;

		if (rt_app_get(trusted + done, app + done, part) < 0)
			return -EFAULT;
		end = memchr(trusted + done, 0, part);
		if (end)
			return end - trusted;
		done += part;
	}
	return -ENAMETOOLONG;
}

/* Untrusted memory is accessed in whole words (door.c); blocks from rt_ub_alloc begin at 16 and are padded to 16. */
long rt_app_to_ub(RT_UNTRUSTED void *untrusted, uint64_t app, size_t size)
{
	uint8_t tail[8] = { 0 };
	size_t whole = size & ~7ULL;

	if (RT_UNLIKELY(!rt_app_range_ok(app, size, false)))
		return -EFAULT;
	if (RT_UNLIKELY(!rt_untrusted_ok(untrusted, size) || ((uint64_t)untrusted & 7)))
		rt_fatal(OM_EINTERNAL, "rt_app_to_ub: not an untrusted, aligned address");
	if (rt_copy_try((void *)untrusted, (const void *)app, whole) < 0 || rt_copy_try(tail, (const void *)(app + whole), size - whole) < 0)
		return -EFAULT;
	if (size > whole)
		rt_ub_put((RT_UNTRUSTED char *)untrusted + whole, tail, size - whole);
	return 0;
}

long rt_ub_to_app(uint64_t app, const RT_UNTRUSTED void *untrusted, size_t size)
{
	uint8_t tail[8];
	size_t whole = size & ~7ULL;

	if (RT_UNLIKELY(!rt_app_range_ok(app, size, true)))
		return -EFAULT;
	if (RT_UNLIKELY(!rt_untrusted_ok(untrusted, size) || ((uint64_t)untrusted & 7)))
		rt_fatal(OM_EINTERNAL, "rt_ub_to_app: not an untrusted, aligned address");
	rt_cards_mark(app, size);
	if (rt_copy_try((void *)app, (const void *)untrusted, whole) < 0)
		return -EFAULT;
	if (size > whole) {
		rt_ub_get(tail, (const RT_UNTRUSTED char *)untrusted + whole, size - whole);
		return rt_copy_try((void *)(app + whole), tail, size - whole);
	}
	return 0;
}

long rt_app_zero(uint64_t app, size_t size)
{
	static const uint8_t zeros[OM_PAGE_SIZE];

	while (size > 0) {
		size_t part = size < sizeof zeros ? size : sizeof zeros;
		long r = rt_app_put(app, zeros, part);

		if (r < 0)
			return r;
		app += part;
		size -= part;
	}
	return 0;
}
