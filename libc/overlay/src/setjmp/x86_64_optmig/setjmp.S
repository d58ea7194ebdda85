/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setjmp writes eight registers to its argument, which may lie anywhere: it marks the pages of both ends. Behind the signal mask, which
 * sigsetjmp puts there, it keeps where the stack ends (src/ucontext).
 */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.hidden __stack_end
	.text
	.global __setjmp, _setjmp, setjmp
	.type __setjmp,@function
	.type _setjmp,@function
	.type setjmp,@function
__setjmp:
_setjmp:
setjmp:
	OPTMIG_CARD_MARK (%rdi), %rax
	OPTMIG_CARD_MARK 143(%rdi), %rax
	mov %rbx, (%rdi)
	mov %rbp, 8(%rdi)
	mov %r12, 16(%rdi)
	mov %r13, 24(%rdi)
	mov %r14, 32(%rdi)
	mov %r15, 40(%rdi)
	lea 8(%rsp), %rdx		/* rsp as it is after the return */
	mov %rdx, 48(%rdi)
	mov (%rsp), %rdx
	mov %rdx, 56(%rdi)
	mov %fs:__stack_end@tpoff, %rdx
	mov %rdx, 136(%rdi)
	xor %eax, %eax
	ret
	.size setjmp, .-setjmp
	.section .note.GNU-stack,"",@progbits
