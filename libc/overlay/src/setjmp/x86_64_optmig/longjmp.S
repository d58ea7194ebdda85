/* SPDX-License-Identifier: Apache-2.0 */
/* Who leaves a stack of makecontext's for another one has to mark it: src/ucontext/x86_64_optmig/switch.S. */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.hidden __stack_end
	.text
	.global _longjmp, longjmp
	.type _longjmp,@function
	.type longjmp,@function
_longjmp:
longjmp:
	xor %eax, %eax
	cmp $1, %esi			/* a value of 0 becomes 1 */
	adc %esi, %eax
	mov %fs:__stack_end@tpoff, %rsi
	cmp 136(%rdi), %rsi
	jne 2f
1:
	mov (%rdi), %rbx
	mov 8(%rdi), %rbp
	mov 16(%rdi), %r12
	mov 24(%rdi), %r13
	mov 32(%rdi), %r14
	mov 40(%rdi), %r15
	mov 48(%rdi), %rsp
	jmp *56(%rdi)
2:	mov %fs:0, %rdx
	lea __stack_end@tpoff(%rdx), %rdx
	OPTMIG_CARD_MARK (%rdx), %rcx
	mov 136(%rdi), %rcx
	mov %rcx, (%rdx)
	testb $0xc0, __optmig_attention(%rip)
	jz 1b
	test %rsi, %rsi
	jz 1b
	mov %rdi, %rbx
	mov %rsp, %rdi
	call __optmig_range
	mov %rbx, %rdi
	jmp 1b
	.size longjmp, .-longjmp
	.section .note.GNU-stack,"",@progbits
