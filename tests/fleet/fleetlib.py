# SPDX-License-Identifier: Apache-2.0
"""What the tests of a fleet share: a bed, programs that witness their own life, and what must hold of them always."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bed import B, Bed, BedError, OPTMIG, missing
from gate import Gate

WITNESS = B / "tests" / "fleet" / "witness"
HERE = {"starting", "running", "moving", "handing", "owed"}


def fail(text):
    raise BedError(text)


def check(condition, text):
    if not condition:
        fail(text)


def skip_unless_possible():
    reason = missing()
    if reason:
        print(f"no fleet can be made here: {reason}")
        sys.exit(77)


class Witness:
    """A program whose file says whether it was ended, or started twice."""

    def __init__(self, fleet, name, megabytes=8, period_ms=20, **options):
        self.fleet, self.name = fleet, name
        self.file = fleet.folder / f"{name}.life"
        self.file.unlink(missing_ok=True)
        fleet.add(name, image=WITNESS, arguments=f"{self.file} {period_ms} {megabytes}", memory=f"{megabytes + 64}M", **options)

    def lines(self):
        text = self.file.read_text() if self.file.exists() else ""
        return [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def count(self):
        lines = self.lines()
        return int(lines[-1][1]) if lines else 0

    def wait_beats(self, beats=3, seconds=30):
        """It lives: it counts on from now."""
        before = self.count()
        self.fleet.bed.wait(lambda: self.count() >= before + beats, seconds, lambda: f"{self.name} to count on from {before}; the cluster thinks {self.fleet.bed.resource(self.name)}, "
                            f"the hosts say {self.fleet.states(self.name)}")

    def check_one_life(self, lives=1):
        """As many instances as it may have had, one after the other, and each has counted without a gap."""
        expected, instances = 0, []
        for instance, count in self.lines():
            if not instances or instance != instances[-1]:
                check(instance not in instances, f"{self.name} lived twice at the same time: {instance} again")
                instances.append(instance)
                expected = 0
            expected += 1
            check(int(count) == expected, f"{self.name} has counted {count}, where {expected} was its turn: it is there twice, or has lost memory")
        check(len(instances) == lives, f"{self.name} was started {len(instances)} times, not {lives}")

    def check_whole(self, lives=1):
        """Neither ended nor started twice, and on one host only."""
        self.wait_beats()
        self.check_one_life(lives)
        there = [node for node, state in self.fleet.states(self.name).items() if state in HERE]
        check(len(there) == 1, f"{self.name} is on {there}")
        return there[0]


class Fleet:
    def __init__(self, folder=None, **options):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="optmig-fleet."))
        self.kept = folder is not None
        self.bed = Bed(self.folder / "bed", **options)
        self.names = self.bed.names

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.bed.up()
        print(f"  three nodes after {time.monotonic() - self.bed.began:.1f} s", flush=True)
        return self

    def __exit__(self, kind, value, trace):
        if kind and issubclass(kind, (BedError, subprocess.TimeoutExpired)):
            self.show()
        self.bed.down()
        if not self.kept and not kind:
            # A log that is only ever appended to cannot be removed either.
            subprocess.run(["chattr", "-R", "-a", str(self.folder)], capture_output=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    def show(self):
        """For who looks for the reason."""
        with contextlib.suppress(Exception):
            print(self.bed.out(self.bed.living(), "crm_mon", "-1rf"), flush=True)
        for name in self.bed.spaces:
            with contextlib.suppress(Exception):
                print(f"---- {name}: optmig unit ls\n" + self.bed.run(name, OPTMIG, "unit", "ls", check=False, seconds=10).stdout)
                print(self.bed.run(name, "sh", "-c", "grep -hE 'enclave\\(|error|warning' /var/log/pacemaker/pacemaker.log | tail -n 15; "
                                   "tail -n 8 /run/optmig-service/*/output", check=False).stdout, flush=True)
        for log in sorted((self.bed.folder / "log").glob("*optmigd.log")):
            print(f"---- {log.name}\n{log.read_text(errors='replace')[-1500:]}", flush=True)

    # ---- verbs ----

    def verb(self, *arguments, at=None, seconds=300):
        run = self.bed.run(at or self.bed.living(), OPTMIG, "cluster", *arguments, check=False, seconds=seconds)
        return run.returncode, run.stdout, run.stderr

    def ok(self, *arguments, **more):
        code, out, err = self.verb(*arguments, **more)
        check(code == 0, f"optmig cluster {' '.join(map(str, arguments))}: {code}\n{out}{err}")
        return out

    def add(self, name, **options):
        self.ok("add", name, *[text for key, value in options.items() for text in (f"--{key.replace('_', '-')}", str(value))])

    def witness(self, name, **options):
        """Started, and at work."""
        w = Witness(self, name, **options)
        self.bed.wait(lambda: self.bed.resource(name)["nodes"], 60, f"{name} to be started")
        w.wait_beats(1, 60)
        self.bed.settle()
        return w

    def remove(self, name):
        self.ok("rm", name, "--stop")

    # ---- what is ----

    def unit(self, node, *arguments, check=True, seconds=60):
        return self.bed.run(node, OPTMIG, "unit", *arguments, check=check, seconds=seconds)

    def state(self, node, name):
        """What the host's own service says; "" if it does not answer."""
        run = self.unit(node, "status", name, check=False)
        return run.stdout.strip() if run.returncode in (0, 7) else "stopped" if run.returncode == 5 else ""

    def way_of(self, node, name):
        """To which address it moves away, by the host's own word; None if it does not."""
        run = self.unit(node, "status", name, "--json", check=False)
        return json.loads(run.stdout).get("move", {}).get("at") if run.returncode == 0 else None

    def states(self, name):
        return {node: self.state(node, name) for node in self.bed.spaces}

    def wait_known(self, name, there, seconds=60):
        """The cluster knows where it is; a probe may take its time."""
        def knows():
            now = self.bed.resource(name)
            return now["nodes"] == [there] and not now["blocked"]
        self.bed.wait(knows, seconds, lambda: f"the cluster to know that {name} is on {there}; it thinks {self.bed.resource(name)}")

    def home(self, name):
        nodes = self.bed.resource(name)["nodes"]
        check(len(nodes) == 1, f"{name}: the cluster thinks it is on {nodes}")
        return nodes[0]

    def wait_state(self, node, name, *states, seconds=60):
        self.bed.wait(lambda: self.state(node, name) in states, seconds, lambda: f"{name} to be {' or '.join(states)} on {node}; it is {self.states(name)}")

    def snapshot(self):
        return json.loads(self.ok("hosts", "--json"))


