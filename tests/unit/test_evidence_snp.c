/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEV-SNP evidence: real reports with every byte altered, each refused for the reason of its field; real certificates altered;
 * and a pretended machine for what no real report has: everything that can be wrong is made wrong, one thing at a time, and
 * signed again. The verdicts on real reports as they are: tests/vectors.
 */
#include "unit.h"
#include "evidence/accept/snp.h"
#include "evidence/demo/quote_build.h"
#include "evidence/demo/snp_build.h"
#include "crypto/sha256.h"
#include "crypto/sha512.h"

#define NOW 1772323200   /* 2026-03-01 */
#define CHAIN_MAX 16384
/* Verifying is slow under sanitizers: they see one byte in so many. */
#if __has_feature(address_sanitizer)
#define STRIDE 13
#else
#define STRIDE 1
#endif

/* A real report with its chain. */
struct real { uint8_t report[OM_SNP_REPORT_SIZE], chain[CHAIN_MAX]; size_t chain_size, leaf_size; };

static size_t append(const char *file, uint8_t *to, size_t room)
{
	const char *path = unit_vector_path(file);
	uint8_t *data;
	size_t size = 0;

	if (!path)
		skip();
	data = unit_read_file(path, &size);
	assert_non_null(data);
	assert_true(size <= room);
	memcpy(to, data, size);
	free(data);
	return size;
}

static struct real *load(const char *report, const char *leaf, const char *ca, const char *ark)
{
	struct real *r;

	if (!unit_vector_path(report) || !unit_vector_path(leaf) || !unit_vector_path(ca) || !unit_vector_path(ark))
		skip();
	r = calloc(1, sizeof *r);
	assert_non_null(r);
	assert_int_equal(append(report, r->report, sizeof r->report), OM_SNP_REPORT_SIZE);
	r->leaf_size = append(leaf, r->chain, sizeof r->chain);
	r->chain_size = r->leaf_size;
	r->chain_size += append(ca, r->chain + r->chain_size, sizeof r->chain - r->chain_size);
	r->chain_size += append(ark, r->chain + r->chain_size, sizeof r->chain - r->chain_size);
	return r;
}

static struct real *milan(void)
{
	return load("snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", "snp/milan_ask.der", "snp/milan_ark.der");
}
static struct real *genoa(void)
{
	return load("snp/genoa_v5_report.bin", "snp/genoa_v5_vcek.der", "snp/genoa_ask.der", "snp/genoa_ark.der");
}
static struct real *turin(void)
{
	return load("snp/turin_v5_report.bin", "snp/turin_v5_vcek.pem", "snp/turin_ask.der", "snp/turin_ark.der");
}

static enum om_attest_reason verdict(const struct real *r, struct om_snp_result *ret)
{
	const struct om_snp_input in = {
		.report = { r->report, sizeof r->report }, .chain = { r->chain, r->chain_size }, .crl_optional = true, .now = NOW,
		.roots = om_amd_roots, .root_count = OM_AMD_ROOTS,
	};
	enum om_attest_reason why = 999;
	const int error = om_snp_verify(&in, ret, &why);

	assert_int_equal(!error, why == OM_WHY_NONE);
	return why;
}

/*
 * Why a report is refused if bit 6 of one of these bytes is flipped. Fields in the order of the report, without gaps. The
 * reason of a byte that only the signature protects is the signature.
 */
struct field { unsigned offset; enum om_attest_reason why; const char *name; };
#define SIGNED   OM_WHY_SNP_SIGNATURE
#define FORMAT   OM_WHY_SNP_FORMAT
#define RESERVED OM_WHY_SNP_VERSION
static const struct field both[] = {
	{ 0x000, OM_WHY_SNP_VERSION, "VERSION" },
	{ 0x004, SIGNED, "GUEST_SVN" },
	{ 0x008, SIGNED, "POLICY, ABI, SMT to page swap" },
	{ 0x00b, FORMAT, "POLICY, bits not known" },
	{ 0x010, SIGNED, "FAMILY_ID, IMAGE_ID" },
	{ 0x030, FORMAT, "VMPL, SIGNATURE_ALGO" },
	{ 0x038, OM_WHY_NONE, "CURRENT_TCB: see below" },
	{ 0x040, SIGNED, "PLATFORM_INFO" },
	{ 0x048, FORMAT, "key info" },
	{ 0x04c, RESERVED, "reserved" },
	{ 0x050, SIGNED, "REPORT_DATA to REPORT_ID_MA" },
	{ 0x180, OM_WHY_NONE, "REPORTED_TCB" },
	{ 0x188, OM_WHY_SNP_PRODUCT, "CPUID family, model" },
	{ 0x18a, SIGNED, "CPUID stepping" },
	{ 0x18b, RESERVED, "reserved" },
	{ 0x1a0, OM_WHY_SNP_CHIP, "CHIP_ID" },
	{ 0x1e0, OM_WHY_NONE, "COMMITTED_TCB" },
	{ 0x1e8, SIGNED, "current firmware" },
	{ 0x1eb, RESERVED, "reserved" },
	{ 0x1ec, SIGNED, "committed firmware" },
	{ 0x1ef, RESERVED, "reserved" },
	{ 0x1f0, OM_WHY_NONE, "LAUNCH_TCB" },
	{ 0x1f8, OM_WHY_NONE, "mitigation vectors" },
	{ 0x208, RESERVED, "reserved" },
	{ 0x2a0, SIGNED, "R" },
	{ 0x2d0, FORMAT, "R, upper bytes" },
	{ 0x2e8, SIGNED, "S" },
	{ 0x318, FORMAT, "S, upper bytes and the rest" },
	{ OM_SNP_REPORT_SIZE, OM_WHY_NONE, "end" },
};

static enum om_attest_reason expected(unsigned offset, bool new_layout, unsigned version, const char **ret_name)
{
	const bool reported = offset >= 0x180 && offset < 0x188;
	const unsigned component = offset % 8;
	const bool reserved = new_layout ? component >= 4 && component <= 6 : component >= 2 && component <= 5;
	const struct field *f = both;

