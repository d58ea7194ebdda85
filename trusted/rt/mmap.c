/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory system calls. What differs from Linux, and why:
 *
 *   - MAP_SHARED of a file for writing is refused (ENODEV), and mprotect that would make such a mapping writable (EACCES): there is
 *     no page cache to share. Read-only shared and all private file mappings are copies that mapped.c keeps up to date.
 *   - PROT_EXEC is refused (EACCES): code that was not measured, and that no pass has seen, must not run.
 *   - PROT_NONE on touched pages refuses writes only (edmm.c).
 */
#include "rt/internal.h"
#include "rt/ipc.h"
#include "rt/libmem.h"
#include "rt/mapped.h"
#include "rt/mem.h"
#include "rt/object.h"

#define EAGER_MAX  (128u * 1024)
#define MOVE_PIECE (256u * 1024)

/* The range of a system call in pages, or false if it is not a page-aligned part of ELRANGE. */
static bool decode_range(uint64_t address, uint64_t size, uint64_t *ret_index, uint64_t *ret_count)
{
	uint64_t offset = address - OM_ELRANGE_BASE;

	if ((address & (OM_PAGE_SIZE - 1)) || size == 0 || size > rt_image->elrange_size ||
	    offset >= rt_image->elrange_size || rt_page_up(size) > rt_image->elrange_size - offset)
		return false;
	*ret_index = offset >> 12;
	*ret_count = rt_page_up(size) >> 12;
	return true;
}

/* ... and inside the heap. */
static bool decode_heap(uint64_t address, uint64_t size, uint64_t *ret_index, uint64_t *ret_count)
{
	return decode_range(address, size, ret_index, ret_count) && rt_in_heap(address) &&
		rt_in_heap(rt_page_address(*ret_index + *ret_count - 1));
}

/* Pages that have content without being mapped, too. */
static bool has_shared(uint64_t index, uint64_t count)
{
	return rt_shm_given_up(index, count, false) || rt_object_given_up(index, count, false);
}

/* Scratch: rt_mem_release's. What it has given back may be another thread's mapping by the time the call is run again: nothing
 * but the rest of the pages is touched then. */
static long unmap(struct rt_thread *t, uint64_t address, uint64_t size)
{
	uint64_t index, count;
	long shared;

	if ((address & (OM_PAGE_SIZE - 1)) || size == 0 || address + size < address)
		return -EINVAL;
	if (!decode_heap(address, size, &index, &count))
		return rt_untrusted_ok((void *)address, size) ? 0 : -EINVAL; /* nothing of ours is mapped outside */
	if (!t->syscall_scratch[3]) {
		shared = rt_shm_given_up(index, count, true);
		shared = shared ? shared : rt_object_given_up(index, count, true);
		if (shared)
			return shared < 0 ? shared : 0;
		rt_mapped_forget(index, count);
		rt_memlock_set(index, count, false);
	}
	rt_mem_release(t, index, count, false);
	return 0;
}

static long sys_munmap(struct rt_thread *t)
{
	return unmap(t, (uint64_t)t->arg[0], (uint64_t)t->arg[1]);
}

void rt_mem_unmap(uint64_t address, uint64_t size)
{
	uint64_t index = rt_page_index(address), count = rt_page_up(size) >> 12;

	rt_mapped_forget(index, count);
	rt_memlock_set(index, count, false);
	rt_mem_release(NULL, index, count, false);
}

