/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured launch: its one encoding, what is refused of others, names as they are made normal, and what the lists say of them.
 */
#include "unit.h"
#include "launch.h"

enum { MAX = 1 << 16 };
static uint8_t bytes[MAX];
static size_t bytes_size;

static uint8_t hashes[3][OM_SHA256_SIZE];
static const char content[] = "what the file says\n";

#define LIST(which, ...) .list[which] = (const char *const[]){ __VA_ARGS__ }, \
	.count[which] = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

static const struct om_launch_file facts[] = { { sizeof content - 1, hashes }, { 0, NULL }, { OM_LAUNCH_BLOCK + 1, hashes + 1 } };
#define OWNER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static const struct om_launch_source whole = {
	.lineage = OM_LINEAGE_OWNER, .after_move = 1,
	LIST(OM_LAUNCH_ARGS, "program", "", "-x", "a b"),
	LIST(OM_LAUNCH_PASS, "LANG", "LC_*"),
	LIST(OM_LAUNCH_SET, "A=", "AB=1=2"),
	LIST(OM_LAUNCH_ALLOWED, "/data/", "/data/db/plain/", "/etc/app/state", "log", "out/"),
	LIST(OM_LAUNCH_SEALED, "/etc/app/", "conf/"),
	LIST(OM_LAUNCH_TRUSTED, "/etc/app/a", "/etc/hosts", "conf/b"),
	LIST(OM_LAUNCH_ENCRYPTED, "/data/db/", "/data/db/plain/key", "/etc/app/secret", "log.d/"),
	LIST(OM_LAUNCH_SECRETS, "Db_1.key-2", "token"),
	LIST(OM_LAUNCH_UNLOCK, OWNER OWNER),
	.file = facts,
};

static struct om_launch launch_of(const struct om_launch_source *source)
{
	struct om_launch l;

	om_sha256(content, sizeof content - 1, hashes[0]);
	bytes_size = om_launch_size(source);
	assert_in_range(bytes_size, 1, MAX);
	assert_int_equal(om_launch_encode(source, bytes, bytes_size), 0);
	assert_int_equal(om_launch_decode(bytes, bytes_size, &l), 0);
	return l;
}

static bool string_is(struct om_launch_string s, const char *text)
{
	return s.size == strlen(text) && !memcmp(s.text, text, s.size);
}

static void test_round(void **state)
{
	const struct om_launch l = launch_of(&whole);
	uint8_t hash[OM_SHA256_SIZE], joined[OM_SHA256_SIZE], owner[OM_LAUNCH_OWNER / 2];

	(void)state;
	assert_int_equal(om_launch_extent(bytes, sizeof bytes), bytes_size);
	assert_int_equal(om_launch_extent(bytes, bytes_size), bytes_size);
	assert_int_equal(om_launch_extent(bytes, bytes_size - 1), 0);
	assert_int_equal(l.any, 0);
	assert_int_equal(l.lineage, OM_LINEAGE_OWNER);
	assert_int_equal(l.after_move, 1);
	assert_true(om_launch_owner(&l, owner));
	for (size_t i = 0; i < sizeof owner; i++)
		assert_int_equal(owner[i], 0x22 * (i % 8) + 1);
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++) {
		assert_int_equal(l.count[list], whole.count[list]);
		for (uint32_t i = 0; i < l.count[list]; i++)
			assert_true(string_is(om_launch_string(&l, list, i), whole.list[list][i]));
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(om_launch_file_size(&l, i), facts[i].size);
	assert_int_equal(om_launch_block_size(&l, 0, 0), sizeof content - 1);
	assert_int_equal(om_launch_block_size(&l, 0, 1), 0);
	assert_int_equal(om_launch_block_size(&l, 1, 0), 0);
	assert_int_equal(om_launch_block_size(&l, 2, 0), OM_LAUNCH_BLOCK);
	assert_int_equal(om_launch_block_size(&l, 2, 1), 1);
	assert_int_equal(om_launch_block_size(&l, 2, UINT64_MAX), 0);
	assert_true(om_launch_block_is(&l, 0, 0, content, 0));
	assert_false(om_launch_block_is(&l, 0, 1, content, 0));
	assert_false(om_launch_block_is(&l, 0, 0, "what the file says!", 0));
	om_launch_file_hash(&l, 0, hash);
	assert_memory_equal(hash, hashes[0], sizeof hash);
	om_sha256(hashes + 1, sizeof hashes[0] * 2, joined);
	om_launch_file_hash(&l, 2, hash);
	assert_memory_equal(hash, joined, sizeof hash);
	om_sha256("", 0, joined);
	om_launch_file_hash(&l, 1, hash);
	assert_memory_equal(hash, joined, sizeof hash);
}

