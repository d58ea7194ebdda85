/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every signal handler begins here. FS and GS may be the enclave's, so nothing that C takes for granted works yet
 * (TLS, errno, stack protector). The stack tells which thread this is: on one of our signal stacks, an attached
 * one; elsewhere, a thread that never enters enclaves.
 */
#include "soft.h"

	.text
	.globl	emu_signal_entry
	.type	emu_signal_entry, @function
emu_signal_entry:                     /* rdi = signal, rsi = siginfo, rdx = ucontext; rsp = 8 mod 16 */
	cld
	movq	%rsp, %rcx
	movq	emu_arena(%rip), %rax
	subq	%rax, %rcx
	cmpq	emu_arena_size(%rip), %rcx
	jae	1f
	andq	$-ET_SLOT_SIZE, %rcx
	addq	%rax, %rcx            /* rcx = struct emu_thread */
	rdfsbase %rax
	pushq	%rax
	rdgsbase %rax
	pushq	%rax
	movq	%rsp, %r8             /* struct emu_segments */
	subq	$8, %rsp
	movq	ET_HOST_FS(%rcx), %rax
	wrfsbase %rax
	movq	ET_HOST_GS(%rcx), %rax
	wrgsbase %rax
	call	emu_signal
	addq	$8, %rsp
	popq	%rax
	wrgsbase %rax
	popq	%rax
	wrfsbase %rax
	ret
1:	xorl	%ecx, %ecx
	xorl	%r8d, %r8d
	subq	$8, %rsp
	call	emu_signal
	addq	$8, %rsp
	ret
	.size	emu_signal_entry, . - emu_signal_entry

	.globl	emu_signal_restorer
	.type	emu_signal_restorer, @function
emu_signal_restorer:
	movl	$15, %eax             /* rt_sigreturn */
	syscall
	.size	emu_signal_restorer, . - emu_signal_restorer

	.section .note.GNU-stack, "", @progbits
