/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page map and the cards: a byte each per page of ELRANGE. Both are themselves EDMM memory, accepted in chunks:
 *
 *     chunk = 4,096 pages of ELRANGE (16 MiB) = one page of the page map + one page of cards
 *
 * so that an enclave with a huge heap starts as fast as a small one. A chunk that is not there has only FREE pages.
 * Which chunks are there is a bitmap in local memory, which is never lazily accepted: the exception handler needs it.
 *
 * A program may have mapped far more than it has touched, and a stop must not take longer for that. So two summaries say where a walk
 * over the cards has to look:
 *
 *     touched   a bit per stripe (512 pages): one of its pages is or was ACCEPTED. Set before the page can be stored to, never cleared.
 *               The marks of the program lie there: a mark belongs to a store, and the store's page is ACCEPTED when it is done
 *     noted     a bit per chunk: the runtime has set cards in it (rt_cards_mark), of pages in any state. Cleared by the walk that clears
 *               the cards, before the walk reads them. Set after the cards, always by a locked instruction: a thread that skipped a bit that is
 *               set already could have looked at the bit before others see its card
 *
 * A fault on a RESERVED page accepts it and some of its neighbours in the direction the faults come from, twice as many
 * as the time before. Whoever changes a page's state owns the page while it is ARRIVING, marks the card before the final
 * state is stored, and never accepts a page a second time: a page the host takes away is gone, not silently zero.
 */
#include <elf.h>
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mem.h"

#define CHUNK_PAGES 4096u
#define CHUNK_STRIPES (CHUNK_PAGES / RT_STRIPE_PAGES)
#define CHUNKS_MAX  (OM_ELRANGE_MAX / OM_PAGE_SIZE / CHUNK_PAGES)
#define WINDOW_MIN  16u
#define WINDOW_MAX  512u

RT_HIDDEN extern const struct om_image_header rt_image_header;
const struct om_image_header *rt_image = &rt_image_header;

RT_LOCAL static _Atomic uint64_t chunk_present[CHUNKS_MAX / 64];
RT_LOCAL static struct rt_lock chunk_lock;
RT_LOCAL static _Atomic uint64_t noted[CHUNKS_MAX / 64];
RT_LOCAL static _Atomic uint64_t touched[CHUNKS_MAX * CHUNK_STRIPES / 64];

_Static_assert(CHUNK_STRIPES == 8, "a byte of touched is a chunk's");

uint8_t *rt_pagemap(void)
{
	return (uint8_t *)(OM_ELRANGE_BASE + rt_image->pagemap_offset);
}

uint8_t *rt_cards(void)
{
	return (uint8_t *)(OM_ELRANGE_BASE + rt_image->cards_offset);
}

/* EAUGed pages are readable and writable; one that shall not be written never is, not for an instant. */
static void accept_as(uint64_t address, bool writable)
{
	if ((writable ? rt_eaccept(address, &rt_secinfo_new) : rt_eaccept_zeros(address)) != SGX_SUCCESS)
		rt_fatal(OM_ESGX, "EACCEPT of a new page failed: the host did not add it, or altered it");
	atomic_fetch_add_explicit(&rt_counters.pages_accepted, 1, memory_order_relaxed);
}

static void accept_new(uint64_t address)
{
	accept_as(address, true);
}

static bool chunk_is_present(uint64_t chunk)
{
	return atomic_load_explicit(&chunk_present[chunk / 64], memory_order_acquire) & (1ULL << (chunk % 64));
}

static void add_chunk(uint64_t chunk)
{
	rt_lock(&chunk_lock);
	if (!chunk_is_present(chunk)) {
		accept_new((uint64_t)rt_pagemap() + chunk * OM_PAGE_SIZE);
		accept_new((uint64_t)rt_cards() + chunk * OM_PAGE_SIZE);
		atomic_fetch_or_explicit(&chunk_present[chunk / 64], 1ULL << (chunk % 64), memory_order_release);
	}
	rt_unlock(&chunk_lock);
}

