/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap: finding, claiming and giving back runs of pages. The page map is the only record of what is mapped; there
 * is no list of areas.
 *
 *   heap_offset                                                            heap_offset + heap_size
 *   | brk ->            | mmap: next fit, first choice from here on ->                          |
 *   |<-- brk reserve -->|
 *
 * Finding a run is done under mem_lock and ends with the run RESERVED. Everything else needs no lock: a page is owned by
 * whoever turned it to ARRIVING. Pages become FREE last. Whoever turns an OWED page into anything but ARRIVING tells the
 * engine, at once: from then on the page's state says nothing about what the migration's source still has.
 *
 * Long work (trimming gigabytes, moving them) is done in pieces with a safepoint between two of them; the system call
 * is then run again from its start, which finds the first pieces done.
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mem.h"

#define PIECE_PAGES 2048u    /* trimmed between two safepoints */

RT_RESIDENT static struct rt_lock mem_lock;
RT_RESIDENT static uint64_t brk_start, brk_end, brk_limit;   /* addresses; brk_end is what the program asked for */
RT_RESIDENT static uint64_t rover;                           /* page index where the next search begins */
RT_RESIDENT static _Atomic uint64_t mapped_pages;

/*
 * The runs given back last whose pages are still in the enclave (kept.c). The search for a run starts behind the last one
 * found and would come to them when it has gone round the heap; until then everybody who maps and unmaps again and again
 * would be given new pages each time. So these are asked first. Under mem_lock; what was mapped meanwhile by its address is noticed.
 * And the search goes back to what was given back, if that is NEAR: it takes a microsecond to come by again.
 */
#define RECENT 16u
#define NEAR   (64u << 20 >> 12)
#define BEFORE 512u
RT_LOCAL static struct { uint64_t index, count; } recent[RECENT];
RT_LOCAL static uint32_t recent_next;

static uint64_t heap_first(void) { return rt_image->heap_offset >> 12; }
static uint64_t heap_last(void) { return (rt_image->heap_offset + rt_image->heap_size) >> 12; }

uint64_t rt_mem_used_bytes(void)
{
	return atomic_load_explicit(&mapped_pages, memory_order_relaxed) << 12;
}

static RT_RESIDENT uint64_t limit_pages;                     /* of mapped_pages; 0: none */

void rt_mem_limit(uint64_t address_space, uint64_t data)
{
	uint64_t image = rt_image->image_end_offset;
	uint64_t heap = address_space > image ? address_space - image : 0;

	heap = heap < data ? heap : data;
	limit_pages = heap < rt_image->heap_size ? (heap >> 12) + 1 : 0; /* one more than may be: 0 is taken */
}

/* As a kernel, which looks before it maps: threads that map at the same moment may get beyond it together. */
static bool allowed(uint64_t count)
{
	return !limit_pages || atomic_load_explicit(&mapped_pages, memory_order_relaxed) + count < limit_pages;
}

void rt_mem_boot(void)
{
	uint64_t reserve = rt_page_up(rt_image->heap_size / 8);

	brk_start = brk_end = OM_ELRANGE_BASE + rt_image->heap_offset;
	brk_limit = brk_start + reserve;
	rover = rt_page_index(brk_limit);
}

uint8_t rt_mem_protection(long prot)
{
	return (uint8_t)(((prot & (PROT_READ | PROT_WRITE)) ? RT_PAGE_R : 0) | ((prot & PROT_WRITE) ? RT_PAGE_W : 0));
}

/* ---- finding ------------------------------------------------------------------------------------------------- */

/* First page at or after `index` that is (not) FREE, at most `end`. Absent chunks are skipped whole: they are FREE. */
static uint64_t skip(uint64_t index, uint64_t end, bool free)
{
	const uint8_t *map = rt_pagemap();

	while (index < end) {
		if (!rt_mem_used(index)) {
			if (!free)
				return index;
			index = (index | 4095) + 1;
			continue;
		}
		if ((index & 7) == 0 && index + 8 <= end) {
			uint64_t word = *(const uint64_t *)(map + index);
			if (free && word == 0) {
				index += 8;
				continue;
			}
		}
		if ((map[index] == 0) != free)
			return index;
		index++;
	}
	return end;
}

