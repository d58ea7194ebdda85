/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to BearSSL's curves; only this file, p384*.c and rsa*.c include its headers. Its i31 code is constant time and
 * takes all its memory from the stack.
 */
#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <string.h>
#include "crypto/ec.h"
#include "crypto/wipe.h"

/* BearSSL takes this curve's scalars and points in RFC 7748's byte order, and clamps. */
static void multiply(uint8_t point[32], const uint8_t private[32])
{
	(void)br_ec_c25519_m31.mul(point, 32, private, 32, BR_EC_curve25519); /* fails for wrong sizes only */
}

void om_x25519_public(const uint8_t private[OM_X25519_SIZE], uint8_t ret_public[OM_X25519_SIZE])
{
	uint8_t point[32] = { 9 };

	multiply(point, private);
	memcpy(ret_public, point, sizeof point);
}

int om_x25519(const uint8_t private[OM_X25519_SIZE], const uint8_t public[OM_X25519_SIZE],
	uint8_t ret_shared[OM_X25519_SIZE])
{
	static const uint8_t zero[32];
	uint8_t point[32];
	int error = OM_EAUTH;

	memcpy(point, public, sizeof point);
	multiply(point, private);
	if (!om_equal(point, zero, sizeof zero)) {
		memcpy(ret_shared, point, sizeof point);
		error = 0;
	}
	om_wipe(point, sizeof point);
	return error;
}

int om_p256_verify(const uint8_t public[OM_P256_PUBLIC], const uint8_t hash[32], const uint8_t signature[OM_P256_SIGNATURE])
{
	uint8_t point[1 + OM_P256_PUBLIC] = { 4 };
	const br_ec_public_key key = { .curve = BR_EC_secp256r1, .q = point, .qlen = sizeof point };

	memcpy(point + 1, public, OM_P256_PUBLIC);
	return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, hash, 32, &key, signature, OM_P256_SIGNATURE) ? 0 : OM_EAUTH;
}

bool om_p256_valid(const uint8_t public[OM_P256_PUBLIC])
{
	static const uint8_t one[1] = { 1 };
	uint8_t point[1 + OM_P256_PUBLIC] = { 4 };

	memcpy(point + 1, public, OM_P256_PUBLIC);
	return br_ec_p256_m31.mul(point, sizeof point, one, sizeof one, BR_EC_secp256r1) == 1;
}

void om_p256_derive(const uint8_t seed[32], uint8_t ret_private[OM_P256_SIZE], uint8_t ret_public[OM_P256_PUBLIC])
{
	/* n - 1 */
	static const uint8_t limit[32] = {
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x50,
	};
	uint8_t difference[32], point[1 + OM_P256_PUBLIC];
	unsigned borrow = 0, carry = 1;

	for (int i = 31; i >= 0; i--) {
		const unsigned d = (unsigned)seed[i] - limit[i] - borrow;
		difference[i] = (uint8_t)d;
		borrow = d >> 8 & 1;
	}
	/* seed < 2 (n - 1), so one subtraction reduces it; borrow says that it was smaller already */
	for (int i = 31; i >= 0; i--) {
		const uint8_t mask = (uint8_t)-borrow;
		const unsigned x = (unsigned)((seed[i] & mask) | (difference[i] & (uint8_t)~mask)) + carry;
		ret_private[i] = (uint8_t)x;
		carry = x >> 8;
	}
	(void)br_ec_p256_m31.mulgen(point, ret_private, OM_P256_SIZE, BR_EC_secp256r1); /* always 65 bytes */
	memcpy(ret_public, point + 1, OM_P256_PUBLIC);
	om_wipe(difference, sizeof difference);
}

int om_p256_sign(const uint8_t private[OM_P256_SIZE], const uint8_t hash[32], uint8_t ret_signature[OM_P256_SIGNATURE])
{
	uint8_t scalar[OM_P256_SIZE], signature[OM_P256_SIGNATURE];
	br_ec_private_key key = { .curve = BR_EC_secp256r1, .x = scalar, .xlen = sizeof scalar };
	size_t size;

	memcpy(scalar, private, sizeof scalar);
	size = br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, hash, &key, signature);
	om_wipe(scalar, sizeof scalar);
	if (size != sizeof signature)
		return OM_EINVAL;
	memcpy(ret_signature, signature, sizeof signature);
	return 0;
}
