# The firewall of a vault, for operations.sh: opened to this host's own address for a while, and closed again as far as it was opened.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154
mkdir -m 0755 "$stage/layers/own" "$stage/layers/own-work"
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$stage/layers/own,workdir=$stage/layers/own-work" /var/lib
rm -rf /var/lib/reeve-azure
mkdir -m 0700 /var/lib/reeve-azure
own=/var/lib/reeve-azure/firewall.json
vault_asked() { asked "$1" main spare "${2:-closed}"; }
# seen COMMAND EXPRESSION [VAULT]: what is told of a firewall.
seen() { vault_asked "$1" "${3:-closed}" >/dev/null && told_of "(lambda wall: $2)(answer['firewall'])"; }
lets_in() { same "$1" "$(seen firewall "','.join(wall['rules'])" "${2:-closed}")"; }
allow() { asked allow main spare "${1:-closed}" "${2:-20.1.2.3/32}" 30 "$(seen firewall "wall['mark']" "${1:-closed}")"; }
allow_ends() { local wanted=$1 status=0; shift; allow "$@" || status=$?; same "$wanted" "$status"; }
disallow() { asked disallow main spare "${1:-closed}" "$(seen firewall "wall['mark']" "${1:-closed}")"; }
patches() { grep -c '^PATCH .*/vaults/' "$stage/requests.log" || true; }
# later SECONDS: what this host added was added so long ago.
later() { python3 -c 'import json,sys; page=json.load(open(sys.argv[1])); [rule.update(since=rule["since"]-int(sys.argv[2]), until=rule["until"]-int(sys.argv[2])) for rule in page["rules"]]; json.dump(page, open(sys.argv[1],"w"))' "$own" "$1"; }
expire() { asked expire; }
with_firewall() { sed -i '/^\[firewall\]/,$d' /etc/reeve/azure.toml && printf '[firewall]\n%s\n' "$1" >>/etc/reeve/azure.toml; }
none=$(printf '0%.0s' $(seq 64))

told '{}'
it "without a word of root's nobody's address is this host's" ends_with 29 opening main spare closed
with_firewall 'address = "10.0.0.4"'
it "a private address is refused before anybody is asked" eval 'ends_with 25 opening main spare closed && why "10.0.0.4 is private"'
with_firewall 'address = "20.1.2.3"'
it "nothing is opened where nobody would close it again" eval 'ends_with 29 opening main spare closed && why "reeve-azure-expire.timer"'
it "who looks what is over asks nobody while nothing is" eval 'count=$(wc -l <"$stage/requests.log"); expire && same "$count" "$(wc -l <"$stage/requests.log")"'
it "and then it may be opened" same 20.1.2.3/32 "$(seen opening "wall['address']")"
with_firewall 'sources = ["https://one.example/ip", "https://two.example/ip"]'
told '{"says": {"one.example": "20.1.2.3\n", "two.example": "20.1.2.3"}}'
it "two sources that agree say the address" same 20.1.2.3/32 "$(seen opening "wall['address']")"
it "and are shown no token" fails grep -E 'GET (one|two).example/ip with a token' "$stage/requests.log"
told '{"says": {"one.example": "20.1.2.3", "two.example": "20.1.2.4"}}'
it "two that do not agree say nothing" eval 'ends_with 29 opening main spare closed && why "do not agree"'
told '{"says": {"one.example": "20.1.2.3"}}'
it "nor does one alone" ends_with 29 opening main spare closed
told '{"says": {"one.example": "192.168.1.1", "two.example": "192.168.1.1"}}'
it "nor two that say a private one" eval 'ends_with 29 opening main spare closed && why "is private"'
told '{"says": {"one.example": "<html>20.1.2.3</html>", "two.example": "20.1.2.3"}}'
it "nor what is no address" ends_with 29 opening main spare closed

