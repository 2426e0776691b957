#!/bin/bash
# The demo as root, with nobody at the terminal: every step ends as the story says, and the log proves it.
#
#   tests/demo.sh [real|fake]      which ZFS (default: fake)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seen=$(mktemp)
trap 'rm -f "$seen"' EXIT

"$here/testbed.sh" --zfs "${1:-fake}" "$here/../demo/scene.sh" </dev/null >"$seen" 2>&1 ||
  { cat "$seen" >&2; echo "demo.sh: the demo failed" >&2; exit 1; }
for line in 'idea.txt 3 words' 'in force, as the process itself found it' 'passwords of the host - .*No such file' 'writing to the repository - .*Read-only' \
  'stopped by its proxy: 169.254.169.254:80, because it is not_listed' 'succeeded, verified on the host' 'done, and the host shows it' 'half an idea' 'audit log .*: INTACT' \
  'each with its record' 'what was approved is what happened'; do
  grep -q -- "$line" "$seen" || { cat "$seen" >&2; echo "demo.sh: the demo did not show: $line" >&2; exit 1; }
done
if grep -q 'it worked!' "$seen"; then cat "$seen" >&2; echo "demo.sh: a script got out" >&2; exit 1; fi
echo "demo: told to its end"
