/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/tdx_guest answers with a TDREPORT, whose MAC can be checked on the same machine only. Others can check a quote. The host's quoting enclave makes a
 * quote of the TDREPORT, and the way there is configfs. So this source gives only the reason why it has no evidence.
 */
#include <errno.h>
#include <fcntl.h>
#include "internal.h"

#define DEVICE   "/dev/tdx_guest"
#define CONFIGFS "/sys/kernel/config"

static bool is_there(const char *path, int flags)
{
	const int fd = guest_kernel()->open(path, flags | O_CLOEXEC, 0);

	if (fd >= 0)
		guest_kernel()->close(fd);
	return fd >= 0 || errno == EACCES || errno == EPERM || errno == EBUSY;
}

int guest_tdx_open(struct guest_source **ret_source)
{
	(void)ret_source;
	if (!is_there(DEVICE, O_RDWR))
		return tee_fail(OM_EUNSUPPORTED, "there is no " DEVICE);
	return tee_fail(OM_EQUOTE, "this is a TDX guest without quotes: " DEVICE " gives only reports for this machine, and there is no configfs-tsm. %s",
		is_there(CONFIGFS "/tsm", O_RDONLY | O_DIRECTORY) ? "Load the driver anew (modprobe tdx_guest)" :
		"Mount it (mount -t configfs none " CONFIGFS "), or start a kernel that has it (Linux 6.7 or later, CONFIG_TSM_REPORTS)");
}
