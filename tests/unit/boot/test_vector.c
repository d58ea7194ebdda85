/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector state in the layout of our own: every set of components in use, under every XFRM that the CPU has, is found where
 * docs/spec/vector-state.md says, on whatever CPU this runs, and is back in the registers afterwards; what was in its initial
 * state is so again. The CPU's own layout is asked of CPUID and used by the test alone: Intel's and AMD's differ, and an area
 * that holds nothing at either's places but our own can be read on both.
 */
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "image.h"
#include "rt/offsets.h"

#define CPU_AREA 4096
#define BLANK    0xee
#define TRIES    20

void trial(const void *from, void *native, void *area, const void *soil, void *to);
extern uint32_t trial_mask;
extern uint8_t rt_image_header[];

struct place { unsigned offset, size; };

/* Written down here again: a change of the specification has to be one in two places. */
static const struct place ours[8] = { { 0, 160 }, { 160, 256 }, { 576, 256 }, { 0, 0 }, { 0, 0 }, { 1088, 64 }, { 1152, 512 }, { 1664, 1024 } };

static _Alignas(64) uint8_t from[CPU_AREA], native[CPU_AREA], soil[CPU_AREA], to[CPU_AREA], area[CPU_AREA];
static struct place cpu[8];
static unsigned failures, tried;

