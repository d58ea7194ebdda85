/* SPDX-License-Identifier: Apache-2.0 */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.text
	.global _longjmp, longjmp
	.type _longjmp,@function
	.type longjmp,@function
_longjmp:
longjmp:
	xor %eax, %eax
	cmp $1, %esi			/* a value of 0 becomes 1 */
	adc %esi, %eax
	mov (%rdi), %rbx
	mov 8(%rdi), %rbp
	mov 16(%rdi), %r12
	mov 24(%rdi), %r13
	mov 32(%rdi), %r14
	mov 40(%rdi), %r15
	mov 48(%rdi), %rsp
	jmp *56(%rdi)
	.size longjmp, .-longjmp
	.section .note.GNU-stack,"",@progbits
