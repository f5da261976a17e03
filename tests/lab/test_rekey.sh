#!/usr/bin/env bash
# Two gateways replace the keys of their link again and again while iperf3 sends UDP both ways through it: not one packet
# may be lost to it. As root. REKEYS (default 40) child SAs and a tenth as many IKE SAs are replaced.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/rekeys.sh"

rekeys=${REKEYS:-40}

enough() { # SIDE
	local count
	count=$(count_of_rekeys "$1")
	echo "$1 counts $count"
	[ "$count" -ge $((rekeys + rekeys / 10)) ]
}

tap_need_lab
trap lab_down EXIT
tap_start_lab
lab_iperf_server
tap_case "host A pings host B" lab_in host-a ping -c 3 -i 0.2 -W 2 10.2.0.9
start_load 1
tap_case "$rekeys child SAs are replaced" rekey_often "$rekeys"
tap_case "$((rekeys / 10)) IKE SAs are replaced" rekey_often $((rekeys / 10)) --ike
end_load
nothing_was_lost
for side in alpha beta; do
	tap_case "$side counts them all" enough "$side"
done
tap_accounts
[ $tap_failed = 0 ] || tap_logs
tap_finish
