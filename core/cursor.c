/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Two primitives, om_get_view() and om_put_room(), carry all bounds checks; the rest is byte order.
 * Invariant: start <= p <= end; after a failure p == end, so nothing can succeed any more.
 */
#include <string.h>
#include "cursor.h"

void om_get_init(struct om_get *c, const void *data, size_t size)
{
	static const uint8_t nothing[1];

	c->p = size ? data : nothing;
	c->end = c->p + size;
	c->error = 0;
}

void om_get_fail(struct om_get *c, int error)
{
	if (!c->error)
		c->error = error;
	c->p = c->end;
}

const uint8_t *om_get_view(struct om_get *c, size_t size)
{
	const uint8_t *here = c->p;

	if (c->error)
		return NULL;
	if (size > om_get_left(c)) {
		om_get_fail(c, OM_ETRUNCATED);
		return NULL;
	}
	c->p += size;
	return here;
}

static uint64_t get_number(struct om_get *c, unsigned size)
{
	const uint8_t *from = om_get_view(c, size);
	uint64_t value = 0;

	for (unsigned i = 0; from && i < size; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

uint8_t  om_get_u8(struct om_get *c)  { return (uint8_t)get_number(c, 1); }
uint16_t om_get_u16(struct om_get *c) { return (uint16_t)get_number(c, 2); }
uint32_t om_get_u32(struct om_get *c) { return (uint32_t)get_number(c, 4); }
uint64_t om_get_u64(struct om_get *c) { return get_number(c, 8); }

void om_get_bytes(struct om_get *c, void *to, size_t size)
{
	const uint8_t *from = om_get_view(c, size);

	if (from)
		memcpy(to, from, size);
	else if (size)
		memset(to, 0, size);
}

void om_get_skip(struct om_get *c, size_t size)
{
	(void)om_get_view(c, size); /* the failure sticks */
}

void om_get_zeros(struct om_get *c, size_t size)
{
	const uint8_t *from = om_get_view(c, size);
	uint8_t any = 0;

	for (size_t i = 0; from && i < size; i++)
		any |= from[i];
	if (any)
		om_get_fail(c, OM_EVERSION);
}

int om_get_end(const struct om_get *c)
{
	if (c->error)
		return c->error;
	return c->p == c->end ? 0 : OM_ETRAILING;
}

void om_put_init(struct om_put *c, void *buffer, size_t size)
{
	/* With no room any address will do; the cursor's own is never NULL. */
	c->p = c->start = size ? buffer : (uint8_t *)c;
	c->end = c->start + size;
	c->error = 0;
}

uint8_t *om_put_room(struct om_put *c, size_t size)
{
	uint8_t *here = c->p;

	if (c->error)
		return NULL;
	if (size > (size_t)(c->end - c->p)) {
		c->error = OM_EOVERFLOW;
		return NULL;
	}
	c->p += size;
	return here;
}

static void put_number(struct om_put *c, uint64_t value, unsigned size)
{
	uint8_t *to = om_put_room(c, size);

	for (unsigned i = 0; to && i < size; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

void om_put_u8(struct om_put *c, uint8_t value)   { put_number(c, value, 1); }
void om_put_u16(struct om_put *c, uint16_t value) { put_number(c, value, 2); }
void om_put_u32(struct om_put *c, uint32_t value) { put_number(c, value, 4); }
void om_put_u64(struct om_put *c, uint64_t value) { put_number(c, value, 8); }

void om_put_bytes(struct om_put *c, const void *from, size_t size)
{
	uint8_t *to = om_put_room(c, size);

	if (to && size)
		memcpy(to, from, size);
}

void om_put_zeros(struct om_put *c, size_t size)
{
	uint8_t *to = om_put_room(c, size);

	if (to)
		memset(to, 0, size);
}

int om_put_end(const struct om_put *c)
{
	return c->error;
}
