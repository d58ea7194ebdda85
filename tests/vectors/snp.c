/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEV-SNP reports of every generation. A row's files are the report, then certificates in the order of the chain: VCEK or VLEK,
 * ASK or ASVK, ARK.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence/accept/policy_text.h"
#include "evidence/accept/snp.h"
#include "vectors/tee_vectors.h"

#define NOW   INT64_C(1772323200)   /* 2026-03-01 */
#define VLEK  INT64_C(1748736000)   /* 2025-06-01: the VLEK is valid for one year */

enum {
	TAKE_VLEK = 1, TAKE_VMPL_1 = 2, TAKE_DEBUG = 4, WANT_CRL = 8, GENOA_ROOT = 16, WANT_UCODE_CE = 32, WANT_CHIP = 64, WANT_ALIAS = 128,
	OWNED = 256, OWNED_SVN_3 = 512, OWNED_AUTHOR = 1024,   /* by a policy that names the key of a real ID block */
};

/* ID_KEY_DIGEST of two of the reports, FAMILY_ID and IMAGE_ID with it. */
#define ID_KEY "0ad79ceb0b648b0e6a90d8aa9f6ea24c33a968b6632085353145e8b19a4741a2dab9ba342e13be4fc0d225e889cc1a58"
#define OWNER  "platform = snp\n" "min-tcb = snp:milan bootloader=0 tee=0 snp=0 microcode=0\nguest = snp:id-key=" ID_KEY \
	",family=01000000000000000000000000000000,image=02000000000000000000000000000000,kernel"

#define MILAN  "snp/milan_vcek_cert_chain.pem"
#define GENOA  "snp/genoa_vcek_cert_chain.pem"
#define TURIN  "snp/turin_vcek_cert_chain.pem"
#define MILAN_VLEK "snp/milan_vlek_report.bin", "snp/milan_vlek.der"