static uint32_t components(void)
{
	uint32_t low, high;

	__asm__ volatile ("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low & OM_XFRM_AVX512;
}

static void ask_layout(uint32_t all)
{
	cpu[0] = ours[0], cpu[1] = ours[1];
	for (unsigned i = 2; i < 8; i++) {
		unsigned c, d;

		if (all >> i & 1)
			__cpuid_count(0xd, i, cpu[i].size, cpu[i].offset, c, d);
	}
}

/* An XSAVE area whose components have different bytes everywhere. */
static void fill(uint8_t *x, uint64_t in_use, uint32_t mxcsr, uint16_t control, uint8_t seed)
{
	for (unsigned i = 0; i < CPU_AREA; i++)
		x[i] = (uint8_t)(i * 7 + (i >> 8) * 31 + seed);
	memset(x, 0, 32);
	memset(x + 416, 0, 160);
	for (unsigned i = 0; i < 8; i++)       /* 80 bits of a register, the rest reserved */
		memset(x + 32 + 16 * i + 10, 0, 6);
	memcpy(x, &control, sizeof control);
	x[4] = in_use & 1 ? 0x3c : 0;          /* four registers in use */
	memcpy(x + 24, &mxcsr, sizeof mxcsr);
	memcpy(x + 512, &in_use, sizeof in_use);
}

static void complain(uint32_t xfrm, uint32_t in_use, const char *words, unsigned component)
{
	if (failures++ < 20)
		printf("XFRM 0x%x, in use 0x%x: %s %u\n", xfrm, in_use, words, component);
}

static uint64_t header_of(const uint8_t *x)
{
	uint64_t header;

	memcpy(&header, x + 512, sizeof header);
	return header;
}

/* Who writes a wide register has its lower parts in use as well, for some CPUs. */
static uint64_t with_lower(uint64_t header)
{
	return header & RT_VECTOR_BIT_ZMM_HI256 ? header | 6 : header & RT_VECTOR_BIT_AVX ? header | 2 : header;
}

/* The bytes of a component that mean something: MXCSR and its mask belong to x87's bytes and are looked at apart. */
static int differs(const uint8_t *a, const uint8_t *b, unsigned component, unsigned size)
{
	return component == 0 ? memcmp(a, b, 24) || memcmp(a + 32, b + 32, 128) : memcmp(a, b, size);
}

static bool saved_as_native(uint32_t xfrm) { return header_of(area) == (header_of(native) & xfrm); }
static bool in_use_again(void) { return !(header_of(area) & ~header_of(to)) && !(header_of(to) & ~with_lower(header_of(area))); }

/* A context switch in the middle may leave a component in use that is in its initial state, or the other way round (SDM 1, 13.6): then
 * it is tried again. */
static void try(uint32_t all, uint32_t xfrm, uint32_t in_use)
{
	memcpy(rt_image_header + IMAGE_XFRM, &xfrm, sizeof xfrm);
	trial_mask = all;
	for (int i = 0; i < TRIES; i++) {
		fill(from, in_use, 0x1f80 | 0x6000 | 0x15, 0x0f7f, (uint8_t)in_use);
		fill(soil, all, 0x1f80 | 0x2000, 0x037f, 0x55);
		memset(native, 0, sizeof native);
		memset(to, 0, sizeof to);
		memset(area, BLANK, sizeof area);
		trial(from, native, area, soil, to);
		if (saved_as_native(xfrm) && in_use_again())
			return;
	}
}

static void check(uint32_t all, uint32_t xfrm, uint32_t in_use)
{
	uint64_t zeros[7] = { 0 };

	tried++;
	try(all, xfrm, in_use);
	if (!saved_as_native(xfrm) || memcmp(area + 520, zeros, sizeof zeros))
		complain(xfrm, in_use, "wrong header", 0);
	if (memcmp(area + 24, from + 24, 4) || memcmp(to + 24, from + 24, 4))
		complain(xfrm, in_use, "wrong MXCSR", 1);
	if (!in_use_again())
		complain(xfrm, in_use, "what is in use has changed", (unsigned)(header_of(to) ^ header_of(area)));
	for (unsigned i = 0; i < 8; i++) {
		if (!(xfrm >> i & 1))
			continue;
		if ((in_use & header_of(native)) >> i & 1 && differs(native + cpu[i].offset, from + cpu[i].offset, i, cpu[i].size))
			complain(xfrm, in_use, "the CPU has not loaded component", i);
		if (cpu[i].size != ours[i].size || differs(area + ours[i].offset, native + cpu[i].offset, i, ours[i].size))
			complain(xfrm, in_use, "not at its place: component", i);
		if (differs(to + cpu[i].offset, native + cpu[i].offset, i, cpu[i].size))
			complain(xfrm, in_use, "not back: component", i);
	}
	/* Nothing outside of the places: whose layout the CPU has does not show. */
	for (unsigned at = 576; at < sizeof area; at++) {
		unsigned i = 2;

		while (i < 8 && !(xfrm >> i & 1 && at - ours[i].offset < ours[i].size))
			i++;
		if (i == 8 && area[at] != BLANK) {
			complain(xfrm, in_use, "written outside of the components: byte", at);
			break;
		}
	}
}

/* An area as another maker's CPU has left it, every component of it in use, is the same bytes. */
static void check_foreign(uint32_t all, uint32_t xfrm)
{
	static _Alignas(64) uint8_t first[CPU_AREA];

	check(all, xfrm, all);
	memcpy(first, area, RT_VECTOR_SIZE);
	for (unsigned i = 2; i < 8; i++)
		if ((xfrm >> i & 1) && memcmp(first + ours[i].offset, from + cpu[i].offset, ours[i].size))
			complain(xfrm, all, "moved by the CPU's layout: component", i);
}

int main(void)
{
	static const uint32_t choices[] = { OM_XFRM_SSE, OM_XFRM_AVX, OM_XFRM_AVX512 };
	uint32_t all = components();
	unsigned a, b, c, d;

	__cpuid_count(0xd, 1, a, b, c, d);
	if (!(a & 4)) {
		puts("this CPU has no XGETBV with ECX = 1");
		return 77;
	}
	ask_layout(all);
	for (unsigned i = 0; i < sizeof choices / sizeof choices[0]; i++) {
		if (choices[i] & ~all)
			continue;
		for (uint32_t in_use = 0; in_use < 256; in_use++)
			if (!(in_use & ~all))
				check(all, choices[i], in_use);
		check_foreign(all, choices[i]);
	}
	printf("the CPU's layout: YMM %u, masks %u, ZMM_Hi256 %u, Hi16_ZMM %u; %u trials, %u failures\n", cpu[2].offset, cpu[5].offset,
		cpu[6].offset, cpu[7].offset, tried, failures);
	return failures != 0;
}
