/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of SGX2, one by one, as an enclave meets them: each fault with its vector, code and address, each error
 * code, each page state. The same program runs on every implementation of sgx.h (SGX_TEST).
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <string.h>
#include "harness.h"

#define HEAP(i) (T_BASE + T_HEAP + 4096ull * (i))
#define RW      (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)
#define NEW     (RW | SGX_SECINFO_PENDING)
#define DATA    (T_BASE + T_DATA)
#define SEC     (DATA + 0x800)
#define LOAD(at)  (struct command){ .op = OP_LOAD, .a = { at } }
#define STORE(at) (struct command){ .op = OP_STORE, .a = { at, 1 } }

static bool on_hardware_path(void)
{
	struct sgx_capabilities caps;

	sgx_platform_capabilities(platform, &caps);
	return caps.kind == SGX_HW;
}

static void must_load(uint64_t at, uint8_t value)
{
	struct command c = LOAD(at);

	do_command(0, &c);
	CHECK_EQ(c.a[1], value);
}

static void must_store(uint64_t at, uint8_t value)
{
	struct command c = { .op = OP_STORE, .a = { at, value } };

	do_command(0, &c);
}

static void load_must_fault(uint64_t at, int code)
{
	struct command c = LOAD(at);

	must_fault(0, &c, SGX_VECTOR_PF, code, at & ~4095ull);
}

static void store_must_fault(uint64_t at, int code)
{
	struct command c = STORE(at);

	must_fault(0, &c, SGX_VECTOR_PF, code, at & ~4095ull);
}

static void new_page(uint64_t at)
{
	CHECK_EQ(eaccept(0, NEW, at), SGX_SUCCESS);
}

static void trim(uint64_t at, uint64_t length)
{
	uint64_t done;

	MUST(sgx_modify_types(enclave, at - T_BASE, length, SGX_PT_TRIM, &done));
	for (uint64_t i = 0; i < length; i += 4096)
		CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, at + i), SGX_SUCCESS);
	MUST(sgx_remove_pages(enclave, at - T_BASE, length, &done));
	CHECK_EQ(done, length);
}

/* ---- entering -------------------------------------------------------------------------------------------- */

