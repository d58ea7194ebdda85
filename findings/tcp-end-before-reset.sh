#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A reset that follows a FIN is not told to who reads: the connection ends cleanly.
#
# Expectation: tcp(7), recv(2): a connection that the peer has reset fails with ECONNRESET, or at least with an error; epoll and poll say
#              POLLERR. A program that reads until an error or the end takes an end for "all has come, and the peer is content".
# Behaviour:   if the peer's FIN came first, recv returns 0 for ever, before and after the reset. The error is there, and it is EPIPE:
#              poll says POLLERR, and SO_ERROR and the next write tell it once. Without a FIN before, recv fails with ECONNRESET. So a
#              tool that makes a socket like another one cannot do with a reset alone: FIN and reset have to come in that order.
# Version:     seen with Linux 6.18.
# Source:      net/ipv4/tcp_input.c: tcp_fin() sets SOCK_DONE, tcp_reset() sets EPIPE in CLOSE_WAIT; net/ipv4/tcp.c, tcp_recvmsg_locked()
#              looks at SOCK_DONE before sk_err.
# Output seen: "FIN, then reset: recv 0 bytes, POLLERR True, SO_ERROR EPIPE" and "reset alone: recv ECONNRESET".
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
python3 - <<'PY'
import errno
import select
import socket
import struct
import time


def connection():
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    return ours, listener.accept()[0]


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    time.sleep(0.1)


ours, theirs = connection()
theirs.shutdown(socket.SHUT_WR)
time.sleep(0.1)
reset(theirs)
got = [ours.recv(1), ours.recv(1)]
poll = select.poll()
poll.register(ours)
broken = bool(poll.poll(0)[0][1] & select.POLLERR)
error = ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print(f"FIN, then reset: recv {len(got[0])} bytes, POLLERR {broken}, SO_ERROR {errno.errorcode.get(error, error)}")
assert got == [b"", b""] and broken and error == errno.EPIPE, "this has changed"

ours, theirs = connection()
reset(theirs)
try:
    ours.recv(1)
    raise SystemExit("this has changed")
except ConnectionResetError:
    print("reset alone: recv ECONNRESET")
PY
