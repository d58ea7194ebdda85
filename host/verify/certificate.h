/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with evidence (core/evidence/parse/tagged.h). */
#ifndef OPTMIG_HOST_VERIFY_CERTIFICATE_H
#define OPTMIG_HOST_VERIFY_CERTIFICATE_H

#include <openssl/x509.h>
#include "verify/verify.h"

/*
 * Judges a certificate: signed by its own key, its evidence's claims name that key, and the evidence is over those claims. If they
 * name a lineage, it has signed them. Dates in it count: it is over when it says so. Whether whoever shows it has the key, a TLS handshake says. @request: all but the evidence. @nonce: what its claims must carry; size 0: nothing.
 * Return: 0 with the verdict; as verify_judge().
 */
__attribute__((warn_unused_result))
int verify_certificate(const struct verify_request *request, X509 *certificate, struct om_view nonce, struct verify_verdict *ret);
/*
 * Judges fresh evidence for the key of a certificate (core/evidence/parse/tagged.h): over this nonce, and by the enclave's runtime rather than its
 * program. What else the certificate says does not count, its own evidence neither: it may be older than the move. Whether whoever shows it has
 * the key, a TLS handshake says. @nonce: the caller's, new. Return: as verify_certificate().
 */
__attribute__((warn_unused_result))
int verify_fresh(const struct verify_request *request, X509 *certificate, struct om_view tagged, struct om_view nonce, struct verify_verdict *ret);
/* PEM or DER. Return: OM_EINVAL with host_reason(). The caller frees it. */
__attribute__((warn_unused_result))
int verify_certificate_read(struct om_view file, X509 **ret);

#endif
