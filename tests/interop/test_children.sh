#!/usr/bin/env bash
# charon cuts its traffic into two child SAs with selectors of their own, in one IKE SA: both carry packets at the same
# time, both are replaced, and one goes while the other stays. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

pings=150 # 3 s to each network

sealane_prefixes="10.2.0.0/16, 10.3.0.0/16"
charon_esp=aes256gcm16-x25519-noesn
other_child() { # LINE...
	printf '%s\n' "other {" "local_ts = 10.3.0.0/16" "remote_ts = 10.1.0.0/16" "esp_proposals = $charon_esp" \
		"mode = tunnel" "$@" "}"
}

# How many sessions we seal with, and how many child SAs charon has.
children() { # N
	local ours its
	ours=$(lab_show alpha sessions --json | python3 -c '
import json, sys
print(sum(s["in_use"] == "yes" for s in json.load(sys.stdin)["sessions"]))')
	its=$(charon_ctl --list-sas | grep -c ' INSTALLED,')
	echo "we use $ours, charon has $its"
	[ "$ours" = "$1" ] && [ "$its" = "$1" ]
}

both_networks() { pair_ping host-a 10.2.0.9 && pair_ping host-a 10.3.0.9; }

# At the same time, and of neither may one be lost.
no_ping_is_lost() {
	local network
	for network in 2 3; do
		lab_in host-a ping -q -i 0.02 -c $pings -W 2 "10.$network.0.9" >"$lab_dir/ping$network" &
	done
	wait %1 %2
	cat "$lab_dir/ping2" "$lab_dir/ping3"
	[ "$(grep -c " 0% packet loss" "$lab_dir/ping2" "$lab_dir/ping3" | grep -c ':1$')" = 2 ]
}

# Both child SAs have carried something: "in 3 out 3".
charon_counts_both() {
	local packets
	packets=$(charon_packets)
	echo "$packets"
	[ "$(wc -w <<<"$packets")" = 4 ] && [[ " $packets " != *" 0 "* ]]
}

start_two() { # CHILD-LINE...
	local lines
	lines=$(printf '%s\n' "$@")
	charon_child=$lines charon_children=$(other_child "$@") charon_conn="rekey_time = 0s" pair_start charon
	charon_ctl --initiate --child other --timeout 8 >"$lab_dir/beta/initiate.log" 2>&1 || true
}

side_by_side() {
	start_two "rekey_time = 0s"
	tap_case "two child SAs at both ends" lab_wait_for "two" 5 children 2
	tap_case "one IKE SA for both" test "$(pair_times alpha "link up with")" = 1
	tap_case "packets to both networks" both_networks
	tap_case "each child SA has carried its own" charon_counts_both
	charon_ctl --terminate --child other >"$lab_dir/terminate.log" 2>&1 || true
	tap_case "charon closes one: the other stays" lab_wait_for "one" 10 children 1
	tap_case "packets to the network that is left" pair_ping host-a 10.2.0.9
	tap_case "the link has never been down" test "$(pair_times alpha "link down")" = 0
	charon_ctl --initiate --child other --timeout 8 >"$lab_dir/beta/initiate.log" 2>&1 || true
	tap_case "charon makes it again" lab_wait_for "two" 5 children 2
	tap_case "packets to both networks again" both_networks
}

both_are_replaced() {
	start_two "rekey_time = 1s" "rand_time = 0s" "life_time = 30s"
	tap_case "rekeying every second: two child SAs" lab_wait_for "two" 5 children 2
	tap_case "rekeying every second: $pings pings to each network, none lost" no_ping_is_lost
	tap_case "rekeying every second: often, of both" pair_logged beta "parsed CREATE_CHILD_SA response" 5
	tap_case "rekeying every second: still two child SAs in use" lab_wait_for "two" 5 children 2
	tap_case "rekeying every second: the link has never been down" test "$(pair_times alpha "link down")" = 0
}

pair_up
side_by_side
both_are_replaced
pair_finish
