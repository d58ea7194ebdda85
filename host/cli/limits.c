/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of a command line to what a program may do. */
#include "limits.h"
#include "util.h"

int cli_limits_read(const struct cli_limits *given, const struct move_address *moves, uint32_t move_count, struct priv_limits *ret)
{
	int error;

	if (!given->user)
		return given->ports || given->owners ? host_fail(OM_EINVAL, "--allow-ports and --allow-owners go with --user") : 0;
	error = priv_limits_init(ret, given->user);
	if (!error && given->ports)
		error = priv_limits_ports(ret, given->ports);
	if (!error && given->owners)
		error = priv_limits_owners(ret, given->owners);
	for (uint32_t i = 0; i < move_count && !error; i++)
		error = priv_limits_address(ret, moves[i].text);
	return error;
}
