#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A short run of the fuzzer on a seed made here: a plain IPv4 connection with one option and both queues filled.
set -eu
B=${B:-build}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 - "$tmp/seed" <<'P'
import struct, sys
address = lambda a, port: bytes(a).ljust(16, b"\0") + struct.pack("<H", port)
blob = struct.pack("<IHBB", 0x43544D4F, 1, 4, 1) + bytes([0, 7, 7, 7])
blob += address([10, 0, 0, 1], 6379) + address([10, 0, 0, 2], 40000) + bytes(16)
blob += struct.pack("<IIII", 1000, 2000, 1460, 77) + struct.pack("<IIIII", 2000, 65535, 65535, 65535, 2000)
blob += b"cubic".ljust(16, b"\0") + struct.pack("<HH", 1, 0) + struct.pack("<BBHI", 2, 0, 1, 1)
blob += struct.pack("<III", 3, 5, 2) + b"abc" + b"defgh"
open(sys.argv[1], "wb").write(blob)
P
"$B/fuzz/fuzz_tcp_blob" -artifact_prefix="$B/fuzz/tcp_blob-" -runs=1 "$tmp/seed" > "$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
mkdir "$tmp/corpus"; cp "$tmp/seed" "$tmp/corpus/"
"$B/fuzz/fuzz_tcp_blob" -artifact_prefix="$B/fuzz/tcp_blob-" -runs=100000 -seed=1 -max_len=600 "$tmp/corpus" > "$tmp/log" 2>&1 || { tail -40 "$tmp/log"; exit 1; }
