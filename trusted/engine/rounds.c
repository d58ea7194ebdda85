/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source's way through a migration: which pages are to be sent when, and when to stop.
 *
 *   round      take and clear the cards -> handshake with all threads -> copy the taken pages -> all acknowledged -> decide
 *              (with tracker faults: -> watch the taken pages, before they are copied)
 *   owing      the last rounds before post-copy: they tell which pages will be owed, in the place of the pages' contents. So the
 *              destination has given up its stale copies, and knows nearly all that it will be owed, before the program stops.
 *              While the destination gives up scattered pages the program writes others: owing rounds are repeated until few
 *              pages are new
 *   HALT       the rounds begin anew while pages of one are being sent: post-copy was asked for, or the link was lost. No page that
 *              is taken next may be copied before the handshake, so the page connections leave the old pass first
 *   HEAT       post-copy from the start only: the program runs a moment more. Pages that are marked meanwhile are likely hot
 *   stop       park -> freeze descriptors, save time -> cards, resident pages, live stacks -> send
 *
 * A page whose card is set after the take is left for the next round. A page whose card was set before the take is copied when every
 * thread has passed a safepoint, so no store to it is missed (invariant S, abi/passrt.h). At the stop a page is dirty if its card is
 * set, or if it was taken and has not been sent.
 */
#include <string.h>
#include "engine/state.h"
#include "rt/testhooks.h"

enum { BLOCK = 4096, HANDSHAKE_NS = 20000, PARK_NS = 10000, SEND_NS = 2000000 };
enum { PUSH_CHECK_NS = 50000000, PUSH_IDLE_CHECKS = 20 };
#define HEAT_NS    20000000
#define FIXED_NS   1500000           /* stop, freeze and rebuild: a guess until better is known */
#define THROTTLE_MAX_NS 1000000
#define PACE_NS    50000000
#define PACE_SHARE 50                /* of the control thread's time, at most one part in so many is spent on counting */

/* ---- walks ---- */

static bool is_tracked(uint8_t byte)
{
	switch (RT_PAGE_STATE(byte)) {
	case RT_PAGE_FREE: case RT_PAGE_RESERVED: case RT_PAGE_ACCEPTED: case RT_PAGE_ARRIVING:
		return true;
	default:
		return false;
	}
}

static uint64_t block_end(uint64_t block)
{
	return block + BLOCK < engine.facts.tracked_limit ? block + BLOCK : engine.facts.tracked_limit;
}

/* Those of 64 pages that differ from a fresh enclave: mapped ones; in the image's range unmapped ones too. */
static uint64_t differing(uint64_t first, uint64_t end)
{
	uint64_t bits = 0;

	for (uint64_t page = first; page < end; page++) {
		uint8_t byte = engine_page_state(page);

		if (is_tracked(byte) && (byte != RT_PAGE_FREE || page < engine.facts.image_end) && !engine_is_runtimes(page))
			bits |= UINT64_C(1) << page % 64;
	}
	return bits;
}

static void collect_all(struct engine_set *set)
{
	for (uint64_t block = 0; block < engine.facts.tracked_limit; block += BLOCK)
		for (uint64_t page = block; rt_mem_used(block) && page < block_end(block); page += 64)
			engine_set_add_bits(set, page / 64, differing(page, page + 64 < block_end(block) ? page + 64 : block_end(block)));
}

/* ---- cards ---- */

/*
 * Calls @eight for each eight cards that are not all clean, where cards may be set. @clear: they are clean after it.
 * Return: the sum of what the calls returned.
 */
typedef uint64_t card_fn(struct engine_set *set, uint64_t page, uint64_t eight);

static uint64_t walk_stripe(card_fn *fn, struct engine_set *set, uint64_t first, uint64_t end, bool clear)
{
	_Atomic uint64_t *cards = (_Atomic uint64_t *)(rt_cards() + first);
	uint64_t count = 0;

	for (uint64_t i = 0; i < (end - first) / 8; i++) {
		uint64_t eight = atomic_load_explicit(&cards[i], memory_order_relaxed);

		if (!eight)
			continue;
		/* Acquire: what was stored before a card was set is seen after the handshake anyway; this
		 * orders the clearing against the copies of this round. */
		if (clear)
			eight = atomic_exchange_explicit(&cards[i], 0, memory_order_acq_rel);
		count += fn(set, first + i * 8, eight);
	}
	return count;
}

