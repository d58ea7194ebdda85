/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds network traffic while connections change hands: packets that arrive for the given local endpoints are kept
 * from the kernel's TCP, so that it neither acknowledges bytes that a dump does not contain, nor answers with a reset
 * for a socket that is gone.
 *
 * Held packets are not lost: they are caught (up to 8 MiB) and sent on when the hold is released, to wherever the
 * address is then: a new socket on this host, or the host it moved to. Without that every peer would wait for its
 * retransmission timer, 200 ms at least.
 *
 * A hold covers local endpoints (address and port), not single connections: their number is small even with thousands
 * of clients. Needs CAP_NET_ADMIN and CAP_NET_RAW; a process that has a server for that (host/priv) asks it. The rules live in
 * a table owned by this process' netlink socket: the kernel removes it when the process ends, however it ends.
 */
#ifndef OPTMIG_HOST_NET_HOLD_H
#define OPTMIG_HOST_NET_HOLD_H

#include <stdint.h>
#include "hostcall.h"

/* When the process begins, before the program can have many descriptors: in a thread of its own, 5 ms. */
void host_net_begin(void);
/* The same, here and now: for a process that may open nothing later. */
void host_net_begin_here(void);
/* Makes the table, with no endpoint in it: 1 to 2 ms that the stop phase need not spend. May be left out.
 * Return: 0 or -errno, and connections cannot be moved: without privileges -EPERM, -EMFILE if the program had taken all low
 * descriptors before. */
int64_t host_net_prepare(void);
/* Return: 0 or -errno. Adds to a hold that is on. */
int64_t host_net_hold(const struct om_net_flow *flows, uint32_t count);
/* What waited in the queue of a UDP socket, to arrive there before the packets that are held. Order is kept. Return: 0 or -errno. */
int64_t host_net_datagram(const struct om_datagram *datagram, const uint8_t *bytes, uint64_t size);
/* Sends one on, now. */
int host_net_send_datagram(const struct om_datagram *datagram, const uint8_t *bytes, uint64_t size);
/* The datagrams that host_net_datagram was given do; the hold stays. */
void host_net_arrive(void);
/* Restored connections go on (tcp.h), the datagrams and the caught packets are sent on, the hold is lifted. Return: 0 or -errno.
 * Nothing held: 0. */
int64_t host_net_release(void);
/* The same where the program does not come to run: restored connections stay silent, datagrams are forgotten. */
int64_t host_net_abandon(void);
/* Gives up the table and the library's socket. Before the process executes anything: the socket would go with it, still owning the table,
 * and the next table of that process would be refused. */
void host_net_close(void);

#endif
