# A laboratory of four network namespaces on one machine, for tests/lab and scripts/demo.sh. Source it as root; it only
# defines functions. Nothing outside the namespaces is touched.
#
#   host-a ──────────── alpha ══════════════ beta ──────────── host-b
#   10.1.0.9    10.1.0.1     192.0.2.1  192.0.2.2     10.2.0.1    10.2.0.9
#     eth0 ─ veth ─ plain0      wire0 ─ veth ─ wire0     plain0 ─ veth ─ eth0
#
#   lab_open NAME...             makes namespaces, and a folder $lab_dir; nothing in them yet
#   lab_up                       the whole picture above: lab_open, cables, addresses, keys and configurations
#   lab_dual                     after it: IPv6 inside too, fd00:1::9 and fd00:2::9, and what lab_wire says outside
#   lab_down                     ends every process in the namespaces and removes all of it; safe at any moment
#   lab_in NAME COMMAND...       runs a command in the namespace of host-a, alpha, beta or host-b
#   lab_start SIDE [OPTION...]   starts the gateway alpha or beta; its log is $lab_dir/SIDE/log
#   lab_wait_up SIDE SECONDS     waits until its link is up
#   lab_kill SIDE, lab_stop SIDE by SIGKILL; by SIGTERM, with the gateway's exit status
#   lab_show SIDE WHAT [--json]  sealane show
#   lab_capture FILE [BYTES]     records the wire from now on; BYTES of a frame, all by default
#   lab_capture_end              ends that; the file is complete
#   lab_web DIR [NAME]           a web server (nginx) on host-b, port 80; or where else 10.2.0.9 is
#   lab_iperf_server [NAME]      an iperf3 server there
#
# Set SEALANE to the gateway's program before. Settings of a gateway, by side:
declare -gA lab_workers=() # 1
declare -gA lab_queues=()  # of each of its ports: 1
lab_peer=                  # more lines for its [peer]; of both sides
lab_wire=${lab_wire:-ipv4} # or ipv6, of the network between the gateways
lab_nice=0                 # of both: below 0 they go before other programs, in the place of cores of their own
lab_memory=256             # MiB of each

lab_names=()
lab_plain_mtu=1400

# Unique by the shell's process id: two labs may be up at once.
lab_ns() { echo "sealane-$$-$1"; }
lab_gateway() { echo "$1.example"; }

lab_in() {
	local name=$1
	shift
	ip netns exec "$(lab_ns "$name")" "$@"
}

# ---- Up and down -----------------------------------------------------------------------------------------------------

# A namespace that sends nothing by itself: without IPv6 there are no router solicitations on the wire.
lab_add_ns() { # NAME
	local ns
	ns=$(lab_ns "$1")
	ip netns add "$ns"
	lab_in "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	ip -n "$ns" link set lo up
}

lab_add_cable() { # NAME PORT NAME PORT
	ip -n "$(lab_ns "$1")" link add "$2" type veth peer name "$4" netns "$(lab_ns "$3")"
	lab_prepare_port "$1" "$2"
	lab_prepare_port "$3" "$4"
}

# What leaves a veth must be a whole packet: the kernel would leave its checksum or its cutting to the next device, and
# a program that reads raw frames there sees the packet unfinished.
lab_prepare_port() { # NAME PORT
	lab_in "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null
	ip -n "$(lab_ns "$1")" link set "$2" up
}

# Only hosts have addresses. The gateways' ports have none, or the kernel would answer for them.
lab_add_host() { # NAME ADDRESS GATEWAY
	local ns
	ns=$(lab_ns "$1")
	ip -n "$ns" link set eth0 mtu "$lab_plain_mtu"
	ip -n "$ns" addr add "$2/16" dev eth0
	ip -n "$ns" route add default via "$3"
}

lab_open() { # NAME...
	local name
	lab_names=("$@")
	lab_dir=$(mktemp -d /tmp/sealane-lab.XXXXXX)
	# DPDK keeps its sockets there, and `sealane show` looks there for them: other gateways stay out of sight.
	export RUNTIME_DIRECTORY=$lab_dir/run
	mkdir "$RUNTIME_DIRECTORY"
	for name in "${lab_names[@]}"; do
		lab_add_ns "$name"
	done
}

