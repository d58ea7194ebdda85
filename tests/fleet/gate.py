# SPDX-License-Identifier: Apache-2.0
"""A gate on the way of what moves away from a node, which shuts at the token: the node's own packet filter leads its connections to other nodes,
HTTPS aside, to a socket of ours. Headers of frames are in clear (docs/spec/migration.md), and START is the only control message of the
source's without a body before FINISH.

    gate = Gate(bed, node, "answer")    START passes, and then nothing more: the destination runs, the source does not know
    gate = Gate(bed, node, "token")     START does not pass: the source has given the program away, and nobody has it
    gate = Gate(bed, node, "prepared")  PREPARED does not pass: the destination is complete, and the source, which has not heard it, runs on
    gate = Gate(bed, node, "token", of) the same for one program: of() says where it goes now, ADDRESS:PORT or None. Others pass, before and after
    gate.wait(); ...; gate.open()       new connections go their own way
"""
import contextlib
import socket
import struct
import threading

OPENING, ANSWER = 48 + 1088, 112 + 1040     # what the source's host, and the destination's, say before the first frame: docs/spec/migration.md, 10
HEADER, CONTROL, START, PREPARED = 24, 2, 8 + 16, 8 + 8 + 16
NOISE, TAG = 1, 16
MARK, SO_ORIGINAL_DST, SO_MARK = 7, 80, 36


class Gate:
    def __init__(self, bed, node, holds, of=None):
        self.bed, self.node, self.holds, self.of, self.at = bed, node, holds, of, None
        self.shut, self.over = threading.Event(), threading.Event()
        self.lock, self.sockets = threading.Lock(), []
        with bed.inside(node):
            self.listener = socket.create_server(("0.0.0.0", 0))
        self.listener.settimeout(0.1)
        others = ", ".join(bed.address(n) for n in bed.names)
        bed.run(node, "nft", "table ip gate { chain o { type nat hook output priority -100; meta mark %d accept; ip daddr { %s } tcp dport != 7780 redirect to :%d; } ; }" %
                (MARK, others, self.listener.getsockname()[1]))
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while not self.over.is_set():
            try:
                inner, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            inner.settimeout(None)
            with contextlib.suppress(OSError):
                _, port, address = struct.unpack("!HH4s8x", inner.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
                way = (socket.inet_ntoa(address), port)
                if not self.held(way):
                    outer = self.reach(inner, way)
                    with self.lock:
                        self.sockets += [inner, outer]
                    threading.Thread(target=self.forward, args=(inner, outer, way, Frames(OPENING, START) if self.holds != "prepared" else None), daemon=True).start()
                    threading.Thread(target=self.forward, args=(outer, inner, way, Frames(ANSWER, PREPARED) if self.holds == "prepared" else None), daemon=True).start()
                    continue
            inner.close()

    def held(self, way):
        """Whether nothing passes that way any more."""
        return self.shut.is_set() and (self.at is None or self.at == way)

    def meant(self, way):
        """Whether a START that goes there is that of the program for which the gate is."""
        if self.of and self.of() != "%s:%d" % way:
            return False
        self.at = way if self.of else None
        return True

    def reach(self, inner, way):
        with self.bed.inside(self.node):
            outer = socket.socket()
        outer.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
        outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        outer.connect(way)
        return outer

    def forward(self, come, go, way, frames):
        with contextlib.suppress(OSError):
            while data := come.recv(1 << 17):
                given = frames and frames.found_in(data) and not self.shut.is_set() and self.meant(way)
                if given:
                    self.shut.set()             # before the answer can come
                    if self.holds == "answer":
                        go.sendall(data)
                if self.held(way):
                    self.over.wait()
                    break
                go.sendall(data)
        for s in (come, go):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds=60):
        self.bed.wait(self.shut.is_set, seconds, "the token to be sent")

    def open(self):
        """What is held is lost, and the gate is gone."""
        if self.over.is_set():
            return
        if self.node in self.bed.spaces:
            self.bed.run(self.node, "nft", "delete", "table", "ip", "gate", check=False)
        self.shut.set()
        self.over.set()
        self.acceptor.join()
        self.listener.close()
        with self.lock:
            for s in self.sockets:
                with contextlib.suppress(OSError):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RDWR)
                s.close()


class Frames:
    """Finds a control message by its size in what one side says on one connection: START is the only one of that size of the source's, PREPARED of the destination's."""

    def __init__(self, opening, wanted):
        self.skip, self.head, self.wanted = opening, b"", wanted

    def found_in(self, data):
        at = 0
        while at < len(data):
            step = min(self.skip, len(data) - at)
            self.skip -= step
            at += step
            if self.skip or at == len(data):
                continue
            step = min(HEADER - len(self.head), len(data) - at)
            self.head += data[at:at + step]
            at += step
            if len(self.head) < HEADER:
                continue
            kind, size = self.head[1], struct.unpack_from("<I", self.head, 4)[0]
            self.head, self.skip = b"", size + (TAG if kind == NOISE else 0)
            if kind == CONTROL and size == self.wanted:
                return True
        return False