static const struct tee_vector vectors[] = {
	{ { "snp/milan_v2_report.bin", "snp/milan_v2_vcek.der", MILAN }, NOW, 0, OM_WHY_NONE, "Milan VCEK 0.3.0.8.115", NULL },
	{ { "snp/milan_v2_rollback_report.bin", "snp/milan_v2_rollback_vcek.der", MILAN }, NOW, 0, OM_WHY_NONE,
		"Milan VCEK 0.3.0.8.115", NULL },
	{ { "snp/milan_v2_rollback_report.bin", "snp/milan_v2_rollback_vcek.der", MILAN }, NOW, WANT_UCODE_CE, OM_WHY_SNP_OLD_TCB, NULL,
		"microcode ce demanded; current is, reported is not" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, 0, OM_WHY_NONE, "Milan VCEK 0.4.0.24.219", NULL },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek_reissued.pem", MILAN }, NOW, 0, OM_WHY_NONE, "Milan VCEK 0.4.0.24.219", NULL },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", "snp/milan_ask.der", "snp/milan_ark.der" }, NOW, WANT_UCODE_CE | WANT_CHIP | WANT_ALIAS,
		OM_WHY_NONE, "Milan VCEK 0.4.0.24.219", NULL },
	{ { "snp/genoa_v3_report.bin", "snp/genoa_v3_vcek.pem", GENOA }, NOW, 0, OM_WHY_NONE, "Genoa VCEK 0.10.0.23.84", NULL },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, OWNED, OM_WHY_NONE, "Milan VCEK 0.4.0.24.219", "by its owner's key" },
	{ { "snp/genoa_v3_report.bin", "snp/genoa_v3_vcek.pem", GENOA }, NOW, OWNED, OM_WHY_NONE, "Genoa VCEK 0.10.0.23.84", "by its owner's key" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, OWNED_SVN_3, OM_WHY_SNP_GUEST_SVN, NULL, "its SVN is 2" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, OWNED_AUTHOR, OM_WHY_GUEST, NULL, "it has no author" },
	{ { "snp/milan_v2_rollback_report.bin", "snp/milan_v2_rollback_vcek.der", MILAN }, NOW, OWNED, OM_WHY_GUEST, NULL, "another owner's key, the same ids" },
	{ { "snp/turin_v5_report.bin", "snp/turin_v5_vcek.pem", TURIN }, NOW, OWNED, OM_WHY_GUEST, NULL, "another owner's key, the same ids" },
	{ { "snp/genoa_v5_report.bin", "snp/genoa_v5_vcek.der", GENOA }, NOW, OWNED, OM_WHY_GUEST, NULL, "without an ID block" },
	{ { "snp/genoa_v5_report.bin", "snp/genoa_v5_vcek.der", GENOA }, NOW, 0, OM_WHY_NONE, "Genoa VCEK 0.10.0.27.27", NULL },
	{ { "snp/turin_v5_report.bin", "snp/turin_v5_vcek.pem", TURIN }, NOW, 0, OM_WHY_NONE, "Turin VCEK 1.1.1.4.81", NULL },
	{ { "snp/turin_v5_report.bin", "snp/turin_v5_vcek.pem", "snp/turin_ask.der", "snp/turin_ark.der" }, NOW, WANT_CHIP | WANT_ALIAS,
		OM_WHY_NONE, "Turin VCEK 1.1.1.4.81", NULL },
	{ { "snp/turin_v5_report.bin", "snp/turin_vcek_2024.der", TURIN }, NOW, 0, OM_WHY_SNP_TCB, NULL, "of another machine" },
	{ { MILAN_VLEK, "snp/milan_vlek_cert_chain.pem" }, VLEK, TAKE_VLEK | TAKE_VMPL_1, OM_WHY_NONE,
		"Milan VLEK 0.4.0.24.217 CN=cc-us-east-2.amazonaws.com", NULL },
	{ { MILAN_VLEK, "snp/milan_asvk.der", "snp/milan_ark.der" }, VLEK, TAKE_VLEK | TAKE_VMPL_1, OM_WHY_NONE,
		"Milan VLEK 0.4.0.24.217 CN=cc-us-east-2.amazonaws.com", NULL },
	{ { MILAN_VLEK, "snp/milan_vlek_cert_chain.pem" }, VLEK, 0, OM_WHY_SNP_VLEK, NULL, NULL },
	{ { MILAN_VLEK, "snp/milan_vlek_cert_chain.pem" }, VLEK, TAKE_VLEK, OM_WHY_SNP_VMPL, NULL, "VMPL 1" },
	{ { MILAN_VLEK, "snp/milan_vlek_cert_chain.pem" }, VLEK, TAKE_VLEK | TAKE_VMPL_1 | WANT_CHIP, OM_WHY_SNP_MASKED, NULL, NULL },
	{ { MILAN_VLEK, MILAN }, VLEK, TAKE_VLEK | TAKE_VMPL_1, OM_WHY_SNP_CHAIN, NULL, "under the ASK" },
	{ { MILAN_VLEK, "snp/milan_vlek_cert_chain.pem" }, NOW, TAKE_VLEK | TAKE_VMPL_1, OM_WHY_CERT_TIME, NULL, "expired" },
	{ { "snp/milan_v3_report.bin", "snp/milan_vlek.der", "snp/milan_vlek_cert_chain.pem" }, VLEK, TAKE_VLEK, OM_WHY_SNP_KEY, NULL, NULL },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", "snp/milan_vlek_cert_chain.pem" }, NOW, 0, OM_WHY_SNP_CHAIN, NULL, "under the ASVK" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", GENOA }, NOW, 0, OM_WHY_SNP_CHAIN, NULL, NULL },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, GENOA_ROOT, OM_WHY_ROOT, NULL, "Genoa's root alone trusted" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, WANT_CRL, OM_WHY_SNP_NO_CRL, NULL, "revocation list demanded" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, VLEK, 0, OM_WHY_CERT_TIME, NULL, "not valid yet" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", "snp/milan_ask.der" }, NOW, 0, OM_WHY_SNP_CHAIN, NULL, "no root" },
	{ { "snp/milan_v3_report.bin", "snp/milan_v2_vcek.der", MILAN }, NOW, 0, OM_WHY_SNP_TCB, NULL, "of another machine" },
	{ { "snp/milan_v2_report.bin", "snp/milan_v2_rollback_vcek.der", MILAN }, NOW, 0, OM_WHY_SNP_CHIP, NULL, "of another machine, same TCB" },
	{ { "snp/genoa_v3_report.bin", "snp/milan_v3_vcek.pem", MILAN }, NOW, 0, OM_WHY_SNP_PRODUCT, NULL, NULL },
	{ { "snp/turin_v5_report.bin", "snp/genoa_v5_vcek.der", GENOA }, NOW, 0, OM_WHY_SNP_PRODUCT, NULL, NULL },
	{ { "snp/milan_v2_report.bin", "snp/turin_v5_vcek.pem", TURIN }, NOW, 0, OM_WHY_SNP_VERSION, NULL, "version 2 on Turin" },
	{ { "snp/milan_v3_report.bin", "snp/bad_vcek_legacy.der", MILAN }, NOW, 0, OM_WHY_SNP_CHAIN, NULL, "forged" },
	{ { "snp/milan_v3_report.bin", "snp/bad_vcek_new.der", MILAN }, NOW, 0, OM_WHY_SNP_CHAIN, NULL, "forged" },
	{ { "snp_report.bin", "snp_vcek.der", "snp_milan_chain.pem" }, NOW, 0, OM_WHY_SNP_DEBUG, NULL, NULL },
	{ { "snp_report.bin", "snp_vcek.der", "snp_milan_chain.pem" }, NOW, TAKE_DEBUG, OM_WHY_NONE, "Milan VCEK 0.2.0.5.68", "debug allowed" },
	{ { "snp/milan_v3_vcek.pem", "snp/milan_v3_vcek.pem", MILAN }, NOW, 0, OM_WHY_SNP_VERSION, NULL, "no report at all" },
};

