/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing goes wrong at the k-th frame, for every k of a session: the frame is altered, dropped, doubled or truncated,
 * the link dies (for a while, again and again, or for ever), the source cancels, the destination gives up, and what it says
 * then is lost, once or more often. Whatever it is: never two runnable instances, a source that was committed learns what
 * became of its program as long as the link comes back, the one that runs has its memory whole, a source that was not committed runs on, and can then
 * migrate to a fresh destination.
 *
 * MIG_FAULT_STRIDE=1 tries every frame (minutes); the default takes every fifteenth, another offset for each fault and mode.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "errors.h"
#include "tests/unit/engine/pair.h"

enum fault { ALTER, ALTER_HEADER, DROP, TWICE, TRUNCATE, LOSE, LOSE_TWICE, LOSE_OFTEN, LOSE_FOR_EVER, CANCEL, ABORT,
	ABORT_AND_LOSE, ABORT_AND_LOSE_OFTEN, KILL_TARGET, FAULTS };
#define OFTEN 6         /* losses: each the first frame, or one of the next, of the connections before */
static const char *const fault_names[FAULTS] = { "alter", "alter header", "drop", "twice", "truncate", "lose link",
	"lose link twice", "lose link often", "lose link for ever", "cancel", "abort", "abort and lose link",
	"abort and lose often", "kill destination" };

static enum fault fault;
static bool struck;
static unsigned losses;                 /* so far */
static uint64_t next_loss;              /* at which frame */
static unsigned outcomes[FAULTS][4];

/* Once more: a RESUME, its answer, or what follows. */
static int lose_again(struct pair *p)
{
	unsigned wanted = fault == LOSE_TWICE ? 2 : fault == LOSE_OFTEN || fault == ABORT_AND_LOSE_OFTEN ? OFTEN : 0;

	if (losses >= wanted || p->frames < next_loss)
		return 1;
	losses++;
	next_loss = p->frames + 1 + (p->arg + losses) % 3;
	pair_lose_link(p);
	return 0;
}

/* @p->arg: at which frame. */
static int strike(struct pair *p, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	(void)from;
	if (struck && connection != OM_CONNECTION_URGENT)
		return lose_again(p);
	if (p->frames < p->arg || struck)
		return 1;
	if (connection == OM_CONNECTION_URGENT && fault > TRUNCATE)
		return 1;                      /* not from the faulting thread */
	struck = true;
	switch (fault) {
	case ALTER:
		frame[OM_FRAME_HEADER + p->arg * 7 % (*size - OM_FRAME_HEADER)] ^= (uint8_t)(1 << p->arg % 8);
		return 1;
	case ALTER_HEADER:
		frame[p->arg % OM_FRAME_HEADER] ^= (uint8_t)(1 << p->arg / OM_FRAME_HEADER % 8);
		return 1;
	case DROP:
		return 0;
	case TWICE:
		return 2;
	case TRUNCATE:
		*size -= p->arg % 2 ? 1 : *size / 2;
		return 1;
	case LOSE_TWICE:
	case LOSE_OFTEN:
		return lose_again(p);
	case LOSE:
	case LOSE_FOR_EVER:
		p->no_recovery = fault == LOSE_FOR_EVER;
		pair_lose_link(p);
		return 0;
	case CANCEL:
		(void)side_call(&p->side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_CANCEL, 0, NULL, 0);
		return 1;
	case ABORT_AND_LOSE:
	case ABORT_AND_LOSE_OFTEN:
	case ABORT:
		(void)side_call(&p->side[DESTINATION], OM_ENGINE_COMMAND, OM_COMMAND_ABORT, 0, NULL, 0);
		if (fault == ABORT_AND_LOSE_OFTEN)
			return lose_again(p);
		if (fault == ABORT_AND_LOSE)
			pair_lose_link(p);
		return fault == ABORT;
	case KILL_TARGET:
		p->no_recovery = true;
		p->target_dead = true;
		pair_lose_link(p);
		return 0;
	case FAULTS:
		break;
	}
	return 1;
}

/* The source ran on: it must be able to migrate to somebody else. */
static void again(struct pair *p)
{
	pair_fresh_destination(p);
	p->hook = NULL;
	p->link_down = p->no_recovery = p->target_dead = false;
	p->params.mode = OM_MODE_PRECOPY;
	CHECK(side_runs(p, SOURCE));
	pair_begin(p);
	CHECK(pair_pump(p, 2000));
	CHECK(side_status(&p->side[DESTINATION]).state == OM_MIG_COMPLETED);
	CHECK(pair_runnable(p) == 1 && side_runs(p, DESTINATION));
	CHECK(side_next_move(&p->side[SOURCE]) == 0 && side_next_move(&p->side[DESTINATION]) == 2);
	pair_check_memory(p, DESTINATION);
}

/* A dropped frame is noticed by nobody until the next one: the hosts' timeouts end such a session. */
static void settle(struct pair *p)
{
	if (pair_pump(p, 150) || fault == LOSE_FOR_EVER || fault == KILL_TARGET)
		return;
	(void)pair_recover(p);
	(void)pair_pump(p, 150);
}

