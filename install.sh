#!/bin/bash
# Installs Reeve on this host: users, directories, binaries, wrappers, the grant key's public half, sudo, units.
# Running it again changes nothing that is already right; configuration that exists is kept.
#
#   ./install.sh [--bin-dir DIR] [--root-bin-dir DIR] [--dry-run] [--no-systemctl]
#   ./install.sh --uninstall [--purge] [--dry-run] [--no-systemctl]
#
#   --bin-dir DIR        where reeve, reeved and reeve-gate were built (default: target/release)
#   --root-bin-dir DIR   where reeve-launcher and the wrappers were built without the default features
#                        (default: target/root/release)
#   --dry-run            say what would be done, and do nothing
#   --no-systemctl       install the units, but do not speak to systemd
#   --uninstall          remove programs, units and the sudo rule; configuration, state and logs stay
#   --purge              with --uninstall: remove these too, and the users. The audit log is gone after that.
set -euo pipefail
umask 022
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin_dir=$source_dir/target/release
root_bin_dir=$source_dir/target/root/release
dry_run=no systemctl=yes uninstall=no purge=no

readonly programs=(reeve reeved reeve-gate) root_programs=(reeve-launcher)
readonly wrappers=(reeve-zfs reeve-systemd reeve-pct reeve-git reeve-ansible reeve-tool)
readonly units=(reeve-launcher.socket reeve-launcher.service reeve-gate.service reeved.service)
# What ansible-playbook goes by when reeve-ansible starts it.
readonly ansible_parts=(ansible.cfg reeve_events.py)
readonly bin=/usr/local/bin libexec=/usr/local/libexec/reeve unit_dir=/etc/systemd/system
readonly sudoers=/etc/sudoers.d/reeve grant_pub=/etc/reeve/grant.pub tmpfiles=/etc/tmpfiles.d/reeve.conf

die() { echo "install.sh: $*" >&2; exit 1; }
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
said=0
say() { said=$((said + 1)); if [ "$dry_run" = yes ]; then echo "would: $*"; else echo "$*"; fi; }
# Every change of the host goes through here.
act() { [ "$dry_run" = yes ] || "$@"; }

while [ $# -gt 0 ]; do
  case $1 in
    --bin-dir) bin_dir=${2:?--bin-dir needs a directory}; shift 2 ;;
    --root-bin-dir) root_bin_dir=${2:?--root-bin-dir needs a directory}; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --no-systemctl) systemctl=no; shift ;;
    --uninstall) uninstall=yes; shift ;;
    --purge) purge=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; die "unknown argument: $1" ;;
  esac
done
[ -d /run/systemd/system ] || systemctl=no

# ── install ─────────────────────────────────────────────────────────────────────────────────────────────────────

install_all() {
  check_source
  users
  directories
  for name in "${programs[@]}"; do file "$bin_dir/$name" "$bin/$name" root:root 0755; done
  for name in "${root_programs[@]}"; do file "$root_bin_dir/$name" "$bin/$name" root:root 0755; done
  for name in "${wrappers[@]}"; do file "$root_bin_dir/$name" "$libexec/$name" root:root 0755; done
  for name in "${ansible_parts[@]}"; do file "$source_dir/wrappers/ansible/$name" "$libexec/ansible/$name" root:root 0644; done
  configuration_modes
  grant_key
  install_sudoers
  for name in "${units[@]}"; do file "$source_dir/systemd/$name" "$unit_dir/$name" root:root 0644; done
  [ "$systemctl" = no ] || act systemctl daemon-reload
  if [ "$said" = 0 ]; then echo "nothing to do: Reeve is installed"; fi
}

# Before anything is touched: all that will be needed is there.
check_source() {
  local name
  for name in "${programs[@]}"; do [ -x "$bin_dir/$name" ] || die "$bin_dir/$name is missing (--bin-dir)"; done
  for name in "${root_programs[@]}" "${wrappers[@]}"; do
    [ -x "$root_bin_dir/$name" ] || die "$root_bin_dir/$name is missing (--root-bin-dir)"
  done
  for name in sudo visudo runuser useradd install; do
    command -v "$name" >/dev/null || die "$name is missing (Debian: apt-get install sudo util-linux passwd coreutils)"
  done
}

