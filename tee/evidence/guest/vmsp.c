/* SPDX-License-Identifier: Apache-2.0 */
#include "../../base.h"
#include "errors.h"
#include "source.h"

int guest_vmsp_open(struct guest_source **ret_source)
{
	(void)ret_source;
	return tee_fail(OM_EUNSUPPORTED, "not here");
}