	while (offset >= f[1].offset)
		f++;
	*ret_name = f->name;
	if (f->offset == 0x1f8)
		return version == 5 ? SIGNED : RESERVED;
	if (f->why != OM_WHY_NONE)
		return f->why;
	return reserved ? FORMAT : reported ? OM_WHY_SNP_TCB : SIGNED; /* the TCBs lie at multiples of 8 */
}

static void alter_report(struct real *r, bool new_layout, unsigned version)
{
	struct om_snp_result result;
	const char *name;

	assert_int_equal(verdict(r, &result), OM_WHY_NONE);
	for (unsigned i = 0; i < OM_SNP_REPORT_SIZE; i += STRIDE) {
		const enum om_attest_reason want = expected(i, new_layout, version, &name);
		enum om_attest_reason why;

		r->report[i] ^= 0x40;
		why = verdict(r, &result);
		if (why != want)
			fail_msg("byte %#x (%s): %s, expected %s", i, name, om_attest_reason_words(why), om_attest_reason_words(want));
		r->report[i] ^= 0x40;
	}
	free(r);
}

static void test_milan_report(void **state) { (void)state; alter_report(milan(), false, 3); }
static void test_turin_report(void **state) { (void)state; alter_report(turin(), true, 5); }

/* Values with a meaning of their own. */
static void test_report_values(void **state)
{
	static const struct { bool v5; unsigned offset; uint8_t value; enum om_attest_reason why; } cases[] = {
		{ false, 0x000, 1, OM_WHY_SNP_VERSION }, { false, 0x000, 6, OM_WHY_SNP_VERSION }, { false, 0x000, 0, OM_WHY_SNP_VERSION },
		{ false, 0x000, 2, OM_WHY_SNP_VERSION /* has a CPUID, which version 2 reserves */ },
		{ false, 0x000, 4, SIGNED }, { false, 0x000, 5, SIGNED },
		{ true, 0x000, 4, OM_WHY_SNP_VERSION /* has mitigation vectors */ }, { true, 0x000, 3, OM_WHY_SNP_VERSION },
		{ false, 0x00a, 0x01, FORMAT /* bit 17 is always set */ }, { false, 0x00a, 0x0b, SIGNED /* debug; but nobody signed it */ },
		{ false, 0x00b, 0x04, FORMAT },
		{ false, 0x030, 1, SIGNED }, { false, 0x030, 3, SIGNED }, { false, 0x030, 4, FORMAT }, { false, 0x030, 0xff, FORMAT },
		{ false, 0x034, 0, FORMAT }, { false, 0x034, 2, FORMAT },
		{ false, 0x048, 0x01, SIGNED }, { false, 0x048, 0x02, FORMAT /* a masked VCEK signs nothing */ },
		{ false, 0x048, 0x04, OM_WHY_SNP_KEY /* VLEK */ }, { false, 0x048, 0x06, OM_WHY_SNP_KEY },
		{ false, 0x048, 0x08, FORMAT }, { false, 0x048, 0x18, FORMAT }, { false, 0x048, 0x1c, FORMAT /* none */ },
		{ false, 0x048, 0x20, FORMAT },
		{ false, 0x188, 0x1a, OM_WHY_SNP_PRODUCT }, { false, 0x189, 0x11, OM_WHY_SNP_PRODUCT }, { false, 0x189, 0x0f, SIGNED },
		{ true, 0x188, 0x19, OM_WHY_SNP_PRODUCT }, { true, 0x189, 0x11, SIGNED }, { true, 0x189, 0x12, OM_WHY_SNP_PRODUCT },
		{ true, 0x1a8, 1, OM_WHY_SNP_CHIP }, { true, 0x1df, 1, OM_WHY_SNP_CHIP },
	};
	struct real *r[2] = { milan(), turin() };
	struct om_snp_result result;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *byte = &r[cases[i].v5]->report[cases[i].offset];
		const uint8_t was = *byte;
		enum om_attest_reason why;

		*byte = cases[i].value;
		why = verdict(r[cases[i].v5], &result);
		if (why != cases[i].why)
			fail_msg("byte %#x = %#x: %s", cases[i].offset, cases[i].value, om_attest_reason_words(why));
		*byte = was;
	}
	free(r[0]);
	free(r[1]);
}

/* One byte in 3 of a real leaf and one in 13 of its CAs: nothing of a certificate is free. */
static void test_certificate_bytes(void **state)
{
	struct real *r = genoa();
	struct om_snp_result result;

	(void)state;
	assert_int_equal(verdict(r, &result), OM_WHY_NONE);
	for (size_t i = 0; i < r->chain_size; i += i < r->leaf_size ? 3 * STRIDE : 13 * STRIDE) {
		enum om_attest_reason why;

		r->chain[i] ^= 0x10;
		why = verdict(r, &result);
		if (why != OM_WHY_SNP_CHAIN && (i < r->leaf_size || why != OM_WHY_ROOT))
			fail_msg("byte %zu: %s", i, om_attest_reason_words(why));
		r->chain[i] ^= 0x10;
	}
	for (size_t size = 0; size < r->chain_size; size += 331) {
		struct real *cut = malloc(sizeof *cut);

		memcpy(cut, r, sizeof *cut);
		cut->chain_size = size;
		assert_int_equal(verdict(cut, &result), OM_WHY_SNP_CHAIN);
		free(cut);
	}
	r->chain[r->chain_size++] = 0x30;
	assert_int_equal(verdict(r, &result), OM_WHY_SNP_CHAIN);
	free(r);
}

/* The hashes compiled in are of AMD's own certificates. */
static void test_roots(void **state)
{
	static const char *const files[OM_AMD_ROOTS] = { "snp/milan_ark.der", "snp/genoa_ark.der", "snp/turin_ark.der" };
	uint8_t der[OM_X509_MAX], hash[32];
	struct om_x509 c;

	(void)state;
	for (unsigned i = 0; i < OM_AMD_ROOTS; i++) {
		const size_t size = append(files[i], der, sizeof der);

		assert_int_equal(om_x509_parse_amd((struct om_view) { der, size }, &c), 0);
		assert_int_equal(om_x509_parse((struct om_view) { der, size }, &c), OM_EUNSUPPORTED); /* the other profile */
		om_sha256(c.spki.data, c.spki.size, hash);
		assert_memory_equal(hash, om_amd_roots[i].hash, 32);
		assert_int_equal(om_amd_roots[i].product, OM_SNP_MILAN + i);
	}
}

