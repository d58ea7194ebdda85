/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a debugger finds of a thread that was interrupted in an enclave of the hardware, without one: memory as TCS and SSA, and an ENCLU with
 * ERESUME in rax, which this CPU refuses (or which finds no enclave). The handler does what ERESUME would: one instruction if TF is in the SSA
 * frame. tests/integration/debug_aep puts gdb with sgx-ptrace.so on it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include "sgx_arch.h"

#define BASE   0x300000000000ull
#define TCS    (BASE + 0x20000)
#define STRIDE 0x20000

static struct sgx_gprsgx *volatile gpr;
volatile int steps, resumes;
volatile int go;

/* "Inside": where the SSA frame says that the thread is, called by a function whose frame is known. */
void inside_code(void);
__asm__ (".text\n.globl inside_code\n.type inside_code, @function\ninside_code:\n\t.cfi_startproc\n\tnop\n\tnop\n\tnop\n\tret\n\t.cfi_endproc\n"
	".size inside_code, . - inside_code\n");

static void refused(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)info, (void)context;
	resumes++;
	if (gpr->rflags & 0x100) {
		gpr->rip++;
		steps++;
	}
}

int main(void)
{
	static uint64_t stack[64];
	struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };
	uint8_t *memory = mmap((void *)BASE, 3 * STRIDE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	const uint64_t ossa = STRIDE + 0x1000;
	const uint32_t cssa = 2;
	const uint64_t xstate_bv = 3;

	if (memory == MAP_FAILED)
		return 1;
	memcpy((void *)(TCS + 16), &ossa, sizeof ossa);
	memcpy((void *)(TCS + 24), &cssa, sizeof cssa);
	gpr = (struct sgx_gprsgx *)(BASE + ossa + 2 * 0x1000) - 1;
	memset(memory + ossa + 0x1000, 0, 512);
	memcpy(memory + ossa + 0x1000 + 160, "enclave's xmm0 !", 16);
	memcpy(memory + ossa + 0x1000 + 512, &xstate_bv, sizeof xstate_bv);
	stack[32] = (uint64_t)main + 1;
	*gpr = (struct sgx_gprsgx) { .rax = 0x1111, .rbx = 0x2222, .r12 = 0x3333, .rip = (uint64_t)inside_code, .rsp = (uint64_t)&stack[32], .rflags = 0x202,
		.fsbase = 0x4444 };
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (!go)
		usleep(1000);
	__asm__ volatile (".globl aep\naep:\n\t.byte 0x0f, 0x01, 0xd7" : : "a"(3), "b"(TCS), "c"(0) : "memory");
	return 0;
}
