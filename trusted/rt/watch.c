/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write watch: which pages are written, found out without the help of the code that writes. A watched page has lost write
 * permission in the EPCM, so the next store to it faults, whoever makes it; the fault marks its card and gives the
 * permission back.
 *
 *   ACCEPTED W ──watch: ARRIVING, host restricts, EACCEPT──► ACCEPTED W WATCHED        (EPCM: R)
 *       ▲                                                        │
 *       └──────── EMODPE, card marked, ARRIVING ◄── write faults ┘
 *
 * Invariant, once every mapped page has been through rt_watch() and from then on: an accepted, writable page whose card is
 * clean is WATCHED. Whoever clears a card calls rt_watch() for its page before it reads the content. A page that is ARRIVING
 * at that moment cannot be watched, and its owner may have marked the card that was just cleared: its card is put back.
 *
 * The host is not trusted with this. EACCEPT compares what the host did with what was asked. It fails if a processor may still
 * hold the old permission in its TLB. Only the enclave can give W back (EMODPE). So a watched page is never writable.
 *
 * A page's owner (whoever turned it to ARRIVING) lifts the watch before it writes: a fault on an ARRIVING page waits.
 */
#include "rt/internal.h"
#include "rt/mem.h"

#define TRACK_TRIES 100000000u     /* EACCEPT again while other processors have not yet left the enclave */

static const struct sgx_secinfo read_write __attribute__((aligned(SGX_SECINFO_ALIGN))) = {
	.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W };
static const struct sgx_secinfo restricted __attribute__((aligned(SGX_SECINFO_ALIGN))) = {
	.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR };
RT_LOCAL static _Atomic uint64_t watched_pages, write_faults;

static uint8_t *byte_of(uint64_t index)
{
	return &rt_pagemap()[index];
}

static bool exchange(uint64_t index, uint8_t *seen, uint8_t next)
{
	return __atomic_compare_exchange_n(byte_of(index), seen, next, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void settle(uint64_t index, uint8_t flags)
{
	uint8_t rest = *byte_of(index) & (uint8_t)~(7u | RT_PAGE_WATCHED);

	__atomic_store_n(byte_of(index), (uint8_t)(rest | RT_PAGE_ACCEPTED | flags), __ATOMIC_RELEASE);
}

/* Return: the page is ARRIVING by us now and is to be watched. */
static bool claim(uint64_t index)
{
	const uint8_t *card = &rt_cards()[index];
	uint8_t seen = __atomic_load_n(byte_of(index), __ATOMIC_ACQUIRE);

	for (;;) {
		if (RT_PAGE_STATE(seen) == RT_PAGE_ARRIVING)
			rt_cards_mark(rt_page_address(index), 1);
		/* A page that is dirty again already is better left alone: the next round takes it. */
		if (RT_PAGE_STATE(seen) != RT_PAGE_ACCEPTED || !(seen & RT_PAGE_W) || seen & RT_PAGE_WATCHED ||
		    __atomic_load_n(card, __ATOMIC_RELAXED))
			return false;
		if (exchange(index, &seen, (uint8_t)((seen & ~7u) | RT_PAGE_ARRIVING)))
			return true;
	}
}

static uint32_t accept_restricted(uint64_t index)
{
	uint32_t code = rt_eaccept(rt_page_address(index), &restricted);

	for (unsigned i = 0; code == SGX_NOT_TRACKED && i < TRACK_TRIES; i++) {
		rt_pause();
		code = rt_eaccept(rt_page_address(index), &restricted);
	}
	return code;
}

static int restrict_claimed(uint64_t index, uint64_t count)
{
	const uint64_t arg[6] = { index << 12, count << 12, SGX_SECINFO_R };

	if (rt_hostcall(OM_HC_SGX_RESTRICT, 0, 0, arg) != 0)
		return OM_EHOST;
	for (uint64_t i = index; i < index + count; i++)
		if (accept_restricted(i) != SGX_SUCCESS)
			return OM_ESGX;
	return 0;
}

static int watch_claimed(uint64_t index, uint64_t count)
{
	int error = restrict_claimed(index, count);

	for (uint64_t i = index; i < index + count; i++) {
		if (error) {
			/* How far the host came is its secret; the pages become what they were. */
			rt_emodpe(rt_page_address(i), &read_write);
			rt_cards_mark(rt_page_address(i), 1);
		}
		settle(i, error ? 0 : RT_PAGE_WATCHED);
	}
	if (!error)
		atomic_fetch_add_explicit(&watched_pages, count, memory_order_relaxed);
	return error;
}

int rt_watch(uint64_t index, uint64_t count)
{
	uint64_t end = index + count, first = index;
	int error = 0;

	for (; index <= end && !error; index++) {
		if (index < end && claim(index))
			continue;
		if (index > first)
			error = watch_claimed(first, index - first);
		first = index + 1;
	}
	return error;
}

bool rt_watch_fault(uint64_t index)
{
	uint8_t seen = __atomic_load_n(byte_of(index), __ATOMIC_ACQUIRE);

	if (RT_PAGE_STATE(seen) != RT_PAGE_ACCEPTED || !(seen & RT_PAGE_WATCHED) ||
	    !exchange(index, &seen, (uint8_t)((seen & ~7u) | RT_PAGE_ARRIVING)))
		return false;
	rt_cards_mark(rt_page_address(index), 1);
	rt_emodpe(rt_page_address(index), &read_write);
	settle(index, 0);
	atomic_fetch_add_explicit(&write_faults, 1, memory_order_relaxed);
	return true;
}

void rt_watch_lift(uint64_t index, uint64_t count)
{
	for (uint64_t i = index; i < index + count; i++)
		if (*byte_of(i) & RT_PAGE_WATCHED) {
			rt_emodpe(rt_page_address(i), &read_write);
			__atomic_store_n(byte_of(i), (uint8_t)(*byte_of(i) & ~RT_PAGE_WATCHED), __ATOMIC_RELAXED);
		}
}

void rt_watch_counts(uint64_t *ret_pages, uint64_t *ret_faults)
{
	*ret_pages = atomic_load_explicit(&watched_pages, memory_order_relaxed);
	*ret_faults = atomic_load_explicit(&write_faults, memory_order_relaxed);
}
