/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where patched ENCLU sites arrive. The site's call and the enclave's stub have pushed:
 *
 *     rsp + 0   struct emu_enclave *
 *     rsp + 8   return address: the instruction after ENCLU
 *
 * EEXIT and the EDMM leaves are done here. Everything else, and whatever must fault, executes an undefined
 * instruction at emu_enclu_trap; the signal handler then takes it as the ENCLU it stands for.
 */
#include "emu.h"
#include "sgx_arch.h"

	.text
	.globl	emu_enclu_entry, emu_enclu_trap
emu_enclu_entry:
	cmpq	$SGX_EEXIT, %rax
	je	eexit
	jb	emu_enclu_trap
	cmpq	$SGX_EACCEPTCOPY, %rax
	ja	emu_enclu_trap

	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	72(%rsp), %rdi
	movq	%rdx, %r8
	movq	%rax, %rsi
	movq	%rbx, %rdx
	call	emu_leaf_fast
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	testq	%rax, %rax
	js	2f
	leaq	16(%rsp), %rsp        /* RAX is the result now */
	/* ZF = (RAX != 0), CF = OF = SF = 0 */
	jz	1f
	cmpq	%rax, %rax
	ret
1:	cmpb	$0, emu_one(%rip)
	ret
2:	popq	%rax
emu_enclu_trap:
	ud2

eexit:
	pushq	%rdx
	movq	%rbx, %rdx            /* canonical: bits 63 to 47 are all equal; else #GP */
	sarq	$47, %rdx
	incq	%rdx
	cmpq	$1, %rdx
	ja	3f
	movq	8(%rsp), %rcx
	leaq	24(%rsp), %rdx        /* the stack pointer at the site */
	subq	ENC_BASE(%rcx), %rdx
	cmpq	ENC_SIZE(%rcx), %rdx
	jb	3f                    /* still on a stack of its own */
	movq	24(%rsp), %rdx
	cmpq	emu_cookie(%rip), %rdx
	jne	3f
	movq	32(%rsp), %rcx
	movq	ET_HOST_FS(%rcx), %rdx
	wrfsbase %rdx
	movq	ET_HOST_GS(%rcx), %rdx
	wrgsbase %rdx
	movq	ET_TCS(%rcx), %rdx
	movq	$0, ET_TCS(%rcx)
	movl	$0, TCS_BUSY(%rdx)
	popq	%rdx
	leaq	16(%rsp), %rsp
	leaq	emu_return(%rip), %rcx
	jmp	*%rbx
3:	popq	%rdx
	jmp	emu_enclu_trap

	.section .rodata
emu_one:
	.byte	1

	.section .note.GNU-stack, "", @progbits
