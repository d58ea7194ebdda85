/* SPDX-License-Identifier: Apache-2.0 */
/* void soil_wash_look(const void *from, uint32_t mask, void *to): XRSTOR, what the runtime does before EEXIT, XSAVE; C code in
 * between would use the registers. */
#include "boot/initial_state.h"
#include "rt/offsets.h"
	.text
	.globl	soil_wash_look
	.type	soil_wash_look, @function
soil_wash_look:
	movq	%rdx, %r8
	movl	%esi, %eax
	xorl	%edx, %edx
	xrstor64 (%rdi)
	movl	%esi, %r9d
	INITIAL_STATE
	movl	%r9d, %eax
	xorl	%edx, %edx
	xsave64	(%r8)
	ret
	.size	soil_wash_look, . - soil_wash_look
	.section .rodata
	.balign 64
rt_initial_state:
	.zero	24
	.long	0x1f80
	.zero	RT_VECTOR_ROOM - 28
	.section .note.GNU-stack, "", @progbits
