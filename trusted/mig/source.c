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
#include "mig/mig.h"
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
	return block + BLOCK < mig.facts.tracked_limit ? block + BLOCK : mig.facts.tracked_limit;
}

/* Those of 64 pages that differ from a fresh enclave: mapped ones; in the image's range unmapped ones too. */
static uint64_t differing(uint64_t first, uint64_t end)
{
	uint64_t bits = 0;

	for (uint64_t page = first; page < end; page++) {
		uint8_t byte = mig_page_state(page);

		if (is_tracked(byte) && (byte != RT_PAGE_FREE || page < mig.facts.image_end) && !mig_is_runtimes(page))
			bits |= UINT64_C(1) << page % 64;
	}
	return bits;
}

static void collect_all(struct mig_set *set)
{
	for (uint64_t block = 0; block < mig.facts.tracked_limit; block += BLOCK)
		for (uint64_t page = block; rt_mem_used(block) && page < block_end(block); page += 64)
			mig_set_add_bits(set, page / 64, differing(page, page + 64 < block_end(block) ? page + 64 : block_end(block)));
}

/* ---- cards ---- */

/*
 * Calls @eight for each eight cards that are not all clean, where cards may be set. @clear: they are clean after it.
 * Return: the sum of what the calls returned.
 */
typedef uint64_t card_fn(struct mig_set *set, uint64_t page, uint64_t eight);

static uint64_t walk_stripe(card_fn *fn, struct mig_set *set, uint64_t first, uint64_t end, bool clear)
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

static uint64_t walk(card_fn *fn, struct mig_set *set, bool clear)
{
	uint64_t count = 0;

	for (uint64_t block = 0; (block = rt_cards_next(block)) < mig.facts.tracked_limit; block += BLOCK) {
		uint8_t stripes = rt_cards_stripes(block, clear);

		for (int i = 0; stripes; stripes >>= 1, i++) {
			uint64_t first = block + (uint64_t)i * RT_STRIPE_PAGES, end = first + RT_STRIPE_PAGES;

			if (stripes & 1 && first < mig.facts.tracked_limit)
				count += walk_stripe(fn, set, first, end < mig.facts.tracked_limit ? end : mig.facts.tracked_limit, clear);
		}
	}
	return count;
}

/* Return: pages whose cards were set. */
static uint64_t add_carded(struct mig_set *set, uint64_t page, uint64_t eight)
{
	uint64_t bits = 0, count = 0;

	for (uint64_t rest = eight, p = page; rest; rest >>= 8, p++) {
		if (!(rest & 0xff))
			continue;
		count++;
		/* A mark may take the next page along: the runtime's own go with the stop. */
		if (set && !mig_is_runtimes(p))
			bits |= UINT64_C(1) << p % 64;
	}
	if (set)
		mig_set_add_bits(set, page / 64, bits);
	return count;
}

static uint64_t walk_cards(struct mig_set *set, bool clear)
{
	return walk(add_carded, set, clear);
}

static uint64_t count_not_in(struct mig_set *set, uint64_t page, uint64_t eight)
{
	uint64_t count = 0;

	for (; eight; eight >>= 8, page++)
		count += eight & 0xff && !mig_set_has(set, page);
	return count;
}

/* Pages written since the cards were last cleared that are not owed. */
static uint64_t not_owed_yet(void)
{
	return walk(count_not_in, &mig_owed, false);
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

		if (mig_is_runtimes(page) || RT_PAGE_STATE(mig_page_state(page)) != RT_PAGE_ACCEPTED)
			continue;
		(*count)++;
		mig_set_add(&mig_todo, page);
		if (mig_set_remove(&mig_owed, page))
			atomic_fetch_sub(&mig.owed, 1);
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
	mig.status.stack_pages = count;
}

