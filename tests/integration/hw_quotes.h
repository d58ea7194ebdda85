/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTMIG_TESTS_INTEGRATION_HW_QUOTES_H
#define OPTMIG_TESTS_INTEGRATION_HW_QUOTES_H

#include <string.h>
#include "evidence/demo/quote_build.h"

/* The machine of a test: its quotes lead to a root of the test's own, which policies can name as they would a maker's. */
static inline void hw_quotes_platform(struct om_platform *ret)
{
	static const uint8_t seed[32] = "a machine with SGX";

	om_platform_init(ret, seed, "OptMig Test SGX Root CA");
	memset(ret->instance, 0x5a, sizeof ret->instance);
}

#endif
