# SPDX-License-Identifier: Apache-2.0
"""A decoder of recorded migrations, written from docs/spec/migration.md and the layouts in abi/wire.h alone; it shares no
code with the implementation. It has no keys: it checks what is in clear and what follows from it (hellos, headers,
lengths, sequence numbers, epochs, which frame may travel where, the order of control messages by their sizes).

    decode_stream.py DIRECTORY      files NUMBER.out and NUMBER.in: the hello of each TCP connection, as one of its two hosts sees it, and
                                    then its bytes; in order of opening"""
import pathlib
import struct
import sys

MAGIC, HELLO_VERSION, VERSION = 0x314d4954504f4d, 2, 1
NOISE, CONTROL, PAGES, ACK, REQUEST, REPLY, RESUME = range(1, 8)
TAG, RUN = 16, 16
HEAD_MAX, PAGES_MAX, URGENT_MAX = 128 * RUN, 64, 8
# Which kind on which connection, and from whom ("out": from the source).
ALLOWED = {("control", "out"): {NOISE, CONTROL, RESUME}, ("control", "in"): {NOISE, CONTROL, RESUME},
           ("urgent", "out"): {REPLY}, ("urgent", "in"): {REQUEST}, ("pages", "out"): {PAGES}, ("pages", "in"): {ACK}}
# Body sizes of control messages whose size is fixed, by who may send them (section 4).
FROM_SOURCE = {40: "PARAMS", 16: "ROUND", 0: "START or FINISH"}
FROM_DESTINATION = {0: "READY", 16: "ROUND or STARTED", 8: "PREPARED", 8 * 6 + 8 * 32: "PLACED"}


class Wrong(Exception):
    pass


def need(condition, words):
    if not condition:
        raise Wrong(words)


def padded_text(data, what):
    text, _, rest = data.partition(b"\0")
    need(len(text) < len(data) and not rest.strip(b"\0"), f"{what} is not NUL-padded")
    need(all(32 <= b < 127 or b >= 128 for b in text), f"{what} is not printable")
    return text.decode(errors="replace")


class Hello:
    def __init__(self, data):
        need(len(data) == 1024, "a hello is 1,024 bytes")
        magic, version, self.kind, self.connection, self.channels, zero, self.status = struct.unpack_from("<QIHHHHi", data)
        need(magic == MAGIC and version == HELLO_VERSION, "magic or version")
        need(self.kind in (1, 2) and zero == 0, "kind or reserved field")
        need(1 <= self.channels <= 8 and self.connection < 2 + self.channels, "connection number")
        self.session, self.mrenclave = data[24:40], data[40:72]
        self.program = padded_text(data[88:152], "the program's name")
        need(not data[168:256].strip(b"\0"), "reserved bytes of a hello")
        self.text = padded_text(data[256:], "the text")


class Frame:
    def __init__(self, header, payload):
        version, self.kind, self.connection, self.length, self.sequence, self.epoch, self.head, zero = \
            struct.unpack("<BBHIQIHH", header)
        need(version == VERSION and zero == 0, "version or reserved field of a frame")
        self.payload = payload

    def plain(self):
        return self.length - TAG


def frames(data):
    at = 0
    while at < len(data):
        if len(data) - at < 24:
            return          # the connection ended inside a frame
        length = struct.unpack_from("<I", data, at + 4)[0]
        need(length <= HEAD_MAX + PAGES_MAX * 4096 + TAG, f"a frame of {length} bytes")
        if len(data) - at - 24 < length:
            return
        yield Frame(data[at:at + 24], data[at + 24:at + 24 + length])
        at += 24 + length + (TAG if data[at + 1] == NOISE else 0)      # the host's


