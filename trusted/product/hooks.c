/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime that is installed: no test hangs into it. */
#include "errors.h"
#include "rt/testhooks.h"

void rt_test_boot(void)
{
}

void rt_test_interval(void)
{
}

bool rt_test_is_called(uint64_t rip)
{
	(void)rip;
	return false;
}

long rt_test_stop(uint64_t op, uint64_t argument)
{
	(void)op, (void)argument;
	return OM_EUNSUPPORTED;
}

void rt_test_round(enum om_round_point point, uint64_t number, uint64_t tracker)
{
	(void)point, (void)number, (void)tracker;
}
