# SPDX-License-Identifier: Apache-2.0
"""The page of optmigd for tests: two hosts with names of their own, a way from outside to the page, HTTPS by hand, and a headless browser that shows a certificate."""
import base64
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from servicelib import *
from cryptography.x509.oid import ExtendedKeyUsageOID

SHOTS = B / "web"
PORT = 7781


class Named(Service):
    """A service on a host that has a name of its own: other hosts, and the page, know it by that."""

    def booted(self):
        return ["unshare", "-u", "sh", "-c", f"hostname host-{self.host} && exec \"$@\"", "-"]


class Relay:
    """A port of ours that leads to one inside a host's network. TLS is the ends' own."""

    def __init__(self, inside, port=PORT, host=None):
        self.inside, self.to = inside, (host or "127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()

    def serve(self, near):
        with near:
            try:
                with self.inside():
                    far = socket.create_connection(self.to, 10)
            except OSError:
                return
            with far:
                back = threading.Thread(target=self.pump, args=(far, near), daemon=True)
                back.start()
                self.pump(near, far)
                back.join()

    @staticmethod
    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def request(port, path, method="GET", certificate=None, headers=None, body=None, tls=True, host=None):
    """One request by hand; returns (status, headers with lower names, body)."""
    raw = socket.create_connection(("127.0.0.1", port), 20)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        raw = context.wrap_socket(raw, server_hostname="localhost")
    with raw as s:
        s.settimeout(20)
        lines = {"Host": host or f"localhost:{port}", "Connection": "close", **(headers or {})}
        if body is not None:
            lines["Content-Length"] = str(len(body))
        s.sendall(f"{method} {path} HTTP/1.1\r\n{''.join(f'{k}: {v}' + chr(13) + chr(10) for k, v in lines.items())}\r\n".encode() + (body or b""))
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while part := s.recv(65536):
                answer += part
    head, _, rest = answer.partition(b"\r\n\r\n")
    first, *more = head.decode().split("\r\n")
    check(first.startswith("HTTP/1.1 "), f"no HTTP: {answer[:200]!r}")
    return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in more)}, rest


def browser_missing():
    """Why there can be no browser here, or None."""
    absent = [tool for tool in ("chromium", "chromedriver", "certutil", "pk12util", "unshare") if not shutil.which(tool)]
    return f"not installed: {', '.join(absent)}" if absent else "needs root, for mounts" if os.geteuid() != 0 else None


# W3C WebDriver's codes of keys.
TAB, ENTER, ESCAPE, SHIFT, SPACE, UP, DOWN, RIGHT = "\ue004", "\ue007", "\ue00c", "\ue008", " ", "\ue013", "\ue015", "\ue014"