static long place_pages(struct rt_thread *t, uint64_t hint, uint64_t size, uint8_t protection, long flags)
{
	uint64_t index, count = rt_page_up(size) >> 12, address;
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (fixed && !decode_heap(hint, size, &index, &count))
		return (hint & (OM_PAGE_SIZE - 1)) ? -EINVAL : -ENOMEM;
	if (flags & MAP_FIXED_NOREPLACE)
		return rt_mem_claim_at(index, count, protection) ? (long)hint : -EEXIST;
	if (fixed) {
		if (!rt_mem_may_replace(index, count) || has_shared(index, count))
			return -ENOMEM;
		rt_mapped_forget(index, count);
		rt_mem_replace(t, index, count, protection);
		return (long)hint;
	}
	if (hint && decode_heap(hint, size, &index, &count) && rt_mem_claim_at(index, count, protection))
		return (long)hint;
	address = rt_mem_map(size, protection);
	if (address && size <= EAGER_MAX && protection == (RT_PAGE_R | RT_PAGE_W) && !(flags & MAP_STACK))
		(void)rt_mem_accept(address, size, protection); /* would be touched at once; if not now, then by a fault */
	return address ? (long)address : -ENOMEM;
}

static long place(struct rt_thread *t, uint64_t hint, uint64_t size, uint8_t protection, long flags)
{
	long address = place_pages(t, hint, size, protection, flags);

	if (address < 0)
		return address;
	if (flags & MAP_LOCKED)
		rt_memlock_set(rt_page_index((uint64_t)address), rt_page_up(size) >> 12, true);
	else
		rt_memlock_new(rt_page_index((uint64_t)address), rt_page_up(size) >> 12);
	return address;
}

static long decode_file(struct rt_thread *t)
{
	long prot = t->arg[2], type = t->arg[3] & MAP_TYPE, what;

	if (t->arg[5] & (OM_PAGE_SIZE - 1))
		return -EINVAL;
	what = rt_io_map_check((int)t->arg[4], type != MAP_PRIVATE, prot & PROT_WRITE);
	if (what < 0)
		return what;
	if (t->arg[1] == 0)
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && (t->arg[3] & ~MAP_LEGACY))
		return -EOPNOTSUPP;
	if (t->arg[5] < 0 || rt_page_up((uint64_t)t->arg[1]) > (uint64_t)INT64_MAX - (uint64_t)t->arg[5])
		return -EOVERFLOW;
	if (what == RT_IO_MAP_FILE && type != MAP_PRIVATE && (prot & PROT_WRITE)) {
		RT_TELL_ONCE("mmap with MAP_SHARED and PROT_WRITE of a file is refused (ENODEV): the host could not see what is written");
		return -ENODEV;
	}
	return what;
}

/* Lets a stop happen: everything that the call has done so far is in its scratch. */
static void may_stop(void)
{
	rt_self()->epoch_seen = atomic_load(&rt_epoch);
	if (rt_stop_requested())
		rt_park_self();
}

/* Pages from *next to `end` are read from the file that they show. */
static long fill(uint64_t *next, uint64_t end, bool stoppable)
{
	while (*next < end) {
		int64_t done = rt_mapped_reload(*next, end - *next, false);

		if (done < 0)
			return (long)done;
		if (done == 0)
			break;                     /* unmapped by another thread already */
		*next += (uint64_t)done;
		if (stoppable)
			may_stop();
	}
	return 0;
}

/* Scratch ([3] is rt_mem_release's): [0] = address of the mapping that is being filled, [1] = its page that is next. */
static long map_file(struct rt_thread *t, long prot)
{
	struct rt_mapped_what what = { .shared = (t->arg[3] & MAP_TYPE) != MAP_PRIVATE, .protection = rt_mem_protection(prot),
		.offset = (uint64_t)t->arg[5] };
	uint64_t size = (uint64_t)t->arg[1], count = rt_page_up(size) >> 12, index;
	long r = 0;

	if (t->syscall_scratch[0] == 0) {
		r = place(t, (uint64_t)t->arg[0], size, RT_PAGE_R | RT_PAGE_W, t->arg[3]);
		if (r < 0)
			return r;
		t->syscall_scratch[0] = (uint64_t)r;
		t->syscall_scratch[1] = rt_page_index((uint64_t)r);
		what.file = rt_io_map_hold((int)t->arg[4]);
		r = what.file ? rt_mapped_add(t->syscall_scratch[1], count, &what) : -EBADF;
	}
	index = rt_page_index(t->syscall_scratch[0]);
	if (r >= 0)
		r = fill(&t->syscall_scratch[1], index + count, true);
	if (r < 0) {
		rt_mem_unmap(t->syscall_scratch[0], size);
		return r;
	}
	if (!(prot & PROT_WRITE))
		rt_mapped_protect(index, count, what.protection);
	return (long)t->syscall_scratch[0];
}

