/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy and memmove. Small sizes by overlapping loads that are all done before the first store, so both share them;
 * large ones by string instructions in chunks. */
#include <string.h>
#include "mem_marked.h"

/* size <= 128: any overlap is fine */
MEM_PART void copy_small(unsigned char *to, const unsigned char *from, size_t size)
{
	if (size >= 16) {
		mem_v a = MEM_LOAD(from), b = MEM_LOAD(from + size - 16);
		if (size > 32) {
			mem_v c = MEM_LOAD(from + 16), d = MEM_LOAD(from + size - 32);
			if (size > 64) {
				mem_v e = MEM_LOAD(from + 32), f = MEM_LOAD(from + 48);
				mem_v g = MEM_LOAD(from + size - 64), h = MEM_LOAD(from + size - 48);
				MEM_STORE(to + 32, e);
				MEM_STORE(to + 48, f);
				MEM_STORE(to + size - 64, g);
				MEM_STORE(to + size - 48, h);
			}
			MEM_STORE(to + 16, c);
			MEM_STORE(to + size - 32, d);
		}
		MEM_STORE(to, a);
		MEM_STORE(to + size - 16, b);
	} else if (size >= 8) {
		uint64_t a = *(const mem_u64 *)from, b = *(const mem_u64 *)(from + size - 8);
		*(mem_u64 *)to = a;
		*(mem_u64 *)(to + size - 8) = b;
	} else if (size >= 4) {
		uint32_t a = *(const mem_u32 *)from, b = *(const mem_u32 *)(from + size - 4);
		*(mem_u32 *)to = a;
		*(mem_u32 *)(to + size - 4) = b;
	} else if (size >= 2) {
		uint16_t a = *(const mem_u16 *)from, b = *(const mem_u16 *)(from + size - 2);
		*(mem_u16 *)to = a;
		*(mem_u16 *)(to + size - 2) = b;
	} else if (size) {
		*to = *from;
	}
}

/* size > 64, to below from or no overlap. The last 64 bytes are read first, since the loop may overwrite them. */
MEM_PART void copy_forward(unsigned char *to, const unsigned char *from, size_t size)
{
	mem_v w = MEM_LOAD(from + size - 64), x = MEM_LOAD(from + size - 48);
	mem_v y = MEM_LOAD(from + size - 32), z = MEM_LOAD(from + size - 16);
	unsigned char *end = to + size;
	for (; size > 64; size -= 64, to += 64, from += 64) {
		mem_v a = MEM_LOAD(from), b = MEM_LOAD(from + 16), c = MEM_LOAD(from + 32), d = MEM_LOAD(from + 48);
		MEM_STORE(to, a);
		MEM_STORE(to + 16, b);
		MEM_STORE(to + 32, c);
		MEM_STORE(to + 48, d);
	}
	MEM_STORE(end - 64, w);
	MEM_STORE(end - 48, x);
	MEM_STORE(end - 32, y);
	MEM_STORE(end - 16, z);
}

/* size > 64, to above from with overlap */
MEM_PART void copy_backward(unsigned char *to, const unsigned char *from, size_t size)
{
	mem_v w = MEM_LOAD(from), x = MEM_LOAD(from + 16), y = MEM_LOAD(from + 32), z = MEM_LOAD(from + 48);
	for (size_t left = size; left > 64; left -= 64) {
		const unsigned char *f = from + left - 64;
		unsigned char *t = to + left - 64;
		mem_v a = MEM_LOAD(f), b = MEM_LOAD(f + 16), c = MEM_LOAD(f + 32), d = MEM_LOAD(f + 48);
		MEM_STORE(t, a);
		MEM_STORE(t + 16, b);
		MEM_STORE(t + 32, c);
		MEM_STORE(t + 48, d);
	}
	MEM_STORE(to, w);
	MEM_STORE(to + 16, x);
	MEM_STORE(to + 32, y);
	MEM_STORE(to + 48, z);
}

MEM_PART void copy_chunk(unsigned char *to, const unsigned char *from, size_t size, int separate)
{
	if (size <= 128)
		copy_small(to, from, size);
	else if (separate && size >= MEM_REP)
		__asm__ volatile ("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	else
		copy_forward(to, from, size);
}

/* Chunks of ascending addresses. Both return where they began, so that who calls them last keeps nothing. */
OPTMIG_NOT_INSTRUMENTED static void *copy_ascending(unsigned char *to, const unsigned char *from, size_t size, int separate)
{
	size_t chunk = MEM_NO_POLL;
	void *start = to;
	for (;;) {
		if (chunk > size) chunk = size;
		mem_mark(to, chunk);
		copy_chunk(to, from, chunk, separate);
		size -= chunk;
		if (!size) return start;
		to += chunk;
		from += chunk;
		chunk = MEM_CHUNK;
		OPTMIG_SAFEPOINT();
	}
}

OPTMIG_NOT_INSTRUMENTED static void *copy_descending(unsigned char *to, const unsigned char *from, size_t size)
{
	size_t chunk = MEM_NO_POLL;
	for (;;) {
		if (chunk > size) chunk = size;
		size -= chunk;
		mem_mark(to + size, chunk);
		if (chunk <= 128) copy_small(to + size, from + size, chunk);
		else copy_backward(to + size, from + size, chunk);
		if (!size) return to;
		chunk = MEM_CHUNK;
		OPTMIG_SAFEPOINT();
	}
}

OPTMIG_NOT_INSTRUMENTED void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	if (!size) return to;
	if (size > 128) return copy_ascending(to, from, size, 1);
	mem_mark(to, size);
	copy_small(to, from, size);
	return to;
}

OPTMIG_NOT_INSTRUMENTED void *memmove(void *to, const void *from, size_t size)
{
	if (!size) return to;
	if (size <= 128) {
		mem_mark(to, size);
		copy_small(to, from, size);
		return to;
	}
	int separate = (uintptr_t)from - (uintptr_t)to >= size;
	if ((uintptr_t)to - (uintptr_t)from >= size) return copy_ascending(to, from, size, separate);
	return copy_descending(to, from, size);
}
