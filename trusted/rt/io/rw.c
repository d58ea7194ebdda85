/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read, write and their kin: the hot path.
 *
 * Data passes through the transfer buffer in pieces of at most its size. What that must not change:
 *
 *   - A regular file is read or written completely, as Linux does it.
 *   - A stream (socket, pipe, terminal) gives what it has: one host call per read.
 *   - A blocking write to a stream returns when all is written. It may be stopped between two pieces and continue on
 *     another machine, so the bytes written so far are kept in syscall_scratch[0].
 *   - A message is one host call. One that does not fit into the buffer is refused with EMSGSIZE.
 *
 * The call is interruptible exactly where it may block for long: on descriptions without O_NONBLOCK that are not
 * regular files.
 */
#include "rt/io/vault.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define DONE (t->syscall_scratch[RT_IO_SCRATCH_DONE])
#define NO_OFFSET (-1)

void rt_io_broken_pipe(struct rt_thread *t)
{
	rt_signal_thread(t, LX_SIGPIPE);
}

static bool may_block(const struct rt_io_ofd *ofd)
{
	return ofd->kind != RT_IO_FILE && rt_io_blocking(ofd);
}

static long host_rw(struct rt_io_ofd *ofd, long nr, uint64_t ub, uint64_t size, int64_t offset)
{
	uint64_t host_fd = (uint64_t)ofd->host_fd;

	if (may_block(ofd))
		return rt_io_dead_error(ofd, rt_io_checked(rt_host_wait(nr, host_fd, ub, size, (uint64_t)offset, 0, 0), size));
	return rt_io_dead_error(ofd, rt_io_checked(rt_host(nr, host_fd, ub, size, (uint64_t)offset, 0, 0), size));
}

static bool is_message(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SOCKET && ofd->socket.type != LX_SOCK_STREAM;
}

/* Transfer buffer for `size` bytes, or as many as fit. */
static uint64_t buffer(uint64_t *size)
{
	uint64_t left = rt_ub_left();

	if (*size > left)
		*size = left & ~63ULL;
	return rt_io_ub_space(*size ? *size : 1);
}

static long read_span(struct rt_thread *t, struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	long nr = offset == NO_OFFSET ? __NR_read : __NR_pread64;
	uint64_t chunk = span->total, done = 0, ub;

	if (ofd->kind == RT_IO_VIRTUAL || ofd->kind == RT_IO_DEVICE)
		return rt_io_virtual_read(ofd, span, offset);
	if (ofd->kind == RT_IO_MEMORY)
		return rt_io_memory_read(ofd, span, offset);
	if (ofd->kind == RT_IO_TIMERFD)
		return rt_io_timer_read(ofd, span);
	if (ofd->kind == RT_IO_SIGNALFD)
		return rt_io_signalfd_read(t, ofd, span);
	if (ofd->kind == RT_IO_MQUEUE)
		return offset == NO_OFFSET ? rt_io_mqueue_read(ofd, span) : -ESPIPE;
	if (rt_io_trusted(ofd))
		return rt_io_trusted_read(ofd, span, offset); /* the position is never the host's */
	if (rt_io_vaulted(ofd))
		return rt_io_vault_read(ofd, span, offset);
	ub = buffer(&chunk);
	for (;;) {
		uint64_t some = span->total < chunk ? span->total : chunk;
		long got = host_rw(ofd, nr, ub, some, offset == NO_OFFSET ? 0 : offset + (int64_t)done);

		if (got <= 0)
			return done ? (long)done : got;
		if (rt_io_span_from_ub(span, ub, (uint64_t)got))
			return done ? (long)done : -EFAULT;
		done += (uint64_t)got;
		if (ofd->kind != RT_IO_FILE || (uint64_t)got < some || !span->total)
			return (long)done;
	}
}

