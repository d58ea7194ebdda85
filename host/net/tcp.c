/* SPDX-License-Identifier: Apache-2.0 */
/* Not written yet: connections are reported as not movable. */
#include <errno.h>
#include "tcp.h"

int64_t host_tcp_dump(int fd, uint8_t *blob, uint64_t capacity)
{
	(void)fd, (void)blob, (void)capacity;
	return -EOPNOTSUPP;
}

int64_t host_tcp_restore(const uint8_t *blob, uint64_t size)
{
	(void)blob, (void)size;
	return -EOPNOTSUPP;
}
