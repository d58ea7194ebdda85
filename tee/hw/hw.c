/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract on the Linux driver's ioctls. ELRANGE is reserved first. The device is mapped over it after EINIT: runs
 * that were added with other permissions than RW get just these permissions, everything else (thread slots, heap to come) gets RW.
 * The driver adds pages to mapped, empty places when they are touched or accepted.
 * Source: Linux Documentation/arch/x86/sgx.rst, arch/x86/include/uapi/asm/sgx.h.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "hw.h"

#define RUNS_MAX 64
#define CHUNK    (256u * SGX_PAGE_SIZE)

struct hw_platform {
	struct tee_platform common;
	const struct hw_os *os;
	vdso_sgx_enter_enclave_t enter;
};

/* Pages added with another protection than RW, in the order of their offsets. */
struct run { uint64_t offset, length; int protection; };

struct hw_enclave {
	struct tee_enclave common;
	struct hw_platform *platform;
	int fd;
	bool initialized;
	unsigned run_count;
	struct run runs[RUNS_MAX];
	uint8_t *bounce;                 /* page-aligned source for ADD_PAGES */
	_Atomic uint64_t stat_enter, stat_resume, stat_aex;
};

static const struct hw_os *current_os = &hw_linux;

void hw_set_os(const struct hw_os *os)
{
	current_os = os ? os : &hw_linux;
}

const char *tee_hw_unavailable(void)
{
	return current_os->unavailable();
}

static int create_enclave(struct hw_enclave *e, uint32_t ssa_frame_pages, const struct sgx_attributes *attributes,
	uint32_t miscselect)
{
	struct sgx_secs secs __attribute__((aligned(4096))) = { .size = e->common.size, .base = e->common.base,
		.ssa_frame_size = ssa_frame_pages, .miscselect = miscselect, .attributes = *attributes };
	struct sgx_enclave_create arg = { .src = (uint64_t)&secs };

	if (e->platform->os->ioctl(e->fd, SGX_IOC_ENCLAVE_CREATE, &arg) != 0)
		return tee_fail(OM_ESGX, "SGX_IOC_ENCLAVE_CREATE: %s", strerror(errno));
	return 0;
}

static int create(struct tee_platform *platform, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
	const struct sgx_attributes *attributes, uint32_t miscselect, struct tee_enclave **ret_enclave)
{
	struct hw_platform *p = (struct hw_platform *)platform;
	struct hw_enclave *e = calloc(1, sizeof *e);
	int r;

	if (!e)
		return tee_fail(OM_ENOMEM, "no memory for an enclave");
	e->common = (struct tee_enclave){ platform, base, size };
	e->platform = p;
	e->bounce = aligned_alloc(SGX_PAGE_SIZE, CHUNK);
	if (!e->bounce) {
		r = tee_fail(OM_ENOMEM, "no memory for an enclave");
		goto fail_free;
	}
	if (p->os->map(base, size, PROT_NONE, -1) == MAP_FAILED) {
		r = tee_fail(errno == EEXIST ? OM_EEXISTS : OM_ENOMEM, "ELRANGE at 0x%llx: %s", (unsigned long long)base,
			strerror(errno));
		goto fail_free;
	}
	if ((e->fd = p->os->open_device()) < 0) {
		r = tee_fail(OM_ENOSGX, "/dev/sgx_enclave: %s", strerror(errno));
		goto fail_unmap;
	}
	if ((r = create_enclave(e, ssa_frame_pages, attributes, miscselect)) < 0)
		goto fail_close;
	*ret_enclave = &e->common;
	return 0;

fail_close:
	p->os->close(e->fd);
fail_unmap:
	p->os->unmap(base, size);
fail_free:
	free(e->bounce);
	free(e);
	return r;
}

static int protection_of(uint64_t flags)
{
	return (flags & SGX_SECINFO_R ? PROT_READ : 0) | (flags & SGX_SECINFO_W ? PROT_WRITE : 0) |
		(flags & SGX_SECINFO_X ? PROT_EXEC : 0);
}

/* Keeps the list in order, so that map_device() can walk it once. */
static int remember(struct hw_enclave *e, uint64_t offset, uint64_t length, int protection)
{
	unsigned at = e->run_count;

	if (at > 0 && e->runs[at - 1].protection == protection && e->runs[at - 1].offset + e->runs[at - 1].length == offset) {
		e->runs[at - 1].length += length;
		return 0;
	}
	if (at == RUNS_MAX)
		return tee_fail(OM_EEXHAUSTED, "more than %d runs of pages with permissions of their own", RUNS_MAX);
	while (at > 0 && e->runs[at - 1].offset > offset)
		e->runs[at] = e->runs[at - 1], at--;
	e->runs[at] = (struct run){ offset, length, protection };
	e->run_count++;
	return 0;
}

