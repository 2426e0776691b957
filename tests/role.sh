#!/bin/bash
# The Ansible role on a host that has nothing of Reeve: rehearsed, run, run again, held against the installer, and then
# an agent that it enrolled asks for something.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
# shellcheck source=assertions.sh
. "$here/assertions.sh"
export REEVE_BIN=${REEVE_BIN:-$top/target/debug} REEVE_ROOT_BIN=${REEVE_ROOT_BIN:-$top/target/root/debug}

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  # shellcheck disable=SC2317 # it is called by name
  linted() { cd "$top/ansible" && ansible-lint --offline --nocolor --profile production site.yml roles/reeve; }
  it "ansible-lint has nothing to say, at its strictest" linted
  verdict
  "$here/testbed.sh" --no-install --zfs fake "$here/role.sh"
  exit
fi

work=$(mktemp -d)
chmod 0755 "$work"
# Not below /home, which is the machine's own.
agents_home=$work/librarian
mkdir "$agents_home"
usermod --home "$agents_home" librarian
chown librarian: "$agents_home"
finish() {
  HOST_DIR=$work/host "$top/demo/host.sh" down 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
export HOME=$work ANSIBLE_LOCAL_TEMP=$work/tmp ANSIBLE_REMOTE_TEMP=/root/.ansible/tmp ANSIBLE_NOCOLOR=1 ANSIBLE_PIPELINING=1 ANSIBLE_ROLES_PATH=$top/ansible/roles \
  ANSIBLE_LOCALHOST_WARNING=false PYTHONDONTWRITEBYTECODE=1

# Without what only a debugger reads, there is a tenth to copy and to compare.
mkdir "$work/bin" "$work/root-bin"
for name in reeve reeved reeve-gate reeve-builtin; do strip -o "$work/bin/$name" "$REEVE_BIN/$name"; done
for name in launcher zfs systemd pct git ansible tool azure egress; do strip -o "$work/root-bin/reeve-$name" "$REEVE_ROOT_BIN/reeve-$name"; done

# One machine that is the controller, the host and where the agent runs.
inventory() {
  cat <<YAML
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: /usr/bin/python3
    reeve_bin_dir: $work/bin
    reeve_root_bin_dir: $work/root-bin
    reeve_pki_dir: $work/pki
    reeve_packages: []
    reeve_manage_services: false
    reeve_identities: [librarian]
  children:
    reeve_hosts:
      hosts:
        localhost:
          reeve_listen: 127.0.0.1:18443
          reeve_policy: $top/demo/etc/policy.star
          reeve_contracts: [$top/demo/etc/contracts/librarian.toml]
          reeve_azure_toml: |
            [subscriptions]
            production = "11111111-2222-3333-4444-555555555555"
            [azure]
            credentials = ["managed"]
    reeve_agents:
      hosts:
        localhost:
          reeve_agents_here: [{name: librarian, user: librarian, url: "https://localhost:18443"}]
YAML
}
inventory >"$work/inventory.yml"
play() { ansible-playbook -i "$work/inventory.yml" "$top/ansible/site.yml" "$@" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }; }
changed() { sed -n 's/.*changed=\([0-9]*\).*/\1/p' "$work/out"; }
nothing_changes() {
  play "$@" || return 1
  same 0 "$(changed)" || { grep -B1 '^changed' "$work/out"; return 1; }
}
something_changes() { play "$@" && [ "$(changed)" -gt 0 ]; }
host() {
  find /etc/reeve /etc/logrotate.d /etc/sudoers.d /etc/tmpfiles.d /etc/sysusers.d /etc/systemd/system /usr/local /var/lib/reeve* /var/log/reeve "$agents_home" \
    -printf '%p %U:%G %m %T@\n' 2>/dev/null | sort
  sha256sum /etc/passwd /etc/group
}
unchanged_by() {
  local before
  before=$(host)
  "$@" && same "$before" "$(host)"
}
install() { "$top/install.sh" --bin-dir "$work/bin" --root-bin-dir "$work/root-bin" --no-systemctl "$@"; }
agent() { setpriv --reuid librarian --regid librarian --init-groups -- env HOME="$agents_home" "$work/bin/reeve" "$@"; }

it "a rehearsal on a bare host goes to its end, and changes nothing" unchanged_by something_changes --check --diff
it "it runs" something_changes
it "a second run changes nothing" nothing_changes
it "and a rehearsal says that nothing would" nothing_changes --check --diff
# The command line's completions and pages are the installer's alone.
it "the installer finds no file, owner or mode to mend" same "" "$(install --dry-run | grep -v /usr/local/share/)"
it "it is said as whom Azure is asked" same "root:root 644" "$(stat -c '%U:%G %a' /etc/reeve/azure.toml)"
it "where it was asked for" eval '! ls /etc/reeve/secrets.toml /etc/reeve/shields.toml 2>/dev/null'
it "the authority's key is on the controller alone" same "$work/pki/ca.key" "$(find /etc/reeve "$work" -name ca.key)"
it "the agent's key is its own" same "librarian 600" "$(stat -c '%U %a' "$agents_home/.config/reeve/librarian.key")"

echo '# by hand' >>/etc/reeve/policy.star
tells_of_it() { something_changes --check --diff --start-at-task 'reeve : Install the policy' && grep -q '^-# by hand' "$work/out"; }
it "a rehearsal tells of a change by hand, and shows it" tells_of_it

# What must never come into force.
cp -r "$work/root-bin" "$work/broken"
printf '#!/bin/sh\nexit 0\n' >"$work/broken/reeve-zfs"
it "a wrapper that does not refuse ends the run" fails play -e "reeve_root_bin_dir=$work/broken" --start-at-task 'reeve : Install the wrappers' 
it "and the one in force stays" cmp "$work/root-bin/reeve-zfs" /usr/local/libexec/reeve/reeve-zfs
mkdir "$work/source"
cp -r "$top/systemd" "$top/wrappers" "$top/sudoers" "$top/docs" "$work/source/"
echo 'reeve-run ALL = (' >>"$work/source/sudoers/reeve"
it "a broken sudo rule ends the run" fails play -e "reeve_source_dir=$work/source" --start-at-task 'reeve : Allow the launcher its wrappers' 
it "and the one in force stays" cmp "$top/sudoers/reeve" /etc/sudoers.d/reeve
it "a misspelt key of the network side ends the run" fails play -e 'reeve_reeved_toml_more="lisen = 1"' --start-at-task 'reeve : Configure the network side'
it "and the file in force stays" fails grep -q lisen /etc/reeve/reeved.toml
it "a kind of work that is none is refused" fails play -e '{"reeve_kinds": ["zfs", "bash"]}'
it "fewer kinds are fewer rules, and a change by hand is taken back" something_changes -e '{"reeve_kinds": ["zfs"]}'
it "so that the policy is the controller's" cmp "$top/demo/etc/policy.star" /etc/reeve/policy.star
it "the launcher may start that one wrapper" same '/usr/local/libexec/reeve/reeve-zfs ""' "$(sed -n 's/^reeve-run .*NOPASSWD: //p' /etc/sudoers.d/reeve)"

mkdir -p "$work/host"
export HOST_DIR=$work/host
zpool create tank /dev/null
zfs create tank/media
for process in launcher gate front; do it "the $process starts with what the role wrote" "$top/demo/host.sh" start "$process"; done
it "the agent that was enrolled is heard" agent op zfs snapshot tank/media --param name=first --wait
it "and the host did it" zfs list tank/media@first
verdict
