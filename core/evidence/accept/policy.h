/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attestation policy: whom an enclave hands its state to, or takes it from. Its bytes lie in the image header, so
 * they are part of MRENCLAVE. Version 2, little-endian (docs/spec/policy.md):
 *
 *    0  u32 magic "OMPO"   u16 version = 2   u16 flags
 *    8  u8 platforms   u8 makers' roots   u8 keys of SNP   u8 0   u16 accepted TCB statuses   u16 lowest ISV SVN
 *   16  u64 not-before
 *   24  floors and counts, 24 B (guests.h)
 *   48  u8 counts: roots, MRENCLAVEs, MRSIGNERs, guest signers   4 B 0
 *   56  owner's key, 64 B, if the flag is set
 *       records: roots, MRENCLAVEs, MRSIGNERs, guest signers, SNP floors, SNP guests, TDX guests, SNP owners
 *
 * The records of a kind ascend. No bytes at all stand for om_policy_default(); one policy has one encoding.
 *
 * Every item has an effect. An item that could not have one in this policy is a fault (om_policy_fault()), so that nobody relies on a
 * line that protects nothing.
 *
 * Debug enclaves accept demo evidence without a line. Such an enclave has no secrets from its host anyway, so nothing is lost if
 * the peer has none either. A production enclave accepts demo evidence only if demo is among its platforms.
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_POLICY_H

#include "evidence/accept/guests.h"

#define OM_POLICY_MAGIC   0x4f504d4fu
#define OM_POLICY_VERSION 2
#define OM_POLICY_HEADER  56
#define OM_POLICY_ROOTS_MAX 8
#define OM_POLICY_MRENCLAVES_MAX 64
#define OM_POLICY_SIGNERS_MAX 16
#define OM_POLICY_GUEST_SIGNERS_MAX 4
#define OM_POLICY_BYTES_MAX (OM_POLICY_HEADER + OM_P256_PUBLIC_BYTES + 33 * OM_POLICY_ROOTS_MAX + 32 * OM_POLICY_MRENCLAVES_MAX + \
	32 * OM_POLICY_SIGNERS_MAX + 97 * OM_POLICY_GUEST_SIGNERS_MAX + 6 * OM_SNP_FLOORS_MAX + 50 * OM_SNP_GUESTS_MAX + \
	241 * OM_TDX_GUESTS_MAX + 182 * OM_SNP_OWNERS_MAX)
#define OM_P256_PUBLIC_BYTES 64

#define OM_POLICY_SAME  1u   /* accept the same MRENCLAVE */
#define OM_POLICY_DEBUG 2u   /* two debug enclaves may talk to each other */
#define OM_POLICY_OWNER 4u   /* the owner's key is there: no move without the owner's ticket */

#define OM_PLATFORM_BIT(type) (1u << (type))   /* of enum om_evidence_type: bits 1 to 4 */
#define OM_ACCEPT_VCEK 1u
#define OM_ACCEPT_VLEK 2u

struct om_policy_root { uint8_t type, hash[OM_ROOT_HASH_SIZE]; };

struct om_policy {
	uint16_t flags;
	uint8_t  platforms;                        /* OM_PLATFORM_BIT */
	uint8_t  makers;                           /* those of them under their makers' own roots */
	uint8_t  snp_keys;
	uint16_t statuses;                         /* bit n = enum om_tcb_status n */
	uint16_t svn_min;
	uint64_t not_before;                       /* seconds since 1970; 0: none */
	struct om_floors floors;
	struct om_guests guests;
	unsigned root_count, mrenclave_count, signer_count, guest_signer_count;
	struct om_policy_root root[OM_POLICY_ROOTS_MAX];
	uint8_t  mrenclave[OM_POLICY_MRENCLAVES_MAX][32];
	uint8_t  signer[OM_POLICY_SIGNERS_MAX][32];
	struct om_signer_key guest_signer[OM_POLICY_GUEST_SIGNERS_MAX];
	uint8_t  owner[OM_P256_PUBLIC_BYTES];      /* zero without the flag */
};

/* What a policy's text names; and what a fault is about. */
#define OM_POLICY_KEYS(X) \
	X(OM_KEY_MRENCLAVE, "mrenclave") X(OM_KEY_PLATFORM, "platform") X(OM_KEY_ROOT, "root") X(OM_KEY_SIGNER, "signer") \
	X(OM_KEY_MIN_SVN, "min-svn") X(OM_KEY_TCB, "tcb") X(OM_KEY_MIN_TCB, "min-tcb") X(OM_KEY_MIN_EVALUATION, "min-tcb-evaluation") \
	X(OM_KEY_SNP_KEY, "snp-key") X(OM_KEY_GUEST, "guest") X(OM_KEY_GUEST_SIGNER, "guest-signer") \
	X(OM_KEY_NOT_BEFORE, "not-before") X(OM_KEY_OWNER, "owner") X(OM_KEY_DEBUG, "debug")
