/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a rate: arithmetic alone. */
#include <stdlib.h>
#include "share.h"

static uint64_t none_is_most(uint64_t rate)
{
	return rate ? rate : UINT64_MAX;
}

static int by_wish(const void *a, const void *b)
{
	const uint64_t x = none_is_most(((const struct share *)a)->wish), y = none_is_most(((const struct share *)b)->wish);

	return x < y ? -1 : x > y;
}

void share_divide(uint64_t rate, struct share *list, size_t count)
{
	qsort(list, count, sizeof *list, by_wish);
	for (size_t i = 0; i < count; i++) {
		const uint64_t part = rate / (count - i);

		if (!rate) {
			list[i].rate = list[i].wish; /* 0 is none there, too */
			continue;
		}
		list[i].rate = list[i].wish && list[i].wish < part ? list[i].wish : part ? part : 1;
		rate -= list[i].rate < rate ? list[i].rate : rate - 1;
	}
}