/* What a private mapping of an object shows is its own. */
static long copy_object(uint32_t object, uint64_t address, uint64_t size, uint64_t offset)
{
	uint8_t piece[1024];
	uint64_t done = 0;
	long got = 0;

	while (done < size && (got = rt_object_read(object, offset + done, piece, size - done < sizeof piece ? size - done : sizeof piece)) > 0) {
		if (rt_app_put(address + done, piece, (size_t)got) < 0)
			return -EFAULT;
		done += (uint64_t)got;
	}
	return got < 0 ? got : 0;
}

/* Cannot be stopped in the middle. */
static long map_memory(struct rt_thread *t, long prot)
{
	const uint64_t size = (uint64_t)t->arg[1], offset = (uint64_t)t->arg[5];
	const bool shared = (t->arg[3] & MAP_TYPE) != MAP_PRIVATE, fixed = t->arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	const uint8_t protection = rt_mem_protection(prot);
	uint32_t object;
	long r, error;

	object = rt_io_map_object((int)t->arg[4], shared && prot & PROT_WRITE, &error);
	if (!object)
		return error;
	if (shared)
		return rt_object_map(object, offset >> 12, rt_page_up(size) >> 12, prot & PROT_WRITE, fixed ? (uint64_t)t->arg[0] : 0);
	r = place(t, (uint64_t)t->arg[0], size, RT_PAGE_R | RT_PAGE_W, t->arg[3]);
	if (r < 0)
		return r;
	error = copy_object(object, (uint64_t)r, size, offset);
	if (error < 0) {
		rt_mem_unmap((uint64_t)r, size);
		return error;
	}
	if (!(protection & RT_PAGE_W))
		rt_mem_protect(rt_page_index((uint64_t)r), rt_page_up(size) >> 12, protection);
	return r;
}

static long sys_mmap(struct rt_thread *t)
{
	uint64_t size = (uint64_t)t->arg[1];
	long prot = t->arg[2], flags = t->arg[3], type = flags & MAP_TYPE, what = RT_IO_MAP_ZEROS;

	/* Begun already, and checked then: the descriptor may be closed by now. */
	if (t->syscall_scratch[0])
		return map_file(t, prot);
	if (type != MAP_SHARED && type != MAP_PRIVATE && (type != MAP_SHARED_VALIDATE || (flags & MAP_ANONYMOUS)))
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS))
		what = decode_file(t);
	if (what < 0)
		return what;
	if (size == 0)
		return -EINVAL;
	if (size > rt_image->heap_size || (flags & MAP_32BIT))
		return -ENOMEM;
	if (prot & PROT_EXEC)
		return -EACCES;
	if (what == RT_IO_MAP_MEMORY)
		return map_memory(t, prot);
	if (what == RT_IO_MAP_ZEROS)
		return place(t, (uint64_t)t->arg[0], size, rt_mem_protection(prot), flags);
	return map_file(t, prot);
}

static long sys_mprotect(struct rt_thread *t)
{
	uint64_t index, count;
	long prot = t->arg[2];

	if (prot & ~PROT_KNOWN)
		return -EINVAL;
	if (t->arg[1] == 0)
		return ((uint64_t)t->arg[0] & (OM_PAGE_SIZE - 1)) ? -EINVAL : 0;
	if (!decode_range((uint64_t)t->arg[0], (uint64_t)t->arg[1], &index, &count))
		return ((uint64_t)t->arg[0] & (OM_PAGE_SIZE - 1)) ? -EINVAL : -ENOMEM;
	if (prot & PROT_EXEC)
		return -EACCES;
	if (!rt_app_range_ok((uint64_t)t->arg[0], count << 12, true) || !rt_mem_all_mapped(index, count))
		return -ENOMEM;
	if ((prot & PROT_WRITE) && rt_mapped_shared(index, count))
		return -EACCES;
	rt_mapped_protect(index, count, rt_mem_protection(prot));
	return 0;
}

