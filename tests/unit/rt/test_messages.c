/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of messages (trusted/rt/messages.c) against a list that is simpler, with pretended objects: messages of all sizes are added anywhere and
 * taken from anywhere, and now and then the program's memory is not there, or there is no room. The row is the list's, always.
 */
#include "../unit.h"
#include "rt/internal.h"
#include "rt/messages.h"
#include "rt/object.h"

enum { ROOM = 1 << 20, LIST = 400, LARGEST = 5000 };

static uint8_t object[ROOM], memory[LARGEST];  /* memory: what the program has at address 1 and so on */
static uint64_t object_size;
static uint32_t objects;
static bool no_room, no_memory;

_Noreturn void rt_fatal(int error, const char *words)
{
	(void)error;
	fail_msg("%s", words);
	abort();
}

uint32_t rt_object_new_unmapped(void) { return ++objects; }
void rt_object_put(uint32_t o) { assert_int_equal(o, objects); objects--; object_size = 0; }
uint64_t rt_object_size(uint32_t o) { assert_int_equal(o, 1); return object_size; }

long rt_object_resize(uint32_t o, uint64_t size)
{
	assert_int_equal(o, 1);
	assert_true(size <= ROOM);
	if (no_room && size > object_size)
		return -ENOMEM;
	if (size < object_size)
		memset(object + size, 0xee, object_size - size);
	object_size = size;
	return 0;
}

long rt_object_read(uint32_t o, uint64_t offset, void *trusted, size_t size)
{
	assert_int_equal(o, 1);
	size = offset >= object_size ? 0 : object_size - offset < size ? object_size - offset : size;
	memcpy(trusted, object + offset, size);
	return (long)size;
}

long rt_object_write(uint32_t o, uint64_t *offset, const void *trusted, size_t size, bool append)
{
	assert_int_equal(o, 1);
	assert_false(append);
	assert_true(*offset + size <= object_size);    /* room was made before */
	memcpy(object + *offset, trusted, size);
	return (long)size;
}

long rt_app_get(void *trusted, uint64_t app, size_t size)
{
	assert_true(app >= 1 && app - 1 + size <= sizeof memory);
	if (no_memory && app > 1000)
		return -EFAULT;
	memcpy(trusted, memory + app - 1, size);
	return 0;
}

long rt_app_put(uint64_t app, const void *trusted, size_t size)
{
	assert_true(app >= 1 && app - 1 + size <= sizeof memory);
	if (no_memory && app > 1000)
		return -EFAULT;
	memcpy(memory + app - 1, trusted, size);
	return 0;
}

/* ---- the list ---------------------------------------------------------------------------------------------------------------------- */

static struct { uint64_t key; size_t size; uint8_t first; } list[LIST];
static unsigned count;
static uint32_t seed = 1;

static unsigned chance(unsigned of)
{
	return (unsigned)((seed = seed * 1103515245 + 12345) >> 8) % of;
}

static void same(const struct rt_messages *row)
{
	struct rt_message message = { 0 };
	uint64_t bytes = 0;

	assert_int_equal(row->count, count);
	for (unsigned i = 0; i < count; i++) {
		assert_true(rt_messages_next(row, &message));
		assert_int_equal(message.key, list[i].key);
		assert_int_equal(message.size, list[i].size);
		bytes += message.size;
	}
	assert_false(rt_messages_next(row, &message));
	assert_int_equal(row->bytes, bytes);
}

static struct rt_message nth(const struct rt_messages *row, unsigned n)
{
	struct rt_message message = { 0 };

	for (unsigned i = 0; i <= n; i++)
		assert_true(rt_messages_next(row, &message));
	return message;
}

static void add(struct rt_messages *row)
{
	const size_t size = chance(3) ? chance(100) : chance(LARGEST);
	const unsigned at = chance(4) ? count : chance(count + 1);
	const uint8_t first = (uint8_t)chance(256);
	const uint64_t key = chance(1000);
	struct rt_message before;
	long r;

	if (count == LIST)
		return;
	for (size_t i = 0; i < size; i++)
		memory[i] = (uint8_t)(first + i);
	no_room = !chance(20);
	no_memory = !chance(20);
	if (at < count)
		before = nth(row, at);
	r = rt_messages_add(row, at < count ? &before : NULL, key, 1, size);
	assert_true(r == 0 || (r == -EFAULT && no_memory && size > 1000) || (r == -ENOMEM && no_room));
	no_room = no_memory = false;
	if (r)
		return;
	memmove(&list[at + 1], &list[at], (count++ - at) * sizeof *list);
	list[at].key = key;
	list[at].size = size;
	list[at].first = first;
}

static void take(struct rt_messages *row)
{
	const unsigned at = chance(3) ? 0 : chance(count);
	struct rt_message message = nth(row, at);

	no_memory = !chance(20);
	if (rt_messages_get(row, &message, 1, LARGEST) != (long)list[at].size) {
		assert_true(no_memory && list[at].size > 1000);
		no_memory = false;
		return;
	}
	no_memory = false;
	for (size_t i = 0; i < list[at].size; i++)
		assert_int_equal(memory[i], (uint8_t)(list[at].first + i));
	rt_messages_remove(row, &message);
	memmove(&list[at], &list[at + 1], (--count - at) * sizeof *list);
}

static void as_a_list(void **state)
{
	struct rt_messages row = { 0 };

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		const bool fills = round / 500 % 2 == 0;       /* grows for a while, then shrinks */

		if (!count || (fills ? chance(10) < 6 : chance(10) < 4))
			add(&row);
		else
			take(&row);
		same(&row);
		assert_true(row.first <= row.end && row.end <= ROOM / 2);
	}
	while (count)
		take(&row);
	assert_int_equal(row.end, 0);
	assert_true(object_size <= 65536);      /* given back */
	rt_messages_end(&row);
	assert_int_equal(objects, 0);
}

/* One in, one out: it neither grows nor is moved again and again. */
static void as_a_queue(void **state)
{
	struct rt_messages row = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		struct rt_message message;

		assert_int_equal(rt_messages_add(&row, NULL, i, 1, 500), 0);
		if (i < 5)
			continue;
		message = nth(&row, 0);
		assert_int_equal(message.key, i - 5);
		rt_messages_remove(&row, &message);
	}
	assert_true(object_size < 20000);
	rt_messages_end(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_a_list), cmocka_unit_test(as_a_queue) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
