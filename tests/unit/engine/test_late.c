/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that is held up, as any thread may be at any instruction and for any time, by a scheduler or by a host that means
 * it. A destination's thread, in the middle of taking in what is owed: the others bring in the rest, the migration ends, the
 * program writes to its memory or moves on, and what the thread then goes on with is old. Or a thread of the source's program,
 * between the mark of a store and the store.
 */
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "errors.h"
#include "engine/state.h"
#include "tests/unit/engine/pair.h"

enum { PAGES = 1000, EXTRA = 32, FIRST = FAKE_HEAP + PAGES, SENT = 100, WRITTEN = 200, STALE = 50, TBUF = OM_TBUF_DATA + 320u * 1024u };

static struct pair p;
static pthread_t held_up;
static pthread_barrier_t gate;       /* passed twice by a thread that is held up: when it is, and when it goes on */
static bool struck;

static void *symbol_of(const struct side *side, const char *name)
{
	void *at = dlsym(side->object, name);

	if (!at)
		pair_fail(__FILE__, __LINE__, name);
	return at;
}

/* Of the first destination. */
static void *symbol(const char *name)
{
	return symbol_of(&p.side[DESTINATION], name);
}

static const struct engine *engine_of(int s)
{
	return symbol_of(&p.side[s], "engine");
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
	bool first = from == SOURCE && connection >= OM_CONNECTION_PAGES && atomic_load(&p.side[DESTINATION].fake->resumed) && !struck;

	struck |= first;
	return first;
}

static void check_pages(uint8_t first)
{
	for (uint64_t i = 0; i < EXTRA; i++)
		CHECK(*p.side[DESTINATION].touch(FIRST + i, false) == (uint8_t)(first + i));
}

static void check_end(uint8_t first)
{
	struct om_mig_status status = side_status(&p.side[DESTINATION]);

	CHECK(status.state == OM_MIG_COMPLETED && status.postcopy_owed == 0 && status.error == 0 && p.recoveries == 0);
	check_pages(first);
	CHECK(side_runs(&p, DESTINATION));
	pair_check_memory(&p, DESTINATION);
}

/* ---- between looking at a frame's runs and doing what they say ---- */

static enum om_run_type run_type;
static int taken;

static void *take_frame(void *tbuf)
{
	int (*decode)(const uint8_t *, size_t, size_t, struct engine_runs *) = symbol("engine_runs_decode");
	int (*apply)(const struct engine_runs *, uint8_t (*)[OM_PAGE_SIZE]) = symbol("engine_runs_apply");
	void (*put)(struct om_put *, const struct om_run *) = symbol("om_run_put");
	const struct om_run run = { .first = FIRST, .count = EXTRA, .type = run_type,
		.state = RT_PAGE_ACCEPTED | RT_PAGE_R | RT_PAGE_W };
	uint8_t (*content)[OM_PAGE_SIZE] = aligned_alloc(OM_PAGE_SIZE, EXTRA * OM_PAGE_SIZE), head[OM_RUN_SIZE];
	struct engine_runs runs;
	struct om_put to = { .p = head, .end = head + sizeof head, .start = head };

	p.side[DESTINATION].thread(tbuf, TBUF, true);
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
	CHECK(struck && side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED);
	for (uint64_t i = 0; i < EXTRA; i++)
		*p.side[DESTINATION].touch(FIRST + i, true) = (uint8_t)(WRITTEN + i);
	dropped = side_status(&p.side[DESTINATION]).postcopy_dropped;
	wait_gate();
	pthread_join(held_up, NULL);
	check_pages(WRITTEN);
	CHECK(taken == 0);
	CHECK(side_status(&p.side[DESTINATION]).postcopy_dropped >= dropped + EXTRA);
	check_end(WRITTEN);
	printf("a frame of type %d held up: all of it dropped\n", type);
	pair_close(&p);
}

/* ---- before its frame is looked at ---- */

static void *touch_all(void *tbuf)
{
	struct side *t = &p.side[DESTINATION];

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
	struct side *t = &p.side[DESTINATION];
	pthread_t thread;

	(void)pair;
	(void)frame;
	(void)size;
	if (!first_push(from, connection))
		return 1;
	pthread_create(&thread, NULL, touch_all, tbuf);
	pthread_join(thread, NULL);
	while (side_status(t).postcopy_owed > 0)
		sched_yield();                 /* the program's own thread may be about to place one */
	CHECK(side_call(t, OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, NULL, 0) == 0 && side_status(t).state == OM_MIG_COMPLETED);
	t->last_error = 0;
	return 1;
}

