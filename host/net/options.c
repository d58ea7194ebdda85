/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table for reading, checking and setting. Options are compared with those of a new socket of the same family, type and protocol.
 * That socket is made and read once for each kind.
 *
 * Not in the table: SO_SNDBUF and SO_RCVBUF, which the kernel tunes (a connection's dump has them; elsewhere they are here
 * only if the program fixed them); what is an act and not a setting (SO_ERROR, TCP_QUICKACK); and SO_REUSEADDR of TCP sockets,
 * of which the enclave decides.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "options.h"
#include "priv/priv.h"
#include "sockopt.h"

#define LOCKED_SNDBUF 1
#define LOCKED_RCVBUF 2

enum { LEVEL_SOCKET = 1, LEVEL_TCP, LEVEL_IP, LEVEL_IP6, LEVEL_UDP, LEVEL_NETLINK };
static const int levels[] = { [LEVEL_SOCKET] = SOL_SOCKET, [LEVEL_TCP] = IPPROTO_TCP, [LEVEL_IP] = IPPROTO_IP,
	[LEVEL_IP6] = IPPROTO_IPV6, [LEVEL_UDP] = IPPROTO_UDP, [LEVEL_NETLINK] = 270 };

#define VALUE_MAX 64u
enum {
	ALL = 0,
	NOT_CONNECTION = 1,      /* means something else, or nothing, once connected */
	AFTER_REPAIR = 2,        /* connecting or leaving repair mode resets it, it acts at once, or it would keep what was queued out */
};

