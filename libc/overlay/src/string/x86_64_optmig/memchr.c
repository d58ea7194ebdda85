/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "vector.h"

void *memchr(const void *s, int c, size_t size)
{
	const char *start = s, *end = size > SIZE_MAX - (uintptr_t)start ? (const char *)SIZE_MAX : start + size;
	const vec *p = vec_block(s), wanted = vec_of(c);
	unsigned mask;

	if (!size)
		return NULL;
	mask = vec_mask(*p == wanted) & (~0u << ((uintptr_t)s & 15));
	while (!mask) {
		if ((const char *)++p >= end)
			return NULL;
		mask = vec_mask(*p == wanted);
	}
	const char *found = (const char *)p + __builtin_ctz(mask);
	return found < end ? (void *)found : NULL;
}
