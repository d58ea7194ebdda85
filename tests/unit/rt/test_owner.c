/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an owner's grant does (trusted/rt/owner.c), with a pretended runtime: it is taken whole, or nothing of it is. The messages are
 * real. What is behind the grant's signature is tested with them (tests/unit/test_unlock.c); here the items are there already.
 */
#include "../unit.h"
#include "rt/owner.c"

/* ---- the pretended runtime ---- */

static struct { struct om_launch launch; bool there, sealed, seal_fails, running; uint8_t lineage[RT_LINEAGE_SIZE]; } rt;
static struct { unsigned lineage, seal, roots, resumed; } done;
static uint8_t known_roots[64];
static uint32_t known_size;
static struct om_image_header header;

const struct om_image_header *rt_image = &header;
const struct om_launch *rt_launch(void) { return &rt.launch; }
bool rt_lineage_there(void) { return rt.there; }

int rt_lineage_set(const uint8_t key[RT_LINEAGE_SIZE])
{
	if (rt.there)
		return OM_ESTATE;
	memcpy(rt.lineage, key, RT_LINEAGE_SIZE);
	rt.there = true;
	done.lineage++;
	return 0;
}

static const uint8_t seal_id[OM_SEAL_ID] = { 5, 6 };

bool rt_seal_waits(uint8_t ret_id[OM_SEAL_ID])
{
	memcpy(ret_id, seal_id, OM_SEAL_ID);
	return rt.sealed;
}

int rt_seal_grant(void)
{
	static const uint8_t key[RT_LINEAGE_SIZE] = { 9 };

	if (rt.seal_fails)
		return OM_EAUTH;
	done.seal++;
	rt.sealed = false;
	return rt_lineage_set(key);
}

long rt_vault_import_check(const void *from, size_t size)
{
	(void)from;
	return known_size ? -EBUSY : size % 64 ? -EINVAL : 0;
}

long rt_vault_import(const void *from, size_t size)
{
	const long error = rt_vault_import_check(from, size);

	if (error)
		return error;
	memcpy(known_roots, from, sizeof known_roots);
	known_size = (uint32_t)size;
	done.roots++;
	return 0;
}

_Noreturn void rt_fatal(int error, const char *words)
{
	fail_msg("fatal: %d %s", error, words);
	__builtin_unreachable();
}

void rt_resume_all(void) { done.resumed++; }
void engine_let_go(void) { }
void rt_lock(struct rt_lock *lock) { (void)lock; }
void rt_unlock(struct rt_lock *lock) { (void)lock; }

/* ---- grants ---- */

static const uint8_t hash[32] = { 3 }, mine[32] = { 7 };
static uint8_t box[OM_UNLOCK_BOX(1024)];
static const char *words;

static struct om_view bytes_of(const void *bytes, size_t size)
{
	return (struct om_view) { bytes, size };
}

static void item(struct om_put *put, enum om_unlock_type type, const char *name, const void *bytes, size_t size)
{
	const struct om_unlock_item i = { type, bytes_of(name, strlen(name)), bytes_of(bytes, size) };

	assert_int_equal(om_unlock_item_put(put, &i), 0);
}

/* What an ancestor hands on. @roots_size: of bytes of roots, 0: none. */
static struct om_view package(bool lineage, size_t roots_size)
{
	static const uint8_t key[RT_LINEAGE_SIZE] = { 4 }, roots_of[128] = { 8 }, ephemeral[32] = { 9 };
	uint8_t public[32], plain[1024];
	struct om_put put;
	size_t size;

	om_x25519_public(mine, public);
	om_put_init(&put, plain, sizeof plain);
	if (lineage)
		item(&put, OM_UNLOCK_LINEAGE, "", key, sizeof key);
	if (roots_size)
		item(&put, OM_UNLOCK_ROOTS, "", roots_of, roots_size);
	item(&put, OM_UNLOCK_SECRET, "inherited", "old", 3);
	assert_int_equal(om_unlock_box_seal(OM_UNLOCK_BOX_PACKAGE, hash, public, ephemeral, bytes_of(plain, om_put_size(&put)), box, sizeof box, &size, NULL), 0);
	return bytes_of(box, size);
}

/* A grant with a secret, and what else there is. */
static int give(const uint8_t *restart, struct om_view with)
{
	struct om_put put;

	om_put_init(&put, body, sizeof body);
	if (restart)
		item(&put, OM_UNLOCK_RESTART, "", restart, OM_SEAL_ID);
	if (with.size)
		item(&put, OM_UNLOCK_PACKAGE, "", with.data, with.size);
	item(&put, OM_UNLOCK_SECRET, "token", "new", 3);
	return take_grant(om_put_size(&put), hash, mine, &words);
}

