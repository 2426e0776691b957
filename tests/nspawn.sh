#!/bin/bash
# Runs a command as root on a real systemd that lives for this run: Debian, booted by systemd-nspawn.
#
#   tests/nspawn.sh [--bind DIR]… [--reboots] COMMAND [ARG…]
#   tests/nspawn.sh --prepare                      only builds the root file system, and prints where it is
#
# COMMAND is a unit of the guest's own, so that what it starts is seen by the guest's systemd; its output and exit
# status are this script's. --bind shows DIR, read-only and under its own path. With --reboots a COMMAND that ends with
# status 200 has the guest's power cut; the guest is booted again with what it had written, and COMMAND is run again, with
# REEVE_BOOT=2, and so on. Nothing is kept of the guest afterwards: it writes into memory, and its network is its own loopback. The root file system is built once and kept under a name
# made from this script's content, outside the tree.
#
# Environment: REEVE_* reach the guest; NSPAWN_SUITE the release of Debian (trixie, or bookworm); NSPAWN_TIMEOUT seconds for the command (900), NSPAWN_BOOT_TIMEOUT for the
# boot (120). Exit status 124: out of time; 125: no systemd came up. What is missing is an error: nothing is skipped.
set -euo pipefail

die() { echo "nspawn: $*" >&2; exit 125; }

script=$(realpath "${BASH_SOURCE[0]}")
cache=${REEVE_CACHE:-$HOME/.cache/reeve}
suite=${NSPAWN_SUITE:-trixie}
packages=systemd,systemd-sysv,dbus,libpam-systemd,sudo,openssl,ca-certificates,curl,jq,procps,psmisc,iproute2,python3,faketime
# Debian 12 has none.
[ "$suite" = bookworm ] || packages+=,sudo-rs
root=$cache/nspawn-$suite-$(sha256sum "$script" | cut -c1-12)
readonly script cache suite packages root

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
reboots=no
nspawn=''

# systemd-nspawn makes the guest's control group below its own, and wants a group of its own for that. Where version 1
# controllers are mounted beside version 2, the guest sees version 2 only.
groups() {
  local base
  for base in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do [ ! -d "$base" ] || echo "$base/$name"; done
  if [ -e /sys/fs/cgroup/cgroup.procs ]; then echo "/sys/fs/cgroup/$name"; fi
}

# The guest's root, for as long as this run lasts: over several boots.
layers() {
  mkdir "$work/layers" "$work/root"
  mount -t tmpfs -o mode=0755 reeve-nspawn "$work/layers" || die "cannot mount a tmpfs"
  mkdir "$work/layers/upper" "$work/layers/work"
  chmod 0755 "$work/layers/upper"
  mount -t overlay -o "lowerdir=$root,upperdir=$work/layers/upper,workdir=$work/layers/work" overlay "$work/root" ||
    die "cannot put an overlay on $root"
}

boot() {
  local group binds=() place=("--directory=$root" --volatile=overlay)
  [ "$reboots" = no ] || place=("--directory=$work/root")
  for dir in "$@"; do binds+=("--bind-ro=$dir"); done
  for group in $(groups); do mkdir -p "$group"; done
  (
    for group in $(groups); do echo "$BASHPID" >"$group/cgroup.procs"; done
    export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
    exec systemd-nspawn --quiet "${place[@]}" --boot --register=no --keep-unit \
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

# All of the guest ends at once, as in a power cut: nothing is told, nothing is written any more, and it boots as another boot. What a power cut
# takes back besides this does not: the guest's disk is this machine's memory, and keeps what was written and not synced.
cut_power() {
  local tries
  kill -KILL "$nspawn" "$1" 2>/dev/null || true
  wait "$nspawn" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    [ -e "/proc/$1" ] || break
    sleep 0.1
  done
  nspawn=''
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
  if [ "$reboots" = yes ] && [ -d "$work/root" ]; then umount "$work/root" "$work/layers" 2>/dev/null || true; fi
  rm -rf "$work"
}

main() {
  local status=0 binds=() times
  [ "$(id -u)" = 0 ] || die "must be root: it boots a system"
  for tool in systemd-nspawn debootstrap nsenter pgrep; do
    command -v "$tool" >/dev/null || die "$tool is missing: tests/install-packages.sh test"
  done
  prepare
  if [ "${1:-}" = --prepare ]; then echo "$root"; return 0; fi
  while [[ ${1:-} = --* ]]; do
    case $1 in
      --bind) binds+=("$(realpath "$2")"); shift 2 ;;
      --reboots) reboots=yes; shift ;;
      *) die "unknown option $1" ;;
    esac
  done
  [ $# -gt 0 ] || die "no command given"
  work=$(mktemp -d "${TMPDIR:-/tmp}/reeve-nspawn.XXXXXX")
  trap down EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  [ "$reboots" = no ] || layers
  for ((times = 1; ; times++)); do
    export REEVE_BOOT=$times
    status=0
    once "$@" || status=$?
    { [ "$reboots" = yes ] && [ "$status" = 200 ]; } || return "$status"
  done
}

# From a boot to the end of the command.
once() {
  local pid status=0 environment=() variable
  boot "${binds[@]}"
  pid=$(leader) || { cat "$work/console" >&2; die "no systemd came up; its console is above"; }
  for variable in $(compgen -e REEVE_ || true); do environment+=("--setenv=$variable"); done
  timeout --kill-after=10 "${NSPAWN_TIMEOUT:-900}" nsenter --target "$pid" --all \
    systemd-run --quiet --wait --pipe --collect --unit=reeve-guest-command --service-type=exec \
    --setenv=HOME=/root --working-directory=/ "${environment[@]}" -- "$@" </dev/null || status=$?
  if [ "$reboots" = yes ] && [ "$status" = 200 ]; then cut_power "$pid"; fi
  return "$status"
}

main "$@"
