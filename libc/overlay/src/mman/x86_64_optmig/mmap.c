/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, but that a mapping for which there is no room is tried again when malloc has given back what it keeps (malloc/optmig/runs.h). */
#include <errno.h>
#include <sys/mman.h>
#include "syscall.h"

static int keeps_nothing(void) { return 0; }
hidden int __malloc_give_back(void);
weak_alias(keeps_nothing, __malloc_give_back);

static long map(void *start, size_t len, int prot, int flags, int fd, off_t off)
{
	long r = __syscall(SYS_mmap, start, len, prot, flags, fd, off);

	if (r == -ENOMEM && __malloc_give_back())
		r = __syscall(SYS_mmap, start, len, prot, flags, fd, off);
	return r;
}

#undef __syscall
#define __syscall(number, ...) map(__VA_ARGS__)
#include "../mmap.c"
