#!/usr/bin/env bash
# Real programs through two gateways in network namespaces: ping, a web server, iperf3; and what an onlooker on the wire
# has seen of it. As root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"

file_mib=64
samples=32 # runs of 32 bytes of the file that are looked for on the wire

ping_host_b() { lab_in host-a ping -c 5 -i 0.2 -W 2 10.2.0.9 | grep "5 received"; }
ping_host_a() { lab_in host-b ping -c 5 -i 0.2 -W 2 10.1.0.9 | grep "5 received"; }
ping_far_gateway() { lab_in host-a ping -c 3 -i 0.2 -W 2 10.2.0.1 | grep "3 received"; }
ping_own_gateway() { lab_in host-a ping -c 3 -i 0.2 -W 2 10.1.0.1 | grep "3 received"; }

download() {
	lab_in host-a curl -sSf --max-time 60 -o "$lab_dir/got" http://10.2.0.9/file &&
		cmp "$lab_dir/web/file" "$lab_dir/got"
}

upload_and_download_rates() {
	lab_in host-a iperf3 -c 10.2.0.9 -t 3 --connect-timeout 5000 &&
		lab_in host-a iperf3 -c 10.2.0.9 -t 3 --connect-timeout 5000 -R
}

# ---- The onlooker ----

on_wire() { tcpdump -nn -r "$lab_dir/wire.pcap" "$1" 2>/dev/null | wc -l; } # FILTER

strangers='not arp and not (udp port 4500)'

only_sealed() {
	[ "$(on_wire "$strangers")" = 0 ] && return
	tcpdump -nn -c 5 -r "$lab_dir/wire.pcap" "$strangers"
	return 1
}

sealed_traffic_was_seen() {
	local esp ike
	esp=$(on_wire 'udp port 4500 and udp[8:4] != 0')
	ike=$(on_wire 'udp port 4500 and udp[8:4] = 0')
	echo "$esp ESP, $ike IKE"
	# 64 MiB in packets of at most 1400 bytes
	[ "$esp" -gt $((file_mib * 1048576 / 1400)) ] && [ "$ike" -ge 4 ]
}

both_ways() { [ "$(on_wire 'src 192.0.2.1')" -gt 100 ] && [ "$(on_wire 'src 192.0.2.2')" -gt 100 ]; }

found_in() { "$here/find_samples.py" "$lab_dir/web/file" $samples "$1"; } # FILE

none_of_the_file() {
	local on_wire at_host
	on_wire=$(found_in "$lab_dir/wire.pcap")
	at_host=$(found_in "$lab_dir/got")
	echo "$on_wire samples on the wire; $at_host of $samples in the download, where the search must find them all"
	[ "$on_wire" = 0 ] && [ "$at_host" = $samples ]
}

nothing_left() { # PREFIX-OF-NAMESPACES DIR PIDS...
	local prefix=$1 dir=$2 pid
	shift 2
	! ip netns list | grep -q "^$prefix" || return 1
	[ ! -e "$dir" ] || return 1
	for pid in "$@"; do
		! kill -0 "$pid" 2>/dev/null || { echo "process $pid is still there"; return 1; }
	done
}

tap_need_lab
trap lab_down EXIT
tap_start_lab
mkdir "$lab_dir/web"
head -c "${file_mib}M" /dev/urandom >"$lab_dir/web/file"
lab_web "$lab_dir/web"
lab_iperf_server

lab_capture "$lab_dir/wire.pcap"
tap_case "host A pings host B" ping_host_b
tap_case "host B pings host A" ping_host_a
tap_case "host A pings the far gateway's plain address" ping_far_gateway
tap_case "host A pings its own gateway" ping_own_gateway
tap_case "a web download of $file_mib MiB arrives intact" download
# The handshake was before the capture: another one belongs to the picture.
lab_stop alpha
lab_start alpha
tap_case "the link comes back after a clean restart" tap_both_up 15
tap_case "host A pings host B again" ping_host_b
lab_capture_end
tap_case "iperf3 runs both ways" upload_and_download_rates

tap_case "the wire carried only ARP and UDP port 4500" only_sealed
tap_case "the wire carried the download as ESP, and a handshake" sealed_traffic_was_seen
tap_case "the capture saw both directions" both_ways
tap_case "no sample of the file is on the wire" none_of_the_file
tap_accounts
[ $tap_failed = 0 ] || tap_logs
# Not inside a case, which is a shell of its own: only the parent learns the exit status.
status=0
lab_stop alpha || status=$?
tap_case "alpha stops cleanly" test $status = 0
lab_stop beta || status=$?
tap_case "beta stops cleanly" test $status = 0

old_dir=$lab_dir
old_pids=$(cat "$lab_dir/alpha/pid" "$lab_dir/beta/pid")
lab_down
# shellcheck disable=SC2086
tap_case "nothing is left behind" nothing_left "sealane-$$-" "$old_dir" $old_pids
tap_finish
