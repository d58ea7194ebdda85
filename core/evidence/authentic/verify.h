/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of a DCAP quote against pinned roots, inside the enclave or outside.
 *
 *   root (pinned) ─┬─ PCK CA ── PCK ── QE report ── attestation key ── quote ── report body
 *                  │    └─ CRL of PCKs
 *                  ├─ CRL of CAs
 *                  └─ TCB signing ─┬─ TCB info      judges the PCK's security versions
 *                                  └─ QE identity   judges the QE report
 *
 * A verified quote says what ran where; whether that is acceptable, om_policy_check() (policy.h) decides.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_VERIFY_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_VERIFY_H

#include "evidence/parse/quote.h"
#include "evidence/authentic/tcb.h"

/* Why a quote or a peer was refused; for people and reports. Numbers are stable. */
#define OM_ATTEST_REASONS(X) \
	X(OM_WHY_NONE,               0, "accepted") \
	X(OM_WHY_QUOTE_FORMAT,       1, "the quote is malformed") \
	X(OM_WHY_COLLATERAL_FORMAT,  2, "the collateral is malformed") \
	X(OM_WHY_PCK_CHAIN,          3, "the platform's certificate chain is not valid") \
	X(OM_WHY_ROOT,               4, "the platform's root certificate is not one the policy trusts") \
	X(OM_WHY_CERT_TIME,          5, "a certificate is not valid at this time") \
	X(OM_WHY_CRL,                6, "a revocation list is not valid") \
	X(OM_WHY_CRL_TIME,           7, "a revocation list is out of date") \
	X(OM_WHY_REVOKED,            8, "a certificate of the platform is revoked") \
	X(OM_WHY_TCB_INFO,           9, "the TCB info is not valid for this platform") \
	X(OM_WHY_QE_IDENTITY,       10, "the quoting enclave is not the one its maker names") \
	X(OM_WHY_COLLATERAL_TIME,   11, "TCB info or QE identity is out of date") \
	X(OM_WHY_QE_REPORT,         12, "the quoting enclave's report is not signed by the platform") \
	X(OM_WHY_QE_BINDING,        13, "the attestation key is not the quoting enclave's") \
	X(OM_WHY_QUOTE_SIGNATURE,   14, "the quote's signature does not hold") \
	X(OM_WHY_TCB_STATUS,        15, "the platform's TCB status is not accepted by the policy") \
	X(OM_WHY_MRENCLAVE,         16, "the enclave is neither this program nor one the policy lists") \
	X(OM_WHY_DEBUG,             17, "one enclave is debuggable and the other is not") \
	X(OM_WHY_SVN,               18, "the enclave's security version is lower than the policy demands") \
	X(OM_WHY_NOT_INITIALIZED,   19, "the report is not of an initialised 64-bit enclave") \
	X(OM_WHY_POLICY_FORMAT,     20, "this image's own attestation policy is malformed") \
	X(OM_WHY_REPORT_DATA,       21, "the quote was made for another session") \
	/* 22 to 59 SNP, 60 to 89 TDX; from 90 on the policy's */ \
	X(OM_WHY_ATTRIBUTES,        90, "the other enclave has other attributes than this one") \
	X(OM_WHY_XFRM,              91, "the other enclave may use other vector registers than this one (XFRM differs)") \
	X(OM_WHY_MISCSELECT,        92, "the other enclave saves other state at exceptions than this one (MISCSELECT differs)") \
	X(OM_WHY_PLATFORM,          93, "the policy does not accept this kind of platform") \
	X(OM_WHY_EVIDENCE_TYPE,     94, "the evidence is of an unknown type") \
	X(OM_WHY_EVIDENCE_FORMAT,   95, "the evidence is malformed") \
	X(OM_WHY_EVIDENCE_BINDING,  96, "the guest's evidence was made for another enclave's report") \
	X(OM_WHY_NO_VERIFIER,       97, "this image cannot verify evidence of that kind of platform") \
	X(OM_WHY_SIGNER,            98, "the other enclave is not signed by a key that the policy lists (MRSIGNER)") \
	X(OM_WHY_CLOCK,             99, "this host's clock is behind the date that the policy names (not-before)") \
	X(OM_WHY_TICKET,           100, "this image has an owner: it moves with the owner's ticket only, and there is none") \
	X(OM_WHY_POLICY_VERSION,   101, "this image's attestation policy is of another version: link the image again") \
	X(OM_WHY_TCB_DATE,         102, "the platform's TCB is older than the policy demands (min-tcb)") \
	X(OM_WHY_TCB_EVALUATION,   103, "the platform was judged by older TCB information than the policy demands (min-tcb-evaluation)") \
	X(OM_WHY_SNP_TCB,          104, "the platform's firmware is older than the policy demands (min-tcb)") \
	X(OM_WHY_SNP_PRODUCT,      105, "the policy has no floor for this kind of processor (min-tcb)") \
	X(OM_WHY_SNP_KEY,          106, "the evidence is signed by a kind of key that the policy does not accept (snp-key)") \
	X(OM_WHY_GUEST,            107, "the guest is none that the policy lists") \
	X(OM_WHY_GUEST_DEBUG,      108, "the guest can be debugged by its host") \
	X(OM_WHY_GUEST_MIGRATABLE, 109, "the guest may be moved by others, and the policy does not allow that (migratable)") \
	X(OM_WHY_GUEST_VMPL,       110, "the evidence was asked for at a lower privilege level than the policy allows (vmpl)") \
	X(OM_WHY_GUEST_SEPT_VE,    111, "the guest's host may take its pages away unseen (SEPT_VE_DISABLE is not set)") \
	X(OM_WHY_GUEST_LIST_FORMAT, 112, "the signed list of guests is malformed") \
	X(OM_WHY_GUEST_LIST_SIGNATURE, 113, "the list of guests is signed by no key that the policy lists (guest-signer)") \
	X(OM_WHY_GUEST_LIST_OLD,   114, "the list of guests is older than one that this program has seen") \
	X(OM_WHY_GUEST_LIST_NONE,  115, "the policy does not list this guest, and there is no list signed by its guest-signer")
