# SPDX-License-Identifier: Apache-2.0
"""How two hosts begin a connection, written from the Noise specification (revision 34) and docs/spec/migration.md; it shares no
code with the implementation. Either side of it, so that tests can be a host that is known, one that is not, or one in between."""
import hashlib
import hmac
import os
import pathlib
import struct
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

MAGIC, VERSION = 0x314d4954504f4d, 2
HEAD = struct.pack("<QII", MAGIC, VERSION, 0)
HELLO = 1024
FIRST, SECOND, THIRD, ANSWER = 16 + 32, 16 + 96, 64 + HELLO, HELLO + 16
REFUSED = struct.pack("<BBHIQIHH", 1, 9, 0, ANSWER, 0, 0, 0, 0)
# Bytes of a connection before its first frame.
OPENING = {"out": FIRST + THIRD, "in": SECOND + ANSWER}


class Refused(Exception):
    """The other side closed, or what it said is not authentic."""


class Key:
    def __init__(self, secret=None):
        self.private = X25519PrivateKey.from_private_bytes(secret) if secret else X25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def secret(self):
        return self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def dh(self, public):
        return self.private.exchange(X25519PublicKey.from_public_bytes(public))

    @staticmethod
    def of(directory):
        """The host key in that directory."""
        head, secret = (pathlib.Path(directory) / "host.key").read_text().split("\n")[:2]
        assert head == "optmig host key 1", head
        return Key(bytes.fromhex(secret))


class Noise:
    """Noise_XX_25519_AESGCM_SHA256: section 5's objects in one."""

    def __init__(self, initiator, own, prologue=b"OptMig hosts 2", ephemeral=None):
        self.initiator, self.s, self.e = initiator, own, ephemeral or Key()
        self.rs = self.re = self.k = None
        self.n = 0
        self.h = self.ck = b"Noise_XX_25519_AESGCM_SHA256".ljust(32, b"\0")
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def hkdf(self, material):
        temporary = hmac.digest(self.ck, material, "sha256")
        one = hmac.digest(temporary, b"\1", "sha256")
        return one, hmac.digest(temporary, one + b"\2", "sha256")

    def mix_key(self, material):
        self.ck, self.k = self.hkdf(material)
        self.n = 0

    def nonce(self):
        self.n += 1
        return bytes(4) + struct.pack(">Q", self.n - 1)

    def seal(self, data):
        out = AESGCM(self.k).encrypt(self.nonce(), data, self.h) if self.k else data
        self.mix_hash(out)
        return out

    def open(self, data):
        out = AESGCM(self.k).decrypt(self.nonce(), data, self.h) if self.k else data
        self.mix_hash(data)
        return out

    def mix_dh(self, token):
        mine, theirs = (token[0], token[1]) if self.initiator else (token[1], token[0])
        self.mix_key(getattr(self, mine).dh(getattr(self, "r" + theirs)))

    def write(self, tokens, payload=b""):
        out = b""
        for token in tokens.split():
            if token == "e":
                out += self.e.public
                self.mix_hash(self.e.public)
            elif token == "s":
                out += self.seal(self.s.public)
            else:
                self.mix_dh(token)
        return out + self.seal(payload)

    def read(self, tokens, data):
        for token in tokens.split():
            if token == "e":
                self.re, data = data[:32], data[32:]
                self.mix_hash(self.re)
            elif token == "s":
                size = 48 if self.k else 32
                self.rs, data = self.open(data[:size]), data[size:]
            else:
                self.mix_dh(token)
        return self.open(data)

    def split(self):
        """Keys: from the initiator, from the responder."""
        return self.hkdf(b"")


def take(s, size):
    data = b""
    while len(data) < size:
        more = s.recv(size - len(data))
        if not more:
            raise Refused(f"closed after {len(data)} of {size} bytes")
        data += more
    return data


def hello(kind=1, connection=0, channels=1, program=b"ram_oracle", text=b"", magic=MAGIC, version=VERSION, session=b"s" * 16,
          mrenclave=b"m" * 32, status=0):
    h = struct.pack("<QIHHHHi16s32sQQ64s16s", magic, version, kind, connection, channels, 0, status, session, mrenclave, 1 << 36, 1 << 20,
                    program, b"")
    return h.ljust(256, b"\0") + text.ljust(HELLO - 256, b"\0")


def status_of(answer):
    return struct.unpack_from("<i", answer, 20)[0]


def text_of(answer):
    return answer[256:].rstrip(b"\0").decode()


class Source:
    """One step of the source's side after the other, on a socket."""

    def __init__(self, s, own, **more):
        self.s, self.noise = s, Noise(True, own, **more)

    def first(self):
        self.s.sendall(HEAD + self.noise.write("e"))

    def second(self):
        """Returns the destination's key."""
        data = take(self.s, SECOND)
        if data[:16] != HEAD:
            raise Refused(f"head {data[:16].hex()}")
        self.noise.read("e ee s es", data[16:])
        return self.noise.rs

    def third(self, words):
        self.s.sendall(self.noise.write("s se", words))

    def answer(self):
        return AESGCM(self.noise.split()[1]).decrypt(bytes(12), take(self.s, ANSWER), b"")

    def tag(self, frame, way="out"):
        """What follows a NOISE frame of that direction."""
        return AESGCM(self.noise.split()[way == "in"]).encrypt(bytes(11) + b"\1", b"", frame)

    def refusal(self):
        """What the destination says instead of the enclaves' handshake."""
        head = take(self.s, 24)
        if head != REFUSED:
            raise Refused(f"a frame {head.hex()}")
        return AESGCM(self.noise.split()[1]).decrypt(bytes(11) + b"\2", take(self.s, ANSWER), head)

    def all(self, words):
        """Returns the answer."""
        self.first()
        self.second()
        self.third(words)
        return self.answer()


class Destination:
    def __init__(self, s, own, **more):
        self.s, self.noise = s, Noise(False, own, **more)

    def first(self):
        data = take(self.s, FIRST)
        if data[:16] != HEAD:
            raise Refused(f"head {data[:16].hex()}")
        self.noise.read("e", data[16:])
        self.s.sendall(HEAD + self.noise.write("e ee s es"))

    def third(self):
        """Returns the hello. The source's key is noise.rs."""
        try:
            return self.noise.read("s se", take(self.s, THIRD))
        except InvalidTag as error:
            raise Refused("the third message is not authentic") from error

    tag = Source.tag

    def answer(self, words):
        self.s.sendall(AESGCM(self.noise.split()[1]).encrypt(bytes(12), words, b""))

    def refuse(self, words, number=2):
        self.s.sendall(REFUSED + AESGCM(self.noise.split()[1]).encrypt(bytes(11) + bytes([number]), words, REFUSED))


def new_directory(path):
    """A directory with a new host key, as OPTMIG_HOST_DIR wants it; returns its key."""
    key = Key()
    path = pathlib.Path(path)
    path.mkdir(mode=0o755)
    fd = os.open(path / "host.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, f"optmig host key 1\n{key.secret.hex()}\n".encode())
    os.close(fd)
    return key
