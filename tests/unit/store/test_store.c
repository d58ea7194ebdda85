/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store on a real file system, with a real signed image (OPTMIG_TEST_IMAGE): what is added is found, what others may write to
 * is refused, what is no entry is told, and writers that race or die leave a store that is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "store/store.h"
#include "unit/unit.h"
#include "util.h"

static char base[4096], directory[4096], file[4096];
static uint8_t *contents;
static size_t size;
static struct host_image image;

static const char *in(const char *name)
{
	static char path[4][8192];
	static unsigned turn;

	snprintf(path[++turn % 4], sizeof path[0], "%s/%s", directory, name);
	return path[turn % 4];
}

static void spit(const char *path, const void *data, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(host_write_all(fd, data, length), 0);
	close(fd);
}

static int empty_store(void **state)
{
	char command[8192];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s/*", base);
	assert_int_equal(system(command), 0);
	snprintf(file, sizeof file, "%s/program", base);
	spit(file, contents, size);
	snprintf(directory, sizeof directory, "%s/deep/store", base);
	setenv("OPTMIG_IMAGE_STORE", directory, 1);
	umask(022);
	return 0;
}

static struct store opened(bool create)
{
	struct store store;

	assert_int_equal(store_open(create, &store), 0);
	return store;
}

static struct store_entry added(const struct store *store)
{
	struct store_entry entry;
	int error = store_add(store, file, NULL, &entry);

	if (error)
		fail_msg("%s", host_reason());
	return entry;
}

static int find(const struct store *store, const struct store_entry *entry)
{
	struct store_entry found;
	int error = store_find(store, entry->mrenclave, &found, &image);

	if (!error) {
		assert_int_equal(image.size, size);
		assert_memory_equal(image.file, contents, size);
		host_image_done(&image);
	} else {
		assert_null(image.file);
	}
	return error;
}

static const char *name_of(const struct store_entry *entry)
{
	static char hex[65];

	host_hash_text(entry->mrenclave, hex);
	return hex;
}

static const char *of_entry(const struct store_entry *entry, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", name_of(entry), name);
	return in(path);
}

/* Names in the store that are not the lock. */
static unsigned names(void)
{
	DIR *d = opendir(directory);
	const struct dirent *e;
	unsigned count = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, ".lock");
	closedir(d);
	return count;
}

/* ---- the ordinary ------------------------------------------------------------------------------------------ */

