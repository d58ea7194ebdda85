/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quote verification: Intel's real quote with the clock pinned into its collateral's validity, and the emulated
 * platform, where everything that can be wrong is made wrong, one thing at a time.
 */
#include <jansson.h>
#include <openssl/sha.h>
#include "unit.h"
#include "evidence/accept/refusal.h"
#include "evidence/authentic/bare.h"
#include "evidence/demo/quote_build.h"
#include "crypto/ec.h"
#include "crypto/sha256.h"

#define NOW 1767225600   /* 2026-01-01 */

struct evidence {
	struct om_platform platform;
	struct sgx_report_body own;
	enum om_evidence_type type;
	uint8_t quote[OM_QUOTE_MAX], envelope[OM_EVIDENCE_MAX], collateral[OM_COLLATERAL_MAX];
	size_t quote_size, envelope_size, collateral_size;
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

static void quote_by(struct evidence *e, const struct om_platform *platform)
{
	assert_int_equal(om_platform_quote(platform, &e->own, e->quote, sizeof e->quote, &e->quote_size), 0);
	assert_int_equal(om_envelope_encode(e->type, (struct om_view) { e->quote, e->quote_size }, (struct om_view) { 0 }, e->envelope,
		sizeof e->envelope, &e->envelope_size), 0);
}

static void issue(struct evidence *e)
{
	quote_by(e, &e->platform);
	assert_int_equal(om_platform_collateral(&e->platform, NOW, e->collateral, sizeof e->collateral, &e->collateral_size), 0);
}

static struct evidence *fresh(bool debug)
{
	struct evidence *e = calloc(1, sizeof *e);
	const uint8_t seed[32] = { 7 };

