/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header for the drawing. Two tables hold every transition there is; what is not listed is refused and changes
 * nothing. Keeping them as data lets the tests walk all pairs and compare them with the model.
 *
 * Two rules need no row each, and come first. A final state ignores CANCEL, ABORT, FAIL and LOST, because the frames that report
 * the end may cross. A source that has committed treats FAIL as LOST, because nothing short of the abort token tells
 * the source that the destination does not run.
 */
#include <stddef.h>
#include "mig/session.h"

struct row { uint8_t state, event, next; uint32_t actions; };

#define S(from, event, to, actions) { MIG_SOURCE_##from, MIG_ON_##event, MIG_SOURCE_##to, actions }
#define ENDS(from, again) \
	S(from, CANCEL, CANCELLED, MIG_DO_SEND_CANCEL | (again) | MIG_DO_WIPE), \
	S(from, FAIL, FAILED, MIG_DO_SEND_CANCEL | (again) | MIG_DO_WIPE), \
	S(from, ABORT, FAILED, (again) | MIG_DO_SEND_FINISH | MIG_DO_WIPE)
static const struct row source_rows[] = {
	S(IDLE, BEGIN, HANDSHAKE, MIG_DO_SEND_NOISE),
	S(HANDSHAKE, NOISE, ATTEST, MIG_DO_SEND_QUOTE),
	S(ATTEST, PEER_OK, SETUP, MIG_DO_SEND_PARAMS),
	S(SETUP, READY, ROUNDS, MIG_DO_ROUNDS),
	S(ROUNDS, STOP, STOPPING, MIG_DO_STOP_APP),
	S(STOPPING, PARKED, FINAL, MIG_DO_FREEZE),
	S(FINAL, SENT, AWAIT_PREPARED, MIG_DO_SEND_COMPLETE),
	S(AWAIT_PREPARED, PREPARED, COMMITTED, MIG_DO_SEND_START),
	S(COMMITTED, STARTED, POSTCOPY, MIG_DO_HAND_OVER),
	S(COMMITTED, ABORT, ABORTED, MIG_DO_RESUME_APP | MIG_DO_SEND_FINISH | MIG_DO_WIPE),
	S(POSTCOPY, PLACED, DONE, MIG_DO_SEND_FINISH | MIG_DO_WIPE),
	ENDS(HANDSHAKE, 0), ENDS(ATTEST, 0), ENDS(SETUP, 0), ENDS(ROUNDS, 0),
	ENDS(STOPPING, MIG_DO_RESUME_APP), ENDS(FINAL, MIG_DO_RESUME_APP), ENDS(AWAIT_PREPARED, MIG_DO_RESUME_APP),
	S(HANDSHAKE, LOST, FAILED, MIG_DO_WIPE),
	S(ATTEST, LOST, FAILED, MIG_DO_WIPE),
	S(SETUP, LOST, FAILED, MIG_DO_WIPE),
	S(ROUNDS, LOST, ROUNDS, MIG_DO_WAIT_LINK),
	S(STOPPING, LOST, FAILED, MIG_DO_RESUME_APP | MIG_DO_WIPE),
	S(FINAL, LOST, FAILED, MIG_DO_RESUME_APP | MIG_DO_WIPE),
	S(AWAIT_PREPARED, LOST, FAILED, MIG_DO_RESUME_APP | MIG_DO_WIPE),
	S(COMMITTED, LOST, COMMITTED, MIG_DO_WAIT_LINK),
	S(POSTCOPY, LOST, POSTCOPY, MIG_DO_WAIT_LINK),
};
#undef ENDS
#undef S

#define T(from, event, to, actions) { MIG_DESTINATION_##from, MIG_ON_##event, MIG_DESTINATION_##to, actions }
#define ENDS(from, then) \
	T(from, CANCEL, ABORTED, MIG_DO_WIPE), \
	T(from, ABORT, ABORTED, MIG_DO_SEND_ABORT | (then)), \
	T(from, FAIL, ABORTED, MIG_DO_SEND_ABORT | (then))
