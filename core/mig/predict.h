/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to stop: the prediction of the downtime and the choice after each pre-copy round. Pure arithmetic on counters.
 *
 *     downtime(pre-copy)  = fixed + round trip + (dirty + resident + stacks) / throughput
 *     downtime(post-copy) = fixed + round trip + (resident + stacks + list of owed pages) / throughput
 *
 * A pre-copy converges if the dirty set of the next round is expected to be smaller: dirty rate < throughput, measured
 * as pages dirtied during the last round against pages dirtied during the one before.
 */
#ifndef OPTMIG_CORE_MIG_PREDICT_H
#define OPTMIG_CORE_MIG_PREDICT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine.h"

struct mig_round {
	uint32_t number;          /* rounds finished, 1 after round 0 */
	uint32_t rounds_max;
	uint64_t dirty_pages;     /* now, not yet sent */
	uint64_t previous_dirty;  /* the same after the round before; 0 after round 0 */
	uint64_t round_ns;        /* how long the last round took */
	uint64_t throughput;      /* bytes/s; 0: unknown */
	uint64_t always_pages;    /* resident and stack pages sent in the stop phase */
	uint64_t round_trip_ns;
	uint64_t fixed_ns;        /* stop, freeze, rebuild: best guess */
	uint64_t limit_ns;
	bool     braking;         /* writers have been slowed further in this round: the next one will be shorter */
};

enum mig_choice { MIG_NEXT_ROUND, MIG_STOP_PRECOPY, MIG_STOP_POSTCOPY };

/* The downtime, ns, if the program stopped now and all dirty pages were sent. Saturates. */
uint64_t mig_predict_precopy(const struct mig_round *r);
/* The downtime, ns, if the program stopped now and dirty pages were only told to be owed. Saturates. */
uint64_t mig_predict_postcopy(const struct mig_round *r);

/*
 * @mode: what was asked for (AUTO, PRECOPY, HYBRID). *ret_expected: predicted downtime of the choice, or of stopping
 * now; *ret_why: static words.
 */
enum mig_choice mig_choose(enum om_mig_mode mode, const struct mig_round *r, uint64_t *ret_expected, const char **ret_why);

/*
 * Does pre-copy still pay? A page that is sent ahead saves the time that the program would wait for it after a stop, unless it is
 * written again. While pages are sent ahead the program loses something too: marks, and the CPU time that it shares.
 *
 *     gain = (pages left before - pages left now) / pages sent meanwhile
 *
 * Time spent on pre-copy costs @cost thousandths of itself in service. The same time after a stop costs all of itself. So pre-copy pays
 * while gain > cost / 1000. The verdict is "no" when pre-copy has not paid for MIG_PACE_PATIENCE_NS; a window that pays takes its length off that time.
 */
struct mig_pace {
	int64_t  at;              /* begin of the window; 0: none has begun */
	uint64_t left, sent;      /* pages, then */
	int64_t  poor_ns;
};
#define MIG_PACE_WINDOW_NS   100000000
#define MIG_PACE_PATIENCE_NS 400000000
#define MIG_COST_GUESS       250u   /* where the host has not said */

/* @left: pages that would have to be sent if no more were written; @sent: pages sent ahead since the session began, a counter. */
bool mig_pace_pays(struct mig_pace *pace, int64_t now, uint64_t left, uint64_t sent, uint32_t cost);

/*
 * Rates of numbers that the host can stretch: its clock, its limits. They saturate at MIG_RATE_MAX, and 0 ns counts as 1.
 * mig_rate: @amount in @ns, by the second. mig_amount: what a rate makes of @ns.
 */
#define MIG_RATE_MAX (UINT64_C(1) << 50)
/* `amount` things in `ns`, as things a second. */
uint64_t mig_rate(uint64_t amount, uint64_t ns);
/* Things in `ns`, at `rate` things a second. */
uint64_t mig_amount(uint64_t rate, uint64_t ns);

/*
 * Before post-copy: is it worth another round of telling what will be owed? @rounds: such rounds so far; @fresh: pages that
 * would have to be told in the stop phase; @sendable: pages whose contents fit into the downtime limit.
 */
bool mig_owe_again(uint32_t rounds, uint64_t fresh, uint64_t sendable);

#endif
