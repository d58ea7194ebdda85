/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly: what EEXIT must not leak lies in vector and x87 registers as well. INITIAL_STATE puts them into their initial
 * state, as XRSTOR of an empty image does, which takes 25 to 100 nanoseconds, and so is kept for rare state. XGETBV
 * says which components are in use (XINUSE); a component that is not is in its initial state already.
 *
 *     bit 0       x87                                  XRSTOR does it all
 *     bit 5, 7    k0-7; zmm16-31                       the same: zeroing them would leave them in use, to be zeroed every time
 *     bit 2, 6    upper halves of registers 0-15       VZEROALL
 *     bit 1       xmm0-15                              PXOR; MXCSR is loaded in any case
 *
 * Source: SDM 1, 13.6 (XINUSE), 13.2 (XGETBV with ECX = 1; all CPUs with SGX2 have it). Clobbers rax, rcx, rdx, flags.
 */
#ifndef OPTMIG_BOOT_INITIAL_STATE_H
#define OPTMIG_BOOT_INITIAL_STATE_H

#include "rt/offsets.h"

.macro INITIAL_STATE
	movl	$1, %ecx
	xgetbv
	testl	$0xa1, %eax
	jz	.Lno_rare\@
	movl	$RT_VECTOR_ALL, %eax
	xorl	%edx, %edx
	xrstor64 rt_initial_state(%rip)
	jmp	.Linitial\@
.Lno_rare\@:
	testl	$0x44, %eax
	jz	.Lonly_sse\@
	vzeroall
	jmp	.Lmxcsr\@
.Lonly_sse\@:
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	pxor	%xmm\n, %xmm\n
	.endr
.Lmxcsr\@:
	ldmxcsr	rt_initial_state+24(%rip)
.Linitial\@:
.endm

#endif