/* ---- madvise, msync: content anew -------------------------------------------------------------------------------------- */

static bool advice_known(long advice)
{
	return (advice >= 0 && advice <= MADV_DONTNEED) || advice == MADV_FREE ||
		(advice >= MADV_DONTFORK && advice <= MADV_DONTNEED_LOCKED);
}

/* Everything that shows a file is read again, everything else reads as zero again if `zero`. Scratch: [0] = the page that is
 * next (no page has index 0). */
static long renew(struct rt_thread *t, uint64_t index, uint64_t count, bool zero)
{
	uint64_t end = index + count, *next = &t->syscall_scratch[0];
	int64_t done;

	if (!*next)
		*next = index;
	while (*next < end) {
		uint64_t gap = rt_mapped_gap(*next, end - *next);

		if (gap && zero)
			rt_mem_release(t, *next, gap, true);
		done = gap ? (int64_t)gap : rt_mapped_reload(*next, end - *next, !zero);
		if (done < 0)
			return (long)done;
		*next += (uint64_t)done;
		may_stop();
	}
	return 0;
}

/* Outside of the heap. What the image has brought cannot be had again: only the host has it, and it would have to be believed. */
static long dontneed_image(uint64_t address, uint64_t size)
{
	if (address < (uint64_t)__rt_tracked_file_end && address + size > (uint64_t)__rt_tracked_start)
		return -EINVAL;
	if (!rt_app_range_ok(address, size, true))
		return rt_app_range_ok(address, size, false) ? 0 : -ENOMEM;  /* text and constants are what they were */
	return rt_app_zero(address, size) < 0 ? -ENOMEM : 0;
}

static long sys_madvise(struct rt_thread *t)
{
	uint64_t address = (uint64_t)t->arg[0], index, count;
	long advice = (int32_t)t->arg[2], r;

	if ((address & (OM_PAGE_SIZE - 1)) || !advice_known(advice))
		return -EINVAL;
	if (t->arg[1] == 0)
		return 0;
	if (!decode_range(address, (uint64_t)t->arg[1], &index, &count))
		return -ENOMEM;
	if (advice != MADV_DONTNEED && advice != MADV_FREE && advice != MADV_DONTNEED_LOCKED)
		return 0;
	if (advice != MADV_DONTNEED_LOCKED && rt_memlock_any(index, count))
		return -EINVAL;
	if (advice == MADV_FREE && rt_mapped_gap(index, count) < count)
		return -EINVAL;
	if (has_shared(index, count))
		return 0;                          /* shared memory keeps what was written */
	if (!decode_heap(address, (uint64_t)t->arg[1], &index, &count))
		return dontneed_image(address, count << 12);
	r = renew(t, index, count, true);
	return r < 0 ? r : rt_mem_all_mapped(index, count) ? 0 : -ENOMEM;
}

static long sys_msync(struct rt_thread *t)
{
	uint64_t address = (uint64_t)t->arg[0], index, count;
	long flags = t->arg[2];

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (address & (OM_PAGE_SIZE - 1)) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (t->arg[1] == 0)
		return 0;
	if (!decode_range(address, (uint64_t)t->arg[1], &index, &count) || !rt_mem_all_mapped(index, count))
		return -ENOMEM;
	if ((flags & MS_INVALIDATE) && rt_memlock_any(index, count))
		return -EBUSY;
	return renew(t, index, count, false);
}

/* ---- mlock and its kin ------------------------------------------------------------------------------------------------- */

static long may_lock(uint64_t bytes)
{
	uint64_t limit = rt_limit(RLIMIT_MEMLOCK);

	if (rt_ids()->euid == 0)
		return 0;
	return limit == 0 ? -EPERM : bytes > limit ? -ENOMEM : 0;
}

