#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# podman run --privileged keeps a seccomp profile that containers.conf names.
#
# Expectation: podman-run(1): a privileged container "turns off the security features that isolate the container from the host", seccomp among
#              them; without more words that is so whatever the configuration says.
# Behaviour:   where seccomp_profile in containers.conf names a file other than the distribution's own, a privileged container has that filter; where it
#              names the distribution's, or nothing, it has none. --security-opt seccomp=unconfined takes it away in both.
# Version:     seen with podman 4.3.1 and crun 1.8.1, root, Linux 6.18.
# Output seen: "privileged: 0 filters, with a named profile: 2, unconfined: 0" (as /proc/self/status has it: 2 is a filter, 0 is none)
#
# Run by hand, as root: fails when this changes. No part of OptMig is used. OPTIONS: more of podman run's, as --cgroups=disabled.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
podman() { command podman --root "$work/root" --runroot "$work/run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none --log-level error "$@"; }
tar -C / -ch bin/cat lib64 lib/x86_64-linux-gnu/libc.so.6 | podman import -q - cat > /dev/null
cp /usr/share/containers/seccomp.json "$work/named.json"
printf '[containers]\nseccomp_profile="%s"\n' "$work/named.json" > "$work/containers.conf"
# shellcheck disable=SC2086
filter() { podman run --rm --network none ${OPTIONS:-} "$@" cat /bin/cat /proc/self/status | sed -n 's/^Seccomp:[[:space:]]*//p'; }
plain=$(filter --privileged)
named=$(CONTAINERS_CONF=$work/containers.conf filter --privileged)
unconfined=$(CONTAINERS_CONF=$work/containers.conf filter --privileged --security-opt seccomp=unconfined)
echo "privileged: $plain filters, with a named profile: $named, unconfined: $unconfined"
[[ $plain -eq 0 && $named -eq 2 && $unconfined -eq 0 ]] || { echo "this has changed"; exit 1; }
