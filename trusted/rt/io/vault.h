/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files: between path.c, file.c, rw.c, position.c and
 *
 *   vault.c         open files: descriptions -> one slot for each name -> core/vault
 *   vault_device.c  the host's file as core/vault wants it, and the memory for it
 *   vault_names.c   calls that take a name: unlink, rename, truncate, stat
 *   roots.c         what this life of the program knows of closed files, too
 *
 * The host's descriptor of a description serves for locks and for what the host says of the file (owner, mode, times). Content and size
 * are the slot's. Several descriptors of one name share a slot; it is closed with the last of them, its mappings included.
 */
#ifndef OPTMIG_TRUSTED_RT_IO_VAULT_H
#define OPTMIG_TRUSTED_RT_IO_VAULT_H

#include "rt/io/roots.h"
#include "rt/io/rules.h"
#include "vault/vault.h"

#define RT_VAULT_MAX   1024u             /* encrypted files open at once, by name */
#define RT_VAULT_PIECE 65536u            /* bytes that go between the program's memory and a vault in one step */

/* What of a file's state moves: where it is open, and under which name. Its content is committed before, see rt_io_vault_freeze(). */
struct rt_vault {
	uint32_t refs;                   /* descriptions, and calls under way; 0: free. Under the names' lock */
	uint32_t name, name_size;        /* blob: the name as it is bound to the file; 0: it was removed */
	uint32_t root;                   /* number in roots.c; 0: it has no name any more */
	uint64_t device, inode;          /* as the host tells */
	uint32_t writable;               /* the host's descriptor is */
};

/* The host's side. Of this enclave alone. */
struct rt_vault_side {
	struct om_vault *open;           /* NULL: it is not, and every call on it ends with EIO */
	struct om_vault_device device;
	int32_t host_fd;                 /* a descriptor of its own, that of the one who opened it may be closed first; 1 + number, 0: none */
	long error;                      /* the host's last, for OM_EIO */
	uint32_t changed;                /* since the last commit */
	uint32_t holder;                 /* atomic: one thread at a time, across calls of the host */
};

extern struct rt_vault rt_vaults[RT_VAULT_MAX];

static inline bool rt_io_vaulted(const struct rt_io_ofd *ofd) { return ofd->kind == RT_IO_FILE && ofd->file.vault; }
/* Size and position are ours alone. */
static inline bool rt_io_kept(const struct rt_io_ofd *ofd) { return ofd->kind == RT_IO_FILE && (ofd->file.vault || ofd->file.trusted); }
/* Bytes of a file of which rt_io_kept() is true, and of no other. */
int64_t rt_io_kept_size(const struct rt_io_ofd *ofd);

/* ---- vault.c ---- */
/* Flags with which the host opens an encrypted file that the program opens with `flags`, and those that stand in its descriptor. */
uint32_t rt_io_vault_host_flags(uint32_t flags);
/* A new description of what the host has opened: created if there is nothing yet, cut to nothing if the flags say so. Return: 0 or -errno. */
long rt_io_vault_attach(struct rt_io_ofd *ofd, const struct rt_io_path *path, uint32_t flags);
/* The end of a description: with the last one of the file it is committed, not durably, and closed. What the host does not
 * take then is told, not returned. */
void rt_io_vault_put(struct rt_io_ofd *ofd);
/* Before a number is closed: with the last one the file is committed. */
long rt_io_vault_closing(struct rt_io_ofd *ofd);
/* In and out of the program's memory. *offset: in: where; out: where it began (O_APPEND). Both empty the transfer buffer. */
long rt_io_vault_read(const struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset);
/* Return: bytes, perhaps fewer than asked; -EFAULT, -EFBIG, -EIO and what the host says. With O_SYNC or O_DSYNC it is durable then. */
long rt_io_vault_write(const struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t *offset);
/* In and out of ours. */
long rt_io_vault_get(const struct rt_io_ofd *ofd, void *to, size_t size, int64_t offset);
/* Return: as rt_io_vault_write(). */
long rt_io_vault_set(const struct rt_io_ofd *ofd, const void *from, size_t size, int64_t *offset);
/* @size: bytes, not negative. @grow_only: a file that is longer stays as it is. Return: 0 or -errno. Not committed. */
long rt_io_vault_truncate(const struct rt_io_ofd *ofd, int64_t size, bool grow_only);
/* Bytes, as the program has written it, committed or not; 0 if the file is not open on the host. */
int64_t rt_io_vault_size(const struct rt_io_ofd *ofd);
/* Commits durably: fsync and fdatasync. Return: 0 or -errno. */
long rt_io_vault_sync(const struct rt_io_ofd *ofd);
/* Commits all files that have changed. @durable: with the host's barriers. Return: 0, or the first -errno; the others are
 * committed all the same. */
