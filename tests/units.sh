#!/bin/bash
# The systemd units: valid without a warning, and as confined as they can be.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  stubs=$(mktemp -d)
  trap 'rm -rf "$stubs"' EXIT
  stand_ins "$stubs"
  REEVE_BIN=$stubs REEVE_ROOT_BIN=$stubs "$here/testbed.sh" --zfs fake "${BASH_SOURCE[0]}"
  exit
fi

readonly units=/etc/systemd/system
# These end sudo: each implies NoNewPrivileges for a unit with User=.
readonly imply_no_new_privileges='NoNewPrivileges=(yes|true|1)|PrivateDevices|PrivateUsers|ProtectKernel|ProtectClock|ProtectHostname|Restrict[A-Z]|LockPersonality|MemoryDenyWriteExecute|SystemCall|DynamicUser'
# These hide a `zfs mount` from the host: each makes a mount namespace.
readonly make_mount_namespaces='ProtectSystem|ProtectHome|ProtectProc|ProcSubset|ProtectControlGroups|PrivateTmp|PrivateIPC|PrivateMounts|[A-Za-z]+Paths|BindPaths|TemporaryFileSystem|RootDirectory|RootImage|MountFlags|PrivateNetwork'

# Unknown keys only warn: anything said is a failure.
valid() { same "" "$(systemd-analyze verify "$units/$1" 2>&1)"; }
confined() { systemd-analyze security --offline=true --no-pager --threshold="$2" "$units/$1"; }
has_none() { same "" "$(grep -E "^($2)" "$units/$1" || true)"; }
has() { grep -qxF "$2" "$units/$1"; }

# Not Reeve's and not there: something that can be run, in its place.
[ -e /usr/local/bin/signal-cli ] || install -m 0755 /bin/true /usr/local/bin/signal-cli
for unit in reeved.service reeved.socket reeve-gate.service reeve-gate.socket reeve-launcher.service reeve-launcher.socket reeve-doctor.service reeve-doctor.timer reeve-lists.service reeve-lists.timer reeve-alarms.service reeve-traces.service reeve-secrets.service reeve-secrets.timer reeve-shields.service reeve-azure-expire.service reeve-azure-expire.timer reeve-azure-examine.service reeve-azure-examine.timer reeve-signal.service reeve-bridge.service reeve-hook.service reeve-witness.service; do
  it "$unit is valid, without a warning" valid "$unit"
done
# Tenths: 15 is an exposure of 1.5.
it "reeved's exposure is at most 1.5" confined reeved.service 15
it "the gate's exposure is at most 1.0" confined reeve-gate.service 10
it "the exposure of what fetches lists is at most 1.5" confined reeve-lists.service 15
it "the exposure of what delivers alarms is at most 1.5" confined reeve-alarms.service 15
it "the exposure of what sends traces is at most 1.5" confined reeve-traces.service 15
it "the exposure of what reaches signal-cli over HTTP is at most 1.5" confined reeve-bridge.service 15
it "the exposure of what asks about votes is at most 1.8" confined reeve-hook.service 18
it "the exposure of what takes checkpoints to others is at most 1.5" confined reeve-witness.service 15
it "the exposure of the Signal daemon is at most 2.0" confined reeve-signal.service 20
it "the exposure of what fetches secrets is at most 1.5" confined reeve-secrets.service 15
it "the exposure of what asks Prompt Shields is at most 1.5" confined reeve-shields.service 15
it "the exposure of what closes vaults again is at most 1.5" confined reeve-azure-expire.service 15
it "the exposure of what looks at the identity that acts at Azure is at most 1.5" confined reeve-azure-examine.service 15
it "the launcher can use sudo" has_none reeve-launcher.service "$imply_no_new_privileges"
it "what the launcher mounts is the host's" has_none reeve-launcher.service "$make_mount_namespaces"
# What systemd-analyze would have besides, by the names of the directives; and those that the unit's comments give a reason for.
lacking() {
  systemd-analyze security --offline=true --no-pager --json=short "$units/reeve-launcher.service" |
    jq -r '.[] | select(.set == false) | .json_field | sub("_.*"; "")' | sort -u
}
without_reason() {
  local name reason reasons
  mapfile -t reasons < <(grep '^#' "$units/reeve-launcher.service" | grep -oE '\*?[A-Z][A-Za-z]+\*?')
  for name in $(lacking); do
    for reason in "${reasons[@]}"; do
      # shellcheck disable=SC2053 # it is a pattern
      [[ $name != $reason ]] || continue 2
    done
    echo "$name"
  done
}
it "there is something that the launcher lacks" test -n "$(lacking)"
it "and each has its reason" same "" "$(without_reason)"
for unit in reeved reeve-alarms reeve-lists reeve-traces reeve-witness reeve-hook reeve-bridge reeve-signal; do
  it "$unit cannot ask a cloud who the host is" has "$unit.service" IPAddressDeny=169.254.169.254/32