static const struct row destination_rows[] = {
	T(AWAIT, BEGIN, HANDSHAKE, 0),
	T(HANDSHAKE, NOISE, ATTEST, MIG_DO_SEND_NOISE | MIG_DO_SEND_QUOTE),
	T(ATTEST, PEER_OK, SETUP, 0),
	T(SETUP, PARAMS, RECEIVING, MIG_DO_SEND_READY),
	T(RECEIVING, ARRIVED, BUILDING, MIG_DO_REBUILD),
	T(BUILDING, BUILT, PREPARED, MIG_DO_SEND_PREPARED),
	T(PREPARED, START, RUNNING, MIG_DO_RUN | MIG_DO_SEND_STARTED),
	T(RUNNING, PLACED, COMPLETE, MIG_DO_SEND_PLACED | MIG_DO_ANSWER),
	ENDS(AWAIT, MIG_DO_WIPE), ENDS(HANDSHAKE, MIG_DO_WIPE), ENDS(ATTEST, MIG_DO_WIPE), ENDS(SETUP, MIG_DO_WIPE),
	ENDS(RECEIVING, MIG_DO_WIPE), ENDS(BUILDING, MIG_DO_WIPE),
	/* PREPARED may have been heard: then only the abort lets the source run on. */
	ENDS(PREPARED, MIG_DO_ANSWER),
	T(HANDSHAKE, LOST, ABORTED, MIG_DO_WIPE),
	T(ATTEST, LOST, ABORTED, MIG_DO_WIPE),
	T(SETUP, LOST, ABORTED, MIG_DO_WIPE),
	T(RECEIVING, LOST, RECEIVING, MIG_DO_WAIT_LINK),
	T(BUILDING, LOST, BUILDING, MIG_DO_WAIT_LINK),
	T(PREPARED, LOST, PREPARED, MIG_DO_WAIT_LINK),
	T(RUNNING, LOST, RUNNING, MIG_DO_WAIT_LINK),
	T(RUNNING, FAIL, RUNNING, MIG_DO_WAIT_LINK),
};
#undef ENDS
#undef T

static const struct row *find(const struct row *rows, size_t count, unsigned state, unsigned event)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].state == state && rows[i].event == event)
			return &rows[i];
	return NULL;
}

static bool is_end(enum mig_event event)
{
	return event == MIG_ON_CANCEL || event == MIG_ON_ABORT || event == MIG_ON_FAIL || event == MIG_ON_LOST;
}

int mig_source_step(enum mig_source_state state, enum mig_event event, enum mig_source_state *ret_next, uint32_t *ret_actions)
{
	const struct row *row;

	if (mig_source_over(state) && is_end(event)) {
		*ret_next = state;
		*ret_actions = 0;
		return 0;
	}
	if (event == MIG_ON_FAIL && (state == MIG_SOURCE_COMMITTED || state == MIG_SOURCE_POSTCOPY))
		event = MIG_ON_LOST;
	row = find(source_rows, sizeof source_rows / sizeof *source_rows, state, event);
	if (!row)
		return OM_ESTATE;
	*ret_next = (enum mig_source_state)row->next;
	*ret_actions = row->actions;
	return 0;
}

int mig_destination_step(enum mig_destination_state state, enum mig_event event, enum mig_destination_state *ret_next, uint32_t *ret_actions)
{
	const struct row *row;

	if (mig_destination_over(state) && is_end(event)) {
		*ret_next = state;
		*ret_actions = 0;
		return 0;
	}
	row = find(destination_rows, sizeof destination_rows / sizeof *destination_rows, state, event);
	if (!row)
		return OM_ESTATE;
	*ret_next = (enum mig_destination_state)row->next;
	*ret_actions = row->actions;
	return 0;
}

bool mig_source_may_run(enum mig_source_state state)
{
	return state <= MIG_SOURCE_ROUNDS || state == MIG_SOURCE_CANCELLED || state == MIG_SOURCE_FAILED ||
		state == MIG_SOURCE_ABORTED;
}

