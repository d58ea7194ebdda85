/* SPDX-License-Identifier: Apache-2.0 */
/* What the handshakes have in common: the specification's SymmetricState (section 5.2) of 25519_AESGCM_SHA256. For core/noise*.c only. */
#ifndef OPTMIG_CORE_NOISE_SYMMETRIC_H
#define OPTMIG_CORE_NOISE_SYMMETRIC_H

#include <stdbool.h>
#include <string.h>
#include "crypto/ec.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "noise.h"

/* MixHash. */
static inline void noise_mix_hash(uint8_t hash[OM_NOISE_HASH_SIZE], const void *data, size_t size)
{
	struct om_sha256 sha;

	om_sha256_init(&sha, 0);
	om_sha256_update(&sha, hash, OM_NOISE_HASH_SIZE);
	om_sha256_update(&sha, data, size);
	om_sha256_result(&sha, hash);
}

/* HKDF(ck, input, 2). The result is secret. */
static inline void noise_derive_two(const uint8_t chaining_key[32], const void *input, size_t size, uint8_t ret[64])
{
	/* 64 bytes are far below HKDF's limit: it cannot fail */
	if (om_hkdf(chaining_key, 32, input, size, NULL, 0, ret, 64))
		__builtin_trap();
}

/* MixKey(DH(private, public)). @ret_key: what EncryptAndHash uses from now on. Return: OM_EAUTH, a key of small order. */
__attribute__((warn_unused_result))
static inline int noise_mix_dh(uint8_t chaining_key[32], const uint8_t private[32], const uint8_t public[32], uint8_t ret_key[32])
{
	uint8_t shared[32], two[64];

	if (om_x25519(private, public, shared))
		return OM_EAUTH;
	noise_derive_two(chaining_key, shared, sizeof shared, two);
	memcpy(chaining_key, two, 32);
	memcpy(ret_key, two + 32, 32);
	om_wipe(shared, sizeof shared);
	om_wipe(two, sizeof two);
	return 0;
}

/* Split: the initiator sends with the first key. */
static inline void noise_split(const uint8_t chaining_key[32], bool initiator, uint8_t ret_send[OM_NOISE_KEY_SIZE],
	uint8_t ret_receive[OM_NOISE_KEY_SIZE])
{
	uint8_t two[64];

	noise_derive_two(chaining_key, NULL, 0, two);
	memcpy(ret_send, two + (initiator ? 0 : 32), 32);
	memcpy(ret_receive, two + (initiator ? 32 : 0), 32);
	om_wipe(two, sizeof two);
}

#endif
