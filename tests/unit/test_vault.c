/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files: what is written is read, as a model has it; what was committed is there after a crash at any write, in any order that
 * a disk may choose; and what a host alters, swaps, cuts off or brings back is refused.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include "unit.h"
#include "bytes.h"
#include "crypto/gcm.h"
#include "vault/vault.h"

enum { DISK = 12 << 20, FILE_MAX = 3 << 20, WRITES = 4096, STATES = 64 };

struct record { uint64_t offset; uint32_t size; uint8_t *bytes; bool cut; };

static struct disk {
	uint8_t now[DISK], kept[DISK];          /* kept: what a barrier has reached */
	uint64_t size, kept_size;
	struct record log[WRITES];              /* since then */
	bool sync_fails, super_lies;            /* super_lies: a superblock is written, and an error returned */
	unsigned logged, fail_in;               /* fail_in: this many more writes, then none; 0: never */
	unsigned read_fail_in;                  /* the same of reads */
	uint8_t room[256 << 10];
	size_t held;                            /* bytes of memory that were not given back */
	unsigned poor;                          /* there is memory for one time less than that; 0: always */
	uint64_t random;
} d;

static uint64_t rnd(void)
{
	d.random = d.random * 6364136223846793005ull + 1442695040888963407ull;
	return d.random >> 24;
}

static long disk_read(void *context, uint64_t offset, uint32_t size, const uint8_t **ret)
{
	(void)context;
	if (d.read_fail_in == 1)
		return -5;
	d.read_fail_in -= d.read_fail_in > 0;
	if (offset >= d.size)
		return 0;
	if (size > d.size - offset)
		size = (uint32_t)(d.size - offset);
	size = size < sizeof d.room ? size : sizeof d.room;
	memcpy(d.room, d.now + offset, size);
	*ret = d.room;
	return size;
}

static uint8_t *disk_room(void *context, uint32_t *ret_size)
{
	(void)context;
	*ret_size = sizeof d.room;
	return d.room;
}

static void record(uint64_t offset, uint32_t size, bool cut)
{
	struct record *r = &d.log[d.logged++];

	assert_true(d.logged < WRITES);
	*r = (struct record) { offset, size, cut ? NULL : malloc(size), cut };
	if (!cut)
		memcpy(r->bytes, d.room, size);
}

static bool fails(void)
{
	if (!d.fail_in)
		return false;
	if (d.fail_in == 1)
		return true;
	d.fail_in--;
	return false;
}

static long disk_write(void *context, uint64_t offset, uint32_t size)
{
	(void)context;
	if (fails())
		return -5;
	assert_true(offset + size <= DISK);
	record(offset, size, false);
	memcpy(d.now + offset, d.room, size);
	if (offset + size > d.size)
		d.size = offset + size;
	return d.super_lies && size == 512 ? -5 : size;
}

static long disk_truncate(void *context, uint64_t size)
{
	(void)context;
	if (fails())
		return -5;
	record(size, 0, true);
	if (size < d.size)
		memset(d.now + size, 0, d.size - size);
	d.size = size;
	return 0;
}

static void forget_log(void)
{
	while (d.logged)
		free(d.log[--d.logged].bytes);
}

static void keep(void)
{
	memcpy(d.kept, d.now, d.size > d.kept_size ? d.size : d.kept_size);
	d.kept_size = d.size;
}

static long disk_sync(void *context)
{
	(void)context;
	if (fails() || d.sync_fails)
		return -5;
	keep();
	forget_log();
	return 0;
}

static long disk_random(void *context, void *to, size_t size)
{
	(void)context;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)rnd();
	return 0;
}

static void *disk_alloc(void *context, size_t size)
{
	(void)context;
	if (d.poor && !--d.poor) {
		d.poor = 1;
		return NULL;
	}
	d.held += size;
	return aligned_alloc(64, (size + 63) & ~(size_t)63);
}

static void disk_free(void *context, void *at, size_t size)
{
	(void)context;
	assert_true(om_all_zero(at, size));     /* no key, no content stays behind */
	d.held -= size;
	free(at);
}

static const struct om_vault_device device = { NULL, disk_read, disk_room, disk_write, disk_truncate, disk_sync, disk_random, disk_alloc, disk_free, 0 };
static const uint8_t key[OM_VAULT_KEY_SIZE] = { 1, 2, 3 };
#define NAME "/data/file"

static void blank(uint64_t seed)
{
	forget_log();
	memset(&d, 0, sizeof d);
	d.random = seed * 77 + 5;
}

/* ---- the model ----------------------------------------------------------------------------------------------------------------------- */

