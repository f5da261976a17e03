#!/usr/bin/env bash
# Three gateways in network namespaces, for a long time: every few seconds something happens to them, and nothing of it may
# leave a trace. As root, on a built tree.
#
#   scripts/soak.sh [--minutes N | --hours N | --seconds N] [--seed N] [--results DIR]
#
# Ten minutes by default. All that time hosts send UDP, TCP and pings over IPv4 and IPv6, in sizes about the MTU, and keys are
# replaced every few seconds by time, packets and bytes. In between gateways are killed, stopped and started, reload (peers that
# come, change, begin anew and go, and mistakes), take links down and up, stand still, are looked into; the wire loses, doubles,
# delays and damages; ports go down and come back. One gateway, gamma, runs all the time. What happens follows from the seed,
# which is printed; how far it comes depends on the time.
#
# Wanted: no byte of the hosts' is changed, none comes twice, none is on the wire in clear; no sequence number is used twice;
# after each step all hosts hear from each other within 20 s; packets are dropped for reasons only that the trouble explains;
# without trouble none is lost while keys go on being replaced; in the end memory, descriptors, threads, sessions, packet buffers and files are what they were in the beginning.
#
# It needs about 1.5 GiB and less than half a core. DIR (default soak-results) gets the report, samples, steps and logs. Exit
# status 0: all of this is so.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/tests/lab
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

usage() {
	echo "usage: soak.sh [--minutes N | --hours N | --seconds N] [--seed N] [--results DIR]" >&2
	exit 2
}

is_number() { [[ $1 =~ ^[1-9][0-9]{0,6}$ ]]; }

seconds=600 seed=$((SRANDOM % 32768)) soak_out=soak-results
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--seconds) is_number "$2" && seconds=$2 || usage ;;
	--minutes) is_number "$2" && seconds=$(($2 * 60)) || usage ;;
	--hours) is_number "$2" && seconds=$(($2 * 3600)) || usage ;;
	--seed) [[ $2 =~ ^[0-9]{1,5}$ ]] && [ "$2" -lt 32768 ] && seed=$((10#$2)) || usage ;;
	--results) soak_out=$2 ;;
	*) usage ;;
	esac
	shift 2
done
if [ "$(id -u)" != 0 ]; then
	echo "soak.sh: network namespaces need root" >&2
	exit 1
fi
SEALANE=${SEALANE_BUILD:-$root/build}/app/sealane
if [ ! -x "$SEALANE" ]; then
	echo "soak.sh: $SEALANE is missing: build it first (ninja -C build)" >&2
	exit 1
fi
# shellcheck source=lab.sh
. "$root/scripts/lab.sh"
# shellcheck source=../tests/lab/lossy.sh
. "$here/lossy.sh"
# shellcheck source=../tests/lab/soak/network.sh
. "$here/soak/network.sh"
# shellcheck source=../tests/lab/soak/steps.sh
. "$here/soak/steps.sh"

finish() {
	local side
	[ -n "${lab_dir:-}" ] || return 0
	for side in "${soak_sides[@]}"; do cp "$lab_dir/$side/log" "$soak_out/$side.log" 2>/dev/null || true; done
	lab_down
}

calm_seconds=10

background=() hosts=()
in_background() { # NAMESPACE COMMAND...: with its output in a log
	local name=$1
	shift
	ip netns exec "$(lab_ns "$name")" "$@" >>"$soak_out/background.log" 2>&1 &
	background+=($!)
}

start_traffic() {
	local side
	for side in "${soak_sides[@]}"; do
		in_background "${soak_host[$side]}" /usr/bin/python3 "$here/soak/traffic.py" "${soak_number[$side]}" "$seed" \
			"$soak_out/traffic-$side.json"
		hosts+=($!)
	done
	in_background host-a ping -q -i 0.3 -s 1400 -p "$soak_mark" 10.2.0.9
	in_background host-b ping -q -i 0.3 -s 1300 -p "$soak_mark" fd00:3::9
	in_background host-c ping -q -i 0.3 -s 56 -p "$soak_mark" fd00:1::9
}

end_background() {
	kill "${background[@]}" 2>/dev/null || true
	wait "${background[@]}" 2>/dev/null || true
	background=()
}

go_to_rest() { # FILE LIKE
	/usr/bin/python3 "$here/soak/sampler.py" "$lab_dir" --rest "$soak_out/$1" "$2" "${soak_sides[@]}" 2>>"$soak_out/background.log" ||
		soak_fail "not at rest: see $1"
}

reload_all() {
	local side
	for side in "${soak_sides[@]}"; do must "reload $side" soak_reload "$side"; done
}

accounts() {
	local side
	for side in "${soak_sides[@]}"; do
		must "accounting of $side" "$here/accounting.py" "$SEALANE" "$(lab_gateway "$side")"
	done
}

mkdir -p "$soak_out"
rm -f "$soak_out"/{steps,failures,*.json,*.jsonl,*.log,report.txt}
soak_out=$(cd "$soak_out" && pwd)
RANDOM=$seed
echo "seed $seed, $seconds s, results in $soak_out"
trap finish EXIT
soak_network
for side in "${soak_sides[@]}"; do lab_start "$side"; done
soak_recover "the beginning"
go_to_rest rest-before.jsonl -
/usr/bin/python3 "$here/soak/sampler.py" "$lab_dir" "$soak_out/samples.jsonl" "${soak_sides[@]}" &
sampler=$!
ip netns exec "$(lab_ns between)" /usr/bin/python3 "$here/soak/wire.py" "$soak_out/wire.json" "${soak_sides[@]/#/port-}" \
	>>"$soak_out/background.log" 2>&1 &
wire=$!
soak_busy=yes
start_traffic
reload_all
# All memory that another table of routes takes has been in use once.
soak_extra=([alpha]=yes [beta]=yes [gamma]=yes)
reload_all
soak_extra=()
reload_all
soak_recover "the beginning of the traffic"
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ] && soak_alive; do soak_step; done
soak_clear
# Keys are still replaced every few seconds: to that alone not one packet is lost.
kill -USR1 "${hosts[@]}"
sleep "$calm_seconds"
end_background
soak_busy=
reload_all
go_to_rest rest-after.jsonl "$soak_out/rest-before.jsonl"
accounts
kill "$sampler" "$wire"
wait "$sampler" "$wire" || true
for kind in "${!soak_impaired[@]}"; do echo "$kind ${soak_impaired[$kind]}"; done >"$soak_out/impaired"
for side in "${soak_sides[@]}"; do lab_stop "$side" || soak_fail "$side ended with status $?"; done
finish
status=0
/usr/bin/python3 "$here/soak/judge.py" "$soak_out" "$seconds" "$seed" "$soak_failed" | tee "$soak_out/report.txt" || status=1
exit $status