/* One piece: gather, send. The span is only moved on by what the host took. */
static long write_piece(struct rt_io_ofd *ofd, struct rt_io_span *span, uint64_t ub, uint64_t some, int64_t offset)
{
	struct rt_io_span start = *span;
	long nr = offset == NO_OFFSET ? __NR_write : __NR_pwrite64, put;

	if (rt_io_span_to_ub(span, ub, some))
		return -EFAULT;
	put = host_rw(ofd, nr, ub, some, offset == NO_OFFSET ? 0 : offset);
	if (put == (long)some)
		return put;
	*span = start;
	return put > 0 && rt_io_span_skip(span, (uint64_t)put) ? -EFAULT : put;
}

/* Beyond RLIMIT_FSIZE the kernel signals the thread that writes: the host's, which does not listen. */
static void file_too_big(struct rt_thread *t)
{
	rt_ub_reset(); /* the data has been refused */
	if (rt_file_size_limited())
		rt_signal_thread(t, LX_SIGXFSZ);
}

static long write_span(struct rt_thread *t, struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	uint64_t chunk, ub;

	if (ofd->kind == RT_IO_VIRTUAL || ofd->kind == RT_IO_DEVICE)
		return rt_io_virtual_write(ofd, span, offset);
	if (ofd->kind == RT_IO_MEMORY)
		return rt_io_memory_write(ofd, span, offset);
	if (ofd->kind == RT_IO_SIGNALFD || ofd->kind == RT_IO_MQUEUE)
		return -EINVAL;
	if (rt_io_vaulted(ofd))
		return rt_io_vault_write(ofd, span, &offset);
	if (DONE && rt_io_span_skip(span, DONE))
		return (long)DONE;
	chunk = span->total;
	ub = buffer(&chunk);
	if (chunk < span->total && is_message(ofd))
		return -EMSGSIZE;
	do {
		uint64_t some = span->total < chunk ? span->total : chunk;
		long put = write_piece(ofd, span, ub, some, offset == NO_OFFSET ? offset : offset + (int64_t)DONE);

		if (put == -EPIPE && !DONE)
			rt_io_broken_pipe(t);
		if (put == -EFBIG && !DONE)
			file_too_big(t);
		if (put < 0)
			return DONE ? (long)DONE : put;
		DONE += (uint64_t)put;
		if ((uint64_t)put < some && !may_block(ofd))
			break;
		if (!put)
			break;
	} while (span->total);
	return (long)DONE;
}

/* Behind the end, wherever that is by then. */
static long append_vaulted(struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	int64_t offset = 0;
	const long result = rt_io_vault_write(ofd, span, &offset);

	if (result > 0)
		(void)rt_io_position_seek(ofd, offset + result, LX_SEEK_SET); /* it is there, so it can be sought */
	return result;
}

/* At the description's own position, which may be the host's (position.c). */
static long at_position(struct rt_thread *t, struct rt_io_ofd *ofd, struct rt_io_span *span, bool writing)
{
	uint64_t size = span->total;
	int64_t offset = NO_OFFSET;
	long result = writing && ofd->status & O_APPEND ? rt_io_position_give(ofd) : 0;

	if (result)
		return result;
	if (writing && ofd->status & O_APPEND && rt_io_vaulted(ofd))
		return append_vaulted(ofd, span);
	if (!rt_io_position_take(ofd, size, &offset))
		return writing ? write_span(t, ofd, span, NO_OFFSET) : read_span(t, ofd, span, NO_OFFSET);
	result = writing ? write_span(t, ofd, span, offset) : read_span(t, ofd, span, offset);
	rt_io_position_correct(ofd, offset, size, result > 0 ? (uint64_t)result : 0);
	return result;
}

/* ---- the calls: a descriptor that allows it, a span, an offset ------------------------------------------------------- */

static long get_at(uint64_t fd, bool writing, bool positioned, struct rt_io_ofd **ret_ofd)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);
	uint32_t mode = ofd ? ofd->status & O_ACCMODE : 0;

	if (!ofd || ofd->status & O_PATH)
		return -EBADF;
	if (positioned && ofd->kind >= RT_IO_PIPE)
		return -ESPIPE;
	/* Sockets, event and timer descriptors report no access mode. */
	if (ofd->kind <= RT_IO_PIPE && mode != O_RDWR && mode != (writing ? O_WRONLY : O_RDONLY))
		return -EBADF;
	if (ofd->kind == RT_IO_EPOLL)
		return -EINVAL;
	if (ofd->kind == RT_IO_DIR)
		return -EISDIR; /* what a host would read there is nobody's content */
	*ret_ofd = ofd;
	return 0;
}