	e->type = OM_EVIDENCE_DEMO;
	om_platform_init(&e->platform, seed, NULL);
	own_report(&e->own, debug);
	issue(e);
	return e;
}

/* The peer is this enclave's twin on the platform of `e`. Checks the code and, if it fails, the reason. */
static void expect_at(struct evidence *e, const struct om_policy *p, int64_t now, int want, enum om_attest_reason want_reason)
{
	uint8_t policy[OM_POLICY_BYTES_MAX], *quote = malloc(e->envelope_size), *collateral = malloc(e->collateral_size);
	struct om_peer peer;
	enum om_attest_reason reason = 999;
	size_t policy_size = 0;
	int error;

	if (p)
		assert_int_equal(om_policy_encode(p, policy, sizeof policy, &policy_size), 0);
	memcpy(quote, e->envelope, e->envelope_size);
	memcpy(collateral, e->collateral, e->collateral_size);
	error = om_attest_peer(policy, policy_size, &e->own, (struct om_view) { quote, e->envelope_size },
		(struct om_view) { collateral, e->collateral_size }, NULL, now, e->own.reportdata, &peer, &reason);
	if (error != want || reason != want_reason)
		fail_msg("%d, %s; expected %d, %s", error, om_attest_reason_words(reason), want, om_attest_reason_words(want_reason));
	if (!error) {
		assert_memory_equal(peer.body.mrenclave, e->own.mrenclave, 32);
		assert_true(peer.valid_until == NOW + 30 * 86400);
		assert_int_equal(peer.facts.evaluation, 1);
		assert_true(peer.facts.tcb_date == om_time_of(2024, 1, 1, 0, 0, 0));
	}
	free(quote);
	free(collateral);
}

/* ... and the words of that refusal. */
static void expect_words(struct evidence *e, const struct om_policy *p, enum om_attest_reason reason, const char *want)
{
	uint8_t policy[OM_POLICY_BYTES_MAX];
	char words[OM_REFUSAL_MAX];
	size_t policy_size = 0;

	if (p)
		assert_int_equal(om_policy_encode(p, policy, sizeof policy, &policy_size), 0);
	om_refusal_words(policy, policy_size, &e->own, (struct om_view) { e->envelope, e->envelope_size }, reason, words);
	assert_string_equal(words, want);
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

static const char *hex(const uint8_t hash[OM_ROOT_HASH_SIZE])
{
	static char text[2 * OM_ROOT_HASH_SIZE + 1];

	for (size_t i = 0; i < OM_ROOT_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return text;
}

/* A production enclave trusts the emulated platform only if its policy says so in so many words. */
static void test_roots(void **state)
{
	const uint8_t seed[32] = { 7 };
	struct evidence *e = fresh(false);
	struct om_policy p;
	char words[OM_REFUSAL_MAX];

	(void)state;
	expect(e, OM_EPOLICY, OM_WHY_PLATFORM);
	expect_words(e, NULL, OM_WHY_PLATFORM, "the evidence is under the demonstration root, the policy accepts Intel's root (sgx); "
		"for tests: optmig-cc -Xoptmig debug=1, or platform = demo in the policy");
	expect_words(e, NULL, OM_WHY_CLOCK, om_attest_reason_words(OM_WHY_CLOCK));
	om_policy_default(&p);
	p.platforms |= OM_PLATFORM_BIT(OM_EVIDENCE_DEMO);
	expect_at(e, &p, NOW, 0, OM_WHY_NONE);
	/* The same quote does not become Intel's by its type, whether demo is accepted or not. */
	e->type = OM_EVIDENCE_SGX;
	issue(e);
	expect(e, OM_EPOLICY, OM_WHY_ROOT);
	expect_at(e, &p, NOW, OM_EPOLICY, OM_WHY_ROOT);
	expect_words(e, &p, OM_WHY_ROOT, "the evidence is under the demonstration root and says sgx, "
		"the policy accepts Intel's root (sgx), the demonstration root");
	free(e);
	e = fresh(true);
	om_platform_init(&e->platform, seed, "another root");
	issue(e);
	expect(e, OM_EPOLICY, OM_WHY_ROOT);
	/* a root that the policy lists, for the platform for which it is listed */
	e->type = OM_EVIDENCE_SGX;
	issue(e);
	om_policy_default(&p);
	p.root[0].type = OM_EVIDENCE_SGX;
	om_platform_root(&e->platform, p.root[0].hash);
	p.root_count = 1;
	expect_at(e, &p, NOW, 0, OM_WHY_NONE);
	snprintf(words, sizeof words, "the evidence is under sgx:%s, the policy accepts Intel's root (sgx), the demonstration root; \"root =\" in the policy",
		hex(p.root[0].hash));
	expect_words(e, NULL, OM_WHY_ROOT, words);
	e->type = OM_EVIDENCE_DEMO;
	issue(e);
	expect_at(e, &p, NOW, OM_EPOLICY, OM_WHY_ROOT);
	free(e);
}

/* What an envelope says it is; and what this image cannot verify is refused, not believed. */
static void test_envelopes(void **state)
{
	struct evidence *e = fresh(true);
	struct om_signer_key key = { .curve = OM_CURVE_P256 };
	const uint8_t seed[32] = { 3 };
	uint8_t private[32];
	struct om_policy p;

	(void)state;
	for (unsigned type = 0; type < 0x10000; type += type < 8 ? 1 : 251) {
		const bool known = type >= OM_EVIDENCE_SGX && type <= OM_EVIDENCE_DEMO;

		e->envelope[0] = (uint8_t)type;
		e->envelope[1] = (uint8_t)(type >> 8);
		if (!known)
			expect(e, OM_EQUOTE, OM_WHY_EVIDENCE_TYPE);
		else if (type == OM_EVIDENCE_SNP || type == OM_EVIDENCE_TDX)
			expect(e, OM_EPOLICY, OM_WHY_PLATFORM);
	}
	om_policy_default(&p);
	p.platforms = p.makers = OM_PLATFORM_BIT(OM_EVIDENCE_SNP) | OM_PLATFORM_BIT(OM_EVIDENCE_TDX);
	p.snp_keys = OM_ACCEPT_VCEK;
	om_p256_derive(seed, private, key.key);
	p.guest_signer[p.guest_signer_count++] = key;
	for (unsigned type = OM_EVIDENCE_SNP; type <= OM_EVIDENCE_TDX; type++) {
		e->envelope[0] = (uint8_t)type;
		e->envelope[1] = 0;
		expect_at(e, &p, NOW, OM_EQUOTE, type == OM_EVIDENCE_SNP ? OM_WHY_COLLATERAL_FORMAT : OM_WHY_QUOTE_FORMAT);
	}
	e->envelope[0] = OM_EVIDENCE_SGX;
	expect_at(e, &p, NOW, OM_EPOLICY, OM_WHY_PLATFORM);
	e->envelope_size = 2;
	expect(e, OM_EQUOTE, OM_WHY_EVIDENCE_FORMAT);
	e->envelope_size = 1;
	expect(e, OM_EQUOTE, OM_WHY_EVIDENCE_FORMAT);
	e->envelope_size = 0;
	expect(e, OM_EQUOTE, OM_WHY_EVIDENCE_FORMAT);
	free(e);
}

static void test_envelope_of_guest(void **state)
{
	static const char label[] = "optmig evidence 1";
	uint8_t platform[100], body[384], buffer[600], data[64], expected[64];
	uint8_t hashed[sizeof label - 1 + 2 + sizeof body];
	struct om_envelope e;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i * 7);
	memset(platform, 0xaa, sizeof platform);
	assert_int_equal(om_envelope_encode(OM_EVIDENCE_SNP, OM_VIEW(platform), OM_VIEW(body), buffer, sizeof buffer, &size), 0);
	assert_int_equal(size, 2 + 100 + 384);
	assert_int_equal(om_envelope_parse((struct om_view) { buffer, size }, &e), 0);
	assert_int_equal(e.type, OM_EVIDENCE_SNP);
	assert_int_equal(e.platform.size, 100);
	assert_memory_equal(e.platform.data, platform, 100);
	assert_memory_equal(&e.body, body, sizeof body);

	/* the binding, by an independent way to the same bytes */
	memcpy(hashed, label, sizeof label - 1);
	hashed[sizeof label - 1] = OM_EVIDENCE_SNP;
	hashed[sizeof label] = 0;
	memcpy(hashed + sizeof label + 1, body, sizeof body);
	SHA512(hashed, sizeof hashed, expected);
	om_envelope_report_data(OM_EVIDENCE_SNP, body, data);
	assert_memory_equal(data, expected, sizeof data);
	assert_true(om_envelope_bound(&e, data));
	for (size_t i = 0; i < sizeof data; i++) {
		data[i] ^= 1;
		assert_false(om_envelope_bound(&e, data));
		data[i] ^= 1;
	}
	for (size_t i = size - sizeof body; i < size; i++) {   /* the body lies in `buffer` */
		buffer[i] ^= 0x40;
		assert_false(om_envelope_bound(&e, data));
		buffer[i] ^= 0x40;
	}
	e.type = OM_EVIDENCE_TDX;
	assert_false(om_envelope_bound(&e, data));

	/* bounds */
	assert_int_equal(om_envelope_parse((struct om_view) { buffer, 2 + 384 }, &e), OM_ETRUNCATED);
	assert_int_equal(om_envelope_parse((struct om_view) { buffer, 2 + 384 + 1 }, &e), 0);
	assert_int_equal(om_envelope_encode(OM_EVIDENCE_SNP, OM_VIEW(platform), (struct om_view) { 0 }, buffer, sizeof buffer, &size), OM_EINVAL);
	assert_int_equal(om_envelope_encode(OM_EVIDENCE_SGX, OM_VIEW(platform), OM_VIEW(body), buffer, sizeof buffer, &size), OM_EINVAL);
	assert_int_equal(om_envelope_encode(OM_EVIDENCE_SGX, (struct om_view) { 0 }, (struct om_view) { 0 }, buffer, sizeof buffer, &size), OM_EINVAL);
	assert_int_equal(om_envelope_encode((enum om_evidence_type)5, OM_VIEW(platform), (struct om_view) { 0 }, buffer, sizeof buffer, &size), OM_EINVAL);
	assert_int_equal(om_envelope_encode(OM_EVIDENCE_SGX, OM_VIEW(platform), (struct om_view) { 0 }, buffer, 101, &size), OM_EOVERFLOW);
	static uint8_t huge[OM_EVIDENCE_MAX + 1] = { OM_EVIDENCE_SGX };
	assert_int_equal(om_envelope_parse(OM_VIEW(huge), &e), OM_EOVERFLOW);
	assert_int_equal(om_envelope_parse((struct om_view) { huge, OM_EVIDENCE_MAX }, &e), 0);
	e.body_bytes = (struct om_view) { 0 };
	assert_false(om_envelope_bound(&e, data));
}

/* The policy's own words about time, versions and who may move at all. */
static void test_floors(void **state)
{
	struct evidence *e = fresh(true);
	struct om_attest_result verified = { .status = OM_TCB_UP_TO_DATE };
	struct om_platform_facts facts;
	const uint8_t seed[32] = { 3 };
	enum om_attest_reason reason;
	uint8_t private[32], bytes[OM_POLICY_BYTES_MAX];
	struct om_policy p;
	size_t size;

	(void)state;
	om_policy_default(&p);
	p.floors.evaluation = 1;
	p.floors.sgx_date = (uint64_t)om_time_of(2024, 1, 1, 0, 0, 0);
	p.not_before = NOW;
	expect_at(e, &p, NOW, 0, OM_WHY_NONE);
	expect_at(e, &p, NOW - 1, OM_EEXPIRED, OM_WHY_CLOCK);
	expect_at(e, &p, 0, OM_EEXPIRED, OM_WHY_CLOCK);
	p.floors.evaluation = 2;
	expect_at(e, &p, NOW, OM_EPOLICY, OM_WHY_TCB_EVALUATION);
	p.floors.evaluation = 1;
	p.floors.sgx_date++;
	expect_at(e, &p, NOW, OM_EPOLICY, OM_WHY_TCB_DATE);

	om_facts_of_sgx(OM_EVIDENCE_SGX, &verified, &facts);
	assert_int_equal(facts.root_kind, OM_ROOT_OTHER);
	memcpy(verified.root, om_intel_root, 32);
	om_facts_of_sgx(OM_EVIDENCE_SGX, &verified, &facts);
	assert_int_equal(facts.root_kind, OM_ROOT_MAKER);
	assert_string_equal(om_facts_platform(&facts), "SGX platform");
	memcpy(verified.root, om_emulated_root, 32);
	om_facts_of_sgx(OM_EVIDENCE_SGX, &verified, &facts);
	assert_int_equal(facts.root_kind, OM_ROOT_DEMO);
	assert_string_equal(om_facts_platform(&facts), "emulated platform");

	om_policy_default(&p);
	assert_int_equal(om_attest_may_move(NULL, 0, &reason), 0);
	om_p256_derive(seed, private, p.owner);
	p.flags |= OM_POLICY_OWNER;
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_attest_may_move(bytes, size, &reason), 0);   /* with a ticket: tests/unit/test_ticket.c */
	assert_int_equal(reason, OM_WHY_NONE);
	bytes[4] = 1;
	assert_int_equal(om_attest_may_move(bytes, size, &reason), OM_EVERSION);
	assert_int_equal(reason, OM_WHY_POLICY_VERSION);
	assert_non_null(strstr(om_attest_reason_words(reason), "link the image again"));
	bytes[4] = 2;
	assert_int_equal(om_attest_may_move(bytes, size - 1, &reason), OM_EPOLICY);
	assert_int_equal(reason, OM_WHY_POLICY_FORMAT);
	free(e);
}

/* The extension's field of one arc, all of it: SEQUENCE { OID ...1.13.1.6, OCTET STRING of 16 }. */
static uint8_t *instance_field(uint8_t *extension, size_t size)
{
	static const uint8_t head[] = { 0x30, 30, 6, 10, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 1, 13, 1, 6, 4, 16 };

	return memmem(extension, size, head, sizeof head);
}

/* The certificate's platform instance id reaches the result; one without it is no fault, one of another size or twice is. */
static void test_platform_instance(void **state)
{
	struct evidence *e = fresh(true);
	uint8_t buffer[OM_X509_MAX], extension[OM_X509_MAX], *field;
	const uint8_t none[16] = { 0 };
	struct om_x509 certificate;
	struct om_view chain, der;
	struct om_pck pck;
	struct om_quote q;
	size_t size = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (i)
			memset(e->platform.instance, 0, sizeof e->platform.instance);
		issue(e);
		expect(e, 0, OM_WHY_NONE);
		assert_int_equal(om_quote_parse(e->quote, e->quote_size, &q), 0);
		chain = q.chain;
		assert_int_equal(om_pem_next(&chain, buffer, sizeof buffer, &der), 0);
		assert_int_equal(om_x509_parse(der, &certificate), 0);
		assert_int_equal(om_pck_parse(certificate.sgx, &pck), 0);
		assert_memory_equal(pck.instance, e->platform.instance, 16);
		assert_int_equal(memcmp(pck.instance, none, 16) == 0, i);
		if (i == 0)
			memcpy(extension, certificate.sgx.data, size = certificate.sgx.size);
	}
	field = instance_field(extension, size);
	assert_non_null(field);
	field[13] = 4;                       /* as FMSPC: twice, and of another size */
	assert_int_equal(om_pck_parse((struct om_view) { extension, size }, &pck), OM_EINVAL);
	field[13] = 6;
	field[14] = 2;                       /* an INTEGER */
	assert_true(om_pck_parse((struct om_view) { extension, size }, &pck) < 0);
	field[14] = 4;
	assert_int_equal(om_pck_parse((struct om_view) { extension, size }, &pck), 0);
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
	/* A host's clock may say anything. */
	static const int64_t clocks[] = { INT64_MIN, INT64_MIN + 1, -(INT64_C(1) << 40), -1, 1, UINT32_MAX, INT64_C(1) << 40,
		INT64_MAX / 1000000000, INT64_MAX - 1, INT64_MAX };
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
		expect_at(e, NULL, clocks[i], OM_EEXPIRED, clocks[i] < 0 ? OM_WHY_CLOCK : OM_WHY_CERT_TIME);
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
	quote_by(e, &other);
	expect(e, OM_EQUOTE, OM_WHY_PCK_SVN);
	other.tcb.cpu_svn[3] = 0;
	quote_by(e, &other);
	expect(e, OM_EPOLICY, OM_WHY_TCB_LEVEL);
	other = e->platform;
	other.tcb.pce_svn = 0;
	quote_by(e, &other);
	expect(e, OM_EPOLICY, OM_WHY_TCB_LEVEL);
	other = e->platform;
	other.tcb.fmspc[0] ^= 1;
	quote_by(e, &other);
	expect(e, OM_EQUOTE, OM_WHY_TCB_INFO);
	other = e->platform;
	other.qe_mrsigner[0] ^= 1;
	quote_by(e, &other);
	expect(e, OM_EQUOTE, OM_WHY_QE_IDENTITY);
	other = e->platform;
	other.attestation = other.signer; /* still bound: the QE vouches for it */
	quote_by(e, &other);
	expect(e, 0, OM_WHY_NONE);
	other.pck = other.signer; /* the certificate follows */
	quote_by(e, &other);
	expect(e, 0, OM_WHY_NONE);
	free(e);
}

