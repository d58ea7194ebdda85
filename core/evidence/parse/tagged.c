/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Only the five kinds of items that it names are read or written, each with a length and in the shortest encoding, so
 * that one evidence has one form.
 */
#include <assert.h>
#include <string.h>
#include "crypto/sha256.h"
#include "cursor.h"
#include "evidence/parse/tagged.h"

enum major { UINT = 0, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6 };

static const char pubkey_hash[] = "pubkey-hash", nonce_name[] = "nonce", instance_name[] = "optmig-instance", lineage_name[] = "optmig-lineage";

/* Return: 0: the algorithm is not known. */
static size_t hash_size(enum om_hash_id algorithm)
{
	switch (algorithm) {
	case OM_HASH_SHA256: return 32;
	case OM_HASH_SHA384: return 48;
	case OM_HASH_SHA512: return OM_PUBKEY_HASH_MAX;
	default:             return 0;
	}
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------------------------- */

static void put_head(struct om_put *p, enum major major, uint32_t value)
{
	const uint8_t type = (uint8_t)(major << 5);

	if (value < 24) {
		om_put_u8(p, (uint8_t)(type | value));
	} else if (value <= UINT8_MAX) {
		om_put_u8(p, type | 24);
		om_put_u8(p, (uint8_t)value);
	} else if (value <= UINT16_MAX) {
		om_put_u8(p, type | 25);
		om_put_u8(p, (uint8_t)(value >> 8));
		om_put_u8(p, (uint8_t)value);
	} else {
		om_put_u8(p, type | 26);
		for (int shift = 24; shift >= 0; shift -= 8)
			om_put_u8(p, (uint8_t)(value >> shift));
	}
}

static void put_string(struct om_put *p, enum major major, const void *bytes, size_t size)
{
	put_head(p, major, (uint32_t)size);
	om_put_bytes(p, bytes, size);
}

void om_instance_put(struct om_put *p, const struct om_instance *instance)
{
	om_put_bytes(p, instance->id, sizeof instance->id);
	om_put_bytes(p, instance->lineage, sizeof instance->lineage);
	om_put_u64(p, instance->next_move);
	om_put_u64(p, instance->guests_floor);
	om_put_u64(p, instance->made);
}

static void put_lineage(struct om_put *p, const struct om_certifier *lineage)
{
	om_put_u8(p, lineage->kind);
	om_put_bytes(p, lineage->public, sizeof lineage->public);
	om_put_bytes(p, lineage->signature, sizeof lineage->signature);
}

/* The name of a claim, and the head of its `size` bytes, which follow. */
static void put_claim(struct om_put *p, const char *name, size_t size)
{
	put_string(p, TEXT, name, strlen(name));
	put_head(p, BYTES, (uint32_t)size);
}

int om_claims_encode(const struct om_claims *c, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t entry[OM_PUBKEY_HASH_MAX + 8];
	struct om_put p;

	if (c->nonce.size > OM_NONCE_MAX)
		return OM_EOVERFLOW;
	if (!c->pubkey_hash.size || c->pubkey_hash.size != hash_size(c->algorithm))
		return OM_EINVAL;
	om_put_init(&p, entry, sizeof entry);
	put_head(&p, ARRAY, 2);
	put_head(&p, UINT, c->algorithm);
	put_string(&p, BYTES, c->pubkey_hash.data, c->pubkey_hash.size);
	const size_t entry_size = om_put_size(&p);

	om_put_init(&p, buffer, buffer_size);
	put_head(&p, MAP, 1u + (c->nonce.size != 0) + c->has_instance + c->has_lineage);
	put_claim(&p, pubkey_hash, entry_size);
	om_put_bytes(&p, entry, entry_size);
	if (c->nonce.size) {
		put_claim(&p, nonce_name, c->nonce.size);
		om_put_bytes(&p, c->nonce.data, c->nonce.size);
	}
	if (c->has_instance) {
		put_claim(&p, instance_name, OM_INSTANCE_CLAIM);
		om_instance_put(&p, &c->instance);
	}
	if (c->has_lineage) {
		put_claim(&p, lineage_name, OM_LINEAGE_CLAIM);
		put_lineage(&p, &c->lineage);
	}
	*ret_size = om_put_size(&p);
	return om_put_end(&p);
}

int om_tagged_encode(struct om_view evidence, struct om_view claims, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	struct om_put p;

	if (evidence.size > UINT16_MAX || claims.size > UINT16_MAX)
		return OM_EOVERFLOW;
	om_put_init(&p, buffer, buffer_size);
	put_head(&p, TAG, OM_TAG_TEE_QUOTE);
	put_head(&p, ARRAY, 2);
	put_string(&p, BYTES, evidence.data, evidence.size);
	put_string(&p, BYTES, claims.data, claims.size);
	*ret_size = om_put_size(&p);
	return om_put_end(&p);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------------------------- */

static uint32_t get_head(struct om_get *g, enum major major)
{
	const uint8_t first = om_get_u8(g), code = first & 31;
	const int bytes = code < 24 ? 0 : code == 24 ? 1 : code == 25 ? 2 : code == 26 ? 4 : -1;
	uint32_t value = code;

	if (first >> 5 != major || bytes < 0) {
		om_get_fail(g, OM_EINVAL);
		return 0;
	}
	for (int i = 0; i < bytes; i++)
		value = (i ? value << 8 : 0) | om_get_u8(g);
	if ((bytes == 1 && value < 24) || (bytes == 2 && value <= UINT8_MAX) || (bytes == 4 && value <= UINT16_MAX))
		om_get_fail(g, OM_EINVAL);
	return value;
}

static struct om_view get_string(struct om_get *g, enum major major)
{
	const size_t size = get_head(g, major);
	const uint8_t *at = om_get_view(g, size);

	return (struct om_view) { at, at ? size : 0 };
}

static bool is(struct om_view text, const char *words)
{
	return text.size == strlen(words) && !memcmp(text.data, words, text.size);
}

int om_tagged_parse(struct om_view data, struct om_tagged *ret)
{
	struct om_get g;

	om_get_init(&g, data.data, data.size);
	ret->tag = get_head(&g, TAG);
	if (!g.error && ret->tag != OM_TAG_TEE_QUOTE)
		return OM_EUNSUPPORTED;
	if (get_head(&g, ARRAY) != 2)
		om_get_fail(&g, OM_EINVAL);
	ret->evidence = get_string(&g, BYTES);
	ret->claims = get_string(&g, BYTES);
	return om_get_end(&g);
}

static int hash_entry(struct om_view data, struct om_claims *ret)
{
	struct om_get g;

	om_get_init(&g, data.data, data.size);
	if (get_head(&g, ARRAY) != 2)
		om_get_fail(&g, OM_EINVAL);
	ret->algorithm = get_head(&g, UINT);
	ret->pubkey_hash = get_string(&g, BYTES);
	if (g.error)
		return g.error;
	if (!hash_size(ret->algorithm))
		return OM_EUNSUPPORTED;
	return ret->pubkey_hash.size == hash_size(ret->algorithm) ? om_get_end(&g) : OM_EINVAL;
}

static int instance_entry(struct om_view data, struct om_instance *ret)
{
	struct om_get g;

	om_get_init(&g, data.data, data.size);
	om_get_bytes(&g, ret->id, sizeof ret->id);
	om_get_bytes(&g, ret->lineage, sizeof ret->lineage);
	ret->next_move = om_get_u64(&g);
	ret->guests_floor = om_get_u64(&g);
	ret->made = om_get_u64(&g);
	return om_get_end(&g);
}

static int lineage_entry(struct om_view data, struct om_certifier *ret)
{
	struct om_get g;

	om_get_init(&g, data.data, data.size);
	ret->kind = om_get_u8(&g);
	om_get_bytes(&g, ret->public, sizeof ret->public);
	om_get_bytes(&g, ret->signature, sizeof ret->signature);
	return om_get_end(&g);
}

int om_claims_parse(struct om_view data, struct om_claims *ret)
{
	struct om_view entry = { 0 }, instance = { 0 }, lineage = { 0 };
	bool hash = false, nonce = false;
	uint32_t count;
	struct om_get g;

	*ret = (struct om_claims) { 0 };
	om_get_init(&g, data.data, data.size);
	count = get_head(&g, MAP);
	for (uint32_t i = 0; i < count && !g.error; i++) {
		const struct om_view name = get_string(&g, TEXT), value = get_string(&g, BYTES);

		if (is(name, pubkey_hash) && !hash) {
			hash = true;
			entry = value;
		} else if (is(name, nonce_name) && !nonce) {
			nonce = true;
			ret->nonce = value;
		} else if (is(name, instance_name) && !ret->has_instance) {
			ret->has_instance = true;
			instance = value;
		} else if (is(name, lineage_name) && !ret->has_lineage) {
			ret->has_lineage = true;
			lineage = value;
		} else {
			om_get_fail(&g, OM_EINVAL);
		}
	}
	if (!g.error && !hash)
		return OM_EINVAL;
	if (om_get_end(&g))
		return om_get_end(&g);
	if ((ret->has_instance && instance_entry(instance, &ret->instance)) || (ret->has_lineage && lineage_entry(lineage, &ret->lineage)))
		return OM_EINVAL;
	return hash_entry(entry, ret);
}

void om_claims_report_data(struct om_view claims, uint8_t ret[64])
{
	memset(ret, 0, 64);
	om_sha256(claims.data, claims.size, ret);
}

void om_fresh_report_data(struct om_view claims, uint8_t ret[64])
{
	static_assert(sizeof OM_FRESH_LABEL - 1 == OM_FRESH_LABEL_SIZE && OM_FRESH_LABEL_SIZE == 32, "it takes the half that the hash leaves");

	om_sha256(claims.data, claims.size, ret);
	memcpy(ret + 32, OM_FRESH_LABEL, OM_FRESH_LABEL_SIZE);
}
