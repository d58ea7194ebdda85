/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quote verification: Intel's real quote with the clock pinned into its collateral's validity, and the emulated
 * platform, where everything that can be wrong is made wrong, one thing at a time.
 */
#include <jansson.h>
#include "unit.h"
#include "evidence/accept/policy.h"
#include "evidence/accept/policy_text.h"
#include "evidence/demo/quote_build.h"
#include "crypto/sha256.h"

#define NOW 1767225600   /* 2026-01-01 */

struct evidence {
	struct om_platform platform;
	struct sgx_report_body own;
	uint8_t quote[OM_QUOTE_MAX], collateral[OM_COLLATERAL_MAX];
	size_t quote_size, collateral_size;
};

static void own_report(struct sgx_report_body *body, bool debug)
{
	memset(body, 0, sizeof *body);
	body->attributes.flags = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT | (debug ? SGX_ATTR_DEBUG : 0);
	body->attributes.xfrm = SGX_XFRM_AVX512;
	body->isvsvn = 3;
	memset(body->mrenclave, 0x11, sizeof body->mrenclave);
	memset(body->mrsigner, 0x22, sizeof body->mrsigner);
	memset(body->reportdata, 0x33, sizeof body->reportdata);
}

static void issue(struct evidence *e)
{
	assert_int_equal(om_platform_quote(&e->platform, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	assert_int_equal(om_platform_collateral(&e->platform, NOW, e->collateral, sizeof e->collateral, &e->collateral_size), 0);
}

static struct evidence *fresh(bool debug)
{
	struct evidence *e = calloc(1, sizeof *e);
	const uint8_t seed[32] = { 7 };

	om_platform_init(&e->platform, seed, NULL);
	own_report(&e->own, debug);
	issue(e);
	return e;
}

/* The peer is this enclave's twin on the platform of `e`. Checks the code and, if it fails, the reason. */
static void expect_at(struct evidence *e, const struct om_policy *p, int64_t now, int want, enum om_attest_reason want_reason)
{
	uint8_t policy[OM_POLICY_HEADER + 32 * 72], *quote = malloc(e->quote_size), *collateral = malloc(e->collateral_size);
	struct om_attest_result result;
	enum om_attest_reason reason = 999;
	size_t policy_size = 0;
	int error;

	if (p)
		assert_int_equal(om_policy_encode(p, policy, sizeof policy, &policy_size), 0);
	memcpy(quote, e->quote, e->quote_size);
	memcpy(collateral, e->collateral, e->collateral_size);
	error = om_attest_peer(policy, policy_size, &e->own, (struct om_view) { quote, e->quote_size },
		(struct om_view) { collateral, e->collateral_size }, now, e->own.reportdata, &result, &reason);
	if (error != want || reason != want_reason)
		fail_msg("%d, %s; expected %d, %s", error, om_attest_reason_words(reason), want, om_attest_reason_words(want_reason));
	if (!error) {
		assert_memory_equal(result.body.mrenclave, e->own.mrenclave, 32);
		assert_true(result.valid_until == NOW + 30 * 86400);
	}
	free(quote);
	free(collateral);
}

static void expect(struct evidence *e, int want, enum om_attest_reason reason) { expect_at(e, NULL, NOW, want, reason); }

static void test_accepted(void **state)
{
	struct evidence *e = fresh(true);
	uint8_t root[32];

	(void)state;
	om_platform_root(&e->platform, root);
	assert_memory_equal(root, om_emulated_root, 32);
	expect(e, 0, OM_WHY_NONE);
	free(e);
}

/* A production enclave trusts the emulated platform only if its policy says so in so many words. */
static void test_roots(void **state)
{
	const uint8_t seed[32] = { 7 };
	struct evidence *e = fresh(false);
	struct om_policy p;

	(void)state;
	expect(e, OM_EPOLICY, OM_WHY_ROOT);
	om_policy_default(&p);
	memcpy(p.root[p.root_count++], om_emulated_root, 32);
	expect_at(e, &p, NOW, 0, OM_WHY_NONE);
	free(e);
	e = fresh(true);
	om_platform_init(&e->platform, seed, "another root");
	issue(e);
	expect(e, OM_EPOLICY, OM_WHY_ROOT);
	free(e);
}

static void test_times(void **state)
{
	struct evidence *e = fresh(true);

	(void)state;
	expect_at(e, NULL, NOW - 86400, 0, OM_WHY_NONE);
	expect_at(e, NULL, NOW - 86401, OM_EEXPIRED, OM_WHY_CRL_TIME);
	expect_at(e, NULL, NOW + 30 * 86400, 0, OM_WHY_NONE);
	expect_at(e, NULL, NOW + 30 * 86400 + 1, OM_EEXPIRED, OM_WHY_CRL_TIME);
	expect_at(e, NULL, 0, OM_EEXPIRED, OM_WHY_CERT_TIME);
	expect_at(e, NULL, INT64_C(3000000000), OM_EEXPIRED, OM_WHY_CERT_TIME);
	free(e);
}

static void test_revoked(void **state)
{

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct evidence *e = fresh(true);

		e->platform.revoke_pck = i == 0;
		e->platform.revoke_ca = i == 1;
		e->platform.revoke_signer = i == 2;
		issue(e);
		expect(e, OM_EREVOKED, OM_WHY_REVOKED);
		free(e);
	}
}

static void test_tcb_status(void **state)
{
	struct evidence *e = fresh(true);
	struct om_policy p;

	(void)state;
	for (int status = OM_TCB_UP_TO_DATE; status <= OM_TCB_REVOKED; status++) {
		const bool fine = status <= OM_TCB_SW_HARDENING_NEEDED, revoked = status == OM_TCB_REVOKED;

		e->platform.status = (enum om_tcb_status)status;
		issue(e);
		expect(e, revoked ? OM_EREVOKED : fine ? 0 : OM_EPOLICY, revoked ? OM_WHY_REVOKED : fine ? OM_WHY_NONE : OM_WHY_TCB_STATUS);
		om_policy_default(&p);
		p.statuses = 0x7e;
		if (!revoked)
			expect_at(e, &p, NOW, 0, OM_WHY_NONE);
	}
	e->platform.status = OM_TCB_UP_TO_DATE;
	e->platform.qe_status = OM_TCB_OUT_OF_DATE;
	issue(e);
	expect(e, OM_EPOLICY, OM_WHY_TCB_STATUS);
	e->platform.qe_status = OM_TCB_REVOKED;
	issue(e);
	expect(e, OM_EREVOKED, OM_WHY_REVOKED);
	free(e);
}

/* Collateral of one platform, quote of another: lower versions are below every level, other families are refused. */
static void test_other_platform(void **state)
{
	struct evidence *e = fresh(true);
	struct om_platform other = e->platform;

	(void)state;
	other.tcb.svn[3] = 0;
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, OM_EQUOTE, OM_WHY_PCK_SVN);
	other.tcb.cpu_svn[3] = 0;
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, OM_EPOLICY, OM_WHY_TCB_LEVEL);
	other = e->platform;
	other.tcb.pce_svn = 0;
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, OM_EPOLICY, OM_WHY_TCB_LEVEL);
	other = e->platform;
	other.tcb.fmspc[0] ^= 1;
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, OM_EQUOTE, OM_WHY_TCB_INFO);
	other = e->platform;
	other.qe_mrsigner[0] ^= 1;
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, OM_EQUOTE, OM_WHY_QE_IDENTITY);
	other = e->platform;
	other.attestation = other.signer; /* still bound: the QE vouches for it */
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, 0, OM_WHY_NONE);
	other.pck = other.signer; /* the certificate follows */
	assert_int_equal(om_platform_quote(&other, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	expect(e, 0, OM_WHY_NONE);
	free(e);
}

static void test_peer(void **state)
{
	struct evidence *e = fresh(true);
	struct om_attest_result result;
	enum om_attest_reason reason;
	const struct om_view quote = { e->quote, e->quote_size }, collateral = { e->collateral, e->collateral_size };
	struct sgx_report_body own = e->own;
	struct om_policy p;
	uint8_t data[64];

	(void)state;
	memcpy(data, own.reportdata, sizeof data);
	own.mrenclave[31] ^= 1;
	assert_int_equal(om_attest_peer(NULL, 0, &own, quote, collateral, NOW, data, &result, &reason), OM_EIDENTITY);
	assert_int_equal(reason, OM_WHY_MRENCLAVE);
	own.mrenclave[31] ^= 1;
	data[63] ^= 1;
	assert_int_equal(om_attest_peer(NULL, 0, &own, quote, collateral, NOW, data, &result, &reason), OM_EAUTH);
	assert_int_equal(reason, OM_WHY_REPORT_DATA);

	/* listed instead of the same; and only those listed */
	own_report(&own, true);
	memset(own.mrenclave, 0x44, sizeof own.mrenclave);
	om_policy_default(&p);
	memset(p.mrenclave[p.mrenclave_count++], 0x11, 32);
	memset(&result, 0, sizeof result);
	result.body = e->own;
	result.status = OM_TCB_UP_TO_DATE;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), 0);
	p.flags &= (uint16_t)~OM_POLICY_SAME;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), 0);
	result.body.mrenclave[0] ^= 1;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), OM_EIDENTITY);
	result.body.mrenclave[0] ^= 1;

	p.svn_min = 3;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), 0);
	p.svn_min = 4;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), OM_EPOLICY);
	assert_int_equal(reason, OM_WHY_SVN);
	p.svn_min = 0;
	result.body.attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), OM_EDEBUG);
	own.attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), 0);
	result.body.attributes.flags |= SGX_ATTR_DEBUG;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), OM_EDEBUG);
	own.attributes.flags |= SGX_ATTR_DEBUG;
	p.flags &= (uint16_t)~OM_POLICY_DEBUG;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), OM_EDEBUG);
	result.body.attributes.flags &= ~(uint64_t)SGX_ATTR_INIT;
	assert_int_equal(om_policy_check(&p, &own, &result, &reason), OM_EPOLICY);
	free(e);
}

