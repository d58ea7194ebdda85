/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA with P-384 and SHA-384 (FIPS 186-4): the keys of AMD's security processors. Numbers are big-endian. Arithmetic is
 * BearSSL's. Verifying and signing are two files: an enclave verifies only.
 */
#ifndef OPTMIG_CORE_CRYPTO_P384_H
#define OPTMIG_CORE_CRYPTO_P384_H

#include <stdbool.h>
#include <stdint.h>
#include "crypto/sha512.h"
#include "errors.h"

#define OM_P384_SIZE       48
#define OM_P384_PUBLIC     96   /* x || y */
#define OM_P384_SIGNATURE  96   /* r || s */

/* Return: 0, or OM_EAUTH if the signature does not hold or the key is no point of the curve. Trust: all inputs hostile. */
__attribute__((warn_unused_result))
int om_p384_verify(const uint8_t public[OM_P384_PUBLIC], const uint8_t hash[OM_SHA384_SIZE],
	const uint8_t signature[OM_P384_SIGNATURE]);
/* Is it a point of the curve? */
bool om_p384_valid(const uint8_t public[OM_P384_PUBLIC]);

/* Not for enclaves. A private key from a seed: reduced modulo n - 1, plus 1. Deterministic. For demonstration and tests. */
void om_p384_derive(const uint8_t seed[OM_P384_SIZE], uint8_t ret_private[OM_P384_SIZE], uint8_t ret_public[OM_P384_PUBLIC]);
/* Not for enclaves. Deterministic nonces (RFC 6979). Return: 0, or OM_EINVAL if the private key is 0 or too large. */
__attribute__((warn_unused_result))
int om_p384_sign(const uint8_t private[OM_P384_SIZE], const uint8_t hash[OM_SHA384_SIZE],
	uint8_t ret_signature[OM_P384_SIGNATURE]);

#endif
