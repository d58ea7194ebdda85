/* SPDX-License-Identifier: Apache-2.0 */
/*
 * __vdso_sgx_enter_enclave keeps only rbx and rbp for its caller; after an exception the other registers are what the
 * CPU's synthetic state says. This shell keeps the rest of what C expects.
 */
	.text
	.globl	hw_call_vdso
	.type	hw_call_vdso, @function
hw_call_vdso:                         /* six arguments in registers; 8(%rsp) run, 16(%rsp) function */
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	subq	$8, %rsp
	pushq	16(%rbp)
	call	*24(%rbp)
	leaq	-48(%rbp), %rsp
	cld
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	hw_call_vdso, . - hw_call_vdso

	.section .note.GNU-stack, "", @progbits
