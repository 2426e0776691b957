#!/bin/bash
# What only a running systemd shows of the units: keys that are credentials, and the Signal daemon's unit. In a guest that
# lives for this run.
#
# Environment: REEVE_BIN and REEVE_ROOT_BIN as for testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"
in_guest "$here/services.sh"

install_it() { "$top/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN"; }
as() { setpriv --reuid "$1" --regid "$1" --init-groups -- "${@:2}"; }

install_it >/run/install.log
cp "$top/demo/etc/policy.star" /etc/reeve/
cp "$top/demo/etc/contracts/operator.toml" /etc/reeve/contracts/
: >/etc/reeve/gate.toml
pki=/root/pki
reeve pki --dir "$pki" init >/dev/null
reeve pki --dir "$pki" issue server localhost >/dev/null
reeve pki --dir "$pki" issue agent operator --trust-domain reeve.example >/dev/null
place() { install -o root -g reeve -m 0640 "$1" "/etc/reeve/tls/$2"; }
place "$pki/ca.crt" ca.crt
place "$pki/ca.crl" ca.crl
place "$pki/server/localhost.crt" server.crt
place "$pki/server/localhost.key" server.key
cat >/etc/reeve/reeved.toml <<'T'
listen = "127.0.0.1:18443"
[tls]
certificate = "/etc/reeve/tls/server.crt"
key = "/etc/reeve/tls/server.key"
client_ca = "/etc/reeve/tls/ca.crt"
crl = "/etc/reeve/tls/ca.crl"
[[identity]]
uri = "spiffe://reeve.example/agent/operator"
principal = "operator"
T
install_it >/run/install.log
health() {
  curl -sS --fail --cacert "$pki/ca.crt" --cert "$pki/agent/operator.crt" --key "$pki/agent/operator.key" \
    https://localhost:18443/health
}
served() { health | jq -e '.audit' >/dev/null; }
it "it starts with its keys in files" systemctl start reeve-launcher.socket reeve-gate reeved
it "and serves" soon served

# native UNIT MESSAGE FIELD VALUE: the journal has it as a record of its own form, and not as a line that it read.
native() {
  journalctl --no-pager -o json -u "$1" | jq -se --arg unit "$1" --arg says "$2" --arg field "$3" --arg value "$4" '
    map(select(._TRANSPORT == "journal" and (.MESSAGE | startswith($says)))) | last |
    .PRIORITY == "6" and .SYSLOG_IDENTIFIER == $unit and .[$field] == $value' >/dev/null
}
it "the gate writes to the journal in its own form" soon native reeve-gate "the gate is open" REEVE_SOCKET /run/reeve/gate.sock
it "and so does reeved" soon native reeved ready REEVE_LISTEN 127.0.0.1:18443

it "root is told to leave a key that is the gate's file to the gate" fails reeve-gate init

# The gate's keys become root's.
systemctl stop reeve-gate
install -d -m 0700 /etc/credstore
for key in grant checkpoint; do
  install -o root -g root -m 0600 "/var/lib/reeve/$key.key" "/etc/credstore/reeve.$key.key"
  rm "/var/lib/reeve/$key.key"
done
printf '[keys]\ngrant = "credential:reeve.grant.key"\ncheckpoint = "credential:reeve.checkpoint.key"\n' >/etc/reeve/gate.toml
believed=$(cat /etc/reeve/grant.pub)
it "the installer finds nothing to do: it is the same key" same "nothing to do: Reeve is installed" "$(install_it)"
it "which root still believes" same "$believed" "$(cat /etc/reeve/grant.pub)"
it "the gate starts with keys that are credentials" systemctl start reeve-gate
it "and serves again" soon served
it "the file is root's alone" is /etc/credstore/reeve.grant.key "root:root 600"
for user in reeve reeve-gate reeve-run reeve-tool; do
  it "$user cannot read it" fails as "$user" head -c1 /etc/credstore/reeve.grant.key
