/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How blocks are encrypted (docs/spec/vault.md). Each transaction has a salt of 16 random bytes, and with it a key of its own; a block's
 * nonce is its number in the transaction. So no key and nonce come twice, though a host may bring back an older state of the
 * file and have the program write it anew. A block is authenticated together with its kind and its file. Its parent says where it lies.
 */
#include "cursor.h"
#include "vault/internal.h"

#define MAGIC   0x31544c5541564d4fULL   /* "OMVAULT1" */
#define HEAD    48u                     /* magic, version, zero, file, salt */
#define BODY    (SUPER_SIZE - HEAD - OM_GCM_TAG_SIZE)

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void put_u64(uint8_t *at, uint64_t value)
{
	put_u32(at, (uint32_t)value);
	put_u32(at + 4, (uint32_t)(value >> 32));
}

void vault_entry_get(const uint8_t *node, uint32_t slot, struct entry *ret)
{
	const uint8_t *at = node + (size_t)slot * ENTRY_SIZE;

	ret->at = get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
	__builtin_memcpy(ret->salt, at + 8, 16);         /* not a call, in an enclave either: it is done for each block that is read */
	ret->counter = get_u32(at + 24);
	__builtin_memcpy(ret->tag, at + 28, 16);
}

void vault_entry_put(uint8_t *node, uint32_t slot, const struct entry *e)
{
	uint8_t *at = node + (size_t)slot * ENTRY_SIZE;

	put_u64(at, e->at);
	memcpy(at + 8, e->salt, 16);
	put_u32(at + 24, e->counter);
	memcpy(at + 28, e->tag, 16);
}

/* HKDF-SHA256: the salt is the salt, the label says what for. 32 bytes cannot be too many. */
static void derive(const uint8_t secret[32], const uint8_t *salt, size_t salt_size, const char *label, uint8_t ret[32])
{
	(void)om_hkdf(salt, salt_size, secret, 32, label, strlen(label), ret, 32);
}

void vault_file_key(struct om_vault *v)
{
	derive(v->key, v->file, sizeof v->file, "optmig vault 1 file", v->file_key);
}

void vault_name_hash(const char *name, uint8_t ret[32])
{
	om_sha256(name, strlen(name), ret);
}

/* ---- blocks ---------------------------------------------------------------------------------------------------------------- */

static void block_key(const struct om_vault *v, const uint8_t salt[16], struct om_gcm *ret)
{
	uint8_t key[32];

	derive(v->file_key, salt, 16, "optmig vault 1 blocks", key);
	om_gcm_init(ret, key, v->device.features);
	om_wipe(key, sizeof key);
}

int vault_seal_begin(struct om_vault *v)
{
	if (v->writing)
		return v->counter == UINT32_MAX ? OM_EEXHAUSTED : 0;
	if (v->device.random(v->device.context, v->salt, sizeof v->salt) < 0)
		return OM_EIO;
	block_key(v, v->salt, &v->writer);
	v->counter = 0;
	v->writing = true;
	return 0;
}

static void what_it_is(const struct om_vault *v, unsigned level, uint64_t index, uint8_t ret[28])
{
	__builtin_memcpy(ret, v->file, 16);
	put_u32(ret + 16, level);
	put_u64(ret + 20, index);
}

static void nonce_of(uint32_t counter, uint8_t ret[OM_GCM_NONCE_SIZE])
{
	__builtin_memset(ret, 0, OM_GCM_NONCE_SIZE);
	put_u32(ret, counter);
}

int vault_seal_block(struct om_vault *v, unsigned level, uint64_t index, const uint8_t *plain, uint8_t *ret_cipher, struct entry *ret)
{
	uint8_t nonce[OM_GCM_NONCE_SIZE], aad[28];

	memcpy(ret->salt, v->salt, sizeof ret->salt);
	ret->counter = v->counter++;
	nonce_of(ret->counter, nonce);
	what_it_is(v, level, index, aad);
	return om_gcm_seal(&v->writer, nonce, aad, sizeof aad, plain, BLOCK, ret_cipher, ret->tag);
}

/* Blocks that lie behind each other are of one transaction, mostly. */
static const struct om_gcm *reader(struct om_vault *v, const uint8_t salt[16])
{
	struct reader *oldest = v->readers;

	for (struct reader *r = v->readers; r < v->readers + READERS; r++) {
		if (r->used && !__builtin_memcmp(r->salt, salt, 16)) {
			r->used = ++v->clock;
			return &r->gcm;
		}
		if (r->used < oldest->used)
			oldest = r;
	}
	memcpy(oldest->salt, salt, 16);
	oldest->used = ++v->clock;
	block_key(v, salt, &oldest->gcm);
	return &oldest->gcm;
}

int vault_open_block(struct om_vault *v, unsigned level, uint64_t index, const struct entry *e, const uint8_t *cipher, uint8_t *ret_plain)
{
	uint8_t nonce[OM_GCM_NONCE_SIZE], aad[28];

	nonce_of(e->counter, nonce);
	what_it_is(v, level, index, aad);
	return om_gcm_open(reader(v, e->salt), nonce, aad, sizeof aad, cipher, BLOCK, ret_plain, e->tag);
}

