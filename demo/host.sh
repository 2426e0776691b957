#!/bin/bash
# Brings Reeve up on a host that has it installed, with a throw-away PKI, people and agents: for the demo, the
# end-to-end suite and the measurements. On a real host, systemd does what this does.
#
#   demo/host.sh up [ARGUMENT OF THE STAND-IN…]   configure and start everything; the arguments say how people answer
#   demo/host.sh start|stop|kill|hup NAME         NAME: signal, gate, launcher, front
#   demo/host.sh down
#
# As root (inside tests/testbed.sh): each process as its own user, wrappers through sudo. As another user: all as that
# user, under $REEVE_PREFIX, which the programs were built with; the launcher starts wrappers without sudo.
#
# Environment: REEVE_BIN, REEVE_ROOT_BIN; HOST_DIR, what this script keeps (default /run/reeve-host); REEVE_START,
# how the launcher starts wrappers (sudo or direct).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=${REEVE_PREFIX:-}
HOST_DIR=${HOST_DIR:-$prefix/run/reeve-host}
port=${REEVE_PORT:-18443}
etc=$prefix/etc/reeve

if [ "$(id -u)" = 0 ]; then
  bin=/usr/local/bin root_bin=/usr/local/bin libexec=/usr/local/libexec/reeve
  front=reeve gate=reeve-gate launcher=reeve-run signal=reeve-signal approvers=reeve-approvers approver=approver
  start=${REEVE_START:-sudo}
else
  bin=$REEVE_BIN root_bin=$REEVE_ROOT_BIN libexec=$prefix/usr/local/libexec/reeve
  front=$(id -un) gate=$front launcher=$front signal=$front approvers=$(id -gn) approver=$front
  start=direct
fi

# Everything that is started may read and write only what its user may.
as() {
  local user=$1
  shift
  if [ "$(id -u)" != 0 ] || [ "$user" = root ]; then "$@"; else setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"; fi
}

owned() { [ "$(id -u)" != 0 ] || chown "$1" "$2"; }

put() { # put PATH OWNER MODE: standard input into a file
  cat >"$1"
  chmod "$3" "$1"
  owned "$2" "$1"
}

configure() {
  mkdir -p "$HOST_DIR" "$etc/tls" "$etc/contracts" "$prefix/run/reeve" "$prefix/var/lib/reeve" "$prefix/var/log/reeve"
  chmod 0755 "$HOST_DIR"
  if [ "$(id -u)" = 0 ]; then
    getent passwd "$signal" >/dev/null || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$signal"
    mkdir -p "$HOST_DIR/signal"
    chown "$signal" "$HOST_DIR/signal"
  else
    mkdir -p "$HOST_DIR/signal" "$prefix/var/lib/reeve-root/spent" "$libexec"
    chmod 0700 "$prefix/var/lib/reeve-root/spent"
    [ -s "$prefix/etc/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$prefix/etc/machine-id"
  fi
  make_pki
  make_configuration
  [ -e "$etc/grant.pub" ] || as "$gate" "$bin/reeve-gate" --config "$etc/gate.toml" init >"$etc/grant.pub"
}

make_pki() {
  local pki=$HOST_DIR/pki agent
  [ ! -d "$pki" ] || return 0
  "$bin/reeve" pki --dir "$pki" init --name "Throw-away CA" >/dev/null
  "$bin/reeve" pki --dir "$pki" issue server host01 --dns localhost --dns host01 --ip 127.0.0.1 >/dev/null
  for agent in librarian archivist operator stranger; do
    "$bin/reeve" pki --dir "$pki" issue agent "$agent" --trust-domain reeve.example >/dev/null
  done
  install_pki
}

install_pki() {
  local pki=$HOST_DIR/pki
  put "$etc/tls/server.crt" "root:$front" 0640 <"$pki/server/host01.crt"
  put "$etc/tls/server.key" "root:$front" 0640 <"$pki/server/host01.key"
  put "$etc/tls/ca.crt" "root:$front" 0640 <"$pki/ca.crt"
  put "$etc/tls/ca.crl" "root:$front" 0640 <"$pki/ca.crl"
}

make_configuration() {
  local fill=(sed -e "s|@PREFIX@|$prefix|g" -e "s|@HOST_DIR@|$HOST_DIR|g" -e "s|@PORT@|$port|g" -e "s|@FRONT@|$front|g"
    -e "s|@GATE@|$gate|g" -e "s|@LAUNCHER@|$launcher|g" -e "s|@SIGNAL@|$signal|g" -e "s|@APPROVERS@|$approvers|g"
    -e "s|@APPROVER@|$approver|g")
  # Without root there is nobody but this user to run as.
  local contract for_here=(cat)
  [ "$(id -u)" = 0 ] || for_here=(sed "s|^run_as = .*|run_as = \"$(id -un)\"|")
  "${fill[@]}" "$here/etc/gate.toml.in" | put "$etc/gate.toml" "root:$gate" 0640
  "${fill[@]}" "$here/etc/reeved.toml.in" | put "$etc/reeved.toml" "root:$front" 0640
  put "$etc/policy.star" "root:$gate" 0640 <"$here/etc/policy.star"
  for contract in "$here"/etc/contracts/*.toml; do
    "${for_here[@]}" "$contract" | put "$etc/contracts/${contract##*/}" "root:$gate" 0640
  done
}

