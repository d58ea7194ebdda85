#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# With SO_PEEK_OFF, an empty message can be peeked at once only.
#
# Expectation: socket(7): SO_PEEK_OFF sets the offset from the head of the queue from which MSG_PEEK reads. Whoever sets it to 0
#              again peeks at the head again, whatever that is. It is so for messages with content, and without SO_PEEK_OFF.
# Behaviour:   an empty datagram or packet that has been peeked at is passed over by every later peek of any process, also after
#              the offset was set to 0. A plain recv, or MSG_PEEK with the option at -1, still finds it. So a program that looks
#              through a queue twice (two dumps, say) sees fewer messages the second time, and nothing tells it.
# Version:     seen with Linux 6.18; UDP, and UNIX sockets of both kinds that have messages.
# Source:      net/core/datagram.c, __skb_try_recv_from_queue(): the condition on skb->peeked.
# Output seen: "seqpacket: b'' b'abc' without the option b''", and the same of the other two.
#
# Run by hand: fails when this changes. No part of OptMig is used.
set -euo pipefail
python3 - <<'PY'
import socket

SO_PEEK_OFF = 42  # include/uapi/asm-generic/socket.h


def unix(kind):
    return socket.socketpair(socket.AF_UNIX, kind)


def udp():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname())
    return sender, receiver


def head(receiver, offset):
    receiver.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, offset)
    return receiver.recv(16, socket.MSG_PEEK)


for name, (sender, receiver) in {"seqpacket": unix(socket.SOCK_SEQPACKET), "datagram": unix(socket.SOCK_DGRAM), "udp": udp()}.items():
    sender.send(b"")
    sender.send(b"abc")
    seen = [head(receiver, 0), head(receiver, 0), head(receiver, -1)]
    print(f"{name}: {seen[0]} {seen[1]} without the option {seen[2]}")
    assert seen == [b"", b"abc", b""], "this has changed"
    assert [receiver.recv(16), receiver.recv(16)] == [b"", b"abc"]
PY
