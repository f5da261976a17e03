#!/usr/bin/env bash
# Shows Sealane at work, with real programs, on this machine alone.
#
#   scripts/demo.sh           as root: four network namespaces, two gateways, ping, a web download, iperf3
#   scripts/demo.sh --vdev    as anybody: no root, no huge pages, no namespaces; packets from a pcap to a pcap
#
# Installs what is missing (scripts/setup.sh; that part needs root), builds, shows, and removes all it has started. A
# step that fails is named, with the end of the logs, and the exit status is 1.
set -euo pipefail
export LC_ALL=C.UTF-8 # what other programs print is read here

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
file_mib=256
samples=64 # runs of 32 bytes of the file that are looked for on the wire

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

mode=namespaces
case ${1:-} in
"") ;;
--vdev) mode=vdev ;;
-h | --help) usage && exit 0 ;;
*) echo "demo.sh: unknown argument '$1'; expected nothing or --vdev" >&2 && exit 2 ;;
esac
if [ $mode = namespaces ] && [ "$(id -u)" != 0 ]; then
	echo "demo.sh: network namespaces need root: sudo scripts/demo.sh, or scripts/demo.sh --vdev without" >&2
	exit 1
fi

work=$(mktemp -d /tmp/sealane-demo.XXXXXX)
log=$work/demo.log
step=
summary=()

# ---- Steps -----------------------------------------------------------------------------------------------------------

# Runs a function in this shell; what it prints goes to the log, what it leaves in $fact is shown.
step() { # TEXT FUNCTION
	local started=$EPOCHREALTIME
	step=$1 fact=
	printf '  %-34s ' "$step"
	"$2" >"$log" 2>&1
	printf '%5.1f s  %s\n' "$(since "$started")" "$fact"
	step=
}

since() { awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $1 }"; } # TIME

result() { summary+=("$1|$2"); } # WHAT OUTCOME

show_end_of() { # NAME FILE
	[ -s "$2" ] || return 0
	echo "--- the end of the log of $1:"
	tail -n 15 "$2" | sed 's/^/    /'
}

tell_failure() {
	printf '\n\nFAILED: %s\n' "$step"
	show_end_of "this step" "$log"
	[ -n "${lab_dir:-}" ] || return 0
	show_end_of alpha "$lab_dir/alpha/log"
	show_end_of beta "$lab_dir/beta/log"
}

finish() {
	local status=$?
	trap - EXIT
	set +e
	# Without a step the failure has been told already.
	[ $status = 0 ] || [ -z "$step" ] || tell_failure
	[ $mode = vdev ] || lab_down
	rm -rf "$work"
	[ $status = 0 ] || exit 1
}

print_summary() {
	local line
	printf '\n  %s\n' "------------------------------------------------------------------------------"
	for line in "${summary[@]}"; do
		printf '  %-24s %s\n' "${line%%|*}" "${line#*|}"
	done
	printf '  %s\n\n' "------------------------------------------------------------------------------"
}

# ---- Install and build -----------------------------------------------------------------------------------------------

install() {
	"$root/scripts/setup.sh"
	fact="all there"
}

# The build folder of the tree when it is ours or can be; else one in the user's cache, one for each tree.
choose_build() {
	local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache} tree
	tree=$(cksum <<<"$root" | cut -d ' ' -f 1)
	if [ -n "${SEALANE_BUILD:-}" ]; then
		build=$SEALANE_BUILD
	elif [ -O "$root/build" ] || { [ ! -e "$root/build" ] && [ -w "$root" ]; }; then
		build=$root/build
	elif mkdir -p "$cache/sealane" 2>/dev/null && [ -w "$cache/sealane" ]; then
		build=$cache/sealane/build-$tree
	else
		build=$work/build
	fi
}

build() {
	[ -e "$build/build.ninja" ] || meson setup "$build" "$root"
	ninja -C "$build"
	fact=${build/#$root\//}
}

# ---- Namespaces ------------------------------------------------------------------------------------------------------

make_network() {
	lab_up
	mkdir "$lab_dir/web"
	head -c "${file_mib}M" /dev/urandom >"$lab_dir/web/file"
	fact="host-a, alpha, beta, host-b"
}

start_gateways() {
	local started=$EPOCHREALTIME
	lab_capture "$lab_dir/wire.pcap"
	lab_start beta
	lab_start alpha
	lab_wait_up alpha 20
	lab_wait_up beta 20
	fact="both say up"
	result "handshake" "IKEv2, X25519 and Ed25519; up $(since "$started") s after the start of the processes"
}

ping_through() {
	local out
	out=$(lab_in host-a ping -c 10 -i 0.1 -W 2 10.2.0.9)
	echo "$out"
	grep -q " 0% packet loss" <<<"$out"
	fact="$(sed -n 's/ packets transmitted, \(.*\) received.*/ sent, \1 answered/p' <<<"$out"), $(
		sed -n 's|^rtt [^=]*= [^/]*/\([^/]*\)/.*|\1 ms on average|p' <<<"$out")"
	result "ping" "$fact"
}