lab_up() {
	lab_open host-a alpha beta host-b
	lab_add_cable host-a eth0 alpha plain0
	lab_add_cable alpha wire0 beta wire0
	lab_add_cable beta plain0 host-b eth0
	lab_add_host host-a 10.1.0.9 10.1.0.1
	lab_add_host host-b 10.2.0.9 10.2.0.1
	lab_make_key alpha
	lab_make_key beta
	lab_configure alpha beta 192.0.2.1 192.0.2.2 10.1.0.1 10.2.0.0/16
	lab_configure beta alpha 192.0.2.2 192.0.2.1 10.2.0.1 10.1.0.0/16
}

# The configurations of both sides are changed by a sed script.
lab_edit() { sed -i "$1" "$lab_dir"/{alpha,beta}/sealane.conf; } # SCRIPT

lab_dual() {
	lab_add_host6 host-a fd00:1::9 fd00:1::1
	lab_add_host6 host-b fd00:2::9 fd00:2::1
	lab_edit 's|10\.1\.0\.1/16$|10.1.0.1/16, fd00:1::1/64|; s|10\.2\.0\.1/16$|10.2.0.1/16, fd00:2::1/64|
		/^prefixes/ s|10\.1\.0\.0/16|10.1.0.0/16, fd00:1::/64|; /^prefixes/ s|10\.2\.0\.0/16|10.2.0.0/16, fd00:2::/64|'
	[ "$lab_wire" = ipv4 ] ||
		lab_edit 's|192\.0\.2\.\([12]\)/24|2001:db8::\1/64|; /^endpoint/ s|192\.0\.2\.\([12]\)|2001:db8::\1|'
}

# No duplicate address detection: the address is good at once. With ::1, by which programs tell whether a host has IPv6.
lab_add_host6() { # NAME ADDRESS GATEWAY
	local ns
	ns=$(lab_ns "$1")
	lab_in "$1" sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0
	ip -n "$ns" addr add "$2/64" dev eth0 nodad
	ip -n "$ns" route add default via "$3"
}

lab_down() {
	local name ns
	[ -n "${lab_dir:-}" ] || return 0
	for name in "${lab_names[@]}"; do
		ns=$(lab_ns "$name")
		[ -e "/run/netns/$ns" ] || continue
		lab_end_all "$ns"
		ip netns del "$ns"
	done
	rm -rf "$lab_dir"
	lab_dir=
}

# Everything that runs in the namespace was started here. First politely. Who has ended by itself meanwhile is no failure.
lab_end_all() { # NAMESPACE
	ip netns pids "$1" | xargs -r kill 2>/dev/null || true
	for _ in {1..30}; do
		[ -n "$(ip netns pids "$1")" ] || return 0
		sleep 0.1
	done
	ip netns pids "$1" | xargs -r kill -9 2>/dev/null || true
}

# A process in the background is started by `ip netns exec` itself, not by lab_in: then $! is its own process id.

# ---- Gateways --------------------------------------------------------------------------------------------------------

lab_make_key() { # SIDE
	mkdir "$lab_dir/$1"
	(umask 077 && "$SEALANE" genkey >"$lab_dir/$1/gateway.key")
	"$SEALANE" pubkey <"$lab_dir/$1/gateway.key" >"$lab_dir/$1/gateway.pub"
}

lab_configure() { # SIDE PEER WIRE-ADDRESS PEER'S-WIRE-ADDRESS PLAIN-ADDRESS PEER'S-PREFIXES
	cat >"$lab_dir/$1/sealane.conf" <<-CONF
		[gateway]
		name        = $(lab_gateway "$1")
		private-key = gateway.key

		[wire]
		port    = net_af_packet0
		address = $3/24

		[plain]
		port    = net_af_packet1
		address = $5/16

		[peer $(lab_gateway "$2")]
		public-key = $(cat "$lab_dir/$2/gateway.pub")
		endpoint   = $4
		prefixes   = $6
		$lab_peer
	CONF
}

# DPDK bypasses the queueing layer by default; a capture would then miss what the gateway sends.
lab_vdev() { # SIDE NUMBER NETDEV
	echo "--vdev=net_af_packet$2,iface=$3,qpairs=${lab_queues[$1]:-1},qdisc_bypass=0,blocksz=65536,framesz=2048,framecnt=2048"
}

