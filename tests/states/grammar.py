# SPDX-License-Identifier: Apache-2.0
"""Scripts from seeds. A script has a few topics, each of which makes something and then does to it what can be done.

Tags name what can be switched off, topics and states that belong to one of them (`TAGS`). A script does what its program
(program/*.c) understands; nothing here has to be valid, only likely to be."""
import random

TAGS = {
    "pipe": "pipes", "pipe-packet": "pipes that keep boundaries", "pipe-full": "filled pipes", "pipe-size": "pipes of another size",
    "pair": "UNIX pairs", "pair-full": "filled pairs", "pair-empty": "empty messages in pairs", "pair-closed": "pairs whose other end is gone",
    "pair-shut": "pairs shut down", "pair-buffer": "pairs with smaller buffers",
    "unix": "UNIX listeners and datagrams by name", "unix-stream": "connections through UNIX listeners", "unix-mode": "modes and owners of their files",
    "unix-datagram": "UNIX datagram sockets",
    "tcp": "TCP within the program", "peer": "TCP with somebody outside", "tcp-large": "streams of several MB", "tcp-closed": "connections that are over or half over",
    "tcp-reset": "connections that were reset", "tcp-shutrd": "SHUT_RD", "tcp-idle": "sockets bound or never connected", "tcp-refused": "refused connections",
    "tcp-waiting": "connections not accepted yet", "tcp-lshut": "listeners shut down", "tcp-again": "listeners that come back to their port", "tcp-timewait": "TIME_WAIT beside a listener", "tcp6": "IPv6",
    "tcp-stalled": "sent data that a peer has no room for, and is over on its side",
    "during": "what peers do while the program is moved",
    "option": "socket options", "udp": "UDP", "mcast": "groups", "udp-queue": "datagrams waiting",
    "udp-nowhere": "UDP sockets connected to port 0",
    "event": "eventfd", "timer": "timerfd", "timer-past": "timerfd set in the past", "epoll": "sets of events", "epoll-oneshot": "EPOLLONESHOT", "epoll-edge": "EPOLLET",
    "epoll-exclusive": "EPOLLEXCLUSIVE", "epoll-nested": "sets of sets",
    "file": "files", "file-names": "files renamed, or with a name less", "lock": "locks", "dir": "directories", "process": "umask and working directory",
    "signal": "signals", "sigfd": "descriptors for signals", "memfd": "files that are memory", "shm": "System V shared memory", "sem": "System V semaphores", "mqueue": "POSIX message queues", "msg": "System V message queues", "itimer": "timers that signal", "async": "O_ASYNC",
    "memory": "mappings", "protect": "read-only memory", "map-file": "private mappings of files",
    "thread": "threads that wait",
}
SIZES = [1, 2, 7, 100, 1000, 4095, 4096, 4097, 10000, 30000]
OPTIONS = {
    "SO_REUSEADDR": [0, 1], "SO_REUSEPORT": [1], "SO_KEEPALIVE": [0, 1], "SO_BROADCAST": [1], "SO_OOBINLINE": [1], "SO_PRIORITY": [3, 6], "SO_RCVLOWAT": [7],
    "SO_DONTROUTE": [1], "SO_PEEK_OFF": [0, 5], "SO_MARK": [7], "SO_TIMESTAMP": [1], "SO_PASSCRED": [1], "SO_LINGER": [-1, 0, 1], "SO_RCVTIMEO": [300, 5000],
    "SO_SNDTIMEO": [300, 5000], "SO_BINDTODEVICE": ["lo"], "SO_SNDBUF": [10000, 100000], "SO_RCVBUF": [10000, 100000], "IP_TOS": [16, 184], "IP_TTL": [9, 255], "IP_MINTTL": [32, 64],
    "IP_RECVTOS": [1], "IP_RECVTTL": [1], "IP_PKTINFO": [1], "IP_RECVERR": [1], "IP_MTU_DISCOVER": [0, 2], "IP_FREEBIND": [1], "IP_MULTICAST_TTL": [5],
    "IP_MULTICAST_LOOP": [0, 1], "IP_MULTICAST_ALL": [0, 1], "IPV6_V6ONLY": [1], "IPV6_UNICAST_HOPS": [9], "IPV6_TCLASS": [16], "IPV6_RECVPKTINFO": [1],
    "IPV6_RECVTCLASS": [1], "IPV6_RECVHOPLIMIT": [1], "IPV6_MULTICAST_HOPS": [5], "TCP_NODELAY": [0, 1], "TCP_CORK": [0], "TCP_KEEPIDLE": [77], "TCP_KEEPINTVL": [33],
    "TCP_KEEPCNT": [5], "TCP_SYNCNT": [3], "TCP_LINGER2": [20], "TCP_DEFER_ACCEPT": [0], "TCP_USER_TIMEOUT": [60000], "TCP_NOTSENT_LOWAT": [20000],
    "TCP_CONGESTION": ["reno", "cubic"],
}
GENERAL = [o for o in OPTIONS if o.startswith("SO_") and o not in ("SO_PASSCRED", "SO_TIMESTAMP")]
GROUPS = ["239.1.1.1", "239.1.1.2", "239.1.1.3", "239.1.1.4"]
SIGNALS = ["USR1", "USR2", "HUP", "ALRM", "RT"]
# Those that many programs have come more often.
TOPICS = {"pipe": 2, "pair": 3, "unix": 2, "tcp": 4, "peer": 4, "udp": 2, "event": 1, "timer": 2, "epoll": 3, "file": 2, "lock": 1, "dir": 1, "process": 1, "signal": 2, "sigfd": 2, "memfd": 1, "shm": 1, "sem": 1, "mqueue": 1, "msg": 1,
          "itimer": 1, "async": 1, "memory": 2, "thread": 2}