static long get(uint64_t fd, bool writing, struct rt_io_ofd **ret_ofd)
{
	return get_at(fd, writing, false, ret_ofd);
}

/* Where `size` bytes have gone that were written at `offset`, or at the description's position. The host is asked where that is only when
 * this very file is mapped: a program that maps some files and writes others would make two calls for one, every time. */
static void show_written(struct rt_io_ofd *ofd, int64_t offset, uint64_t size)
{
	if (!rt_mapped_shows(ofd->file.device, ofd->file.inode))
		return;
	rt_ub_reset();
	if (ofd->status & O_APPEND)
		offset = rt_io_map_size(rt_io_index(ofd)) - (int64_t)size;
	else if (offset == NO_OFFSET)
		offset = rt_io_position_get(ofd) - (int64_t)size;
	if (offset >= 0)
		rt_mapped_written(ofd->file.device, ofd->file.inode, (uint64_t)offset, size);
}

static long transfer(struct rt_thread *t, struct rt_io_ofd *ofd, struct rt_io_span *span, bool writing, int64_t offset)
{
	long waited = rt_io_wait_again(t, ofd, writing);

	if (waited)
		return DONE ? (long)DONE : waited;
	/* Linux reads and writes at most this much at once. */
	if (span->total > 0x7ffff000)
		span->total = 0x7ffff000;
	if (ofd->kind == RT_IO_FILE) {
		long result = offset == NO_OFFSET ? at_position(t, ofd, span, writing) :
			writing ? write_span(t, ofd, span, offset) : read_span(t, ofd, span, offset);

		if (writing && result > 0)
			show_written(ofd, offset, (uint64_t)result);
		return result;
	}
	return writing ? write_span(t, ofd, span, offset) : read_span(t, ofd, span, offset);
}

static long one(struct rt_thread *t, bool writing, bool positioned)
{
	struct rt_io_ofd *ofd;
	struct rt_io_span span;
	long error = positioned && t->arg[3] < 0 ? -EINVAL : get_at(ARG(0), writing, positioned, &ofd);

	if (error)
		return error;
	/* A wrong address must not cost the data that the host would already have given up. */
	if (!rt_app_range_ok(ARG(1), ARG(2) < 4096 ? ARG(2) : 4096, !writing))
		return -EFAULT;
	rt_io_span_one(&span, ARG(1), ARG(2));
	return transfer(t, ofd, &span, writing, positioned ? t->arg[3] : NO_OFFSET);
}

static long many(struct rt_thread *t, bool writing, bool positioned)
{
	struct rt_io_ofd *ofd;
	struct rt_io_span span;
	long error = positioned && t->arg[3] < 0 ? -EINVAL : get_at(ARG(0), writing, positioned, &ofd);

	if (!error)
		error = rt_io_span_iov(&span, ARG(1), ARG(2));
	if (error || !span.total) /* of nothing the kernel's readv and writev make nothing, whatever read and write would */
		return error;
	return transfer(t, ofd, &span, writing, positioned ? t->arg[3] : NO_OFFSET);
}

static long sys_read(struct rt_thread *t) { return one(t, false, false); }
static long sys_write(struct rt_thread *t) { return one(t, true, false); }
static long sys_pread(struct rt_thread *t) { return one(t, false, true); }
static long sys_pwrite(struct rt_thread *t) { return one(t, true, true); }
static long sys_readv(struct rt_thread *t) { return many(t, false, false); }
static long sys_writev(struct rt_thread *t) { return many(t, true, false); }
static long sys_preadv(struct rt_thread *t) { return many(t, false, true); }
static long sys_pwritev(struct rt_thread *t) { return many(t, true, true); }

