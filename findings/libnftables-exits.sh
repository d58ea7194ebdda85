#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libnftables ends the process that calls it where the kernel gives it no netlink socket of netfilter.
#
# Expectation: NULL, for which libnftables(3)'s own example tests the result of nft_ctx_new(); a program that can do without packet
#              filters goes on. Nothing there says that the process may end.
# Behaviour:   exit(3), with one line on stderr. A daemon in a container whose filter forbids AF_NETLINK/NETLINK_NETFILTER, or on a
#              kernel without netfilter, dies at its start.
# Version:     libnftables1 1.0.6-2+deb12u2 (Debian 12)
# Source:      nftables 1.0.6, src/mnl.c, nft_mnl_socket_open(): netlink_init_error(); src/netlink.c: exit(NFT_EXIT_NONL), which is 3.
# Output seen: "mnl.c:60: Unable to initialize Netlink socket: Operation not permitted", exit status 3.
#
# Run by hand (root, network, apt): fails when any of this changes. No part of OptMig is used.
set -euo pipefail
version=1.0.6-2+deb12u2
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends gcc libc6-dev "libnftables1=$version" "libnftables-dev=$version" > /dev/null
[[ $(dpkg-query -W -f='${Version}' libnftables1) == "$version" ]]
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cat > "$work/caller.c" <<'C'
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <nftables/libnftables.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise)

int main(int argc, char **argv)
{
	int refusal = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
	struct sock_filter filter[] = {
		LOAD(nr), IS(SYS_socket, 5), LOAD(args[0]), IS(AF_NETLINK, 3), LOAD(args[2]), IS(NETLINK_NETFILTER, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)refusal),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	if (refusal && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)))
		return 2;
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	puts(ctx ? "nft_ctx_new returned a context" : "nft_ctx_new returned NULL");
	return 0;
}
C
gcc -w -o "$work/caller" "$work/caller.c" -lnftables
[[ $("$work/caller") == "nft_ctx_new returned a context" ]]     # valid input: without the filter it works
for refusal in 1:"Operation not permitted" 97:"Address family not supported by protocol" 93:"Protocol not supported"; do
	status=0
	output=$("$work/caller" "${refusal%%:*}" 2>&1) || status=$?
	echo "errno ${refusal%%:*}: exit status $status, \"$output\""
	[[ $status -eq 3 && $output == "mnl.c:60: Unable to initialize Netlink socket: ${refusal#*:}" ]]
done
echo "libnftables $version still ends its caller"
