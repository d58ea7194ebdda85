# SPDX-License-Identifier: Apache-2.0
"""optmigd on two hosts: certificates, the services, their clients, and programs that nobody's child is."""
import datetime
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import uuid
import miglib
from hosts import Hosts
from miglib import B, OPTMIG, PROGRAMS, WORK, Process, check, fail
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OPTMIGD = B / "bin" / "optmigd"


class Authority:
    """A CA, and what it signs."""

    def __init__(self, name, forged=False):
        self.directory = WORK / f"ca-{name}{'-forged' if forged else ''}"
        self.directory.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.utcnow()
        self.certificate = (x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
                            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=9))
                            .not_valid_after(now + datetime.timedelta(days=9))
                            .add_extension(x509.BasicConstraints(True, 0), critical=True).sign(self.key, hashes.SHA256()))
        self.file = self.directory / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, address, begin=datetime.timedelta(days=-1), end=datetime.timedelta(days=1), names=True, purpose=None):
        """Certificate and key of a host; returns their files."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                   .issuer_name(self.name).public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + begin).not_valid_after(now + end))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        if purpose:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        stem = self.directory / f"{name}-{x509.random_serial_number()}"
        files = stem.with_suffix(".pem"), stem.with_suffix(".key")
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        files[1].chmod(0o600)
        return files


    def revoke(self, file, *certificates, made=datetime.timedelta(seconds=-5), due=datetime.timedelta(days=1)):
        """Writes the list of revoked certificates, of their files; whole, as a tool would."""
        now = datetime.datetime.utcnow()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(now + made).next_update(now + due)
        for path in certificates:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now + made).build())
        new = file.with_suffix(".new")
        new.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        new.rename(file)


class Service:
    """optmigd on a host, and `optmig unit` there."""

    def __init__(self, hosts, host, authority, *options, certificate=None, **env):
        self.hosts, self.host, self.options = hosts, host, options
        self.home = WORK / f"host-{host}"
        self.units = self.home / "units"
        self.units.mkdir(parents=True, exist_ok=True)
        self.address = hosts.address(host) if hosts.namespaces else {"a": "127.0.0.2", "b": "127.0.0.3"}[host]
        self.env = dict(OPTMIG_RUNTIME_DIR=str(self.home / "run"), OPTMIG_SERVICE_STATE=str(self.home / "state"), **env)
        self.tls = certificate or authority.issue(f"host-{host}", self.address)
        self.authority = authority
        self.process = None
        self.boot = None
        self.begin()

    def begin(self):
        tls = ["--certificate", self.tls[0], "--key", self.tls[1], "--ca", self.authority.file]
        self.process = Process([*self.hosts.on(self.host), *self.booted(), OPTMIGD, "--units", self.units, "--listen", self.address, *tls, *self.options], **self.env)
        self.process.wait_for("^optmig: ready on")

    def booted(self):
        """Command prefix: below it the machine's number of its start is ours."""
        if not self.boot:
            return []
        return ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c",
                f"mount --bind {self.boot} /proc/sys/kernel/random/boot_id && exec \"$@\"", "-"]

    def restart_machine(self, keep_state=False):
        """The host loses its power and is started anew: no process lives, /run is empty, and the start has another number."""
        leave(self)
        self.kill()
        wait(lambda: not left(self), "killed programs live on")
        if not keep_state:
            shutil.rmtree(self.home / "state")
        self.boot = self.home / "boot_id"
        self.boot.write_text(f"{uuid.uuid4()}\n")
        self.begin()

    def kill(self):
        """As a crash does."""
        self.process.process.kill()
        self.process.process.wait()

    def again(self):
        self.kill()
        self.begin()

    def unit(self, *arguments, seconds=60, stdin=None):
        """optmig unit; returns (status, stdout, stderr)."""
        run = subprocess.run([*self.hosts.on(self.host), str(OPTMIG), "unit", *map(str, arguments)], capture_output=True, text=True,
                             env=dict(miglib.ENV, **self.env), timeout=seconds, input=stdin)
        return run.returncode, run.stdout, run.stderr

    def ok(self, *arguments, **more):
        code, out, err = self.unit(*arguments, **more)
        check(code == 0, f"host {self.host}: optmig unit {arguments} ended with {code}: {out}{err}\n{self.process.text()[-3000:]}")
        return out

    def define(self, name, **keys):
        self.ok("define", "-", stdin=json.dumps({"name": name, **{k.replace("_", "-"): v for k, v in keys.items()}}))

    def status(self, name):
        code, out, err = self.unit("status", "--json", name)
        check(code in (0, 7), f"host {self.host}: status {name} ended with {code}: {err}\n{self.process.text()[-3000:]}")
        return json.loads(out)

    def state(self, name):
        return self.status(name)["state"]

    def wait_state(self, name, *states, seconds=30):
        end = time.monotonic() + seconds
        while True:
            now = self.status(name)
            if now["state"] in states:
                return now
            check(time.monotonic() < end, f"host {self.host}: {name} does not become {states}: {json.dumps(now, indent=1)}\n{self.output(name)[-2000:]}")
            time.sleep(0.02)

    def output(self, name):
        try:
            return (self.home / "state" / name / "output").read_text(errors="replace")
        except OSError:
            return ""

    def wait_output(self, name, text, seconds=30, since=0):
        end = time.monotonic() + seconds
        while text not in self.output(name)[since:]:
            check(time.monotonic() < end, f"host {self.host}: {name} does not print {text!r}:\n{self.output(name)[-2000:]}")
            time.sleep(0.02)

    def request(self, line, timeout=20):
        """One line to the local socket, as it is; returns the answer."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(str(self.home / "run" / "optmigd.sock"))
            s.sendall(line)
            answer = s.makefile().readline()
        return json.loads(answer) if answer else None


def wait(condition, words, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, words)
        time.sleep(0.02)


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def left(service):
    """Processes of its records that live, keepers first: what is killed with its keeper leaves no word, as when a machine is."""
    found = []
    for record in [*(service.home / "state").glob("*/run.json"), *(service.home / "state").glob("*/inner.json")]:
        try:
            said = json.loads(record.read_text())
        except (OSError, ValueError):
            continue
        for process in (said.get("keeper", {"pid": 0, "start": 0}), said["program"]):
            if alive(process["pid"]) and started(process["pid"]) == process["start"]:
                found.append(process["pid"])
    return found


def leave(*services):
    """What the services' programs leave is ended by number: they are nobody's children."""
    for service in services:
        for pid in left(service):
            os.kill(pid, signal.SIGKILL)


def started(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        return None


def oracle(service, name, megabytes=8, threads=2, pause=200, **keys):
    service.define(name, image=str(PROGRAMS / "ram_oracle"), arguments=[str(megabytes), str(threads), str(pause)], **keys)
