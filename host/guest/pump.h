/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way from one descriptor to another, without waiting: for the guest's PID 1 and for `optmig run --tee`. */
#ifndef OPTMIG_HOST_GUEST_PUMP_H
#define OPTMIG_HOST_GUEST_PUMP_H

#include <stdbool.h>
#include <stdint.h>

struct pump {
	int from, to;                   /* -1: at its end, or nobody reads; the caller's to close */
	uint64_t total;                 /* bytes that have left */
	uint64_t limit;                 /* `from` ends there */
	uint32_t chunk;                 /* at most so many are written at a time */
	uint32_t start, end;            /* of what waits in `bytes` */
	uint8_t bytes[1 << 16];
};

/* @chunk: the size of the buffer for what does not block, PIPE_BUF for what might. */
void pump_init(struct pump *p, int from, int to, uint32_t chunk);
/* What poll(2) is to wait for; -1 for nothing. */
int pump_reads(const struct pump *p);
/* The same of the other end: only while something waits to be written. */
int pump_writes(const struct pump *p);
/* Moves what can be moved. @readable, @writable: what poll(2) said of them. */
void pump_move(struct pump *p, bool readable, bool writable);
/* Nothing waits, and nothing will come. */
bool pump_done(const struct pump *p);

#endif
