/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGX driver and vDSO, answered by the emulator: so the hardware path runs everywhere, and so do the kernel's own tests of
 * the driver (kernel_shim.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "driver.h"
#include "../../tee/soft/soft.h"
#include "fakehw.h"
#include "../../tee/hw/hw.h"

#define PAGE SGX_PAGE_SIZE

static struct driver *selected;

void driver_select(struct driver *d)
{
	selected = d;
}

static int fail(int number)
{
	errno = number;
	return -1;
}

/* sgx_ioc_enclave_create. A fault of ECREATE is EIO. */
static int create(struct driver *d, const struct sgx_enclave_create *arg)
{
	const struct sgx_secs *secs = (const struct sgx_secs *)arg->src;
	int r;

	if (d->enclave)
		return fail(EINVAL);
	if (secs->size == 0 || (secs->size & (secs->size - 1)))
		return fail(EINVAL);
	r = tee_create(d->emulator, secs->base, secs->size, secs->ssa_frame_size, &secs->attributes, secs->miscselect, &d->enclave);
	if (r < 0) {
		d->enclave = NULL;
		return fail(r == OM_ENOMEM ? ENOMEM : r == OM_EEXISTS ? EEXIST : EIO);
	}
	d->base = secs->base;
	d->size = secs->size;
	d->vetted = malloc(d->size / PAGE);
	if (!d->vetted)
		abort();
	memset(d->vetted, DRIVER_NOT_ADDED, d->size / PAGE);
	return 0;
}

/* sgx_validate_secinfo */
static bool secinfo_valid(const struct sgx_secinfo *s)
{
	uint64_t type = s->flags & SGX_SECINFO_PT_MASK, permissions = s->flags & SGX_SECINFO_PERM_MASK;

	for (size_t i = 0; i < sizeof s->reserved; i++)
		if (s->reserved[i])
			return false;
	if (s->flags & ~(uint64_t)(SGX_SECINFO_PT_MASK | SGX_SECINFO_PERM_MASK))
		return false;
	if (type == SGX_SECINFO_TCS)
		return permissions == 0;
	return type == SGX_SECINFO_REG && (permissions & (SGX_SECINFO_R | SGX_SECINFO_W)) != SGX_SECINFO_W;
}

/* sgx_validate_offset_length */
static bool range_valid(const struct driver *d, uint64_t offset, uint64_t length)
{
	return ((offset | length) & (PAGE - 1)) == 0 && length && offset + length >= offset && offset + length - PAGE < d->size;
}

static int add_page(struct driver *d, const struct sgx_enclave_add_pages *arg, const struct sgx_secinfo *secinfo, uint64_t at)
{
	int r = tee_add_pages(d->enclave, arg->offset + at, (const uint8_t *)arg->src + at, PAGE, secinfo, arg->flags & SGX_PAGE_MEASURE);

	if (r == 0)
		d->vetted[(arg->offset + at) / PAGE] = (secinfo->flags & SGX_SECINFO_PT_MASK) == SGX_SECINFO_TCS ?
			SGX_SECINFO_R | SGX_SECINFO_W : secinfo->flags & SGX_SECINFO_PERM_MASK;
	return r == 0 ? 0 : r == OM_EEXISTS ? EBUSY : r == OM_ENOMEM ? ENOMEM : EIO;
}

/* sgx_ioc_enclave_add_pages: a signal ends it, and is an error only if nothing has been done. */
static int add(struct driver *d, struct sgx_enclave_add_pages *arg)
{
	struct sgx_secinfo secinfo;
	uint64_t at;
	int error = 0;

	if (!d->enclave || d->initialized || (arg->src & (PAGE - 1)) || !range_valid(d, arg->offset, arg->length))
		return fail(EINVAL);
	memcpy(&secinfo, (const void *)arg->secinfo, sizeof secinfo);
	if (!secinfo_valid(&secinfo))
		return fail(EINVAL);
	for (at = 0; at < arg->length && !error; at += error ? 0 : PAGE) {
		if (d->interrupt_every && ++d->pages_seen % d->interrupt_every == 0) {
			error = at ? 0 : EINTR;
			break;
		}
		error = add_page(d, arg, &secinfo, at);
	}
	arg->count = at;
	return error ? fail(error) : 0;
}

/* sgx_ioc_enclave_init */
static int init(struct driver *d, const struct sgx_enclave_init *arg)
{
	const struct sgx_sigstruct *s = (const struct sgx_sigstruct *)arg->sigstruct;
	int r;

	if (!d->enclave || d->initialized || (s->vendor != 0 && s->vendor != 0x8086))
		return fail(EINVAL);
	r = tee_init(d->enclave, s);
	if (r < 0)
		return fail(r == OM_ESIGSTRUCT ? EPERM : EIO);
	d->initialized = true;
	return 0;
}

/* What the three EDMM calls have in common at their end. */
static int edmm_result(int r, uint64_t *ret_code)
{
	struct emu_refusal why = emu_refusal();

	if (r == 0)
		return 0;
	if (ret_code)
		*ret_code = why.code;
	return fail(why.number);
}

static int restrict_permissions(struct driver *d, struct sgx_enclave_restrict_permissions *arg)
{
	uint64_t done = 0, code = 0;
	int r;

	if (!d->initialized || !range_valid(d, arg->offset, arg->length) || arg->result || arg->count)
		return fail(EINVAL);
	r = edmm_result(tee_restrict_permissions(d->enclave, arg->offset, arg->length, arg->permissions, &done), &code);
	arg->count = done;
	arg->result = code;
	return r;
}

static int modify_types(struct driver *d, struct sgx_enclave_modify_types *arg)
{
	uint64_t done = 0, code = 0;
	int r;

	if (!d->initialized || !range_valid(d, arg->offset, arg->length) || arg->result || arg->count)
		return fail(EINVAL);
	r = edmm_result(tee_modify_types(d->enclave, arg->offset, arg->length, arg->page_type, &done), &code);
	arg->count = done;
	arg->result = code;
	return r;
}

static int remove_pages(struct driver *d, struct sgx_enclave_remove_pages *arg)
{
	uint64_t done = 0;
	int r;

	if (!d->initialized || !range_valid(d, arg->offset, arg->length) || arg->count)
		return fail(EINVAL);
	r = edmm_result(tee_remove_pages(d->enclave, arg->offset, arg->length, &done), NULL);
	arg->count = done;
	memset(d->vetted + arg->offset / PAGE, DRIVER_NOT_ADDED, done / PAGE);
	return r;
}

int driver_ioctl(struct driver *d, unsigned long request, void *argument)
{
	switch (request) {
	case SGX_IOC_ENCLAVE_CREATE: return create(d, argument);
	case SGX_IOC_ENCLAVE_ADD_PAGES: return add(d, argument);
	case SGX_IOC_ENCLAVE_INIT: return init(d, argument);
	case SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS: return restrict_permissions(d, argument);
	case SGX_IOC_ENCLAVE_MODIFY_TYPES: return modify_types(d, argument);
	case SGX_IOC_ENCLAVE_REMOVE_PAGES: return remove_pages(d, argument);
	default: return fail(ENOTTY);
	}
}

static int protection_of(uint8_t permissions)
{
	return (permissions & SGX_SECINFO_R ? PROT_READ : 0) | (permissions & SGX_SECINFO_W ? PROT_WRITE : 0) |
		(permissions & SGX_SECINFO_X ? PROT_EXEC : 0);
}

bool driver_may_map(const struct driver *d, uint64_t start, uint64_t end, int protection)
{
	if (!d->enclave)
		return true;
	if (start < d->base || end > d->base + d->size)
		return !d->initialized;
	for (uint64_t i = (start - d->base) / PAGE; i < (end - d->base) / PAGE; i++)
		if (d->vetted[i] != DRIVER_NOT_ADDED && (protection & ~protection_of(d->vetted[i])))
			return false;
	return true;
}

void driver_release(struct driver *d)
{
	tee_destroy(d->enclave);
	free(d->vetted);
	d->enclave = NULL;
	d->vetted = NULL;
	d->initialized = false;
}

typedef int exit_handler(long rdi, long rsi, long rdx, long rsp, long r8, long r9, struct sgx_enclave_run *run);

int driver_enter(unsigned long rdi, unsigned long rsi, unsigned long rdx, unsigned int function, unsigned long r8,
	unsigned long r9, struct sgx_enclave_run *run)
{
	int next = (int)function;

	if (tee_thread_attach(selected->emulator) < 0)
		abort();
	do {
		struct tee_run r = { .tcs = run->tcs };
		int error;

		for (size_t i = 0; i < sizeof run->reserved; i++)
			if (run->reserved[i])
				return -EINVAL;
		if (next != SGX_EENTER && next != SGX_ERESUME)
			return -EINVAL;
		error = tee_enter(selected->enclave, (uint32_t)next, rdi, rsi, rdx, r8, r9, &r);
		if (error < 0 && error != OM_ESGX)
			return -EINVAL;
		run->function = r.function;
		if (r.function != SGX_EEXIT) {   /* else what the last one left stays */
			run->exception_vector = r.exception_vector;
			run->exception_error_code = r.exception_error_code;
			run->exception_addr = r.exception_addr;
		}
		if (!run->user_handler)
			return 0;
		next = ((exit_handler *)run->user_handler)((long)rdi, (long)rsi, (long)rdx, (long)__builtin_frame_address(0),
			(long)r8, (long)r9, run);
	} while (next > 0);
	return next;
}

/* ---- the operating system as tee/hw sees it ----------------------------------------------------------------- */

#define DEVICE 1000

static struct driver device = { .interrupt_every = 7 };
static int device_mapped;

static const char *usable(void) { return NULL; }
static int open_device(void) { return DEVICE; }
static int close_device(int fd) { (void)fd; return 0; }

/* The emulator reserves the range itself, at ECREATE; here the order of things is checked, and what the driver allows. */
static void *fake_map(uint64_t address, uint64_t size, int protection, int fd)
{
	if (fd < 0 && (device.enclave || protection != PROT_NONE)) {
		errno = EEXIST;
		return MAP_FAILED;
	}
	if (fd >= 0 && !driver_may_map(&device, address, address + size, protection)) {
		errno = EACCES;
		return MAP_FAILED;
	}
	device_mapped += fd >= 0;
	return (void *)address;
}

static int fake_unmap(uint64_t address, uint64_t size)
{
	(void)address, (void)size;
	driver_release(&device);
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	if (fd != DEVICE) {
		errno = EBADF;
		return -1;
	}
	return driver_ioctl(&device, request, argument);
}

static vdso_sgx_enter_enclave_t enter_function(void) { return driver_enter; }
static void capabilities(struct tee_capabilities *caps)
{
	tee_platform_capabilities(device.emulator, caps);
	caps->kind = TEE_HW;
}

void fakehw_install(void)
{
	static const struct hw_os os = { usable, open_device, close_device, fake_ioctl, fake_map, fake_unmap, enter_function,
		capabilities };

	MUST(tee_platform_open(TEE_SOFT, NULL, &device.emulator));
	driver_select(&device);
	hw_set_os(&os);
}

int fakehw_mappings(void) { return device_mapped; }
