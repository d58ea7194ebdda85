/* SPDX-License-Identifier: Apache-2.0 */
/* What limits allow. Both ends ask: the receiver, to refuse in time and with words, and the server, which believes nothing. */
#include "priv.h"

static bool in_range(const struct priv_range *range, uint16_t port)
{
	return port >= range->first && port <= range->last;
}

bool priv_port_allowed(const struct priv_limits *limits, uint16_t port, bool chosen)
{
	if (port == 0)
		return !chosen;                  /* the kernel is about to choose */
	if (chosen && port >= limits->first_unprivileged && in_range(&limits->ephemeral, port))
		return true;
	for (uint32_t i = 0; i < limits->port_count; i++)
		if (in_range(&limits->ports[i], port))
			return true;
	return !limits->ports_given && port >= limits->first_unprivileged;
}

/* The user's own, what its groups may be given, and what is listed. */
bool priv_owner_allowed(const struct priv_limits *limits, uint32_t uid, uint32_t gid)
{
	bool own_group = gid == UINT32_MAX || gid == limits->gid, own_user = uid == UINT32_MAX || uid == limits->uid;

	for (uint32_t i = 0; i < limits->group_count; i++)
		own_group = own_group || gid == limits->groups[i];
	if (own_user && own_group)
		return true;
	for (uint32_t i = 0; i < limits->owner_count; i++) {
		const struct priv_owner *o = &limits->owners[i];

		if ((o->any_user ? own_user : own_user || o->uid == uid) && (own_group || o->gid == gid))
			return true;
	}
	return false;
}
