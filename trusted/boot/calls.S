/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where application code enters the runtime, and how it is entered again (abi/passrt.h, rt/offsets.h).
 *
 *   __optmig_syscall      struct rt_call_frame on the application stack, number and arguments into rt_thread, runtime
 *                         stack, rt_syscall_run(). The way back, rt_app_return, needs nothing but rt_thread.app_rsp:
 *                         start of a thread, return of a call and resumption elsewhere all end there.
 *   __optmig_safepoint    struct rt_full_frame and a vector area, then a system call like any other
 *   rt_fault_entry        the same, entered by the exception handler instead of the faulting instruction
 *   rt_app_restore        all registers at once: enter or leave a signal handler
 *
 * Code here runs on application stacks and may take owed faults at any push; it keeps no state in the thread block
 * across one that a second fault would need.
 */
#include "boot/cfi.h"
#include "boot/vector.h"
#include "passrt.h"
#include "rt/offsets.h"

#define POLL_EPOCH 2

/* The register with DWARF's number is in the struct rt_full_frame that rbx points to. */
.macro CFI_FULL dwarf, index
	.cfi_escape 0x10, \dwarf, 3, 0x73, ((8 * \index) & 0x7f) | 0x80, (8 * \index) >> 7
.endm
.macro PUSH register
	pushq	%\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
.endm
.macro POP register
	popq	%\register
	.cfi_adjust_cfa_offset -8
	.cfi_restore \register
.endm

	.text
	/* A fault in here is the application stack's. */
	.globl	rt_calls_begin
rt_calls_begin:
	.globl	__optmig_syscall
	.type	__optmig_syscall, @function
__optmig_syscall:
	.cfi_startproc
	movq	8(%rsp), %rax
	PUSH	rbp
	movq	%fs:OM_TP_SLOT, %r11
	PUSH	rbx
	movq	TCB_THREAD(%r11), %r10
	PUSH	r12
	PUSH	r13
	PUSH	r14
	PUSH	r15
	subq	$16, %rsp
	.cfi_adjust_cfa_offset 16
	stmxcsr	(%rsp)
	fnstcw	8(%rsp)
	movq	%rdi, THREAD_NR(%r10)
	movq	%rsi, THREAD_ARG+0(%r10)
	movq	%rdx, THREAD_ARG+8(%r10)
	movq	%rcx, THREAD_ARG+16(%r10)
	movq	%r8, THREAD_ARG+24(%r10)
	movq	%r9, THREAD_ARG+32(%r10)
	movq	%rax, THREAD_ARG+40(%r10)
	movq	%rsp, THREAD_APP_RSP(%r10)
	/* What was stored before has its marks; the call is a safepoint. */
	movq	rt_epoch(%rip), %rax
	movq	%rax, TCB_EPOCH_SEEN(%r11)
	movq	TCB_STACK_TOP(%r11), %rsp
	.cfi_endproc
	.cfi_startproc
	.cfi_signal_frame
	CFI_PROGRAM
	xorl	%ebp, %ebp
	movq	%r10, %rdi
	movq	TCB_HOSTCALLS(%r11), %rbx
	call	rt_syscall_run
	movq	%fs:OM_TP_SLOT, %r11
	movq	TCB_THREAD(%r11), %r10
	cmpq	TCB_HOSTCALLS(%r11), %rbx
	.cfi_endproc
	.cfi_startproc
	.cfi_def_cfa rsp, OM_DEBUG_FRAME_SIZE
	CFI_CALL_FRAME
	movq	THREAD_APP_RSP(%r10), %rsp
	je	2f                              /* never left: MXCSR and the x87 control word are the application's still */
1:	ldmxcsr	(%rsp)
	fnstcw	10(%rsp)                        /* FLDCW puts the x87 in use, and the next way out would have to clear it */
	movzwl	10(%rsp), %ecx
	cmpw	8(%rsp), %cx
	je	2f
	fldcw	8(%rsp)
2:	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	POP	r15
	POP	r14
	POP	r13
	POP	r12
	POP	rbx
	POP	rbp
	ret
	.cfi_endproc
	.size	__optmig_syscall, . - __optmig_syscall

/* _Noreturn void rt_app_return(struct rt_thread *, long result): FS is the application's already. */
	.globl	rt_app_return
	.type	rt_app_return, @function
