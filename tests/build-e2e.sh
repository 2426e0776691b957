#!/bin/bash
# Builds the end-to-end suite and prints where it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo test --quiet --locked --test e2e --no-run --message-format=json |
  jq -r 'select(.reason == "compiler-artifact" and .target.name == "e2e") | .executable' | grep .
