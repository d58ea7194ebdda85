# SPDX-License-Identifier: Apache-2.0
"""What a case is, what it needs, and how it is built."""
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
MODES = ["stop", "precopy", "postcopy", "hybrid", "auto"]
HOWS = ["native", "inside", *MODES, "fail"]
IMAGE = [word for option in ("heap=1G", "threads=64", "debug=1") for word in ("-Xoptmig", option)]
# What the cases of sgx/ are linked with: the hand-made enclave of the product's own tests.
SGX_FOLDERS = ["tests/sgx", "sgx", "abi", "core", "toolchain"]
SGX_PARTS = ["tests/sgx/enclave.S", "tests/sgx/harness.c", "tests/sgx/fakehw.c"]
SGX_LIBRARIES = ["sign", "sgx", "core", "bearssl"]


def wrong_usage(text):
    print(f"run: {text}", file=sys.stderr)
    sys.exit(2)


class Tools:
    """The product: `bin` has optmig and optmig-cc, `sources` CAVEATS.md and tests/sgx. What is built of the cases is kept in
    `kept`, as long as it is made of the same things."""

    def __init__(self):
        build = pathlib.Path(os.environ.get("B", PROJECT / "build")).resolve()
        self.bin = pathlib.Path(os.environ.get("OPTMIG_BIN", build / "bin")).resolve()
        if not (self.bin / "optmig-cc").exists():
            wrong_usage(f"no optmig-cc in {self.bin}; set OPTMIG_BIN")
        self.sources = pathlib.Path(os.environ.get("OPTMIG_SRC", PROJECT)).resolve()
        self.kept = build / "tests" / "cases"

    def stamp(self, *files):
        """Changes when one of the files, or the compiler with all that it links in, does."""
        with_them = [self.bin.parent / ".toolchain", self.bin / "optmig-cc", *files]
        return [(str(f), f.stat().st_mtime_ns) for f in map(pathlib.Path, with_them) if f.exists()]


class Case:
    """A program, and the lines KEY: VALUE of its first comment."""

    def __init__(self, folder, name):
        self.name = name
        self.source = pathlib.Path(folder) / f"{name}.c"
        self.peer = pathlib.Path(folder) / f"{name}.peer.py"
        if not self.source.exists():
            wrong_usage(f"there is no case {name} in {folder}")
        self.text = self.source.read_text()
        self.sgx = "/" in name
        self.hows = ["inside"] if self.sgx else self.value("HOW").split() or HOWS[1:]
        self.arguments = shlex.split(self.value("ARGS"))
        self.flags = shlex.split(self.value("CFLAGS"))
        self.root = self.value("NEEDS") == "root"
        self.net = self.value("NET")            # shell commands that lay out a network namespace
        self.refusal = self.value("REFUSAL")    # what CAVEATS.md must say if this is refused

    def value(self, key):
        match = re.search(rf"^ \* {key}: (.*)$", self.text, re.M)
        return match[1] if match else ""

    def missing(self, tools):
        """Why it cannot be run here, or None."""
        if (self.root or self.net) and os.geteuid() != 0:
            return "needs root"
        if self.net and not (shutil.which("unshare") and shutil.which("ip")):
            return "needs unshare(1) and ip(8)"
        if self.sgx and not (tools.sources / SGX_PARTS[0]).exists():
            return "needs the product's sources"
        return None

    def command(self, how, tools):
        """What compiles it, up to the output's name, and the files besides the compiler that matter."""
        if self.sgx:
            libraries = [tools.bin.parent / "host" / f"lib{lib}.a" for lib in SGX_LIBRARIES]
            parts = [tools.sources / p for p in SGX_PARTS]
            return ["cc", "-O1", "-D_GNU_SOURCE", *(f"-I{tools.sources / d}" for d in SGX_FOLDERS), f"-I{HERE / 'sgx'}", self.source,
                    *parts, *libraries, "-lcrypto", "-ldl", "-lpthread"], [*parts, *libraries, HERE / "sgx" / "rules.h"]
        compiler = shlex.split(os.environ.get("CC", "cc")) if how == "native" else [tools.bin / "optmig-cc", *IMAGE]
        return [*compiler, "-O2", "-g", "-pthread", f"-I{HERE}", self.source, *self.flags, "-lm"], [HERE / "case.h"]

    def build(self, how, tools, work):
        """Makes work/native or work/inside, or copies what was made before. Returns the compiler's complaint, or None."""
        command, files = self.command(how, tools)
        made = repr([command, tools.stamp(self.source, *files)])
        kept = tools.kept / f"{self.name.replace('/', '-')}.{how}.{hashlib.sha256(made.encode()).hexdigest()[:16]}"
        if not kept.exists():
            tools.kept.mkdir(parents=True, exist_ok=True)
            for old in tools.kept.glob(f"{self.name.replace('/', '-')}.{how}.*"):
                old.unlink(missing_ok=True)
            done = subprocess.run([*map(str, command), "-o", str(work / how)], capture_output=True, text=True)
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["the compiler gives no reason"]
                complaint = next((line for line in lines if "error" in line.lower() or "refused" in line), lines[0])
                return complaint.replace(str(self.source.parent), "...")[:200]
            shutil.copy(work / how, kept.with_suffix(f".{os.getpid()}"))
            kept.with_suffix(f".{os.getpid()}").rename(kept)
        shutil.copy(kept, work / how)
        return None

    def documented(self, tools):
        """The sentence of CAVEATS.md that names what is refused, or None."""
        caveats = tools.sources / "CAVEATS.md"
        if not self.refusal or not caveats.exists():
            return None
        text = re.sub(r"\n(?!- )\s*", " ", caveats.read_text())
        match = re.search(rf"[^.:\n]*(?:{self.refusal})[^.\n]*", text, re.I)
        return match[0].strip(" -*")[:100] if match else None