static uint64_t walk(card_fn *fn, struct engine_set *set, bool clear)
{
	uint64_t count = 0;

	for (uint64_t block = 0; (block = rt_cards_next(block)) < engine.facts.tracked_limit; block += BLOCK) {
		uint8_t stripes = rt_cards_stripes(block, clear);

		for (int i = 0; stripes; stripes >>= 1, i++) {
			uint64_t first = block + (uint64_t)i * RT_STRIPE_PAGES, end = first + RT_STRIPE_PAGES;

			if (stripes & 1 && first < engine.facts.tracked_limit)
				count += walk_stripe(fn, set, first, end < engine.facts.tracked_limit ? end : engine.facts.tracked_limit, clear);
		}
	}
	return count;
}

/* Return: pages whose cards were set. */
static uint64_t add_carded(struct engine_set *set, uint64_t page, uint64_t eight)
{
	uint64_t bits = 0, count = 0;

	for (uint64_t rest = eight, p = page; rest; rest >>= 8, p++) {
		if (!(rest & 0xff))
			continue;
		count++;
		/* A mark may take the next page along: the runtime's own go with the stop. */
		if (set && !engine_is_runtimes(p))
			bits |= UINT64_C(1) << p % 64;
	}
	if (set)
		engine_set_add_bits(set, page / 64, bits);
	return count;
}

static uint64_t walk_cards(struct engine_set *set, bool clear)
{
	return walk(add_carded, set, clear);
}

static uint64_t count_not_in(struct engine_set *set, uint64_t page, uint64_t eight)
{
	uint64_t count = 0;

	for (; eight; eight >>= 8, page++)
		count += eight & 0xff && !engine_set_has(set, page);
	return count;
}

/* Pages written since the cards were last cleared that are not owed. */
static uint64_t not_owed_yet(void)
{
	return walk(count_not_in, &engine_owed, false);
}

static uint64_t touched_bytes_of(const struct rt_thread *t, uint64_t *ret_low)
{
	uint64_t low = t->app_rsp - 128;

	/* On another stack than its own (a signal stack, coroutines): how much of its own is live is not known. */
	if (low < t->stack_low || low >= t->stack_top)
		low = t->stack_low;
	*ret_low = low & ~(uint64_t)(OM_PAGE_SIZE - 1);
	return t->stack_top > *ret_low ? t->stack_top - *ret_low : 0;
}

static void add_range(uint64_t low, uint64_t size, uint64_t *count)
{
	for (uint64_t at = low; at < low + size; at += OM_PAGE_SIZE) {
		uint64_t page = rt_page_index(at);

		if (engine_is_runtimes(page) || RT_PAGE_STATE(engine_page_state(page)) != RT_PAGE_ACCEPTED)
			continue;
		(*count)++;
		engine_set_add(&engine_todo, page);
		if (engine_set_remove(&engine_owed, page))
			atomic_fetch_sub(&engine.owed, 1);
	}
}

/* Live stacks are not carded. The stack a thread runs on besides its own is the signal stack. */
static void add_stacks(void)
{
	uint64_t count = 0;

	for (uint32_t slot = 0; slot < rt_image->service_slots + rt_image->app_threads; slot++) {
		const struct rt_thread *t = &rt_threads[slot];
		uint64_t low, size;

		if (t->state != RT_T_PARKED)
			continue;
		size = touched_bytes_of(t, &low);
		add_range(low, size, &count);
		if (t->altstack_size)
			add_range(t->altstack_base & ~(uint64_t)(OM_PAGE_SIZE - 1),
				t->altstack_size + (t->altstack_base & (OM_PAGE_SIZE - 1)), &count);
	}
	engine.status.stack_pages = count;
}

