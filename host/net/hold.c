/* SPDX-License-Identifier: Apache-2.0 */
/* Not written yet: traffic cannot be held. */
#include <errno.h>
#include "hold.h"

int64_t host_net_hold(const struct om_net_flow *flows, uint32_t count)
{
	(void)flows, (void)count;
	return -EOPNOTSUPP;
}

int64_t host_net_release(void)
{
	return 0;
}
