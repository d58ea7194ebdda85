/* SPDX-License-Identifier: Apache-2.0 */
/* Destination: the thread that takes further connections of a session; see acceptor.c. */
#ifndef OPTMIG_HOST_MIG_ACCEPTOR_H
#define OPTMIG_HOST_MIG_ACCEPTOR_H

#include "internal.h"

__attribute__((warn_unused_result))
int  mig_acceptor_start(struct host_mig *mig);
void mig_acceptor_stop(struct host_mig *mig);
/* Waits until all connections have come and makes them the session's.
 * Return: OM_ETIMEDOUT, OM_ECANCELLED, OM_ECONNECTION (a new session whose source has closed its first connection). */
__attribute__((warn_unused_result))
int  mig_collect(struct host_mig *mig, uint64_t timeout_ns);

#endif