static uint64_t resident_pages(struct mig_set *set)
{
	uint64_t count = 0;

	for (uint64_t page = mig.facts.image_tracked_end; page < mig.facts.image_end; page++) {
		uint8_t byte = mig_page_state(page);

		if (RT_PAGE_STATE(byte) != RT_PAGE_RESIDENT || !(byte & (RT_PAGE_R | RT_PAGE_W | RT_PAGE_X)))
			continue;              /* never touched: zero on both sides */
		count++;
		if (set)
			mig_set_add(set, page);
	}
	return count;
}

/* A page that is ACCEPTED lies where cards may be set. */
uint64_t mig_source_touched(void)
{
	uint64_t count = 0;

	for (uint64_t block = 0; (block = rt_cards_next(block)) < mig.facts.tracked_limit; block += BLOCK) {
		uint8_t stripes = rt_cards_stripes(block, false);

		for (uint64_t page = block; stripes && page < block_end(block); page++)
			if (stripes >> (page - block) / RT_STRIPE_PAGES & 1)
				count += RT_PAGE_STATE(mig_page_state(page)) == RT_PAGE_ACCEPTED;
	}
	return count;
}

/* ---- rounds ---- */

static void note_choice(enum om_mig_mode chosen, const char *why)
{
	mig.status.chosen_mode = chosen;
	mig_words(mig.status.choice, sizeof mig.status.choice, why);
}

static void decide_stop(enum om_mig_mode chosen, const char *why)
{
	note_choice(chosen, why);
	mig_event(MIG_ON_STOP);
}

/* No page is copied any more when HALT is over. */
static void halt(void)
{
	mig_pass_begin(MIG_PASS_NONE);
	mig.round_step = MIG_ROUND_HALT;
}

/* Whoever owned a page connection when the pass ended has left it since. */
static bool halted(void)
{
	for (uint32_t i = OM_CONNECTION_PAGES; i < OM_CONNECTION_PAGES + mig.params.channels; i++) {
		if (!mig_own(i))
			return false;
		mig_disown(i);
	}
	return true;
}

/* From now on there is no way back to sending contents before the stop. */
static void begin_owing(enum om_mig_mode chosen, const char *why)
{
	mig_postcopy_prepare_source();
	note_choice(chosen, why);
	rt_track(RT_TRACK_MIGRATION, true);   /* with tracker faults too: marks say what is hot */
	mig.postcopy = true;
	mig.owing_rounds = 0;
	halt();
}

/*
 * Stop-and-copy, with memory that the source's host gives up on the way. A source that may still have to run on cannot give memory up. So the
 * program is handed over with everything owed, and the destination starts it when all has come.
 */
bool mig_source_holds(void)
{
	return mig.params.mode == OM_MODE_STOP && mig.params.flags & OM_MIG_PARAM_RELEASE;
}

void mig_source_rounds(void)
{
	mig_set_clear(&mig_todo);
	mig_set_clear(&mig_owed);
	atomic_store(&mig.owed, 0);
	mig.best_throughput = 0;
	mig.ready = mig_now();
	mig.round.rounds_max = mig.params.rounds_max;
	mig.round.fixed_ns = FIXED_NS;
	mig.status.chosen_mode = mig.params.mode;
	mig_watch_begin();
	if (mig.params.mode == OM_MODE_STOP) {
		mig.postcopy = mig_source_holds();
		if (mig.postcopy)
			mig_postcopy_prepare_source();
		decide_stop(OM_MODE_STOP, "asked for");
		return;
	}
	mig.round_step = MIG_ROUND_TAKE;
	if (mig.params.mode == OM_MODE_POSTCOPY)
		begin_owing(OM_MODE_POSTCOPY, "asked for");
	else if (mig.params.mode == OM_MODE_AUTO && mig.params.flags & OM_MIG_PARAM_RELEASE)
		begin_owing(OM_MODE_POSTCOPY, "memory is to be given back on the way: post-copy");
}

