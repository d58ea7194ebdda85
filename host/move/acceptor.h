/* SPDX-License-Identifier: Apache-2.0 */
/* Destination: the thread that takes further connections of a session; see acceptor.c. */
#ifndef OPTMIG_HOST_MOVE_ACCEPTOR_H
#define OPTMIG_HOST_MOVE_ACCEPTOR_H

#include "internal.h"

/* Begins the thread; move_acceptor_stop() ends it. Return: OM_ENOMEM with words. */
__attribute__((warn_unused_result))
int  move_acceptor_start(struct host_move *move);
/* Joins the thread, closes the lobby, which the session has no more then, and drops connections that nobody has collected.
 * Once for each start. Context: not under move->lock. */
void move_acceptor_stop(struct host_move *move);
/* Waits until all connections have come and makes them the session's.
 * Return: OM_ETIMEDOUT, OM_ECANCELLED, OM_ECONNECTION (a new session whose source has closed its first connection). */
__attribute__((warn_unused_result))
int  move_collect(struct host_move *move, uint64_t timeout_ns);

#endif
