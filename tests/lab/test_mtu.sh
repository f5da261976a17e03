#!/usr/bin/env bash
# Small and large wires: 1280 bytes, a narrow place on the way that only its router tells of, and jumbo frames. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/network.sh"

lab_wire=${1:-ipv4}

# A router between the gateways, whose link to beta carries less.
#   alpha ── 192.0.2.254 router 198.51.100.254 ── beta 198.51.100.2
narrow_wire() { # MTU
	local ns
	lab_add_ns router
	lab_names+=(router)
	ns=$(lab_ns router)
	ip -n "$(lab_ns alpha)" link del wire0
	lab_add_cable alpha wire0 router left
	lab_add_cable beta wire0 router right
	lab_in router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.left.disable_ipv6=0 \
		net.ipv6.conf.right.disable_ipv6=0 net.ipv6.conf.all.forwarding=1
	ip -n "$ns" link set right mtu "$1"
	if [ "$lab_wire" = ipv4 ]; then
		ip -n "$ns" addr add 192.0.2.254/24 dev left
		ip -n "$ns" addr add 198.51.100.254/24 dev right
		narrow_configure 192.0.2.254 192.0.2.2 198.51.100.2/24 198.51.100.254
	else
		ip -n "$ns" addr add 2001:db8::fe/64 dev left nodad
		ip -n "$ns" addr add 2001:db8:1::fe/64 dev right nodad
		narrow_configure 2001:db8::fe 2001:db8::2 2001:db8:1::2/64 2001:db8:1::fe
	fi
}

narrow_configure() { # ALPHA'S-ROUTER BETA-AS-IT-WAS BETA'S-ADDRESS BETA'S-ROUTER
	sed -i "s|^endpoint .*|endpoint = ${3%/*}|; /^port .*net_af_packet0/ a next-hop = $1" "$lab_dir/alpha/sealane.conf"
	sed -i "s|$2/.*|$3|; /^port .*net_af_packet0/ a next-hop = $4" "$lab_dir/beta/sealane.conf"
}

small_wire() { lab_edit '/^port .*net_af_packet0/ a mtu = 1280'; }

full_ports() {
	local name
	for name in host-a host-b; do ip -n "$(lab_ns $name)" link set eth0 mtu 1500; done
}

# The host learns it within a few packets, then the size fits.
settles_at() { # TO MTU
	lab_in host-a ping -c 8 -i 0.2 -W 1 -M do -s $((1400 - $(echo_headers "$1"))) "$1" >/dev/null 2>&1 || true
	is_told_mtu "$1" $(($2 + 1)) "$2" && passes "$1" "$2"
}

urls() { echo "http://$host4/file http://[$host6]/file"; }

narrow() { full_ports && narrow_wire 1400; }

small() { full_ports && small_wire; }

case ${2:-small} in
small) network_start small ;;
narrow) network_start narrow ;;
esac
network_web 8
mtu=$(shown_mtu alpha)
tap_note "inner MTU $mtu"
lab_capture "$lab_dir/wire.pcap"
if [ "${2:-small}" = small ]; then
	tap_case "a packet of $mtu bytes reaches $host4" passes $host4 "$mtu"
	tap_case "for one of a byte more the sender is told" is_told_mtu $host4 $((mtu + 1)) "$mtu"
	# IPv6 knows no MTU below 1280 (RFC 8200 5): only senders that keep within it get through, as TCP does by the clamp.
	tap_case "a packet of $mtu bytes reaches $host6" passes $host6 "$mtu"
	tap_case "for one of 1300 bytes the sender is told 1280" is_told_mtu $host6 1300 1280
else
	# 1400 bytes hold what 1500 do, less a hundred.
	for host in $host4 $host6; do
		tap_case "host-a learns that the way to $host is narrow" settles_at $host $((mtu - 100))
	done
	tap_case "sealane show says so" test "$(shown_mtu alpha)" = $((mtu - 100))
fi
for url in $(urls); do
	tap_case "a download, $url" download "$url"
done
lab_capture_end
tap_case "no fragment was on the wire" test "$(on_wire "$fragments")" = 0
network_end
