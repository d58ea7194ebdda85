/* SPDX-License-Identifier: Apache-2.0 */
/* Units as files and as objects, records of processes and on disk, and what other hosts may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "service/record.h"
#include "service/share.h"
#include "service/unit.h"
#include "service/wire.h"
#include "util.h"

static char folder[] = "/tmp/optmig-unit.XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int read_text(const char *name, const char *text, mode_t mode, struct unit *unit)
{
	char path[200];
	int fd, error;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0);
	close(fd);
	error = unit_file_read(path, unit);
	unlink(path);
	return error;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------------- */

static void whole_file(void **state)
{
	struct unit u;

	(void)state;
	assert_int_equal(read_text("redis.toml", "image = \"redis-server\"\narguments = [\"--port\", 6379, true]\nuser = \"nobody\"\nports = 6379\n"
		"owners = \":adm\"\nmove-address = [\"192.0.2.10/32@eth0\"]\ndirectory = \"/var\"\noutput = \"/var/log/x\"\nrestart = \"fresh\"\nmove = \"stop\"\n"
		"mode = \"hybrid\"\ndowntime-limit = \"5ms\"\nbandwidth = \"1G\"\nmemory = 4096\nstop-timeout = \"2min\"\n[environment]\nLANG = \"C\"\n"
		"\"with.dot\" = \"x\"\n", 0644, &u), 0);
	assert_string_equal(u.name, "redis");
	assert_string_equal(u.image, "redis-server");
	assert_string_equal(u.ports, "6379");
	assert_int_equal(json_array_size(u.arguments), 3);
	assert_string_equal(json_string_value(json_array_get(u.arguments, 1)), "6379");
	assert_string_equal(json_string_value(json_object_get(u.environment, "with.dot")), "x");
	assert_true(u.fresh && u.move == UNIT_MOVE_STOP);
	assert_int_equal(u.downtime_ns, 5000000);
	assert_int_equal(u.bandwidth, 1u << 30);
	assert_int_equal(u.memory_bytes, 4096);
	assert_int_equal(u.stop_ns, 120000000000);
	unit_done(&u);
	assert_int_equal(read_text("least.toml", "image = \"/bin/x\"\n", 0600, &u), 0);
	assert_true(!u.fresh && u.move == UNIT_MOVE_LIVE && !u.user && u.stop_ns == 90000000000 && !u.bandwidth);
	unit_done(&u);
}

