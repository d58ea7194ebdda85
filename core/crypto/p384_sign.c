/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing with P-384, for the demonstration security processor and tests. Never in an enclave.
 */
#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <string.h>
#include "crypto/p384.h"
#include "crypto/wipe.h"

void om_p384_derive(const uint8_t seed[OM_P384_SIZE], uint8_t ret_private[OM_P384_SIZE], uint8_t ret_public[OM_P384_PUBLIC])
{
	/* n - 1 */
	static const uint8_t limit[OM_P384_SIZE] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
		0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x72,
	};
	uint8_t difference[OM_P384_SIZE], point[1 + OM_P384_PUBLIC];
	unsigned borrow = 0, carry = 1;

	for (int i = OM_P384_SIZE - 1; i >= 0; i--) {
		const unsigned d = (unsigned)seed[i] - limit[i] - borrow;
		difference[i] = (uint8_t)d;
		borrow = d >> 8 & 1;
	}
	/* seed < 2 (n - 1), so one subtraction reduces it; borrow says that it was smaller already */
	for (int i = OM_P384_SIZE - 1; i >= 0; i--) {
		const uint8_t mask = (uint8_t)-borrow;
		const unsigned x = (unsigned)((seed[i] & mask) | (difference[i] & (uint8_t)~mask)) + carry;
		ret_private[i] = (uint8_t)x;
		carry = x >> 8;
	}
	(void)br_ec_prime_i31.mulgen(point, ret_private, OM_P384_SIZE, BR_EC_secp384r1); /* always 97 bytes */
	memcpy(ret_public, point + 1, OM_P384_PUBLIC);
	om_wipe(difference, sizeof difference);
}

int om_p384_sign(const uint8_t private[OM_P384_SIZE], const uint8_t hash[OM_SHA384_SIZE],
	uint8_t ret_signature[OM_P384_SIGNATURE])
{
	uint8_t scalar[OM_P384_SIZE], signature[OM_P384_SIGNATURE];
	br_ec_private_key key = { .curve = BR_EC_secp384r1, .x = scalar, .xlen = sizeof scalar };
	size_t size;

	memcpy(scalar, private, sizeof scalar);
	size = br_ecdsa_i31_sign_raw(&br_ec_prime_i31, &br_sha384_vtable, hash, &key, signature);
	om_wipe(scalar, sizeof scalar);
	if (size != sizeof signature)
		return OM_EINVAL;
	memcpy(ret_signature, signature, sizeof signature);
	return 0;
}
