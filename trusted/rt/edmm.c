/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ENCLU's memory leaves, and the sequences of them with the host's half in between. If the host does not do its half,
 * or does something else, EACCEPT fails: the CPU compares what the runtime asks for with the EPCM.
 *
 *   new page      (EAUG by a fault or ahead)                 EACCEPT R W PENDING
 *   ... read-only (the same)                                 EACCEPTCOPY R, of zeros
 *   trim          OM_HC_SGX_MODIFY to TRIM, EACCEPT TRIM MODIFIED, OM_HC_SGX_REMOVE
 *   restrict      OM_HC_SGX_RESTRICT, EACCEPT PR
 *   extend        EMODPE
 *
 * Read permission is never taken away: the migration engine must be able to read what the application may not.
 */
#include "rt/internal.h"

#define ALIGNED_SECINFO __attribute__((aligned(SGX_SECINFO_ALIGN)))

ALIGNED_SECINFO const struct sgx_secinfo rt_secinfo_new = {
	.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_PENDING };
ALIGNED_SECINFO const struct sgx_secinfo rt_secinfo_trim = { .flags = SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED };
static ALIGNED_SECINFO const struct sgx_secinfo restricted = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR };
static ALIGNED_SECINFO const struct sgx_secinfo read_write = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W };
static ALIGNED_SECINFO const struct sgx_secinfo read_only = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R };

static const _Alignas(OM_PAGE_SIZE) uint8_t zeros[OM_PAGE_SIZE];

static uint64_t enclu(uint64_t leaf, const struct sgx_secinfo *secinfo, uint64_t address, const void *source)
{
	__asm__ volatile (SGX_ENCLU_STR
		: "+a"(leaf) : "b"(secinfo), "c"(address), "d"(source) : "memory", "cc");
	return leaf;
}

uint32_t rt_eaccept(uint64_t address, const struct sgx_secinfo *secinfo)
{
	return (uint32_t)enclu(SGX_EACCEPT, secinfo, address, NULL);
}

uint32_t rt_eacceptcopy(uint64_t address, const void *source, const struct sgx_secinfo *secinfo)
{
	return (uint32_t)enclu(SGX_EACCEPTCOPY, secinfo, address, source);
}

uint32_t rt_eaccept_zeros(uint64_t address)
{
	return rt_eacceptcopy(address, zeros, &read_only);
}

void rt_emodpe(uint64_t address, const struct sgx_secinfo *secinfo)
{
	enclu(SGX_EMODPE, secinfo, address, NULL);
}

static int host_op(enum om_hostcall op, uint64_t index, uint64_t count, uint64_t argument)
{
	const uint64_t arg[6] = { index << 12, count << 12, argument };
	long ret = rt_hostcall(op, 0, 0, arg);

	return ret == 0 ? 0 : ret >= -4095 && ret < 0 ? (int)ret : OM_EHOST;
}

int rt_page_trim(uint64_t index, uint64_t count)
{
	int r = host_op(OM_HC_SGX_MODIFY, index, count, SGX_PT_TRIM);

	if (r < 0)
		return r;
	for (uint64_t i = 0; i < count; i++)
		if (rt_eaccept(rt_page_address(index + i), &rt_secinfo_trim) != SGX_SUCCESS)
			return OM_ESGX;
	return host_op(OM_HC_SGX_REMOVE, index, count, 0);
}

int rt_page_protect(uint64_t index, uint64_t count, uint8_t old_protection, uint8_t protection)
{
	bool writable = protection & RT_PAGE_W;
	int r;

	if (!!(old_protection & RT_PAGE_W) == writable)
		return 0;
	if (!writable) {
		r = host_op(OM_HC_SGX_RESTRICT, index, count, SGX_SECINFO_R);
		if (r < 0)
			return r;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint64_t address = rt_page_address(index + i);

		if (writable)
			rt_emodpe(address, &read_write);
		else if (rt_eaccept(address, &restricted) != SGX_SUCCESS)
			return OM_ESGX;
	}
	return 0;
}

/* EACCEPTCOPY sets the permissions it is given. */
int rt_mem_accept_copy(uint64_t address, const void *source, uint8_t protection)
{
	uint64_t index = rt_page_index(address);
	uint8_t *byte = &rt_pagemap()[index];
	uint8_t seen;

	rt_map_ensure(index, 1);
	seen = __atomic_load_n(byte, __ATOMIC_ACQUIRE);
	if (RT_PAGE_STATE(seen) == RT_PAGE_ACCEPTED)
		return OM_EEXISTS;
	rt_map_touched(index, 1);
	if (rt_eacceptcopy(address, source, (protection & RT_PAGE_W) ? &read_write : &read_only) != SGX_SUCCESS)
		return OM_ESGX;
	atomic_fetch_add_explicit(&rt_counters.pages_accepted, 1, memory_order_relaxed);
	rt_cards_mark(address, OM_PAGE_SIZE);
	__atomic_store_n(byte, (uint8_t)(RT_PAGE_ACCEPTED | protection), __ATOMIC_RELEASE);
	return 0;
}
