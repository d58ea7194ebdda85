/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of host/net share that ask and tell the kernel about one socket. */
#ifndef OPTMIG_HOST_NET_SOCKOPT_H
#define OPTMIG_HOST_NET_SOCKOPT_H

#include <errno.h>
#include <sys/socket.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define REPAIR_OFF_SILENTLY (-1)     /* TCP_REPAIR_OFF_NO_WP: no window probe */

/* For functions that return 0 or a negative errno. */
#define TRY(call) do { \
	if ((call) < 0) \
		return -errno; \
} while (0)

static inline int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}

/* For a buffer that must take a queue of so many bytes at once; the kernel counts its own overhead against it. */
static inline int room_for(uint32_t size)
{
	return (int)(size * 2 + 65536);
}

#endif