/* What does not hold for all that has a descriptor is not supported. RWF_NOWAIT of a regular file may read what the host has at hand. */
static long flags_allowed(const struct rt_thread *t, uint32_t known)
{
	static bool told;
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);

	if (!(ARG(5) & ~(uint64_t)known) && !(ofd && ofd->kind != RT_IO_FILE && ARG(5) & LX_RWF_NOWAIT))
		return 0;
	rt_log_once(&told, "a flag of preadv2 or pwritev2 is refused (EOPNOTSUPP), as of a file system that does not have it; use O_APPEND, O_NONBLOCK");
	return -EOPNOTSUPP;
}

/* Offset -1 means the file's own. */
static long sys_preadv2(struct rt_thread *t)
{
	long error = flags_allowed(t, LX_RWF_HIPRI | LX_RWF_DSYNC | LX_RWF_SYNC | LX_RWF_NOWAIT);

	return error ? error : many(t, false, t->arg[3] != -1);
}

static long sys_pwritev2(struct rt_thread *t)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	long error = flags_allowed(t, LX_RWF_HIPRI | LX_RWF_DSYNC | LX_RWF_SYNC), result;

	if (error)
		return error;
	result = many(t, true, t->arg[3] != -1);
	if (result > 0 && ofd && ofd->kind == RT_IO_FILE && ARG(5) & (LX_RWF_DSYNC | LX_RWF_SYNC)) {
		rt_ub_reset();
		error = rt_io_sync((uint32_t)t->arg[0], !(ARG(5) & LX_RWF_SYNC));
	}
	return error ? error : result;
}

/* ---- copies from descriptor to descriptor: the data need not come inside -------------------------------------------------- */

/* Without an offset it is the description's own, which the host must then have. */
static long offset_in(uint64_t app, struct rt_io_ofd *ofd, uint64_t *ret_ub)
{
	int64_t offset;

	*ret_ub = 0;
	if (!app)
		return rt_io_position_give(ofd);
	if (rt_app_get(&offset, app, sizeof offset))
		return -EFAULT;
	*ret_ub = rt_io_ub_copy(&offset, sizeof offset);
	return *ret_ub ? 0 : -ENOMEM;
}

/* A completed copy is reported even if the offset cannot be stored; the caller's address was good a moment ago. */
static long offset_out(uint64_t app, uint64_t ub, long result)
{
	if (app && result >= 0 && rt_ub_to_app(app, (void *)ub, sizeof(int64_t)))
		return -EFAULT;
	return result;
}

/* A trusted file's content goes out from where it was checked: as much of a block as the other side takes. `to`: where, or the
 * description's position. */
static long send_trusted(struct rt_thread *t, struct rt_io_ofd *out, struct rt_io_ofd *in, uint64_t app_offset, uint64_t size, int64_t to)
{
	int64_t offset = rt_io_position_get(in), taken;
	uint64_t ub;
	long some, put;

	if (app_offset && rt_app_get(&offset, app_offset, sizeof offset))
		return -EFAULT;
	if (offset < 0)
		return -EINVAL;
	some = rt_io_trusted_to_ub(in, offset, size, &ub);
	if (some <= 0)
		return some;
	put = host_rw(out, to == NO_OFFSET ? __NR_write : __NR_pwrite64, ub, (uint64_t)some, to == NO_OFFSET ? 0 : to);
	if (put == -EPIPE)
		rt_io_broken_pipe(t);
	if (put <= 0)
		return put;
	if (out->kind == RT_IO_FILE)
		rt_io_file_changed(out);
	offset += put;
	if (app_offset)
		return rt_app_put(app_offset, &offset, sizeof offset) ? -EFAULT : put;
	(void)rt_io_position_take(in, (uint64_t)put, &taken); /* it is ours, so there is one */
	return put;
}

/* ---- copies that an encrypted file is one side of: a piece of it, through memory of ours */

static long get_piece(struct rt_io_ofd *in, uint8_t *piece, uint64_t size, int64_t offset)
{
	uint64_t ub;
	long got;

	if (rt_io_vaulted(in))
		return rt_io_vault_get(in, piece, size, offset);
	rt_ub_reset();
	if (rt_io_trusted(in)) {
		got = rt_io_trusted_to_ub(in, offset, size, &ub);
	} else {
		ub = buffer(&size);
		got = ub ? host_rw(in, __NR_pread64, ub, size, offset) : -ENOMEM;
	}
	if (got > 0)
		rt_ub_get(piece, (void *)ub, (size_t)got);
	return got;
}