bool mig_destination_may_run(enum mig_destination_state state)
{
	return state == MIG_DESTINATION_RUNNING || state == MIG_DESTINATION_COMPLETE;
}

bool mig_source_over(enum mig_source_state state)
{
	return state >= MIG_SOURCE_DONE;
}

bool mig_destination_over(enum mig_destination_state state)
{
	return state >= MIG_DESTINATION_COMPLETE;
}

bool mig_source_heeds(enum mig_source_state state, enum mig_command command)
{
	switch (command) {
	case MIG_COMMAND_CANCEL:   return state > MIG_SOURCE_IDLE && state < MIG_SOURCE_COMMITTED;
	case MIG_COMMAND_POSTCOPY: return state > MIG_SOURCE_IDLE && state <= MIG_SOURCE_ROUNDS;
	default:                   return false;
	}
}

bool mig_destination_heeds(enum mig_destination_state state, enum mig_command command)
{
	switch (command) {
	case MIG_COMMAND_ABORT:  return !mig_destination_may_run(state);
	case MIG_COMMAND_FORGET: return mig_destination_over(state);
	default:                 return false;
	}
}

int mig_source_settle(enum mig_source_state state, enum mig_destination_state peer, enum mig_event *ret_event, uint32_t *ret_actions)
{
	enum mig_event event = MIG_EVENT_COUNT;
	uint32_t actions = 0;

	if (peer == MIG_DESTINATION_ABORTED)
		event = MIG_ON_ABORT;
	else if (state == MIG_SOURCE_ROUNDS && peer == MIG_DESTINATION_RECEIVING)
		actions = MIG_DO_ROUNDS;
	else if (state == MIG_SOURCE_COMMITTED && peer == MIG_DESTINATION_PREPARED)
		actions = MIG_DO_SEND_START;
	else if (state == MIG_SOURCE_COMMITTED && mig_destination_may_run(peer))
		event = MIG_ON_STARTED;
	else if (state == MIG_SOURCE_POSTCOPY && peer == MIG_DESTINATION_COMPLETE)
		event = MIG_ON_PLACED;
	else if (!(state == MIG_SOURCE_POSTCOPY && peer == MIG_DESTINATION_RUNNING))
		return OM_ESTATE;
	/* A destination that runs can never say ABORTED with these keys: believing it would make two. */
	if (event == MIG_ON_ABORT && state == MIG_SOURCE_POSTCOPY)
		return OM_ESTATE;
	*ret_event = event;
	*ret_actions = actions;
	return 0;
}

int mig_destination_settle(enum mig_destination_state state, enum mig_source_state peer, enum mig_event *ret_event, uint32_t *ret_actions)
{
	bool committed = peer == MIG_SOURCE_COMMITTED || peer == MIG_SOURCE_POSTCOPY;

	*ret_event = MIG_EVENT_COUNT;
	*ret_actions = 0;
	switch (state) {
	case MIG_DESTINATION_RECEIVING:
		return peer == MIG_SOURCE_ROUNDS ? 0 : OM_ESTATE;
	case MIG_DESTINATION_PREPARED:
		return peer == MIG_SOURCE_COMMITTED ? 0 : OM_ESTATE;   /* START comes again */
	case MIG_DESTINATION_RUNNING:
		return committed ? 0 : OM_ESTATE;
	case MIG_DESTINATION_COMPLETE:
		return committed ? 0 : OM_ESTATE;
	case MIG_DESTINATION_ABORTED:
		return 0;                                              /* the RESUME frame itself is the abort token */
	default:
		return OM_ESTATE;
	}
}

const char *mig_source_state_name(enum mig_source_state state)
{
	static const char *const names[] = {
#define X(name) #name,
		MIG_SOURCE_STATES(X)
#undef X
	};
	return state < MIG_SOURCE_STATE_COUNT ? names[state] : "?";
}

const char *mig_destination_state_name(enum mig_destination_state state)
{
	static const char *const names[] = {
#define X(name) #name,
		MIG_DESTINATION_STATES(X)
#undef X
	};
	return state < MIG_DESTINATION_STATE_COUNT ? names[state] : "?";
}
