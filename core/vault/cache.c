/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of the tree in memory. All blocks above a dirty block are in memory, and dirty, so writing never has to read:
 *
 *     a page is dirty    =>  its parent is here, and dirty
 *     a page is written  =>  what is below it has been written before; its parent's entry says where it lies now
 *
 * Nothing is written in place. A block that is written lies somewhere new. Its old place is free as soon as no commit has it.
 */
#include "vault/internal.h"

#define ROOM_MOST (256u << 10)

/* ---- pages ------------------------------------------------------------------------------------------------------------------------ */

uint8_t *vault_content(const struct om_vault *v, const struct page *p)
{
	const size_t number = (size_t)(p - v->page);

	return v->chunk[number / CHUNK] + number % CHUNK * BLOCK;
}

static uint32_t *bucket_of(const struct om_vault *v, unsigned level, uint64_t index)
{
	const uint64_t hash = (index * 8 + level) * 0x9e3779b97f4a7c15ull;

	return &v->bucket[hash >> 32 & (v->buckets - 1)];
}

struct page *vault_cached(struct om_vault *v, unsigned level, uint64_t index)
{
	for (uint32_t i = *bucket_of(v, level, index); i; i = v->page[i - 1].chain)
		if (v->page[i - 1].level == level && v->page[i - 1].index == index)
			return &v->page[i - 1];
	return NULL;
}

void vault_drop(struct om_vault *v, struct page *p)
{
	uint32_t *link = bucket_of(v, p->level, p->index);

	while (*link != (uint32_t)(p - v->page) + 1)
		link = &v->page[*link - 1].chain;
	*link = p->chain;
	om_wipe(vault_content(v, p), BLOCK);
	*p = (struct page) { 0 };
}

void vault_unpin(struct page *p)
{
	p->pins--;
}

/* Round and round: what has been used since it came by the last time stays. */
static struct page *find_page(struct om_vault *v)
{
	for (uint32_t i = 0; i < 2 * v->count; i++) {
		struct page *p = &v->page[v->hand];

		v->hand = (v->hand + 1) % v->count;
		if (!p->taken)
			return p;
		if (p->pins || p->dirty)
			continue;
		if (p->used) {
			p->used = false;
			continue;
		}
		vault_drop(v, p);
		return p;
	}
	return NULL;
}

static uint32_t clean_count(const struct om_vault *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->count; i++)
		n += !v->page[i].dirty && !v->page[i].pins;
	return n;
}

static int flush_level(struct om_vault *v, unsigned level, bool some);

