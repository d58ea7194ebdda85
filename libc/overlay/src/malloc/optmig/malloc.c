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
 * Blocks of more than 112 KiB are runs of pages of their own (runs.h).
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

/*
 * Giving the middle of a free chunk back costs a trip to the host, and its pages do when they are wanted again: oldmalloc does it whenever a
 * free chunk grows beyond a power of two, perhaps with every free of a loop. So the chunk has to have more than 1 MiB, and half as much must
 * have been freed, on balance, since the heap was at its fullest or last gave something back. What is counted may be a little wrong when
 * threads race for it, and nothing but this depends on it.
 */
static ptrdiff_t heap_used, heap_most;
static inline size_t reclaim_above(size_t size)
{
	return size > 1u << 20 && heap_most - heap_used >= (ptrdiff_t)(size / 2) ? 0 : SIZE_MAX;
}
static void reclaim(char *at, size_t size)
{
	heap_most = heap_used;
	__madvise(at, size, MADV_DONTNEED);
}
#undef RECLAIM
#define RECLAIM reclaim_above(size)
/* A free chunk's links may lie in the first of these pages, now that chunks begin at any multiple of 16. */
#define __madvise(at, size, advice) ((size) > PAGE_SIZE ? reclaim((char *)(at) + PAGE_SIZE, (size) - PAGE_SIZE) : (void)0)
#include "../oldmalloc/malloc.c"
#undef __madvise
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

#include "runs.h"

/* calloc asks at once whether it need not clear what it has got. */
int __malloc_allzerop(void *p)
{
	return IS_MMAPPED(MEM_TO_CHUNK(p)) && p != reused;
}

static void heap_free(struct chunk *chunk)
{
	heap_used -= CHUNK_SIZE(chunk);
	chunk_free(CHUNK_TO_MEM(chunk));
}

static void *large_malloc(size_t n)
{
	void *p;

	if (n > PTRDIFF_MAX - SIZE_ALIGN - 2 * PAGE_SIZE) {
		errno = ENOMEM;
		return NULL;
	}
	if (n > GROW)
		return malloc_run(n, 0);
	grow_for(n);
	p = chunk_malloc(n);
	if (p && (heap_used += CHUNK_SIZE(MEM_TO_CHUNK(p))) > heap_most)
		heap_most = heap_used;
	return p;
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
		return large_malloc(size - OVERHEAD);
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
		heap_free(MEM_TO_CHUNK(block));
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
			free_block_run(chunk);
		else
			heap_free(chunk);
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

/* What has grown may grow again: it is given the largest run, which has most behind it. */
static void *move(void *p, size_t old, size_t n, size_t room)
{
	void *moved = room > GROW && n > old ? malloc_run(room, 1) : __libc_malloc_impl(room);

	if (!moved)
		return NULL;
	memcpy(moved, p, n < old ? n : old);
	__libc_free(p);
	return moved;
}

/* A large block that has to move once is given an eighth more, so that growing step by step costs no copy at each of them. */
static void *resize_large(struct chunk *chunk, size_t old, size_t n)
{
	void *p = CHUNK_TO_MEM(chunk), *moved;

	if (!IS_MMAPPED(chunk))
		return n <= old ? p : move(p, old, n, n);
	if (n <= GROW / 2)
		return (moved = move(p, old, n, n)) ? moved : p;
	if (n > RUN_MOST && old > RUN_MOST)
		return chunk_realloc(p, n);    /* what was never touched stays so */
	if (resize_run(chunk, n))
		return p;
	moved = move(p, old, n, n + n / 8);
	return moved ? moved : move(p, old, n, n);
}

/* Small and large blocks are moved here; the rest is oldmalloc's. */
void *__libc_realloc(void *p, size_t n)
{
	struct chunk *chunk;
	size_t old, room;
	void *moved;

	n += !n;
	if (!p)
		return __libc_malloc_impl(n);
	if (n > PTRDIFF_MAX - SIZE_ALIGN - 2 * PAGE_SIZE) {
		errno = ENOMEM;
		return NULL;
	}
	chunk = MEM_TO_CHUNK(p);
	old = CHUNK_SIZE(chunk);
	room = old - OVERHEAD;
	if (IS_MMAPPED(chunk) || n > GROW)
		return resize_large(chunk, room, n);
	if (old > BINS * SIZE_ALIGN || n > BINS * SIZE_ALIGN - OVERHEAD) {
		grow_for(n);
		moved = chunk_realloc(p, n);
		if (moved && (heap_used += CHUNK_SIZE(MEM_TO_CHUNK(moved)) - old) > heap_most)
			heap_most = heap_used;
		return moved;
	}
	if (n <= room && room - n < SIZE_ALIGN)
		return p;
	moved = move(p, room, n, n);
	return moved || n > room ? moved : p;
}

static void nothing(void) { }
weak_alias(nothing, __dlerror_thread_cleanup);

void __dl_thread_cleanup(void)
{
	__dlerror_thread_cleanup();
	for (unsigned bin = 0; bin < BINS; bin++)
		give_back(&cache, bin, 0);
}
