/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc: musl's older allocator (oldmalloc, unpatched) behind a cache of small blocks per thread.
 *
 *     malloc, free  ->  cache of the thread (no lock, no atomic operation)  ->  oldmalloc
 *
 * musl's newer allocator (mallocng) takes a global lock and several atomic operations for each call, and gives groups of
 * blocks back so eagerly that a pair of malloc and free costs half a microsecond: a third of the time of a redis that
 * stores small values. What it offers for that, bookkeeping apart from the data that resists overwriting, is given up here.
 *
 * A cached block stays in use for oldmalloc: its header and footer are those of an allocated chunk, and it is neither
 * merged nor returned. So everything else that works on chunks (realloc, aligned_alloc, malloc_usable_size) needs not know
 * the cache. A block is in the bin of its chunk's size, or, cut from the end of a batch, in the one below; a chunk's size does
 * not change while there.
 *
 *     bin of a chunk = its size / 16 - 1         bins 1 .. BINS-1: chunks of 32 .. 1024 bytes
 *     first 16 bytes of a cached block: { next, the cache }   the second one betrays a block that is freed twice
 *
 * Blocks that are mappings of their own (more than 112 KiB) are kept, too: the last few that were freed, of up to 2 MiB, for
 * whoever asks for nearly that much. A mapping costs two calls and, worse, the zeroing of every page. The oldest goes when
 * another comes; 8 MiB stay at most.
 *
 * Bounds: a bin holds at most `most_of` blocks (in all 190 KiB per thread); the one too many sends half of them back. An
 * ending thread returns all: pthread_exit calls __dl_thread_cleanup when nothing that could allocate follows.
 * Not async-signal-safe, as no malloc is. A stop or a migration in the middle is harmless: all state is ordinary memory.
 */
#define _GNU_SOURCE
#include <stdlib.h>

/* oldmalloc's entry points under other names; inside, it calls itself by these. */
#define __libc_malloc_impl chunk_malloc
#define __libc_realloc chunk_realloc
#define __libc_free chunk_free
#define __malloc_allzerop chunk_allzerop
static void *chunk_malloc(size_t);
static void *chunk_realloc(void *, size_t);
static void chunk_free(void *);
#include "chunks.h"
/* Giving the middle of a free chunk back costs a trip to the host: not for a few pages that will be wanted again. */
#undef RECLAIM
#define RECLAIM (1u << 20)
/* A free chunk's links may lie in the first of these pages, now that chunks begin at any multiple of 16. */
#define __madvise(at, size, advice) ((size) > PAGE_SIZE ? (__madvise)((char *)(at) + PAGE_SIZE, (size) - PAGE_SIZE, advice) : 0)
#include "../oldmalloc/malloc.c"
#undef __libc_malloc_impl
#undef __libc_realloc
#undef __libc_free
#undef __malloc_allzerop
#undef malloc
#undef realloc
#undef free
#undef inline

#define BINS 64u
#define BATCH_BYTES (BINS * SIZE_ALIGN)
#define LIKELY(x) __builtin_expect(!!(x), 1)

hidden void *__libc_malloc_impl(size_t);
hidden void *__libc_realloc(void *, size_t);
hidden void __libc_free(void *);

struct block { struct block *next; const void *owner; };
struct cache {
	struct block *head[BINS];
	unsigned count[BINS];
};
static _Thread_local struct cache cache;

#define GROW (MMAP_THRESHOLD - OVERHEAD) /* the most that comes from the heap */

/*
 * A heap that has nothing for this block would grow by the pages that the block needs, and what is left of the last one,
 * too small for the next, would never be used: half of the memory with blocks of a little more than a page. So it grows by
 * more; that much freed at once is merged with what is left before it. Racing with another thread only grows it twice.
 */
static void grow_for(size_t n)
{
	if (n <= GROW && !(mal.binmap & -(1ULL << bin_index_up(n + OVERHEAD + SIZE_ALIGN - 1 & SIZE_MASK))))
		chunk_free(chunk_malloc(GROW));
}

#define MAPPINGS 4u
#define MAPPING_MAX (2u << 20)

static struct chunk *mappings[MAPPINGS];    /* under the lock */
static unsigned mapping_next;
static volatile int mapping_lock[2];
static _Thread_local const void *reused;    /* what this thread's last large block was, if it is not zero */

/* The smallest that has room for n bytes, unless it wastes a quarter. */
static void *take_mapping(size_t n)
{
	struct chunk *found = NULL;
	unsigned best = MAPPINGS;

	if (n > MAPPING_MAX)
		return NULL;
	lock(mapping_lock);
	for (unsigned i = 0; i < MAPPINGS; i++) {
		size_t room = mappings[i] ? CHUNK_SIZE(mappings[i]) - OVERHEAD : 0;

		if (room >= n && room - n <= n / 4 + PAGE_SIZE && (best == MAPPINGS || CHUNK_SIZE(mappings[i]) < CHUNK_SIZE(mappings[best])))
			best = i;
	}
	if (best < MAPPINGS) {
		found = mappings[best];
		mappings[best] = NULL;
	}
	unlock(mapping_lock);
	reused = found ? CHUNK_TO_MEM(found) : NULL;
	return found ? CHUNK_TO_MEM(found) : NULL;
}

