/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A redis client that keeps score: what it was told is stored must be there, once, whatever happens to the server.
 *
 *   redis_client fill   HOST PORT BYTES [VALUE_SIZE]      store keys "data:<n>" with values derived from n
 *   redis_client verify HOST PORT BYTES [VALUE_SIZE]      read them all back and compare; prints JSON
 *   redis_client drive  HOST PORT CONNECTIONS [PREFIX [TIMELINE_FILE [KEYS [RATE]]]]
 *        writes and checks on every connection until standard input is closed; then checks every counter and prints JSON.
 *        A line on standard input is answered by a line: the figures since the last one. TIMELINE_FILE may be empty.
 *
 * drive, on each connection in turn, with one request under way, without pause or RATE pairs a second (and what is missed is
 * not made up for):
 *   INCR <prefix>ctr:<c>        the reply must be exactly one more than the last: a smaller one means a lost write, a
 *                               larger one a doubled one
 *   SET  <prefix>w:<c>:<k> v    v tells n, which counts up; k is n, or n modulo KEYS, so that long runs do not fill the
 *                               memory; at the end every key must hold what was last acknowledged
 * A connection that breaks is counted and opened anew; a request whose reply was lost may or may not have been carried
 * out, so the counter's next value may then be one more without being "doubled".
 * The longest gap is the longest time between two replies on one connection, sampled over all connections.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "netclient.h"

#define TIMELINE_BIN_MS 10
#define TIMELINE_BINS 60000

static void put_command(struct connection *c, int count, const char *const *words, const size_t *sizes)
{
	char *p = c->out + c->out_size;
	p += sprintf(p, "*%d\r\n", count); /* bounded: callers keep room for their words */
	for (int i = 0; i < count; i++) {
		p += sprintf(p, "$%zu\r\n", sizes[i]);
		memcpy(p, words[i], sizes[i]);
		p += sizes[i];
		*p++ = '\r';
		*p++ = '\n';
	}
	c->out_size = (size_t)(p - c->out);
}

/* ---- fill and verify ---- */

static int fill_or_verify(bool verify, uint64_t bytes, size_t value_size)
{
	struct connection c = { 0 };
	uint64_t keys = bytes / value_size, wrong = 0, missing = 0;
	size_t batch = (BUFFER_SIZE / 2) / (value_size + 64);
	char *value = malloc(value_size + 8);
	double start = now_s(), told = start;
	if (batch > 64)
		batch = 64;
	if (batch < 1 || !value)
		die("VALUE_SIZE too large");
	if (!connection_open(&c))
		die("connect");
	for (uint64_t k = 0; k < keys; k += batch) {
		uint64_t end = k + batch < keys ? k + batch : keys;
		for (uint64_t i = k; i < end; i++) {
			char key[32];
			size_t n = (size_t)sprintf(key, "data:%llu", (unsigned long long)i);
			make_value(value, value_size, i);
			if (verify)
				put_command(&c, 2, (const char *[]){ "GET", key }, (size_t[]){ 3, n });
			else
				put_command(&c, 3, (const char *[]){ "SET", key, value }, (size_t[]){ 3, n, value_size });
		}
		if (!flush_out(&c))
			die("send");
		for (uint64_t i = k; i < end; i++) {
			char *line = read_line(&c);
			if (!line)
				die("receive");
			if (!verify) {
				if (strcmp(line, "+OK") != 0) {
					fprintf(stderr, "redis_client: SET answered %s\n", line);
					exit(1);
				}
				continue;
			}
			if (line[0] != '$' || line[1] == '-') {
				missing++;
				continue;
			}
			size_t size = strtoul(line + 1, NULL, 10);
			char *data = read_bulk(&c, size);
			if (!data)
				die("receive");
			make_value(value, value_size, i);
			if (size != value_size || memcmp(data, value, size) != 0)
				wrong++;
		}
		if (isatty(2) && now_s() - told > 1) {
			told = now_s();
			fprintf(stderr, "\r%s %.0f %%", verify ? "verifying" : "filling", 100.0 * (double)end / (double)keys);
		}
	}
	if (isatty(2))
		fputs("\r                  \r", stderr);
	printf("{\"keys\": %llu, \"missing\": %llu, \"wrong\": %llu, \"seconds\": %.2f}\n", (unsigned long long)keys,
		(unsigned long long)missing, (unsigned long long)wrong, now_s() - start);
	return wrong || missing ? 1 : 0;
}

