#!/usr/bin/env bash
# Peers that do not believe each other, or have nothing in common: refused on either side, in words an operator
# understands, with no SA and nothing sent. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

# What an end believes to be the other's key.
use_keys() { # ALPHA'S-AT-BETA BETA'S-AT-ALPHA
	cp "$lab_dir/$1.pem" "$lab_dir/beta/swanctl/pubkey/alpha.pem"
	charon_key_line "$lab_dir/$2.pem" >"$lab_dir/beta/gateway.pub"
}

# ping fails then.
no_answers() { { lab_in host-a ping -c 5 -i 0.02 -W 1 10.2.0.9 || true; } | grep " 0 received"; }

no_esp() {
	tcpdump -nn -r "$lab_dir/wire.pcap" 'src 192.0.2.1 and udp port 4500 and udp[8:4] != 0' 2>/dev/null | tee "$lab_dir/esp"
	[ ! -s "$lab_dir/esp" ]
}

counts_auth_failure() {
	lab_show alpha ike --json | python3 -c '
import json, sys
counters = {c["name"]: c["count"] for c in json.load(sys.stdin)["ike"]}
print(counters)
sys.exit(counters["auth-failures"] == 0 or counters["established"] > 0)'
}

refused() { # SCENARIO OUR-LINE CHARON'S-LINE
	tap_case "$1: our log says so" lab_wait_for "our line" 10 pair_log alpha "$2"
	tap_case "$1: charon's log says so" lab_wait_for "its line" 10 pair_log beta "$3"
	tap_case "$1: no SA at either end" lab_wait_for "no SA" 3 pair_unconnected
	tap_case "$1: nothing reaches host B" no_answers
}

notify=AUTHENTICATION_FAILED

pair_up
cp "$lab_dir/beta/swanctl/pubkey/alpha.pem" "$lab_dir/alpha.pem"
cp "$lab_dir/beta/swanctl/pubkey/beta.pem" "$lab_dir/beta.pem"
"$SEALANE" genkey | "$SEALANE" pubkey --pem >"$lab_dir/stranger.pem"

use_keys stranger beta
pair_start sealane
refused "we initiate, charon has a wrong key for us" \
	'peer 192.0.2.2:4500 refused our identity "alpha.example" (its key for us or its name differs)' "N(AUTH_FAILED)"
tap_case "we initiate, charon has a wrong key for us: counted" counts_auth_failure
pair_start charon
refused "charon initiates, and has a wrong key for us" \
	'does not believe that we are "alpha.example"' "N(AUTH_FAILED)"
tap_case "charon initiates, and has a wrong key for us: counted" counts_auth_failure

use_keys alpha stranger
pair_start sealane
refused "we initiate, and have a wrong key for charon" \
	'which says it is "beta.example", has not signed with the key we have for it' "N(AUTH_FAILED)"
tap_case "we initiate, and have a wrong key for charon: counted" counts_auth_failure
pair_start charon
refused "charon initiates, we have a wrong key for it" \
	'"beta.example" refused: it has not signed with the key we have for it' "received AUTHENTICATION_FAILED notify error"
tap_case "charon initiates, we have a wrong key for it: counted" counts_auth_failure

use_keys alpha beta
charon_ike=aes256-sha256-x25519 pair_start sealane
refused "we initiate, charon wants CBC" "192.0.2.2:4500 answers NO_PROPOSAL_CHOSEN" "received proposals unacceptable"
charon_ike=aes256gcm16-prfsha384-ecp384 pair_start charon
refused "charon initiates with another group and PRF" "IKE_SA_INIT refused: nothing in common in its proposals" \
	"received NO_PROPOSAL_CHOSEN notify error"
pair_end
pair_capture_end
tap_case "in all that our gateway has not sent one ESP packet" no_esp
pair_start sealane
tap_case "and with the right keys the link comes up" pair_connected 10
pair_finish
