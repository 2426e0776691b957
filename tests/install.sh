#!/bin/bash
# The installer on a host that has nothing of Reeve: what it makes, that a second run changes nothing, what it mends,
# what it refuses, and what leaves with it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  stubs=$(mktemp -d)
  trap 'rm -rf "$stubs"' EXIT
  stand_ins "$stubs"
  REEVE_BIN=$stubs REEVE_ROOT_BIN=$stubs "$here/testbed.sh" --no-install --zfs fake "${BASH_SOURCE[0]}"
  exit
fi

install() { "$here/../install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl "$@"; }
# Everything that an installation owns, with owner, mode and content.
host() {
  find /etc/reeve /etc/logrotate.d /etc/sudoers.d /etc/tmpfiles.d /etc/sysusers.d /etc/systemd/system /usr/local /var/lib/reeve /var/lib/reeve-preflight /var/lib/reeve-root /var/lib/reeve-tools /var/lib/reeve-lists /var/lib/reeve-alarms /run/reeve-traces /run/reeve-azure /run/reeve-shields /run/reeve-hook /run/reeve-bridge /var/log/reeve \
    /run/reeve \( -name 'reeve*' -o -name _reeve -o -path '*/reeve*/*' \) -printf '%p %U:%G %m %T@\n' 2>/dev/null | sort
  sha256sum /etc/passwd /etc/group
}
unchanged_by() {
  local before
  before=$(host)
  "$@" && same "$before" "$(host)"
}
paths() { cut -d' ' -f1 <<<"$1" | grep ^/; }
readable_by() { setpriv --reuid "$1" --regid "$1" --init-groups -- test -r "$2"; }
writable_by() { setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups -- test -w "$2"; }

bare=$(host)
it "a dry run changes nothing" unchanged_by install --dry-run
it "a missing program is named, and nothing is changed" unchanged_by fails install --bin-dir /nowhere
it "it installs" install
it "a second run changes nothing" unchanged_by install
it "a second run says so" same "nothing to do: Reeve is installed" "$(install --no-systemctl)"

while read -r path owner mode; do
  it "$path is $owner $mode" is "$path" "$owner $mode"
done <<'TABLE'
/etc/reeve root:root 755
/etc/reeve/contracts root:reeve-gate 750
/etc/reeve/playbooks root:reeve-gate 750
/etc/reeve/tools root:reeve-gate 750
/etc/reeve/module-keys root:root 755
/etc/reeve/tls root:reeve 750
/etc/reeve/webhook root:reeve-gate 750
/etc/reeve/grant.pub root:root 644
/etc/sudoers.d/reeve root:root 440
/var/lib/reeve reeve-gate:reeve-gate 700
/var/lib/reeve-root root:root 755
/var/lib/reeve-root/spent root:root 700
/var/lib/reeve-root/ansible root:root 700
/var/lib/reeve-tools root:reeve-tools 710
/var/lib/reeve-tools/fresh root:root 755
/var/lib/reeve-tools/named root:reeve-tools 710
/var/lib/reeve-tools/principal root:reeve-tools 710
/var/log/reeve reeve-gate:reeve-gate 750
/var/lib/reeve-lists reeve-lists:reeve-lists 755
/var/lib/reeve-azure reeve-azure:reeve-azure 700
/etc/reeve/alarms root:reeve-alarms 750
/etc/reeve/bridge root:reeve-bridge 750
/etc/reeve/witness root:reeve-witness 750
/var/lib/reeve-alarms root:root 755
/var/lib/reeve-alarms/waiting reeve-gate:reeve-alarms 750
/var/lib/reeve-alarms/told reeve-alarms:reeve-gate 750
/run/reeve-secrets root:root 755
/run/reeve-secrets/told reeve-secrets:reeve-secrets 755
/run/reeve-secrets/gate reeve-secrets:reeve-gate 2750
/run/reeve-secrets/reeved reeve-secrets:reeve 2750
/run/reeve-azure root:root 755
/run/reeve-azure/told reeve-azure:reeve-azure 755
/etc/reeve/traces root:reeve-traces 750
/run/reeve-bridge reeve-bridge:reeve-gate 2750
/run/reeve-hook reeve-hook:reeve-gate 2750
/run/reeve-shields reeve-shields:reeve-gate 2750
/run/reeve-traces reeve-traces:reeve-traces 755
/run/reeve-secrets/alarms reeve-secrets:reeve-alarms 2750
/run/reeve-secrets/traces reeve-secrets:reeve-traces 2750
/run/reeve-secrets/bridge reeve-secrets:reeve-bridge 2750
/run/reeve-secrets/witness reeve-secrets:reeve-witness 2750
/run/reeve reeve-gate:reeve-run 1775
/usr/local/bin/reeve root:root 755
/usr/local/bin/reeved root:root 755
/usr/local/bin/reeve-gate root:root 755
/usr/local/bin/reeve-launcher root:root 755
/usr/local/libexec/reeve root:root 755
/usr/local/libexec/reeve/reeve-zfs root:root 755
/usr/local/libexec/reeve/reeve-systemd root:root 755
/usr/local/libexec/reeve/reeve-pct root:root 755
/usr/local/libexec/reeve/reeve-git root:root 755
/usr/local/libexec/reeve/reeve-ansible root:root 755
/usr/local/libexec/reeve/reeve-tool root:root 755
/usr/local/libexec/reeve/reeve-azure root:root 755
/usr/local/libexec/reeve/reeve-egress root:root 755
/usr/local/libexec/reeve/reeve-builtin root:root 755
/usr/local/libexec/reeve/reeve-wasm root:root 755
/usr/local/libexec/reeve/SHA256SUMS root:root 644
/var/lib/reeve-preflight root:reeve-gate 750
/usr/local/libexec/reeve/ansible root:root 755
/usr/local/libexec/reeve/ansible/ansible.cfg root:root 644
/usr/local/libexec/reeve/ansible/reeve_events.py root:root 644
/etc/logrotate.d/reeve root:root 644
/etc/tmpfiles.d/reeve.conf root:root 644
/etc/sysusers.d/reeve.conf root:root 644
/usr/local/share/bash-completion/completions/reeve root:root 644
/usr/local/share/zsh/site-functions/_reeve root:root 644
/usr/local/share/fish/vendor_completions.d/reeve.fish root:root 644
/usr/local/share/man/man1/reeve.1 root:root 644
/usr/local/share/man/man1/reeve-op.1 root:root 644
TABLE

it "the grant key's public half is what the gate's user printed" same "$(printf '%064d' 7)" "$(cat /etc/reeve/grant.pub)"
for user in reeve reeve-gate reeve-run reeve-lists reeve-secrets reeve-shields reeve-azure reeve-alarms reeve-traces reeve-tool reeve-egress reeve-signal reeve-bridge reeve-hook reeve-witness; do
  it "$user cannot log in" same /usr/sbin/nologin "$(getent passwd "$user" | cut -d: -f7)"
  it "$user cannot write the configuration" fails writable_by "$user" /etc/reeve
  it "$user cannot write the ledger's directory" fails writable_by "$user" /var/lib/reeve-root
done
it "the tools' user is in the tools' group and in no other" same "$(getent group reeve-tools | cut -d: -f3)" "$(id -G reeve-tool)"
it "the proxy's user is in its own group and in no other" same "$(getent group reeve-egress | cut -d: -f3)" "$(id -G reeve-egress)"
it "the network side cannot read the keys of votes" fails readable_by reeve /etc/reeve/webhook
it "who delivers alarms cannot take one out or make one up" fails writable_by reeve-alarms /var/lib/reeve-alarms/waiting
it "the gate cannot say that one was told" fails writable_by reeve-gate /var/lib/reeve-alarms/told
it "who delivers alarms cannot read the gate's state" fails readable_by reeve-alarms /var/lib/reeve
it "the gate cannot read the secrets that alarms are sent with" fails readable_by reeve-gate /etc/reeve/alarms
it "the gate cannot read the token that traces are sent with" fails readable_by reeve-gate /etc/reeve/traces
it "the gate cannot read the key by which signal-cli is reached" fails readable_by reeve-gate /etc/reeve/bridge
it "who sends traces cannot read the gate's state" fails readable_by reeve-traces /var/lib/reeve
it "the gate alone is in the group of the Signal daemon's socket" same "reeve-gate" "$(getent group reeve-signal | cut -d: -f4)"
it "nobody is in the group that has the identity for Prompt Shields" same "" "$(getent group reeve-shields | cut -d: -f4)"
it "nor in that of the bridge's key" same "" "$(getent group reeve-bridge | cut -d: -f4)"
it "nor in the hook's" same "" "$(getent group reeve-hook | cut -d: -f4)"
it "the hook cannot read the gate's state" fails readable_by reeve-hook /var/lib/reeve
it "who takes checkpoints to others cannot read the log" fails readable_by reeve-witness /var/log/reeve
it "the bridge cannot read the gate's state" fails readable_by reeve-bridge /var/lib/reeve
it "the gate and the launcher can make their sockets" eval 'writable_by reeve-gate /run/reeve && writable_by reeve-run /run/reeve'
it "reeved cannot make a socket beside them" fails writable_by reeve /run/reeve
touch /run/reeve/gate.sock && chown reeve-gate /run/reeve/gate.sock
it "the launcher cannot take the gate's socket away" fails setpriv --reuid reeve-run --regid reeve-run --init-groups -- rm -f /run/reeve/gate.sock
rm -f /run/reeve/gate.sock

it "the completions are what the command line says of itself" same "completions for zsh" "$(cat /usr/local/share/zsh/site-functions/_reeve)"
it "systemd itself would make no directory otherwise" unchanged_by systemd-tmpfiles --create /etc/tmpfiles.d/reeve.conf
it "and no user" unchanged_by systemd-sysusers /etc/sysusers.d/reeve.conf

# For a package: files, and nothing of this host's.
packaged=$(mktemp -d)
it "with --prefix it touches nothing of the host" unchanged_by install --prefix "$packaged"
it "and a second run nothing below it" same "nothing to do: $packaged has all files" "$(install --prefix "$packaged")"
it "a package has the wrappers" is "$packaged/usr/local/libexec/reeve/reeve-zfs" "root:root 755"
it "its unit where packages have theirs" is "$packaged/usr/lib/systemd/system/reeved.service" "root:root 644"
it "its sudo rule as sudo wants it" is "$packaged/etc/sudoers.d/reeve" "root:root 440"
it "but no key, no state and no configuration" fails test -e "$packaged/etc/reeve" -o -e "$packaged/var" -o -e "$packaged/run"
it "what --prefix made is not uninstalled by it" fails install --prefix "$packaged" --uninstall
rm -rf "$packaged"

# Built without the feature `wasm`.
without=$(mktemp -d)
for name in "$REEVE_BIN"/*; do [ "${name##*/}" = reeve-wasm ] || ln -s "$name" "$without"; done
packaged=$(mktemp -d)
it "without what runs modules it installs the rest" "$here/../install.sh" --bin-dir "$without" --root-bin-dir "$REEVE_ROOT_BIN" --prefix "$packaged"
it "and nothing in its place" same "$packaged/usr/local/libexec/reeve/reeve-builtin" "$(ls "$packaged"/usr/local/libexec/reeve/reeve-{builtin,wasm} 2>/dev/null)"
it "nor is anything of the host's taken away" is /usr/local/libexec/reeve/reeve-wasm "root:root 755"
it "a host that had it installs without it" "$here/../install.sh" --bin-dir "$without" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl
it "and has nothing that would run a module" fails test -e /usr/local/libexec/reeve/reeve-wasm
it "nor does a second run find any" same "nothing to do: Reeve is installed" "$("$here/../install.sh" --bin-dir "$without" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl)"
it "it is there again with what has it" install
it "as it was" is /usr/local/libexec/reeve/reeve-wasm "root:root 755"
released() { make -C "$here/.." -n release "$@" | grep -c '^rm -f target/release/reeve-wasm$' || true; }
it "a release without it leaves none of an earlier one" same 1 "$(released FEATURES=)"
it "and one with it keeps its own" same 0 "$(released 'FEATURES=--features wasm')"
rm -rf "$packaged" "$without"

