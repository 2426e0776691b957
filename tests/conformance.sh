#!/bin/bash
# The ZFS conformance suite on real OpenZFS: what the fake was held to by `cargo test`, put to what it plays.
#
#   tests/conformance.sh SUITE      the compiled zfs_conformance; must be root, where no pool is named tank
set -euo pipefail
suite=$1

if zpool list tank >/dev/null 2>&1; then echo "conformance.sh: there is a pool named tank here already" >&2; exit 1; fi
disk=$(mktemp /var/tmp/reeve-tank.XXXXXX)
trap 'rm -f "$disk"' EXIT
truncate -s 512M "$disk"
zpool create tank "$disk"
status=0
# One pool, so one test at a time; every test leaves it empty.
ZFS_CONFORMANCE=real "$suite" --test-threads=1 || status=$?
zpool destroy tank
exit "$status"
