# SPDX-License-Identifier: Apache-2.0
"""One program with the harness of apps/kernels (bench.h) moved once, and everything that is measured of it.

The program does a fixed number of ticks, so its result can be compared with that of a native run that stayed at home. Its
timeline (ticks in bins of 10 ms, by its own real-time clock, which is the same on both sides) gives:

  gap      longest time between two ticks of a thread, of those that began between the order to migrate and AFTER seconds
           past the end. idle_gap: the same of the rest of the run, in which nothing happened: the machine's own
  lost     integral of the missing throughput, in seconds of service: from the order to migrate until SETTLE seconds
           after the end, against the rate it had before. What it makes up for later is not counted in its favour
  recover  from the order to stop until 0.5 s in a row, in bins of 100 ms, reach 90 % of the rate from before
"""
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
import common
from common import B, OUT

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/integration"))
import miglib  # noqa: E402
import hosts as netns  # noqa: E402

LEAD, SETTLE, AFTER = 2.0, 3.0, 0.5
BIN = 0.01


class Link:
    """Plain loopback, or two network namespaces with a shaped link between them: "loopback", "veth", "1", "10", "25"."""

    def __init__(self, name):
        self.name = name
        self.hosts = None
        if name == "loopback":
            return
        self.hosts = netns.Hosts(service=False)
        if not self.hosts.namespaces:
            sys.exit(f"bench: --link {name} needs network namespaces")
        if name != "veth":
            for host in "ab":
                subprocess.run(["tc", "-n", self.hosts.tag + host, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", f"{name}gbit",
                                "burst", str(max(256 << 10, int(float(name) * 125e6 * 0.001))), "latency", "20ms"], check=True)

    def on(self, host):
        return self.hosts.on(host) if self.hosts else []

    def address(self, host):
        return self.hosts.address(host) if self.hosts else "127.0.0.1"

    def remove(self):
        if self.hosts:
            self.hosts.remove()


def lasting(size, speed=0.7):
    """Seconds that a program must run: the warming of the destination's memory, the migration at `speed` GB/s, the time around it."""
    return LEAD + size / common.GB * (0.7 + 1 / speed) + SETTLE + 3


def reference(command):
    """The result of the same work done natively and not moved. Remembered: it cannot change."""
    path = OUT / "references.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    key = " ".join(command)
    if key not in known:
        run = subprocess.run([str(B / "apps/native" / command[0]), "--json", *command[1:]], check=True, capture_output=True, text=True, timeout=900)
        known[key] = json.loads(run.stdout)["result"]
        OUT.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(known, indent=1) + "\n")
    return known[key]


def bins_of(values, width):
    """Ticks per `width` seconds from ticks per BIN; the last incomplete one is left out."""
    n = round(width / BIN)
    return [sum(values[i:i + n]) for i in range(0, len(values) - n + 1, n)]


def service(timeline, begun, ended, stopped):
    """(rate before, lost seconds, seconds to recover or None). Times are seconds of the timeline."""
    before = timeline[round(max(0, begun - LEAD + 0.3) / BIN):round(begun / BIN)]
    if len(before) < 20 or not sum(before):
        return None, None, None
    rate = sum(before) / (len(before) * BIN)
    window = bins_of(timeline[round(begun / BIN):round((ended + SETTLE) / BIN)], 0.05)
    lost = sum(max(0.0, 1 - n / (rate * 0.05)) * 0.05 for n in window)
    after = bins_of(timeline[round(stopped / BIN):], 0.1)
    recover = next((i * 0.1 for i in range(len(after) - 4) if all(n >= 0.9 * rate * 0.1 for n in after[i:i + 5])), None)
    return rate, lost, recover


def gaps(longest, begun, ended):
    """(longest gap of the migration in ms, when it began in s, longest gap of the rest). A gap that was open when the
    migration began counts as its."""
    first, last = max(0, round(begun / BIN) - 2), round((ended + AFTER) / BIN)
    inside, outside = longest[first:last], longest[:first] + longest[last:]
    at = max(range(len(inside)), key=inside.__getitem__, default=None)
    return (None, begun, None) if at is None else (inside[at], (first + at) * BIN, max(outside, default=0.0))


class Sampler:
    """The engine's status every 50 ms, for the picture of one migration. It costs some CPU, so only there."""

    def __init__(self, pid):
        self.pid, self.start, self.samples = pid, time.monotonic(), []

    def sample(self, at):
        code, text, _ = miglib.optmig("status", "--json", self.pid)
        if code == 0:
            status = json.loads(text)
            ram = status.get("ram", {})
            self.samples.append({"at": round(at, 3), "state": status.get("state"), "transferred": ram.get("transferred", 0),
                                 "remaining": ram.get("remaining", 0), "rounds": ram.get("dirty-sync-count", 0),
                                 "dirty_bytes_per_s": ram.get("dirty-pages-rate", 0) * ram.get("page-size", 4096)})


