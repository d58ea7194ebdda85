/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files (see the header, and docs/spec/vault.md).
 *
 * A commit has four steps: the dirty blocks are written, below before above; a barrier; the superblock, into the slot that the last durable
 * commit is not in; a barrier. Whenever the power goes, one of the two slots has a commit whose blocks are all there. Without barriers the
 * superblock may reach the disk before its blocks, and says that it may. Such a commit counts only if all of its tree can be read.
 *
 * A barrier that fails is not tried again: the kernel may have dropped what it could not write, and the next barrier would succeed without
 * that. From then on nothing is written. When the file is opened again, it is as its last commit says.
 */
#include "vault/internal.h"

static uint64_t blocks_of(uint64_t size)
{
	return size / BLOCK + (size % BLOCK != 0);
}

/* Blocks that a tree of so many levels can have. */
static uint64_t capacity(unsigned levels)
{
	uint64_t blocks = 1;

	while (levels--)
		blocks *= FAN;
	return blocks;
}

/* ---- making one ------------------------------------------------------------------------------------------------------------------ */

static int new_vault(const struct om_vault_device *device, const uint8_t key[32], size_t cache_bytes, struct om_vault **ret)
{
	struct om_vault *v = device->alloc(device->context, sizeof *v);
	int error;

	if (!v)
		return OM_ENOMEM;
	memset(v, 0, sizeof *v);
	v->device = *device;
	memcpy(v->key, key, sizeof v->key);
	error = vault_cache_grow(v, cache_bytes);
	if (error)
		om_vault_close(v);
	else
		*ret = v;
	return error;
}

void om_vault_cache(struct om_vault *v, size_t cache_bytes)
{
	if (cache_bytes / BLOCK >= 2u * v->count)
		(void)vault_cache_grow(v, cache_bytes); /* it is as good with what it has, and slower */
}

void om_vault_close(struct om_vault *v)
{
	struct om_vault_device device;

	if (!v)
		return;
	device = v->device;
	vault_cache_free(v);
	vault_space_free_all(v);
	om_wipe(v, sizeof *v);
	device.free(device.context, v, sizeof *v);
}

int om_vault_blank(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name, size_t cache_bytes,
	struct om_vault **ret)
{
	struct om_vault *v;
	int error = new_vault(device, key, cache_bytes, &v);

	if (error)
		return error;
	if (device->random(device->context, v->file, sizeof v->file) < 0)
		error = OM_EIO;
	vault_file_key(v);
	vault_name_hash(name, v->super.name);
	v->super.levels = 1;
	v->super.end = FIRST;
	v->durable_slot = 1;
	v->mapped = v->changed = true;
	if (!error)
		error = vault_space_reserve(v, FIRST + 1);
	if (error)
		om_vault_close(v);
	else
		*ret = v;
	return error;
}

int om_vault_create(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name, size_t cache_bytes,
	struct om_vault **ret)
{
	struct om_vault *v;
	int error = om_vault_blank(device, key, name, cache_bytes, &v);

	if (error)
		return error;
	error = device->truncate(device->context, 0) < 0 ? OM_EIO : om_vault_commit(v, true);
	if (error)
		om_vault_close(v);
	else
		*ret = v;
	return error;
}

/* ---- opening -------------------------------------------------------------------------------------------------------------------------- */

struct slots { struct super super[2]; struct om_vault_root root[2]; bool good[2], blank; uint8_t name[32]; };

/* Is that commit of a file of this name? Asked of the latest one only: an earlier one may have had another name. */
static bool has_name(const struct slots *s, int slot)
{
	return !memcmp(s->super[slot].name, s->name, 32) || !memcmp(s->super[slot].next, s->name, 32);
}

/* A file that is made has its first superblock last. Before, where superblocks lie there is nothing. */
static bool is_blank(const uint8_t *bytes, size_t size)
{
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return !any;
}

static int read_slots(const struct om_vault_device *device, const uint8_t key[32], const char *name, struct slots *ret)
{
	vault_name_hash(name, ret->name);
	ret->blank = true;
	for (int i = 0; i < 2; i++) {
		_Alignas(8) uint8_t bytes[SUPER_SIZE];
		const uint8_t *from;
		const long got = device->read(device->context, (uint64_t)i * BLOCK, SUPER_SIZE, &from);

		if (got < 0)
			return OM_EIO;
		ret->good[i] = false;
		if (got < (long)SUPER_SIZE) {
			ret->blank &= got == 0;
			continue;
		}
		vault_words(bytes, from, SUPER_SIZE);
		ret->blank &= is_blank(bytes, SUPER_SIZE);
		ret->good[i] = !vault_super_open(key, bytes, &ret->super[i], &ret->root[i]);
	}
	return 0;
}

