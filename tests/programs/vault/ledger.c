/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger in SQLite: `ledger FILE JOURNAL COUNT PAUSE` looks whether all that a run before has entered is there and whole, then enters COUNT
 * rows more, each in a transaction of its own, and says each when it has been taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sqlite3.h"

static sqlite3 *database;

static void need(int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	printf("failed: %s: %s (%d)\n", what, sqlite3_errmsg(database), sqlite3_extended_errcode(database));
	exit(1);
}

static void run(const char *sql)
{
	need(sqlite3_exec(database, sql, NULL, NULL, NULL), sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *s = NULL;

	need(sqlite3_prepare_v2(database, sql, -1, &s, NULL), sql);
	return s;
}

static void ask(const char *sql, char ret[200])
{
	sqlite3_stmt *s = prepare(sql);

	need(sqlite3_step(s), sql);
	snprintf(ret, 200, "%s", (const char *)sqlite3_column_text(s, 0));
	need(sqlite3_finalize(s), sql);
}

/* Rows have no gap, and each its text; the sum is changed with each of them. */
static long look(void)
{
	char whole[200], count[200], good[200];

	ask("PRAGMA integrity_check", whole);
	ask("SELECT count(*) || ' ' || coalesce(max(id), 0) FROM entry", count);
	ask("SELECT coalesce(sum(id), 0) = (SELECT n FROM total) AND coalesce(min(text = id || ' plaintext-needle-' || hex(zeroblob(id % 3000))), 1) "
		"FROM entry", good);
	printf("found %s, %s, %s\n", whole, count, strcmp(good, "1") ? "other rows" : "all right");
	fflush(stdout);
	return atol(count);
}

int main(int argc, char **argv)
{
	char mode[100], got[200];
	long first;

	if (argc != 5)
		return 2;
	need(sqlite3_open(argv[1], &database), "open");
	run("PRAGMA locking_mode = EXCLUSIVE");          /* a WAL without memory that is shared with other processes */
	snprintf(mode, sizeof mode, "PRAGMA journal_mode = %s", argv[2]);
	ask(mode, got);
	printf("journal %s\n", got);
	run("PRAGMA synchronous = FULL; PRAGMA cache_size = 20; BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS entry(id INTEGER PRIMARY KEY, text TEXT);"
		"CREATE TABLE IF NOT EXISTS total(n INTEGER); INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT * FROM total); COMMIT;");
	first = look() + 1;
	for (long id = first; id < first + atol(argv[3]); id++) {
		char sql[500];

		snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; INSERT INTO entry VALUES(%ld, %ld || ' plaintext-needle-' || hex(zeroblob(%ld)));"
			"UPDATE total SET n = n + %ld; COMMIT;", id, id, id % 3000, id);
		run(sql);
		printf("beat %ld\n", id);
		fflush(stdout);
		usleep((unsigned)atol(argv[4]));
	}
	look();
	need(sqlite3_close(database), "close");
	return 0;
}
