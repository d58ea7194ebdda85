/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For assembly files (.S) that are linked into an OptMig image. The compiler pass does not see assembly, so every
 * write to memory other than the stack has to leave a mark in the card table in the same safepoint interval, that is
 * with no call between the mark and the write:
 *
 *     OPTMIG_CARD_MARK 8(%rdi), %rax      mark the page of 8(%rdi); clobbers %rax and the flags
 *
 * and the file declares with OPTMIG_ASM_MARKS, once, that this has been done (or that it writes nothing).
 * optmig-cc refuses to link assembly without the declaration.
 */
#ifndef OPTMIG_ASM_H
#define OPTMIG_ASM_H

.macro OPTMIG_ASM_MARKS
	.pushsection .optmig.stamp,"e",@progbits
	.balign 4
	.long 0x50544d4f
	.short 3, 3
	.popsection
.endm

.macro OPTMIG_CARD_MARK address, scratch
	leaq \address, \scratch
	shrq $12, \scratch
	cmpb $0, %gs:(\scratch)
	jne .Loptmig_marked_\@
	movb $0xff, %gs:(\scratch)
.Loptmig_marked_\@:
.endm

#endif
