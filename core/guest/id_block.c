/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "bytes.h"
#include "cursor.h"
#include "guest/id_block.h"

#define BLOCK_VERSION   1u
#define ECDSA_P384      1u
#define CURVE_P384      2u
#define NUMBER          72u             /* little-endian; ours are 48 bytes, big-endian */
#define SIGNATURE_SIZE  512u
#define AT_BLOCK_SIGNATURE 0x40u
#define AT_ID_KEY       0x240u
#define AT_KEY_SIGNATURE 0x680u
#define AT_AUTHOR_KEY   0x880u

/* ---- writing ---- */

static void put_number(struct om_put *p, const uint8_t number[OM_P384_SIZE])
{
	for (size_t i = OM_P384_SIZE; i-- > 0;)
		om_put_u8(p, number[i]);
	om_put_zeros(p, NUMBER - OM_P384_SIZE);
}

static void put_key(struct om_put *p, const uint8_t public[OM_P384_PUBLIC])
{
	om_put_u32(p, CURVE_P384);
	put_number(p, public);
	put_number(p, public + OM_P384_SIZE);
	om_put_zeros(p, OM_ID_KEY_SIZE - 4 - 2 * NUMBER);
}

static void put_signature(struct om_put *p, const uint8_t signature[OM_P384_SIGNATURE])
{
	put_number(p, signature);
	put_number(p, signature + OM_P384_SIZE);
	om_put_zeros(p, SIGNATURE_SIZE - 2 * NUMBER);
}

void om_id_block_encode(const struct om_id_block *b, uint8_t ret[OM_ID_BLOCK_SIZE])
{
	struct om_put p;

	om_put_init(&p, ret, OM_ID_BLOCK_SIZE);
	om_put_bytes(&p, b->digest, sizeof b->digest);
	om_put_bytes(&p, b->family, sizeof b->family);
	om_put_bytes(&p, b->image, sizeof b->image);
	om_put_u32(&p, BLOCK_VERSION);
	om_put_u32(&p, b->svn);
	om_put_u64(&p, b->policy);
}

void om_id_auth_encode(const struct om_id_auth *a, uint8_t ret[OM_ID_AUTH_SIZE])
{
	struct om_put p;

	om_put_init(&p, ret, OM_ID_AUTH_SIZE);
	om_put_u32(&p, ECDSA_P384);
	om_put_u32(&p, a->author ? ECDSA_P384 : 0);
	om_put_zeros(&p, AT_BLOCK_SIGNATURE - 8);
	put_signature(&p, a->block_signature);
	put_key(&p, a->id_key);
	om_put_zeros(&p, AT_KEY_SIGNATURE - AT_ID_KEY - OM_ID_KEY_SIZE);
	if (a->author) {
		put_signature(&p, a->key_signature);
		put_key(&p, a->author_key);
	}
	om_put_zeros(&p, OM_ID_AUTH_SIZE - om_put_size(&p));
}

void om_id_key_digest(const uint8_t public[OM_P384_PUBLIC], uint8_t ret[OM_SHA384_SIZE])
{
	uint8_t bytes[OM_ID_KEY_SIZE];
	struct om_put p;

	om_put_init(&p, bytes, sizeof bytes);
	put_key(&p, public);
	om_sha384(bytes, sizeof bytes, ret);
}

/* ---- reading ---- */

static void get_number(struct om_get *g, uint8_t ret[OM_P384_SIZE])
{
	for (size_t i = OM_P384_SIZE; i-- > 0;)
		ret[i] = om_get_u8(g);
	om_get_zeros(g, NUMBER - OM_P384_SIZE);
}

static void get_signature(struct om_get *g, uint8_t ret[OM_P384_SIGNATURE])
{
	get_number(g, ret);
	get_number(g, ret + OM_P384_SIZE);
	om_get_zeros(g, SIGNATURE_SIZE - 2 * NUMBER);
}

static void get_key(struct om_get *g, uint8_t ret[OM_P384_PUBLIC])
{
	if (om_get_u32(g) != CURVE_P384)
		om_get_fail(g, OM_EUNSUPPORTED);
	get_number(g, ret);
	get_number(g, ret + OM_P384_SIZE);
	om_get_zeros(g, OM_ID_KEY_SIZE - 4 - 2 * NUMBER);
}

static int decode_block(const uint8_t bytes[OM_ID_BLOCK_SIZE], struct om_id_block *ret)
{
	struct om_get g;

	om_get_init(&g, bytes, OM_ID_BLOCK_SIZE);
	om_get_bytes(&g, ret->digest, sizeof ret->digest);
	om_get_bytes(&g, ret->family, sizeof ret->family);
	om_get_bytes(&g, ret->image, sizeof ret->image);
	if (om_get_u32(&g) != BLOCK_VERSION)
		om_get_fail(&g, OM_EVERSION);
	ret->svn = om_get_u32(&g);
	ret->policy = om_get_u64(&g);
	return om_get_end(&g);
}

static int decode_auth(const uint8_t bytes[OM_ID_AUTH_SIZE], struct om_id_auth *ret)
{
	struct om_get g;
	uint32_t author;

	om_get_init(&g, bytes, OM_ID_AUTH_SIZE);
	if (om_get_u32(&g) != ECDSA_P384)
		om_get_fail(&g, OM_EUNSUPPORTED);
	author = om_get_u32(&g);
	if (author && author != ECDSA_P384)
		om_get_fail(&g, OM_EUNSUPPORTED);
	ret->author = author != 0;
	om_get_zeros(&g, AT_BLOCK_SIGNATURE - 8);
	get_signature(&g, ret->block_signature);
	get_key(&g, ret->id_key);
	om_get_zeros(&g, AT_KEY_SIGNATURE - AT_ID_KEY - OM_ID_KEY_SIZE);
	if (ret->author) {
		get_signature(&g, ret->key_signature);
		get_key(&g, ret->author_key);
	}
	om_get_zeros(&g, om_get_left(&g));
	return om_get_end(&g);
}

int om_id_verify(const uint8_t block[OM_ID_BLOCK_SIZE], const uint8_t auth[OM_ID_AUTH_SIZE], struct om_id_owner *ret)
{
	struct om_id_owner owner = { .author = false };
	struct om_id_auth a = { .author = false };
	uint8_t hash[OM_SHA384_SIZE];
	int error = decode_block(block, &owner.block);

	if (!error)
		error = decode_auth(auth, &a);
	if (error)
		return error;
	om_sha384(block, OM_ID_BLOCK_SIZE, hash);
	error = om_p384_verify(a.id_key, hash, a.block_signature);
	om_id_key_digest(a.id_key, owner.id_key);
	if (!error && a.author) {
		error = om_p384_verify(a.author_key, owner.id_key, a.key_signature);   /* it signs those 1028 bytes */
		om_id_key_digest(a.author_key, owner.author_key);
		owner.author = true;
	}
	if (error)
		return error;
	*ret = owner;
	return 0;
}