void rt_map_ensure(uint64_t page_index, uint64_t count)
{
	for (uint64_t chunk = page_index / CHUNK_PAGES; chunk <= (page_index + count - 1) / CHUNK_PAGES; chunk++)
		if (RT_UNLIKELY(!chunk_is_present(chunk)))
			add_chunk(chunk);
}

bool rt_mem_used(uint64_t page_index)
{
	return chunk_is_present(page_index / CHUNK_PAGES);
}

void rt_cards_noted(uint64_t page_index, uint64_t count)
{
	for (uint64_t chunk = page_index / CHUNK_PAGES; chunk <= (page_index + count - 1) / CHUNK_PAGES; chunk++)
		atomic_fetch_or_explicit(&noted[chunk / 64], 1ULL << (chunk % 64), memory_order_seq_cst);
}

void rt_map_touched(uint64_t page_index, uint64_t count)
{
	for (uint64_t stripe = page_index / RT_STRIPE_PAGES; stripe <= (page_index + count - 1) / RT_STRIPE_PAGES; stripe++) {
		_Atomic uint64_t *word = &touched[stripe / 64];
		uint64_t bit = 1ULL << stripe % 64;

		if (!(atomic_load_explicit(word, memory_order_relaxed) & bit))
			atomic_fetch_or_explicit(word, bit, memory_order_seq_cst);
	}
}

uint8_t rt_cards_stripes(uint64_t page_index, bool clear)
{
	uint64_t chunk = page_index / CHUNK_PAGES, bit = 1ULL << (chunk % 64);
	_Atomic uint64_t *word = &noted[chunk / 64];

	if (!chunk_is_present(chunk))
		return 0;
	if (atomic_load_explicit(word, memory_order_acquire) & bit) {
		if (clear)
			atomic_fetch_and_explicit(word, ~bit, memory_order_seq_cst);
		return 0xff;
	}
	return (uint8_t)(atomic_load_explicit(&touched[chunk / 8], memory_order_acquire) >> chunk % 8 * 8);
}

/* Eight chunks at a time: a word of `touched`, and as many bits of `noted`. */
uint64_t rt_cards_next(uint64_t page_index)
{
	uint64_t chunk = page_index / CHUNK_PAGES;

	for (; chunk % 8 == 0 && chunk < CHUNKS_MAX; chunk += 8) {
		const uint8_t bits = (uint8_t)(atomic_load_explicit(&noted[chunk / 64], memory_order_acquire) >> chunk % 64);

		if (bits || atomic_load_explicit(&touched[chunk / 8], memory_order_acquire))
			break;
	}
	return chunk * CHUNK_PAGES;
}

bool rt_map_fault(uint64_t address)
{
	uint64_t offset = address - (uint64_t)rt_cards();

	if (offset >= rt_image->cards_size)
		offset = address - (uint64_t)rt_pagemap();
	if (offset >= rt_image->pagemap_size)
		return false;
	rt_map_ensure(offset, 1);
	return true;
}

/* ---- boot --------------------------------------------------------------------------------------------------- */

/* Not accept_new: its counter is in the memory that is being accepted here. */
static void accept_range(uint64_t begin, uint64_t end)
{
	for (; begin < end; begin += OM_PAGE_SIZE)
		if (rt_eaccept(begin, &rt_secinfo_new) != SGX_SUCCESS)
			rt_fatal(OM_ESGX, "EACCEPT failed while booting: the host did not add a page, or altered it");
}

typedef void segment_fn(const Elf64_Phdr *ph, uint64_t file_end, uint64_t end);

