/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Presence and protection of pages: the part of the EPCM that the host's page tables must be made to follow.
 *
 * Every ELRANGE address is in one anonymous mapping registered with userfaultfd: absent pages raise SIGBUS in
 * user mode and EFAULT in the kernel. The descriptor stays open as long as the enclave (a closed userfaultfd fails
 * open: absent pages would read as zeros). The mapping is RW; pages that lose W are write-protected through the
 * same descriptor, and only pages whose permissions involve X or exclude R get protections (and, runs of equal
 * ones merged by the kernel, mappings) of their own.
 *
 * For tests that want to know which pages are written (watch_writes), write protection is left to them, and each page
 * that loses W gets a protection of its own.
 *
 * Functions that say so run inside leaf functions, with the enclave's FS: no libc, no TLS.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "soft.h"
#include "raw.h"

static const uint8_t zeros[1 << EMU_CHUNK_SHIFT] __attribute__((aligned(4096)));
#define CHUNK_PAGES (1u << (EMU_CHUNK_SHIFT - 12))

static atomic_flag *chunk_lock_of(struct emu_enclave *e, uint64_t page)
{
	return &e->chunk_locks[page / CHUNK_PAGES % EMU_CHUNK_LOCKS];
}

void emu_chunk_lock(struct emu_enclave *e, uint64_t page)
{
	atomic_flag *lock = chunk_lock_of(e, page);

	/* Acquire: the entries read next must be those the last holder left. */
	for (unsigned spins = 0; atomic_flag_test_and_set_explicit(lock, memory_order_acquire); spins++)
		if (spins > 100)
			(void)emu_raw(SYS_sched_yield, 0, 0, 0);   /* cannot fail */
		else
			__builtin_ia32_pause();
}

void emu_chunk_unlock(struct emu_enclave *e, uint64_t page)
{
	atomic_flag_clear_explicit(chunk_lock_of(e, page), memory_order_release);
}

