# shellcheck shell=bash disable=SC2016,SC2119,SC2120,SC2154
# The host's identity in Azure: enrolled by what `reeve enrol azure` wrote, examined, and found out when it is more than it should be.
# Read by tests/azure.sh, whose stage and fake it uses.

readonly principal=99999999-8888-7777-6666-555555555555 subscription=/subscriptions/$tenant
readonly of_vault=$subscription/resourceGroups/reeve/providers/Microsoft.KeyVault/vaults/reeve-test
named_vault() { # [MORE]: secrets.toml with a vault that is examined
  vaults
  printf 'id = "%s"\ncanary = "canary"\n%s\n' "$of_vault" "${1:-}" >>"$stage/secrets.toml"
}
nobody() { printf '{"roles": {}, "assignments": []}' >"$stage/arm.json"; }
# given ROLE SCOPE: one more, by the last part of a built-in role's id.
given() {
  python3 - "$stage/arm.json" "$subscription/providers/Microsoft.Authorization/roleDefinitions/$1" "$2" "$principal" <<'PY'
import json, sys
path, role, scope, principal = sys.argv[1:]
state = json.load(open(path))
state["assignments"].append({"scope": scope, "roleDefinitionId": role, "principalId": principal})
json.dump(state, open(path, "w"))
PY
}
readonly secrets_user=4633458b-17de-408a-b874-0445c86b69e6 owner=8e3af657-a8ff-443c-a75c-2fe8c4bcb635
enrol() {
  rm -rf "$stage/enrol"
  "$bin/reeve" enrol azure --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$stage/alarms.toml" \
    --directory "$stage/enrol" --machine host01 --group machines "$@" >"$stage/out" 2>&1
}
examine() {
  local status=0
  timeout 60 "$bin/reeve" secret examine --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --alarms "$stage/alarms.toml" \
    >"$stage/out" 2>&1 || status=$?
  tee -a "$stage/all.log" <"$stage/out"
  return "$status"
}
# seen OF SEEN WORDS: how it is, and that these words are among what is said of it.
seen() {
  examine >/dev/null || true
  same "$2" "$(jq -r --arg of "$1" '[.sights[] | select(.of == $of) | .seen] | if index("wrong") then "wrong" elif index("unseen") then "unseen" elif index("wide") then "wide" else "well" end' "$stage/run/told/examined.json")" || { cat "$stage/out"; return 1; }
  says "$3"
}

printf '' >"$stage/reeved.toml"
gate @kv:smtp
named_vault
nobody
told '{"rbac": true}'
it "a host without any role reads nothing" seen vaults wrong ForbiddenByRbac
it "and nothing is shown of its isolation" seen isolation unseen 'a refusal shows nothing'
it "nor of its roles, which it may not list" seen roles unseen AuthorizationFailed

it "enrolling writes steps, templates and commands" enrol
it "into a directory that nobody had before" eval '! "$bin/reeve" enrol azure --config "$stage/secrets.toml" --gate "$stage/gate.toml" --reeved "$stage/reeved.toml" --directory "$stage/enrol" --machine host01 --group machines >"$stage/out" 2>&1 && says "not there yet"'
it "and gives itself nothing" same '{"roles": {}, "assignments": []}' "$(cat "$stage/arm.json")"
it "its script is one that shellcheck finds right" shellcheck "$stage/enrol/enrol.sh"
mkdir -p "$stage/path"
printf '#!/bin/bash\nexec python3 "%s/azure/deploy.py" "%s" --az "$@"\n' "$here" "$stage" >"$stage/path/az"
chmod 0755 "$stage/path/az"
it "its commands, run by a person, make the host somebody" env PATH="$stage/path:$PATH" "$stage/enrol/enrol.sh"
it "twice is once" eval 'cp "$stage/arm.json" "$stage/arm.before" && PATH="$stage/path:$PATH" "$stage/enrol/enrol.sh" && cmp "$stage/arm.json" "$stage/arm.before"'
it "who then is what it should be" examine
it "by its managed identity" says 'managed identity: principal 99999999'
it "with its roles counted" says '3 role assignments, 1 of custom roles, 0 with a wildcard'
it "and its secret comes" fetch
nobody
it "the template does the same" python3 "$here/azure/deploy.py" "$stage" "$stage/enrol/azuredeploy.json" "$principal"
it "and the host is what it should be" examine
it "what was seen holds no secret and everybody may read it" eval 'same 644 "$(stat -c %a "$stage/run/told/examined.json")" && ! grep -E "$canary" "$stage/run/told/examined.json"'
cp "$stage/arm.json" "$stage/arm.well"
well() { cp "$stage/arm.well" "$stage/arm.json"; }

given "$secrets_user" "$of_vault"
it "a role for the whole vault is found by trying" seen isolation wrong 'reads secrets of any name'
it "and by listing it" seen roles wide 'reads every secret of the vault'
well
given "$secrets_user" "$of_vault/secrets/large"
named_vault 'forbidden = ["large"]'
it "so is a secret that is forbidden to it" seen isolation wrong 'reads large, which is forbidden to it'
named_vault
it "and one that no configuration names" seen roles wrong 'no configuration names this secret'
well
given "$owner" "$of_vault/secrets/smtp"
it "an elevated role is found even where it is narrow" seen roles wrong 'Owner at'
well
given "$secrets_user" "$subscription/resourceGroups/other"
it "a role elsewhere is found" seen roles wrong 'reaches further'
named_vault
sed -i "1i [examine]\nscopes = [\"$subscription/resourceGroups/other\"]\n" "$stage/secrets.toml"
sed -i '/^directory\|^user/d' "$stage/secrets.toml"
sed -i "1i directory = \"$stage/run\"\nuser = \"root\"" "$stage/secrets.toml"
it "unless configuration says that it is meant" seen roles well 'role assignments'
named_vault
well
told '{"rbac": true, "arm": "busy"}'
it "a registry that is busy is asked again when it says" examine
told '{"rbac": true, "token_seconds": -10}'
it "a token that has ended is said" seen credential wrong 'is the clock ahead?'
told '{"rbac": true, "skew_seconds": 7200}'
it "a clock that is behind is said" seen credential wrong 'is the clock behind?'
told '{"rbac": true, "imds": "none"}'
it "nobody who says who the host is is wrong" seen credential wrong 'nobody says who this host is'
told '{"rbac": true, "vault": "down"}'
it "a vault that is down is not read" seen vaults wrong 'HTTP 503'
told '{"rbac": true, "vault": "slow"}'
it "one that does not answer keeps nobody" seen vaults wrong 'no answer within'
told '{"rbac": true}'
export AZURE_TENANT_ID=$tenant AZURE_CLIENT_ID=app
vaults "credentials = [\"environment\"]
client_certificate = \"$stage/client.pem\""
printf 'id = "%s"\ncanary = "canary"\n' "$of_vault" >>"$stage/secrets.toml"
it "a certificate that ends soon is said" seen credential wide 'the certificate of the service principal ends in'
unset AZURE_TENANT_ID AZURE_CLIENT_ID
named_vault
it "after each round it is looked, too" eval 'rm "$stage/run/told/examined.json"; fetch --examine && [ -s "$stage/run/told/examined.json" ]'
told '{}'
