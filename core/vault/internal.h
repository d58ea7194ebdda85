/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault's parts, from the bottom up:
 *
 *   space.c   which blocks of the device are taken: now, in the last commit, in the last durable one
 *   seal.c    blocks and superblocks, encrypted: keys, entries
 *   cache.c   blocks of the tree in memory, which of them differ from the device's, and writing those
 *   vault.c   files: open, read, write, truncate, commit
 */
#ifndef OPTMIG_CORE_VAULT_INTERNAL_H
#define OPTMIG_CORE_VAULT_INTERNAL_H

#include <string.h>
#include "crypto/gcm.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "vault/vault.h"

#define BLOCK        4096u
#define FIRST        2u              /* the first block behind the superblocks */
#define FAN          93u             /* entries in a node */
#define LEVELS_MAX   7u              /* 93^7 blocks: more than a file's size can say */
#define BLOCKS_MAX   (1ull << 40)    /* of a device */
#define PAGES_MIN    48u
#define CHUNK        32u             /* pages whose contents are allocated together */
#define READERS      4u

/* Where a block lies, and how to read it. 44 bytes in a node. */
struct entry {
	uint64_t at;                     /* its number on the device; 0: there is none, it is zeros */
	uint8_t  salt[16];               /* of the transaction that wrote it */
	uint32_t counter;
	uint8_t  tag[16];
};
#define ENTRY_SIZE 44u

/* What a superblock says. */
struct super {
	uint64_t transaction, size, end; /* end: behind the last block that the tree has */
	uint32_t levels;                 /* of the root */
	bool     loose;                  /* written without barriers: its blocks may not have come as far */
	struct entry root;
	uint8_t  name[32], next[32];     /* SHA-256 of the name, and of the one that it is about to get; zeros: none */
};

struct page {
	uint64_t index;                  /* among the blocks of its level */
	uint32_t chain;                  /* 1 + the next page of its bucket */
	uint16_t pins;
	uint8_t  level;                  /* 0: data */
	bool     taken, dirty, used;     /* used: since the hand came by */
};

struct space { uint64_t *now, *last, *safe, words, end, from; };

struct reader { uint8_t salt[16]; uint64_t used; struct om_gcm gcm; };

struct om_vault {
	struct om_vault_device device;
	uint8_t key[32];                 /* the caller's */
	uint8_t file_key[32], file[16];
	struct super super;              /* as the next commit will have it; `root` and `end` are right once all is written */
	struct om_vault_root root;
	int      durable_slot;           /* the superblock that the last durable commit is in */
	bool     changed, loose;         /* loose: the last commit was */
	bool     broken;                 /* nothing more is written until it is opened again */
	bool     mapped;                 /* `space` is known */
	struct space space;
	/* writing */
	bool     writing;                /* this transaction has a salt */
	uint8_t  salt[16];
	uint32_t counter;
	struct om_gcm writer;
	/* reading */
	struct reader readers[READERS];
	uint64_t clock;
	/* cache */
	uint32_t count, buckets, hand, *bucket, *order;
	struct page *page;
	uint8_t **chunk;
	uint64_t device_end;             /* blocks that the device has had at most */
};

/* ---- space.c ---- */
/* Makes the tables large enough for so many blocks; what they say stays. Return: 0; OM_ENOMEM, and they are as before, or may be larger. */
int  vault_space_reserve(struct om_vault *v, uint64_t blocks);
/* The tables' memory. Nothing is written. */
void vault_space_free_all(struct om_vault *v);
/* False: it is taken already, or lies nowhere. */
bool vault_space_take(struct om_vault *v, uint64_t at);
/* The block is free once a commit says so: until then the last commit may need it. */
void vault_space_release(struct om_vault *v, uint64_t at);
/* Up to `most` free ones in a row. Return: how many, or OM_ENOMEM. */
int64_t vault_space_find(struct om_vault *v, uint64_t most, uint64_t *ret_at);
/* A commit is written: what was released before it is free. @durable: with the device's barriers. */
void vault_space_committed(struct om_vault *v, bool durable);
/* A superblock may have been written. */
void vault_space_maybe(struct om_vault *v);
/* Blocks behind it are free: where the device may end. */
uint64_t vault_space_end(const struct om_vault *v);

/* ---- seal.c ---- */
/* @node: its content in the clear, @slot: below the node's entries. Reads what vault_entry_put() has written. */
void vault_entry_get(const uint8_t *node, uint32_t slot, struct entry *ret);
/* Writes an entry into a node's slot. */
void vault_entry_put(uint8_t *node, uint32_t slot, const struct entry *e);
/* v->file_key out of v->key and v->file. */
void vault_file_key(struct om_vault *v);
/* The first block of a transaction draws its salt. */
int  vault_seal_begin(struct om_vault *v);
/* Encrypts a block for this transaction. *ret: its entry but for the place. Return: 0, or OM_E*: the transaction's counter is used up. */
int  vault_seal_block(struct om_vault *v, unsigned level, uint64_t index, const uint8_t *plain, uint8_t *ret_cipher, struct entry *ret);
/* Decrypts and checks against its entry. Return: 0, OM_EAUTH: forged, moved, or of another transaction. */
int  vault_open_block(struct om_vault *v, unsigned level, uint64_t index, const struct entry *e, const uint8_t *cipher, uint8_t *ret_plain);
/* @slot: as read. Return: 0, OM_EAUTH. */
int  vault_super_open(const uint8_t key[32], const uint8_t *bytes, struct super *ret, struct om_vault_root *ret_root);
/* Writes `super` of the next transaction into its slot. */
int  vault_super_write(struct om_vault *v, int slot, bool loose, struct om_vault_root *ret_root);
/* What of a name the superblock keeps. */
void vault_name_hash(const char *name, uint8_t ret[32]);
#define SUPER_SIZE 512u

/* ---- cache.c ---- */
/* To so many bytes, or it stays as it is: OM_ENOMEM. Nobody has a page. */
int  vault_cache_grow(struct om_vault *v, size_t bytes);
/* All memory of the cache, wiped. What was dirty is lost. */
void vault_cache_free(struct om_vault *v);
/* The page, if it is in the cache; NULL: it is not. */
struct page *vault_cached(struct om_vault *v, unsigned level, uint64_t index);
/* A cached page's content. */
uint8_t *vault_content(const struct om_vault *v, const struct page *p);
/* Pinned; vault_unpin() it. @fresh: its content is not wanted, it will be written whole. */
int  vault_page(struct om_vault *v, unsigned level, uint64_t index, bool fresh, struct page **ret);
/* The cache may take the page's place again. */
void vault_unpin(struct page *p);
/* It, and all above it, will be written. */
int  vault_dirty(struct om_vault *v, struct page *p);
/* Takes the page out of the cache, written or not. */
void vault_drop(struct om_vault *v, struct page *p);
/* Writes all dirty pages of that level and of those below. Return: 0, OM_EIO, OM_ENOMEM. */
int  vault_flush(struct om_vault *v, unsigned level);
/* One level more. */
int  vault_grow(struct om_vault *v);
/* Reads and checks one block into the caller's memory. @e->at is not 0. */
int  vault_fetch(struct om_vault *v, unsigned level, uint64_t index, const struct entry *e, uint8_t *ret_plain);
/* The entry of a block. */
int  vault_entry(struct om_vault *v, unsigned level, uint64_t index, struct entry *ret);

/* Memory that somebody else may read and write meanwhile: whole words, each once. Both begin at a multiple of 8, as the size does. */
static inline void vault_words(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		((volatile uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
}

#endif
