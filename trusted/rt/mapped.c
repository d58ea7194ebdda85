/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of files. Their pages are ordinary memory, read when the mapping is made; what is kept here lets them be read again:
 *
 *     MADV_DONTNEED                        the file's content, not zeros
 *     the program writes, truncates ...    shared mappings show it (private ones: only what the file has grown by)
 *     msync of a shared mapping            what other processes have written
 *     pages behind the end of the file     SIGBUS: they have no access until the file reaches them
 *
 *     record   |<------------- count ------------->|       split when a part is unmapped
 *              | in the file (valid) | behind      |
 *
 * The table is held by one thread at a time across calls of the host, so that pages that are being read are not unmapped and given
 * to somebody else; nobody parks while holding it. The exception handler looks at it without holding it: a record is complete
 * before `end` covers it, and what a racing munmap makes of it is one of the two answers.
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mapped.h"
#include "rt/mem.h"

#define RECORDS_MAX  4096u
#define PIECE_PAGES  1024u      /* read again between two safepoints of the caller */

struct record {
	uint64_t first, count, valid;      /* count 0: free */
	uint64_t offset;                   /* of the first page in the file, bytes */
	uint32_t file;
	uint8_t  shared, protection;       /* protection: of pages that the file comes to reach */
	uint8_t  pad[2];
};

RT_RESIDENT static struct record records[RECORDS_MAX];       /* touched below `end` only: see rt_mapped_beyond */
RT_RESIDENT_EARLY static uint32_t end;
RT_RESIDENT_EARLY uint32_t rt_mapped_count;
RT_RESIDENT static _Atomic uint32_t holder;

static void hold(void)
{
	rt_hold(&holder);
	rt_ub_reset();
}

static void let_go(void)
{
	rt_let_go(&holder);
}

static bool none(void)
{
	return RT_LIKELY(!__atomic_load_n(&rt_mapped_count, __ATOMIC_ACQUIRE));
}

/* ---- records: the table is held ---------------------------------------------------------------------------------------- */

static struct record *record_new(void)
{
	for (uint32_t i = 0; i < end; i++)
		if (!records[i].count)
			return &records[i];
	return end < RECORDS_MAX ? &records[end] : NULL;
}

static void record_set(struct record *r, const struct record *content)
{
	*r = *content;
	if (r == &records[end])
		__atomic_store_n(&end, end + 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&rt_mapped_count, 1, __ATOMIC_RELEASE);
}

static void record_free(struct record *r)
{
	uint32_t file = r->file;

	r->count = r->valid = 0;
	__atomic_fetch_sub(&rt_mapped_count, 1, __ATOMIC_RELEASE);
	rt_io_map_put(file);
}

static bool overlaps(const struct record *r, uint64_t index, uint64_t count)
{
	return r->count && r->first < index + count && index < r->first + r->count;
}

static struct record *record_at(uint64_t index)
{
	for (uint32_t i = 0; i < end; i++)
		if (overlaps(&records[i], index, 1))
			return &records[i];
	return NULL;
}

/* `r` from its page `from` on. */
static struct record tail_of(const struct record *r, uint64_t from)
{
	struct record tail = *r;

	tail.first += from;
	tail.count -= from;
	tail.valid = r->valid > from ? r->valid - from : 0;
	tail.offset += from << 12;
	return tail;
}

static void cut(struct record *r, uint64_t index, uint64_t count)
{
	uint64_t last = r->first + r->count, cut_end = index + count;
	struct record tail = tail_of(r, cut_end < last ? cut_end - r->first : 0);
	struct record *more;

	if (index <= r->first) {
		if (cut_end >= last)
			record_free(r);
		else
			*r = tail;
		return;
	}
	r->count = index - r->first;
	if (r->valid > r->count)
		r->valid = r->count;
	more = cut_end < last ? record_new() : NULL;
	if (!more)
		return;                            /* no room: the rest of it is memory like any other from now on */
	rt_io_map_again(tail.file);
	record_set(more, &tail);
}

/* ---- content: the table is held ---------------------------------------------------------------------------------------- */

/* Pages that the file does not reach: nobody may touch them. */
static void withdraw(const struct record *r, uint64_t from)
{
	if (from >= r->count)
		return;
	rt_mem_discard(r->first + from, r->count - from);
	rt_mem_protect(r->first + from, r->count - from, 0);
}