/* One chunk, from the bounce buffer; the driver may stop early when a signal comes. */
static int add_chunk(struct hw_enclave *e, uint64_t offset, uint64_t length, const struct sgx_secinfo *secinfo, bool measure)
{
	struct sgx_secinfo aligned __attribute__((aligned(64))) = *secinfo;
	struct sgx_enclave_add_pages arg;
	uint64_t done = 0;

	while (done < length) {
		arg = (struct sgx_enclave_add_pages){ .src = (uint64_t)e->bounce + done, .offset = offset + done,
			.length = length - done, .secinfo = (uint64_t)&aligned, .flags = measure ? SGX_PAGE_MEASURE : 0 };
		int r = e->platform->os->ioctl(e->fd, SGX_IOC_ENCLAVE_ADD_PAGES, &arg);
		done += arg.count;
		if (r != 0 && errno != EINTR && errno != EAGAIN)
			return tee_fail(errno == EEXIST || errno == EBUSY ? OM_EEXISTS : OM_ESGX,
				"SGX_IOC_ENCLAVE_ADD_PAGES at 0x%llx: %s", (unsigned long long)(offset + done), strerror(errno));
	}
	return 0;
}

static int add_pages(struct tee_enclave *enclave, uint64_t offset, const void *source, uint64_t length,
	const struct sgx_secinfo *secinfo, bool measure)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;
	int protection = protection_of(secinfo->flags);

	if (e->initialized)
		return tee_fail(OM_ESTATE, "the enclave is initialized");
	for (uint64_t at = 0; at < length; at += CHUNK) {
		uint64_t size = length - at < CHUNK ? length - at : CHUNK;
		int r;

		if (source)
			memcpy(e->bounce, (const uint8_t *)source + at, size);
		else
			memset(e->bounce, 0, size);
		if ((r = add_chunk(e, offset + at, size, secinfo, measure)) < 0)
			return r;
	}
	if ((secinfo->flags & SGX_SECINFO_PT_MASK) == SGX_SECINFO_TCS || protection == (PROT_READ | PROT_WRITE))
		return 0;
	return remember(e, offset, length, protection);
}

static int map_part(struct hw_enclave *e, uint64_t offset, uint64_t end, int protection)
{
	if (offset < end && e->platform->os->map(e->common.base + offset, end - offset, protection, e->fd) == MAP_FAILED)
		return tee_fail(OM_ESGX, "mapping of enclave pages at 0x%llx: %s", (unsigned long long)offset, strerror(errno));
	return 0;
}

static int map_device(struct hw_enclave *e)
{
	uint64_t at = 0;
	int r;

	for (unsigned i = 0; i < e->run_count; i++) {
		const struct run *run = &e->runs[i];

		if ((r = map_part(e, at, run->offset, PROT_READ | PROT_WRITE)) < 0 ||
		    (r = map_part(e, run->offset, run->offset + run->length, run->protection)) < 0)
			return r;
		at = run->offset + run->length;
	}
	return map_part(e, at, e->common.size, PROT_READ | PROT_WRITE);
}

static int init(struct tee_enclave *enclave, const struct sgx_sigstruct *sigstruct)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;
	struct sgx_enclave_init arg = { .sigstruct = (uint64_t)sigstruct };
	int r;

	if (e->initialized)
		return tee_fail(OM_ESTATE, "the enclave is initialized");
	r = e->platform->os->ioctl(e->fd, SGX_IOC_ENCLAVE_INIT, &arg);
	/* In this state EINVAL is about SIGSTRUCT too: its vendor, or attributes that do not exist here. */
	if (r != 0)
		return r > 0 || errno == EPERM || errno == EACCES || errno == EINVAL ?
			tee_fail(OM_ESIGSTRUCT, "SGX_IOC_ENCLAVE_INIT: refused (%s)", r > 0 ? "EINIT" : strerror(errno)) :
			tee_fail(OM_ESGX, "SGX_IOC_ENCLAVE_INIT: %s", strerror(errno));
	e->initialized = true;
	return map_device(e);
}

static void destroy(struct tee_enclave *enclave)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;

	e->platform->os->unmap(e->common.base, e->common.size);
	e->platform->os->close(e->fd);
	free(e->bounce);
	free(e);
}

static int enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
	uint64_t r9, struct tee_run *run)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;
	struct sgx_enclave_run kernel_run = { .tcs = run->tcs };
	int r;

	if (leaf != SGX_EENTER && leaf != SGX_ERESUME)
		return tee_fail(OM_EINVAL, "tee_enter: leaf %u", leaf);
	atomic_fetch_add_explicit(leaf == SGX_EENTER ? &e->stat_enter : &e->stat_resume, 1, memory_order_relaxed);
	r = hw_call_vdso(rdi, rsi, rdx, leaf, r8, r9, &kernel_run, e->platform->enter);
	if (r != 0)
		return tee_fail(OM_ESGX, "__vdso_sgx_enter_enclave: %s", strerror(-r));
	run->function = kernel_run.function;
	if (run->function == SGX_EEXIT)
		return 0;
	run->exception_vector = kernel_run.exception_vector;
	run->exception_error_code = kernel_run.exception_error_code;
	run->exception_addr = kernel_run.exception_addr;
	/* EENTER's own faults bear its number; ERESUME's cannot be told from the enclave's. */
	if (run->function == SGX_EENTER)
		return tee_fail(OM_ESGX, "EENTER at TCS 0x%llx: exception %u", (unsigned long long)run->tcs,
			run->exception_vector);
	atomic_fetch_add_explicit(&e->stat_aex, 1, memory_order_relaxed);
	return 0;
}

