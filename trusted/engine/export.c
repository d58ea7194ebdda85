/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages into frames, one connection at a time. A pass is a walk over a page set; stripes of 2 MiB are dealt out to the page
 * connections, always the same way, so that all versions of a page travel in order on one connection and no barrier
 * between connections is needed. A frame is built in a local buffer, because a page may change while it is copied and must not change
 * while it is encrypted. From the local buffer the frame is sealed straight into the transfer buffer.
 *
 * Flow control: at most ENGINE_RING_FRAMES frames are unacknowledged. The ring remembers their runs: after a loss their pages are sent
 * again. In post-copy a page whose frame is acknowledged is owed no more and may be released.
 */
#include <string.h>
#include "engine/state.h"

/* A frame under construction. */
struct builder {
	struct om_run runs[ENGINE_RUNS_MAX];
	int count;
	uint32_t pages;                        /* with content */
	uint64_t normal, zero;
	uint8_t (*content)[OM_PAGE_SIZE];
	uint32_t pages_max;
};

enum { RUN_COUNT_MAX = 0xffffff };
#define RUN_PAGE_MASK ((UINT64_C(1) << 40) - 1)

/* ---- passes ---- */

void engine_pass_begin(enum engine_pass kind)
{
	uint64_t number = (atomic_load(&engine.pass) >> 8) + 1;

	atomic_store_explicit(&engine.pass, number << 8 | kind, memory_order_release);
}

bool engine_pass_handed_out(void)
{
	uint64_t pass = atomic_load_explicit(&engine.pass, memory_order_relaxed);

	for (uint32_t i = 0; i < engine.channels; i++)
		if (atomic_load_explicit(&engine.conn[OM_CONNECTION_PAGES + i].pass_done, memory_order_acquire) != pass)
			return false;
	return true;
}

bool engine_pass_acknowledged(void)
{
	for (uint32_t i = 0; i < engine.channels; i++)
		if (atomic_load(&engine_rings[i].first) != atomic_load(&engine_rings[i].next))
			return false;
	return engine_pass_handed_out();
}

void engine_export_reset(void)
{
	for (uint32_t i = 0; i < OM_MIG_CHANNELS_MAX; i++) {
		atomic_store(&engine_rings[i].first, 0);
		atomic_store(&engine_rings[i].next, 0);
		engine_rings[i].runs_first = engine_rings[i].runs_next = 0;
	}
}

void engine_export_unsent(struct engine_set *set)
{
	for (uint32_t i = 0; i < OM_MIG_CHANNELS_MAX; i++) {
		const struct engine_ring *ring = &engine_rings[i];

		for (uint64_t r = ring->runs_first; r < ring->runs_next; r++) {
			uint64_t run = ring->runs[r % ENGINE_RING_RUNS], first = run & RUN_PAGE_MASK;

			for (uint64_t page = first; page < first + (run >> 40); page++)
				engine_set_add(set, page);
		}
	}
}

/* ---- building ---- */

static bool is_zero(const void *page)
{
	const uint64_t *words = page;

	for (int i = 0; i < OM_PAGE_SIZE / 8; i += 32) {
		uint64_t sum = 0;

		for (int j = 0; j < 32; j++)
			sum |= words[i + j];
		if (sum)
			return false;
	}
	return true;
}

/* Return: false if the frame has no room for another run. */
static bool add_run(struct builder *b, uint64_t page, enum om_run_type type, uint8_t byte)
{
	struct om_run *last = &b->runs[b->count ? b->count - 1 : 0];

	if (b->count && last->type == type && last->state == byte && last->first + last->count == page &&
	    last->count < RUN_COUNT_MAX) {
		last->count++;
		return true;
	}
	if (b->count == ENGINE_RUNS_MAX)
		return false;
	b->runs[b->count++] = (struct om_run) { .first = page, .count = 1, .type = type, .state = byte };
	return true;
}

