/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a receiver that has been taken over. Property: what is decoded is within the limits: as many items, flows and descriptors
 * as it says, no port, owner, buffer or address beyond them.
 *     byte 0: limits; byte 1: descriptors that come along; then the message
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "fuzz.h"
#include "priv/wire.h"


static struct priv_limits limits_of(uint8_t choice)
{
	struct priv_limits l = { .user = "user", .uid = 1000, .gid = 1000, .group_count = 1, .groups = { 1000 }, .ports_given = choice & 1,
		.first_unprivileged = 1024, .ephemeral = { 32768, 60999 } };

	if (choice & 2)
		l.ports[l.port_count++] = (struct priv_range){ 80, 90 };
	if (choice & 4)
		l.owners[l.owner_count++] = (struct priv_owner){ .uid = 7, .gid = 8 };
	if (choice & 8)
		l.addresses[l.address_count++] = (struct net_address){ .family = AF_INET, .prefix = 32, .bytes = { 10, 0, 0, 1 }, .interface = "eth0" };
	return l;
}

/* Said once more in other words. */
static bool port_ok(const struct priv_limits *l, uint16_t port, bool chosen)
{
	bool listed = l->port_count && port >= 80 && port <= 90;

	return listed || (chosen && port >= 32768 && port <= 60999) || (!l->ports_given && port >= 1024) || (port == 0 && !chosen);
}

static void check_items(const struct priv_limits *l, const union priv_message *m)
{
	for (uint32_t i = 0; i < m->head.count; i++) {
		const struct priv_item *item = &m->items[i];
		bool foreign = item->what & PRIV_REPAIR_FOREIGN;

		if (priv_decode_item(l, item))
			continue;
		PROPERTY(!(item->what & PRIV_REPAIR_ON) != !(item->what & PRIV_REPAIR_OFF));
		PROPERTY(!(item->what & PRIV_REPAIR_BIND) || port_ok(l, item->port, true));
		PROPERTY(!foreign || (l->address_count && item->family == AF_INET && !memcmp(item->address, l->addresses[0].bytes, 4)));
		PROPERTY(item->value == 0 || item->value == -1);
		PROPERTY(item->send_buffer < 1u << 28 && item->receive_buffer < 1u << 28);
	}
}

static void check(const struct priv_limits *l, const union priv_message *m, uint32_t size, uint32_t fds)
{
	const struct priv_request *r = &m->head;

	PROPERTY(size >= sizeof *r && size <= sizeof *m);
	switch (r->op) {
	case PRIV_OP_REPAIR:
		PROPERTY(fds == r->count && fds >= 1 && fds <= PRIV_BATCH && size == sizeof *r + fds * sizeof(struct priv_item));
		check_items(l, m);
		break;
	case PRIV_OP_BIND:     PROPERTY(fds == 1 && port_ok(l, m->items[0].port, false)); break;
	case PRIV_OP_BUFFER:   PROPERTY(fds == 1 && r->size < 1u << 28 && (r->value == SO_RCVBUFFORCE || r->value == SO_SNDBUFFORCE)); break;
	case PRIV_OP_CHOWN:
		PROPERTY(fds == 1 && (r->first == 1000 || r->first == UINT32_MAX || (l->owner_count && r->first == 7)));
		PROPERTY(r->second == 1000 || r->second == UINT32_MAX || (l->owner_count && r->second == 8 && (r->first == 7 || r->first == 1000 || r->first == UINT32_MAX)));
		break;
	case PRIV_OP_FIN:      PROPERTY(fds == 1 && r->value <= 65535); break;
	case PRIV_OP_DATAGRAM:
		PROPERTY(!fds && size == sizeof *r + sizeof(struct om_datagram) + r->size && port_ok(l, m->datagram.head.local_port, true));
		break;
	case PRIV_OP_HOLD:
		PROPERTY(!fds && size == sizeof *r + r->count * sizeof(struct om_net_flow));
		for (uint32_t i = 0; i < r->count; i++)
			PROPERTY(port_ok(l, m->flows[i].local_port, true));
		break;
	case PRIV_OP_PREPARE:  PROPERTY(!fds && !r->value); break;
	case PRIV_OP_LIFT:     PROPERTY(!fds && r->value <= 1); break;
	case PRIV_OP_MOVE:     PROPERTY(!fds && r->first < l->address_count && r->value >= 1 && r->value <= 4); break;
	default:               PROPERTY(false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union priv_message m;
	struct priv_limits limits;

	if (size < 2 || size - 2 > sizeof m)
		return 0;
	limits = limits_of(data[0]);
	memset(&m, 0xa5, sizeof m);
	memcpy(&m, data + 2, size - 2);
	if (priv_decode(&limits, &m, (uint32_t)(size - 2), data[1]) == 0)
		check(&limits, &m, (uint32_t)(size - 2), data[1]);
	return 0;
}
