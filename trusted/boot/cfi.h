/* SPDX-License-Identifier: Apache-2.0 */
/* Call frame information of assembly that changes from one stack to another. Nothing here is code. */
#ifndef OPTMIG_TRUSTED_BOOT_CFI_H
#define OPTMIG_TRUSTED_BOOT_CFI_H

#include "debugger.h"
#include "image.h"
#include "sgx_arch.h"

/* For unwinders, of debuggers above all, in a procedure of its own that is a .cfi_signal_frame, for no other may have its caller on another stack: behind the runtime's stack, whose pointer is at its top, is the program's, behind the frame that
 * __optmig_syscall has left there (abi/debugger.h). DW_CFA_def_cfa_expression: rsp - (top - thread), deref, + app_rsp, deref, + the frame. */
#define TOP_TO_THREAD (OM_SLOT_STACK + OM_SLOT_STACK_SIZE - OM_SLOT_TCB - OM_DEBUG_THREAD)
.macro CFI_CALL_FRAME
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
.endm
.macro CFI_PROGRAM
	.cfi_escape 0x0f, 14, 0x77, 0, 0x0c, TOP_TO_THREAD & 0xff, TOP_TO_THREAD >> 8 & 0xff, TOP_TO_THREAD >> 16, 0, 0x1c, 0x06, 0x23, OM_DEBUG_APP_RSP, 0x06, 0x23, OM_DEBUG_FRAME_SIZE
	CFI_CALL_FRAME
.endm

/* The same on the exception stack: all registers are in the first SSA frame. DW_CFA_expression: rsp - distance. */
#define TOP_TO_GPR (OM_SLOT_EXC_STACK + OM_SLOT_EXC_STACK_SIZE - OM_SLOT_SSA - OM_SSA_FRAME_PAGES * OM_PAGE_SIZE + SGX_GPRSGX_SIZE)
.macro CFI_IN_SSA dwarf, offset
	.cfi_escape 0x10, \dwarf, 8, 0x77, 0, 0x0c, (TOP_TO_GPR - \offset) & 0xff, (TOP_TO_GPR - \offset) >> 8 & 0xff, (TOP_TO_GPR - \offset) >> 16, 0, 0x1c
.endm
.macro CFI_INTERRUPTED
	.cfi_escape 0x0f, 9, 0x77, 0, 0x0c, (TOP_TO_GPR - 32) & 0xff, (TOP_TO_GPR - 32) >> 8 & 0xff, (TOP_TO_GPR - 32) >> 16, 0, 0x1c, 0x06
	CFI_IN_SSA 0, 0
	CFI_IN_SSA 2, 8
	CFI_IN_SSA 1, 16
	CFI_IN_SSA 3, 24
	CFI_IN_SSA 6, 40
	CFI_IN_SSA 4, 48
	CFI_IN_SSA 5, 56
	CFI_IN_SSA 8, 64
	CFI_IN_SSA 9, 72
	CFI_IN_SSA 10, 80
	CFI_IN_SSA 11, 88
	CFI_IN_SSA 12, 96
	CFI_IN_SSA 13, 104
	CFI_IN_SSA 14, 112
	CFI_IN_SSA 15, 120
	CFI_IN_SSA 16, 136
.endm

#endif
