/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of pages: one bit per page of ELRANGE, and one per stripe, which is 2 MiB of consecutive pages. Only words of used pages are touched.
 *
 * What a stripe's bit says: its words may hold pages. Set after a page was added, cleared by engine_set_tidy() and engine_set_clear() alone. So a
 * walk costs what is in the set, and 256 KiB of bits for 1 TiB.
 */
#ifndef OPTMIG_TRUSTED_ENGINE_SET_H
#define OPTMIG_TRUSTED_ENGINE_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "image.h"

#define ENGINE_PAGES_LIMIT  (OM_ELRANGE_MAX >> 12)
#define ENGINE_STRIPE_WORDS 8u                          /* 2 MiB of consecutive pages go through the same connection */
#define ENGINE_STRIPE_PAGES (ENGINE_STRIPE_WORDS * 64u)

struct engine_set {
	_Atomic uint64_t word[ENGINE_PAGES_LIMIT / 64];
	_Atomic uint64_t stripes[ENGINE_PAGES_LIMIT / ENGINE_STRIPE_PAGES / 64];
};

/* @bits: pages of the set's @word. */
static inline void engine_set_add_bits(struct engine_set *set, uint64_t word, uint64_t bits)
{
	uint64_t stripe = word / ENGINE_STRIPE_WORDS, bit = UINT64_C(1) << stripe % 64;

	if (!bits)
		return;
	atomic_fetch_or(&set->word[word], bits);       /* a full barrier: engine_set_tidy() relies on it */
	if (!(atomic_load(&set->stripes[stripe / 64]) & bit))
		atomic_fetch_or(&set->stripes[stripe / 64], bit);
}
static inline void engine_set_add(struct engine_set *set, uint64_t page)
{
	engine_set_add_bits(set, page / 64, UINT64_C(1) << page % 64);
}
/* Return: whether it was in the set. */
static inline bool engine_set_remove(struct engine_set *set, uint64_t page)
{
	uint64_t bit = UINT64_C(1) << page % 64;

	return (atomic_fetch_and_explicit(&set->word[page / 64], ~bit, memory_order_relaxed) & bit) != 0;
}
static inline bool engine_set_has(const struct engine_set *set, uint64_t page)
{
	return (atomic_load_explicit(&set->word[page / 64], memory_order_relaxed) >> page % 64 & 1) != 0;
}
/* The first stripe from @stripe on, below @end, that may hold pages; or @end. */
static inline uint64_t engine_set_next(const struct engine_set *set, uint64_t stripe, uint64_t end)
{
	while (stripe < end) {
		uint64_t bits = atomic_load_explicit(&set->stripes[stripe / 64], memory_order_acquire) >> stripe % 64;

		if (bits)
			return stripe + (uint64_t)__builtin_ctzll(bits) < end ? stripe + (uint64_t)__builtin_ctzll(bits) : end;
		stripe = (stripe | 63) + 1;
	}
	return end;
}
uint64_t engine_stripes_end(void);                     /* stripes below the slots */
/* Stripes that hold nothing any more are forgotten. Pages may be added meanwhile. */
void engine_set_tidy(struct engine_set *set);
/* Empties the set. Nobody else may use it meanwhile. */
void engine_set_clear(struct engine_set *set);

#endif
