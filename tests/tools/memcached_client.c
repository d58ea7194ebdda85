/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memcached client that keeps score, and a plain load generator.
 *
 *   memcached_client drive HOST PORT CONNECTIONS
 *        on each connection: incr a counter (must be exactly one more), set a key and read it back, until standard input
 *        is closed; prints JSON like redis_client drive, also when asked by a line
 *   memcached_client bench HOST PORT CONNECTIONS REQUESTS [PIPELINE]
 *        REQUESTS in all, one set to nine gets of 100-byte values; prints {"requests_per_second": ...}
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "netclient.h"

struct worker {
	pthread_t thread;
	int index;
	struct connection c;
	uint64_t broken, lost, doubled, counter;
	_Atomic uint64_t acked;
	double longest_gap;
	_Atomic double recent_gap;
};

static atomic_bool g_stop;
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
	uint64_t counter = strtoull(line, NULL, 10);
	if (counter < w->counter + 1)
		w->lost += w->counter + 1 - counter;
	else if (counter > w->counter + 1 + w->broken)
		w->doubled += counter - w->counter - 1 - w->broken;
	w->counter = counter;
	if (!(line = read_line(&w->c)))
		return false;
	if (strcmp(line, "STORED") != 0)
		die(line);
	if (!(line = read_line(&w->c)))
		return false;
	if (strncmp(line, "VALUE ", 6) != 0) {
		w->lost++; /* just stored, and the cache is large enough: it must be there */
		return true;
	}
	if (!(line = read_line(&w->c)))
		return false;
	w->lost += strcmp(line, expected) != 0;
	if (!(line = read_line(&w->c)))
		return false;
	w->acked += 2;
	return true;
}

static void *drive_thread(void *argument)
{
	struct worker *w = argument;
	char *line;
	if (!connection_open(&w->c))
		die("connect");
	char text[64];
	put(&w->c, text, (size_t)snprintf(text, sizeof text, "set ctr%d 0 0 1\r\n0\r\n", w->index));
	if (!flush_out(&w->c) || !(line = read_line(&w->c)) || strcmp(line, "STORED") != 0)
		die("set");
	double last = now_s();
	for (uint64_t n = 0; !atomic_load_explicit(&g_stop, memory_order_relaxed); n++) {
		if (!set_get_incr(w, n)) {
			w->broken++;
			close(w->c.fd);
			if (!connection_open(&w->c))
				die("connect again");
		}
		double t = now_s();
		if (t - last > w->longest_gap)
			w->longest_gap = t - last;
		if (t - last > w->recent_gap)
			w->recent_gap = t - last;
		last = t;
	}
	return NULL;
}

static void *bench_thread(void *argument)
{
	struct worker *w = argument;
	char value[101], text[256];
	memset(value, 'v', 100);
	value[100] = '\0';
	if (!connection_open(&w->c))
		die("connect");
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

/* What happened since the last question. */
static void answer(struct worker *workers, int count, uint64_t *acked_before)
{
	uint64_t acked = 0;
	double gap = 0;
	int replied = 0;
	for (int i = 0; i < count; i++) {
		double g = atomic_exchange(&workers[i].recent_gap, 0);
		acked += workers[i].acked;
		replied += g > 0;
		gap = g > gap ? g : gap;
	}
	printf("{\"acknowledged\": %llu, \"longest_gap_ms\": %.3f, \"connections_replied\": %d}\n",
		(unsigned long long)(acked - *acked_before), gap * 1000, replied);
	fflush(stdout);
	*acked_before = acked;
}

int main(int argc, char **argv)
{
	bool bench = argc >= 6 && strcmp(argv[1], "bench") == 0;
	if (!bench && !(argc == 5 && strcmp(argv[1], "drive") == 0)) {
		fprintf(stderr, "usage: memcached_client drive HOST PORT CONNECTIONS\n"
			"       memcached_client bench HOST PORT CONNECTIONS REQUESTS [PIPELINE]\n");
		return 2;
	}
	g_host = argv[2];
	g_port = argv[3];
	int count = (int)strtol(argv[4], NULL, 10);
	if (count < 1 || count > 1000)
		die("CONNECTIONS is 1 to 1000");
	struct worker *workers = calloc((size_t)count, sizeof *workers);
	if (!workers)
		die("calloc");
	if (bench) {
		g_requests_each = strtoull(argv[5], NULL, 10) / (uint64_t)count;
		if (argc > 6)
			g_pipeline = (int)strtol(argv[6], NULL, 10);
		if (g_pipeline < 1 || g_pipeline > 1000)
			die("PIPELINE is 1 to 1000");
	}
	double start = now_s();
	for (int i = 0; i < count; i++) {
		workers[i].index = i;
		if (pthread_create(&workers[i].thread, NULL, bench ? bench_thread : drive_thread, &workers[i]) != 0)
			die("pthread_create");
	}
	char byte;
	uint64_t answered = 0;
	while (!bench && read(0, &byte, 1) > 0)
		if (byte == '\n')
			answer(workers, count, &answered);
	atomic_store(&g_stop, true);
	uint64_t acked = 0, broken = 0, lost = 0, doubled = 0;
	int kept = 0;
	double gap = 0;
	for (int i = 0; i < count; i++) {
		struct worker *w = &workers[i];
		pthread_join(w->thread, NULL);
		acked += w->acked;
		broken += w->broken;
		lost += w->lost;
		doubled += w->doubled;
		kept += w->broken == 0;
		gap = w->longest_gap > gap ? w->longest_gap : gap;
	}
	double seconds = now_s() - start;
	if (bench)
		printf("{\"requests_per_second\": %.0f}\n", (double)g_requests_each * count / seconds);
	else
		printf("{\"seconds\": %.2f, \"acknowledged\": %llu, \"longest_gap_ms\": %.3f, \"connections\": %d, \"connections_kept\": %d, "
			"\"broken\": %llu, \"writes_lost\": %llu, \"writes_doubled\": %llu}\n", seconds, (unsigned long long)acked, gap * 1000,
			count, kept, (unsigned long long)broken, (unsigned long long)lost, (unsigned long long)doubled);
	return lost || doubled ? 1 : 0;
}
