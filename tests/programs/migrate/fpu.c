/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector registers, MXCSR, x87 control word and mask registers live across safepoints: any that a migration loses
 * changes the result, which must equal that of an undisturbed run.
 *     fpu ROUNDS      prints "beat" lines and at the end "result HEX"
 */
#include <fenv.h>
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 2000000

/* Eight accumulators: more than a loop can keep anywhere but in registers. */
__attribute__((target("avx2,fma"), noinline))
static uint64_t vectors(uint64_t seed)
{
	__m256d a[8];
	double out[32];
	uint64_t hash = 0, bits;

	for (int i = 0; i < 8; i++)
		a[i] = _mm256_set_pd(1.0 + i, 0.5 + (double)(seed & 15), 0.25, 3.0 / (i + 1));
	for (int n = 0; n < STEPS; n++)
		for (int i = 0; i < 8; i++)
			a[i] = _mm256_fmadd_pd(a[i], _mm256_set1_pd(0.999999), _mm256_set1_pd(1e-3 * (i + 1)));
	for (int i = 0; i < 8; i++)
		_mm256_storeu_pd(out + 4 * i, a[i]);
	for (int i = 0; i < 32; i++) {
		memcpy(&bits, &out[i], sizeof bits);
		hash = hash * 1099511628211u ^ bits;
	}
	return hash;
}

/* The rounding mode changes the last bits of every step, in SSE and in x87. */
__attribute__((noinline))
static uint64_t rounding(int mode)
{
	volatile double x = 1.0;
	volatile long double y = 1.0L;
	uint64_t bits, more = 0;
	double d;

	if (fesetround(mode))
		return 0;
	for (int n = 1; n < STEPS / 20; n++) {
		x = x + 1.0 / n / 3.0;
		y = y * 1.0000001L + 0.3L / n;
		if (fegetround() != mode)
			return 1;
	}
	fesetround(FE_TONEAREST);
	d = x;
	memcpy(&bits, &d, sizeof bits);
	d = (double)y;
	memcpy(&more, &d, sizeof more);
	return bits * 31 + more;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 100;
	static const int modes[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST };
	uint64_t hash = 14695981039346656037u;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	for (long i = 0; i < rounds; i++) {
		hash = hash * 1099511628211u ^ vectors((uint64_t)i);
		hash = hash * 1099511628211u ^ rounding(modes[i % 4]);
		printf("beat %ld\n", i + 1);
	}
	printf("result %016llx\n", (unsigned long long)hash);
	return 0;
}