static long sys_mlock(struct rt_thread *t)
{
	uint64_t address = rt_page_down((uint64_t)t->arg[0]), size = (uint64_t)t->arg[1], index, count;
	bool lock = t->nr != __NR_munlock;
	long r;

	if (t->nr == __NR_mlock2 && (t->arg[2] & ~MLOCK_ONFAULT))
		return -EINVAL;
	if (size + ((uint64_t)t->arg[0] - address) < size)
		return -EINVAL;
	size = rt_page_up(size + ((uint64_t)t->arg[0] - address));
	r = lock ? may_lock(rt_memlock_bytes() + size) : 0;
	if (r < 0 || size == 0)
		return r;
	if (!decode_range(address, size, &index, &count) || !rt_mem_all_mapped(index, count))
		return -ENOMEM;
	rt_memlock_set(index, count, lock);
	return 0;
}

static long sys_mlockall(struct rt_thread *t)
{
	long flags = t->arg[0], r;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	r = may_lock((flags & MCL_CURRENT) ? rt_mem_used_bytes() : 0);
	if (r < 0)
		return r;
	rt_memlock_future(flags & MCL_FUTURE);
	if (flags & MCL_CURRENT)
		rt_memlock_set(0, rt_image->elrange_size >> 12, true);
	return 0;
}

static long sys_munlockall(struct rt_thread *t)
{
	(void)t;
	rt_memlock_future(false);
	rt_memlock_set(0, rt_image->elrange_size >> 12, false);
	return 0;
}

static long sys_brk(struct rt_thread *t)
{
	return (long)rt_mem_brk(t, (uint64_t)t->arg[0]);
}

static bool has_content(uint64_t index)
{
	enum rt_page_state s = RT_PAGE_STATE(__atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE));

	return s != RT_PAGE_RESERVED && s != RT_PAGE_FREE;
}

/* What the program may not read is moved too, but what a migration still owes comes only to those who may read it. The page is
 * about to be unmapped. */
static void make_readable(uint64_t index)
{
	uint8_t byte = __atomic_load_n(&rt_pagemap()[index], __ATOMIC_ACQUIRE);

	if (!(byte & RT_PAGE_R))
		rt_mem_protect(index, 1, RT_PAGE_R);
}

#define READ_WRITE (RT_PAGE_R | RT_PAGE_W)

/* Is it one mapping to Linux: one protection, and one file or none? What lies behind the end of a file is out of reach, and has in
 * its record the protection that it would have. */
static bool one_piece(uint64_t index, uint64_t count, uint8_t *ret_protection)
{
	const uint8_t *byte = rt_pagemap() + index;
	struct rt_mapped_what what = { 0 };
	enum rt_mapped_kind found = rt_mapped_get(index, count, &what);
	uint64_t there = found == RT_MAPPED_ONE ? rt_mapped_reach(index, count) : count;

	if (found == RT_MAPPED_ONE)
		rt_io_map_put(what.file);
	*ret_protection = (uint8_t)(there < count ? what.protection : byte[0]) & READ_WRITE;
	for (uint64_t i = 0; i < there; i++)
		if ((byte[i] ^ *ret_protection) & READ_WRITE)
			return false;
	return found != RT_MAPPED_MANY;
}

/* The new place of a mapping shows its file as the old one did; what it has grown by is read. `reach`: pages of it that the file had
 * when they began to be copied; what has been written to the file since is in the old place only, so a shared one is read anew. */
static long move_file(uint64_t old, uint64_t old_size, uint64_t at, uint64_t new_size, uint8_t protection, uint64_t reach)
{
	uint64_t index = rt_page_index(at), count = new_size >> 12, next;
	struct rt_mapped_what what;
	long r;

	if (rt_mapped_get(rt_page_index(old), old_size >> 12, &what) != RT_MAPPED_ONE)
		return 0;
	what.protection = protection;
	next = index + (what.shared ? 0 : reach < count ? reach : count);
	r = rt_mapped_add(index, count, &what);
	if (r == 0)
		r = fill(&next, index + count, false);
	if (r < 0)
		return r;
	rt_mapped_forget(rt_page_index(old), old_size >> 12);
	if (!(protection & RT_PAGE_W))
		rt_mapped_protect(index, count, protection);
	return 0;
}