/* Copies a page and adds it as content or zero. Return: false if the frame is full; *ret_gone: could not be read. */
static bool add_content(struct builder *b, uint64_t page, uint8_t byte, bool resident, bool *ret_gone)
{
	bool zero;
	void *to = b->content[b->pages];

	*ret_gone = false;
	if (b->pages == b->pages_max || b->count == ENGINE_RUNS_MAX)
		return false;
	if (!rt_mem_copy_out(to, page)) {
		/* Its state changes, and its card is or will be marked; that is the program's part, and this ours. */
		rt_cards_mark(rt_page_address(page), 1);
		*ret_gone = true;
		return true;
	}
	zero = is_zero(to);
	(void)add_run(b, page, resident ? (zero ? OM_RUN_RESIDENT_ZERO : OM_RUN_RESIDENT) : zero ? OM_RUN_ZERO : OM_RUN_CONTENT,
		byte);                         /* there is room for a run: looked above */
	if (zero)
		b->zero++;
	else
		b->normal++;
	b->pages += !zero;
	return true;
}

/* Return: false if the frame is full and the page must wait for the next. */
static bool add_page(struct builder *b, uint64_t page, enum engine_pass kind)
{
	uint8_t byte = engine_page_state(page);
	bool gone = false, fits;

	if (engine_is_runtimes(page) && RT_PAGE_STATE(byte) != RT_PAGE_RESIDENT)
		return true;
	/* Pushed before, acknowledged meanwhile, and perhaps released already: nobody wants it any more. */
	if (kind == ENGINE_PASS_PUSH && (RT_PAGE_STATE(byte) != RT_PAGE_ACCEPTED || !engine_set_has(&engine_owed, page)))
		return true;
	switch (RT_PAGE_STATE(byte)) {
	case RT_PAGE_FREE:
	case RT_PAGE_RESERVED:
		return add_run(b, page, OM_RUN_STATE, byte);
	case RT_PAGE_ACCEPTED:
		if (kind == ENGINE_PASS_CONTENT && engine_set_has(&engine_owed, page))
			return add_run(b, page, OM_RUN_OWED, byte);
		fits = add_content(b, page, byte, false, &gone);
		break;
	case RT_PAGE_RESIDENT:
		fits = add_content(b, page, byte, true, &gone);
		break;
	default:
		return true;                   /* on its way in: its card will be marked */
	}
	if (gone && engine.app_stopped && (kind != ENGINE_PASS_PUSH || engine_set_has(&engine_owed, page)))
		engine_fail(OM_EINTERNAL, "a page of the stopped program cannot be read");
	return fits;
}

/* From this word on, the first one in a stripe of this connection that may hold pages; or @words. */
static uint64_t seek_word(uint64_t word, uint32_t channel, uint64_t words)
{
	uint64_t stripe = word / ENGINE_STRIPE_WORDS, end = (words + ENGINE_STRIPE_WORDS - 1) / ENGINE_STRIPE_WORDS, next;

	for (;; stripe++) {
		next = engine_set_next(&engine_todo, stripe, end);
		if (next == end)
			return words;
		if (next % engine.params.channels == channel)
			break;
		stripe = next;
	}
	return next == word / ENGINE_STRIPE_WORDS ? word : next * ENGINE_STRIPE_WORDS;
}

/* Which of the word's 64 pages have their cards set. */
static uint64_t hot_mask(uint64_t word)
{
	const uint8_t *cards = rt_cards() + word * 64;
	uint64_t mask = 0;

	for (int i = 0; i < 64; i++)
		mask |= (uint64_t)(cards[i] != 0) << i;
	return mask;
}

/* Return: false if the frame is full. */
static bool add_word(struct builder *b, uint64_t word, uint64_t mask, enum engine_pass kind, uint64_t *ret_rest)
{
	uint64_t bits = atomic_load_explicit(&engine_todo.word[word], memory_order_relaxed) & mask;

	for (; bits; bits &= bits - 1) {
		uint64_t page = word * 64 + (uint64_t)__builtin_ctzll(bits);

		if (!engine_set_remove(&engine_todo, page))
			continue;                      /* a fault was quicker */
		if (add_page(b, page, kind))
			continue;
		engine_set_add(&engine_todo, page);
		*ret_rest = UINT64_MAX << page % 64;
		return false;
	}
	return true;
}