users() {
  local name
  if ! getent group reeve-approvers >/dev/null; then say "group reeve-approvers"; act groupadd --system reeve-approvers; fi
  for name in reeve reeve-gate reeve-run; do
    getent passwd "$name" >/dev/null && continue
    say "user $name"
    act useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$name"
  done
  # Whom tools run as: system users of this group and of no other. One is made; a host may have more.
  if ! getent group reeve-tools >/dev/null; then say "group reeve-tools"; act groupadd --system reeve-tools; fi
  if ! getent passwd reeve-tool >/dev/null; then
    say "user reeve-tool"
    act useradd --system --gid reeve-tools --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reeve-tool
  fi
}

directories() {
  directory /etc/reeve root:root 0755
  directory /etc/reeve/contracts root:reeve-gate 0750
  # The gate reads playbooks to see that they are the pinned ones; root alone can write them.
  directory /etc/reeve/playbooks root:reeve-gate 0750
  directory /etc/reeve/tools root:reeve-gate 0750
  directory /etc/reeve/tls root:reeve 0750
  directory /var/lib/reeve reeve-gate:reeve-gate 0700
  # Root's ledger lies in a directory that only root can write, so that no service user can put a link in its way.
  directory /var/lib/reeve-root root:root 0755
  directory /var/lib/reeve-root/spent root:root 0700
  directory /var/lib/reeve-root/ansible root:root 0700
  # Tools' workspaces: each is its tool's user's own, in directories that only root can write.
  directory /var/lib/reeve-tools root:root 0711
  directory /var/lib/reeve-tools/fresh root:root 0755
  directory /var/lib/reeve-tools/named root:root 0711
  directory /var/lib/reeve-tools/principal root:root 0711
  directory /var/log/reeve reeve-gate:reeve-gate 0750
  directory "$libexec" root:root 0755
  directory "$libexec/ansible" root:root 0755
  file "$source_dir/systemd/reeve.tmpfiles" "$tmpfiles" root:root 0644
  # The sockets' directory: the gate and the launcher each make their own in it, and sticky keeps the launcher's
  # hands off the gate's.
  directory /run/reeve reeve-gate:reeve-run 1775
}

