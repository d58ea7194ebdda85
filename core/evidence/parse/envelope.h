/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence as it crosses the wire: what kind it is, and what that kind says. Little-endian.
 *
 *   type 1 SGX, 4 demo    u16 type   quote (quote.h), in which the enclave's report body is
 *   type 2 SNP, 3 TDX     u16 type   platform evidence   384 B report body of the enclave
 *
 * SGX signs the report body itself. A confidential guest signs 64 bytes that it chooses; they must be
 *
 *   SHA-512("optmig evidence 1" || type u16 || report body)
 *
 * so that what the software CPU says of an enclave is bound to the measured guest in which it runs. The type is in the hash: one
 * guest's words cannot be taken for another kind's.
 *
 * A demo quote has SGX's form and a root whose key everybody has. It is a type of its own, so that no list of roots decides
 * whether evidence proves anything.
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_ENVELOPE_H
#define OPTMIG_CORE_EVIDENCE_PARSE_ENVELOPE_H

#include "evidence/parse/quote.h"

/* Numbers are stable: they are on the wire and in policies. */
enum om_evidence_type { OM_EVIDENCE_SGX = 1, OM_EVIDENCE_SNP, OM_EVIDENCE_TDX, OM_EVIDENCE_DEMO };
#define OM_EVIDENCE_TYPES_END 5

#define OM_ENVELOPE_HEAD     2
#define OM_EVIDENCE_MAX      16384   /* an envelope */
#define OM_EVIDENCE_DATA_SIZE 64     /* report data of a guest */

struct om_envelope {
	enum om_evidence_type type;
	struct om_view platform;         /* quote, SNP report, TD quote */
	struct om_view body_bytes;       /* of a guest's evidence: the 384 bytes; else size 0 */
	struct sgx_report_body body;     /* the same; else zero: it is in the quote */
};

/* "SGX", "SNP", "TDX", "demo"; NULL for any other number. */
const char *om_evidence_type_words(unsigned type);
/* The same as programs ask for it (/dev/attestation/attestation_type): "dcap", "snp", "tdx", "demo"; "none" for any other number. */
const char *om_evidence_attestation_type(long type);
/* Is it a confidential guest's, so that the report body stands beside it? */
bool om_evidence_of_guest(enum om_evidence_type type);

/* Views into `data`. Return: 0; OM_ETRUNCATED, OM_EOVERFLOW; OM_ETYPE: no type that there is. */
__attribute__((warn_unused_result)) int om_envelope_parse(struct om_view data, struct om_envelope *ret);
/* @platform: may lie in the buffer already, where it will stand. @body: of a guest's evidence, 384 bytes; else size 0. Return: 0, OM_EINVAL, OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_envelope_encode(enum om_evidence_type type, struct om_view platform, struct om_view body, uint8_t *buffer, size_t buffer_size,
	size_t *ret_size);

/* What a guest has to ask evidence for. */
void om_envelope_report_data(enum om_evidence_type type, const uint8_t body[SGX_REPORT_BODY_SIZE], uint8_t ret[OM_EVIDENCE_DATA_SIZE]);
/* Does the report data of authentic platform evidence name this envelope's report body? */
bool om_envelope_bound(const struct om_envelope *e, const uint8_t report_data[OM_EVIDENCE_DATA_SIZE]);

#endif