static struct state { uint8_t *bytes; uint64_t size; } model, committed[STATES];
static unsigned committed_count;   /* the last durable commit, and what was committed after it */

static void model_write(uint64_t offset, const uint8_t *from, uint64_t size)
{
	memcpy(model.bytes + offset, from, size);
	if (offset + size > model.size)
		model.size = offset + size;
}

static void model_truncate(uint64_t size)
{
	if (size < model.size)
		memset(model.bytes + size, 0, model.size - size);
	model.size = size;
}

static void model_note(bool only)
{
	if (only)
		while (committed_count)
			free(committed[--committed_count].bytes);
	assert_true(committed_count < STATES);
	committed[committed_count].bytes = malloc(FILE_MAX);
	memcpy(committed[committed_count].bytes, model.bytes, FILE_MAX);
	committed[committed_count++].size = model.size;
}

static void model_blank(void)
{
	free(model.bytes);
	model = (struct state) { calloc(1, FILE_MAX), 0 };
	while (committed_count)
		free(committed[--committed_count].bytes);
}

static bool is_state(struct om_vault *v, const struct state *s)
{
	static uint8_t bytes[FILE_MAX];

	if (om_vault_size(v) != s->size)
		return false;
	assert_int_equal(om_vault_read(v, 0, bytes, FILE_MAX), s->size);
	return !memcmp(bytes, s->bytes, s->size);
}

static uint8_t content[FILE_MAX];

static void change(struct om_vault *v)
{
	const uint64_t offset = rnd() % (rnd() % 3 ? 200000 : FILE_MAX / 2);
	const uint64_t size = 1 + rnd() % (rnd() % 4 ? 9000 : rnd() % 8 ? 100000 : 900000);

	if (rnd() % 9 == 0) {
		const uint64_t to = rnd() % (rnd() % 2 ? 100000 : FILE_MAX);

		assert_int_equal(om_vault_truncate(v, to), 0);
		model_truncate(to);
		return;
	}
	for (uint64_t i = 0; i < size; i++)
		content[i] = (uint8_t)(rnd() >> 3);
	assert_int_equal(om_vault_write(v, offset, content, size), size);
	model_write(offset, content, size);
}

static void look(struct om_vault *v)
{
	static uint8_t bytes[300000];
	const uint64_t offset = rnd() % FILE_MAX, size = 1 + rnd() % sizeof bytes;
	const uint64_t there = offset >= model.size ? 0 : size < model.size - offset ? size : model.size - offset;

	assert_int_equal(om_vault_read(v, offset, bytes, size), there);
	assert_memory_equal(bytes, model.bytes + offset, there);
}

static struct om_vault *opened(const struct om_vault_root *expected)
{
	struct om_vault *v = NULL;

	assert_int_equal(om_vault_open(&device, key, NAME, expected, 64 << 12, &v), 0);
	return v;
}

static struct om_vault *created(uint64_t seed)
{
	struct om_vault *v = NULL;

	blank(seed);
	model_blank();
	assert_int_equal(om_vault_create(&device, key, NAME, 64 << 12, &v), 0);
	model_note(true);
	return v;
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct om_vault *v = created(seed);
		struct om_vault_root root;

		for (int i = 0; i < 120; i++) {
			change(v);
			look(v);
			if (i % 16 == 5)
				om_vault_cache(v, (size_t)i * 16384);
			if (rnd() % 6 == 0)
				assert_int_equal(om_vault_commit(v, rnd() % 2), 0);
			if (rnd() % 15 == 0) {
				assert_int_equal(om_vault_commit(v, rnd() % 2), 0);
				om_vault_root(v, &root);
				om_vault_close(v);
				v = opened(rnd() % 2 ? &root : NULL);
			}
		}
		assert_true(is_state(v, &model));
		om_vault_close(v);
		assert_int_equal(d.held, 0);
	}
}

/* It grows with what it has in it, or stays as it was. */
static void test_cache(void **state)
{
	static uint8_t bytes[FILE_MAX];
	struct om_vault *v = created(24);
	size_t held;
	unsigned tries = 0;

	(void)state;
	for (uint32_t i = 0; i < FILE_MAX; i++)
		content[i] = (uint8_t)(i * 2654435761u >> 15);
	assert_int_equal(om_vault_write(v, 0, content, FILE_MAX), FILE_MAX);
	held = d.held;
	do {
		d.poor = ++tries;
		om_vault_cache(v, 1 << 20);
		d.poor = 0;
		assert_true(tries == 1 || d.held == held || d.held > held + (1 << 19));
		assert_int_equal(om_vault_write(v, tries, content + tries, 5000), 5000);
	} while (d.held == held);
	assert_in_range(tries, 10, 14);          /* four lists and what is missing of eight chunks, one of them at a time */
	held = d.held;
	om_vault_cache(v, (1 << 20) + (1 << 19)); /* not twice */
	assert_int_equal(d.held, held);
	assert_int_equal(om_vault_commit(v, true), 0);
	assert_int_equal(om_vault_read(v, 0, bytes, FILE_MAX), FILE_MAX);
	assert_memory_equal(bytes, content, FILE_MAX);
	om_vault_close(v);
	assert_int_equal(d.held, 0);
}

