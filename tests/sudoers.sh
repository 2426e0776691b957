#!/bin/bash
# The sudo rule, by real calls: what it allows, what it refuses, and what reaches the wrapper.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  stubs=$(mktemp -d)
  trap 'rm -rf "$stubs"' EXIT
  stand_ins "$stubs"
  REEVE_BIN=$stubs REEVE_ROOT_BIN=$stubs "$here/testbed.sh" --zfs fake "${BASH_SOURCE[0]}"
  exit
fi

readonly wrapper=/usr/local/libexec/reeve/reeve-zfs
# shellcheck source=sudo-calls.sh
. "$here/sudo-calls.sh"

commands_of() {
  sudo -l -U "$1" | sed -n '/may run the following/,$p' | sed 1d | sed 's/^ *//'
}

link_to_wrapper() { ln -sf "$wrapper" /run/link && refused reeve-run -n /run/link; }

it "the file is valid" visudo -cf /etc/sudoers.d/reeve
it "all of sudo's configuration is valid with it" visudo -c
it "the file is root's and read-only" same "root:root 440" "$(stat -c '%U:%G %a' /etc/sudoers.d/reeve)"
it "the launcher's user may run the wrapper" allowed
it "the wrapper is root, with root's groups only, without arguments, and no sudo stays between" seen 1 \
  "uid=0 gid=0 groups=0 arguments=0 parent=$(cat /proc/$$/comm)"
it "the wrapper has the caller's standard input" seen 2 "stdin=grant"
# TERM always passes; the wrapper clears what it starts. PWD is made by the stand-in's shell, which leaves out sudo's own.
it "no variable of the caller's but TERM reaches the wrapper" seen 3 \
  "HOME LOGNAME MAIL PATH PWD SHELL TERM USER "
it "the wrappers are the only things that user may run" same \
  "$(printf '(root : root) NOPASSWD: /usr/local/libexec/reeve/reeve-%s ""\n' zfs systemd pct git ansible tool azure)" \
  "$(commands_of reeve-run)"
it "an argument is refused" refused reeve-run -n "$wrapper" list
it "an empty argument is refused" refused reeve-run -n "$wrapper" ""
it "an option is refused" refused reeve-run -n "$wrapper" --help
it "another program is refused" refused reeve-run -n /usr/bin/id
it "zfs itself is refused" refused reeve-run -n /usr/sbin/zfs list
it "a shell is refused" refused reeve-run -n -s
it "a login shell is refused" refused reeve-run -n -i
it "sudoedit is refused" refused reeve-run -n -e /etc/hosts
cp "$wrapper" /usr/local/libexec/reeve/reeve-other
it "another program in the wrappers' directory is refused" refused reeve-run -n /usr/local/libexec/reeve/reeve-other
it "a path that climbs to another program is refused" refused reeve-run -n /usr/local/libexec/reeve/../../bin/reeve
it "a link to the wrapper under another name is refused" link_to_wrapper
it "running the wrapper as another user than root is refused" refused reeve-run -n -u reeve-gate "$wrapper"
it "running the wrapper with another group is refused" refused reeve-run -n -g reeve-gate "$wrapper"
it "keeping the environment is refused" refused reeve-run -n -E "$wrapper"
it "setting a variable is refused" refused reeve-run -n LD_PRELOAD=/tmp/x "$wrapper"
it "choosing the working directory is refused" refused reeve-run -n -D /tmp "$wrapper"
it "choosing a root directory is refused" refused reeve-run -n -R /tmp "$wrapper"
for user in reeve reeve-gate librarian approver nobody; do
  it "$user may not run the wrapper" refused "$user" -n "$wrapper"
done
verdict
