/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's evidence sources ask of the kernel and the processor. A test puts its own in the place of Linux's.
 */
#ifndef OPTMIG_TEE_EVIDENCE_GUEST_KERNEL_H
#define OPTMIG_TEE_EVIDENCE_GUEST_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All but the last three fail as system calls: -1 and errno. */
struct guest_kernel {
	int (*open)(const char *path, int flags, unsigned mode);
	int (*close)(int fd);
	ssize_t (*read)(int fd, void *buffer, size_t size);
	ssize_t (*write)(int fd, const void *buffer, size_t size);
	int (*ioctl)(int fd, unsigned long request, void *argument);
	int (*flock)(int fd, int operation);
	int (*mkdir)(const char *path, unsigned mode);
	int (*rmdir)(const char *path);
	int (*poll)(int fd, int timeout_ms);              /* for reading. Return: 1 there is something, 0 time-out */
	int (*in_memory)(int fd);                         /* a file of a file system that no disk is behind. Return: 1, 0 */
	int (*random)(void *buffer, size_t size);
	uint64_t (*now_ms)(void);                         /* CLOCK_MONOTONIC */
	void (*sleep_ms)(unsigned ms);
	void (*cpuid)(uint32_t leaf, uint32_t ret[4]);    /* EAX, EBX, ECX, EDX */
};

extern const struct guest_kernel guest_linux;
/* guest_linux, or what a test put in its place. */
const struct guest_kernel *guest_kernel(void);
/* For tests. NULL: back to guest_linux. */
void guest_kernel_use(const struct guest_kernel *kernel);

#endif
