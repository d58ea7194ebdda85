/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-384 and SHA-512 (FIPS 180-4). They differ in their first state and in how much of the last one is the hash.
 */
#ifndef OPTMIG_CORE_CRYPTO_SHA512_H
#define OPTMIG_CORE_CRYPTO_SHA512_H

#include <stddef.h>
#include <stdint.h>

#define OM_SHA384_SIZE   48
#define OM_SHA512_SIZE   64
#define OM_SHA512_BLOCK  128   /* of both */

struct om_sha512 {
	uint64_t state[8];
	uint64_t size;                     /* bytes so far; below 2^61 */
	uint8_t  buffer[OM_SHA512_BLOCK];  /* size % 128 bytes not processed yet */
};

void om_sha384_init(struct om_sha512 *s);     /* to be ended by om_sha384_result() */
void om_sha512_init(struct om_sha512 *s);     /* to be ended by om_sha512_result() */
/* For both. */
void om_sha512_update(struct om_sha512 *s, const void *data, size_t size);
/* *s stays as it is and may go on. The result is that of the function that began. */
void om_sha384_result(const struct om_sha512 *s, uint8_t ret_hash[OM_SHA384_SIZE]);
/* The same, of om_sha512_init(). */
void om_sha512_result(const struct om_sha512 *s, uint8_t ret_hash[OM_SHA512_SIZE]);
/* All at once; the state is wiped. */
void om_sha384(const void *data, size_t size, uint8_t ret_hash[OM_SHA384_SIZE]);
/* The same. */
void om_sha512(const void *data, size_t size, uint8_t ret_hash[OM_SHA512_SIZE]);

#endif
