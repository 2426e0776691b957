#!/bin/bash
# Secrets from Key Vault: the fake of Azure is held to Microsoft's own SDKs for Python, and then the program to the fake.
# In a network of its own, where Azure's addresses and names lead to the fake. Takes root; the SDKs are kept in the cache.
# What `it` evaluates later stands in single quotes; a function that takes options is often given none.
# shellcheck disable=SC2016,SC2119,SC2120
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
# shellcheck source=assertions.sh
. "$here/assertions.sh"

cache=${REEVE_CACHE:-$HOME/.cache/reeve}/azure-sdk
bin=${REEVE_BIN:-$top/target/debug}
if [ "${REEVE_AZURE_INSIDE:-}" != 1 ]; then
  packages='azure-identity==1.27.0 azure-keyvault-secrets==4.12.0 azure-mgmt-authorization==4.0.0'
  if [ "$(cat "$cache/ready" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$cache"
    # shellcheck disable=SC2086  # they are several
    pip3 --quiet install --target "$cache" $packages
    echo "$packages" >"$cache/ready"
  fi
  status=0
  REEVE_AZURE_INSIDE=1 unshare --net --mount --propagation private -- "${BASH_SOURCE[0]}" || status=$?
  "$here/azure/chain.sh" || status=$?
  exit "$status"
fi

stage=$(mktemp -d)
chmod 0755 "$stage"
fake=''
finish() {
  [ -z "$fake" ] || kill "$fake" 2>/dev/null || true
  [ ! -e "$stage/asker" ] || kill "$(cat "$stage/asker")" 2>/dev/null || true
  rm -rf "$stage"
}
trap finish EXIT
# shellcheck source=azure/cloud.sh
. "$here/azure/cloud.sh"

it "Microsoft's own SDKs find the fake right" env PYTHONPATH="$cache" SSL_CERT_FILE="$stage/ca.crt" REQUESTS_CA_BUNDLE="$stage/ca.crt" \
  timeout 120 python3 "$here/azure/oracle.py" "$stage"

# What a host has.
mkdir -p "$stage/run/told" "$stage/run/gate" "$stage/run/reeved" "$stage/run/alarms"
vaults() {
  printf 'directory = "%s/run"\nuser = "root"\n[azure]\nca = "%s"\npatience = "8s"\n%s\n[vault.main]\nurl = "https://reeve-test.vault.azure.net"\n' \
    "$stage" "${2:-$stage/ca.crt}" "${1:-}" >"$stage/secrets.toml"
}
gate() {
  local reference
  { printf 'a = ['; for reference; do printf '"%s", ' "$reference"; done; printf ']\n'; } >"$stage/gate.toml"
}
printf '' >"$stage/reeved.toml"
# What a run says is kept, for what must not be in it.
fetch() {
  local status=0
  timeout 60 "$bin/reeve" secret fetch --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$stage/alarms.toml" "$@" \
    >"$stage/out" 2>&1 || status=$?
  tee -a "$stage/all.log" <"$stage/out"
  return "$status"
}
fetched() { same "$1" "$(cat "$stage/run/gate/$2")"; }
says() { grep -qF -- "$1" "$stage/out" || { cat "$stage/out"; return 1; }; }
# A run that fails and says this.
fails_with() { ! fetch >/dev/null && says "$1"; }

vaults
gate @kv:smtp @kv:main/smtp/00000000000000000000000000000001 @kv:pem @kv:large
it "secrets are fetched as the machine's own identity" fetch
it "and it is said whose word opened the vault" says 'as managed identity'
it "the newest version is the one without a version" fetched "$canary" smtp
it "a version that is named is the one that comes" fetched "$canary-old" main+smtp+00000000000000000000000000000001
it "a key of several lines comes as it is" same "$(printf -- '-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n.' "$pem_canary")" "$(cat "$stage/run/gate/pem"; echo .)"
it "a value of 25 KB comes whole" same 25600 "$(stat -c %s "$stage/run/gate/large")"
it "the reader's group alone may read them" same 640 "$(stat -c %a "$stage/run/gate/smtp")"
it "the first question holds no token, as the vault's challenge wants it" grep -q '^GET reeve-test.vault.azure.net/secrets/.* without$' "$stage/requests.log"

gate @kv:throttled
told '{"throttle": {"throttled": 2}}'
it "a vault that throttles is asked again when it says" fetch
it "and what comes then is in force" fetched "$canary" throttled

told '{"forbidden": ["forbidden"], "garbled": ["garbled"]}'
gate @kv:smtp @kv:disabled @kv:deleted @kv:nothing @kv:forbidden @kv:garbled @kv:empty
it "one secret that cannot be had fails the round" fails_with '@kv:disabled'
it "a disabled version is named so" says 'SecretDisabled'
it "a deleted secret is named so" eval "says 'SecretNotFound' && says '@kv:deleted for gate, from https://reeve-test.vault.azure.net/ as managed identity'"
it "a missing permission is named so" says 'ForbiddenByRbac'
it "an answer that is none has nothing of it repeated" says '@kv:garbled'
it "an empty secret is none" says 'an empty secret keeps nobody out'
it "the others come all the same" fetched "$canary" smtp

gate @kv:smtp
told '{"vault": "down"}'
it "a vault that is down is said with what it answers" fails_with 'HTTP 503'
it "and the last good value stays" fetched "$canary" smtp
it "with its age" says 'ago stays'
told '{"vault": "slow"}'
it "a vault that does not answer is not waited for" fails_with 'ago stays'
told '{"token_seconds": 2}'
it "a token that ends soon opens the vault" fetch
gate @kv:expiring
told '{"token_seconds": 2, "throttle": {"expiring": 3}}'
it "one that ends in the middle is followed by another" fetch
it "with which the secret comes" fetched "$canary" expiring
gate @kv:smtp
told '{"skew_seconds": -7200}'
it "a clock that is two hours off keeps nobody out" fetch
vaults '' "$stage/other-ca.crt"
told '{}'
it "a server whose certificate is from somebody else is not asked" fails_with 'ago stays'
it "and that is why" says 'invalid peer certificate' 

vaults
told '{"imds": "slow", "client_secret": "'"$key_canary"'"}'
# Where the address leads nowhere, as on a machine that is not Azure's.
metadata_is_gone() { ip address del 169.254.169.254/32 dev lo; }
metadata_is_back() { ip address add 169.254.169.254/32 dev lo; }
it "without an answer from the metadata service there is no secret" fails_with 'managed identity: no answer within'
printf '%s\n' "$key_canary" >"$stage/client-secret"
chmod 0600 "$stage/client-secret"
vaults "client_secret = \"$stage/client-secret\""
export AZURE_TENANT_ID=$tenant AZURE_CLIENT_ID=app
before=$(grep -c '^POST login.microsoftonline.com' "$stage/requests.log" || true)
it "nor is another identity taken while the meant one does not answer" fails_with 'managed identity: no answer within'
it "whose token nobody asks for" same "$before" "$(grep -c '^POST login.microsoftonline.com' "$stage/requests.log" || true)"
metadata_is_gone
told '{"client_secret": "'"$key_canary"'"}'
it "where there is no metadata service, there is one with a service principal" fetch
it "which is said" says 'as service principal of the environment'
told '{"client_secret": "another"}'
vaults "client_certificate = \"$stage/client.pem\""
told '{}'
it "and with its certificate, too, whose key goes nowhere" fetch
vaults "client_certificate = \"$stage/wrong.pem\""
it "another certificate is not enough" fails_with 'AADSTS700027'
vaults "client_secret = \"$stage/client-secret\""
it "a refused service principal is named with Azure's own code" fails_with 'AADSTS7000215'
printf 'assertion' >"$stage/federated"
told '{"assertion": "assertion"}'
export AZURE_FEDERATED_TOKEN_FILE=$stage/federated
it "a workload's own token is tried first" fetch
it "and it is said, too" says 'as workload identity'
metadata_is_back
told '{"assertion": "assertion", "login": "slow"}'
before=$(grep -c '^GET 169.254.169.254/' "$stage/requests.log" || true)
it "a workload whose authority is slow does not become the machine" fails_with 'workload identity: no answer within'
it "nor is the machine's token asked for" same "$before" "$(grep -c '^GET 169.254.169.254/' "$stage/requests.log" || true)"
unset AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_FEDERATED_TOKEN_FILE
told '{"imds": "endless"}'
most() { python3 -c 'import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=False); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@" 2>/dev/null | tail -n1; }
it "whoever answers without an end in Azure's place does not fill its memory" eval '
  kept=$(most timeout 60 "$bin/reeve" secret fetch --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$stage/alarms.toml"); [ "$kept" -lt $((128 * 1024)) ] || { echo "$kept KiB"; return 1; }'
it "and is no secret" fails_with 'managed identity: '
told '{"client_ids": ["mine"]}'
vaults 'client_id = "mine"'
it "an identity that the machine was assigned is named by its client id" fetch
vaults 'client_id = "other"'
it "and another is not found" fails_with 'Identity not found'
metadata_is_gone
vaults
it "where there is no metadata service, that is said" fails_with 'managed identity: no metadata service is at 169.254.169.254'
metadata_is_back

# At a start.
cat >"$stage/reeved.toml" <<E2
listen = "127.0.0.1:0"
[tls]
certificate = "$stage/server.crt"
key = "@kv:main/tls"
client_ca = "$stage/ca.crt"
[secrets]
directory = "$stage/run"
user = "root"
E2
gate
told '{"forbidden": ["tls"]}'
starts() { timeout 20 "$bin/reeved" --check --config "$stage/reeved.toml" >"$stage/out" 2>&1; }
fetch >/dev/null || true
it "reeved does not start without its key" fails starts
it "and names reference, vault, credential and Azure's own code" \
  eval "says '@kv:main/tls' && says ForbiddenByRbac && says 'https://reeve-test.vault.azure.net/ as managed identity'"
told '{}'
it "its key comes from the vault" fetch
it "and with it, it starts" starts
it "what the gate needed and no longer does is gone" same "" "$(ls -A "$stage/run/gate")"
gate @kv:smtp
fetch >/dev/null
it "each finds what it needs and nothing else" same 'main+tls smtp' "$(ls "$stage/run/reeved") $(ls "$stage/run/gate")"
mkdir "$stage/run/traces" "$stage/run/bridge" "$stage/run/witness"
printf 'endpoint = "https://otel.example.net/v1/traces"\ntoken = "@kv:throttled"\n' >"$stage/traces.toml"
printf 'transport = "http"\nurl = "https://signal.example.net"\ncertificate = "/c"\nkey = "@kv:main/tls"\n' >"$stage/bridge.toml"
printf 'key = "@kv:pem"\n[[peer]]\nname = "host02"\n' >"$stage/witness.toml"
it "so do who sends traces, who reaches signal-cli elsewhere, and who takes checkpoints to others" \
  eval 'fetch --traces "$stage/traces.toml" --bridge "$stage/bridge.toml" --witness "$stage/witness.toml" && same "throttled main+tls pem" "$(ls "$stage/run/traces") $(ls "$stage/run/bridge") $(ls "$stage/run/witness")"'
fetch >/dev/null
it "and what nobody of them needs any more is gone" same "" "$(find "$stage/run/traces" "$stage/run/bridge" "$stage/run/witness" -type f)"
rm -r "$stage/traces.toml" "$stage/bridge.toml" "$stage/witness.toml"

# Writing back. Whatever fails, the file is as it was, and the vault gives out what it gave out.
written=$stage/etc
mkdir -m 0755 "$written"
page() {
  printf '# ours\n[[webhook]]\nname = "ops" # kept\nkey = "%s"\n' "$1" >"$written/alarms.toml"
  chmod 0644 "$written/alarms.toml"
}
puts() { grep -c '^PUT' "$stage/requests.log" || true; }
# write NAME [OPTION...]: a new value goes to the vault as NAME, and the file names it there.
write() {
  local status=0
  printf '%s' "${value:-$canary-new}" |
    timeout 60 "$bin/reeve" secret set --config "$stage/secrets.toml" "@kv:$1" --file "${file:-$written/alarms.toml}" --key 'webhook[0].key' "${@:2}" \
      >"$stage/out" 2>&1 || status=$?
  tee -a "$stage/all.log" <"$stage/out"
  return "$status"
}
gives_out() { same "$2" "$(python3 -c 'import json,sys; one=json.load(open(sys.argv[1]))[sys.argv[2]][-1]; print(one["value"] if one.get("enabled", True) else "")' "$stage/state.json" "$1")"; }
# unchanged WORDS NAME [OPTION...]: it fails with these words, and before anything is put into the vault.
unchanged() {
  local before after count
  before=$(cat "${file:-$written/alarms.toml}") count=$(puts)
  if write "${@:2}" >/dev/null; then return 1; fi
  after=$(cat "${file:-$written/alarms.toml}")
  same "$before" "$after" && same "$count" "$(puts)" && says "$1" && same alarms.toml "$(ls -A "$(dirname "${file:-$written/alarms.toml}")")"
}
vaults
told '{}'
page /k
it "a value goes into the vault and configuration names it there" write written
it "the vault has it" gives_out written "$canary-new"
it "what stood in the file otherwise is as it was" same "$(printf '# ours\n[[webhook]]\nname = "ops" # kept\nkey = "@kv:written"\n.')" "$(cat "$written/alarms.toml"; echo .)"
it "its owner, too" same "root 644" "$(stat -c '%U %a' "$written/alarms.toml")"
cp "$written/alarms.toml" "$written/other.toml"
it "a file that nobody but its owner has to read is for its owner" eval "file=$written/other.toml write written && same 600 \"\$(stat -c %a $written/other.toml)\""
rm "$written/other.toml"
it "once more makes no new version" eval 'write written && says "was there already"'
told '{"loses": "'"$canary-newer"'"}'
page /k
it "what is read back otherwise than it was put there fails" eval 'value=$canary-newer; ! write written >/dev/null && says "is not what was put there"'
it "the vault then gives out what it gave out before" gives_out written "$canary-new"
it "and the file is as it was" grep -qx 'key = "/k"' "$written/alarms.toml"
told '{"forbidden": ["written"]}'
it "a vault that refuses changes nothing" unchanged ForbiddenByRbac written
told '{}'
it "a deleted secret keeps its name, and is not brought back or purged" eval '! write deleted >/dev/null && says ObjectIsDeletedButRecoverable && grep -qx "key = \"/k\"" "$written/alarms.toml"'
chown 1234 "$written/alarms.toml"
it "a file of another user is not rewritten" unchanged 'is owned by uid 1234' written
page /k
chown root "$written/alarms.toml"
chmod 0666 "$written/alarms.toml"
it "nor one that others may write" unchanged 'others may write it' written
chmod 0644 "$written/alarms.toml"
mkdir "$stage/link"
ln -s "$written/alarms.toml" "$stage/link/alarms.toml"
it "nor what a link leads to" eval 'file=$stage/link/alarms.toml unchanged "is a symbolic link" written'
mkdir "$stage/full"
mount -t tmpfs -o size=64k,mode=0755 none "$stage/full"
cp "$written/alarms.toml" "$stage/full/"
dd if=/dev/zero of="$stage/full/rest" bs=4096 status=none 2>/dev/null || true
it "without room on the disk nothing is put into the vault" eval 'file=$stage/full/alarms.toml; count=$(puts); ! write written >/dev/null && says "No space left" && same "$count" "$(puts)" && grep -qx "key = \"/k\"" "$file"'
file=''
umount "$stage/full"
it "a key that is not there is named with the nearest" eval '! printf x | "$bin/reeve" secret set --config "$stage/secrets.toml" @kv:written --file "$written/alarms.toml" --key "webhook[0].kye" >"$stage/out" 2>&1 && says "did you mean \`webhook[0].key\`?"'
told '{"set": "slow"}'
printf '%s' "$canary-killed" | "$bin/reeve" secret set --config "$stage/secrets.toml" @kv:killed --file "$written/alarms.toml" --key 'webhook[0].key' >>"$stage/all.log" 2>&1 &
killed=$!
for _ in $(seq 50); do grep -q '^PUT .*/killed ' "$stage/requests.log" && break; sleep 0.1; done
sleep 0.5
kill -9 "$killed"
wait "$killed" 2>/dev/null || true
told '{}'
it "who is ended between vault and file has changed no file" grep -qx 'key = "/k"' "$written/alarms.toml"
it "and doing it again finishes it" eval 'value=$canary-killed write killed && says "was there already" && same alarms.toml "$(ls -A "$written")"'

# Moving what stands there.
plain=hunter2-$canary
page "$plain"
printf '%s-file\n' "$canary" >"$stage/token"
chmod 0600 "$stage/token"
printf '[[ntfy]]\nname = "phones"\ntoken = "%s"\n' "$stage/token" >>"$written/alarms.toml"
cp "$written/alarms.toml" "$stage/kept.toml"
migrate() {
  local status=0
  timeout 60 "$bin/reeve" secret migrate --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$written/alarms.toml" \
    --prefix "${prefix:-host01}" "$@" >"$stage/out" 2>&1 || status=$?
  tee -a "$stage/all.log" <"$stage/out"
  return "$status"
}
count=$(puts)
it "what would be moved is said" eval 'migrate --files --dry-run && says "webhook[0].key → @kv:host01-webhook-ops-key" && says "ntfy[0].token"'
it "and nothing is" eval 'same "$count" "$(puts)" && cmp "$written/alarms.toml" "$stage/kept.toml"'
python3 - "$stage/state.json" <<'E3'
import json, sys
state = json.load(open(sys.argv[1]))
state["host01-ntfy-phones-token"] = [{"version": "0" * 31 + "1", "value": "theirs"}]
json.dump(state, open(sys.argv[1], "w"))
E3
it "a value of somebody else is left alone, and nothing at all is moved then" eval '! migrate --files >/dev/null && says "is left alone" && cmp "$written/alarms.toml" "$stage/kept.toml" && gives_out host01-ntfy-phones-token theirs'
it "what was put there before is not given out" gives_out host01-webhook-ops-key ""
python3 - "$stage/state.json" <<'E4'
import json, sys
state = json.load(open(sys.argv[1]))
state["host03-webhook-ops-key"] = [{"version": "0" * 31 + "2", "value": "revoked", "enabled": False}]
json.dump(state, open(sys.argv[1], "w"))
E4
it "nor is a name used again whose value somebody has disabled" eval '! prefix=host03 migrate >/dev/null && says "a disabled value under this name"'
it "what stands in the configuration itself is moved, also where it was taken back before" migrate
it "and is named there" grep -qx 'key = "@kv:host01-webhook-ops-key"' "$written/alarms.toml"
it "with its value" gives_out host01-webhook-ops-key "$plain"
it "what stands in a file is moved when it is asked for" eval 'prefix=host02 migrate --files'
it "with its value, without its line break" gives_out host02-ntfy-phones-token "$canary-file"
it "and the configuration names it" grep -qx 'token = "@kv:host02-ntfy-phones-token"' "$written/alarms.toml"
it "and it is said that the file is not read any more" says "$stage/token is not read any more"
it "then there is nothing left to move" eval 'migrate --files && says "nothing to move"'
it "where each secret is, is said without its value" eval '"$bin/reeve" secret list --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$written/alarms.toml" >"$stage/out"; cat "$stage/out" >>"$stage/all.log"; says "webhook[0].key  vault  @kv:host01-webhook-ops-key"'
rm -r "$stage/kept.toml" "$stage/token"

# shellcheck source=azure/examine.sh
. "$here/azure/examine.sh"

# shellcheck source=azure/shields.sh
. "$here/azure/shields.sh"
# shellcheck source=azure/operations.sh
. "$here/azure/operations.sh"
# shellcheck source=azure/trouble.sh
. "$here/azure/trouble.sh"
# What is nowhere to be seen while it runs.
told '{"vault": "slow"}'
vaults "client_secret = \"$stage/client-secret\""
AZURE_TENANT_ID=$tenant AZURE_CLIENT_ID=app timeout 60 "$bin/reeve" secret fetch --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$stage/alarms.toml" >>"$stage/all.log" 2>&1 &
running=$!
sleep 2
seen() { cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -E -- "$canary|$pem_canary|$key_canary" | grep -v 'grep\|readonly' && return 1; return 0; }
it "no process has a secret among its arguments or in its environment" seen
it "while one fetches, whose memory is not dumped" same 1 "$(awk '/Max core file size/ {print $5 <= 1 && $6 <= 1}' "/proc/$(pgrep -P "$running" -x reeve)/limits")"
wait "$running" || true
# Every file there is but the vault's own, what is fetched from it, and what stands for root's files of secrets.
produced() { grep -rlE "$canary|$pem_canary|$key_canary" "$stage" | grep -vxE "$stage/(state\.json|client-secret|server\.(key|pem)|run/(gate|reeved|alarms|traces|bridge|witness)/[^/.][^/]*)" || true; }
it "nothing of a secret is in anything else that was written or said" eval '[ -s "$stage/all.log" ] && [ -s "$stage/run/told/state.json" ] && [ -s "$stage/requests.log" ] && same "" "$(produced)"'
verdict
