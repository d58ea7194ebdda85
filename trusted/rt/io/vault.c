/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open encrypted files.
 *
 *     number --> description --> slot (rt_vaults, resident) --> side (local): core/vault over the host's file
 *                                   \--> its root in roots.c
 *
 * A file is committed by fsync and its kin, when its last descriptor is closed, when the program ends, and before it moves. Each commit's
 * root goes to roots.c, and a file is opened only as that commit. So a program that was killed with its host process finds what was synced
 * or closed, as after a loss of power. A host that shows an older file to a living program is found out.
 *
 * Locks. The names' lock covers which slots there are and what they are called, and every call that changes names on the host. A thread that uses
 * a file holds the file's slot. Both locks are held across calls of the host. A slot is taken under the names' lock, never the other way round.
 * Nobody parks with either lock.
 */
#include "crypto/wipe.h"
#include "rt/io/migrate.h"
#include "rt/io/vault.h"
#include "rt/libmem.h"
#include "rt/lineage.h"

#define COMPLAINTS 8

RT_RESIDENT struct rt_vault rt_vaults[RT_VAULT_MAX];
static RT_RESIDENT uint32_t vault_end;               /* slots in use lie below it */
static RT_LOCAL struct rt_vault_side sides[RT_VAULT_MAX];
static RT_LOCAL uint32_t names_holder;

/* ---- locks --------------------------------------------------------------------------------------------------------------------- */

static void hold(uint32_t *holder)
{
	uint32_t nobody = 0;

	while (!__atomic_compare_exchange_n(holder, &nobody, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		nobody = 0;
		(void)rt_host(__NR_sched_yield, 0, 0, 0, 0, 0, 0); /* only a hint */
	}
}

void rt_vault_names_lock(void) { hold(&names_holder); }
void rt_vault_names_unlock(void) { __atomic_store_n(&names_holder, 0, __ATOMIC_RELEASE); }

struct rt_vault_side *rt_vault_hold(uint32_t slot)
{
	hold(&sides[slot].holder);
	return &sides[slot];
}

void rt_vault_let_go(uint32_t slot)
{
	__atomic_store_n(&sides[slot].holder, 0, __ATOMIC_RELEASE);
}

/* ---- what is told --------------------------------------------------------------------------------------------------------------- */

void rt_vault_complain(const char *name, const char *words)
{
	static RT_LOCAL int count;
	char line[250];
	struct rt_io_words w = { line, 180, 0 };

	if (__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) >= COMPLAINTS)
		return;
	rt_io_words_add(&w, "encrypted file ");
	rt_io_words_add(&w, name);
	w.size = sizeof line;
	rt_io_words_add(&w, ": ");
	rt_io_words_add(&w, words);
	rt_ub_reset();
	rt_tell(line);
}

static const char *name_of(const struct rt_vault *v)
{
	return v->name ? rt_io_blob_at(v->name) : "(removed)";
}

long rt_vault_errno(uint32_t slot, long error)
{
	switch (error) {
	case OM_EIO:     return sides[slot].error ? sides[slot].error : -EIO;
	case OM_ENOMEM:  return -ENOMEM;
	case OM_EINVAL:  return -EFAULT;             /* the program's memory */
	case OM_EOVERFLOW: return -EFBIG;
	case OM_EUNSUPPORTED: return -EOPNOTSUPP;
	case OM_EAUTH:
		rt_vault_complain(name_of(&rt_vaults[slot]), "what the host shows is not what the program wrote there last");
		return -EIO;
	default:         return error < 0 ? -EIO : error;
	}
}

/* One key for all files of the lineage; core/vault makes each file's of it. */
long rt_vault_key(uint8_t ret_key[OM_VAULT_KEY_SIZE])
{
	return rt_lineage_derive("optmig file 1", NULL, 0, ret_key) ? -EACCES : 0;
}

/* ---- opening and closing -------------------------------------------------------------------------------------------------------- */

uint32_t rt_vault_of(uint32_t root)
{
	for (uint32_t i = 0; root && i < vault_end; i++)
		if (rt_vaults[i].refs && rt_vaults[i].root == root)
			return i + 1;
	return 0;
}