static void test_peer(void **state)
{
	struct evidence *e = fresh(true);
	enum om_attest_reason reason;
	const struct om_view evidence = { e->envelope, e->envelope_size }, collateral = { e->collateral, e->collateral_size };
	struct sgx_report_body own = e->own;
	struct om_peer peer;
	uint8_t data[64];

	(void)state;
	memcpy(data, own.reportdata, sizeof data);
	own.mrenclave[31] ^= 1;
	assert_int_equal(om_attest_peer(NULL, 0, &own, evidence, collateral, NULL, NOW, data, &peer, &reason), OM_EIDENTITY);
	assert_int_equal(reason, OM_WHY_MRENCLAVE);
	own.mrenclave[31] ^= 1;
	data[63] ^= 1;
	assert_int_equal(om_attest_peer(NULL, 0, &own, evidence, collateral, NULL, NOW, data, &peer, &reason), OM_EAUTH);
	assert_int_equal(reason, OM_WHY_REPORT_DATA);
	free(e);
}

/* Every bit of quote and collateral is covered by something: no alteration is accepted, none crashes. */
static void test_altered(void **state)
{
	struct evidence *e = fresh(true);
	struct om_peer peer;
	enum om_attest_reason reason;
	unsigned accepted = 0; /* \n turned into \r or the like between lines of PEM is all that may go unnoticed */

	(void)state;
	for (size_t i = 0; i < e->envelope_size + e->collateral_size; i += 1 + unit_random() % 37) {
		uint8_t *at = i < e->envelope_size ? e->envelope + i : e->collateral + (i - e->envelope_size);
		const uint8_t old = *at;
		int error;

		*at ^= (uint8_t)(1u << unit_random() % 8);
		error = om_attest_peer(NULL, 0, &e->own, (struct om_view) { e->envelope, e->envelope_size },
			(struct om_view) { e->collateral, e->collateral_size }, NULL, NOW, e->own.reportdata, &peer, &reason);
		if (!error && old != '\n' && old != '\r')
			fail_msg("byte %zu (%02x to %02x) accepted", i, old, *at);
		accepted += !error;
		*at = old;
	}
	assert_true(accepted < 5);
	for (size_t size = 0; size < e->envelope_size; size += 1 + unit_random() % 61) {
		uint8_t *exact = malloc(size + 1);

		memcpy(exact, e->envelope, size);
		assert_int_equal(om_attest_peer(NULL, 0, &e->own, (struct om_view) { exact, size },
			(struct om_view) { e->collateral, e->collateral_size }, NULL, NOW, e->own.reportdata, &peer, &reason), OM_EQUOTE);
		free(exact);
	}
	free(e);
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

/* A quote by itself is told from an envelope around one, of every type and version that there is. */
static void test_bare(void **state)
{
	(void)state;
	for (uint8_t version = 3; version <= 5; version++)
		for (uint8_t key = 2; key <= 3; key++)
			for (unsigned tee = OM_TEE_SGX; tee <= OM_TEE_TDX; tee += OM_TEE_TDX) {
				uint8_t quote[OM_QUOTE_MIN] = { version, 0, key, 0, (uint8_t)tee }, envelope[2 * OM_QUOTE_MIN];
				const uint8_t body[SGX_REPORT_BODY_SIZE] = { 0 };

				assert_true(om_quote_is_bare((struct om_view) { quote, sizeof quote }));
				assert_false(om_quote_is_bare((struct om_view) { quote, OM_QUOTE_HEADER - 1 }));
				for (enum om_evidence_type type = OM_EVIDENCE_SGX; type < OM_EVIDENCE_TYPES_END; type++) {
					const size_t body_size = om_evidence_of_guest(type) ? sizeof body : 0;
					size_t size;

					if (type == OM_EVIDENCE_TDX && version == 3)   /* there is none */
						continue;
					assert_int_equal(om_envelope_encode(type, (struct om_view) { quote, sizeof quote }, (struct om_view) { body, body_size }, envelope,
						sizeof envelope, &size), 0);
					assert_false(om_quote_is_bare((struct om_view) { envelope, size }));
				}
			}
	/* The demonstration's own, whole. */
	struct evidence *e = fresh(true);
	size_t size;

	assert_true(om_quote_is_bare((struct om_view) { e->quote, e->quote_size }));
	assert_false(om_quote_is_bare((struct om_view) { e->envelope, e->envelope_size }));
	assert_int_equal(om_quote_wrap((struct om_view) { e->quote, e->quote_size }, e->collateral, sizeof e->collateral, &size), 0);
	assert_int_equal(size, e->envelope_size);
	assert_memory_equal(e->collateral, e->envelope, size);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_envelope_of_guest),
		cmocka_unit_test(test_floors),
		cmocka_unit_test(test_platform_instance),
		cmocka_unit_test(test_time),
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