/*
 * AMD's own list for Genoa, as its service gave it from 2026-08-19 on: it names one CA that was replaced in 2022.
 */
static void test_real_crl(void **state)
{
	static const char hex[] =
		"308203763082012a020101304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d01"
		"0108300d06096086480165030402020500a203020130307b31143012060355040b0c0b456e67696e656572696e67310b3009060355040613"
		"0255533114301206035504070c0b53616e746120436c617261310b300906035504080c024341311f301d060355040a0c16416476616e6365"
		"64204d6963726f20446576696365733112301006035504030c0941524b2d47656e6f61170d3236303831393134303930315a170d32363130"
		"30343030303030305a301630140203020001170d3232313033313132303030305aa02f302d301f0603551d230418301680149f5df9fe0dd8"
		"f35ad0331a25ef81294fbe31a85b300a0603551d14040302010a304106092a864886f70d01010a3034a00f300d0609608648016503040202"
		"0500a11c301a06092a864886f70d010108300d06096086480165030402020500a20302013003820201007a9ae04bee3b67005651b34493ed"
		"42fe5657d436df28795ef9a61b3547f8d5cb47ad8b5a5f5b0c9b6f35fa85ea904c6859f971c04f21e15c7f6908427944b691f5ea14c24fff"
		"3179628e6d27e24f7297c619ea9ce18cb52a9c47f531562c6c2e34178b5769c72436130462b93f7b16e1c8d28ad82d55fd92a2dd2e138122"
		"21312c395e9ca5497c15f43ecc050fcda9253829709621eb4ffcbfdd4a18cabdebb6e197b38ec00a8541385b0d5398b5ef60810625d0f5b8"
		"7f1ac8c237f1a2590e18af225f74a1c75110a5a8767cd59ef71d7886f209cc90dc4f1ab6b0868115d2434b680f28cbf4de41b37a5304cb23"
		"c2c3787e41f1d43874fddf6bee11080a0c3a403bbf827f413a4d8ac35df623e931a382178e532737a1d64eea2a91b80e1fda33113f6296ea"
		"4132efcc470e8c4a1c66cf65b8cd570a5af671dda27d2050c887dc5c23f27af0678bb42f76810de5d36e324765fc141fe5f0eb1a73e5ceaf"
		"2b1c72b1c967b5c27bb7a3794a70cae9c38f48365320bbe79518541615f813bd82ff4be36903dcda9d9fe68fbb62e4ba45da27591cff7081"
		"cca0477262def49d5f0d8664d4490f3fe2ab7f6a4018c32950ae7ebf9ba06753b33bb1cae5a33d4672e30bb9e04dd4993b02706dac63cd32"
		"5c03dd6fee6668b32564a11b9b10a878be68f68720062e93070315b7fb027da5ed6eb912c464fca5fffc08b3460c02ea7f0a";
	static const uint8_t replaced[] = { 2, 0, 1 }, in_use[] = { 2, 0, 2 };
	size_t size;
	uint8_t *der = unit_hex(hex, &size);
	struct real *r;
	struct om_snp_result result;
	struct om_snp_input in = { .crl = { der, size }, .roots = om_amd_roots, .root_count = OM_AMD_ROOTS };
	enum om_attest_reason why;
	struct om_crl crl;

	(void)state;
	assert_int_equal(size, 890);
	assert_int_equal(om_crl_parse_amd(in.crl, &crl), 0);
	assert_true(om_crl_revokes(&crl, OM_VIEW(replaced)));
	assert_false(om_crl_revokes(&crl, OM_VIEW(in_use)));
	if (!unit_vector_path("snp/genoa_v5_report.bin")) {
		free(der);
		skip();
	}
	r = genoa();
	in.report = (struct om_view) { r->report, sizeof r->report };
	in.chain = (struct om_view) { r->chain, r->chain_size };
	in.now = 1789000000; /* 2026-09-10 */
	assert_int_equal(om_snp_verify(&in, &result, &why), 0);
	assert_true(result.crl_checked);
	assert_true(result.valid_until == crl.next_update && crl.next_update == 1791072000);
	in.now = 1791072001;
	assert_int_equal(om_snp_verify(&in, &result, &why), OM_EEXPIRED);
	assert_int_equal(why, OM_WHY_CRL_TIME);
	in.now = 1787148540; /* a second before its thisUpdate */
	assert_int_equal(om_snp_verify(&in, &result, &why), OM_EEXPIRED);
	assert_int_equal(why, OM_WHY_CRL_TIME);
	free(r);
	r = milan();
	in.report = (struct om_view) { r->report, sizeof r->report };
	in.chain = (struct om_view) { r->chain, r->chain_size };
	in.now = 1789000000;
	assert_int_equal(om_snp_verify(&in, &result, &why), OM_EQUOTE);
	assert_int_equal(why, OM_WHY_CRL);
	free(r);
	free(der);
}

/* Both ways to write a HWID, in certificates that nobody signed. */
static void test_hwid_forms(void **state)
{
	static const char *const files[] = { "snp/bad_vcek_legacy.der", "snp/bad_vcek_new.der" };
	uint8_t der[OM_X509_MAX];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const size_t size = append(files[i], der, sizeof der);
		struct om_snp_certificate vek;
		struct om_x509 c;

		assert_int_equal(om_x509_parse_amd((struct om_view) { der, size }, &c), 0);
		assert_int_equal(om_snp_certificate_parse(c.extensions, &vek), 0);
		for (unsigned k = 0; k < OM_SNP_HWID_MAX; k++)
			assert_int_equal(vek.hwid[k], k);
	}
}

