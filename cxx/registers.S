/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libunwind's two functions in assembly, in place of its own: what they write leaves its marks (abi/passrt.h).
 * Source: libunwind/src/Registers.hpp, Registers_x86_64: rax rbx rcx rdx rdi rsi rbp rsp r8..r15 rip, eight bytes each.
 */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.text

/* int unw_getcontext(unw_context_t *): the caller's registers. It may lie anywhere, so both ends are marked. */
	.globl	__unw_getcontext, unw_getcontext
	.weak	unw_getcontext
	.type	__unw_getcontext, @function
	.type	unw_getcontext, @function
__unw_getcontext:
unw_getcontext:
	.cfi_startproc
	movq	%rax, -8(%rsp)
	OPTMIG_CARD_MARK (%rdi), %rax
	OPTMIG_CARD_MARK 135(%rdi), %rax
	movq	-8(%rsp), %rax
	movq	%rax, (%rdi)
	movq	%rbx, 8(%rdi)
	movq	%rcx, 16(%rdi)
	movq	%rdx, 24(%rdi)
	movq	%rdi, 32(%rdi)
	movq	%rsi, 40(%rdi)
	movq	%rbp, 48(%rdi)
	leaq	8(%rsp), %rax			/* as it is after the return */
	movq	%rax, 56(%rdi)
	movq	%r8, 64(%rdi)
	movq	%r9, 72(%rdi)
	movq	%r10, 80(%rdi)
	movq	%r11, 88(%rdi)
	movq	%r12, 96(%rdi)
	movq	%r13, 104(%rdi)
	movq	%r14, 112(%rdi)
	movq	%r15, 120(%rdi)
	movq	(%rsp), %rax
	movq	%rax, 128(%rdi)
	xorl	%eax, %eax			/* UNW_ESUCCESS */
	ret
	.cfi_endproc
	.size	__unw_getcontext, . - __unw_getcontext

/* _Noreturn void __libunwind_Registers_x86_64_jumpto(Registers_x86_64 *): goes on with them. It writes nothing but the stack that it
 * goes to, below where the stack pointer will be: that function made a call, so it has no red zone there. */
	.globl	__libunwind_Registers_x86_64_jumpto
	.hidden	__libunwind_Registers_x86_64_jumpto
	.type	__libunwind_Registers_x86_64_jumpto, @function
__libunwind_Registers_x86_64_jumpto:
	.cfi_startproc
	.cfi_undefined rip
	movq	56(%rdi), %rax
	movq	128(%rdi), %rcx
	movq	32(%rdi), %rdx
	movq	%rcx, -8(%rax)
	movq	%rdx, -16(%rax)
	movq	(%rdi), %rcx
	movq	%rcx, -24(%rax)
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	40(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	64(%rdi), %r8
	movq	72(%rdi), %r9
	movq	80(%rdi), %r10
	movq	88(%rdi), %r11
	movq	96(%rdi), %r12
	movq	104(%rdi), %r13
	movq	112(%rdi), %r14
	movq	120(%rdi), %r15
	leaq	-24(%rax), %rsp
	popq	%rax
	popq	%rdi
	ret
	.cfi_endproc
	.size	__libunwind_Registers_x86_64_jumpto, . - __libunwind_Registers_x86_64_jumpto
	.section .note.GNU-stack, "", @progbits
