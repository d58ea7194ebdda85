/* SPDX-License-Identifier: Apache-2.0 */
/* messages.h. */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/messages.h"
#include "rt/object.h"

#define KEPT 65536u                    /* bytes of an empty row that are not given back */

struct header { uint64_t key, size; };

static uint64_t room_for(uint64_t size)
{
	return sizeof(struct header) + ((size + 15) & ~15ULL);
}

/* Bytes of the row to another place in it, which may overlap. The room is there already. */
static long shift(const struct rt_messages *row, uint64_t to, uint64_t from, uint64_t size)
{
	uint8_t piece[1024];
	uint64_t done = 0;
	long r = 0;

	while (r >= 0 && done < size) {
		const uint64_t some = size - done < sizeof piece ? size - done : sizeof piece, at = to < from ? done : size - done - some;
		uint64_t place = to + at;

		r = rt_object_read(row->object, from + at, piece, some);
		if (r >= 0)
			r = rt_object_write(row->object, &place, piece, some, false);
		done += some;
	}
	return r < 0 ? r : 0;
}

static long put_in(const struct rt_messages *row, uint64_t at, uint64_t key, uint64_t app, uint64_t size)
{
	const struct header header = { key, size };
	uint64_t place = at;
	uint8_t piece[1024];
	long r = rt_object_write(row->object, &place, &header, sizeof header, false);

	for (uint64_t done = 0; r >= 0 && done < size; done += sizeof piece) {
		const uint64_t some = size - done < sizeof piece ? size - done : sizeof piece;

		r = rt_app_get(piece, app + done, some);
		place = at + sizeof header + done;
		if (r >= 0)
			r = rt_object_write(row->object, &place, piece, some, false);
	}
	return r < 0 ? r : 0;
}

/* What was taken in front is closed up, where that is less work than it was to fill it. */
static void close_up(struct rt_messages *row)
{
	const uint64_t left = row->end - row->first;

	if (row->first <= left || shift(row, 0, row->first, left))
		return;
	row->first = 0;
	row->end = left;
}

bool rt_messages_next(const struct rt_messages *row, struct rt_message *message)
{
	const uint64_t at = message->at ? message->at + room_for(message->size) : row->first + sizeof(struct header);
	struct header header;

	/* at: of the content, so that it is never 0. */
	if (!row->count || at > row->end || rt_object_read(row->object, at - sizeof header, &header, sizeof header) != sizeof header)
		return false;
	*message = (struct rt_message){ header.key, header.size, at };
	return true;
}

long rt_messages_add(struct rt_messages *row, const struct rt_message *before, uint64_t key, uint64_t app, size_t size)
{
	const uint64_t room = room_for(size), at = before ? before->at - sizeof(struct header) : row->end, tail = row->end - at;
	long r;

	if (!row->object && !(row->object = rt_object_new_unmapped()))
		return -ENOMEM;
	/* Where others are in its place it is made behind them first: nothing moves before all is there. */
	r = rt_object_size(row->object) < row->end + 2 * room ? rt_object_resize(row->object, row->end + 2 * room) : 0;
	if (!r)
		r = put_in(row, tail ? row->end + room : at, key, app, size);
	if (!r && tail) {
		r = shift(row, at + room, at, tail);
		if (!r)
			r = shift(row, at, row->end + room, room);
		RT_CHECK(!r);          /* pages that are there */
	}
	if (r)
		return r == -EFBIG ? -ENOMEM : r;
	row->end += room;
	row->count++;
	row->bytes += size;
	close_up(row);
	return 0;
}

long rt_messages_get(const struct rt_messages *row, const struct rt_message *message, uint64_t app, size_t size)
{
	uint8_t piece[1024];
	long r = 0;

	if (size > message->size)
		size = message->size;
	for (uint64_t done = 0; r >= 0 && done < size; done += sizeof piece) {
		const uint64_t some = size - done < sizeof piece ? size - done : sizeof piece;

		r = rt_object_read(row->object, message->at + done, piece, some);
		if (r >= 0)
			r = rt_app_put(app + done, piece, some);
	}
	return r < 0 ? r : (long)size;
}

void rt_messages_remove(struct rt_messages *row, const struct rt_message *message)
{
	const uint64_t room = room_for(message->size), at = message->at - sizeof(struct header);

	if (at == row->first) {
		row->first += room;
	} else {
		RT_CHECK(!shift(row, at, at + room, row->end - at - room));
		row->end -= room;
	}
	row->bytes -= message->size;
	if (--row->count)
		return;
	row->first = row->end = 0;
	if (rt_object_size(row->object) > KEPT)
		(void)rt_object_resize(row->object, 0);        /* else it stays as large as it was */
}

void rt_messages_end(struct rt_messages *row)
{
	if (row->object)
		rt_object_put(row->object);
	*row = (struct rt_messages){ 0 };
}
