/* SPDX-License-Identifier: Apache-2.0 */
/* What memcpy, memmove and memset share. They are not instrumented by the pass but keep its invariant by hand: the work
 * is cut into chunks, each marked just before it is written, with a poll between two chunks and none in the first
 * MEM_NO_POLL bytes. The pass relies on that: a call of a constant size up to 4,096 does not end an interval. */
#ifndef MEM_MARKED_H
#define MEM_MARKED_H

#include <stddef.h>
#include <stdint.h>
#include "optmig.h"

#define MEM_NO_POLL 4096u
#define MEM_CHUNK   (32u * 1024)  /* some microseconds between polls */
#define MEM_REP     2048u         /* from here on string instructions are faster than a loop of vectors */

typedef long long mem_v __attribute__((__vector_size__(16), __aligned__(1), __may_alias__));
typedef uint64_t mem_u64 __attribute__((__aligned__(1), __may_alias__));
typedef uint32_t mem_u32 __attribute__((__aligned__(1), __may_alias__));
typedef uint16_t mem_u16 __attribute__((__aligned__(1), __may_alias__));
typedef volatile unsigned char mem_card __attribute__((__address_space__(256)));

/* Parts of the functions. Inlined, since what is not NOT_INSTRUMENTED would get marks and polls from the pass. */
#define MEM_PART static inline __attribute__((__always_inline__))

#define MEM_LOAD(p)     (*(const mem_v *)(p))
#define MEM_STORE(p, v) (*(mem_v *)(p) = (v))

MEM_PART void mem_mark_page(uintptr_t page)
{
	mem_card *card = (mem_card *)page;
	if (__builtin_expect(!*card, 0)) *card = 1;
}

/* size > 0 */
MEM_PART void mem_mark(const void *at, size_t size)
{
	uintptr_t page = (uintptr_t)at >> 12, last = ((uintptr_t)at + size - 1) >> 12;
#ifdef OPTMIG_VERIFY
	__asm__ volatile ("leaq -128(%%rsp),%%rsp\n\tcall __optmig_verify_store\n\tleaq 128(%%rsp),%%rsp"
		: : "D"(at), "S"(size) : "memory", "cc");
#endif
#ifdef OPTMIG_BARE /* the yardstick of bench/pass: a libc without marks and polls */
	return;
#endif
	if (__builtin_expect(!(__optmig_attention & 0xc0), 1)) return;
	mem_mark_page(page);
	while (__builtin_expect(page < last, 0)) mem_mark_page(++page);
}

#endif
