/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes of trust domains, and what came with them: quotes of versions 4 and 5, TCB info of both TEEs, collateral in every form.
 * Published quotes get their verdicts in tests/vectors; here two of them are altered field by field, and what no published one
 * shows is forged under the demo platform's root.
 */
#include "unit.h"
#include "crypto/sha256.h"
#include "evidence/accept/td.h"
#include "evidence/demo/quote_build.h"
#include "evidence/parse/collateral_text.h"
#include "vectors/dcap_files.h"

#define NOW 1767225600   /* 2026-01-01 */
#define TIMES "\"issueDate\":\"2025-12-31T00:00:00Z\",\"nextUpdate\":\"2026-01-31T00:00:00Z\","

/* ---- published quotes */

struct published {
	struct om_view quote;            /* of exactly its size */
	uint8_t collateral[OM_COLLATERAL_MAX];
	size_t collateral_size;
	int64_t now;
};

static struct om_view read_exact(const char *name)
{
	size_t size = 0;
	const char *path = unit_vector_path(name);
	uint8_t *file = path ? unit_read_file(path, &size) : NULL, *exact = file ? malloc(size) : NULL;

	if (!exact)
		return (struct om_view) { NULL, 0 };
	memcpy(exact, file, size);
	free(file);
	return (struct om_view) { exact, size };
}

static void release(struct om_view v) { free((void *)(uintptr_t)v.data); }

/* NULL if the vectors are not here, which was said. */
static struct published *published(const char *quote, const char *const files[DCAP_PARTS], int64_t now)
{
	struct published *p = calloc(1, sizeof *p);
	struct om_view parts[DCAP_PARTS];
	uint8_t fmspc[6];

	p->now = now;
	p->quote = read_exact(quote);
	if (!p->quote.size) {
		free(p);
		return NULL;
	}
	for (int i = 0; i < DCAP_PARTS; i++) {
		parts[i] = read_exact(files[i]);
		assert_int_not_equal(parts[i].size, 0);
	}
	assert_true(dcap_fmspc(p->quote, fmspc));
	assert_int_equal(dcap_collateral(parts, DCAP_PARTS, fmspc, p->collateral, &p->collateral_size), 0);
	for (int i = 0; i < DCAP_PARTS; i++)
		release(parts[i]);
	return p;
}

static struct published *gce(void)
{
	static const char *const files[] = {
		"dcap/tdx_2024-12/tcb_info.json", "dcap/tdx_2024-12/tcb_info_issuer_chain.pem", "dcap/tdx_2024-12/qe_identity.json",
		"dcap/tdx_2024-12/qe_identity_issuer_chain.pem", "dcap/tdx_2024-12/pck_crl.der", "dcap/tdx_2024-12/root_ca_crl.der",
	};

	return published("tdx/v4_gce_00806f05.bin", files, 1733788800 /* 2024-12-10 */);
}

static struct published *v5(void)
{
	static const char *const files[] = {
		"dcap/tdx_2026-03/tcb_info_90c06f000000.json", "dcap/tdx_2026-03/tcb_signing_chain.pem",
		"dcap/tdx_2026-03/td_qe_identity.json", "dcap/tdx_2026-03/tcb_signing_chain.pem",
		"dcap/tdx_2026-03/pck_crl_platform.der", "dcap/tdx_2026-03/root_ca_crl.der",
	};

	return published("tdx/v5_90c06f.bin", files, 1773964800 /* 2026-03-20 */);
}

static enum om_attest_reason judge(const struct published *p, struct om_attest_result *ret)
{
	const struct om_attest_input in = {
		.quote = p->quote, .collateral = { p->collateral, p->collateral_size }, .now = p->now, .roots = &om_intel_root,
		.root_count = 1, .tee = OM_TEE_TDX,
	};
	enum om_attest_reason reason = OM_WHY_NONE;
	const int error = om_attest_verify(&in, ret, &reason);

	assert_int_equal(error == 0, reason == OM_WHY_NONE);
	return reason;
}

/* What the result says stands where the layout says. @at: of the body. */
static void check_body(const struct om_attest_result *r, const uint8_t *at, enum om_quote_body kind)
{
	assert_int_equal(r->tee, OM_TEE_TDX);
	assert_int_equal(r->kind, kind);
	assert_memory_equal(r->td.tee_tcb_svn, at, 16);
	assert_memory_equal(r->td.mrseam, at + 0x10, 48);
	assert_memory_equal(r->td.mrsignerseam, at + 0x40, 48);
	assert_memory_equal(r->td.seam_attributes, at + 0x70, 8);
	assert_memory_equal(&r->td.attributes, at + 0x78, 8);
	assert_memory_equal(&r->td.xfam, at + 0x80, 8);
	assert_memory_equal(r->td.mrtd, at + 0x88, 48);
	assert_memory_equal(r->td.mrconfigid, at + 0xb8, 48);
	assert_memory_equal(r->td.mrowner, at + 0xe8, 48);
	assert_memory_equal(r->td.mrownerconfig, at + 0x118, 48);
	assert_memory_equal(r->td.rtmr, at + 0x148, 192);
	assert_memory_equal(r->td.reportdata, at + 0x208, 64);
	if (kind == OM_BODY_TD15) {
		assert_memory_equal(r->td.tee_tcb_svn_2, at + 0x248, 16);
		assert_memory_equal(r->td.mrservicetd, at + 0x258, 48);
	}
}

static void test_published(void **state)
{
	struct published *a = gce(), *b = v5();
	struct om_attest_result r;

	(void)state;
	if (!a || !b)
		skip();
	assert_int_equal(judge(a, &r), OM_WHY_NONE);
	assert_int_equal(r.quote_version, 4);
	check_body(&r, a->quote.data + 48, OM_BODY_TD10);
	assert_int_equal(r.status, OM_TCB_UP_TO_DATE);
	assert_int_equal(r.evaluation, 17);
	assert_int_equal(r.tcb_evaluation, 17);
	assert_int_equal(r.qe_evaluation, 17);
	assert_true(r.tcb_date == om_time_of(2024, 3, 13, 0, 0, 0));
	assert_true(r.tcb_issued == om_time_of(2024, 12, 5, 12, 16, 52));
	assert_true(r.qe_issued == om_time_of(2024, 12, 5, 11, 46, 12));
	assert_int_equal(judge(b, &r), OM_WHY_NONE);
	assert_int_equal(r.quote_version, 5);
	check_body(&r, b->quote.data + 54, OM_BODY_TD15);
	assert_memory_equal(r.td.tee_tcb_svn_2, "\x0d\x01\x04", 3);
	release(a->quote);
	release(b->quote);
	free(a);
	free(b);
}

/* A field, what altering a bit of its first and last byte leads to. */
struct field { const char *name; size_t at, size; enum om_attest_reason why; };

