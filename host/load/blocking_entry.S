/* SPDX-License-Identifier: Apache-2.0 */
/* The restartable section of blocking.h: int64_t host_blocking_call(const uint32_t *wake, uint64_t nr, const uint64_t arg[6]). */
#include "load/blocking.h"

	.text
	.globl	host_blocking_call, host_blocking_begin, host_blocking_end, host_blocking_abort
	.type	host_blocking_call, @function
host_blocking_call:
	.cfi_startproc
	movq	%rdi, %r11
	movq	%rsi, %rax
	movq	%rdx, %rcx
	movq	0(%rcx), %rdi
	movq	8(%rcx), %rsi
	movq	16(%rcx), %rdx
	movq	24(%rcx), %r10
	movq	32(%rcx), %r8
	movq	40(%rcx), %r9
host_blocking_begin:
	testl	$HOST_WAKE_KICK, (%r11)
	jnz	host_blocking_abort
	syscall
host_blocking_end:
	ret
host_blocking_abort:
	movq	$-4, %rax		/* -EINTR */
	ret
	.cfi_endproc
	.size	host_blocking_call, . - host_blocking_call
	.section .note.GNU-stack,"",@progbits
