# A wire that loses, doubles, delays and damages, for the tests that source it after lab.sh. A bridge stands between the
# gateways:
#
#   alpha ═══ port-alpha ─┬─────────┬─ port-beta ═══ beta
#                         └─ slow1 ─┘
#
#   lossy_bridge GATEWAY...     after lab_up, before lab_start: puts it in the place of the cable; a good one at first
#   lossy_set LOST DOUBLED DELAYED DAMAGED    of a thousand frames; counters begin anew
#   lossy_wire PERCENT          both, for alpha and beta: PERCENT are lost, doubled, delayed; none is damaged
#   lossy_count NAME            how many frames: from-alpha (all that came), lost-alpha, doubled-alpha, the same with -beta;
#                               of all together delayed, damaged, waited (behind another), queue-lost
#
# What is doubled is copied straight to the port of the gateway that it is for. What is delayed goes by slow0, whose queue lets
# 8 Mbit/s pass and holds what takes it 30 ms, to slow1 and back into the bridge behind many that came later, but fewer than
# a replay window. What is damaged has a wrong byte in what is sealed, of ESP or IKE.

lossy_bridge() { # GATEWAY...
	local ns side port
	lossy_sides=("$@")
	lab_add_ns between
	lab_names+=(between)
	lab_add_cable between slow0 between slow1
	ns=$(lab_ns between)
	ip -n "$ns" link add bridge type bridge mcast_snooping 0
	ip -n "$ns" link set bridge up
	for side in "$@"; do
		ip -n "$(lab_ns "$side")" link del wire0 2>/dev/null || true
		lab_add_cable "$side" wire0 between "port-$side"
	done
	for port in "${@/#/port-}" slow1; do
		ip -n "$ns" link set "$port" master bridge
	done
	# Nothing is to be learnt from frames that come by a detour, and none is sent into it by the bridge.
	lab_in between bridge link set dev slow1 learning off flood off mcast_flood off bcast_flood off
	lab_in between tc qdisc add dev slow0 root tbf rate 8mbit burst 2000 limit 30000
	lossy_set 0 0 0 0
}

lossy_wire() { # PERCENT
	lossy_bridge alpha beta
	lossy_set $(($1 * 10)) $(($1 * 10)) $(($1 * 10)) 0
}

lossy_set() { # LOST DOUBLED DELAYED DAMAGED
	{
		echo "add table netdev lossy; delete table netdev lossy"
		lossy_rules "$@"
	} | lab_in between nft -f -
}

lossy_mac() { ip -n "$(lab_ns "$1")" -br link show dev wire0 | awk '{ print $3 }'; } # GATEWAY

# The last bytes of the headers and IV are before the 32nd of UDP's.
lossy_rules() { # LOST DOUBLED DELAYED DAMAGED
	local side other
	echo "table netdev lossy {"
	echo "counter delayed { }"
	echo "counter damaged { }"
	for side in "${lossy_sides[@]}"; do
		cat <<-NFT
			counter from-$side { }
			counter lost-$side { }
			counter doubled-$side { }
			chain from-$side {
				type filter hook ingress device "port-$side" priority 0;
				counter name "from-$side"
				numgen random mod 1000 < $1 counter name "lost-$side" drop
		NFT
		for other in "${lossy_sides[@]}"; do
			[ "$side" = "$other" ] ||
				echo "ether daddr $(lossy_mac "$other") numgen random mod 1000 < $2 counter name \"doubled-$side\" dup to \"port-$other\""
		done
		cat <<-NFT
				udp dport 4500 numgen random mod 1000 < $4 @th,256,8 set 0x5a counter name "damaged"
				numgen random mod 1000 < $3 counter name "delayed" fwd to "slow0"
			}
		NFT
	done
	echo "}"
}

lossy_count() { # NAME
	case $1 in
	waited) lossy_queue overlimits ;;
	queue-lost) lossy_queue drops ;;
	*) lab_in between nft -j list counters | python3 -c '
import json, sys
print(sum(one["counter"]["packets"] for one in json.load(sys.stdin)["nftables"]
          if one.get("counter", {}).get("name") == sys.argv[1]))' "$1" ;;
	esac
}

lossy_queue() { # FIELD
	lab_in between tc -s -j qdisc show dev slow0 | python3 -c "import json, sys; print(json.load(sys.stdin)[0]['$1'])"
}
