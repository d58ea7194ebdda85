/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the test enclave and accesses to them, for the tests that ask the rules one by one.
 *
 * Each check has its reason: [LEAF: ...] quotes or shortens the leaf's Operation section in chapter 40, "SGX instruction
 * references", of Intel's SDM, volume 3D, order number 332831, edition 067 (May 2018): 40.3 for ENCLS, 40.4 for ENCLU; in
 * edition 082 (December 2023) it is chapter 38. Other chapters are named by their titles, which no edition changed.
 * [driver: ...] is Linux 6.1, arch/x86/kernel/cpu/sgx.
 */
#ifndef OPTMIG_TESTS_SGX_PAGES_H
#define OPTMIG_TESTS_SGX_PAGES_H

#include "harness.h"

#define HEAP(i) (T_BASE + T_HEAP + 4096ull * (i))
#define RW      (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)
#define NEW_PAGE (RW | SGX_SECINFO_PENDING)
#define DATA    (T_BASE + T_DATA)
#define SEC     (DATA + 0x800)
#define LOAD(at)  (struct command){ .op = OP_LOAD, .a = { at } }
#define STORE(at) (struct command){ .op = OP_STORE, .a = { at, 1 } }

static inline void must_load(uint64_t at, uint8_t value)
{
	struct command c = LOAD(at);

	do_command(0, &c);
	CHECK_EQ(c.a[1], value);
}

static inline void must_store(uint64_t at, uint8_t value)
{
	struct command c = { .op = OP_STORE, .a = { at, value } };

	do_command(0, &c);
}

static inline void load_must_fault(uint64_t at, int code)
{
	struct command c = LOAD(at);

	must_fault(0, &c, SGX_VECTOR_PF, code, at & ~4095ull);
}

static inline void store_must_fault(uint64_t at, int code)
{
	struct command c = STORE(at);

	must_fault(0, &c, SGX_VECTOR_PF, code, at & ~4095ull);
}

static inline void new_page(uint64_t at)
{
	CHECK_EQ(eaccept(0, NEW_PAGE, at), SGX_SUCCESS);
}

/* The whole way out: EMODT, EACCEPT, EREMOVE. */
static inline void trim(uint64_t at, uint64_t length)
{
	uint64_t done;

	MUST(tee_modify_types(enclave, at - T_BASE, length, SGX_PT_TRIM, &done));
	for (uint64_t i = 0; i < length; i += 4096)
		CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, at + i), SGX_SUCCESS);
	MUST(tee_remove_pages(enclave, at - T_BASE, length, &done));
	CHECK_EQ(done, length);
}

#endif
