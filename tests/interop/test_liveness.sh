#!/usr/bin/env bash
# Ends that fall silent, say goodbye, die and come back: the link is there again by itself. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

seen() { # SIDE TEXT SECONDS
	lab_wait_for "$1 logs: $2" "$3" pair_log "$1" "$2"
}

answered() { lab_in host-a ping -c 1 -W 1 10.2.0.9; }
traffic_within() { lab_wait_for "an answer from host B" "$1" answered; } # SECONDS

back() { # SCENARIO SECONDS [SECONDS-OF-THE-SA-BEFORE]
	tap_case "$1: traffic is back by itself within $2 s" traffic_within "$2"
	tap_case "$1: and one SA at both ends" pair_connected "${3:-5}"
	tap_case "$1: pings both ways, counted alike" pair_traffic
}

# ---- Liveness checks: nobody sends, each asks ------------------------------------------------------------------------------

we_ask() {
	pair_start sealane "dpd-delay = 1s"
	tap_case "we ask a silent charon: connected" pair_connected 10
	tap_case "we ask a silent charon: it was asked twice" lab_wait_for "two questions" 6 \
		pair_logged beta "parsed INFORMATIONAL request" 2
	tap_case "we ask a silent charon: it has answered" pair_logged beta "generating INFORMATIONAL response" 2
	tap_case "we ask a silent charon: and the link stays" pair_traffic
}

charon_asks() {
	charon_dpd=1s pair_start charon
	tap_case "charon asks us: connected" pair_connected 10
	tap_case "charon asks us: twice" lab_wait_for "two questions" 8 pair_logged beta "sending DPD request" 2
	tap_case "charon asks us: we have answered" lab_wait_for "two answers" 3 pair_logged beta "parsed INFORMATIONAL response" 2
	tap_case "charon asks us: and the link stays" pair_traffic
	pair_kill alpha
	tap_case "we are dead: charon gives up" seen beta "giving up after 3 retransmits" 10
	tap_case "we are dead: charon has no SA" test -z "$(charon_ctl --list-sas)"
}

# ---- Delete ------------------------------------------------------------------------------------------------------------------

charon_closes() { # WHAT OUR-LINE
	tap_case "charon closes its $1 SA: we say so" seen alpha "$2" 5
	back "charon closes its $1 SA" 5
}

delete_by_charon() {
	pair_start sealane
	tap_case "before charon closes: connected" pair_connected 10
	charon_ctl --terminate --ike gw >/dev/null
	charon_closes IKE "link down: closed by the peer"
	charon_ctl --terminate --child net >/dev/null
	charon_closes child "child SA closed by the peer"
}

delete_by_us() {
	local status=0
	pair_start sealane
	tap_case "before we stop: connected" pair_connected 10
	pair_stop alpha || status=$?
	tap_case "we stop: cleanly" test $status = 0
	tap_case "we stop: charon has our Delete" seen beta "received DELETE for IKE_SA gw" 5
	tap_case "we stop: charon has no SA" test -z "$(charon_ctl --list-sas)"
	pair_start_sealane
	back "we are started again" 5
}

# ---- Death without a word ------------------------------------------------------------------------------------------------------

we_die() {
	pair_start sealane
	tap_case "before we are killed: connected" pair_connected 10
	pair_kill alpha
	pair_start_sealane
	back "we are killed and started again" 5
}

charon_dies() { # SCENARIO SECONDS [SECONDS-OF-THE-SA-BEFORE]
	tap_case "before $1: connected" pair_connected 10
	pair_kill beta
	charon_start
	back "$@"
}

# Who initiates again says INITIAL_CONTACT, which makes us forget the old SA.
charon_dies_and_calls() {
	charon_conn="keyingtries = 0" charon_child="start_action = start" pair_start sealane "start = none"
	charon_dies "charon is killed, and calls us when it is back" 5
	tap_case "we forget what it has forgotten" pair_log alpha "the peer has started anew"
}

# It has forgotten us and does not answer our question. We call it soon, beside the link there was, which is given up after the
# last try (RFC 7296 2.4).
charon_dies_and_waits() {
	pair_start sealane "dpd-delay = 1s"
	charon_dies "charon is killed, and waits when it is back" 15 45
	tap_case "we had noticed" pair_log alpha "the peer is silent and may have started anew"
}

pair_up
we_ask
charon_asks
delete_by_charon
delete_by_us
we_die
charon_dies_and_calls
charon_dies_and_waits
pair_finish
