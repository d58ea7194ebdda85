/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server handles one request at a time. decode.c decodes the request. What a descriptor is, the server asks of the kernel.
 *
 * Repair mode lets a socket have a port that is in use. So nobody gets a socket in repair mode that is not bound yet: switching the mode on
 * and binding are one operation, and a bound socket cannot be bound again. Otherwise repair mode is switched on for established connections
 * only, and off for sockets with an allowed port only.
 *
 * Packets are made from what the kernel says of a connection (FIN), or go to a port that is allowed on an address that is
 * here (datagrams).
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "net/hold.h"
#include "net/packet.h"
#include "net/sockopt.h"
#include "net/tcp_blob.h"
#include "util.h"
#include "wire.h"

#define BORROW_S 5u                      /* as host/move/address.c */

struct tcp { int family; uint8_t state; uint16_t port; struct sockaddr_storage local; };

static int get_int(int fd, int level, int name, int *ret_value)
{
	socklen_t size = sizeof *ret_value;

	*ret_value = 0;
	TRY(getsockopt(fd, level, name, ret_value, &size));
	return 0;
}

static uint16_t port_of(const struct sockaddr_storage *name)
{
	return ntohs(((const struct sockaddr_in *)name)->sin_port); /* the same place for both families */
}

static int look_at_tcp(int fd, struct tcp *ret)
{
	socklen_t size = sizeof ret->local, info_size = sizeof(struct tcp_info);
	struct tcp_info info = { 0 };
	int protocol, error = get_int(fd, SOL_SOCKET, SO_PROTOCOL, &protocol);

	memset(ret, 0, sizeof *ret);
	if (!error)
		error = get_int(fd, SOL_SOCKET, SO_DOMAIN, &ret->family);
	if (error)
		return error;
	if (protocol != IPPROTO_TCP || (ret->family != AF_INET && ret->family != AF_INET6))
		return -EOPNOTSUPP;
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size));
	TRY(getsockname(fd, (struct sockaddr *)&ret->local, &size));
	ret->state = info.tcpi_state;
	ret->port = port_of(&ret->local);
	return 0;
}

static bool stands(uint8_t state)
{
	switch (state) {
	case TCP_ESTABLISHED: case TCP_FIN_WAIT1: case TCP_FIN_WAIT2: case TCP_CLOSE_WAIT: case TCP_LAST_ACK: case TCP_CLOSING:
		return true;
	default:
		return false;
	}
}

static socklen_t name_of(const struct priv_item *item, struct sockaddr_storage *ret)
{
	struct tcp_blob_address address = { .port = item->port };

	memcpy(address.bytes, item->address, sizeof address.bytes);
	return tcp_blob_to_sockaddr(item->family == AF_INET ? 4 : 6, &address, item->scope, ret);
}

/* Could a socket without rights have it? */
static bool is_here(int family, const uint8_t *address)
{
	struct priv_item item = { .family = (uint16_t)family };
	struct sockaddr_storage name;
	socklen_t size;
	bool here;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(item.address, address, family == AF_INET ? 4 : 16);
	size = name_of(&item, &name);
	here = fd >= 0 && (bind(fd, (struct sockaddr *)&name, size) == 0 || errno == EINVAL); /* EINVAL: link-local, without its interface */
	if (fd >= 0)
		close(fd);
	return here;
}

/* ---- repair ---------------------------------------------------------------------------------------------------------- */

static int bind_in_repair(int fd, const struct priv_item *item)
{
	struct sockaddr_storage name;
	socklen_t size = name_of(item, &name);

	if (item->what & PRIV_REPAIR_FOREIGN)
		TRY(item->family == AF_INET ? set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1) : set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1));
	TRY(bind(fd, (struct sockaddr *)&name, size));
	return 0;
}

static int repair_new(int fd, const struct priv_item *item, const struct tcp *t)
{
	int error;

	if (t->state != TCP_CLOSE || t->port || t->family != item->family)
		return -EINVAL;
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON));
	error = bind_in_repair(fd, item);
	if (error)
		(void)set_int(fd, IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF_SILENTLY); /* cannot fail */
	return error;
}

