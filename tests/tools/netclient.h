/* SPDX-License-Identifier: Apache-2.0 */
/* Buffered line-and-bulk client connections, shared by the load clients of the tests and benchmarks. */
#ifndef TESTS_NETCLIENT_H
#define TESTS_NETCLIENT_H

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
/* Reproducible incompressible bytes. */
void make_value(char *value, size_t size, uint64_t number);

#endif
