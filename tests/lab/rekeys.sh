# Keys that are replaced while UDP runs both ways, for the tests that source it after tap.sh: what is lost is counted.

rate=8000000 # bits a second and way, small enough for the machine to lose nothing by itself: what is lost, rekeying has lost

# Drops that a gap between two SAs would cause, at either end.
gaps='no-session|no-spi|replay|late|bad-icv|limit|selector|handoff-full'

count_of_rekeys() { # SIDE
	lab_show "$1" peers --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["peers"][0]["rekeys"])'
}

is_past() { [ "$(count_of_rekeys "$1")" -gt "$2" ]; } # SIDE COUNT

# One after the other, from either side in turn.
rekey_often() { # COUNT [--ike]
	local side peer before n
	for ((n = 0; n < $1; n++)); do
		if ((n % 2)); then side=alpha peer=beta; else side=beta peer=alpha; fi
		before=$(count_of_rekeys "$side")
		timeout 10 "$SEALANE" rekey "$(lab_gateway "$peer")" "${@:2}" --gateway "$(lab_gateway "$side")"
		lab_wait_for "rekey $n from $side" 5 is_past "$side" "$before"
	done
}

start_load() { # STREAMS
	ip netns exec "$(lab_ns host-a)" iperf3 -c 10.2.0.9 -u -P "$1" -b $((rate / $1)) -l 1200 -t 600 --bidir --json \
		--connect-timeout 5000 >"$lab_dir/udp.json" 2>"$lab_dir/udp.log" &
	load_pid=$!
	sleep 1
}

# iperf3 tells its sums when it is interrupted.
end_load() {
	kill -INT "$load_pid"
	wait "$load_pid" || true
}

packets_through() { # SIDE, WHAT: rx or tx
	lab_show "$1" peers --json | python3 -c "import json, sys; print(json.load(sys.stdin)['peers'][0]['$2_packets'])"
}

# Both at rest: what one has sealed the other has opened.
all_sealed_was_opened() { # FROM TO
	local sealed opened
	sealed=$(packets_through "$1" tx)
	opened=$(packets_through "$2" rx)
	echo "$1 has sealed $sealed packets, $2 has opened $opened"
	[ "$sealed" = "$opened" ] && [ "$sealed" -gt 1000 ]
}

# After end_load: all that was sealed has been opened.
nothing_was_lost() {
	local side
	sleep 1
	for side in alpha beta; do
		tap_case "$side dropped nothing for want of an SA" no_gaps "$side"
	done
	tap_case "beta opened every packet that alpha sealed" all_sealed_was_opened alpha beta
	tap_case "alpha opened every packet that beta sealed" all_sealed_was_opened beta alpha
}

no_gaps() { # SIDE
	local found
	found=$(lab_show "$1" drops | grep -E " ($gaps) " || true)
	echo "$found"
	[ -z "$found" ]
}
