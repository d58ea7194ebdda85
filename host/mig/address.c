/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that move along with the program. */
#include "internal.h"
#include "util.h"

int mig_moves_check(const struct mig_move *moves, uint32_t count)
{
	(void)moves;
	return count ? host_fail(OM_EUNSUPPORTED, "--move-address is not supported by this build") : 0;
}

void mig_moves_remove(const struct mig_move *moves, uint32_t count) { (void)moves; (void)count; }
void mig_moves_add(const struct mig_move *moves, uint32_t count) { (void)moves; (void)count; }
void mig_moves_announce(const struct mig_move *moves, uint32_t count) { (void)moves; (void)count; }
