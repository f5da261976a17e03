#!/usr/bin/env bash
# Three workers here, one child SA there: a peer that knows nothing of RFC 9611 has one with us, and the workers that have
# none hand their packets to the one that has. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

# Six connections each way; they fall to different workers.
connections() {
	lab_in host-a iperf3 -c 10.2.0.9 -P 6 -t 1 -b 2M --connect-timeout 5000 &&
		lab_in host-a iperf3 -c 10.2.0.9 -P 6 -t 1 -b 2M --connect-timeout 5000 -R
}

workers_say() { # FIELD
	lab_show alpha workers --json |
		python3 -c "import json, sys; print(*(w['$1'] for w in json.load(sys.stdin)['workers']))"
}

# The port has one queue: worker 0 spreads the flows over all three, and those without an SA give them back.
all_hand_over() {
	local handed
	handed=$(workers_say handed_out)
	echo "handed out by worker: $handed"
	read -r _ first second <<<"$handed"
	[ "$first" -gt 0 ] && [ "$second" -gt 0 ]
}

one_session_of_worker_0() { [ "$(pair_session worker in_use)" = "0 yes" ]; }

accounting() { "$here/../lab/accounting.py" "$SEALANE" "$(lab_gateway alpha)"; }

no_drops() {
	lab_show alpha drops | tee "$lab_dir/drops"
	! grep -E " (no-session|no-spi|selector|handoff-full) " "$lab_dir/drops"
}

scenario() { # INITIATOR
	pair_start "$1"
	tap_case "$1 initiates, three workers: one SA at both ends" pair_connected 10
	tap_case "$1 initiates, three workers: it belongs to worker 0" one_session_of_worker_0
	tap_case "$1 initiates, three workers: pings both ways, counted alike" pair_traffic
	tap_case "$1 initiates, three workers: six connections each way" connections
	tap_case "$1 initiates, three workers: those without an SA hand over" all_hand_over
	tap_case "$1 initiates, three workers: and nothing is dropped for it" no_drops
	tap_case "$1 initiates, three workers: every packet is accounted for" accounting
}

pair_up
lab_iperf_server beta
lab_workers[alpha]=3
scenario sealane
scenario charon
pair_finish