static void test_products(void **state)
{
	unsigned count[OM_SNP_PRODUCTS] = { 0 };

	(void)state;
	for (unsigned family = 0; family < 256; family++)
		for (unsigned model = 0; model < 256; model++)
			count[om_snp_product_of((uint8_t)family, (uint8_t)model)]++;
	assert_int_equal(count[OM_SNP_MILAN], 16);
	assert_int_equal(count[OM_SNP_GENOA], 32);
	assert_int_equal(count[OM_SNP_TURIN], 18);
	assert_int_equal(om_snp_product_of(0x19, 0x01), OM_SNP_MILAN);
	assert_int_equal(om_snp_product_of(0x19, 0x11), OM_SNP_GENOA);
	assert_int_equal(om_snp_product_of(0x19, 0xa0), OM_SNP_GENOA);
	assert_int_equal(om_snp_product_of(0x1a, 0x11), OM_SNP_TURIN);
	assert_int_equal(om_snp_product_of(0x1a, 0x50), OM_SNP_UNKNOWN);
}

/* The pretended machine. */
struct forged {
	struct om_snp_machine m;
	struct om_snp_report fields;
	struct om_snp_rules rules;
	uint8_t report[OM_SNP_REPORT_SIZE], chain[OM_SNP_CHAIN_MAX], crl[OM_X509_MAX];
	size_t chain_size, leaf_size, crl_size;
	struct om_snp_result result;
};

static void issue_report(struct forged *f) { om_snp_machine_report(&f->m, &f->fields, f->report); }

/* A new leaf before the CAs that are there. */
static void issue_leaf(struct forged *f)
{
	uint8_t leaf[OM_X509_MAX];
	const size_t cas = f->chain_size - f->leaf_size;
	size_t size;

	assert_int_equal(om_snp_machine_leaf(&f->m, leaf, sizeof leaf, &size), 0);
	memmove(f->chain + size, f->chain + f->leaf_size, cas);
	memcpy(f->chain, leaf, size);
	f->chain_size = size + cas;
	f->leaf_size = size;
}

/* Everything anew. */
static void issue(struct forged *f)
{
	struct om_der d;

	assert_int_equal(om_snp_machine_chain(&f->m, f->chain, sizeof f->chain, &f->chain_size), 0);
	om_der_init(&d, (struct om_view) { f->chain, f->chain_size });
	f->leaf_size = om_der_element(&d, OM_DER_SEQUENCE).size;
	assert_int_equal(om_snp_machine_crl(&f->m, NOW, f->crl, sizeof f->crl, &f->crl_size), 0);
	issue_report(f);
}

static struct forged *forge(enum om_snp_product product, enum om_snp_key key, uint32_t version)
{
	struct forged *f = calloc(1, sizeof *f);
	const uint8_t seed[32] = { 7 };

	om_snp_machine_init(&f->m, seed, product, key);
	om_snp_machine_fields(&f->m, version, &f->fields);
	om_snp_rules_default(&f->rules);
	issue(f);
	return f;
}

static enum om_attest_reason judge_at(struct forged *f, int64_t now, const struct om_snp_root *roots, size_t root_count)
{
	uint8_t *report = malloc(sizeof f->report), *chain = malloc(f->chain_size), *crl = malloc(f->crl_size + 1);
	const struct om_snp_input in = {
		.report = { report, sizeof f->report }, .chain = { chain, f->chain_size }, .crl = { crl, f->crl_size }, .now = now,
		.roots = roots, .root_count = root_count,
	};
	enum om_attest_reason why = 999;
	int error;

	memcpy(report, f->report, sizeof f->report);
	memcpy(chain, f->chain, f->chain_size);
	memcpy(crl, f->crl, f->crl_size);
	error = om_snp_verify(&in, &f->result, &why);
	free(report);
	free(chain);
	free(crl);
	if (!error)
		error = om_snp_accept(&f->result, &f->rules, &why);
	assert_int_equal(!error, why == OM_WHY_NONE);
	return why;
}

static enum om_attest_reason judge(struct forged *f) { return judge_at(f, NOW, om_snp_demo_roots, OM_AMD_ROOTS); }

#define expect(f, want) do { const enum om_attest_reason why_ = judge(f); if (why_ != (want)) \
	fail_msg("line %d: %s; expected %s", __LINE__, om_attest_reason_words(why_), om_attest_reason_words(want)); } while (0)

static void check_result(const struct forged *f)
{
	const struct om_snp_result *v = &f->result;
	const struct om_snp_report *r = &v->report;
	const bool turin = f->m.product == OM_SNP_TURIN, vlek = f->m.key == OM_SNP_VLEK;

	assert_int_equal(v->product, r->version == 2 ? OM_SNP_MILAN : f->m.product);
	assert_int_equal(r->version, f->fields.version);
	assert_int_equal(r->guest_svn, 0x01020304);
	assert_int_equal(r->policy, 0x30000);
	assert_memory_equal(r->measurement, f->fields.measurement, 48);
	assert_memory_equal(r->report_data, f->fields.report_data, 64);
	assert_memory_equal(r->report_id_ma, f->fields.report_id_ma, 32);
	assert_int_equal(r->current.minor, 0x37);
	assert_int_equal(v->reported.microcode, f->m.tcb[7]);
	assert_int_equal(v->reported.fmc, turin ? f->m.tcb[0] : 0);
	assert_memory_equal(v->root, om_snp_demo_roots[0].hash, 32);
	assert_true(v->valid_until == NOW + 30 * 86400);
	assert_true(v->crl_checked);
	assert_string_equal(v->csp, vlek ? "CN=demo.example" : "");
	assert_int_equal(v->chip_masked, vlek);
	if (!vlek)
		assert_memory_equal(v->chip, f->m.chip, 64);
}

static void test_forged_good(void **state)
{
	(void)state;
	for (enum om_snp_product product = OM_SNP_MILAN; product < OM_SNP_PRODUCTS; product++) {
		for (enum om_snp_key key = OM_SNP_VCEK; key <= OM_SNP_VLEK; key++) {
			struct forged *f = forge(product, key, 2);

			f->rules.vlek = true;
			f->m.trailer = key == OM_SNP_VLEK;
			issue_leaf(f);
			for (uint32_t version = 2; version <= 5; version++) {
				om_snp_machine_fields(&f->m, version, &f->fields);
				memset(f->fields.measurement, 0x5a, sizeof f->fields.measurement);
				memset(f->fields.report_data, 0xa5, sizeof f->fields.report_data);
				f->fields.guest_svn = 0x01020304;
				issue_report(f);
				if (product == OM_SNP_TURIN && version == 2) {
					assert_int_equal(judge_at(f, NOW, om_snp_demo_roots + 2, 1), OM_WHY_SNP_VERSION);
				} else {
					expect(f, OM_WHY_NONE);
					check_result(f);
				}
			}
			free(f);
		}
	}
}

