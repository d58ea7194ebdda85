/* SPDX-License-Identifier: Apache-2.0 */
/* strcspn, and strpbrk on top of it. Sets of two or three characters, what LIKE and parsers ask for, 16 bytes at a time;
 * larger ones with a bit for each character, as musl's own. */
#include <string.h>
#include "vector.h"

char *__strchrnul(const char *, int);

static int has(const uint64_t *bits, unsigned char c)
{
	return (int)(bits[c / 64] >> (c % 64) & 1);
}

static size_t by_table(const char *s, const char *set)
{
	uint64_t bits[4] = {1};
	const char *at = s;

	for (; *set; set++)
		bits[(unsigned char)*set / 64] |= 1ull << ((unsigned char)*set % 64);
	while (!has(bits, (unsigned char)*at))
		at++;
	return (size_t)(at - s);
}

size_t strcspn(const char *s, const char *set)
{
	const vec *p = vec_block(s), zero = {0};
	unsigned skip = (unsigned)((uintptr_t)s & 15), mask;
	vec a, b, c;

	if (!set[0] || !set[1])
		return (size_t)(__strchrnul(s, *set) - s);
	if (set[2] && set[3])
		return by_table(s, set);
	a = vec_of(set[0]);
	b = vec_of(set[1]);
	c = vec_of(set[2]);
	mask = vec_mask((*p == a) | (*p == b) | (*p == c) | (*p == zero)) >> skip;
	if (mask)
		return (size_t)__builtin_ctz(mask);
	do {
		p++;
		mask = vec_mask((*p == a) | (*p == b) | (*p == c) | (*p == zero));
	} while (!mask);
	return (size_t)((const char *)p - s) + (size_t)__builtin_ctz(mask);
}
