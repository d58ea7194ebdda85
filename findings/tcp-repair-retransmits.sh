#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A TCP connection in repair mode goes on repeating what has not been acknowledged.
#
# Expectation: TCP_REPAIR makes a connection stand still, for in this mode close() sends nothing and what is written is queued
#              only. So whoever has read its state can take as long as he likes before he makes it anew elsewhere.
# Behaviour:   the retransmission timer that ran when repair mode was set goes on, with its back-off. What it sends has later
#              timestamps than the state that was read, and the peer remembers them (PAWS, RFC 7323): it drops all that the restored
#              connection sends until that one's clock has come as far. CRIU is not hit because it locks the network in both
#              directions; a filter of arriving packets alone is not enough.
# Version:     seen with Linux 6.18.
# Source:      net/ipv4/tcp.c, do_tcp_setsockopt(), TCP_REPAIR: stops no timer. net/ipv4/tcp_timer.c, tcp_retransmit_timer(): does
#              not look at tp->repair; tcp_write_xmit() does.
# Output seen: "repeated before repair mode: 1, in the two seconds after it was set: 3"
#
# Run by hand (root, iproute2, python3): fails when this changes. No part of OptMig is used.
set -euo pipefail
here=repair-here-$$ there=repair-there-$$
trap 'ip netns del "$here"; ip netns del "$there" || true' EXIT
ip netns add "$here"; ip netns add "$there"
ip -n "$here" link add ends type veth peer name ends netns "$there"
ip -n "$here" addr add 192.0.2.1/24 dev ends; ip -n "$here" link set ends up
ip -n "$there" addr add 192.0.2.2/24 dev ends; ip -n "$there" link set ends up

# The peer takes the connection and then can answer no more: it has no way back.
ip netns exec "$there" python3 - <<'PY' &
import socket, subprocess, time

listener = socket.create_server(("192.0.2.2", 7000))
listener.settimeout(20)
connection, _ = listener.accept()
connection.recv(1)
subprocess.run("ip route add blackhole 192.0.2.1/32; ip route flush cache", shell=True, check=True)
time.sleep(6)
PY
peer=$!

ip netns exec "$here" python3 - <<'PY'
import socket, struct, time

TCP_REPAIR = 19  # include/uapi/linux/tcp.h


def repeated(s):
    return struct.unpack_from("=I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]  # tcpi_total_retrans


for _ in range(100):
    s = socket.socket()
    if s.connect_ex(("192.0.2.2", 7000)) == 0:
        break
    time.sleep(0.1)
s.send(b"a")
time.sleep(1)
s.send(b"nobody can acknowledge this")
before = 0
for _ in range(100):
    before = repeated(s)
    if before:
        break
    time.sleep(0.02)
s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
time.sleep(2)
after = repeated(s) - before
print(f"repeated before repair mode: {before}, in the two seconds after it was set: {after}")
assert before and after, "this has changed"
PY
wait "$peer"