/* A run of `count` free pages in [from, to), or 0. */
static uint64_t find_run(uint64_t from, uint64_t to, uint64_t count)
{
	while (from < to && to - from >= count) {
		uint64_t begin = skip(from, to, false), end;

		if (to - begin < count)
			return 0;
		end = skip(begin, begin + count, true);
		if (end - begin == count)
			return begin;
		from = end + 1;
	}
	return 0;
}

/*
 * Context: mem_lock. Free pages are somebody's. Kept ones become ARRIVING, and finish_kept() makes them usable after the lock: RESERVED
 * not for an instant, for a thread that touches the page beside them accepts its RESERVED neighbours too (map.c), and these are in
 * the enclave already. Return: there were kept ones.
 */
static bool claim_free(uint64_t index, uint64_t count, uint8_t protection)
{
	bool any = false;

	if (!rt_kept_any()) {
		memset(rt_pagemap() + index, RT_PAGE_RESERVED | protection, count);
	} else {
		for (uint64_t i = index; i < index + count; i++) {
			const bool kept = rt_kept_take(i);

			__atomic_store_n(&rt_pagemap()[i], (uint8_t)((kept ? RT_PAGE_ARRIVING : RT_PAGE_RESERVED) | protection), __ATOMIC_RELEASE);
			any |= kept;
		}
	}
	rt_cards_mark(rt_page_address(index), count << 12);
	return any;
}

static bool is_arriving(uint64_t index)
{
	return RT_PAGE_STATE(rt_pagemap()[index]) == RT_PAGE_ARRIVING;
}

/* Nobody but the caller knows of these pages yet. Those that may not be written leave the enclave: the CPU lets a kept page be written. */
static void finish_kept(uint64_t index, uint64_t count, uint8_t protection)
{
	for (uint64_t i = index, end = index + count, run; i < end; i += run ? run : 1) {
		for (run = 0; i + run < end && is_arriving(i + run); run++)
			;
		if (run)
			rt_kept_use(i, run, protection);
	}
}

/* Context: mem_lock. The first of the free pages in front of this one; not many are looked at. */
static uint64_t free_before(uint64_t index)
{
	uint64_t first = rt_page_index(brk_limit), least = index - first > BEFORE ? index - BEFORE : first;

	while (index > least && rt_mem_used(index - 1) && rt_pagemap()[index - 1] == 0)
		index--;
	return index;
}

/*
 * `kept`: the pages stayed in the enclave. If not, perhaps because too many are there that nobody has come to again. What is free in
 * front of them goes with them: a stack of which only the end was touched is a stack again, and its guard is no page that was kept.
 */
static void note_recent(uint64_t index, uint64_t count, bool kept)
{
	rt_lock(&mem_lock);
	if (index < rt_page_index(brk_limit)) {
		; /* of the break, which takes it by its address */
	} else if (kept) {
		uint64_t end = index + count;

		index = free_before(index);
		recent[recent_next].index = index;
		recent[recent_next].count = end - index;
		recent_next = (recent_next + 1) % RECENT;
		if (index < rover && rover - index <= NEAR)
			rover = index;
	} else if (rt_kept_full()) {
		rover = rt_page_index(brk_limit);
	}
	rt_unlock(&mem_lock);
}

/* Context: mem_lock. The smallest of the recent runs that is large enough, or 0. */
static uint64_t take_recent(uint64_t count)
{
	uint32_t best = RECENT;
	uint64_t index;

	for (uint32_t i = 0; i < RECENT; i++)
		if (recent[i].count >= count && (best == RECENT || recent[i].count < recent[best].count))
			best = i;
	if (best == RECENT)
		return 0;
	index = recent[best].index;
	recent[best].index += count;
	recent[best].count -= count;
	if (skip(index, index + count, true) == index + count)
		return index;
	recent[best].count = 0;
	return 0;
}

