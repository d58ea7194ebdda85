/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test enclave: position-independent code that does one operation per entry, whatever CSSA it is entered at.
 * Layout (pages): 0-1 code (RX), 2 read-only data, 3-6 data (RW), 7 not added, then thread slots of 16 pages from 16:
 * TCS, 4 SSA frames, block page (FS), 8 stack pages (2 for each CSSA).
 */
#ifndef OPTMIG_TESTS_SGX_OPS_H
#define OPTMIG_TESTS_SGX_OPS_H

#define T_SIZE        0x1000000
#define T_CODE        0x0000
#define T_RODATA      0x2000
#define T_DATA        0x3000
#define T_HOLE        0x7000
#define T_SLOTS       0x10000
#define T_SLOT_SIZE   0x10000
#define T_NSSA        4
#define T_SSA         0x1000
#define T_BLOCK       0x5000
#define T_STACKS      0x6000
#define T_STACK_SIZE  0x2000
#define T_HEAP        0x100000    /* from here on: EDMM */

/* Offsets inside the block page: its own address, then 64 bytes per CSSA. */
#define B_SELF        0
#define B_FRAMES      64
#define B_RETURN      0
#define B_RSP         8
#define B_RBP         16
#define B_STACK       24

#define OP_ENCLU      0    /* a[0..3] = rax, rbx, rcx, rdx in and out, a[4], a[5] = RFLAGS after and before */
#define OP_LOAD       1    /* a[1] = byte at a[0] */
#define OP_STORE      2    /* byte at a[0] = a[1] */
#define OP_CALL       3    /* call a[0] */
#define OP_REGS       4    /* all registers live across a store to a[0]; a[1] pattern, a[2] dump (host memory) */
#define OP_SPIN       5    /* a[1] = 1; until the word at a[0] is not 0 */
#define OP_SYSCALL    6
#define OP_INT80      7
#define OP_UD2        8
#define OP_HLT        9
#define OP_DIVIDE     10
#define OP_ENTRY      11   /* a[0..6] = rdi rsi rdx r8 r9 rcx rax as at entry, a[7] FS, a[8] GS */
#define OP_EXIT_RAW   12   /* EEXIT from the enclave's own stack to a[0] */
#define OP_LOAD64     13   /* a[1] = word at a[0] */
#define OP_STORE64    14
#define OP_COPY       15   /* a[2] bytes from a[1] to a[0] */
#define OP_COUNT      16   /* a[1] times: increment the word at a[0]; all registers checked each round, a[2] = mismatches */
#define OP_RED_ZONE   17   /* write below rsp, spin a[0] rounds, a[1] = mismatches */
#define OP_LAST       17

#define D_GPR         2304 /* dump: 17 words */

#ifndef __ASSEMBLER__
#include <stdint.h>
struct command { uint64_t op, a[12]; };
extern const uint8_t test_enclave_start[], test_enclave_end[];
#endif
#endif
