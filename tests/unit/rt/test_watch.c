/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write watch (trusted/rt/watch.c) with a pretended EPCM and a host that refuses, stops half-way or is slow. What must
 * hold after each of them: an accepted, writable page whose card is clean cannot be written without a fault.
 */
#include "../unit.h"
#include "rt/internal.h"
#include "rt/mem.h"

enum { PAGES = 64, RW = RT_PAGE_R | RT_PAGE_W, CALLS_MAX = 16 };

static uint8_t map[PAGES], cards[PAGES];
static struct { bool writable, pending_restriction; unsigned not_tracked; } epcm[PAGES];
static struct { uint64_t first, count; } calls[CALLS_MAX];
static unsigned call_count;
static long host_answer;
static uint64_t host_does_until;       /* pages from this one on are left as they are, whatever the host says */
static unsigned host_slow;             /* EACCEPTs for which a processor still holds the old permission */

uint8_t *rt_pagemap(void) { return map; }
uint8_t *rt_cards(void) { return cards; }

static uint64_t index_of(uint64_t address)
{
	assert_int_equal((address - OM_ELRANGE_BASE) & 4095, 0);
	assert_true(address >= OM_ELRANGE_BASE && address < rt_page_address(PAGES));
	return (address - OM_ELRANGE_BASE) >> 12;
}

void rt_cards_mark(uint64_t address, size_t size)
{
	assert_int_equal(size, 1);
	cards[index_of(address)] = 1;
}

long rt_hostcall(enum om_hostcall op, uint32_t flags, uint32_t nr, const uint64_t arg[6])
{
	uint64_t first = arg[0] >> 12, count = arg[1] >> 12;

	(void)flags;
	(void)nr;
	assert_int_equal(op, OM_HC_SGX_RESTRICT);
	assert_int_equal(arg[2], SGX_SECINFO_R);
	assert_true(count > 0 && first + count <= PAGES);
	assert_true(call_count < CALLS_MAX);
	calls[call_count].first = first;
	calls[call_count++].count = count;
	for (uint64_t i = first; i < first + count; i++) {
		/* Whose state still says that it may be used would be copied or written meanwhile. */
		assert_int_equal(RT_PAGE_STATE(map[i]), RT_PAGE_ARRIVING);
		if (i >= host_does_until)
			continue;
		epcm[i].writable = false;
		epcm[i].pending_restriction = true;
		epcm[i].not_tracked = host_slow;
	}
	return host_answer;
}

/* SDM volume 3D, EACCEPT: the SECINFO must say what the EPCM says, and no processor may hold an older permission. */
uint32_t rt_eaccept(uint64_t address, const struct sgx_secinfo *secinfo)
{
	uint64_t i = index_of(address);

	assert_int_equal((uintptr_t)secinfo % SGX_SECINFO_ALIGN, 0);
	assert_true(secinfo->flags == (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR));
	if (!epcm[i].pending_restriction)
		return SGX_PAGE_ATTRIBUTES_MISMATCH;
	if (epcm[i].not_tracked) {
		epcm[i].not_tracked--;
		return SGX_NOT_TRACKED;
	}
	epcm[i].pending_restriction = false;
	return SGX_SUCCESS;
}

void rt_emodpe(uint64_t address, const struct sgx_secinfo *secinfo)
{
	assert_true(secinfo->flags & SGX_SECINFO_W);
	epcm[index_of(address)].writable = true;
}

static int setup(void **state)
{
	(void)state;
	memset(map, RT_PAGE_ACCEPTED | RW, sizeof map);
	memset(cards, 0, sizeof cards);
	memset(epcm, 0, sizeof epcm);
	for (unsigned i = 0; i < PAGES; i++)
		epcm[i].writable = true;
	call_count = host_slow = 0;
	host_answer = 0;
	host_does_until = PAGES;
	return 0;
}

/* A store of the program: what it faults on is handled, and then it must go through. */
static bool store(uint64_t i)
{
	bool faulted = !epcm[i].writable;

	if (faulted)
		assert_true(rt_watch_fault(i));
	assert_true(epcm[i].writable);
	return faulted;
}

static void check_invariant(uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++) {
		assert_int_equal(RT_PAGE_STATE(map[i]), RT_PAGE_ACCEPTED);
		assert_int_equal(map[i] & RW, RW);
		assert_int_equal((map[i] & RT_PAGE_WATCHED) != 0, !epcm[i].writable);
		assert_true(cards[i] || map[i] & RT_PAGE_WATCHED);
	}
}

