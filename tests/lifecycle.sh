#!/bin/bash
# What docs/upgrade.md says to do with a host over its life, done: the log's level changed while it runs, records forwarded,
# state kept and brought back, the grant key changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if [ "${REEVE_TESTBED:-}" != 1 ]; then
  "$here/testbed.sh" --zfs fake "${BASH_SOURCE[0]}"
  exit
fi

export HOST_DIR=/run/reeve-host
host=$here/../demo/host.sh
trap '"$host" down' EXIT
"$host" up --auto confirm
zpool create tank /dev/null
zfs create tank/media

agent() {
  env REEVE_URL=https://localhost:18443 REEVE_CA="$HOST_DIR/pki/ca.crt" REEVE_CERT="$HOST_DIR/pki/agent/librarian.crt" \
    REEVE_KEY="$HOST_DIR/pki/agent/librarian.key" "$REEVE_BIN/reeve" "$@"
}
snapshot() { agent op zfs snapshot tank/media --param "name=$1" --wait; }
verify() { reeve audit verify "$@"; }

# Its level, by reload: the line that says so is the first that the new level lets through, or does not.
says() { grep -c 'are in force' "$HOST_DIR/gate.log" || true; }
said() { same "$1" "$(says)"; }
reloads() { grep -c '"kind":"config_reloaded"' /var/log/reeve/audit.jsonl || true; }
reloaded() { [ "$(reloads)" = "$1" ]; }
hup_with() {
  local before
  before=$(reloads)
  sed -i "s/^log = .*/log = \"$1\"/" /etc/reeve/gate.toml
  "$host" hup gate
  soon reloaded $((before + 1))
}
it "the gate is told to be quiet" hup_with error
sleep 0.5
it "and is, from that reload on" said 0
it "it is told to speak" hup_with info
it "and does" soon said 1

# A forwarder: a user of the group that may read the log, and nothing else of the gate's.
useradd --system --no-create-home --groups reeve-gate forwarder
by_forwarder() { setpriv --reuid forwarder --regid forwarder --init-groups -- "$@"; }
mkdir /run/shipped
chown forwarder /run/shipped
by_forwarder tail -n +1 -F /var/log/reeve/audit.jsonl >/run/shipped/audit.jsonl 2>/run/forwarder.log &
forwarder=$!
it "work goes on while records are forwarded" snapshot forwarded
all_shipped() { cat /run/forwarder.log; cmp /run/shipped/audit.jsonl /var/log/reeve/audit.jsonl; }
it "the forwarder has every record" soon all_shipped
it "and what it has can be verified where it is" verify --log /run/shipped
it "a place in it is a place in the log" verify --against "$(reeve audit verify --log /run/shipped --json | jq -r '"\(.last.seq):\(.last.hash | ltrimstr("sha256:") | .[:16])"')"
it "the forwarder cannot read the grant key" fails by_forwarder cat /var/lib/reeve/grant.key
it "nor write the log" fails by_forwarder sh -c ': >>/var/log/reeve/audit.jsonl'
kill "$forwarder"

# logrotate by the rule that is installed. There is no systemd here, and what stands in for it does what it would.
mkdir /run/stand-in
cat >/run/stand-in/systemctl <<S
#!/bin/sh
echo "\$*" >>/run/stand-in/asked
kill -USR1 "\$(cat "$HOST_DIR/gate.pid")"
S
chmod 0755 /run/stand-in/systemctl
turned_by() { env PATH="/run/stand-in:$PATH" logrotate --force --state /run/logrotate.state "$1"; }
full_files() { same "$1" "$(find /var/log/reeve -name 'audit-*.jsonl' | wc -l)"; }
it "logrotate goes by its rule" turned_by /etc/logrotate.d/reeve
it "it asks the gate, and none of its workers" same "kill --signal=USR1 --kill-whom=main reeve-gate.service" "$(cat /run/stand-in/asked)"
it "the gate begins a new file" soon full_files 1
it "which names the one before" same log_rotated "$(head -n 1 /var/log/reeve/audit.jsonl | jq -r .kind)"
it "logrotate leaves nothing of its own" same "" "$(find /var/log/reeve -name '*.jsonl?*')"
it "the chain goes on from file to file" verify
it "with nothing in the new file, there is none after it" turned_by /etc/logrotate.d/reeve
sleep 0.5
it "and no empty one" full_files 1
cat >/run/careless <<'R'
/var/log/reeve/audit.jsonl {
    su reeve-gate reeve-gate
    rotate 4
    create
}
R
it "a rule of somebody's own puts another file in the log's place" turned_by /run/careless
it "then nothing is done, because nothing can be recorded" fails snapshot unrecorded
it "and nothing was" fails zfs list tank/media@unrecorded
mv -f /var/log/reeve/audit.jsonl.1 /var/log/reeve/audit.jsonl
it "with the right one in its place work goes on" soon snapshot recorded
it "and the chain holds all the same" verify

# A copy of everything, and a host that lost it.
it "something is done before the copy" snapshot before
operation=$(agent list --json | jq -r '.operations[0].id')
"$host" stop gate
it "a copy is taken while the gate stands" tar -C / -cpf /run/copy.tar etc/reeve var/lib/reeve var/lib/reeve-root var/log/reeve
"$host" start gate
it "the host goes on after it" snapshot after
"$host" stop gate
rm -rf /etc/reeve /var/lib/reeve /var/log/reeve
it "what was lost is brought back" tar -C / -xpf /run/copy.tar
"$here/../install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl >/run/install.out
it "with its owners, so that the installer mends nothing" same "nothing to do: Reeve is installed" "$(cat /run/install.out)"
"$host" start gate
it "the gate knows what was before the copy" agent status "$operation"
it "the log holds" verify
it "and root's ledger, which was not lost, tells of what was done since" fails verify --ledger /var/lib/reeve-root/spent
it "work goes on" snapshot again

# Another grant key.
old=$(cat /etc/reeve/grant.pub)
"$host" stop gate
mv /var/lib/reeve/grant.key /run/old.key
it "the installer makes another key, and has root believe that one" "$here/../install.sh" --bin-dir "$REEVE_BIN" \
  --root-bin-dir "$REEVE_ROOT_BIN" --no-systemctl
it "which is another" fails same "$old" "$(cat /etc/reeve/grant.pub)"
"$host" start gate
it "work goes on with it" snapshot rotated
"$host" stop gate
cp /var/lib/reeve/grant.key /run/new.key
cat /run/old.key >/var/lib/reeve/grant.key
"$host" start gate
it "what the old key signs runs nothing" fails snapshot forged
it "nothing ran" fails zfs list tank/media@forged
verdict