static bool same_root(const struct om_vault_root *a, const struct om_vault_root *b)
{
	return a->transaction == b->transaction && !memcmp(a->file, b->file, sizeof a->file) && !memcmp(a->mac, b->mac, sizeof a->mac);
}

/* Return: which one, or -1. */
static int latest(const struct slots *s, const struct om_vault_root *expected)
{
	if (expected) {
		for (int i = 0; i < 2; i++)
			if (s->good[i] && same_root(&s->root[i], expected))
				return i;
		return -1;
	}
	if (s->good[0] && s->good[1])
		return s->super[1].transaction > s->super[0].transaction;
	return s->good[0] ? 0 : s->good[1] ? 1 : -1;
}

static int choose(const struct slots *s, const struct om_vault_root *expected)
{
	const int slot = latest(s, expected);

	return slot >= 0 && has_name(s, slot) ? slot : -1;
}

/* All that is below a block. @map: notes what is taken; @data: reads it all. */
static int walk(struct om_vault *v, unsigned level, uint64_t index, const struct entry *e, bool map, bool data)
{
	struct page *p = NULL;
	int error;

	if (!e->at)
		return 0;
	if (map && !vault_space_take(v, e->at))
		return OM_EAUTH;
	if (!level && !data)
		return 0;
	error = vault_page(v, level, index, false, &p);
	for (uint32_t i = 0; level && !error && i < FAN; i++) {
		struct entry below;

		vault_entry_get(vault_content(v, p), i, &below);
		error = walk(v, level - 1, index * FAN + i, &below, map, data);
	}
	if (p)
		vault_unpin(p);
	return error;
}

static void forget_all(struct om_vault *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (v->page[i].taken)
			vault_drop(v, &v->page[i]);
}

static void use_slot(struct om_vault *v, const struct slots *s, int slot)
{
	v->super = s->super[slot];
	v->root = s->root[slot];
	memcpy(v->file, v->root.file, sizeof v->file);
	vault_file_key(v);
	v->durable_slot = slot;
	v->device_end = v->super.end;
	memset(v->readers, 0, sizeof v->readers);
	forget_all(v);
}

/* What was written without barriers, before this life began, may not be whole. Then the one before counts. */
static int settle(struct om_vault *v, struct slots *s, int slot)
{
	int error;

	use_slot(v, s, slot);
	if (!v->super.loose)
		return 0;
	error = walk(v, v->super.levels, 0, &v->super.root, false, true);
	if (error != OM_EAUTH)
		return error;
	s->good[slot] = false;
	if (!s->good[1 - slot] || !has_name(s, 1 - slot))
		return OM_EAUTH;
	use_slot(v, s, 1 - slot);
	return v->super.loose ? walk(v, v->super.levels, 0, &v->super.root, false, true) : 0;
}

/* A rename that was begun has happened, or not: the name that it was opened by tells. */
static void settle_name(struct om_vault *v, const char *name)
{
	static const uint8_t none[32];
	uint8_t hash[32];

	vault_name_hash(name, hash);
	if (!memcmp(v->super.next, none, sizeof none))
		return;
	memcpy(v->super.name, hash, sizeof hash);
	memset(v->super.next, 0, sizeof v->super.next);
}

int om_vault_open(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name,
	const struct om_vault_root *expected, size_t cache_bytes, struct om_vault **ret)
{
	struct om_vault *v = NULL;
	struct slots s;
	int error = read_slots(device, key, name, &s), slot;

	if (error)
		return error;
	if (s.blank && !expected)
		return OM_ENOTFOUND;
	slot = choose(&s, expected);
	if (slot < 0)
		return OM_EAUTH;
	error = new_vault(device, key, cache_bytes, &v);
	if (error)
		return error;
	if (expected)
		use_slot(v, &s, slot);
	else
		error = settle(v, &s, slot);
	settle_name(v, name);
	v->loose = v->super.loose;
	if (error)
		om_vault_close(v);
	else
		*ret = v;
	return error;
}

int om_vault_peek(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name,
	const struct om_vault_root *expected, uint64_t *ret_size)
{
	struct om_vault *v;
	struct slots s;
	int error = read_slots(device, key, name, &s), slot = error ? -1 : choose(&s, expected);

	if (slot < 0)
		return error ? error : s.blank && !expected ? OM_ENOTFOUND : OM_EAUTH;
	*ret_size = s.super[slot].size;
	if (expected || !s.super[slot].loose)
		return 0;
	/* Which of the two counts is known when it has been read. */
	error = om_vault_open(device, key, name, NULL, 0, &v);
	if (error)
		return error;
	*ret_size = v->super.size;
	om_vault_close(v);
	return 0;
}