static void test_entry_state(void)
{
	struct command c = { .op = OP_ENTRY };
	struct sgx_run run;

	do_command(1, &c);
	CHECK_EQ(c.a[0], (uint64_t)&c);
	CHECK_EQ(c.a[6], 0);                                   /* RAX = CSSA */
	CHECK_EQ(c.a[9], tcs_of(1));                           /* RBX = TCS */
	CHECK_EQ(c.a[7], tcs_of(1) + T_BLOCK);                 /* FS */
	CHECK_EQ(c.a[8], DATA);                                /* GS */
	c.op = OP_ENTRY;
	memset(c.a, 0, sizeof c.a);
	run = (struct sgx_run){ .tcs = tcs_of(2) };
	MUST(sgx_enter(enclave, SGX_EENTER, (uint64_t)&c, 11, 22, 33, 44, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
	CHECK_EQ(c.a[1], 11);
	CHECK_EQ(c.a[2], 22);
	CHECK_EQ(c.a[3], 33);
	CHECK_EQ(c.a[4], 44);
}

static void entry_must_fail(uint64_t tcs, uint32_t leaf_number, int vector)
{
	struct command c = { .op = OP_ENTRY };
	struct sgx_run run = { .tcs = tcs };

	/* The vDSO reports ERESUME's own faults like those of the enclave. */
	int r = sgx_enter(enclave, leaf_number, (uint64_t)&c, 0, 0, 0, 0, &run);
	if (leaf_number != SGX_ERESUME || !on_hardware_path())
		CHECK_EQ(r, OM_ESGX);
	CHECK_EQ(run.function, leaf_number);
	CHECK_EQ(run.exception_vector, vector);
}

static void test_bad_tcs(void)
{
	entry_must_fail(T_BASE + T_DATA, SGX_EENTER, SGX_VECTOR_PF);
	entry_must_fail(tcs_of(0) + 8, SGX_EENTER, SGX_VECTOR_GP);
	entry_must_fail(0x1000, SGX_EENTER, SGX_VECTOR_GP);
	entry_must_fail(tcs_of(0), SGX_ERESUME, SGX_VECTOR_GP);  /* CSSA = 0 */
}

static uint64_t spin_flag;
static struct command spin = { .op = OP_SPIN, .a = { (uint64_t)&spin_flag } };

static void *spin_thread(void *unused)
{
	(void)unused;
	MUST(sgx_thread_attach(platform));
	do_command(3, &spin);
	sgx_thread_detach(platform);
	return NULL;
}

static void test_tcs_busy(void)
{
	pthread_t t;

	pthread_create(&t, NULL, spin_thread, NULL);
	while (!__atomic_load_n(&spin.a[1], __ATOMIC_ACQUIRE))
		sched_yield();
	entry_must_fail(tcs_of(3), SGX_EENTER, SGX_VECTOR_GP);
	__atomic_store_n(&spin_flag, 1, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
}

static void test_cssa_limit(void)
{
	struct command ud = { .op = OP_UD2 };
	struct sgx_run run;

	for (int i = 0; i < T_NSSA; i++) {
		MUST(enter(1, &ud, &run));
		CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	}
	entry_must_fail(tcs_of(1), SGX_EENTER, SGX_VECTOR_GP);
	/* Each ERESUME runs into the same UD2 again. */
	for (int i = 0; i < 3; i++) {
		MUST(resume(1, &run));
		CHECK_EQ(run.function, SGX_ERESUME);
		CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	}
}



/* EEXIT from the enclave's own stack: FS and GS are the host's again, RSP is the enclave's. setjmp takes it from there. */
static jmp_buf after_raw_exit;

static void raw_exit_target(void)
{
	longjmp(after_raw_exit, 1);
}

static void test_exit_from_enclave_stack(void)
{
	struct command c = { .op = OP_EXIT_RAW, .a = { (uint64_t)raw_exit_target } };
	struct sgx_run run;

#if __has_feature(address_sanitizer)
	return;   /* its longjmp wants to know every stack */
#endif
	if (setjmp(after_raw_exit) == 0) {
		MUST(enter(2, &c, &run));
		CHECK(!"EEXIT went elsewhere");
	}
	/* TLS works, and the TCS is free again. */
	CHECK(strlen(sgx_last_error()) < 256);
	do_command(2, &(struct command){ .op = OP_ENTRY });
}

/* ---- exceptions ------------------------------------------------------------------------------------------ */

static void test_exceptions(void)
{
	struct command c = { .op = OP_UD2 };

	must_fault(0, &c, SGX_VECTOR_UD, 0, 0);
	c.op = OP_HLT;
	must_fault(0, &c, SGX_VECTOR_GP, 0, 0);
	c.op = OP_DIVIDE;
	must_fault(0, &c, SGX_VECTOR_DE, 0, 0);
	c = LOAD(0x10000);
	must_fault(0, &c, SGX_VECTOR_PF, 4, 0x10000);
	c = STORE(0x10000);
	must_fault(0, &c, SGX_VECTOR_PF, 6, 0x10000);
	c = LOAD(0x1234567890123456);
	must_fault(0, &c, SGX_VECTOR_GP, 0, 0);
}

static void test_system_calls(void)
{
	struct command c = { .op = OP_SYSCALL };

	must_fault(0, &c, SGX_VECTOR_UD, 0, 0);
	c.op = OP_INT80;
	must_fault(0, &c, SGX_VECTOR_UD, 0, 0);
}

static void test_permissions(void)
{
	struct command c = { .op = OP_CALL, .a = { DATA } };

	load_must_fault(tcs_of(0), 0x8005);       /* a TCS is nobody's memory */
	store_must_fault(tcs_of(0), 0x8007);
	must_load(T_BASE + T_CODE, 0x49);
	store_must_fault(T_BASE + T_CODE, 0x8007);
	must_load(T_BASE + T_RODATA + 5, 0xa5);
	store_must_fault(T_BASE + T_RODATA + 5, 0x8007);
	must_store(DATA, 0xc3);
	must_fault(0, &c, SGX_VECTOR_PF, 0x8015, DATA);
}

/* ---- EDMM ------------------------------------------------------------------------------------------------ */

static void test_pending(void)
{
	struct sgx_stats s;

	load_must_fault(T_BASE + T_HOLE, 0x8005);
	load_must_fault(HEAP(0), 0x8005);
	store_must_fault(HEAP(1), 0x8007);
	load_must_fault(HEAP(0), 0x8005);        /* touched before: still PENDING */
	new_page(HEAP(0));
	new_page(HEAP(1));
	new_page(HEAP(2));                       /* never touched: EACCEPT itself makes the kernel add it */
	must_load(HEAP(0), 0);
	must_store(HEAP(1) + 7, 77);
	must_load(HEAP(1) + 7, 77);
	must_load(HEAP(2), 0);
	load_must_fault(HEAP(3), 0x8005);
	CHECK_EQ(eaccept(0, NEW, HEAP(0)), SGX_PAGE_ATTRIBUTES_MISMATCH);   /* twice */
	must_load(HEAP(1) + 7, 77);
	sgx_stats_get(enclave, &s);
	CHECK(s.eaccept >= 3 || on_hardware_path());
}

static void test_eaccept_operands(void)
{
	uint64_t flags, bad[] = { 0x8000000000000000, 0x40, SGX_SECINFO_PENDING | SGX_SECINFO_MODIFIED };

	leaf_must_fault(0, SGX_EACCEPT, SEC + 8, HEAP(4), 0, SGX_VECTOR_GP, 0);              /* unaligned SECINFO */
	leaf_must_fault(0, SGX_EACCEPT, (uint64_t)&flags & ~63ull, HEAP(4), 0, SGX_VECTOR_GP, 0); /* outside */
	leaf_must_fault(0, SGX_EACCEPT, HEAP(500), HEAP(4), 0, SGX_VECTOR_PF, HEAP(500));   /* not accepted */
	put_secinfo(0, SEC, NEW);
	leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4) + 64, 0, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EACCEPT, SEC, T_BASE + T_SIZE, 0, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC + 16, 1);             /* reserved byte */
	leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC + 16, 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put_secinfo(0, SEC, RW | bad[i]);
		leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	}
	put_secinfo(0, SEC, RW);                 /* neither PENDING nor PR */
	leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC, 0x308);              /* PT_VA */
	leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	CHECK_EQ(leaf(0, SGX_EACCEPT, NEW | SGX_SECINFO_X, HEAP(4), 0, &flags), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK(flags & 0x40);
	CHECK_EQ(leaf(0, SGX_EACCEPT, NEW, HEAP(4), 0, &flags), SGX_SUCCESS);
	CHECK(!(flags & 0x40));
	CHECK_EQ(eaccept(0, NEW, DATA), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK_EQ(eaccept(0, NEW, tcs_of(0)), SGX_PAGE_ATTRIBUTES_MISMATCH);
	leaf_must_fault(0, 31, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);           /* no such leaf */
}

static void fill_page(uint64_t at, uint64_t seed)
{
	for (int i = 0; i < 512; i += 73) {
		struct command c = { .op = OP_STORE64, .a = { at + 8 * (uint64_t)i, seed + (uint64_t)i } };
		do_command(0, &c);
	}
}

static void page_must_hold(uint64_t at, uint64_t seed)
{
	for (int i = 0; i < 512; i += 73) {
		struct command c = { .op = OP_LOAD64, .a = { at + 8 * (uint64_t)i } };
		do_command(0, &c);
		CHECK_EQ(c.a[1], seed + (uint64_t)i);
	}
}

static void test_eacceptcopy(void)
{
	uint64_t flags;

	new_page(HEAP(10));
	fill_page(HEAP(10), 4711);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, HEAP(11), HEAP(10), &flags), SGX_SUCCESS);
	CHECK(!(flags & 0x40));
	page_must_hold(HEAP(11), 4711);
	load_must_fault(HEAP(12), 0x8005);       /* PENDING is as good as never touched */
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, SGX_SECINFO_REG | SGX_SECINFO_R, HEAP(12), HEAP(11), NULL), SGX_SUCCESS);
	page_must_hold(HEAP(12), 4711);
	/* SDM 3D (May 2018), EACCEPTCOPY, Operation: "EPCM(DS:RCX).W <- SCRATCH_SECINFO.FLAGS.W", and R and X likewise. */
	store_must_fault(HEAP(12), 0x8007);
	page_must_hold(HEAP(12), 4711);
	put_secinfo(0, SEC, RW);
	CHECK_EQ(leaf(0, SGX_EMODPE, RW, HEAP(12), 0, NULL), 0);   /* ... and the enclave alone can give W back */
	must_store(HEAP(12), 1);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, SGX_SECINFO_REG, HEAP(16), HEAP(11), NULL), SGX_SUCCESS);
	load_must_fault(HEAP(16), 0x8005);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, HEAP(11), HEAP(10), &flags), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK(flags & 0x40);
	put_secinfo(0, SEC, RW);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, HEAP(13) + 1, HEAP(10), SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, HEAP(13), HEAP(10) + 8, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, HEAP(13), 0x1000, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, HEAP(13), HEAP(501), SGX_VECTOR_PF, HEAP(501));  /* source PENDING */
	put_secinfo(0, SEC, SGX_SECINFO_REG | SGX_SECINFO_W);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, HEAP(13), HEAP(10), SGX_VECTOR_GP, 0);
	load_must_fault(HEAP(13), 0x8005);
	new_page(HEAP(14));                      /* a source that was accepted and never touched */
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, HEAP(13), HEAP(14), NULL), SGX_SUCCESS);
	must_load(HEAP(13), 0);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW | SGX_SECINFO_X, HEAP(15), T_BASE + T_CODE, NULL), SGX_SUCCESS);
	must_store(HEAP(15), 0xc3);              /* ret */
	do_command(0, &(struct command){ .op = OP_CALL, .a = { HEAP(15) } });
}

