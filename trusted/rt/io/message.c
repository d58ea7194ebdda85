/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send and receive.
 *
 * The application's buffers are gathered into one piece of the transfer buffer, so the host sees one iovec. Ancillary
 * data is checked record by record in both directions; descriptors cannot be passed, for there is no process that they
 * could be passed to within the enclave.
 *
 * What has to survive a stop between two host calls stands in syscall_scratch: what a blocking send has sent, or a receive with
 * MSG_WAITALL has got, how many messages of a *mmsg call are done, and when a socket's own timeout is over.
 */
#include "rt/io/io.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define DONE (t->syscall_scratch[RT_IO_SCRATCH_DONE])
#define MESSAGES_DONE (t->syscall_scratch[RT_IO_SCRATCH_MESSAGES])
#define DEADLINE (t->syscall_scratch[RT_IO_SCRATCH_DEADLINE])
#define CONTROL_MAX 2048u
#define DATAGRAM_MAX (1u << 20)

static long get(uint64_t fd, struct rt_io_ofd **ret_ofd)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	if (!ofd)
		return -EBADF;
	if (ofd->kind != RT_IO_SOCKET)
		return -ENOTSOCK;
	*ret_ofd = ofd;
	return 0;
}

/* One message on its way: what the host is told besides the data. Untrusted addresses, 0 for none. */
struct envelope {
	uint64_t name, name_size, name_size_ub;
	uint64_t control, control_size;
	uint32_t flags;
};

static long issue(struct rt_io_ofd *ofd, uint32_t flags, long nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	uint64_t host_fd = (uint64_t)ofd->host_fd;

	if (rt_io_blocking(ofd) && !(flags & LX_MSG_DONTWAIT))
		return rt_io_dead_error(ofd, rt_host_wait(nr, host_fd, a1, a2, a3, a4, a5));
	return rt_io_dead_error(ofd, rt_host(nr, host_fd, a1, a2, a3, a4, a5));
}

static uint64_t buffer(uint64_t *size)
{
	uint64_t left = rt_ub_left();

	if (*size > left)
		*size = left & ~63ULL;
	return rt_io_ub_space(*size ? *size : 1);
}

/* ---- ancillary data ------------------------------------------------------------------------------------------------------ */

/* Walks the records. 0, -EINVAL for a malformed list, or -EOPNOTSUPP if descriptors are passed. */
static long control_check(const uint8_t *bytes, uint64_t size)
{
	while (size >= sizeof(struct lx_cmsghdr)) {
		struct lx_cmsghdr head;
		uint64_t step;

		memcpy(&head, bytes, sizeof head);
		if (head.length < sizeof head || head.length > size)
			return -EINVAL;
		if (head.level == SOL_SOCKET && head.type == LX_SCM_RIGHTS)
			return -EOPNOTSUPP;
		step = (head.length + 7) & ~7ULL;
		if (step >= size)
			break;
		bytes += step;
		size -= step;
	}
	return 0;
}

static void close_passed(const uint8_t *bytes, uint64_t size)
{
	struct lx_cmsghdr head;

	while (size >= sizeof head) {
		uint64_t step;

		memcpy(&head, bytes, sizeof head);
		for (uint64_t at = sizeof head; head.level == SOL_SOCKET && head.type == LX_SCM_RIGHTS && at + 4 <= head.length; at += 4) {
			int32_t host_fd;

			memcpy(&host_fd, bytes + at, 4);
			rt_io_host_close(host_fd);
		}
		step = (head.length + 7) & ~7ULL;
		if (step >= size)
			break;
		bytes += step;
		size -= step;
	}
}

/* ---- sending ----------------------------------------------------------------------------------------------------------------- */

static long send_once(struct rt_io_ofd *ofd, const struct envelope *e, uint64_t ub, uint64_t size)
{
	uint32_t flags = e->flags | LX_MSG_NOSIGNAL;
	struct lx_iovec iov = { ub, size };
	struct lx_msghdr header = { .name = e->name, .name_size = (uint32_t)e->name_size, .iov_count = 1, .control = e->control,
		.control_size = e->control_size };
	uint64_t header_ub;

	if (!e->control)
		return rt_io_checked(issue(ofd, flags, __NR_sendto, ub, size, flags, e->name, e->name_size), size);
	header.iov = rt_io_ub_copy(&iov, sizeof iov);
	header_ub = rt_io_ub_copy(&header, sizeof header);
	if (!header.iov || !header_ub)
		return -ENOMEM;
	return rt_io_checked(issue(ofd, flags, __NR_sendmsg, header_ub, flags, 0, 0, 0), size);
}

