/* SPDX-License-Identifier: Apache-2.0 */
/* ucontext.c; a file of its own, for setjmp and longjmp need no more than this. */
#include <stdint.h>

__attribute__((__visibility__("hidden"))) _Thread_local uint64_t __stack_end;
