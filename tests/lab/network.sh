# What the network tests of the laboratory share; source it after tap.sh. The judges are the kernels of the hosts.

host4=10.2.0.9
host6=fd00:2::9

# Bytes of an IP and an ICMP echo header, by the family of an address.
echo_headers() { case $1 in *:*) echo 48 ;; *) echo 28 ;; esac; }

answers() { lab_in "$1" ping -c 3 -i 0.1 -W 2 "$2" | grep " 0% packet loss"; } # FROM TO

# The command says this, whether it succeeds or not.
says() { # PATTERN COMMAND...
	local pattern=$1 output
	shift
	output=$("$@" 2>&1 || true)
	echo "$output"
	grep -Eiq -- "$pattern" <<<"$output"
}

# A packet of so many bytes that no router may cut.
passes() { lab_in host-a ping -c 2 -i 0.2 -W 2 -M do -s $(($2 - $(echo_headers "$1"))) "$1" | grep " 0% packet loss"; } # TO BYTES

# The kernel is told the MTU by the gateway, not by its own port, and then refuses by itself: the message is the same.
is_told_mtu() { # TO BYTES MTU
	lab_in host-a ip route flush cache
	lab_in host-a ip -6 route flush cache
	says "mtu ?[=:] ?$3" lab_in host-a ping -c 2 -i 0.3 -W 1 -M do -s $(($2 - $(echo_headers "$1"))) "$1"
}

# `sealane show` of one side says which size fits.
shown_mtu() { # SIDE
	lab_show "$1" peers --json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["peers"][0]["inner_mtu"])'
}

on_wire() { tcpdump -nn -r "$lab_dir/wire.pcap" "$1" 2>/dev/null | wc -l; } # FILTER

# Fragments of either family.
fragments='(ip[6:2] & 0x3fff != 0) or (ip6[6] = 44)'

only() { # FILTER: what may be on the wire
	[ "$(on_wire "not ($1)")" = 0 ] && return
	tcpdump -nn -c 5 -r "$lab_dir/wire.pcap" "not ($1)"
	return 1
}

neighbour_chatter='arp or (icmp6 and (ip6[40] = 135 or ip6[40] = 136))'

download() { # URL: the same bytes, or 20 s are over
	lab_in host-a curl -sSf --max-time 20 -o "$lab_dir/got" "$1" && cmp "$lab_dir/web/file" "$lab_dir/got"
}

# A web server on host-b for both families.
network_web() { # MIB
	mkdir -p "$lab_dir/web"
	head -c "$1M" /dev/urandom >"$lab_dir/web/file"
	ip netns exec "$(lab_ns host-b)" /usr/bin/python3 -m http.server --bind :: --directory "$lab_dir/web" 80 \
		>"$lab_dir/web.log" 2>&1 &
	lab_wait_for "the web server listens" 5 lab_listens host-b 80
}

network_end() {
	tap_accounts
	[ $tap_failed = 0 ] || tap_logs
	tap_finish
}

# The laboratory with both families inside, changed by the caller's function, and its link up.
network_start() { # CHANGE...
	tap_need_lab
	trap lab_down EXIT
	lab_up
	lab_dual
	"$@"
	tap_start_gateways
}
