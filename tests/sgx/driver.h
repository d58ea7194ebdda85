/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's SGX driver and vDSO, with the emulator for the CPU (fakehw.c): their checks, in their order, with their errors.
 * Source: Linux 6.1, arch/x86/kernel/cpu/sgx/{ioctl,encl}.c, arch/x86/entry/vdso/vsgx.S.
 */
#ifndef OPTMIG_TESTS_SGX_DRIVER_H
#define OPTMIG_TESTS_SGX_DRIVER_H

#include <asm/sgx.h>
#include "../../tee/tee.h"

/* One open /dev/sgx_enclave. */
struct driver {
	struct tee_platform *emulator;   /* the caller's */
	unsigned interrupt_every;        /* a signal before each so-many-th page that is added; 0: never */
	struct tee_enclave *enclave;     /* NULL: not created */
	uint64_t base, size;
	bool initialized;
	uint8_t *vetted;                 /* per page: SECINFO's R, W, X at EADD (a TCS: R and W), DRIVER_NOT_ADDED: it was not */
	unsigned pages_seen;
};
#define DRIVER_NOT_ADDED 0xff

/* As ioctl(2): 0, or -1 with errno. */
int driver_ioctl(struct driver *d, unsigned long request, void *argument);
/* What mmap and mprotect may give in [start, end): no more than each page was added with. */
bool driver_may_map(const struct driver *d, uint64_t start, uint64_t end, int protection);
/* The last reference is gone. */
void driver_release(struct driver *d);
/* The enclave that driver_enter() enters; the CPU knows it by the TCS. */
void driver_select(struct driver *d);
/* __vdso_sgx_enter_enclave. */
int driver_enter(unsigned long rdi, unsigned long rsi, unsigned long rdx, unsigned int function, unsigned long r8,
	unsigned long r9, struct sgx_enclave_run *run);

#endif
