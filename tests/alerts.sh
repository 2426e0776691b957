#!/bin/bash
# The alert rules that are shipped as an example: their syntax, what they fire on, that every metric in them is one of
# Reeve's, and that the runbook has an answer to each.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=assertions.sh
. "$here/assertions.sh"
cd "$here/../docs/examples/prometheus"

# Each of Reeve's metrics that the rules speak of, without what a histogram adds to its name.
metrics() { grep -v '^ *#\|summary:' alerts.yml | grep -o 'reeve_[a-z_]*' | sed -E 's/_(bucket|sum|count)$//' | sort -u; }
alerts() { sed -n 's/^ *- alert: //p' alerts.yml; }
known() { grep -qE "^$1(\{| )" "$here/golden/metrics.txt"; }
answered() { grep -qx "### $1" "$here/../docs/operations.md"; }
tested() { grep -qx " *- alertname: $1" alerts.test.yml; }

it "the rules are rules" promtool check rules alerts.yml
it "each fires when it should, and not beside it" promtool test rules alerts.test.yml
for metric in $(metrics); do it "$metric is one of Reeve's metrics" known "$metric"; done
for alert in $(alerts); do
  it "$alert has a test" tested "$alert"
  it "$alert has an answer in the runbook" answered "$alert"
done
verdict
