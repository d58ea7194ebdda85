/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An encrypted file on a hostile disk. The input is a list of steps: of a program (opens, reads, writes, commits, renames), and of its host
 * (alters blocks, brings old ones back, cuts off, lies for some reads, fails). Properties:
 *
 *   - what is read is what the model has, or an error. A file that is opened as a certain commit is that commit; one that is opened as any
 *     is one of those that were written
 *   - a file that the host has left alone opens, and reads without an error
 *   - memory that is given back is wiped, and all of it is given back
 *
 * CRAFTED steps write blocks and superblocks that are authentic and make no sense, as nobody without the key can. Then nothing
 * is known of the content: whatever they say, the code stays within its memory and comes to an end.
 */
#include <stdbool.h>
#include "bytes.h"
#include "fuzz.h"
#include "vault/internal.h"

enum { DISK = 3 << 20, FILE_MAX = 600000, STEPS = 160, STATES = 24, PIECE = 40000, MEMORY = 48 << 20 };

static const uint8_t key[OM_VAULT_KEY_SIZE] = { 4, 5, 6 };
static const char *const names[2] = { "/data/a", "/data/b" };

static struct { const uint8_t *at; size_t left; } input;

static uint32_t take(unsigned bytes)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		if (input.left) {
			value |= (uint32_t)*input.at++ << 8 * i;
			input.left--;
		}
	return value;
}

/* ---- the disk ------------------------------------------------------------------------------------------------------------------ */

static struct {
	uint8_t now[DISK], old[DISK];
	uint64_t size, old_size;
	uint8_t *given;                          /* by the last read: of exactly its size */
	_Alignas(8) uint8_t room[256 << 10];
	uint32_t room_size, fail_in, lie_for, lie_at;
	bool touched;                            /* by the host, since it was made */
	bool old_crafted;                        /* what lies in old[] may hold commits that no state was noted of */
	size_t held;
	uint64_t random;
} d;

static bool fails(void)
{
	if (!d.fail_in || --d.fail_in)
		return false;
	d.fail_in = 1;                           /* and from then on, until it is set anew */
	return true;
}

static long disk_read(void *context, uint64_t offset, uint32_t size, const uint8_t **ret)
{
	(void)context;
	free(d.given);
	d.given = NULL;
	if (fails())
		return -5;
	if (offset >= d.size)
		return 0;
	size = size < d.room_size ? size : d.room_size;
	if (size > d.size - offset)
		size = (uint32_t)(d.size - offset);
	d.given = malloc(size);
	memcpy(d.given, d.now + offset, size);
	if (d.lie_for) {
		d.lie_for--;
		d.given[d.lie_at % size] ^= (uint8_t)(1 + d.lie_at % 255);
	}
	*ret = d.given;
	return size;
}

static uint8_t *disk_room(void *context, uint32_t *ret_size)
{
	(void)context;
	*ret_size = d.room_size;
	return d.room;
}

static long disk_write(void *context, uint64_t offset, uint32_t size)
{
	(void)context;
	PROPERTY(size <= d.room_size);
	if (fails() || offset > DISK || size > DISK - offset)
		return -28;
	memcpy(d.now + offset, d.room, size);
	if (offset + size > d.size)
		d.size = offset + size;
	return size;
}

static void cut(uint64_t size)
{
	size = size < DISK ? size : DISK;
	if (size < d.size)
		memset(d.now + size, 0, d.size - size);
	d.size = size;
}

static long disk_truncate(void *context, uint64_t size)
{
	(void)context;
	if (fails())
		return -5;
	cut(size);
	return 0;
}

static long disk_sync(void *context)
{
	(void)context;
	return fails() ? -5 : 0;
}

static long disk_random(void *context, void *to, size_t size)
{
	(void)context;
	for (size_t i = 0; i < size; i++) {
		d.random = d.random * 6364136223846793005ull + 1442695040888963407ull;
		((uint8_t *)to)[i] = (uint8_t)(d.random >> 40);
	}
	return 0;
}

static void *disk_alloc(void *context, size_t size)
{
	(void)context;
	if (size > MEMORY - d.held)
		return NULL;
	d.held += size;
	return aligned_alloc(64, (size + 63) & ~(size_t)63);
}

static void disk_free(void *context, void *at, size_t size)
{
	(void)context;
	PROPERTY(om_all_zero(at, size));
	d.held -= size;
	free(at);
}

