/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An optmig on hardware that is answered by the software CPU: tee/hw as it is, over the driver and the vDSO of tests/sgx/fakehw.c, and quotes from
 * a quoting library (hw_quotes.c) under a root that the test's policies name. What the quotes are judged by would have been fetched; here it goes
 * along with each.
 */
#include "collateral/carried.h"
#include "evidence/demo/quote_build.h"
#include "hw_quotes.h"
#include "sgx/fakehw.h"

void __wrap_collateral_quoted(struct om_view evidence, int64_t now);

__attribute__((constructor)) static void install(void) { fakehw_install(); }

void __wrap_collateral_quoted(struct om_view evidence, int64_t now)
{
	static uint8_t buffer[OM_COLLATERAL_MAX];
	struct om_platform p;
	size_t size;

	(void)evidence;   /* of this platform, which has one TCB */
	hw_quotes_platform(&p);
	if (om_platform_collateral(&p, now, buffer, sizeof buffer, &size) == 0)
		collateral_quoted_with((struct om_view) { buffer, size });
}
