#!/bin/bash
# Builds the Debian package, by cargo-deb, from what install.sh --prefix puts into a tree, so that both come to the same host.
# What goes into it with which mode is in Cargo.toml, and what dpkg runs in deb/.
#
#   .ci/deb.sh [--bin-dir DIR] [--root-bin-dir DIR] DIRECTORY      reeve_VERSION_ARCH.deb in DIRECTORY
set -euo pipefail
umask 022
export LC_ALL=C
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
args=()
while [ $# -gt 1 ]; do args+=("$1" "$2"); shift 2; done
[ $# = 1 ] || { echo "usage: deb.sh [--bin-dir DIR] [--root-bin-dir DIR] DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)

# One version, with the dependencies that its authors tried it with, kept outside the tree.
tools=${REEVE_CACHE:-$HOME/.cache/reeve}/cargo-deb-3.8.0
[ -x "$tools/bin/cargo-deb" ] || cargo install cargo-deb --locked --version 3.8.0 --root "$tools" --target-dir "$tools/target" >&2
rm -rf "$tools/target"

# Where Cargo.toml looks for it.
tree=$top/target/deb
trap 'rm -rf "$tree"' EXIT
rm -rf "$tree"
mkdir -p "$tree"
"$top/install.sh" --prefix "$tree" "${args[@]}" >/dev/null
install -D -m 0644 "$top/CHANGELOG.md" "$tree/usr/share/doc/reeve/CHANGELOG.md"
gzip -9n "$tree/usr/share/doc/reeve/CHANGELOG.md"
install -D -m 0644 "$top/.ci/deb/lintian-overrides" "$tree/usr/share/lintian/overrides/reeve"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)
{
  printf 'reeve (%s) unstable; urgency=medium\n\n  * What changed is in CHANGELOG.md.\n\n' "$version"
  printf ' -- the authors of Reeve <reeve@reeve.invalid>  %s\n' "$(date -R -u -d "@$(stat -c %Y "$top/CHANGELOG.md")")"
} | gzip -9n >"$tree/usr/share/doc/reeve/changelog.gz"

# Without it the package would name no library that it needs, and cargo-deb would only warn.
command -v dpkg-shlibdeps >/dev/null || { echo "deb.sh: dpkg-shlibdeps is missing (Debian: apt-get install dpkg-dev)" >&2; exit 1; }

cd "$top"
"$tools/bin/cargo-deb" --no-build --no-strip --quiet --output "$out/"
