# SPDX-License-Identifier: Apache-2.0
"""Machines of different kinds: hw (hardware answered by the software CPU, quotes under a root of the test's), demo (the software CPU under the
demonstration root), snp (the same with a pretended security processor, on this machine), vm (a guest of QEMU's with an emulated security processor).
Images whose policies name them all; each kind starts, receives and moves programs in its own way."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import miglib
from miglib import B, OPTMIG, WORK, ENV, Process, Receiver, Migration, check

HW = B / "tests" / "hw" / "optmig"
COMMAND = {"demo": OPTMIG, "hw": HW, "snp": OPTMIG}
PRETENDED = "5a" * 48
ENVIRONMENT = {"demo": {}, "hw": {}, "snp": {"OPTMIG_TEST_GUEST": f"seed=kinds,measurement={PRETENDED}"}}
SAYS = {"demo": "emulated platform", "hw": "sgx", "snp": "emulated snp guest", "vm": "emulated snp guest"}      # in the other side's report


def hw_root():
    """The root of the test's quoting library, as policies name roots."""
    root = (ctypes.c_uint8 * 32)()
    ctypes.CDLL(str(B / "tests" / "hw" / "libsgx_dcap_ql.so.1")).hw_quotes_root(root)
    return bytes(root).hex()


def policy(guests=(), demo=True, hw=True):
    """Text of a policy that accepts these kinds, and guests with these measurements."""
    lines = ["platform = sgx", f"root = sgx:{hw_root()}"] if hw else []
    lines += ["platform = demo"] if demo else []
    if guests:
        lines += ["platform = snp", *(f"guest = snp:{g},kernel" for g in guests)]
        lines += [f"min-tcb = snp:{product} bootloader=0 tee=0 snp=0 microcode=0" for product in ("milan", "genoa")]
    return "\n".join(lines) + "\n"


