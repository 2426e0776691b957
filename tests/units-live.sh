#!/bin/bash
# The units on a running systemd with real OpenZFS: what each confinement must leave possible, and what it must not.
# It installs Reeve on the machine that it runs on, so it runs in the virtual machine only (tests/real.sh).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"

if ! is_guest; then
  echo "units-live.sh: not in the virtual machine" >&2
  exit 1
fi

# inside UNIT COMMAND…: the command in the unit's place, with everything else that the unit says. Its exit status.
inside() {
  local unit=$1 dropin=/run/systemd/system/$1.service.d/instead.conf result
  shift
  mkdir -p "$(dirname "$dropin")"
  printf '[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=%s\nStandardOutput=truncate:/run/inside.%s\nStandardError=inherit\n' \
    "$*" "$unit" >"$dropin"
  systemctl daemon-reload
  systemctl start "$unit.service" 2>/dev/null || true
  result=$(systemctl show -P ExecMainStatus "$unit.service")
  systemctl reset-failed "$unit.service" 2>/dev/null || true
  cat "/run/inside.$unit"
  return "$result"
}

"$here/../install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" >/dev/null
truncate -s 256M /var/tmp/live.img
zpool create live /var/tmp/live.img
wrapper=/usr/local/libexec/reeve/reeve-zfs

systemctl start reeve-launcher.socket reeve-launcher.service
it "the launcher serves on the socket that systemd passed" exits 0 systemctl is-active --quiet reeve-launcher.service
it "only the gate can connect to it" same "reeve-gate:reeve-gate 600" "$(stat -c '%U:%G %a' /run/reeve/launcher.sock)"

# What another suite on this machine would meet: a socket of systemd's own, and units that do something else.
leave() {
  systemctl stop reeve-launcher.socket reeve-launcher.service reeve-gate.service reeved.service || true
  rm -rf /run/systemd/system/*.service.d/instead.conf /run/systemd/system/probe-unit.service /run/reeve/launcher.sock
  systemctl daemon-reload
  zpool destroy -f live
  rm -f /var/tmp/live.img
}
trap leave EXIT

cp "$here/../demo/etc/policy.star" /etc/reeve/
cp "$here"/../demo/etc/contracts/*.toml /etc/reeve/contracts/
# Everything in it has a default that suits an installed host.
: >/etc/reeve/gate.toml
chgrp -R reeve-gate /etc/reeve/gate.toml /etc/reeve/policy.star /etc/reeve/contracts
it "the gate starts in its confinement, and says that it is ready" systemctl start reeve-gate.service
it "it wrote its start down" grep -q '"kind":"gate_started"' /var/log/reeve/audit.jsonl
it "it reloads" systemctl reload reeve-gate.service
it "and goes on" exits 0 systemctl is-active --quiet reeve-gate.service
it "it ends when told" systemctl stop reeve-gate.service
it "as a service should" same success "$(systemctl show -P Result reeve-gate.service)"
systemctl stop reeve-launcher.service reeve-launcher.socket

it "the launcher's unit lets sudo start the wrapper, which refuses without a grant" \
  exits 125 inside reeve-launcher /usr/bin/sudo -n "$wrapper"

# A wrapper of the test's own, to see what root can do in that unit.
cp "$wrapper" "$wrapper.built"
printf '#!/bin/sh\nset -e\n/usr/sbin/zfs create live/made\n/usr/sbin/zfs snapshot live/made@s\n/usr/sbin/zfs destroy live/made@s\n' >"$wrapper"
it "root in the launcher's unit can create, snapshot and destroy" exits 0 inside reeve-launcher /usr/bin/sudo -n "$wrapper"
it "what it mounts is the host's" mountpoint -q /live/made
printf '[Service]\nExecStart=/usr/bin/sleep 1000\n' >/run/systemd/system/probe-unit.service
systemctl daemon-reload
printf '#!/bin/sh\nset -e\n/usr/bin/systemctl --no-ask-password --no-pager -- start probe-unit.service\n/usr/bin/journalctl --quiet --lines=1\n' >"$wrapper"
it "root in the launcher's unit can start a unit and read the journal" exits 0 inside reeve-launcher /usr/bin/sudo -n "$wrapper"
it "what it starts is the host's" exits 0 systemctl is-active --quiet probe-unit.service
systemctl stop probe-unit.service
printf '#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/18999\n' >"$wrapper"
python3 -m http.server --bind 127.0.0.1 18999 >/dev/null 2>&1 &
server=$!
until ss -Hltn 'sport = 18999' | grep -q .; do sleep 0.2; done
it "what the launcher starts reaches a git server over TCP" exits 0 inside reeve-launcher /usr/bin/sudo -n "$wrapper"
kill "$server"
mv "$wrapper.built" "$wrapper"

# As root it needs no sudo, and nothing that it starts can become more than it is.
mkdir -p /run/systemd/system/reeve-launcher.service.d
rm -f /run/systemd/system/reeve-launcher.service.d/instead.conf
cp "$here/../docs/examples/systemd/launcher-as-root.conf" /run/systemd/system/reeve-launcher.service.d/
systemctl daemon-reload
it "the launcher starts as root with the drop-in of the documentation" systemctl restart reeve-launcher.service
launcher=$(systemctl show -P MainPID reeve-launcher.service)
it "it is root" same 0 "$(stat -c %u "/proc/$launcher")"
it "and nothing it starts can gain privileges" grep -qx 'NoNewPrivs:[[:space:]]*1' "/proc/$launcher/status"
systemctl stop reeve-launcher.service reeve-launcher.socket
rm /run/systemd/system/reeve-launcher.service.d/launcher-as-root.conf
systemctl daemon-reload

it "the gate's unit lets it read ZFS" exits 0 inside reeve-gate /usr/sbin/zfs list -Hp
it "the gate's unit lets it read units" exits 0 inside reeve-gate /usr/bin/systemctl --no-pager show --property Id -- dbus.service
it "and change none" fails inside reeve-gate /usr/bin/systemctl --no-ask-password --no-pager -- stop systemd-logind.service
it "the gate's unit ends sudo" fails inside reeve-gate /usr/bin/sudo -n /usr/bin/true
it "the gate cannot reach root's ledger" fails inside reeve-gate /usr/bin/ls /var/lib/reeve-root
it "the gate can write its state" exits 0 inside reeve-gate /usr/bin/touch /var/lib/reeve/probe
it "the gate can write its log" exits 0 inside reeve-gate /usr/bin/touch /var/log/reeve/probe
it "the gate can make its socket" exits 0 inside reeve-gate /usr/bin/touch /run/reeve/probe
it "the gate cannot write anywhere else" fails inside reeve-gate /usr/bin/touch /var/tmp/probe-by-gate/x /etc/reeve/probe
it "the gate's program starts" exits 0 inside reeve-gate /usr/local/bin/reeve-gate --version
it "reeved's program starts" exits 0 inside reeved /usr/local/bin/reeved --version
it "reeved's unit lets it start nothing else" fails inside reeved /usr/bin/true
verdict