static int repair_standing(int fd, const struct priv_limits *limits, const struct priv_item *item, const struct tcp *t)
{
	int mark = 1;

	if (!stands(t->state))
		return -EINVAL;
	if (!priv_port_allowed(limits, t->port, true))
		return -EACCES;
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON));
	if (item->what & PRIV_REPAIR_MARK && get_int(fd, SOL_SOCKET, SO_MARK, &mark) == 0 && mark == 0)
		(void)set_int(fd, SOL_SOCKET, SO_MARK, (int)HOST_NET_SILENT); /* allowed: so is repair mode */
	return 0;
}

static int repair_off(int fd, const struct priv_limits *limits, const struct priv_item *item, const struct tcp *t)
{
	int mark = 0;

	if (!priv_port_allowed(limits, t->port, true))
		return -EACCES;
	if (item->what & PRIV_REPAIR_UNMARK && get_int(fd, SOL_SOCKET, SO_MARK, &mark) == 0 && (uint32_t)mark == HOST_NET_SILENT)
		(void)set_int(fd, SOL_SOCKET, SO_MARK, 0); /* allowed: so is repair mode */
	TRY(set_int(fd, IPPROTO_TCP, TCP_REPAIR, item->value));
	if (item->what & PRIV_REPAIR_BUFFERS && item->send_buffer)
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)item->send_buffer); /* as host_tcp_buffers */
	if (item->what & PRIV_REPAIR_BUFFERS && item->receive_buffer)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)item->receive_buffer);
	return 0;
}

static int repair(const struct priv_limits *limits, const struct priv_item *item, int fd)
{
	struct tcp t;
	int error = priv_decode_item(limits, item);

	if (!error)
		error = look_at_tcp(fd, &t);
	if (error)
		return error;
	if (item->what & PRIV_REPAIR_OFF)
		return repair_off(fd, limits, item, &t);
	return item->what & PRIV_REPAIR_BIND ? repair_new(fd, item, &t) : repair_standing(fd, limits, item, &t);
}

/* ---- the others ------------------------------------------------------------------------------------------------------ */

static int bind_name(const struct priv_item *item, int fd)
{
	struct sockaddr_storage name;
	socklen_t size = name_of(item, &name);
	int family, type, error = get_int(fd, SOL_SOCKET, SO_DOMAIN, &family);

	if (!error)
		error = get_int(fd, SOL_SOCKET, SO_TYPE, &type);
	if (error)
		return error;
	if (family != item->family || (type != SOCK_STREAM && type != SOCK_DGRAM))
		return -EINVAL;
	TRY(bind(fd, (struct sockaddr *)&name, size));
	return 0;
}

/* A socket's file that the receiver has made, and may give away. */
static int change_owner(const struct priv_limits *limits, int fd, uint32_t uid, uint32_t gid)
{
	struct stat status;

	TRY(fstat(fd, &status));
	if (!S_ISSOCK(status.st_mode) || status.st_uid != limits->uid)
		return -EPERM;
	TRY(fchownat(fd, "", uid, gid, AT_EMPTY_PATH));
	return 0;
}

static uint8_t unmapped(uint8_t family, struct tcp_blob_address *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	if (family == 4 || memcmp(a->bytes, prefix, sizeof prefix) != 0)
		return family;
	memmove(a->bytes, a->bytes + 12, 4);
	return 4;
}

/* The addresses are the kernel's. */
static int send_fin(const struct priv_limits *limits, int fd, const struct priv_request *r)
{
	struct sockaddr_storage peer = { 0 };
	struct tcp_blob_address local, remote;
	socklen_t size = sizeof peer;
	uint32_t scope;
	uint8_t family;
	struct tcp t;
	int on, error = look_at_tcp(fd, &t);

	if (!error)
		error = get_int(fd, IPPROTO_TCP, TCP_REPAIR, &on);
	if (error)
		return error;
	TRY(getpeername(fd, (struct sockaddr *)&peer, &size));
	if (!on || !stands(t.state) || !tcp_blob_from_sockaddr(&peer, &remote, &family, &scope) ||
	    !tcp_blob_from_sockaddr(&t.local, &local, &family, &scope))
		return -EINVAL;
	(void)unmapped(family, &remote); /* of the family of the other */
	family = unmapped(family, &local);
	if (!priv_port_allowed(limits, local.port, true))
		return -EACCES;
	if (!is_here(family == 4 ? AF_INET : AF_INET6, local.bytes) && !priv_address_moves(limits, family == 4 ? AF_INET : AF_INET6, local.bytes))
		return -EADDRNOTAVAIL;
	return host_packet_send_fin(family, &remote, &local, r->first, r->second, (uint16_t)r->value);
}

