/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading trusted files. A block is read whole from the host into memory of ours, hashed there, and only then given to the program. So the
 * program gets what was checked, whatever the host does to the file meanwhile. A checked block serves all descriptors of the
 * file until its memory is needed for another block. So small reads one after the other cost a block once.
 *
 *     blocks[i]   empty --pin--> filling (its pinner's alone) --checked--> there, with users --last unpin--> there, may be replaced
 *                                     \--failed--> empty
 *
 * Blocks are local: after a move the destination host's file is checked anew.
 *
 * A thread that finds all blocks pinned waits for another thread to unpin one. The other threads are in a call of the host that does not wait, or
 * copy to the program's memory.
 */
#include "rt/io/rules.h"

#define BLOCKS 16u
#define COMPLAINTS 8

struct block {
	uint32_t file;               /* 1 + index among the trusted files; 0: empty */
	uint32_t users;
	bool     filling;
	uint64_t number, used;       /* used: when last, for the choice of one to replace */
};

/* Under rt_io_lock(). */
static RT_LOCAL struct block blocks[BLOCKS];
static RT_LOCAL uint64_t uses;
static RT_LAZY _Alignas(64) uint8_t contents[BLOCKS][OM_LAUNCH_BLOCK];

void rt_io_trusted_complain(uint32_t trusted, const char *words)
{
	static RT_LOCAL int count;
	const struct om_launch_string name = om_launch_string(rt_launch(), OM_LAUNCH_TRUSTED, trusted);
	char line[250];
	struct rt_io_words w = { line, sizeof line, 0 };
	uint32_t size = name.size < 140 ? name.size : 140;

	if (__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) >= COMPLAINTS)
		return;
	rt_io_words_add(&w, "trusted file ");
	memcpy(line + w.used, name.text, size);
	w.used += size;
	line[w.used] = 0;
	rt_io_words_add(&w, ": ");
	rt_io_words_add(&w, words);
	rt_ub_reset();
	rt_tell(line);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------------ */

static struct block *try_pin(uint32_t file, uint64_t number)
{
	struct block *oldest = NULL;

	for (struct block *b = blocks; b < blocks + BLOCKS; b++) {
		if (b->file == file && b->number == number && !b->filling) {
			b->users++;
			b->used = ++uses;
			return b;
		}
		if (!b->users && (!oldest || b->used < oldest->used))
			oldest = b;
	}
	if (oldest)
		*oldest = (struct block){ .file = file, .users = 1, .filling = true, .number = number, .used = ++uses };
	return oldest;
}

/* @good: its content has been checked. */
static void filled(struct block *b, bool good)
{
	rt_io_lock();
	b->filling = false;
	if (!good)
		*b = (struct block){ 0 };
	rt_io_unlock();
}

static void unpin(struct block *b)
{
	rt_io_lock();
	b->users--;
	rt_io_unlock();
}

/* Copied once: what is looked at afterwards is ours. */
static long fetch(const struct rt_io_ofd *ofd, uint8_t *to, uint64_t offset, uint32_t size)
{
	uint32_t done = 0, room;
	uint64_t ub;

	rt_ub_reset();
	room = rt_ub_left() < size ? (uint32_t)rt_ub_left() & ~63u : size;
	ub = rt_io_ub_space(room);
	if (!ub)
		return -ENOMEM;
	while (done < size) {
		const uint32_t some = size - done < room ? size - done : room;
		const long got = rt_io_checked(rt_host(__NR_pread64, (uint64_t)ofd->host_fd, ub, some, offset + done, 0, 0), some);

		if (got <= 0)
			return got ? got : -EIO;
		rt_ub_get(to + done, (const void *)ub, (size_t)got);
		done += (uint32_t)got;
	}
	return 0;
}

static long fill(const struct rt_io_ofd *ofd, struct block *b)
{
	const uint32_t index = b->file - 1, size = om_launch_block_size(rt_launch(), index, b->number);
	uint8_t *to = contents[b - blocks];
	long error = fetch(ofd, to, b->number * OM_LAUNCH_BLOCK, size);

	if (!error && !om_launch_block_is(rt_launch(), index, b->number, to, rt_cpu_features()))
		error = -EIO;
	if (error == -EIO)
		rt_io_trusted_complain(index, "the host's content is not what the image was built with");
	return error;
}

/* 1 + its index. Read once: a program that closes the descriptor meanwhile may have made it another description. */
static uint32_t file_of(const struct rt_io_ofd *ofd)
{
	const uint32_t file = __atomic_load_n(&ofd->file.trusted, __ATOMIC_RELAXED);

	return file <= rt_launch()->count[OM_LAUNCH_TRUSTED] ? file : 0;
}

/* The block of `file` at `offset`, where it has one, pinned. */
static struct block *pin(const struct rt_io_ofd *ofd, uint32_t file, uint64_t offset, long *ret_error)
{
	struct block *b;

	for (;;) {
		rt_io_lock();
		b = try_pin(file, offset / OM_LAUNCH_BLOCK);
		rt_io_unlock();
		if (b)
			break;
		(void)rt_host(__NR_sched_yield, 0, 0, 0, 0, 0, 0); /* only a hint */
	}
	if (!b->filling)
		return b;
	*ret_error = fill(ofd, b);
	filled(b, !*ret_error);
	return *ret_error ? NULL : b;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------- */

/* How much of the block at `offset` there is, of `size` bytes that are wanted. */
static uint64_t part_of(uint32_t file, uint64_t offset, uint64_t size)
{
	const uint32_t block = om_launch_block_size(rt_launch(), file - 1, offset / OM_LAUNCH_BLOCK);
	const uint64_t inside = offset % OM_LAUNCH_BLOCK;

	if (inside >= block)
		return 0;
	return size < block - inside ? size : block - inside;
}

int64_t rt_io_trusted_size(const struct rt_io_ofd *ofd)
{
	const uint32_t file = file_of(ofd);

	return file ? (int64_t)om_launch_file_size(rt_launch(), file - 1) : 0;
}

long rt_io_trusted_read(const struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	const uint32_t file = file_of(ofd);
	long done = 0, error = 0;
	uint64_t some;

	if (!file || offset < 0)
		return -EBADF;
	while ((some = part_of(file, (uint64_t)offset + (uint64_t)done, span->total)) != 0) {
		const uint64_t at = (uint64_t)offset + (uint64_t)done;
		struct block *b = pin(ofd, file, at, &error);

		if (!b)
			break;
		error = rt_io_span_put(span, contents[b - blocks] + at % OM_LAUNCH_BLOCK, some);
		unpin(b);
		if (error)
			break;
		done += (long)some;
	}
	return done ? done : error;
}

long rt_io_trusted_to_ub(const struct rt_io_ofd *ofd, int64_t offset, uint64_t size, uint64_t *ret_untrusted)
{
	const uint32_t file = file_of(ofd);
	const uint64_t some = file && offset >= 0 ? part_of(file, (uint64_t)offset, size) : 0;
	struct block *b;
	long error;

	if (!some)
		return file ? 0 : -EBADF;
	b = pin(ofd, file, (uint64_t)offset, &error);
	if (!b)
		return error;
	rt_ub_reset();
	*ret_untrusted = rt_io_ub_copy(contents[b - blocks] + (uint64_t)offset % OM_LAUNCH_BLOCK, some);
	unpin(b);
	return *ret_untrusted ? (long)some : -ENOMEM;
}
