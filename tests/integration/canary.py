# SPDX-License-Identifier: Apache-2.0
"""The secret of tests/programs/migrate/canary.c, and the search for it (or for others: NEEDLES) in all that a host can see."""
import ctypes
import itertools
import os
import random
import struct
import threading

BASE, SIZE = 0x200000000000, 1 << 40
MASK = (1 << 64) - 1
SEED = random.getrandbits(63)


def mix(x):
    x = (x + 0x9e3779b97f4a7c15) & MASK
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


# Two words next to each other, in each of the four phases.
WORDS = [mix((SEED + i) & MASK) for i in range(4)]
NEEDLES = [struct.pack("<QQ", WORDS[i], WORDS[(i + 1) % 4]) for i in range(4)]


def found_in(data):
    return any(n in data for n in NEEDLES)


def slots(pid):
    """The emulator's slots of 128 KiB, one for each thread (tee/soft/thread.c), known by their guard pages: signal stack and
    register area of a CPU made of software. The hardware saves an enclave's registers inside the enclave."""
    found = set()
    for line in open(f"/proc/{pid}/maps"):
        low, high = (int(x, 16) for x in line.split()[0].split("-"))
        if line.split()[1] == "---p" and high - low == 0x1000 and low % 0x20000 == 0x2000:
            found.add(low & ~0x1ffff)
    return found


def places(data, start):
    for needle in NEEDLES:
        at = data.find(needle)
        while at >= 0:
            yield start + at
            at = data.find(needle, at + 1)


def regions(pid):
    for line in open(f"/proc/{pid}/maps"):
        span, rights, *_ = line.split()
        name = line.split()[5] if len(line.split()) > 5 else ""
        low, high = (int(x, 16) for x in span.split("-"))
        if rights[0] == "r" and name not in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
            yield low, high


def readable(mem, at, end):
    """What can be read of a range, as (address, bytes): a read ends before a page that is not there."""
    while at < end:
        data = b""
        try:
            mem.seek(at)
            data = mem.read(end - at)
        except OSError:
            pass
        if data:
            yield at, data
        at += len(data) or 4096


def scan(p, inside=False):
    """Addresses of the pattern in a process's memory outside ELRANGE (or inside)."""
    hits, emulator = [], slots(p.pid)
    with open(f"/proc/{p.pid}/mem", "rb", 0) as mem, open(f"/proc/{p.pid}/pagemap", "rb", 0) as pagemap:
        for low, high in regions(p.pid):
            if (BASE <= low < BASE + SIZE) != inside:
                continue
            for start in range(low, high, 1 << 24):
                end = min(start + (1 << 24), high)
                pagemap.seek(start // 4096 * 8)
                entries = pagemap.read((end - start) // 4096 * 8)
                if not any(entries[7::8]):
                    continue            # nothing there
                for at, data in readable(mem, start, end):
                    hits += itertools.islice((hit for hit in places(data, at) if hit & ~0x1ffff not in emulator), 5)
                if inside and hits:
                    return hits
    return hits


class LastLook(threading.Thread):
    """Stops a process where it is about to end, with its memory still there (ptrace(2), PTRACE_EVENT_EXIT), and searches it."""
    SEIZE, CONT, DETACH, TRACEEXIT, EVENT_EXIT = 0x4206, 7, 17, 0x40, 6

    def __init__(self, p):
        super().__init__(daemon=True)
        self.p, self.hits, self.ready = p, None, threading.Event()
        self.start()
        self.ready.wait()

    def ptrace(self, request, data):
        return ctypes.CDLL(None, use_errno=True).ptrace(request, self.p.pid, None, ctypes.c_void_p(data))

    def run(self):
        attached = self.ptrace(self.SEIZE, self.TRACEEXIT) == 0
        self.ready.set()
        while attached:
            _, status = os.waitpid(self.p.pid, 0)
            if not os.WIFSTOPPED(status):
                return
            if status >> 16 == self.EVENT_EXIT:
                self.hits = scan(self.p, inside=True)
                self.ptrace(self.DETACH, 0)
                return
            self.ptrace(self.CONT, os.WSTOPSIG(status) if status >> 16 == 0 else 0)
