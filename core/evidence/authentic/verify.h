/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of a DCAP quote, of an SGX enclave or a TDX trust domain, against pinned roots, inside the enclave or outside.
 *
 *   root (pinned) ─┬─ PCK CA ── PCK ── QE report ── attestation key ── quote ── body of an enclave or trust domain
 *                  │    └─ CRL of PCKs
 *                  ├─ CRL of CAs
 *                  └─ TCB signing ─┬─ TCB info      judges the PCK's security versions, and the TDX module
 *                                  └─ QE identity   judges the QE report
 *
 * A verified quote says what ran where; whether that is acceptable, om_policy_check() (policy.h) decides.
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_VERIFY_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_VERIFY_H

#include "evidence/parse/quote.h"
#include "evidence/authentic/tcb.h"

/* Why a quote, a report or a peer was refused; for people and reports. Numbers are stable: 40 to 69 are of SEV-SNP. */
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
	X(OM_WHY_SNP_FORMAT,        40, "the security processor's report is malformed") \
	X(OM_WHY_SNP_VERSION,       41, "the report's version is not known for this processor, or what it reserves is in use") \
	X(OM_WHY_SNP_PRODUCT,       42, "the report is of a processor that is unknown, or that these certificates are not for") \
	X(OM_WHY_SNP_CHAIN,         43, "the security processor's certificate chain is not valid") \
	X(OM_WHY_SNP_NO_CRL,        44, "there is no revocation list, and one is demanded") \
	X(OM_WHY_SNP_CERTIFICATE,   45, "the certificate does not say which chip, provider or TCB its key is for") \
	X(OM_WHY_SNP_KEY,           46, "the report names another kind of key, VCEK or VLEK, than its certificates") \
	X(OM_WHY_SNP_TCB,           47, "the report's TCB is not the one that its certificate is for") \
	X(OM_WHY_SNP_CHIP,          48, "the report's chip is not the one that its certificate is for") \
	X(OM_WHY_SNP_SIGNATURE,     49, "the report's signature does not hold") \
	X(OM_WHY_SNP_DEBUG,         50, "the guest may be debugged by its host") \
	X(OM_WHY_SNP_AGENT,         51, "the guest may be moved by a migration agent") \
	X(OM_WHY_SNP_POLICY,        52, "the guest was launched with a policy that is not accepted") \
	X(OM_WHY_SNP_VLEK,          53, "the report is signed with a cloud provider's key (VLEK), which the policy does not accept") \
	X(OM_WHY_SNP_OLD_TCB,       54, "the processor's TCB is older than the policy demands") \
	X(OM_WHY_SNP_PLATFORM,      55, "the machine is not set up as the policy demands") \
	X(OM_WHY_SNP_MASKED,        56, "the report masks its chip, and the policy demands to know it") \
	X(OM_WHY_SNP_VMPL,          57, "the report was made at a privilege level (VMPL) that the policy does not accept") \
	X(OM_WHY_SNP_MEASUREMENT,   58, "the guest's launch digest is not one that the policy lists") \
	X(OM_WHY_SNP_IDENTITY,      59, "the guest's id key or author key is not the one that the policy demands") \
	X(OM_WHY_SNP_GUEST_SVN,     60, "the guest's security version is lower than the policy demands") \
	X(OM_WHY_TCB_LEVEL,         70, "the platform's TCB is below every level that its maker supports: update its firmware") \
	X(OM_WHY_TDX_MODULE,        71, "the TDX module is not one that the TCB info names: update it, or renew the collateral") \
	X(OM_WHY_PCK_SVN,           72, "the platform's certificate contradicts itself about its security versions") \
	X(OM_WHY_TD_DEBUG,          73, "the trust domain may be debugged by its host: launch it without that attribute") \
	X(OM_WHY_TEE,               74, "the quote is of a trust domain, where one of an enclave is demanded") \
	X(OM_WHY_QUOTE_UNSUPPORTED, 75, "the quote's version, key or certification data is not supported: take ECDSA P-256 with a PCK chain") \
	X(OM_WHY_NOT_TD,            76, "the quote is of an enclave, where one of a trust domain is demanded") \
	/* from 90 on the policy's */ \
	X(OM_WHY_ATTRIBUTES,        90, "the other enclave has other attributes than this one") \
	X(OM_WHY_XFRM,              91, "the other enclave may use other vector registers than this one (XFRM differs)") \
	X(OM_WHY_MISCSELECT,        92, "the other enclave saves other state at exceptions than this one (MISCSELECT differs)") \
	X(OM_WHY_PLATFORM,          93, "the policy does not accept this kind of platform") \
	X(OM_WHY_EVIDENCE_TYPE,     94, "the evidence is of an unknown type") \
	X(OM_WHY_EVIDENCE_FORMAT,   95, "the evidence is malformed") \
	X(OM_WHY_EVIDENCE_BINDING,  96, "the guest's evidence was made for another enclave's report") \
	X(OM_WHY_SIGNER,            98, "the other enclave is not signed by a key that the policy lists (MRSIGNER)") \
	X(OM_WHY_CLOCK,             99, "this host's clock is behind the date that the policy names (not-before)") \
	X(OM_WHY_TICKET,           100, "this program moves with its owner's ticket only, and there is none: get one (optmig ticket issue), give it with --ticket") \
	X(OM_WHY_POLICY_VERSION,   101, "this image's attestation policy is of another version: link the image again") \
	X(OM_WHY_TCB_DATE,         102, "the platform's TCB is older than the policy demands (min-tcb)") \
	X(OM_WHY_TCB_EVALUATION,   103, "the platform was judged by older TCB information than the policy demands (min-tcb-evaluation)") \
	X(OM_WHY_FLOOR_SNP,        104, "the platform's firmware is older than the policy demands (min-tcb)") \
	X(OM_WHY_FLOOR_PRODUCT,    105, "the policy has no floor for this kind of processor (min-tcb)") \
	X(OM_WHY_KIND_OF_KEY,      106, "the evidence is signed by a kind of key that the policy does not accept (snp-key)") \
	X(OM_WHY_GUEST,            107, "the guest is none that the policy lists") \
	X(OM_WHY_GUEST_DEBUG,      108, "the guest can be debugged by its host") \
	X(OM_WHY_GUEST_MIGRATABLE, 109, "the guest may be moved by others, and the policy does not allow that (migratable)") \
	X(OM_WHY_GUEST_VMPL,       110, "the evidence was asked for at a lower privilege level than the policy allows (vmpl)") \
	X(OM_WHY_GUEST_SEPT_VE,    111, "the guest's host may take its pages away unseen (SEPT_VE_DISABLE is not set)") \
	X(OM_WHY_GUEST_LIST_FORMAT, 112, "the signed list of guests is malformed") \
	X(OM_WHY_GUEST_LIST_SIGNATURE, 113, "the list of guests is signed by no key that the policy lists (guest-signer)") \
	X(OM_WHY_GUEST_LIST_OLD,   114, "the list of guests is older than one that this program has seen") \
	X(OM_WHY_GUEST_LIST_NONE,  115, "the policy does not list this guest, and there is no list signed by its guest-signer") \
	X(OM_WHY_DEBUGGABLE,       116, "the enclave can be debugged by its host: it has no secret from it") \
	X(OM_WHY_USER_DATA,        117, "the evidence carries other report data than what was demanded") \
	X(OM_WHY_GUEST_KERNEL,     149, "the guest's measurement is not said to cover its kernel, so it proves no more than a demonstration (the policy's line for it)") \
	X(OM_WHY_NO_EVIDENCE,      118, "the certificate carries no evidence") \
	X(OM_WHY_CERTIFICATE_KEY,  119, "the evidence is not for this certificate's key") \
	/* from 120 on tickets: what is wrong, and the cure */ \
	X(OM_WHY_TICKET_FORMAT,    120, "the ticket is malformed or cut off: copy it again from where it was issued") \
	X(OM_WHY_TICKET_VERSION,   121, "the ticket is of another version: issue it with the OptMig that the image was linked with") \
	X(OM_WHY_TICKET_SIGNATURE, 122, "the ticket is not signed by the policy's owner, nor by the key that it brings a delegation for: issue it with that key") \
	X(OM_WHY_TICKET_PROGRAM,   123, "the ticket is for another program (MRENCLAVE): issue one with --image or --from of this one") \
	X(OM_WHY_TICKET_INSTANCE,  124, "the ticket is for another instance of this program: `optmig status` shows this one's id") \
	X(OM_WHY_TICKET_USED,      125, "the ticket is for a move that has been made: each move needs its own, `optmig status` shows the next number") \
	X(OM_WHY_TICKET_EARLY,     126, "the ticket is for a later move: each move needs its own, `optmig status` shows the next number") \
	X(OM_WHY_TICKET_EXPIRED,   127, "the ticket has expired by this host's clock: issue another, or correct the clock") \
	X(OM_WHY_TICKET_PLATFORM,  128, "the ticket does not allow this kind of platform as the destination: issue one that does, or choose another host") \
	X(OM_WHY_TICKET_MASKED,    129, "the ticket names platforms by their ids, and the destination shows none (masked, VLEK, Processor CA): unmask it, or issue for any") \
	X(OM_WHY_TICKET_ID,        130, "the ticket does not name this platform as the destination: issue one for its id (peer-platform in the report)") \
	X(OM_WHY_TICKET_GUEST,     131, "the ticket names another guest than the destination runs in: issue one for its measurement, or start that guest") \
	X(OM_WHY_DELEGATION_FORMAT,    132, "the ticket's delegation is malformed: issue the ticket again with the file that the owner gave out") \
	X(OM_WHY_DELEGATION_SIGNATURE, 133, "the ticket's delegation is not signed by the policy's owner: ask the owner for one") \
	X(OM_WHY_DELEGATION_PROGRAM,   134, "the ticket's delegation is for another program: ask the owner for one for this MRENCLAVE or MRSIGNER") \
	X(OM_WHY_DELEGATION_INSTANCE,  135, "the ticket's delegation is for another instance: ask the owner for one for this instance, or for any") \
	X(OM_WHY_DELEGATION_MOVE,      136, "the ticket's move is beyond those that its delegation allows: ask the owner for more moves") \
	X(OM_WHY_DELEGATION_EXPIRED,   137, "the ticket's delegation has expired by this host's clock: ask the owner for another, or correct the clock") \
	X(OM_WHY_DELEGATION_PLACE,     138, "the ticket allows a destination that its delegation does not: issue for fewer, or ask the owner for more") \
	X(OM_WHY_NONCE,            140, "the evidence does not carry the nonce that was asked for") \
	X(OM_WHY_FRESH,            141, "that is not the word of the enclave's runtime: its program, or another's, made this evidence") \
	X(OM_WHY_LINEAGE_FORGED,   142, "the lineage that the evidence names has not certified this key for this instance") \
	X(OM_WHY_LINEAGE_NONE,     143, "no lineage has certified this key, and one is demanded") \
	X(OM_WHY_LINEAGE,          144, "the key is certified by another lineage than the one that is demanded") \
	X(OM_WHY_CERTIFICATE_TIME, 145, "the certificate is not valid at this time by its own dates") \
	X(OM_WHY_AGE,              146, "the evidence is older than what was demanded, by the clock of the host on which it was made") \
	X(OM_WHY_AGE_NONE,         147, "the evidence does not say when it was made, and an age is demanded") \
	X(OM_WHY_AGE_FUTURE,       148, "the evidence was made later than now: one of the clocks is wrong, its host's or this one")
