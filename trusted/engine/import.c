/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames into pages. A frame is opened into a local buffer; all its runs are decoded and checked against this enclave's page
 * map; only then the frame is applied. A frame of before the start token writes its pages in place. A frame of after the token
 * places pages that are still owed, by EACCEPTCOPY, each page once; a second copy of a page is dropped. Which of the two a frame
 * does is settled once, when it is decoded, because the thread that applies the frame may be held up for long while others go
 * on. Pages of a frame that was held up until nothing is owed any more are dropped: they are old by then.
 *
 *   run             page here FREE/RESERVED        ACCEPTED                     OWED: before the token     running
 *   CONTENT         accept, copy                   copy                         accept, copy               accept-copy
 *   ZERO            becomes RESERVED               clear                        becomes RESERVED           of zeros
 *   STATE           set                            trim, set                    set                        -
 *   OWED            becomes OWED                   trim, becomes OWED           stays                      -
 *   RESIDENT(_ZERO) copy (clear) into the runtime's own page
 *
 * A page without write permission cannot be written in place: it is trimmed if it is there, and accept-copied.
 */
#include <string.h>
#include "engine/state.h"

/* Goes with a page whatever its state: protection, and that it is a copy of a shared file. */
#define PROTECTION 0x78u

RT_LOCAL alignas(4096) static uint8_t zero_page[OM_PAGE_SIZE];

static bool tracked_here(uint64_t page)
{
	return !engine_is_runtimes(page) && RT_PAGE_STATE(engine_page_state(page)) != RT_PAGE_IMAGE;
}

static enum mig_destination_state destination_now(void)
{
	return atomic_load_explicit(&engine.destination, memory_order_acquire);
}

static int check_run(const struct om_run *run, bool place)
{
	bool resident = run->type == OM_RUN_RESIDENT || run->type == OM_RUN_RESIDENT_ZERO;
	enum rt_page_state state = RT_PAGE_STATE(run->state);

	if (place && run->type != OM_RUN_CONTENT && run->type != OM_RUN_ZERO)
		return OM_ESTATE;
	if (resident ? state != RT_PAGE_RESIDENT : run->type == OM_RUN_STATE ?
	    state != RT_PAGE_FREE && state != RT_PAGE_RESERVED : state != RT_PAGE_ACCEPTED)
		return OM_ETYPE;
	for (uint64_t page = run->first; page < run->first + run->count; page++)
		if (resident ? RT_PAGE_STATE(engine_page_state(page)) != RT_PAGE_RESIDENT : !tracked_here(page))
			return OM_EIDENTITY;
	return 0;
}

int engine_runs_decode(const uint8_t *head, size_t head_size, size_t content_pages, struct engine_runs *ret_runs)
{
	enum mig_destination_state destination = destination_now();
	struct om_get c;
	size_t pages = 0;
	int error;

	ret_runs->count = 0;
	ret_runs->place = mig_destination_may_run(destination);
	if (!ret_runs->place && destination != MIG_DESTINATION_RECEIVING)
		return OM_ESTATE;
	om_get_init(&c, head, head_size);
	while (om_get_left(&c) && ret_runs->count < (int)ENGINE_RUNS_MAX) {
		struct om_run *run = &ret_runs->run[ret_runs->count++];

		om_run_get(&c, engine.facts.page_limit, run);
		if (c.error)
			break;
		if (om_run_has_content(run->type))
			pages += run->count;
	}
	error = om_get_end(&c);
	if (!error && pages != content_pages)
		error = pages > content_pages ? OM_ETRUNCATED : OM_ETRAILING;
	for (int i = 0; !error && i < ret_runs->count; i++)
		error = check_run(&ret_runs->run[i], ret_runs->place);
	return error;
}

/* ---- before the token ---- */

static void set_byte(uint64_t page, uint8_t byte)
{
	atomic_store_explicit(engine_page_byte(page), byte, memory_order_release);
}

/* Pages may be declared owed while the source's program still runs, and it may turn out otherwise. */
static void not_owed(uint64_t page, uint64_t count)
{
	for (uint64_t end = page + count; page < end; page++) {
		uint8_t byte = engine_page_state(page);

		if (RT_PAGE_STATE(byte) == RT_PAGE_OWED)
			set_byte(page, (uint8_t)((byte & ~7u) | RT_PAGE_RESERVED));
		if (engine_set_remove(&engine_owed, page))
			atomic_fetch_sub(&engine.owed, 1);
	}
}

static bool accepted_here(uint64_t page)
{
	return RT_PAGE_STATE(engine_page_state(page)) == RT_PAGE_ACCEPTED;
}

