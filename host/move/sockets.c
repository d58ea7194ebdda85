/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets stay blocking, with a send timeout, so that the loops of the callers are plain. Whoever must stop a thread shuts its
 * socket down. Bytes from the peer are only measured here (frame length), never interpreted.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "sockets.h"
#include "util.h"

#define BACKLOG          128    /* while the destination builds its enclave, nobody is accepted */
#define PAGE_BUFFER      (4 * 1024 * 1024)
#define SEND_TIMEOUT_S   20
#define USER_TIMEOUT_MS  15000

int move_endpoint_parse(const char *text, struct move_endpoint *ret_address)
{
	struct move_endpoint a = { .port = MOVE_PORT_DEFAULT };
	const char *host = text, *end = text + strlen(text), *port = NULL, *colon;

	if (*text == '[') {
		host = text + 1;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return host_fail(OM_EINVAL, "\"%s\": an IPv6 address with a port is written [ADDRESS]:PORT", text);
		port = end[1] ? end + 2 : NULL;
	} else {
		colon = strchr(text, ':');
		if (colon && !strchr(colon + 1, ':')) {
			end = colon;
			port = colon + 1;
		}
	}
	if ((size_t)(end - host) >= sizeof a.host || (port && (!*port || strlen(port) >= sizeof a.port)))
		return host_fail(OM_EINVAL, "\"%s\" is not ADDRESS:PORT", text);
	/* A number is an address to getaddrinfo(), of which nobody thinks. */
	if (*host && host + strspn(host, "0123456789") == end)
		return host_fail(OM_EINVAL, "\"%s\": of which address? (127.0.0.1:%.*s; *:%.*s listens everywhere)", text, (int)(end - host), host,
			(int)(end - host), host);
	memcpy(a.host, host, (size_t)(end - host));
	a.host[end - host] = 0;
	if (port)
		memcpy(a.port, port, strlen(port) + 1);
	*ret_address = a;
	return 0;
}

void move_endpoint_format(const struct move_endpoint *address, char text[MOVE_ENDPOINT_TEXT])
{
	snprintf(text, MOVE_ENDPOINT_TEXT, strchr(address->host, ':') ? "[%s]:%s" : "%s:%s", address->host, address->port);
}

void move_format_sockaddr(const struct sockaddr *sa, socklen_t size, char text[MOVE_ENDPOINT_TEXT])
{
	struct move_endpoint a;

	if (getnameinfo(sa, size, a.host, sizeof a.host, a.port, sizeof a.port, NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, MOVE_ENDPOINT_TEXT, "unknown address");
	else
		move_endpoint_format(&a, text);
}

/*
 * All addresses of a name, in the order in which they are to be tried. No AI_ADDRCONFIG: it leaves out the loopback's
 * addresses, numbers too, of a family that no other interface has. An address that cannot be used fails at once.
 * "*" and "" with @passive are everything: one socket for both families if the host has IPv6, else one for IPv4.
 */
static int resolve(const struct move_endpoint *address, bool passive, struct addrinfo **ret_list)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 }, *list, *any;
	const char *host = *address->host && strcmp(address->host, "*") ? address->host : NULL;
	int error;

	if (!host && passive)
		hints.ai_family = AF_INET6;
	error = getaddrinfo(host, address->port, &hints, &list);
	if (!host && passive) {
		hints.ai_family = AF_INET;
		if (error)
			error = getaddrinfo(host, address->port, &hints, &list);
		else if (getaddrinfo(host, address->port, &hints, &any) == 0)
			list->ai_next = any;
	}
	if (error)
		return host_fail(OM_EINVAL, "%s:%s: %s", address->host, address->port, gai_strerror(error));
	*ret_list = list;
	return 0;
}

/* Return: 0 and *ret_fd, or errno. */
static int listen_at(const struct addrinfo *at, int *ret_fd)
{
	const int one = 1, zero = 0;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), code;

	if (fd < 0)
		return errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* without it a restart waits; harmless */
	if (at->ai_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_addr))
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG)) {
		code = errno;
		close(fd);
		return code;
	}
	*ret_fd = fd;
	return 0;
}

/* The first address of a name that this host has. */
int move_listen(const struct move_endpoint *address, int *ret_fd, char ret_text[MOVE_ENDPOINT_TEXT])
{
	struct addrinfo *list;
	struct sockaddr_storage bound;
	socklen_t size = sizeof bound;
	char text[MOVE_ENDPOINT_TEXT];
	int fd, code = 0, first = 0, error = resolve(address, true, &list);

	if (error)
		return error;
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		code = listen_at(at, &fd);
		if (!code || code == EADDRINUSE || code == EACCES)
			break;
		if (!first)
			first = code;
	}
	freeaddrinfo(list);
	if (code) {
		move_endpoint_format(address, text);
		if (code != EADDRINUSE && code != EACCES)
			code = first;
		return host_fail(code == EADDRINUSE ? OM_EEXISTS : code == EACCES ? OM_EPERM : OM_EINVAL, "%s: %s", text, strerror(code));
	}
	if (getsockname(fd, (struct sockaddr *)&bound, &size))
		size = 0;
	move_format_sockaddr((struct sockaddr *)&bound, size, ret_text);
	*ret_fd = fd;
	return 0;
}

