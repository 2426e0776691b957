# Deleting at Azure, for operations.sh: only what root has claimed by hand, and what a tag at Azure claims, as it was seen.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154
mkdir -m 0755 "$stage/layers/var" "$stage/layers/var-work"
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$stage/layers/var,workdir=$stage/layers/var-work" /var/lib
rm -rf /var/lib/reeve-root
mkdir -m 0755 /var/lib/reeve-root
apps=microsoft.app/containerapps
claim() { timeout 60 "$bin/reeve" azure claim "main/spare/$1" >"$stage/out" 2>"$stage/err"; }
# mark NAME: by what the group's listing tells it from what it was before.
mark() { asked claimed main spare >/dev/null && told_of "[one['mark'] for one in answer['claimed'] if one['name'] == '$1'][0]"; }
words() { asked claimed main spare >/dev/null && told_of "[(one['host'], one['tag']) for one in answer['claimed'] if one['name'] == '$1'][0]"; }
deletes() { asked delete main spare "$1" "${2:-$(mark "$1")}"; }
refuses() { local wanted=$1 status=0; shift; deletes "$@" || status=$?; same "$wanted" "$status"; }
stays() { asked there main spare "$1" && same True "$(told_of 'answer["there"]')"; }
is_gone() { asked there main spare "$1" && same False "$(told_of 'answer["there"]')"; }
# Nothing but questions went to Azure about it.
sent() { grep -c "^DELETE management.azure.com.*/$1 " "$stage/requests.log" || true; }
any=$(printf '0%.0s' $(seq 64))

told '{}'
it "without a tag in root's configuration nothing is this host's" ends_with 28 claimed main spare
it "and nothing is deleted" refuses 28 "$apps/old" "$any"
printf '[claims]\nvalue = "host01"\n' >>/etc/reeve/azure.toml
it "a group is read with who claims what" asked claimed main spare
it "to the last page" same 7 "$(told_of 'len(answer["claimed"])')"
it "a tag alone is one of both, and what capital letters it has is nothing" same "('silent', 'claims')" "$(words "$apps/old")"
it "another host's tag is another host's" same "('silent', 'other')" "$(words "$apps/others")"
it "what has a tag and is not on this host's list is not deleted" refuses 28 "$apps/old" "$any"
it "a claim takes a resource that is there" eval '! claim "$apps/nothing" && why "has no main/spare/$apps/nothing"'
it "and one resource, not a group" eval '! timeout 60 "$bin/reeve" azure claim main/spare >"$stage/out" 2>"$stage/err" && why "is a group"'
install -m 0755 "$bin/reeve" "$stage/reeve"
it "and root" eval '! setpriv --reuid=65534 --regid=65534 --clear-groups "$stage/reeve" azure claim "main/spare/$apps/old" 2>"$stage/err" >"$stage/out" && why "is root"'
rm "$stage/reeve"
it "root claims a resource by hand" claim "$apps/old"
it "which is written where root alone writes" same "root 644" "$(stat -c '%U %a' /var/lib/reeve-root/azure-claims.json)"
it "and both claim it then" same "('claims', 'claims')" "$(words "$apps/old")"
it "claiming what has no tag says how it gets one" eval 'claim "$apps/half" && grep -qF "az tag update" "$stage/out"'
it "what is on the list and has no tag is not deleted" refuses 28 "$apps/half"
for name in microsoft.sql/servers/base microsoft.sql/servers/base/databases/one microsoft.storage/storageaccounts/store "$apps/tagged"; do
  it "root claims $name" claim "$name"
done
it "what is claimed is listed" eval '"$bin/reeve" azure claims >"$stage/out" && same 6 "$(grep -c /subscriptions/ "$stage/out")"'
it "so far nothing was to be deleted at Azure" same 0 "$(sent '[^ ]*')"

