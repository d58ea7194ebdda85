# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the tests of real programs: a scratch directory, servers that end with the test, comparisons with the native build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
B=${B:-build}
B=$(cd "$B" && pwd)
export OPTMIG_QUIET=1
work=$(mktemp -d)
servers=()
cleanup() {
	for pid in "${servers[@]:-}"; do [[ -z $pid ]] || kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
app() { printf '%s/apps/optmig/%s' "$B" "$1"; }
native() { printf '%s/apps/native/%s' "$B" "$1"; }
fail() { echo "FAIL: $*" >&2; exit 1; }
same() { cmp -s "$1" "$2" || { echo "FAIL: $3 differs from native" >&2; diff "$1" "$2" | head -n 5 >&2 || true; exit 1; }; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_port() { # PORT PID
	for _ in $(seq 300); do
		(exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
		kill -0 "$2" 2>/dev/null || fail "the server ended early: $(tail -n 5 "$work"/*.log)"
		sleep 0.1
	done
	fail "nothing listens on port $1: $(tail -n 5 "$work"/*.log)"
}
serve() { # PORT COMMAND...: starts a server, waits until it listens; its pid in $server
	local port=$1; shift
	"$@" > "$work/server.log" 2>&1 &
	server=$!
	servers+=("$server")
	wait_port "$port" "$server"
}
