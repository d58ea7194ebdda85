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
#include "soft.h"
#include "sgx_arch.h"

	.text
/* emu_leaf_fast(enclave, leaf, rbx, rcx, rdx), with @offset bytes pushed since the entry. All but RAX and the flags survive. */
.macro CALL_LEAF offset
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	movq	64+\offset(%rsp), %rdi
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
.endm

	.globl	emu_enclu_entry, emu_enclu_trap
emu_enclu_entry:
	pushq	%rcx
	leaq	-SGX_EMODPE(%rax), %rcx
	jrcxz	emodpe                /* which leaves even the flags alone */
	popq	%rcx
	cmpq	$SGX_EEXIT, %rax
	je	eexit
	jb	emu_enclu_trap
	cmpq	$SGX_EACCEPTCOPY, %rax
	ja	emu_enclu_trap
	pushq	%rax
	CALL_LEAF 8
	js	2f
	leaq	16(%rsp), %rsp        /* RAX is the result now */
	/* ZF = (RAX != 0), CF = PF = AF = OF = SF = 0 */
	jz	1f
	pushfq                        /* no arithmetic gives ZF without PF */
	andq	$~0x8d5, (%rsp)
	orq	$0x40, (%rsp)
	popfq
	ret
1:	cmpb	$0, emu_one(%rip)
	ret
2:	popq	%rax
emu_enclu_trap:
	ud2

emodpe:
	popq	%rcx
	pushfq
	pushq	%rax
	CALL_LEAF 16
	popq	%rax
	js	4f
	popfq
	leaq	8(%rsp), %rsp
	ret
4:	popfq
	jmp	emu_enclu_trap

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
