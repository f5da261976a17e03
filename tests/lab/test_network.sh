#!/usr/bin/env bash
# What an IP network expects of two routers with a tunnel between them, for both families inside; the family outside is
# the argument, ipv4 or ipv6. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/network.sh"

full_ports() { # The hosts' own MTU is larger than what fits the tunnel.
	local name
	for name in host-a host-b; do ip -n "$(lab_ns $name)" link set eth0 mtu 1500; done
}

expires() { # HOPS TO ROUTER: who says that time is exceeded
	says "from $3 .*(exceeded|hop limit)" lab_in host-a ping -c 1 -W 2 -t "$1" "$2"
}

unreachable() { # TO ROUTER: nobody has that address; the far gateway says so
	says "from $2 .*unreachable" lab_in host-a ping -c 1 -W 5 "$1"
}

# Datagrams that may be cut: on IPv4 the gateway does. These fit the host's port, for DPDK's af_packet puts fragments of
# hosts together again. On IPv6 the senders cut, once each of them has been told the MTU.
large_datagrams() { # TO
	case $1 in
	*:*) says " [3-5] received" lab_in host-a ping -c 5 -i 0.2 -W 2 -M dont -s 4000 "$1" ;;
	*) lab_in host-a ping -c 3 -i 0.2 -W 2 -M dont -s 1470 "$1" | grep " 0% packet loss" ;;
	esac
}

were_cut() { # At both gateways: what host-a sent, and what host-b answered.
	local side
	for side in alpha beta; do
		lab_show $side workers --json | grep -q '"cut": *0$' && echo "$side has cut nothing" && return 1
	done
	true
}

finds_mtu() { # TO MTU
	lab_in host-a ip route flush cache
	lab_in host-a ip -6 route flush cache
	says "Resume: pmtu $2 " lab_in host-a tracepath -n "$1"
}

marked() { # TOS: host-a's mark is on the outer header
	local filter="(ip and ip[1] = $1) or (ip6 and (ip6[0:2] & 0x0ff0) >> 4 = $1)"
	lab_in host-a ping -c 3 -i 0.1 -W 2 -Q "$1" $host4 >/dev/null &&
		lab_in host-a ping -c 3 -i 0.1 -W 2 -Q "$1" $host6 >/dev/null && sleep 0.6 && [ "$(on_wire "$filter")" -ge 6 ]
}

segments_fit() { # No TCP segment was ever cut, or sent twice for its size: the clamp saw to that.
	[ "$(on_wire "$fragments")" = 0 ]
}

# Many hosts on one LAN: each is asked for by its own address.
many_hosts() {
	local i
	for i in {20..69}; do ip -n "$(lab_ns host-b)" addr add "10.2.1.$i/16" dev eth0; done
	for i in {20..69}; do lab_in host-a ping -c 1 -W 2 "10.2.1.$i" >/dev/null || { echo "10.2.1.$i" && return 1; }; done
}

lab_wire=${1:-ipv4}
network_start full_ports
network_web 16
mtu=$(shown_mtu alpha)
tap_note "inner MTU $mtu"
lab_capture "$lab_dir/wire.pcap"
for host in $host4 $host6; do
	case $host in *:*) near=fd00:1::1 far=fd00:2::1 nobody=fd00:2::77 unknown=fd00:99::1 ;;
	*) near=10.1.0.1 far=10.2.0.1 nobody=10.2.0.77 unknown=10.99.0.1 ;; esac
	tap_case "host-a pings $host" answers host-a $host
	tap_case "it pings the far gateway" answers host-a $far
	tap_case "and its own" answers host-a $near
	tap_case "a packet of $mtu bytes passes" passes $host "$mtu"
	tap_case "for one of a byte more the sender is told $mtu" is_told_mtu $host $((mtu + 1)) "$mtu"
	tap_case "tracepath finds $mtu" finds_mtu $host "$mtu"
	tap_case "after one hop time is exceeded at $near" expires 1 $host $near
	tap_case "after two at $far" expires 2 $host $far
	tap_case "nobody at $nobody: $far says so" unreachable $nobody $far
	tap_case "no route to $unknown: $near says so" unreachable $unknown $near
	tap_case "a download over TCP" download "http://$(case $host in *:*) echo "[$host]" ;; *) echo $host ;; esac)/file"
done
lab_capture_end
tap_case "no fragment was on the wire" segments_fit
case $lab_wire in ipv4) sealed='udp port 4500 and ip' ;; *) sealed='udp port 4500 and ip6' ;; esac
tap_case "only neighbours and sealed packets were" only "$neighbour_chatter or ($sealed)"
lab_capture "$lab_dir/wire.pcap"
for host in $host4 $host6; do
	tap_case "large datagrams that may be cut reach $host" large_datagrams $host
done
tap_case "those of IPv4 were cut by the gateways" were_cut
tap_case "DSCP and ECN are copied to the outer header" marked $((46 << 2 | 2))
lab_capture_end
tap_case "fifty hosts on one network" many_hosts
network_end
