/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of pages and their stripes: see mig.h. */
#include "mig/mig.h"

static void clear_stripe(struct mig_set *set, uint64_t stripe)
{
	atomic_fetch_and(&set->stripes[stripe / 64], ~(UINT64_C(1) << stripe % 64));
}

uint64_t mig_stripes_end(void)
{
	return (mig.facts.tracked_limit + MIG_STRIPE_PAGES - 1) / MIG_STRIPE_PAGES;
}

void mig_set_clear(struct mig_set *set)
{
	for (uint64_t stripe = 0, end = mig_stripes_end(); (stripe = mig_set_next(set, stripe, end)) < end; stripe++) {
		for (uint64_t i = 0; i < MIG_STRIPE_WORDS; i++)
			atomic_store_explicit(&set->word[stripe * MIG_STRIPE_WORDS + i], 0, memory_order_relaxed);
		clear_stripe(set, stripe);
	}
}

static bool stripe_is_empty(const struct mig_set *set, uint64_t stripe)
{
	for (uint64_t i = 0; i < MIG_STRIPE_WORDS; i++)
		if (atomic_load(&set->word[stripe * MIG_STRIPE_WORDS + i]))
			return false;
	return true;
}

/* Who adds sets the word first; who forgets clears the stripe's bit first, and looks once more. One of them sees the other. */
void mig_set_tidy(struct mig_set *set)
{
	for (uint64_t stripe = 0, end = mig_stripes_end(); (stripe = mig_set_next(set, stripe, end)) < end; stripe++) {
		if (!stripe_is_empty(set, stripe))
			continue;
		clear_stripe(set, stripe);
		if (!stripe_is_empty(set, stripe))
			atomic_fetch_or(&set->stripes[stripe / 64], UINT64_C(1) << stripe % 64);
	}
}
