/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a receiver, hostile until proved otherwise: sizes, numbers, and what the limits say without looking at a descriptor. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include "net/tcp_blob.h"
#include "wire.h"

#define BUFFER_MAX (2 * (int64_t)TCP_BLOB_QUEUE_MAX + 65536)    /* room_for() of the largest queue */

static bool is_inet(uint16_t family)
{
	return family == AF_INET || family == AF_INET6;
}

bool priv_address_moves(const struct priv_limits *limits, uint16_t family, const uint8_t *address)
{
	for (uint32_t i = 0; i < limits->address_count; i++)
		if (limits->addresses[i].family == family && !memcmp(limits->addresses[i].bytes, address, family == AF_INET ? 4 : 16))
			return true;
	return false;
}

/* Which go together. */
static bool known_what(uint16_t what)
{
	uint16_t on = what & (PRIV_REPAIR_BIND | PRIV_REPAIR_FOREIGN | PRIV_REPAIR_MARK), off = what & (PRIV_REPAIR_UNMARK | PRIV_REPAIR_BUFFERS);

	if (what & ~PRIV_REPAIR_KNOWN || !(what & PRIV_REPAIR_ON) == !(what & PRIV_REPAIR_OFF))
		return false;
	if (what & PRIV_REPAIR_OFF)
		return !on;
	return !off && (!(what & PRIV_REPAIR_FOREIGN) || what & PRIV_REPAIR_BIND) && !(what & PRIV_REPAIR_MARK && what & PRIV_REPAIR_BIND);
}

int priv_decode_item(const struct priv_limits *limits, const struct priv_item *item)
{
	if (item->fd != 0 || item->result != 0 || !known_what(item->what))
		return -EINVAL;
	if (item->what & PRIV_REPAIR_OFF ? item->value != TCP_REPAIR_OFF && item->value != -1 : item->value != 0)
		return -EINVAL;
	if (item->send_buffer > BUFFER_MAX || item->receive_buffer > BUFFER_MAX)
		return -EINVAL;
	if (!(item->what & PRIV_REPAIR_BIND))
		return 0;
	if (!is_inet(item->family))
		return -EAFNOSUPPORT;
	if (!priv_port_allowed(limits, item->port, true))
		return -EACCES;
	return item->what & PRIV_REPAIR_FOREIGN && !priv_address_moves(limits, item->family, item->address) ? -EACCES : 0;
}

static int decode_bind(const struct priv_limits *limits, const struct priv_item *item)
{
	if (item->fd || item->what || item->value || item->result || item->send_buffer || item->receive_buffer)
		return -EINVAL;
	if (!is_inet(item->family))
		return -EAFNOSUPPORT;
	return priv_port_allowed(limits, item->port, false) ? 0 : -EACCES;
}

/* An endpoint of the program's: its own packets are held, and no others. */
static int decode_flow(const struct priv_limits *limits, const struct om_net_flow *flow)
{
	if (!is_inet(flow->family) || (flow->protocol != IPPROTO_TCP && flow->protocol != IPPROTO_UDP))
		return -EINVAL;
	return priv_port_allowed(limits, flow->local_port, true) ? 0 : -EACCES;
}

static bool is_mapped(const uint8_t *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, prefix, sizeof prefix) == 0;
}

static int decode_datagram(const struct priv_limits *limits, const struct om_datagram *head)
{
	if (!is_inet(head->family))
		return -EINVAL;
	/* One of the two decides what the packet is. */
	if (head->family == AF_INET6 && is_mapped(head->local_addr) != is_mapped(head->remote_addr))
		return -EINVAL;
	return priv_port_allowed(limits, head->local_port, true) ? 0 : -EACCES;
}

/* What follows the head, and how many descriptors come along. */
static bool shape(const struct priv_request *r, uint32_t *ret_size, uint32_t *ret_fds)
{
	*ret_size = *ret_fds = 0;
	switch ((enum priv_op)r->op) {
	case PRIV_OP_REPAIR:
		*ret_size = r->count * (uint32_t)sizeof(struct priv_item);
		*ret_fds = r->count;
		return r->count >= 1 && r->count <= PRIV_BATCH && !r->size && !r->first && !r->second && !r->value;
	case PRIV_OP_BIND:
		*ret_size = sizeof(struct priv_item);
		*ret_fds = 1;
		return !r->count && !r->size && !r->first && !r->second && !r->value;
	case PRIV_OP_BUFFER:
		*ret_fds = 1;
		return !r->count && !r->first && !r->second;
	case PRIV_OP_CHOWN:
		*ret_fds = 1;
		return !r->count && !r->size && !r->value;
	case PRIV_OP_FIN:
		*ret_fds = 1;
		return !r->count && !r->size && r->value <= 65535;
	case PRIV_OP_DATAGRAM:
		*ret_size = (uint32_t)sizeof(struct om_datagram) + r->size;
		return r->size <= PRIV_DATAGRAM_MAX && !r->count && !r->first && !r->second && !r->value;
	case PRIV_OP_HOLD:
		*ret_size = r->count * (uint32_t)sizeof(struct om_net_flow);
		return r->count >= 1 && r->count <= PRIV_FLOWS_MAX && !r->size && !r->first && !r->second && !r->value;
	case PRIV_OP_PREPARE:
	case PRIV_OP_LIFT:
		return !r->count && !r->size && !r->first && !r->second;
	case PRIV_OP_MOVE:
		return !r->count && !r->size && !r->second;
	case PRIV_OP_COUNT:
		break;
	}
	return false;
}

static int decode_numbers(const struct priv_limits *limits, const struct priv_request *r)
{
	switch ((enum priv_op)r->op) {
	case PRIV_OP_BUFFER:  return (r->value == SO_RCVBUFFORCE || r->value == SO_SNDBUFFORCE) && r->size <= BUFFER_MAX ? 0 : -EINVAL;
	case PRIV_OP_CHOWN:   return priv_owner_allowed(limits, r->first, r->second) ? 0 : -EACCES;
	case PRIV_OP_PREPARE: return r->value ? -EINVAL : 0;
	case PRIV_OP_LIFT:    return r->value > 1 ? -EINVAL : 0;
	case PRIV_OP_MOVE:    return r->value >= PRIV_MOVE_BORROW && r->value <= PRIV_MOVE_REMOVE && r->first < limits->address_count ? 0 : -EINVAL;
	default:              return 0;
	}
}

int priv_decode(const struct priv_limits *limits, const union priv_message *m, uint32_t size, uint32_t fd_count)
{
	uint32_t rest, fds;
	int error;

	if (size < sizeof m->head || m->head.version != PRIV_VERSION || m->head.reserved)
		return -EINVAL;
	if (!shape(&m->head, &rest, &fds) || size - sizeof m->head != rest || fd_count != fds)
		return -EINVAL;
	error = decode_numbers(limits, &m->head);
	for (uint32_t i = 0; !error && m->head.op == PRIV_OP_HOLD && i < m->head.count; i++)
		error = decode_flow(limits, &m->flows[i]);
	if (!error && m->head.op == PRIV_OP_BIND)
		error = decode_bind(limits, &m->items[0]);
	if (!error && m->head.op == PRIV_OP_DATAGRAM)
		error = decode_datagram(limits, &m->datagram.head);
	return error;
}
