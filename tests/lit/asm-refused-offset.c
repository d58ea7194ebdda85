// SPDX-License-Identifier: Apache-2.0
// RUN: not %cc -c -o /dev/null %s 2>&1 | FileCheck %s
// CHECK: OptMig cannot see what memory this assembly writes (movq $1, 8+$0); declare it as an output
void f(char *p, unsigned long n) { __asm__ volatile("movq %1, 8+%0" :: "m"(*p), "r"(n) : "memory"); }
