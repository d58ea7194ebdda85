/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread of the destination that is held up, as any thread may be at any instruction and for any time, in the middle of
 * taking in what the source still owed. Meanwhile the others bring in the rest, the migration ends, and the program writes to
 * its memory. What the thread then goes on with is old.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "errors.h"
#include "mig/mig.h"
#include "tests/unit/mig/pair.h"

enum { PAGES = 1000, EXTRA = 32, FIRST = FAKE_HEAP + PAGES, SENT = 100, WRITTEN = 200, STALE = 50, TBUF = OM_TBUF_DATA + 320u * 1024u };

static struct pair p;
static pthread_t held_up;
static pthread_barrier_t gate;       /* passed twice by a thread that is held up: when it is, and when it goes on */
static bool struck;

static void *symbol(const char *name)
{
	void *at = dlsym(p.side[TARGET].object, name);

	if (!at)
		pair_fail(__FILE__, __LINE__, name);
	return at;
}

static void wait_gate(void)
{
	(void)pthread_barrier_wait(&gate);   /* one of both is told that it was the last */
}

static void open_pair(frame_hook *hook)
{
	pair_open(&p, OM_MODE_POSTCOPY, 2);
	p.hook = hook;
	struck = false;
	pthread_barrier_init(&gate, NULL, 2);
	pair_run(&p, 1, PAGES);
	for (uint64_t i = 0; i < EXTRA; i++)
		*p.side[SOURCE].touch(FIRST + i, true) = (uint8_t)(SENT + i);
	pair_begin(&p);
}

static bool first_push(int from, unsigned connection)
{
	bool first = from == SOURCE && connection >= OM_CONNECTION_PAGES && atomic_load(&p.side[TARGET].fake->resumed) && !struck;

	struck |= first;
	return first;
}

static void check_end(uint8_t first)
{
	struct side *t = &p.side[TARGET];
	struct om_mig_status status = side_status(t);

	CHECK(status.state == OM_MIG_COMPLETED && status.postcopy_owed == 0 && status.error == 0 && p.recoveries == 0);
	for (uint64_t i = 0; i < EXTRA; i++)
		CHECK(*t->touch(FIRST + i, false) == (uint8_t)(first + i));
	CHECK(side_runs(&p, TARGET));
	pair_check_memory(&p, TARGET);
}

/* ---- between looking at a frame's runs and doing what they say ---- */

static enum om_run_type run_type;
static int taken;

static void *take_frame(void *tbuf)
{
	int (*decode)(const uint8_t *, size_t, size_t, struct mig_runs *) = symbol("mig_runs_decode");
	int (*apply)(const struct mig_runs *, uint8_t (*)[OM_PAGE_SIZE]) = symbol("mig_runs_apply");
	void (*put)(struct om_put *, const struct om_run *) = symbol("om_run_put");
	const struct om_run run = { .first = FIRST, .count = EXTRA, .type = run_type,
		.state = RT_PAGE_ACCEPTED | RT_PAGE_R | RT_PAGE_W };
	uint8_t (*content)[OM_PAGE_SIZE] = aligned_alloc(OM_PAGE_SIZE, EXTRA * OM_PAGE_SIZE), head[OM_RUN_SIZE];
	struct mig_runs runs;
	struct om_put to = { .p = head, .end = head + sizeof head, .start = head };

	p.side[TARGET].thread(tbuf, TBUF, true);
	memset(content, STALE, EXTRA * OM_PAGE_SIZE);
	put(&to, &run);
	taken = decode(head, sizeof head, run_type == OM_RUN_CONTENT ? EXTRA : 0, &runs);
	wait_gate();
	wait_gate();
	if (!taken)
		taken = apply(&runs, content);
	free(content);
	return NULL;
}

static int hold_up_a_frame(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	static uint8_t tbuf[TBUF] __attribute__((aligned(4096)));

	(void)pair;
	(void)frame;
	(void)size;
	if (first_push(from, connection)) {
		pthread_create(&held_up, NULL, take_frame, tbuf);
		wait_gate();
	}
	return 1;
}

static void a_frame(enum om_run_type type)
{
	uint64_t dropped;

	run_type = type;
	open_pair(hold_up_a_frame);
	CHECK(pair_pump(&p, 3000));
	CHECK(struck && side_status(&p.side[TARGET]).state == OM_MIG_COMPLETED);
	for (uint64_t i = 0; i < EXTRA; i++)
		*p.side[TARGET].touch(FIRST + i, true) = (uint8_t)(WRITTEN + i);
	dropped = side_status(&p.side[TARGET]).postcopy_dropped;
	wait_gate();
	pthread_join(held_up, NULL);
	CHECK(taken == 0);
	CHECK(side_status(&p.side[TARGET]).postcopy_dropped == dropped + EXTRA);
	check_end(WRITTEN);
	printf("a frame of type %d held up: all of it dropped\n", type);
	pair_close(&p);
}

/* ---- before its frame is looked at ---- */

static void *touch_all(void *tbuf)
{
	struct side *t = &p.side[TARGET];

	t->thread(tbuf, TBUF, true);
	for (uint64_t page = 0; page < FAKE_SLOTS; page++)
		if (RT_PAGE_STATE(atomic_load(&t->fake->pagemap[page])) == RT_PAGE_OWED)
			(void)t->touch(page, false);
	return NULL;
}

/* All comes by requests before the first frame that was pushed, and the destination says so. */
static int overtake(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	static uint8_t tbuf[TBUF] __attribute__((aligned(4096)));
	struct side *t = &p.side[TARGET];
	pthread_t thread;

	(void)pair;
	(void)frame;
	(void)size;
	if (!first_push(from, connection))
		return 1;
	pthread_create(&thread, NULL, touch_all, tbuf);
	pthread_join(thread, NULL);
	CHECK(side_status(t).postcopy_owed == 0);
	CHECK(side_call(t, OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, NULL, 0) == 0 && side_status(t).state == OM_MIG_COMPLETED);
	t->last_error = 0;
	return 1;
}

/* It is no fault of the source's, and no reason to lose the link. */
static void a_frame_overtaken(void)
{
	open_pair(overtake);
	CHECK(pair_pump(&p, 3000));
	CHECK(struck && p.side[TARGET].last_error == 0 && side_status(&p.side[TARGET]).postcopy_dropped > 0);
	check_end(SENT);
	printf("a frame that was overtaken: dropped, and not refused\n");
	pair_close(&p);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	a_frame(OM_RUN_CONTENT);
	a_frame(OM_RUN_ZERO);
	a_frame_overtaken();
	return 0;
}
