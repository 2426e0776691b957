#!/bin/bash
# The demo as a user who is not root: the same gate, grants and wrapper, without sudo.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
target=${CARGO_TARGET_DIR:-$top/target}/rootless
stage=/tmp/reeve-rootless
export REEVE_PREFIX=$stage/root

cd "$top"
cargo build --quiet --locked --target-dir "$target" --bins
cargo build --quiet --locked --no-default-features --bins --target-dir "$target/root"
rm -rf "$stage"
mkdir -p "$stage/bin" "$stage/root-bin"
trap 'rm -rf "$stage"' EXIT
# Where nobody may read what is below the builder's home.
for name in reeve reeved reeve-gate reeve-fake-zfs reeve-signal-stand-in; do cp "$target/debug/$name" "$stage/bin/"; done
for name in reeve-launcher reeve-zfs reeve-systemd reeve-pct reeve-git reeve-ansible reeve-tool reeve-azure; do cp "$target/root/debug/$name" "$stage/root-bin/"; done
cp -r demo "$stage/demo"
export REEVE_BIN=$stage/bin REEVE_ROOT_BIN=$stage/root-bin HOME=$stage
run=("$stage/demo/rootless.sh")
if [ "$(id -u)" = 0 ]; then
  chown nobody "$stage"
  run=(setpriv --reuid nobody --regid nogroup --clear-groups -- "${run[@]}")
fi
"${run[@]}" </dev/null >"$stage.log" 2>&1 || { cat "$stage.log" >&2; echo "rootless.sh: the demo failed" >&2; exit 1; }
for line in 'succeeded, verified on the host' 'half an idea' 'git restore /var/lib/repos/app' 'audit log .*: INTACT' 'each with its record' 'done, and the host shows it' 'this scene is told when the demo runs as root'; do
  grep -q -- "$line" "$stage.log" || { cat "$stage.log" >&2; echo "rootless.sh: the demo did not show: $line" >&2; exit 1; }
done
rm -f "$stage.log"
echo "rootless: the demo ran without root, its grants spent and its log intact"
