/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/debug's readers: the input is an image's file, and the memory of an enclave that was made of it; its last 24 bytes are the registers to
 * begin with. What holds: symbols stand in order and none reaches into the next; a name that is found is in its symbol; unwinding ends, with
 * frames that have a place and a stack.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "debug/symbols.h"
#include "debug/unwind.h"
#include "fuzz.h"

#define BASE   0x400000u
#define FRAMES 64

static const uint8_t *memory;
static size_t memory_size;

static bool read_memory(uint64_t address, void *to, size_t size)
{
	if (address < BASE || address - BASE > memory_size || size > memory_size - (address - BASE))
		return false;
	memcpy(to, memory + (address - BASE), size);
	return true;
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void symbols(const uint8_t *data, size_t size)
{
	struct debug_symbols s;

	if (debug_symbols_read(data, size, &s))
		return;
	for (size_t i = 0; i < s.count; i++) {
		must(i == 0 || s.list[i].address > s.list[i - 1].address);
		must(i == 0 || s.list[i].address - s.list[i - 1].address >= s.list[i - 1].size);
		must(s.list[i].name[0] && strlen(s.list[i].name) < size);
		must(!s.list[i].size || debug_symbols_find(&s, s.list[i].address + s.list[i].size - 1) == &s.list[i]);
	}
	debug_symbols_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct debug_frame f = { .exact = true, .known = 1u << DEBUG_RIP | 1u << DEBUG_RSP | 1u << DEBUG_RBP };
	struct debug_unwinder u;
	uint64_t registers[3];
	uint8_t *copy;

	if (size < sizeof registers)
		return 0;
	size -= sizeof registers;
	memcpy(registers, data + size, sizeof registers);
	copy = aligned_alloc(16, (size + 16) & ~(size_t)15);     /* as a file in memory is: ELF structures are read in place */
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	memory = copy;
	memory_size = size;
	symbols(copy, size);
	f.r[DEBUG_RIP] = registers[0];
	f.r[DEBUG_RSP] = registers[1];
	f.r[DEBUG_RBP] = registers[2];
	if (debug_unwind_begin(&u, read_memory, BASE) == 0)
		for (int i = 0; i < FRAMES && debug_unwind(&u, &f); i++)
			must(f.known >> DEBUG_RIP & f.known >> DEBUG_RSP & 1 && f.r[DEBUG_RIP]);
	free(copy);
	return 0;
}
