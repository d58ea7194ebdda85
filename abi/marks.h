/* SPDX-License-Identifier: Apache-2.0 */
/*
 * __optmig_markSIZE_REG and __optmig_markpollSIZE_REG (abi/passrt.h) for every size and register, for assembly files. Code behind
 * gates calls them: a call is a third of the code. REG keeps its value, so that nothing waits for the mark.
 * Marks are conditional, so that threads do not fight over cache lines of cards. Where the last byte may lie on the next page,
 * one look at the cards of both pages is mostly all: what is written a lot is dirty all around.
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
	.if	\size > 1
	cmpw	$-1, %gs:(%r11)
	jne	2f
	.else
	cmpb	$0, %gs:(%r11)
	je	4f
	.endif
1:
	.if	\poll
	testb	$OM_ATTENTION_POLL, __optmig_attention(%rip)
	jne	__optmig_safepoint
	.endif
	ret
	.if	\size > 1
2:
	cmpb	$0, %gs:(%r11)
	je	4f
	cmpb	$0, %gs:-1(%r11)
	je	3f
	movb	$OM_CARD_DIRTY, %gs:1(%r11)
	jmp	1b
3:
	leaq	\size - 1(%\reg), %r11
	shrq	$OM_CARD_SHIFT, %r11
	cmpb	$0, %gs:(%r11)
	jne	1b
	movb	$OM_CARD_DIRTY, %gs:(%r11)
	jmp	1b
4:
	movb	$OM_CARD_DIRTY, %gs:(%r11)
	jmp	3b
	.else
4:
	movb	$OM_CARD_DIRTY, %gs:(%r11)
	jmp	1b
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
