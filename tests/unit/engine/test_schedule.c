/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole migrations, each connection with a pump of its own as in a real host, in which any thread of either enclave is held up
 * at any branch of the engine (held.c): modes, channels, threads, lost links and a late wish for post-copy at random. Whatever
 * comes of one, the program runs on one side at most, and its memory is what it wrote.
 *
 * MIG_SCHEDULES says how many.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "errors.h"
#include "tests/unit/engine/pair.h"

enum { PAGES = 900, ONE_IN = 3000, TRIES = 1000, LIMIT_MS = 20000, CHANNELS_MAX = 3 };

struct pump { pthread_t thread; unsigned connection; struct om_tbuf *tbuf[2]; };

static struct pair p;
static struct pump pumps[OM_CONNECTION_PAGES + CHANNELS_MAX];
static _Atomic bool stopping;
static _Atomic uint64_t flags[2];

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* That a session is over is not forgotten for an older answer. */
static void note(int s, uint64_t value)
{
	if (!(atomic_load(&flags[s]) & OM_MIG_F_OVER) || value & OM_MIG_F_OVER)
		atomic_store(&flags[s], value);
}

/* Another thread may have the connection for a moment. */
static long call(int s, struct om_tbuf *tbuf, uint64_t op, uint64_t a, uint64_t b, const void *data)
{
	long ret = OM_ESTATE;

	for (int i = 0; i < TRIES && ret == OM_ESTATE; i++) {
		if (i)
			usleep(50);
		ret = side_call_with(&p.side[s], tbuf, op, a, b, data, op == OM_ENGINE_IN ? b : 0);
	}
	if (ret >= 0)
		note(s, tbuf->arg[3]);
	return ret;
}

static bool move_frame(struct pump *u, int from)
{
	static __thread uint8_t frame[OM_FRAME_MAX];
	long size = call(from, u->tbuf[from], OM_ENGINE_OUT, u->connection, OM_FRAME_MAX, NULL);

	if (size <= 0)
		return false;
	memcpy(frame, (uint8_t *)u->tbuf[from] + OM_TBUF_DATA, (size_t)size);
	(void)call(!from, u->tbuf[!from], OM_ENGINE_IN, u->connection, (uint64_t)size, frame);
	return true;
}

static void *pump(void *argument)
{
	struct pump *u = argument;

	while (!atomic_load(&stopping)) {
		bool moved = move_frame(u, SOURCE);

		moved |= move_frame(u, DESTINATION);
		if (u->connection == OM_CONNECTION_CONTROL)
			pair_follow_start(&p);
		if (!moved)
			usleep(200);
	}
	return NULL;
}

static void each_pump(bool start)
{
	atomic_store(&stopping, !start);
	for (unsigned i = 0; i < OM_CONNECTION_PAGES + p.params.channels; i++) {
		if (i == OM_CONNECTION_URGENT)
			continue;
		pumps[i].connection = i;
		if (start)
			pthread_create(&pumps[i].thread, NULL, pump, &pumps[i]);
		else
			pthread_join(pumps[i].thread, NULL);
	}
}

/* Return: false if one side does not want it. */
static bool reconnect(void)
{
	bool resumed = true;

	p.link_down = true;
	each_pump(false);
	for (int s = 0; s < 2; s++)
		(void)call(s, p.side[s].tbuf, OM_ENGINE_LOST, UINT64_MAX, 0, NULL);
	for (int s = 0; s < 2 && resumed; s++)
		resumed = call(s, p.side[s].tbuf, OM_ENGINE_RESUME, 0, 0, NULL) >= 0;
	p.recoveries += resumed;
	p.link_down = false;
	each_pump(true);
	return resumed;
}

static void hold_up(uint32_t one_in)
{
	for (int s = 0; s < 2; s++)
		*(_Atomic uint32_t *)dlsym(p.side[s].object, "held_one_in") = one_in;
}

/* A destination that was complete when the source gave up would wait for it for ever. */
static bool over(void)
{
	uint64_t source = atomic_load(&flags[SOURCE]);

	return source & OM_MIG_F_OVER && (source & OM_MIG_F_RUNNING || atomic_load(&flags[DESTINATION]) & OM_MIG_F_OVER);
}

static void drive(void)
{
	int losses = rand() % 3;
	bool ask = rand() % 3 == 0, lost = false;
	uint64_t end = now_ms() + LIMIT_MS;

	while (!over() && now_ms() < end) {
		usleep(1000);
		if (ask && rand() % 20 == 0) {
			ask = false;
			(void)call(SOURCE, p.side[SOURCE].tbuf, OM_ENGINE_COMMAND, OM_COMMAND_POSTCOPY, 0, NULL);
		}
		lost = losses > 0 && rand() % 30 == 0;
		losses -= lost;
		if (!lost && !((flags[SOURCE] | flags[DESTINATION]) & OM_MIG_F_RECONNECT))
			continue;
		if (!reconnect())
			break;
	}
}

/* Return: whether the program has moved. */
static bool migrate(unsigned seed)
{
	static const enum om_mig_mode modes[] = { OM_MODE_AUTO, OM_MODE_PRECOPY, OM_MODE_POSTCOPY, OM_MODE_HYBRID };
	bool moved;

	srand(seed);
	pair_open(&p, modes[rand() % 4], 1 + (unsigned)rand() % CHANNELS_MAX);
	p.params.downtime_limit_ns = 3000000;
	p.params.rounds_max = 4;
	p.params.flags = rand() % 3 ? 0 : OM_MIG_PARAM_RELEASE;
	flags[SOURCE] = flags[DESTINATION] = 0;
	pair_run(&p, 1 + rand() % 3, PAGES);
	pair_begin(&p);
	hold_up(ONE_IN);
	each_pump(true);
	drive();
	each_pump(false);
	hold_up(0);
	moved = side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED;
	CHECK(pair_runnable(&p) <= 1);
	if (moved || !p.side[SOURCE].fake->stop)
		pair_check_memory(&p, moved ? DESTINATION : SOURCE);
	p.give_up = !moved;
	pair_close(&p);
	return moved;
}

int main(void)
{
	const char *count = getenv("MIG_SCHEDULES");
	unsigned sessions = count ? (unsigned)strtoul(count, NULL, 10) : 16, moved = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < OM_CONNECTION_PAGES + CHANNELS_MAX; i++)
		for (int s = 0; s < 2; s++)
			pumps[i].tbuf[s] = pair_tbuf();
	for (unsigned i = 0; i < sessions; i++)
		moved += migrate(count ? (unsigned)time(NULL) + i : i);
	printf("%u of %u moved, none lost anything\n", moved, sessions);
	CHECK(moved > 0);
	return 0;
}
