/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two session machines of a migration, without I/O: events in, next state and actions out. What they decide is
 * who may run. The engine (trusted/engine), the unit tests, the fuzzer and the model in docs/spec share these states.
 *
 *  SOURCE                                              DESTINATION
 *
 *  IDLE ──begin──▶ HANDSHAKE                           AWAIT ──begin──▶ HANDSHAKE
 *  HANDSHAKE ──noise──▶ ATTEST                         HANDSHAKE ──noise──▶ ATTEST
 *  ATTEST ──peer ok──▶ SETUP                           ATTEST ──peer ok──▶ SETUP
 *  SETUP ──ready──▶ ROUNDS                             SETUP ──params──▶ RECEIVING
 *  ROUNDS ──stop──▶ STOPPING                           RECEIVING ──complete──▶ BUILDING
 *  STOPPING ──parked──▶ FINAL                          BUILDING ──built──▶ PREPARED
 *  FINAL ──sent──▶ AWAIT_PREPARED                      PREPARED ──START──▶ RUNNING          (runs from here on)
 *  AWAIT_PREPARED ──prepared──▶ COMMITTED   (START)    RUNNING ──placed──▶ COMPLETE
 *  COMMITTED ──started──▶ POSTCOPY
 *  POSTCOPY ──placed──▶ DONE                           any before RUNNING ──fail, cancel, abort──▶ ABORTED
 *  COMMITTED ──ABORT token──▶ ABORTED   (runs on)
 *
 *  any of BEGIN .. AWAIT_PREPARED ──cancel──▶ CANCELLED, ──fail, abort, lost*──▶ FAILED   (runs on)
 *
 *  * a lost connection in ROUNDS, and from COMMITTED on, is waited out and resumed; elsewhere it is a failure.
 *    The destination waits from RECEIVING on.
 *
 * Who may run the application: the source in IDLE .. ROUNDS, CANCELLED, FAILED, ABORTED; the destination in RUNNING,
 * COMPLETE. START is emitted on the one edge into COMMITTED. From there on one event alone leads the source back: the
 * authenticated ABORT of a destination that can never start. A destination repeats its last word, PLACED or an abort after
 * PREPARED, until the source has acknowledged it (link.h).
 *
 * Final states: CANCELLED, FAILED, ABORTED, DONE; ABORTED, COMPLETE. A source in DONE and a destination in any state but AWAIT
 * refuse a new session of that kind for ever.
 */
#ifndef OPTMIG_CORE_MIG_SESSION_H
#define OPTMIG_CORE_MIG_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include "errors.h"

#define MIG_SOURCE_STATES(X) \
	X(IDLE) X(HANDSHAKE) X(ATTEST) X(SETUP) X(ROUNDS) X(STOPPING) X(FINAL) X(AWAIT_PREPARED) X(COMMITTED) X(POSTCOPY) \
	X(DONE) X(CANCELLED) X(FAILED) X(ABORTED)
#define MIG_DESTINATION_STATES(X) \
	X(AWAIT) X(HANDSHAKE) X(ATTEST) X(SETUP) X(RECEIVING) X(BUILDING) X(PREPARED) X(RUNNING) X(COMPLETE) X(ABORTED)
#define MIG_EVENTS(X) \
	X(BEGIN)     /* the host asks for a session */ \
	X(NOISE)     /* the peer's handshake message was taken */ \
	X(PEER_OK)   /* the peer's quote satisfies identity and policy */ \
	X(PARAMS)    /* destination: parameters can be met */ \
	X(READY)     /* source: the destination says so */ \
	X(STOP)      /* source: decision to stop the program */ \
	X(PARKED)    /* source: all application threads are stopped */ \
	X(SENT)      /* source: all of the final phase has been handed out */ \
	X(ARRIVED)   /* destination: COMPLETE and every frame it counts are here */ \
	X(BUILT)     /* destination: host state rebuilt */ \
	X(PREPARED)  /* source: the destination's message */ \
	X(START)     /* destination: the start token */ \
	X(STARTED)   /* source: the destination runs */ \
	X(PLACED)    /* no page is owed any more (destination: observed; source: message) */ \
	X(CANCEL)    /* source: by command; destination: the source's message */ \
	X(ABORT)     /* source: the abort token; destination: by command */ \
	X(FAIL)      /* anything that cannot go on: bad frame, refused identity, host state */ \
	X(LOST)      /* the transport is gone */

enum mig_source_state {
#define X(name) MIG_SOURCE_##name,
	MIG_SOURCE_STATES(X)
#undef X
	MIG_SOURCE_STATE_COUNT
};
enum mig_destination_state {
#define X(name) MIG_DESTINATION_##name,
	MIG_DESTINATION_STATES(X)
#undef X
	MIG_DESTINATION_STATE_COUNT
};
enum mig_event {
#define X(name) MIG_ON_##name,
	MIG_EVENTS(X)
#undef X
	MIG_EVENT_COUNT
};

