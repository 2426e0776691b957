#!/bin/bash
# A host's whole life on a running systemd, over power cuts: installed, an agent enrolled, an operation allowed, a destroy
# approved, the log verified; each process killed under load, the disk full, the clock set forward and back, the power cut
# while people are asked and while a step runs; upgraded, and uninstalled until nothing is left.
#
# In a guest that lives for this run: a container with the ZFS fake, or, with REEVE_ZFS=real, the virtual machine (tests/real.sh
# --life). It ends with status 200 when it wants the guest's power cut, and is started again then, with REEVE_BOOT=2.
#
# What the cut takes back: in the container nothing, since its disk is this machine's memory; everything ends at once, and it is another
# boot. In the virtual machine what was in the guest's memory alone, and so what was written and not synced; what its disk has taken stays.
#
# Environment: REEVE_BIN and REEVE_ROOT_BIN as for testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"
in_guest "$here/life.sh" --reboots

readonly keep=/root/life pki=/root/life/pki slow_pool=/var/lib/life-slow tools=/usr/local/lib/life
readonly services=(reeve-launcher.socket reeve-launcher reeve-gate reeved)
mkdir -p "$keep"
# shellcheck source=life/fake.sh
. "$here/life/${REEVE_ZFS:-fake}.sh"

agent() {
  env REEVE_URL=https://localhost:8443 REEVE_CA="$pki/ca.crt" REEVE_CERT="$pki/agent/librarian.crt" \
    REEVE_KEY="$pki/agent/librarian.key" "${LIFE_REEVE:-/usr/local/bin/reeve}" "$@"
}
snapshot() { agent op zfs snapshot tank/media --param "name=$1" --idempotency-key "$1" --wait=60; }
destroy() { agent op zfs destroy "$1" --json || [ $? = 4 ]; }
state_of() { agent status "$1" --json | jq -r .state; }
in_state() { same "$2" "$(state_of "$1")"; }
exists() { zfs list -H -o name "$1" >/dev/null; }
healthy() { agent health --json | jq -e '.status == "ok"' >/dev/null; }
kinds_of() { jq -r --arg id "$1" 'select(.operation == $id) | .kind' /var/log/reeve/audit.jsonl; }
# What the person's phone shows, and what they say.
phone() {
  python3 - "$1" <<'P'
import json, socket, sys
people = socket.socket(socket.AF_UNIX)
people.connect("/var/lib/life-people/control")
people.sendall(sys.argv[1].encode() + b"\n")
print(people.makefile().readline())
P
}
token_for() {
  phone '{"do":"messages","of":"alice"}' | jq -r '.messages[].text' | grep -A8 -F "$1" | sed -n 's/^CONFIRM \([^ ]*\).*/\1/p' | tail -n 1
}
asked_about() { [ -n "$(token_for "$1")" ]; }
say() { phone "$(jq -nc --arg text "$1" '{do: "say", as: "alice", text: $text}')" >/dev/null; }

install_from() { "$top/install.sh" --bin-dir "$1" --root-bin-dir "$2" "${@:3}"; }

# instead_of TOOL: in its place one that takes its time with what root does when it is told to, as a slow pool does.
instead_of() {
  cat >"/usr/sbin/$1" <<S
#!/bin/sh
if [ -e $slow_pool/slow ] && [ "\$(/usr/bin/id -u)" = 0 ] && [ "\$1" = snapshot ]; then
  echo "\$*" >>$slow_pool/begun
  while [ -e $slow_pool/slow ]; do /usr/bin/sleep 0.1; done
fi
FAKE_ZFS_DIR=$slow_pool exec $tools/$1 "\$@"
S
  chmod 0755 "/usr/sbin/$1"
}

