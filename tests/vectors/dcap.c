/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes of Intel's enclaves and trust domains. A row's files are the quote, then the collateral (dcap_files.h). Its clock lies in the
 * days in which that collateral was in force, unless the row says otherwise.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "evidence/accept/policy.h"
#include "evidence/accept/td.h"
#include "vectors/dcap_files.h"
#include "vectors/tee_vectors.h"

#define AT_2023_05_15 INT64_C(1684165303)
#define AT_2023_06_21 INT64_C(1687346037)
#define AT_2023_07_01 INT64_C(1688169600)
#define AT_2024_12_10 INT64_C(1733788800)
#define AT_2025_06_10 INT64_C(1749513600)
#define AT_2025_06_21 INT64_C(1750500000)
#define AT_2025_07_01 INT64_C(1751328000)
#define AT_2025_09_15 INT64_C(1757894400)
#define AT_2025_11_20 INT64_C(1763596800)
#define AT_2025_12_01 INT64_C(1764547200)
#define AT_2026_03_01 INT64_C(1772323200)
#define AT_2026_03_20 INT64_C(1773964800)

#define D "dcap/"
#define TDX_2023_06_OF(tcb) D "tdx_2023-06/" tcb, D "tdx_2023-06/tcb_info_issuer_chain.hdr", D "tdx_2023-06/td_qe_identity.json", \
	D "tdx_2023-06/tcb_info_issuer_chain.hdr", D "tdx_2023-06/pck_crl_platform.der", D "tdx_2023-06/root_ca_crl.der"
#define TDX_2023_06 TDX_2023_06_OF("tcb_info_50806f000000.json")
#define SET(folder, crl) D folder "/tcb_info.json", D folder "/tcb_info_issuer_chain.pem", D folder "/qe_identity.json", \
	D folder "/qe_identity_issuer_chain.pem", D folder "/pck_crl." crl, D folder "/root_ca_crl." crl
#define TDX_2024_12 SET("tdx_2024-12", "der")
#define SIGNERS_2025 D "tdx_2025-05/tcb_signing_chain.pem"
#define TDX_2025_05 D "tdx_2025-05/tcb_info_00806f050000.json", SIGNERS_2025, D "tdx_2025-05/td_qe_identity.json", SIGNERS_2025, \
	D "tdx_2025-05/pck_crl_platform.pem", TDX_2025_06
#define TDX_2025_06 D "tdx_2025-06_collateral.json"
#define TDX_2025_09 D "tdx_2025-09_collateral.json"
#define TDX_2025_10 D "tdx_2025-10/tcb_info_00a06d080000.json", SIGNERS_2025, D "tdx_2025-10/td_qe_identity.json", SIGNERS_2025, \
	TDX_2025_11, TDX_2025_11
#define TDX_2025_11 D "tdx_2025-11_collateral.json"
#define TDX_2026_02 D "tdx_2026-02_collateral.json"
#define TDX_2026_03_OF(tcb) D "tdx_2026-03/" tcb, D "tdx_2026-03/tcb_signing_chain.pem", D "tdx_2026-03/td_qe_identity.json", \
	D "tdx_2026-03/tcb_signing_chain.pem", D "tdx_2026-03/pck_crl_platform.der", D "tdx_2026-03/root_ca_crl.der"
#define TDX_2026_03 TDX_2026_03_OF("tcb_info_90c06f000000.json")
#define MIXED   D "tdx_mixed_dates_collateral.json"
#define SANDBOX D "tdx_sandbox_2026-07_collateral.json"
#define SGX_2025_06 "sgx_quote_collateral.json"

/* What accepted ones say of themselves. */
#define UP_17   "UpToDate, module UpToDate, TCB of 2024-03-13, evaluation 17"
#define UP_18   "UpToDate, module UpToDate, TCB of 2024-11-13, evaluation 18"
#define OLD_18  "OutOfDate, module OutOfDate, TCB of 2024-03-13, evaluation 18, SA 1010 1036 1076 1079 1099 1103 1111"
#define CONF_17 "v3 ConfigurationAndSWHardeningNeeded, TCB of 2024-03-13, evaluation 17, SA 289 615"
/* Where verifiers disagree: what those that compare all 16 components say. */
#define OTHERS_OLD      "outdated where all components are compared"
#define OTHERS_NO_LEVEL "no level where all components are compared"

