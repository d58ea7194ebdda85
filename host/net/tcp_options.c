/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options whose value is one int. Timeouts and blocking are the enclave's affair; buffer sizes are kept only where the
 * program fixed them (SO_BUF_LOCK), else the kernel goes on tuning them.
 */
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "tcp_options.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define SNDBUF_LOCK 1u
#define RCVBUF_LOCK 2u

enum { LEVEL_SOCKET = 1, LEVEL_TCP, LEVEL_IP, LEVEL_IP6 };
static const int levels[] = { [LEVEL_SOCKET] = SOL_SOCKET, [LEVEL_TCP] = IPPROTO_TCP, [LEVEL_IP] = IPPROTO_IP, [LEVEL_IP6] = IPPROTO_IPV6 };

static const struct { uint8_t level; uint16_t name; } list[] = {
	{ LEVEL_SOCKET, SO_REUSEADDR }, { LEVEL_SOCKET, SO_KEEPALIVE }, { LEVEL_SOCKET, SO_OOBINLINE }, { LEVEL_SOCKET, SO_PRIORITY },
	{ LEVEL_SOCKET, SO_RCVLOWAT },
	{ LEVEL_TCP, TCP_NODELAY }, { LEVEL_TCP, TCP_CORK }, { LEVEL_TCP, TCP_KEEPIDLE }, { LEVEL_TCP, TCP_KEEPINTVL },
	{ LEVEL_TCP, TCP_KEEPCNT }, { LEVEL_TCP, TCP_USER_TIMEOUT }, { LEVEL_TCP, TCP_LINGER2 }, { LEVEL_TCP, TCP_NOTSENT_LOWAT },
	{ LEVEL_IP, IP_TOS }, { LEVEL_IP, IP_TTL }, { LEVEL_IP6, IPV6_TCLASS }, { LEVEL_IP6, IPV6_UNICAST_HOPS },
};
#define LIST_COUNT (sizeof list / sizeof list[0])

static void add(struct tcp_blob *b, uint8_t level, uint16_t name, uint32_t value)
{
	if (b->option_count < TCP_BLOB_OPTIONS_MAX)
		b->option[b->option_count++] = (struct tcp_blob_option){ level, name, value };
}

static int get(int fd, int level, int name, int *value)
{
	socklen_t size = sizeof *value;

	return getsockopt(fd, level, name, value, &size) || size != sizeof *value ? -1 : 0;
}

void tcp_options_read(int fd, struct tcp_blob *b)
{
	int value, locks;

	for (unsigned i = 0; i < LIST_COUNT; i++)
		if (!(list[i].level == LEVEL_IP6 && b->family == 4) && get(fd, levels[list[i].level], list[i].name, &value) == 0)
			add(b, list[i].level, list[i].name, (uint32_t)value);
	if (get(fd, SOL_SOCKET, SO_BUF_LOCK, &locks))
		return;
	/* The kernel reports twice what was set. */
	if (((unsigned)locks & SNDBUF_LOCK) && get(fd, SOL_SOCKET, SO_SNDBUF, &value) == 0)
		add(b, LEVEL_SOCKET, SO_SNDBUF, (uint32_t)value / 2);
	if (((unsigned)locks & RCVBUF_LOCK) && get(fd, SOL_SOCKET, SO_RCVBUF, &value) == 0)
		add(b, LEVEL_SOCKET, SO_RCVBUF, (uint32_t)value / 2);
}

static bool listed(const struct tcp_blob_option *o)
{
	if (o->level == LEVEL_SOCKET && (o->name == SO_SNDBUF || o->name == SO_RCVBUF))
		return true;
	for (unsigned i = 0; i < LIST_COUNT; i++)
		if (list[i].level == o->level && list[i].name == o->name)
			return true;
	return false;
}

void tcp_options_apply(int fd, const struct tcp_blob *b)
{
	for (unsigned i = 0; i < b->option_count; i++) {
		int value = (int)b->option[i].value;

		if (listed(&b->option[i]))
			(void)setsockopt(fd, levels[b->option[i].level], b->option[i].name, &value, sizeof value);
	}
}
