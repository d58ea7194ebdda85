/* SPDX-License-Identifier: Apache-2.0 */
/* Source: how one of its connections begins; lobby.h is the other side. */
#ifndef OPTMIG_HOST_MOVE_KNOCK_H
#define OPTMIG_HOST_MOVE_KNOCK_H

#include "opening.h"
#include "peer/peers.h"

struct move_knock {
	const struct host_key *key;
	const char *to;                         /* the address, for messages */
	bool pinned;                            /* the session has begun: it is with the host of `peer` and no other */
	uint8_t peer[HOST_KEY_SIZE];            /* set by the first connection */
	uint64_t handshake_ms, answer_ms;
	struct move_seal seal;                   /* set by each */
};

/*
 * Proves this host's key on a connection that is new, demands the other's, says the hello and waits for the answer. The hello and
 * this host's key are shown to nobody but a host that is known.
 * Return: OM_EPEER (not known, with its key and the cure, or not the session's), OM_EAUTH, OM_ETYPE, OM_EVERSION, OM_ECONNECTION,
 * OM_ETIMEDOUT, OM_ECANCELLED.
 */
__attribute__((warn_unused_result))
int move_knock(struct move_knock *knock, int fd, int stop_fd, const struct move_hello *hello, struct move_hello *ret_answer);

#endif
