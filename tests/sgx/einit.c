/* SPDX-License-Identifier: Apache-2.0 */
/* ECREATE, EADD and EINIT: what is refused, and that a refusal leaves nothing behind. Reasons in brackets: see pages.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include "harness.h"
#include "measure.h"

static void create_must_fail(uint64_t base, uint64_t size, uint64_t flags, uint64_t xfrm, uint32_t ssa_pages, uint32_t misc,
	int error)
{
	struct sgx_attributes a = { flags, xfrm };
	struct tee_enclave *e;

	CHECK_EQ(tee_create(platform, base, size, ssa_pages, &a, misc, &e), error);
}

static void test_create(void)
{
	struct sgx_attributes a;
	struct tee_enclave *second;

	default_attributes(&a);
	create_must_fail(T_BASE, T_SIZE + 4096, a.flags, a.xfrm, 1, 1, OM_EINVAL);
	create_must_fail(T_BASE + 4096, T_SIZE, a.flags, a.xfrm, 1, 1, OM_EINVAL);
	create_must_fail(T_BASE, T_SIZE, a.flags | SGX_ATTR_INIT, a.xfrm, 1, 1, OM_ESGX);
	create_must_fail(T_BASE, T_SIZE, 0, a.xfrm, 1, 1, OM_ESGX);
	create_must_fail(T_BASE, T_SIZE, a.flags, 1, 1, 1, OM_ESGX);
	create_must_fail(T_BASE, T_SIZE, a.flags, a.xfrm | 1ull << 62, 1, 1, OM_ESGX);
	create_must_fail(T_BASE, T_SIZE, a.flags, a.xfrm, 0, 1, OM_ESGX);
	create_must_fail(T_BASE, T_SIZE, a.flags, a.xfrm, 1, 0x80, OM_ESGX);
	enclave_add(&a);
	CHECK_EQ(tee_create(platform, T_BASE, T_SIZE, 1, &a, 1, &second), OM_EEXISTS);
	enclave_down();
}

static void add_must_fail(uint64_t offset, uint64_t flags, const void *source, int error)
{
	struct sgx_secinfo s = { .flags = flags };

	CHECK_EQ(tee_add_pages(enclave, offset, source, 4096, &s, true), error);
}

static void test_add(void)
{
	struct sgx_attributes a;
	struct sgx_tcs tcs = { .nssa = 1, .reserved = { [4007] = 1 } };
	struct sgx_secinfo s = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R };
	struct command c = { .op = OP_ENTRY };
	struct tee_run run;

	default_attributes(&a);
	enclave_add(&a);
	add_must_fail(T_DATA, SGX_SECINFO_REG | SGX_SECINFO_R, NULL, OM_EEXISTS);
	add_must_fail(T_SIZE, SGX_SECINFO_REG | SGX_SECINFO_R, NULL, OM_EINVAL);
	add_must_fail(T_HEAP + 1, SGX_SECINFO_REG | SGX_SECINFO_R, NULL, OM_EINVAL);
	add_must_fail(T_HEAP, SGX_SECINFO_REG | SGX_SECINFO_W, NULL, OM_ESGX);
	add_must_fail(T_HEAP, SGX_SECINFO_TRIM, NULL, OM_ESGX);
	add_must_fail(T_HEAP, SGX_SECINFO_SECS, NULL, OM_ESGX);
	add_must_fail(T_HEAP, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PENDING, NULL, OM_ESGX);
	add_must_fail(T_HEAP, SGX_SECINFO_TCS | SGX_SECINFO_R, NULL, OM_ESGX);   /* [driver: EINVAL] */
	add_must_fail(T_HEAP, SGX_SECINFO_TCS, &tcs, OM_ESGX);                   /* [EADD: DS:RCX.RESERVED is not 0: #GP(0)] */
	s.reserved[3] = 1;
	CHECK_EQ(tee_add_pages(enclave, T_HEAP, NULL, 4096, &s, true), OM_ESGX);
	CHECK_EQ(enter(0, &c, &run), OM_ESGX);   /* before EINIT */
	MUST(enclave_init(&a));                  /* what was refused was not measured either */
	do_command(0, &c);
	add_must_fail(T_HEAP, SGX_SECINFO_REG | SGX_SECINFO_R, NULL, OM_ESTATE);
	CHECK_EQ(enclave_init(&a), OM_ESTATE);
	enclave_down();
}

/* [EADD: (DS:RCX).FLAGS.DBGOPTIN := 0, CSSA := 0, AEP := 0, STATE := 0]: they may say what they like, and what is measured is the
 * page as it then is. Other fields are looked at when a thread enters. */
