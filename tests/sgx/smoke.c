/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>
#include "harness.h"
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
int main(void)
{
	struct command c = { .op = OP_ENTRY };
	open_platform();
	enclave_up();
	do_command(0, &c);
	for (int i = 0; i < 10; i++) printf("%lx ", c.a[i]);
	puts("");
	double t = now();
	for (int i = 0; i < 1000000; i++) do_command(0, &c);
	printf("enter+exit %.1f ns\n", (now() - t) * 1e3);
	c = (struct command){ .op = OP_LOAD, .a = { T_BASE + T_RODATA } };
	do_command(0, &c);
	CHECK_EQ(c.a[1], 0xa5);
	c = (struct command){ .op = OP_LOAD, .a = { T_BASE + T_HEAP } };
	must_fault(0, &c, 14, 0x8005, T_BASE + T_HEAP);
	CHECK_EQ(eaccept(0, 0x20b, T_BASE + T_HEAP), 0);
	do_command(0, &c);
	CHECK_EQ(c.a[1], 0);
	t = now();
	for (int i = 1; i < 3000; i++)
		if (eaccept(0, 0x20b, T_BASE + T_HEAP + 4096 * i)) abort();
	printf("eaccept incl 2 entries %.1f ns\n", (now() - t) * 1e9 / 3000);
	return finish_tests("smoke");
}