/* Sparse, and cut off again: blocks come back to the device. */
static void test_space(void **state)
{
	struct om_vault *v = created(9);
	uint64_t large;
	uint8_t byte = 1, got[2];

	(void)state;
	for (int round = 0; round < 3; round++) {
		memset(content, round + 1, FILE_MAX);
		assert_int_equal(om_vault_write(v, 0, content, FILE_MAX), FILE_MAX);
		assert_int_equal(om_vault_commit(v, true), 0);
		large = d.size;
		assert_in_range(large, FILE_MAX, 2 * FILE_MAX + FILE_MAX / 8);
		assert_int_equal(om_vault_truncate(v, 10), 0);
		assert_int_equal(om_vault_commit(v, true), 0);
		assert_int_equal(om_vault_write(v, 3, &byte, 1), 1);
		assert_int_equal(om_vault_commit(v, true), 0);
		assert_true(d.size < large / 10);
	}
	assert_int_equal(om_vault_write(v, 1ull << 40, &byte, 1), 1);
	assert_int_equal(om_vault_read(v, (1ull << 40) - 1, got, 2), 2);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[1], 1);
	assert_int_equal(om_vault_commit(v, true), 0);
	om_vault_close(v);
	v = opened(NULL);
	assert_int_equal(om_vault_size(v), (1ull << 40) + 1);
	assert_int_equal(om_vault_read(v, 1ull << 40, got, 2), 1);
	assert_int_equal(got[0], 1);
	om_vault_close(v);
}

/* ---- memory that is not there ------------------------------------------------------------------------------------------------------------ */

static struct { uint8_t *wall; unsigned stores; } edge;

/* What would fault is not begun, or its caller hears of it after. */
static int guard(void *to, size_t size, void (*store)(void *argument), void *argument)
{
	edge.stores++;
	if ((uint8_t *)to >= edge.wall)
		return 1;
	store(argument);
	return (uint8_t *)to + size > edge.wall;
}

/* A read ends where its memory does, and the vault is none the worse: nothing stays pinned, and all is read and written as before. */
static void test_memory(void **state)
{
	static uint8_t bytes[FILE_MAX];
	struct om_vault *v = created(21);

	(void)state;
	for (uint32_t i = 0; i < FILE_MAX; i++)
		content[i] = (uint8_t)(i * 2654435761u >> 15);
	assert_int_equal(om_vault_write(v, 0, content, FILE_MAX), FILE_MAX);
	assert_int_equal(om_vault_commit(v, true), 0);
	for (unsigned round = 0; round < 2000; round++) {
		const uint64_t offset = rnd() % FILE_MAX, size = rnd() % (FILE_MAX - offset) % (1 << rnd() % 22) + 1;
		const uint64_t there = rnd() % 4 ? rnd() % size : size;
		long got;

		edge.wall = bytes + there;
		edge.stores = 0;
		got = om_vault_read_to(v, offset, bytes, size, guard);
		if (there == size)
			assert_int_equal(got, size);
		else
			assert_true(got == OM_EINVAL || (got > 0 && (uint64_t)got <= there));
		assert_true(edge.stores > 0 && edge.stores <= size / 4096 + 3);
		if (got > 0)
			assert_memory_equal(bytes, content + offset, got);
		if (round % 16 == 0) {
			memset(content + offset, (int)round, size);
			assert_int_equal(om_vault_write(v, offset, content + offset, size), size);
		}
	}
	assert_int_equal(om_vault_read(v, 0, bytes, FILE_MAX), FILE_MAX);
	assert_memory_equal(bytes, content, FILE_MAX);
	om_vault_close(v);
	assert_int_equal(d.held, 0);
}

static sigjmp_buf given_up;

static void give_up(int number)
{
	(void)number;
	siglongjmp(given_up, 1);
}

/* Abandons what faults, as the runtime does. */
static int faulting_guard(void *to, size_t size, void (*store)(void *argument), void *argument)
{
	struct sigaction ours = { .sa_handler = give_up }, before;
	volatile int failed = 1;

	(void)to;
	(void)size;
	sigaction(SIGSEGV, &ours, &before);
	if (!sigsetjmp(given_up, 1)) {
		store(argument);
		failed = 0;
	}
	sigaction(SIGSEGV, &before, NULL);
	return failed;
}