/* A page was asked for: what lies behind it will be next. The cursor stays; the words are done when it comes there. */
static bool add_near_fault(struct builder *b, struct engine_connection *c)
{
	uint64_t hint = atomic_exchange_explicit(&c->hint, 0, memory_order_relaxed);
	uint64_t word = hint - 1, stop = word - word % ENGINE_STRIPE_WORDS + ENGINE_STRIPE_WORDS, rest;

	if (!hint)
		return true;
	for (; word < stop; word++)
		if (!add_word(b, word, UINT64_MAX, ENGINE_PASS_PUSH, &rest)) {
			atomic_store_explicit(&c->hint, word + 1, memory_order_relaxed);
			return false;
		}
	return true;
}

/*
 * Walk on from the connection's cursor until the frame is full or the pass is over. c->mask keeps which pages of the
 * cursor's word are still to be looked at.
 */
static void fill(struct builder *b, struct engine_connection *c, enum engine_pass kind)
{
	uint64_t words = (engine.facts.tracked_limit + 63) / 64, word;
	uint32_t channel = (uint32_t)(c - &engine.conn[OM_CONNECTION_PAGES]);

	if (kind == ENGINE_PASS_PUSH && !add_near_fault(b, c))
		return;
	for (;;) {
		for (; (word = seek_word(c->cursor, channel, words)) < words; c->cursor++) {
			uint64_t mask = UINT64_MAX;

			if (word != c->cursor)
				c->mask = UINT64_MAX;
			c->cursor = word;
			if (c->cursor % ENGINE_STRIPE_WORDS == 0 && b->pages >= b->pages_max / 2)
				return;                /* stripes that begin a frame can be placed at once (import.c) */
			if (kind == ENGINE_PASS_PUSH && !c->second)
				mask = hot_mask(c->cursor);
			else if (kind == ENGINE_PASS_ROUND)
				mask = ~hot_mask(c->cursor);   /* written again: it waits for the next round, and stays in the set */
			if (!add_word(b, c->cursor, mask & c->mask, kind, &c->mask))
				return;
			c->mask = UINT64_MAX;
		}
		c->cursor = words;
		if (kind != ENGINE_PASS_PUSH || c->second)
			return;
		c->second = true;
		c->cursor = 0;
	}
}

/* ---- frames ---- */

static bool ring_has_room(const struct engine_ring *ring)
{
	return ring->next - ring->first < ENGINE_RING_FRAMES && ring->runs_next - ring->runs_first <= ENGINE_RING_RUNS - ENGINE_RUNS_MAX;
}

static void ring_push(struct engine_ring *ring, const struct builder *b, uint32_t bytes, enum engine_pass kind)
{
	uint64_t slot = ring->next % ENGINE_RING_FRAMES;

	for (int i = 0; i < b->count; i++)
		ring->runs[ring->runs_next++ % ENGINE_RING_RUNS] = b->runs[i].first | (uint64_t)b->runs[i].count << 40;
	ring->runs_end[slot] = ring->runs_next;
	ring->bytes[slot] = bytes;
	ring->kind[slot] = (uint8_t)kind;
	atomic_fetch_add_explicit(&ring->next, 1, memory_order_release);
}

/* Plaintext: the runs, ending where the contents begin. Return: its start. */
static uint8_t *put_runs(const struct builder *b, uint8_t *head_end)
{
	size_t size = (size_t)b->count * OM_RUN_SIZE;
	struct om_put c;

	om_put_init(&c, head_end - size, size);
	for (int i = 0; i < b->count; i++)
		om_run_put(&c, &b->runs[i]);
	return head_end - size;
}

static void take_pass(struct engine_connection *c, uint64_t pass)
{
	if (c->pass == pass)
		return;
	c->pass = pass;
	c->cursor = 0;
	c->mask = UINT64_MAX;
	c->second = false;
}

