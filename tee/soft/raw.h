/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls without libc: no errno, so they may run while FS is the enclave's. Also the parts of the kernel's
 * userfaultfd and prctl interfaces that Debian 12's headers are too old for.
 */
#ifndef OPTMIG_TEE_SOFT_RAW_H
#define OPTMIG_TEE_SOFT_RAW_H

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
#define EMU_UFFD_FEATURE_WP_ASYNC (1ull << 15)
#define EMU_UFFD_FEATURE_MOVE (1ull << 16)
#define EMU_MADV_POPULATE_WRITE 23
#define EMU_SYS_MSEAL 462
struct emu_uffdio_move { uint64_t dst, src, len, mode; int64_t move; };
#define EMU_UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct emu_uffdio_move)
#define EMU_UFFDIO_MOVE_DONTWAKE 1
#define EMU_PR_SYS_DISPATCH_INCLUSIVE_ON 2

#endif
