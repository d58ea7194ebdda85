/* SPDX-License-Identifier: Apache-2.0 */
/* EREPORT and EGETKEY: contents, what a key depends on, operands. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>
#include "evidence/authentic/verify.h"
#include "evidence/parse/envelope.h"
#include "harness.h"

#define RW       (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)
#define TARGET   (T_BASE + T_DATA + 0x1000)
#define DATA64   (T_BASE + T_DATA + 0x1400)
#define REPORT   (T_BASE + T_DATA + 0x1800)
#define REQUEST  (T_BASE + T_DATA + 0x2000)
#define KEY      (T_BASE + T_DATA + 0x2400)

static void copy_in(uint64_t to, const void *from, size_t size)
{
	do_command(0, &(struct command){ .op = OP_COPY, .a = { to, (uint64_t)from, size } });
}

static uint64_t enclu(uint32_t number, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	struct command c = { .op = OP_ENCLU, .a = { number, rbx, rcx, rdx } };

	do_command(0, &c);
	return c.a[0];
}

static uint64_t get_key(const struct sgx_keyrequest *request, uint8_t key[16])
{
	uint64_t code;

	memset(key, 0, 16);
	copy_in(KEY, key, 16);
	copy_in(REQUEST, request, sizeof *request);
	code = enclu(SGX_EGETKEY, REQUEST, KEY, 0);
	copy_in((uint64_t)key, (void *)KEY, 16);
	return code;
}

static void get_report(const struct sgx_targetinfo *target, struct sgx_report *report)
{
	uint8_t data[64];

	memset(data, 0x5a, sizeof data);
	copy_in(TARGET, target, sizeof *target);
	copy_in(DATA64, data, sizeof data);
	CHECK_EQ(enclu(SGX_EREPORT, TARGET, DATA64, REPORT), SGX_EREPORT);   /* RAX stays */
	copy_in((uint64_t)report, (void *)REPORT, sizeof *report);
}

static void cmac(const uint8_t key[16], const void *data, size_t size, uint8_t mac[16])
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)"AES-128-CBC", 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *m = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(m);
	size_t length;

	EVP_MAC_init(ctx, key, 16, params);
	EVP_MAC_update(ctx, data, size);
	EVP_MAC_final(ctx, mac, &length, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(m);
}

/* Local attestation with itself as the target: the report key verifies the MAC. */
static void test_report(void)
{
	struct sgx_attributes a;
	struct sgx_targetinfo target = { 0 };
	struct sgx_keyrequest request = { .keyname = SGX_KEY_REPORT };
	struct sgx_report report;
	uint8_t mrenclave[32], key[16], mac[16];

	expected_mrenclave(mrenclave);
	default_attributes(&a);
	memcpy(target.measurement, mrenclave, 32);
	target.attributes = (struct sgx_attributes){ a.flags | SGX_ATTR_INIT, a.xfrm };
	target.miscselect = SGX_MISC_EXINFO;
	get_report(&target, &report);
	CHECK(memcmp(report.body.mrenclave, mrenclave, 32) == 0);
	CHECK_EQ(report.body.attributes.flags, a.flags | SGX_ATTR_INIT);
	CHECK_EQ(report.body.attributes.xfrm, a.xfrm);
	CHECK_EQ(report.body.miscselect, SGX_MISC_EXINFO);
	CHECK_EQ(report.body.isvprodid, 7);
	CHECK_EQ(report.body.isvsvn, 3);
	CHECK_EQ(report.body.reportdata[63], 0x5a);
	memcpy(request.keyid, report.keyid, 32);
	CHECK_EQ(get_key(&request, key), 0);
	cmac(key, &report.body, sizeof report.body, mac);
	CHECK(memcmp(mac, report.mac, 16) == 0);
	target.measurement[0] ^= 1;              /* made for another enclave: this one cannot verify it */
	get_report(&target, &report);
	cmac(key, &report.body, sizeof report.body, mac);
	CHECK(memcmp(mac, report.mac, 16) != 0);
}

static void must_differ(const struct sgx_keyrequest *request, const uint8_t base[16])
{
	uint8_t key[16];

	CHECK_EQ(get_key(request, key), 0);
	CHECK(memcmp(key, base, 16) != 0);
}