/* Runs of pages get back the protection that they had. */
static void protect_again(uint64_t index, uint64_t count, const uint8_t *protection)
{
	for (uint64_t i = 0, next; i < count; i = next) {
		for (next = i + 1; next < count && protection[next] == protection[i];)
			next++;
		if (protection[i] != (RT_PAGE_R | RT_PAGE_W))
			rt_mem_protect(index + i, next - i, protection[i]);
	}
}

/* Reads pages [from, from + count), at most a piece, whose access stays as it is. What the file does not fill is zero. */
static long read_piece(const struct record *r, uint64_t from, uint64_t count)
{
	uint8_t protection[PIECE_PAGES];
	uint64_t index = r->first + from, address = rt_page_address(index), size = count << 12;
	long got;

	rt_ub_reset();
	for (uint64_t i = 0; i < count; i++)
		protection[i] = from + i < r->valid ? rt_pagemap()[index + i] & (RT_PAGE_R | RT_PAGE_W) : r->protection;
	rt_mem_protect(index, count, RT_PAGE_R | RT_PAGE_W);
	got = rt_io_map_read(r->file, r->offset + (from << 12), address, size);
	if (got >= 0 && (uint64_t)got < size && rt_app_zero(address + (uint64_t)got, size - (uint64_t)got) < 0)
		got = -EFAULT;
	protect_again(index, count, protection);
	return got;
}

static long read_pages(const struct record *r, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t some = to - from < PIECE_PAGES ? to - from : PIECE_PAGES;
		long got = read_piece(r, from, some);

		if (got < 0)
			return got;
		from += some;
	}
	return 0;
}

static int64_t size_of(uint32_t file)
{
	rt_ub_reset();
	return rt_io_map_size(file);
}

static uint64_t valid_pages(const struct record *r, int64_t size)
{
	uint64_t pages = (uint64_t)size > r->offset ? rt_page_up((uint64_t)size - r->offset) >> 12 : 0;

	return pages < r->count ? pages : r->count;
}

/* The file has `size` bytes now. What it has grown by is read; what it lost is out of reach. */
static void resize(struct record *r, int64_t size)
{
	uint64_t valid = valid_pages(r, size), old = r->valid;
	uint64_t last = (uint64_t)size >> 12, inside = (uint64_t)size & (OM_PAGE_SIZE - 1);

	if (size < 0 || (valid == old && !r->shared))
		return;
	if (valid < old) {
		r->valid = valid;
		withdraw(r, valid);
	} else if (valid > old) {
		(void)read_pages(r, old, valid);       /* an error leaves zeros, as after a disk's */
		r->valid = valid;
	}
	if (r->shared && inside && last >= r->offset >> 12 && last - (r->offset >> 12) < valid)
		(void)read_piece(r, last - (r->offset >> 12), 1);
}

/* ---- for mmap.c -------------------------------------------------------------------------------------------------------- */

long rt_mapped_add(uint64_t index, uint64_t count, const struct rt_mapped_what *what)
{
	struct record content = { .first = index, .count = count, .offset = what->offset, .file = what->file, .shared = what->shared,
		.protection = what->protection }, *r;
	int64_t size;
	long result;

	hold();
	r = record_new();
	size = r ? size_of(what->file) : -1;
	result = !r ? -ENOMEM : size < 0 ? -EIO : 0;
	if (!result) {
		content.valid = valid_pages(&content, size);
		withdraw(&content, content.valid);
		record_set(r, &content);
	}
	let_go();
	if (result)
		rt_io_map_put(what->file);
	return result;
}

void rt_mapped_forget(uint64_t index, uint64_t count)
{
	if (none())
		return;
	hold();
	for (uint32_t i = 0; i < end; i++)
		if (overlaps(&records[i], index, count))
			cut(&records[i], index, count);
	let_go();
}

bool rt_mapped_shared(uint64_t index, uint64_t count)
{
	bool found = false;

	if (none())
		return false;
	hold();
	for (uint32_t i = 0; i < end && !found; i++)
		found = records[i].shared && overlaps(&records[i], index, count);
	let_go();
	return found;
}

void rt_mapped_protect(uint64_t index, uint64_t count, uint8_t protection)
{
	if (none()) {
		rt_mem_protect(index, count, protection);
		return;
	}
	hold();                                    /* who reads pages again gives them back the protection that they had before */
	rt_mem_protect(index, count, protection);
	for (uint32_t i = 0; i < end; i++) {
		struct record *r = &records[i];
		uint64_t behind = r->first + r->valid;

		if (!overlaps(r, index, count) || index + count <= behind)
			continue;
		r->protection = protection;
		rt_mem_protect(index > behind ? index : behind,
			(index + count < r->first + r->count ? index + count : r->first + r->count) - (index > behind ? index : behind), 0);
	}
	let_go();
}

