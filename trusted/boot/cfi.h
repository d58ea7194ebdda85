/* SPDX-License-Identifier: Apache-2.0 */
/* Call frame information of assembly that changes from one stack to another. Nothing here is code. */
#ifndef OPTMIG_TRUSTED_BOOT_CFI_H
#define OPTMIG_TRUSTED_BOOT_CFI_H

#include "debugger_cfi.h"
#include "image.h"

/* For unwinders, of debuggers above all, in a procedure of its own that is a .cfi_signal_frame, for no other may have its caller on another stack: behind the runtime's stack, whose pointer is at its top, is the program's, behind the frame that
 * __optmig_syscall has left there (abi/debugger.h). The rule: rsp - (top - thread), and what is behind that. */
/* rsp - distance: 8 bytes */
#define BELOW_RSP(distance) DW_OP_breg7, 0, DW_OP_const4u, (distance) & 0xff, (distance) >> 8 & 0xff, (distance) >> 16, 0, DW_OP_minus
#define TOP_TO_THREAD (OM_SLOT_STACK + OM_SLOT_STACK_SIZE - OM_SLOT_TCB - OM_DEBUG_THREAD)
.macro CFI_PROGRAM
	.cfi_escape DW_CFA_def_cfa_expression, 14, BELOW_RSP(TOP_TO_THREAD), CFA_BEHIND_CALL_FRAME
	CFI_CALL_FRAME
.endm

/* The same on the exception stack: all registers are in the first SSA frame. */
#define TOP_TO_GPR (OM_SLOT_EXC_STACK + OM_SLOT_EXC_STACK_SIZE - OM_SLOT_SSA - OM_SSA_FRAME_PAGES * OM_PAGE_SIZE + SGX_GPRSGX_SIZE)
.macro CFI_IN_SSA dwarf, offset
	.cfi_escape DW_CFA_expression, \dwarf, 8, BELOW_RSP(TOP_TO_GPR - \offset)
.endm
.macro CFI_INTERRUPTED
	.cfi_escape DW_CFA_def_cfa_expression, 9, BELOW_RSP(TOP_TO_GPR - SGX_GPR_RSP), DW_OP_deref
	CFI_GPRSGX CFI_IN_SSA
.endm

#endif