/* Every bit of quote and collateral is covered by something: no alteration is accepted, none crashes. */
static void test_altered(void **state)
{
	struct evidence *e = fresh(true);
	struct om_attest_result result;
	enum om_attest_reason reason;
	unsigned accepted = 0; /* \n turned into \r or the like between lines of PEM is all that may go unnoticed */

	(void)state;
	for (size_t i = 0; i < e->quote_size + e->collateral_size; i += 1 + unit_random() % 37) {
		uint8_t *at = i < e->quote_size ? e->quote + i : e->collateral + (i - e->quote_size);
		const uint8_t old = *at;
		int error;

		*at ^= (uint8_t)(1u << unit_random() % 8);
		error = om_attest_peer(NULL, 0, &e->own, (struct om_view) { e->quote, e->quote_size },
			(struct om_view) { e->collateral, e->collateral_size }, NOW, e->own.reportdata, &result, &reason);
		if (!error && old != '\n' && old != '\r')
			fail_msg("byte %zu (%02x to %02x) accepted", i, old, *at);
		accepted += !error;
		*at = old;
	}
	assert_true(accepted < 5);
	for (size_t size = 0; size < e->quote_size; size += 1 + unit_random() % 61) {
		uint8_t *exact = malloc(size + 1);

		memcpy(exact, e->quote, size);
		assert_int_equal(om_attest_peer(NULL, 0, &e->own, (struct om_view) { exact, size },
			(struct om_view) { e->collateral, e->collateral_size }, NOW, e->own.reportdata, &result, &reason), OM_EQUOTE);
		free(exact);
	}
	free(e);
}

