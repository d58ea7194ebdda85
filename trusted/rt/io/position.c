/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a regular file is read and written next.
 *
 * The host's descriptor has the position until the program's first seek. A program that seeks before it reads or writes, as
 * databases do, would otherwise make two calls of the host each time. So the host does the first seek (it knows whether
 * the file can seek at all), and from then on the position is ours. read and write become pread and pwrite.
 *
 *     position = 0           the host's descriptor has it
 *     position = 1 + where   ours; the host's is stale
 *
 * The position goes back to the host before calls that use the host's position (copies from descriptor to descriptor). It goes back for good
 * where the host alone can know it: with O_APPEND, and beyond SEEK_INSIDE_MAX, so that the file system tells its own limit. The position of an
 * inherited descriptor stays the host's, for other processes may share it.
 *
 * The position of a trusted file (trusted.c) is ours from the start to the end, and the file's size is the image's word. The position of an
 * encrypted file (vault.c) is ours too, and the file itself says its size.
 *
 * Threads that read or write one description at the same time claim their piece before the call and give back what was
 * not done if they are still the last, so that pieces never overlap. Racing at the end of the file may leave a gap there.
 */
#include "rt/io/vault.h"

#define SEEK_INSIDE_MAX INT32_MAX

/* Orders nothing but itself: relaxed is enough. */
static uint64_t get(const struct rt_io_ofd *ofd)
{
	return __atomic_load_n(&ofd->file.position, __ATOMIC_RELAXED);
}

static void set(struct rt_io_ofd *ofd, uint64_t position)
{
	__atomic_store_n(&ofd->file.position, position, __ATOMIC_RELAXED);
}

bool rt_io_position_take(struct rt_io_ofd *ofd, uint64_t size, int64_t *ret_offset)
{
	uint64_t seen = get(ofd);

	do
		if (!seen)
			return false;
	while (!__atomic_compare_exchange_n(&ofd->file.position, &seen, seen + size, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*ret_offset = (int64_t)(seen - 1);
	return true;
}

void rt_io_position_correct(struct rt_io_ofd *ofd, int64_t offset, uint64_t size, uint64_t done)
{
	uint64_t claimed = (uint64_t)offset + 1 + size;

	if (done < size)
		(void)__atomic_compare_exchange_n(&ofd->file.position, &claimed, (uint64_t)offset + 1 + done, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);   /* false: another piece begins behind ours */
}

long rt_io_position_give(struct rt_io_ofd *ofd)
{
	uint64_t position = ofd->kind == RT_IO_FILE ? get(ofd) : 0;
	long result;

	if (!position || rt_io_kept(ofd))
		return 0;
	result = rt_host(__NR_lseek, (uint64_t)ofd->host_fd, position - 1, LX_SEEK_SET, 0, 0, 0);
	if (result < 0)
		return result;
	set(ofd, 0);
	return 0;
}

int64_t rt_io_position_get(const struct rt_io_ofd *ofd)
{
	uint64_t position = ofd->kind == RT_IO_FILE ? get(ofd) : 0;

	return position ? (int64_t)(position - 1) : rt_host(__NR_lseek, (uint64_t)ofd->host_fd, 0, LX_SEEK_CUR, 0, 0, 0);
}

int64_t rt_io_seek_target(int64_t offset, uint32_t whence, int64_t position, int64_t size)
{
	int64_t base = 0;

	switch (whence) {
	case LX_SEEK_SET:
		break;
	case LX_SEEK_CUR:
		base = position;
		break;
	case LX_SEEK_END:
		base = size;
		break;
	case LX_SEEK_DATA:
	case LX_SEEK_HOLE:
		if (offset < 0 || offset >= size)
			return -ENXIO;
		offset = whence == LX_SEEK_DATA ? offset : size;
		break;
	default:
		return -EINVAL;
	}
	return __builtin_add_overflow(base, offset, &offset) || offset < 0 ? -EINVAL : offset;
}

static long seek_kept(struct rt_io_ofd *ofd, int64_t offset, uint32_t whence)
{
	offset = rt_io_seek_target(offset, whence, whence == LX_SEEK_CUR ? rt_io_position_get(ofd) : 0, rt_io_kept_size(ofd));
	if (offset < 0)
		return offset;
	if (offset == INT64_MAX)
		return -EINVAL;
	set(ofd, (uint64_t)offset + 1);
	return offset;
}

long rt_io_position_seek(struct rt_io_ofd *ofd, int64_t offset, uint32_t whence)
{
	uint64_t position = ofd->kind == RT_IO_FILE ? get(ofd) : 0;
	bool may_keep = ofd->kind == RT_IO_FILE && !(ofd->status & O_APPEND) && !ofd->inherited;
	long result;

	if (rt_io_kept(ofd))
		return seek_kept(ofd, offset, whence);
	if (position && whence == LX_SEEK_CUR) {
		if (!offset)
			return (long)(position - 1);
		if (__builtin_add_overflow((int64_t)(position - 1), offset, &offset) || offset < 0)
			return -EINVAL;
		whence = LX_SEEK_SET;
	}
	if (position && may_keep && whence == LX_SEEK_SET && offset >= 0 && offset <= SEEK_INSIDE_MAX) {
		set(ofd, (uint64_t)offset + 1);
		return offset;
	}
	result = rt_host(__NR_lseek, (uint64_t)ofd->host_fd, (uint64_t)offset, whence, 0, 0, 0);
	if (result >= 0 && ofd->kind == RT_IO_FILE)
		set(ofd, may_keep && result <= SEEK_INSIDE_MAX ? (uint64_t)result + 1 : 0);
	return result;
}