/* The program headers are measured, and the loader added exactly the pages with file bytes (core/imagefile.h). */
static void each_segment(segment_fn *fn)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(__ehdr_start + eh->e_phoff);

	for (unsigned i = 0; i < eh->e_phnum; i++, ph++) {
		uint64_t begin = rt_page_down(ph->p_vaddr);
		if (ph->p_type == PT_LOAD && ph->p_memsz > 0)
			fn(ph, ph->p_filesz ? rt_page_up(ph->p_vaddr + ph->p_filesz) : begin,
				rt_page_up(ph->p_vaddr + ph->p_memsz));
	}
}

static void accept_own_bss(const Elf64_Phdr *ph, uint64_t file_end, uint64_t end)
{
	(void)end;                             /* the rest comes when it is touched */
	if (ph->p_vaddr >= (uint64_t)__rt_local_start)
		accept_range(file_end, (uint64_t)__rt_lazy_start);
	else if (ph->p_vaddr >= (uint64_t)__rt_resident_start)
		accept_range(file_end, (uint64_t)__rt_resident_early_end);
}

void rt_map_boot_local(void)
{
	each_segment(accept_own_bss);
}

static void set_states(uint64_t begin, uint64_t end, uint8_t byte)
{
	if (begin >= end)
		return;
	rt_map_ensure(rt_page_index(begin), (end - begin) >> 12);
	memset(rt_pagemap() + rt_page_index(begin), byte, (end - begin) >> 12);
}

static void enter_segment(const Elf64_Phdr *ph, uint64_t file_end, uint64_t end)
{
	uint64_t begin = rt_page_down(ph->p_vaddr);
	uint8_t rw = RT_PAGE_R | RT_PAGE_W;

	if (!(ph->p_flags & PF_W)) {
		set_states(begin, end, RT_PAGE_IMAGE | RT_PAGE_R | ((ph->p_flags & PF_X) ? RT_PAGE_X : 0));
	} else if (ph->p_vaddr >= (uint64_t)__rt_local_start) {
		set_states(begin, (uint64_t)__rt_lazy_start, RT_PAGE_LOCAL | rw);
		set_states((uint64_t)__rt_lazy_start, end, RT_PAGE_RESERVED | rw);    /* accepted when touched */
	} else if (ph->p_vaddr >= (uint64_t)__rt_resident_start) {
		set_states(begin, (uint64_t)__rt_resident_early_end, RT_PAGE_RESIDENT | rw);
		set_states((uint64_t)__rt_resident_early_end, end, RT_PAGE_RESIDENT); /* accepted when touched */
	} else {
		set_states(begin, file_end, RT_PAGE_ACCEPTED | rw);
		if (file_end > begin)
			rt_map_touched(rt_page_index(begin), (file_end - begin) >> 12);
		set_states(file_end, end, RT_PAGE_RESERVED | rw);
		rt_cards_mark(begin, end - begin);
	}
}

static void enter_slot(uint32_t slot)
{
	uint64_t base = (uint64_t)rt_tcb_of(slot) - OM_SLOT_TCB;
	uint8_t rw = RT_PAGE_R | RT_PAGE_W;

	set_states(base + OM_SLOT_TCS, base + OM_SLOT_TCB + OM_PAGE_SIZE, RT_PAGE_LOCAL | rw);
	set_states(base + OM_SLOT_EXC_STACK, base + OM_SLOT_EXC_STACK + OM_SLOT_EXC_STACK_SIZE, RT_PAGE_LOCAL | rw);
	set_states(base + OM_SLOT_STACK, base + OM_SLOT_STACK + OM_SLOT_STACK_SIZE,
		(uint8_t)((slot == 0 ? RT_PAGE_LOCAL : RT_PAGE_RESERVED) | rw));
}

void rt_map_boot(void)
{
	each_segment(enter_segment);
	for (uint32_t slot = 0; slot < rt_slot_count(); slot++)
		enter_slot(slot);
}

/* ---- accepting ------------------------------------------------------------------------------------------------ */

static bool is_resident(uint64_t address)
{
	return address >= (uint64_t)__rt_resident_start && address < (uint64_t)__rt_resident_end;
}

