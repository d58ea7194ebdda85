/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memcached client that keeps score, and a plain load generator.
 *
 *   memcached_client drive HOST PORT CONNECTIONS [RATE]
 *        on each connection: incr a counter (must be exactly one more), set a key and read it back, without pause or RATE
 *        times a second, until standard input is closed; prints JSON like redis_client drive, also when asked by a line
 *   memcached_client bench HOST PORT CONNECTIONS REQUESTS [PIPELINE]
 *        REQUESTS in all, one set to nine gets of 100-byte values; prints {"requests_per_second": ...}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "netclient.h"

static uint64_t g_requests_each;
static int g_pipeline = 1;

static void put(struct connection *c, const char *text, size_t size)
{
	memcpy(c->out + c->out_size, text, size);
	c->out_size += size;
}

static bool set_get_incr(struct worker *w, uint64_t n)
{
	char text[256], expected[64], *line;
	size_t expected_size = (size_t)snprintf(expected, sizeof expected, "value-%d-%llu", w->index, (unsigned long long)n);
	int size = snprintf(text, sizeof text, "incr ctr%d 1\r\nset k%d-%llu 0 0 %zu\r\n%s\r\nget k%d-%llu\r\n", w->index, w->index,
		(unsigned long long)n % 100000, expected_size, expected, w->index, (unsigned long long)n % 100000);
	put(&w->c, text, (size_t)size);
	if (!flush_out(&w->c) || !(line = read_line(&w->c)))
		return false;
	worker_counted(w, strtoull(line, NULL, 10), w->score.broken);
	if (!(line = read_line(&w->c)))
		return false;
	if (strcmp(line, "STORED") != 0)
		die(line);
	if (!(line = read_line(&w->c)))
		return false;
	if (strncmp(line, "VALUE ", 6) != 0) {
		w->score.lost++; /* just stored, and the cache is large enough: it must be there */
		return true;
	}
	if (!(line = read_line(&w->c)))
		return false;
	w->score.lost += strcmp(line, expected) != 0;
	if (!(line = read_line(&w->c)))
		return false;
	w->score.acked += 2;
	return true;
}

static void *drive_thread(void *argument)
{
	struct worker *w = argument;
	char text[64], *line;
	double next = 0;
	worker_connect(w);
	put(&w->c, text, (size_t)snprintf(text, sizeof text, "set ctr%d 0 0 1\r\n0\r\n", w->index));
	if (!flush_out(&w->c) || !(line = read_line(&w->c)) || strcmp(line, "STORED") != 0)
		die("set");
	w->score.last_reply = now_s();
	for (uint64_t n = 0; worker_goes_on(); n++) {
		worker_pace(&next);
		if (!set_get_incr(w, n))
			worker_connect_again(w);
		worker_replied(w);
	}
	return NULL;
}

static void *bench_thread(void *argument)
{
	struct worker *w = argument;
	char value[101], text[256];
	memset(value, 'v', 100);
	value[100] = '\0';
	worker_connect(w);
	for (uint64_t done = 0; done < g_requests_each; done += (uint64_t)g_pipeline) {
		for (int i = 0; i < g_pipeline; i++) {
			unsigned long long key = (done + (uint64_t)i) * 7919 % 10000;
			int size = (done + (uint64_t)i) % 10 == 0 ? snprintf(text, sizeof text, "set b%llu 0 0 100\r\n%s\r\n", key, value)
				: snprintf(text, sizeof text, "get b%llu\r\n", key);
			put(&w->c, text, (size_t)size);
		}
		if (!flush_out(&w->c))
			die("send");
		for (int i = 0; i < g_pipeline; i++) {
			char *line = read_line(&w->c);
			if (!line)
				die("receive");
			if (strncmp(line, "VALUE", 5) == 0 && (!read_bulk(&w->c, 100) || !read_line(&w->c)))
				die("receive");
		}
	}
	return NULL;
}

static int bench(int count, uint64_t requests)
{
	g_requests_each = requests / (uint64_t)count;
	workers_join(workers_start(count, bench_thread), count);
	printf("{\"requests_per_second\": %.0f}\n", (double)g_requests_each * count / (now_s() - g_start));
	return 0;
}

int main(int argc, char **argv)
{
	bool benchmark = argc >= 6 && strcmp(argv[1], "bench") == 0;
	if (!benchmark && !((argc == 5 || argc == 6) && strcmp(argv[1], "drive") == 0)) {
		fprintf(stderr, "usage: memcached_client drive HOST PORT CONNECTIONS [RATE]\n"
			"       memcached_client bench HOST PORT CONNECTIONS REQUESTS [PIPELINE]\n");
		return 2;
	}
	g_host = argv[2];
	g_port = argv[3];
	int count = (int)strtol(argv[4], NULL, 10);
	if (count < 1 || count > 1000)
		die("CONNECTIONS is 1 to 1000");
	if (!benchmark && argc > 5)
		worker_set_rate(argv[5]);
	if (argc > 6)
		g_pipeline = (int)strtol(argv[6], NULL, 10);
	if (g_pipeline < 1 || g_pipeline > 1000)
		die("PIPELINE is 1 to 1000");
	return benchmark ? bench(count, strtoull(argv[5], NULL, 10)) : workers_drive(count, drive_thread);
}
