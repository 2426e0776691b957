#!/bin/bash
# Builds the Debian package from what install.sh --prefix puts into a tree, so that both come to the same host.
#
#   .ci/deb.sh [--bin-dir DIR] [--root-bin-dir DIR] DIRECTORY      reeve_VERSION_ARCH.deb in DIRECTORY
set -euo pipefail
umask 022
export LC_ALL=C
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
args=()
while [ $# -gt 1 ]; do args+=("$1" "$2"); shift 2; done
[ $# = 1 ] || { echo "usage: deb.sh [--bin-dir DIR] [--root-bin-dir DIR] DIRECTORY" >&2; exit 2; }
out=$1

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)
arch=$(dpkg --print-architecture)
# What it was built against is the oldest that it runs on.
libc=$(dpkg-query -W -f='${Version}' libc6 | sed 's/-.*//; s/+.*//')
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"

"$top/install.sh" --prefix "$tree" "${args[@]}" >/dev/null
find "$tree/usr/share/man" -name '*.1' -exec gzip -9n {} +

doc=$tree/usr/share/doc/reeve
mkdir -p "$doc" "$tree/usr/share/lintian/overrides" "$tree/DEBIAN"
cat >"$doc/copyright" <<'E'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Reeve

Files: *
Copyright: 2026 the authors of Reeve
License: Apache-2.0
 On Debian systems the text of the license is in /usr/share/common-licenses/Apache-2.0.
E
{
  printf 'reeve (%s) unstable; urgency=medium\n\n  * What changed is in CHANGELOG.md.\n\n' "$version"
  printf ' -- the authors of Reeve <reeve@reeve.invalid>  %s\n' "$(date -R -u -d "@$(stat -c %Y "$top/CHANGELOG.md")")"
} | gzip -9n >"$doc/changelog.gz"
gzip -9nc "$top/CHANGELOG.md" >"$doc/CHANGELOG.md.gz"
cat >"$tree/usr/share/lintian/overrides/reeve" <<'E'
# The wrappers' paths are compiled into the programs and stand in the sudo rule, the same however Reeve was installed.
reeve: dir-in-usr-local *
reeve: file-in-usr-local *
reeve: file-in-unusual-dir *
# Units are enabled by whoever configured the host, and never by the package: there is nothing for debhelper to keep.
reeve: maintainer-script-calls-systemctl *
# Secrets are fetched before whoever needs them starts, wherever that one is enabled.
reeve: systemd-service-file-refers-to-unusual-wantedby-target *
# Static Rust programs link nothing that would have these.
reeve: no-manual-page *
# A tool that is pinned by its package is held to the digests that dpkg keeps. dpkg-query shows none of them.
reeve: uses-dpkg-database-directly *
# Read by sudo alone, which wants it so.
reeve: non-standard-file-perm 0440 * [etc/sudoers.d/reeve]
E

cat >"$tree/DEBIAN/control" <<E
Package: reeve
Version: $version
Architecture: $arch
Maintainer: the authors of Reeve <reeve@reeve.invalid>
Installed-Size: $(du -k -s "$tree" | cut -f1)
Depends: libc6 (>= $libc), libgcc-s1, sudo | sudo-rs, systemd
Recommends: bubblewrap
Suggests: prometheus
Section: admin
Priority: optional
Description: host agent for AI agents and automation
 Agents ask over mutual TLS for typed operations, never for a shell. Rules
 decide what may run at once, people confirm what cannot be undone, and every
 step is in a hash-chained audit log before it is taken.
E
printf '%s\n' /etc/logrotate.d/reeve /etc/sudoers.d/reeve >"$tree/DEBIAN/conffiles"

# The gate makes its key as its own user, and root one that is a credential; only the public half decides what root believes.
cat >"$tree/DEBIAN/postinst" <<'E'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
  systemd-sysusers /usr/lib/sysusers.d/reeve.conf
  systemd-tmpfiles --create /usr/lib/tmpfiles.d/reeve.conf
  public=$(cd / && runuser -u reeve-gate -- /usr/local/bin/reeve-gate init 2>/dev/null) || public=$(/usr/local/bin/reeve-gate init)
  if [ "$(cat /etc/reeve/grant.pub 2>/dev/null)" != "$public" ]; then
    printf '%s\n' "$public" >/etc/reeve/grant.pub.new
    mv -f /etc/reeve/grant.pub.new /etc/reeve/grant.pub
  fi
  visudo -cq
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # An upgrade: what ran goes on with what is new, the launcher first.
    if [ -n "$2" ]; then systemctl try-restart reeve-launcher.service reeve-gate.service reeved.service reeve-alarms.service reeve-traces.service reeve-shields.service reeve-bridge.service reeve-hook.service reeve-witness.service; fi
  fi
fi
E
cat >"$tree/DEBIAN/prerm" <<'E'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now reeve-witness.service reeve-hook.service reeve-bridge.service reeve-signal.service reeve-alarms.service reeve-traces.service reeve-secrets.service reeve-secrets.timer reeve-shields.service reeve-azure-expire.timer reeve-azure-examine.timer reeve-lists.timer reeve-doctor.timer reeved.socket reeved.service reeve-gate.socket reeve-gate.service reeve-launcher.service reeve-launcher.socket
fi
E
cat >"$tree/DEBIAN/postrm" <<'E'
#!/bin/sh
set -e
# Without the wrappers the rule says nothing, and what says nothing does not stay.
if [ "$1" = remove ] || [ "$1" = purge ]; then
  rm -f /etc/sudoers.d/reeve
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
fi
if [ "$1" = purge ]; then
  rm -rf /etc/reeve /var/lib/reeve /var/lib/reeve-preflight /var/lib/reeve-root /var/lib/reeve-tools /var/lib/reeve-lists /var/lib/reeve-azure /var/lib/reeve-alarms /var/lib/reeve-signal /var/log/reeve /run/reeve /run/reeve-secrets /run/reeve-azure /run/reeve-shields /run/reeve-hook /run/reeve-bridge /run/reeve-traces /etc/credstore/reeve.*
  for user in reeve reeve-gate reeve-run reeve-lists reeve-secrets reeve-shields reeve-azure reeve-alarms reeve-traces reeve-tool reeve-egress reeve-signal reeve-bridge reeve-hook reeve-witness; do
    if getent passwd "$user" >/dev/null; then userdel "$user"; fi
  done
  for group in reeve-approvers reeve-tools; do
    if getent group "$group" >/dev/null; then groupdel "$group"; fi
  done
fi
E
chmod 0755 "$tree"/DEBIAN/p*
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
mkdir -p "$out"
dpkg-deb --root-owner-group --build "$tree" "$out/reeve_${version}_$arch.deb" >/dev/null
echo "$out/reeve_${version}_$arch.deb"
