/* SPDX-License-Identifier: Apache-2.0 */
/* The real driver, vDSO and CPU. */
#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hw.h"

#define DEVICE "/dev/sgx_enclave"
#define CPUID_SGX 0x12

static bool cpu_has(uint32_t leaf, uint32_t subleaf, int which, uint32_t mask)
{
	uint32_t r[4] = { 0 };

	return __get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]) && (r[which] & mask) == mask;
}

static const char *unavailable(void)
{
	if (!cpu_has(7, 0, 1, 1u << 2))
		return "this CPU, or the hypervisor, offers no SGX";
	if (!cpu_has(CPUID_SGX, 0, 0, 1))
		return "SGX is switched off in the firmware";
	if (!cpu_has(CPUID_SGX, 0, 0, 2))
		return "this CPU has SGX1 only; OptMig needs SGX2 (EDMM)";
	if (access(DEVICE, F_OK) != 0)
		return "the kernel has no SGX driver (" DEVICE " is missing)";
	if (access(DEVICE, R_OK | W_OK) != 0)
		return "no permission for " DEVICE " (add the user to the group sgx)";
	if (!hw_linux.enter_function())
		return "the kernel's vDSO has no __vdso_sgx_enter_enclave";
	return NULL;
}

static int open_device(void)
{
	return open(DEVICE, O_RDWR | O_CLOEXEC);
}

static int do_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument);
}

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static void *map(uint64_t address, uint64_t size, int protection, int fd)
{
	void *p;

	if (fd >= 0)
		return mmap((void *)address, size, protection, MAP_SHARED | MAP_FIXED, fd, 0);
	p = mmap((void *)address, size, protection,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != MAP_FAILED && (uint64_t)p != address) {
		munmap(p, size);
		errno = EEXIST;
		return MAP_FAILED;
	}
	return p;
}

static int unmap(uint64_t address, uint64_t size)
{
	return munmap((void *)address, size);
}

static vdso_sgx_enter_enclave_t enter_function(void)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);

	return vdso ? (vdso_sgx_enter_enclave_t)dlsym(vdso, "__vdso_sgx_enter_enclave") : NULL;
}

static uint64_t epc_bytes(void)
{
	uint64_t total = 0;
	uint32_t a, b, c, d;

	for (uint32_t i = 2; i < 16 && __get_cpuid_count(CPUID_SGX, i, &a, &b, &c, &d) && (a & 0xf) == 1; i++)
		total += (c & 0xfffff000ull) | (uint64_t)(d & 0xfffff) << 32;
	return total;
}

static void capabilities(struct tee_capabilities *ret_caps)
{
	uint32_t a, b, c, d;

	*ret_caps = (struct tee_capabilities){ .kind = TEE_HW, .edmm = true, .epc_bytes = epc_bytes() };
	if (__get_cpuid_count(CPUID_SGX, 0, &a, &b, &c, &d))
		ret_caps->elrange_max = 1ull << ((d >> 8 & 0xff) < 47 ? d >> 8 & 0xff : 47);
	if (__get_cpuid_count(CPUID_SGX, 1, &a, &b, &c, &d))
		ret_caps->xfrm = ((uint64_t)d << 32 | c) & tee_cpu_xfrm();
}

const struct hw_os hw_linux = {
	.unavailable = unavailable, .open_device = open_device, .close = close, .ioctl = do_ioctl, .map = map,
	.unmap = unmap, .enter_function = enter_function, .capabilities = capabilities,
};