static void test_trim(void)
{
	uint64_t done;

	for (int i = 20; i < 60; i++) {
		new_page(HEAP(i));
		must_store(HEAP(i), 9);
	}
	CHECK(sgx_remove_pages(enclave, T_HEAP + 20 * 4096, 4096, &done) < 0);          /* not trimmed */
	MUST(sgx_modify_types(enclave, T_HEAP + 20 * 4096, 2 * 4096, SGX_PT_TRIM, &done));
	CHECK_EQ(done, 2 * 4096);
	load_must_fault(HEAP(20), 0x8005);
	store_must_fault(HEAP(21), 0x8007);
	CHECK(sgx_remove_pages(enclave, T_HEAP + 20 * 4096, 4096, &done) < 0);          /* not accepted */
	CHECK(sgx_modify_types(enclave, T_HEAP + 20 * 4096, 4096, SGX_PT_TRIM, &done) < 0);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED | SGX_SECINFO_R, HEAP(20)), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, HEAP(20)), SGX_SUCCESS);
	load_must_fault(HEAP(20), 0x8005);
	must_load(HEAP(22), 9);
	MUST(sgx_remove_pages(enclave, T_HEAP + 20 * 4096, 4096, &done));
	load_must_fault(HEAP(20), 0x8005);
	new_page(HEAP(20));                      /* and it starts again at zero */
	must_load(HEAP(20), 0);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, HEAP(21)), SGX_SUCCESS);
	MUST(sgx_remove_pages(enclave, T_HEAP + 21 * 4096, 4096, &done));
	trim(HEAP(22), 38 * 4096);               /* across lazily filled chunks */
	for (int i = 21; i < 60; i += 5)
		load_must_fault(HEAP(i), 0x8005);
	CHECK(sgx_modify_types(enclave, T_HEAP + 600 * 4096, 4096, SGX_PT_TRIM, &done) < 0);  /* not in the enclave */
	CHECK(sgx_modify_types(enclave, T_HEAP, 4096, SGX_PT_REG, &done) < 0);
	CHECK(sgx_modify_types(enclave, T_SIZE, 4096, SGX_PT_TRIM, &done) < 0);
}