# What an administrator or a mishap changed.
echo 'x = 1' >/etc/reeve/gate.toml
echo key >/etc/reeve/tls/server.key
chmod 0666 /etc/reeve/gate.toml /etc/reeve/tls/server.key
for name in secrets shields azure; do echo key >"/etc/reeve/$name.pem" && chmod 0666 "/etc/reeve/$name.pem"; done
chmod 0777 /usr/local/libexec/reeve/reeve-zfs
echo tampered >>/usr/local/libexec/reeve/reeve-zfs
printf '%064d\n' 8 >/etc/reeve/grant.pub
it "it mends what was changed" install
it "a changed wrapper is the built one again" cmp "$REEVE_ROOT_BIN/reeve-zfs" /usr/local/libexec/reeve/reeve-zfs
it "and not writable for others" is /usr/local/libexec/reeve/reeve-zfs "root:root 755"
it "a strange grant key is replaced by the gate's" same "$(printf '%064d' 7)" "$(cat /etc/reeve/grant.pub)"
it "existing configuration keeps its content" same 'x = 1' "$(cat /etc/reeve/gate.toml)"
it "and is the gate's to read" is /etc/reeve/gate.toml "root:reeve-gate 640"
for name in secrets shields azure; do it "what $name is known at Azure by is its user's to read" is "/etc/reeve/$name.pem" "root:reeve-$name 640"; done
it "the TLS key is reeved's to read" is /etc/reeve/tls/server.key "root:reeve 640"
it "and not the gate's" fails readable_by reeve-gate /etc/reeve/tls/server.key

