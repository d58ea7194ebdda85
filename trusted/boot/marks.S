/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry points that the cold blocks of gates call (abi/marks.h). They run on application stacks. A fault at a card comes from a wild
 * pointer of the application (rt/exception.c).
 */
#include "marks.h"

	.text
	.globl	rt_marks_begin
rt_marks_begin:
	OPTMIG_MARKS
	.globl	rt_marks_end
rt_marks_end:
	.section .note.GNU-stack, "", @progbits