# What exists keeps its content; owner and mode are what each process may read.
configuration_modes() {
  local path
  for path in /etc/reeve/gate.toml /etc/reeve/*.star /etc/reeve/contracts/*.toml /etc/reeve/tools/*.toml; do owned "$path" root:reeve-gate 0640; done
  for path in /etc/reeve/reeved.toml /etc/reeve/tls/*; do owned "$path" root:reeve 0640; done
}

# The gate makes its key as its own user; only the public half, which decides what root believes, is root's.
grant_key() {
  local public
  if [ "$dry_run" = yes ]; then
    [ -e "$grant_pub" ] || say "grant key: reeve-gate init, public half to $grant_pub"
    return
  fi
  public=$(cd / && runuser -u reeve-gate -- "$bin/reeve-gate" init) || die "reeve-gate init failed"
  [[ $public =~ ^[0-9a-f]{64}$ ]] || die "reeve-gate init did not print a public key"
  if [ -e "$grant_pub" ] && [ "$(cat "$grant_pub")" = "$public" ]; then
    owned "$grant_pub" root:root 0644
    return
  fi
  [ ! -e "$grant_pub" ] || echo "install.sh: $grant_pub did not match the gate's key and is replaced" >&2
  printf '%s\n' "$public" | replace "$grant_pub" root:root 0644
}

# A broken file in sudoers.d breaks sudo for everyone, so it is checked before it is in force, and renamed into place.
install_sudoers() {
  visudo -cqf "$source_dir/sudoers/reeve" || die "sudoers/reeve is not valid"
  grep -Eqs '^[#@]includedir[[:space:]]+/etc/sudoers\.d/?$' /etc/sudoers || die "/etc/sudoers does not include /etc/sudoers.d"
  if narrower_sudoers; then
    echo "install.sh: $sudoers allows fewer wrappers than there are, and stays so; \`reeve sudoers\` prints what the contracts need" >&2
    owned "$sudoers" root:root 0440
    return
  fi
  file "$source_dir/sudoers/reeve" "$sudoers" root:root 0440
  [ "$dry_run" = yes ] || visudo -cq || { rm -f "$sudoers"; die "sudo's configuration is not valid with ours: taken out again"; }
}

# Whether the rule in force is ours with wrappers left out, as `reeve sudoers` prints it: that is not widened unasked.
narrower_sudoers() {
  [ -f "$sudoers" ] && [ ! -L "$sudoers" ] || return 1
  local missing
  # Lines that only one of them has: in the first column what was added to ours, in the second what was left out.
  missing=$(comm -3 <(sudo_lines "$sudoers") <(sudo_lines "$source_dir/sudoers/reeve"))
  [ -n "$missing" ] && ! grep -qvE $'^\treeve-run ' <<<"$missing"
}

sudo_lines() { grep -vE '^[[:space:]]*(#|$)' "$1" | sort; }

directory() {
  local path=$1 owner=$2 mode=$3
  [ ! -L "$path" ] || die "$path is a symbolic link"
  if [ ! -d "$path" ]; then say "directory $path ($owner $mode)"; act mkdir -p "$path"; act_owned "$path" "$owner" "$mode"
  else owned "$path" "$owner" "$mode"; fi
}

file() {
  local from=$1 path=$2 owner=$3 mode=$4
  [ -f "$from" ] || die "$from is missing"
  if [ -f "$path" ] && [ ! -L "$path" ] && cmp -s "$from" "$path"; then owned "$path" "$owner" "$mode"; return; fi
  replace "$path" "$owner" "$mode" <"$from"
}

# New content under a temporary name, then a rename: nobody sees half a file, and a running program keeps its own.
replace() {
  local path=$1 owner=$2 mode=$3 new
  say "file $path ($owner $mode)"
  [ "$dry_run" = no ] || return 0
  mkdir -p "$(dirname "$path")"
  # The name ends in ~ so that sudo, which passes such files by, never reads a half-written rule.
  new=$(mktemp "$path.XXXXXX~")
  cat >"$new"
  chown "$owner" "$new"
  chmod "$mode" "$new"
  mv -f "$new" "$path"
}

owned() {
  local path=$1 owner=$2 mode=$3
  [ -e "$path" ] || return 0
  [ ! -L "$path" ] || die "$path is a symbolic link"
  [ "$(stat -c '%U:%G %a' "$path")" = "$owner ${mode#0}" ] && return
  say "owner and mode of $path ($owner $mode)"
  act_owned "$path" "$owner" "$mode"
}

act_owned() { act chown "$2" "$1"; act chmod "$3" "$1"; }

# ── uninstall ───────────────────────────────────────────────────────────────────────────────────────────────────

# First of all, root stops listening.
uninstall_all() {
  remove "$sudoers"
  if [ "$systemctl" = yes ]; then act systemctl disable --now "${units[@]}" 2>/dev/null || true; fi
  for name in "${units[@]}"; do remove "$unit_dir/$name"; done
  remove "$tmpfiles"
  for name in "${programs[@]}" "${root_programs[@]}"; do remove "$bin/$name"; done
  remove "$libexec"
  remove /run/reeve
  [ "$systemctl" = no ] || act systemctl daemon-reload
  [ "$purge" = no ] || purge_all
  if [ "$said" = 0 ]; then echo "nothing to do: Reeve is not installed"; fi
}

purge_all() {
  local name
  for name in /etc/reeve /var/lib/reeve /var/lib/reeve-root /var/lib/reeve-tools /var/log/reeve; do remove "$name"; done
  for name in reeve reeve-gate reeve-run reeve-tool; do
    getent passwd "$name" >/dev/null || continue
    say "remove user $name"
    act userdel "$name"
  done
  if getent group reeve-approvers >/dev/null; then say "remove group reeve-approvers"; act groupdel reeve-approvers; fi
  if getent group reeve-tools >/dev/null; then say "remove group reeve-tools"; act groupdel reeve-tools; fi
}

remove() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
  say "remove $1"
  act rm -rf "$1"
}

[ "$dry_run" = yes ] || [ "$(id -u)" = 0 ] || die "must be root"
if [ "$uninstall" = yes ]; then uninstall_all
elif [ "$purge" = yes ]; then die "--purge goes with --uninstall"
else install_all; fi