static void test_policy_bytes(void **state)
{
	struct om_policy p, q;
	uint8_t bytes[OM_POLICY_HEADER + 32 * 72];
	size_t size;

	(void)state;
	om_policy_default(&p);
	p.mrenclave_count = 2;
	memset(p.mrenclave[1], 9, 32);
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), 0);
	assert_int_equal(size, OM_POLICY_HEADER + 3 * 32);
	assert_int_equal(om_policy_decode(bytes, size, &q), 0);
	assert_memory_equal(&p, &q, sizeof p);
	assert_int_equal(om_policy_decode(bytes, size - 1, &q), OM_ETRUNCATED);
	assert_int_equal(om_policy_decode(bytes, size + 1, &q), OM_ETRAILING);
	assert_int_equal(om_policy_encode(&p, bytes, size - 1, &size), OM_EOVERFLOW);
	bytes[16] = 1;
	assert_int_equal(om_policy_decode(bytes, OM_POLICY_HEADER + 3 * 32, &q), OM_EVERSION);
	p.statuses |= 1u << OM_TCB_REVOKED;
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), OM_EINVAL);
	om_policy_default(&p);
	p.flags = 0;
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), OM_EINVAL);
	om_policy_default(&p);
	p.root_count = OM_POLICY_ROOTS_MAX + 1;
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), OM_EINVAL);
}

