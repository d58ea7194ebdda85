# SPDX-License-Identifier: Apache-2.0
"""A link that knows the protocol's frames (docs/spec/migration.md), so that a test can spoil one of them.

Everything here is what any host on the way could do: the headers are in clear, the payloads are not."""
import struct
from miglib import Proxy

HELLO = 1024
HEADER = 24
TAG = 16
CONTROL, URGENT, PAGES = 0, 1, 2
NOISE, CTL, PAGE, ACK, REQUEST, REPLY, RESUME = range(1, 8)
# Sizes of whole frames of control messages; those of a quote and of words vary.
MESSAGE = {"PARAMS": 40, "READY": 0, "ROUND": 16, "PREPARED": 8, "START": 0, "STARTED": 16, "PLACED": 8 * 6 + 8 * 32, "FINISH": 0}


def size_of(message):
    return HEADER + 8 + MESSAGE[message] + TAG


class Frame:
    """One frame, or a hello (kind 0) as it passes."""

    def __init__(self, connection, direction, data, index):
        self.connection, self.direction, self.data, self.index = connection, direction, bytes(data), index
        self.hello = len(data) == HELLO and index == 0
        self.kind = 0 if self.hello else data[1]
        self.sequence, self.epoch = (0, 0) if self.hello else struct.unpack_from("<QI", data, 8)

    def __str__(self):
        return f"{self.direction} {self.connection} kind {self.kind} epoch {self.epoch} number {self.sequence}, {len(self.data)} bytes"


class FrameProxy(Proxy):
    """`rule(frame)` is asked for each frame and returns what to forward instead: bytes, Proxy.CUT or Proxy.STALL.
    Frames of all connections are counted in the order they came: `count`."""

    def __init__(self, to, rule=None, address="127.0.0.1"):
        self.frame_rule = rule
        self.streams = {}
        self.numbers = {}
        self.count = 0
        super().__init__(to, self.pieces, address)

    def pieces(self, number, direction, total, data):
        stream = self.streams.setdefault((number, direction), [bytearray(), 0])
        stream[0] += data
        out = bytearray()
        while True:
            frame = self.take(number, direction, stream)
            if frame is None:
                return bytes(out)
            verdict = self.frame_rule(frame) if self.frame_rule else frame.data
            if verdict is Proxy.CUT or verdict is Proxy.STALL:
                return verdict
            out += verdict

    def take(self, number, direction, stream):
        buffer, index = stream
        size = HELLO if index == 0 else HEADER
        if len(buffer) < size:
            return None
        if index == 0:
            self.numbers[number] = struct.unpack_from("<H", buffer, 14)[0]
        else:
            size += struct.unpack_from("<I", buffer, 4)[0]
            if len(buffer) < size:
                return None
        data = bytes(buffer[:size])
        del buffer[:size]
        stream[1] += 1
        with self.lock:
            self.count += 1
        return Frame(self.numbers[number], direction, data, index)
