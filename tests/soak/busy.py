# SPDX-License-Identifier: Apache-2.0
"""Busy servers and what their clients see: many lively connections that keep score, one that asked for much and does not
read, arrivals, connections that wait at the listener; and what a process has of sockets, looked at from outside."""
import collections
import ctypes
import errno
import os
import random
import struct
import sys
import pathlib
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "integration"))
from miglib import *
from hosts import *

MODES = ["stop", "precopy", "postcopy", "hybrid", "auto"]
APPS = B / "apps" / "optmig"
TOOLS = B / "tests" / "tools"
BIG = 12 << 20              # what the stalled client asks for: more than the send queue takes, so that the program keeps a rest
QUEUED = 3 << 20            # ... of which so much must lie there
BIG_BYTES = random.Random(1).randbytes(BIG)
RATE = os.environ.get("BUSY_RATE", "10")                # rounds a second of each lively connection
FILES, FILE_SIZE = 64, 4096


def hosts_for_connections(together=False):
    """Hosts whose send queues may be large; the test is skipped where connections cannot move at all."""
    hosts = Together() if together else Hosts()
    if not hosts.namespaces:
        print("connections move only between network namespaces that we may make")
        sys.exit(77)
    for host in "a" if together else "ab":
        with hosts.inside(host), open("/proc/sys/net/ipv4/tcp_wmem", "w") as wmem:
            wmem.write("4096 8388608 8388608")
    return hosts


# ---- servers: a process on host a, how its clients work, what the stalled one asks for ----

class Server:
    """What differs between the programs. `probe`, `answer`: a short request; `ask`, `expect`: the long one, with a short one
    behind it that stays unread as long as the server cannot write."""

    ends = [0]              # exit statuses on TERM

    def load(self, hosts, count):
        return Lively(hosts, self.port, count, command=TOOLS / self.client, arguments=self.arguments)


class RedisServer(Server):
    program = APPS / "redis" / "redis-server"
    client, arguments = "redis_client", ["drive:", "", "100", RATE]
    probe, answer = b"PING\r\n", b"+PONG\r\n"
    ask, expect = b"GET big\r\nECHO behind\r\n", b"$%d\r\n%s\r\n$6\r\nbehind\r\n" % (BIG, BIG_BYTES)
    sleep = b"DEBUG SLEEP 0.15\r\n"

    def __init__(self, hosts, port):
        self.port = port
        self.process = Process([*hosts.on("a"), self.program, "--port", port, "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
                                "--appendonly", "no", "--enable-debug-command", "yes", "--dir", WORK])
        self.process.wait_for("Ready to accept connections", 30)
        say(hosts, port, b"SET big $%d" % BIG, b"+OK\r\n", whole=b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n%s\r\n" % (BIG, BIG_BYTES))


class MemcachedServer(Server):
    program = APPS / "memcached" / "memcached"
    client, arguments = "memcached_client", [RATE]
    probe, answer = b"get nothing\r\n", b"END\r\n"
    ask, expect = b"get big\r\nget nothing\r\n", b"VALUE big 0 %d\r\n%s\r\nEND\r\nEND\r\n" % (BIG, BIG_BYTES)

    def __init__(self, hosts, port):
        self.port = port
        self.process = Process([*hosts.on("a"), self.program, "-u", "root", "-p", port, "-U", "0", "-t", "4", "-m", "256", "-I", "16m"])
        say(hosts, port, b"set big", b"STORED\r\n", whole=b"set big 0 0 %d\r\n%s\r\n" % (BIG, BIG_BYTES))


class LighttpdServer(Server):
    """Its files are on both hosts; the one that is being sent is open at the move."""
    program = APPS / "lighttpd" / "lighttpd"
    client, arguments = "http_client", [str(FILES), str(FILE_SIZE), RATE]
    ends = [0, 1]           # 1: some connections were open still
    probe = b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n"
    ask = b"GET /big HTTP/1.1\r\nHost: test\r\n\r\n" + probe

    def __init__(self, hosts, port):
        self.port = port
        root, config = WORK / "www", WORK / "lighttpd.conf"
        root.mkdir()
        subprocess.run([str(TOOLS / "http_client"), "files", str(root), str(FILES), str(FILE_SIZE)], check=True)
        (root / "big").write_bytes(BIG_BYTES)
        (root / "small").write_bytes(b"small")
        config.write_text(f'server.document-root = "{root}"\nserver.port = {port}\nserver.bind = "0.0.0.0"\n'
                          'server.modules = ("mod_staticfile")\nserver.max-keep-alive-requests = 4294967295\n'
                          'server.max-keep-alive-idle = 3600\nserver.max-write-idle = 3600\nserver.max-connections = 1024\n'
                          'server.max-fds = 4096\nserver.network-backend = "writev"\n')
        self.process = Process([*hosts.on("a"), self.program, "-D", "-f", config])

    # Heads have the date and what depends on the files' times; lengths and bodies are known.
    answer = re.compile(rb"HTTP/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)*?Content-Length: 5\r\n(?:[^\r\n]+\r\n)*\r\nsmall$")
    expect = [re.compile(rb"HTTP/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)*?Content-Length: %d\r\n(?:[^\r\n]+\r\n)*\r\n" % BIG), BIG_BYTES, answer]


SERVERS = {"redis": RedisServer, "memcached": MemcachedServer, "lighttpd": LighttpdServer}


# ---- clients ----

def connect(hosts, port, seconds=20, receive_buffer=0):
    """On the clients' host; once the server listens."""
    end = time.monotonic() + seconds
    with hosts.inside("c"):
        while True:
            s = socket.socket()
            if receive_buffer:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            s.settimeout(seconds)
            try:
                s.connect((hosts.service, port))
                return s
            except ConnectionRefusedError:
                s.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)