def run(kernel, size, mode, *, ticks, threads=1, rate=0, options=(), link=None, profile="", extra=(), check=True, sampled=False, seconds=240):
    """Moves one program of apps/, such as "kernels/micro", once; returns the row."""
    link = link or Link("loopback")
    timeline_path = miglib.WORK / "timeline"
    work = ["--size", str(size), "--threads", str(threads), "--work", str(ticks)]
    env = {"OPTMIG_EMU_PROFILE": profile} if profile else {}
    common.warm(int(size * 2.1))
    source = miglib.Process([*link.on("a"), B / "apps/optmig" / kernel, *work, "--rate", rate, "--json", "--timeline", timeline_path, *options], **env)
    source.wait_for("ready", 300)
    ready, ready_date = time.monotonic(), time.time()
    target = miglib.Receiver(listen=f"{link.address('b')}:0", prefix=link.on("b"), **env)
    release = size * 2.1 > common.meminfo("MemTotal") - (2 << 30)
    if release and mode in ("precopy", "hybrid"):
        raise SystemExit(f"{mode} of {size / common.GB:.0f} GB needs twice the memory")
    common.warm(int(size * 1.05))
    time.sleep(max(0.0, ready + LEAD - time.monotonic()))
    begun = time.monotonic() - ready
    migration = miglib.Migration(source, target.address, "--mode", mode, *(["--release"] if release else []), *extra, prefix=link.on("a"))
    sampler = Sampler(source.pid)
    while sampled and migration.alive():
        sampler.sample(time.monotonic() - ready)
        time.sleep(0.05)
    status, report = migration.result(seconds)
    ended = time.monotonic() - ready
    if status != 0 or not report:
        raise SystemExit(f"migrate ended with {status}:\n{migration.text()[-1500:]}\nsource:\n{source.text()[-500:]}\nreceiver:\n{target.text()[-500:]}")
    code, text, _ = miglib.optmig("status", "--json", target.pid)
    there = json.loads(text) if code == 0 else {}
    if target.wait(seconds) != 0:
        raise SystemExit(f"the program ended with {target.process.returncode} over there:\n{target.text()[-1500:]}")
    seen = json.loads(re.search(r"^\{.*\}$", target.text(), re.M)[0])
    lines = [line.split() for line in timeline_path.read_text().splitlines()]
    timeline = [int(line[1]) for line in lines]
    gap, gap_at, idle_gap = gaps([float(line[2]) for line in lines], begun, ended)
    before, lost, recover = service(timeline, begun, ended, report["stopped-at"] - ready_date)
    total = report["total-time"] / 1000
    cpu = (report.get("cpu-time") or 0) + (there.get("cpu-time") or 0)
    sent = report["ram"]["transferred"]
    row = {"kernel": kernel.split("/")[1], "mode": mode, "size": size, "threads": threads, "rate": rate, "link": link.name, "profile": profile, "options": " ".join(options),
           "release": release, "downtime_ms": report["downtime"], "gap_ms": gap, "idle_gap_ms": idle_gap, "total_s": total, "lost_s": lost, "recover_s": recover,
           "ticks_per_s_before": before, "bytes": sent, "gb_per_s": sent / common.GB / total, "cpu_s_per_gb": cpu / 1000 / (sent / common.GB),
           "rounds": report["ram"].get("dirty-sync-count"), "expected_ms": report.get("expected-downtime"), "chosen": report.get("mode-chosen"), "downtime_parts": report.get("downtime-parts"),
           "fault_p50_us": (there or report)["postcopy"]["fault-p50-us"], "fault_p99_us": (there or report)["postcopy"]["fault-p99-us"],
           "begun_s": begun, "ended_s": ended, "gap_at_s": gap_at, "ran_on_s": seen["seconds"] - ended, "result": seen["result"]}
    if check:
        row["as_native"] = seen["result"] == reference([kernel, *work, *options])
    if sampled:
        row["timeline"], row["samples"] = timeline, sampler.samples
    return row


def attempt(what, *arguments, **more):
    """A run that may fail: the benchmark goes on, and the row says why there is no figure. Tells what left over processes."""
    try:
        return run(*arguments, **more)
    except SystemExit as error:
        if error.code == 143: # told to end
            raise
        print(f"  {what}: {error}", flush=True)
        return {"kernel": arguments[0].split("/")[-1], "size": arguments[1], "mode": arguments[2], "link": more["link"].name if more.get("link") else "loopback",
                "profile": more.get("profile", ""), "failed": str(error)[:2000]}
    finally:
        for child in miglib.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        miglib.children.clear()


def show(row):
    if "failed" in row:
        return
    optional = "".join(f"{'–' if row[k] is None else format(row[k], '.2f'):>9}" for k in ("lost_s", "recover_s"))
    print(f"{row['kernel']:<11}{row['mode']:<9}{row['size'] / common.GB:>6.2f}{row.get('rate', 'own') or 'full':>6}{row['link']:>9}{row['profile']:>8}{row['downtime_ms']:>11.2f}{row['gap_ms']:>10.2f}"
          f"{row['total_s']:>8.2f}{row['gb_per_s']:>7.2f}{row['cpu_s_per_gb']:>7.2f}{optional}  {'' if row.get('as_native', True) else 'WRONG RESULT'}", flush=True)


def heading():
    print(f"{'':<11}{'mode':<9}{'GB':>6}{'rate':>6}{'link':>9}{'profile':>8}{'downtime ms':>11}{'gap ms':>10}{'total s':>8}{'GB/s':>7}{'CPU/GB':>7}{'lost s':>9}{'recover':>9}", flush=True)
