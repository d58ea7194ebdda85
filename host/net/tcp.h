/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Established TCP connections out of one kernel and into another (or the same) by TCP_REPAIR. Needs CAP_NET_ADMIN.
 * The traffic of the connection must be held (net/hold.h) from before the dump until after the restore: on the host that
 * it leaves, and on the one that it comes to.
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

/*
 * Makes the connection anew, silent: it sends nothing, and closing it tells the peer nothing, until host_net_release
 * (or host_tcp_resume_all) lets it go on. Return: its descriptor, -EINVAL for a malformed blob, or another -errno.
 */
int64_t host_tcp_restore(const uint8_t *blob, uint64_t size);
/* Restored connections go on. Those that were closed meanwhile are left out. Return: 0, or the first -errno. */
int host_tcp_resume_all(void);
/* Restored connections will never go on; their descriptors stay the caller's to close. */
void host_tcp_forget_all(void);

#endif
