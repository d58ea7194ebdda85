/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP: connections in all their states, within the program and with the driver's peers; options. */
#include "states.h"
#include <net/if.h>
#include <netinet/tcp.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	struct sockaddr_storage room;
};

static int port_of(const union address *a)
{
	return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

static void set_port(union address *a, int port)
{
	if (a->any.sa_family == AF_INET6)
		a->v6.sin6_port = htons((uint16_t)port);
	else
		a->v4.sin_port = htons((uint16_t)port);
}

/* Port numbers are the kernel's choice; what is said is whether they are what they were at first. */
static const char *address_words(const union address *a, socklen_t size, int *first)
{
	static char said[200];
	char host[INET6_ADDRSTRLEN] = "?";
	int port;

	if (size < sizeof(sa_family_t))
		return "nothing";
	if (a->any.sa_family == AF_UNIX) {
		const char *path = a->un.sun_path[0] ? strrchr(a->un.sun_path, '/') : NULL;

		snprintf(said, sizeof said, "unix %s", size <= sizeof(sa_family_t) ? "without name" : path ? path + 1 : "abstract");
		return said;
	}
	if (a->any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
	else
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
	port = port_of(a);
	if (*first == 0)
		*first = port;
	snprintf(said, sizeof said, "%s, %s port", host, port == 0 ? "no" : port == *first ? "its" : "ANOTHER");
	return said;
}

/* Says nothing if it is only to remember the ports. */
static void names(struct slot *s, int aloud)
{
	union address here, there;
	socklen_t size = sizeof here, size_there = sizeof there;
	const char *words_here, *words_there;

	memset(&here, 0, sizeof here);
	memset(&there, 0, sizeof there);
	words_here = getsockname(s->fd, &here.any, &size) < 0 ? error_name(errno) : address_words(&here, size, &s->port_here);
	if (aloud)
		say("name %s", words_here);
	words_there = getpeername(s->fd, &there.any, &size_there) < 0 ? error_name(errno) : address_words(&there, size_there, &s->port_there);
	if (aloud)
		say("peer %s", words_there);
}

void say_names(struct slot *s)
{
	names(s, 1);
}

static union address any_address(const char *family, int port)
{
	union address a;

	memset(&a, 0, sizeof a);
	if (*family == '6' || *family == 'm') {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_addr = *family == 'm' ? in6addr_any : in6addr_loopback;
	} else {
		a.v4.sin_family = AF_INET;
		a.v4.sin_addr.s_addr = htonl(*family == 'a' ? INADDR_ANY : INADDR_LOOPBACK);
	}
	set_port(&a, port);
	return a;
}

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

/* Where somebody reaches this socket: a wildcard's loopback. */
static union address reach(int fd, socklen_t *ret_size)
{
	union address a;
	socklen_t size = sizeof a;

	memset(&a, 0, sizeof a);
	getsockname(fd, &a.any, &size);
	if (a.any.sa_family == AF_INET && a.v4.sin_addr.s_addr == htonl(INADDR_ANY))
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (a.any.sa_family == AF_INET6 && memcmp(&a.v6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0)
		a.v6.sin6_addr = in6addr_loopback;
	*ret_size = size_of(&a);
	return a;
}

static int local_port(int fd)
{
	union address a;
	socklen_t size = sizeof a;

	memset(&a, 0, sizeof a);
	return getsockname(fd, &a.any, &size) < 0 ? 0 : port_of(&a);
}

static struct slot *new_socket(int i, const char *family, int type, enum kind kind)
{
	int af = *family == '6' || *family == 'm' ? AF_INET6 : AF_INET;
	struct slot *s = put(i, socket(af, type | SOCK_NONBLOCK, 0), kind);

	if (s) {
		s->type = type;
		s->family = af;
	}
	return s;
}

static void bind_there(struct slot *s, const char *family)
{
	union address a = any_address(family, 0);

	say("bind %s", result(bind(s->fd, &a.any, size_of(&a))));
	names(s, 0);
}

/* tlisten SLOT FAMILY BACKLOG REUSE; family 4, 6, a (any IPv4), m (any, both) */
static void do_tlisten(void)
{
	struct slot *s = new_socket(1, text(2), SOCK_STREAM, TCP_LISTENER);
	int on = 1;

	if (!s)
		return;
	if (number(4))
		setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bind_there(s, text(2));
	say("listen %s", result(listen(s->fd, (int)number(3))));
}

/* Connections that nobody has accepted are reset with their listener. */
void listener_ends(const struct slot *l)
{
	int port = local_port(l->fd);
	union address a;

	for (struct slot *s = slots; s < slots + SLOTS; s++) {
		socklen_t size = sizeof a;

		if (s->kind == TCP && s->fresh && s->in && getpeername(s->fd, &a.any, &size) == 0 && port_of(&a) == port)
			s->in->end = s->in->reset = s->out->reset = 1;
	}
}

/* trelisten SLOT: the listener goes and comes back to its port, beside what is left of its connections */
static void do_trelisten(void)
{
	struct slot *s = slot(1, TCP_LISTENER);
	socklen_t size = sizeof(union address), option = sizeof(int);
	union address a;
	int reuse = 0, family;

	if (!s)
		return;
	memset(&a, 0, sizeof a);
	family = s->family;
	getsockname(s->fd, &a.any, &size);
	getsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &option);
	forget(s);
	s = put(1, socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), TCP_LISTENER);
	if (!s)
		return;
	s->type = SOCK_STREAM;
	s->family = family;
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
	say("bind %s", result(bind(s->fd, &a.any, size_of(&a))));
	names(s, 0);
	say("listen %s", result(listen(s->fd, 8)));
}

static void do_tsock(void)
{
	if (new_socket(1, text(2), SOCK_STREAM, TCP))
		say("ok");
}

static void do_tbind(void)
{
	struct slot *s = new_socket(1, text(2), SOCK_STREAM, TCP);

	if (s)
		bind_there(s, text(2));
}

/* Waits for the end of connecting, and says it. */
static int finish_connect(struct slot *s, const union address *a)
{
	int n = connect(s->fd, &a->any, size_of(a)), error = n < 0 ? errno : 0;
	struct pollfd p = { s->fd, POLLOUT, 0 };
	socklen_t size = sizeof error;

	if (error == EINPROGRESS) {
		if (poll(&p, 1, PATIENCE_MS) != 1)
			error = ETIMEDOUT;
		else
			getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	say("connect %s", error ? error_name(error) : "ok");
	names(s, 0);
	return error;
}

/* tconnect SLOT LISTENER [FAMILY] */
static void do_tconnect(void)
{
	struct slot *l = slot(2, TCP_LISTENER), *s;
	union address a;
	socklen_t size;

	if (!l)
		return;
	a = reach(l->fd, &size);
	if (*text(3) == '4' && a.any.sa_family == AF_INET6)
		a = any_address("4", port_of(&a));
	s = new_socket(1, a.any.sa_family == AF_INET6 ? "6" : "4", SOCK_STREAM, TCP);
	if (s && finish_connect(s, &a) == 0) {
		s->fresh = 1;
		s->out = new_flow(0);
		s->in = new_flow(0);
	}
}

/* taccept SLOT LISTENER CLIENT: the oldest waiting connection, which must be the client's */
static void do_taccept(void)
{
	struct slot *l = slot(2, TCP_LISTENER), *client, *s;
	struct pollfd p;
	union address a;
	socklen_t size = sizeof a;
	int fd;

	if (!l)
		return;
	client = words > 3 ? slot(3, TCP) : NULL;
	p = (struct pollfd){ l->fd, POLLIN, 0 };
	poll(&p, 1, client && client->fresh ? 2000 : 0);
	fd = accept4(l->fd, &a.any, &size, SOCK_NONBLOCK);
	s = put(1, fd, TCP);
	if (!s)
		return;
	s->type = SOCK_STREAM;
	s->family = l->family;
	s->buffers_set = l->buffers_set;
	names(s, 0);
	/* Which client is it? What the kernel lets wait here may be the driver's. */
	client = NULL;
	for (struct slot *c = slots; c < slots + SLOTS; c++)
		if (c->kind == TCP && c != s && c->port_here == port_of(&a) && c->port_there == s->port_here)
			client = c;
	if (client && client->out) {
		s->in = client->out;
		s->out = client->in;
		s->large = client->large;
		for (struct slot *c = slots; c < slots + SLOTS; c++)    /* its duplicates too */
			if (c->kind == TCP && c->out == client->out)
				c->fresh = 0;
	} else {
		s->in = new_flow(0);
		s->out = new_flow(0);
	}
	say("ok from %s", client ? "one of ours" : "somebody");
}

/* To a port that nobody listens on. */
static void do_trefused(void)
{
	struct slot *s = new_socket(1, text(2), SOCK_STREAM, TCP);
	union address a = any_address(text(2), 0);
	socklen_t size = size_of(&a);
	int fd;

	if (!s)
		return;
	fd = socket(a.any.sa_family, SOCK_STREAM, 0);
	if (bind(fd, &a.any, size) == 0 && getsockname(fd, &a.any, &size) == 0)
		finish_connect(s, &a);
	close(fd);
}

/* Peers: number K of the driver; flow 100 + 2K is what it writes, 101 + 2K what it reads. */
static struct flow *peer_flows[2][64];

static void attach_peer(struct slot *s, long k)
{
	if (k < 0 || k >= 64)
		return;
	s->in = peer_flows[0][k] = new_flow((int)(100 + 2 * k));
	s->out = peer_flows[1][k] = new_flow((int)(101 + 2 * k));
}

/* tpconnect SLOT FAMILY K: connects to the driver */
static void do_tpconnect(void)
{
	struct slot *s = new_socket(1, text(2), SOCK_STREAM, TCP);
	union address a;
	int port;

	if (!s)
		return;
	port = (int)strtol(ask_driver("listen %s %ld", *text(2) == '6' ? "6" : "4", number(3)), NULL, 10);
	a = any_address(*text(2) == '6' ? "6" : "4", port);
	if (finish_connect(s, &a) == 0) {
		attach_peer(s, number(3));
		ask_driver("accept %ld", number(3));
	}
}

/* tpdial LISTENER K: the driver connects to us. taccept with the slot that comes then; see tpaccept */
static void do_tpdial(void)
{
	struct slot *l = slot(1, TCP_LISTENER);
	union address a;
	socklen_t size;
	int port;

	if (!l)
		return;
	a = reach(l->fd, &size);
	port = (int)strtol(ask_driver("dial %s %d %ld", a.any.sa_family == AF_INET6 ? "6" : "4", port_of(&a), number(2)), NULL, 10);
	say("%s", port > 0 ? "ok" : "refused");
}

/* tpaccept SLOT LISTENER K */
static void do_tpaccept(void)
{
	struct slot *l = slot(2, TCP_LISTENER), *s;
	struct pollfd p;

	if (!l)
		return;
	p = (struct pollfd){ l->fd, POLLIN, 0 };
	poll(&p, 1, 2000);
	s = put(1, accept4(l->fd, NULL, NULL, SOCK_NONBLOCK), TCP);
	if (!s)
		return;
	s->type = SOCK_STREAM;
	s->family = l->family;
	s->buffers_set = l->buffers_set;
	names(s, 0);
	attach_peer(s, number(3));
	say("ok");
}

static struct flow *peer_flow(int side)
{
	long k = number(1);

	return k >= 0 && k < 64 ? peer_flows[side][k] : NULL;
}

/* What a peer shall do: psend K N, pread K N, pshut K, pclose K, preset K, pdrain K. "pduring" lets it happen while we move. */
static void do_peer(void)
{
	struct flow *to_us = peer_flow(0), *from_us = peer_flow(1);
	const char *what = word[0];
	long size = number(2);

	if (!to_us) {
		say("no such peer");
		return;
	}
	if (strcmp(what, "psend") == 0 && !to_us->end) {
		to_us->sent += size;
		if (to_us->sent - to_us->got > large_here())
			for (struct slot *s = slots; s < slots + SLOTS; s++)
				if (s->in == to_us)
					s->large = 1;
	}
	if (strcmp(what, "pshut") == 0 || strcmp(what, "pclose") == 0)
		to_us->end = 1;
	if (strcmp(what, "pclose") == 0 && from_us->sent > from_us->got)
		to_us->reset = 1;
	if (strcmp(what, "preset") == 0)
		to_us->end = to_us->reset = 1;
	if (strcmp(what, "pread") == 0) {       /* no more than there is */
		if (size > from_us->sent - from_us->got)
			size = from_us->sent > from_us->got ? from_us->sent - from_us->got : 0;
		from_us->got += size;
	}
	if (strcmp(what, "pdrain") == 0)
		from_us->got = 1L << 40;
	say("%s", ask_driver("%s %s %ld %s", what, text(1), size, number(3) ? "during" : "now"));
}

/* usock SLOT FAMILY BOUND */
static void do_usock(void)
{
	struct slot *s = new_socket(1, text(2), SOCK_DGRAM, UDP);

	if (!s)
		return;
	s->in = new_flow(1000);
	s->in->messages = 1;
	if (number(3))
		bind_there(s, text(2));
	else
		say("ok");
}

static void do_uconn(void)
{
	struct slot *s = slot(1, UDP), *to = slot(2, UDP);
	union address a;
	socklen_t size;

	if (!s || !to)
		return;
	a = reach(to->fd, &size);
	say("%s", result(connect(s->fd, &a.any, size)));
	s->out = to->in;
	names(s, 0);
}

static void set_hops(int fd, int family, int ttl, int tos)
{
	int six = family == AF_INET6, level = six ? IPPROTO_IPV6 : IPPROTO_IP;

	if (ttl)
		setsockopt(fd, level, six ? IPV6_UNICAST_HOPS : IP_TTL, &ttl, sizeof ttl);
	if (tos)
		setsockopt(fd, level, six ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos);
}

/* usend TO SIZE TTL TOS: a datagram from nobody in particular; 0: what is usual */
static void do_usend(void)
{
	static unsigned char data[65536];
	struct slot *to = slot(1, UDP);
	long size = number(2) < 0 || number(2) > 60000 ? 0 : number(2);
	union address a;
	socklen_t length;
	int fd;

	if (!to)
		return;
	a = reach(to->fd, &length);
	fd = socket(a.any.sa_family, SOCK_DGRAM, 0);
	for (long i = 0; i < size; i++)
		data[i] = (unsigned char)(size * 31 + i * 7 + to->in->id);
	set_hops(fd, a.any.sa_family, (int)number(3), (int)number(4));
	say("%s", result(sendto(fd, data, (size_t)size, 0, &a.any, length)));
	flow_sent(to->in, size);
	close(fd);
}

/* A group of this run only: a socket hears the groups that any socket of the host has joined. */
static struct in_addr own_group(const char *name)
{
	struct in_addr group = { 0 };
	unsigned hash = 5381;

	for (const char *p = work_path("x"); *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	inet_pton(AF_INET, name, &group);
	group.s_addr = htonl((ntohl(group.s_addr) & 0xff0000ff) | (hash & 0xffff) << 8);
	return group;
}

/* mcast SLOT join|leave GROUP: by address, by index, or IPv6 */
static void do_mcast(void)
{
	struct slot *s = slot(1, UDP);
	int leave = *text(2) == 'l';
	long n;

	if (!s)
		return;
	if (s->family == AF_INET6) {
		struct ipv6_mreq m = { .ipv6mr_interface = 1 };

		inet_pton(AF_INET6, text(3), &m.ipv6mr_multiaddr);
		n = setsockopt(s->fd, IPPROTO_IPV6, leave ? IPV6_LEAVE_GROUP : IPV6_JOIN_GROUP, &m, sizeof m);
	} else if (number(4)) {
		struct group_req g = { .gr_interface = 1 };
		struct sockaddr_in *address = (void *)&g.gr_group;

		address->sin_family = AF_INET;
		address->sin_addr = own_group(text(3));
		n = setsockopt(s->fd, IPPROTO_IP, leave ? MCAST_LEAVE_GROUP : MCAST_JOIN_GROUP, &g, sizeof g);
	} else {
		struct ip_mreq m = { .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };

		m.imr_multiaddr = own_group(text(3));
		n = setsockopt(s->fd, IPPROTO_IP, leave ? IP_DROP_MEMBERSHIP : IP_ADD_MEMBERSHIP, &m, sizeof m);
	}
	say("%s", result(n));
}

/* msend SLOT GROUP: does a datagram to that group arrive? */
static void do_msend(void)
{
	struct slot *s = slot(1, UDP);
	union address a;
	struct pollfd p;
	char data[8] = "";
	unsigned index = 1;
	int fd, arrives = 0;

	if (!s)
		return;
	a = any_address(s->family == AF_INET6 ? "6" : "4", local_port(s->fd));
	fd = socket(s->family, SOCK_DGRAM, 0);
	if (s->family == AF_INET6) {
		inet_pton(AF_INET6, text(2), &a.v6.sin6_addr);
		a.v6.sin6_scope_id = 1;
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
	} else {
		struct in_addr lo = { htonl(INADDR_LOOPBACK) };

		a.v4.sin_addr = own_group(text(2));
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo);
	}
	while (recv(s->fd, data, sizeof data, MSG_DONTWAIT) >= 0)
		;
	say("sendto %s", result(sendto(fd, "group", 5, 0, &a.any, size_of(&a))));
	p = (struct pollfd){ s->fd, POLLIN, 0 };
	poll(&p, 1, 150);
	while (recv(s->fd, data, sizeof data, MSG_DONTWAIT) == 5)
		arrives++;
	say("arrives %d times", arrives);
	close(fd);
}

enum form { NUMBER, LINGER, PERIOD, NAME };
static const struct option {
	const char *name;
	int level, option;
	enum form form;
	unsigned kinds;
} options[] = {
#define ON(k) (1u << (k))
#define INET (ON(TCP) | ON(TCP_LISTENER) | ON(UDP))
#define STREAMS (ON(TCP) | ON(TCP_LISTENER))
#define LOCAL (ON(PAIR) | ON(UNIX_LISTENER) | ON(UNIX_STREAM) | ON(UNIX_DATAGRAM))
	{ "SO_TYPE", SOL_SOCKET, SO_TYPE, NUMBER, INET | LOCAL },
	{ "SO_DOMAIN", SOL_SOCKET, SO_DOMAIN, NUMBER, INET | LOCAL },
	{ "SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL, NUMBER, INET | LOCAL },
	{ "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN, NUMBER, STREAMS | ON(UNIX_LISTENER) | ON(UNIX_STREAM) },
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, NUMBER, INET },
	{ "SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, NUMBER, INET },
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, NUMBER, INET },
	{ "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, NUMBER, INET },
	{ "SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, NUMBER, STREAMS },
	{ "SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, NUMBER, INET },
	{ "SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, NUMBER, STREAMS | LOCAL },
	{ "SO_DONTROUTE", SOL_SOCKET, SO_DONTROUTE, NUMBER, INET },
	{ "SO_PEEK_OFF", SOL_SOCKET, SO_PEEK_OFF, NUMBER, ON(TCP) | ON(UDP) | ON(PAIR) | ON(UNIX_STREAM) | ON(UNIX_DATAGRAM) },
	{ "SO_MARK", SOL_SOCKET, SO_MARK, NUMBER, INET },
	{ "SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, NUMBER, ON(UDP) },
	{ "SO_PASSCRED", SOL_SOCKET, SO_PASSCRED, NUMBER, LOCAL },
	{ "SO_LINGER", SOL_SOCKET, SO_LINGER, LINGER, STREAMS },
	{ "SO_RCVTIMEO", SOL_SOCKET, SO_RCVTIMEO, PERIOD, INET | LOCAL },
	{ "SO_SNDTIMEO", SOL_SOCKET, SO_SNDTIMEO, PERIOD, INET | LOCAL },
	{ "SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, NAME, INET },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, NUMBER, INET | LOCAL },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, NUMBER, INET | LOCAL },
	{ "IP_TOS", IPPROTO_IP, IP_TOS, NUMBER, INET },
	{ "IP_TTL", IPPROTO_IP, IP_TTL, NUMBER, INET },
	{ "IP_MINTTL", IPPROTO_IP, IP_MINTTL, NUMBER, STREAMS },
	{ "IP_RECVTOS", IPPROTO_IP, IP_RECVTOS, NUMBER, INET },
	{ "IP_RECVTTL", IPPROTO_IP, IP_RECVTTL, NUMBER, INET },
	{ "IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, NUMBER, INET },
	{ "IP_RECVERR", IPPROTO_IP, IP_RECVERR, NUMBER, ON(UDP) },
	{ "IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, NUMBER, INET },
	{ "IP_FREEBIND", IPPROTO_IP, IP_FREEBIND, NUMBER, INET },
	{ "IP_MULTICAST_TTL", IPPROTO_IP, IP_MULTICAST_TTL, NUMBER, ON(UDP) },
	{ "IP_MULTICAST_LOOP", IPPROTO_IP, IP_MULTICAST_LOOP, NUMBER, ON(UDP) },
	{ "IP_MULTICAST_ALL", IPPROTO_IP, IP_MULTICAST_ALL, NUMBER, ON(UDP) },
	{ "IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY, NUMBER, INET },
	{ "IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS, NUMBER, INET },
	{ "IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS, NUMBER, INET },
	{ "IPV6_RECVPKTINFO", IPPROTO_IPV6, IPV6_RECVPKTINFO, NUMBER, INET },
	{ "IPV6_RECVHOPLIMIT", IPPROTO_IPV6, IPV6_RECVHOPLIMIT, NUMBER, ON(UDP) },
	{ "IPV6_RECVTCLASS", IPPROTO_IPV6, IPV6_RECVTCLASS, NUMBER, INET },
	{ "IPV6_MULTICAST_HOPS", IPPROTO_IPV6, IPV6_MULTICAST_HOPS, NUMBER, ON(UDP) },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, NUMBER, STREAMS },
	{ "TCP_CORK", IPPROTO_TCP, TCP_CORK, NUMBER, STREAMS },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, NUMBER, STREAMS },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, NUMBER, STREAMS },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, NUMBER, STREAMS },
	{ "TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, NUMBER, STREAMS },
	{ "TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, NUMBER, STREAMS },
	{ "TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, NUMBER, ON(TCP_LISTENER) },
	{ "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, NUMBER, STREAMS },
	{ "TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, NUMBER, STREAMS },
	{ "TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, NAME, STREAMS },
};

union value {
	int number;
	struct linger linger;
	struct timeval period;
	char name[16];
};

static void say_option(struct slot *s, const struct option *o)
{
	union value v;
	socklen_t size = o->form == LINGER ? sizeof v.linger : o->form == PERIOD ? sizeof v.period : o->form == NAME ? sizeof v.name : sizeof v.number;

	memset(&v, 0, sizeof v);
	if (getsockopt(s->fd, o->level, o->option, &v, &size) != 0)
		say("%s %s", o->name, error_name(errno));
	else if (o->form == LINGER)
		say("%s %d %d", o->name, v.linger.l_onoff, v.linger.l_linger);
	else if (o->form == PERIOD)
		say("%s %ld.%02ld", o->name, (long)v.period.tv_sec, (long)v.period.tv_usec / 10000);
	else if (o->form == NAME)
		say("%s %.16s", o->name, v.name);
	else
		say("%s %d", o->name, v.number);
}

void say_options(struct slot *s)
{
	for (const struct option *o = options; o < options + sizeof options / sizeof *options; o++) {
		if (!(o->kinds & ON(s->kind)) || (o->level == IPPROTO_IPV6 && s->family != AF_INET6))
			continue;
		/* The kernel tunes the buffers of a connection until somebody sets them. */
		if (s->kind == TCP && ((o->option == SO_SNDBUF && !(s->buffers_set & 1)) || (o->option == SO_RCVBUF && !(s->buffers_set & 2))) &&
		    o->level == SOL_SOCKET)
			continue;
		say_option(s, o);
	}
}

/* opt SLOT NAME VALUE */
static void do_opt(void)
{
	struct slot *s = socket_slot(1);
	const struct option *o = options, *end = options + sizeof options / sizeof *options;
	union value v;
	socklen_t size = sizeof v.number;
	long n = number(3);

	if (!s)
		return;
	while (o < end && strcmp(o->name, text(2)) != 0)
		o++;
	if (o == end) {
		say("no such option");
		return;
	}
	memset(&v, 0, sizeof v);
	v.number = (int)n;
	if (o->form == LINGER) {
		v.linger = (struct linger){ n >= 0, n >= 0 ? (int)n : 0 };
		size = sizeof v.linger;
	} else if (o->form == PERIOD) {
		v.period = (struct timeval){ n / 1000, n % 1000 * 1000 };
		size = sizeof v.period;
	} else if (o->form == NAME) {
		snprintf(v.name, sizeof v.name, "%s", text(3));
		size = (socklen_t)strlen(v.name) + 1;
	}
	say("%s", result(setsockopt(s->fd, o->level, o->option, &v, size)));
	if (o->level == SOL_SOCKET && (o->option == SO_SNDBUF || o->option == SO_RCVBUF))
		s->buffers_set |= o->option == SO_SNDBUF ? 1 : 2;
	/* Who accepted has the TTL of its first packet as that of groups, and cannot change it: it means nothing there. */
	if (o->kinds & ON(s->kind) || (o->option != IP_MULTICAST_TTL && o->option != IPV6_MULTICAST_HOPS))
		say_option(s, o);
}

const struct op ops_inet[] = {
	{ "tlisten", do_tlisten }, { "trelisten", do_trelisten }, { "tsock", do_tsock }, { "tbind", do_tbind }, { "tconnect", do_tconnect }, { "taccept", do_taccept },
	{ "trefused", do_trefused }, { "tpconnect", do_tpconnect }, { "tpdial", do_tpdial }, { "tpaccept", do_tpaccept },
	{ "psend", do_peer }, { "pread", do_peer }, { "pshut", do_peer }, { "pclose", do_peer }, { "preset", do_peer }, { "pdrain", do_peer },
	{ "usock", do_usock }, { "uconn", do_uconn }, { "usend", do_usend }, { "mcast", do_mcast }, { "msend", do_msend }, { "opt", do_opt },
	{ NULL, NULL },
};
