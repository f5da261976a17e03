# What happens to the gateways of network.sh, step by step, each drawn from bash's generator: seed it, RANDOM=SEED, and never
# draw in a subshell. Source it after network.sh.
#
#   soak_step        draws a step, does it, undoes it, and waits until all hosts hear from each other again
#   soak_clear       everything as at first again, but soak_busy; what is wrong then is counted too
#   soak_failed      how many have not gone well; each says why in $soak_out/failures
#   $soak_out/steps  a line for each: when, what, how long it lasted, how long until all was well again
#
# A step that makes trouble lasts at most four seconds: hosts may lose packets in that time, and until recovery. Impairments of
# the wire stay until the next step of that kind.

soak_recovery=20 # seconds within which all must be well again ...
soak_looks=10    # ... unless that was looked at less often
soak_failed=0
drawn=0

draw() { drawn=$((RANDOM % $1)); } # LIMIT

draw_side() { # ANY: of so many of the first
	draw "${1:-3}"
	side=${soak_sides[$drawn]}
}

draw_peer() {
	draw 2
	other=${soak_sides[$(((soak_number[$side] + drawn) % 3))]}
}

# From a tenth of a second to SECONDS.
draw_pause() { # SECONDS
	draw $(($1 * 10))
	sleep "$((drawn / 10)).$((drawn % 10 + 1))" # 0.10 is 0.1, too
}

soak_fail() { # WHAT
	soak_failed=$((soak_failed + 1))
	echo "$(date +%T) $1" | tee -a "$soak_out/failures" >&2
}

# A command that must be done, whatever it prints.
must() { # WHAT COMMAND...
	local what=$1 output
	shift
	output=$("$@" 2>&1) || soak_fail "$what: $output"
}

tenths() { echo $((${EPOCHREALTIME/./} / 100000)); }

# On a machine that is busy with other things a look takes seconds: then time alone says nothing.
soak_recover() { # WHAT
	local start now why looks=0
	start=$(tenths)
	until why=$(soak_alive && soak_linked && soak_reached); do
		now=$(tenths)
		looks=$((looks + 1))
		if [ $((now - start)) -gt $((soak_recovery * 10)) ] && [ $looks -ge $soak_looks ]; then
			soak_fail "$1: no recovery within $soak_recovery s: $why"
			return
		fi
		soak_alive >/dev/null || break
		sleep 0.2
	done
	now=$(tenths)
	soak_took=$((now - start))
}

# ---- Steps: each says what it has done in $soak_what ------------------------------------------------------------------

step_kill() {
	draw_side 2
	soak_what="kill $side"
	lab_kill "$side"
	draw_pause 2
	lab_start "$side"
}

step_stop() {
	local status=0
	draw_side 2
	soak_what="stop $side"
	lab_stop "$side" || status=$?
	[ $status = 0 ] || soak_fail "$side ended with status $status"
	draw_pause 2
	lab_start "$side"
}

step_rekey() {
	draw_side
	draw_peer
	soak_what="rekey $side $other"
	draw 3
	if [ "$drawn" = 0 ]; then
		must "$soak_what" timeout 20 "$SEALANE" rekey --ike "$(lab_gateway "$other")" --gateway "$(lab_gateway "$side")"
	else
		must "$soak_what" timeout 20 "$SEALANE" rekey "$(lab_gateway "$other")" --gateway "$(lab_gateway "$side")"
	fi
}

# ---- Reloads

reload_strangers() {
	draw 4
	soak_what="reload $side: strangers $drawn"
	soak_strangers[$side]=$drawn
	must "$soak_what" soak_reload "$side"
}

reload_in_place() {
	draw 60
	soak_dscp[$side]=$drawn
	draw 5
	soak_dpd[$side]=$((drawn + 1))
	soak_what="reload $side: dscp and dpd-delay"
	must "$soak_what" soak_reload "$side"
}

reload_flow() {
	[ -n "${soak_noflow[$side]:-}" ] && soak_noflow[$side]= || soak_noflow[$side]=yes
	soak_what="reload $side: a flow comes or goes"
	must "$soak_what" soak_reload "$side"
}

reload_prefixes() {
	[ -n "${soak_extra[$side]:-}" ] && soak_extra[$side]= || soak_extra[$side]=yes
	soak_what="reload $side: prefixes"
	must "$soak_what" soak_reload "$side"
}

reload_without_peer() {
	draw_peer
	soak_what="reload $side: without $other, and again with it"
	soak_absent[$side]=$other
	must "$soak_what" soak_reload "$side"
	draw_pause 2
	soak_absent[$side]=
	must "$soak_what" soak_reload "$side"
}

