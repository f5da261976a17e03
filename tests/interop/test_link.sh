#!/usr/bin/env bash
# Either end initiates, with either cipher; hosts behind both exchange real traffic; tshark reads it with the keys we
# log. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

file_mib=16

download() {
	lab_in host-a curl -sSf --max-time 30 -o "$lab_dir/got" http://10.2.0.9/file
	sha256sum "$lab_dir/web/file" "$lab_dir/got"
	[ "$(sha256sum <"$lab_dir/web/file")" = "$(sha256sum <"$lab_dir/got")" ]
}

iperf_both_ways() {
	lab_in host-a iperf3 -c 10.2.0.9 -t 1 --connect-timeout 5000 &&
		lab_in host-a iperf3 -c 10.2.0.9 -t 1 --connect-timeout 5000 -R
}

# Under load the kernel between the two drops some.
nothing_invented() {
	local its_opened our_opened its_sealed our_sealed
	read -r its_opened _ <<<"$(charon_packets)"
	read -r our_sealed our_opened <<<"$(pair_session tx_packets rx_packets)"
	read -r _ its_sealed <<<"$(charon_packets)"
	echo "we have sealed $our_sealed, charon opened $its_opened; it has sealed $its_sealed, we opened $our_opened"
	[ "$its_opened" -le "$our_sealed" ] && [ "$our_opened" -le "$its_sealed" ] &&
		[ "$our_opened" -gt $((file_mib * 1048576 / 1400)) ]
}

# Both ends name the algorithms; ours in its own words.
algorithms() { # KEY-BITS
	local ike="AES_GCM_16-$1/PRF_HMAC_SHA2_256/CURVE_25519" sas
	sas=$(charon_ctl --list-sas)
	echo "$sas"
	grep -qF "  $ike" <<<"$sas" && grep -qF "INSTALLED, TUNNEL-in-UDP, ESP:AES_GCM_16-$1" <<<"$sas" &&
		[ "$(pair_session cipher)" = "aes${1}gcm16" ]
}

both_authenticated() {
	pair_log beta "authentication of 'alpha.example' with ED25519 successful" &&
		pair_log beta "authentication of 'beta.example' (myself) with ED25519 successful"
}

link_scenario() { # INITIATOR KEY-BITS
	local initiator=$1 bits=$2 by="by the peer"
	[ "$initiator" = charon ] || by="by us"
	charon_ike=aes$bits${charon_ike_default#aes256} charon_esp=aes$bits${charon_esp_default#aes256} \
		pair_start "$initiator" "cipher = aes${bits}gcm16"
	tap_case "$initiator initiates, AES-$bits: one SA at both ends" pair_connected 10
	tap_case "$initiator initiates, AES-$bits: we say who began" pair_log alpha "link up with 192.0.2.2:4500, $by"
	tap_case "$initiator initiates, AES-$bits: Ed25519 both ways" both_authenticated
	tap_case "$initiator initiates, AES-$bits: the algorithms" algorithms "$bits"
	tap_case "$initiator initiates, AES-$bits: pings both ways, counted alike" pair_traffic
}

# ---- tshark, which has only the capture and our key log ----

# AES-GCM-16 is 20, PRF_HMAC_SHA2_256 5, Curve25519 31. On a busy machine an answer may be there twice.
tshark_names_ike() {
	local seen
	seen=$(pair_tshark 'isakmp.exchangetype == 34 && isakmp.flag_r == 1' isakmp.tf.id.encr isakmp.ike2.attr.key_length \
		isakmp.tf.id.prf isakmp.tf.id.dh | sort -u | tr '\t' ' ')
	echo "$seen"
	[ "$seen" = "$(printf '20 128 5 31\n20 256 5 31')" ]
}

# Digital signature (RFC 7427) is method 14, 0 in a list of notifies; inside of IKE_AUTH, so it has been decrypted.
tshark_names_auth() {
	local seen
	seen=$(pair_tshark 'isakmp.exchangetype == 35' isakmp.auth.method isakmp.tf.id.encr | sort | uniq -c)
	echo "$seen"
	[ "$(awk '$2 == 14 { n += $1 } END { print n }' <<<"$seen")" -ge 8 ]
}

tshark_opens_esp() {
	local good echoes
	good=$(pair_tshark 'esp.icv_good == 1' frame.number | wc -l)
	echoes=$(pair_tshark 'esp && icmp.type == 0' icmp.seq | wc -l)
	echo "$good packets with a good ICV, $echoes echo replies inside"
	[ "$(pair_tshark 'esp && esp.icv_good != 1' frame.number | wc -l)" = 0 ] && [ "$good" -gt 0 ] && [ "$echoes" -ge 40 ]
}

pair_up
mkdir "$lab_dir/web"
head -c "${file_mib}M" /dev/urandom >"$lab_dir/web/file"
lab_web "$lab_dir/web" beta
lab_iperf_server beta
link_scenario sealane 128
link_scenario charon 128
link_scenario sealane 256
link_scenario charon 256
pair_capture_end
tap_case "tshark names the algorithms of IKE" tshark_names_ike
tap_case "tshark decrypts IKE_AUTH: Ed25519 signatures, method 14" tshark_names_auth
tap_case "tshark opens every ESP packet and finds the pings" tshark_opens_esp
tap_case "a download of $file_mib MiB arrives intact" download
tap_case "iperf3 runs both ways" iperf_both_ways
tap_case "neither end has opened more than the other has sealed" nothing_invented
pair_finish