/* ---- drive ---- */

static const char *g_prefix = "";
static uint64_t g_keys = UINT64_MAX;
static _Atomic uint32_t g_timeline[TIMELINE_BINS];

static bool request(struct connection *c, int count, const char *const *words, const size_t *sizes, char **ret_line)
{
	put_command(c, count, words, sizes);
	return flush_out(c) && (*ret_line = read_line(c)) != NULL;
}

static void *drive_thread(void *argument)
{
	struct worker *w = argument;
	uint64_t slack = 0;
	double next = 0;
	worker_connect(w);
	while (worker_goes_on()) {
		char key[96], value[64], *line;
		size_t key_size = (size_t)snprintf(key, sizeof key, "%sctr:%d", g_prefix, w->index), value_size;
		worker_pace(&next);
		if (!request(&w->c, 2, (const char *[]){ "INCR", key }, (size_t[]){ 4, key_size }, &line))
			goto broken_incr;
		if (line[0] != ':')
			die(line);
		worker_counted(w, strtoull(line + 1, NULL, 10), slack);
		slack = 0;
		w->score.acked++;
		key_size = (size_t)snprintf(key, sizeof key, "%sw:%d:%llu", g_prefix, w->index, (unsigned long long)(w->sets % g_keys));
		value_size = (size_t)snprintf(value, sizeof value, "value-%d-%llu", w->index, (unsigned long long)w->sets);
		if (!request(&w->c, 3, (const char *[]){ "SET", key, value }, (size_t[]){ 3, key_size, value_size }, &line))
			goto broken;
		if (strcmp(line, "+OK") != 0)
			die(line);
		w->sets++;
		w->score.acked++;
		size_t bin = (size_t)((worker_replied(w) - g_start) * 1000 / TIMELINE_BIN_MS);
		if (bin < TIMELINE_BINS)
			atomic_fetch_add_explicit(&g_timeline[bin], 2, memory_order_relaxed);
		continue;
broken_incr:
		slack = 1;
broken:
		worker_connect_again(w);
	}
	return NULL;
}

/* After the run: every counter and every acknowledged SET, on a new connection. */
static void check_worker(struct worker *w, uint64_t *ret_keys)
{
	struct connection c = { 0 };
	char key[96], value[64], *line;
	if (!connection_open(&c))
		die("connect");
	size_t key_size = (size_t)snprintf(key, sizeof key, "%sctr:%d", g_prefix, w->index);
	if (!request(&c, 2, (const char *[]){ "GET", key }, (size_t[]){ 3, key_size }, &line))
		die("GET");
	uint64_t counter = 0;
	if (line[0] == '$' && line[1] != '-') {
		size_t size = strtoul(line + 1, NULL, 10);
		counter = strtoull(read_bulk(&c, size), NULL, 10);
	}
	if (counter < w->counter)
		w->score.lost += w->counter - counter;
	else if (counter > w->counter + w->score.broken)
		w->score.doubled += counter - w->counter - w->score.broken;
	++*ret_keys;
	for (uint64_t first = w->sets > g_keys ? w->sets - g_keys : 0; first < w->sets; first += 512) {
		uint64_t end = first + 512 < w->sets ? first + 512 : w->sets;
		for (uint64_t n = first; n < end; n++) {
			key_size = (size_t)snprintf(key, sizeof key, "%sw:%d:%llu", g_prefix, w->index, (unsigned long long)(n % g_keys));
			put_command(&c, 2, (const char *[]){ "GET", key }, (size_t[]){ 3, key_size });
		}
		if (!flush_out(&c))
			die("send");
		for (uint64_t n = first; n < end; n++) {
			size_t value_size = (size_t)snprintf(value, sizeof value, "value-%d-%llu", w->index, (unsigned long long)n);
			line = read_line(&c);
			if (!line)
				die("receive");
			if (line[0] != '$' || line[1] == '-') {
				w->score.lost++;
				continue;
			}
			size_t size = strtoul(line + 1, NULL, 10);
			char *data = read_bulk(&c, size);
			if (!data)
				die("receive");
			if (size != value_size || memcmp(data, value, size) != 0)
				w->score.lost++;
			++*ret_keys;
		}
	}
	close(c.fd);
}

