/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines: each has a stack of its own that lies still while others run, and variables on it that have changed since the last round of a move.
 * Half of them are left and entered by swapcontext, the others by setjmp and longjmp, which is faster and what OpenSSL does.
 * A few run in turn for a while, then the next few, so that most are always left. Each checks what it kept, and what it was called with.
 *
 * Prints "beat N" until SIGTERM, and then "coroutines ok".
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

enum { COUNT = 96, STACK = 32 * 1024, WORDS = 1500, TOGETHER = 6 };

static struct coroutine {
	ucontext_t context;
	jmp_buf point;
	char *stack;
	unsigned long calls;
	int ended;
} coroutines[COUNT];
static ucontext_t main_context;
static jmp_buf main_point;
static struct coroutine *current;
static int leave;
static volatile sig_atomic_t told;

static void on_term(int signo)
{
	(void)signo;
	told = 1;
}

static void fail(const char *what)
{
	printf("FAIL: %s, coroutine %td\n", what, current - coroutines);
	exit(1);
}

static int jumps(const struct coroutine *c)
{
	return (c - coroutines) % 2;
}

static void yield(void)
{
	struct coroutine *c = current;
	if (jumps(c)) {
		if (!_setjmp(c->point)) _longjmp(main_point, 1);
	} else if (swapcontext(&c->context, &main_context)) fail("swapcontext");
	if (current != c) fail("another one's context");
}

static void run(int a, int b, int c, int d, int e, int f, int g, int h)
{
	unsigned kept[WORDS];
	volatile double fraction = a + 0.5;
	unsigned long calls = 0;

	if (b != a + 1 || c != a + 2 || d != a + 3 || e != a + 4 || f != a + 5 || g != a + 6 || h != a + 7) fail("arguments");
	for (unsigned i = 0; i < WORDS; i++) kept[i] = i * 7u + (unsigned)a;
	while (!leave) {
		for (unsigned i = 0; i < WORDS; i++) kept[i] = kept[i] * 3u + 1u;
		calls++;
		yield();
		if (calls + 1 != current->calls || fraction != a + 0.5) fail("variables");
		unsigned want = 5u * 7u + (unsigned)a;
		for (unsigned long i = 0; i < calls; i++) want = want * 3u + 1u;
		if (kept[5] != want) fail("an array");
		unsigned step = kept[1] - kept[0];
		for (unsigned i = 1; i < WORDS; i++) if (kept[i] - kept[i - 1] != step) fail("an array");
	}
	current->ended = 1;
	if (jumps(current)) _longjmp(main_point, 1);
}

static void resume(struct coroutine *c)
{
	current = c;
	c->calls++;
	if (!jumps(c)) {
		if (swapcontext(&main_context, &c->context)) fail("swapcontext");
	} else if (!_setjmp(main_point)) {
		if (c->calls == 1) setcontext(&c->context);
		_longjmp(c->point, 1);
	}
}

/* A context may be entered again and again, from where it was never left, and has a signal mask. */
static void once(void)
{
	ucontext_t here;
	sigset_t none, usr1, now;
	volatile int times = 0;

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_SETMASK, &none, NULL);
	getcontext(&here);
	sigprocmask(SIG_BLOCK, NULL, &now);
	if (sigismember(&now, SIGUSR1)) fail("the signal mask");
	sigprocmask(SIG_SETMASK, &usr1, NULL);
	if (++times < 3) setcontext(&here);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int main(void)
{
	signal(SIGTERM, on_term);
	once();
	for (int i = 0; i < COUNT; i++) {
		struct coroutine *c = &coroutines[i];
		getcontext(&c->context);
		c->stack = malloc(STACK);
		memset(c->stack, 0, STACK);
		c->context.uc_stack.ss_sp = c->stack;
		c->context.uc_stack.ss_size = STACK;
		c->context.uc_link = &main_context;
		makecontext(&c->context, (void (*)(void))run, 8, i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7);
	}
	int first = 0;
	for (unsigned long beat = 0; beat < 20 || !told; beat++) {
		for (int turn = 0; turn < 20; turn++)
			for (int i = 0; i < TOGETHER; i++) resume(&coroutines[(first + i) % COUNT]);
		first = (first + TOGETHER) % COUNT;
		printf("beat %lu\n", beat);
		fflush(stdout);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	leave = 1;
	for (int i = 0; i < COUNT; i++) {
		current = &coroutines[i];
		resume(current);
		if (!current->ended) fail("one that has not ended");
	}
	puts("coroutines ok");
	return 0;
}