int move_wait_fd(int fd, short events, int stop_fd, uint64_t timeout_ms)
{
	struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = stop_fd, .events = POLLIN } };
	uint64_t end = host_monotonic_ns() + timeout_ms * 1000000;

	for (;;) {
		uint64_t now = host_monotonic_ns();
		uint64_t left_ms = end > now ? (end - now + 999999) / 1000000 : 0;
		int n = poll(p, 2, left_ms > 1000000 ? 1000000 : (int)left_ms);

		if (n < 0 && errno != EINTR)
			return host_fail(OM_EIO, "poll: %s", strerror(errno));
		if (n > 0 && p[1].revents)
			return host_fail(OM_ECANCELLED, "cancelled");
		if (n > 0 && p[0].revents)
			return 0;
		if (host_monotonic_ns() >= end)
			return host_fail(OM_ETIMEDOUT, "no answer within %llu ms", (unsigned long long)timeout_ms);
	}
}

static int connect_one(const struct addrinfo *to, int stop_fd, uint64_t timeout_ms, int *ret_fd)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), code = 0, error = 0;
	socklen_t size = sizeof code;

	if (fd < 0)
		return host_fail(OM_ECONNECTION, "socket: %s", strerror(errno));
	if (connect(fd, to->ai_addr, to->ai_addrlen)) {
		if (errno != EINPROGRESS)
			error = host_fail(OM_ECONNECTION, "%s", strerror(errno));
		else
			error = move_wait_fd(fd, POLLOUT, stop_fd, timeout_ms);
		if (!error && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) || code))
			error = host_fail(OM_ECONNECTION, "%s%s", strerror(code), code == ECONNREFUSED ?
				"; is `optmig receive --listen` running there?" : "");
	}
	if (error) {
		close(fd);
		return error;
	}
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); /* cannot fail on an open socket */
	*ret_fd = fd;
	return 0;
}

int move_connect(const struct move_endpoint *address, int stop_fd, uint64_t timeout_ms, int *ret_fd)
{
	struct addrinfo *list;
	char text[MOVE_ENDPOINT_TEXT], words[300];
	int error = resolve(address, false, &list);

	if (error)
		return error;
	for (const struct addrinfo *to = list; to; to = to->ai_next) {
		error = connect_one(to, stop_fd, timeout_ms, ret_fd);
		if (!error || error == OM_ECANCELLED)
			break;
	}
	freeaddrinfo(list);
	if (error) {
		move_endpoint_format(address, text);
		snprintf(words, sizeof words, "%s", host_reason());
		return host_fail(error, "%s: %s", text, words);
	}
	return 0;
}

/* Failure of an option costs speed or a late notice of a dead peer, not correctness. */
void move_tune(int fd, uint16_t connection)
{
	const int one = 1, idle = 5, interval = 2, count = 4, user_timeout = USER_TIMEOUT_MS, buffer = PAGE_BUFFER;
	const struct timeval send_timeout = { .tv_sec = SEND_TIMEOUT_S };

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connection >= OM_CONNECTION_PAGES) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_timeout, sizeof send_timeout);
}

int move_send(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t done = send(fd, data, size, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return host_fail(OM_ECONNECTION, "send: %s", errno == EAGAIN ? "the peer takes nothing" : strerror(errno));
		data += done;
		size -= (size_t)done;
	}
	return 0;
}

int move_receive_rest(int fd, uint8_t *to, size_t size)
{
	while (size > 0) {
		ssize_t n = recv(fd, to, size, MSG_WAITALL);

		if (n == 0)
			return host_fail(OM_ETRUNCATED, "the connection ended inside a frame");
		if (n < 0 && errno != EINTR)
			return host_fail(OM_ECONNECTION, "receive: %s", strerror(errno));
		to += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static uint32_t frame_length(const uint8_t *header)
{
	const uint8_t *at = header + OM_FRAME_OFFSET_LENGTH;

	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

int move_receive_frame(int fd, uint8_t *buffer, bool wait, uint32_t *ret_size)
{
	ssize_t n;
	uint32_t length;
	int error;

	do
		n = recv(fd, buffer, OM_FRAME_HEADER, wait ? MSG_WAITALL : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return host_fail(OM_ETIMEDOUT, "nothing to receive");
	if (n < 0)
		return host_fail(OM_ECONNECTION, "receive: %s", strerror(errno));
	if (n == 0) {
		*ret_size = 0;
		return 0;
	}
	error = move_receive_rest(fd, buffer + n, OM_FRAME_HEADER - (size_t)n);
	if (error)
		return error;
	length = frame_length(buffer);
	if (length > OM_FRAME_PAYLOAD_MAX)
		return host_fail(OM_ETYPE, "a frame of %u bytes, the limit is %u", length, OM_FRAME_PAYLOAD_MAX);
	error = move_receive_rest(fd, buffer + OM_FRAME_HEADER, length);
	if (error)
		return error;
	*ret_size = OM_FRAME_HEADER + length;
	return 0;
}
