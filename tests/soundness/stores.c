/* SPDX-License-Identifier: Apache-2.0 */
/* One class of store (argv[1]) over and over, on pages that nothing else writes, for argv[2] milliseconds. */
#include <immintrin.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 4096, PAGES = 64 };
static unsigned char pages[PAGES + 1][PAGE] __attribute__((aligned(4096)));

#define APART __attribute__((noinline)) static void

APART plain(unsigned char *p, int v) { for (int i = 0; i < PAGES; i++) *(volatile int *)(p + i * PAGE) = v; }
APART atomic(unsigned char *p, int v) { for (int i = 0; i < PAGES; i++) atomic_fetch_add((_Atomic int *)(p + i * PAGE), v | 1); }
APART mem(unsigned char *p, int v) { for (int i = 0; i < PAGES; i++) memset(p + i * PAGE, v, 40); }
APART inline_asm(unsigned char *p, int v)
{
	for (int i = 0; i < PAGES; i++)
		__asm__ volatile("movl %1, %0" : "=m"(*(int *)(p + i * PAGE)) : "r"(v));
}
APART intrinsic(unsigned char *p, int v)
{
	for (int i = 0; i < PAGES; i++)
		_mm_maskmoveu_si128(_mm_set1_epi8((char)v), _mm_set1_epi8(-1), (char *)p + i * PAGE);
}
/* 16 bytes over the end of a page: only the second mark covers the next page. */
APART span(unsigned char *p, int v)
{
	for (int i = 0; i + 1 < PAGES; i += 2)
		_mm_storeu_si128((__m128i *)(p + i * PAGE + PAGE - 8), _mm_set1_epi8((char)v));
}
APART strip(unsigned char *p, int v)
{
	volatile int *q = (volatile int *)p;

	for (unsigned i = 0; i < PAGES * PAGE / sizeof *q; i++)
		q[i] = v;
}
/* No bound is known, so the loop is unrolled and marks at its head. */
static const volatile unsigned char ends[PAGES * PAGE / 64] = { [PAGES * PAGE / 64 - 1] = 1 };
APART head(unsigned char *p, int v)
{
	const volatile unsigned char *end = ends;
	volatile int *q = (volatile int *)p;

	do {
		*q = v;
		q += 16;
	} while (!*end++);
}
/* The block that stores is the one that polls; where it stores next is not known. */
static const volatile unsigned zero;
APART fused(unsigned char *p, int v)
{
	unsigned i = 0;

	do {
		*(volatile int *)(p + i * PAGE) = v;
		i = (i + 1 + zero) % PAGES;
	} while (i != 0);
}
/* Two ways that store, one look where they meet. */
APART join(unsigned char *p, int v)
{
	unsigned i = 0;

	do {
		unsigned char *q = p + i * PAGE;

		if (zero)
			*(volatile char *)(q + 8) = 1;
		else
			*(volatile int *)q = v;
		i = (i + 1 + zero) % PAGES;
	} while (i != 0);
}
/* A poll stands between what is stored and a call that may lead back. */
static void nothing(void) { }
static void (*const volatile next)(void) = nothing;
void entered(unsigned char *p, int v);
__attribute__((noinline)) void entered(unsigned char *p, int v)
{
	*(volatile int *)p = v;
	next();
}
APART entry(unsigned char *p, int v) { for (int i = 0; i < PAGES; i++) entered(p + i * PAGE, v); }
__attribute__((target("avx512f,avx512bw,avx512vl"))) APART masked(unsigned char *p, int v)
{
	for (int i = 0; i < PAGES; i++)
		_mm512_mask_storeu_epi32(p + i * PAGE, (__mmask16)(0x5555 << (i & 1)), _mm512_set1_epi32(v));
}

static const struct { const char *name; void (*run)(unsigned char *, int); } classes[] = {
	{ "store", plain }, { "atomic", atomic }, { "mem", mem }, { "asm", inline_asm }, { "intrinsic", intrinsic },
	{ "span-end", span }, { "strip", strip }, { "head", head }, { "fused", fused }, { "join", join }, { "entry", entry },
	{ "masked", masked },
};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	long beat = now_ms(), end = beat + (argc > 2 ? atol(argv[2]) : 300);

	for (unsigned i = 0; argc > 1 && i < sizeof classes / sizeof *classes; i++)
		if (strcmp(argv[1], classes[i].name) == 0) {
			for (int v = 1; now_ms() < end; v++) {
				classes[i].run(pages[0], v);
				if (now_ms() < beat)
					continue;
				printf("beat %d\n", v);
				fflush(stdout);
				beat += 100;
			}
			return 0;
		}
	return 2;
}
