/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both session machines and a network between them that loses, repeats and reorders, driven by the input: each byte is a
 * step of the adversary. Property: never two that may run; and a source that has committed runs again only if its
 * destination has given up. The destination's link goes along, as the engine drives it: it is gone, with all keys, only
 * when no source needs it any more.
 *
 * Messages stand in sets, as in docs/spec/handover.pml: once sent they may arrive at any time, any number of times,
 * within their epoch's limits, which here are none: the machines must hold without the streams' protection.
 */
#include "fuzz.h"
#include "mig/link.h"
#include "mig/session.h"

static enum mig_source_state source;
static enum mig_destination_state destination;
static uint32_t sent;                 /* MIG_DO_SEND_* of both sides */
static enum mig_link_state link;      /* the destination's, once there are keys */

static void feed_link(enum mig_link_event event)
{
	enum mig_link_state next;
	uint32_t actions;

	if (mig_link_step(link, event, &next, &actions))
		return;
	PROPERTY(!(actions & MIG_LINK_DO_OPEN) || next == MIG_LINK_UP);
	PROPERTY(!mig_link_is_open(link) || mig_link_is_open(next) || actions & MIG_LINK_DO_SHUT);
	PROPERTY(mig_link_has_secret(next) || !mig_link_has_secret(link) || actions & MIG_LINK_DO_FORGET);
	link = next;
}

static void feed_source(enum mig_event event)
{
	enum mig_source_state next;
	uint32_t actions;

	if (mig_source_step(source, event, &next, &actions))
		return;
	PROPERTY(!(actions & MIG_DO_SEND_START) || (source == MIG_SOURCE_AWAIT_PREPARED && next == MIG_SOURCE_COMMITTED));
	if (!mig_source_may_run(source) && mig_source_may_run(next) && source >= MIG_SOURCE_COMMITTED)
		PROPERTY(event == MIG_ON_ABORT && destination == MIG_DESTINATION_ABORTED);
	source = next;
	sent |= actions;
}

static void feed_destination(enum mig_event event)
{
	enum mig_destination_state next;
	uint32_t actions;

	if (mig_destination_step(destination, event, &next, &actions))
		return;
	PROPERTY(destination != MIG_DESTINATION_ABORTED || next == MIG_DESTINATION_ABORTED);
	PROPERTY(!mig_destination_may_run(destination) || mig_destination_may_run(next));
	destination = next;
	sent |= actions;
	if (actions & MIG_DO_WAIT_LINK)
		feed_link(MIG_LINK_ON_LOST);
	if (actions & MIG_DO_ANSWER)
		feed_link(MIG_LINK_ON_UNHEARD);
	if (actions & MIG_DO_WIPE)
		feed_link(MIG_LINK_ON_END);
	/* A source that has committed, or may yet, finds somebody to ask, whatever was lost. */
	PROPERTY(!(source == MIG_SOURCE_COMMITTED || source == MIG_SOURCE_POSTCOPY) || mig_link_has_secret(link) ||
		sent & MIG_DO_SEND_CANCEL);
}

/* Messages: delivered only if they were ever sent. */
static void deliver(unsigned which)
{
	static const struct { uint32_t sent; bool to_source; enum mig_event event; } messages[] = {
		{ MIG_DO_SEND_NOISE, false, MIG_ON_NOISE }, { MIG_DO_SEND_NOISE, true, MIG_ON_NOISE },
		{ MIG_DO_SEND_QUOTE, false, MIG_ON_PEER_OK }, { MIG_DO_SEND_QUOTE, true, MIG_ON_PEER_OK },
		{ MIG_DO_SEND_PARAMS, false, MIG_ON_PARAMS }, { MIG_DO_SEND_READY, true, MIG_ON_READY },
		{ MIG_DO_SEND_COMPLETE, false, MIG_ON_ARRIVED }, { MIG_DO_SEND_PREPARED, true, MIG_ON_PREPARED },
		{ MIG_DO_SEND_START, false, MIG_ON_START }, { MIG_DO_SEND_STARTED, true, MIG_ON_STARTED },
		{ MIG_DO_SEND_PLACED, true, MIG_ON_PLACED }, { MIG_DO_SEND_CANCEL, false, MIG_ON_CANCEL },
		{ MIG_DO_SEND_ABORT, true, MIG_ON_ABORT },
	};
	static const unsigned count = sizeof messages / sizeof *messages;
	unsigned i = which % (count + 1);

	if (i == count) {
		if (sent & MIG_DO_SEND_FINISH && mig_destination_over(destination))
			feed_link(MIG_LINK_ON_HEARD);
		return;
	}
	if (!(sent & messages[i].sent))
		return;
	if (messages[i].to_source)
		feed_source(messages[i].event);
	else
		feed_destination(messages[i].event);
}

static void settle(void)
{
	static const enum mig_link_event events[] = { MIG_LINK_ON_LOST, MIG_LINK_ON_CONNECTED, MIG_LINK_ON_RESUMED };

	enum mig_event for_source, for_destination;
	uint32_t source_actions, destination_actions;
	int source_error = mig_source_settle(source, destination, &for_source, &source_actions);
	int destination_error = mig_destination_settle(destination, source, &for_destination, &destination_actions);

	for (unsigned i = 0; i < sizeof events / sizeof *events; i++)
		feed_link(events[i]);
	if (mig_destination_over(destination))
		feed_link(MIG_LINK_ON_UNHEARD);
	if (!source_error) {
		sent |= source_actions;
		if (for_source != MIG_EVENT_COUNT)
			feed_source(for_source);
	}
	if (!destination_error) {
		sent |= destination_actions;
		if (for_destination != MIG_EVENT_COUNT)
			feed_destination(for_destination);
	}
}

/* What each side observes or is told by its own host, at any time. */
static void local(unsigned which)
{
	static const enum mig_event source_events[] = { MIG_ON_BEGIN, MIG_ON_STOP, MIG_ON_PARKED, MIG_ON_SENT, MIG_ON_CANCEL,
		MIG_ON_FAIL, MIG_ON_LOST };
	static const enum mig_event destination_events[] = { MIG_ON_BEGIN, MIG_ON_BUILT, MIG_ON_PLACED, MIG_ON_ABORT, MIG_ON_FAIL,
		MIG_ON_LOST };
	unsigned s = sizeof source_events / sizeof *source_events, t = sizeof destination_events / sizeof *destination_events;

	which %= s + t;
	if (which < s)
		feed_source(source_events[which]);
	else
		feed_destination(destination_events[which - s]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source = MIG_SOURCE_IDLE;
	destination = MIG_DESTINATION_AWAIT;
	sent = 0;
	link = MIG_LINK_GONE;
	feed_link(MIG_LINK_ON_BEGIN);
	feed_link(MIG_LINK_ON_KEYS);
	for (size_t i = 0; i < size; i++) {
		if (data[i] < 128)
			deliver(data[i]);
		else if (data[i] < 248)
			local(data[i]);
		else
			settle();
		PROPERTY(!(mig_source_may_run(source) && mig_destination_may_run(destination)));
	}
	return 0;
}
