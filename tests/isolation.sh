#!/bin/bash
# The host that tests/testbed.sh makes: whatever happens on it, this machine is as before.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

stubs=$(mktemp -d)
trap 'rm -rf "$stubs"' EXIT
stand_ins "$stubs"
export REEVE_BIN=$stubs REEVE_ROOT_BIN=$stubs

on_testbed() { "$here/testbed.sh" --zfs fake "$@"; }
# What a command could leave here. The times of directories tell of files made and removed in them.
machine() {
  sha256sum /etc/passwd /etc/group /etc/shadow /etc/sudoers /etc/hosts
  stat -c '%n %U:%G %a %y' /etc /etc/sudoers.d /usr/sbin /usr/local /usr/local/bin /var/lib /var/log
  ls -d /run/*
  hostname
  cat /proc/mounts
}
# The name is the test's own, so that only its processes are counted.
leftovers() { pgrep -fc "sleep 98765" || true; }
vandalise='
  useradd mallory; echo x >/etc/probe; echo x >/usr/local/bin/probe; echo x >/var/log/probe; rm /etc/hosts
  mkdir -p /run/probe /var/lib/probe; hostname elsewhere; (setsid sleep 98765 &) ; kill -9 $$'

before=$(machine)
it "a command's exit status is the testbed's" exits 7 on_testbed bash -c 'exit 7'
it "a command that ruins its host is ended with it" exits 137 on_testbed bash -c "$vandalise"
it "the machine is as before" diff <(echo "$before") <(machine)
it "no process is left" same 0 "$(leftovers)"
it "a deadline ends it" exits 124 timeout 5 "$here/testbed.sh" --zfs fake sleep 98765
it "and leaves no process either" same 0 "$(leftovers)"
it "nor a directory" same "" "$(find /tmp -maxdepth 1 -name 'reeve-testbed.*' -newer "$stubs/reeve-zfs")"
it "two at once do not see each other" exits 0 on_testbed bash -c \
  "touch /run/reeve/mine; '$here/testbed.sh' --zfs fake bash -c '[ ! -e /run/reeve/mine ]'"
it "a missing program is an error" exits 70 env REEVE_BIN=/nowhere "$here/testbed.sh" --zfs fake true
[ -e /dev/zfs ] || it "real ZFS that is not there is an error" exits 70 "$here/testbed.sh" --zfs real true
verdict