/* AMD's roots do not vouch for it, one product's root does not vouch for another, and another key of the same name for none. */
static void test_forged_roots(void **state)
{
	struct forged *f = forge(OM_SNP_GENOA, OM_SNP_VCEK, 3);

	(void)state;
	assert_int_equal(judge_at(f, NOW, om_amd_roots, OM_AMD_ROOTS), OM_WHY_ROOT);
	assert_int_equal(judge_at(f, NOW, om_snp_demo_roots, 0), OM_WHY_ROOT);
	assert_int_equal(judge_at(f, NOW, om_snp_demo_roots, 1), OM_WHY_SNP_PRODUCT);
	assert_int_equal(judge_at(f, NOW, om_snp_demo_roots + 1, 1), OM_WHY_NONE);
	assert_int_equal(judge_at(f, NOW, om_snp_demo_roots + 2, 1), OM_WHY_SNP_PRODUCT);
	f->m.ark_key = OM_SNP_DEMO_CA;
	issue(f);
	expect(f, OM_WHY_ROOT);
	free(f);
}

static void test_forged_chain(void **state)
{
	struct forged *f = forge(OM_SNP_MILAN, OM_SNP_VCEK, 3);
	const struct om_snp_machine good = f->m;

	(void)state;
	f->m.leaf_is_ca = true;
	issue(f);
	expect(f, OM_WHY_SNP_CHAIN);
	f->m = good;
	f->m.ca_signs_none = true;
	issue(f);
	expect(f, OM_WHY_SNP_CHAIN);
	f->m = good;
	f->m.valid_to = NOW - 1;
	issue(f);
	expect(f, OM_WHY_CERT_TIME);
	f->m.valid_to = NOW;
	issue(f);
	expect(f, OM_WHY_NONE);
	assert_true(f->result.valid_until == NOW);
	f->m = good;
	f->m.valid_from = NOW + 1;
	issue(f);
	expect(f, OM_WHY_CERT_TIME);
	/* an ASK under which a VLEK stands, and the other way round: one key has both, so names alone tell */
	f->m = good;
	f->m.asvk = true;
	issue(f);
	expect(f, OM_WHY_SNP_KEY);
	free(f);
	f = forge(OM_SNP_MILAN, OM_SNP_VLEK, 3);
	f->rules.vlek = true;
	f->m.asvk = false;
	issue(f);
	expect(f, OM_WHY_SNP_KEY);
	/* a leaf that another key of that name has signed */
	f->m.asvk = true;
	issue(f);
	expect(f, OM_WHY_NONE);
	f->m.ca_key = OM_SNP_DEMO_ARK;
	issue_leaf(f);
	expect(f, OM_WHY_SNP_CHAIN);
	free(f);
}

static void test_forged_crl(void **state)
{
	struct forged *f = forge(OM_SNP_TURIN, OM_SNP_VCEK, 5);
	const struct om_snp_machine good = f->m;

	(void)state;
	expect(f, OM_WHY_NONE); /* it lists the leaf's serial, but of what the ARK issued */
	f->m.revoke_ca = true;
	issue(f);
	expect(f, OM_WHY_REVOKED);
	f->m = good;
	issue(f);
	assert_int_equal(judge_at(f, NOW - 86400, om_snp_demo_roots, OM_AMD_ROOTS), OM_WHY_NONE);
	assert_int_equal(judge_at(f, NOW - 86401, om_snp_demo_roots, OM_AMD_ROOTS), OM_WHY_CRL_TIME);
	assert_int_equal(judge_at(f, NOW + 30 * 86400 + 1, om_snp_demo_roots, OM_AMD_ROOTS), OM_WHY_CRL_TIME);
	for (size_t i = 0; i < f->crl_size; i += 13) {
		f->crl[i] ^= 1;
		expect(f, OM_WHY_CRL);
		f->crl[i] ^= 1;
	}
	f->m.ark_key = OM_SNP_DEMO_CA;
	assert_int_equal(om_snp_machine_crl(&f->m, NOW, f->crl, sizeof f->crl, &f->crl_size), 0);
	expect(f, OM_WHY_CRL); /* the name is right, the key is not */
	f->m = good;
	f->m.ark_lists_none = true;
	issue(f);
	expect(f, OM_WHY_CRL);
	f->crl_size = 0;
	expect(f, OM_WHY_SNP_NO_CRL);
	free(f);
}

