#!/bin/bash
# `reeve doctor` on an installed host: content with what is right, and for each thing that is made wrong on purpose, the
# check that says so, the lockdown that follows, and its end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  "$here/testbed.sh" --zfs fake "${BASH_SOURCE[0]}"
  exit
fi

export HOST_DIR=/run/reeve-host
trap '"$here/../demo/host.sh" down' EXIT
"$here/../demo/host.sh" up --auto confirm
zpool create tank /dev/null
zfs create tank/media

# What it comes to is the checks' business; that it wrote its report is shown by what the gate says.
doctor() { /usr/local/bin/reeve doctor >/run/doctor.out 2>&1 || true; }
# found CHECK STATUS: what the doctor says of it now, the gate's report left alone. That it said no is kept for the end.
looked_at=()
status_of() {
  /usr/local/bin/reeve doctor --dry-run --json "${looked_at[@]}" >/run/doctor.json || true
  jq -r --arg id "$1" '.checks[] | select(.id == $id) | .status' /run/doctor.json
}
found() {
  same "$2" "$(status_of "$1")" || { jq --arg id "$1" '.checks[] | select(.id == $id)' /run/doctor.json; return 1; }
  [ "$2" = pass ] || echo "$1" >>/run/said-no
}
says() { jq -r '.checks[].evidence[]' /run/doctor.json | grep -q -- "$1"; }
required() { jq -r '.checks[] | select(.required and .status != "pass") | "\(.id) \(.status) \(.evidence)"' /run/doctor.json; }
as_caller() {
  curl -sS --cacert "$HOST_DIR/pki/ca.crt" --cert "$HOST_DIR/pki/agent/$1.crt" --key "$HOST_DIR/pki/agent/$1.key" \
    "https://localhost:18443$2"
}
agent() {
  env REEVE_URL=https://localhost:18443 REEVE_CA="$HOST_DIR/pki/ca.crt" REEVE_CERT="$HOST_DIR/pki/agent/librarian.crt" \
    REEVE_KEY="$HOST_DIR/pki/agent/librarian.key" "$REEVE_BIN/reeve" "$@"
}
preflight_is() { same "$2" "$(as_caller operator /admin/preflight | jq -r "$1")"; }
metric_is() { as_caller operator /metrics | grep -qx "$1"; }
no_metric() { fails metric_is "$1.*"; }
# wrong SENTENCE CHECK MAKE MEND: made wrong, found by that check; mended, found well.
wrong() {
  eval "$3"
  it "$1 is found" found "$2" fail
  eval "$4"
  it "and when it is mended, that is seen" found "$2" pass
}

it "nothing is known of a host that was not examined" soon preflight_is .status could_not_check
it "which is no number of sudo's risky lines, not zero" soon no_metric reeve_sudoers_risky_entries
it "and no number for admins either" same null "$(as_caller operator /admin/warn-permissions | jq .warnings)"
it "nor in the health" same null "$(as_caller operator /health | jq .sudoers_warnings)"

doctor
/usr/local/bin/reeve doctor --dry-run --json >/run/doctor.json || true
it "every required check of an installed host passes" same "" "$(required)"
it "the report is root's to write and the gate's to read" same "root:reeve-gate 640" "$(stat -c '%U:%G %a' /var/lib/reeve-preflight/report.json)"
it "the gate goes by it" soon preflight_is '.lockdown' null
it "and shows each check" soon metric_is 'reeve_preflight_checks{check="canary-sudo",status="pass"} 1'
it "an agent is not told" same 403 "$(as_caller librarian /admin/preflight | jq .status)"
it "nobody but root can examine" fails setpriv --reuid reeve --regid reeve --init-groups -- /usr/local/bin/reeve doctor

