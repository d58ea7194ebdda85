/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that calls the engine from many threads at once, whatever its own locks would say, and stops them where it likes.
 *
 *   hammered     status, limits, checks, commands that mean nothing: the session does not notice
 *   besieged     everything, with garbage and with frames of other connections: it may fail, but one program runs, whole, and no
 *                thread finds half a session
 *   stray        a call that was stopped before it owned its connection goes on in the next session, which has no such connection:
 *                nothing is sealed with a key that nobody has made
 *   stuck        the owner of a connection does not come back: who waits gives the processor up
 *   wiped        what is left in the source when the program has gone
 *
 * Built with TSan as well.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/state.h"
#include "tests/unit/engine/pair.h"

enum { HAMMERS = 3, TBUF = OM_TBUF_DATA + OM_FRAME_MAX + 4096 };

struct hammer { struct pair *pair; int side; bool siege; unsigned seed; uint64_t calls; pthread_t thread; struct om_tbuf *tbuf; };
static _Atomic bool enough;

static long call(struct hammer *h, uint64_t op, uint64_t a, uint64_t b)
{
	h->tbuf->arg[0] = a;
	h->tbuf->arg[1] = b;
	h->calls++;
	return h->pair->side[h->side].call(op);
}

/* What any host thread may do at any time and that changes nothing, or only how a migration is done. */
static void tap(struct hammer *h, unsigned r)
{
	struct om_mig_status status;

	switch (r % 6) {
	case 0:
		(void)call(h, OM_ENGINE_COMMAND, OM_COMMAND_DOWNTIME, r % 3 ? 3000000 : UINT64_MAX);
		break;
	case 1:
		(void)call(h, OM_ENGINE_COMMAND, OM_COMMAND_BANDWIDTH, r % 3 ? 0 : UINT64_MAX);
		break;
	case 2:
		(void)call(h, OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0);
		break;
	case 3:
		(void)call(h, OM_ENGINE_CHECK, 0, 0);
		break;
	case 4:
		(void)call(h, OM_ENGINE_WIPE, 0, 0);
		break;
	default:
		CHECK(call(h, OM_ENGINE_STATUS, 0, 0) == 0);
		memcpy(&status, (uint8_t *)h->tbuf + OM_TBUF_DATA, sizeof status);
		CHECK(status.version == OM_ENGINE_VERSION && status.state <= OM_MIG_REHEARSED && status.channels <= OM_MIG_CHANNELS_MAX);
		CHECK(memchr(status.reason, 0, sizeof status.reason) && memchr(status.choice, 0, sizeof status.choice));
	}
}

static void strike(struct hammer *h, unsigned r)
{
	uint8_t *data = (uint8_t *)h->tbuf + OM_TBUF_DATA;
	uint64_t connection = r >> 8 & 15;

	switch (r % 8) {
	case 0:
		memcpy(data, &h->pair->params, sizeof h->pair->params);
		((struct om_mig_params *)data)->channels = 1 + (r >> 12) % OM_MIG_CHANNELS_MAX;
		(void)call(h, h->side == SOURCE ? OM_ENGINE_SOURCE_BEGIN : OM_ENGINE_DESTINATION_BEGIN, 0, 0);
		break;
	case 1:
		(void)call(h, OM_ENGINE_OUT, connection, OM_FRAME_MAX);
		break;
	case 2:
		for (int i = 0; i < 64; i++)
			data[i] = (uint8_t)(rand_r(&h->seed) >> 7);
		data[0] = OM_WIRE_VERSION;
		data[1] = (uint8_t)(1 + (r >> 16) % 7);
		(void)call(h, r & 0x80000 ? OM_ENGINE_IN : OM_ENGINE_URGENT, connection, 64);
		break;
	case 3:
		if (r >> 20 & 7)
			break;
		(void)call(h, r & 0x10000 ? OM_ENGINE_LOST : OM_ENGINE_RESUME, UINT64_MAX, 0);
		break;
	case 4:
		if (r >> 20 & 15)
			break;
		(void)call(h, OM_ENGINE_COMMAND, r >> 12 & 15, r);
		break;
	default:
		tap(h, r >> 5);
	}
}

static void *hammer(void *argument)
{
	struct hammer *h = argument;

	h->pair->side[h->side].thread(h->tbuf, TBUF & ~15u, false);
	while (!atomic_load(&enough)) {
		unsigned r = (unsigned)rand_r(&h->seed);

		if (h->siege)
			strike(h, r);
		else
			tap(h, r);
		usleep(r % 200);
	}
	return NULL;
}

