/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding and removing by rtnetlink, one request and its answer at a time. Announcements are sent three times, since
 * each may be lost and a neighbour that misses it keeps talking to the old host.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "address.h"
#include "priv/priv.h"
#include "util.h"

#define ANNOUNCEMENTS 3

int net_address_parse(const char *text, struct net_address *ret_address)
{
	struct net_address a = { 0 };
	char copy[96], *slash, *at;
	uint64_t prefix;

	if (strlen(text) >= sizeof copy)
		return host_fail(OM_EINVAL, "\"%s\" is too long for ADDRESS/PREFIX@INTERFACE", text);
	memcpy(copy, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	at = slash ? strchr(slash, '@') : NULL;
	if (!at || strlen(at + 1) == 0 || strlen(at + 1) >= sizeof a.interface)
		return host_fail(OM_EINVAL, "\"%s\" is not ADDRESS/PREFIX@INTERFACE", text);
	*slash = *at = 0;
	if (inet_pton(AF_INET, copy, a.bytes) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
		a.family = AF_INET6;
	else
		return host_fail(OM_EINVAL, "\"%s\" is no IP address", copy);
	if (host_parse_u64(slash + 1, 1, a.family == AF_INET ? 32 : 128, &prefix))
		return OM_EINVAL;
	a.prefix = (uint8_t)prefix;
	memcpy(a.interface, at + 1, strlen(at + 1) + 1);
	if (if_nametoindex(a.interface) == 0)
		return host_fail(OM_ENOTFOUND, "there is no network interface \"%s\"", a.interface);
	*ret_address = a;
	return 0;
}

static size_t address_size(const struct net_address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

/* @seconds: lifetime, 0 for ever. Return: 0 or -errno as the kernel said. */
static int request(uint16_t type, uint16_t flags, const struct net_address *a, uint32_t seconds)
{
	char buffer[1024];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	const struct ifa_cacheinfo lifetime = { .ifa_prefered = seconds, .ifa_valid = seconds };
	struct ifaddrmsg *message;
	struct mnl_socket *socket;
	ssize_t size;
	int result = -EIO;

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	header->nlmsg_seq = 1;
	message = mnl_nlmsg_put_extra_header(header, sizeof *message);
	message->ifa_family = a->family;
	message->ifa_prefixlen = a->prefix;
	message->ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0;
	message->ifa_index = if_nametoindex(a->interface);
	mnl_attr_put(header, IFA_LOCAL, address_size(a), a->bytes);
	mnl_attr_put(header, IFA_ADDRESS, address_size(a), a->bytes);
	if (seconds)
		mnl_attr_put(header, IFA_CACHEINFO, sizeof lifetime, &lifetime);
	socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(socket, header, header->nlmsg_len) > 0) {
		size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
		if (size > 0)
			result = mnl_cb_run(buffer, (size_t)size, 1, mnl_socket_get_portid(socket), NULL, NULL) < 0 ? -errno : 0;
	}
	mnl_socket_close(socket);
	return result;
}

static int outcome(int result, const char *doing, const char *right, const struct net_address *a)
{
	char text[INET6_ADDRSTRLEN];

	if (result == 0)
		return 0;
	inet_ntop(a->family, a->bytes, text, sizeof text);
	return host_fail(result == -EPERM ? OM_EPERM : OM_EIO, "%s %s on %s: %s%s%s%s", doing, text, a->interface, strerror(-result),
		result == -EPERM ? " (needs " : "", result == -EPERM ? right : "", result == -EPERM ? ")" : "");
}

int net_address_add(const struct net_address *address)
{
	int result = priv_active() ? priv_move(PRIV_MOVE_ADD, address) : request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address, 0);

	return outcome(result, "adding", "CAP_NET_ADMIN", address);
}

int net_address_borrow(const struct net_address *address, uint32_t seconds)
{
	int result = priv_active() ? priv_move(PRIV_MOVE_BORROW, address) :
		request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, seconds);

	return outcome(result == -EEXIST ? 0 : result, "adding", "CAP_NET_ADMIN", address);
}