static void test_nothing(void **state)
{
	struct om_launch l;
	uint32_t index;

	(void)state;
	assert_int_equal(om_launch_decode(NULL, 0, &l), 0);
	assert_false(om_launch_rules_files(&l));
	assert_false(om_launch_owner(&l, bytes));
	assert_int_equal(l.lineage, OM_LINEAGE_NEW);
	assert_int_equal(l.after_move, 0);
	assert_true(om_launch_passes(&l, "X", 1));
	assert_int_equal(om_launch_judge(&l, "/x", "/", &index), OM_LAUNCH_IS_ALLOWED);
}

/* Every byte counts, and none may be missing or left over. */
static void test_damaged(void **state)
{
	struct om_launch l = launch_of(&whole);

	(void)state;
	for (size_t size = 1; size < bytes_size; size++)
		assert_int_not_equal(om_launch_decode(bytes, size, &l), 0);
	assert_int_equal(om_launch_decode(bytes, bytes_size + 8, &l), OM_ETRAILING);
	for (size_t i = 0; i < OM_LAUNCH_HEAD; i++) {
		bytes[i] ^= 0x80;
		assert_int_not_equal(om_launch_decode(bytes, bytes_size, &l), 0);
		bytes[i] ^= 0x80;
	}
	/* Strings' ends, files: any other number is another encoding of the same, or none. */
	for (size_t i = OM_LAUNCH_HEAD; i < OM_LAUNCH_HEAD + 25 * 4 + 4; i++) {
		bytes[i] ^= 0x80;
		assert_int_not_equal(om_launch_decode(bytes, bytes_size, &l), 0);
		bytes[i] ^= 0x80;
	}
	assert_int_equal(om_launch_decode(bytes, bytes_size, &l), 0);
}

static int error_of(const struct om_launch_source *source)
{
	return om_launch_encode(source, bytes, om_launch_size(source));
}