enum om_policy_key {
#define X(name, word) name,
	OM_POLICY_KEYS(X)
#undef X
	OM_POLICY_KEYS_COUNT,
};

/* SGX under Intel's root, the same MRENCLAVE, debug among debug, UpToDate or SWHardeningNeeded. */
void om_policy_default(struct om_policy *ret);
/*
 * NULL, or what is wrong with it and the cure, in words: contradictions, records that do not ascend, items without an effect.
 * @ret_key: which key it is about; NULL is allowed.
 */
const char *om_policy_fault(const struct om_policy *p, enum om_policy_key *ret_key);
/* The same for one that goes into an image, for debugging or not: what a program that moves cannot do is a fault there. */
const char *om_policy_image_fault(const struct om_policy *p, bool debug, enum om_policy_key *ret_key);
/* Return: 0; OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING, OM_EINVAL (a fault). */
__attribute__((warn_unused_result)) int om_policy_decode(const uint8_t *data, size_t size, struct om_policy *ret);
/* Return: 0, OM_EINVAL or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_policy_encode(const struct om_policy *p, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

/* Does an enclave with this report accept evidence of that type at all? NULL: one who is no enclave, and has only what the policy names. */
bool om_policy_accepts(const struct om_policy *p, const struct sgx_report_body *own, enum om_evidence_type type);
/* The hashes of roots that count for that type, those of Intel and of the demo platform among them. Return: how many of `ret` are filled. */
size_t om_policy_roots(const struct om_policy *p, enum om_evidence_type type, uint8_t ret[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE]);
/*
 * Does an authentic peer satisfy the policy of the enclave with the report `own`?
 * @body: the peer's report. @list: a signed list that was accepted, or NULL. @own: NULL for one who is no enclave: nothing has to be like it.
 * Return: 0; OM_EIDENTITY, OM_EDEBUG, OM_EPOLICY.
 */
__attribute__((warn_unused_result))
int om_policy_check(const struct om_policy *p, const struct om_guest_list *list, const struct sgx_report_body *own,
	const struct sgx_report_body *body, const struct om_platform_facts *facts, enum om_attest_reason *ret_reason);

/* Who a peer is, after all that. */
struct om_peer {
	struct sgx_report_body body;
	struct om_platform_facts facts;
	int64_t valid_until;             /* first end of validity among all that was used */
	uint64_t list_version;           /* of the signed list that was acted upon; 0: none */
};

/* A signed list of guests that the host offers. Looked at only if the policy names a guest-signer. */
struct om_guest_offer {
	struct om_view list;             /* size 0: none */
	uint64_t floor;                  /* of om_guest_list_accept() */
};

/*
 * All of it, as an enclave needs it: decodes its own policy, verifies the peer's evidence under the roots that count,
 * checks the policy and that REPORTDATA is the expected one.
 * @own: this enclave's report body, from EREPORT. @evidence: an envelope. @offer: NULL: no list. Return: 0 or OM_E* with *ret_reason.
 * Context: needs up to 40 KiB of stack (tests/unit/test_evidence_guest.c). Trust: evidence, collateral, list and now are hostile.
 */
__attribute__((warn_unused_result))
int om_attest_peer(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own,
	struct om_view evidence, struct om_view collateral, const struct om_guest_offer *offer, int64_t now,
	const uint8_t report_data[SGX_REPORTDATA_SIZE], struct om_peer *ret_peer, enum om_attest_reason *ret_reason);
/*
 * The same for one who is no enclave: a client. `mrenclave = same` says nothing to it, so its policy lists programs; REPORTDATA is in
 * *ret_peer and the caller's to judge. An enclave that can be debugged is accepted only with OM_POLICY_DEBUG, demo evidence only if named.
 */
__attribute__((warn_unused_result))
int om_attest_outside(const struct om_policy *p, struct om_view evidence, struct om_view collateral, const struct om_guest_offer *offer,
	int64_t now, struct om_peer *ret_peer, enum om_attest_reason *ret_reason);
/* Those of its answers that need no collateral, so that nobody asks a host for what cannot help. */
__attribute__((warn_unused_result))
int om_attest_glance(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view evidence,
	int64_t now, enum om_attest_reason *ret_reason);
/* May this image move at all? OM_EVERSION, OM_EPOLICY with the reason if not: asked before a move begins. */
__attribute__((warn_unused_result))
int om_attest_may_move(const uint8_t *policy, size_t policy_size, enum om_attest_reason *ret_reason);

#endif
