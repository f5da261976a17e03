#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures Sealane beside its peers on this machine, and writes a report with tables and plots.
#
#   scripts/bench.sh                  everything; about twenty minutes on two cores
#   scripts/bench.sh --quick          few points, once: under two minutes, to see that it works
#   scripts/bench.sh --output DIR     where the report goes (default: bench-results)
#
# Installs what is missing (scripts/setup.sh; that part needs root) and builds; measuring needs no root. The report is
# report.md, its plots *.svg, and report.json with every figure, its quartiles and its command. Bench on a machine that
# does nothing else: what is measured while it does is dropped, and when too little is left the table has a dash.
set -euo pipefail
export LC_ALL=C.UTF-8 # what other programs print is read here

usage() { sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

output=bench-results quick=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=(--quick) ;;
	--output)
		[ $# -ge 2 ] || { echo "bench.sh: --output needs a folder" >&2 && exit 2; }
		output=$2
		shift
		;;
	-h | --help) usage && exit 0 ;;
	*) echo "bench.sh: unknown argument '$1'; expected --quick or --output DIR" >&2 && exit 2 ;;
	esac
	shift
done
output=$(realpath -m "$output")

# Commands in the report are relative to the tree, for whoever wants to repeat one.
cd "$(dirname "$0")/.."
build=${SEALANE_BUILD:-build}
scripts/setup.sh
[ -e "$build/build.ninja" ] || meson setup "$build"
ninja -C "$build"
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 perf/compare.py "$build" "$output" "${quick[@]}"
