/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of roots: records in the order in which their names came, found through chains. Half of its SHA-256 stands for a name, so
 * that every record has 64 bytes. The table grows from its low end, and what lies above is never touched or sent.
 */
#include "rt/io/io.h"
#include "rt/io/roots.h"
#include "rt/libmem.h"

#define CHAINS 4096u

struct record {
	uint8_t  name[16];
	struct om_vault_root root;
	uint32_t state;
	uint32_t next;
};
static_assert(sizeof(struct record) == 64, "it is exported as it is");

static RT_RESIDENT struct record records[RT_ROOTS_MAX];
static RT_RESIDENT uint32_t chains[CHAINS];
static RT_RESIDENT uint32_t count;               /* records in use; numbers are 1 + index */

static uint32_t *chain_of(const uint8_t name[16])
{
	return &chains[(name[0] | (uint32_t)name[1] << 8) % CHAINS];
}

static uint32_t lookup(const uint8_t name[16])
{
	uint32_t number = *chain_of(name);

	while (number && memcmp(records[number - 1].name, name, 16) != 0)
		number = records[number - 1].next;
	return number;
}

static uint32_t append(const uint8_t name[16])
{
	struct record *r = &records[count];

	if (count == RT_ROOTS_MAX)
		return 0;
	memset(r, 0, sizeof *r);
	memcpy(r->name, name, 16);
	r->next = *chain_of(name);
	*chain_of(name) = ++count;
	return count;
}

uint32_t rt_roots_find(const char *name, bool add)
{
	uint8_t hash[OM_SHA256_SIZE];
	uint32_t number;

	om_sha256(name, strlen(name), hash);
	rt_io_lock();
	number = lookup(hash);
	if (!number && add)
		number = append(hash);
	rt_io_unlock();
	return number;
}

enum rt_root_state rt_roots_get(uint32_t number, struct om_vault_root *ret_root)
{
	enum rt_root_state state = RT_ROOT_ABSENT;

	if (!number)
		return state;
	rt_io_lock();
	state = (enum rt_root_state)records[number - 1].state;
	*ret_root = records[number - 1].root;
	rt_io_unlock();
	return state;
}

void rt_roots_set(uint32_t number, enum rt_root_state state, const struct om_vault_root *root)
{
	if (!number)
		return;
	rt_io_lock();
	records[number - 1].state = state;
	records[number - 1].root = root ? *root : (struct om_vault_root){ .transaction = 0 };
	rt_io_unlock();
}

/* ---- for another enclave ------------------------------------------------------------------------------------------------ */

long rt_vault_export(void *to, size_t room)
{
	const size_t size = (size_t)count * sizeof *records;

	if (!to)
		return (long)size;
	if (size > room)
		return -ENOSPC;
	memcpy(to, records, size);
	for (uint32_t i = 0; i < count; i++)             /* of no meaning elsewhere */
		memset((uint8_t *)to + i * sizeof *records + offsetof(struct record, next), 0, sizeof records->next);
	return (long)size;
}

static bool plausible(const struct record *r)
{
	static const struct om_vault_root none = { .transaction = 0 };

	return !r->next && r->state <= RT_ROOT_REMOVED && (r->state == RT_ROOT_KNOWN || !memcmp(&r->root, &none, sizeof none));
}

long rt_vault_import_check(const void *from, size_t size)
{
	struct record r;

	if (count)
		return -EBUSY;
	if (size % sizeof r || size / sizeof r > RT_ROOTS_MAX)
		return -EINVAL;
	for (size_t at = 0; at < size; at += sizeof r) {
		memcpy(&r, (const uint8_t *)from + at, sizeof r);
		if (!plausible(&r))
			return -EINVAL;
	}
	return 0;
}

/* Names are judged as they come: one that is there twice shows when it is looked up. */
long rt_vault_import(const void *from, size_t size)
{
	const long error = rt_vault_import_check(from, size);
	struct record r;

	if (error)
		return error;
	for (size_t at = 0; at < size; at += sizeof r) {
		uint32_t number;

		memcpy(&r, (const uint8_t *)from + at, sizeof r);
		rt_io_lock();
		number = lookup(r.name);
		number = number ? number : append(r.name);
		rt_io_unlock();
		rt_roots_set(number, (enum rt_root_state)r.state, r.state == RT_ROOT_KNOWN ? &r.root : NULL);
	}
	return 0;
}
