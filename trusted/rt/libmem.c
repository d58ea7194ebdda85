/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory functions the compiler takes for granted, for trusted code only. They are made local to the runtime's
 * object when it is linked (mk/trusted.mk): libc's functions of the same names mark cards and poll, which trusted code
 * must not do to its own memory. Application memory is not touched through these but through appmem.c.
 */
#include "rt/libmem.h"

typedef long long vector __attribute__((__vector_size__(16), __aligned__(1), __may_alias__));
typedef uint64_t word __attribute__((__aligned__(1), __may_alias__));
#define LOAD(p) (*(const vector *)(p))
#define STORE(p, v) (*(vector *)(p) = (v))
#define REP_MIN 2048

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (size >= REP_MIN) {
		__asm__ volatile ("rep movsb" : "+D"(d), "+S"(s), "+c"(size) : : "memory");
		return to;
	}
	if (size >= 16) {
		vector last = LOAD(s + size - 16);
		uint8_t *end = d + size;
		for (; size > 16; size -= 16, d += 16, s += 16)
			STORE(d, LOAD(s));
		STORE(end - 16, last);
		return to;
	}
	if (size >= 8) {
		uint64_t a = *(const word *)s, b = *(const word *)(s + size - 8);
		*(word *)d = a;
		*(word *)(d + size - 8) = b;
		return to;
	}
	while (size-- > 0) {
		*d++ = *s++;
		__asm__ volatile ("" : : : "memory"); /* not to be recognised as memcpy */
	}
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	for (; size >= 8; size -= 8) {
		uint64_t a = *(const word *)(s + size - 8);
		*(word *)(d + size - 8) = a;
		__asm__ volatile ("" : : : "memory");
	}
	while (size-- > 0) {
		d[size] = s[size];
		__asm__ volatile ("" : : : "memory");
	}
	return to;
}

void *memset(void *to, int value, size_t size)
{
	uint8_t *d = to;

	if (size >= 256) {
		__asm__ volatile ("rep stosb" : "+D"(d), "+c"(size) : "a"(value) : "memory");
		return to;
	}
	for (uint64_t pattern = 0x0101010101010101ULL * (uint8_t)value; size >= 8; size -= 8, d += 8) {
		*(word *)d = pattern;
		__asm__ volatile ("" : : : "memory");
	}
	while (size-- > 0) {
		*d++ = (uint8_t)value;
		__asm__ volatile ("" : : : "memory");
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;

	for (; size > 0; size--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

void *memchr(const void *at, int value, size_t size)
{
	const uint8_t *p = at;

	for (; size > 0; size--, p++)
		if (*p == (uint8_t)value)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t size = 0;

	while (s[size]) {
		size++;
		__asm__ volatile ("" : : : "memory");
	}
	return size;
}