static int set_up(void **nothing)
{
	(void)nothing;
	memset(&rt, 0, sizeof rt);
	memset(&done, 0, sizeof done);
	memset(&secrets, 0, sizeof secrets);
	known_size = 0;
	atomic_store(&state, OM_UNLOCK_IS_WAITING);
	return 0;
}

static void nothing_changed(uint32_t now)
{
	assert_int_equal(done.lineage + done.seal + done.roots + done.resumed, 0);
	assert_int_equal(secrets.count, 0);
	assert_int_equal(secrets.used, 0);
	assert_int_equal(known_size, 0);
	assert_int_equal(atomic_load(&state), now);
}

static void test_whole(void **nothing)
{
	(void)nothing;
	rt.launch.lineage = OM_LINEAGE_OWNER;
	assert_int_equal(give(NULL, package(true, 64)), 0);
	assert_true(done.lineage == 1 && done.roots == 1 && done.resumed == 1 && secrets.count == 2);
	assert_int_equal(rt.lineage[0], 4);
	assert_int_equal(atomic_load(&state), OM_UNLOCK_RUNS);
}

static void test_seal(void **nothing)
{
	(void)nothing;
	rt.launch.lineage = OM_LINEAGE_SEAL;
	rt.sealed = true;
	assert_int_equal(give(seal_id, bytes_of(NULL, 0)), 0);
	assert_true(done.seal == 1 && done.resumed == 1 && secrets.count == 1);
}

/* The seal does not open any more. A program whose owner tries again must find what it found before, or it would never take the package. */
static void test_seal_fails(void **nothing)
{
	(void)nothing;
	rt.launch.lineage = OM_LINEAGE_SEAL;
	rt.sealed = rt.seal_fails = true;
	assert_int_equal(give(seal_id, package(false, 64)), OM_EAUTH);
	assert_string_equal(words, "the seal does not open any more");
	nothing_changed(OM_UNLOCK_IS_WAITING);
	rt.seal_fails = false;
	assert_int_equal(give(seal_id, package(false, 64)), 0);
	assert_true(done.seal == 1 && done.roots == 1 && done.resumed == 1 && known_roots[0] == 8);
}

static void test_roots(void **nothing)
{
	(void)nothing;
	rt.launch.lineage = OM_LINEAGE_OWNER;
	assert_int_equal(give(NULL, package(true, 63)), OM_EINVAL);
	nothing_changed(OM_UNLOCK_IS_WAITING);
	known_size = 64;                              /* of files that it has touched */
	assert_int_equal(give(NULL, package(true, 64)), OM_EINVAL);
	known_size = 0;
	nothing_changed(OM_UNLOCK_IS_WAITING);
	assert_int_equal(give(NULL, package(true, 64)), 0);
}

/* One that runs takes secrets, and no roots, whether it has touched files or not. */
static void test_running(void **nothing)
{
	(void)nothing;
	atomic_store(&state, OM_UNLOCK_RUNS);
	assert_int_equal(give(NULL, package(false, 64)), OM_ESTATE);
	nothing_changed(OM_UNLOCK_RUNS);
	assert_int_equal(give(NULL, package(false, 0)), 0);
	assert_true(secrets.count == 2 && done.resumed == 0);
}

/* What the program waits for must come with it. */
static void test_missing(void **nothing)
{
	(void)nothing;
	rt.launch.lineage = OM_LINEAGE_OWNER;
	assert_int_equal(give(NULL, bytes_of(NULL, 0)), OM_EINVAL);
	nothing_changed(OM_UNLOCK_IS_WAITING);
	rt.launch.lineage = OM_LINEAGE_SEAL;
	rt.sealed = true;
	assert_int_equal(give(NULL, package(false, 64)), OM_EINVAL);
	nothing_changed(OM_UNLOCK_IS_WAITING);
	assert_int_equal(give(hash, package(false, 64)), OM_ESTATE);
	nothing_changed(OM_UNLOCK_IS_WAITING);
	rt.sealed = false;
	assert_int_equal(give(NULL, package(true, 64)), OM_ESTATE);
	nothing_changed(OM_UNLOCK_IS_WAITING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole, set_up),
		cmocka_unit_test_setup(test_seal, set_up),
		cmocka_unit_test_setup(test_seal_fails, set_up),
		cmocka_unit_test_setup(test_roots, set_up),
		cmocka_unit_test_setup(test_running, set_up),
		cmocka_unit_test_setup(test_missing, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