static const struct tee_vector vectors[] = {
	{ { "tdx/v4_debug_50806f.bin", TDX_2023_06 }, AT_2023_07_01, 0, OM_WHY_TD_DEBUG, NULL, NULL },
	{ { "tdx/v4_tail39_50806f.bin", TDX_2023_06 }, AT_2023_07_01, 0, OM_WHY_TCB_LEVEL, NULL, NULL },
	{ { "tdx/v4_gce_00806f05.bin", TDX_2024_12 }, AT_2024_12_10, 0, OM_WHY_NONE, "v4 " UP_17, NULL },
	{ { "tdx/v4_gce_00806f05.bin", TDX_2025_05 }, AT_2025_06_10, 0, OM_WHY_NONE, "v4 " UP_17, NULL },
	{ { "tdx/v4_gce_00806f05.bin", TDX_2025_11 }, AT_2025_12_01, 0, OM_WHY_NONE, "v4 " OLD_18, NULL },
	{ { "tdx/v4_cos113_00806f05.bin", TDX_2024_12 }, AT_2024_12_10, 0, OM_WHY_NONE, "v4 " UP_17, OTHERS_OLD },
	{ { "tdx/v4_cos113_00806f05.bin", TDX_2025_05 }, AT_2025_06_10, 0, OM_WHY_NONE, "v4 " UP_17, OTHERS_OLD },
	{ { "tdx/v4_cos113_00806f05.bin", TDX_2025_11 }, AT_2025_12_01, 0, OM_WHY_NONE, "v4 " OLD_18, NULL },
	{ { "tdx/v4_azure_00806f05.bin", TDX_2024_12 }, AT_2024_12_10, 0, OM_WHY_NONE,
		"v4 OutOfDate, module OutOfDate, TCB of 2023-08-09, evaluation 17, SA 960 982 986", OTHERS_NO_LEVEL },
	{ { "tdx/v4_azure_90c06f.bin", TDX_2026_03 }, AT_2026_03_20, 0, OM_WHY_NONE, "v4 " UP_18, NULL },
	{ { "tdx/v4_b0c06f.bin", TDX_2025_06 }, AT_2025_07_01, 0, OM_WHY_NONE, "v4 " UP_17, NULL },
	{ { "tdx/v4_b0c06f.bin", TDX_2025_11 }, AT_2025_12_01, 0, OM_WHY_NONE, "v4 " UP_18, NULL },
	{ { "tdx/v4_20a06f.bin", TDX_2025_09 }, AT_2025_09_15, 0, OM_WHY_NONE, "v4 " UP_17, NULL },
	{ { "tdx/v4_20a06f.bin", TDX_2025_11 }, AT_2025_12_01, 0, OM_WHY_NONE, "v4 " UP_18, NULL },
	{ { "tdx/v4_module03_00a06d08.bin", TDX_2025_10 }, AT_2025_11_20, 0, OM_WHY_NONE,
		"v4 OutOfDate, module UpToDate, TCB of 2018-01-04, evaluation 17", NULL },
	{ { "tdx/v4_live_b0c06f.bin", TDX_2025_11 }, AT_2025_12_01, 0, OM_WHY_CERT_TIME, NULL, "PCK not valid yet" },
	{ { "tdx/v5_90c06f.bin", TDX_2026_03 }, AT_2026_03_20, 0, OM_WHY_NONE, "v5 " UP_18, NULL },
	{ { "tdx/v5_nolevel_90c06f.bin", TDX_2026_02 }, AT_2026_03_01, 0, OM_WHY_TCB_LEVEL, NULL, NULL },
	{ { "tdx/v5_nolevel_90c06f.bin", TDX_2026_03 }, AT_2026_03_20, 0, OM_WHY_TCB_LEVEL, NULL, NULL },
	{ { "tdx/v5_servtd_90c06f.bin", TDX_2026_03 }, AT_2026_03_20, 0, OM_WHY_TCB_LEVEL, NULL, NULL },
	/* what must not pass */
	{ { "tdx/v5_90c06f.bin", D "tdx_2026-03/tcb_info_90c06f000000.json", D "tdx_2024-12/tcb_info_issuer_chain.pem",
		D "tdx_2026-03/td_qe_identity.json", D "tdx_2026-03/tcb_signing_chain.pem", D "tdx_2026-03/pck_crl_platform.der",
		D "tdx_2026-03/root_ca_crl.der" }, AT_2026_03_20, 0, OM_WHY_CERT_TIME, NULL, "the same signer's certificate of before, expired" },
	{ { "tdx/v4_gce_00806f05.bin", TDX_2024_12 }, AT_2025_06_10, 0, OM_WHY_CRL_TIME, NULL, "expired" },
	{ { "tdx/v4_debug_50806f.bin", TDX_2026_03 }, AT_2026_03_20, 0, OM_WHY_TCB_INFO, NULL, "of another platform" },
	{ { "tdx/v4_debug_50806f.bin", MIXED }, AT_2025_12_01, 0, OM_WHY_COLLATERAL_TIME,
		NULL, "mixed dates: list of 2025-11, TCB info of 2024" },
	{ { "tdx/v4_debug_50806f.bin", MIXED }, AT_2024_12_10, 0, OM_WHY_CRL_TIME, NULL, "the same at the other time" },
	{ { "tdx/v5_90c06f.bin", D "tdx_2026-03/tcb_info_90c06f000000.json", D "tdx_2026-03/tcb_signing_chain.pem",
		D "tdx_2026-03/td_qe_identity.json", SANDBOX, D "tdx_2026-03/pck_crl_platform.der", D "tdx_2026-03/root_ca_crl.der" }, AT_2026_03_20, 0, OM_WHY_ROOT,
		NULL, "QE identity's signer is of the sandbox" },
	{ { "tdx/v5_90c06f.bin", D "tdx_2026-03/tcb_info_90c06f000000.json", D "tdx_2026-03/tcb_signing_chain.pem",
		D "tdx_2026-03/td_qe_identity.json", D "tdx_2026-03/tcb_signing_chain.pem", SANDBOX, SANDBOX }, AT_2026_03_20, 0, OM_WHY_CRL,
		NULL, "lists of the sandbox" },
	{ { "tdx/tdreport_live.bin", TDX_2025_11 }, AT_2025_12_01, 0, OM_WHY_QUOTE_UNSUPPORTED, NULL, "a report is no quote" },
	/* enclaves */
	{ { "sgx_quote_v3.bin", SGX_2025_06 }, AT_2025_06_21, 0, OM_WHY_NONE, CONF_17, NULL },
	{ { D "sgx_2023-05_icx_v3api/quote.bin", SET("sgx_2023-05_icx_v3api", "der") }, AT_2023_05_15, 0, OM_WHY_NONE,
		"v3 SWHardeningNeeded, TCB of 2023-02-15, evaluation 15", NULL },
	{ { D "sgx_2023-05_old_v3api/quote.bin", SET("sgx_2023-05_old_v3api", "der") }, AT_2023_05_15, 0, OM_WHY_NONE,
		"v3 OutOfDate, TCB of 2021-11-10, evaluation 15", NULL },
	{ { D "sgx_2023-05_icx_azure/quote.bin", SET("sgx_2023-05_icx_azure", "pem") }, AT_2023_05_15, 0, OM_WHY_NONE,
		"v3 SWHardeningNeeded, TCB of 2023-02-15, evaluation 15, SA 615", NULL },
	{ { D "sgx_2023-06_debug/quote.bin", SET("sgx_2023-06_debug", "pem") }, AT_2023_06_21, 0, OM_WHY_DEBUG, NULL, NULL },
	{ { "sgx_quote_v3.bin", SGX_2025_06, SGX_2025_06, D "sgx_2025-05/qae_identity.json", SIGNERS_2025, SGX_2025_06, SGX_2025_06 },
		AT_2025_06_21, 0, OM_WHY_QE_IDENTITY, NULL, "QAE" },
	{ { "sgx_quote_v3.bin", SGX_2025_06, SGX_2025_06, D "sgx_2025-05/qve_identity.json", SIGNERS_2025, SGX_2025_06, SGX_2025_06 },
		AT_2025_06_21, 0, OM_WHY_QE_IDENTITY, NULL, "QVE" },
	{ { "sgx_quote_v3.bin", SGX_2025_06, SGX_2025_06, D "tdx_2025-05/td_qe_identity.json", SIGNERS_2025, SGX_2025_06, SGX_2025_06 },
		AT_2025_06_21, 0, OM_WHY_QE_IDENTITY, NULL, "TD_QE" },
	{ { "sgx_quote_v3.bin", SGX_2025_06, SGX_2025_06, D "sgx_2025-05/qe_identity.json", SIGNERS_2025, SGX_2025_06, SGX_2025_06 },
		AT_2025_06_21, 0, OM_WHY_NONE, CONF_17, "QE, another edition" },
	{ { "sgx_quote_v3.bin", D "sgx_2025-05/tcb_info_v3_00906ed50000.json", SIGNERS_2025, SGX_2025_06, SGX_2025_06, SGX_2025_06, SGX_2025_06 },
		AT_2025_06_21, 0, OM_WHY_TCB_INFO, NULL, "of another platform" },
	{ { D "sgx_2023-05_old_v3api/quote.bin", D "sgx_2023-05_icx_v3api/tcb_info.json", D "sgx_2023-05_old_v3api/tcb_info_issuer_chain.pem",
		D "sgx_2023-05_old_v3api/qe_identity.json", D "sgx_2023-05_old_v3api/qe_identity_issuer_chain.pem",
		D "sgx_2023-05_icx_v3api/pck_crl.der", D "sgx_2023-05_old_v3api/root_ca_crl.der" }, AT_2023_05_15, 0, OM_WHY_CRL, NULL,
		"list of the other PCK CA" },
};

