/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 2 MiB of memory at once. When a whole aligned block has been accepted and nothing of it is there yet, as in bulk work
 * like a migration's arrival, a huge page is made ready in a staging area and moved in: no page is allocated, charged
 * and cleared by itself, and one fault serves for 512.
 *
 * An enclave cannot tell: presence is not acceptance, and every page of the block has been accepted. A kernel without
 * UFFDIO_MOVE, or without huge pages to spare, leaves the work to chunk-wise filling.
 *
 * Runs inside leaf functions and signal handlers, with the enclave's FS: no libc, no TLS, general registers only.
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "soft.h"
#include "raw.h"

enum { CHUNK_PAGES = (1 << EMU_CHUNK_SHIFT) / SGX_PAGE_SIZE, TRIES = 16 };
static_assert(EMU_CHUNK_LOCKS % (EMU_BLOCK_PAGES / CHUNK_PAGES) == 0, "lock order");

int emu_stage_map(struct emu_enclave *e)
{
	uint64_t size = (EMU_STAGES + 1) * EMU_BLOCK_SIZE;
	void *map;

	if (!e->can_move)
		return 0;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return tee_fail(OM_ENOMEM, "no address space for staging");
	e->stage_map = map;
	e->stages = ((uint64_t)map + EMU_BLOCK_SIZE - 1) & ~(EMU_BLOCK_SIZE - 1);
	/* A fork child's pages would be shared with ours, and shared pages cannot be moved. */
	(void)madvise(map, size, MADV_DONTFORK);
	if (madvise((void *)e->stages, EMU_STAGES * EMU_BLOCK_SIZE, MADV_HUGEPAGE) != 0)
		e->can_move = false;   /* a kernel without huge pages: nothing to gain */
	return 0;
}

void emu_stage_unmap(struct emu_enclave *e)
{
	if (e->stage_map)
		munmap(e->stage_map, (EMU_STAGES + 1) * EMU_BLOCK_SIZE);
}

static bool uniform(const struct emu_enclave *e, uint64_t block)
{
	const uint16_t care = E_VALID | E_PENDING | E_MODIFIED | E_PT_MASK | E_PRESENT | E_PERMS | E_OWN_PROT;

	for (uint64_t i = block; i < block + EMU_BLOCK_PAGES; i++)
		if ((atomic_load_explicit(&e->epcm[i], memory_order_acquire) & care) != (E_VALID | E_PT_REG | E_R | E_W))
			return false;
	return true;
}

static int take_stage(struct emu_enclave *e)
{
	for (int i = 0; i < EMU_STAGES; i++)
		if (!atomic_flag_test_and_set_explicit(&e->stage_busy[i], memory_order_acquire))
			return i;
	return -1;
}

/* Return: pages moved. */
static uint64_t move(struct emu_enclave *e, uint64_t from, uint64_t to)
{
	struct emu_uffdio_move m = { .dst = to, .src = from, .len = EMU_BLOCK_SIZE, .mode = EMU_UFFDIO_MOVE_DONTWAKE };
	uint64_t done = 0;

	for (int tries = 0; tries < TRIES && m.len > 0; tries++) {
		long r;

		m.move = 0;
		r = emu_raw(SYS_ioctl, (uint64_t)e->uffd, EMU_UFFDIO_MOVE, (uint64_t)&m);
		if (r == 0)
			m.move = (int64_t)m.len;
		if (m.move > 0) {
			done += (uint64_t)m.move;
			m.dst += (uint64_t)m.move;
			m.src += (uint64_t)m.move;
			m.len -= (uint64_t)m.move;
		} else if (r != -EAGAIN) {
			break;
		}
	}
	return done / SGX_PAGE_SIZE;
}

static void fill(struct emu_enclave *e, uint64_t block, int stage)
{
	uint64_t from = e->stages + (uint64_t)stage * EMU_BLOCK_SIZE, done;

	if (emu_raw(SYS_madvise, from, EMU_BLOCK_SIZE, EMU_MADV_POPULATE_WRITE) != 0)
		return;
	done = move(e, from, emu_page_address(e, block));
	for (uint64_t i = block; i < block + done; i++)
		atomic_fetch_or_explicit(&e->epcm[i], E_PRESENT, memory_order_release);
	atomic_fetch_add_explicit(&e->stat_present, done, memory_order_relaxed);
	if (done < EMU_BLOCK_PAGES) {
		(void)emu_raw(SYS_madvise, from, EMU_BLOCK_SIZE, MADV_DONTNEED);
		if (done == 0)
			e->can_move = false;
	}
}

bool emu_fill_block(struct emu_enclave *e, uint64_t page)
{
	uint64_t block = page & ~(uint64_t)(EMU_BLOCK_PAGES - 1);
	bool present;
	int stage;

	if (!e->can_move || block + EMU_BLOCK_PAGES > e->page_count || !uniform(e, block))
		return false;
	stage = take_stage(e);
	if (stage < 0)
		return false;
	/* Ascending, like modify_batch: the number of locks is a multiple of a block's, so the order never wraps. */
	for (uint64_t i = block; i < block + EMU_BLOCK_PAGES; i += CHUNK_PAGES)
		emu_chunk_lock(e, i);
	if (uniform(e, block))
		fill(e, block, stage);
	present = atomic_load_explicit(&e->epcm[page], memory_order_relaxed) & E_PRESENT;
	for (uint64_t i = block; i < block + EMU_BLOCK_PAGES; i += CHUNK_PAGES)
		emu_chunk_unlock(e, i);
	atomic_flag_clear_explicit(&e->stage_busy[stage], memory_order_release);
	return present;
}
