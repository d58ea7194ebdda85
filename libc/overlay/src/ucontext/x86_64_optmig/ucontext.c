/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getcontext, setcontext, makecontext and swapcontext, which musl leaves out and coroutines are made of. Here because nobody outside of the
 * libc can write them: who leaves a stack has to mark it (switch.S).
 *
 * Each thread knows where the stack that it runs on ends, which makecontext has written into the context: `__stack_end`, 0 for a thread's own. A
 * saved context has it in the first of mcontext's reserved words, setjmp's buffer at its offset 136 (setjmp.S, longjmp.S).
 */
#define _GNU_SOURCE
#include <ucontext.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

extern _Thread_local uint64_t __stack_end __attribute__((__visibility__("hidden")));

_Static_assert(sizeof(ucontext_t) == 936, "switch.S");

#define STACK_END(context) ((context)->uc_mcontext.__reserved1[0])

extern _Noreturn void __context_enter(const ucontext_t *, uint64_t left_end);
extern void __context_start(void);

int __getcontext_tail(ucontext_t *to)
{
	STACK_END(to) = __stack_end;
	return sigprocmask(SIG_SETMASK, NULL, &to->uc_sigmask);
}

static _Noreturn void enter(const ucontext_t *to)
{
	uint64_t left = __stack_end;
	__stack_end = STACK_END(to);
	__context_enter(to, left);
}

int setcontext(const ucontext_t *to)
{
	if (sigprocmask(SIG_SETMASK, &to->uc_sigmask, NULL)) return -1;
	enter(to);
}

int __swapcontext_tail(ucontext_t *from, const ucontext_t *to)
{
	STACK_END(from) = __stack_end;
	if (sigprocmask(SIG_SETMASK, &to->uc_sigmask, &from->uc_sigmask)) return -1;
	enter(to);
}

_Noreturn void __context_end(const ucontext_t *next)
{
	if (!next) exit(0);
	setcontext(next);
	abort();
}

void makecontext(ucontext_t *context, void (*function)(void), int count, ...)
{
	static const unsigned char registers[] = { REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_R9 };
	greg_t *gregs = context->uc_mcontext.gregs;
	uint64_t end = (uint64_t)context->uc_stack.ss_sp + context->uc_stack.ss_size;
	uint64_t *sp = (uint64_t *)((end - (count > 6 ? (uint64_t)count - 6 : 0) * 8) & ~15ull) - 1;
	va_list arguments;

	va_start(arguments, count);
	sp[0] = (uint64_t)__context_start;
	for (int i = 0; i < count; i++) {
		long value = va_arg(arguments, long);
		if (i < 6) gregs[registers[i]] = value;
		else sp[i - 5] = (uint64_t)value;
	}
	va_end(arguments);
	gregs[REG_RSP] = (greg_t)sp;
	gregs[REG_RIP] = (greg_t)function;
	gregs[REG_RBX] = (greg_t)context->uc_link;
	gregs[REG_RBP] = 0;
	STACK_END(context) = end;
}
