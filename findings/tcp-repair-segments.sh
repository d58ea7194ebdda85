#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A connection that was restored by TCP_REPAIR sends tiny segments for ever, though it was told how large the peer takes them.
#
# Expectation: after TCP_REPAIR_OPTIONS with TCPOPT_MAXSEG a restored connection sends segments of that size, as before it was dumped.
# Behaviour:   it sends 524 bytes at a time. The size is computed in connect(2), from the default of 536; the option that comes later (it is
#              refused before) changes the limit and not the size, which is computed again only when the route's MTU changes.
#              TCP_MAXSEG before connect(2) is the cure; it takes 32,767 at most, and can be taken away (0) after it.
# Version:     Linux 6.18
# Source:      net/ipv4/tcp.c, tcp_repair_options_est(): rx_opt.mss_clamp and tcp_mtup_init(), no tcp_sync_mss(); net/ipv4/tcp_output.c,
#              tcp_connect_init() and tcp_current_mss().
# Output seen: "before 32741, told 65495, restored 524, with TCP_MAXSEG 32755"
#
# Run by hand (root, python3): fails when any of this changes. No part of OptMig is used. All of it is in a network namespace of its own.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cat > "$work/repair.py" <<'PY'
import socket, struct

REPAIR, QUEUE, SEQUENCE, OPTIONS, WINDOW, MAXSEG = 19, 20, 21, 22, 29, 2


def segment(s):
    return struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64), 16)[0]


def restored(limit_first):
    listener = socket.create_server(("127.0.0.1", 0))
    s = socket.create_connection(listener.getsockname())
    peer, _ = listener.accept()
    before = segment(s)
    tcp = lambda fd, option, value: fd.setsockopt(socket.IPPROTO_TCP, option, value)
    tcp(s, REPAIR, 1)
    limit, window, numbers = s.getsockopt(socket.IPPROTO_TCP, MAXSEG), s.getsockopt(socket.IPPROTO_TCP, WINDOW, 20), []
    for queue in 1, 2:
        tcp(s, QUEUE, queue)
        numbers.append(s.getsockopt(socket.IPPROTO_TCP, SEQUENCE))
    here, there = s.getsockname(), s.getpeername()
    s.close()
    s = socket.socket()
    tcp(s, REPAIR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for queue, number in zip((1, 2), numbers):
        tcp(s, QUEUE, queue)
        tcp(s, SEQUENCE, number)
    s.bind(here)
    if limit_first:
        tcp(s, MAXSEG, min(limit, 32767))
    s.connect(there)
    if limit_first:
        tcp(s, MAXSEG, 0)
    tcp(s, OPTIONS, struct.pack("II", MAXSEG, limit))
    tcp(s, WINDOW, window)
    tcp(s, REPAIR, 0)
    s.send(b"x" * 30000)
    return before, limit, segment(s)


before, limit, after = restored(False)
print(f"before {before}, told {limit}, restored {after}, with TCP_MAXSEG {restored(True)[2]}")
PY
said=$(unshare -n sh -c 'ip link set lo up && python3 "$1"' - "$work/repair.py")
echo "$said"
[[ $said == "before 32741, told 65495, restored 524, with TCP_MAXSEG 32755" ]]
