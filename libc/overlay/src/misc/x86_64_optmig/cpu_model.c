/* SPDX-License-Identifier: Apache-2.0 */
/* What __builtin_cpu_supports() and __builtin_cpu_is() read, normally from compiler-rt. The answers are those of the
 * runtime's virtual CPU: the same on every host that an image may move to. Bits: LLVM's X86TargetParser.def. */
#include <stdint.h>

struct { unsigned vendor, type, subtype, features[1]; } __cpu_model;
unsigned __cpu_features2[3];

enum { CMOV, MMX, POPCNT, SSE, SSE2, SSE3, SSSE3, SSE4_1, SSE4_2, AES = 18, PCLMUL = 19 };
enum { VENDOR_OTHER = 3 };

int __cpu_indicator_init(void)
{
	static const struct { unsigned char edx, bit, feature; } map[] = {
		{1, 15, CMOV}, {1, 23, MMX}, {1, 25, SSE}, {1, 26, SSE2}, {0, 0, SSE3}, {0, 9, SSSE3},
		{0, 19, SSE4_1}, {0, 20, SSE4_2}, {0, 23, POPCNT}, {0, 25, AES}, {0, 1, PCLMUL},
	};
	uint32_t a = 1, b, c = 0, d;
	if (__cpu_model.vendor) return 0;
	__asm__ ("leaq -128(%%rsp),%%rsp\n\tcall __optmig_cpuid\n\tleaq 128(%%rsp),%%rsp" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	for (unsigned i = 0; i < sizeof map / sizeof *map; i++)
		if ((map[i].edx ? d : c) >> map[i].bit & 1) __cpu_model.features[0] |= 1u << map[i].feature;
	__cpu_model.vendor = VENDOR_OTHER;
	return 0;
}

__attribute__((__constructor__(101))) static void init(void)
{
	__cpu_indicator_init();
}
