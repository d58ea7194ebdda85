/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "cursor.h"
#include "evidence/authentic/lineage.h"

int om_lineage_pair(const uint8_t key[OM_LINEAGE_KEY], uint8_t ret_private[OM_P256_SIZE], uint8_t ret_public[OM_P256_PUBLIC])
{
	static const char salt[] = "optmig lineage 1", label[] = "optmig lineage id 1";
	uint8_t seed[32];
	const int error = om_hkdf(salt, sizeof salt - 1, key, OM_LINEAGE_KEY, label, sizeof label, seed, sizeof seed);

	if (!error)
		om_p256_derive(seed, ret_private, ret_public);
	om_wipe(seed, sizeof seed);
	return error ? OM_EINVAL : 0;
}

void om_lineage_name(const uint8_t public[OM_P256_PUBLIC], uint8_t ret_name[OM_LINEAGE_ID])
{
	uint8_t hash[OM_SHA256_SIZE];

	om_sha256(public, OM_P256_PUBLIC, hash);
	memcpy(ret_name, hash, OM_LINEAGE_ID);
}

void om_lineage_hash(const struct om_claims *claims, uint8_t ret[32])
{
	static const char label[] = "optmig lineage certifies 1";
	uint8_t bytes[sizeof label + 2 + OM_PUBKEY_HASH_MAX + OM_INSTANCE_CLAIM + OM_P256_PUBLIC];
	struct om_put p;

	om_put_init(&p, bytes, sizeof bytes);
	om_put_bytes(&p, label, sizeof label);
	om_put_u8(&p, claims->lineage.kind);
	om_put_u8(&p, (uint8_t)claims->algorithm);
	om_put_bytes(&p, claims->pubkey_hash.data, claims->pubkey_hash.size);
	om_instance_put(&p, &claims->instance);
	om_put_bytes(&p, claims->lineage.public, sizeof claims->lineage.public);
	om_sha256(bytes, om_put_size(&p), ret);
}

int om_lineage_verify(const struct om_claims *claims)
{
	uint8_t name[OM_LINEAGE_ID], hash[32];

	if (!claims->has_lineage)
		return OM_ENOTFOUND;
	om_lineage_name(claims->lineage.public, name);
	if (!claims->has_instance || claims->pubkey_hash.size > OM_PUBKEY_HASH_MAX || !om_equal(name, claims->instance.lineage, sizeof name))
		return OM_EAUTH;
	om_lineage_hash(claims, hash);
	return om_p256_verify(claims->lineage.public, hash, claims->lineage.signature) ? OM_EAUTH : 0;
}