static void alter(struct published *p, const struct field *f)
{
	uint8_t *quote = (uint8_t *)(uintptr_t)p->quote.data;
	struct om_attest_result r;

	for (int last = 0; last < (f->size > 1 ? 2 : 1); last++) {
		const size_t at = f->at + (last ? f->size - 1 : 0);
		enum om_attest_reason why;

		quote[at] ^= 1;
		why = judge(p, &r);
		quote[at] ^= 1;
		if (why != f->why)
			fail_msg("%s, byte %zu: %s; expected %s", f->name, at, om_attest_reason_words(why), om_attest_reason_words(f->why));
	}
}

static void alter_header(struct published *p)
{
	static const struct field fields[] = {
		{ "version", 0, 2, OM_WHY_QUOTE_UNSUPPORTED }, { "key type", 2, 2, OM_WHY_QUOTE_UNSUPPORTED },
		{ "TEE", 4, 4, OM_WHY_QUOTE_UNSUPPORTED }, { "reserved", 8, 4, OM_WHY_QUOTE_SIGNATURE },
		{ "vendor", 12, 16, OM_WHY_QUOTE_UNSUPPORTED }, { "user data", 28, 20, OM_WHY_QUOTE_SIGNATURE },
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (i || p->quote.data[0] != 5) /* 5 becomes 4: see below */
			alter(p, &fields[i]);
}

/* @at: of the body. */
static void alter_body(struct published *p, size_t at, bool td15)
{
	const struct field fields[] = {
		{ "module SVN", 0, 1, OM_WHY_QUOTE_SIGNATURE }, { "module version: 0", 1, 1, OM_WHY_QUOTE_SIGNATURE },
		{ "microcode SVN and rest", 2, 14, OM_WHY_QUOTE_SIGNATURE }, { "MRSEAM", 0x10, 48, OM_WHY_QUOTE_SIGNATURE },
		{ "MRSIGNERSEAM", 0x40, 48, OM_WHY_TDX_MODULE }, { "SEAMATTRIBUTES", 0x70, 8, OM_WHY_TDX_MODULE },
		{ "TDATTRIBUTES", 0x78, 8, OM_WHY_QUOTE_SIGNATURE }, { "XFAM", 0x80, 8, OM_WHY_QUOTE_SIGNATURE },
		{ "MRTD", 0x88, 48, OM_WHY_QUOTE_SIGNATURE }, { "MRCONFIGID", 0xb8, 48, OM_WHY_QUOTE_SIGNATURE },
		{ "MROWNER", 0xe8, 48, OM_WHY_QUOTE_SIGNATURE }, { "MROWNERCONFIG", 0x118, 48, OM_WHY_QUOTE_SIGNATURE },
		{ "RTMR0", 0x148, 48, OM_WHY_QUOTE_SIGNATURE }, { "RTMR1", 0x178, 48, OM_WHY_QUOTE_SIGNATURE },
		{ "RTMR2", 0x1a8, 48, OM_WHY_QUOTE_SIGNATURE }, { "RTMR3", 0x1d8, 48, OM_WHY_QUOTE_SIGNATURE },
		{ "REPORTDATA", 0x208, 64, OM_WHY_QUOTE_SIGNATURE },
		{ "TEE_TCB_SVN_2", 0x248, 16, OM_WHY_QUOTE_SIGNATURE }, { "MRSERVICETD", 0x258, 48, OM_WHY_QUOTE_SIGNATURE },
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields - (td15 ? 0 : 2); i++) {
		struct field f = fields[i];

		f.at += at;
		alter(p, &f);
	}
}

/* @at: behind what is signed. */
static void alter_signatures(struct published *p, size_t at)
{
	const struct field fields[] = {
		{ "length", 0, 4, OM_WHY_QUOTE_FORMAT }, { "r", 4, 32, OM_WHY_QUOTE_SIGNATURE }, { "s", 36, 32, OM_WHY_QUOTE_SIGNATURE },
		{ "attestation key", 68, 64, OM_WHY_QE_BINDING }, { "type 6", 132, 2, OM_WHY_QUOTE_UNSUPPORTED },
		{ "size of type 6", 134, 4, OM_WHY_QUOTE_FORMAT },
		{ "QE's CPUSVN", 138, 16, OM_WHY_QE_REPORT }, { "QE's MISCSELECT", 154, 4, OM_WHY_QE_IDENTITY },
		{ "QE's reserved", 158, 28, OM_WHY_QE_REPORT }, { "QE's ATTRIBUTES.FLAGS", 186, 8, OM_WHY_QE_IDENTITY },
		{ "QE's XFRM", 194, 8, OM_WHY_QE_REPORT }, { "QE's MRENCLAVE", 202, 32, OM_WHY_QE_REPORT },
		{ "QE's MRSIGNER", 266, 32, OM_WHY_QE_IDENTITY }, { "QE's ISVPRODID", 394, 2, OM_WHY_QE_IDENTITY },
		{ "QE's ISVSVN", 396, 2, OM_WHY_QE_REPORT }, { "QE's REPORTDATA", 458, 64, OM_WHY_QE_REPORT },
		{ "QE report's r", 522, 32, OM_WHY_QE_REPORT }, { "QE report's s", 554, 32, OM_WHY_QE_REPORT },
		{ "authentication data", 588, 32, OM_WHY_QE_BINDING }, { "type 5", 620, 2, OM_WHY_QUOTE_UNSUPPORTED },
		{ "size of type 5", 622, 4, OM_WHY_QUOTE_FORMAT },
		{ "begin of the PCK", 626, 1, OM_WHY_PCK_CHAIN }, { "PCK", 700, 1300, OM_WHY_PCK_CHAIN },
	};
	struct om_quote q;

	assert_int_equal(om_quote_parse(p->quote.data, p->quote.size, &q), 0);
	assert_int_equal(q.qe_auth.size, 32);
	assert_ptr_equal(q.chain.data, p->quote.data + at + 626);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct field f = fields[i];

		f.at += at;
		alter(p, &f);
	}
}

/* Behind the signature there may be anything, and its alteration changes nothing. */
static void alter_tail(struct published *p)
{
	uint8_t *quote = (uint8_t *)(uintptr_t)p->quote.data;
	struct om_attest_result before, after;
	struct om_quote q;
	size_t whole = p->quote.size;

	assert_int_equal(om_quote_parse(quote, whole, &q), 0);
	assert_true(q.size < whole);
	memset(&before, 0, sizeof before);
	memset(&after, 0, sizeof after);
	assert_int_equal(judge(p, &before), OM_WHY_NONE);
	memset(quote + q.size, 0x5a, whole - q.size);
	assert_int_equal(judge(p, &after), OM_WHY_NONE);
	assert_memory_equal(&before, &after, sizeof before);
	p->quote.size = q.size; /* nothing at all */
	assert_int_equal(judge(p, &after), OM_WHY_NONE);
	assert_memory_equal(&before, &after, sizeof before);
	p->quote.size = whole;
}

