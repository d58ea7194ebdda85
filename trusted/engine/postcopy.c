/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owed pages. At the destination a thread that touches an owed page faults: the page is not accepted in the EPCM, whatever the
 * host maps. The thread's exception handler asks the source over the urgent connection. The source answers with the page and with
 * owed pages right behind it, and its push goes on from there.
 *
 *   thread A    OWED --claims faulting[hash]--> request ... reply --> place
 *   thread B    OWED --sees the claim--> waits until the page is there, by A's reply or by the push
 *
 * The handler may not fault itself, so all that it touches was touched before. Requests may overtake each other, so the source takes
 * each number once within a window. A reply carries its request's number, so each nonce is used once. A page is placed exactly once
 * (import.c). A thread whose connection is down waits, and asks again in the next epoch.
 */
#include <string.h>
#include "crypto/wipe.h"
#include "engine/state.h"

enum { REQUEST_PLAIN = 16, SPINS = 200, WAIT_NS = 20000, RETRY_NS = 1000000 };

static void touch(volatile void *what, size_t size)
{
	for (size_t i = 0; i < size; i += OM_PAGE_SIZE)
		(void)((volatile uint8_t *)what)[i];
}

void engine_postcopy_prepare(void)
{
	touch(engine_fault_buffers, sizeof engine_fault_buffers);
}

void engine_postcopy_prepare_source(void)
{
	touch(&engine_reply_buffer, sizeof engine_reply_buffer);
	touch(engine_buffers, engine.params.channels * sizeof *engine_buffers);
	touch(engine_rings, engine.params.channels * sizeof *engine_rings);
}

/* ---- destination ---- */

static RT_UNTRUSTED uint8_t *exception_data(void)
{
	return (RT_UNTRUSTED uint8_t *)rt_self()->exc_tbuf + OM_TBUF_DATA;
}

static long ask_host(uint64_t size, uint64_t wait_ns)
{
	const uint64_t arg[6] = { size, wait_ns };

	return rt_hostcall(OM_HC_URGENT_PAGE, 0, 0, arg);
}

/*
 * Seal the request into the exception's transfer buffer. Return: its size; 0 if the link is down, or if all pages have come meanwhile
 * and the program is moving on. In the latter case the streams are a source's, which replies with the requests' numbers.
 */
static size_t make_request(uint64_t page, uint32_t *ret_epoch, uint64_t *ret_sequence)
{
	struct mig_stream *out = &engine.conn[OM_CONNECTION_URGENT].out;
	uint8_t plain[REQUEST_PLAIN], frame[OM_FRAME_HEADER + REQUEST_PLAIN + OM_FRAME_TAG];
	struct om_put p;
	size_t size = 0;

	om_put_init(&p, plain, sizeof plain);
	om_put_u64(&p, page);
	om_put_zeros(&p, 8);
	rt_lock(&engine_urgent_lock);
	*ret_epoch = out->epoch;
	*ret_sequence = out->next;
	if (engine.role != OM_ROLE_DESTINATION || !engine_link_usable() || mig_stream_seal(out, OM_FRAME_REQUEST, 0, plain, sizeof plain, frame, &size))
		size = 0;
	rt_unlock(&engine_urgent_lock);
	if (size)
		rt_ub_put(exception_data(), frame, size);
	return size;
}

static struct engine_small_buffer *claim_buffer(uint32_t *ret_index)
{
	for (;;) {
		for (uint32_t i = 0; i < ENGINE_FAULT_BUFFERS; i++)
			if (!atomic_exchange_explicit(&engine.fault_buffer_busy[i], 1, memory_order_acquire)) {
				*ret_index = i;
				return &engine_fault_buffers[i];
			}
		__builtin_ia32_pause();
	}
}

/* The streams change when the link is resumed: work on a copy. A reply is made of whole words: rt/door.c. */
static int open_reply(const struct om_frame *frame, const uint8_t header[OM_FRAME_HEADER], const RT_UNTRUSTED void *payload,
	void *ret_plain)
{
	struct mig_stream in;
	int error;

	rt_lock(&engine_urgent_lock);
	in = engine.conn[OM_CONNECTION_URGENT].in;
	rt_unlock(&engine_urgent_lock);
	error = mig_stream_open_any(&in, frame, header, (const void *)payload, ret_plain);
	om_wipe(&in, sizeof in);
	return error;
}