void mig_source_again(void)
{
	if (mig.source == MIG_SOURCE_POSTCOPY)
		mig_source_push();
	else if (mig.params.mode == OM_MODE_POSTCOPY && !mig.postcopy)
		mig_source_postcopy_now();
	else
		halt();
}

void mig_source_postcopy_now(void)
{
	mig.params.mode = OM_MODE_POSTCOPY;
	if (mig.source == MIG_SOURCE_ROUNDS && mig_link_usable() && !mig.postcopy)
		begin_owing(mig.status.dirty_sync_count ? OM_MODE_HYBRID : OM_MODE_POSTCOPY, "post-copy was asked for during the rounds");
}

/* For the oracle of tests/soundness: it compares what was taken with what was written. */
static void note_point(enum om_round_point point)
{
	rt_test_round(point, mig.status.dirty_sync_count, mig.status.tracker);
}

static void take_round(void)
{
	note_point(OM_ROUND_TAKE);
	if (mig.round.number == 0 && mig.status.dirty_sync_count == 0) {
		walk_cards(NULL, true);
		collect_all(&mig_todo);
		mig.taken_pages = mig.status.ram_total / OM_PAGE_SIZE;
	} else {
		mig.taken_pages = walk_cards(&mig_todo, true);
	}
	mig.status.dirty_sync_count++;
	mig.round_start = mig_now();
	mig.round_acked = atomic_load(&mig.bytes_acked);
	mig.handshake = rt_handshake_begin();
	mig.round_step = MIG_ROUND_HANDSHAKE;
	mig_queue(OM_CTL_ROUND);
}

/* Writers that outrun what was allowed are slowed until they do not. */
static void throttle(void)
{
	uint64_t rate = mig.status.dirty_pages_rate * OM_PAGE_SIZE, before = mig.throttle_ns;
	uint64_t allowed = atomic_load(&mig.limits.throttle_bytes);

	mig.round.braking = false;
	if (!allowed) {
		if (mig.throttle_ns)
			rt_throttle_set(mig.throttle_ns = 0);
		return;
	}
	if (rate > allowed)
		mig.throttle_ns = mig.throttle_ns ? mig.throttle_ns * 4 : 2000;
	else if (rate < allowed / 2)
		mig.throttle_ns /= 2;
	if (mig.throttle_ns > THROTTLE_MAX_NS)
		mig.throttle_ns = THROTTLE_MAX_NS;
	mig.round.braking = mig.throttle_ns > before;
	rt_throttle_set(mig.throttle_ns);
}

/* Of this round, which may not be over. */
static void measure_throughput(void)
{
	uint64_t bytes = atomic_load(&mig.bytes_acked) - mig.round_acked;
	uint64_t bandwidth = atomic_load(&mig.limits.bandwidth_bytes);
	int64_t took = mig_now() - mig.round_start;
	struct mig_round *r = &mig.round;

	r->round_ns = took > 0 ? (uint64_t)took : 1;
	/* Short rounds, and those that have left out nearly all pages, measure the round trip, not the link. */
	if (bytes > 4u << 20 || (r->throughput == 0 && (bytes > 1u << 20 || r->round_ns > 1000000000)))
		r->throughput = mig_rate(bytes, r->round_ns) + 1;
	if (bandwidth && (r->throughput == 0 || r->throughput > bandwidth))
		r->throughput = bandwidth;
	if (r->throughput > mig.best_throughput)
		mig.best_throughput = r->throughput;
}

static void measure_round(void)
{
	struct mig_round *r = &mig.round;

	measure_throughput();
	mig_set_tidy(&mig_todo);               /* outside the stop */
	r->number++;
	r->previous_dirty = r->number > 1 ? r->dirty_pages : 0;
	r->dirty_pages = walk_cards(NULL, false);
	r->limit_ns = atomic_load(&mig.limits.downtime_ns);
	r->always_pages = resident_pages(NULL) + 16;
	mig.status.dirty_pages_rate = mig_rate(r->dirty_pages, r->round_ns);
}