/* The extensions of the leaf, one wrong at a time. */
static void test_forged_extensions(void **state)
{
	(void)state;
	for (enum om_snp_product product = OM_SNP_MILAN; product < OM_SNP_PRODUCTS; product++) {
		for (enum om_snp_key key = OM_SNP_VCEK; key <= OM_SNP_VLEK; key++) {
			if (product == OM_SNP_GENOA || (STRIDE > 1 && (key == OM_SNP_VLEK || product == OM_SNP_TURIN)))
				continue; /* Genoa is as Milan; the others to save time */
			struct forged *f = forge(product, key, 4);
			const struct om_snp_machine good = f->m;
			const bool turin = product == OM_SNP_TURIN;

			f->rules.vlek = true;
			for (unsigned i = 0; i < good.extension_count; i++) {
				const uint8_t *arc = good.extension[i].arc;
				const bool spare = arc[0] == 3 && arc[1] >= 4 && arc[1] <= 7;

				if ((key == OM_SNP_VLEK || turin) && arc[0] == 3 && arc[1] < 8)
					continue; /* as with Milan's VCEK */
				f->m = good; /* missing */
				f->m.extension[i] = f->m.extension[--f->m.extension_count];
				issue_leaf(f);
				expect(f, OM_WHY_SNP_CERTIFICATE);
				f->m = good; /* twice */
				f->m.extension[f->m.extension_count++] = good.extension[i];
				issue_leaf(f);
				expect(f, OM_WHY_SNP_CERTIFICATE);
				f->m = good; /* too long by a byte */
				f->m.extension[i].value[f->m.extension[i].size++] = 0;
				issue_leaf(f);
				expect(f, OM_WHY_SNP_CERTIFICATE);
				f->m = good; /* another value */
				f->m.extension[i].value[f->m.extension[i].size - 1] ^= 1;
				issue_leaf(f);
				expect(f, arc[0] == 1 || spare ? OM_WHY_SNP_CERTIFICATE : arc[0] == 3 ? OM_WHY_SNP_TCB :
					arc[0] == 4 ? OM_WHY_SNP_CHIP : OM_WHY_NONE);
			}
			f->m = good; /* an extension of somebody else's */
			f->m.extension[f->m.extension_count++] = (struct om_snp_extension) { .arc = { 9, 0 }, .size = 1 };
			issue_leaf(f);
			expect(f, OM_WHY_NONE);
			f->m = good; /* a component that nobody here knows */
			f->m.extension[f->m.extension_count++] = (struct om_snp_extension) {
				.arc = { 3, 10 }, .size = 3, .value = { 2, 1, 0 } };
			issue_leaf(f);
			expect(f, OM_WHY_SNP_CERTIFICATE);
			f->m = good; /* of the other layout */
			f->m.extension[f->m.extension_count++] = (struct om_snp_extension) {
				.arc = { 3, turin ? 4 : 9 }, .size = 3, .value = { 2, 1, 0 } };
			issue_leaf(f);
			expect(f, OM_WHY_SNP_CERTIFICATE);
			f->m = good; /* of the other kind of key */
			f->m.extension[f->m.extension_count++] = key == OM_SNP_VLEK ?
				(struct om_snp_extension) { .arc = { 4, 0 }, .size = turin ? 8 : 64 } :
				(struct om_snp_extension) { .arc = { 5, 0 }, .size = 3, .value = { 0x16, 1, 'x' } };
			issue_leaf(f);
			expect(f, OM_WHY_SNP_CERTIFICATE);
			free(f);
		}
	}
}

/* Signs the leaf's signed part as it stands. The signature is the end of it. */
static void sign_leaf(struct forged *f)
{
	const uint8_t salt[OM_PSS_SALT] = { 1 };
	uint8_t hash[OM_SHA384_SIZE];
	struct om_der outer, d;
	struct om_view tbs;

	om_der_init(&outer, (struct om_view) { f->chain, f->leaf_size });
	d = om_der_enter(&outer, OM_DER_SEQUENCE);
	tbs = om_der_element(&d, OM_DER_SEQUENCE);
	assert_int_equal(d.error, 0);
	om_sha384(tbs.data, tbs.size, hash);
	assert_int_equal(om_rsa_pss_sign(&om_snp_demo_keys[OM_SNP_DEMO_CA].private, hash, salt, f->chain + f->leaf_size - OM_RSA_SIZE), 0);
}

static bool within(struct om_view v, const uint8_t *p) { return p >= v.data && p < v.data + v.size; }

/* Bytes of a leaf altered by the one who may sign it. What has no meaning is free; nothing else is. */
static void test_forged_leaf_bytes(void **state)
{
	struct forged *f = forge(OM_SNP_TURIN, OM_SNP_VCEK, 5);
	struct om_x509 c;

	(void)state;
	assert_int_equal(om_x509_parse_amd((struct om_view) { f->chain, f->leaf_size }, &c), 0);
	/* its length, too, is 4 bytes before the content */
	for (const uint8_t *p = c.tbs.data + 4; p < c.tbs.data + c.tbs.size; p += 5 * STRIDE) {
		const size_t at = (size_t)(p - f->chain);
		const uint8_t was = *p;
		enum om_attest_reason why;

		f->chain[at] ^= 0x02;
		sign_leaf(f);
		why = judge(f);
		if (within(c.issuer, p))
			assert_int_equal(why, OM_WHY_SNP_CHAIN);
		else if (within(c.spki, p))
			assert_true(why == OM_WHY_SNP_CHAIN || why == OM_WHY_SNP_SIGNATURE);
		else if (within(c.extensions, p))
			assert_true(why == OM_WHY_SNP_CHAIN || why == OM_WHY_SNP_CERTIFICATE || why == OM_WHY_SNP_TCB || why == OM_WHY_SNP_CHIP ||
				why == OM_WHY_NONE /* a letter of the product's name */);
		else if (within(c.subject, p) || within(c.serial, p))
			assert_true(why == OM_WHY_SNP_CHAIN || why == OM_WHY_NONE);
		else
			assert_true(why != OM_WHY_NONE || p < c.subject.data); /* a digit of a date may be another */
		f->chain[at] = was;
	}
	sign_leaf(f);
	expect(f, OM_WHY_NONE);
	free(f);
}

/*
 * The algorithm outside of the signed part has another form than the one inside. Both forms are good where they agree, and the
 * signature holds; the leaf is rebuilt around the same signed part.
 */
static void test_forged_algorithms(void **state)
{
	struct forged *f[2] = { forge(OM_SNP_MILAN, OM_SNP_VCEK, 3), forge(OM_SNP_MILAN, OM_SNP_VCEK, 3) };
	struct om_view tbs[2], id[2];
	uint8_t leaf[OM_X509_MAX];
	size_t size;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct om_der outer, d;

		f[i]->m.trailer = i;
		issue_leaf(f[i]);
		expect(f[i], OM_WHY_NONE);
		om_der_init(&outer, (struct om_view) { f[i]->chain, f[i]->leaf_size });
		d = om_der_enter(&outer, OM_DER_SEQUENCE);
		tbs[i] = om_der_element(&d, OM_DER_SEQUENCE);
		id[i] = om_der_element(&d, OM_DER_SEQUENCE);
	}
	assert_int_equal(id[0].size, 67);
	assert_int_equal(id[1].size, 72);
	size = tbs[0].size + id[1].size + 5 + OM_RSA_SIZE; /* 03 82 02 01 00 before the signature */
	memcpy(leaf, f[0]->chain, 4);
	leaf[2] = (uint8_t)(size >> 8);
	leaf[3] = (uint8_t)size;
	memcpy(leaf + 4, tbs[0].data, tbs[0].size);
	memcpy(leaf + 4 + tbs[0].size, id[1].data, id[1].size);
	memcpy(leaf + 4 + tbs[0].size + id[1].size, f[0]->chain + f[0]->leaf_size - OM_RSA_SIZE - 5, 5 + OM_RSA_SIZE);
	size += 4;
	memmove(f[0]->chain + size, f[0]->chain + f[0]->leaf_size, f[0]->chain_size - f[0]->leaf_size);
	memcpy(f[0]->chain, leaf, size);
	f[0]->chain_size += size - f[0]->leaf_size;
	f[0]->leaf_size = size;
	expect(f[0], OM_WHY_SNP_CHAIN);
	free(f[0]);
	free(f[1]);
}

