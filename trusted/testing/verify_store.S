/* SPDX-License-Identifier: Apache-2.0 */
/* __optmig_verify_store: rdi = address, rsi = size. Appends to this slot's log (verify.c); preserves every register. */
#include "passrt.h"
#include "testing/verify.h"

#define TCB_SLOT 136

	.text
	.globl	rt_verify_begin, rt_verify_end
rt_verify_begin:
	.globl	__optmig_verify_store
	.type	__optmig_verify_store, @function
__optmig_verify_store:
	pushfq
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	movq	%fs:OM_TP_SLOT, %rax
	movl	TCB_SLOT(%rax), %eax
	shlq	$RT_VERIFY_SHIFT, %rax
	leaq	rt_verify_logs(%rip), %rcx
	addq	%rcx, %rax
	movq	(%rax), %rcx
	cmpq	$RT_VERIFY_ENTRIES, %rcx
	jae	1f
	incq	(%rax)
	shlq	$5, %rcx
	leaq	32(%rax,%rcx), %rax
	movq	%rdi, (%rax)
	movq	%rsi, 8(%rax)
	movq	32(%rsp), %rdx
	movq	%rdx, 16(%rax)
1:	popq	%rdx
	popq	%rcx
	popq	%rax
	popfq
	ret
rt_verify_end:
	.size	__optmig_verify_store, . - __optmig_verify_store

	.section .note.GNU-stack, "", @progbits