static void date(int64_t seconds, char ret[11])
{
	const time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(ret, 11, "%Y-%m-%d", &tm) != 10)
		strcpy(ret, "?");
}

static void describe(const struct om_attest_result *r, struct tee_verdict *ret)
{
	char day[11];
	int used;

	date(r->tcb_date, day);
	used = snprintf(ret->detail, sizeof ret->detail, "v%u %s%s%s, TCB of %s, evaluation %u", r->quote_version,
		om_tcb_status_words(r->status), r->tee == OM_TEE_TDX ? ", module " : "",
		r->tee == OM_TEE_TDX ? om_tcb_status_words(r->module_status) : "", day, r->tcb_evaluation);
	for (unsigned i = 0; i < r->advisories.count && used > 0 && (size_t)used < sizeof ret->detail; i++)
		used += snprintf(ret->detail + used, sizeof ret->detail - (size_t)used, "%s%u", i ? " " : ", SA ", r->advisories.number[i]);
}

/* Nothing is demanded but what no policy may leave out: an enclave in production does not accept one that is debugged. */
static int accept(const struct om_attest_result *r, enum om_attest_reason *why)
{
	struct sgx_report_body own = r->body;
	struct om_platform_facts facts;
	struct om_policy p;

	if (r->tee == OM_TEE_TDX)
		return om_td_check(r, why);
	om_policy_default(&p);
	p.statuses = 0x7e;
	own.attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	om_facts_of_sgx(OM_EVIDENCE_SGX, r, &facts);
	return om_policy_check(&p, NULL, &own, &r->body, &facts, why);
}

static void judge(const struct tee_vector *v, const struct om_view files[TEE_FILES_MAX], struct tee_verdict *ret)
{
	static uint8_t collateral[OM_COLLATERAL_MAX];
	struct om_attest_input in = { .quote = files[0], .now = v->now, .roots = &om_intel_root, .root_count = 1 };
	uint8_t fmspc[6] = { 0 };
	struct om_attest_result r;
	size_t count = 0, size = 0;

	while (count < DCAP_PARTS && files[1 + count].size)
		count++;
	if (files[0].size > 4 && files[0].data[4] == OM_TEE_TDX)
		in.tee = OM_TEE_TDX;
	(void)dcap_fmspc(files[0], fmspc); /* the verifier will say what is wrong with the quote */
	if (!dcap_collateral(files + 1, count, fmspc, collateral, &size))
		in.collateral = (struct om_view) { collateral, size };
	if (om_attest_verify(&in, &r, &ret->why) || accept(&r, &ret->why))
		return;
	describe(&r, ret);
}

const struct tee_group tee_group_dcap = { "SGX and TDX", vectors, sizeof vectors / sizeof *vectors, judge };