done
for user in reeve reeve-run reeve-tool; do
  it "nor can $user read what systemd shows the gate" fails as "$user" head -c1 /run/credentials/reeve-gate.service/reeve.grant.key
done
it "the doctor tries that, too" same pass "$(reeve doctor --dry-run --json | jq -r '.checks[] | select(.id == "canary-grant-key") | .status')"
chmod 0755 /etc/credstore && chmod 0644 /etc/credstore/reeve.grant.key
it "and sees a key that others can read" same fail "$(reeve doctor --dry-run --json | jq -r '.checks[] | select(.id == "canary-grant-key") | .status')"
chmod 0600 /etc/credstore/reeve.grant.key && chmod 0700 /etc/credstore
it "a reload leaves it as it is" systemctl reload reeve-gate
it "and it goes on" soon served

# What logrotate does.
begun_anew() { compgen -G '/var/log/reeve/audit-*.jsonl'; }
main=$(systemctl show -P MainPID reeve-gate)
it "the unit can be told to begin a new file of the log" eval "$(sed -n 's/^ *\(systemctl .*\)/\1/p' /etc/logrotate.d/reeve)"
it "which it does" soon begun_anew
it "it goes on with it" same "$main" "$(systemctl show -P MainPID reeve-gate)"
it "and serves" soon served
it "and the chain goes on from file to file" reeve audit verify

# Sockets that systemd holds, for whoever wants them.
for socket in reeve-gate.socket reeved.socket; do
  it "$socket is installed and not enabled" same disabled "$(systemctl is-enabled "$socket" || true)"
done
held_at() {
  mkdir -p /etc/systemd/system/reeved.socket.d
  printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:%s\n' "$1" >/etc/systemd/system/reeved.socket.d/address.conf
  systemctl daemon-reload
  systemctl start reeve-gate.socket reeved.socket
}
systemctl stop reeved reeve-gate
it "systemd holds the sockets of both" held_at 18443
it "a caller is enough to start them" soon served
for unit in reeve-gate reeved; do it "$unit runs" systemctl is-active "$unit"; done
it "everybody may connect to the gate, which looks who it is" is /run/reeve/gate.sock "reeve-gate:reeve-gate 666"
open_door() { # Whatever becomes of a call in the middle of a restart: status 7 is a door that is shut.
  local status=0
  health >/dev/null 2>&1 || status=$?
  [ "$status" != 7 ]
}
over_restarts() {
  (for _ in $(seq 60); do open_door || exit 1; done) &
  local calling=$! unit
  for unit in reeved reeve-gate reeved; do systemctl restart "$unit"; done
  wait "$calling"
}
it "over restarts of both nobody finds the door shut" over_restarts
it "the gate ends when told" systemctl stop reeve-gate
catalogue() {
  curl -sS --fail --cacert "$pki/ca.crt" --cert "$pki/agent/operator.crt" --key "$pki/agent/operator.key" https://localhost:18443/host/ops
}
it "a call that is for the gate starts it, and is answered" soon catalogue
systemctl stop reeved.socket reeve-gate.socket reeved reeve-gate
held_at 18444
it "a socket elsewhere than the configuration says is refused" fails systemctl start reeved
it "and why is said" grep -q 'systemd passed a socket at 127.0.0.1:18444' <(journalctl -u reeved --no-pager)
systemctl stop reeved.socket reeve-gate.socket reeved reeve-gate
rm -r /etc/systemd/system/reeved.socket.d
systemctl daemon-reload
# One that ended and is looked at by nobody is forgotten with its failure.
systemctl reset-failed reeved 2>/dev/null || true
it "without them it is as before" systemctl start reeve-gate reeved
it "and serves as before" soon served

