#!/usr/bin/env bash
# A gateway is killed while hosts ping through it, and started again: the pings come back by themselves. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"

back_limit=5 # seconds from the start of the new process to the first answered ping

start_ping() { # Names the file of its output; -D prints the time of each answer.
	ping_log=$lab_dir/ping.$1
	ip netns exec "$(lab_ns host-a)" ping -D -i 0.1 -W 1 10.2.0.9 >"$ping_log" 2>&1 &
	ping_pid=$!
	lab_wait_for "the first answer" 5 grep -q "bytes from" "$ping_log"
}

end_ping() {
	kill "$ping_pid" 2>/dev/null
	wait "$ping_pid" 2>/dev/null || true
}

# Seconds from the given time to the first answer after it; fails when there is none.
first_answer_after() { # TIME
	awk -v from="$1" '/bytes from/ {
		t = substr($1, 2) + 0
		if (t > from) { printf "%.2f\n", t - from; found = 1; exit }
	} END { exit !found }' "$ping_log"
}

answered_within() { # TIME SECONDS
	local seconds
	lab_wait_for "an answer after the restart" "$2" first_answer_after "$1" || return
	seconds=$(first_answer_after "$1")
	echo "first answer after $seconds s"
	awk -v s="$seconds" -v limit="$2" 'BEGIN { exit !(s <= limit) }'
}

# An answer may have been on its way when the gateway died; none may come half a second later.
silent_since() { # TIME
	! first_answer_after "$(awk -v t="$1" 'BEGIN { printf "%.3f", t + 0.5 }')"
}

steady() { lab_in host-a ping -c 20 -i 0.1 -W 1 10.2.0.9 | grep " 0% packet loss"; }

kill_and_restart() { # SIDE
	local killed restarted
	start_ping "$1"
	lab_kill "$1"
	killed=$(date +%s.%N)
	sleep 1.5
	tap_case "$1 is dead: pings are not answered" silent_since "$killed"
	restarted=$(date +%s.%N)
	lab_start "$1"
	tap_case "$1 is back: pings are answered within $back_limit s of its start" answered_within "$restarted" $back_limit
	end_ping
	tap_case "$1: both ends say up" tap_both_up 5
	tap_case "$1: and nothing more is lost" steady
}

tap_need_lab
trap lab_down EXIT
tap_start_lab
lab_capture "$lab_dir/wire.pcap"
kill_and_restart beta
kill_and_restart alpha
lab_capture_end
tap_case "all that time the wire carried only ARP and UDP port 4500" \
	test "$(tcpdump -nn -r "$lab_dir/wire.pcap" 'not arp and not (udp port 4500)' 2>/dev/null | wc -l)" = 0
tap_accounts
[ $tap_failed = 0 ] || tap_logs
tap_finish
