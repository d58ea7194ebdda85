// SPDX-License-Identifier: Apache-2.0
// RUN: not %cc -c -o /dev/null %s 2>&1 | FileCheck %s
// CHECK: OptMig cannot see what memory this assembly writes (.byte 0x0f, 0xae, 0x27); declare it as an output
void f(char *p, unsigned long n) { __asm__ volatile(".byte 0x0f, 0xae, 0x27" :: "D"(p), "a"(-1), "d"(-1) : "memory"); }
