#!/bin/bash
# Installs Reeve on this host: users, directories, binaries, wrappers, the grant key's public half, sudo, units, logrotate,
# completions and manual pages. Running it again changes nothing that is already right; configuration that exists is kept.
#
#   ./install.sh [--bin-dir DIR] [--root-bin-dir DIR] [--dry-run] [--no-systemctl] [--configure NAME [--ca DIR]]
#   ./install.sh --prefix DIR [--bin-dir DIR] [--root-bin-dir DIR] [--dry-run]
#   ./install.sh --uninstall [--purge] [--dry-run] [--no-systemctl]
#
#   --bin-dir DIR        where reeve, reeved and reeve-gate were built (default: target/release)
#   --root-bin-dir DIR   where reeve-launcher and the wrappers were built without the default features
#                        (default: target/root/release)
#   --configure NAME     where there is none: a key for the host that callers know as NAME with a request for its
#                        certificate, and a configuration that starts
#   --ca DIR             with --configure: sign the request by the authority in DIR, which is made where there is none.
#                        Whoever has its key can be anyone: on a managed host it is for trying things out
#   --prefix DIR         for packages: only the files, below DIR; no users, no state, no key, nothing in force
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
dry_run=no systemctl=yes uninstall=no purge=no prefix='' configure='' ca='' rule=reeve

readonly programs=(reeve reeved reeve-gate) root_programs=(reeve-launcher)
readonly wrappers=(reeve-zfs reeve-systemd reeve-pct reeve-git reeve-ansible reeve-tool reeve-azure)
readonly units=(reeve-launcher.socket reeve-launcher.service reeve-gate.socket reeve-gate.service reeved.socket reeved.service
  reeve-doctor.service reeve-doctor.timer reeve-lists.service reeve-lists.timer reeve-alarms.service reeve-traces.service reeve-signal.service
  reeve-secrets.service reeve-secrets.timer reeve-shields.service reeve-azure-expire.service reeve-azure-expire.timer
  reeve-azure-examine.service reeve-azure-examine.timer reeve-bridge.service reeve-hook.service reeve-witness.service)
# What a wrapper starts, and sudo does not; the second kind is none of root's side.
readonly helpers=(reeve-egress)
own_tools=(reeve-builtin)
# What ansible-playbook goes by when reeve-ansible starts it.
readonly ansible_parts=(ansible.cfg reeve_events.py)
# Tier W, where it was built.
optional_tools=(reeve-wasm)
readonly bin=/usr/local/bin libexec=/usr/local/libexec/reeve grant_pub=/etc/reeve/grant.pub
share=/usr/local/share unit_dir=/etc/systemd/system sudoers=/etc/sudoers.d/reeve tmpfiles=/etc/tmpfiles.d/reeve.conf sysusers=/etc/sysusers.d/reeve.conf
readonly logrotate=/etc/logrotate.d/reeve

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
    --configure) configure=${2:?--configure needs the name of the host}; shift 2 ;;
    --ca) ca=$(realpath -m "${2:?--ca needs a directory}"); shift 2 ;;
    --prefix) prefix=$(realpath -m "${2:?--prefix needs a directory}"); shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    --no-systemctl) systemctl=no; shift ;;
    --uninstall) uninstall=yes; shift ;;
    --purge) purge=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; die "unknown argument: $1" ;;
  esac
done
[ -d /run/systemd/system ] || systemctl=no
[[ $configure =~ ^[A-Za-z0-9.-]*$ ]] || die "--configure takes a DNS name"
[ -z "$ca" ] || [ -n "$configure" ] || die "--ca goes with --configure"

# ── install ─────────────────────────────────────────────────────────────────────────────────────────────────────

install_all() {
  check_source
  users
  directories
  files
  [ -z "$configure" ] || first_configuration
  configuration_modes
  grant_key
  install_sudoers
  [ "$systemctl" = no ] || act systemctl daemon-reload
  if [ "$said" = 0 ]; then echo "nothing to do: Reeve is installed"; fi
}

# What a package has: files alone, where a package's are. Its scripts do the rest with the host's own tools.
install_prefix() {
  share=/usr/share unit_dir=/usr/lib/systemd/system tmpfiles=/usr/lib/tmpfiles.d/reeve.conf sysusers=/usr/lib/sysusers.d/reeve.conf
  completions=("${completions[@]/site-functions/vendor-completions}")
  check_source
  files
  file "$source_dir/sudoers/reeve" "$sudoers" root:root 0440
  if [ "$said" = 0 ]; then echo "nothing to do: $prefix has all files"; fi
}