static uint64_t resident_pages(struct engine_set *set)
{
	uint64_t count = 0;

	for (uint64_t page = engine.facts.image_tracked_end; page < engine.facts.image_end; page++) {
		uint8_t byte = engine_page_state(page);

		if (RT_PAGE_STATE(byte) != RT_PAGE_RESIDENT || !(byte & (RT_PAGE_R | RT_PAGE_W | RT_PAGE_X)))
			continue;              /* never touched: zero on both sides */
		count++;
		if (set)
			engine_set_add(set, page);
	}
	return count;
}

/* A page that is ACCEPTED lies where cards may be set. */
uint64_t engine_source_touched(void)
{
	uint64_t count = 0;

	for (uint64_t block = 0; (block = rt_cards_next(block)) < engine.facts.tracked_limit; block += BLOCK) {
		uint8_t stripes = rt_cards_stripes(block, false);

		for (uint64_t page = block; stripes && page < block_end(block); page++)
			if (stripes >> (page - block) / RT_STRIPE_PAGES & 1)
				count += RT_PAGE_STATE(engine_page_state(page)) == RT_PAGE_ACCEPTED;
	}
	return count;
}

/* ---- rounds ---- */

static void note_choice(enum om_mig_mode chosen, const char *why)
{
	engine.status.chosen_mode = chosen;
	engine_words(engine.status.choice, sizeof engine.status.choice, why);
}

static void decide_stop(enum om_mig_mode chosen, const char *why)
{
	note_choice(chosen, why);
	engine_event(MIG_ON_STOP);
}

/* No page is copied any more when HALT is over. */
static void halt(void)
{
	engine_pass_begin(ENGINE_PASS_NONE);
	engine.round_step = ENGINE_ROUND_HALT;
}

/* Whoever owned a page connection when the pass ended has left it since. */
static bool halted(void)
{
	for (uint32_t i = OM_CONNECTION_PAGES; i < OM_CONNECTION_PAGES + engine.params.channels; i++) {
		if (!engine_own(i))
			return false;
		engine_disown(i);
	}
	return true;
}

/* From now on there is no way back to sending contents before the stop. */
static void begin_owing(enum om_mig_mode chosen, const char *why)
{
	engine_postcopy_prepare_source();
	note_choice(chosen, why);
	rt_track(RT_TRACK_MIGRATION, true);   /* with tracker faults too: marks say what is hot */
	engine.postcopy = true;
	engine.owing_rounds = 0;
	halt();
}

/*
 * Stop-and-copy, with memory that the source's host gives up on the way. A source that may still have to run on cannot give memory up. So the
 * program is handed over with everything owed, and the destination starts it when all has come.
 */
bool engine_source_holds(void)
{
	return engine.params.mode == OM_MODE_STOP && engine.params.flags & OM_MIG_PARAM_RELEASE;
}

void engine_source_rounds(void)
{
	engine_set_clear(&engine_todo);
	engine_set_clear(&engine_owed);
	atomic_store(&engine.owed, 0);
	engine.best_throughput = 0;
	engine.ready = engine_now();
	engine.round.rounds_max = engine.params.rounds_max;
	engine.round.fixed_ns = FIXED_NS;
	engine.status.chosen_mode = engine.params.mode;
	engine_watch_begin();
	if (engine.params.mode == OM_MODE_STOP) {
		engine.postcopy = engine_source_holds();
		if (engine.postcopy)
			engine_postcopy_prepare_source();
		decide_stop(OM_MODE_STOP, "asked for");
		return;
	}
	engine.round_step = ENGINE_ROUND_TAKE;
	if (engine.params.mode == OM_MODE_POSTCOPY)
		begin_owing(OM_MODE_POSTCOPY, "asked for");
	else if (engine.params.mode == OM_MODE_AUTO && engine.params.flags & OM_MIG_PARAM_RELEASE)
		begin_owing(OM_MODE_POSTCOPY, "memory is to be given back on the way: post-copy");
}

void engine_source_again(void)
{
	if (engine.source == MIG_SOURCE_POSTCOPY)
		engine_source_push();
	else if (engine.params.mode == OM_MODE_POSTCOPY && !engine.postcopy)
		engine_source_postcopy_now();
	else
		halt();
}

