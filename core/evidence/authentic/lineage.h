/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lineage certifies: that a TLS key belongs to an instance that has the lineage's key (parse/tagged.h). A program that starts anew has
 * another TLS key and another instance. Its lineage certifies these, and a client that has pinned the lineage recognises the program.
 *
 *     lineage key, 32 bytes --- HKDF, "optmig lineage id 1" ---> P-256 private key --- ECDSA ---> signature
 *                                                                  '-- public: what a client pins
 *     signed      SHA-256("optmig lineage certifies 1" NUL || u8 kind || u8 hash algorithm || hash of the TLS key || instance || public key)
 */
#ifndef OPTMIG_CORE_EVIDENCE_AUTHENTIC_LINEAGE_H
#define OPTMIG_CORE_EVIDENCE_AUTHENTIC_LINEAGE_H

#include "crypto/ec.h"
#include "evidence/parse/tagged.h"

#define OM_LINEAGE_KEY 32

/* The pair by which a lineage is known. @key: secret. Return: 0, or OM_EINVAL. The caller wipes ret_private. */
__attribute__((warn_unused_result))
int om_lineage_pair(const uint8_t key[OM_LINEAGE_KEY], uint8_t ret_private[OM_P256_SIZE], uint8_t ret_public[OM_P256_PUBLIC]);
/* The name in an instance's claim. */
void om_lineage_name(const uint8_t public[OM_P256_PUBLIC], uint8_t ret_name[OM_LINEAGE_ID]);
/* What the lineage's key signs of claims that have an instance and a lineage; its signature does not count. */
void om_lineage_hash(const struct om_claims *claims, uint8_t ret[32]);
/*
 * Has the lineage that the claims name signed them, and does the instance name that lineage? Whose lineage that is, the caller judges.
 * Return: 0; OM_ENOTFOUND: they name none; OM_EAUTH. Trust: claims are hostile.
 */
__attribute__((warn_unused_result)) int om_lineage_verify(const struct om_claims *claims);

#endif