def complete(got, answer):
    """Is it the whole answer, and right so far? None: it is not."""
    if isinstance(answer, bytes):
        return got == answer if answer.startswith(got) else None
    return bool(answer.match(got))


def hear(s, answer):
    got = b""
    while not complete(got, answer):
        data = s.recv(65536)
        got += data
        if not data or complete(got, answer) is None:
            raise OSError(f"answered {got[-200:]!r}")


def say(hosts, port, what, answer, whole):
    with connect(hosts, port) as s:
        s.sendall(whole)
        try:
            hear(s, answer)
        except OSError as error:
            fail(f"{what}: {error}")


class Lively(Load):
    """Clients with pauses: all of them have got a reply since the last question only if that was some time ago."""

    def wait_replies(self, seconds=30):
        end, pause, gap, replies = time.monotonic() + seconds, 1.2 / float(RATE), 0, 0
        gap, replies = (self.recent()[k] for k in ("longest_gap_ms", "acknowledged"))
        while True:
            time.sleep(pause)
            now = self.recent()
            gap, replies = max(gap, now["longest_gap_ms"]), replies + now["acknowledged"]
            if now["connections_replied"] == self.connections:
                return gap, replies
            if time.monotonic() > end:
                fail(f"only {now['connections_replied']} of {self.connections} connections get replies within {seconds} s")
            pause = min(pause * 1.5, 5)


class Stalled:
    """Asks for the big one and does not read."""

    def __init__(self, hosts, server, host):
        self.hosts, self.server = hosts, server
        self.socket = connect(hosts, server.port, receive_buffer=4096)
        self.port = self.socket.getsockname()[1]
        self.socket.sendall(server.ask)
        end, before = time.monotonic() + 30, -1
        while True:                             # until the kernel takes no more
            self.queued = self.queue(host)
            if self.queued >= QUEUED and self.queued == before:
                return
            check(time.monotonic() < end, f"only {self.queued} bytes come to lie in the server's send queue")
            before = self.queued
            time.sleep(0.1)

    def queue(self, host):
        """The server's queue on that host; -1: there is no such connection."""
        lines = subprocess.run([*self.hosts.on(host), "ss", "-tnH", "state", "connected", "sport", f"= :{self.server.port}", "dport", f"= :{self.port}"],
                               capture_output=True, text=True).stdout.split("\n")
        return int(lines[0].split()[2]) if lines[0] else -1

    def trouble(self, host):
        """What was queued must be; a window probe may take some bytes more to the client."""
        queue = self.queue(host)
        if 0 <= self.queued - queue <= 4096:
            return None
        return f"{queue} bytes in the stalled client's queue, were {self.queued}"

    def read(self):
        """All of it, in order, and then the connection is one like others. Returns an error's text or None."""
        s = self.socket
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.settimeout(30)
        try:
            expect = self.server.expect
            if isinstance(expect, bytes):
                self.exactly(expect)
            else:
                got = b""
                while not expect[0].match(got) and len(got) < 4096: # a head's end is not at the end of what is received
                    got += self.some(1)
                if not expect[0].match(got):
                    return f"the head is {got!r}"
                self.exactly(expect[1])
                hear(s, expect[2])
            s.sendall(self.server.probe)
            hear(s, self.server.answer)
            s.close()
        except OSError as error:
            return f"the stalled client: {error}"
        return None

    def some(self, size):
        data = self.socket.recv(size)
        if not data:
            raise OSError("end of file")
        return data

    def exactly(self, expected):
        at = 0
        while at < len(expected):
            data = self.some(min(1 << 20, len(expected) - at))
            if data != expected[at:at + len(data)]:
                raise OSError(f"wrong bytes between {at} and {at + len(data)} of {len(expected)}")
            at += len(data)


