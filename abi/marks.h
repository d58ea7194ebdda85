/* SPDX-License-Identifier: Apache-2.0 */
/*
 * __optmig_markSIZE_REG (abi/passrt.h) for every size and register, for assembly files. The cold blocks of gates call them:
 * a call is a third of the code. Marks are conditional, so that threads do not fight over cache lines of cards.
 */
#ifndef OPTMIG_ABI_MARKS_H
#define OPTMIG_ABI_MARKS_H

#include "passrt.h"
	.macro	MARK size:req, reg:req
	.globl	__optmig_mark\size\()_\reg
	.type	__optmig_mark\size\()_\reg, @function
__optmig_mark\size\()_\reg:
	pushq	%\reg
	shrq	$OM_CARD_SHIFT, %\reg
	cmpb	$0, %gs:(%\reg)
	jne	1f
	movb	$OM_CARD_DIRTY, %gs:(%\reg)
1:
	.if	\size > 1
	movq	(%rsp), %\reg
	addq	$\size - 1, %\reg
	shrq	$OM_CARD_SHIFT, %\reg
	cmpb	$0, %gs:(%\reg)
	jne	2f
	movb	$OM_CARD_DIRTY, %gs:(%\reg)
2:
	.endif
	popq	%\reg
	ret
	.size	__optmig_mark\size\()_\reg, . - __optmig_mark\size\()_\reg
	.endm
	.macro	OPTMIG_MARKS
	.irp	size, OM_MARK_SIZES
	.irp	reg, OM_MARK_REGISTERS
	MARK	\size, \reg
	.endr
	.endr
	.endm

#endif