enum om_attest_reason {
#define X(name, number, words) name = (number),
	OM_ATTEST_REASONS(X)
#undef X
};
const char *om_attest_reason_words(enum om_attest_reason reason);

#define OM_ROOT_HASH_SIZE 32   /* SHA-256 of the root's SubjectPublicKeyInfo */
extern const uint8_t om_intel_root[OM_ROOT_HASH_SIZE];
/* Root of the emulated platform (quote_build.h). Its private key is public knowledge: it vouches for nothing. */
extern const uint8_t om_emulated_root[OM_ROOT_HASH_SIZE];

struct om_attest_input {
	struct om_view quote, collateral;
	int64_t now;                                  /* seconds since 1970 */
	const uint8_t (*roots)[OM_ROOT_HASH_SIZE];
	size_t root_count;
};

struct om_attest_result {
	struct sgx_report_body body;                  /* MRENCLAVE, MRSIGNER, attributes, ISV SVN, REPORTDATA */
	uint8_t  root[OM_ROOT_HASH_SIZE];
	uint8_t  fmspc[6];
	uint16_t pce_svn;
	enum om_tcb_status status;                    /* platform and QE together */
	enum om_tcb_status platform_status, qe_status;
	int64_t  tcb_date;                            /* the older one of both */
	uint32_t evaluation;                          /* tcbEvaluationDataNumber, the lower one of both */
	int64_t  valid_until;                         /* first end of validity among all that was used */
	uint32_t advisory[OM_ADVISORIES_MAX];         /* the platform's */
	unsigned advisory_count;
};

/* "SGX platform", "emulated platform". */
const char *om_attest_platform(const struct om_attest_result *result);

/*
 * Return: 0, and *ret_reason = OM_WHY_NONE. Otherwise the reason and OM_EQUOTE (invalid), OM_EEXPIRED, OM_EREVOKED or
 * OM_EPOLICY (the root); *ret_result is untouched. A low TCB status is no error here, unless it is Revoked.
 * Context: needs about 24 KiB of stack. Trust: quote and collateral are hostile, and so may be the clock: a wrong one
 * can make outdated collateral look fresh, never a forged one good.
 */
__attribute__((warn_unused_result))
int om_attest_verify(const struct om_attest_input *in, struct om_attest_result *ret_result, enum om_attest_reason *ret_reason);

#endif
