/* SPDX-License-Identifier: Apache-2.0 */
/* Images use the local-exec model, so nothing calls these; objects built with -fPIC may still name them. The static
 * one is the whole interface: rax points at the descriptor, its second word is the offset from the thread pointer. */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
	.text
	.global __tlsdesc_static, __tlsdesc_dynamic
	.hidden __tlsdesc_static, __tlsdesc_dynamic
	.type __tlsdesc_static,@function
__tlsdesc_static:
	mov 8(%rax), %rax
	ret
	.type __tlsdesc_dynamic,@function
__tlsdesc_dynamic:
	ud2
	.section .note.GNU-stack,"",@progbits
