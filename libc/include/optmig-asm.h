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

/* As in the compiler's interface (OM_STAMP_MAGIC, OM_PASSRT_VERSION, OM_STAMP_ANNOTATED, OM_CARD_*); optmig-cc refuses another stamp. */
#define OPTMIG_STAMP_MAGIC     0x50544d4f
#define OPTMIG_PASSRT_VERSION  3
#define OPTMIG_STAMP_ANNOTATED 3
#define OPTMIG_CARD_SHIFT      12
#define OPTMIG_CARD_DIRTY      0xff

.macro OPTMIG_ASM_MARKS
	.pushsection .optmig.stamp,"e",@progbits
	.balign 4
	.long OPTMIG_STAMP_MAGIC
	.short OPTMIG_PASSRT_VERSION, OPTMIG_STAMP_ANNOTATED
	.popsection
.endm

.macro OPTMIG_CARD_MARK address, scratch
	leaq \address, \scratch
	shrq $OPTMIG_CARD_SHIFT, \scratch
	cmpb $0, %gs:(\scratch)
	jne .Loptmig_marked_\@
	movb $OPTMIG_CARD_DIRTY, %gs:(\scratch)
.Loptmig_marked_\@:
.endm

#endif
