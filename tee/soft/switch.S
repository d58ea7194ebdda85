/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EENTER, ERESUME and the two ways back. The frame on the host stack, which EEXIT's fast path recognises by the
 * cookie and an AEX finds through emu_thread.host_rsp:
 *
 *     rsp +  0   emu_cookie
 *     rsp +  8   struct emu_thread *
 *     rsp + 16   MXCSR, x87 control word; the x87 control word on the way back
 *     rsp + 24   r15 r14 r13 r12 rbx rbp, return address
 */
#include "soft.h"
#include "sgx_arch.h"

	.text
.macro ENTER_FRAME
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	pushq	%rdi
	pushq	emu_cookie(%rip)
	movq	%rsp, ET_HOST_RSP(%rdi)
	movq	%rbp, ET_HOST_RBP(%rdi)
.endm

/* From here on FS is the enclave's: no TLS. */
.macro ENCLAVE_SEGMENTS
	movq	ET_GS(%rdi), %rax
	wrgsbase %rax
	movq	ET_FS(%rdi), %rax
	wrfsbase %rax
.endm

/* int emu_switch_eenter(struct emu_thread *) */
	.globl	emu_switch_eenter
	.type	emu_switch_eenter, @function
emu_switch_eenter:
	ENTER_FRAME
	movq	ET_SSA_GPR(%rdi), %rax
	movq	%rsp, SGX_GPR_URSP(%rax)
	movq	%rbp, SGX_GPR_URBP(%rax)
	ENCLAVE_SEGMENTS
	movq	ET_RAX(%rdi), %rax
	movq	ET_RBX(%rdi), %rbx
	movq	ET_RSI(%rdi), %rsi
	movq	ET_RDX(%rdi), %rdx
	movq	ET_R8(%rdi), %r8
	movq	ET_R9(%rdi), %r9
	movq	ET_ENTRY(%rdi), %r11
	movq	ET_RDI(%rdi), %rdi
	leaq	emu_return(%rip), %rcx
	jmp	*%r11
	.size	emu_switch_eenter, . - emu_switch_eenter

/* int emu_switch_eresume(struct emu_thread *). iretq restores RIP, RSP and RFLAGS at once and touches only our own
 * memory, never the enclave's stack. */
	.globl	emu_switch_eresume
	.type	emu_switch_eresume, @function
emu_switch_eresume:
	ENTER_FRAME
	movl	ET_XFRM(%rdi), %eax
	movl	ET_XFRM+4(%rdi), %edx
	xrstor64 ET_XSAVE(%rdi)
	ENCLAVE_SEGMENTS
	leaq	ET_RESUME_IRET(%rdi), %rsp
	movq	ET_RESUME_RAX+0(%rdi), %rax
	movq	ET_RESUME_RAX+8(%rdi), %rcx
	movq	ET_RESUME_RAX+16(%rdi), %rdx
	movq	ET_RESUME_RAX+24(%rdi), %rbx
	movq	ET_RESUME_RAX+32(%rdi), %rbp
	movq	ET_RESUME_RAX+40(%rdi), %rsi
	movq	ET_RESUME_RAX+56(%rdi), %r8
	movq	ET_RESUME_RAX+64(%rdi), %r9
	movq	ET_RESUME_RAX+72(%rdi), %r10
	movq	ET_RESUME_RAX+80(%rdi), %r11
	movq	ET_RESUME_RAX+88(%rdi), %r12
	movq	ET_RESUME_RAX+96(%rdi), %r13
	movq	ET_RESUME_RAX+104(%rdi), %r14
	movq	ET_RESUME_RAX+112(%rdi), %r15
	movq	ET_RESUME_RAX+48(%rdi), %rdi
	iretq
	.size	emu_switch_eresume, . - emu_switch_eresume

/* EEXIT arrives here: rsp as the enclave left it, which by the vDSO's convention is as it was. */
	.globl	emu_return, emu_return_exception
emu_return:
	movl	$EMU_EXIT_EEXIT, %eax
	jmp	1f
/* The signal handler sends an AEX here, with rsp = host_rsp. */
emu_return_exception:
	movl	$EMU_EXIT_EXCEPTION, %eax
1:	cld
	addq	$16, %rsp
	ldmxcsr	(%rsp)
	fnstcw	6(%rsp)               /* FLDCW would put the x87 in use, and whoever clears registers would have to clear it */
	movzwl	6(%rsp), %ecx
	cmpw	4(%rsp), %cx
	je	2f
	fldcw	4(%rsp)
2:	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

	.section .note.GNU-stack, "", @progbits
