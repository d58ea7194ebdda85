/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that enters where it should not: optmig with another tee_enter (-Wl,--wrap). After each exception it enters the handler once more
 * before it resumes; SIGUSR2 reaches the program as a fault at an address of the host's choice; calls that there are not are made; an
 * enclave that has refused to go on is entered again; and x87 and SSE are left as no program wants them.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "errors.h"
#include "hostcall.h"
#include "sgx_arch.h"
#include "tee.h"

int __real_tee_enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8, uint64_t r9,
	struct tee_run *run);
int __wrap_tee_enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8, uint64_t r9,
	struct tee_run *run);

static void once(atomic_bool *said, const char *words)
{
	if (!atomic_exchange(said, true))
		dprintf(2, "hostile: %s\n", words);
}

/* Single precision, rounding towards zero, a full stack, a pending flag; SSE that rounds towards zero. */
static int enter_soiled(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8, uint64_t r9,
	struct tee_run *run)
{
	const uint16_t control = 0xc7f;
	const uint32_t rounding = 0x7f80, usual = 0x1f80;
	int error;

	__asm__ volatile ("fninit\n\tfldcw %0\n\t.rept 9\n\tfld1\n\t.endr\n\tldmxcsr %1" : : "m"(control), "m"(rounding));
	error = __real_tee_enter(enclave, leaf, rdi, rsi, rdx, r8, r9, run);
	__asm__ volatile ("fninit\n\tldmxcsr %0" : : "m"(usual));
	return error;
}

int __wrap_tee_enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8, uint64_t r9,
	struct tee_run *run)
{
	static atomic_bool twice, fault, unknown, ended;
	static _Atomic uint64_t asked;
	struct om_tbuf *tbuf = (struct om_tbuf *)rsi;
	bool exception = leaf == SGX_EENTER && (rdi == OM_ECALL_EXCEPTION || (rdi == OM_ECALL_RETURN && rdx == OM_TBUF_SIZE_EXC));
	struct tee_run again = { .tcs = run->tcs };
	int error;

	if (leaf == SGX_EENTER && rdi == OM_ECALL_SIGNAL && r8 == SIGUSR2) {
		if (!atomic_exchange(&asked, rsi)) {
			rdi = 99;                      /* instead of the first one */
		} else {
			r8 = SIGSEGV;
			r9 = 1;                        /* SEGV_MAPERR */
			tbuf->arg[0] = 0xdead0000;
			once(&fault, "a fault was invented");
		}
	}
	error = enter_soiled(enclave, leaf, rdi, rsi, rdx, r8, r9, run);
	if (!error && rsi == atomic_load(&asked) && run->function == SGX_EEXIT && tbuf->exit == OM_EXIT_DONE && tbuf->ret == OM_EINVAL)
		once(&unknown, "an unknown call was refused");
	if (!error && run->function == SGX_EEXIT && tbuf->exit == OM_EXIT_FATAL && !atomic_load(&ended)) {
		const uint32_t calls[] = { OM_ECALL_THREAD, OM_ECALL_SIGNAL };

		for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
			tbuf->exit = 0;
			again = (struct tee_run){ .tcs = run->tcs };
			if (__real_tee_enter(enclave, SGX_EENTER, calls[i], rsi, rdx, 0, 0, &again) || again.function != SGX_EEXIT ||
			    tbuf->exit != OM_EXIT_FATAL)
				abort();
		}
		once(&ended, "what has ended stays so");
	}
	if (error || !exception || run->function != SGX_EEXIT || tbuf->exit != OM_EXIT_DONE)
		return error;
	if (__real_tee_enter(enclave, leaf, OM_ECALL_EXCEPTION, rsi, rdx, 0, 0, &again) || again.function != SGX_EEXIT || tbuf->exit != OM_EXIT_DONE)
		abort();
	once(&twice, "an exception was entered twice");
	return 0;
}