static void rules_of(unsigned flags, struct om_snp_rules *r)
{
	om_snp_rules_default(r);
	r->vlek = flags & TAKE_VLEK;
	r->vmpl_max = flags & TAKE_VMPL_1 ? 1 : 0;
	r->chip_known = flags & WANT_CHIP;
	if (flags & TAKE_DEBUG)
		r->policy_clear &= ~OM_SNP_POLICY_DEBUG;
	if (flags & WANT_UCODE_CE)
		r->min_tcb[OM_SNP_MILAN].microcode = 0xce;
	if (flags & WANT_ALIAS)
		r->platform_set = OM_SNP_PLATFORM_ALIAS;
}

/* All certificates, one behind the other. The caller frees. */
static struct om_view join(const struct om_view *files, size_t count)
{
	size_t size = 0;
	uint8_t *all;

	for (size_t i = 0; i < count; i++)
		size += files[i].size;
	all = malloc(size);
	if (!all)
		abort();
	size = 0;
	for (size_t i = 0; i < count && files[i].size; i++) {
		memcpy(all + size, files[i].data, files[i].size);
		size += files[i].size;
	}
	return (struct om_view) { all, size };
}

static int by_owner(const struct om_snp_result *r, unsigned flags, enum om_attest_reason *ret_why)
{
	const char *const text = flags & OWNED_SVN_3 ? OWNER ",svn=3" : flags & OWNED_AUTHOR ? OWNER ",author-key=" ID_KEY : OWNER ",svn=2";
	struct om_platform_facts facts;
	struct om_policy_error error;
	struct om_policy p;

	if (om_policy_from_text((struct om_view) { (const uint8_t *)text, strlen(text) }, 0, &p, &error))
		abort();
	om_facts_of_snp(r, &facts);
	return om_guests_check(&p.guests, &facts, false, ret_why);
}

static void judge(const struct tee_vector *v, const struct om_view files[TEE_FILES_MAX], struct tee_verdict *ret)
{
	const struct om_view chain = join(files + 1, TEE_FILES_MAX - 1);
	const struct om_snp_input in = {
		.report = files[0], .chain = chain, .crl_optional = !(v->flags & WANT_CRL), .now = v->now,
		.roots = om_amd_roots + (v->flags & GENOA_ROOT ? 1 : 0), .root_count = v->flags & GENOA_ROOT ? 1 : OM_AMD_ROOTS,
	};
	struct om_snp_rules rules;
	struct om_snp_result r;
	int error;

	rules_of(v->flags, &rules);
	error = om_snp_verify(&in, &r, &ret->why);
	if (!error)
		error = om_snp_accept(&r, &rules, &ret->why);
	if (!error && v->flags & (OWNED | OWNED_SVN_3 | OWNED_AUTHOR))
		error = by_owner(&r, v->flags, &ret->why);
	if (!error)
		snprintf(ret->detail, sizeof ret->detail, "%s %s %u.%u.%u.%u.%u%s%s", om_snp_product_words(r.product),
			r.report.key == OM_SNP_VLEK ? "VLEK" : "VCEK", r.reported.fmc, r.reported.boot_loader, r.reported.tee, r.reported.snp,
			r.reported.microcode, *r.csp ? " " : "", r.csp);
	free((void *)(uintptr_t)chain.data);
}

const struct tee_group tee_group_snp = { "SEV-SNP", vectors, sizeof vectors / sizeof *vectors, judge };
