/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may happen to a page while it is owed, each at the moment that hurts most: when the first pages are pushed. Whatever
 * it is, the migration ends, and every page that the program did not give up has its content.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "rt/rt.h"
#include "tests/unit/engine/pair.h"

enum { PAGES = 1000, EXTRA = 32, FIRST = FAKE_HEAP + PAGES };

/* Each is done to EXTRA owed pages that the writers do not touch. */
enum event {
	UNMAPPED,             /* by the program */
	MAPPED_ANEW,          /* ... which then mapped others in their place */
	ON_THEIR_WAY,         /* ... and some thread is accepting, trimming or protecting those, for long */
	PLACING_FAILS,        /* another thread was about to place them; it could not */
	REFUSED,              /* no copy gets in, until the link is lost over it */
	NOT_TRIMMED,          /* the source wants to free what has arrived, and its host does not let it */
	EVENTS
};
static const char *const names[EVENTS] = { "unmapped", "mapped anew", "on their way", "placing fails", "refused", "not trimmed" };

static enum event event;
static bool struck;
static pthread_t other;

static _Atomic uint8_t *byte_of(struct pair *p, uint64_t i)
{
	return &p->side[DESTINATION].fake->pagemap[FIRST + i];
}

static void set_state(struct pair *p, enum rt_page_state state)
{
	for (uint64_t i = 0; i < EXTRA; i++)
		atomic_store(byte_of(p, i), (uint8_t)(state | RT_PAGE_R | RT_PAGE_W));
}

/* The other thread gives up placing the pages; by then the push has tried to. */
static void *fail_to_place(void *pair)
{
	usleep(100000);
	set_state(pair, RT_PAGE_OWED);
	return NULL;
}

static void strike_at(struct pair *p)
{
	struct side *t = &p->side[DESTINATION];

	for (uint64_t i = 0; i < EXTRA; i++)
		CHECK(RT_PAGE_STATE(atomic_load(byte_of(p, i))) == RT_PAGE_OWED);
	if (event <= ON_THEIR_WAY)
		for (uint64_t i = 0; i < EXTRA; i++)
			t->unmap(FIRST + i);
	if (event == MAPPED_ANEW || event == ON_THEIR_WAY)
		t->map(FIRST, EXTRA);
	if (event == ON_THEIR_WAY || event == PLACING_FAILS)
		set_state(p, RT_PAGE_ARRIVING);
	if (event == PLACING_FAILS)
		pthread_create(&other, NULL, fail_to_place, p);
	if (event == REFUSED)
		atomic_store(&t->fake->copies_refused, UINT32_MAX / 2);  /* until the link has been made anew: see watch() */
}

/* Before the first page frame that reaches the running destination. */
static int watch(struct pair *p, int from, unsigned connection, uint8_t *frame, size_t *size)
{
	(void)frame;
	(void)size;
	if (event == REFUSED && p->recoveries > 0)
		atomic_store(&p->side[DESTINATION].fake->copies_refused, 0);
	if (from == SOURCE && connection >= OM_CONNECTION_PAGES && atomic_load(&p->side[DESTINATION].fake->resumed) && !struck) {
		struck = true;
		strike_at(p);
	}
	return 1;
}

static void check_extra(struct pair *p)
{
	struct side *t = &p->side[DESTINATION];

	for (uint64_t i = 0; i < EXTRA; i++) {
		enum rt_page_state state = RT_PAGE_STATE(atomic_load(byte_of(p, i)));
		enum rt_page_state want[EVENTS] = { RT_PAGE_FREE, RT_PAGE_RESERVED, RT_PAGE_ARRIVING, RT_PAGE_ACCEPTED,
			RT_PAGE_ACCEPTED, RT_PAGE_ACCEPTED };

		CHECK(state == want[event]);
		if (state == RT_PAGE_ACCEPTED)
			CHECK(*t->touch(FIRST + i, false) == 100 + i);
	}
}

static void run(unsigned channels)
{
	struct pair p;
	struct om_mig_status s, t;

	pair_open(&p, OM_MODE_POSTCOPY, channels);
	p.hook = watch;
	struck = false;
	if (event == NOT_TRIMMED) {
		p.params.flags = OM_MIG_PARAM_RELEASE;
		p.side[SOURCE].fake->trim_fails = true;
	}
	pair_run(&p, 1, PAGES);
	for (uint64_t i = 0; i < EXTRA; i++)
		*p.side[SOURCE].touch(FIRST + i, true) = (uint8_t)(100 + i);
	pair_begin(&p);
	CHECK(pair_pump(&p, 3000));
	if (event == PLACING_FAILS)
		pthread_join(other, NULL);
	s = side_status(&p.side[SOURCE]);
	t = side_status(&p.side[DESTINATION]);
	CHECK(struck);
	CHECK(s.state == OM_MIG_COMPLETED && t.state == OM_MIG_COMPLETED && t.postcopy_owed == 0);
	CHECK(s.error == 0 && t.error == 0);
	CHECK(event != REFUSED || p.recoveries > 0);
	CHECK(event == NOT_TRIMMED ? p.side[SOURCE].fake->trims > 0 : p.side[SOURCE].fake->trims == 0);
	CHECK(side_runs(&p, DESTINATION));
	check_extra(&p);
	pair_check_memory(&p, DESTINATION);
	printf("%s, %u channels: dropped %lu\n", names[event], channels, t.postcopy_dropped);
	pair_close(&p);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (event = UNMAPPED; event < EVENTS; event++) {
		run(1);
		run(4);
	}
	return 0;
}
