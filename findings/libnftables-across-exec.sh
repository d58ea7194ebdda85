#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libnftables' socket is inherited by what its process executes, and with it a table that it owns.
#
# Expectation: a library's own descriptors are close-on-exec, so that a table with `flags owner`, which ends with the socket that made it,
#              ends when its process executes another program.
# Behaviour:   the socket has no FD_CLOEXEC. The table stays after execve(2), and the new program can neither change nor replace it:
#              its own context has another socket, and gets EPERM for the table's name. A service that re-executes itself loses hold of its rules.
#              The only cure from outside is nft_ctx_free() before execve(2); the descriptor's number is not told.
# Version:     libnftables1 1.0.6-2+deb12u2, libmnl0 1.0.4-3 (Debian 12)
# Source:      nftables 1.0.6, src/mnl.c, nft_mnl_socket_open(): mnl_socket_open(), not mnl_socket_open2() with SOCK_CLOEXEC.
# Output seen: "descriptor 3 after execve: socket", "add table again: Operation not permitted"; with nft_ctx_free() first: "gone", "done".
#
# Run by hand (root, network, apt): fails when any of this changes. No part of OptMig is used. The table is in a network namespace of its own.
set -euo pipefail
version=1.0.6-2+deb12u2
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends gcc libc6-dev util-linux "libnftables1=$version" "libnftables-dev=$version" > /dev/null
[[ $(dpkg-query -W -f='${Version}' libnftables1) == "$version" ]]
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cat > "$work/service.c" <<'C'
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLE "add table inet service { flags owner; }"

/* service keep|free: makes its table and executes itself as `service again`, which makes it, too. */
int main(int argc, char **argv)
{
	int again = !strcmp(argv[1], "again");

	if (again)
		printf("descriptor 3 after execve: %s\n", fcntl(3, F_GETFD) < 0 ? "gone" : "socket");
	fflush(stdout);
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	nft_ctx_buffer_error(ctx);
	int failed = nft_run_cmd_from_buffer(ctx, TABLE);

	if (again) {
		const char *words = failed ? strstr(nft_ctx_get_error_buffer(ctx), "Operation not permitted") : "done";

		printf("add table again: %.23s\n", words ? words : "another error");
		return 0;
	}
	if (failed)
		return 2;
	if (!strcmp(argv[1], "free"))
		nft_ctx_free(ctx);
	execl("/proc/self/exe", argv[0], "again", (char *)0);
	return 3;
}
C
gcc -w -o "$work/service" "$work/service.c" -lnftables
kept=$(unshare -n "$work/service" keep 3<&-)
freed=$(unshare -n "$work/service" free 3<&-)
printf '%s\n-- nft_ctx_free() before:\n%s\n' "$kept" "$freed"
[[ $kept == $'descriptor 3 after execve: socket\nadd table again: Operation not permitted' ]]
[[ $freed == $'descriptor 3 after execve: gone\nadd table again: done' ]]
echo "libnftables $version still leaves its socket to what is executed"
