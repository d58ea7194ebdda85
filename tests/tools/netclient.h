/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the load clients of the tests and benchmarks share: buffered line-and-bulk connections, and workers that keep score, each a
 * thread with one connection and one request under way.
 */
#ifndef TESTS_NETCLIENT_H
#define TESTS_NETCLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUFFER_SIZE (1u << 20)
#define IO_TIMEOUT_MS 120000

struct connection {
	int fd;
	char *in, *out;             /* BUFFER_SIZE each, kept across connection_open */
	size_t in_start, in_end, out_size;
};

extern const char *g_host, *g_port;

_Noreturn void die(const char *what);
double now_s(void);
/* Connects to g_host:g_port, trying for 30 s. */
bool connection_open(struct connection *c);
/* Sends out[0, out_size). */
bool flush_out(struct connection *c);
/* A line without its CR LF, valid until the next call; NULL when the connection broke or timed out. */
char *read_line(struct connection *c);
/* `size` bytes followed by CR LF. */
char *read_bulk(struct connection *c, size_t size);
/* What one worker has seen. Its own, but for what is atomic. */
struct score {
	uint64_t broken;             /* connections that had to be opened anew */
	uint64_t lost, doubled;      /* acknowledged writes, or wrong answers */
	_Atomic uint64_t acked;
	double last_reply;
	double longest_gap, gap_at;  /* between two replies; when it began, after g_start */
	_Atomic double recent_gap;   /* since the last question; asked and answered once in a while, so a race costs a figure */
};

struct worker {
	pthread_t thread;
	int index;
	struct connection c;
	struct score score;
	uint64_t counter, sets;      /* the client's: last value of the worker's counter, keys set */
};

/* Of all workers. */
struct total {
	uint64_t acked, broken, lost, doubled;
	int kept;                    /* connections that never broke */
	double longest_gap, gap_at, gap_sum;
};

extern atomic_bool g_stop;       /* the workers end */
extern double g_start;
extern double g_pause;           /* from one round of requests to the next, seconds; 0: none */

/* `count` workers, 1 to 1000; each is in run(worker) from now on. */
struct worker *workers_start(int count, void *(*run)(void *));
/* Until standard input is closed, a line there is answered by a line: what has happened since the last one. Then stops. */
void workers_serve(struct worker *workers, int count);
void workers_join(struct worker *workers, int count);
struct total workers_total(const struct worker *workers, int count);
/* All of it, with the answers on standard input and the sums as JSON at the end. Return: exit status, 1 if writes were lost or doubled. */
int workers_drive(int count, void *(*thread)(void *));
void worker_connect(struct worker *w);
void worker_connect_again(struct worker *w);
/* Notes the time since the last reply. Return: now. */
double worker_replied(struct worker *w);
/* Rounds a second on each connection, as the command line says it; 0: as many as there are. */
void worker_set_rate(const char *rate);
/* Waits until it is time for the next round; what was missed is not made up for. *next: 0 at first. */
void worker_pace(double *next);
static inline bool worker_goes_on(void) { return !atomic_load_explicit(&g_stop, memory_order_relaxed); }
/* The counter must be one more than before, or up to `slack` more than that. */
void worker_counted(struct worker *w, uint64_t value, uint64_t slack);

/* Reproducible incompressible bytes. */
void make_value(char *value, size_t size, uint64_t number);

#endif
