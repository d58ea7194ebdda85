/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSS over BearSSL's modular exponentiation, which has no PSS of its own.
 *
 *      ┌──────────────────────────────────────┬────────┬────┐
 *   EM │ DB, masked with MGF1(H)              │ H      │ bc │   512 bytes, first bit zero
 *      └──────────────────────────────────────┴────────┴────┘
 *   DB = 414 zeros, 01, salt (48)         H = SHA-384(8 zeros, hash of the message, salt)
 */
#include <bearssl_rsa.h>
#include <string.h>
#include "crypto/rsa.h"
#include "crypto/wipe.h"

#define ZEROS (OM_PSS_BLOCK - 1 - OM_PSS_SALT)

void om_pss_hash(const uint8_t hash[OM_SHA384_SIZE], const uint8_t salt[OM_PSS_SALT], uint8_t ret_h[OM_SHA384_SIZE])
{
	static const uint8_t zero[8];
	struct om_sha512 s;

	om_sha384_init(&s);
	om_sha512_update(&s, zero, sizeof zero);
	om_sha512_update(&s, hash, OM_SHA384_SIZE);
	om_sha512_update(&s, salt, OM_PSS_SALT);
	om_sha384_result(&s, ret_h);
}

void om_pss_mask(const uint8_t h[OM_SHA384_SIZE], uint8_t block[OM_PSS_BLOCK])
{
	uint8_t counter[4] = { 0 }, mask[OM_SHA384_SIZE]; /* 463 bytes are 10 hashes: one byte of the counter moves */

	for (size_t at = 0; at < OM_PSS_BLOCK; at += sizeof mask, counter[3]++) {
		struct om_sha512 s;

		om_sha384_init(&s);
		om_sha512_update(&s, h, OM_SHA384_SIZE);
		om_sha512_update(&s, counter, sizeof counter);
		om_sha384_result(&s, mask);
		for (size_t i = 0; i < sizeof mask && at + i < OM_PSS_BLOCK; i++)
			block[at + i] ^= mask[i];
	}
}

/* EMSA-PSS-VERIFY (9.1.2), its steps in its order. */
static int encoding_holds(uint8_t em[OM_RSA_SIZE], const uint8_t hash[OM_SHA384_SIZE])
{
	const uint8_t *h = em + OM_PSS_BLOCK;
	uint8_t want[OM_SHA384_SIZE], filling = 0;

	if (em[OM_RSA_SIZE - 1] != 0xbc || em[0] & 0x80)
		return OM_EAUTH;
	om_pss_mask(h, em);
	em[0] &= 0x7f;
	for (size_t i = 0; i < ZEROS; i++)
		filling = (uint8_t)(filling | em[i]);
	if (filling || em[ZEROS] != 1)
		return OM_EAUTH;
	om_pss_hash(hash, em + ZEROS + 1, want);
	return om_equal(want, h, sizeof want) ? 0 : OM_EAUTH;
}

int om_rsa_pss_verify(const uint8_t modulus[OM_RSA_SIZE], const uint8_t hash[OM_SHA384_SIZE],
	const uint8_t signature[OM_RSA_SIZE])
{
	uint8_t n[OM_RSA_SIZE], exponent[] = { 1, 0, 1 }, em[OM_RSA_SIZE]; /* BearSSL's key has no const */
	const br_rsa_public_key key = { .n = n, .nlen = sizeof n, .e = exponent, .elen = sizeof exponent };

	if (!(modulus[0] & 0x80))
		return OM_EAUTH;
	memcpy(n, modulus, sizeof n);
	memcpy(em, signature, sizeof em);
	/* fails for a signature not below the modulus, and for an even modulus */
	if (!br_rsa_i62_public(em, sizeof em, &key))
		return OM_EAUTH;
	return encoding_holds(em, hash);
}