static void test_seal_key(void)
{
	struct sgx_keyrequest r = { .keyname = SGX_KEY_SEAL, .keypolicy = SGX_KEYPOLICY_MRENCLAVE, .isvsvn = 3 }, other;
	uint8_t base[16], again[16];

	CHECK_EQ(get_key(&r, base), 0);
	CHECK_EQ(get_key(&r, again), 0);
	CHECK(memcmp(base, again, 16) == 0);
	other = r, other.keypolicy = SGX_KEYPOLICY_MRSIGNER;
	must_differ(&other, base);
	other = r, other.isvsvn = 2;
	must_differ(&other, base);
	other = r, other.keyid[31] = 1;
	must_differ(&other, base);
	other = r, other.cpusvn[0] = 1;
	must_differ(&other, base);
	other = r, other.miscmask = 1;
	must_differ(&other, base);
	other = r, other.attributemask.xfrm = 3;
	must_differ(&other, base);
	other = r, other.isvsvn = 4;
	CHECK_EQ(get_key(&other, again), SGX_INVALID_ISVSVN);
	other = r, other.cpusvn[15] = 255;
	CHECK_EQ(get_key(&other, again), SGX_INVALID_CPUSVN);
	other = r, other.keyname = 77;
	CHECK_EQ(get_key(&other, again), SGX_INVALID_KEYNAME);
	other = r, other.keyname = SGX_KEY_PROVISION;
	CHECK_EQ(get_key(&other, again), SGX_INVALID_ATTRIBUTE);
	other = r, other.reserved2[400] = 1;
	copy_in(REQUEST, &other, sizeof other);
	leaf_must_fault(0, SGX_EGETKEY, REQUEST, KEY, 0, SGX_VECTOR_GP, 0);
	other = r, other.keypolicy = 0x8000;
	copy_in(REQUEST, &other, sizeof other);
	leaf_must_fault(0, SGX_EGETKEY, REQUEST, KEY, 0, SGX_VECTOR_GP, 0);
}

/* From EREPORT to a verdict: the verifier that runs inside enclaves accepts the quote under the emulated root. */
static void test_quote(void)
{
	static uint8_t quote[OM_EVIDENCE_MAX], collateral[OM_COLLATERAL_MAX];
	struct om_envelope e;
	struct sgx_targetinfo target;
	struct sgx_report report;
	struct om_attest_input in = { .now = 1760000000, .roots = &om_emulated_root, .root_count = 1 };
	struct om_attest_result result;
	enum om_attest_reason reason;
	size_t quote_size, collateral_size;
	int r = tee_evidence_target(platform, &target);

	if (r == OM_EUNSUPPORTED)
		return;   /* hardware path without Intel's library */
	CHECK(r > 0);
	get_report(&target, &report);
	CHECK_EQ(tee_evidence(platform, &report, quote, 100, &quote_size), OM_ENOMEM);
	CHECK_EQ(tee_evidence(platform, &report, quote, sizeof quote, &quote_size), 0);
	CHECK_EQ(tee_collateral(platform, quote, quote_size, in.now, collateral, sizeof collateral, &collateral_size), 0);
	CHECK_EQ(om_envelope_parse((struct om_view){ quote, quote_size }, &e), 0);
	CHECK_EQ(e.type, OM_EVIDENCE_DEMO);
	in.quote = e.platform;
	in.collateral = (struct om_view){ collateral, collateral_size };
	r = om_attest_verify(&in, &result, &reason);
	CHECK_EQ(r, 0);
	CHECK_EQ(reason, OM_WHY_NONE);
	CHECK(memcmp(&result.body, &report.body, sizeof report.body) == 0);
	/* Collateral is by the type of the evidence, and there is none for what nobody here knows. */
	for (unsigned type = 0; type < 8; type++) {
		const int want = type == OM_EVIDENCE_DEMO ? 0 : om_evidence_type_words(type) ? OM_EUNSUPPORTED : OM_ETYPE;

		quote[0] = (uint8_t)type;
		CHECK_EQ(tee_collateral(platform, quote, quote_size, in.now, collateral, sizeof collateral, &collateral_size), want);
	}
	CHECK_EQ(tee_collateral(platform, quote, 1, in.now, collateral, sizeof collateral, &collateral_size), OM_ETRUNCATED);
	report.body.reportdata[0] ^= 1;
	CHECK_EQ(tee_evidence(platform, &report, quote, sizeof quote, &quote_size), OM_EAUTH);
	target.measurement[0] ^= 1;
	get_report(&target, &report);
	CHECK_EQ(tee_evidence(platform, &report, quote, sizeof quote, &quote_size), OM_EAUTH);
}

static void test_operands(void)
{
	leaf_must_fault(0, SGX_EREPORT, TARGET + 256, DATA64, REPORT, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EREPORT, TARGET, DATA64 + 64, REPORT, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EREPORT, TARGET, DATA64, REPORT + 256, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EREPORT, TARGET, DATA64, T_BASE + T_RODATA, SGX_VECTOR_PF, T_BASE + T_RODATA);
	leaf_must_fault(0, SGX_EREPORT, 0x10000, DATA64, REPORT, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EGETKEY, REQUEST + 64, KEY, 0, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EGETKEY, REQUEST, KEY + 8, 0, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EGETKEY, REQUEST, 0x10000, 0, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EGETKEY, T_BASE + T_HOLE, KEY, 0, SGX_VECTOR_PF, T_BASE + T_HOLE);
}

int main(void)
{
	open_platform();
	enclave_up();
	test_report();
	test_seal_key();
	test_operands();
	test_quote();
	enclave_down();
	return finish_tests("keys");
}
