#!/bin/bash
# Runs a command as root on a real systemd that lives for this run: Debian trixie, booted by systemd-nspawn.
#
#   tests/nspawn.sh [--bind DIR]… COMMAND [ARG…]
#   tests/nspawn.sh --prepare                      only builds the root file system, and prints where it is
#
# COMMAND is a unit of the guest's own, so that what it starts is seen by the guest's systemd; its output and exit
# status are this script's. --bind shows DIR, read-only and under its own path. Nothing is kept of the guest: it
# writes into memory, and its network is its own loopback. The root file system is built once and kept under a name
# made from this script's content, outside the tree.
#
# Environment: REEVE_* reach the guest; NSPAWN_TIMEOUT seconds for the command (900), NSPAWN_BOOT_TIMEOUT for the
# boot (120). Exit status 124: out of time; 125: no systemd came up. What is missing is an error: nothing is skipped.
set -euo pipefail

die() { echo "nspawn: $*" >&2; exit 125; }

script=$(realpath "${BASH_SOURCE[0]}")
cache=${REEVE_CACHE:-$HOME/.cache/reeve}
root=$cache/nspawn-$(sha256sum "$script" | cut -c1-12)
readonly script cache root suite=trixie
readonly packages=systemd,systemd-sysv,dbus,libpam-systemd,sudo,sudo-rs,openssl,ca-certificates,curl,jq,procps,psmisc,iproute2,python3

prepare() {
  local work
  mkdir -p "$cache"
  exec 9>"$root.lock"
  flock 9
  if [ ! -d "$root" ]; then
    work=$(mktemp -d "$cache/nspawn-building.XXXXXX")
    echo "nspawn: building $root, once; log in $work.log" >&2
    debootstrap --variant=minbase --include="$packages" "$suite" "$work" "$(mirror)" >"$work.log" 2>&1 ||
      die "debootstrap failed: see $work.log"
    finish "$work"
    chmod 0755 "$work"
    mv -T "$work" "$root"
  fi
  exec 9>&-
}

# The first mirror that apt on this machine uses for its own release has the guest's release, too.
mirror() {
  local codename
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016 # apt expands it
  apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' "Release: $codename" | grep -m1 . ||
    echo http://deb.debian.org/debian
}

finish() {
  local unit
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
  : >"$1/etc/machine-id"
  echo reeve-guest >"$1/etc/hostname"
  echo '127.0.0.1 localhost reeve-guest' >"$1/etc/hosts"
  # What would only cost time in a guest that lives for one run.
  for unit in timers.target ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
    systemd-update-done.service systemd-firstboot.service getty.target console-getty.service; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
  done
}

name=reeve-$$
work=''
nspawn=''

# systemd-nspawn makes the guest's control group below its own, and wants a group of its own for that. Where version 1
# controllers are mounted beside version 2, the guest sees version 2 only.
groups() {
  local base
  for base in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do [ ! -d "$base" ] || echo "$base/$name"; done
  if [ -e /sys/fs/cgroup/cgroup.procs ]; then echo "/sys/fs/cgroup/$name"; fi
}

boot() {
  local group binds=()
  for dir in "$@"; do binds+=("--bind-ro=$dir"); done
  for group in $(groups); do mkdir -p "$group"; done
  (
    for group in $(groups); do echo "$BASHPID" >"$group/cgroup.procs"; done
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
    exec systemd-nspawn --quiet --directory="$root" --volatile=overlay --boot --register=no --keep-unit \
      --private-network --machine="$name" --hostname=reeve-guest --console=pipe "${binds[@]}" systemd.log_target=journal
  ) </dev/null >"$work/console" 2>&1 &
  nspawn=$!
}

# The guest's PID 1, once its systemd has come up: nothing that was wanted at boot is still being started.
leader() {
  local tries pid state
  for ((tries = 0; tries < ${NSPAWN_BOOT_TIMEOUT:-120} * 10; tries++)); do
    kill -0 "$nspawn" 2>/dev/null || return 1
    pid=$(pgrep --parent "$nspawn" | head -n 1) || true
    if [ -n "$pid" ]; then
      state=$(nsenter --target "$pid" --all systemctl is-system-running 2>/dev/null) || true
      case $state in running | degraded) echo "$pid"; return 0 ;; esac
    fi
    sleep 0.1
  done
  return 1
}

down() {
  local tries group
  [ -z "$nspawn" ] || kill -TERM "$nspawn" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    if [ -z "$nspawn" ] || ! kill -0 "$nspawn" 2>/dev/null; then break; fi
    sleep 0.1
  done
  [ -z "$nspawn" ] || kill -KILL "$nspawn" 2>/dev/null || true
  for group in $(groups); do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf "$work"
}

main() {
  local pid status=0 binds=() environment=() variable
  [ "$(id -u)" = 0 ] || die "must be root: it boots a system"
  for tool in systemd-nspawn debootstrap nsenter pgrep; do
    command -v "$tool" >/dev/null || die "$tool is missing: tests/install-packages.sh test"
  done
  prepare
  if [ "${1:-}" = --prepare ]; then echo "$root"; return 0; fi
  while [ "${1:-}" = --bind ]; do binds+=("$(realpath "$2")"); shift 2; done
  [ $# -gt 0 ] || die "no command given"
  work=$(mktemp -d "${TMPDIR:-/tmp}/reeve-nspawn.XXXXXX")
  trap down EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  boot "${binds[@]}"
  pid=$(leader) || { cat "$work/console" >&2; die "no systemd came up; its console is above"; }
  for variable in $(compgen -e REEVE_ || true); do environment+=("--setenv=$variable"); done
  timeout --kill-after=10 "${NSPAWN_TIMEOUT:-900}" nsenter --target "$pid" --all \
    systemd-run --quiet --wait --pipe --collect --unit=reeve-guest-command --service-type=exec \
    --setenv=HOME=/root --working-directory=/ "${environment[@]}" -- "$@" </dev/null || status=$?
  return "$status"
}

main "$@"
