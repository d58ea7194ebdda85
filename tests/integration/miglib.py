# SPDX-License-Identifier: Apache-2.0
"""What the migration tests share: programs in enclaves, receivers, migrations, and a proxy that spoils the link.

Every test runs in a runtime directory and temporary directory of its own and leaves nothing behind; `finish` checks it.
"""
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

B = pathlib.Path(os.environ.get("B", "build")).resolve()
OPTMIG = B / "bin" / "optmig"
PROGRAMS = B / "tests" / "migrate"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="optmig-test."))
ENV = dict(os.environ, OPTMIG_RUNTIME_DIR=str(WORK / "run"), OPTMIG_HOST_DIR=str(WORK / "host"), OPTMIG_IMAGE_STORE=str(WORK / "images"),
           OPTMIG_QUIET="1", TMPDIR=str(WORK))
ENV.pop("OPTMIG_IMAGE_PATH", None)
# In a quick test an interrupted link is found after this long.
PATIENCE = ["--patience", "5s", "--silence", "3s"]

children = []


def cleanup():
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
    shutil.rmtree(WORK, ignore_errors=True)


atexit.register(cleanup)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def fail(text):
    print(f"FAIL: {text}", flush=True)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


class Process:
    """A child whose output goes to a file that can be waited on."""
    count = 0
    piped = False       # through a pipe: the child may be unable to write to files
    limit = 20          # seconds for what happens at once; a test whose machines are emulated has more
    delayed = staticmethod(lambda: 0)       # seconds for which machines of the test wanted to run and were not let: limits grow by them

    def __init__(self, arguments, **more):
        Process.count += 1
        self.log = WORK / f"{Process.count}.log"
        self.name = " ".join(str(a) for a in arguments[:4])
        with open(self.log, "wb") as log:
            self.writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log) if Process.piped else None
            out = self.writer.stdin if self.writer else log
            self.process = subprocess.Popen([str(a) for a in arguments], stdout=out, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, env=dict(ENV, **more))
            out.close()
        children.append(self.process)

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    @staticmethod
    def deadline(seconds):
        """Whether they are over: to be asked again and again."""
        end = time.monotonic() + seconds - Process.delayed()
        return lambda: time.monotonic() - Process.delayed() > end

    def wait_for(self, pattern, seconds=None, since=0):
        """Waits for a line; returns the match. `since`: characters to skip."""
        seconds = seconds or Process.limit
        over = Process.deadline(seconds)
        while True:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.text()[since:], re.M)
            if match:
                return match
            if ended:
                fail(f"{self.name} ended with {self.process.returncode}, waiting for /{pattern}/:\n{self.text()[-3000:]}")
            if over():
                fail(f"{self.name}: no /{pattern}/ within {seconds} s:\n{self.text()[-3000:]}")
            time.sleep(0.005)

    def wait_beats(self, more=2):
        """The program really runs: its beat must move on by `more` from what it is now."""
        beats = re.findall(r"^beat (\d+)", self.text(), re.M)
        now = int(beats[-1]) if beats else None
        over = Process.deadline(Process.limit)
        while not over():
            beats = re.findall(r"^beat (\d+)", self.text(), re.M)
            if beats and (now is None or int(beats[-1]) >= now + more):
                return int(beats[-1])
            if self.process.poll() is not None:
                fail(f"{self.name} ended with {self.process.returncode}:\n{self.text()[-3000:]}")
            time.sleep(0.01)
        fail(f"{self.name} does not run on:\n{self.text()[-3000:]}")

    def alive(self):
        """It may run its program's code still. What has left it is waited for: see wait."""
        if self.process.poll() is not None:
            return False
        if not self.leaving():
            return True
        self.process.wait(120)
        return False

    def end(self, signo=signal.SIGTERM, seconds=30):
        """Sends a signal and returns the exit status."""
        if self.alive():
            self.process.send_signal(signo)
        return self.wait(seconds)

    def wait(self, seconds=30):
        seconds = max(seconds, Process.limit)
        over = Process.deadline(seconds)
        try:
            while True:
                try:
                    status = self.process.wait(min(seconds, 5))
                    break
                except subprocess.TimeoutExpired:
                    if over():
                        raise
            if self.writer:             # what the process said last is in the log only when this one has ended too
                self.writer.wait(seconds)
            return status
        except subprocess.TimeoutExpired:
            # A process that ends closes nftables' socket, and there the kernel waits for work of its own (nf_tables'
            # destruction, behind RCU): on a loaded machine that has namespaces to remove, for long.
            if self.leaving() or any(word in self.threads() for word in ("flush_work", "synchronize_rcu")):
                return self.process.wait(120)
            fail(f"{self.name} does not end:\n{self.text()[-3000:]}\n{self.threads()}")

    def leaving(self):
        """No thread will run the program's code again: all have PF_EXITING (proc(5), the ninth field of stat)."""
        try:
            return all(int(stat.read_text().rsplit(")", 1)[1].split()[6]) & 4 for stat in pathlib.Path(f"/proc/{self.pid}/task").glob("*/stat"))
        except OSError:
            return True

    def threads(self):
        """For messages: where each thread waits."""
        lines = []
        for task in pathlib.Path(f"/proc/{self.pid}/task").glob("*"):
            try:
                lines.append(f"{task.name} {(task / 'comm').read_text().strip()}: {(task / 'wchan').read_text()} "
                             f"syscall {(task / 'syscall').read_text().strip()}")
            except OSError:
                pass
        return "\n".join(lines)


def program(name, *arguments, **env):
    return Process([PROGRAMS / name, *arguments], **env)


class Receiver(Process):
    def __init__(self, *options, listen="127.0.0.1:0", prefix=(), once=True, **env):
        super().__init__([*prefix, OPTMIG, "receive", "--listen", listen, *(["--once"] if once else []), *options], **env)
        self.address = self.wait_for(r"listening on (\S+),")[1]

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])


