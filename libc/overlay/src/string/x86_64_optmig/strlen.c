/* SPDX-License-Identifier: Apache-2.0 */
/* strlen, 16 bytes at a time; musl's goes 8 at a time and its start-up dominates short strings. */
#include <string.h>
#include "vector.h"

size_t strlen(const char *s)
{
	const vec *p = vec_block(s), zero = {0};
	unsigned skip = (unsigned)((uintptr_t)s & 15), mask = vec_mask(*p == zero) >> skip;

	if (mask)
		return (size_t)__builtin_ctz(mask);
	do
		mask = vec_mask(*++p == zero);
	while (!mask);
	return (size_t)((const char *)p - s) + (size_t)__builtin_ctz(mask);
}