class Browser:
    """Chromium, headless. @certificate: (certificate, key) that it shows without asking; @at: command prefix (a network namespace's)."""

    def __init__(self, certificate=None, dark=False, size=(1440, 960), at=(), relay=None):
        self.home = WORK / f"browser-{time.monotonic_ns()}"
        (self.home / "policies" / "managed").mkdir(parents=True)
        (self.home / ".pki" / "nssdb").mkdir(parents=True)
        database = f"sql:{self.home / '.pki' / 'nssdb'}"
        self.tell("certutil", "-N", "-d", database, "--empty-password")
        if certificate:
            self.tell("openssl", "pkcs12", "-export", "-in", certificate[0], "-inkey", certificate[1], "-out", self.home / "own.p12", "-passout", "pass:x", "-name", "own")
            self.tell("pk12util", "-i", self.home / "own.p12", "-d", database, "-W", "x", "-K", "")
        # Whatever the server asks for: the one there is.
        (self.home / "policies" / "managed" / "test.json").write_text(json.dumps({"AutoSelectCertificateForUrls": ['{"pattern":"https://localhost","filter":{}}']}))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.driver_process = Process([*at, "unshare", "-m", "sh", "-c", "mkdir -p /etc/chromium/policies && mount --bind \"$0\" /etc/chromium/policies && exec chromedriver --port=" + str(port),
                                       self.home / "policies"], HOME=str(self.home))
        self.driver_process.wait_for("started successfully")
        if relay:
            port = relay(port).port
        self.base, self.session = f"http://127.0.0.1:{port}", ""
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={size[0]},{size[1]}", "--force-device-scale-factor=1", "--hide-scrollbars",
                     "--ignore-certificate-errors", "--disable-background-networking", "--no-first-run", "--enable-precise-memory-info", f"--user-data-dir={self.home / 'profile'}"]
        made = self.command("/session", capabilities={"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}})
        self.session = f"/session/{made['sessionId']}"
        miglib.atexit.register(self.close)
        self.theme(dark)

    @staticmethod
    def tell(*command):
        run = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        check(run.returncode == 0, f"{command[0]}: {run.stdout}{run.stderr}")

    def command(self, path, method="POST", seconds=90, **body):
        """One of WebDriver's."""
        call = urllib.request.Request(self.base + self.session + path, method=method, data=json.dumps(body).encode() if method == "POST" else None,
                                      headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(call, timeout=seconds) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            fail(f"{path}: {error.read().decode(errors='replace')[:800]}")

    def close(self):
        with contextlib.suppress(BaseException):
            self.command("", "DELETE", seconds=10)
        with contextlib.suppress(Exception):
            self.driver_process.process.kill()

    def cdp(self, command, **arguments):
        """DevTools, which are chromedriver's own addition."""
        return self.command("/goog/cdp/execute", cmd=command, params=arguments)

    def go(self, url):
        self.command("/url", url=url)

    def theme(self, dark):
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def js(self, script, *arguments):
        return self.command("/execute/sync", script=script, args=list(arguments))

    def text(self, selector):
        return self.js("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector)

    def rows(self, table):
        """Of a table: its rows, each a list of texts."""
        return self.js("return [...document.querySelectorAll(arguments[0] + ' tr')].map(r => [...r.children].map(c => c.innerText.trim()))", table)

    def wait(self, condition, words, seconds=60):
        end = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > end:
                self.shot("failed")
                fail(f"{words}:\n{self.text('body')}\n{self.complaints()}")
            time.sleep(0.05)
        return value

    def hear(self):
        """From now on what is said to who does not see the page is kept."""
        self.js("window.heard = []; new MutationObserver(() => window.heard.push(document.getElementById('said').innerText)).observe(document.getElementById('said'), "
                "{ childList: true, characterData: true, subtree: true })")

    def heard(self, words):
        self.wait(lambda: any(words in said for said in self.js("return window.heard")), f"it is not said: {words}")

    def shot(self, name):
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{name}.png"
        path.write_bytes(base64.b64decode(self.command("/screenshot", "GET")))
        return path

    def complaints(self):
        """What the browser says of the page: errors, and what its policy has refused."""
        return [entry["message"] for entry in self.command("/se/log", type="browser") if entry["level"] in ("SEVERE", "WARNING")]

    def keys(self, *keys, shift=False):
        """Pressed one after the other."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        if shift:
            actions = [{"type": "keyDown", "value": SHIFT}, *actions, {"type": "keyUp", "value": SHIFT}]
        self.command("/actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def focused(self):
        """What has the focus, as a reader of the screen would name it."""
        return self.js("const e = document.activeElement; return e.getAttribute('aria-label') || (e.labels && e.labels[0] && e.labels[0].innerText.trim()) || "
                       "(e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby')).innerText.trim()) || e.innerText.trim() || e.tagName")

    def size(self):
        """(bytes of JavaScript's heap after a collection, nodes of the document)"""
        self.cdp("HeapProfiler.collectGarbage")
        counters = self.cdp("Memory.getDOMCounters")
        return self.js("return performance.memory.usedJSHeapSize"), counters["nodes"]