void engine_source_postcopy_now(void)
{
	engine.params.mode = OM_MODE_POSTCOPY;
	if (engine.source == MIG_SOURCE_ROUNDS && engine_link_usable() && !engine.postcopy)
		begin_owing(engine.status.dirty_sync_count ? OM_MODE_HYBRID : OM_MODE_POSTCOPY, "post-copy was asked for during the rounds");
}

/* For the oracle of tests/soundness: it compares what was taken with what was written. */
static void note_point(enum om_round_point point)
{
	rt_test_round(point, engine.status.dirty_sync_count, engine.status.tracker);
}

static void take_round(void)
{
	note_point(OM_ROUND_TAKE);
	if (engine.round.number == 0 && engine.status.dirty_sync_count == 0) {
		walk_cards(NULL, true);
		collect_all(&engine_todo);
		engine.taken_pages = engine.status.ram_total / OM_PAGE_SIZE;
	} else {
		engine.taken_pages = walk_cards(&engine_todo, true);
	}
	engine.status.dirty_sync_count++;
	engine.round_start = engine_now();
	engine.round_acked = atomic_load(&engine.bytes_acked);
	engine.handshake = rt_handshake_begin();
	engine.round_step = ENGINE_ROUND_HANDSHAKE;
	engine_queue(OM_CTL_ROUND);
}

/* Writers that outrun what was allowed are slowed until they do not. */
static void throttle(void)
{
	uint64_t rate = engine.status.dirty_pages_rate * OM_PAGE_SIZE, before = engine.throttle_ns;
	uint64_t allowed = atomic_load(&engine.limits.throttle_bytes);

	engine.round.braking = false;
	if (!allowed) {
		if (engine.throttle_ns)
			rt_throttle_set(engine.throttle_ns = 0);
		return;
	}
	if (rate > allowed)
		engine.throttle_ns = engine.throttle_ns ? engine.throttle_ns * 4 : 2000;
	else if (rate < allowed / 2)
		engine.throttle_ns /= 2;
	if (engine.throttle_ns > THROTTLE_MAX_NS)
		engine.throttle_ns = THROTTLE_MAX_NS;
	engine.round.braking = engine.throttle_ns > before;
	rt_throttle_set(engine.throttle_ns);
}

/* Of this round, which may not be over. */
static void measure_throughput(void)
{
	uint64_t bytes = atomic_load(&engine.bytes_acked) - engine.round_acked;
	uint64_t bandwidth = atomic_load(&engine.limits.bandwidth_bytes);
	int64_t took = engine_now() - engine.round_start;
	struct mig_round *r = &engine.round;

	r->round_ns = took > 0 ? (uint64_t)took : 1;
	/* Short rounds, and those that have left out nearly all pages, measure the round trip, not the link. */
	if (bytes > 4u << 20 || (r->throughput == 0 && (bytes > 1u << 20 || r->round_ns > 1000000000)))
		r->throughput = mig_rate(bytes, r->round_ns) + 1;
	if (bandwidth && (r->throughput == 0 || r->throughput > bandwidth))
		r->throughput = bandwidth;
	if (r->throughput > engine.best_throughput)
		engine.best_throughput = r->throughput;
}

static void measure_round(void)
{
	struct mig_round *r = &engine.round;

	measure_throughput();
	engine_set_tidy(&engine_todo);               /* outside the stop */
	r->number++;
	r->previous_dirty = r->number > 1 ? r->dirty_pages : 0;
	r->dirty_pages = walk_cards(NULL, false);
	r->limit_ns = atomic_load(&engine.limits.downtime_ns);
	r->always_pages = resident_pages(NULL) + 16;
	engine.status.dirty_pages_rate = mig_rate(r->dirty_pages, r->round_ns);
}

