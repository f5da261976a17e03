#!/usr/bin/env bash
# Floods a gateway that carries traffic, and tells what is left of it.
#
#   sudo scripts/floods.sh            # ten minutes, on a machine that does nothing else
#   sudo scripts/floods.sh --quick    # half a minute: whether the floods are held, with shares that are worth little
#   sudo scripts/floods.sh ike spi    # only these
#
# Two gateways in network namespaces (scripts/lab.sh) carry TCP from host A to host B, as fast as they can. In turns, round
# by round, a generator sends its frames at beta's port, or the same frames at the same rate into another cable that leads
# nowhere: so what the generator costs this machine is in every round, and the share that is kept is what the flood costs the
# gateway and its port (af_packet here, whose kernel copies every frame for it). Shares are medians over pairs of neighbouring
# rounds, with the lowest and highest of the middle half; rates are what the generator really sent.
#
#     ike     IKE_SA_INIT from a million invented addresses         spi        ESP with invented SPIs, as many addresses
#     ike6    the same over IPv6                                    replay     valid ESP, recorded a moment before
#     borrow  IKE_SA_INIT that bears the address of the peer        arp-wire   as arp, on the wire
#     arp     who-has from invented neighbours, on the plain link   nd         as arp, of IPv6
#
# After the rounds of each flood (--quick: of ike), while it goes on, both ends replace keys, a silent peer is found alive, and
# the peer crashes and comes back. The link must have stayed as it was until then, tables must be within their bounds and
# memory what it was; in the end every packet must be accounted for. Ends with "floods held: N of N".
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
SEALANE=${SEALANE_BUILD:-$root/build}/app/sealane
flood_program=${SEALANE_BUILD:-$root/build}/tests/lab/flood
# shellcheck source=lab.sh
. "$root/scripts/lab.sh"

all=(ike ike6 borrow spi replay arp arp-wire nd) few=(ike spi)
pairs=40
quick=
floods=()

usage() {
	echo "floods.sh: expected [--quick] [FLOOD...], of these: ${all[*]}" >&2
	exit 2
}

for argument in "$@"; do
	case " ${all[*]} --quick " in
	*" $argument "*) ;;
	*) usage ;;
	esac
	if [ "$argument" = --quick ]; then
		quick=yes pairs=2
	else
		floods+=("$argument")
	fi
done
[ ${#floods[@]} -gt 0 ] || [ -z "$quick" ] || floods=("${few[@]}")
[ ${#floods[@]} -gt 0 ] || floods=("${all[@]}")

# Frames a second of each, from a generator that shares two cores with all the others here. Less than what af_packet takes.
rate=${RATE:-100000}

# ---- The picture -----------------------------------------------------------------------------------------------------
#
#   host-a ── alpha ══ port-a [switch] port-b ══ beta ── host-b
#                          router .254

make_switch() {
	local ns port
	ip -n "$(lab_ns alpha)" link del wire0
	lab_add_ns switch
	lab_names+=(switch)
	lab_add_cable alpha wire0 switch port-a
	lab_add_cable beta wire0 switch port-b
	ns=$(lab_ns switch)
	ip -n "$ns" link add router type bridge mcast_snooping 0
	for port in port-a port-b; do
		ip -n "$ns" link set "$port" master router
	done
	lab_in switch sysctl -qw net.ipv6.conf.router.disable_ipv6=0
	ip -n "$ns" addr add 192.0.2.254/24 dev router
	ip -n "$ns" addr add 2001:db8::254/64 dev router nodad
	ip -n "$ns" link set router up
}

# A cable into nowhere, for the rounds without.
make_sink() { # NAME
	lab_add_cable "$1" nowhere "$1" nowhere-end
}

# Beta is a gateway whose strangers are beyond a router: it has a way to send its cookies.
configure() {
	lab_dual
	lab_edit '/^address.*192\.0\.2\./ s|$|\nnext-hop = 192.0.2.254, 2001:db8::254|
		s|192\.0\.2\.\([12]\)/24|192.0.2.\1/24, 2001:db8::\1/64|; /^endpoint/ a dpd-delay = 1s'
}

beta_mac() { cat "$lab_dir/mac-$1"; } # PORT

# ---- What beta says --------------------------------------------------------------------------------------------------

number() { # WHAT PYTHON-EXPRESSION
	lab_show beta "$1" --json | python3 -c "import json, sys; d = json.load(sys.stdin)['$1']; print($2)"
}

dropped() { # REASON...
	number drops "sum(r['packets'] for r in d if r['name'] in '$*'.split())"
}

received() { number peers "d[0]['rx_bytes']"; }
memory_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$(cat "$lab_dir/beta/pid")/status"; }

# ---- Floods ----------------------------------------------------------------------------------------------------------

where() { case $1 in arp | nd) echo host-b eth0 plain0 ;; *) echo switch port-b wire0 ;; esac; } # FLOOD

# What the generator calls it, and what it needs beside.
what() { # FLOOD
	case $1 in
	ike | ike6) echo ike ;;
	borrow | spi) echo "$1" ;;
	replay) echo replay ;;
	arp | arp-wire | nd) echo arp ;;
	esac
}