static void bad_files(void **state)
{
	static const struct { const char *name, *text, *words; mode_t mode; int error; } cases[] = {
		{ "x.toml", "image = \"/x\"\nimgae = \"/y\"\n", "did you mean \"image\"", 0600, OM_EINVAL },
		{ "x.toml", "image = [\"/x\"]\n", "a text is wanted", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\narguments = \"a\"\n", "a list", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\narguments = [[\"a\"]]\n", "text, number, flag", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\narguments = [{ path = \"a\", from = \"b\" }]\n", "a text or a list", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\nenvironment = \"a\"\n", "a table", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\n[environment.more]\na = \"b\"\n", "a text or a list", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\n[limits]\na = \"b\"\n", "limits.a", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\nmemory = 1.5\n", "memory", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\nimage = \"/y\"\n", "line 2", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\nmemory", "line 1", 0600, OM_EINVAL },
		{ "x.toml", "", "of which image", 0600, OM_EINVAL },
		{ "x.toml", "name = \"y\"\nimage = \"/x\"\n", "the file's \"x\"", 0600, OM_EINVAL },
		{ "x.txt", "image = \"/x\"\n", "NAME.toml", 0600, OM_EINVAL },
		{ "x y.toml", "image = \"/x\"\n", "a name is", 0600, OM_EINVAL },
		{ "x.toml", "image = \"/x\"\n", "others may write", 0622, OM_EPERM },
		{ "x.toml", "image = \"/x\"\nmove-address = [\"a/1@e\", \"a/1@e\", \"a/1@e\", \"a/1@e\", \"a/1@e\", \"a/1@e\", \"a/1@e\", \"a/1@e\", \"a/1@e\"]\n", "at most 8", 0600,
			OM_EINVAL },
	};
	struct unit u;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int error = read_text(cases[i].name, cases[i].text, cases[i].mode, &u);

		if (error != cases[i].error || !strstr(host_reason(), cases[i].words) || !strstr(host_reason(), cases[i].name))
			fail_msg("case %zu: %d: %s", i, error, host_reason());
	}
	assert_int_equal(unit_file_read("/nowhere/x.toml", &u), OM_ENOTFOUND);
	assert_int_equal(unit_file_read("/dev", &u), OM_EINVAL);
}

/* ---- objects -------------------------------------------------------------------------------------------------------------------------- */

static void read_object(const char *text, struct unit *ret)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_int_equal(unit_read(o, ret), 0);
	json_decref(o);
}

static void comparison(void **state)
{
	struct unit a, b;
	json_t *now, *later;

	(void)state;
	read_object("{\"name\":\"a\",\"image\":\"/x\",\"bandwidth\":\"1M\",\"arguments\":[\"1\"]}", &a);
	read_object("{\"name\":\"a\",\"image\":\"/y\",\"bandwidth\":\"2M\",\"arguments\":[\"1\"],\"move\":\"never\"}", &b);
	unit_compare(&a, &b, &now, &later);
	assert_int_equal(json_array_size(now), 2);
	assert_int_equal(json_array_size(later), 1);
	assert_string_equal(json_string_value(json_array_get(later, 0)), "image");
	json_decref(now);
	json_decref(later);
	unit_compare(&a, &a, &now, &later);
	assert_int_equal(json_array_size(now) + json_array_size(later), 0);
	json_decref(now);
	json_decref(later);
	unit_compare(NULL, &a, &now, &later);
	assert_int_equal(json_array_size(now) + json_array_size(later), 4);
	json_decref(now);
	json_decref(later);
	unit_done(&a);
	unit_done(&b);
}

/* ---- records -------------------------------------------------------------------------------------------------------------------------- */

static void records(void **state)
{
	struct record_process mine, child, same;
	json_t *o;
	pid_t pid;

	(void)state;
	assert_true(record_process_get(getpid(), &mine) && record_process_alive(&mine));
	same = mine;
	same.start_ticks++; /* a number that is used again */
	assert_false(record_process_alive(&same));
	pid = fork();
	if (pid == 0)
		_exit(0);
	assert_true(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
	assert_false(record_process_get(pid, &child)); /* it has ended, and is waited for */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(record_write(folder, "x.json", record_process_json(&mine)), 0);
	assert_int_equal(record_read(folder, "x.json", &o), 0);
	record_process_read(o, &same);
	json_decref(o);
	assert_true(same.pid == mine.pid && same.start_ticks == mine.start_ticks);
	record_remove(folder, "x.json");
	assert_int_equal(record_read(folder, "x.json", &o), OM_ENOTFOUND);
	o = json_loads("{\"pid\":-1,\"start\":1}", 0, NULL);
	record_process_read(o, &same);
	json_decref(o);
	assert_false(record_process_alive(&same));
	assert_int_equal(record_write("/nowhere", "x.json", json_object()), OM_EIO);
}

static void kept_where(void **state)
{
	char path[64];

	(void)state;
	unsetenv("OPTMIG_SERVICE_KEEP");
	assert_int_equal(record_keep(NULL, "/run/x", false, path, sizeof path), 0);
	assert_string_equal(path, "/run/x-keep"); /* never the machine's own where the records are not */
	assert_int_equal(record_keep("relative", "/run/x", true, path, sizeof path), OM_EINVAL);
	setenv("OPTMIG_SERVICE_KEEP", "/var/there", 1);
	assert_int_equal(record_keep(NULL, "/run/x", true, path, sizeof path), 0);
	assert_string_equal(path, "/var/there");
	assert_int_equal(record_keep("/given", "/run/x", true, path, sizeof path), 0);
	assert_string_equal(path, "/given");
	assert_int_equal(record_keep("/given", "/run/x", true, path, 4), OM_EINVAL);
	unsetenv("OPTMIG_SERVICE_KEEP");
}

static void stops_and_starts(void **state)
{
	struct unit u;

	(void)state;
	read_object("{\"name\":\"a\",\"image\":\"/x\"}", &u);
	assert_true(u.stop_kill && !u.at_boot);
	unit_done(&u);
	read_object("{\"name\":\"a\",\"image\":\"/x\",\"stop-kill\":\"false\",\"start\":\"boot\"}", &u);
	assert_true(!u.stop_kill && u.at_boot);
	unit_done(&u);
}

/* ---- the network ---------------------------------------------------------------------------------------------------------------------- */

static void requests(void **state)
{
	static const struct { const char *text; int error; } cases[] = {
		{ "{\"command\":\"host\"}", 0 }, { "{\"command\":\"host\",\"arguments\":{}}", 0 }, { "{\"command\":\"status\",\"arguments\":{\"name\":\"a\"}}", 0 },
		{ "{\"command\":\"receive\",\"arguments\":{\"unit\":{\"name\":\"a\",\"image\":\"/x\"}}}", 0 },
		{ "{\"command\":\"receive\",\"arguments\":{\"unit\":{\"name\":\"a\",\"image\":\"/x\"},\"from\":\"me\"}}", OM_EINVAL },
		{ "{\"command\":\"receive\",\"arguments\":{\"unit\":{\"name\":\"a\",\"image\":\"/x\",\"more\":\"\"}}}", OM_EINVAL },
		{ "{\"command\":\"status\",\"arguments\":{\"name\":\"../a\"}}", OM_EINVAL }, { "{\"command\":\"status\",\"arguments\":{\"name\":\"a\\u0000\"}}", OM_EINVAL },
		{ "{\"command\":\"start\",\"arguments\":{\"name\":\"a\"}}", OM_EPERM }, { "{\"command\":\"host\",\"more\":1}", OM_EINVAL },
		{ "{\"command\":1}", OM_EINVAL }, { "[]", OM_EINVAL }, { "", OM_EINVAL },
	};
	json_t *o;
	char *big;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int error = wire_request(cases[i].text, strlen(cases[i].text), &o);

		if (error != cases[i].error)
			fail_msg("%s: %d: %s", cases[i].text, error, host_reason());
		if (!error)
			json_decref(o);
	}
	big = calloc(1, WIRE_BODY_MAX + 1);
	assert_int_equal(wire_request(big, WIRE_BODY_MAX + 1, &o), OM_EOVERFLOW);
	free(big);
	assert_int_equal(wire_answer("{\"return\":{}}", 13, 200, &o), 0);
	json_decref(o);
	assert_int_equal(wire_answer("{\"return\":1}", 12, 200, &o), OM_EHOST);
	assert_int_equal(wire_answer("<html>", 6, 502, &o), OM_EHOST);
	assert_non_null(strstr(host_reason(), "502"));
}

/* Of what a host may send: equal parts, none more than its wish, and nothing is left over while somebody wants it. */
static void shares(void **state)
{
	static const struct { uint64_t rate, wish[4], want[4]; size_t count; } cases[] = {
		{ 100, { 0 }, { 100 }, 1 }, { 100, { 30 }, { 30 }, 1 }, { 0, { 30, 0 }, { 30, 0 }, 2 }, { 100, { 0, 0 }, { 50, 50 }, 2 }, { 100, { 0, 20 }, { 20, 80 }, 2 },
		{ 90, { 0, 10, 50, 0 }, { 10, 26, 27, 27 }, 4 }, { 100, { 10, 10, 10 }, { 10, 10, 10 }, 3 }, { 2, { 0, 0, 0 }, { 1, 1, 1 }, 3 }, { 10, { 0 }, { 0 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct share list[4] = { 0 };

		for (size_t n = 0; n < cases[i].count; n++)
			list[n].wish = cases[i].wish[n];
		share_divide(cases[i].rate, list, cases[i].count);
		for (size_t n = 0; n < cases[i].count; n++)
			if (list[n].rate != cases[i].want[n])
				fail_msg("case %zu, share %zu: %llu, not %llu", i, n, (unsigned long long)list[n].rate, (unsigned long long)cases[i].want[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_file), cmocka_unit_test(bad_files), cmocka_unit_test(comparison), cmocka_unit_test(records), cmocka_unit_test(requests),
		cmocka_unit_test(kept_where), cmocka_unit_test(stops_and_starts), cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
