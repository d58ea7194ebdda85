/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of /proc/self say. The host's files describe the loader, not the program. So these are made of what the runtime knows:
 * fields as in proc(5), zero where nothing is known.
 *
 * Memory is told coarsely, as two mappings: the image and the heap.
 */
#include "rt/io/io.h"

#define TICKS_PER_SECOND 100
#define KIB 1024

static uint32_t thread_count(void)
{
	uint32_t count = 0;

	for (uint32_t slot = OM_SERVICE_SLOTS; slot < rt_image->service_slots + rt_image->app_threads && slot < OM_SLOTS_MAX; slot++)
		count += rt_io_own_thread_shown(&rt_threads[slot]);
	return count;
}

/* Much of it is tables that are never touched: no part of what counts as resident below. */
static uint64_t image_size(void)
{
	return rt_image->image_end_offset;
}

static void field(struct rt_io_words *w, uint64_t number)
{
	rt_io_words_number(w, number);
	rt_io_words_add(w, " ");
}

static void zeros(struct rt_io_words *w, unsigned count)
{
	while (count--)
		rt_io_words_add(w, "0 ");
}

/* As the kernel writes a name into status, and only there: on one line. */
static void escaped_name(struct rt_io_words *w, const struct rt_thread *t)
{
	for (const char *c = t->name; *c && c < t->name + sizeof t->name; c++) {
		const char one[2] = { *c, 0 };

		rt_io_words_add(w, *c == '\n' ? "\\n" : *c == '\\' ? "\\\\" : one);
	}
}

void rt_io_make_stat(struct rt_io_words *w, const struct rt_thread *t)
{
	uint64_t ticks = (uint64_t)rt_monotonic_ns() / (1000000000 / TICKS_PER_SECOND), used = rt_mem_used_bytes();

	field(w, (uint32_t)t->tid);
	rt_io_words_add(w, "(");
	rt_io_words_add(w, t->name);
	rt_io_words_add(w, ") R ");
	field(w, rt_ids()->ppid);
	field(w, (uint32_t)rt_pid);
	field(w, (uint32_t)rt_pid);
	zeros(w, 7);                         /*  7-13 tty ... cmajflt */
	field(w, ticks);                     /* 14 utime: time since start, the best that is known inside */
	zeros(w, 3);                         /* 15-17 */
	rt_io_words_add(w, "20 0 ");         /* 18, 19 priority, nice */
	field(w, thread_count());
	zeros(w, 2);                         /* 21, 22 itrealvalue, starttime */
	field(w, image_size() + rt_image->heap_size);
	field(w, used / OM_PAGE_SIZE);
	rt_io_words_add(w, "18446744073709551615 ");
	zeros(w, 26);                        /* 26-51 */
	rt_io_words_add(w, "0\n");
}

void rt_io_make_statm(struct rt_io_words *w, const struct rt_thread *unused)
{
	uint64_t used = rt_mem_used_bytes();

	(void)unused;
	field(w, (image_size() + rt_image->heap_size) / OM_PAGE_SIZE);
	field(w, used / OM_PAGE_SIZE);
	rt_io_words_add(w, "0 0 0 ");
	field(w, used / OM_PAGE_SIZE);
	rt_io_words_add(w, "0\n");
}

/* Real, effective, saved and file system identity. */
static void four_ids(struct rt_io_words *w, const char *name, uint32_t real, uint32_t effective, uint32_t saved)
{
	rt_io_words_line(w, name, real, "\t");
	rt_io_words_line(w, "", effective, "\t");
	rt_io_words_line(w, "", saved, "\t");
	rt_io_words_line(w, "", effective, "\n");
}

void rt_io_make_status(struct rt_io_words *w, const struct rt_thread *t)
{
	const struct rt_ids *ids = rt_ids();
	uint64_t used = rt_mem_used_bytes();

	rt_io_words_add(w, "Name:\t");
	escaped_name(w, t);
	rt_io_words_add(w, "\nState:\tR (running)\n");
	rt_io_words_line(w, "Tgid:\t", (uint32_t)rt_pid, "\n");
	rt_io_words_line(w, "Pid:\t", (uint32_t)t->tid, "\n");
	rt_io_words_line(w, "PPid:\t", ids->ppid, "\nTracerPid:\t0\n");
	four_ids(w, "Uid:\t", ids->uid, ids->euid, ids->suid);
	four_ids(w, "Gid:\t", ids->gid, ids->egid, ids->sgid);
	rt_io_words_line(w, "FDSize:\t", rt_io_count_open(), "\n");
	rt_io_words_line(w, "VmSize:\t", (image_size() + rt_image->heap_size) / KIB, " kB\n");
	rt_io_words_line(w, "VmRSS:\t", used / KIB, " kB\n");
	rt_io_words_line(w, "VmData:\t", used / KIB, " kB\n");
	rt_io_words_line(w, "VmSwap:\t", 0, " kB\n");
	rt_io_words_line(w, "Threads:\t", thread_count(), "\n");
}

