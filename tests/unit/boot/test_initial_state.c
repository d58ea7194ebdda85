/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of vector, mask and x87 registers is left before EEXIT, whichever of them are in use. */
#include <cpuid.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AREA 4096
void soil_wash_look(const void *from, uint32_t mask, void *to);

static _Alignas(64) uint8_t dirty[AREA], seen[AREA];

static uint32_t components(void)
{
	uint32_t low, high;

	__asm__ volatile ("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low & 0xe7;
}

/* All bytes of the registers set, the control words as after start. */
static void make_dirty(uint32_t in_use)
{
	const uint16_t control = 0x37f;
	const uint32_t mxcsr = 0x1f80 | 0x3f; /* exception flags raised */
	uint64_t header = in_use;

	memset(dirty, 0xa5, sizeof dirty);
	memset(dirty, 0, 32);
	memset(dirty + 416, 0, 160);
	memcpy(dirty, &control, sizeof control);
	memcpy(dirty + 24, &mxcsr, sizeof mxcsr);
	memcpy(dirty + 512, &header, sizeof header);
}

/* Where a component lies in the standard format; its size. */
static void place(unsigned component, unsigned *ret_offset, unsigned *ret_size)
{
	unsigned c, d;

	*ret_offset = component == 0 ? 32 : 160;
	*ret_size = component == 0 ? 128 : 256;
	if (component >= 2)
		__cpuid_count(0xd, component, *ret_size, *ret_offset, c, d);
}

static int check(uint32_t all, uint32_t in_use)
{
	uint32_t mxcsr;
	uint16_t control, status;
	uint64_t header;

	make_dirty(in_use);
	memset(seen, 0, sizeof seen);
	soil_wash_look(dirty, all, seen);
	memcpy(&control, seen, sizeof control);
	memcpy(&status, seen + 2, sizeof status);
	memcpy(&mxcsr, seen + 24, sizeof mxcsr);
	memcpy(&header, seen + 512, sizeof header);
	if (mxcsr != 0x1f80 || ((header & 1) && (control != 0x37f || status || seen[4]))) {
		printf("in use 0x%x: MXCSR 0x%x, x87 control 0x%x, status 0x%x, tags 0x%x\n", in_use, mxcsr, control, status, seen[4]);
		return 1;
	}
	for (unsigned component = 0; component < 8; component++) {
		unsigned offset, size;

		if (!(header >> component & 1)) /* initial, and not written by XSAVE */
			continue;
		place(component, &offset, &size);
		for (unsigned i = 0; i < size; i++)
			if (seen[offset + i] && !(component == 0 && i % 16 >= 10)) {
				printf("in use 0x%x: byte %u of component %u is left\n", in_use, i, component);
				return 1;
			}
	}
	return 0;
}

int main(void)
{
	uint32_t all = components();
	unsigned a, b, c, d, failures = 0, tried = 0;

	__cpuid_count(0xd, 1, a, b, c, d);
	if (!(a & 4)) {
		puts("this CPU has no XGETBV with ECX = 1");
		return 77;
	}
	for (uint32_t in_use = 0; in_use < 256; in_use++) {
		if (in_use & ~all)
			continue;
		tried++;
		failures += (unsigned)check(all, in_use);
	}
	printf("%u sets of components, %u failures\n", tried, failures);
	return failures != 0;
}
