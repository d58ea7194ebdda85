/* SPDX-License-Identifier: Apache-2.0 */
/* A refusal in words that help: which root the evidence is under, which ones the policy accepts, and what changes that. */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_REFUSAL_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_REFUSAL_H

#include "evidence/accept/policy.h"

/* A refusal's words fit, with NUL. */
#define OM_REFUSAL_MAX 192

/*
 * What om_attest_glance() or om_attest_peer() gave as the reason: om_attest_reason_words(), or more for a platform or root that the policy
 * does not accept.
 * @policy, @own, @evidence: what those were given. @ret: is filled up with zeros.
 * Context: needs 4 KiB of stack. Trust: evidence is hostile; it can at most name a root that is not its own.
 */
void om_refusal_words(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view evidence,
	enum om_attest_reason reason, char ret[OM_REFUSAL_MAX]);

#endif
