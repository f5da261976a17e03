# Three gateways on one wire, each with a host behind it and links to both others; source it after lab.sh and lossy.sh.
#
#   host-a ── alpha ═══┐             hosts 10.N.0.9 and fd00:N::9, gateways 192.0.2.N outside,
#   host-b ── beta ════╪ between     N is 1, 2 and 3
#   host-c ── gamma ═══┘
#
#   soak_network                 all of it but what runs in it
#   soak_configure SIDE          writes its configuration: as the settings below say
#   soak_reload SIDE             and has the gateway read it
#   soak_linked                  every gateway says that both its links are up
#   soak_reached                 every host hears from every other one, over IPv4 and IPv6
#   soak_alive                   every gateway runs

soak_sides=(alpha beta gamma)
declare -gA soak_number=([alpha]=1 [beta]=2 [gamma]=3)
declare -gA soak_host=([alpha]=host-a [beta]=host-b [gamma]=host-c)

# Settings, by side:
declare -gA soak_absent=()    # the peer that its configuration does not have
declare -gA soak_strangers=() # 1 to 3: three peers that never answer, each time with other addresses
declare -gA soak_extra=()     # yes: its peers' networks are larger by one
declare -gA soak_noflow=()    # yes: without the flow that it has at first
declare -gA soak_dscp=() soak_dpd=()
soak_busy= # yes: keys are replaced every few seconds

soak_network() {
	local side n
	lab_plain_mtu=1500
	lab_memory=512
	lab_workers[alpha]=2
	lab_up
	lab_add_ns gamma
	lab_add_ns host-c
	lab_names+=(gamma host-c)
	lab_add_cable host-c eth0 gamma plain0
	lab_add_host host-c 10.3.0.9 10.3.0.1
	lab_make_key gamma
	for n in 1 2 3; do "$SEALANE" genkey | "$SEALANE" pubkey >"$lab_dir/stranger$n.pub"; done
	for side in "${soak_sides[@]}"; do
		lab_add_host6 "${soak_host[$side]}" "fd00:${soak_number[$side]}::9" "fd00:${soak_number[$side]}::1"
		soak_configure "$side"
	done
	lossy_bridge "${soak_sides[@]}"
}

soak_configure() { # SIDE
	local n=${soak_number[$1]} other
	{
		cat <<-CONF
			[gateway]
			name        = $(lab_gateway "$1")
			private-key = gateway.key
			idle-sleep  = 1ms

			[wire]
			port    = net_af_packet0
			address = 192.0.2.$n/24

			[plain]
			port    = net_af_packet1
			address = 10.$n.0.1/16, fd00:$n::1/64
		CONF
		for other in "${soak_sides[@]}"; do
			[ "$other" = "$1" ] || [ "$other" = "${soak_absent[$1]:-}" ] || soak_peer "$1" "$other"
		done
		soak_strange_peers "$1" "${soak_strangers[$1]:-0}"
		[ -n "${soak_noflow[$1]:-}" ] || soak_flow "$1"
	} >"$lab_dir/$1/sealane.conf"
}

soak_peer() { # SIDE OTHER
	local n=${soak_number[$2]} more=
	[ -z "${soak_extra[$1]:-}" ] || more=", 10.${n}0.0.0/16"
	cat <<-CONF

		[peer $(lab_gateway "$2")]
		public-key = $(cat "$lab_dir/$2/gateway.pub")
		endpoint   = 192.0.2.$n
		prefixes   = 10.$n.0.0/16, fd00:$n::/64$more
		dpd-delay  = ${soak_dpd[$1]:-2}s
		dscp       = ${soak_dscp[$1]:-copy}
	CONF
	[ -z "$soak_busy" ] || printf 'rekey-after-time = 8s\nrekey-after-packets = 500\nrekey-after-bytes = 1024KiB\n'
}

soak_strange_peers() { # SIDE VARIANT
	local n
	for ((n = 1; n <= 3 && $2 > 0; n++)); do
		cat <<-CONF

			[peer stranger$n.example]
			public-key = $(cat "$lab_dir/stranger$n.pub")
			endpoint   = 192.0.2.$((70 + $2 * 3 + n))
			prefixes   = 10.1$2$n.0.0/16, fd00:1$2$n::/64
		CONF
	done
}

# A part of the traffic has a child SA of its own; at alpha UDP, at beta TCP, at gamma pings.
soak_flow() { # SIDE
	local -A what=([alpha]="protocol = udp" [beta]="protocol = tcp" [gamma]="protocol = icmp") peer=([alpha]=beta [beta]=gamma [gamma]=alpha)
	[ "${soak_absent[$1]:-}" != "${peer[$1]}" ] || return 0
	cat <<-CONF

		[flow apart]
		peer = $(lab_gateway "${peer[$1]}")
		${what[$1]}
	CONF
	[ -z "$soak_busy" ] || printf 'rekey-after-time = 5s\n'
}

soak_reload() { # SIDE
	soak_configure "$1"
	timeout 20 "$SEALANE" reload --gateway "$(lab_gateway "$1")"
}

soak_alive() {
	local side
	for side in "${soak_sides[@]}"; do
		kill -0 "$(cat "$lab_dir/$side/pid")" 2>/dev/null || { echo "gateway $side has ended" && return 1; }
	done
}

soak_linked() {
	local side
	for side in "${soak_sides[@]}"; do
		[ "$(lab_show "$side" peers --json 2>/dev/null | grep -o '"state": *"up"' | wc -l)" = 2 ] ||
			{ echo "$side has not all links" && return 1; }
	done
}

# One answer within four seconds.
soak_hears() { lab_in "$1" ping -q -c 1 -w 4 -i 0.2 -s 200 -p "$soak_mark" "$2" >/dev/null 2>&1; } # HOST ADDRESS

soak_mark=534f414b2d494e2d434c454152 # SOAK-IN-CLEAR, in hexadecimal

soak_reached() {
	local side other pid missing=
	local -A pids=()
	for side in "${soak_sides[@]}"; do
		for other in "${soak_sides[@]}"; do
			[ "$side" != "$other" ] || continue
			soak_hears "${soak_host[$side]}" "10.${soak_number[$other]}.0.9" &
			pids[$!]="$side to $other by IPv4"
			soak_hears "${soak_host[$side]}" "fd00:${soak_number[$other]}::9" &
			pids[$!]="$side to $other by IPv6"
		done
	done
	for pid in "${!pids[@]}"; do wait "$pid" || missing="$missing ${pids[$pid]},"; done
	[ -z "$missing" ] || { echo "no answer:$missing" && return 1; }
}
