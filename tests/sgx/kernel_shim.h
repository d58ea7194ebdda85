/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes before each file of the kernel's selftests of SGX: what they have of the kernel's own headers (linux/bits.h and
 * linux/types.h), and CPUID, which is an instruction and cannot be taken over at link time as the calls are (kernel_shim.c).
 */
#ifndef OPTMIG_TESTS_SGX_KERNEL_SHIM_H
#define OPTMIG_TESTS_SGX_KERNEL_SHIM_H

#ifndef __ASSEMBLER__
#include <cpuid.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#define BIT(n)  (1ul << (n))
#define GENMASK_ULL(high, low) ((~0ull << (low)) & (~0ull >> (63 - (high))))
#define GENMASK(high, low) ((unsigned long)GENMASK_ULL(high, low))

void shim_cpuid(unsigned leaf, unsigned subleaf, unsigned *a, unsigned *b, unsigned *c, unsigned *d);
#undef __cpuid_count
#define __cpuid_count(leaf, subleaf, a, b, c, d) shim_cpuid(leaf, subleaf, &(a), &(b), &(c), &(d))

#endif
#endif