static int take_reply(size_t size, uint32_t epoch, uint64_t sequence)
{
	uint8_t header[OM_FRAME_HEADER];
	struct om_frame frame;
	struct engine_runs runs;
	struct engine_small_buffer *buffer;
	const RT_UNTRUSTED uint8_t *data = exception_data();
	uint32_t index;
	int error;

	if (size < OM_FRAME_HEADER || size > OM_URGENT_FRAME_MAX)
		return OM_ETRUNCATED;
	rt_ub_get(header, data, sizeof header);
	error = om_frame_decode(header, &frame);
	if (error)
		return error;
	if (frame.kind != OM_FRAME_REPLY || frame.length != size - OM_FRAME_HEADER)
		return OM_ETYPE;
	if (frame.epoch != epoch || frame.sequence != sequence)
		return OM_ESEQ;
	buffer = claim_buffer(&index);
	error = open_reply(&frame, header, data + OM_FRAME_HEADER, buffer->head + sizeof buffer->head - frame.head);
	if (!error)
		error = engine_runs_decode(buffer->head + sizeof buffer->head - frame.head, frame.head,
			(frame.length - frame.head - OM_FRAME_TAG) / OM_PAGE_SIZE, &runs);
	if (!error)
		error = engine_runs_apply(&runs, buffer->pages);
	om_wipe(buffer->head + sizeof buffer->head - frame.head, frame.length - OM_FRAME_TAG);
	atomic_store_explicit(&engine.fault_buffer_busy[index], 0, memory_order_release);
	return error;
}

static void count_fault(int64_t start)
{
	int64_t took = engine_now() - start;
	uint64_t ns = took > 0 ? (uint64_t)took : 1;
	int bucket = 63 - __builtin_clzll(ns);

	atomic_fetch_add_explicit(&engine.faults, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.fault_ns, ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.fault_histogram[bucket < 32 ? bucket : 31], 1, memory_order_relaxed);
	engine_note_max(&engine.fault_max_ns, ns);
}

static bool still_owed(uint64_t page)
{
	enum rt_page_state state = RT_PAGE_STATE(engine_page_state(page));

	return state == RT_PAGE_OWED || state == RT_PAGE_ARRIVING;
}

/* Ask until the page is there. */
static void fetch(uint64_t page)
{
	while (still_owed(page)) {
		uint32_t epoch;
		uint64_t sequence;
		size_t size = make_request(page, &epoch, &sequence);
		long ret = size ? ask_host(size, 0) : -1;

		atomic_fetch_add_explicit(&engine.postcopy_requests, size != 0, memory_order_relaxed);
		/* A bad answer is the host's or the network's doing: ask again. */
		if (ret <= 0 || take_reply((size_t)ret, epoch, sequence))
			(void)ask_host(0, RETRY_NS);
	}
}

int engine_owed_fault(uint64_t address)
{
	uint64_t page = rt_page_index(address), nobody = 0;
	_Atomic uint64_t *claim = &engine.faulting[page * 0x9e3779b97f4a7c15u >> 58];
	int64_t start = engine_now();
	int spins = 0;

	while (still_owed(page)) {
		nobody = 0;
		if (atomic_compare_exchange_strong(claim, &nobody, page + 1)) {
			fetch(page);
			atomic_store(claim, 0);
		} else if (nobody != page + 1) {
			fetch(page);                   /* the place is taken by another page */
		} else if (++spins < SPINS) {
			__builtin_ia32_pause();
		} else {
			(void)ask_host(0, WAIT_NS);
		}
	}
	count_fault(start);
	return 0;
}

/* ---- source ---- */