aim() { # FLOOD
	case $1 in
	ike6) echo 2001:db8::2 ;;
	nd) echo fd00:2::1 ;;
	arp) echo 10.2.0.1 ;;
	*) echo 192.0.2.2 ;;
	esac
}

file() { # FLOOD
	case $1 in
	borrow) echo 192.0.2.1 ;;
	replay) echo "$lab_dir/replay.pcap" ;;
	esac
}

# The reasons under which beta drops it.
reasons() { # FLOOD
	case $1 in
	ike | ike6 | borrow) echo ike-flood ring-full ;;
	spi) echo no-spi ;;
	replay) echo replay late ;;
	arp | arp-wire | nd) echo link-flood ring-full ;;
	esac
}

start_flood() { # FLOOD FRAMES [TURNS]
	local at name port
	read -r name at port <<<"$(where "$1")"
	# shellcheck disable=SC2046
	ip netns exec "$(lab_ns "$name")" "$flood_program" "$at${3:-}" "$(what "$1")" "$(beta_mac "$port")" "$(aim "$1")" \
		"$2" "$rate" $(file "$1") >"$lab_dir/flood" &
	flood_pid=$!
	pin $flood_pid 0
}

wait_flood() { wait "$flood_pid"; }
sent() { sed -n "s/.*$1=\([0-9.]*\).*/\1/p" "$lab_dir/flood"; } # frames, seconds, senders


# ---- Shares ----------------------------------------------------------------------------------------------------------

note_flood() {
	offered=$((offered + $(sent frames))) spent=$(python3 -c "print($spent + $(sent seconds))")
	[ "$(sent senders)" -le "$senders" ] || senders=$(sent senders)
}

measure() { # FLOOD
	start_flood "$1" $((rate * pairs * 6 / 10)) ",nowhere,$server_pid"
	wait_flood
	note_flood
	share=$(python3 - "$lab_dir/flood" <<-'PYTHON'
		import re, statistics, sys
		turns = re.findall(r"turn=([01]) bytes=(\d+)", open(sys.argv[1]).read())
		pairs = [dict(turns[i:i + 2]) for i in range(0, len(turns) - 1, 2)]
		shares = [100 * int(pair["0"]) / max(int(pair["1"]), 1) for pair in pairs]
		low, middle, high = statistics.quantiles(shares, n=4) if len(shares) > 1 else 3 * (shares or [0])
		print(f"{middle:.0f} % ({low:.0f}-{high:.0f})")
	PYTHON
	)
}

# Who floods and who sends share one processor, beta and who receives the other: the rounds differ in what goes to beta, and
# not in where the kernel has put whom.
pin() { [ "$(nproc)" = 1 ] || taskset -acp "$2" "$1" >/dev/null; } # PID PROCESSOR

