#!/bin/bash
# Measures systemd's operations, or how soon the units serve, on a running systemd: one that tests/nspawn.sh boots for this run.
#
#   benches/on-systemd.sh BENCHMARK PART      the compiled benchmark of the host; systemd or start
#
# Environment: REEVE_BIN, REEVE_ROOT_BIN. The guest writes into memory, where fdatasync costs nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")

if [ ! -d /run/systemd/system ] || [ "$(hostname)" != reeve-guest ]; then
  exec "$top/tests/nspawn.sh" --bind "$top" --bind "$REEVE_BIN" --bind "$REEVE_ROOT_BIN" --bind "$(dirname "$1")" \
    "$here/on-systemd.sh" "$@"
fi

# Where every user of the guest can reach it.
mkdir /opt/reeve-bench
install -m 0755 "$REEVE_BIN/reeve-signal-stand-in" "$1" /opt/reeve-bench
"$top/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl >&2
groupadd --system --force reeve-approvers
useradd --no-create-home --groups reeve-approvers approver
useradd --no-create-home librarian
export REEVE_BIN=/opt/reeve-bench REEVE_TESTBED=1
"/opt/reeve-bench/$(basename "$1")" "$2"
