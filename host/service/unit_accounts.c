/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and ports of a unit, as who starts its program will read them. */
#include <pthread.h>
#include <stdio.h>
#include "store/store.h"
#include "unit.h"
#include "util.h"

/* libc keeps what it has looked up in one place for all threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int unit_check_accounts(const struct unit *unit)
{
	struct store_rights rights = { 0 };
	char words[300];
	int error;

	pthread_mutex_lock(&lock);
	error = unit->user ? store_user_parse(unit->user, &rights) : 0;
	if (!error && unit->ports)
		error = store_ports_parse(unit->ports, &rights);
	if (!error && unit->owners)
		error = store_owners_parse(unit->owners, &rights);
	pthread_mutex_unlock(&lock);
	if (!error)
		return 0;
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(error, "%s: %s", unit->name, words);
}