static long put_piece(struct rt_io_ofd *out, const uint8_t *piece, uint64_t size, int64_t offset)
{
	uint64_t ub;

	if (rt_io_vaulted(out))
		return rt_io_vault_set(out, piece, size, &offset);
	rt_ub_reset();
	ub = rt_io_ub_copy(piece, size);
	if (!ub)
		return -ENOMEM;
	return host_rw(out, offset == NO_OFFSET ? __NR_write : __NR_pwrite64, ub, size, offset == NO_OFFSET ? 0 : offset);
}

/* Where one side is, by the program's argument or the description's own. NO_OFFSET: it has none, or the host has it. */
static long place_of(struct rt_io_ofd *ofd, uint64_t app, int64_t *ret_offset)
{
	if (app)
		return rt_app_get(ret_offset, app, sizeof *ret_offset) ? -EFAULT : *ret_offset < 0 ? -EINVAL : 0;
	*ret_offset = ofd->kind == RT_IO_FILE ? rt_io_position_get(ofd) : NO_OFFSET;
	return ofd->kind == RT_IO_FILE && *ret_offset < 0 ? (long)*ret_offset : 0;
}

static long move_on(struct rt_io_ofd *ofd, uint64_t app, int64_t offset, long done)
{
	offset += done;
	if (app)
		return rt_app_put(app, &offset, sizeof offset) ? -EFAULT : 0;
	if (ofd->kind == RT_IO_FILE)
		(void)rt_io_position_seek(ofd, offset, LX_SEEK_SET); /* it was read or written there */
	return 0;
}

struct side { struct rt_io_ofd *ofd; uint64_t app; };

static long copy_vaulted(struct rt_thread *t, struct side in, struct side out, uint64_t size)
{
	int64_t from, to;
	uint8_t *piece;
	long done = place_of(in.ofd, in.app, &from), error;

	if (!done)
		done = place_of(out.ofd, out.app, &to);
	if (done)
		return done;
	if (from == NO_OFFSET || (out.ofd->host_fd < 0))
		return -EINVAL;
	piece = rt_vault_piece_take();
	done = get_piece(in.ofd, piece, size < RT_VAULT_PIECE ? size : RT_VAULT_PIECE, from);
	if (done > 0)
		done = put_piece(out.ofd, piece, (uint64_t)done, to);
	rt_vault_piece_give(piece);
	if (done == -EPIPE)
		rt_io_broken_pipe(t);
	if (done <= 0)
		return done;
	if (out.ofd->kind == RT_IO_FILE)
		rt_io_file_changed(out.ofd);
	error = move_on(in.ofd, in.app, from, done);
	if (!error)
		error = move_on(out.ofd, out.app, to, done);
	return error ? error : done;
}

/* Returns early when the socket is full, as Linux may: callers of sendfile loop. */
static long sys_sendfile(struct rt_thread *t)
{
	struct rt_io_ofd *out, *in;
	uint64_t ub, size = ARG(3) < 0x7ffff000 ? ARG(3) : 0x7ffff000;
	long error = get(ARG(0), true, &out), result;

	if (!error)
		error = get(ARG(1), false, &in);
	if (!error && (rt_io_vaulted(in) || rt_io_vaulted(out)))
		return copy_vaulted(t, (struct side){ in, ARG(2) }, (struct side){ out, 0 }, size);
	if (!error)
		error = rt_io_position_give(out);
	if (!error && rt_io_trusted(in))
		return out->host_fd < 0 ? -EINVAL : send_trusted(t, out, in, ARG(2), size, NO_OFFSET);
	if (!error)
		error = offset_in(ARG(2), in, &ub);
	if (error)
		return error;
	if (in->kind != RT_IO_FILE || out->host_fd < 0)
		return -EINVAL;
	result = rt_io_checked(may_block(out) ?
		rt_host_wait(__NR_sendfile, (uint64_t)out->host_fd, (uint64_t)in->host_fd, ub, size, 0, 0) :
		rt_host(__NR_sendfile, (uint64_t)out->host_fd, (uint64_t)in->host_fd, ub, size, 0, 0), size);
	if (result == -EPIPE)
		rt_io_broken_pipe(t);
	error = offset_out(ARG(2), ub, result);
	if (result > 0 && out->kind == RT_IO_FILE)
		rt_io_file_changed(out);
	return error;
}

