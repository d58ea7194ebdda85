/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that move along with the program. The source removes them when it has committed itself. If the destination aborts,
 * the source has them again before its first socket is made anew. The destination borrows the addresses when the enclave is about to
 * make its sockets anew (bind needs them). It keeps and announces them when the program runs. In between both hosts have the addresses,
 * unannounced, for the length of the hand-over. If that gets longer, or the destination is killed, borrowed addresses expire. Sockets that
 * are bound to an expired address do not mind.
 */
#include "internal.h"
#include "net/address.h"
#include "util.h"

#define BORROW_S 5u

static int each(const struct move_address *moves, uint32_t count, int (*act)(const struct net_address *))
{
	struct net_address address;
	int first = 0;

	for (uint32_t i = 0; i < count; i++) {
		int error = net_address_parse(moves[i].text, &address);

		if (!error)
			error = act(&address);
		if (error && !first)
			first = error;
		/* The rest of the session does not depend on it, and the user can still do it by hand. */
		if (error)
			host_error("--move-address: %s", host_reason());
	}
	return first;
}

int move_addresses_check(const struct move_address *moves, uint32_t count, bool takes)
{
	struct net_address address;
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++) {
		error = net_address_parse(moves[i].text, &address);
		if (!error && takes)
			error = net_address_announceable(&address);
	}
	return error;
}

void move_addresses_remove(const struct move_address *moves, uint32_t count)
{
	(void)each(moves, count, net_address_remove);
}

void move_addresses_add(const struct move_address *moves, uint32_t count)
{
	(void)each(moves, count, net_address_add);
}

static int borrow(const struct net_address *address)
{
	return net_address_borrow(address, BORROW_S);
}

void move_addresses_announce(const struct move_address *moves, uint32_t count)
{
	(void)each(moves, count, net_address_announce);
}

/* A source that has given its addresses away gets here only when it has been told that the program runs on here. */
void move_before_bind(void *context)
{
	struct host_move *move = context;

	if (!atomic_exchange(&move->moves_absent, false))
		return;
	if (move->source)
		move_addresses_add(move->request.moves, move->request.move_count);
	else
		(void)each(move->receive->moves, move->receive->move_count, borrow);
}