static const struct om_vault_device device = { NULL, disk_read, disk_room, disk_write, disk_truncate, disk_sync, disk_random, disk_alloc, disk_free, 0 };

/* ---- the model ----------------------------------------------------------------------------------------------------------------- */

struct state {
	struct om_vault_root root;
	bool maybe;                              /* a commit that failed: its root is not known, and it may be there */
	unsigned names;                          /* bit set: by which it may be opened */
	uint8_t *bytes;
	uint64_t size;
};
static struct state states[STATES];
static unsigned count;
static uint8_t model[FILE_MAX];
static uint64_t model_size;
static struct om_vault *v;
static bool crafted, unknown;                /* unknown: of the file that is open, after a change that failed half-way */
static unsigned name;                        /* the one that it has */
static bool renaming;                        /* either is good */

static bool note(bool maybe)
{
	struct state *s = &states[count];

	if (count == STATES)
		return false;
	*s = (struct state) { .maybe = maybe, .names = renaming ? 3 : 1u << name, .size = model_size, .bytes = malloc(model_size ? model_size : 1) };
	memcpy(s->bytes, model, model_size);
	if (!maybe)
		om_vault_root(v, &s->root);
	count++;
	return true;
}

static void take_state(const struct state *s)
{
	memset(model, 0, sizeof model);
	memcpy(model, s->bytes, s->size);
	model_size = s->size;
	unknown = false;
}

static void close_it(void)
{
	om_vault_close(v);
	v = NULL;
	PROPERTY(d.held == 0);
}

/* Compares what is read with what has to be there. Return: an error was met. */
static bool compare(uint64_t offset, uint64_t size, const uint8_t *want, uint64_t want_size)
{
	static uint8_t bytes[FILE_MAX];
	const uint64_t there = offset >= want_size ? 0 : size < want_size - offset ? size : want_size - offset;
	const long got = om_vault_read(v, offset, bytes, size);

	if (got < 0)
		return true;
	PROPERTY((uint64_t)got <= there && !memcmp(bytes, want + offset, (size_t)got));
	return (uint64_t)got < there;
}

static bool same_root(const struct om_vault_root *a, const struct om_vault_root *b)
{
	return a->transaction == b->transaction && !memcmp(a->file, b->file, 16) && !memcmp(a->mac, b->mac, 16);
}

/* Which of the commits is it? */
static void found(void)
{
	struct om_vault_root root;

	om_vault_root(v, &root);
	for (unsigned i = 0; i < count; i++)
		if (!states[i].maybe && same_root(&states[i].root, &root)) {
			PROPERTY(om_vault_size(v) == states[i].size);
			take_state(&states[i]);
			return;
		}
	for (unsigned i = count; i-- > 0;)       /* none that is known: then one that failed */
		if (states[i].maybe && states[i].size == om_vault_size(v)) {
			take_state(&states[i]);
			unknown = true;
			return;
		}
	PROPERTY(!"a commit that nobody made");
}

/* ---- what the program does --------------------------------------------------------------------------------------------------------- */

static void open_it(bool any, unsigned which, unsigned as)
{
	const struct state *s = count ? &states[which % count] : NULL;
	const struct om_vault_root *expected = any || !s || s->maybe ? NULL : &s->root;
	const bool latest = s && s == &states[count - 1] && !d.touched && !d.fail_in && !d.lie_for && s->names >> as & 1;
	int error;

	if (v)
		close_it();
	error = om_vault_open(&device, key, names[as], expected, (take(1) % 3) << 18, &v);
	PROPERTY(!error == (v != NULL));
	if (error) {
		PROPERTY(crafted || !expected || !latest);
		PROPERTY(d.held == 0);
		return;
	}
	name = as;
	if (crafted)
		return;
	found();
	if (expected)
		PROPERTY(!unknown && same_root(&s->root, &v->root));
	if (expected && latest)
		PROPERTY(!compare(0, FILE_MAX, model, model_size));
}

static void peek(unsigned which)
{
	const struct state *s = count ? &states[which % count] : NULL;
	uint64_t size;

	if (v || om_vault_peek(&device, key, names[name], s && !s->maybe ? &s->root : NULL, &size) || crafted)
		return;
	if (s && !s->maybe)
		PROPERTY(size == s->size);
}