/* Nothing of a block that could not be checked, for its memory ends in the middle, stays in what can be written; what is before it does. */
static void test_abandoned(void **state)
{
	struct om_vault *v = created(23);
	uint8_t *memory = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	for (uint32_t i = 0; i < 16 * 4096; i++)
		content[i] = (uint8_t)(i * 2654435761u >> 15 | 1);
	assert_int_equal(om_vault_write(v, 0, content, 16 * 4096), 16 * 4096);
	assert_int_equal(om_vault_commit(v, true), 0);
	om_vault_close(v);
	assert_int_equal(mprotect(memory + 3 * 4096, 2 * 4096, PROT_NONE), 0);
	for (unsigned skew = 256; skew < 4096; skew += 256) {
		uint8_t *to = memory + 4096 + skew;      /* the first block is there, of the second the beginning */

		v = opened(NULL);
		memset(memory, 0xee, 3 * 4096);
		assert_int_equal(om_vault_read_to(v, 0, to, 2 * 4096, faulting_guard), OM_EINVAL);
		assert_memory_equal(to, content, 4096);
		assert_true(om_all_zero(to + 4096, 4096 - skew));
		for (uint8_t *at = memory; at < to; at++)
			assert_int_equal(*at, 0xee);
		om_vault_close(v);
	}
	munmap(memory, 5 * 4096);
}

/* ---- how it lies ----------------------------------------------------------------------------------------------------------------------- */

/* What is written from the beginning to the end lies in whole pieces at multiples of their size, but for a few. */
static void test_pieces(void **state)
{
	struct om_vault *v = created(22);
	unsigned whole = 0, all = 0;

	(void)state;
	memset(content, 7, FILE_MAX);
	for (uint32_t at = 0; at < FILE_MAX; at += 1 << 16)
		assert_int_equal(om_vault_write(v, at, content + at, 1 << 16), 1 << 16);
	for (unsigned i = 0; i < d.logged; i++) {
		all += !d.log[i].cut && d.log[i].size >= 8 * 4096;
		whole += !d.log[i].cut && d.log[i].size == 1 << 16 && d.log[i].offset % (1 << 16) == 0;
	}
	assert_true(all > 20 && whole * 10 >= all * 9);
	om_vault_close(v);
}

/* ---- crashes ------------------------------------------------------------------------------------------------------------------------- */

static void apply(const struct record *r, bool torn)
{
	uint32_t size = r->size;

	if (r->cut) {
		if (r->offset < d.size)
			memset(d.now + r->offset, 0, d.size - r->offset);
		d.size = r->offset;
		return;
	}
	if (torn)
		size = size > 512 ? (uint32_t)(rnd() % (size / 512)) * 512 : 0;
	memcpy(d.now + r->offset, r->bytes, size);
	if (r->offset + size > d.size)
		d.size = r->offset + size;
}

/* The power goes: of what no barrier has reached anything may be there, and a piece of a write. */
static void power_loss(void)
{
	const unsigned n = d.logged;

	memcpy(d.now, d.kept, d.size > d.kept_size ? d.size : d.kept_size);
	d.size = d.kept_size;
	for (unsigned i = 0; i < n; i++) {
		const uint64_t luck = rnd() % 3;

		if (luck)
			apply(&d.log[i], luck == 2 && rnd() % 4 == 0);
	}
	forget_log();
	keep();
}

/* One life: changes and commits until the device fails, as it does after so many writes. */
static void live(struct om_vault *v, bool power)
{
	for (int i = 0; i < 40; i++) {
		const bool durable = rnd() % 3 > 0;
		int error;

		change(v);
		if (rnd() % 2)
			continue;
		if (committed_count == STATES - 1)
			break;
		model_note(false);             /* it may be there from here on, */
		error = om_vault_commit(v, durable);
		if (error)
			break;
		if (durable || !power) {       /* and now nothing that was before */
			committed[0].size = committed[committed_count - 1].size;
			memcpy(committed[0].bytes, committed[committed_count - 1].bytes, FILE_MAX);
			while (committed_count > 1)
				free(committed[--committed_count].bytes);
		}
	}
}

/* Until nothing can be written any more. What comes of it is nobody's. */
static void last_changes(struct om_vault *v)
{
	d.fail_in = 1 + (unsigned)(rnd() % 12);
	for (int i = 0; i < 4; i++) {
		const uint64_t offset = rnd() % (FILE_MAX / 2), size = 1 + rnd() % 400000;

		(void)!om_vault_write(v, offset, content, size);
		if (rnd() % 4 == 0)
			(void)!om_vault_truncate(v, rnd() % FILE_MAX);
	}
	d.fail_in = 0;
}

