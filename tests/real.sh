#!/bin/bash
# The end-to-end suite on real components: OpenZFS 2.3, sudo and systemd of Debian trixie, in a virtual machine that
# lives for this run. The same binaries and installer as on the fake, and of the suite what such a machine decides. And then a host's whole life, in a machine of its
# own, whose power is cut.
#
#   tests/real.sh [ARGUMENT OF THE TEST BINARY…]
#   tests/real.sh --demo                           the demo instead
#   tests/real.sh --life                           the life alone
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

part=all
case ${1:-} in --demo | --life) part=${1#--}; shift ;; esac
# Without debug information a payload is a tenth of the size, and an emulated disk is slow.
take() { mkdir -p "$payload/$2" && strip --strip-debug -o "$payload/$2/$(basename "${3:-$1}")" "$1"; }

# The programs, and the stand-ins for people and for Signal.
for name in reeve reeved reeve-gate reeve-builtin reeve-signal-stand-in reeve-fake-pct; do take "$bin/$name" bin; done
[ ! -x "$bin/reeve-wasm" ] || take "$bin/reeve-wasm" bin
for name in reeve-launcher reeve-zfs reeve-systemd reeve-pct reeve-git reeve-ansible reeve-tool reeve-azure reeve-egress; do take "$root_bin/$name" root-bin; done
if [ "$part" = all ]; then
  take "$("$here/build-e2e.sh")" . e2e
  take "$("$here/build-e2e.sh" zfs_conformance)" . zfs_conformance
  take "$("$here/build-e2e.sh" systemd)" . systemd-suite
fi
cp -r "$top/install.sh" "$top/sudoers" "$top/systemd" "$top/demo" "$top/wrappers" "$payload"
mkdir -p "$payload/docs"
cp -r "$top/docs/examples" "$top/docs/upgrade.md" "$payload/docs"
# What says of an upgrade which daemons it restarts.
mkdir -p "$payload/.ci" "$payload/ansible/roles/reeve"
cp -r "$top/.ci/deb" "$payload/.ci"
cp -r "$top/ansible/roles/reeve/handlers" "$payload/ansible/roles/reeve"
mkdir "$payload/tests"
cp -r "$here"/*.sh "$here/systemd" "$here/life" "$payload/tests"
[ $# = 0 ] || printf '%q ' "$@" >"$payload/arguments"
echo "$part" >"$payload/part"

suites() {
  cat >"$payload/run.sh" <<'GUEST'
set -euo pipefail
modprobe zfs
echo "guest: $(uname -sr), $(zfs version | head -n 1), $(systemctl --version | head -n 1), $(sudo --version | head -n 1)"
if [ -e arguments ]; then eval "set -- $(cat arguments)"; else set --; fi
if [ "$(cat part)" = demo ]; then
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
suite tests/systemd.sh boot::
suite tests/e2e.sh --zfs real --skip git:: --skip ansible:: --skip pct:: \
  --skip tools::files --skip tools::network --skip tools::privilege --skip tools::refusals --skip tools::working \
  --skip tools::variants --skip tools::builtin --skip tools::examples --skip tools::egress --skip tools::layers --skip tools::paths \
  --skip tools::carving --skip tools::chain --skip tools::escaping --skip tools::wasm --skip many_runs_of_one_tool --skip fifty_runs \
  --skip tools::denied --skip tools::around --skip tools::buffers --skip tools::callers --skip tools::kept --skip tools::left --skip tools::sockets \
  --skip while_it_sets_up --skip repeats:: \
  --skip certificates:: --skip command_line:: --skip rules:: --skip requests:: --skip traces:: --skip alarms:: --skip freezing::
suite tests/demo.sh real
[ ${#failed[@]} = 0 ] || { echo "guest: FAILED: ${failed[*]}"; exit 1; }
GUEST
  "$here/vm/run.sh" "$payload"
}

life() {
  rm -f "$payload"/{e2e,zfs_conformance,systemd-suite}
  cat >"$payload/run.sh" <<'GUEST'
set -euo pipefail
modprobe zfs
# Whatever the state is then, and `degraded` is one: while it boots, there is another.
systemctl is-system-running --wait >/dev/null || true
export REEVE_ZFS=real REEVE_BIN=$PWD/bin REEVE_ROOT_BIN=$PWD/root-bin
if [ -e /root/life/counted ]; then export REEVE_BOOT=2; fi
status=0
tests/life.sh || status=$?
echo "guest: up for $(cut -d. -f1 /proc/uptime) s"
if [ "$status" = 200 ]; then
  echo REEVE-GUEST-CUT
  sleep infinity
fi
exit "$status"
GUEST
  VM_TIMEOUT=${VM_TIMEOUT:-1200} "$here/vm/run.sh" --reboots "$payload"
}

status=0
[ "$part" = life ] || suites "$@" || status=$?
# With words for the end-to-end suite, that alone.
{ [ "$part" = demo ] || [ $# -gt 0 ]; } || life || status=$?
exit "$status"
