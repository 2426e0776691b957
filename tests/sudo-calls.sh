# Calls of sudo as its rule has to hold against them; sourced. `wrapper` is what the rule is about.
# shellcheck shell=bash

ran=/run/a-wrapper-ran

# as USER COMMAND…: its output and exit status, with a hostile environment
as() {
  local user=$1
  shift
  setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- \
    env -i PATH=/usr/bin:/bin HOME=/tmp LD_LIBRARY_PATH=/tmp BASH_ENV=/tmp/x IFS=x PYTHONPATH=/tmp DISPLAY=:1 TZ=/etc/x \
    LANG=../../x TERM=x REEVE_X=1 "$@"
}

# What the wrapper says is in /run/seen then, and what sudo says in /run/complaints.
allowed() {
  rm -f "$ran"
  local status=0 output
  # shellcheck disable=SC2154 # who sources this says which one
  output=$(echo grant | as reeve-run sudo -n -- "$wrapper" 2>/run/complaints) || status=$?
  if ! same 42 "$status" || [ ! -e "$ran" ]; then
    cat /run/complaints
    return 1
  fi
  printf '%s\n' "$output" >/run/seen
}

# refused USER ARGUMENT…: sudo says no, and nothing ran
refused() {
  rm -f "$ran"
  local user=$1 status=0 output
  shift
  output=$(echo grant | as "$user" sudo "$@" 2>&1) || status=$?
  echo "$output"
  same 1 "$status" && [ ! -e "$ran" ]
}

# seen LINE TEXT: that line is what the wrapper said
seen() { same "$2" "$(sed -n "$1p" /run/seen)"; }