pin_gateways() {
	pin "$(cat "$lab_dir/alpha/pid")" 0
	pin "$(cat "$lab_dir/beta/pid")" 1
	pin "$server_pid" 1
}

start_traffic() {
	ip netns exec "$(lab_ns host-a)" iperf3 -c 10.2.0.9 -t 3600 --connect-timeout 5000 >"$lab_dir/iperf.log" 2>&1 &
	traffic_pid=$!
	pin $traffic_pid 0
	sleep 1
}

end_traffic() {
	kill "$traffic_pid" 2>/dev/null || true
	wait "$traffic_pid" 2>/dev/null || true
}

# ---- What must hold --------------------------------------------------------------------------------------------------

cases=0 failures=0

check() { # WHAT COMMAND...
	local what=$1 output
	shift
	cases=$((cases + 1))
	output=$("$@" 2>&1) && return
	failures=$((failures + 1)) held=no
	printf 'floods.sh: %s: %s: FAILED\n%s\n' "$flood" "$what" "$output" >&2
}

at_least() { [ "$1" -ge "$2" ] || { echo "$1, expected $2 or more" && false; }; }
at_most() { [ "$1" -le "$2" ] || { echo "$1, expected $2 or less" && false; }; }

gauges() { # FIELD: of the peer, at both ends
	lab_show alpha peers --json | python3 -c "import json, sys; print(json.load(sys.stdin)['peers'][0]['$1'])"
	number peers "d[0]['$1']"
}

same() { [ "$1" = "$2" ] || { echo "was $1, is $2" && false; }; }

# What would be the work of a flood that got into an SA.
harm='no-session|selector|limit|bad-icv|bad-inner|handoff-full'
no_harm() { # SIDE
	local found
	found=$(lab_show "$1" drops | grep -E " ($harm) " || true)
	echo "$found"
	[ -z "$found" ]
}

ike_count() { number ike "[c['count'] for c in d if c['name'] == '$1'][0]"; }

# Our own limit on strangers, lib/ike's, and the one IKE SA with the peer or what becomes of it.
half_open_max=1024
no_strangers() { [ "$(ike_count half-open)" = 0 ]; }
bounded() {
	at_most "$(ike_count half-open)" $((half_open_max + 9)) && at_most "$(number neighbours "len(d)")" 8192
}

# A neighbour that is in use stays: host B, whose MAC the workers have.
host_b_known() { number neighbours "[n['state'] for n in d if n['address'] == '10.2.0.9']" | grep -E "reachable|probe"; }

rekeyed() { [ "$(gauges "$1" | head -n 1)" -gt "$2" ]; } # FIELD THAN

rekey_both() {
	local side peer field option before
	for side in alpha beta; do
		[ $side = alpha ] && peer=beta || peer=alpha
		for field in rekeys_child rekeys_ike; do
			[ $field = rekeys_ike ] && option=--ike || option=
			before=$(gauges $field | head -n 1)
			# shellcheck disable=SC2086
			timeout 10 "$SEALANE" rekey "$(lab_gateway $peer)" $option --gateway "$(lab_gateway $side)"
			lab_wait_for "$field from $side" 10 rekeyed $field "$before"
		done
	done
}

# No traffic: whoever is silent for a second is asked, and answers.
found_alive() {
	local before
	before=$(gauges handshakes)
	sleep 4
	[ "$(gauges handshakes)" = "$before" ] && lab_is_up alpha && lab_is_up beta
}

# The peer is gone without a word and comes again. How long it took is told.
comes_back() { # SECONDS
	local started=$EPOCHREALTIME
	lab_start alpha
	pin_gateways
	lab_wait_up alpha "$1" && lab_in host-a ping -c 20 -i 0.2 -W 1 10.2.0.9 | grep -qE "[1-9][0-9]* received" || return 1
	echo "$EPOCHREALTIME $started" >"$lab_dir/back"
}

