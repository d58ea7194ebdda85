/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that cut a safepoint interval in two: a store before one has no mark yet when the handler's safepoints come,
 * and a store that faults itself is done when its handler returns. The verify image and stops look for the marks.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 16, TURNS = 50 };
static sigjmp_buf back;
static unsigned char *pages;
static int *volatile nowhere;
static volatile unsigned jumped, opened;

static void jump(int signo)
{
	(void)signo;
	jumped++;
	siglongjmp(back, 1);
}

static void open_page(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	opened++;
	if (mprotect((void *)((unsigned long)info->si_addr & -4096ul), PAGE, PROT_READ | PROT_WRITE))
		_exit(3);
	getppid(); /* any system call: a safepoint */
}

/* One interval: a store, then a load that faults, then another store. */
__attribute__((noinline)) static void store_and_fault(unsigned char *p, int v)
{
	*(volatile int *)p = v;
	int x = *(volatile int *)nowhere;
	*(volatile int *)(p + 8 * PAGE) = x;
}

__attribute__((noinline)) static void store_twice(unsigned char *p, int v)
{
	*(volatile int *)p = v;
	*(volatile int *)(p + PAGE) = v;
}

int main(void)
{
	struct sigaction action = { .sa_handler = jump };
	unsigned sum = 0;

	pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || sigaction(SIGSEGV, &action, NULL))
		return 1;
	for (int turn = 1; turn <= TURNS; turn++)
		for (int i = 0; i < PAGES / 2; i++)
			if (!sigsetjmp(back, 1))
				store_and_fault(pages + i * PAGE, turn * i);
	memset(&action, 0, sizeof action);
	action.sa_sigaction = open_page;
	action.sa_flags = SA_SIGINFO;
	if (sigaction(SIGSEGV, &action, NULL))
		return 1;
	for (int turn = 1; turn <= TURNS; turn++)
		for (int i = 0; i < PAGES; i += 2) {
			if (mprotect(pages + i * PAGE, 2 * PAGE, PROT_READ))
				return 2;
			store_twice(pages + i * PAGE, turn + i);
		}
	for (int i = 0; i < PAGES; i++)
		sum = sum * 31 + (unsigned)*(int *)(pages + i * PAGE);
	printf("jumped %u opened %u sum %u\n", jumped, opened, sum);
	return 0;
}
