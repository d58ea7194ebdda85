/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw packets: for the FIN that a restored connection has already received, and for packets caught while traffic was
 * held. Checksums are always computed, because packets from a loopback or virtual interface carry none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "packet.h"

#define SEGMENT_DATA 1200u     /* fits any route of IPv6 */

struct layout {
	uint8_t version, protocol;
	size_t transport;      /* offset of the TCP or UDP header */
	size_t data;           /* offset of its payload */
	size_t size;
};

static uint32_t sum_words(uint32_t sum, const uint8_t *p, size_t size)
{
	for (; size > 1; p += 2, size -= 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (size)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* Everything is inside `size` afterwards; fragments and extension headers are not ours to handle. */
static bool parse(const uint8_t *p, size_t size, struct layout *l)
{
	size_t header, total;

	if (size < 20)
		return false;
	l->version = p[0] >> 4;
	if (l->version == 4) {
		header = (size_t)(p[0] & 15) * 4;
		total = get16(p + 2);
		l->protocol = p[9];
		if (header < 20 || (get16(p + 6) & 0x3fff))
			return false;
	} else if (l->version == 6 && size >= 40) {
		header = 40;
		total = 40 + get16(p + 4);
		l->protocol = p[6];
	} else {
		return false;
	}
	if (total > size || total < header + 8)
		return false;
	l->transport = header;
	l->size = total;
	if (l->protocol == IPPROTO_UDP) {
		l->data = header + 8;
		return true;
	}
	if (l->protocol != IPPROTO_TCP || total < header + 20)
		return false;
	l->data = header + (size_t)(p[header + 12] >> 4) * 4;
	return l->data >= header + 20 && l->data <= total;
}

static void set_lengths_and_sums(uint8_t *p, const struct layout *l)
{
	size_t transport_size = l->size - l->transport;
	size_t sum_at = l->transport + (l->protocol == IPPROTO_TCP ? 16 : 6);
	uint32_t sum = l->protocol + (uint32_t)transport_size;

	if (l->version == 4) {
		put16(p + 2, (uint32_t)l->size);
		put16(p + 10, 0);
		put16(p + 10, ~sum_words(0, p, l->transport));
		sum = sum_words(sum, p + 12, 8);
	} else {
		put16(p + 4, (uint32_t)(l->size - 40));
		sum = sum_words(sum, p + 8, 32);
	}
	if (l->protocol == IPPROTO_UDP)
		put16(p + l->transport + 4, (uint32_t)transport_size);
	put16(p + sum_at, 0);
	sum = ~sum_words(sum, p + l->transport, transport_size) & 0xffff;
	put16(p + sum_at, sum || l->protocol != IPPROTO_UDP ? sum : 0xffff); /* RFC 768: 0 says that there is none */
}

/* One socket per family for the whole process; they are bound to its network namespace. */
static int raw_socket(uint8_t version)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int sockets[2] = { -1, -1 };
	int *fd = &sockets[version == 6];
	uint32_t mark = HOST_NET_MARK;

	pthread_mutex_lock(&lock);
	if (*fd < 0) {
		*fd = socket(version == 6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		if (*fd >= 0 && setsockopt(*fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark)) {
			int error = errno;

			close(*fd);
			*fd = -1;
			errno = error;
		}
	}
	pthread_mutex_unlock(&lock);
	return *fd;
}

static int send_one(uint8_t *p, const struct layout *l)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	int fd = raw_socket(l->version);
	ssize_t sent;

	if (fd < 0)
		return -errno;
	set_lengths_and_sums(p, l);
	if (l->version == 4) {
		memcpy(&v4.sin_addr, p + 16, 4);
		sent = sendto(fd, p, l->size, 0, (struct sockaddr *)&v4, sizeof v4);
	} else {
		memcpy(&v6.sin6_addr, p + 24, 16);
		sent = sendto(fd, p, l->size, 0, (struct sockaddr *)&v6, sizeof v6);
	}
	return sent < 0 ? -errno : 0;
}

/* Headers stay in front and are moved along: each segment overwrites the end of the one before, already sent. */
static int send_segments(uint8_t *p, const struct layout *l)
{
	uint8_t headers[128];
	size_t left = l->size - l->data;
	uint32_t seq = get32(p + l->transport + 4);
	uint8_t flags = p[l->transport + 13];
	uint8_t *data = p + l->data;
	int error = 0;

	if (l->data > sizeof headers)
		return -EMSGSIZE;
	memcpy(headers, p, l->data);
	while (left > 0 && !error) {
		size_t now = left < SEGMENT_DATA ? left : SEGMENT_DATA;
		struct layout segment = *l;
		uint8_t *packet = data - l->data;

		memcpy(packet, headers, l->data);
		put32(packet + l->transport + 4, seq);
		/* FIN and PSH belong to the last. */
		packet[l->transport + 13] = now == left ? flags : flags & (uint8_t)~(TH_FIN | TH_PUSH);
		segment.size = l->data + now;
		error = send_one(packet, &segment);
		data += now;
		seq += (uint32_t)now;
		left -= now;
	}
	return error;
}

int host_packet_send(uint8_t *packet, size_t size)
{
	struct layout l;
	int error;

	if (!parse(packet, size, &l))
		return -EPROTO;
	error = send_one(packet, &l);
	if (error == -EMSGSIZE && l.protocol == IPPROTO_TCP)
		error = send_segments(packet, &l);
	return error;
}

/* The headers of a packet without options, ports filled in. Return: its layout for `transport_size` and `data_size` bytes. */
static struct layout begin_packet(uint8_t *packet, uint8_t family, uint8_t protocol, const struct tcp_blob_address *remote,
	const struct tcp_blob_address *local, size_t transport_size, size_t data_size)
{
	size_t ip = family == 4 ? 20 : 40, length = family == 4 ? 4 : 16;

	packet[0] = family == 4 ? 0x45 : 0x60;
	packet[family == 4 ? 8 : 7] = 64;
	packet[family == 4 ? 9 : 6] = protocol;
	memcpy(packet + (family == 4 ? 12 : 8), remote->bytes, length);
	memcpy(packet + (family == 4 ? 16 : 24), local->bytes, length);
	put16(packet + ip, remote->port);
	put16(packet + ip + 2, local->port);
	return (struct layout){ family, protocol, ip, ip + transport_size, ip + transport_size + data_size };
}

int host_packet_send_fin(uint8_t family, const struct tcp_blob_address *remote, const struct tcp_blob_address *local,
	uint32_t seq, uint32_t ack, uint16_t window)
{
	uint8_t packet[60] = { 0 };
	struct layout l = begin_packet(packet, family, IPPROTO_TCP, remote, local, 20, 0);
	uint8_t *tcp = packet + l.transport;

	packet[family == 4 ? 8 : 7] = 255;      /* whatever the least is that the program takes (IP_MINTTL) */
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 5 << 4;
	tcp[13] = TH_FIN | TH_ACK;
	put16(tcp + 14, window);
	return send_one(packet, &l);
}

int host_packet_send_datagram(uint8_t family, const struct tcp_blob_address *remote, const struct tcp_blob_address *local,
	uint8_t ttl, uint8_t tos, const uint8_t *bytes, size_t size)
{
	static uint8_t packet[65536];      /* under the caller's lock */
	struct layout l;

	if (size > sizeof packet - 48)
		return -EMSGSIZE;
	memset(packet, 0, 48);
	l = begin_packet(packet, family, IPPROTO_UDP, remote, local, 8, size);
	if (l.size > 65535)
		return -EMSGSIZE;
	if (ttl)
		packet[family == 4 ? 8 : 7] = ttl;
	if (family == 4)
		packet[1] = tos;
	else
		put16(packet, 0x6000 | (uint32_t)tos << 4);
	memcpy(packet + l.data, bytes, size);
	return send_one(packet, &l);
}