static long send_span(struct rt_thread *t, struct rt_io_ofd *ofd, const struct envelope *e, struct rt_io_span *span)
{
	bool stream = ofd->socket.type == LX_SOCK_STREAM, wait = rt_io_blocking(ofd) && !(e->flags & LX_MSG_DONTWAIT);
	uint64_t chunk, ub;
	long waited;

	if (e->flags & (LX_MSG_ZEROCOPY | LX_MSG_FASTOPEN))
		return -EOPNOTSUPP;
	if (DONE && rt_io_span_skip(span, DONE))
		return (long)DONE;
	waited = wait ? rt_io_wait_again(t, ofd, true) : 0;
	if (waited)
		return DONE ? (long)DONE : waited;
	/* Leave room for the header of sendmsg behind the data. */
	chunk = span->total < rt_ub_left() - 256 ? span->total : rt_ub_left() - 256;
	if (chunk < span->total && !stream)
		return -EMSGSIZE;
	ub = buffer(&chunk);
	do {
		struct rt_io_span start = *span;
		uint64_t some = span->total < chunk ? span->total : chunk;
		long put;

		if (rt_io_span_to_ub(span, ub, some))
			return DONE ? (long)DONE : -EFAULT;
		put = send_once(ofd, e, ub, some);
		if (put == -EPIPE && !DONE && !(e->flags & LX_MSG_NOSIGNAL))
			rt_io_broken_pipe(t);
		if (put < 0)
			return DONE ? (long)DONE : put;
		DONE += (uint64_t)put;
		if ((uint64_t)put < some) {
			if (!stream || !wait || !put)
				break;
			*span = start;
			if (rt_io_span_skip(span, (uint64_t)put))
				break;
		}
	} while (span->total);
	return (long)DONE;
}

/* The name and its bytes in the transfer buffer. */
static long name_in(struct envelope *e, uint64_t app, uint64_t size)
{
	uint8_t address[LX_SOCKADDR_MAX];
	uint32_t real;
	long error;

	if (!app || !size)
		return 0;
	error = rt_io_sockaddr_in(app, size, address, &real);
	if (error)
		return error;
	e->name = rt_io_ub_copy(address, sizeof address);
	e->name_size = real;
	return e->name ? 0 : -ENOMEM;
}

long rt_io_sendto(struct rt_thread *t)
{
	struct envelope e = { .flags = (uint32_t)t->arg[3] };
	struct rt_io_ofd *ofd;
	struct rt_io_span span;
	long error = get(ARG(0), &ofd);

	if (!error)
		error = name_in(&e, ARG(4), (uint32_t)t->arg[5]);
	if (error)
		return error;
	rt_io_span_one(&span, ARG(1), ARG(2) < 0x7ffff000 ? ARG(2) : 0x7ffff000);
	return send_span(t, ofd, &e, &span);
}

static long control_in(struct envelope *e, const struct lx_msghdr *header)
{
	uint8_t bytes[CONTROL_MAX];
	long error;

	if (!header->control || !header->control_size)
		return 0;
	if (header->control_size > sizeof bytes)
		return -ENOBUFS;
	if (rt_app_get(bytes, header->control, header->control_size))
		return -EFAULT;
	error = control_check(bytes, header->control_size);
	if (error)
		return error;
	e->control = rt_io_ub_copy(bytes, header->control_size);
	e->control_size = header->control_size;
	return e->control ? 0 : -ENOMEM;
}

static long send_message(struct rt_thread *t, struct rt_io_ofd *ofd, uint64_t app, uint32_t flags)
{
	struct envelope e = { .flags = flags };
	struct lx_msghdr header;
	struct rt_io_span span;
	long error;

	if (rt_app_get(&header, app, sizeof header))
		return -EFAULT;
	error = name_in(&e, header.name, header.name_size);
	if (!error)
		error = control_in(&e, &header);
	if (!error)
		error = rt_io_span_iov(&span, header.iov, header.iov_count);
	return error ? error : send_span(t, ofd, &e, &span);
}

long rt_io_sendmsg(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	long error = get(ARG(0), &ofd);

	return error ? error : send_message(t, ofd, ARG(1), (uint32_t)t->arg[2]);
}

