# SPDX-License-Identifier: Apache-2.0
"""Three real nodes on one machine: Corosync, Pacemaker and optmigd in namespaces.

All of it lives below one first process ("the hub"), in namespaces of its own: processes, mounts and network. Nothing of it is seen on the
machine's network or in its files, and it ends, whatever became of it, when that one process is killed. A node is one process more, with its
own network, host name and mounts: /run, /dev/shm, /var/log, Corosync's and Pacemaker's folders, the folder of resource agents, /etc/hosts.
Addresses: node N is 10.77.0.N, clients are on the hub, 10.77.0.254.

    bed = Bed(folder); bed.up(); bed.run("n1", "crm_mon", "-1"); bed.down()
    bed.wait(lambda: ..., 30, "what is waited for")
"""
import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
B = pathlib.Path(os.environ.get("B", ROOT / "build")).resolve()
OPTMIG = B / "bin" / "optmig"
AGENT = ROOT / "host" / "service" / "agent"
TOOLS = ("corosync", "pacemakerd", "crm_mon", "crm_resource", "cibadmin", "unshare", "nsenter", "ip", "openssl", "nft")
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
PORT = 7780

COROSYNC = """totem {{
    version: 2
    cluster_name: optmig
    transport: knet
    crypto_cipher: none
    crypto_hash: none
    token: {token}
}}
nodelist {{
{nodes}}}
quorum {{
    provider: corosync_votequorum
}}
logging {{
    to_stderr: no
    to_syslog: no
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
}}
"""

# What a fleet's configuration needs: see docs/fleet.md. The delay is for the first election only: its default is 20 seconds.
CIB = """<cib crm_feature_set="3.13.0" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config><cluster_property_set id="cib-bootstrap-options">
{properties}    </cluster_property_set></crm_config>
    <nodes/>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""
PROPERTIES = {"stonith-enabled": "false", "no-quorum-policy": "freeze", "dc-deadtime": "2s", "placement-strategy": "utilization",
              "cluster-recheck-interval": "60s", "migration-limit": "2"}

# The switch of each node's power, in place of an agent that is there anyway. Who asked waits until the plug has been pulled (Bed.fencing).
FENCE = """#!/bin/sh
action= node=
while read -r line; do
	case $line in
	action=*|option=*) action=${line#*=} ;;
	nodename=*|port=*|plug=*) node=${line#*=} ;;
	esac
done
case $action in
metadata)
	echo '<?xml version="1.0"?><resource-agent name="fence_legacy" shortdesc="x"><longdesc>x</longdesc><parameters><parameter name="port" unique="0" required="0">'
	echo '<getopt mixed="-n"/><content type="string"/><shortdesc lang="en">x</shortdesc></parameter></parameters><actions>'
	for a in on off reboot status monitor metadata list; do echo "<action name=\\"$a\\"/>"; done
	echo '</actions></resource-agent>' ;;
off|reboot)
	: > "FOLDER/$node"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ -e "FOLDER/$node" ] || exit 0
		sleep 0.5
	done
	exit 1 ;;
esac
exit 0
"""

# The first process of a namespace of processes: it takes in whom others leave behind.
INIT = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
print("up", flush=True)
while True:
    signal.sigtimedwait([signal.SIGCHLD], 1)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
"""


class BedError(Exception):
    pass


