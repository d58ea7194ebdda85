/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory system calls. What differs from Linux, and why:
 *
 *   - MAP_SHARED of a file for writing is refused (ENODEV): there is no page cache to share. Read-only shared and all
 *     private file mappings are copies, read when they are made.
 *   - PROT_EXEC is refused (EACCES): code that was not measured, and that no pass has seen, must not run.
 *   - PROT_NONE on touched pages refuses writes only (edmm.c).
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mem.h"

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

long rt_mem_unmap(uint64_t address, uint64_t size)
{
	uint64_t index, count;

	if ((address & (OM_PAGE_SIZE - 1)) || size == 0 || address + size < address)
		return -EINVAL;
	if (!decode_heap(address, size, &index, &count))
		return rt_untrusted_ok((void *)address, size) ? 0 : -EINVAL; /* nothing of ours is mapped outside */
	rt_mem_release(rt_self()->thread, index, count, false);
	return 0;
}

static long sys_munmap(struct rt_thread *t)
{
	return rt_mem_unmap((uint64_t)t->arg[0], (uint64_t)t->arg[1]);
}

static long place(struct rt_thread *t, uint64_t hint, uint64_t size, uint8_t protection, long flags)
{
	uint64_t index, count = rt_page_up(size) >> 12, address;
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (fixed && !decode_heap(hint, size, &index, &count))
		return (hint & (OM_PAGE_SIZE - 1)) ? -EINVAL : -ENOMEM;
	if (flags & MAP_FIXED_NOREPLACE)
		return rt_mem_claim_at(index, count, protection) ? (long)hint : -EEXIST;
	if (fixed) {
		rt_mem_replace(t, index, count, protection);
		return (long)hint;
	}
	if (hint && decode_heap(hint, size, &index, &count) && rt_mem_claim_at(index, count, protection))
		return (long)hint;
	address = rt_mem_map(size, protection);
	if (address && size <= EAGER_MAX && protection == (RT_PAGE_R | RT_PAGE_W))
		(void)rt_mem_accept(address, size, protection); /* would be touched at once; if not now, then by a fault */
	return address ? (long)address : -ENOMEM;
}

/* Scratch ([3] is rt_mem_release's): [0] = address of the mapping that is being filled. */
static long map_file(struct rt_thread *t, long prot)
{
	uint64_t size = (uint64_t)t->arg[1], offset = (uint64_t)t->arg[5];
	int fd = (int)t->arg[4];
	long r;

	if (offset & (OM_PAGE_SIZE - 1))
		return -EINVAL;
	if (t->syscall_scratch[0] == 0) {
		r = rt_io_host_fd(fd);
		if (r < 0)
			return r;
		r = place(t, (uint64_t)t->arg[0], size, RT_PAGE_R | RT_PAGE_W, t->arg[3]);
		if (r < 0)
			return r;
		t->syscall_scratch[0] = (uint64_t)r;
	}
	r = rt_io_read_into(fd, offset, t->syscall_scratch[0], size);
	if (r < 0) {
		(void)rt_mem_unmap(t->syscall_scratch[0], size); /* it was mapped above */
		return r;
	}
	if (!(prot & PROT_WRITE))
		rt_mem_protect(rt_page_index(t->syscall_scratch[0]), rt_page_up(size) >> 12, rt_mem_protection(prot));
	return (long)t->syscall_scratch[0];
}

static long sys_mmap(struct rt_thread *t)
{
	uint64_t size = (uint64_t)t->arg[1];
	long prot = t->arg[2], flags = t->arg[3], type = flags & MAP_TYPE;

	if (size == 0 || (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE))
		return -EINVAL;
	if (size > rt_image->heap_size)
		return -ENOMEM;
	if (prot & PROT_EXEC)
		return -EACCES;
	if (flags & MAP_ANONYMOUS)
		return place(t, (uint64_t)t->arg[0], size, rt_mem_protection(prot), flags);
	if (type != MAP_PRIVATE && (prot & PROT_WRITE)) {
		RT_TELL_ONCE("mmap with MAP_SHARED and PROT_WRITE of a file is refused (ENODEV): the host could not see what is written");
		return -ENODEV;
	}
	return map_file(t, prot);
}

static long sys_mprotect(struct rt_thread *t)
{
	uint64_t index, count;
	long prot = t->arg[2];

	if (t->arg[1] == 0)
		return 0;
	if (!decode_range((uint64_t)t->arg[0], (uint64_t)t->arg[1], &index, &count))
		return ((uint64_t)t->arg[0] & (OM_PAGE_SIZE - 1)) ? -EINVAL : -ENOMEM;
	if (prot & PROT_EXEC)
		return -EACCES;
	if (!rt_app_range_ok((uint64_t)t->arg[0], count << 12, true) || !rt_mem_all_mapped(index, count))
		return -ENOMEM;
	rt_mem_protect(index, count, rt_mem_protection(prot));
	return 0;
}

