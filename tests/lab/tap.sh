# TAP for the laboratory's tests; source it. A case is a command (mostly a function): it passes when that returns 0, and
# what it printed is shown when it does not.

export LC_ALL=C.UTF-8 # what other programs print is read here
tap_count=0
tap_failed=0

tap_case() { # NAME COMMAND...
	local name=$1 output
	shift
	tap_count=$((tap_count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_count - $name"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $name"
		tap_note "$output"
	fi
}

tap_note() { printf '%s\n' "$1" | tail -n 25 | sed 's/^/# /'; }

tap_finish() {
	echo "1..$tap_count"
	[ $tap_failed = 0 ]
}

# The laboratory needs root and a built gateway.
tap_need_lab() {
	local root
	root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	if [ "$(id -u)" != 0 ]; then
		echo "1..0 # SKIP network namespaces need root"
		exit 0
	fi
	SEALANE=${SEALANE_BUILD:-$root/build}/app/sealane
	if [ ! -x "$SEALANE" ]; then
		echo "Bail out! $SEALANE is missing: build it first (ninja -C build)"
		exit 1
	fi
	# shellcheck source=../../scripts/lab.sh
	. "$root/scripts/lab.sh"
}

tap_start_lab() {
	lab_up
	tap_start_gateways
}

# Both gateways up, or the logs and the end.
tap_start_gateways() {
	lab_start beta
	lab_start alpha
	tap_case "the link comes up" tap_both_up 15
	if [ $tap_failed -gt 0 ]; then
		tap_logs
		echo "Bail out! there is nothing to test without a link"
		exit 1
	fi
}

tap_both_up() { lab_wait_up alpha "$1" && lab_wait_up beta "$1"; } # SECONDS

# Every packet that came to a gateway left it, or is counted under one reason.
tap_accounts() {
	local side
	for side in alpha beta; do
		tap_case "$side accounts for every packet" \
			"$(dirname "${BASH_SOURCE[0]}")/accounting.py" "$SEALANE" "$(lab_gateway "$side")"
	done
}

tap_logs() {
	local side
	for side in alpha beta; do
		tap_note "--- log of $side"
		tap_note "$(tail -n 20 "$lab_dir/$side/log")"
	done
}
