#!/usr/bin/env bash
# Several workers at each end, with as many queues as workers at one and with fewer at the other: real programs both ways,
# and keys that are replaced under load without a loss. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/rekeys.sh"

rekeys=6

pings() { lab_in "$1" ping -c 20 -i 0.05 -W 2 "$2" | grep " 0% packet loss"; } # FROM TO

# Several streams: one alone would stay in one worker.
transfers() {
	lab_in host-a iperf3 -c 10.2.0.9 -P 6 -t 2 --connect-timeout 5000 "$@"
}

# One number for each worker.
workers_say() { # SIDE FIELD
	lab_show "$1" workers --json |
		python3 -c "import json, sys; print(*(w['$2'] for w in json.load(sys.stdin)['workers']))"
}

are_workers() { # SIDE NUMBER
	local found
	found=$(workers_say "$1" lcore | wc -w)
	echo "$1 has $found"
	[ "$found" = "$2" ]
}

each_has_an_sa() { # SIDE NUMBER
	[ "$(lab_show "$1" sessions --json | python3 -c '
import json, sys
print(*sorted(s["worker"] for s in json.load(sys.stdin)["sessions"] if s["in_use"] == "yes"))')" = "$(seq -s " " 0 $(($2 - 1)))" ]
}

# Only with an SA of its own in each of beta's workers do all of them seal, and only those with ports of their own spread.
all_receive() { # SIDE
	local received
	received=$(workers_say "$1" rx_wire)
	echo "received at $1 from the wire, by worker: $received"
	[[ " $received " != *" 0 "* ]]
}

have_changed_hands() { # SIDE
	local handed
	handed=$(workers_say "$1" handed_in)
	echo "handed in at $1, by worker: $handed"
	[ "$((${handed// /+}))" -gt 100 ]
}

tap_need_lab
trap lab_down EXIT
lab_workers=([alpha]=2 [beta]=3)
lab_queues=([alpha]=2 [beta]=1)
lab_peer="source-port = per-sa"
tap_start_lab
lab_iperf_server
tap_case "alpha has 2 workers" are_workers alpha 2
tap_case "beta has 3 workers" are_workers beta 3
tap_case "each worker of alpha gets an SA" lab_wait_for "SAs" 15 each_has_an_sa alpha 2
tap_case "each worker of beta gets an SA" lab_wait_for "SAs" 15 each_has_an_sa beta 3
tap_case "host A pings host B" pings host-a 10.2.0.9
tap_case "host B pings host A" pings host-b 10.1.0.9
start_load 4
tap_case "keys are replaced $rekeys times" rekey_often $rekeys
tap_case "the IKE SA is replaced" rekey_often 1 --ike
end_load
nothing_was_lost
# At full speed the kernel between the two loses some by itself.
tap_case "six TCP streams towards B" transfers
tap_case "six TCP streams towards A" transfers -R
tap_case "packets have changed hands at beta, which has one queue" have_changed_hands beta
tap_case "both workers of alpha receive from the wire" all_receive alpha
tap_accounts
[ $tap_failed = 0 ] || tap_logs
tap_finish
