#!/bin/bash
# Builds the end-to-end suite, or another test by its name, and prints where it is. REEVE_FEATURES are further words for cargo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=${1:-e2e}
# shellcheck disable=SC2086 # several words, or none
cargo test --quiet --locked ${REEVE_FEATURES:-} --test "$name" --no-run --message-format=json |
  jq -r --arg name "$name" 'select(.reason == "compiler-artifact" and .target.name == $name) | .executable' | grep .