lab_cpus() { taskset -cp $BASHPID | sed 's/.*: //'; }

# An lcore is a thread, here on any processor: idle workers sleep, so there may be more of them than processors.
lab_lcores() { # SIDE
	local cpus
	cpus=$(lab_cpus)
	seq -f "%.0f@($cpus)" -s , 0 "${lab_workers[$1]:-1}"
}

lab_start() { # SIDE [OPTION-OF-RUN...]
	local side=$1
	shift
	nice -n "$lab_nice" ip netns exec "$(lab_ns "$side")" "$SEALANE" run "$lab_dir/$side/sealane.conf" "$@" -- \
		--no-huge -m "$lab_memory" --no-pci --lcores "$(lab_lcores "$side")" \
		"$(lab_vdev "$side" 0 wire0)" "$(lab_vdev "$side" 1 plain0)" \
		</dev/null >/dev/null 2>>"$lab_dir/$side/log" &
	echo $! >"$lab_dir/$side/pid"
}

lab_show() { # SIDE WHAT [--json]
	local side=$1
	shift
	timeout 10 "$SEALANE" show "$@" --gateway "$(lab_gateway "$side")"
}

lab_is_up() { lab_show "$1" peers --json 2>/dev/null | grep -q '"state": *"up"'; }

lab_wait_up() { # SIDE SECONDS
	local deadline=$((SECONDS + $2))
	until lab_is_up "$1"; do
		if ! kill -0 "$(cat "$lab_dir/$1/pid")" 2>/dev/null; then
			echo "gateway $1 has ended. The last that it said:" >&2
			tail -n 5 "$lab_dir/$1/log" >&2
			return 1
		fi
		if [ $SECONDS -ge $deadline ]; then
			echo "the link of gateway $1 is not up after $2 s" >&2
			return 1
		fi
		sleep 0.1
	done
}

# What it had open is free when this returns, also when another shell has started it.
lab_kill() { # SIDE
	local pid
	pid=$(cat "$lab_dir/$1/pid")
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	for _ in {1..100}; do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.05
	done
}

lab_stop() { # SIDE
	kill "$(cat "$lab_dir/$1/pid")" && wait "$(cat "$lab_dir/$1/pid")"
}

# ---- Witnesses and programs ------------------------------------------------------------------------------------------

lab_capture() { # FILE [BYTES]
	ip netns exec "$(lab_ns alpha)" tcpdump -i wire0 -Z root -U -s "${2:-0}" -B 65536 -w "$1" >/dev/null 2>"$lab_dir/tcpdump.log" &
	lab_capture_pid=$!
	lab_wait_for "tcpdump listens" 5 grep -q "listening on" "$lab_dir/tcpdump.log"
}

lab_capture_end() {
	sleep 0.5
	kill "$lab_capture_pid"
	wait "$lab_capture_pid" || true
}

lab_wait_for() { # WHAT SECONDS COMMAND...
	local what=$1 deadline=$((SECONDS + $2))
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $deadline ]; then
			echo "not in time: $what" >&2
			return 1
		fi
		sleep 0.1
	done
}

lab_listens() { lab_in "$1" ss -Hltn "sport = :$2" | grep -q .; } # NAME PORT

lab_web() { # DIR [NAME]
	local name=${2:-host-b}
	cat >"$lab_dir/nginx.conf" <<-CONF
		daemon off;
		master_process off;
		user root;
		pid $lab_dir/nginx.pid;
		error_log stderr;
		events { }
		http {
			access_log off;
			sendfile on;
			server { listen 10.2.0.9:80; root $1; }
		}
	CONF
	ip netns exec "$(lab_ns "$name")" nginx -e stderr -p "$lab_dir" -c "$lab_dir/nginx.conf" 2>"$lab_dir/nginx.log" &
	lab_wait_for "nginx listens" 5 lab_listens "$name" 80
}

lab_iperf_server() { # [NAME]
	local name=${1:-host-b}
	ip netns exec "$(lab_ns "$name")" iperf3 -s >"$lab_dir/iperf3.log" 2>&1 &
	lab_wait_for "iperf3 listens" 5 lab_listens "$name" 5201
}
