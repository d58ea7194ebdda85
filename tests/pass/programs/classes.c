/* SPDX-License-Identifier: Apache-2.0 */
/* Every class of store that the pass tells apart, each on pages of its own, so that no other mark covers it. Compiled
 * with a class of marks left out, the verify build has to notice: argv[1] names the class. */
#include <immintrin.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "optmig.h"

enum { PAGE = 4096, PAGES = 64 };

static unsigned char *fresh(void)
{
	unsigned char *p = aligned_alloc(PAGE, PAGES * PAGE);
	if (!p) exit(2);
	return p;
}

#define APART __attribute__((noinline)) static void

APART plain(unsigned char *p) { for (int i = 0; i < PAGES; i++) *(volatile int *)(p + i * PAGE) = i; }
APART atomic(unsigned char *p) { for (int i = 0; i < PAGES; i++) atomic_fetch_add((_Atomic int *)(p + i * PAGE), i); }
APART mem(unsigned char *p, int c) { for (int i = 0; i < PAGES; i++) memset(p + i * PAGE, c, 40); }
APART inline_asm(unsigned char *p) { for (int i = 0; i < PAGES; i++) __asm__ volatile("movl $7, %0" : "=m"(*(int *)(p + i * PAGE))); }
APART intrinsic(unsigned char *p)
{
	for (int i = 0; i < PAGES; i++) _mm_maskmoveu_si128(_mm_set1_epi8(5), _mm_set1_epi8(-1), (char *)p + i * PAGE);
}
/* 16 bytes over the end of a page: the first byte's page is marked by the first mark, the second page only by the other. */
APART span(unsigned char *p)
{
	for (int i = 0; i + 1 < PAGES; i += 2) _mm_storeu_si128((__m128i *)(p + i * PAGE + PAGE - 8), _mm_set1_epi8(3));
}
APART strip(unsigned char *p)
{
	volatile int *q = (volatile int *)p;
	for (size_t i = 0; i < PAGES * PAGE / sizeof *q; i++) q[i] = (int)i;
}
/* No bound is known, so the loop is unrolled and marks at its head. */
static const volatile unsigned char ends[PAGES * PAGE / 64] = { [PAGES * PAGE / 64 - 1] = 1 };
APART head(unsigned char *p)
{
	const volatile unsigned char *end = ends;
	volatile uint64_t *q = (volatile uint64_t *)p;
	do { *q = 5; q += 8; } while (!*end++);
}
/* The same by an index: what is marked has to be computed at the head. */
APART indexed(unsigned char *p)
{
	const volatile unsigned char *end = ends;
	volatile uint64_t *q = (volatile uint64_t *)p;
	size_t i = 0;
	__asm__("" : "+r"(end)); /* or its length would be known */
	do { q[i * 8] = i; } while (!end[i++]);
}
/* The block that stores is the one that polls: a list whose nodes lie anywhere. */
struct node { struct node *next; int value; };
APART fused(unsigned char *p)
{
	for (int i = 0; i + 1 < PAGES; i++) *(struct node *volatile *)(p + i * PAGE) = (struct node *)(p + (i + 1) * PAGE);
	*(struct node *volatile *)(p + (PAGES - 1) * PAGE) = NULL;
	OPTMIG_SAFEPOINT(); /* the marks above are of another interval */
	for (struct node *n = (struct node *)p; n; n = n->next) n->value = 6;
}
/* Two ways that store, one look where they meet; how far the loop goes is not known. */
static const volatile unsigned zero;
APART join(unsigned char *p)
{
	unsigned i = 0;
	do {
		unsigned char *q = p + i * PAGE;
		if (zero) *(volatile char *)(q + 8) = 1; else *(volatile int *)q = 8;
		i = (i + 1 + zero) % PAGES;
	} while (i != 0);
}
/* A poll stands between what is stored and a call that may lead back. */
static void nothing(void) { }
static void (*const volatile next)(void) = nothing;
void entered(unsigned char *p);
__attribute__((noinline)) void entered(unsigned char *p) { *(volatile int *)p = 9; next(); }
APART entry(unsigned char *p) { for (int i = 0; i < PAGES; i++) entered(p + i * PAGE); }
__attribute__((target("avx512f,avx512bw,avx512vl"))) APART masked(unsigned char *p)
{
	for (int i = 0; i < PAGES; i++) _mm512_mask_storeu_epi32(p + i * PAGE, (__mmask16)(0x5555 << (i & 1)), _mm512_set1_epi32(i));
}

int main(int argc, char **argv)
{
	const char *class = argc > 1 ? argv[1] : "all";
	int all = strcmp(class, "all") == 0;
#define RUN(name, call) if (all || strcmp(class, name) == 0) { unsigned char *p = fresh(); call; printf("%s %d\n", name, p[0]); free(p); }
	RUN("store", plain(p))
	RUN("atomic", atomic(p))
	RUN("mem", mem(p, argc))
	RUN("asm", inline_asm(p))
	RUN("intrinsic", intrinsic(p))
	RUN("span-end", span(p))
	RUN("strip", strip(p))
	RUN("head", head(p))
	RUN("indexed", indexed(p))
	RUN("fused", fused(p))
	RUN("join", join(p))
	RUN("entry", entry(p))
	/* The virtual CPU never says that it has AVX-512: the caller has looked at the real one. */
	if (strcmp(class, "masked") == 0) { RUN("masked", masked(p)) }
	return 0;
}