static void write_timeline(const char *path, double seconds)
{
	FILE *f = fopen(path, "w");
	if (!f)
		die(path);
	fprintf(f, "# seconds requests_per_second\n");
	for (size_t i = 0; i < TIMELINE_BINS && (double)i * TIMELINE_BIN_MS < seconds * 1000; i++)
		fprintf(f, "%.3f %u\n", (double)(i * TIMELINE_BIN_MS) / 1000, g_timeline[i] * (1000 / TIMELINE_BIN_MS));
	fclose(f);
}

static int drive(int count, const char *timeline_file)
{
	struct worker *workers = workers_start(count, drive_thread);
	uint64_t keys = 0;
	workers_serve(workers, count);
	workers_join(workers, count);
	double seconds = now_s() - g_start;
	for (int i = 0; i < count; i++)
		check_worker(&workers[i], &keys);
	struct total t = workers_total(workers, count);
	if (timeline_file && *timeline_file)
		write_timeline(timeline_file, seconds);
	printf("{\"seconds\": %.2f, \"acknowledged\": %llu, \"longest_gap_ms\": %.3f, \"mean_gap_ms\": %.3f, \"gap_at_s\": %.3f, "
		"\"connections\": %d, \"connections_kept\": %d, \"broken\": %llu, \"writes_lost\": %llu, \"writes_doubled\": %llu, "
		"\"keys_verified\": %llu}\n", seconds, (unsigned long long)t.acked, t.longest_gap * 1000, t.gap_sum * 1000 / count, t.gap_at,
		count, t.kept, (unsigned long long)t.broken, (unsigned long long)t.lost, (unsigned long long)t.doubled, (unsigned long long)keys);
	return t.lost || t.doubled ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: redis_client fill|verify HOST PORT BYTES [VALUE_SIZE]\n"
			"       redis_client drive HOST PORT CONNECTIONS [PREFIX [TIMELINE_FILE [KEYS [RATE]]]]\n");
		return 2;
	}
	g_host = argv[2];
	g_port = argv[3];
	unsigned long long number = strtoull(argv[4], NULL, 10);
	if (strcmp(argv[1], "drive") == 0) {
		if (number < 1 || number > 1000) {
			fprintf(stderr, "redis_client: CONNECTIONS is 1 to 1000\n");
			return 2;
		}
		if (argc > 5)
			g_prefix = argv[5];
		if (argc > 7 && (g_keys = strtoull(argv[7], NULL, 10)) == 0) {
			fprintf(stderr, "redis_client: KEYS is at least 1\n");
			return 2;
		}
		if (argc > 8)
			worker_set_rate(argv[8]);
		return drive((int)number, argc > 6 ? argv[6] : NULL);
	}
	size_t value_size = argc > 5 ? strtoul(argv[5], NULL, 10) : 4096;
	if (value_size < 8) {
		fprintf(stderr, "redis_client: VALUE_SIZE is at least 8\n");
		return 2;
	}
	return fill_or_verify(strcmp(argv[1], "verify") == 0, number, value_size);
}
