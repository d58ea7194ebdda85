/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) with it.
 */
#ifndef OPTMIG_CORE_CRYPTO_SHA256_H
#define OPTMIG_CORE_CRYPTO_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_SHA256_SIZE      32
#define OM_SHA256_BLOCK     64
#define OM_HKDF_OUTPUT_MAX  (255 * OM_SHA256_SIZE)

struct om_sha256 {
	uint32_t state[8];
	uint64_t size;                     /* bytes so far */
	uint8_t  buffer[OM_SHA256_BLOCK];  /* size % 64 bytes not processed yet */
	uint32_t shani, reserved;
};

/* @features: OM_CPU_*; OM_CPU_SHANI uses the CPU's instructions. 0 is always right. */
void om_sha256_init(struct om_sha256 *s, uint64_t features);
/* Takes `size` more bytes in, of any number and in any pieces. */
void om_sha256_update(struct om_sha256 *s, const void *data, size_t size);
/* *s stays as it is and may go on. */
void om_sha256_result(const struct om_sha256 *s, uint8_t ret_hash[OM_SHA256_SIZE]);
/* All in one call, without the CPU's instructions for it. */
void om_sha256(const void *data, size_t size, uint8_t ret_hash[OM_SHA256_SIZE]);

struct om_hmac { struct om_sha256 inner, outer; };

/* Begins HMAC-SHA-256. @key_size: bytes; a key longer than a block is hashed first (RFC 2104). */
void om_hmac_init(struct om_hmac *h, const void *key, size_t key_size);
/* Takes `size` more bytes in. */
void om_hmac_update(struct om_hmac *h, const void *data, size_t size);
/* *h stays as it is and may go on. The caller wipes *h and compares MACs in constant time. */
void om_hmac_result(const struct om_hmac *h, uint8_t ret_mac[OM_SHA256_SIZE]);
/* All in one call. */
void om_hmac(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret_mac[OM_SHA256_SIZE]);

/* RFC 5869, 2.2: a key of 32 bytes out of `secret`. The caller wipes it. */
void om_hkdf_extract(const void *salt, size_t salt_size, const void *secret, size_t secret_size,
	uint8_t ret_prk[OM_SHA256_SIZE]);
/* Return: 0, or OM_EOVERFLOW if size > OM_HKDF_OUTPUT_MAX. */
__attribute__((warn_unused_result))
int om_hkdf_expand(const uint8_t prk[OM_SHA256_SIZE], const void *info, size_t info_size, void *ret, size_t size);
/* Extract, then expand. */
__attribute__((warn_unused_result))
int om_hkdf(const void *salt, size_t salt_size, const void *secret, size_t secret_size,
	const void *info, size_t info_size, void *ret, size_t size);

/* The compression function with SHA-NI; for sha256.c. */
void om_sha256_blocks_ni(uint32_t state[8], const uint8_t *data, size_t count);
extern const uint32_t om_sha256_k[64];

#endif