# ---- faults, and what mends them ------------------------------------------------------------------------------------------

def no_tcp(fleet, node):
    """Moves and HTTPS between this host and others do not come through; the cluster's own traffic, which is UDP, does, and so do clients of programs that are here."""
    others = ", ".join(fleet.bed.address(name) for name in fleet.names if name != node)
    fleet.bed.run(node, "nft", "table inet cut { chain i { type filter hook input priority -300; ip saddr { %s } meta l4proto tcp reject with tcp reset; } ; "
                  "chain o { type filter hook output priority -300; ip daddr { %s } tcp flags & rst == 0 reject with tcp reset; } ; }" % (others, others))


def restart(fleet, node, daemon):
    """As systemd would."""
    time.sleep(0.5)
    fleet.bed.start_daemon(node, daemon)


def hang(fleet, node, daemons, seconds, others_ask=False):
    """They stand still for a while."""
    if others_ask:
        fleet.bed.down_nodes.add(node)
    stopped = [daemon for daemon in daemons if fleet.bed.kill(node, daemon, signal.SIGSTOP)]
    check(stopped, f"none of {daemons} on {node}")
    time.sleep(seconds)
    for daemon in stopped:
        fleet.bed.kill(node, daemon, signal.SIGCONT)


def leader_of(fleet):
    return fleet.bed.mon().find("summary/current_dc").get("name")


def partition(fleet, name, others=None):
    """Longer than Corosync waits."""
    fleet.bed.down_nodes.add(name)
    fleet.bed.cut(name, others)
    time.sleep(9)
    fleet.bed.heal(name)


def put_in_order(fleet):
    """As systemd would, and whoever mends links."""
    bed = fleet.bed
    for name in bed.names:
        if name not in bed.spaces:
            bed.power_on(name)
        bed.heal(name)
        for daemon in ("corosync", "optmigd", "pacemakerd"):
            if not bed.pids(name, daemon):
                bed.start_daemon(name, daemon)
    bed.down_nodes.clear()
    bed.wait(bed.formed, 60, "the cluster to be whole again")


def heal(fleet, *programs):
    """All that is broken is mended; then the cluster has to know again, and be able to move them. Who was on the same node has moved along, or not."""
    bed = fleet.bed
    put_in_order(fleet)
    for name in bed.names:
        bed.standby(name, False)
    for w in programs:
        bed.wait(lambda: not set(fleet.states(w.name).values()) & {"moving", "handing", "owing", "receiving", ""}, 90, lambda: f"{w.name}'s move to end: {fleet.states(w.name)}")
    # The cluster has to have heard of that end, too: a look before it is a look at yesterday.
    time.sleep(1)
    for w in programs:
        # A monitor that fails over and over stays "pending"; the cluster does nothing more about it.
        bed.wait(lambda: (lambda now: now["role"] != "Migrating" and (not now["pending"] or now["blocked"] and set(now["pending"]) == {"Monitoring"}))(bed.resource(w.name)), 60,
                 lambda: f"the cluster to be through: {bed.resource(w.name)}")
    bed.settle()
    for w in programs:
        now = bed.resource(w.name)
        # A start that was refused while its node was missed keeps it from that place, although it runs well where it is.
        refused = any(f.get("op_key", "").startswith(w.name + "_") for f in bed.mon().iter("failure"))
        if w is programs[0] or refused or now["blocked"] or now["failed"] or len(now["nodes"]) != 1:
            bed.run(bed.living(), "crm_resource", "--refresh", "--resource", w.name, check=False)
    bed.settle()
