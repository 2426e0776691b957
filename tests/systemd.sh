#!/bin/bash
# systemd's operations on a running systemd: tests/systemd/ in a guest that lives for this run.
#
#   tests/systemd.sh [ARGUMENT OF THE TEST BINARY…]      boots the guest by tests/nspawn.sh, unless this is one already
#
# Environment: SYSTEMD_SUITE the compiled suite (default: build-e2e.sh builds it); REEVE_BIN and REEVE_ROOT_BIN as for
# testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
export REEVE_BIN=${REEVE_BIN:-$top/target/debug} REEVE_ROOT_BIN=${REEVE_ROOT_BIN:-$top/target/root/debug}

if [ ! -d /run/systemd/system ] || [ "$(hostname)" != reeve-guest ]; then
  suite=${SYSTEMD_SUITE:-$("$here/build-e2e.sh" systemd)}
  export REEVE_SYSTEMD_SUITE=$suite
  exec "$here/nspawn.sh" --bind "$top" --bind "$REEVE_BIN" --bind "$REEVE_ROOT_BIN" --bind "$(dirname "$suite")" \
    "$here/systemd.sh" "$@"
fi

suite=${SYSTEMD_SUITE:-$REEVE_SYSTEMD_SUITE}
# Whatever the state is then, and `degraded` is one: while it boots, there is another.
systemctl is-system-running --wait >/dev/null || true
# Where every user of the guest can reach them.
work=/opt/reeve-systemd
mkdir -p "$work"
install -m 0755 "$REEVE_BIN/reeve-signal-stand-in" "$suite" "$work"
"$top/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl >"$work/install.log" 2>&1 ||
  { cat "$work/install.log" >&2; exit 1; }
getent passwd approver >/dev/null || useradd --no-create-home --groups reeve-approvers approver

# The end-to-end suite's host, with rules of this suite's own.
cp -r "$top/demo" "$work/demo"
cp "$here/systemd/contract.toml" "$work/demo/etc/contracts/librarian.toml"
cp "$here/systemd/policy.star" "$work/demo/etc/policy.star"
printf '\n[systemd]\nhold = "1s"\nlimit = "10s"\n' >>"$work/demo/etc/gate.toml.in"
export REEVE_HOST_SCRIPT=$work/demo/host.sh REEVE_BIN=$work REEVE_TESTBED=1
trap '"$REEVE_HOST_SCRIPT" down' EXIT
# One systemd, so one test at a time.
"$work/$(basename "$suite")" --test-threads=1 "$@"
