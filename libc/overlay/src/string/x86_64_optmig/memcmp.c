/* SPDX-License-Identifier: Apache-2.0 */
/* memcmp: unaligned 16-byte blocks, the tail by a block that overlaps; below 16 bytes by words that overlap. Most keys
 * differ early or are equal, so words are only brought into order when they differ. */
#include <string.h>
#include "vector.h"

typedef uint64_t u64_unaligned __attribute__((may_alias, aligned(1)));
typedef uint32_t u32_unaligned __attribute__((may_alias, aligned(1)));

static inline int order64(uint64_t a, uint64_t b)
{
	return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
}

static inline int compare_small(const unsigned char *a, const unsigned char *b, size_t size)
{
	uint64_t x, y;

	if (size >= 8) {
		x = *(const u64_unaligned *)a, y = *(const u64_unaligned *)b;
		if (x != y)
			return order64(x, y);
		x = *(const u64_unaligned *)(a + size - 8), y = *(const u64_unaligned *)(b + size - 8);
		return x == y ? 0 : order64(x, y);
	}
	if (size >= 4) {
		/* The words overlap, but where the first ones are equal the overlap is, too. */
		x = (uint64_t)*(const u32_unaligned *)a | (uint64_t)*(const u32_unaligned *)(a + size - 4) << 32;
		y = (uint64_t)*(const u32_unaligned *)b | (uint64_t)*(const u32_unaligned *)(b + size - 4) << 32;
		return x == y ? 0 : order64(x, y);
	}
	if (!size)
		return 0;
	/* First, middle, last: all of one to three. */
	return (a[0] << 16 | a[size / 2] << 8 | a[size - 1]) - (b[0] << 16 | b[size / 2] << 8 | b[size - 1]);
}

static inline unsigned differing(const unsigned char *a, const unsigned char *b)
{
	return vec_mask(*(const vec_unaligned *)a == *(const vec_unaligned *)b) ^ 0xffff;
}

static inline int first_of(const unsigned char *a, const unsigned char *b, unsigned mask)
{
	int i = __builtin_ctz(mask);

	return a[i] - b[i];
}

int memcmp(const void *left, const void *right, size_t size)
{
	const unsigned char *a = left, *b = right;
	unsigned mask;

	if (size < 16)
		return compare_small(a, b, size);
	mask = differing(a, b);
	if (mask)
		return first_of(a, b, mask);
	for (size -= 16; size > 16; size -= 16) {
		a += 16, b += 16;
		mask = differing(a, b);
		if (mask)
			return first_of(a, b, mask);
	}
	a += size, b += size;
	mask = differing(a, b);
	return mask ? first_of(a, b, mask) : 0;
}