/* What the caller must do, at once and in this order, after a transition. */
#define MIG_DO_SEND_NOISE    0x0001u
#define MIG_DO_SEND_QUOTE    0x0002u
#define MIG_DO_SEND_PARAMS   0x0004u
#define MIG_DO_SEND_READY    0x0008u
#define MIG_DO_ROUNDS        0x0010u  /* begin round 0 */
#define MIG_DO_STOP_APP      0x0020u
#define MIG_DO_FREEZE        0x0040u  /* save time and host state, begin the final pass */
#define MIG_DO_SEND_COMPLETE 0x0080u
#define MIG_DO_REBUILD       0x0100u
#define MIG_DO_SEND_PREPARED 0x0200u
#define MIG_DO_SEND_START    0x0400u
#define MIG_DO_RUN           0x0800u  /* destination: claim the host side, restore time, resume all threads */
#define MIG_DO_SEND_STARTED  0x1000u
#define MIG_DO_SEND_PLACED   0x2000u
#define MIG_DO_SEND_FINISH   0x4000u
#define MIG_DO_SEND_CANCEL   0x8000u
#define MIG_DO_SEND_ABORT    0x10000u
#define MIG_DO_RESUME_APP    0x20000u /* source: thaw what was frozen, let the threads run on */
#define MIG_DO_WAIT_LINK     0x40000u /* the connection will be made anew */
#define MIG_DO_WIPE          0x80000u /* after the frames above are handed out: destroy the session's keys */
#define MIG_DO_ANSWER        0x200000u /* destination: its last word is said until the source acknowledges it */
#define MIG_DO_HAND_OVER     0x100000u /* source: let go of the host side, push what is owed */

/* Each returns 0 and sets *ret_next and *ret_actions, or OM_ESTATE: the event means nothing in this state. */
__attribute__((warn_unused_result))
int mig_source_step(enum mig_source_state state, enum mig_event event, enum mig_source_state *ret_next, uint32_t *ret_actions);
/* The same for the destination. */
__attribute__((warn_unused_result))
int mig_destination_step(enum mig_destination_state state, enum mig_event event, enum mig_destination_state *ret_next, uint32_t *ret_actions);

/* May application code run here? */
bool mig_source_may_run(enum mig_source_state state);
/* The same for the destination: true in RUNNING and COMPLETE. */
bool mig_destination_may_run(enum mig_destination_state state);
/* Has the session ended for good? */
bool mig_source_over(enum mig_source_state state);
/* The same for the destination: COMPLETE, ABORTED. */
bool mig_destination_over(enum mig_destination_state state);

/*
 * What hosts ask of a session that is under way (OM_COMMAND_* of abi/engine.h). Whoever owns the control connection carries a command out, and
 * the state may be another one by then. So a command is judged when it is given and again when it is taken up. A command that has come
 * too late is dropped, and changes nothing.
 */
#define MIG_COMMANDS(X) \
	X(CANCEL)    /* source: the program is to stay here */ \
	X(POSTCOPY)  /* source: what has not been sent is owed */ \
	X(ABORT)     /* destination: it does not want the program */ \
	X(FORGET)    /* destination: it waits no longer for the source to hear its last word */

enum mig_command {
#define X(name) MIG_COMMAND_##name,
	MIG_COMMANDS(X)
#undef X
	MIG_COMMAND_COUNT
};
/* Would a source in that state act upon the command? False: it is refused when it is given, dropped when it is taken up. */
bool mig_source_heeds(enum mig_source_state state, enum mig_command command);
/* The same for a destination. */
bool mig_destination_heeds(enum mig_destination_state state, enum mig_command command);

/*
 * After a reconnection each side has learned the other's state (an authenticated RESUME frame) and both settle what the
 * lost messages were. Gives the event to feed into the own machine, or MIG_EVENT_COUNT for none, and in *ret_actions
 * frames to send again.
 * Return: OM_ESTATE if the two states cannot occur together (the session fails, or the source waits on).
 */
__attribute__((warn_unused_result))
int mig_source_settle(enum mig_source_state state, enum mig_destination_state peer, enum mig_event *ret_event, uint32_t *ret_actions);
/* The same for the destination, of which `peer` is the source. */
__attribute__((warn_unused_result))
int mig_destination_settle(enum mig_destination_state state, enum mig_source_state peer, enum mig_event *ret_event, uint32_t *ret_actions);

/* The state's name as it is written above, "?" for a number that is none. Static. */
const char *mig_source_state_name(enum mig_source_state state);
/* The same for the destination's. */
const char *mig_destination_state_name(enum mig_destination_state state);

#endif
