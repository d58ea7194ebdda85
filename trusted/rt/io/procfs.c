/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files answered inside: facts about the machine, which are stable across migrations, and the devices that must not be the
 * host's (its /dev/urandom is the adversary's). What the program reads about itself is in procself.c. What stands in
 * neither is the host's to answer.
 *
 * A virtual file's text is made when it is opened and kept in a blob until it is closed.
 */
#include "rt/io/io.h"

#define TEXT_MAX 8192u

/* ---- the machine ----------------------------------------------------------------------------------------------------------- */

static void make_meminfo(struct rt_io_words *w, const struct rt_thread *unused)
{
	uint64_t total = rt_image->heap_size, used = rt_mem_used_bytes(), left = used < total ? total - used : 0;

	(void)unused;
	rt_io_words_line(w, "MemTotal:       ", total / 1024, " kB\n");
	rt_io_words_line(w, "MemFree:        ", left / 1024, " kB\n");
	rt_io_words_line(w, "MemAvailable:   ", left / 1024, " kB\n");
	rt_io_words_add(w, "Buffers:        0 kB\nCached:         0 kB\nSwapTotal:      0 kB\nSwapFree:       0 kB\n");
}

static void make_cpuinfo(struct rt_io_words *w, const struct rt_thread *unused)
{
	(void)unused;
	for (uint32_t cpu = 0; cpu < rt_cpu_count(); cpu++) {
		rt_io_words_line(w, "processor\t: ", cpu, "\n");
		rt_io_words_add(w, "model name\t: OptMig virtual CPU\n\n");
	}
}

static void make_cpu_list(struct rt_io_words *w, const struct rt_thread *unused)
{
	(void)unused;
	rt_io_words_add(w, "0");
	if (rt_cpu_count() > 1)
		rt_io_words_line(w, "-", rt_cpu_count() - 1, "");
	rt_io_words_add(w, "\n");
}

static const struct { const char *path; rt_io_make_fn *make; } machine[] = {
	{ "/proc/meminfo", make_meminfo }, { "/proc/cpuinfo", make_cpuinfo },
	{ "/sys/devices/system/cpu/online", make_cpu_list }, { "/sys/devices/system/cpu/possible", make_cpu_list },
	{ "/sys/devices/system/cpu/present", make_cpu_list },
};
static const struct { const char *path; enum rt_io_device device; } devices[] = {
	{ "/dev/null", RT_IO_DEV_NULL }, { "/dev/zero", RT_IO_DEV_ZERO }, { "/dev/full", RT_IO_DEV_FULL },
	{ "/dev/urandom", RT_IO_DEV_RANDOM }, { "/dev/random", RT_IO_DEV_RANDOM },
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- opening ----------------------------------------------------------------------------------------------------------------- */

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

long rt_io_virtual_new(struct rt_io_virtual content, uint32_t status, uint32_t flags)
{
	struct rt_io_ofd *ofd = rt_io_ofd_new(RT_IO_VIRTUAL, -1, status | (flags & O_NONBLOCK));

	if (!ofd) {
		rt_io_blob_free(content.blob, content.size);
		return -ENFILE;
	}
	ofd->virt = content;
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

long rt_io_virtual_made(rt_io_make_fn *make, const struct rt_thread *about, struct rt_io_virtual content, uint32_t flags)
{
	char text[TEXT_MAX];
	struct rt_io_words w = { text, sizeof text, 0 };

	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	make(&w, about);
	content.size = (uint32_t)w.used;
	content.blob = rt_io_blob_new(content.size);
	if (!content.blob)
		return -ENOMEM;
	memcpy(rt_io_blob_at(content.blob), text, content.size);
	return rt_io_virtual_new(content, O_RDONLY, flags);
}

long rt_io_device_open(enum rt_io_device device, uint32_t flags)
{
	struct rt_io_ofd *ofd = rt_io_ofd_new(RT_IO_DEVICE, -1, flags & (O_ACCMODE | LX_SETFL_MASK));

	if (!ofd)
		return -ENFILE;
	ofd->device = (uint8_t)device;
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

bool rt_io_virtual_named(const char *path)
{
	for (unsigned i = 0; i < COUNT(devices); i++)
		if (equal(path, devices[i].path))
			return true;
	for (unsigned i = 0; i < COUNT(machine); i++)
		if (equal(path, machine[i].path))
			return true;
	return false;
}

bool rt_io_virtual_open(const char *path, uint32_t flags, long *ret)
{
	/* Nearly every path fails here. */
	if (path[0] != '/' || (path[1] != 'p' && path[1] != 'd' && path[1] != 's'))
		return false;
	for (unsigned i = 0; i < COUNT(devices); i++)
		if (equal(path, devices[i].path)) {
			*ret = rt_io_device_open(devices[i].device, flags);
			return true;
		}
	for (unsigned i = 0; i < COUNT(machine); i++)
		if (equal(path, machine[i].path)) {
			*ret = rt_io_virtual_made(machine[i].make, NULL, (struct rt_io_virtual){ .name = machine[i].path }, flags);
			return true;
		}
	return rt_io_own_open(path, flags, ret);
}

/* ---- reading and writing -------------------------------------------------------------------------------------------------------------- */

long rt_io_virtual_give(struct rt_io_ofd *ofd, const void *text, uint64_t size, struct rt_io_span *span, int64_t offset)
{
	uint64_t at = offset < 0 ? ofd->virt.offset : (uint64_t)offset, some;

	some = at < size ? size - at : 0;
	if (some > span->total)
		some = span->total;
	if (rt_io_span_put(span, (const uint8_t *)text + at, some))
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
		return rt_io_own_read(ofd, span, offset);
	return ofd->device == RT_IO_DEV_NULL ? 0 : read_generated(span, ofd->device == RT_IO_DEV_RANDOM);
}

long rt_io_virtual_write(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	if (ofd->kind == RT_IO_VIRTUAL)
		return offset < 0 ? rt_io_own_write(ofd, span) : -ESPIPE;
	return ofd->device == RT_IO_DEV_FULL ? -ENOSPC : (long)span->total;
}
