/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/io/io.h"
#include "fake.h"

/* The source process' descriptors, all but the standard ones. */
void peek_close_host_sides(void)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_ofds[index].kind != RT_IO_FREE && rt_io_ofds[index].kind != RT_IO_STD)
			rt_io_host_close(rt_io_ofds[index].host_fd);
}

int peek_host_fd(int fd)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint64_t)(uint32_t)fd);

	return ofd ? ofd->host_fd : -1;
}