/* Before the first change: what is taken. A loose commit becomes durable, for its slot will be the one that stays. */
static int know_space(struct om_vault *v)
{
	int error;

	if (v->broken)
		return OM_EIO;
	if (v->mapped)
		return 0;
	if (v->loose && v->device.sync(v->device.context) < 0)
		return OM_EIO;
	error = vault_space_reserve(v, v->super.end + 1);
	if (!error)
		error = walk(v, v->super.levels, 0, &v->super.root, true, false);
	if (error) {
		vault_space_free_all(v);
		return error;
	}
	vault_space_committed(v, true);
	v->mapped = true;
	v->loose = false;
	return 0;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------------- */

#define RUN 64u

/* Memory of whoever reads. */
struct target { uint8_t *to; om_vault_guard *guard; };

/* The vault is whole before and after, and while it is called nothing in it changes but keys that readers have kept: it may be given up. */
static int store(const struct target *t, size_t size, void (*how)(void *argument), void *argument)
{
	if (t->guard)
		return t->guard(t->to, size, how, argument) ? OM_EINVAL : 0;
	how(argument);
	return 0;
}

struct copy { uint8_t *to; const uint8_t *from; size_t size; };

static void copy(void *argument)
{
	const struct copy *c = argument;

	memcpy(c->to, c->from, c->size);
}

static void zero(void *argument)
{
	const struct copy *c = argument;

	memset(c->to, 0, c->size);
}

/* Blocks that lie behind each other in the file and on the device. */
struct run {
	struct om_vault *v;
	uint64_t block, count;
	struct entry entry[RUN];
	const uint8_t *bytes;
	uint8_t *to;
	uint64_t begun, opened;          /* blocks of it: one may have been given up in the middle */
	int error;
};

static void open_run(void *argument)
{
	struct run *r = argument;

	for (uint64_t i = 0; i < r->count && !r->error; i++) {
		r->begun = i + 1;
		r->error = vault_open_block(r->v, 0, r->block + i, &r->entry[i], r->bytes + i * BLOCK, r->to + i * BLOCK);
		r->opened = i + !r->error;
	}
}

/*
 * A store has faulted: of the block that was being opened some lies there, and nobody has checked it. It becomes zeros, page by page, for only what
 * can still be written can have been. (What the cipher had on the stack is what it leaves there at every call.)
 */
static void hide_unchecked(const struct run *r, const struct target *t)
{
	uint8_t *at = r->to + r->opened * BLOCK, *end = r->to + r->begun * BLOCK;

	while (at < end) {
		const size_t page = BLOCK - (uintptr_t)at % BLOCK, left = (size_t)(end - at);
		const struct target there = { at, t->guard };
		struct copy part = { at, NULL, page < left ? page : left };

		(void)store(&there, part.size, zero, &part); /* or it cannot be written */
		at += part.size;
	}
}

/* As many as lie there from its first block on, at most `most`, and are not in memory. To look for a node may write what is dirty, but moves
 * nothing of this: it is not dirty, or it would be in memory. */
static int find_run(struct run *r, uint64_t most)
{
	int error = vault_entry(r->v, 0, r->block, &r->entry[0]);

	for (r->count = 1; !error && r->entry[0].at && r->count < most && r->count < RUN; r->count++) {
		if (vault_cached(r->v, 0, r->block + r->count))
			break;
		error = vault_entry(r->v, 0, r->block + r->count, &r->entry[r->count]);
		if (r->entry[r->count].at != r->entry[0].at + r->count)
			break;
	}
	return error;
}

/* Whole blocks, straight to where they are wanted. Return: how many. */
static int64_t read_run(struct om_vault *v, uint64_t block, uint64_t most, const struct target *t)
{
	struct copy nothing = { t->to, NULL, BLOCK };
	struct run r;
	long got;
	int error;

	r.v = v, r.block = block, r.to = t->to, r.begun = 0, r.opened = 0, r.error = 0;     /* not all of it: the list is long */
	error = find_run(&r, most);
	if (error)
		return error;
	if (!r.entry[0].at) {
		error = store(t, BLOCK, zero, &nothing);
		return error ? error : 1;
	}
	got = v->device.read(v->device.context, r.entry[0].at * BLOCK, (uint32_t)r.count * BLOCK, &r.bytes);
	if (got < 0)
		return OM_EIO;
	if (got < (long)BLOCK)
		return OM_EAUTH;
	if ((uint64_t)got / BLOCK < r.count)
		r.count = (uint64_t)got / BLOCK;
	error = store(t, r.count * BLOCK, open_run, &r);
	if (error)
		hide_unchecked(&r, t);
	return error ? error : r.error ? r.error : (int64_t)r.count;
}

/* Up to the end of what is asked for, at least a byte. Return: bytes. */
static int64_t read_piece(struct om_vault *v, uint64_t offset, uint64_t size, const struct target *t)
{
	const uint64_t block = offset / BLOCK, inside = offset % BLOCK;
	struct copy some = { t->to, NULL, BLOCK - inside < size ? BLOCK - inside : size };
	const bool there = block < capacity(v->super.levels);
	struct page *p;
	int64_t n;
	int error = 0;

	if (there && !inside && size >= BLOCK && !vault_cached(v, 0, block)) {
		n = read_run(v, block, size / BLOCK, t);
		return n < 0 ? n : n * (int64_t)BLOCK;
	}
	if (there) {
		error = vault_page(v, 0, block, false, &p);
		if (error)
			return error;
		some.from = vault_content(v, p) + inside;
		vault_unpin(p);                                  /* it stays until the next is asked for */
	}
	error = store(t, some.size, there ? copy : zero, &some);
	return error ? error : (int64_t)some.size;
}

long om_vault_read_to(struct om_vault *v, uint64_t offset, void *to, size_t size, om_vault_guard *guard)
{
	uint64_t done = 0;

	if (offset >= v->super.size)
		return 0;
	if (size > v->super.size - offset)
		size = (size_t)(v->super.size - offset);
	while (done < size) {
		const struct target target = { (uint8_t *)to + done, guard };
		const int64_t some = read_piece(v, offset + done, size - done, &target);

		if (some < 0)
			return done ? (long)done : (long)some;
		done += (uint64_t)some;
	}
	return (long)done;
}

long om_vault_read(struct om_vault *v, uint64_t offset, void *to, size_t size)
{
	return om_vault_read_to(v, offset, to, size, NULL);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------------- */

static int write_block(struct om_vault *v, uint64_t block, uint64_t inside, const void *from, size_t size)
{
	struct page *p;
	int error;

	error = vault_page(v, 0, block, size == BLOCK, &p);
	if (error)
		return error;
	error = vault_dirty(v, p);
	if (!error)
		memcpy(vault_content(v, p) + inside, from, size);
	vault_unpin(p);
	/* What was to be written whole, and is not, must not be taken for what the file has. */
	if (error && size == BLOCK && !p->dirty)
		vault_drop(v, p);
	return error;
}

long om_vault_write(struct om_vault *v, uint64_t offset, const void *from, size_t size)
{
	size_t done = 0;
	int error = know_space(v);

	if (!error && (offset > INT64_MAX || size > (uint64_t)INT64_MAX - offset))
		error = OM_EOVERFLOW;
	while (!error && size && (offset + size - 1) / BLOCK >= capacity(v->super.levels))
		error = vault_grow(v);
	while (!error && done < size) {
		const uint64_t inside = (offset + done) % BLOCK;
		const size_t some = BLOCK - inside < size - done ? (size_t)(BLOCK - inside) : size - done;

		error = write_block(v, (offset + done) / BLOCK, inside, (const uint8_t *)from + done, some);
		if (error)
			break;
		done += some;
		if (offset + done > v->super.size)
			v->super.size = offset + done;
	}
	return done ? (long)done : error;
}

/* ---- cutting off -------------------------------------------------------------------------------------------------------------------- */

static int cut(struct om_vault *v, struct page *parent, uint32_t slot);

/* All that is below a node. */
static int cut_below(struct om_vault *v, unsigned level, uint64_t index)
{
	struct page *p;
	int error = vault_page(v, level, index, false, &p);

	if (error)
		return error;
	for (uint32_t i = 0; !error && i < FAN; i++)
		error = cut(v, p, i);
	vault_unpin(p);
	return error;
}

/* The block of a slot, and what is below it, are given up. */
static int cut(struct om_vault *v, struct page *parent, uint32_t slot)
{
	const unsigned level = parent->level - 1u;
	const uint64_t index = parent->index * FAN + slot;
	struct page *p;
	struct entry e;
	int error = 0;

	vault_entry_get(vault_content(v, parent), slot, &e);
	if (!e.at && !vault_cached(v, level, index))
		return 0;
	if (level)
		error = cut_below(v, level, index);
	if (!error)
		error = vault_dirty(v, parent);
	if (error)
		return error;
	/* To make room the child may have been written meanwhile: where it lies is what its parent says now. */
	vault_entry_get(vault_content(v, parent), slot, &e);
	p = vault_cached(v, level, index);
	if (p)
		vault_drop(v, p);
	if (e.at)
		vault_space_release(v, e.at);
	vault_entry_put(vault_content(v, parent), slot, &(struct entry) { 0 });
	return 0;
}

static int trim(struct om_vault *v, unsigned level, uint64_t index, uint64_t keep)
{
	const uint64_t span = capacity(level - 1);
	struct page *p;
	int error = vault_page(v, level, index, false, &p);

	if (error)
		return error;
	for (uint32_t i = 0; !error && i < FAN; i++) {
		const uint64_t child = index * FAN + i;

		if (child * span >= keep)
			error = cut(v, p, i);
		else if ((child + 1) * span > keep && level > 1)
			error = trim(v, level - 1, child, keep);
	}
	vault_unpin(p);
	return error;
}

/* What is behind the end in the last block is zeros, always. */
static int zero_tail(struct om_vault *v, uint64_t size)
{
	struct page *p;
	int error;

	if (size % BLOCK == 0 || size / BLOCK >= capacity(v->super.levels))
		return 0;
	error = vault_page(v, 0, size / BLOCK, false, &p);
	if (error)
		return error;
	error = vault_dirty(v, p);
	if (!error)
		memset(vault_content(v, p) + size % BLOCK, 0, BLOCK - size % BLOCK);
	vault_unpin(p);
	return error;
}

int om_vault_truncate(struct om_vault *v, uint64_t size)
{
	int error;

	if (size > INT64_MAX)
		return OM_EOVERFLOW;
	if (size == v->super.size)
		return 0;
	error = know_space(v);
	if (!error && size < v->super.size) {
		error = zero_tail(v, size);
		if (!error)
			error = trim(v, v->super.levels, 0, blocks_of(size));
		v->broken = v->broken || error; /* half of it is gone here: that must not be committed */
	}
	if (error)
		return error;
	v->super.size = size;
	v->changed = true;
	return 0;
}

uint64_t om_vault_size(const struct om_vault *v)
{
	return v->super.size;
}

/* ---- commits ------------------------------------------------------------------------------------------------------------------------ */

static int barrier(struct om_vault *v, bool durable)
{
	if (!durable || v->device.sync(v->device.context) >= 0)
		return 0;
	v->broken = true;
	return OM_EIO;
}

/* What nobody has any more at the device's end is given back. That it cannot be is no failure. */
static void shorten(struct om_vault *v)
{
	const uint64_t end = vault_space_end(v);

	if (end + 64 < v->device_end && v->device.truncate(v->device.context, end * BLOCK) >= 0)
		v->device_end = end;
}

int om_vault_commit(struct om_vault *v, bool durable)
{
	const int slot = 1 - v->durable_slot;
	struct om_vault_root root;
	int error;

	if (!v->broken && !v->changed && !(durable && v->loose))
		return 0;
	error = know_space(v);
	if (!error)
		error = vault_flush(v, v->super.levels);
	if (!error)
		error = barrier(v, durable);
	if (error)
		return error;
	v->super.transaction++;
	v->super.end = vault_space_end(v);
	error = vault_super_write(v, slot, !durable, &root);
	if (!error)
		error = barrier(v, durable);
	if (error) {
		vault_space_maybe(v);
		v->changed = true;
		return error;
	}
	vault_space_committed(v, durable);
	v->root = root;
	v->changed = v->writing = false;
	v->loose = !durable;
	if (durable) {
		v->durable_slot = slot;
		shorten(v);
	}
	return 0;
}

void om_vault_root(const struct om_vault *v, struct om_vault_root *ret)
{
	*ret = v->root;
}

int om_vault_rename_begin(struct om_vault *v, const char *name)
{
	int error;

	vault_name_hash(name, v->super.next);
	v->changed = true;
	error = om_vault_commit(v, true);
	if (error)
		memset(v->super.next, 0, sizeof v->super.next);
	return error;
}

int om_vault_rename_end(struct om_vault *v, bool renamed)
{
	if (renamed)
		memcpy(v->super.name, v->super.next, sizeof v->super.name);
	memset(v->super.next, 0, sizeof v->super.next);
	v->changed = true;
	return om_vault_commit(v, true);
}
