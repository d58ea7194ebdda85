/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verify images (OM_IMAGE_VERIFY): every instrumented store is logged by __optmig_verify_store (verify_store.S), and when
 * the safepoint interval ends, all logged stores must have their cards set. The poll flag is up all the time, so that
 * every poll is taken and intervals are as short as they can be.
 *
 * The engine clears cards in the middle of intervals, and raises the epoch right afterwards. So a clean card counts as a
 * miss only if the epoch is still what it was when the interval began. Logs that overflow lose their newest stores.
 */
#include "rt/internal.h"
#include "rt/testhooks.h"
#include "testing/verify.h"

#define PATIENCE 10000000   /* spins: a clear that is under way has ended long before */

RT_LAZY struct rt_verify_log rt_verify_logs[OM_SLOTS_MAX];
_Static_assert(sizeof(struct rt_verify_log) == 1u << RT_VERIFY_SHIFT, "verify_store.S");

RT_HIDDEN extern const char rt_verify_begin[], rt_verify_end[];

void rt_test_boot(void)
{
	if (!(rt_image->flags & OM_IMAGE_VERIFY))
		return;
	rt_track(RT_TRACK_TEST, true);
	rt_poll_raise(RT_POLL_VERIFY);
}

bool rt_test_is_called(uint64_t rip)
{
	return rip >= (uint64_t)rt_verify_begin && rip < (uint64_t)rt_verify_end;
}

static bool epoch_moves(uint64_t epoch)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (atomic_load(&rt_epoch) != epoch)
			return true;
		rt_pause();
	}
	return false;
}

static bool is_tracked(uint64_t address)
{
	return rt_in_heap(address) || (address >= (uint64_t)__rt_tracked_start && address < (uint64_t)__rt_tracked_end);
}

static bool marked(const struct rt_verify_entry *e)
{
	for (uint64_t page = e->address >> 12; page <= (e->address + e->size - 1) >> 12; page++)
		if (is_tracked(page << 12 < e->address ? e->address : page << 12) && !rt_cards()[page - (OM_ELRANGE_BASE >> 12)])
			return false;
	return true;
}

void rt_test_interval(void)
{
	struct rt_verify_log *log = &rt_verify_logs[rt_self()->slot];
	uint64_t epoch = atomic_load(&rt_epoch);

	for (uint64_t i = 0; i < log->count && log->epoch == epoch; i++) {
		const struct rt_verify_entry *e = &log->entries[i];

		if (e->size && !marked(e) && !epoch_moves(epoch)) {
			rt_log_hex("store without a mark: address, size, return address", (const uint64_t *)e, 3);
			rt_fatal(OM_EUNTRACKED, "a store of the program left no mark in the card table; --verbose names it");
		}
	}
	log->count = 0;
	log->epoch = epoch;
}
