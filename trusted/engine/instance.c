/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance: what was started once, and is the same wherever it has moved. Its name is random bytes that the enclave of its first
 * start draws. It counts its moves. Name and count are resident, so they go along in the stop phase of every move.
 *
 * The owner's ticket names the number of one move. The number grows in one place only: where a destination takes the start token. A
 * source emits the start token to one destination of its life only. So there are three cases:
 *
 *   a session that fails before the token      the number is what it was: the ticket may be used again
 *   the token is lost, and the abort heard     the destination never ran and never counted; the source's number is what it was
 *   the destination runs                       the destination counts one more, and the source never runs again: the ticket is used up
 *
 * There is no state in which two enclaves may run with the same number.
 */
#include <assert.h>
#include <string.h>
#include "engine/state.h"

RT_RESIDENT static struct { uint8_t id[16]; uint64_t moves; } instance;

static_assert(sizeof instance.id == sizeof ((struct om_mig_identity *)0)->instance, "as the host is told");

void engine_instance_begin(void)
{
	const uint8_t none[sizeof instance.id] = { 0 };

	do {
		if (!rt_random(instance.id, sizeof instance.id))
			rt_fatal(OM_ESGX, "the CPU's random number generator does not answer");
	} while (memcmp(instance.id, none, sizeof none) == 0);
	instance.moves = 0;
}

void engine_instance_moved(void)
{
	instance.moves++;
}

const uint8_t *engine_instance_id(void)
{
	return instance.id;
}

uint64_t engine_instance_move(void)
{
	return instance.moves + 1;
}
