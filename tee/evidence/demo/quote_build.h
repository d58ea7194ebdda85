/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated platform as an attestation service: certificates, quoting enclave, quotes and collateral in the real
 * formats, so that the verifier is exercised as it is and only the root differs.
 *
 * Host side only, never in an enclave. The root's private key comes from a constant in this source: everybody can
 * make such quotes, and they prove nothing. Policies of production images do not accept them (policy.h).
 *
 *   root "OptMig Emulated SGX Root CA" ── PCK CA ── PCK of this platform ── QE report ── attestation key
 *                                      └─ TCB signing
 */
#ifndef OPTMIG_TEE_EVIDENCE_DEMO_QUOTE_BUILD_H
#define OPTMIG_TEE_EVIDENCE_DEMO_QUOTE_BUILD_H

#include "evidence/parse/quote.h"
#include "evidence/authentic/tcb.h"
#include "evidence/parse/x509.h"

struct om_key_pair { uint8_t private[32], public[64]; };

struct om_platform {
	struct om_key_pair root, ca, pck, signer, attestation;
	struct om_pck tcb;                 /* this platform's security versions */
	uint8_t ppid[16];
	uint8_t instance[16];              /* platform instance id; zero: the certificate names none, as a Processor CA's */
	uint8_t qe_mrenclave[32], qe_mrsigner[32];
	uint16_t qe_svn;
	/* for tests; om_platform_init() sets harmless values */
	enum om_tcb_status status;         /* what the TCB info says of this platform */
	enum om_tcb_status qe_status;
	bool revoke_pck, revoke_ca, revoke_signer;
	bool tdx;                          /* a platform of trust domains: its quoting enclave is TDX's, TCB info speaks of its module */
	uint8_t td_svn[16];                /* TEE_TCB_SVN of its module */
	enum om_tcb_status module_status;
	const char *tcb_info, *qe_identity; /* are signed instead of what would be said; or NULL */
};

/*
 * @seed: identity of this machine; the same seed gives the same platform.
 * @root_name: NULL for the emulated root that om_emulated_root pins; another name gives another root.
 */
void om_platform_init(struct om_platform *p, const uint8_t seed[32], const char *root_name);
/* SHA-256 of the root's SubjectPublicKeyInfo. */
void om_platform_root(const struct om_platform *p, uint8_t ret_root[32]);
/* Whom a report must be made for: the quoting enclave. */
void om_platform_target(const struct om_platform *p, struct sgx_targetinfo *ret_target);
/*
 * A quote over a report body whose MAC the caller has verified.
 * Return: 0, or OM_EOVERFLOW if the buffer is too small (OM_QUOTE_MAX is always enough).
 */
__attribute__((warn_unused_result))
int om_platform_quote(const struct om_platform *p, const struct sgx_report_body *body,
	uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/*
 * The same in a version and with a body of choice, of an enclave (`body`) or of a trust domain (`td`). The other is NULL.
 */
__attribute__((warn_unused_result))
int om_platform_quote_as(const struct om_platform *p, uint16_t version, enum om_quote_body kind, const struct sgx_report_body *body,
	const struct om_td_body *td, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/*
 * Collateral in force from a day before `now` to 30 days after. Return: as om_platform_quote(); OM_COLLATERAL_MAX is enough.
 */
__attribute__((warn_unused_result))
int om_platform_collateral(const struct om_platform *p, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
