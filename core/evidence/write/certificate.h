/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate by which a program in an enclave shows evidence in a TLS handshake (parse/tagged.h): X.509 version 3 (RFC 5280),
 * signed by its own key, P-256. The evidence vouches for the key; who trusts it judges that, and neither names nor dates.
 */
#ifndef OPTMIG_CORE_EVIDENCE_WRITE_CERTIFICATE_H
#define OPTMIG_CORE_EVIDENCE_WRITE_CERTIFICATE_H

#include "crypto/ec.h"
#include "evidence/parse/der.h"

#define OM_SPKI_SIZE            91      /* of P-256 */
#define OM_CERTIFICATE_OVERHEAD 700     /* what a certificate is longer than its evidence, at most */
#define OM_EC_KEY_PEM_MAX       320

struct om_certificate {
	const uint8_t *private, *public;   /* OM_P256_SIZE, OM_P256_PUBLIC */
	const char *name;                  /* common name of subject and issuer, up to 64 bytes */
	struct om_view evidence;           /* of the extension */
	uint8_t serial[16];                /* random; its first bit is not used */
};

/* SubjectPublicKeyInfo in DER: what a TLS key is hashed by. @public: not checked. */
void om_spki_write(const uint8_t public[OM_P256_PUBLIC], uint8_t ret[OM_SPKI_SIZE]);
/* In force from 2000 to 2049: its evidence has its own dates. Return: 0; OM_EOVERFLOW; OM_EINVAL: the private key is none. */
__attribute__((warn_unused_result))
int om_certificate_write(const struct om_certificate *c, uint8_t *buffer, size_t buffer_size, size_t *ret_size);
/* What fits any PEM of so many bytes of DER, with its NUL. */
#define OM_PEM_ROOM(der)        ((der) * 4 / 3 + (der) / 48 + 100)
/* PEM between "BEGIN words" and "END words", 64 characters a line, and a NUL that *ret_size does not count. Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_pem_write(struct om_view der, const char *words, char *buffer, size_t buffer_size, size_t *ret_size);
/* PKCS #8 (RFC 5958) in PEM. Secret. Return: 0 or OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int om_ec_key_write(const uint8_t private[OM_P256_SIZE], const uint8_t public[OM_P256_PUBLIC], char *buffer, size_t buffer_size, size_t *ret_size);

#endif