static long copy_trusted(struct rt_thread *t, struct rt_io_ofd *out, struct rt_io_ofd *in, uint64_t size)
{
	int64_t to = NO_OFFSET;
	long error = 0, result;

	if (out->kind != RT_IO_FILE || ARG(5))
		return -EINVAL;
	if (!ARG(3))
		error = rt_io_position_give(out);
	else if (rt_app_get(&to, ARG(3), sizeof to))
		error = -EFAULT;
	else if (to < 0)
		error = -EINVAL;
	if (error)
		return error;
	result = send_trusted(t, out, in, ARG(1), size, to);
	to += result;
	return result > 0 && ARG(3) && rt_app_put(ARG(3), &to, sizeof to) ? -EFAULT : result;
}

static long sys_copy_file_range(struct rt_thread *t)
{
	struct rt_io_ofd *out, *in;
	uint64_t in_ub, out_ub = 0, size = ARG(4) < 0x7ffff000 ? ARG(4) : 0x7ffff000;
	long error = get(ARG(0), false, &in), result;

	if (!error)
		error = get(ARG(2), true, &out);
	if (!error && (rt_io_vaulted(in) || rt_io_vaulted(out)))
		return in->kind != RT_IO_FILE || out->kind != RT_IO_FILE || ARG(5) ? -EINVAL :
			copy_vaulted(t, (struct side){ in, ARG(1) }, (struct side){ out, ARG(3) }, size);
	if (!error && rt_io_trusted(in))
		return copy_trusted(t, out, in, size);
	if (!error)
		error = offset_in(ARG(1), in, &in_ub);
	if (!error)
		error = offset_in(ARG(3), out, &out_ub);
	if (error)
		return error;
	if (in->kind != RT_IO_FILE || out->kind != RT_IO_FILE || ARG(5))
		return -EINVAL;
	result = rt_io_checked(rt_host(__NR_copy_file_range, (uint64_t)in->host_fd, in_ub, (uint64_t)out->host_fd, out_ub, size, 0),
		size);
	error = offset_out(ARG(3), out_ub, offset_out(ARG(1), in_ub, result));
	if (result > 0)
		rt_io_file_changed(out);
	return error;
}

/* ---- splice and its kin: between descriptors of the host's ------------------------------------------------------------------ */

/* The host moves what lies in its own kernel; what is answered inside, or has content that is checked or encrypted here, is no pipe's or
 * file's for that. */
static bool may_splice(const struct rt_io_ofd *ofd)
{
	static bool told;

	if (rt_io_kept(ofd) || ofd->kind == RT_IO_MEMORY)
		rt_log_once(&told, "splice of what is kept inside (trusted, encrypted, memory files) is refused (EINVAL); read and write it");
	return ofd->host_fd >= 0 && (ofd->kind == RT_IO_PIPE || ofd->kind == RT_IO_SOCKET || (ofd->kind == RT_IO_FILE && !rt_io_kept(ofd)));
}

static long host_splice(struct rt_thread *t, const uint64_t arg[6], long nr, bool wait, uint64_t size)
{
	long result = rt_io_checked(wait ? rt_host_wait(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]) :
		rt_host(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]), size);

	if (result == -EPIPE)
		rt_io_broken_pipe(t);
	return result;
}