rt_app_return:
	movq	%rdi, %r10
	movq	%rsi, %rax
	movq	THREAD_APP_RSP(%r10), %rsp
	jmp	1b
	.size	rt_app_return, . - rt_app_return

/* _Noreturn void rt_app_restore(uint64_t regs[RT_REG_COUNT], const void *vectors): both in the runtime's memory or on
 * the application stack below the new rsp - 144. Two words below the new red zone are overwritten. */
	.globl	rt_app_restore
	.type	rt_app_restore, @function
rt_app_restore:
	VECTOR_RESTORE %rsi
	movq	15*8(%rdi), %rax
	subq	$144, %rax
	movq	16*8(%rdi), %rcx
	movq	%rcx, 8(%rax)
	movq	17*8(%rdi), %rcx
	movq	%rcx, (%rax)
	movq	%rax, 15*8(%rdi)
	movq	0*8(%rdi), %r8
	movq	1*8(%rdi), %r9
	movq	2*8(%rdi), %r10
	movq	3*8(%rdi), %r11
	movq	4*8(%rdi), %r12
	movq	5*8(%rdi), %r13
	movq	6*8(%rdi), %r14
	movq	7*8(%rdi), %r15
	movq	9*8(%rdi), %rsi
	movq	10*8(%rdi), %rbp
	movq	11*8(%rdi), %rbx
	movq	12*8(%rdi), %rdx
	movq	13*8(%rdi), %rax
	movq	14*8(%rdi), %rcx
	movq	15*8(%rdi), %rsp
	movq	8*8(%rdi), %rdi
	popfq
	ret	$128
	.size	rt_app_restore, . - rt_app_restore

	.globl	__optmig_safepoint
	.type	__optmig_safepoint, @function
__optmig_safepoint:
	.cfi_startproc
	testb	$OM_ATTENTION_POLL, __optmig_attention(%rip)
	jnz	1f
	ret                                    /* somebody wants marks, nothing else */
1:	pushfq
	.cfi_adjust_cfa_offset 8
	PUSH	rax
	PUSH	rcx
	movq	%fs:OM_TP_SLOT, %rcx
	movq	rt_epoch(%rip), %rax
	movq	%rax, TCB_EPOCH_SEEN(%rcx)
	testb	$(OM_ATTENTION_POLL & ~POLL_EPOCH), __optmig_attention(%rip)
	jnz	1f
	.cfi_remember_state
	POP	rcx
	POP	rax
	popfq
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_restore_state
1:	leaq	32(%rsp), %rcx
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	movl	$RT_SYS_POLL, %ecx
	.cfi_endproc
	/* Shared with a fault, which is at its instruction and not behind it. */
	.cfi_startproc
	.cfi_signal_frame
	.cfi_undefined rip
full_frame:
	pushq	%rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rbx
	.cfi_escape 0x0f, 4, 0x73, (8 * 13) | 0x80, 0, 0x06     /* DW_CFA_def_cfa_expression: breg3 + rsp's place, deref */
	CFI_FULL 15, 0
	CFI_FULL 14, 1
	CFI_FULL 13, 2
	CFI_FULL 12, 3
	CFI_FULL 11, 4
	CFI_FULL 10, 5
	CFI_FULL 9, 6
	CFI_FULL 8, 7
	CFI_FULL 5, 8
	CFI_FULL 4, 9
	CFI_FULL 6, 10
	CFI_FULL 3, 11
	CFI_FULL 1, 12
	CFI_FULL 2, 14
	CFI_FULL 0, 15
	CFI_FULL 16, 17
	subq	$RT_VECTOR_ROOM, %rsp
	andq	$-64, %rsp
	movl	%ecx, %edi
	VECTOR_SAVE %rsp
	movq	%rsp, %r12
	call	__optmig_syscall
	VECTOR_RESTORE %r12
	movq	%rbx, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbp
	popq	%rbx
	popq	%rdx
	leaq	8(%rsp), %rsp
	popq	%rcx
	popq	%rax
	popfq
	ret
	.cfi_endproc
	.size	__optmig_safepoint, . - __optmig_safepoint

/* The exception handler sends a faulting application thread here: every register but rip, rsp and rflags is as it was
 * at the fault, rsp is where the frame may go. Never returns the normal way: a signal handler is run, or the end. */
	.globl	rt_fault_entry
	.type	rt_fault_entry, @function