/* The three EDMM ioctls share a shape: they stop where a page refuses, or a signal comes, and count what is done. */
static bool go_on(int r, uint64_t count, uint64_t *done)
{
	*done += count;
	return r != 0 && (errno == EINTR || errno == EAGAIN);
}

static int edmm_result(int r, const char *name, uint64_t offset, uint64_t code)
{
	return r == 0 ? 0 : tee_fail(errno == EINVAL ? OM_EINVAL : OM_ESGX, "%s at 0x%llx: %s, code %llu", name,
		(unsigned long long)offset, strerror(errno), (unsigned long long)code);
}

static int restrict_permissions(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t permissions,
	uint64_t *ret_done)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;
	struct sgx_enclave_restrict_permissions arg;
	int r;

	do {
		arg = (struct sgx_enclave_restrict_permissions){ .offset = offset + *ret_done, .length = length - *ret_done,
			.permissions = permissions };
		r = e->platform->os->ioctl(e->fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &arg);
	} while (go_on(r, arg.count, ret_done));
	return edmm_result(r, "SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS", offset + *ret_done, arg.result);
}

static int modify_types(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t page_type,
	uint64_t *ret_done)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;
	struct sgx_enclave_modify_types arg;
	int r;

	do {
		arg = (struct sgx_enclave_modify_types){ .offset = offset + *ret_done, .length = length - *ret_done,
			.page_type = page_type };
		r = e->platform->os->ioctl(e->fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, &arg);
	} while (go_on(r, arg.count, ret_done));
	return edmm_result(r, "SGX_IOC_ENCLAVE_MODIFY_TYPES", offset + *ret_done, arg.result);
}

static int remove_pages(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t *ret_done)
{
	struct hw_enclave *e = (struct hw_enclave *)enclave;
	struct sgx_enclave_remove_pages arg;
	int r;

	do {
		arg = (struct sgx_enclave_remove_pages){ .offset = offset + *ret_done, .length = length - *ret_done };
		r = e->platform->os->ioctl(e->fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &arg);
	} while (go_on(r, arg.count, ret_done));
	return edmm_result(r, "SGX_IOC_ENCLAVE_REMOVE_PAGES", offset + *ret_done, 0);
}

/* Linux adds pages at the touch only; madvise(MADV_WILLNEED) of enclave mappings does nothing. */
static void augment_hint(struct tee_enclave *enclave, uint64_t offset, uint64_t length)
{
	(void)enclave;
	(void)offset;
	(void)length;
}

static int thread_attach(struct tee_platform *platform)
{
	(void)platform;
	return 0;
}

static void thread_detach(struct tee_platform *platform)
{
	(void)platform;
}

/* What happens inside is the CPU's and the driver's secret. */
static void stats(const struct tee_enclave *enclave, struct tee_stats *s)
{
	const struct hw_enclave *e = (const struct hw_enclave *)enclave;

	*s = (struct tee_stats){ .enter = atomic_load_explicit(&e->stat_enter, memory_order_relaxed),
		.resume = atomic_load_explicit(&e->stat_resume, memory_order_relaxed),
		.aex = atomic_load_explicit(&e->stat_aex, memory_order_relaxed) };
}

static void close_platform(struct tee_platform *platform)
{
	free(platform);
}

static const struct tee_cpu cpu = {
	.create = create, .add_pages = add_pages, .init = init, .destroy = destroy, .enter = enter,
	.restrict_permissions = restrict_permissions, .modify_types = modify_types, .remove_pages = remove_pages,
	.augment_hint = augment_hint, .thread_attach = thread_attach, .thread_detach = thread_detach,
	.stats = stats, .close = close_platform,
};

int tee_hw_open(struct tee_platform **ret_platform)
{
	struct hw_platform *p = calloc(1, sizeof *p);

	if (!p)
		return tee_fail(OM_ENOMEM, "no memory");
	p->common.cpu = &cpu;
	p->os = current_os;
	p->enter = current_os->enter_function();
	current_os->capabilities(&p->common.caps);
	p->common.caps.name = "hardware";
	p->common.caps.protects = p->common.caps.lasting = true;
	memcpy(p->common.description, "SGX2 hardware", sizeof "SGX2 hardware");
	*ret_platform = &p->common;
	return 0;
}
