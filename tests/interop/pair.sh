# Host A, the gateway alpha, and strongSwan in place of the gateway beta and of host B; for the tests here, which source
# it. A test is a row of scenarios: each starts both ends anew, with the settings it needs, and looks at both.
#
#   host-a ──────────── alpha ══════════════ beta (charon)
#   10.1.0.9    10.1.0.1     192.0.2.1  192.0.2.2     lo: 10.2.0.9, 10.3.0.9
#
#   pair_up                          makes namespaces, keys, and a capture of the wire
#   pair_start INITIATOR [LINE...]   a scenario: sealane or charon initiates; lines for our [peer]. Settings of charon.sh
#                                    and sealane_prefixes may stand before it.
#                                    Its parts: pair_begin with the same arguments, charon_start, pair_start_sealane,
#                                    pair_charon_initiates.
#   pair_end                         ends it; the logs are shown if a case in it has failed
#   pair_capture_end                 the capture, $lab_dir/wire.pcap, is complete
#   pair_finish                      the last cases, and the plan
#   pair_connected SECONDS           both ends have exactly one child SA, and both say it is good
#   pair_traffic                     pings go both ways, and what one end has sealed the other has opened
#   pair_log SIDE TEXT               alpha or beta has logged this in this scenario
#   pair_session FIELD...            of our one session
#   pair_tshark FILTER FIELD...      what tshark reads in the capture, decrypted

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../lab/tap.sh"
. "$here/charon.sh"

pair_up() {
	tap_need_lab
	trap lab_down EXIT
	lab_open host-a alpha beta
	lab_add_cable host-a eth0 alpha plain0
	lab_add_cable alpha wire0 beta wire0
	lab_add_host host-a 10.1.0.9 10.1.0.1
	ip -n "$(lab_ns beta)" addr add 192.0.2.2/24 dev wire0
	ip -n "$(lab_ns beta)" addr add 10.2.0.9/32 dev lo
	ip -n "$(lab_ns beta)" addr add 10.3.0.9/32 dev lo
	lab_make_key alpha
	charon_make_key
	lab_capture "$lab_dir/wire.pcap"
}

pair_configure() { # LINE-OF-[peer]...
	lab_configure alpha beta 192.0.2.1 192.0.2.2 10.1.0.1 "${sealane_prefixes:-10.2.0.0/16}"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$lab_dir/alpha/sealane.conf"
	charon_configure
}

pair_running= pair_captured=

pair_start() { # INITIATOR [LINE-OF-[peer]...]
	pair_begin "$@"
	charon_start
	pair_start_sealane
	[ "$1" = sealane ] || pair_charon_initiates
}

pair_begin() { # INITIATOR [LINE-OF-[peer]...]
	local initiator=$1
	shift
	[ -z "$pair_running" ] || pair_end
	[ "$initiator" = sealane ] || set -- "start = none" "$@"
	pair_configure "$@"
	: >"$lab_dir/alpha/log"
	: >"$lab_dir/beta/log"
	pair_failed_before=$tap_failed
	pair_running=yes
}

pair_start_sealane() { lab_start alpha --keylog "$lab_dir/keys"; }

# Whether that succeeds is for a case to say.
pair_charon_initiates() {
	lab_wait_for "our gateway is up" 10 lab_show alpha peers
	charon_ctl --initiate --child net --timeout 8 >"$lab_dir/beta/initiate.log" 2>&1 || true
}

pair_end() {
	[ "$tap_failed" = "$pair_failed_before" ] || tap_logs
	pair_kill alpha
	pair_kill beta
	pair_running=
}

# The process id is forgotten with the process.
pair_kill() { # SIDE
	[ ! -e "$lab_dir/$1/pid" ] || lab_kill "$1"
	rm -f "$lab_dir/$1/pid"
}

pair_stop() { # SIDE
	lab_stop "$1"
	rm "$lab_dir/$1/pid"
}

# ---- What both ends say ----------------------------------------------------------------------------------------------

pair_log() { grep -F -- "$2" "$lab_dir/$1/log"; } # SIDE TEXT

# With the keys that our gateway has logged. The capture may still be going on.
pair_tshark() { # FILTER FIELD...
	local filter=$1 fields=() field
	shift
	for field in "$@"; do fields+=(-e "$field"); done
	WIRESHARK_CONFIG_DIR=$lab_dir/keys timeout 60 tshark -r "$lab_dir/wire.pcap" -Y "$filter" -T fields "${fields[@]}" \
		-o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE 2>"$lab_dir/tshark.log"
}

pair_session() { # FIELD...
	lab_show alpha sessions --json | python3 -c '
import json, sys
sessions = json.load(sys.stdin)["sessions"]
assert len(sessions) == 1, sessions
print(*(sessions[0][field] for field in sys.argv[1:]))' "$@"
}

pair_one_each() {
	lab_is_up alpha && charon_installed 1 && [ "$(pair_session in_use)" = yes ]
}

pair_connected() { lab_wait_for "one SA at both ends" "$1" pair_one_each || { charon_installed 1 && return 1; }; } # SECONDS

pair_unconnected() {
	charon_ctl --list-sas | tee "$lab_dir/sas"
	lab_show alpha sessions --json | tee "$lab_dir/sessions"
	[ ! -s "$lab_dir/sas" ] && grep -q '"sessions": *\[\]' "$lab_dir/sessions" && ! lab_is_up alpha
}

# On a busy machine the kernel may drop one; what a rekey may lose is for the tests of that.
pair_ping() { # FROM ARGUMENTS...
	local name=$1
	shift
	lab_in "$name" ping -c 10 -i 0.02 -W 2 "$@" | tee "$lab_dir/ping.out" || true
	grep -E " (9|10) received" "$lab_dir/ping.out"
}

pair_traffic() {
	pair_ping host-a 10.2.0.9 && pair_ping beta -I 10.2.0.9 10.1.0.9 &&
		lab_wait_for "both ends count the same" 5 pair_same_count
}

# What one end has sealed, the other has opened.
pair_same_count() {
	local ours its
	its=$(charon_packets)
	ours=$(pair_session tx_packets rx_packets)
	echo "we have sealed and opened $ours, charon has opened and sealed $its"
	[ "$ours" = "$its" ] && [[ " $its " != *" 0 "* ]]
}

# ---- The end ---------------------------------------------------------------------------------------------------------

# All that our gateway has sent, in all scenarios.
pair_only_sealed() {
	local strangers='src 192.0.2.1 and not arp and not (udp port 4500 or udp port 500)'
	tcpdump -nn -c 5 -r "$lab_dir/wire.pcap" "$strangers or (ip net 10.0.0.0/8)" 2>/dev/null | tee "$lab_dir/strangers"
	[ ! -s "$lab_dir/strangers" ] && [ "$(tcpdump -nn -r "$lab_dir/wire.pcap" 'src 192.0.2.1' 2>/dev/null | wc -l)" -gt 0 ]
}

pair_capture_end() {
	[ -z "$pair_captured" ] || return 0
	lab_capture_end
	pair_captured=yes
}

pair_finish() {
	[ -z "$pair_running" ] || pair_end
	pair_capture_end
	tap_case "all that our gateway has sent was ARP, IKE and ESP in UDP" pair_only_sealed
	tap_finish
}