/* A page for that block, pinned, with any content. */
static int take(struct om_vault *v, unsigned level, uint64_t index, struct page **ret)
{
	struct page *p = find_page(v);
	uint32_t *bucket;

	for (unsigned l = 0; !p && l <= v->super.levels; l++) {
		int error = l ? vault_flush(v, l) : flush_level(v, 0, true);

		if (error)
			return error;
		if (clean_count(v) >= v->count / 4 || l == v->super.levels)
			p = find_page(v);
	}
	if (!p)
		return OM_ENOMEM;
	bucket = bucket_of(v, level, index);
	*p = (struct page) { .index = index, .level = (uint8_t)level, .taken = true, .used = true, .pins = 1, .chain = *bucket };
	*bucket = (uint32_t)(p - v->page) + 1;
	*ret = p;
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------------- */

int vault_fetch(struct om_vault *v, unsigned level, uint64_t index, const struct entry *e, uint8_t *ret_plain)
{
	const uint8_t *bytes;
	long got = v->device.read(v->device.context, e->at * BLOCK, BLOCK, &bytes);

	if (got < 0)
		return OM_EIO;
	return got < (long)BLOCK ? OM_EAUTH : vault_open_block(v, level, index, e, bytes, ret_plain);
}

int vault_entry(struct om_vault *v, unsigned level, uint64_t index, struct entry *ret)
{
	struct page *parent;
	int error;

	if (level == v->super.levels) {
		*ret = v->super.root;
		return 0;
	}
	error = vault_page(v, level + 1, index / FAN, false, &parent);
	if (error)
		return error;
	vault_entry_get(vault_content(v, parent), (uint32_t)(index % FAN), ret);
	vault_unpin(parent);
	return 0;
}

int vault_page(struct om_vault *v, unsigned level, uint64_t index, bool fresh, struct page **ret)
{
	struct page *p = vault_cached(v, level, index);
	struct entry e = { 0 };
	int error = 0;

	if (p) {
		p->pins++;
		p->used = true;
		*ret = p;
		return 0;
	}
	if (!fresh)
		error = vault_entry(v, level, index, &e);
	if (!error)
		error = take(v, level, index, &p);
	if (error)
		return error;
	if (e.at)
		error = vault_fetch(v, level, index, &e, vault_content(v, p));
	else
		memset(vault_content(v, p), 0, BLOCK);
	if (error) {
		vault_drop(v, p);
		return error;
	}
	*ret = p;
	return 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------------------- */

int vault_dirty(struct om_vault *v, struct page *p)
{
	struct page *above[LEVELS_MAX];
	uint64_t index = p->index;
	unsigned n = 0;
	int error = 0;

	for (unsigned level = p->level + 1; level <= v->super.levels && !error; level++) {
		index /= FAN;
		error = vault_page(v, level, index, false, &above[n]);
		n += !error;
	}
	/* Nothing is read or written from here on: what was marked cannot be clean again before the caller has changed it. */
	for (unsigned i = 0; i < n; i++) {
		above[i]->dirty = above[i]->dirty || !error;
		vault_unpin(above[i]);
	}
	p->dirty = p->dirty || !error;
	v->changed = v->changed || !error;
	return error;
}

int vault_grow(struct om_vault *v)
{
	struct page *p;
	int error;

	if (v->super.levels == LEVELS_MAX)
		return OM_EOVERFLOW;
	error = take(v, v->super.levels + 1, 0, &p);
	if (error)
		return error;
	memset(vault_content(v, p), 0, BLOCK);
	vault_entry_put(vault_content(v, p), 0, &v->super.root);
	v->super.root = (struct entry) { 0 };
	v->super.levels++;
	p->dirty = v->changed = true;
	vault_unpin(p);
	return 0;
}

/* By their numbers, so that what belongs together lies together. Shell's sort: there is no recursion to bound. */
static void sort(struct om_vault *v, uint32_t n)
{
	for (uint32_t gap = n / 2; gap; gap /= 2)
		for (uint32_t i = gap; i < n; i++) {
			const uint32_t moved = v->order[i];
			uint32_t j = i;

			for (; j >= gap && v->page[v->order[j - gap]].index > v->page[moved].index; j -= gap)
				v->order[j] = v->order[j - gap];
			v->order[j] = moved;
		}
}

/* It lies elsewhere now. Its parent is here (see above). */
static void point_to(struct om_vault *v, const struct page *p, const struct entry *e)
{
	struct page *parent = p->level == v->super.levels ? NULL : vault_cached(v, p->level + 1u, p->index / FAN);
	struct entry old = v->super.root;

	if (parent)
		vault_entry_get(vault_content(v, parent), (uint32_t)(p->index % FAN), &old);
	(void)vault_space_take(v, e->at); /* it was free */
	if (old.at)
		vault_space_release(v, old.at);
	if (parent)
		vault_entry_put(vault_content(v, parent), (uint32_t)(p->index % FAN), e);
	else
		v->super.root = *e;
}

/*
 * Blocks are written in bursts that end where the device's offset is a multiple of their size, a power of two: a kernel keeps what is written
 * so in large pieces (folios), and reads of it cost by a quarter less than of pieces that lie anyhow. A quarter of the cache, for so many
 * pages of data there are when room is needed, be all others nodes.
 */
static uint32_t burst_of(const struct om_vault *v)
{
	uint32_t burst = ROOM_MOST / BLOCK;

	while (burst > v->count / 4)
		burst /= 2;
	return burst;
}

/* As many of the list as fit behind each other. Return: how many, or an error; then nothing has changed. */
static int64_t write_some(struct om_vault *v, const uint32_t *list, uint32_t n)
{
	struct entry entries[ROOM_MOST / BLOCK];
	const uint32_t burst = burst_of(v);
	uint32_t room;
	uint8_t *to;
	uint64_t at;
	int64_t count;
	int error = vault_seal_begin(v);

	if (error)
		return error;
	to = v->device.room(v->device.context, &room);
	room = room < ROOM_MOST ? room : ROOM_MOST;
	if (!to || room < BLOCK)
		return OM_EIO;
	n = n < room / BLOCK ? n : room / BLOCK;
	if (v->counter > UINT32_MAX - n)
		return OM_EEXHAUSTED;
	count = vault_space_find(v, n, &at);
	if (count < 0)
		return count;
	if (n >= burst && (uint64_t)count > burst - at % burst)
		count = burst - (int64_t)(at % burst);
	for (int64_t i = 0; i < count; i++) {
		const struct page *p = &v->page[list[i]];

		error = vault_seal_block(v, p->level, p->index, vault_content(v, p), to + (size_t)i * BLOCK, &entries[i]);
		if (error)
			return error;
		entries[i].at = at + (uint64_t)i;
	}
	if (v->device.write(v->device.context, at * BLOCK, (uint32_t)count * BLOCK) != (long)(count * (int64_t)BLOCK))
		return OM_EIO;
	for (int64_t i = 0; i < count; i++) {
		point_to(v, &v->page[list[i]], &entries[i]);
		v->page[list[i]].dirty = false;
	}
	if (at + (uint64_t)count > v->device_end)
		v->device_end = at + (uint64_t)count;
	return count;
}

/* @some: what is less than a burst in the end may stay dirty, if there is room without it. */
static int flush_level(struct om_vault *v, unsigned level, bool some)
{
	uint32_t n = 0, done = 0;

	for (uint32_t i = 0; i < v->count; i++)
		if (v->page[i].taken && v->page[i].dirty && v->page[i].level == level)
			v->order[n++] = i;
	sort(v, n);
	while (done < n) {
		int64_t count;

		if (some && n - done < burst_of(v) && clean_count(v) >= v->count / 4)
			break;
		count = write_some(v, v->order + done, n - done);
		if (count < 0)
			return (int)count;
		done += (uint32_t)count;
	}
	return 0;
}

int vault_flush(struct om_vault *v, unsigned level)
{
	int error = 0;

	for (unsigned l = 0; l <= level && !error; l++)
		error = flush_level(v, l, false);
	return error;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------------------- */

static void give(const struct om_vault_device *d, void *at, size_t size)
{
	if (!at)
		return;
	om_wipe(at, size);
	d->free(d->context, at, size);
}

static void give_lists(const struct om_vault *v)
{
	give(&v->device, v->chunk, v->count / CHUNK * sizeof *v->chunk);
	give(&v->device, v->order, v->count * sizeof *v->order);
	give(&v->device, v->bucket, v->buckets * sizeof *v->bucket);
	give(&v->device, v->page, v->count * sizeof *v->page);
}

static bool take_lists(struct om_vault *v)
{
	const struct om_vault_device *d = &v->device;

	v->page = d->alloc(d->context, v->count * sizeof *v->page);
	v->bucket = d->alloc(d->context, v->buckets * sizeof *v->bucket);
	v->order = d->alloc(d->context, v->count * sizeof *v->order);
	v->chunk = d->alloc(d->context, v->count / CHUNK * sizeof *v->chunk);
	if (v->chunk)
		memset(v->chunk, 0, v->count / CHUNK * sizeof *v->chunk);
	if (!v->page || !v->bucket || !v->order || !v->chunk)
		return false;
	memset(v->page, 0, v->count * sizeof *v->page);
	memset(v->bucket, 0, v->buckets * sizeof *v->bucket);
	return true;
}

/* What it has is in the same memory afterwards, and the new pages are the next ones to be used. */
static void adopt(struct om_vault *v, const struct om_vault *next)
{
	if (v->count) {
		memcpy(next->page, v->page, v->count * sizeof *v->page);
		memcpy(next->chunk, v->chunk, v->count / CHUNK * sizeof *v->chunk);
	}
	give_lists(v);
	v->hand = v->count;
	v->count = next->count, v->buckets = next->buckets;
	v->page = next->page, v->bucket = next->bucket, v->order = next->order, v->chunk = next->chunk;
	for (uint32_t i = 0; i < v->count; i++)
		if (v->page[i].taken) {
			uint32_t *bucket = bucket_of(v, v->page[i].level, v->page[i].index);

			v->page[i].chain = *bucket;
			*bucket = i + 1;
		}
}

int vault_cache_grow(struct om_vault *v, size_t bytes)
{
	const uint32_t chunks = (uint32_t)((bytes / BLOCK < PAGES_MIN ? PAGES_MIN : bytes / BLOCK < 65536 ? bytes / BLOCK : 65536) + CHUNK - 1) / CHUNK;
	struct om_vault next = { .device = v->device, .count = chunks * CHUNK, .buckets = 64 };   /* its cache alone */
	bool enough;

	if (next.count <= v->count)
		return 0;
	while (next.buckets < next.count)
		next.buckets *= 2;
	enough = take_lists(&next);
	for (uint32_t i = v->count / CHUNK; enough && i < chunks; i++) {
		next.chunk[i] = v->device.alloc(v->device.context, (size_t)CHUNK * BLOCK);
		enough = next.chunk[i];
	}
	if (!enough) {
		vault_cache_free(&next);
		return OM_ENOMEM;
	}
	adopt(v, &next);
	return 0;
}

void vault_cache_free(struct om_vault *v)
{
	const uint32_t chunks = v->count / CHUNK;

	for (uint32_t i = 0; v->chunk && i < chunks; i++)
		give(&v->device, v->chunk[i], (size_t)CHUNK * BLOCK);
	give_lists(v);
}