int net_address_remove(const struct net_address *address)
{
	int result = priv_active() ? priv_move(PRIV_MOVE_REMOVE, address) : request(RTM_DELADDR, 0, address, 0);

	return outcome(result == -EADDRNOTAVAIL ? 0 : result, "removing", "CAP_NET_ADMIN", address);
}

/* Return: 0, 1 if the interface has no link-layer address that neighbours could ask for, or -errno. */
static int link_address(const struct net_address *a, int fd, uint8_t mac[ETH_ALEN])
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof ifr);
	memcpy(ifr.ifr_name, a->interface, strlen(a->interface) + 1);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -errno;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return 1;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

/* Closing a packet socket waits for RCU, some 10 ms in the middle of a hand-over: one for the whole process. */
static int arp_socket(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int fd = -1;
	int result;

	pthread_mutex_lock(&lock);
	if (fd < 0)
		fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	result = fd < 0 ? -errno : fd;
	pthread_mutex_unlock(&lock);
	return result;
}

static int announce_arp(const struct net_address *a)
{
	struct { struct arphdr header; uint8_t sender_mac[6], sender[4], target_mac[6], target[4]; } __attribute__((packed)) arp = {
		.header = { htons(ARPHRD_ETHER), htons(ETH_P_IP), ETH_ALEN, 4, htons(ARPOP_REQUEST) },
	};
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_halen = ETH_ALEN };
	int fd = arp_socket(), result;

	if (fd < 0)
		return fd;
	result = link_address(a, fd, arp.sender_mac);
	memcpy(arp.sender, a->bytes, 4);
	memcpy(arp.target, a->bytes, 4);
	memset(to.sll_addr, 0xff, ETH_ALEN);
	to.sll_ifindex = (int)if_nametoindex(a->interface);
	for (int i = 0; i < 2 * ANNOUNCEMENTS && result == 0; i++) {
		/* Some listen to requests only, some to replies only. */
		arp.header.ar_op = htons(i & 1 ? ARPOP_REPLY : ARPOP_REQUEST);
		if (sendto(fd, &arp, sizeof arp, 0, (struct sockaddr *)&to, sizeof to) < 0)
			result = -errno;
	}
	return result;
}

static int announce_na(const struct net_address *a)
{
	struct { struct nd_neighbor_advert advert; struct nd_opt_hdr option; uint8_t mac[6]; } __attribute__((packed)) na = {
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT, .advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE,
		.option = { ND_OPT_TARGET_LINKADDR, 1 },
	};
	struct sockaddr_in6 from = { .sin6_family = AF_INET6 }, to = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6), hops = 255, result;

	if (fd < 0)
		return -errno;
	result = link_address(a, fd, na.mac);
	memcpy(&na.advert.nd_na_target, a->bytes, 16);
	memcpy(&from.sin6_addr, a->bytes, 16);
	from.sin6_scope_id = to.sin6_scope_id = if_nametoindex(a->interface);
	(void)inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	if (result == 0 && (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) ||
	    bind(fd, (struct sockaddr *)&from, sizeof from)))
		result = -errno;
	for (int i = 0; i < ANNOUNCEMENTS && result == 0; i++)
		if (sendto(fd, &na, sizeof na, 0, (struct sockaddr *)&to, sizeof to) < 0)
			result = -errno;
	close(fd);
	return result;
}

/* Of an interface that has neighbours. */
static int can_announce(const struct net_address *a)
{
	uint8_t mac[ETH_ALEN];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	if (fd < 0)
		return -errno;
	result = link_address(a, fd, mac);
	close(fd);
	if (result || a->family == AF_INET)
		return result ? result : arp_socket() < 0 ? -EPERM : 0;
	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int net_address_announceable(const struct net_address *address)
{
	/* The server has had that looked at when it began. */
	const int result = priv_active() ? 0 : can_announce(address);

	return outcome(result == 1 ? 0 : result, "announcing", "CAP_NET_RAW", address);
}

int net_address_announce(const struct net_address *address)
{
	int result = priv_active() ? priv_move(PRIV_MOVE_ANNOUNCE, address) :
		address->family == AF_INET ? announce_arp(address) : announce_na(address);

	return outcome(result == 1 ? 0 : result, "announcing", "CAP_NET_RAW", address);
}
