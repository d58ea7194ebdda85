/* SPDX-License-Identifier: Apache-2.0 */
/* The floating-point environment, of x87 and SSE alike. */
#include <fenv.h>

static unsigned read_mxcsr(void)
{
	unsigned value;
	__asm__ volatile ("stmxcsr %0" : "=m"(value));
	return value;
}

static void write_mxcsr(unsigned value)
{
	__asm__ volatile ("ldmxcsr %0" : : "m"(value));
}

static unsigned read_status(void)
{
	unsigned short value;
	__asm__ volatile ("fnstsw %0" : "=a"(value));
	return value;
}

/* All exceptions are kept in MXCSR; x87's can only be cleared together. */
int feclearexcept(int mask)
{
	unsigned cleared = (unsigned)mask & FE_ALL_EXCEPT, status = read_status() & FE_ALL_EXCEPT;
	if (status & cleared) __asm__ volatile ("fnclex");
	unsigned all = read_mxcsr() | status;
	if (all & cleared) write_mxcsr(all & ~cleared);
	return 0;
}

int feraiseexcept(int mask)
{
	write_mxcsr(read_mxcsr() | ((unsigned)mask & FE_ALL_EXCEPT));
	return 0;
}

int fetestexcept(int mask)
{
	return (int)((read_mxcsr() | read_status()) & (unsigned)mask & FE_ALL_EXCEPT);
}

int fegetround(void)
{
	return (int)(read_mxcsr() >> 3 & 0xc00);
}

__attribute__((__visibility__("hidden"))) int __fesetround(int round)
{
	unsigned short control;
	__asm__ volatile ("fnstcw %0" : "=m"(control));
	control = (unsigned short)((control & ~0xc00u) | ((unsigned)round & 0xc00));
	__asm__ volatile ("fldcw %0" : : "m"(control));
	write_mxcsr((read_mxcsr() & ~0x6000u) | ((unsigned)round & 0xc00) << 3);
	return 0;
}

int fegetenv(fenv_t *env)
{
	__asm__ volatile ("fnstenv %0" : "=m"(*env));
	env->__mxcsr = read_mxcsr();
	return 0;
}

int fesetenv(const fenv_t *env)
{
	static const fenv_t initial = { .__control_word = 0x37f, .__tags = 0xffff, .__mxcsr = 0x1f80 };
	if (env == FE_DFL_ENV) env = &initial;
	__asm__ volatile ("fldenv %0" : : "m"(*env));
	write_mxcsr(env->__mxcsr);
	return 0;
}
