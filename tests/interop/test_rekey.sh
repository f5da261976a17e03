#!/usr/bin/env bash
# Child SAs and the IKE SA are replaced every second or two, by either end and by both at once, under a ping every 20 ms of
# which not one may be lost. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

pings=300 # 6 s

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
# charon asks every 0.4 s, and does not give up while it is held back.
patient="retransmit_base = 1.0
			retransmit_tries = 20"

child_by_charon() { # INITIATOR
	charon_esp=$esp charon_child=$child_times pair_start "$1"
	rotation "$1 initiates, charon rekeys the child SA"
	tap_case "$1 initiates, charon rekeys the child SA: often" lab_wait_for "as often" 20 pair_logged beta "parsed CREATE_CHILD_SA response" 4
}

ike_by_charon() { # INITIATOR
	charon_esp=$esp charon_conn=$ike_times pair_start "$1"
	rotation "$1 initiates, charon rekeys the IKE SA"
	tap_case "$1 initiates, charon rekeys the IKE SA: often" lab_wait_for "as often" 20 pair_logged beta "rekeyed between" 2
}

by_us() { # INITIATOR
	charon_esp=$esp charon_conn="rekey_time = 0s" charon_child="rekey_time = 0s" pair_start "$1" "rekey-after-time = 1s"
	rotation "$1 initiates, we rekey both"
	tap_case "$1 initiates, we rekey both: the child SA often" lab_wait_for "as often" 20 pair_logged beta "parsed CREATE_CHILD_SA request" 4
	tap_case "$1 initiates, we rekey both: the IKE SA too" lab_wait_for "as often" 20 pair_logged beta "rekeyed between" 1
}

# ---- Both at once ----------------------------------------------------------------------------------------------------
#
# A collision is made on purpose: IKE is held back until both ends have asked; then requests pass and responses do not, until
# each end has heard the other's wish with its own still open; then everything passes. ESP is never touched.

# Of a packet to or from port 4500 the first 32 bits are 0 if it is IKE; byte 19 of IKE's header has the response flag
# (RFC 7296 3.1).
ike="@th,64,32 0"
ike_response="$ike @th,248,8 & 0x20 == 0x20"

drop_at_charon() { # MATCH
	lab_in beta nft -f - <<-NFT
		table ip lossy
		delete table ip lossy
		table ip lossy {
			chain in { type filter hook input priority 0; udp dport 4500 $1 drop; }
			chain out { type filter hook output priority 0; udp sport 4500 $1 drop; }
		}
	NFT
}

drop_nothing() { lab_in beta nft "add table ip lossy; delete table ip lossy"; }

we_rekey() { # child|ike
	local option=()
	[ "$1" = child ] || option=(--ike)
	timeout 10 "$SEALANE" rekey beta.example --gateway "$(lab_gateway alpha)" "${option[@]}"
}

charon_rekeys() { # child|ike
	if [ "$1" = child ]; then charon_ctl --rekey --child net; else charon_ctl --rekey --ike gw; fi
}

more() { [ "$(pair_times "$1" "$2")" -gt "$3" ]; } # SIDE TEXT THAN

collide() { # OUR-WISH ITS-WISH
	local retransmits
	drop_at_charon "$ike" && we_rekey "$1" && charon_rekeys "$2" &&
		lab_wait_for "charon's wish" 4 pair_log beta "generating CREATE_CHILD_SA request" || return
	retransmits=$(pair_times beta "retransmit")
	drop_at_charon "$ike_response" &&
		lab_wait_for "our wish at charon" 4 pair_log beta "parsed CREATE_CHILD_SA request" &&
		lab_wait_for "charon's wish on its way to us" 4 more beta "retransmit" "$retransmits" &&
		drop_nothing &&
		lab_wait_for "the same pair at both ends" 8 same_pair
}

start_ping() {
	ip netns exec "$(lab_ns host-a)" ping -q -i 0.02 -c $pings -W 2 10.2.0.9 >"$lab_dir/ping" 2>&1 &
	ping_pid=$!
}

no_loss() { cat "$lab_dir/ping" && grep " 0% packet loss" "$lab_dir/ping"; }

crossing() { # INITIATOR OUR-WISH ITS-WISH
	local name="$1 initiates, we rekey the $2 SA and charon the $3 SA"
	charon_options=$patient charon_esp=$esp pair_start "$1"
	tap_case "$name: connected" pair_connected 10
	start_ping
	tap_case "$name: in the end both use the same pair" collide "$2" "$3"
	drop_nothing
	wait "$ping_pid" || true
	tap_case "$name: no ping is lost" no_loss
	tap_case "$name: one IKE SA stays" lab_wait_for "one IKE SA" 5 one_ike_sa
	tap_case "$name: the link has never been down" never_down
}

# Charon has answered our wish, and before the answer comes through it wants to rekey the new child SA, which we do not know.
too_early() {
	drop_at_charon "$ike_response" && we_rekey child &&
		lab_wait_for "our wish at charon" 4 pair_log beta "parsed CREATE_CHILD_SA request" &&
		charon_rekeys child && lab_wait_for "charon's wish" 4 pair_log beta "generating CREATE_CHILD_SA request" || return
	drop_nothing && lab_wait_for "the same pair at both ends" 8 same_pair
}

rekey_of_the_unknown() {
	local name="charon rekeys what it has just agreed to, and we do not know yet"
	charon_options=$patient charon_esp=$esp pair_start sealane
	tap_case "$name: connected" pair_connected 10
	start_ping
	tap_case "$name: in the end both use the same pair" too_early
	drop_nothing
	wait "$ping_pid" || true
	tap_case "$name: no ping is lost" no_loss
	tap_case "$name: one IKE SA stays" lab_wait_for "one IKE SA" 5 one_ike_sa
	tap_case "$name: the link has never been down" never_down
}

one_ike_sa() {
	[ "$(charon_ctl --list-sas | grep -c "^gw: .* ESTABLISHED,")" = 1 ] && [ "$(established)" = 1 ]
}

established() {
	lab_show alpha ike --json | python3 -c '
import json, sys
print(*(c["count"] for c in json.load(sys.stdin)["ike"] if c["name"] == "established"))'
}

crossings() {
	crossing sealane child child
	tap_case "strongSwan noticed, and decided" pair_log beta "CHILD_SA rekey collision"
	crossing charon child child
	tap_case "strongSwan noticed, and decided" pair_log beta "CHILD_SA rekey collision"
	crossing sealane ike ike
	tap_case "strongSwan noticed, and decided" pair_log beta "collision"
	crossing charon ike ike
	tap_case "strongSwan noticed, and decided" pair_log beta "collision"
	crossing sealane ike child
	crossing sealane child ike
}

pair_up
child_by_charon sealane
ike_by_charon charon
by_us sealane
by_us charon
pings=150
crossings
rekey_of_the_unknown
pair_finish