static void crash(uint64_t seed, bool power)
{
	struct om_vault *v = created(seed);
	bool found = false;

	for (int life = 0; life < 4; life++) {
		const unsigned writes = 2 + (unsigned)(rnd() % 60);

		live(v, power);
		/* The rest of this life stops in the middle of a change, or of a commit. */
		if (rnd() % 2) {
			last_changes(v);
		} else if (committed_count < STATES - 1) {
			model_note(false);
			d.fail_in = writes % 9 + 1;
			(void)om_vault_commit(v, rnd() % 2);
			d.fail_in = 0;
		}
		om_vault_close(v);
		if (power)
			power_loss();
		v = opened(NULL);
		found = false;
		for (unsigned i = 0; i < committed_count && !found; i++)
			if (is_state(v, &committed[i])) {
				memcpy(model.bytes, committed[i].bytes, FILE_MAX);
				model.size = committed[i].size;
				found = true;
			}
		if (!found)
			fail_msg("seed %llu, life %d: none of %u states", (unsigned long long)seed, life, committed_count);
		/* What was found is what counts from here on. */
		model_note(true);
		assert_int_equal(om_vault_commit(v, true), 0);
	}
	om_vault_close(v);
	assert_int_equal(d.held, 0);
}

static void test_killed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++)
		crash(seed, false);
}

static void test_power(void **state)
{
	(void)state;
	for (uint64_t seed = 101; seed <= 116; seed++)
		crash(seed, true);
}

/* A device that does not write for a while loses nothing. */
static void test_errors(void **state)
{
	struct om_vault *v = created(33);

	(void)state;
	for (int i = 0; i < 60; i++) {
		change(v);
		d.fail_in = 1 + (unsigned)(rnd() % 6);
		(void)om_vault_commit(v, false);
		d.fail_in = 0;
	}
	assert_true(is_state(v, &model));
	assert_int_equal(om_vault_commit(v, true), 0);
	om_vault_close(v);
	v = opened(NULL);
	assert_true(is_state(v, &model));
	om_vault_close(v);
}

/* One whose barrier fails may have dropped what it could not write: nothing is called durable after that. */
static void test_barrier(void **state)
{
	struct om_vault *v = created(34);
	struct om_vault_root root;

	(void)state;
	change(v);
	assert_int_equal(om_vault_commit(v, true), 0);
	model_note(true);
	om_vault_root(v, &root);
	change(v);
	d.sync_fails = true;
	assert_int_equal(om_vault_commit(v, true), OM_EIO);
	d.sync_fails = false;
	assert_int_equal(om_vault_commit(v, true), OM_EIO);
	assert_int_equal(om_vault_write(v, 0, "x", 1), OM_EIO);
	om_vault_close(v);
	power_loss();
	v = opened(&root);
	assert_true(is_state(v, &committed[0]));
	om_vault_close(v);
}

/* A commit without barriers that did not come as far as its superblock: who looks at the file and who opens it see the same. */
static void test_loose(void **state)
{
	struct om_vault *v = created(35);
	uint64_t size;

	(void)state;
	assert_int_equal(om_vault_write(v, 0, content, 50000), 50000);
	assert_int_equal(om_vault_commit(v, true), 0);
	assert_int_equal(om_vault_write(v, 0, content, 90000), 90000);
	assert_int_equal(om_vault_commit(v, false), 0);
	om_vault_close(v);
	for (unsigned i = 0; i < d.logged; i++)          /* the disk has only the superblock */
		if (d.log[i].offset >= 2 * 4096)
			memset(d.now + d.log[i].offset, 0, d.log[i].size);
	forget_log();
	assert_int_equal(om_vault_peek(&device, key, NAME, NULL, &size), 0);
	assert_int_equal(size, 50000);
	v = opened(NULL);
	assert_int_equal(om_vault_size(v), 50000);
	om_vault_close(v);
}

/* Any of the commits that may be there is. */
static struct om_vault *opened_as_one(void)
{
	struct om_vault *v = opened(NULL);
	bool found = false;

	for (unsigned i = 0; i < committed_count && !found; i++)
		found = is_state(v, &committed[i]);
	assert_true(found);
	return v;
}

/* What fills the cache, so that blocks are written, and commits nothing. */
static void churn(struct om_vault *v)
{
	for (int i = 0; i < 6; i++)
		assert_int_equal(om_vault_write(v, rnd() % (FILE_MAX / 2), content, 400000), 400000);
}