int64_t rt_mapped_reload(uint64_t index, uint64_t count, bool shared_only)
{
	struct record *r;
	uint64_t from, done = 0;
	long result = 0;

	if (none())
		return 0;
	hold();
	r = record_at(index);
	if (r) {
		from = index - r->first;
		done = r->count - from < count ? r->count - from : count;
		if (done > PIECE_PAGES)
			done = PIECE_PAGES;
		if (!shared_only || r->shared) {
			resize(r, size_of(r->file));
			if (from < r->valid)
				result = read_piece(r, from, r->valid - from < done ? r->valid - from : done);
		}
	}
	let_go();
	return result < 0 ? result : (int64_t)done;
}

uint64_t rt_mapped_gap(uint64_t index, uint64_t count)
{
	if (none())
		return count;
	hold();
	for (uint32_t i = 0; i < end; i++)
		if (overlaps(&records[i], index, count))
			count = records[i].first > index ? records[i].first - index : 0;
	let_go();
	return count;
}

uint64_t rt_mapped_reach(uint64_t index, uint64_t count)
{
	uint64_t reach = index;

	if (none())
		return 0;
	hold();
	for (uint32_t i = 0; i < end; i++)
		if (overlaps(&records[i], index, count) && records[i].valid && records[i].first + records[i].valid > reach)
			reach = records[i].first + records[i].valid;
	let_go();
	return reach - index < count ? reach - index : count;
}

/* The record that covers the last page before `last`, if the file goes on until there without a gap. */
static struct record *whole(struct record *r, uint64_t last)
{
	while (r && r->first + r->count < last) {
		struct record *next = record_at(r->first + r->count);

		if (next && (next->file != r->file || next->shared != r->shared || next->offset != r->offset + (r->count << 12)))
			next = NULL;
		r = next;
	}
	return r;
}

enum rt_mapped_kind rt_mapped_get(uint64_t index, uint64_t count, struct rt_mapped_what *ret_what)
{
	enum rt_mapped_kind kind = RT_MAPPED_NONE;
	struct record *first, *last;

	if (none())
		return RT_MAPPED_NONE;
	hold();
	for (uint32_t i = 0; i < end; i++)
		if (overlaps(&records[i], index, count))
			kind = RT_MAPPED_MANY;
	first = record_at(index);
	last = whole(first, index + count);
	if (last && ret_what) {                    /* beyond the file's end are pages of the last one, if of any */
		*ret_what = (struct rt_mapped_what){ first->file, first->shared, last->protection,
			first->offset + ((index - first->first) << 12) };
		rt_io_map_again(first->file);
	}
	let_go();
	return last ? RT_MAPPED_ONE : kind;
}

bool rt_mapped_beyond(uint64_t index, bool write)
{
	uint32_t last = __atomic_load_n(&end, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < last; i++)
		if (overlaps(&records[i], index, 1))
			return index - records[i].first >= records[i].valid && records[i].protection & (write ? RT_PAGE_W : RT_PAGE_R);
	return false;
}

/* ---- for io -------------------------------------------------------------------------------------------------------------- */

bool rt_mapped_shows(uint64_t device, uint64_t inode)
{
	bool found = false;

	if (none())
		return false;
	hold();
	for (uint32_t i = 0; i < end && !found; i++)
		found = records[i].count && rt_io_map_is(records[i].file, device, inode);
	let_go();
	return found;
}

void rt_mapped_written(uint64_t device, uint64_t inode, uint64_t offset, uint64_t size)
{
	if (none() || !size)
		return;
	hold();
	for (uint32_t i = 0; i < end; i++) {
		struct record *r = &records[i];
		uint64_t from, to;

		if (!r->count || !rt_io_map_is(r->file, device, inode) || offset + size <= r->offset)
			continue;
		if (((offset + size - 1 - r->offset) >> 12) >= r->valid)
			resize(r, size_of(r->file));
		from = offset > r->offset ? (offset - r->offset) >> 12 : 0;
		to = (rt_page_up(offset + size - r->offset)) >> 12;
		if (r->shared)
			(void)read_pages(r, from, to < r->valid ? to : r->valid); /* an error leaves what was there */
	}
	let_go();
}

void rt_mapped_resized(uint64_t device, uint64_t inode)
{
	if (none())
		return;
	hold();
	for (uint32_t i = 0; i < end; i++)
		if (records[i].count && ((!device && !inode) || rt_io_map_is(records[i].file, device, inode)))
			resize(&records[i], size_of(records[i].file));
	let_go();
}
