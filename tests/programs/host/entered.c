/* SPDX-License-Identifier: Apache-2.0 */
/* What an entry finds in x87 and SSE is not the host's, and the program's own rounding survives each host call: a host that enters with both full of
 * its own (tests/integration/hostile_entries.c) must not change a result. */
#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile long double one_x87 = 1, three_x87 = 3, tenth = 0.1L;
static volatile double one = 1, three = 3;
static int fds[2];

/* Leaves the enclave twice. */
static int call_host(void)
{
	char c = 'x';

	return write(fds[1], &c, 1) == 1 && read(fds[0], &c, 1) == 1 && c == 'x';
}

struct results { long double quotient, sum; double sse; int rounding; };

static void compute(struct results *r)
{
	long double a[8];

	memset(r, 0, sizeof *r);
	for (int i = 0; i < 8; i++)
		a[i] = tenth * i;
	/* As deep as the x87's stack. */
	r->sum = a[0] * three_x87 + (a[1] * three_x87 + (a[2] * three_x87 + (a[3] * three_x87 + (a[4] * three_x87 + (a[5] * three_x87 + a[6] * a[7])))));
	r->quotient = one_x87 / three_x87;
	r->sse = one / three;
	r->rounding = fegetround();
}

int main(void)
{
	static const int roundings[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
	int wrong = 0;

	if (pipe(fds))
		return 1;
	for (int i = 0; i < 400; i++) {
		struct results before, after;

		fesetround(roundings[i / 100]);
		compute(&before);
		if (!call_host())
			return 1;
		compute(&after);
		/* Padding is zero in both: long double has ten bytes. */
		wrong += memcmp(&before.quotient, &after.quotient, 10) || memcmp(&before.sum, &after.sum, 10) || before.sse != after.sse ||
			before.rounding != after.rounding || after.rounding != roundings[i / 100];
	}
	fesetround(FE_TONEAREST);
	printf("%.20Lg %.17g, %d wrong\n", one_x87 / three_x87, one / three, wrong);
	return wrong != 0;
}