void rt_io_make_comm(struct rt_io_words *w, const struct rt_thread *t)
{
	rt_io_words_add(w, t->name);
	rt_io_words_add(w, "\n");
}

static void map_line(struct rt_io_words *w, uint64_t begin, uint64_t size, const char *protection, const char *name)
{
	rt_io_words_hex(w, begin);
	rt_io_words_add(w, "-");
	rt_io_words_hex(w, begin + size);
	rt_io_words_add(w, " ");
	rt_io_words_add(w, protection);
	rt_io_words_add(w, " 00000000 00:00 0 ");
	rt_io_words_add(w, name);
	rt_io_words_add(w, "\n");
}

static void image_line(struct rt_io_words *w)
{
	map_line(w, OM_ELRANGE_BASE, image_size(), "rwxp", rt_io_program_path());
}

static void heap_line(struct rt_io_words *w)
{
	map_line(w, OM_ELRANGE_BASE + rt_image->heap_offset, rt_image->heap_size, "rw-p", "[heap]");
}

void rt_io_make_maps(struct rt_io_words *w, const struct rt_thread *unused)
{
	(void)unused;
	image_line(w);
	heap_line(w);
}

/* All that is in the enclave is private, dirty and anonymous: no page of it is shared or clean in a file. */
static void usage(struct rt_io_words *w, uint64_t used)
{
	static const char *const as_used[] = { "Rss:            ", "Pss:            " },
		*const nothing[] = { "Shared_Clean:   ", "Shared_Dirty:   ", "Private_Clean:  " },
		*const also_used[] = { "Private_Dirty:  ", "Referenced:     ", "Anonymous:      " },
		*const nothing_else[] = { "LazyFree:       ", "AnonHugePages:  ", "ShmemPmdMapped: ", "FilePmdMapped:  ", "Shared_Hugetlb: ",
			"Private_Hugetlb: ", "Swap:           ", "SwapPss:        ", "Locked:         " };

	for (unsigned i = 0; i < sizeof as_used / sizeof *as_used; i++)
		rt_io_words_line(w, as_used[i], used / KIB, " kB\n");
	for (unsigned i = 0; i < sizeof nothing / sizeof *nothing; i++)
		rt_io_words_line(w, nothing[i], 0, " kB\n");
	for (unsigned i = 0; i < sizeof also_used / sizeof *also_used; i++)
		rt_io_words_line(w, also_used[i], used / KIB, " kB\n");
	for (unsigned i = 0; i < sizeof nothing_else / sizeof *nothing_else; i++)
		rt_io_words_line(w, nothing_else[i], 0, " kB\n");
}

static void sizes(struct rt_io_words *w, uint64_t size)
{
	rt_io_words_line(w, "Size:           ", size / KIB, " kB\n");
	rt_io_words_line(w, "KernelPageSize: ", OM_PAGE_SIZE / KIB, " kB\n");
	rt_io_words_line(w, "MMUPageSize:    ", OM_PAGE_SIZE / KIB, " kB\n");
}

void rt_io_make_smaps(struct rt_io_words *w, const struct rt_thread *unused)
{
	(void)unused;
	image_line(w);
	sizes(w, image_size());
	usage(w, 0);
	rt_io_words_add(w, "THPeligible:    0\nVmFlags: rd wr ex mr mw me\n");
	heap_line(w);
	sizes(w, rt_image->heap_size);
	usage(w, rt_mem_used_bytes());
	rt_io_words_add(w, "THPeligible:    0\nVmFlags: rd wr mr mw me\n");
}

void rt_io_make_smaps_rollup(struct rt_io_words *w, const struct rt_thread *unused)
{
	(void)unused;
	map_line(w, OM_ELRANGE_BASE, rt_image->heap_offset + rt_image->heap_size, "---p", "[rollup]");
	usage(w, rt_mem_used_bytes());
}

void rt_io_make_limits(struct rt_io_words *w, const struct rt_thread *unused)
{
	(void)unused;
	rt_io_words_add(w, "Limit                     Soft Limit           Hard Limit           Units     \n");
	rt_io_words_line(w, "Max open files            ", rt_io_limit(), "                 ");
	rt_io_words_line(w, "", rt_file_limit_max(), "                 files     \n");
}
