/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and ports of a unit, as who starts its program will read them. */
#include <stdio.h>
#include "store/store.h"
#include "unit.h"
#include "util.h"

int unit_check_accounts(const struct unit *unit)
{
	struct store_rights rights = { 0 };
	int error = unit->user ? store_user_parse(unit->user, &rights) : 0;
	char words[300];

	if (!error && unit->ports)
		error = store_ports_parse(unit->ports, &rights);
	if (!error && unit->owners)
		error = store_owners_parse(unit->owners, &rights);
	if (!error)
		return 0;
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(error, "%s: %s", unit->name, words);
}
