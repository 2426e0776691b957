#!/bin/bash
# From nothing to a host that runs, by the installer alone: a key, a certificate, a configuration that starts.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  "$here/testbed.sh" --no-install --zfs fake "${BASH_SOURCE[0]}"
  exit
fi

export HOST_DIR=/run/reeve-host
mkdir -p "$HOST_DIR"
trap '"$here/../demo/host.sh" down' EXIT
install() { "$here/../install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl "$@"; }
health() {
  curl -sS -o /dev/null -w '%{http_code}' --resolve host01.example:8443:127.0.0.1 --cacert /run/ca/ca.crt --cert "/run/ca/agent/$1.crt" \
    --key "/run/ca/agent/$1.key" https://host01.example:8443/health
}

it "a rehearsal makes no key" install --configure host01.example --dry-run
it "and none is there" fails test -e /etc/reeve
it "without an authority there is a request" install --configure host01.example
it "for that name" grep -q 'CN *= *host01.example' <(openssl req -in /etc/reeve/tls/server.csr -noout -subject)
it "the key is reeved's to read" is /etc/reeve/tls/server.key "root:reeve 640"
key=$(sha256sum /etc/reeve/tls/server.key)
echo '# mine' >>/etc/reeve/gate.toml
it "with one it is signed" install --configure host01.example --ca /run/ca
it "and the key stays" same "$key" "$(sha256sum /etc/reeve/tls/server.key)"
it "as does what somebody wrote" grep -q '# mine' /etc/reeve/gate.toml
it "a second run changes nothing" same "nothing to do: Reeve is installed" "$(install --configure host01.example --ca /run/ca)"
it "the authority's key is where it was made, and nowhere else" same "" "$(find /etc /var/lib /usr/local -name ca.key)"
it "the configuration is right" reeve check
for process in launcher gate front; do it "the $process starts" "$here/../demo/host.sh" start "$process"; done
reeve pki --dir /run/ca issue agent librarian --trust-domain reeve.example >/dev/null
it "nobody is let in that nobody named" same 403 "$(health librarian)"
printf '[[identity]]\nuri = "spiffe://reeve.example/agent/librarian"\nprincipal = "librarian"\n' >>/etc/reeve/reeved.toml
cp "$here/../demo/etc/contracts/librarian.toml" /etc/reeve/contracts/
it "with the new files it gives owners and modes" install
"$here/../demo/host.sh" stop gate
"$here/../demo/host.sh" start gate
"$here/../demo/host.sh" stop front
"$here/../demo/host.sh" start front
it "who was named is" same 200 "$(health librarian)"
it "a name that is none is refused" fails install --configure 'host/../x'
it "an authority without a name, too" fails install --ca /run/ca
verdict