/* The page asked for, and owed ones behind it in the same word that were not sent yet. */
static int build_reply(uint64_t page, struct om_run *ret_runs, uint32_t *ret_pages)
{
	int count = 0;

	*ret_pages = 0;
	for (uint64_t p = page; p / 64 == page / 64 && *ret_pages < OM_URGENT_PAGES_MAX; p++) {
		uint8_t *to = engine_reply_buffer.pages[*ret_pages];
		struct om_run *last = &ret_runs[count ? count - 1 : 0];
		uint8_t byte = engine_page_state(p);
		bool unsent;

		if (p >= engine.facts.tracked_limit || !engine_set_has(&engine_owed, p))
			break;
		unsent = engine_set_remove(&engine_todo, p);
		if (p != page && !unsent)
			break;
		/* Acknowledged and released since: whoever asks has it. Else this host took the page, and without it there
		 * is no answer. */
		if (!rt_mem_copy_out(to, p)) {
			if (engine_set_has(&engine_owed, p))
				return OM_EINTERNAL;
			break;
		}
		if (count && last->state == byte) {
			last->count++;
		} else {
			ret_runs[count++] = (struct om_run) { .first = p, .count = 1, .type = OM_RUN_CONTENT, .state = byte };
		}
		(*ret_pages)++;
	}
	return count;
}

static int open_request(const RT_UNTRUSTED uint8_t *data, size_t size, struct om_frame *ret_frame, uint64_t *ret_page)
{
	uint8_t header[OM_FRAME_HEADER], sealed[REQUEST_PLAIN + OM_FRAME_TAG], plain[REQUEST_PLAIN];
	struct om_get g;
	int error;

	if (size != OM_FRAME_HEADER + REQUEST_PLAIN + OM_FRAME_TAG)
		return OM_ETRUNCATED;
	rt_ub_get(header, data, sizeof header);
	error = om_frame_decode(header, ret_frame);
	if (!error && (ret_frame->kind != OM_FRAME_REQUEST || ret_frame->length != REQUEST_PLAIN + OM_FRAME_TAG))
		error = OM_ETYPE;
	if (!error) {
		rt_ub_get(sealed, data + OM_FRAME_HEADER, sizeof sealed);
		error = mig_stream_open_any(&engine.conn[OM_CONNECTION_URGENT].in, ret_frame, header, sealed, plain);
	}
	if (!error)
		error = mig_window_take(&engine.requests, ret_frame->sequence);
	if (error)
		return error;
	om_get_init(&g, plain, sizeof plain);
	*ret_page = om_get_u64(&g);
	om_get_zeros(&g, 8);
	error = om_get_end(&g);
	return error ? error : *ret_page < engine.facts.tracked_limit ? 0 : OM_EOVERFLOW;
}

long engine_postcopy_answer(RT_UNTRUSTED uint8_t *data, size_t size)
{
	struct engine_connection *c = &engine.conn[OM_CONNECTION_URGENT];
	struct om_run runs[OM_URGENT_PAGES_MAX];
	struct om_frame request;
	struct om_put p;
	uint64_t page;
	uint32_t pages;
	uint8_t *plain;
	size_t head;
	int error, count;

	/* COMMITTED: the request may overtake STARTED, on another connection; it proves as much. */
	if (!engine_link_usable() || engine.role != OM_ROLE_SOURCE ||
	    (engine.source != MIG_SOURCE_POSTCOPY && engine.source != MIG_SOURCE_COMMITTED))
		return OM_ESTATE;
	error = open_request(data, size, &request, &page);
	if (error)
		return error;
	atomic_fetch_or_explicit(&engine_buffers_used, ENGINE_REPLY_BUFFER_USED, memory_order_relaxed);
	count = build_reply(page, runs, &pages);
	if (count < 0)
		return count;
	if (count == 0)                        /* acknowledged before: the asker has it already */
		runs[count++] = (struct om_run) { .first = page, .count = 1, .type = OM_RUN_OWED, .state = RT_PAGE_ACCEPTED };
	head = (size_t)count * OM_RUN_SIZE;
	plain = engine_reply_buffer.head + sizeof engine_reply_buffer.head - head;
	om_put_init(&p, plain, head);
	for (int i = 0; i < count; i++)
		om_run_put(&p, &runs[i]);
	error = mig_stream_seal_at(&c->out, request.sequence, OM_FRAME_REPLY, (uint16_t)head, plain,
		head + (size_t)pages * OM_PAGE_SIZE, (void *)data, &size);
	if (error)
		return error;
	atomic_fetch_add_explicit(&engine.postcopy_requests, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.normal_pages, pages, memory_order_relaxed);
	atomic_fetch_add_explicit(&engine.bytes_sent, size, memory_order_relaxed);
	atomic_store_explicit(&engine.conn[OM_CONNECTION_PAGES + engine_channel_of(page / 64)].hint, page / 64 + 1, memory_order_relaxed);
	return (long)size;
}