/* Every length that is too short, each in a buffer of its own. */
static void cut(struct published *p)
{
	const struct om_view whole = p->quote;
	struct om_attest_result r;
	struct om_quote q;

	assert_int_equal(om_quote_parse(whole.data, whole.size, &q), 0);
	for (size_t size = 0; size < q.size; size++) {
		uint8_t *exact = malloc(size + !size);

		memcpy(exact, whole.data, size);
		p->quote = (struct om_view) { exact, size };
		assert_int_not_equal(judge(p, &r), OM_WHY_NONE);
		free(exact);
	}
	p->quote = whole;
}

/* A bit of each part of the collateral. */
static void alter_collateral(struct published *p)
{
	struct om_collateral c;
	struct om_attest_result r;

	assert_int_equal(om_collateral_decode(p->collateral, p->collateral_size, &c), 0);
	const struct { struct om_view part; enum om_attest_reason why; } parts[] = {
		{ c.root_crl, OM_WHY_CRL }, { c.pck_crl, OM_WHY_CRL }, { c.tcb_chain, OM_WHY_TCB_INFO }, { c.tcb_info, OM_WHY_TCB_INFO },
		{ c.tcb_signature, OM_WHY_TCB_INFO }, { c.qe_chain, OM_WHY_QE_IDENTITY }, { c.qe_identity, OM_WHY_QE_IDENTITY },
		{ c.qe_signature, OM_WHY_QE_IDENTITY },
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const size_t at[] = { 0, parts[i].part.size / 3, parts[i].part.size - 1 };

		for (size_t j = 0; j < 3; j++) {
			uint8_t *byte = (uint8_t *)(uintptr_t)parts[i].part.data + at[j];
			enum om_attest_reason why;

			*byte ^= 1;
			why = judge(p, &r);
			*byte ^= 1;
			if (why != parts[i].why)
				fail_msg("part %zu, byte %zu: %s", i, at[j], om_attest_reason_words(why));
		}
	}
}

static void test_fields_v4(void **state)
{
	struct published *p = gce();

	(void)state;
	if (!p)
		skip();
	alter_header(p);
	alter_body(p, 48, false);
	alter_signatures(p, 632);
	alter_tail(p);
	cut(p);
	alter_collateral(p);
	release(p->quote);
	free(p);
}

static void test_fields_v5(void **state)
{
	static const struct field descriptor[] = {
		{ "version 5 read as 4", 0, 1, OM_WHY_QUOTE_FORMAT }, { "body 1.5 read as 1.0", 48, 1, OM_WHY_QUOTE_FORMAT },
		{ "body type", 49, 1, OM_WHY_QUOTE_UNSUPPORTED }, { "body size", 50, 4, OM_WHY_QUOTE_FORMAT },
	};
	struct published *p = v5();

	(void)state;
	if (!p)
		skip();
	alter_header(p);
	for (size_t i = 0; i < sizeof descriptor / sizeof *descriptor; i++)
		alter(p, &descriptor[i]);
	alter_body(p, 54, true);
	alter_signatures(p, 702);
	cut(p);
	alter_collateral(p);
	release(p->quote);
	free(p);
}

/* The clock against every part: a second too early or too late for any is too early or too late. */
static void test_clock(void **state)
{
	struct published *p = v5();
	struct om_attest_result r;

	(void)state;
	if (!p)
		skip();
	assert_int_equal(judge(p, &r), OM_WHY_NONE);
	p->now = r.valid_until;
	assert_int_equal(judge(p, &r), OM_WHY_NONE);
	p->now++;
	assert_int_not_equal(judge(p, &r), OM_WHY_NONE);
	p->now = om_time_of(2026, 3, 16, 22, 35, 0) - 86400;
	assert_int_not_equal(judge(p, &r), OM_WHY_NONE);
	release(p->quote);
	free(p);
}

/* ---- forged ones */

struct forged {
	struct om_platform platform;
	uint16_t version;
	enum om_quote_body kind;
	enum om_tee tee;                 /* that the verifier asks about */
	struct sgx_report_body body;
	struct om_td_body td;
	uint8_t quote[OM_QUOTE_MAX], collateral[OM_COLLATERAL_MAX];
	size_t quote_size, collateral_size;
};

static struct forged *forge(uint16_t version, enum om_quote_body kind)
{
	struct forged *f = calloc(1, sizeof *f);
	const uint8_t seed[32] = { 7 };

	om_platform_init(&f->platform, seed, NULL);
	f->platform.tdx = kind != OM_BODY_SGX;
	f->version = version;
	f->kind = kind;
	f->tee = kind == OM_BODY_SGX ? OM_TEE_SGX : OM_TEE_TDX;
	f->body.attributes.flags = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT;
	memset(f->body.mrenclave, 0x11, sizeof f->body.mrenclave);
	memcpy(f->td.tee_tcb_svn, f->platform.td_svn, 16);
	memset(f->td.mrtd, 0x22, sizeof f->td.mrtd);
	memset(f->td.rtmr, 0x33, sizeof f->td.rtmr);
	f->td.attributes = OM_TD_SEPT_VE_DISABLE;
	if (kind == OM_BODY_TD15) {
		memcpy(f->td.tee_tcb_svn_2, f->platform.td_svn, 16);
		memset(f->td.mrservicetd, 0x44, sizeof f->td.mrservicetd);
	}
	return f;
}

static enum om_attest_reason issue(struct forged *f, struct om_attest_result *ret)
{
	struct om_attest_input in = { .now = NOW, .roots = &om_emulated_root, .root_count = 1, .tee = f->tee };
	enum om_attest_reason reason = OM_WHY_NONE;

	assert_int_equal(om_platform_quote_as(&f->platform, f->version, f->kind, &f->body, &f->td, f->quote, sizeof f->quote,
		&f->quote_size), 0);
	assert_int_equal(om_platform_collateral(&f->platform, NOW, f->collateral, sizeof f->collateral, &f->collateral_size), 0);
	in.quote = (struct om_view) { f->quote, f->quote_size };
	in.collateral = (struct om_view) { f->collateral, f->collateral_size };
	assert_int_equal(om_attest_verify(&in, ret, &reason) == 0, reason == OM_WHY_NONE);
	return reason;
}

#define EXPECT(f, why) do { \
	const enum om_attest_reason got_ = issue(f, &result); \
	if (got_ != (why)) \
		fail_msg("line %d: %s", __LINE__, om_attest_reason_words(got_)); } while (0)

static struct om_attest_result result;