reload_mistake() {
	soak_what="reload $side: a mistake is refused"
	soak_configure "$side"
	echo "no-such-key = 1" >>"$lab_dir/$side/sealane.conf"
	! timeout 20 "$SEALANE" reload --gateway "$(lab_gateway "$side")" 2>/dev/null || soak_fail "$side took a file with a mistake"
	soak_configure "$side"
}

step_reload() {
	local how=(strangers strangers in_place in_place flow prefixes without_peer without_peer mistake)
	draw_side
	draw ${#how[@]}
	reload_${how[$drawn]}
}

step_down() {
	draw_side
	draw_peer
	soak_what="down $side $other"
	must "$soak_what" timeout 20 "$SEALANE" down "$(lab_gateway "$other")" --gateway "$(lab_gateway "$side")"
	draw_pause 2
	must "$soak_what" timeout 20 "$SEALANE" up "$(lab_gateway "$other")" --gateway "$(lab_gateway "$side")"
}

# ---- The network

link_set() { ip -n "$(lab_ns "$1")" link set "$2" "$3"; } # NAME PORT up|down

step_outage() {
	draw_side
	draw 2
	if [ "$drawn" = 0 ]; then
		soak_what="outage between port-$side"
		link_set between "port-$side" down
		draw_pause 4
		link_set between "port-$side" up
	else
		soak_what="outage wire $side"
		link_set "$side" wire0 down
		draw_pause 4
		link_set "$side" wire0 up
	fi
}

step_plain() {
	draw_side
	soak_what="outage plain $side"
	link_set "$side" plain0 down
	draw_pause 3
	link_set "$side" plain0 up
}

step_stall() {
	draw_side
	soak_what="stall $side"
	kill -STOP "$(cat "$lab_dir/$side/pid")"
	draw_pause 2
	kill -CONT "$(cat "$lab_dir/$side/pid")"
}

step_impair() {
	local some=(0 5 20 50) what=() n
	draw 3
	if [ "$drawn" = 0 ]; then
		what=(0 0 0 0)
	else
		for n in 1 2 3 4; do
			draw 4
			what+=("${some[$drawn]}")
		done
	fi
	soak_what="impair ${what[*]}"
	lossy_count_all
	lossy_set "${what[@]}"
}

# ---- Who looks: sockets of their own, and copies of packets

step_look() {
	local how=("show --json" "show sessions" "capture --port wire --port plain --time 1s $lab_dir/looked" "capture --drops --time 1s $lab_dir/looked" "trace --time 1s"
		"keylog --time 1s $lab_dir/keys")
	draw_side
	draw ${#how[@]}
	soak_what="look $side: ${how[$drawn]% /*}"
	# shellcheck disable=SC2086
	timeout 30 "$SEALANE" ${how[$drawn]} --gateway "$(lab_gateway "$side")" >/dev/null 2>"$soak_out/looked.err" ||
		soak_fail "$soak_what: $(tail -n 1 "$soak_out/looked.err")"
	rm -rf "$lab_dir/looked" "$lab_dir/keys"
}

# ---- All of it

soak_steps=(kill kill stop stop rekey rekey reload reload reload reload down outage outage plain stall impair impair look look)

soak_step() {
	local started name
	draw ${#soak_steps[@]}
	name=${soak_steps[$drawn]}
	started=$(tenths)
	soak_what=$name soak_took=-1
	step_$name
	local lasted=$(($(tenths) - started))
	soak_recover "$soak_what"
	printf '%s\t%s\t%s\t%s\t%s\n' "$EPOCHREALTIME" "$name" "$lasted" "$soak_took" "$soak_what" >>"$soak_out/steps"
	draw_pause 2
}

# What the wire has done until now; its counters begin anew with each impairment.
declare -gA soak_impaired=([lost]=0 [doubled]=0 [delayed]=0 [damaged]=0)
lossy_count_all() {
	local kind name
	while read -r name count; do
		kind=${name%%-*}
		[ -z "${soak_impaired[$kind]:-}" ] || soak_impaired[$kind]=$((soak_impaired[$kind] + count))
	done < <(lab_in between nft -j list counters | /usr/bin/python3 -c '
import json, sys
for one in json.load(sys.stdin)["nftables"]:
    if "counter" in one:
        print(one["counter"]["name"], one["counter"]["packets"])')
}

soak_clear() {
	lossy_count_all
	lossy_set 0 0 0 0
	soak_absent=() soak_strangers=() soak_extra=() soak_noflow=() soak_dscp=() soak_dpd=()
	local side
	for side in "${soak_sides[@]}"; do must "reload $side" soak_reload "$side"; done
	soak_recover "everything as at first"
}
