#!/usr/bin/env bash
# Who may ask a gateway that root runs: members of its group, and nobody else. As root; needs no network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"

group=users # which is on every Debian

configure() { # LINE-OF-[gateway]
	"$SEALANE" genkey >"$lab_dir/alpha.key" 2>/dev/null
	chmod 600 "$lab_dir/alpha.key"
	cat >"$lab_dir/alpha.conf" <<CONF
[gateway]
name = alpha.example
private-key = alpha.key
$1

[wire]
port = net_null0
address = 192.0.2.1/24

[plain]
port = net_null1
address = 10.1.0.1/16

[peer beta.example]
public-key = 6n6wIq0ESFdAU3sYobQPqhCsy+Ixn4AkvHwvbMVoSqs=
prefixes = 10.2.0.0/16
CONF
}

# net_null gives packets without end, of zeros: the gateway is busy, but answers.
start() {
	"$SEALANE" run "$lab_dir/alpha.conf" -- --no-huge -m 256 --no-pci --lcores "$(lab_lcores alpha)" \
		--vdev=net_null0,no-rx=1 --vdev=net_null1,no-rx=1 </dev/null >/dev/null 2>>"$lab_dir/log" &
	echo $! >"$lab_dir/alpha/pid"
	lab_wait_for "the gateway answers" 15 root_sees
}

root_sees() { "$SEALANE" show 2>&1 | grep "^gateway: alpha.example"; }

as_nobody() { # GROUPS COMMAND...: with these supplementary groups, or none
	local groups=--clear-groups
	[ -z "$1" ] || groups=--groups=$1
	shift
	setpriv --reuid=nobody --regid=nogroup "$groups" "$@"
}

member_sees() { as_nobody "$group" "$SEALANE" show --json | grep '"name": "alpha.example"'; }

refused() { # GROUPS WHO
	! as_nobody "$1" "$SEALANE" show --gateway alpha.example >"$lab_dir/out" 2>&1 &&
		grep -qx "sealane: no permission to ask the gateway in $RUNTIME_DIRECTORY/dpdk/sealane-alpha.example, \
expected to be run by root $2" "$lab_dir/out" || { cat "$lab_dir/out" && false; }
}

# Its keys and packets are for root and the gateway's own user, whatever the permissions of the socket have become.
nobody_debugs() {
	chmod 666 "$RUNTIME_DIRECTORY/dpdk/sealane-alpha.example/debug"
	! as_nobody "$group" "$SEALANE" trace --time 100ms >"$lab_dir/out" 2>&1 && grep "only root" "$lab_dir/out" ||
		{ cat "$lab_dir/out" && false; }
}

root_debugs() { "$SEALANE" trace --time 100ms; }

tap_need_lab
if ! as_nobody "" test -x "$SEALANE"; then
	echo "1..0 # SKIP nobody can run $SEALANE"
	exit 0
fi
# Without namespaces its gateway is nobody's but ours to end.
trap 'kill "$(cat "$lab_dir/alpha/pid")" 2>/dev/null || true; lab_down' EXIT
lab_open
mkdir "$lab_dir/alpha"
chmod 711 "$lab_dir"
chmod 755 "$RUNTIME_DIRECTORY"
configure "group = $group"
start
tap_case "the gateway answers root" root_sees
tap_case "a member of the group sees it" member_sees
tap_case "others do not, and are told who may" refused "" "or a member of group $group"
tap_case "nor may a member of the group look at packets" nobody_debugs
tap_case "as root may" root_debugs
lab_stop alpha
configure ""
start
tap_case "who was a member does not see it any more" refused "$group" "(or 'group = NAME' in its \[gateway\])"
lab_stop alpha
tap_finish