/* What write protection of a program's pages rests on (trusted/rt/watch.c). */
static void test_watch(void)
{
	const uint64_t read_only = SGX_SECINFO_REG | SGX_SECINFO_R, first = HEAP(2500), count = 1030;      /* across 2 MiB */
	uint64_t done = 0;

	for (uint64_t i = 0; i < count; i++)
		CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PENDING, first + i * 4096), SGX_SUCCESS);
	for (uint64_t i = 0; i < count; i += 3)              /* the others were never touched */
		must_store(first + i * 4096, (uint8_t)(i + 1));
	/* A host that says it did, and did nothing. */
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first), SGX_PAGE_ATTRIBUTES_MISMATCH);
	MUST(sgx_restrict_permissions(enclave, first - T_BASE, count * 4096, SGX_SECINFO_R, &done));
	CHECK_EQ(done, count * 4096);
	/* Or only half of it: what is asked for is compared with what is. */
	CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PR, first), SGX_PAGE_ATTRIBUTES_MISMATCH);
	for (uint64_t i = 0; i < count; i++)
		CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first + i * 4096), SGX_SUCCESS);
	for (uint64_t i = 0; i < count; i += 103) {
		must_load(first + i * 4096, i % 3 ? 0 : (uint8_t)(i + 1));
		store_must_fault(first + i * 4096, 0x8007);
		must_load(first + i * 4096, i % 3 ? 0 : (uint8_t)(i + 1));
		/* Restricting again does not give anything back, and EACCEPT is due again. */
		MUST(sgx_restrict_permissions(enclave, first + i * 4096 - T_BASE, 4096, SGX_SECINFO_R | SGX_SECINFO_W, &done));
		CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first + i * 4096), SGX_SUCCESS);
		store_must_fault(first + i * 4096, 0x8007);
		(void)leaf(0, SGX_EMODPE, RW, first + i * 4096, 0, NULL);
		must_store(first + i * 4096, 7);
		must_load(first + i * 4096, 7);
		/* Its neighbours stay as they are. */
		if (i + 1 < count)
			store_must_fault(first + (i + 1) * 4096, 0x8007);
	}
	/* EMODPE before EACCEPT: the request no longer fits, and the page is writable. */
	MUST(sgx_restrict_permissions(enclave, first - T_BASE, 4096, SGX_SECINFO_R, &done));
	(void)leaf(0, SGX_EMODPE, RW, first, 0, NULL);
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first), SGX_PAGE_ATTRIBUTES_MISMATCH);
	must_store(first, 8);
	must_load(first, 8);
}

