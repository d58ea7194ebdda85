/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>
#include "pump.h"

void pump_init(struct pump *p, int from, int to, uint32_t chunk)
{
	p->from = from;
	p->to = to;
	p->chunk = chunk;
	p->total = 0;
	p->limit = UINT64_MAX;
	p->start = p->end = 0;
}

static uint64_t wanted(const struct pump *p)
{
	uint64_t left = p->limit - p->total - (p->end - p->start), room = p->start == p->end ? sizeof p->bytes : 0;

	return left < room ? left : room;
}

int pump_reads(const struct pump *p)
{
	return p->from >= 0 && p->to >= 0 && wanted(p) > 0 ? p->from : -1;
}

int pump_writes(const struct pump *p)
{
	return p->to >= 0 && p->start < p->end ? p->to : -1;
}

static bool would_wait(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void read_more(struct pump *p)
{
	ssize_t n = read(p->from, p->bytes, wanted(p));

	if (would_wait(n))
		return;
	if (n <= 0) {                   /* a terminal's master says EIO once nobody has it open */
		p->from = -1;
		return;
	}
	p->start = 0;
	p->end = (uint32_t)n;
}

static void write_more(struct pump *p)
{
	uint32_t size = p->end - p->start;
	ssize_t n = write(p->to, p->bytes + p->start, size < p->chunk ? size : p->chunk);

	if (would_wait(n))
		return;
	if (n < 0) {                    /* nobody reads any more: as on a pipe, the rest is nobody's */
		p->to = -1;
		return;
	}
	p->start += (uint32_t)n;
	p->total += (uint64_t)n;
}

void pump_move(struct pump *p, bool readable, bool writable)
{
	if (readable && pump_reads(p) >= 0)
		read_more(p);
	if (writable && pump_writes(p) >= 0)
		write_more(p);
}

bool pump_done(const struct pump *p)
{
	return p->to < 0 || (p->start == p->end && (p->from < 0 || p->total >= p->limit));
}
