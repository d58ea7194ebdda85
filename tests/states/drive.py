# SPDX-License-Identifier: Apache-2.0
"""Runs a script once: natively, inside, or moved as a plan says, and returns what it said.

A plan has one action for each `move` of the script, in turn (none for those beyond its end):
  none                     the program stays
  MODE                     it is moved in that mode
  cancel:MODE:MS           ... and that is cancelled after so long
  destination:MODE:STEP:FAULT   ... and that fault strikes the destination (host/move/fault.h)
  source:MODE:STEP:FAULT   ... or the source"""
import fcntl
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

MODES = ["stop", "precopy", "postcopy", "hybrid", "auto"]
SECONDS = 90
LARGE = 30000
SIOCOUTQNSD = 0x894b


def stream(flow, start, size):
    """A stream's bytes tell their place: the rule of program/bytes.c."""
    return bytes((at * 7 + (at >> 8) + flow * 13) & 255 for at in range(start, start + size))


class Pattern:
    """stream(), quickly: it repeats after 65536 bytes."""
    kept = {}

    @classmethod
    def bytes(cls, flow, start, size):
        block = cls.kept.get(flow)
        if block is None:
            block = cls.kept[flow] = stream(flow, 0, 65536)
        start %= 65536
        return (block[start:] + block * (size // 65536 + 1))[:size]


class Peer(threading.Thread):
    """The other end of a connection, which never moves. It writes one thing after the other, and reads meanwhile."""

    def __init__(self, number):
        super().__init__(daemon=True)
        self.number, self.connection, self.listener = number, None, None
        self.sent = self.got = 0
        self.wrong, self.end = False, ""
        self.writing, self.reading, self.reader = queue.Queue(), queue.Queue(), None
        self.start()
        threading.Thread(target=self.obey, args=(self.reading,), daemon=True).start()

    def run(self):
        self.obey(self.writing)

    def obey(self, orders):
        while True:
            function, done = orders.get()
            try:
                function()
            except OSError as error:
                self.end = self.end or errno_name(error)
            done.set()

    def do(self, function, seconds, reads=False):
        """... and waits so long for its end."""
        done = threading.Event()
        (self.reading if reads else self.writing).put((function, done))
        done.wait(seconds)
        return done

    def send(self, size):
        self.connection.settimeout(SECONDS)
        self.connection.sendall(Pattern.bytes(100 + 2 * self.number, self.sent, size))
        self.sent += size

    def take(self, data):
        self.wrong |= data != Pattern.bytes(101 + 2 * self.number, self.got, len(data))
        self.got += len(data)

    def read(self, size, seconds):
        """At most so much. True at the end of it all."""
        self.connection.settimeout(seconds)
        try:
            while size > 0:
                data = self.connection.recv(min(size, 1 << 20))
                if not data:
                    self.end = self.end or "end of file"
                    return True
                self.take(data)
                size -= len(data)
        except socket.timeout:
            pass
        return False

    def drain(self):
        """Reads from now on, beside everything else."""
        self.connection.settimeout(SECONDS)
        reader = threading.Thread(target=self.drain_all, daemon=True)
        reader.start()
        self.reader = reader        # seen by who may join it

    def drain_all(self):
        try:
            self.read(1 << 40, SECONDS)
        except OSError as error:
            self.end = self.end or errno_name(error)

    def settle(self):
        """A reset takes along what was not sent yet: that depends on when what was sent is acknowledged."""
        end = time.monotonic() + 2
        while self.connection.fileno() >= 0 and time.monotonic() < end and struct.unpack("i", fcntl.ioctl(self.connection, SIOCOUTQNSD, bytes(4)))[0] > 1:
            time.sleep(0.001)

    def close(self, reset):
        self.settle()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.end = "closed"


def errno_name(error):
    import errno
    return errno.errorcode.get(error.errno, "timeout" if isinstance(error, socket.timeout) else str(error.errno))


class Child:
    """A process of ours; what it says goes to files."""

    def __init__(self, arguments, room, name, env):
        self.out, self.err = room / f"{name}.out", room / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=room)
        self.reader, self.rest = open(self.out, "rb"), b""

    def line(self, until):
        """The next line, or None: it has ended, or says nothing."""
        while b"\n" not in self.rest:
            over = self.process.poll() is not None
            more = self.reader.read()
            self.rest += more
            if not more and (over or time.monotonic() > until):
                return None
            if not more:
                time.sleep(0.001)
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace")

    def end(self, seconds=0):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "hangs"
        finally:
            self.reader.close()


class Run:
    def __init__(self, tools, lines, plan=None):
        """plan None: natively; []: inside, not moved."""
        self.tools, self.native, self.plan = tools, plan is None, list(plan or [])
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="st.", dir=tools.work))
        self.room.chmod(0o755)
        (self.room / "script").write_text("\n".join(lines) + "\n")
        self.env = dict(os.environ, OPTMIG_RUNTIME_DIR=str(self.room / "run"), OPTMIG_QUIET="1")
        self.peers, self.during, self.said = {}, [], []
        self.moves = self.moved = 0
        self.refused, self.named, self.unjudged = [], "", ""
        self.children = []
        self.here = self.start([tools.native if self.native else tools.inside, self.room / "script"])

    def start(self, arguments, env=None):
        rule = next((a.split(":", 2)[2] for a in self.plan[self.moves:] if a.startswith("source:")), None)
        env = dict(env or self.env)
        if rule:
            env["OPTMIG_MIG_FAULT"] = ",".join(filter(None, [env.get("OPTMIG_MIG_FAULT"), rule]))
        child = Child(arguments, self.room, len(self.children), env)
        child.faulty = bool(rule)
        self.children.append(child)
        return child

    # ---- what the program asks for
    def answer(self, words):
        what = words[0]
        if what == "move":
            self.move()
            return "ok"
        if what == "listen":
            peer = self.peers[int(words[2])] = Peer(int(words[2]))
            family, host = self.family(words[1])
            peer.listener = socket.create_server((host, 0), family=family)
            return str(peer.listener.getsockname()[1])
        if what == "dial":
            peer = self.peers[int(words[3])] = Peer(int(words[3]))
            family, host = self.family(words[1])
            peer.connection = socket.socket(family)
            peer.connection.settimeout(5)
            try:
                peer.connection.connect((host, int(words[2])))
            except OSError:
                del self.peers[int(words[3])]
                return "0"
            return str(peer.connection.getsockname()[1])
        if what == "accept":
            peer = self.peers[int(words[1])]
            peer.listener.settimeout(5)
            peer.connection = peer.listener.accept()[0]
            peer.listener.close()
            return "ok"
        if what == "report":
            return self.report()
        if what == "probe":
            return self.probe(words[1], words[2])
        if what in ("psend", "pread", "pshut", "pclose", "preset", "pdrain"):
            return self.order(what, words)
        return "what?"

    @staticmethod
    def family(word):
        return (socket.AF_INET6, "::1") if word == "6" else (socket.AF_INET, "127.0.0.1")

    def probe(self, name, kind):
        """Would somebody else get this lock?"""
        if not re.fullmatch(r"f\d+", name) or not (self.room / name).exists():
            return "no such file"
        with open(self.room / name, "r+b") as f:
            try:
                if kind == "flock":
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                else:
                    fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return "free"
            except OSError:
                return "locked"

    def order(self, what, words):
        peer = self.peers.get(int(words[1]))
        if not peer or not peer.connection:
            return "no such peer"
        size = int(words[2]) if words[2].isdigit() else 0
        functions = {
            "psend": lambda: peer.send(size), "pread": lambda: peer.read(size, 5), "pdrain": peer.drain,
            "pshut": lambda: peer.connection.shutdown(socket.SHUT_WR), "pclose": lambda: peer.close(False), "preset": lambda: peer.close(True),
        }
        if peer.reader and what in ("pread", "pclose", "preset", "pdrain"):
            return "it reads"
        if words[3] == "during" and what != "pdrain":
            self.during.append((peer, functions[what], what == "pread"))
        else:
            peer.do(functions[what], 0.5 if size > LARGE else 5, what == "pread")
        return "ok"

    def strike(self, wait):
        """What peers were asked to do meanwhile."""
        orders, self.during = self.during, []
        done = [peer.do(function, 0, reads) for peer, function, reads in orders]
        if wait:
            for d in done:
                d.wait(5)

    def report(self):
        """The program has closed all that it had."""
        self.strike(True)
        said = []
        for number, peer in sorted(self.peers.items()):
            if peer.reader:
                peer.reader.join(10)
            elif peer.connection and not peer.end:
                peer.do(lambda: peer.read(1 << 40, 10), 12, True)
            said.append(f"{number}: {'WRONG' if peer.wrong else 'right'}, {peer.end or 'no end'}")
        return "; ".join(said)

    # ---- moves
    def optmig(self, *arguments, seconds=SECONDS):
        try:
            done = subprocess.run([str(self.tools.optmig), *map(str, arguments)], capture_output=True, text=True, env=self.env, timeout=seconds)
        except subprocess.TimeoutExpired:
            return "hangs", f"optmig {arguments[0]} does not end"
        return done.returncode, re.sub(r"\s+", " ", (done.stderr.strip() or done.stdout.strip()).replace(str(self.room), "..."))[:400]

    def move(self):
        action = self.plan[self.moves] if self.moves < len(self.plan) else "none"
        self.moves += 1
        if self.native or action == "none":
            self.strike(True)
            return
        kind, mode, *rest = action.split(":", 2) if ":" in action else ("move", action)
        env = dict(self.env, OPTMIG_MIG_FAULT=rest[0]) if kind == "destination" else self.env
        there = self.start([self.tools.optmig, "receive", "--listen", "127.0.0.1:0", "--once"], env)
        address = self.wait_for(there, r"listening on (\S+),")
        if not address:
            self.said.append(f"no receiver: {there.err.read_text(errors='replace')[-300:]}")
            there.end()
            return
        pid = self.here.process.pid
        status, text = self.optmig("check", pid)
        named = text if status == 6 else ""
        self.named = self.named or named
        if kind == "move" and self.here.faulty:     # a later move's fault may have struck this one
            kind = "source"
        options = ["--mode", mode] + ([] if kind == "move" else ["--patience", "2s", "--silence", "1s"])
        if kind == "cancel":
            options += ["--bandwidth", "40M"]
            timer = threading.Timer(int(rest[0]) / 1000, lambda: self.optmig("cancel", pid))
            timer.start()
        self.strike(False)
        status, text = self.optmig("migrate", pid, "--to", address, *options)
        if kind == "cancel":
            timer.join()
        if status == 0:
            self.arrive(there, action)
            return
        if kind == "move" and not named:
            self.refused.append(text)
        try:
            there.process.wait(0.5 if kind != "move" else 3)
        except subprocess.TimeoutExpired:
            pass
        there.end()

    def arrive(self, there, action):
        self.moved += 1
        status = self.here.end(30)
        if status != 0:
            self.said.append(f"the source ended with {status}")
        self.here = there
        if re.search(r":(descriptors|memory|disk)$", action):
            self.unjudged = "it runs where something is not to be had"

    def wait_for(self, child, pattern):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            over = child.process.poll() is not None
            match = re.search(pattern, child.err.read_text(errors="replace"), re.M)
            if match or over:
                return match and match[1]
            time.sleep(0.002)
        return None

    # ---- the whole
    def whole(self):
        try:
            self.play()
        finally:
            for child in self.children:
                child.end()
            for peer in self.peers.values():
                for s in (peer.connection, peer.listener):
                    if s:
                        s.close()
            shutil.rmtree(self.room, ignore_errors=True)
        return self

    def play(self):
        while not self.unjudged:
            line = self.here.line(time.monotonic() + SECONDS)
            if line is None:
                break
            if line.startswith("@"):
                number, *words = line[1:].split(" ")
                text = self.answer(words)
                (self.room / "new").write_text(text + "\n")
                (self.room / "new").rename(self.room / f"answer.{number}")
            else:
                self.said.append(line)
                if line == "end":
                    break
        status = self.here.end(0 if self.unjudged else 10)
        if status != 0:
            word = f"ended by {signal.Signals(-status).name}" if isinstance(status, int) and status < 0 else f"ended with {status}"
            complaint = [l for l in self.here.err.read_text(errors="replace").splitlines() if "FAULT INJECTION" not in l]
            self.said.append(f"{word} {' | '.join(complaint)[-300:]}".strip())
