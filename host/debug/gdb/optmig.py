# SPDX-License-Identifier: Apache-2.0
"""What gdb has to know of a program in an enclave; `optmig gdb` loads it into a gdb that is attached to the program's process.

Frames need no help: call frame information leads from the host's stack to the program's (host/load/outcall.S, trusted/boot/cfi.h). Here are:

  - the image's symbols. An image runs where it was linked to, so they are added as they are;
  - signals that the SGX layer and the host live on, which are not the program's: gdb passes them on without a word;
  - the program's own faults, which the runtime makes signals of: gdb stops where the runtime has found out, and shows the instruction;
  - names of threads, `optmig threads`, and $tls("NAME") for thread-local variables.

OPTMIG_GDB_SYMBOLS: the file with the symbols.
"""
import os
import struct
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layout  # noqa: E402  made of abi/debugger.h and abi/image.h

SYMBOLS = os.environ["OPTMIG_GDB_SYMBOLS"]
# SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS: pages that come when they are touched and ENCLU, on the emulator. The others: host/load/signals.c.
PASSED = "SIGSEGV SIGBUS SIGILL SIGFPE SIGSYS SIG32 SIG33 SIG62 SIG63 SIG64"
SIGNALS = {4: "SIGILL", 5: "SIGTRAP", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV"}
BASE = layout.OM_ELRANGE_BASE


def read(address, form):
    return struct.unpack("<" + form, gdb.selected_inferior().read_memory(address, struct.calcsize("<" + form)).tobytes())


def symbol(name):
    found = gdb.lookup_minimal_symbol(name) if hasattr(gdb, "lookup_minimal_symbol") else None
    try:
        return found.address if found else int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
    except gdb.error:
        return None


class Slots:
    """Thread slots of the enclave: abi/image.h."""

    def __init__(self):
        self.first, count, service = read(symbol("rt_image_header") + 48, "QII")
        self.range = range(service, service + count)

    def threads(self):
        """Of the program: slot, thread block, its thread, and the host thread that serves it."""
        for slot in self.range:
            tcb = BASE + self.first + slot * layout.OM_SLOT_SIZE + layout.OM_SLOT_TCB
            try:
                thread, = read(tcb + layout.OM_DEBUG_THREAD, "Q")
                if thread:
                    yield slot, tcb, thread, read(tcb + layout.OM_DEBUG_HOST_TID, "i")[0]
            except gdb.MemoryError:
                pass


def text(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size)).split(b"\0")[0].decode(errors="replace")


def name_threads():
    known = {t.ptid[1]: t for t in gdb.selected_inferior().threads()}
    for _, _, thread, lwp in slots.threads():
        if lwp in known:
            known[lwp].name = text(thread + layout.OM_DEBUG_NAME, 16) or "program"


class Threads(gdb.Command):
    """The program's threads: gdb's number, its own tid and name, and where it is."""

    def __init__(self):
        super().__init__("optmig threads", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        known = {t.ptid[1]: t for t in gdb.selected_inferior().threads()}
        print("thread  slot      tid  name")
        for slot, _, thread, lwp in slots.threads():
            number = known[lwp].num if lwp in known else "-"
            tid, = read(thread + layout.OM_DEBUG_TID, "i")
            print(f"{number:>6}  {slot:>4}  {tid:>7}  {text(thread + layout.OM_DEBUG_NAME, 16)}")


class ProgramFault(gdb.Breakpoint):
    """Where the runtime has found that the program's instruction faults, before any handler runs."""

    def __init__(self):
        super().__init__("*rt_signal_fault", internal=True)
        self.silent = True
        self.said = None

    def stop(self):
        tcb, = read(int(gdb.parse_and_eval("(unsigned long)$fs_base")) + layout.OM_TP_SLOT, "Q")
        signo, _, address = read(tcb + layout.OM_DEBUG_FAULT_SIGNO, "IIQ")
        self.said = f"Program received signal {SIGNALS.get(signo, signo)}, address {address:#x}."
        return True


def in_runtime(frame):
    return frame.type() == gdb.SIGTRAMP_FRAME or RUNTIME[0] <= frame.pc() < RUNTIME[1]


def on_stop(event):
    try:
        name_threads()
    except gdb.error:
        pass
    if not fault or not fault.said:
        return
    print("\n" + fault.said)
    fault.said = None
    frame = gdb.newest_frame()
    while frame and in_runtime(frame):
        frame = frame.older()
    if frame:
        frame.select()
        gdb.execute("frame")


class Tls(gdb.Function):
    """$tls("NAME"): address of the selected thread's variable NAME, as void *. The image has one TLS segment, below the thread pointer."""

    def __init__(self):
        super().__init__("tls")

    def invoke(self, name):
        offset, size, align = tls_symbol(name.string())
        return gdb.Value(self.pointer() - (size + align - 1) // align * align + offset).cast(gdb.lookup_type("char").pointer())

    @staticmethod
    def pointer():
        lwp = gdb.selected_thread().ptid[1]
        frame = gdb.newest_frame()
        if BASE <= frame.pc() < RUNTIME[0] or RUNTIME[1] <= frame.pc() < BASE + layout.OM_ELRANGE_MAX:
            return int(frame.read_register("fs_base"))
        for _, _, thread, host in slots.threads():
            if host == lwp:
                return read(thread + layout.OM_DEBUG_APP_FS, "Q")[0]
        raise gdb.GdbError("this is no thread of the program")


def tls_symbol(name):
    """Its offset in the segment, the segment's size and alignment, from the file."""
    with open(SYMBOLS, "rb") as file:
        data = file.read()
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phnum, shnum = struct.unpack_from("<H", data, 56)[0], struct.unpack_from("<H", data, 60)[0]
    segment = [struct.unpack_from("<IIQQQQQQ", data, phoff + 56 * i) for i in range(phnum)]
    segment = [(p[6], p[7]) for p in segment if p[0] == 7]
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + 64 * i) for i in range(shnum)]
    for s in (s for s in sections if s[1] == 2):
        strings = sections[s[6]]
        for at in range(s[4], s[4] + s[5], 24):
            at_name, info, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            begin = strings[4] + at_name
            if info & 15 == 6 and segment and data[begin:data.index(b"\0", begin)].decode() == name:
                return value, *segment[0]
    raise gdb.GdbError(f"there is no thread-local variable {name}")


gdb.execute(f"handle {PASSED} nostop noprint pass", to_string=True)
asked = gdb.parameter("confirm")
gdb.execute("set confirm off")
gdb.execute(f"add-symbol-file {SYMBOLS}", to_string=True)
gdb.execute(f"set confirm {'on' if asked else 'off'}")
RUNTIME = (symbol("__rt_code_start") or 0, symbol("__rt_code_end") or 0)
gdb.Command("optmig", gdb.COMMAND_STATUS, prefix=True)
Tls()
fault = None
if symbol("rt_image_header") and symbol("rt_signal_fault"):
    slots = Slots()
    Threads()
    fault = ProgramFault()
    name_threads()
    gdb.events.stop.connect(on_stop)
else:
    print(f"{SYMBOLS} has no symbols (optmig gdb --symbols FILE): the program's faults and threads are not told")