def check_sizes(frame):
    if frame.kind in (PAGES, REPLY):
        need(0 < frame.head <= HEAD_MAX and frame.head % RUN == 0, f"head of {frame.head} bytes")
        rest = frame.plain() - frame.head
        most = URGENT_MAX if frame.kind == REPLY else PAGES_MAX
        need(rest >= 0 and rest % 4096 == 0 and rest // 4096 <= most, f"contents of {rest} bytes")
        return
    need(frame.head == 0, "head of a frame without pages")
    fixed = {NOISE: None, CONTROL: None, ACK: 8, REQUEST: 16, RESUME: 8}[frame.kind]
    need(fixed is None or frame.plain() == fixed, f"kind {frame.kind} with {frame.plain()} bytes")
    if frame.kind == NOISE:
        need(frame.length == (32 if frame.way == "out" else 48), f"a Noise message of {frame.length} bytes")
    if frame.kind == CONTROL:
        need(frame.plain() >= 8, "a control message without its head")


def name_of(kind, connection, way):
    where = {0: "control", 1: "urgent"}.get(connection, "pages")
    need(kind in ALLOWED[where, way], f"kind {kind} {way} on the {where} connection")
    return where


class Session:
    """All connections of one session: sequence numbers go on within an epoch, epochs go up."""

    def __init__(self):
        self.next, self.epoch, self.seen, self.requests, self.control = {}, {}, set(), {}, []

    def frame(self, frame, connection, way):
        need(frame.connection == connection, "connection number in a frame")
        frame.way = way
        name_of(frame.kind, connection, way)
        check_sizes(frame)
        # A nonce serves once: key = (epoch, connection, direction, purpose).
        nonce = (frame.kind == RESUME, frame.kind == NOISE, frame.epoch, connection, way, frame.sequence)
        need(nonce not in self.seen, f"nonce used twice: {nonce}")
        self.seen.add(nonce)
        if frame.kind in (NOISE, RESUME):
            need(frame.sequence == 0 and (frame.kind == RESUME) == (frame.epoch > 0), "sequence or epoch of a handshake")
            return
        stream = (connection, way)
        need(frame.epoch >= self.epoch.get(stream, 0), "an epoch came back")
        if frame.epoch > self.epoch.get(stream, 0):
            self.epoch[stream], self.next[stream] = frame.epoch, 0
        if connection == 1:
            self.urgent(frame, way)
            return
        need(frame.sequence == self.next.get(stream, 0), f"{stream}: number {frame.sequence}, expected {self.next.get(stream, 0)}")
        self.next[stream] = frame.sequence + 1
        if frame.kind == CONTROL:
            self.control.append((way, frame.plain() - 8))

    def urgent(self, frame, way):
        asked = self.requests.setdefault(frame.epoch, set())
        if way == "in":
            need(frame.sequence + 2048 > max(asked, default=0), "a request outside the window")
            asked.add(frame.sequence)

    def end(self):
        """Replies answer requests; the order of control messages."""
        for purpose, noise, epoch, connection, way, number in self.seen:
            if connection == 1 and way == "out":
                need(number in self.requests.get(epoch, ()), f"a reply to nothing: {number}")
        out = [size for way, size in self.control if way == "out"]
        come = [size for way, size in self.control if way == "in"]
        if self.control and not self.epoch.get((0, "out")):
            need(come[0] > 8 and (not out or out[0] > 8), "QUOTE comes first")
            need(len(out) < 2 or FROM_SOURCE.get(out[1]) == "PARAMS", "PARAMS after QUOTE")
            need(len(come) < 2 or come[1] == 0 or come[1] >= 8, "READY after QUOTE")


def decode(directory):
    """Checks a recording; returns (sessions, frames per kind)."""
    directory = pathlib.Path(directory)
    sessions, kinds = {}, {}
    for number in sorted(int(p.stem) for p in directory.glob("*.out")):
        out = (directory / f"{number}.out").read_bytes()
        come = (directory / f"{number}.in").read_bytes()
        if len(out) < 1024 or len(come) < 1024:
            continue
        hello, answer = Hello(out[:1024]), Hello(come[:1024])
        need(hello.status == 0 and hello.session == answer.session and hello.connection == answer.connection, "hello and answer")
        if answer.status:
            need(answer.status < 0 and answer.text, "a refusal without words")
            continue
        session = sessions.setdefault(hello.session, Session())
        for way, data in (("out", out), ("in", come)):
            for frame in frames(data[1024:]):
                session.frame(frame, hello.connection, way)
                kinds[frame.kind] = kinds.get(frame.kind, 0) + 1
    for session in sessions.values():
        session.end()
    return sessions, kinds


if __name__ == "__main__":
    try:
        found, counts = decode(sys.argv[1])
    except Wrong as wrong:
        sys.exit(f"not what the document says: {wrong}")
    print(f"{len(found)} sessions, frames by kind: {counts}")
