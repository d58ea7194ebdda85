// SPDX-License-Identifier: Apache-2.0
// RUN: not %cc -c -o /dev/null %s 2>&1 | FileCheck %s
// CHECK: OptMig cannot see what memory this assembly writes (xchgq ($0), $1); declare it as an output
void f(char *p, unsigned long n) { __asm__ volatile("xchgq (%0), %1" :: "r"(p), "r"(n) : "memory"); }
