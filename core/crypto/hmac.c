/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA256 and HKDF. An om_hmac holds both hash states with the padded key absorbed, so it can be copied to
 * authenticate several messages.
 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"

void om_hmac_init(struct om_hmac *h, const void *key, size_t key_size)
{
	uint8_t block[OM_SHA256_BLOCK] = { 0 };

	if (key_size > sizeof block)
		om_sha256(key, key_size, block);
	else if (key_size)
		memcpy(block, key, key_size);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36;
	om_sha256_init(&h->inner, 0);
	om_sha256_update(&h->inner, block, sizeof block);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36 ^ 0x5c;
	om_sha256_init(&h->outer, 0);
	om_sha256_update(&h->outer, block, sizeof block);
	om_wipe(block, sizeof block);
}

void om_hmac_update(struct om_hmac *h, const void *data, size_t size)
{
	om_sha256_update(&h->inner, data, size);
}

void om_hmac_result(const struct om_hmac *h, uint8_t ret_mac[OM_SHA256_SIZE])
{
	struct om_sha256 outer = h->outer;
	uint8_t inner[OM_SHA256_SIZE];

	om_sha256_result(&h->inner, inner);
	om_sha256_update(&outer, inner, sizeof inner);
	om_sha256_result(&outer, ret_mac);
	om_wipe(&outer, sizeof outer);
	om_wipe(inner, sizeof inner);
}

void om_hmac(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret_mac[OM_SHA256_SIZE])
{
	struct om_hmac h;

	om_hmac_init(&h, key, key_size);
	om_hmac_update(&h, data, size);
	om_hmac_result(&h, ret_mac);
	om_wipe(&h, sizeof h);
}

void om_hkdf_extract(const void *salt, size_t salt_size, const void *secret, size_t secret_size,
	uint8_t ret_prk[OM_SHA256_SIZE])
{
	om_hmac(salt, salt_size, secret, secret_size, ret_prk); /* no salt is a key of zeros: the same as an empty key */
}

int om_hkdf_expand(const uint8_t prk[OM_SHA256_SIZE], const void *info, size_t info_size, void *ret, size_t size)
{
	struct om_hmac keyed, h;
	uint8_t block[OM_SHA256_SIZE];
	uint8_t *to = ret;

	if (size > OM_HKDF_OUTPUT_MAX)
		return OM_EOVERFLOW;
	om_hmac_init(&keyed, prk, OM_SHA256_SIZE);
	for (uint8_t counter = 1; size; counter++) {
		const size_t part = size < sizeof block ? size : sizeof block;

		h = keyed;
		if (counter > 1)
			om_hmac_update(&h, block, sizeof block);
		om_hmac_update(&h, info, info_size);
		om_hmac_update(&h, &counter, 1);
		om_hmac_result(&h, block);
		memcpy(to, block, part);
		to += part;
		size -= part;
	}
	om_wipe(&keyed, sizeof keyed);
	om_wipe(&h, sizeof h);
	om_wipe(block, sizeof block);
	return 0;
}

int om_hkdf(const void *salt, size_t salt_size, const void *secret, size_t secret_size,
	const void *info, size_t info_size, void *ret, size_t size)
{
	uint8_t prk[OM_SHA256_SIZE];
	int error;

	om_hkdf_extract(salt, salt_size, secret, secret_size, prk);
	error = om_hkdf_expand(prk, info, info_size, ret, size);
	om_wipe(prk, sizeof prk);
	return error;
}
