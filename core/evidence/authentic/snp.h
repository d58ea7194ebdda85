/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of an SEV-SNP attestation report against pinned roots, inside the enclave or outside.
 *
 *   ARK (pinned, one per product) ─┬─ ASK  ── VCEK ── report      VCEK: key of one chip at one TCB
 *                                  ├─ ASVK ── VLEK ── report      VLEK: key of one cloud provider at one TCB
 *                                  └─ CRL of ASKs and ASVKs
 *
 * A verified report says which guest runs on what; whether that is acceptable, om_snp_accept() (evidence/accept/snp.h) decides.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_SNP_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_SNP_H

#include "evidence/authentic/verify.h"
#include "evidence/parse/snp.h"

/* A root is an ARK: the hash of its SubjectPublicKeyInfo, and the one product that it vouches for. */
struct om_snp_root { enum om_snp_product product; uint8_t hash[OM_ROOT_HASH_SIZE]; };
#define OM_AMD_ROOTS 3
extern const struct om_snp_root om_amd_roots[OM_AMD_ROOTS];
/* The pretended machine's (tee/evidence/demo/snp_build.h), one key for all products. It is public knowledge: it vouches for nothing. */
extern const struct om_snp_root om_snp_demo_roots[OM_AMD_ROOTS];

struct om_snp_input {
	struct om_view report;
	/*
	 * VCEK or VLEK, then ASK or ASVK, then ARK, each in DER or PEM, one behind the other: a certificate as the machine's table
	 * or AMD's service gives it, followed by that service's cert_chain as it is.
	 */
	struct om_view chain;
	struct om_view crl;            /* the ARK's, DER; empty: none */
	bool crl_optional;             /* none is no failure. One that is there must hold in any case */
	int64_t now;                   /* seconds since 1970 */
	const struct om_snp_root *roots;
	size_t root_count;
};

/* All of the report, and what verification added; nothing points into the input. */
struct om_snp_result {
	struct om_snp_report report;   /* policy, VMPL, measurement, report data, ids, key digests, guest SVN, versions, ... */
	enum om_snp_product product;
	struct om_snp_tcb reported, current, committed, launch;   /* the key stands for the reported one */
	uint8_t root[OM_ROOT_HASH_SIZE];
	/* A VCEK's chip, also where the report masks it. A VLEK's certificate names none: then the report's, which may be zero. */
	uint8_t chip[OM_SNP_HWID_MAX];
	bool chip_masked;              /* the report's CHIP_ID is zero */
	char csp[OM_SNP_CSP_MAX + 1];  /* a VLEK's cloud provider */
	bool crl_checked;
	int64_t valid_until;           /* first end of validity among all that was used */
};

/*
 * Return: 0, and *ret_reason = OM_WHY_NONE. Otherwise the reason and OM_EQUOTE (invalid), OM_EEXPIRED, OM_EREVOKED or
 * OM_EPOLICY (the root); *ret_result is untouched.
 * Context: needs about 16 KiB of stack. Trust: report, chain and CRL are hostile, but must not change meanwhile: copy them out of
 * memory that others can write. The clock may be hostile, too: a wrong one can
 * make an old certificate or CRL look fresh, never a forged one good.
 */
__attribute__((warn_unused_result))
int om_snp_verify(const struct om_snp_input *in, struct om_snp_result *ret_result, enum om_attest_reason *ret_reason);

#endif