/* Each profile refuses the other's certificates and lists. */
static void test_profiles(void **state)
{
	struct forged *f = forge(OM_SNP_GENOA, OM_SNP_VCEK, 3);
	const struct om_view leaf = { f->chain, f->leaf_size }, list = { f->crl, f->crl_size };
	uint8_t quote[OM_QUOTE_MAX], collateral[OM_COLLATERAL_MAX], buffer[OM_X509_MAX];
	const struct sgx_report_body body = { .isvsvn = 1 };
	const uint8_t seed[32] = { 3 };
	struct om_platform platform;
	struct om_quote q;
	struct om_collateral l;
	struct om_view der;
	struct om_x509 c;
	struct om_crl crl;
	size_t size;

	(void)state;
	assert_int_equal(om_x509_parse_amd(leaf, &c), 0);
	assert_int_equal(om_x509_parse(leaf, &c), OM_EUNSUPPORTED);
	assert_int_equal(om_crl_parse_amd(list, &crl), 0);
	assert_int_equal(om_crl_parse(list, &crl), OM_EUNSUPPORTED);
	om_platform_init(&platform, seed, NULL);
	assert_int_equal(om_platform_quote(&platform, &body, quote, sizeof quote, &size), 0);
	assert_int_equal(om_quote_parse(quote, size, &q), 0);
	assert_int_equal(om_pem_next(&q.chain, buffer, sizeof buffer, &der), 0);
	assert_int_equal(om_x509_parse(der, &c), 0);
	assert_int_equal(om_x509_parse_amd(der, &c), OM_EUNSUPPORTED);
	assert_int_equal(om_platform_collateral(&platform, NOW, collateral, sizeof collateral, &size), 0);
	assert_int_equal(om_collateral_decode(collateral, size, &l), 0);
	assert_int_equal(om_crl_parse(l.root_crl, &crl), 0);
	assert_int_equal(om_crl_parse_amd(l.root_crl, &crl), OM_EUNSUPPORTED);
	free(f);
}

/* A HWID in an OCTET STRING of its own is the same HWID; and one whose first byte looks like that is none. */
static void test_forged_hwid(void **state)
{
	struct forged *f = forge(OM_SNP_MILAN, OM_SNP_VCEK, 3);
	struct om_snp_extension *e = &f->m.extension[f->m.extension_count - 1];

	(void)state;
	assert_int_equal(e->arc[0], 4);
	memmove(e->value + 2, e->value, 64);
	e->value[0] = 4;
	e->value[1] = 64;
	e->size = 66;
	issue(f);
	expect(f, OM_WHY_NONE);
	f->m.chip[0] = 4;
	f->m.chip[1] = 62;
	om_snp_machine_certify(&f->m);
	om_snp_machine_fields(&f->m, 3, &f->fields);
	issue(f);
	expect(f, OM_WHY_NONE);
	free(f);
}

/* A certificate of one layout for a report of the other. */
static void test_forged_layouts(void **state)
{
	struct forged *f = forge(OM_SNP_TURIN, OM_SNP_VCEK, 5), *old = forge(OM_SNP_GENOA, OM_SNP_VCEK, 5);

	(void)state;
	f->fields = old->fields;
	issue_report(f);
	expect(f, OM_WHY_SNP_CERTIFICATE);
	free(f);
	free(old);
}

static void test_forged_chip(void **state)
{
	struct forged *f = forge(OM_SNP_GENOA, OM_SNP_VCEK, 5);

	(void)state;
	memset(f->fields.chip_id, 0, sizeof f->fields.chip_id);
	issue_report(f);
	expect(f, OM_WHY_NONE);
	assert_true(f->result.chip_masked);
	assert_memory_equal(f->result.chip, f->m.chip, sizeof f->m.chip);
	f->rules.chip_known = true;
	expect(f, OM_WHY_SNP_MASKED);
	f->fields.chip_id[63] = 1;
	issue_report(f);
	expect(f, OM_WHY_SNP_CHIP);
	free(f);
}

/* Milan, version 5: not seen yet. What the firmware runs may be newer than what it reports; what it reports must suffice. */
static void test_forged_tcb(void **state)
{
	struct forged *f = forge(OM_SNP_MILAN, OM_SNP_VCEK, 5);
	struct om_snp_tcb *min = &f->rules.min_tcb[OM_SNP_MILAN];
	uint8_t *const wanted[] = { &min->boot_loader, &min->tee, &min->snp, &min->microcode };
	const uint8_t have[] = { 4, 0, 24, 219 };

	(void)state;
	memset(f->fields.current_tcb, 0, 8);
	f->fields.current_tcb[7] = 0xff;
	f->fields.launch_mitigations = f->fields.current_mitigations = 3;
	issue_report(f);
	expect(f, OM_WHY_NONE);
	assert_int_equal(f->result.current.microcode, 0xff);
	assert_int_equal(f->result.report.launch_mitigations, 3);
	for (unsigned i = 0; i < 4; i++) {
		*wanted[i] = have[i];
		expect(f, OM_WHY_NONE);
		*wanted[i] = (uint8_t)(have[i] + 1);
		expect(f, OM_WHY_SNP_OLD_TCB);
		*wanted[i] = have[i];
	}
	f->rules.min_tcb[OM_SNP_GENOA].microcode = 255; /* not this one's business */
	expect(f, OM_WHY_NONE);
	f->fields.reported_tcb[6]--;
	issue_report(f);
	expect(f, OM_WHY_SNP_TCB);
	free(f);
	f = forge(OM_SNP_TURIN, OM_SNP_VCEK, 5);
	f->rules.min_tcb[OM_SNP_TURIN].fmc = 2;
	expect(f, OM_WHY_SNP_OLD_TCB);
	free(f);
}

