/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEV-SNP: reports, AMD's certificates and lists, their extensions, and a report with a chain behind it. Properties: a report
 * that parses writes to the same bytes; views lie inside the input; keys and signatures have their sizes; a failed verification
 * touches nothing, a good one is of this very report.
 */
#include "fuzz.h"
#include "evidence/demo/snp_build.h"

static void report(const uint8_t *data, size_t size)
{
	uint8_t again[OM_SNP_REPORT_SIZE];
	struct om_snp_report r;

	if (om_snp_report_parse((struct om_view) { data, size }, &r))
		return;
	PROPERTY(size == OM_SNP_REPORT_SIZE && r.version >= 2 && r.version <= 5 && r.vmpl <= 3);
	PROPERTY(r.policy & OM_SNP_POLICY_ONE && !(r.policy & ~OM_SNP_POLICY_KNOWN));
	PROPERTY(r.version > 2 || (!r.family && !r.model && !r.stepping));
	om_snp_report_write(&r, again);
	PROPERTY(!memcmp(again, data, size));
}

static void extensions(const uint8_t *data, size_t size)
{
	struct om_snp_certificate c;
	struct om_snp_tcb tcb;

	if (om_snp_certificate_parse((struct om_view) { data, size }, &c))
		return;
	INSIDE(c.csp);
	PROPERTY((c.key == OM_SNP_VLEK) == (c.csp.size > 0) && c.csp.size <= OM_SNP_CSP_MAX);
	(void)!om_snp_tcb_decode(c.tcb, c.turin ? OM_SNP_TURIN : OM_SNP_MILAN, &tcb); /* any answer will do */
}

static void certificate(const uint8_t *data, size_t size)
{
	struct om_x509 c;

	if (om_x509_parse_amd((struct om_view) { data, size }, &c))
		return;
	INSIDE(c.tbs);
	INSIDE(c.issuer);
	INSIDE(c.subject);
	INSIDE(c.serial);
	INSIDE(c.spki);
	INSIDE(c.extensions);
	INSIDE(c.amd_key);
	INSIDE(c.amd_signature);
	PROPERTY(c.key == OM_X509_RSA ? c.amd_key.size == OM_RSA_SIZE && c.amd_key.data[0] >= 0x80 :
		c.key == OM_X509_P384 && c.amd_key.size == OM_P384_PUBLIC);
	PROPERTY(c.amd_signature.size == OM_RSA_SIZE);
	extensions(c.extensions.data, c.extensions.size);
}

static void crl(const uint8_t *data, size_t size)
{
	static const uint8_t longer_than_any[64] = { 1 };
	struct om_crl c;

	if (om_crl_parse_amd((struct om_view) { data, size }, &c))
		return;
	INSIDE(c.tbs);
	INSIDE(c.issuer);
	INSIDE(c.revoked);
	INSIDE(c.amd_signature);
	PROPERTY(c.amd_signature.size == OM_RSA_SIZE);
	if (c.revoked.size < sizeof longer_than_any)
		PROPERTY(!om_crl_revokes(&c, (struct om_view) { longer_than_any, sizeof longer_than_any }));
}

static void evidence(const uint8_t *data, size_t size)
{
	const struct om_snp_input in = {
		.report = { data, OM_SNP_REPORT_SIZE }, .chain = { data + OM_SNP_REPORT_SIZE, size - OM_SNP_REPORT_SIZE },
		.crl_optional = true, .now = 1767225600, .roots = om_snp_demo_roots, .root_count = OM_AMD_ROOTS,
	};
	static struct om_snp_result result, zero;
	uint8_t again[OM_SNP_REPORT_SIZE];
	enum om_attest_reason why;

	memset(&result, 0, sizeof result);
	if (om_snp_verify(&in, &result, &why)) {
		PROPERTY(why != OM_WHY_NONE && !memcmp(&result, &zero, sizeof zero));
		return;
	}
	PROPERTY(why == OM_WHY_NONE && result.product != OM_SNP_UNKNOWN);
	om_snp_report_write(&result.report, again);
	PROPERTY(!memcmp(again, data, sizeof again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	report(data, size);
	certificate(data, size);
	extensions(data, size);
	crl(data, size);
	if (size > OM_SNP_REPORT_SIZE)
		evidence(data, size);
	return 0;
}
