/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with evidence (core/evidence/parse/tagged.h), and TLS with who shows one. */
#ifndef OPTMIG_HOST_VERIFY_CERTIFICATE_H
#define OPTMIG_HOST_VERIFY_CERTIFICATE_H

#include <openssl/ssl.h>
#include "verify/verify.h"

/*
 * Judges a certificate: signed by its own key, its evidence's claims name that key, and the evidence is over those claims. Whether whoever shows it
 * has the key, a TLS handshake says. @request: all but the evidence. @nonce: what its claims must carry; size 0: nothing.
 * Return: 0 with the verdict; as verify_judge().
 */
__attribute__((warn_unused_result))
int verify_certificate(const struct verify_request *request, X509 *certificate, struct om_view nonce, struct verify_verdict *ret);
/* PEM or DER. Return: OM_EINVAL with host_reason(). The caller frees it. */
__attribute__((warn_unused_result))
int verify_certificate_read(struct om_view file, X509 **ret);

/*
 * A TLS connection (1.2 or later) to "HOST:PORT" and the verdict on its certificate. Refused: no connection is left.
 * Return: 0; OM_ECONNECTION, OM_EAUTH (no certificate with evidence) with host_reason(); as verify_certificate(). The caller frees *ret_tls and closes its descriptor.
 */
__attribute__((warn_unused_result))
int verify_connect(const struct verify_request *request, const char *address, struct verify_verdict *ret, SSL **ret_tls);

/*
 * Accepts connections on `listen` for ever and forwards each to a TLS connection of its own to `to`, after that one's certificate has been judged
 * anew, with collateral and clock of that moment. A refusal closes the connection and is reported. Return: only if it cannot listen.
 */
int verify_proxy(const struct verify_request *request, const char *listen, const char *to);

#endif
