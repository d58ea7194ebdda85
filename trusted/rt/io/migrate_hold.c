/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding traffic while sockets change hands: the list of our endpoints, told to the host (host/net/hold.h). A source holds
 * before it fetches anything. A destination on another network holds the same endpoints before it makes the first socket. A destination
 * on the source's own network does not hold, because two holds would each send on what both have caught. There the source's hold is lifted
 * when the program runs at the destination.
 */
#include "rt/io/migrate.h"

#define FLOWS_MAX 128u

/* What was held, in the arena: a destination holds the same before it makes the first socket. */
struct held {
	uint32_t next, count;
	struct om_net_flow flows[];
};
static RT_RESIDENT uint32_t held_first;

static bool is_inet(const struct rt_io_ofd *ofd)
{
	return ofd->kind == RT_IO_SOCKET && (ofd->socket.domain == AF_INET || ofd->socket.domain == AF_INET6);
}

static bool flow_of(const struct rt_io_ofd *ofd, struct om_net_flow *ret_flow)
{
	uint8_t name[LX_SOCKADDR_MAX];
	uint16_t port;

	if (ofd->socket.state == RT_IO_S_DEAD || !rt_io_socket_name(ofd, __NR_getsockname, name))
		return false;
	port = (uint16_t)(name[2] << 8 | name[3]);
	*ret_flow = (struct om_net_flow){ .family = ofd->socket.domain, .local_port = port,
		.protocol = ofd->socket.type == LX_SOCK_STREAM ? LX_IPPROTO_TCP : LX_IPPROTO_UDP };
	if (ofd->socket.domain == AF_INET)
		memcpy(ret_flow->local_addr, name + 4, 4);
	else
		memcpy(ret_flow->local_addr, name + 8, 16);
	return port != 0;
}

static long hold(const struct om_net_flow *flows, uint32_t count)
{
	uint64_t arg[6] = { OM_NET_HOLD, count };

	rt_ub_reset();
	if (!rt_io_ub_copy(flows, count * sizeof *flows))
		return -ENOMEM;
	return rt_hostcall(OM_HC_NET_HOLD, 0, 0, arg);
}

static long hold_and_note(const struct om_net_flow *flows, uint32_t count)
{
	uint32_t at = rt_io_frozen_new(sizeof(struct held) + count * sizeof *flows);
	struct held *held;

	if (!at)
		return -ENOBUFS;
	held = rt_io_frozen_at(at);
	held->next = held_first;
	held->count = count;
	memcpy(held->flows, flows, count * sizeof *flows);
	held_first = at;
	return hold(flows, count);
}

/* Without established connections nothing is at stake but attempts to connect. */
static int hold_result(struct rt_io_words *words, long error, bool connections)
{
	if (!error || !connections)
		return 0;
	if (error == -EACCES)
		return rt_io_refuse(words, NULL, "the receiver does not allow the ports of TCP connections (receive --allow-ports)");
	return rt_io_refuse_errno(words, NULL, "TCP connections cannot be held while they move", error);
}

static bool any_connection(void)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_is_connection(&rt_io_ofds[index]))
			return true;
	return false;
}

int rt_io_net_hold_again(struct rt_io_words *words)
{
	long error = 0;

	if (rt_io_same_net)
		return 0;
	for (uint32_t at = held_first; at && !error; at = ((struct held *)rt_io_frozen_at(at))->next) {
		const struct held *held = rt_io_frozen_at(at);

		error = hold(held->flows, held->count);
	}
	return hold_result(words, error, any_connection());
}

/* Most connections of a server share one endpoint. */
static bool known(const struct om_net_flow *flows, uint32_t count, const struct om_net_flow *flow)
{
	for (uint32_t i = count; i-- > 0;)
		if (!memcmp(&flows[i], flow, sizeof *flow))
			return true;
	return false;
}

static bool listens_still(const struct rt_io_ofd *listener, uint32_t id)
{
	return id && listener->kind == RT_IO_SOCKET && listener->socket.state == RT_IO_S_LISTENING && listener->socket.listen_id == id;
}

int rt_io_net_hold(struct rt_io_words *words)
{
	struct om_net_flow flows[FLOWS_MAX];
	uint32_t count = 0;
	long error = 0;

	held_first = 0;
	for (uint32_t index = 1; index < rt_io_ofd_end && !error; index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];

		if (!is_inet(ofd))
			continue;
		/* Its listener's endpoint is its own, or takes it in. */
		if (rt_io_is_connection(ofd) && listens_still(&rt_io_ofds[ofd->socket.origin], ofd->socket.origin_id))
			continue;
		rt_ub_reset();
		if (!flow_of(ofd, &flows[count]) || known(flows, count, &flows[count]))
			continue;
		if (++count == FLOWS_MAX) {
			error = hold_and_note(flows, count);
			count = 0;
		}
	}
	if (!error && count)
		error = hold_and_note(flows, count);
	return hold_result(words, error, any_connection());
}

static void tell(enum om_net_hold what)
{
	const uint64_t arg[6] = { what };

	(void)rt_hostcall(OM_HC_NET_HOLD, 0, 0, arg);
}

/* What does not go on has been reported by the host, and is that descriptor's alone. */
void rt_io_net_resume(void) { tell(OM_NET_RESUME); }
/* What cannot be lifted ends with the host process. */
void rt_io_net_release(void) { tell(OM_NET_RELEASE); }
void rt_io_net_here(void) { tell(OM_NET_HERE); }