/* What contradicts itself, by the code of the parser: sizes would give it away as well. */
static void test_contradictions(void **state)
{
	static struct om_quote q;
	struct om_attest_result r;
	struct forged *f = forge(5, OM_BODY_TD10);

	(void)state;
	assert_int_equal(issue(f, &r), OM_WHY_NONE);
	f->quote[4] = OM_TEE_SGX;
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), OM_EINVAL);
	f->quote[4] = OM_TEE_TDX;
	f->quote[48] = OM_BODY_SGX;
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), OM_EINVAL);
	f->quote[50] = (uint8_t)sizeof(struct sgx_report_body);
	f->quote[51] = sizeof(struct sgx_report_body) >> 8;
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), OM_EINVAL);
	f->quote[48] = 0;
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), OM_EUNSUPPORTED);
	f->quote[48] = 4;
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), OM_EUNSUPPORTED);
	free(f);
	/* version 3 is of enclaves, and ends with its signature */
	f = forge(3, OM_BODY_SGX);
	assert_int_equal(issue(f, &r), OM_WHY_NONE);
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), 0);
	assert_int_equal(om_quote_parse(f->quote, f->quote_size + 1, &q), OM_ETRAILING);
	f->quote[4] = OM_TEE_TDX;
	assert_int_equal(om_quote_parse(f->quote, f->quote_size, &q), OM_EUNSUPPORTED);
	free(f);
}

/* The same names, another key. */
static void test_root(void **state)
{
	const uint8_t seed[32] = { 7 };
	struct forged *f = forge(5, OM_BODY_TD15);
	struct om_attest_result r;

	(void)state;
	om_platform_init(&f->platform, seed, "another root");
	f->platform.tdx = true;
	assert_int_equal(issue(f, &r), OM_WHY_ROOT);
	free(f);
}

/* Every version with every body that it can have. */
static void test_bodies(void **state)
{
	static const struct { uint16_t version; enum om_quote_body kind; } all[] = {
		{ 3, OM_BODY_SGX }, { 4, OM_BODY_SGX }, { 4, OM_BODY_TD10 }, { 5, OM_BODY_SGX }, { 5, OM_BODY_TD10 }, { 5, OM_BODY_TD15 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct forged *f = forge(all[i].version, all[i].kind);
		const bool td = all[i].kind != OM_BODY_SGX;

		EXPECT(f, OM_WHY_NONE);
		assert_int_equal(result.quote_version, all[i].version);
		assert_int_equal(result.kind, all[i].kind);
		assert_int_equal(result.tee, td ? OM_TEE_TDX : OM_TEE_SGX);
		assert_int_equal(result.status, OM_TCB_UP_TO_DATE);
		if (td)
			check_body(&result, f->quote + (all[i].version == 5 ? 54 : 48), all[i].kind);
		else
			assert_memory_equal(&result.body, &f->body, sizeof f->body);
		free(f);
	}
}

/* A QE identity that fits the platform of trust domains. @level: what follows the ISV SVN in its only level. */
static void qe_identity(const struct om_platform *p, const char *id, const char *level, char *ret, size_t size)
{
	char mrsigner[65];

	for (int i = 0; i < 32; i++)
		snprintf(mrsigner + 2 * i, 3, "%02x", p->qe_mrsigner[i]);
	snprintf(ret, size, "{\"id\":\"%s\",\"version\":2," TIMES "\"tcbEvaluationDataNumber\":1,\"miscselect\":\"00000000\","
		"\"miscselectMask\":\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\","
		"\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"%s\",\"isvprodid\":2,\"tcbLevels\":"
		"[{\"tcb\":{\"isvsvn\":1},%s}]}", id, mrsigner, level);
}

/* Documents of the other TEE, or of other enclaves, do not do, however well they are signed. */
static void test_other_documents(void **state)
{
	static const char *const ids[] = { "TD_QE", "QE", "QAE", "QVE", "td_qe" };
	struct forged *td = forge(4, OM_BODY_TD10), *sgx = forge(3, OM_BODY_SGX);
	char text[4096];

	(void)state;
	EXPECT(sgx, OM_WHY_NONE);
	sgx->platform.tdx = true; /* its QE becomes TDX's as well, so: */
	EXPECT(sgx, OM_WHY_TCB_INFO);
	td->platform.tdx = false;
	EXPECT(td, OM_WHY_TCB_INFO);
	td->platform.tdx = true;
	td->platform.qe_identity = text;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		qe_identity(&td->platform, ids[i], "\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"", text, sizeof text);
		EXPECT(td, i ? OM_WHY_QE_IDENTITY : OM_WHY_NONE);
	}
	free(td);
	free(sgx);
}

static void test_revoked(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct forged *f = forge(5, OM_BODY_TD15);

		f->platform.revoke_pck = i == 0;
		f->platform.revoke_ca = i == 1;
		f->platform.revoke_signer = i == 2;
		if (i == 3)
			f->platform.status = OM_TCB_REVOKED;
		if (i == 4)
			f->platform.module_status = OM_TCB_REVOKED;
		if (i == 5)
			f->platform.qe_status = OM_TCB_REVOKED;
		EXPECT(f, OM_WHY_REVOKED);
		free(f);
	}
}

static void test_pck(void **state)
{
	struct forged *f = forge(4, OM_BODY_TD10);

	(void)state;
	f->platform.tcb.cpu_svn[15] = 2;
	EXPECT(f, OM_WHY_PCK_SVN);
	f->platform.tcb.svn[15] = 2;
	EXPECT(f, OM_WHY_NONE);
	free(f);
}

/* Debugging gives a TD to its host: no policy takes it. */
static void test_debug(void **state)
{
	struct forged *f = forge(4, OM_BODY_TD10), *sgx = forge(3, OM_BODY_SGX);
	enum om_attest_reason reason;

	(void)state;
	EXPECT(f, OM_WHY_NONE);
	assert_int_equal(om_td_check(&result, &reason), 0);
	assert_int_equal(reason, OM_WHY_NONE);
	for (int bit = 0; bit < 8; bit++) {
		f->td.attributes = OM_TD_SEPT_VE_DISABLE | UINT64_C(1) << bit;
		EXPECT(f, OM_WHY_NONE);
		assert_int_equal(om_td_check(&result, &reason), OM_EDEBUG);
		assert_int_equal(reason, OM_WHY_TD_DEBUG);
	}
	EXPECT(sgx, OM_WHY_NONE);
	assert_int_equal(om_td_check(&result, &reason), OM_EPOLICY);
	assert_int_equal(reason, OM_WHY_NOT_TD);
	free(f);
	free(sgx);
}

/* Who asks for an enclave's quote gets no TD's, however good it is, and the other way round. */
static void test_other_tee(void **state)
{
	struct forged *td = forge(5, OM_BODY_TD15), *sgx = forge(5, OM_BODY_SGX);

	(void)state;
	td->tee = OM_TEE_SGX;
	EXPECT(td, OM_WHY_TEE);
	sgx->tee = OM_TEE_TDX;
	EXPECT(sgx, OM_WHY_NOT_TD);
	free(td);
	free(sgx);
}

/* ---- TCB info, made of pieces */

#define ZERO_SIGNER "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define MODULE_0 "\"tdxModule\":{\"mrsigner\":\"" ZERO_SIGNER "\"," \
	"\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},"
