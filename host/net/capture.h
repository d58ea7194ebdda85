/* SPDX-License-Identifier: Apache-2.0 */
/* Catches a copy of incoming packets for a set of local endpoints, and sends them again later. */
#ifndef OPTMIG_HOST_NET_CAPTURE_H
#define OPTMIG_HOST_NET_CAPTURE_H

#include <stdint.h>

/* A local endpoint. version 0: any address. */
struct net_endpoint { uint8_t version, protocol; uint16_t port; uint8_t address[16]; };

/* Sorted order, for binary search. */
int net_endpoint_compare(const void *a, const void *b);

/* Return: a descriptor, or -errno. Packets sent by host_packet_send are not caught. */
int net_capture_open(const struct net_endpoint *endpoints, uint32_t count);
/* Sends every packet caught so far for one of the (sorted) endpoints. Return: how many. */
uint32_t net_capture_replay(int fd, const struct net_endpoint *endpoints, uint32_t count);

#endif
