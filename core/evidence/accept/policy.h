/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation policy: whom an enclave hands its state to, or takes it from. Its bytes lie in the image header, so
 * they are part of MRENCLAVE. Little-endian (docs/spec/policy.md):
 *
 *    0  u32 magic "OMPO"   u16 version = 1   u16 flags
 *    8  u16 lowest ISV SVN   u16 accepted TCB statuses, bit n = enum om_tcb_status n
 *   12  u16 count of roots   u16 count of MRENCLAVEs   8 B reserved, 0
 *   24  roots, 32 B each: SHA-256 of the root certificate's SubjectPublicKeyInfo
 *       MRENCLAVEs, 32 B each
 *
 * No bytes at all stand for om_policy_default().
 *
 * The emulated platform's root needs not be listed for debug enclaves: a debug enclave has no secrets from its host
 * anyway, so nothing is lost if the peer has none either. A production enclave accepts it only if it is listed.
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_H

#include "evidence/authentic/verify.h"

#define OM_POLICY_MAGIC   0x4f504d4fu
#define OM_POLICY_VERSION 1
#define OM_POLICY_HEADER  24
#define OM_POLICY_ROOTS_MAX 8
#define OM_POLICY_MRENCLAVES_MAX 64

#define OM_POLICY_SAME  1u   /* accept the same MRENCLAVE */
#define OM_POLICY_DEBUG 2u   /* two debug enclaves may talk to each other */

struct om_policy {
	uint16_t flags;
	uint16_t svn_min;
	uint16_t statuses;
	unsigned root_count, mrenclave_count;
	uint8_t  root[OM_POLICY_ROOTS_MAX][OM_ROOT_HASH_SIZE];
	uint8_t  mrenclave[OM_POLICY_MRENCLAVES_MAX][32];
};

/* Intel's root, the same MRENCLAVE, debug among debug, UpToDate or SWHardeningNeeded. */
void om_policy_default(struct om_policy *ret);
/* Return: 0; OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING, OM_EINVAL (nobody could satisfy it). */
__attribute__((warn_unused_result)) int om_policy_decode(const uint8_t *data, size_t size, struct om_policy *ret);
/* Return: 0, OM_EINVAL or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_policy_encode(const struct om_policy *p, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

/* The roots that count for an enclave with this report. Return: how many of `ret` are filled. */
size_t om_policy_roots(const struct om_policy *p, const struct sgx_report_body *own, uint8_t ret[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE]);
/* Does a verified peer satisfy the policy of the enclave with the report `own`? Return: 0; OM_EIDENTITY, OM_EDEBUG, OM_EPOLICY. */
__attribute__((warn_unused_result))
int om_policy_check(const struct om_policy *p, const struct sgx_report_body *own, const struct om_attest_result *peer,
	enum om_attest_reason *ret_reason);

/*
 * All of it, as an enclave needs it: decodes its own policy, verifies the peer's quote under the roots that count,
 * checks the policy and that REPORTDATA is the expected one.
 * @own: this enclave's report body, from EREPORT. Return: 0 or OM_E* with *ret_reason.
 * Context: needs about 32 KiB of stack. Trust: quote, collateral and now are hostile.
 */
__attribute__((warn_unused_result))
int om_attest_peer(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own,
	struct om_view quote, struct om_view collateral, int64_t now, const uint8_t report_data[SGX_REPORTDATA_SIZE],
	struct om_attest_result *ret_result, enum om_attest_reason *ret_reason);

#endif
