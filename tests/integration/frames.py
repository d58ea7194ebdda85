# SPDX-License-Identifier: Apache-2.0
"""A link that knows the protocol's frames (docs/spec/migration.md), so that a test can spoil one of them.

Everything here is what any host on the way could do: the headers are in clear, the payloads are not. Only the opening of a connection
(opening.py) is more than that: the proxy has this user's host key, and so passes as either side's host and sees their hellos."""
import struct
import miglib
import opening
from miglib import Proxy
from opening import HELLO

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


class Opened(Proxy):
    """A proxy that opens each connection on both sides itself, and forwards hellos in clear: the bytes that a rule sees begin with the
    1,024 of a hello, in both directions. A hello that is altered goes on as it is then; one that is left out ends the connection."""

    begins_at = HELLO

    def __init__(self, to, rule=None, address="127.0.0.1"):
        self.key = opening.Key.of(miglib.host_directory())
        self.ends = {}      # of a direction: the one that the bytes come from, the one that they go to
        super().__init__(to, rule, address)

    def opened(self, number, inner, outer):
        here, there = opening.Destination(inner, self.key), opening.Source(outer, self.key)
        self.ends[number] = {"out": (here, there), "in": (there, here)}
        here.first()
        hello = self.passed(number, "out", here.third())
        there.first()
        there.second()
        there.third(hello)
        here.answer(self.passed(number, "in", there.answer()))

    def passed(self, number, direction, hello):
        verdict = self.rule(number, direction, 0, hello) if self.rule else hello
        if verdict is Proxy.CUT:
            self.cut()
        if verdict is Proxy.CUT or verdict is Proxy.STALL or len(verdict) != HELLO:
            raise opening.Refused("by the rule")
        return verdict

    def begin(self, number, inner, outer):
        try:
            for s in (inner, outer):
                s.settimeout(90)
            self.opened(number, inner, outer)
            for s in (inner, outer):
                s.settimeout(None)
        except (OSError, opening.Refused, opening.InvalidTag):
            for s in (inner, outer):
                self.shut(s)
                self.reset(s)
            return
        super().begin(number, inner, outer)


class FrameProxy(Opened):
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
            out += verdict if frame.hello else self.tagged(number, direction, verdict)

    def tagged(self, number, direction, data):
        """NOISE frames with the tag by which a host vouches for them."""
        out, at = b"", 0
        while len(data) - at >= HEADER:
            end = at + HEADER + struct.unpack_from("<I", data, at + 4)[0]
            if end > len(data):
                break
            out += data[at:end]
            if data[at + 1] == NOISE and self.numbers[number] == CONTROL:
                out += self.ends[number][direction][1].tag(data[at:end], direction)
            at = end
        return out + data[at:]

    def take(self, number, direction, stream):
        buffer, index = stream
        size = HELLO if index == 0 else HEADER
        if len(buffer) < size:
            return None
        if index == 0:
            self.numbers[number] = struct.unpack_from("<H", buffer, 14)[0]
        else:
            size += struct.unpack_from("<I", buffer, 4)[0]
            more = TAG if buffer[1] == NOISE else 0
            if len(buffer) < size + more:
                return None
            tag = self.ends[number][direction][0].tag(bytes(buffer[:size]), direction) if more else b""
            miglib.check(buffer[size:size + more] == tag, f"a NOISE frame {direction} without the host's tag")
            del buffer[size:size + more]
        data = bytes(buffer[:size])
        del buffer[:size]
        stream[1] += 1
        with self.lock:
            self.count += 1
        return Frame(self.numbers[number], direction, data, index)
