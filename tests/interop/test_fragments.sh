#!/usr/bin/env bash
# IKE fragmentation (RFC 7383): charon sends no packet longer than 180 bytes, and we put its messages together again. On a
# narrow wire it does so with ours. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

size=180 # of an IP packet with IKE

connected() { # SCENARIO
	tap_case "$1: one SA at both ends" pair_connected 15
	tap_case "$1: pings both ways, counted alike" pair_traffic
}

charon_cuts() { # INITIATOR request|response
	local name="$1 initiates, charon sends fragments"
	charon_conn="fragmentation = force" charon_options="fragment_size = $size" pair_start "$1"
	connected "$name"
	tap_case "$name: it has cut its message" pair_log beta "splitting IKE message"
	tap_case "$name: IKE_AUTH is in two or more" pair_log beta "generating IKE_AUTH $2 1 [ EF(2/"
}

# ---- Our own IKE_AUTH, made long, on the narrowest wire ----------------------------------------------------------------

narrow=576 # bytes of an IP packet, RFC 791

# As many prefixes as a child SA takes, no two of them neighbours, a PPK with a long name, and a second signature for an end
# that does without. Charon narrows the prefixes to the one in which it has an address: it can route no other.
we_cut() {
	local name="we initiate on a narrow wire, and send fragments" ppk id
	ppk=$(openssl rand -hex 32)
	id=$(printf 'link%.0s' {1..15})
	(umask 077 && echo "$ppk" >"$lab_dir/alpha/link.ppk")
	sealane_prefixes=$(seq -f '10.2.%g.0/24' -s ', ' 0 2 14) charon_local_ts=10.2.0.0/24 \
		charon_conn="ppk_id = $id" charon_secrets=$(printf 'ppk-link {\n id = %s\n secret = 0x%s\n }' "$id" "$ppk") \
		pair_begin sealane "ppk = link.ppk" "ppk-id = $id" "ppk-required = no"
	sed -i "/^\[wire\]/a mtu = $narrow" "$lab_dir/alpha/sealane.conf"
	charon_start
	pair_start_sealane
	connected "$name"
	tap_case "$name: charon has put them together" pair_log beta "reassembled fragmented IKE message"
	tap_case "$name: IKE_AUTH was in two" pair_log beta "parsed IKE_AUTH request 1 [ EF(2/2) ]"
}

# ---- What tshark has seen of IKE_AUTH ----------------------------------------------------------------------------------

# In messages with the ID 1, next payload 53 is an encrypted fragment.
auth_fragments() { # SOURCE 0-OR-1-FOR-A-RESPONSE LONGEST
	local lengths
	lengths=$(pair_tshark "ip.src == $1 && isakmp.messageid == 1 && isakmp.flag_r == $2 && isakmp.nextpayload == 53" ip.len)
	echo "$lengths"
	[ "$(wc -l <<<"$lengths")" -ge 2 ] && [ "$(sort -n <<<"$lengths" | tail -n 1)" -le "$3" ]
}

no_ip_fragments() { [ -z "$(pair_tshark 'ip.flags.mf == 1 || ip.frag_offset > 0' frame.number | tee /dev/stderr)" ]; }

pair_up
charon_cuts sealane response
charon_cuts charon request
we_cut
pair_end
pair_capture_end
tap_case "charon's request went in datagrams of $size bytes or less" auth_fragments 192.0.2.2 0 $size
tap_case "charon's response went in datagrams of $size bytes or less" auth_fragments 192.0.2.2 1 $size
tap_case "our request went in datagrams of $narrow bytes or less" auth_fragments 192.0.2.1 0 $narrow
tap_case "IP had nothing to cut" no_ip_fragments
pair_finish