/* It is no fault of the source's, and no reason to lose the link. */
static void a_frame_overtaken(void)
{
	open_pair(overtake);
	CHECK(pair_pump(&p, 3000));
	CHECK(struck && p.side[DESTINATION].last_error == 0 && side_status(&p.side[DESTINATION]).postcopy_dropped > 0);
	check_end(SENT);
	printf("a frame that was overtaken: dropped, and not refused\n");
	pair_close(&p);
}

/* ---- before it asks for its page ---- */

static __thread bool asks;
static bool was_held_up;
static unsigned asked;

static void locking(void)
{
	if (!asks || was_held_up)
		return;
	was_held_up = true;
	wait_gate();
	wait_gate();
}

static void sealing(const uint8_t key[32], const uint8_t nonce[12])
{
	(void)key;
	(void)nonce;
	asked += asks;
}

static void *touch_one(void *tbuf)
{
	struct side *t = &p.side[DESTINATION];

	t->thread(tbuf, TBUF, true);
	asks = true;
	taken = *t->touch(FIRST, false);
	return NULL;
}

static int hold_up_a_request(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	static uint8_t tbuf[TBUF] __attribute__((aligned(4096)));

	(void)pair;
	(void)frame;
	(void)size;
	if (first_push(from, connection)) {
		pthread_create(&held_up, NULL, touch_one, tbuf);
		wait_gate();
	}
	return 1;
}

/* The program moves on, and the link to the next destination is up. */
static int let_it_go(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	(void)pair;
	(void)frame;
	(void)size;
	if (from == SOURCE && connection >= OM_CONNECTION_PAGES && !struck) {
		struck = true;
		wait_gate();
		pthread_join(held_up, NULL);
	}
	return 1;
}

/* From its destination to another one. */
static void move_on(frame_hook *hook)
{
	static struct pair next;

	pair_open(&next, OM_MODE_PRECOPY, 2);
	next.hook = hook;
	free(next.side[SOURCE].tbuf);
	next.side[SOURCE] = p.side[DESTINATION];
	struck = false;
	pair_begin(&next);
	CHECK(pair_pump(&next, 3000));
	CHECK(struck);
	CHECK(pair_runnable(&next) == 1);
	CHECK(side_status(&next.side[SOURCE]).state == OM_MIG_COMPLETED && side_status(&next.side[DESTINATION]).state == OM_MIG_COMPLETED);
	free(p.side[SOURCE].tbuf);             /* the other side's is the next pair's */
	pair_close(&next);
}

/*
 * The keys of a source's urgent connection are for answers, each with its request's number. A request of this enclave's own
 * that was to be made in the session before would be encrypted with them, and have the number of the first answer.
 */
static void a_request(void)
{
	open_pair(hold_up_a_request);
	p.side[DESTINATION].fake->locking = locking;
	CHECK(pair_pump(&p, 3000));
	check_end(SENT);
	p.side[DESTINATION].fake->sealing = sealing;
	move_on(let_it_go);
	CHECK(was_held_up && taken == SENT);
	CHECK(asked == 0);
	printf("a request held up until the program moves on: not made\n");
}

/* ---- before it says that this destination shall give up ---- */

static int abort_late(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	const struct engine *m = symbol("engine");
	void (*post)(uint32_t) = symbol("engine_post");

	(void)frame;
	(void)size;
	if (from == SOURCE && connection == OM_CONNECTION_CONTROL && m->source == MIG_SOURCE_COMMITTED && !struck) {
		struck = true;
		post(ENGINE_POST_ABORT);
		CHECK(side_call(&pair->side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, NULL, 0) == 0);
	}
	return 1;
}

/* The command came when the program was not here yet. Now START is on its way to the next: a source that aborted would run on. */
static void an_abort(void)
{
	open_pair(NULL);
	CHECK(pair_pump(&p, 3000));
	check_end(SENT);
	move_on(abort_late);
	printf("an abort held up until the program moves on: nobody's\n");
}

/* ---- a command, given in one state and taken up in another ---- */

static struct { int side, from; uint32_t what; bool (*time)(void); } command;

