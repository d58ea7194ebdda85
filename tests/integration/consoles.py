# SPDX-License-Identifier: Apache-2.0
"""Types the consoles of a page of documentation into terminals, as a reader would, and compares what comes with what the page shows.

A page is Markdown. What counts are its blocks of ```console:

    $ COMMAND          typed as it stands; the lines of a here-document follow it
    output             what must come: numbers may be others, `...` in a line is any text, a line `...` any lines
    ^C                 typed

A command without output in the page may say anything. It must succeed, unless its line ends with a comment "# refused". The last words
before a block say in which terminal ("In terminal 2:"); without any it is the first one. A command may go on while another terminal is
used. Text before the first "$" of a block is what a command that goes on there says.

The terminals are pseudoterminals with bash and an empty home, in a network and a /run of their own where that is possible.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 90
QUIET = 0.2
SHELL = ["bash", "--noprofile", "--norc", "--noediting", "-i"]
# What a login sets. Nothing of a test's environment may help.
KEPT = ("LANG", "LC_ALL", "USER", "LOGNAME", "TMPDIR", "http_proxy", "https_proxy")


def fail(text):
    print(f"FAIL: {text}", flush=True)
    sys.exit(1)


class Step:
    def __init__(self, command, line):
        self.command, self.line, self.expected = command, line, []


class Block:
    def __init__(self, terminal, line):
        self.terminal, self.line, self.steps = terminal, line, []


def parse(text, section=None):
    """The consoles of a page, or of one of its sections."""
    blocks, block, terminal, heading, fence = [], None, 1, None, None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is None:
            if line.startswith("#"):
                heading, terminal = line.strip("# "), 1
            found = re.findall(r"[Tt]erminal (\d)", line)
            if found:
                terminal = int(found[-1])
            if line.startswith("```"):
                fence = line
                if line == "```console" and section in (None, heading):
                    block = Block(terminal, number)
        elif line == "```":
            if block:
                blocks.append(block)
            block = fence = None
        elif block:
            step = block.steps[-1] if block.steps else None
            inside = step and step.command and (m := re.search(r"<< ?'?(\w+)'?", step.command)) and step.command.splitlines()[-1] != m[1]
            if inside:
                step.command += "\n" + line
            elif line.startswith("$ "):
                block.steps.append(Step(line[2:], number))
            elif line == "^C":
                block.steps.append(Step("^C", number))
            else:
                if not step:
                    block.steps.append(Step(None, number))
                block.steps[-1].expected.append(line)
    return blocks


def pattern(line):
    """A line of the page as a regular expression."""
    parts = [re.sub(r"\d+", r"\\d+", re.sub(r"(?:\\? )+", " +", re.escape(part))) for part in line.strip().split("...")]
    return re.compile(r"\s*" + ".*".join(parts) + r"\s*$")


def matches(expected, lines):
    """Do the lines agree with what the page shows? Return: the first line of the page that they lack, or None."""
    at, skip = 0, False
    for shown in expected:
        if shown.strip() == "...":
            skip = True
            continue
        if not shown.strip():
            continue
        while at < len(lines) and skip and not pattern(shown).match(lines[at]):
            at += 1
        if at == len(lines) or not pattern(shown).match(lines[at]):
            return shown
        at, skip = at + 1, False
    return None if skip or at == len(lines) else f"(nothing more, but there is: {lines[at]})"


class Terminal:
    def __init__(self, name, command, env):
        self.name, self.text = name, ""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe(command[0], command, env)
        self.pid = pid
        os.set_inheritable(self.fd, False)          # or it stays open in the next terminal
        attributes = termios.tcgetattr(self.fd)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self.fd, termios.TCSANOW, attributes)
        self.wait(lambda: self.prompt())

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                fail(f"terminal {self.name} has gone; it said:\n{self.text}")

    def prompt(self):
        """The status of the last command, if it has ended."""
        return next(iter(re.findall(r"\x02(\d+)\x03", self.text)[-1:]), None)

    def lines(self):
        text = re.sub(r"\x02\d+\x03", "", self.text.replace("\r\n", "\n"))
        text = re.sub(r"[^\n]*(\r|\x1b\[K)", "", text)               # a line of progress that was written over
        return [line for line in text.split("\n") if line.strip()]

    def wait(self, condition, seconds=SECONDS):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.read(0.05)
        return True

    def settle(self):
        """Nobody types while something is being written."""
        size = -1
        while size != len(self.text):
            size = len(self.text)
            self.read(QUIET)

    def judge(self, where, step, going_on):
        """Waits until it is as the page shows it. What runs in the background may say its word behind the prompt."""
        ended = going_on or self.wait(self.prompt)
        shown = self.wait(lambda: matches(step.expected, self.lines()) is None, SECONDS if going_on else 15) if step.expected else True
        said = "\nit said:\n" + "\n".join(self.lines())
        if not ended:
            fail(f"{where}: does not end{said}")
        if not shown:
            fail(f"{where}: not as shown: {matches(step.expected, self.lines())}{said}")
        wanted = step.command and step.command.rstrip().endswith("# refused")
        if not going_on and step.command not in (None, "^C") and (self.prompt() != "0") != bool(wanted):
            fail(f"{where}: exit status {self.prompt()}{said}")

    def run(self, where, step, going_on):
        if step.command and step.command != "^C":
            if not self.wait(self.prompt):
                fail(f"{where}: what went on here has not ended; it said:\n" + "\n".join(self.lines()))
            self.settle()
        if step.command:
            self.text = ""
            os.write(self.fd, b"\x03" if step.command == "^C" else (step.command + "\n").encode())
        self.judge(where, step, going_on)
        if going_on:
            self.text = ""


def session(leader):
    """The processes of a session, as far as they have not ended."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, sid = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(sid) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


