#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs real applications between two hosts, behind two gateways and on a cable, and writes a table of it.
#
#   scripts/applications.sh                  everything, as root; about ten minutes on two cores
#   scripts/applications.sh --quick          one short round: two minutes, to see that it works
#   scripts/applications.sh --output DIR     where the table goes (default: applications-results)
#   scripts/applications.sh --machine TEXT   a word about the machine, for the table
#
# Installs what is missing (scripts/setup.sh) and builds. Everything runs in network namespaces (scripts/lab.sh), which
# are removed at the end, also when it is interrupted. It writes applications.md and applications.json, with all rounds.
# Ends with 1 when an application gets another result than without gateways, or when anything is on the wire in clear.
set -euo pipefail
export LC_ALL=C.UTF-8 # what other programs print is read here

usage() { sed -n '3,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

wrong() { echo "applications.sh: $1" >&2 && exit 2; }

output=applications-results rounds=5 seconds=2 quick=false machine="what else it did is not known"
command=scripts/applications.sh # what makes a difference to the figures
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=true rounds=1 seconds=1 command+=" --quick" ;;
	--output | --machine)
		[ $# -ge 2 ] || wrong "$1 needs an argument"
		declare "${1#--}=$2"
		shift
		;;
	-h | --help) usage && exit 0 ;;
	*) wrong "unknown argument '$1'; expected --quick, --output DIR or --machine TEXT" ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || wrong "network namespaces need root: sudo $command"
output=$(realpath -m "$output")

cd "$(dirname "$0")/.."
# shellcheck source=lab.sh
. scripts/lab.sh
. tests/lab/applications.sh

say() { printf '%s\n' "$1" >&2; }

install_and_build() {
	build=${SEALANE_BUILD:-build}
	scripts/setup.sh
	[ -e "$build/build.ninja" ] || meson setup "$build"
	ninja -C "$build" >/dev/null
	SEALANE=$(realpath "$build/app/sealane")
}

start() {
	lab_up
	lab_start beta
	lab_start alpha
	lab_wait_up alpha 20
	lab_wait_up beta 20
	apps_up
}

# Each over both ways, while somebody looks at the host and at the wire. {name: {same_result, at_host, on_wire}}
check() {
	local name
	apps_watch
	for name in $(apps_names); do
		say "checking $name"
		if apps check "$name" >/dev/null; then echo "$name" >>"$lab_dir/content"; fi
	done
	apps_watch_end
	apps witness "$lab_dir/host.pcap" "$lab_dir/wire.pcap" >"$lab_dir/witness.json"
	python3 - "$lab_dir/witness.json" "$lab_dir/content" >"$lab_dir/seen.json" <<-'PYTHON'
		import json, sys
		seen, content = json.load(open(sys.argv[1])), open(sys.argv[2]).read().split()
		print(json.dumps({name: {**counts, "same_result": name in content} for name, counts in seen.items()}))
	PYTHON
	rm "$lab_dir/host.pcap" "$lab_dir/wire.pcap"
}

facts() {
	local commit
	commit=$(git describe --always --dirty 2>/dev/null || echo unknown)
	python3 - "$command" "$machine" $rounds $seconds $quick "$commit" <<-'PYTHON'
		import json, sys
		command, machine, rounds, seconds, quick, commit = sys.argv[1:]
		print(json.dumps({"command": command, "machine": machine, "rounds": int(rounds), "seconds": float(seconds),
		                  "quick": quick == "true", "commit": commit}))
	PYTHON
}

all_is_well() {
	python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))["applications"]
sys.exit(any(not one["same_result"] or one["markers_on_wire"] or not one["markers_at_host"] for one in told))' \
		"$output/applications.json"
}

trap lab_down EXIT
trap 'exit 1' INT TERM
install_and_build
start
check
facts >"$lab_dir/facts.json"
# Waiting is what a signal interrupts.
apps compare "$lab_dir/seen.json" "$lab_dir/facts.json" "$output" &
wait $!
say "$output/applications.md"
all_is_well || { say "an application is not content, or was seen in clear: see the table" && exit 1; }