start() {
  local name=$1
  shift
  case $name in
    signal)
      # One that was killed leaves them behind, and nobody can listen on them again.
      rm -f "$HOST_DIR/signal/socket" "$HOST_DIR/signal/control"
      run signal "$signal" "$REEVE_BIN/reeve-signal-stand-in" --socket "$HOST_DIR/signal/socket" --control "$HOST_DIR/signal/control" \
        --account +15550001 --own-uuid 00000000-0000-4000-8000-000000000001 \
        --person "alice,00000000-0000-4000-8000-00000000000a,$(printf 'a1%.0s' {1..32})" \
        --person "bob,00000000-0000-4000-8000-00000000000b,$(printf 'b2%.0s' {1..32})" "$@"
      until_there "$HOST_DIR/signal/socket" signal
      # signal-cli's own unit has SocketMode=0660 and a group; who may write is what the gate checks the other way round.
      chmod 0666 "$HOST_DIR/signal/socket"
      ;;
    gate)
      run gate "$gate" "$bin/reeve-gate" --config "$etc/gate.toml"
      until_open "$prefix/run/reeve/gate.sock" gate
      ;;
    launcher)
      run launcher "$launcher" "$root_bin/reeve-launcher" --socket "$prefix/run/reeve/launcher.sock" --gate-user "$gate" \
        --wrappers "$libexec" --start "$start"
      until_open "$prefix/run/reeve/launcher.sock" launcher
      ;;
    front)
      run front "$front" "$bin/reeved" --config "$etc/reeved.toml"
      until_ready front
      ;;
    *) echo "host.sh: there is no process $name" >&2; exit 2 ;;
  esac
}

run() { # run NAME USER COMMAND…
  local name=$1 user=$2
  shift 2
  # A log begins with its process, so that what it says about being ready is of this start.
  if [ -e "$HOST_DIR/$name.log" ]; then cat "$HOST_DIR/$name.log" >>"$HOST_DIR/$name.log.before"; fi
  : >"$HOST_DIR/$name.log"
  # The launcher started directly is what an operator runs as root.
  [ "$name" != launcher ] || [ "$start" != direct ] || user=root
  if [ "$(id -u)" = 0 ] && [ "$user" != root ]; then set -- setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"; fi
  # Not through a function, so that the pid is the program's and a kill reaches it.
  setsid "$@" </dev/null >>"$HOST_DIR/$name.log" 2>&1 &
  echo $! >"$HOST_DIR/$name.pid"
}

alive() { kill -0 "$(cat "$HOST_DIR/$1.pid")" 2>/dev/null; }

until_there() { wait_for "$2" test -e "$1"; }

until_open() { wait_for "$2" connects "$1"; }

connects() { grep -qs -- " $1\$" /proc/net/unix; }

# A connection without a certificate would be an authentication failure in the audit log, so the log is asked.
until_ready() { wait_for "$1" grep -qs "ready" "$HOST_DIR/$1.log"; }

wait_for() {
  local name=$1 tries
  shift
  for tries in $(seq 1 600); do
    if "$@" 2>/dev/null; then return 0; fi
    if ! alive "$name" || [ "$tries" = 600 ]; then
      echo "host.sh: $name did not start; its log:" >&2
      tail -n 20 "$HOST_DIR/$name.log" >&2
      exit 1
    fi
    sleep 0.05
  done
}

end() { # end SIGNAL NAME
  local pid
  pid=$(cat "$HOST_DIR/$2.pid" 2>/dev/null) || return 0
  kill "-$1" "$pid" 2>/dev/null || return 0
  # A zombie whose parent does not look is as dead as any, once none of its threads holds what it had open.
  while kill -0 "$pid" 2>/dev/null; do
    local threads=("/proc/$pid/task"/*)
    if [ ${#threads[@]} -le 1 ] && grep -qs '^State:.*Z' "/proc/$pid/status"; then break; fi
    sleep 0.02
  done
}

case ${1:-} in
  up)
    shift
    configure
    start signal "$@"
    start launcher
    start gate
    start front
    ;;
  start) shift; start "$@" ;;
  stop) end TERM "$2" ;;
  kill) end KILL "$2" ;;
  hup) kill -HUP "$(cat "$HOST_DIR/$2.pid")" ;;
  certificates) install_pki ;;
  down) for name in front gate launcher signal; do end TERM "$name"; done ;;
  *) echo "usage: host.sh up|start|stop|kill|hup|certificates|down" >&2; exit 2 ;;
esac