/* Given when it would have been heeded, and taken up now, when this frame is about to leave. */
static int take_up_late(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	void (*post)(uint32_t) = symbol_of(&pair->side[command.side], "engine_post");

	(void)frame;
	(void)size;
	if (from == command.from && connection == OM_CONNECTION_CONTROL && !struck && command.time()) {
		struck = true;
		post(command.what);
		CHECK(side_call(&pair->side[command.side], OM_ENGINE_COMMAND, OM_COMMAND_GO_ON, 0, NULL, 0) == 0);
		CHECK(atomic_load(&engine_of(command.side)->posted) == 0);
	}
	return 1;
}

static bool is_committed(void) { return engine_of(SOURCE)->source == MIG_SOURCE_COMMITTED; }
static bool is_stopped(void)   { return engine_of(SOURCE)->source == MIG_SOURCE_AWAIT_PREPARED; }
static bool is_handed_over(void) { return engine_of(SOURCE)->source == MIG_SOURCE_POSTCOPY; }
static bool is_started(void)   { return engine_of(DESTINATION)->destination == MIG_DESTINATION_RUNNING; }
static bool is_receiving(void) { return engine_of(DESTINATION)->destination == MIG_DESTINATION_RECEIVING; }

/* The migration goes on as if nobody had said anything. */
static void too_late(const char *words, int side, int from, uint32_t what, bool (*time)(void))
{
	command.side = side;
	command.from = from;
	command.what = what;
	command.time = time;
	open_pair(take_up_late);
	CHECK(pair_pump(&p, 3000));
	CHECK(struck);
	CHECK(pair_runnable(&p) == 1 && side_status(&p.side[SOURCE]).state == OM_MIG_COMPLETED);
	CHECK(side_status(&p.side[SOURCE]).error == 0 && side_status(&p.side[SOURCE]).reason[0] == 0);
	check_end(SENT);
	printf("%s: dropped\n", words);
	pair_close(&p);
}

/* When a host asks, it is told. */
static void refused(void)
{
	static const struct { int side; uint64_t command; } late[] = {
		{ SOURCE, OM_COMMAND_CANCEL }, { SOURCE, OM_COMMAND_POSTCOPY }, { DESTINATION, OM_COMMAND_ABORT },
		{ SOURCE, OM_COMMAND_ABORT }, { SOURCE, OM_COMMAND_FORGET }, { DESTINATION, OM_COMMAND_CANCEL }, { DESTINATION, OM_COMMAND_POSTCOPY },
		{ DESTINATION, OM_COMMAND_FORGET },
	};

	open_pair(NULL);
	while (!is_started())
		(void)pair_step(&p);
	for (size_t i = 0; i < sizeof late / sizeof *late; i++)
		CHECK(side_call(&p.side[late[i].side], OM_ENGINE_COMMAND, late[i].command, 0, NULL, 0) == OM_ESTATE);
	p.side[SOURCE].last_error = p.side[DESTINATION].last_error = 0;
	CHECK(pair_pump(&p, 3000));
	check_end(SENT);
	printf("commands that are given too late: refused\n");
	pair_close(&p);
}

/* A rehearsal sends no memory, whatever is asked for meanwhile. */
static void a_rehearsal(void)
{
	pair_open(&p, OM_MODE_STOP, 1);
	pair_run(&p, 1, PAGES);
	p.params.flags = OM_MIG_PARAM_REHEARSE;
	pair_begin(&p);
	CHECK(side_call(&p.side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_POSTCOPY, 0, NULL, 0) == OM_ESTATE);
	p.side[SOURCE].last_error = 0;
	CHECK(pair_pump(&p, 3000));
	CHECK(side_status(&p.side[SOURCE]).state == OM_MIG_REHEARSED && pair_runnable(&p) == 1);
	CHECK(side_runs(&p, SOURCE));
	printf("post-copy of a rehearsal: refused\n");
	pair_close(&p);
}

static void commands(void)
{
	too_late("a cancel that is taken up behind the token", SOURCE, SOURCE, ENGINE_POST_CANCEL, is_committed);
	too_late("a cancel that is taken up when the program is known to run there", SOURCE, DESTINATION, ENGINE_POST_CANCEL, is_handed_over);
	too_late("post-copy that is taken up when the program has stopped", SOURCE, DESTINATION, ENGINE_POST_POSTCOPY, is_stopped);
	too_late("a destination's giving up that is taken up when the program runs there", DESTINATION, DESTINATION, ENGINE_POST_ABORT, is_started);
	too_late("the end of a wait that has not begun", DESTINATION, DESTINATION, ENGINE_POST_FORGET, is_started);
	too_late("... and of a destination that receives", DESTINATION, DESTINATION, ENGINE_POST_FORGET, is_receiving);
	refused();
	a_rehearsal();
}