# Another grant key.
systemctl stop reeve-gate
rm /etc/credstore/reeve.grant.key
it "without its key the gate does not start" fails systemctl start reeve-gate
it "the gate's user cannot make one" fails as reeve-gate /usr/local/bin/reeve-gate init
it "the installer makes another, as root" install_it
it "which is root's alone, too" is /etc/credstore/reeve.grant.key "root:root 600"
it "root believes that one" fails same "$believed" "$(cat /etc/reeve/grant.pub)"
systemctl reset-failed reeve-gate
it "and the gate starts with it" systemctl start reeve-gate
it "and serves with it" soon served

# The TLS key, which is as it was at the start until the next one.
install -o root -g root -m 0600 "$pki/server/localhost.key" /etc/credstore/reeve.tls.key
rm /etc/reeve/tls/server.key
sed -i 's|^key = .*|key = "credential:reeve.tls.key"|' /etc/reeve/reeved.toml
it "configuration with it can be checked by root" reeve check
it "reeved starts with a key that is a credential" systemctl restart reeved
it "and serves with it, too" soon served
reeve pki --dir "$pki" renew localhost --keep-key >/dev/null
serial() { openssl x509 -noout -serial -in "$1"; }
shown() { { openssl s_client -connect localhost:18443 </dev/null 2>/dev/null || true; } | openssl x509 -noout -serial; }
place "$pki/server/localhost.crt" server.crt
it "another certificate of the same key comes into force by a reload" systemctl reload reeved
new_one() { same "$(serial "$pki/server/localhost.crt")" "$(shown)"; }
it "which callers see" soon new_one
before=$(shown)
reeve pki --dir "$pki" renew localhost >/dev/null
place "$pki/server/localhost.crt" server.crt
install -o root -g root -m 0600 "$pki/server/localhost.key" /etc/credstore/reeve.tls.key
systemctl reload reeved
# Where a reload has two commands, Debian 12's systemd shows the unit its credentials anew for the second: then key and certificate fit.
stays() { [ "$(shown)" = "$before" ] || { [ "$(systemctl --version | awk 'NR == 1 { print $2 }')" -lt 254 ] && new_one; }; }
it "one of another key does not, and the one before stays" stays
it "it still serves" served
systemctl restart reeved
it "until a restart" soon new_one

# The Signal daemon's unit. Not signal-cli: what tells how it was started, and listens as signal-cli does.
cat >/usr/local/bin/signal-cli <<'P'
#!/usr/bin/python3
import os, socket, sys
words = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
with open(words["config"] + "/started", "w") as told:
    told.write(" ".join(sys.argv[1:]))
listener = socket.socket(socket.AF_UNIX)
listener.bind(words["socket"])
listener.listen()
while True:
    listener.accept()[0].close()
P
chmod 0755 /usr/local/bin/signal-cli
it "it is installed and not enabled" same disabled "$(systemctl is-enabled reeve-signal || true)"
it "it is started when somebody asks" systemctl start reeve-signal
connects() { as "$1" python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("/run/reeve-signal/socket")'; }
it "the gate can speak to it" soon connects reeve-gate
for user in reeve reeve-run reeve-tool nobody; do it "$user cannot" fails connects "$user"; done
it "its keys are its own" is /var/lib/reeve-signal "reeve-signal:reeve-signal 700"
it "it takes no message that nobody hears" grep -q -- '--receive-mode=on-connection' /var/lib/reeve-signal/started
it "and believes no new key unasked" grep -q -- '--trust-new-identities=never' /var/lib/reeve-signal/started
cat >>/etc/reeve/gate.toml <<'T'
[signal]
socket = "/run/reeve-signal/socket"
account = "+15550001"
uuid = "5f3c7c1e-6d1f-4a0e-9a63-0f6a2f4a9d10"
user = "reeve-signal"
T
systemctl restart reeve-gate
connected() { ! journalctl -u reeve-gate --since "$1" | grep -q "nobody listens on the daemon's socket"; }
it "the gate takes it for the daemon of its configuration" connected "$(systemctl show -P ActiveEnterTimestamp reeve-gate)"
kill -KILL "$(systemctl show -P MainPID reeve-signal)"
it "killed, it is started anew" soon connects reeve-gate
verdict
