/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a signal handler returns to. The runtime finds its frame at the stack pointer of the call below plus 8.
 *
 * To an unwinder this is the frame between the handler and what it interrupted, whose registers are in the ucontext (trusted/rt/sigframe.c):
 * 128 bytes of siginfo and 40 of the ucontext lie before them. Unwinders look one byte before a return address, hence the nop.
 */
#include "optmig-asm.h"
#include "passrt.h"
	OPTMIG_ASM_MARKS
	.text
/* DW_CFA_expression: the register with DWARF's number was saved at rsp + offset (DW_OP_breg7; 128 <= offset < 8192). */
.macro SAVED dwarf, index
	.cfi_escape 0x10, \dwarf, 3, 0x77, ((168 + 8 * \index) & 0x7f) | 0x80, (168 + 8 * \index) >> 7
.endm
	.cfi_startproc
	.cfi_signal_frame
	/* DW_CFA_def_cfa_expression: DW_OP_breg7, DW_OP_deref: the stack pointer that was interrupted */
	.cfi_escape 0x0f, 4, 0x77, ((168 + 8 * 15) & 0x7f) | 0x80, (168 + 8 * 15) >> 7, 0x06
	SAVED 8, 0
	SAVED 9, 1
	SAVED 10, 2
	SAVED 11, 3
	SAVED 12, 4
	SAVED 13, 5
	SAVED 14, 6
	SAVED 15, 7
	SAVED 5, 8
	SAVED 4, 9
	SAVED 6, 10
	SAVED 3, 11
	SAVED 1, 12
	SAVED 0, 13
	SAVED 2, 14
	SAVED 16, 16
	nop
	.global __restore, __restore_rt
	.hidden __restore, __restore_rt
	.type __restore,@function
	.type __restore_rt,@function
__restore:
__restore_rt:
	mov $OM_SYS_SIGRETURN, %edi
	call __optmig_syscall
	ud2
	.cfi_endproc
	.size __restore_rt, .-__restore_rt
	.section .note.GNU-stack,"",@progbits