/* Pages that a stop now would have to send: those of this round that have not been sent, and those written since it began. */
static uint64_t left_now(void)
{
	uint64_t count = walk(count_not_in, &mig_todo, false);

	for (uint64_t stripe = 0, end = mig_stripes_end(); (stripe = mig_set_next(&mig_todo, stripe, end)) < end; stripe++)
		for (uint64_t word = stripe * MIG_STRIPE_WORDS; word < (stripe + 1) * MIG_STRIPE_WORDS; word++)
			count += (uint64_t)__builtin_popcountll(atomic_load_explicit(&mig_todo.word[word], memory_order_relaxed));
	return count;
}

/*
 * In the middle of a round, where post-copy may be chosen: is the rest of the round worth while? Counting costs a look at every card. So the
 * longer a count takes, the less often it is done.
 * Return: post-copy has begun.
 */
static bool give_up_rounds(void)
{
	enum om_mig_mode mode = (enum om_mig_mode)mig.params.mode;
	int64_t now = mig_now();
	struct mig_round r;

	if (mig.postcopy || (mode != OM_MODE_AUTO && mode != OM_MODE_HYBRID) || now < mig.pace_due)
		return false;
	measure_throughput();
	r = mig.round;
	r.dirty_pages = left_now();
	r.limit_ns = atomic_load(&mig.limits.downtime_ns);
	mig.pace_due = mig_now() + PACE_NS + (mig_now() - now) * PACE_SHARE;
	if (mig_pace_pays(&mig.pace, now, r.dirty_pages, atomic_load(&mig.normal_pages) + atomic_load(&mig.zero_pages),
		    atomic_load(&mig.limits.cost)) || mig.throttle_ns || mig_predict_precopy(&r) <= r.limit_ns)
		return false;
	mig.status.expected_downtime_ns = mig_predict_postcopy(&r);
	begin_owing(OM_MODE_HYBRID, "what is sent ahead is soon written again: the rest by post-copy");
	return true;
}

static void round_over(void)
{
	enum om_mig_mode mode = (enum om_mig_mode)mig.params.mode;
	const char *why;
	enum mig_choice choice;

	measure_round();
	throttle();
	choice = mig_choose(mode, &mig.round, &mig.status.expected_downtime_ns, &why);
	mig.round_step = MIG_ROUND_TAKE;
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

	for (uint64_t stripe = 0, end = mig_stripes_end(); (stripe = mig_set_next(&mig_todo, stripe, end)) < end; stripe++) {
		for (uint64_t word = stripe * MIG_STRIPE_WORDS; word < (stripe + 1) * MIG_STRIPE_WORDS; word++) {
			uint64_t bits = atomic_load_explicit(&mig_todo.word[word], memory_order_relaxed), before, after;

			if (!bits)
				continue;
			before = after = atomic_load_explicit(&mig_owed.word[word], memory_order_relaxed);
			for (uint64_t rest = bits; rest; rest &= rest - 1) {
				uint64_t bit = rest & -rest;

				if (RT_PAGE_STATE(mig_page_state(word * 64 + (uint64_t)__builtin_ctzll(rest))) != RT_PAGE_ACCEPTED)
					after &= ~bit;
				else if (before & bit || spare == 0)
					after |= bit;
				else
					spare--;
			}
			atomic_fetch_and_explicit(&mig_owed.word[word], after, memory_order_relaxed);
			mig_set_add_bits(&mig_owed, word, after);
			more += (uint64_t)__builtin_popcountll(after & ~before);
			less += (uint64_t)__builtin_popcountll(before & ~after);
		}
	}
	atomic_fetch_add(&mig.owed, more - less);
}

/*
 * Of a page that changed since the last owing round the destination has a stale copy. To give the copy up is taken to cost the
 * destination more than to receive the content, so as much content as the downtime limit allows is sent.
 */
static uint64_t pages_within_limit(void)
{
	return mig_amount(mig.best_throughput, atomic_load(&mig.limits.downtime_ns)) / OM_PAGE_SIZE;
}

