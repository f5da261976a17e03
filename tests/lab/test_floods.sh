#!/usr/bin/env bash
# Floods of every kind at a gateway that carries traffic, in short: scripts/floods.sh tells what must hold. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"

tap_need_lab
table=$(mktemp)
trap 'rm -f "$table"' EXIT

floods() { "$here/../../scripts/floods.sh" --quick >"$table"; }

tap_case "floods are held" floods
tap_note "$(cat "$table")"
tap_finish