/* A superblock that is there though its write failed: the blocks that it names stay as they are until another one is there. */
static void test_maybe(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct om_vault *v = created(seed);

		churn(v);
		assert_int_equal(om_vault_commit(v, true), 0);
		assert_int_equal(om_vault_truncate(v, 0), 0);
		model_truncate(0);
		assert_int_equal(om_vault_commit(v, true), 0);
		model_note(true);
		change(v);
		change(v);
		model_note(false);
		d.super_lies = true;
		assert_int_equal(om_vault_commit(v, seed % 2), OM_EIO);
		d.super_lies = false;
		churn(v);
		om_vault_close(v);
		v = opened_as_one();
		assert_true(is_state(v, &committed[1]));
		om_vault_close(v);
	}
}

/* Killed behind a commit without barriers; the next life writes, and then the power goes. */
static void test_loose_life(void **state)
{
	(void)state;
	for (uint64_t seed = 201; seed <= 212; seed++) {
		struct om_vault *v = created(seed);

		change(v);
		change(v);
		assert_int_equal(om_vault_commit(v, true), 0);
		model_note(true);
		assert_int_equal(om_vault_truncate(v, 100), 0);
		model_truncate(100);
		change(v);
		assert_int_equal(om_vault_commit(v, false), 0);
		model_note(false);
		om_vault_close(v);
		v = opened(NULL);
		assert_true(is_state(v, &committed[1]));
		churn(v);
		om_vault_close(v);
		power_loss();
		om_vault_close(opened_as_one());
	}
}

/* One with barriers makes what was committed without them durable, though nothing has changed since. */
static void test_loose_durable(void **state)
{
	(void)state;
	for (uint64_t seed = 301; seed <= 308; seed++) {
		struct om_vault *v = created(seed);

		change(v);
		assert_int_equal(om_vault_commit(v, false), 0);
		assert_int_equal(om_vault_commit(v, true), 0);
		model_note(true);
		om_vault_close(v);
		power_loss();
		om_vault_close(opened_as_one());
	}
}

/* A truncation that fails half-way has cut off something here: nothing of it is committed. */
static void test_half_cut(void **state)
{
	struct om_vault *v = created(37);
	unsigned reads = 2;
	uint8_t byte;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(om_vault_write(v, (uint64_t)i << 20, content, 1 << 20), 1 << 20);
	for (int i = 0; i < 3; i++)
		model_write((uint64_t)i << 20, content, 1 << 20);
	assert_int_equal(om_vault_commit(v, true), 0);
	model_note(true);
	om_vault_close(v);
	for (int error = OM_EIO; error; reads++) {
		v = opened(NULL);
		assert_int_equal(om_vault_write(v, 0, model.bytes, 1), 1);
		for (uint64_t i = 500; i < 768; i++)     /* the first nodes are not in the cache any more */
			assert_int_equal(om_vault_read(v, i * 4096, &byte, 1), 1);
		d.read_fail_in = reads;
		error = om_vault_truncate(v, 10);
		d.read_fail_in = 0;
		if (error) {
			assert_int_equal(error, OM_EIO);
			assert_int_equal(om_vault_commit(v, true), OM_EIO);
		}
		om_vault_close(v);
		v = opened(NULL);
		assert_true(is_state(v, &committed[0]));
		om_vault_close(v);
	}
	assert_in_range(reads, 5, 50);
}

static void test_limits(void **state)
{
	struct om_vault *v = created(36);

	(void)state;
	assert_int_equal(om_vault_write(v, (uint64_t)INT64_MAX + 10, content, 10), OM_EOVERFLOW);
	assert_int_equal(om_vault_write(v, INT64_MAX, content, 10), OM_EOVERFLOW);
	assert_int_equal(om_vault_write(v, UINT64_MAX, content, 10), OM_EOVERFLOW);
	assert_int_equal(om_vault_truncate(v, UINT64_MAX), OM_EOVERFLOW);
	assert_int_equal(om_vault_size(v), 0);
	om_vault_close(v);
}

/* ---- a hostile host -------------------------------------------------------------------------------------------------------------------- */

static void small_file(const char *name, uint8_t with, struct om_vault_root *ret)
{
	struct om_vault *v = NULL;

	memset(content, with, 1 << 20);
	assert_int_equal(om_vault_create(&device, key, name, 64 << 12, &v), 0);
	assert_int_equal(om_vault_write(v, 0, content, 1 << 20), 1 << 20);
	assert_int_equal(om_vault_commit(v, true), 0);
	om_vault_root(v, ret);
	om_vault_close(v);
}

