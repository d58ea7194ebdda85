/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/io/rules.h"
#include "core.h"

bool core_trusted(long fd)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	return ofd && rt_io_trusted(ofd);
}
