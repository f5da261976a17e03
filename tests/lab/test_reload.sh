#!/usr/bin/env bash
# The configuration of a gateway changes while iperf3 sends UDP both ways and ping floods through it: not one packet of the
# untouched peer may be lost to that. As root. RELOADS (default 10) times peers come, change and go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/rekeys.sh"

reloads=${RELOADS:-10}

reload() { timeout 10 "$SEALANE" reload --gateway alpha.example; }

# Peers that do not answer, with prefixes of their own for each number from 3 to 24.
strangers() { # NUMBER ENDPOINT
	local n
	for n in 1 2 3; do
		cat <<-CONF

			[peer stranger$n.example]
			public-key = $("$SEALANE" genkey | "$SEALANE" pubkey)
			endpoint   = $2
			prefixes   = 10.$1$n.0.0/16
		CONF
	done
}

reload_with() { # LINES
	{ cat "$lab_dir/good.conf" && echo "$1"; } >"$lab_dir/alpha/sealane.conf"
	reload
}

count_of_peers() { lab_show alpha peers --json | /usr/bin/python3 -c 'import json, sys; print(len(json.load(sys.stdin)["peers"]))'; }

come_and_go() {
	local n there elsewhere
	for ((n = 0; n < reloads; n++)); do
		there=$(strangers $((3 + n)) 192.0.2.77)
		elsewhere=${there//192.0.2.77/192.0.2.78}
		reload_with "$there" | grep "3 peers added, 0 removed, 0 changed, 1 untouched" || return 1
		[ "$(count_of_peers)" = 4 ] || return 1
		reload_with "$elsewhere" | grep "0 peers added, 0 removed, 3 changed, 1 untouched" || return 1
		reload_with "$(strangers $((14 + n)) 192.0.2.78)" | grep -c "its link begins anew" || return 1
		reload_with "" | grep "0 peers added, 3 removed, 0 changed, 1 untouched" || return 1
		[ "$(count_of_peers)" = 1 ] || return 1
	done
}

# What may change in place changes in the peer that the traffic is with.
change_beta() {
	sed '/^endpoint/a dpd-delay = 7s\nrekey-after-time = 30m\ndscp = 8' "$lab_dir/good.conf" >"$lab_dir/alpha/sealane.conf"
	reload | grep "beta.example: dscp, dpd-delay, rekey-after-time changed, its keys are replaced"
}

is_refused() {
	! reload_with "mtu = 1" 2>"$lab_dir/refused" && grep "sealane.conf:[0-9]*: unknown key 'mtu'" "$lab_dir/refused" &&
		[ "$(count_of_peers)" = 1 ]
}

# A line for each answer.
start_flood() {
	ip netns exec "$(lab_ns host-a)" ping -i 0.002 -W 2 10.2.0.9 >"$lab_dir/flood" 2>&1 &
	flood_pid=$!
}

end_flood() {
	kill -INT "$flood_pid"
	wait "$flood_pid" || true
	# What was asked last may be on its way still; before it there is no gap.
	sed -n 's/.*icmp_seq=\([0-9]*\) .*/\1/p' "$lab_dir/flood" | sort -nu |
		awk '{ last = $1 } END { print NR " answers, the last of them to number " last; exit !(NR == last && NR > 300) }'
}

one_handshake() { [ "$(lab_show "$1" peers --json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["peers"][0]["handshakes"])')" = "$2" ]; }

tap_need_lab
trap lab_down EXIT
tap_start_lab
cp "$lab_dir/alpha/sealane.conf" "$lab_dir/good.conf"
handshakes=$(lab_show alpha peers --json | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["peers"][0]["handshakes"])')
lab_iperf_server
tap_case "host A pings host B" lab_in host-a ping -c 3 -i 0.2 -W 2 10.2.0.9
start_load 1
start_flood
tap_case "$reloads times three peers come, change, begin anew and go" come_and_go
tap_case "a bad file is refused" is_refused
tap_case "the untouched peer is changed in place, with fresh keys" change_beta
sleep 1
tap_case "every ping of the flood was answered" end_flood
end_load
nothing_was_lost
for side in alpha beta; do
	tap_case "$side has had no other handshake with it" one_handshake "$side" "$handshakes"
done
tap_accounts
[ $tap_failed = 0 ] || tap_logs
tap_finish
