/* SPDX-License-Identifier: Apache-2.0 */
/* strcmp: unaligned 16-byte blocks where both strings have one left on their page, bytes over the ends of pages. */
#include <string.h>
#include "vector.h"

static int block_on_page(const unsigned char *at)
{
	return ((uintptr_t)at & 4095) <= 4096 - 16;
}

int strcmp(const char *left, const char *right)
{
	const unsigned char *a = (const unsigned char *)left, *b = (const unsigned char *)right;
	const vec zero = {0};

	for (;;) {
		if (!block_on_page(a) || !block_on_page(b)) {
			if (*a != *b || !*a)
				return *a - *b;
			a++, b++;
			continue;
		}
		vec x = *(const vec_unaligned *)a, y = *(const vec_unaligned *)b;
		unsigned stop = (vec_mask(x == y) ^ 0xffff) | vec_mask(x == zero);
		if (stop) {
			int i = __builtin_ctz(stop);
			return a[i] - b[i];
		}
		a += 16, b += 16;
	}
}
