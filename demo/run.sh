#!/bin/bash
# The main job once, narrated: an agent asks, rules decide, a person confirms, root acts, the log proves it.
#
#   demo/run.sh
#
# As root: on this machine, inside throw-away namespaces (tests/testbed.sh), with real users and real sudo, on real
# OpenZFS where /dev/zfs is and on the fake elsewhere. REEVE_DEMO=vm: on real OpenZFS in a virtual machine.
# As another user: everything as that user, below ~/.cache/reeve/demo, without sudo, on the fake.
# On a terminal the person who is asked is you; without one the person says yes by itself.
#
# Environment: REEVE_BIN, REEVE_ROOT_BIN as for tests/testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
cache=${REEVE_CACHE:-$HOME/.cache/reeve}

on_this_machine() {
  if [ -e /dev/zfs ]; then echo "This host has OpenZFS; the demo makes a throw-away pool on a file."
  else echo "This host has no OpenZFS (/dev/zfs): the ZFS fake stands in for it. Everything else is real."
  fi
  echo "Users, sudo and files live in namespaces that vanish with the demo; the machine stays as it is."
  exec "$top/tests/testbed.sh" --zfs auto "$here/scene.sh"
}

without_root() {
  local prefix=$cache/demo/root target=$cache/demo/target
  echo "Not root: every process runs as $(id -un), and the launcher starts the wrapper without sudo."
  echo "The path is the same, and so is the check of the grant: signature, host, boot, time, one use."
  rm -rf "$prefix"
  mkdir -p "$prefix/usr/sbin" "$prefix/usr/local/libexec/reeve" "$prefix/etc"
  # The prefix is built in: nothing at run time changes where a wrapper looks for its key, its ledger or its program.
  export REEVE_PREFIX=$prefix
  (cd "$top" && cargo build --quiet --locked --target-dir "$target" &&
    cargo build --quiet --locked --no-default-features --bin reeve-launcher --bin reeve-zfs --target-dir "$target/root")
  export REEVE_BIN=$target/debug REEVE_ROOT_BIN=$target/root/debug HOST_DIR=$prefix/run/reeve-host REEVE_ZFS=fake
  install -m 0755 "$REEVE_BIN/reeve-fake-zfs" "$prefix/usr/sbin/zfs"
  install -m 0755 "$REEVE_BIN/reeve-fake-zfs" "$prefix/usr/sbin/zpool"
  install -m 0755 "$REEVE_ROOT_BIN/reeve-zfs" "$prefix/usr/local/libexec/reeve/reeve-zfs"
  mkdir -p "$prefix/run/fake-zfs"
  exec "$here/scene.sh"
}

if [ "${REEVE_DEMO:-}" = vm ]; then exec "$top/tests/real.sh" --demo; fi
if [ "$(id -u)" = 0 ]; then on_this_machine; else without_root; fi