static int from_text(const char *text, struct om_policy *p, unsigned *line)
{
	return om_policy_from_text((struct om_view) { (const uint8_t *)text, strlen(text) }, p, line);
}

static void test_policy_text(void **state)
{
	struct om_policy p, standard;
	uint8_t bytes[256];
	unsigned line;
	size_t size;

	(void)state;
	om_policy_default(&standard);
	assert_int_equal(from_text("", &p, &line), 0);
	assert_memory_equal(&p, &standard, sizeof p);
	assert_int_equal(from_text("# nothing\n\n  \t# to say", &p, &line), 0);
	assert_memory_equal(&p, &standard, sizeof p);
	assert_int_equal(from_text("root = emulated\nroot=intel # both\r\n tcb = OutOfDate\ndebug = no\nmin-svn = 300\n"
		"mrenclave = 00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff", &p, &line), 0);
	assert_int_equal(p.root_count, 2);
	assert_memory_equal(p.root[0], om_emulated_root, 32);
	assert_memory_equal(p.root[1], om_intel_root, 32);
	assert_int_equal(p.statuses, 1u << OM_TCB_OUT_OF_DATE);
	assert_int_equal(p.flags, 0);
	assert_int_equal(p.svn_min, 300);
	assert_int_equal(p.mrenclave_count, 1);
	assert_memory_equal(p.mrenclave[0] + 14, "\xee\xff\x00\x11", 4);
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_policy_from_text((struct om_view) { bytes, size }, &standard, &line), 0);
	assert_memory_equal(&p, &standard, sizeof p);
	static const struct { const char *text; unsigned line; } bad[] = {
		{ "\nroot", 2 }, { "root = mine", 1 }, { "tcb = Revoked", 1 }, { "min-svn = 65536", 1 }, { "min-svn = 1x", 1 },
		{ "debug = maybe", 1 }, { "debug = no\ndebug = yes", 2 }, { "colour = red", 1 }, { "mrenclave = 1234", 1 },
		{ "= x", 1 }, { "mrenclave = same same", 1 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(from_text(bad[i].text, &p, &line), OM_EINVAL);
		assert_int_equal(line, bad[i].line);
	}
}

static void test_time(void **state)
{
	(void)state;
	assert_true(om_time_of(1970, 1, 1, 0, 0, 0) == 0);
	assert_true(om_time_of(2026, 1, 1, 0, 0, 0) == NOW);
	assert_true(om_time_of(2024, 2, 29, 23, 59, 59) == 1709251199);
	assert_true(om_time_of(2000, 3, 1, 0, 0, 0) == 951868800);
	assert_true(om_time_of(2023, 2, 29, 0, 0, 0) == INT64_MIN);
	assert_true(om_time_of(2023, 13, 1, 0, 0, 0) == INT64_MIN);
}

