/* SPDX-License-Identifier: Apache-2.0 */
#include "ops.h"
#include "sgx_arch.h"

#define A(i) (8 + 8 * (i))

	.section .rodata
	.balign 4096
	.globl	test_enclave_start, test_enclave_end
test_enclave_start:
	/* rax = CSSA, rdi = struct command in host memory */
	movq	%rax, %r10
	movq	%rcx, %r11
	shlq	$6, %rax
	addq	%fs:B_SELF, %rax
	addq	$B_FRAMES, %rax
	movq	%rcx, B_RETURN(%rax)
	movq	%rsp, B_RSP(%rax)
	movq	%rbp, B_RBP(%rax)
	movq	B_STACK(%rax), %rsp
	pushq	%rax
	pushq	%rdi
	movq	(%rdi), %rax
	cmpq	$OP_LAST, %rax
	ja	op_ud2
	leaq	table(%rip), %rcx
	movslq	(%rcx,%rax,4), %rax
	addq	%rcx, %rax
	jmp	*%rax
table:
	.long	op_enclu - table, op_load - table, op_store - table, op_call - table
	.long	op_regs - table, op_spin - table, op_syscall - table, op_int80 - table
	.long	op_ud2 - table, op_hlt - table, op_divide - table, op_entry - table
	.long	op_exit_raw - table, op_load64 - table, op_store64 - table, op_copy - table
	.long	op_count - table, op_red_zone - table

finish:                               /* the two words pushed at entry are on top of the stack */
	popq	%rdi
	popq	%rax
	movq	B_RETURN(%rax), %rbx
	movq	B_RSP(%rax), %rsp
	movq	B_RBP(%rax), %rbp
	movl	$SGX_EEXIT, %eax
	SGX_ENCLU_ASM
	ud2

op_enclu:
	movq	%rdi, %r12
	movq	A(0)(%r12), %rax
	movq	A(1)(%r12), %rbx
	movq	A(2)(%r12), %rcx
	movq	A(3)(%r12), %rdx
	movq	$0x1111, %rsi
	movq	$0x2222, %r8
	movq	$0x3333, %r9
	movq	$0x4444, %r10
	movq	$0x5555, %r11
	movq	$0x6666, %rdi
	pushfq
	popq	A(5)(%r12)
	SGX_ENCLU_ASM
	pushfq
	popq	A(4)(%r12)
	movq	%rax, A(0)(%r12)
	movq	%rbx, A(1)(%r12)
	movq	%rcx, A(2)(%r12)
	movq	%rdx, A(3)(%r12)
	cmpq	$0x1111, %rsi
	jne	op_ud2
	cmpq	$0x2222, %r8
	jne	op_ud2
	cmpq	$0x3333, %r9
	jne	op_ud2
	cmpq	$0x4444, %r10
	jne	op_ud2
	cmpq	$0x5555, %r11
	jne	op_ud2
	cmpq	$0x6666, %rdi
	jne	op_ud2
	jmp	finish

op_load:
	movq	A(0)(%rdi), %rax
	movzbl	(%rax), %eax
	movq	%rax, A(1)(%rdi)
	jmp	finish
op_store:
	movq	A(0)(%rdi), %rax
	movq	A(1)(%rdi), %rcx
	movb	%cl, (%rax)
	jmp	finish
op_load64:
	movq	A(0)(%rdi), %rax
	movq	(%rax), %rax
	movq	%rax, A(1)(%rdi)
	jmp	finish
op_store64:
	movq	A(0)(%rdi), %rax
	movq	A(1)(%rdi), %rcx
	movq	%rcx, (%rax)
	jmp	finish
op_copy:
	movq	A(1)(%rdi), %rsi
	movq	A(2)(%rdi), %rcx
	movq	A(0)(%rdi), %rdi
	rep movsb
	jmp	finish
op_call:
	call	*A(0)(%rdi)
	jmp	finish
op_spin:
	movq	A(0)(%rdi), %rax
	movq	$1, A(1)(%rdi)
1:	pause
	cmpq	$0, (%rax)
	je	1b
	jmp	finish
op_syscall:
	movl	$39, %eax             /* getpid */
	syscall
	jmp	finish
op_int80:
	movl	$20, %eax
	int	$0x80
	jmp	finish
op_ud2:
	ud2
	jmp	finish
op_hlt:
	hlt
	jmp	finish
op_divide:
	xorl	%edx, %edx
	xorl	%ecx, %ecx
	movl	$1, %eax
	divl	%ecx
	jmp	finish
op_entry:
	movq	%rdi, A(0)(%rdi)
	movq	%rsi, A(1)(%rdi)
	movq	%rdx, A(2)(%rdi)
	movq	%r8, A(3)(%rdi)
	movq	%r9, A(4)(%rdi)
	movq	%r11, A(5)(%rdi)
	movq	%r10, A(6)(%rdi)
	rdfsbase %rax
	movq	%rax, A(7)(%rdi)
	rdgsbase %rax
	movq	%rax, A(8)(%rdi)
	movq	%rbx, A(9)(%rdi)
	jmp	finish