static uint64_t rounds_progress(void)
{
	switch (mig.round_step) {
	case MIG_ROUND_HEAT:
		if (mig.status.chosen_mode == OM_MODE_POSTCOPY && mig_now() - mig.round_start < HEAT_NS)
			return HEAT_NS / 4;
		mig_event(MIG_ON_STOP);
		return 0;
	case MIG_ROUND_HALT:
		if (!halted())
			return HANDSHAKE_NS;
		mig.round_step = MIG_ROUND_TAKE;
		return 0;
	case MIG_ROUND_TAKE:
		take_round();
		return 0;
	case MIG_ROUND_HANDSHAKE:
		if (!rt_handshake_done(mig.handshake))
			return HANDSHAKE_NS;
		mig.watch_cursor = 0;
		mig.round_step = MIG_ROUND_WATCH;
		return 0;
	case MIG_ROUND_WATCH:
		/* What will be owed is read after the stop: it may be written until then. */
		if (!mig.postcopy && !mig_watch_step())
			return 0;
		note_point(OM_ROUND_COPY);
		if (mig.postcopy)
			make_owed(0);
		mig_pass_begin(mig.postcopy ? MIG_PASS_CONTENT : MIG_PASS_ROUND);
		mig.round_step = MIG_ROUND_SEND;
		return SEND_NS;
	case MIG_ROUND_SEND:
		if (!mig_pass_handed_out())
			return give_up_rounds() ? 0 : SEND_NS;
		mig.round_step = MIG_ROUND_DRAIN;
		return 0;
	case MIG_ROUND_DRAIN:
		if (!mig_pass_acknowledged())
			return SEND_NS;
		if (!mig.postcopy)
			round_over();
		else if (mig_owe_again(++mig.owing_rounds, not_owed_yet(), pages_within_limit()))
			mig.round_step = MIG_ROUND_TAKE;
		else
			mig.round_step = MIG_ROUND_HEAT;
		return 0;
	}
	return 0;
}

/* ---- the stop phase ---- */

void mig_source_stop(void)
{
	rt_throttle_set(0);
	mig.throttle_ns = 0;
	mig.stopped = mig_now();
	mig.status.stop_realtime_ns = (uint64_t)rt_realtime_ns();
	mig.app_stopped = true;
	rt_stop_begin();
}

void mig_source_freeze(void)
{
	char words[OM_REASON_MAX] = "";
	bool everything = mig.status.dirty_sync_count == 0;
	int error;

	mig.parked = mig_now();
	mig.status.park_ns = mig_elapsed(mig.stopped, mig.parked);
	mig.frozen = true;                     /* a freeze that fails half-way is thawed too */
	error = rt_io_freeze(words, sizeof words);
	if (error) {
		mig_reason(error, words);
		mig_fail(error, "host state could not be saved");
		return;
	}
	rt_time_save();
	mig.froze = mig_now();
	mig.status.freeze_ns = mig_elapsed(mig.parked, mig.froze);
	/* The cards stay as they are in post-copy: they say what is likely hot, for they were cleared by the owing round. */
	if (mig.params.flags & OM_MIG_PARAM_REHEARSE)
		mig_set_clear(&mig_todo);
	else if (everything)
		collect_all(&mig_todo);
	else
		walk_cards(&mig_todo, !mig.postcopy);
	if (mig.postcopy)
		make_owed(pages_within_limit());
	mig.status.resident_pages = resident_pages(&mig_todo);
	if (!(mig.params.flags & OM_MIG_PARAM_REHEARSE))
		add_stacks();
	note_point(OM_ROUND_STOP);
	mig_pass_begin(MIG_PASS_CONTENT);
}

static uint64_t final_progress(void)
{
	if (!mig_pass_handed_out())
		return SEND_NS;
	mig.sent = mig_now();
	mig_event(MIG_ON_SENT);
	return 0;
}