enum om_attest_reason {
#define X(name, number, words) name = (number),
	OM_ATTEST_REASONS(X)
#undef X
};
/* The words of the list; "unknown reason" for any other number. Never NULL. */
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
	enum om_tee tee;                              /* whose quote it must be; an enclave's unless said otherwise */
};

struct om_attest_result {
	enum om_tee tee;
	uint16_t quote_version;
	enum om_quote_body kind;
	struct sgx_report_body body;                  /* OM_TEE_SGX: MRENCLAVE, MRSIGNER, attributes, ISV SVN, REPORTDATA; else zero */
	struct om_td_body td;                         /* OM_TEE_TDX; else zero */
	uint8_t  root[OM_ROOT_HASH_SIZE];
	uint8_t  fmspc[6];
	uint16_t pce_svn;
	uint8_t  platform[16];                        /* platform instance id; zero: its certificate names none */
	enum om_tcb_status status;                    /* platform, TDX module and QE together */
	enum om_tcb_status platform_status;           /* with its TDX module */
	enum om_tcb_status module_status, qe_status;
	int64_t  tcb_date;                            /* the oldest among platform, TDX module and QE */
	uint32_t evaluation;                          /* tcbEvaluationDataNumber, the lower one of both: */
	uint32_t tcb_evaluation, qe_evaluation;       /* of TCB info and QE identity */
	int64_t  tcb_issued, qe_issued;               /* when these were issued */
	int64_t  valid_until;                         /* first end of validity among all that was used */
	struct om_advisories advisories;              /* of every level used */
};

/*
 * Return: 0, and *ret_reason = OM_WHY_NONE. Otherwise the reason and OM_EQUOTE (invalid), OM_EEXPIRED, OM_EREVOKED or
 * OM_EPOLICY (the root; another TEE; a TCB below every level); *ret_result is untouched. A low TCB status is no error here, unless it is Revoked.
 * Context: needs about 24 KiB of stack. Trust: quote and collateral are hostile, and so may be the clock: a wrong one
 * can make outdated collateral look fresh, never a forged one good.
 */
__attribute__((warn_unused_result))
int om_attest_verify(const struct om_attest_input *in, struct om_attest_result *ret_result, enum om_attest_reason *ret_reason);

#endif
