/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common.h"
#include "hostcall.h"

_Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

uint64_t cpu_features(void)
{
	uint64_t f = OM_CPU_AESNI;
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2"))
		f |= OM_CPU_AVX2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
		f |= OM_CPU_AVX512;
	if (__builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq"))
		f |= OM_CPU_VAES;
	return f;
}
