#!/bin/bash
# Runs the end-to-end suite on an installed host inside tests/testbed.sh.
#
#   tests/e2e.sh --zfs real|fake [ARGUMENT OF THE TEST BINARY…]
#
# Environment: E2E the compiled suite (default: build-e2e.sh builds it); REEVE_BIN and REEVE_ROOT_BIN as for testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

[ "${1:-}" = --zfs ] || { echo "usage: e2e.sh --zfs real|fake [ARGUMENT…]" >&2; exit 2; }
zfs=$2
shift 2

E2E=${E2E:-$("$here/build-e2e.sh")}

# The suite owns the pool tank, so it must be one that nobody else has.
on_a_pool() {
  set -euo pipefail
  if zpool list tank >/dev/null 2>&1; then echo "e2e.sh: there is a pool named tank here already" >&2; exit 1; fi
  local disk
  disk=$(mktemp /var/tmp/reeve-tank.XXXXXX)
  truncate -s 512M "$disk"
  zpool create tank "$disk"
  local status=0
  # One installed host, so one test at a time.
  RUST_TEST_THREADS=1 "$@" || status=$?
  zpool destroy tank || status=$((status == 0 ? 1 : status))
  rm -f "$disk"
  exit "$status"
}

"$here/testbed.sh" --zfs "$zfs" bash -c "$(declare -f on_a_pool); on_a_pool \"\$@\"" on_a_pool "$E2E" "$@"
