/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call of __optmig_markSIZE_REG does to cards, for every state of those around, every size and all offsets of interest:
 * the pages of the first and the last byte are dirty; besides, only the page behind may become so, if the page itself and the
 * one before it were; nothing becomes clean.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 4096, AROUND = 4 };

static uint8_t card(const char *page)
{
	uint8_t value;

	__asm__ volatile("movb %%gs:(%1), %0" : "=q"(value) : "r"((uintptr_t)page >> 12));
	return value;
}

static void set_card(const char *page, int dirty)
{
	__asm__ volatile("movb %0, %%gs:(%1)" : : "q"((uint8_t)(dirty ? 0xff : 0)), "r"((uintptr_t)page >> 12));
}

#define MARK(size, reg, letter) \
	static void mark##size##_##reg(char *p) { __asm__ volatile("call __optmig_mark" #size "_" #reg : : letter(p) : "r11", "cc"); } \
	static void poll##size##_##reg(char *p) { __asm__ volatile("call __optmig_markpoll" #size "_" #reg : : letter(p) : "r11", "cc"); }
#define MARKS(reg, letter) MARK(1, reg, letter) MARK(16, reg, letter) MARK(64, reg, letter) MARK(256, reg, letter) MARK(1024, reg, letter) MARK(4096, reg, letter)
MARKS(rax, "a") MARKS(rbx, "b") MARKS(rcx, "c") MARKS(rdx, "d") MARKS(rsi, "S") MARKS(rdi, "D")

struct mark { void (*call)(char *); int size; };
#define ENTRY(size, reg) { mark##size##_##reg, size }, { poll##size##_##reg, size },
#define ENTRIES(reg) ENTRY(1, reg) ENTRY(16, reg) ENTRY(64, reg) ENTRY(256, reg) ENTRY(1024, reg) ENTRY(4096, reg)
static const struct mark marks[] = { ENTRIES(rax) ENTRIES(rbx) ENTRIES(rcx) ENTRIES(rdx) ENTRIES(rsi) ENTRIES(rdi) };

static int failures;

/* The page that is marked is the second of the four. */
static void check(char *pages, const struct mark *m, int offset, unsigned before)
{
	unsigned after = 0, must = before | 2u | 1u << (1 + (offset + m->size - 1) / PAGE), may = must;

	if ((before & 7) == 3)
		may |= 4;
	for (int i = 0; i < AROUND; i++)
		set_card(pages + i * PAGE, before >> i & 1);
	m->call(pages + PAGE + offset);
	for (int i = 0; i < AROUND; i++)
		after |= (unsigned)(card(pages + i * PAGE) != 0) << i;
	if ((after & must) != must || after & ~may) {
		printf("size %d, offset %d: cards %x became %x\n", m->size, offset, before, after);
		failures++;
	}
}

int main(void)
{
	char *pages = aligned_alloc(PAGE, AROUND * PAGE);
	unsigned checked = 0;

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		const int offsets[] = { 0, 1, 8, PAGE - marks[i].size, PAGE - marks[i].size + 1, PAGE - 8, PAGE - 1 };

		for (size_t j = 0; j < sizeof offsets / sizeof offsets[0]; j++)
			for (unsigned before = 0; before < 1u << AROUND; before++, checked++)
				if (offsets[j] >= 0 && offsets[j] < PAGE)
					check(pages, &marks[i], offsets[j], before);
	}
	printf("%u marks, %d wrong\n", checked, failures);
	return failures != 0;
}