good='"says": {"one.example": "20.1.2.3", "two.example": "20.1.2.3"}'
told "{$good}"
it "another address than this host's own is not let in" allow_ends 27 closed 20.1.2.4/32
it "nor is one by what was seen of another time" ends_with 27 allow main spare closed 20.1.2.3/32 30 "$none"
it "a vault without public access is left alone" allow_ends 23 private
it "and one that lets everybody in" allow_ends 23 wide
it "and one without a firewall" allow_ends 23 none
chown 1234 /var/lib/reeve-azure
it "nobody but its user keeps the list" eval '! expire && why "systemctl start reeve-azure-expire" && ends_with 25 disallow main spare closed "$none"'
chown root /var/lib/reeve-azure
it "so far nothing was sent" same 0 "$(patches)"
told "{$good, \"arm\": {\"wall_refuses\": true}}"
it "what Azure refuses has not happened" allow_ends 21 closed
it "and is not on this host's list" test ! -e "$own"
told "{$good, \"arm\": {\"wall_throttles\": true}}"
it "what Azure is too busy for keeps nobody else from the list" eval 'from=$SECONDS; allow_ends 22 closed && test $((SECONDS - from)) -lt 30'
it "and is not on it" test ! -e "$own"
told "{$good, \"arm\": {\"wall_breaks\": true}}"
it "what may have happened is not said to have failed" allow_ends 26 closed
it "and is on this host's list, to be taken away" grep -q 20.1.2.3/32 "$own"
told "{$good, \"arm\": {\"wall_loses\": true}}"
it "what is taken and not there is no success" allow_ends 26 closed
told "{$good, \"arm\": {\"wall_garbles\": true}}"
it "what is taken and answered with what is no answer may have happened" allow_ends 26 second
it "and is on this host's list as well" grep -q vaults/second "$own"
told "{$good}"
it "from which it is taken away like any other" eval 'lets_in 20.1.2.3/32 second && disallow second && lets_in "" second'
told "{$good, \"arm\": {\"wall_fails\": true}}"
it "what Azure took and says to have ended badly has failed" eval 'allow_ends 24 second && why VaultInvalid'
it "and is on this host's list all the same" grep -q vaults/second "$own"
told "{$good}"
it "for it may be there" eval 'lets_in 20.1.2.3/32 second && disallow second && lets_in "" second'
it "its own address is let in" allow closed
it "beside whoever was" lets_in 20.1.2.3/32,20.9.9.9/32
it "and no token went to the sources" fails grep -E '(one|two).example/ip with a token' "$stage/requests.log"
it "its list is its own" same 600 "$(stat -c %a "$own")"
it "once more changes nothing" eval 'count=$(patches); allow closed && same "$count" "$(patches)"'
it "what is not over stays" eval 'expire && lets_in 20.1.2.3/32,20.9.9.9/32'
it "another vault is opened, too" eval 'allow second && lets_in 20.1.2.3/32 second'
later 1900
told "{$good, \"arm\": {\"down\": true}}"
it "while Azure is down nothing is forgotten" eval '! expire && grep -q 20.1.2.3/32 "$own"'
told "{$good}"
it "what is over is taken away, whoever was restarted meanwhile" expire
it "and nothing else" lets_in 20.9.9.9/32
it "of every vault" lets_in '' second
it "and then there is nothing to look after" test ! -e "$own"
allow closed >/dev/null
allow second >/dev/null
later 1900
told "{$good, \"arm\": {\"wall_busy\": \"closed\"}}"
from=$SECONDS
it "a vault that is busy is not waited for while others are open" eval '! expire && why "longer than anybody waits"'
it "but for half a minute" test $((SECONDS - from)) -lt 50
it "they are closed in the same round" lets_in '' second
it "and it stays on the list" eval 'grep -q vaults/closed "$own" && fails grep vaults/second "$own"'
told "{$good}"
it "until the next one" eval 'expire && lets_in 20.9.9.9/32'
it "its own address is let in again" allow closed
it "and is taken away before its time" disallow closed
it "and nothing else of it" lets_in 20.9.9.9/32
told '{"says": {"one.example": "20.9.9.9", "two.example": "20.9.9.9"}}'
it "what others let in is not this host's" eval 'allow closed 20.9.9.9/32 && test ! -e "$own" && disallow closed && lets_in 20.9.9.9/32'
told "{$good}"
allow closed >/dev/null
later -7200
it "a clock that was set back leaves nothing open for longer" eval 'expire && lets_in 20.9.9.9/32'
allow second >/dev/null
later 1900
told "{$good, \"arm\": {\"group_gone\": true}}"
it "what went with its group is looked after no more" eval 'expire && test ! -e "$own"'
told "{$good}"
allow closed >/dev/null
printf 'x' >"$own"
it "a list that is not understood is not nothing" eval '! expire && why "firewall.json"'
rm "$own"
it "neither public access nor the default action was ever written otherwise" \
  same "['AzureServices Deny 1']" "$(python3 -c 'import json,sys; bodies=[json.loads(line)["properties"] for line in open(sys.argv[1])]; print(sorted({" ".join([body["networkAcls"]["bypass"], body["networkAcls"]["defaultAction"], str(len(body["networkAcls"]["virtualNetworkRules"]))]) if list(body) == ["networkAcls"] else "more" for body in bodies}))' "$stage/patches.json")"
umount /var/lib