static uint64_t claim_run(uint64_t count, uint8_t protection)
{
	uint64_t index;
	bool some_kept = false, again;

	if (!allowed(count))
		return 0;
	rt_lock(&mem_lock);
	index = take_recent(count);
	again = index;
	if (!index)
		index = find_run(rover, heap_last(), count);
	if (!index)
		index = find_run(rt_page_index(brk_limit), heap_last(), count);
	if (!index)
		index = find_run(rt_page_index(rt_page_up(brk_end)), heap_last(), count);
	if (index) {
		rt_map_ensure(index, count);
		some_kept = claim_free(index, count, protection);
		if (!again)
			rover = index + count;
		if (index < rt_page_index(brk_limit))
			brk_limit = rt_page_address(index);
	}
	rt_unlock(&mem_lock);
	if (some_kept)
		finish_kept(index, count, protection);
	if (index)
		atomic_fetch_add_explicit(&mapped_pages, count, memory_order_relaxed);
	return index;
}

/* Exactly these pages, if all are free. */
bool rt_mem_claim_at(uint64_t index, uint64_t count, uint8_t protection)
{
	bool ok, some_kept = false;

	if (index < heap_first() || index >= heap_last() || count > heap_last() - index || !allowed(count))
		return false;
	rt_lock(&mem_lock);
	ok = skip(index, index + count, true) == index + count;
	if (ok) {
		rt_map_ensure(index, count);
		some_kept = claim_free(index, count, protection);
	}
	rt_unlock(&mem_lock);
	if (some_kept)
		finish_kept(index, count, protection);
	if (ok)
		atomic_fetch_add_explicit(&mapped_pages, count, memory_order_relaxed);
	return ok;
}

uint64_t rt_mem_map(uint64_t size, uint8_t protection)
{
	uint64_t index = claim_run(rt_page_up(size) >> 12, protection);

	return index ? rt_page_address(index) : 0;
}

/* ---- giving back ---------------------------------------------------------------------------------------------- */

