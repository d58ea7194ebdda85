/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of application buffers, consumed from its front: what read, readv, recvmsg and their kin have in common.
 * The application's struct iovec array is read element by element as the cursor reaches it. A program that changes
 * the array meanwhile only harms itself: every access is checked where it happens, and `total` bounds them all.
 */
#include "rt/io/io.h"

void rt_io_span_one(struct rt_io_span *span, uint64_t base, uint64_t size)
{
	*span = (struct rt_io_span){ .base = base, .size = size, .total = size };
}

long rt_io_span_iov(struct rt_io_span *span, uint64_t iov, uint64_t count)
{
	struct lx_iovec batch[RT_IO_SPAN_BATCH];
	uint64_t total = 0;

	if (count > LX_IOV_MAX)
		return -EINVAL;
	for (uint64_t done = 0; done < count;) {
		uint64_t some = count - done < RT_IO_SPAN_BATCH ? count - done : RT_IO_SPAN_BATCH;

		if (rt_app_get(batch, iov + done * sizeof *batch, some * sizeof *batch))
			return -EFAULT;
		for (uint64_t i = 0; i < some; i++)
			if (__builtin_add_overflow(total, batch[i].size, &total) || total > INT64_MAX)
				return -EINVAL;
		done += some;
	}
	*span = (struct rt_io_span){ .next = iov, .count = (uint32_t)count, .total = total };
	return 0;
}

/* Makes the present element non-empty; the caller knows that total > 0. */
static long advance(struct rt_io_span *span)
{
	struct lx_iovec element;

	while (!span->size) {
		if (!span->count || rt_app_get(&element, span->next, sizeof element))
			return -EFAULT;
		span->base = element.base;
		span->size = element.size;
		span->next += sizeof element;
		span->count--;
	}
	return 0;
}

long rt_io_span_front(struct rt_io_span *span, uint64_t *ret_base, uint64_t *ret_size)
{
	const long error = span->total ? advance(span) : -EFAULT;

	if (error)
		return error;
	*ret_base = span->base;
	*ret_size = span->size < span->total ? span->size : span->total;
	return 0;
}

/* The bulk copies want 8-byte aligned untrusted addresses. The bytes before alignment take a bounce. */
static long to_ub(uint64_t untrusted, uint64_t app, uint64_t size)
{
	uint64_t head = -untrusted & 7;
	uint8_t bounce[8];

	if (head > size)
		head = size;
	if (head) {
		if (rt_app_get(bounce, app, head))
			return -EFAULT;
		rt_ub_put((void *)untrusted, bounce, head);
	}
	return head == size ? 0 : rt_app_to_ub((void *)(untrusted + head), app + head, size - head);
}

static long from_ub(uint64_t untrusted, uint64_t app, uint64_t size)
{
	uint64_t head = -untrusted & 7;
	uint8_t bounce[8];

	if (head > size)
		head = size;
	if (head) {
		rt_ub_get(bounce, (const void *)untrusted, head);
		if (rt_app_put(app, bounce, head))
			return -EFAULT;
	}
	return head == size ? 0 : rt_ub_to_app(app + head, (const void *)(untrusted + head), size - head);
}

enum direction { SKIP, TO_UB, FROM_UB, FROM_TRUSTED, TO_TRUSTED };

static long walk(struct rt_io_span *span, enum direction direction, uint64_t other, uint64_t size)
{
	if (size > span->total)
		return -EFAULT;
	while (size) {
		uint64_t some;
		long error = advance(span);

		if (error)
			return error;
		some = span->size < size ? span->size : size;
		switch (direction) {
		case SKIP:         break;
		case TO_UB:        error = to_ub(other, span->base, some); break;
		case FROM_UB:      error = from_ub(other, span->base, some); break;
		case FROM_TRUSTED: error = rt_app_put(span->base, (const void *)other, some); break;
		case TO_TRUSTED:   error = rt_app_get((void *)other, span->base, some); break;
		}
		if (error)
			return error;
		other += some;
		size -= some;
		span->base += some;
		span->size -= some;
		span->total -= some;
	}
	return 0;
}

long rt_io_span_skip(struct rt_io_span *span, uint64_t size) { return walk(span, SKIP, 0, size); }
long rt_io_span_to_ub(struct rt_io_span *span, uint64_t untrusted, uint64_t size) { return walk(span, TO_UB, untrusted, size); }
long rt_io_span_from_ub(struct rt_io_span *span, uint64_t untrusted, uint64_t size) { return walk(span, FROM_UB, untrusted, size); }
long rt_io_span_put(struct rt_io_span *span, const void *trusted, uint64_t size)
{
	return walk(span, FROM_TRUSTED, (uint64_t)trusted, size);
}
long rt_io_span_get(struct rt_io_span *span, void *trusted, uint64_t size)
{
	return walk(span, TO_TRUSTED, (uint64_t)trusted, size);
}

uint64_t rt_io_ub_space(size_t size)
{
	return (uint64_t)rt_ub_alloc(size);
}

uint64_t rt_io_ub_copy(const void *trusted, size_t size)
{
	RT_UNTRUSTED void *untrusted = rt_ub_alloc(size);

	if (untrusted)
		rt_ub_put(untrusted, trusted, size);
	return (uint64_t)untrusted;
}
