/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGX driver and vDSO as sgx/hw sees them, answered by the emulator: so the hardware path runs everywhere. It
 * checks what the kernel would check of the arguments.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "fakehw.h"
#include "hw/hw.h"

static struct sgx_platform *emulator;
static struct sgx_enclave *behind;
static int device_mapped;

static const char *usable(void) { return NULL; }
static int open_device(void) { return 1000; }
static int close_device(int fd) { (void)fd; return 0; }

/* The emulator reserves the range itself, at ECREATE; here only the order of things is checked. */
static void *fake_map(uint64_t address, uint64_t size, int protection, int fd)
{
	(void)size;
	if (fd < 0 && (behind || protection != PROT_NONE)) {
		errno = EEXIST;
		return MAP_FAILED;
	}
	device_mapped += fd >= 0;
	return (void *)address;
}

static int fake_unmap(uint64_t address, uint64_t size)
{
	(void)address, (void)size;
	sgx_destroy(behind);
	behind = NULL;
	return 0;
}

static int result(int r, uint64_t *code)
{
	if (r == 0)
		return 0;
	errno = r == OM_EINVAL ? EINVAL : r == OM_EEXISTS ? EEXIST : r == OM_ESTATE ? EINVAL : r == OM_ESIGSTRUCT ? EPERM :
		EFAULT;
	if (code)
		*code = SGX_PAGE_NOT_MODIFIABLE;
	return -1;
}

static int create(struct sgx_enclave_create *arg)
{
	const struct sgx_secs *secs = (const struct sgx_secs *)arg->src;

	if (arg->src & 4095)
		return result(OM_EINVAL, NULL);
	return result(sgx_create(emulator, secs->base, secs->size, secs->ssa_frame_size, &secs->attributes, secs->miscselect,
		&behind), NULL);
}

/* A page at a time, and a signal in between every now and then. */
static int add(struct sgx_enclave_add_pages *arg)
{
	static unsigned interrupt;
	int r = 0;

	if ((arg->src & 4095) || (arg->secinfo & 63) || !arg->length || (arg->length & 4095) ||
	    (arg->flags & ~(uint64_t)SGX_PAGE_MEASURE))
		return result(OM_EINVAL, NULL);
	for (arg->count = 0; arg->count < arg->length; arg->count += 4096) {
		if (++interrupt % 7 == 0) {
			errno = EINTR;
			return -1;
		}
		r = sgx_add_pages(behind, arg->offset + arg->count, (const uint8_t *)arg->src + arg->count, 4096,
			(const struct sgx_secinfo *)arg->secinfo, arg->flags & SGX_PAGE_MEASURE);
		if (r < 0)
			break;
	}
	return result(r, NULL);
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	if (fd != 1000) {
		errno = EBADF;
		return -1;
	}
	switch (request) {
	case SGX_IOC_ENCLAVE_CREATE: return create(argument);
	case SGX_IOC_ENCLAVE_ADD_PAGES: return add(argument);
	case SGX_IOC_ENCLAVE_INIT: {
		struct sgx_enclave_init *a = argument;
		return result(sgx_init(behind, (const struct sgx_sigstruct *)a->sigstruct), NULL);
	}
	case SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS: {
		struct sgx_enclave_restrict_permissions *a = argument;
		return result(sgx_restrict_permissions(behind, a->offset, a->length, a->permissions, (uint64_t *)&a->count),
			(uint64_t *)&a->result);
	}
	case SGX_IOC_ENCLAVE_MODIFY_TYPES: {
		struct sgx_enclave_modify_types *a = argument;
		return result(sgx_modify_types(behind, a->offset, a->length, a->page_type, (uint64_t *)&a->count),
			(uint64_t *)&a->result);
	}
	case SGX_IOC_ENCLAVE_REMOVE_PAGES: {
		struct sgx_enclave_remove_pages *a = argument;
		return result(sgx_remove_pages(behind, a->offset, a->length, (uint64_t *)&a->count), NULL);
	}
	default:
		errno = ENOTTY;
		return -1;
	}
}

static int fake_enter(unsigned long rdi, unsigned long rsi, unsigned long rdx, unsigned int function, unsigned long r8,
	unsigned long r9, struct sgx_enclave_run *run)
{
	struct sgx_run r = { .tcs = run->tcs };
	int error;

	for (size_t i = 0; i < sizeof run->reserved; i++)
		if (run->reserved[i])
			return -EINVAL;
	MUST(sgx_thread_attach(emulator));
	error = sgx_enter(behind, function, rdi, rsi, rdx, r8, r9, &r);
	if (error < 0 && error != OM_ESGX)
		return -EINVAL;
	run->function = r.function;
	run->exception_vector = r.exception_vector;
	run->exception_error_code = r.exception_error_code;
	run->exception_addr = r.exception_addr;
	return 0;
}

static vdso_sgx_enter_enclave_t enter_function(void) { return fake_enter; }
static void capabilities(struct sgx_capabilities *caps)
{
	sgx_platform_capabilities(emulator, caps);
	caps->kind = SGX_HW;
}

void fakehw_install(void)
{
	static const struct hw_os os = { usable, open_device, close_device, fake_ioctl, fake_map, fake_unmap, enter_function,
		capabilities };

	MUST(sgx_platform_open(SGX_EMU, NULL, &emulator));
	hw_set_os(&os);
}

int fakehw_mappings(void) { return device_mapped; }