def missing():
    """Why there can be no bed here, or None."""
    if os.geteuid() != 0:
        return "needs root, for namespaces"
    absent = [t for t in TOOLS if not shutil.which(t, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    return f"not installed: {', '.join(absent)}" if absent else None


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def first_process(pid, depth):
    """The process below @pid that is number 1 in its namespace, with that many namespaces above it."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                if len(numbers) > depth and numbers[-1] == "1":
                    return pid
    for child in children(pid):
        found = first_process(child, depth)
        if found:
            return found
    return None


class Space:
    """A first process in new namespaces, and commands beside it."""

    def __init__(self, command, log):
        # Whatever becomes of us, SIGKILL included: it ends with us.
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                                        preexec_fn=lambda: LIBC.prctl(1, signal.SIGKILL))
        if self.process.stdout.readline() != b"up\n":
            raise BedError(f"{command[:8]}... did not start; see {log.name}")
        depth = len(next(l for l in pathlib.Path("/proc/self/status").read_text().splitlines() if l.startswith("NSpid:")).split()) - 1
        self.pid = first_process(self.process.pid, depth)

    def enter(self):
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--"]

    def end(self):
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()


class Bed:
    def __init__(self, folder, nodes=3, token_ms=3000, properties=None, optmigd=None, agent=AGENT, environment=None, options=()):
        self.folder = pathlib.Path(folder).resolve()
        self.names = [f"n{n}" for n in range(1, nodes + 1)]
        self.token_ms = token_ms
        self.properties = dict(PROPERTIES, **(properties or {}))
        self.optmigd = (B / "bin" / "optmigd") if optmigd is None else optmigd       # False: none
        self.agent = pathlib.Path(agent)
        self.options = options          # more of optmigd's
        self.environment = dict(os.environ, OPTMIG_QUIET="1", OPTMIG_SGX="emu", OPTMIG_HOST_DIR="/run/optmig-host", PATH=f"{B}/bin:{os.environ['PATH']}:/usr/sbin:/sbin", LC_ALL="C")
        self.environment["OPTMIG_SERVICE_KEEP"] = "/run/optmig-host/keep"       # a disk: it is there again when the node is
        self.environment.update(environment or {})
        self.spaces, self.daemons, self.hub = {}, {}, None
        self.down_nodes = set()         # whose Pacemaker is not running, or cut off: nobody to ask
        self.began = time.monotonic()

    # ---- up and down ----

    def up(self, seconds=60):
        """Ready when all nodes are online in the eyes of one that leads."""
        reason = missing()
        if reason:
            raise BedError(reason)
        atexit.register(self.down)
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "log").mkdir(parents=True)
        self.log = open(self.folder / "log" / "bed.log", "w")
        self.write_files()
        self.hub = Space(["unshare", "-m", "-u", "-i", "-n", "-p", "-f", "--kill-child", "--mount-proc", sys.executable, "-c", INIT], self.log)
        self.tell(self.hub.enter() + ["sh", "-ec", "ip link set lo up; ip link add br0 type bridge forward_delay 0; ip link set br0 up; ip addr add 10.77.0.254/24 dev br0"])
        for name in self.names:
            self.node_up(name)
        if self.optmigd:
            self.introduce()
        for daemon in ("corosync", *(["optmigd"] if self.optmigd else [])):
            for name in self.names:
                self.start_daemon(name, daemon)
        for name in self.names:
            self.start_pacemaker(name)
        self.wait(self.formed, seconds, "the cluster's nodes to be online")
        return self

    def write_files(self):
        nodes = "".join(f"    node {{\n        ring0_addr: {self.address(n)}\n        name: {n}\n        nodeid: {n[1:]}\n    }}\n" for n in self.names)
        (self.folder / "corosync.conf").write_text(COROSYNC.format(nodes=nodes, token=self.token_ms))
        (self.folder / "cib.xml").write_text(CIB.format(properties="".join(
            f'      <nvpair id="p-{k}" name="{k}" value="{v}"/>\n' for k, v in self.properties.items())))
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{self.address(n)} {n}\n" for n in self.names))
        (self.folder / "power").mkdir()
        (self.folder / "fence_legacy").write_text(FENCE.replace("FOLDER", str(self.folder / "power")))
        (self.folder / "fence_legacy").chmod(0o755)
        self.certificates()

    def certificates(self, folder="tls", days=2):
        """A CA of the fleet's, and a certificate for each node, which is server and client."""
        tls = self.folder / folder
        tls.mkdir()
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.openssl("req", "-x509", *curve, "-days", days, "-subj", "/CN=fleet", "-keyout", tls / "ca.key", "-out", tls / "ca.pem",
                     "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        for name in self.names:
            self.certificate(name, tls, days)
        return tls

    def certificate(self, name, tls, days=2, address=None):
        (tls / f"{name}.ext").write_text(f"subjectAltName=DNS:{name},IP:{address or self.address(name)}\nextendedKeyUsage=serverAuth,clientAuth\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", tls / f"{name}.key", "-out", tls / f"{name}.csr")
        self.openssl("x509", "-req", "-in", tls / f"{name}.csr", "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key", "-CAcreateserial", "-days", days,
                     "-extfile", tls / f"{name}.ext", "-out", tls / f"{name}.pem")

    def openssl(self, *arguments):
        run = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        if run.returncode:
            raise BedError(f"openssl {arguments[0]}: {run.stderr}")

    def node_up(self, name):
        """A node without its daemons. The shell that sets it up becomes its first process."""
        n = name[1:]
        setup = f"""mount --make-rprivate /
hostname {name}
for d in /run /dev/shm /var/lib/pacemaker /var/lib/corosync /var/log /etc/corosync; do mount -t tmpfs -o mode=755 tmpfs $d; done
chmod 1777 /dev/shm
mkdir -p -m 700 /run/optmig-host {self.folder}/host-{name}
mount --bind {self.folder}/host-{name} /run/optmig-host
mkdir -p /var/lib/pacemaker/cib /var/lib/pacemaker/pengine /var/lib/pacemaker/blackbox /var/lib/pacemaker/cores /run/crm /run/lock /run/resource-agents \
	/var/log/pacemaker /var/log/corosync /var/log/optmig
cp {self.folder}/corosync.conf /etc/corosync/
cp {self.folder}/cib.xml /var/lib/pacemaker/cib/cib.xml
chmod 600 /var/lib/pacemaker/cib/cib.xml
chown -R hacluster:haclient /var/lib/pacemaker /run/crm /var/log/pacemaker
mkdir -p /run/ocf
cp -r /usr/lib/ocf/resource.d/. /run/ocf/
mkdir -p /run/ocf/optmig
ln -s {self.agent}/enclave /run/ocf/optmig/enclave
mount --bind /run/ocf /usr/lib/ocf/resource.d
mount --bind {self.folder}/hosts /etc/hosts
if [ -e /usr/sbin/fence_legacy ]; then mount --bind {self.folder}/fence_legacy /usr/sbin/fence_legacy; fi
exec {sys.executable} -c '{INIT}'
"""
        script = self.folder / f"{name}.sh"
        script.write_text(setup)
        space = Space([*self.hub.enter(), "unshare", "-m", "-u", "-i", "-n", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-e", str(script)], self.log)
        self.spaces[name] = space
        # A node that was before goes with its namespace, which the kernel takes down when it has time.
        self.tell(self.hub.enter() + ["sh", "-ec", f"ip link del v{n} 2> /dev/null || :; ip link add v{n} type veth peer name e{n}; ip link set v{n} master br0 up"])
        # The peer's end is given by number of process, as the hub sees it.
        inside = self.pid_in_hub(space.pid)
        self.tell(self.hub.enter() + ["ip", "link", "set", f"e{n}", "netns", str(inside)])
        self.tell(self.on(name) + ["sh", "-ec", f"ip link set lo up; ip link set e{n} name eth0; ip addr add {self.address(name)}/24 dev eth0; ip link set eth0 up"])

    def introduce(self, names=None):
        """Each host's key to the others."""
        keys = {name: self.out(name, OPTMIG, "hostkey").strip() for name in self.names}
        for name in names or self.names:
            for other in self.names:
                if other != name:
                    self.run(name, OPTMIG, "peer", "add", keys[other], other)

    @staticmethod
    def pid_in_hub(pid):
        numbers = next(l for l in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith("NSpid:")).split()[1:]
        return int(numbers[-2])

    def down(self):
        """Ends everything by the one process it hangs on."""
        for space in [*self.spaces.values(), *([self.hub] if self.hub else [])]:
            space.end()
        for daemon in self.daemons.values():
            daemon.kill()       # nsenter stops when what it started is stopped, and stays so
            daemon.wait()
        self.spaces, self.daemons, self.hub = {}, {}, None

    # ---- daemons ----

    COMMANDS = {"corosync": ["corosync", "-f"], "pacemakerd": ["pacemakerd", "-f"]}

    def command_of(self, name, daemon):
        if daemon != "optmigd":
            return self.COMMANDS[daemon]
        tls = self.folder / "tls"
        return [self.optmigd, "--listen", f"{self.address(name)}:{PORT}", "--ca", tls / "ca.pem", "--certificate", tls / f"{name}.pem", "--key", tls / f"{name}.key", *self.options]

    def start_daemons(self, name):
        self.start_daemon(name, "corosync")
        if self.optmigd:
            self.start_daemon(name, "optmigd")
        self.start_pacemaker(name)

    def start_pacemaker(self, name):
        self.wait(lambda: self.run(name, "corosync-cfgtool", "-s", check=False).returncode == 0, 20, f"corosync on {name}")
        self.start_daemon(name, "pacemakerd")

    def start_daemon(self, name, daemon):
        before = self.daemons.get((name, daemon))
        if before:
            before.kill()       # an nsenter that has stopped with what it started is not ended by its end
            before.wait()
        log = open(self.folder / "log" / f"{name}.{daemon}.log", "a")
        self.daemons[name, daemon] = subprocess.Popen([*self.on(name), *map(str, self.command_of(name, daemon))], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                      env=self.environment, start_new_session=True)

    def pids(self, name, command):
        """Numbers, as this machine sees them, of a node's processes whose command line begins with that program's name."""
        found = []
        if name not in self.spaces:
            return found
        space = os.readlink(f"/proc/{self.spaces[name].pid}/ns/pid")
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "ns/pid") == space:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if words and pathlib.Path(words[0].decode(errors="replace")).name == command:
                        found.append(int(process.name))
        return found

    def pids_with(self, name, words):
        """Those with these words in their command lines."""
        found = []
        space = os.readlink(f"/proc/{self.spaces[name].pid}/ns/pid")
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "ns/pid") == space and words in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found

    PACEMAKER = ("pacemakerd", "pacemaker-controld", "pacemaker-execd", "pacemaker-based", "pacemaker-attrd", "pacemaker-schedulerd", "pacemaker-fenced")

    def kill_pacemaker(self, name):
        """All of it at once, so that nothing is put in order any more."""
        for daemon in self.PACEMAKER:
            self.kill(name, daemon)

    def kill(self, name, daemon, signal_number=signal.SIGKILL):
        """All processes of a daemon of a node's (its main process and those beside it)."""
        pids = self.pids(name, daemon)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal_number)
        return pids

    # ---- commands ----

    @staticmethod
    def address(name):
        return f"10.77.0.{name[1:]}"

    def on(self, name):
        return self.spaces[name].enter() if name != "hub" else self.hub.enter()

    def tell(self, command):
        run = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if run.returncode:
            raise BedError(f"{' '.join(map(str, command))}: {run.returncode}: {run.stdout}{run.stderr}")
        return run.stdout

    def run(self, name, *command, check=True, seconds=120, **more):
        run = subprocess.run([*self.on(name), *map(str, command)], capture_output=True, text=True, env=dict(self.environment, **more.pop("env", {})), timeout=seconds, **more)
        if check and run.returncode:
            raise BedError(f"{name}: {' '.join(map(str, command))}: {run.returncode}\n{run.stdout}{run.stderr}")
        return run

    def out(self, name, *command, **more):
        return self.run(name, *command, **more).stdout

    @contextlib.contextmanager
    def inside(self, name):
        """The calling thread's new sockets belong to that node's, or the hub's, network."""
        pid = self.hub.pid if name == "hub" else self.spaces[name].pid
        with open("/proc/thread-self/ns/net") as old, open(f"/proc/{pid}/ns/net") as new:
            if LIBC.setns(new.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns to {name}")
            try:
                yield
            finally:
                LIBC.setns(old.fileno(), CLONE_NEWNET)

    def wait(self, what, seconds, words):
        end = time.monotonic() + seconds
        while True:
            value = what()
            if value:
                return value
            if time.monotonic() > end:
                raise BedError(f"waited {seconds} s for {words() if callable(words) else words}")
            time.sleep(0.1)

    # ---- the cluster ----

    def living(self):
        return next(n for n in self.names if n in self.spaces and n not in self.down_nodes)

    def mon(self, name=None):
        """crm_mon's document, or None while there is none."""
        run = self.run(name or self.living(), "crm_mon", "--output-as=xml", "-r", check=False)
        return ET.fromstring(run.stdout) if run.returncode == 0 and run.stdout.startswith("<") else None

    def formed(self, count=None):
        mon = self.mon()
        if mon is None:
            return False
        dc = mon.find("summary/current_dc")
        online = [n.get("name") for n in mon.findall("nodes/node") if n.get("online") == "true" and n.get("pending") == "false"]
        return dc is not None and dc.get("present") == "true" and len(online) >= (count or len(self.names))

    def resource(self, name, at=None):
        """What the cluster thinks of a resource: {"nodes": [...], "blocked", "failed", "managed", "role"}."""
        return self.resource_in(self.mon(at), name)

    @staticmethod
    def resource_in(mon, name):
        found = [r for r in mon.iter("resource") if r.get("id") == name] if mon is not None else []
        return {"nodes": [n.get("name") for r in found for n in r.findall("node")], "blocked": any(r.get("blocked") == "true" for r in found),
                "failed": any(r.get("failed") == "true" for r in found), "managed": all(r.get("managed") == "true" for r in found),
                "role": found[0].get("role") if found else None, "pending": [r.get("pending") for r in found if r.get("pending")]}

    def settle(self, seconds=60, at=None):
        """Until the cluster has nothing to do."""
        self.run(at or self.living(), "crm_resource", "--wait", f"--timeout={seconds}s", check=False, seconds=seconds + 20)

    def standby(self, name, on=True):
        self.run(self.living(), "crm_attribute", "-N", name, "-n", "standby", *(["-v", "on"] if on else ["-D"]))

    def cib(self, *arguments, xml=None):
        return self.out(self.living(), "cibadmin", *arguments, *(["-X", xml] if xml else []))

    def set_property(self, name, value):
        self.run(self.living(), "crm_attribute", "-n", name, "-v", value)

    # ---- faults ----

    def cut(self, name, others=None):
        """No packet of that node's comes through; with @others, none from and to those."""
        addresses = ", ".join(map(self.address, others)) if others else None
        rules = "table inet cut { chain i { type filter hook input priority -300; %s; } ; chain o { type filter hook output priority -300; %s; } ; }" % (
            ("iifname != \"lo\" ip saddr { %s } drop" % addresses, "ip daddr { %s } drop" % addresses) if others else ("iifname != \"lo\" drop", "oifname != \"lo\" drop"))
        self.run(name, "nft", rules)

    def heal(self, name):
        self.run(name, "nft", "delete", "table", "inet", "cut", check=False)

    def power_off(self, name):
        """As if its plug had been pulled."""
        self.spaces.pop(name).end()
        for key in [k for k in self.daemons if k[0] == name]:
            daemon = self.daemons.pop(key)
            daemon.kill()
            daemon.wait()

    @contextlib.contextmanager
    def fencing(self):
        """With fencing in force: a node that the cluster wants off is switched off."""
        over = threading.Event()

        def switch():
            while not over.wait(0.1):
                for file in (self.folder / "power").iterdir():
                    if file.name in self.spaces:
                        self.down_nodes.add(file.name)
                        self.power_off(file.name)
                    file.unlink()
        self.cib("--scope", "resources", "--create", xml='<primitive id="power" class="stonith" type="fence_legacy"><instance_attributes id="power-i"><nvpair id="power-h" '
                 f'name="pcmk_host_list" value="{" ".join(self.names)}"/></instance_attributes></primitive>')
        self.set_property("stonith-enabled", "true")
        thread = threading.Thread(target=switch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.set_property("stonith-enabled", "false")
            self.run(self.living(), "crm_resource", "--resource", "power", "--resource-type", "primitive", "--delete", "--force", check=False)

    def power_on(self, name):
        self.node_up(name)
        self.start_daemons(name)


if __name__ == "__main__":
    bed = Bed(sys.argv[1] if len(sys.argv) > 1 else B / "fleet-bed", optmigd=None if (B / "bin" / "optmigd").exists() else False).up()
    print(f"up after {time.monotonic() - bed.began:.1f} s; commands in a node: " + " ".join(bed.on("n1")) + " COMMAND")
    print(bed.out("n1", "crm_mon", "-1"))
    with contextlib.suppress(KeyboardInterrupt):
        if "--once" not in sys.argv:
            signal.pause()
    bed.down()
