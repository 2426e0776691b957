# What a life has on the ZFS fake, in a container: the pool, and the clock of the gate alone, since a container's is its host's.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # life.sh uses it, and has what is used

readonly load=40 kills=(reeve-launcher reeve-gate reeved reeve-gate reeve-launcher reeved)

place_pool() {
  install -D -m 0755 "$REEVE_BIN/reeve-fake-zfs" "$tools/zfs"
  ln -s zfs "$tools/zpool"
  instead_of zfs
  instead_of zpool
  mkdir -p /etc/systemd/system/reeve-gate.service.d
  # The fake's state is a file, and not a device that the unit lets through.
  printf '[Service]\nReadWritePaths=%s\n' "$slow_pool" >/etc/systemd/system/reeve-gate.service.d/life.conf
  zpool create tank /dev/null
}
take_pool_away() { rm -rf "$tools" /usr/sbin/zfs /usr/sbin/zpool /etc/systemd/system/reeve-gate.service.d; }

with_a_clock() {
  echo +0 >/run/life-clock
  cat >/etc/systemd/system/reeve-gate.service.d/clock.conf <<S
[Service]
Environment=LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) FAKETIME_TIMESTAMP_FILE=/run/life-clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1
S
  systemctl daemon-reload
  systemctl restart reeve-gate
  soon healthy
}
without_a_clock() {
  rm /etc/systemd/system/reeve-gate.service.d/clock.conf
  systemctl daemon-reload
  systemctl restart reeve-gate
  soon healthy
}
# clock +2700: by so many seconds from what it is
clock() {
  echo "$1" >/run/life-clock
  sleep 0.3
}

# A phone goes by its own clock. Ahead, an answer is dated before the question; behind, all is as ever.
clock_ahead() {
  local early
  snapshot clock-3 >/dev/null
  early=$(destroy tank/media@clock-3 | jq -r .id)
  soon asked_about tank/media@clock-3
  say "CONFIRM $(token_for tank/media@clock-3)"
  sleep 1
  it "an answer that is older than the question by its date does not count" in_state "$early" pending
  clock +0
  agent cancel "$early" >/dev/null
}
readonly back=-7200
clock_back() {
  say "CONFIRM $(token_for tank/media@clock-2)"
  it "and can still be confirmed" soon in_state "$1" succeeded
}
