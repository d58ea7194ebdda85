/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry and exit of the loader test's image. The thread block at FS holds:
 *
 *     CSSA 0                           CSSA 1
 *     0  host rsp                      32
 *     8  host rbp                      40
 *    16  host return address           48
 *    24  enclave rsp in a host call    56
 *
 * Both stacks are in the exception stack: the upper half for CSSA 0, the lower for CSSA 1.
 */
#define MINI_ECALL_RETURN  3
#define MINI_STACK_TOP     0xa000   /* from the thread block: OM_SLOT_EXC_STACK + its size - OM_SLOT_TCB */
#define MINI_EXC_STACK_TOP 0x6000

	.text
	.globl mini_entry, mini_hostcall, mini_hostcall_exc
mini_entry:
	testq	%rax, %rax
	jnz	1f
	movq	%rsp, %fs:0
	movq	%rbp, %fs:8
	movq	%rcx, %fs:16
	cmpq	$MINI_ECALL_RETURN, %rdi
	je	2f
	rdfsbaseq %rsp
	addq	$MINI_STACK_TOP, %rsp
	movq	%r8, %rcx
	call	mini_main
leave:
	movq	%fs:0, %rsp
	movq	%fs:8, %rbp
	movq	%fs:16, %rbx
	movl	$4, %eax
	.byte 0x0f, 0x01, 0xd7, 0x66, 0x90
2:	movq	%fs:24, %rsp
	jmp	restore
1:	movq	%rsp, %fs:32
	movq	%rbp, %fs:40
	movq	%rcx, %fs:48
	cmpq	$MINI_ECALL_RETURN, %rdi
	je	2f
	rdfsbaseq %rsp
	addq	$MINI_EXC_STACK_TOP, %rsp
	call	mini_exception
leave_exc:
	movq	%fs:32, %rsp
	movq	%fs:40, %rbp
	movq	%fs:48, %rbx
	movl	$4, %eax
	.byte 0x0f, 0x01, 0xd7, 0x66, 0x90
2:	movq	%fs:56, %rsp
restore:
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

.macro SAVE
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm
mini_hostcall:
	SAVE
	movq	%rsp, %fs:24
	jmp	leave
mini_hostcall_exc:
	SAVE
	movq	%rsp, %fs:56
	jmp	leave_exc
	.section .optmig.sigstruct,"",@progbits
	.zero	1808
	.section .note.GNU-stack,"",@progbits
