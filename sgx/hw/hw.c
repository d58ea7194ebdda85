/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware SGX through the Linux driver: not there yet. */
#include "../backend.h"

const char *hw_unavailable(void)
{
	return "the hardware path is not part of this build yet";
}

int hw_platform_open(struct sgx_platform **ret_platform)
{
	(void)ret_platform;
	return sgx_fail(OM_ENOSGX, "%s", hw_unavailable());
}
