/* SPDX-License-Identifier: Apache-2.0 */
/* void trial(const void *from, void *native, void *area, const void *soil, void *to): registers from `from`, as the CPU lays them
 * out; what the CPU says they are; VECTOR_SAVE; other registers from `soil`; VECTOR_RESTORE; what the CPU says then. C code in
 * between would use the registers. trial_mask: the components that the CPU has. */
#include "boot/vector.h"
	.text
	.globl	trial
	.type	trial, @function
trial:
	pushq	%r12
	pushq	%r13
	movq	%rdx, %r12
	movq	%rcx, %r13
	movl	trial_mask(%rip), %eax
	xorl	%edx, %edx
	xrstor64 (%rdi)
	xsave64	(%rsi)
	VECTOR_SAVE %r12
	movl	trial_mask(%rip), %eax
	xorl	%edx, %edx
	xrstor64 (%r13)
	VECTOR_RESTORE %r12
	movl	trial_mask(%rip), %eax
	xorl	%edx, %edx
	xsave64	(%r8)
	xrstor64 rt_initial_state(%rip)
	popq	%r13
	popq	%r12
	ret
	.size	trial, . - trial

	.bss
	.balign 8
	.globl	trial_mask, rt_image_header
trial_mask:
	.zero	8
rt_image_header:
	.zero	IMAGE_XFRM + 8
	.section .rodata
	.balign 64
rt_initial_state:
	.zero	24
	.long	0x1f80
	.zero	RT_VECTOR_ROOM - 28
	.section .note.GNU-stack, "", @progbits
