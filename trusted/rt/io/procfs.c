/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files answered inside: what servers read about themselves in /proc, and the devices that must not be the host's.
 *
 * The host's /proc/self describes the loader, not the program, and its /dev/urandom is the adversary's. Answers
 * that describe the machine (memory, CPUs) are stable across migrations. What stands neither here nor under
 * /proc/self is the host's to answer.
 *
 * A virtual file's text is made when it is opened and kept in a blob until it is closed.
 */
#include "rt/io/io.h"

#define TEXT_MAX 8192u
#define ARGUMENTS_MAX 4096u
#define TICKS_PER_SECOND 100
#define KIB 1024

static RT_RESIDENT char arguments[ARGUMENTS_MAX];
static RT_RESIDENT uint32_t arguments_size;
static RT_RESIDENT char program_path[LX_PATH_MAX];

void rt_io_set_arguments(const char *text, size_t size)
{
	bool has_slash = false;

	arguments_size = size < ARGUMENTS_MAX ? (uint32_t)size : ARGUMENTS_MAX;
	memcpy(arguments, text, arguments_size);
	if (arguments_size)
		arguments[arguments_size - 1] = 0;
	for (const char *c = arguments; *c; c++)
		has_slash = has_slash || *c == '/';
	/* Only the name is known when the shell searched PATH. */
	if (rt_io_absolute(has_slash ? arguments : rt_image->program_name, program_path, sizeof program_path) < 0)
		program_path[0] = 0;
}

/* ---- the texts ------------------------------------------------------------------------------------------------------------------ */