it "what is not as it was is not deleted" refuses 27 "$apps/old" "$any"
it "nor what something lies below" refuses 23 microsoft.sql/servers/base
told '{"arm": {"locked": ["old"]}}'
it "what a lock keeps is not deleted" refuses 23 "$apps/old"
it "by Azure's own code" why 'HTTP 409 ScopeLocked'
told '{"arm": {"in_use": ["old"]}}'
it "nor what something else needs" refuses 23 "$apps/old"
it "by Azure's own code" why 'HTTP 400 InUseResourceCannotBeDeleted'
told '{"arm": {"no_role": true}}'
it "nor without a role for it" refuses 21 "$apps/old"
told '{"arm": {"moves": "store"}}'
it "what is changed at the last moment is not deleted" refuses 27 microsoft.storage/storageaccounts/store
it "since Azure is told which one is meant" why 'HTTP 412 PreconditionFailed'
told '{}'
one=$(mark "$apps/old")
for trouble in page_lost no_list leads_elsewhere down; do
  told "{\"arm\": {\"$trouble\": true}}"
  count=$(sent old)
  it "a listing that failed is not nothing there: $trouble" ends_with 25 claimed main spare
  it "and says nothing: $trouble" same "" "$(cat "$stage/out")"
  it "and nothing is deleted by it: $trouble" eval 'refuses 25 "$apps/old" "$one" && same "$count" "$(sent old)"'
done
told '{"arm": {"throttle": 3}}'
it "throttling is waited for" asked claimed main spare
told '{"arm": {"no_reader": true}}'
it "without leave to ask for versions nobody knows what is there" ends_with 21 there main spare "$apps/old"
printf '[versions]\n"%s" = "2024-03-01"\n' "$apps" >>/etc/reeve/azure.toml
it "unless root names them" stays "$apps/old"
told '{}'
it "a subscription that is not there is not a resource that is gone" ends_with 20 there other spare "$apps/old"

told '{"arm": {"breaks": true}}'
it "what may have been begun is not said to have failed" refuses 26 "$apps/old"
told '{"arm": {"hangs": true}}'
"$bin/reeve" azure delete main spare "$apps/tagged" "$(mark "$apps/tagged")" >"$stage/out" 2>"$stage/err" &
cut=$!
for _ in $(seq 100); do grep -q InProgress "$stage/out" && break; sleep 0.1; done
kill -9 "$cut"
wait "$cut" 2>/dev/null || true
it "what is cut off in the middle had told of it" grep -q '"percent":40' "$stage/out"
it "and is still there, so that nobody says what became of it" stays "$apps/tagged"
told '{"arm": {"hangs_up": true}}'
it "nor of what was sent and never answered" refuses 26 "$apps/tagged"
told '{"arm": {"fails": true}}'
it "what ends badly has failed" refuses 24 "$apps/old"
it "by Azure's own code, and without its words" eval "why ContainerAppInvalid && fails why 'secret words'"
told '{"arm": {"not_yet": 2}}'
it "what both claim is deleted" deletes "$apps/old"
it "once Azure has said so" told_meanwhile '"waits":"Succeeded"'
it "and shows it no more" told_meanwhile '"still_there"'
it "and it is gone" is_gone "$apps/old"
told '{"arm": {"lags": true}}'
it "a listing that still has it is not believed" eval 'asked claimed main spare && same 0 "$(told_of "len([one for one in answer[\"claimed\"] if one[\"name\"] == \"$apps/old\"])")"'
it "what ends at once is deleted" deletes microsoft.storage/storageaccounts/store
it "what lies below is deleted, whose end is an address" deletes microsoft.sql/servers/base/databases/one
it "and then what is above it, though a listing lags behind" deletes microsoft.sql/servers/base
it "which is gone" is_gone microsoft.sql/servers/base
told '{}'
it "what nobody asked for is there" stays "$apps/half"

printf '{"%s/old": {"reeve-host": "host01"}}' "$apps" >"$stage/remake.json"
it "another one of a claimed name is not claimed" same "('other', 'claims')" "$(words "$apps/old")"
it "and not deleted" refuses 28 "$apps/old"
it "until root claims that one" eval 'claim "$apps/old" && deletes "$apps/old"'
it "a claim is taken back" eval '"$bin/reeve" azure unclaim "main/spare/$apps/half" >"$stage/out" && same "('"'silent', 'silent'"')" "$(words "$apps/half")"'
it "once" eval '! "$bin/reeve" azure unclaim "main/spare/$apps/half" 2>"$stage/err" && why "is not claimed"'
chmod 0666 /var/lib/reeve-root/azure-claims.json
it "a list that others may write is none, and not an empty one" ends_with 25 claimed main spare
umount /var/lib