done
# An upgrade leaves nobody on an old program: the units that go on running a program of Reeve's, and what says so of each list.
readonly top=$here/..
installed() { sed -n '/^readonly units=(/,/)/p' "$top/install.sh" | grep -oE 'reeved?[a-z-]*\.service'; }
daemons() {
  local unit
  for unit in $(installed); do
    if grep -q '^Restart=' "$top/systemd/$unit" && grep -qE '^ExecStart=/usr/local/bin/reeve' "$top/systemd/$unit"; then echo "${unit%.service}"; fi
  done | sort
}
named() { grep -oE '\breeved?(-[a-z]+)*\b' | sort -u | grep -vxE 'reeve' || true; }
by_the_package() { sed -n 's/.*systemctl try-restart \(.*\); fi/\1/p' "$top/.ci/deb/postinst" | sed 's/\.service//g' | named; }
by_the_role() { sed -n '/^- name: Restart what asks Azure/,$d; /loop:\|try-restart/,/listen:/p' "$top/ansible/roles/reeve/handlers/main.yml" | sed 's/\.service//g' | named; }
by_the_book() { sed -n 's/^# reeve check && \(systemctl restart .*\) && reeve doctor$/\1/p' "$top/docs/upgrade.md" | named; }
it "there are daemons" test "$(daemons | wc -l)" -ge 9
it "an upgrade of the package restarts all of them" same "$(daemons)" "$(by_the_package)"
it "and so does one by the role" same "$(daemons)" "$(by_the_role)"
it "and one by the book" same "$(daemons)" "$(by_the_book)"

# What modes keep from a unit's user, its mounts do as well: every folder of Reeve's, and every file that is one user's.
readonly of_one_user="gate.toml=reeve-gate policy.star=reeve-gate reeved.toml=reeve secrets.secret=reeve-secrets secrets.pem=reeve-secrets
  shields.secret=reeve-shields shields.pem=reeve-shields azure.secret=reeve-azure azure.pem=reeve-azure"
shut_to() {
  local type path mode owner group place
  while read -r type path mode owner group _; do
    [ "$type" = d ] || continue
    mode=${mode: -3}
    if [ "$owner" = "$1" ]; then mode=${mode:0:1}
    elif [ "$group" = "$1" ] || grep -qxF "m $1 $group" "$top/systemd/reeve.sysusers"; then mode=${mode:1:1}
    else mode=${mode:2:1}; fi
    [ "$mode" != 0 ] || echo "$path"
  done <"$top/systemd/reeve.tmpfiles"
  for place in $of_one_user; do [ "${place#*=}" = "$1" ] || echo "/etc/reeve/${place%=*}"; done
  echo /etc/credstore
}
# Itself, or what it lies in.
is_inaccessible() {
  local place=$2
  while [ "$place" != "" ]; do
    if grep '^InaccessiblePaths=' "$top/systemd/$1" | tr ' =' '\n' | grep -qxF -e "-$place"; then return; fi
    place=${place%/*}
  done
  return 1
}
left_open() {
  local place
  for place in $(shut_to "$(sed -n 's/^User=//p' "$top/systemd/$1")"); do is_inaccessible "$1" "$place" || echo "$place"; done
}
it "there is much that is shut to who sends traces" test "$(shut_to reeve-traces | wc -l)" -ge 30
# The launcher has no mounts of its own, and the doctor is root.
for unit in $(installed); do
  case $unit in reeve-launcher.service | reeve-doctor.service) continue ;; esac
  it "$unit has nothing before it that is shut to its user" same "" "$(left_open "$unit")"
done

it "the gate has no network" has reeve-gate.service PrivateNetwork=yes
it "a reload of reeved fetches secrets first, and does not wait for a vault that hangs" same "-+timeout 20 systemctl start reeve-secrets.service" "$(grep -m1 '^ExecReload=' "$units/reeved.service" | cut -d= -f2-)"
it "a reload of the gate, which has no secret of a vault, waits for none" same "kill -HUP \$MAINPID" "$(grep '^ExecReload=' "$units/reeve-gate.service" | cut -d= -f2-)"
it "reeved runs as its own user" has reeved.service User=reeve
it "the gate runs as its own user" has reeve-gate.service User=reeve-gate
it "what fetches lists runs as its own user" has reeve-lists.service User=reeve-lists
it "what delivers alarms runs as its own user" has reeve-alarms.service User=reeve-alarms
it "what sends traces runs as its own user" has reeve-traces.service User=reeve-traces
it "what fetches secrets runs as its own user" has reeve-secrets.service User=reeve-secrets
it "what asks Prompt Shields runs as its own user" has reeve-shields.service User=reeve-shields
it "what closes vaults again runs as who opens them" has reeve-azure-expire.service User=reeve-azure
it "what looks at the identity that acts at Azure runs as the user who has it" has reeve-azure-examine.service User=reeve-azure
it "the launcher runs as its own user" has reeve-launcher.service User=reeve-run
it "the Signal daemon runs as its own user" has reeve-signal.service User=reeve-signal
it "what reaches it over HTTP runs as its own user" has reeve-bridge.service User=reeve-bridge
it "what asks about votes runs as its own user" has reeve-hook.service User=reeve-hook
it "what takes checkpoints to others runs as its own user" has reeve-witness.service User=reeve-witness
it "and takes messages only while the gate listens" grep -q '^ExecStart=.* --receive-mode=on-connection ' "$units/reeve-signal.service"
it "it cannot read what is Reeve's" grep -qxF 'InaccessiblePaths=-/etc/reeve -/etc/credstore -/run/reeve -/var/lib/reeve -/var/lib/reeve-root -/var/log/reeve' "$units/reeve-signal.service"
it "the gate's keys can be credentials" eval 'has reeve-gate.service LoadCredential=reeve.grant.key && has reeve-gate.service LoadCredential=reeve.checkpoint.key'
it "so can reeved's" has reeved.service LoadCredential=reeve.tls.key
rmdir /run/reeve
it "the sockets' directory is made anew at boot" systemd-tmpfiles --create /etc/tmpfiles.d/reeve.conf
it "as the installer makes it" same "reeve-gate:reeve-run 1775" "$(stat -c '%U:%G %a' /run/reeve)"
verdict
