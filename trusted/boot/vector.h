/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembly: an application thread's vector state at a poll or a fault, in a layout of our own (docs/spec/vector-state.md).
 *
 * The area lies on the application's stack and moves with it, to a CPU that may be of another maker. Each maker decides where XSAVE puts
 * the mask registers and the upper halves of ZMM registers, and inside an enclave nobody but the host could say where.
 * So XSAVE and XRSTOR handle only what has one place on every CPU, the legacy area and the header. The rest is stored
 * and loaded register by register:
 *
 *        0   x87, XMM, MXCSR       XSAVE and XRSTOR of components 0 and 1
 *      512   XSTATE_BV, zeros      which components are not in their initial state: XGETBV with ECX = 1
 *      576   upper halves of YMM0-15                VEXTRACTF128
 *     1088   k0-7                                   KMOVQ
 *     1152   upper halves of ZMM0-15                VEXTRACTF64X4
 *     1664   ZMM16-31                               VMOVDQU64
 *
 * The image's header says which components there are. The enclave's XFRM is the same, or the enclave would not have been initialised. A
 * component that is clear in XSTATE_BV is stored all the same, as XSAVE does. VECTOR_RESTORE brings such a component into its initial
 * state. So registers that nobody uses stay out of use, and SSE code stays fast.
 *
 * Source: SDM 1, 13.4 (the area), 13.6 (XINUSE), 13.7 and 13.8 (XSAVE, XRSTOR).
 */
#ifndef OPTMIG_BOOT_VECTOR_H
#define OPTMIG_BOOT_VECTOR_H

#include "rt/offsets.h"

/* \area: a register with the address of RT_VECTOR_SIZE bytes, aligned to 64. Clobbers rax, rcx, rdx, flags; no vector register. */
.macro VECTOR_SAVE area
	xorl	%eax, %eax
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	movq	%rax, RT_VECTOR_HEADER + 8 * \n(\area)
	.endr
	movl	$RT_VECTOR_LEGACY, %eax
	xorl	%edx, %edx
	xsave64	(\area)
	movl	$1, %ecx
	xgetbv
	movl	rt_image_header + IMAGE_XFRM(%rip), %ecx
	andl	$RT_VECTOR_EXTENDED, %ecx
	andl	%ecx, %eax
	orl	%eax, RT_VECTOR_HEADER(\area)
	testl	$RT_VECTOR_BIT_AVX, %ecx
	jz	.Lvector_saved\@
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vextractf128 $1, %ymm\n, RT_VECTOR_AVX + 16 * \n(\area)
	.endr
	testl	$RT_VECTOR_BIT_OPMASK, %ecx
	jz	.Lvector_saved\@
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	%k\n, RT_VECTOR_OPMASK + 8 * \n(\area)
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vextractf64x4 $1, %zmm\n, RT_VECTOR_ZMM_HI256 + 32 * \n(\area)
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovdqu64 %zmm\n, RT_VECTOR_HI16_ZMM + 64 * (\n - 16)(\area)
	.endr
.Lvector_saved\@:
.endm

/* The same area back. An XSTATE_BV with what XFRM has not, or reserved bits in MXCSR, ends in #GP or #UD.
 * Clobbers rax, rdx, flags. */
.macro VECTOR_RESTORE area
	movl	$RT_VECTOR_EXTENDED, %eax
	xorl	%edx, %edx
	xrstor64 rt_initial_state(%rip)
	movl	$RT_VECTOR_LEGACY, %eax
	xrstor64 (\area)
	movl	RT_VECTOR_HEADER(\area), %eax
	/* Upwards: a VEX instruction clears what lies above its own width. */
	testl	$RT_VECTOR_BIT_AVX, %eax
	jz	.Lno_avx\@
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vinsertf128 $1, RT_VECTOR_AVX + 16 * \n(\area), %ymm\n, %ymm\n
	.endr
.Lno_avx\@:
	testl	$RT_VECTOR_BIT_OPMASK, %eax
	jz	.Lno_opmask\@
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	RT_VECTOR_OPMASK + 8 * \n(\area), %k\n
	.endr
.Lno_opmask\@:
	testl	$RT_VECTOR_BIT_ZMM_HI256, %eax
	jz	.Lno_hi256\@
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vinsertf64x4 $1, RT_VECTOR_ZMM_HI256 + 32 * \n(\area), %zmm\n, %zmm\n
	.endr
.Lno_hi256\@:
	testl	$RT_VECTOR_BIT_HI16_ZMM, %eax
	jz	.Lvector_restored\@
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovdqu64 RT_VECTOR_HI16_ZMM + 64 * (\n - 16)(\area), %zmm\n
	.endr
.Lvector_restored\@:
.endm

#endif
