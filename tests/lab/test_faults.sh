#!/usr/bin/env bash
# A short selection of faults, while host A pings host B: gateways are killed in the midst of a handshake and a rekey, stand
# still, lose a port. scripts/faults.sh injects all of them. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/faults.sh"

faults_dir=$here
tap_need_lab
trap lab_down EXIT
faults_up
faults_run "${@:---quick}"