while_it_goes_on() { # FLOOD
	local began=$SECONDS
	end_traffic
	start_flood "$1" $((rate * 120))
	sleep 0.5
	check "both ends replace keys" rekey_both
	check "a silent peer is found alive" found_alive
	lab_kill alpha
	check "the peer comes back after a crash" comes_back 60
	if [ -s "$lab_dir/back" ]; then
		back="$(python3 -c "a, b = '$(cat "$lab_dir/back")'.split(); print(f'{float(a) - float(b):.1f} s')")"
	fi
	# Until it has been a million.
	[ -n "$quick" ] || while [ $((SECONDS - began)) -le $((1200000 / rate)) ]; do sleep 0.2; done
	kill "$flood_pid"
	wait "$flood_pid" || true
	note_flood
	start_traffic
}

hold() { # FLOOD
	local before drops_before memory_before handshakes cookies
	flood=$1 held=yes offered=0 spent=0 senders=0 back=-
	rm -f "$lab_dir/back"
	memory_before=$(memory_kib) drops_before=$(dropped $(reasons "$1")) cookies=$(ike_count cookies-sent)
	handshakes=$(gauges handshakes)
	[ "$1" != replay ] || record
	measure "$1"
	check "the link stayed as it was" same "$handshakes" "$(gauges handshakes)"
	check "beta's tables are within their bounds" bounded
	check "a neighbour in use is still known" host_b_known
	case $1 in ike*) check "cookies were asked for" at_least $(($(ike_count cookies-sent) - cookies)) 10 ;; esac
	if [ -z "$quick" ] || [ "$1" = ike ]; then
		while_it_goes_on "$1"
	fi
	case $1$quick in ike | ike6 | spi) check "a million senders" at_least "$senders" 1000000 ;; esac
	caught=$(($(dropped $(reasons "$1")) - drops_before))
	check "beta has dropped the flood" at_least "$caught" $((offered / 10))
	memory=$(memory_kib)
	check "memory is what it was" at_most "$memory" $((memory_before + 16384))
	row "$1" "$memory_before"
}

row() { # FLOOD MEMORY-BEFORE
	printf '%-9s %9d %9d %8d  %-16s %6.0f %6.0f  %-8s %s\n' "$1" "$offered" "$senders" \
		"$(python3 -c "print(int($offered / $spent))")" "$share" "$(($2 / 1024))" "$((memory / 1024))" "$back" \
		"$caught $(reasons "$1" | cut -d ' ' -f 1)"
	[ $held = yes ] && floods_held=$((floods_held + 1)) || true
}

# Sealed packets that beta has just opened. While there is traffic they soon are from before the replay window.
record() {
	lab_in beta timeout 10 tcpdump -i wire0 -Z root -c 1000 -w "$lab_dir/replay.pcap" \
		'src 192.0.2.1 and udp port 4500 and udp[8:4] != 0 and greater 1000' 2>/dev/null
}

# ---- All of it -------------------------------------------------------------------------------------------------------

trap lab_down EXIT
trap 'exit 1' INT TERM
lab_up
make_switch
make_sink switch
make_sink host-b
configure
for port in wire0 plain0; do
	lab_in beta cat "/sys/class/net/$port/address" >"$lab_dir/mac-$port"
done
lab_iperf_server
server_pid=$!
lab_nice=-10
lab_start beta
lab_start alpha
lab_wait_up alpha 20
lab_wait_up beta 20
pin_gateways
start_traffic
floods_held=0
printf '%-9s %9s %9s %8s  %-16s %6s %6s  %-8s %s\n' flood frames senders 'per s' 'share kept' 'MiB' 'after' 'relink' 'dropped as'
for name in "${floods[@]}"; do
	hold "$name"
done
end_traffic
flood=all
[ -n "$quick" ] || check "no strangers are left" lab_wait_for "half-open IKE SAs end" 45 no_strangers
check "beta accounts for every packet" "$root/tests/lab/accounting.py" "$SEALANE" "$(lab_gateway beta)"
check "nothing of it got into an SA" no_harm beta
echo "$cases checks, $failures failed"
echo "floods held: $floods_held of ${#floods[@]}"
[ "$floods_held" = ${#floods[@]} ] && [ $failures = 0 ]