static void test_add_tcs(void)
{
	struct sgx_tcs tcs = { .stage = 1, .flags = SGX_TCS_DBGOPTIN, .cssa = 5, .nssa = 1, .aep = 0x1000, .ofsbase = 8 };
	struct sgx_tcs added = { .nssa = 1, .ofsbase = 8 };
	struct sgx_secinfo s = { .flags = SGX_SECINFO_TCS };
	struct tee_run run = { .tcs = T_BASE + T_HEAP };
	struct sgx_attributes a;
	struct sgx_sigstruct sigstruct;
	struct om_measure m;
	uint8_t mrenclave[32];

	default_attributes(&a);
	enclave_add(&a);
	MUST(tee_add_pages(enclave, T_HEAP, &tcs, 4096, &s, true));
	measure_added(&m);
	om_measure_page(&m, T_HEAP, (const uint8_t *)&added, SGX_SECINFO_TCS, true);
	om_measure_result(&m, mrenclave);
	MUST(make_sigstruct(mrenclave, &a, &sigstruct));
	MUST(tee_init(enclave, &sigstruct));
	CHECK_EQ(tee_enter(enclave, SGX_EENTER, 0, 0, 0, 0, 0, &run), OM_ESGX);
	CHECK_EQ(run.exception_vector, SGX_VECTOR_GP);   /* [EENTER: OFSBASE is not 4KByte Aligned: #GP(0)] */
	enclave_down();
}

#define CHANGING_PAGES 16u

static atomic_bool changing;

static void *change(void *page)
{
	volatile uint8_t *byte = page;

	while (atomic_load(&changing))
		++*byte;
	return NULL;
}

/* [EEXTEND measures the EPC page, not what EADD copied it from]: a source that is written meanwhile, a mapped file for instance, is
 * measured as what was added. */
static void test_changing_source(void)
{
	const size_t size = CHANGING_PAGES * 4096;
	uint8_t *source = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sgx_secinfo s = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W };
	struct tee_capabilities caps;
	struct sgx_attributes a;
	pthread_t thread;

	tee_platform_capabilities(platform, &caps);
	if (!caps.oracle)
		return; /* what was added cannot be read here */
	if (source == MAP_FAILED)
		exit(1);
	default_attributes(&a);
	for (int round = 0; round < 20; round++) {
		struct sgx_sigstruct sigstruct;
		struct om_measure m;
		uint8_t mrenclave[32];

		enclave_add(&a);
		atomic_store(&changing, true);
		if (pthread_create(&thread, NULL, change, source + size - 4096))
			exit(1);
		MUST(tee_add_pages(enclave, T_HEAP, source, size, &s, true));
		atomic_store(&changing, false);
		pthread_join(thread, NULL);
		measure_added(&m);
		for (size_t at = 0; at < size; at += 4096)
			om_measure_page(&m, T_HEAP + at, (const uint8_t *)(T_BASE + T_HEAP + at), s.flags, true);
		om_measure_result(&m, mrenclave);
		MUST(make_sigstruct(mrenclave, &a, &sigstruct));
		CHECK_EQ(tee_init(enclave, &sigstruct), 0);
		enclave_down();
	}
	munmap(source, size);
}

/* Each byte class of SIGSTRUCT changed by itself; EINIT of the untouched one works afterwards. */
static void test_sigstruct(void)
{
	static const struct { size_t at; const char *what; } changes[] = {
		{ 0, "header" }, { 16, "vendor" }, { 20, "date" }, { 24, "header2" }, { 44, "reserved" }, { 128, "modulus" },
		{ 512, "exponent" }, { 516, "signature" }, { 899, "signature" }, { 900, "miscselect" }, { 910, "reserved" },
		{ 928, "attributes" }, { 960, "enclavehash" }, { 1024, "isvprodid" }, { 1028, "reserved" }, { 1040, "q1" },
		{ 1424, "q2" }, { 1807, "q2" },
	};
	struct sgx_attributes a, other;
	struct sgx_sigstruct good, bad;
	uint8_t mrenclave[32];

	default_attributes(&a);
	expected_mrenclave(mrenclave);
	MUST(make_sigstruct(mrenclave, &a, &good));
	enclave_add(&a);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		bad = good;
		((uint8_t *)&bad)[changes[i].at] ^= 1;
		if (tee_init(enclave, &bad) != OM_ESIGSTRUCT) {
			fprintf(stderr, "SIGSTRUCT with another %s was accepted\n", changes[i].what);
			failures++;
		}
	}
	mrenclave[5] ^= 1;                       /* properly signed, but for another enclave */
	MUST(make_sigstruct(mrenclave, &a, &bad));
	CHECK_EQ(tee_init(enclave, &bad), OM_ESIGSTRUCT);
	mrenclave[5] ^= 1;
	other = a;
	other.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	MUST(make_sigstruct(mrenclave, &other, &bad));
	CHECK_EQ(tee_init(enclave, &bad), OM_ESIGSTRUCT);
	MUST(tee_init(enclave, &good));
	enclave_down();
}

int main(void)
{
	open_platform();
	test_create();
	test_add();
	test_add_tcs();
	test_changing_source();
	test_sigstruct();
	return finish_tests("einit");
}
