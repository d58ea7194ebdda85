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
#include "debugger.h"
#include "sgx_arch.h"

	.text
	.p2align 6                 /* across a line of the cache a host call took 20 ns more (Zen 5, 863 to 886) */
/* DW_OP_breg3 (rbx) with an offset of 0 to 8191 */
#define AT_RBX(offset) 0x73, ((offset) & 0x7f) | 0x80, (offset) >> 7

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
	/* DW_CFA_def_cfa_expression: breg3 + thread, deref, plus_uconst app_rsp, deref, plus_uconst the frame's size */
	.cfi_escape 0x0f, 9, AT_RBX(OM_DEBUG_THREAD), 0x06, 0x23, OM_DEBUG_APP_RSP, 0x06, 0x23, OM_DEBUG_FRAME_SIZE
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
	call	host_dispatch
	popq	%rbx
	.cfi_restore_state
	.cfi_def_cfa_offset 8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	host_dispatch_call, . - host_dispatch_call

/* DW_CFA_expression: the register with DWARF's number is at rbx + offset */
.macro IN_SSA dwarf, offset
	.cfi_escape 0x10, \dwarf, 3, AT_RBX(\offset)
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
	.cfi_escape 0x0f, 4, AT_RBX(SGX_GPR_RSP), 0x06
	IN_SSA 0, 0
	IN_SSA 2, 8
	IN_SSA 1, 16
	IN_SSA 3, 24
	IN_SSA 6, 40
	IN_SSA 4, 48
	IN_SSA 5, 56
	IN_SSA 8, 64
	IN_SSA 9, 72
	IN_SSA 10, 80
	IN_SSA 11, 88
	IN_SSA 12, 96
	IN_SSA 13, 104
	IN_SSA 14, 112
	IN_SSA 15, 120
	IN_SSA 16, 136
	call	host_dispatch
	popq	%rbx
	.cfi_restore_state
	.cfi_def_cfa_offset 8
	.cfi_restore rbx
	ret
	.cfi_endproc
	.size	host_dispatch_exception, . - host_dispatch_exception
	.section .note.GNU-stack,"",@progbits
