/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quoting enclaves and TDX modules sign for debuggable trust domains as for others. So the verifier has to check for debuggable ones.
 */
#include "evidence/accept/td.h"

int om_td_check(const struct om_attest_result *td, enum om_attest_reason *ret_reason)
{
	*ret_reason = OM_WHY_NOT_TD;
	if (td->tee != OM_TEE_TDX)
		return OM_EPOLICY;
	*ret_reason = OM_WHY_TD_DEBUG;
	if (td->td.attributes & OM_TD_UNDER_DEBUG)
		return OM_EDEBUG;
	*ret_reason = OM_WHY_NONE;
	return 0;
}
