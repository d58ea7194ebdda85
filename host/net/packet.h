/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole IP packets sent through a raw socket (CAP_NET_RAW), with a mark that the hold's rules let pass; and the mark of those
 * that they never do.
 */
#ifndef OPTMIG_HOST_NET_PACKET_H
#define OPTMIG_HOST_NET_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include "tcp_blob.h"

#define HOST_NET_MARK   0x6f6d6967u
#define HOST_NET_SILENT 0x6f6d6969u     /* of a socket that has been dumped: none of its packets leaves */

/* Sends an IPv4 or IPv6 packet as it is but for its checksums, which are made anew; a TCP packet larger than the route
 * takes is cut into segments. Where it goes the routing table says: to a socket here, or to the host that has the
 * address now. Return: 0 or -errno. */
int host_packet_send(uint8_t *packet, size_t size);

/* A FIN as `remote` would send it to `local`. @window: as in the header, unscaled. */
int host_packet_send_fin(uint8_t family, const struct tcp_blob_address *remote, const struct tcp_blob_address *local,
	uint32_t seq, uint32_t ack, uint16_t window);

/* A UDP datagram as `remote` would send it to `local`. Return: 0 or -errno; -EMSGSIZE for more than UDP can carry. */
int host_packet_send_datagram(uint8_t family, const struct tcp_blob_address *remote, const struct tcp_blob_address *local,
	uint8_t ttl, uint8_t tos, const uint8_t *bytes, size_t size);

#endif
