#!/bin/bash
# Runs a command on this machine as if Reeve were installed on it, and leaves nothing behind.
#
#   tests/testbed.sh [--zfs real|fake|auto] [--state DIR] [--no-install] CMD [ARG…]
#
# Real users, real sudo and the production paths are used, inside private mount, PID, network and UTS namespaces:
# overlays on /etc, /usr/local, /usr/sbin, /var/lib and /var/log, and a private /run, all of which vanish with the
# command, as do the processes it left behind. The host name inside is host01, and its network is its own loopback.
#
#   --zfs auto     real OpenZFS where /dev/zfs is, the fake elsewhere (said on stderr)
#   --state DIR    keep what is written in DIR, on a real disk, instead of in memory (for measurements)
#   --no-install   the namespaces and the demo users only; install.sh is not run
#
# Environment: REEVE_BIN (default target/debug) has reeve, reeved, reeve-gate, reeve-fake-zfs and reeve-fake-pct; REEVE_ROOT_BIN
# (default target/root/debug) has reeve-launcher and the wrappers. CMD sees both under paths that every user can reach,
# REEVE_TESTBED=1, REEVE_E2E=1 and REEVE_ZFS=real|fake. What is missing is an error: nothing is skipped.
set -euo pipefail

die() { echo "testbed: $*" >&2; exit 70; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
overlaid=(/etc /usr/local /usr/sbin /var/lib /var/log)
agents=(librarian archivist)
approver=approver

outside() {
  local zfs=auto state='' install=yes scratch status=0
  while [ $# -gt 0 ]; do
    case $1 in
      --zfs) zfs=${2:-}; shift 2 ;;
      --state) state=${2:-}; shift 2 ;;
      --no-install) install=no; shift ;;
      --) shift; break ;;
      -*) die "unknown option $1" ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || die "no command given"
  [ "$(id -u)" = 0 ] || die "must be root: it mounts, and makes users"
  case $zfs in
    auto) if [ -e /dev/zfs ]; then zfs=real; else zfs=fake; echo "testbed: no /dev/zfs here: the ZFS fake is used" >&2; fi ;;
    real) [ -e /dev/zfs ] || die "--zfs real, but there is no /dev/zfs" ;;
    fake) ;;
    *) die "--zfs takes real, fake or auto" ;;
  esac
  scratch=$(mktemp -d /tmp/reeve-testbed.XXXXXX)
  # shellcheck disable=SC2064 # the name as it is now
  trap "rmdir '$scratch' 2>/dev/null || true" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ -n "$state" ]; then mkdir -p "$state"; state=$(realpath "$state"); fi
  unshare --mount --propagation private --uts --net --pid --fork --kill-child --mount-proc \
    bash "${BASH_SOURCE[0]}" --inside "$scratch" "$zfs" "$install" "${state:--}" "$@" || status=$?
  exit "$status"
}

# Everything from here on happens in the new namespaces; this shell is PID 1 there, and stays, to reap orphans.
inside() {
  local scratch=$1 zfs=$2 install=$3 state=$4 dir
  shift 4
  if [ "$state" = - ]; then
    mount -t tmpfs -o mode=0755 reeve-testbed "$scratch" || die "cannot mount a tmpfs on $scratch"
  else
    mount --bind "$state" "$scratch" || die "cannot bind $state"
  fi
  for dir in "${overlaid[@]}"; do overlay "$scratch" "$dir"; done
  reach_programs "$scratch"
  private_run "$scratch"
  name_host
  make_users
  [ "$zfs" = real ] || place_fake_zfs
  place_fake_pct
  if [ "$install" = yes ]; then install_reeve; fi
  export REEVE_TESTBED=1 REEVE_E2E=1 REEVE_ZFS=$zfs
  local status=0
  "$@" || status=$?
  stop_containers
  exit "$status"
}

overlay() {
  local scratch=$1 dir=$2 layer
  layer=$scratch/layers$dir
  mkdir -p "$layer/upper" "$layer/work"
  # The upper layer's root gives the merged directory its owner and mode.
  chmod --reference="$dir" "$layer/upper"
  chown --reference="$dir" "$layer/upper"
  mount -t overlay -o "lowerdir=$dir,upperdir=$layer/upper,workdir=$layer/work" overlay "$dir" ||
    die "cannot put an overlay on $dir: this kernel or container has no overlayfs, or $scratch is on one"
}

