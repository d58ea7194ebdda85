/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a host that is tested, and what has no file of its own: options and the emulated CPU. */
#include <stdlib.h>
#include <string.h>
#include "stop_test.h"
#include "testing.h"
#include "util.h"

enum { OPT_STOP_TEST = 0x400, OPT_ROUND_TEST };
static const struct option options[] = {
	{ "stop-test", required_argument, NULL, OPT_STOP_TEST },
	{ "round-test", required_argument, NULL, OPT_ROUND_TEST },
	{ 0 },
};
static uint64_t stops, rounds;       /* a second; 0: none */

static int rate(const char *name, const char *text, uint64_t *ret_rate)
{
	int error = host_parse_u64(text, 1, 10000, ret_rate);

	if (error)
		host_error("%s: %s", name, host_reason());
	return error;
}

static int rate_of_environment(const char *name, uint64_t *ret_rate)
{
	const char *text = getenv(name);

	return text && *text && !*ret_rate ? rate(name, text, ret_rate) : 0;
}

static int run_option(int option, const char *argument)
{
	switch (option) {
	case OPT_STOP_TEST:  return rate("--stop-test", argument, &stops);
	case OPT_ROUND_TEST: return rate("--round-test", argument, &rounds);
	default:             return OM_ENOTFOUND;
	}
}

static int setup(void)
{
	int error = testing_lies_setup();

	if (!error)
		error = testing_slow_setup();
	return error ? error : testing_steps_setup();
}

static int emulator(struct tee_soft_options *emu)
{
	static const struct { const char *name; uint64_t xfrm; } states[] = {
		{ "sse", OM_XFRM_SSE }, { "avx", OM_XFRM_AVX }, { "avx512", OM_XFRM_AVX512 },
	};
	const char *name = getenv("OPTMIG_EMU_XFRM");

	emu->platform_dir = getenv("OPTMIG_EMU_PLATFORM");
	emu->watch_writes = getenv("OPTMIG_ORACLE") != NULL;
	if (testing_guest(&emu->guest))
		return OM_EINVAL;
	if (!name || !*name)
		return 0;
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (strcmp(name, states[i].name) == 0) {
			emu->xfrm = states[i].xfrm;
			return 0;
		}
	return host_fail(OM_EINVAL, "OPTMIG_EMU_XFRM is \"%s\"; it may be sse, avx or avx512", name);
}

static int started(struct host_enclave *enclave)
{
	int error = rate_of_environment("OPTMIG_STOP_TEST", &stops);

	if (!error)
		error = rate_of_environment("OPTMIG_ROUND_TEST", &rounds);
	if (!error && stops)
		error = testing_stops_start(enclave, (uint32_t)stops);
	if (!error && rounds)
		error = testing_rounds_start(enclave, (uint32_t)rounds);
	return error;
}

static bool collateral_carried(void)
{
	return getenv("OPTMIG_CARRY_COLLATERAL") != NULL;
}

const struct host_test_hooks host_test_hooks = {
	.setup = setup,
	.emulator = emulator,
	.run_options = options,
	.run_option = run_option,
	.started = started,
	.clock = testing_clock,
	.call_before = testing_lies_before,
	.call_after = testing_lies_after,
	.call = testing_seeded_call,
	.slow = testing_slow,
	.collateral_carried = collateral_carried,
	.spectator = testing_oracle,
	.move_step = testing_step,
	.move_wait = testing_step_wait,
	.move_frame = testing_step_frame,
	.move_sent = testing_step_sent,
};
