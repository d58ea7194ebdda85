/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elliptic curves: X25519 (RFC 7748) for the handshake, ECDSA with P-256 and SHA-256 (FIPS 186-4) for quotes and
 * certificates. Numbers are big-endian, X25519's little-endian, as their standards write them. Arithmetic is BearSSL's.
 */
#ifndef OPTMIG_CORE_CRYPTO_EC_H
#define OPTMIG_CORE_CRYPTO_EC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_X25519_SIZE     32
#define OM_P256_SIZE       32
#define OM_P256_PUBLIC     64   /* x || y */
#define OM_P256_SIGNATURE  64   /* r || s */

/* @private: 32 random bytes; clamping is done here. */
void om_x25519_public(const uint8_t private[OM_X25519_SIZE], uint8_t ret_public[OM_X25519_SIZE]);
/*
 * Return: 0, or OM_EAUTH if the result is zero: the other side sent a point of small order.
 * Trust: public is hostile.
 */
__attribute__((warn_unused_result))
int om_x25519(const uint8_t private[OM_X25519_SIZE], const uint8_t public[OM_X25519_SIZE],
	uint8_t ret_shared[OM_X25519_SIZE]);

/* Return: 0, or OM_EAUTH if the signature does not hold or the key is no point of the curve. Trust: all inputs hostile. */
__attribute__((warn_unused_result))
int om_p256_verify(const uint8_t public[OM_P256_PUBLIC], const uint8_t hash[32], const uint8_t signature[OM_P256_SIGNATURE]);
/* Is it a point of the curve? */
bool om_p256_valid(const uint8_t public[OM_P256_PUBLIC]);

/* A private key from 32 bytes of seed: reduced modulo n - 1, plus 1. Deterministic. For the emulated platform and tests. */
void om_p256_derive(const uint8_t seed[32], uint8_t ret_private[OM_P256_SIZE], uint8_t ret_public[OM_P256_PUBLIC]);
/* Deterministic nonces (RFC 6979). Return: 0, or OM_EINVAL if the private key is 0 or too large. */
__attribute__((warn_unused_result))
int om_p256_sign(const uint8_t private[OM_P256_SIZE], const uint8_t hash[32], uint8_t ret_signature[OM_P256_SIGNATURE]);

#endif
