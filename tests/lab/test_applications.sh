#!/usr/bin/env bash
# Real applications through two gateways, over IPv4 and IPv6: each gets what it gets without them, and nothing of what it
# sends in clear is found on the wire. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/applications.sh"

# A marker must be seen where it is in clear, or it would prove nothing that it is not seen elsewhere.
hidden() { # NAME
	python3 -c '
import json, sys
seen = json.load(open(sys.argv[1]))[sys.argv[2]]
print(seen)
sys.exit(seen["at_host"] == 0 or seen["on_wire"] != 0)' "$lab_dir/seen.json" "$1"
}

# Between the gateways there is IPv6 only, and its neighbours.
strangers='not (icmp6 and ip6[40] >= 135 and ip6[40] <= 136) and not (ip6 and udp port 4500)'

only_sealed() {
	local other
	other=$(tcpdump -nn -c 5 -r "$lab_dir/wire.pcap" "$strangers" 2>/dev/null)
	echo "$other"
	[ -z "$other" ]
}

tap_need_lab
trap lab_down EXIT
lab_wire=ipv6
lab_up
lab_dual
tap_start_gateways
apps_up
apps_watch
for name in $(apps_names); do
	tap_case "$name: the same result through the gateways as without" apps check "$name"
done
apps_watch_end
apps witness "$lab_dir/host.pcap" "$lab_dir/wire.pcap" >"$lab_dir/seen.json"
for name in $(apps_names); do
	tap_case "$name: in clear at the host, never on the wire" hidden "$name"
done
tap_case "the wire carried only NDP and UDP port 4500" only_sealed
tap_accounts
[ $tap_failed = 0 ] || tap_logs
tap_finish