static void test_restrict(void)
{
	const uint64_t page = HEAP(70), read_only = SGX_SECINFO_REG | SGX_SECINFO_R;
	uint64_t done;

	new_page(page);
	new_page(page + 4096);                   /* stays untouched until it is read-only */
	must_store(page, 5);
	MUST(sgx_restrict_permissions(enclave, page - T_BASE, 2 * 4096, SGX_SECINFO_R, &done));
	CHECK_EQ(done, 2 * 4096);
	must_load(page, 5);
	store_must_fault(page, 0x8007);
	store_must_fault(page + 4096, 0x8007);
	must_load(page + 4096, 0);
	store_must_fault(page + 4096, 0x8007);
	CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PR, page), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, page), SGX_SUCCESS);
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, page), SGX_PAGE_ATTRIBUTES_MISMATCH);
	store_must_fault(page, 0x8007);
	(void)leaf(0, SGX_EMODPE, RW, page, 0, NULL);
	must_store(page, 6);
	must_load(page, 6);
	CHECK(sgx_restrict_permissions(enclave, page - T_BASE, 4096, 0, &done) < 0);
	CHECK(sgx_restrict_permissions(enclave, T_HEAP + 601 * 4096, 4096, SGX_SECINFO_R, &done) < 0);
	load_must_fault(HEAP(72), 0x8005);
	CHECK(sgx_restrict_permissions(enclave, page + 2 * 4096 - T_BASE, 4096, SGX_SECINFO_R, &done) < 0); /* PENDING */
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, page + 4096), SGX_SUCCESS);
	trim(page + 4096, 4096);
	new_page(page + 4096);                   /* a new life, writable */
	must_store(page + 4096, 3);
}

