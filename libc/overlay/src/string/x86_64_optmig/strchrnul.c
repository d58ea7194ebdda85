/* SPDX-License-Identifier: Apache-2.0 */
/* __strchrnul, under strchr, strcspn and others of musl. */
#include <string.h>
#include "vector.h"

char *__strchrnul(const char *s, int c)
{
	const vec *p = vec_block(s), zero = {0}, wanted = vec_of(c);
	unsigned mask = vec_mask((*p == wanted) | (*p == zero)) >> ((uintptr_t)s & 15);

	if (mask)
		return (char *)s + __builtin_ctz(mask);
	do {
		p++;
		mask = vec_mask((*p == wanted) | (*p == zero));
	} while (!mask);
	return (char *)p + __builtin_ctz(mask);
}

extern __typeof(__strchrnul) strchrnul __attribute__((__weak__, alias("__strchrnul")));
