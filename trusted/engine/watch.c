/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracker faults: rounds for programs that hold code without marks. After a round has taken the cards, and before it copies the
 * taken pages, each of these pages is watched (rt/watch.c): the next store to it faults, and the fault marks its card again. The cards stay
 * the one record of what is dirty, so everything else in the source is the same for both trackers. With either tracker the cards
 * have the pages that the runtime writes, and those whose state it changes.
 *
 *   take and clear the cards -> handshake -> watch the taken pages -> copy them
 *
 * A store to a page that is not watched yet is copied, for the copy comes later. A store to a page that is watched faults first.
 * The handshake is needed for what is not a store: the runtime marks a card and then changes the page's state.
 *
 * The program's own marks are not wanted meanwhile. A page stays watched when a migration ends. The next store to the page costs a fault,
 * and the page is then as it was before the migration.
 */
#include "engine/state.h"

enum { STEP_PAGES = 16384, RUN_PAGES = 512 };

static bool untracked(void)
{
	return (rt_image->flags & OM_IMAGE_UNTRACKED) != 0;
}

int engine_watch_choose(struct om_mig_params *params)
{
	if (params->tracker == OM_TRACKER_CARDS && untracked())
		return OM_EUNTRACKED;
	return 0;
}

static const char *reason(bool asked)
{
	switch (engine.status.tracker) {
	case OM_TRACKER_CARDS:
		return asked ? "asked for" : "every object was built with the pass";
	case OM_TRACKER_FAULTS:
		return asked ? "asked for" : "what objects without the pass write is found by write protection";
	default:
		return "not needed: this mode reads everything after the stop";
	}
}

void engine_watch_begin(void)
{
	bool asked = engine.params.tracker != OM_TRACKER_AUTO;
	bool rounds = engine.params.mode != OM_MODE_STOP && engine.params.mode != OM_MODE_POSTCOPY &&
		!(engine.params.mode == OM_MODE_AUTO && engine.params.flags & OM_MIG_PARAM_RELEASE);

	if (!asked)
		engine.params.tracker = untracked() ? OM_TRACKER_FAULTS : OM_TRACKER_CARDS;
	engine.status.tracker = rounds ? engine.params.tracker : OM_TRACKER_AUTO;
	engine.status.untracked = untracked();
	engine_words(engine.status.tracker_reason, sizeof engine.status.tracker_reason, reason(asked));
	engine.status.watch_ns = 0;
	rt_watch_counts(&engine.watched_before, &engine.write_faults_before);
	if (engine.status.tracker == OM_TRACKER_CARDS)
		rt_track(RT_TRACK_MIGRATION, true);
}

/* Runs of taken pages that lie in one huge page's worth. Return: OM_E* */
static int watch_block(uint64_t block)
{
	uint64_t end = block + RUN_PAGES < engine.facts.tracked_limit ? block + RUN_PAGES : engine.facts.tracked_limit;
	int error = 0;

	for (uint64_t page = block; page < end && !error;) {
		uint64_t first;

		while (page < end && (!engine_set_has(&engine_todo, page) || engine_is_runtimes(page)))
			page++;
		for (first = page; page < end && engine_set_has(&engine_todo, page) && !engine_is_runtimes(page);)
			page++;
		if (page > first)
			error = rt_watch(first, page - first);
	}
	return error;
}

bool engine_watch_step(void)
{
	uint64_t looked = 0;
	int64_t begin = engine_now(), took;
	int error = 0;

	if (engine.status.tracker != OM_TRACKER_FAULTS)
		return true;
	for (; engine.watch_cursor < engine.facts.tracked_limit && looked < STEP_PAGES && !error; engine.watch_cursor += RUN_PAGES) {
		if (engine_set_next(&engine_todo, engine.watch_cursor / ENGINE_STRIPE_PAGES, engine.watch_cursor / ENGINE_STRIPE_PAGES + 1) !=
		    engine.watch_cursor / ENGINE_STRIPE_PAGES)
			continue;
		looked += RUN_PAGES;
		error = watch_block(engine.watch_cursor);
	}
	took = engine_now() - begin;
	engine.status.watch_ns += took > 0 ? (uint64_t)took : 0;
	if (error)
		engine_fail(error, "the host did not take write permission away from pages");
	return !error && engine.watch_cursor >= engine.facts.tracked_limit;
}

void engine_watch_status(struct om_mig_status *s)
{
	uint64_t pages, faults;

	if (s->tracker != OM_TRACKER_FAULTS)
		return;
	rt_watch_counts(&pages, &faults);
	s->watched_pages = pages - engine.watched_before;
	s->write_faults = faults - engine.write_faults_before;
}
