#!/usr/bin/env bash
# [flow] sections: some traffic has a child SA of its own, with its own keys, counters and lifetime. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/network.sh"

flows() {
	cat >>"$lab_dir/alpha/sealane.conf" <<-CONF

		[flow web]
		peer        = beta.example
		protocol    = tcp
		remote-port = 80

		[flow restless]
		peer        = beta.example
		local       = fd00:1::/64
		remote      = fd00:2::/64
		protocol    = icmpv6
		rekey-after-time = 2s
	CONF
}

# "packets sent by the sessions of this flow" at alpha; - is what no flow covers.
sent_by() { # FLOW
	lab_show alpha sessions --json | /usr/bin/python3 -c '
import json, sys
print(sum(s["tx_packets"] for s in json.load(sys.stdin)["sessions"] if s.get("flow", "-") == sys.argv[1]))' "$1"
}

has_flow() { lab_show "$1" sessions --json | grep -q "\"flow\": *\"$2\""; } # SIDE FLOW

# The flow's counter grows by many, the others' by few.
counts_apart() { # FLOW OTHER COMMAND...
	local flow=$1 other=$2 before after other_before other_after
	shift 2
	before=$(sent_by "$flow") other_before=$(sent_by "$other")
	"$@" >/dev/null || return 1
	after=$(sent_by "$flow") other_after=$(sent_by "$other")
	echo "$flow: $before to $after, $other: $other_before to $other_after"
	[ $((after - before)) -ge 3 ] && [ $((other_after - other_before)) -le 1 ]
}

rekeyed() { [ "$(grep -c "child SA of flow restless" "$lab_dir/alpha/log")" -ge 3 ]; }

lab_wire=${1:-ipv4}
network_start flows
network_web 4
tap_case "the flow web has an SA" lab_wait_for "an SA" 5 has_flow alpha web
tap_case "the flow restless has one" lab_wait_for "an SA" 5 has_flow alpha restless
tap_case "HTTP uses web's" counts_apart web - download "http://$host4/file"
tap_case "IPv4 pings do not" counts_apart - web answers host-a $host4
tap_case "IPv6 pings use restless's" counts_apart restless - answers host-a $host6
tap_case "which has a short life" lab_wait_for "rekeys" 10 rekeyed
tap_case "and goes on" answers host-a $host6
network_end