/* Numbers where the C library's headers are older than the kernels that have them. */
static const struct entry { uint8_t level; uint16_t name; uint8_t flags; } table[] = {
	{ LEVEL_SOCKET, SO_REUSEADDR, AFTER_REPAIR }, { LEVEL_SOCKET, SO_REUSEPORT, ALL }, { LEVEL_SOCKET, SO_BINDTODEVICE, AFTER_REPAIR },
	{ LEVEL_SOCKET, SO_KEEPALIVE, ALL }, { LEVEL_SOCKET, SO_BROADCAST, ALL }, { LEVEL_SOCKET, SO_DONTROUTE, ALL },
	{ LEVEL_SOCKET, SO_OOBINLINE, ALL }, { LEVEL_SOCKET, SO_LINGER, ALL },
	{ LEVEL_SOCKET, SO_RCVLOWAT, AFTER_REPAIR }, { LEVEL_SOCKET, SO_RCVTIMEO, ALL }, { LEVEL_SOCKET, SO_SNDTIMEO, ALL },
	{ LEVEL_SOCKET, SO_TIMESTAMP, ALL }, { LEVEL_SOCKET, SO_TIMESTAMPNS, ALL }, { LEVEL_SOCKET, SO_TIMESTAMPING, ALL },
	{ LEVEL_SOCKET, SO_PASSCRED, ALL }, { LEVEL_SOCKET, SO_PASSSEC, ALL }, { LEVEL_SOCKET, SO_MARK, ALL },
	{ LEVEL_SOCKET, SO_RXQ_OVFL, ALL }, { LEVEL_SOCKET, SO_NO_CHECK, ALL }, { LEVEL_SOCKET, SO_DEBUG, ALL },
	{ LEVEL_SOCKET, SO_SELECT_ERR_QUEUE, ALL }, { LEVEL_SOCKET, SO_BUSY_POLL, ALL }, { LEVEL_SOCKET, SO_MAX_PACING_RATE, ALL },
	{ LEVEL_SOCKET, SO_PEEK_OFF, ALL }, { LEVEL_SOCKET, SO_TXTIME, ALL }, { LEVEL_SOCKET, 69 /* PREFER_BUSY_POLL */, ALL },
	{ LEVEL_SOCKET, 74 /* TXREHASH */, ALL }, { LEVEL_SOCKET, 76 /* PASSPIDFD */, ALL },
	{ LEVEL_IP, IP_FREEBIND, ALL }, { LEVEL_IP, IP_TRANSPARENT, AFTER_REPAIR }, { LEVEL_IP, IP_BIND_ADDRESS_NO_PORT, NOT_CONNECTION },
	{ LEVEL_IP, 51 /* LOCAL_PORT_RANGE */, NOT_CONNECTION },
	{ LEVEL_IP, IP_TOS, ALL }, { LEVEL_IP, IP_TTL, ALL }, { LEVEL_IP, IP_MINTTL, ALL }, { LEVEL_IP, IP_OPTIONS, NOT_CONNECTION },
	{ LEVEL_IP, IP_MTU_DISCOVER, ALL }, { LEVEL_IP, IP_PKTINFO, ALL }, { LEVEL_IP, IP_RECVERR, ALL }, { LEVEL_IP, IP_RECVTTL, ALL },
	{ LEVEL_IP, IP_RECVTOS, ALL }, { LEVEL_IP, IP_RECVOPTS, ALL }, { LEVEL_IP, IP_RETOPTS, ALL }, { LEVEL_IP, IP_PASSSEC, ALL },
	{ LEVEL_IP, IP_RECVORIGDSTADDR, ALL }, { LEVEL_IP, IP_NODEFRAG, ALL }, { LEVEL_IP, IP_CHECKSUM, ALL },
	{ LEVEL_IP, IP_RECVFRAGSIZE, ALL }, { LEVEL_IP, 26 /* RECVERR_RFC4884 */, ALL }, { LEVEL_IP, IP_MULTICAST_TTL, ALL },
	{ LEVEL_IP, IP_MULTICAST_LOOP, ALL }, { LEVEL_IP, IP_MULTICAST_ALL, ALL }, { LEVEL_IP, IP_UNICAST_IF, ALL },
	{ LEVEL_IP6, IPV6_V6ONLY, ALL }, { LEVEL_IP6, IPV6_FREEBIND, ALL }, { LEVEL_IP6, IPV6_TRANSPARENT, AFTER_REPAIR },
	{ LEVEL_IP6, IPV6_TCLASS, ALL }, { LEVEL_IP6, IPV6_UNICAST_HOPS, ALL }, { LEVEL_IP6, IPV6_MINHOPCOUNT, ALL },
	{ LEVEL_IP6, IPV6_MTU_DISCOVER, ALL }, { LEVEL_IP6, IPV6_DONTFRAG, ALL }, { LEVEL_IP6, IPV6_AUTOFLOWLABEL, ALL },
	{ LEVEL_IP6, IPV6_ADDR_PREFERENCES, ALL }, { LEVEL_IP6, IPV6_RECVERR, ALL }, { LEVEL_IP6, 31 /* RECVERR_RFC4884 */, ALL },
	{ LEVEL_IP6, IPV6_RECVPKTINFO, ALL }, { LEVEL_IP6, IPV6_RECVHOPLIMIT, ALL }, { LEVEL_IP6, IPV6_RECVHOPOPTS, ALL },
	{ LEVEL_IP6, IPV6_RECVRTHDR, ALL }, { LEVEL_IP6, IPV6_RECVDSTOPTS, ALL }, { LEVEL_IP6, IPV6_RECVPATHMTU, ALL },
	{ LEVEL_IP6, IPV6_RECVTCLASS, ALL }, { LEVEL_IP6, IPV6_RECVORIGDSTADDR, ALL }, { LEVEL_IP6, IPV6_RECVFRAGSIZE, ALL },
	{ LEVEL_IP6, 2 /* 2292PKTINFO */, ALL }, { LEVEL_IP6, 8 /* 2292HOPLIMIT */, ALL },
	{ LEVEL_IP6, 33 /* FLOWINFO_SEND */, ALL }, { LEVEL_IP6, IPV6_MULTICAST_HOPS, ALL }, { LEVEL_IP6, IPV6_MULTICAST_LOOP, ALL },
	{ LEVEL_IP6, 29 /* MULTICAST_ALL */, ALL }, { LEVEL_IP6, IPV6_UNICAST_IF, ALL },
	{ LEVEL_TCP, TCP_NODELAY, ALL }, { LEVEL_TCP, TCP_CORK, ALL }, { LEVEL_TCP, TCP_MAXSEG, NOT_CONNECTION },
	{ LEVEL_TCP, TCP_KEEPIDLE, ALL }, { LEVEL_TCP, TCP_KEEPINTVL, ALL }, { LEVEL_TCP, TCP_KEEPCNT, ALL },
	{ LEVEL_TCP, TCP_SYNCNT, ALL }, { LEVEL_TCP, TCP_LINGER2, ALL }, { LEVEL_TCP, TCP_DEFER_ACCEPT, NOT_CONNECTION },
	{ LEVEL_TCP, TCP_WINDOW_CLAMP, NOT_CONNECTION }, { LEVEL_TCP, TCP_CONGESTION, ALL }, { LEVEL_TCP, TCP_THIN_LINEAR_TIMEOUTS, ALL },
	{ LEVEL_TCP, TCP_USER_TIMEOUT, ALL }, { LEVEL_TCP, TCP_FASTOPEN, NOT_CONNECTION }, { LEVEL_TCP, TCP_NOTSENT_LOWAT, AFTER_REPAIR },
	{ LEVEL_TCP, TCP_SAVE_SYN, NOT_CONNECTION }, { LEVEL_TCP, TCP_FASTOPEN_CONNECT, NOT_CONNECTION },
	{ LEVEL_TCP, TCP_FASTOPEN_NO_COOKIE, NOT_CONNECTION }, { LEVEL_TCP, TCP_INQ, ALL }, { LEVEL_TCP, TCP_TX_DELAY, ALL },
	{ LEVEL_UDP, UDP_CORK, ALL }, { LEVEL_UDP, UDP_NO_CHECK6_TX, ALL }, { LEVEL_UDP, UDP_NO_CHECK6_RX, ALL },
	{ LEVEL_UDP, UDP_SEGMENT, ALL }, { LEVEL_UDP, UDP_GRO, ALL },
	{ LEVEL_SOCKET, SO_PRIORITY, ALL },      /* behind IP_TOS, which changes it */
	{ LEVEL_NETLINK, 3 /* PKTINFO */, ALL }, { LEVEL_NETLINK, 4 /* BROADCAST_ERROR */, ALL }, { LEVEL_NETLINK, 5 /* NO_ENOBUFS */, ALL },
	{ LEVEL_NETLINK, 10 /* CAP_ACK */, ALL }, { LEVEL_NETLINK, 11 /* EXT_ACK */, ALL }, { LEVEL_NETLINK, 12 /* GET_STRICT_CHK */, ALL },
};
#define COUNT (sizeof table / sizeof *table)