static void test_emodpe(void)
{
	new_page(HEAP(80));
	must_store(HEAP(80), 0xc3);
	struct command call = { .op = OP_CALL, .a = { HEAP(80) } };
	must_fault(0, &call, SGX_VECTOR_PF, 0x8015, HEAP(80));
	(void)leaf(0, SGX_EMODPE, RW | SGX_SECINFO_X, HEAP(80), 0, NULL);
	do_command(0, &call);
	must_store(HEAP(80), 0xc3);
	put_secinfo(0, SEC, SGX_SECINFO_REG | SGX_SECINFO_W);
	leaf_must_fault(0, SGX_EMODPE, SEC, HEAP(80), 0, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC, RW);
	leaf_must_fault(0, SGX_EMODPE, SEC, HEAP(81), 0, SGX_VECTOR_PF, HEAP(81));      /* PENDING */
	leaf_must_fault(0, SGX_EMODPE, SEC, tcs_of(0), 0, SGX_VECTOR_PF, tcs_of(0));
	trim(HEAP(80), 4096);
	new_page(HEAP(80));                      /* X is gone */
	must_store(HEAP(80), 0xc3);
	must_fault(0, &call, SGX_VECTOR_PF, 0x8015, HEAP(80));
}

/* A page becomes a TCS, runs, is trimmed and removed. */
static void test_dynamic_tcs(void)
{
	const uint64_t at = HEAP(100), model = tcs_of(2);
	struct sgx_tcs tcs = { .ossa = model - T_BASE + T_SSA, .nssa = 1, .oentry = T_CODE,
		.ofsbase = model - T_BASE + T_BLOCK, .ogsbase = T_DATA, .fslimit = ~0u, .gslimit = ~0u };
	struct command copy = { .op = OP_COPY, .a = { at, (uint64_t)&tcs, sizeof tcs } };
	struct command c = { .op = OP_ENTRY };
	struct sgx_run run = { .tcs = at };
	uint64_t done;

	new_page(at);
	do_command(0, &copy);
	entry_must_fail(at, SGX_EENTER, SGX_VECTOR_PF);
	MUST(sgx_modify_types(enclave, at - T_BASE, 4096, SGX_PT_TCS, &done));
	entry_must_fail(at, SGX_EENTER, SGX_VECTOR_PF);          /* MODIFIED */
	load_must_fault(at, 0x8005);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED, at), SGX_SUCCESS);
	MUST(sgx_enter(enclave, SGX_EENTER, (uint64_t)&c, 0, 0, 0, 0, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
	CHECK_EQ(c.a[9], at);
	load_must_fault(at, 0x8005);
	trim(at, 4096);
	entry_must_fail(at, SGX_EENTER, SGX_VECTOR_PF);

	new_page(at);                            /* content that the CPU refuses */
	tcs.flags = SGX_TCS_DBGOPTIN;
	do_command(0, &copy);
	MUST(sgx_modify_types(enclave, at - T_BASE, 4096, SGX_PT_TCS, &done));
	put_secinfo(0, SEC, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
	leaf_must_fault(0, SGX_EACCEPT, SEC, at, 0, SGX_VECTOR_GP, 0);
}

/* ---- threads --------------------------------------------------------------------------------------------- */

#define RACE_PAGES 400

static void *race_thread(void *argument)
{
	int slot = (int)(intptr_t)argument;
	uint64_t *won = calloc(1, sizeof *won);

	MUST(sgx_thread_attach(platform));
	for (int i = 0; i < RACE_PAGES; i++)
		*won += eaccept(slot, NEW, HEAP(1000 + i)) == SGX_SUCCESS;
	sgx_thread_detach(platform);
	return won;
}

/* Of several threads that accept the same page exactly one succeeds. */
static void test_accept_race(void)
{
	pthread_t t[2];
	uint64_t total = 0;
	void *won;

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, race_thread, (void *)(intptr_t)(2 + i));
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &won);
		total += *(uint64_t *)won;
		free(won);
	}
	CHECK_EQ(total, RACE_PAGES);
}

int main(void)
{
	open_platform();
	enclave_up();
	test_entry_state();
	test_bad_tcs();
	test_tcs_busy();
	test_exit_from_enclave_stack();
	test_exceptions();
	test_system_calls();
	test_permissions();
	test_pending();
	test_eaccept_operands();
	test_eacceptcopy();
	test_trim();
	test_restrict();
	test_watch();
	test_emodpe();
	test_dynamic_tcs();
	test_accept_race();
	test_cssa_limit();
	enclave_down();
	enclave_up();                            /* the range is free again */
	do_command(0, &(struct command){ .op = OP_ENTRY });
	enclave_down();
	sgx_thread_detach(platform);
	sgx_platform_close(platform);
	return finish_tests("conformance");
}