static void adds_finds_removes(void **state)
{
	struct store store;
	struct store_entry entry, found;
	struct stat status;

	(void)state;
	assert_int_equal(store_open(false, &store), OM_ENOTFOUND);
	store = opened(true);
	entry = added(&store);
	assert_true(strlen(entry.name) > 0 && entry.size_bytes == size && entry.debug);
	assert_int_equal(store_find(&store, entry.mrenclave, &found, &image), 0);
	host_image_done(&image);
	assert_memory_equal(&entry, &found, sizeof entry);
	assert_int_equal(store_verify(&store, entry.mrenclave, NULL, NULL), 0);
	assert_int_equal(stat(of_entry(&entry, "image"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0444);
	assert_int_equal(names(), 1);
	added(&store);
	assert_int_equal(names(), 1);
	assert_int_equal(store_remove(&store, entry.mrenclave), 0);
	assert_int_equal(store_remove(&store, entry.mrenclave), OM_ENOTFOUND);
	assert_int_equal(find(&store, &entry), OM_ENOTFOUND);
	assert_int_equal(names(), 0);
	store_close(&store);
}

static void keeps_and_changes_rights(void **state)
{
	struct store store = opened(true);
	struct store_rights rights = { 0 };
	struct store_entry entry, found;

	(void)state;
	assert_int_equal(store_user_parse("nobody", &rights), 0);
	assert_int_equal(store_ports_parse("80/tcp,443,8000-8010/udp", &rights), 0);
	assert_int_equal(store_owners_parse("nobody,1000:1001,:0", &rights), 0);
	assert_int_equal(store_add(&store, file, &rights, &entry), 0);
	assert_int_equal(store_add(&store, file, NULL, &entry), 0);
	assert_int_equal(store_find(&store, entry.mrenclave, &found, &image), 0);
	host_image_done(&image);
	assert_memory_equal(&found.rights, &rights, sizeof rights);
	assert_int_equal(found.rights.ports[2].first, 8000);
	assert_int_equal(found.rights.ports[2].last, 8010);
	assert_int_equal(found.rights.ports[2].protocols, STORE_UDP);
	rights = (struct store_rights){ 0 };
	assert_int_equal(store_add(&store, file, &rights, &entry), 0);
	assert_int_equal(store_find(&store, entry.mrenclave, &found, &image), 0);
	host_image_done(&image);
	assert_string_equal(found.rights.user, "");
	assert_int_equal(found.rights.port_count + found.rights.owner_count, 0);
	store_close(&store);
}

static void selects(void **state)
{
	struct store store = opened(true);
	struct store_entry entry = added(&store);
	uint8_t got[32];
	char prefix[65];

	(void)state;
	for (size_t length = 1; length <= 64; length++) {
		snprintf(prefix, sizeof prefix, "%.*s", (int)length, name_of(&entry));
		assert_int_equal(store_select(&store, prefix, got), length < STORE_PREFIX_MIN ? OM_ENOTFOUND : 0);
	}
	assert_memory_equal(got, entry.mrenclave, 32);
	assert_int_equal(store_select(&store, entry.name, got), 0);
	assert_int_equal(store_select(&store, "", got), OM_ENOTFOUND);
	assert_int_equal(store_select(&store, "../../etc", got), OM_ENOTFOUND);
	/* Another that begins with the same digits, and is damaged: a prefix of both means neither. */
	snprintf(prefix, sizeof prefix, "%.32s%032d", name_of(&entry), 0);
	assert_int_equal(mkdir(in(prefix), 0755), 0);
	assert_int_equal(store_select(&store, entry.name, got), 0);
	prefix[32] = 0;
	assert_int_equal(store_select(&store, prefix, got), OM_EINVAL);
	assert_non_null(strstr(host_reason(), "2 images"));
	prefix[32] = '0';
	assert_int_equal(store_select(&store, prefix, got), 0);
	assert_int_equal(store_remove(&store, got), 0);
	assert_int_equal(names(), 1);
	store_close(&store);
}

/* ---- who may write ------------------------------------------------------------------------------------------ */

static void refuses_what_others_may_write(void **state)
{
	struct store store = opened(true), again;
	struct store_entry entry = added(&store);
	char path[8192];
	const char *parts[] = { "", "image", "entry.json" };

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (mode_t bit = 020; bit; bit = bit == 020 ? 002 : 0) {
			const mode_t mode = *parts[i] ? 0444 : 0755;

			snprintf(path, sizeof path, "%s", of_entry(&entry, parts[i]));
			assert_int_equal(chmod(path, mode | bit), 0);
			assert_int_equal(find(&store, &entry), OM_EPERM);
			assert_non_null(strstr(host_reason(), "chmod go-w"));
			assert_int_equal(chmod(path, mode), 0);
			assert_int_equal(find(&store, &entry), 0);
		}
	for (mode_t bit = 020; bit; bit = bit == 020 ? 002 : 0) {
		assert_int_equal(chmod(directory, 0755 | bit), 0);
		assert_int_equal(store_open(false, &again), OM_EPERM);
		assert_int_equal(store_open(true, &again), OM_EPERM);
		assert_non_null(strstr(host_reason(), directory));
	}
	assert_int_equal(chmod(directory, 0755), 0);
	if (geteuid() == 0) {
		snprintf(path, sizeof path, "%s", of_entry(&entry, "image"));
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(find(&store, &entry), OM_EPERM);
		assert_non_null(strstr(host_reason(), "belongs to user 65534"));
		assert_int_equal(chown(directory, 65534, 65534), 0);
		assert_int_equal(store_open(false, &again), OM_EPERM);
		assert_int_equal(chown(directory, 0, 0), 0);
		/* A damaged entry can be removed, and added. */
		assert_int_equal(store_remove(&store, entry.mrenclave), 0);
		added(&store);
		assert_int_equal(find(&store, &entry), 0);
	}
	store_close(&store);
}

static void a_mask_gives_nothing_away(void **state)
{
	struct store store, again;
	struct store_entry entry;

	(void)state;
	umask(0);
	store = opened(true);
	entry = added(&store);
	store_close(&store);
	again = opened(false);
	assert_int_equal(find(&again, &entry), 0);
	store_close(&again);
}

/* ---- hostile and damaged contents --------------------------------------------------------------------------- */

static unsigned visited, problems;

static void count(void *context, const char *name, const struct store_entry *entry, int error)
{
	(void)context;
	(void)name;
	assert_true(!error == !!entry);
	visited++;
	problems += error != 0;
}

static void look(const struct store *store, unsigned want_visited, unsigned want_problems)
{
	visited = problems = 0;
	assert_int_equal(store_visit(store, count, NULL), 0);
	assert_int_equal(visited, want_visited);
	assert_int_equal(problems, want_problems);
}

static void is_not_led_astray(void **state)
{
	struct store store = opened(true);
	struct store_entry entry = added(&store);
	char path[8192], elsewhere[8192], zeros[65];

	(void)state;
	/* A FIFO would block whoever opens it, a link would lead out of the store. */
	for (int kind = 0; kind < 3; kind++) {
		for (int part = 0; part < 2; part++) {
			snprintf(path, sizeof path, "%s", of_entry(&entry, part ? "image" : "entry.json"));
			snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", base);
			assert_int_equal(rename(path, elsewhere), 0);
			assert_int_equal(kind == 0 ? mkfifo(path, 0444) : kind == 1 ? symlink(elsewhere, path) : mkdir(path, 0755), 0);
			assert_int_not_equal(find(&store, &entry), 0);
			look(&store, 1, 1);
			assert_int_equal(kind == 2 ? rmdir(path) : unlink(path), 0);
			assert_int_not_equal(find(&store, &entry), 0);
			assert_int_equal(rename(elsewhere, path), 0);
			assert_int_equal(find(&store, &entry), 0);
		}
	}
	/* The entry itself is a link to another store's. */
	snprintf(path, sizeof path, "%s", of_entry(&entry, ""));
	path[strlen(path) - 1] = 0;
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(find(&store, &entry), OM_EPERM);
	assert_int_equal(store_remove(&store, entry.mrenclave), 0);
	assert_int_equal(access(elsewhere, F_OK), 0);
	/* An entry under another MRENCLAVE's name. */
	snprintf(zeros, sizeof zeros, "%064d", 0);
	assert_int_equal(rename(elsewhere, in(zeros)), 0);
	memset(entry.mrenclave, 0, sizeof entry.mrenclave);
	assert_int_equal(find(&store, &entry), OM_EINVAL);
	look(&store, 1, 1);
	/* What is no entry at all. */
	spit(in("README"), "x", 1);
	assert_int_equal(mkdir(in("UPPERCASE"), 0755), 0);
	look(&store, 3, 3);
	store_close(&store);
}

static void notices_damage(void **state)
{
	struct store store = opened(true);
	struct store_entry entry = added(&store), other;
	char path[8192], text[9000];
	uint8_t *bad = malloc(size);
	const struct om_image *i;
	const char *jsons[] = { "", "[]", "{}", "null", "{\"version\": 2}", "{\"version\": 1}" };

	(void)state;
	assert_non_null(bad);
	assert_int_equal(host_image_open(file, true, &image), 0);
	i = &image.image;
	snprintf(path, sizeof path, "%s", of_entry(&entry, "image"));
	/* A byte of a page that is measured: the signature is valid still, so only verify sees it; EINIT would, too. */
	memcpy(bad, contents, size);
	bad[i->segments[0].file_offset + i->segments[0].file_size - 1] ^= 1;
	assert_int_equal(unlink(path), 0);
	spit(path, bad, size);
	assert_int_equal(store_verify(&store, entry.mrenclave, NULL, NULL), OM_ESIGSTRUCT);
	spit(file, bad, size);
	assert_int_equal(store_add(&store, file, NULL, &other), OM_ESIGSTRUCT);
	/* A byte of the signature. */
	memcpy(bad, contents, size);
	bad[i->sigstruct_file_offset + 600] ^= 1;
	spit(path, bad, size);
	assert_int_equal(find(&store, &entry), OM_ESIGSTRUCT);
	spit(file, bad, size);
	assert_int_equal(store_add(&store, file, NULL, &other), OM_ESIGSTRUCT);
	/* Cut off; empty; not there. */
	spit(path, contents, size / 2);
	assert_int_equal(find(&store, &entry), OM_EIMAGE);
	spit(path, contents, 0);
	assert_int_equal(find(&store, &entry), OM_EIMAGE);
	assert_int_equal(store_add(&store, "/dev/zero", NULL, &other), OM_EIMAGE);
	assert_int_equal(store_add(&store, base, NULL, &other), OM_EIMAGE);
	assert_int_equal(store_add(&store, in("nothing"), NULL, &other), OM_EIO);
	assert_int_equal(names(), 1);
	/* Adding it again heals the image, with the rights that it had. */
	spit(file, contents, size);
	added(&store);
	assert_int_equal(store_verify(&store, entry.mrenclave, NULL, NULL), 0);
	/* Rights that cannot be read are not guessed. */
	snprintf(path, sizeof path, "%s", of_entry(&entry, "entry.json"));
	for (size_t k = 0; k < sizeof jsons / sizeof *jsons; k++) {
		unlink(path);
		spit(path, jsons[k], strlen(jsons[k]));
		assert_int_not_equal(find(&store, &entry), 0);
		assert_int_not_equal(store_add(&store, file, NULL, &other), 0);
	}
	snprintf(text, sizeof text, "{\"version\": 1, \"mrenclave\": \"%s\", \"added\": 1, \"user\": \"\", \"ports\": [], \"owners\": [], "
		"\"lesser\": true}", name_of(&entry));
	spit(path, text, strlen(text));
	assert_int_equal(find(&store, &entry), OM_EINVAL);
	assert_int_equal(store_add(&store, file, &(struct store_rights){ 0 }, &other), 0);
	assert_int_equal(find(&store, &entry), 0);
	host_image_done(&image);
	free(bad);
	store_close(&store);
}

/* Every byte of an entry.json altered, and every length: decoded to something of the right form, or refused. */
static void decodes_anything(void **state)
{
	struct store_entry entry = { .added_s = 5 }, got = { 0 };
	char *text, *bad;
	size_t length;

	(void)state;
	assert_int_equal(store_ports_parse("1-2/udp,65535", &entry.rights), 0);
	assert_int_equal(store_owners_parse("1:2", &entry.rights), 0);
	assert_int_equal(store_entry_encode(&entry, &text, &length), 0);
	assert_int_equal(store_entry_decode(text, length, &got), 0);
	bad = malloc(length);
	for (size_t i = 0; i < length; i++) {
		assert_int_not_equal(store_entry_decode(text, i, &got), 0);
		for (int k = 0; k < 8; k++) {
			memcpy(bad, text, length);
			bad[i] = (char)unit_random();
			if (store_entry_decode(bad, length, &got) == 0)
				assert_true(got.rights.port_count <= STORE_PORTS_MAX && got.rights.owner_count <= STORE_OWNERS_MAX);
		}
	}
	free(bad);
	free(text);
}

static void judges_rights(void **state)
{
	static const char *const bad_ports[] = { "", ",", "0", "65536", "x", "80/sctp", "80-", "-80", "90-80", "80,", "80 ", "+80", "80/tcp/udp" };
	static const char *const bad_owners[] = { "", ":", "a:", "-x", "no such", "nobody:", "no-such-account-here", ":no-such-group-here", "4294967295",
		"a/b", "nobody,", "0:4294967295" };
	static const char *const bad_users[] = { "", "root", "0", "no-such-account-here", "a,b", "../x", "-" };
	struct store_rights rights = { 0 }, before;
	char many[400] = "1";

	(void)state;
	assert_int_equal(store_user_parse("nobody", &rights), 0);
	assert_int_equal(store_ports_parse("7", &rights), 0);
	assert_int_equal(store_owners_parse("7", &rights), 0);
	before = rights;
	for (size_t i = 0; i < sizeof bad_ports / sizeof *bad_ports; i++)
		assert_int_equal(store_ports_parse(bad_ports[i], &rights), OM_EINVAL);
	for (size_t i = 0; i < sizeof bad_owners / sizeof *bad_owners; i++)
		assert_int_not_equal(store_owners_parse(bad_owners[i], &rights), 0);
	for (size_t i = 0; i < sizeof bad_users / sizeof *bad_users; i++)
		assert_int_not_equal(store_user_parse(bad_users[i], &rights), 0);
	for (unsigned i = 1; i <= STORE_PORTS_MAX; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), ",%u", i);
	assert_int_equal(store_ports_parse(many, &rights), OM_EINVAL);
	assert_int_equal(store_owners_parse(many, &rights), OM_EINVAL);
	assert_memory_equal(&rights, &before, sizeof rights);
}

/* ---- races and sudden ends ---------------------------------------------------------------------------------- */

#define CHANGES 60

static _Noreturn void change(bool adds)
{
	struct store store;
	struct store_entry entry = { 0 };

	host_log_options(true, false);
	if (store_open(true, &store))
		_exit(1);
	for (int i = 0; i < CHANGES; i++) {
		int error;

		memcpy(entry.mrenclave, image.sigstruct.enclavehash, 32);
		error = adds ? store_add(&store, file, NULL, &entry) : store_remove(&store, entry.mrenclave);
		if (error && (adds || error != OM_ENOTFOUND)) {
			fprintf(stderr, "%s: %d %s\n", adds ? "add" : "remove", error, host_reason());
			_exit(1);
		}
	}
	_exit(0);
}

/* Readers see a whole entry or none, while others add and remove it as quickly as they can. */
static void stays_whole_in_races(void **state)
{
	struct store store = opened(true);
	struct store_entry entry = { 0 };
	unsigned there = 0, missing = 0, running = 4;
	int status;

	(void)state;
	assert_int_equal(host_image_open(file, true, &image), 0);
	host_image_done(&image);
	memcpy(entry.mrenclave, host_image_signed(&image), 32);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			change(i < 2);
	while (running) {
		int error = find(&store, &entry);

		if (error && error != OM_ENOTFOUND)
			fail_msg("%d %s", error, host_reason());
		error ? missing++ : there++;
		visited = problems = 0;
		assert_int_equal(store_visit(&store, count, NULL), 0);
		assert_int_equal(problems, 0);
		while (waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			running--;
		}
	}
	if (!there || !missing) /* a test that saw no race has shown nothing, but is no failure */
		print_message("%u times there, %u times missing\n", there, missing);
	added(&store);
	assert_int_equal(find(&store, &entry), 0);
	assert_int_equal(names(), 1);
	store_close(&store);
}

/* A writer is killed at any moment: nothing half is an entry, and the next writer clears up. */
static void survives_killed_writers(void **state)
{
	struct store store = opened(true);
	struct store_entry entry = { 0 };

	(void)state;
	assert_int_equal(host_image_open(file, true, &image), 0);
	host_image_done(&image);
	memcpy(entry.mrenclave, host_image_signed(&image), 32);
	for (unsigned i = 0; i < 40; i++) {
		int status, error;
		pid_t child = fork();

		if (child == 0)
			for (;;) {
				(void)store_add(&store, file, NULL, &entry);
				(void)store_remove(&store, entry.mrenclave);
			}
		usleep(2000 + 977 * i);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		error = find(&store, &entry);
		if (error && error != OM_ENOTFOUND)
			fail_msg("%d %s", error, host_reason());
		if (!error)
			assert_int_equal(store_verify(&store, entry.mrenclave, NULL, NULL), 0);
	}
	added(&store);
	assert_int_equal(names(), 1);
	store_close(&store);
}

/* The entry goes while its image is in use. */
static void keeps_what_is_open(void **state)
{
	struct store store = opened(true);
	struct store_entry entry = added(&store), found;

	(void)state;
	assert_int_equal(store_find(&store, entry.mrenclave, &found, &image), 0);
	assert_int_equal(store_remove(&store, entry.mrenclave), 0);
	assert_memory_equal(image.file, contents, size);
	assert_int_equal(host_image_verify(&image, NULL, NULL), 0);
	host_image_done(&image);
	store_close(&store);
}

/* What is judged is what is loaded: a private copy does not follow its file. */
static void copies_do_not_follow(void **state)
{
	(void)state;
	assert_int_equal(host_image_open(file, true, &image), 0);
	spit(file, "x", 1);
	assert_int_equal(truncate(file, 0), 0);
	assert_memory_equal(image.file, contents, size);
	assert_int_equal(host_image_verify(&image, NULL, NULL), 0);
	host_image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(adds_finds_removes, empty_store),
		cmocka_unit_test_setup(keeps_and_changes_rights, empty_store),
		cmocka_unit_test_setup(selects, empty_store),
		cmocka_unit_test_setup(refuses_what_others_may_write, empty_store),
		cmocka_unit_test_setup(a_mask_gives_nothing_away, empty_store),
		cmocka_unit_test_setup(is_not_led_astray, empty_store),
		cmocka_unit_test_setup(notices_damage, empty_store),
		cmocka_unit_test_setup(decodes_anything, empty_store),
		cmocka_unit_test_setup(judges_rights, empty_store),
		cmocka_unit_test_setup(stays_whole_in_races, empty_store),
		cmocka_unit_test_setup(survives_killed_writers, empty_store),
		cmocka_unit_test_setup(keeps_what_is_open, empty_store),
		cmocka_unit_test_setup(copies_do_not_follow, empty_store),
	};
	const char *from = getenv("OPTMIG_TEST_IMAGE"), *tmp = getenv("TMPDIR");
	char command[8192];
	int failed;

	host_log_options(true, false);
	contents = from ? unit_read_file(from, &size) : NULL;
	if (!contents) {
		puts("OPTMIG_TEST_IMAGE names no image");
		return 1;
	}
	snprintf(base, sizeof base, "%s/optmig-store.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(base))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", base);
	if (system(command))
		failed++;
	free(contents);
	return failed != 0;
}
