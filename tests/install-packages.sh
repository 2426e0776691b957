#!/bin/bash
# Installs the Debian packages whose commands are missing; does nothing, and needs no network, when all are there.
#
#   tests/install-packages.sh test|real|bench
set -euo pipefail

# What each suite calls, and the package that has it.
test_needs=(cc:gcc make:make shellcheck:shellcheck sudo:sudo visudo:sudo useradd:passwd unshare:util-linux
  runuser:util-linux setpriv:util-linux mount:mount hostname:hostname systemd-analyze:systemd jq:jq curl:curl
  systemd-nspawn:systemd-container debootstrap:debootstrap nsenter:util-linux openssl:openssl ps:procps pgrep:procps
  python3:python3 ip:iproute2 promtool:prometheus ansible-playbook:ansible-core
  /usr/bin/git:git sshd:openssh-server ssh:openssh-client script:bsdutils lxc-start:lxc
  busybox:busybox-static)
real_needs=(qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs tar:tar strip:binutils npm:npm
  pip3:python3-pip)
bench_needs=("${test_needs[@]}" taskset:util-linux nginx:nginx-light sshd:openssh-server ssh:openssh-client
  eatmydata:eatmydata)

case ${1:-} in
  test) needs=("${test_needs[@]}") ;;
  real) needs=("${test_needs[@]}" "${real_needs[@]}") ;;
  bench) needs=("${bench_needs[@]}") ;;
  *) echo "usage: install-packages.sh test|real|bench" >&2; exit 2 ;;
esac

export PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive
missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}"
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "install-packages.sh: install these yourself (this needs root and apt-get): ${missing[*]}" >&2
  exit 1
fi
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends "${missing[@]}"
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || { echo "install-packages.sh: ${need##*:} did not bring ${need%%:*}" >&2; exit 1; }
done
