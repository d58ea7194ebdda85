/* SPDX-License-Identifier: Apache-2.0 */
/*
 * __optmig_markSIZE_REG (abi/passrt.h) for every size and register, for assembly files. The cold blocks of gates call them:
 * a call is a third of the code. Only a scratch register is saved and restored, which keeps memory off the way of the pointer itself.
 * Marks are conditional, so that threads do not fight over cache lines of cards.
 */
#ifndef OPTMIG_ABI_MARKS_H
#define OPTMIG_ABI_MARKS_H

#include "passrt.h"
	.macro	MARK size:req, reg:req, scratch:req
	.globl	__optmig_mark\size\()_\reg
	.type	__optmig_mark\size\()_\reg, @function
__optmig_mark\size\()_\reg:
	pushq	%\scratch
	movq	%\reg, %\scratch
	shrq	$OM_CARD_SHIFT, %\scratch
	cmpb	$0, %gs:(%\scratch)
	je	3f
1:
	.if	\size > 1
	leaq	\size - 1(%\reg), %\scratch
	shrq	$OM_CARD_SHIFT, %\scratch
	cmpb	$0, %gs:(%\scratch)
	je	4f
2:
	.endif
	popq	%\scratch
	ret
3:
	movb	$OM_CARD_DIRTY, %gs:(%\scratch)
	jmp	1b
	.if	\size > 1
4:
	movb	$OM_CARD_DIRTY, %gs:(%\scratch)
	jmp	2b
	.endif
	.size	__optmig_mark\size\()_\reg, . - __optmig_mark\size\()_\reg
	.endm
	.macro	OPTMIG_MARKS
	.irp	size, OM_MARK_SIZES
	.irp	reg, OM_MARK_REGISTERS
	.ifc	\reg, r11
	MARK	\size, \reg, r10
	.else
	MARK	\size, \reg, r11
	.endif
	.endr
	.endr
	.endm

#endif
