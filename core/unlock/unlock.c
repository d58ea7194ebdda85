/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Each message has one form: what decodes encodes to the same bytes. */
#include <string.h>
#include "bytes.h"
#include "crypto/gcm.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "unlock/unlock.h"

#define STATEMENT_MAGIC 0x53554d4fu
#define GRANT_MAGIC     0x47554d4fu
#define STATEMENT_LABEL "optmig unlock 1"
#define GRANT_LABEL     "optmig unlock grant 1"
#define ITEM_HEAD       8u

_Static_assert(sizeof OM_UNLOCK_LABEL - 1 == 32, "half of REPORTDATA");

/* ---- names, and their order ---- */

bool om_unlock_name_ok(const char *text, size_t size)
{
	if (!size || size > OM_UNLOCK_NAME_MAX || (text[0] == '.' && (size == 1 || (size == 2 && text[1] == '.'))))
		return false;
	for (size_t i = 0; i < size; i++) {
		const char c = text[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static int compare(struct om_view a, struct om_view b)
{
	const size_t least = a.size < b.size ? a.size : b.size;
	const int order = least ? memcmp(a.data, b.data, least) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static struct om_view name_view(const struct om_unlock_name *n)
{
	return (struct om_view) { (const uint8_t *)n->text, n->size };
}

static bool statement_sound(const struct om_unlock_statement *s)
{
	if (s->flags & ~OM_UNLOCK_FLAGS || s->count > OM_UNLOCK_NAMES_MAX)
		return false;
	for (unsigned i = 0; i < s->count; i++)
		if (s->name[i].size > OM_UNLOCK_NAME_MAX || !om_unlock_name_ok(s->name[i].text, s->name[i].size) ||
		    (i && compare(name_view(&s->name[i - 1]), name_view(&s->name[i])) >= 0))
			return false;
	return true;
}

/* ---- the statement ---- */

int om_unlock_statement_encode(const struct om_unlock_statement *s, uint8_t *buffer, size_t room, size_t *ret_size)
{
	struct om_put put;

	if (!statement_sound(s))
		return OM_EINVAL;
	om_put_init(&put, buffer, room);
	om_put_u32(&put, STATEMENT_MAGIC);
	om_put_u16(&put, OM_UNLOCK_VERSION);
	om_put_u16(&put, s->flags);
	om_put_bytes(&put, s->key, sizeof s->key);
	om_put_bytes(&put, s->nonce, sizeof s->nonce);
	om_put_bytes(&put, s->instance, sizeof s->instance);
	om_put_bytes(&put, s->seal, sizeof s->seal);
	om_put_bytes(&put, s->owner, sizeof s->owner);
	om_put_u8(&put, (uint8_t)s->count);
	om_put_zeros(&put, 7);
	for (unsigned i = 0; i < s->count; i++) {
		om_put_u8(&put, s->name[i].size);
		om_put_bytes(&put, s->name[i].text, s->name[i].size);
	}
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}

static void get_names(struct om_get *get, struct om_unlock_statement *s)
{
	if (s->count > OM_UNLOCK_NAMES_MAX) {
		om_get_fail(get, OM_EINVAL);
		s->count = 0;
	}
	for (unsigned i = 0; i < s->count; i++) {
		s->name[i].size = om_get_u8(get);
		if (s->name[i].size > OM_UNLOCK_NAME_MAX) {
			om_get_fail(get, OM_EINVAL);
			s->name[i].size = 0;
		}
		om_get_bytes(get, s->name[i].text, s->name[i].size);
	}
}

int om_unlock_statement_decode(struct om_view bytes, struct om_unlock_statement *ret)
{
	struct om_unlock_statement s = { 0 };
	struct om_get get;
	int error;

	om_get_init(&get, bytes.data, bytes.size);
	if (om_get_u32(&get) != STATEMENT_MAGIC)
		om_get_fail(&get, OM_ETYPE);
	if (om_get_u16(&get) != OM_UNLOCK_VERSION)
		om_get_fail(&get, OM_EVERSION);
	s.flags = om_get_u16(&get);
	om_get_bytes(&get, s.key, sizeof s.key);
	om_get_bytes(&get, s.nonce, sizeof s.nonce);
	om_get_bytes(&get, s.instance, sizeof s.instance);
	om_get_bytes(&get, s.seal, sizeof s.seal);
	om_get_bytes(&get, s.owner, sizeof s.owner);
	s.count = om_get_u8(&get);
	om_get_zeros(&get, 7);
	get_names(&get, &s);
	error = om_get_end(&get);
	if (error)
		return error;
	if (!statement_sound(&s))
		return OM_EINVAL;
	*ret = s;
	return 0;
}

static void labelled_hash(const char *label, size_t label_size, struct om_view bytes, uint8_t ret_hash[32])
{
	struct om_sha256 s;

	om_sha256_init(&s, 0);
	om_sha256_update(&s, label, label_size);
	om_sha256_update(&s, bytes.data, bytes.size);
	om_sha256_result(&s, ret_hash);
}

void om_unlock_statement_hash(struct om_view bytes, uint8_t ret_hash[32])
{
	labelled_hash(STATEMENT_LABEL, sizeof STATEMENT_LABEL - 1, bytes, ret_hash);
}

void om_unlock_report_data(const uint8_t hash[32], uint8_t ret[64])
{
	memcpy(ret, hash, 32);
	memcpy(ret + 32, OM_UNLOCK_LABEL, 32);
}

/* ---- items ---- */

/* Its own form. */
static bool item_sound(const struct om_unlock_item *i)
{
	if (i->type == OM_UNLOCK_SECRET)
		return om_unlock_name_ok((const char *)i->name.data, i->name.size) && i->bytes.size <= OM_UNLOCK_SECRETS_MAX;
	if (i->name.size)
		return false;
	switch (i->type) {
	case OM_UNLOCK_LINEAGE: return i->bytes.size == 32;
	case OM_UNLOCK_RESTART: return i->bytes.size == 16;
	case OM_UNLOCK_ORDER:   return i->bytes.size > 32 && i->bytes.size <= 32 + OM_UNLOCK_STATEMENT_MAX;
	case OM_UNLOCK_PACKAGE: return i->bytes.size >= OM_UNLOCK_BOX(0);
	case OM_UNLOCK_ROOTS:   return i->bytes.size <= OM_UNLOCK_ROOTS_MAX;
	default:                return false;
	}
}

int om_unlock_item_put(struct om_put *put, const struct om_unlock_item *item)
{
	if (!item_sound(item))
		return OM_EINVAL;
	om_put_u8(put, (uint8_t)item->type);
	om_put_u8(put, (uint8_t)item->name.size);
	om_put_u16(put, 0);
	om_put_u32(put, (uint32_t)item->bytes.size);
	if (item->name.size)
		om_put_bytes(put, item->name.data, item->name.size);
	if (item->bytes.size)
		om_put_bytes(put, item->bytes.data, item->bytes.size);
	return put->error;
}

static void item_get(struct om_get *get, struct om_unlock_item *ret)
{
	ret->type = (enum om_unlock_type)om_get_u8(get);
	ret->name.size = om_get_u8(get);
	om_get_zeros(get, 2);
	ret->bytes.size = om_get_u32(get);
	ret->name.data = om_get_view(get, ret->name.size);
	ret->bytes.data = om_get_view(get, ret->bytes.size);
}

int om_unlock_items_check(struct om_view body)
{
	struct om_unlock_item item, last = { 0 };
	struct om_get get;

	om_get_init(&get, body.data, body.size);
	while (!get.error && om_get_left(&get)) {
		item_get(&get, &item);
		if (get.error)
			return get.error;
		if (!item_sound(&item))
			return item.type >= OM_UNLOCK_LINEAGE && item.type <= OM_UNLOCK_SECRET ? OM_EINVAL : OM_ETYPE;
		if (item.type < last.type || (item.type == last.type && (!item.name.size || compare(last.name, item.name) >= 0)))
			return OM_EINVAL;
		last = item;
	}
	return om_get_end(&get);
}

bool om_unlock_item_next(struct om_view *at, struct om_unlock_item *ret)
{
	struct om_get get;

	if (!at->size)
		return false;
	om_get_init(&get, at->data, at->size);
	item_get(&get, ret);
	if (get.error)
		return false;
	*at = (struct om_view) { get.p, om_get_left(&get) };
	return true;
}

/* ---- boxes ---- */

static const char *const box_label[] = { [OM_UNLOCK_BOX_GRANT] = "optmig unlock key 1", [OM_UNLOCK_BOX_PACKAGE] = "optmig upgrade key 1" };

/* Both sides' keys: 32 bytes for the cipher, 32 for the answer. */
static int box_keys(enum om_unlock_box kind, const uint8_t hash[32], const uint8_t private[32], const uint8_t other[32],
	const uint8_t from[32], const uint8_t to[32], uint8_t ret[64])
{
	uint8_t shared[32], info[32 + 64];
	const size_t label = strlen(box_label[kind]);
	int error = om_x25519(private, other, shared);

	if (error)
		return error;
	memcpy(info, box_label[kind], label);
	memcpy(info + label, from, 32);
	memcpy(info + label + 32, to, 32);
	error = om_hkdf(hash, 32, shared, sizeof shared, info, label + 64, ret, 64);
	om_wipe(shared, sizeof shared);
	return error;
}

static const uint8_t zero_nonce[OM_GCM_NONCE_SIZE];

int om_unlock_box_seal(enum om_unlock_box kind, const uint8_t hash[32], const uint8_t to[32], const uint8_t private[32], struct om_view body,
	uint8_t *ret_box, size_t room, size_t *ret_size, uint8_t ret_answer[OM_UNLOCK_KEY])
{
	uint8_t keys[64], from[32];
	struct om_gcm gcm;
	int error;

	if (body.size > OM_UNLOCK_BODY_MAX || room < OM_UNLOCK_BOX(body.size))
		return OM_EOVERFLOW;
	om_x25519_public(private, from);
	error = box_keys(kind, hash, private, to, from, to, keys);
	if (error)
		return error;
	om_gcm_init(&gcm, keys, 0);
	error = om_gcm_seal(&gcm, zero_nonce, hash, 32, body.data, body.size, ret_box + 32, ret_box + 32 + body.size);
	memcpy(ret_box, from, 32);
	*ret_size = OM_UNLOCK_BOX(body.size);
	if (ret_answer)
		memcpy(ret_answer, keys + 32, OM_UNLOCK_KEY);
	om_wipe(&gcm, sizeof gcm);
	om_wipe(keys, sizeof keys);
	return error;
}

int om_unlock_box_open(enum om_unlock_box kind, const uint8_t hash[32], const uint8_t private[32], struct om_view box,
	uint8_t *ret_body, size_t room, size_t *ret_size, uint8_t ret_answer[OM_UNLOCK_KEY])
{
	uint8_t keys[64], to[32];
	struct om_gcm gcm;
	size_t size;
	int error;

	if (box.size < OM_UNLOCK_BOX(0))
		return OM_ETRUNCATED;
	size = box.size - OM_UNLOCK_BOX(0);
	if (size > room || size > OM_UNLOCK_BODY_MAX)
		return OM_EOVERFLOW;
	om_x25519_public(private, to);
	error = box_keys(kind, hash, private, box.data, box.data, to, keys);
	if (error)
		return error;
	om_gcm_init(&gcm, keys, 0);
	error = om_gcm_open(&gcm, zero_nonce, hash, 32, box.data + 32, size, ret_body, box.data + 32 + size);
	if (!error) {
		*ret_size = size;
		if (ret_answer)
			memcpy(ret_answer, keys + 32, OM_UNLOCK_KEY);
	}
	om_wipe(&gcm, sizeof gcm);
	om_wipe(keys, sizeof keys);
	return error;
}

/* ---- grants ---- */

int om_unlock_grant_sign(const uint8_t hash[32], const uint8_t owner_private[32], uint8_t *buffer, size_t box_size, size_t room, size_t *ret_size)
{
	const size_t size = OM_UNLOCK_GRANT_HEAD + box_size;
	struct om_put put;
	uint8_t signed_hash[32];
	int error;

	if (box_size > OM_UNLOCK_BOX(OM_UNLOCK_BODY_MAX) || room < size + OM_P256_SIGNATURE)
		return OM_EOVERFLOW;
	om_put_init(&put, buffer, OM_UNLOCK_GRANT_HEAD);
	om_put_u32(&put, GRANT_MAGIC);
	om_put_u16(&put, OM_UNLOCK_VERSION);
	om_put_u16(&put, 0);
	om_put_bytes(&put, hash, 32);
	om_put_u32(&put, (uint32_t)box_size);
	om_put_u32(&put, 0);
	error = om_put_end(&put);
	if (error)
		return error;
	labelled_hash(GRANT_LABEL, sizeof GRANT_LABEL - 1, (struct om_view) { buffer, size }, signed_hash);
	error = om_p256_sign(owner_private, signed_hash, buffer + size);
	*ret_size = size + OM_P256_SIGNATURE;
	return error;
}

int om_unlock_grant_check(struct om_view grant, const uint8_t hash[32], const uint8_t owner[OM_P256_PUBLIC], struct om_view *ret_box)
{
	uint8_t named[32], signed_hash[32];
	const uint8_t *signature;
	struct om_view box;
	struct om_get get;
	int error;

	om_get_init(&get, grant.data, grant.size);
	if (om_get_u32(&get) != GRANT_MAGIC)
		om_get_fail(&get, OM_ETYPE);
	if (om_get_u16(&get) != OM_UNLOCK_VERSION)
		om_get_fail(&get, OM_EVERSION);
	om_get_zeros(&get, 2);
	om_get_bytes(&get, named, sizeof named);
	box.size = om_get_u32(&get);
	om_get_zeros(&get, 4);
	if (box.size > OM_UNLOCK_BOX(OM_UNLOCK_BODY_MAX))
		om_get_fail(&get, OM_EOVERFLOW);
	box.data = om_get_view(&get, box.size);
	signature = om_get_view(&get, OM_P256_SIGNATURE);
	error = om_get_end(&get);
	if (error)
		return error;
	if (!om_equal(named, hash, sizeof named))
		return OM_ESEQ;
	labelled_hash(GRANT_LABEL, sizeof GRANT_LABEL - 1, (struct om_view) { grant.data, grant.size - OM_P256_SIGNATURE }, signed_hash);
	error = om_p256_verify(owner, signed_hash, signature);
	if (error)
		return error;
	*ret_box = box;
	return 0;
}

void om_unlock_answer_mac(const uint8_t key[OM_UNLOCK_KEY], struct om_view package, uint8_t ret_mac[32])
{
	om_hmac(key, OM_UNLOCK_KEY, package.data, package.size, ret_mac);
}