long engine_export_out(uint32_t channel, RT_UNTRUSTED uint8_t *data)
{
	struct engine_connection *c = &engine.conn[OM_CONNECTION_PAGES + channel];
	struct engine_ring *ring = &engine_rings[channel];
	struct engine_buffer *buffer = &engine_buffers[channel];
	uint64_t pass = atomic_load_explicit(&engine.pass, memory_order_acquire);
	struct builder b = { .content = buffer->pages, .pages_max = OM_FRAME_PAGES_MAX };
	uint8_t *plain;
	size_t head, size;
	int error;

	/* A thread that had come through the door in the session before: nothing is its part in this one. */
	if (channel >= engine.params.channels)
		return OM_EINVAL;
	if (ENGINE_PASS_KIND(pass) == ENGINE_PASS_NONE || atomic_load(&c->pass_done) == pass || !ring_has_room(ring))
		return 0;
	take_pass(c, pass);
	atomic_fetch_or_explicit(&engine_buffers_used, 1u << channel, memory_order_relaxed);
	fill(&b, c, ENGINE_PASS_KIND(pass));
	if (b.count == 0) {
		atomic_store_explicit(&c->pass_done, pass, memory_order_release);
		return 0;
	}
	plain = put_runs(&b, buffer->head + sizeof buffer->head);
	head = (size_t)b.count * OM_RUN_SIZE;
	error = mig_stream_seal(&c->out, OM_FRAME_PAGES, (uint16_t)head, plain, head + (size_t)b.pages * OM_PAGE_SIZE,
		(void *)data, &size);          /* whole words: rt/door.c */
	if (error)
		return error;
	ring_push(ring, &b, (uint32_t)size, ENGINE_PASS_KIND(pass));
	atomic_fetch_add_explicit(&engine.bytes_sent, size, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.normal_pages, b.normal, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.zero_pages, b.zero, memory_order_relaxed);
	return (long)size;
}

/* ---- acknowledgements ---- */

static void release(uint64_t first, uint64_t count)
{
	/* Failing costs memory on a host that this program has left; it must cost nothing else. */
	if (engine.params.flags & OM_MIG_PARAM_RELEASE)
		(void)rt_mem_trim(rt_page_address(first), count << 12);
}

/* PLACED may have come first, and said that nothing is owed. */
static void one_less_owed(void)
{
	uint64_t owed = atomic_load(&engine.owed);

	while (owed && !atomic_compare_exchange_weak(&engine.owed, &owed, owed - 1))
		;
}

static void frame_acknowledged(struct engine_ring *ring)
{
	uint64_t slot = ring->first % ENGINE_RING_FRAMES;

	atomic_fetch_add_explicit(&engine.bytes_acked, ring->bytes[slot], memory_order_relaxed);
	for (; ring->runs_first < ring->runs_end[slot]; ring->runs_first++) {
		uint64_t run = ring->runs[ring->runs_first % ENGINE_RING_RUNS], first = run & RUN_PAGE_MASK, count = run >> 40;

		if (ring->kind[slot] != ENGINE_PASS_PUSH)
			continue;
		for (uint64_t page = first; page < first + count; page++)
			if (engine_set_remove(&engine_owed, page))
				one_less_owed();
		release(first, count);
	}
	atomic_fetch_add_explicit(&ring->first, 1, memory_order_release);
}

int engine_export_ack(uint32_t channel, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const RT_UNTRUSTED void *payload)
{
	struct engine_ring *ring = &engine_rings[channel];
	uint8_t plain[8], sealed[sizeof plain + OM_FRAME_TAG];
	struct om_get g;
	uint64_t count;
	int error;

	if (frame->kind != OM_FRAME_ACK || frame->length != sizeof plain + OM_FRAME_TAG)
		return OM_ETYPE;
	rt_ub_get(sealed, payload, sizeof sealed);
	error = mig_stream_open(&engine.conn[OM_CONNECTION_PAGES + channel].in, frame, header, sealed, plain);
	if (error)
		return error;
	om_get_init(&g, plain, sizeof plain);
	count = om_get_u64(&g);
	if (count < ring->first || count > ring->next)
		return OM_ESEQ;
	while (ring->first < count)
		frame_acknowledged(ring);
	return 0;
}
