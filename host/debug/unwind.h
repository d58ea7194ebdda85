/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of code inside an enclave, by the tables that every image carries (.eh_frame behind PT_GNU_EH_FRAME). */
#ifndef OPTMIG_HOST_DEBUG_UNWIND_H
#define OPTMIG_HOST_DEBUG_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As DWARF numbers them for x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8 .. r15, return address. */
enum { DEBUG_RBX = 3, DEBUG_RBP = 6, DEBUG_RSP = 7, DEBUG_R12 = 12, DEBUG_RIP = 16, DEBUG_REGISTERS = 17 };

struct debug_frame {
	uint64_t r[DEBUG_REGISTERS];
	uint32_t known;         /* bit n: r[n] is what it was */
	bool exact;             /* rip is an instruction that has not been executed, not a return address */
};

/* Where memory is read from. False: it cannot be. */
typedef bool debug_reader(uint64_t address, void *to, size_t size);

struct debug_unwinder {
	debug_reader *read;
	uint64_t header;        /* address of .eh_frame_hdr */
	uint32_t count;         /* of its entries */
};

/* @elf: address at which the image's ELF header is. Return: OM_EIMAGE: there are no tables. Trust: the memory is hostile. */
__attribute__((warn_unused_result))
int debug_unwind_begin(struct debug_unwinder *u, debug_reader *read, uint64_t elf);
/* The caller's frame in the place of this one. False: this was the outermost, or nothing is known of its code. */
bool debug_unwind(const struct debug_unwinder *u, struct debug_frame *frame);

#endif