files() {
  local name
  for name in "${programs[@]}"; do file "$bin_dir/$name" "$bin/$name" root:root 0755; done
  for name in "${root_programs[@]}"; do file "$root_bin_dir/$name" "$bin/$name" root:root 0755; done
  directory "$libexec" root:root 0755
  for name in "${wrappers[@]}" "${helpers[@]}"; do file "$root_bin_dir/$name" "$libexec/$name" root:root 0755; done
  for name in "${own_tools[@]}"; do file "$bin_dir/$name" "$libexec/$name" root:root 0755; done
  # What a host has given up does not stay for others to have started.
  for name in "${optional_tools[@]}"; do [ -x "$bin_dir/$name" ] || remove "$prefix$libexec/$name"; done
  wrapper_sums
  directory "$libexec/ansible" root:root 0755
  for name in "${ansible_parts[@]}"; do file "$source_dir/wrappers/ansible/$name" "$libexec/ansible/$name" root:root 0644; done
  for name in "${units[@]}"; do file "$source_dir/systemd/$name" "$unit_dir/$name" root:root 0644; done
  file "$source_dir/systemd/reeve.tmpfiles" "$tmpfiles" root:root 0644
  file "$source_dir/systemd/reeve.sysusers" "$sysusers" root:root 0644
  file "$source_dir/systemd/reeve.logrotate" "$logrotate" root:root 0644
  command_line
}

# By which `reeve doctor` knows each wrapper again.
wrapper_sums() {
  local sums
  sums=$(mktemp)
  (cd "$root_bin_dir" && sha256sum "${wrappers[@]}") >"$sums"
  file "$sums" "$libexec/SHA256SUMS" root:root 0644
  rm -f "$sums"
}

# Where each shell and man(1) look, with what `reeve` itself says of its commands.
completions=(bash:bash-completion/completions/reeve zsh:zsh/site-functions/_reeve fish:fish/vendor_completions.d/reeve.fish)
command_line() {
  local made completion page
  made=$(mktemp -d)
  for completion in "${completions[@]}"; do
    "$bin_dir/reeve" __completions "${completion%%:*}" >"$made/completion" || die "reeve has no completions for ${completion%%:*}"
    file "$made/completion" "$share/${completion#*:}" root:root 0644
  done
  "$bin_dir/reeve" __man "$made/man" || die "reeve has no manual pages"
  for page in "$made"/man/*.1; do file "$page" "$share/man/man1/${page##*/}" root:root 0644; done
  rm -rf "$made"
}

# Before anything is touched: all that will be needed is there.
check_source() {
  local name
  for name in "${optional_tools[@]}"; do [ ! -x "$bin_dir/$name" ] || own_tools+=("$name"); done
  for name in "${programs[@]}" "${own_tools[@]}"; do [ -x "$bin_dir/$name" ] || die "$bin_dir/$name is missing (--bin-dir)"; done
  for name in "${root_programs[@]}" "${wrappers[@]}" "${helpers[@]}"; do
    [ -x "$root_bin_dir/$name" ] || die "$root_bin_dir/$name is missing (--root-bin-dir)"
  done
  [ -z "$prefix" ] || return 0
  for name in sudo visudo runuser systemd-sysusers userdel; do
    command -v "$name" >/dev/null || die "$name is missing (Debian: apt-get install sudo util-linux systemd passwd)"
  done
}

users() {
  local type name missing=no
  while read -r type name _; do
    case $type in
      u) getent passwd "$name" >/dev/null && continue; say "user $name" ;;
      g) getent group "$name" >/dev/null && continue; say "group $name" ;;
      *) continue ;;
    esac
    missing=yes
  done <"$source_dir/systemd/reeve.sysusers"
  [ "$missing" = no ] || act systemd-sysusers "$source_dir/systemd/reeve.sysusers"
}

directories() {
  local type path mode user group
  while read -r type path mode user group _; do
    if [ "$type" = d ]; then directory "$path" "$user:$group" "$mode"; fi
  done <"$source_dir/systemd/reeve.tmpfiles"
}

