/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls without libc: no errno, so they may run while FS is the enclave's. Also the parts of the kernel's
 * userfaultfd and prctl interfaces that Debian 12's headers are too old for.
 */
#ifndef OPTMIG_SGX_EMU_RAW_H
#define OPTMIG_SGX_EMU_RAW_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long emu_raw(long nr, uint64_t a, uint64_t b, uint64_t c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

#define EMU_UFFD_EXACT_ADDRESS (1ull << 11)
#define EMU_UFFD_USER_MODE_ONLY 1
#define EMU_PR_SYS_DISPATCH_INCLUSIVE_ON 2

#endif
