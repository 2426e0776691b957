#!/bin/bash
# Builds the virtual machine for the tests on real components: Debian trixie with OpenZFS 2.3, systemd and sudo.
# Prints the directory that has it: vmlinuz, initrd.img, root.img. It is built once (some five minutes) and kept
# under a name made from this script's content, outside the tree; the state of an interrupted build is never used.
#
#   tests/vm/make-image.sh      needs root, debootstrap, mke2fs and the Debian mirror this machine uses
set -euo pipefail

die() { echo "make-image: $*" >&2; exit 1; }

script=$(realpath "${BASH_SOURCE[0]}")
cache=${REEVE_CACHE:-$HOME/.cache/reeve}
image=$cache/vm-$(sha256sum "$script" | cut -c1-12)
readonly script cache image suite=trixie

packages=(systemd systemd-sysv dbus libpam-systemd polkitd udev kmod initramfs-tools
  linux-image-cloud-amd64 linux-headers-cloud-amd64 dkms build-essential
  sudo openssl ca-certificates curl jq procps psmisc iproute2 python3 git bubblewrap ansible-core)

main() {
  [ "$(id -u)" = 0 ] || die "must be root: it makes a file system"
  mkdir -p "$cache"
  exec 9>"$image.lock"
  flock 9
  if [ ! -d "$image" ]; then build; fi
  echo "$image"
}

# The mounts live in a mount namespace of their own, so that they end with the build however it ends.
build() {
  local work
  work=$(mktemp -d "$cache/vm-building.XXXXXX")
  echo "make-image: building $image, once; logs in $work" >&2
  local status=0
  unshare --mount --propagation private bash "$script" --build "$work" >&2 || status=$?
  rm -rf "$work/root"
  [ "$status" = 0 ] || die "failed: see $work/*.log"
  mv -T "$work" "$image"
}

in_namespace() {
  local work=$1 root=$1/root
  step "base system"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" >"$work/debootstrap.log" 2>&1
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # How this machine reaches its mirror (a proxy, a mirror past its date) holds for the guest's build as well.
  apt-config dump | grep -E '^Acquire::(http|https|Check-Valid-Until|Check-Date)' >"$root/etc/apt/apt.conf.d/90host" || true
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --bind /dev "$root/dev"
  mkdir -p "$root/dev/pts"
  mount -t devpts devpts "$root/dev/pts"
  step "packages, and the ZFS module"
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
    DEBIAN_FRONTEND=noninteractive bash -s -- "${packages[@]}" <<<"$(declare -f in_chroot); in_chroot \"\$@\"" \
    >"$work/packages.log" 2>&1
  grep -q '^zfs/.*: installed' "$work/packages.log"
  guest_service "$root"
  umount "$root/dev/pts" "$root/dev" "$root/sys" "$root/proc"
  step "image"
  cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
  cp "$root"/boot/initrd.img-* "$work/initrd.img"
  rm -rf "${root:?}"/boot/* "$root"/usr/src/* "$root"/usr/lib/gcc "$root"/usr/libexec/gcc "$root"/usr/lib/llvm* \
    "$root"/var/lib/dkms "$root"/var/cache/apt "$root"/var/lib/apt/lists/* "$root"/etc/apt/apt.conf.d/90host
  truncate -s 4G "$work/root.img"
  mke2fs -q -t ext4 -O ^has_journal -d "$root" "$work/root.img"
  step "done"
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

in_chroot() {
  set -eu
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
  sed -i -E 's/^(deb .*) main.*$/\1 main contrib/' /etc/apt/sources.list
  printf 'path-exclude=/usr/share/%s/*\n' doc man locale >/etc/dpkg/dpkg.cfg.d/no-docs
  echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io
  mkdir -p /etc/initramfs-tools/conf.d
  # An emulated processor takes its time to unpack: only what finds the disk.
  printf 'MODULES=list\nCOMPRESS=gzip\n' >/etc/initramfs-tools/conf.d/small
  apt-get update -q
  apt-get install -y -q --no-install-recommends "$@"
  printf '%s\n' virtio_pci virtio_blk ext4 >/etc/initramfs-tools/modules
  apt-get install -y -q --no-install-recommends zfs-dkms zfsutils-linux
  update-initramfs -u
  dkms status
  rm -f /usr/sbin/policy-rc.d
}

# The guest does one thing: unpack what is on its second disk, run it, tell the result, power off. Beside it comes up
# what a host has, as its own boot, which is over while the payload runs: systemd keeps enabled units in memory then.
guest_service() {
  local root=$1 unit
  cat >"$root/etc/systemd/system/reeve-guest.service" <<'UNIT'
[Unit]
Description=Run the payload on the second disk
Requires=basic.target
After=basic.target dbus.socket
Wants=multi-user.target
AllowIsolate=yes
[Service]
Type=exec
Environment=HOME=/root
ExecStart=/usr/local/sbin/reeve-guest
StandardOutput=file:/dev/ttyS1
StandardError=inherit
TimeoutStartSec=0
UNIT
  cat >"$root/usr/local/sbin/reeve-guest" <<'GUEST'
#!/bin/bash
stty -F /dev/ttyS1 -opost
echo REEVE-GUEST-UP
mkdir -p /payload && tar -C /payload -xf /dev/vdb && cd /payload && bash ./run.sh </dev/null
echo "REEVE-GUEST-EXIT=$?"
sync
systemctl --quiet poweroff -ff
GUEST
  chmod 0755 "$root/usr/local/sbin/reeve-guest"
  echo reeve-guest >"$root/etc/hostname"
  echo '127.0.0.1 localhost reeve-guest' >"$root/etc/hosts"
  echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
  : >"$root/etc/machine-id"
  # First-boot work and timers that would only cost time in a guest that lives for one run.
  for unit in timers.target ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
    systemd-update-done.service systemd-pcrlock.target systemd-firstboot.service getty.target; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}

step() { echo "make-image: [${SECONDS}s] $*"; }

if [ "${1:-}" = --build ]; then in_namespace "$2"; else main; fi
