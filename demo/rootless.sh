#!/bin/bash
# The demo without root, below $REEVE_PREFIX, with programs that were built with that prefix.
#
# Environment: REEVE_PREFIX, REEVE_BIN, REEVE_ROOT_BIN.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=$REEVE_PREFIX
for tool in git python3; do
  command -v "$tool" >/dev/null || { echo "rootless.sh: the demo needs $tool" >&2; exit 1; }
done
echo "Not root: every process runs as $(id -un), and the launcher starts the wrapper without sudo."
echo "The ZFS fake stands in for OpenZFS. The path is the same, and so is the check of each grant:"
echo "signature, host, boot, time, one use."
umask 022
rm -rf "$prefix"
mkdir -p "$prefix"/usr/sbin "$prefix"/usr/local/libexec/reeve "$prefix"/etc/reeve "$prefix"/run/fake-zfs "$prefix"/var/tmp
install -m 0755 "$REEVE_BIN/reeve-fake-zfs" "$prefix/usr/sbin/zfs"
install -m 0755 "$REEVE_BIN/reeve-fake-zfs" "$prefix/usr/sbin/zpool"
mkdir -p "$prefix/usr/bin"
ln -s "$(command -v stat)" "$prefix/usr/bin/stat"
ln -s "$(command -v git)" "$prefix/usr/bin/git"
for wrapper in zfs systemd pct git ansible tool azure; do
  install -m 0755 "$REEVE_ROOT_BIN/reeve-$wrapper" "$prefix/usr/local/libexec/reeve/reeve-$wrapper"
done
export HOST_DIR=$prefix/run/reeve-host REEVE_ZFS=fake TMPDIR=$prefix/var/tmp
exec "$here/scene.sh"
