/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Established TCP connections out of one kernel and into another (or the same) by TCP_REPAIR. Needs CAP_NET_ADMIN.
 * The traffic of the connection must be held (net/hold.h) from before the dump until after the restore.
 *
 * The dump is a flat blob (net/tcp_blob.h) that crosses hands which need not be trusted: the restore decodes strictly.
 */
#ifndef OPTMIG_HOST_NET_TCP_H
#define OPTMIG_HOST_NET_TCP_H

#include <stdint.h>

/*
 * Dumps the connection behind `fd` and closes it without a packet. On failure it is as before.
 * Return: size of the blob; -ENOBUFS if `capacity` is too small, -EOPNOTSUPP for a state that cannot be moved,
 * -EPERM without CAP_NET_ADMIN, or another -errno.
 */
int64_t host_tcp_dump(int fd, uint8_t *blob, uint64_t capacity);

/* Makes the connection anew. Return: its descriptor, -EINVAL for a malformed blob, or another -errno. */
int64_t host_tcp_restore(const uint8_t *blob, uint64_t size);

#endif