#define IDENTITY(id, levels) "{\"id\":\"" id "\",\"mrsigner\":\"" ZERO_SIGNER "\",\"attributes\":\"0000000000000000\"," \
	"\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"tcbLevels\":[" levels "]}"
#define ISV(svn, date, status) "{\"tcb\":{\"isvsvn\":" #svn "},\"tcbDate\":\"" date "T00:00:00Z\",\"tcbStatus\":\"" status "\"}"
#define ISV_SA(svn, date, status, sa) \
	"{\"tcb\":{\"isvsvn\":" #svn "},\"tcbDate\":\"" date "T00:00:00Z\",\"tcbStatus\":\"" status "\",\"advisoryIDs\":[" sa "]}"
#define MODULES(list) "\"tdxModuleIdentities\":[" list "],"
#define SVN(n) "{\"svn\":" #n "}"
#define EIGHT(n) SVN(n) "," SVN(n) "," SVN(n) "," SVN(n) "," SVN(n) "," SVN(n) "," SVN(n) "," SVN(n)
#define SGX_COMPONENTS(n) "\"sgxtcbcomponents\":[" EIGHT(n) "," EIGHT(n) "]"
#define TDX_COMPONENTS(a, b, c) "\"tdxtcbcomponents\":[" SVN(a) "," SVN(b) "," SVN(c) ",{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0}," \
	"{\"svn\":0}," EIGHT(0) "]"
#define LEVEL(sgx, a, b, c, date, status) "{\"tcb\":{" SGX_COMPONENTS(sgx) "," TDX_COMPONENTS(a, b, c) ",\"pcesvn\":1}," \
	"\"tcbDate\":\"" date "T00:00:00Z\",\"tcbStatus\":\"" status "\"}"
#define LEVEL_SA(sgx, a, b, c, date, status, sa) "{\"tcb\":{" SGX_COMPONENTS(sgx) "," TDX_COMPONENTS(a, b, c) ",\"pcesvn\":1}," \
	"\"tcbDate\":\"" date "T00:00:00Z\",\"tcbStatus\":\"" status "\",\"advisoryIDs\":[" sa "]}"
#define HEAD(version, id, fmspc) "{\"id\":\"" id "\",\"version\":" version "," TIMES "\"fmspc\":\"" fmspc "\",\"pceId\":\"0000\"," \
	"\"tcbType\":0,\"tcbEvaluationDataNumber\":9,"
#define INFO(modules, levels) HEAD("3", "TDX", "e00000000001") MODULE_0 modules "\"tcbLevels\":[" levels "]}"
#define GOOD_LEVEL LEVEL(1, 5, 0, 3, "2024-06-01", "UpToDate")
#define GOOD_MODULE MODULES(IDENTITY("TDX_01", ISV(5, "2024-06-01", "UpToDate")))

/* The TD of forge(): TEE_TCB_SVN 5 1 3, SGX components 1. */
static enum om_attest_reason with_info(enum om_quote_body kind, const char *text)
{
	struct forged *f = forge(5, kind);
	enum om_attest_reason why;

	f->platform.tcb_info = text;
	why = issue(f, &result);
	free(f);
	return why;
}

static enum om_attest_reason info(const char *text) { return with_info(OM_BODY_TD10, text); }

