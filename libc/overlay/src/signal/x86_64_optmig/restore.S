/* SPDX-License-Identifier: Apache-2.0 */
/* Where a signal handler returns to. The runtime finds its frame at the stack pointer of the call below plus 8. */
#include "optmig-asm.h"
#include "passrt.h"
	OPTMIG_ASM_MARKS
	.text
	.global __restore, __restore_rt
	.hidden __restore, __restore_rt
	.type __restore,@function
	.type __restore_rt,@function
__restore:
__restore_rt:
	mov $OM_SYS_SIGRETURN, %edi
	call __optmig_syscall
	ud2
	.size __restore_rt, .-__restore_rt
	.section .note.GNU-stack,"",@progbits
