/* SPDX-License-Identifier: Apache-2.0 */
/* memcmp: unaligned 16-byte blocks, the tail by a block that overlaps; below 16 bytes by overlapping big-endian words. */
#include <string.h>
#include "vector.h"

typedef uint64_t u64_unaligned __attribute__((may_alias, aligned(1)));
typedef uint32_t u32_unaligned __attribute__((may_alias, aligned(1)));

static int order64(uint64_t a, uint64_t b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return a < b ? -1 : a > b;
}

static int compare_small(const unsigned char *a, const unsigned char *b, size_t size)
{
	if (size >= 8) {
		int first = order64(*(const u64_unaligned *)a, *(const u64_unaligned *)b);
		return first ? first : order64(*(const u64_unaligned *)(a + size - 8), *(const u64_unaligned *)(b + size - 8));
	}
	if (size >= 4) {
		uint64_t x = (uint64_t)*(const u32_unaligned *)a | (uint64_t)*(const u32_unaligned *)(a + size - 4) << 32;
		uint64_t y = (uint64_t)*(const u32_unaligned *)b | (uint64_t)*(const u32_unaligned *)(b + size - 4) << 32;
		/* The words overlap, but where the first ones are equal the overlap is, too. */
		return order64(x, y);
	}
	for (; size; size--, a++, b++)
		if (*a != *b)
			return *a < *b ? -1 : 1;
	return 0;
}

int memcmp(const void *left, const void *right, size_t size)
{
	const unsigned char *a = left, *b = right;

	if (size < 16)
		return compare_small(a, b, size);
	for (const unsigned char *last = a + size - 16;;) {
		unsigned differ = vec_mask(*(const vec_unaligned *)a == *(const vec_unaligned *)b) ^ 0xffff;

		if (differ) {
			int i = __builtin_ctz(differ);
			return a[i] < b[i] ? -1 : 1;
		}
		if (a == last)
			return 0;
		size_t step = (size_t)(last - a) < 16 ? (size_t)(last - a) : 16;
		a += step;
		b += step;
	}
}