static void test_module(void **state)
{
	(void)state;
	assert_int_equal(info(INFO(GOOD_MODULE, GOOD_LEVEL)), OM_WHY_NONE);
	/* letters of ids and FMSPCs in either case; entries that are not asked for do not matter */
	assert_int_equal(info(INFO(MODULES(IDENTITY("tdx_01", ISV(5, "2024-06-01", "UpToDate"))), GOOD_LEVEL)), OM_WHY_NONE);
	assert_int_equal(info(HEAD("3", "TDX", "E00000000001") MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}"), OM_WHY_NONE);
	assert_int_equal(info(INFO(MODULES(IDENTITY("TDX_0A", ISV(9, "2024-06-01", "Revoked")) "," IDENTITY("TDX_01", ISV(5, "2024-06-01",
		"UpToDate")) "," IDENTITY("SOMETHING", ISV(9, "2024-06-01", "Revoked"))), GOOD_LEVEL)), OM_WHY_NONE);
	/* no list, an empty list, another module, the module twice */
	assert_int_equal(info(INFO("", GOOD_LEVEL)), OM_WHY_TDX_MODULE);
	assert_int_equal(info(INFO(MODULES(""), GOOD_LEVEL)), OM_WHY_TDX_MODULE);
	assert_int_equal(info(INFO(MODULES(IDENTITY("TDX_10", ISV(5, "2024-06-01", "UpToDate"))), GOOD_LEVEL)), OM_WHY_TDX_MODULE);
	assert_int_equal(info(INFO(MODULES(IDENTITY("TDX_01", ISV(5, "2024-06-01", "UpToDate")) "," IDENTITY("tdx_01",
		ISV(5, "2024-06-01", "UpToDate"))), GOOD_LEVEL)), OM_WHY_TCB_INFO);
	/* below all its levels */
	assert_int_equal(info(INFO(MODULES(IDENTITY("TDX_01", ISV(6, "2024-06-01", "UpToDate"))), GOOD_LEVEL)), OM_WHY_TCB_LEVEL);
	assert_int_equal(info(INFO(MODULES(IDENTITY("TDX_01", "")), GOOD_LEVEL)), OM_WHY_TCB_LEVEL);
	/* tdxModule must be there whether it counts or not */
	assert_int_equal(info(HEAD("3", "TDX", "e00000000001") GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}"), OM_WHY_TCB_INFO);
}

/* A module signed by somebody, or with attributes. */
static void test_module_identity(void **state)
{
	struct forged *f = forge(4, OM_BODY_TD10);

	(void)state;
	f->td.mrsignerseam[47] = 1;
	EXPECT(f, OM_WHY_TDX_MODULE);
	f->td.mrsignerseam[47] = 0;
	f->td.seam_attributes[7] = 0x80;
	EXPECT(f, OM_WHY_TDX_MODULE);
	f->platform.tcb_info = HEAD("3", "TDX", "e00000000001") MODULE_0 "\"tdxModuleIdentities\":[{\"id\":\"TDX_01\",\"mrsigner\":\""
		ZERO_SIGNER "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFF7F\",\"tcbLevels\":["
		ISV(5, "2024-06-01", "UpToDate") "]}],\"tcbLevels\":[" GOOD_LEVEL "]}";
	EXPECT(f, OM_WHY_NONE);
	free(f);
}

/* Which components count: all 16 for modules of version 0, without the first two for later ones. */
static void test_components(void **state)
{
	struct forged *f = forge(4, OM_BODY_TD10);

	(void)state;
	f->platform.tcb_info = INFO(GOOD_MODULE, LEVEL(1, 6, 2, 3, "2024-06-01", "UpToDate"));
	EXPECT(f, OM_WHY_NONE);
	f->platform.tcb_info = INFO(GOOD_MODULE, LEVEL(1, 0, 0, 4, "2024-06-01", "UpToDate"));
	EXPECT(f, OM_WHY_TCB_LEVEL);
	f->platform.tcb_info = INFO(GOOD_MODULE, LEVEL(2, 5, 0, 3, "2024-06-01", "UpToDate"));
	EXPECT(f, OM_WHY_TCB_LEVEL);
	f->td.tee_tcb_svn[1] = 0; /* judged by the platform's levels alone: the list is not asked */
	f->platform.tcb_info = INFO("", GOOD_LEVEL);
	EXPECT(f, OM_WHY_NONE);
	f->platform.tcb_info = INFO("", LEVEL(1, 6, 0, 3, "2024-06-01", "UpToDate"));
	EXPECT(f, OM_WHY_TCB_LEVEL);
	f->platform.tcb_info = INFO("", LEVEL(1, 5, 1, 3, "2024-06-01", "UpToDate"));
	EXPECT(f, OM_WHY_TCB_LEVEL);
	f->td.tee_tcb_svn[15] = 1; /* higher is fine */
	f->platform.tcb_info = INFO("", GOOD_LEVEL);
	EXPECT(f, OM_WHY_NONE);
	free(f);
}

/* The whole table: a module or QE that is outdated makes the platform so, one that is revoked ends it. */
static void test_convergence(void **state)
{
	enum { OK = OM_TCB_UP_TO_DATE, SW, CONF, CONF_SW, OLD, OLD_CONF, GONE };
	static const enum om_tcb_status outdated[] = { 0, OLD, OLD, OLD_CONF, OLD_CONF, OLD, OLD_CONF, GONE };
	struct forged *f = forge(4, OM_BODY_TD10);

	(void)state;
	for (int status = OK; status <= GONE; status++) {
		for (int module = 0; module < 3; module++) {
			for (int qe = 0; qe < 3; qe++) {
				static const enum om_tcb_status part[] = { OK, OLD, GONE };
				enum om_tcb_status want = (enum om_tcb_status)status;

				f->platform.status = (enum om_tcb_status)status;
				f->platform.module_status = part[module];
				f->platform.qe_status = part[qe];
				if (module == 1 || qe == 1)
					want = outdated[status];
				if (module == 2 || qe == 2)
					want = OM_TCB_REVOKED;
				EXPECT(f, want == OM_TCB_REVOKED ? OM_WHY_REVOKED : OM_WHY_NONE);
				if (want == OM_TCB_REVOKED)
					continue;
				assert_int_equal(result.status, want);
				assert_int_equal(result.module_status, part[module]);
				assert_int_equal(result.qe_status, part[qe]);
			}
		}
	}
	free(f);
}

/* The oldest date and every advisory of what was used; nothing of what was not. */
static void test_dates(void **state)
{
	struct forged *f = forge(4, OM_BODY_TD10);
	char text[4096];

	(void)state;
	assert_int_equal(info(INFO(MODULES(IDENTITY("TDX_01", ISV_SA(9, "2025-01-01", "UpToDate", "\"INTEL-SA-00001\"") ","
		ISV_SA(4, "2022-02-02", "OutOfDate", "\"INTEL-SA-00300\",\"INTEL-SA-00400\"") "," ISV(1, "2020-01-01", "OutOfDate"))),
		LEVEL(2, 5, 0, 3, "2025-01-01", "UpToDate") ","
		LEVEL_SA(1, 5, 0, 3, "2023-03-03", "SWHardeningNeeded", "\"INTEL-SA-00200\",\"INTEL-SA-00300\"") ","
		LEVEL_SA(0, 5, 0, 3, "2019-01-01", "OutOfDate", "\"INTEL-SA-00099\""))), OM_WHY_NONE);
	assert_int_equal(result.status, OM_TCB_OUT_OF_DATE);
	assert_int_equal(result.module_status, OM_TCB_OUT_OF_DATE);
	assert_true(result.tcb_date == om_time_of(2022, 2, 2, 0, 0, 0));
	assert_int_equal(result.tcb_evaluation, 9);
	assert_int_equal(result.qe_evaluation, 1);
	assert_int_equal(result.evaluation, 1);
	assert_int_equal(result.advisories.count, 3);
	assert_int_equal(result.advisories.number[0], 200);
	assert_int_equal(result.advisories.number[1], 300);
	assert_int_equal(result.advisories.number[2], 400);
	/* the QE's */
	qe_identity(&f->platform, "TD_QE", "\"tcbDate\":\"2021-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
		"\"advisoryIDs\":[\"INTEL-SA-00500\",\"INTEL-SA-00007\",\"INTEL-SA-00500\"]", text, sizeof text);
	f->platform.qe_identity = text;
	f->platform.tcb_info = INFO(GOOD_MODULE, LEVEL_SA(1, 5, 0, 3, "2023-03-03", "UpToDate", "\"INTEL-SA-00007\""));
	EXPECT(f, OM_WHY_NONE);
	assert_int_equal(result.status, OM_TCB_OUT_OF_DATE);
	assert_true(result.tcb_date == om_time_of(2021, 1, 1, 0, 0, 0));
	assert_int_equal(result.advisories.count, 2);
	assert_int_equal(result.advisories.number[0], 7);
	assert_int_equal(result.advisories.number[1], 500);
	free(f);
}

/* Launched under an old module, which was updated under it since. */
static void test_relaunch(void **state)
{
#define OLD_MODULE MODULES(IDENTITY("TDX_01", ISV(7, "2025-01-01", "UpToDate") "," ISV(5, "2024-01-01", "OutOfDate")) "," \
	IDENTITY("TDX_03", ISV(2, "2025-01-01", "UpToDate")))
#define NEW_AND_OLD(status) LEVEL(1, 7, 0, 4, "2025-01-01", status) "," LEVEL(1, 5, 0, 3, "2024-01-01", "OutOfDate")
	static const struct {
		const char *text;
		uint8_t now[3];
		enum om_quote_body kind;
		enum om_tcb_status qe, want;
	} cases[] = {
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 7, 1, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_TD_RELAUNCH_ADVISED },
		{ INFO(OLD_MODULE, NEW_AND_OLD("SWHardeningNeeded")), { 8, 1, 5 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_TD_RELAUNCH_ADVISED },
		{ INFO(OLD_MODULE, NEW_AND_OLD("ConfigurationNeeded")), { 7, 1, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE,
			OM_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION },
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 2, 3, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_TD_RELAUNCH_ADVISED },
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 7, 0, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_TD_RELAUNCH_ADVISED },
		/* not the newest module, microcode, a module that is not listed, a version 0 below the platform's level */
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 6, 1, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 7, 1, 3 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 7, 2, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 6, 0, 4 }, OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
		/* the QE is outdated, the SGX part is, TDX 1.0 says nothing about it, the module is not outdated */
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 7, 1, 4 }, OM_BODY_TD15, OM_TCB_OUT_OF_DATE, OM_TCB_OUT_OF_DATE },
		{ INFO(OLD_MODULE, LEVEL(2, 7, 0, 4, "2025-01-01", "UpToDate") "," LEVEL(1, 5, 0, 3, "2024-01-01", "OutOfDate")), { 7, 1, 4 },
			OM_BODY_TD15, OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
		{ INFO(OLD_MODULE, NEW_AND_OLD("UpToDate")), { 7, 1, 4 }, OM_BODY_TD10, OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
		{ INFO(MODULES(IDENTITY("TDX_01", ISV(5, "2024-01-01", "UpToDate"))), NEW_AND_OLD("UpToDate")), { 7, 1, 4 }, OM_BODY_TD15,
			OM_TCB_UP_TO_DATE, OM_TCB_OUT_OF_DATE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct forged *f = forge(5, cases[i].kind);

		memcpy(f->td.tee_tcb_svn_2, cases[i].now, 3);
		f->platform.tcb_info = cases[i].text;
		f->platform.qe_status = cases[i].qe;
		EXPECT(f, OM_WHY_NONE);
		if (result.status != cases[i].want)
			fail_msg("case %zu: %s", i, om_tcb_status_words(result.status));
		free(f);
	}
}

/* What a document must not look like, though it is signed. */
static void test_bad_info(void **state)
{
	static const char *const bad[] = {
		INFO(GOOD_MODULE, LEVEL(1, 5, 0, 3, "2024-06-01", "Fine")),
		INFO(GOOD_MODULE, LEVEL(1, 5, 0, 3, "2024-06-01", "TDRelaunchAdvised")),
		INFO(MODULES(IDENTITY("TDX_01", ISV(5, "2024-06-01", "uptodate"))), GOOD_LEVEL),
		HEAD("2", "TDX", "e00000000001") MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}",
		HEAD("4", "TDX", "e00000000001") MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}",
		HEAD("3", "SGX", "e00000000001") MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}",
		HEAD("3", "TDX", "e00000000002") MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}",
		HEAD("3", "TDX", "e000000000") MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}",
		/* a level without TDX's components: it would be reached by everybody */
		INFO(GOOD_MODULE, "{\"tcb\":{" SGX_COMPONENTS(1) ",\"pcesvn\":1},\"tcbDate\":\"2024-06-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}"),
		INFO(GOOD_MODULE, GOOD_LEVEL ",{\"tcb\":{" TDX_COMPONENTS(5, 0, 3) ",\"pcesvn\":1},\"tcbDate\":\"2024-06-01T00:00:00Z\","
			"\"tcbStatus\":\"UpToDate\"}"),
		/* 17 components, the list twice */
		INFO(GOOD_MODULE, "{\"tcb\":{" SGX_COMPONENTS(1) ",\"tdxtcbcomponents\":[{\"svn\":0}," EIGHT(0) "," EIGHT(0) "],\"pcesvn\":1},"
			"\"tcbDate\":\"2024-06-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}"),
		HEAD("3", "TDX", "e00000000001") MODULE_0 GOOD_MODULE GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}",
		INFO(GOOD_MODULE, GOOD_LEVEL) " {}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (info(bad[i]) != OM_WHY_TCB_INFO)
			fail_msg("case %zu was not refused", i);
	assert_int_equal(info(INFO(GOOD_MODULE, "")), OM_WHY_TCB_LEVEL);
}