static int unaccept(uint64_t page)
{
	return accepted_here(page) ? rt_mem_trim(rt_page_address(page), OM_PAGE_SIZE) : 0;
}

static int write_protected_page(uint64_t page, uint8_t byte, const void *content)
{
	int error = rt_mem_settle(rt_page_address(page), OM_PAGE_SIZE);

	if (!error)
		error = unaccept(page);
	if (!error)
		error = rt_mem_accept_copy(rt_page_address(page), content, byte & PROTECTION);
	if (!error)
		set_byte(page, byte);
	return error;
}

static bool writable_here(uint64_t page)
{
	return accepted_here(page) && engine_page_state(page) & RT_PAGE_W;
}

/* Length of the part of the run from `at` on whose pages are alike: to be accepted, or there and writable, or there only. */
static uint32_t alike(const struct om_run *run, uint32_t at)
{
	bool accepted = accepted_here(run->first + at), writable = writable_here(run->first + at);
	uint32_t end = at + 1;

	while (end < run->count && accepted_here(run->first + end) == accepted && writable_here(run->first + end) == writable)
		end++;
	return end - at;
}

static int write_run(const struct om_run *run, const uint8_t (*content)[OM_PAGE_SIZE])
{
	uint8_t protection = run->state & PROTECTION;

	if (atomic_load(&engine.owed))
		not_owed(run->first, run->count);
	for (uint32_t at = 0, length; at < run->count; at += length) {
		uint64_t page = run->first + at;
		int error = 0;

		length = alike(run, at);
		if (!(protection & RT_PAGE_W) || (accepted_here(page) && !writable_here(page))) {
			length = 1;
			error = write_protected_page(page, run->state, content[at]);
			if (error)
				return error;
			continue;
		}
		if (!accepted_here(page))
			error = rt_mem_accept_over(rt_page_address(page), (size_t)length * OM_PAGE_SIZE, protection);
		if (error)
			return error;
		memcpy((void *)rt_page_address(page), content[at], (size_t)length * OM_PAGE_SIZE);
		for (uint32_t i = 0; i < length; i++)
			set_byte(page + i, run->state);
	}
	return 0;
}

/*
 * A stripe that begins with many pages will probably have the rest of its pages, too. Pages that are accepted together can be
 * given memory together. Pages that do not come are given back when the next stripe begins.
 */
static void accept_ahead(struct engine_connection *c, const struct om_run *run)
{
	if (run->type != OM_RUN_CONTENT || run->count < OM_FRAME_PAGES_MAX / 2 || run->first % ENGINE_STRIPE_PAGES ||
	    !(run->state & RT_PAGE_W) || RT_PAGE_STATE(engine_page_state(run->first)) > RT_PAGE_RESERVED ||
	    run->first + ENGINE_STRIPE_PAGES > engine.facts.tracked_limit)
		return;
	c->ahead = run->first / ENGINE_STRIPE_PAGES + 1;
	rt_mem_accept_ahead(rt_page_address(run->first), (size_t)ENGINE_STRIPE_PAGES * OM_PAGE_SIZE);
}

static int settle(struct engine_connection *c)
{
	uint64_t stripe = c->ahead - 1;

	if (!c->ahead)
		return 0;
	c->ahead = 0;
	return rt_mem_settle(rt_page_address(stripe * ENGINE_STRIPE_PAGES), (size_t)ENGINE_STRIPE_PAGES * OM_PAGE_SIZE);
}

/*
 * Called by the control connection's owner, while other threads may own page connections. No frame that these can still get reaches `ahead`:
 * the source has made no more frames than COMPLETE says, and each frame was applied in full before it was counted.
 */
int engine_import_settle(void)
{
	int error = 0;

	for (uint32_t i = 0; i < engine.params.channels && !error; i++)
		error = settle(&engine.conn[OM_CONNECTION_PAGES + i]);
	return error;
}

/* Pages accepted ahead must not stay so once the stripe is done, or when they are declared owed. */
static int look_ahead(struct engine_connection *c, const struct engine_runs *runs)
{
	int error = 0;

	for (int i = 0; i < runs->count && !error; i++) {
		const struct om_run *run = &runs->run[i];

		if (c->ahead && (run->type == OM_RUN_OWED || run->first / ENGINE_STRIPE_PAGES + 1 != c->ahead))
			error = settle(c);
		if (!c->ahead)
			accept_ahead(c, run);
	}
	return error;
}

