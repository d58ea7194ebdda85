/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is read through /proc/self/mem. That file cannot be opened without /proc, or by a process that became another user's when it gave its
 * rights up. Then process_vm_readv() is used. It reads emulated enclaves only: the driver's mappings have no pages that the kernel could show.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "memory.h"

#define PAGE 4096u

static int mem_fd = -1;

static void open_mem(void)
{
	mem_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
}

/* Inside of one page: a driver that cannot read one page of several fails for all. */
static bool read_piece(uint64_t address, void *to, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct iovec local = { to, size }, remote = { (void *)address, size };

	pthread_once(&once, open_mem);
	if (mem_fd >= 0 && pread(mem_fd, to, size, (off_t)address) == (ssize_t)size)
		return true;
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size;
}

size_t debug_read_some(uint64_t address, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t piece = PAGE - (address + done) % PAGE;

		if (piece > size - done)
			piece = size - done;
		if (address + done < address || (int64_t)(address + done) < 0 || !read_piece(address + done, (char *)to + done, piece))
			break;
		done += piece;
	}
	return done;
}

bool debug_read(uint64_t address, void *to, size_t size)
{
	return debug_read_some(address, to, size) == size;
}

long debug_read_string(uint64_t address, char *to, size_t size)
{
	size_t got = debug_read_some(address, to, size - 1);
	const char *end = memchr(to, 0, got);

	to[got] = 0;
	return end ? end - to : -1;
}