/* Pages that a stop now would have to send: those of this round that have not been sent, and those written since it began. */
static uint64_t left_now(void)
{
	uint64_t count = walk(count_not_in, &engine_todo, false);

	for (uint64_t stripe = 0, end = engine_stripes_end(); (stripe = engine_set_next(&engine_todo, stripe, end)) < end; stripe++)
		for (uint64_t word = stripe * ENGINE_STRIPE_WORDS; word < (stripe + 1) * ENGINE_STRIPE_WORDS; word++)
			count += (uint64_t)__builtin_popcountll(atomic_load_explicit(&engine_todo.word[word], memory_order_relaxed));
	return count;
}

/*
 * In the middle of a round, where post-copy may be chosen: is the rest of the round worth while? Counting costs a look at every card. So the
 * longer a count takes, the less often it is done.
 * Return: post-copy has begun.
 */
static bool give_up_rounds(void)
{
	enum om_mig_mode mode = (enum om_mig_mode)engine.params.mode;
	int64_t now = engine_now();
	struct mig_round r;

	if (engine.postcopy || (mode != OM_MODE_AUTO && mode != OM_MODE_HYBRID) || now < engine.pace_due)
		return false;
	measure_throughput();
	r = engine.round;
	r.dirty_pages = left_now();
	r.limit_ns = atomic_load(&engine.limits.downtime_ns);
	engine.pace_due = engine_now() + PACE_NS + (engine_now() - now) * PACE_SHARE;
	if (mig_pace_pays(&engine.pace, now, r.dirty_pages, atomic_load(&engine.normal_pages) + atomic_load(&engine.zero_pages),
		    atomic_load(&engine.limits.cost)) || engine.throttle_ns || mig_predict_precopy(&r) <= r.limit_ns)
		return false;
	engine.status.expected_downtime_ns = mig_predict_postcopy(&r);
	begin_owing(OM_MODE_HYBRID, "what is sent ahead is soon written again: the rest by post-copy");
	return true;
}

static void round_over(void)
{
	enum om_mig_mode mode = (enum om_mig_mode)engine.params.mode;
	const char *why;
	enum mig_choice choice;

	measure_round();
	throttle();
	choice = mig_choose(mode, &engine.round, &engine.status.expected_downtime_ns, &why);
	engine.round_step = ENGINE_ROUND_TAKE;
	if (choice == MIG_STOP_PRECOPY)
		decide_stop(OM_MODE_PRECOPY, why);
	else if (choice == MIG_STOP_POSTCOPY)
		begin_owing(OM_MODE_HYBRID, why);
}

/*
 * Of the pages to be sent, those that have content are owed from now on. They stay in the set, so that the destination is told. A page that was
 * owed and has lost its content since is not owed any more. As many as `spare` pages that were not owed before are left to be
 * sent with their content.
 */
static void make_owed(uint64_t spare)
{
	uint64_t more = 0, less = 0;

	for (uint64_t stripe = 0, end = engine_stripes_end(); (stripe = engine_set_next(&engine_todo, stripe, end)) < end; stripe++) {
		for (uint64_t word = stripe * ENGINE_STRIPE_WORDS; word < (stripe + 1) * ENGINE_STRIPE_WORDS; word++) {
			uint64_t bits = atomic_load_explicit(&engine_todo.word[word], memory_order_relaxed), before, after;

			if (!bits)
				continue;
			before = after = atomic_load_explicit(&engine_owed.word[word], memory_order_relaxed);
			for (uint64_t rest = bits; rest; rest &= rest - 1) {
				uint64_t bit = rest & -rest;

				if (RT_PAGE_STATE(engine_page_state(word * 64 + (uint64_t)__builtin_ctzll(rest))) != RT_PAGE_ACCEPTED)
					after &= ~bit;
				else if (before & bit || spare == 0)
					after |= bit;
				else
					spare--;
			}
			atomic_fetch_and_explicit(&engine_owed.word[word], after, memory_order_relaxed);
			engine_set_add_bits(&engine_owed, word, after);
			more += (uint64_t)__builtin_popcountll(after & ~before);
			less += (uint64_t)__builtin_popcountll(before & ~after);
		}
	}
	atomic_fetch_add(&engine.owed, more - less);
}

