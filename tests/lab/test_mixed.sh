#!/usr/bin/env bash
# All applications at once, through two gateways whose keys are replaced meanwhile and a wire that loses, doubles and
# delays a hundredth of the frames: every application is content, and every counter is balanced. As root. MINUTES (default
# 0.5) is how long.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/applications.sh"
. "$here/lossy.sh"

seconds=$(awk "BEGIN { print int(${MINUTES:-0.5} * 60) }")
percent=1
worse='late|bad-icv|bad-inner|no-spi|no-session|selector|limit|too-big|handoff-full|ring-full|no-mbuf'

content() { # NAME
	python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))[sys.argv[2]]
print(told["failure"])
sys.exit(told["failure"] is not None or told["checks"] == 0)' "$lab_dir/mixed.json" "$1"
}

has_happened() { # COUNTER...
	local name count
	for name in "$@"; do
		count=$(lossy_count "$name")
		echo "$name: $count"
		[ "$count" -gt 0 ] || return
	done
}

over_workers() { # SIDE FIELD
	lab_show "$1" workers --json | python3 -c "import json, sys; print(sum(w['$2'] for w in json.load(sys.stdin)['workers']))"
}

dropped_as() { # SIDE REASON
	lab_show "$1" drops --json | python3 -c "
import json, sys
print(sum(one['packets'] for one in json.load(sys.stdin)['drops'] if one['name'] == '$2'))"
}

# What the window is for: a frame that comes a second time is dropped as such, and nothing is for other reasons.
only_repeats_were_refused() { # SIDE
	local found
	found=$(lab_show "$1" drops | grep -E " ($worse) " || true)
	echo "$found"
	[ -z "$found" ] && [ "$(dropped_as "$1" replay)" -gt 0 ]
}

# All but what rekeying says all the time.
tap_uncommon_logs() {
	local side
	for side in alpha beta; do
		tap_note "--- log of $side"
		tap_note "$(grep -vE 'child SA: |IKE SA rekeyed' "$lab_dir/$side/log")"
	done
}

keys_were_replaced() {
	local count
	count=$(lab_show alpha peers --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["peers"][0]["rekeys"])')
	echo "$count times"
	[ "$count" -ge $((seconds / 12)) ]
}

# Frames that one gateway sent, less the lost, plus the doubled, are those that the other received. All is read again when
# something was sent meanwhile.
wire_is_balanced() { # FROM TO
	local sent came lost doubled queue
	sent=none
	until [ "$sent" = "$(over_workers "$1" tx_wire)" ]; do
		sent=$(over_workers "$1" tx_wire)
		sleep 0.2 # what the detour still holds
		came=$(over_workers "$2" rx_wire)
		lost=$(lossy_count "lost-$1")
		doubled=$(lossy_count "doubled-$1")
		queue=$(lossy_count queue-lost)
	done
	echo "$1 sent $sent frames, of which $(lossy_count "from-$1") came to the bridge, which lost $lost and doubled $doubled;"
	echo "$2 received $came; the delaying queue lost $queue of both directions"
	[ $((sent - lost + doubled - queue)) -le "$came" ] && [ "$came" -le $((sent - lost + doubled)) ]
}

tap_need_lab
trap lab_down EXIT
lab_peer="rekey-after-time = 10s"
lab_nice=-15
lab_up
lossy_wire $percent
tap_start_gateways
apps_up
started=$SECONDS
apps mixed sealane "$seconds" >"$lab_dir/mixed.json" 2>"$lab_dir/mixed.log" || tap_note "$(cat "$lab_dir/mixed.log")"
tap_note "$(cat "$lab_dir/mixed.json")"
for name in $(apps_names); do
	tap_case "$name was content for $((SECONDS - started)) s" content "$name"
done
tap_case "the wire has lost, doubled and delayed" has_happened lost-alpha lost-beta doubled-alpha doubled-beta \
	delayed waited
tap_case "keys were replaced meanwhile" keys_were_replaced
for side in alpha beta; do
	tap_case "$side refused repeated frames, and none for a worse reason" only_repeats_were_refused $side
done
tap_accounts
tap_case "the wire is balanced from alpha to beta" wire_is_balanced alpha beta
tap_case "the wire is balanced from beta to alpha" wire_is_balanced beta alpha
[ $tap_failed = 0 ] || tap_uncommon_logs
tap_finish