static void write_some(uint64_t offset, uint64_t size, uint32_t seed)
{
	static uint8_t bytes[PIECE];
	long did;

	offset %= FILE_MAX;
	size = size % PIECE < FILE_MAX - offset ? size % PIECE : FILE_MAX - offset;
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(seed + i * (seed | 1) / 7);
	did = om_vault_write(v, offset, bytes, size);
	if (did <= 0)
		return;
	PROPERTY((uint64_t)did <= size);
	if (model_size < offset)
		memset(model + model_size, 0, offset - model_size);
	memcpy(model + offset, bytes, (size_t)did);
	if (offset + (uint64_t)did > model_size)
		model_size = offset + (uint64_t)did;
}

static void truncate_it(uint64_t size)
{
	size %= FILE_MAX;
	if (om_vault_truncate(v, size)) {
		unknown = true;
		return;
	}
	if (size > model_size)
		memset(model + model_size, 0, size - model_size);
	model_size = size;
}

/* A file that is unknown here cannot be compared later. */
static void committed(int error)
{
	if (unknown)
		crafted = true;
	if (!note(error != 0))
		crafted = true;
	if (!error)
		PROPERTY(v->super.transaction == v->root.transaction);
}

static void commit(bool durable)
{
	struct om_vault_root before, after;
	int error;

	om_vault_root(v, &before);
	error = om_vault_commit(v, durable);
	om_vault_root(v, &after);
	PROPERTY(!error || same_root(&before, &after));
	if (error || !same_root(&before, &after))
		committed(error);
}

static void rename_it(bool finish)
{
	int error = om_vault_rename_begin(v, names[1 - name]);

	renaming = true;
	committed(error);
	renaming = false;
	if (error)
		return;
	error = om_vault_rename_end(v, finish);
	if (finish)
		name = 1 - name;
	if (error)
		crafted = true;                  /* both names are good until the next commit */
	else
		committed(0);
}

static void forget_states(void)
{
	for (; count; count--)
		free(states[count - 1].bytes);
}

/* The states of the file before stay known: the host may bring that file back. */
static void create(void)
{
	if (v)
		close_it();
	if (count == STATES) {
		forget_states();
		d.old_crafted = true;
	}
	model_size = 0;
	memset(model, 0, sizeof model);
	unknown = false;
	if (om_vault_create(&device, key, names[name], 0, &v)) {
		PROPERTY(d.held == 0);
		crafted = true;                  /* something may be there */
		return;
	}
	crafted = false;
	(void)note(false);
	d.touched = false;
}

/* ---- what nobody else could write ---------------------------------------------------------------------------------------------------- */

static struct om_vault author;               /* seals for the file that lies there */

static bool begin_crafting(void)
{
	struct om_vault_root root;
	struct super super;
	_Alignas(8) uint8_t bytes[SUPER_SIZE];

	memcpy(bytes, d.now, SUPER_SIZE);
	if (vault_super_open(key, bytes, &super, &root)) {
		memcpy(bytes, d.now + BLOCK, SUPER_SIZE);
		if (vault_super_open(key, bytes, &super, &root))
			return false;
	}
	author = (struct om_vault) { .device = device, .super = super };
	memcpy(author.key, key, sizeof author.key);
	memcpy(author.file, root.file, sizeof author.file);
	vault_file_key(&author);
	return crafted = true;
}

static void put_super(void)
{
	struct om_vault_root root;

	author.super.transaction += take(1);
	(void)vault_super_write(&author, (int)take(1) & 1, take(1) & 1, &root);
}

static void craft_super(void)
{
	const uint32_t field = take(1) % 7, value = take(3), shift = take(1) % 64;
	const uint64_t large = (uint64_t)value << shift;

	switch (field) {
	case 0: author.super.size = large & INT64_MAX; break;
	case 1: author.super.end = FIRST + large % BLOCKS_MAX; break;
	case 2: author.super.levels = 1 + value % LEVELS_MAX; break;
	case 3: author.super.root.at = large; break;
	case 4: author.super.root.counter ^= value; break;
	case 5: author.super.transaction = large; break;
	default: memcpy(author.super.next, author.super.name, 32);
	}
	put_super();
}

