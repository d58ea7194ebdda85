/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way in and out of the enclave.
 *
 * EENTER brings: rax = CSSA, rcx = address after the host's ENCLU, rsp and rbp of the host, rdi/rsi/rdx/r8/r9 the
 * arguments (abi/hostcall.h), FS = this slot's thread block, GS = cards. All of it but FS, GS and rax is the host's
 * word; nothing is believed before C code has checked it. The host's frame is bound anew at every entry, since a
 * thread may come back from another depth of the host's stack.
 *
 *   CSSA 0, OM_ECALL_RETURN   back into the host call saved at TCB_RT_RSP
 *   CSSA 0, anything else     rt_enter() on the empty runtime stack; refused while a host call is under way
 *   CSSA 1                    the same two, on the exception stack: rt_exception()
 *
 * A refused entry executes ud2: at CSSA 0 the exception handler ends the enclave, at CSSA 1 no further entry is possible.
 *
 * What leaves: rsp and rbp of the host, rax = EEXIT, rbx = the host's return address. Every other general register is
 * zero, vector and x87 state is in its initial state.
 */
#include "boot/cfi.h"
#include "boot/hostcall_asm.h"
#include "boot/initial_state.h"
#include "image.h"
#include "passrt.h"
#include "rt/offsets.h"
#include "sgx_arch.h"

/* What must not be the host's on entry: DF, AC and NT, MXCSR, the x87 control word, pending x87 exceptions and a stack
 * that is not empty. Vector and x87 registers themselves are garbage to our code. Tested first, since setting flags and
 * FNINIT are slow. An x87 that is not in use is as FNINIT would leave it; EMMS and FLDCW would put it in use, and the next way out
 * would have to clear it (initial_state.h). Clobbers rax, rcx, rdx. */
.macro CLEAN_ENTRY
	pushfq
	testl	$0x44400, (%rsp)
	leaq	8(%rsp), %rsp
	jz	.Lflags_good\@
	pushq	$2
	popfq
.Lflags_good\@:
	movl	$1, %ecx
	xgetbv
	testl	$1, %eax
	jz	.Lx87_good\@
	fninit
.Lx87_good\@:
	ldmxcsr	rt_mxcsr(%rip)
.endm

	.text
	.globl	optmig_entry
	.type	optmig_entry, @function
optmig_entry:
	.cfi_startproc
	.cfi_undefined rip
	rdfsbase %r10
	testl	%eax, %eax
	jnz	exception_entry
	movq	%rsp, TCB_HOST_RSP(%r10)
	movq	%rbp, TCB_HOST_RBP(%r10)
	movq	%rcx, TCB_HOST_RETURN(%r10)
	movq	%r10, TCB_SELF(%r10)
	movq	TCB_RT_RSP(%r10), %r11
	cmpl	$OM_ECALL_RETURN_NUMBER, %edi
	je	1f

	testq	%r11, %r11
	jnz	refuse
	leaq	(OM_SLOT_STACK + OM_SLOT_STACK_SIZE - OM_SLOT_TCB)(%r10), %rsp
	movq	%rsp, TCB_STACK_TOP(%r10)
	xorl	%ebp, %ebp
	movq	%rdx, %r11
	CLEAN_ENTRY
	movq	%r11, %rdx
	movq	%r8, %rcx
	movq	%r9, %r8
	.cfi_endproc
	.cfi_startproc
	.cfi_signal_frame
	CFI_PROGRAM
	call	rt_enter
	.cfi_endproc
	.cfi_startproc
	.cfi_undefined rip
refuse:
	ud2

1:	testq	%r11, %r11
	jz	refuse
	movq	$0, TCB_RT_RSP(%r10)
	movq	%r11, %rsp
	CLEAN_ENTRY
	movq	TCB_RESUME_FS(%r10), %rax
	wrfsbase %rax
	jmp	restore_callee_saved

	.cfi_endproc
	.cfi_startproc
	.cfi_signal_frame
	.cfi_undefined rip
