/* SPDX-License-Identifier: Apache-2.0 */
/* Every mode of migration, end to end: the RAM oracle runs while it moves, and must go on at the destination. */
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/engine/pair.h"

static void migrate(enum om_mig_mode mode, unsigned channels, int threads, uint64_t pages, uint32_t flags)
{
	struct pair p;
	struct om_mig_status s, t;

	pair_open(&p, mode, channels);
	p.params.flags = flags;
	p.params.downtime_limit_ns = 3000000;
	p.params.rounds_max = 6;
	pair_run(&p, threads, pages);
	CHECK(side_runs(&p, SOURCE));
	pair_begin(&p);
	CHECK(pair_pump(&p, 3000));
	s = side_status(&p.side[SOURCE]);
	t = side_status(&p.side[DESTINATION]);
	CHECK(s.state == OM_MIG_COMPLETED && t.state == OM_MIG_COMPLETED);
	CHECK(s.flags & OM_MIG_F_EXIT && !(s.flags & OM_MIG_F_RUNNING) && t.flags & OM_MIG_F_RUNNING);
	CHECK(s.error == 0 && t.error == 0);
	CHECK(pair_runnable(&p) == 1 && !p.side[DESTINATION].fake->stop);
	CHECK(side_runs(&p, DESTINATION));
	pair_check_memory(&p, DESTINATION);
	printf("mode %u channels %u threads %d: rounds %lu, %lu bytes, down %lu us, total %lu us, faults %lu, dropped %lu, %s\n",
		mode, channels, threads, s.dirty_sync_count, s.ram_transferred, s.downtime_ns / 1000, s.total_time_ns / 1000,
		t.fault_count, t.postcopy_dropped, s.choice);
	CHECK(p.side[SOURCE].fake->frozen == 1 && p.side[DESTINATION].fake->rebuilt == 1);
	CHECK(p.side[SOURCE].fake->discarded == 1 && p.side[DESTINATION].fake->claims == 1);
	pair_close(&p);
}

int main(void)
{
	static const unsigned channels[] = { 1, 2, 4 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int mode = OM_MODE_AUTO; mode <= OM_MODE_HYBRID; mode++)
		for (int c = 0; c < 3; c++) {
			migrate((enum om_mig_mode)mode, channels[c], 1, 1000, 0);
			migrate((enum om_mig_mode)mode, channels[c], 3, 6000, OM_MIG_PARAM_RELEASE);
		}
	return 0;
}