# Not Reeve's: the pool, and the people and their phones.
place_the_rest() {
  useradd --system --no-create-home librarian
  install -d -m 0777 "$slow_pool"
  place_pool
  zfs create tank/media
  install -m 0755 "$REEVE_BIN/reeve-signal-stand-in" "$tools/people"
  cat >/etc/systemd/system/life-people.service <<S
[Unit]
Before=reeve-gate.service
[Service]
User=reeve-signal
StateDirectory=life-people
ExecStartPre=/bin/rm -f /var/lib/life-people/socket /var/lib/life-people/control
ExecStart=$tools/people --socket /var/lib/life-people/socket --control /var/lib/life-people/control --account +15550001 --own-uuid 00000000-0000-4000-8000-000000000001 --person alice,00000000-0000-4000-8000-00000000000a,$(printf 'a1%.0s' {1..32})
UMask=0000
[Install]
WantedBy=multi-user.target
S
}

configure_it() {
  reeve pki --dir "$pki" issue agent librarian --trust-domain reeve.example >/dev/null
  printf '[[identity]]\nuri = "spiffe://reeve.example/agent/librarian"\nprincipal = "librarian"\n' >>/etc/reeve/reeved.toml
  cp "$top/demo/etc/contracts/librarian.toml" /etc/reeve/contracts/
  cp "$top/demo/etc/policy.star" /etc/reeve/policy.star
  cat >>/etc/reeve/gate.toml <<T
[signal]
socket = "/var/lib/life-people/socket"
account = "+15550001"
uuid = "00000000-0000-4000-8000-000000000001"
user = "reeve-signal"
[[approver]]
name = "alice"
uuid = "00000000-0000-4000-8000-00000000000a"
fingerprint = "$(printf 'a1%.0s' {1..32})"
groups = ["storage"]
T
  install_from "$REEVE_BIN" "$REEVE_ROOT_BIN" >/run/install.log
}

# As an agent does it: what had no answer is asked for again by the same key, and what has failed by another.
until_done() {
  local attempt=1 status
  for (( ; ; )); do
    status=0
    agent op zfs snapshot tank/media --param "name=$1" --idempotency-key "$1-$attempt" --wait=60 || status=$?
    case $status in
      0) return 0 ;;
      1) attempt=$((attempt + 1)) ;;
      *) if exists "tank/media@$1"; then return 0; fi ;;
    esac
    sleep 0.2
  done
}
# Each of the three killed again and again while an agent works. Every operation is done, and none twice.
under_load() {
  local number unit seen begun=$SECONDS
  (for number in $(seq 1 "$load"); do until_done "load-$number"; done) >/run/load.log 2>&1 &
  local working=$!
  for unit in "${kills[@]}"; do
    sleep 1.5
    systemctl kill --signal=KILL "$unit" 2>/dev/null || true
    soon systemctl is-active --quiet reeved || true
  done
  wait "$working"
  echo "load: $((SECONDS - begun)) s"
  seen=$(zfs list -H -t snapshot -o name | grep -c '@load-')
  same "$load" "$seen"
}
# By root's ledger: a gate that is killed between the record of a grant and its keeping signs another, and the first goes nowhere.
run_once() {
  local signed=/var/log/reeve/audit.jsonl
  same "" "$(join -o 2.2 \
    <(jq -r 'select(.kind == "grant_signed" and .detail.step == 0 and (.detail.read | not)) | .detail.grant | ltrimstr("sha256:")' "$signed" | sort) \
    <(cat /var/lib/reeve-root/spent/* | awk '$2 == 0 {print $4, $1}' | sort) | sort | uniq -d)"
}
# A wrapper believes another key for a moment; what the journal has of it is found by the operation's id.
refused_and_found() {
  local id
  cp -p /etc/reeve/grant.pub "$keep/grant.pub"
  printf '%064d\n' 1 >/etc/reeve/grant.pub
  id=$(agent op zfs snapshot tank/media --param name=refused --wait=60 --json | jq -r .id) || true
  cat "$keep/grant.pub" >/etc/reeve/grant.pub
  journalctl --sync
  journalctl --no-pager -o json "REEVE_OPERATION=$id" | jq -se 'map(select(.PRIORITY == "3" and ._SYSTEMD_UNIT == "reeve-gate.service")) | length == 1'
}
verified() { reeve audit verify && reeve audit verify --ledger /var/lib/reeve-root/spent; }

