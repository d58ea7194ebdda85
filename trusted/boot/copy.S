/* SPDX-License-Identifier: Apache-2.0 */
/*
 * long rt_copy_try(void *to, const void *from, size_t size)
 *
 * memcpy that survives a fault on either side: 0, or -EFAULT (-14) with part of it copied. One side is application
 * memory that may be unmapped, protected or simply wrong. The exception handler recognises the code between
 * rt_copy_begin and rt_copy_end and continues at rt_copy_failed; the code keeps nothing on the stack. Faults that can
 * be resolved (a page not yet accepted, an owed page) are, and the instruction is tried again.
 */
	.text
	.globl	rt_copy_try, rt_copy_begin, rt_copy_end, rt_copy_failed
	.type	rt_copy_try, @function
	.balign	32
rt_copy_try:
rt_copy_begin:
	cmpq	$16, %rdx
	jb	3f
	cmpq	$2048, %rdx
	jae	5f
0:	leaq	-16(%rdx), %rcx
	movdqu	(%rsi,%rcx), %xmm4         /* the last 16 bytes, stored last: they overlap */
1:	cmpq	$64, %rdx
	jbe	2f
	movdqu	(%rsi), %xmm0
	movdqu	16(%rsi), %xmm1
	movdqu	32(%rsi), %xmm2
	movdqu	48(%rsi), %xmm3
	movdqu	%xmm0, (%rdi)
	movdqu	%xmm1, 16(%rdi)
	movdqu	%xmm2, 32(%rdi)
	movdqu	%xmm3, 48(%rdi)
	addq	$64, %rsi
	addq	$64, %rdi
	subq	$64, %rdx
	jmp	1b
2:	cmpq	$16, %rdx
	jbe	6f
	movdqu	(%rsi), %xmm0
	movdqu	%xmm0, (%rdi)
	addq	$16, %rsi
	addq	$16, %rdi
	subq	$16, %rdx
	jmp	2b
6:	movdqu	%xmm4, -16(%rdi,%rdx)
	xorl	%eax, %eax
	ret
3:	cmpq	$8, %rdx
	jb	4f
	movq	(%rsi), %rax
	movq	-8(%rsi,%rdx), %rcx
	movq	%rax, (%rdi)
	movq	%rcx, -8(%rdi,%rdx)
	xorl	%eax, %eax
	ret
4:	testq	%rdx, %rdx
	jz	7f
	cmpq	$4, %rdx
	jb	8f
	movl	(%rsi), %eax
	movl	-4(%rsi,%rdx), %ecx
	movl	%eax, (%rdi)
	movl	%ecx, -4(%rdi,%rdx)
	xorl	%eax, %eax
	ret
8:	movzbl	(%rsi), %eax
	movb	%al, (%rdi)
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jnz	8b
7:	xorl	%eax, %eax
	ret
5:	movl	%edi, %eax                 /* words: one side may be untrusted memory, and then size is a multiple of 8 (door.c) */
	orl	%esi, %eax
	testb	$7, %al
	jnz	0b                         /* MOVSQ is slow there */
	movq	%rdx, %rcx
	shrq	$3, %rcx
	rep movsq
	movl	%edx, %ecx
	andl	$7, %ecx
	jz	9f
	rep movsb
9:	xorl	%eax, %eax
	ret
rt_copy_end:
rt_copy_failed:
	movq	$-14, %rax
	ret
	.size	rt_copy_try, . - rt_copy_try

/*
 * long rt_try(void (*store)(void *argument), void *argument, struct rt_try *ret_try)
 *
 * Calls store. The exception handler abandons it by going on at rt_try_failed with the stack pointer that is noted here, by which the
 * caller's registers are found.
 */
	.globl	rt_try, rt_try_failed
	.type	rt_try, @function
	.balign	32
rt_try:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	movq	%rsp, (%rdx)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	xorl	%eax, %eax
0:	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
rt_try_failed:
	movq	$-14, %rax
	jmp	0b
	.size	rt_try, . - rt_try

	.section .note.GNU-stack, "", @progbits