static int send_datagram(const struct om_datagram *head, const uint8_t *bytes, uint32_t size)
{
	struct tcp_blob_address local = { 0 };
	uint8_t family = head->family == AF_INET ? 4 : 6;

	memcpy(local.bytes, head->local_addr, sizeof local.bytes);
	family = unmapped(family, &local);
	if (!is_here(family == 4 ? AF_INET : AF_INET6, local.bytes))
		return -EADDRNOTAVAIL;
	return host_net_send_datagram(head, bytes, size);
}

static int move(const struct net_address *a, enum priv_move what)
{
	int error = what == PRIV_MOVE_BORROW ? net_address_borrow(a, BORROW_S) : what == PRIV_MOVE_ADD ? net_address_add(a) :
		what == PRIV_MOVE_ANNOUNCE ? net_address_announce(a) : net_address_remove(a);

	if (error)
		host_detail("%s", host_reason());
	return !error ? 0 : error == OM_EPERM ? -EPERM : -EIO;
}

static int act(const struct priv_limits *limits, const union priv_message *m, const int *fds)
{
	const struct priv_request *r = &m->head;

	switch ((enum priv_op)r->op) {
	case PRIV_OP_BIND:     return bind_name(&m->items[0], fds[0]);
	case PRIV_OP_BUFFER:   TRY(set_int(fds[0], SOL_SOCKET, (int)r->value, (int)r->size)); return 0;
	case PRIV_OP_CHOWN:    return change_owner(limits, fds[0], r->first, r->second);
	case PRIV_OP_FIN:      return send_fin(limits, fds[0], r);
	case PRIV_OP_DATAGRAM: return send_datagram(&m->datagram.head, m->datagram.bytes, r->size);
	case PRIV_OP_PREPARE:  return (int)host_net_prepare();
	case PRIV_OP_HOLD:     return (int)host_net_hold(m->flows, r->count);
	case PRIV_OP_LIFT:     return (int)(r->value ? host_net_release() : host_net_abandon());
	case PRIV_OP_MOVE:     return move(&limits->addresses[r->first], (enum priv_move)r->value);
	default:               return -EINVAL;
	}
}

uint32_t priv_serve(const struct priv_limits *limits, const union priv_message *m, uint32_t size, const int *fds, uint32_t fd_count,
	struct priv_answer *ret_answer)
{
	int error = priv_decode(limits, m, size, fd_count);

	memset(ret_answer, 0, sizeof *ret_answer);
	if (!error && m->head.op == PRIV_OP_REPAIR) {
		ret_answer->count = m->head.count;
		for (uint32_t i = 0; i < m->head.count; i++)
			ret_answer->results[i] = repair(limits, &m->items[i], fds[i]);
	} else {
		ret_answer->result = error ? error : act(limits, m, fds);
	}
	return (uint32_t)offsetof(struct priv_answer, results) + ret_answer->count * (uint32_t)sizeof ret_answer->results[0];
}

/* ---- messages -------------------------------------------------------------------------------------------------------- */

static union priv_message request;
static struct priv_answer answer;

/* Return: bytes, 0: the other end is closed. *ret_count: UINT32_MAX if some did not fit. */
static ssize_t receive(int fd, int fds[PRIV_BATCH], uint32_t *ret_count)
{
	union { struct cmsghdr align; uint8_t bytes[CMSG_SPACE(PRIV_BATCH * sizeof(int))]; } control;
	struct iovec piece = { &request, sizeof request };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	ssize_t got;

	*ret_count = 0;
	do
		got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	for (struct cmsghdr *c = got < 0 ? NULL : CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			uint32_t count = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

			memcpy(fds + *ret_count, CMSG_DATA(c), count * sizeof(int)); /* all together fit into `control` */
			*ret_count += count;
		}
	if (got > 0 && header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (*ret_count > 0)
			close(fds[--*ret_count]);
		*ret_count = UINT32_MAX;
	}
	return got;
}

void priv_serve_all(const struct priv_limits *limits, int fd)
{
	int fds[PRIV_BATCH];
	uint32_t count, size;
	ssize_t got;

	while ((got = receive(fd, fds, &count)) > 0) {
		size = priv_serve(limits, &request, (uint32_t)got, fds, count, &answer);
		for (uint32_t i = 0; count != UINT32_MAX && i < count; i++)
			close(fds[i]);
		if (send(fd, &answer, size, MSG_NOSIGNAL) < 0)
			return;
	}
}