/* Scratch: [0] = new address, [1] = bytes moved, [2] = protection, MOVE_COPIED, and from MOVE_REACH on the pages that the
 * file had. Pages never touched stay so. */
#define MOVE_COPIED 0x100u
#define MOVE_REACH  16
static long move(struct rt_thread *t, uint64_t old, uint64_t old_size, uint64_t new_size, long flags, uint8_t protection)
{
	struct rt_tcb *tcb = rt_self();
	long r;

	if (t->syscall_scratch[0] == 0) {
		r = place(t, (flags & MREMAP_FIXED) ? (uint64_t)t->arg[4] : 0, new_size, RT_PAGE_R | RT_PAGE_W,
			(flags & MREMAP_FIXED) ? MAP_FIXED : 0);
		if (r < 0)
			return r;
		t->syscall_scratch[2] = protection |
			rt_mapped_reach(rt_page_index(old), old_size >> 12) << MOVE_REACH;
		t->syscall_scratch[0] = (uint64_t)r;
	}
	protection = (uint8_t)t->syscall_scratch[2];
	for (uint64_t *done = &t->syscall_scratch[1]; *done < old_size && *done < new_size; *done += OM_PAGE_SIZE) {
		if (has_content(rt_page_index(old + *done)) &&
		    (rt_app_range_ok(t->syscall_scratch[0] + *done, OM_PAGE_SIZE, true))) {
			rt_cards_mark(t->syscall_scratch[0] + *done, OM_PAGE_SIZE);
			make_readable(rt_page_index(old + *done));
			if (rt_copy_try((void *)(t->syscall_scratch[0] + *done), (const void *)(old + *done), OM_PAGE_SIZE) < 0)
				return -EFAULT;
		}
		if (*done % MOVE_PIECE == 0) {
			tcb->epoch_seen = atomic_load(&rt_epoch);
			if (rt_stop_requested())
				rt_park_self();
		}
	}
	if (!(t->syscall_scratch[2] & MOVE_COPIED)) {
		r = move_file(old, old_size, t->syscall_scratch[0], new_size, protection, t->syscall_scratch[2] >> MOVE_REACH);
		if (r < 0) {
			rt_mem_unmap(t->syscall_scratch[0], new_size);
			return r;
		}
		rt_memlock_set(rt_page_index(old), old_size >> 12, false);
		t->syscall_scratch[2] |= MOVE_COPIED;
	}
	rt_mem_release(t, rt_page_index(old), rt_page_up(old_size) >> 12, false);
	if (!(protection & RT_PAGE_W) && rt_mapped_gap(rt_page_index(t->syscall_scratch[0]), 1))
		rt_mem_protect(rt_page_index(t->syscall_scratch[0]), rt_page_up(new_size) >> 12, protection);
	return (long)t->syscall_scratch[0];
}

/* Scratch: [2] = 1: the range has been checked, part of it may be gone already. */
static long shrink(struct rt_thread *t, uint64_t old, uint64_t old_size, uint64_t new_size)
{
	if (!t->syscall_scratch[2]) {
		rt_mapped_forget(rt_page_index(old + new_size), (old_size - new_size) >> 12);
		rt_memlock_set(rt_page_index(old + new_size), (old_size - new_size) >> 12, false);
	}
	t->syscall_scratch[2] = 1;
	rt_mem_release(t, rt_page_index(old + new_size), (old_size - new_size) >> 12, false);
	return (long)old;
}