static long sys_madvise(struct rt_thread *t)
{
	uint64_t index, count;

	if (t->arg[1] == 0)
		return 0;
	if (!decode_range((uint64_t)t->arg[0], (uint64_t)t->arg[1], &index, &count))
		return ((uint64_t)t->arg[0] & (OM_PAGE_SIZE - 1)) ? -EINVAL : -ENOMEM;
	if (t->arg[2] != MADV_DONTNEED && t->arg[2] != MADV_FREE)
		return 0;
	if (!decode_heap((uint64_t)t->arg[0], (uint64_t)t->arg[1], &index, &count))
		return rt_app_zero((uint64_t)t->arg[0], count << 12) < 0 ? -ENOMEM : 0;
	rt_mem_release(t, index, count, true);
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

/* Scratch: [0] = new address, [1] = bytes moved, [2] = protection. Pages never touched stay so. */
static long move(struct rt_thread *t, uint64_t old, uint64_t old_size, uint64_t new_size, long flags)
{
	struct rt_tcb *tcb = rt_self();
	uint8_t protection;

	if (t->syscall_scratch[0] == 0) {
		long r = place(t, (flags & MREMAP_FIXED) ? (uint64_t)t->arg[4] : 0, new_size, RT_PAGE_R | RT_PAGE_W,
			(flags & MREMAP_FIXED) ? MAP_FIXED : 0);
		if (r < 0)
			return r;
		t->syscall_scratch[2] = rt_pagemap()[rt_page_index(old)] & (RT_PAGE_R | RT_PAGE_W);
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
	rt_mem_release(t, rt_page_index(old), rt_page_up(old_size) >> 12, false);
	if (!(protection & RT_PAGE_W))
		rt_mem_protect(rt_page_index(t->syscall_scratch[0]), rt_page_up(new_size) >> 12, protection);
	return (long)t->syscall_scratch[0];
}

/* Scratch: [2] = 1: the range has been checked, part of it may be gone already. */
static long shrink(struct rt_thread *t, uint64_t old, uint64_t old_size, uint64_t new_size)
{
	t->syscall_scratch[2] = 1;
	rt_mem_release(t, rt_page_index(old + new_size), (old_size - new_size) >> 12, false);
	return (long)old;
}

static long sys_mremap(struct rt_thread *t)
{
	uint64_t old = (uint64_t)t->arg[0], old_size = rt_page_up((uint64_t)t->arg[1]), new_size = rt_page_up((uint64_t)t->arg[2]);
	uint64_t index, count, grow;
	long flags = t->arg[3];

	if (t->syscall_scratch[0])
		return move(t, old, old_size, new_size, flags);
	if (t->syscall_scratch[2])
		return shrink(t, old, old_size, new_size);
	if (new_size == 0 || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) ||
	    ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) || !decode_heap(old, old_size, &index, &count))
		return -EINVAL;
	if (!rt_mem_all_mapped(index, count))
		return -EFAULT;
	if (new_size > rt_image->heap_size)
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		if ((uint64_t)t->arg[4] < old + old_size && old < (uint64_t)t->arg[4] + new_size)
			return -EINVAL;
		return move(t, old, old_size, new_size, flags);
	}
	if (new_size < old_size)
		return shrink(t, old, old_size, new_size);
	if (new_size == old_size)
		return (long)old;
	grow = (new_size - old_size) >> 12;
	if (rt_mem_claim_at(index + count, grow, rt_pagemap()[index + count - 1] & (RT_PAGE_R | RT_PAGE_W)))
		return (long)old;
	return (flags & MREMAP_MAYMOVE) ? move(t, old, old_size, new_size, flags) : -ENOMEM;
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

/* msync, mlock and their like: there is nothing to write back, and enclave memory is the host's to keep or lose. */
static long sys_range_nothing(struct rt_thread *t)
{
	uint64_t index, count;

	if (t->arg[1] == 0)
		return 0;
	return decode_range(rt_page_down((uint64_t)t->arg[0]), (uint64_t)t->arg[1], &index, &count) &&
		rt_mem_all_mapped(index, count) ? 0 : -ENOMEM;
}

static long sys_nothing(struct rt_thread *t)
{
	(void)t;
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
	{ __NR_msync, RT_SYS_INSIDE, sys_range_nothing },
	{ __NR_mlock, RT_SYS_INSIDE, sys_range_nothing },
	{ __NR_mlock2, RT_SYS_INSIDE, sys_range_nothing },
	{ __NR_munlock, RT_SYS_INSIDE, sys_range_nothing },
	{ __NR_mlockall, RT_SYS_INSIDE, sys_nothing },
	{ __NR_munlockall, RT_SYS_INSIDE, sys_nothing },
	{ 0, 0, NULL },
};
