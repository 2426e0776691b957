#!/bin/bash
# What the demo shows, on a host that demo/run.sh has prepared.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export HOST_DIR=${HOST_DIR:-/run/reeve-host}
prefix=${REEVE_PREFIX:-}
zfs=$prefix/usr/sbin/zfs zpool=$prefix/usr/sbin/zpool
log=$prefix/var/log/reeve ledger=$prefix/var/lib/reeve-root/spent
reeve=$REEVE_BIN/reeve
# On a terminal you are alice; without one she answers by herself, with what the prompt's last line says.
if [ -t 0 ] && [ -t 1 ]; then person=you; else person=alice; fi

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
chapter() { printf '\n%s── %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '   %s\n' "$*"; }

# The agent's profile.
export REEVE_URL=https://localhost:18443 REEVE_CA=$HOST_DIR/pki/ca.crt
export REEVE_CERT=$HOST_DIR/pki/agent/librarian.crt REEVE_KEY=$HOST_DIR/pki/agent/librarian.key

# agent STATUS COMMAND…: what the agent types, and what it gets back. Waiting for a person is an exit status of its own (4);
# any but the one of the story ends the demo, unless it is you who answers.
agent() {
  local wanted=$1 status=0
  shift
  printf '%s$ reeve %s%s\n' "$dim" "$*" "$plain"
  "$reeve" "$@" | sed 's/^/  /' || status=$?
  [ "$status" = "$wanted" ] || [ "$person" = you ] || {
    echo "the demo went wrong: reeve $1 ended with $status instead of $wanted" >&2
    exit 1
  }
}

shown_as() { if [ "$1" = git_in_app ]; then echo "git ${*:2}"; else echo "${1##*/} ${*:2}"; fi; }

root() {
  printf '%s# %s%s\n' "$dim" "$(shown_as "$@")" "$plain"
  "$@" | cut -c 1-160 | sed 's/^/  /'
}

finish() {
  status=$?
  "$here/host.sh" down >/dev/null 2>&1 || true
  "$zpool" destroy tank >/dev/null 2>&1 || true
  [ -z "${disk:-}" ] || rm -f "$disk"
  exit $status
}
trap finish EXIT

# On real ZFS, something that only the snapshot holds afterwards.
fill() { [ "$REEVE_ZFS" = fake ] || { dd if=/dev/urandom of=/tank/media/film bs=1M count=48 status=none && zpool sync tank; }; }

empty() { [ "$REEVE_ZFS" = fake ] || { rm /tank/media/film && zpool sync tank; }; }

prepare() {
  disk=$(mktemp "${TMPDIR:-/var/tmp}/reeve-tank.XXXXXX")
  truncate -s 512M "$disk"
  "$zpool" create tank "$disk"
  "$zfs" create tank/media
  "$zfs" create tank/vm
  fill
  "$zfs" snapshot tank/media@old
  empty
}

# As the agent's own user, who made the repository and works in it.
by_agent() {
  local who=()
  [ "$(id -u)" != 0 ] || who=(setpriv --reuid librarian --regid librarian --init-groups --)
  "${who[@]}" env -i PATH="$PATH" HOME="$work" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=Librarian GIT_AUTHOR_EMAIL=librarian@host01 \
    GIT_COMMITTER_NAME=Librarian GIT_COMMITTER_EMAIL=librarian@host01 "$@"
}

git_in_app() { by_agent "$prefix/usr/bin/git" -C "$work/app" "$@"; }

# A clone that is one commit behind what is published, with a commit, a change and a file of its own.
prepare_repository() {
  work=$prefix/var/lib/repos
  mkdir -p "$work"
  [ "$(id -u)" != 0 ] || chown librarian: "$work"
  by_agent "$prefix/usr/bin/git" init --quiet --bare --initial-branch=main "$work/mirror/app.git"
  by_agent "$prefix/usr/bin/git" init --quiet --initial-branch=main "$work/app"
  git_in_app remote add origin "file://$work/mirror/app.git"
  commit "what everybody has" shelf.txt
  git_in_app push --quiet --set-upstream origin main
  commit "published meanwhile" shelf.txt
  git_in_app push --quiet origin main
  git_in_app reset --quiet --hard HEAD~1
  git_in_app update-ref refs/remotes/origin/main HEAD
  commit "half an idea" idea.txt
  scribble "the other half" idea.txt
  scribble "not even begun" notes.txt
}

scribble() { echo "$1" | by_agent tee "$work/app/$2" >/dev/null; }

commit() {
  scribble "$1" "$2"
  git_in_app add --all
  git_in_app commit --quiet --message "$1"
}

# A script that the agent writes, run by the one tool that root declared here. What it printed, and what Reeve says of the run.
script() {
  printf '%s$ reeve op tool run script -p input="…" --wait%s\n' "$dim" "$plain"
  sed "s/^/  ${dim}| /;s/\$/$plain/" <<<"$1"
  "$reeve" --json op tool run script -p "input=$1" --wait | python3 -c '
import json, sys
answer = json.load(sys.stdin)
result = answer["result"]
output = result["output"]
for line in (output["stdout"]["text"] + output["stderr"]["text"]).splitlines():
    print("  " + line)
if sys.argv[1] == "receipt":
    print("  in force, as the process itself found it before it began:")
    for name, value in result["confined"].items():
        print(f"    {name:14} {json.dumps(value) if not isinstance(value, str) else value}")
    print("  used           " + json.dumps(result["used"]))
for stop in result["egress"]["stopped"]:
    print("  stopped by its proxy: %s, because it is %s" % (stop["to"], stop["why"]))
print("  " + answer["state"])
' "${2:-}"
}

declare_tools() {
  local python memory_by=rlimit
  python=$(readlink -f /usr/bin/python3)
  # Where the machine has control groups that can be had, they bound the sum over the tree.
  if grep -qsw memory /sys/fs/cgroup/cgroup.controllers || [ -w /sys/fs/cgroup/memory ]; then memory_by=cgroup; fi
  mkdir -p /etc/reeve/tools
  sed -e "s|@PYTHON@|$python|" -e "s|@SHA256@|$(sha256sum "$python" | cut -d' ' -f1)|" -e "s|@MEMORY_BY@|$memory_by|" \
    "$here/etc/tools/script.toml.in" >/etc/reeve/tools/script.toml
  chown root:reeve-gate /etc/reeve/tools/script.toml
  chmod 0640 /etc/reeve/tools/script.toml
  echo 'host www.example.org:443' >/etc/reeve/egress
}

# What the phone shows last.
newest() { phone | awk '/^┌─/ { message = "" } { message = message "  " $0 "\n" } END { printf "%s", message }'; }

answer_the_prompt() {
  local answer=''
  if [ "$person" = you ]; then
    while [ -z "$answer" ]; do read -r -p "   You are alice. Answer with CONFIRM or DENY and the token: " answer; done
  else
    answer=$(phone | grep -o 'CONFIRM [0-9A-Z-]*' | tail -n 1)
    say "Nobody is at a terminal, so alice answers by herself: $answer"
  fi
  control "$(python3 -c 'import json,sys; print(json.dumps({"do":"say","as":"alice","text":sys.argv[1]}))' "$answer")" >/dev/null
}

control() {
  python3 - "$HOST_DIR/signal/control" "$1" <<'PY'
import socket, sys
with socket.socket(socket.AF_UNIX) as people:
    people.connect(sys.argv[1])
    people.sendall(sys.argv[2].encode() + b"\n")
    print(people.makefile().readline(), end="")
PY
}

# Everything that alice's phone shows.
phone() {
  control '{"do":"messages","of":"alice"}' | python3 -c '
import json, sys
for message in json.load(sys.stdin)["messages"]:
    print("┌─ alice, on her phone")
    for line in message["text"].splitlines():
        print("│ " + line)
    print("└─")'
}

until_phone_shows() {
  local tries
  for tries in $(seq 1 200); do
    # Not -q, which would hang up on what prints the rest.
    if phone | grep -- "$1" >/dev/null; then return 0; fi
    sleep 0.1
  done
  echo "the phone never showed: $1 ($tries)" >&2
  exit 1
}

chapter "A host with a pool, an agent with a certificate, two people with phones"
prepare
prepare_repository
[ "$(id -u)" != 0 ] || declare_tools
"$here/host.sh" up
for tries in $(seq 1 100); do
  if "$reeve" --json health | grep -Eq '"approvals": ?"up"'; then break; fi
  sleep 0.1
done
say "reeved hears (TLS, the network), reeve-gate decides, asks, records and signs, reeve-launcher starts the wrapper."
if [ "$(id -u)" = 0 ]; then
  root ps -o user:12,pid,args -p "$(cat "$HOST_DIR/front.pid"),$(cat "$HOST_DIR/gate.pid"),$(cat "$HOST_DIR/launcher.pid")"
fi

chapter "The agent looks: reads are free, and need no root"
agent 0 op zfs list tank/media -p recursive=true -p 'types=["filesystem","snapshot"]'

chapter "The agent takes a snapshot: a change inside its contract, so it runs at once, verified afterwards"
agent 0 op zfs snapshot tank/media -p name=daily --reason "before the upgrade"

chapter "The agent wants to destroy: the rules send it to a person"
agent 4 op zfs destroy tank/media@old --reason "weekly cleanup"
until_phone_shows "zfs destroy tank/media@old"
chapter "What alice's phone shows"
phone | sed 's/^/  /'
answer_the_prompt
id=$("$reeve" --json list | grep -Eo 'op_[0-9A-Z]{26}' | head -n 1)
chapter "The agent waits for the end; it never held anything that could approve"
agent 0 watch "$id"
until_phone_shows "audit:"
chapter "What alice's phone shows now"
phone | sed -e '1,/^└─/d' -e 's/^/  /'

chapter "A git repository: the agent looks, and fetches what is published, at once and as its own Unix user"
agent 0 op git status /var/lib/repos/app
agent 0 op git fetch /var/lib/repos/app

chapter "It wants to throw its own work away: a person sees which commits and files would go"
agent 4 op git reset /var/lib/repos/app -p to=origin/main --reason "start over from what is published"
until_phone_shows "git reset /var/lib/repos/app"
newest
answer_the_prompt
id=$("$reeve" --json list | grep -Eo 'op_[0-9A-Z]{26}' | head -n 1)
agent 0 watch "$id"
root git_in_app log --oneline --decorate-refs=refs/heads/main
chapter "Work that is gone can be had back: the outcome said how"
agent 0 undo "$id"
root git_in_app log --oneline --decorate-refs=refs/heads/main
root git_in_app status --short

chapter "A tool: the agent writes a script, and the kernel says what it may do"
if [ "$(id -u)" = 0 ]; then
  script 'import pathlib
for path in sorted(pathlib.Path("/var/lib/repos/app").glob("*.txt")):
    print(path.name, len(path.read_text().split()), "words")' receipt
  chapter "It tries to get out: what is not granted is not there, and whom it may not reach is named"
  script 'import os, socket, urllib.request
def attempt(what, how):
    try: how(); print(what, "- it", "worked!")
    except OSError as error: print(what, "-", error)
attempt("passwords of the host", lambda: open("/etc/shadow"))
attempt("the keys of the gate", lambda: os.listdir("/var/lib/reeve"))
attempt("writing to the repository", lambda: open("/var/lib/repos/app/notes.txt", "w"))
attempt("an address of the network", lambda: socket.create_connection(("192.0.2.1", 443), 3))
attempt("the metadata of a cloud", lambda: urllib.request.urlopen("http://169.254.169.254/"))'
else
  say "A tool runs as another user than this one, shut in, and that takes root: this scene is told when the demo runs as root."
fi

chapter "What ran, as root's own ledger has it: each grant spent once"
root ls "$ledger" | sed -n 1,4p
say "… $(find "$ledger" -type f | wc -l) in all"

chapter "The host itself"
root "$zfs" list -t all -o name

chapter "The proof: every step was recorded before the next one began"
root "$reeve" audit tail --log "$log"
checkpoint=$(phone | grep -Eo 'log [0-9]+ · [0-9a-f]{16}' | tail -n 1 | sed -E 's/log ([0-9]+) · /\1:/')
say "alice's phone remembers $checkpoint: a log that was cut or rewritten since cannot agree with it."
root "$reeve" audit verify --log "$log" --ledger "$ledger" --against "$checkpoint"
say ""
say "That is the whole of it: what was approved is what happened."
