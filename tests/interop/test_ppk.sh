#!/usr/bin/env bash
# Post-quantum preshared keys (RFC 8784): with the same at both ends the link comes up; with another, or none where one is
# required, it does not. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

new_ppk() { openssl rand -hex 32; }

# What our [peer] says, and what charon does.
ours=("ppk = link1.ppk" "ppk-id = link1")
its_conn="ppk_id = link1
				ppk_required = yes"
its_secret() { # HEX
	printf 'ppk-link1 {\n id = link1\n secret = 0x%s\n }' "$1"
}

logs() { lab_wait_for "it is in the log" 15 pair_log "$@"; } # SIDE TEXT

connected() { # SCENARIO
	tap_case "$1: one SA at both ends" pair_connected 15
	tap_case "$1: pings both ways, counted alike" pair_traffic
}

# What charon may have is half open: an end that answers does not know whether the other believes it.
no_sa() {
	charon_ctl --stats && charon_installed 0 || return
	lab_show alpha sessions --json | tee "$lab_dir/sessions"
	grep -q '"sessions": *\[\]' "$lab_dir/sessions" && ! lab_is_up alpha
}

# ping fails then.
no_answers() { { lab_in host-a ping -c 5 -i 0.02 -W 1 10.2.0.9 || true; } | grep " 0 received"; }

refused() { # SCENARIO OUR-LINE CHARON'S-LINE
	tap_case "$1: our log says so" logs alpha "$2"
	tap_case "$1: charon's log" logs beta "$3"
	tap_case "$1: no SA at either end" lab_wait_for "no SA" 5 no_sa
	tap_case "$1: nothing reaches host B" no_answers
}

# ---- The same at both ends ---------------------------------------------------------------------------------------------

# The key goes into that from which the next IKE SA takes its keys, and is not mixed in again (RFC 8784 3).
rekey_ike() {
	timeout 15 "$SEALANE" rekey beta.example --gateway "$(lab_gateway alpha)" --ike &&
		lab_wait_for "a new IKE SA" 10 pair_log beta "rekeyed between"
}

same() { # INITIATOR
	local name="$1 initiates, the same PPK"
	charon_conn=$its_conn charon_secrets=$(its_secret "$ppk") pair_start "$1" "${ours[@]}"
	connected "$name"
	tap_case "$name: charon uses it" pair_log beta "using PPK for PPK_ID 'link1'"
	tap_case "$name: and so do we" pair_log alpha 'post-quantum preshared key "link1" is in use'
	tap_case "$name: the IKE SA is rekeyed" rekey_ike
	connected "$name, rekeyed"
}

# ---- Different, or at one end only -------------------------------------------------------------------------------------

another() { # INITIATOR OUR-LINE CHARON'S-LINE
	charon_conn=$its_conn charon_secrets=$(its_secret "$(new_ppk)") pair_start "$1" "${ours[@]}"
	refused "$1 initiates, charon has another PPK" "$2" "$3"
}

only_ours() { # INITIATOR OUR-LINE CHARON'S-LINE
	pair_start "$1" "${ours[@]}"
	refused "$1 initiates, charon has no PPK and we require one" "$2" "$3"
}

only_its() { # INITIATOR OUR-LINE CHARON'S-LINE
	charon_conn=$its_conn charon_secrets=$(its_secret "$ppk") pair_start "$1"
	refused "$1 initiates, we have no PPK and charon requires one" "$2" "$3"
}

without() { # INITIATOR
	local name="$1 initiates, charon has no PPK and we do not require one"
	pair_start "$1" "${ours[@]}" "ppk-required = no"
	connected "$name"
	tap_case "$name: we warn" pair_log alpha 'the peer does without the post-quantum preshared key "link1"'
}

not_believed='peer 192.0.2.2:4500 refused our identity "alpha.example"'
charon_refuses="generating IKE_AUTH response 1 [ N(AUTH_FAILED) ]"
we_refuse="received AUTHENTICATION_FAILED notify error"

pair_up
ppk=$(new_ppk)
(umask 077 && echo "$ppk" >"$lab_dir/alpha/link1.ppk")
same sealane
same charon
another sealane "$not_believed (its key for us or its name differs, or its PPK)" "$charon_refuses"
another charon '"beta.example" refused: it has not signed with the key we have for it, or its PPK is not the one' "$we_refuse"
only_ours sealane "answers without a PPK, which is required" "generating IKE_SA_INIT response 0"
only_ours charon '"beta.example" refused: it does without a PPK, which is required' "$we_refuse"
only_its sealane "$not_believed" "PPK required but"
without sealane
without charon
pair_finish
