#!/bin/bash
# The end-to-end suite on real components: OpenZFS 2.3, sudo and systemd of Debian trixie, in a virtual machine that
# lives for this run. The same binaries, installer and suite as on the fake.
#
#   tests/real.sh [ARGUMENT OF THE TEST BINARY…]
#   tests/real.sh --demo                           the demo instead
#
# Environment: REEVE_BIN, REEVE_ROOT_BIN as for testbed.sh; VM_* as for vm/run.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
bin=${REEVE_BIN:-$top/target/debug}
root_bin=${REEVE_ROOT_BIN:-$top/target/root/debug}
payload=$(mktemp -d)
# The guest unpacks it with this mode, and its users start programs in it.
chmod 0755 "$payload"
trap 'rm -rf "$payload"' EXIT

demo=no
if [ "${1:-}" = --demo ]; then demo=yes; shift; fi
# Without debug information a payload is a tenth of the size, and an emulated disk is slow.
take() { mkdir -p "$payload/$2" && strip --strip-debug -o "$payload/$2/$(basename "${3:-$1}")" "$1"; }

# The programs, and the stand-ins for people and for Signal.
for name in reeve reeved reeve-gate reeve-builtin reeve-signal-stand-in reeve-fake-pct; do take "$bin/$name" bin; done
[ ! -x "$bin/reeve-wasm" ] || take "$bin/reeve-wasm" bin
for name in reeve-launcher reeve-zfs reeve-systemd reeve-pct reeve-git reeve-ansible reeve-tool reeve-azure reeve-egress; do take "$root_bin/$name" root-bin; done
[ "$demo" = yes ] || take "$("$here/build-e2e.sh")" . e2e
[ "$demo" = yes ] || take "$("$here/build-e2e.sh" zfs_conformance)" . zfs_conformance
[ "$demo" = yes ] || take "$("$here/build-e2e.sh" systemd)" . systemd-suite
cp -r "$top/install.sh" "$top/sudoers" "$top/systemd" "$top/demo" "$top/wrappers" "$payload"
mkdir -p "$payload/docs"
cp -r "$top/docs/examples" "$payload/docs/examples"
mkdir "$payload/tests"
cp -r "$here"/*.sh "$here/systemd" "$payload/tests"
[ $# = 0 ] || printf '%q ' "$@" >"$payload/arguments"
echo "$demo" >"$payload/demo-only"

cat >"$payload/run.sh" <<'GUEST'
set -euo pipefail
modprobe zfs
echo "guest: $(uname -sr), $(zfs version | head -n 1), $(systemctl --version | head -n 1), $(sudo --version | head -n 1)"
if [ -e arguments ]; then eval "set -- $(cat arguments)"; else set --; fi
if [ "$(cat demo-only)" = yes ]; then
  REEVE_BIN=$PWD/bin REEVE_ROOT_BIN=$PWD/root-bin exec tests/testbed.sh --zfs real demo/scene.sh
fi
export REEVE_BIN=$PWD/bin REEVE_ROOT_BIN=$PWD/root-bin E2E=$PWD/e2e SYSTEMD_SUITE=$PWD/systemd-suite REEVE_HOST_SCRIPT=$PWD/demo/host.sh
failed=()
suite() {
  local from=$SECONDS
  echo "guest: $*"
  "$@" || failed+=("$1")
  echo "guest: $1 took $((SECONDS - from)) s"
}
# With words for the end-to-end suite, that alone.
if [ $# -gt 0 ]; then exec tests/e2e.sh --zfs real "$@"; fi
# First, while no other suite has left a pool.
suite tests/conformance.sh "$PWD/zfs_conformance"
suite tests/sudoers.sh
suite tests/units.sh
suite tests/units-live.sh
# An emulated machine takes minutes for what a container's systemd, and the fake's host, have tried by then: here it is what
# stands on a real boot, on real pools, and on unified control groups (which decide how a tool ends).
suite tests/systemd.sh whole:: boot::
suite tests/e2e.sh --zfs real --skip git:: --skip ansible:: --skip pct:: \
  --skip tools::files --skip tools::network --skip tools::privilege --skip tools::refusals --skip tools::working \
  --skip tools::builtin --skip tools::examples --skip tools::egress --skip tools::layers --skip tools::paths \
  --skip tools::carving --skip tools::chain --skip tools::wasm --skip many_runs_of_one_tool --skip fifty_runs \
  --skip certificates:: --skip command_line:: --skip rules:: --skip requests:: --skip traces:: --skip alarms:: --skip freezing::
suite tests/demo.sh real
[ ${#failed[@]} = 0 ] || { echo "guest: FAILED: ${failed[*]}"; exit 1; }
GUEST

"$here/vm/run.sh" "$payload"
