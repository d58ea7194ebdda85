/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice after each round, and that it keeps to the downtime limit by its own estimate.
 */
#include "unit.h"
#include "mig/predict.h"

#define MS 1000000ull

/* A link of 1 GB/s, a limit of 10 ms, one round done. */
static struct mig_round round_with(uint32_t number, uint64_t dirty, uint64_t previous)
{
	return (struct mig_round) { .number = number, .rounds_max = 30, .dirty_pages = dirty, .previous_dirty = previous, .round_ns = 100 * MS,
		.throughput = 1000000000, .always_pages = 100, .round_trip_ns = MS / 10, .fixed_ns = 3 * MS / 2, .limit_ns = 10 * MS };
}

static void test_stops_when_it_fits(void **state)
{
	struct mig_round r = round_with(2, 1000, 1500);
	uint64_t expected;
	const char *why;

	(void)state;
	/* 1.5 + 0.15 + 1100 pages / 1 GB/s = 6.2 ms */
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_STOP_PRECOPY);
	assert_in_range(expected, 6 * MS, 65 * MS / 10);
	r.dirty_pages = 2000;
	r.previous_dirty = 2500;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_NEXT_ROUND);
	r.limit_ns = 20 * MS;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_STOP_PRECOPY);
	r.throughput = 100000000;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_NEXT_ROUND);
}

/* What fits, but has just been halved, gets another round: it is short. */
static void test_halving_goes_on(void **state)
{
	struct mig_round r = round_with(2, 1000, 4000);
	uint64_t expected;
	const char *why;

	(void)state;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_NEXT_ROUND);
	assert_int_equal(mig_choose(OM_MODE_PRECOPY, &r, &expected, &why), MIG_NEXT_ROUND);
	r.dirty_pages = 50; /* 1.5 + 0.15 + 0.6 ms: little more than what a stop costs anyway */
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_STOP_PRECOPY);
	r.dirty_pages = 1000;
	r.number = r.rounds_max;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_STOP_PRECOPY);
}

static void test_goes_on_while_it_converges(void **state)
{
	struct mig_round r = round_with(4, 40000, 80000);
	uint64_t expected;
	const char *why;

	(void)state;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_NEXT_ROUND);
	r.previous_dirty = 40100;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_STOP_POSTCOPY);
	assert_in_range(expected, 0, 10 * MS);
	r.braking = true; /* the next round will be shorter */
	assert_int_equal(mig_choose(OM_MODE_HYBRID, &r, &expected, &why), MIG_NEXT_ROUND);
	r.number = r.rounds_max;
	assert_int_equal(mig_choose(OM_MODE_HYBRID, &r, &expected, &why), MIG_STOP_POSTCOPY);
}

/* Pre-copy that was asked for is never turned into post-copy; it tries for some rounds and says that it is over the limit. */
static void test_precopy_stays_precopy(void **state)
{
	struct mig_round r = round_with(4, 40000, 40000);
	uint64_t expected;
	const char *why;

	(void)state;
	assert_int_equal(mig_choose(OM_MODE_PRECOPY, &r, &expected, &why), MIG_NEXT_ROUND);
	r.number = 5;
	assert_int_equal(mig_choose(OM_MODE_PRECOPY, &r, &expected, &why), MIG_STOP_PRECOPY);
	assert_true(expected > r.limit_ns);
	assert_non_null(strstr(why, "over the downtime limit"));
}

static void test_absurd_figures(void **state)
{
	struct mig_round r = round_with(1, UINT64_MAX / 8192, 0);
	uint64_t expected;
	const char *why;

	(void)state;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_NEXT_ROUND);
	assert_true(expected > r.limit_ns);
	r.throughput = 0;
	assert_int_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_NEXT_ROUND);
}

/* A destination that gives up 280,000 scattered pages a second, a program that writes to 250,000 of 250,000 at random. */
static void test_owing_comes_to_an_end(void **state)
{
	const uint64_t pages = 250000, sendable = 2500;
	uint64_t owed = 0, fresh = 80000;
	uint32_t rounds = 0;

	(void)state;
	do {
		double seconds = (double)fresh / 280000;

		owed += fresh;
		fresh = (uint64_t)(250000 * seconds * (double)(pages - owed) / (double)pages);
	} while (mig_owe_again(++rounds, fresh, sendable));
	assert_true(fresh <= sendable);
	assert_in_range(rounds, 2, 12);
	assert_false(mig_owe_again(1, 0, 0));
	assert_false(mig_owe_again(1, 100, 0));
	assert_true(mig_owe_again(1, 100000, 0));
	assert_false(mig_owe_again(1000, 100000, 0)); /* never for ever */
}

