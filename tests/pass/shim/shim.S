/* SPDX-License-Identifier: Apache-2.0 */
/* Entry points of the shim (see shim.c). The C side is compiled for general registers only, so vector state is safe. */
#include "marks.h"

	.text
	.macro SAVE_ALL
	pushfq
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	mov %rsp, %rbp
	and $-16, %rsp
	cld
	.endm
	.macro RESTORE_ALL
	mov %rbp, %rsp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	popfq
	.endm

	.global optmig_entry
optmig_entry:
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	call shim_init
	mov %rbx, %rsp
	jmp _start

	.global __optmig_safepoint
__optmig_safepoint:
	testb $OM_ATTENTION_POLL, __optmig_attention(%rip)
	jnz 1f
	ret
1:	SAVE_ALL
	call shim_safepoint
	RESTORE_ALL
	ret

	.global __optmig_range
__optmig_range:
	SAVE_ALL
	call shim_range
	RESTORE_ALL
	ret

	.global __optmig_verify_store
__optmig_verify_store:
	SAVE_ALL
	mov 96(%rbp), %rdx		/* return address: where the store is */
	call shim_verify_store
	RESTORE_ALL
	ret

	.global __optmig_cpuid
__optmig_cpuid:
	pushfq
	cpuid
	popfq
	ret

	.global __optmig_syscall_asm
__optmig_syscall_asm:
	pushfq
	syscall
	popfq
	ret

	.global __optmig_syscall
__optmig_syscall:
	cmp $0x1004, %rdi		/* OM_SYS_SIGRETURN: the kernel's frame is above the return address */
	jne 1f
	add $8, %rsp
	mov $15, %eax
	syscall
1:	jmp shim_syscall

/* long shim_clone(struct om_clone *, void (*start)(struct om_clone *)) */
	.global shim_clone
shim_clone:
	mov (%rdi), %r11		/* fn */
	mov 24(%rdi), %r9		/* arg */
	mov %rdi, %rcx
	mov 8(%rcx), %rsi		/* stack_top */
	and $-16, %rsi
	mov 16(%rcx), %rdi		/* flags */
	mov 32(%rcx), %rdx		/* parent_tid */
	mov 48(%rcx), %r10		/* child_tid */
	mov 40(%rcx), %r8		/* tls */
	push %r12
	mov %r11, %r12
	mov $56, %eax
	syscall
	test %eax, %eax
	jz 2f
	pop %r12
	ret
2:	xor %ebp, %ebp
	mov %r9, %rdi
	call *%r12
	mov %eax, %edi
	mov $60, %eax
	syscall
	ud2
	OPTMIG_MARKS
	.section .note.GNU-stack,"",@progbits
