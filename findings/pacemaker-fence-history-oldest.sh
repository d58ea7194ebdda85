#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stonith_admin --history NODE shows the first time that a node was fenced, as if it were the last.
#
# Expectation: without --verbose, of several fencings of a node that went well the last one is shown ("last-successful").
# Behaviour:   the oldest one that is remembered is. Who asks whether a node has been fenced since some time is told no from its second time on. With --verbose all are shown.
# Version:     seen with Pacemaker 2.1.5 (Debian 12).
# Source:      lib/pacemaker/pcmk_fence.c, pcmk__fence_history(): the list is newest first, and the last of it that went well is taken for the latest.
# Output seen: "after the second fencing: 1 shown, the first one; with --verbose 2".
#
# Run by hand, as root: fails when this changes. Of OptMig the test bed alone is used (three nodes in namespaces, without optmigd).
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 - "$work/bed" <<'PY'
import re
import sys
sys.path.insert(0, "tests/fleet")
from bed import Bed, missing

if missing():
    sys.exit(missing())
bed = Bed(sys.argv[1], optmigd=False).up()


def history(*more):
    return re.findall(r'status="success"[^>]*completed="([^"]*)"', bed.out("n1", "stonith_admin", "--history", "n2", *more, "--output-as=xml", check=False))


with bed.fencing():
    bed.settle()
    for _ in range(2):
        bed.down_nodes.add("n2")
        bed.run("n1", "stonith_admin", "--reboot", "n2", check=False)
        bed.wait(lambda: "n2" not in bed.spaces, 60, "n2 to be off")
        first = history() if _ == 0 else first
        bed.power_on("n2")
        bed.down_nodes.clear()
        bed.wait(bed.formed, 90, "n2 to be back")
    now, all_of_them = history(), history("--verbose")
print(f"after the second fencing: {len(now)} shown, {'the first one' if now == first else now}; with --verbose {len(all_of_them)}")
bed.down()
sys.exit(not (now == first and len(all_of_them) == 2))
PY