rt_fault_entry:
	leaq	-16(%rsp), %rsp
	pushq	%rax
	pushq	%rcx
	movq	%fs:OM_TP_SLOT, %rcx
	movq	TCB_FAULT_RIP(%rcx), %rax
	movq	%rax, 24(%rsp)
	movq	TCB_FAULT_RFLAGS(%rcx), %rax
	movq	%rax, 16(%rsp)
	pushq	TCB_FAULT_RSP(%rcx)
	movl	$RT_SYS_FAULT, %ecx
	jmp	full_frame
	.size	rt_fault_entry, . - rt_fault_entry

/* A thread's first instructions: rt_thread's frame has fn in r12, arg in r13. No frame is outside of it: unwinding ends here. */
	.globl	rt_clone_start
	.type	rt_clone_start, @function
rt_clone_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl	%ebp, %ebp
	andq	$-16, %rsp
	movq	%r13, %rdi
	call	*%r12
	movl	$60, %edi            /* exit */
	movslq	%eax, %rsi
	xorl	%edx, %edx
	xorl	%ecx, %ecx
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	call	__optmig_syscall
	ud2
	.cfi_endproc
	.size	rt_clone_start, . - rt_clone_start

	.globl	__optmig_range
	.type	__optmig_range, @function
__optmig_range:
	pushfq
	pushq	%rdi
	pushq	%rsi
	cmpq	%rdi, %rsi
	jbe	3f
	decq	%rsi
	shrq	$12, %rdi
	shrq	$12, %rsi
1:	cmpb	$0, %gs:(%rdi)
	jne	2f
	movb	$1, %gs:(%rdi)
2:	incq	%rdi
	cmpq	%rsi, %rdi
	jbe	1b
3:	popq	%rsi
	popq	%rdi
	popfq
	ret
	.size	__optmig_range, . - __optmig_range

/* `syscall` in the application's own assembly: the kernel's convention, everything but rax, rcx and r11 preserved, and so
 * vector and x87 registers, too. */
	.globl	__optmig_syscall_asm
	.type	__optmig_syscall_asm, @function
__optmig_syscall_asm:
	.cfi_startproc
	PUSH	rbp
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%rbx
	.cfi_offset rbx, -72
	subq	$RT_VECTOR_ROOM, %rsp
	andq	$-64, %rsp
	movq	%rsp, %rbx
	movq	%rax, %r11
	VECTOR_SAVE %rbx
	movq	-24(%rbp), %rcx
	pushq	%r9
	pushq	%r9
	movq	%r8, %r9
	movq	%r10, %r8
	movq	%rsi, %rdx
	movq	%rdi, %rsi
	movq	%r11, %rdi
	call	__optmig_syscall
	movq	%rax, %r11
	VECTOR_RESTORE %rbx
	movq	%r11, %rax
	leaq	-56(%rbp), %rsp
	popq	%rbx
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size	__optmig_syscall_asm, . - __optmig_syscall_asm

/* `cpuid` in the application's own assembly: a fixed CPU that every host has, so that what the program decides once
 * stays true after a migration. SSE4.2, nothing wider. */
.macro CPUID_LEAF leaf, a, b, c, d
	cmpl	$\leaf, %eax
	jne	.Lnext\@
	movl	$\a, %eax
	movl	$\b, %ebx
	movl	$\c, %ecx
	movl	$\d, %edx
	popfq
	ret
.Lnext\@:
.endm
	.globl	__optmig_cpuid
	.type	__optmig_cpuid, @function
__optmig_cpuid:
	pushfq
	CPUID_LEAF 0x00000000, 0x00000001, 0x756e6547, 0x6c65746e, 0x49656e69
	CPUID_LEAF 0x00000001, 0x000306c3, 0x00010800, 0x00980203, 0x078bf9ff
	CPUID_LEAF 0x80000000, 0x80000008, 0, 0, 0
	CPUID_LEAF 0x80000001, 0, 0, 0x00000001, 0x20100800
	CPUID_LEAF 0x80000008, 0x00003030, 0, 0, 0
	xorl	%eax, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	popfq
	ret
	.size	__optmig_cpuid, . - __optmig_cpuid

	.globl	rt_calls_end
rt_calls_end:
	.section .note.GNU-stack, "", @progbits
