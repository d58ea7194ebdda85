/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds network traffic while connections change hands: packets of the given flows are dropped in both directions, so
 * that the kernel neither acknowledges bytes that the dump does not contain nor answers for a socket that is gone.
 * The peers' TCP sends them again.
 */
#ifndef OPTMIG_HOST_NET_HOLD_H
#define OPTMIG_HOST_NET_HOLD_H

#include <stdint.h>
#include "hostcall.h"

/* Return: 0 or -errno; -EPERM without CAP_NET_ADMIN. Replaces a hold of this process that is still on. */
int64_t host_net_hold(const struct om_net_flow *flows, uint32_t count);
int64_t host_net_release(void);

#endif
