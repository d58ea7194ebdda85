/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's selftests of SGX (tools/testing/selftests/sgx) find in place of a kernel with SGX: /dev/sgx_enclave, its
 * mappings, the vDSO and CPUID. Their calls are renamed to these when they are linked; the driver itself is fakehw.c's. The tests
 * run as they are.
 *
 * A mapping of the device is the page tables' side of an enclave: the emulator has the memory, so here only its protection is set,
 * and taken away by munmap. X is given only to what was added executable: the emulator enforces a missing X by the mapping
 * alone (docs/emulator.md).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "driver.h"
#include "kernel_shim.h"

#define DEVICE  "/dev/sgx_enclave"
#define STAND_IN "/dev/null"
#define EPC_SIZE (64u << 20)
#define BELOW   0x10000   /* the emulator keeps that much free below ELRANGE */

static struct driver device;
static int device_fd = -1;

int shim_open(const char *path, int flags, ...);
int shim_stat(const char *path, struct stat *st);
int shim_close(int fd);
void *shim_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int shim_munmap(void *at, size_t size);
int shim_mprotect(void *at, size_t size, int protection);
int shim_ioctl(int fd, unsigned long request, ...);
unsigned long shim_getauxval(unsigned long type);

/* ---- the device ------------------------------------------------------------------------------------------ */

int shim_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;
	int fd;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (strcmp(path, DEVICE) != 0)
		return open(path, flags, mode);
	if (!device.emulator && tee_platform_open(TEE_SOFT, NULL, &device.emulator) < 0) {
		fprintf(stderr, "%s\n", tee_last_error());
		errno = ENODEV;
		return -1;
	}
	driver_select(&device);
	fd = open(STAND_IN, flags);
	device_fd = fd;
	return fd;
}

int shim_stat(const char *path, struct stat *st)
{
	return stat(strcmp(path, DEVICE) == 0 ? STAND_IN : path, st);
}

int shim_close(int fd)
{
	if (fd >= 0 && fd == device_fd) {
		driver_release(&device);
		device_fd = -1;
	}
	return close(fd);
}

/* The tests reserve the range; the emulator wants it free. */
int shim_ioctl(int fd, unsigned long request, ...)
{
	const struct sgx_secs *secs;
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (fd != device_fd)
		return ioctl(fd, request, argument);
	if (request == SGX_IOC_ENCLAVE_CREATE && !device.enclave) {
		secs = (const struct sgx_secs *)((const struct sgx_enclave_create *)argument)->src;
		munmap((void *)secs->base, secs->size);
	}
	if (driver_ioctl(&device, request, argument) != 0)
		return -1;
	/* Nothing is mapped until the tests map it. */
	return request == SGX_IOC_ENCLAVE_INIT ? mprotect((void *)device.base, device.size, PROT_NONE) : 0;
}

/* ---- its mappings ---------------------------------------------------------------------------------------- */

static bool in_enclave(const void *at)
{
	return device.enclave && (uint64_t)at - device.base < device.size;
}

static int protect_page(uint64_t at, int protection)
{
	uint8_t vetted = device.vetted[(at - device.base) / SGX_PAGE_SIZE];

	if (vetted == DRIVER_NOT_ADDED || !(vetted & SGX_SECINFO_X))
		protection &= ~PROT_EXEC;
	return mprotect((void *)at, SGX_PAGE_SIZE, protection);
}

int shim_mprotect(void *at, size_t size, int protection)
{
	if (!in_enclave(at))
		return mprotect(at, size, protection);
	if (!driver_may_map(&device, (uint64_t)at, (uint64_t)at + size, protection)) {
		errno = EACCES;
		return -1;
	}
	for (size_t done = 0; done < size; done += SGX_PAGE_SIZE)
		if (protect_page((uint64_t)at + done, protection) != 0)
			return -1;
	return 0;
}

void *shim_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	char *p;

	if (fd >= 0 && fd == device_fd) {
		if ((flags & MAP_TYPE) == MAP_PRIVATE) {
			errno = EINVAL;
			return MAP_FAILED;
		}
		if (!at && !device.enclave)   /* the tests try whether it can be mapped at all */
			return mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return shim_mprotect(at, size, protection) == 0 ? at : MAP_FAILED;
	}
	if (at || protection != PROT_NONE || !(flags & MAP_ANONYMOUS))
		return mmap(at, size, protection, flags, fd, offset);
	p = mmap(NULL, size + BELOW, protection, flags, -1, 0);
	if (p == MAP_FAILED)
		return p;
	munmap(p, BELOW);
	return p + BELOW;
}

/* Unmapped is what no access gets through; the enclave lives as long as its descriptor. */
int shim_munmap(void *at, size_t size)
{
	return in_enclave(at) ? mprotect(at, size, PROT_NONE) : munmap(at, size);
}

/* ---- the vDSO, as far as the tests read it --------------------------------------------------------------- */

static struct {
	Elf64_Ehdr header;
	Elf64_Phdr dynamic_header;
	Elf64_Dyn dynamic[4];
	Elf64_Sym symbols[2];
	Elf64_Word hash[5];              /* one bucket: symbol 1 */
	char strings[32];
} vdso;
#define IN_VDSO(field) ((uint64_t)((char *)&vdso.field - (char *)&vdso))

unsigned long shim_getauxval(unsigned long type)
{
	if (type != AT_SYSINFO_EHDR)
		return getauxval(type);
	vdso.header.e_phoff = IN_VDSO(dynamic_header);
	vdso.header.e_phnum = 1;
	vdso.dynamic_header.p_type = PT_DYNAMIC;
	vdso.dynamic_header.p_offset = IN_VDSO(dynamic);
	vdso.dynamic[0] = (Elf64_Dyn){ .d_tag = DT_SYMTAB, .d_un.d_ptr = IN_VDSO(symbols) };
	vdso.dynamic[1] = (Elf64_Dyn){ .d_tag = DT_STRTAB, .d_un.d_ptr = IN_VDSO(strings) };
	vdso.dynamic[2] = (Elf64_Dyn){ .d_tag = DT_HASH, .d_un.d_ptr = IN_VDSO(hash) };
	memcpy(vdso.strings + 1, "__vdso_sgx_enter_enclave", sizeof "__vdso_sgx_enter_enclave");
	vdso.symbols[1] = (Elf64_Sym){ .st_name = 1, .st_value = (uint64_t)driver_enter - (uint64_t)&vdso };
	memcpy(vdso.hash, (Elf64_Word[]){ 1, 2, 1, 0, 0 }, sizeof vdso.hash);
	return (unsigned long)&vdso;
}

/* ---- CPUID ----------------------------------------------------------------------------------------------- */

/* Leaf 12H (SDM 2A, CPUID): SGX1 and SGX2; one EPC section. */
void shim_cpuid(unsigned leaf, unsigned subleaf, unsigned *a, unsigned *b, unsigned *c, unsigned *d)
{
	*a = *b = *c = *d = 0;
	if (leaf != 0x12)
		(void)__get_cpuid_count(leaf, subleaf, a, b, c, d);
	else if (subleaf == 0)
		*a = 3;
	else if (subleaf == 2)
		*a = 1, *c = EPC_SIZE | 1;
}