# The log on a disk of its own, that is full.
full_disk() {
  systemctl stop reeve-gate
  cp -a /var/log/reeve "$keep/log"
  mount -t tmpfs -o "size=4m,mode=0750,uid=$(id -u reeve-gate),gid=$(id -g reeve-gate)" life-log /var/log/reeve
  cp -a "$keep/log/." /var/log/reeve/
  systemctl start reeve-gate
  soon healthy
  dd if=/dev/zero of=/var/log/reeve/filler bs=4096 2>/dev/null || true
}
room_again() {
  rm /var/log/reeve/filler
  soon snapshot room-again
}
disk_back() {
  systemctl stop reeve-gate
  rm -rf "$keep/log"
  cp -a /var/log/reeve "$keep/log"
  umount /var/log/reeve
  cp -a "$keep/log/." /var/log/reeve/
  systemctl start reeve-gate
  soon healthy
}
# Refused, or not ended as long as its end cannot be written down: what is left of the log's last block says which, and some
# operations may fit into it before.
not_done() {
  local number
  for number in 1 2 3 4 5 6 7 8; do
    agent op zfs snapshot tank/media --param "name=last-$number" --wait=5 >/dev/null 2>&1 || break
  done
  fails agent op zfs snapshot tank/media --param name=on-a-full-disk --wait=5
}

first_boot() {
  find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /root -o -path /tmp -o -path /var/tmp -o -path /var/log/journal \) -prune -o -print |
    sort >"$keep/before"
  it "it is installed with an authority and a configuration that starts" install_from "$REEVE_BIN" "$REEVE_ROOT_BIN" --configure localhost --ca "$pki"
  place_the_rest
  it "an agent is enrolled" configure_it
  it "the configuration is right" reeve check
  systemctl daemon-reload
  it "it starts, and at every boot" systemctl enable --now life-people "${services[@]}"
  it "and is well" soon healthy
  it "an operation that the rules allow is done" snapshot first
  it "it is really there" exists tank/media@first
  id=$(destroy tank/media@first | jq -r .id)
  it "a person is asked about a destroy" soon asked_about tank/media@first
  it "until then nothing is lost" exists tank/media@first
  say "CONFIRM $(token_for tank/media@first)"
  it "what the person confirmed is done" soon in_state "$id" succeeded
  it "and is gone" fails exists tank/media@first
  it "the log holds, and root's ledger with it" verified

  it "what a wrapper refuses is found in the journal by its operation" refused_and_found
  it "and was not done" fails exists tank/media@refused

  it "every operation is done while each process is killed under load" under_load
  it "and none was run twice" run_once
  it "the log holds after it" verified

  it "the disk of the log is full" full_disk
  it "what cannot be recorded does not happen" not_done
  it "not at all" fails exists tank/media@on-a-full-disk
  it "with room again work goes on" room_again
  it "and what was not recorded has not happened meanwhile" fails exists tank/media@on-a-full-disk
  it "and the log holds" verified
  it "back on its own disk" disk_back

  it "the gate has a clock that can be set" with_a_clock
  for number in 1 2; do snapshot "clock-$number" >/dev/null; done
  id=$(destroy tank/media@clock-1 | jq -r .id)
  soon asked_about tank/media@clock-1
  token=$(token_for tank/media@clock-1)
  clock +2700
  it "what waits ends when its time is over by the clock that people see" soon in_state "$id" expired
  say "CONFIRM $token"
  sleep 1
  it "and a late yes changes nothing" exists tank/media@clock-1
  it "work goes on with the clock ahead" snapshot clock-ahead
  clock_ahead
  id=$(destroy tank/media@clock-2 | jq -r .id)
  soon asked_about tank/media@clock-2
  clock "$back"
  it "work goes on with the clock set back" snapshot clock-back
  it "what was asked before is still asked" in_state "$id" pending
  clock_back "$id"
  it "the log holds over it" verified
  it "the gate goes on by the host's clock" without_a_clock

  # The power is cut while a person is asked, and while a step runs.
  snapshot cut >/dev/null
  destroy tank/media@cut | jq -r .id >"$keep/asked"
  soon asked_about tank/media@cut
  token_for tank/media@cut >"$keep/token"
  touch "$slow_pool/slow"
  snapshot in-the-middle >/dev/null 2>&1 &
  soon grep -q in-the-middle "$slow_pool/begun"
  agent list --json | jq -r '.operations[] | select(.state == "executing") | .id' >"$keep/running"
  it "a step runs as the power is cut" test -s "$keep/running"
  echo "$passed $failed" >"$keep/counted"
  # What the test itself needs to know; of Reeve, only what it has written down by itself is there after the cut.
  find "$keep" -type f -exec sync {} +
  exit 200
}