/* In place, if what follows is free. */
static bool grow_here(uint64_t index, uint64_t count, uint64_t more, uint8_t protection)
{
	struct rt_mapped_what what;
	bool file = rt_mapped_get(index, count, &what) == RT_MAPPED_ONE;
	uint64_t next;

	if (!rt_mem_claim_at(index + count, more, file ? RT_PAGE_R | RT_PAGE_W : protection)) {
		if (file)
			rt_io_map_put(what.file);
		return false;
	}
	rt_memlock_new(index + count, more);
	if (!file)
		return true;
	what.offset += count << 12;
	what.protection = protection;
	next = index + count;
	if (rt_mapped_add(next, more, &what) == 0 && fill(&next, next + more, false) == 0) {
		rt_mapped_protect(index + count, more, what.protection);
		return true;
	}
	rt_mem_unmap(rt_page_address(index + count), more << 12);
	return false;
}

static long sys_mremap(struct rt_thread *t)
{
	uint64_t old = (uint64_t)t->arg[0], old_size = rt_page_up((uint64_t)t->arg[1]), new_size = rt_page_up((uint64_t)t->arg[2]);
	uint64_t index, count;
	long flags = t->arg[3];
	uint8_t protection = 0;

	if (t->syscall_scratch[0])
		return move(t, old, old_size, new_size, flags, 0);
	if (t->syscall_scratch[2])
		return shrink(t, old, old_size, new_size);
	if (new_size == 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) ||
	    ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) || !decode_heap(old, old_size, &index, &count))
		return -EINVAL;
	if (!rt_mem_all_mapped(index, count))
		return -EFAULT;
	if (has_shared(index, count))
		return -EINVAL;
	if (((flags & MREMAP_FIXED) || new_size > old_size) && !one_piece(index, count, &protection))
		return -EFAULT;                    /* since 6.17 Linux would move several, if they keep their size */
	if (new_size > rt_image->heap_size)
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		if ((uint64_t)t->arg[4] < old + old_size && old < (uint64_t)t->arg[4] + new_size)
			return -EINVAL;
		return move(t, old, old_size, new_size, flags, protection);
	}
	if (new_size < old_size)
		return shrink(t, old, old_size, new_size);
	if (new_size == old_size)
		return (long)old;
	if (grow_here(index, count, (new_size - old_size) >> 12, protection))
		return (long)old;
	return (flags & MREMAP_MAYMOVE) ? move(t, old, old_size, new_size, flags, protection) : -ENOMEM;
}

static long sys_mincore(struct rt_thread *t)
{
	uint64_t index, count;

	if (!decode_range((uint64_t)t->arg[0], (uint64_t)t->arg[1], &index, &count))
		return ((uint64_t)t->arg[0] & (OM_PAGE_SIZE - 1)) ? -EINVAL : -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		uint8_t there;

		if (!rt_mem_all_mapped(index + i, 1))
			return -ENOMEM;
		there = RT_PAGE_STATE(rt_pagemap()[index + i]) == RT_PAGE_ACCEPTED;
		if (rt_app_put((uint64_t)t->arg[2] + i, &there, 1) < 0)
			return -EFAULT;
	}
	return 0;
}

const struct rt_syscall_entry rt_syscalls_memory[] = {
	{ __NR_mmap, RT_SYS_INSIDE, sys_mmap },
	{ __NR_munmap, RT_SYS_INSIDE, sys_munmap },
	{ __NR_mprotect, RT_SYS_INSIDE, sys_mprotect },
	{ __NR_madvise, RT_SYS_INSIDE, sys_madvise },
	{ __NR_brk, RT_SYS_INSIDE, sys_brk },
	{ __NR_mremap, RT_SYS_INSIDE, sys_mremap },
	{ __NR_mincore, RT_SYS_INSIDE, sys_mincore },
	{ __NR_msync, RT_SYS_INSIDE, sys_msync },
	{ __NR_mlock, RT_SYS_INSIDE, sys_mlock },
	{ __NR_mlock2, RT_SYS_INSIDE, sys_mlock },
	{ __NR_munlock, RT_SYS_INSIDE, sys_mlock },
	{ __NR_mlockall, RT_SYS_INSIDE, sys_mlockall },
	{ __NR_munlockall, RT_SYS_INSIDE, sys_munlockall },
	{ 0, 0, NULL },
};
