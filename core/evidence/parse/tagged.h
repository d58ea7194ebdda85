/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence in a certificate, so that a TLS handshake proves who is at the other end: the extension "tcg-dice-tagged-evidence" (OID
 * 2.23.133.5.4.9) in the form that the implementations of RA-TLS agreed upon. CBOR (RFC 8949), all lengths definite:
 *
 *     evidence    #6.60000([ bstr quote, bstr claims ])                      60000: IANA, "Intel TEE quote"
 *     claims      { "pubkey-hash": bstr hash entry, ? "nonce": bstr, ? "optmig-instance": bstr instance }
 *     hash entry  [ uint algorithm, bstr hash ]                                 of the certificate's SubjectPublicKeyInfo; 1: SHA-256
 *
 *     instance    16 bytes id, 16 bytes name of its lineage (zeros: none yet), u64 number of its next move, u64 version of the list of
 *                 guests in force (0: none), little-endian
 *
 * The quote's report data are SHA-256(claims), then 32 zero bytes: any program may make such a quote of its own.
 *
 * Fresh evidence for a TLS key has the same form. Its claims have the client's nonce and the instance, and its report data end in
 * OM_FRESH_LABEL, which no program gets into a report: so it is the runtime that says whose key that is, and no program can be talked
 * into saying it.
 *
 * Source: CCC Attestation SIG, "Interoperable RA-TLS X.509 Cert and Evidence Formats" and "... SGX / TDX Evidence Tags and Formats";
 * IANA's registries of CBOR tags and of named information (hash algorithms).
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_TAGGED_H
#define OPTMIG_CORE_EVIDENCE_PARSE_TAGGED_H

#include <stdbool.h>
#include "evidence/parse/der.h"

#define OM_TAG_TEE_QUOTE  60000u
#define OM_TAGGED_OID     "2.23.133.5.4.9"
#define OM_NONCE_MAX      64
#define OM_CLAIMS_MAX     256      /* with the longest nonce, and the instance */
#define OM_TAGGED_HEAD    16       /* what the frame adds at most */

/* Half of the report data of fresh evidence. */
#define OM_FRESH_LABEL    "optmig 1 evidence of its TLS key"
#define OM_FRESH_LABEL_SIZE 32
#define OM_INSTANCE_ID    16
#define OM_LINEAGE_ID     16
#define OM_INSTANCE_CLAIM (OM_INSTANCE_ID + OM_LINEAGE_ID + 8 + 8)

enum om_hash_id { OM_HASH_SHA256 = 1, OM_HASH_SHA384 = 7, OM_HASH_SHA512 = 8 };

struct om_tagged { uint64_t tag; struct om_view evidence, claims; };
/* What was started once, wherever it has moved. */
struct om_instance { uint8_t id[OM_INSTANCE_ID], lineage[OM_LINEAGE_ID]; uint64_t next_move, guests_floor; };
struct om_claims {
	enum om_hash_id algorithm;
	struct om_view pubkey_hash, nonce;     /* nonce: size 0: none */
	bool has_instance;
	struct om_instance instance;
};

/* @nonce: at most OM_NONCE_MAX bytes; size 0: no such claim. @instance: NULL: no such claim. Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_claims_encode(const uint8_t spki_sha256[32], struct om_view nonce, const struct om_instance *instance, uint8_t *buffer, size_t buffer_size,
	size_t *ret_size);
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
/* The same for fresh evidence. */
void om_fresh_report_data(struct om_view claims, uint8_t ret[64]);

#endif
