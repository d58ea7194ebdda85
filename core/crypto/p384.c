/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door to BearSSL, like ec.c.
 */
#include <bearssl_ec.h>
#include <string.h>
#include "crypto/p384.h"

int om_p384_verify(const uint8_t public[OM_P384_PUBLIC], const uint8_t hash[OM_SHA384_SIZE],
	const uint8_t signature[OM_P384_SIGNATURE])
{
	uint8_t point[1 + OM_P384_PUBLIC] = { 4 };
	const br_ec_public_key key = { .curve = BR_EC_secp384r1, .q = point, .qlen = sizeof point };

	memcpy(point + 1, public, OM_P384_PUBLIC);
	return br_ecdsa_i31_vrfy_raw(&br_ec_prime_i31, hash, OM_SHA384_SIZE, &key, signature, OM_P384_SIGNATURE) ? 0 : OM_EAUTH;
}

bool om_p384_valid(const uint8_t public[OM_P384_PUBLIC])
{
	static const uint8_t one[1] = { 1 };
	uint8_t point[1 + OM_P384_PUBLIC] = { 4 };

	memcpy(point + 1, public, OM_P384_PUBLIC);
	return br_ec_prime_i31.mul(point, sizeof point, one, sizeof one, BR_EC_secp384r1) == 1;
}