static enum rt_page_state accepted_state(uint64_t address)
{
	if (is_resident(address))
		return RT_PAGE_RESIDENT;
	if (address >= (uint64_t)__rt_lazy_start && address < (uint64_t)__rt_image_end)
		return RT_PAGE_LOCAL;
	return address >= OM_ELRANGE_BASE + rt_image->slots_offset ? RT_PAGE_LOCAL : RT_PAGE_ACCEPTED;
}

static bool claim(uint8_t *byte, uint8_t expected)
{
	return __atomic_compare_exchange_n(byte, &expected, (uint8_t)((expected & ~7u) | RT_PAGE_ARRIVING), false,
		__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* The page is ARRIVING and ours. */
static void accept_claimed(uint64_t index, uint8_t protection)
{
	enum rt_page_state state = accepted_state(rt_page_address(index));

	if (state == RT_PAGE_ACCEPTED)
		rt_map_touched(index, 1);
	accept_as(rt_page_address(index), protection & RT_PAGE_W);
	if (state == RT_PAGE_ACCEPTED)
		rt_cards_mark(rt_page_address(index), OM_PAGE_SIZE);
	__atomic_store_n(&rt_pagemap()[index], (uint8_t)(state | protection), __ATOMIC_RELEASE);
}

/* Accepts `count` pages at most, stepping by `step`, while they are RESERVED with the same protection. Returns how many. */
static uint64_t accept_neighbours(uint64_t index, uint64_t count, int64_t step, uint8_t byte)
{
	uint64_t done = 0;

	for (; done < count; done++, index += (uint64_t)step) {
		if (!chunk_is_present(index / CHUNK_PAGES) || !claim(&rt_pagemap()[index], byte))
			break;
		accept_claimed(index, byte & ~7u);
	}
	return done;
}

/* RESIDENT without protection bits: reserved. */
static void accept_resident(uint64_t index, uint8_t byte)
{
	if (claim(&rt_pagemap()[index], byte))
		accept_claimed(index, RT_PAGE_R | RT_PAGE_W);
}

static void accept_around(uint64_t index, uint8_t byte)
{
	struct rt_tcb *tcb = rt_self();
	bool down = index + 1 == tcb->touch_first, up = index == tcb->touch_end;
	uint32_t window = up || down ? tcb->touch_window * 2 : WINDOW_MIN;
	uint64_t done;

	if (window < WINDOW_MIN)
		window = WINDOW_MIN;
	if (window > WINDOW_MAX)
		window = WINDOW_MAX;
	done = accept_neighbours(index, window, down ? -1 : 1, byte);
	tcb->touch_window = window;
	tcb->touch_first = down ? index + 1 - done : index;
	tcb->touch_end = down ? index + 1 : index + done;
}

enum rt_fault_result rt_map_touch(uint64_t index, bool write)
{
	uint8_t byte, need = write ? RT_PAGE_W : RT_PAGE_R;

	if (!chunk_is_present(index / CHUNK_PAGES))
		return RT_FAULT_UNMAPPED;
	byte = __atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE);
	if (RT_PAGE_STATE(byte) == RT_PAGE_FREE)
		return RT_FAULT_UNMAPPED;
	if (byte == RT_PAGE_RESIDENT) {
		accept_resident(index, byte);
		return RT_FAULT_RETRY;
	}
	if (!(byte & need) && !is_resident(rt_page_address(index)))
		return RT_FAULT_ACCESS;
	switch (RT_PAGE_STATE(byte)) {
	case RT_PAGE_RESERVED:
		accept_around(index, byte);
		return RT_FAULT_RETRY;
	case RT_PAGE_OWED:
		return RT_FAULT_OWED;
	case RT_PAGE_ARRIVING:
		for (int i = 0; i < 1000 && RT_PAGE_STATE(__atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE)) == RT_PAGE_ARRIVING; i++)
			rt_pause();
		return RT_FAULT_RETRY;
	case RT_PAGE_ACCEPTED:
		if (write)
			(void)rt_watch_fault(index);   /* false: another thread's store was first */
		return RT_FAULT_RETRY;
	default:
		return RT_FAULT_RETRY; /* somebody else was faster, or the host unmapped it: it can only map the same page again */
	}
}