static long stat_host(int32_t host_fd, struct stat *ret_stat)
{
	uint64_t ub;
	long error;

	rt_ub_reset();
	ub = rt_io_ub_space(256);
	error = ub ? rt_io_zero(rt_host(__NR_fstat, (uint64_t)host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;
	if (!error)
		rt_ub_get(ret_stat, (void *)ub, sizeof *ret_stat);
	return error;
}

/* The slot's own descriptor: another one of the same host file. */
static long adopt(uint32_t slot, int32_t host_fd, bool writable)
{
	const long fd = rt_io_checked_fd(rt_host(__NR_fcntl, (uint64_t)host_fd, F_DUPFD_CLOEXEC, 3, 0, 0, 0));
	const struct rt_io_file file = { .device = rt_vaults[slot].device, .inode = rt_vaults[slot].inode };

	if (fd < 0)
		return fd;
	if (sides[slot].host_fd) {
		rt_io_host_close(sides[slot].host_fd - 1);
		rt_io_lock_host_closed(&file);
	}
	sides[slot].host_fd = (int32_t)fd + 1;
	rt_vaults[slot].writable = writable;
	return 0;
}

/* A file that no commit was ever made of, be it that its maker was killed meanwhile: it is empty. */
static int open_empty(uint32_t slot, const uint8_t key[OM_VAULT_KEY_SIZE], size_t cache)
{
	struct rt_vault_side *side = &sides[slot];
	const char *name = rt_io_blob_at(rt_vaults[slot].name);

	return rt_vaults[slot].writable ? om_vault_create(&side->device, key, name, cache, &side->open) :
		om_vault_blank(&side->device, key, name, cache, &side->open);
}

/* Held. The file as the last commit that is known. */
static long open_side(uint32_t slot, const struct stat *stat)
{
	struct rt_vault *v = &rt_vaults[slot];
	struct rt_vault_side *side = &sides[slot];
	const char *name = rt_io_blob_at(v->name);
	const size_t cache = rt_vault_cache_size((uint64_t)stat->st_size);
	uint8_t key[OM_VAULT_KEY_SIZE];
	struct om_vault_root root;
	const enum rt_root_state state = rt_roots_get(v->root, &root);
	bool empty = stat->st_size == 0 && state != RT_ROOT_KNOWN;
	long error = rt_vault_key(key);

	if (!error && !empty && state == RT_ROOT_REMOVED) {
		rt_vault_complain(name, "the program has removed it, and the host shows one");
		error = -EIO;
	}
	if (error)
		goto out;
	rt_vault_device_init(side);
	side->error = 0;
	if (!empty) {
		error = om_vault_open(&side->device, key, name, state == RT_ROOT_KNOWN ? &root : NULL, cache, &side->open);
		empty = error == OM_ENOTFOUND;
	}
	if (empty)
		error = open_empty(slot, key, cache);
	error = error ? rt_vault_errno(slot, error) : 0;
	if (!error && (!empty || v->writable)) {
		om_vault_root(side->open, &root);
		rt_roots_set(v->root, RT_ROOT_KNOWN, &root);
	}
out:
	om_wipe(key, sizeof key);
	return error;
}

static void close_side(uint32_t slot)
{
	struct rt_vault_side *side = &sides[slot];

	if (side->open)
		om_vault_close(side->open);
	if (side->host_fd)
		rt_io_host_close(side->host_fd - 1);
	side->open = NULL;
	side->host_fd = 0;
	side->changed = 0;
	side->error = 0;
}

static void free_slot(uint32_t slot)
{
	struct rt_vault *v = &rt_vaults[slot];

	rt_io_blob_free(v->name, v->name_size);
	*v = (struct rt_vault){ .refs = 0 };
}

static long new_slot(const char *name, uint32_t root, uint32_t *ret_slot)
{
	const uint32_t size = (uint32_t)strlen(name) + 1;
	uint32_t slot = 0;

	while (slot < RT_VAULT_MAX && rt_vaults[slot].refs)
		slot++;
	if (slot == RT_VAULT_MAX)
		return -ENFILE;
	rt_vaults[slot] = (struct rt_vault){ .refs = 1, .name = rt_io_blob_new(size), .name_size = size, .root = root };
	if (!rt_vaults[slot].name) {
		rt_vaults[slot].refs = 0;
		return -ENOMEM;
	}
	memcpy(rt_io_blob_at(rt_vaults[slot].name), name, size);
	if (slot >= vault_end)
		vault_end = slot + 1;
	*ret_slot = slot;
	return 0;
}

/* Somebody has it open: it must be the same file. */
static long join_slot(uint32_t slot, const struct stat *stat, int32_t host_fd, bool writable)
{
	struct rt_vault *v = &rt_vaults[slot];
	long error = 0;

	if (v->device != stat->st_dev || v->inode != stat->st_ino) {
		rt_vault_complain(name_of(v), "the host has put another file in its place");
		return -EIO;
	}
	if (writable && !v->writable) {
		(void)rt_vault_hold(slot);
		error = adopt(slot, host_fd, true);
		rt_vault_let_go(slot);
	}
	if (!error)
		v->refs++;
	return error;
}

long rt_vault_enter(const char *name, int32_t host_fd, bool writable, uint32_t *ret_slot)
{
	const uint32_t root = rt_roots_find(name, true), there = rt_vault_of(root);
	struct stat stat;
	uint32_t slot;
	long error = root ? stat_host(host_fd, &stat) : -ENOSPC;

	if (!error && there)
		error = join_slot(slot = there - 1, &stat, host_fd, writable);
	else if (!error) {
		error = new_slot(name, root, &slot);
		if (error)
			return error;
		rt_vaults[slot].device = stat.st_dev;
		rt_vaults[slot].inode = stat.st_ino;
		(void)rt_vault_hold(slot);
		error = adopt(slot, host_fd, writable);
		if (!error)
			error = open_side(slot, &stat);
		if (error)
			close_side(slot);
		rt_vault_let_go(slot);
		if (error)
			free_slot(slot);
	}
	if (!error)
		*ret_slot = slot;
	return error;
}

long rt_vault_commit(uint32_t slot, bool durable)
{
	struct rt_vault_side *side = &sides[slot];
	struct om_vault_root root;
	long error;

	if (!side->open)
		return -EIO;
	if (!rt_vaults[slot].writable || (!side->changed && !durable))
		return 0;
	side->error = 0;
	error = om_vault_commit(side->open, durable);
	if (error)
		return rt_vault_errno(slot, error);
	om_vault_root(side->open, &root);
	rt_roots_set(rt_vaults[slot].root, RT_ROOT_KNOWN, &root);
	side->changed = 0;
	return 0;
}

void rt_vault_leave(uint32_t slot)
{
	if (--rt_vaults[slot].refs)
		return;
	rt_vaults[slot].refs = 1;                        /* nobody takes the slot meanwhile */
	(void)rt_vault_hold(slot);
	if (rt_vaults[slot].root && rt_vault_commit(slot, false))
		rt_vault_complain(name_of(&rt_vaults[slot]), "the host did not take what was written last");
	close_side(slot);
	rt_vault_let_go(slot);
	free_slot(slot);
}

uint32_t rt_io_vault_host_flags(uint32_t flags)
{
	const uint32_t ours = O_ACCMODE | O_APPEND | O_TRUNC | O_DIRECT | O_SYNC | O_DSYNC;
	const bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_TRUNC | O_CREAT);

	/* A new file is written at once. Nothing waits for a writer, should the host have put a FIFO there. */
	return (flags & ~ours) | (writes ? O_RDWR : O_RDONLY) | O_NONBLOCK;
}

static uint32_t slot_of(const struct rt_io_ofd *ofd)
{
	return ofd->file.vault - 1;
}

long rt_io_vault_attach(struct rt_io_ofd *ofd, const struct rt_io_path *path, uint32_t flags)
{
	const bool writes = rt_io_vault_host_flags(flags) & O_RDWR;
	char name[LX_PATH_MAX];
	uint32_t slot;
	long error;

	rt_io_vault_bound(path, name);
	rt_vault_names_lock();
	error = rt_vault_enter(name, ofd->host_fd, writes, &slot);
	rt_vault_names_unlock();
	if (error)
		return error;
	ofd->file.vault = slot + 1;
	ofd->file.position = 1;                          /* ours from the start */
	return flags & O_TRUNC ? rt_io_vault_truncate(ofd, 0, false) : 0;
}

void rt_io_vault_put(struct rt_io_ofd *ofd)
{
	rt_vault_names_lock();
	rt_vault_leave(slot_of(ofd));
	rt_vault_names_unlock();
	ofd->file.vault = 0;
}

long rt_io_vault_closing(struct rt_io_ofd *ofd)
{
	const uint32_t slot = slot_of(ofd);
	long error = 0;

	rt_vault_names_lock();
	if (rt_vaults[slot].refs == 1 && rt_vaults[slot].root) {
		(void)rt_vault_hold(slot);
		error = rt_vault_commit(slot, false);
		rt_vault_let_go(slot);
	}
	rt_vault_names_unlock();
	return error;
}

const char *rt_io_vault_name(const struct rt_io_ofd *ofd)
{
	const struct rt_vault *v = &rt_vaults[slot_of(ofd)];

	return v->root && v->name ? rt_io_blob_at(v->name) : NULL;
}

/* ---- content --------------------------------------------------------------------------------------------------------------------- */

typedef long fetch_fn(void *from, uint8_t *piece, size_t size);

static uint64_t step(uint64_t offset, uint64_t left)
{
	const uint64_t most = RT_VAULT_PIECE - offset % 4096; /* whole blocks from the second step on */

	return left < most ? left : most;
}

/* Straight to where the program wants it. */
static int store_app(void *to, size_t size, void (*store)(void *argument), void *argument)
{
	return rt_app_store((uint64_t)to, size, store, argument) != 0;
}

static long read_front(struct rt_vault_side *side, struct rt_io_span *span, uint64_t offset, uint64_t *ret_wanted)
{
	uint64_t base, size;
	long got = rt_io_span_front(span, &base, &size);

	if (got)
		return OM_EINVAL;
	got = om_vault_read_to(side->open, offset, (void *)base, size, store_app);
	if (got > 0)
		(void)rt_io_span_skip(span, (uint64_t)got); /* it is in front */
	*ret_wanted = size;
	return got;
}

long rt_io_vault_read(const struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	const uint32_t slot = slot_of(ofd);
	struct rt_vault_side *side = rt_vault_hold(slot);
	uint64_t done = 0, wanted = 0;
	long got = side->open ? 0 : -EIO;

	side->error = 0;
	while (!got && span->total) {
		got = read_front(side, span, (uint64_t)offset + done, &wanted);
		if (got < 0)
			got = rt_vault_errno(slot, got);
		if (got <= 0)
			break;
		done += (uint64_t)got;
		got = (uint64_t)got < wanted;                /* the end, or what the next read will tell */
	}
	rt_vault_let_go(slot);
	return done ? (long)done : got;
}

long rt_io_vault_get(const struct rt_io_ofd *ofd, void *to, size_t size, int64_t offset)
{
	const uint32_t slot = slot_of(ofd);
	struct rt_vault_side *side = rt_vault_hold(slot);
	long got = -EIO;

	side->error = 0;
	if (side->open)
		got = om_vault_read(side->open, (uint64_t)offset, to, size);
	if (got < 0)
		got = rt_vault_errno(slot, got);
	rt_vault_let_go(slot);
	return got;
}

static long write_all(const struct rt_io_ofd *ofd, int64_t *offset, uint64_t size, fetch_fn *fetch, void *from)
{
	const uint32_t slot = slot_of(ofd);
	struct rt_vault_side *side = rt_vault_hold(slot);
	uint8_t *piece = rt_vault_piece_take();
	uint64_t done = 0, at;
	long error = side->open ? 0 : -EIO;

	side->error = 0;
	if (!error && ofd->status & O_APPEND)
		*offset = (int64_t)om_vault_size(side->open);
	at = (uint64_t)*offset;
	if (!error && size > (uint64_t)INT64_MAX - at)
		error = -EFBIG;
	while (!error && done < size) {
		const uint64_t some = step(at + done, size - done);
		long put;

		error = fetch(from, piece, some);
		put = error ? 0 : om_vault_write(side->open, at + done, piece, some);
		if (put < 0)
			error = rt_vault_errno(slot, put);
		if (put <= 0)
			break;
		side->changed = 1;
		done += (uint64_t)put;
	}
	if (done)
		om_vault_cache(side->open, rt_vault_cache_size(om_vault_size(side->open)));
	if (!error && done && ofd->status & (O_SYNC | O_DSYNC))
		error = rt_vault_commit(slot, true);
	rt_vault_piece_give(piece);
	rt_vault_let_go(slot);
	return done && (!error || !(ofd->status & (O_SYNC | O_DSYNC))) ? (long)done : error;
}

static long fetch_span(void *from, uint8_t *piece, size_t size) { return rt_io_span_get(from, piece, size); }

static long fetch_bytes(void *from, uint8_t *piece, size_t size)
{
	const uint8_t **at = from;

	memcpy(piece, *at, size);
	*at += size;
	return 0;
}

long rt_io_vault_write(const struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t *offset)
{
	return write_all(ofd, offset, span->total, fetch_span, span);
}

long rt_io_vault_set(const struct rt_io_ofd *ofd, const void *from, size_t size, int64_t *offset)
{
	return write_all(ofd, offset, size, fetch_bytes, &from);
}

long rt_io_vault_truncate(const struct rt_io_ofd *ofd, int64_t size, bool grow_only)
{
	const uint32_t slot = slot_of(ofd);
	struct rt_vault_side *side = rt_vault_hold(slot);
	long error = side->open ? 0 : -EIO;

	side->error = 0;
	if (!error && om_vault_size(side->open) != (uint64_t)size && !(grow_only && om_vault_size(side->open) > (uint64_t)size)) {
		error = om_vault_truncate(side->open, (uint64_t)size);
		side->changed = 1;
	}
	error = error ? rt_vault_errno(slot, error) : 0;
	rt_vault_let_go(slot);
	return error;
}

int64_t rt_io_vault_size(const struct rt_io_ofd *ofd)
{
	const uint32_t slot = slot_of(ofd);
	struct rt_vault_side *side = rt_vault_hold(slot);
	const int64_t size = side->open ? (int64_t)om_vault_size(side->open) : 0;

	rt_vault_let_go(slot);
	return size;
}

int64_t rt_io_kept_size(const struct rt_io_ofd *ofd)
{
	return rt_io_vaulted(ofd) ? rt_io_vault_size(ofd) : rt_io_trusted_size(ofd);
}

long rt_io_vault_sync(const struct rt_io_ofd *ofd)
{
	const uint32_t slot = slot_of(ofd);
	long error;

	(void)rt_vault_hold(slot);
	error = rt_vault_commit(slot, true);
	rt_vault_let_go(slot);
	return error;
}

/* Of those that have something. The first error. */
long rt_io_vault_sync_all(bool durable)
{
	long first = 0;

	rt_vault_names_lock();
	for (uint32_t slot = 0; slot < vault_end; slot++) {
		long error = 0;

		if (!rt_vaults[slot].refs || !rt_vaults[slot].root)
			continue;
		(void)rt_vault_hold(slot);
		if (sides[slot].changed)
			error = rt_vault_commit(slot, durable);
		rt_vault_let_go(slot);
		first = first ? first : error;
	}
	rt_vault_names_unlock();
	return first;
}

/* Other threads may be anywhere, but for those that ended with a lock: there are none. */
void rt_io_vault_exit(void)
{
	if (vault_end)
		(void)rt_io_vault_sync_all(false); /* nobody is left to hear of it */
}

/* ---- moving ----------------------------------------------------------------------------------------------------------------------- */

int rt_io_vault_freeze(struct rt_io_words *words)
{
	if (!vault_end || !rt_io_vault_sync_all(true))
		return 0;
	return rt_io_refuse(words, NULL, "the host does not take what was written to an encrypted file");
}

void rt_io_vault_forget(void)
{
	memset(sides, 0, sizeof sides);
}

static const char *open_again(struct rt_io_ofd *ofd, uint32_t slot, const struct stat *stat)
{
	const bool writes = (ofd->status & O_ACCMODE) != O_RDONLY;

	if (!sides[slot].open) {
		rt_vaults[slot].device = stat->st_dev;
		rt_vaults[slot].inode = stat->st_ino;
		if (adopt(slot, ofd->host_fd, writes))
			return "an encrypted file cannot be opened here";
		return open_side(slot, stat) ? "an encrypted file is not here what the program wrote last" : NULL;
	}
	if (rt_vaults[slot].device != stat->st_dev || rt_vaults[slot].inode != stat->st_ino)
		return "two names of one encrypted file lead to two files here";
	return writes && !rt_vaults[slot].writable && adopt(slot, ofd->host_fd, true) ? "an encrypted file cannot be opened here" : NULL;
}

int rt_io_vault_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct stat stat;
	const char *why = stat_host(ofd->host_fd, &stat) ? "an encrypted file cannot be opened here" :
		open_again(ofd, slot_of(ofd), &stat);

	return why ? rt_io_refuse(words, ofd, why) : 0;
}

void rt_io_vault_drop_all(void)
{
	for (uint32_t slot = 0; slot < vault_end; slot++)
		close_side(slot);
	if (vault_end)
		rt_vault_memory_wipe();
}
