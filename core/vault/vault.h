/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An encrypted file over a block device of the caller's: what its users see. Names and content are authenticated under one key; a commit is
 * one step, whenever the power goes; the root of a commit says which one it was. docs/spec/vault.md has the bytes.
 *
 * Context: one call at a time for each vault. All its memory is the caller's, so that it can move with it.
 * Trust: what the device gives is hostile; what it is given may be shown to anybody.
 */
#ifndef OPTMIG_CORE_VAULT_VAULT_H
#define OPTMIG_CORE_VAULT_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"

#define OM_VAULT_KEY_SIZE 32

/* Calls return 0 or bytes, or a negative number of the caller's, upon which the vault's call ends with OM_EIO. */
struct om_vault_device {
	void *context;
	/* *ret_bytes: untrusted, valid until the next call. Return: bytes, fewer at the end. */
	long (*read)(void *context, uint64_t offset, uint32_t size, const uint8_t **ret_bytes);
	uint8_t *(*room)(void *context, uint32_t *ret_size);
	long (*write)(void *context, uint64_t offset, uint32_t size);      /* of what is in the room */
	long (*truncate)(void *context, uint64_t size);
	long (*sync)(void *context);
	long (*random)(void *context, void *to, size_t size);
	void *(*alloc)(void *context, size_t size);                        /* at a multiple of 64 */
	void (*free)(void *context, void *at, size_t size);
	uint64_t features;           /* OM_CPU_*, for the cipher */
};

/* Which commit of which file: what tells a file that was rolled back. */
struct om_vault_root {
	uint8_t  file[16];
	uint64_t transaction;
	uint8_t  mac[16];
};

struct om_vault;

/* A new file, committed. @name: with NUL. Return: 0, OM_EIO, OM_ENOMEM. */
__attribute__((warn_unused_result))
int om_vault_create(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name, size_t cache_bytes,
	struct om_vault **ret);
/* The same without a commit: for who reads a file that has none. What lies there stays as it is until there is one. */
__attribute__((warn_unused_result))
int om_vault_blank(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name, size_t cache_bytes,
	struct om_vault **ret);
/* @expected: the commit that it has to be; NULL: any. Return: 0; OM_EAUTH: it is forged, another file's, or another commit; OM_ENOTFOUND: none is
 * expected and there has been none, whoever was making the file has not come so far; OM_EIO, OM_ENOMEM. */
__attribute__((warn_unused_result))
int om_vault_open(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name,
	const struct om_vault_root *expected, size_t cache_bytes, struct om_vault **ret);
/* The cache may have so much now. It is grown when that is twice what it has, and if there is memory. */
void om_vault_cache(struct om_vault *v, size_t cache_bytes);
/* Its size without opening it. Arguments and return: as om_vault_open(). */
__attribute__((warn_unused_result))
int om_vault_peek(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name,
	const struct om_vault_root *expected, uint64_t *ret_size);
/* Bytes (fewer at the end of the file), or OM_EAUTH, OM_EIO. */
__attribute__((warn_unused_result))
long om_vault_read(struct om_vault *v, uint64_t offset, void *to, size_t size);
/* Has `store` called, once, before it returns: the one that writes to memory that may fault. Return: 0; not 0, and the read ends there: some of
 * [to, to + size) cannot be written, and what it called was abandoned in the middle, which no vault minds. */
typedef int om_vault_guard(void *to, size_t size, void (*store)(void *argument), void *argument);
/* om_vault_read() into memory that is not the caller's own and may fault: all stores to it are made by what @guard is given to call. Until the
 * call returns, blocks lie there that may not be checked yet; one that is forged is zeros in the end. Return: bytes (fewer at the end of the file,
 * or before such memory), or OM_EAUTH, OM_EIO, OM_EINVAL: not a byte could be written. */
__attribute__((warn_unused_result))
long om_vault_read_to(struct om_vault *v, uint64_t offset, void *to, size_t size, om_vault_guard *guard);
/* Grows the file where it has to; between its old end and `offset` are zeros. Return: bytes, fewer after an error in the
 * middle; OM_EIO, OM_EAUTH, OM_ENOMEM; OM_EOVERFLOW: behind INT64_MAX. Nothing is durable before a commit. */
__attribute__((warn_unused_result))
long om_vault_write(struct om_vault *v, uint64_t offset, const void *from, size_t size);
/* @size: bytes; what the file grows by is zero. Return: 0; OM_EOVERFLOW: behind INT64_MAX; OM_EIO, OM_EAUTH, OM_ENOMEM. After an error in the middle
 * of cutting off nothing can be written or committed (OM_EIO) until it is opened again. */
__attribute__((warn_unused_result))
int om_vault_truncate(struct om_vault *v, uint64_t size);
/* Bytes, with what is not committed yet. */
uint64_t om_vault_size(const struct om_vault *v);
/* @durable: with the device's barriers. After a barrier that failed nothing can be written or committed (OM_EIO) until it is opened again. */
__attribute__((warn_unused_result))
int om_vault_commit(struct om_vault *v, bool durable);
/* Of the last commit. */
void om_vault_root(const struct om_vault *v, struct om_vault_root *ret);
/* Commits durably; from here on the file opens under both names. */
__attribute__((warn_unused_result))
int om_vault_rename_begin(struct om_vault *v, const char *name);
/* @renamed: it has the new name alone; else the old one. Committed. */
__attribute__((warn_unused_result))
int om_vault_rename_end(struct om_vault *v, bool renamed);
/* Without a commit. Keys and content are wiped. NULL is none. */
void om_vault_close(struct om_vault *v);

#endif
