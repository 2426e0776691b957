#!/bin/bash
# The Debian package: clean by lintian, and on a running systemd of its own it installs, runs, is upgraded and goes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
# shellcheck source=assertions.sh
. "$here/assertions.sh"
export REEVE_BIN=${REEVE_BIN:-$top/target/debug} REEVE_ROOT_BIN=${REEVE_ROOT_BIN:-$top/target/root/debug}

if ! is_guest; then
  work=$(mktemp -d)
  chmod 0755 "$work"
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/bin" "$work/root-bin"
  for name in reeve reeved reeve-gate reeve-builtin; do strip -o "$work/bin/$name" "$REEVE_BIN/$name"; done
  for name in launcher zfs systemd pct git ansible tool azure egress; do strip -o "$work/root-bin/reeve-$name" "$REEVE_ROOT_BIN/reeve-$name"; done
  it "it is built" "$top/.ci/deb.sh" --bin-dir "$work/bin" --root-bin-dir "$work/root-bin" "$work"
  needs=$(dpkg-deb --field "$work"/reeve_*.deb Depends)
  it "it names the library that it needs" grep -q 'libc6 (>= ' <<<"$needs"
  it "lintian has nothing to say" lintian --allow-root --fail-on error,warning,info "$work"/reeve_*.deb
  verdict
  cp "$work"/reeve_*.deb "$work/reeve.deb"
  REEVE_DEB=$work/reeve.deb "$here/nspawn.sh" --bind "$top" --bind "$work" "$here/deb.sh"
  exit
fi

host() {
  find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log/journal -o -path /var/cache \) -prune \
    -o -iname '*reeve*' -print | grep -v "^$(dirname "$REEVE_DEB")\|^$top" | sort
  cut -d: -f1 /etc/passwd /etc/group
}
required() { reeve doctor --json | jq -r '.checks[] | select(.required and .status != "pass") | "\(.id) \(.status) \(.evidence)"'; }


before=$(host)
it "it installs" dpkg --install "$REEVE_DEB"
it "the grant key's public half is there" grep -qE '^[0-9a-f]{64}$' /etc/reeve/grant.pub
it "the gate's state is the gate's" is /var/lib/reeve "reeve-gate:reeve-gate 700"
it "the sudo rule is valid" visudo -c
it "nothing is started that nobody configured" fails systemctl is-active reeve-gate
cp "$top/demo/etc/policy.star" /etc/reeve/
cp "$top/demo/etc/contracts/operator.toml" /etc/reeve/contracts/
: >/etc/reeve/gate.toml
chgrp -R reeve-gate /etc/reeve/gate.toml /etc/reeve/policy.star /etc/reeve/contracts
chmod 0640 /etc/reeve/gate.toml /etc/reeve/policy.star /etc/reeve/contracts/*
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout /etc/reeve/tls/server.key -out /etc/reeve/tls/server.crt -days 2 2>/dev/null
printf 'listen = "127.0.0.1:18443"\n[tls]\ncertificate = "/etc/reeve/tls/server.crt"\nkey = "/etc/reeve/tls/server.key"\nclient_ca = "/etc/reeve/tls/server.crt"\n' >/etc/reeve/reeved.toml
chgrp reeve /etc/reeve/reeved.toml /etc/reeve/tls/*
chmod 0640 /etc/reeve/reeved.toml /etc/reeve/tls/*
it "what it brought starts" systemctl enable --now reeve-launcher.socket reeve-gate reeved
it "and passes every required check of the doctor" same "" "$(required)"
it "the timer's unit runs, too, and its findings reach the gate" eval 'systemctl start reeve-doctor.service; grep -q canary-sudo /var/lib/reeve-preflight/report.json'
for unit in reeve-gate reeved; do
  mkdir -p "/run/systemd/system/$unit.service.d"
  printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n' >"/run/systemd/system/$unit.service.d/soon.conf"
done
systemctl daemon-reload
systemctl restart reeve-gate reeved
sleep 5
for unit in reeve-gate reeved; do it "$unit that is well is left alone" same 0 "$(systemctl show -P NRestarts "$unit")"; done
anew() { [ "$(systemctl show -P NRestarts "$1")" -gt 0 ] && systemctl is-active --quiet "$1"; }
for unit in reeve-gate reeved; do
  kill -STOP "$(systemctl show -P MainPID "$unit")"
  it "$unit that is stuck is started anew" soon anew "$unit"
  rm -r "/run/systemd/system/$unit.service.d"
done
systemctl daemon-reload
gate=$(systemctl show -P MainPID reeve-gate)
is_new() { [ "$(systemctl show -P MainPID reeve-gate)" != "$gate" ] && systemctl is-active --quiet reeve-gate reeved; }
it "it is upgraded while it runs" dpkg --install "$REEVE_DEB"
it "what ran was started anew" is_new
it "the log goes on" reeve audit verify
it "it is removed" dpkg --remove reeve
it "root no longer listens" fails test -e /etc/sudoers.d/reeve
it "configuration, state and log stay" test -e /etc/reeve/gate.toml -a -d /var/lib/reeve -a -e /var/log/reeve/audit.jsonl
it "it is purged" dpkg --purge reeve
it "nothing of it is left" same "$before" "$(host)"
verdict