class Reader:
    """A newcomer with an empty home."""
    def __init__(self, **env):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="optmig-reader."))
        self.home = self.work / "home"
        self.home.mkdir()
        self.terminals = {}
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env.update(env, HOME=str(self.home), TERM="dumb", PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                        XDG_RUNTIME_DIR=str(self.work), PS1="\x02$?\x03", PS2="")
        self.enter = []
        self.holder = self.alone()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def alone(self):
        """A network and a /run of our own, if this user may."""
        setup = "ip link set lo up && mount -t tmpfs tmpfs /run && echo ready && exec sleep 600"
        unshare = ["unshare", "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
        holder = subprocess.Popen(unshare + ["sh", "-c", setup], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if holder.stdout.readline() != b"ready\n":
            holder.kill()
            holder.wait()
            return None
        self.enter = ["nsenter", "--target", str(holder.pid), "--net", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"])
        return holder

    def read(self, page, directory, section=None):
        blocks = parse((ROOT / page).read_text(), section)
        if not blocks:
            fail(f"{page}: no console to type")
        for at, block in enumerate(blocks):
            if block.terminal not in self.terminals:
                command = self.enter + ["sh", "-c", 'cd "$0" && exec "$@"', str(directory), *SHELL]
                self.terminals[block.terminal] = Terminal(block.terminal, command, self.env)
            terminal = self.terminals[block.terminal]
            for number, step in enumerate(block.steps):
                last = number == len(block.steps) - 1
                # It may go on if the page leaves this terminal now and comes back with its output, or never.
                later = next((b for b in blocks[at + 1:] if b.terminal == block.terminal), None)
                goes_on = last and (later.steps[0].command in (None, "^C") if later else at + 1 < len(blocks))
                where = f"{page}:{step.line}, terminal {block.terminal}, {(step.command or 'what goes on there').splitlines()[0]}"
                terminal.run(where, step, goes_on)
                print(f"  {where[:150]}", flush=True)

    def close(self):
        """All windows are closed, and what ran there ends. A shell that reads the end of its input first tells its jobs nothing."""
        terminals, self.terminals = self.terminals, {}
        for terminal in terminals.values():
            os.close(terminal.fd)
            os.waitpid(terminal.pid, 0)
            end = time.monotonic() + 10
            while left := session(terminal.pid):
                if time.monotonic() > end:
                    fail(f"terminal {terminal.name} is closed, and these go on: {left}")
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGHUP)
                    except ProcessLookupError:
                        pass
                time.sleep(0.1)

    def end(self):
        self.close()
        if self.holder:
            self.holder.kill()
            self.holder.wait()
        shutil.rmtree(self.work, ignore_errors=True)