class Arrivals(threading.Thread):
    """Somebody connects, asks, gets the answer and goes, all the time. Every one must be served. Only a move that is done may
    lose a handshake that is half done (CAVEATS.md): that one is reset before it gets anything."""

    def __init__(self, hosts, server):
        super().__init__(daemon=True)
        self.hosts, self.server = hosts, server
        self.served, self.errors, self.resets, self.ports, self.over = 0, [], [], set(), threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.03):
            self.one()

    def one(self):
        begun, connected = time.monotonic(), None
        try:
            with connect(self.hosts, self.server.port, 30) as s:
                connected = time.monotonic()
                self.ports.add(s.getsockname()[1])
                s.sendall(self.server.probe)
                hear(s, self.server.answer)
                self.served += 1
        except ConnectionResetError:
            now = time.monotonic()
            self.resets.append((begun, now, f"an arrival is reset, {'%.1f ms after it had connected' % ((now - connected) * 1000) if connected else 'connecting'}"))
        except OSError as error:
            self.errors.append(f"an arrival: {error}")

    def troubles(self, moved):
        """What has happened since the last question and should not have. `moved`: a move was done in this time."""
        resets, self.resets = self.resets, []
        if moved and len(resets) == 1:
            self.lost += 1
            resets = []
        return self.errors + [text for _, _, text in resets]

    lost = 0

    def end(self):
        self.over.set()
        self.join(60)
        if self.is_alive():
            self.errors.append("an arrival is not served within 60 s")


class Waiting:
    """Connections made while the program does not come to accept them, with their requests."""

    def __init__(self, hosts, server, count):
        self.server = server
        self.sleeper = connect(hosts, server.port)
        self.sleeper.sendall(server.sleep)
        self.sockets = [connect(hosts, server.port) for _ in range(count)]
        self.ports = {s.getsockname()[1] for s in self.sockets + [self.sleeper]}
        for s in self.sockets:
            s.sendall(server.probe)

    def answers(self):
        """Errors' texts."""
        errors = []
        for s, answer in [(s, self.server.answer) for s in self.sockets] + [(self.sleeper, b"+OK\r\n")]:
            try:
                s.settimeout(30)
                hear(s, answer)
            except OSError as error:
                errors.append(f"a connection that waited at the listener: {error}")
            s.close()
        return errors


# ---- what a process has, from outside ----

SOL = {socket.SOL_SOCKET: (1 << 10, [2, 3, 5, 6, 9, 10, 12, 13, 15, 16, 18, 20, 21, 29, 30, 36, 38, 39, 46, 47, 60, 62, 72]),
       socket.IPPROTO_IP: (16, [1, 2, 6, 8, 10, 12, 13, 15, 19]),
       socket.IPPROTO_TCP: (16, [1, 3, 4, 5, 6, 7, 8, 9, 13, 18, 19, 25])}
PIDFD_GETFD = 438
BUFFERS = (7, 8)            # SO_SNDBUF, SO_RCVBUF: the kernel changes a connection's


class Borrowed:
    """A descriptor of another process, here."""

    def __init__(self, pidfd, fd):
        self.fd = LIBC.syscall(PIDFD_GETFD, pidfd, fd, 0)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")

    def __enter__(self):
        self.socket = socket.socket(fileno=self.fd)
        return self.socket

    def __exit__(self, *_):
        self.socket.close()


def options(s, listens):
    found = {}
    for level, (size, numbers) in SOL.items():
        for number in [*numbers, *(BUFFERS if listens and level == socket.SOL_SOCKET else [])]:
            try:
                found[level, number] = s.getsockopt(level, number, min(size, 256))
            except OSError as error:
                found[level, number] = error.errno
    return found


def name(ask):
    try:
        return ask()[:2]
    except OSError as error:
        return error.errno


