/* SPDX-License-Identifier: Apache-2.0 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "kernel.h"

static int linux_open(const char *path, int flags, unsigned mode)
{
	return open(path, flags, mode);
}

static int linux_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

static int linux_mkdir(const char *path, unsigned mode)
{
	return mkdir(path, mode);
}

static int linux_poll(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms);
}

static int linux_in_memory(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) ? -1 : s.f_type == TMPFS_MAGIC || s.f_type == RAMFS_MAGIC;
}

static int linux_random(void *buffer, size_t size)
{
	return getrandom(buffer, size, 0) == (ssize_t)size ? 0 : -1;
}

static uint64_t linux_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void linux_sleep_ms(unsigned ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static void linux_cpuid(uint32_t leaf, uint32_t ret[4])
{
	__cpuid_count(leaf, 0, ret[0], ret[1], ret[2], ret[3]);
}

const struct guest_kernel guest_linux = {
	.open = linux_open, .close = close, .read = read, .write = write, .ioctl = linux_ioctl, .flock = flock, .mkdir = linux_mkdir, .rmdir = rmdir,
	.poll = linux_poll, .in_memory = linux_in_memory, .random = linux_random, .now_ms = linux_now_ms, .sleep_ms = linux_sleep_ms, .cpuid = linux_cpuid,
};

static const struct guest_kernel *in_use = &guest_linux;

const struct guest_kernel *guest_kernel(void)
{
	return in_use;
}

void guest_kernel_use(const struct guest_kernel *kernel)
{
	in_use = kernel ? kernel : &guest_linux;
}
