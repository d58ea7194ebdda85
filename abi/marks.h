/* SPDX-License-Identifier: Apache-2.0 */
/*
 * __optmig_markSIZE_REG and __optmig_markpollSIZE_REG (abi/passrt.h) for every size and register, for assembly files. Code behind
 * gates calls them: a call is a third of the code. REG keeps its value, so that nothing waits for the mark.
 * Marks are conditional, so that threads do not fight over cache lines of cards.
 */
#ifndef OPTMIG_ABI_MARKS_H
#define OPTMIG_ABI_MARKS_H

#include "passrt.h"
	.macro	MARK name:req, size:req, reg:req, poll:req
	.globl	__optmig_\name\size\()_\reg
	.type	__optmig_\name\size\()_\reg, @function
__optmig_\name\size\()_\reg:
	movq	%\reg, %r11
	shrq	$OM_CARD_SHIFT, %r11
	cmpb	$0, %gs:(%r11)
	je	3f
1:
	.if	\size > 1
	leaq	\size - 1(%\reg), %r11
	shrq	$OM_CARD_SHIFT, %r11
	cmpb	$0, %gs:(%r11)
	je	4f
2:
	.endif
	.if	\poll
	jmp	__optmig_safepoint
	.else
	ret
	.endif
3:
	movb	$OM_CARD_DIRTY, %gs:(%r11)
	jmp	1b
	.if	\size > 1
4:
	movb	$OM_CARD_DIRTY, %gs:(%r11)
	jmp	2b
	.endif
	.size	__optmig_\name\size\()_\reg, . - __optmig_\name\size\()_\reg
	.endm
	.macro	OPTMIG_MARKS
	.irp	size, OM_MARK_SIZES
	.irp	reg, OM_MARK_REGISTERS
	MARK	mark, \size, \reg, 0
	MARK	markpoll, \size, \reg, 1
	.endr
	.endr
	.endm

#endif
