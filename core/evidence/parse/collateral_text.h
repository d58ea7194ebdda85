/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's collateral as services, caches and quoting libraries hand it out, made into the one form that verifiers read (quote.h).
 * For hosts: nothing here is trusted, a mistake here is a refusal there.
 *
 *   lists      DER, PEM, or hexadecimal digits of DER
 *   chains     PEM, or PEM with %XX as in headers of HTTP (where + is a plus sign)
 *   documents  {"tcbInfo":{...},"signature":"..."}, or "enclaveIdentity"; what is signed is the object's bytes as they stand
 *
 * Behind any of them there may be NULs and line ends.
 */
#ifndef OPTMIG_CORE_EVIDENCE_PARSE_COLLATERAL_TEXT_H
#define OPTMIG_CORE_EVIDENCE_PARSE_COLLATERAL_TEXT_H

#include "evidence/parse/quote.h"

/* Each as it was received. */
struct om_collateral_texts {
	struct om_view root_crl, pck_crl;
	struct om_view tcb_chain, tcb_info;
	struct om_view qe_chain, qe_identity;
};

/* Return: 0; OM_EINVAL and other errors of the forms above; OM_EOVERFLOW: the buffer is too small. */
__attribute__((warn_unused_result))
int om_collateral_crl(struct om_view text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_der);
/* A chain of certificates in PEM, or in PEM with percent-encoding, as HTTP headers have it; decoded into the buffer. Which
 * certificates they are is not looked at. Return: as above. */
__attribute__((warn_unused_result))
int om_collateral_chain(struct om_view text, uint8_t *buffer, size_t buffer_size, struct om_view *ret_pem);
/* @name: of the object. *ret_object points into the text. Return: OM_ENOTFOUND as well: no such object, or no signature. */
__attribute__((warn_unused_result))
int om_collateral_document(struct om_view text, const char *name, struct om_view *ret_object, uint8_t ret_signature[64]);
/* All of it. @buffer: OM_COLLATERAL_MAX is enough. Context: takes OM_COLLATERAL_MAX of stack. */
__attribute__((warn_unused_result))
int om_collateral_from_texts(const struct om_collateral_texts *texts, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

#endif