static void judge(struct pair *p)
{
	struct om_mig_status s, t;
	int runnable;

	settle(p);
	s = side_status(&p->side[SOURCE]);
	t = side_status(&p->side[DESTINATION]);
	runnable = pair_runnable(p);
	CHECK(runnable <= 1);
	if (s.state == OM_MIG_WAITING && runnable == 1 && !p->side[SOURCE].fake->stop) {
		/* It waits for a destination that is gone, and runs meanwhile. */
		(void)side_call(&p->side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_CANCEL, 0, NULL, 0);
		s = side_status(&p->side[SOURCE]);
		CHECK(s.state == OM_MIG_CANCELLED);
	}
	if (!p->side[DESTINATION].fake->stop && !p->target_dead) {
		CHECK(!(s.flags & OM_MIG_F_RUNNING));
		CHECK(side_next_move(&p->side[SOURCE]) == 0 && side_next_move(&p->side[DESTINATION]) == 2);
		outcomes[fault][0]++;
		if (t.state == OM_MIG_COMPLETED) {
			CHECK(side_runs(p, DESTINATION));
			pair_check_memory(p, DESTINATION);
			return;
		}
		CHECK(fault == LOSE_FOR_EVER);         /* post-copy, and the source cannot be reached */
		outcomes[fault][1]++;
		p->give_up = true;
		return;
	}
	if (s.flags & OM_MIG_F_RUNNING && s.flags & OM_MIG_F_OVER) {
		CHECK(s.error != 0 && s.reason[0]);
		CHECK(side_runs(p, SOURCE));
		CHECK(p->side[SOURCE].fake->frozen == p->side[SOURCE].fake->thawed);
		/* The move has not been made: the same ticket is good for another try, and the destination has none. */
		CHECK(side_next_move(&p->side[SOURCE]) == 1 && (p->target_dead || side_next_move(&p->side[DESTINATION]) == 0));
		outcomes[fault][2]++;
		again(p);
		return;
	}
	if (p->target_dead && s.state == OM_MIG_COMPLETED) {
		outcomes[fault][0]++;          /* it died after it had taken over */
		return;
	}
	/* Committed, and nobody to tell what became of the token. */
	CHECK(s.state == OM_MIG_WAITING && !(s.flags & OM_MIG_F_RUNNING) && side_next_move(&p->side[SOURCE]) == 0);
	CHECK(fault == LOSE_FOR_EVER || fault == KILL_TARGET);
	outcomes[fault][3]++;
}

static bool session(enum om_mig_mode mode, uint64_t at)
{
	struct pair p;

	pair_open(&p, mode, 2);
	p.params.downtime_limit_ns = 2000000;
	p.params.rounds_max = 2;
	p.hook = strike;
	p.arg = at;
	struck = false;
	losses = 0;
	next_loss = 0;
	pair_run(&p, 2, 200);
	pair_begin(&p);
	judge(&p);
	if (p.target_dead)             /* its threads may wait for pages that were owed */
		p.give_up = true;
	pair_close(&p);
	return struck;
}

/* What the host's side of the program may refuse. */
static void refusals(void)
{
	static const char *const expected[] = { "a descriptor of the test", "other side: a socket of the test",
		"other side: refused by the test", "refused by the test",
		/* What fails while all is undone comes second. */
		"a descriptor of the test; and then a lock of the test", "other side: a socket of the test; and then a lock of the test" };

	for (int i = 0; i < 6; i++) {
		struct pair p;
		struct om_mig_status s;

		pair_open(&p, OM_MODE_STOP, 1);
		pair_run(&p, 1, 100);
		if (i == 0 || i == 4)
			p.side[SOURCE].fake->freeze_error = OM_EHOSTSTATE;
		if (i == 1 || i == 5)
			p.side[DESTINATION].fake->rebuild_error = OM_EHOSTSTATE;
		if (i == 2)
			p.side[DESTINATION].fake->evidence_error = "refused by the test";
		if (i == 3)
			p.side[SOURCE].fake->evidence_error = "refused by the test";
		p.side[SOURCE].fake->thaw_error = i < 4 ? 0 : OM_EHOSTSTATE;
		pair_begin(&p);
		CHECK(pair_pump(&p, 500));
		s = side_status(&p.side[SOURCE]);
		CHECK(s.state == OM_MIG_FAILED && s.flags & OM_MIG_F_RUNNING);
		if (strcmp(s.reason, expected[i])) {
			fprintf(stderr, "reason '%s'\n", s.reason);
			CHECK(!"reason is the expected one");
		}
		CHECK(pair_runnable(&p) == 1 && side_runs(&p, SOURCE));
		p.side[SOURCE].fake->freeze_error = p.side[SOURCE].fake->thaw_error = 0;
		p.side[SOURCE].fake->evidence_error = NULL;
		again(&p);
		pair_close(&p);
	}
}

int main(void)
{
	static const enum om_mig_mode modes[] = { OM_MODE_PRECOPY, OM_MODE_HYBRID, OM_MODE_STOP };

	const char *every = getenv("MIG_FAULT_STRIDE"), *only = getenv("MIG_FAULT");
	uint64_t stride = every ? strtoul(every, NULL, 10) : 15;

	setvbuf(stdout, NULL, _IOLBF, 0);
	refusals();
	for (fault = 0; fault < FAULTS; fault++) {
		if (only && strtoul(only, NULL, 10) != fault)
			continue;
		for (unsigned m = 0; m < 3; m++)
			for (uint64_t at = (m * 5 + fault * 2) % stride; at < 200 && session(modes[m], at); at += stride)
				;
		printf("%-20s over there %u (not whole %u), ran on here %u, committed and waiting %u\n", fault_names[fault],
			outcomes[fault][0], outcomes[fault][1], outcomes[fault][2], outcomes[fault][3]);
	}
	return 0;
}
