# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: sizes, warming, medians with their spread, results as JSON and CSV, pictures.

A result file holds one row per run. Runs of several invocations gather in one file (`keep`), because a machine is not
always free for hours; every row therefore names its own command, date and load.
"""
import csv
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

B = pathlib.Path(os.environ.get("B", "build")).resolve()
OUT = B / "bench"
GB = 10**9
CC_PROFILES = ("", "icelake")


def parse_size(text):
    """20G is 20 * 10^9 bytes, 4Gi is 4 * 2^30."""
    match = re.fullmatch(r"([\d.]+)([KMG]?)(i?)B?", text)
    if not match:
        sys.exit(f"bench: {text}: write a number of bytes, or 512M, 4G, 4Gi")
    power = " KMG".index(match[2] or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def meminfo(name):
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(name + ":"))


def warm(size):
    """Touches as much memory as the run is about to need and gives it back at once, so that the first touch of the run
    is not the hypervisor's. Leaves a reserve: the warming itself must not be what runs out."""
    size = min(size, meminfo("MemAvailable") - (1 << 30))
    if size > 0:
        subprocess.run([sys.executable, "-c", f"import mmap; mmap.mmap(-1, {size}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)"],
                       check=True)


def machine():
    with open("/proc/cpuinfo") as f:
        text = f.read()
    model = re.search(r"model name\s*: (.*)", text)
    flags = set(re.search(r"flags\s*: (.*)", text)[1].split())
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(), "memory_gb": round(meminfo("MemTotal") / GB, 1),
            "kernel": platform.release(), "vaes": {"vaes", "avx2"} <= flags, "virtual": "hypervisor" in flags, "autogroups": autogroups()}


def autogroups():
    """Whether the scheduler shares a processor among sessions first, and then among their threads."""
    switch = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")
    return switch.exists() and switch.read_text().strip() == "1"


def describe(m):
    return (f"{m['cores']} cores of {m['cpu']}{' (virtual machine)' if m['virtual'] else ''}, {m['memory_gb']:.0f} GB, Linux {m['kernel']}"
            f"{', VAES' if m['vaes'] else ''}{'' if m.get('autogroups', True) else ', scheduler without autogroups'}")


def datapath():
    """The limits: encrypt, TCP, decrypt in place, with the engine's cipher, into memory that is there and into fresh memory; medians of
    three short runs, right before what they are compared with: a virtual machine's speed changes within minutes."""
    runs = [json.loads(subprocess.run([str(B / "bench/programs/datapath"), "1", "128", "256"], check=True, capture_output=True, text=True).stdout) for _ in range(3)]
    return {key: statistics.median([r[key] for r in runs]) for key in runs[0]}


def middle(rows, key):
    values = [r[key] for r in rows if r.get(key) is not None]
    return statistics.median(values) if values else None


def spread(rows, key, form="{:.2f}"):
    """'12.3' for one run, '12.3 (11.9–13.0)' for several, '–' for none."""
    values = sorted(r[key] for r in rows if r.get(key) is not None)
    if not values:
        return "–"
    text = form.format(statistics.median(values))
    return text if len(values) == 1 else f"{text} ({form.format(values[0])}–{form.format(values[-1])})"


class Results:
    """Rows of one benchmark, written after every run, so that an interrupted one is not lost."""

    def __init__(self, name, keep):
        OUT.mkdir(parents=True, exist_ok=True)
        self.path = OUT / f"{name}.json"
        self.data = json.loads(self.path.read_text()) if keep and self.path.exists() else {"rows": [], "limits": []}
        self.data["machine"] = machine()

    def stamp(self):
        """BENCH_NOTE: what a reader must know of the circumstances."""
        return {**({"note": os.environ["BENCH_NOTE"]} if os.environ.get("BENCH_NOTE") else {}), "load": os.getloadavg()[0],
                "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"), "command": " ".join(["bench/" + pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])}

    def limit(self):
        self.data["limits"].append({**datapath(), **self.stamp()})
        return self.data["limits"][-1]

    def add(self, row):
        self.data["rows"].append({**row, **self.stamp()})
        self.write()

    def write(self):
        self.path.write_text(json.dumps(self.data, indent=1) + "\n")
        columns = []
        for row in self.data["rows"]:
            columns += [k for k, v in row.items() if k not in columns and not isinstance(v, (dict, list))]
        with open(self.path.with_suffix(".csv"), "w", newline="") as f:
            writer = csv.DictWriter(f, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.data["rows"])


def gnuplot(path, commands, data):
    """An SVG. `data`: name -> list of tuples, as datablocks $name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = "".join(f"${name} << EOD\n" + "".join(" ".join(map(str, point)) + "\n" for point in points) + "EOD\n" for name, points in data.items())
    script = f"set terminal svg size 760,440 dynamic font 'sans,12' background rgb 'white'\nset output '{path}'\nset grid\n{blocks}{commands}\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
