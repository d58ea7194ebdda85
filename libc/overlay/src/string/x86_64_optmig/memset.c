/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "mem_marked.h"

/* 1 <= size <= 4096 or a chunk */
MEM_PART void set_chunk(unsigned char *at, uint64_t word, size_t size)
{
	if (size >= 16) {
		if (size >= MEM_REP) {
			__asm__ volatile ("rep stosb" : "+D"(at), "+c"(size) : "a"(word) : "memory");
			return;
		}
		mem_v v = {(long long)word, (long long)word};
		for (size_t i = 0; i + 16 <= size; i += 16) MEM_STORE(at + i, v);
		MEM_STORE(at + size - 16, v);
	} else if (size >= 8) {
		*(mem_u64 *)at = word;
		*(mem_u64 *)(at + size - 8) = word;
	} else if (size >= 4) {
		*(mem_u32 *)at = (uint32_t)word;
		*(mem_u32 *)(at + size - 4) = (uint32_t)word;
	} else if (size >= 2) {
		*(mem_u16 *)at = (uint16_t)word;
		*(mem_u16 *)(at + size - 2) = (uint16_t)word;
	} else {
		*at = (unsigned char)word;
	}
}

OPTMIG_NOT_INSTRUMENTED void *memset(void *to, int byte, size_t size)
{
	unsigned char *at = to;
	uint64_t word = 0x0101010101010101u * (unsigned char)byte;
	if (!size) return to;
	for (size_t chunk = MEM_NO_POLL;;) {
		if (chunk > size) chunk = size;
		mem_mark(at, chunk);
		set_chunk(at, word, chunk);
		size -= chunk;
		if (!size) return to;
		at += chunk;
		chunk = MEM_CHUNK;
		OPTMIG_SAFEPOINT();
	}
}
