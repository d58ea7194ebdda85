# SPDX-License-Identifier: Apache-2.0
"""A small Linux guest moved by QEMU on this machine, over TLS, watched from outside: its console beats once a tick."""
import glob
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import common
from common import B, GB

PROGRAM = B / "bench/programs/guest"
RATE = 200
# TLS 1.3 ties a plain shared key to SHA-256 and so to other ciphers than AES-256-GCM.
TLS = "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM"


def initramfs(path):
    """newc: /dev/console and /init are all that is needed."""
    out = bytearray()

    def entry(name, mode, data=b"", device=(0, 0)):
        fields = [len(out) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
        out.extend(b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0")
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(data + b"\0" * (-len(data) % 4))

    entry("dev", 0o40755)
    entry("dev/console", 0o20600, device=(5, 1))
    entry("init", 0o100755, PROGRAM.read_bytes())
    entry("TRAILER!!!", 0)
    path.write_bytes(out)


class Qemu:
    def __init__(self, directory, name, kernel, size, creds, incoming):
        self.beats, self.text = [], b""
        for what in ("qmp", "console"):
            setattr(self, what + "_server", socket.socket(socket.AF_UNIX))
            getattr(self, what + "_server").bind(f"{directory}/{name}-{what}")
            getattr(self, what + "_server").listen(1)
        memory = size + (384 << 20)
        endpoint = "server" if incoming else "client"
        self.process = subprocess.Popen([
            "qemu-system-x86_64", "-machine", "q35,accel=tcg,memory-backend=ram", "-cpu", "max", "-smp", "1", "-nodefaults", "-nographic", "-no-reboot", "-m", str(memory >> 20),
            "-object", f"memory-backend-ram,id=ram,size={memory >> 20 << 20},prealloc=on", "-kernel", kernel, "-initrd", f"{directory}/initramfs",
            "-append", f"console=ttyS0 quiet panic=-1 -- size={size} rate={RATE}", "-qmp", f"unix:{directory}/{name}-qmp",
            "-chardev", f"socket,id=con,path={directory}/{name}-console", "-serial", "chardev:con",
            "-object", f"tls-creds-psk,id=tls0,endpoint={endpoint},dir={creds},priority={TLS}", *(["-incoming", "defer"] if incoming else [])],
            stdin=subprocess.DEVNULL, stderr=open(f"{directory}/{name}-log", "w"))
        self.log = pathlib.Path(f"{directory}/{name}-log")
        self.qmp = self.accept(self.qmp_server).makefile("rw")
        self.qmp.readline()
        self.command("qmp_capabilities")
        self.console = self.accept(self.console_server)
        threading.Thread(target=self.listen, daemon=True).start()

    def accept(self, server):
        server.settimeout(20)
        try:
            return server.accept()[0]
        except OSError:
            raise RuntimeError(self.log.read_text()[-300:] or "QEMU does not start") from None

    def listen(self):
        """A byte is a beat; its time is when it came."""
        while data := self.console.recv(4096):
            now = time.monotonic()
            self.text = (self.text + data)[-4096:]
            self.beats += [now] * data.count(b".")

    def command(self, name, **arguments):
        self.qmp.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            line = self.qmp.readline()
            if not line:
                raise RuntimeError(f"QEMU ended: {self.log.read_text()[-300:]}")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")

    def end(self):
        self.process.kill()
        self.process.wait()


def wait(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def kernel_image():
    """One that is installed, or unpacked beside the results."""
    for pattern in (str(B / "bench/guest-kernel/boot/vmlinuz-*"), "/boot/vmlinuz-*"):
        if found := sorted(glob.glob(pattern)):
            return found[-1]
    return None


def moved(source, target, mode, port):
    """Times of the order and of the end."""
    tls = {"tls-creds": "tls0", "tls-hostname": ""}
    target.command("migrate-set-parameters", **tls)
    source.command("migrate-set-parameters", **tls, **{"max-bandwidth": 1 << 40, "downtime-limit": 300})
    if mode == "postcopy":
        for q in (source, target):
            q.command("migrate-set-capabilities", capabilities=[{"capability": "postcopy-ram", "state": True}])
    target.command("migrate-incoming", uri=f"tcp:127.0.0.1:{port}")
    start = time.monotonic()
    if mode == "stop":
        source.command("stop")
    source.command("migrate", uri=f"tcp:127.0.0.1:{port}")
    if mode == "postcopy":
        wait(lambda: source.command("query-migrate").get("status") == "active", 10, "active")
        source.command("migrate-start-postcopy")
    wait(lambda: source.command("query-migrate").get("status") in ("completed", "failed"), 200, f"QEMU's {mode}")
    answer = source.command("query-migrate")
    if answer["status"] != "completed":
        raise RuntimeError(f"QEMU: {answer.get('error-desc', 'failed')}")
    if mode == "stop":
        wait(lambda: target.command("query-status")["status"] != "inmigrate", 20, "the destination")
        target.command("cont")
    return start, time.monotonic()


def run(size, mode):
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    settings = f"{version}, TCG (no usable KVM), {mode}, TLS 1.2 with PSK and AES-256-GCM, guest of one CPU, {RATE} beats and {RATE * 64} page writes a second"
    kernel = kernel_image()
    if not kernel:
        return {"settings": settings, "failed": "no guest kernel"}
    both = []
    with tempfile.TemporaryDirectory() as directory:
        try:
            creds = pathlib.Path(directory) / "creds"
            creds.mkdir()
            (creds / "keys.psk").write_text(f"qemu:{secrets.token_hex(32)}\n")
            initramfs(pathlib.Path(directory) / "initramfs")
            both.append(Qemu(directory, "source", kernel, size, creds, False))
            wait(lambda: b"ready" in both[0].text, 200, "the guest")
            time.sleep(3)
            common.warm(int(size * 1.2))
            both.append(Qemu(directory, "target", kernel, size, creds, True))
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            start, end = moved(*both, mode, port)
            time.sleep(3)
            beats = sorted(t for q in both for t in q.beats if start - 2 < t)
            if not beats or beats[-1] < end + 1:
                return {"settings": settings, "failed": "the guest hangs after the migration"}
            before = [t for t in beats if t < start]
            rate = len(before) / (start - before[0])
            counts = [sum(1 for t in beats if start + i * 0.05 <= t < start + (i + 1) * 0.05) for i in range(int((end + 2.5 - start) / 0.05))]
            return {"mode": mode, "downtime_ms": 1000 * max(b - a for a, b in zip(beats, beats[1:])), "total_s": end - start, "gb_per_s": size / GB / (end - start),
                    "lost_s": sum(max(0.0, 1 - n / (rate * 0.05)) * 0.05 for n in counts), "beats_per_s_before": rate, "settings": settings}
        except RuntimeError as error:
            return {"settings": settings, "mode": mode, "failed": str(error)}
        finally:
            for q in both:
                q.end()
