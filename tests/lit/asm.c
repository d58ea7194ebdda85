// SPDX-License-Identifier: Apache-2.0
// RUN: %cc -S -emit-llvm -o - %s | FileCheck %s
#include "optmig.h"
// Declared memory outputs are marked.
// CHECK-LABEL: @output(
// CHECK: call void asm sideeffect "movl $$1, $0"
// CHECK: call __optmig_mark16_${0:V}
void output(int *p) { __asm__ volatile("movl $1, %0" : "=m"(*p)); }
// Registers only; barriers; fences; a locked instruction on the stack; reads through a pointer.
// CHECK-LABEL: @benign(
// CHECK-NOT: {{addrspace\(256\)|__optmig}}
// CHECK: ret
int benign(int x, const int *p)
{
	int y;
	__asm__("bsr %1, %0" : "=r"(y) : "r"(x));
	__asm__ volatile("" ::: "memory");
	__asm__ volatile("mfence; pause\n\tlock; addl $0, 0(%%rsp)" ::: "memory", "cc");
	__asm__ volatile("movl (%1), %0\n\tcmpl $3, (%1)" : "=r"(y) : "r"(p) : "memory", "cc");
	return y;
}
// With a memory clobber, an operand declared as input counts as written.
// CHECK-LABEL: @input(
// CHECK: call __optmig_mark
void input(int *p) { __asm__ volatile("lock; incl %0" :: "m"(*p) : "memory", "cc"); }
// Annotated.
// CHECK-LABEL: @annotated(
// CHECK: call __optmig_range
// CHECK: rep stosb
void annotated(char *p, unsigned long n)
{
	OPTMIG_MARK(p, n);
	__asm__ volatile(OPTMIG_ASM_MARKED "rep stosb" : "+D"(p), "+c"(n) : "a"(0) : "memory");
}
// CHECK-LABEL: @off(
// CHECK-NOT: {{addrspace\(256\)|__optmig}}
// CHECK: ret
OPTMIG_NOT_INSTRUMENTED void off(int *p) { *p = 1; }
