/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of the TEE contract: chooses an implementation and checks what both demand alike. Everything else is
 * a call through the backend's table; an enclave knows its platform, so no global says which one runs.
 */
#include <cpuid.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "backend.h"
#include "hostcall.h"

static __thread char last_error[256];

int sgx_fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_error, sizeof last_error, format, args);
	va_end(args);
	return error;
}

const char *sgx_last_error(void)
{
	return last_error;
}

uint64_t sgx_host_xfrm(void)
{
	uint32_t a, b, c, d, lo, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return SGX_XFRM_LEGACY;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (((uint64_t)hi << 32) | lo) & SGX_XFRM_AVX512;
}

uint64_t sgx_host_features(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) ? OM_CPU_SHANI : 0;
}

uint32_t sgx_xsave_size(uint64_t xfrm)
{
	uint32_t end = 576;

	for (uint32_t i = 2; i < 63; i++) {
		uint32_t size, offset, c, d;

		if (!(xfrm >> i & 1) || !__get_cpuid_count(0xd, i, &size, &offset, &c, &d))
			continue;
		if (offset + size > end)
			end = offset + size;
	}
	return end;
}

int sgx_platform_open(enum sgx_kind kind, const struct sgx_emu_options *emu, struct sgx_platform **ret_platform)
{
	static const struct sgx_emu_options defaults;
	const char *why;
	int r;

	if (!emu)
		emu = &defaults;
	if (kind == SGX_EMU)
		return emu_platform_open(emu, ret_platform);
	why = hw_unavailable();
	if (!why)
		return hw_platform_open(ret_platform);
	if (kind == SGX_HW)
		return sgx_fail(OM_ENOSGX, "%s", why);
	r = emu_platform_open(emu, ret_platform);
	if (r == 0)
		snprintf((*ret_platform)->description, sizeof (*ret_platform)->description,
			"SGX2 emulator, no security boundary; no hardware: %s", why);
	return r;
}

void sgx_platform_close(struct sgx_platform *platform)
{
	if (platform)
		platform->backend->close(platform);
}

void sgx_platform_capabilities(const struct sgx_platform *platform, struct sgx_capabilities *ret_caps)
{
	*ret_caps = platform->caps;
}

const char *sgx_platform_describe(const struct sgx_platform *platform)
{
	return platform->description;
}

/* Offsets and lengths of every call on an enclave: page-aligned and inside ELRANGE. */
static int check_range(const struct sgx_enclave *enclave, uint64_t offset, uint64_t length)
{
	if (((offset | length) & (SGX_PAGE_SIZE - 1)) || offset > enclave->size || length > enclave->size - offset)
		return sgx_fail(OM_EINVAL, "pages [0x%llx, +0x%llx) are not inside ELRANGE", (unsigned long long)offset,
			(unsigned long long)length);
	return 0;
}

int sgx_create(struct sgx_platform *platform, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
	const struct sgx_attributes *attributes, uint32_t miscselect, struct sgx_enclave **ret_enclave)
{
	if (size < 2 * SGX_PAGE_SIZE || (size & (size - 1)) || (base & (size - 1)))
		return sgx_fail(OM_EINVAL, "ECREATE: ELRANGE must be a power of two, aligned to its size");
	return platform->backend->create(platform, base, size, ssa_frame_pages, attributes, miscselect, ret_enclave);
}

int sgx_add_pages(struct sgx_enclave *enclave, uint64_t offset, const void *source, uint64_t length,
	const struct sgx_secinfo *secinfo, bool measure)
{
	int r = check_range(enclave, offset, length);

	return r < 0 ? r : enclave->platform->backend->add_pages(enclave, offset, source, length, secinfo, measure);
}

int sgx_init(struct sgx_enclave *enclave, const struct sgx_sigstruct *sigstruct)
{
	return enclave->platform->backend->init(enclave, sigstruct);
}

void sgx_destroy(struct sgx_enclave *enclave)
{
	if (enclave)
		enclave->platform->backend->destroy(enclave);
}

int sgx_enter(struct sgx_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
	uint64_t r8, uint64_t r9, struct sgx_run *run)
{
	return enclave->platform->backend->enter(enclave, leaf, rdi, rsi, rdx, r8, r9, run);
}

int sgx_thread_attach(struct sgx_platform *platform)
{
	return platform->backend->thread_attach(platform);
}

void sgx_thread_detach(struct sgx_platform *platform)
{
	platform->backend->thread_detach(platform);
}

int sgx_restrict_permissions(struct sgx_enclave *enclave, uint64_t offset, uint64_t length, uint64_t permissions,
	uint64_t *ret_done)
{
	int r = check_range(enclave, offset, length);

	*ret_done = 0;
	return r < 0 ? r : enclave->platform->backend->restrict_permissions(enclave, offset, length, permissions,
		ret_done);
}

int sgx_modify_types(struct sgx_enclave *enclave, uint64_t offset, uint64_t length, uint64_t page_type,
	uint64_t *ret_done)
{
	int r = check_range(enclave, offset, length);

	*ret_done = 0;
	return r < 0 ? r : enclave->platform->backend->modify_types(enclave, offset, length, page_type, ret_done);
}

int sgx_remove_pages(struct sgx_enclave *enclave, uint64_t offset, uint64_t length, uint64_t *ret_done)
{
	int r = check_range(enclave, offset, length);

	*ret_done = 0;
	return r < 0 ? r : enclave->platform->backend->remove_pages(enclave, offset, length, ret_done);
}

void sgx_augment_hint(struct sgx_enclave *enclave, uint64_t offset, uint64_t length)
{
	if (check_range(enclave, offset, length) == 0)
		enclave->platform->backend->augment_hint(enclave, offset, length);
}

int sgx_quote_target(struct sgx_platform *platform, struct sgx_targetinfo *ret_target)
{
	return platform->backend->quote_target(platform, ret_target);
}

int sgx_quote(struct sgx_platform *platform, const struct sgx_report *report, uint8_t *quote, size_t quote_size,
	size_t *ret_size)
{
	return platform->backend->quote(platform, report, quote, quote_size, ret_size);
}

int sgx_collateral(struct sgx_platform *platform, const uint8_t *quote, size_t quote_size, int64_t now, uint8_t *buffer,
	size_t buffer_size, size_t *ret_size)
{
	return platform->backend->collateral(platform, quote, quote_size, now, buffer, buffer_size, ret_size);
}

void sgx_stats_get(const struct sgx_enclave *enclave, struct sgx_stats *ret_stats)
{
	enclave->platform->backend->stats(enclave, ret_stats);
}