/* TCB info of version 2, for SGX: no id, components one by one. */
static void test_version_2(void **state)
{
#define FLAT(first) "\"sgxtcbcomp01svn\":" #first ",\"sgxtcbcomp02svn\":1,\"sgxtcbcomp03svn\":1,\"sgxtcbcomp04svn\":1,\"sgxtcbcomp05svn\":1," \
	"\"sgxtcbcomp06svn\":1,\"sgxtcbcomp07svn\":1,\"sgxtcbcomp08svn\":1,\"sgxtcbcomp09svn\":1,\"sgxtcbcomp10svn\":1," \
	"\"sgxtcbcomp11svn\":1,\"sgxtcbcomp12svn\":1,\"sgxtcbcomp13svn\":1,\"sgxtcbcomp14svn\":1,\"sgxtcbcomp15svn\":1"
#define LAST ",\"sgxtcbcomp16svn\":1"
#define HEAD_2 "{\"version\":2," TIMES "\"fmspc\":\"E00000000001\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":9,"
#define TCB(what) "\"tcbLevels\":[{\"tcb\":{" what ",\"pcesvn\":1},\"tcbDate\":\"2024-06-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]}"
	static const struct { const char *text; enum om_attest_reason why; } cases[] = {
		{ HEAD_2 TCB(FLAT(1) LAST), OM_WHY_NONE },
		{ HEAD_2 TCB(FLAT(2) LAST), OM_WHY_TCB_LEVEL },
		{ HEAD_2 TCB(FLAT(1)), OM_WHY_TCB_INFO },                                   /* 15 of them */
		{ HEAD_2 TCB(FLAT(1) LAST LAST), OM_WHY_TCB_INFO },                         /* one twice */
		{ HEAD_2 TCB(FLAT(1) LAST "," SGX_COMPONENTS(0)), OM_WHY_TCB_INFO },        /* both forms */
		{ HEAD_2 TCB(SGX_COMPONENTS(1)), OM_WHY_TCB_INFO },                         /* the other version's form */
		{ HEAD("2", "SGX", "E00000000001") TCB(FLAT(1) LAST), OM_WHY_TCB_INFO },    /* with an id */
		{ HEAD("3", "SGX", "E00000000001") TCB(FLAT(1) LAST), OM_WHY_TCB_INFO },
		{ HEAD("3", "SGX", "E00000000001") TCB(SGX_COMPONENTS(1)), OM_WHY_NONE },
		{ HEAD("1", "SGX", "E00000000001") TCB(SGX_COMPONENTS(1)), OM_WHY_TCB_INFO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct forged *f = forge(3, OM_BODY_SGX);
		enum om_attest_reason why;

		f->platform.tcb_info = cases[i].text;
		why = issue(f, &result);
		if (why != cases[i].why)
			fail_msg("case %zu: %s", i, om_attest_reason_words(why));
		free(f);
	}
	assert_int_equal(info(HEAD_2 MODULE_0 GOOD_MODULE "\"tcbLevels\":[" GOOD_LEVEL "]}"), OM_WHY_TCB_INFO);
}

/* Both versions and the early edition of one real platform's TCB info say the same of it. */
static void test_editions(void **state)
{
	static const struct { const char *file; uint32_t evaluation; enum om_tcb_status newest; } editions[] = {
		{ "dcap/sgx_2025-05/tcb_info_v2_00906ed50000.json", 17, OM_TCB_UP_TO_DATE },
		{ "dcap/sgx_2025-05/tcb_info_v3_00906ed50000.json", 17, OM_TCB_UP_TO_DATE },
		{ "dcap/sgx_2025-05/tcb_info_v3_00906ed50000_early.json", 19, OM_TCB_UP_TO_DATE },
	};
	struct om_pck pck = { .fmspc = { 0, 0x90, 0x6e, 0xd5 }, .pce_svn = 65535 };
	struct om_tcb_result r[3], low[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct om_view file = read_exact(editions[i].file);
		struct om_view object;
		uint8_t signature[64];

		if (!file.size)
			skip();
		assert_int_equal(om_collateral_document(file, "tcbInfo", &object, signature), 0);
		memset(pck.svn, 255, sizeof pck.svn);
		assert_int_equal(om_tcb_info_evaluate(object, &pck, NULL, &r[i]), 0);
		assert_int_equal(r[i].evaluation, editions[i].evaluation);
		memset(pck.svn, 0, sizeof pck.svn);
		assert_int_equal(om_tcb_info_evaluate(object, &pck, NULL, &low[i]), 0);
		pck.fmspc[5] = 1;
		assert_int_equal(om_tcb_info_evaluate(object, &pck, NULL, &r[i]), OM_EIDENTITY);
		pck.fmspc[5] = 0;
		release(file);
	}
	assert_int_equal(r[0].status, r[1].status);
	assert_true(r[0].tcb_date == r[1].tcb_date);
	assert_int_equal(low[0].status, OM_TCB_UNKNOWN);
	assert_int_equal(low[1].status, OM_TCB_UNKNOWN);
}

/* ---- collateral as it comes */

static int crl(const void *text, size_t size, struct om_view *ret)
{
	static uint8_t buffer[4096];
	uint8_t *exact = malloc(size + !size);
	int error;

	memcpy(exact, text, size);
	error = om_collateral_crl((struct om_view) { exact, size }, buffer, sizeof buffer, ret);
	free(exact);
	return error;
}

static void test_lists(void **state)
{
	/* a SEQUENCE of 130 bytes that ends in a line end, which is part of it */
	uint8_t der[133] = { 0x30, 0x81, 130 }, padded[136];
	char hex[300];
	struct om_view got;

	(void)state;
	der[132] = '\n';
	memcpy(padded, der, sizeof der);
	memcpy(padded + sizeof der, "\0\n", 3);
	assert_int_equal(crl(der, sizeof der, &got), 0);
	assert_true(om_view_equal(got, OM_VIEW(der)));
	assert_int_equal(crl(padded, sizeof padded, &got), 0);
	assert_true(om_view_equal(got, OM_VIEW(der)));
	padded[134] = 'x';
	assert_int_equal(crl(padded, sizeof padded, &got), OM_ETRAILING);
	assert_int_equal(crl(der, sizeof der - 1, &got), OM_ETRUNCATED);
	for (size_t i = 0; i < sizeof der; i++)
		snprintf(hex + 2 * i, 3, i % 2 ? "%02x" : "%02X", der[i]);
	assert_int_equal(crl(hex, 266, &got), 0);
	assert_true(om_view_equal(got, OM_VIEW(der)));
	assert_int_equal(crl(hex, 267, &got), 0); /* its NUL */
	assert_true(om_view_equal(got, OM_VIEW(der)));
	assert_int_equal(crl(hex, 265, &got), OM_EINVAL);
	hex[100] = 'g';
	assert_int_equal(crl(hex, 266, &got), OM_EINVAL);
	assert_int_not_equal(crl("", 0, &got), 0);
	assert_int_not_equal(crl("-----BEGIN X509 CRL-----\n", 25, &got), 0);
	assert_int_not_equal(crl("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 59, &got), 0);
	assert_int_equal(crl("-----BEGIN X509 CRL-----\r\nMAA=\r\n-----END X509 CRL-----\r\n\0", 57, &got), 0);
	assert_int_equal(got.size, 2);
	assert_int_equal(crl("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\nMAA=\n", 58, &got), OM_ETRAILING);
}

static void test_texts(void **state)
{
	static const char encoded[] = "-----BEGIN%20CERTIFICATE-----%0AM%2Bn+%3D%0a-----END%20CERTIFICATE-----%0A";
	static const char plain[] = "-----BEGIN CERTIFICATE-----\nM+n+=\n-----END CERTIFICATE-----";
	static const char *const bad[] = {
		"", "{}", "{\"tcbInfo\":{}}", "{\"signature\":\"00\"}", "{\"tcbInfo\":{},\"signature\":\"00\"}",
		"{\"tcbInfo\":{},\"tcbInfo\":{},\"signature\":\"00\"}", "{\"enclaveIdentity\":{}}", "[]",
	};
	static uint8_t buffer[256];
	const struct om_view text = { (const uint8_t *)encoded, sizeof encoded }; /* with its NUL */
	struct om_view got;
	uint8_t signature[64], want[64] = { 0 };
	char document[300];

	(void)state;
	assert_int_equal(om_collateral_chain(text, buffer, sizeof buffer, &got), 0);
	assert_int_equal(got.size, sizeof plain - 1);
	assert_memory_equal(got.data, plain, sizeof plain - 1);
	assert_int_equal(om_collateral_chain((struct om_view) { text.data, text.size - 2 }, buffer, sizeof buffer, &got), OM_EINVAL);
	assert_int_equal(om_collateral_chain(text, buffer, 20, &got), OM_EOVERFLOW);
	assert_int_equal(om_collateral_chain((struct om_view) { (const uint8_t *)"x", 1 }, buffer, sizeof buffer, &got), OM_EINVAL);

	/* the object as it stands, blanks and all; what follows the text does not count */
	snprintf(document, sizeof document, " {\"signature\":\"%0127d1\", \"tcbInfo\" : { \"a\" : [1, 2] }, \"x\":null}\n", 0);
	want[63] = 1;
	assert_int_equal(om_collateral_document((struct om_view) { (const uint8_t *)document, strlen(document) + 1 }, "tcbInfo", &got,
		signature), 0);
	assert_int_equal(got.size, strlen("{ \"a\" : [1, 2] }"));
	assert_memory_equal(got.data, "{ \"a\" : [1, 2] }", got.size);
	assert_memory_equal(signature, want, 64);
	assert_int_equal(om_collateral_document((struct om_view) { (const uint8_t *)document, strlen(document) }, "enclaveIdentity", &got,
		signature), OM_ENOTFOUND);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(om_collateral_document((struct om_view) { (const uint8_t *)bad[i], strlen(bad[i]) }, "tcbInfo", &got,
			signature), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_other_documents),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_pck),
		cmocka_unit_test(test_debug),
		cmocka_unit_test(test_other_tee),
		cmocka_unit_test(test_module),
		cmocka_unit_test(test_module_identity),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_convergence),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_relaunch),
		cmocka_unit_test(test_bad_info),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_editions),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_fields_v4),
		cmocka_unit_test(test_fields_v5),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
