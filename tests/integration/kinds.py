# SPDX-License-Identifier: Apache-2.0
"""Machines of different kinds: hw (hardware answered by the software CPU, quotes under a root of the test's), demo (the software CPU under the
demonstration root). Images whose policies name them all; each kind starts, receives and moves programs in its own way."""
import ctypes
import pathlib
import shutil
import subprocess
import miglib
from miglib import B, OPTMIG, WORK, ENV, Process, Receiver, Migration, check

HW = B / "tests" / "hw" / "optmig"
COMMAND = {"demo": OPTMIG, "hw": HW}
SAYS = {"demo": "emulated platform", "hw": "sgx"}      # in the other side's report


def hw_root():
    """The root of the test's quoting library, as policies name roots."""
    root = (ctypes.c_uint8 * 32)()
    ctypes.CDLL(str(B / "tests" / "hw" / "libsgx_dcap_ql.so.1")).hw_quotes_root(root)
    return bytes(root).hex()


def policy(guests=(), demo=True, hw=True):
    """Text of a policy that accepts these kinds, and guests with these measurements."""
    lines = ["platform = sgx", f"root = sgx:{hw_root()}"] if hw else []
    lines += ["platform = demo"] if demo else []
    if guests:
        lines += ["platform = snp", "min-tcb = snp:milan bootloader=0 tee=0 snp=0 microcode=0", *(f"guest = snp:{g}" for g in guests)]
    return "\n".join(lines) + "\n"


def tool(*arguments, **more):
    run = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, env=dict(ENV, **more.pop("env", {})), **more)
    check(run.returncode == 0, f"{arguments[:3]}: {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.stdout


def sign_key():
    key = WORK / "sign.pem"
    if not key.exists():
        tool(B / "bin" / "optmig-sign", "--make-key", key)
    return key


def build(source, text, name=None, debug=True):
    """A test program with that policy."""
    image = WORK / (name or source.stem)
    (WORK / f"{image.name}.policy").write_text(text)
    options = ["-Xoptmig", "debug=1"] if debug else ["-Xoptmig", "args=any env=any files=any"]
    tool(B / "bin" / "optmig-cc", *options, "-Xoptmig", f"policy={WORK / image.name}.policy", "-O2", "-std=gnu17", "-D_GNU_SOURCE",
         source, "-o", image, "-lpthread", "-lm", env={"OPTMIG_SIGN_KEY": str(sign_key())})
    return image


def build_redis(text, into=WORK):
    """The redis of the build, linked once more with that policy."""
    source = into / "redis"
    shutil.copytree(B / "apps" / "optmig" / "redis" / "src", source, symlinks=True)
    (source / "src" / "redis-server").unlink()
    (into / "redis.policy").write_text(text)
    (source / "src" / "optmig.toml").write_text(f'debug = true\npolicy = "{into}/redis.policy"\n')
    make_env = {k: v for k, v in ENV.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    run = subprocess.run(["make", "-C", str(source / "src"), f"CC={B}/bin/optmig-cc", f"AR={B}/bin/optmig-ar", f"RANLIB={B}/bin/optmig-ranlib",
                          "MALLOC=libc", "USE_SYSTEMD=no", "OPTIMIZATION=-O2", "redis-server"], capture_output=True, text=True, env=make_env)
    check(run.returncode == 0, f"redis: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return source / "src" / "redis-server"


def start(kind, image, *arguments, prefix=(), **env):
    return Process([*prefix, COMMAND[kind], "run", image, *arguments], **env)


class KindReceiver(Process):
    """`optmig receive` on a machine of that kind."""

    def __init__(self, kind, image, *options, listen="127.0.0.1:0", prefix=(), **env):
        self.kind = kind
        super().__init__([*prefix, COMMAND[kind], "receive", "--listen", listen, "--once", "--image", image, *options], **env)
        self.address = self.wait_for(r"listening on (\S+),")[1]


def move(source, kind, image, mode, *options, receive=(), on=(), there=(), listen="127.0.0.1:0", seconds=60):
    """To a machine of that kind; returns the new process and the report. `on`, `there`: prefixes of commands on either machine."""
    receiver = KindReceiver(kind, image, *receive, listen=listen, prefix=there)
    report = miglib.migrate(source, receiver, "--mode", mode, *options, seconds=seconds) if not on else None
    if on:
        migration = Migration(source, receiver.address, "--mode", mode, *options, prefix=on)
        status, report = migration.result(seconds)
        check(status == 0, f"migrate --mode {mode} ended with {status}:\n{migration.text()}\n{receiver.text()[-2000:]}")
        check(source.wait(10) == 0, f"the source ended with {source.process.returncode}")
    check(SAYS[kind] in report["peer-attestation"].lower(), f"a peer of kind {kind}: {report['peer-attestation']}")
    return receiver, report
