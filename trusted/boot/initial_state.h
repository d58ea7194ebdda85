/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly: what EEXIT must not leak lies in vector and x87 registers as well. INITIAL_STATE puts them into their initial
 * state, as XRSTOR of an empty image does, which takes a hundred nanoseconds, and so is kept for the rare x87 state. XGETBV
 * says which components are in use (XINUSE); a component that is not is in its initial state already.
 *
 *     bit 0       x87                                  XRSTOR does it all
 *     bit 2, 6    upper halves of registers 0-15       VZEROALL
 *     bit 5, 7    k0-7; zmm16-31                       zeroed one by one, and VZEROALL
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
	testl	$1, %eax
	jz	.Lno_x87\@
	movl	$RT_VECTOR_ALL, %eax
	xorl	%edx, %edx
	xrstor64 rt_initial_state(%rip)
	jmp	.Linitial\@
.Lno_x87\@:
	testl	$0xa0, %eax
	jz	.Lno_high\@
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kxorw	%k\n, %k\n, %k\n
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vpxorq	%zmm\n, %zmm\n, %zmm\n
	.endr
.Lno_high\@:
	testl	$0xe4, %eax
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
