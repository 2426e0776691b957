#!/bin/bash
# What only a running systemd shows of the units that are somebody at Azure: what they are let do is enough, what was fetched is its readers'
# alone, and a vault that hangs holds up no reload. In a guest that lives for this run, where Azure's addresses lead to the fake.
#
# Environment: REEVE_BIN and REEVE_ROOT_BIN as for testbed.sh.
# What `it` evaluates later stands in single quotes.
# shellcheck disable=SC2016
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../assertions.sh
. "$here/assertions.sh"
in_guest "$here/azure/unit.sh"

# Where every unit sees it: they have a /tmp of their own.
stage=$(mktemp -d -p /opt)
chmod 0755 "$stage"
# shellcheck disable=SC2034  # for cloud.sh, whose fake needs nothing of it
cache=$stage/none PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
fake=''
trap '[ -z "$fake" ] || kill "$fake" 2>/dev/null || true' EXIT
# shellcheck source=cloud.sh
. "$here/azure/cloud.sh"

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
in_vault reeved-tls "$pki/server/localhost.key"
cat >/etc/reeve/reeved.toml <<'T'
listen = "127.0.0.1:18443"
[tls]
certificate = "/etc/reeve/tls/server.crt"
key = "@kv:main/reeved-tls"
client_ca = "/etc/reeve/tls/ca.crt"
crl = "/etc/reeve/tls/ca.crl"
[[identity]]
uri = "spiffe://reeve.example/agent/operator"
principal = "operator"
T
azure() { printf '[azure]\ncredentials = ["managed"]\nca = "%s"\npatience = "%s"\n' "$stage/ca.crt" "$1"; }
vault() { { azure "$1"; printf '[vault.main]\nurl = "https://reeve-test.vault.azure.net"\n'; } >/etc/reeve/secrets.toml; }
vault 8s
{ printf 'endpoint = "https://test.cognitiveservices.azure.com"\n'; azure 8s; } >/etc/reeve/shields.toml
install_it >/run/install.log
health() {
  curl -sS --fail --cacert "$pki/ca.crt" --cert "$pki/agent/operator.crt" --key "$pki/agent/operator.key" \
    https://localhost:18443/health
}
served() { health | jq -e '.audit' >/dev/null; }

it "what fetches secrets does so in its unit" systemctl start reeve-secrets
journalctl -u reeve-secrets --no-pager >/run/secrets.log
it "and ends well" same "success 0" "$(systemctl show -P Result reeve-secrets) $(systemctl show -P ExecMainStatus reeve-secrets)"
it "nothing of it was forbidden" fails grep -E 'Operation not permitted|Read-only file system' /run/secrets.log
it "what it fetched is its reader's, by the group of its folder" is /run/reeve-secrets/reeved/main+reeved-tls "reeve-secrets:reeve 640"
listed() { reeve secret list >/run/listed 2>&1 || true; grep "$1" /run/listed; }
it "it was fetched as the machine" listed 'as managed identity'
it "the network side starts with a key that no disk of this host has" systemctl start reeve-launcher.socket reeve-gate reeved
it "and serves with it" soon served
for user in reeve-gate reeve-run reeve-tool reeve-hook; do
  it "$user does not read it" fails as "$user" head -c1 /run/reeve-secrets/reeved/main+reeved-tls
done
secrets_are() { same "$1" "$(reeve doctor --dry-run --json | jq -r '.checks[] | select(.id == "canary-secrets") | .status')"; }
it "the doctor has each of Reeve's users try it" secrets_are pass
gpasswd --add reeve-hook reeve >/dev/null
it "and finds one who is in a reader's group" secrets_are fail
gpasswd --delete reeve-hook reeve >/dev/null
it "until they are not" secrets_are pass

it "what asks about texts starts in its unit" systemctl start reeve-shields
asked() { reeve shields try 'weekly cleanup'; }
it "and asks there" soon asked
journalctl -u reeve-shields --no-pager >/run/shields.log
it "nor was anything of that forbidden" fails grep -E 'Operation not permitted|Read-only file system' /run/shields.log

# A vault that takes a connection and does not answer.
told '{"vault": "slow"}'
vault 30s
main=$(systemctl show -P MainPID reeved)
reloads() { journalctl -u reeved --no-pager | grep -c reloaded || true; }
before=$(reloads)
began=$SECONDS
it "a reload of the network side goes on while a vault hangs" timeout 60 systemctl reload reeved
it "after a while that is short" test $((SECONDS - began)) -lt 30
anew() { [ "$(reloads)" -gt "$before" ]; }
it "and reads its configuration" soon anew
it "without a restart" same "$main" "$(systemctl show -P MainPID reeved)"
it "and serves with the key that it had" served
eventually() { local patience=240; soon "$@"; }
it "what hangs is told, with the age of what stays" eventually listed 'no answer within 30 s; the value of .* ago stays'
it "a start beside it comes to its end" eventually eval '[ "$(systemctl show -P ActiveState reeve-secrets)" != activating ]'
verdict