/*
 * Of a page that changed since the last owing round the destination has a stale copy. To give the copy up is taken to cost the
 * destination more than to receive the content, so as much content as the downtime limit allows is sent.
 */
static uint64_t pages_within_limit(void)
{
	return mig_amount(engine.best_throughput, atomic_load(&engine.limits.downtime_ns)) / OM_PAGE_SIZE;
}

static uint64_t rounds_progress(void)
{
	switch (engine.round_step) {
	case ENGINE_ROUND_HEAT:
		if (engine.status.chosen_mode == OM_MODE_POSTCOPY && engine_now() - engine.round_start < HEAT_NS)
			return HEAT_NS / 4;
		engine_event(MIG_ON_STOP);
		return 0;
	case ENGINE_ROUND_HALT:
		if (!halted())
			return HANDSHAKE_NS;
		engine.round_step = ENGINE_ROUND_TAKE;
		return 0;
	case ENGINE_ROUND_TAKE:
		take_round();
		return 0;
	case ENGINE_ROUND_HANDSHAKE:
		if (!rt_handshake_done(engine.handshake))
			return HANDSHAKE_NS;
		engine.watch_cursor = 0;
		engine.round_step = ENGINE_ROUND_WATCH;
		return 0;
	case ENGINE_ROUND_WATCH:
		/* What will be owed is read after the stop: it may be written until then. */
		if (!engine.postcopy && !engine_watch_step())
			return 0;
		note_point(OM_ROUND_COPY);
		if (engine.postcopy)
			make_owed(0);
		engine_pass_begin(engine.postcopy ? ENGINE_PASS_CONTENT : ENGINE_PASS_ROUND);
		engine.round_step = ENGINE_ROUND_SEND;
		return SEND_NS;
	case ENGINE_ROUND_SEND:
		if (!engine_pass_handed_out())
			return give_up_rounds() ? 0 : SEND_NS;
		engine.round_step = ENGINE_ROUND_DRAIN;
		return 0;
	case ENGINE_ROUND_DRAIN:
		if (!engine_pass_acknowledged())
			return SEND_NS;
		if (!engine.postcopy)
			round_over();
		else if (mig_owe_again(++engine.owing_rounds, not_owed_yet(), pages_within_limit()))
			engine.round_step = ENGINE_ROUND_TAKE;
		else
			engine.round_step = ENGINE_ROUND_HEAT;
		return 0;
	}
	return 0;
}

/* ---- the stop phase ---- */

void engine_source_stop(void)
{
	rt_throttle_set(0);
	engine.throttle_ns = 0;
	engine.stopped = engine_now();
	engine.status.stop_realtime_ns = (uint64_t)rt_realtime_ns();
	engine.app_stopped = true;
	rt_stop_begin();
}

void engine_source_freeze(void)
{
	char words[OM_REASON_MAX] = "";
	bool everything = engine.status.dirty_sync_count == 0;
	int error;

	engine.parked = engine_now();
	engine.status.park_ns = engine_elapsed(engine.stopped, engine.parked);
	engine.frozen = true;                     /* a freeze that fails half-way is thawed too */
	error = rt_io_freeze(words, sizeof words);
	if (error) {
		engine_reason(error, words);
		engine_fail(error, "host state could not be saved");
		return;
	}
	rt_time_save();
	engine.froze = engine_now();
	engine.status.freeze_ns = engine_elapsed(engine.parked, engine.froze);
	/* The cards stay as they are in post-copy: they say what is likely hot, for they were cleared by the owing round. */
	if (engine.params.flags & OM_MIG_PARAM_REHEARSE)
		engine_set_clear(&engine_todo);
	else if (everything)
		collect_all(&engine_todo);
	else
		walk_cards(&engine_todo, !engine.postcopy);
	if (engine.postcopy)
		make_owed(pages_within_limit());
	engine.status.resident_pages = resident_pages(&engine_todo);
	if (!(engine.params.flags & OM_MIG_PARAM_REHEARSE))
		add_stacks();
	note_point(OM_ROUND_STOP);
	engine_pass_begin(ENGINE_PASS_CONTENT);
}

