/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h. Pages without a mapping can be read, not written. A write by a descriptor makes them writable for as long as the write takes. An object
 * without mappings that outgrows its room moves to a larger one.
 *
 * The table is held across calls of the host, as mapped.c's is.
 */
#include "rt/internal.h"
#include "rt/libmem.h"
#include "rt/mapped.h"
#include "rt/mem.h"
#include "rt/object.h"

#define MAPPINGS_MAX 4096u
#define ROOM_MIN     16u               /* pages */

struct object {
	uint32_t refs, mappings, writable;     /* writable: mappings for writing, or 1: it is never mapped */
	uint64_t number, size;
	uint64_t first, count;                 /* pages; first 0: none yet */
};
struct mapping { uint32_t object; bool writable; uint64_t first, count; };
RT_RESIDENT static struct object objects[RT_OBJECTS_MAX];
RT_RESIDENT static struct mapping mappings[MAPPINGS_MAX];
RT_RESIDENT static uint32_t object_end, mapping_end;
RT_RESIDENT static uint64_t last_number;
RT_RESIDENT static _Atomic uint32_t holder;

static void hold(void)
{
	rt_hold(&holder);
}

static long let_go(long result)
{
	rt_let_go(&holder);
	return result;
}

/* ---- the table is held ---------------------------------------------------------------------------------------------------- */

static uint64_t at(const struct object *o, uint64_t offset)
{
	return rt_page_address(o->first) + offset;
}

static void drop(struct object *o)
{
	if (--o->refs == 0) {
		if (o->first)
			rt_mem_unmap(rt_page_address(o->first), o->count << 12);
		*o = (struct object){ 0 };
	}
}

/* What the mappings allow. */
static uint8_t protection(const struct object *o)
{
	return o->writable ? RT_PAGE_R | RT_PAGE_W : RT_PAGE_R;
}

static long copy_in(struct object *o, uint64_t offset, const void *trusted, size_t size)
{
	const uint64_t from = rt_page_index(at(o, offset)), pages = rt_page_index(at(o, offset + size - 1)) + 1 - from;
	long r;

	if (!o->writable)
		rt_mem_protect(from, pages, RT_PAGE_R | RT_PAGE_W);
	r = trusted ? rt_app_put(at(o, offset), trusted, size) : rt_app_zero(at(o, offset), size);
	if (!o->writable)
		rt_mem_protect(from, pages, RT_PAGE_R);
	return r;
}

/* To a place with more room; nothing is mapped. */
static long move(struct object *o, uint64_t count)
{
	struct object next = *o;
	uint8_t piece[1024];
	uint64_t address = rt_mem_map(count << 12, protection(o));
	long r = address ? 0 : -ENOMEM;

	if (r)
		return r;
	next.first = rt_page_index(address);
	next.count = count;
	for (uint64_t done = 0; r == 0 && done < o->size; done += sizeof piece) {
		const size_t some = o->size - done < sizeof piece ? o->size - done : sizeof piece;

		r = rt_app_get(piece, at(o, done), some);
		if (r == 0)
			r = copy_in(&next, done, piece, some);
	}
	if (o->first || r < 0)
		rt_mem_unmap(r < 0 ? address : rt_page_address(o->first), (r < 0 ? count : o->count) << 12);
	if (r == 0)
		*o = next;
	return r;
}

static long make_room(struct object *o, uint64_t size)
{
	const uint64_t pages = rt_page_up(size) >> 12, roomy = pages + pages / 4;

	if (size > rt_image->heap_size)
		return -EFBIG;
	if (pages <= o->count)
		return 0;
	if (o->first && rt_in_heap(rt_page_address(o->first + pages) - 1) && rt_mem_claim_at(o->first + o->count, pages - o->count, protection(o))) {
		o->count = pages;
		return 0;
	}
	if (o->mappings)
		return -ENOMEM;
	return move(o, roomy < ROOM_MIN ? ROOM_MIN : roomy) == 0 ? 0 : move(o, pages);
}

static long resize(struct object *o, uint64_t size)
{
	const uint64_t end = rt_page_up(size);
	long r = make_room(o, size);

	if (r)
		return r;
	/* What lies behind the new end reads as zero when it is there again. */
	if (size < o->size && size < end)
		r = copy_in(o, size, NULL, (o->size < end ? o->size : end) - size);
	if (r == 0 && size < o->size && end < rt_page_up(o->size))
		rt_mem_release(NULL, rt_page_index(at(o, end)), (rt_page_up(o->size) - end) >> 12, true);
	if (r == 0)
		o->size = size;
	return r;
}

