/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that is over, for a program that has not seen all of it yet. */
#ifndef OPTMIG_HOST_NET_TCP_CLOSED_H
#define OPTMIG_HOST_NET_TCP_CLOSED_H

#include "tcp_blob.h"

/*
 * A closed TCP socket with the data that were not read, the end behind them, and the pending error. It was connected to this
 * process over the loopback for a moment, so its names are not the connection's; and an error other than ECONNRESET, or
 * ECONNREFUSED of an attempt, has that number there. The enclave knows both.
 * Return: its descriptor or -errno.
 */
int host_tcp_closed(const struct tcp_blob *b);

/* Gives a socket buffers as large as the blob's were, and as fixed: those that are not, the kernel goes on tuning. */
void host_tcp_buffers(int fd, const struct tcp_blob *b);
/* The same in two steps, for who has somebody else set the sizes. Sizes as setsockopt takes them, 0: as it is. Return: there is one. */
bool host_tcp_buffers_wanted(int fd, const struct tcp_blob *b, uint32_t *ret_send, uint32_t *ret_receive);
/* The second step, after the sizes: locks those that the blob's were locked. Before Linux 5.14 all that were set stay fixed. */
void host_tcp_buffers_locked(int fd, const struct tcp_blob *b);

#endif