/* Half of what the kernel reports: it doubles what is set. */
static const struct entry buffers[] = { { LEVEL_SOCKET, SO_SNDBUF, NOT_CONNECTION }, { LEVEL_SOCKET, SO_RCVBUF, NOT_CONNECTION } };

struct value { uint8_t size, bytes[VALUE_MAX]; };          /* size 0: the socket does not have it */

/* What a new socket has. */
struct reference {
	int family, type, protocol;
	struct value values[COUNT];
};
#define REFERENCES 16u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reference references[REFERENCES];
static unsigned reference_count;

/* Would the kernel look at this level for a socket of that family and protocol? */
static bool has_level(uint8_t level, int family, int type, int protocol)
{
	bool inet = family == AF_INET || family == AF_INET6;

	switch (level) {
	case LEVEL_SOCKET:  return true;
	case LEVEL_TCP:     return inet && type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == 262 /* MPTCP */);
	case LEVEL_UDP:     return inet && type == SOCK_DGRAM && protocol == IPPROTO_UDP;
	case LEVEL_IP:      return inet;
	case LEVEL_IP6:     return family == AF_INET6;
	case LEVEL_NETLINK: return family == AF_NETLINK;
	default:            return false;
	}
}

static void get(int fd, const struct entry *e, struct value *ret)
{
	socklen_t size = sizeof ret->bytes;

	memset(ret, 0, sizeof *ret);
	if (getsockopt(fd, levels[e->level], e->name, ret->bytes, &size) == 0 && size <= sizeof ret->bytes)
		ret->size = (uint8_t)size;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static const struct reference *reference_of(int family, int type, int protocol)
{
	struct reference *r = NULL;
	int fd;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < reference_count && !r; i++)
		if (references[i].family == family && references[i].type == type && references[i].protocol == protocol)
			r = &references[i];
	if (!r && reference_count < REFERENCES && (fd = socket(family, type | SOCK_CLOEXEC, protocol)) >= 0) {
		r = &references[reference_count++];
		*r = (struct reference){ family, type, protocol, {{0}} };
		for (unsigned i = 0; i < COUNT; i++)
			if (has_level(table[i].level, family, type, protocol))
				get(fd, &table[i], &r->values[i]);
		close(fd);
	}
	pthread_mutex_unlock(&lock);
	return r;
}

static size_t put(uint8_t *list, size_t at, const struct entry *e, const struct value *v)
{
	if (v->size > NET_OPTIONS_MAX - 4 - at)
		return at;
	list[at] = e->level;
	list[at + 1] = v->size;
	list[at + 2] = (uint8_t)e->name;
	list[at + 3] = (uint8_t)(e->name >> 8);
	memcpy(list + at + 4, v->bytes, v->size);
	return at + 4 + v->size;
}

