#!/bin/bash
# Runs PAYLOAD_DIR/run.sh as root in a fresh virtual machine; its output comes as it is written, its exit status is
# this script's. Nothing is kept of the guest.
#
#   tests/vm/run.sh [--reboots] PAYLOAD_DIR
#
# With --reboots a run.sh that prints REEVE-GUEST-CUT has the power cut: the emulator is killed. Then the guest is booted again,
# with what it had written to its disk by then, and run.sh is run again.
#
# Environment: VM_TIMEOUT seconds for all (3600), VM_BOOT_TIMEOUT for the boot (300), VM_CPUS (2), VM_MEMORY (2048),
# VM_IMAGE a directory to use instead of the one tests/vm/make-image.sh makes. Exit status 124: out of time;
# 125: the guest ended without a result.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
reboots=no
if [ "${1:-}" = --reboots ]; then reboots=yes; shift; fi
payload=${1:?usage: run.sh [--reboots] PAYLOAD_DIR}
[ -f "$payload/run.sh" ] || { echo "vm: $payload/run.sh is missing" >&2; exit 2; }
image=${VM_IMAGE:-$("$here/make-image.sh")}
work=$(mktemp -d "${TMPDIR:-/tmp}/reeve-vm.XXXXXX")
trap 'stop_guest; rm -rf "$work"' EXIT

stop_guest() { if [ -s "$work/pid" ]; then kill "$(cat "$work/pid")" 2>/dev/null || true; fi; }

tar -C "$payload" -cf "$work/payload.tar" .
# A disk is whole sectors.
truncate -s %512 "$work/payload.tar"

# A disk of this run's own, on a file system that survives a power cut as a host's does: the image's has no journal.
disk="file=$image/root.img,format=raw,if=virtio,snapshot=on"
if [ "$reboots" = yes ]; then
  cp --sparse=always --reflink=auto "$image/root.img" "$work/disk.img"
  tune2fs -j -J size=16 "$work/disk.img" >/dev/null
  disk="file=$work/disk.img,format=raw,if=virtio"
fi

# Emulated: nested virtualisation is rarely there, and where it is not, -cpu host fails. cx16 off, because with the
# emulator's cmpxchg16b the guest's allocator panics at boot more often than not.
guest() {
  exec timeout --kill-after=10 "${VM_TIMEOUT:-3600}" qemu-system-x86_64 \
    -accel tcg,thread=multi -cpu max,-cx16 -smp "${VM_CPUS:-2}" -m "${VM_MEMORY:-2048}" \
    -nodefaults -display none -no-reboot -pidfile "$work/pid" \
    -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
    -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 systemd.unit=reeve-guest.service" \
    -drive "$disk" \
    -drive "file=$work/payload.tar,format=raw,if=virtio,readonly=on" \
    -device virtio-rng-pci -serial "file:$work/console" \
    -chardev stdio,id=out,signal=off -serial chardev:out </dev/null
}

# Passes the guest's output on, but for the lines that are ours and what comes after the last of them.
relay() {
  local line
  while IFS= read -r line; do
    line=${line%$'\r'}
    case $line in
      REEVE-GUEST-UP) : >"$work/up" ;;
      REEVE-GUEST-EXIT=*) echo "${line#*=}" >"$work/status" ;;
      REEVE-GUEST-CUT) cut_power ;;
      *) [ -e "$work/status" ] || printf '%s\n' "$line" ;;
    esac
  done
}

# As a power cut does: nothing is told, nothing is written any more.
cut_power() {
  [ "$reboots" = yes ] || return 0
  : >"$work/cut"
  kill -KILL "$(cat "$work/pid")"
}

boot_watch() {
  local waited
  for ((waited = 0; waited < ${VM_BOOT_TIMEOUT:-300}; waited++)); do
    if [ -e "$work/up" ]; then return; fi
    sleep 1
  done
  echo "vm: not up after ${waited}s" >&2
  stop_guest
}

# From a boot of the guest to its end: true when it gave a result or had its power cut, false when it is worth another try.
attempt() {
  local watcher status=0
  rm -f "$work/up" "$work/status" "$work/pid" "$work/cut"
  boot_watch &
  watcher=$!
  guest | relay || status=${PIPESTATUS[0]}
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  [ ! -s "$work/status" ] || return 0
  [ ! -e "$work/cut" ] || return 0
  echo "vm: the guest ended without a result (qemu: $status); the end of its console:" >&2
  tail -n 20 "$work/console" >&2 || true
  [ "$status" != 124 ] || { echo "vm: out of time" >&2; exit 124; }
  return 1
}

boot() {
  echo "vm: booting (emulated; takes up to a minute)" >&2
  if attempt; then return; fi
  [ ! -e "$work/up" ] || exit 125
  echo "vm: it did not come up; once more" >&2
  attempt || exit 125
}

boot
while [ -e "$work/cut" ]; do
  echo "vm: its power was cut" >&2
  boot
done
exit "$(cat "$work/status")"
