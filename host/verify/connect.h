/* SPDX-License-Identifier: Apache-2.0 */
/* TLS with an attested server, and fresh evidence for its key. */
#ifndef OPTMIG_HOST_VERIFY_CONNECT_H
#define OPTMIG_HOST_VERIFY_CONNECT_H

#include <openssl/ssl.h>
#include "verify/certificate.h"

#define VERIFY_NONCE_SIZE 32

/*
 * Evidence from an endpoint (`optmig evidence --listen`): GET URL/evidence?nonce=..., with a new nonce. Return: 0, *ret is the caller's to free();
 * OM_ECONNECTION with host_reason(). Trust: whatever comes is judged by verify_fresh().
 */
__attribute__((warn_unused_result))
int verify_fetch(const char *url, uint8_t ret_nonce[VERIFY_NONCE_SIZE], struct om_view *ret);

/*
 * A TLS connection (1.2 or later) to "HOST:PORT" and the verdict on its certificate, or, with `url`, on fresh evidence for its key. Refused: no connection is left.
 * Return: 0; OM_ECONNECTION, OM_EAUTH (no certificate with evidence) with host_reason(); as verify_certificate(). The caller frees *ret_tls and closes its descriptor.
 */
__attribute__((warn_unused_result))
int verify_connect(const struct verify_request *request, const char *address, const char *url, struct verify_verdict *ret, SSL **ret_tls);

/*
 * Accepts connections on `listen` for ever and forwards each to a TLS connection of its own to `to`, after that one's certificate has been judged
 * anew, with collateral and clock of that moment. A refusal closes the connection and is reported. Return: only if it cannot listen.
 */
int verify_proxy(const struct verify_request *request, const char *listen, const char *to, const char *url);

#endif
