#!/bin/bash
# The main job once, narrated: an agent asks, rules decide, a person confirms, root acts, the log proves it.
#
#   demo/run.sh
#
# As root: on this machine, inside throw-away namespaces (tests/testbed.sh), with real users and real sudo, on real
# OpenZFS where /dev/zfs is and on the fake elsewhere. REEVE_DEMO=vm: on real OpenZFS in a virtual machine.
# As another user: everything as that user, below ~/.cache/reeve/demo, without sudo, on the fake.
# On a terminal the person who is asked is you; without one the person says yes by itself.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
cache=${REEVE_CACHE:-$HOME/.cache/reeve}
target=${CARGO_TARGET_DIR:-$top/target}

build() { # build TARGET: root's side by its own call, so that features do not unify into it
  echo "Building (the first time takes some minutes) …"
  (cd "$top" && cargo build --quiet --locked --target-dir "$1" &&
    cargo build --quiet --locked --no-default-features --bins --target-dir "$1/root")
  export REEVE_BIN=$1/debug REEVE_ROOT_BIN=$1/root/debug
}

if [ "$(id -u)" != 0 ]; then
  [ -z "${REEVE_DEMO:-}" ] || { echo "demo: REEVE_DEMO=$REEVE_DEMO needs root" >&2; exit 2; }
  # The prefix is built in: nothing at run time changes where a wrapper looks for its key, its ledger or its program.
  export REEVE_PREFIX=$cache/demo/root
  build "$cache/demo/target"
  exec "$here/rootless.sh"
fi
case ${REEVE_DEMO:-} in
  '' | vm) ;;
  *) echo "demo: REEVE_DEMO is vm or nothing, and not $REEVE_DEMO" >&2; exit 2 ;;
esac
"$top/tests/install-packages.sh" demo
build "$target"
if [ "${REEVE_DEMO:-}" = vm ]; then
  "$top/tests/install-packages.sh" real
  exec "$top/tests/real.sh" --demo
fi
if [ -e /dev/zfs ]; then echo "This host has OpenZFS; the demo makes a throw-away pool on a file."
else echo "This host has no OpenZFS (/dev/zfs): the ZFS fake stands in for it. Everything else is real."
fi
echo "Users, sudo and files live in namespaces that vanish with the demo; the machine stays as it is."
exec "$top/tests/testbed.sh" --zfs auto "$here/scene.sh"
