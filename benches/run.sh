#!/bin/bash
# Builds a release and measures it on this machine, each figure against a baseline in the same run, in turns; prints a
# table and writes target/figures.json. About ten minutes after the build; as root; on a machine that does nothing else.
#
#   benches/run.sh [PART…]     parts: requests operations kinds tools systemd start memory endurance policy audit domains approvals (default: all)
#
# Environment: REEVE_BENCH_DIR, a directory on the disk that counts (default /var/tmp: what is measured is a real
# fdatasync); REEVE_BENCH_CORES, a processor for the servers and one for the load (default "0 1"); REEVE_BENCH_FEATURES, further
# words for cargo ('--features wasm': tier W is among the tools then); CARGO_TARGET_DIR.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
target=${CARGO_TARGET_DIR:-$top/target}
export REEVE_BENCH_DIR=${REEVE_BENCH_DIR:-/var/tmp}
read -r server_core load_core <<<"${REEVE_BENCH_CORES:-0 1}"
export REEVE_BENCH_SERVER_CORE=$server_core
export REEVE_BIN=$target/release REEVE_ROOT_BIN=$target/root/release
figures=$top/target/figures.json
features=${REEVE_BENCH_FEATURES:-}

die() { echo "bench: $*" >&2; exit 1; }

ready() {
  [ "$(id -u)" = 0 ] || die "must be root: it runs the programs as they are installed"
  [ "$(nproc)" -ge 2 ] || die "needs two processors: one for the servers, one for the load"
  case $(stat --file-system --format %T "$REEVE_BENCH_DIR") in
    tmpfs | overlayfs) die "$REEVE_BENCH_DIR is not on a disk; REEVE_BENCH_DIR chooses another directory" ;;
  esac
  # A thousand connections, seen from both ends.
  ulimit -n 16384 2>/dev/null || [ "$(ulimit -n)" -ge 4096 ] || die "too few descriptors: ulimit -n 16384"
  tests/install-packages.sh bench
}

# The benchmarks come first: with them, cargo puts other builds of the programs where those that ship belong.
build() {
  # shellcheck disable=SC2086 # several words, or none
  cargo bench --locked $features --no-run --message-format=json-render-diagnostics |
    jq -r 'select(.reason == "compiler-artifact" and .target.kind == ["bench"]) | [.target.name, .executable] | @tsv' \
      >"$built"
  # Not --bins: the wrappers of this build would be linked for nothing, a minute each.
  local optional=()
  [[ $features != *wasm* ]] || optional=(--bin reeve-wasm)
  # shellcheck disable=SC2086 # as above
  cargo build --locked $features --release --bin reeve --bin reeved --bin reeve-gate --bin reeve-builtin --bin reeve-fake-zfs \
    --bin reeve-fake-pct --bin reeve-signal-stand-in "${optional[@]}"
  # What runs as root is built by its own call, as in the Makefile.
  cargo build --locked --release --no-default-features --bins --target-dir "$target/root"
}

executable() { awk -v name="$1" '$1 == name { print $2 }' "$built" | grep .; }

# Two engines that others use, which are no part of Reeve's own build.
with_engines() {
  cargo build --locked --release --manifest-path benches/engines/Cargo.toml --target-dir "$target/engines" >&2
  REEVE_BENCH_ENGINES=$target/engines/release/reeve-bench-engines "$@"
}

# The benchmark of an installed host, on a host that is made for it and forgotten.
on_a_host() {
  local part=$1 state status=0
  shift
  state=$(mktemp -d "$REEVE_BENCH_DIR/reeve-bench.XXXXXX")
  tests/testbed.sh --zfs fake --state "$state" "$@" "$host" "$part" || status=$?
  rm -rf "$state"
  return "$status"
}

measure() {
  case $1 in
    requests) on_a_host requests taskset --cpu-list "$load_core" ;;
    operations | kinds | tools | memory | endurance) on_a_host "$1" ;;
    systemd | start) benches/on-systemd.sh "$host" "$1" ;;
    policy) with_engines "$(executable policy)" ;;
    audit | domains) "$(executable "$1")" ;;
    # Its gate keeps its store and its log where temporary files are.
    approvals) TMPDIR=$REEVE_BENCH_DIR "$(executable approvals)" ;;
    *) die "there is no part $1" ;;
  esac
}

table() {
  jq -r '
    def short: if . >= 1000 then round else (. * 100 | round) / 100 end;
    def met: if .aim == "none" then true else (.aim | split(" ")) as [$sign, $number, $unit] | (if $unit then .value else .ratio end) as $is
      | ($number | tonumber) as $aim | if $sign == "<=" then $is <= $aim else $is >= $aim end end;
    ["figure", "value", "", "baseline", "ratio", "aim", "met"],
    (.[] | [.name, (.value | short), .unit, (.baseline | short), (.ratio | short), .aim, (if .aim == "none" then "" elif met then "yes" else "NO" end)])
    | @tsv' "$figures" |
    awk -F '\t' '{ printf "%-46s %10s %-7s %10s %8s  %-10s %s\n", $1, $2, $3, $4, $5, $6, $7 }'
}

lines=$(mktemp) built=$(mktemp)
trap 'rm -f "$lines" "$built"' EXIT
ready
build
host=$(executable host)
[ $# -gt 0 ] || set -- requests operations kinds tools systemd start memory endurance policy audit domains approvals
mkdir -p "$top/target"
failed=()
for part in "$@"; do
  echo "measuring: $part" >&2
  # A part that fails takes none of the others' figures with it.
  (measure "$part") >>"$lines" || failed+=("$part")
done
jq --slurp . "$lines" >"$figures"
table
[ ${#failed[@]} = 0 ] || die "could not be measured: ${failed[*]}"