wrong "a wrapper that others may write" programs 'chmod 0775 /usr/local/libexec/reeve/reeve-zfs' 'chmod 0755 /usr/local/libexec/reeve/reeve-zfs'
wrong "a directory of programs that others may write" programs 'chmod 0777 /usr/local/libexec/reeve' 'chmod 0755 /usr/local/libexec/reeve'
cp /usr/local/libexec/reeve/reeve-git /run/kept
wrong "a wrapper that is not the one that was installed" wrapper-hashes 'echo more >>/usr/local/libexec/reeve/reeve-git' 'cat /run/kept >/usr/local/libexec/reeve/reeve-git'
wrong "a directory with another mode" directories 'chmod 0755 /var/lib/reeve' 'chmod 0700 /var/lib/reeve'
wrong "a directory with another owner" directories 'chown reeve /var/log/reeve' 'chown reeve-gate /var/log/reeve'
wrong "a contract that others may write" configuration-files 'chmod 0666 /etc/reeve/contracts/operator.toml' 'chmod 0640 /etc/reeve/contracts/operator.toml'
wrong "a key that everybody may read" configuration-files 'chmod 0644 /etc/reeve/tls/server.key' 'chmod 0640 /etc/reeve/tls/server.key'
wrong "the network side's user with a rule of its own" sudo-rule 'echo "reeve ALL=(root) NOPASSWD: /usr/bin/id" >/etc/sudoers.d/more' 'rm /etc/sudoers.d/more'
wrong "the network side's user getting past sudo" canary-sudo 'echo "reeve ALL=(root) NOPASSWD: ALL" >/etc/sudoers.d/more' 'rm /etc/sudoers.d/more'
wrong "a grant key that the network side reads" canary-grant-key 'chmod 0711 /var/lib/reeve; chmod 0644 /var/lib/reeve/grant.key' 'chmod 0600 /var/lib/reeve/grant.key; chmod 0700 /var/lib/reeve'
wrong "an audit log that the network side writes" canary-audit-log 'chmod 0755 /var/log/reeve; chmod 0666 /var/log/reeve/audit.jsonl' 'chmod 0640 /var/log/reeve/audit.jsonl; chmod 0750 /var/log/reeve'
wrong "a ledger that the gate reads" canary-ledger 'chmod 0755 /var/lib/reeve-root/spent' 'chmod 0700 /var/lib/reeve-root/spent'

# in_the_log WAS IS: other bytes in their place, in the same file: the gate looks whether it is the same.
in_the_log() {
  local at
  at=$(grep -bo -m1 -- "$1" /var/log/reeve/audit.jsonl | head -n 1 | cut -d: -f1)
  printf '%s' "$2" | dd of=/var/log/reeve/audit.jsonl bs=1 seek="$at" conv=notrunc status=none
}
wrong "a record that was altered" audit-chain 'in_the_log gate_started gate_stopped' 'in_the_log gate_stopped gate_started'
wrong "a full disk" disks 'mount -t tmpfs -o size=64k full /var/lib/reeve-root; dd if=/dev/zero of=/var/lib/reeve-root/filler 2>/dev/null || true' 'umount /var/lib/reeve-root'
phones=$HOST_DIR/signal/socket
daemon=$(stat -c %U "$phones")
wrong "somebody else's socket in the daemon's place" people "chown librarian '$phones'" "chown '$daemon' '$phones'"
cp -p /etc/reeve/gate.toml /run/gate.toml
wrong "a misspelt key" configuration 'echo "lisen = 1" >>/etc/reeve/gate.toml' 'cat /run/gate.toml >/etc/reeve/gate.toml'

# A tool of tier C, which needs user namespaces; what else it needs, this host has.
cat >/etc/reeve/tools/harmless.toml <<END
about = "Does nothing"
program = "/usr/bin/true"
sha256 = "$(sha256sum /usr/bin/true | cut -d' ' -f1)"
tier = "c"
limits.memory_by = "rlimit"
END
chown root:reeve-gate /etc/reeve/tools/harmless.toml
chmod 0640 /etc/reeve/tools/harmless.toml
echo 0 >/run/none
it "a tool that this host can shut in is no problem" found tools pass
mount --bind /run/none /proc/sys/user/max_user_namespaces
it "one that it cannot is" found tools fail
it "and is named by its file, with the layer and what to do" says '^/etc/reeve/tools/harmless.toml: user namespaces: cannot be enforced here: sysctl user.max_user_namespaces above 0$'
it "reeve check says it, too" grep -q '/etc/reeve/tools/harmless.toml: user namespaces: cannot be enforced here: sysctl' <(/usr/local/bin/reeve check || true)
umount /proc/sys/user/max_user_namespaces
rm /etc/reeve/tools/harmless.toml

