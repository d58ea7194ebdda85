/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks (more than 112 KiB) are runs of pages of their own. A mapping costs two calls and, worse, the zeroing of every
 * page, so freed runs are kept for the next blocks: merged with their neighbours, cut to what is asked for, smallest first.
 *
 *     | chunk header | block ...                   |      a block's run; in front of the header may be what aligned_alloc cut off
 *     ^ page                                       ^ page
 *
 * Bounds, those of glibc: a block of more than 32 MiB is unmapped when it is freed; of smaller ones twice the largest that was
 * freed so far stays, at least 32 MiB. What is too much goes at once, oldest first, until a quarter of the bound is free. All of it
 * goes before a mapping fails for want of room (__mmap).
 *
 * The table is under the lock; mapping and unmapping is not. A run that is freed twice overlaps one in the table, until it is in use again.
 */
#ifndef OPTMIG_LIBC_RUNS_H
#define OPTMIG_LIBC_RUNS_H

#define RUNS      64u
#define RUN_LEAST (64u << 10)     /* a rest that is smaller stays with its block */
#define RUN_MOST  (32u << 20)
#define KEEP      (32u << 20)

static struct run { char *at; size_t size; unsigned freed; } runs[RUNS];
static unsigned run_count, run_clock;
static size_t runs_size, run_largest;
static volatile int runs_lock[2];
static _Thread_local const void *reused;    /* what this thread's last large block was, if it is not zero */

static char *run_of(struct chunk *c, size_t *ret_size)
{
	*ret_size = CHUNK_SIZE(c) + c->psize;
	return (char *)c - c->psize;
}

/* Context: the lock, as the next five. */
static void drop_run(unsigned i)
{
	runs_size -= runs[i].size;
	runs[i] = runs[--run_count];
}

static void add_run(char *at, size_t size)
{
	for (unsigned i = 0; i < run_count; i++)
		if (at < runs[i].at + runs[i].size && runs[i].at < at + size)
			a_crash();
	for (unsigned i = 0; i < run_count;) {
		int before = runs[i].at + runs[i].size == at;

		if (!before && runs[i].at != at + size) {
			i++;
			continue;
		}
		at = before ? runs[i].at : at;
		size += runs[i].size;
		drop_run(i);
	}
	runs[run_count++] = (struct run){ at, size, run_clock++ };
	runs_size += size;
}

/* The first `size` bytes of a run; what it has beyond stays there, or is added to *size. */
static char *cut_run(unsigned i, size_t *size)
{
	struct run *run = &runs[i];
	char *at = run->at;

	if (run->size - *size < RUN_LEAST) {
		*size = run->size;
		drop_run(i);
	} else {
		run->at += *size;
		run->size -= *size;
		runs_size -= *size;
	}
	return at;
}

static unsigned oldest_run(void)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < run_count; i++)
		if (run_clock - runs[i].freed > run_clock - runs[oldest].freed)
			oldest = i;
	return oldest;
}

/* Takes runs out of the table until at most `size` bytes in `count` runs are left. */
static unsigned take_oldest(struct run *gone, size_t size, unsigned count)
{
	unsigned taken = 0;

	while (runs_size > size || run_count > count) {
		unsigned i = oldest_run();

		gone[taken++] = runs[i];
		drop_run(i);
	}
	return taken;
}

static unsigned take_surplus(struct run *gone)
{
	size_t most = 2 * run_largest > KEEP ? 2 * run_largest : KEEP;

	return runs_size > most || run_count == RUNS ? take_oldest(gone, most / 4 * 3, RUNS / 4 * 3) : 0;
}

static void unmap(const struct run *gone, unsigned count)
{
	int e = errno;

	for (unsigned i = 0; i < count; i++)
		__munmap(gone[i].at, gone[i].size);
	errno = e;
}

/* Return: something was unmapped. */
hidden int __malloc_give_back(void)
{
	struct run gone[RUNS];
	unsigned count;

	lock(runs_lock);
	count = take_oldest(gone, 0, 0);
	unlock(runs_lock);
	unmap(gone, count);
	return count > 0;
}

/* @size: of the block that was freed, of which this is all or a part. */
static void free_run(char *at, size_t part, size_t size)
{
	struct run gone[RUNS] = { { at, part, 0 } };
	unsigned count = 1;

	if (part <= RUN_MOST) {
		lock(runs_lock);
		if (size <= RUN_MOST && size > run_largest)
			run_largest = size;
		add_run(at, part);
		count = take_surplus(gone);
		unlock(runs_lock);
	}
	unmap(gone, count);
}

/* The smallest that is large enough, or the largest; or NULL. */
static char *take_run(size_t *size, int largest)
{
	unsigned best = RUNS;
	char *at = NULL;

	lock(runs_lock);
	for (unsigned i = 0; i < run_count; i++)
		if (runs[i].size >= *size && (best == RUNS || (largest ? runs[i].size > runs[best].size : runs[i].size < runs[best].size)))
			best = i;
	if (best < RUNS)
		at = cut_run(best, size);
	unlock(runs_lock);
	return at;
}

/* The pages from `at` on, if they are kept. */
static int take_next(const char *at, size_t *size)
{
	int found = 0;

	lock(runs_lock);
	for (unsigned i = 0; i < run_count && !found; i++)
		if (runs[i].at == at && runs[i].size >= *size) {
			cut_run(i, size);
			found = 1;
		}
	unlock(runs_lock);
	return found;
}

static size_t pages_for(size_t n)
{
	return n + OVERHEAD + PAGE_SIZE - 1 & -PAGE_SIZE;
}

/* Context: n can be a size (adjust_size). */
static void *malloc_run(size_t n, int largest)
{
	size_t size = pages_for(n);
	char *at = size <= RUN_MOST ? take_run(&size, largest) : NULL;
	struct chunk *c;

	reused = at ? at + OVERHEAD : NULL;
	if (!at)
		at = __mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	c = (struct chunk *)at;
	c->psize = 0;
	c->csize = size;
	return CHUNK_TO_MEM(c);
}

static void free_block_run(struct chunk *c)
{
	size_t size;
	char *at = run_of(c, &size);

	if ((uintptr_t)at & (PAGE_SIZE - 1) || size & (PAGE_SIZE - 1))
		a_crash();
	free_run(at, size, size);
}

/* In place: by pages that are kept behind it, or by new ones. False: there is no room. */
static int grow_run(struct chunk *c, size_t more)
{
	size_t size;
	char *at = run_of(c, &size);

	if (!take_next(at + size, &more) && __mremap(at, size, size + more, 0) == MAP_FAILED)
		return 0;
	c->csize += more;
	return 1;
}

/* False: it is moved by whoever asked. */
static int resize_run(struct chunk *c, size_t n)
{
	size_t size, wanted = pages_for(n + c->psize);
	char *at = run_of(c, &size);
	int e = errno, grown;

	if (wanted <= size) {
		if (size - wanted >= RUN_LEAST) {
			c->csize -= size - wanted;
			free_run(at + wanted, size - wanted, size);
		}
		return 1;
	}
	grown = grow_run(c, wanted - size);
	errno = e;
	return grown;
}

#endif