static void test_refused(void **state)
{
#define ARGS LIST(OM_LAUNCH_ARGS, "p")
	const struct om_launch_source bad[] = {
		{ .any = 8, ARGS },
		{ .any = OM_LAUNCH_ANY_ARGS, ARGS },
		{ .any = 0 },
		{ .any = OM_LAUNCH_ANY_ENV, ARGS, LIST(OM_LAUNCH_PASS, "A") },
		{ .any = OM_LAUNCH_ANY_FILES, ARGS, LIST(OM_LAUNCH_ALLOWED, "/a") },
		{ ARGS, LIST(OM_LAUNCH_PASS, "B", "A") },
		{ ARGS, LIST(OM_LAUNCH_PASS, "A", "A") },
		{ ARGS, LIST(OM_LAUNCH_PASS, "") },
		{ ARGS, LIST(OM_LAUNCH_PASS, "A=") },
		{ ARGS, LIST(OM_LAUNCH_PASS, "A*B") },
		{ ARGS, LIST(OM_LAUNCH_SET, "=A") },
		{ ARGS, LIST(OM_LAUNCH_SET, "A") },
		{ ARGS, LIST(OM_LAUNCH_SET, "A=1", "A=2") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, "") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, "/a/../b") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, "/a//b") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, "./a") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, "../a") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, "..") },
		{ ARGS, LIST(OM_LAUNCH_ALLOWED, ".") },
		{ ARGS, LIST(OM_LAUNCH_SEALED, "/a") },
		{ ARGS, LIST(OM_LAUNCH_TRUSTED, "/a/"), .file = facts },
		{ ARGS, LIST(OM_LAUNCH_TRUSTED, "/"), .file = facts },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "") },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "../a") },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "/b", "/a") },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "/a"), LIST(OM_LAUNCH_ALLOWED, "/a") },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "/a/"), LIST(OM_LAUNCH_ALLOWED, "/a/") },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "/a/"), LIST(OM_LAUNCH_SEALED, "/a/") },
		{ ARGS, LIST(OM_LAUNCH_ENCRYPTED, "/a"), LIST(OM_LAUNCH_TRUSTED, "/a"), .file = facts },
		{ ARGS, LIST(OM_LAUNCH_SECRETS, "") },
		{ ARGS, LIST(OM_LAUNCH_SECRETS, "a/b") },
		{ ARGS, LIST(OM_LAUNCH_SECRETS, "..") },
		{ ARGS, LIST(OM_LAUNCH_SECRETS, "b", "a") },
		{ ARGS, LIST(OM_LAUNCH_SECRETS, OWNER "0") },
		{ ARGS, LIST(OM_LAUNCH_UNLOCK, OWNER) },
		{ ARGS, LIST(OM_LAUNCH_UNLOCK, OWNER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeF") },
		{ ARGS, LIST(OM_LAUNCH_UNLOCK, OWNER OWNER, OWNER "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef") },
		{ ARGS, .lineage = OM_LINEAGES },
		{ ARGS, .after_move = 9 },
		{ ARGS, .after_move = 19 },
		{ ARGS, .after_move = 32 },
		{ ARGS, .after_move = 65 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_not_equal(error_of(&bad[i]), 0);
	assert_int_equal(error_of(&(struct om_launch_source){ ARGS, LIST(OM_LAUNCH_ALLOWED, "./", "..a", "/") }), OM_EINVAL); /* order */
	assert_int_equal(error_of(&(struct om_launch_source){ ARGS, LIST(OM_LAUNCH_ALLOWED, "..a", "/") }), 0);
}

static void test_normal(void **state)
{
	static const char *const pairs[][2] = {
		{ "/", "/" }, { "//", "/" }, { "/..", "/" }, { "/../..", "/" }, { "/a/", "/a" }, { "/a/b/..", "/a" }, { "/a/..", "/" },
		{ "/a/../b", "/b" }, { "/a/./b//c", "/a/b/c" }, { "/a/b/../../c", "/c" }, { "/.a/..b/...", "/.a/..b/..." }, { "/a/..b/..", "/a" },
		{ "a", "a" }, { "./a", "a" }, { "a/..", "." }, { ".", "." }, { "./", "." }, { "a/../..", ".." }, { "../a", "../a" },
		{ "../a/..", ".." }, { "../../a/../b", "../../b" }, { "a/b/..", "a" }, { "a/../../b/c/..", "../b" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		snprintf(text, sizeof text, "%s", pairs[i][0]);
		assert_int_equal(om_launch_normalise(text), strlen(pairs[i][1]));
		assert_string_equal(text, pairs[i][1]);
	}
}

struct expected { const char *path, *start; enum om_launch_verdict verdict; int index; };

static void judged(const struct om_launch *l, const struct expected *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t index = 99;
		const enum om_launch_verdict verdict = om_launch_judge(l, e[i].path, e[i].start, &index);

		if (verdict != e[i].verdict || (verdict == OM_LAUNCH_IS_TRUSTED && index != (uint32_t)e[i].index))
			fail_msg("%s from %s: %d, %u", e[i].path, e[i].start, verdict, index);
	}
}
#define JUDGED(l, ...) judged(l, (const struct expected[]){ __VA_ARGS__ }, sizeof((const struct expected[]){ __VA_ARGS__ }) / sizeof(struct expected))
#define UNLISTED OM_LAUNCH_IS_UNLISTED, 0
#define ABOVE OM_LAUNCH_IS_ABOVE, 0
#define ALLOWED OM_LAUNCH_IS_ALLOWED, 0
#define ENCRYPTED OM_LAUNCH_IS_ENCRYPTED, 0
#define TRUSTED(index) OM_LAUNCH_IS_TRUSTED, index

static void test_judge(void **state)
{
	const struct om_launch l = launch_of(&whole);

	(void)state;
	JUDGED(&l, { "/etc/app/a", "/", TRUSTED(0) }, { "/etc/hosts", "/x", TRUSTED(1) }, { "/conf/b", "/", TRUSTED(2) },
		{ "/x/conf/b", "/x", TRUSTED(2) }, { "/xx/conf/b", "/x", UNLISTED }, { "/conf/b", "/x", UNLISTED }, { "/x/y/conf/b", "/x", UNLISTED },
		{ "/etc/app/evil", "/", UNLISTED }, { "/etc/app/state", "/", ALLOWED }, { "/etc/app/state/x", "/", UNLISTED },
		{ "/etc/app/a/b", "/", UNLISTED }, { "/etc/host", "/", UNLISTED }, { "/etc/hosts2", "/", UNLISTED },
		{ "/etc", "/", ABOVE }, { "/etc/app", "/", ABOVE }, { "/", "/", ABOVE }, { "/data", "/", ALLOWED }, { "/data/x/y", "/", ALLOWED },
		{ "/database", "/", UNLISTED }, { "/x/log", "/x", ALLOWED }, { "/x/out", "/x", ALLOWED }, { "/x/out/y", "/x", ALLOWED },
		{ "/x/conf", "/x", ABOVE }, { "/x/conf/evil", "/x", UNLISTED }, { "/x", "/x", ABOVE }, { "/x", "/x/y", ABOVE }, { "/xy", "/x/y", UNLISTED },
		/* A host that chooses the start well moves nothing that has an absolute name. */
		{ "/etc/app/out/evil", "/etc/app", UNLISTED }, { "/etc/app/log", "/etc/app", UNLISTED }, { "/data/conf/evil", "/data", UNLISTED },
		{ "/data/conf/b", "/data", TRUSTED(2) });
}

/* The deepest directory counts, and a name before them all; below a sealed one only what is named. */
static void test_judge_encrypted(void **state)
{
	const struct om_launch l = launch_of(&whole);
	const struct om_launch_source any = { .any = OM_LAUNCH_ANY_ARGS | OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES, LIST(OM_LAUNCH_ENCRYPTED, "/db/a", "e/") };
	struct om_launch open;

	(void)state;
	JUDGED(&l, { "/data/db/a", "/", ENCRYPTED }, { "/data/db", "/", ENCRYPTED }, { "/data/db/x/y", "/", ENCRYPTED }, { "/data/dba", "/", ALLOWED },
		{ "/data/db/plain/x", "/", ALLOWED }, { "/data/db/plain/key", "/", ENCRYPTED }, { "/data/db/plainer", "/", ENCRYPTED },
		{ "/etc/app/secret", "/", ENCRYPTED }, { "/etc/app/secret/x", "/", UNLISTED }, { "/x/log.d/y", "/x", ENCRYPTED }, { "/log.d/y", "/x", UNLISTED },
		/* Where it starts decides nothing of an absolute name, and never makes plain what is encrypted. */
		{ "/data/db/log", "/data/db", ENCRYPTED }, { "/data/log.d/y", "/data", ENCRYPTED }, { "/etc/app/log.d/y", "/etc/app", UNLISTED });
	open = launch_of(&any);
	assert_true(om_launch_rules_files(&open));
	JUDGED(&open, { "/db/a", "/", ENCRYPTED }, { "/db/b", "/", ALLOWED }, { "/db", "/", ABOVE }, { "/x/e/f", "/x", ENCRYPTED }, { "/e/f", "/x", ALLOWED });
}

/* What is trusted is trusted though everything else is allowed, and the directory holds nothing else. */
static void test_judge_any(void **state)
{
	const struct om_launch_source source = { .any = OM_LAUNCH_ANY_ARGS | OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES,
		LIST(OM_LAUNCH_SEALED, "/etc/app/"), LIST(OM_LAUNCH_TRUSTED, "/etc/app/a"), .file = facts };
	const struct om_launch l = launch_of(&source);

	(void)state;
	assert_true(om_launch_rules_files(&l));
	JUDGED(&l, { "/etc/app/a", "/", TRUSTED(0) }, { "/etc/app/b", "/", UNLISTED }, { "/etc", "/", ABOVE }, { "/etc/app", "/", ABOVE },
		{ "/etc/b", "/", ALLOWED }, { "/b", "/b", ALLOWED });
}

static void test_whole_start(void **state)
{
	const struct om_launch_source source = { LIST(OM_LAUNCH_ARGS, "p"), LIST(OM_LAUNCH_ALLOWED, "./"), LIST(OM_LAUNCH_TRUSTED, "a"), .file = facts };
	const struct om_launch l = launch_of(&source);

	(void)state;
	JUDGED(&l, { "/s/a", "/s", TRUSTED(0) }, { "/s/b", "/s", ALLOWED }, { "/s/b/c", "/s", ALLOWED }, { "/s", "/s", ALLOWED }, { "/t", "/s", UNLISTED },
		{ "/", "/s", ABOVE }, { "/x", "/", ALLOWED });
}

static void test_environment(void **state)
{
	struct om_launch l = launch_of(&whole);

	(void)state;
	assert_true(om_launch_passes(&l, "LANG", 4));
	assert_false(om_launch_passes(&l, "LANG", 3));
	assert_false(om_launch_passes(&l, "LANGUAGE", 8));
	assert_true(om_launch_passes(&l, "LC_ALL", 6));
	assert_true(om_launch_passes(&l, "LC_", 3));
	assert_false(om_launch_passes(&l, "LC", 2));
	assert_false(om_launch_passes(&l, "LD_PRELOAD", 10));
	l.any |= OM_LAUNCH_ANY_ENV;
	assert_true(om_launch_passes(&l, "LD_PRELOAD", 10));
	assert_false(om_launch_passes(&l, "A", 1));
	assert_false(om_launch_passes(&l, "AB", 2));
	assert_true(om_launch_passes(&l, "ABC", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round), cmocka_unit_test(test_nothing), cmocka_unit_test(test_damaged), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_normal), cmocka_unit_test(test_judge), cmocka_unit_test(test_judge_encrypted), cmocka_unit_test(test_judge_any), cmocka_unit_test(test_whole_start),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
