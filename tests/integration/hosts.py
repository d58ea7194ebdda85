# SPDX-License-Identifier: Apache-2.0
"""Two hosts and their clients' host as network namespaces, a service address that moves between them, and a redis on it
with a client that keeps score. Without the privilege for namespaces both hosts are loopback, with one address."""
import contextlib
import ctypes
import json
import os
import select
import shutil
import subprocess
import time
import miglib
from miglib import B, OPTMIG, Process, Receiver, Migration, fail, check

CLIENT = B / "tests" / "tools" / "redis_client"
REDIS = B / "apps" / "optmig" / "redis" / "redis-server"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Hosts:
    """Hosts "a" and "b", clients on "c". Names carry our pid, so that tests do not meet."""

    def __init__(self, service=True):
        self.namespaces = False
        self.tag = f"om{os.getpid()}"
        if os.geteuid() != 0 or not shutil.which("ip") or os.environ.get("TEST_LOOPBACK"):
            return
        miglib.atexit.register(self.remove)
        try:
            for host in "abc":
                self.ip(f"netns add {self.tag}{host}")
                self.ip(f"-n {self.tag}{host} link set lo up")
            self.ip(f"-n {self.tag}c link add br0 type bridge")
            self.ip(f"-n {self.tag}c link set br0 up")
            self.ip(f"-n {self.tag}c addr add 10.96.0.1/24 dev br0")
            for host in "ab":
                self.ip(f"link add eth0 netns {self.tag}{host} type veth peer name veth-{host} netns {self.tag}c")
                self.ip(f"-n {self.tag}{host} addr add {self.address(host, True)}/24 dev eth0")
                self.ip(f"-n {self.tag}{host} link set eth0 up")
                self.ip(f"-n {self.tag}c link set veth-{host} master br0 up")
            if service:
                self.ip(f"-n {self.tag}a addr add 10.96.0.10/32 dev eth0")
            self.namespaces = True
        except subprocess.CalledProcessError as error:
            self.remove()
            print(f"  no network namespaces here ({error.stderr.decode().strip()}): loopback", flush=True)

    def space(self, host):
        """The name of its namespace."""
        return self.tag + host

    @staticmethod
    def ip(command):
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)

    def remove(self):
        for host in "abc":
            subprocess.run(["ip", "netns", "del", self.tag + host], capture_output=True)

    def on(self, host):
        """Command prefix."""
        return ["ip", "netns", "exec", self.space(host)] if self.namespaces else []

    @contextlib.contextmanager
    def inside(self, host):
        """The calling thread's new sockets belong to that host."""
        if not self.namespaces:
            yield
            return
        with open("/proc/thread-self/ns/net") as old, open(f"/run/netns/{self.space(host)}") as new:
            if LIBC.setns(new.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns to {host}")
            try:
                yield
            finally:
                LIBC.setns(old.fileno(), CLONE_NEWNET)

    def address(self, host, namespaces=None):
        if namespaces or self.namespaces:
            return {"a": "10.96.0.2", "b": "10.96.0.3", "c": "10.96.0.1"}[host]
        return "127.0.0.1"

    @property
    def service(self):
        return "10.96.0.10" if self.namespaces else "127.0.0.1"

    def move(self):
        return ["--move-address", "10.96.0.10/32@eth0"] if self.namespaces else []

    def look(self, host):
        """For messages: addresses, connections and packet filter of a host."""
        return "\n".join(subprocess.run([*self.on(host), *command.split()], capture_output=True, text=True).stdout
                         for command in ("ip -br addr", "ip neigh", "ss -tanpH", "nft list ruleset"))

    def left(self, pids):
        """What programs that are gone have left: packet filter tables, listening sockets, the service's address twice."""
        found = []
        if not self.namespaces:
            return found
        for host in "ab":
            tables = subprocess.run([*self.on(host), "nft", "list", "tables"], capture_output=True, text=True).stdout
            found += [f"{host}: {t}" for t in tables.split("\n") if "optmig_" in t and int(t.rsplit("_", 1)[1]) not in pids]
        holders = [h for h in "ab" if "10.96.0.10" in subprocess.run([*self.on(h), "ip", "addr", "show", "dev", "eth0"],
                   capture_output=True, text=True).stdout]
        if len(holders) > 1:
            found.append(f"the service's address is on {holders}")
        return found


class Together(Hosts):
    """Both hosts and their clients in one namespace: a connection cannot stand twice, and no address moves."""

    def __init__(self):
        self.tag, self.namespaces = f"om{os.getpid()}", False
        if os.geteuid() != 0 or not shutil.which("ip"):
            return
        miglib.atexit.register(self.remove)
        try:
            self.ip(f"netns add {self.tag}a")
            self.ip(f"-n {self.tag}a link set lo up")
            self.namespaces = True
        except subprocess.CalledProcessError as error:
            print(f"  no network namespaces here ({error.stderr.decode().strip()}): loopback", flush=True)

    def space(self, host):
        return self.tag + "a"

    def address(self, host, namespaces=None):
        return self.service

    @property
    def service(self):
        return "127.0.0.1"

    def move(self):
        return []

    def left(self, pids):
        return [f for f in super().left(pids) if f.startswith("a: ")]


class LinkFrom:
    """Before a class of proxies: the same on the clients' host."""

    def __init__(self, hosts, to, rule):
        self.hosts = hosts
        with hosts.inside("c"):
            super().__init__(to, rule, address=hosts.address("c"))

    def accept(self):
        with self.hosts.inside("c"):
            super().accept()


def receiver(hosts, host, *options, once=True):
    """optmig receive on that host."""
    return Receiver(*hosts.move(), *options, listen=f"{hosts.address(host)}:0", prefix=hosts.on(host), once=once)


class Redis(Process):
    """On host a."""

    def __init__(self, hosts, port, directory):
        super().__init__([*hosts.on("a"), REDIS, "--port", port, "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
                          "--appendonly", "no", "--daemonize", "no", "--dir", directory])
        self.wait_for("Ready to accept connections", 30)


def client(hosts, *arguments, seconds=120):
    run = subprocess.run([*hosts.on("c"), str(CLIENT), *map(str, arguments)], stdout=subprocess.PIPE, timeout=seconds)
    check(run.stdout, f"redis_client {arguments} failed ({run.returncode})")
    return json.loads(run.stdout)


class Load:
    """redis_client drive: writes and checks until `end`."""

    def __init__(self, hosts, port, connections=4, keys=20000, command=CLIENT, arguments=None):
        arguments = ["drive:", "", str(keys)] if arguments is None else arguments
        self.process = subprocess.Popen([*hosts.on("c"), str(command), "drive", hosts.service, str(port), str(connections), *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        miglib.children.append(self.process)
        self.connections = connections

    def line(self, seconds=60):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            fail(f"the client gives no answer for {seconds} s")
        text = self.process.stdout.readline()
        check(text, f"the client ended with {self.process.poll()}")
        return json.loads(text)

    def recent(self):
        """The figures since the last call."""
        self.process.stdin.write("\n")
        return self.line()

    def wait_replies(self, seconds=20):
        """Until every connection has got replies from now on; returns the longest gap (ms) and the replies since the last
        call. What came before now proves nothing, so the first answer counts for the figures only."""
        end = time.monotonic() + seconds
        first = self.recent()
        gap, replies = first["longest_gap_ms"], first["acknowledged"]
        while True:
            now = self.recent()
            gap, replies = max(gap, now["longest_gap_ms"]), replies + now["acknowledged"]
            if now["connections_replied"] == self.connections:
                return gap, replies
            if time.monotonic() > end:
                fail(f"only {now['connections_replied']} of {self.connections} connections get replies within {seconds} s")
            time.sleep(0.005)

    def end(self, seconds=120):
        self.process.stdin.close()
        result = self.line(seconds)
        self.process.wait(seconds)
        return result


def move(hosts, source, target_host, mode, *options, source_host, there=None):
    """Migrates, to a new receiver unless there is one; returns the new process and the report."""
    there = there or receiver(hosts, target_host)
    migration = Migration(source, there.address, "--mode", mode, *hosts.move(), *options, prefix=hosts.on(source_host))
    end = time.monotonic() + 60
    while migration.alive() and time.monotonic() < end:
        time.sleep(0.005)
    if migration.alive():
        states = [miglib.optmig("status", p.pid) for p in (source, there)]
        fail(f"migrate --mode {mode} does not end:\n{migration.text()}\nsource:\n{states[0]}{source.text()[-2000:]}\n"
             f"receiver:\n{states[1]}{there.text()[-2000:]}")
    status, report = migration.result()
    check(status == 0 and report, f"migrate --mode {mode} ended with {status}:\n{migration.text()}\nreceiver:\n{there.text()[-2000:]}\n"
          f"source:\n{source.text()[-2000:]}")
    check(source.wait(10) == 0, f"the source ended with {source.process.returncode}:\n{source.text()[-2000:]}")
    return there, report
