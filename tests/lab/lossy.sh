# A wire that loses, doubles and delays, for the tests that source it after lab.sh. A bridge stands between the gateways:
#
#   alpha ═══ port-a ─┬─────────┬─ port-b ═══ beta
#                     └─ slow1 ─┘
#
#   lossy_wire PERCENT          after lab_up, before lab_start: puts it in the place of the cable
#   lossy_count NAME            how many frames: from-a (all that came), lost-a, doubled-a, the same with -b; of both sides
#                               delayed, waited (behind another), queue-lost
#
# Of every frame that comes, PERCENT are copied straight to the other side, PERCENT go by slow0, whose queue lets 8 Mbit/s
# pass and holds what takes it 30 ms, to slow1 and back into the bridge behind many that came later, but fewer than a replay
# window; and PERCENT of the others are dropped.

lossy_wire() { # PERCENT
	local ns port
	ip -n "$(lab_ns alpha)" link del wire0
	lab_add_ns between
	lab_names+=(between)
	lab_add_cable alpha wire0 between port-a
	lab_add_cable beta wire0 between port-b
	lab_add_cable between slow0 between slow1
	ns=$(lab_ns between)
	ip -n "$ns" link add bridge type bridge mcast_snooping 0
	ip -n "$ns" link set bridge up
	for port in port-a port-b slow1; do
		ip -n "$ns" link set "$port" master bridge
	done
	# Nothing is to be learnt from frames that come by a detour, and none is sent into it by the bridge.
	lab_in between bridge link set dev slow1 learning off flood off mcast_flood off bcast_flood off
	lab_in between tc qdisc add dev slow0 root tbf rate 8mbit burst 2000 limit 30000
	lossy_rules "$1" | lab_in between nft -f -
}

lossy_rules() { # PERCENT
	local side other
	echo "table netdev lossy {"
	echo "counter delayed { }"
	for side in a b; do
		[ $side = a ] && other=b || other=a
		cat <<-NFT
			counter from-$side { }
			counter doubled-$side { }
			chain from-$side {
				type filter hook ingress device "port-$side" priority 0;
				counter name "from-$side"
				numgen random mod 100 < $1 counter name "doubled-$side" dup to "port-$other"
				numgen random mod 100 < $1 counter name "delayed" fwd to "slow0"
			}
		NFT
	done
	echo "}"
	cat <<-NFT
		table bridge lossy {
			counter lost-a { }
			counter lost-b { }
			chain forward {
				type filter hook forward priority 0;
				iifname "port-a" numgen random mod 100 < $1 counter name "lost-a" drop
				iifname "port-b" numgen random mod 100 < $1 counter name "lost-b" drop
			}
		}
	NFT
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