static void start(struct hammer h[2 * HAMMERS], struct pair *p, bool siege, unsigned seed)
{
	enough = false;
	for (int i = 0; i < 2 * HAMMERS; i++) {
		h[i] = (struct hammer){ .pair = p, .side = i % 2, .siege = siege, .seed = seed + (unsigned)i,
			.tbuf = aligned_alloc(4096, (TBUF + 4095) & ~4095u) };
		memset(h[i].tbuf, 0, TBUF);
		pthread_create(&h[i].thread, NULL, hammer, &h[i]);
	}
}

static uint64_t stop(struct hammer h[2 * HAMMERS])
{
	uint64_t calls = 0;

	enough = true;
	for (int i = 0; i < 2 * HAMMERS; i++) {
		pthread_join(h[i].thread, NULL);
		calls += h[i].calls;
		free(h[i].tbuf);
	}
	return calls;
}

static void hammered(enum om_mig_mode mode)
{
	struct hammer h[2 * HAMMERS];
	struct pair p;
	uint64_t calls;

	pair_open(&p, mode, 3);
	p.hammered = 20000;
	p.params.downtime_limit_ns = 3000000;
	p.params.rounds_max = 4;
	pair_run(&p, 2, 2000);
	start(h, &p, false, 1);
	pair_begin(&p);
	CHECK(pair_pump(&p, 3000));
	CHECK(side_status(&p.side[SOURCE]).state == OM_MIG_COMPLETED && side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED);
	calls = stop(h);
	CHECK(pair_runnable(&p) == 1 && side_runs(&p, DESTINATION));
	pair_check_memory(&p, DESTINATION);
	CHECK(!p.side[SOURCE].fake->broken);
	pair_close(&p);
	printf("hammered, mode %d: %lu calls\n", mode, calls);
}

static void besieged(enum om_mig_mode mode, unsigned seed)
{
	struct hammer h[2 * HAMMERS];
	struct pair p;
	uint64_t calls;
	bool over;
	int runs;

	pair_open(&p, mode, 2);
	p.hammered = 20;
	p.params.rounds_max = 3;
	pair_run(&p, 2, 600);
	pair_begin(&p);
	start(h, &p, true, seed);
	over = pair_pump(&p, 150);
	calls = stop(h);
	/* The siege is over. What the two can still agree upon they do. */
	for (int i = 0; i < 3 && !over; i++) {
		(void)side_call(&p.side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_CANCEL, 0, NULL, 0);
		over = pair_pump(&p, 100) || (pair_recover(&p) && pair_pump(&p, 100));
	}
	runs = pair_runnable(&p);
	CHECK(runs <= 1);
	CHECK(!p.side[SOURCE].fake->broken && !p.side[DESTINATION].fake->broken);
	if (runs == 1 && !p.side[SOURCE].fake->stop)
		pair_check_memory(&p, SOURCE);
	printf("besieged, mode %d: %lu calls, %s\n", mode, calls, runs == 0 ? "waits" : p.side[SOURCE].fake->stop ? "moved" : "stayed");
	p.give_up = true;
	pair_close(&p);
}

static void *of(struct side *s, const char *name)
{
	void *found = dlsym(s->object, name);

	CHECK(found != NULL);
	return found;
}

/* Until the source is in its rounds. */
static void to_rounds(struct pair *p)
{
	while (side_status(&p->side[SOURCE]).state < OM_MIG_ACTIVE)
		(void)pair_step(p);
}

static void stray(void)
{
	long (*export_out)(uint32_t, uint8_t *);
	const uint8_t *data;
	struct engine *m;
	struct pair p;

	pair_open(&p, OM_MODE_PRECOPY, 8);
	pair_run(&p, 1, 3000);
	pair_begin(&p);
	to_rounds(&p);
	CHECK(side_call(&p.side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_CANCEL, 0, NULL, 0) == 0);
	CHECK(pair_pump(&p, 1000));
	pair_fresh_destination(&p);
	p.params.channels = 1;
	pair_begin(&p);
	m = of(&p.side[SOURCE], "engine");
	while (ENGINE_PASS_KIND(m->pass) == ENGINE_PASS_NONE)
		(void)pair_step(&p);
	/* By the door it is an unknown connection; behind it, where the other thread stands, it has no key. */
	CHECK(side_call(&p.side[SOURCE], OM_ENGINE_OUT, OM_CONNECTION_PAGES + 6, OM_FRAME_MAX, NULL, 0) == OM_EINVAL);
	memset((uint8_t *)p.side[SOURCE].tbuf + OM_TBUF_DATA, 0, OM_FRAME_MAX);
	export_out = of(&p.side[SOURCE], "engine_export_out");
	CHECK(export_out(6, (uint8_t *)p.side[SOURCE].tbuf + OM_TBUF_DATA) < 0);
	data = (const uint8_t *)p.side[SOURCE].tbuf + OM_TBUF_DATA;
	for (size_t i = 0; i < OM_FRAME_MAX; i++)
		CHECK(data[i] == 0);
	p.give_up = true;
	pair_close(&p);
	printf("stray: refused\n");
}

