/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host calls are carried out from here, so that a debugger finds the program behind them (serve.c). The frames of the host's own stack go
 * from what the call does to here, and on to the functions that entered the enclave. But the caller is the program, which is on another
 * stack. The call frame information here says so, and gdb, without help, lists the program's functions behind the host's.
 *
 *   host_dispatch_call        rcx = the slot's thread block: the program's registers are in the frame of its system call (abi/debugger.h)
 *   host_dispatch_exception   rcx = GPRSGX of the SSA frame: an exception, and all registers are there
 *
 * Reading there is EDBGRD. In a production enclave it fails, and the list ends here; so it does for threads of the host's own.
 */
#include "debugger_cfi.h"

	.text
	.p2align 6                 /* across a line of the cache a host call took 20 ns more (Zen 5, 863 to 886) */
/* rbx + an offset of 0 to 8191: 3 bytes */
#define AT_RBX(offset) DW_OP_breg3, ((offset) & 0x7f) | 0x80, (offset) >> 7

	.globl	host_dispatch_call
	.type	host_dispatch_call, @function
host_dispatch_call:
	.cfi_startproc
	.cfi_signal_frame          /* unwinders do not expect the caller on another stack, but behind a signal */
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset rbx, -16
	movq	%rcx, %rbx
	.cfi_remember_state
	.cfi_escape DW_CFA_def_cfa_expression, 9, AT_RBX(OM_DEBUG_THREAD), CFA_BEHIND_CALL_FRAME
	CFI_CALL_FRAME
	call	host_dispatch
	popq	%rbx
	.cfi_restore_state
	.cfi_def_cfa_offset 8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	host_dispatch_call, . - host_dispatch_call

/* The register with DWARF's number is at rbx + offset. */
.macro IN_SSA dwarf, offset
	.cfi_escape DW_CFA_expression, \dwarf, 3, AT_RBX(\offset)
.endm
	.globl	host_dispatch_exception
	.type	host_dispatch_exception, @function
host_dispatch_exception:
	.cfi_startproc
	.cfi_signal_frame
	pushq	%rbx
	.cfi_def_cfa_offset 16
	.cfi_offset rbx, -16
	movq	%rcx, %rbx
	.cfi_remember_state
	.cfi_escape DW_CFA_def_cfa_expression, 4, AT_RBX(SGX_GPR_RSP), DW_OP_deref
	CFI_GPRSGX IN_SSA
	call	host_dispatch
	popq	%rbx
	.cfi_restore_state
	.cfi_def_cfa_offset 8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	host_dispatch_exception, . - host_dispatch_exception
	.section .note.GNU-stack,"",@progbits
