/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock page: lets the enclave read the time from the TSC without leaving.
 *
 * An anchor is a TSC value and the two kernel clocks at the same moment. The first is taken when the process starts,
 * the second when the enclave is ready to run: the milliseconds between them are the first calibration, so start-up
 * never waits for it. Then a thread takes new anchors, quickly at first and every 250 ms later, and publishes the
 * slope over the last stretch: it follows NTP's slewing, and a step of the wall clock within one period.
 *
 * Invariant: readers see base and slope of one publication (seq is odd while it is written). A new publication may
 * disagree with the old slope by nanoseconds either way; the enclave keeps its readings from going backwards.
 */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <x86intrin.h>
#include "internal.h"
#include "testhooks.h"
#include "util.h"

#define STRETCH_MIN_NS   100000u      /* too short a stretch calibrates nothing */
#define PERIOD_NS        250000000u

struct anchor { uint64_t tsc, monotonic_ns, realtime_ns; };
static struct anchor first;

static uint64_t read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The tightest of a few tries: an interrupt between the reads would shift the anchor. */
static struct anchor take_anchor(void)
{
	struct anchor best = { 0 };
	uint64_t best_width = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), mono = read_ns(CLOCK_MONOTONIC), real = read_ns(CLOCK_REALTIME), after = __rdtsc();

		if (after - before < best_width) {
			best_width = after - before;
			best = (struct anchor){ before + (after - before) / 2, mono, real };
		}
	}
	return best;
}

void host_clock_anchor(void)
{
	first = take_anchor();
}

/* A TSC that counts at one rate on all CPUs: the CPU says so, or the kernel trusts it enough to use it. */
static bool tsc_usable(void)
{
	unsigned a, b, c, d;
	char source[16] = "";
	FILE *f;

	if (__get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8))
		return true;
	f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	if (!f)
		return false;
	if (!fgets(source, sizeof source, f))
		source[0] = 0;
	fclose(f);
	return strncmp(source, "tsc", 3) == 0;
}

static uint64_t slope(const struct anchor *from, const struct anchor *to)
{
	return (uint64_t)(((unsigned __int128)(to->monotonic_ns - from->monotonic_ns) << 32) / (to->tsc - from->tsc));
}

static void publish(struct om_clock *clock, const struct anchor *base, uint64_t mult)
{
	uint64_t seq = clock->seq, jump = host_hook_clock();

	__atomic_store_n(&clock->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&clock->base_tsc, base->tsc, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->monotonic_ns, base->monotonic_ns + jump, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->realtime_ns, base->realtime_ns + jump, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->mult, mult, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->seq, seq + 2, __ATOMIC_RELEASE);
}

static void *refresh(void *argument)
{
	struct host_enclave *e = argument;
	struct anchor previous = first;
	uint64_t wait_ns = 2000000;

	while (!atomic_load_explicit(&e->clock_stop, memory_order_relaxed)) {
		struct timespec pause = { .tv_nsec = (long)wait_ns };
		struct anchor now;

		nanosleep(&pause, NULL);
		now = take_anchor();
		publish(e->clock, &now, slope(&previous, &now));
		/* Early on the stretch grows with every step; later it is the last period. */
		if (wait_ns < PERIOD_NS)
			wait_ns = wait_ns * 4 < PERIOD_NS ? wait_ns * 4 : PERIOD_NS;
		else
			previous = now;
	}
	return NULL;
}

int host_clock_start(struct host_enclave *e)
{
	struct anchor now;
	pthread_attr_t attributes;
	int error;

	e->clock = mmap(NULL, OM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (e->clock == MAP_FAILED) {
		e->clock = NULL;
		return host_fail(OM_ENOMEM, "no memory for the clock page");
	}
	if (!tsc_usable())
		return 0;
	if (first.tsc == 0)
		host_clock_anchor();
	do
		now = take_anchor();
	while (now.monotonic_ns - first.monotonic_ns < STRETCH_MIN_NS);
	publish(e->clock, &now, slope(&first, &now));
	e->clock->usable = 1;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	error = pthread_create(&e->clock_thread, &attributes, refresh, e);
	pthread_attr_destroy(&attributes);
	if (error)
		return host_fail(OM_ENOMEM, "clock thread: %s", strerror(error));
	e->clock_running = true;
	return 0;
}

void host_clock_stop(struct host_enclave *e)
{
	if (e->clock_running) {
		atomic_store(&e->clock_stop, true);
		pthread_join(e->clock_thread, NULL);
		e->clock_running = false;
	}
	if (e->clock)
		munmap(e->clock, OM_PAGE_SIZE);
	e->clock = NULL;
}
