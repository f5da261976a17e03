#!/usr/bin/env bash
# What two ends agree on when their wishes differ: sequence numbers, ciphers, groups, traffic selectors, cookies. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

agreed() { # SCENARIO
	tap_case "$1: one SA at both ends" pair_connected 10
	tap_case "$1: pings both ways, counted alike" pair_traffic
}

seen() { lab_wait_for "it is in the log" 10 pair_log "$@"; } # SIDE TEXT

# ---- Sequence numbers: strongSwan's user-space ESP has no 64-bit ones --------------------------------------------------

is_32_bit() { [ "$(pair_session esn)" = no ] && pair_log alpha "32-bit sequence numbers"; }

# 1 is ESN, 0 is none. They stand in IKE_AUTH, from us and back.
tshark_saw_both_offered() {
	local seen
	seen=$(pair_tshark 'isakmp.exchangetype == 35' isakmp.flag_r isakmp.tf.id.esn | sort -u | tr '\t' ' ')
	echo "$seen"
	[ "$seen" = "$(printf '0 1,0\n1 0')" ]
}

sequence_numbers() {
	pair_start sealane
	agreed "we offer ESN and none, charon has none"
	tap_case "and we use 32 bits" is_32_bit
	tap_case "we had offered both, and charon chose" tshark_saw_both_offered
	pair_start charon
	agreed "charon offers no ESN"
	tap_case "and we use 32 bits" is_32_bit
	charon_esp=aes256gcm16-esn-noesn pair_start charon "esn = no"
	agreed "charon prefers ESN, we may not"
	tap_case "and we use 32 bits" is_32_bit
	charon_esp=aes256gcm16-esn pair_start sealane "esn = no"
	tap_case "charon wants ESN only, we may not: charon refuses the child SA" seen beta "NO_PROP"
	tap_case "and we say so" seen alpha "NO_PROPOSAL_CHOSEN"
	tap_case "and no SA is left" lab_wait_for "no SA" 5 pair_unconnected
}

# ---- Ciphers and groups --------------------------------------------------------------------------------------------------

three_proposals() { pair_tshark 'isakmp.exchangetype == 34 && isakmp.flag_r == 0' isakmp.prop.number | grep -x "1,2,3"; }

proposals() {
	charon_ike=aes128gcm16-aes256gcm16-prfsha256-x25519 charon_esp=aes128gcm16-aes256gcm16-noesn pair_start charon
	agreed "charon offers both ciphers in one proposal"
	charon_ike=aes256-sha256-modp2048,aes128gcm16-prfsha384-ecp384,$charon_ike_default \
		charon_esp=aes256-sha256,chacha20poly1305,aes128gcm16-noesn pair_start charon
	agreed "the third of charon's proposals is ours"
	tap_case "it had offered three" three_proposals
	tap_case "and only that was chosen" pair_log beta "selected proposal: IKE:AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519"
	charon_ike=aes128gcm16-prfsha256-x25519 charon_esp=aes256gcm16-noesn pair_start sealane
	agreed "AES-128 for IKE, AES-256 for ESP"
}

group_charon_guesses() {
	local group
	for group in ecp256 modp2048; do
		charon_ike=aes256gcm16-prfsha256-$group-x25519 pair_start charon
		agreed "charon guesses $group"
		tap_case "charon guesses $group: we have asked for X25519" pair_log beta "didn't accept DH group"
	done
}

# A stranger, an address behind charon, has sent an IKE_SA_INIT and says nothing more: with one IKE SA half open, and
# such thresholds, charon wants a cookie of the next who asks.
cookies() {
	charon_options="cookie_threshold = 1
			cookie_threshold_ip = 1" charon_remote_addrs=192.0.2.1,10.3.0.9 pair_begin sealane
	charon_start
	lab_in beta python3 "$here/half_open.py" 10.3.0.9 192.0.2.2 "$(pair_tshark 'isakmp.exchangetype == 34' udp.payload | head -n 1)"
	tap_case "charon has a half-open IKE SA" seen beta "10.3.0.9 is initiating an IKE_SA"
	pair_start_sealane
	agreed "charon demands a cookie"
	tap_case "charon demands a cookie: it did" pair_log beta "generating IKE_SA_INIT response 0 [ N(COOKIE) ]"
	tap_case "charon demands a cookie: and got it" pair_log beta "parsed IKE_SA_INIT request 0 [ N(COOKIE) SA KE No"
}

# ---- Traffic selectors -----------------------------------------------------------------------------------------------------

ping_b() { lab_in host-a ping -c 3 -i 0.02 -W 2 "$1" | grep " 0% packet loss"; }
ping_a_from() { lab_in beta ping -c 3 -i 0.02 -W 2 -I "$1" 10.1.0.9 | grep " 0% packet loss"; }
no_ping_b() { { lab_in host-a ping -c 3 -i 0.02 -W 1 "$1" || true; } | grep " 0 received"; }

has_selectors() { # LOCAL REMOTE, as charon prints them
	local sas
	sas=$(charon_ctl --list-sas)
	echo "$sas"
	grep -qx " *local  $1" <<<"$sas" && grep -qx " *remote $2" <<<"$sas"
}

dropped_for() { # REASON
	lab_show alpha drops --json | python3 -c '
import json, sys
drops = {d["name"]: d["packets"] for d in json.load(sys.stdin)["drops"]}
print({name: count for name, count in drops.items() if count})
sys.exit(drops[sys.argv[1]] == 0)' "$1"
}

several_prefixes() { # INITIATOR
	sealane_prefixes="10.2.0.0/16, 10.3.0.0/24" charon_local_ts=10.2.0.0/16,10.3.0.0/24 pair_start "$1"
	agreed "$1 initiates, two prefixes"
	tap_case "$1 initiates, two prefixes: both are in the SA" has_selectors "10.2.0.0/16 10.3.0.0/24" 10.1.0.0/16
	tap_case "$1 initiates, two prefixes: to the second" ping_b 10.3.0.9
	tap_case "$1 initiates, two prefixes: from the second" ping_a_from 10.3.0.9
}

narrowing() { # INITIATOR
	sealane_prefixes="10.2.0.0/16, 10.3.0.0/24" charon_local_ts=10.2.0.0/24 charon_remote_ts=10.0.0.0/8 pair_start "$1"
	agreed "$1 initiates, charon has less than we"
	tap_case "$1 initiates, charon has less than we: narrowed" has_selectors 10.2.0.0/24 10.1.0.0/16
	tap_case "$1 initiates, charon has less than we: the rest does not pass" no_ping_b 10.3.0.9
	tap_case "$1 initiates, charon has less than we: and is counted" dropped_for selector
}

nothing_in_common() { # INITIATOR
	charon_local_ts=10.9.0.0/16 pair_start "$1"
	tap_case "$1 initiates, no selector in common: refused" seen beta "TS_UNACCEPT"
	tap_case "$1 initiates, no selector in common: we say so" seen alpha "TS_UNACCEPTABLE"
	tap_case "$1 initiates, no selector in common: no traffic" no_ping_b 10.2.0.9
}

pair_up
sequence_numbers
proposals
group_charon_guesses
cookies
several_prefixes sealane
several_prefixes charon
narrowing sealane
narrowing charon
nothing_in_common sealane
nothing_in_common charon
pair_finish
