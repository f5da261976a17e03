#!/usr/bin/env bash
# IPv6 inside and outside of the tunnel, in all combinations, either end initiating. As root.
set -euo pipefail
. "$(dirname "$0")/pair.sh"

wire6_alpha=2001:db8::1 wire6_beta=2001:db8::2

# IPv6 beside what pair_up has made: fd00:1::9 at host-a, fd00:2::9 at charon, and 2001:db8:: between the gateways.
families_up() {
	local beta
	beta=$(lab_ns beta)
	lab_add_host6 host-a fd00:1::9 fd00:1::1
	lab_in beta sysctl -qw net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.{all,default,lo,wire0}.disable_ipv6=0
	ip -n "$beta" addr add $wire6_beta/64 dev wire0 nodad
	ip -n "$beta" addr add fd00:2::9/128 dev lo nodad
}

# The plain port has addresses of both families; what the tunnel carries is the scenario's.
families_edit() { # OUTER
	local conf=$lab_dir/alpha/sealane.conf
	sed -i 's|^address = 10.1.0.1/16|address = 10.1.0.1/16, fd00:1::1/64|' "$conf"
	[ "$1" = ipv4 ] || sed -i "s|192.0.2.1/24|$wire6_alpha/64|; s|^endpoint .*|endpoint = $wire6_beta|" "$conf"
}

families_scenario() { # INITIATOR OUTER INNER
	local initiator=$1 outer=$2 inner=$3 what="$3 over $2, $1 initiates"
	case $inner in
	ipv4) sealane_prefixes=10.2.0.0/16 charon_local_ts=10.2.0.0/16 charon_remote_ts=10.1.0.0/16 ;;
	ipv6) sealane_prefixes=fd00:2::/64 charon_local_ts=fd00:2::/64 charon_remote_ts=fd00:1::/64 ;;
	both) sealane_prefixes=10.2.0.0/16,fd00:2::/64 charon_local_ts=10.2.0.0/16,fd00:2::/64
		charon_remote_ts=10.1.0.0/16,fd00:1::/64 ;;
	esac
	case $outer in
	ipv4) charon_local_addrs=192.0.2.2 charon_remote_addrs=192.0.2.1 ;;
	ipv6) charon_local_addrs=$wire6_beta charon_remote_addrs=$wire6_alpha ;;
	esac
	pair_begin "$initiator"
	families_edit "$outer"
	charon_start
	pair_start_sealane
	[ "$initiator" = sealane ] || pair_charon_initiates
	tap_case "$what: one SA at both ends" pair_connected 10
	[ "$inner" = ipv6 ] || tap_case "$what: IPv4 pings" pings host-a 10.2.0.9 10.1.0.9 10.2.0.9
	[ "$inner" = ipv4 ] || tap_case "$what: IPv6 pings" pings host-a fd00:2::9 fd00:1::9 fd00:2::9
	tap_case "$what: counted alike" lab_wait_for "both ends count the same" 5 pair_same_count
}

pings() { # FROM TO BACK-TO BACK-FROM
	pair_ping "$1" "$2" && pair_ping beta -I "$4" "$3"
}

tshark_opens_all() {
	local good
	good=$(pair_tshark 'esp.icv_good == 1' frame.number | wc -l)
	echo "$good packets with a good ICV"
	[ "$(pair_tshark 'esp && esp.icv_good != 1' frame.number | wc -l)" = 0 ] && [ "$good" -ge 200 ]
}

pair_up
families_up
for initiator in sealane charon; do
	families_scenario $initiator ipv4 ipv6
	families_scenario $initiator ipv6 ipv4
	families_scenario $initiator ipv6 ipv6
	families_scenario $initiator ipv4 both
done
pair_capture_end
tap_case "tshark opens every ESP packet" tshark_opens_all
pair_finish