second_boot() {
  read -r passed failed <"$keep/counted"
  rm -f "$slow_pool/slow"
  it "after the power cut all of it comes up by itself" soon healthy
  it "the pool is imported" exists tank/media
  it "the log holds" reeve audit verify
  it "what waited for a person waits on" in_state "$(cat "$keep/asked")" pending
  say "CONFIRM $(cat "$keep/token")"
  it "and what was in the phone still counts" soon in_state "$(cat "$keep/asked")" succeeded
  it "it is gone" fails exists tank/media@cut
  it "what was running has failed, since the host shows that it did not happen" soon in_state "$(cat "$keep/running")" failed
  it "it was not run again" fails exists tank/media@in-the-middle
  it "and was granted once" same 1 "$(kinds_of "$(cat "$keep/running")" | grep -c grant_signed)"

  # An upgrade with something waiting.
  snapshot upgraded >/dev/null
  id=$(destroy tank/media@upgraded | jq -r .id)
  soon asked_about tank/media@upgraded
  mkdir -p /opt/newer/bin /opt/newer/root
  for name in reeve reeved reeve-gate reeve-builtin; do cp "$REEVE_BIN/$name" /opt/newer/bin/; done
  for name in reeve-launcher reeve-zfs reeve-systemd reeve-pct reeve-git reeve-ansible reeve-tool reeve-azure reeve-egress; do cp "$REEVE_ROOT_BIN/$name" /opt/newer/root/; done
  # Not the same programs any more, and yet the same.
  for name in /opt/newer/*/*; do printf 'newer' >>"$name"; done
  it "newer programs are installed over those that run" install_from /opt/newer/bin /opt/newer/root
  it "what runs goes on with its own" snapshot before-the-restart
  it "they are restarted, the launcher first" systemctl restart reeve-launcher reeve-gate reeved
  it "and all is well" soon healthy
  it "the wrappers are those that were built with it" same pass "$(reeve doctor --dry-run --json | jq -r '.checks[] | select(.id == "wrapper-hashes") | .status')"
  say "CONFIRM $(token_for tank/media@upgraded)"
  it "what waited over the upgrade is confirmed after it" soon in_state "$id" succeeded
  it "the log holds over the upgrade" verified

  # The host is taken out, as docs/upgrade.md says it.
  it "before it goes it is frozen" reeve freeze host
  it "so that nothing begins any more" exits 3 snapshot after-freezing
  it "the log is verified for the last time" verified
  it "its certificate is taken back" reeve pki --dir "$pki" revoke localhost
  LIFE_REEVE=/opt/newer/bin/reeve
  it "it is uninstalled" "$top/install.sh" --uninstall
  it "nobody answers any more" fails agent health
  it "what was recorded can still be verified" /opt/newer/bin/reeve audit verify --log /var/log/reeve
  systemctl disable --now life-people 2>/dev/null
  it "it is purged" "$top/install.sh" --uninstall --purge
  take_pool_away
  rm -rf /opt/newer "$slow_pool" /var/lib/life-people /etc/systemd/system/life-people.service
  left=$(find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /root -o -path /tmp -o -path /var/tmp -o -path /var/log/journal \) -prune -o -print |
    sort | comm -13 "$keep/before" - | grep -i reeve || true)
  it "nothing of it is left on the disk" same "" "$left"
  it "nor any process" same "" "$(pgrep -l reeve | grep -v ' reeve-guest$' || true)"
  it "nor any user" fails eval 'getent passwd | grep "^reeve" || getent group | grep "^reeve"'
  it "nor any unit" same "" "$(systemctl list-units --all --plain --no-legend 'reeve*' | grep -v reeve-guest || true)"
  verdict
}

case ${REEVE_BOOT:-1} in
  1) first_boot ;;
  *) second_boot ;;
esac
