/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine does to the threads, on the host's word: OM_ECALL_STOP, and OM_HC_ROUND for a spectator of the engine's rounds
 * (tests/soundness). Debug images only.
 */
#include "rt/internal.h"
#include "rt/testhooks.h"

/* Only for measurements: nobody copies what was written. */
static void clear_cards(void)
{
	for (uint64_t page = 0; page < rt_image->slots_offset >> 12; page += OM_PAGE_SIZE) {
		_Atomic uint64_t *cards = (_Atomic uint64_t *)(rt_cards() + page);

		for (uint64_t i = 0; rt_mem_used(page) && i < OM_PAGE_SIZE / 8; i++)
			if (atomic_load_explicit(&cards[i], memory_order_relaxed))
				atomic_store_explicit(&cards[i], 0, memory_order_relaxed);
	}
}

long rt_test_stop(uint64_t op, uint64_t argument)
{
	if (!(rt_image->flags & OM_IMAGE_DEBUG))
		return OM_EDEBUG;
	if (engine_busy())
		return OM_ESTATE;
	switch (op) {
	case OM_STOP_BEGIN:
		rt_track(RT_TRACK_TEST, true);
		rt_stop_begin();
		return 0;
	case OM_STOP_POLL:
		rt_ub_write64(&rt_tbuf(rt_self())->arg[0], rt_stop_poll());
		return 0;
	case OM_STOP_RESUME:
		rt_resume_all();
		return 0;
	case OM_ROUND_BEGIN:
		rt_track(RT_TRACK_TEST, true);
		clear_cards();
		rt_ub_write64(&rt_tbuf(rt_self())->arg[0], rt_handshake_begin());
		return 0;
	case OM_ROUND_POLL:
		rt_ub_write64(&rt_tbuf(rt_self())->arg[0], rt_handshake_done(argument));
		return 0;
	default:
		return OM_EINVAL;
	}
}

void rt_test_round(enum om_round_point point, uint64_t number, uint64_t tracker)
{
	const uint64_t arg[6] = { point, number, tracker };

	if (rt_image->flags & OM_IMAGE_DEBUG)
		(void)rt_hostcall(OM_HC_ROUND, 0, 0, arg);   /* only a spectator is told */
}