static long sys_splice(struct rt_thread *t)
{
	uint64_t in_ub = 0, out_ub = 0, size = ARG(4) < 0x7ffff000 ? ARG(4) : 0x7ffff000;
	struct rt_io_ofd *in, *out;
	long error, result;

	if (ARG(5) & ~(uint64_t)LX_SPLICE_F_ALL)
		return -EINVAL;
	if (!size)
		return 0;
	error = get(ARG(0), false, &in);
	if (!error)
		error = get(ARG(2), true, &out);
	if (error)
		return error;
	if (!may_splice(in) || !may_splice(out) || (in->kind != RT_IO_PIPE && out->kind != RT_IO_PIPE) || (out->kind == RT_IO_FILE && out->status & O_APPEND))
		return -EINVAL;
	if ((ARG(1) && in->kind != RT_IO_FILE) || (ARG(3) && out->kind != RT_IO_FILE))
		return -ESPIPE;
	error = offset_in(ARG(1), in, &in_ub);
	if (!error)
		error = offset_in(ARG(3), out, &out_ub);
	if (error)
		return error;
	result = host_splice(t, (const uint64_t[6]){ (uint64_t)in->host_fd, in_ub, (uint64_t)out->host_fd, out_ub, size, ARG(5) }, __NR_splice,
		may_block(in) || may_block(out), size);
	error = offset_out(ARG(3), out_ub, offset_out(ARG(1), in_ub, result));
	if (result > 0 && out->kind == RT_IO_FILE)
		rt_io_file_changed(out);
	return error;
}

static long sys_tee(struct rt_thread *t)
{
	uint64_t size = ARG(2) < 0x7ffff000 ? ARG(2) : 0x7ffff000;
	struct rt_io_ofd *in, *out;
	long error;

	if (ARG(3) & ~(uint64_t)LX_SPLICE_F_ALL)
		return -EINVAL;
	if (!size)
		return 0;
	error = get(ARG(0), false, &in);
	if (!error)
		error = get(ARG(1), true, &out);
	if (error)
		return error;
	if (in->kind != RT_IO_PIPE || out->kind != RT_IO_PIPE)
		return -EINVAL;
	return host_splice(t, (const uint64_t[6]){ (uint64_t)in->host_fd, (uint64_t)out->host_fd, size, ARG(3) }, __NR_tee,
		may_block(in) || may_block(out), size);
}

/* A pipe is written or read: pages of an enclave cannot be given to a kernel, so they are copied, which SPLICE_F_GIFT allows. */
static long sys_vmsplice(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);
	struct rt_io_span span;
	bool writing;
	long error;

	if (ARG(3) & ~(uint64_t)LX_SPLICE_F_ALL)
		return -EINVAL;
	if (!ofd || ofd->kind != RT_IO_PIPE)
		return -EBADF;
	writing = ofd->pipe.writer;
	error = rt_io_span_iov(&span, ARG(1), ARG(2));
	if (error || !span.total)
		return error;
	if (ARG(3) & LX_SPLICE_F_NONBLOCK && rt_io_blocking(ofd)) {
		if (!rt_io_host_ready(ofd, writing ? POLLOUT | POLLERR : POLLIN | POLLHUP))
			return -EAGAIN;
		if (writing && span.total > OM_PAGE_SIZE)
			span.total = OM_PAGE_SIZE;     /* for so much there is room in a pipe that can be written */
	}
	return transfer(t, ofd, &span, writing, NO_OFFSET);
}

const struct rt_syscall_entry rt_syscalls_rw[] = {
	{ __NR_splice, 0, sys_splice }, { __NR_tee, 0, sys_tee }, { __NR_vmsplice, 0, sys_vmsplice },
	{ __NR_read, 0, sys_read }, { __NR_write, 0, sys_write },
	{ __NR_readv, 0, sys_readv }, { __NR_writev, 0, sys_writev },
	{ __NR_pread64, 0, sys_pread }, { __NR_pwrite64, 0, sys_pwrite },
	{ __NR_preadv, 0, sys_preadv }, { __NR_pwritev, 0, sys_pwritev },
	{ __NR_preadv2, 0, sys_preadv2 }, { __NR_pwritev2, 0, sys_pwritev2 },
	{ __NR_sendfile, 0, sys_sendfile }, { __NR_copy_file_range, 0, sys_copy_file_range },
	{ 0, 0, NULL },
};
