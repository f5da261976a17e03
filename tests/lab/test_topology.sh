#!/usr/bin/env bash
# Where gateways stand: on a wire with 802.1Q tags, before routers on the plain side, with several networks on a port, and
# with ESP that needs no UDP; for both families inside, the argument outside. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/network.sh"

lab_wire=${1:-ipv4}

# host-b is the router to a network, of which it has an address inside; alpha's plain port has a second network.
topology() {
	lab_edit '/^port .*net_af_packet0/ a vlan = 42
		/^prefixes/ s|$|, 10.9.0.0/16, fd00:9::/64|
		/^endpoint/ a encapsulation = esp'
	sed -i 's|10\.1\.0\.1/16|10.1.0.1/16, 10.7.0.1/24|' "$lab_dir/alpha/sealane.conf"
	sed -i '/^prefixes/ s|, 10\.9\..*|, 10.7.0.0/24|' "$lab_dir/beta/sealane.conf"
	sed -i '/^port .*net_af_packet1/ a routes = 10.9.0.0/16 via 10.2.0.9, fd00:9::/64 via fd00:2::9' \
		"$lab_dir/beta/sealane.conf"
	behind_host_b
	ip -n "$(lab_ns host-a)" addr add 10.7.0.9/24 dev eth0
}

behind_host_b() {
	lab_in host-b sysctl -qw net.ipv6.conf.lo.disable_ipv6=0
	ip -n "$(lab_ns host-b)" addr add 10.9.0.9/32 dev lo
	ip -n "$(lab_ns host-b)" addr add fd00:9::9/128 dev lo nodad
}

pings_from() { lab_in host-a ping -I "$1" -c 3 -i 0.1 -W 2 "$2" | grep " 0% packet loss"; } # ADDRESS TO

all_tagged() { only "vlan 42"; }

network_start topology
network_web 4
lab_capture "$lab_dir/wire.pcap"
for host in $host4 $host6; do
	tap_case "host-a pings $host" answers host-a $host
done
for behind in 10.9.0.9 fd00:9::9; do
	tap_case "host-a pings $behind, which is behind a router" answers host-a $behind
done
tap_case "from the second network of alpha's port too" pings_from 10.7.0.9 $host4
tap_case "host-b pings back to there" answers host-b 10.7.0.9
tap_case "a download" download "http://$host4/file"
lab_capture_end
tap_case "every frame on the wire has its tag" all_tagged
tap_case "ESP is without UDP" test "$(on_wire 'vlan 42 and (ip proto 50 or ip6 proto 50)')" -gt 100
tap_case "and nothing else is sealed in UDP" test "$(on_wire 'vlan 42 and udp port 4500 and greater 600')" = 0
network_end
