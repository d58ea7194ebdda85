/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSASSA-PSS (RFC 8017, 8.1 and 9.1) in the one form that AMD's certificates use: 4096 bits, exponent 65537, SHA-384,
 * MGF1 with SHA-384, 48 bytes of salt, trailer 0xbc. Numbers are big-endian. The modular arithmetic is BearSSL's.
 * Verifying and signing are two files: an enclave verifies only.
 */
#ifndef OPTMIG_CORE_CRYPTO_RSA_H
#define OPTMIG_CORE_CRYPTO_RSA_H

#include <stdint.h>
#include "crypto/sha512.h"
#include "errors.h"

#define OM_RSA_SIZE   512
#define OM_PSS_SALT   OM_SHA384_SIZE

/*
 * @modulus: its first bit is set; any other is no key of 4096 bits and fails.
 * Return: 0 or OM_EAUTH. Trust: all inputs hostile.
 */
__attribute__((warn_unused_result))
int om_rsa_pss_verify(const uint8_t modulus[OM_RSA_SIZE], const uint8_t hash[OM_SHA384_SIZE],
	const uint8_t signature[OM_RSA_SIZE]);

/* A private key in the form of the Chinese remainder theorem (RFC 8017, 3.2). */
struct om_rsa_private {
	uint8_t p[OM_RSA_SIZE / 2], q[OM_RSA_SIZE / 2];    /* primes; the upper two bits of each are set */
	uint8_t dp[OM_RSA_SIZE / 2], dq[OM_RSA_SIZE / 2];  /* 1/65537 modulo p - 1 and q - 1 */
	uint8_t iq[OM_RSA_SIZE / 2];                       /* 1/q modulo p */
};
/* Not for enclaves: for demonstration roots and tests. Return: 0, or OM_EINVAL if that is no such key. */
__attribute__((warn_unused_result))
int om_rsa_pss_sign(const struct om_rsa_private *key, const uint8_t hash[OM_SHA384_SIZE], const uint8_t salt[OM_PSS_SALT],
	uint8_t ret_signature[OM_RSA_SIZE]);

/* Of signing and of verifying. Source: RFC 8017, 9.1.1 and B.2.1. */
#define OM_PSS_BLOCK (OM_RSA_SIZE - OM_SHA384_SIZE - 1)
/* H: SHA-384 of eight zeros, the message's hash and the salt (9.1.1, step 5 and 6). */
void om_pss_hash(const uint8_t hash[OM_SHA384_SIZE], const uint8_t salt[OM_PSS_SALT], uint8_t ret_h[OM_SHA384_SIZE]);
/* XORs MGF1 of `h` over the data block: masks one, and unmasks one. */
void om_pss_mask(const uint8_t h[OM_SHA384_SIZE], uint8_t block[OM_PSS_BLOCK]);

#endif