static void test_store_after_watch(void **state)
{
	uint64_t before, faults_before, pages, faults;

	(void)state;
	rt_watch_counts(&before, &faults_before);
	assert_int_equal(rt_watch(8, 16), 0);
	assert_int_equal(call_count, 1);
	check_invariant(8, 24);
	assert_true(store(10));
	assert_int_equal(cards[10], 1);
	check_invariant(8, 24);
	assert_false(store(10));
	assert_false(store(7));
	assert_false(store(24));
	rt_watch_counts(&pages, &faults);
	assert_int_equal(pages - before, 16);
	assert_int_equal(faults - faults_before, 1);
	/* Twice is once: what is watched stays so, and what is dirty is left to the next round. */
	assert_int_equal(rt_watch(8, 16), 0);
	assert_int_equal(call_count, 1);
	check_invariant(8, 24);
}

static void test_only_what_can_be_watched(void **state)
{
	(void)state;
	map[1] = RT_PAGE_ACCEPTED | RT_PAGE_R;
	map[2] = RT_PAGE_RESERVED | RW;
	cards[5] = 1;
	map[6] = RT_PAGE_OWED | RW;
	map[9] = RT_PAGE_ARRIVING | RW;
	assert_int_equal(rt_watch(0, 12), 0);
	assert_int_equal(call_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t first[] = { 0, 3, 7, 10 }, count[] = { 1, 2, 2, 2 };

		assert_int_equal(calls[i].first, first[i]);
		assert_int_equal(calls[i].count, count[i]);
	}
	assert_int_equal(map[1], RT_PAGE_ACCEPTED | RT_PAGE_R);
	assert_int_equal(map[2], RT_PAGE_RESERVED | RW);
	assert_int_equal(map[6], RT_PAGE_OWED | RW);
	/* Its owner may have marked the card that was just cleared. */
	assert_int_equal(map[9], RT_PAGE_ARRIVING | RW);
	assert_int_equal(cards[9], 1);
	/* And a fault on it waits for that owner. */
	assert_false(rt_watch_fault(9));
	assert_false(rt_watch_fault(1));
}

static void test_host_refuses(void **state)
{
	(void)state;
	for (uint64_t until = 0; until <= 24; until += 8) {
		setup(NULL);
		host_answer = -12;
		host_does_until = until;
		assert_int_equal(rt_watch(8, 16), OM_EHOST);
		check_invariant(8, 24);
		for (uint64_t i = 8; i < 24; i++) {
			assert_true(epcm[i].writable);
			assert_int_equal(cards[i], 1);
		}
	}
}

static void test_host_says_done_and_is_not(void **state)
{
	(void)state;
	host_does_until = 13;
	assert_int_equal(rt_watch(8, 16), OM_ESGX);
	check_invariant(8, 24);
	for (uint64_t i = 8; i < 24; i++)
		assert_int_equal(cards[i], 1);
	/* What lies behind the failure was not touched. */
	assert_int_equal(call_count, 1);
}

static void test_error_ends_the_run(void **state)
{
	(void)state;
	map[12] = RT_PAGE_ACCEPTED | RT_PAGE_R;
	host_answer = -12;
	assert_int_equal(rt_watch(8, 16), OM_EHOST);
	assert_int_equal(call_count, 1);
	assert_int_equal(calls[0].count, 4);
	check_invariant(8, 12);
	for (uint64_t i = 13; i < 24; i++) {
		assert_int_equal(map[i], RT_PAGE_ACCEPTED | RW);
		assert_true(epcm[i].writable);
	}
}

static void test_another_processor_is_slow(void **state)
{
	(void)state;
	host_slow = 1000;
	assert_int_equal(rt_watch(8, 16), 0);
	check_invariant(8, 24);
	for (uint64_t i = 8; i < 24; i++) {
		assert_false(epcm[i].pending_restriction);
		assert_int_equal(epcm[i].not_tracked, 0);
	}
}

static void test_lift(void **state)
{
	(void)state;
	assert_int_equal(rt_watch(8, 16), 0);
	rt_watch_lift(10, 4);
	for (uint64_t i = 8; i < 24; i++)
		assert_int_equal(epcm[i].writable, i >= 10 && i < 14);
	for (uint64_t i = 10; i < 14; i++)
		assert_int_equal(map[i], RT_PAGE_ACCEPTED | RW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_store_after_watch, setup),
		cmocka_unit_test_setup(test_only_what_can_be_watched, setup),
		cmocka_unit_test_setup(test_host_refuses, setup),
		cmocka_unit_test_setup(test_host_says_done_and_is_not, setup),
		cmocka_unit_test_setup(test_error_ends_the_run, setup),
		cmocka_unit_test_setup(test_another_processor_is_slow, setup),
		cmocka_unit_test_setup(test_lift, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