# /run as it is, entry by entry, on a tmpfs of our own: new entries stay here, while sockets, which an overlay would
# cut off from their listeners, keep working.
private_run() {
  local new=$1/run entry
  mkdir "$new"
  mount -t tmpfs -o mode=0755 reeve-run "$new"
  for entry in /run/* /run/.[!.]*; do
    case $entry in /run/reeve | /run/fake-zfs | /run/fake-pct) continue ;; esac
    if [ -L "$entry" ]; then cp -P "$entry" "$new/"
    elif [ -d "$entry" ]; then mkdir "$new/${entry##*/}" && mount --rbind "$entry" "$new/${entry##*/}"
    elif [ -e "$entry" ]; then : >"$new/${entry##*/}" && mount --bind "$entry" "$new/${entry##*/}"
    fi
  done
  mount --move "$new" /run
}

# What was built may lie below a home directory that only its owner enters; here any user starts the stand-ins.
reach_programs() {
  [ -d "$REEVE_BIN" ] || die "no $REEVE_BIN: make build"
  mkdir -p "$1/bin" "$1/root-bin"
  mount --bind "$REEVE_BIN" "$1/bin"
  REEVE_BIN=$1/bin
  [ ! -d "$REEVE_ROOT_BIN" ] || mount --bind "$REEVE_ROOT_BIN" "$1/root-bin"
  REEVE_ROOT_BIN=$1/root-bin
}

name_host() {
  hostname host01
  ip link set lo up || die "cannot bring the loopback up (Debian: apt-get install iproute2)"
  echo host01 >/etc/hostname
  # sudo looks the host's own name up.
  grep -qw host01 /etc/hosts || echo '127.0.1.1 host01' >>/etc/hosts
  [ -s /etc/machine-id ] || tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
}

make_users() {
  local user
  getent group reeve-approvers >/dev/null || groupadd --system reeve-approvers
  for user in "${agents[@]}" "$approver"; do
    getent passwd "$user" >/dev/null || useradd --no-create-home --shell /bin/bash "$user"
  done
  usermod -a -G reeve-approvers "$approver"
}

place_fake_zfs() {
  local fake=$REEVE_BIN/reeve-fake-zfs tool
  [ -x "$fake" ] || die "no $fake: cargo build --bin reeve-fake-zfs"
  for tool in zfs zpool; do
    rm -f "/usr/sbin/$tool"
    install -o root -g root -m 0755 "$fake" "/usr/sbin/$tool"
  done
  # The gate reads as reeve-gate and the wrapper writes as root: the fake's state is everyone's.
  mkdir -m 0777 /run/fake-zfs
  chmod 0777 /run/fake-zfs
}

# Proxmox's own tools are in no Debian, so these are always the stand-in, with real containers where there is LXC.
place_fake_pct() {
  local fake=$REEVE_BIN/reeve-fake-pct tool
  [ -x "$fake" ] || die "no $fake: cargo build --bin reeve-fake-pct"
  for tool in pct pvesm ha-manager; do
    rm -f "/usr/sbin/$tool"
    install -o root -g root -m 0755 "$fake" "/usr/sbin/$tool"
  done
  mkdir -p /run/fake-pct/templates /run/fake-pct/backups/pbs /run/fake-pct/ha
  touch /run/fake-pct/templates/debian-12.tar.zst
  command -v lxc-start >/dev/null || {
    echo "testbed: no lxc-start here: containers are only written down" >&2
    echo pure >/run/fake-pct/backing
  }
}

# The processes of containers end with the namespace; their control groups do not.
stop_containers() {
  local number state
  while read -r number state _; do
    if [ "$state" = running ]; then /usr/sbin/pct stop "$number" || true; fi
  done < <(/usr/sbin/pct list)
}

install_reeve() {
  "$top/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl >"/run/reeve-install.log" 2>&1 ||
    { cat /run/reeve-install.log >&2; die "install.sh failed"; }
}

REEVE_BIN=$(realpath -m "${REEVE_BIN:-$top/target/debug}")
REEVE_ROOT_BIN=$(realpath -m "${REEVE_ROOT_BIN:-$top/target/root/debug}")
export REEVE_BIN REEVE_ROOT_BIN

if [ "${1:-}" = --inside ]; then shift; inside "$@"; else outside "$@"; fi
