#!/usr/bin/env bash
# Child SAs and the IKE SA are replaced every second or two, by either end and by both at once, under a ping every 20 ms of
# which not one may be lost. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

pings=350 # 7 s

logged() { grep -cF -- "$2" "$lab_dir/$1/log" || true; } # SIDE TEXT
logged_times() { # SIDE TEXT TIMES
	echo "$(logged "$1" "$2") of $3"
	[ "$(logged "$1" "$2")" -ge "$3" ]
}

no_ping_is_lost() { lab_in host-a ping -q -i 0.02 -c $pings -W 2 10.2.0.9 | tee "$lab_dir/ping" && grep " 0% packet loss" "$lab_dir/ping"; }

# The pair in use is the same at both ends. What it has replaced takes for some seconds more what is on its way.
same_pair() {
	local ours its
	ours=$(lab_show alpha sessions --json | python3 -c '
import json, sys
sessions = json.load(sys.stdin)["sessions"]
print(*(s["spi_out"] + " " + s["spi_in"] for s in sessions if s["in_use"] == "yes"))
assert len(sessions) < 12, sessions')
	its=$(charon_ctl --list-sas | awk '/ INSTALLED,/ { on = 1 } / DELET/ { on = 0 } on && $1 ~ /^(in|out)$/ { sub(",", "", $2); print "0x" $2 }')
	echo "we use $ours, charon uses $its"
	[ "$ours" = "$(paste -sd ' ' <<<"$its")" ]
}

rotation() { # SCENARIO
	tap_case "$1: connected" pair_connected 10
	tap_case "$1: $pings pings, none lost" no_ping_is_lost
	tap_case "$1: both ends use the same pair" lab_wait_for "the same pair" 5 same_pair
	tap_case "$1: the link has never been down" never_down
}

never_down() { ! grep -F "link down" "$lab_dir/alpha/log"; }

child_times="rekey_time = 1s
						rand_time = 0s
						life_time = 30s"
ike_times="rekey_time = 2s
				rand_time = 0s
				over_time = 30s"
esp=aes256gcm16-x25519-noesn

by_charon() { # INITIATOR
	charon_esp=$esp charon_child=$child_times pair_start "$1"
	rotation "$1 initiates, charon rekeys the child SA"
	tap_case "$1 initiates, charon rekeys the child SA: often" logged_times beta "establishing CHILD_SA net{" 4
	tap_case "$1 initiates, charon rekeys the child SA: with X25519" logged_times beta "parsed CREATE_CHILD_SA response" 4
	charon_esp=$esp charon_conn=$ike_times pair_start "$1"
	rotation "$1 initiates, charon rekeys the IKE SA"
	tap_case "$1 initiates, charon rekeys the IKE SA: often" logged_times beta "rekeyed between" 2
}

pair_up
by_charon sealane
by_charon charon
pair_finish
