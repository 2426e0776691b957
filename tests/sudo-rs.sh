#!/bin/bash
# The sudo rule with sudo-rs in sudo's place, by real calls: what it allows, what it refuses, and what reaches the wrapper.
# In a guest that lives for this run, because Debian 12 has no sudo-rs.
#
# Environment: REEVE_BIN and REEVE_ROOT_BIN as for testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"
in_guest "$here/sudo-rs.sh"

wrapper=/usr/local/libexec/reeve/reeve-zfs
# shellcheck source=sudo-calls.sh
. "$here/sudo-calls.sh"
install_it() { "$top/install.sh" --bin-dir "$1" --root-bin-dir "$2" --no-systemctl; }
check() { reeve doctor --dry-run --json | jq -r --arg id "$1" '.checks[] | select(.id == $id) | .status'; }

# First as a host with the old sudo has it, and then with the other in its place.
install_it "$REEVE_BIN" "$REEVE_ROOT_BIN" >/run/install.log
cp "$top/demo/etc/policy.star" /etc/reeve/
: >/etc/reeve/gate.toml
it "the old sudo and its rule fit" same pass "$(check sudo)"
ln -sf ../lib/cargo/bin/sudo /usr/bin/sudo
ln -sf ../lib/cargo/bin/visudo /usr/sbin/visudo
it "sudo is sudo-rs now" grep -q '^sudo-rs ' <(sudo --version 2>&1)
it "which does not fit the rule for the old one, as the doctor says" same warn "$(check sudo)"
it "the command line prints the rule for it" same "$(cat "$top/sudoers/reeve-rs")" "$(reeve sudoers --all)"
install_it "$REEVE_BIN" "$REEVE_ROOT_BIN" >/run/install.log
it "the installer brings the rule for it" cmp "$top/sudoers/reeve-rs" /etc/sudoers.d/reeve
it "and nothing the second time" same "nothing to do: Reeve is installed" "$(install_it "$REEVE_BIN" "$REEVE_ROOT_BIN")"
for id in sudo sudo-rule canary-sudo; do it "the doctor's check $id passes" same pass "$(check "$id")"; done
it "the real wrapper starts, and refuses without a grant" same 125 "$(as reeve-run sudo -n -- "$wrapper" </dev/null >/dev/null 2>&1; echo $?)"
sed -i '/reeve-pct\|reeve-git/d' /etc/sudoers.d/reeve
install_it "$REEVE_BIN" "$REEVE_ROOT_BIN" >/run/install.log 2>&1
it "a narrower rule is kept, and not widened" fails grep -q 'reeve-pct\|reeve-git' /etc/sudoers.d/reeve
install -m 0440 "$top/sudoers/reeve-rs" /etc/sudoers.d/reeve

# What reaches a wrapper is told by one that says it.
stand_ins /opt/stand-ins
install -m 0755 /opt/stand-ins/reeve-zfs "$wrapper"
it "with sudo-rs, the file is valid" visudo -cf /etc/sudoers.d/reeve
it "with sudo-rs, the launcher's user may run the wrapper" allowed
it "with sudo-rs, nothing is complained of" same "" "$(cat /run/complaints)"
it "with sudo-rs, the wrapper is root, with root's groups only, without arguments" seen 1 "uid=0 gid=0 groups=0 arguments=0 parent=sudo"
it "with sudo-rs, the wrapper has the caller's standard input" seen 2 "stdin=grant"
it "with sudo-rs, no variable of the caller's but TERM reaches the wrapper" seen 3 "HOME LOGNAME MAIL PATH PWD SHELL TERM USER "
it "with sudo-rs, an argument is refused" refused reeve-run -n "$wrapper" list
it "with sudo-rs, an empty argument is refused" refused reeve-run -n "$wrapper" ""
it "with sudo-rs, an option is refused" refused reeve-run -n "$wrapper" --help
it "with sudo-rs, another program is refused" refused reeve-run -n /usr/bin/id
it "with sudo-rs, a shell is refused" refused reeve-run -n -s
it "with sudo-rs, a login shell is refused" refused reeve-run -n -i
it "with sudo-rs, sudoedit is refused" refused reeve-run -n -e /etc/hosts
it "with sudo-rs, a path that climbs to another program is refused" refused reeve-run -n /usr/local/libexec/reeve/../../bin/reeve
ln -sf "$wrapper" /run/link
it "with sudo-rs, a link to the wrapper under another name is refused" refused reeve-run -n /run/link
it "with sudo-rs, another user than root is refused" refused reeve-run -n -u reeve-gate "$wrapper"
it "with sudo-rs, another group is refused" refused reeve-run -n -g reeve-gate "$wrapper"
it "with sudo-rs, setting a variable is refused" refused reeve-run -n LD_PRELOAD=/tmp/x "$wrapper"
it "with sudo-rs, choosing the working directory is refused" refused reeve-run -n -D /tmp "$wrapper"
it "with sudo-rs, choosing a root directory is refused" refused reeve-run -n -R /tmp "$wrapper"
kept() { echo grant | as reeve-run sudo -n -E "$wrapper" 2>/dev/null | sed -n 3p; }
it "with sudo-rs, asking for the environment brings none of it" same "HOME LOGNAME MAIL PATH PWD SHELL TERM USER " "$(kept || true)"
for user in reeve reeve-gate nobody; do
  it "with sudo-rs, $user may not run the wrapper" refused "$user" -n "$wrapper"
done
verdict
