/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet socket below the firewall, which sees what the hold's rules drop. The kernel-side filter passes TCP and UDP
 * packets to the right ports only, for the pages of a migration over the same interface must not crowd them out. The
 * addresses are compared when packets are sent again. Nobody reads the socket meanwhile: its buffer is the store.
 */
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture.h"
#include "packet.h"

#define STORE_BYTES   (8 << 20)
#define PACKET_MAX    (128u * 1024)
#define PORTS_MAX     1000u
#define PREFIX_SIZE   24u

int net_endpoint_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct net_endpoint));
}

/*
 *   0  pkttype == HOST, else drop        (a loopback packet is seen twice: once going out)
 *   3  mark != ours, else drop
 *   6  IPv4: first fragment's TCP or UDP: destination port -> A
 *  14  IPv6: the same without extension headers
 *  19  A against each port: accept
 *  ..  drop
 */
static unsigned filter_prefix(struct sock_filter *f)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HOST_NET_MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 7),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JA, 8, 0, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 42),
		BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0),
	};

	static_assert(sizeof code / sizeof code[0] <= PREFIX_SIZE, "filter prefix");
	memcpy(f, code, sizeof code);
	return sizeof code / sizeof code[0];
}

static int attach_filter(int fd, const struct net_endpoint *endpoints, uint32_t count)
{
	struct sock_filter *f = calloc(PREFIX_SIZE + 2 * (size_t)count + 1, sizeof *f);
	struct sock_fprog program;
	unsigned n;
	int result;

	if (!f)
		return -ENOMEM;
	n = filter_prefix(f);
	for (uint32_t i = 0; i < count && count <= PORTS_MAX; i++) {
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, endpoints[i].port, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	}
	/* Too many for a filter: catch everything, sort it out later. */
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, count > PORTS_MAX ? UINT32_MAX : 0);
	program.len = (unsigned short)n;
	program.filter = f;
	result = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ? -errno : 0;
	free(f);
	return result;
}

int net_capture_open(const struct net_endpoint *endpoints, uint32_t count)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int store = STORE_BYTES, error;
	/* Protocol 0 until the filter is there: nothing unfiltered gets in. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &store, sizeof store);
	error = attach_filter(fd, endpoints, count);
	if (!error && bind(fd, (struct sockaddr *)&all, sizeof all))
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

static bool wanted(const uint8_t *p, size_t size, const struct net_endpoint *endpoints, uint32_t count)
{
	struct net_endpoint key = { 0 };
	size_t transport;

	if (size < 28)
		return false;
	key.version = p[0] >> 4;
	transport = key.version == 4 ? (size_t)(p[0] & 15) * 4 : 40;
	if (size < transport + 4)
		return false;
	key.protocol = p[key.version == 4 ? 9 : 6];
	key.port = (uint16_t)(p[transport + 2] << 8 | p[transport + 3]);
	memcpy(key.address, p + (key.version == 4 ? 16 : 24), key.version == 4 ? 4 : 16);
	if (bsearch(&key, endpoints, count, sizeof key, net_endpoint_compare))
		return true;
	key.version = 0;
	memset(key.address, 0, sizeof key.address);
	return bsearch(&key, endpoints, count, sizeof key, net_endpoint_compare) != NULL;
}

uint32_t net_capture_replay(int fd, const struct net_endpoint *endpoints, uint32_t count)
{
	uint8_t *packet = malloc(PACKET_MAX);
	uint32_t sent = 0;
	ssize_t size;

	while (packet && (size = recv(fd, packet, PACKET_MAX, MSG_DONTWAIT)) > 0)
		if (wanted(packet, (size_t)size, endpoints, count) && host_packet_send(packet, (size_t)size) == 0)
			sent++;
	free(packet);
	return sent;
}
