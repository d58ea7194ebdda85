/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the start token to the program's first instruction, where the source has to let go of what the destination then
 * claims: the threads wait for it, the source hears STARTED meanwhile, and a lost link delays it, no more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/unit/engine/pair.h"

#define WAIT_NS 300000u

static _Atomic bool free_at_last;       /* besides: nobody else has the addresses */
static bool lose;                       /* the frame that is not urgent and comes behind START */
static bool struck;

static uint64_t claim(void)
{
	struct pair *p = pair_current;

	CHECK(p->side[DESTINATION].fake->stop);
	return p->side[SOURCE].fake->discarded && free_at_last ? 0 : WAIT_NS;
}

/* The first control frame of a destination that was started is STARTED. */
static int strike(struct pair *p, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	(void)frame; (void)size;
	if (!lose || struck || from != DESTINATION || connection != OM_CONNECTION_CONTROL || p->side[DESTINATION].fake->claims == 0)
		return 1;
	struck = true;
	pair_lose_link(p);
	return 0;
}

static void open(struct pair *p, enum om_mig_mode mode, uint32_t flags)
{
	pair_open(p, mode, 2);
	p->params.flags = flags;
	p->params.rounds_max = 2;
	p->side[DESTINATION].fake->claim = claim;
	p->hook = strike;
	struck = false;
	pair_run(p, 2, 600);
	pair_begin(p);
}

static void check_end(struct pair *p)
{
	CHECK(side_status(&p->side[SOURCE]).state == OM_MIG_COMPLETED && side_status(&p->side[DESTINATION]).state == OM_MIG_COMPLETED);
	CHECK(p->side[SOURCE].fake->discarded == 1 && p->side[SOURCE].fake->thawed == 0);
	CHECK(side_status(&p->side[SOURCE]).run_realtime_ns == side_status(&p->side[DESTINATION]).run_realtime_ns);
	CHECK(pair_runnable(p) == 1 && side_runs(p, DESTINATION));
	pair_check_memory(p, DESTINATION);
	pair_close(p);
}

/* Somebody else has the addresses for a while: only what is asked for is done, and not all the time. */
static void waits(enum om_mig_mode mode, uint32_t flags)
{
	struct pair p;
	uint64_t claims;

	free_at_last = false;
	open(&p, mode, flags);
	CHECK(!pair_pump(&p, 100));
	CHECK(p.side[SOURCE].fake->discarded == 1 && side_status(&p.side[SOURCE]).state == OM_MIG_POSTCOPY);
	CHECK(pair_runnable(&p) == 0 && side_status(&p.side[DESTINATION]).flags & OM_MIG_F_RUNNING);
	claims = p.side[DESTINATION].fake->claims;
	CHECK(claims >= 2);
	CHECK(side_call(&p.side[DESTINATION], OM_ENGINE_COMMAND, OM_COMMAND_ABORT, 0, NULL, 0) < 0);
	CHECK(side_call(&p.side[DESTINATION], OM_ENGINE_OUT, OM_CONNECTION_CONTROL, OM_FRAME_MAX, NULL, 0) == 0);
	CHECK(p.side[DESTINATION].tbuf->arg[0] <= WAIT_NS);
	free_at_last = true;
	CHECK(pair_pump(&p, 3000));
	printf("mode %u flags %u: claimed by %lu calls\n", mode, flags, p.side[DESTINATION].fake->claims);
	check_end(&p);
}

/* STARTED is lost with the link, which comes back: the source lets go of its side when it learns the state. */
static void lost(enum om_mig_mode mode, uint32_t flags)
{
	struct pair p;

	free_at_last = true;
	open(&p, mode, flags);
	CHECK(pair_pump(&p, 3000));
	CHECK(struck == lose);
	check_end(&p);
}

/* The source cannot be reached any more. When its process is gone its addresses are free: no link is needed for that. */
static void alone(enum om_mig_mode mode)
{
	struct pair p;
	int tries = 0;

	free_at_last = true;
	open(&p, mode, 0);
	p.no_recovery = true;
	CHECK(!pair_pump(&p, 100));
	CHECK(struck && pair_runnable(&p) == 0 && p.side[SOURCE].fake->discarded == 0);
	CHECK(side_call(&p.side[DESTINATION], OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, NULL, 0) == 0);
	CHECK(p.side[DESTINATION].tbuf->arg[0] <= WAIT_NS && pair_runnable(&p) == 0);
	p.side[SOURCE].fake->discarded = 1;
	while (pair_runnable(&p) == 0 && tries++ < 1000) {
		usleep(100);
		CHECK(side_call(&p.side[DESTINATION], OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, NULL, 0) == 0);
	}
	CHECK(pair_runnable(&p) == 1);
	CHECK(side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED);
	pair_step(&p);                         /* gives it its threads */
	CHECK(side_runs(&p, DESTINATION));
	pair_check_memory(&p, DESTINATION);
	pair_close(&p);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	waits(OM_MODE_PRECOPY, 0);
	waits(OM_MODE_POSTCOPY, 0);
	waits(OM_MODE_STOP, OM_MIG_PARAM_RELEASE); /* held until all is there */
	for (lose = false;; lose = true) {
		lost(OM_MODE_STOP, 0);
		lost(OM_MODE_POSTCOPY, 0);
		if (lose)
			break;
	}
	alone(OM_MODE_PRECOPY);
	return 0;
}
