/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of pages and their stripes: see set.h. */
#include "engine/state.h"

static void clear_stripe(struct engine_set *set, uint64_t stripe)
{
	atomic_fetch_and(&set->stripes[stripe / 64], ~(UINT64_C(1) << stripe % 64));
}

uint64_t engine_stripes_end(void)
{
	return (engine.facts.tracked_limit + ENGINE_STRIPE_PAGES - 1) / ENGINE_STRIPE_PAGES;
}

void engine_set_clear(struct engine_set *set)
{
	for (uint64_t stripe = 0, end = engine_stripes_end(); (stripe = engine_set_next(set, stripe, end)) < end; stripe++) {
		for (uint64_t i = 0; i < ENGINE_STRIPE_WORDS; i++)
			atomic_store_explicit(&set->word[stripe * ENGINE_STRIPE_WORDS + i], 0, memory_order_relaxed);
		clear_stripe(set, stripe);
	}
}

static bool stripe_is_empty(const struct engine_set *set, uint64_t stripe)
{
	for (uint64_t i = 0; i < ENGINE_STRIPE_WORDS; i++)
		if (atomic_load(&set->word[stripe * ENGINE_STRIPE_WORDS + i]))
			return false;
	return true;
}

/* Who adds sets the word first; who forgets clears the stripe's bit first, and looks once more. One of them sees the other. */
void engine_set_tidy(struct engine_set *set)
{
	for (uint64_t stripe = 0, end = engine_stripes_end(); (stripe = engine_set_next(set, stripe, end)) < end; stripe++) {
		if (!stripe_is_empty(set, stripe))
			continue;
		clear_stripe(set, stripe);
		if (!stripe_is_empty(set, stripe))
			atomic_fetch_or(&set->stripes[stripe / 64], UINT64_C(1) << stripe % 64);
	}
}