/* A path from a block of content to the root, whose nodes have other entries that lead anywhere. */
static void craft_tree(void)
{
	static uint8_t plain[BLOCK], cipher[BLOCK];
	const unsigned levels = 1 + take(1) % LEVELS_MAX;
	uint64_t index = take(3) % 100000;
	struct entry e = { 0 };

	if (vault_seal_begin(&author))
		return;
	memset(plain, 0x11, sizeof plain);
	for (unsigned level = 0; level <= levels; level++) {
		const uint64_t at = take(2) % (DISK / BLOCK);

		if (vault_seal_block(&author, level, level == levels ? 0 : index, plain, cipher, &e))
			return;
		memcpy(d.now + at * BLOCK, cipher, BLOCK);
		d.size = d.size > (at + 1) * BLOCK ? d.size : (at + 1) * BLOCK;
		e.at = at;
		memset(plain, 0, sizeof plain);
		vault_entry_put(plain, (uint32_t)(index % FAN), &e);
		for (uint32_t more = take(1) % 4; more; more--) {
			struct entry other = e;

			other.at = take(2);
			vault_entry_put(plain, take(1) % FAN, &other);
		}
		index /= FAN;
	}
	author.super.levels = levels;
	author.super.root = e;
	author.super.size = take(3) * 4096ull;
	put_super();
}

/* ---- steps -------------------------------------------------------------------------------------------------------------------------------- */

static void host_step(uint32_t what)
{
	const uint64_t at = take(3), blocks = DISK / BLOCK;
	const uint64_t from = take(2) % blocks, to = at % blocks;

	d.touched = d.touched || what % 10 < 4 || what % 10 == 5 || what % 10 == 9;
	crafted = crafted || (d.old_crafted && (what % 10 == 2 || what % 10 == 3));
	switch (what % 10) {
	case 0: d.now[at % DISK] ^= (uint8_t)(1 + from % 255); break;
	case 1: memmove(d.now + to * BLOCK, d.now + from * BLOCK, BLOCK); break;
	case 2: memcpy(d.now + to * BLOCK, d.old + to * BLOCK, BLOCK); break;
	case 3:
		memcpy(d.now, d.old, DISK);
		d.size = d.old_size;
		break;
	case 4:
		memcpy(d.old, d.now, DISK);
		d.old_size = d.size;
		d.old_crafted = crafted;
		break;
	case 5: cut(at % (d.size + 9000)); break;
	case 6:
		d.fail_in = from % 40;
		break;
	case 7:
		d.lie_for = from % 8;
		d.lie_at = (uint32_t)at;
		break;
	case 8:
		d.room_size = (uint32_t)(1 + from % 64) * BLOCK;
		break;
	default: memset(d.now + to * BLOCK, 0, BLOCK);
	}
}

static void program_step(uint32_t what)
{
	const uint32_t offset = take(3), size = take(2);

	if (!v)
		return;
	switch (what) {
	case 0:
		if (!crafted && !unknown)
			(void)compare(offset % FILE_MAX, size % PIECE, model, model_size);
		else
			(void)compare(offset, 0, model, 0);
		break;
	case 1: write_some(offset, size, offset ^ size); break;
	case 2: truncate_it(offset); break;
	case 3: case 4: commit(what == 3); break;
	case 5: rename_it(offset & 1); break;
	default: close_it();
	}
}

/* Of a file about which nothing is known: far and near. */
static void read_anywhere(void)
{
	static uint8_t bytes[PIECE];
	const uint64_t offset = (uint64_t)take(3) << take(1) % 40;

	if (v)
		(void)!om_vault_read(v, offset, bytes, take(2) % PIECE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t used = d.size > d.old_size ? d.size : d.old_size;

	input.at = data;
	input.left = size;
	memset(d.now, 0, used < DISK ? used : DISK);
	memset(d.old, 0, used < DISK ? used : DISK);
	d.size = d.old_size = 0;
	d.random = 1;
	d.room_size = sizeof d.room;
	d.fail_in = d.lie_for = 0;
	crafted = d.old_crafted = false;
	name = 0;
	create();
	for (int i = 0; i < STEPS && input.left; i++) {
		const uint32_t step = take(1);

		if (step < 0x70)
			program_step(step % 7);
		else if (step < 0x90)
			open_it(step & 1, step & 2 ? take(1) : count - 1, step & 4 ? 1 - name : name);
		else if (step < 0xa0)
			peek(step & 1 ? take(1) : count - 1);
		else if (step < 0xe0)
			host_step(step - 0xa0);
		else if (step < 0xe8)
			read_anywhere();
		else if (step >= 0xfe)
			create();
		else if (!v && begin_crafting())
			step & 1 ? craft_super() : craft_tree();
	}
	if (v)
		close_it();
	forget_states();
	free(d.given);
	d.given = NULL;
	return 0;
}
