/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. The estimates aim at 3/4 of the limit, because pages that are dirtied between the decision and the last thread's
 * safepoint come on top. While rounds halve what is left, another round is as short as the downtime itself, and makes room for a
 * wrong estimate. The list of owed pages costs 16 bytes per run; half of the pages are taken to be adjacent.
 */
#include "mig/predict.h"

enum { PAGE = 4096, RUN_BYTES = 8, ROUNDS_MIN = 5, OWING_MAX = 16, FEW_PAGES = 512 };
#define TRANSFER_MAX_NS (UINT64_MAX / 4)

/* A double that is out of range for the integer has no value there: clamped before. */
static uint64_t saturate(double x)
{
	return x < (double)MIG_RATE_MAX ? (uint64_t)x : MIG_RATE_MAX;
}

uint64_t mig_rate(uint64_t amount, uint64_t ns)
{
	return saturate((double)amount * 1e9 / (double)(ns ? ns : 1));
}

uint64_t mig_amount(uint64_t rate, uint64_t ns)
{
	return saturate((double)rate * (double)ns / 1e9);
}

/* At most TRANSFER_MAX_NS, so that no sum of estimates overflows. */
static uint64_t transfer_ns(uint64_t bytes, uint64_t throughput)
{
	uint64_t ns;

	if (throughput == 0)
		return bytes;             /* unknown: assume 1 GB/s */
	if (bytes > UINT64_MAX / 1000000000u)
		return TRANSFER_MAX_NS;
	ns = bytes * 1000000000u / throughput;
	return ns < TRANSFER_MAX_NS ? ns : TRANSFER_MAX_NS;
}

uint64_t mig_predict_precopy(const struct mig_round *r)
{
	return r->fixed_ns + r->round_trip_ns + r->round_trip_ns / 2 +
		transfer_ns((r->dirty_pages + r->always_pages) * PAGE, r->throughput);
}

uint64_t mig_predict_postcopy(const struct mig_round *r)
{
	return r->fixed_ns + r->round_trip_ns + r->round_trip_ns / 2 +
		transfer_ns(r->always_pages * PAGE + r->dirty_pages * RUN_BYTES, r->throughput);
}

static bool converges(const struct mig_round *r)
{
	return r->number < 2 || r->braking || r->dirty_pages < r->previous_dirty - r->previous_dirty / 8;
}

static bool one_more_pays(const struct mig_round *r, uint64_t now)
{
	return now > r->limit_ns / 4 && r->number < r->rounds_max && (r->number < 2 || r->dirty_pages < r->previous_dirty / 2);
}

enum mig_choice mig_choose(enum om_mig_mode mode, const struct mig_round *r, uint64_t *ret_expected, const char **ret_why)
{
	uint64_t now = mig_predict_precopy(r);

	*ret_expected = now;
	if (now <= r->limit_ns - r->limit_ns / 4) {
		*ret_why = "what is left fits into the downtime limit: pre-copy";
		return one_more_pays(r, now) ? MIG_NEXT_ROUND : MIG_STOP_PRECOPY;
	}
	if (mode == OM_MODE_PRECOPY) {
		*ret_why = r->number >= r->rounds_max ? "rounds are used up: pre-copy, over the downtime limit" :
			"more rounds would not leave less: pre-copy, over the downtime limit";
		return r->number >= r->rounds_max || (r->number >= ROUNDS_MIN && !converges(r)) ? MIG_STOP_PRECOPY : MIG_NEXT_ROUND;
	}
	*ret_why = r->number >= r->rounds_max ? "rounds are used up: the rest by post-copy" :
		"memory is dirtied as fast as it is sent: the rest by post-copy";
	if (r->number >= r->rounds_max || !converges(r)) {
		*ret_expected = mig_predict_postcopy(r);
		return MIG_STOP_POSTCOPY;
	}
	return MIG_NEXT_ROUND;
}

bool mig_pace_pays(struct mig_pace *p, int64_t now, uint64_t left, uint64_t sent, uint32_t cost)
{
	int64_t took = now - p->at;
	double gain = (double)p->left - (double)left, due = (double)(sent - p->sent) * cost / 1000;

	if (p->at) {
		/* While nothing is sent the window stays open: what is written meanwhile counts with what comes next. */
		if (took < MIG_PACE_WINDOW_NS || sent == p->sent)
			return p->poor_ns < MIG_PACE_PATIENCE_NS;
		if (took > MIG_PACE_PATIENCE_NS / 2)
			took = MIG_PACE_PATIENCE_NS / 2;       /* no single window decides, not that of a lost link either */
		p->poor_ns = gain < due ? p->poor_ns + took : p->poor_ns > took ? p->poor_ns - took : 0;
	}
	*p = (struct mig_pace) { .at = now, .left = left, .sent = sent, .poor_ns = p->poor_ns };
	return p->poor_ns < MIG_PACE_PATIENCE_NS;
}

/* An owed page stays owed whatever is written to it, so the fresh ones get fewer, if only because all are owed in the end. */
bool mig_owe_again(uint32_t rounds, uint64_t fresh, uint64_t sendable)
{
	uint64_t enough = sendable / 2 > FEW_PAGES ? sendable / 2 : FEW_PAGES;

	return rounds < OWING_MAX && fresh > enough;
}
