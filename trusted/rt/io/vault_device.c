/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/vault stands on: the host's file through the transfer buffer, and memory of ours. The memory is local, for what a vault keeps
 * can be read again from its file. It is pages of one arena, given out by first fit and wiped when they are given back.
 */
#include "crypto/wipe.h"
#include "rt/io/vault.h"
#include "rt/libmem.h"

#define PAGE         4096u
#define ARENA_PAGES  (128u << 20 >> 12)
#define CACHE_LEAST  (256u << 10)
#define CACHE_MOST   (8u << 20)
#define PIECES       16u

static RT_LAZY _Alignas(4096) uint8_t arena[ARENA_PAGES][PAGE];
static RT_LOCAL uint64_t taken[ARENA_PAGES / 64];     /* under rt_io_lock() */
static RT_LAZY _Alignas(64) uint8_t pieces[PIECES][RT_VAULT_PIECE];
static RT_LOCAL uint32_t piece_taken[PIECES], piece_used[PIECES];

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */

static bool is_taken(size_t page)
{
	return taken[page / 64] >> page % 64 & 1;
}

static void mark(size_t first, size_t count, bool on)
{
	for (size_t page = first; page < first + count; page++)
		taken[page / 64] = on ? taken[page / 64] | 1ULL << page % 64 : taken[page / 64] & ~(1ULL << page % 64);
}

static void *arena_alloc(void *context, size_t size)
{
	const size_t count = (size + PAGE - 1) / PAGE;
	size_t run = 0, page;

	(void)context;
	if (!size || count > ARENA_PAGES)
		return NULL;
	rt_io_lock();
	for (page = 0; page < ARENA_PAGES && run < count; page++)
		run = is_taken(page) ? 0 : run + 1;
	if (run == count)
		mark(page - count, count, true);
	rt_io_unlock();
	return run == count ? arena[page - count] : NULL;
}

static void arena_free(void *context, void *at, size_t size)
{
	(void)context;
	if (!at)
		return;
	om_wipe(at, size);
	rt_io_lock();
	mark((size_t)((uint8_t *)at - arena[0]) / PAGE, (size + PAGE - 1) / PAGE, false);
	rt_io_unlock();
}

/* A hundredth of the file and more is never taken but by small ones. */
size_t rt_vault_cache_size(uint64_t file_size)
{
	const uint64_t size = file_size / 128;

	return size < CACHE_LEAST ? CACHE_LEAST : size > CACHE_MOST ? CACHE_MOST : (size_t)size & ~(size_t)(PAGE - 1);
}

/* Somebody who has one is in a call of the host that does not wait, or copies. */
uint8_t *rt_vault_piece_take(void)
{
	for (;;) {
		for (uint32_t i = 0; i < PIECES; i++) {
			uint32_t free = 0;

			if (!__atomic_compare_exchange_n(&piece_taken[i], &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				continue;
			piece_used[i] = 1;
			return pieces[i];
		}
		(void)rt_host(__NR_sched_yield, 0, 0, 0, 0, 0, 0); /* only a hint */
	}
}

void rt_vault_piece_give(uint8_t *piece)
{
	__atomic_store_n(&piece_taken[(size_t)(piece - pieces[0]) / RT_VAULT_PIECE], 0, __ATOMIC_RELEASE);
}

/* Pieces that nobody has used are not there, and are not to be. */
void rt_vault_memory_wipe(void)
{
	for (size_t page = 0; page < ARENA_PAGES; page++)
		if (is_taken(page))
			om_wipe(arena[page], PAGE);
	for (uint32_t i = 0; i < PIECES; i++)
		if (piece_used[i])
			om_wipe(pieces[i], RT_VAULT_PIECE);
}

/* ---- the host's file ---------------------------------------------------------------------------------------------------------- */

static long noted(struct rt_vault_side *side, long result)
{
	if (result < 0)
		side->error = result;
	return result;
}

static long host_read(void *context, uint64_t offset, uint32_t size, const uint8_t **ret_bytes)
{
	struct rt_vault_side *side = context;
	uint64_t ub;

	rt_ub_reset();
	if (size > rt_ub_left())
		size = (uint32_t)rt_ub_left() & ~(PAGE - 1);
	ub = rt_io_ub_space(size);
	if (!ub)
		return noted(side, -ENOMEM);
	*ret_bytes = (const uint8_t *)ub;
	return noted(side, rt_io_checked(rt_host(__NR_pread64, (uint64_t)side->host_fd - 1, ub, size, offset, 0, 0), size));
}

static uint8_t *host_room(void *context, uint32_t *ret_size)
{
	(void)context;
	rt_ub_reset();
	*ret_size = (uint32_t)rt_ub_left() & ~(PAGE - 1);
	return (uint8_t *)rt_io_ub_space(*ret_size);
}

/* All of it, as a kernel writes a regular file. What is in the room is the host's for the taking: nobody reads it again. */
static long host_write(void *context, uint64_t offset, uint32_t size)
{
	struct rt_vault_side *side = context;
	uint64_t ub;
	uint32_t done = 0;

	rt_ub_reset();
	ub = rt_io_ub_space(size);
	if (!ub)
		return noted(side, -ENOMEM);
	while (done < size) {
		long put = rt_io_checked(rt_host(__NR_pwrite64, (uint64_t)side->host_fd - 1, ub + done, size - done, offset + done, 0, 0),
			size - done);

		if (put <= 0)
			return noted(side, put ? put : -ENOSPC);
		done += (uint32_t)put;
	}
	return (long)size;
}

static long host_truncate(void *context, uint64_t size)
{
	struct rt_vault_side *side = context;

	return noted(side, rt_io_zero(rt_host(__NR_ftruncate, (uint64_t)side->host_fd - 1, size, 0, 0, 0, 0)));
}

static long host_sync(void *context)
{
	struct rt_vault_side *side = context;

	return noted(side, rt_io_zero(rt_host(__NR_fdatasync, (uint64_t)side->host_fd - 1, 0, 0, 0, 0, 0)));
}

static long own_random(void *context, void *to, size_t size)
{
	return rt_random(to, size) ? 0 : noted(context, -EIO);
}

void rt_vault_device_init(struct rt_vault_side *side)
{
	side->device = (struct om_vault_device){ side, host_read, host_room, host_write, host_truncate, host_sync, own_random, arena_alloc,
		arena_free, rt_cpu_features() };
}
