/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header for the drawing. One table holds every transition there is; what is not listed is refused and changes
 * nothing. Each way into GONE wipes whatever there is.
 */
#include <stddef.h>
#include "mig/link.h"

#define WIPE (MIG_LINK_DO_SHUT | MIG_LINK_DO_FORGET)

static const struct row { uint8_t state, event, next, actions; } rows[] = {
#define L(from, event, to, actions) { MIG_LINK_##from, MIG_LINK_ON_##event, MIG_LINK_##to, actions }
	L(GONE, BEGIN, NEW, 0),
	L(NEW, KEYS, UP, MIG_LINK_DO_OPEN),
	L(UP, LOST, DOWN, MIG_LINK_DO_SHUT),
	L(DOWN, CONNECTED, RESUMING, MIG_LINK_DO_RESUME),
	L(RESUMING, RESUMED, UP, MIG_LINK_DO_OPEN),
	L(RESUMING, LOST, DOWN, MIG_LINK_DO_SHUT),     /* once more */
	L(DOWN, LOST, DOWN, 0),
	/* The session is over here, and the other side does not know. */
	L(UP, UNHEARD, ANSWERING, 0),
	L(DOWN, UNHEARD, DOWN, 0),
	L(RESUMING, UNHEARD, RESUMING, 0),
	L(ANSWERING, LOST, DOWN, MIG_LINK_DO_SHUT),
	L(ANSWERING, HEARD, GONE, WIPE),
	L(DOWN, HEARD, GONE, WIPE),
	L(RESUMING, HEARD, GONE, WIPE),
	/* It is over for both. */
	L(UP, END, CLOSING, 0),
	L(NEW, END, GONE, WIPE),
	L(DOWN, END, GONE, WIPE),
	L(RESUMING, END, GONE, WIPE),
	L(CLOSING, FLUSHED, GONE, WIPE),
	L(CLOSING, LOST, GONE, WIPE),
	L(NEW, LOST, GONE, WIPE),
	/* What crosses the end. */
	L(CLOSING, HEARD, CLOSING, 0),
	L(GONE, LOST, GONE, 0),
	L(GONE, END, GONE, 0),
	L(GONE, HEARD, GONE, 0),
#undef L
};

int mig_link_step(enum mig_link_state state, enum mig_link_event event, enum mig_link_state *ret_next, uint32_t *ret_actions)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].state == state && rows[i].event == event) {
			*ret_next = (enum mig_link_state)rows[i].next;
			*ret_actions = rows[i].actions;
			return 0;
		}
	return OM_ESTATE;
}

bool mig_link_is_open(enum mig_link_state state)
{
	return state == MIG_LINK_UP || state == MIG_LINK_ANSWERING || state == MIG_LINK_CLOSING;
}

bool mig_link_has_secret(enum mig_link_state state)
{
	return state != MIG_LINK_GONE && state != MIG_LINK_NEW;
}

bool mig_link_is_lost(enum mig_link_state state)
{
	return state == MIG_LINK_DOWN || state == MIG_LINK_RESUMING;
}

const char *mig_link_state_name(enum mig_link_state state)
{
	static const char *const names[] = {
#define X(name) #name,
		MIG_LINK_STATES(X)
#undef X
	};
	return state < MIG_LINK_STATE_COUNT ? names[state] : "?";
}