op_exit_raw:
	movq	A(0)(%rdi), %rbx
	movl	$SGX_EEXIT, %eax
	SGX_ENCLU_ASM
	ud2

.macro ZMM store
	.irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.if \store
	vmovdqu64 %zmm\i, (\i*64)(%r11)
	.else
	vmovdqu64 (\i*64)(%r11), %zmm\i
	.endif
	.endr
.endm

op_regs:
	movq	A(1)(%rdi), %r11
	pushq	A(2)(%rdi)
	movq	A(0)(%rdi), %rdi
	ZMM 0
	kmovq	2048(%r11), %k1
	kmovq	2056(%r11), %k2
	kmovq	2064(%r11), %k3
	kmovq	2072(%r11), %k4
	kmovq	2080(%r11), %k5
	kmovq	2088(%r11), %k6
	kmovq	2096(%r11), %k7
	ldmxcsr	2104(%r11)
	fninit
	fldcw	2108(%r11)
	fldpi
	fldl2e
	movq	$0x1111111111111111, %rax
	movq	$0x2222222222222222, %rbx
	movq	$0x3333333333333333, %rcx
	movq	$0x4444444444444444, %rdx
	movq	$0x5555555555555555, %rsi
	movq	$0x6666666666666666, %rbp
	movq	$0x8888888888888888, %r8
	movq	$0x9999999999999999, %r9
	movq	$0xaaaaaaaaaaaaaaaa, %r10
	movq	$0xbbbbbbbbbbbbbbbb, %r11
	movq	$0xcccccccccccccccc, %r12
	movq	$0xdddddddddddddddd, %r13
	movq	$0xeeeeeeeeeeeeeeee, %r14
	movq	$0xffffffffffffffff, %r15
	pushq	$0xcd7                /* CF PF AF ZF SF DF OF and the reserved 1 */
	popfq
	movq	$0x1234567, -8(%rsp)
	movq	$0x7654321, -128(%rsp)
	movq	%rax, (%rdi)          /* the fault */
	xchgq	%r11, (%rsp)          /* r11 = dump; no flags touched */
	movq	%rax, D_GPR+0(%r11)
	movq	%rbx, D_GPR+8(%r11)
	movq	%rcx, D_GPR+16(%r11)
	movq	%rdx, D_GPR+24(%r11)
	movq	%rsi, D_GPR+32(%r11)
	movq	%rbp, D_GPR+40(%r11)
	movq	%r8, D_GPR+48(%r11)
	movq	%r9, D_GPR+56(%r11)
	movq	%r10, D_GPR+64(%r11)
	movq	%r12, D_GPR+80(%r11)
	movq	%r13, D_GPR+88(%r11)
	movq	%r14, D_GPR+96(%r11)
	movq	%r15, D_GPR+104(%r11)
	movq	%rdi, D_GPR+112(%r11)
	movq	-8(%rsp), %rax
	movq	%rax, D_GPR+120(%r11)
	movq	-128(%rsp), %rax
	movq	%rax, D_GPR+128(%r11)
	leaq	-128(%rsp), %rsp
	pushfq
	popq	D_GPR+136(%r11)
	leaq	128(%rsp), %rsp
	cld
	movq	(%rsp), %rax
	movq	%rax, D_GPR+72(%r11)
	rdfsbase %rax
	movq	%rax, D_GPR+144(%r11)
	rdgsbase %rax
	movq	%rax, D_GPR+152(%r11)
	ZMM 1
	kmovq	%k1, 2048(%r11)
	kmovq	%k2, 2056(%r11)
	kmovq	%k3, 2064(%r11)
	kmovq	%k4, 2072(%r11)
	kmovq	%k5, 2080(%r11)
	kmovq	%k6, 2088(%r11)
	kmovq	%k7, 2096(%r11)
	stmxcsr	2104(%r11)
	fnstcw	2108(%r11)
	fstpt	2112(%r11)
	fstpt	2128(%r11)
	fninit
	vzeroall
	addq	$8, %rsp
	jmp	finish

op_count:                             /* rdi = command */
	movq	A(0)(%rdi), %rax
	movq	A(1)(%rdi), %rcx
	xorl	%r8d, %r8d
	movq	$0x123456789abcdef, %rdx
	vmovq	%rdx, %xmm9
1:	lock incq (%rax)
	vmovq	%xmm9, %rsi
	cmpq	%rdx, %rsi
	je	2f
	incq	%r8
2:	decq	%rcx
	jnz	1b
	movq	%r8, A(2)(%rdi)
	jmp	finish

op_red_zone:
	movq	A(0)(%rdi), %rcx
	xorl	%r8d, %r8d
1:	movq	%rcx, -8(%rsp)
	movq	%rcx, -64(%rsp)
	movq	%rcx, -128(%rsp)
	pause
	cmpq	%rcx, -8(%rsp)
	jne	3f
	cmpq	%rcx, -64(%rsp)
	jne	3f
	cmpq	%rcx, -128(%rsp)
	je	2f
3:	incq	%r8
2:	decq	%rcx
	jnz	1b
	movq	%r8, A(1)(%rdi)
	jmp	finish

	.balign 4096
test_enclave_end:
	.section .note.GNU-stack, "", @progbits
