/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware SGX through Linux. Everything that needs the driver, the vDSO or the CPU goes through struct hw_os, so that
 * the tests can answer in its place and run the whole path on machines without SGX.
 */
#ifndef OPTMIG_TEE_HW_H
#define OPTMIG_TEE_HW_H

#include <asm/sgx.h>
#include "../tables.h"

struct hw_os {
	/* NULL: usable; else why not, in words. */
	const char *(*unavailable)(void);
	int   (*open_device)(void);                              /* descriptor, or -1 with errno */
	int   (*close)(int fd);
	int   (*ioctl)(int fd, unsigned long request, void *argument); /* as ioctl(2) */
	/* mmap(2) of the device (fd >= 0), or of nothing, at exactly `address`; MAP_FAILED with errno. */
	void *(*map)(uint64_t address, uint64_t size, int protection, int fd);
	int   (*unmap)(uint64_t address, uint64_t size);
	vdso_sgx_enter_enclave_t (*enter_function)(void);        /* the vDSO's */
	void  (*capabilities)(struct tee_capabilities *ret_caps);
};

extern const struct hw_os hw_linux;
/* For tests: takes the place of hw_linux from the next tee_platform_open() on. NULL: back to it. */
void hw_set_os(const struct hw_os *os);

/* vdso.S: calls the vDSO's function and keeps what it does not: r12-r15, MXCSR, x87 control word, DF. */
int hw_call_vdso(unsigned long rdi, unsigned long rsi, unsigned long rdx, unsigned int function, unsigned long r8,
	unsigned long r9, struct sgx_enclave_run *run, vdso_sgx_enter_enclave_t enter);

#endif