def look_at(pid):
    """The TCP sockets and sets of events of a process: {number: what can be read}."""
    pidfd, found = os.pidfd_open(pid), {}
    try:
        for fd in sorted(map(int, os.listdir(f"/proc/{pid}/fd"))):
            try:
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
                info = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
                if link.startswith("socket:"):
                    with Borrowed(pidfd, fd) as s:
                        if s.family != socket.AF_INET or s.type != socket.SOCK_STREAM:
                            continue
                        peer, listens = name(s.getpeername), s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                        if not listens and isinstance(peer, int):
                            continue
                        found[fd] = {"what": "listener" if listens else "connection", "is": link, "name": name(s.getsockname), "peer": peer,
                                     "flags": re.search(r"flags:\s+(\d+)", info)[1], **options(s, listens)}
                elif link == "anon_inode:[eventpoll]":
                    found[fd] = {"what": "events", "members": {int(m[1]): (m[2], m[3]) for m in
                                 re.finditer(r"tfd:\s+(\d+) events:\s+(\w+) data:\s+(\w+)", info)}}
            except (FileNotFoundError, OSError) as error:
                if error.errno not in (errno.ENOENT, errno.EBADF, errno.ESRCH):
                    raise
    finally:
        os.close(pidfd)
    return found


def differences(before, after, passing, same_sockets=True):
    """Of two looks. What is there only later, has come in the meantime. `passing`: ports of clients that come and go.
    `same_sockets`: nothing was made anew."""
    found = []
    before = {fd: of for fd, of in before.items() if of["what"] != "connection" or of["peer"][1] not in passing}
    for fd, was in before.items():
        now = after.get(fd)
        if not now or now["what"] != was["what"]:
            found.append(f"{was['what']} {fd} ({was.get('peer')}) is gone: {now}")
        elif was["what"] == "events":           # a connection's mask goes with the program's state; a listener's stays
            for member, (mask, data) in was["members"].items():
                if member in before and (member not in now["members"] or now["members"][member][1] != data or
                                         (before[member]["what"] == "listener" and now["members"][member][0] != mask)):
                    found.append(f"events of {member} in {fd} were {mask} {data}, are {now['members'].get(member)}")
        else:
            found += [f"{was['what']} {fd} ({was['peer']}): {key} was {was[key]!r}, is {now[key]!r}" for key in was
                      if was[key] != now[key] and (same_sockets or key != "is")]
    return found


# ---- moves ----

def stuck(what, migration, source, there):
    states = [optmig("status", p.pid) for p in (source, there)]
    fail(f"{what} does not end:\n{migration.text()}\nsource:\n{states[0]}\n{source.text()[-2000:]}\nreceiver:\n{states[1]}\n{there.text()[-2000:]}")


def wait_end(what, migration, source, there, seconds=60):
    end = time.monotonic() + seconds
    while migration.alive():
        if time.monotonic() > end:
            stuck(what, migration, source, there)
        time.sleep(0.005)
    return migration.result()


def faulty(hosts, host, fault, *options):
    """A receiver with a fault."""
    return Receiver(*hosts.move(), *options, listen=f"{hosts.address(host)}:0", prefix=hosts.on(host), OPTMIG_MIG_FAULT=fault)


class LateCancel(LinkFrom, Proxy):
    """A link on which the destination's word that it is complete does not get through. The user cancels then: the source
    runs on while the destination still has all that it has made."""
    FAULT = "destination.device:stall"               # its message is the mark; the stall itself matters little

    def __init__(self, hosts, there):
        self.there = there
        super().__init__(hosts, there.address, self.pass_until_complete)

    def pass_until_complete(self, _number, direction, _total, data):
        return Proxy.STALL if direction == "in" and self.complete() else data

    def complete(self):
        return f"fault: {self.FAULT.split(':')[1]} at" in self.there.text()

    def cancel(self, migration):
        while migration.alive() and not (self.complete() and self.stalled.is_set()):
            time.sleep(0.002)
            if self.complete():                 # nothing may come in at all
                self.stalled.set()
        time.sleep(random.choice((0, 0.05, 0.2)))
        optmig("cancel", migration.source.pid)


def put_away(there):
    """A receiver whose source runs on. One that is complete would wait for a source that asks."""
    if there.process.poll() is None:
        there.process.kill()
    there.wait()


def forget():
    """What is over: its log and, of killed processes, the control socket."""
    optmig("ps")
    children[:] = [c for c in children if c.poll() is None]
