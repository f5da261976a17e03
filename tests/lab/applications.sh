# Real applications on the hosts of the laboratory, through its gateways and on a cable from host to host. Source it after
# lab.sh; it only defines functions.
#
#   host-a ── alpha ══ beta ── host-b      the way "sealane", to 10.2.0.9
#     eth1 ────────────────────── eth1     the way "direct", to 10.3.0.2
#
#   apps_up                     after lab_up: the cable, and every server on host-b; after lab_dual the gateways are also
#                               the way "ipv6", to fd00:2::9
#   apps_names                  the names of all applications
#   apps COMMAND...             python3 -m applications PLACE COMMAND... on host-a
#   apps_watch, apps_watch_end  captures what host-a sends and receives, and the wire: $lab_dir/host.pcap, wire.pcap

apps_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH=$apps_tree PYTHONDONTWRITEBYTECODE=1
apps_sealane=10.2.0.9
apps_direct=10.3.0.2
apps_ipv6=fd00:2::9

apps_names() { /usr/bin/python3 -m applications names; }

apps() { lab_in host-a /usr/bin/python3 -m applications "$lab_dir/place.json" "$@"; }

# The same kind of cable as the others, with the MTU that it has by itself.
apps_join_hosts() {
	lab_add_cable host-a eth1 host-b eth1
	ip -n "$(lab_ns host-a)" addr add 10.3.0.1/24 dev eth1
	ip -n "$(lab_ns host-b)" addr add "$apps_direct/24" dev eth1
}

apps_way_of_ipv6() {
	! lab_in host-b ip -6 addr show dev eth0 | grep -q "$apps_ipv6" || printf ', "ipv6": "%s"' "$apps_ipv6"
}

apps_up() {
	apps_join_hosts
	mkdir -m 700 "$lab_dir/applications"
	cat >"$lab_dir/place.json" <<-JSON
		{
		  "work": "$lab_dir/applications",
		  "token": "$(od -An -N 6 -t x1 /dev/urandom | tr -d ' ')",
		  "client": "$(lab_ns host-a)",
		  "server": "$(lab_ns host-b)",
		  "ways": { "direct": "$apps_direct", "sealane": "$apps_sealane"$(apps_way_of_ipv6) }
		}
	JSON
	# It runs inside host-b, so that lab_down ends it with the servers.
	ip netns exec "$(lab_ns host-b)" /usr/bin/python3 -m applications "$lab_dir/place.json" serve \
		>"$lab_dir/serve.out" 2>"$lab_dir/serve.log" </dev/null &
	lab_wait_for "the applications' servers" 60 grep -q ready "$lab_dir/serve.out"
}

apps_capture() { # NAME PORT FILE
	ip netns exec "$(lab_ns "$1")" tcpdump -i "$2" -Z root -U -s 0 -B 65536 -w "$3" >/dev/null 2>"$3.log" &
	apps_captures+=($!)
	lab_wait_for "tcpdump listens" 5 grep -q "listening on" "$3.log"
}

apps_watch() {
	apps_captures=()
	apps_capture host-a eth0 "$lab_dir/host.pcap"
	apps_capture alpha wire0 "$lab_dir/wire.pcap"
}

apps_watch_end() {
	sleep 0.5
	kill "${apps_captures[@]}"
	wait "${apps_captures[@]}" || true
}
