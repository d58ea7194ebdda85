#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The loader against an enclave that speaks only the boundary's protocol: arguments, exit status, death by signal,
# threads, wake-ups, exceptions, refusals, bad images, statistics.
set -u
B=${B:-build}
optmig=${OPTMIG:-$B/bin/optmig}
mini=$B/tests/load/mini
# Directly, or by the sanitized build, which no image names as its loader.
if [[ -n ${OPTMIG:-} ]]; then prog=("$optmig" run "$mini"); else prog=("$mini"); fi
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
export OPTMIG_SGX=emu
failures=0
bad() { echo "FAILED: $*"; failures=$((failures + 1)); }
# expect STATUS ARGUMENTS...: runs it, output in $tmp/out and $tmp/err
expect() {
	local want=$1; shift
	timeout 60 "$@" > "$tmp/out" 2> "$tmp/err"
	local got=$?
	[[ $got -eq $want ]] || { bad "$* gave $got, not $want"; sed 's/^/  | /' "$tmp/err" "$tmp/out"; }
}
says() { grep -q -- "$1" "$tmp/$2" || { bad "no \"$1\" in $2"; sed 's/^/  | /' "$tmp/$2"; }; }

expect 0 "$optmig" run --emu "$mini" hello
says "hello from the enclave" out
[[ $(grep -c emulator "$tmp/err") -eq 1 ]] || bad "the emulator is not announced once"
expect 0 "$optmig" run --quiet "$mini" hello
[[ ! -s $tmp/err ]] || bad "--quiet is not quiet"
expect 0 "${prog[@]}" hello
says "hello from the enclave" out
expect 7 "${prog[@]}" exit7
expect 0 "${prog[@]}" proxy
expect 0 "${prog[@]}" park
expect 0 "${prog[@]}" kick
expect 0 "${prog[@]}" threads
expect 0 "${prog[@]}" fault
expect 0 "$optmig" run --emu-strict "$mini" fault
expect 139 "${prog[@]}" wild
says "touched what is not mapped" err
grep -q $'\x1b' "$tmp/err" && bad "a control character of the enclave reached the terminal"
expect 125 "${prog[@]}" refuse
says "wrong boot block" err

"${prog[@]}" term 2> /dev/null &
wait $!; [[ $? -eq 143 ]] || bad "death by signal is not seen by the parent"

# Signals from outside: the first three are counted, the last one is its exit status.
"${prog[@]}" signal > "$tmp/out" 2>&1 & pid=$!
for _ in $(seq 100); do grep -q ready "$tmp/out" && break; sleep 0.05; done
for s in USR1 HUP TERM; do kill -"$s" $pid; sleep 0.05; done
wait $pid; [[ $? -eq 15 ]] || bad "signals from outside"
"${prog[@]}" forever > "$tmp/out" 2>&1 & pid=$!
for _ in $(seq 100); do grep -q ready "$tmp/out" && break; sleep 0.05; done
kill -STOP $pid; kill -CONT $pid; kill -TERM $pid
wait $pid; [[ $? -eq 143 ]] || bad "SIGTERM"
# Ctrl-C: a script's background jobs ignore SIGINT, hence another parent.
python3 - "${prog[@]}" <<'P' || bad "SIGINT"
import signal, subprocess, sys
p = subprocess.Popen(sys.argv[1:] + ["forever"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
assert p.stdout.readline() == b"ready\n"
p.send_signal(signal.SIGINT)
assert p.wait(20) == -signal.SIGINT, p.returncode
P

expect 0 "$optmig" run --stats --stats-json "$tmp/stats.json" "$mini" park
says "unpark" err
python3 - "$tmp/stats.json" <<'P' || bad "statistics"
import json, sys
s = json.load(open(sys.argv[1]))
assert s["host-calls"]["unpark"]["count"] >= 1990, s
assert s["program"] == "mini" and s["sgx"]["eenter"] >= 3990, s
P

# Bad input.
head -c 9000 "$mini" > "$tmp/short"; chmod +x "$tmp/short"
expect 125 "$optmig" run "$tmp/short" hello
cp "$mini" "$tmp/altered"; printf 'X' | dd of="$tmp/altered" bs=1 seek=$(($(grep -obUa "hello from" "$mini" | head -1 | cut -d: -f1))) conv=notrunc 2> /dev/null
expect 125 "$optmig" run "$tmp/altered" hello
expect 125 "$optmig" run /bin/true
expect 125 "$optmig" run "$tmp/missing"
expect 2 "$optmig" run --emo "$mini"
says "did you mean --emu" err
expect 2 "$optmig" run --heap 1G "$mini"
says "measured" err
OPTMIG_SGX=maybe expect 2 "${prog[@]}" hello
OPTMIG_FAULT=write:1:EIO expect 0 "${prog[@]}" hello
says "FAULT INJECTION" err
OPTMIG_FAULT=wrote:1:EIO expect 125 "${prog[@]}" hello

expect 0 "$optmig" info
says "emulated enclaves  yes" out
expect 0 "$optmig" info --json
python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["emulator"]["available"] and d["nftables"]["detail"]' "$tmp/out" || bad "info --json"
expect 2 "$optmig" info --jsn
expect 2 "$optmig" rnu
says 'did you mean "run"' err

[[ $failures -eq 0 ]] && echo "all well"
exit $((failures > 0))
