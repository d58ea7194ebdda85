/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "netfilter.h"
#include "priv/priv.h"
#include "util.h"

#define ANSWER_SIZE 1024u

static int open_socket(void)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof own) == 0)
		return fd;
	if (fd >= 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return -errno;
}

int net_netfilter_socket(void)
{
	int fd = open_socket();

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* The generation of the rule set: what every user of nf_tables asks first. */
static int ask_generation(int fd)
{
	struct { struct nlmsghdr nl; struct nfgenmsg nf; } question = {
		.nl = { .nlmsg_len = sizeof question, .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, .nlmsg_flags = NLM_F_REQUEST },
		.nf = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	union { struct nlmsghdr nl; uint8_t bytes[ANSWER_SIZE]; } answer;
	const struct nlmsgerr *refusal = NLMSG_DATA(&answer.nl);
	ssize_t got;

	if (sendto(fd, &question, sizeof question, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return -errno;
	got = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);   /* the kernel has answered before sendto() returns */
	if (got < 0)
		return -errno;
	if ((size_t)got < NLMSG_LENGTH(0) || !NLMSG_OK(&answer.nl, (size_t)got))
		return -EPROTO;
	if (answer.nl.nlmsg_type != NLMSG_ERROR)
		return 0;
	if (answer.nl.nlmsg_len < NLMSG_LENGTH(sizeof *refusal) || refusal->error >= 0)
		return -EPROTO;
	return refusal->error;
}

static const char *why_no_socket(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return host_filtered() ? "a seccomp filter, as containers have, forbids sockets of AF_NETLINK and NETLINK_NETFILTER" :
			"the kernel forbids sockets of AF_NETLINK and NETLINK_NETFILTER";
	case -EAFNOSUPPORT:
	case -EPROTONOSUPPORT:
		return host_filtered() ? "the kernel has no netfilter, or a seccomp filter, as containers have, hides it" : "the kernel has no netfilter";
	default:
		return strerrordesc_np(-error);
	}
}

static const char *why_no_answer(int error)
{
	switch (error) {
	case -EPERM: return host_has_capability(CAP_NET_ADMIN) ? "nf_tables of this network namespace belongs to another user namespace" : "needs CAP_NET_ADMIN";
	case -EINVAL:
	case -EOPNOTSUPP:
	case -ENOENT: return "the kernel has no nf_tables";
	default: return strerrordesc_np(-error);
	}
}

int net_netfilter_answers(const char **ret_why)
{
	int fd = open_socket(), error;

	if (fd < 0) {
		*ret_why = why_no_socket(fd);
		return fd;
	}
	error = ask_generation(fd);
	close(fd);
	if (error)
		*ret_why = why_no_answer(error);
	return error;
}

static bool is_connection(int fd)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(int), peer_size = sizeof peer;
	int protocol;

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP &&
		getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0;
}

/* Where no migration runs, all TCP connections of the process are the program's. */
static uint32_t connections(void)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint32_t count = 0;

	while (list && (entry = readdir(list)))
		count += entry->d_name[0] != '.' && is_connection((int)strtol(entry->d_name, NULL, 10));
	if (list)
		closedir(list);
	return count;
}

uint32_t net_netfilter_stops(const char **ret_why)
{
	/* Without the capability they cannot be taken apart either, and the runtime says so. */
	if (!priv_active() && (!host_has_capability(CAP_NET_ADMIN) || net_netfilter_answers(ret_why) == 0))
		return 0;
	if (priv_active()) {
		*ret_why = "the privileged parent cannot use nf_tables";
		if (priv_prepare() == 0)
			return 0;
	}
	return connections();
}