readonly etc=/etc/reeve
first_configuration() {
  command -v openssl >/dev/null || die "openssl is missing (Debian: apt-get install openssl)"
  if [ ! -e "$etc/tls/server.key" ]; then
    say "key and request of $configure: $etc/tls/server.key, server.csr"
    # openssl makes the key for root alone; configuration_modes lets reeved read it.
    act openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$configure" \
      -keyout "$etc/tls/server.key" -out "$etc/tls/server.csr" 2>/dev/null
  fi
  [ -z "$ca" ] || signed_here
  starter "$etc/policy.star" root:reeve-gate <"$source_dir/docs/examples/policy.star"
  starter "$etc/gate.toml" root:reeve-gate <<'E'
# Who may approve, and how they are reached: docs/configuration.md. Until somebody is named, what needs a person is refused.
E
  starter "$etc/reeved.toml" root:reeve <<'E'
listen = "0.0.0.0:8443"

[tls]
certificate = "/etc/reeve/tls/server.crt"
key = "/etc/reeve/tls/server.key"
client_ca = "/etc/reeve/tls/ca.crt"
crl = "/etc/reeve/tls/ca.crl"

# Which certificate is which principal; without one nobody gets in.
# [[identity]]
# uri = "spiffe://reeve.example/agent/librarian"
# principal = "librarian"
E
  [ -e "$etc/tls/server.crt" ] || [ "$dry_run" = yes ] ||
    echo "install.sh: next: have $etc/tls/server.csr signed (reeve pki issue server $configure --csr …); the certificate goes to $etc/tls/server.crt, the CA's to ca.crt and ca.crl beside it" >&2
}

signed_here() {
  local name
  if [ ! -e "$ca/ca.crt" ]; then say "authority in $ca"; act "$bin_dir/reeve" pki --dir "$ca" init >/dev/null; fi
  if [ ! -e "$ca/server/$configure.crt" ]; then
    say "certificate of $configure"
    act "$bin_dir/reeve" pki --dir "$ca" issue server "$configure" --csr "$etc/tls/server.csr" >/dev/null
  fi
  [ "$dry_run" = no ] || return 0
  file "$ca/server/$configure.crt" "$etc/tls/server.crt" root:reeve 0640
  for name in ca.crt ca.crl; do file "$ca/$name" "$etc/tls/$name" root:reeve 0640; done
}

# A file that is there already is somebody's, and stays.
starter() { [ -e "$1" ] || replace "$1" "$2" 0640; }

