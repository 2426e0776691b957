#!/bin/bash
# The dashboard that is shipped as an example: its queries are PromQL over metrics that Reeve has, and each panel shows
# something once a real Prometheus has watched a host at work, over mutual TLS.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"
readonly board=$here/../docs/examples/grafana/reeve.json

# What Grafana would ask, with its variables filled in: every host, and rates over so many seconds.
queries() { jq -r '.. | .expr? // empty' "$board" | sed -E "s/\\\$__(rate_interval|range)/$1/g; s/\\\$instance/.*/g"; }
metrics() { queries 1m | grep -o 'reeve_[a-z_]*' | sed -E 's/_(bucket|sum|count)$//' | sort -u; }
known() { grep -qE "^$1(\{| )" "$here/golden/metrics.txt"; }
parsed() {
  jq -nR '{groups: [{name: "board", rules: [inputs | {record: "a:query", expr: .}]}]}' <(queries 1m) >"$work/queries.yml"
  promtool check rules "$work/queries.yml"
}
alerts_named() { jq -r '.panels[].description // empty' "$board" | grep -o 'Reeve[A-Z][A-Za-z]*' | sort -u; }
is_alert() { grep -qx " *- alert: $1" "$here/../docs/examples/prometheus/alerts.yml"; }

static() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  it "every query is one that Prometheus understands" parsed
  for metric in $(metrics); do it "$metric is one of Reeve's metrics" known "$metric"; done
  for alert in $(alerts_named); do it "the alert $alert that a panel names is one" is_alert "$alert"; done
  it "no two panels have one number" same "" "$(jq -r '.panels[].id' "$board" | sort | uniq -d)"
}

# ── a real Prometheus, on an installed host ─────────────────────────────────────────────────────────────────────

readonly web=127.0.0.1:19090

finish() {
  [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
  "$here/../demo/host.sh" down
  rm -rf "$work"
}

live() {
  export HOST_DIR=/run/reeve-host
  work=$(mktemp -d)
  trap finish EXIT
  "$here/../demo/host.sh" up --auto confirm
  # What it finds is another test's; here it is that there is something to show.
  /usr/local/bin/reeve doctor >/dev/null || true
  zpool create tank /dev/null
  zfs create tank/media
  watch
  it "Prometheus gets in with a certificate whose contract has the role metrics" until_is 1 'up{job="reeve"}'
  it "and not with a certificate that the authority signed for nobody here" until_is 0 'up{job="stranger"}'
  it "nor with an agent's, whose contract has no such role" until_is 0 'up{job="agent"}'
  work_a_little
  while read -r query; do it "it has an answer to: $query" until_some "$query"; done < <(queries 20s | grep -v reeve_rate_limited_total)
}

watch() {
  cat >"$work/prometheus.yml" <<YAML
global: {scrape_interval: 1s}
scrape_configs:
$(job reeve operator; job stranger stranger; job agent librarian)
YAML
  prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --web.listen-address="$web" \
    --log.level=warn >"$work/log" 2>&1 &
  server=$!
}

# job NAME CERTIFICATE: as docs/operations.md shows it.
job() {
  local pki=$HOST_DIR/pki
  echo "  - job_name: $1"
  echo "    scheme: https"
  echo "    tls_config: {ca_file: $pki/ca.crt, cert_file: $pki/agent/$2.crt, key_file: $pki/agent/$2.key, server_name: localhost}"
  echo '    static_configs: [{targets: ["127.0.0.1:18443"]}]'
}

# Something allowed, something denied, something that a person confirms: what the panels are about.
work_a_little() {
  local agent=(env REEVE_URL=https://localhost:18443 REEVE_CA="$HOST_DIR/pki/ca.crt" REEVE_CERT="$HOST_DIR/pki/agent/librarian.crt"
    REEVE_KEY="$HOST_DIR/pki/agent/librarian.key" "$REEVE_BIN/reeve")
  it "something is allowed" "${agent[@]}" op zfs snapshot tank/media --param name=old --wait
  it "something is denied" exits 3 "${agent[@]}" op zfs destroy tank/nothing-of-ours
  it "something is confirmed" "${agent[@]}" op zfs destroy tank/media@old --wait
}


ask() { curl -sf --data-urlencode "query=$1" "http://$web/api/v1/query" | jq -r '.data.result[] | .value[1]'; }
is_now() { [ "$(ask "$2")" = "$1" ]; }
some_now() { [ -n "$(ask "$1")" ]; }
until_is() { watched is_now "$@"; }
until_some() { watched some_now "$@"; }
watched() { soon "$@" || { tail -n 5 "$work/log"; return 1; }; }

if [ "${REEVE_TESTBED:-}" = 1 ]; then
  live
  verdict
else
  static
  verdict
  "$here/testbed.sh" --zfs fake "${BASH_SOURCE[0]}"
fi
