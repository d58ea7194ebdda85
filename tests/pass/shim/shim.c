/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the runtime: an image linked with this archive is an ordinary process. It maps a card table, points
 * GS at it, and hands system calls to the kernel. What the compiler and libc do can so be tested without an enclave.
 *
 * In a verify build each store is logged, the poll flag stays raised, and every safepoint checks that the cards of all
 * logged stores are set, then clears them, so that nothing is covered by a mark of an earlier interval. A miss ends
 * the process with status 99 and the address of the store in the program. Verify builds are for one thread and no
 * asynchronous signals: another thread's stores lie in other intervals.
 */
#include <stddef.h>
#include <stdint.h>
#include <asm/prctl.h>
#include <linux/mman.h>
#include <sys/syscall.h>
#include "passrt.h"

#define CARDS ((volatile uint8_t *)0x100000000000)
#define CARDS_SIZE (1ul << 35)             /* 2^47 bytes of address space */
#define LOG_MAX 65536

struct entry { uint64_t address, size, from; };

#ifndef SHIM_ATTENTION
#define SHIM_ATTENTION OM_ATTENTION_TRACK
#endif
volatile unsigned char __optmig_attention = SHIM_ATTENTION;
static struct entry stores[LOG_MAX];
static size_t store_count;
static uint64_t checked, safepoints;
static uint64_t first_block[8];            /* FS until libc sets its own */
static const uint64_t block_mark = 0x0ddba11;

long shim_clone(const struct om_clone *clone);
void shim_init(long *stack);
void shim_safepoint(void);
void shim_range(uint64_t from, uint64_t to);
void shim_verify_store(uint64_t address, uint64_t size, uint64_t from);
long shim_syscall(long nr, long a, long b, long c, long d, long e, long f);

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}

static char *hex(char *at, uint64_t value)
{
	for (int shift = 60; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[value >> shift & 15];
	return at;
}

static char *words(char *at, const char *text)
{
	while (*text) *at++ = *text++;
	return at;
}

static _Noreturn void die(const char *what, uint64_t address, uint64_t from)
{
	char line[160], *at = words(line, "shim: ");
	at = hex(words(words(at, what), " 0x"), address);
	at = hex(words(at, " at 0x"), from);
	*at++ = '\n';
	raw(SYS_write, 2, (long)line, at - line, 0, 0, 0);
	for (;;) raw(SYS_exit_group, 99, 0, 0, 0, 0, 0);
}

void shim_init(long *stack)
{
	(void)stack;
	long got = raw(SYS_mmap, (long)CARDS, (long)CARDS_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (got != (long)CARDS) die("no place for the card table", (uint64_t)got, 0);
	first_block[OM_TP_SLOT / 8] = block_mark;
	raw(SYS_arch_prctl, ARCH_SET_GS, (long)CARDS, 0, 0, 0, 0);
	raw(SYS_arch_prctl, ARCH_SET_FS, (long)first_block, 0, 0, 0, 0);
}

static void check_log(void)
{
	safepoints++;
	for (size_t i = 0; i < store_count; i++) {
		const struct entry *s = &stores[i];
		for (uint64_t page = s->address >> 12; page <= (s->address + s->size - 1) >> 12; page++)
			if (!CARDS[page]) die("unmarked store to", page << 12 > s->address ? page << 12 : s->address, s->from);
	}
	for (size_t i = 0; i < store_count; i++)
		for (uint64_t page = stores[i].address >> 12; page <= (stores[i].address + stores[i].size - 1) >> 12; page++) CARDS[page] = 0;
	checked += store_count;
	store_count = 0;
}

void shim_safepoint(void) { check_log(); }

void shim_range(uint64_t from, uint64_t to)
{
	if (to <= from) return;
	for (uint64_t page = from >> 12; page <= (to - 1) >> 12; page++)
		if (!CARDS[page]) CARDS[page] = OM_CARD_DIRTY;
}

void shim_verify_store(uint64_t address, uint64_t size, uint64_t from)
{
	__optmig_attention = OM_ATTENTION_TRACK | 1;
	/* Straight-line code can be long, but not this long. */
	if (store_count == LOG_MAX) die("too many stores between two safepoints", address, from);
	stores[store_count++] = (struct entry){address, size, from};
}

static void report(void)
{
	char line[128], *at = words(line, "shim: stores checked 0x");
	at = hex(at, checked);
	at = hex(words(at, " safepoints 0x"), safepoints);
	*at++ = '\n';
	raw(SYS_write, 2, (long)line, at - line, 0, 0, 0);
}

long shim_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	uint64_t block;
	__asm__ volatile("mov %%fs:32,%0" : "=r"(block));
	if (block != block_mark) die("the thread block's slot was overwritten with", block, (uint64_t)nr);
	check_log();
	switch (nr) {
	case OM_SYS_SAFEPOINT:
		return 0;
	case OM_SYS_CLONE:
		((uint64_t *)((const struct om_clone *)a)->tls)[OM_TP_SLOT / 8] = block_mark;
		return shim_clone((const struct om_clone *)a);
	case OM_SYS_SET_TP:
		((uint64_t *)a)[OM_TP_SLOT / 8] = block_mark;
		return raw(SYS_arch_prctl, ARCH_SET_FS, a, 0, 0, 0, 0);
	case OM_SYS_UNMAPSELF:
		/* The stack stays: this is a test, and the thread ends. */
		return raw(SYS_exit, 0, 0, 0, 0, 0, 0);
	case SYS_exit_group:
		if (checked) report();
		break;
	}
	return raw(nr, a, b, c, d, e, f);
}
