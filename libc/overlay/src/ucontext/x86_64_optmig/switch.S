/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts (ucontext.c): what C cannot say. Registers are saved where ucontext_t has them, as glibc does; it is 936 bytes.
 *
 * A live stack's writes leave no marks: the runtime finds it by its thread when that parks. A stack that is left lies still, and nobody would
 * find it. So it is marked here, from the stack pointer up to the end that makecontext was told, with no safepoint before it is left.
 */
#include "optmig-asm.h"
	OPTMIG_ASM_MARKS
#define SIZE 936
#define R8 40
#define R9 48
#define R12 72
#define R13 80
#define R14 88
#define R15 96
#define RDI 104
#define RSI 112
#define RBP 120
#define RBX 128
#define RDX 136
#define RCX 152
#define RSP 160
#define RIP 168
#define FPREGS 224
#define FPMEM 424
#define MXCSR (FPMEM + 24)
	.text

/* Saves the caller's registers in (%rdi), as they are when this call has returned. Keeps rdi and rsi. */
.macro SAVE
	OPTMIG_CARD_MARK (%rdi), %rax
	OPTMIG_CARD_MARK (SIZE - 1)(%rdi), %rax
	mov %rbx, RBX(%rdi)
	mov %rbp, RBP(%rdi)
	mov %r12, R12(%rdi)
	mov %r13, R13(%rdi)
	mov %r14, R14(%rdi)
	mov %r15, R15(%rdi)
	lea 8(%rsp), %rdx
	mov %rdx, RSP(%rdi)
	mov (%rsp), %rdx
	mov %rdx, RIP(%rdi)
	lea FPMEM(%rdi), %rdx
	mov %rdx, FPREGS(%rdi)
	fnstcw FPMEM(%rdi)
	stmxcsr MXCSR(%rdi)
.endm

	.global getcontext, swapcontext, __context_enter, __context_start
	.hidden __getcontext_tail, __swapcontext_tail, __context_enter, __context_start, __context_end
	.type getcontext,@function
	.type swapcontext,@function
	.type __context_enter,@function
	.type __context_start,@function
getcontext:
	.cfi_startproc
	SAVE
	jmp __getcontext_tail
	.cfi_endproc
	.size getcontext, .-getcontext

swapcontext:
	.cfi_startproc
	SAVE
	jmp __swapcontext_tail
	.cfi_endproc
	.size swapcontext, .-swapcontext

/* Sections of their own: what they call is not what the others call (tests/toolchain/libc_cycles). */
	.section .text.__context_enter,"ax",@progbits
/* rdi: the context to enter. rsi: where the stack that is left ends, 0 for a thread's own, which the runtime knows. */
__context_enter:
	testb $0xc0, __optmig_attention(%rip)
	jz 1f
	test %rsi, %rsi
	jz 1f
	mov %rdi, %rbx
	mov %rsp, %rdi
	sub $8, %rsp
	call __optmig_range
	mov %rbx, %rdi
1:	fldcw FPMEM(%rdi)
	ldmxcsr MXCSR(%rdi)
	mov RBX(%rdi), %rbx
	mov RBP(%rdi), %rbp
	mov R12(%rdi), %r12
	mov R13(%rdi), %r13
	mov R14(%rdi), %r14
	mov R15(%rdi), %r15
	mov RSP(%rdi), %rsp
	mov RIP(%rdi), %r11
	mov RSI(%rdi), %rsi
	mov RDX(%rdi), %rdx
	mov RCX(%rdi), %rcx
	mov R8(%rdi), %r8
	mov R9(%rdi), %r9
	mov RDI(%rdi), %rdi
	xor %eax, %eax
	jmp *%r11
	.size __context_enter, .-__context_enter

	.section .text.__context_start,"ax",@progbits
/* What a context's function returns to: rbx is the context that follows it. No frame is above. */
	.cfi_startproc
	.cfi_undefined rip
	nop
__context_start:
	mov %rbx, %rdi
	call __context_end
	ud2
	.cfi_endproc
	.size __context_start, .-__context_start
	.section .note.GNU-stack,"",@progbits
