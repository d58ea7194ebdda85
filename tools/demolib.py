# SPDX-License-Identifier: Apache-2.0
"""What the demonstrations share: hosts as network namespaces, processes on them, and a redis with its load client."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

B = pathlib.Path(os.environ.get("B", "build"))
OPTMIG = B / "bin" / "optmig"
CLIENT = B / "tests" / "tools" / "redis_client"
PORT = 7300
RECEIVE_PORT = 7301
NET = "10.97.0"
SERVICE = f"{NET}.10"
HOST_ADDRESS = {"a": f"{NET}.2", "b": f"{NET}.3"}


class Hosts:
    """Namespaces optmig-demo-{a,b,c}, or nothing but loopback."""

    def __init__(self):
        self.namespaces = False
        if os.geteuid() != 0 or not shutil.which("ip"):
            return
        self.remove()
        try:
            for name in "abc":
                self.ip(f"netns add optmig-demo-{name}")
                self.ip(f"-n optmig-demo-{name} link set lo up")
            self.ip("-n optmig-demo-c link add br0 type bridge")
            self.ip("-n optmig-demo-c link set br0 up")
            self.ip(f"-n optmig-demo-c addr add {NET}.1/24 dev br0")
            for name in "ab":
                self.ip(f"link add eth0 netns optmig-demo-{name} type veth peer name veth-{name} netns optmig-demo-c")
                self.ip(f"-n optmig-demo-{name} addr add {HOST_ADDRESS[name]}/24 dev eth0")
                self.ip(f"-n optmig-demo-{name} link set eth0 up")
                self.ip(f"-n optmig-demo-c link set veth-{name} master br0 up")
            self.ip(f"-n optmig-demo-a addr add {SERVICE}/24 dev eth0")
            self.namespaces = True
        except subprocess.CalledProcessError as error:
            self.remove()
            print(f"demo: no network namespaces here ({error.stderr.decode().strip()}); using loopback")

    @staticmethod
    def ip(command):
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)

    def remove(self):
        for name in "abc":
            subprocess.run(["ip", "netns", "del", f"optmig-demo-{name}"], capture_output=True)

    def prefix(self, name):
        return ["ip", "netns", "exec", f"optmig-demo-{name}"] if self.namespaces else []

    @property
    def service(self):
        return SERVICE if self.namespaces else "127.0.0.1"

    def address(self, name):
        return HOST_ADDRESS[name] if self.namespaces else "127.0.0.1"

    def move(self):
        return ["--move-address", f"{SERVICE}/24@eth0"] if self.namespaces else []


class Demo:
    """@out: the folder of its logs."""

    def __init__(self, out):
        out.mkdir(parents=True, exist_ok=True)
        self.out = out
        self.hosts = Hosts()
        self.children = []
        self.env = dict(os.environ, OPTMIG_QUIET="1")

    def start(self, host, arguments, log, **more):
        process = subprocess.Popen(self.hosts.prefix(host) + [str(a) for a in arguments], stdout=more.pop("stdout", open(self.out / log, "w")),
                                   stderr=subprocess.STDOUT, env=self.env, **more)
        self.children.append(process)
        return process

    def client(self, *arguments):
        run = subprocess.run(self.hosts.prefix("c") + [str(CLIENT), *map(str, arguments)], stdout=subprocess.PIPE, env=self.env)
        if not run.stdout:
            sys.exit("demo: the client failed; see above")
        return json.loads(run.stdout)

    def wait_for_line(self, process, log, pattern, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = (self.out / log).read_text(errors="replace")
            if re.search(pattern, text):
                return text
            if process.poll() is not None:
                sys.exit(f"demo: {what} ended with {process.returncode}:\n{text[-2000:]}")
            time.sleep(0.02)
        sys.exit(f"demo: {what} did not get ready within {seconds} s:\n{text[-2000:]}")

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
        if self.hosts.namespaces:
            self.hosts.remove()


def run(demo):
    """The exit status of demo.run(), with everything it started ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return demo.run()
    except KeyboardInterrupt:
        return 130
    finally:
        demo.close()