static int open_and_read(const struct om_vault_root *expected)
{
	struct om_vault *v = NULL;
	int error = om_vault_open(&device, key, NAME, expected, 64 << 12, &v);
	long got;

	if (error)
		return error;
	memset(content, 0, FILE_MAX);
	got = om_vault_read(v, 0, content, FILE_MAX);
	om_vault_close(v);
	return got < 0 ? (int)got : got != 1 << 20 ? OM_ETRUNCATED : 0;
}

static void test_altered(void **state)
{
	static uint8_t image[DISK];
	struct om_vault_root root;
	uint64_t size;

	(void)state;
	blank(4);
	small_file(NAME, 7, &root);
	memcpy(image, d.now, DISK);
	size = d.size;
	assert_int_equal(open_and_read(&root), 0);
	/* Any bit of what counts, and the other superblock alone. */
	for (uint64_t at = 0; at < size; at += at < 3 * 4096 ? 7 : 997) {
		d.now[at] ^= 0x10;
		const int error = open_and_read(&root);

		if (!error)
			for (int i = 0; i < 1 << 20; i++)
				assert_int_equal(content[i], 7);
		else if (error != OM_ETRUNCATED)       /* what was read before it was met */
			assert_int_equal(error, OM_EAUTH);
		d.now[at] ^= 0x10;
	}
	for (uint64_t cut = 512; cut < size; cut += 4096 * 13) {
		d.size = cut;
		assert_int_not_equal(open_and_read(&root), 0);
		d.size = size;
	}
	/* Two blocks that change places. */
	memcpy(d.now + 5 * 4096, image + 6 * 4096, 4096);
	memcpy(d.now + 6 * 4096, image + 5 * 4096, 4096);
	assert_int_not_equal(open_and_read(&root), 0);
	memcpy(d.now, image, DISK);
	assert_int_equal(open_and_read(&root), 0);
}

static void test_other(void **state)
{
	static uint8_t old[DISK];
	struct om_vault_root root, other, later;
	struct om_vault *v = NULL;
	const uint8_t wrong[OM_VAULT_KEY_SIZE] = { 9 };
	uint64_t old_size, size;

	(void)state;
	blank(5);
	small_file("/data/other", 3, &other);
	assert_int_equal(open_and_read(NULL), OM_EAUTH);         /* another file's, under this name */
	d.size = 0;
	small_file(NAME, 7, &root);
	assert_int_equal(open_and_read(&other), OM_EAUTH);
	assert_int_equal(om_vault_open(&device, wrong, NAME, NULL, 64 << 12, &v), OM_EAUTH);
	memcpy(old, d.now, DISK);
	old_size = d.size;
	v = opened(&root);
	assert_int_equal(om_vault_write(v, 0, "new", 3), 3);
	assert_int_equal(om_vault_commit(v, false), 0);
	om_vault_root(v, &later);
	om_vault_close(v);
	assert_int_equal(om_vault_peek(&device, key, NAME, &later, &size), 0);
	assert_int_equal(size, 1 << 20);
	assert_int_equal(open_and_read(&later), 0);
	/* Rolled back. */
	memcpy(d.now, old, DISK);
	d.size = old_size;
	assert_int_equal(open_and_read(&later), OM_EAUTH);
	assert_int_equal(om_vault_peek(&device, key, NAME, &later, &size), OM_EAUTH);
	assert_int_equal(om_vault_peek(&device, key, NAME, NULL, &size), 0);
	assert_int_equal(open_and_read(&root), 0);
}

/* Its maker was killed before the first commit: there is nothing, and that is no forgery unless something has to be there. */
static void test_none(void **state)
{
	struct om_vault_root root;
	struct om_vault *v = NULL;
	uint64_t size;

	(void)state;
	blank(7);
	small_file(NAME, 7, &root);
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			memset(d.now, 0, 2 * 4096);      /* blocks, and no superblock yet */
		if (i == 2)
			d.size = 0;
		assert_int_equal(om_vault_open(&device, key, NAME, &root, 64 << 12, &v), i ? OM_EAUTH : 0);
		assert_int_equal(om_vault_peek(&device, key, NAME, &root, &size), i ? OM_EAUTH : 0);
		om_vault_close(v);
		v = NULL;
		assert_int_equal(om_vault_open(&device, key, NAME, NULL, 64 << 12, &v), i ? OM_ENOTFOUND : 0);
		assert_int_equal(om_vault_peek(&device, key, NAME, NULL, &size), i ? OM_ENOTFOUND : 0);
		om_vault_close(v);
		v = NULL;
	}
	d.size = 300;                                    /* no writer of ours leaves that */
	assert_int_equal(om_vault_open(&device, key, NAME, NULL, 64 << 12, &v), OM_EAUTH);
	d.size = 0;
	assert_int_equal(om_vault_blank(&device, key, NAME, 64 << 12, &v), 0);
	assert_int_equal(d.size, 0);
	assert_int_equal(om_vault_read(v, 0, &size, 1), 0);
	assert_int_equal(om_vault_write(v, 0, "x", 1), 1);
	assert_int_equal(om_vault_commit(v, true), 0);
	om_vault_close(v);
	v = opened(NULL);
	assert_int_equal(om_vault_size(v), 1);
	om_vault_close(v);
}