/* ---- superblocks ------------------------------------------------------------------------------------------------------------- */

static void super_key(const uint8_t key[32], const uint8_t head[HEAD], struct om_gcm *ret)
{
	uint8_t own[32];

	derive(key, head + 16, 32, "optmig vault 1 superblock", own);
	om_gcm_init(ret, own, 0);
	om_wipe(own, sizeof own);
}

static int decode(const uint8_t body[BODY], struct super *s)
{
	uint8_t root[ENTRY_SIZE];
	struct om_get c;
	uint32_t flags;

	om_get_init(&c, body, BODY);
	s->transaction = om_get_u64(&c);
	s->size = om_get_u64(&c);
	s->end = om_get_u64(&c);
	s->levels = om_get_u32(&c);
	flags = om_get_u32(&c);
	om_get_bytes(&c, root, sizeof root);
	om_get_zeros(&c, 4);
	om_get_bytes(&c, s->name, sizeof s->name);
	om_get_bytes(&c, s->next, sizeof s->next);
	om_get_zeros(&c, BODY - 144);
	vault_entry_get(root, 0, &s->root);
	s->loose = flags & 1;
	if (om_get_end(&c) || flags > 1 || !s->levels || s->levels > LEVELS_MAX || s->end < FIRST || s->end > BLOCKS_MAX || s->size > INT64_MAX)
		return OM_EAUTH;
	return 0;
}

int vault_super_open(const uint8_t key[32], const uint8_t *bytes, struct super *ret, struct om_vault_root *ret_root)
{
	static const uint8_t nonce[OM_GCM_NONCE_SIZE];
	uint8_t body[BODY];
	struct om_gcm gcm;
	int error;

	if ((get_u32(bytes) | (uint64_t)get_u32(bytes + 4) << 32) != MAGIC || get_u32(bytes + 8) != 1 || get_u32(bytes + 12) != 0)
		return OM_EAUTH;
	super_key(key, bytes, &gcm);
	error = om_gcm_open(&gcm, nonce, bytes, HEAD, bytes + HEAD, BODY, body, bytes + HEAD + BODY) ? OM_EAUTH : decode(body, ret);
	if (!error) {
		memcpy(ret_root->file, bytes + 16, sizeof ret_root->file);
		ret_root->transaction = ret->transaction;
		memcpy(ret_root->mac, bytes + HEAD + BODY, sizeof ret_root->mac);
	}
	om_wipe(&gcm, sizeof gcm);
	om_wipe(body, sizeof body);
	return error;
}

static void encode(const struct super *s, uint8_t body[BODY])
{
	uint8_t root[ENTRY_SIZE];
	struct om_put c;

	vault_entry_put(root, 0, &s->root);
	om_put_init(&c, body, BODY);
	om_put_u64(&c, s->transaction);
	om_put_u64(&c, s->size);
	om_put_u64(&c, s->end);
	om_put_u32(&c, s->levels);
	om_put_u32(&c, s->loose);
	om_put_bytes(&c, root, sizeof root);
	om_put_zeros(&c, 4);
	om_put_bytes(&c, s->name, sizeof s->name);
	om_put_bytes(&c, s->next, sizeof s->next);
	om_put_zeros(&c, BODY - 144);
	(void)om_put_end(&c); /* it is as long as the body */
}

int vault_super_write(struct om_vault *v, int slot, bool loose, struct om_vault_root *ret_root)
{
	static const uint8_t nonce[OM_GCM_NONCE_SIZE];
	_Alignas(8) uint8_t bytes[SUPER_SIZE] = { 0 };
	uint8_t body[BODY];
	struct super s = v->super;
	struct om_gcm gcm;
	uint32_t room;
	uint8_t *to;
	int error;

	s.loose = loose;
	put_u64(bytes, MAGIC);
	put_u32(bytes + 8, 1);
	memcpy(bytes + 16, v->file, sizeof v->file);
	if (v->device.random(v->device.context, bytes + 32, 16) < 0)
		return OM_EIO;
	encode(&s, body);
	super_key(v->key, bytes, &gcm);
	error = om_gcm_seal(&gcm, nonce, bytes, HEAD, body, BODY, bytes + HEAD, bytes + HEAD + BODY);
	om_wipe(&gcm, sizeof gcm);
	om_wipe(body, sizeof body);
	if (error)
		return error;
	to = v->device.room(v->device.context, &room);
	if (!to || room < SUPER_SIZE)
		return OM_EIO;
	vault_words(to, bytes, SUPER_SIZE);
	if (v->device.write(v->device.context, (uint64_t)slot * BLOCK, SUPER_SIZE) != (long)SUPER_SIZE)
		return OM_EIO;
	memcpy(ret_root->file, v->file, sizeof ret_root->file);
	ret_root->transaction = s.transaction;
	memcpy(ret_root->mac, bytes + HEAD + BODY, sizeof ret_root->mac);
	return 0;
}
