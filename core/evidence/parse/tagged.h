/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence in a certificate, so that a TLS handshake proves who is at the other end: the extension "tcg-dice-tagged-evidence" (OID
 * 2.23.133.5.4.9) in the form that the implementations of RA-TLS agreed upon. CBOR (RFC 8949), all lengths definite:
 *
 *     evidence    #6.60000([ bstr quote, bstr claims ])                      60000: IANA, "Intel TEE quote"
 *     claims      { "pubkey-hash": bstr hash entry, ? "nonce": bstr }
 *     hash entry  [ uint algorithm, bstr hash ]                                 of the certificate's SubjectPublicKeyInfo; 1: SHA-256
 *
 * The quote's report data are SHA-256(claims), then 32 zero bytes.
 *
 * Source: CCC Attestation SIG, "Interoperable RA-TLS X.509 Cert and Evidence Formats" and "... SGX / TDX Evidence Tags and Formats";
 * IANA's registries of CBOR tags and of named information (hash algorithms).
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_TAGGED_H
#define OPTMIG_CORE_EVIDENCE_PARSE_TAGGED_H

#include "evidence/parse/der.h"

#define OM_TAG_TEE_QUOTE  60000u
#define OM_TAGGED_OID     "2.23.133.5.4.9"
#define OM_NONCE_MAX      64
#define OM_CLAIMS_MAX     160      /* with the longest nonce */
#define OM_TAGGED_HEAD    16       /* what the frame adds at most */

enum om_hash_id { OM_HASH_SHA256 = 1, OM_HASH_SHA384 = 7, OM_HASH_SHA512 = 8 };

struct om_tagged { uint64_t tag; struct om_view evidence, claims; };
struct om_claims { enum om_hash_id algorithm; struct om_view pubkey_hash, nonce; };   /* nonce: size 0: none */

/* @nonce: at most OM_NONCE_MAX bytes; size 0: no such claim. Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_claims_encode(const uint8_t spki_sha256[32], struct om_view nonce, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/* Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_tagged_encode(struct om_view evidence, struct om_view claims, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/*
 * Views into `data`. Return: 0; OM_ETRUNCATED, OM_ETRAILING; OM_EINVAL: not of this form, or not in the shortest encoding; OM_EUNSUPPORTED:
 * a tag or hash algorithm that is not known. Trust: hostile.
 */
__attribute__((warn_unused_result)) int om_tagged_parse(struct om_view data, struct om_tagged *ret);
__attribute__((warn_unused_result)) int om_claims_parse(struct om_view data, struct om_claims *ret);
/* What a quote over these claims carries. */
void om_claims_report_data(struct om_view claims, uint8_t ret[64]);

#endif