# worse SENTENCE CHECK STATUS MAKE MEND: the same of what locks nothing and is said all the same.
worse() {
  it "as long as it is not so, nothing is said of $1" found "$2" pass
  eval "$4"
  it "$1 is seen" found "$2" "$3"
  eval "$5"
}
more=/etc/systemd/system/reeve-gate.service.d
worse "a file that changes a unit" units warn "mkdir $more; touch $more/more.conf" "rm -r $more"
worse "a kernel without user namespaces" kernel warn 'mount --bind /run/none /proc/sys/user/max_user_namespaces' 'umount /proc/sys/user/max_user_namespaces'
"$REEVE_BIN/reeve" pki --dir "$HOST_DIR/pki" issue server soon --dns localhost --days 3 >/dev/null
sed "s|/etc/reeve/tls/server|$HOST_DIR/pki/server/soon|" /etc/reeve/reeved.toml >/run/reeved.toml
worse "a certificate that ends in days" certificates warn 'looked_at=(--reeved /run/reeved.toml)' 'looked_at=()'
# Not what keeps this machine's clock, if anything does.
clock_kept() { printf '#!/bin/sh\necho %s\n' "$1" >/run/timedatectl; }
clock_kept yes
chmod 0755 /run/timedatectl
mount --bind /run/timedatectl /usr/bin/timedatectl
worse "a clock that nothing keeps in step" clock warn 'clock_kept no' 'clock_kept yes'
it "that nobody is told when people cannot be asked is seen" found alarms warn

rm /usr/local/libexec/reeve/SHA256SUMS
it "wrappers without their list could not be checked" found wrapper-hashes could_not_check
it "which is no pass" exits 1 /usr/local/bin/reeve doctor --dry-run
userdel reeve-tool
it "neither is a canary whose user is missing" found canary-grant-key could_not_check
"$here/../install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl >/dev/null

echo 'deploy ALL=(root) NOPASSWD: /usr/sbin/zfs, /usr/bin/systemctl' >/etc/sudoers.d/deploy
echo 'Defaults env_keep += "LD_PRELOAD"' >/etc/sudoers.d/keeps
it "risky lines of sudo are found, wherever they stand" found sudoers warn
it "and named with their file" says '/etc/sudoers.d/deploy:1: zfs with any arguments'
doctor
warnings_are() { same "$1" "$(as_caller operator /admin/warn-permissions | jq .warnings)"; }
it "admins read how many" soon warnings_are 2
it "and which" same "/etc/sudoers.d/keeps:1" "$(as_caller operator /admin/warn-permissions | jq -r '.entries[1].place')"
it "and Prometheus" soon metric_is 'reeve_sudoers_risky_entries 2'
it "they lock nothing" agent op zfs snapshot tank/media --param name=one --wait
rm /etc/sudoers.d/deploy /etc/sudoers.d/keeps

chmod 0777 /usr/local/libexec/reeve
doctor
it "a required check that fails locks the host down" soon preflight_is '.lockdown' 'lockdown: programs of this host failed an examination'
it "nothing is changed then" exits 3 agent op zfs snapshot tank/media --param name=two --wait
it "nothing was" fails zfs list tank/media@two
it "reads go on" agent op zfs list tank/media
it "it is in the audit log" grep -q '"on":true.*"kind":"lockdown"' /var/log/reeve/audit.jsonl
"$here/../demo/host.sh" kill gate
"$here/../demo/host.sh" start gate
it "a restart ends no lockdown" exits 3 agent op zfs snapshot tank/media --param name=two --wait
chmod 0755 /usr/local/libexec/reeve
doctor
it "a doctor that is content does" soon preflight_is '.lockdown' null
it "and work goes on" agent op zfs snapshot tank/media --param name=two --wait

printf '\n[preflight]\nneeded = true\nmax_age = "60s"\n' >>/etc/reeve/gate.toml
rm /var/lib/reeve-preflight/report.json
"$here/../demo/host.sh" kill gate
"$here/../demo/host.sh" start gate
it "where an examination is needed, none is a lockdown" exits 3 agent op zfs snapshot tank/media --param name=three --wait
setpriv --reuid reeve-gate --regid reeve-gate --init-groups -- /usr/bin/touch /var/lib/reeve-preflight/report.json 2>/dev/null || true
it "which the gate's user cannot end" fails test -e /var/lib/reeve-preflight/report.json
doctor
it "one is enough" soon agent op zfs snapshot tank/media --param name=three --wait
# What others make wrong: another sudo (sudo-rs.sh), an old daemon (its own tests), an identity at Azure.
elsewhere='sudo|signal-daemon|azure-.*|canary-(secrets|identities)'
silent() { comm -23 <(jq -r '.checks[].id' /run/doctor.json | grep -vxE "$elsewhere" | sort) <(sort -u /run/said-no); }
it "there is no check that never said no" same "" "$(silent)"
it "each says what it saw, what shows it, and what mends it" same "" \
  "$(jq -r '.checks[] | select(.evidence == [] or .command == "" or .fix == "") | .id' /run/doctor.json)"
it "the log holds with all of it" /usr/local/bin/reeve audit verify --ledger /var/lib/reeve-root/spent
verdict
