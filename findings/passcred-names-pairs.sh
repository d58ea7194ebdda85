#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sending with SO_PASSCRED gives an unnamed end of a socketpair an abstract address.
#
# Expectation: unix(7): SO_PASSCRED "enables the receiving of the credentials of the sending process"; under "Autobind feature" it names
#              connect and bind. Whoever sets an option for receiving and then writes through a socketpair expects both ends to
#              stay "unnamed sockets", as socketpair(2) makes them.
# Behaviour:   the first write of an end that has the option binds it: getsockname, and getpeername of the other end, have an abstract name
#              of five hexadecimal digits from then on, and the name is taken in the network namespace. An end without the option
#              stays unnamed. So a tool that looks at a queue of messages and sends them once more, with the option on, changes what
#              the program finds.
# Version:     seen with Linux 6.18; datagrams and SEQPACKET. The ends of a stream pair stay unnamed.
# Source:      net/unix/af_unix.c, unix_dgram_sendmsg(): unix_autobind() where SO_PASSCRED is set.
# Output seen: "datagram: unnamed before, 6 bytes of abstract name after; the other end stays unnamed", the same of SEQPACKET, and "stream: unnamed".
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
python3 - <<'PY'
import socket

for name, kind in {"datagram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET, "stream": socket.SOCK_STREAM}.items():
    with_option, without = socket.socketpair(socket.AF_UNIX, kind)
    with_option.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    assert not with_option.getsockname(), "this has changed"
    with_option.send(b"x")
    without.send(b"x")
    after = with_option.getsockname()
    assert not without.getsockname() and without.getpeername() == after, "this has changed"
    if kind == socket.SOCK_STREAM:
        print(f"{name}: unnamed")
        assert not after, "this has changed"
    else:
        print(f"{name}: unnamed before, {len(after)} bytes of abstract name after; the other end stays unnamed")
        assert after[:1] == bytes(1) and len(after) == 6, "this has changed"
PY
