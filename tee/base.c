/* SPDX-License-Identifier: Apache-2.0 */
#include <cpuid.h>
#include <stdarg.h>
#include <stdio.h>
#include "base.h"
#include "hostcall.h"
#include "sgx_arch.h"
#include "tee.h"

static __thread char last_error[256];

int tee_fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_error, sizeof last_error, format, args);
	va_end(args);
	return error;
}

const char *tee_last_error(void)
{
	return last_error;
}

uint64_t tee_cpu_xfrm(void)
{
	uint32_t a, b, c, d, lo, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return SGX_XFRM_LEGACY;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (((uint64_t)hi << 32) | lo) & SGX_XFRM_AVX512;
}

uint64_t tee_cpu_features(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) ? OM_CPU_SHANI : 0;
}

uint32_t tee_cpu_xsave_size(uint64_t xfrm)
{
	uint32_t end = 576;

	for (uint32_t i = 2; i < 63; i++) {
		uint32_t size, offset, c, d;

		if (!(xfrm >> i & 1) || !__get_cpuid_count(0xd, i, &size, &offset, &c, &d))
			continue;
		if (offset + size > end)
			end = offset + size;
	}
	return end;
}