static uint64_t final_progress(void)
{
	if (!engine_pass_handed_out())
		return SEND_NS;
	engine.sent = engine_now();
	engine_event(MIG_ON_SENT);
	return 0;
}

void engine_source_ended(void)
{
	rt_track(RT_TRACK_MIGRATION, false);
	if (engine.throttle_ns)
		rt_throttle_set(0);
	engine.throttle_ns = 0;
	engine_pass_begin(ENGINE_PASS_NONE);
}

void engine_source_resume_app(void)
{
	char words[OM_REASON_MAX] = "";

	if (engine.frozen) {
		int error = rt_io_thaw(words, sizeof words);

		if (error)
			engine_reason_then(error, words);
	}
	engine.frozen = false;
	if (engine.owns_io)
		engine_disown(ENGINE_OWNER_IO);
	engine.owns_io = false;
	if (engine.app_stopped)
		rt_resume_all();
	engine.app_stopped = false;
}

/* Both hosts may be one network: only now nothing is held here any more that is not claimed there. */
void engine_source_running(uint64_t run_realtime_ns)
{
	uint64_t down = engine_elapsed(engine.stopped, engine_now());

	engine.status.run_realtime_ns = run_realtime_ns;
	engine.status.downtime_ns = down - (down > engine.round.round_trip_ns ? engine.round.round_trip_ns / 2 : 0);
	rt_io_let_go();
}

void engine_source_handed_over(void)
{
	rt_io_discard();                       /* first: the destination may be waiting for it */
	engine.status.final_ns = engine_elapsed(engine.froze, engine.answered);
	engine.status.final_ns -= engine.status.rebuild_ns < engine.status.final_ns ? engine.status.rebuild_ns : engine.status.final_ns;
	engine_source_push();
}

void engine_source_push(void)
{
	if (!engine.postcopy)
		return;
	engine_set_clear(&engine_todo);
	for (uint64_t stripe = 0, end = engine_stripes_end(); (stripe = engine_set_next(&engine_owed, stripe, end)) < end; stripe++)
		for (uint64_t word = stripe * ENGINE_STRIPE_WORDS; word < (stripe + 1) * ENGINE_STRIPE_WORDS; word++)
			engine_set_add_bits(&engine_todo, word, atomic_load_explicit(&engine_owed.word[word], memory_order_relaxed));
	engine.push_idle = 0;
	engine_pass_begin(ENGINE_PASS_PUSH);
}

/*
 * All has been pushed and acknowledged, and still the destination does not report that all is there: answers to urgent
 * requests got lost on the way. What is not known to have arrived is pushed again.
 */
static uint64_t postcopy_progress(void)
{
	if (!engine.postcopy || !engine_link_usable() || atomic_load(&engine.owed) == 0 || !engine_pass_acknowledged()) {
		engine.push_idle = 0;
		return engine.postcopy ? PUSH_CHECK_NS : UINT64_MAX;
	}
	if (++engine.push_idle > PUSH_IDLE_CHECKS)
		engine_source_push();
	return PUSH_CHECK_NS;
}

void engine_source_round_trip(uint64_t stamp)
{
	uint64_t took = (uint64_t)engine_now() - stamp;

	if (took > 0 && took < INT64_MAX / 4 && (engine.round.round_trip_ns == 0 || took < engine.round.round_trip_ns))
		engine.round.round_trip_ns = took;
}

uint64_t engine_source_progress(void)
{
	switch (engine.source) {
	case MIG_SOURCE_ROUNDS:
		return engine_link_usable() ? rounds_progress() : UINT64_MAX;
	case MIG_SOURCE_STOPPING:
		if (rt_stop_poll() != 0)
			return PARK_NS;
		/* A check of the host's that is under way ends first. */
		if (!engine.owns_io && !(engine.owns_io = engine_own(ENGINE_OWNER_IO)))
			return PARK_NS;
		engine_event(MIG_ON_PARKED);
		return 0;
	case MIG_SOURCE_FINAL:
		return final_progress();
	case MIG_SOURCE_POSTCOPY:
		return postcopy_progress();
	default:
		return UINT64_MAX;
	}
}