static bool exchange(uint64_t index, uint8_t *seen, uint8_t next)
{
	return __atomic_compare_exchange_n(&rt_pagemap()[index], seen, next, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* How many pages from `index` on could be turned from ACCEPTED to ARRIVING. */
static uint64_t claim_accepted(uint64_t index, uint64_t end)
{
	uint64_t i = index;

	for (; i < end; i++) {
		uint8_t seen = __atomic_load_n(&rt_pagemap()[i], __ATOMIC_ACQUIRE);
		if (RT_PAGE_STATE(seen) != RT_PAGE_ACCEPTED ||
		    !exchange(i, &seen, (uint8_t)((seen & ~7u) | RT_PAGE_ARRIVING)))
			break;
	}
	return i - index;
}

/* One page that is not ACCEPTED becomes FREE, or RESERVED if `keep`. False: it is somebody's, look again. */
static bool release_untouched(uint64_t index, bool keep)
{
	uint8_t seen = __atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE), next;

	switch (RT_PAGE_STATE(seen)) {
	case RT_PAGE_FREE:
		return true;
	case RT_PAGE_RESERVED:
	case RT_PAGE_OWED:
		next = keep ? (uint8_t)((seen & ~7u) | RT_PAGE_RESERVED) : RT_PAGE_FREE;
		rt_cards_mark(rt_page_address(index), 1);
		if (!exchange(index, &seen, next))
			return false;
		if (RT_PAGE_STATE(seen) == RT_PAGE_OWED)
			engine_owed_given_up(index);
		if (!keep)
			atomic_fetch_sub_explicit(&mapped_pages, 1, memory_order_relaxed);
		return true;
	default:
		rt_pause();
		return false;
	}
}

#define ZERO_MAX 64u

/* A few pages that shall read as zero are zeroed sooner than trimmed. */
static bool zero_claimed(uint64_t index, uint64_t end)
{
	if (end - index > ZERO_MAX)
		return false;
	for (uint64_t i = index; i < end; i++)
		if (!(rt_pagemap()[i] & RT_PAGE_W))
			return false;
	rt_watch_lift(index, end - index);
	for (uint64_t i = index; i < end; i++)
		rt_kept_use(i, 1, rt_pagemap()[i] & (RT_PAGE_R | RT_PAGE_W));
	return true;
}

/*
 * Pages [index, end) are ARRIVING by us: trim and give them their last state. @leave: they must leave the enclave. If they
 * cannot be trimmed they get that state all the same, and how far the host came is its secret: they must not be used again. @small:
 * the whole run may stay.
 */
static int trim_claimed(uint64_t index, uint64_t end, bool keep, bool leave, bool small)
{
	int error = 0;
	bool kept;

	if (keep && !leave && zero_claimed(index, end))
		return 0;
	kept = !keep && !leave && small && rt_kept_put(index, end - index);
	if (!kept)
		error = rt_page_trim(index, end - index);
	else
		rt_watch_lift(index, end - index);
	rt_cards_mark(rt_page_address(index), (end - index) << 12);
	for (uint64_t i = index; i < end; i++) {
		uint8_t protection = rt_pagemap()[i] & (uint8_t)~(7u | RT_PAGE_WATCHED);
		__atomic_store_n(&rt_pagemap()[i], keep ? (uint8_t)(RT_PAGE_RESERVED | protection) : RT_PAGE_FREE,
			__ATOMIC_RELEASE);
	}
	if (!keep) {
		atomic_fetch_sub_explicit(&mapped_pages, end - index, memory_order_relaxed);
		if (!leave && !error)
			note_recent(index, end - index, kept);
	}
	return error;
}

/* Everything before `index` is done, and may belong to somebody else by the time the call is run again. */
static void safepoint(struct rt_thread *t, uint64_t index)
{
	if (!t)
		return;
	t->syscall_scratch[3] = index;
	rt_self()->epoch_seen = atomic_load(&rt_epoch);
	if (rt_stop_requested())
		rt_park_self();
}

/* Return: the first error of trimming; all of the range is given back whatever came of it. */
static int release(struct rt_thread *t, uint64_t index, uint64_t count, bool keep, bool leave)
{
	uint64_t end = index + count;
	int error = 0;

	if (t && t->syscall_scratch[3] > index)
		index = t->syscall_scratch[3];
	while (index < end) {
		uint64_t piece = end - index < PIECE_PAGES ? end : index + PIECE_PAGES, taken;

		if (!rt_mem_used(index)) {
			index = (index | 4095) + 1;
			continue;
		}
		taken = claim_accepted(index, piece);
		if (taken > 0) {
			int r = trim_claimed(index, index + taken, keep, leave, count <= RT_KEPT_RUN_MAX);

			error = error ? error : r;
			/* The program would find pages there that it cannot use: before it comes to that, and parks. */
			if (r < 0 && !leave)
				rt_fatal(r == OM_ESGX ? OM_ESGX : OM_EHOST, "the host could not trim pages of this enclave");
			index += taken;
			safepoint(t, index);
		} else if (release_untouched(index, keep)) {
			index++;
		}
	}
	if (t)
		t->syscall_scratch[3] = 0;
	return error;
}

void rt_mem_release(struct rt_thread *t, uint64_t index, uint64_t count, bool keep)
{
	(void)release(t, index, count, keep, false);   /* a failure was fatal */
}

void rt_mem_discard(uint64_t index, uint64_t count)
{
	int error = release(NULL, index, count, true, true);

	if (error)
		rt_fatal(error == OM_ESGX ? OM_ESGX : OM_EHOST, "the host could not trim pages of this enclave");
}

/*
 * For the engine: an owed page must not be accepted, or nothing would fault and nothing could be accept-copied. A failure is
 * the engine's to judge: a source that has handed over goes on without that memory.
 */
int rt_mem_trim(uint64_t address, size_t size)
{
	return release(NULL, rt_page_index(address), rt_page_up(size) >> 12, false, true);
}

uint64_t rt_mem_wipe(uint64_t page, uint64_t end, uint64_t count)
{
	uint64_t done = 0;

	for (; page < end && done < count; page++) {
		uint8_t byte;

		if (!rt_mem_used(page)) {
			page |= 4095;
			continue;
		}
		byte = __atomic_load_n(&rt_pagemap()[page], __ATOMIC_ACQUIRE);
		if (RT_PAGE_STATE(byte) != RT_PAGE_ACCEPTED)
			continue;
		if (!(byte & RT_PAGE_W))
			rt_mem_protect(page, 1, RT_PAGE_R | RT_PAGE_W);
		memset((void *)rt_page_address(page), 0, OM_PAGE_SIZE);
		done++;
	}
	return page < end ? page : end;
}

/* ---- protection ----------------------------------------------------------------------------------------------- */

static bool protect_untouched(uint64_t index, uint8_t protection)
{
	uint8_t seen = __atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE);

	switch (RT_PAGE_STATE(seen)) {
	case RT_PAGE_RESERVED:
	case RT_PAGE_OWED:
		rt_cards_mark(rt_page_address(index), 1);
		return exchange(index, &seen, (uint8_t)(RT_PAGE_STATE(seen) | protection));
	case RT_PAGE_ARRIVING:
		rt_pause();
		return false;
	default:
		return true;
	}
}