/* A host's clock that stands or leaps, and limits beyond all sense: no conversion is out of range (UBSan), no sum wraps. */
static void test_host_numbers(void **state)
{
	struct mig_round r = round_with(2, 1 << 28, 1 << 28);
	uint64_t expected;
	const char *why;

	(void)state;
	assert_int_equal(mig_rate(1000, 1000000000), 1000);
	assert_int_equal(mig_rate(4096, 1000), 4096000000u);
	assert_int_equal(mig_rate(0, 0), 0);
	assert_int_equal(mig_rate(UINT64_C(1) << 40, 1), MIG_RATE_MAX);
	assert_int_equal(mig_rate(UINT64_MAX, 0), MIG_RATE_MAX);
	assert_int_equal(mig_rate(1, UINT64_MAX), 0);
	assert_int_equal(mig_amount(1000000000, 10 * MS), 10000000);
	assert_int_equal(mig_amount(UINT64_MAX, UINT64_MAX), MIG_RATE_MAX);
	assert_int_equal(mig_amount(MIG_RATE_MAX, UINT64_C(1) << 50), MIG_RATE_MAX);
	/* It never looks short because it was too long to count. */
	r.throughput = 1;
	r.round_trip_ns = INT64_MAX / 4;
	r.limit_ns = UINT64_C(1) << 50;
	assert_true(mig_predict_precopy(&r) > UINT64_C(1) << 60);
	assert_true(mig_predict_postcopy(&r) > UINT64_C(1) << 60);
	r.dirty_pages = 4000;
	r.throughput = 1;
	assert_true(mig_predict_precopy(&r) > UINT64_C(1) << 60);
	assert_int_not_equal(mig_choose(OM_MODE_AUTO, &r, &expected, &why), MIG_STOP_PRECOPY);
}

/* What a program that is moved does to a pace: windows of 100 ms at 100,000 pages a second. Return: how many until the verdict, at most 100. */
static int windows_until_no(struct mig_pace *pace, double gain, uint32_t cost)
{
	double left = 5e6;

	for (int i = 0; i < 100; i++)
		if (!mig_pace_pays(pace, 1 + i * 100 * (int64_t)MS, (uint64_t)(left - i * gain * 10000), (uint64_t)i * 10000, cost))
			return i;
	return 100;
}

static void test_pace_asks_what_sending_gains(void **state)
{
	struct mig_pace still = { 0 }, costly = { 0 }, growing = { 0 }, cheap = { 0 };

	(void)state;
	assert_int_equal(windows_until_no(&still, 1.0, 900), 100);     /* nothing is written: each page sent is one less */
	assert_int_equal(windows_until_no(&costly, 0.4, 500), 4);      /* 400 ms of patience */
	assert_int_equal(windows_until_no(&cheap, 0.4, 250), 100);
	assert_int_equal(windows_until_no(&growing, -3.0, 0), 4);      /* more is written than sent: even where it costs nothing */
}

/* One bad window, of a burst or of a link that was down for a minute, is not enough; good ones make up for bad ones. */
static void test_pace_is_patient(void **state)
{
	struct mig_pace pace = { 0 };
	int64_t now = 1;
	uint64_t left = 1000000, sent = 0;

	(void)state;
	assert_true(mig_pace_pays(&pace, now, left, sent, 250));
	for (int i = 0; i < 60; i++) {
		bool burst = i % 2;

		now += i == 31 ? 60000 * (int64_t)MS : 100 * (int64_t)MS;
		sent += 10000;
		left = burst ? left + 20000 : left - 10000;
		assert_true(mig_pace_pays(&pace, now, left, sent, 250));
		if (i == 31)   /* the minute counts as two windows */
			for (int j = 0; j < 2; j++)
				assert_true(mig_pace_pays(&pace, now += 100 * (int64_t)MS, left -= 10000, sent += 10000, 250));
	}
}

/* Nothing is sent, or too little time has passed: no verdict yet, and what is written meanwhile counts in the end. */
static void test_pace_waits_for_a_window(void **state)
{
	struct mig_pace pace = { 0 };
	int64_t now = 1;

	(void)state;
	assert_true(mig_pace_pays(&pace, now, 1000, 0, 250));
	for (int i = 1; i < 50; i++)
		assert_true(mig_pace_pays(&pace, now += 200 * (int64_t)MS, 1000 + (uint64_t)i * 1000, 0, 250));
	assert_true(mig_pace_pays(&pace, now += 100 * (int64_t)MS, 50000, 10, 250));
	assert_true(pace.poor_ns > 0);
	assert_true(mig_pace_pays(&pace, now += 50 * (int64_t)MS, 90000, 20, 250));
	assert_false(mig_pace_pays(&pace, now += 200 * (int64_t)MS, 90000, 20, 250));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stops_when_it_fits), cmocka_unit_test(test_host_numbers),
		cmocka_unit_test(test_halving_goes_on),
		cmocka_unit_test(test_goes_on_while_it_converges),
		cmocka_unit_test(test_precopy_stays_precopy),
		cmocka_unit_test(test_absurd_figures),
		cmocka_unit_test(test_owing_comes_to_an_end), cmocka_unit_test(test_pace_asks_what_sending_gains),
		cmocka_unit_test(test_pace_is_patient), cmocka_unit_test(test_pace_waits_for_a_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