class Migration(Process):
    """`optmig migrate` in the background."""

    def __init__(self, source, to, *options, prefix=(), **env):
        self.source = source
        super().__init__([*prefix, OPTMIG, "migrate", source.pid, "--to", to, "--json", *options], **env)

    def result(self, seconds=60):
        """Exit status and report (or None)."""
        status = self.wait(seconds)
        text = self.text()
        start = text.find("{")
        try:
            report = json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else None
        except ValueError:
            report = None
        return status, report


def migrate(source, receiver, *options, seconds=60, to=None):
    """Migrates and expects success. Returns the report."""
    migration = Migration(source, to or receiver.address, *options)
    status, report = migration.result(seconds)
    check(status == 0, f"migrate {options} ended with {status}:\n{migration.text()}\nreceiver:\n{receiver.text()[-3000:]}\n"
          f"source:\n{source.text()[-2000:]}")
    check(report and report["status"] == "completed", f"report says {report and report['status']}")
    check(source.wait(10) == 0, f"the source ended with {source.process.returncode} after its migration:\n{source.text()[-2000:]}")
    return report


def optmig(*arguments, seconds=30, prefix=(), **env):
    """A command; returns (status, stdout, stderr)."""
    run = subprocess.run([*prefix, str(OPTMIG), *map(str, arguments)], capture_output=True, text=True, env=dict(ENV, **env), timeout=seconds,
                         stdin=subprocess.DEVNULL)
    return run.returncode, run.stdout, run.stderr


def host_directory():
    """Where this user's host key is."""
    code, out, err = optmig("hostkey", "--json")
    check(code == 0, f"optmig hostkey: {err}")
    return json.loads(out)["directory"]


def wait_owner(process, seconds=20):
    """Until it waits for its owner, and can be asked: it says so a little before its control socket is there."""
    end = time.monotonic() + seconds
    while not any(o["pid"] == process.pid and o["state"] == "waiting" for o in json.loads(optmig("ps", "--json")[1] or "[]")):
        check(process.alive() and time.monotonic() < end, f"it does not wait for its owner: {process.text()}")
        time.sleep(0.02)


def status_of(process):
    code, out, err = optmig("status", "--json", process.pid)
    check(code == 0, f"optmig status: {err}")
    return json.loads(out)


def need(*names):
    """Skips the test when the programs could not be built here."""
    for name in names:
        if not (PROGRAMS / name).exists():
            print(f"{PROGRAMS / name} has not been built")
            sys.exit(77)


def finish():
    """All that is over has left nothing: no sockets, no packet filter tables, no listening port is checked by rebinding."""
    for child in children:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                fail(f"a process does not end on TERM: {child.args}")
    left = [p.name for p in (WORK / "run").glob("*")] if (WORK / "run").exists() else []
    check(not left, f"control sockets left behind: {left}")
    if shutil.which("nft") and os.geteuid() == 0:
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout
        mine = [t for t in tables.splitlines() if any(f"optmig_{c.pid}" in t for c in children)]
        check(not mine, f"packet filter tables left behind: {mine}")
    print("passed")
    sys.exit(0)


class Proxy:
    """A link that can be spoiled. Listens on a port, forwards every connection to `to`.

    `rule(connection number, direction, total bytes so far, data)` is asked before each piece is forwarded; it returns the
    data to forward, or CUT (all connections end by reset), or STALL (nothing more passes, nothing is closed).
    Directions: "out" from the source, "in" from the destination. Connections count in the order they came.
    """
    CUT, STALL = object(), object()

    def __init__(self, to, rule=None, address="127.0.0.1"):
        host, port = to.rsplit(":", 1)
        self.to = (host, int(port))
        self.rule = rule
        self.lock = threading.Lock()
        self.pairs = []
        self.refuse = False
        self.stalled = threading.Event()
        self.accepted = 0
        self.listener = socket.create_server((address, 0))
        self.address = "%s:%d" % self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                inner, _ = self.listener.accept()
            except OSError:
                return
            if self.refuse:
                self.reset(inner)
                continue
            try:
                outer = socket.create_connection(self.to, 5)
            except OSError:
                self.reset(inner)
                continue
            with self.lock:
                number = self.accepted
                self.accepted += 1
                self.pairs.append((inner, outer))
            for s in (inner, outer):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.begin, args=(number, inner, outer), daemon=True).start()

    def begin(self, number, inner, outer):
        threading.Thread(target=self.forward, args=(number, "out", inner, outer), daemon=True).start()
        self.forward(number, "in", outer, inner)

    @staticmethod
    def reset(s):
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()
        except OSError:
            pass

    def cut(self):
        """Resets all connections there are."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                self.shut(s)
                self.reset(s)

    begins_at = 0       # what has passed of a connection before it is forwarded

    def forward(self, number, direction, come, go):
        total = self.begins_at
        try:
            while True:
                data = come.recv(1 << 18)
                if not data:
                    go.shutdown(socket.SHUT_WR)
                    return
                if self.rule and not self.stalled.is_set():
                    verdict = self.rule(number, direction, total, data)
                    if verdict is Proxy.CUT:
                        self.cut()
                        return
                    if verdict is Proxy.STALL:
                        self.stalled.set()
                    else:
                        total += len(data)
                        data = verdict
                while self.stalled.is_set():
                    time.sleep(0.05)
                go.sendall(data)
        except OSError: # one end is gone: the other must learn it
            for s in (come, go):
                self.shut(s)
                self.reset(s)

    @staticmethod
    def shut(s):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.stalled.clear()
        self.listener.shutdown(socket.SHUT_RDWR) # wakes accept
        self.listener.close()
        self.cut()
