/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP client that keeps score: asks for files whose contents it knows, over connections that stay open.
 *
 *   http_client files DIRECTORY COUNT SIZE
 *        makes DIRECTORY/0, DIRECTORY/1, ...
 *   http_client drive HOST PORT CONNECTIONS COUNT SIZE [RATE]
 *        until standard input is closed, each connection gets one after the other, without pause or RATE of them a second, and
 *        compares every byte; prints JSON like
 *        memcached_client drive, also when asked by a line. "writes_lost" counts wrong answers: nothing is written here
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "netclient.h"

enum { COUNT_MAX = 10000, SIZE_MAX_BYTES = 512 << 10 };

static size_t g_count, g_size;
static char *g_values;

static int make_files(const char *directory)
{
	char path[4096];
	for (size_t i = 0; i < g_count; i++) {
		FILE *f;
		snprintf(path, sizeof path, "%s/%zu", directory, i);
		f = fopen(path, "w");
		if (!f || fwrite(g_values + i * g_size, 1, g_size, f) != g_size || fclose(f) != 0)
			die(path);
	}
	return 0;
}

/* What follows the head is no line: the two bytes that read_bulk() wants behind are those of the next answer's "HT", so the
 * body is taken piece by piece with the line reader's buffer. */
static bool read_body(struct connection *c, size_t number, bool *ret_right)
{
	const char *expected = g_values + number * g_size;
	*ret_right = true;
	for (size_t done = 0; done < g_size;) {
		size_t n = c->in_end - c->in_start;
		if (n == 0) {
			ssize_t got = read(c->fd, c->in, BUFFER_SIZE);
			if (got <= 0)
				return false;
			c->in_start = 0;
			c->in_end = n = (size_t)got;
		}
		n = n < g_size - done ? n : g_size - done;
		if (memcmp(c->in + c->in_start, expected + done, n) != 0)
			*ret_right = false;
		c->in_start += n;
		done += n;
	}
	return true;
}

/* One request and its answer. Return: false if the connection broke. */
static bool get(struct worker *w, size_t number)
{
	size_t length = 0;
	bool ok, right;
	char *line;
	w->c.out_size = (size_t)snprintf(w->c.out, BUFFER_SIZE, "GET /%zu HTTP/1.1\r\nHost: test\r\n\r\n", number);
	if (!flush_out(&w->c) || !(line = read_line(&w->c)))
		return false;
	ok = strcmp(line, "HTTP/1.1 200 OK") == 0;
	while ((line = read_line(&w->c)) && *line)
		if (strncasecmp(line, "Content-Length: ", 16) == 0)
			length = strtoull(line + 16, NULL, 10);
	if (!line)
		return false;
	if (!ok || length != g_size)
		die("not the answer to GET of a file");
	if (!read_body(&w->c, number, &right))
		return false;
	w->score.lost += !right;
	w->score.acked++;
	return true;
}

static void *drive_thread(void *argument)
{
	struct worker *w = argument;
	double next = 0;
	worker_connect(w);
	for (uint64_t n = 0; worker_goes_on(); n++) {
		worker_pace(&next);
		if (!get(w, ((uint64_t)w->index * 7919 + n) % g_count))
			worker_connect_again(w);
		worker_replied(w);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	bool files = argc == 5 && strcmp(argv[1], "files") == 0;
	if (!files && !((argc == 7 || argc == 8) && strcmp(argv[1], "drive") == 0)) {
		fprintf(stderr, "usage: http_client files DIRECTORY COUNT SIZE\n"
			"       http_client drive HOST PORT CONNECTIONS COUNT SIZE [RATE]\n");
		return 2;
	}
	g_count = strtoull(argv[files ? 3 : 5], NULL, 10);
	g_size = strtoull(argv[files ? 4 : 6], NULL, 10);
	if (g_count < 1 || g_count > COUNT_MAX || g_size < 8 || g_size > SIZE_MAX_BYTES || !(g_values = malloc(g_count * g_size)))
		die("COUNT is 1 to 10000, SIZE 8 to 524288");
	for (size_t i = 0; i < g_count; i++)
		make_value(g_values + i * g_size, g_size, i);
	if (files)
		return make_files(argv[2]);
	g_host = argv[2];
	g_port = argv[3];
	if (argc > 7)
		worker_set_rate(argv[7]);
	return workers_drive((int)strtol(argv[4], NULL, 10), drive_thread);
}