/* In the place of an empty one, else of the oldest, more or less. One that aligned_alloc has cut begins elsewhere in its pages. */
static void free_mapping(struct chunk *chunk)
{
	struct chunk *old = chunk;
	unsigned at;

	if (chunk->psize == SIZE_ALIGN - OVERHEAD && CHUNK_SIZE(chunk) <= MAPPING_MAX) {
		lock(mapping_lock);
		at = mapping_next;
		for (unsigned i = 0; i < MAPPINGS; i++) {
			if (mappings[i] == chunk)
				a_crash();
			if (!mappings[i])
				at = i;
		}
		old = mappings[at];
		mappings[at] = chunk;
		mapping_next = (at + 1) % MAPPINGS;
		unlock(mapping_lock);
	}
	if (old)
		chunk_free(CHUNK_TO_MEM(old));
}

/* calloc asks at once whether it need not clear what it has got. */
int __malloc_allzerop(void *p)
{
	return IS_MMAPPED(MEM_TO_CHUNK(p)) && p != reused;
}

static void *large_malloc(size_t n)
{
	void *p = n > GROW ? take_mapping(n) : NULL;

	if (p)
		return p;
	grow_for(n);
	return chunk_malloc(n);
}

static inline unsigned most_of(unsigned bin)
{
	return bin < 16 ? 64 : 8;
}

/* Cuts a larger chunk into several of one size, all in use; the first is returned, the rest are cached. */
static void *refill(struct cache *c, unsigned bin)
{
	size_t size = (bin + 1) * SIZE_ALIGN, count = BATCH_BYTES / size, left;
	struct chunk *chunk, *next;
	char *first;

	first = large_malloc(count * size - OVERHEAD);
	if (!first)
		return chunk_malloc(size - OVERHEAD);
	chunk = MEM_TO_CHUNK(first);
	/* It may be a little larger than asked for: that goes to the last. */
	for (left = CHUNK_SIZE(chunk); left >= 2 * size; left -= size) {
		struct block *block;

		/* All of it is ours, and so is the footer of the neighbour behind: no lock, as in oldmalloc's realloc. */
		next = (void *)((char *)chunk + size);
		chunk->csize = next->psize = size | C_INUSE;
		next->csize = (left - size) | C_INUSE;
		chunk = next;
		block = CHUNK_TO_MEM(chunk);
		block->owner = c;
		block->next = c->head[bin];
		c->head[bin] = block;
		c->count[bin]++;
	}
	NEXT_CHUNK(chunk)->psize = chunk->csize;
	return first;
}

static void give_back(struct cache *c, unsigned bin, unsigned keep)
{
	while (c->count[bin] > keep) {
		struct block *block = c->head[bin];

		c->head[bin] = block->next;
		c->count[bin]--;
		block->owner = 0;
		chunk_free(block);
	}
}

void *__libc_malloc_impl(size_t n)
{
	struct cache *c = &cache;
	struct block *block;
	size_t bin;

	n += !n;
	bin = (n + OVERHEAD + SIZE_ALIGN - 1) / SIZE_ALIGN - 1;
	if (n > BINS * SIZE_ALIGN - OVERHEAD)
		return large_malloc(n);
	block = c->head[bin];
	if (!LIKELY(block))
		return refill(c, (unsigned)bin);
	c->head[bin] = block->next;
	c->count[bin]--;
	block->owner = 0;
	return block;
}

/* A block that looks as if it were cached already: program data may look so by chance, so look closely. */
static __attribute__((noinline)) void refuse_twice(const struct cache *c, const struct block *block, unsigned bin)
{
	for (const struct block *b = c->head[bin]; b; b = b->next)
		if (b == block)
			a_crash();
}

void __libc_free(void *p)
{
	struct cache *c = &cache;
	struct block *block = p;
	struct chunk *chunk;
	size_t bin;

	if (!p)
		return;
	chunk = MEM_TO_CHUNK(p);
	bin = CHUNK_SIZE(chunk) / SIZE_ALIGN - 1;
	if (bin >= BINS || IS_MMAPPED(chunk)) {
		if (IS_MMAPPED(chunk))
			free_mapping(chunk);
		else
			chunk_free(p);
		return;
	}
	if (!LIKELY(block->owner != c))
		refuse_twice(c, block, (unsigned)bin);
	block->owner = c;
	block->next = c->head[bin];
	c->head[bin] = block;
	if (!LIKELY(++c->count[bin] <= most_of((unsigned)bin)))
		give_back(c, (unsigned)bin, most_of((unsigned)bin) / 2);
}

/* Small blocks go through the cache when they move; the rest is oldmalloc's. */
void *__libc_realloc(void *p, size_t n)
{
	struct chunk *chunk;
	size_t old, room;
	void *moved;

	n += !n;
	if (!p)
		return __libc_malloc_impl(n);
	chunk = MEM_TO_CHUNK(p);
	old = CHUNK_SIZE(chunk);
	if (IS_MMAPPED(chunk) || old > BINS * SIZE_ALIGN || n > BINS * SIZE_ALIGN - OVERHEAD) {
		grow_for(n);
		return chunk_realloc(p, n);
	}
	room = old - OVERHEAD;
	if (n <= room && room - n < SIZE_ALIGN)
		return p;
	moved = __libc_malloc_impl(n);
	if (!moved)
		return n <= room ? p : NULL;
	memcpy(moved, p, n < room ? n : room);
	__libc_free(p);
	return moved;
}

static void nothing(void) { }
weak_alias(nothing, __dlerror_thread_cleanup);

void __dl_thread_cleanup(void)
{
	__dlerror_thread_cleanup();
	for (unsigned bin = 0; bin < BINS; bin++)
		give_back(&cache, bin, 0);
}