static int uffd_open(struct emu_enclave *e, bool move)
{
	struct uffdio_api api = { .api = UFFD_API,
		.features = UFFD_FEATURE_SIGBUS | EMU_UFFD_EXACT_ADDRESS | UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register reg = { .range = { e->common.base, e->common.size },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | EMU_UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return tee_fail(OM_EUNSUPPORTED, "userfaultfd: %s%s", strerror(errno), (errno == EPERM || errno == ENOSYS) &&
			prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER ? " (a seccomp filter, as containers have, forbids it)" : "");
	if (e->watch_writes)
		api.features |= EMU_UFFD_FEATURE_WP_ASYNC;
	if (move)
		api.features |= EMU_UFFD_FEATURE_MOVE;
	if (ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &reg) != 0) {
		int error = errno;
		close(fd);
		return tee_fail(OM_EUNSUPPORTED, "userfaultfd for ELRANGE: %s", strerror(error));
	}
	e->uffd = fd;
	return 0;
}

/* Which features there are can be asked once per descriptor, so it is tried. */
int emu_uffd_open(struct emu_enclave *e)
{
	int r;

	e->watch_writes = e->platform->watch_writes;
	r = e->watch_writes ? OM_EUNSUPPORTED : uffd_open(e, true);   /* moved pages would count as written */
	e->can_move = r == 0;
	return r == 0 ? 0 : uffd_open(e, false);
}

int emu_uffd_copy(int uffd, uint64_t to, const void *from, uint64_t size, bool write_protect)
{
	struct uffdio_copy copy = { .dst = to, .src = (uint64_t)from, .len = size,
		.mode = UFFDIO_COPY_MODE_DONTWAKE | (write_protect ? UFFDIO_COPY_MODE_WP : 0) };

	for (;;) {
		long r = emu_raw(SYS_ioctl, (uint64_t)uffd, UFFDIO_COPY, (uint64_t)&copy);
		if (r == 0)
			return 0;
		if (r != -EAGAIN)
			return (int)r;
		/* Interrupted by a change of mappings, perhaps after some pages. */
		if (copy.copy > 0) {
			copy.dst += (uint64_t)copy.copy;
			copy.src += (uint64_t)copy.copy;
			copy.len -= (uint64_t)copy.copy;
		}
		copy.copy = 0;
	}
}

static bool uffd_write_protect(struct emu_enclave *e, uint64_t page, uint64_t count, bool on)
{
	struct uffdio_writeprotect wp = { .range = { emu_page_address(e, page), count * SGX_PAGE_SIZE },
		.mode = UFFDIO_WRITEPROTECT_MODE_DONTWAKE };
	long r;

	if (on)
		wp.mode = UFFDIO_WRITEPROTECT_MODE_WP;
	do
		r = emu_raw(SYS_ioctl, (uint64_t)e->uffd, UFFDIO_WRITEPROTECT, (uint64_t)&wp);
	while (r == -EAGAIN);
	return r == 0;
}

static uint16_t entry_at(const struct emu_enclave *e, uint64_t page)
{
	return atomic_load_explicit(&e->epcm[page], memory_order_acquire);
}

static bool fillable_like(const struct emu_enclave *e, uint64_t page, uint16_t model)
{
	const uint16_t same = E_VALID | E_PENDING | E_MODIFIED | E_PT_MASK | E_PRESENT | E_PERMS | E_OWN_PROT;

	return (entry_at(e, page) & same) == (model & same);
}

/* Context: chunk lock held. */
static bool fill_locked(struct emu_enclave *e, uint64_t page)
{
	uint16_t entry = entry_at(e, page);
	uint64_t chunk = page & ~(uint64_t)(CHUNK_PAGES - 1), low = page, high = page + 1;

	if (!emu_entry_allows(entry, 0))
		return false;
	if (entry & E_PRESENT)
		return true;
	while (low > chunk && fillable_like(e, low - 1, entry))
		low--;
	while (high < chunk + CHUNK_PAGES && high < e->page_count && fillable_like(e, high, entry))
		high++;
	if (emu_uffd_copy(e->uffd, emu_page_address(e, low), zeros, (high - low) * SGX_PAGE_SIZE,
			e->watch_writes || !(entry & (E_W | E_OWN_PROT))) != 0)
		return false;
	for (uint64_t i = low; i < high; i++)
		atomic_fetch_or_explicit(&e->epcm[i], E_PRESENT, memory_order_release);
	atomic_fetch_add_explicit(&e->stat_present, high - low, memory_order_relaxed);
	return true;
}

bool emu_fill(struct emu_enclave *e, uint64_t page)
{
	bool done;

	if (emu_fill_block(e, page))
		return true;
	emu_chunk_lock(e, page);
	done = fill_locked(e, page);
	emu_chunk_unlock(e, page);
	return done;
}

uint16_t emu_augment(struct emu_enclave *e, uint64_t page)
{
	uint16_t expected = 0, fresh = E_VALID | E_PENDING | E_R | E_W | E_PT_REG;

	if (!e->initialized || !atomic_compare_exchange_strong_explicit(&e->epcm[page], &expected, fresh,
			memory_order_acq_rel, memory_order_acquire))
		return expected;
	atomic_fetch_add_explicit(&e->stat_aug, 1, memory_order_relaxed);
	EMU_CHARGE(e, augment);
	return fresh;
}

void emu_drop(struct emu_enclave *e, uint64_t page, uint64_t count)
{
	uint64_t dropped = 0;

	(void)emu_raw(SYS_madvise, emu_page_address(e, page), count * SGX_PAGE_SIZE, MADV_DONTNEED);
	for (uint64_t i = page; i < page + count; i++)
		if (atomic_fetch_and_explicit(&e->epcm[i], (uint16_t)~E_PRESENT, memory_order_acq_rel) & E_PRESENT)
			dropped++;
	atomic_fetch_sub_explicit(&e->stat_present, dropped, memory_order_relaxed);
}

static int protection_of(uint16_t entry)
{
	return (entry & E_R ? PROT_READ : 0) | (entry & E_W ? PROT_WRITE : 0) | (entry & E_X ? PROT_EXEC : 0);
}

void emu_protect(struct emu_enclave *e, uint64_t page)
{
	uint16_t entry = entry_at(e, page);

	if (!e->watch_writes && !(entry & E_OWN_PROT) && (e->sealed || (entry & (E_R | E_X)) == E_R)) {
		if (entry & E_PRESENT)
			(void)uffd_write_protect(e, page, 1, !(entry & E_W));
		return;
	}
	/* Permissions that write protection cannot express. A leftover of it is lifted on the way. */
	if (!e->watch_writes && (entry & (E_PRESENT | E_W)) == (E_PRESENT | E_W))
		(void)uffd_write_protect(e, page, 1, false);
	atomic_fetch_or_explicit(&e->epcm[page], E_OWN_PROT, memory_order_relaxed);
	(void)emu_raw(SYS_mprotect, emu_page_address(e, page), SGX_PAGE_SIZE, (uint64_t)protection_of(entry));
}

/* Present, readable, and write protection is all that it needs. */
static bool only_lost_w(uint16_t entry)
{
	return (entry & (E_OWN_PROT | E_R | E_W | E_X | E_PRESENT)) == (E_R | E_PRESENT);
}

/* Runs of equal permissions with one call each. */
static void protect_own(struct emu_enclave *e, uint64_t page, uint64_t end)
{
	while (page < end) {
		uint64_t run = page;
		uint16_t permissions = entry_at(e, page) & E_PERMS;

		for (; run < end && (entry_at(e, run) & E_PERMS) == permissions; run++)
			atomic_fetch_or_explicit(&e->epcm[run], E_OWN_PROT, memory_order_relaxed);
		(void)emu_raw(SYS_mprotect, emu_page_address(e, page), (run - page) * SGX_PAGE_SIZE, (uint64_t)protection_of(permissions));
		page = run;
	}
}

void emu_protect_range(struct emu_enclave *e, uint64_t page, uint64_t count)
{
	uint64_t end = page + count;

	if (e->watch_writes) {
		protect_own(e, page, end);
		return;
	}
	while (page < end) {
		uint64_t run = page;

		while (run < end && only_lost_w(entry_at(e, run)))
			run++;
		if (run > page)
			(void)uffd_write_protect(e, page, run - page, true);
		else
			emu_protect(e, run++);
		page = run;
	}
}
