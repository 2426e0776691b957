# A cloud of our own, for azure.sh and chain.sh, in a network of their own: Azure's addresses and names lead to the fake, which has vaults with
# values that nothing else may hold. Whoever reads this has a directory for it in $stage, the tests' own in $here, and the SDKs in $cache.
# shellcheck shell=bash disable=SC2034,SC2154

readonly tenant=11111111-2222-3333-4444-555555555555
# Nothing that was written anywhere may hold one of these.
readonly canary=canary-7f3a19 pem_canary=canary-pem-55c0 key_canary=canary-key-90b1

ip link set lo up
ip address add 169.254.169.254/32 dev lo
{
  echo '127.0.0.1 localhost login.microsoftonline.com reeve-test.vault.azure.net other.vault.azure.net test.cognitiveservices.azure.com management.azure.com elsewhere.example one.example two.example'
  # sudo looks the host's own name up.
  grep -w host01 /etc/hosts || true
} >"$stage/hosts"
mount --bind "$stage/hosts" /etc/hosts
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -days 2 -keyout "$1.key" -out "$1.crt" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign; }
{
  authority "$stage/ca" 'fake of a public authority'
  authority "$stage/other-ca" 'another authority'
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=azure -keyout "$stage/server.key" -out "$stage/server.csr"
  openssl x509 -req -in "$stage/server.csr" -CA "$stage/ca.crt" -CAkey "$stage/ca.key" -days 1 -out "$stage/server.crt" \
    -extfile <(echo 'subjectAltName=DNS:login.microsoftonline.com,DNS:*.vault.azure.net,DNS:*.cognitiveservices.azure.com,DNS:management.azure.com,DNS:one.example,DNS:two.example')
  # What a service principal shows who it is by.
  for name in client wrong; do openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=reeve -days 20 -keyout "$stage/$name.key" -out "$stage/$name.crt"; done
} 2>"$stage/openssl.log" || { cat "$stage/openssl.log"; exit 1; }
cat "$stage/server.crt" "$stage/server.key" >"$stage/server.pem"
for name in client wrong; do (umask 077 && cat "$stage/$name.key" "$stage/$name.crt" >"$stage/$name.pem"); done
printf '{"roles": {}, "assignments": []}' >"$stage/arm.json"

# told JSON: how the fake is from now on.
told() { printf '%s' "$1" >"$stage/control.new" && mv "$stage/control.new" "$stage/control.json"; }
told '{}'
# in_vault NAME FILE: one more secret.
in_vault() {
  python3 - "$stage/state.json" "$1" "$2" <<'E2'
import json, sys
path, name, value = sys.argv[1:]
state = json.load(open(path))
state[name] = [{"version": "0" * 31 + "1", "value": open(value).read()}]
json.dump(state, open(path, "w"))
E2
}
python3 - "$stage/state.json" "$canary" "$pem_canary" "$stage/server.key" <<'E2'
import json, sys
path, canary, pem, key = sys.argv[1:]
one = lambda value, **more: [{"version": "0" * 31 + "1", "value": value, **more}]
state = {
    "smtp": [{"version": "0" * 31 + "1", "value": canary + "-old"}, {"version": "0" * 31 + "2", "value": canary}],
    "throttled": one(canary), "expiring": one(canary), "forbidden": one(canary), "garbled": one(canary),
    "disabled": one(canary, enabled=False), "deleted": one(canary, deleted=True), "empty": one(""),
    "pem": one("-----BEGIN PRIVATE KEY-----\n" + pem + "\n-----END PRIVATE KEY-----\n"),
    "tls": one(open(key).read()),
    "large": one((canary * 2000)[: 25 * 1024]),
}
json.dump(state, open(path, "w"))
E2
: >"$stage/requests.log"
PYTHONPATH=$cache python3 "$here/azure/fake.py" "$stage" 2>"$stage/fake.log" &
fake=$!
for _ in $(seq 100); do [ -e "$stage/ready" ] && break; sleep 0.1; done
[ -e "$stage/ready" ] || { cat "$stage/fake.log"; exit 1; }