# What `reeve sudoers` prints for a host with fewer kinds of work, and something that only looks like it.
sed -i '/reeve-pct\|reeve-git/d' /etc/sudoers.d/reeve
it "a narrower sudo rule is kept" install
it "and not widened" fails grep -q 'reeve-pct\|reeve-git' /etc/sudoers.d/reeve
sed -i 's|^\(reeve-run .*\)/reeve-zfs ""|\1/reeve-zfs|' /etc/sudoers.d/reeve
it "one that allows something else is replaced" install
it "by ours" cmp "$here/../sudoers/reeve" /etc/sudoers.d/reeve

# A link where a directory should be, and a sudo configuration that ours would break.
rm -rf /var/log/reeve && ln -s /etc /var/log/reeve
it "a link in a directory's place is refused" fails install
it "and not followed" is /etc "root:root 755"
rm /var/log/reeve
broken=$(mktemp -d)
cp -r "$here/../install.sh" "$here/../sudoers" "$here/../systemd" "$broken"
echo 'reeve-run ALL = (' >>"$broken/sudoers/reeve"
rm /etc/sudoers.d/reeve
it "a broken sudo rule is refused" fails "$broken/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl
it "and never in force" fails test -e /etc/sudoers.d/reeve
rm -rf "$broken"

install --no-systemctl >/dev/null
it "a dry run of uninstalling changes nothing" unchanged_by install --uninstall --dry-run
it "it uninstalls" install --uninstall
it "root no longer listens" fails test -e /etc/sudoers.d/reeve
it "the programs are gone" fails eval 'ls /usr/local/bin/reeve* /usr/local/libexec/reeve'
it "configuration, state and log stay" test -e /etc/reeve/gate.toml -a -d /var/lib/reeve -a -d /var/log/reeve
it "--purge without --uninstall is refused" fails install --purge
it "it purges" install --uninstall --purge
it "nothing of it is left" same "$(paths "$bare")" "$(paths "$(host)")"
it "the users are gone" fails eval 'getent passwd reeve reeve-gate reeve-run reeve-lists reeve-secrets reeve-shields reeve-azure reeve-alarms reeve-traces reeve-tool reeve-egress reeve-signal reeve-bridge reeve-hook reeve-witness || getent group reeve-approvers reeve-tools'
verdict
