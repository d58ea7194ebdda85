/* SPDX-License-Identifier: Apache-2.0 */
/* sigsetjmp returns twice, like setjmp: the return address and rbx live in the buffer (at 64 and 80) while setjmp and
 * __sigsetjmp_tail run. The tail, C, saves or restores the signal mask. */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.text
	.global sigsetjmp, __sigsetjmp
	.hidden __sigsetjmp_tail
	.type sigsetjmp,@function
	.type __sigsetjmp,@function
sigsetjmp:
__sigsetjmp:
	test %esi, %esi
	jz setjmp
	OPTMIG_CARD_MARK 64(%rdi), %rax
	OPTMIG_CARD_MARK 87(%rdi), %rax
	popq 64(%rdi)
	mov %rbx, 80(%rdi)
	mov %rdi, %rbx
	call setjmp
	pushq 64(%rbx)
	mov %rbx, %rdi
	mov %eax, %esi
	mov 80(%rbx), %rbx
	jmp __sigsetjmp_tail
	.size sigsetjmp, .-sigsetjmp
	.section .note.GNU-stack,"",@progbits
