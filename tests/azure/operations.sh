# Operations at Azure, for azure.sh: the program that reeve-azure starts, on the fake of Azure Resource Manager.
# shellcheck shell=bash disable=SC2154
mkdir "$stage/layers"
mount -t tmpfs -o mode=0755 layers "$stage/layers"
mkdir "$stage/layers/upper" "$stage/layers/work"
chmod 0755 "$stage/layers/upper"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$stage/layers/upper,workdir=$stage/layers/work" /etc
mount --bind "$stage/hosts" /etc/hosts
mkdir -p /etc/reeve
printf '[subscriptions]\nmain = "%s"\nother = "99999999-2222-3333-4444-555555555555"\n[azure]\ncredentials = ["managed"]\nca = "%s"\npatience = "8s"\n' "$tenant" "$stage/ca.crt" >/etc/reeve/azure.toml
# What was said is kept, for what must not be in it. The status of the program is the answer's.
asked() {
  local status=0
  timeout 60 "$bin/reeve" azure "$@" >"$stage/out" 2>"$stage/err" || status=$?
  cat "$stage/out" "$stage/err" >>"$stage/all.log"
  return "$status"
}
ends_with() { local wanted=$1 status=0; shift; asked "$@" || status=$?; same "$wanted" "$status"; }
told_of() { python3 -c 'import json,sys; answer=json.loads(open(sys.argv[1]).read().splitlines()[-1])["answer"]; print(eval(sys.argv[2]))' "$stage/out" "$1"; }
told_meanwhile() { grep -cF -- "$1" "$stage/out"; }
why() { grep -F -- "$1" "$stage/err"; }

told '{}'
it "the groups of a subscription are read" asked groups main
it "with who asked" same "managed" "$(python3 -c 'import json,sys; print(json.loads(open(sys.argv[1]).read().splitlines()[-1])["credential"])' "$stage/out")"
it "to the last page" same "['rg', 'other', 'spare']" "$(told_of '[one["name"] for one in answer["groups"]]')"
it "the resources of a group are read" asked resources main rg
it "with what they are" same "[('shop', 'Microsoft.App/containerApps'), ('mail', 'Microsoft.App/containerApps')]" \
  "$(told_of '[(one["name"], one["kind"]) for one in answer["resources"]]')"
it "a container app is read, with its active revisions" asked app main rg shop
it "and what they run" same "(1, 3, [('shop--1', ['shop--1-a', 'shop--1-b'])])" \
  "$(told_of '(answer["app"]["min"], answer["app"]["max"], [(r["name"], r["replicas"]) for r in answer["app"]["revisions"]])')"
it "what is not there is said to be missing" ends_with 20 app main rg nothing
it "with Azure's own code" why 'HTTP 404 ResourceNotFound'
it "so is a group" ends_with 20 resources main nothing
it "a subscription that root did not name is none" ends_with 20 groups elsewhere
it "nor is one that Azure does not know" ends_with 20 groups other
it "what is no command is none" ends_with 25 delete main rg shop

told '{"arm": {"throttle": 2}}'
from=$SECONDS
it "a manager that throttles is asked again" asked groups main
it "each time after a second, though it wants no pause" test $((SECONDS - from)) -ge 2
for trouble in page_lost no_list leads_elsewhere down; do
  told "{\"arm\": {\"$trouble\": true}}"
  it "a listing is whole or none: $trouble" ends_with 25 resources main rg
  it "and nothing of it is told: $trouble" same "" "$(cat "$stage/out")"
done
it "no token goes elsewhere" fails grep elsewhere "$stage/requests.log"
told '{"arm": {"forbidden": true}}'
it "a missing role is named" ends_with 21 groups main
it "by Azure's own code" why 'AuthorizationFailed'
told '{"imds": "none"}'
it "without a token nothing is asked" ends_with 21 groups main
told '{}'

it "a scale is set, and its end is waited for" asked scale main rg shop 2 5
it "with what Azure says meanwhile" same 2 "$(told_meanwhile '"waits":"InProgress"')"
it "until the revision of before serves no more" told_meanwhile '"old_revisions":1'
asked app main rg shop
it "and it is so" same "(2, 5)" "$(told_of '(answer["app"]["min"], answer["app"]["max"])')"
it "the revision that serves has the scale" same "[('shop--2', 2, 5)]" "$(told_of '[(r["name"], r["min"], r["max"]) for r in answer["app"]["revisions"]]')"
told '{"arm": {"several": true}}'
it "an app with several revisions is not scaled" ends_with 23 scale main rg shop 3 6
told '{"arm": {"broken": true}}'
it "a new revision that does not come up has failed" ends_with 24 scale main rg mail 2 5
it "by its name" why 'mail--2'
asked app main rg mail
it "and the one of before serves as it did" same "[('mail--1', 1, 3, 100), ('mail--2', 2, 5, 0)]" \
  "$(told_of '[(r["name"], r["min"], r["max"], r["traffic"]) for r in answer["app"]["revisions"]]')"
told '{"arm": {"fails": true}}'
it "what ends badly has failed" ends_with 24 scale main rg shop 3 6
it "by Azure's own code, and without its words" eval "why ContainerAppInvalid && fails why 'secret words'"
told '{"arm": {"lost_end": true}}'
it "what was begun and cannot be followed is no success" ends_with 26 scale main rg shop 3 6
told '{}'
it "a restart waits until no replica of before is left" asked restart main rg shop shop--2
it "and says how many were replaced" same "{'shop--2': 2}" "$(told_of 'answer["restarted"]')"
it "having told of those that were left" told_meanwhile '"old_replicas":2'
it "a revision that is not there is not restarted" ends_with 20 restart main rg shop shop--9
told '{"arm": {"blind": true}}'
it "what was begun and then is not shown has not been refused" eval 'ends_with 26 scale main rg shop 3 6 && why AuthorizationFailed'
told '{}'

# shellcheck disable=SC1091  # it is beside
. "$here/azure/deleting.sh"
# shellcheck disable=SC1091  # it is beside
. "$here/azure/firewall.sh"
umount /etc/hosts /etc "$stage/layers"
