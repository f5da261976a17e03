#!/usr/bin/env bash
# Two gateways replace the keys of their link again and again while iperf3 sends UDP both ways through it: not one packet
# may be lost to it. As root. REKEYS (default 40) child SAs and a tenth as many IKE SAs are replaced.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"

rekeys=${REKEYS:-40}
rate=8M # small enough for the machine to lose nothing by itself: what is lost, rekeying has lost

# Drops that a gap between two SAs would cause, at either end.
gaps='no-session|no-spi|replay|late|bad-icv|limit|selector'

count_of_rekeys() { # SIDE
	lab_show "$1" peers --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["peers"][0]["rekeys"])'
}

is_past() { [ "$(count_of_rekeys "$1")" -gt "$2" ]; } # SIDE COUNT

# One after the other, from either side in turn.
rekey_often() { # COUNT [--ike]
	local side peer before n
	for ((n = 0; n < $1; n++)); do
		if ((n % 2)); then side=alpha peer=beta; else side=beta peer=alpha; fi
		before=$(count_of_rekeys "$side")
		timeout 10 "$SEALANE" rekey "$(lab_gateway "$peer")" "${@:2}" --gateway "$(lab_gateway "$side")"
		lab_wait_for "rekey $n from $side" 5 is_past "$side" "$before"
	done
}

start_load() {
	ip netns exec "$(lab_ns host-a)" iperf3 -c 10.2.0.9 -u -b $rate -l 1200 -t 600 --bidir --json \
		--connect-timeout 5000 >"$lab_dir/udp.json" 2>"$lab_dir/udp.log" &
	load_pid=$!
	sleep 1
}

# iperf3 tells its sums when it is interrupted.
end_load() {
	kill -INT "$load_pid"
	wait "$load_pid" || true
}

packets_through() { # SIDE, WHAT: rx or tx
	lab_show "$1" peers --json | python3 -c "import json, sys; print(json.load(sys.stdin)['peers'][0]['$2_packets'])"
}

# Both at rest: what one has sealed the other has opened.
all_sealed_was_opened() { # FROM TO
	local sealed opened
	sealed=$(packets_through "$1" tx)
	opened=$(packets_through "$2" rx)
	echo "$1 has sealed $sealed packets, $2 has opened $opened"
	[ "$sealed" = "$opened" ] && [ "$sealed" -gt 1000 ]
}

no_gaps() { # SIDE
	local found
	found=$(lab_show "$1" drops | grep -E " ($gaps) " || true)
	echo "$found"
	[ -z "$found" ]
}

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
start_load
tap_case "$rekeys child SAs are replaced" rekey_often "$rekeys"
tap_case "$((rekeys / 10)) IKE SAs are replaced" rekey_often $((rekeys / 10)) --ike
end_load
sleep 1
for side in alpha beta; do
	tap_case "$side counts them all" enough "$side"
	tap_case "$side dropped nothing for want of an SA" no_gaps "$side"
done
tap_case "beta opened every packet that alpha sealed" all_sealed_was_opened alpha beta
tap_case "alpha opened every packet that beta sealed" all_sealed_was_opened beta alpha
for side in alpha beta; do
	tap_case "$side accounts for every packet" "$here/accounting.py" "$SEALANE" "$(lab_gateway "$side")"
done
[ $tap_failed = 0 ] || tap_logs
tap_finish
