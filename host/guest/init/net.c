/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one NIC. The network is the host's, so the host says which address the NIC has. Nothing here trusts an address. The old ioctls of
 * IPv4 suffice for the first address. `optmig receive` itself adds the addresses that come along with a move.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "init.h"

#define NIC "eth0"

static void set_name(struct ifreq *r, const char *name)
{
	memset(r, 0, sizeof *r);
	snprintf(r->ifr_name, sizeof r->ifr_name, "%s", name);
}

static bool raise_interface(int fd, const char *name)
{
	struct ifreq r;

	set_name(&r, name);
	if (ioctl(fd, SIOCGIFFLAGS, &r))
		return false;
	r.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

static bool set_address(int fd, unsigned long what, struct in_addr value)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = value };
	struct ifreq r;

	set_name(&r, NIC);
	memcpy(&r.ifr_addr, &address, sizeof address);
	return ioctl(fd, what, &r) == 0;
}

static bool set_gateway(int fd, struct in_addr gateway)
{
	struct sockaddr_in any = { .sin_family = AF_INET }, via = { .sin_family = AF_INET, .sin_addr = gateway };
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };

	memcpy(&route.rt_dst, &any, sizeof any);
	memcpy(&route.rt_genmask, &any, sizeof any);
	memcpy(&route.rt_gateway, &via, sizeof via);
	return ioctl(fd, SIOCADDRT, &route) == 0;
}

/* "A.B.C.D/PREFIX". */
static bool parse(const char *text, struct in_addr *ret_address, struct in_addr *ret_mask)
{
	const char *slash = strchr(text, '/');
	char address[INET_ADDRSTRLEN], *end;
	unsigned long prefix;

	if (!slash || (size_t)(slash - text) >= sizeof address || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = 0;
	prefix = strtoul(slash + 1, &end, 10);
	if (*end || prefix > 32)
		return false;
	ret_mask->s_addr = htonl((uint32_t)(0xffffffff00000000u >> prefix));
	return inet_pton(AF_INET, address, ret_address) == 1;
}

static const char *configure(int fd, const char *address, const char *gateway)
{
	struct in_addr own, mask, via;

	if (!parse(address, &own, &mask))
		return "not an address of IPv4 with a prefix";
	if (*gateway && inet_pton(AF_INET, gateway, &via) != 1)
		return "the gateway is no address of IPv4";
	for (unsigned waited = 0; if_nametoindex(NIC) == 0; waited += 10) {
		struct timespec pause = { .tv_nsec = 10000000 };

		if (waited >= 5000)
			return "there is no " NIC;
		nanosleep(&pause, NULL);
	}
	if (!raise_interface(fd, NIC) || !set_address(fd, SIOCSIFADDR, own) || !set_address(fd, SIOCSIFNETMASK, mask))
		return strerror(errno);
	return *gateway && !set_gateway(fd, via) ? strerror(errno) : NULL;
}

const char *net_up(const char *address, const char *gateway)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *why = NULL;

	if (fd < 0)
		return strerror(errno);
	if (!raise_interface(fd, "lo"))
		why = strerror(errno);
	else if (*address)
		why = configure(fd, address, gateway);
	close(fd);
	return why;
}
