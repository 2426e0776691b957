# What a life has on real OpenZFS, in the virtual machine: a pool that is imported at boot, and the machine's own clock.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # life.sh uses it, and has what is used

# An emulated machine takes its time.
readonly load=8 kills=(reeve-launcher reeve-gate reeved)
patience=240

place_pool() {
  [ -e /dev/zfs ] || { echo "life: there is no /dev/zfs" >&2; exit 1; }
  install -d "$tools"
  mv /usr/sbin/zfs "$tools/zfs"
  instead_of zfs
  truncate -s 256M /var/lib/life-pool.img
  zpool create tank /var/lib/life-pool.img
}
take_pool_away() {
  zpool destroy tank
  mv "$tools/zfs" /usr/sbin/zfs
  rm -rf "$tools" /var/lib/life-pool.img
}

# The machine's clock, and with it the phone's, the network side's and everybody's.
with_a_clock() { clock +0; }
without_a_clock() { clock +0 && soon healthy; }
seconds_up() { cut -d. -f1 /proc/uptime; }
# When it was booted, before anybody set the clock.
booted=$(($(date +%s) - $(seconds_up)))
readonly booted
clock() { date --set="@$((booted + $(seconds_up) + $1))" >/dev/null; }

clock_ahead() { clock +0; }
# Not before the certificates were made.
readonly back=-240
clock_back() {
  say "CONFIRM $(token_for tank/media@clock-2)"
  sleep 1
  it "an answer that is older than the question by its date does not count" in_state "$1" pending
  clock +0
  say "CONFIRM $(token_for tank/media@clock-2)"
  it "and can be confirmed when the clock is right" soon in_state "$1" succeeded
}