/* ---- between looking whether there is such a connection and owning it ---- */

enum { FEW = 1, MANY = 4 };

/* Of the session before, which had more of them. */
static int call_late(struct pair *pair, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	static uint8_t tbuf[TBUF] __attribute__((aligned(4096)));
	long (*out)(uint32_t, uint8_t *) = symbol_of(&pair->side[SOURCE], "engine_export_out");
	unsigned before = asked;

	(void)frame;
	(void)size;
	if (from != SOURCE || connection < OM_CONNECTION_PAGES || struck)
		return 1;
	struck = asks = true;
	for (uint32_t channel = FEW; channel < MANY; channel++)
		CHECK(out(channel, tbuf) <= 0);
	asks = false;
	CHECK(asked == before);
	CHECK(side_call(&pair->side[SOURCE], OM_ENGINE_OUT, OM_CONNECTION_PAGES + FEW, OM_FRAME_MAX, NULL, 0) == OM_EINVAL);
	pair->side[SOURCE].last_error = 0;
	return 1;
}

/* That connection has no key, and must not seem to have one of zeros. */
static void a_call(void)
{
	pair_open(&p, OM_MODE_PRECOPY, MANY);
	p.hook = call_late;
	p.side[SOURCE].fake->sealing = sealing;
	struck = true;
	pair_run(&p, 1, PAGES);
	pair_begin(&p);
	while (side_status(&p.side[SOURCE]).state != OM_MIG_ACTIVE)
		(void)pair_step(&p);
	CHECK(side_call(&p.side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_CANCEL, 0, NULL, 0) == 0);
	CHECK(pair_pump(&p, 3000) && side_status(&p.side[SOURCE]).state == OM_MIG_CANCELLED);
	pair_fresh_destination(&p);
	p.params.channels = FEW;
	struck = false;
	pair_begin(&p);
	CHECK(pair_pump(&p, 3000));
	CHECK(struck && side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED);
	pair_check_memory(&p, DESTINATION);
	printf("a call held up until there are fewer connections: refused\n");
	pair_close(&p);
}

/* ---- at the source: between the mark of a store and the store ---- */

/* The rounds begin anew while the pages of one are under way: post-copy is asked for, or the link was lost. */
static void a_store(bool lost)
{
	struct fake *fake;
	volatile uint8_t *at;

	pair_open(&p, OM_MODE_PRECOPY, 1);
	fake = p.side[SOURCE].fake;
	pair_run(&p, 1, PAGES);
	*p.side[SOURCE].touch(FIRST, true) = SENT;
	pair_begin(&p);
	while (atomic_load(&engine_of(SOURCE)->normal_pages) == 0)
		(void)pair_step(&p);
	/* The thread that is held up, in an interval that does not end before it goes on. */
	atomic_fetch_add(&fake->running, 1);
	at = p.side[SOURCE].touch(FIRST, true);
	if (lost)
		CHECK(pair_recover(&p));
	else
		CHECK(side_call(&p.side[SOURCE], OM_ENGINE_COMMAND, OM_COMMAND_POSTCOPY, 0, NULL, 0) == 0);
	for (int i = 0; i < 200; i++)
		(void)pair_step(&p);
	CHECK(side_status(&p.side[SOURCE]).state == OM_MIG_ACTIVE && engine_of(SOURCE)->round_step == ENGINE_ROUND_HANDSHAKE);
	*at = WRITTEN;
	atomic_store(&fake->epoch_seen[1], atomic_load(&fake->epoch));
	while (side_status(&p.side[SOURCE]).state == OM_MIG_ACTIVE) {
		(void)pair_step(&p);
		atomic_store(&fake->epoch_seen[1], atomic_load(&fake->epoch));
	}
	atomic_fetch_sub(&fake->running, 1);
	CHECK(pair_pump(&p, 3000));
	CHECK(side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED);
	CHECK(*p.side[DESTINATION].touch(FIRST, false) == WRITTEN);
	CHECK(side_runs(&p, DESTINATION));
	pair_check_memory(&p, DESTINATION);
	printf("a store held up until %s: seen\n", lost ? "the link was lost" : "post-copy was asked for");
	pair_close(&p);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	a_frame(OM_RUN_CONTENT);
	a_frame(OM_RUN_ZERO);
	a_frame_overtaken();
	a_request();
	an_abort();
	commands();
	a_call();
	a_store(false);
	a_store(true);
	return 0;
}