/* The page is ARRIVING and ours, and was kept: writable as it was EAUGed. */
static void finish_ahead(uint64_t index, uint8_t protection)
{
	rt_cards_mark(rt_page_address(index), OM_PAGE_SIZE);
	__atomic_store_n(&rt_pagemap()[index], (uint8_t)(RT_PAGE_ACCEPTED | protection), __ATOMIC_RELEASE);
}

static int accept(uint64_t address, size_t size, uint8_t protection, bool over)
{
	uint64_t first = rt_page_index(address), count = rt_page_up(size) >> 12;
	const uint64_t hint[6] = { first << 12, count << 12 };

	rt_map_ensure(first, count);
	if (count >= 64)
		rt_hostcall(OM_HC_SGX_AUGMENT, 0, 0, hint);
	for (uint64_t i = first; i < first + count; i++) {
		uint8_t *byte = &rt_pagemap()[i], seen = __atomic_load_n(byte, __ATOMIC_ACQUIRE);

		switch (RT_PAGE_STATE(seen)) {
		case RT_PAGE_FREE:
		case RT_PAGE_RESERVED:
			if (!claim(byte, seen)) {
				i--;
				continue;
			}
			if (!rt_kept_take(i))
				accept_claimed(i, protection);
			else if (over && protection & RT_PAGE_W)
				finish_ahead(i, protection);
			else
				rt_kept_use(i, 1, protection);
			break;
		case RT_PAGE_RESIDENT:
			if (seen == RT_PAGE_RESIDENT)
				accept_resident(i, seen);
			break;
		case RT_PAGE_ACCEPTED:
			break;
		default:
			return OM_ESTATE;
		}
	}
	return 0;
}

int rt_mem_accept(uint64_t address, size_t size, uint8_t protection)
{
	return accept(address, size, protection, false);
}

int rt_mem_accept_over(uint64_t address, size_t size, uint8_t protection)
{
	return accept(address, size, protection, true);
}

void rt_mem_accept_ahead(uint64_t address, size_t size)
{
	uint64_t first = rt_page_index(address), count = rt_page_up(size) >> 12;
	const uint64_t hint[6] = { first << 12, count << 12 };

	rt_map_ensure(first, count);
	rt_map_touched(first, count);
	rt_hostcall(OM_HC_SGX_AUGMENT, 0, 0, hint);
	for (uint64_t i = first; i < first + count; i++) {
		uint8_t *byte = &rt_pagemap()[i], seen = __atomic_load_n(byte, __ATOMIC_ACQUIRE);
		enum rt_page_state state = RT_PAGE_STATE(seen);

		if ((state != RT_PAGE_FREE && state != RT_PAGE_RESERVED) || !claim(byte, seen))
			continue;
		if (!rt_kept_take(i))
			accept_new(rt_page_address(i));
		rt_kept_ahead(i);
		__atomic_store_n(byte, seen, __ATOMIC_RELEASE);
	}
}

int rt_mem_settle(uint64_t address, size_t size)
{
	uint64_t first = rt_page_index(address), end = first + (rt_page_up(size) >> 12), run = 0;
	int error = 0;

	for (uint64_t i = first; i <= end; i++) {
		if (i < end && rt_kept_take(i)) {
			run++;
			continue;
		}
		if (run && !error)
			error = rt_page_trim(i - run, run);
		run = 0;
	}
	return error;
}

/* ---- for the engine's walks ------------------------------------------------------------------------------------- */

bool rt_mem_copy_out(void *trusted, uint64_t page_index)
{
	return rt_copy_try(trusted, (const void *)rt_page_address(page_index), OM_PAGE_SIZE) == 0;
}
