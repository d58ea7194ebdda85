/* SPDX-License-Identifier: Apache-2.0 */
/* A call that may throw ends a safepoint interval. Compiled with -fexceptions: the cleanup makes the call an invoke. Nothing is thrown
 * here, so there is no unwinder. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void _Unwind_Resume(void *exception) { (void)exception; abort(); }
int __gcc_personality_v0(int version) { return version; }

static int cleaned;
static void clean(int *p) { cleaned += *p; }
static void quiet(void) { (void)getpid(); }
static void (*volatile may_throw)(void) = quiet;

__attribute__((noinline)) static int twice(volatile int *p)
{
	__attribute__((cleanup(clean))) int kept = 1;

	*p = 1;
	may_throw();
	*p += 2;
	return *p;
}

int main(void)
{
	int *p = malloc(sizeof *p), sum = 0;

	for (int i = 0; i < 10; i++) sum += twice(p);
	printf("%d %d\n", sum, cleaned);
	free(p);
	return 0;
}
