/* SPDX-License-Identifier: Apache-2.0 */
#include "../../base.h"
#include "errors.h"
#include "source.h"

int guest_source_open(struct guest_source **ret_source)
{
	static int (*const sources[])(struct guest_source **) = { guest_tsm_open, guest_sev_open, guest_tdx_open, guest_vmsp_open };

	for (unsigned i = 0; i < sizeof sources / sizeof *sources; i++) {
		const int r = sources[i](ret_source);

		if (r != OM_EUNSUPPORTED)
			return r;
	}
	return tee_fail(OM_EUNSUPPORTED, "this is no confidential guest");
}

void guest_source_close(struct guest_source *source)
{
	if (source)
		source->close(source);
}
