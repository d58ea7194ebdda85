/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call frame information that the runtime's assembly and the host's have in common (assembly only; nothing here is code). Both tell unwinders
 * that the program is behind them, in one of two places:
 *
 *     the frame of its system call    what __optmig_syscall has left on the program's stack (debugger.h)
 *     an SSA frame                    all its registers, in GPRSGX (sgx_arch.h)
 *
 * Where the frame lies relative to the stack pointer or a register is each one's own, and so is the rule for the CFA.
 */
#ifndef OPTMIG_ABI_DEBUGGER_CFI_H
#define OPTMIG_ABI_DEBUGGER_CFI_H

#include "debugger.h"
#include "sgx_arch.h"

/* Source: DWARF 5, 7.7.1 and 7.24. */
#define DW_CFA_def_cfa_expression 0x0f
#define DW_CFA_expression         0x10
#define DW_OP_deref               0x06
#define DW_OP_const4u             0x0c
#define DW_OP_minus               0x1c
#define DW_OP_plus_uconst         0x23
#define DW_OP_breg3               0x73    /* rbx */
#define DW_OP_breg7               0x77    /* rsp */

/* The end of the CFA's rule: at the top of the stack is the thread block's pointer to the program's stack, and there is the frame. */
#define CFA_BEHIND_CALL_FRAME DW_OP_deref, DW_OP_plus_uconst, OM_DEBUG_APP_RSP, DW_OP_deref, DW_OP_plus_uconst, OM_DEBUG_FRAME_SIZE

/* Where the frame of a system call has the program's registers, from its end. */
.macro CFI_CALL_FRAME
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
.endm

/* Where GPRSGX has them: `rule` DWARF'S NUMBER, OFFSET, for each. */
.macro CFI_GPRSGX rule
	\rule 0, SGX_GPR_RAX
	\rule 2, SGX_GPR_RCX
	\rule 1, SGX_GPR_RDX
	\rule 3, SGX_GPR_RBX
	\rule 6, SGX_GPR_RBP
	\rule 4, SGX_GPR_RSI
	\rule 5, SGX_GPR_RDI
	\rule 8, SGX_GPR_R8
	\rule 9, SGX_GPR_R9
	\rule 10, SGX_GPR_R10
	\rule 11, SGX_GPR_R11
	\rule 12, SGX_GPR_R12
	\rule 13, SGX_GPR_R13
	\rule 14, SGX_GPR_R14
	\rule 15, SGX_GPR_R15
	\rule 16, SGX_GPR_RIP
.endm

#endif