/* ---- the real one */

static struct om_view item(json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	assert_non_null(s);
	return (struct om_view) { (const uint8_t *)s, strlen(s) };
}

static struct om_view hex_item(json_t *root, const char *key)
{
	size_t size;
	const uint8_t *bytes = unit_hex(json_string_value(json_object_get(root, key)), &size);

	return (struct om_view) { bytes, size };
}

static void test_intel(void **state)
{
	static uint8_t collateral[OM_COLLATERAL_MAX];
	const char *path = unit_vector_path("sgx_quote_v3.bin");
	struct om_attest_input in = { .now = 1750500000 /* 2025-06-21 */, .roots = &om_intel_root, .root_count = 1 };
	struct om_attest_result r;
	enum om_attest_reason reason;
	struct om_collateral c;
	size_t quote_size, size;
	uint8_t *quote;
	json_t *root;

	(void)state;
	if (!path)
		skip();
	quote = unit_read_file(path, &quote_size);
	root = json_load_file(unit_vector_path("sgx_quote_collateral.json"), 0, NULL);
	assert_non_null(quote);
	assert_non_null(root);
	c = (struct om_collateral) {
		.root_crl = hex_item(root, "root_ca_crl"), .pck_crl = hex_item(root, "pck_crl"),
		.tcb_chain = item(root, "tcb_info_issuer_chain"), .tcb_info = item(root, "tcb_info"),
		.tcb_signature = hex_item(root, "tcb_info_signature"), .qe_chain = item(root, "qe_identity_issuer_chain"),
		.qe_identity = item(root, "qe_identity"), .qe_signature = hex_item(root, "qe_identity_signature"),
	};
	assert_int_equal(om_collateral_encode(&c, collateral, sizeof collateral, &size), 0);
	in.quote = (struct om_view) { quote, quote_size };
	in.collateral = (struct om_view) { collateral, size };
	if (om_attest_verify(&in, &r, &reason))
		fail_msg("%s", om_attest_reason_words(reason));
	assert_string_equal(om_tcb_status_words(r.status), "ConfigurationAndSWHardeningNeeded");
	assert_int_equal(r.qe_status, OM_TCB_UP_TO_DATE);
	assert_int_equal(r.advisories.count, 2);
	assert_int_equal(r.advisories.number[0], 289);
	assert_int_equal(r.advisories.number[1], 615);
	assert_memory_equal(r.body.reportdata, "Hello, world!", 13);
	assert_true(r.body.attributes.flags == (SGX_ATTR_INIT | SGX_ATTR_MODE64BIT));
	assert_memory_equal(r.root, om_intel_root, 32);
	assert_memory_equal(r.fmspc, "\x00\xa0\x67\x11\x00\x00", 6);

	in.now += 60 * 86400;
	assert_int_equal(om_attest_verify(&in, &r, &reason), OM_EEXPIRED);
	in.now -= 60 * 86400;
	in.roots = &om_emulated_root;
	assert_int_equal(om_attest_verify(&in, &r, &reason), OM_EPOLICY);
	in.roots = &om_intel_root;
	quote[500] ^= 1; /* attestation key */
	assert_int_equal(om_attest_verify(&in, &r, &reason), OM_EQUOTE);
	assert_int_equal(reason, OM_WHY_QE_BINDING);
	quote[500] ^= 1;
	quote[400] ^= 1; /* report data */
	assert_int_equal(om_attest_verify(&in, &r, &reason), OM_EQUOTE);
	assert_int_equal(reason, OM_WHY_QUOTE_SIGNATURE);
	free((void *)(uintptr_t)c.root_crl.data);
	free((void *)(uintptr_t)c.pck_crl.data);
	free((void *)(uintptr_t)c.tcb_signature.data);
	free((void *)(uintptr_t)c.qe_signature.data);
	free(quote);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_policy_bytes),
		cmocka_unit_test(test_policy_text),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_tcb_status),
		cmocka_unit_test(test_other_platform),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_intel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