static void *come_back(void *argument)
{
	void (*disown)(uint32_t) = argument;

	usleep(100000);
	disown(OM_CONNECTION_PAGES);
	return NULL;
}

static void stuck(void)
{
	bool (*own)(uint32_t);
	pthread_t owner;
	struct pair p;

	pair_open(&p, OM_MODE_PRECOPY, 1);
	pair_run(&p, 1, 300);
	pair_begin(&p);
	to_rounds(&p);
	own = of(&p.side[SOURCE], "engine_own");
	CHECK(own(OM_CONNECTION_PAGES));
	pthread_create(&owner, NULL, come_back, of(&p.side[SOURCE], "engine_disown"));
	pair_lose_link(&p);
	CHECK(p.side[SOURCE].fake->yields > 0);
	pthread_join(owner, NULL);
	CHECK(pair_recover(&p) && pair_pump(&p, 3000));
	pair_check_memory(&p, DESTINATION);
	pair_close(&p);
	printf("stuck: yielded\n");
}

static bool all_zero(const void *what, size_t size)
{
	const uint8_t *byte = what;

	return size == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, size - 1) == 0);
}

static void wiped(enum om_mig_mode mode)
{
	struct pair p;

	pair_open(&p, mode, 2);
	p.params.rounds_max = 3;
	pair_run(&p, 2, 1500);
	CHECK(side_call(&p.side[SOURCE], OM_ENGINE_WIPE, 0, 0, NULL, 0) == OM_ESTATE);
	pair_begin(&p);
	CHECK(pair_pump(&p, 3000));
	CHECK(side_call(&p.side[DESTINATION], OM_ENGINE_WIPE, 0, 0, NULL, 0) == OM_ESTATE);
	while (side_call(&p.side[SOURCE], OM_ENGINE_WIPE, 0, 0, NULL, 0) > 0)
		;
	CHECK(p.side[SOURCE].last_error == OM_ESTATE && p.side[SOURCE].fake->forgotten == 1);
	for (uint64_t page = 0; page < FAKE_SLOTS; page++)
		if (RT_PAGE_STATE(p.side[SOURCE].fake->pagemap[page]) == RT_PAGE_ACCEPTED)
			CHECK(all_zero(p.side[SOURCE].fake->memory + (page << 12), 4096));
	for (int s = 0; s < 2; s++) {
		CHECK(all_zero(of(&p.side[s], "engine_buffers"), 2 * sizeof(struct engine_buffer)));
		CHECK(all_zero(of(&p.side[s], "engine_reply_buffer"), sizeof(struct engine_small_buffer)));
		CHECK(all_zero(of(&p.side[s], "engine_sealed"), OM_FRAME_HEADER + OM_CONTROL_MAX + OM_FRAME_TAG));
		CHECK(all_zero(of(&p.side[s], "engine_received"), OM_CONTROL_MAX + OM_FRAME_TAG));
		for (unsigned i = 0; i < ENGINE_FAULT_BUFFERS; i++)
			CHECK(all_zero((uint8_t *)of(&p.side[s], "engine_fault_buffers") + i * sizeof(struct engine_small_buffer),
				sizeof(struct engine_small_buffer)));
	}
	CHECK(side_runs(&p, DESTINATION));
	pair_check_memory(&p, DESTINATION);
	pair_close(&p);
	printf("wiped, mode %d\n", mode);
}

int main(void)
{
	unsigned seed = (unsigned)(getenv("HOSTILE_SEED") ? atoi(getenv("HOSTILE_SEED")) : 1);

	setvbuf(stdout, NULL, _IOLBF, 0);
	stray();
	stuck();
	wiped(OM_MODE_PRECOPY);
	wiped(OM_MODE_POSTCOPY);
	hammered(OM_MODE_AUTO);
	hammered(OM_MODE_HYBRID);
	for (unsigned i = 0; i < 4; i++)
		besieged(i % 2 ? OM_MODE_POSTCOPY : OM_MODE_PRECOPY, seed + 100 * i);
	return 0;
}