static void test_rename(void **state)
{
	struct om_vault_root root;
	struct om_vault *v, *w = NULL;

	(void)state;
	blank(6);
	small_file(NAME, 7, &root);
	v = opened(&root);
	assert_int_equal(om_vault_rename_begin(v, "/data/new"), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(om_vault_open(&device, key, i ? "/data/new" : NAME, NULL, 64 << 12, &w), 0);
		om_vault_close(w);
	}
	assert_int_equal(om_vault_rename_end(v, true), 0);
	om_vault_close(v);
	assert_int_equal(om_vault_open(&device, key, NAME, NULL, 64 << 12, &w), OM_EAUTH);
	assert_int_equal(om_vault_open(&device, key, "/data/new", NULL, 64 << 12, &w), 0);
	om_vault_close(w);
	/* One that could not begin leaves no second name. */
	assert_int_equal(om_vault_open(&device, key, "/data/new", NULL, 64 << 12, &v), 0);
	d.fail_in = 2;                           /* the superblock */
	assert_int_equal(om_vault_rename_begin(v, "/data/third"), OM_EIO);
	d.fail_in = 0;
	assert_int_equal(om_vault_write(v, 0, "x", 1), 1);
	assert_int_equal(om_vault_commit(v, true), 0);
	om_vault_close(v);
	assert_int_equal(om_vault_open(&device, key, "/data/third", NULL, 64 << 12, &w), OM_EAUTH);
}

/* Nothing that is read of a device is clear, and no two lives encrypt alike. */
static void test_secret(void **state)
{
	struct om_vault_root root, fork[2];
	struct om_vault *v;
	static uint8_t once[DISK];
	uint64_t seed, same = 0;

	(void)state;
	blank(7);
	small_file(NAME, 7, &root);
	for (uint64_t at = 0; at + 16 <= d.size; at += 8)
		assert_true(memcmp(d.now + at, content, 16));
	/* The same change to the same state, twice: as if the host had brought it back. */
	seed = d.random;
	static uint8_t before[DISK];
	const uint64_t before_size = d.size;

	memcpy(before, d.now, DISK);
	for (int i = 0; i < 2; i++) {
		memcpy(d.now, before, DISK);
		d.size = before_size;
		d.random = seed + (uint64_t)i;
		v = opened(NULL);
		assert_int_equal(om_vault_write(v, 0, content, 4096), 4096);
		assert_int_equal(om_vault_commit(v, true), 0);
		om_vault_root(v, &fork[i]);
		om_vault_close(v);
		if (!i)
			memcpy(once, d.now, DISK);
	}
	/* Two continuations of one state are two files' worth of keys, and neither is taken for the other. */
	assert_int_equal(fork[0].transaction, fork[1].transaction);
	assert_int_equal(open_and_read(&fork[1]), 0);
	assert_int_equal(open_and_read(&fork[0]), OM_EAUTH);
	for (int slot = 0; slot < 2; slot++)
		if (memcmp(once + slot * 4096, before + slot * 4096, 512))
			assert_true(memcmp(once + slot * 4096 + 32, d.now + slot * 4096 + 32, 16) && memcmp(once + slot * 4096 + 32, before + slot * 4096 + 32, 16));
	for (uint64_t at = before_size & ~4095ull; at < d.size; at += 4096)
		same += !memcmp(once + at, d.now + at, 4096);
	assert_int_equal(same, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_cache), cmocka_unit_test(test_space), cmocka_unit_test(test_killed), cmocka_unit_test(test_power),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_barrier), cmocka_unit_test(test_loose), cmocka_unit_test(test_maybe),
		cmocka_unit_test(test_loose_life), cmocka_unit_test(test_loose_durable), cmocka_unit_test(test_half_cut), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_altered), cmocka_unit_test(test_other), cmocka_unit_test(test_none), cmocka_unit_test(test_rename),
		cmocka_unit_test(test_secret), cmocka_unit_test(test_memory), cmocka_unit_test(test_abandoned), cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
