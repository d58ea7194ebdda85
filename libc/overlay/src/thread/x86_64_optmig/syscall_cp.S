/* SPDX-License-Identifier: Apache-2.0 */
/* A system call that is a cancellation point:
 *
 *     long __syscall_cp_asm(volatile int *cancel, long nr, long a, long b, long c, long d, long e, long f)
 *
 * Between __cp_begin and __cp_end a cancellation signal makes the call end in __cancel. The return address of the call
 * is __cp_end itself, outside that range. So when the runtime runs a signal handler at this call, the program counter
 * in its ucontext says whether the call has had its effect: the return address if it has, the return address minus one
 * (inside the call instruction) if it was interrupted before. The stack pointer of the context is the one after
 * the return; __cp_cancel has the same frame on both ways that lead to it. */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.text
	.global __syscall_cp_asm, __cp_begin, __cp_end, __cp_cancel
	.hidden __syscall_cp_asm, __cp_begin, __cp_end, __cp_cancel, __cancel
	.type __syscall_cp_asm,@function
__syscall_cp_asm:
	.cfi_startproc
	pushq 16(%rsp)			/* f, the seventh argument below; aligns the stack */
	.cfi_adjust_cfa_offset 8
__cp_begin:
	mov (%rdi), %eax
	test %eax, %eax
	jnz __cp_cancel
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %rcx
	mov %r9, %r8
	mov 16(%rsp), %r9		/* e */
	call __optmig_syscall
__cp_end:
	add $8, %rsp
	.cfi_remember_state
	.cfi_adjust_cfa_offset -8
	ret
__cp_cancel:
	.cfi_restore_state
	add $8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp __cancel
	.cfi_endproc
	.size __syscall_cp_asm, .-__syscall_cp_asm
	.section .note.GNU-stack,"",@progbits