exception_entry:
	cmpl	$1, %eax
	jne	refuse
	movq	%rsp, TCB_EXC_HOST_RSP(%r10)
	movq	%rbp, TCB_EXC_HOST_RBP(%r10)
	movq	%rcx, TCB_EXC_HOST_RETURN(%r10)
	/* The host goes on with ERESUME from where it is now. */
	movq	%rsp, TCB_HOST_RSP(%r10)
	movq	%rbp, TCB_HOST_RBP(%r10)
	movq	%rcx, TCB_HOST_RETURN(%r10)
	cmpl	$OM_ECALL_RETURN_NUMBER, %edi
	je	2f
	cmpl	$OM_ECALL_EXCEPTION_NUMBER, %edi
	jne	refuse
	cmpl	$0, TCB_IN_EXCEPTION(%r10)
	jne	refuse
	movl	$1, TCB_IN_EXCEPTION(%r10)
	leaq	(OM_SLOT_EXC_STACK + OM_SLOT_EXC_STACK_SIZE - OM_SLOT_TCB)(%r10), %rsp
	xorl	%ebp, %ebp
	movq	%rdx, %r11
	CLEAN_ENTRY
	movq	%r11, %rdx
	movq	%r10, %rdi
	CFI_INTERRUPTED
	call	rt_exception
	.cfi_undefined rip
	rdfsbase %r10
	movl	$0, TCB_IN_EXCEPTION(%r10)
	jmp	leave_exception

2:	movq	TCB_EXC_RT_RSP(%r10), %r11
	testq	%r11, %r11
	jz	refuse
	movq	$0, TCB_EXC_RT_RSP(%r10)
	movq	%r11, %rsp
	CLEAN_ENTRY
restore_callee_saved:
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.cfi_endproc
	.size	optmig_entry, . - optmig_entry

.macro SAVE_CALLEE_SAVED
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

/* void rt_leave_for_call(struct rt_tcb *): EEXIT, and return when the host has answered. */
	.globl	rt_leave_for_call
	.type	rt_leave_for_call, @function
rt_leave_for_call:
	SAVE_CALLEE_SAVED
	rdfsbase %rax
	movq	%rax, TCB_RESUME_FS(%rdi)
	movq	%rsp, TCB_RT_RSP(%rdi)
	jmp	rt_leave
	.size	rt_leave_for_call, . - rt_leave_for_call

/* The same at CSSA 1. */
	.globl	rt_leave_for_call_exception
	.type	rt_leave_for_call_exception, @function
rt_leave_for_call_exception:
	SAVE_CALLEE_SAVED
	movq	%rsp, TCB_EXC_RT_RSP(%rdi)
	movq	%rdi, %r10
	jmp	leave_exception
	.size	rt_leave_for_call_exception, . - rt_leave_for_call_exception

/* _Noreturn void rt_leave(struct rt_tcb *): EEXIT with nothing to come back to. */
	.globl	rt_leave
	.type	rt_leave, @function
rt_leave:
	movq	%rdi, %r10
	INITIAL_STATE
	movq	TCB_HOST_RETURN(%r10), %rbx
	movq	TCB_HOST_RSP(%r10), %rsp
	movq	TCB_HOST_RBP(%r10), %rbp
	jmp	leave_clean
/* _Noreturn void rt_leave_exception(struct rt_tcb *) */
	.globl	rt_leave_exception
rt_leave_exception:
	movq	%rdi, %r10
leave_exception:
	INITIAL_STATE
	movq	TCB_EXC_HOST_RETURN(%r10), %rbx
	movq	TCB_EXC_HOST_RSP(%r10), %rsp
	movq	TCB_EXC_HOST_RBP(%r10), %rbp
leave_clean:
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	movl	$SGX_EEXIT, %eax
	SGX_ENCLU_ASM
	ud2
	.size	rt_leave, . - rt_leave

	.section .rodata
rt_mxcsr:
	.long	0x1f80

/* A vector area whose XSTATE_BV is zero: XRSTOR puts everything into its initial state; MXCSR is read from here. */
	.balign 64
	.globl	rt_initial_state
rt_initial_state:
	.zero	24
	.long	0x1f80
	.zero	RT_VECTOR_ROOM - 28

/* Filled in by optmig-cc after linking. */
	.section .optmig.header, "a", @progbits
	.balign 64
	.globl	rt_image_header
rt_image_header:
	.zero	4360

/* Filled in by the signing tool. Not loaded. */
	.section .optmig.sigstruct, "", @progbits
	.zero	SGX_SIGSTRUCT_SIZE

/* optmig-cc: linked from the runtime's own build. */
	.section .optmig.stamp, "e", @progbits
	.balign	4
	.long	OM_STAMP_MAGIC
	.short	OM_PASSRT_VERSION, 2            /* OM_STAMP_TRUSTED */

	.section .note.GNU-stack, "", @progbits