/* A run of accepted pages with the same protection: claimed, its old protection in *ret_old. */
static uint64_t claim_alike(uint64_t index, uint64_t end, uint8_t *ret_old)
{
	uint8_t first = __atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE);
	uint64_t i = index;

	*ret_old = first;
	if (RT_PAGE_STATE(first) != RT_PAGE_ACCEPTED)
		return 0;
	for (; i < end; i++) {
		uint8_t expected = first;
		if (!exchange(i, &expected, (uint8_t)((first & ~7u) | RT_PAGE_ARRIVING)))
			break;
	}
	return i - index;
}

void rt_mem_protect(uint64_t index, uint64_t count, uint8_t protection)
{
	uint64_t end = index + count;

	while (index < end) {
		uint64_t piece = end - index < PIECE_PAGES ? end : index + PIECE_PAGES, taken;
		uint8_t old, watched;

		taken = claim_alike(index, piece, &old);
		if (taken == 0) {
			if (protect_untouched(index, protection))
				index++;
			continue;
		}
		if (rt_page_protect(index, taken, old, protection) < 0)
			rt_fatal(OM_EHOST, "the host could not change permissions of this enclave's pages");
		rt_cards_mark(rt_page_address(index), taken << 12);
		watched = protection & RT_PAGE_W ? old & RT_PAGE_WATCHED : 0;
		for (uint64_t i = index; i < index + taken; i++)
			__atomic_store_n(&rt_pagemap()[i], (uint8_t)(watched | RT_PAGE_ACCEPTED | protection), __ATOMIC_RELEASE);
		index += taken;
	}
}

bool rt_mem_may_replace(uint64_t index, uint64_t count)
{
	uint64_t more = 0;

	for (uint64_t i = index; i < index + count; i++)
		more += !rt_mem_used(i) || RT_PAGE_STATE(rt_pagemap()[i]) == RT_PAGE_FREE;
	return allowed(more);
}

void rt_mem_replace(struct rt_thread *t, uint64_t index, uint64_t count, uint8_t protection)
{
	if (rt_mem_claim_at(index, count, protection))
		return;
	rt_mem_release(t, index, count, true);
	for (uint64_t i = index; i < index + count; i++)
		if (!rt_mem_used(i) || rt_pagemap()[i] == RT_PAGE_FREE)
			(void)rt_mem_claim_at(i, 1, protection); /* false: another thread maps it at the same time; so be it */
	rt_mem_protect(index, count, protection);
}

bool rt_mem_all_mapped(uint64_t index, uint64_t count)
{
	for (uint64_t i = index; i < index + count; i++)
		if (!rt_mem_used(i) || RT_PAGE_STATE(rt_pagemap()[i]) == RT_PAGE_FREE)
			return false;
	return true;
}

/* ---- brk -------------------------------------------------------------------------------------------------------- */

uint64_t rt_mem_brk(struct rt_thread *t, uint64_t wanted)
{
	uint64_t old = rt_page_up(brk_end), next = rt_page_up(wanted);

	if (wanted < brk_start || wanted > brk_limit)
		return brk_end;
	if (next > old && !rt_mem_claim_at(rt_page_index(old), (next - old) >> 12, RT_PAGE_R | RT_PAGE_W))
		return brk_end;
	if (next > old)
		rt_memlock_new(rt_page_index(old), (next - old) >> 12);
	if (next < old) {
		rt_memlock_set(rt_page_index(next), (old - next) >> 12, false);
		rt_mem_release(t, rt_page_index(next), (old - next) >> 12, false);
	}
	brk_end = wanted;
	return wanted;
}
