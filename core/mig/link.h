/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link of a session as a machine, without I/O: is there a transport, are there keys, must somebody still be answered.
 * It is the third machine of a migration, beside the two of session.h: those decide who may run, this one decides when
 * a side may forget the other. The engine (trusted/engine), the unit tests, the fuzzer and the model in docs/spec share it.
 *
 *   GONE ──begin──▶ NEW ──keys──▶ UP ◀──resumed── RESUMING ◀──connected── DOWN
 *                                 │                  │ lost                 ▲
 *                                 ├──────lost────────┴──────────────────────┤
 *                                 │                                         │ lost
 *                                 ├──unheard──▶ ANSWERING ──────────────────┘
 *                                 │                 └──heard──▶ GONE
 *                                 └──end──▶ CLOSING ──flushed, lost──▶ GONE
 *
 *   NEW ──lost, end──▶ GONE       DOWN, RESUMING ──end, heard──▶ GONE       DOWN, RESUMING ──unheard──▶ the same
 *
 *   GONE       no keys: the session is over (or there never was one), and nobody is answered
 *   NEW        a handshake's messages, no keys yet; cannot be resumed
 *   UP         the streams of an epoch are open
 *   DOWN       the transport is lost, and shall be made anew
 *   RESUMING   the transport is there; each side has yet to learn the other's state
 *   ANSWERING  up, and the session is over here, but the other side may be waiting for our last word (an abort after
 *              PREPARED, or PLACED): it is said again after every resumption, until it is acknowledged (FINISH) or the
 *              user ends the wait
 *   CLOSING    up, and the session is over for both: what is queued leaves, then the keys are destroyed
 *
 * An abort or PLACED while the link is DOWN or RESUMING leaves the link's state as it is. The next resumption leads to UP, and from
 * there "unheard" leads on to ANSWERING.
 */
#ifndef OPTMIG_CORE_MIG_LINK_H
#define OPTMIG_CORE_MIG_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "errors.h"

#define MIG_LINK_STATES(X) X(GONE) X(NEW) X(UP) X(DOWN) X(RESUMING) X(ANSWERING) X(CLOSING)
#define MIG_LINK_EVENTS(X) \
	X(BEGIN)     /* of a session */ \
	X(KEYS)      /* the handshake is done */ \
	X(LOST)      /* the transport is gone, or cannot be trusted any more */ \
	X(CONNECTED) /* the host has made new connections */ \
	X(RESUMED)   /* both RESUME frames of an epoch are known here */ \
	X(UNHEARD)   /* the session is over here; the other side must learn it */ \
	X(END)       /* the session is over, and nobody waits for a word of ours */ \
	X(HEARD)     /* our last word is acknowledged, or the user waits no longer */ \
	X(FLUSHED)   /* nothing is left to be sent */

enum mig_link_state {
#define X(name) MIG_LINK_##name,
	MIG_LINK_STATES(X)
#undef X
	MIG_LINK_STATE_COUNT
};
enum mig_link_event {
#define X(name) MIG_LINK_ON_##name,
	MIG_LINK_EVENTS(X)
#undef X
	MIG_LINK_EVENT_COUNT
};

/* What the caller must do, OPEN before the state is entered, the others at once afterwards. */
#define MIG_LINK_DO_OPEN    1u   /* open the streams of the epoch */
#define MIG_LINK_DO_SHUT    2u   /* wipe the streams, drop what was to be sent */
#define MIG_LINK_DO_RESUME  4u   /* the source begins the next epoch and sends RESUME */
#define MIG_LINK_DO_FORGET  8u   /* wipe the session's secret: no resumption from here on */

/* Return: 0 and *ret_next, *ret_actions, or OM_ESTATE: the event means nothing in this state. */
__attribute__((warn_unused_result))
int mig_link_step(enum mig_link_state state, enum mig_link_event event, enum mig_link_state *ret_next, uint32_t *ret_actions);

/* May frames be sealed and opened with the epoch's streams? */
bool mig_link_is_open(enum mig_link_state state);
/* Is there a secret to resume with? */
bool mig_link_has_secret(enum mig_link_state state);
/* Lost, and not settled again. */
bool mig_link_is_lost(enum mig_link_state state);
/* As in the list; "?" for what is no state. Never NULL. */
const char *mig_link_state_name(enum mig_link_state state);

#endif