long rt_io_sendmmsg(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	uint64_t count = (uint32_t)t->arg[2] < LX_IOV_MAX ? (uint32_t)t->arg[2] : LX_IOV_MAX;
	long result = get(ARG(0), &ofd);

	if (result)
		return result;
	while (MESSAGES_DONE < count) {
		uint64_t app = ARG(1) + MESSAGES_DONE * sizeof(struct lx_mmsghdr);
		uint32_t length;

		rt_ub_reset();
		result = send_message(t, ofd, app, (uint32_t)t->arg[3]);
		if (result < 0)
			return MESSAGES_DONE ? (long)MESSAGES_DONE : result;
		length = (uint32_t)result;
		MESSAGES_DONE++;
		DONE = DEADLINE = 0;
		if (rt_app_put(app + offsetof(struct lx_mmsghdr, length), &length, sizeof length))
			return -EFAULT;
	}
	return (long)MESSAGES_DONE;
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------------- */

/* What a receive returned besides data; valid after success. */
struct receipt { struct lx_msghdr header; };

static long receive_once(struct rt_io_ofd *ofd, const struct envelope *e, uint64_t ub, uint64_t size, struct receipt *receipt)
{
	struct lx_iovec iov = { ub, size };
	struct lx_msghdr header = { .name = e->name, .name_size = (uint32_t)e->name_size, .iov_count = 1, .control = e->control,
		.control_size = e->control_size };
	uint64_t header_ub;
	long result;

	if (!receipt)
		return issue(ofd, e->flags, __NR_recvfrom, ub, size, e->flags, e->name, e->name_size_ub);
	header.iov = rt_io_ub_copy(&iov, sizeof iov);
	header_ub = rt_io_ub_copy(&header, sizeof header);
	if (!header.iov || !header_ub)
		return -ENOMEM;
	result = issue(ofd, e->flags, __NR_recvmsg, header_ub, e->flags, 0, 0, 0);
	if (result >= 0) {
		rt_ub_get(&receipt->header, (void *)header_ub, sizeof header);
		if (receipt->header.name_size > LX_SOCKADDR_MAX || receipt->header.control_size > e->control_size)
			rt_fatal(OM_EHOST, "host returned an impossible message header");
	}
	return result;
}

/* With MSG_TRUNC a datagram's real length is reported, and a stream's bytes are thrown away uncopied. */
static long deliver(struct rt_io_ofd *ofd, uint32_t flags, struct rt_io_span *span, uint64_t ub, long got, uint64_t asked)
{
	uint64_t copy = (uint64_t)got;

	if (flags & LX_MSG_TRUNC && ofd->socket.type != LX_SOCK_STREAM) {
		copy = copy < asked ? copy : asked;
		(void)rt_io_checked(got, DATAGRAM_MAX);
	} else {
		(void)rt_io_checked(got, asked);
		if (flags & LX_MSG_TRUNC)
			return rt_io_span_skip(span, copy) ? -EFAULT : got;
	}
	return rt_io_span_from_ub(span, ub, copy) ? -EFAULT : got;
}

static long receive_span(struct rt_thread *t, struct rt_io_ofd *ofd, const struct envelope *e, struct rt_io_span *span,
	struct receipt *receipt)
{
	bool all = e->flags & LX_MSG_WAITALL && ofd->socket.type == LX_SOCK_STREAM && !(e->flags & LX_MSG_PEEK);
	uint64_t chunk, ub;
	long waited;

	if (DONE && rt_io_span_skip(span, DONE))
		return (long)DONE;
	waited = e->flags & LX_MSG_DONTWAIT ? 0 : rt_io_wait_again(t, ofd, false);
	if (waited)
		return DONE ? (long)DONE : waited;
	chunk = span->total < rt_ub_left() - 256 ? span->total : rt_ub_left() - 256;
	ub = buffer(&chunk);
	for (;;) {
		uint64_t some = span->total < chunk ? span->total : chunk;
		long got = receive_once(ofd, e, ub, some, receipt);

		if (got <= 0)
			return DONE ? (long)DONE : got;
		got = deliver(ofd, e->flags, span, ub, got, some);
		if (got < 0)
			return DONE ? (long)DONE : got;
		DONE += (uint64_t)got;
		if (!all || !span->total)
			return (long)DONE;
	}
}

static long name_space(struct envelope *e)
{
	uint32_t size = LX_SOCKADDR_MAX;

	e->name = rt_io_ub_space(LX_SOCKADDR_MAX);
	e->name_size = size;
	e->name_size_ub = rt_io_ub_copy(&size, sizeof size);
	return e->name && e->name_size_ub ? 0 : -ENOMEM;
}

long rt_io_recvfrom(struct rt_thread *t)
{
	struct envelope e = { .flags = (uint32_t)t->arg[3] };
	struct rt_io_ofd *ofd;
	struct rt_io_span span;
	long result = get(ARG(0), &ofd), error;

	if (!result && ARG(4))
		result = name_space(&e);
	if (result)
		return result;
	if (!rt_app_range_ok(ARG(1), ARG(2) < 4096 ? ARG(2) : 4096, true))
		return -EFAULT;
	rt_io_span_one(&span, ARG(1), ARG(2) < 0x7ffff000 ? ARG(2) : 0x7ffff000);
	result = receive_span(t, ofd, &e, &span, NULL);
	if (result < 0 || !ARG(4))
		return result;
	error = rt_io_sockaddr_out(ARG(4), ARG(5), e.name, e.name_size_ub);
	return error ? error : result;
}

static long control_out(struct lx_msghdr *app_header, const struct envelope *e, struct receipt *receipt)
{
	uint8_t bytes[CONTROL_MAX];
	uint64_t size = receipt->header.control_size;
	long checked;

	if (!e->control)
		size = 0;
	if (size) {
		rt_ub_get(bytes, (void *)e->control, size);
		checked = control_check(bytes, size);
		if (checked == -EINVAL)
			rt_fatal(OM_EHOST, "host returned malformed ancillary data");
		if (checked == -EOPNOTSUPP) {
			close_passed(bytes, size);
			receipt->header.flags |= LX_MSG_CTRUNC;
			size = 0;
		}
	}
	if (size && rt_app_put(app_header->control, bytes, size))
		return -EFAULT;
	app_header->control_size = size;
	return 0;
}

static long receive_message(struct rt_thread *t, struct rt_io_ofd *ofd, uint64_t app, uint32_t flags)
{
	struct envelope e = { .flags = flags };
	struct lx_msghdr header;
	struct receipt receipt = { .header = { .flags = 0 } };
	struct rt_io_span span;
	uint64_t room;
	long result;

	if (rt_app_get(&header, app, sizeof header))
		return -EFAULT;
	result = rt_io_span_iov(&span, header.iov, header.iov_count);
	if (!result && header.name)
		result = name_space(&e);
	if (result)
		return result;
	if (header.control && header.control_size) {
		e.control_size = header.control_size < CONTROL_MAX ? header.control_size : CONTROL_MAX;
		e.control = rt_io_ub_space(e.control_size);
		if (!e.control)
			return -ENOMEM;
	}
	result = receive_span(t, ofd, &e, &span, &receipt);
	if (result < 0)
		return result;
	if (control_out(&header, &e, &receipt))
		return -EFAULT;
	if (header.name) {
		room = header.name_size < receipt.header.name_size ? header.name_size : receipt.header.name_size;
		if (room && rt_ub_to_app(header.name, (void *)e.name, room))
			return -EFAULT;
		header.name_size = receipt.header.name_size;
	}
	header.flags = receipt.header.flags & ~(int32_t)LX_MSG_CMSG_CLOEXEC;
	return rt_app_put(app, &header, sizeof header) ? -EFAULT : result;
}

long rt_io_recvmsg(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	long error = get(ARG(0), &ofd);

	return error ? error : receive_message(t, ofd, ARG(1), (uint32_t)t->arg[2]);
}

/* The timeout is looked at after each message, as Linux does. */
long rt_io_recvmmsg(struct rt_thread *t)
{
	struct rt_io_ofd *ofd;
	struct lx_timespec timeout;
	uint64_t count = (uint32_t)t->arg[2] < LX_IOV_MAX ? (uint32_t)t->arg[2] : LX_IOV_MAX;
	uint32_t flags = (uint32_t)t->arg[3];
	long result = get(ARG(0), &ofd);

	if (result)
		return result;
	if (ARG(4) && !t->deadline_ns) {
		int64_t ns;

		if (rt_app_get(&timeout, ARG(4), sizeof timeout))
			return -EFAULT;
		if (rt_io_timeout_ns(&timeout, &ns))
			return -EINVAL;
		if (__builtin_add_overflow(rt_monotonic_ns(), ns, &t->deadline_ns))
			t->deadline_ns = INT64_MAX;
	}
	while (MESSAGES_DONE < count) {
		uint64_t app = ARG(1) + MESSAGES_DONE * sizeof(struct lx_mmsghdr);
		uint32_t length;

		rt_ub_reset();
		if (MESSAGES_DONE && flags & LX_MSG_WAITFORONE)
			flags |= LX_MSG_DONTWAIT;
		result = receive_message(t, ofd, app, flags & ~(uint32_t)LX_MSG_WAITFORONE);
		if (result < 0)
			return MESSAGES_DONE ? (long)MESSAGES_DONE : result;
		length = (uint32_t)result;
		MESSAGES_DONE++;
		DONE = DEADLINE = 0;
		if (rt_app_put(app + offsetof(struct lx_mmsghdr, length), &length, sizeof length))
			return -EFAULT;
		if (ARG(4) && rt_monotonic_ns() >= t->deadline_ns)
			break;
	}
	return (long)MESSAGES_DONE;
}