void mig_source_ended(void)
{
	rt_track(RT_TRACK_MIGRATION, false);
	if (mig.throttle_ns)
		rt_throttle_set(0);
	mig.throttle_ns = 0;
	mig_pass_begin(MIG_PASS_NONE);
}

void mig_source_resume_app(void)
{
	char words[OM_REASON_MAX] = "";

	if (mig.frozen) {
		int error = rt_io_thaw(words, sizeof words);

		if (error)
			mig_reason_then(error, words);
	}
	mig.frozen = false;
	if (mig.owns_io)
		mig_disown(MIG_OWNER_IO);
	mig.owns_io = false;
	if (mig.app_stopped)
		rt_resume_all();
	mig.app_stopped = false;
}

/* Both hosts may be one network: only now nothing is held here any more that is not claimed there. */
void mig_source_running(uint64_t run_realtime_ns)
{
	uint64_t down = mig_elapsed(mig.stopped, mig_now());

	mig.status.run_realtime_ns = run_realtime_ns;
	mig.status.downtime_ns = down - (down > mig.round.round_trip_ns ? mig.round.round_trip_ns / 2 : 0);
	rt_io_let_go();
}

void mig_source_handed_over(void)
{
	rt_io_discard();                       /* first: the destination may be waiting for it */
	mig.status.final_ns = mig_elapsed(mig.froze, mig.answered);
	mig.status.final_ns -= mig.status.rebuild_ns < mig.status.final_ns ? mig.status.rebuild_ns : mig.status.final_ns;
	mig_source_push();
}

void mig_source_push(void)
{
	if (!mig.postcopy)
		return;
	mig_set_clear(&mig_todo);
	for (uint64_t stripe = 0, end = mig_stripes_end(); (stripe = mig_set_next(&mig_owed, stripe, end)) < end; stripe++)
		for (uint64_t word = stripe * MIG_STRIPE_WORDS; word < (stripe + 1) * MIG_STRIPE_WORDS; word++)
			mig_set_add_bits(&mig_todo, word, atomic_load_explicit(&mig_owed.word[word], memory_order_relaxed));
	mig.push_idle = 0;
	mig_pass_begin(MIG_PASS_PUSH);
}

/*
 * All has been pushed and acknowledged, and still the destination does not report that all is there: answers to urgent
 * requests got lost on the way. What is not known to have arrived is pushed again.
 */
static uint64_t postcopy_progress(void)
{
	if (!mig.postcopy || !mig_link_usable() || atomic_load(&mig.owed) == 0 || !mig_pass_acknowledged()) {
		mig.push_idle = 0;
		return mig.postcopy ? PUSH_CHECK_NS : UINT64_MAX;
	}
	if (++mig.push_idle > PUSH_IDLE_CHECKS)
		mig_source_push();
	return PUSH_CHECK_NS;
}

void mig_source_round_trip(uint64_t stamp)
{
	uint64_t took = (uint64_t)mig_now() - stamp;

	if (took > 0 && took < INT64_MAX / 4 && (mig.round.round_trip_ns == 0 || took < mig.round.round_trip_ns))
		mig.round.round_trip_ns = took;
}

uint64_t mig_source_progress(void)
{
	switch (mig.source) {
	case MIG_SOURCE_ROUNDS:
		return mig_link_usable() ? rounds_progress() : UINT64_MAX;
	case MIG_SOURCE_STOPPING:
		if (rt_stop_poll() != 0)
			return PARK_NS;
		/* A check of the host's that is under way ends first. */
		if (!mig.owns_io && !(mig.owns_io = mig_own(MIG_OWNER_IO)))
			return PARK_NS;
		mig_event(MIG_ON_PARKED);
		return 0;
	case MIG_SOURCE_FINAL:
		return final_progress();
	case MIG_SOURCE_POSTCOPY:
		return postcopy_progress();
	default:
		return UINT64_MAX;
	}
}