class Script:
    def __init__(self, seed, without=(), only=()):
        self.random = random.Random(seed)
        self.without = set(without)
        self.lines = []
        self.free = list(range(40))
        self.again = False      # a listener is to come back to its port
        self.names = self.peers = self.timers = self.mappings = self.threads = 0
        self.open = []          # slots that something may be done to by an epoll set
        topics = {t: w for t, w in TOPICS.items() if t not in self.without and (not only or t in only)}
        chosen = [self.weighted(topics) for _ in range(self.random.choice((1, 1, 2, 2, 3, 4)))]
        parts = []
        for topic in chosen:
            self.lines = []
            getattr(self, topic)()
            parts.append(self.lines)
        self.lines = self.shuffle_in(parts)
        if chosen and self.random.random() < 0.3 and self.on("epoll") and (not only or "epoll" in only):
            self.watch_some()
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            at = self.random.randint(len(self.lines) * 2 // 3, len(self.lines)) if self.random.random() < 0.7 else self.random.randint(0, len(self.lines))
            self.lines.insert(at, "move")
        self.lines = [line for lines in self.late(self.lines) for line in lines.split("\n")]

    # ---- choices
    def on(self, tag, chance=1.0):
        return tag not in self.without and self.random.random() < chance

    def weighted(self, table):
        return self.random.choices(list(table), list(table.values()))[0]

    def pick(self, *values):
        return self.random.choice(values)

    def size(self):
        return self.random.choice(SIZES)

    def some(self, most, *actions):
        """Up to so many of the actions, by chance, each more than once perhaps."""
        for _ in range(self.random.randint(0, most)):
            self.random.choice(actions)()

    def shuffle_in(self, parts):
        """The parts' lines, mixed, each part in its order."""
        order = [i for i, part in enumerate(parts) for _ in part]
        self.random.shuffle(order)
        sources = [iter(part) for part in parts]
        return [next(sources[i]) for i in order]

    def late(self, lines):
        """What peers do during a move stands before one."""
        rest = [line for line in lines if not line.startswith("during ")]
        for line in lines:
            if line.startswith("during "):
                at = self.random.choice([i for i, other in enumerate(rest) if other == "move"])
                rest.insert(at, line[7:])
        return rest

    # ---- pieces
    def say(self, *words):
        self.lines.append(" ".join(map(str, words)))

    def together(self):
        """Nothing comes between the last two lines if no connection shall wait."""
        if not self.on("tcp-waiting"):
            self.lines[-2:] = ["\n".join(self.lines[-2:])]

    def slot(self):
        n = self.free.pop(0) if self.free else 39
        self.open.append(n)
        return n

    def name(self, letter):
        self.names += 1
        return f"{letter}{self.names}"

    def options(self, s, names, most=3):
        names = [n for n in names if n in OPTIONS and not (self.again and n.startswith("SO_REUSE"))]
        for _ in range(self.random.randint(0, most) if self.on("option") else 0):
            option = self.random.choice(names)
            self.say("opt", s, option, self.random.choice(OPTIONS[option]))

    # ---- topics
    def pipe(self):
        r, w = self.slot(), self.slot()
        packets = self.on("pipe-packet", 0.25)
        self.say("pipe", r, w, "d" if packets else "-")
        if self.on("pipe-size", 0.3):
            self.say("pipesize", self.pick(r, w), self.pick(4096, 8192, 65536, 262144, 1048576))
        self.some(5, lambda: self.say("write", w, self.size()), lambda: self.say("read", r, self.size()))
        if self.on("pipe-full", 0.3):
            self.say("fill", w, self.pick(1, 100, 4096, 5000, 65536))
        if self.random.random() < 0.2:
            copy = self.slot()
            self.say("dup", self.pick(r, w), copy)
        if self.random.random() < 0.3:
            self.say("close", self.pick(r, w, w))
        self.some(2, lambda: self.say("write", w, self.size()), lambda: self.say("read", r, self.size()),
                  lambda: self.say("cloexec", r, 1), lambda: self.say("block", w, 1))

    def pair(self):
        a, b = self.slot(), self.slot()
        kind = self.pick("stream", "dgram", "seq")
        self.say("pair", a, b, kind)
        if self.on("pair-buffer", 0.25):
            self.say("opt", self.pick(a, b), "SO_SNDBUF", self.pick(3000, 10000, 50000))
        looked = self.random.random() < 0.5     # an empty message is looked at once only, until it has moved (CAVEATS.md)
        size = lambda: 0 if kind != "stream" and not looked and self.on("pair-empty", 0.3) else self.size()
        look = "peek" if looked else "read"
        write = lambda: self.say("write", self.pick(a, b), size())
        self.some(6, write, write, lambda: self.say("read", self.pick(a, b), self.size()), lambda: self.say(look, self.pick(a, b), self.size()))
        if self.on("pair-full", 0.3):
            self.say("fill", self.pick(a, b), self.pick(1, 100, 4096, 5000, 65536))
            if self.random.random() < 0.4:
                self.say("fill", self.pick(a, b), self.pick(100, 4096))
        self.options(self.pick(a, b), ["SO_RCVTIMEO", "SO_SNDTIMEO", "SO_PASSCRED", "SO_RCVLOWAT"] + ["SO_PEEK_OFF"] * looked, 2)
        if self.on("pair-shut", 0.25):
            self.say("shut", self.pick(a, b), self.pick("r", "w", "b"))
        if self.on("pair-closed", 0.25):
            self.say("close", self.pick(a, b))
        if self.random.random() < 0.15:
            self.say("dup", self.pick(a, b), self.slot())
        self.some(2, write, lambda: self.say("read", self.pick(a, b), self.size()))

    def unix(self):
        name, l = self.name("@s") if self.random.random() < 0.2 else self.name("s"), self.slot()
        mode = self.pick("666", "600", "777", "660") if self.on("unix-mode") else "755"
        owner = self.pick(0, 0, 65534) if self.on("unix-mode") else 0
        if self.on("unix-datagram", 0.4):
            self.say("ubind", l, name, "dgram", mode, owner)
            for _ in range(self.random.randint(0, 2)):
                c = self.slot()
                self.say("uconnect", c, name, "dgram", l)
                self.some(4, lambda: self.say("write", c, self.size()), lambda: self.say("read", l, self.size()))
        else:
            kind = self.pick("stream", "seq")
            self.say("ulisten", l, name, kind, mode, owner)
            if self.on("unix-stream", 0.3):
                c, s = self.slot(), self.slot()
                self.say("uconnect", c, name, kind)
                if self.random.random() < 0.7:
                    self.say("uaccept", s, l, c)
                    self.some(4, lambda: self.say("write", self.pick(c, s), self.size()), lambda: self.say("read", self.pick(c, s), self.size()))
        if name[0] != "@":
            self.say("stat", name)
            if self.random.random() < 0.5:
                self.say("move")
                self.say("stat", name)

    def tcp_size(self):
        return self.pick(400000, 1500000, 4000000) if self.on("tcp-large", 0.12) else self.size()

    def tcp(self):
        choice = self.random.random()
        family = self.pick("6", "m", "4") if self.on("tcp6", 0.3) else self.pick("4", "4", "a")
        if self.on("tcp-idle", 0.0 if choice > 0.1 else 1):
            s = self.slot()
            self.say(self.pick("tsock", "tbind"), s, family)
            self.options(s, GENERAL + ["TCP_NODELAY", "IP_TOS", "TCP_KEEPIDLE"])
            if self.on("tcp-shutrd", 0.2):
                self.say("shut", s, self.pick("r", "w", "b"))
            return
        if self.on("tcp-refused", 0.0 if choice > 0.15 else 1):
            self.say("trefused", self.slot(), self.pick("4", "6") if self.on("tcp6") else "4")
            return
        l, self.again = self.slot(), self.on("tcp-again", 0.2)
        self.say("tlisten", l, family, self.pick(4, 6, 128), self.pick(0, 1, 1))    # more than will wait: a full queue leaves half-done handshakes
        self.options(l, list(OPTIONS))
        for _ in range(self.random.choice((0, 1, 1, 2, 3))):
            self.connection(l, family)
        if self.on("tcp-timewait", 0.2):
            c, s = self.slot(), self.slot()
            self.say("tconnect", c, l)
            self.say("taccept", s, l, c)
            self.together()
            self.say("close", s)
            self.say("close", c)
        if self.again:
            self.say("move")
            self.say("trelisten", l)
            self.some(1, lambda: self.say("tconnect", self.slot(), l))
            self.again = False
        elif self.on("tcp-lshut", 0.1):
            self.say("shut", l, self.pick("r", "b"))
            if self.random.random() < 0.4:
                self.say("tconnect", self.slot(), l)
        elif self.random.random() < 0.15:
            self.say("close", l)

    def connection(self, l, family):
        c, s = self.slot(), self.slot()
        self.say("tconnect", c, l, "4" if family == "m" and self.random.random() < 0.5 else "")
        if self.on("tcp-waiting", 0.2):
            self.some(2, lambda: self.say("write", c, self.size()))
            return
        self.say("taccept", s, l, c)
        self.together()
        if self.on("tcp-stalled", 0.12) and self.on("tcp-large"):
            self.stall(*self.pick((c, s), (s, c)))
            return
        self.options(self.pick(c, s), list(OPTIONS))
        self.talk(c, s)

    def stall(self, reader, writer):
        """What was sent is not acknowledged: the window was wider than the room that is left. Then perhaps a FIN comes from there."""
        room = self.pick(3000, 10000, 30000)
        narrow = lambda: self.say("opt", reader, "SO_RCVBUF", room)
        if self.random.random() < 0.8:
            narrow()
        self.say("write", writer, self.pick(40000, 100000) if room == 3000 else self.pick(40000, 100000, 400000))   # it has to come through
        if self.random.random() < 0.2:
            narrow()
        self.some(2, lambda: self.say("read", reader, self.size()), lambda: self.say("write", reader, self.size()), lambda: self.say("write", writer, self.size()))
        if self.on("tcp-closed", 0.7):
            self.say("shut", reader, "w")
        elif self.on("tcp-closed", 0.3):
            self.say("shut", writer, "w")
        self.say("move")
        self.some(2, lambda: self.say("read", reader, self.size()), lambda: self.say("write", writer, self.size()))

    def talk(self, c, s):
        """Traffic, then perhaps an end of some kind."""
        large = False
        for _ in range(self.random.randint(0, 5)):
            size = self.tcp_size()
            large |= size > 30000
            self.say("write", self.pick(c, s), size)
            if self.random.random() < 0.4:
                self.say(self.pick("read", "read", "peek"), self.pick(c, s), self.size())
        if self.on("tcp-shutrd", 0.1):
            self.say("shut", self.pick(c, s), self.pick("r", "b"))
        if self.on("tcp-closed", 0.4):
            for _ in range(self.pick(1, 1, 2)):
                self.say("shut", self.pick(c, s), "w")
            self.some(2, lambda: self.say("write", self.pick(c, s), self.size()), lambda: self.say("read", self.pick(c, s), self.size()))
            if not large and self.random.random() < 0.4:
                self.say("close", self.pick(c, s))
        if not large and self.on("tcp-reset", 0.1):
            self.say("reset", self.pick(c, s))
        if self.random.random() < 0.1:
            self.say("dup", self.pick(c, s), self.slot())

    def peer(self):
        family = "6" if self.on("tcp6", 0.2) else "4"
        l = None
        for _ in range(self.pick(1, 1, 2, 3)):
            k, s = self.peers, self.slot()
            self.peers += 1
            if self.random.random() < 0.5:
                self.say("tpconnect", s, family, k)
            else:
                if l is None:
                    l = self.slot()
                    self.say("tlisten", l, family, 16, self.pick(0, 1))
                    self.options(l, list(OPTIONS), 2)
                self.say("tpdial", l, k)
                self.say("tpaccept", s, l, k)
                self.together()
            self.options(s, list(OPTIONS), 2)
            self.talk_with_peer(s, k)

    def talk_with_peer(self, s, k):
        large = drained = False
        for _ in range(self.random.randint(0, 5)):
            size = self.tcp_size()
            what = self.pick("write", "psend", "read", "pread")
            large |= size > 30000 and what in ("write", "psend")
            self.say(what, k if what[0] == "p" else s, size)
        if self.random.random() < 0.2:
            drained = True
            self.say("pdrain", k)
        if self.on("tcp-closed", 0.4):
            self.say(*self.pick(("shut", s, "w"), ("pshut", k), ("pshut", k)))
            self.some(2, lambda: self.say("write", s, self.size()), lambda: self.say("read", s, self.size()))
            if not large and not drained and self.random.random() < 0.4:
                self.say("pclose", k)
        if self.on("tcp-shutrd", 0.08):
            self.say("shut", s, self.pick("r", "b"))
        if not large and self.on("tcp-reset", 0.1):
            self.say("preset", k)
        if self.on("during", 0.3):
            what = self.pick("psend", "psend", "pshut", "pread") if large else self.pick("psend", "psend", "pshut", "pclose", "preset", "pread")
            if what in ("pshut", "pclose") and not self.on("tcp-closed") or what == "preset" and not self.on("tcp-reset"):
                what = "psend"
            self.say("during", what, k, self.size(), 1)

    def udp(self):
        s = self.slot()
        family = "6" if self.on("tcp6", 0.25) else self.pick("4", "4", "a")
        if self.on("mcast", 0.4):
            family = "4" if family == "6" else family
            self.say("usock", s, "a", 1)
            for _ in range(self.random.randint(1, 5)):
                self.say("mcast", s, self.pick("join", "join", "join", "leave"), self.random.choice(GROUPS), self.pick(0, 1))
            self.options(s, ["IP_MULTICAST_TTL", "IP_MULTICAST_LOOP", "IP_MULTICAST_ALL"], 2)
            self.say("move")
            for group in self.random.sample(GROUPS, 2):
                self.say("msend", s, group)
            return
        bound = 0 if self.on("udp-nowhere", 0.25) else 1
        self.say("usock", s, family, bound)
        self.options(s, list(OPTIONS))
        if self.random.random() < 0.5:
            c = self.slot()
            self.say("usock", c, family, self.pick(0, 1))
            self.say("uconn", c, s)
            if self.on("udp-queue"):
                self.some(3, lambda: self.say("write", c, self.pick(0, self.size())))
        elif self.on("udp-queue"):
            self.some(4, lambda: self.say("usend", s, self.pick(0, self.size()), self.pick(0, 9, 255), self.pick(0, 16, 184)), lambda: self.say("read", s, self.size()))
            if self.random.random() < 0.3:          # what is there came from somebody else
                c = self.slot()
                self.say("usock", c, family, 1)
                self.say("uconn", s, c)

    def event(self):
        s = self.slot()
        self.say("event", s, self.pick(0, 1, 7), self.pick(0, 1))
        self.some(4, lambda: self.say("ewrite", s, self.pick(1, 3, 4294967296)), lambda: self.say("eread", s))

    def timer(self):
        s = self.slot()
        self.say("timer", s, self.pick("m", "r", "b"))
        choice = self.random.random()
        if self.on("timer-past", 0.4):
            self.say("abstimer", s, self.pick(1, 6, -1), self.pick(0, 1))
        elif choice < 0.4:
            self.say("settimer", s, 2, self.pick(0, 0, 1000000))
        else:
            self.say("settimer", s, self.pick(1000000, 0), self.pick(0, 1000000))
        self.some(2, lambda: self.say("expired", s), lambda: self.say("settimer", s, self.pick(0, 2, 1000000), 0))

    def watched(self):
        """Something that becomes ready: (slots, line that makes it so)."""
        kind = self.pick(*[t for t in ("pipe", "pair", "event", "tcp") if self.on(t)] or ["event"])
        if kind == "event":
            s = self.slot()
            self.say("event", s, 0, 0)
            return s, f"ewrite {s} 1", f"eread {s}", f"ewrite {s} 1"
        a, b = self.slot(), self.slot()
        if kind == "pipe":
            self.say("pipe", a, b, "-")
        elif kind == "pair":
            self.say("pair", a, b, self.pick("stream", "dgram"))
        else:
            l = self.slot()
            self.say("tlisten", l, "4", 5, 1)
            self.say("tconnect", b, l)
            self.say("taccept", a, l, b)
            self.together()
        closing = f"close {b}" if kind != "tcp" or self.on("tcp-closed") else f"write {b} 3"
        return a, f"write {b} 9", f"read {a} 100", closing

    def events(self):
        return "".join(letter for letter, chance in (("i", 0.8), ("o", 0.3), ("r", 0.3)) if self.random.random() < chance) + \
            ("e" if self.on("epoll-edge", 0.3) else "") + ("s" if self.on("epoll-oneshot", 0.3) else "")

    def epoll(self):
        e = self.slot()
        self.say("epoll", e)
        for _ in range(self.random.randint(1, 3)):
            s, ready, unready, closing = self.watched()
            events = self.events() or "i"
            if self.on("epoll-exclusive", 0.1):
                events = "ix"
            self.say("eadd", e, s, events)
            self.some(4, lambda: self.say(ready), lambda: self.say("ewait", e), lambda: self.say(unready), lambda: self.say("emod", e, s, self.events() or "i"))
            if self.random.random() < 0.3:
                self.say(closing)
            if self.random.random() < 0.3:
                self.say("ewait", e)
            if self.random.random() < 0.1:
                self.say("edel", e, s)
        if self.on("epoll-nested", 0.2):
            outer = self.slot()
            self.say("epoll", outer)
            self.say("eadd", outer, e, self.pick("i", "ie", "is"))
            if self.random.random() < 0.5:
                self.say("ewait", outer)

    def watch_some(self):
        e = self.slot()
        at = self.random.randint(0, len(self.lines))
        added = [f"epoll {e}"] + [f"eadd {e} {s} {self.events() or 'i'}" for s in self.random.sample(self.open, min(3, len(self.open))) if s != e]
        added += [f"ewait {e}"] if self.random.random() < 0.5 else []
        self.lines[at:at] = added

    def file(self):
        s, name = self.slot(), self.name("f")
        self.say("open", s, name, "bc" + self.pick("", "", "a"), self.pick("600", "644", "400", "000"))
        act = [lambda: self.say("fwrite", s, self.size(), self.pick("a", "b")), lambda: self.say("fread", s, self.size()),
               lambda: self.say("seek", s, self.pick(0, 1, 100, 5000), self.pick("s", "s", "c", "e")), lambda: self.say("trunc", s, self.pick(0, 10, 5000))]
        self.some(5, *act)
        if self.on("file-names", 0.5):
            other = self.name("f")
            choice = self.random.random()
            if choice < 0.35:
                self.say("rename", name, other)
                if self.random.random() < 0.4:
                    self.say("open", self.slot(), name, "bc", "600")
            elif choice < 0.7:
                self.say("link", name, other)
                self.say("unlink", name)
            elif choice < 0.85:
                self.say("symlink", name, other)
                self.say("open", self.slot(), other, "r", "0")
            else:
                self.say("unlink", name)
        if self.random.random() < 0.2:
            self.say("dup", s, self.slot())
        self.some(3, *act)

    def lock(self):
        name, slots = self.name("f"), [self.slot(), self.slot()]
        for s in slots:
            self.say("open", s, name, "bc", "600")
        kind = self.pick("flock", "lock", "olock")
        for _ in range(self.random.randint(1, 4)):
            what = [kind, self.random.choice(slots), self.pick("s", "x", "x", "u")]
            self.say(*(what if kind == "flock" else what + [self.pick(0, 10), self.pick(0, 5, 100)]))
        self.say("move")
        self.say("ask", "probe", name, kind)
        if self.random.random() < 0.4:
            self.say("close", self.random.choice(slots))
            self.say("ask", "probe", name, kind)

    def dir(self):
        name, d = self.name("d"), self.slot()
        self.say("mkdir", name, self.pick("755", "700"))
        for _ in range(self.random.randint(0, 4)):
            f = self.slot()
            self.say("open", f, f"{name}/{self.name('f')}", "bc", "600")
            self.say("close", f)
        self.say("opendir", d, name)
        self.some(1, lambda: self.say("readdir", d, self.pick(64, 200)), lambda: self.say("fchdir", d))
        if self.random.random() < 0.3:
            self.say("openat", self.slot(), d, "x")
        if self.on("file-names", 0.2):
            self.say("rename", name, self.name("d"))
        if self.random.random() < 0.7:
            self.say("move")
            self.say("readdir", d)

    def process(self):
        self.some(2, lambda: self.say("umask", self.pick("0", "77", "22")))
        if self.random.random() < 0.6:
            name = self.name("d")
            self.say("mkdir", name, "755")
            self.say("chdir", name)
            if self.on("file-names", 0.2):
                self.say("rename", name, self.name("d"))
        self.say("open", self.slot(), self.name("f"), "bc", "666")

    def signal(self):
        for signal in self.random.sample(SIGNALS, self.random.randint(1, 3)):
            blocked = self.random.random() < 0.7
            if not blocked or self.random.random() < 0.4:
                self.say("handler", signal, self.pick("c", "c", "i"), self.pick(0, 1))
            if blocked:
                self.say("mask", signal, 1)
            self.some(2, lambda: self.say("send", signal, self.pick("k", "q", "t"), self.pick(5, -7)))
            if blocked and self.random.random() < 0.3:
                self.say("move")
                self.say(self.pick("take", "mask"), signal, 0)

    def memfd(self):
        s, name = self.slot(), self.name("m")
        named = self.random.random() < 0.5
        self.say(*(("shmopen", s, name) if named else ("memfd", s)))
        act = [lambda: self.say("fwrite", s, self.size(), self.pick("a", "b")), lambda: self.say("fread", s, self.size()),
               lambda: self.say("seek", s, self.pick(0, 1, 100, 5000), self.pick("s", "s", "c", "e")), lambda: self.say("trunc", s, self.pick(0, 10, 5000, 60000))]
        self.some(6, *act)
        if named and self.random.random() < 0.5:
            self.say("shmopen", self.slot(), name)
        if named:
            self.say("shmunlink", name)
        if self.random.random() < 0.3:
            self.say("dup", s, self.slot())
        self.some(3, *act)

    def sigfd(self):
        s, signals = self.slot(), self.random.sample(SIGNALS, 2)
        for signal in signals:
            self.say("mask", signal, 1)
        self.say("sigfd", s, *signals)
        e = self.slot() if self.on("epoll", 0.6) else None
        if e is not None:
            self.say("epoll", e)
            self.say("eadd", e, s, self.events() or "i")
        send = lambda: self.say("send", self.random.choice(signals), self.pick("k", "q", "t"), self.pick(5, -7))
        self.some(5, send, send, lambda: self.say("sigread", s), lambda: self.say("take", self.random.choice(signals)),
                  *([lambda: self.say("ewait", e)] if e is not None else []))
        if self.random.random() < 0.2:
            self.say("sigfd", s, self.random.choice(SIGNALS))
        if self.random.random() < 0.2:
            self.say("dup", s, self.slot())
        self.some(2, send) # never blocking: what looks at a descriptor in the end would wait for a signal

    def shm(self):
        i = self.pick(0, 1, 2)
        self.say("shm", i, self.pick(1, 3, 200))
        self.say("shmat", i)
        put = lambda: self.say("shmput", i, self.random.randint(0, 200), self.random.randint(1, 200))
        self.some(5, put, put, lambda: self.say("shmdt", i), lambda: self.say("shmat", i))
        if self.random.random() < 0.4:
            self.say("move")
        self.some(3, put, lambda: self.say("shmdt", i), lambda: self.say("shmat", i))
        if self.random.random() < 0.3:
            self.say("shmrm", i)

    def sem(self):
        i = self.pick(0, 1)
        self.say("sem", i)
        self.some(8, *[lambda: self.say("semop", i, self.random.randint(0, 4), self.pick(1, 3, -1, -2, 0, 30000))] * 3)
        if self.random.random() < 0.15:
            self.say("semrm", i)

    def mqueue(self):
        """Told by a signal, an edge or a thread, or by nobody."""
        s, name, signal = self.slot(), self.name("q"), self.pick("USR1", "RT")
        most = self.pick(1, 2, 5, 10)
        self.say("mask", signal, 1)
        self.say("mq", s, name, most)
        slots = [s]
        if self.random.random() < 0.3:
            slots.append(self.slot())
            self.say("mq", slots[1], name, 3)
        elif self.random.random() < 0.2:
            slots.append(self.slot())
            self.say("dup", s, slots[1])
        e = self.slot() if self.on("epoll", 0.5) else None
        if e is not None:
            self.say("epoll", e)
            self.say("eadd", e, self.random.choice(slots), self.events() or "i")
        send = lambda: self.say("mqsend", self.random.choice(slots), self.pick(0, 1, 100, 1999), self.pick(0, 0, 7, 32767))
        act = [send, send, lambda: self.say("mqrecv", self.random.choice(slots)), lambda: self.say("mqnotify", self.random.choice(slots), self.pick(signal, signal, "-"), 7)]
        act += [lambda: self.say("ewait", e)] if e is not None else []
        self.some(10, *act)
        if self.random.random() < 0.3:
            t = self.threads
            self.threads += 1
            other = self.slot()
            self.say("mq", other, self.name("q"), 1)
            waits = self.random.random() < 0.5
            if not waits:
                self.say("mqsend", other, 5, 0)
            self.lines[-1:] = [self.lines[-1] + f"\nthread {t} {'mqrecv' if waits else 'mqsend'} {other}"]
            self.say("move")
            if self.random.random() < 0.3:
                self.say("move")
            # The thread's slot is its own: the other side has one more of the same name.
            again = self.slot()
            self.say("mq", again, f"q{self.names}", 1)
            self.say("mqsend", again, 9, 2) if waits else self.say("mqrecv", again)
            self.say("join", t)
        if self.random.random() < 0.5:
            self.say("mqunlink", name)
        self.some(3, *act)

    def msg(self):
        i = self.pick(0, 1, 2)
        self.say("msgq", i)
        send = lambda: self.say("msgsnd", i, self.pick(1, 2, 3, 3), self.pick(0, 1, 100, 1999))
        take = lambda: self.say("msgrcv", i, self.pick(0, 0, 1, 2, -2, -9))
        self.some(12, send, send, take)
        if self.random.random() < 0.4:
            self.say("move")
            self.some(4, send, take, take)
        if self.random.random() < 0.2:
            self.say("msgrm", i)

    def itimer(self):
        if self.random.random() < 0.5:
            self.say("mask", "ALRM", 1)
            self.say("itimer", self.pick(2, 1000000), self.pick(0, 0, 1000000))
            return
        t, signal = self.timers, self.pick("USR1", "RT", "HUP")
        self.timers += 1
        self.say("mask", signal, 1)
        self.say("ptimer", t, signal, self.pick("m", "r"), self.pick(3, -9))
        self.say("setptimer", t, self.pick(2, 1000000), self.pick(0, 0, 1000000))
        if self.random.random() < 0.2:
            self.say("delptimer", t)

    def async_(self):
        a, b = self.slot(), self.slot()
        signal = self.pick("IO", "RT", "USR1")
        self.say("mask", signal, 1)
        self.say("pair", a, b, "stream")
        self.say("async", a, signal)
        self.say("move") if self.random.random() < 0.5 else None
        self.say("write", b, 5)

    def memory(self):
        m, pages = self.mappings % 8, self.pick(1, 3, 20, 300)
        self.mappings += 1
        if self.on("map-file", 0.3):
            s, name = self.slot(), self.name("f")
            self.say("open", s, name, "bc", "600")
            self.say("fwrite", s, self.pick(4096, 10000, 60000), "m")
            self.say("map", m, pages, s)
        else:
            self.say("map", m, pages)
        part = lambda: (self.random.randint(0, pages - 1), self.random.randint(1, pages))
        act = [lambda: self.say("touch", m, *part(), self.random.randint(1, 200))] * 2 + [lambda: self.say("advise", m, *part(), self.pick("d", "w"))]
        if self.on("protect"):
            act += [lambda: self.say("protect", m, *part(), self.pick("n", "r", "r", "w"))] * 2
        self.some(6, *act, lambda: self.say("remap", m, self.pick(1, 5, 40)))
        if self.random.random() < 0.2:
            self.say("unmap", m, *part())

    def thread(self):
        t = self.threads
        self.threads += 1
        kind = self.pick("read", "recv", "write", "accept", "poll", "epoll", "cond", "sem", "sleep")
        if kind in ("cond", "sem", "sleep"):
            limit = self.pick(30, 200) if kind == "sleep" else self.pick(0, 200) if kind == "cond" else 0
            self.say("thread", t, kind, "-", limit)
            if limit == 0 and self.random.random() < 0.8:       # which comes first must be clear
                self.say("move")
                self.say("wake" if kind == "cond" else "post", t)
                self.say("join", t)
        elif kind == "accept" and self.on("tcp") and self.on("tcp-waiting"):
            l = self.slot()
            self.say("tlisten", l, "4", 5, 1)
            self.say("thread", t, "accept", l)
            if self.random.random() < 0.6:
                self.say("move")
                self.say("tconnect", self.slot(), l)
                self.say("join", t)
        else:
            a, b = self.slot(), self.slot()
            shape = self.pick(*[p for p in ("pipe", "pair") if self.on(p)] or ["pipe"])
            self.say(*(("pipe", a, b, "-") if shape == "pipe" else ("pair", a, b, self.pick("stream", "seq"))))
            if kind == "write" and self.on(f"{shape}-full"):
                self.say("fill", b, self.pick(100, 4096))
                self.say("thread", t, "write", b)
                if self.random.random() < 0.6:
                    self.say("move")
                    self.say("drain", a)
                    self.say("join", t)
                return
            limit = self.pick(0, 0, 200) if kind in ("poll", "epoll") else 0
            if kind == "epoll":
                e = self.slot()
                self.say("epoll", e)
                self.say("eadd", e, a, "i")
                self.say("thread", t, "epoll", e, limit)
            else:
                kind = "poll" if kind == "poll" else "recv" if shape == "pair" and self.random.random() < 0.5 else "read"
                self.say("thread", t, kind, a, limit)
            if limit == 0 and self.random.random() < 0.8:
                self.say("move")
                self.say(*self.pick(("write", b, 11), ("close", b)))
                self.say("join", t)


setattr(Script, "async", Script.async_)


def script(seed, without=(), only=()):
    return Script(seed, without, only).lines
