/* SPDX-License-Identifier: Apache-2.0 */
/* See netclient.h. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "netclient.h"

const char *g_host, *g_port;

_Noreturn void die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, errno ? strerror(errno) : "unexpected reply");
	exit(1);
}

double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int connect_once(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	int fd = -1, one = 1;
	if (getaddrinfo(g_host, g_port, &hints, &list) != 0)
		return -1;
	for (a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

bool connection_open(struct connection *c)
{
	c->in_start = c->in_end = c->out_size = 0;
	if (!c->in)
		c->in = malloc(BUFFER_SIZE);
	if (!c->out)
		c->out = malloc(BUFFER_SIZE);
	if (!c->in || !c->out)
		die("malloc");
	for (int i = 0; i < 300; i++) {
		c->fd = connect_once();
		if (c->fd >= 0)
			return true;
		poll(NULL, 0, 100);
	}
	return false;
}

bool flush_out(struct connection *c)
{
	size_t done = 0;
	while (done < c->out_size) {
		ssize_t n = send(c->fd, c->out + done, c->out_size - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	c->out_size = 0;
	return true;
}

static bool fill_in(struct connection *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	if (c->in_start > 0) {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
	}
	if (c->in_end == BUFFER_SIZE)
		return false;
	if (poll(&p, 1, IO_TIMEOUT_MS) <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	ssize_t n = recv(c->fd, c->in + c->in_end, BUFFER_SIZE - c->in_end, 0);
	if (n <= 0)
		return false;
	c->in_end += (size_t)n;
	return true;
}

char *read_line(struct connection *c)
{
	for (;;) {
		char *start = c->in + c->in_start, *end = memchr(start, '\n', c->in_end - c->in_start);
		if (end && end > start) {
			end[-1] = '\0';
			c->in_start += (size_t)(end + 1 - start);
			return start;
		}
		if (!fill_in(c))
			return NULL;
	}
}

char *read_bulk(struct connection *c, size_t size)
{
	while (c->in_end - c->in_start < size + 2)
		if (!fill_in(c))
			return NULL;
	char *data = c->in + c->in_start;
	c->in_start += size + 2;
	return data;
}

void make_value(char *value, size_t size, uint64_t number)
{
	uint64_t x = number * 0x9e3779b97f4a7c15u + 0x1234567;
	for (size_t i = 0; i < size; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(value + i, &x, size - i < 8 ? size - i : 8);
	}
}

/* ---- workers ---- */

atomic_bool g_stop;
double g_start, g_pause;

void worker_connect(struct worker *w)
{
	if (!connection_open(&w->c))
		die("connect");
	w->score.last_reply = now_s();
}

void worker_connect_again(struct worker *w)
{
	w->score.broken++;
	close(w->c.fd);
	if (!connection_open(&w->c))
		die("connect again");
}

double worker_replied(struct worker *w)
{
	struct score *s = &w->score;
	double now = now_s(), gap = now - s->last_reply;
	if (gap > s->recent_gap)
		s->recent_gap = gap;
	if (gap > s->longest_gap) {
		s->longest_gap = gap;
		s->gap_at = s->last_reply - g_start;
	}
	s->last_reply = now;
	return now;
}

void worker_set_rate(const char *rate)
{
	double n = strtod(rate, NULL);

	g_pause = n > 0 ? 1 / n : 0;
}

void worker_pace(double *next)
{
	double now = now_s(), left = *next - now;

	if (g_pause <= 0)
		return;
	if (left > 0)
		nanosleep(&(struct timespec){ .tv_nsec = left < 1 ? (long)(left * 1e9) : 999999999 }, NULL);
	*next = (left > 0 ? *next : now) + g_pause;
}

void worker_counted(struct worker *w, uint64_t value, uint64_t slack)
{
	uint64_t expected = w->counter + 1;
	if (value < expected)
		w->score.lost += expected - value;
	else if (value > expected + slack)
		w->score.doubled += value - expected - slack;
	w->counter = value;
}

struct worker *workers_start(int count, void *(*run)(void *))
{
	struct worker *workers = count < 1 || count > 1000 ? NULL : calloc((size_t)count, sizeof *workers);
	if (!workers)
		die("CONNECTIONS is 1 to 1000");
	g_start = now_s();
	for (int i = 0; i < count; i++) {
		workers[i].index = i;
		if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
			die("pthread_create");
	}
	return workers;
}

static void answer(struct worker *workers, int count, uint64_t *acked_before)
{
	uint64_t acked = 0;
	double gap = 0;
	int replied = 0;
	for (int i = 0; i < count; i++) {
		double g = atomic_exchange(&workers[i].score.recent_gap, 0);
		acked += workers[i].score.acked;
		replied += g > 0;
		gap = g > gap ? g : gap;
	}
	printf("{\"acknowledged\": %llu, \"longest_gap_ms\": %.3f, \"connections_replied\": %d}\n",
		(unsigned long long)(acked - *acked_before), gap * 1000, replied);
	fflush(stdout);
	*acked_before = acked;
}

void workers_serve(struct worker *workers, int count)
{
	uint64_t answered = 0;
	char byte;
	while (read(0, &byte, 1) > 0)
		if (byte == '\n')
			answer(workers, count, &answered);
	atomic_store(&g_stop, true);
}

void workers_join(struct worker *workers, int count)
{
	for (int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
}

struct total workers_total(const struct worker *workers, int count)
{
	struct total t = { 0 };
	for (int i = 0; i < count; i++) {
		const struct score *s = &workers[i].score;
		t.acked += s->acked;
		t.broken += s->broken;
		t.lost += s->lost;
		t.doubled += s->doubled;
		t.kept += s->broken == 0;
		t.gap_sum += s->longest_gap;
		if (s->longest_gap > t.longest_gap) {
			t.longest_gap = s->longest_gap;
			t.gap_at = s->gap_at;
		}
	}
	return t;
}

int workers_drive(int count, void *(*thread)(void *))
{
	struct worker *workers = workers_start(count, thread);
	struct total t;
	workers_serve(workers, count);
	workers_join(workers, count);
	t = workers_total(workers, count);
	printf("{\"seconds\": %.2f, \"acknowledged\": %llu, \"longest_gap_ms\": %.3f, \"connections\": %d, \"connections_kept\": %d, "
		"\"broken\": %llu, \"writes_lost\": %llu, \"writes_doubled\": %llu}\n", now_s() - g_start, (unsigned long long)t.acked,
		t.longest_gap * 1000, count, t.kept, (unsigned long long)t.broken, (unsigned long long)t.lost, (unsigned long long)t.doubled);
	return t.lost || t.doubled ? 1 : 0;
}
