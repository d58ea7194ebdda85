/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cold blocks of gates call (abi/marks.h). Runs on application stacks; a fault at a card is that of a wild pointer
 * of the application's (rt/exception.c).
 */
#include "marks.h"

	.text
	.globl	rt_marks_begin
rt_marks_begin:
	OPTMIG_MARKS
	.globl	rt_marks_end
rt_marks_end:
	.section .note.GNU-stack, "", @progbits