download() {
	local rate sent received
	lab_web "$lab_dir/web"
	rate=$(lab_in host-a curl -sSf --max-time 90 -w '%{speed_download}' -o "$lab_dir/received" http://10.2.0.9/file)
	sent=$(sha256sum <"$lab_dir/web/file")
	received=$(sha256sum <"$lab_dir/received")
	echo "sent $sent, received $received"
	[ "$sent" = "$received" ]
	fact="$(awk "BEGIN { printf \"%.0f\", $rate / 1e6 }") MB/s, SHA-256 ${sent:0:12}... on both sides"
	result "web download, $file_mib MiB" "$fact"
}

tcp_rate() {
	local out
	lab_capture_end # it costs time that belongs to the gateways
	lab_iperf_server
	out=$(lab_in host-a iperf3 -c 10.2.0.9 -t 5 -f m --connect-timeout 5000)
	echo "$out"
	fact="$(awk '/receiver/ { print $7, $8 }' <<<"$out") through two gateways on $(nproc) cores"
	result "TCP (iperf3)" "$fact"
}

on_wire() { tcpdump -nn -r "$lab_dir/wire.pcap" "$1" 2>/dev/null | wc -l; } # FILTER

look_at_wire() {
	local arp ike esp other
	arp=$(on_wire arp)
	ike=$(on_wire 'udp port 4500 and udp[8:4] = 0')
	esp=$(on_wire 'udp port 4500 and udp[8:4] != 0')
	other=$(on_wire 'not arp and not (udp port 4500)')
	fact="$esp ESP in UDP, $ike IKE, $arp ARP, $other anything else"
	[ "$other" = 0 ] && [ "$ike" -gt 0 ] && [ "$esp" -gt 0 ]
	result "frames on the wire" "$fact"
}

# The search itself must be able to find something: all of it, in what host-a has received.
look_for_file() {
	local find=$root/tests/lab/find_samples.py clear received
	received=$("$find" "$lab_dir/web/file" $samples "$lab_dir/received")
	clear=$("$find" "$lab_dir/web/file" $samples "$lab_dir/wire.pcap")
	echo "$received of $samples samples in the download, $clear on the wire"
	[ "$received" = $samples ] && [ "$clear" = 0 ]
	fact="$clear of $samples samples of it, $received in the download"
	result "the file in clear" "$clear of $samples samples found in $(du -m "$lab_dir/wire.pcap" | cut -f 1) MiB of captured wire"
}

print_wire() {
	printf '\nThe wire as an onlooker sees it, the first frames (tcpdump):\n\n'
	tcpdump -nn -t -c 18 -r "$lab_dir/wire.pcap" 2>/dev/null | cut -c 1-110 | sed 's/^/  /'
}

print_show() {
	printf '\nsealane show, at alpha:\n\n'
	lab_show alpha | sed 's/^/  /'
	echo
}

stop_gateways() {
	lab_stop alpha
	lab_stop beta
	lab_down
	fact="nothing is left behind"
}

demo_namespaces() {
	export SEALANE=$build/app/sealane
	step "four network namespaces" make_network
	step "two gateways, one handshake" start_gateways
	step "ping from host to host" ping_through
	step "download of $file_mib MiB from nginx" download
	step "TCP throughput" tcp_rate
	step "what was on the wire" look_at_wire
	step "the file's bytes on the wire" look_for_file
	step="printing what was seen"
	print_wire
	print_show
	step "stop and clean up" stop_gateways
	print_summary
}

picture() {
	if [ $mode = vdev ]; then
		cat <<-'END'

			  packets.pcap ──── alpha ════════ relay ════════ beta ──── opened.pcap
			             plain        sealed, recorded        plain

		END
	else
		cat <<-'END'

			   host-a ──────── alpha ════════════════ beta ──────── host-b
			  10.1.0.9  plain         sealed wire          plain  10.2.0.9

		END
	fi
}

trap finish EXIT
trap 'exit 1' INT TERM
# shellcheck source=lab.sh
. "$root/scripts/lab.sh"
choose_build
picture
step "packages (scripts/setup.sh)" install
step "build (a minute, the first time)" build
if [ $mode = vdev ]; then
	SEALANE_BUILD=$build PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$root/scripts/demo_vdev.py"
else
	demo_namespaces
fi