# What exists keeps its content; owner and mode are what each process may read.
configuration_modes() {
  local path name
  for path in /etc/reeve/gate.toml /etc/reeve/*.star /etc/reeve/contracts/*.toml /etc/reeve/tools/*.toml; do owned "$path" root:reeve-gate 0640; done
  for path in /etc/reeve/webhook/*; do owned "$path" root:reeve-gate 0640; done
  # Root's list of what tools may reach. The wrapper reads it, and the proxy has it from there.
  owned /etc/reeve/egress root:root 0644
  for path in /etc/reeve/reeved.toml /etc/reeve/tls/*; do owned "$path" root:reeve 0640; done
  # The gate and the one who fetches read the same file; there is no secret in it.
  owned /etc/reeve/lists.toml root:root 0644
  # The same of the gate and the one who delivers; the secrets are files of their own.
  owned /etc/reeve/alarms.toml root:root 0644
  for path in /etc/reeve/alarms/*; do owned "$path" root:reeve-alarms 0640; done
  # And of those who make spans and the one who sends them.
  owned /etc/reeve/traces.toml root:root 0644
  for path in /etc/reeve/traces/*; do owned "$path" root:reeve-traces 0640; done
  # It says where secrets are, and is none.
  owned /etc/reeve/secrets.toml root:root 0644
  # So do the next two. What each of the three is known at Azure by, where that is a file, is for its user alone.
  owned /etc/reeve/azure.toml root:root 0644
  owned /etc/reeve/shields.toml root:root 0644
  for path in /etc/reeve/{secrets,shields,azure}.{secret,pem}; do
    name=${path##*/}
    owned "$path" "root:reeve-${name%.*}" 0640
  done
  # There is no secret in it, and `reeve check` of anybody may read it.
  owned /etc/reeve/bridge.toml root:root 0644
  owned /etc/reeve/hook.toml root:root 0644
  owned /etc/reeve/witness.toml root:root 0644
  for path in /etc/reeve/witness/*; do owned "$path" root:reeve-witness 0640; done
  for path in /etc/reeve/bridge/*; do owned "$path" root:reeve-bridge 0640; done
}

# The gate makes its key as its own user, and root one that is a credential; only the public half decides what root believes.
grant_key() {
  local public why
  if [ "$dry_run" = yes ]; then
    [ -e "$grant_pub" ] || say "grant key: reeve-gate init, public half to $grant_pub"
    return
  fi
  why=$(mktemp)
  public=$(cd / && runuser -u reeve-gate -- "$bin/reeve-gate" init 2>"$why") || public=$("$bin/reeve-gate" init) ||
    die "reeve-gate init failed: $(cat "$why")"
  rm -f "$why"
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
  # sudo-rs knows fewer settings, and complains of others at each call.
  case $(sudo --version 2>&1) in sudo-rs*) rule=reeve-rs ;; esac
  visudo -cqf "$source_dir/sudoers/$rule" >/dev/null || die "sudoers/$rule is not valid"
  grep -Eqs '^[#@]includedir[[:space:]]+/etc/sudoers\.d/?$' /etc/sudoers || die "/etc/sudoers does not include /etc/sudoers.d"
  if narrower_sudoers; then
    echo "install.sh: $sudoers allows fewer wrappers than there are, and stays so; \`reeve sudoers\` prints what the contracts need" >&2
    owned "$sudoers" root:root 0440
    return
  fi
  file "$source_dir/sudoers/$rule" "$sudoers" root:root 0440
  [ "$dry_run" = yes ] || visudo -cq >/dev/null || { rm -f "$sudoers"; die "sudo's configuration is not valid with ours: taken out again"; }
}

# Whether the rule in force is ours with wrappers left out, as `reeve sudoers` prints it: that is not widened unasked.
narrower_sudoers() {
  [ -f "$sudoers" ] && [ ! -L "$sudoers" ] || return 1
  local missing
  # Lines that only one of them has: in the first column what was added to ours, in the second what was left out.
  missing=$(comm -3 <(sudo_lines "$sudoers") <(sudo_lines "$source_dir/sudoers/$rule"))
  [ -n "$missing" ] && ! grep -qvE $'^\treeve-run ' <<<"$missing"
}

sudo_lines() { grep -vE '^[[:space:]]*(#|$)' "$1" | sort; }

directory() {
  local path=$prefix$1 owner=$2 mode=$3
  [ ! -L "$path" ] || die "$path is a symbolic link"
  if [ ! -d "$path" ]; then say "directory $path ($owner $mode)"; act mkdir -p "$path"; act_owned "$path" "$owner" "$mode"
  else owned "$path" "$owner" "$mode"; fi
}

file() {
  local from=$1 path=$prefix$2 owner=$3 mode=$4
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
  remove "$sysusers"
  remove "$logrotate"
  for name in "${completions[@]}"; do
    remove "$share/${name#*:}"
    (cd "$share" && act rmdir -p "$(dirname "${name#*:}")" 2>/dev/null) || true
  done
  for name in "$share"/man/man1/reeve.1 "$share"/man/man1/reeve-*.1; do remove "$name"; done
  for name in "${programs[@]}" "${root_programs[@]}"; do remove "$bin/$name"; done
  remove "$libexec"
  remove /run/reeve
  remove /run/reeve-traces
  remove /run/reeve-azure
  remove /run/reeve-shields
  remove /run/reeve-hook
  remove /run/reeve-bridge
  [ "$systemctl" = no ] || act systemctl daemon-reload
  [ "$purge" = no ] || purge_all
  if [ "$said" = 0 ]; then echo "nothing to do: Reeve is not installed"; fi
}

purge_all() {
  local name
  for name in /etc/reeve /var/lib/reeve /var/lib/reeve-preflight /var/lib/reeve-root /var/lib/reeve-tools /var/lib/reeve-lists /var/lib/reeve-azure /var/lib/reeve-alarms /run/reeve-secrets /var/lib/reeve-signal /var/log/reeve /etc/credstore/reeve.*; do remove "$name"; done
  for name in reeve reeve-gate reeve-run reeve-lists reeve-secrets reeve-shields reeve-azure reeve-alarms reeve-traces reeve-tool reeve-egress reeve-signal reeve-bridge reeve-hook reeve-witness; do
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
if [ -n "$prefix" ]; then
  [ "$uninstall" = no ] || die "--prefix is for packages: remove $prefix"
  install_prefix
elif [ "$uninstall" = yes ]; then uninstall_all
elif [ "$purge" = yes ]; then die "--purge goes with --uninstall"
else install_all; fi
