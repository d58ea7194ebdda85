/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence in a certificate, so that a TLS handshake proves who is at the other end: the extension "tcg-dice-tagged-evidence" (OID
 * 2.23.133.5.4.9) in the form that the implementations of RA-TLS agreed upon. CBOR (RFC 8949), all lengths definite:
 *
 *     evidence    #6.60000([ bstr quote, bstr claims ])                      60000: IANA, "Intel TEE quote"
 *     claims      { "pubkey-hash": bstr hash entry, ? "nonce": bstr, ? "optmig-instance": bstr instance, ? "optmig-lineage": bstr lineage }
 *     hash entry  [ uint algorithm, bstr hash ]                                 of the certificate's SubjectPublicKeyInfo; 1: SHA-256
 *
 *     instance    16 bytes id, 16 bytes name of its lineage (zeros: none yet), u64 number of its next move, u64 version of the list of
 *                 guests in force (0: none), u64 seconds since 1970 by the clock of the host on which this was made; little-endian
 *     lineage     u8 kind (lineage of the image's options: core/launch.h), 64 bytes P-256 public key, 64 bytes its signature over hash and
 *                 instance (authentic/lineage.h)
 *
 * The quote's report data are SHA-256(claims), then 32 zero bytes: any program may make such a quote of its own, but only the runtime has
 * the lineage's key.
 *
 * Fresh evidence for a TLS key has the same form. Its claims have the client's nonce, too, and its report data end in
 * OM_FRESH_LABEL, which no program gets into a report: so it is the runtime that says whose key that is, and no program can be talked
 * into saying it.
 *
 * Source: CCC Attestation SIG, "Interoperable RA-TLS X.509 Cert and Evidence Formats" and "... SGX / TDX Evidence Tags and Formats";
 * IANA's registries of CBOR tags and of named information (hash algorithms).
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_TAGGED_H
#define OPTMIG_CORE_EVIDENCE_PARSE_TAGGED_H

#include <stdbool.h>
#include "crypto/ec.h"
#include "cursor.h"
#include "evidence/parse/der.h"

#define OM_TAG_TEE_QUOTE  60000u
#define OM_TAGGED_OID     "2.23.133.5.4.9"
#define OM_NONCE_MAX      64
#define OM_PUBKEY_HASH_MAX 64
#define OM_CLAIMS_MAX     400      /* with the longest hash and nonce, instance and lineage */
#define OM_TAGGED_HEAD    16       /* what the frame adds at most */

/* Half of the report data of fresh evidence. */
#define OM_FRESH_LABEL    "optmig 1 evidence of its TLS key"
#define OM_FRESH_LABEL_SIZE 32
#define OM_INSTANCE_ID    16
#define OM_LINEAGE_ID     16
#define OM_INSTANCE_CLAIM (OM_INSTANCE_ID + OM_LINEAGE_ID + 8 + 8 + 8)
#define OM_LINEAGE_CLAIM  (1 + OM_P256_PUBLIC + OM_P256_SIGNATURE)

enum om_hash_id { OM_HASH_SHA256 = 1, OM_HASH_SHA384 = 7, OM_HASH_SHA512 = 8 };

struct om_tagged { uint64_t tag; struct om_view evidence, claims; };
/* What was started once, wherever it has moved. `made`: seconds since 1970, the host's word. */
struct om_instance { uint8_t id[OM_INSTANCE_ID], lineage[OM_LINEAGE_ID]; uint64_t next_move, guests_floor, made; };
/* The lineage that certifies the key; not yet judged (authentic/lineage.h). */
struct om_certifier { uint8_t kind, public[OM_P256_PUBLIC], signature[OM_P256_SIGNATURE]; };
struct om_claims {
	enum om_hash_id algorithm;
	struct om_view pubkey_hash, nonce;     /* nonce: size 0: none */
	bool has_instance, has_lineage;
	struct om_instance instance;
	struct om_certifier lineage;
};

/* The bytes of an instance's claim. */
void om_instance_put(struct om_put *p, const struct om_instance *instance);
/* @claims: a hash of its algorithm's size, a nonce of at most OM_NONCE_MAX bytes. Return: 0, OM_EOVERFLOW, or OM_EINVAL: another hash. */
__attribute__((warn_unused_result))
int om_claims_encode(const struct om_claims *claims, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/* Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_tagged_encode(struct om_view evidence, struct om_view claims, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/*
 * Views into `data`. Return: 0; OM_ETRUNCATED, OM_ETRAILING; OM_EINVAL: not of this form, or not in the shortest encoding; OM_EUNSUPPORTED:
 * a tag or hash algorithm that is not known. Trust: hostile.
 */
__attribute__((warn_unused_result)) int om_tagged_parse(struct om_view data, struct om_tagged *ret);
/* The map of claims that a tagged quote is over. *ret is not to be used after an error. */
__attribute__((warn_unused_result)) int om_claims_parse(struct om_view data, struct om_claims *ret);
/* What a quote over these claims carries. */
void om_claims_report_data(struct om_view claims, uint8_t ret[64]);
/* The same for fresh evidence. */
void om_fresh_report_data(struct om_view claims, uint8_t ret[64]);

#endif