static int get_int(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

static size_t put_buffers(int fd, uint8_t *list, size_t at)
{
	int locked = get_int(fd, SO_BUF_LOCK);

	for (unsigned i = 0; locked > 0 && i < 2; i++) {
		int half = get_int(fd, buffers[i].name) / 2;
		struct value v = { .size = sizeof half };

		memcpy(v.bytes, &half, sizeof half);
		if (locked & (i ? LOCKED_RCVBUF : LOCKED_SNDBUF))
			at = put(list, at, &buffers[i], &v);
	}
	return at;
}

int net_options_read(int fd, uint8_t *list)
{
	int family = get_int(fd, SO_DOMAIN), type = get_int(fd, SO_TYPE), protocol = get_int(fd, SO_PROTOCOL);
	const struct reference *r = family < 0 ? NULL : reference_of(family, type, protocol);
	struct value now;
	bool tos = false;
	size_t at = 0;

	if (!r)
		return -ENOTSOCK;
	for (unsigned i = 0; i < COUNT; i++) {
		if (!r->values[i].size && table[i].name != SO_BINDTODEVICE && table[i].name != IP_OPTIONS)
			continue;
		get(fd, &table[i], &now);
		tos = tos || (table[i].level == LEVEL_IP && table[i].name == IP_TOS && !same(&now, &r->values[i]));
		if (now.size && (!same(&now, &r->values[i]) || (tos && table[i].level == LEVEL_SOCKET && table[i].name == SO_PRIORITY)))
			at = put(list, at, &table[i], &now);
	}
	return (int)put_buffers(fd, list, at);
}

static const struct entry *find(uint8_t level, uint16_t name)
{
	for (unsigned i = 0; i < COUNT; i++)
		if (table[i].level == level && table[i].name == name)
			return &table[i];
	for (unsigned i = 0; i < 2; i++)
		if (buffers[i].level == level && buffers[i].name == name)
			return &buffers[i];
	return NULL;
}

static uint16_t name_at(const uint8_t *item)
{
	return (uint16_t)(item[2] | item[3] << 8);
}

bool net_options_valid(const uint8_t *list, size_t size)
{
	size_t at = 0;

	if (size > NET_OPTIONS_MAX)
		return false;
	while (size - at >= 4) {
		if (list[at + 1] > VALUE_MAX || list[at + 1] > size - at - 4 || !find(list[at], name_at(list + at)))
			return false;
		at += 4u + list[at + 1];
	}
	return at == size;
}

static bool is_time(uint8_t flags, enum net_options_when when)
{
	switch (when) {
	case NET_OPTIONS_NAMED:      return true;
	case NET_OPTIONS_CONNECTION: return flags == ALL;
	default:                     return flags == AFTER_REPAIR;
	}
}

/* Switched off, its time stays, and is told; it can be set together with the switch only. */
static void set_linger_time(int fd, const uint8_t *value, size_t size)
{
	struct linger linger;

	if (size != sizeof linger)
		return;
	memcpy(&linger, value, sizeof linger);
	if (linger.l_onoff || !linger.l_linger)
		return;
	linger.l_onoff = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger); /* the value itself follows */
}

static int force_buffer(int fd, int name, const uint8_t *value, size_t size)
{
	int bytes;

	if (size != sizeof bytes)
		return -1;
	memcpy(&bytes, value, sizeof bytes);
	return priv_buffer(fd, name == SO_SNDBUF ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, bytes);
}

void net_options_apply(int fd, const uint8_t *list, size_t size, enum net_options_when when)
{
	for (size_t at = 0; at + 4 <= size; at += 4u + list[at + 1]) {
		const struct entry *e = find(list[at], name_at(list + at));
		int name = e ? e->name : 0;

		if (!e || !is_time(e->flags, when))
			continue;
		/* With the right to do so beyond the host's limit, which was another where the program set it. */
		if (e->level == LEVEL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF) &&
		    force_buffer(fd, name, list + at + 4, list[at + 1]) == 0)
			continue;
		if (e->level == LEVEL_SOCKET && name == SO_LINGER)
			set_linger_time(fd, list + at + 4, list[at + 1]);
		(void)setsockopt(fd, levels[e->level], name, list + at + 4, list[at + 1]);
	}
}