long rt_io_vault_sync_all(bool durable);
/* The program ends: what it has written stays written. */
void rt_io_vault_exit(void);
const char *rt_io_vault_name(const struct rt_io_ofd *ofd);   /* NULL: it was removed */

/* For vault_names.c, under the names' lock: the slot of `number` in roots.c with one more reference. @host_fd: of the file, which
 * stays the caller's. */
long rt_vault_enter(const char *name, int32_t host_fd, bool writable, uint32_t *ret_slot);
/* One reference less. The last one commits, not durably, and closes: see rt_io_vault_put(). Under the names' lock. */
void rt_vault_leave(uint32_t slot);
/* What names lead to, and references. Taken before rt_vault_hold(); whoever waits yields to the host. Across calls of the host. */
void rt_vault_names_lock(void);
/* By who has it. */
void rt_vault_names_unlock(void);
uint32_t rt_vault_of(uint32_t root);                 /* the open slot, 1 + index, or 0 */
/* The slot is this thread's until rt_vault_let_go(), across calls of the host. Whoever waits yields to the host. Not to be taken twice. */
struct rt_vault_side *rt_vault_hold(uint32_t slot);
/* By who holds it. */
void rt_vault_let_go(uint32_t slot);
long rt_vault_commit(uint32_t slot, bool durable);   /* held */
long rt_vault_errno(uint32_t slot, long error);      /* of an OM_E* that concerns it; says what is wrong */
/* Tells people, a few times in a process: "encrypted file NAME: WORDS". A long name is cut off. Empties the transfer buffer. */
void rt_vault_complain(const char *name, const char *words);
/* The key of all files of the lineage. Return: 0; -EACCES: the program has no lineage key yet. The caller wipes it. */
long rt_vault_key(uint8_t ret_key[OM_VAULT_KEY_SIZE]);

/* ---- vault_device.c ---- */
/* side->device: calls of the host on side->host_fd, memory of a fixed arena. `side` must stay where it is. */
void rt_vault_device_init(struct rt_vault_side *side);
/* Bytes that the cache of a file of that size may have. */
size_t rt_vault_cache_size(uint64_t file_size);
/* RT_VAULT_PIECE bytes of ours for one step; whoever waits for one yields to the host. Its holder calls nothing that parks. */
uint8_t *rt_vault_piece_take(void);
/* By who has taken it. What is in it is wiped by rt_vault_memory_wipe() alone. */
void rt_vault_piece_give(uint8_t *piece);
/* Wipes the arena's pages in use and all pieces. Context: all vaults are closed. */
void rt_vault_memory_wipe(void);

/* ---- vault_names.c ---- */
/* The name under which a file is known, by what was judged: the one that the image lists, so that a relative one stays what it is
 * wherever the program is started. */
void rt_io_vault_bound(const struct rt_io_path *path, char ret_name[LX_PATH_MAX]);
/* The host says `error` of a name: is that what we know? */
long rt_io_vault_told(const struct rt_io_path *path, long error);
/* The name is REMOVED from here on, and whoever has the file open goes on with it. Return: 0 or -errno; -ENOSPC: there is no
 * room for more names. */
long rt_io_vault_unlink(const struct rt_io_path *path);
/* The calls that take two names, one of which at least is an encrypted file's. */
struct rt_io_two { const struct rt_io_path *from, *to; };
/* renameat2. -EXDEV: one of them is no encrypted file's name, or a directory's; -EINVAL: other flags than RENAME_NOREPLACE;
 * -ENOSPC: as above. Commits durably. */
long rt_io_vault_rename(struct rt_io_two two, uint64_t flags);
/* truncate(2): of a file that nobody has to have open. Return: 0 or -errno. */
long rt_io_vault_truncate_name(const struct rt_io_path *path, int64_t size);
/* What we know better than the host. */
long rt_io_vault_stat(const struct rt_io_path *path, struct stat *stat);

/* ---- moving ---- */
/* Everything is committed, durably: a destination opens the host's file and finds just this commit, and a source that goes on has
 * lost nothing. Nothing of keys and content moves but the lineage key and the roots. */
int rt_io_vault_freeze(struct rt_io_words *words);
void rt_io_vault_forget(void);                       /* a destination: the host sides are those of another process */
/* A destination: opens what the host has at ofd->host_fd as the vault that moved. Return: 0; OM_EHOSTSTATE with words: it is
 * another file, or another commit. */
int rt_io_vault_make(struct rt_io_ofd *ofd, struct rt_io_words *words);
void rt_io_vault_drop_all(void);                     /* without a commit: the program is elsewhere, or will not come */

#endif
