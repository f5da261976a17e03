#!/usr/bin/env bash
# Node mode: the plain ports are interfaces of the kernels of two hosts, whose own programs use the link. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"

# alpha 10.1.0.1 and fd00:1::1 on its tap ══ wire ══ beta 10.2.0.1 and fd00:2::1 on its tap; no hosts behind them.
node_up() {
	lab_open alpha beta
	lab_add_cable alpha wire0 beta wire0
	lab_make_key alpha
	lab_make_key beta
	node_configure alpha beta 192.0.2.1 192.0.2.2 "10.1.0.1/32, fd00:1::1/128" "10.2.0.0/16, fd00:2::/64"
	node_configure beta alpha 192.0.2.2 192.0.2.1 "10.2.0.1/16, fd00:2::1/64" "10.1.0.0/16, fd00:1::/64"
	# The interface will be made by the gateway; nobody else in these namespaces has IPv6.
	lab_in alpha sysctl -qw net.ipv6.conf.default.disable_ipv6=0
	lab_in beta sysctl -qw net.ipv6.conf.default.disable_ipv6=0
}

node_configure() { # SIDE PEER WIRE-ADDRESS PEER'S-WIRE-ADDRESS PLAIN-ADDRESS PEER'S-PREFIXES
	lab_configure "$@"
	sed -i "s|^port .*net_af_packet1|port    = tap:sealane0|; s|^address = $5/16|address = $5|" "$lab_dir/$1/sealane.conf"
}

# Beta has no memory for two tables of routes at a time.
declare -A node_memory=([alpha]=512 [beta]=256)

node_start() { # SIDE
	ip netns exec "$(lab_ns "$1")" "$SEALANE" run "$lab_dir/$1/sealane.conf" -- \
		--no-huge -m "${node_memory[$1]}" --no-pci --lcores "$(lab_lcores "$1")" "$(lab_vdev "$1" 0 wire0)" \
		</dev/null >/dev/null 2>>"$lab_dir/$1/log" &
	echo $! >"$lab_dir/$1/pid"
}

has_mtu() { # SIDE
	lab_in "$1" ip -o link show sealane0 | grep -w "mtu 1438"
}


download() { # HOST: the same bytes, through the tunnel and nothing else.
	rm -f "$lab_dir/got"
	lab_in alpha curl -sS --max-time 20 -o "$lab_dir/got" "http://$1/file" && cmp "$lab_dir/got" "$lab_dir/www/file"
}

page_server() {
	ip netns exec "$(lab_ns beta)" /usr/bin/python3 -m http.server --bind :: --directory "$lab_dir/www" 80 \
		>"$lab_dir/web.log" 2>&1 &
	lab_wait_for "the web server listens" 5 lab_listens beta 80
}

full_sized() { # Packets of exactly the MTU pass, larger ones are the kernel's to refuse.
	lab_in alpha ping -c 3 -i 0.2 -W 2 -M do -s $((1438 - 28)) 10.2.0.1 | grep " 0% packet loss" &&
		! lab_in alpha ping -c 1 -W 1 -M do -s $((1438 - 27)) 10.2.0.1
}

only_sealed() {
	test "$(tcpdump -nn -r "$lab_dir/wire.pcap" 'not arp and not (udp port 4500)' 2>/dev/null | wc -l)" = 0 &&
		! grep -qa "in the clear" "$lab_dir/wire.pcap"
}

reload_with_gamma() { # SIDE
	cat >>"$lab_dir/$1/sealane.conf" <<-CONF

		[peer gamma.example]
		public-key = $("$SEALANE" genkey | "$SEALANE" pubkey)
		prefixes   = 10.7.0.0/16, fd00:7::/64
	CONF
	timeout 10 "$SEALANE" reload --gateway "$(lab_gateway "$1")"
}

node_routes() { { lab_in "$1" ip route show dev sealane0 && lab_in "$1" ip -6 route show dev sealane0; } | sed 's/ .*//' | sort | grep -E "^(10\.[27]|fd00:[27])" | xargs; } # SIDE

comes_and_goes() {
	cp "$lab_dir/alpha/sealane.conf" "$lab_dir/good.conf"
	reload_with_gamma alpha || return 1
	[ "$(node_routes alpha)" = "10.2.0.0/16 10.7.0.0/16 fd00:2::/64 fd00:7::/64" ] || { node_routes alpha && return 1; }
	cp "$lab_dir/good.conf" "$lab_dir/alpha/sealane.conf"
	timeout 10 "$SEALANE" reload --gateway alpha.example || return 1
	[ "$(node_routes alpha)" = "10.2.0.0/16 fd00:2::/64" ] || { node_routes alpha && return 1; }
}

has_no_memory() {
	! reload_with_gamma beta 2>"$lab_dir/refused" && cat "$lab_dir/refused" &&
		grep "no memory for another table of routes: nothing is applied" "$lab_dir/refused" &&
		[ "$(lab_in beta ip route show 10.7.0.0/16 | wc -l)" = 0 ] && ! lab_show beta peers | grep gamma
}

gone() { ! lab_in alpha ip link show sealane0; }

tap_need_lab
trap lab_down EXIT
node_up
mkdir "$lab_dir/www"
{ echo "in the clear" && head -c 2000000 /dev/urandom; } >"$lab_dir/www/file"
node_start alpha
node_start beta
tap_case "the link comes up" tap_both_up 15
lab_capture "$lab_dir/wire.pcap"
tap_case "alpha's interface has the inner MTU" has_mtu alpha
tap_case "alpha pings beta" lab_in alpha ping -c 5 -i 0.1 -W 2 10.2.0.1
tap_case "alpha pings beta over IPv6" lab_in alpha ping -c 5 -i 0.1 -W 2 fd00:2::1
tap_case "beta pings alpha over IPv6" lab_in beta ping -c 5 -i 0.1 -W 2 fd00:1::1
tap_case "beta pings alpha" lab_in beta ping -c 5 -i 0.1 -W 2 10.1.0.1
tap_case "packets as large as the interface lets pass" full_sized
tap_case "a web server on beta is there" page_server
tap_case "alpha downloads from it" download 10.2.0.1
tap_case "and over IPv6" download "[fd00:2::1]"
tap_case "a peer that comes by reload has routes, and when it goes it has none" comes_and_goes
tap_case "without memory for other routes a reload is refused whole" has_no_memory
tap_case "alpha still pings beta" lab_in alpha ping -c 5 -i 0.1 -W 2 10.2.0.1
tap_case "and over IPv6" lab_in alpha ping -c 5 -i 0.1 -W 2 fd00:2::1
lab_capture_end
tap_case "the wire carried only ARP and UDP port 4500" only_sealed
tap_accounts
status=0
lab_stop alpha || status=$?
tap_case "alpha ends well" test $status = 0
tap_case "and its interface is gone" gone
[ $tap_failed = 0 ] || tap_logs
tap_finish