static int zero_run(const struct om_run *run)
{
	if (atomic_load(&engine.owed))
		not_owed(run->first, run->count);
	for (uint64_t page = run->first; page < run->first + run->count; page++) {
		int error = 0;

		if (writable_here(page) && run->state & RT_PAGE_W) {
			memset((void *)rt_page_address(page), 0, OM_PAGE_SIZE);
			set_byte(page, run->state);
		} else {
			error = unaccept(page);
			if (!error)
				set_byte(page, (uint8_t)((run->state & ~7u) | RT_PAGE_RESERVED));
		}
		if (error)
			return error;
	}
	return 0;
}

/* Consecutive accepted pages are given back together: each trim costs calls of the host. */
static int trim_run(const struct om_run *run)
{
	for (uint32_t at = 0, length; at < run->count; at += length) {
		uint64_t page = run->first + at;
		int error = 0;

		length = alike(run, at);
		if (accepted_here(page))
			error = rt_mem_trim(rt_page_address(page), (size_t)length * OM_PAGE_SIZE);
		if (error)
			return error;
	}
	return 0;
}

static int state_run(const struct om_run *run)
{
	int error = trim_run(run);

	if (!error && atomic_load(&engine.owed))
		not_owed(run->first, run->count);
	for (uint64_t page = run->first; !error && page < run->first + run->count; page++)
		set_byte(page, run->state);
	return error;
}

static int owed_run(const struct om_run *run)
{
	int error = trim_run(run);

	for (uint64_t page = run->first; !error && page < run->first + run->count; page++) {
		set_byte(page, (uint8_t)((run->state & ~7u) | RT_PAGE_OWED));
		if (!engine_set_has(&engine_owed, page))
			atomic_fetch_add(&engine.owed, 1);
		engine_set_add(&engine_owed, page);
	}
	return error;
}

static bool all_zero(const void *page)
{
	return memcmp(page, zero_page, OM_PAGE_SIZE) == 0;
}

static void resident_run(const struct om_run *run, const uint8_t (*content)[OM_PAGE_SIZE])
{
	for (uint32_t i = 0; i < run->count; i++) {
		void *page = (void *)rt_page_address(run->first + i);

		if (content)
			memcpy(page, content[i], OM_PAGE_SIZE);
		else if (engine_page_state(run->first + i) & RT_PAGE_R && !all_zero(page))
			memset(page, 0, OM_PAGE_SIZE);
	}
}

/* ---- after the token ---- */

/*
 * A page is in engine_owed as long as its state is OWED, or ARRIVING by who places it:
 *
 *   OWED ──place──► ARRIVING ──► ACCEPTED     leaves the set when it has been placed
 *    │                 └─failed──► OWED
 *    └──the program unmaps, replaces or throws it away──► FREE, RESERVED     leaves the set then and there
 *
 * So a page that left OWED without being placed may be in any state, also ARRIVING for the program's own reasons, and
 * nobody waits for it.
 */
static void arrived(uint64_t page)
{
	if (engine_set_remove(&engine_owed, page))
		atomic_fetch_sub_explicit(&engine.owed, 1, memory_order_release);
}

void engine_owed_given_up(uint64_t page)
{
	arrived(page);
}

/*
 * The caller has turned the page to ARRIVING. False: the page is not owed any more. Another thread may be placing the page and fail. Then the
 * page is owed again, and this copy may be the last, so the outcome is waited for.
 */
static bool claim_owed(uint64_t page, uint8_t *ret_byte)
{
	uint8_t byte = engine_page_state(page);

	for (;;) {
		if (RT_PAGE_STATE(byte) == RT_PAGE_OWED) {
			*ret_byte = byte;
			if (atomic_compare_exchange_weak_explicit(engine_page_byte(page), &byte,
				(uint8_t)((byte & ~7u) | RT_PAGE_ARRIVING), memory_order_acq_rel, memory_order_acquire))
				return true;
			continue;
		}
		if (RT_PAGE_STATE(byte) != RT_PAGE_ARRIVING || !engine_set_has(&engine_owed, page))
			return false;
		__builtin_ia32_pause();
		byte = engine_page_state(page);
	}
}

/* Exactly once: only who turns OWED into ARRIVING places the page. The program may have given it up meanwhile. */
static int place(uint64_t page, const void *content)
{
	uint8_t byte;
	int error;

	if (!claim_owed(page, &byte)) {
		atomic_fetch_add_explicit(&engine.dropped, 1, memory_order_relaxed);
		return 0;
	}
	error = rt_mem_accept_copy(rt_page_address(page), content, byte & PROTECTION);
	if (error)
		set_byte(page, (uint8_t)((byte & ~7u) | RT_PAGE_OWED));
	else
		arrived(page);                 /* the page's byte is set, and may have changed since */
	return error;
}

