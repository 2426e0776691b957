# What the shell tests share: assertions that count, guests to run in, and stand-ins for programs whose content does not matter.
# shellcheck shell=bash

failed=0
passed=0

# it "a sentence of behaviour" COMMAND…: the command's success is the sentence's truth.
it() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok    $sentence"
  else
    failed=$((failed + 1))
    echo "FAIL  $sentence"
    printf '%s\n' "$output" | sed 's/^/      /'
  fi
}

# same EXPECTED ACTUAL
same() {
  [ "$1" = "$2" ] && return
  printf 'expected: %s\nbut got:  %s\n' "$1" "$2"
  return 1
}

# fails COMMAND…: it does not succeed
fails() { if "$@"; then echo "it succeeded"; return 1; fi; }

# exits STATUS COMMAND…: it ends with that
exits() {
  local status=0
  "${@:2}" || status=$?
  same "$1" "$status"
}

# is PATH "OWNER:GROUP MODE"
is() { same "$2" "$(stat -c '%U:%G %a' "$1")"; }

# soon COMMAND…: it succeeds within half a minute, or so many quarters of a second as `patience` says; else what it said last
soon() {
  local tries output=''
  for ((tries = 0; tries < ${patience:-120}; tries++)); do
    if output=$("$@" 2>&1); then return 0; fi
    sleep 0.25
  done
  printf '%s\n' "$output"
  return 1
}

# Whether this is a guest that lives for this run: systemd-nspawn's, or the virtual machine.
is_guest() { [ -d /run/systemd/system ] && [ "$(hostname)" = reeve-guest ]; }

# in_guest SCRIPT [OPTION OF nspawn.sh…]: goes on only in a guest; elsewhere one is booted that sees the tree and what was
# built, and SCRIPT is run there. Sets REEVE_BIN and REEVE_ROOT_BIN as testbed.sh does, and `top`.
in_guest() {
  local script=$1
  shift
  top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  export REEVE_BIN=${REEVE_BIN:-$top/target/debug} REEVE_ROOT_BIN=${REEVE_ROOT_BIN:-$top/target/root/debug}
  is_guest || exec "$top/tests/nspawn.sh" --bind "$top" --bind "$REEVE_BIN" --bind "$REEVE_ROOT_BIN" "$@" "$script"
}

# The last line of a test: its status is the number of failures, never success when nothing ran.
verdict() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

# A directory with stand-ins for all that install.sh installs. The wrapper's tells who it is and what reached it.
stand_ins() {
  local dir=$1 name
  mkdir -p "$dir"
  chmod 0755 "$dir"
  for name in reeved reeve-launcher reeve-fake-zfs reeve-fake-pct; do printf '#!/bin/sh\n' >"$dir/$name"; done
  cat >"$dir/reeve" <<'STUB'
#!/bin/sh
case $1 in
  __completions) echo "completions for $2" ;;
  __man) mkdir -p "$2" && touch "$2/reeve.1" "$2/reeve-op.1" ;;
esac
STUB
  # What it prints is only the shape of a key.
  cat >"$dir/reeve-gate" <<'STUB'
#!/bin/sh
[ "$1" = init ] && [ "$(id -un)" = reeve-gate ] && printf '%064d\n' 7
STUB
  # Called with nothing to do, it says so.
  local tool wrapper
  for tool in builtin wasm; do printf '#!/bin/sh\nexit 2\n' >"$dir/reeve-$tool"; done
  for wrapper in systemd pct git ansible tool azure egress; do printf '#!/bin/sh\nexit 125\n' >"$dir/reeve-$wrapper"; done
  cat >"$dir/reeve-zfs" <<'STUB'
#!/bin/sh
touch /run/a-wrapper-ran
echo "uid=$(id -u) gid=$(id -g) groups=$(id -G) arguments=$# parent=$(cat /proc/$PPID/comm)"
echo "stdin=$(cat)"
env | sed 's/=.*//' | grep -v '^SUDO_' | sort | tr '\n' ' '
echo
exit 42
STUB
  chmod 0755 "$dir"/*
}