def tool(*arguments, **more):
    run = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, env=dict(ENV, **more.pop("env", {})), **more)
    check(run.returncode == 0, f"{arguments[:3]}: {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.stdout


def sign_key():
    key = WORK / "sign.pem"
    if not key.exists():
        tool(B / "bin" / "optmig-sign", "--make-key", key)
    return key


def build(source, text, name=None, debug=True):
    """A test program with that policy."""
    image = WORK / (name or source.stem)
    (WORK / f"{image.name}.policy").write_text(text)
    options = ["-Xoptmig", "debug=1"] if debug else ["-Xoptmig", "args=any env=any files=any"]
    tool(B / "bin" / "optmig-cc", *options, "-Xoptmig", f"policy={WORK / image.name}.policy", "-O2", "-std=gnu17", "-D_GNU_SOURCE",
         source, "-o", image, "-lpthread", "-lm", env={"OPTMIG_SIGN_KEY": str(sign_key())})
    return image


def build_redis(text, into=WORK):
    """The redis of the build, linked once more with that policy."""
    source = into / "redis"
    shutil.copytree(B / "apps" / "optmig" / "redis" / "src", source, symlinks=True)
    (source / "src" / "redis-server").unlink()
    (into / "redis.policy").write_text(text)
    (source / "src" / "optmig.toml").write_text(f'debug = true\npolicy = "{into}/redis.policy"\n')
    make_env = {k: v for k, v in ENV.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    run = subprocess.run(["make", "-C", str(source / "src"), f"CC={B}/bin/optmig-cc", f"AR={B}/bin/optmig-ar", f"RANLIB={B}/bin/optmig-ranlib",
                          "MALLOC=libc", "USE_SYSTEMD=no", "OPTIMIZATION=-O2", "redis-server"], capture_output=True, text=True, env=make_env)
    check(run.returncode == 0, f"redis: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return source / "src" / "redis-server"


def start(kind, image, *arguments, prefix=()):
    process = Process([*prefix, COMMAND[kind], "run", image, *arguments], **ENVIRONMENT[kind])
    process.kind = kind
    return process


class KindReceiver(Process):
    """`optmig receive` on a machine of that kind."""

    def __init__(self, kind, image, *options, listen="127.0.0.1:0", prefix=()):
        self.kind = kind
        super().__init__([*prefix, COMMAND[kind], "receive", "--listen", listen, "--once", "--image", image, *options], **ENVIRONMENT[kind])
        self.address = self.wait_for(r"listening on (\S+),")[1]


# ---- guests of QEMU's ----

def need_guests(hosts):
    """Skips the test where there can be none."""
    missing = [what for what, there in (("network namespaces", hosts.namespaces), ("/dev/net/tun", os.path.exists("/dev/net/tun")),
                                        ("qemu-system-x86_64", shutil.which("qemu-system-x86_64")), ("the guest's kernel", (B / "guest" / "kernel" / "vmlinuz").exists()))
               if not there]
    if missing:
        print(f"not here: {', '.join(missing)}")
        sys.exit(77)


def build_guest(name, *options):
    """Returns its folder and its launch digest."""
    folder = WORK / name
    tool(OPTMIG, "guest", "build", "-o", folder, *options)
    return folder, json.loads(tool(OPTMIG, "guest", "measure", "--tee", "vm", "--json", folder))["measurement"]


class Delay:
    """For how long the CPUs of this test's guests wanted to run and the machine ran something else. A guest is emulated: what it does in seconds on two free
    processors takes many minutes on a machine with fifty others, and that is no failure."""
    seconds = {}        # QEMU's process -> the most of its threads, which only grows

    @classmethod
    def look(cls):
        for guest in Guest.all:
            for child in pathlib.Path(f"/proc/{guest.pid}/task").glob("*/children"):
                try:
                    pids = child.read_text().split()
                except OSError:
                    continue
                for pid in pids:
                    cls.seconds[pid] = max([cls.seconds.get(pid, 0), *cls.threads(pid)])
        return sum(cls.seconds.values())

    @staticmethod
    def threads(pid):
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                yield int(path.read_text().split()[1]) / 1e9
            except (OSError, IndexError, ValueError):
                pass


# On both sides of a guest's moves: its host may not let it run for longer than a link is silent on machines that are not emulated.
PATIENCE = ["--patience", "120s", "--silence", "120s"]


class Guest(Process):
    """`optmig receive --tee vm`, its NIC on the clients' host; up when it listens. Guests may come up side by side: ready()."""
    kind = "vm"
    count = 0
    all = []

    def __init__(self, hosts, folder, image, *options, memory="512M"):
        Guest.count += 1
        Process.delayed = Delay.look
        tap, self.ip = f"tap{Guest.count}", f"10.96.0.{20 + Guest.count}"
        hosts.ip(f"-n {hosts.space('c')} tuntap add {tap} mode tap")
        hosts.ip(f"-n {hosts.space('c')} link set {tap} master br0 up")
        super().__init__([*hosts.on("c"), OPTMIG, "receive", "--tee", "vm", "--net", f"tap={tap},address={self.ip}/24", "--memory", memory, "--cpus", "1",
                          "--listen", f"{self.ip}:7301", "--patience", "300s", "--image", image, *options], OPTMIG_GUEST=str(folder))
        Guest.all.append(self)
        self.address = f"{self.ip}:7301"

    def ready(self, seconds=600):
        self.wait_for(r"listening on", seconds)
        return self

    def inside(self, *arguments):
        """The command of optmig that runs where the program is."""
        return [OPTMIG, "guest", "exec", self.pid, *arguments]


class Processor:
    """The port of a guest's security processor as a host can spoil it: each request goes to the optmig-sp that `use` names."""

    def __init__(self, launches):
        """@launches: name -> options of optmig-sp."""
        self.socket = WORK / "processor"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen(1)
        self.answers = {}
        for name, options in launches.items():
            path = WORK / f"sp-{name}"
            process = Process([B / "libexec" / "optmig-sp", "--listen", path, "--seed", WORK / "chip", *options])
            process.wait_for("^listening$")
            self.answers[name] = socket.socket(socket.AF_UNIX)
            self.answers[name].connect(str(path))
        self.use = next(iter(launches))
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def message(s):
        data = b""
        while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:4], "little"):
            got = s.recv(8 - len(data) if len(data) < 8 else 8 + int.from_bytes(data[:4], "little") - len(data))
            if not got:
                return b""
            data += got
        return data

    def serve(self):
        guest, _ = self.listener.accept()
        while True:
            request = self.message(guest)
            if not request:
                break
            self.answers[self.use].sendall(request)
            guest.sendall(self.message(self.answers[self.use]))
        for s in (guest, *self.answers.values()):
            s.close()


# ---- moves ----

def migration(source, on, to, *options):
    """`optmig migrate` beside the source."""
    if source.kind == "vm":
        m = Process([*source.inside("migrate", source.program, "--to", to, "--json", *options)])
        m.result = lambda seconds=60: Migration.result(m, seconds)
        return m
    return Migration(source, to, *options, prefix=on)


def move(source, kind, image, mode, *options, receive=(), on=(), there=(), listen="127.0.0.1:0", guest=None, seconds=60):
    """To a machine of that kind, or to a guest that is up; returns the new process and the report. `on`, `there`: prefixes of commands on either machine."""
    receiver = guest or KindReceiver(kind, image, *receive, listen=listen, prefix=there)
    slow = PATIENCE if "vm" in (source.kind, receiver.kind) else []
    m = migration(source, on, receiver.address, "--mode", mode, *slow, *options)
    status, report = m.result(seconds)
    check(status == 0 and report, f"migrate --mode {mode} ended with {status}:\n{m.text()}\n{receiver.text()[-2000:]}\n{source.text()[-2000:]}")
    check(source.wait(60) == 0, f"the source ended with {source.process.returncode}:\n{source.text()[-2000:]}")
    check(SAYS[receiver.kind] in report["peer-attestation"].lower(), f"a peer of kind {receiver.kind}: {report['peer-attestation']}")
    receiver.program = pathlib.Path(image).name
    return receiver, report


def stays(source, receiver, words, *options, on=(), both=True):
    """Is refused, says so on the source's side, and runs on. Returns what the source was told."""
    m = migration(source, on, receiver.address, *options)
    code, _ = m.result(max(120, Process.limit))
    check(code == 1 and words in m.text(), f"ended with {code}, '{words}' expected:\n{m.text()}\n{receiver.text()[-2000:]}")
    if both:
        receiver.wait_for(re.escape(words))
    source.wait_beats(2)
    return m.text()
