/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For C programs that contain what the compiler pass cannot see: inline assembly that writes through a pointer it has
 * not declared as an output, or intrinsics unknown to the pass. Ordinary C needs nothing of this. The header may be
 * included with any compiler; elsewhere the macros do nothing.
 *
 *   OPTMIG_MARK(pointer, size)   marks the bytes as written. Has to stand in the same safepoint interval as the write:
 *                                no call and no loop between the two. A size of 0 marks nothing.
 *   OPTMIG_ASM_MARKED            first string of an assembly template whose writes have been marked so:
 *                                    OPTMIG_MARK(to, size);
 *                                    __asm__ volatile (OPTMIG_ASM_MARKED "rep movsb" : "+D"(to), ... : : "memory");
 *   OPTMIG_MARKS_ITSELF          attribute of a function: it has marked all that the pass would refuse.
 *   OPTMIG_NOT_INSTRUMENTED      attribute of a function: neither marks nor polls are added; it does all by hand.
 *   OPTMIG_SAFEPOINT()           a safepoint, for such functions that run long.
 */
#ifndef OPTMIG_H
#define OPTMIG_H

#include <stddef.h>

#ifdef __OPTMIG__
#define OPTMIG_ASM_MARKED "# optmig:marked\n\t"
#define OPTMIG_MARKS_ITSELF __attribute__((__annotate__("optmig:marked")))
#define OPTMIG_NOT_INSTRUMENTED __attribute__((__annotate__("optmig:off"), __noinline__))

/* abi/passrt.h: bits 0..5 ask for a safepoint, bits 6..7 for marks. */
extern volatile unsigned char __optmig_attention __attribute__((__visibility__("hidden")));

#define OPTMIG_MARK(pointer, size) do { \
	size_t __optmig_at = (size_t)(pointer), __optmig_size = (size); \
	if ((__optmig_attention & 0xc0) && __optmig_size) \
		__asm__ volatile (OPTMIG_ASM_MARKED \
			"leaq -128(%%rsp),%%rsp\n\tcall __optmig_range\n\tleaq 128(%%rsp),%%rsp" \
			: : "D"(__optmig_at), "S"(__optmig_at + __optmig_size) : "memory", "cc"); \
} while (0)

#ifdef OPTMIG_BARE
#define OPTMIG_SAFEPOINT() ((void)0)
#else
#define OPTMIG_SAFEPOINT() do { \
	if (__builtin_expect(__optmig_attention & 0x3f, 0)) \
		__asm__ volatile ("leaq -128(%%rsp),%%rsp\n\tcall __optmig_safepoint\n\tleaq 128(%%rsp),%%rsp" : : : "memory", "cc"); \
} while (0)
#endif
#else
#define OPTMIG_ASM_MARKED ""
#define OPTMIG_MARKS_ITSELF
#define OPTMIG_NOT_INSTRUMENTED
#define OPTMIG_MARK(pointer, size) ((void)0)
#define OPTMIG_SAFEPOINT() ((void)0)
#endif

#endif
