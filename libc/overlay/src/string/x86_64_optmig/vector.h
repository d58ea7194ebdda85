/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the searching string functions: 16 bytes at a time. Aligned loads may read beyond the string's end, never
 * beyond its page, so they cannot fault where the string itself does not. Reading needs no marks. */
#ifndef OPTMIG_STRING_VECTOR_H
#define OPTMIG_STRING_VECTOR_H

#include <stdint.h>
#include <stddef.h>

typedef char vec __attribute__((vector_size(16), may_alias));
typedef char vec_unaligned __attribute__((vector_size(16), may_alias, aligned(1)));

static inline vec vec_of(int byte)
{
	char c = (char)byte;
	return (vec){c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c};
}

/* Bit i is set where byte i is all ones. */
static inline unsigned vec_mask(vec v)
{
	return (unsigned)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)v);
}

static inline const vec *vec_block(const void *p) { return (const vec *)((uintptr_t)p & ~(uintptr_t)15); }

#endif