static int place_run(const struct om_run *run, const uint8_t (*content)[OM_PAGE_SIZE])
{
	int error = 0;

	for (uint32_t i = 0; !error && i < run->count; i++)
		error = place(run->first + i, content ? content[i] : zero_page);
	return error;
}

/* ---- frames ---- */

static int apply_run(const struct om_run *run, const uint8_t (*content)[OM_PAGE_SIZE], bool place)
{
	if (place)
		return place_run(run, run->type == OM_RUN_CONTENT ? content : NULL);
	switch (run->type) {
	case OM_RUN_CONTENT:
		return write_run(run, content);
	case OM_RUN_ZERO:
		return zero_run(run);
	case OM_RUN_STATE:
		return state_run(run);
	case OM_RUN_OWED:
		return owed_run(run);
	case OM_RUN_RESIDENT:
		resident_run(run, content);
		return 0;
	case OM_RUN_RESIDENT_ZERO:
		resident_run(run, NULL);
		return 0;
	}
	return OM_ETYPE;
}

int engine_runs_apply(const struct engine_runs *runs, uint8_t (*content)[OM_PAGE_SIZE])
{
	int error = 0;

	/* The frame counts as received only when this is done, and before that the program cannot be started. */
	if (!runs->place && destination_now() != MIG_DESTINATION_RECEIVING)
		return OM_ESTATE;
	for (int i = 0; !error && i < runs->count; i++) {
		const struct om_run *run = &runs->run[i];
		bool has_content = om_run_has_content(run->type);

		error = apply_run(run, has_content ? (const uint8_t (*)[OM_PAGE_SIZE])content : NULL, runs->place);
		if (has_content)
			content += run->count;
	}
	return error;
}

static void count_pages(const struct engine_runs *runs)
{
	uint64_t normal = 0, zero = 0;

	for (int i = 0; i < runs->count; i++) {
		const struct om_run *run = &runs->run[i];

		if (om_run_has_content(run->type))
			normal += run->count;
		else if (run->type == OM_RUN_ZERO || run->type == OM_RUN_RESIDENT_ZERO)
			zero += run->count;
	}
	atomic_fetch_add_explicit(&engine.normal_pages, normal, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.zero_pages, zero, memory_order_relaxed);
}

int engine_import_in(uint32_t channel, const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER],
	const RT_UNTRUSTED void *payload)
{
	struct engine_connection *c = &engine.conn[OM_CONNECTION_PAGES + channel];
	struct engine_buffer *buffer = &engine_buffers[channel];
	struct engine_runs runs;
	uint8_t *plain;
	int error;

	if (frame->kind != OM_FRAME_PAGES)
		return OM_ETYPE;
	plain = buffer->head + sizeof buffer->head - frame->head;
	atomic_fetch_or_explicit(&engine_buffers_used, 1u << channel, memory_order_relaxed);
	error = mig_stream_open(&c->in, frame, header, (const void *)payload, plain);  /* whole words: rt/door.c */
	if (error)
		return error;
	error = engine_runs_decode(plain, frame->head, (frame->length - frame->head - OM_FRAME_TAG) / OM_PAGE_SIZE, &runs);
	if (!error && !runs.place)
		error = look_ahead(c, &runs);
	if (!error)
		error = engine_runs_apply(&runs, buffer->pages);
	if (error)
		return error;
	atomic_fetch_add_explicit(&engine.bytes_sent, OM_FRAME_HEADER + frame->length, memory_order_relaxed);
	count_pages(&runs);
	atomic_fetch_add_explicit(&c->received, 1, memory_order_release);
	return 0;
}

long engine_import_ack_out(uint32_t channel, RT_UNTRUSTED uint8_t *data)
{
	struct engine_connection *c = &engine.conn[OM_CONNECTION_PAGES + channel];
	uint64_t count = atomic_load(&c->received);
	uint8_t plain[8], frame[OM_FRAME_HEADER + sizeof plain + OM_FRAME_TAG];
	struct om_put p;
	size_t size;
	int error;

	if (count == c->acked)
		return 0;
	om_put_init(&p, plain, sizeof plain);
	om_put_u64(&p, count);
	error = mig_stream_seal(&c->out, OM_FRAME_ACK, 0, plain, sizeof plain, frame, &size);
	if (error)
		return error;
	rt_ub_put(data, frame, size);
	c->acked = count;
	return (long)size;
}

bool engine_import_complete(void)
{
	if (!engine.complete)
		return false;
	for (uint32_t i = 0; i < engine.channels; i++)
		if (atomic_load_explicit(&engine.conn[OM_CONNECTION_PAGES + i].received, memory_order_acquire) <
		    atomic_load(&engine.frames_due[i]))
			return false;
	return true;
}