/* What the policy says of the guest. */
static void test_forged_rules(void **state)
{
	static const uint8_t digests[2][48] = { { 1 }, { 2 } };
	struct forged *f = forge(OM_SNP_TURIN, OM_SNP_VCEK, 5);
	uint8_t data[64] = { 5 };

	(void)state;
	f->fields.policy |= OM_SNP_POLICY_DEBUG;
	issue_report(f);
	expect(f, OM_WHY_SNP_DEBUG);
	f->rules.policy_clear &= ~OM_SNP_POLICY_DEBUG;
	expect(f, OM_WHY_NONE);
	f->fields.policy |= OM_SNP_POLICY_MIGRATE_MA;
	issue_report(f);
	expect(f, OM_WHY_SNP_AGENT);
	om_snp_rules_default(&f->rules);
	f->fields.policy = OM_SNP_POLICY_ONE | 0x11f;
	issue_report(f);
	expect(f, OM_WHY_NONE);
	f->rules.policy_set = OM_SNP_POLICY_HIDING;
	expect(f, OM_WHY_SNP_POLICY);
	f->rules.policy_set = 0;
	f->rules.policy_clear |= OM_SNP_POLICY_CXL;
	expect(f, OM_WHY_NONE);
	f->fields.policy |= OM_SNP_POLICY_CXL;
	issue_report(f);
	expect(f, OM_WHY_SNP_POLICY);
	f->fields.policy &= ~OM_SNP_POLICY_CXL;
	issue_report(f);
	f->rules.abi_major = 1;
	f->rules.abi_minor = 0x1f;
	expect(f, OM_WHY_NONE);
	f->rules.abi_minor = 0x20;
	expect(f, OM_WHY_SNP_POLICY);
	om_snp_rules_default(&f->rules);
	f->rules.platform_set = OM_SNP_PLATFORM_ECC;
	expect(f, OM_WHY_NONE);
	f->rules.platform_set |= OM_SNP_PLATFORM_TSME;
	expect(f, OM_WHY_SNP_PLATFORM);
	f->rules.platform_set = 0;
	f->rules.platform_clear = OM_SNP_PLATFORM_SMT;
	expect(f, OM_WHY_SNP_PLATFORM);
	f->rules.platform_clear = 0;
	f->fields.platform_info |= UINT64_C(1) << 40; /* not published: no reason to refuse */
	issue_report(f);
	expect(f, OM_WHY_NONE);
	f->fields.vmpl = 2;
	issue_report(f);
	expect(f, OM_WHY_SNP_VMPL);
	f->rules.vmpl_max = 2;
	expect(f, OM_WHY_NONE);
	f->rules.measurements = digests;
	f->rules.measurement_count = 2;
	expect(f, OM_WHY_SNP_MEASUREMENT);
	f->fields.measurement[0] = 2;
	f->fields.guest_svn = 4;
	issue_report(f);
	expect(f, OM_WHY_NONE);
	f->rules.guest_svn_min = 5;
	expect(f, OM_WHY_SNP_GUEST_SVN);
	f->rules.guest_svn_min = 4;
	f->rules.id_key = digests[0];
	expect(f, OM_WHY_SNP_IDENTITY);
	f->fields.id_key_digest[0] = 1;
	issue_report(f);
	expect(f, OM_WHY_NONE);
	f->rules.author_key = digests[1];
	f->fields.author_key_digest[0] = 2; /* but the report does not say that there is an author */
	issue_report(f);
	expect(f, OM_WHY_SNP_IDENTITY);
	f->fields.author_key_enabled = true;
	issue_report(f);
	expect(f, OM_WHY_NONE);
	f->rules.report_data = data;
	expect(f, OM_WHY_REPORT_DATA);
	memcpy(f->fields.report_data, data, 64);
	issue_report(f);
	expect(f, OM_WHY_NONE);
	free(f);
	f = forge(OM_SNP_TURIN, OM_SNP_VLEK, 5);
	expect(f, OM_WHY_SNP_VLEK);
	f->fields.chip_key_masked = true;
	f->rules.vlek = true;
	issue_report(f);
	expect(f, OM_WHY_NONE);
	free(f);
}

/* A verifier that fails says so and writes nothing. */
static void test_untouched(void **state)
{
	struct forged *f = forge(OM_SNP_MILAN, OM_SNP_VCEK, 3);
	struct om_snp_result before;

	(void)state;
	memset(&f->result, 0x77, sizeof f->result);
	before = f->result;
	for (unsigned at = 0; at < OM_SNP_REPORT_SIZE; at += 111) {
		f->report[at] ^= 0x80;
		assert_int_not_equal(judge(f), OM_WHY_NONE);
		assert_memory_equal(&f->result, &before, sizeof before);
		f->report[at] ^= 0x80;
	}
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_milan_report),
		cmocka_unit_test(test_turin_report),
		cmocka_unit_test(test_report_values),
		cmocka_unit_test(test_certificate_bytes),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_real_crl),
		cmocka_unit_test(test_hwid_forms),
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_forged_good),
		cmocka_unit_test(test_forged_roots),
		cmocka_unit_test(test_forged_chain),
		cmocka_unit_test(test_forged_crl),
		cmocka_unit_test(test_forged_extensions),
		cmocka_unit_test(test_forged_leaf_bytes),
		cmocka_unit_test(test_forged_algorithms),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_forged_hwid),
		cmocka_unit_test(test_forged_layouts),
		cmocka_unit_test(test_forged_chip),
		cmocka_unit_test(test_forged_tcb),
		cmocka_unit_test(test_forged_rules),
		cmocka_unit_test(test_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
