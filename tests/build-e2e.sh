#!/bin/bash
# Builds the end-to-end suite, or another test by its name, and prints where it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=${1:-e2e}
cargo test --quiet --locked --test "$name" --no-run --message-format=json |
  jq -r --arg name "$name" 'select(.reason == "compiler-artifact" and .target.name == $name) | .executable' | grep .
