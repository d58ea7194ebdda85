/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite at gigabytes: a table in memory, updated and read by primary key at random. A tick is one transaction of two
 * updates and two reads. The result is a sum over the whole table, computed by SQLite. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "sqlite3.h"

#define VALUE 1000

static sqlite3 *database;
static uint64_t row_count;

static void need(int code, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	fprintf(stderr, "table: %s: %s\n", what, sqlite3_errmsg(database));
	exit(1);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *s;
	need(sqlite3_prepare_v2(database, sql, -1, &s, NULL), sql);
	return s;
}

static void step(sqlite3_stmt *s)
{
	need(sqlite3_step(s), "step");
	need(sqlite3_reset(s), "reset");
}

static void make_value(uint64_t seed, unsigned char value[VALUE])
{
	for (size_t i = 0; i < VALUE; i += 8) {
		uint64_t x = mix(seed + i);
		memcpy(value + i, &x, 8);
	}
}

static void setup(struct bench *b)
{
	unsigned char value[VALUE];
	row_count = b->size_bytes / (VALUE + 350); /* three rows a page of 4 KiB */
	need(sqlite3_open(":memory:", &database), "open");
	need(sqlite3_exec(database, "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, value BLOB); BEGIN", NULL, NULL, NULL), "create");
	sqlite3_stmt *s = prepare("INSERT INTO t VALUES(?, 0, ?)");
	for (uint64_t i = 1; i <= row_count; i++) {
		make_value(i, value);
		need(sqlite3_bind_int64(s, 1, (sqlite3_int64)i), "bind");
		need(sqlite3_bind_blob(s, 2, value, VALUE, SQLITE_STATIC), "bind");
		step(s);
	}
	need(sqlite3_finalize(s), "finalize");
	need(sqlite3_exec(database, "COMMIT", NULL, NULL, NULL), "commit");
}

/* One thread works; SQLite serialises them anyway. */
static void run(struct bench *b, int thread)
{
	uint64_t state = mix(41), work = b->work ? b->work : row_count, sum = 0;
	unsigned char value[VALUE];
	if (thread != 0)
		return;
	sqlite3_stmt *begin = prepare("BEGIN"), *commit = prepare("COMMIT");
	sqlite3_stmt *update = prepare("UPDATE t SET n = n + 1, value = ? WHERE id = ?"), *read = prepare("SELECT n FROM t WHERE id = ?");
	for (uint64_t n = 0; n < work; n++) {
		step(begin);
		for (int k = 0; k < 2; k++) {
			uint64_t x = next_random(&state);
			make_value(x, value);
			need(sqlite3_bind_blob(update, 1, value, VALUE, SQLITE_STATIC), "bind");
			need(sqlite3_bind_int64(update, 2, (sqlite3_int64)((x >> 8) % row_count + 1)), "bind");
			step(update);
			need(sqlite3_bind_int64(read, 1, (sqlite3_int64)((x >> 24) % row_count + 1)), "bind");
			need(sqlite3_step(read), "read");
			sum += (uint64_t)sqlite3_column_int64(read, 0);
			need(sqlite3_reset(read), "reset");
		}
		step(commit);
		bench_tick(b, thread);
	}
	atomic_fetch_add(&b->result, sum);
	need(sqlite3_finalize(begin), "finalize");
	need(sqlite3_finalize(commit), "finalize");
	need(sqlite3_finalize(update), "finalize");
	need(sqlite3_finalize(read), "finalize");
}

static uint64_t result(struct bench *b)
{
	uint64_t sum = atomic_load(&b->result);
	sqlite3_stmt *s = prepare("SELECT id, n, value FROM t");
	while (sqlite3_step(s) == SQLITE_ROW) {
		uint64_t x;
		const unsigned char *value = sqlite3_column_blob(s, 2);
		sum += mix((uint64_t)sqlite3_column_int64(s, 0)) * (uint64_t)(sqlite3_column_int64(s, 1) + 1);
		for (size_t i = 0; i < VALUE; i += 8) {
			memcpy(&x, value + i, 8);
			sum += mix(x + i);
		}
	}
	need(sqlite3_finalize(s), "finalize");
	return sum;
}

const struct kernel kernel = { "table", "SQLite in memory; no options; --work is the number of transactions; one thread", setup, run, result };
