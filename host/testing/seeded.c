/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that lies at random, for tests: testing.h has the rule. Every kind of host call can be struck, but for the
 * program's end and its log. What goes wrong is chosen by a generator that counts calls, so a program with one thread meets
 * the same lies each time; with several, the order of their calls decides who meets which.
 *
 * Withholding a service for ever (a thread that is never started, a sleeper that is never woken) is not among them: a host
 * can always do that, and nothing shows it but silence.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "errors.h"
#include "image.h"
#include "sysproxy/sysproxy.h"
#include "testing.h"
#include "util.h"

#define STALE 8192u

enum lie { LIE_SKIP, LIE_RESULT, LIE_DATA, LIE_POINTED, LIE_TWICE, LIE_STALE, LIE_HEADER, LIE_LATE, LIE_COUNT };
static const char *const lie_names[] = { "not made", "result", "data", "data at arguments", "made twice", "old data", "header", "late" };

static uint64_t seed, fault_rate;   /* 0: off */
static atomic_uint_fast64_t drawn;

void testing_seed(uint64_t new_seed, uint64_t rate)
{
	seed = new_seed;
	fault_rate = rate;
}

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t x = seed * 0xd1342543de82ef95u + atomic_fetch_add(&drawn, 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static int64_t invented(void)
{
	uint64_t r = draw();

	switch (r & 3) {
	case 0:  return 0;
	case 1:  return (int64_t)(r >> 8 & 63);
	default: return -(int64_t)(r >> 8 & 127);
	}
}

static int64_t spoilt(int64_t result, uint64_t tbuf_size)
{
	switch (draw() % 10) {
	case 0:  return result + 1;
	case 1:  return result - 1;
	case 2:  return result / 2;
	case 3:  return result > 0 && result < INT32_MAX ? result * 2 : 1;
	case 4:  return (int64_t)draw();
	case 5:  return INT64_MAX;
	case 6:  return -4096;
	case 7:  return (int64_t)tbuf_size + 1;
	case 8:  return (int64_t)(draw() & 0x7fffffff);
	default: return invented();
	}
}

static void scribble(uint8_t *at, uint64_t size)
{
	for (uint64_t i = 1 + (draw() & 15); i > 0 && size > 0; i--)
		at[draw() % size] = draw() & 1 ? 0xff : (uint8_t)draw();
}

/* Where one of the arguments points to, if it points into the buffer. */
static void scribble_pointed(struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint64_t begin = (uintptr_t)tbuf + OM_TBUF_DATA, end = (uintptr_t)tbuf + tbuf_size, first = draw();

	for (unsigned i = 0; i < 6; i++) {
		uint64_t at = tbuf->arg[(first + i) % 6];

		if (at >= begin && at < end) {
			scribble((uint8_t *)at, end - at < 64 ? end - at : 64);
			return;
		}
	}
}

/* All but `exit`, by which the host's own loop knows that this is a host call; the enclave never reads it. */
static void scribble_header(struct om_tbuf *tbuf)
{
	tbuf->nr = (uint32_t)draw();
	tbuf->op = (uint32_t)draw();
	tbuf->flags = (uint32_t)draw();
	for (unsigned i = 0; i < 6; i++)
		tbuf->arg[i] = draw();
	memset(tbuf->reserved, 0xff, sizeof tbuf->reserved);
}

static enum lie choose(const struct om_tbuf *tbuf)
{
	enum lie lie = draw() % LIE_COUNT;
	bool service = tbuf->op == OM_HC_THREAD_START || tbuf->op == OM_HC_UNPARK || tbuf->op == OM_HC_KICK;

	if (lie == LIE_SKIP && service)
		return LIE_RESULT;
	/* What waits might wait for ever the second time. */
	if (lie == LIE_TWICE && (tbuf->flags & OM_HCF_INTERRUPTIBLE || service))
		return LIE_RESULT;
	return lie;
}

static int64_t lie_about(enum lie lie, host_call_fn *call, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size,
	const uint8_t *old)
{
	uint8_t *data = (uint8_t *)tbuf + OM_TBUF_DATA;
	uint64_t data_size = tbuf_size - OM_TBUF_DATA;
	int64_t result;

	if (lie == LIE_SKIP)
		return invented();
	if (lie == LIE_TWICE)
		(void)call(slot, tbuf, tbuf_size);
	if (lie == LIE_LATE)
		usleep((useconds_t)(draw() % 20000));
	result = call(slot, tbuf, tbuf_size);
	switch (lie) {
	case LIE_RESULT:  return spoilt(result, tbuf_size);
	case LIE_DATA:    scribble(data, draw() & 1 ? 512 : data_size); break;
	case LIE_POINTED: scribble_pointed(tbuf, tbuf_size); break;
	case LIE_STALE:   memcpy(data, old, data_size < STALE ? data_size : STALE); break;
	case LIE_HEADER:  scribble_header(tbuf); break;
	default:          break;
	}
	return result;
}

int64_t testing_seeded_call(host_call_fn *call, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	static _Thread_local uint8_t old[STALE];
	uint64_t data_size = tbuf_size - OM_TBUF_DATA;
	uint32_t op = tbuf->op, nr = tbuf->nr;
	int64_t result;
	enum lie lie;

	if (!fault_rate)
		return call(slot, tbuf, tbuf_size);
	if (op == OM_HC_EXIT || op == OM_HC_LOG || draw() % fault_rate != 0) {
		result = call(slot, tbuf, tbuf_size);
	} else {
		lie = choose(tbuf);
		result = lie_about(lie, call, slot, tbuf, tbuf_size, old);
		host_detail("fault: %s, call %u (%s): %lld", lie_names[lie], op, op == OM_HC_SYSCALL && host_syscall_name(nr) ?
			host_syscall_name(nr) : "-", (long long)result);
	}
	memcpy(old, (const uint8_t *)tbuf + OM_TBUF_DATA, data_size < STALE ? data_size : STALE);
	return result;
}

/* The first page, which is code; one of the heap, if the image is of the usual layout; the last of the first gigabyte. */
void testing_map_over(void)
{
	static const uint64_t offsets[] = { 0, 0x200000, 0x1000000, 0x3ffff000 };
	unsigned denied = 0;

	for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
		denied += mmap((void *)(OM_ELRANGE_BASE + offsets[i]), OM_PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EPERM;
	denied += munmap((void *)OM_ELRANGE_BASE, OM_PAGE_SIZE) != 0 && errno == EPERM;
	denied += mprotect((void *)OM_ELRANGE_BASE, OM_PAGE_SIZE, PROT_READ | PROT_WRITE) != 0 && errno == EPERM;
	host_error("fault: other memory over the enclave's: %u of 6 attempts denied", denied);
}