static uint32_t thread_count(void)
{
	uint32_t count = 0;

	for (uint32_t slot = OM_SERVICE_SLOTS; slot < rt_image->service_slots + rt_image->app_threads && slot < OM_SLOTS_MAX; slot++)
		count += rt_threads[slot].state != RT_T_FREE;
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

/* Fields as in proc(5): comm state ppid pgrp session ... */
static void make_stat(struct rt_io_words *w)
{
	uint64_t ticks = (uint64_t)rt_monotonic_ns() / (1000000000 / TICKS_PER_SECOND), used = rt_mem_used_bytes();

	field(w, (uint32_t)rt_pid);
	rt_io_words_add(w, "(");
	rt_io_words_add(w, rt_image->program_name);
	rt_io_words_add(w, ") R 1 ");
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

static void make_statm(struct rt_io_words *w)
{
	uint64_t used = rt_mem_used_bytes();

	field(w, (image_size() + rt_image->heap_size) / OM_PAGE_SIZE);
	field(w, used / OM_PAGE_SIZE);
	rt_io_words_add(w, "0 0 0 ");
	field(w, used / OM_PAGE_SIZE);
	rt_io_words_add(w, "0\n");
}

static void line(struct rt_io_words *w, const char *name, uint64_t number, const char *unit)
{
	rt_io_words_add(w, name);
	rt_io_words_number(w, number);
	rt_io_words_add(w, unit);
}

static void make_status(struct rt_io_words *w)
{
	uint64_t used = rt_mem_used_bytes();

	rt_io_words_add(w, "Name:\t");
	rt_io_words_add(w, rt_image->program_name);
	rt_io_words_add(w, "\nState:\tR (running)\n");
	line(w, "Tgid:\t", (uint32_t)rt_pid, "\n");
	line(w, "Pid:\t", (uint32_t)rt_pid, "\n");
	line(w, "PPid:\t", 1, "\nTracerPid:\t0\n");
	line(w, "FDSize:\t", rt_io_count_open(), "\n");
	line(w, "VmSize:\t", (image_size() + rt_image->heap_size) / KIB, " kB\n");
	line(w, "VmRSS:\t", used / KIB, " kB\n");
	line(w, "VmData:\t", used / KIB, " kB\n");
	line(w, "VmSwap:\t", 0, " kB\n");
	line(w, "Threads:\t", thread_count(), "\n");
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

/* Coarse: the image and the heap. */
static void make_maps(struct rt_io_words *w)
{
	map_line(w, OM_ELRANGE_BASE, image_size(), "rwxp", program_path);
	map_line(w, OM_ELRANGE_BASE + rt_image->heap_offset, rt_image->heap_size, "rw-p", "[heap]");
}

static void make_limits(struct rt_io_words *w)
{
	rt_io_words_add(w, "Limit                     Soft Limit           Hard Limit           Units     \n");
	line(w, "Max open files            ", rt_io_limit(), "                 ");
	line(w, "", rt_image->file_max ? rt_image->file_max : 1024, "                 files     \n");
}

static void make_meminfo(struct rt_io_words *w)
{
	uint64_t total = rt_image->heap_size, used = rt_mem_used_bytes(), left = used < total ? total - used : 0;

	line(w, "MemTotal:       ", total / KIB, " kB\n");
	line(w, "MemFree:        ", left / KIB, " kB\n");
	line(w, "MemAvailable:   ", left / KIB, " kB\n");
	rt_io_words_add(w, "Buffers:        0 kB\nCached:         0 kB\nSwapTotal:      0 kB\nSwapFree:       0 kB\n");
}

static void make_cpuinfo(struct rt_io_words *w)
{
	for (uint32_t cpu = 0; cpu < rt_cpu_count(); cpu++) {
		line(w, "processor\t: ", cpu, "\n");
		rt_io_words_add(w, "model name\t: OptMig virtual CPU\n\n");
	}
}

static void make_cpu_list(struct rt_io_words *w)
{
	rt_io_words_add(w, "0");
	if (rt_cpu_count() > 1)
		line(w, "-", rt_cpu_count() - 1, "");
	rt_io_words_add(w, "\n");
}

typedef void make_fn(struct rt_io_words *w);
static const struct { const char *path; make_fn *make; } own[] = {
	{ "stat", make_stat }, { "statm", make_statm }, { "status", make_status }, { "maps", make_maps }, { "limits", make_limits },
}, machine[] = {
	{ "/proc/meminfo", make_meminfo }, { "/proc/cpuinfo", make_cpuinfo },
	{ "/sys/devices/system/cpu/online", make_cpu_list }, { "/sys/devices/system/cpu/possible", make_cpu_list },
	{ "/sys/devices/system/cpu/present", make_cpu_list },
};
static const struct { const char *path; enum rt_io_device device; } devices[] = {
	{ "/dev/null", RT_IO_DEV_NULL }, { "/dev/zero", RT_IO_DEV_ZERO }, { "/dev/full", RT_IO_DEV_FULL },
	{ "/dev/urandom", RT_IO_DEV_RANDOM }, { "/dev/random", RT_IO_DEV_RANDOM },
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- names -------------------------------------------------------------------------------------------------------------------------- */

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* The rest of path after prefix, or NULL. */
static const char *after(const char *path, const char *prefix)
{
	while (*prefix)
		if (*path++ != *prefix++)
			return NULL;
	return path;
}

/* What follows /proc/self/ or /proc/<own pid>/, or NULL. */
static const char *own_name(const char *path)
{
	const char *rest = after(path, "/proc/"), *name;
	uint64_t pid = 0;

	if (!rest)
		return NULL;
	name = after(rest, "self/");
	if (name)
		return name;
	while (*rest >= '0' && *rest <= '9' && pid < UINT32_MAX)
		pid = pid * 10 + (uint64_t)(*rest++ - '0');
	return *rest == '/' && pid == (uint64_t)rt_pid ? rest + 1 : NULL;
}

static long open_text(const char *text, uint32_t size, uint32_t flags)
{
	struct rt_io_ofd *ofd;
	uint32_t blob;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	blob = rt_io_blob_new(size ? size : 1);
	if (!blob)
		return -ENOMEM;
	memcpy(rt_io_blob_at(blob), text, size);
	ofd = rt_io_ofd_new(RT_IO_VIRTUAL, -1, O_RDONLY | (flags & O_NONBLOCK));
	if (!ofd) {
		rt_io_blob_free(blob, size ? size : 1);
		return -ENFILE;
	}
	ofd->virt = (struct rt_io_virtual){ .blob = blob, .size = size };
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static long open_made(make_fn *make, uint32_t flags)
{
	char text[TEXT_MAX];
	struct rt_io_words w = { text, sizeof text, 0 };

	make(&w);
	return open_text(text, (uint32_t)w.used, flags);
}

static long open_device(enum rt_io_device device, uint32_t flags)
{
	struct rt_io_ofd *ofd = rt_io_ofd_new(RT_IO_DEVICE, -1, flags & (O_ACCMODE | LX_SETFL_MASK));

	if (!ofd)
		return -ENFILE;
	ofd->device = (uint8_t)device;
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static bool open_own(const char *name, uint32_t flags, long *ret)
{
	if (equal(name, "cmdline")) {
		*ret = open_text(arguments, arguments_size, flags);
		return true;
	}
	for (unsigned i = 0; i < COUNT(own); i++)
		if (equal(name, own[i].path)) {
			*ret = open_made(own[i].make, flags);
			return true;
		}
	/* The program itself may be read; everything else there would be the loader's. */
	if (equal(name, "exe"))
		return false;
	*ret = -ENOENT;
	return true;
}

bool rt_io_virtual_open(const char *path, uint32_t flags, long *ret)
{
	const char *name;

	/* Nearly every path fails here. */
	if (path[0] != '/' || (path[1] != 'p' && path[1] != 'd' && path[1] != 's'))
		return false;
	for (unsigned i = 0; i < COUNT(devices); i++)
		if (equal(path, devices[i].path)) {
			*ret = open_device(devices[i].device, flags);
			return true;
		}
	for (unsigned i = 0; i < COUNT(machine); i++)
		if (equal(path, machine[i].path)) {
			*ret = open_made(machine[i].make, flags);
			return true;
		}
	name = own_name(path);
	return name && open_own(name, flags, ret);
}

static bool link_of_descriptor(const char *digits, char *ret_text, size_t size)
{
	uint64_t fd = 0;
	struct rt_io_ofd *ofd;

	if (!*digits)
		return false;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9' || fd > RT_IO_FD_MAX)
			return false;
		fd = fd * 10 + (uint64_t)(*digits - '0');
	}
	ofd = rt_io_get(fd);
	return ofd && ofd->host_fd >= 0 && rt_io_host_path(ofd->host_fd, ret_text, size) > 0;
}

bool rt_io_virtual_link(const char *path, char *ret_text, size_t size)
{
	const char *name = own_name(path), *digits;
	struct rt_io_words w = { ret_text, size, 0 };

	if (!name)
		return false;
	digits = after(name, "fd/");
	if (digits)
		return link_of_descriptor(digits, ret_text, size);
	if (equal(name, "exe") && program_path[0])
		rt_io_words_add(&w, program_path);
	else if (equal(name, "cwd"))
		return rt_io_absolute("", ret_text, size) > 0;
	return w.used > 0;
}

/* ---- reading and writing -------------------------------------------------------------------------------------------------------------- */

static long read_text(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	uint64_t at = offset < 0 ? ofd->virt.offset : (uint64_t)offset, some;

	some = at < ofd->virt.size ? ofd->virt.size - at : 0;
	if (some > span->total)
		some = span->total;
	if (rt_io_span_put(span, (const uint8_t *)rt_io_blob_at(ofd->virt.blob) + at, some))
		return -EFAULT;
	if (offset < 0)
		ofd->virt.offset = at + some;
	return (long)some;
}

static long read_generated(struct rt_io_span *span, bool random)
{
	uint8_t bytes[512] = {0};
	long done = 0;

	while (span->total) {
		uint64_t some = span->total < sizeof bytes ? span->total : sizeof bytes;

		if (random && !rt_random(bytes, some))
			return done ? done : -EIO;
		if (rt_io_span_put(span, bytes, some))
			return done ? done : -EFAULT;
		done += (long)some;
	}
	return done;
}

long rt_io_virtual_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	if (ofd->kind == RT_IO_VIRTUAL)
		return read_text(ofd, span, offset);
	return ofd->device == RT_IO_DEV_NULL ? 0 : read_generated(span, ofd->device == RT_IO_DEV_RANDOM);
}

long rt_io_virtual_write(struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	if (ofd->kind == RT_IO_VIRTUAL)
		return -EBADF;
	return ofd->device == RT_IO_DEV_FULL ? -ENOSPC : (long)span->total;
}
