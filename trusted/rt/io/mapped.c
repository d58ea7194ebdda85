/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files behind mappings. A mapping holds a reference on its open file description, as a kernel's does: the file stays open when its
 * last descriptor is closed, moves with the program, and can be read again.
 */
#include "rt/io/vault.h"
#include "rt/mapped.h"

/* The kernel's order of answers: the mode first, then whether such a thing can be mapped at all. */
static long check(const struct rt_io_ofd *ofd, bool shared, bool writing)
{
	uint32_t mode = ofd->status & O_ACCMODE;

	if (ofd->status & O_PATH)
		return -EBADF;
	if (shared && writing && mode != O_RDWR)
		return -EACCES;
	if (ofd->kind <= RT_IO_PIPE && mode == O_WRONLY)
		return -EACCES;
	if (ofd->kind == RT_IO_DEVICE && ofd->device == RT_IO_DEV_ZERO)
		return RT_IO_MAP_ZEROS;
	if (ofd->kind == RT_IO_MEMORY)
		return RT_IO_MAP_MEMORY;
	return ofd->kind == RT_IO_FILE ? RT_IO_MAP_FILE : -ENODEV;
}

long rt_io_map_check(int fd, bool shared, bool writing)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd ? check(ofd, shared, writing) : -EBADF;
}

uint32_t rt_io_map_hold(int fd)
{
	struct rt_io_ofd *ofd = rt_io_refer((uint32_t)fd);

	if (ofd && ofd->kind != RT_IO_FILE) {
		rt_io_ofd_put(ofd);
		ofd = NULL;
	}
	return ofd ? rt_io_index(ofd) : 0;
}

void rt_io_map_again(uint32_t file)
{
	rt_io_lock();
	rt_io_ofds[file].refs++;
	rt_io_unlock();
}

void rt_io_map_put(uint32_t file)
{
	rt_io_ofd_put(&rt_io_ofds[file]);
}

bool rt_io_map_is(uint32_t file, uint64_t device, uint64_t inode)
{
	return rt_io_ofds[file].file.device == device && rt_io_ofds[file].file.inode == inode;
}

int64_t rt_io_map_size(uint32_t file)
{
	char *ub = (char *)rt_io_ub_space(sizeof(struct stat));
	struct stat stat;

	if (rt_io_kept(&rt_io_ofds[file]))
		return rt_io_kept_size(&rt_io_ofds[file]);
	if (!ub || rt_io_zero(rt_host(__NR_fstat, (uint64_t)rt_io_ofds[file].host_fd, (uint64_t)ub, 0, 0, 0, 0)))
		return -1;
	rt_ub_get(&stat, ub, sizeof stat);
	return stat.st_size < 0 ? 0 : stat.st_size;
}

/* All of it that the file has, or an error: zeros would be content, too. */
static long read_kept(const struct rt_io_ofd *ofd, uint64_t offset, uint64_t app, size_t size)
{
	const uint64_t end = (uint64_t)rt_io_kept_size(ofd), whole = offset >= end ? 0 : end - offset < size ? end - offset : size;
	struct rt_io_span span;
	long got;

	rt_io_span_one(&span, app, whole);
	got = rt_io_vaulted(ofd) ? rt_io_vault_read(ofd, &span, (int64_t)offset) : rt_io_trusted_read(ofd, &span, (int64_t)offset);
	return got < 0 || (uint64_t)got == whole ? got : -EIO;
}

long rt_io_map_read(uint32_t file, uint64_t offset, uint64_t app, size_t size)
{
	uint64_t host_fd = (uint64_t)rt_io_ofds[file].host_fd, ub;
	size_t done = 0, chunk = rt_ub_left() < size ? rt_ub_left() & ~(size_t)4095 : size;

	if (rt_io_kept(&rt_io_ofds[file]))
		return read_kept(&rt_io_ofds[file], offset, app, size);
	ub = rt_io_ub_space(chunk);
	if (!ub)
		return -ENOMEM;
	while (done < size) {
		size_t some = size - done < chunk ? size - done : chunk;
		long got = rt_io_checked(rt_host(__NR_pread64, host_fd, ub, some, offset + done, 0, 0), some);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		if (rt_ub_to_app(app + done, (void *)ub, (size_t)got))
			return -EFAULT;
		done += (size_t)got;
	}
	return (long)done;
}
