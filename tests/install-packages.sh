#!/bin/bash
# Installs the Debian packages whose commands are missing; does nothing, and needs no network, when all are there.
#
#   tests/install-packages.sh demo|test|real|bench
set -euo pipefail

# What each suite calls, and the package that has it.
demo_needs=(cc:gcc make:make sudo:sudo visudo:sudo useradd:passwd unshare:util-linux setpriv:util-linux mount:mount
  hostname:hostname ps:procps ip:iproute2 /usr/bin/python3:python3 /usr/bin/git:git bwrap:bubblewrap)
test_needs=("${demo_needs[@]}" shellcheck:shellcheck runuser:util-linux systemd-analyze:systemd jq:jq curl:curl
  systemd-nspawn:systemd-container debootstrap:debootstrap nsenter:util-linux openssl:openssl pgrep:procps
  promtool:prometheus ansible-playbook:ansible-core ansible-lint:ansible-lint lintian:lintian strip:binutils sshd:openssh-server ssh:openssh-client script:bsdutils lxc-start:lxc
  busybox:busybox-static dpkg-shlibdeps:dpkg-dev node:nodejs java:default-jre-headless go:golang-go rg:ripgrep rsyslogd:rsyslog-gnutls logrotate:logrotate)
real_needs=(qemu-system-x86_64:qemu-system-x86 mke2fs:e2fsprogs tar:tar strip:binutils npm:npm
  pip3:python3-pip)
bench_needs=("${test_needs[@]}" taskset:util-linux nginx:nginx-light sshd:openssh-server ssh:openssh-client
  eatmydata:eatmydata)

case ${1:-} in
  demo) needs=("${demo_needs[@]}") ;;
  test) needs=("${test_needs[@]}") ;;
  real) needs=("${test_needs[@]}" "${real_needs[@]}") ;;
  bench) needs=("${bench_needs[@]}") ;;
  *) echo "usage: install-packages.sh demo|test|real|bench" >&2; exit 2 ;;
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