static struct mapping *mapping_new(void)
{
	for (uint32_t i = 0; i < mapping_end; i++)
		if (!mappings[i].object)
			return &mappings[i];
	return mapping_end < MAPPINGS_MAX ? &mappings[mapping_end++] : NULL;
}

static long map(struct object *o, uint64_t first, uint64_t count, bool writable, uint64_t address)
{
	struct mapping *m;
	long r;

	/* Behind the end there is nothing, and no fault would say so. */
	if (first + count > rt_page_up(o->size) >> 12)
		return -ENOMEM;
	if (address && address != at(o, first << 12)) {
		rt_tell("a shared mapping at a second address is refused (ENOMEM): pages of an enclave are at one address");
		return -ENOMEM;
	}
	m = mapping_new();
	r = m ? 0 : -ENOMEM;
	if (r)
		return r;
	*m = (struct mapping){ (uint32_t)(o - objects) + 1, writable, o->first + first, count };
	o->refs++;
	o->mappings++;
	o->writable += writable;
	if (writable && o->writable == 1)
		rt_mem_protect(o->first, o->count, RT_PAGE_R | RT_PAGE_W);
	return (long)rt_page_address(m->first);
}

static void unmap(struct mapping *m)
{
	struct object *o = &objects[m->object - 1];
	const bool last_writer = m->writable && o->writable == 1;

	o->mappings--;
	o->writable -= m->writable;
	if (last_writer)
		rt_mem_protect(o->first, o->count, RT_PAGE_R);
	m->object = 0;
	drop(o);
}

/* ---- for others ------------------------------------------------------------------------------------------------------------- */

static uint32_t create(uint32_t writable)
{
	uint32_t place = 0;

	hold();
	while (place < object_end && objects[place].refs)
		place++;
	if (place < RT_OBJECTS_MAX) {
		objects[place] = (struct object){ .refs = 1, .writable = writable, .number = ++last_number };
		if (place == object_end)
			object_end++;
	}
	(void)let_go(0);
	return place < RT_OBJECTS_MAX ? place + 1 : 0;
}

uint32_t rt_object_new(void) { return create(0); }
uint32_t rt_object_new_unmapped(void) { return create(1); }

void rt_object_again(uint32_t object)
{
	hold();
	objects[object - 1].refs++;
	(void)let_go(0);
}

void rt_object_put(uint32_t object)
{
	hold();
	drop(&objects[object - 1]);
	(void)let_go(0);
}

uint64_t rt_object_number(uint32_t object) { return objects[object - 1].number; }
uint64_t rt_object_size(uint32_t object) { return __atomic_load_n(&objects[object - 1].size, __ATOMIC_RELAXED); }

uint32_t rt_object_writers(uint32_t object) { return objects[object - 1].writable; }

long rt_object_resize(uint32_t object, uint64_t size)
{
	hold();
	return let_go(resize(&objects[object - 1], size));
}

long rt_object_read(uint32_t object, uint64_t offset, void *trusted, size_t size)
{
	const struct object *o = &objects[object - 1];
	long r;

	hold();
	size = offset >= o->size ? 0 : o->size - offset < size ? o->size - offset : size;
	r = size ? rt_app_get(trusted, at(o, offset), size) : 0;
	return let_go(r < 0 ? r : (long)size);
}

long rt_object_write(uint32_t object, uint64_t *offset, const void *trusted, size_t size, bool append)
{
	struct object *o = &objects[object - 1];
	uint64_t end;
	long r;

	hold();
	if (append)
		*offset = o->size;
	r = __builtin_add_overflow(*offset, size, &end) ? -EFBIG : 0;
	if (r == 0 && end > o->size)
		r = resize(o, end);
	if (r == 0 && size)
		r = copy_in(o, *offset, trusted, size);
	return let_go(r < 0 ? r : (long)size);
}

long rt_object_map(uint32_t object, uint64_t first, uint64_t count, bool writable, uint64_t address)
{
	hold();
	return let_go(map(&objects[object - 1], first, count, writable, address));
}

long rt_object_given_up(uint64_t index, uint64_t count, bool unmap_it)
{
	if (RT_LIKELY(!__atomic_load_n(&object_end, __ATOMIC_ACQUIRE)))
		return 0;
	hold();
	for (uint32_t i = mapping_end; unmap_it && i-- > 0;)
		if (mappings[i].object && mappings[i].first == index && mappings[i].count == count) {
			unmap(&mappings[i]);
			return let_go(1);
		}
	for (uint32_t i = 0; i < object_end; i++)
		if (objects[i].refs && objects[i].first && objects[i].first < index + count && index < objects[i].first + objects[i].count)
			return let_go(-EINVAL);
	return let_go(0);
}
